//! The programs that a lab starts: the operator and the emulator. They are built beforehand.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

/// Returns cargo's target folder, derived from the path of the running program; `target` if the program is elsewhere.
pub fn target_folder() -> PathBuf {
    Programs::beside_this_one().map_or_else(|_| PathBuf::from("target"), |programs| programs.target().to_owned())
}

/// The folder that contains `mgnet` and `aws-emulator`.
#[derive(Clone, Debug)]
pub(crate) struct Programs {
    folder: PathBuf,
}

impl Programs {
    /// Uses the programs in `folder`; fails if one is missing.
    pub(crate) fn in_folder(folder: &Path) -> Result<Self> {
        let programs = Self { folder: std::path::absolute(folder).context("the path of the folder is invalid")? };
        for program in [programs.operator(), programs.emulator()] {
            ensure!(
                program.is_file(),
                "there is no '{}'; run `cargo build --workspace` first, with `--release` to test a release build",
                program.display()
            );
        }
        Ok(programs)
    }

    /// Uses the programs that cargo built next to the running one. A test is in `deps`, one level below.
    pub(crate) fn beside_this_one() -> Result<Self> {
        let this = std::env::current_exe().context("the running program has no path")?;
        let mut folder = this.parent().context("the running program is in no folder")?;
        if folder.ends_with("deps") {
            folder = folder.parent().context("the running program is in no target folder")?;
        }
        Self::in_folder(folder)
    }

    /// Returns the path of the operator.
    pub(crate) fn operator(&self) -> PathBuf {
        self.folder.join("mgnet")
    }

    /// Returns the path of the AWS emulator.
    pub(crate) fn emulator(&self) -> PathBuf {
        self.folder.join("aws-emulator")
    }

    /// Returns cargo's target folder, for all files that do not belong in the repository.
    pub(crate) fn target(&self) -> &Path {
        self.folder.parent().unwrap_or(&self.folder)
    }
}
