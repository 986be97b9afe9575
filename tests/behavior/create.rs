//! From an object to a network: what people see of it, from the first moment until it stands.

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
async fn one_object_becomes_a_whole_network() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("whole").await?;
    let network = site.network("tokyo").with_replication_group().proxies(["10.9.0.0/24"]).apply().await?;
    let ready = network.until_ready().await?;
    assert_eq!(kstatus(&ready), "Current");
    assert_eq!(ready.finalizers(), [FINALIZER]);
    let expected = site.expected().with_replication_group().proxies(["10.9.0.0/24"]);
    assert_eq!(site.summary().await?, expected.summary());

    network.delete_and_wait().await?;
    assert!(site.state().await?.is_clean(), "left behind: {}", site.summary().await?);
    close(&site).await
}

#[tokio::test]
async fn the_smallest_networks_have_hosts_files_and_no_post_launch_actions() -> Result<()> {
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

/// The answer to the request that creates it is what everybody sees until the operator has written a status.
#[tokio::test]
async fn a_new_object_is_never_taken_for_ready() -> Result<()> {
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
    let mark = |name: String, value: Value| {
        let (classes, patch) =
            (site.classes(), json!({ "metadata": { "annotations": { DEFAULT_CLASS_ANNOTATION: value } } }));
        async move { classes.patch(&name, &PatchParams::default(), &Patch::Merge(patch)).await }
    };

    let network = unnamed("tokyo").apply().await?;
    let without = network.until_reason(ConditionType::Accepted, Reason::NoDefaultClass).await?;
    assert_eq!(kstatus(&without), "Failed");

    mark(site.class_name.clone(), json!("true")).await?;
    let ready = network.until_ready().await?;
    assert_eq!(ready.status.as_ref().and_then(|status| status.class_name.as_ref()), Some(&site.class_name));
    assert_eq!(ready.spec.migration_network_class_name, None, "the operator wrote into the spec");
    assert_eq!(site.summary().await?, site.expected().summary());

    // A second default class leaves newcomers without one, and does not move what is built.
    let mut other = site.class();
    other.metadata.name = Some(format!("{}-other", site.class_name));
    other.annotations_mut().insert(DEFAULT_CLASS_ANNOTATION.to_owned(), "true".to_owned());
    site.make_class(other).await?;
    let newcomer = unnamed("osaka").apply().await?;
    let without = newcomer.until_reason(ConditionType::Accepted, Reason::NoDefaultClass).await?;
    let (_, _, message) = condition(&without, ConditionType::Accepted).context("no condition")?;
    assert!(message.contains("`spec.migrationNetworkClassName` must be set: 2 classes"), "{message}");
    until_observed(&site, 2).await?;
    assert!(is_true(&network.get().await?, ConditionType::Ready));
    // Other tests of this process are not to find default classes.
    mark(site.class_name.clone(), Value::Null).await?;
    mark(format!("{}-other", site.class_name), Value::Null).await?;
    close(&site).await
}

#[tokio::test]
async fn at_rest_nothing_is_written_anywhere() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("rest").await?;
    let network = site.network("tokyo").with_replication_group().apply().await?;
    let ready = network.until_ready().await?;
    // The class follows its networks within one resync.
    let class = until_class(&site, "it counts one", |class| counts(class) == Some((1, 1))).await?;
    let (mark, told) = (site.last_call().await?, events(&site).await?.len());
    until_observed(&site, 3).await?;
    let calls = site.calls_after(mark).await?;
    let writes: Vec<Call> = calls.iter().filter(|call| call.is_write()).cloned().collect();
    assert!(writes.is_empty(), "{}", listed(&writes));
    assert_eq!(network.get().await?.resource_version(), ready.resource_version());
    assert_eq!(site.classes().get(&site.class_name).await?.resource_version(), class.resource_version());
    assert!(events(&site).await?.len() <= told + 1, "more was told than that it is Ready: {:#?}", events(&site).await?);
    close(&site).await
}

#[tokio::test]
async fn events_tell_what_was_made() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("events").await?;
    let network = site.network("tokyo").apply().await?;
    network.until_ready().await?;
    let (type_, note) = until_event(&site, "Ready").await?;
    assert_eq!((type_.as_str(), note.as_str()), ("Normal", "7 of 7 endpoints available, resolver operational"));
    let events = events(&site).await?;
    let state = site.state().await?;
    let told = |reason: &str| -> BTreeSet<String> {
        let notes = events.iter().filter(|event| event.reason.as_deref() == Some(reason));
        notes.filter_map(|event| event.note.clone()).collect()
    };
    let created = |id: &str, tags: &support::state::Tags| format!("created {id} for {}", tags["mgnet.dev/slot"]);
    let endpoints = state.vpc_endpoints.iter().map(|endpoint| created(&endpoint.id, &endpoint.tags)).collect();
    assert_eq!(told("EndpointCreated"), endpoints);
    let groups = state.security_groups.iter().filter(|group| group.name != "default");
    assert_eq!(told("SecurityGroupCreated"), groups.map(|group| created(&group.id, &group.tags)).collect());
    assert_eq!(told("ResolverCreated").len(), 1);
    assert!(events.iter().all(|event| event.type_.as_deref() == Some("Normal")), "{events:#?}");
    close(&site).await
}
