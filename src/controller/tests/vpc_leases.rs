//! One network per VPC, over a Kubernetes and an AWS in memory.

use std::collections::BTreeSet;

use kube::ResourceExt;

use crate::{
    api::{ConditionType, MigrationNetwork, Reason, conditions::find},
    controller::{
        Next, VpcLease, VpcLeases,
        runtime::guard,
        tests::fakes::{Fake, key},
    },
    model::testing::identity,
};

const CLAIM: &str = "111122223333.ap-northeast-1.vpc-1";

/// A second network for the same VPC, created that many seconds after the epoch; `tokyo` is as old as the epoch.
fn add(fake: &Fake, name: &str, second: i64) {
    fake.add(name, &format!("uid-of-{name}"));
    let mut world = fake.world();
    let mut created = |name: &str, second| {
        let time = jiff::Timestamp::from_second(second).expect("a second");
        let network: &mut MigrationNetwork = world.networks.get_mut(name).expect("it is there");
        network.metadata.creation_timestamp = Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(time));
    };
    created("tokyo", 0);
    created(name, second);
}

fn accepted(fake: &Fake, name: &str) -> (String, String) {
    let status = fake.world().networks[name].status.clone().unwrap_or_default();
    let accepted = find(&status.conditions, ConditionType::Accepted).expect("it is always there");
    (accepted.reason.clone(), accepted.message.clone())
}

fn holder(fake: &Fake) -> Option<String> {
    fake.world().vpc_leases.get(CLAIM).map(|claim| claim.holder.clone())
}

fn is_free_of_aws(log: &[String]) -> bool {
    log.iter().all(|line| ["status", "finalizer added", "class finalizer added"].contains(&line.as_str()))
}

#[tokio::test]
async fn a_claim_goes_with_a_network_whose_status_never_named_its_vpc() {
    let fake = Fake::tokyo();
    let context = fake.context();
    fake.world().conflict_in = Some(0);
    fake.reconcile(&context).await;
    assert_eq!(fake.world().vpc_leases.len(), 1, "the claim is taken before the first status is stored");
    assert_eq!(fake.network().status, None);
    fake.delete();
    fake.settle(&context).await;
    assert!(fake.world().networks.is_empty());
    assert!(fake.world().vpc_leases.is_empty(), "nobody is left to give it back");
}

#[tokio::test]
async fn a_claim_that_was_taken_for_a_network_that_is_gone_is_given_back() {
    let fake = Fake::tokyo();
    let context = fake.context();
    fake.settle(&context).await;
    let claim = |name: &str, holder: &str, network: &str| VpcLease {
        name: name.to_owned(),
        holder: holder.to_owned(),
        network: Some(key(network)),
        version: None,
    };
    for stale in [claim("of-nobody", "uid-of-gone", "gone"), claim("of-the-one-before", "uid-of-older", "tokyo")] {
        fake.acquire_vpc_lease(&stale).await.expect("taken");
    }
    // Whether or not the operator has heard of the holder, it is asked for before its claim is touched.
    for heard_of in [BTreeSet::new(), BTreeSet::from([identity().uid])] {
        let next = guard::vpc_leases(&context, &heard_of).await;
        assert!(matches!(next, Next::After(_)), "{next:?}");
        let left: Vec<String> = fake.world().vpc_leases.keys().cloned().collect();
        assert_eq!(left, [CLAIM]);
    }
}

#[tokio::test]
async fn the_claim_comes_before_the_first_write_to_aws_and_goes_right_before_the_finalizer() {
    let fake = Fake::tokyo();
    let context = fake.context();
    let log = fake.settle(&context).await;
    let taken = log.iter().position(|line| *line == format!("claim {CLAIM} taken")).expect("it is taken");
    let written = log.iter().position(|line| line.starts_with("create ")).expect("it is built");
    assert!(taken < written, "{log:#?}");
    assert_eq!(holder(&fake), Some(identity().uid));
    fake.delete();
    let log = fake.settle(&context).await;
    assert_eq!(log[log.len() - 2..], [format!("claim {CLAIM} dropped"), "finalizer removed".to_owned()]);
}

#[tokio::test]
async fn the_second_network_of_a_vpc_is_told_so_without_the_name_of_the_first_and_writes_nothing() {
    let fake = Fake::tokyo();
    let context = fake.context();
    fake.settle(&context).await;
    // Older than the holder: whoever holds the claim keeps it.
    add(&fake, "late", -100);
    let (next, log) = fake.reconcile_one(&context, "late").await;
    assert!(is_free_of_aws(&log), "{log:#?}");
    assert!(matches!(next, Next::After(delay) if delay.as_secs() >= 48), "{next:?}");
    let (reason, message) = accepted(&fake, "late");
    assert_eq!(reason, Reason::Conflicted.as_str());
    for secret in ["tokyo", "team-billing", &identity().uid] {
        assert!(!message.contains(secret), "{message}");
    }
    assert!(
        find(&fake.world().networks["late"].status.clone().unwrap_or_default().conditions, ConditionType::Stalled)
            .is_some()
    );
    assert_eq!(fake.reconcile_one(&context, "late").await.1, Vec::<String>::new(), "told once");
    assert!(fake.world().networks["late"].finalizers().is_empty(), "it has nothing to hold on to");

    fake.delete();
    fake.settle(&context).await;
    let (_, log) = fake.reconcile_one(&context, "late").await;
    assert_eq!(holder(&fake).as_deref(), Some("uid-of-late"));
    assert!(log.iter().any(|line| line.starts_with("create ")), "{log:#?}");
}

#[tokio::test]
async fn among_newcomers_the_younger_waits_until_the_older_was_looked_at() {
    let fake = Fake::tokyo();
    let context = fake.context();
    add(&fake, "late", 1);
    let (next, log) = fake.reconcile_one(&context, "late").await;
    assert!(is_free_of_aws(&log), "{log:#?}");
    assert_eq!(accepted(&fake, "late").0, Reason::Pending.as_str());
    assert!(matches!(next, Next::After(delay) if delay.as_secs() <= 6), "{next:?}");
    fake.settle(&context).await;
    fake.reconcile_one(&context, "late").await;
    assert_eq!(accepted(&fake, "late").0, Reason::Conflicted.as_str());
    assert_eq!(holder(&fake), Some(identity().uid));
}

#[tokio::test]
async fn an_older_network_that_nobody_ever_looks_at_is_not_waited_for_for_ever() {
    let fake = Fake::tokyo();
    let context = fake.context();
    add(&fake, "late", 1);
    fake.reconcile_one(&context, "late").await;
    assert_eq!(holder(&fake), None);
    tokio::time::sleep(context.settings.deadline).await;
    fake.reconcile_one(&context, "late").await;
    assert_eq!(holder(&fake).as_deref(), Some("uid-of-late"));
}

#[tokio::test]
async fn a_network_that_was_built_before_there_were_claims_comes_before_older_newcomers() {
    let fake = Fake::tokyo();
    let context = fake.context();
    fake.settle(&context).await;
    fake.world().vpc_leases.clear();
    add(&fake, "late", -100);
    let (_, log) = fake.reconcile_one(&context, "late").await;
    assert!(is_free_of_aws(&log), "{log:#?}");
    assert_eq!(accepted(&fake, "late").0, Reason::Conflicted.as_str());
    let (_, log) = fake.reconcile(&context).await;
    assert_eq!(log, [format!("claim {CLAIM} taken")], "a deleted claim is made again, and nothing else is written");
}

/// Forges the claim in favour of that uid.
fn forge(fake: &Fake, holder: &str) {
    fake.world().vpc_leases.insert(
        CLAIM.to_owned(),
        VpcLease {
            name: CLAIM.to_owned(),
            holder: holder.to_owned(),
            network: Some(crate::controller::tests::fakes::key("nobody")),
            version: Some("forged".to_owned()),
        },
    );
}

#[tokio::test]
async fn a_claim_whose_holder_is_gone_is_taken_over() {
    let fake = Fake::tokyo();
    let context = fake.context();
    forge(&fake, "a-uid-that-no-network-has");
    fake.settle(&context).await;
    assert_eq!(holder(&fake), Some(identity().uid));
}

#[tokio::test]
async fn a_network_that_is_ready_stops_writing_when_another_has_the_claim_and_says_so() {
    let fake = Fake::tokyo();
    let context = fake.context();
    fake.settle(&context).await;
    add(&fake, "late", 1);
    // The annotation names nobody: the uid is what counts.
    forge(&fake, "uid-of-late");
    fake.edit(|network| network.spec.proxy_cidrs = Some(vec!["192.168.99.1/32".to_owned()]));
    let (_, log) = fake.reconcile(&context).await;
    assert_eq!(log, ["status"]);
    assert_eq!(accepted(&fake, "tokyo").0, Reason::Conflicted.as_str());
    // Its deletion works all the same, and leaves the other's claim alone.
    fake.delete();
    fake.settle(&context).await;
    assert!(!fake.world().networks.contains_key("tokyo"));
    assert!(!fake.world().aws.observed.resources.any_held(&identity()));
    assert_eq!(holder(&fake).as_deref(), Some("uid-of-late"));
}

#[tokio::test]
async fn a_network_whose_selector_leads_to_another_vpc_gives_back_the_claim_of_one_in_which_it_has_nothing() {
    let fake = Fake::tokyo();
    let context = fake.context();
    fake.world().mood = crate::controller::tests::fakes::Mood::Refuses(crate::model::failure::FailureClass::Quota);
    fake.reconcile(&context).await;
    assert_eq!(holder(&fake), Some(identity().uid));
    fake.world().mood = crate::controller::tests::fakes::Mood::Well;
    fake.world().aws.observed.vpcs[0].id = "vpc-2".into();
    fake.settle(&context).await;
    let claims: Vec<_> = fake.world().vpc_leases.keys().cloned().collect();
    assert_eq!(claims, ["111122223333.ap-northeast-1.vpc-2"]);
}

#[tokio::test]
async fn a_suspended_newcomer_claims_nothing_and_stands_in_nobodys_way() {
    let fake = Fake::tokyo();
    let context = fake.context();
    fake.edit(|network| network.spec.suspend = Some(true));
    fake.settle(&context).await;
    assert_eq!(holder(&fake), None);
    add(&fake, "late", 1);
    fake.reconcile_one(&context, "late").await;
    assert_eq!(holder(&fake).as_deref(), Some("uid-of-late"));
}
