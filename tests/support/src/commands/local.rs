//! The environment that `up` keeps running: its files, and its lock.
//!
//! The process that runs the environment, the holder, locks a file. The kernel releases the lock whenever the holder
//! ends.

use std::fs::{self, File, TryLockError};
use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use support::{Lab, target_folder};

use super::tokyo;

/// The folder of the environment.
pub(crate) struct Local {
    folder: PathBuf,
}

impl Local {
    pub(crate) fn new() -> Result<Self> {
        let folder = std::path::absolute(target_folder())?.join("local");
        fs::create_dir_all(&folder).with_context(|| format!("cannot create '{}'", folder.display()))?;
        Ok(Self { folder })
    }

    pub(crate) fn folder(&self) -> &PathBuf {
        &self.folder
    }

    /// Returns the path of an administrator's kubeconfig.
    pub(crate) fn kubeconfig(&self) -> PathBuf {
        self.folder.join("kubeconfig")
    }

    /// Returns the path of a shell script with the variables for the cluster and AWS. It exists only while the
    /// environment runs.
    pub(crate) fn env(&self) -> PathBuf {
        self.folder.join("env")
    }

    /// Returns the path of the holder's log.
    pub(crate) fn log(&self) -> PathBuf {
        self.folder.join("lab.log")
    }

    fn lock_file(&self) -> PathBuf {
        self.folder.join("holder")
    }

    /// Locks the environment for this process, as long as the file stays open; `None` if another process holds it.
    pub(crate) fn take(&self) -> Result<Option<File>> {
        let file = File::options().create(true).read(true).write(true).truncate(false).open(self.lock_file())?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => bail!("cannot lock '{}': {error}", self.lock_file().display()),
        }
        file.set_len(0)?;
        writeln!(&file, "{}", std::process::id())?;
        Ok(Some(file))
    }

    /// Whether a process holds the environment.
    pub(crate) fn is_held(&self) -> Result<bool> {
        let Ok(file) = File::open(self.lock_file()) else { return Ok(false) };
        match file.try_lock_shared() {
            Ok(()) => Ok(false),
            Err(TryLockError::WouldBlock) => Ok(true),
            Err(TryLockError::Error(error)) => bail!("cannot lock '{}': {error}", self.lock_file().display()),
        }
    }

    /// Returns the process ID of the holder.
    pub(crate) fn holder(&self) -> Result<u32> {
        fs::read_to_string(self.lock_file())?.trim().parse().context("the lock file contains no process ID")
    }

    /// Writes the files for users and their programs.
    pub(crate) fn publish(&self, lab: &Lab) -> Result<()> {
        fs::copy(lab.kubeconfig(), self.kubeconfig())?;
        let programs = lab.control_plane().assets().folder().display().to_string();
        let variables = [
            ("KUBECONFIG", self.kubeconfig().display().to_string()),
            ("AWS_ENDPOINT_URL", lab.aws_endpoint_url().to_owned()),
            ("AWS_REGION", tokyo::REGION.to_owned()),
            ("AWS_DEFAULT_REGION", tokyo::REGION.to_owned()),
            // The emulator takes the account from the key, and accepts any secret.
            ("AWS_ACCESS_KEY_ID", tokyo::ACCOUNT.to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "secret".to_owned()),
        ];
        let exports = variables.map(|(name, value)| format!("export {name}={}\n", quoted(&value))).concat();
        let text = format!(
            "# Load this file into a shell with `.`.\n{exports}\
             # The kubectl of this Kubernetes version.\n\
             export PATH={}:\"$PATH\"\n\
             export NO_PROXY=127.0.0.1\"${{NO_PROXY:+,$NO_PROXY}}\"\n\
             unset AWS_PROFILE AWS_SESSION_TOKEN AWS_CA_BUNDLE\n",
            quoted(&programs)
        );
        // The file appears only when it is complete, because `up` waits for it.
        let incomplete = self.folder.join("env.new");
        fs::write(&incomplete, text)?;
        fs::rename(incomplete, self.env())?;
        Ok(())
    }

    /// Removes these files.
    pub(crate) fn withdraw(&self) {
        for file in [self.env(), self.kubeconfig()] {
            // The file may be missing.
            let _ = fs::remove_file(file);
        }
    }
}

fn quoted(value: &str) -> String {
    format!("'{}'", value.replace('\'', r"'\''"))
}
