//! Tests of the steps of the release workflow, with a registry on this machine. What only GitHub has, identities that sign and
//! releases, is a dry run.

use std::{
    fs,
    net::{Ipv4Addr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Result, bail, ensure};
use control_plane::{Assets, Supervised};

use super::{archives, binary, linters, notices, tool};
use crate::{failure, in_repository, output, script, text};

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// A registry in memory, which ends when this value is dropped.
pub(super) struct Registry {
    pub(super) address: String,
    _process: Supervised,
}

impl Registry {
    pub(super) fn start(folder: &Path) -> Result<Self> {
        // Finds a free port and releases it at once.
        let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.to_string();
        let crane = tool("release", "crane")?;
        let process = Supervised::spawn(crane.get_program(), folder.join("registry.log"), |command| {
            command.args(["registry", "serve", "--address", &address])
        })?;
        let deadline = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect(&address).is_err() {
            ensure!(Instant::now() < deadline, "the registry does not answer: {}", process.log_tail(10));
            thread::sleep(Duration::from_millis(50));
        }
        Ok(Self { address, _process: process })
    }
}

/// Returns a program for arm64 that stands for the operator where only an index is tested: the loader of Debian's libc6.
pub(super) fn arm64_stand_in(folder: &Path) -> Result<PathBuf> {
    linters()?;
    let root = folder.join("arm64");
    let mut rootfs = script("deploy/image/rootfs.sh");
    // The operator of this machine is refused, but only after the packages are unpacked.
    rootfs.args(["--without-dependency-list", "arm64"]).arg(binary()?).arg(notices()?).arg(&root);
    failure(&mut rootfs)?;
    Ok(root.join("lib/ld-linux-aarch64.so.1"))
}

/// Writes what `release/build.sh` writes on the runners of all platforms.
fn built(folder: &Path) -> Result<()> {
    for (os, architecture) in [("linux", "amd64"), ("linux", "arm64"), ("darwin", "arm64")] {
        archives::pack(os, architecture, folder)?;
    }
    for architecture in ["amd64", "arm64"] {
        let file = folder.join(format!("mgnet-{VERSION}_linux_{architecture}.cdx.json"));
        output(script("release/sbom.sh").arg(architecture).arg(file))?;
    }
    fs::copy(notices()?, folder.join("third-party.txt"))?;
    fs::copy(binary()?, folder.join("mgnet-linux-amd64"))?;
    fs::copy(arm64_stand_in(folder)?, folder.join("mgnet-linux-arm64"))?;
    Ok(())
}

/// Returns PATH with a folder in front that has the control plane's kubectl, and Helm.
fn path() -> Result<String> {
    let kubectl = Assets::without_controllers()?.folder().display().to_string();
    let helm = tool(&helm_set()?, "helm")?;
    let helm = Path::new(helm.get_program()).parent().map(|folder| folder.display().to_string()).unwrap_or_default();
    Ok([kubectl, helm, std::env::var("PATH").unwrap_or_default()].join(":"))
}

/// Returns the set of tools that has Helm 4.
fn helm_set() -> Result<String> {
    for set in fs::read_dir(in_repository("tests/tools"))?.flatten() {
        let modules = fs::read_to_string(set.path().join("go.mod")).unwrap_or_default();
        if modules.contains("helm.sh/helm/v4/cmd/helm") {
            return Ok(set.file_name().to_string_lossy().into_owned());
        }
    }
    bail!("no set of tests/tools has Helm 4")
}

#[test]
fn a_release_is_published_and_drafted() -> Result<()> {
    let folder = tempfile::tempdir()?;
    built(folder.path())?;
    let outputs = folder.path().join("outputs");
    let mut publish = script("release/publish.sh");
    publish.args(["--dry-run", "registry.example.com"]).arg(folder.path());
    publish.env("GITHUB_REPOSITORY", "Owner/mgnet").env("GITHUB_OUTPUT", &outputs).env("PATH", path()?);
    publish.env("MGNET_IMAGE_OPTIONS", "--without-dependency-list");
    output(&mut publish)?;
    let written = fs::read_to_string(&outputs)?;
    let value =
        |name: &str| written.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('=')).unwrap_or_default();
    assert_eq!(value("image-name"), "registry.example.com/owner/mgnet");
    for name in ["image-digest", "image-digest-amd64", "image-digest-arm64"] {
        assert!(value(name).starts_with("sha256:"), "{written}");
    }
    for name in ["sbom-amd64", "sbom-arm64"] {
        assert!(Path::new(value(name)).is_file(), "{written}");
    }

    let files = folder.path().join("release");
    let install = fs::read_to_string(files.join("install.yaml"))?;
    let image = format!("image: registry.example.com/owner/mgnet:{VERSION}@{}", value("image-digest"));
    assert!(install.contains(&image), "{install}");
    assert!(fs::read_to_string(files.join("crds.yaml"))?.matches("kind: CustomResourceDefinition").count() >= 2);

    let tag = format!("v{VERSION}");
    let command = output(script("release/draft.sh").args(["--dry-run", &tag]).arg(&files))?;
    assert!(command.starts_with(&format!("gh release create {tag} --draft --verify-tag")), "{command}");
    output(Command::new("sha256sum").args(["--check", "--quiet", "SHA256SUMS"]).current_dir(&files))?;
    let summed = fs::read_to_string(files.join("SHA256SUMS"))?.lines().count();
    assert_eq!(fs::read_dir(&files)?.count(), summed + 1, "each file but SHA256SUMS has its sum");
    assert!(command.contains("SHA256SUMS") && command.contains("migration-network.yaml"), "{command}");

    fs::remove_file(files.join("crds.yaml"))?;
    let incomplete = failure(script("release/draft.sh").args(["--dry-run", &tag]).arg(&files))?;
    assert!(incomplete.contains("lacks 'crds.yaml'"), "{incomplete}");
    Ok(())
}

#[test]
fn the_chart_is_pushed_to_a_registry() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let registry = Registry::start(folder.path())?;
    let name = format!("{}/owner/charts", registry.address);
    let mut push = script("release/push-chart.sh");
    push.args([&name, "registry.example.com/owner/mgnet"]).arg(folder.path().join("files"));
    push.env("PATH", path()?).env("MGNET_REGISTRY_TLS", "false");
    let pushed = output(&mut push)?;
    let digest = output(tool("release", "crane")?.args(["digest", &format!("{name}/mgnet:{VERSION}")]))?;
    assert_eq!(pushed, format!("{name}/mgnet@{digest}"));

    let package = folder.path().join(format!("files/mgnet-{VERSION}.tgz"));
    let values =
        output(Command::new("tar").args(["--extract", "--to-stdout", "--file"]).arg(package).arg("mgnet/values.yaml"))?;
    assert!(values.contains("repository: registry.example.com/owner/mgnet\n"), "{values}");
    Ok(())
}

#[test]
fn only_digests_are_signed() -> Result<()> {
    let refused = failure(script("release/sign.sh").args(["--dry-run", "registry.example.com/owner/mgnet:0.1.0"]))?;
    assert!(refused.contains("has no digest"), "{refused}");
    let image = format!("registry.example.com/owner/mgnet@sha256:{}", "0".repeat(64));
    let command = output(script("release/sign.sh").args(["--dry-run", &image]))?;
    assert_eq!(command, format!("cosign sign --yes --recursive {image}"));
    Ok(())
}

#[test]
fn the_other_steps_have_a_dry_run() -> Result<()> {
    let build = output(script("release/build.sh").args(["--dry-run", "linux", "arm64", "dist"]))?;
    for step in [
        "cargo auditable build --release --locked",
        "release/notices.sh",
        "release/archive.sh linux arm64",
        "release/sbom.sh arm64",
    ] {
        assert!(build.contains(step), "{build}");
    }
    let log_in =
        output(script("release/log-in.sh").args(["--dry-run", "registry.example.com"]).env("REGISTRY_USER", "owner"))?;
    assert_eq!(log_in, "docker login --username owner --password-stdin registry.example.com");
    let prepare = output(script(".ci/prepare.sh").args(["--dry-run", "python3-venv"]))?;
    assert!(prepare.contains("python3-venv"), "{prepare}");
    let macos = output(script(".ci/prepare-macos.sh").arg("--dry-run"))?;
    let rust = text("Cargo.toml")?
        .lines()
        .find_map(|line| Some(line.strip_prefix("rust-version = \"")?.trim_end_matches('"').to_owned()));
    assert!(macos.contains(&format!("rustup toolchain install {}", rust.unwrap_or_default())), "{macos}");
    let soak = output(script(".ci/soak.sh").args(["--dry-run", "60"]))?;
    assert!(soak.contains("simulation --schedules"), "{soak}");
    Ok(())
}
