//! The preflight checks, except those of the selectors, which are in `preflight.rs`. Each test creates the problem, and
//! verifies that the message describes it, that nothing is written, and that the next observation detects a fix that
//! was made in AWS only.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use aws_sdk_ec2::types::{
    AttributeBooleanValue, NewDhcpConfiguration, PortRange, RuleAction, Tenancy, VpcEndpointType,
};
use aws_sdk_route53::types::{HostedZoneConfig, Vpc, VpcRegion};
use mgnet::model::preflight::checks::{Check, Severity};
use serde_json::{Value, json};
use support::{Lab, Landing, Network, PREMISES, Site, VPC_CIDR, make_vpc, route_to_premises};

use support::foreign::{
    DNS, HTTPS, delete_endpoint, delete_resolver, gateway, group, interface, is_refused_after, resolver,
};
use support::waiting::{close, events, goes_on, until};

/// Every check is named in the test that triggers it.
#[test]
fn every_check_has_a_test_that_triggers_it() {
    let tests = [
        include_str!("preflight.rs"),
        include_str!("checks.rs"),
        include_str!("existing.rs"),
        include_str!("addresses.rs"),
        include_str!("adoption.rs"),
        include_str!("policies.rs"),
        include_str!("ready_means_ready.rs"),
        include_str!("transfer.rs"),
    ];
    let is_triggered = |check: &Check| tests.iter().any(|text| text.contains(&format!("Check::{check:?},")));
    let untested: Vec<Check> = Check::ALL.iter().copied().filter(|check| !is_triggered(check)).collect();
    // Every VPC of AWS has a main route table, which cannot be deleted.
    assert_eq!(untested, [Check::SubnetsRouted]);
}

/// Waits until status lists a warning of the check with all these words, and an event reports it.
pub(crate) async fn until_warning(site: &Site, network: &Network<'_>, check: Check, words: &[&str]) -> Result<()> {
    assert_eq!(check.severity(), Severity::Warning);
    network
        .until(&format!("status has a warning of {check} with the words {words:?}"), |network| {
            network
                .status
                .iter()
                .flat_map(|status| &status.preflight_warnings)
                .any(|warning| warning.code == check.code() && words.iter().all(|word| warning.message.contains(word)))
        })
        .await?;
    until(&format!("an event reports {check}"), async || {
        let notes: Vec<String> = events(site)
            .await?
            .into_iter()
            .filter(|event| event.reason.as_deref() == Some("PreflightWarning"))
            .filter_map(|event| event.note)
            .collect();
        let prefix = format!("{check}: ");
        let found = notes.iter().any(|note| note.starts_with(&prefix) && words.iter().all(|word| note.contains(word)));
        Ok(if found { Ok(()) } else { Err(format!("{notes:?}")) })
    })
    .await
}

async fn until_no_warning(network: &Network<'_>, check: Check) -> Result<()> {
    network
        .until(&format!("status has no warning of {check}"), |network| {
            let current = network.status.as_ref().map(|status| status.observed_generation);
            current == network.metadata.generation && count_warnings(network, check) == 0
        })
        .await?;
    Ok(())
}

fn count_warnings(network: &mgnet::api::MigrationNetwork, check: Check) -> usize {
    let listed = network.status.iter().flat_map(|status| &status.preflight_warnings);
    listed.filter(|warning| warning.code == check.code()).count()
}

/// Changes a tag in the spec. The operator reads what rarely changes in AWS after each change of the spec, and
/// otherwise every ten minutes.
async fn trigger_full_read(network: &Network<'_>) -> Result<()> {
    network.edit(json!({ "tags": { "looked": "anew" } })).await?;
    Ok(())
}

/// Applies a network, and checks that it is refused and that nothing is written.
async fn apply_refused<'s>(site: &'s Site, spec: &Value, check: Check, words: &[&str]) -> Result<Network<'s>> {
    let mark = site.last_call().await?;
    let network = site.network("tokyo").spec(spec).apply().await?;
    let object = is_refused_after(site, mark, &network, check, words).await?;
    assert_eq!(object.metadata.finalizers, None, "a network without resources has no finalizer");
    Ok(network)
}

/// Fails unless AWS contains the resources of the network and the foreign resources, and nothing else.
async fn check_built_beside_foreign(site: &Site) -> Result<()> {
    let now = site.summary().await?;
    assert_eq!(now, site.expected().beside(&now.foreign()).summary());
    Ok(())
}

#[tokio::test]
async fn a_foreign_endpoint_with_the_private_names_blocks_the_network() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("names-taken").await?;
    let https = group(&site, "corp-https", HTTPS, &[]).await?;
    let other = interface(&site, "mgn", true, &https, &[]).await?;
    let words = ["vpce/mgn/Interface", &other, "`mode` 'Existing'", "`spec.adoptionPolicy` 'Any'", "ModifyVpcEndpoint"];
    let network = apply_refused(&site, &json!({}), Check::PrivateDnsFree, &words).await?;
    let request = site.aws.ec2.modify_vpc_endpoint().vpc_endpoint_id(&other).private_dns_enabled(false);
    request.send().await?;
    goes_on(&site, &network).await?;
    check_built_beside_foreign(&site).await?;
    close(&site).await
}

#[tokio::test]
async fn a_hosted_zone_with_a_private_name_blocks_the_network() -> Result<()> {
    let lab = Lab::shared().await?;
    let (site, hub) = (lab.site("zone").await?, lab.site("hub").await?);
    let name = format!("mgn.{}.amazonaws.com", site.region);
    let vpc = |id: &str| Vpc::builder().vpc_id(id).vpc_region(VpcRegion::from(site.region.as_str())).build();
    let made = hub
        .aws
        .route53
        .create_hosted_zone()
        .name(&name)
        .caller_reference("central endpoints")
        .vpc(vpc(&hub.landing.vpc))
        .hosted_zone_config(HostedZoneConfig::builder().private_zone(true).build())
        .send()
        .await?;
    let zone = made.hosted_zone.context("no zone")?.id;
    hub.aws
        .route53
        .create_vpc_association_authorization()
        .hosted_zone_id(&zone)
        .vpc(vpc(&site.landing.vpc))
        .send()
        .await?;
    site.aws.route53.associate_vpc_with_hosted_zone().hosted_zone_id(&zone).vpc(vpc(&site.landing.vpc)).send().await?;
    let words = ["vpce/mgn/Interface", &hub.account, &name, "DisassociateVPCFromHostedZone"];
    let network = apply_refused(&site, &json!({}), Check::HostedZonesApart, &words).await?;
    let request = site.aws.route53.disassociate_vpc_from_hosted_zone().hosted_zone_id(&zone);
    request.vpc(vpc(&site.landing.vpc)).send().await?;
    goes_on(&site, &network).await?;
    check_built_beside_foreign(&site).await?;
    // The hosted zones in which AWS itself keeps the private names are no conflict.
    trigger_full_read(&network).await?;
    network.until_ready().await?;
    close(&site).await
}

#[tokio::test]
async fn a_foreign_gateway_endpoint_with_the_routes_to_s3_blocks_the_network() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("routes-taken").await?;
    let other = gateway(&site, &["staging", "main"], &[]).await?;
    let table = &site.landing.route_tables["staging"];
    let words = ["vpce/s3/Gateway", &other, table, "`mode` 'Existing'", "remove the route tables from it"];
    let network = apply_refused(&site, &json!({}), Check::GatewayRoutesFree, &words).await?;
    let request = site.aws.ec2.modify_vpc_endpoint().vpc_endpoint_id(&other).remove_route_table_ids(table);
    request.send().await?;
    goes_on(&site, &network).await?;
    check_built_beside_foreign(&site).await?;
    close(&site).await
}

#[tokio::test]
async fn sources_that_overlap_the_vpc_cause_a_warning() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("overlap").await?;
    let network = site.network("tokyo").sources(["10.20.30.0/24", support::SOURCES]).apply().await?;
    network.until_ready().await?;
    let words = ["`spec.sourceCIDRs`", "10.20.30.0/24 overlaps", VPC_CIDR];
    until_warning(&site, &network, Check::SourcesApart, &words).await?;
    network.edit(json!({ "sourceCIDRs": [support::SOURCES] })).await?;
    until_no_warning(&network, Check::SourcesApart).await?;
    close(&site).await
}

#[tokio::test]
async fn dhcp_options_with_other_dns_servers_cause_a_warning() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("dhcp").await?;
    let set_dns_servers = async |servers: &str| {
        let configuration = NewDhcpConfiguration::builder().key("domain-name-servers").values(servers).build();
        let made = site.aws.ec2.create_dhcp_options().dhcp_configurations(configuration).send().await?;
        let id = made.dhcp_options.and_then(|made| made.dhcp_options_id).context("no id")?;
        site.aws.ec2.associate_dhcp_options().vpc_id(&site.landing.vpc).dhcp_options_id(id).send().await?;
        anyhow::Ok(())
    };
    set_dns_servers("192.168.1.53").await?;
    let network = site.network("tokyo").apply().await?;
    network.until_ready().await?;
    let words = [&site.landing.vpc, "192.168.1.53", "'AmazonProvidedDNS'"];
    until_warning(&site, &network, Check::AmazonDns, &words).await?;
    set_dns_servers("AmazonProvidedDNS").await?;
    // The operator detects another set of DHCP options at once, no matter when it read the previous set.
    until_no_warning(&network, Check::AmazonDns).await?;
    close(&site).await
}

#[tokio::test]
async fn subnets_shared_by_another_account_are_refused() -> Result<()> {
    let lab = Lab::shared().await?;
    let (site, owner) = (lab.site("participant").await?, lab.site("owner").await?);
    for subnet in owner.landing.subnets.values() {
        lab.control().share(&owner.account, &owner.region, subnet, &site.account).await?;
    }
    let [first, second] = [owner.landing.subnet("endpoints-1")?, owner.landing.subnet("endpoints-2")?];
    let spec = json!({
        "vpc": { "id": owner.landing.vpc },
        "subnets": {
            "endpoints": { "ids": [first, second] },
            "staging": { "ids": [owner.landing.subnet("staging-1")?] },
            "launch": { "ids": [owner.landing.subnet("launch-1")?] },
        },
        "resolver": { "mode": "Disabled" },
    });
    let before = owner.state().await?;
    let words = [&owner.account, first, second, "build the network from that account"];
    let network = apply_refused(&site, &spec, Check::SubnetsOwned, &words).await?;
    assert_eq!(owner.state().await?, before);
    // The fix is to create the network in the account that owns the subnets.
    network.delete_and_wait().await?;
    let built = owner.network("tokyo").apply().await?;
    built.until_ready().await?;
    assert_eq!(owner.summary().await?, owner.expected().summary());
    close(&site).await?;
    close(&owner).await
}

#[tokio::test]
async fn dedicated_tenancy_blocks_a_resolver_and_otherwise_causes_a_warning() -> Result<()> {
    let lab = Lab::shared().await?;
    let mut site = lab.site("dedicated").await?;
    let made = site.aws.ec2.create_vpc().cidr_block(VPC_CIDR).instance_tenancy(Tenancy::Dedicated).send().await?;
    let vpc = made.vpc.and_then(|vpc| vpc.vpc_id).context("no id")?;
    let on = AttributeBooleanValue::builder().value(true).build();
    site.aws.ec2.modify_vpc_attribute().vpc_id(&vpc).enable_dns_hostnames(on).send().await?;
    site.landing = Landing::make_in(&site.aws, vpc.clone()).await?;
    let words = [&vpc, "dedicated tenancy", "ModifyVpcTenancy", "`spec.resolver.mode`"];
    let network = apply_refused(&site, &json!({ "vpc": { "id": vpc } }), Check::ResolverTenancy, &words).await?;

    network.edit(json!({ "resolver": { "mode": "Disabled" } })).await?;
    network.until_ready().await?;
    until_warning(&site, &network, Check::DefaultTenancy, &[&vpc, "dedicated hardware", "ModifyVpcTenancy"]).await?;

    network.edit(json!({ "resolver": null })).await?;
    network.until("it is refused again", |network| count_warnings(network, Check::DefaultTenancy) == 0).await?;
    site.aws.ec2.modify_vpc_tenancy().vpc_id(&vpc).instance_tenancy("default".into()).send().await?;
    goes_on(&site, &network).await?;
    assert_eq!(site.summary().await?, site.expected().summary());
    close(&site).await
}

#[tokio::test]
async fn a_missing_route_back_to_the_sources_causes_a_warning() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("no-way-back").await?;
    for table in ["main", "staging"] {
        for range in PREMISES {
            let request = site.aws.ec2.delete_route().route_table_id(&site.landing.route_tables[table]);
            request.destination_cidr_block(range).send().await?;
        }
    }
    let network = site.network("tokyo").apply().await?;
    let ready = network.until_ready().await?;
    assert_eq!(
        count_warnings(&ready, Check::ReturnRoutes),
        2,
        "the route tables of the endpoint subnets and of the staging subnet"
    );
    for table in ["main", "staging"] {
        let words =
            [&site.landing.route_tables[table], "no route back to 192.168.10.0/24", "let the gateway propagate"];
        until_warning(&site, &network, Check::ReturnRoutes, &words).await?;
        route_to_premises(&site.aws, &site.landing.route_tables[table], &site.landing.gateway).await?;
    }
    until_no_warning(&network, Check::ReturnRoutes).await?;
    // A route does not count after its gateway was detached.
    let request = site.aws.ec2.detach_vpn_gateway().vpn_gateway_id(&site.landing.gateway).vpc_id(&site.landing.vpc);
    request.send().await?;
    until_warning(&site, &network, Check::ReturnRoutes, &["no route back to 192.168.10.0/24"]).await?;
    close(&site).await
}

/// Adds a rule to the VPC's default network ACL, before all its other rules, that drops TCP 443 from a range. Returns
/// the ID of the ACL.
async fn drop_https(site: &Site, range: &str) -> Result<String> {
    let acls = site.aws.ec2.describe_network_acls().send().await?;
    let acl = acls.network_acls().iter().find(|acl| acl.vpc_id() == Some(&site.landing.vpc));
    let id = acl.and_then(|acl| acl.network_acl_id()).context("no network ACL")?;
    let entry = site.aws.ec2.create_network_acl_entry().network_acl_id(id).rule_number(50).egress(false);
    let ports = PortRange::builder().from(443).to(443).build();
    entry.protocol("6").port_range(ports).rule_action(RuleAction::Deny).cidr_block(range).send().await?;
    Ok(id.to_owned())
}

/// Deletes the rule that [`drop_https`] added.
async fn admit_https(site: &Site, acl: &str) -> Result<()> {
    site.aws.ec2.delete_network_acl_entry().network_acl_id(acl).rule_number(50).egress(false).send().await?;
    Ok(())
}

#[tokio::test]
async fn network_acls_that_admit_no_source_block_the_network() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("closed").await?;
    let acl = drop_https(&site, "192.168.0.0/16").await?;
    let words = ["no endpoint subnet admits TCP 443", &acl, "TCP 1024-65535 out", support::SOURCES];
    let network = apply_refused(&site, &json!({}), Check::AclsPassable, &words).await?;
    admit_https(&site, &acl).await?;
    goes_on(&site, &network).await?;
    assert_eq!(site.summary().await?, site.expected().summary());
    close(&site).await
}

#[tokio::test]
async fn network_acls_that_drop_some_sources_cause_a_warning() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("half-closed").await?;
    let acl = drop_https(&site, "192.168.10.0/25").await?;
    let network = site.network("tokyo").apply().await?;
    let ready = network.until_ready().await?;
    let words = [&acl, site.landing.subnet("endpoints-2")?, "TCP 443 from 192.168.10.0/24"];
    until_warning(&site, &network, Check::AclsOpen, &words).await?;
    assert_eq!(count_warnings(&ready, Check::AclsOpen), 2, "one for each endpoint subnet");
    admit_https(&site, &acl).await?;
    trigger_full_read(&network).await?;
    until_no_warning(&network, Check::AclsOpen).await?;
    close(&site).await
}

#[tokio::test]
async fn exceeding_the_default_quota_of_interface_endpoints_causes_a_warning() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("many-interfaces").await?;
    let quotas = json!({ "interface_endpoints_per_vpc": 100 });
    lab.control().change_options(&site.account, json!({ "quotas": quotas, "throttling": false })).await?;
    let mut others = Vec::new();
    for _ in 0..45 {
        let made = site
            .aws
            .ec2
            .create_vpc_endpoint()
            .vpc_endpoint_type(VpcEndpointType::Interface)
            .vpc_id(&site.landing.vpc)
            .service_name(format!("com.amazonaws.{}.kms", site.region))
            .subnet_ids(site.landing.subnet("launch-1")?)
            .private_dns_enabled(false)
            .send()
            .await?;
        others.push(made.vpc_endpoint.and_then(|made| made.vpc_endpoint_id).context("no id")?);
    }
    let network = site.network("tokyo").apply().await?;
    network.until_ready().await?;
    let words = [&site.landing.vpc, "45 in use by others, 6 needed, 50 allowed by default"];
    until_warning(&site, &network, Check::InterfaceEndpointQuota, &words).await?;
    delete_endpoint(&site, &others[0]).await?;
    until_no_warning(&network, Check::InterfaceEndpointQuota).await?;
    close(&site).await
}

#[tokio::test]
async fn exceeding_the_default_quota_of_gateway_endpoints_causes_a_warning() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("many-gateways").await?;
    let quotas = json!({ "gateway_endpoints_per_region": 30 });
    lab.control().change_options(&site.account, json!({ "quotas": quotas, "throttling": false })).await?;
    // The endpoints are in another VPC, because the quota applies to the Region.
    let elsewhere = make_vpc(&site.aws, "elsewhere").await?;
    let mut others = Vec::new();
    for _ in 0..20 {
        let made = site
            .aws
            .ec2
            .create_vpc_endpoint()
            .vpc_endpoint_type(VpcEndpointType::Gateway)
            .vpc_id(&elsewhere)
            .service_name(format!("com.amazonaws.{}.s3", site.region))
            .send()
            .await?;
        others.push(made.vpc_endpoint.and_then(|made| made.vpc_endpoint_id).context("no id")?);
    }
    let network = site.network("tokyo").apply().await?;
    network.until_ready().await?;
    let words = ["gateway endpoints in the Region", "20 in use by others, 1 needed, 20 allowed by default"];
    until_warning(&site, &network, Check::GatewayEndpointQuota, &words).await?;
    delete_endpoint(&site, &others[0]).await?;
    trigger_full_read(&network).await?;
    until_no_warning(&network, Check::GatewayEndpointQuota).await?;
    close(&site).await
}

#[tokio::test]
async fn exceeding_the_default_quota_of_rules_causes_a_warning() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("many-rules").await?;
    lab.control().change_options(&site.account, json!({ "quotas": { "rules_per_security_group": 100 } })).await?;
    let ranges: BTreeSet<String> = (0..31).map(|third| format!("172.16.{third}.0/24")).collect();
    let network = site.network("tokyo").spec(&json!({ "sourceCIDRs": ranges })).apply().await?;
    network.until_ready().await?;
    let words = ["rules of sg/resolver", "0 in use by others, 62 needed, 60 allowed by default"];
    until_warning(&site, &network, Check::RuleQuota, &words).await?;
    network.edit(json!({ "sourceCIDRs": ["172.16.0.0/19"] })).await?;
    until_no_warning(&network, Check::RuleQuota).await?;
    close(&site).await
}

#[tokio::test]
async fn exceeding_the_default_quota_of_resolver_endpoints_causes_a_warning() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("many-resolvers").await?;
    let quotas = json!({ "resolver_endpoints_per_region": 8 });
    lab.control().change_options(&site.account, json!({ "quotas": quotas, "throttling": false })).await?;
    let dns = group(&site, "corp-dns", DNS, &[]).await?;
    let mut others = Vec::new();
    for number in 0..4 {
        others.push(resolver(&site, &format!("corp-{number}"), &dns, &[]).await?);
    }
    let network = site.network("tokyo").apply().await?;
    network.until_ready().await?;
    let words = ["Resolver endpoints in the Region", "4 in use by others, 1 needed, 4 allowed by default"];
    until_warning(&site, &network, Check::ResolverEndpointQuota, &words).await?;
    delete_resolver(&site, &others[0]).await?;
    until_no_warning(&network, Check::ResolverEndpointQuota).await?;
    close(&site).await
}
