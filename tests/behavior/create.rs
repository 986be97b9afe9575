//! Creation of a network: its status, events and resources, from the response to the create request until it is Ready.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use kube::{
    Api, ResourceExt,
    api::{Patch, PatchParams, PostParams},
};
use mgnet::api::{ConditionType, DEFAULT_CLASS_ANNOTATION, FINALIZER, MigrationNetwork, Reason};
use serde_json::{Value, json};
use support::{Call, Lab};

use support::waiting::{
    close, condition, counts, events, is_true, kstatus, listed, until_class, until_event, until_observed,
};

#[tokio::test]
async fn one_object_becomes_a_complete_network() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("whole").await?;
    let network = site.network("tokyo").with_replication_group().proxies(["10.9.0.0/24"]).apply().await?;
    let ready = network.until_ready().await?;
    assert_eq!(kstatus(&ready), "Current");
    assert_eq!(ready.finalizers(), [FINALIZER]);
    let expected = site.expected().with_replication_group().proxies(["10.9.0.0/24"]);
    assert_eq!(site.summary().await?, expected.summary());

    network.delete_and_wait().await?;
    assert!(site.state().await?.is_clean(), "resources remain: {}", site.summary().await?);
    close(&site).await
}

/// The smallest network: hosts files replace the resolver, and there are no post-launch actions.
#[tokio::test]
async fn a_network_without_resolver_and_post_launch_actions_has_four_endpoints() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("smallest").await?;
    let network = site.network("tokyo").without_resolver().without_ssm().apply().await?;
    let ready = network.until_ready().await?;
    assert_eq!(site.summary().await?, site.expected().without_resolver().without_ssm().summary());
    let status = ready.status.clone().context("no status")?;
    assert_eq!(status.endpoints_available.as_deref(), Some("4/4"));
    assert_eq!(status.resolver, None);
    assert_eq!(condition(&ready, ConditionType::ResolverReady).map(|(_, reason, _)| reason), Some("Disabled"));
    close(&site).await
}

/// Until the operator has written a status, clients see the object that the response to the create request contains.
#[tokio::test]
async fn a_new_object_never_counts_as_ready() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("new").await?;
    let networks: Api<MigrationNetwork> = Api::namespaced(site.kube.clone(), &site.namespace);
    let created = networks.create(&PostParams::default(), site.network("tokyo").object()).await?;
    assert_eq!(created.status.as_ref().map(|status| status.observed_generation), Some(-1));
    assert_eq!(kstatus(&created), "InProgress");
    let ready = condition(&created, ConditionType::Ready).map(|(status, reason, _)| (status, reason));
    assert_eq!(ready, Some(("Unknown", "Pending")));
    site.existing_network("tokyo").until_ready().await?;
    close(&site).await
}

#[tokio::test]
async fn a_network_that_names_no_class_gets_the_default_one_and_keeps_it() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("default").await?;
    let unnamed = |name: &str| site.network(name).with(|spec| spec.migration_network_class_name = None);
    let annotate = |name: String, value: Value| {
        let (classes, patch) =
            (site.classes(), json!({ "metadata": { "annotations": { DEFAULT_CLASS_ANNOTATION: value } } }));
        async move { classes.patch(&name, &PatchParams::default(), &Patch::Merge(patch)).await }
    };

    let network = unnamed("tokyo").apply().await?;
    let without = network.until_reason(ConditionType::Accepted, Reason::NoDefaultClass).await?;
    assert_eq!(kstatus(&without), "Failed");

    annotate(site.class_name.clone(), json!("true")).await?;
    let ready = network.until_ready().await?;
    assert_eq!(ready.status.as_ref().and_then(|status| status.class_name.as_ref()), Some(&site.class_name));
    assert_eq!(ready.spec.migration_network_class_name, None, "the operator changed the spec");
    assert_eq!(site.summary().await?, site.expected().summary());

    // If there are two default classes, a new network gets neither, but a network that was built keeps its class.
    let mut other = site.class();
    other.metadata.name = Some(format!("{}-other", site.class_name));
    other.annotations_mut().insert(DEFAULT_CLASS_ANNOTATION.to_owned(), "true".to_owned());
    site.make_class(other).await?;
    let second = unnamed("osaka").apply().await?;
    let without = second.until_reason(ConditionType::Accepted, Reason::NoDefaultClass).await?;
    let (_, _, message) = condition(&without, ConditionType::Accepted).context("no condition")?;
    assert!(message.contains("`spec.migrationNetworkClassName` must be set: 2 classes"), "{message}");
    until_observed(&site, 2).await?;
    assert!(is_true(&network.get().await?, ConditionType::Ready));
    // Other tests of this process must not find default classes.
    annotate(site.class_name.clone(), Value::Null).await?;
    annotate(format!("{}-other", site.class_name), Value::Null).await?;
    close(&site).await
}

#[tokio::test]
async fn at_rest_the_operator_writes_nothing_to_aws_or_kubernetes() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("rest").await?;
    let network = site.network("tokyo").with_replication_group().apply().await?;
    let ready = network.until_ready().await?;
    // The class updates the counts of its networks within one resync.
    let class = until_class(&site, "it counts one network", |class| counts(class) == Some((1, 1))).await?;
    let (mark, earlier_events) = (site.last_call().await?, events(&site).await?.len());
    until_observed(&site, 3).await?;
    let calls = site.calls_after(mark).await?;
    let writes: Vec<Call> = calls.iter().filter(|call| call.is_write()).cloned().collect();
    assert!(writes.is_empty(), "{}", listed(&writes));
    assert_eq!(network.get().await?.resource_version(), ready.resource_version());
    assert_eq!(site.classes().get(&site.class_name).await?.resource_version(), class.resource_version());
    let events = events(&site).await?;
    assert!(events.len() <= earlier_events + 1, "events other than `Ready` were published: {events:#?}");
    close(&site).await
}

#[tokio::test]
async fn events_report_every_created_resource() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("events").await?;
    let network = site.network("tokyo").apply().await?;
    network.until_ready().await?;
    let (type_, note) = until_event(&site, "Ready").await?;
    assert_eq!((type_.as_str(), note.as_str()), ("Normal", "7 of 7 endpoints available, resolver operational"));
    let events = events(&site).await?;
    let state = site.state().await?;
    let notes_of = |reason: &str| -> BTreeSet<String> {
        let notes = events.iter().filter(|event| event.reason.as_deref() == Some(reason));
        notes.filter_map(|event| event.note.clone()).collect()
    };
    let created = |id: &str, tags: &support::state::Tags| format!("created {id} for {}", tags["mgnet.dev/slot"]);
    let endpoints = state.vpc_endpoints.iter().map(|endpoint| created(&endpoint.id, &endpoint.tags)).collect();
    assert_eq!(notes_of("EndpointCreated"), endpoints);
    let groups = state.security_groups.iter().filter(|group| group.name != "default");
    assert_eq!(notes_of("SecurityGroupCreated"), groups.map(|group| created(&group.id, &group.tags)).collect());
    assert_eq!(notes_of("ResolverCreated").len(), 1);
    assert!(events.iter().all(|event| event.type_.as_deref() == Some("Normal")), "{events:#?}");
    close(&site).await
}
