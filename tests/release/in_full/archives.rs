//! Tests of the archives of the kubectl plugin, of the manifest for krew, and of the software bill of materials.

use std::{fs, path::Path, process::Command};

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::{binary, notices, tool};
use crate::{failure, output, script, text};

const VERSION: &str = env!("CARGO_PKG_VERSION");
const URL: &str = "https://example.com/owner/mgnet";
const PLATFORMS: [(&str, &str); 3] = [("linux", "amd64"), ("linux", "arm64"), ("darwin", "arm64")];

/// Packs the archive of a platform and returns its path. The binary is that of this machine: the archives differ by name only.
pub(super) fn pack(os: &str, architecture: &str, folder: &Path) -> Result<String> {
    let mut archive = script("release/archive.sh");
    archive.args([os, architecture]).arg(binary()?).arg(folder).env("MGNET_NOTICES", notices()?);
    output(&mut archive)
}

fn tar(arguments: &[&str]) -> Result<String> {
    output(Command::new("tar").args(arguments))
}

#[test]
fn an_archive_contains_the_plugin_and_the_licenses() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let archive = pack("linux", "amd64", folder.path())?;
    assert!(archive.ends_with(&format!("/kubectl-mgnet_{VERSION}_linux_amd64.tar.gz")), "{archive}");
    assert_eq!(tar(&["--list", "--file", &archive])?, "LICENSE\nTHIRD-PARTY\nkubectl-mgnet\nkubectl_complete-mgnet");

    tar(&["--extract", "--file", &archive, "--directory", &folder.path().display().to_string()])?;
    let help = output(Command::new(folder.path().join("kubectl-mgnet")).arg("--help"))?;
    assert!(help.contains("Usage: kubectl mgnet <COMMAND>"), "{help}");
    assert_eq!(fs::read_to_string(folder.path().join("LICENSE"))?, text("LICENSE")?);
    Ok(())
}

#[test]
fn an_archive_is_reproducible() -> Result<()> {
    let (first, second) = (tempfile::tempdir()?, tempfile::tempdir()?);
    assert_eq!(
        fs::read(pack("linux", "amd64", first.path())?)?,
        fs::read(pack("linux", "amd64", second.path())?)?,
        "the archives differ"
    );
    Ok(())
}

#[test]
fn there_is_no_archive_for_other_platforms() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let refused = failure(script("release/archive.sh").args(["windows", "amd64"]).arg(binary()?).arg(folder.path()))?;
    assert!(refused.contains("there is no archive for windows/amd64"), "{refused}");
    Ok(())
}

#[test]
fn krew_accepts_the_manifest() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let incomplete = failure(script("release/krew.sh").arg(URL).arg(folder.path()))?;
    assert!(incomplete.contains("there is no archive"), "{incomplete}");
    for (os, architecture) in PLATFORMS {
        pack(os, architecture, folder.path())?;
    }
    let manifest = output(script("release/krew.sh").arg(URL).arg(folder.path()))?;
    let written = fs::read_to_string(&manifest)?;
    assert!(!written.contains('@'), "{written}");
    assert!(
        written.contains(&format!("{URL}/releases/download/v{VERSION}/kubectl-mgnet_{VERSION}_darwin_arm64.tar.gz"))
    );

    // Without an installation, which would download the archives.
    output(tool("release", "validate-krew-manifest")?.args(["-skip-install", "-manifest", &manifest]))?;
    fs::write(&manifest, written.replace("sha256: ", "sha256: 0"))?;
    failure(tool("release", "validate-krew-manifest")?.args(["-skip-install", "-manifest", &manifest]))?;
    Ok(())
}

#[test]
fn the_bill_of_materials_lists_crates_and_packages() -> Result<()> {
    let folder = tempfile::tempdir()?;
    for architecture in ["amd64", "arm64"] {
        let file = output(script("release/sbom.sh").arg(architecture).arg(folder.path().join(architecture)))?;
        let bill: Value = serde_json::from_str(&fs::read_to_string(file)?)?;
        assert_eq!(bill.pointer("/metadata/component/name"), Some(&Value::from("mgnet")));
        let components = bill.get("components").and_then(Value::as_array).context("components")?;
        let names: Vec<&str> = components.iter().filter_map(|component| component.get("name")?.as_str()).collect();
        for name in ["kube-client", "aws-sdk-ec2", "aws-lc-sys", "libc6", "ca-certificates"] {
            assert!(names.contains(&name), "{name} is missing in {names:?}");
        }
        // Neither tests nor crates for other systems are in the binary.
        for name in ["insta", "mlua", "windows-sys"] {
            assert!(!names.contains(&name), "{name} is not in the binary");
        }
        let libc = components
            .iter()
            .find(|component| component.get("name") == Some(&Value::from("libc6")))
            .context("libc6")?;
        let purl = libc.get("purl").and_then(Value::as_str).unwrap_or_default();
        assert!(purl.starts_with("pkg:deb/debian/libc6@") && purl.contains(&format!("arch={architecture}")), "{purl}");
    }
    Ok(())
}
