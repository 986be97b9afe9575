//! Tests of the binary as a plugin of kubectl, with a real kubectl.

use std::{
    ffi::OsString,
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::Path,
    process::Command,
};

use anyhow::Result;
use control_plane::Assets;

use crate::{failure, in_repository, output, text};

const PROGRAM: &str = env!("CARGO_BIN_EXE_mgnet");

/// A folder in PATH with the plugin under both of its names, and the scripts that complete its arguments.
struct Plugins {
    folder: tempfile::TempDir,
    kubectl: std::path::PathBuf,
}

impl Plugins {
    fn install() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        for name in ["mgnet", "migration_network"] {
            let plugin = folder.path().join(format!("kubectl-{name}"));
            symlink(PROGRAM, &plugin)?;
            let completion = folder.path().join(format!("kubectl_complete-{name}"));
            fs::write(&completion, output(Command::new(&plugin).args(["completion", "kubectl"]))?)?;
            fs::set_permissions(&completion, fs::Permissions::from_mode(0o755))?;
        }
        Ok(Self { folder, kubectl: Assets::without_controllers()?.kubectl() })
    }

    /// Returns a kubectl that finds the plugins, but no cluster.
    fn kubectl(&self) -> Command {
        let mut path = OsString::from(self.folder.path());
        path.push(":");
        path.push(std::env::var_os("PATH").unwrap_or_default());
        let mut command = Command::new(&self.kubectl);
        command
            .env("PATH", path)
            .env("KUBECONFIG", self.folder.path().join("none"))
            .env_remove("KUBERNETES_SERVICE_HOST");
        command
    }
}

#[test]
fn help_and_errors_contain_the_command_that_the_user_types() -> Result<()> {
    let plugins = Plugins::install()?;
    let help = output(plugins.kubectl().args(["mgnet", "--help"]))?;
    assert!(help.contains("Usage: kubectl mgnet <COMMAND>"), "{help}");
    let help = output(plugins.kubectl().args(["migration-network", "orphans", "--help"]))?;
    assert!(help.contains("Usage: kubectl migration-network orphans [OPTIONS]"), "{help}");

    let unknown = failure(plugins.kubectl().args(["mgnet", "crds", "--folder", "x"]))?;
    assert!(unknown.contains("Usage: kubectl mgnet crds"), "{unknown}");
    let no_cluster = failure(plugins.kubectl().args(["mgnet", "orphans"]))?;
    assert!(no_cluster.contains("kubectl mgnet: no Kubernetes cluster is configured"), "{no_cluster}");
    Ok(())
}

#[test]
fn kubectl_completes_the_arguments_of_the_plugin() -> Result<()> {
    let plugins = Plugins::install()?;
    for plugin in ["mgnet", "migration-network"] {
        let commands = output(plugins.kubectl().args(["__complete", plugin, "orph"]))?;
        assert_eq!(commands, "orphans\tList orphaned AWS resources, and delete selected ones\n:4");
        let values = output(plugins.kubectl().args(["__complete", plugin, "orphans", "--output", ""]))?;
        assert_eq!(values, "table\tTable for humans\njson\tOne JSON object\n:4");
    }
    Ok(())
}

#[test]
fn the_archives_contain_the_script_that_the_program_prints() -> Result<()> {
    let plugins = Plugins::install()?;
    let plugin = plugins.folder.path().join("kubectl-mgnet");
    assert_eq!(
        format!("{}\n", output(Command::new(plugin).args(["completion", "kubectl"]))?),
        text("release/kubectl_complete-mgnet")?
    );
    let mode = fs::metadata(in_repository("release/kubectl_complete-mgnet"))?.permissions().mode();
    assert_eq!(mode & 0o111, 0o111);
    Ok(())
}

#[test]
fn bash_completes_commands_by_the_script() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("mgnet.bash");
    fs::write(&file, output(Command::new(PROGRAM).args(["completion", "bash"]))?)?;
    assert_eq!(completed_by_bash(&file, "orph")?, "orphans");
    assert_eq!(completed_by_bash(&file, "comp")?, "completion");
    Ok(())
}

/// Returns what bash completes a word after `mgnet` to.
fn completed_by_bash(file: &Path, word: &str) -> Result<String> {
    let script = format!(
        "source '{}'; COMP_WORDS=(mgnet {word}); COMP_CWORD=1; _mgnet mgnet {word} mgnet; echo \"${{COMPREPLY[@]}}\"",
        file.display()
    );
    output(Command::new("bash").args(["--norc", "-c", &script]))
}
