//! The folder for the data of one control plane, which is removed even if the process that created it was killed.
//!
//! Ctrl-C on a test run kills the process before any destructor runs, and etcd alone leaves more than 64 MB each time.
//! So the owner holds a lock on a file in its folder. The kernel releases the lock when the owner ends in any way. The
//! next process that creates a folder removes all folders whose lock is free.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use tempfile::TempDir;

const PREFIX: &str = "mgnet-control-plane-";
const LOCK: &str = "owner.lock";

#[derive(Debug)]
pub(crate) struct DataFolder {
    folder: TempDir,
    _lock: File,
}

impl DataFolder {
    /// Creates a folder in `parent` that only its owner can read, and removes the folders of dead processes there.
    pub(crate) fn new_in(parent: &Path) -> io::Result<Self> {
        remove_abandoned(parent);
        let folder = tempfile::Builder::new().prefix(PREFIX).tempdir_in(parent)?;
        // The file is locked before it gets its name, so that no other process treats this folder as abandoned in
        // between.
        let unnamed = folder.path().join("owner.lock.new");
        let lock = File::create(&unnamed)?;
        lock.lock()?;
        fs::rename(unnamed, folder.path().join(LOCK))?;
        Ok(Self { folder, _lock: lock })
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }
}

/// Removes abandoned folders where possible. A folder of another user, or one whose servers are still exiting, remains
/// until the next time.
fn remove_abandoned(parent: &Path) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(PREFIX)
            && let Ok(lock) = File::open(entry.path().join(LOCK))
            && lock.try_lock().is_ok()
        {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_abandoned_folders_are_removed() -> io::Result<()> {
        let parent = TempDir::new()?;
        let held = DataFolder::new_in(parent.path())?;
        let killed = DataFolder::new_in(parent.path())?;
        fs::create_dir(killed.path().join("etcd"))?;
        let DataFolder { folder, _lock: lock } = killed;
        // A killed process leaves this state: the lock is free, and the folder exists.
        drop(lock);
        let killed = folder.keep();
        let foreign = parent.path().join("something-else");
        fs::create_dir(&foreign)?;
        File::create(foreign.join(LOCK))?;

        let new = DataFolder::new_in(parent.path())?;

        assert!(!killed.exists());
        assert!(held.path().exists() && foreign.exists() && new.path().exists());
        Ok(())
    }

    #[test]
    fn a_folder_is_removed_with_its_value() -> io::Result<()> {
        let parent = TempDir::new()?;
        let folder = DataFolder::new_in(parent.path())?;
        let path = folder.path().to_owned();
        assert!(path.exists());
        drop(folder);
        assert!(!path.exists());
        Ok(())
    }
}
