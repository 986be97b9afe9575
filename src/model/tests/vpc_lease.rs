//! The VPC lease: which network may take it.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::{
    api::{
        AccountStatus, ClaimPhase, ClaimStatus, ConditionStatus, ConditionType, ManagementPolicy, MigrationNetwork,
        MigrationNetworkSpec, MigrationNetworkStatus, Reason, conditions::set,
    },
    model::vpc_lease::{Contender, Decision, Found, Relation, VpcKey, contender, decide},
};

fn at(second: i64) -> jiff::Timestamp {
    jiff::Timestamp::from_second(second).unwrap()
}

fn one(second: i64, uid: &str, relation: Relation) -> Contender {
    Contender { created: Some(at(second)), uid: uid.to_owned(), relation }
}

#[test]
fn the_holder_keeps_the_lease_and_the_oldest_new_network_has_priority() {
    use Decision::{Keep, Take, Wait, Yield};
    use Found::{Foreign, Free, Mine};
    use Relation::{Established, NotObserved, Wants};
    let wants = one(10, "m", Wants);
    let established = one(10, "m", Established);
    let cases = [
        ("its own", Mine, &wants, vec![one(1, "a", Established), one(1, "b", Wants)], Keep),
        ("another's", Foreign, &wants, vec![], Yield),
        ("held by another network although this one has resources", Foreign, &established, vec![], Yield),
        ("free, alone", Free, &wants, vec![], Take),
        ("free, but an older one wants it", Free, &wants, vec![one(9, "z", Wants)], Yield),
        ("free, and a younger one wants it", Free, &wants, vec![one(11, "a", Wants)], Take),
        ("free, of the same second, and the other uid is lower", Free, &wants, vec![one(10, "a", Wants)], Yield),
        ("free, of the same second, and the other uid is higher", Free, &wants, vec![one(10, "z", Wants)], Take),
        ("free, but an older one was not observed", Free, &wants, vec![one(9, "z", NotObserved)], Wait),
        ("free, and a younger one was not observed", Free, &wants, vec![one(11, "a", NotObserved)], Take),
        (
            "free, an older one and an older one that was not observed",
            Free,
            &wants,
            vec![one(8, "y", NotObserved), one(9, "z", Wants)],
            Yield,
        ),
        ("free, and a younger one has resources there", Free, &wants, vec![one(11, "z", Established)], Yield),
        ("free, has resources, an older one wants it", Free, &established, vec![one(1, "a", Wants)], Take),
        (
            "free, has resources, an older one was not observed",
            Free,
            &established,
            vec![one(1, "a", NotObserved)],
            Take,
        ),
        ("free, both have resources, the other is older", Free, &established, vec![one(9, "z", Established)], Yield),
        ("free, both have resources, the other is younger", Free, &established, vec![one(11, "a", Established)], Take),
    ];
    for (case, found, me, others, expected) in cases {
        assert_eq!(decide(found, me, &others, true), expected, "{case}");
    }
    assert_eq!(decide(Free, &wants, &[one(9, "z", NotObserved)], false), Take, "no network waits forever");
    assert_eq!(
        decide(Free, &wants, &[one(9, "z", Wants)], false),
        Yield,
        "without patience, older networks still have priority"
    );
}

/// Exactly one network of any set of observed new networks takes a free lease, in whatever order they decide.
#[test]
fn exactly_one_of_several_new_networks_takes_a_free_lease() {
    let all = [
        one(3, "a", Relation::Wants),
        one(2, "c", Relation::Wants),
        one(2, "b", Relation::Wants),
        one(5, "d", Relation::Wants),
    ];
    let takers: Vec<_> = all
        .iter()
        .filter(|me| {
            let others: Vec<_> = all.iter().filter(|other| other.uid != me.uid).cloned().collect();
            decide(Found::Free, me, &others, true) == Decision::Take
        })
        .map(|me| me.uid.as_str())
        .collect();
    assert_eq!(takers, ["b"]);
}

fn vpc_key() -> VpcKey {
    VpcKey { account: "111122223333".to_owned(), region: "ap-northeast-1".to_owned(), vpc: "vpc-1".into() }
}

#[test]
fn a_lease_is_named_after_account_region_and_vpc() {
    assert_eq!(vpc_key().lease_name().as_deref(), Some("111122223333.ap-northeast-1.vpc-1"));
    for forged in ["", "vpc-1/../x", "VPC-1", "vpc-", "vpc.1", "vpc 1", &"v".repeat(64)] {
        assert_eq!(VpcKey { vpc: forged.into(), ..vpc_key() }.lease_name(), None, "{forged}");
        assert_eq!(VpcKey { region: forged.to_owned(), ..vpc_key() }.lease_name(), None, "{forged}");
        assert_eq!(VpcKey { account: forged.to_owned(), ..vpc_key() }.lease_name(), None, "{forged}");
    }
}

/// Creates a network that will be built in the VPC, and applies a change.
fn network(change: impl FnOnce(&mut MigrationNetwork)) -> MigrationNetwork {
    let spec = MigrationNetworkSpec { migration_network_class_name: Some("tokyo".to_owned()), ..Default::default() };
    let mut network = MigrationNetwork::new("other", spec);
    network.metadata.uid = Some("other".to_owned());
    let mut status = MigrationNetworkStatus {
        observed_generation: 1,
        account: Some(AccountStatus { id: "111122223333".to_owned(), ..AccountStatus::default() }),
        region: Some("ap-northeast-1".to_owned()),
        vpc_id: Some("vpc-1".to_owned()),
        ..MigrationNetworkStatus::default()
    };
    let now = jiff::Timestamp::UNIX_EPOCH;
    let state = (ConditionStatus::True, Reason::Accepted, "");
    set(&mut status.conditions, ConditionType::Accepted, state, 1, now);
    let state = (ConditionStatus::True, Reason::Resolved, "");
    set(&mut status.conditions, ConditionType::NetworkResolved, state, 1, now);
    network.status = Some(status);
    change(&mut network);
    network
}

type Change = Box<dyn FnOnce(&mut MigrationNetwork)>;

fn set_condition(network: &mut MigrationNetwork, type_: ConditionType, reason: Reason) {
    let conditions = &mut network.status.as_mut().unwrap().conditions;
    set(conditions, type_, (ConditionStatus::False, reason, ""), 1, jiff::Timestamp::UNIX_EPOCH);
}

fn claim(phase: ClaimPhase) -> Vec<ClaimStatus> {
    vec![ClaimStatus { slot: "sg/endpoints".to_owned(), epoch: 1, phase, ..ClaimStatus::default() }]
}

#[test]
fn contenders_for_a_vpc_are_recognized() {
    use Relation::{Established, NotObserved, Wants};
    let deleted = |network: &mut MigrationNetwork| {
        network.metadata.deletion_timestamp = Some(Time(jiff::Timestamp::UNIX_EPOCH));
    };
    let status = |network: &mut MigrationNetwork| network.status.take().unwrap();
    let cases: [(&str, Option<Relation>, Change); 18] = [
        ("it fits", Some(Wants), Box::new(|_| {})),
        ("another account", None, Box::new(|one| one.status.as_mut().unwrap().account = None)),
        ("another Region", None, Box::new(|one| one.status.as_mut().unwrap().region = Some("eu-west-1".to_owned()))),
        ("another VPC", None, Box::new(|one| one.status.as_mut().unwrap().vpc_id = Some("vpc-2".to_owned()))),
        ("suspended", None, Box::new(|one| one.spec.suspend = Some(true))),
        ("only planned", None, Box::new(|one| one.spec.management_policy = Some(ManagementPolicy::Plan))),
        ("deleted", None, Box::new(move |one| deleted(one))),
        (
            "blocked by a lease",
            Some(Wants),
            Box::new(|one| set_condition(one, ConditionType::Accepted, Reason::Conflicted)),
        ),
        (
            "waiting for a lease",
            Some(Wants),
            Box::new(|one| set_condition(one, ConditionType::Accepted, Reason::Pending)),
        ),
        (
            "not admitted",
            None,
            Box::new(|one| set_condition(one, ConditionType::Accepted, Reason::NamespaceNotAllowed)),
        ),
        ("over a limit", None, Box::new(|one| set_condition(one, ConditionType::Accepted, Reason::LimitExceeded))),
        (
            "it does not fit",
            None,
            Box::new(|one| set_condition(one, ConditionType::NetworkResolved, Reason::TooFewZones)),
        ),
        (
            "no longer admitted, with resources",
            Some(Established),
            Box::new(|one| {
                set_condition(one, ConditionType::Accepted, Reason::NamespaceNotAllowed);
                one.status.as_mut().unwrap().claims = claim(ClaimPhase::Held);
            }),
        ),
        (
            "being deleted, with an unanswered call",
            Some(Established),
            Box::new(move |one| {
                deleted(one);
                one.status.as_mut().unwrap().claims = claim(ClaimPhase::Pending);
            }),
        ),
        (
            "suspended, and its resources are deleted",
            None,
            Box::new(|one| {
                one.spec.suspend = Some(true);
                one.status.as_mut().unwrap().claims = claim(ClaimPhase::Released);
            }),
        ),
        ("not observed", Some(NotObserved), Box::new(move |one| drop(status(one)))),
        (
            "not observed, of a class for another Region",
            None,
            Box::new(move |one| {
                one.status = None;
                one.spec.migration_network_class_name = Some("osaka".to_owned());
            }),
        ),
        (
            "not observed, with the default status, of the default class",
            Some(NotObserved),
            Box::new(|one| {
                one.status.as_mut().unwrap().observed_generation = -1;
                one.spec.migration_network_class_name = None;
            }),
        ),
    ];
    let lead = |region: &str| ("111122223333".to_owned(), region.to_owned());
    let classes = BTreeMap::from([
        ("tokyo".to_owned(), lead("ap-northeast-1")),
        (String::new(), lead("ap-northeast-1")),
        ("osaka".to_owned(), lead("ap-northeast-3")),
    ]);
    for (case, expected, change) in cases {
        let found = contender(&network(change), &vpc_key(), &classes);
        assert_eq!(found.map(|found| found.relation), expected, "{case}");
    }
}
