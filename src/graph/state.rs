//! The state of a part of the picture, from the words in status. Words of a later version count as in progress, like in the
//! operator itself.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

use crate::{
    api::{ChecklistState, ClaimPhase, ConditionStatus, Origin, Reason},
    model::observed::{EndpointState, ResolverAddress, ResolverState},
};

/// The state of a part. Each has a color, a shape and a word of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum State {
    /// The part works.
    Ready,
    /// AWS or the operator is changing the part.
    InProgress,
    /// A person must act.
    Failed,
    /// The part does not exist yet, or nothing is known about it.
    Planned,
    /// The network does not have the part.
    Absent,
}

impl State {
    /// Every state, in the order of the legend.
    pub(super) const ALL: [Self; 5] = [Self::Ready, Self::InProgress, Self::Failed, Self::Planned, Self::Absent];

    /// Returns the word that the picture shows.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::InProgress => "in progress",
            Self::Failed => "failed",
            Self::Planned => "planned",
            Self::Absent => "absent",
        }
    }

    /// Returns the name of the class in CSS and Mermaid.
    pub(super) const fn class(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::InProgress => "progress",
            Self::Failed => "failed",
            Self::Planned => "planned",
            Self::Absent => "absent",
        }
    }
}

/// The state of a part, and what the object says about it beyond that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Health {
    pub(super) state: State,
    /// The word of AWS, or the reason.
    pub(super) detail: String,
}

impl Health {
    pub(super) fn new(state: State, detail: impl Into<String>) -> Self {
        Self { state, detail: detail.into() }
    }

    /// Returns what is worth mentioning beside the state.
    pub(super) fn remark(&self, origin: Option<Origin>) -> String {
        let origin = match origin {
            Some(Origin::Existing) => Some("existing"),
            Some(Origin::Adopted) => Some("adopted"),
            Some(Origin::Created) | None => None,
        };
        let Self { state, detail } = self;
        let says_more = *state != State::Ready && !detail.is_empty() && !detail.eq_ignore_ascii_case(state.word());
        says_more.then_some(detail.as_str()).into_iter().chain(origin).collect::<Vec<_>>().join(" · ")
    }

    /// Returns the health of an endpoint from the state that AWS reports.
    pub(super) fn of_endpoint(word: &str) -> Self {
        let state = match EndpointState::parse(word) {
            EndpointState::Available => State::Ready,
            EndpointState::Pending | EndpointState::Deleting | EndpointState::Unknown(_) => State::InProgress,
            EndpointState::Failed(_) => State::Failed,
            EndpointState::Deleted => State::Absent,
        };
        Self::new(state, word)
    }

    /// Returns the health of a Resolver endpoint from the state as status shows it.
    pub(super) fn of_resolver(word: &str) -> Self {
        let state = match resolver_state(word) {
            ResolverState::Operational => State::Ready,
            ResolverState::Creating
            | ResolverState::Updating
            | ResolverState::AutoRecovering
            | ResolverState::Deleting
            | ResolverState::Unknown(_) => State::InProgress,
            ResolverState::ActionNeeded => State::Failed,
        };
        Self::new(state, word)
    }

    /// Returns the health of an address of a Resolver endpoint from the state that AWS reports.
    pub(super) fn of_address(word: &str) -> Self {
        let address = ResolverAddress { subnet: "".into(), ip: None, state: word.to_owned(), created: String::new() };
        let state = if address.is_attached() {
            State::Ready
        } else if address.is_broken() || address.failed_to_leave() {
            State::Failed
        } else {
            State::InProgress
        };
        Self::new(state, word)
    }

    /// Returns the health of a resource that the status does not list, from the claim of its slot.
    pub(super) fn of_missing(claim: Option<ClaimPhase>) -> Self {
        match claim {
            None | Some(ClaimPhase::Released) => Self::new(State::Planned, "not created yet"),
            Some(ClaimPhase::Pending) => Self::new(State::InProgress, "create call sent"),
            Some(ClaimPhase::Refused) => Self::new(State::Failed, "AWS rejected the create call"),
            Some(ClaimPhase::Held) => Self::new(State::InProgress, "not observed"),
            Some(ClaimPhase::Deleting) => Self::new(State::InProgress, "delete call sent"),
        }
    }

    /// Returns the health that a condition reports.
    pub(super) fn of_condition(condition: &Condition) -> Self {
        let reason = Reason::parse(&condition.reason);
        let state = if condition.status == ConditionStatus::True.as_str() {
            if reason == Some(Reason::Disabled) { State::Absent } else { State::Ready }
        } else if condition.status == ConditionStatus::False.as_str() {
            match reason {
                Some(
                    Reason::ChangesPlanned
                    | Reason::AwaitingApproval
                    | Reason::NotAcknowledged
                    | Reason::RevisionChanged
                    | Reason::Suspended,
                ) => State::Planned,
                Some(reason) if !reason.heals_by_waiting() => State::Failed,
                Some(_) | None => State::InProgress,
            }
        } else {
            State::Planned
        };
        Self::new(state, condition.reason.clone())
    }

    /// Returns the health of an item of the checklist.
    pub(super) fn of_work(state: ChecklistState) -> Self {
        match state {
            ChecklistState::Done => Self::new(State::Ready, "done"),
            ChecklistState::Open => Self::new(State::Planned, "open"),
        }
    }
}

/// Returns the state whose word the status shows.
fn resolver_state(word: &str) -> ResolverState {
    let known = [
        ResolverState::Creating,
        ResolverState::Operational,
        ResolverState::Updating,
        ResolverState::AutoRecovering,
        ResolverState::ActionNeeded,
        ResolverState::Deleting,
    ];
    known.into_iter().find(|state| state.as_str() == word).unwrap_or_else(|| ResolverState::Unknown(word.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_of_aws_has_a_state_of_the_picture() {
        let endpoint = |word| Health::of_endpoint(word).state;
        for (state, words) in [
            (State::Ready, &["Available", "available"][..]),
            (State::InProgress, &["Pending", "pendingAcceptance", "Deleting", "partial", "Later", ""]),
            (State::Failed, &["failed", "Rejected", "expired"]),
            (State::Absent, &["Deleted"]),
        ] {
            for word in words {
                assert_eq!(endpoint(word), state, "{word}");
            }
        }
        for (word, state) in [
            ("CREATING", State::InProgress),
            ("OPERATIONAL", State::Ready),
            ("UPDATING", State::InProgress),
            ("AUTO_RECOVERING", State::InProgress),
            ("ACTION_NEEDED", State::Failed),
            ("DELETING", State::InProgress),
            ("LATER", State::InProgress),
        ] {
            // The status has the word of the operator for the word of AWS.
            assert_eq!(Health::of_resolver(ResolverState::parse(word).as_str()).state, state, "{word}");
        }
        for (word, state) in [
            ("ATTACHED", State::Ready),
            ("CREATING", State::InProgress),
            ("REMAP_ATTACHING", State::InProgress),
            ("DETACHING", State::InProgress),
            ("FAILED_CREATION", State::Failed),
            ("ISOLATED", State::Failed),
            ("DELETE_FAILED_FAS_EXPIRED", State::Failed),
        ] {
            assert_eq!(Health::of_address(word).state, state, "{word}");
        }
    }

    #[test]
    fn every_phase_of_a_claim_says_why_the_resource_is_missing() {
        for (claim, state) in [
            (None, State::Planned),
            (Some(ClaimPhase::Pending), State::InProgress),
            (Some(ClaimPhase::Refused), State::Failed),
            (Some(ClaimPhase::Held), State::InProgress),
            (Some(ClaimPhase::Deleting), State::InProgress),
            (Some(ClaimPhase::Released), State::Planned),
        ] {
            assert_eq!(Health::of_missing(claim).state, state, "{claim:?}");
        }
    }

    #[test]
    fn every_reason_of_a_condition_has_a_state() {
        let state = |status: &str, reason: &str| {
            let time = k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(jiff::Timestamp::UNIX_EPOCH);
            Health::of_condition(&Condition {
                type_: "Ready".to_owned(),
                status: status.to_owned(),
                reason: reason.to_owned(),
                message: String::new(),
                observed_generation: None,
                last_transition_time: time,
            })
            .state
        };
        for reason in Reason::ALL {
            let is_planned = matches!(
                reason,
                Reason::ChangesPlanned
                    | Reason::AwaitingApproval
                    | Reason::NotAcknowledged
                    | Reason::RevisionChanged
                    | Reason::Suspended
            );
            let expected = match (is_planned, reason.heals_by_waiting()) {
                (true, _) => State::Planned,
                (false, true) => State::InProgress,
                (false, false) => State::Failed,
            };
            assert_eq!(state("False", reason.as_str()), expected, "{reason}");
            let absent = *reason == Reason::Disabled;
            assert_eq!(state("True", reason.as_str()), if absent { State::Absent } else { State::Ready }, "{reason}");
            assert_eq!(state("Unknown", reason.as_str()), State::Planned, "{reason}");
        }
        assert_eq!(state("False", "Later"), State::InProgress);
    }

    #[test]
    fn the_states_differ_in_word_and_class() {
        let distinct = |of: fn(State) -> &'static str| {
            State::ALL.map(of).into_iter().collect::<std::collections::BTreeSet<_>>().len()
        };
        assert_eq!((distinct(State::word), distinct(State::class)), (5, 5));
    }
}
