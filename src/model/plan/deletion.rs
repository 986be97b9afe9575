//! Plans for a network that is being deleted. They start from what is there, not from what the spec says: a spec or class
//! that has become invalid, or is gone, must not keep a network from going.

use crate::model::{
    claims::{Claims, token},
    observed::Resources,
    ownership::{Identity, RETAINED_TAG, Tags},
    plan::{Blocker, Plan, removal::Surplus, step::Step},
};

/// Plans the removal of everything that is the network's own: endpoints and the Resolver, then groups.
pub fn delete(identity: &Identity, resources: &Resources, claims: &Claims) -> Plan {
    let mut plan = unanswered(identity, claims);
    if plan.is_done() {
        let mut surplus = Surplus::default();
        for slot in resources.slots(identity) {
            surplus.add(resources, identity, slot);
        }
        surplus.plan(resources, &mut plan);
        not_visible(identity, resources, claims, &mut plan);
    }
    plan
}

/// Plans the marking of everything that is the network's own as retained. It stays, and stays readable whose it was.
pub fn retain(identity: &Identity, resources: &Resources, claims: &Claims) -> Plan {
    let mut plan = unanswered(identity, claims);
    if plan.is_done() {
        for slot in resources.slots(identity) {
            let Some((resource, tags)) = resources.live(identity, slot).and_then(|id| resources.tags_of(slot, &id))
            else {
                continue;
            };
            if !tags.contains_key(RETAINED_TAG) {
                let tags = Tags::from([(RETAINED_TAG.to_owned(), "true".to_owned())]);
                plan.steps.push(Step::SetTags { slot, resource, tags });
            }
        }
        not_visible(identity, resources, claims, &mut plan);
    }
    plan
}

/// Create calls whose answer never came are sent again, before anything else: only their answer tells what they made.
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

fn not_visible(identity: &Identity, resources: &Resources, claims: &Claims, plan: &mut Plan) {
    plan.blockers.extend(claims.missing(identity, resources).into_iter().map(|slot| Blocker::NotVisible { slot }));
}
