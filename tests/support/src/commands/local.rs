//! The environment that `up` keeps running: where its files are, and whether somebody holds it.
//!
//! Who holds it holds a lock on a file, which the kernel lets go of whatever way the holder ends.

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
        fs::create_dir_all(&folder).with_context(|| format!("cannot make '{}'", folder.display()))?;
        Ok(Self { folder })
    }

    pub(crate) fn folder(&self) -> &PathBuf {
        &self.folder
    }

    /// An administrator's kubeconfig.
    pub(crate) fn kubeconfig(&self) -> PathBuf {
        self.folder.join("kubeconfig")
    }

    /// What a shell reads to talk to cluster and AWS. It is there only while the environment is.
    pub(crate) fn env(&self) -> PathBuf {
        self.folder.join("env")
    }

    /// What the holder says.
    pub(crate) fn log(&self) -> PathBuf {
        self.folder.join("lab.log")
    }

    fn lock_file(&self) -> PathBuf {
        self.folder.join("holder")
    }

    /// Takes the environment for this process, for as long as the file stays open; `None` if somebody has it.
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

    /// Whether somebody has it.
    pub(crate) fn is_held(&self) -> Result<bool> {
        let Ok(file) = File::open(self.lock_file()) else { return Ok(false) };
        match file.try_lock_shared() {
            Ok(()) => Ok(false),
            Err(TryLockError::WouldBlock) => Ok(true),
            Err(TryLockError::Error(error)) => bail!("cannot lock '{}': {error}", self.lock_file().display()),
        }
    }

    /// The process that has it.
    pub(crate) fn holder(&self) -> Result<u32> {
        fs::read_to_string(self.lock_file())?.trim().parse().context("the holder is not known")
    }

    /// Writes the files for people and their programs.
    pub(crate) fn publish(&self, lab: &Lab) -> Result<()> {
        fs::copy(lab.kubeconfig(), self.kubeconfig())?;
        let programs = lab.control_plane().assets().folder().display().to_string();
        let variables = [
            ("KUBECONFIG", self.kubeconfig().display().to_string()),
            ("AWS_ENDPOINT_URL", lab.aws_endpoint_url().to_owned()),
            ("AWS_REGION", tokyo::REGION.to_owned()),
            ("AWS_DEFAULT_REGION", tokyo::REGION.to_owned()),
            // The emulator takes the account from the key, and any secret.
            ("AWS_ACCESS_KEY_ID", tokyo::ACCOUNT.to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "secret".to_owned()),
        ];
        let exports = variables.map(|(name, value)| format!("export {name}={}\n", quoted(&value))).concat();
        let text = format!(
            "# For a shell: `.` this file.\n{exports}\
             # kubectl, for who has none or one of another version.\n\
             export PATH={}:\"$PATH\"\n\
             export NO_PROXY=127.0.0.1\"${{NO_PROXY:+,$NO_PROXY}}\"\n\
             unset AWS_PROFILE AWS_SESSION_TOKEN AWS_CA_BUNDLE\n",
            quoted(&programs)
        );
        // Complete or not there at all: `up` waits for it.
        let unfinished = self.folder.join("env.new");
        fs::write(&unfinished, text)?;
        fs::rename(unfinished, self.env())?;
        Ok(())
    }

    /// Removes those files.
    pub(crate) fn withdraw(&self) {
        for file in [self.env(), self.kubeconfig()] {
            // Not there is as good.
            let _ = fs::remove_file(file);
        }
    }
}

fn quoted(value: &str) -> String {
    format!("'{}'", value.replace('\'', r"'\''"))
}
