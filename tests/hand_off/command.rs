//! The command line of exports: several networks, and what is left out.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use anyhow::{Context, Result, ensure};
use mgnet::api::MigrationNetwork;
use tempfile::TempDir;

use crate::networks::{self, frankfurt, list, planned, revised, tokyo};

fn mgnet(arguments: &[&str]) -> Result<Output> {
    Command::new(env!("CARGO_BIN_EXE_mgnet")).args(arguments).output().context("cannot run mgnet")
}

fn texts(output: &Output) -> (String, String) {
    (String::from_utf8_lossy(&output.stdout).into_owned(), String::from_utf8_lossy(&output.stderr).into_owned())
}

/// Writes a network to a file of its own, and returns the path.
fn saved(folder: &Path, name: &str, network: &MigrationNetwork) -> Result<String> {
    let file = folder.join(name);
    fs::write(&file, serde_saphyr::to_string(network)?)?;
    Ok(file.to_str().context("a path")?.to_owned())
}

fn rival() -> Result<MigrationNetwork> {
    let mut rival = revised(tokyo()?, |one| one.dns_forwarders[0].targets = vec!["10.99.0.1".to_owned()])?;
    rival.metadata.name = Some("rival".to_owned());
    Ok(rival)
}

#[test]
fn two_files_a_stream_and_a_list_lead_to_the_same_export() -> Result<()> {
    let folder = TempDir::new()?;
    let (one, other) =
        (saved(folder.path(), "one.yaml", &tokyo()?)?, saved(folder.path(), "other.yaml", &frankfurt()?)?);
    let stream = folder.path().join("stream.yaml");
    fs::write(&stream, format!("{}---\n{}", fs::read_to_string(&other)?, fs::read_to_string(&one)?))?;
    let list = list(folder.path(), &[frankfurt()?, tokyo()?])?;
    let export = |files: &[&str]| -> Result<String> {
        let arguments = [&["export", "--output", "firewall-csv"][..], files].concat();
        let output = mgnet(&arguments)?;
        ensure!(output.status.success(), "{output:?}");
        Ok(texts(&output).0)
    };
    let by_files = export(&["--file", &one, "--file", &other])?;
    ensure!(by_files.contains(",team-billing/tokyo,") && by_files.contains(",team-billing/frankfurt,"), "{by_files}");
    assert_eq!(export(&["--file", stream.to_str().context("a path")?])?, by_files);
    assert_eq!(export(&["--file", list.to_str().context("a path")?])?, by_files);
    Ok(())
}

#[test]
fn standard_input_is_read() -> Result<()> {
    let mut export = Command::new(env!("CARGO_BIN_EXE_mgnet"))
        .args(["export", "--file", "-", "--output", "hosts"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    export.stdin.take().context("a pipe")?.write_all(serde_json::to_string(&tokyo()?)?.as_bytes())?;
    let output = export.wait_with_output()?;
    ensure!(output.status.success() && texts(&output).0.starts_with("# begin mgnet team-billing/tokyo"), "{output:?}");
    Ok(())
}

#[test]
fn a_class_selects_among_the_networks_of_a_file() -> Result<()> {
    let folder = TempDir::new()?;
    let mut other = frankfurt()?;
    other.spec.migration_network_class_name = Some("frankfurt".to_owned());
    let file = list(folder.path(), &[tokyo()?, other])?;
    let file = file.to_str().context("a path")?;
    let export = |class| mgnet(&["export", "--file", file, "--class", class, "--output", "firewall-csv"]);
    let (rows, _) = texts(&export("frankfurt")?);
    ensure!(rows.contains("frankfurt") && !rows.contains("tokyo"), "{rows}");
    let none = export("paris")?;
    ensure!(!none.status.success() && texts(&none).1.contains("no network uses class 'paris'"), "{none:?}");
    Ok(())
}

#[test]
fn networks_without_hand_off_are_named_and_do_not_fail_the_export_of_others() -> Result<()> {
    let folder = TempDir::new()?;
    let mut new = frankfurt()?;
    new.status = None;
    let mut early = planned(tokyo()?)?;
    early.metadata.name = Some("early".to_owned());
    let file = list(folder.path(), &[new.clone(), tokyo()?, early.clone()])?;
    let file = file.to_str().context("a path")?;
    let output = mgnet(&["export", "--file", file, "--output", "firewall-csv"])?;
    let (rows, messages) = texts(&output);
    ensure!(output.status.success(), "{messages}");
    ensure!(rows.contains("tokyo") && !rows.contains("frankfurt") && !rows.contains("early"), "{rows}");
    ensure!(messages.contains("'team-billing/frankfurt'") && messages.contains("'team-billing/early'"), "{messages}");

    let (rows, messages) = texts(&mgnet(&["export", "--file", file, "--planned", "--output", "firewall-csv"])?);
    ensure!(rows.contains(",team-billing/early,") && !messages.contains("early"), "{messages}");

    list_again(&folder, &[new, early])?;
    let none = mgnet(&["export", "--file", file, "--output", "firewall-csv"])?;
    ensure!(!none.status.success() && none.stdout.is_empty(), "{none:?}");
    Ok(())
}

fn list_again(folder: &TempDir, networks: &[MigrationNetwork]) -> Result<()> {
    list(folder.path(), networks).map(|_| ())
}

/// Networks that share no DNS server still share a firewall.
#[test]
fn formats_that_cannot_be_merged_are_named_and_the_others_are_written() -> Result<()> {
    let folder = TempDir::new()?;
    let file = list(folder.path(), &[tokyo()?, rival()?])?;
    let exports = folder.path().join("exports");
    let arguments = [file.to_str().context("a path")?, exports.to_str().context("a path")?];
    let output = mgnet(&["export", "--file", arguments[0], "--output-dir", arguments[1]])?;
    let (_, messages) = texts(&output);
    ensure!(!output.status.success(), "{messages}");
    for (name, is_written) in [
        ("bind-zones.conf", false),
        ("unbound.conf", false),
        ("hosts", true),
        ("firewall.csv", true),
        ("firewall.json", true),
    ] {
        assert_eq!(exports.join(name).exists(), is_written, "{name}: {messages}");
    }
    ensure!(messages.contains("'team-billing/rival' and 'team-billing/tokyo'"), "{messages}");
    ensure!(!messages.contains("earlier export"), "{messages}");

    fs::write(exports.join("unbound.conf"), "# mgnet\n")?;
    let (_, messages) = texts(&mgnet(&["export", "--file", arguments[0], "--output-dir", arguments[1]])?);
    ensure!(
        messages.contains("unbound.conf'") && messages.contains("the file there is of an earlier export"),
        "{messages}"
    );
    Ok(())
}

#[test]
fn a_comparison_prints_the_change_request() -> Result<()> {
    let folder = TempDir::new()?;
    let old = saved(folder.path(), "old.yaml", &tokyo()?)?;
    let moved = revised(tokyo()?, |one| one.firewall_rules[2].addresses[0] = "10.20.1.250".to_owned())?;
    let new = saved(folder.path(), "new.yaml", &moved)?;
    let (rows, _) = texts(&mgnet(&["firewall-diff", &old, &new])?);
    assert_eq!(rows.lines().count(), 3, "{rows}");
    for (action, address) in [("add", "10.20.1.250/32"), ("remove", "10.20.1.101/32")] {
        ensure!(rows.lines().any(|row| row.starts_with(action) && row.contains(address)), "{rows}");
    }
    let (json, _) = texts(&mgnet(&["firewall-diff", &old, &new, "--output", "json"])?);
    assert_eq!(serde_json::from_str::<serde_json::Value>(&json)?.as_array().map(Vec::len), Some(2));

    let same = mgnet(&["firewall-diff", &old, &old])?;
    let (rows, message) = texts(&same);
    ensure!(
        same.status.success() && rows.lines().count() == 1 && message.contains("no firewall rows change"),
        "{same:?}"
    );

    let elsewhere = saved(folder.path(), "elsewhere.yaml", &networks::frankfurt()?)?;
    ensure!(!mgnet(&["firewall-diff", &old, &elsewhere])?.status.success());
    let (rows, _) = texts(&mgnet(&["firewall-diff", &old, &elsewhere, "--different-networks"])?);
    assert_eq!(rows.lines().count(), 35, "{rows}");
    Ok(())
}
