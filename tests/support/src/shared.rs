//! The lab of a test. On the real backend tests of a process share one, or take turns at others; on the simulated backend each has
//! its own.
//!
//! Each test has a runtime of its own, and nothing that belongs to one may be kept from test to test; so what is shared
//! are processes, addresses and a lock, and clients are made anew by who needs them.

use std::ops::Deref;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use anyhow::{Result, bail};
use tokio::sync::{OnceCell, OwnedSemaphorePermit, Semaphore};

use crate::lab::Lab;
use crate::options::LabOptions;

/// The variable that chooses the backend of tests which run on either: `simulated`, which is the default, or `real`.
const BACKEND: &str = "MGNET_BACKEND";

/// The lab of tests that leave its operator alone.
static SHARED: OnceCell<Lab> = OnceCell::const_new();

/// How many labs there are for those that do not: they wait more than they work, and a control plane takes memory.
const EXCLUSIVE: usize = 2;

/// Those labs, as far as they were started and nobody has them.
static FREE: Mutex<Vec<Lab>> = Mutex::new(Vec::new());
static TURNS: LazyLock<Arc<Semaphore>> = LazyLock::new(|| Arc::new(Semaphore::new(EXCLUSIVE)));

/// A lab for one test alone, which may stop the operator and break AWS for everybody.
#[derive(Debug)]
pub struct ExclusiveLab {
    lab: Lab,
    turn: Option<OwnedSemaphorePermit>,
}

impl Lab {
    /// The lab of a test that leaves the operator alone, on the backend that is chosen. The operator runs.
    pub async fn shared() -> Result<Self> {
        if is_real()? { Self::real_shared().await } else { simulated().await }
    }

    /// The lab of a test that does not, on the backend that is chosen. The operator runs.
    pub async fn exclusive() -> Result<ExclusiveLab> {
        if is_real()? { Self::real_exclusive().await } else { Ok(ExclusiveLab { lab: simulated().await?, turn: None }) }
    }

    /// A lab with such options for one test alone, on the backend that is chosen.
    pub async fn own(options: LabOptions) -> Result<Self> {
        if is_real()? { Self::start(options).await } else { Self::simulate(options).await }
    }

    /// The real lab that tests of this process share, started by whoever comes first. The operator runs.
    pub async fn real_shared() -> Result<Self> {
        Ok(SHARED.get_or_try_init(|| Self::start(LabOptions::default())).await?.clone())
    }

    /// Another real lab of this process, which nobody else uses until the value goes. The operator runs.
    pub async fn real_exclusive() -> Result<ExclusiveLab> {
        let turn = TURNS.clone().acquire_owned().await?;
        let free = FREE.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let lab = match free {
            Some(lab) => lab,
            None => Self::start(LabOptions::default()).await?,
        };
        // From here on it is given back, whatever becomes of the test.
        let exclusive = ExclusiveLab { lab, turn: Some(turn) };
        // The test before may have left it dead.
        exclusive.operator().start().await?;
        Ok(exclusive)
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

impl Drop for ExclusiveLab {
    fn drop(&mut self) {
        if self.turn.is_some() {
            FREE.lock().unwrap_or_else(PoisonError::into_inner).push(self.lab.clone());
        }
    }
}
