//! The simulated backend: the same lab without processes and on virtual time. Each test has its own.
//!
//! The operator's complete code runs, from its watches to the AWS SDK, against the emulator and an [`ApiServer`] in the
//! same process. Virtual time advances whenever all tasks wait, so no test really waits. AWS's clock follows it.

use std::collections::HashSet;
use std::sync::{LazyLock, Mutex, PoisonError};

use emulator::http::{Clock, InProcess};
use emulator::world::options;
use tokio::runtime::{Handle, Id};

use crate::api_server::ApiServer;
use crate::kubernetes::OPERATOR_NAMESPACE;
use crate::options as chosen;
use crate::options::LabOptions;

/// The parts that replace the processes.
#[derive(Debug)]
pub(crate) struct Simulated {
    pub(crate) aws: InProcess,
    pub(crate) api: ApiServer,
}

impl Simulated {
    /// Makes the time of the caller's runtime virtual, and creates an AWS emulator and an API server in it.
    pub(crate) fn new(options: &LabOptions) -> Self {
        pause_clock();
        let world = options::Options {
            delays: match options.delays {
                chosen::Delays::None => options::Delays::none(),
                chosen::Delays::Aws => options::Delays::aws(),
            },
            // The operator's own rate limits, which avoid throttling, are ineffective here.
            throttling: false,
            ..options::Options::default()
        };
        let clock = match options.clock {
            chosen::Clock::Manual => Clock::Manual,
            chosen::Clock::Wall { speed } => Clock::Wall { speed: speed.into() },
        };
        Self { aws: InProcess::new(clock, world), api: ApiServer::new(&[OPERATOR_NAMESPACE]) }
    }

    /// Creates another cluster that uses the same AWS. `number` distinguishes it from the others.
    pub(crate) fn another_cluster(&self, number: u16) -> Self {
        Self { aws: self.aws.clone(), api: ApiServer::of_cluster(number, &[OPERATOR_NAMESPACE]) }
    }
}

/// Makes the runtime's time virtual if it is not yet.
fn pause_clock() {
    static PAUSED: LazyLock<Mutex<HashSet<Id>>> = LazyLock::new(Mutex::default);
    let mut paused = PAUSED.lock().unwrap_or_else(PoisonError::into_inner);
    if paused.insert(Handle::current().id()) {
        tokio::time::pause();
    }
}
