//! Tests of the workflows with actionlint and zizmor, and of rules that neither has.

use std::{fs, path::PathBuf, process::Command};

use anyhow::Result;

use super::{linters, tool};
use crate::{REPOSITORY, failure, in_repository, output};

fn workflows() -> Result<Vec<(PathBuf, String)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(in_repository(".github/workflows"))? {
        let path = entry?.path();
        found.push((path.clone(), fs::read_to_string(path)?));
    }
    found.sort();
    assert!(found.len() >= 3, "{found:?}");
    Ok(found)
}

#[test]
fn actionlint_has_no_findings() -> Result<()> {
    linters()?; // Installs shellcheck, with which actionlint checks the commands of steps.
    output(tool("release", "actionlint")?.arg("-shellcheck=shellcheck").current_dir(REPOSITORY))?;
    Ok(())
}

#[test]
fn zizmor_has_no_findings() -> Result<()> {
    let zizmor = || -> Result<Command> {
        let mut command = Command::new(linters()?.join("zizmor"));
        command.args(["--offline", "--no-progress", "--persona", "auditor"]);
        Ok(command)
    };
    output(zizmor()?.arg(in_repository(".github")))?;

    let folder = tempfile::tempdir()?;
    for (_, text) in workflows()? {
        fs::write(
            folder.path().join("bad.yml"),
            text.replace("persist-credentials: false", "persist-credentials: true"),
        )?;
        failure(zizmor()?.arg(folder.path().join("bad.yml")))?;
    }
    Ok(())
}

#[test]
fn every_action_and_image_is_pinned_by_its_hash_with_the_version() -> Result<()> {
    for (path, text) in workflows()? {
        for line in text.lines() {
            if let Some((_, action)) = line.split_once("uses: ") {
                let (action, version) = action.split_once(" # v").unwrap_or((action, ""));
                let hash = action.split_once('@').map(|(_, hash)| hash).unwrap_or_default();
                let pinned = hash.len() == 40 && hash.chars().all(|c| c.is_ascii_hexdigit());
                assert!(pinned && version.split('.').count() == 3, "{}: {line}", path.display());
            }
            if let Some((_, image)) = line.split_once("image: ").or_else(|| line.split_once("container: ")) {
                assert!(image.contains("@sha256:"), "{}: {line}", path.display());
            }
        }
    }
    Ok(())
}

#[test]
fn steps_run_scripts_and_targets_of_the_repository() -> Result<()> {
    let makefile = crate::text("Makefile")?;
    for (path, text) in workflows()? {
        for command in text
            .lines()
            .filter_map(|line| Some(line.trim_start().trim_start_matches("- ").strip_prefix("run: ")?.trim()))
        {
            let program = command.split_whitespace().next().unwrap_or_default();
            let exists = if program == "make" {
                command.split_whitespace().skip(1).all(|target| makefile.contains(&format!("\n{target}:")))
            } else {
                in_repository(program).is_file()
            };
            assert!(exists, "{}: '{command}' runs no script and no target of the repository", path.display());
        }
    }
    Ok(())
}

#[test]
fn shellcheck_has_no_findings_in_the_scripts() -> Result<()> {
    linters()?;
    let mut command = Command::new("shellcheck");
    for folder in ["deploy/image", "release", ".ci", "tests/release", "docs"] {
        for entry in fs::read_dir(in_repository(folder))?.flatten() {
            let text = fs::read_to_string(entry.path()).unwrap_or_default();
            if text.starts_with("#!/") {
                command.arg(entry.path());
            }
        }
    }
    assert!(command.get_args().len() > 15);
    output(&mut command)?;
    Ok(())
}
