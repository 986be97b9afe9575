//! The preflight reports every problem of a VPC before the first write, and is repeated without an edit of the object.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use aws_sdk_ec2::types::AttributeBooleanValue;
use kube::ResourceExt;
use mgnet::api::{
    ConditionStatus, ConditionType, MigrationNetworkSpec, SkippedService, SubnetSelector, SubnetSelectors, VpcSelector,
};
use mgnet::model::preflight::checks::{Check, Severity};
use serde_json::{Value, json};
use support::{Expected, Lab, Network, NetworkBuilder, SUBNET_TAG, Site, Use, VPC_NAME, make_vpc};

use crate::checks::until_warning;
use support::waiting::{close, condition, goes_on, kstatus, listed, tag, untag, until_observed};

/// Applies a network, and expects that it stalls because of the check, with a message that contains the words, before
/// anything is written to AWS.
async fn stalls<'s>(site: &'s Site, network: NetworkBuilder<'s>, check: Check, words: &[&str]) -> Result<Network<'s>> {
    let mark = site.last_call().await?;
    let network = network.apply().await?;
    expect_finding(&network, check, words).await?;
    until_observed(site, 1).await?;
    let object = network.get().await?;
    assert_eq!(kstatus(&object), "Failed");
    assert_eq!(object.finalizers(), [""; 0], "nothing exists that has to be deleted first");
    let status = object.status.context("no status")?;
    assert_eq!(status.claims, []);
    let writes = site.writes_after(mark).await?;
    assert!(writes.is_empty(), "{}", listed(&writes));
    Ok(network)
}

async fn expect_finding(network: &Network<'_>, check: Check, words: &[&str]) -> Result<()> {
    let Severity::Error(reason) = check.severity() else { bail!("{check} is not an error") };
    let object = network.until_condition(ConditionType::NetworkResolved, ConditionStatus::False).await?;
    let (_, _, message) = condition(&object, ConditionType::NetworkResolved).context("no condition")?;
    for word in words.iter().copied().chain([format!("{check}: ").as_str()]) {
        assert!(message.contains(word), "'{word}' is not in: {message}");
    }
    for (type_, status) in
        [(ConditionType::Ready, "False"), (ConditionType::NetworkResolved, "False"), (ConditionType::Stalled, "True")]
    {
        assert_eq!(condition(&object, type_), Some((status, reason.as_str(), message)), "{type_}");
    }
    assert_eq!(condition(&object, ConditionType::Accepted).map(|(status, ..)| status), Some("True"));
    assert_eq!(condition(&object, ConditionType::Reconciling), None);
    Ok(())
}

/// Expects that the network is built at the next observation, without an edit of its spec.
async fn is_built(site: &Site, network: &Network<'_>, expected: Expected) -> Result<()> {
    let ready = goes_on(site, network).await?;
    assert_eq!(ready.metadata.generation, Some(1));
    assert_eq!(site.summary().await?, expected.summary());
    Ok(())
}

fn vpc_by_id(id: &str) -> impl FnOnce(&mut MigrationNetworkSpec) {
    move |spec| spec.vpc = Some(VpcSelector { id: Some(id.to_owned()), tags: None })
}

fn endpoints_in<const N: usize>(ids: [&str; N]) -> impl FnOnce(&mut MigrationNetworkSpec) {
    let ids = Some(ids.map(str::to_owned).into());
    move |spec| {
        let endpoints = Some(SubnetSelector { ids, tags: None });
        spec.subnets = Some(SubnetSelectors { endpoints, ..SubnetSelectors::default() });
    }
}

#[tokio::test]
async fn an_unknown_vpc_id_is_reported() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("no-vpc-id").await?;
    let network = site.network("tokyo").with(vpc_by_id("vpc-0123456789abcdef0"));
    let words = ["`spec.vpc`", "no VPC with the id 'vpc-0123456789abcdef0'", "correct the selector"];
    stalls(&site, network, Check::VpcFound, &words).await?;
    close(&site).await
}

#[tokio::test]
async fn vpc_tags_without_a_match_are_reported() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("no-vpc-tags").await?;
    tag(&site, &site.landing.vpc, "Name", "something-else").await?;
    let words = ["`spec.vpc`", "no VPC with the tags 'Name=migration-landing'", "tag the VPC"];
    let network = stalls(&site, site.network("tokyo"), Check::VpcFound, &words).await?;
    tag(&site, &site.landing.vpc, "Name", VPC_NAME).await?;
    is_built(&site, &network, site.expected()).await?;
    close(&site).await
}

#[tokio::test]
async fn vpc_tags_with_two_matches_are_reported() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("two-vpcs").await?;
    let other = make_vpc(&site.aws, VPC_NAME).await?;
    let words = ["`spec.vpc` must match one VPC, but 2 have", &other, &site.landing.vpc, "use `id` or more tags"];
    let network = stalls(&site, site.network("tokyo"), Check::VpcIsOne, &words).await?;
    site.aws.ec2.delete_vpc().vpc_id(&other).send().await?;
    is_built(&site, &network, site.expected()).await?;
    close(&site).await
}

#[tokio::test]
async fn another_vpc_that_matches_instead_of_the_one_in_use_is_refused() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("other-vpc").await?;
    let network = site.network("tokyo").apply().await?;
    network.until_ready().await?;
    tag(&site, &site.landing.vpc, "Name", "retired").await?;
    let other = make_vpc(&site.aws, VPC_NAME).await?;
    let mark = site.last_call().await?;
    let words = ["`spec.vpc`", &site.landing.vpc, &other, "put the tags back"];
    expect_finding(&network, Check::VpcIsTheSame, &words).await?;
    until_observed(&site, 1).await?;
    let writes = site.writes_after(mark).await?;
    assert!(writes.is_empty(), "{}", listed(&writes));
    assert_eq!(site.summary().await?, site.expected().summary());

    tag(&site, &other, "Name", "retired").await?;
    tag(&site, &site.landing.vpc, "Name", VPC_NAME).await?;
    network.until_ready().await?;
    assert_eq!(site.summary().await?, site.expected().summary());
    close(&site).await
}

#[tokio::test]
async fn an_unknown_subnet_id_is_reported() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("no-subnet-id").await?;
    let known = site.landing.subnet("endpoints-1")?;
    let network = site.network("tokyo").with(endpoints_in([known, "subnet-0123456789abcdef0"]));
    let words = ["`spec.subnets.endpoints` must name subnets of the network's VPC", "subnet-0123456789abcdef0"];
    stalls(&site, network, Check::SubnetsFound, &words).await?;
    close(&site).await
}

#[tokio::test]
async fn subnet_tags_without_a_match_are_reported() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("no-subnet-tags").await?;
    let staging = site.landing.subnet("staging-1")?;
    untag(&site, staging, SUBNET_TAG).await?;
    let words = ["`spec.subnets.staging`", "'mgnet-role=staging'", "correct the selector or tag the subnets"];
    let network = stalls(&site, site.network("tokyo"), Check::SubnetsFound, &words).await?;
    tag(&site, staging, SUBNET_TAG, "staging").await?;
    is_built(&site, &network, site.expected()).await?;
    close(&site).await
}

#[tokio::test]
async fn a_subnet_of_another_vpc_is_reported() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("foreign-subnet").await?;
    let other = make_vpc(&site.aws, "another").await?;
    let made = site.aws.ec2.create_subnet().vpc_id(&other).cidr_block("10.20.1.0/24").send().await?;
    let subnet = made.subnet.and_then(|subnet| subnet.subnet_id).context("no id")?;
    let network = site.network("tokyo").with(endpoints_in([site.landing.subnet("endpoints-1")?, &subnet]));
    let words = ["`spec.subnets.endpoints` must name subnets of the network's VPC", &subnet];
    stalls(&site, network, Check::SubnetsInVpc, &words).await?;
    close(&site).await
}

#[tokio::test]
async fn disabled_dns_support_and_dns_hostnames_are_reported() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("dns").await?;
    let ec2 = &site.aws.ec2;
    let attribute = |on: bool| AttributeBooleanValue::builder().value(on).build();
    let change = || ec2.modify_vpc_attribute().vpc_id(&site.landing.vpc);
    change().enable_dns_hostnames(attribute(false)).send().await?;
    change().enable_dns_support(attribute(false)).send().await?;
    let words = [&site.landing.vpc, "enableDnsSupport and enableDnsHostnames", "enable with ModifyVpcAttribute"];
    let network = stalls(&site, site.network("tokyo"), Check::DnsAttributes, &words).await?;

    change().enable_dns_support(attribute(true)).send().await?;
    let waiting = network
        .until("only one attribute is reported as disabled", |network| {
            condition(network, ConditionType::Ready).is_some_and(|(.., message)| !message.contains("enableDnsSupport"))
        })
        .await?;
    let (_, reason, message) = condition(&waiting, ConditionType::NetworkResolved).context("no condition")?;
    assert_eq!(reason, "DNSSupportDisabled");
    assert!(message.contains("must have enableDnsHostnames enabled"), "{message}");

    change().enable_dns_hostnames(attribute(true)).send().await?;
    is_built(&site, &network, site.expected()).await?;
    close(&site).await
}

#[tokio::test]
async fn disabled_dns_support_alone_is_reported() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("dns-support").await?;
    let attribute = |on: bool| AttributeBooleanValue::builder().value(on).build();
    let change = || site.aws.ec2.modify_vpc_attribute().vpc_id(&site.landing.vpc);
    change().enable_dns_support(attribute(false)).send().await?;
    let words = [&site.landing.vpc, "must have enableDnsSupport enabled"];
    let network = stalls(&site, site.network("tokyo"), Check::DnsAttributes, &words).await?;
    change().enable_dns_support(attribute(true)).send().await?;
    is_built(&site, &network, site.expected()).await?;
    close(&site).await
}

#[tokio::test]
async fn endpoint_subnets_in_one_zone_only_are_reported() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("one-zone").await?;
    let second = site.landing.subnet("endpoints-2")?;
    untag(&site, second, SUBNET_TAG).await?;
    let words = ["at least two zones", "is in apne1-az4 only", "add a subnet in another zone", "`spec.resolver.mode`"];
    let network = stalls(&site, site.network("tokyo"), Check::TwoZones, &words).await?;
    tag(&site, second, SUBNET_TAG, "endpoints").await?;
    is_built(&site, &network, site.expected()).await?;
    close(&site).await
}

#[tokio::test]
async fn one_zone_is_enough_without_a_resolver() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("one-zone-hosts").await?;
    untag(&site, site.landing.subnet("endpoints-2")?, SUBNET_TAG).await?;
    let network = site.network("tokyo").without_resolver().apply().await?;
    network.until_ready().await?;
    assert_eq!(site.summary().await?, site.expected().without_resolver().subnets(["endpoints-1"]).summary());
    close(&site).await
}

#[tokio::test]
async fn two_endpoint_subnets_in_the_same_zone_are_reported() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("crowded-zone").await?;
    let (staging, first) = (site.landing.subnet("staging-1")?, site.landing.subnet("endpoints-1")?);
    let mut same_zone = [site.landing.subnet("launch-1")?, first];
    same_zone.sort_unstable();
    tag(&site, site.landing.subnet("launch-1")?, SUBNET_TAG, "endpoints").await?;
    let network = site.network("tokyo").with(|spec| {
        let launch = Some(SubnetSelector { ids: Some(vec![staging.to_owned()]), tags: None });
        spec.subnets = Some(SubnetSelectors { launch, ..SubnetSelectors::default() });
    });
    let both = same_zone.join(", ");
    let words = ["must have one subnet per zone", &both, "are all in apne1-az4", "keep one of them"];
    let network = stalls(&site, network, Check::OneSubnetAZone, &words).await?;
    untag(&site, site.landing.subnet("launch-1")?, SUBNET_TAG).await?;
    is_built(&site, &network, site.expected().route_tables(["staging"])).await?;
    close(&site).await
}

/// Changes how the Region offers a service, in the site's account.
async fn offer(site: &Site, service: &str, rule: Value) -> Result<()> {
    let services = json!({ format!("{}/{service}", site.region): rule });
    site.lab.control().change_options(&site.account, json!({ "services": services })).await
}

async fn is_blocked_without(service: &str, types: &[&str]) -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site(&format!("no-{service}")).await?;
    offer(&site, service, json!({ "offered": false })).await?;
    let mut words = vec!["or choose another Region".to_owned()];
    words.extend(
        types.iter().map(|type_| format!("the Region does not offer service '{service}' for {type_} endpoints")),
    );
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    stalls(&site, site.network("tokyo"), Check::ServicesOffered, &words).await?;
    close(&site).await
}

#[tokio::test]
async fn a_region_without_mgn_is_reported() -> Result<()> {
    is_blocked_without("mgn", &["Interface"]).await
}

#[tokio::test]
async fn a_region_without_s3_is_reported() -> Result<()> {
    is_blocked_without("s3", &["Interface", "Gateway"]).await
}

#[tokio::test]
async fn a_region_without_ec2_is_reported() -> Result<()> {
    is_blocked_without("ec2", &["Interface"]).await
}

#[tokio::test]
async fn a_zone_without_mgn_is_reported() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("zone-without-mgn").await?;
    offer(&site, "mgn", json!({ "zones": ["apne1-az4", "apne1-az2"] })).await?;
    let second = site.landing.subnet("endpoints-2")?;
    let zone = format!("{second} (apne1-az1, ap-northeast-1c)");
    let words = ["service 'mgn' is not offered in the zone of", &zone, "choose subnets in other zones"];
    let network = stalls(&site, site.network("tokyo"), Check::ServicesOffered, &words).await?;
    untag(&site, second, SUBNET_TAG).await?;
    site.landing.clone().add_subnet(&site.aws, Use::Endpoints, 3).await?;
    is_built(&site, &network, site.expected().subnets(["endpoints-1", "endpoints-3"])).await?;
    close(&site).await
}

async fn is_ready_without(site: &Site, service: &str, reason: &str) -> Result<()> {
    let network = site.network("tokyo").apply().await?;
    let ready = network.until_ready().await?;
    assert_eq!(site.summary().await?, site.expected().without(service).summary());
    let status = ready.status.context("no status")?;
    assert_eq!(status.endpoints_available.as_deref(), Some("6/6"));
    let skipped = SkippedService { service: service.to_owned(), reason: reason.to_owned() };
    assert_eq!(status.skipped_services, [skipped]);
    Ok(())
}

#[tokio::test]
async fn a_network_in_a_new_region_is_ready_without_ec2messages() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("mexico").region("mx-central-1").await?;
    let reason = "the Region does not offer service 'ec2messages' for Interface endpoints";
    is_ready_without(&site, "ec2messages", reason).await?;
    close(&site).await
}

#[tokio::test]
async fn a_network_is_ready_without_ssm_if_a_zone_does_not_offer_it() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("zone-without-ssm").await?;
    offer(&site, "ssm", json!({ "zones": ["apne1-az4"] })).await?;
    let second = site.landing.subnet("endpoints-2")?;
    let reason = format!("service 'ssm' is not offered in the zone of {second} (apne1-az1, ap-northeast-1c)");
    is_ready_without(&site, "ssm", &reason).await?;
    close(&site).await
}

#[tokio::test]
async fn an_endpoint_stays_when_a_subnet_is_added_in_a_zone_that_does_not_offer_its_service() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("later-without-mgn").await?;
    let zones = json!({ "zones": ["apne1-az4", "apne1-az1"] });
    let services = ["mgn", "ssm"].map(|service| (format!("{}/{service}", site.region), zones.clone()));
    let services: Value = services.into_iter().collect();
    site.lab.control().change_options(&site.account, json!({ "services": services })).await?;
    let network = site.network("tokyo").apply().await?;
    network.until_ready().await?;
    let before = site.state().await?;
    site.landing.clone().add_subnet(&site.aws, Use::Endpoints, 3).await?;
    let words = ["service 'mgn' is not offered in the zone of", "stays, but is not changed any more"];
    until_warning(&site, &network, Check::ServicesStillOffered, &words).await?;
    network.edit(json!({ "tags": { "wave": "3" } })).await?;
    let ready = network.until_ready().await?;
    assert_eq!(ready.status.context("no status")?.endpoints_available.as_deref(), Some("7/7"));
    let after = site.state().await?;
    for service in ["mgn", "ssm"] {
        let (was, is) = (before.endpoint(service, "Interface"), after.endpoint(service, "Interface"));
        assert_eq!(was.map(|one| (&one.id, &one.subnets)), is.map(|one| (&one.id, &one.subnets)), "{service}");
    }
    let ec2 = after.endpoint("ec2", "Interface").context("no endpoint")?;
    assert_eq!(ec2.subnets.len(), 3, "the other endpoints get the subnet");
    network.delete_and_wait().await?;
    assert!(site.state().await?.is_clean());
    close(&site).await
}

#[tokio::test]
async fn a_subnet_with_too_few_free_addresses_is_reported() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("full").await?;
    let ec2 = &site.aws.ec2;
    untag(&site, site.landing.subnet("endpoints-2")?, SUBNET_TAG).await?;
    let made = ec2
        .create_subnet()
        .vpc_id(&site.landing.vpc)
        .availability_zone(&site.landing.zones[1])
        .cidr_block("10.20.100.0/28")
        .send()
        .await?;
    let small = made.subnet.and_then(|subnet| subnet.subnet_id).context("no id")?;
    tag(&site, &small, "Name", "small").await?;
    tag(&site, &small, SUBNET_TAG, "endpoints").await?;
    // AWS reserves five of the sixteen addresses, and the network needs seven.
    let mut interfaces = Vec::new();
    for _ in 0..5 {
        let made = ec2.create_network_interface().subnet_id(&small).send().await?;
        interfaces.push(made.network_interface.and_then(|made| made.network_interface_id).context("no id")?);
    }
    let words = [
        &small,
        "10.20.100.0/28",
        "must have 7 free addresses",
        "has 6",
        "free some or choose another subnet in `spec.subnets.endpoints`",
    ];
    let network = stalls(&site, site.network("tokyo"), Check::AddressesFree, &words).await?;
    ec2.delete_network_interface().network_interface_id(&interfaces[0]).send().await?;
    goes_on(&site, &network).await?;
    // A network that already has its addresses needs no free ones.
    until_observed(&site, 1).await?;
    for interface in &interfaces[1..] {
        ec2.delete_network_interface().network_interface_id(interface).send().await?;
    }
    assert_eq!(site.summary().await?, site.expected().subnets(["endpoints-1", "small"]).summary());
    close(&site).await
}

#[tokio::test]
async fn all_findings_are_reported_at_once() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("all-wrong").await?;
    untag(&site, site.landing.subnet("endpoints-2")?, SUBNET_TAG).await?;
    let off = AttributeBooleanValue::builder().value(false).build();
    site.aws.ec2.modify_vpc_attribute().vpc_id(&site.landing.vpc).enable_dns_hostnames(off).send().await?;
    let words = ["must have enableDnsHostnames enabled", "at least two zones"];
    stalls(&site, site.network("tokyo"), Check::DnsAttributes, &words).await?;
    let both: BTreeMap<String, String> =
        [(SUBNET_TAG, "nobody"), ("Name", "nothing")].map(|(key, value)| (key.to_owned(), value.to_owned())).into();
    let network = site.network("osaka").with(|spec| {
        let none = || Some(SubnetSelector { tags: Some(both.clone()), ids: None });
        spec.subnets = Some(SubnetSelectors { endpoints: none(), staging: none(), launch: none() });
    });
    let words = [
        "`spec.subnets.endpoints`: no subnet",
        "`spec.subnets.staging`: no subnet",
        "`spec.subnets.launch`: no subnet",
        "'Name=nothing', 'mgnet-role=nobody'",
    ];
    stalls(&site, network, Check::SubnetsFound, &words).await?;
    close(&site).await
}
