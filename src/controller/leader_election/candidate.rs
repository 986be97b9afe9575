//! What a candidate does, given what it has seen of the Lease and when: no IO, and no clock of its own.
//!
//! The fields of the Lease are kept as client-go keeps them (`tools/leaderelection`), so that `kubectl` and people read it
//! right. Those that are times are written for them only.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::{api::coordination::v1::LeaseSpec, apimachinery::pkg::apis::meta::v1::MicroTime};
use tokio::time::Instant;

/// How long what takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// For how long a Lease counts that is not seen to change. Whole seconds, as the Lease says it to others.
    pub lease: Duration,
    /// How long a leader goes on from when it sent the last renewal that succeeded. What it is shorter than the lease is
    /// what clocks may differ in rate, and the time to end in.
    pub renew_deadline: Duration,
    /// The longest between two tries of a candidate, and the time between two renewals of a leader.
    pub retry: Duration,
}

impl Timing {
    /// A timing that works.
    ///
    /// # Errors
    /// What must be otherwise, in terms of the flags.
    pub fn new(lease: Duration, renew_deadline: Duration, retry: Duration) -> Result<Self, String> {
        if lease.as_secs() == 0 || lease.subsec_nanos() != 0 {
            return Err("the lease must be whole seconds, and at least one".to_owned());
        }
        if renew_deadline >= lease {
            return Err(format!(
                "the renew deadline ({renew_deadline:?}) must be shorter than the lease ({lease:?}), so that a leader ends \
                 before another one begins"
            ));
        }
        if retry.is_zero() || retry >= renew_deadline {
            return Err(format!(
                "the time between tries ({retry:?}) must be shorter than the renew deadline ({renew_deadline:?}), and not zero"
            ));
        }
        Ok(Self { lease, renew_deadline, retry })
    }

    /// How long an answer of the Kubernetes API is waited for: a second try fits in before the deadline.
    pub(crate) fn answer_within(&self) -> Duration {
        self.renew_deadline / 2
    }
}

/// Why a leader does not lead any more.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Lost {
    /// It could not renew in time.
    #[error("the leader's Lease could not be renewed before the renew deadline")]
    Expired,
    /// Somebody took it away.
    #[error("the leader's Lease names '{0}' now")]
    Taken(String),
    /// Somebody emptied or deleted it.
    #[error("the leader's Lease names nobody any more")]
    Withdrawn,
}

/// What to do about the Lease.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Move {
    /// Write this, on condition that the Lease is still as it was seen.
    Write(LeaseSpec),
    /// Nothing before then, unless it changes.
    Wait(Instant),
    /// Stop: this process led, and does not any more.
    Lose(Lost),
}

/// One who wants to lead, or does.
#[derive(Clone, Debug)]
pub(crate) struct Candidate {
    identity: String,
    timing: Timing,
    /// The Lease as it was last seen, and when it was first seen like that.
    seen: Option<(LeaseSpec, Instant)>,
    /// When the last write was sent by which this process leads, if it does.
    renewed: Option<Instant>,
}

impl Candidate {
    /// One that has seen nothing yet. No other process may have the same identity.
    pub(crate) fn new(identity: String, timing: Timing) -> Self {
        Self { identity, timing, seen: None, renewed: None }
    }

    pub(crate) fn identity(&self) -> &str {
        &self.identity
    }

    pub(crate) fn timing(&self) -> Timing {
        self.timing
    }

    /// When it stops to lead, unless it renews before; none if it does not lead.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        Some(self.renewed? + self.timing.renew_deadline)
    }

    /// Takes in the Lease as it was seen, `now` being after it was asked for, and decides. None: there is no Lease. `wall` is
    /// what is written into the Lease, and nothing else.
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
            // Also if it is not known here: the answer to the write by which it was taken was lost.
            return Move::Write(LeaseSpec { renew_time: Some(MicroTime(wall)), ..lease });
        }
        let counts_until = unchanged_since + self.duration_of(&lease);
        if holder.is_some() && now < counts_until {
            return Move::Wait(counts_until);
        }
        let transitions = lease.lease_transitions.unwrap_or(0).saturating_add(1);
        Move::Write(self.taken(lease, transitions, wall))
    }

    /// Takes in that a write which makes or keeps it the holder was sent then, and has been answered. False if it was too
    /// long ago: the Lease may be another's by now.
    pub(crate) fn holds_since(&mut self, sent: Instant, now: Instant) -> bool {
        let in_time = now < sent + self.timing.renew_deadline;
        if in_time {
            self.renewed = Some(sent);
        }
        in_time
    }

    /// The Lease without its holder; none if that is somebody else.
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

    /// For how long its holder asked to be left alone. Replicas may have different flags while they are being replaced.
    fn duration_of(&self, lease: &LeaseSpec) -> Duration {
        let seconds = lease.lease_duration_seconds.and_then(|seconds| u64::try_from(seconds).ok());
        seconds.filter(|seconds| *seconds > 0).map_or(self.timing.lease, Duration::from_secs)
    }
}

/// Who holds it; nobody is written as nothing, and as an empty name.
fn holder(lease: &LeaseSpec) -> Option<&str> {
    lease.holder_identity.as_deref().filter(|holder| !holder.is_empty())
}
