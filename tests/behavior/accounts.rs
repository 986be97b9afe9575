//! Classes: the account and Region that they select, the namespaces that they admit, and the effects of editing them.

use anyhow::{Context, Result, bail};
use k8s_openapi::api::core::v1::Namespace;
use kube::{
    Api, Client, ResourceExt,
    api::{Patch, PatchParams},
};
use mgnet::api::{ACCOUNT_GONE_ANNOTATION, ConditionType, MigrationNetwork, MigrationNetworkClass, Reason, conditions};
use serde_json::{Value, json};
use support::{Clock, Lab, LabOptions, Landing, Network, OperatorOptions, Site};

use support::waiting::{close, condition, is_true, kstatus, listed, message, until, until_observed};

/// Creates a site in another Region of the same account, with its own VPC and class, but in the same namespace.
async fn site_in_region(site: &Site, region: &str) -> Result<Site> {
    let aws = site.lab.aws(&site.account, region);
    let landing = Landing::make(&aws).await?;
    let other = Site {
        lab: site.lab.clone(),
        account: site.account.clone(),
        region: region.to_owned(),
        namespace: site.namespace.clone(),
        class_name: format!("{}-{region}", site.class_name),
        landing,
        aws,
        kube: site.kube.clone(),
    };
    other.make_class(other.class()).await?;
    Ok(other)
}

#[tokio::test]
async fn networks_in_two_accounts_and_two_regions_are_built_concurrently() -> Result<()> {
    let lab = Lab::shared().await?;
    let (first, second) = (lab.site("first").await?, lab.site("second").region("eu-west-1").await?);
    let first_in_ireland = site_in_region(&first, "eu-west-1").await?;
    let second_in_tokyo = site_in_region(&second, "ap-northeast-1").await?;
    let sites = [&first, &second, &first_in_ireland, &second_in_tokyo];
    let mut networks = Vec::new();
    for site in sites {
        // Each network has its own source range, so that a resource in the wrong account or Region is detected.
        let sources = format!("192.168.{}.0/24", 100 + networks.len());
        let network = site.network(&site.region).sources([&sources]).apply().await?;
        networks.push((site, network, sources));
    }
    for (site, network, sources) in &networks {
        let ready = network.until_ready().await?;
        assert_eq!(site.summary().await?, site.expected().sources([sources]).summary());
        let status = ready.status.context("no status")?;
        assert_eq!(status.account.map(|account| account.id).as_ref(), Some(&site.account));
        assert_eq!(status.region.as_ref(), Some(&site.region));
        let service = status.endpoints.first().and_then(|endpoint| endpoint.service_name.clone()).unwrap_or_default();
        assert!(service.contains(&site.region), "{service}");
    }
    // The deletion of one network affects only its own account and Region.
    let [(_, deleted, _), rest @ ..] = networks.as_slice() else { anyhow::bail!("no networks") };
    deleted.delete_and_wait().await?;
    assert!(first.state().await?.is_clean());
    for (site, network, sources) in rest {
        assert!(is_true(&network.get().await?, ConditionType::Ready));
        assert_eq!(site.summary().await?, site.expected().sources([sources]).summary());
    }
    close(&second).await?;
    close(&first).await
}

/// Waits until condition `Accepted` of the class has that status for the current generation. Returns its reason and
/// message.
async fn until_accepted_is(site: &Site, name: &str, expected: &str) -> Result<(String, String)> {
    until(&format!("condition Accepted of class '{name}' is {expected}"), async || {
        let class = site.classes().get(name).await?;
        let status = class.status.unwrap_or_default();
        let accepted = conditions::find(&status.conditions, ConditionType::Accepted);
        let current = accepted.filter(|accepted| accepted.observed_generation == class.metadata.generation);
        let found = current.filter(|accepted| accepted.status == expected);
        let outcome = found.map(|accepted| (accepted.reason.clone(), accepted.message.clone()));
        Ok(outcome.ok_or_else(|| format!("{status:#?}")))
    })
    .await
}

/// Returns a copy of the site's class with a suffix in its name.
fn class_with_suffix(site: &Site, suffix: &str) -> MigrationNetworkClass {
    let mut class = site.class();
    class.metadata.name = Some(format!("{}-{suffix}", site.class_name));
    class
}

fn network_of_class<'s>(site: &'s Site, class: &str) -> support::NetworkBuilder<'s> {
    site.network("tokyo").with(|spec| spec.migration_network_class_name = Some(class.to_owned()))
}

#[tokio::test]
async fn a_class_reports_that_its_account_was_reached() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("reached").await?;
    let (reason, message) = until_accepted_is(&site, &site.class_name, "True").await?;
    assert_eq!(reason, "Accepted");
    assert_eq!(message, format!("account {} was reached in ap-northeast-1", site.account));
    close(&site).await
}

#[tokio::test]
async fn a_wrong_external_id_is_reported_and_blocks_networks_until_the_role_accepts_it() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("external-id").await?;
    let mut class = class_with_suffix(&site, "wrong");
    class.spec.account.external_id = Some("not-this-one".to_owned());
    let name = class.name_any();
    site.make_class(class).await?;
    // The operator checks the identity of the account for the site's own class, too. Waiting for this check keeps its
    // call out of the calls that are counted below.
    until_accepted_is(&site, &site.class_name, "True").await?;
    let (reason, class_message) = until_accepted_is(&site, &name, "False").await?;
    assert_eq!(reason, "AccessDenied");
    assert!(class_message.contains("AssumeRole") && class_message.contains("role/mgnet"), "{class_message}");

    let mark = site.last_call().await?;
    let network = network_of_class(&site, &name).apply().await?;
    let denied = network.until_reason(ConditionType::Ready, Reason::AccessDenied).await?;
    assert_eq!(kstatus(&denied), "Failed");
    assert_eq!(condition(&denied, ConditionType::NetworkResolved).map(|(_, reason, _)| reason), Some("AccessDenied"));
    let stalled = message(&denied, ConditionType::Stalled)?;
    assert!(stalled.contains("AssumeRole") && stalled.contains("role/mgnet"), "{stalled}");
    assert_eq!(site.calls_after(mark).await?, [], "the operator made no call in the account");

    lab.control().declare_role(&site.account, "mgnet", "not-this-one").await?;
    network.until_ready().await?;
    assert_eq!(site.summary().await?, site.expected().summary());
    assert_eq!(until_accepted_is(&site, &name, "True").await?.0, "Accepted");
    close(&site).await
}

#[tokio::test]
async fn credentials_for_an_account_other_than_that_of_the_class_are_not_used() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("mismatch").await?;
    let mut class = class_with_suffix(&site, "roleless");
    (class.spec.account.role_arn, class.spec.account.external_id) = (None, None);
    let name = class.name_any();
    site.make_class(class).await?;
    until_accepted_is(&site, &site.class_name, "True").await?;
    let (reason, class_message) = until_accepted_is(&site, &name, "False").await?;
    assert_eq!(reason, "AccountMismatch");
    assert!(class_message.contains("'100000000000'") && class_message.contains(&site.account), "{class_message}");

    let mark = site.last_call().await?;
    let network = network_of_class(&site, &name).apply().await?;
    let refused = network.until_reason(ConditionType::Ready, Reason::AccountMismatch).await?;
    assert_eq!(kstatus(&refused), "Failed");
    let stalled = message(&refused, ConditionType::Stalled)?;
    assert!(stalled.contains("'100000000000'") && stalled.contains("`spec.account.roleARN`"), "{stalled}");
    assert_eq!(site.calls_after(mark).await?, []);
    let in_operators_account = lab.control().calls("100000000000", 0).await?;
    let beyond_sts: Vec<_> = in_operators_account
        .into_iter()
        .filter(|call| !matches!(call.action.as_str(), "AssumeRole" | "GetCallerIdentity"))
        .collect();
    assert!(beyond_sts.is_empty(), "{}", listed(&beyond_sts));
    close(&site).await
}

async fn label_namespace(kube: &Client, name: &str, labels: Value) -> Result<()> {
    let patch = Patch::Merge(json!({ "metadata": { "labels": labels } }));
    Api::<Namespace>::all(kube.clone()).patch(name, &PatchParams::default(), &patch).await?;
    Ok(())
}

async fn until_not_admitted(site: &Site, network: &Network<'_>) -> Result<MigrationNetwork> {
    let refused = network.until_reason(ConditionType::Accepted, Reason::NamespaceNotAllowed).await?;
    assert_eq!(kstatus(&refused), "Failed");
    let reported = message(&refused, ConditionType::Accepted)?;
    let expected = format!("class '{}' does not admit networks from namespace '{}'", site.class_name, site.namespace);
    assert!(reported.contains(&expected), "{reported}");
    Ok(refused)
}

#[tokio::test]
async fn a_class_without_allowed_namespaces_admits_no_networks() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("nobody").await?;
    site.edit_class(json!({ "allowedNamespaces": null })).await?;
    let mark = site.last_call().await?;
    let network = site.network("tokyo").apply().await?;
    let refused = until_not_admitted(&site, &network).await?;
    assert_eq!(refused.finalizers(), [""; 0]);
    let read = site.calls_after(mark).await?;
    assert!(read.iter().all(|call| call.action == "GetCallerIdentity"), "{}", listed(&read));

    site.edit_class(json!({ "allowedNamespaces": { "from": "All" } })).await?;
    network.until_ready().await?;
    assert_eq!(site.summary().await?, site.expected().summary());
    close(&site).await
}

#[tokio::test]
async fn a_label_on_the_namespace_admits_its_networks() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("label").await?;
    let selector = json!({ "matchLabels": { "migration": "admitted" } });
    site.edit_class(json!({ "allowedNamespaces": { "from": "Selector", "selector": selector } })).await?;
    let network = site.network("tokyo").apply().await?;
    until_not_admitted(&site, &network).await?;
    label_namespace(&site.kube, &site.namespace, json!({ "migration": "admitted" })).await?;
    let ready = network.until_ready().await?;
    assert_eq!(ready.metadata.generation, Some(1));
    assert_eq!(site.summary().await?, site.expected().summary());

    // The removal of the label does not delete resources that exist, because no user requested an outage.
    let mark = site.last_call().await?;
    label_namespace(&site.kube, &site.namespace, json!({ "migration": null })).await?;
    until_not_admitted(&site, &network).await?;
    assert_eq!(site.writes_after(mark).await?, []);
    assert_eq!(site.summary().await?, site.expected().summary());
    label_namespace(&site.kube, &site.namespace, json!({ "migration": "admitted" })).await?;
    network.until_ready().await?;
    close(&site).await
}

/// Waits until the network is Ready and has observed this generation of the class.
async fn until_ready_with(network: &Network<'_>, class: &MigrationNetworkClass) -> Result<MigrationNetwork> {
    network
        .until("it is Ready with the edited class", |network| {
            let observed = network.status.as_ref().and_then(|status| status.observed_class_generation);
            observed == class.metadata.generation && is_true(network, ConditionType::Ready)
        })
        .await
}

#[tokio::test]
async fn a_network_overrides_the_defaults_of_its_class_but_not_its_tags() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("defaults").await?;
    let defaults = json!({ "sourceCIDRs": ["172.16.0.0/16"], "postLaunch": { "ssm": "Disabled" } });
    site.edit_class(json!({ "defaults": defaults, "tags": { "cost-center": "1", "wave": "class" } })).await?;
    let network = site.network("tokyo").with(|spec| {
        spec.source_cidrs = None;
        spec.tags = Some([("wave".to_owned(), "mine".to_owned()), ("owner".to_owned(), "billing".to_owned())].into());
    });
    let network = network.apply().await?;
    network.until_ready().await?;
    let expected = site.expected().without_ssm().tag("wave", "class").tag("owner", "billing");
    let by_class = expected.clone().sources(["172.16.0.0/16"]).tag("cost-center", "1");
    assert_eq!(site.summary().await?, by_class.summary(), "the tags of the class take precedence");

    let defaults = json!({ "sourceCIDRs": ["172.17.0.0/16"], "postLaunch": null });
    let class = site.edit_class(json!({ "defaults": defaults, "tags": { "cost-center": "2", "wave": null } })).await?;
    until_ready_with(&network, &class).await?;
    let expected = site.expected().sources(["172.17.0.0/16"]).tag("wave", "mine").tag("owner", "billing");
    assert_eq!(site.summary().await?, expected.tag("cost-center", "2").summary());

    network.edit(json!({ "sourceCIDRs": ["192.168.77.0/24"] })).await?;
    network.until_ready().await?;
    let expected = site.expected().sources(["192.168.77.0/24"]).tag("wave", "mine").tag("owner", "billing");
    assert_eq!(site.summary().await?, expected.tag("cost-center", "2").summary());
    close(&site).await
}

#[tokio::test]
async fn a_network_without_sources_in_its_spec_and_class_is_refused() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("sourceless").await?;
    let mark = site.last_call().await?;
    let network = site.network("tokyo").with(|spec| spec.source_cidrs = None).apply().await?;
    let refused = network.until_reason(ConditionType::Accepted, Reason::InvalidSpec).await?;
    assert_eq!(kstatus(&refused), "Failed");
    let stalled = message(&refused, ConditionType::Stalled)?;
    assert!(stalled.contains("`spec.sourceCIDRs` must name at least one IPv4 range"), "{stalled}");
    assert_eq!(site.writes_after(mark).await?, []);
    site.edit_class(json!({ "defaults": { "sourceCIDRs": [support::SOURCES] } })).await?;
    network.until_ready().await?;
    assert_eq!(site.summary().await?, site.expected().summary());
    close(&site).await
}

/// The resync interval is one hour, so an object that is not woken is not reconciled within the timeout of a test.
#[tokio::test]
async fn creating_or_editing_a_class_wakes_its_networks() -> Result<()> {
    let operator = OperatorOptions { resync_seconds: 3600, aws_rate_factor: 60, ..OperatorOptions::default() };
    let lab = Lab::own(LabOptions { clock: Clock::Wall { speed: 60 }, operator, ..LabOptions::default() }).await?;
    let site = lab.site("wake").await?;
    let later = class_with_suffix(&site, "later");
    let name = later.name_any();
    let network = network_of_class(&site, &name).with(|spec| spec.source_cidrs = None).apply().await?;
    let waiting = network.until_reason(ConditionType::Accepted, Reason::ClassNotFound).await?;
    assert_eq!(kstatus(&waiting), "Failed");
    let reported = message(&waiting, ConditionType::Accepted)?;
    assert_eq!(
        reported,
        format!(
            "`spec.migrationNetworkClassName`: class '{name}' does not exist; choose another class, or ask the \
             platform team to create it"
        )
    );
    assert_eq!(site.calls().await?.iter().filter(|call| call.action == "DescribeVpcs").count(), 0);

    site.make_class(later).await?;
    network.until_reason(ConditionType::Accepted, Reason::InvalidSpec).await?;
    let edit = |spec: Value| {
        let (classes, name) = (site.classes(), name.clone());
        async move { classes.patch(&name, &PatchParams::default(), &Patch::Merge(json!({ "spec": spec }))).await }
    };
    let class = edit(json!({ "defaults": { "sourceCIDRs": ["172.16.0.0/16"] } })).await?;
    until_ready_with(&network, &class).await?;
    assert_eq!(site.summary().await?, site.expected().sources(["172.16.0.0/16"]).summary());

    let class = edit(json!({ "tags": { "cost-center": "7" } })).await?;
    until_ready_with(&network, &class).await?;
    assert_eq!(site.summary().await?, site.expected().sources(["172.16.0.0/16"]).tag("cost-center", "7").summary());

    let restricted = edit(json!({ "allowedNamespaces": { "from": "None" } })).await?;
    let refused = network.until_reason(ConditionType::Accepted, Reason::NamespaceNotAllowed).await?;
    assert_eq!(condition(&refused, ConditionType::Accepted).map(|(status, ..)| status), Some("False"));
    assert!(restricted.metadata.generation > class.metadata.generation);
    assert_eq!(site.summary().await?, site.expected().sources(["172.16.0.0/16"]).tag("cost-center", "7").summary());
    lab.check_statuses()
}

#[tokio::test]
async fn networks_of_an_account_that_is_gone_are_deleted_only_with_the_annotation_on_their_class() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("gone").await?;
    let network = site.network("tokyo").apply().await?;
    network.until_ready().await?;
    let mut owned: Vec<String> = site.state().await?.slots().into_values().collect();
    owned.sort();
    let annotate = async |account: &str| {
        let patch = json!({ "metadata": { "annotations": { ACCOUNT_GONE_ANNOTATION: account } } });
        site.classes().patch(&site.class_name, &PatchParams::default(), &Patch::Merge(patch)).await
    };

    // With access, the annotation has no effect.
    annotate(&site.account).await?;
    until_observed(&site, 1).await?;
    // The account and its roles are gone.
    lab.control().reset(&site.account).await?;
    annotate("999999999999").await?;
    network.delete().await?;
    network.until_reason(ConditionType::Ready, Reason::AccessDenied).await?;

    annotate(&site.account).await?;
    network.until_gone().await?;
    let class = site.classes().get(&site.class_name).await?;
    let abandoned = class.status.context("no status")?.abandoned;
    let [entry] = &*abandoned else { bail!("not one network: {abandoned:?}") };
    assert_eq!((entry.network.as_str(), &entry.account_id), (&*format!("{}/tokyo", site.namespace), &site.account));
    assert_eq!(entry.resources, owned);
    Ok(())
}
