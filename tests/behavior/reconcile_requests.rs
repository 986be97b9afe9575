//! Reconciles that users request with the annotation `mgnet.dev/reconcile-at`. The resync interval is an hour, so nothing else
//! starts a reconcile of a network at rest.

use std::time::Duration;

use anyhow::{Result, ensure};
use aws_sdk_ec2::types::AttributeBooleanValue;
use kube::api::{Patch, PatchParams};
use mgnet::api::{ConditionType, MigrationNetwork, MigrationNetworkClass, RECONCILE_ANNOTATION, Reason, conditions};
use serde_json::json;
use support::{Clock, Fault, FaultKind, Lab, LabOptions, Network, OperatorOptions, Site};

use support::failing::{NAME, spoil};
use support::waiting::{close, is_true, until, until_class, until_observed};

async fn lab() -> Result<Lab> {
    let operator = OperatorOptions { resync_seconds: 3600, aws_rate_factor: 60, ..OperatorOptions::default() };
    Lab::own(LabOptions { clock: Clock::Wall { speed: 60 }, operator, ..LabOptions::default() }).await
}

async fn request(network: &Network<'_>, value: &str) -> Result<()> {
    network.patch(json!({ "metadata": { "annotations": { RECONCILE_ANNOTATION: value } } })).await?;
    Ok(())
}

fn handled(network: &MigrationNetwork) -> Option<&str> {
    network.status.as_ref()?.last_handled_reconcile_at.as_deref()
}

async fn until_handled(network: &Network<'_>, value: &str) -> Result<MigrationNetwork> {
    network.until("the request is handled", |network| handled(network) == Some(value)).await
}

async fn set_dns_hostnames(site: &Site, enabled: bool) -> Result<()> {
    let value = AttributeBooleanValue::builder().value(enabled).build();
    site.aws.ec2.modify_vpc_attribute().vpc_id(&site.landing.vpc).enable_dns_hostnames(value).send().await?;
    Ok(())
}

#[tokio::test]
async fn a_request_reads_what_people_have_changed_in_aws() -> Result<()> {
    let lab = lab().await?;
    let site = lab.site("refreshed").await?;
    let network = site.network(NAME).apply().await?;
    network.until_ready().await?;
    request(&network, "first").await?;
    let first = until_handled(&network, "first").await?;
    ensure!(is_true(&first, ConditionType::Ready), "{:?}", first.status);

    set_dns_hostnames(&site, false).await?;
    // Another annotation starts a reconcile, too, but answers about the VPC may be shared within half a resync.
    let mark = site.last_call().await?;
    network.patch(json!({ "metadata": { "annotations": { "example.com/touched": "true" } } })).await?;
    until("the network is reconciled", async || {
        let observed = site.calls_after(mark).await?.iter().any(|call| call.action == "DescribeVpcEndpoints");
        Ok(if observed { Ok(()) } else { Err("no observation".to_owned()) })
    })
    .await?;
    let unaware =
        network.stays(2, "the change is not noticed", |network| is_true(network, ConditionType::Ready)).await?;
    ensure!(handled(&unaware) == Some("first"), "only the annotation requests a reconcile");

    request(&network, "second").await?;
    let aware = until_handled(&network, "second").await?;
    ensure!(!is_true(&aware, ConditionType::Ready), "the conditions are those of the requested reconcile");
    network.until_reason(ConditionType::NetworkResolved, Reason::DnsSupportDisabled).await?;
    set_dns_hostnames(&site, true).await?;
    request(&network, "third").await?;
    ensure!(is_true(&until_handled(&network, "third").await?, ConditionType::Ready));
    lab.check_statuses()
}

#[tokio::test]
async fn a_request_ends_the_back_off() -> Result<()> {
    let lab = lab().await?;
    let site = lab.site("backed-off").await?;
    let failing = Fault { times: u64::MAX, ..spoil(&site, FaultKind::Error500, "DescribeVpcs") };
    lab.control().order(&failing).await?;
    let network = site.network(NAME).apply().await?;
    // The delays double from a second on: the last one has half of this time.
    tokio::time::sleep(Duration::from_secs(45)).await;
    let mark = site.last_call().await?;
    request(&network, "now").await?;
    until_handled(&network, "now").await?;
    tokio::time::sleep(Duration::from_secs(10)).await;
    let attempts = site.calls_after(mark).await?.len();
    // The SDK sends each call twice or three times; there are delays of one, two and four seconds.
    ensure!(attempts >= 6, "{attempts} attempts in 10 s after the request");
    lab.control().cancel_faults(&site.account).await?;
    request(&network, "cured").await?;
    network.until_ready().await?;
    lab.check_statuses()
}

#[tokio::test]
async fn a_suspended_network_handles_requests_when_it_is_resumed() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("requested-late").await?;
    let network = site.network(NAME).apply().await?;
    network.until_ready().await?;
    network.edit(json!({ "suspend": true })).await?;
    request(&network, "now").await?;
    until_observed(&site, 2).await?;
    ensure!(handled(&network.get().await?).is_none(), "{:?}", network.get().await?.status);
    network.edit(json!({ "suspend": null })).await?;
    until_handled(&network, "now").await?;
    close(&site).await
}

#[tokio::test]
async fn a_request_on_a_class_checks_its_account_and_reconciles_its_networks() -> Result<()> {
    let lab = lab().await?;
    let site = lab.site("of-class").await?;
    // The role does not admit the class, which the operator would notice an hour later.
    let mut class = site.class();
    class.spec.account.external_id = Some("another".to_owned());
    site.delete_class_by_force().await?;
    site.make_class(class).await?;
    until_class(&site, "it is refused", stalled).await?;
    let network = site.network(NAME).apply().await?;
    network.until_reason(ConditionType::NetworkResolved, Reason::AccessDenied).await?;

    lab.control().declare_role(&site.account, "mgnet", "another").await?;
    let annotations = json!({ "metadata": { "annotations": { RECONCILE_ANNOTATION: "now" } } });
    site.classes().patch(&site.class_name, &PatchParams::default(), &Patch::Merge(annotations)).await?;
    let class = until_class(&site, "the request is handled", |class| {
        class.status.as_ref().and_then(|status| status.last_handled_reconcile_at.as_deref()) == Some("now")
    })
    .await?;
    ensure!(!stalled(&class), "{:?}", class.status);
    network.until_ready().await?;
    lab.check_statuses()
}

fn stalled(class: &MigrationNetworkClass) -> bool {
    let all = class.status.as_ref().map_or(&[][..], |status| &status.conditions);
    conditions::is_true(all, ConditionType::Stalled)
}
