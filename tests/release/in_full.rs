//! Tests that need programs which take minutes to install or build: `make test-full` runs them.

mod archives;
mod image;
mod publish;
mod running;
mod site;
mod workflows;

use std::{path::PathBuf, process::Command, sync::LazyLock};

use anyhow::{Context as _, Result, ensure};

use crate::{output, script};

/// Returns the operator as the release builds it, but without optimization: `make release-parts` builds it.
fn binary() -> Result<PathBuf> {
    part("mgnet")
}

/// Returns the licenses of the crates: `make release-parts` writes them.
fn notices() -> Result<PathBuf> {
    part("third-party.txt")
}

fn part(name: &str) -> Result<PathBuf> {
    let path = support::target_folder().join("release-parts").join(name);
    ensure!(path.is_file(), "there is no '{}'; run `make release-parts`", path.display());
    Ok(path)
}

/// Returns the folder of the linters, after installing all programs that the tests need.
fn linters() -> Result<PathBuf> {
    static INSTALLED: LazyLock<Result<String, String>> =
        LazyLock::new(|| output(&mut script("tests/release/install.sh")).map_err(|error| format!("{error:#}")));
    let installed = INSTALLED.as_ref().map_err(|error| anyhow::anyhow!("{error}"))?;
    Ok(installed.lines().last().context("tests/release/install.sh prints a folder")?.into())
}

/// Returns a command for a program that is built from tests/tools/SET.
fn tool(set: &str, name: &str) -> Result<Command> {
    let folder = output(script("tests/tools/build.sh").arg(set))?;
    Ok(Command::new(PathBuf::from(folder).join(name)))
}
