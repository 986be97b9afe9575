//! Tests of the writes of a reconcile, and of their order.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use kube::ResourceExt;
use tokio::time::Instant;

use crate::{
    api::{ConditionType, DeletionPolicy, FINALIZER, Reason, conditions::find},
    controller::{
        Next, Store, StoreError,
        tests::fakes::{ACCOUNT, Fake, GRACE, Mood, key},
    },
    model::{
        failure::FailureClass,
        slot::Slot,
        testing::{identity, subnets},
    },
};

fn ready(fake: &Fake) -> (String, String) {
    let status = fake.network().status.unwrap_or_default();
    let ready = find(&status.conditions, ConditionType::Ready).expect("Ready is always there");
    (ready.status.clone(), ready.reason.clone())
}

fn creations(log: &[String]) -> usize {
    log.iter().filter(|line| line.starts_with("create ")).count()
}

#[tokio::test]
async fn the_first_reconcile_builds_everything_and_the_second_confirms_it() {
    let fake = Fake::tokyo();
    let context = fake.context();
    let (_, log) = fake.reconcile(&context).await;
    insta::assert_snapshot!(log.join("\n"));
    assert_eq!(ready(&fake).0, "False", "the new resources are not confirmed yet");
    let (_, log) = fake.reconcile(&context).await;
    assert_eq!(log, ["status"]);
    assert_eq!(ready(&fake), ("True".to_owned(), "Ready".to_owned()));
}

#[tokio::test]
async fn a_network_at_rest_is_not_written() {
    let fake = Fake::tokyo();
    let context = fake.context();
    fake.settle(&context).await;
    let before = fake.network();
    for _ in 0..3 {
        let (next, log) = fake.reconcile(&context).await;
        assert_eq!(log, Vec::<String>::new());
        assert!(matches!(next, Next::After(delay) if (48..=72).contains(&delay.as_secs())), "{next:?}");
    }
    assert_eq!(fake.network(), before);
}

#[tokio::test]
async fn nothing_is_created_if_its_claim_cannot_be_stored() {
    let fake = Fake::tokyo();
    let context = fake.context();
    fake.world().conflict_in = Some(1);
    let (_, log) = fake.reconcile(&context).await;
    let lease = "VPC lease 111122223333.ap-northeast-1.vpc-1 acquired";
    assert_eq!(log, ["finalizer added", "class finalizer added", "status", lease]);
    fake.world().conflict_in = Some(1);
    let (_, log) = fake.reconcile(&context).await;
    assert!(!log.iter().any(|line| line.starts_with("create vpce/mgn")), "the second claim was not stored: {log:#?}");
    fake.settle(&context).await;
    assert_eq!(ready(&fake).0, "True");
}

#[tokio::test]
async fn lost_responses_create_no_second_resource() {
    let fake = Fake::tokyo();
    let context = fake.context();
    fake.world().mood = Mood::LosesAnswers;
    let mut created = 0;
    for _ in 0..15 {
        let (_, log) = fake.reconcile(&context).await;
        created += creations(&log);
    }
    assert_eq!(created, 10, "two groups, seven endpoints, one resolver");
    fake.world().mood = Mood::Well;
    fake.settle(&context).await;
    assert_eq!(ready(&fake).0, "True");
}

#[tokio::test]
async fn a_refusal_stalls_and_is_retried_slowly_until_it_is_corrected() {
    let fake = Fake::tokyo();
    let context = fake.context();
    fake.world().mood = Mood::Refuses(FailureClass::Quota);
    let (next, _) = fake.reconcile(&context).await;
    assert_eq!(ready(&fake), ("False".to_owned(), "QuotaExceeded".to_owned()));
    assert!(matches!(next, Next::After(delay) if delay.as_secs() >= 48), "{next:?}");
    fake.world().mood = Mood::Well;
    fake.settle(&context).await;
    assert_eq!(ready(&fake).0, "True");
}

#[tokio::test]
async fn edits_that_aws_does_not_keep_are_repeated_with_back_off() {
    let fake = Fake::tokyo();
    let context = fake.context();
    fake.settle(&context).await;
    fake.edit(|network| network.spec.proxy_cidrs = Some(vec!["192.168.99.1/32".to_owned()]));
    fake.world().mood = Mood::Forgets;
    let mut delays = Vec::new();
    for _ in 0..8 {
        if let (Next::After(delay), _) = fake.reconcile(&context).await {
            delays.push(delay.as_secs());
        }
    }
    assert!(delays.last().is_some_and(|last| *last >= 30), "{delays:?}");
}

#[tokio::test]
async fn preflight_findings_are_reported_before_the_first_write() {
    let fake = Fake::tokyo();
    let context = fake.context();
    fake.world().aws.observed.vpcs[0].dns_hostnames = false;
    let (_, log) = fake.reconcile(&context).await;
    assert_eq!(log, ["status"]);
    assert_eq!(ready(&fake).1, "DNSSupportDisabled");
    assert!(fake.network().finalizers().is_empty(), "the network has no resources");
    fake.world().aws.observed.vpcs[0].dns_hostnames = true;
    fake.settle(&context).await;
    assert_eq!(ready(&fake).0, "True");
}

#[tokio::test]
async fn a_suspended_network_is_observed_but_not_changed() {
    let fake = Fake::tokyo();
    let context = fake.context();
    fake.edit(|network| network.spec.suspend = Some(true));
    let (_, log) = fake.reconcile(&context).await;
    assert_eq!(log, ["status"]);
    let conditions = fake.network().status.unwrap_or_default().conditions;
    assert!(find(&conditions, ConditionType::Suspended).is_some());
    fake.edit(|network| network.spec.suspend = None);
    fake.settle(&context).await;
    fake.edit(|network| network.spec.suspend = Some(true));
    fake.delete();
    fake.settle(&context).await;
    assert!(fake.world().networks.is_empty(), "suspension never stops deletion");
}

#[tokio::test]
async fn a_suspended_network_with_due_changes_is_requeued_at_the_resync() {
    let fake = Fake::tokyo();
    let context = fake.context();
    fake.settle(&context).await;
    fake.edit(|network| {
        network.spec.suspend = Some(true);
        network.spec.source_cidrs = Some(vec!["10.50.0.0/16".to_owned()]);
    });
    for _ in 0..3 {
        let (next, _) = fake.reconcile(&context).await;
        assert!(
            matches!(next, Next::After(delay) if delay.as_secs() >= 48),
            "nothing changes before the resync: {next:?}"
        );
    }
}

#[tokio::test]
async fn deletion_removes_the_finalizer_last() {
    let fake = Fake::tokyo();
    let context = fake.context();
    fake.settle(&context).await;
    fake.delete();
    let log = fake.settle(&context).await;
    insta::assert_snapshot!(log.join("\n"));
    assert!(fake.world().aws.observed.resources.endpoints.is_empty());
    assert!(fake.world().aws.observed.resources.groups.is_empty());
}

#[tokio::test]
async fn deletion_needs_no_class() {
    let fake = Fake::tokyo();
    let context = fake.context();
    fake.settle(&context).await;
    fake.world().classes.clear();
    fake.world().connected.clear();
    fake.delete();
    fake.settle(&context).await;
    assert!(fake.world().networks.is_empty());
    assert!(
        fake.world().connected.iter().all(|account| account.id == "111122223333" && account.region == "ap-northeast-1")
    );
    assert!(fake.world().aws.observed.resources.endpoints.is_empty());
}

#[tokio::test]
async fn deletion_after_a_lost_response_leaves_no_resource() {
    for reconciles in 1..12 {
        let fake = Fake::tokyo();
        let context = fake.context();
        fake.world().mood = Mood::LosesAnswers;
        for _ in 0..reconciles {
            fake.reconcile(&context).await;
        }
        fake.world().mood = Mood::Well;
        fake.delete();
        fake.settle(&context).await;
        assert!(fake.world().networks.is_empty(), "after {reconciles} reconciles");
        assert!(!fake.world().aws.observed.resources.any_held(&crate::model::testing::identity()));
    }
}

#[tokio::test]
async fn a_group_that_a_late_call_creates_is_deleted_too() {
    let fake = Fake::tokyo();
    let context = fake.context();
    fake.settle(&context).await;
    let groups = fake.world().aws.observed.resources.groups.clone();
    fake.delete();
    while !fake.world().aws.observed.resources.groups.is_empty() {
        fake.reconcile(&context).await;
    }
    assert!(!fake.world().networks.is_empty(), "the finalizer stays while a call may arrive");
    let status = fake.network().status.unwrap_or_default();
    let ready = find(&status.conditions, ConditionType::Ready).expect("Ready is always there");
    assert!(ready.message.contains("sg/endpoints: deleted; waiting until no earlier call"), "{}", ready.message);
    fake.world().aws.observed.resources.groups = groups;
    fake.settle(&context).await;
    assert!(fake.world().networks.is_empty());
    assert!(fake.world().aws.observed.resources.groups.is_empty());
}

#[tokio::test]
async fn waiting_for_late_calls_needs_no_extra_observation() {
    let fake = Fake::tokyo();
    let context = fake.context_with_grace(Duration::from_mins(1));
    fake.settle(&context).await;
    fake.delete();
    let mut next = Next::OnChange;
    while !fake.world().aws.observed.resources.groups.is_empty() {
        (next, _) = fake.reconcile(&context).await;
    }
    assert!(matches!(next, Next::After(delay) if (55..=62).contains(&delay.as_secs())), "{next:?}");
}

#[tokio::test]
async fn a_change_is_confirmed_soon() {
    let fake = Fake::tokyo();
    let context = fake.context();
    fake.settle(&context).await;
    for group in fake.world().aws.observed.resources.groups.values_mut() {
        group.tags.remove(crate::model::ownership::SLOT_TAG);
    }
    let (next, log) = fake.reconcile(&context).await;
    assert!(!log.is_empty(), "the drift is corrected");
    assert!(matches!(next, Next::After(delay) if delay < Duration::from_secs(2)), "{next:?}");
}

#[tokio::test]
async fn a_failed_step_ends_only_the_steps_that_would_fail_too() {
    use FailureClass::{
        AccountMismatch, Conflict, Credentials, Invalid, NotSent, Quota, Throttled, Transient, Unanswered, Unauthorized,
    };
    // The first wave creates two security groups, which is one action, and the gateway endpoint.
    for (sent, classes) in [
        (1, vec![Credentials, AccountMismatch]),
        (2, vec![Throttled, NotSent, Unanswered]),
        (3, vec![Unauthorized, Transient, Quota, Conflict, Invalid]),
    ] {
        for class in classes {
            let fake = Fake::tokyo();
            fake.world().mood = Mood::Refuses(class);
            let (_, log) = fake.reconcile(&fake.context()).await;
            let refused: Vec<_> = log.iter().filter(|line| line.starts_with("refused")).collect();
            assert_eq!(refused.len(), sent, "{class:?}: {log:#?}");
        }
    }
}

#[tokio::test]
async fn a_create_call_that_was_not_sent_leaves_no_claim() {
    for (class, claimed) in [(FailureClass::NotSent, false), (FailureClass::Throttled, true)] {
        let fake = Fake::tokyo();
        let context = fake.context();
        fake.world().mood = Mood::Refuses(class);
        fake.reconcile(&context).await;
        let status = fake.network().status.expect("it was written");
        assert_eq!(!status.claims.is_empty(), claimed, "{class:?}: {:#?}", status.claims);
        // Therefore deletion sends no create call.
        fake.delete();
        fake.world().log.clear();
        let (_, log) = fake.reconcile(&context).await;
        assert_eq!(log.iter().any(|line| line.contains("create")), claimed, "{class:?}: {log:#?}");
    }
}

#[tokio::test]
async fn each_epoch_has_its_own_absence_grace() {
    let fake = Fake::tokyo();
    let context = fake.context();
    let overdue = |epoch| {
        let absent = BTreeMap::from([(Slot::Resolver, epoch)]);
        context.memories.overdue(&key("tokyo"), "uid", &absent, Instant::now())
    };
    assert_eq!(overdue(1), BTreeSet::new());
    tokio::time::sleep(GRACE).await;
    assert_eq!(overdue(1), BTreeSet::from([Slot::Resolver]));
    assert_eq!(overdue(2), BTreeSet::new(), "the second resource is new");
}

#[tokio::test]
async fn a_slow_observation_counts_from_its_beginning() {
    let fake = Fake::tokyo();
    let context = fake.context();
    let absent = BTreeMap::from([(Slot::Resolver, 1)]);
    let overdue = |began| context.memories.overdue(&key("tokyo"), "uid", &absent, began);
    assert_eq!(overdue(Instant::now()), BTreeSet::new());
    let began = Instant::now();
    tokio::time::sleep(GRACE).await;
    assert_eq!(
        overdue(began),
        BTreeSet::new(),
        "AWS may have listed the resources at the beginning of the observation"
    );
    assert_eq!(overdue(Instant::now()), BTreeSet::from([Slot::Resolver]));
}

#[tokio::test]
async fn a_resource_that_aws_does_not_list_yet_is_not_considered_deleted() {
    let fake = Fake::tokyo();
    let context = fake.context();
    fake.world().mood = Mood::LosesAnswers;
    fake.reconcile(&context).await;
    fake.delete();
    fake.world().mood = Mood::Blind;
    for _ in 0..5 {
        fake.reconcile(&context).await;
    }
    assert!(!fake.world().networks.is_empty(), "the finalizer stays while a resource may exist");
    fake.world().mood = Mood::Well;
    fake.settle(&context).await;
    assert!(fake.world().networks.is_empty());
    assert!(!fake.world().aws.observed.resources.any_held(&crate::model::testing::identity()));
}

#[tokio::test]
async fn retain_tags_all_resources_and_removes_the_finalizer() {
    let fake = Fake::tokyo();
    let context = fake.context();
    fake.edit(|network| network.spec.deletion_policy = Some(DeletionPolicy::Retain));
    fake.settle(&context).await;
    fake.delete();
    let log = fake.settle(&context).await;
    assert!(!log.iter().any(|line| line.starts_with("delete")), "{log:#?}");
    let world = fake.world();
    assert!(world.networks.is_empty());
    assert_eq!(world.aws.observed.resources.endpoints.len(), 7);
    assert!(
        world
            .aws
            .observed
            .resources
            .endpoints
            .values()
            .all(|endpoint| endpoint.tags.contains_key("mgnet.dev/retained"))
    );
}

#[tokio::test]
async fn an_account_that_cannot_be_observed_is_not_considered_empty() {
    let fake = Fake::tokyo();
    let context = fake.context();
    fake.settle(&context).await;
    for class in fake.world().classes.values_mut() {
        class.spec.account.id = "444455556666".to_owned();
    }
    fake.delete();
    fake.world().mood = Mood::Unseen;
    for _ in 0..5 {
        fake.reconcile(&context).await;
        tokio::time::sleep(GRACE).await;
    }
    assert!(
        !fake.world().networks.is_empty(),
        "the class's account has none of its resources, but the other account was not observed"
    );
    fake.world().mood = Mood::Well;
    fake.settle(&context).await;
    assert!(fake.world().networks.is_empty());
    assert!(!fake.world().aws.observed.resources.any_held(&identity()));
}

#[tokio::test]
async fn a_recreated_class_with_another_account_does_not_move_the_network() {
    let fake = Fake::tokyo();
    let context = fake.context();
    fake.settle(&context).await;
    for class in fake.world().classes.values_mut() {
        class.spec.account.id = "444455556666".to_owned();
    }
    let (_, log) = fake.reconcile(&context).await;
    assert_eq!(log, ["status"]);
    assert_eq!(ready(&fake).1, Reason::InvalidClass.as_str());
    fake.delete();
    fake.settle(&context).await;
    assert!(fake.world().networks.is_empty());
    assert!(!fake.world().aws.observed.resources.any_held(&identity()), "the resources are deleted where they are");
}

#[tokio::test]
async fn a_forged_account_in_status_is_not_trusted() {
    for delete in [false, true] {
        let fake = Fake::tokyo();
        let context = fake.context();
        fake.settle(&context).await;
        fake.edit(|network| {
            let account =
                network.status.as_mut().and_then(|status| status.account.as_mut()).expect("the account is recorded");
            account.id = "444455556666".to_owned();
        });
        if delete {
            fake.delete();
        }
        fake.settle(&context).await;
        if delete {
            assert!(fake.world().networks.is_empty());
            assert!(!fake.world().aws.observed.resources.any_held(&identity()), "no resource is left");
        } else {
            assert_eq!(ready(&fake).0, "True");
            let status = fake.network().status.unwrap_or_default();
            assert_eq!(status.account.map(|account| account.id).as_deref(), Some(ACCOUNT));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn calls_that_begin_long_after_their_claim_are_claimed_again() {
    let fake = Fake::tokyo();
    let mut context = fake.context();
    context.settings.deadline = Duration::from_mins(10);
    fake.world().mood = Mood::Slow(Duration::from_secs(4));
    let (_, log) = fake.reconcile(&context).await;
    let most = log.split(|line| line == "status").map(creations).max();
    assert_eq!(most, Some(3), "calls after 0, 4 and 8 s, but none after 12 s: {log:#?}");
    assert_eq!(creations(&log), 10, "all resources are created in the end");
}

#[tokio::test]
async fn a_call_is_repeated_only_if_the_object_has_not_changed() {
    let fake = Fake::tokyo();
    let context = fake.context();
    fake.world().mood = Mood::Refuses(FailureClass::Throttled);
    fake.reconcile(&context).await;
    fake.world().mood = Mood::Well;
    fake.world().conflict_in = Some(0);
    let (_, log) = fake.reconcile(&context).await;
    assert_eq!(creations(&log), 0, "the object had changed: {log:#?}");
}

#[tokio::test]
async fn the_finalizer_of_a_recreated_network_is_kept() {
    let fake = Fake::tokyo();
    let context = fake.context();
    fake.settle(&context).await;
    let old = fake.network();
    fake.add("tokyo", "another-uid");
    fake.world().networks.get_mut("tokyo").expect("it is there").metadata.finalizers = Some(vec![FINALIZER.to_owned()]);
    assert!(matches!(fake.set_finalizer(&old, false).await, Err(StoreError::Conflict)));
    assert_eq!(fake.network().finalizers(), [FINALIZER]);
}

#[tokio::test]
async fn a_missing_resource_is_created_again_after_the_grace() {
    let fake = Fake::tokyo();
    let context = fake.context();
    fake.settle(&context).await;
    fake.world().aws.observed.resources.resolvers.clear();
    let log = fake.settle(&context).await;
    assert_eq!(creations(&log), 0, "the resource may only be missing from the list: {log:#?}");
    tokio::time::sleep(context.settings.absence_grace).await;
    let log = fake.settle(&context).await;
    assert_eq!(creations(&log), 1, "{log:#?}");
    let claims = fake.network().status.unwrap_or_default().claims;
    let resolver = claims.iter().find(|claim| claim.slot == "resolver").expect("the resolver is claimed");
    assert_eq!(resolver.epoch, 2);
}

#[tokio::test]
async fn an_edit_is_applied_and_the_network_comes_to_rest() {
    let fake = Fake::tokyo();
    let context = fake.context();
    fake.settle(&context).await;
    fake.edit(|network| {
        network.spec.subnets = Some(crate::api::SubnetSelectors {
            endpoints: Some(crate::api::SubnetSelector {
                ids: Some(vec!["subnet-c".to_owned(), "subnet-d".to_owned()]),
                tags: None,
            }),
            ..crate::api::SubnetSelectors::default()
        });
    });
    fake.settle(&context).await;
    assert_eq!(ready(&fake).0, "True");
    let wanted = subnets(&["subnet-c", "subnet-d"]);
    let world = fake.world();
    for endpoint in world.aws.observed.resources.endpoints.values().filter(|endpoint| !endpoint.subnets.is_empty()) {
        assert_eq!(endpoint.subnets, wanted);
    }
}

#[tokio::test(start_paused = true)]
async fn a_network_that_aws_does_not_answer_is_not_observed_instead_of_broken() {
    let fake = Fake::tokyo();
    let context = fake.context();
    fake.reconcile(&context).await;
    fake.reconcile(&context).await;
    let complete = ("True".to_owned(), "Ready".to_owned());
    assert_eq!(ready(&fake), complete);
    fake.world().mood = Mood::Silent;
    fake.reconcile(&context).await;
    assert_eq!(ready(&fake), complete, "the last observation was complete");
    let status = fake.network().status.expect("it was written");
    let synced = find(&status.conditions, ConditionType::Synced).expect("the condition is there");
    assert_eq!((synced.status.as_str(), synced.reason.as_str()), ("Unknown", "AWSError"), "{synced:?}");
}

#[tokio::test(start_paused = true)]
async fn a_network_is_not_ready_without_limit_if_it_cannot_be_observed() {
    let fake = Fake::tokyo();
    let context = fake.context();
    fake.settle(&context).await;
    fake.world().mood = Mood::Silent;
    for (minutes, status) in [(0, "True"), (50, "True"), (10, "Unknown"), (60, "Unknown")] {
        tokio::time::sleep(Duration::from_mins(minutes)).await;
        fake.reconcile(&context).await;
        assert_eq!(ready(&fake).0, status, "after {minutes} more minutes");
    }
    fake.world().mood = Mood::Well;
    fake.settle(&context).await;
    assert_eq!(ready(&fake).0, "True");
}
