//! The emulator as a standalone program.

use std::net::SocketAddr;

use anyhow::Context as _;
use clap::{Parser, ValueEnum};
use emulator::{
    Clock, Server, ServerOptions,
    world::options::{Delays, Options},
};
use tokio::sync::oneshot;

/// A strict model of AWS (EC2, MGN, Route 53, Route 53 Resolver, STS) for tests and demonstrations.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// The address to listen on; port 0 chooses a free port.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// The source of world time: `manual` (only `POST /_world/advance`) or `wall`.
    #[arg(long, default_value = "wall")]
    clock: Clock,
    /// The seconds of world time that pass per real second of the wall clock.
    #[arg(long, default_value_t = 1.0)]
    speed: f64,
    /// Whether background work takes about as long as in AWS, or no time.
    #[arg(long, value_enum, default_value = "aws")]
    delays: DelaysName,
    /// Whether calls are throttled by token buckets.
    #[arg(long, value_enum, default_value = "on")]
    throttle: Switch,
    /// The maximum page size of all lists, whatever a caller requests.
    #[arg(long)]
    max_page: Option<u32>,
    /// Stop when standard input is closed, so that the program ends with its parent process.
    #[arg(long)]
    until_stdin_closes: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum DelaysName {
    None,
    Aws,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Switch {
    On,
    Off,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
        .with_writer(std::io::stderr)
        .init();
    let arguments = Arguments::parse();
    let clock = match arguments.clock {
        Clock::Manual => Clock::Manual,
        Clock::Wall { .. } => Clock::Wall { speed: arguments.speed },
    };
    let delays = match arguments.delays {
        DelaysName::None => Delays::none(),
        DelaysName::Aws => Delays::aws(),
    };
    let world = Options {
        delays,
        throttling: arguments.throttle == Switch::On,
        max_page: arguments.max_page,
        ..Options::default()
    };
    let options = ServerOptions { listen: arguments.listen, clock, world };
    let mut server = Server::start(options).await.with_context(|| format!("listening on {}", arguments.listen))?;
    println!("listening on {}", server.url());
    tokio::select! {
        outcome = server.wait() => outcome.context("serving"),
        signal = tokio::signal::ctrl_c() => signal.context("waiting for a signal"),
        () = stdin_closed(), if arguments.until_stdin_closes => Ok(()),
    }
}

/// A thread waits for the end of standard input: tokio's `stdin` would enable a feature of a dependency of the SDK,
/// which would then be compiled twice.
async fn stdin_closed() {
    let (closed, wait) = oneshot::channel::<()>();
    std::thread::spawn(move || {
        let outcome = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
        tracing::debug!(?outcome, "standard input is closed");
        drop(closed);
    });
    // The sender is never used, only dropped.
    let _closed = wait.await;
}
