//! Foreign resources in the account of a network: tests create and change them by the calls that a person would make,
//! and check in the log of calls that the operator never wrote to them.

use crate::Site;
use anyhow::{Context, Result, bail, ensure};
use aws_sdk_ec2::types::{IpPermission, IpRange, ResourceType, Tag, TagSpecification, VpcEndpointType};
use aws_sdk_route53resolver::types::{IpAddressRequest, ResolverEndpointDirection, Tag as ResolverTag};
use mgnet::api::{ConditionStatus, ConditionType, MigrationNetwork, Origin};
use mgnet::model::preflight::checks::{Check, Severity};
use serde_json::{Value, json};

use crate::waiting::{condition, listed, until_observed, until_state};

/// Tags as pairs.
pub type Tags<'a> = &'a [(&'a str, &'a str)];

/// Inbound rules: protocol, port and range.
pub type Admits<'a> = &'a [(&'a str, i32, &'a str)];

/// All rules that a site's network needs on TCP 443.
pub const HTTPS: Admits<'_> = &[("tcp", 443, crate::VPC_CIDR), ("tcp", 443, "192.168.0.0/16")];

/// The minimum rules of a Resolver endpoint's group, for the private range 10.0.0.0/8.
pub const ANY_DNS: Admits<'_> = &[("tcp", 53, "10.0.0.0/8"), ("udp", 53, "10.0.0.0/8")];

/// All rules that the source servers need for DNS queries.
pub const DNS: Admits<'_> = &[("tcp", 53, "192.168.0.0/16"), ("udp", 53, "192.168.0.0/16")];

/// Creates a network interface in a launch subnet, with a security group. Returns its ID.
pub async fn network_interface(site: &Site, group: &str) -> Result<String> {
    let request = site.aws.ec2.create_network_interface().subnet_id(site.landing.subnet("launch-1")?);
    let answer = request.groups(group).description("foreign server").send().await?;
    answer.network_interface.and_then(|interface| interface.network_interface_id).context("no id")
}

/// Creates a security group without rules. Returns its ID.
pub async fn security_group(site: &Site, vpc: &str, name: &str, tags: Tags<'_>) -> Result<String> {
    let request = site.aws.ec2.create_security_group().vpc_id(vpc).group_name(name).description("foreign");
    let request = request.set_tag_specifications(specification(ResourceType::SecurityGroup, tags));
    request.send().await?.group_id.context("no id")
}

/// Creates a security group in the site's VPC, with these rules. Returns its ID.
pub async fn group(site: &Site, name: &str, admits: Admits<'_>, tags: Tags<'_>) -> Result<String> {
    let id = security_group(site, &site.landing.vpc, name, tags).await?;
    admit(site, &id, admits).await?;
    Ok(id)
}

/// Adds inbound rules to a group.
pub async fn admit(site: &Site, group: &str, admits: Admits<'_>) -> Result<()> {
    for (protocol, port, range) in admits {
        let range = IpRange::builder().cidr_ip(*range).build();
        let permission =
            IpPermission::builder().ip_protocol(*protocol).from_port(*port).to_port(*port).ip_ranges(range);
        let request = site.aws.ec2.authorize_security_group_ingress().group_id(group);
        request.ip_permissions(permission.build()).send().await?;
    }
    Ok(())
}

/// Creates an interface endpoint in the first endpoint subnet, with this security group, and waits until it is
/// available. Returns its ID.
pub async fn interface(site: &Site, service: &str, private_dns: bool, group: &str, tags: Tags<'_>) -> Result<String> {
    let id = create_interface(site, service, private_dns, Some(group), tags).await?;
    until_available(site, &id).await?;
    Ok(id)
}

/// Creates an interface endpoint in the first endpoint subnet, with the VPC's default security group. Returns its ID;
/// the endpoint may still be pending.
pub async fn endpoint(site: &Site, service: &str, private_dns: bool, tags: Tags<'_>) -> Result<String> {
    create_interface(site, service, private_dns, None, tags).await
}

async fn create_interface(
    site: &Site,
    service: &str,
    private_dns: bool,
    group: Option<&str>,
    tags: Tags<'_>,
) -> Result<String> {
    let request = site
        .aws
        .ec2
        .create_vpc_endpoint()
        .vpc_endpoint_type(VpcEndpointType::Interface)
        .vpc_id(&site.landing.vpc)
        .service_name(format!("com.amazonaws.{}.{service}", site.region))
        .subnet_ids(site.landing.subnet("endpoints-1")?)
        .set_security_group_ids(group.map(|group| vec![group.to_owned()]))
        .private_dns_enabled(private_dns)
        .set_tag_specifications(specification(ResourceType::VpcEndpoint, tags));
    request.send().await?.vpc_endpoint.and_then(|made| made.vpc_endpoint_id).context("no id")
}

/// Removes the rule that AWS gives a new group, which admits all egress.
pub async fn revoke_egress(site: &Site, group: &str) -> Result<()> {
    let anywhere = IpRange::builder().cidr_ip("0.0.0.0/0").build();
    let everything = IpPermission::builder().ip_protocol("-1").ip_ranges(anywhere).build();
    site.aws.ec2.revoke_security_group_egress().group_id(group).ip_permissions(everything).send().await?;
    Ok(())
}

/// Waits until an endpoint is available.
pub async fn until_available(site: &Site, id: &str) -> Result<()> {
    until_state(site, &format!("{id} is available"), |state| {
        state.vpc_endpoints.iter().any(|endpoint| endpoint.id == id && endpoint.state == "available")
    })
    .await?;
    Ok(())
}

/// Creates an S3 gateway endpoint for route tables by name. Returns its ID.
pub async fn gateway(site: &Site, tables: &[&str], tags: Tags<'_>) -> Result<String> {
    let request = site
        .aws
        .ec2
        .create_vpc_endpoint()
        .vpc_endpoint_type(VpcEndpointType::Gateway)
        .vpc_id(&site.landing.vpc)
        .service_name(format!("com.amazonaws.{}.s3", site.region))
        .set_route_table_ids(Some(tables.iter().map(|name| site.landing.route_tables[*name].clone()).collect()))
        .set_tag_specifications(specification(ResourceType::VpcEndpoint, tags));
    request.send().await?.vpc_endpoint.and_then(|made| made.vpc_endpoint_id).context("no id")
}

/// Creates a Resolver inbound endpoint in both endpoint subnets, and waits until it is operational. Returns its ID.
pub async fn resolver(site: &Site, name: &str, group: &str, tags: Tags<'_>) -> Result<String> {
    let made = create_resolver(site, name, group, tags).await?;
    until_state(site, "the foreign resolver is operational", |state| {
        state.resolver_endpoints.iter().any(|one| one.id == made && one.status == "OPERATIONAL")
    })
    .await?;
    Ok(made)
}

/// Creates a Resolver inbound endpoint in both endpoint subnets. Returns its ID.
pub async fn create_resolver(site: &Site, name: &str, group: &str, tags: Tags<'_>) -> Result<String> {
    let addresses = ["endpoints-1", "endpoints-2"]
        .map(|subnet| Ok(IpAddressRequest::builder().subnet_id(site.landing.subnet(subnet)?).build()?));
    let tags = tags.iter().map(|(key, value)| ResolverTag::builder().key(*key).value(*value).build());
    let request = site
        .aws
        .resolver
        .create_resolver_endpoint()
        .creator_request_id(format!("foreign: {name}"))
        .name(name)
        .direction(ResolverEndpointDirection::Inbound)
        .security_group_ids(group)
        .set_ip_addresses(Some(addresses.into_iter().collect::<Result<_>>()?))
        .set_tags(Some(tags.collect::<Result<_, _>>()?));
    request.send().await?.resolver_endpoint.and_then(|endpoint| endpoint.id).context("no id")
}

/// Deletes endpoints, without waiting until they are gone.
pub async fn delete_endpoints(site: &Site, ids: Vec<String>) -> Result<()> {
    let answer = site.aws.ec2.delete_vpc_endpoints().set_vpc_endpoint_ids(Some(ids)).send().await?;
    ensure!(answer.unsuccessful().is_empty(), "{:?}", answer.unsuccessful());
    Ok(())
}

/// Deletes an endpoint, and waits until it is gone.
pub async fn delete_endpoint(site: &Site, id: &str) -> Result<()> {
    delete_endpoints(site, vec![id.to_owned()]).await?;
    until_state(site, &format!("{id} is gone"), |state| state.vpc_endpoints.iter().all(|one| one.id != id)).await?;
    Ok(())
}

/// Deletes a security group.
pub async fn delete_group(site: &Site, id: &str) -> Result<()> {
    site.aws.ec2.delete_security_group().group_id(id).send().await?;
    Ok(())
}

/// Deletes a Resolver endpoint, and waits until it is gone.
pub async fn delete_resolver(site: &Site, id: &str) -> Result<()> {
    site.aws.resolver.delete_resolver_endpoint().resolver_endpoint_id(id).send().await?;
    let what = format!("{id} is gone");
    until_state(site, &what, |state| state.resolver_endpoints.iter().all(|one| one.id != id)).await?;
    Ok(())
}

fn specification(resource: ResourceType, tags: Tags<'_>) -> Option<Vec<TagSpecification>> {
    let tags: Vec<Tag> = tags.iter().map(|(key, value)| Tag::builder().key(*key).value(*value).build()).collect();
    let made = || vec![TagSpecification::builder().resource_type(resource).set_tags(Some(tags.clone())).build()];
    (!tags.is_empty()).then(made)
}

/// Fails if a call after `mark` changed one of the resources. All these calls must be the operator's. Attaching a group
/// to an endpoint, at its creation or later, does not count as a change of the group.
pub async fn untouched(site: &Site, mark: u64, ids: &[&str]) -> Result<()> {
    for call in site.writes_after(mark).await? {
        let mut parameters = call.parameters.clone();
        if matches!(call.action.as_str(), "CreateVpcEndpoint" | "ModifyVpcEndpoint")
            && let Some(all) = parameters.as_object_mut()
        {
            all.retain(|name, _| !name.contains("SecurityGroupId"));
        }
        let text = parameters.to_string();
        let named = ids.iter().find(|id| text.contains(**id));
        ensure!(named.is_none(), "the operator wrote to {named:?}: {call} {}", call.parameters);
    }
    Ok(())
}

/// Fails if there was a write after `mark`.
pub async fn unwritten(site: &Site, mark: u64) -> Result<()> {
    let writes = site.writes_after(mark).await?;
    ensure!(writes.is_empty(), "{}", listed(&writes));
    Ok(())
}

/// Waits until `NetworkResolved` is false because of that check: the condition has the check's reason, and its message
/// the check's code and all these words. Also checks that nothing is written to AWS meanwhile, and that the network
/// is stalled, because only a person can solve the problem.
pub async fn is_refused(
    site: &Site,
    network: &crate::Network<'_>,
    check: Check,
    words: &[&str],
) -> Result<MigrationNetwork> {
    let mark = site.last_call().await?;
    is_refused_after(site, mark, network, check, words).await
}

/// The same as [`is_refused`], but nothing may have been written since `mark`.
pub async fn is_refused_after(
    site: &Site,
    mark: u64,
    network: &crate::Network<'_>,
    check: Check,
    words: &[&str],
) -> Result<MigrationNetwork> {
    let Severity::Error(reason) = check.severity() else { bail!("{check} is not an error") };
    let what = format!("the network is refused by {check}, {reason}, with the words {words:?}");
    let object = network
        .until(&what, |network| {
            let current = network.status.as_ref().map(|status| status.observed_generation);
            current == network.metadata.generation
                && condition(network, ConditionType::NetworkResolved).is_some_and(|(status, why, message)| {
                    status == ConditionStatus::False.as_str()
                        && why == reason.as_str()
                        && message.contains(&format!("{check}: "))
                        && words.iter().all(|word| message.contains(word))
                })
        })
        .await?;
    for (type_, status) in [(ConditionType::Ready, "False"), (ConditionType::Stalled, "True")] {
        let present = condition(&object, type_).map(|(status, reason, _)| (status, reason));
        ensure!(present == Some((status, reason.as_str())), "{type_}: {present:?}");
    }
    until_observed(site, 1).await?;
    unwritten(site, mark).await?;
    Ok(object)
}

/// Returns the ID and the origin of an endpoint in the status.
pub fn endpoint_in_status(network: &MigrationNetwork, service: &str, type_: &str) -> Option<(String, Origin)> {
    let endpoints = &network.status.as_ref()?.endpoints;
    let kind = json!(type_);
    let found = endpoints.iter().find(|one| one.service == service && json!(one.type_) == kind)?;
    Some((found.id.clone()?, found.origin?))
}

/// Returns an entry of `spec.endpoints` with further fields.
pub fn entry(service: &str, type_: &str, more: &Value) -> Value {
    let mut entry = json!({ "service": service, "type": type_ });
    for (field, value) in more.as_object().into_iter().flatten() {
        entry[field] = value.clone();
    }
    entry
}

/// Returns an entry of `spec.endpoints` for an existing endpoint.
pub fn existing(service: &str, type_: &str, id: &str) -> Value {
    entry(service, type_, &json!({ "mode": "Existing", "endpointID": id }))
}
