//! Every state of AWS's models, in every slot: each one ends in a repair, in a wait that the status names, or in a stall that
//! says what to do, both for a network that exists and for one that is being deleted.

use std::collections::BTreeSet;

use crate::{
    api::{ConditionType, conditions::find},
    model::{
        ids::EndpointId,
        observed::{EndpointState, ResolverState, resources::Life},
        plan::Plan,
        slot::{EndpointKey, Slot},
        status::{Verdict, conditions, inventory},
        testing::{Lab, identity},
    },
};

/// `State` of EC2's model.
const ENDPOINT_STATES: [&str; 9] =
    ["PendingAcceptance", "Pending", "Available", "Deleting", "Deleted", "Rejected", "Failed", "Expired", "Partial"];

/// `ResolverEndpointStatus` of the model of Route 53 Resolver.
const RESOLVER_STATES: [&str; 6] =
    ["CREATING", "OPERATIONAL", "UPDATING", "AUTO_RECOVERING", "ACTION_NEEDED", "DELETING"];

/// `IpAddressStatus` of the model of Route 53 Resolver.
const ADDRESS_STATES: [&str; 15] = [
    "CREATING",
    "FAILED_CREATION",
    "FAILED_CREATION_INSUFFICIENT_EC2_CAPACITY_IN_OUTPOST",
    "ATTACHING",
    "ATTACHED",
    "REMAP_DETACHING",
    "REMAP_ATTACHING",
    "DETACHING",
    "FAILED_RESOURCE_GONE",
    "DELETING",
    "DELETE_FAILED_FAS_EXPIRED",
    "UPDATING",
    "UPDATE_FAILED",
    "ISOLATED",
    "A_STATE_OF_THE_FUTURE",
];

fn concerns(plan: &Plan, slot: Slot) -> bool {
    plan.steps.iter().any(|step| step.slots().contains(&slot))
        || plan.blockers.iter().any(|one| one.slot() == Some(slot))
}

/// Checks a network in which the resource of a slot has a state. `is_good` if the network is ready in this state.
fn check(mut lab: Lab, slot: Slot, state: &str, is_good: bool) {
    lab.claims.settle(&identity(), &lab.observed.resources, &BTreeSet::new());
    let plan = lab.plan();
    assert_eq!(plan.is_done(), is_good, "{slot} {state}: {plan:#?}");
    assert!(is_good || concerns(&plan, slot), "{slot} {state}: {plan:#?}");
    let desired = lab.desired();
    let verdict = Verdict::Built {
        plan,
        failures: Vec::new(),
        changed: false,
        resolver: inventory::resolver_health(&desired, &lab.observed),
        endpoints: inventory::endpoints_available(&desired, &lab.observed),
        foreign_rules: Vec::new(),
    };
    let mut written = Vec::new();
    conditions::write(&mut written, &verdict, false, 1, jiff::Timestamp::UNIX_EPOCH);
    let ready = find(&written, ConditionType::Ready).unwrap();
    assert_eq!(ready.status == "True", is_good, "{slot} {state}: {}", ready.message);
    assert!(is_good || ready.message.contains(&slot.to_string()), "{slot} {state}: {}", ready.message);

    let deletion = lab.deletion();
    let held = lab.observed.resources.held(&identity(), slot);
    let is_gone = held.iter().all(|held| held.life == Life::Deleted);
    assert!(is_gone || concerns(&deletion, slot), "deletion, {slot} {state}: {deletion:#?}");
}

#[test]
fn every_state_of_an_endpoint_is_handled_in_every_slot() {
    for key in EndpointKey::standard() {
        for state in ENDPOINT_STATES {
            let mut lab = Lab::built();
            let id = lab.observed.resources.live(&identity(), Slot::Endpoint(key)).map(EndpointId::from).unwrap();
            lab.observed.resources.endpoints.get_mut(&id).unwrap().state = EndpointState::parse(state);
            check(lab, Slot::Endpoint(key), state, state == "Available");
        }
    }
}

#[test]
fn every_state_of_a_resolver_endpoint_and_its_addresses_is_handled() {
    for state in RESOLVER_STATES {
        for address in ADDRESS_STATES {
            let mut lab = Lab::built();
            let resolver = lab.observed.resources.resolvers.values_mut().next().unwrap();
            resolver.state = ResolverState::parse(state);
            address.clone_into(&mut resolver.addresses.values_mut().next().unwrap().state);
            // AWS repairs an endpoint that is recovering by itself, and it answers with its other addresses.
            let is_good = state == "AUTO_RECOVERING" || (state == "OPERATIONAL" && address == "ATTACHED");
            check(lab, Slot::Resolver, &format!("{state} {address}"), is_good);
        }
    }
}
