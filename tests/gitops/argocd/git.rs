//! The Git repositories that the Applications name, as folders on this machine.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use crate::files::Files;

/// A repository with one branch, `main`.
pub(crate) struct Repository {
    folder: PathBuf,
}

impl Repository {
    /// Creates a repository with a first commit of these files.
    pub(crate) fn create(folder: PathBuf, files: &Files) -> Result<Self> {
        fs::create_dir_all(&folder)?;
        let repository = Self { folder };
        repository.git(&["init", "--quiet", "--initial-branch=main"])?;
        repository.commit(files)?;
        Ok(repository)
    }

    /// Commits a state of the repository that consists of these files.
    pub(crate) fn commit(&self, files: &Files) -> Result<()> {
        self.git(&["rm", "-r", "--quiet", "--ignore-unmatch", "."])?;
        for (path, text) in files {
            let file = self.folder.join(path);
            fs::create_dir_all(file.parent().context("a file in a repository")?)?;
            fs::write(file, text)?;
        }
        self.git(&["add", "--all"])?;
        let author = ["-c", "user.name=team", "-c", "user.email=team@example.com"];
        self.git(&[&author[..], &["commit", "--quiet", "--allow-empty", "--message=change"]].concat())
    }

    fn git(&self, arguments: &[&str]) -> Result<()> {
        let mut git = Command::new("git");
        // Without the settings of the user.
        git.args(arguments).current_dir(&self.folder).env("HOME", &self.folder).env("GIT_CONFIG_NOSYSTEM", "1");
        let output = git.output().context("cannot run 'git'")?;
        ensure!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        Ok(())
    }
}

/// Returns the URL of the folder that contains the repositories.
pub(crate) fn url(folder: &Path) -> String {
    format!("file://{}/", folder.display())
}
