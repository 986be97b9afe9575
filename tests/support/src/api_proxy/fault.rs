//! Faults that are ordered for calls, and their assignment to calls.

use std::fmt;
use std::time::Duration;

use super::call::{ApiCall, CallSite};

/// The fault of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ApiFault {
    /// The call is refused with this HTTP status, as the API server does, and has no effect. 429 and 503 carry
    /// `Retry-After`.
    Refuse(u16),
    /// The call has its effect, but is answered with this HTTP status.
    RefuseDone(u16),
    /// The call has no effect and no answer, and its connection ends after this time.
    Silence(Duration),
    /// The call has its effect, but its connection ends without an answer.
    LoseAnswer,
    /// The call has its effect, but its connection ends in the middle of the answer.
    Cut,
    /// The call is a watch, and is answered that its `resourceVersion` is too old, so the client must list again.
    Expire,
    /// The call has its effect, but the successful answer contains an HTML page instead of an object.
    Garbage,
}

/// A fault for one call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// The place that makes the call.
    pub site: CallSite,
    /// Words of which the call must mention one; if empty, any call matches.
    pub about: Vec<String>,
    /// The number of the call among the matching ones, counted from 1 at the order.
    pub nth: u64,
    /// The fault of this call.
    pub fault: ApiFault,
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whose = self.about.first().map(|word| format!(" of {word}")).unwrap_or_default();
        write!(f, "{:?} at call {} of {}{whose}", self.fault, self.nth, self.site)
    }
}

/// The orders that are still pending.
#[derive(Default)]
pub(super) struct Orders(Vec<Order>);

impl Orders {
    pub(super) fn add(&mut self, order: Order) {
        self.0.push(order);
    }

    pub(super) fn pending(&self) -> Vec<Order> {
        self.0.clone()
    }

    pub(super) fn take(&mut self) -> Vec<Order> {
        std::mem::take(&mut self.0)
    }

    /// Counts the call, and returns its fault. A call gets one fault at most: if several orders match, the later ones
    /// apply to the calls that follow.
    pub(super) fn take_due(&mut self, call: &ApiCall) -> Option<ApiFault> {
        let mut due = None;
        for (at, order) in self.0.iter_mut().enumerate() {
            if order.site != call.site || !(order.about.is_empty() || call.mentions(&order.about)) {
                continue;
            }
            if order.nth > 1 {
                order.nth -= 1;
            } else if due.is_none() {
                due = Some(at);
            }
        }
        due.map(|at| self.0.remove(at).fault)
    }
}
