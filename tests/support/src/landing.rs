//! The VPC that a platform team has before it installs the operator, created by the calls that a person would make.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use aws_sdk_ec2::types::{
    AttachmentStatus, AttributeBooleanValue, Filter, GatewayType, ResourceType, Tag, TagSpecification, VpnGateway,
};
use tokio::time::Instant;

use crate::aws::Aws;

/// The tag by which a class selects subnets; its value is a [`Use`].
pub const SUBNET_TAG: &str = "mgnet-role";

/// The name of the VPC, by which a class selects it.
pub const VPC_NAME: &str = "migration-landing";

/// The range of the VPC.
pub const VPC_CIDR: &str = "10.20.0.0/16";

/// The ranges that are routed to the premises: all private ones.
pub const PREMISES: [&str; 3] = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"];

/// How long the attachment of the virtual private gateway may take.
const TIMEOUT: Duration = Duration::from_mins(1);

/// The use of a subnet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Use {
    /// Interface endpoints and the resolver.
    Endpoints,
    /// Replication servers.
    Staging,
    /// Test and cutover instances.
    Launch,
}

impl Use {
    /// Returns the word for tags and names.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Endpoints => "endpoints",
            Self::Staging => "staging",
            Self::Launch => "launch",
        }
    }
}

impl fmt::Display for Use {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A VPC with its subnets and route tables by name. The subnets are `endpoints-1`, `endpoints-2`, `staging-1` and
/// `launch-1`, with the number of the zone. The route tables are `main`, `staging` and `launch`.
#[derive(Clone, Debug)]
pub struct Landing {
    /// The ID of the VPC.
    pub vpc: String,
    /// The names of the Region's zones, in order.
    pub zones: Vec<String>,
    /// The IDs of the subnets.
    pub subnets: BTreeMap<String, String>,
    /// The ranges of the subnets, each a /24.
    pub ranges: BTreeMap<String, String>,
    /// The IDs of the route tables.
    pub route_tables: BTreeMap<String, String>,
    /// The ID of the virtual private gateway at the end of the connection to the premises.
    pub gateway: String,
}

impl Landing {
    /// Creates the VPC of the Tokyo sample: DNS names on, two subnets for endpoints in two zones, one for replication
    /// servers and one for launched instances. Each of the last two has its own route table.
    pub async fn make(aws: &Aws) -> Result<Self> {
        let vpc = make_vpc(aws, VPC_NAME).await?;
        Self::make_in(aws, vpc).await
    }

    /// Creates the same subnets and route tables in an existing VPC, with routes to the premises.
    pub async fn make_in(aws: &Aws, vpc: String) -> Result<Self> {
        let zones = zones(aws).await?;
        let gateway = virtual_gateway(aws, &vpc).await?;
        let main = main_route_table(aws, &vpc).await?;
        route_to_premises(aws, &main, &gateway).await?;
        let route_tables = BTreeMap::from([("main".to_owned(), main)]);
        let mut landing = Self { vpc, zones, subnets: BTreeMap::new(), ranges: BTreeMap::new(), route_tables, gateway };
        for (use_, zone) in [(Use::Endpoints, 1), (Use::Endpoints, 2), (Use::Staging, 1), (Use::Launch, 1)] {
            landing.add_subnet(aws, use_, zone).await?;
        }
        for use_ in [Use::Staging, Use::Launch] {
            let subnet = landing.subnet(&format!("{use_}-1"))?.to_owned();
            landing.add_route_table(aws, use_.as_str(), &subnet).await?;
        }
        Ok(landing)
    }

    /// Returns the ID of a subnet by its name.
    pub fn subnet(&self, name: &str) -> Result<&str> {
        self.subnets.get(name).map(String::as_str).with_context(|| format!("there is no subnet '{name}'"))
    }

    /// Returns an address in a subnet by its last number.
    pub fn address(&self, subnet: &str, last: u8) -> Result<String> {
        let range = self.ranges.get(subnet).with_context(|| format!("there is no subnet '{subnet}'"))?;
        Ok(format!("{}{last}", range.trim_end_matches("0/24")))
    }

    /// Creates a subnet for a use in a zone, counted from 1, and returns its ID. Each pair of use and zone allows one
    /// subnet.
    pub async fn add_subnet(&mut self, aws: &Aws, use_: Use, zone: usize) -> Result<String> {
        let third = zone
            + match use_ {
                Use::Endpoints => 0,
                Use::Staging => 10,
                Use::Launch => 20,
            };
        let (name, range) = (format!("{use_}-{zone}"), format!("10.20.{third}.0/24"));
        let made = aws
            .ec2
            .create_subnet()
            .vpc_id(&self.vpc)
            .availability_zone(self.zones.get(zone.wrapping_sub(1)).context("the Region has no such zone")?)
            .cidr_block(&range)
            .tag_specifications(tags(ResourceType::Subnet, &[("Name", &name), (SUBNET_TAG, use_.as_str())]))
            .send()
            .await?;
        let id = made.subnet.and_then(|subnet| subnet.subnet_id).context("CreateSubnet returned no ID")?;
        self.ranges.insert(name.clone(), range);
        self.subnets.insert(name, id.clone());
        Ok(id)
    }

    /// Routes everything from the staging subnets to the virtual private gateway, as a landing zone does that has its firewall
    /// on premises. A network without the S3 gateway endpoint needs such a route.
    pub async fn route_out(&self, aws: &Aws) -> Result<()> {
        let table = self.route_tables.get("staging").context("there is no route table 'staging'")?;
        let request = aws.ec2.create_route().route_table_id(table).destination_cidr_block("0.0.0.0/0");
        request.gateway_id(&self.gateway).send().await?;
        Ok(())
    }

    /// Creates a route table with a name for a subnet, and returns its ID.
    pub async fn add_route_table(&mut self, aws: &Aws, name: &str, subnet: &str) -> Result<String> {
        let made = aws
            .ec2
            .create_route_table()
            .vpc_id(&self.vpc)
            .tag_specifications(tags(ResourceType::RouteTable, &[("Name", name)]))
            .send()
            .await?;
        let id = made.route_table.and_then(|table| table.route_table_id).context("CreateRouteTable returned no ID")?;
        aws.ec2.associate_route_table().route_table_id(&id).subnet_id(subnet).send().await?;
        route_to_premises(aws, &id, &self.gateway).await?;
        self.route_tables.insert(name.to_owned(), id.clone());
        Ok(id)
    }
}

/// Creates a VPC with a name, and returns its ID. DNS support and DNS hostnames are on, because private DNS needs them.
pub async fn make_vpc(aws: &Aws, name: &str) -> Result<String> {
    let made = aws
        .ec2
        .create_vpc()
        .cidr_block(VPC_CIDR)
        .tag_specifications(tags(ResourceType::Vpc, &[("Name", name)]))
        .send()
        .await?;
    let vpc = made.vpc.and_then(|vpc| vpc.vpc_id).context("CreateVpc returned no ID")?;
    let on = AttributeBooleanValue::builder().value(true).build();
    // The API accepts only one attribute per call.
    aws.ec2.modify_vpc_attribute().vpc_id(&vpc).enable_dns_support(on.clone()).send().await?;
    aws.ec2.modify_vpc_attribute().vpc_id(&vpc).enable_dns_hostnames(on).send().await?;
    Ok(vpc)
}

/// Creates a virtual private gateway, attaches it to the VPC, and returns its ID.
async fn virtual_gateway(aws: &Aws, vpc: &str) -> Result<String> {
    let made = aws.ec2.create_vpn_gateway().r#type(GatewayType::Ipsec1).send().await?;
    let id = made.vpn_gateway.and_then(|made| made.vpn_gateway_id).context("CreateVpnGateway returned no ID")?;
    aws.ec2.attach_vpn_gateway().vpn_gateway_id(&id).vpc_id(vpc).send().await?;
    let deadline = Instant::now() + TIMEOUT;
    loop {
        let found = aws.ec2.describe_vpn_gateways().vpn_gateway_ids(&id).send().await?;
        let mut attachments = found.vpn_gateways().iter().flat_map(VpnGateway::vpc_attachments);
        if attachments.any(|attachment| attachment.state() == Some(&AttachmentStatus::Attached)) {
            return Ok(id);
        }
        ensure!(Instant::now() < deadline, "{id} is not attached within {} s", TIMEOUT.as_secs());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Adds routes for all private addresses outside the VPC to a gateway.
pub async fn route_to_premises(aws: &Aws, table: &str, gateway: &str) -> Result<()> {
    for range in PREMISES {
        aws.ec2.create_route().route_table_id(table).destination_cidr_block(range).gateway_id(gateway).send().await?;
    }
    Ok(())
}

async fn zones(aws: &Aws) -> Result<Vec<String>> {
    let answer = aws.ec2.describe_availability_zones().send().await?;
    let mut zones: Vec<String> =
        answer.availability_zones.unwrap_or_default().into_iter().filter_map(|zone| zone.zone_name).collect();
    zones.sort();
    Ok(zones)
}

async fn main_route_table(aws: &Aws, vpc: &str) -> Result<String> {
    let answer = aws
        .ec2
        .describe_route_tables()
        .filters(Filter::builder().name("vpc-id").values(vpc).build())
        .filters(Filter::builder().name("association.main").values("true").build())
        .send()
        .await?;
    let table = answer.route_tables.unwrap_or_default().into_iter().next();
    table.and_then(|table| table.route_table_id).context("a new VPC has no main route table")
}

fn tags(resource_type: ResourceType, tags: &[(&str, &str)]) -> TagSpecification {
    let tags = tags.iter().map(|(key, value)| Tag::builder().key(*key).value(*value).build()).collect();
    TagSpecification::builder().resource_type(resource_type).set_tags(Some(tags)).build()
}
