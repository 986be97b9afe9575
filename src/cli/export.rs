//! `mgnet export`: renders the hand-off of networks, `status.onPremises`, in the formats of the on-premises teams.
//!
//! The command needs no access to AWS, and with `--file` none to the cluster. Its output depends on the objects only, so that
//! two exports of one revision are equal.

use std::{
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail, ensure};

use crate::{
    api::MigrationNetwork,
    cli::{
        invocation::Invocation,
        networks::{self, Wanted},
    },
    hand_off::{Action, Export, Files, Format, Scope, Selection},
};

/// The options of `mgnet export`.
#[derive(clap::Args, Clone, Debug)]
pub struct ExportArgs {
    /// Name of the network
    #[arg(required_unless_present_any = ["file", "class", "all_namespaces"])]
    name: Option<String>,

    /// Namespace of the networks. By default that of the kubeconfig
    #[arg(long, short)]
    namespace: Option<String>,

    /// All networks of the cluster, or with `--class` all of a class, in one export
    #[arg(long, short = 'A', conflicts_with_all = ["name", "namespace"])]
    all_namespaces: bool,

    /// All networks of this class in one export
    #[arg(long, value_name = "CLASS", conflicts_with = "name")]
    class: Option<String>,

    /// File with networks, as `kubectl get mgnet --output=yaml` prints them, instead of the cluster; `-` for standard input. It
    /// may contain a list or several documents, and the option may be repeated
    #[arg(long, short, value_name = "FILE", conflicts_with_all = ["name", "namespace", "all_namespaces"])]
    file: Vec<PathBuf>,

    /// Format to print
    #[arg(long, short, value_enum, value_name = "FORMAT", required_unless_present = "output_dir")]
    output: Option<Format>,

    /// Folder in which to write one file for each format
    #[arg(long, value_name = "FOLDER", conflicts_with = "output")]
    output_dir: Option<PathBuf>,

    /// Render what removes the entries of an export with the same options
    #[arg(long)]
    remove: bool,

    #[command(flatten)]
    scope: ScopeArgs,
}

/// What is exported of each network.
#[derive(clap::Args, Clone, Copy, Debug)]
struct ScopeArgs {
    /// Also export networks whose addresses do not exist yet: the fixed addresses, and the ranges of subnets
    #[arg(long)]
    planned: bool,

    /// Forward each bucket of MGN, but not the whole S3 domain of the Region
    #[arg(long)]
    narrow: bool,
}

/// Renders the hand-offs.
///
/// # Errors
/// If a network cannot be read or contains invalid values, none has a hand-off, or a format cannot be rendered.
pub fn run(options: &ExportArgs, invocation: &Invocation) -> Result<()> {
    let mut networks = match options.file.as_slice() {
        [] => networks::from_cluster(wanted(options))?,
        files => networks::from_files(files)?,
    };
    if let Some(class) = &options.class {
        networks.retain(|network| class_of(network) == Some(class));
        ensure!(!networks.is_empty(), "no network uses class '{class}'; `kubectl get mgnet -A` lists the networks");
    }
    let ScopeArgs { planned, narrow } = options.scope;
    let scope = Scope { planned, narrow };
    let Selection { hand_offs, left_out } = Selection::of(&networks, scope)?;
    for message in left_out {
        eprintln!("{invocation}: left out: {message}");
    }
    let export = Export::of(hand_offs, if options.remove { Action::Remove } else { Action::Add })?;
    match (&options.output_dir, options.output) {
        (Some(folder), _) => write_all(folder, &export, invocation),
        (None, Some(format)) => Ok(io::stdout().write_all(format.render(&export)?.as_bytes())?),
        (None, None) => bail!("name a format with '--output', or a folder with '--output-dir'"),
    }
}

fn wanted(options: &ExportArgs) -> Wanted<'_> {
    let namespace = options.namespace.as_deref();
    match options.name.as_deref() {
        Some(name) => Wanted::One { namespace, name },
        None if options.all_namespaces => Wanted::InAllNamespaces,
        None => Wanted::InNamespace(namespace),
    }
}

/// Returns the class in use. The spec may name another one that does not admit the network.
fn class_of(network: &MigrationNetwork) -> Option<&String> {
    let in_use = network.status.as_ref().and_then(|status| status.class_name.as_ref());
    in_use.or(network.spec.migration_network_class_name.as_ref())
}

/// Writes the files that can be rendered, and fails if one cannot.
fn write_all(folder: &Path, export: &Export, invocation: &Invocation) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("cannot create the folder '{}'", folder.display()))?;
    let Files { rendered, failed } = Files::of(export);
    for (name, text) in rendered {
        let file = folder.join(name);
        fs::write(&file, text).with_context(|| format!("cannot write '{}'", file.display()))?;
        eprintln!("{invocation}: wrote '{}'", file.display());
    }
    for (name, error) in &failed {
        let file = folder.join(name);
        let older = if file.exists() { "; the file there is of an earlier export" } else { "" };
        eprintln!("{invocation}: did not write '{}': {error:#}{older}", file.display());
    }
    let missing: Vec<&str> = failed.into_keys().collect();
    ensure!(missing.is_empty(), "these files were not written: {}", missing.join(", "));
    Ok(())
}
