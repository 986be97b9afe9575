//! Tests of `managementPolicy: Plan`: a reconcile writes only status while a network is planned.

use kube::ResourceExt;

use crate::{
    api::{ConditionType, FINALIZER, ManagementPolicy, PlanReason, PlanStatus, conditions::find},
    controller::{
        Next,
        tests::fakes::{Fake, Mood},
    },
    model::{failure::FailureClass, observed::EndpointState, slot::Slot, testing::identity},
};

fn policy(fake: &Fake, policy: ManagementPolicy) {
    fake.edit(|network| network.spec.management_policy = Some(policy));
}

fn plan(fake: &Fake) -> Option<PlanStatus> {
    fake.network().status.and_then(|status| status.plan)
}

fn reason(fake: &Fake, type_: ConditionType) -> Option<String> {
    Some(find(&fake.network().status?.conditions, type_)?.reason.clone())
}

/// The writes to AWS in a log.
fn to_aws(log: &[String]) -> Vec<&String> {
    let to_kubernetes = |line: &String| {
        line == "status" || ["finalizer", "class finalizer", "VPC lease "].iter().any(|word| line.starts_with(word))
    };
    log.iter().filter(|line| !to_kubernetes(line)).collect()
}

#[tokio::test]
async fn a_planned_network_has_no_finalizer_or_claims_and_is_deleted_immediately() {
    let fake = Fake::tokyo();
    let context = fake.context();
    policy(&fake, ManagementPolicy::Plan);
    let (next, log) = fake.reconcile(&context).await;
    assert_eq!(log, ["status"]);
    assert!(matches!(next, Next::After(delay) if delay.as_secs() >= 48), "{next:?}");
    let network = fake.network();
    assert!(network.finalizers().is_empty());
    let status = network.status.expect("status was written");
    assert_eq!(status.claims, []);
    assert_eq!(status.settings.and_then(|settings| settings.management_policy), Some(ManagementPolicy::Plan));
    assert_eq!(reason(&fake, ConditionType::Stalled).as_deref(), Some("AwaitingApproval"));
    let shown = status.plan.expect("there is a plan");
    assert_eq!((shown.create, shown.update, shown.delete, shown.call_count), (10, 0, 0, 12));
    let (_, log) = fake.reconcile(&context).await;
    assert_eq!(log, Vec::<String>::new(), "the same plan is not written again");
    fake.delete();
    let (_, log) = fake.reconcile(&context).await;
    assert_eq!(log, Vec::<String>::new(), "Kubernetes deletes the network without the operator");
}

#[tokio::test]
async fn enforce_executes_the_plan_and_removes_it_from_status() {
    let fake = Fake::tokyo();
    let context = fake.context();
    policy(&fake, ManagementPolicy::Plan);
    fake.settle(&context).await;
    let shown = plan(&fake).expect("there is a plan");
    policy(&fake, ManagementPolicy::Enforce);
    let log = fake.settle(&context).await;
    // Only the IDs were unknown when the plan was made.
    let live = |slot| fake.world().aws.observed.resources.live(&identity(), slot);
    let mut ids: Vec<(String, String)> =
        Slot::standard().filter_map(|slot| Some((live(slot)?, format!("(new {slot})")))).collect();
    ids.sort_by_key(|(id, _)| std::cmp::Reverse(id.len()));
    let told = |line: &String| ids.iter().fold(line.clone(), |line, (id, new)| line.replace(id.as_str(), new));
    let done: Vec<String> = to_aws(&log).into_iter().map(told).collect();
    assert_eq!(done, shown.calls.into_iter().map(|call| call.what).collect::<Vec<_>>());
    assert_eq!(plan(&fake), None);
    assert_eq!(reason(&fake, ConditionType::Ready).as_deref(), Some("Ready"));
}

#[tokio::test]
async fn drift_and_edits_of_a_built_network_become_plans() {
    let fake = Fake::tokyo();
    let context = fake.context();
    fake.settle(&context).await;
    policy(&fake, ManagementPolicy::Plan);
    fake.settle(&context).await;
    assert_eq!(reason(&fake, ConditionType::Ready).as_deref(), Some("Ready"), "nothing is due");
    assert_eq!(plan(&fake).map(|plan| plan.call_count), Some(0));

    for group in fake.world().aws.observed.resources.groups.values_mut() {
        group.ingress.clear();
    }
    let log = fake.settle(&context).await;
    assert_eq!(to_aws(&log), Vec::<&String>::new());
    let drift = plan(&fake).expect("there is a plan");
    assert_eq!(drift.calls.iter().map(|call| call.reason).collect::<Vec<_>>(), [PlanReason::Drift; 2]);
    assert_eq!(reason(&fake, ConditionType::Synced).as_deref(), Some("ChangesPlanned"));

    fake.edit(|network| network.spec.source_cidrs = Some(vec!["192.168.20.0/24".to_owned()]));
    fake.settle(&context).await;
    let edit = plan(&fake).expect("there is a plan");
    assert_ne!(edit.hash, drift.hash);
    assert_eq!(edit.calls.iter().map(|call| call.reason).collect::<Vec<_>>(), [PlanReason::DiffersFromSpec; 2]);

    assert_eq!(fake.network().finalizers(), [FINALIZER]);
    fake.delete();
    fake.settle(&context).await;
    assert!(fake.world().networks.is_empty(), "the resources are deleted with the network");
    assert!(fake.world().aws.observed.resources.endpoints.is_empty());
}

#[tokio::test]
async fn an_unanswered_call_is_planned_and_only_deletion_resolves_it() {
    let fake = Fake::tokyo();
    let context = fake.context();
    fake.world().mood = Mood::LosesAnswers;
    fake.reconcile(&context).await;
    fake.world().mood = Mood::Well;
    // The new resources are not listed yet.
    let made = std::mem::take(&mut fake.world().aws.observed.resources);
    policy(&fake, ManagementPolicy::Plan);
    let log = fake.settle(&context).await;
    assert_eq!(to_aws(&log), Vec::<&String>::new());
    let reasons = plan(&fake).expect("there is a plan").calls.iter().map(|call| call.reason).collect::<Vec<_>>();
    assert!(reasons.contains(&PlanReason::Unanswered), "{reasons:?}");
    fake.world().aws.observed.resources = made;
    fake.delete();
    fake.settle(&context).await;
    assert!(fake.world().networks.is_empty());
    assert!(!fake.world().aws.observed.resources.any_held(&identity()));
}

#[tokio::test]
async fn preflight_findings_are_reported_without_a_plan() {
    let fake = Fake::tokyo();
    let context = fake.context();
    policy(&fake, ManagementPolicy::Plan);
    fake.settle(&context).await;
    fake.world().aws.observed.vpcs[0].dns_hostnames = false;
    fake.settle(&context).await;
    assert_eq!(reason(&fake, ConditionType::Stalled).as_deref(), Some("DNSSupportDisabled"));
    assert_eq!(plan(&fake), None, "a plan for another VPC must not be shown");
}

#[tokio::test]
async fn pending_resources_are_awaited_and_failed_ones_reported() {
    let fake = Fake::tokyo();
    let context = fake.context();
    fake.settle(&context).await;
    policy(&fake, ManagementPolicy::Plan);
    let set = |state: EndpointState| {
        fake.world().aws.observed.resources.endpoints.values_mut().next().expect("an endpoint").state = state;
    };
    set(EndpointState::Pending);
    let (next, _) = fake.reconcile(&context).await;
    assert!(matches!(next, Next::After(delay) if delay.as_secs() <= 6), "{next:?}");
    assert_eq!(reason(&fake, ConditionType::Reconciling).as_deref(), Some("Progressing"));
    set(EndpointState::parse("failed"));
    fake.reconcile(&context).await;
    assert_eq!(reason(&fake, ConditionType::Stalled).as_deref(), Some("EndpointFailed"));
}

#[tokio::test]
async fn the_class_sets_the_policy_of_networks_without_one() {
    let fake = Fake::tokyo();
    let context = fake.context();
    for class in fake.world().classes.values_mut() {
        class.spec.defaults.get_or_insert_default().management_policy = Some(ManagementPolicy::Plan);
    }
    fake.settle(&context).await;
    assert!(plan(&fake).is_some());
    fake.world().mood = Mood::Refuses(FailureClass::Invalid);
    let (_, log) = fake.reconcile(&context).await;
    assert_eq!(log, Vec::<String>::new(), "no step is attempted");
    fake.world().mood = Mood::Well;
    policy(&fake, ManagementPolicy::Enforce);
    fake.settle(&context).await;
    assert_eq!(reason(&fake, ConditionType::Ready).as_deref(), Some("Ready"));
}
