//! Claims, which make duplicates impossible: each transition.

use std::collections::BTreeSet;

use crate::{
    api::{AdoptedDeletionPolicy, ClaimPhase, ClaimStatus},
    model::{
        claims::{Claims, Phase, token},
        failure::FailureClass,
        observed::{Endpoint, EndpointState, Resources},
        ownership,
        plan::{
            Blocker, deletion,
            step::{CreateRequest, Effect, Step},
        },
        slot::{EndpointKey, Service, Slot},
        testing::{Lab, identity},
        transfer::Transfer,
    },
};

const MGN: Slot = Slot::Endpoint(EndpointKey::interface(Service::Mgn));

fn phase(claims: &Claims, slot: Slot) -> Option<&Phase> {
    claims.get(slot).map(|claim| &claim.phase)
}

/// Creates a network with its groups, whose endpoint creations have just been claimed.
fn claimed() -> (Lab, Vec<Step>) {
    let mut lab = Lab::new();
    loop {
        let steps = lab.plan().steps;
        assert!(lab.claims.reserve(&steps) || !steps.iter().any(|step| matches!(step, Step::Create { .. })));
        if steps.iter().any(|step| matches!(step, Step::Create { slot, .. } if *slot == MGN)) {
            return (lab, steps);
        }
        for step in steps {
            let effect = lab.execute(&step);
            lab.claims.done(&step, &effect);
        }
    }
}

fn creation(steps: &[Step], wanted: Slot) -> Step {
    let found = steps.iter().find(|step| matches!(step, Step::Create { slot, .. } if *slot == wanted));
    found.expect("the slot is created").clone()
}

#[test]
fn tokens_depend_only_on_network_slot_and_epoch() {
    let tokens: BTreeSet<String> = ["uid-1", "uid-2"]
        .iter()
        .flat_map(|uid| Slot::standard().flat_map(move |slot| (1..4).map(move |epoch| token(uid, slot, epoch))))
        .collect();
    assert_eq!(tokens.len(), 2 * 11 * 3);
    assert!(tokens.iter().all(|token| token.len() == 64), "the most that EC2 takes");
    assert_eq!(token("uid-1", MGN, 1), token("uid-1", MGN, 1));
}

#[test]
fn an_unanswered_call_is_repeated_unchanged_even_after_an_edit() {
    let (mut lab, steps) = claimed();
    let sent = creation(&steps, MGN);
    lab.settings.endpoint_subnets =
        crate::model::settings::SubnetSelector::Ids(crate::model::testing::subnets(&["subnet-c", "subnet-d"]));
    lab.claims.settle(&identity(), &lab.observed.resources, &BTreeSet::new());
    assert_eq!(creation(&lab.plan().steps, MGN), sent);
}

#[test]
fn a_claim_stored_in_status_reads_back() {
    let (lab, _) = claimed();
    let stored = lab.claims.to_status(&identity().uid);
    assert_eq!(Claims::from_status(&identity().uid, &stored), lab.claims);
    let built = Lab::built();
    let stored = built.claims.to_status(&identity().uid);
    assert!(stored.iter().all(|claim| claim.phase == ClaimPhase::Held && claim.request.is_none()), "{stored:#?}");
    assert_eq!(Claims::from_status(&identity().uid, &stored), built.claims);
}

#[test]
fn an_observed_resource_settles_the_claim() {
    let (mut lab, steps) = claimed();
    let step = creation(&steps, MGN);
    // The call had its effect, but the answer was lost.
    lab.execute(&step);
    lab.claims.settle(&identity(), &lab.observed.resources, &BTreeSet::new());
    assert!(matches!(phase(&lab.claims, MGN), Some(Phase::Held { id: Some(_) })));
}

#[test]
fn a_refused_call_is_replaced_in_the_same_epoch_by_the_desired_one() {
    let (mut lab, steps) = claimed();
    let step = creation(&steps, MGN);
    lab.claims.failed(&step, FailureClass::Invalid);
    assert_eq!(phase(&lab.claims, MGN), Some(&Phase::Refused));
    lab.settings.endpoint_subnets =
        crate::model::settings::SubnetSelector::Ids(crate::model::testing::subnets(&["subnet-c", "subnet-d"]));
    let Step::Create { token: again, request, .. } = creation(&lab.plan().steps, MGN) else { unreachable!() };
    assert_eq!(again, token(&identity().uid, MGN, 1));
    assert!(
        matches!(request, CreateRequest::InterfaceEndpoint { subnets, .. } if subnets.contains(&"subnet-d".into()))
    );
}

#[test]
fn failures_without_a_clear_outcome_leave_the_claim_pending() {
    for class in [FailureClass::Transient, FailureClass::Throttled, FailureClass::Unknown] {
        let (mut lab, steps) = claimed();
        lab.claims.failed(&creation(&steps, MGN), class);
        assert!(matches!(phase(&lab.claims, MGN), Some(Phase::Pending { .. })), "{class:?}");
    }
}

#[test]
fn a_taken_token_means_that_the_resource_exists() {
    let (mut lab, steps) = claimed();
    lab.claims.failed(&creation(&steps, MGN), FailureClass::AlreadyExists);
    assert_eq!(phase(&lab.claims, MGN), Some(&Phase::Held { id: None }));
    let plan = lab.plan();
    assert!(!plan.steps.iter().any(|step| step.slots().contains(&MGN)), "the plan waits for it: {plan:?}");
}

#[test]
fn absence_ends_an_epoch_only_when_overdue() {
    let mut lab = Lab::built();
    let nothing = Resources::default();
    lab.claims.settle(&identity(), &nothing, &BTreeSet::new());
    assert!(matches!(phase(&lab.claims, MGN), Some(Phase::Held { .. })), "one empty list proves nothing");
    assert!(lab.claims.missing(&identity(), &nothing).contains(&MGN));
    lab.claims.settle(&identity(), &nothing, &BTreeSet::from([MGN]));
    assert_eq!(phase(&lab.claims, MGN), Some(&Phase::Released));
    assert_eq!(lab.claims.epoch_to_create(MGN), 2);
    assert!(matches!(phase(&lab.claims, Slot::Resolver), Some(Phase::Held { .. })), "the other slots are not overdue");
}

#[test]
fn a_listed_resource_is_not_absent_even_if_a_read_does_not_find_it() {
    let mut lab = Lab::built();
    let mut unread = lab.observed.resources.clone();
    unread.unread_resolvers = std::mem::take(&mut unread.resolvers).into_keys().collect();
    assert!(lab.claims.missing(&identity(), &unread).contains(&Slot::Resolver));
    assert!(lab.claims.absent(&identity(), &unread).is_empty(), "it is listed");

    let another = Resources { unread_resolvers: ["rslvr-in-another".into()].into(), ..Resources::default() };
    assert!(lab.claims.absent(&identity(), &another).contains_key(&Slot::Resolver), "another one is listed");
    lab.claims.failed(&creation(&claimed().1, Slot::Resolver), FailureClass::AlreadyExists);
    assert!(!lab.claims.absent(&identity(), &another).contains_key(&Slot::Resolver), "the ID is unknown");
}

#[test]
fn a_resource_being_deleted_is_gone_once_no_list_contains_it() {
    let mut lab = Lab::built();
    let mut unread = lab.observed.resources.clone();
    let ids: Vec<_> = std::mem::take(&mut unread.resolvers).into_keys().collect();
    lab.claims.done(&Step::DeleteResolver { resolver: ids[0].clone() }, &Effect::Accepted);
    let gone = unread.clone();
    unread.unread_resolvers = ids.into_iter().collect();
    lab.claims.settle(&identity(), &unread, &BTreeSet::new());
    assert!(matches!(phase(&lab.claims, Slot::Resolver), Some(Phase::Deleting { .. })), "it is listed");
    let waits = deletion::retain(&identity(), &unread, &lab.claims, &Transfer::None).blockers;
    assert_eq!(waits, [Blocker::NotVisible { slot: Slot::Resolver }]);
    lab.claims.settle(&identity(), &gone, &BTreeSet::new());
    assert_eq!(phase(&lab.claims, Slot::Resolver), Some(&Phase::Released));
}

#[test]
fn an_outdated_list_does_not_settle_a_pending_call() {
    let mut lab = Lab::built();
    let past = lab.observed.resources.clone();
    let key = EndpointKey::interface(Service::Mgn);
    lab.observed.resources.endpoints.retain(|_, endpoint| endpoint.key != Some(key));
    lab.claims.settle(&identity(), &lab.observed.resources, &BTreeSet::from([MGN]));
    let steps = lab.plan().steps;
    lab.claims.reserve(&steps);
    // The old endpoint is still listed as available.
    lab.claims.settle(&identity(), &past, &BTreeSet::new());
    assert!(matches!(phase(&lab.claims, MGN), Some(Phase::Pending { .. })));
    assert_eq!(lab.claims.get(MGN).map(|claim| claim.epoch), Some(2));
}

#[test]
fn deleted_resources_of_an_earlier_epoch_do_not_count_for_this_one() {
    let mut lab = Lab::built();
    let key = EndpointKey::interface(Service::Mgn);
    for endpoint in lab.observed.resources.endpoints.values_mut().filter(|endpoint| endpoint.key == Some(key)) {
        endpoint.state = EndpointState::Deleted;
    }
    lab.run();
    assert!(matches!(phase(&lab.claims, MGN), Some(Phase::Held { .. })), "although its predecessor is still listed");
    assert_eq!(lab.claims.get(MGN).map(|claim| claim.epoch), Some(2));
    let is_dead = |endpoint: &Endpoint| endpoint.state == EndpointState::Deleted;
    lab.observed.resources.endpoints.retain(|_, endpoint| endpoint.key != Some(key) || is_dead(endpoint));
    lab.claims.settle(&identity(), &lab.observed.resources, &BTreeSet::new());
    assert!(matches!(phase(&lab.claims, MGN), Some(Phase::Held { .. })), "and not listed itself");
}

#[test]
fn lost_claims_are_restored_from_tags() {
    let mut lab = Lab::built();
    let before = lab.claims.clone();
    lab.claims = Claims::default();
    lab.claims.settle(&identity(), &lab.observed.resources, &BTreeSet::new());
    assert_eq!(lab.claims, before);
    assert!(lab.plan().is_done());
}

#[test]
fn deletion_sends_an_unanswered_call_again_before_anything_else() {
    let (mut lab, steps) = claimed();
    let plan = lab.deletion();
    assert!(plan.steps.iter().all(|step| steps.contains(step)), "{plan:#?}");
    assert!(plan.steps.contains(&creation(&steps, MGN)));
    assert!(!lab.claims.all_resolved());
    lab.delete();
    lab.claims.settle(&identity(), &lab.observed.resources, &BTreeSet::new());
    assert!(lab.claims.all_resolved());
    assert!(!lab.observed.resources.any_held(&identity()));
}

#[test]
fn a_forged_request_is_never_sent() {
    let (mut lab, steps) = claimed();
    let Step::Create { request, .. } = creation(&steps, MGN) else { unreachable!() };
    let mut forged = request;
    let CreateRequest::InterfaceEndpoint { tags, .. } = &mut forged else { unreachable!() };
    tags.insert(ownership::OWNER_TAG.to_owned(), "another-network".to_owned());
    let mut stored = lab.claims.to_status(&identity().uid);
    for claim in stored.iter_mut().filter(|claim| claim.slot == MGN.to_string()) {
        claim.request = serde_json::to_string(&forged).ok();
    }
    lab.claims = Claims::from_status(&identity().uid, &stored);
    assert_eq!(creation(&lab.plan().steps, MGN), creation(&steps, MGN), "the desired request is sent instead");
    lab.claims.give_up_unusable(&identity());
    let phase = phase(&lab.claims, MGN);
    assert_eq!(phase, Some(&Phase::Held { id: None }), "a deletion waits until AWS has not listed it for long enough");
}

#[test]
fn a_tampered_status_does_no_harm() {
    let built = Lab::built();
    let good = built.claims.to_status(&identity().uid);
    for (index, _) in good.iter().enumerate() {
        for tamper in [
            |claim: &mut crate::api::ClaimStatus| claim.slot = "vpce/evil/Interface".to_owned(),
            |claim: &mut crate::api::ClaimStatus| claim.slot.clear(),
            |claim: &mut crate::api::ClaimStatus| claim.epoch = -4,
            |claim: &mut crate::api::ClaimStatus| claim.epoch = i64::MAX,
            |claim: &mut crate::api::ClaimStatus| claim.id = Some("vpce-of-another-network".to_owned()),
            |claim: &mut crate::api::ClaimStatus| claim.id = None,
            |claim: &mut crate::api::ClaimStatus| claim.phase = ClaimPhase::Pending,
            |claim: &mut crate::api::ClaimStatus| claim.phase = ClaimPhase::Deleting,
            |claim: &mut crate::api::ClaimStatus| claim.phase = ClaimPhase::Released,
            |claim: &mut crate::api::ClaimStatus| claim.token = "x".to_owned(),
        ] {
            let mut stored = good.clone();
            tamper(&mut stored[index]);
            let mut lab = Lab::built();
            lab.claims = Claims::from_status(&identity().uid, &stored);
            lab.claims.settle(&identity(), &lab.observed.resources, &BTreeSet::new());
            assert!(lab.plan().is_done(), "{:?} leads to {:#?}", stored[index], lab.plan());
        }
    }
}

#[test]
fn the_effect_of_an_answer_counts_before_any_list_shows_it() {
    let (mut lab, steps) = claimed();
    let step = creation(&steps, MGN);
    let effect = lab.execute(&step);
    lab.claims.done(&step, &effect);
    let Effect::EndpointCreated(id, _) = effect else { unreachable!() };
    assert_eq!(phase(&lab.claims, MGN), Some(&Phase::Held { id: Some(id.to_string()) }));
}

#[test]
fn an_answer_settles_the_claim_before_anything_is_listed() {
    let mut lab = Lab::new();
    let mut held = BTreeSet::new();
    while held.len() < Slot::standard().count() - 1 {
        let steps = lab.plan().steps;
        lab.claims.reserve(&steps);
        for step in &steps {
            let effect = lab.execute(step);
            lab.claims.done(step, &effect);
            let Step::Create { slot, .. } = step else { continue };
            let Some(Phase::Held { id: Some(id) }) = phase(&lab.claims, *slot) else { panic!("{slot} is not held") };
            assert_eq!(lab.observed.resources.live(&identity(), *slot).as_ref(), Some(id));
            held.insert(*slot);
        }
        assert!(!steps.is_empty(), "{held:?}");
    }
    assert_eq!(
        lab.claims.groups(),
        Slot::standard().filter(|slot| matches!(slot, Slot::Group(_)) && held.contains(slot)).collect::<Vec<_>>()
    );
}

#[test]
fn a_claim_on_an_unknown_slot_is_kept_as_it_is_and_holds_up_the_deletion() {
    let uid = identity().uid;
    let stored = |phase, token: String| ClaimStatus {
        slot: "sg/appliances".to_owned(),
        epoch: 2,
        phase,
        token,
        id: Some("sg-9".to_owned()),
        request: None,
    };
    let held = stored(ClaimPhase::Held, token(&uid, "sg/appliances", 2));
    let claims = Claims::from_status(&uid, std::slice::from_ref(&held));
    assert_eq!(claims.to_status(&uid), [held]);
    assert!(!claims.is_empty() && !claims.all_resolved() && claims.records("sg-9"));
    let lab = Lab::new();
    let plans = [
        deletion::delete(
            &identity(),
            &lab.observed.resources,
            &claims,
            &BTreeSet::new(),
            AdoptedDeletionPolicy::Release,
        ),
        deletion::retain(&identity(), &lab.observed.resources, &claims, &Transfer::None),
    ];
    for plan in plans {
        assert!(
            matches!(&plan.blockers[..], [Blocker::UnknownSlot { slot, id: Some(id) }] if slot == "sg/appliances" && id == "sg-9"),
            "{plan:?}"
        );
    }

    let released = stored(ClaimPhase::Released, token(&uid, "sg/appliances", 2));
    let claims = Claims::from_status(&uid, std::slice::from_ref(&released));
    assert_eq!(claims.to_status(&uid), [released], "its epoch must not be used again");
    assert!(claims.all_resolved());
    let forged = stored(ClaimPhase::Held, token(&uid, "sg/appliances", 3));
    assert!(Claims::from_status(&uid, &[forged]).is_empty(), "no operator wrote it");
}

#[test]
fn an_owned_resource_without_a_known_slot_holds_up_the_deletion() {
    let mut lab = Lab::built();
    let key = EndpointKey::interface(Service::Mgn);
    let mgn = lab.observed.resources.live(&identity(), Slot::Endpoint(key)).expect("it is built");
    for endpoint in lab.observed.resources.endpoints.values_mut().filter(|endpoint| endpoint.key == Some(key)) {
        endpoint.key = None;
    }
    assert!(lab.observed.resources.any_held(&identity()));
    let plan = lab.deletion();
    let is_named = |blocker: &Blocker| matches!(blocker, Blocker::UnknownSlot { id: Some(id), .. } if *id == mgn);
    assert!(plan.blockers.iter().any(is_named), "{plan:?}");
    lab.observed.resources.endpoints.values_mut().for_each(|endpoint| endpoint.state = EndpointState::Deleted);
    assert!(lab.observed.resources.of_unknown_slots(&identity()).is_empty(), "it is gone");
}

#[test]
fn a_claim_with_an_impossible_epoch_is_ignored() {
    let mut stored = Lab::built().claims.to_status(&identity().uid);
    stored[0].epoch = 0;
    stored[1].epoch = -1;
    assert_eq!(Claims::from_status(&identity().uid, &stored), Claims::from_status(&identity().uid, &stored[2..]));
    stored[0].epoch = 1;
    assert_ne!(Claims::from_status(&identity().uid, &stored), Claims::from_status(&identity().uid, &stored[2..]));
}

#[test]
fn a_call_that_was_not_sent_leaves_the_claim_as_it_was() {
    let (mut lab, steps) = claimed();
    let step = creation(&steps, MGN);
    // Nothing was claimed before, and the first call was not sent.
    lab.claims.not_sent(&step, &Claims::default());
    assert_eq!(lab.claims.get(MGN), None);

    // An earlier call may have taken effect, and its repetition was not sent.
    let (mut lab, steps) = claimed();
    let before = lab.claims.clone();
    lab.claims.reserve(&steps);
    lab.claims.not_sent(&creation(&steps, MGN), &before);
    assert!(matches!(phase(&lab.claims, MGN), Some(Phase::Pending { .. })));
}
