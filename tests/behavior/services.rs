//! Endpoints of further services: requested by name, created, reported, deleted, and reported as missing where a Region
//! does not offer them.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use aws_sdk_ec2::types::Filter;
use mgnet::api::{ConditionType, Origin};
use mgnet::model::preflight::checks::Check;
use mgnet::model::slot::Service;
use serde_json::{Value, json};
use support::{Lab, Site};

use support::foreign::{endpoint_in_status, entry, is_refused_after, unwritten};
use support::waiting::{actions, close, held_epoch, listed, message, until_observed, without_outage};

fn services(all: &[&str]) -> Value {
    json!({ "endpoints": all.iter().map(|service| entry(service, "Interface", &json!({}))).collect::<Vec<_>>() })
}

async fn offer(site: &Site, service: &str, rule: Value) -> Result<()> {
    let services = json!({ format!("{}/{service}", site.region): rule });
    site.lab.control().change_options(&site.account, json!({ "services": services })).await
}

#[tokio::test]
async fn further_services_are_added_and_removed_beside_the_standard_services() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("further").await?;
    let network = site.network("tokyo").spec(&services(&["kms", "sts"])).apply().await?;
    let ready = network.until_ready().await?;
    assert_eq!(site.summary().await?, site.expected().with("kms").with("sts").summary());
    let status = ready.status.clone().context("no status")?;
    assert_eq!(status.endpoints_available.as_deref(), Some("9/9"));
    for service in ["kms", "sts"] {
        let reported = status.endpoints.iter().find(|one| one.service == service).context("it is not in the status")?;
        assert_eq!(reported.service_name, Some(format!("com.amazonaws.ap-northeast-1.{service}")));
        assert_eq!((reported.origin, reported.network_interfaces.len()), (Some(Origin::Created), 2));
        assert!(reported.private_dns_names.iter().any(|name| name.starts_with(service)), "{reported:?}");
        assert_eq!(held_epoch(&ready, &format!("vpce/{service}/Interface")), Some(1));
    }
    let mark = site.last_call().await?;
    until_observed(&site, 1).await?;
    unwritten(&site, mark).await?;

    let edited = without_outage(&site, async {
        network.edit(services(&["sts", "secretsmanager"])).await?;
        network.until_ready().await
    })
    .await?;
    assert_eq!(site.summary().await?, site.expected().with("sts").with("secretsmanager").summary());
    assert_eq!(endpoint_in_status(&edited, "kms", "Interface"), None);
    let writes = site.writes_after(mark).await?;
    let mut made = actions(&writes);
    made.sort_unstable();
    assert_eq!(made, ["CreateVpcEndpoint", "DeleteVpcEndpoints"], "{}", listed(&writes));
    network.edit(services(&["kms"])).await?;
    let ready = network.until_ready().await?;
    assert_eq!(held_epoch(&ready, "vpce/kms/Interface"), Some(2));
    network.edit(json!({ "endpoints": [entry("kms", "Interface", &json!({ "mode": "Disabled" }))] })).await?;
    network.until_ready().await?;
    assert_eq!(site.summary().await?, site.expected().summary());
    network.edit(services(&["kms"])).await?;
    network.until_ready().await?;
    network.delete_and_wait().await?;
    assert!(site.summary().await?.is_empty(), "endpoints that were requested by name are deleted, too");
    close(&site).await
}

#[tokio::test]
async fn a_service_that_the_region_does_not_offer_is_named_and_nothing_is_written() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("not-offered").await?;
    offer(&site, "kms", json!({ "offered": false })).await?;
    let mark = site.last_call().await?;
    let network = site.network("tokyo").spec(&services(&["kms", "nonesuch"])).apply().await?;
    let words = [
        "the Region does not offer service 'kms' for Interface endpoints",
        "the Region does not offer service 'nonesuch' for Interface endpoints",
        "a service that is offered",
    ];
    is_refused_after(&site, mark, &network, Check::ServicesOffered, &words).await?;
    network.edit(services(&["sts"])).await?;
    network.until_ready().await?;
    assert_eq!(site.summary().await?, site.expected().with("sts").summary());

    // A network that is built keeps its endpoints, and continues when the request is withdrawn.
    let mark = site.last_call().await?;
    network.edit(services(&["sts", "kms"])).await?;
    let object = is_refused_after(&site, mark, &network, Check::ServicesOffered, &words[..1]).await?;
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
    let words = ["service 'kms' is not offered in the zone of", second, "choose subnets in other zones"];
    is_refused_after(&site, mark, &network, Check::ServicesOffered, &words).await?;
    close(&site).await
}

#[tokio::test]
async fn a_service_of_post_launch_actions_is_not_skipped_if_it_is_requested_by_name() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("asked").region("mx-central-1").await?;
    let mark = site.last_call().await?;
    let request = json!({ "endpoints": [entry("ec2messages", "Interface", &json!({ "mode": "Managed" }))] });
    let network = site.network("tokyo").spec(&request).apply().await?;
    let words = ["the Region does not offer service 'ec2messages'"];
    is_refused_after(&site, mark, &network, Check::ServicesOffered, &words).await?;
    network.edit(json!({ "endpoints": [entry("ec2messages", "Interface", &json!({ "mode": "Disabled" }))] })).await?;
    let ready = network.until_ready().await?;
    assert_eq!(site.summary().await?, site.expected().without("ec2messages").summary());
    assert_eq!(ready.status.context("no status")?.skipped_services, []);
    close(&site).await
}

#[tokio::test]
async fn entries_for_single_services_override_the_setting_for_post_launch_actions() -> Result<()> {
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
async fn a_network_with_only_a_resolver_has_no_security_group_for_endpoints() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("hardly-any").await?;
    site.landing.route_out(&site.aws).await?;
    let all = ["mgn", "s3", "ec2", "ssm", "ssmmessages", "ec2messages"];
    let mut none: Vec<Value> = all.iter().map(|one| entry(one, "Interface", &json!({ "mode": "Disabled" }))).collect();
    let network = site.network("tokyo").spec(&json!({ "endpoints": none })).apply().await?;
    network.until_ready().await?;
    let no_interfaces = || all.iter().fold(site.expected(), |expected, service| expected.without(service));
    assert_eq!(site.summary().await?, no_interfaces().summary());
    none.push(entry("s3", "Gateway", &json!({ "mode": "Disabled" })));
    network.edit(json!({ "endpoints": none })).await?;
    let ready = network.until_ready().await?;
    assert_eq!(site.summary().await?, no_interfaces().without_gateway().summary());
    assert_eq!(ready.status.and_then(|status| status.endpoints_available).as_deref(), Some("0/0"));
    network.edit(json!({ "endpoints": null })).await?;
    network.until_ready().await?;
    assert_eq!(site.summary().await?, site.expected().summary());
    network.edit(json!({ "endpoints": none })).await?;
    network.until_ready().await?;
    assert_eq!(site.summary().await?, no_interfaces().without_gateway().summary(), "the group is deleted, too");
    close(&site).await
}

#[tokio::test]
async fn a_class_requests_further_services_for_all_its_networks() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("further-by-class").await?;
    site.edit_class(json!({ "defaults": services(&["kms", "sts"]) })).await?;
    let network = site.network("tokyo").spec(&services(&["secretsmanager"])).apply().await?;
    network.until_ready().await?;
    let all = site.expected().with("kms").with("sts").with("secretsmanager");
    assert_eq!(site.summary().await?, all.summary());
    // The class no longer requests a service, and its endpoints are deleted.
    site.edit_class(json!({ "defaults": services(&["sts"]) })).await?;
    let what = "the endpoint of kms is deleted";
    network.until(what, |network| endpoint_in_status(network, "kms", "Interface").is_none()).await?;
    network.until_ready().await?;
    let held: BTreeMap<String, String> = site.state().await?.slots();
    assert!(!held.contains_key("vpce/kms/Interface"), "{held:?}");
    assert_eq!(site.summary().await?, site.expected().with("sts").with("secretsmanager").summary());
    close(&site).await
}

/// The most entries that `spec.endpoints` may have, all of them further services.
const MOST_SERVICES: usize = 24;

/// The short names of all services with an interface endpoint and private names, without the standard ones.
async fn further_services(site: &Site) -> Result<Vec<String>> {
    let filter = Filter::builder().name("service-type").values("Interface").build();
    let offers = site.aws.ec2.describe_vpc_endpoint_services().filters(filter).max_results(1000).send().await?;
    let with_names = offers.service_details().iter().filter(|offer| offer.private_dns_name().is_some());
    let names = with_names.filter_map(|offer| offer.service_name()?.rsplit('.').next());
    let standard = Service::STANDARD.map(|service| service.to_string());
    // Private DNS is not possible for DynamoDB, which has gateway endpoints, too.
    let is_further = |name: &String| !standard.contains(name) && name != "dynamodb";
    Ok(names.map(str::to_owned).filter(is_further).collect())
}

#[tokio::test]
async fn the_largest_number_of_services_can_be_created_replaced_and_deleted() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("largest").await?;
    let options = json!({ "throttling": false, "delays": emulator::world::options::Delays::none() });
    lab.control().change_options(&site.account, options).await?;
    let mut further = further_services(&site).await?;
    let second = further.split_off(MOST_SERVICES);
    let (first, second): (Vec<&str>, Vec<&str>) =
        (further.iter().map(String::as_str).collect(), second.iter().map(String::as_str).take(MOST_SERVICES).collect());
    assert_eq!((first.len(), second.len()), (MOST_SERVICES, MOST_SERVICES));

    let network = site.network("tokyo").spec(&services(&first)).apply().await?;
    network.until_ready().await?;
    network.edit(services(&second)).await?;
    let ready = network.until_ready().await?;
    let status = ready.status.context("no status")?;
    assert_eq!(status.endpoints_available.as_deref(), Some("31/31"));
    assert!(
        status.claims.len() > 32,
        "each slot has a claim, also after its resource is gone: {}",
        status.claims.len()
    );
    network.delete_and_wait().await?;
    assert!(site.summary().await?.is_empty());
    close(&site).await
}

#[tokio::test]
async fn private_dns_needs_a_service_with_private_names_and_without_gateway_endpoints() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("no-names").await?;
    offer(&site, "kms", json!({ "private_dns": false })).await?;
    let mark = site.last_call().await?;
    let network = site.network("tokyo").spec(&services(&["kms", "dynamodb"])).apply().await?;
    let words = [
        "service 'kms' has no private DNS names; set `spec.endpoints[kms/Interface].privateDNS` to 'Disabled'",
        "service 'dynamodb' also has gateway endpoints",
    ];
    is_refused_after(&site, mark, &network, Check::ServicesOffered, &words).await?;
    let without = |service: &str| entry(service, "Interface", &json!({ "privateDNS": "Disabled" }));
    network.edit(json!({ "endpoints": [without("kms"), without("dynamodb")] })).await?;
    network.until_ready().await?;
    let expected = site.expected().with("kms").with("dynamodb");
    assert_eq!(site.summary().await?, expected.private_dns("kms", "off").private_dns("dynamodb", "off").summary());
    let mark = site.last_call().await?;
    until_observed(&site, 2).await?;
    unwritten(&site, mark).await?;
    close(&site).await
}
