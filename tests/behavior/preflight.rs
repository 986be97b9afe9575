//! What is wrong with a VPC is said before anything is written, and is looked at again without anybody touching the object.

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

use support::waiting::{close, condition, goes_on, kstatus, listed, tag, untag, until_observed};

/// Applies a network, and expects that it stalls for what that check finds, saying all of that, before anything is written to
/// AWS.
async fn stalls<'s>(site: &'s Site, network: NetworkBuilder<'s>, check: Check, says: &[&str]) -> Result<Network<'s>> {
    let mark = site.last_call().await?;
    let network = network.apply().await?;
    says_why(&network, check, says).await?;
    until_observed(site, 1).await?;
    let object = network.get().await?;
    assert_eq!(kstatus(&object), "Failed");
    assert_eq!(object.finalizers(), [""; 0], "nothing is there to be deleted first");
    let status = object.status.context("no status")?;
    assert_eq!(status.claims, []);
    let writes = site.writes_after(mark).await?;
    assert!(writes.is_empty(), "{}", listed(&writes));
    Ok(network)
}

async fn says_why(network: &Network<'_>, check: Check, says: &[&str]) -> Result<()> {
    let Severity::Error(reason) = check.severity() else { bail!("{check} stops nothing") };
    let object = network.until_condition(ConditionType::NetworkResolved, ConditionStatus::False).await?;
    let (_, _, message) = condition(&object, ConditionType::NetworkResolved).context("no condition")?;
    for word in says.iter().copied().chain([format!("{check}: ").as_str()]) {
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

/// Expects that the network is built at the next look, although nobody has edited it.
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
async fn there_is_no_vpc_of_that_id() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("no-vpc-id").await?;
    let network = site.network("tokyo").with(vpc_by_id("vpc-0123456789abcdef0"));
    let says = ["`spec.vpc`", "no VPC with the id 'vpc-0123456789abcdef0'", "correct the selector"];
    stalls(&site, network, Check::VpcFound, &says).await?;
    close(&site).await
}

#[tokio::test]
async fn no_vpc_has_the_tags() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("no-vpc-tags").await?;
    tag(&site, &site.landing.vpc, "Name", "something-else").await?;
    let says = ["`spec.vpc`", "no VPC with the tags 'Name=migration-landing'", "tag the VPC"];
    let network = stalls(&site, site.network("tokyo"), Check::VpcFound, &says).await?;
    tag(&site, &site.landing.vpc, "Name", VPC_NAME).await?;
    is_built(&site, &network, site.expected()).await?;
    close(&site).await
}

#[tokio::test]
async fn two_vpcs_have_the_tags() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("two-vpcs").await?;
    let other = make_vpc(&site.aws, VPC_NAME).await?;
    let says = ["`spec.vpc` must match one VPC, but 2 have", &other, &site.landing.vpc, "use `id` or more tags"];
    let network = stalls(&site, site.network("tokyo"), Check::VpcIsOne, &says).await?;
    site.aws.ec2.delete_vpc().vpc_id(&other).send().await?;
    is_built(&site, &network, site.expected()).await?;
    close(&site).await
}

#[tokio::test]
async fn a_vpc_that_matches_in_place_of_the_one_in_use_is_refused() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("other-vpc").await?;
    let network = site.network("tokyo").apply().await?;
    network.until_ready().await?;
    tag(&site, &site.landing.vpc, "Name", "retired").await?;
    let other = make_vpc(&site.aws, VPC_NAME).await?;
    let mark = site.last_call().await?;
    says_why(&network, Check::VpcIsTheSame, &["`spec.vpc`", &site.landing.vpc, &other, "put the tags back"]).await?;
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
async fn there_is_no_subnet_of_that_id() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("no-subnet-id").await?;
    let there = site.landing.subnet("endpoints-1")?;
    let network = site.network("tokyo").with(endpoints_in([there, "subnet-0123456789abcdef0"]));
    let says = ["`spec.subnets.endpoints` must name subnets of the network's VPC", "subnet-0123456789abcdef0"];
    stalls(&site, network, Check::SubnetsFound, &says).await?;
    close(&site).await
}

#[tokio::test]
async fn no_subnet_has_the_tags() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("no-subnet-tags").await?;
    let staging = site.landing.subnet("staging-1")?;
    untag(&site, staging, SUBNET_TAG).await?;
    let says = ["`spec.subnets.staging`", "'mgnet-role=staging'", "correct the selector or tag the subnets"];
    let network = stalls(&site, site.network("tokyo"), Check::SubnetsFound, &says).await?;
    tag(&site, staging, SUBNET_TAG, "staging").await?;
    is_built(&site, &network, site.expected()).await?;
    close(&site).await
}

#[tokio::test]
async fn a_subnet_is_in_another_vpc() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("foreign-subnet").await?;
    let other = make_vpc(&site.aws, "another").await?;
    let made = site.aws.ec2.create_subnet().vpc_id(&other).cidr_block("10.20.1.0/24").send().await?;
    let subnet = made.subnet.and_then(|subnet| subnet.subnet_id).context("no id")?;
    let network = site.network("tokyo").with(endpoints_in([site.landing.subnet("endpoints-1")?, &subnet]));
    let says = ["`spec.subnets.endpoints` must name subnets of the network's VPC", &subnet];
    stalls(&site, network, Check::SubnetsInVpc, &says).await?;
    close(&site).await
}

#[tokio::test]
async fn dns_support_and_dns_hostnames_are_off() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("dns").await?;
    let ec2 = &site.aws.ec2;
    let turn = |on: bool| AttributeBooleanValue::builder().value(on).build();
    let change = || ec2.modify_vpc_attribute().vpc_id(&site.landing.vpc);
    change().enable_dns_hostnames(turn(false)).send().await?;
    change().enable_dns_support(turn(false)).send().await?;
    let says = [&site.landing.vpc, "enableDnsSupport and enableDnsHostnames", "enable with ModifyVpcAttribute"];
    let network = stalls(&site, site.network("tokyo"), Check::DnsAttributes, &says).await?;

    change().enable_dns_support(turn(true)).send().await?;
    let half = network
        .until("only one of them is said to be off", |network| {
            condition(network, ConditionType::Ready).is_some_and(|(.., said)| !said.contains("enableDnsSupport"))
        })
        .await?;
    let (_, reason, message) = condition(&half, ConditionType::NetworkResolved).context("no condition")?;
    assert_eq!(reason, "DNSSupportDisabled");
    assert!(message.contains("must have enableDnsHostnames enabled"), "{message}");

    change().enable_dns_hostnames(turn(true)).send().await?;
    is_built(&site, &network, site.expected()).await?;
    close(&site).await
}

#[tokio::test]
async fn only_dns_support_is_off() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("dns-support").await?;
    let turn = |on: bool| AttributeBooleanValue::builder().value(on).build();
    let change = || site.aws.ec2.modify_vpc_attribute().vpc_id(&site.landing.vpc);
    change().enable_dns_support(turn(false)).send().await?;
    let says = [&site.landing.vpc, "must have enableDnsSupport enabled"];
    let network = stalls(&site, site.network("tokyo"), Check::DnsAttributes, &says).await?;
    change().enable_dns_support(turn(true)).send().await?;
    is_built(&site, &network, site.expected()).await?;
    close(&site).await
}

#[tokio::test]
async fn the_endpoint_subnets_are_in_one_zone() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("one-zone").await?;
    let second = site.landing.subnet("endpoints-2")?;
    untag(&site, second, SUBNET_TAG).await?;
    let says = ["at least two zones", "is in apne1-az4 only", "add a subnet in another zone", "`spec.resolver.mode`"];
    let network = stalls(&site, site.network("tokyo"), Check::TwoZones, &says).await?;
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
async fn two_endpoint_subnets_are_in_one_zone() -> Result<()> {
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
    let says = ["must have one subnet per zone", &both, "are all in apne1-az4", "keep one of them"];
    let network = stalls(&site, network, Check::OneSubnetAZone, &says).await?;
    untag(&site, site.landing.subnet("launch-1")?, SUBNET_TAG).await?;
    is_built(&site, &network, site.expected().route_tables(["staging"])).await?;
    close(&site).await
}

/// Changes what the Region offers in the site's account.
async fn offer(site: &Site, service: &str, rule: Value) -> Result<()> {
    let services = json!({ format!("{}/{service}", site.region): rule });
    site.lab.world().change_options(&site.account, json!({ "services": services })).await
}

async fn is_blocked_without(service: &str, types: &[&str]) -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site(&format!("no-{service}")).await?;
    offer(&site, service, json!({ "offered": false })).await?;
    let mut says = vec!["or choose another Region".to_owned()];
    says.extend(
        types.iter().map(|type_| format!("the Region does not offer service '{service}' for {type_} endpoints")),
    );
    let says: Vec<&str> = says.iter().map(String::as_str).collect();
    stalls(&site, site.network("tokyo"), Check::ServicesOffered, &says).await?;
    close(&site).await
}

#[tokio::test]
async fn the_region_does_not_offer_mgn() -> Result<()> {
    is_blocked_without("mgn", &["Interface"]).await
}

#[tokio::test]
async fn the_region_does_not_offer_s3() -> Result<()> {
    is_blocked_without("s3", &["Interface", "Gateway"]).await
}

#[tokio::test]
async fn the_region_does_not_offer_ec2() -> Result<()> {
    is_blocked_without("ec2", &["Interface"]).await
}

#[tokio::test]
async fn a_zone_does_not_offer_mgn() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("zone-without-mgn").await?;
    offer(&site, "mgn", json!({ "zones": ["apne1-az4", "apne1-az2"] })).await?;
    let second = site.landing.subnet("endpoints-2")?;
    let zone = format!("{second} (apne1-az1, ap-northeast-1c)");
    let says = ["service 'mgn' is not offered in the zone of", &zone, "choose subnets in other zones"];
    let network = stalls(&site, site.network("tokyo"), Check::ServicesOffered, &says).await?;
    untag(&site, second, SUBNET_TAG).await?;
    site.landing.clone().add_subnet(&site.aws, Use::Endpoints, 3).await?;
    is_built(&site, &network, site.expected().subnets(["endpoints-1", "endpoints-3"])).await?;
    close(&site).await
}

async fn is_ready_without(site: &Site, service: &str, why: &str) -> Result<()> {
    let network = site.network("tokyo").apply().await?;
    let ready = network.until_ready().await?;
    assert_eq!(site.summary().await?, site.expected().without(service).summary());
    let status = ready.status.context("no status")?;
    assert_eq!(status.endpoints_available.as_deref(), Some("6/6"));
    let skipped = SkippedService { service: service.to_owned(), reason: why.to_owned() };
    assert_eq!(status.skipped_services, [skipped]);
    Ok(())
}

#[tokio::test]
async fn a_young_region_is_ready_without_ec2messages() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("mexico").region("mx-central-1").await?;
    let why = "the Region does not offer service 'ec2messages' for Interface endpoints";
    is_ready_without(&site, "ec2messages", why).await?;
    close(&site).await
}

#[tokio::test]
async fn a_network_is_ready_without_ssm_where_a_zone_lacks_it() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("zone-without-ssm").await?;
    offer(&site, "ssm", json!({ "zones": ["apne1-az4"] })).await?;
    let second = site.landing.subnet("endpoints-2")?;
    let why = format!("service 'ssm' is not offered in the zone of {second} (apne1-az1, ap-northeast-1c)");
    is_ready_without(&site, "ssm", &why).await?;
    close(&site).await
}

#[tokio::test]
async fn a_subnet_has_too_few_free_addresses() -> Result<()> {
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
    // AWS keeps five of the sixteen for itself; seven are needed.
    let mut taken = Vec::new();
    for _ in 0..5 {
        let made = ec2.create_network_interface().subnet_id(&small).send().await?;
        taken.push(made.network_interface.and_then(|made| made.network_interface_id).context("no id")?);
    }
    let says = [
        &small,
        "10.20.100.0/28",
        "must have 7 free addresses",
        "has 6",
        "free some or choose another subnet in `spec.subnets.endpoints`",
    ];
    let network = stalls(&site, site.network("tokyo"), Check::AddressesFree, &says).await?;
    ec2.delete_network_interface().network_interface_id(&taken[0]).send().await?;
    goes_on(&site, &network).await?;
    // A network that has its addresses does not ask for free ones.
    until_observed(&site, 1).await?;
    for interface in &taken[1..] {
        ec2.delete_network_interface().network_interface_id(interface).send().await?;
    }
    assert_eq!(site.summary().await?, site.expected().subnets(["endpoints-1", "small"]).summary());
    close(&site).await
}

#[tokio::test]
async fn all_that_is_wrong_is_said_at_once() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("all-wrong").await?;
    untag(&site, site.landing.subnet("endpoints-2")?, SUBNET_TAG).await?;
    let off = AttributeBooleanValue::builder().value(false).build();
    site.aws.ec2.modify_vpc_attribute().vpc_id(&site.landing.vpc).enable_dns_hostnames(off).send().await?;
    let says = ["must have enableDnsHostnames enabled", "at least two zones"];
    stalls(&site, site.network("tokyo"), Check::DnsAttributes, &says).await?;
    let both: BTreeMap<String, String> =
        [(SUBNET_TAG, "nobody"), ("Name", "nothing")].map(|(key, value)| (key.to_owned(), value.to_owned())).into();
    let network = site.network("osaka").with(|spec| {
        let none = || Some(SubnetSelector { tags: Some(both.clone()), ids: None });
        spec.subnets = Some(SubnetSelectors { endpoints: none(), staging: none(), launch: none() });
    });
    let says = [
        "`spec.subnets.endpoints`: no subnet",
        "`spec.subnets.staging`: no subnet",
        "`spec.subnets.launch`: no subnet",
        "'Name=nothing', 'mgnet-role=nobody'",
    ];
    stalls(&site, network, Check::SubnetsFound, &says).await?;
    close(&site).await
}
