//! Tests of classes in use, with in-memory fakes of Kubernetes and AWS.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::ResourceExt;

use crate::{
    api::{
        AdoptionPolicy, ClassLimits, ConditionType, DeletionPolicy, FINALIZER, MigrationNetwork, MigrationNetworkClass,
        MigrationNetworkClassSpec, MigrationNetworkClassStatus, MigrationNetworkSpec, Reason, conditions::find,
    },
    controller::{class::usage, tests::fakes::Fake},
    model::testing::identity,
};

fn status(fake: &Fake) -> MigrationNetworkClassStatus {
    fake.world().classes["tokyo"].status.clone().unwrap_or_default()
}

fn delete_class(fake: &Fake) {
    let mut world = fake.world();
    let class = world.classes.get_mut("tokyo").expect("the class is there");
    class.metadata.deletion_timestamp = Some(Time(jiff::Timestamp::UNIX_EPOCH));
}

#[tokio::test]
async fn a_class_counts_its_networks_and_writes_only_changes() {
    let fake = Fake::tokyo();
    let context = fake.context();
    fake.reconcile_class(&context).await;
    assert_eq!(
        (status(&fake).networks, status(&fake).ready_networks),
        (Some(0), Some(0)),
        "the network has not been reconciled yet"
    );
    fake.reconcile(&context).await;
    assert_eq!(
        fake.world().classes["tokyo"].finalizers(),
        [FINALIZER],
        "the class has its finalizer before the first write to AWS"
    );
    fake.reconcile_class(&context).await;
    assert_eq!((status(&fake).networks, status(&fake).ready_networks), (Some(1), Some(0)));
    fake.settle(&context).await;
    fake.reconcile_class(&context).await;
    assert_eq!((status(&fake).networks, status(&fake).ready_networks), (Some(1), Some(1)));
    assert_eq!(fake.reconcile_class(&context).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_class_under_deletion_serves_its_networks_until_the_last_is_gone() {
    let fake = Fake::tokyo();
    let context = fake.context();
    fake.settle(&context).await;
    delete_class(&fake);
    fake.reconcile_class(&context).await;
    let accepted = find(&status(&fake).conditions, ConditionType::Accepted).cloned().expect("it is always there");
    assert_eq!((accepted.status.as_str(), accepted.reason.as_str()), ("False", Reason::Deleting.as_str()));
    assert!(accepted.message.contains("held by 1 network;"), "{}", accepted.message);

    fake.edit(|network| network.spec.proxy_cidrs = Some(vec!["192.168.99.1/32".to_owned()]));
    let log = fake.settle(&context).await;
    assert!(log.iter().any(|line| line.starts_with("authorize")), "the built network is still reconciled: {log:#?}");
    fake.add("late", "uid-of-late");
    let (_, log) = fake.reconcile_one(&context, "late").await;
    assert_eq!(log, ["status"]);
    let late = fake.world().networks["late"].status.clone().unwrap_or_default();
    let ready = find(&late.conditions, ConditionType::Ready).cloned().expect("it is always there");
    assert_eq!(ready.reason, Reason::ClassNotFound.as_str());

    fake.delete();
    fake.settle(&context).await;
    fake.reconcile_class(&context).await;
    assert!(fake.world().classes.is_empty(), "a network that was never admitted does not block the deletion");
}

#[tokio::test]
async fn the_finalizer_is_restored_on_a_class_in_use_and_removed_from_an_unused_one() {
    let fake = Fake::tokyo();
    let context = fake.context();
    fake.settle(&context).await;
    fake.world().classes.get_mut("tokyo").expect("it is there").metadata.finalizers = None;
    assert_eq!(fake.reconcile_class(&context).await, ["class finalizer added"]);
    fake.delete();
    fake.settle(&context).await;
    assert_eq!(fake.reconcile_class(&context).await, ["class finalizer removed"]);
    assert!(fake.world().classes.contains_key("tokyo"), "the class was not deleted");
}

#[tokio::test]
async fn a_class_is_deleted_after_the_crd_of_networks() {
    let fake = Fake::tokyo();
    let context = fake.context();
    fake.settle(&context).await;
    fake.world().networks.clear();
    fake.world().is_kindless = true;
    delete_class(&fake);
    assert_eq!(fake.reconcile_class(&context).await, ["class finalizer removed"]);
    assert!(!fake.world().classes.contains_key("tokyo"));
}

/// Sets the limits of the class.
fn limit(fake: &Fake, limits: ClassLimits) {
    fake.world().classes.get_mut("tokyo").expect("it is there").spec.limits = Some(limits);
}

fn reason(fake: &Fake, name: &str) -> String {
    let status = fake.world().networks[name].status.clone().unwrap_or_default();
    find(&status.conditions, ConditionType::Accepted).map(|accepted| accepted.reason.clone()).unwrap_or_default()
}

#[tokio::test]
async fn limits_reject_new_networks_and_leave_built_ones_unchanged() {
    let exceeded = [
        ClassLimits { vpcs: Some(vec!["vpc-2".to_owned()]), ..ClassLimits::default() },
        ClassLimits { source_cidrs: Some(vec!["10.0.0.0/8".to_owned()]), ..ClassLimits::default() },
        ClassLimits { services: Some(vec!["mgn".to_owned()]), ..ClassLimits::default() },
        ClassLimits { deletion_policies: Some(vec![DeletionPolicy::Retain]), ..ClassLimits::default() },
        ClassLimits { adoption_policies: Some(vec![AdoptionPolicy::Any]), ..ClassLimits::default() },
    ];
    for limits in exceeded {
        let fake = Fake::tokyo();
        let context = fake.context();
        limit(&fake, limits.clone());
        let (_, log) = fake.reconcile(&context).await;
        assert_eq!(log, ["status"], "{limits:?}");
        assert_eq!(reason(&fake, "tokyo"), Reason::LimitExceeded.as_str());

        limit(&fake, ClassLimits::default());
        fake.settle(&context).await;
        let built = fake.world().aws.observed.clone();
        limit(&fake, limits.clone());
        fake.edit(|network| network.spec.proxy_cidrs = Some(vec!["192.168.99.1/32".to_owned()]));
        let (_, log) = fake.reconcile(&context).await;
        assert_eq!(log, ["status"], "{limits:?}");
        assert_eq!(reason(&fake, "tokyo"), Reason::LimitExceeded.as_str());
        assert_eq!(fake.world().aws.observed, built);
        fake.delete();
        fake.settle(&context).await;
        assert!(fake.world().networks.is_empty(), "deletion always works: {limits:?}");
        assert!(!fake.world().aws.observed.resources.any_held(&identity()), "the network was accepted with 'Delete'");
    }
}

#[tokio::test]
async fn tightened_limits_do_not_turn_retain_into_delete() {
    let fake = Fake::tokyo();
    let context = fake.context();
    fake.edit(|network| network.spec.deletion_policy = Some(DeletionPolicy::Retain));
    fake.settle(&context).await;
    limit(&fake, ClassLimits { deletion_policies: Some(vec![DeletionPolicy::Delete]), ..ClassLimits::default() });
    fake.settle(&context).await;
    fake.delete();
    fake.settle(&context).await;
    assert!(fake.world().networks.is_empty());
    assert!(fake.world().aws.observed.resources.any_held(&identity()));
}

#[tokio::test]
async fn the_oldest_networks_of_a_namespace_stay_within_the_limit() {
    let fake = Fake::tokyo();
    let context = fake.context();
    limit(&fake, ClassLimits { networks_per_namespace: Some(1), ..ClassLimits::default() });
    // Both were created in the same second, so the UID decides.
    fake.add("late", "z");
    fake.reconcile_one(&context, "late").await;
    assert_eq!(reason(&fake, "late"), Reason::LimitExceeded.as_str());
    fake.settle(&context).await;
    assert_eq!(reason(&fake, "tokyo"), Reason::Accepted.as_str());
    fake.delete();
    fake.settle(&context).await;
    fake.reconcile_one(&context, "late").await;
    assert_eq!(reason(&fake, "late"), Reason::Accepted.as_str());
}

/// Tenants write finalizers, and exported manifests contain them.
#[test]
fn a_finalizer_does_not_make_a_network_use_its_class() {
    let class = MigrationNetworkClass::new("tokyo", MigrationNetworkClassSpec::default());
    let spec = MigrationNetworkSpec {
        migration_network_class_name: Some("tokyo".to_owned()),
        ..MigrationNetworkSpec::default()
    };
    let mut network = MigrationNetwork::new("forged", spec);
    network.metadata.finalizers = Some(vec![FINALIZER.to_owned()]);
    assert_eq!(usage::count([&network], &class).networks, 0);
}
