//! Tests of the image as a file: its contents, its configuration, its digest, and the index of two architectures.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::{binary, linters, notices, tool};
use crate::{failure, in_repository, output, script, text};

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// An image as an OCI layout.
pub(super) struct Image {
    pub(super) layout: PathBuf,
    digest: String,
}

impl Image {
    /// Builds the image of this machine from the binary of the release parts.
    pub(super) fn build(folder: &Path) -> Result<Self> {
        Self::of(folder, &[], &[("amd64", binary()?)])
    }

    fn of(folder: &Path, options: &[&str], binaries: &[(&str, PathBuf)]) -> Result<Self> {
        linters()?;
        let layout = folder.join("image");
        let mut build = script("deploy/image/build.sh");
        build.args(options).arg("--notices").arg(notices()?).arg("--output").arg(&layout);
        for (architecture, binary) in binaries {
            let mut argument = OsString::from(format!("{architecture}="));
            argument.push(binary);
            build.arg(argument);
        }
        Ok(Self { digest: output(&mut build)?, layout })
    }

    /// Returns a blob of the layout as JSON.
    fn blob(&self, digest: &str) -> Result<Value> {
        let file = self.layout.join("blobs/sha256").join(digest.trim_start_matches("sha256:"));
        Ok(serde_json::from_str(&fs::read_to_string(file)?)?)
    }

    /// Returns the name by which skopeo and podman read the layout.
    pub(super) fn reference(&self) -> String {
        format!("oci:{}:{VERSION}", self.layout.display())
    }
}

/// Returns the files below a folder with their modes, as `deploy/image/contents.*` lists them.
fn contents(root: &Path) -> Result<Vec<String>> {
    fn collect(root: &Path, folder: &Path, found: &mut BTreeMap<String, u32>) -> Result<()> {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            let metadata = path.symlink_metadata()?;
            if metadata.is_dir() {
                collect(root, &path, found)?;
            } else {
                found.insert(path.strip_prefix(root)?.display().to_string(), metadata.permissions().mode() & 0o7777);
            }
        }
        Ok(())
    }
    let mut found = BTreeMap::new();
    collect(root, root, &mut found)?;
    Ok(found.into_iter().map(|(path, mode)| format!("{mode:o} {path}")).collect())
}

#[test]
fn the_image_contains_what_its_list_says() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let image = Image::build(folder.path())?;
    let bundle = folder.path().join("bundle");
    let name = format!("{}:{VERSION}", image.layout.display());
    output(Command::new("umoci").args(["unpack", "--image", &name]).arg(&bundle))?;
    let root = bundle.join("rootfs");
    assert_eq!(contents(&root)?, text("deploy/image/contents.amd64")?.lines().collect::<Vec<_>>());

    assert_eq!(fs::read(root.join("usr/bin/mgnet"))?, fs::read(binary()?)?);
    assert_eq!(fs::read_to_string(root.join("usr/share/doc/mgnet/LICENSE"))?, text("LICENSE")?);
    let notices = fs::read_to_string(root.join("usr/share/doc/mgnet/THIRD-PARTY"))?;
    for crate_in_it in ["aws-sdk-ec2", "aws-lc-sys", "kube-client"] {
        assert!(notices.contains(&format!("\n  {crate_in_it} ")), "THIRD-PARTY does not name {crate_in_it}");
    }
    let certificates = fs::read_to_string(root.join("etc/ssl/certs/ca-certificates.crt"))?;
    assert!(certificates.matches("-----BEGIN CERTIFICATE-----\n").count() > 100);
    Ok(())
}

#[test]
fn a_file_that_is_not_on_the_list_fails_the_build() -> Result<()> {
    linters()?;
    let folder = tempfile::tempdir()?;
    // A copy of the scripts, whose list lacks one file.
    let copy = folder.path().join("deploy/image");
    fs::create_dir_all(&copy)?;
    for file in ["rootfs.sh", "packages.lock", "contents.amd64"] {
        fs::copy(in_repository("deploy/image").join(file), copy.join(file))?;
    }
    fs::copy(in_repository("LICENSE"), folder.path().join("LICENSE"))?;
    let list = text("deploy/image/contents.amd64")?.replace("644 etc/passwd\n", "");
    fs::write(copy.join("contents.amd64"), list)?;
    let mut rootfs = Command::new(copy.join("rootfs.sh"));
    rootfs.arg("amd64").arg(binary()?).arg(notices()?).arg(folder.path().join("root"));
    let refused = failure(&mut rootfs)?;
    assert!(
        refused.contains("+644 etc/passwd") && refused.contains("differs from the list of its contents"),
        "{refused}"
    );
    Ok(())
}

#[test]
fn an_unfit_binary_fails_the_build() -> Result<()> {
    linters()?;
    let folder = tempfile::tempdir()?;
    for (architecture, binary, expected) in [
        ("arm64", binary()?, "is not built for arm64"),
        ("amd64", PathBuf::from("/bin/true"), "does not list its crates"),
        ("amd64", in_repository("LICENSE"), "is not built for amd64"),
    ] {
        let mut rootfs = script("deploy/image/rootfs.sh");
        rootfs.arg(architecture).arg(binary).arg(notices()?).arg(folder.path().join("root"));
        let refused = failure(&mut rootfs)?;
        assert!(refused.contains(expected), "{refused}");
    }
    Ok(())
}

#[test]
fn the_image_has_a_numeric_user_and_the_labels_of_registries() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let image = Image::build(folder.path())?;
    let inspected = output(Command::new("skopeo").args(["inspect", "--config", &image.reference()]))?;
    let inspected: Value = serde_json::from_str(&inspected)?;
    let config = inspected.get("config").context("config")?;
    assert_eq!(config.get("User"), Some(&Value::from("65532:65532")));
    assert_eq!(config.get("Entrypoint"), Some(&serde_json::json!(["/usr/bin/mgnet"])));
    assert_eq!(config.get("Cmd"), Some(&serde_json::json!(["controller"])));
    assert!(
        config.get("Env").is_none_or(|environment| environment.as_array().is_some_and(|names| names.len() <= 1)),
        "{config}"
    );
    let label =
        |name: &str| config.pointer(&format!("/Labels/org.opencontainers.image.{name}")).and_then(Value::as_str);
    for name in ["title", "description", "licenses", "vendor", "version", "revision", "created"] {
        assert!(label(name).is_some_and(|value| !value.is_empty()), "{name}: {config}");
    }
    assert_eq!(label("version"), Some(VERSION));
    assert_eq!(inspected.get("created").and_then(Value::as_str), label("created"));
    let history = inspected.get("history").context("history")?.to_string();
    assert!(!history.contains(&folder.path().display().to_string()) && !history.contains("/tmp/"), "{history}");
    Ok(())
}

#[test]
fn two_builds_have_the_same_digest() -> Result<()> {
    let (first, second) = (tempfile::tempdir()?, tempfile::tempdir()?);
    assert_eq!(Image::build(first.path())?.digest, Image::build(second.path())?.digest);
    Ok(())
}

#[test]
fn an_index_of_two_architectures_passes_a_registry_unchanged() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let binaries = [("amd64", binary()?), ("arm64", super::publish::arm64_stand_in(folder.path())?)];
    let image = Image::of(folder.path(), &["--without-dependency-list"], &binaries)?;
    let index = image.blob(&image.digest)?;
    let manifests = index.get("manifests").and_then(Value::as_array).context("an index")?;
    let platforms: Vec<String> = manifests
        .iter()
        .filter_map(|entry| {
            Some(format!(
                "{}/{}",
                entry.pointer("/platform/os")?.as_str()?,
                entry.pointer("/platform/architecture")?.as_str()?
            ))
        })
        .collect();
    assert_eq!(platforms, ["linux/amd64", "linux/arm64"]);

    let registry = super::publish::Registry::start(folder.path())?;
    let name = format!("{}/owner/mgnet", registry.address);
    let mut push = script("release/push-image.sh");
    push.arg(&name).arg(&image.layout).env("MGNET_REGISTRY_TLS", "false");
    assert_eq!(output(&mut push)?, format!("{name}@{}", image.digest));
    assert_eq!(output(tool("release", "crane")?.args(["digest", &format!("{name}:{VERSION}")]))?, image.digest);
    // The same image again is no error, but another one never replaces it.
    output(&mut push)?;
    let other = Image::build(&folder.path().join("other"))?;
    let refused =
        failure(script("release/push-image.sh").arg(&name).arg(&other.layout).env("MGNET_REGISTRY_TLS", "false"))?;
    assert!(refused.contains("a release is never replaced"), "{refused}");
    Ok(())
}

#[test]
fn the_dockerfile_has_no_findings() -> Result<()> {
    output(Command::new(linters()?.join("hadolint")).arg(in_repository("deploy/image/Dockerfile")))?;
    Ok(())
}
