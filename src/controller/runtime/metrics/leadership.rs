//! The metrics of the process itself: its version, its start, and whether it leads.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use jiff::Timestamp;
use prometheus_client::{
    metrics::{family::Family, gauge::Gauge, info::Info},
    registry::Registry,
};

use crate::controller::leader_election::LEASE;

/// Whether this process leads. Clones share the value.
#[derive(Clone, Debug)]
pub(crate) struct Leadership {
    leads: Arc<AtomicBool>,
    status: Family<[(&'static str, &'static str); 1], Gauge>,
}

impl Leadership {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let build = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("mgnet_build", "Version of the operator", build);
        let start = Gauge::<i64>::default();
        start.set(Timestamp::now().as_second());
        registry.register("process_start_time_seconds", "Start of the process, in seconds since 1970", start);
        let status = Family::<[(&str, &str); 1], Gauge>::default();
        registry.register(
            "leader_election_master_status",
            "Whether this process leads (1) or is a standby (0). The name is that of the Lease",
            status.clone(),
        );
        let leadership = Self { leads: Arc::default(), status };
        leadership.gauge(0);
        leadership
    }

    /// Records that this process leads. A process that loses the leadership ends.
    pub(crate) fn lead(&self) {
        self.leads.store(true, Ordering::Release);
        self.gauge(1);
    }

    /// Whether this process leads.
    pub(super) fn leads(&self) -> bool {
        self.leads.load(Ordering::Acquire)
    }

    fn gauge(&self, value: i64) {
        self.status.get_or_create(&[("name", LEASE)]).set(value);
    }
}
