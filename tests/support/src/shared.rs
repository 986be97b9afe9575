//! The lab of a test. On the real backend, the tests of a process share one lab, or use further labs exclusively. On
//! the simulated backend, each test has its own lab.
//!
//! Each test has its own runtime, so values that belong to a runtime cannot be shared between tests. Tests share
//! processes, addresses and a lock, and create their own clients.

use std::ops::Deref;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use anyhow::{Result, bail};
use tokio::sync::{OnceCell, OwnedSemaphorePermit, Semaphore};

use crate::lab::Lab;
use crate::options::LabOptions;

/// The variable that chooses the backend of tests which run on either: `simulated`, which is the default, or `real`.
const BACKEND: &str = "MGNET_BACKEND";

/// The lab of tests that do not stop its operator.
static SHARED: OnceCell<Lab> = OnceCell::const_new();

/// Another cluster beside the shared lab.
static BESIDE_SHARED: OnceCell<Lab> = OnceCell::const_new();

/// The number of labs for exclusive use. More than one, because these tests mostly wait, but few, because a control
/// plane needs memory.
const EXCLUSIVE: usize = 2;

/// The exclusive labs that are started and not in use.
static FREE: Mutex<Vec<Lab>> = Mutex::new(Vec::new());
static PERMITS: LazyLock<Arc<Semaphore>> = LazyLock::new(|| Arc::new(Semaphore::new(EXCLUSIVE)));

/// A lab for exclusive use by one test, which may stop the operator and break AWS for all accounts.
#[derive(Debug)]
pub struct ExclusiveLab {
    lab: Lab,
    permit: Option<OwnedSemaphorePermit>,
}

impl Lab {
    /// Returns the lab of a test that does not stop the operator, on the selected backend. The operator runs.
    pub async fn shared() -> Result<Self> {
        if is_real()? { Self::real_shared().await } else { simulated().await }
    }

    /// Returns two clusters that use the same AWS, for a test that does not stop their operators, on the selected backend.
    pub async fn shared_pair() -> Result<(Self, Self)> {
        let lab = Self::shared().await?;
        let other = if lab.is_simulated() {
            lab.another_cluster().await?
        } else {
            BESIDE_SHARED.get_or_try_init(|| lab.another_cluster()).await?.clone()
        };
        Ok((lab, other))
    }

    /// Returns a lab for exclusive use, on the selected backend. The operator runs.
    pub async fn exclusive() -> Result<ExclusiveLab> {
        if is_real()? {
            Self::real_exclusive().await
        } else {
            Ok(ExclusiveLab { lab: simulated().await?, permit: None })
        }
    }

    /// Starts a lab with these options for one test, on the selected backend.
    pub async fn own(options: LabOptions) -> Result<Self> {
        if is_real()? { Self::start(options).await } else { Self::simulate(options).await }
    }

    /// Returns the real lab that the tests of this process share. The first test starts it. The operator runs.
    pub async fn real_shared() -> Result<Self> {
        Ok(SHARED.get_or_try_init(|| Self::start(LabOptions::default())).await?.clone())
    }

    /// Returns a real lab of this process for exclusive use until the value is dropped. The operator runs.
    pub async fn real_exclusive() -> Result<ExclusiveLab> {
        let permit = PERMITS.clone().acquire_owned().await?;
        let free = FREE.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let lab = match free {
            Some(lab) => lab,
            None => Self::start(LabOptions::default()).await?,
        };
        // From here on the lab is returned to the free ones even if the test fails.
        let exclusive = ExclusiveLab { lab, permit: Some(permit) };
        // The previous test may have stopped the operator.
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
        if self.permit.is_some() {
            FREE.lock().unwrap_or_else(PoisonError::into_inner).push(self.lab.clone());
        }
    }
}
