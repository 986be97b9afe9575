//! Properties of the VPC, of security groups and of policies on which a migration depends, although AWS accepts every call of
//! the operator: a network is not Ready without a warning or error that names what is wrong.

use anyhow::{Context, Result, ensure};
use aws_sdk_ec2::types::{IpPermission, IpRange, ResourceType, Tag, TagSpecification, UserIdGroupPair};
use mgnet::model::preflight::checks::Check;
use serde_json::{Value, json};
use support::foreign::{HTTPS, admit, entry, existing, gateway, group, is_refused, revoke_egress};
use support::waiting::close;
use support::{Lab, Site};

use crate::checks::until_warning;

/// A policy for S3 that lacks the repository of Amazon Linux.
const OLD: &str = r#"{"Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":
    ["arn:aws:s3:::aws-*","arn:aws:s3:::amazon-ssm-*"]}]}"#;

/// A policy that admits an organization only.
const OF_ORGANIZATION: &str = r#"{"Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*",
    "Condition":{"StringEquals":{"aws:PrincipalOrgID":"o-1"}}}]}"#;

const REPOSITORY: &str = "'al2023-repos-ap-northeast-1-de612dc2'";

fn without_gateway() -> Value {
    json!({ "endpoints": [entry("s3", "Gateway", &json!({ "mode": "Disabled" }))] })
}

#[tokio::test]
async fn a_network_without_a_path_to_s3_is_not_built_and_an_existing_one_keeps_its_gateway() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("no-path").await?;
    let network = site.network("tokyo").spec(&without_gateway()).apply().await?;
    let words = ["no route of the staging subnets", "'s3.dualstack.ap-northeast-1.amazonaws.com'"];
    is_refused(&site, &network, Check::StagingReachesS3, &words).await?;
    network.edit(json!({ "endpoints": null })).await?;
    network.until_ready().await?;

    network.edit(without_gateway()).await?;
    is_refused(&site, &network, Check::StagingReachesS3, &words).await?;
    assert_eq!(site.summary().await?, site.expected().summary(), "nothing is removed");
    site.landing.route_out(&site.aws).await?;
    network.until_ready().await?;
    until_warning(&site, &network, Check::StagingS3PathKnown, &["reach S3 only if their routes out of the VPC"])
        .await?;
    assert_eq!(site.summary().await?, site.expected().without_gateway().private_dns("s3", "on").summary());
    close(&site).await
}

#[tokio::test]
async fn names_that_resolve_to_public_addresses_are_reported() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("public-names").await?;
    let mgn = entry("mgn", "Interface", &json!({ "privateDNS": "Disabled" }));
    let network = site.network("tokyo").spec(&json!({ "endpoints": [mgn] })).apply().await?;
    network.until_ready().await?;
    let words = ["the names of mgn resolve to public addresses", "replication servers do not authenticate"];
    until_warning(&site, &network, Check::NamesArePrivate, &words).await?;
    close(&site).await
}

#[tokio::test]
async fn a_policy_that_denies_what_a_migration_needs_is_reported_whoever_wrote_it() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("old-policies").await?;
    let theirs = gateway(&site, &["staging", "launch"], &[]).await?;
    site.aws.ec2.modify_vpc_endpoint().vpc_endpoint_id(&theirs).policy_document(OLD).send().await?;
    site.write_config_map("policies", "s3", OF_ORGANIZATION).await?;
    let spec = json!({ "endpoints": [existing("s3", "Gateway", &theirs)] });
    let network = site.network("tokyo").spec(&spec).apply().await?;
    network.until_ready().await?;
    let words = [theirs.as_str(), "s3:GetObject", REPOSITORY];
    until_warning(&site, &network, Check::PoliciesAllow, &words).await?;

    let inline = json!({ "type": "Inline", "inline": OLD });
    let interface = entry("s3", "Interface", &json!({ "policy": inline }));
    network.edit(json!({ "endpoints": [interface, existing("s3", "Gateway", &theirs)] })).await?;
    network.until_ready().await?;
    until_warning(&site, &network, Check::PoliciesAllow, &["`spec.endpoints[s3/Interface]`", REPOSITORY]).await?;

    let from_config_map = json!({ "type": "ConfigMap", "configMapKeyRef": { "name": "policies", "key": "s3" } });
    let interface = entry("s3", "Interface", &json!({ "policy": from_config_map }));
    network.edit(json!({ "endpoints": [interface, existing("s3", "Gateway", &theirs)] })).await?;
    network.until_ready().await?;
    until_warning(&site, &network, Check::PoliciesKnown, &["only depending on 'aws:PrincipalOrgID'"]).await?;
    close(&site).await
}

#[tokio::test]
async fn buckets_of_a_region_that_aws_does_not_document_are_reported_until_the_class_names_them() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("undocumented").region("ca-west-1").await?;
    let spec = json!({ "endpointPolicy": { "type": "Preset", "preset": "MGNOnly" } });
    let network = site.network("calgary").without_ssm().spec(&spec).apply().await?;
    network.until_ready().await?;
    until_warning(&site, &network, Check::BucketsKnown, &["ca-west-1", "`spec.mgnBuckets` of the class"]).await?;

    site.edit_class(json!({ "mgnBuckets": ["aws-mgn-internal-ca-west-1-2590fa22"] })).await?;
    let has_policy = |policy: &str| policy.contains("arn:aws:s3:::aws-mgn-internal-ca-west-1-2590fa22/*");
    network
        .until("the warning is gone", |network| {
            let warnings = network.status.iter().flat_map(|status| &status.preflight_warnings);
            warnings.filter(|warning| warning.code == Check::BucketsKnown.code()).count() == 0
        })
        .await?;
    network.until_ready().await?;
    let state = site.state().await?;
    let policy = &state.endpoint("s3", "Gateway").context("no endpoint")?.policy;
    ensure!(has_policy(policy) && policy.matches("arn:aws:s3:::").count() == 1, "{policy}");
    close(&site).await
}

/// Adds an inbound rule for the members of another group on TCP 443.
async fn admit_group(site: &Site, to: &str, members: &str) -> Result<()> {
    let pair = UserIdGroupPair::builder().group_id(members).build();
    let permission = IpPermission::builder().ip_protocol("tcp").from_port(443).to_port(443).user_id_group_pairs(pair);
    let request = site.aws.ec2.authorize_security_group_ingress().group_id(to);
    request.ip_permissions(permission.build()).send().await?;
    Ok(())
}

#[tokio::test]
async fn a_rule_for_another_group_admits_no_source_server() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("of-groups").await?;
    let members = group(&site, "members", &[], &[]).await?;
    let admitting = group(&site, "admitting", &[], &[]).await?;
    admit_group(&site, &admitting, &members).await?;
    let spec = json!({ "endpointSecurityGroup": { "mode": "Existing", "ids": [admitting] } });
    let network = site.network("tokyo").spec(&spec).apply().await?;
    let words = ["must have ingress rules that", &admitting, "tcp 443 from 192.168.10.0/24"];
    is_refused(&site, &network, Check::ExistingFits, &words).await?;

    admit(&site, &admitting, &[("tcp", 443, support::SOURCES)]).await?;
    network.until_ready().await?;
    let words = ["tcp 443 from 10.20.0.0/16 only if", &members];
    until_warning(&site, &network, Check::AdmissionKnown, &words).await?;
    close(&site).await
}

#[tokio::test]
async fn few_addresses_for_replication_servers_are_reported() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("narrow").await?;
    let tags = [("Name", "narrow"), (support::SUBNET_TAG, "narrow")];
    let tags = tags.map(|(key, value)| Tag::builder().key(key).value(value).build());
    let tags = TagSpecification::builder().resource_type(ResourceType::Subnet).set_tags(Some(tags.into())).build();
    // AWS reserves five of the sixteen addresses.
    let request = site.aws.ec2.create_subnet().vpc_id(&site.landing.vpc).cidr_block("10.20.77.0/28");
    let request = request.availability_zone(&site.landing.zones[0]).tag_specifications(tags);
    let narrow = request.send().await?.subnet.and_then(|subnet| subnet.subnet_id).context("no ID")?;
    let spec = json!({ "subnets": { "launch": { "ids": [narrow] } } });
    let network = site.network("tokyo").spec(&spec).apply().await?;
    network.until_ready().await?;
    let warnings = network.status().await?.preflight_warnings;
    ensure!(warnings.iter().all(|warning| warning.code != Check::ServersHaveAddresses.code()), "{warnings:?}");

    let group = group(&site, "servers", HTTPS, &[]).await?;
    let interface = site.aws.ec2.create_network_interface().subnet_id(&narrow).groups(&group);
    interface.description("a server").send().await?;
    network.edit(json!({ "tags": { "team": "billing" } })).await?;
    let words = ["the launch subnets", &narrow, "fewer than 11 free addresses"];
    until_warning(&site, &network, Check::ServersHaveAddresses, &words).await?;
    close(&site).await
}

#[tokio::test]
async fn a_replication_group_without_egress_blocks_the_network() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("no-egress").await?;
    let servers = group(&site, "servers", &[("tcp", 1500, support::SOURCES)], &[]).await?;
    revoke_egress(&site, &servers).await?;
    let spec = json!({ "replication": { "securityGroup": { "mode": "Existing", "id": servers } } });
    let network = site.network("tokyo").spec(&spec).apply().await?;
    let words = ["tcp 443 to 10.20.1.0/24", &servers];
    is_refused(&site, &network, Check::ReplicationEgress, &words).await?;
    let anywhere = IpRange::builder().cidr_ip("0.0.0.0/0").build();
    let everything = IpPermission::builder().ip_protocol("-1").ip_ranges(anywhere).build();
    let request = site.aws.ec2.authorize_security_group_egress().group_id(&servers);
    request.ip_permissions(everything).send().await?;
    network.until_ready().await?;
    close(&site).await
}
