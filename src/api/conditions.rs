//! The types of conditions, their order, and functions that set one condition without changing the others.
//!
//! These are pure functions over a list, and the caller passes the time. The model decides on statuses, reasons and
//! messages.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

use crate::text::{is_same_apart_from_request_ids, shorten};

pub use crate::api::reasons::Reason;

/// The maximum length of a condition's message in the schema, in characters.
pub const MAX_MESSAGE_LENGTH: usize = 32_768;

/// The maximum number of conditions in the schema.
pub const MAX_CONDITIONS: usize = 16;

/// One condition's status, reason and message.
pub(crate) type State = (ConditionStatus, Reason, String);

/// The types of conditions of both kinds. Their order here is their order in `status.conditions`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ConditionType {
    /// A source server could install the agent now, if its on-premises side is prepared.
    Ready,
    /// The object is valid, and its class admits it.
    Accepted,
    /// The preflight, before the first write: the VPC and its subnets were found and meet all requirements.
    NetworkResolved,
    /// The security groups exist with all their rules.
    SecurityGroupsReady,
    /// Every VPC endpoint is available.
    EndpointsReady,
    /// The Route 53 Resolver inbound endpoint is operational, or disabled in the spec.
    ResolverReady,
    /// The observed state equals the desired state.
    Synced,
    /// MGN is initialized, and its replication template fits the network; present only where the operator may read the
    /// template.
    ReplicationTemplateReady,
    /// The on-premises teams have acknowledged the present hand-off; present once the hand-off is known.
    OnPremisesCurrent,
    /// The operator is working; present only while true.
    Reconciling,
    /// An action is required; present only while true.
    Stalled,
    /// `spec.suspend` is true; present only while true.
    Suspended,
}

impl ConditionType {
    /// Every type, in order.
    pub const ALL: [Self; 12] = [
        Self::Ready,
        Self::Accepted,
        Self::NetworkResolved,
        Self::SecurityGroupsReady,
        Self::EndpointsReady,
        Self::ResolverReady,
        Self::Synced,
        Self::ReplicationTemplateReady,
        Self::OnPremisesCurrent,
        Self::Reconciling,
        Self::Stalled,
        Self::Suspended,
    ];

    /// Returns the word in the condition's `type`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "Ready",
            Self::Accepted => "Accepted",
            Self::NetworkResolved => "NetworkResolved",
            Self::SecurityGroupsReady => "SecurityGroupsReady",
            Self::EndpointsReady => "EndpointsReady",
            Self::ResolverReady => "ResolverReady",
            Self::Synced => "Synced",
            Self::ReplicationTemplateReady => "ReplicationTemplateReady",
            Self::OnPremisesCurrent => "OnPremisesCurrent",
            Self::Reconciling => "Reconciling",
            Self::Stalled => "Stalled",
            Self::Suspended => "Suspended",
        }
    }

    /// Returns the meaning of the condition while it is true, in one sentence.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Ready => "A source server could install the agent now, if its on-premises side is prepared.",
            Self::Accepted => {
                "For a network: its class exists and admits it, and its spec is valid. For a class: the operator can \
                 access its AWS account."
            }
            Self::NetworkResolved => {
                "The preflight passed: the VPC and its subnets meet all requirements. Before that, nothing is created \
                 in AWS."
            }
            Self::SecurityGroupsReady => "The security groups exist with all their rules.",
            Self::EndpointsReady => "Every desired VPC endpoint is available.",
            Self::ResolverReady => {
                "The Route 53 Resolver inbound endpoint is operational on all its addresses, or disabled in the spec."
            }
            Self::Synced => {
                "The observed state equals the desired state, and the network's security groups have no foreign rules."
            }
            Self::ReplicationTemplateReady => {
                "AWS Application Migration Service is initialized in the account and Region, and its replication \
                 template fits the network. Not part of `Ready`."
            }
            Self::OnPremisesCurrent => {
                "The annotation `mgnet.dev/on-premises-done` names the present revision of the hand-off \
                 (`status.onPremises`). Not part of `Ready`."
            }
            Self::Reconciling => "The operator is working, or waits for AWS or for a temporary problem to end.",
            Self::Stalled => "An action is required: the problem that the reason names does not resolve itself.",
            Self::Suspended => "`spec.suspend` is true, and the operator changes nothing in AWS except for a deletion.",
        }
    }

    /// Returns when a network has the condition.
    pub const fn presence(self) -> Presence {
        match self {
            Self::Reconciling | Self::Stalled | Self::Suspended => Presence::WhileTrue,
            Self::ReplicationTemplateReady | Self::OnPremisesCurrent => Presence::WhereKnown,
            Self::Ready
            | Self::Accepted
            | Self::NetworkResolved
            | Self::SecurityGroupsReady
            | Self::EndpointsReady
            | Self::ResolverReady
            | Self::Synced => Presence::Always,
        }
    }

    /// Returns the type with this word, if there is one.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|type_| type_.as_str() == word)
    }
}

impl std::fmt::Display for ConditionType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// When a network has a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Presence {
    /// From the first reconcile on.
    Always,
    /// Only where the operator can know it.
    WhereKnown,
    /// Only while it is true.
    WhileTrue,
}

/// The status of a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ConditionStatus {
    /// The condition is true.
    True,
    /// The condition is false.
    False,
    /// The operator does not know whether the condition is true.
    Unknown,
}

impl ConditionStatus {
    /// Returns the word in the condition's `status`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::True => "True",
            Self::False => "False",
            Self::Unknown => "Unknown",
        }
    }
}

/// Sets one condition, at its position in the order.
///
/// `lastTransitionTime` becomes `now` only if the status changes or the condition is new, as in Kubernetes'
/// `meta.SetStatusCondition`: a new reason or message is not a transition. A message that is too long is truncated.
/// `generation` is the generation of the object that the condition describes.
pub fn set(
    conditions: &mut Vec<Condition>,
    type_: ConditionType,
    (status, reason, message): (ConditionStatus, Reason, impl Into<String>),
    generation: i64,
    now: Timestamp,
) {
    let before = find(conditions, type_).filter(|before| before.status == status.as_str());
    let last_transition_time = before.map_or(Time(now), |before| before.last_transition_time.clone());
    let message = shorten(&message.into(), MAX_MESSAGE_LENGTH);
    // A call that fails again has another request ID. The first one is kept, so that status is not written at each attempt.
    let is_kept = |before: &&Condition| {
        before.reason == reason.as_str() && is_same_apart_from_request_ids(&before.message, &message)
    };
    let message = before.filter(is_kept).map_or(message.clone(), |before| before.message.clone());
    remove(conditions, type_);
    conditions.push(Condition {
        type_: type_.as_str().to_owned(),
        status: status.as_str().to_owned(),
        reason: reason.as_str().to_owned(),
        message,
        observed_generation: Some(generation),
        last_transition_time,
    });
    conditions.sort_by_key(|condition| position(&condition.type_));
    // Conditions of other writers are last. If there were more conditions than the schema allows, the API server
    // would reject every write of the status.
    conditions.truncate(MAX_CONDITIONS);
}

/// Removes a condition, if it exists.
pub fn remove(conditions: &mut Vec<Condition>, type_: ConditionType) {
    conditions.retain(|condition| condition.type_ != type_.as_str());
}

/// Returns the condition of this type, if it exists.
pub fn find(conditions: &[Condition], type_: ConditionType) -> Option<&Condition> {
    conditions.iter().find(|condition| condition.type_ == type_.as_str())
}

/// Whether the condition exists and is true.
pub fn is_true(conditions: &[Condition], type_: ConditionType) -> bool {
    find(conditions, type_).is_some_and(|condition| condition.status == ConditionStatus::True.as_str())
}

/// The position of a condition. Types of other writers come last, in the order that they had.
fn position(type_: &str) -> usize {
    ConditionType::ALL.iter().position(|known| known.as_str() == type_).unwrap_or(ConditionType::ALL.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::conditions::ConditionStatus::{False, True, Unknown};
    use crate::api::tolerant;

    fn at(second: i64) -> Timestamp {
        Timestamp::constant(second, 0)
    }

    fn types(conditions: &[Condition]) -> Vec<&str> {
        conditions.iter().map(|condition| condition.type_.as_str()).collect()
    }

    #[test]
    fn a_new_condition_transitions_now() {
        let mut conditions = Vec::new();
        set(&mut conditions, ConditionType::Ready, (False, Reason::Pending, "soon"), 3, at(10));
        assert_eq!(
            conditions,
            [Condition {
                type_: "Ready".into(),
                status: "False".into(),
                reason: "Pending".into(),
                message: "soon".into(),
                observed_generation: Some(3),
                last_transition_time: Time(at(10)),
            }]
        );
    }

    #[test]
    fn a_new_reason_message_or_generation_is_not_a_transition() {
        let mut conditions = Vec::new();
        set(&mut conditions, ConditionType::Ready, (False, Reason::Pending, "soon"), 3, at(10));
        set(&mut conditions, ConditionType::Ready, (False, Reason::EndpointsPending, "2 of 7"), 4, at(20));
        let [ready] = conditions.as_slice() else { panic!("one condition was set: {conditions:?}") };
        assert_eq!(ready.last_transition_time, Time(at(10)));
        assert_eq!((ready.reason.as_str(), ready.message.as_str()), ("EndpointsPending", "2 of 7"));
        assert_eq!(ready.observed_generation, Some(4));
    }

    #[test]
    fn a_new_status_is_a_transition() {
        let mut conditions = Vec::new();
        for (status, second) in [(False, 10), (True, 20), (True, 30), (Unknown, 40)] {
            set(&mut conditions, ConditionType::Ready, (status, Reason::Ready, ""), 1, at(second));
        }
        let times: Vec<_> = conditions.iter().map(|condition| condition.last_transition_time.0).collect();
        assert_eq!(times, [at(40)]);
    }

    #[test]
    fn the_order_does_not_depend_on_the_order_of_setting() {
        let mut conditions = Vec::new();
        for type_ in ConditionType::ALL.into_iter().rev() {
            set(&mut conditions, type_, (True, Reason::Ready, ""), 1, at(0));
        }
        assert_eq!(types(&conditions), ConditionType::ALL.map(ConditionType::as_str));
    }

    #[test]
    fn conditions_of_other_writers_are_kept_and_come_last() {
        let foreign = |name: &str| Condition { type_: name.into(), last_transition_time: Time(at(1)), ..empty() };
        let mut conditions = vec![foreign("Zebra"), foreign("Audited")];
        set(&mut conditions, ConditionType::Stalled, (True, Reason::InvalidSpec, ""), 1, at(0));
        set(&mut conditions, ConditionType::Ready, (False, Reason::InvalidSpec, ""), 1, at(0));
        assert_eq!(types(&conditions), ["Ready", "Stalled", "Zebra", "Audited"]);
    }

    #[test]
    fn removing_a_condition_keeps_the_others() {
        let mut conditions = Vec::new();
        set(&mut conditions, ConditionType::Ready, (False, Reason::Progressing, ""), 1, at(0));
        set(&mut conditions, ConditionType::Reconciling, (True, Reason::Progressing, ""), 1, at(0));
        assert!(is_true(&conditions, ConditionType::Reconciling));
        remove(&mut conditions, ConditionType::Reconciling);
        remove(&mut conditions, ConditionType::Stalled);
        assert_eq!(types(&conditions), ["Ready"]);
        assert!(!is_true(&conditions, ConditionType::Ready));
    }

    #[test]
    fn a_message_that_is_too_long_is_truncated() {
        let mut conditions = Vec::new();
        set(
            &mut conditions,
            ConditionType::Ready,
            (False, Reason::Pending, "東".repeat(MAX_MESSAGE_LENGTH + 1)),
            1,
            at(0),
        );
        assert_eq!(conditions[0].message.chars().count(), MAX_MESSAGE_LENGTH);
    }

    #[test]
    fn every_type_is_found_by_its_name() {
        for type_ in ConditionType::ALL {
            assert_eq!(ConditionType::parse(type_.as_str()), Some(type_));
        }
        assert_eq!(ConditionType::parse("ready"), None);
    }

    #[test]
    fn the_operators_conditions_fit_even_if_other_writers_fill_the_list() {
        let foreign = |number: usize| Condition { type_: format!("Other{number}"), ..empty() };
        let mut conditions: Vec<Condition> = (0..MAX_CONDITIONS).map(foreign).collect();
        for type_ in ConditionType::ALL {
            set(&mut conditions, type_, (True, Reason::Ready, ""), 1, at(0));
        }
        assert_eq!(conditions.len(), MAX_CONDITIONS);
        assert!(ConditionType::ALL.into_iter().all(|type_| is_true(&conditions, type_)));
    }

    #[test]
    fn a_call_that_fails_again_does_not_change_the_message() {
        let failed = |id: &str, code: &str| {
            let message = format!("ec2:CreateVpcEndpoint: {code}{}", crate::text::request_id(id));
            (False, Reason::AccessDenied, message)
        };
        let mut conditions = Vec::new();
        set(&mut conditions, ConditionType::Ready, failed("1", "UnauthorizedOperation"), 1, at(10));
        set(&mut conditions, ConditionType::Ready, failed("2", "UnauthorizedOperation"), 1, at(20));
        assert!(conditions[0].message.ends_with("(AWS request ID 1)"), "{conditions:?}");
        set(&mut conditions, ConditionType::Ready, failed("3", "AccessDenied"), 1, at(30));
        assert!(conditions[0].message.ends_with("AccessDenied (AWS request ID 3)"), "{conditions:?}");
    }

    #[test]
    fn a_condition_with_an_unreadable_time_is_dropped() {
        let condition = |type_: &str, time: &str| {
            serde_json::json!({
                "type": type_, "status": "True", "reason": "R", "message": "", "lastTransitionTime": time,
            })
        };
        let all = [condition("Late", "9999-12-31T23:59:59Z"), condition("Ready", "2026-01-01T00:00:00Z")];
        let read: Vec<Condition> = tolerant::list(serde_json::json!(all)).expect("a list of conditions");
        assert_eq!(types(&read), ["Ready"]);
    }

    fn empty() -> Condition {
        Condition {
            type_: String::new(),
            status: "True".into(),
            reason: "Other".into(),
            message: String::new(),
            observed_generation: None,
            last_transition_time: Time(at(0)),
        }
    }
}
