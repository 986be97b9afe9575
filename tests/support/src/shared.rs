//! The lab of a test. On the real backend tests of a process share one, or take turns at another; on the simulated backend each has
//! its own.
//!
//! Each test has a runtime of its own, and nothing that belongs to one may be kept from test to test; so what is shared
//! are processes, addresses and a lock, and clients are made anew by who needs them.

use std::ops::Deref;
use std::sync::{Arc, LazyLock};

use anyhow::{Result, bail};
use tokio::sync::{Mutex, OnceCell, OwnedMutexGuard};

use crate::lab::Lab;
use crate::options::LabOptions;

/// The variable that chooses the backend of tests which run on either: `simulated`, which is the default, or `real`.
const BACKEND: &str = "MGNET_BACKEND";

/// The lab of tests that leave its operator alone.
static SHARED: OnceCell<Lab> = OnceCell::const_new();

/// The lab of those that do not, which have it one after the other, so that they hold up no others.
static EXCLUSIVE: OnceCell<Lab> = OnceCell::const_new();
static TURN: LazyLock<Arc<Mutex<()>>> = LazyLock::new(Arc::default);

/// A lab for one test alone, which may stop the operator and break AWS for everybody.
#[derive(Debug)]
pub struct ExclusiveLab {
    lab: Lab,
    _turn: Option<OwnedMutexGuard<()>>,
}

impl Lab {
    /// The lab of a test that leaves the operator alone, on the backend that is chosen. The operator runs.
    pub async fn shared() -> Result<Self> {
        if is_real()? { Self::real_shared().await } else { simulated().await }
    }

    /// The lab of a test that does not, on the backend that is chosen. The operator runs.
    pub async fn exclusive() -> Result<ExclusiveLab> {
        if is_real()? {
            Self::real_exclusive().await
        } else {
            Ok(ExclusiveLab { lab: simulated().await?, _turn: None })
        }
    }

    /// A lab with such options for one test alone, on the backend that is chosen.
    pub async fn own(options: LabOptions) -> Result<Self> {
        if is_real()? { Self::start(options).await } else { Self::simulate(options).await }
    }

    /// The real lab that tests of this process share, started by whoever comes first. The operator runs.
    pub async fn real_shared() -> Result<Self> {
        Ok(SHARED.get_or_try_init(|| Self::start(LabOptions::default())).await?.clone())
    }

    /// The other real lab of this process once nobody else uses it, until the value goes. The operator runs.
    pub async fn real_exclusive() -> Result<ExclusiveLab> {
        let turn = TURN.clone().lock_owned().await;
        let lab = EXCLUSIVE.get_or_try_init(|| Self::start(LabOptions::default())).await?.clone();
        // The test before may have left it dead.
        lab.operator().start().await?;
        Ok(ExclusiveLab { lab, _turn: Some(turn) })
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

impl Deref for ExclusiveLab {
    type Target = Lab;

    fn deref(&self) -> &Lab {
        &self.lab
    }
}
