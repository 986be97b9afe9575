//! Real DNS servers load the exported files: every name resolves to the addresses of the endpoints, other names do not change,
//! and the removal restores the former state.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use crate::networks::{self, Names};

/// A name of the company, which the server answers itself.
const OWN: &str = "intra.corp.example";

/// The domain of S3 in Tokyo.
const S3: &str = "s3.ap-northeast-1.amazonaws.com";

/// The files that the servers load.
const FILES: [&str; 4] = ["bind-zones.conf", "bind-options.conf", "unbound.conf", "dnsmasq.conf"];

pub(crate) fn here() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/hand_off"))
}

pub(crate) fn run(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("cannot run {command:?}"))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    ensure!(output.status.success(), "{command:?}: {text}{}", String::from_utf8_lossy(&output.stderr));
    Ok(text)
}

/// Exports all formats from a file, and returns their folder.
pub(crate) fn export_file(file: &Path, options: &[&str]) -> Result<TempDir> {
    let folder = TempDir::new()?;
    let mut export = Command::new(env!("CARGO_BIN_EXE_mgnet"));
    export.arg("export").arg("--file").arg(file).arg("--output-dir").arg(folder.path());
    run(export.args(options))?;
    Ok(folder)
}

fn export(options: &[&str]) -> Result<TempDir> {
    export_file(&here().join("tokyo.yaml"), options)
}

/// Returns a folder with an empty file for each export, as before the first one.
fn empty() -> Result<TempDir> {
    let folder = TempDir::new()?;
    for file in FILES {
        fs::write(folder.path().join(file), "")?;
    }
    Ok(folder)
}

/// The DNS that a server uses for other names.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Upstream {
    /// None: the server has no internet.
    None,
    /// A stand-in for the public DNS.
    Public,
}

/// Returns the lines that the world prints for the names.
fn answers<N: AsRef<OsStr>>(server: &str, upstream: Upstream, folder: &Path, names: &[N]) -> Result<Vec<String>> {
    let mut world = Command::new("unshare");
    world.args(["--net", "--fork", "--kill-child"]).arg(here().join("world.sh"));
    if upstream == Upstream::Public {
        world.arg("--public");
    }
    world.arg(server).arg(folder).args(names);
    Ok(run(&mut world)?.lines().map(|line| line.trim_end().to_owned()).collect())
}

fn expected(names: &Names) -> Vec<String> {
    names.iter().map(|(name, addresses)| format!("{name} NOERROR {}", addresses.join(" "))).collect()
}

fn asked(names: &Names) -> Vec<&str> {
    names.iter().map(|(name, _)| name.as_str()).chain([OWN]).collect()
}

fn own() -> String {
    format!("{OWN} NOERROR 192.0.2.9")
}

fn resolves_all_names(server: &str) -> Result<()> {
    let names = networks::names(&networks::tokyo()?)?;
    ensure!(names.len() == 7, "{names:?}");
    let expected = [expected(&names), vec![own()]].concat();
    assert_eq!(answers(server, Upstream::None, export(&[])?.path(), &asked(&names))?, expected);
    Ok(())
}

/// The servers answer with the files of the removal as they did before the first export, with and without internet.
fn the_removal_restores_the_former_state(server: &str) -> Result<()> {
    let names = networks::names(&networks::tokyo()?)?;
    for upstream in [Upstream::None, Upstream::Public] {
        let before = answers(server, upstream, empty()?.path(), &asked(&names))?;
        let with_export = answers(server, upstream, export(&[])?.path(), &asked(&names))?;
        let after = answers(server, upstream, export(&["--remove"])?.path(), &asked(&names))?;
        assert_eq!(after, before);
        let (last, forwarded) = before.split_last().context("no answers")?;
        assert_eq!(*last, own(), "its own names are as before");
        ensure!(forwarded.iter().all(|line| !line.contains("10.20.")), "{forwarded:?}");
        ensure!(
            forwarded.iter().zip(&with_export).all(|(one, other)| one != other),
            "the export changed {with_export:?}"
        );
    }
    Ok(())
}

/// Each bucket of MGN resolves to the endpoint, but the plain domain and the buckets of others are answered as before.
fn forwards_single_buckets(server: &str) -> Result<()> {
    let names = networks::names(&networks::tokyo()?)?;
    let buckets: Names = names.iter().filter(|(name, _)| name != S3).cloned().collect();
    ensure!(buckets.len() == names.len() - 1, "{buckets:?}");
    let others = [S3.to_owned(), format!("invoices.{S3}"), format!("a.amazon-ssm-ap-northeast-1x.{S3}")];
    for upstream in [Upstream::None, Upstream::Public] {
        let narrow = export(&["--narrow"])?;
        assert_eq!(
            answers(server, upstream, narrow.path(), &asked(&buckets))?,
            [expected(&buckets), vec![own()]].concat()
        );
        let before = answers(server, upstream, empty()?.path(), &others)?;
        assert_eq!(answers(server, upstream, narrow.path(), &others)?, before);
        let wide = answers(server, upstream, export(&[])?.path(), &others)?;
        ensure!(wide.iter().all(|line| line.contains("10.20.")), "the whole domain leads to the endpoint: {wide:?}");
        let removed = export(&["--narrow", "--remove"])?;
        assert_eq!(
            answers(server, upstream, removed.path(), &asked(&buckets))?,
            answers(server, upstream, empty()?.path(), &asked(&buckets))?
        );
    }
    Ok(())
}

/// One DNS server serves two networks, each with its Region's names.
fn resolves_the_names_of_two_regions(server: &str) -> Result<()> {
    let (tokyo, frankfurt) = (networks::tokyo()?, networks::frankfurt()?);
    let names = [networks::names(&tokyo)?, networks::names(&frankfurt)?].concat();
    ensure!(names.len() == 14 && names.iter().any(|(_, addresses)| addresses[0].starts_with("10.30.")), "{names:?}");
    let folder = TempDir::new()?;
    let file = networks::list(folder.path(), &[tokyo, frankfurt])?;
    let expected = [expected(&names), vec![own()]].concat();
    assert_eq!(answers(server, Upstream::None, export_file(&file, &[])?.path(), &asked(&names))?, expected);
    Ok(())
}

/// A planned network has no Resolver endpoint: the server loads its files, and answers as before.
fn loads_the_files_of_a_planned_network(server: &str) -> Result<()> {
    let planned = networks::planned(networks::tokyo()?)?;
    let names = networks::names(&planned)?;
    let folder = TempDir::new()?;
    let file = networks::list(folder.path(), &[planned])?;
    let files = export_file(&file, &["--planned"])?;
    assert_eq!(
        answers(server, Upstream::Public, files.path(), &asked(&names))?,
        answers(server, Upstream::Public, empty()?.path(), &asked(&names))?
    );
    Ok(())
}

macro_rules! with_each_server {
    ($($server:ident)*) => {
        $(mod $server {
            use anyhow::Result;

            const NAME: &str = stringify!($server);

            #[test]
            fn resolves_all_names() -> Result<()> {
                super::resolves_all_names(NAME)
            }

            #[test]
            fn is_as_before_with_the_files_of_the_removal() -> Result<()> {
                super::the_removal_restores_the_former_state(NAME)
            }

            #[test]
            fn forwards_single_buckets() -> Result<()> {
                super::forwards_single_buckets(NAME)
            }

            #[test]
            fn resolves_the_names_of_two_regions() -> Result<()> {
                super::resolves_the_names_of_two_regions(NAME)
            }

            #[test]
            fn loads_the_files_of_a_planned_network() -> Result<()> {
                super::loads_the_files_of_a_planned_network(NAME)
            }
        })*
    };
}

with_each_server! { bind unbound dnsmasq }

/// The demo asks BIND in a user namespace, so that it needs no root.
#[test]
fn the_demo_asks_bind_without_root() -> Result<()> {
    let folder = export(&[])?;
    let inbound = folder.path().join("inbound");
    fs::create_dir(&inbound)?;
    fs::write(inbound.join("addresses"), "10.20.1.113\n10.20.2.114\n")?;
    let zone = "$TTL 60\n@ SOA ns. hostmaster. 1 60 60 60 60\n@ NS ns.\n@ A 10.20.1.101\n* A 10.20.1.103\n";
    for domain in ["mgn.ap-northeast-1.amazonaws.com", "s3.ap-northeast-1.amazonaws.com"] {
        fs::write(inbound.join(format!("{domain}.zone")), zone)?;
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/demo/ask-bind.sh");
    let open = folder.path().join("ask-bind.sh");
    fs::copy(script, &open)?;
    run(Command::new("chmod").args(["-R", "a+rX"]).arg(folder.path()))?;
    for (name, address) in [
        ("mgn.ap-northeast-1.amazonaws.com", "10.20.1.101"),
        ("aws-mgn-clients-ap-northeast-1.s3.ap-northeast-1.amazonaws.com", "10.20.1.103"),
    ] {
        let mut ask = Command::new("setpriv");
        ask.args(["--reuid=65534", "--regid=65534", "--clear-groups", "unshare", "--user", "--map-root-user", "--net"]);
        ask.args(["--fork", "--kill-child"]).arg(&open).arg(folder.path()).arg(name);
        let answer = run(&mut ask)?;
        ensure!(answer.trim_end().ends_with(&format!("A\t{address}")), "{answer}");
    }
    Ok(())
}

/// The reason for each further line of the exports: without it, the server has the forwarders, and answers nothing.
#[test]
fn forwarders_alone_resolve_nothing() -> Result<()> {
    let name = networks::names(&networks::tokyo()?)?.swap_remove(0).0;
    for (server, file, dropped) in [
        ("bind", "bind-options.conf", "validate-except"),
        ("unbound", "unbound.conf", "domain-insecure"),
        ("unbound", "unbound.conf", "private-domain"),
        ("dnsmasq", "dnsmasq.conf", "rebind-domain-ok"),
    ] {
        let folder = export(&[])?;
        let path = folder.path().join(file);
        let text = fs::read_to_string(&path)?;
        let kept: Vec<&str> = text.lines().filter(|line| !line.contains(dropped)).collect();
        ensure!(kept.len() < text.lines().count(), "the export has no '{dropped}'");
        fs::write(&path, kept.join("\n") + "\n")?;
        let answer = answers(server, Upstream::None, folder.path(), std::slice::from_ref(&name))?;
        ensure!(answer.len() == 1 && !answer[0].contains("10.20."), "{server} without {dropped}: {answer:?}");
    }
    Ok(())
}
