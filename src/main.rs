//! The `mgnet` binary: parses the command line and runs the command.

use std::process::ExitCode;

use clap::Parser;
use mgnet::cli::Cli;

fn main() -> ExitCode {
    match Cli::parse().run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("mgnet: {error:#}");
            ExitCode::FAILURE
        }
    }
}
