//! Faults that are ordered for a call, and the one that strikes it.

use std::fmt;
use std::time::Duration;

use super::call::{ApiCall, CallSite};

/// What becomes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ApiFault {
    /// It is refused with this HTTP status, as the API server does, and has no effect. 429 and 503 say when to come again.
    Refuse(u16),
    /// It has its effect, and is answered with this HTTP status all the same.
    RefuseDone(u16),
    /// It has no effect and no answer, and its connection ends after this time.
    Silence(Duration),
    /// It has its effect, and its connection ends in place of an answer.
    LoseAnswer,
    /// It has its effect, and its connection ends in the middle of the answer.
    Cut,
    /// It is a watch, and is told that what it goes on from is too old: to list anew.
    Expire,
    /// It has its effect, and is answered with success and with what is no object: a page for people.
    Garbage,
}

/// A fault for one call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// From where the call comes.
    pub site: CallSite,
    /// Words of which the call must mention one; with none, whoever it is about.
    pub about: Vec<String>,
    /// Which of those calls, from 1, counted from the order.
    pub nth: u64,
    /// What becomes of it.
    pub fault: ApiFault,
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whose = self.about.first().map(|word| format!(" of {word}")).unwrap_or_default();
        write!(f, "{:?} at call {} of {}{whose}", self.fault, self.nth, self.site)
    }
}

/// The orders that have not struck yet.
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

    /// Counts the call, and gives the fault that strikes it. One call is struck once: of several orders for it, those that
    /// came later strike the calls that follow.
    pub(super) fn strike(&mut self, call: &ApiCall) -> Option<ApiFault> {
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
