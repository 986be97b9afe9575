//! Plans the deletion of a network. The plans depend on the observed resources only, not on the spec: a spec or class
//! that has become invalid, or no longer exists, must not prevent the deletion.

use std::collections::BTreeSet;

use super::{Blocker, Plan, release::Release, removal::Surplus, step::Step};
use crate::{
    api::AdoptedDeletionPolicy,
    model::{
        claims::{Claims, token},
        observed::Resources,
        ownership::{ADOPTED_TAG, Identity, RETAINED_TAG, TRANSFER_TAG, Tags},
        transfer::Transfer,
    },
};

/// Plans the deletion of every owned resource: endpoints and the Resolver endpoint first, then security groups. `adopted`
/// is the policy for adopted resources, and `managed_tags` are the keys of the user tags that the operator has set.
pub fn delete(
    identity: &Identity,
    resources: &Resources,
    claims: &Claims,
    managed_tags: &BTreeSet<String>,
    adopted: AdoptedDeletionPolicy,
) -> Plan {
    let mut plan = unanswered(identity, claims);
    if plan.is_done() {
        let mut surplus = Surplus::new(Release { resources, claims, managed_tags }, adopted);
        for slot in resources.slots(identity) {
            surplus.add(identity, slot);
        }
        surplus.plan(&mut plan);
        unknown_slots(identity, resources, claims, &mut plan);
        not_visible(identity, resources, claims, &mut plan);
    }
    plan
}

/// Plans to tag every owned resource as retained, for this cluster or for the one of the transfer. The resources keep their
/// owner tags, so the former owner remains visible. Each resource gets its tags in one call.
pub fn retain(identity: &Identity, resources: &Resources, claims: &Claims, transfer: &Transfer) -> Plan {
    let mut plan = unanswered(identity, claims);
    if !plan.is_done() {
        return plan;
    }
    if let Transfer::Invalid(why) = transfer {
        plan.blockers.push(Blocker::InvalidTransfer(why.clone()));
        return plan;
    }
    for slot in resources.slots(identity) {
        if let Some(ids) = resources.duplicates(identity, slot) {
            plan.blockers.push(Blocker::Duplicates { slot, ids });
            continue;
        }
        let Some(id) = resources.live(identity, slot) else { continue };
        let Some((resource, present)) = resources.tags_of(slot, &id) else { continue };
        if transfer.target().is_none() && present.contains_key(TRANSFER_TAG) {
            let keys = BTreeSet::from([TRANSFER_TAG.to_owned()]);
            plan.steps.push(Step::RemoveTags { slot, resource: resource.clone(), keys });
        }
        let mut tags = retained(transfer, claims.had(slot, &id).is_some());
        tags.retain(|key, value| present.get(key) != Some(value));
        if !tags.is_empty() {
            plan.steps.push(Step::SetTags { slot, resource, tags });
        }
    }
    unknown_slots(identity, resources, claims, &mut plan);
    not_visible(identity, resources, claims, &mut plan);
    plan
}

/// The tags of a retained resource. The next network treats a resource as adopted only if its tag shows that, because the
/// record of the adoption is gone with this network.
fn retained(transfer: &Transfer, is_adopted: bool) -> Tags {
    let yes = |key: &str| (key.to_owned(), "true".to_owned());
    let adopted = is_adopted.then(|| yes(ADOPTED_TAG));
    let target = transfer.target().map(|cluster| (TRANSFER_TAG.to_owned(), cluster.to_string()));
    [yes(RETAINED_TAG)].into_iter().chain(adopted).chain(target).collect()
}

/// Plans to repeat the create calls that were never answered, before any other step: only the answer identifies the
/// resource that such a call created.
fn unanswered(identity: &Identity, claims: &Claims) -> Plan {
    let steps = claims
        .pending()
        .filter_map(|(slot, epoch, request)| {
            let request = request?.clone();
            Some(Step::Create { slot, token: token(&identity.uid, slot, epoch), request })
        })
        .collect();
    Plan { steps, blockers: Vec::new() }
}

/// Adds a blocker for each slot that this version does not know, from the claims and from the tags of owned resources.
fn unknown_slots(identity: &Identity, resources: &Resources, claims: &Claims, plan: &mut Plan) {
    let claimed = claims.of_unknown_slots().map(|(slot, id)| (slot.to_owned(), id.map(str::to_owned)));
    let tagged = resources.of_unknown_slots(identity).into_iter().map(|(id, slot)| (slot, Some(id)));
    let all: BTreeSet<(String, Option<String>)> = claimed.chain(tagged).collect();
    plan.blockers.extend(all.into_iter().map(|(slot, id)| Blocker::UnknownSlot { slot, id }));
}

/// Adds a blocker for each claimed resource that no list of AWS contains.
fn not_visible(identity: &Identity, resources: &Resources, claims: &Claims, plan: &mut Plan) {
    plan.blockers.extend(claims.missing(identity, resources).into_iter().map(|slot| Blocker::NotVisible { slot }));
}
