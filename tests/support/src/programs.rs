//! Where the programs are that a lab starts: the operator and the emulator, built before it.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

/// cargo's target folder, as seen from the running program; `target` where that lies elsewhere.
pub fn target_folder() -> PathBuf {
    Programs::beside_this_one().map_or_else(|_| PathBuf::from("target"), |programs| programs.target().to_owned())
}

/// The folder that holds `mgnet` and `aws-emulator`, and what was found there.
#[derive(Clone, Debug)]
pub(crate) struct Programs {
    folder: PathBuf,
}

impl Programs {
    /// Takes the programs of `folder`; fails if one is missing.
    pub(crate) fn in_folder(folder: &Path) -> Result<Self> {
        let programs = Self { folder: std::path::absolute(folder).context("not the path of a folder")? };
        for program in [programs.operator(), programs.emulator()] {
            ensure!(
                program.is_file(),
                "there is no '{}'; run `cargo build --workspace` first, with `--release` if that is what is tested",
                program.display()
            );
        }
        Ok(programs)
    }

    /// Takes the programs that cargo put beside the running one: a test lies in `deps`, one level below.
    pub(crate) fn beside_this_one() -> Result<Self> {
        let this = std::env::current_exe().context("the running program has no path")?;
        let mut folder = this.parent().context("the running program lies in no folder")?;
        if folder.ends_with("deps") {
            folder = folder.parent().context("the running program lies in no target folder")?;
        }
        Self::in_folder(folder)
    }

    /// The operator.
    pub(crate) fn operator(&self) -> PathBuf {
        self.folder.join("mgnet")
    }

    /// The emulator of AWS.
    pub(crate) fn emulator(&self) -> PathBuf {
        self.folder.join("aws-emulator")
    }

    /// cargo's target folder, to which everything is written that is not for the repository.
    pub(crate) fn target(&self) -> &Path {
        self.folder.parent().unwrap_or(&self.folder)
    }
}
