//! Tests of the rule of one network per VPC, with in-memory fakes of Kubernetes and AWS.

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

const LEASE: &str = "111122223333.ap-northeast-1.vpc-1";

/// Adds a network for the same VPC, created that many seconds after the epoch. `tokyo` was created at the epoch.
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
    fake.world().vpc_leases.get(LEASE).map(|lease| lease.holder.clone())
}

fn is_free_of_aws(log: &[String]) -> bool {
    log.iter().all(|line| ["status", "finalizer added", "class finalizer added"].contains(&line.as_str()))
}

#[tokio::test]
async fn deletion_releases_a_lease_that_status_does_not_name() {
    let fake = Fake::tokyo();
    let context = fake.context();
    fake.world().conflict_in = Some(1);
    fake.reconcile(&context).await;
    assert_eq!(fake.world().vpc_leases.len(), 1, "the lease is acquired before the first claims are stored");
    assert_eq!(fake.network().status.expect("the admission is stored").claims, []);
    fake.delete();
    fake.settle(&context).await;
    assert!(fake.world().networks.is_empty());
    assert!(fake.world().vpc_leases.is_empty(), "no other reconcile would release the lease");
}

#[tokio::test]
async fn the_lease_of_a_missing_network_is_released() {
    let fake = Fake::tokyo();
    let context = fake.context();
    fake.settle(&context).await;
    let lease = |name: &str, holder: &str, network: &str| VpcLease {
        name: name.to_owned(),
        holder: holder.to_owned(),
        network: Some(key(network)),
        version: None,
    };
    for stale in
        [lease("of-a-missing-network", "uid-of-gone", "gone"), lease("of-a-predecessor", "uid-of-older", "tokyo")]
    {
        fake.acquire_vpc_lease(&stale).await.expect("taken");
    }
    // A lease is kept if its holder exists, whether or not the holder is in the cache.
    for known in [BTreeSet::new(), BTreeSet::from([identity().uid])] {
        let next = guard::vpc_leases(&context, &known).await;
        assert!(matches!(next, Next::After(_)), "{next:?}");
        let left: Vec<String> = fake.world().vpc_leases.keys().cloned().collect();
        assert_eq!(left, [LEASE]);
    }
}

#[tokio::test]
async fn the_lease_is_acquired_before_the_first_write_and_released_before_the_finalizer() {
    let fake = Fake::tokyo();
    let context = fake.context();
    let log = fake.settle(&context).await;
    let taken =
        log.iter().position(|line| *line == format!("VPC lease {LEASE} acquired")).expect("the lease is acquired");
    let written = log.iter().position(|line| line.starts_with("create ")).expect("a resource is created");
    assert!(taken < written, "{log:#?}");
    assert_eq!(holder(&fake), Some(identity().uid));
    fake.delete();
    let log = fake.settle(&context).await;
    assert_eq!(log[log.len() - 2..], [format!("VPC lease {LEASE} released"), "finalizer removed".to_owned()]);
}

#[tokio::test]
async fn the_second_network_of_a_vpc_is_rejected_without_naming_the_first() {
    let fake = Fake::tokyo();
    let context = fake.context();
    fake.settle(&context).await;
    // This network is older than the holder, but the holder keeps its lease.
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
    assert_eq!(fake.reconcile_one(&context, "late").await.1, Vec::<String>::new(), "the conflict is reported once");
    assert!(fake.world().networks["late"].finalizers().is_empty(), "the network has no resources");

    fake.delete();
    fake.settle(&context).await;
    let (_, log) = fake.reconcile_one(&context, "late").await;
    assert_eq!(holder(&fake).as_deref(), Some("uid-of-late"));
    assert!(log.iter().any(|line| line.starts_with("create ")), "{log:#?}");
}

#[tokio::test]
async fn a_younger_network_waits_until_the_older_one_is_reconciled() {
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
async fn the_wait_for_an_older_network_ends() {
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
async fn an_established_network_without_a_lease_precedes_older_new_ones() {
    let fake = Fake::tokyo();
    let context = fake.context();
    fake.settle(&context).await;
    fake.world().vpc_leases.clear();
    add(&fake, "late", -100);
    let (_, log) = fake.reconcile_one(&context, "late").await;
    assert!(is_free_of_aws(&log), "{log:#?}");
    assert_eq!(accepted(&fake, "late").0, Reason::Conflicted.as_str());
    let (_, log) = fake.reconcile(&context).await;
    assert_eq!(
        log,
        [format!("VPC lease {LEASE} acquired")],
        "a deleted lease is created again, and nothing else is written"
    );
}

/// Replaces the lease by one that names another holder.
fn forge(fake: &Fake, holder: &str) {
    fake.world().vpc_leases.insert(
        LEASE.to_owned(),
        VpcLease {
            name: LEASE.to_owned(),
            holder: holder.to_owned(),
            network: Some(crate::controller::tests::fakes::key("missing")),
            version: Some("forged".to_owned()),
        },
    );
}

#[tokio::test]
async fn the_lease_of_a_missing_holder_is_taken_over() {
    let fake = Fake::tokyo();
    let context = fake.context();
    forge(&fake, "a-uid-that-no-network-has");
    fake.settle(&context).await;
    assert_eq!(holder(&fake), Some(identity().uid));
}

#[tokio::test]
async fn a_ready_network_that_loses_its_lease_stops_writing_and_reports_it() {
    let fake = Fake::tokyo();
    let context = fake.context();
    fake.settle(&context).await;
    add(&fake, "late", 1);
    // The network in the annotation does not exist, but the holder's UID does.
    forge(&fake, "uid-of-late");
    fake.edit(|network| network.spec.proxy_cidrs = Some(vec!["192.168.99.1/32".to_owned()]));
    let (_, log) = fake.reconcile(&context).await;
    assert_eq!(log, ["status"]);
    assert_eq!(accepted(&fake, "tokyo").0, Reason::Conflicted.as_str());
    // Its deletion still works, and keeps the lease of the other network.
    fake.delete();
    fake.settle(&context).await;
    assert!(!fake.world().networks.contains_key("tokyo"));
    assert!(!fake.world().aws.observed.resources.any_held(&identity()));
    assert_eq!(holder(&fake).as_deref(), Some("uid-of-late"));
}

#[tokio::test]
async fn a_changed_selector_releases_the_lease_of_an_unused_vpc() {
    let fake = Fake::tokyo();
    let context = fake.context();
    fake.world().mood = crate::controller::tests::fakes::Mood::Refuses(crate::model::failure::FailureClass::Quota);
    fake.reconcile(&context).await;
    assert_eq!(holder(&fake), Some(identity().uid));
    fake.world().mood = crate::controller::tests::fakes::Mood::Well;
    fake.world().aws.observed.vpcs[0].id = "vpc-2".into();
    fake.settle(&context).await;
    let leases: Vec<_> = fake.world().vpc_leases.keys().cloned().collect();
    assert_eq!(leases, ["111122223333.ap-northeast-1.vpc-2"]);
}

#[tokio::test]
async fn a_suspended_new_network_acquires_no_lease_and_blocks_no_other() {
    let fake = Fake::tokyo();
    let context = fake.context();
    fake.edit(|network| network.spec.suspend = Some(true));
    fake.settle(&context).await;
    assert_eq!(holder(&fake), None);
    add(&fake, "late", 1);
    fake.reconcile_one(&context, "late").await;
    assert_eq!(holder(&fake).as_deref(), Some("uid-of-late"));
}
