//! The programs of the control plane, and where they come from.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, ensure};

/// A folder with `etcd`, `kube-apiserver`, `kubectl` and, where the controllers are to run, `kube-controller-manager`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assets {
    folder: PathBuf,
    controllers: bool,
}

impl Assets {
    const WITHOUT_CONTROLLERS: [&str; 3] = ["etcd", "kube-apiserver", "kubectl"];
    const ALL: [&str; 4] = ["etcd", "kube-apiserver", "kubectl", "kube-controller-manager"];

    /// Returns all four programs. `build.sh` finds them on this machine, or builds them and reports its progress on
    /// standard error; building takes minutes.
    pub fn from_build_script() -> anyhow::Result<Self> {
        Self::in_folder(folder_from_build_script(&Self::ALL)?)
    }

    /// Returns the programs of a control plane without kube-controller-manager, as the store of setup-envtest has them.
    /// Nothing deletes namespaces or collects dependents there.
    pub fn without_controllers() -> anyhow::Result<Self> {
        Self::new(folder_from_build_script(&Self::WITHOUT_CONTROLLERS)?.as_ref(), &Self::WITHOUT_CONTROLLERS)
    }

    /// Returns the four programs of `folder`; fails if one is missing.
    pub fn in_folder(folder: impl AsRef<Path>) -> anyhow::Result<Self> {
        Self::new(folder.as_ref(), &Self::ALL)
    }

    fn new(folder: &Path, programs: &[&str]) -> anyhow::Result<Self> {
        // The servers run in a working folder of their own.
        let folder = std::path::absolute(folder).context("not the path of a folder")?;
        for program in programs {
            ensure!(folder.join(program).is_file(), "'{}' has no {program}", folder.display());
        }
        Ok(Self { folder, controllers: programs == Self::ALL })
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

    /// The path of `kube-controller-manager`; `None` if the controllers are not to run.
    pub fn controller_manager(&self) -> Option<PathBuf> {
        self.controllers.then(|| self.folder.join("kube-controller-manager"))
    }

    /// The path of `kubectl`.
    pub fn kubectl(&self) -> PathBuf {
        self.folder.join("kubectl")
    }
}

fn folder_from_build_script(programs: &[&str]) -> anyhow::Result<String> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("build.sh");
    let output = Command::new(&script)
        .args(programs)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("cannot run {}", script.display()))?;
    ensure!(output.status.success(), "{} failed ({}); its messages are above", script.display(), output.status);
    let folder = String::from_utf8(output.stdout).context("the folder of the programs is not UTF-8")?;
    Ok(folder.trim_end_matches('\n').to_owned())
}
