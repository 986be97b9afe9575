//! What most cases create: a VPC, its subnets, groups, route tables and endpoints.

#![allow(clippy::expect_used, reason = "a case fails by panicking")]

use aws_sdk_ec2::types::{
    AttributeBooleanValue, DnsOptionsSpecification, Filter, IpPermission, IpRange, ResourceType, SubnetConfiguration,
    Tag, TagSpecification, VpcEndpoint, VpcEndpointType,
};

use crate::{answers::state_of, target::Target};

/// A VPC with two endpoint subnets, a group and a route table.
pub(crate) struct Network {
    pub(crate) vpc: String,
    /// 10.20.0.0/24 in the first zone, 10.20.1.0/24 in the second.
    pub(crate) subnets: Vec<String>,
    pub(crate) group: String,
    pub(crate) route_table: String,
}

pub(crate) type CreateEndpoint = aws_sdk_ec2::operation::create_vpc_endpoint::builders::CreateVpcEndpointFluentBuilder;

impl Target {
    pub(crate) fn service(&self, short_name: &str) -> String {
        format!("com.amazonaws.{}.{short_name}", self.region)
    }

    /// Returns the DNS name of an AWS service in the Region.
    pub(crate) fn host(&self, service: &str) -> String {
        format!("{service}.{}.amazonaws.com", self.region)
    }

    /// Returns a name that no other run uses: AWS remembers tokens beyond the end of a run.
    pub(crate) fn unique(&self, text: &str) -> String {
        format!("{}-{text}", self.run.name())
    }

    /// Returns the domain of private host names. Source: VPC User Guide, "DNS hostnames for EC2 instances".
    pub(crate) fn internal_domain(&self) -> String {
        match self.region.as_str() {
            "us-east-1" => "ec2.internal".to_owned(),
            region => format!("{region}.compute.internal"),
        }
    }

    pub(crate) async fn vpc(&self, cidr: &str) -> String {
        let answer = self.ec2.create_vpc().cidr_block(cidr).send().await.expect("a VPC");
        let id = answer.vpc.and_then(|vpc| vpc.vpc_id).expect("an id");
        self.until("the VPC is described", async || self.ec2.describe_vpcs().vpc_ids(&id).send().await.ok()).await;
        id
    }

    /// Creates a VPC that supports private DNS.
    pub(crate) async fn dns_vpc(&self, cidr: &str) -> String {
        let vpc = self.vpc(cidr).await;
        self.dns_hostnames(&vpc, true).await;
        vpc
    }

    pub(crate) async fn dns_hostnames(&self, vpc: &str, on: bool) {
        let value = AttributeBooleanValue::builder().value(on).build();
        let call = self.ec2.modify_vpc_attribute().vpc_id(vpc).enable_dns_hostnames(value);
        call.send().await.expect("the attribute is set");
    }

    /// Creates a subnet in the zone with this number: 0, 1 or 2.
    pub(crate) async fn subnet(&self, vpc: &str, cidr: &str, zone: usize) -> String {
        let call = self.ec2.create_subnet().vpc_id(vpc).cidr_block(cidr).availability_zone(&self.zones[zone].name);
        call.send().await.expect("a subnet").subnet.and_then(|subnet| subnet.subnet_id).expect("an id")
    }

    pub(crate) async fn group(&self, vpc: &str, name: &str) -> String {
        let call = self.ec2.create_security_group().vpc_id(vpc).group_name(name).description("for a test");
        call.send().await.expect("a group").group_id.expect("an id")
    }

    /// Returns the default security group of a VPC.
    pub(crate) async fn default_group(&self, vpc: &str) -> String {
        let filters = [filter("vpc-id", vpc), filter("group-name", "default")];
        let call = self.ec2.describe_security_groups().set_filters(Some(filters.to_vec()));
        let mut found = call.send().await.expect("an answer").security_groups.expect("groups");
        found.pop().and_then(|group| group.group_id).expect("a default group")
    }

    pub(crate) async fn route_table(&self, vpc: &str) -> String {
        let answer = self.ec2.create_route_table().vpc_id(vpc).send().await.expect("a route table");
        answer.route_table.and_then(|table| table.route_table_id).expect("an id")
    }

    pub(crate) async fn network(&self) -> Network {
        let vpc = self.dns_vpc("10.20.0.0/16").await;
        Network {
            subnets: vec![self.subnet(&vpc, "10.20.0.0/24", 0).await, self.subnet(&vpc, "10.20.1.0/24", 1).await],
            group: self.group(&vpc, "endpoints").await,
            route_table: self.route_table(&vpc).await,
            vpc,
        }
    }

    /// Returns the call that creates an interface endpoint in the first subnet, without groups and private DNS.
    pub(crate) fn new_interface(&self, network: &Network, short_name: &str) -> CreateEndpoint {
        let call = self.ec2.create_vpc_endpoint().vpc_id(&network.vpc).service_name(self.service(short_name));
        call.vpc_endpoint_type(VpcEndpointType::Interface).subnet_ids(&network.subnets[0])
    }

    /// Creates an interface endpoint with all parameters, in both subnets.
    pub(crate) async fn interface_endpoint(&self, network: &Network, short_name: &str) -> String {
        let call = self.new_interface(network, short_name).subnet_ids(&network.subnets[1]);
        endpoint_id(call.security_group_ids(&network.group).private_dns_enabled(true)).await
    }

    pub(crate) async fn s3_gateway(&self, network: &Network) -> String {
        let call = self.ec2.create_vpc_endpoint().vpc_id(&network.vpc).service_name(self.service("s3"));
        endpoint_id(call.vpc_endpoint_type(VpcEndpointType::Gateway).route_table_ids(&network.route_table)).await
    }

    /// Returns an endpoint, which may have been created just now.
    pub(crate) async fn endpoint(&self, id: &str) -> VpcEndpoint {
        let read = async || {
            let answer = self.ec2.describe_vpc_endpoints().vpc_endpoint_ids(id).send().await.ok()?;
            answer.vpc_endpoints.and_then(|mut endpoints| endpoints.pop())
        };
        self.until("the endpoint is described", read).await
    }

    /// Waits until an endpoint can be used.
    pub(crate) async fn available(&self, id: &str) {
        let read = async || state_of(&self.endpoint(id).await).to_owned();
        self.reaches("the state of the endpoint", "available".to_owned(), read).await;
    }

    /// Waits until an endpoint is deleted. It may remain listed for a while.
    pub(crate) async fn deleted(&self, id: &str) {
        self.until("the endpoint is deleted", async || {
            let answer = self.ec2.describe_vpc_endpoints().vpc_endpoint_ids(id).send().await;
            let remains = answer.is_ok_and(|found| found.vpc_endpoints().iter().any(|one| state_of(one) != "deleted"));
            (!remains).then_some(())
        })
        .await;
    }

    /// Deletes endpoints, and returns the IDs and error codes of those that remain.
    pub(crate) async fn delete_endpoints(&self, ids: &[&str]) -> Vec<(String, String)> {
        let ids = ids.iter().map(|&id| id.to_owned()).collect();
        let answer = self.ec2.delete_vpc_endpoints().set_vpc_endpoint_ids(Some(ids)).send().await.expect("an answer");
        let items = answer.unsuccessful.unwrap_or_default();
        let read = |item: aws_sdk_ec2::types::UnsuccessfulItem| {
            (item.resource_id.unwrap_or_default(), item.error.and_then(|error| error.code).unwrap_or_default())
        };
        items.into_iter().map(read).collect()
    }

    /// Returns the subnet and the address of each network interface of an endpoint, sorted.
    pub(crate) async fn addresses(&self, endpoint: &str) -> Vec<(String, String)> {
        let ids = self.endpoint(endpoint).await.network_interface_ids.unwrap_or_default();
        let call = self.ec2.describe_network_interfaces().set_network_interface_ids(Some(ids));
        let found = call.send().await.expect("an answer").network_interfaces.unwrap_or_default();
        let mut places: Vec<_> =
            found.into_iter().filter_map(|one| Some((one.subnet_id?, one.private_ip_address?))).collect();
        places.sort();
        places
    }
}

/// Sends a call that creates an endpoint, and returns its ID.
pub(crate) async fn endpoint_id(call: CreateEndpoint) -> String {
    let answer = call.send().await.expect("an endpoint");
    answer.vpc_endpoint.and_then(|endpoint| endpoint.vpc_endpoint_id).expect("an id")
}

pub(crate) fn filter(name: &str, value: &str) -> Filter {
    Filter::builder().name(name).values(value).build()
}

pub(crate) fn tags(kind: ResourceType, tags: &[(&str, &str)]) -> TagSpecification {
    let tags = tags.iter().map(|(key, value)| Tag::builder().key(*key).value(*value).build()).collect();
    TagSpecification::builder().resource_type(kind).set_tags(Some(tags)).build()
}

pub(crate) fn permission(protocol: &str, port: i32, cidrs: &[&str]) -> IpPermission {
    let ranges = cidrs.iter().map(|cidr| IpRange::builder().cidr_ip(*cidr).build()).collect();
    IpPermission::builder().ip_protocol(protocol).from_port(port).to_port(port).set_ip_ranges(Some(ranges)).build()
}

pub(crate) fn fixed(subnet: &str, address: &str) -> SubnetConfiguration {
    SubnetConfiguration::builder().subnet_id(subnet).ipv4(address).build()
}

pub(crate) fn inbound_only(on: bool) -> DnsOptionsSpecification {
    DnsOptionsSpecification::builder().private_dns_only_for_inbound_resolver_endpoint(on).build()
}
