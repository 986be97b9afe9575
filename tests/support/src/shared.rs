//! The lab of a test. On the real backend all tests of a process share one; on the simulated backend each has its own.
//!
//! Each test has a runtime of its own, and nothing that belongs to one may be kept from test to test; so what is shared
//! are processes, addresses and a lock, and clients are made anew by who needs them.

use std::ops::Deref;
use std::sync::{Arc, LazyLock};

use anyhow::{Result, bail};
use tokio::sync::{OnceCell, OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock};

use crate::lab::Lab;
use crate::options::LabOptions;

/// The variable that chooses the backend of tests which run on either: `simulated`, which is the default, or `real`.
const BACKEND: &str = "MGNET_BACKEND";

static LAB: OnceCell<Lab> = OnceCell::const_new();
static USERS: LazyLock<Arc<RwLock<()>>> = LazyLock::new(Arc::default);

/// A lab, and the promise that its operator is left alone while this value lives.
#[derive(Debug)]
pub struct SharedLab {
    lab: Lab,
    _users: Option<OwnedRwLockReadGuard<()>>,
}

/// A lab for one test alone, which may stop the operator and break AWS for everybody.
#[derive(Debug)]
pub struct ExclusiveLab {
    lab: Lab,
    _users: Option<OwnedRwLockWriteGuard<()>>,
}

impl Lab {
    /// The lab of a test that leaves the operator alone, on the backend that is chosen. The operator runs.
    ///
    /// Do not ask for a second one while holding the first: a test that waits for the lab alone would stand between.
    pub async fn shared() -> Result<SharedLab> {
        if is_real()? { Self::real_shared().await } else { Ok(SharedLab { lab: simulated().await?, _users: None }) }
    }

    /// The lab of a test that does not, on the backend that is chosen. The operator runs.
    pub async fn exclusive() -> Result<ExclusiveLab> {
        if is_real()? {
            Self::real_exclusive().await
        } else {
            Ok(ExclusiveLab { lab: simulated().await?, _users: None })
        }
    }

    /// A lab with such options for one test alone, on the backend that is chosen.
    pub async fn own(options: LabOptions) -> Result<Self> {
        if is_real()? { Self::start(options).await } else { Self::simulate(options).await }
    }

    /// The real lab that all tests of this process share, started by whoever comes first. The operator runs.
    pub async fn real_shared() -> Result<SharedLab> {
        let users = USERS.clone().read_owned().await;
        Ok(SharedLab { lab: lab_of_this_process().await?, _users: Some(users) })
    }

    /// The same lab once nobody else uses it, until the value goes. The operator runs.
    pub async fn real_exclusive() -> Result<ExclusiveLab> {
        let users = USERS.clone().write_owned().await;
        Ok(ExclusiveLab { lab: lab_of_this_process().await?, _users: Some(users) })
    }
}

/// Whether tests that run on either backend run on the real one.
fn is_real() -> Result<bool> {
    match std::env::var(BACKEND).as_deref() {
        Err(_) | Ok("" | "simulated") => Ok(false),
        Ok("real") => Ok(true),
        Ok(other) => bail!("{BACKEND} must be 'simulated' or 'real', not '{other}'"),
    }
}

async fn simulated() -> Result<Lab> {
    Lab::simulate(LabOptions::default()).await
}

async fn lab_of_this_process() -> Result<Lab> {
    let lab = LAB.get_or_try_init(|| Lab::start(LabOptions::default())).await?;
    // The test before may have left it dead.
    lab.operator().start().await?;
    Ok(lab.clone())
}

impl Deref for SharedLab {
    type Target = Lab;

    fn deref(&self) -> &Lab {
        &self.lab
    }
}

impl Deref for ExclusiveLab {
    type Target = Lab;

    fn deref(&self) -> &Lab {
        &self.lab
    }
}
