//! Injected faults: failures between a client and AWS, and the calls that they affect.

use serde::{Deserialize, Serialize};

/// The kind of a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// The server closes the connection before the call takes effect.
    DropBefore,
    /// The call takes effect, but the server closes the connection without an answer.
    LoseAnswer,
    /// The call is throttled in the way of its service.
    Throttle,
    /// The service returns 500 `InternalError`; the call has no effect.
    Error500,
    /// The service returns 503 `Unavailable`; the call has no effect.
    Error503,
    /// The service rejects the call with `code` and `message`; the call has no effect.
    Error,
    /// The call waits for `seconds` of real time before it takes effect.
    DelaySeconds,
    /// The call takes effect, but the answer is 200 with an invalid body.
    Garbage,
    /// The call takes effect, but the server closes the connection in the middle of the answer.
    Truncate,
    /// The call takes effect, but the answer waits for `POST /_world/release`.
    Hold,
}

impl FaultKind {
    /// Returns the name in JSON.
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

/// A fault to inject.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// The account whose calls are affected; all accounts if absent.
    #[serde(default)]
    pub account: Option<String>,
    /// The Region whose calls are affected; all Regions if absent.
    #[serde(default)]
    pub region: Option<String>,
    /// The action whose calls are affected; all actions if absent.
    #[serde(default)]
    pub action: Option<String>,
    /// The number of the first affected call among the matching ones; 1 is the next call.
    #[serde(default = "one")]
    pub nth: u64,
    /// The number of affected calls from there on.
    #[serde(default = "one")]
    pub times: u64,
    /// The kind of the fault.
    pub kind: FaultKind,
    /// The delay of [`FaultKind::DelaySeconds`].
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
    /// Returns a fault for the next call of an action.
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

/// An injected fault and its progress.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FaultStatus {
    /// The number of the fault.
    pub id: u64,
    /// The fault.
    pub fault: Fault,
    /// The number of calls that matched.
    pub seen: u64,
    /// The number of calls that were affected.
    pub spoiled: u64,
}

/// All faults that are not used up.
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

    /// Returns the fault for a call, if any. Every matching fault counts the call, and the oldest due fault affects
    /// it.
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

    /// Removes the faults of an account, or all faults.
    pub(super) fn cancel(&mut self, account: Option<&str>) {
        self.ordered.retain(|status| account.is_some_and(|account| status.fault.account.as_deref() != Some(account)));
    }
}

#[cfg(test)]
mod tests {
    use super::{Fault, FaultKind, Faults};

    #[test]
    fn a_fault_affects_the_nth_matching_call_once() {
        let mut faults = Faults::default();
        faults.order(Fault { nth: 2, ..Fault::next(FaultKind::LoseAnswer, "CreateVpc") });
        assert_eq!(faults.strike("1", "r", "CreateVpc"), None);
        assert_eq!(faults.strike("1", "r", "CreateSubnet"), None);
        assert!(faults.strike("1", "r", "CreateVpc").is_some());
        assert_eq!(faults.strike("1", "r", "CreateVpc"), None);
        assert!(faults.list().is_empty());
    }
}
