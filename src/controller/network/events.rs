//! Creates events: one for each change in AWS, and one for each transition of a condition for which users wait.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

use crate::{
    api::{
        ConditionType, ConfigMapState, MigrationNetworkStatus, OnPremisesConfigMap, OnPremisesStatus, Reason,
        conditions::find,
    },
    controller::store::Announcement,
    model::{
        ids::join,
        plan::step::{Effect, Step},
    },
};

/// The event that reports a step. The action names the slot, because Kubernetes merges events with the same reason and
/// action.
pub(crate) fn of_step(step: &Step, effect: &Effect) -> Option<Announcement> {
    let slots = step.slots().iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let (reason, action, note) = match (step, effect) {
        (Step::Create { slot, .. }, Effect::GroupCreated(id, _)) => {
            ("SecurityGroupCreated", format!("Create {slot}"), format!("created {id} for {slot}"))
        }
        (Step::Create { slot, .. }, Effect::EndpointCreated(id, _)) => {
            ("EndpointCreated", format!("Create {slot}"), format!("created {id} for {slot}"))
        }
        (Step::Create { slot, .. }, Effect::ResolverCreated(id, _)) => {
            ("ResolverCreated", format!("Create {slot}"), format!("created {id}"))
        }
        (Step::Adopt { slot, id, .. }, _) => {
            ("Adopted", format!("Adopt {slot}"), format!("{id} now belongs to the network as {slot}"))
        }
        (Step::Release { slot, id, .. }, _) => {
            ("Released", format!("Release {slot}"), format!("{id} no longer belongs to the network"))
        }
        (Step::AuthorizeIngress { group, permissions, .. }, _) => {
            ("RulesAdded", format!("Authorize {slots}"), format!("{group} now allows {}", join(permissions.keys())))
        }
        (Step::RevokeIngress { group, rules, .. }, _) => {
            ("RulesRemoved", format!("Revoke {slots}"), format!("{group} no longer allows {}", join(rules.values())))
        }
        (Step::ModifyEndpoint { endpoint, key, .. }, _) => {
            ("EndpointModified", format!("Modify {key}"), format!("modified {endpoint} for {key}"))
        }
        (Step::AssociateResolverAddress { resolver, subnet, .. }, _) => {
            ("ResolverAddressAdded", "Associate".to_owned(), format!("adding an address in {subnet} to {resolver}"))
        }
        (Step::DisassociateResolverAddress { resolver, address }, _) => {
            ("ResolverAddressRemoved", "Disassociate".to_owned(), format!("removing address {address} from {resolver}"))
        }
        (Step::Create { .. } | Step::SetTags { .. } | Step::RemoveTags { .. }, _) => return None,
        (Step::DeleteEndpoints { endpoints }, _) => {
            ("EndpointsDeleted", "Delete".to_owned(), format!("deleting {}", join(endpoints.keys())))
        }
        (Step::DeleteResolver { resolver }, _) => {
            ("ResolverDeleted", "Delete".to_owned(), format!("deleting {resolver}"))
        }
        (Step::DeleteGroup { group, .. }, _) => {
            ("SecurityGroupDeleted", format!("Delete {slots}"), format!("deleted {group}"))
        }
    };
    Some(Announcement { warning: false, reason: reason.to_owned(), action, note })
}

/// The events that report a change of status: a new status or reason of `Ready`, detected drift, a replication template that
/// names a group which is being deleted, and a new plan.
pub(crate) fn of_transition(
    before: Option<&MigrationNetworkStatus>,
    after: Option<&MigrationNetworkStatus>,
) -> Vec<Announcement> {
    let word = |status: Option<&MigrationNetworkStatus>, type_| {
        status
            .and_then(|status| find(&status.conditions, type_))
            .map(|condition| (condition.status.clone(), condition.reason.clone()))
    };
    let hash = |status: Option<&MigrationNetworkStatus>| {
        status?.plan.as_ref().filter(|plan| plan.call_count > 0).map(|plan| plan.hash.clone())
    };
    // A new or changed plan is reported once, with its summary.
    let planned = after.and_then(|after| after.plan.as_ref()).filter(|_| {
        let now = hash(after);
        now.is_some() && now != hash(before)
    });
    let planned = planned.map(|plan| Announcement {
        warning: false,
        reason: "PlanReady".to_owned(),
        action: "Plan".to_owned(),
        note: plan.summary.clone(),
    });
    let stalled = after.is_some_and(|status| find(&status.conditions, ConditionType::Stalled).is_some());
    [ConditionType::Ready, ConditionType::Synced, ConditionType::ReplicationTemplateReady]
        .into_iter()
        .filter(|type_| word(before, *type_) != word(after, *type_))
        .filter_map(|type_| {
            let condition = find(&after?.conditions, type_)?;
            let drift = condition.reason == "DriftDetected";
            let is_plan = condition.reason == "ChangesPlanned";
            // The condition disappears with the network.
            let stale = type_ == ConditionType::ReplicationTemplateReady && condition.reason == "Deleting";
            let is_reported = (type_ == ConditionType::Ready && !is_plan) || drift || stale;
            is_reported.then(|| Announcement {
                warning: drift || stale || (stalled && condition.status != "True"),
                reason: condition.reason.clone(),
                action: type_.as_str().to_owned(),
                note: condition.message.clone(),
            })
        })
        .chain(planned)
        .chain(of_config_map(before, after))
        .collect()
}

/// The event about a hand-off that is not completely in its ConfigMap.
fn of_config_map(
    before: Option<&MigrationNetworkStatus>,
    after: Option<&MigrationNetworkStatus>,
) -> Option<Announcement> {
    fn config_map(status: Option<&MigrationNetworkStatus>) -> Option<&OnPremisesConfigMap> {
        status?.on_premises.as_ref()?.config_map.as_ref()
    }
    let now = config_map(after)?;
    if config_map(before).map(|before| before.state) == Some(now.state) {
        return None;
    }
    let reason = match now.state {
        ConfigMapState::Pending | ConfigMapState::Current => return None,
        ConfigMapState::Incomplete => "OnPremisesConfigMapIncomplete",
        ConfigMapState::Foreign => "OnPremisesConfigMapForeign",
        ConfigMapState::Denied => "OnPremisesConfigMapDenied",
        ConfigMapState::Failed => "OnPremisesConfigMapFailed",
    };
    let note = now.message.clone().unwrap_or_default();
    Some(Announcement { warning: true, reason: reason.to_owned(), action: "HandOff".to_owned(), note })
}

/// The event that tells the on-premises teams about work: a new revision of the hand-off, or the deletion of a network to
/// whose addresses their DNS servers forward.
///
/// It is published after each write, because a deletion stores its status before the first call, too. The condition remembers
/// that the deletion was reported, also while AWS cannot be observed.
pub(crate) fn of_hand_off(
    before: Option<&MigrationNetworkStatus>,
    after: Option<&MigrationNetworkStatus>,
) -> Option<Announcement> {
    fn hand_off(status: Option<&MigrationNetworkStatus>) -> Option<&OnPremisesStatus> {
        status.and_then(|status| status.on_premises.as_ref())
    }
    fn removal(status: Option<&MigrationNetworkStatus>) -> Option<&Condition> {
        let current = find(&status?.conditions, ConditionType::OnPremisesCurrent)?;
        (current.reason == Reason::Deleting.as_str()).then_some(current)
    }
    let now = hand_off(after)?;
    let event = |warning: bool, reason: &str, note: String| {
        // Kubernetes would show a second change within minutes with the note of the first one.
        let action = format!("HandOff {}", now.revision);
        Some(Announcement { warning, reason: reason.to_owned(), action, note })
    };
    if let (None, Some(condition)) = (removal(before), removal(after)) {
        return event(true, "OnPremisesRemoval", condition.message.clone());
    }
    match hand_off(before) {
        Some(earlier) if earlier.revision == now.revision => None,
        Some(earlier) => {
            let changes = now.changes.iter().map(|change| format!("{} {:?}", change.subject, change.change));
            let changes = changes.collect::<Vec<_>>().join(", ");
            let note = format!("revision {} of the hand-off replaces {}: {changes}", now.revision, earlier.revision);
            event(true, "OnPremisesChanged", note)
        }
        None => event(false, "OnPremisesReady", format!("the hand-off is known, with revision {}", now.revision)),
    }
}

/// The events for new preflight warnings. A warning with the same check and subject as before is not new, even if its
/// message has changed.
pub(crate) fn of_new_warnings(
    before: Option<&MigrationNetworkStatus>,
    after: Option<&MigrationNetworkStatus>,
) -> Vec<Announcement> {
    let of = |status: Option<&MigrationNetworkStatus>| {
        status.map(|status| status.preflight_warnings.clone()).unwrap_or_default()
    };
    let known: Vec<_> = of(before).into_iter().map(|warning| (warning.code, warning.subject)).collect();
    of(after)
        .into_iter()
        .map(|warning| ((warning.code, warning.subject), warning.message))
        .filter(|(key, _)| !known.contains(key))
        .map(|((code, subject), message)| Announcement {
            warning: true,
            reason: "PreflightWarning".to_owned(),
            action: format!("Check {code} {subject}").trim_end().to_owned(),
            note: format!("{code}: {message}"),
        })
        .collect()
}
