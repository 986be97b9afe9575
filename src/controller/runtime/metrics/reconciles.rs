//! The metrics of reconciles and of writes to the Kubernetes API.

use std::time::Duration;

use prometheus_client::{
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};

/// The kinds of objects that the operator reconciles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ObjectKind {
    /// `MigrationNetwork`
    Network,
    /// `MigrationNetworkClass`
    Class,
}

impl ObjectKind {
    pub(super) const ALL: [Self; 2] = [Self::Network, Self::Class];

    /// Returns the kind as in manifests.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Network => "MigrationNetwork",
            Self::Class => "MigrationNetworkClass",
        }
    }
}

/// The outcome of one reconcile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It ran to its end. The state of the object is in its conditions: failed AWS calls are not failed reconciles.
    Success,
    /// The object changed in the meantime, and is reconciled again.
    Conflict,
    /// A request to the Kubernetes API failed.
    Error,
    /// It panicked.
    Panic,
    /// It exceeded its deadline and was canceled.
    Timeout,
}

impl Outcome {
    const ALL: [Self; 5] = [Self::Success, Self::Conflict, Self::Error, Self::Panic, Self::Timeout];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Conflict => "conflict",
            Self::Error => "error",
            Self::Panic => "panic",
            Self::Timeout => "timeout",
        }
    }
}

type Kind = [(&'static str, &'static str); 1];
type KindAndResult = [(&'static str, &'static str); 2];

/// The counters of reconciles. Clones share them.
#[derive(Clone, Debug)]
pub(crate) struct Reconciles {
    results: Family<KindAndResult, Counter>,
    duration: Family<Kind, Histogram, fn() -> Histogram>,
    rejected: Family<Kind, Counter>,
    vpc_leases: Gauge,
}

impl Reconciles {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let reconciles = Self {
            results: Family::default(),
            duration: Family::new_with_constructor(durations),
            rejected: Family::default(),
            vpc_leases: Gauge::default(),
        };
        let Self { results, duration, rejected, vpc_leases } = reconciles.clone();
        registry.register(
            "mgnet_reconciles",
            "Number of reconciles by kind of object and result. A reconcile whose AWS calls failed is a success: the failure \
             is in the object's conditions",
            results,
        );
        registry.register("mgnet_reconcile_duration_seconds", "Time that a reconcile took", duration);
        registry.register(
            "mgnet_rejected_writes",
            "Number of writes that the API server rejected as invalid, such as a status that exceeds a bound of the schema",
            rejected,
        );
        registry.register("mgnet_vpc_leases", "Number of VPC leases after the last release of stale ones", vpc_leases);
        // Zeros are reported from the start: a counter that appears with the value 1 has no increase.
        for kind in ObjectKind::ALL {
            drop(reconciles.rejected.get_or_create(&[label(kind)]));
            for outcome in Outcome::ALL {
                drop(reconciles.results.get_or_create(&[label(kind), ("result", outcome.as_str())]));
            }
        }
        reconciles
    }

    /// Records a reconcile that has ended.
    pub(crate) fn ended(&self, kind: ObjectKind, outcome: Outcome, time: Duration) {
        self.results.get_or_create(&[label(kind), ("result", outcome.as_str())]).inc();
        self.duration.get_or_create(&[label(kind)]).observe(time.as_secs_f64());
    }

    /// Records a write that the API server rejected as invalid.
    pub(crate) fn rejected(&self, kind: ObjectKind) {
        self.rejected.get_or_create(&[label(kind)]).inc();
    }

    /// Records the number of VPC leases.
    pub(crate) fn set_vpc_leases(&self, count: usize) {
        self.vpc_leases.set(i64::try_from(count).unwrap_or(i64::MAX));
    }
}

const fn label(kind: ObjectKind) -> (&'static str, &'static str) {
    ("kind", kind.as_str())
}

/// From the 50 ms of a reconcile at rest to its default deadline of 120 s.
fn durations() -> Histogram {
    Histogram::new([0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0])
}
