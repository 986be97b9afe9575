//! Tests of the lab itself: its summaries of AWS, its checks of statuses, and its control over the operator's process.

use anyhow::{Context, Result, ensure};
use serde_json::json;
use support::{Fault, FaultKind, Inventory, Lab, Summary, misread};

#[tokio::test]
async fn a_network_is_built_edited_and_deleted() -> Result<()> {
    let lab = Lab::real_shared().await?;
    let site = lab.site("harness").await?;
    let before = Inventory::of(&site.aws).await?;

    let network = site.network("tokyo").proxies(["10.9.0.0/24"]).without_ssm().apply().await?;
    network.until_ready().await?;
    assert_eq!(site.summary().await?, site.expected().proxies(["10.9.0.0/24"]).without_ssm().summary());

    network.edit(json!({ "proxyCIDRs": null, "resolver": { "mode": "Disabled" } })).await?;
    network.until_ready().await?;
    assert_eq!(site.summary().await?, site.expected().without_ssm().without_resolver().summary());

    network.delete_and_wait().await?;
    assert_eq!(site.summary().await?, Summary::default());
    ensure!(site.state().await?.is_clean());
    assert_eq!(Inventory::of(&site.aws).await?, before);
    Ok(())
}

#[tokio::test]
async fn foreign_resources_are_reported() -> Result<()> {
    let lab = Lab::real_shared().await?;
    let site = lab.site("foreign").await?;
    ensure!(site.summary().await?.is_empty());
    let ec2 = &site.aws.ec2;

    let group = ec2.create_security_group().group_name("stray").description("stray").vpc_id(&site.landing.vpc);
    let group = group.send().await?.group_id.context("no id")?;
    let subnet = site.landing.subnet("staging-1")?;
    ec2.create_network_interface().subnet_id(subnet).groups(&group).description("left").send().await?;

    assert_eq!(site.summary().await?.lines(), ["foreign 'stray': nothing", "foreign interface: 'left' in staging-1"]);
    Ok(())
}

#[tokio::test]
async fn a_status_that_tools_would_misread_is_detected() -> Result<()> {
    let lab = Lab::real_shared().await?;
    misread::is_noticed(&lab).await
}

#[tokio::test]
async fn the_operator_can_be_killed_between_a_call_and_its_answer() -> Result<()> {
    let lab = Lab::real_exclusive().await?;
    let site = lab.site("killed").await?;
    let hold = Fault { account: Some(site.account.clone()), ..Fault::next(FaultKind::Hold, "CreateVpcEndpoint") };
    let ordered = lab.control().order(&hold).await?;

    let network = site.network("tokyo").apply().await?;
    lab.control().until_spoiled(ordered).await?;
    lab.operator().kill().await?;
    ensure!(!lab.operator().is_running());
    ensure!(!site.state().await?.vpc_endpoints.is_empty(), "the call had no effect");
    lab.control().release().await?;

    lab.operator().start().await?;
    ensure!(lab.operator().rss_kb()? > 1_000);
    network.until_ready().await?;
    assert_eq!(site.summary().await?, site.expected().summary());
    network.delete_and_wait().await?;
    assert_eq!(site.summary().await?, Summary::default());
    Ok(())
}
