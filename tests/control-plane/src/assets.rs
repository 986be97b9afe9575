//! The folder that holds the programs of the control plane, and how it comes to be.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, ensure};

/// A folder with `etcd`, `kube-apiserver`, `kube-controller-manager` and `kubectl`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assets {
    folder: PathBuf,
}

impl Assets {
    const PROGRAMS: [&str; 4] = ["etcd", "kube-apiserver", "kube-controller-manager", "kubectl"];

    /// Takes `KUBEBUILDER_ASSETS` if that holds all four, else what was built before, else builds it.
    ///
    /// Building takes minutes; `build.sh` says so, and what it is at, on standard error.
    pub fn from_build_script() -> anyhow::Result<Self> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("build.sh");
        let output = Command::new(&script)
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .output()
            .with_context(|| format!("cannot run {}", script.display()))?;
        ensure!(output.status.success(), "{} failed ({}); its messages are above", script.display(), output.status);
        let folder = String::from_utf8(output.stdout).context("the folder of the programs is not UTF-8")?;
        Self::in_folder(folder.trim_end_matches('\n'))
    }

    /// Takes the programs of `folder`; fails if one is missing.
    pub fn in_folder(folder: impl AsRef<Path>) -> anyhow::Result<Self> {
        // The servers run in a working folder of their own.
        let folder = std::path::absolute(folder).context("not the path of a folder")?;
        for program in Self::PROGRAMS {
            ensure!(folder.join(program).is_file(), "there is no {program} in '{}'", folder.display());
        }
        Ok(Self { folder })
    }

    /// The folder, for a `PATH` or for `KUBEBUILDER_ASSETS`.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The path of `etcd`.
    pub fn etcd(&self) -> PathBuf {
        self.folder.join("etcd")
    }

    /// The path of `kube-apiserver`.
    pub fn apiserver(&self) -> PathBuf {
        self.folder.join("kube-apiserver")
    }

    /// The path of `kube-controller-manager`.
    pub fn controller_manager(&self) -> PathBuf {
        self.folder.join("kube-controller-manager")
    }

    /// The path of `kubectl`, of the same version as the servers.
    pub fn kubectl(&self) -> PathBuf {
        self.folder.join("kubectl")
    }
}
