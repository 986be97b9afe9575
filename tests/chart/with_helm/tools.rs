//! The programs of these tests, which `tests/tools/build.sh` builds once.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;
use support::target_folder;

use crate::{CHART, in_repository};

/// The release in these tests: with its name, the objects have the same names as those of `deploy/base`.
pub(crate) const RELEASE: &str = "mgnet";

/// Returns the program of a set of tools.
fn tool(set: &str, name: &str) -> Result<PathBuf> {
    let script = in_repository("tests/tools/build.sh");
    let output = Command::new(script).arg(set).stdin(Stdio::null()).stderr(Stdio::inherit()).output()?;
    ensure!(output.status.success(), "tests/tools/build.sh {set} failed; its messages are above");
    Ok(Path::new(String::from_utf8(output.stdout)?.trim()).join(name))
}

/// Runs a command, and returns its standard output and its standard error.
fn run(command: &mut Command) -> Result<(String, String)> {
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("cannot run {command:?}"))?;
    let (stdout, stderr) = (String::from_utf8(output.stdout)?, String::from_utf8_lossy(&output.stderr).into_owned());
    if !output.status.success() {
        bail!("{command:?}: {stdout}{stderr}");
    }
    Ok((stdout, stderr))
}

/// A major version of Helm.
pub(crate) struct Helm {
    program: PathBuf,
    kubeconfig: Option<PathBuf>,
}

impl Helm {
    /// Helm 4, without a cluster.
    pub(crate) fn v4() -> Result<Self> {
        Ok(Self { program: tool("helm", "helm")?, kubeconfig: None })
    }

    /// Helm 3, without a cluster.
    pub(crate) fn v3() -> Result<Self> {
        Ok(Self { program: tool("helm-3", "helm")?, kubeconfig: None })
    }

    /// Uses a cluster.
    pub(crate) fn with_cluster(self, kubeconfig: PathBuf) -> Self {
        Self { kubeconfig: Some(kubeconfig), ..self }
    }

    /// Runs Helm in the namespace of the operator. Returns its standard output.
    pub(crate) fn run<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Result<String> {
        let home = target_folder().join("helm");
        let mut command = Command::new(&self.program);
        for (variable, folder) in
            [("HELM_CACHE_HOME", "cache"), ("HELM_CONFIG_HOME", "config"), ("HELM_DATA_HOME", "data")]
        {
            command.env(variable, home.join(folder));
        }
        // Without a cluster, the variable names no file.
        command.env("KUBECONFIG", self.kubeconfig.as_deref().unwrap_or(Path::new("/nonexistent")));
        command.args(arguments).args(["--namespace", support::OPERATOR_NAMESPACE]).current_dir(in_repository("."));
        Ok(run(&mut command)?.0)
    }

    /// Renders the chart with further arguments, and returns the text.
    pub(crate) fn template(&self, arguments: &[&str]) -> Result<String> {
        self.run(["template", RELEASE, CHART].iter().chain(arguments))
    }

    /// Renders the chart with further arguments, and returns its objects.
    pub(crate) fn objects(&self, arguments: &[&str]) -> Result<Vec<Value>> {
        objects(&self.template(arguments)?)
    }
}

/// Runs another tool on the chart's folder or on manifests. Returns its standard output.
pub(crate) fn run_tool(set: &str, name: &str, arguments: &[&str]) -> Result<String> {
    Ok(run(Command::new(tool(set, name)?).args(arguments).current_dir(in_repository(".")))?.0)
}

/// Returns the folder of a Go module that `tests/tools/SET/go.mod` pins, and downloads it if needed.
pub(crate) fn go_module(set: &str, module: &str) -> Result<PathBuf> {
    let folder = in_repository("tests/tools").join(set);
    let go = |arguments: &[&str]| run(Command::new("go").env("GOWORK", "off").args(arguments).current_dir(&folder));
    go(&["mod", "download", module])?;
    Ok(go(&["list", "-m", "-f", "{{.Dir}}", module])?.0.trim().into())
}

/// Splits manifests into objects.
pub(crate) fn objects(manifests: &str) -> Result<Vec<Value>> {
    let with_content =
        |text: &&str| text.lines().any(|line| !line.is_empty() && !line.starts_with('#') && line != "---");
    format!("\n{manifests}")
        .split("\n---\n")
        .filter(with_content)
        .map(|text| serde_saphyr::from_str(text).with_context(|| format!("no object:\n{text}")))
        .collect()
}

/// Returns the values files of `deploy/chart/ci`, as arguments of Helm.
pub(crate) fn value_files() -> Result<Vec<String>> {
    let folder = in_repository(CHART).join("ci");
    let mut files: Vec<String> = std::fs::read_dir(&folder)?
        .map(|entry| Ok(format!("--values={}", entry?.path().display())))
        .collect::<Result<_>>()?;
    files.sort();
    ensure!(files.len() >= 3, "'{}' has no values files", folder.display());
    Ok(files)
}
