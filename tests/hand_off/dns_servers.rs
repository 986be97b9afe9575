//! Real DNS servers without internet load the exported files: every name resolves to the addresses of the endpoints, other
//! names do not change, and the removal of the files restores the former state.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use mgnet::api::{MigrationNetwork, NameUse};
use tempfile::TempDir;

/// A name of the company, which the server answers itself.
const OWN: &str = "intra.corp.example";

/// The files that the servers load.
const FILES: [&str; 4] = ["bind-zones.conf", "bind-options.conf", "unbound.conf", "dnsmasq.conf"];

fn here() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/hand_off"))
}

fn run(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("cannot run {command:?}"))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    ensure!(output.status.success(), "{command:?}: {text}{}", String::from_utf8_lossy(&output.stderr));
    Ok(text)
}

/// The names of source servers in `tokyo.yaml`, each with its addresses.
fn names() -> Result<Vec<(String, Vec<String>)>> {
    let network: MigrationNetwork = serde_saphyr::from_str(&fs::read_to_string(here().join("tokyo.yaml"))?)?;
    let hand_off = network.status.and_then(|status| status.on_premises).context("the file has no hand-off")?;
    let sources = hand_off.names.into_iter().filter(|name| name.for_ == NameUse::Source);
    let names: Vec<_> = sources.map(|name| (name.name, name.addresses)).collect();
    ensure!(names.len() == 7, "{names:?}");
    Ok(names)
}

/// Exports all formats, and returns their folder.
fn export() -> Result<TempDir> {
    let folder = TempDir::new()?;
    let mut export = Command::new(env!("CARGO_BIN_EXE_mgnet"));
    run(export.arg("export").arg("--file").arg(here().join("tokyo.yaml")).arg("--output-dir").arg(folder.path()))?;
    Ok(folder)
}

/// Returns a folder with an empty file for each export, as after its removal.
fn removed() -> Result<TempDir> {
    let folder = TempDir::new()?;
    for file in FILES {
        fs::write(folder.path().join(file), "")?;
    }
    Ok(folder)
}

/// Returns the lines that the world prints for the names.
fn answers(server: &str, folder: &Path, names: &[String]) -> Result<Vec<String>> {
    let mut world = Command::new("unshare");
    world.args(["--net", "--fork", "--kill-child"]).arg(here().join("world.sh")).arg(server).arg(folder).args(names);
    Ok(run(&mut world)?.lines().map(|line| line.trim_end().to_owned()).collect())
}

fn asked() -> Result<Vec<String>> {
    Ok(names()?.into_iter().map(|(name, _)| name).chain([OWN.to_owned()]).collect())
}

fn resolves_all_names(server: &str) -> Result<()> {
    let expected = names()?.into_iter().map(|(name, addresses)| format!("{name} NOERROR {}", addresses.join(" ")));
    let expected: Vec<String> = expected.chain([format!("{OWN} NOERROR 192.0.2.9")]).collect();
    assert_eq!(answers(server, export()?.path(), &asked()?)?, expected);

    let before = answers(server, removed()?.path(), &asked()?)?;
    let (own, forwarded) = before.split_last().context("no answers")?;
    assert_eq!(*own, format!("{OWN} NOERROR 192.0.2.9"), "its own names are as before");
    ensure!(forwarded.iter().all(|line| !line.contains("10.20.")), "{forwarded:?}");
    Ok(())
}

#[test]
fn bind_resolves_all_names() -> Result<()> {
    resolves_all_names("bind")
}

#[test]
fn unbound_resolves_all_names() -> Result<()> {
    resolves_all_names("unbound")
}

#[test]
fn dnsmasq_resolves_all_names() -> Result<()> {
    resolves_all_names("dnsmasq")
}

/// The reason for each further line of the exports: without it, the server has the forwarders, and answers nothing.
#[test]
fn forwarders_alone_resolve_nothing() -> Result<()> {
    let name = names()?.swap_remove(0).0;
    for (server, file, dropped) in [
        ("bind", "bind-options.conf", "validate-except"),
        ("unbound", "unbound.conf", "domain-insecure"),
        ("unbound", "unbound.conf", "private-domain"),
        ("dnsmasq", "dnsmasq.conf", "rebind-domain-ok"),
    ] {
        let folder = export()?;
        let path = folder.path().join(file);
        let text = fs::read_to_string(&path)?;
        let kept: Vec<&str> = text.lines().filter(|line| !line.contains(dropped)).collect();
        ensure!(kept.len() < text.lines().count(), "the export has no '{dropped}'");
        fs::write(&path, kept.join("\n") + "\n")?;
        let answer = answers(server, folder.path(), std::slice::from_ref(&name))?;
        ensure!(answer.len() == 1 && !answer[0].contains("10.20."), "{server} without {dropped}: {answer:?}");
    }
    Ok(())
}
