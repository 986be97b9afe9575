//! `mgnet firewall-diff`: prints the change request between two states of the same networks.

use std::{
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, ensure};

use crate::{
    cli::{invocation::Invocation, networks},
    hand_off::{DiffFormat, FirewallDiff, FirewallRows},
};

/// The options of `mgnet firewall-diff`.
#[derive(clap::Args, Clone, Debug)]
pub struct FirewallDiffArgs {
    /// File with the state that the firewall has: networks as `kubectl get mgnet --output=yaml` prints them, or an export with
    /// `--output firewall-json`
    #[arg(value_name = "OLD")]
    old: PathBuf,

    /// File with the state that the firewall needs, in one of the same forms. One of both may be `-`, for standard input
    #[arg(value_name = "NEW")]
    new: PathBuf,

    /// Format to print
    #[arg(long, short, value_enum, default_value_t = DiffFormat::Csv, value_name = "FORMAT")]
    output: DiffFormat,

    /// Compare also if the files contain different networks: the rows of a network that only one of them contains are added or
    /// removed
    #[arg(long)]
    different_networks: bool,
}

/// Prints the rows to add and to remove. Without changes it prints the header only.
///
/// # Errors
/// If a file cannot be read, or the files contain different networks.
pub fn run(options: &FirewallDiffArgs, invocation: &Invocation) -> Result<()> {
    let FirewallDiffArgs { old, new, output, different_networks } = options;
    ensure!(
        old != Path::new("-") || new != Path::new("-"),
        "only one of OLD and NEW can be standard input; name a file"
    );
    let diff = FirewallDiff::of(&rows(old)?, &rows(new)?, *different_networks)?;
    if diff.is_empty() {
        eprintln!("{invocation}: no firewall rows change");
    }
    Ok(io::stdout().write_all(diff.render(*output)?.as_bytes())?)
}

fn rows(file: &Path) -> Result<FirewallRows> {
    let rows = FirewallRows::parse(&networks::read(file)?);
    rows.with_context(|| format!("'{}' cannot be compared", file.display()))
}
