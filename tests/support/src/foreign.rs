//! What others make in the account, by the calls that a person would make.

use crate::Site;
use anyhow::{Context, Result};
use aws_sdk_ec2::types::{IpPermission, IpRange, ResourceType, Tag, TagSpecification, VpcEndpointType};
use aws_sdk_route53resolver::types::{IpAddressRequest, ResolverEndpointDirection, Tag as ResolverTag};

use crate::failing::until;

/// Tags as pairs.
pub type Tags<'a> = &'a [(&'a str, &'a str)];

/// An interface in a subnet, guarded by a group.
pub async fn network_interface(site: &Site, group: &str) -> Result<String> {
    let request = site.aws.ec2.create_network_interface().subnet_id(site.landing.subnet("launch-1")?);
    let answer = request.groups(group).description("server of somebody else").send().await?;
    answer.network_interface.and_then(|interface| interface.network_interface_id).context("no id")
}

/// A security group.
pub async fn security_group(site: &Site, vpc: &str, name: &str, tags: Tags<'_>) -> Result<String> {
    let request = site.aws.ec2.create_security_group().vpc_id(vpc).group_name(name).description("of somebody else");
    let request = request.set_tag_specifications(specification(ResourceType::SecurityGroup, tags));
    request.send().await?.group_id.context("no id")
}

/// An interface endpoint, in the first endpoint subnet of the site's VPC.
pub async fn endpoint(site: &Site, service: &str, private_dns: bool, tags: Tags<'_>) -> Result<String> {
    let request = site
        .aws
        .ec2
        .create_vpc_endpoint()
        .vpc_endpoint_type(VpcEndpointType::Interface)
        .vpc_id(&site.landing.vpc)
        .service_name(format!("com.amazonaws.{}.{service}", site.region))
        .subnet_ids(site.landing.subnet("endpoints-1")?)
        .private_dns_enabled(private_dns)
        .set_tag_specifications(specification(ResourceType::VpcEndpoint, tags));
    request.send().await?.vpc_endpoint.and_then(|endpoint| endpoint.vpc_endpoint_id).context("no id")
}

/// A Resolver inbound endpoint in the site's VPC.
pub async fn resolver(site: &Site, name: &str, group: &str, tags: Tags<'_>) -> Result<String> {
    let addresses = ["endpoints-1", "endpoints-2"]
        .map(|subnet| Ok(IpAddressRequest::builder().subnet_id(site.landing.subnet(subnet)?).build()?));
    let tags = tags.iter().map(|(key, value)| ResolverTag::builder().key(*key).value(*value).build());
    let request = site
        .aws
        .resolver
        .create_resolver_endpoint()
        .creator_request_id(format!("of somebody else: {name}"))
        .name(name)
        .direction(ResolverEndpointDirection::Inbound)
        .security_group_ids(group)
        .set_ip_addresses(Some(addresses.into_iter().collect::<Result<_>>()?))
        .set_tags(Some(tags.collect::<Result<_, _>>()?));
    let made = request.send().await?.resolver_endpoint.and_then(|endpoint| endpoint.id).context("no id")?;
    until("somebody's resolver is operational", async || {
        let state = site.state().await?;
        Ok(state.resolver_endpoints.iter().any(|one| one.id == made && one.status == "OPERATIONAL").then_some(()))
    })
    .await?;
    Ok(made)
}

/// Deletes endpoints as a person does.
pub async fn delete_endpoints(site: &Site, ids: Vec<String>) -> Result<()> {
    let answer = site.aws.ec2.delete_vpc_endpoints().set_vpc_endpoint_ids(Some(ids)).send().await?;
    anyhow::ensure!(answer.unsuccessful().is_empty(), "{:?}", answer.unsuccessful());
    Ok(())
}

fn specification(resource: ResourceType, tags: Tags<'_>) -> Option<Vec<TagSpecification>> {
    let tags: Vec<Tag> = tags.iter().map(|(key, value)| Tag::builder().key(*key).value(*value).build()).collect();
    let made = || vec![TagSpecification::builder().resource_type(resource).set_tags(Some(tags.clone())).build()];
    (!tags.is_empty()).then(made)
}

/// Lets DNS into a group, without which no Resolver endpoint is made with it.
pub async fn admit_dns(site: &Site, group: &str) -> Result<()> {
    let all = ["tcp", "udp"].map(|protocol| {
        let range = IpRange::builder().cidr_ip("10.0.0.0/8").build();
        IpPermission::builder().ip_protocol(protocol).from_port(53).to_port(53).ip_ranges(range).build()
    });
    let request = site.aws.ec2.authorize_security_group_ingress().group_id(group);
    request.set_ip_permissions(Some(all.into())).send().await?;
    Ok(())
}
