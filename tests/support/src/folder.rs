//! The folder in which a lab keeps its logs, until the next run of the tests.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The folder of one lab.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
}

impl Folder {
    /// Returns the folder at that path. Creates it if it does not exist.
    pub(crate) fn at(path: &Path) -> io::Result<Self> {
        fs::create_dir_all(path)?;
        Ok(Self { path: std::path::absolute(path)? })
    }

    /// Creates a folder that is named after this process. Removes the folders of processes that have ended: the logs of
    /// a failed test remain readable until the next process starts.
    pub(crate) fn of_this_process(target: &Path) -> io::Result<Self> {
        let all = target.join("lab");
        fs::create_dir_all(&all)?;
        for entry in fs::read_dir(&all)?.flatten() {
            let owner = entry.file_name().to_string_lossy().split('-').next().map(str::to_owned).unwrap_or_default();
            if !Path::new("/proc").join(owner).exists() {
                // Another process may be removing it, too.
                let _ = fs::remove_dir_all(entry.path());
            }
        }
        (0..)
            .map(|number| all.join(format!("{}-{number}", std::process::id())))
            .find_map(|path| match fs::create_dir(&path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => None,
                made => Some(made.map(|()| Self { path })),
            })
            .unwrap_or_else(|| Err(io::ErrorKind::AlreadyExists.into()))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}
