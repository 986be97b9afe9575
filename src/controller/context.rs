//! The context of every reconcile: access to AWS and Kubernetes, the clock, the settings, and the operator's memory.

use std::time::Duration;

use jiff::Timestamp;

use super::{network::memory::Memories, runtime::metrics::Metrics};

/// The settings that command-line flags control.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// The time between two reconciles of a network at rest.
    pub resync: Duration,
    /// The time between two observations while AWS is at work.
    pub poll: Duration,
    /// How long a resource that was created must be missing from every list before it counts as deleted. EC2 and
    /// Resolver are eventually consistent: a new resource may be invisible for a while. It is also the time after
    /// which a call can no longer arrive at AWS when its sender is gone.
    pub absence_grace: Duration,
    /// The longest time that one reconcile may take.
    pub deadline: Duration,
    /// Whether endpoint policies may be in ConfigMaps. If not, the operator needs no right to read them.
    pub config_maps: bool,
}

/// How long a network stays Ready without a complete observation, unless ten resyncs are longer.
const READY_WITHOUT_OBSERVATION: Duration = Duration::from_hours(1);

impl Settings {
    /// The delay before the observation that confirms steps which AWS completes immediately, such as rules.
    pub(crate) fn confirmation(&self) -> Duration {
        const PER_POLL: u32 = 5;
        self.poll / PER_POLL
    }

    /// The longest time that one observation of AWS may take. It is shorter than the deadline of a reconcile, so that the
    /// reconcile can report that AWS was not observed.
    pub(crate) fn observation_deadline(&self) -> Duration {
        const QUARTERS: u32 = 3;
        self.deadline / 4 * QUARTERS
    }

    /// How long a network stays Ready after its last complete observation.
    pub(crate) fn ready_without_observation(&self) -> Duration {
        const RESYNCS: u32 = 10;
        READY_WITHOUT_OBSERVATION.max(self.resync * RESYNCS)
    }

    /// The maximum age of data about the VPC itself: subnets, route tables, DNS attributes. It is shorter than a
    /// resync, so that only observations in quick succession share a response.
    pub(crate) fn vpc_may_be_old(&self) -> Duration {
        const PER_RESYNC: u32 = 2;
        self.resync / PER_RESYNC
    }
}

/// The dependencies and settings of all reconciles of a process.
pub struct Context<C, S> {
    /// Access to AWS.
    pub clouds: C,
    /// Access to Kubernetes.
    pub store: S,
    /// The UID of the cluster.
    pub cluster: String,
    /// The settings that command-line flags control.
    pub settings: Settings,
    /// The metrics of the process. [`run()`](crate::controller::run()) replaces them with those that it reports.
    pub metrics: Metrics,
    pub(crate) memories: Memories,
}

impl<C, S> Context<C, S> {
    /// Creates a context without memory of earlier reconciles.
    pub fn new(clouds: C, store: S, cluster: String, settings: Settings) -> Self {
        let memories = Memories::new(settings.absence_grace, settings.deadline);
        Self { clouds, store, cluster, settings, metrics: Metrics::default(), memories }
    }

    /// The wall-clock time for conditions. No decision depends on it.
    pub fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}
