//! The `lab` binary: the demo, the environment to explore, and the measured figures.

mod commands;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// A Kubernetes control plane, AWS in small, and the operator between the two.
#[derive(Parser)]
#[command(name = "lab", arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Watch one MigrationNetwork become a whole private network, and go again without a trace
    Demo,
    /// Bring the environment up and keep it running
    Up,
    /// Stop what `up` started
    Down,
    /// Hold the environment of `up`; started by it
    #[command(hide = true)]
    Hold,
    /// Measure calls, times and memory
    Bench(commands::bench::Options),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("lab: cannot start: {error}");
            return ExitCode::FAILURE;
        }
    };
    let result = runtime.block_on(async {
        match cli.command {
            Command::Demo => commands::demo::run().await,
            Command::Up => commands::up::run().await,
            Command::Down => commands::up::down(),
            Command::Hold => commands::hold::run().await,
            Command::Bench(options) => commands::bench::run(options).await,
        }
    });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\nlab: {error:#}");
            ExitCode::FAILURE
        }
    }
}
