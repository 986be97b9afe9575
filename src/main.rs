//! The `mgnet` binary: parses the command line and runs the command.

use std::process::ExitCode;

use mgnet::cli::Invocation;

fn main() -> ExitCode {
    let invocation = Invocation::of_this_process();
    match invocation.parse().run(&invocation) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{invocation}: {error:#}");
            ExitCode::FAILURE
        }
    }
}
