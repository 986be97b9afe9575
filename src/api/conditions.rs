//! Conditions: which there are, in which order they stand, and how one is set without disturbing the others.
//!
//! Pure functions over a list; the time is passed in. What a condition says is decided elsewhere.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use serde::{Deserialize as _, Deserializer};

use crate::text::shorten;

pub use crate::api::reasons::Reason;

/// The longest message that the schema of a condition admits, in characters.
pub const MAX_MESSAGE_LENGTH: usize = 32_768;

/// The most conditions that the schema admits.
pub const MAX_CONDITIONS: usize = 16;

/// One condition's status, reason and message.
pub(crate) type State = (ConditionStatus, Reason, String);

/// The conditions of both kinds. Their order here is their order in `status.conditions`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ConditionType {
    /// A source server whose on-premises side is done could install the agent now.
    Ready,
    /// The object is valid, and its class admits it.
    Accepted,
    /// The VPC and its subnets were found and fit: the preflight before the first write.
    NetworkResolved,
    /// The security groups exist with their rules.
    SecurityGroupsReady,
    /// Every VPC endpoint is available.
    EndpointsReady,
    /// The Route 53 Resolver inbound endpoint answers, or none is wanted.
    ResolverReady,
    /// AWS equals what is wanted.
    Synced,
    /// The operator is at work; present only while true.
    Reconciling,
    /// Waiting will not heal this; present only while true.
    Stalled,
    /// `spec.suspend` holds the operator off; present only while true.
    Suspended,
}

impl ConditionType {
    /// Every type, in order.
    pub const ALL: [Self; 10] = [
        Self::Ready,
        Self::Accepted,
        Self::NetworkResolved,
        Self::SecurityGroupsReady,
        Self::EndpointsReady,
        Self::ResolverReady,
        Self::Synced,
        Self::Reconciling,
        Self::Stalled,
        Self::Suspended,
    ];

    /// The type as it stands in `type`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "Ready",
            Self::Accepted => "Accepted",
            Self::NetworkResolved => "NetworkResolved",
            Self::SecurityGroupsReady => "SecurityGroupsReady",
            Self::EndpointsReady => "EndpointsReady",
            Self::ResolverReady => "ResolverReady",
            Self::Synced => "Synced",
            Self::Reconciling => "Reconciling",
            Self::Stalled => "Stalled",
            Self::Suspended => "Suspended",
        }
    }

    /// What is the case while it is true, in one sentence.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Ready => "A source server whose on-premises side is done could install the agent now.",
            Self::Accepted => {
                "Of a network: the class is there and admits it, and its spec can be read. Of a class: its account is reached."
            }
            Self::NetworkResolved => {
                "The VPC and its subnets were found and fit: the preflight, before which nothing is written to AWS."
            }
            Self::SecurityGroupsReady => "The security groups are there with all their rules.",
            Self::EndpointsReady => "Every VPC endpoint that is wanted is available.",
            Self::ResolverReady => {
                "The Route 53 Resolver inbound endpoint answers on all its addresses, or none is wanted."
            }
            Self::Synced => "AWS equals what is wanted, and no rule of somebody else stands on the network's groups.",
            Self::Reconciling => "The operator is at work, or waits for AWS or for what passes by itself.",
            Self::Stalled => "Somebody has to act: waiting does not heal what the reason names.",
            Self::Suspended => "`spec.suspend` holds the operator off.",
        }
    }

    /// Whether the condition is present only while it is true. The others are always present on a network.
    pub const fn only_while_true(self) -> bool {
        match self {
            Self::Reconciling | Self::Stalled | Self::Suspended => true,
            Self::Ready
            | Self::Accepted
            | Self::NetworkResolved
            | Self::SecurityGroupsReady
            | Self::EndpointsReady
            | Self::ResolverReady
            | Self::Synced => false,
        }
    }

    /// The type written as `word`, if there is one.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|type_| type_.as_str() == word)
    }
}

impl std::fmt::Display for ConditionType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The status of a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ConditionStatus {
    /// It holds.
    True,
    /// It does not hold.
    False,
    /// It is not known whether it holds.
    Unknown,
}

impl ConditionStatus {
    /// The status as it stands in `status`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::True => "True",
            Self::False => "False",
            Self::Unknown => "Unknown",
        }
    }
}

/// Sets one condition, in its place in the order.
///
/// `lastTransitionTime` becomes `now` only when the status changes or the condition is new, as in Kubernetes'
/// `meta.SetStatusCondition`: a new reason or message is no transition. A message that is too long is cut. `generation`
/// is the object's, which this verdict is about.
pub fn set(
    conditions: &mut Vec<Condition>,
    type_: ConditionType,
    (status, reason, message): (ConditionStatus, Reason, impl Into<String>),
    generation: i64,
    now: Timestamp,
) {
    let before = find(conditions, type_).filter(|before| before.status == status.as_str());
    let last_transition_time = before.map_or(Time(now), |before| before.last_transition_time.clone());
    remove(conditions, type_);
    conditions.push(Condition {
        type_: type_.as_str().to_owned(),
        status: status.as_str().to_owned(),
        reason: reason.as_str().to_owned(),
        message: shorten(&message.into(), MAX_MESSAGE_LENGTH),
        observed_generation: Some(generation),
        last_transition_time,
    });
    conditions.sort_by_key(|condition| place(&condition.type_));
    // Those of other writers are last. Were there more than the schema admits, no status could be written any more.
    conditions.truncate(MAX_CONDITIONS);
}

/// Removes a condition, if it is there.
pub fn remove(conditions: &mut Vec<Condition>, type_: ConditionType) {
    conditions.retain(|condition| condition.type_ != type_.as_str());
}

/// The condition of that type, if it is there.
pub fn find(conditions: &[Condition], type_: ConditionType) -> Option<&Condition> {
    conditions.iter().find(|condition| condition.type_ == type_.as_str())
}

/// Whether the condition is there and true.
pub fn is_true(conditions: &[Condition], type_: ConditionType) -> bool {
    find(conditions, type_).is_some_and(|condition| condition.status == ConditionStatus::True.as_str())
}

/// Where a condition stands; types of other writers come last, in the order they had.
fn place(type_: &str) -> usize {
    ConditionType::ALL.iter().position(|known| known.as_str() == type_).unwrap_or(ConditionType::ALL.len())
}

/// The conditions that can be read; others count as not there. The API server admits times that `Timestamp` cannot hold
/// (the last hours of the year 9999), and a network whose status cannot be read would be left alone for ever.
pub(super) fn readable<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Condition>, D::Error> {
    let all = Vec::<serde_json::Value>::deserialize(deserializer)?;
    Ok(all.into_iter().filter_map(|condition| serde_json::from_value(condition).ok()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::conditions::ConditionStatus::{False, True, Unknown};

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
    fn a_new_reason_message_or_generation_is_no_transition() {
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
    fn conditions_of_other_writers_stay_and_come_last() {
        let foreign = |name: &str| Condition { type_: name.into(), last_transition_time: Time(at(1)), ..empty() };
        let mut conditions = vec![foreign("Zebra"), foreign("Audited")];
        set(&mut conditions, ConditionType::Stalled, (True, Reason::InvalidSpec, ""), 1, at(0));
        set(&mut conditions, ConditionType::Ready, (False, Reason::InvalidSpec, ""), 1, at(0));
        assert_eq!(types(&conditions), ["Ready", "Stalled", "Zebra", "Audited"]);
    }

    #[test]
    fn removing_leaves_the_others() {
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
    fn a_message_is_no_longer_than_the_schema_admits() {
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
    fn there_is_room_for_ours_however_many_others_have_written() {
        let foreign = |number: usize| Condition { type_: format!("Other{number}"), ..empty() };
        let mut conditions: Vec<Condition> = (0..MAX_CONDITIONS).map(foreign).collect();
        for type_ in ConditionType::ALL {
            set(&mut conditions, type_, (True, Reason::Ready, ""), 1, at(0));
        }
        assert_eq!(conditions.len(), MAX_CONDITIONS);
        assert!(ConditionType::ALL.into_iter().all(|type_| is_true(&conditions, type_)));
    }

    #[test]
    fn a_time_that_cannot_be_read_does_not_keep_the_rest_from_being_read() {
        let condition = |type_: &str, time: &str| {
            serde_json::json!({
                "type": type_, "status": "True", "reason": "R", "message": "", "lastTransitionTime": time,
            })
        };
        let all = [condition("Late", "9999-12-31T23:59:59Z"), condition("Ready", "2026-01-01T00:00:00Z")];
        let read = readable(serde_json::json!(all)).expect("a list of conditions");
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
