//! The `lab` binary: the demo, the environment to explore, and the measured figures.

mod commands;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// A Kubernetes control plane, an AWS emulator, and the operator that uses both.
#[derive(Parser)]
#[command(name = "lab", arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Create one MigrationNetwork, watch its private network being built, and delete it without a trace
    Demo,
    /// Start the environment and keep it running
    Up,
    /// Stop the environment that `up` started
    Down,
    /// Run the environment of `up`; started by `up` itself
    #[command(hide = true)]
    Hold,
    /// Measure calls, times and memory
    Bench(commands::bench::BenchArguments),
    /// Measure the memory of the operator with many networks
    Memory(commands::memory::MemoryArguments),
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
            Command::Memory(options) => commands::memory::run(options).await,
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
