//! Tests that `build.sh` uses programs that the machine has, if they are complete and new enough. The programs in these
//! tests only print a version, and `PATH` has no Go: if the script decides to build, it fails, and reports why.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::{Context, Result};
use tempfile::TempDir;

const SERVERS: [&str; 3] = ["etcd", "kube-apiserver", "kubectl"];

/// An empty home, and a `PATH` with the commands that the script needs.
struct Machine {
    home: TempDir,
}

impl Machine {
    fn new() -> Result<Self> {
        let machine = Self { home: TempDir::new()? };
        fs::create_dir_all(machine.path("bin"))?;
        let path = std::env::var_os("PATH").context("PATH is not set")?;
        let commands = ["awk", "bash", "cut", "dirname", "env", "ln", "mkdir", "readlink", "sort", "uname"];
        for command in commands {
            let found = std::env::split_paths(&path).map(|folder| folder.join(command)).find(|file| file.is_file());
            symlink(found.with_context(|| format!("no {command}"))?, machine.path("bin").join(command))?;
        }
        Ok(machine)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    /// Puts a control plane of these versions into a folder.
    fn install(&self, folder: &str, etcd: &str, kubernetes: &str) -> Result<PathBuf> {
        let folder = self.path(folder);
        fs::create_dir_all(&folder)?;
        print_only(&folder.join("etcd"), &format!("etcd Version: {etcd}"))?;
        print_only(&folder.join("kube-apiserver"), &format!("Kubernetes v{kubernetes}"))?;
        print_only(&folder.join("kubectl"), &format!("Client Version: v{kubernetes}-dispatcher"))?;
        Ok(folder)
    }

    fn script(&self, programs: &[&str]) -> Command {
        let mut command = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("build.sh"));
        command.args(programs).env_clear().env("HOME", self.home.path()).env("PATH", self.path("bin"));
        command
    }
}

fn print_only(program: &Path, text: &str) -> Result<()> {
    fs::write(program, format!("#!/bin/sh\necho '{text}'\n"))?;
    fs::set_permissions(program, fs::Permissions::from_mode(0o755))?;
    Ok(())
}

/// Returns the folder that the script prints, and its messages.
fn answer(command: &mut Command) -> Result<(String, String)> {
    let Output { stdout, stderr, .. } = command.output()?;
    Ok((String::from_utf8(stdout)?.trim_end().to_owned(), String::from_utf8(stderr)?))
}

fn store(version: &str) -> String {
    let system = if cfg!(target_os = "macos") {
        "Library/Application Support/io.kubebuilder.envtest/k8s"
    } else {
        ".local/share/kubebuilder-envtest/k8s"
    };
    let os = if cfg!(target_os = "macos") { "darwin" } else { "linux" };
    let architecture = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };
    format!("{system}/{version}-{os}-{architecture}")
}

#[test]
fn the_newest_version_of_the_envtest_store_is_used() -> Result<()> {
    let machine = Machine::new()?;
    machine.install(&store("1.9.3"), "3.5.0", "1.9.3")?;
    machine.install(&store("1.31.0"), "3.5.16", "1.31.0")?;
    let newest = machine.install(&store("1.34.1"), "3.6.4", "1.34.1")?;

    let (folder, messages) = answer(&mut machine.script(&SERVERS))?;

    assert_eq!(Path::new(&folder), newest, "{messages}");
    let expected = format!("control-plane: using etcd 3.6.4, kube-apiserver 1.34.1, kubectl 1.34.1 from '{folder}'\n");
    assert_eq!(messages, expected);
    Ok(())
}

#[test]
fn kubebuilder_assets_take_precedence_without_a_message() -> Result<()> {
    let machine = Machine::new()?;
    machine.install(&store("1.34.1"), "3.6.4", "1.34.1")?;
    let chosen = machine.install("chosen", "3.5.16", "1.31.0")?;

    let result = answer(machine.script(&SERVERS).env("KUBEBUILDER_ASSETS", &chosen))?;

    assert_eq!(result, (chosen.display().to_string(), String::new()));
    Ok(())
}

#[test]
fn programs_that_are_too_old_are_refused_with_their_version() -> Result<()> {
    let machine = Machine::new()?;
    let chosen = machine.install("chosen", "3.5.16", "1.30.4")?;

    let (folder, messages) = answer(machine.script(&SERVERS).env("KUBEBUILDER_ASSETS", &chosen))?;

    assert_eq!(folder, "");
    assert!(messages.contains("kube-apiserver is version 1.30.4, but 1.31 or newer is needed"), "{messages}");
    assert!(messages.contains("Go 1.26 or newer is needed"), "{messages}");
    Ok(())
}

#[test]
fn a_folder_without_a_program_that_is_needed_is_not_used() -> Result<()> {
    let machine = Machine::new()?;
    let chosen = machine.install("chosen", "3.6.4", "1.34.1")?;

    let (folder, messages) = answer(machine.script(&[]).env("KUBEBUILDER_ASSETS", &chosen))?;

    assert_eq!(folder, "");
    assert!(messages.contains("it lacks kube-controller-manager"), "{messages}");
    Ok(())
}

#[test]
fn programs_in_path_are_collected_in_one_folder() -> Result<()> {
    let machine = Machine::new()?;
    machine.install("bin", "3.6.4", "1.34.1")?;

    let (folder, messages) = answer(&mut machine.script(&SERVERS))?;

    for program in SERVERS {
        let link = Path::new(&folder).join(program);
        assert_eq!(fs::read_link(link).context(messages.clone())?, machine.path("bin").join(program));
    }
    Ok(())
}

#[test]
fn the_command_beside_runs_and_decides_the_exit_code() -> Result<()> {
    let machine = Machine::new()?;
    machine.install("bin", "3.6.4", "1.34.1")?;
    let beside = |command: &str| {
        machine.script(&SERVERS).args(["--beside", "bash", "-c", command]).output().context("build.sh was not started")
    };

    let output = beside("echo compiled")?;
    assert!(output.status.success());
    assert!(String::from_utf8(output.stderr)?.ends_with("compiled\n"), "stdout is for the folder alone");
    assert!(!beside("exit 3")?.status.success());
    Ok(())
}
