//! Classes in use: a class counts its networks, remains until they are deleted, and admits namespaces by its selector.

use anyhow::{Context, Result};
use k8s_openapi::api::{core::v1::Namespace, events::v1::Event};
use kube::{
    Api, ResourceExt,
    api::{ListParams, Patch, PatchParams},
};
use mgnet::api::{ConditionStatus, ConditionType, FINALIZER, MigrationNetworkClass, Reason, conditions};
use serde_json::{Value, json};
use support::{Clock, Fault, FaultKind, Lab, LabOptions, OperatorOptions, Site};

use support::failing::spoil;
use support::waiting::{close, condition, counts, is_true, message, until, until_class, until_observed};

async fn until_class_is_gone(site: &Site) -> Result<()> {
    until("the class is deleted", async || {
        let class = site.classes().get_opt(&site.class_name).await?;
        Ok(class.map_or(Ok(()), |class| Err(format!("{class:#?}"))))
    })
    .await
}

#[tokio::test]
async fn a_class_counts_its_networks_and_is_not_deleted_before_them() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("in-use").await?;
    until_class(&site, "it counts no network", |class| counts(class) == Some((0, 0))).await?;
    let network = site.network("tokyo").apply().await?;
    network.until_ready().await?;
    let class = until_class(&site, "it counts one network", |class| counts(class) == Some((1, 1))).await?;
    assert_eq!(class.finalizers(), [FINALIZER]);
    until_observed(&site, 3).await?;
    let later = site.classes().get(&site.class_name).await?;
    assert_eq!(later.resource_version(), class.resource_version(), "nothing is written at rest");

    site.delete_class().await?;
    let deleting = until_class(&site, "it reports that it is being deleted", |class| {
        let status = class.status.clone().unwrap_or_default();
        conditions::find(&status.conditions, ConditionType::Accepted).is_some_and(|one| one.reason == "Deleting")
    })
    .await?;
    let status = deleting.status.context("no status")?;
    let accepted = conditions::find(&status.conditions, ConditionType::Accepted).context("no condition")?;
    assert!(accepted.message.contains("held by 1 network;"), "{}", accepted.message);
    assert!(!accepted.message.contains(&format!("{}/", site.namespace)), "all tenants can read the names of networks");

    // The class continues to serve its networks, but admits no others.
    network.edit(json!({ "sourceCIDRs": ["192.168.77.0/24"] })).await?;
    network.until_ready().await?;
    let late = site.network("late").apply().await?;
    let refused = late.until_reason(ConditionType::Accepted, Reason::ClassNotFound).await?;
    assert!(message(&refused, ConditionType::Accepted)?.contains("is being deleted"));
    assert_eq!(refused.metadata.finalizers, None);
    network.delete_and_wait().await?;
    until_class_is_gone(&site).await?;
    let object = late.get().await?;
    assert!(!is_true(&object, ConditionType::Ready));
    close(&site).await
}

/// The resync interval is one hour, so an object that is not woken is not reconciled within the timeout of a test.
#[tokio::test]
async fn the_deletion_of_the_last_network_wakes_its_class() -> Result<()> {
    let operator = OperatorOptions { resync_seconds: 3600, aws_rate_factor: 60, ..OperatorOptions::default() };
    let lab = Lab::own(LabOptions { clock: Clock::Wall { speed: 60 }, operator, ..LabOptions::default() }).await?;
    let site = lab.site("last-one").await?;
    let networks = [site.network("tokyo").apply().await?, site.network("too-late").apply().await?];
    for network in &networks {
        network.until("it was reconciled", |network| condition(network, ConditionType::Accepted).is_some()).await?;
    }
    until_class(&site, "it has the finalizer", |class| class.finalizers() == [FINALIZER]).await?;
    site.delete_class().await?;
    for network in networks {
        network.delete_and_wait().await?;
    }
    until_class_is_gone(&site).await?;
    lab.check_statuses()
}

async fn label(site: &Site, labels: Value) -> Result<()> {
    let patch = Patch::Merge(json!({ "metadata": { "labels": labels } }));
    Api::<Namespace>::all(site.kube.clone()).patch(&site.namespace, &PatchParams::default(), &patch).await?;
    Ok(())
}

#[tokio::test]
async fn admission_follows_the_selector_of_the_class_and_the_labels_of_the_namespace() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("selective").await?;
    label(&site, json!({ "wave": "2" })).await?;
    let waves = |values: &[&str]| {
        let expression = json!({ "key": "wave", "operator": "In", "values": values });
        json!({ "allowedNamespaces": { "from": "Selector", "selector": { "matchExpressions": [expression] } } })
    };
    site.edit_class(waves(&["1"])).await?;
    let network = site.network("tokyo").apply().await?;
    network.until_reason(ConditionType::Accepted, Reason::NamespaceNotAllowed).await?;
    let class = site.classes().get(&site.class_name).await?;
    assert!(class.finalizers().is_empty(), "a network that is not admitted must not block the deletion of the class");
    site.edit_class(waves(&["1", "2"])).await?;
    network.until_ready().await?;
    let mark = site.last_call().await?;
    site.edit_class(waves(&["1"])).await?;
    network.until_reason(ConditionType::Accepted, Reason::NamespaceNotAllowed).await?;
    label(&site, json!({ "wave": "1" })).await?;
    network.until_condition(ConditionType::Accepted, ConditionStatus::True).await?;
    label(&site, json!({ "wave": null })).await?;
    network.until_reason(ConditionType::Accepted, Reason::NamespaceNotAllowed).await?;
    assert_eq!(site.writes_after(mark).await?, [], "resources that were built are kept");
    close(&site).await
}

#[tokio::test]
async fn a_class_without_limits_for_the_whole_vpc_is_warned_about() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("unlimited").await?;
    // Events about objects without a namespace are in the namespace `default`.
    let events: Api<Event> = Api::namespaced(site.kube.clone(), "default");
    let warnings = async || {
        let all = events.list(&ListParams::default()).await?.items;
        let about =
            |event: &&Event| event.regarding.as_ref().and_then(|one| one.name.as_ref()) == Some(&site.class_name);
        let omitted = all.iter().filter(|event| event.reason.as_deref() == Some("LimitsOmitted")).filter(about);
        Ok::<_, anyhow::Error>(omitted.filter_map(|event| event.note.clone()).collect::<Vec<_>>())
    };
    until("the omitted limits are reported", async || {
        let notes = warnings().await?;
        let words = ["`spec.limits.subnets`", "`spec.limits.endpointPolicies`", "`spec.limits.privateDNS`"];
        let found = notes.iter().any(|note| words.iter().all(|word| note.contains(word)));
        Ok(if found { Ok(()) } else { Err(format!("{notes:?}")) })
    })
    .await?;
    // Only the first two of these are set, and a new generation is reported once.
    let limits = json!({ "subnets": {}, "endpointPolicies": { "types": ["Preset"] } });
    site.edit_class(json!({ "limits": limits })).await?;
    until("the remaining limit is reported", async || {
        let notes = warnings().await?;
        let found = notes.iter().any(|note| note.contains("`spec.limits.privateDNS`") && !note.contains("subnets"));
        Ok(if found { Ok(()) } else { Err(format!("{notes:?}")) })
    })
    .await?;
    close(&site).await
}

/// The status and reason of each condition of a class, as `Type=Status Reason`.
fn conditions_of(class: &MigrationNetworkClass) -> Vec<String> {
    let conditions = class.status.as_ref().map_or(&[][..], |status| &status.conditions);
    conditions.iter().map(|one| format!("{}={} {}", one.type_, one.status, one.reason)).collect()
}

async fn until_conditions_are(site: &Site, expected: &[&str]) -> Result<()> {
    until_class(site, &expected.join(", "), |class| {
        let observed = class.status.as_ref().map(|status| status.observed_generation);
        observed == class.metadata.generation && conditions_of(class) == expected
    })
    .await?;
    Ok(())
}

/// Flux and Helm wait for a class before they apply its networks, and read only `Stalled` and `Reconciling`.
#[tokio::test]
async fn a_refused_class_is_stalled_and_one_that_waits_for_aws_is_not() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("refused").await?;
    until_conditions_are(&site, &["Accepted=True Accepted"]).await?;
    // The account of a class cannot be changed.
    site.delete_class_by_force().await?;
    let mut class = site.class();
    class.spec.account.external_id = Some("another".to_owned());
    site.make_class(class).await?;
    until_conditions_are(&site, &["Accepted=False AccessDenied", "Stalled=True AccessDenied"]).await?;

    lab.control().declare_role(&site.account, "mgnet", "another").await?;
    let failing = Fault { times: u64::MAX, ..spoil(&site, FaultKind::Error500, "GetCallerIdentity") };
    lab.control().order(&failing).await?;
    until_conditions_are(&site, &["Accepted=Unknown AWSError", "Reconciling=True ProgressingWithRetry"]).await?;
    lab.control().cancel_faults(&site.account).await?;
    until_conditions_are(&site, &["Accepted=True Accepted"]).await?;
    close(&site).await
}
