//! Decides what a candidate does next, from its observations of the Lease and their times. It has no IO and no clock.
//!
//! The fields of the Lease have the same meaning as in client-go (`tools/leaderelection`), so that `kubectl` and users
//! read them correctly. The time fields are only informative.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::{api::coordination::v1::LeaseSpec, apimachinery::pkg::apis::meta::v1::MicroTime};
use tokio::time::Instant;

/// The durations of the leader election.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// The time after which a Lease without an observed change has expired. Whole seconds, because the Lease stores
    /// them.
    pub lease: Duration,
    /// How long a leader continues after it sent the last renewal that succeeded. The difference to the lease duration
    /// allows for clocks with different rates, and for the time to exit.
    pub renew_deadline: Duration,
    /// The longest time between two attempts of a candidate, and the time between two renewals of a leader.
    pub retry: Duration,
}

impl Timing {
    /// Creates a valid timing.
    ///
    /// # Errors
    /// If the durations do not fit together. The message names the durations as the flags do.
    pub fn new(lease: Duration, renew_deadline: Duration, retry: Duration) -> Result<Self, String> {
        if lease.as_secs() == 0 || lease.subsec_nanos() != 0 {
            return Err("the lease duration must be a whole number of seconds, and at least 1".to_owned());
        }
        if renew_deadline >= lease {
            return Err(format!(
                "the renew deadline ({renew_deadline:?}) must be shorter than the lease duration ({lease:?}), so that \
                 a leader stops before another one starts"
            ));
        }
        if retry.is_zero() || retry >= renew_deadline {
            return Err(format!(
                "the retry period ({retry:?}) must be greater than zero and shorter than the renew deadline \
                 ({renew_deadline:?})"
            ));
        }
        Ok(Self { lease, renew_deadline, retry })
    }

    /// How long to wait for a response of the Kubernetes API, so that a second attempt is possible before the deadline.
    pub(crate) fn answer_within(&self) -> Duration {
        self.renew_deadline / 2
    }
}

/// The reason for which a leader no longer leads.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Lost {
    /// The leader could not renew the Lease in time.
    #[error("the leader's Lease could not be renewed before the renew deadline")]
    Expired,
    /// Another process holds the Lease.
    #[error("the leader's Lease is now held by '{0}'")]
    Taken(String),
    /// The Lease was deleted, or its holder was removed.
    #[error("the leader's Lease no longer has a holder")]
    Withdrawn,
}

/// The next action of a candidate.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Move {
    /// Write this Lease, on condition that the stored one has not changed since it was read.
    Write(LeaseSpec),
    /// Wait until this time, unless the Lease changes before.
    Wait(Instant),
    /// Stop, because this process has lost the Lease.
    Lose(Lost),
}

/// A process that leads, or waits to become the leader.
#[derive(Clone, Debug)]
pub(crate) struct Candidate {
    identity: String,
    timing: Timing,
    /// The Lease as it was last observed, and when this state was first observed.
    seen: Option<(LeaseSpec, Instant)>,
    /// When the last successful write of this leader was sent. None if this process does not lead.
    renewed: Option<Instant>,
}

impl Candidate {
    /// Creates a candidate that has not observed the Lease yet. The identity must be unique among processes.
    pub(crate) fn new(identity: String, timing: Timing) -> Self {
        Self { identity, timing, seen: None, renewed: None }
    }

    pub(crate) fn identity(&self) -> &str {
        &self.identity
    }

    pub(crate) fn timing(&self) -> Timing {
        self.timing
    }

    /// When this process stops leading unless it renews the Lease before. None if it does not lead.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        Some(self.renewed? + self.timing.renew_deadline)
    }

    /// Records an observation of the Lease, and decides what to do next. `lease` is None if no Lease exists. `now` is
    /// a time after the Lease was requested. `wall` is only written into the Lease.
    pub(crate) fn decide(&mut self, lease: Option<LeaseSpec>, now: Instant, wall: Timestamp) -> Move {
        let holder = lease.as_ref().and_then(holder).map(str::to_owned);
        let holds = holder.as_deref() == Some(&self.identity);
        if self.renewed.is_some() && !holds {
            return Move::Lose(holder.map_or(Lost::Withdrawn, Lost::Taken));
        }
        let Some(lease) = lease else { return Move::Write(self.taken(LeaseSpec::default(), 0, wall)) };
        let unchanged_since = match &self.seen {
            Some((seen, since)) if *seen == lease => *since,
            Some(_) | None => now,
        };
        self.seen = Some((lease.clone(), unchanged_since));
        if holds {
            // This process may not know that it holds the Lease, because the response to its write was lost.
            return Move::Write(LeaseSpec { renew_time: Some(MicroTime(wall)), ..lease });
        }
        let counts_until = unchanged_since + self.duration_of(&lease);
        if holder.is_some() && now < counts_until {
            return Move::Wait(counts_until);
        }
        let transitions = lease.lease_transitions.unwrap_or(0).saturating_add(1);
        Move::Write(self.taken(lease, transitions, wall))
    }

    /// Records that a write which took or renewed the Lease was sent at `sent` and has succeeded. False if it was sent
    /// too long ago, because another process may hold the Lease by now.
    pub(crate) fn holds_since(&mut self, sent: Instant, now: Instant) -> bool {
        let in_time = now < sent + self.timing.renew_deadline;
        if in_time {
            self.renewed = Some(sent);
        }
        in_time
    }

    /// The Lease without its holder. None if this process does not hold it.
    pub(crate) fn release(&self, lease: Option<&LeaseSpec>, wall: Timestamp) -> Option<LeaseSpec> {
        let lease = lease.filter(|lease| holder(lease) == Some(&self.identity))?;
        Some(LeaseSpec { holder_identity: None, renew_time: Some(MicroTime(wall)), ..lease.clone() })
    }

    fn taken(&self, lease: LeaseSpec, transitions: i32, wall: Timestamp) -> LeaseSpec {
        LeaseSpec {
            holder_identity: Some(self.identity.clone()),
            lease_duration_seconds: i32::try_from(self.timing.lease.as_secs()).ok(),
            acquire_time: Some(MicroTime(wall)),
            renew_time: Some(MicroTime(wall)),
            lease_transitions: Some(transitions),
            ..lease
        }
    }

    /// The lease duration that the holder requested. During a rollout, replicas may have different flags.
    fn duration_of(&self, lease: &LeaseSpec) -> Duration {
        let seconds = lease.lease_duration_seconds.and_then(|seconds| u64::try_from(seconds).ok());
        seconds.filter(|seconds| *seconds > 0).map_or(self.timing.lease, Duration::from_secs)
    }
}

/// The holder of the Lease. A Lease without a holder has no name, or an empty one.
fn holder(lease: &LeaseSpec) -> Option<&str> {
    lease.holder_identity.as_deref().filter(|holder| !holder.is_empty())
}
