//! The simulated backend: the same lab without processes and on virtual time. Each test has one of its own.
//!
//! The operator's own code runs whole, from its watches to the AWS SDK, against the emulator and an [`ApiServer`] in the same
//! process. Time passes when nothing else can happen, so that nobody waits for anything, and AWS's clock goes by it.

use std::collections::HashSet;
use std::sync::{LazyLock, Mutex, PoisonError};

use emulator::http::{Clock, InProcess};
use emulator::world::options;
use tokio::runtime::{Handle, Id};

use crate::api_server::ApiServer;
use crate::kubernetes::OPERATOR_NAMESPACE;
use crate::options as chosen;
use crate::options::LabOptions;

/// What takes the place of the processes.
#[derive(Debug)]
pub(crate) struct Simulated {
    pub(crate) aws: InProcess,
    pub(crate) api: ApiServer,
}

impl Simulated {
    /// Stops the clock of the caller's runtime, and makes a world in it.
    pub(crate) fn new(options: &LabOptions) -> Self {
        pause();
        let world = options::Options {
            delays: match options.delays {
                chosen::Delays::None => options::Delays::none(),
                chosen::Delays::Aws => options::Delays::aws(),
            },
            // The operator's own limits keep it from being throttled, and are out of reach here.
            throttling: false,
            ..options::Options::default()
        };
        let clock = match options.clock {
            chosen::Clock::Manual => Clock::Manual,
            chosen::Clock::Wall { speed } => Clock::Wall { speed: speed.into() },
        };
        Self { aws: InProcess::new(clock, world), api: ApiServer::new(&[OPERATOR_NAMESPACE]) }
    }
}

/// Makes the runtime's time virtual, once.
fn pause() {
    static PAUSED: LazyLock<Mutex<HashSet<Id>>> = LazyLock::new(Mutex::default);
    let mut paused = PAUSED.lock().unwrap_or_else(PoisonError::into_inner);
    if paused.insert(Handle::current().id()) {
        tokio::time::pause();
    }
}
