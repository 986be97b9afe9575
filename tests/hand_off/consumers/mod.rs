//! Programs that are not ours read the exports: Ansible, Infoblox's SDK, a grammar of PowerShell, Python and curl.

mod ansible;
mod forward_zones;
mod powershell;
mod proxies;

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, ensure};
use mgnet::{
    api::{MigrationNetwork, NameUse},
    hand_off::{Action, Export, Format, HandOff},
};
use support::repository;
use tempfile::TempDir;

fn here() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/hand_off"))
}

fn network() -> Result<MigrationNetwork> {
    Ok(serde_saphyr::from_str(&fs::read_to_string(here().join("tokyo.yaml"))?)?)
}

/// Renders the hand-off of `tokyo.yaml`.
fn rendered(format: Format, action: Action) -> Result<String> {
    format.render(&Export { networks: vec![HandOff::of(&network()?)?], action })
}

/// Returns the names of source servers.
fn names() -> Result<Vec<String>> {
    let hand_off = network()?.status.and_then(|status| status.on_premises).context("the file has no hand-off")?;
    Ok(hand_off.names.into_iter().filter(|name| name.for_ == NameUse::Source).map(|name| name.name).collect())
}

/// Returns the forwarders, each with its targets.
fn forwarders() -> Result<Vec<(String, Vec<String>)>> {
    let hand_off = network()?.status.and_then(|status| status.on_premises).context("the file has no hand-off")?;
    Ok(hand_off.dns_forwarders.into_iter().map(|one| (one.domain, one.targets)).collect())
}

/// Returns a program of the virtual environment, which is installed if it is missing.
fn program(name: &str) -> Result<PathBuf> {
    let install = repository().join("tests/tools/python.sh");
    let folder = run(Command::new(install).arg(here()), "")?;
    Ok(Path::new(folder.trim_end()).join(name))
}

/// Runs a script of this folder with the packages of the virtual environment.
fn python(script: &str, input: &str) -> Result<String> {
    run(Command::new(program("python")?).arg(here().join("consumers").join(script)), input)
}

fn run(command: &mut Command, input: &str) -> Result<String> {
    let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = child.with_context(|| format!("cannot run {command:?}"))?;
    child.stdin.take().context("a pipe")?.write_all(input.as_bytes())?;
    let output = child.wait_with_output()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    ensure!(output.status.success(), "{command:?}: {text}{}", String::from_utf8_lossy(&output.stderr));
    Ok(text)
}

/// Runs a script of bash on a source server of a site without internet (`site.sh`). The working directory contains the files.
fn at_site(script: &str, files: &[(&str, String)]) -> Result<String> {
    let folder = TempDir::new()?;
    for (name, text) in files {
        fs::write(folder.path().join(name), text)?;
    }
    let mut site = Command::new("unshare");
    site.args(["--net", "--mount", "--fork", "--kill-child"]).arg(here().join("site.sh"));
    run(site.args(["bash", "-euo", "pipefail", "-c", script]).current_dir(folder.path()), "")
}
