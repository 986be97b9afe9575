//! The command line of `mgnet`: one file for each subcommand.

mod aws;
mod cluster;
pub mod completion;
pub mod controller;
pub mod crds;
pub mod export;
pub mod firewall_diff;
pub mod graph;
mod invocation;
mod logging;
mod networks;
pub mod orphans;

use anyhow::Result;
use clap::{Parser, Subcommand};

pub use self::invocation::Invocation;

/// Creates and maintains the private AWS network of a server migration
#[derive(Parser, Clone, Debug)]
#[command(name = "mgnet", version)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Clone, Debug)]
enum Command {
    /// Run the operator in the cluster of the kubeconfig, or in the cluster of its own pod
    Controller(controller::ControllerArgs),
    /// Print the custom resource definitions
    Crds(crds::CrdsArgs),
    /// Render the hand-off of networks in the formats of the on-premises teams
    Export(export::ExportArgs),
    /// Print the firewall rows to add and to remove between two states of networks
    FirewallDiff(firewall_diff::FirewallDiffArgs),
    /// Draw a network as a picture, from its object
    Graph(graph::GraphArgs),
    /// List orphaned AWS resources, and delete selected ones
    Orphans(orphans::OrphansArgs),
    /// Print a script that completes the command line
    Completion(completion::CompletionArgs),
    /// Print the candidates for the last word of a command line
    #[command(hide = true)]
    Complete(completion::CompleteArgs),
}

impl Cli {
    /// Runs the command. Texts for users contain the name by which they run the program.
    pub fn run(self, invocation: &Invocation) -> Result<()> {
        match self.command {
            Command::Controller(options) => controller::run(&options),
            Command::Crds(options) => crds::run(&options),
            Command::Export(options) => export::run(&options, invocation),
            Command::FirewallDiff(options) => firewall_diff::run(&options, invocation),
            Command::Graph(options) => graph::run(&options),
            Command::Orphans(options) => orphans::run(&options),
            Command::Completion(options) => completion::run(&options, invocation),
            Command::Complete(options) => completion::complete(&options),
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
