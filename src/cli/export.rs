//! `mgnet export`: renders the hand-off of a network, `status.onPremises`, in the formats of the on-premises teams.
//!
//! The command needs no access to AWS, and with `--file` none to the cluster. Its output depends on the object only, so that
//! two exports of one revision are equal.

use std::{
    fs,
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail};
use clap::ValueEnum;
use kube::{Api, Client};

use crate::{
    api::MigrationNetwork,
    cli::cluster,
    hand_off::{Action, Export, Format, HandOff},
};

/// The options of `mgnet export`.
#[derive(clap::Args, Clone, Debug)]
pub struct ExportArgs {
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
    #[arg(long, short, value_enum, value_name = "FORMAT", required_unless_present = "output_dir")]
    output: Option<Format>,

    /// Folder in which to write one file for each format
    #[arg(long, value_name = "FOLDER", conflicts_with = "output")]
    output_dir: Option<PathBuf>,
}

/// Renders the hand-off.
///
/// # Errors
/// If the network cannot be read, has no hand-off yet, or has one that contains invalid values.
pub fn run(options: &ExportArgs) -> Result<()> {
    let network = match &options.file {
        Some(file) => from_file(file)?,
        None => from_cluster(options)?,
    };
    let export = Export { networks: vec![HandOff::of(&network)?], action: Action::Add };
    match (&options.output_dir, options.output) {
        (Some(folder), _) => write_all(folder, &export),
        (None, Some(format)) => Ok(io::stdout().write_all(format.render(&export)?.as_bytes())?),
        (None, None) => bail!("name a format with '--output', or a folder with '--output-dir'"),
    }
}

fn write_all(folder: &Path, export: &Export) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("cannot create the folder '{}'", folder.display()))?;
    for format in Format::value_variants() {
        let file = folder.join(format.file_name());
        fs::write(&file, format.render(export)?).with_context(|| format!("cannot write '{}'", file.display()))?;
        eprintln!("mgnet: wrote '{}'", file.display());
    }
    Ok(())
}

fn from_file(file: &Path) -> Result<MigrationNetwork> {
    let name = file.display();
    let mut text = String::new();
    if file == Path::new("-") {
        io::stdin().read_to_string(&mut text).context("cannot read standard input")?;
    } else {
        text = fs::read_to_string(file).with_context(|| format!("cannot read '{name}'"))?;
    }
    serde_saphyr::from_str(&text).with_context(|| {
        format!("'{name}' does not contain a MigrationNetwork; save one with `kubectl get mgnet NAME --output=yaml`")
    })
}

fn from_cluster(options: &ExportArgs) -> Result<MigrationNetwork> {
    rustls::crypto::aws_lc_rs::default_provider()
        .install_default()
        .map_err(|_| anyhow::anyhow!("another TLS provider is already installed in this process"))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let config = cluster::config().await?;
        let namespace = options.namespace.clone().unwrap_or_else(|| config.default_namespace.clone());
        let client = Client::try_from(config).context("cannot create a client for the Kubernetes cluster")?;
        let name = options.name.as_deref().unwrap_or_default();
        let networks = Api::<MigrationNetwork>::namespaced(client, &namespace);
        networks.get(name).await.with_context(|| format!("cannot read network '{name}' in namespace '{namespace}'"))
    })
}
