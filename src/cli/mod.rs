//! The command line: one file a verb.

pub mod controller;
pub mod crds;
mod logging;
pub mod orphans;

use anyhow::Result;
use clap::{Parser, Subcommand};

/// Builds and keeps the private AWS network of a server migration
#[derive(Parser, Clone, Debug)]
#[command(name = "mgnet", version)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Clone, Debug)]
enum Command {
    /// Run the operator against the cluster of the kubeconfig, or the one it runs in
    Controller(controller::ControllerArgs),
    /// Print the custom resource definitions
    Crds(crds::CrdsArgs),
    /// List what networks that are gone have left in AWS, and remove what is named of it
    Orphans(orphans::OrphansArgs),
}

impl Cli {
    /// Runs the command.
    pub fn run(self) -> Result<()> {
        match self.command {
            Command::Controller(options) => controller::run(&options),
            Command::Crds(options) => crds::run(&options),
            Command::Orphans(options) => orphans::run(&options),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
