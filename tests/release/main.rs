//! Tests of what a release consists of: versions, the kubectl plugin, and in `in_full`, which only `make test-full` runs, the
//! image, the archives, the workflows and the documentation site.

mod changelog;
mod in_full;
mod plugin;

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, ensure};

const REPOSITORY: &str = env!("CARGO_MANIFEST_DIR");

/// Returns the path of a file of the repository.
fn in_repository(path: &str) -> PathBuf {
    Path::new(REPOSITORY).join(path)
}

/// Reads a file of the repository.
fn text(path: &str) -> Result<String> {
    std::fs::read_to_string(in_repository(path)).with_context(|| format!("cannot read '{path}'"))
}

/// Returns a command that runs a script of the repository at its top.
fn script(path: &str) -> Command {
    let mut command = Command::new(in_repository(path));
    command.current_dir(REPOSITORY).env("CARGO_TARGET_DIR", support::target_folder());
    command
}

/// Runs a command, and returns its standard output without the last newline.
fn output(command: &mut Command) -> Result<String> {
    let ended = command.output().with_context(|| format!("cannot run {command:?}"))?;
    let messages = String::from_utf8_lossy(&ended.stderr);
    ensure!(
        ended.status.success(),
        "{command:?}: {}\n{messages}{}",
        ended.status,
        String::from_utf8_lossy(&ended.stdout)
    );
    Ok(String::from_utf8(ended.stdout)?.trim_end().to_owned())
}

/// Runs a command that must fail, and returns its standard error.
fn failure(command: &mut Command) -> Result<String> {
    let ended = command.output().with_context(|| format!("cannot run {command:?}"))?;
    ensure!(!ended.status.success(), "{command:?} succeeded: {}", String::from_utf8_lossy(&ended.stdout));
    Ok(String::from_utf8_lossy(&ended.stderr).into_owned())
}
