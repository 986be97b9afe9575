//! Every check of the preflight beside those of the selectors, which are in `preflight.rs`: the world that makes it find something,
//! what is said, that nothing is written, and that the cure in AWS alone is seen at the next look.

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

/// Every check is named where a test makes it find something.
#[test]
fn every_check_has_a_world() {
    let tests = [
        include_str!("preflight.rs"),
        include_str!("checks.rs"),
        include_str!("existing.rs"),
        include_str!("addresses.rs"),
    ];
    let has_world = |check: &Check| tests.iter().any(|text| text.contains(&format!("Check::{check:?},")));
    let without: Vec<Check> = Check::ALL.iter().copied().filter(|check| !has_world(check)).collect();
    // Every VPC of AWS has a main route table, which cannot be deleted.
    assert_eq!(without, [Check::SubnetsRouted]);
}

/// Waits until status lists a warning of that check with all these words, and an event has told it.
async fn warns(site: &Site, network: &Network<'_>, check: Check, words: &[&str]) -> Result<()> {
    assert_eq!(check.severity(), Severity::Warning);
    network
        .until(&format!("it warns by {check} with the words {words:?}"), |network| {
            network
                .status
                .iter()
                .flat_map(|status| &status.preflight_warnings)
                .any(|warning| warning.code == check.code() && words.iter().all(|word| warning.message.contains(word)))
        })
        .await?;
    until(&format!("an event tells of {check}"), async || {
        let told: Vec<String> = events(site)
            .await?
            .into_iter()
            .filter(|event| event.reason.as_deref() == Some("PreflightWarning"))
            .filter_map(|event| event.note)
            .collect();
        let begin = format!("{check}: ");
        let is_told = told.iter().any(|note| note.starts_with(&begin) && words.iter().all(|word| note.contains(word)));
        Ok(if is_told { Ok(()) } else { Err(format!("{told:?}")) })
    })
    .await
}

async fn until_no_warning(network: &Network<'_>, check: Check) -> Result<()> {
    network
        .until(&format!("{check} is no warning any more"), |network| {
            let current = network.status.as_ref().map(|status| status.observed_generation);
            current == network.metadata.generation && warnings(network, check) == 0
        })
        .await?;
    Ok(())
}

fn warnings(network: &mgnet::api::MigrationNetwork, check: Check) -> usize {
    let listed = network.status.iter().flat_map(|status| &status.preflight_warnings);
    listed.filter(|warning| warning.code == check.code()).count()
}

/// A change of the spec that changes little: what seldom changes in AWS is read anew then, and else every ten minutes.
async fn look_anew(network: &Network<'_>) -> Result<()> {
    network.edit(json!({ "tags": { "looked": "anew" } })).await?;
    Ok(())
}

/// Applies a network that is refused; nothing is written meanwhile.
async fn refused<'s>(site: &'s Site, spec: &Value, check: Check, words: &[&str]) -> Result<Network<'s>> {
    let mark = site.last_call().await?;
    let network = site.network("tokyo").spec(spec).apply().await?;
    let object = is_refused_after(site, mark, &network, check, words).await?;
    assert_eq!(object.metadata.finalizers, None, "nothing is there to be deleted first");
    Ok(network)
}

/// What is there for the network, beside what is somebody else's.
async fn is_built_beside(site: &Site) -> Result<()> {
    let now = site.summary().await?;
    assert_eq!(now, site.expected().beside(&now.foreign()).summary());
    Ok(())
}

#[tokio::test]
async fn another_endpoint_has_the_private_names() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("names-taken").await?;
    let https = group(&site, "corp-https", HTTPS, &[]).await?;
    let other = interface(&site, "mgn", true, &https, &[]).await?;
    let says = ["vpce/mgn/Interface", &other, "`mode` 'Existing'", "`spec.adoptionPolicy` 'Any'", "ModifyVpcEndpoint"];
    let network = refused(&site, &json!({}), Check::PrivateDnsFree, &says).await?;
    let off = site.aws.ec2.modify_vpc_endpoint().vpc_endpoint_id(&other).private_dns_enabled(false);
    off.send().await?;
    goes_on(&site, &network).await?;
    is_built_beside(&site).await?;
    close(&site).await
}

#[tokio::test]
async fn a_hosted_zone_has_the_private_name() -> Result<()> {
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
    let says = ["vpce/mgn/Interface", &hub.account, &name, "DisassociateVPCFromHostedZone"];
    let network = refused(&site, &json!({}), Check::HostedZonesApart, &says).await?;
    let end = site.aws.route53.disassociate_vpc_from_hosted_zone().hosted_zone_id(&zone);
    end.vpc(vpc(&site.landing.vpc)).send().await?;
    goes_on(&site, &network).await?;
    is_built_beside(&site).await?;
    // The zones that AWS itself keeps for the private names are nobody's conflict.
    look_anew(&network).await?;
    network.until_ready().await?;
    close(&site).await
}

#[tokio::test]
async fn another_gateway_has_the_routes_to_s3() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("routes-taken").await?;
    let other = gateway(&site, &["staging", "main"], &[]).await?;
    let table = &site.landing.route_tables["staging"];
    let says = ["vpce/s3/Gateway", &other, table, "`mode` 'Existing'", "remove the route tables from it"];
    let network = refused(&site, &json!({}), Check::GatewayRoutesFree, &says).await?;
    let less = site.aws.ec2.modify_vpc_endpoint().vpc_endpoint_id(&other).remove_route_table_ids(table);
    less.send().await?;
    goes_on(&site, &network).await?;
    is_built_beside(&site).await?;
    close(&site).await
}

#[tokio::test]
async fn sources_overlap_the_vpc() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("overlap").await?;
    let network = site.network("tokyo").sources(["10.20.30.0/24", support::SOURCES]).apply().await?;
    network.until_ready().await?;
    let says = ["`spec.sourceCIDRs`", "10.20.30.0/24 overlaps", VPC_CIDR];
    warns(&site, &network, Check::SourcesApart, &says).await?;
    network.edit(json!({ "sourceCIDRs": [support::SOURCES] })).await?;
    until_no_warning(&network, Check::SourcesApart).await?;
    close(&site).await
}

#[tokio::test]
async fn dhcp_names_other_dns_servers() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("dhcp").await?;
    let name = async |servers: &str| {
        let configuration = NewDhcpConfiguration::builder().key("domain-name-servers").values(servers).build();
        let made = site.aws.ec2.create_dhcp_options().dhcp_configurations(configuration).send().await?;
        let id = made.dhcp_options.and_then(|made| made.dhcp_options_id).context("no id")?;
        site.aws.ec2.associate_dhcp_options().vpc_id(&site.landing.vpc).dhcp_options_id(id).send().await?;
        anyhow::Ok(())
    };
    name("192.168.1.53").await?;
    let network = site.network("tokyo").apply().await?;
    network.until_ready().await?;
    let says = [&site.landing.vpc, "192.168.1.53", "'AmazonProvidedDNS'"];
    warns(&site, &network, Check::AmazonDns, &says).await?;
    name("AmazonProvidedDNS").await?;
    // Another set of options is seen at once, whenever the last one was read.
    until_no_warning(&network, Check::AmazonDns).await?;
    close(&site).await
}

#[tokio::test]
async fn the_subnets_are_shared_by_another_account() -> Result<()> {
    let lab = Lab::shared().await?;
    let (site, owner) = (lab.site("participant").await?, lab.site("owner").await?);
    for subnet in owner.landing.subnets.values() {
        lab.world().share(&owner.account, &owner.region, subnet, &site.account).await?;
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
    let says = [&owner.account, first, second, "build the network from that account"];
    let network = refused(&site, &spec, Check::SubnetsOwned, &says).await?;
    assert_eq!(owner.state().await?, before);
    // The cure is the account that owns them: it makes the network.
    network.delete_and_wait().await?;
    let built = owner.network("tokyo").apply().await?;
    built.until_ready().await?;
    assert_eq!(owner.summary().await?, owner.expected().summary());
    close(&site).await?;
    close(&owner).await
}

#[tokio::test]
async fn the_vpc_has_dedicated_tenancy() -> Result<()> {
    let lab = Lab::shared().await?;
    let mut site = lab.site("dedicated").await?;
    let made = site.aws.ec2.create_vpc().cidr_block(VPC_CIDR).instance_tenancy(Tenancy::Dedicated).send().await?;
    let vpc = made.vpc.and_then(|vpc| vpc.vpc_id).context("no id")?;
    let on = AttributeBooleanValue::builder().value(true).build();
    site.aws.ec2.modify_vpc_attribute().vpc_id(&vpc).enable_dns_hostnames(on).send().await?;
    site.landing = Landing::make_in(&site.aws, vpc.clone()).await?;
    let says = [&vpc, "dedicated tenancy", "ModifyVpcTenancy", "`spec.resolver.mode`"];
    let network = refused(&site, &json!({ "vpc": { "id": vpc } }), Check::ResolverTenancy, &says).await?;

    network.edit(json!({ "resolver": { "mode": "Disabled" } })).await?;
    network.until_ready().await?;
    warns(&site, &network, Check::DefaultTenancy, &[&vpc, "dedicated hardware", "ModifyVpcTenancy"]).await?;

    network.edit(json!({ "resolver": null })).await?;
    network.until("it is refused again", |network| warnings(network, Check::DefaultTenancy) == 0).await?;
    site.aws.ec2.modify_vpc_tenancy().vpc_id(&vpc).instance_tenancy("default".into()).send().await?;
    goes_on(&site, &network).await?;
    assert_eq!(site.summary().await?, site.expected().summary());
    close(&site).await
}

#[tokio::test]
async fn there_is_no_route_back_to_the_sources() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("no-way-back").await?;
    for table in ["main", "staging"] {
        for range in PREMISES {
            let without = site.aws.ec2.delete_route().route_table_id(&site.landing.route_tables[table]);
            without.destination_cidr_block(range).send().await?;
        }
    }
    let network = site.network("tokyo").apply().await?;
    let ready = network.until_ready().await?;
    assert_eq!(
        warnings(&ready, Check::ReturnRoutes),
        2,
        "the table of the endpoint subnets, and that of the staging subnet"
    );
    for table in ["main", "staging"] {
        let says = [&site.landing.route_tables[table], "no route back to 192.168.10.0/24", "let the gateway propagate"];
        warns(&site, &network, Check::ReturnRoutes, &says).await?;
        route_to_premises(&site.aws, &site.landing.route_tables[table], &site.landing.gateway).await?;
    }
    until_no_warning(&network, Check::ReturnRoutes).await?;
    // A route is none when its gateway is gone.
    let away = site.aws.ec2.detach_vpn_gateway().vpn_gateway_id(&site.landing.gateway).vpc_id(&site.landing.vpc);
    away.send().await?;
    warns(&site, &network, Check::ReturnRoutes, &["no route back to 192.168.10.0/24"]).await?;
    close(&site).await
}

/// Puts a rule before all others of the VPC's default network ACL that drops TCP 443 from a range.
async fn drop_https(site: &Site, range: &str) -> Result<String> {
    let acls = site.aws.ec2.describe_network_acls().send().await?;
    let mine = acls.network_acls().iter().find(|acl| acl.vpc_id() == Some(&site.landing.vpc));
    let id = mine.and_then(|acl| acl.network_acl_id()).context("no network ACL")?;
    let entry = site.aws.ec2.create_network_acl_entry().network_acl_id(id).rule_number(50).egress(false);
    let ports = PortRange::builder().from(443).to(443).build();
    entry.protocol("6").port_range(ports).rule_action(RuleAction::Deny).cidr_block(range).send().await?;
    Ok(id.to_owned())
}

async fn let_pass(site: &Site, acl: &str) -> Result<()> {
    site.aws.ec2.delete_network_acl_entry().network_acl_id(acl).rule_number(50).egress(false).send().await?;
    Ok(())
}

#[tokio::test]
async fn the_network_acls_let_nothing_through() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("closed").await?;
    let acl = drop_https(&site, "192.168.0.0/16").await?;
    let says = ["no endpoint subnet admits TCP 443", &acl, "TCP 1024-65535 out", support::SOURCES];
    let network = refused(&site, &json!({}), Check::AclsPassable, &says).await?;
    let_pass(&site, &acl).await?;
    goes_on(&site, &network).await?;
    assert_eq!(site.summary().await?, site.expected().summary());
    close(&site).await
}

#[tokio::test]
async fn the_network_acls_drop_some() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("half-closed").await?;
    let acl = drop_https(&site, "192.168.10.0/25").await?;
    let network = site.network("tokyo").apply().await?;
    let ready = network.until_ready().await?;
    let says = [&acl, site.landing.subnet("endpoints-2")?, "TCP 443 from 192.168.10.0/24"];
    warns(&site, &network, Check::AclsOpen, &says).await?;
    assert_eq!(warnings(&ready, Check::AclsOpen), 2, "one an endpoint subnet");
    let_pass(&site, &acl).await?;
    look_anew(&network).await?;
    until_no_warning(&network, Check::AclsOpen).await?;
    close(&site).await
}

#[tokio::test]
async fn a_quota_of_interface_endpoints() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("many-interfaces").await?;
    let quotas = json!({ "interface_endpoints_per_vpc": 100 });
    lab.world().change_options(&site.account, json!({ "quotas": quotas, "throttling": false })).await?;
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
    let says = [&site.landing.vpc, "45 in use by others, 6 needed, 50 allowed by default"];
    warns(&site, &network, Check::InterfaceEndpointQuota, &says).await?;
    delete_endpoint(&site, &others[0]).await?;
    until_no_warning(&network, Check::InterfaceEndpointQuota).await?;
    close(&site).await
}

#[tokio::test]
async fn a_quota_of_gateway_endpoints() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("many-gateways").await?;
    let quotas = json!({ "gateway_endpoints_per_region": 30 });
    lab.world().change_options(&site.account, json!({ "quotas": quotas, "throttling": false })).await?;
    // In another VPC: the quota is the Region's.
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
    let says = ["gateway endpoints in the Region", "20 in use by others, 1 needed, 20 allowed by default"];
    warns(&site, &network, Check::GatewayEndpointQuota, &says).await?;
    delete_endpoint(&site, &others[0]).await?;
    look_anew(&network).await?;
    until_no_warning(&network, Check::GatewayEndpointQuota).await?;
    close(&site).await
}

#[tokio::test]
async fn a_quota_of_rules() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("many-rules").await?;
    lab.world().change_options(&site.account, json!({ "quotas": { "rules_per_security_group": 100 } })).await?;
    let ranges: BTreeSet<String> = (0..31).map(|third| format!("172.16.{third}.0/24")).collect();
    let network = site.network("tokyo").spec(&json!({ "sourceCIDRs": ranges })).apply().await?;
    network.until_ready().await?;
    let says = ["rules of sg/resolver", "0 in use by others, 62 needed, 60 allowed by default"];
    warns(&site, &network, Check::RuleQuota, &says).await?;
    network.edit(json!({ "sourceCIDRs": ["172.16.0.0/19"] })).await?;
    until_no_warning(&network, Check::RuleQuota).await?;
    close(&site).await
}

#[tokio::test]
async fn a_quota_of_resolver_endpoints() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("many-resolvers").await?;
    let quotas = json!({ "resolver_endpoints_per_region": 8 });
    lab.world().change_options(&site.account, json!({ "quotas": quotas, "throttling": false })).await?;
    let dns = group(&site, "corp-dns", DNS, &[]).await?;
    let mut others = Vec::new();
    for number in 0..4 {
        others.push(resolver(&site, &format!("corp-{number}"), &dns, &[]).await?);
    }
    let network = site.network("tokyo").apply().await?;
    network.until_ready().await?;
    let says = ["Resolver endpoints in the Region", "4 in use by others, 1 needed, 4 allowed by default"];
    warns(&site, &network, Check::ResolverEndpointQuota, &says).await?;
    delete_resolver(&site, &others[0]).await?;
    until_no_warning(&network, Check::ResolverEndpointQuota).await?;
    close(&site).await
}
