//! Faults to order: what goes wrong between a client and AWS, and when.

use serde::{Deserialize, Serialize};

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// The connection is closed before the call has an effect.
    DropBefore,
    /// The call has its effect, and the connection is closed without an answer.
    LoseAnswer,
    /// The call is throttled, as the service does it.
    Throttle,
    /// The service answers 500 `InternalError`; the call has no effect.
    Error500,
    /// The service answers 503 `Unavailable`; the call has no effect.
    Error503,
    /// The call is refused with `code` and `message`; it has no effect.
    Error,
    /// The call waits for `seconds` of real time before it has its effect.
    DelaySeconds,
    /// The call has its effect, and the answer is 200 with a body that is no answer.
    Garbage,
    /// The call has its effect, and the connection is closed in the middle of the answer.
    Truncate,
    /// The call has its effect, and the answer waits for `POST /_world/release`.
    Hold,
}

impl FaultKind {
    /// As in JSON.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::DropBefore => "drop_before",
            Self::LoseAnswer => "lose_answer",
            Self::Throttle => "throttle",
            Self::Error500 => "error500",
            Self::Error503 => "error503",
            Self::Error => "error",
            Self::DelaySeconds => "delay_seconds",
            Self::Garbage => "garbage",
            Self::Truncate => "truncate",
            Self::Hold => "hold",
        }
    }
}

/// An order for a fault.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// Only calls of this account.
    #[serde(default)]
    pub account: Option<String>,
    /// Only calls in this region.
    #[serde(default)]
    pub region: Option<String>,
    /// Only calls of this action.
    #[serde(default)]
    pub action: Option<String>,
    /// The first call that is spoiled, among those that fit; 1 is the next one.
    #[serde(default = "one")]
    pub nth: u64,
    /// How many calls are spoiled from there on.
    #[serde(default = "one")]
    pub times: u64,
    /// What goes wrong.
    pub kind: FaultKind,
    /// How long [`FaultKind::DelaySeconds`] waits.
    #[serde(default)]
    pub seconds: f64,
    /// The code of [`FaultKind::Error`].
    #[serde(default)]
    pub code: Option<String>,
    /// The message of [`FaultKind::Error`].
    #[serde(default)]
    pub message: Option<String>,
}

fn one() -> u64 {
    1
}

impl Fault {
    /// The next call of an action goes wrong.
    pub fn next(kind: FaultKind, action: &str) -> Self {
        Self {
            account: None,
            region: None,
            action: Some(action.to_owned()),
            nth: 1,
            times: 1,
            kind,
            seconds: 0.0,
            code: None,
            message: None,
        }
    }

    fn fits(&self, account: &str, region: &str, action: &str) -> bool {
        self.account.as_deref().is_none_or(|wanted| wanted == account)
            && self.region.as_deref().is_none_or(|wanted| wanted == region)
            && self.action.as_deref().is_none_or(|wanted| wanted == action)
    }
}

/// An order, and how far it has come.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FaultStatus {
    /// Its number.
    pub id: u64,
    /// The order.
    pub fault: Fault,
    /// How many calls fitted.
    pub seen: u64,
    /// How many calls were spoiled.
    pub spoiled: u64,
}

/// All orders that are not used up.
#[derive(Debug, Default)]
pub(super) struct Faults {
    ordered: Vec<FaultStatus>,
    last_id: u64,
}

impl Faults {
    pub(super) fn order(&mut self, fault: Fault) -> u64 {
        self.last_id += 1;
        self.ordered.push(FaultStatus { id: self.last_id, fault, seen: 0, spoiled: 0 });
        self.last_id
    }

    /// The fault that spoils a call. Every order that fits counts the call; the oldest that is due spoils it.
    pub(super) fn strike(&mut self, account: &str, region: &str, action: &str) -> Option<Fault> {
        let mut struck = None;
        for status in &mut self.ordered {
            if !status.fault.fits(account, region, action) {
                continue;
            }
            status.seen += 1;
            if struck.is_none() && status.seen >= status.fault.nth {
                status.spoiled += 1;
                struck = Some(status.fault.clone());
            }
        }
        self.ordered.retain(|status| status.spoiled < status.fault.times);
        struck
    }

    pub(super) fn list(&self) -> Vec<FaultStatus> {
        self.ordered.clone()
    }

    /// Takes orders back: those of an account, or all.
    pub(super) fn cancel(&mut self, account: Option<&str>) {
        self.ordered.retain(|status| account.is_some_and(|account| status.fault.account.as_deref() != Some(account)));
    }
}

#[cfg(test)]
mod tests {
    use super::{Fault, FaultKind, Faults};

    #[test]
    fn a_fault_spoils_the_nth_call_that_fits_and_is_then_used_up() {
        let mut faults = Faults::default();
        faults.order(Fault { nth: 2, ..Fault::next(FaultKind::LoseAnswer, "CreateVpc") });
        assert_eq!(faults.strike("1", "r", "CreateVpc"), None);
        assert_eq!(faults.strike("1", "r", "CreateSubnet"), None);
        assert!(faults.strike("1", "r", "CreateVpc").is_some());
        assert_eq!(faults.strike("1", "r", "CreateVpc"), None);
        assert!(faults.list().is_empty());
    }
}
