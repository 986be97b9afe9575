//! The lab itself: what it says of AWS, what it notices, and that the operator can be killed in it.

use anyhow::{Context, Result, ensure};
use kube::Api;
use kube::api::{Patch, PatchParams};
use mgnet::api::{ConditionStatus, ConditionType, FIELD_MANAGER, MigrationNetwork};
use serde_json::json;
use support::{Fault, FaultKind, Inventory, Lab, Summary};

#[tokio::test]
async fn a_network_comes_and_goes() -> Result<()> {
    let lab = Lab::shared().await?;
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
async fn what_is_foreign_is_seen() -> Result<()> {
    let lab = Lab::shared().await?;
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
async fn a_status_that_tools_would_misread_is_noticed() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("misread").await?;
    let network = site.network("tokyo").suspended().apply().await?;
    network.until_condition(ConditionType::Suspended, ConditionStatus::True).await?;

    let condition = |type_: &str, generation: i64| {
        json!({
            "type": type_, "status": "True", "reason": "Planted", "message": "", "observedGeneration": generation,
            "lastTransitionTime": "2026-01-01T00:00:00Z",
        })
    };
    let planted = json!({
        "status": { "observedGeneration": 1, "conditions": [condition("Ready", 1), condition("Reconciling", 1)] },
    });
    let networks: Api<MigrationNetwork> = Api::namespaced(site.kube.clone(), &site.namespace);
    // As the operator: what others write is not its to answer for.
    let operator = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
    networks.patch_status("tokyo", &operator, &Patch::Merge(planted)).await?;

    let noticed = network.until("a violation", |_| false).await.err().context("it waited in vain")?;
    ensure!(format!("{noticed:#}").contains("FAIL0003"), "{noticed:#}");
    Ok(())
}

#[tokio::test]
async fn the_operator_can_be_killed_between_a_call_and_its_answer() -> Result<()> {
    let lab = Lab::exclusive().await?;
    let site = lab.site("killed").await?;
    let hold = Fault { account: Some(site.account.clone()), ..Fault::next(FaultKind::Hold, "CreateVpcEndpoint") };
    let ordered = lab.world().order(&hold).await?;

    let network = site.network("tokyo").apply().await?;
    lab.world().until_spoiled(ordered).await?;
    lab.operator().kill()?;
    ensure!(!lab.operator().is_running());
    ensure!(!site.state().await?.vpc_endpoints.is_empty(), "the call had no effect");
    lab.world().release().await?;

    lab.operator().start().await?;
    ensure!(lab.operator().rss_kb()? > 1_000);
    network.until_ready().await?;
    assert_eq!(site.summary().await?, site.expected().summary());
    network.delete_and_wait().await?;
    assert_eq!(site.summary().await?, Summary::default());
    Ok(())
}
