//! Endpoints of further services: asked for by name, made, told, removed, and said to be missing where a Region has none.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use mgnet::api::{ConditionType, Origin};
use mgnet::model::preflight::checks::Check;
use serde_json::{Value, json};
use support::{Lab, Site};

use support::foreign::{endpoint_in_status, entry, is_refused_after, unwritten};
use support::waiting::{actions, close, held_epoch, listed, message, until_observed, without_outage};

fn services(all: &[&str]) -> Value {
    json!({ "endpoints": all.iter().map(|service| entry(service, "Interface", &json!({}))).collect::<Vec<_>>() })
}

async fn offer(site: &Site, service: &str, rule: Value) -> Result<()> {
    let services = json!({ format!("{}/{service}", site.region): rule });
    site.lab.world().change_options(&site.account, json!({ "services": services })).await
}

#[tokio::test]
async fn further_services_come_and_go_beside_the_usual_ones() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("further").await?;
    let network = site.network("tokyo").spec(&services(&["kms", "sts"])).apply().await?;
    let ready = network.until_ready().await?;
    assert_eq!(site.summary().await?, site.expected().with("kms").with("sts").summary());
    let status = ready.status.clone().context("no status")?;
    assert_eq!(status.endpoints_available.as_deref(), Some("9/9"));
    for service in ["kms", "sts"] {
        let told = status.endpoints.iter().find(|one| one.service == service).context("it is not told")?;
        assert_eq!(told.service_name, Some(format!("com.amazonaws.ap-northeast-1.{service}")));
        assert_eq!((told.origin, told.network_interfaces.len()), (Some(Origin::Created), 2));
        assert!(told.private_dns_names.iter().any(|name| name.starts_with(service)), "{told:?}");
        assert_eq!(held_epoch(&ready, &format!("vpce/{service}/Interface")), Some(1));
    }
    let mark = site.last_call().await?;
    until_observed(&site, 1).await?;
    unwritten(&site, mark).await?;

    let gone = without_outage(&site, async {
        network.edit(services(&["sts", "secretsmanager"])).await?;
        network.until_ready().await
    })
    .await?;
    assert_eq!(site.summary().await?, site.expected().with("sts").with("secretsmanager").summary());
    assert_eq!(endpoint_in_status(&gone, "kms", "Interface"), None);
    let writes = site.writes_after(mark).await?;
    let mut made = actions(&writes);
    made.sort_unstable();
    assert_eq!(made, ["CreateVpcEndpoint", "DeleteVpcEndpoints"], "{}", listed(&writes));
    network.edit(services(&["kms"])).await?;
    let back = network.until_ready().await?;
    assert_eq!(held_epoch(&back, "vpce/kms/Interface"), Some(2));
    network.edit(json!({ "endpoints": [entry("kms", "Interface", &json!({ "mode": "Disabled" }))] })).await?;
    network.until_ready().await?;
    assert_eq!(site.summary().await?, site.expected().summary());
    network.edit(services(&["kms"])).await?;
    network.until_ready().await?;
    network.delete_and_wait().await?;
    assert!(site.summary().await?.is_empty(), "what was asked for by name goes like the rest");
    close(&site).await
}

#[tokio::test]
async fn a_service_that_the_region_does_not_offer_is_named_and_nothing_is_written() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("not-offered").await?;
    offer(&site, "kms", json!({ "offered": false })).await?;
    let mark = site.last_call().await?;
    let network = site.network("tokyo").spec(&services(&["kms", "nonesuch"])).apply().await?;
    let says = [
        "the Region does not offer service 'kms' for Interface endpoints",
        "the Region does not offer service 'nonesuch' for Interface endpoints",
        "a service that is offered",
    ];
    is_refused_after(&site, mark, &network, Check::ServicesOffered, &says).await?;
    network.edit(services(&["sts"])).await?;
    network.until_ready().await?;
    assert_eq!(site.summary().await?, site.expected().with("sts").summary());

    // A network that stands is not taken down for it, and goes on when the wish is withdrawn.
    let mark = site.last_call().await?;
    network.edit(services(&["sts", "kms"])).await?;
    let object = is_refused_after(&site, mark, &network, Check::ServicesOffered, &says[..1]).await?;
    assert!(!message(&object, ConditionType::Ready)?.contains("sts"));
    assert_eq!(site.summary().await?, site.expected().with("sts").summary());
    network.edit(json!({ "endpoints": null })).await?;
    network.until_ready().await?;
    assert_eq!(site.summary().await?, site.expected().summary());
    close(&site).await
}

#[tokio::test]
async fn a_zone_without_a_further_service_is_named() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("zone-without-kms").await?;
    offer(&site, "kms", json!({ "zones": ["apne1-az4"] })).await?;
    let mark = site.last_call().await?;
    let network = site.network("tokyo").spec(&services(&["kms"])).apply().await?;
    let second = site.landing.subnet("endpoints-2")?;
    let says = ["service 'kms' is not offered in the zone of", second, "choose subnets in other zones"];
    is_refused_after(&site, mark, &network, Check::ServicesOffered, &says).await?;
    close(&site).await
}

#[tokio::test]
async fn a_service_of_post_launch_actions_that_is_asked_for_is_no_longer_done_without() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("asked").region("mx-central-1").await?;
    let mark = site.last_call().await?;
    let wish = json!({ "endpoints": [entry("ec2messages", "Interface", &json!({ "mode": "Managed" }))] });
    let network = site.network("tokyo").spec(&wish).apply().await?;
    let says = ["the Region does not offer service 'ec2messages'"];
    is_refused_after(&site, mark, &network, Check::ServicesOffered, &says).await?;
    network.edit(json!({ "endpoints": [entry("ec2messages", "Interface", &json!({ "mode": "Disabled" }))] })).await?;
    let ready = network.until_ready().await?;
    assert_eq!(site.summary().await?, site.expected().without("ec2messages").summary());
    assert_eq!(ready.status.context("no status")?.skipped_services, []);
    close(&site).await
}

#[tokio::test]
async fn single_services_of_post_launch_actions_are_turned_on_and_off_against_the_general_word() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("single").await?;
    let only_ssm = json!({ "endpoints": [entry("ssm", "Interface", &json!({ "mode": "Managed" }))] });
    let network = site.network("tokyo").without_ssm().spec(&only_ssm).apply().await?;
    network.until_ready().await?;
    assert_eq!(site.summary().await?, site.expected().without_ssm().with("ssm").summary());
    let not_ssm = entry("ssm", "Interface", &json!({ "mode": "Disabled" }));
    network.edit(json!({ "endpoints": [not_ssm], "postLaunch": null })).await?;
    network.until_ready().await?;
    assert_eq!(site.summary().await?, site.expected().without("ssm").summary());
    close(&site).await
}

#[tokio::test]
async fn a_network_of_nothing_but_a_resolver_needs_no_group_for_endpoints() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("hardly-any").await?;
    let all = ["mgn", "s3", "ec2", "ssm", "ssmmessages", "ec2messages"];
    let mut none: Vec<Value> = all.iter().map(|one| entry(one, "Interface", &json!({ "mode": "Disabled" }))).collect();
    let network = site.network("tokyo").spec(&json!({ "endpoints": none })).apply().await?;
    network.until_ready().await?;
    let nothing = || all.iter().fold(site.expected(), |expected, service| expected.without(service));
    assert_eq!(site.summary().await?, nothing().summary());
    none.push(entry("s3", "Gateway", &json!({ "mode": "Disabled" })));
    network.edit(json!({ "endpoints": none })).await?;
    let ready = network.until_ready().await?;
    assert_eq!(site.summary().await?, nothing().without_gateway().summary());
    assert_eq!(ready.status.and_then(|status| status.endpoints_available).as_deref(), Some("0/0"));
    network.edit(json!({ "endpoints": null })).await?;
    network.until_ready().await?;
    assert_eq!(site.summary().await?, site.expected().summary());
    network.edit(json!({ "endpoints": none })).await?;
    network.until_ready().await?;
    assert_eq!(site.summary().await?, nothing().without_gateway().summary(), "the group goes after its endpoints");
    close(&site).await
}

#[tokio::test]
async fn a_class_asks_for_further_services_for_all_its_networks() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("further-by-class").await?;
    site.edit_class(json!({ "defaults": services(&["kms", "sts"]) })).await?;
    let network = site.network("tokyo").spec(&services(&["secretsmanager"])).apply().await?;
    network.until_ready().await?;
    let all = site.expected().with("kms").with("sts").with("secretsmanager");
    assert_eq!(site.summary().await?, all.summary());
    // The class's word goes, and what was made for it.
    site.edit_class(json!({ "defaults": services(&["sts"]) })).await?;
    let what = "kms is gone";
    network.until(what, |network| endpoint_in_status(network, "kms", "Interface").is_none()).await?;
    network.until_ready().await?;
    let held: BTreeMap<String, String> = site.state().await?.slots();
    assert!(!held.contains_key("vpce/kms/Interface"), "{held:?}");
    assert_eq!(site.summary().await?, site.expected().with("sts").with("secretsmanager").summary());
    close(&site).await
}
