//! One lab for all tests of a process.
//!
//! Each test has a runtime of its own, and nothing that belongs to one may be kept from test to test; so what is shared
//! are processes, addresses and a lock, and clients are made anew by who needs them.

use std::ops::Deref;
use std::sync::{Arc, LazyLock};

use anyhow::Result;
use tokio::sync::{OnceCell, OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock};

use crate::lab::Lab;
use crate::options::LabOptions;

static LAB: OnceCell<Lab> = OnceCell::const_new();
static USERS: LazyLock<Arc<RwLock<()>>> = LazyLock::new(Arc::default);

/// The lab of this process, and the promise that the operator is left alone while this value lives.
#[derive(Debug)]
pub struct SharedLab {
    lab: Lab,
    _users: OwnedRwLockReadGuard<()>,
}

/// The lab of this process for one test alone, which may stop the operator and break AWS for everybody.
#[derive(Debug)]
pub struct ExclusiveLab {
    lab: Lab,
    _users: OwnedRwLockWriteGuard<()>,
}

impl Lab {
    /// The lab that all tests of this process share, started by whoever comes first. The operator runs.
    ///
    /// Do not ask for a second one while holding the first: a test that waits for the lab alone would stand between.
    pub async fn shared() -> Result<SharedLab> {
        let users = USERS.clone().read_owned().await;
        Ok(SharedLab { lab: lab_of_this_process().await?, _users: users })
    }

    /// The same lab once nobody else uses it, until the value goes. The operator runs.
    pub async fn exclusive() -> Result<ExclusiveLab> {
        let users = USERS.clone().write_owned().await;
        Ok(ExclusiveLab { lab: lab_of_this_process().await?, _users: users })
    }
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
