//! Changes in AWS that the operator did not make: it repairs the network's resources, and reports foreign rules.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use aws_sdk_ec2::{
    error::ProvideErrorMetadata,
    types::{IpPermission, IpRange},
};
use mgnet::api::ConditionType;
use support::{Lab, Network, Site, state::State};

use support::waiting::{
    actions, close, condition, held_epoch, is_true, listed, message, tag, tagged_epoch, untag, until_event,
    until_observed, until_repaired, until_state, without_outage,
};

async fn ready_network(site: &Site) -> Result<Network<'_>> {
    let network = site.network("tokyo").apply().await?;
    network.until_ready().await?;
    assert_eq!(site.summary().await?, site.expected().summary());
    Ok(network)
}

fn endpoint(state: &State, service: &str, type_: &str) -> Result<String> {
    Ok(state.endpoint(service, type_).with_context(|| format!("no endpoint of {service}"))?.id.clone())
}

fn group(state: &State, slot: &str) -> Result<String> {
    Ok(state.security_group(slot).with_context(|| format!("no group for {slot}"))?.id.clone())
}

fn ids(state: &State) -> BTreeSet<&str> {
    let endpoints = state.vpc_endpoints.iter().map(|endpoint| endpoint.id.as_str());
    let groups = state.security_groups.iter().map(|group| group.id.as_str());
    endpoints.chain(groups).chain(state.resolver_endpoints.iter().map(|resolver| resolver.id.as_str())).collect()
}

#[tokio::test]
async fn a_deleted_endpoint_is_created_again() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("endpoint").await?;
    let network = ready_network(&site).await?;
    let before = site.state().await?;
    let mgn = endpoint(&before, "mgn", "Interface")?;
    site.aws.ec2.delete_vpc_endpoints().vpc_endpoint_ids(&mgn).send().await?;
    let mark = site.last_call().await?;
    let (type_, _) = until_event(&site, "DriftDetected").await?;
    assert_eq!(type_, "Warning");
    let repaired = until_repaired(&network, &site, &site.expected()).await?;

    let after = site.state().await?;
    let lost: Vec<&str> = ids(&before).difference(&ids(&after)).copied().collect();
    assert_eq!(lost, [mgn.as_str()], "other resources were replaced, too");
    assert_eq!(held_epoch(&repaired, "vpce/mgn/Interface"), Some(2));
    assert_eq!(tagged_epoch(&after, "vpce/mgn/Interface").as_deref(), Some("2"));
    let writes = site.writes_after(mark).await?;
    assert_eq!(actions(&writes), ["CreateVpcEndpoint"], "{}", listed(&writes));
    close(&site).await
}

#[tokio::test]
async fn the_gateway_is_created_again_before_the_private_dns_that_depends_on_it() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("gateway").await?;
    let network = ready_network(&site).await?;
    let before = site.state().await?;
    let (gateway, s3) = (endpoint(&before, "s3", "Gateway")?, endpoint(&before, "s3", "Interface")?);
    let ec2 = &site.aws.ec2;
    // AWS keeps the gateway while private DNS of the interface endpoint is for the inbound resolver only.
    let answer = ec2.delete_vpc_endpoints().vpc_endpoint_ids(&gateway).send().await?;
    assert_eq!(answer.unsuccessful().len(), 1);
    ec2.modify_vpc_endpoint().vpc_endpoint_id(&s3).private_dns_enabled(false).send().await?;
    ec2.delete_vpc_endpoints().vpc_endpoint_ids(&gateway).send().await?;
    let mark = site.last_call().await?;
    until_event(&site, "DriftDetected").await?;
    let repaired = until_repaired(&network, &site, &site.expected()).await?;
    assert_eq!(held_epoch(&repaired, "vpce/s3/Gateway"), Some(2));
    assert_eq!(endpoint(&site.state().await?, "s3", "Interface")?, s3, "the endpoint is modified, not replaced");
    let writes = site.writes_after(mark).await?;
    assert_eq!(actions(&writes), ["CreateVpcEndpoint", "ModifyVpcEndpoint"], "{}", listed(&writes));
    close(&site).await
}

#[tokio::test]
async fn a_deleted_resolver_is_created_again() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("resolver-gone").await?;
    let network = ready_network(&site).await?;
    let before = site.state().await?;
    let resolver = &before.resolver_endpoints.first().context("no resolver")?.id;
    site.aws.resolver.delete_resolver_endpoint().resolver_endpoint_id(resolver).send().await?;
    until_event(&site, "DriftDetected").await?;
    let repaired = until_repaired(&network, &site, &site.expected()).await?;
    let after = site.state().await?;
    let lost: Vec<&str> = ids(&before).difference(&ids(&after)).copied().collect();
    assert_eq!(lost, [resolver.as_str()]);
    assert_eq!(held_epoch(&repaired, "resolver"), Some(2));
    assert_eq!(held_epoch(&repaired, "sg/resolver"), Some(1));
    let addresses = &after.resolver_endpoints.first().context("no resolver")?.addresses;
    let reported = repaired.status.and_then(|status| status.resolver).context("no resolver in the status")?;
    let reported: BTreeSet<_> = reported.ip_addresses.into_iter().filter_map(|address| address.ip).collect();
    assert_eq!(reported, addresses.iter().map(|address| address.address.clone()).collect());
    close(&site).await
}

#[tokio::test]
async fn a_removed_rule_is_authorized_again() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("rule").await?;
    let network = ready_network(&site).await?;
    let state = site.state().await?;
    let rules = state.security_group("sg/endpoints").context("no group")?;
    let rule = rules.ingress.iter().find(|rule| rule.peer == support::SOURCES).context("no rule")?;
    let mark = site.last_call().await?;
    let revoke = site.aws.ec2.revoke_security_group_ingress().group_id(&rules.id).security_group_rule_ids(&rule.id);
    revoke.send().await?;
    let (type_, note) = until_event(&site, "DriftDetected").await?;
    assert_eq!((type_.as_str(), note.as_str()), ("Warning", "drift detected; restoring the desired state"));
    until_repaired(&network, &site, &site.expected()).await?;
    let writes = site.writes_after(mark).await?;
    let expected = ["RevokeSecurityGroupIngress", "AuthorizeSecurityGroupIngress"];
    assert_eq!(actions(&writes), expected, "the foreign call, and the operator's:{}", listed(&writes));
    close(&site).await
}

fn ssh_from(range: &str) -> IpPermission {
    let range = IpRange::builder().cidr_ip(range).description("for the consultant").build();
    IpPermission::builder().ip_protocol("tcp").from_port(22).to_port(22).ip_ranges(range).build()
}

#[tokio::test]
async fn a_foreign_rule_is_reported_and_left_alone() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("foreign").await?;
    let network = ready_network(&site).await?;
    let group = group(&site.state().await?, "sg/endpoints")?;
    let ec2 = &site.aws.ec2;
    ec2.authorize_security_group_ingress().group_id(&group).ip_permissions(ssh_from("10.1.0.0/16")).send().await?;
    let mark = site.last_call().await?;
    let reported = network
        .until("drift is reported", |network| {
            condition(network, ConditionType::Synced).is_some_and(|(_, reason, _)| reason == "DriftDetected")
        })
        .await?;
    assert_eq!(condition(&reported, ConditionType::Synced).map(|(status, ..)| status), Some("False"));
    let text = message(&reported, ConditionType::Synced)?;
    assert!(text.contains(&format!("{group}: tcp 22 from 10.1.0.0/16")), "{text}");
    assert!(is_true(&reported, ConditionType::Ready), "a foreign rule does not block traffic");
    assert_eq!(condition(&reported, ConditionType::Stalled), None);
    let groups = reported.status.clone().context("no status")?.security_groups;
    let foreign: Vec<_> = groups.iter().map(|group| group.foreign_rules.as_slice()).collect();
    assert_eq!(foreign, [["tcp 22 from 10.1.0.0/16".to_owned()].as_slice(), &[]]);
    let (type_, _) = until_event(&site, "DriftDetected").await?;
    assert_eq!(type_, "Warning");

    until_observed(&site, 2).await?;
    let writes = site.writes_after(mark).await?;
    assert!(writes.is_empty(), "{}", listed(&writes));
    let current = network.get().await?;
    assert_eq!(current.metadata.resource_version, reported.metadata.resource_version, "the rule is reported once");

    // Repairs still work beside a foreign rule, and the report is removed with the rule.
    let mgn = endpoint(&site.state().await?, "mgn", "Interface")?;
    untag(&site, &mgn, "mgnet.dev/slot").await?;
    let is_restored =
        |state: &State| state.endpoint("mgn", "Interface").is_some_and(|mgn| mgn.tags.contains_key("mgnet.dev/slot"));
    until_state(&site, "the tag is restored", is_restored).await?;
    ec2.revoke_security_group_ingress().group_id(&group).ip_permissions(ssh_from("10.1.0.0/16")).send().await?;
    let repaired = until_repaired(&network, &site, &site.expected()).await?;
    assert!(repaired.status.context("no status")?.security_groups.iter().all(|group| group.foreign_rules.is_empty()));
    close(&site).await
}

#[tokio::test]
async fn removed_or_changed_owner_tags_are_restored() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("labels").await?;
    let network = ready_network(&site).await?;
    let state = site.state().await?;
    let (mgn, sg) = (endpoint(&state, "mgn", "Interface")?, group(&state, "sg/resolver")?);
    let resolver = &state.resolver_endpoints.first().context("no resolver")?.id;
    let arn = format!("arn:aws:route53resolver:{}:{}:resolver-endpoint/{resolver}", site.region, site.account);
    untag(&site, &mgn, "mgnet.dev/slot").await?;
    untag(&site, &sg, "mgnet.dev/network").await?;
    tag(&site, &sg, "mgnet.dev/slot", "sg/endpoints").await?;
    site.aws.resolver.untag_resource().resource_arn(&arn).tag_keys("mgnet.dev/slot").send().await?;
    let mark = site.last_call().await?;
    until_event(&site, "DriftDetected").await?;
    until_repaired(&network, &site, &site.expected()).await?;
    assert_eq!(ids(&site.state().await?), ids(&state), "the resources are still the same");
    let writes = site.writes_after(mark).await?;
    let writes: BTreeSet<&str> = actions(&writes).into_iter().collect();
    assert_eq!(writes, BTreeSet::from(["CreateTags", "TagResource"]));
    close(&site).await
}

#[tokio::test]
async fn a_route_table_removed_from_the_gateway_is_associated_again() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("routes").await?;
    let network = ready_network(&site).await?;
    let gateway = endpoint(&site.state().await?, "s3", "Gateway")?;
    let change = site.aws.ec2.modify_vpc_endpoint().vpc_endpoint_id(&gateway);
    change.remove_route_table_ids(&site.landing.route_tables["staging"]).send().await?;
    let mark = site.last_call().await?;
    until_event(&site, "DriftDetected").await?;
    until_repaired(&network, &site, &site.expected()).await?;
    assert_eq!(actions(&site.writes_after(mark).await?), ["ModifyVpcEndpoint"]);
    close(&site).await
}

#[tokio::test]
async fn private_dns_is_enabled_again_after_it_was_disabled() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("names").await?;
    let network = ready_network(&site).await?;
    let mgn = endpoint(&site.state().await?, "mgn", "Interface")?;
    let change = site.aws.ec2.modify_vpc_endpoint().vpc_endpoint_id(&mgn);
    change.private_dns_enabled(false).send().await?;
    until_event(&site, "DriftDetected").await?;
    until_repaired(&network, &site, &site.expected()).await?;
    assert_eq!(endpoint(&site.state().await?, "mgn", "Interface")?, mgn);
    close(&site).await
}

#[tokio::test]
async fn a_removed_group_or_subnet_of_an_endpoint_is_restored() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("group-and-subnet").await?;
    let network = ready_network(&site).await?;
    let state = site.state().await?;
    let (ec2, own_group) = (&site.aws.ec2, group(&state, "sg/endpoints")?);
    let default = state.security_groups.iter().find(|group| group.name == "default").context("no default group")?;
    without_outage(&site, async {
        let (mgn, s3) = (endpoint(&state, "mgn", "Interface")?, endpoint(&state, "s3", "Interface")?);
        let change = ec2.modify_vpc_endpoint().vpc_endpoint_id(&mgn);
        change.add_security_group_ids(&default.id).remove_security_group_ids(&own_group).send().await?;
        let change = ec2.modify_vpc_endpoint().vpc_endpoint_id(&s3);
        change.remove_subnet_ids(site.landing.subnet("endpoints-2")?).send().await?;
        until_event(&site, "DriftDetected").await?;
        until_repaired(&network, &site, &site.expected()).await
    })
    .await?;
    assert_eq!(ids(&site.state().await?), ids(&state));
    close(&site).await
}

#[tokio::test]
async fn a_security_group_in_use_cannot_be_deleted() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("guarding").await?;
    let network = ready_network(&site).await?;
    let before = network.get().await?;
    let state = site.state().await?;
    for slot in ["sg/endpoints", "sg/resolver"] {
        let refused = site.aws.ec2.delete_security_group().group_id(group(&state, slot)?).send().await;
        assert_eq!(
            refused.err().and_then(|error| error.code().map(str::to_owned)).as_deref(),
            Some("DependencyViolation")
        );
    }
    let mark = site.last_call().await?;
    until_observed(&site, 1).await?;
    assert_eq!(site.writes_after(mark).await?, []);
    assert_eq!(network.get().await?.metadata.resource_version, before.metadata.resource_version);
    close(&site).await
}

#[tokio::test]
async fn a_deleted_security_group_that_was_not_in_use_is_created_again() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("unused").await?;
    let network = site.network("tokyo").with_replication_group().apply().await?;
    network.until_ready().await?;
    let group = group(&site.state().await?, "sg/replication")?;
    site.aws.ec2.delete_security_group().group_id(&group).send().await?;
    until_event(&site, "DriftDetected").await?;
    let repaired = until_repaired(&network, &site, &site.expected().with_replication_group()).await?;
    assert_eq!(held_epoch(&repaired, "sg/replication"), Some(2));
    close(&site).await
}
