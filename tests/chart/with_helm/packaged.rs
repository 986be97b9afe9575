//! The packaged chart.

use std::{collections::BTreeMap, fs, path::Path, process::Command};

use anyhow::{Result, ensure};
use support::target_folder;

use super::tools::Helm;
use crate::{CHART, in_repository};

/// Packages the chart into a new folder, and returns the archive.
pub(crate) fn package(folder: &Path, chart: &str) -> Result<String> {
    fs::create_dir_all(folder)?;
    Helm::v4()?.run(["package", chart, "--destination", &folder.display().to_string()])?;
    Ok(folder.join(format!("mgnet-{}.tgz", env!("CARGO_PKG_VERSION"))).display().to_string())
}

/// Extracts an archive into a folder.
pub(crate) fn extract(archive: &str, folder: &Path) -> Result<()> {
    fs::create_dir_all(folder)?;
    let status = Command::new("tar").args(["-xzf", archive, "-C"]).arg(folder).status()?;
    ensure!(status.success(), "cannot extract '{archive}'");
    Ok(())
}

#[test]
fn packaging_twice_gives_the_same_archive() -> Result<()> {
    let folder = target_folder().join("package");
    let [first, second] = ["a", "b"].map(|name| package(&folder.join(name), CHART));
    ensure!(fs::read(first?)? == fs::read(second?)?, "the archives differ");
    Ok(())
}

#[test]
fn the_archive_has_the_files_of_kustomize_and_no_tests() -> Result<()> {
    let folder = target_folder().join("contents");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    extract(&package(&folder, CHART)?, &folder)?;
    let root = folder.join("mgnet");
    let mut files = BTreeMap::new();
    list(&root, &root, &mut files)?;
    for unwanted in ["tests/", "ci/", "kustomization.yaml"] {
        ensure!(!files.keys().any(|file| file.contains(unwanted)), "{unwanted} is in {:?}", files.keys());
    }
    for (packaged, source) in [
        ("files/crds/mgnet.dev_migrationnetworks.yaml", "crds/mgnet.dev_migrationnetworks.yaml"),
        ("files/crds/mgnet.dev_migrationnetworkclasses.yaml", "crds/mgnet.dev_migrationnetworkclasses.yaml"),
        ("files/monitoring/dashboard.json", "deploy/monitoring/dashboard.json"),
        ("files/monitoring/prometheus-rule.yaml", "deploy/monitoring/prometheus-rule.yaml"),
        ("files/admission/class-limits.yaml", "deploy/admission/class-limits.yaml"),
        ("README.md", "deploy/chart/README.md"),
    ] {
        ensure!(files.get(packaged) == Some(&fs::read(in_repository(source))?), "{packaged} differs from {source}");
    }
    Ok(())
}

/// Reads all files below a folder.
fn list(root: &Path, folder: &Path, files: &mut BTreeMap<String, Vec<u8>>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            list(root, &path, files)?;
        } else {
            files.insert(path.strip_prefix(root)?.display().to_string(), fs::read(&path)?);
        }
    }
    Ok(())
}
