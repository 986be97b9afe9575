//! `mgnet graph`: draws the picture of one network.
//!
//! The command needs no access to AWS, and with `--file` none to the cluster. Its output depends on the object only.

use std::{
    io::{self, Write as _},
    path::PathBuf,
    slice,
};

use anyhow::{Context as _, Result, bail};

use crate::{
    api::MigrationNetwork,
    cli::networks::{self, Wanted},
    graph::{self, Format},
};

/// The options of `mgnet graph`.
#[derive(clap::Args, Clone, Debug)]
pub struct GraphArgs {
    /// Name of the network
    #[arg(required_unless_present = "file")]
    name: Option<String>,

    /// Namespace of the network. By default that of the kubeconfig
    #[arg(long, short)]
    namespace: Option<String>,

    /// File with the network, as `kubectl get mgnet NAME --output=yaml` prints it, instead of the cluster; `-` for standard
    /// input
    #[arg(long, short, value_name = "FILE", conflicts_with_all = ["name", "namespace"])]
    file: Option<PathBuf>,

    /// Format to print
    #[arg(long, short, value_enum, default_value_t, value_name = "FORMAT")]
    output: Format,
}

/// Draws the network.
///
/// # Errors
/// If the network cannot be read, or a file contains several.
pub fn run(options: &GraphArgs) -> Result<()> {
    let picture = graph::draw(&read(options)?, options.output);
    io::stdout().write_all(picture.as_bytes()).context("cannot write to standard output")
}

fn read(options: &GraphArgs) -> Result<MigrationNetwork> {
    let networks = match (&options.file, &options.name) {
        (Some(file), _) => networks::from_files(slice::from_ref(file))?,
        (None, Some(name)) => networks::from_cluster(Wanted::One { namespace: options.namespace.as_deref(), name })?,
        (None, None) => bail!("name a network, or a file with '--file'"),
    };
    let count = networks.len();
    let [network] = <[MigrationNetwork; 1]>::try_from(networks).map_err(|_| {
        anyhow::anyhow!(
            "a picture shows one network, but the file contains {count}; save one with `kubectl get mgnet NAME --output=yaml`"
        )
    })?;
    Ok(network)
}
