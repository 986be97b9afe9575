//! What every reconcile needs: the two seams, the clock, the settings and the memories.

use std::time::Duration;

use jiff::Timestamp;

use super::network::memory::Memories;

/// What the flags set.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// How often a network at rest is compared with AWS.
    pub resync: Duration,
    /// How often AWS is observed while it is at work.
    pub poll: Duration,
    /// How long a resource that was created must be missing from every list before it counts as deleted. EC2 and
    /// Resolver are eventually consistent: a new resource may be invisible for a while. Also how long a call may be on its way
    /// whose sender is gone.
    pub absence_grace: Duration,
    /// The most that one reconcile may take.
    pub deadline: Duration,
}

impl Settings {
    /// When AWS is observed again after steps that it has accepted and finishes at once, such as rules.
    pub(crate) fn confirmation(&self) -> Duration {
        const PER_POLL: u32 = 5;
        self.poll / PER_POLL
    }

    /// How old may be what other people make of the VPC: subnets, route tables, DNS attributes. Less than a resync, so that
    /// only observations in quick succession share an answer.
    pub(crate) fn vpc_may_be_old(&self) -> Duration {
        const PER_RESYNC: u32 = 2;
        self.resync / PER_RESYNC
    }
}

/// The means of a reconcile.
pub struct Context<C, S> {
    /// AWS.
    pub clouds: C,
    /// Kubernetes.
    pub store: S,
    /// The UID of the cluster.
    pub cluster: String,
    /// The flags.
    pub settings: Settings,
    pub(crate) memories: Memories,
}

impl<C, S> Context<C, S> {
    /// Creates the means of all reconciles of a process.
    pub fn new(clouds: C, store: S, cluster: String, settings: Settings) -> Self {
        let memories = Memories::new(settings.absence_grace, settings.deadline);
        Self { clouds, store, cluster, settings, memories }
    }

    /// The time to put into conditions. Nothing is decided by it.
    pub fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}
