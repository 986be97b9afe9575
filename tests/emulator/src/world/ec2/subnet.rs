//! Subnets: CreateSubnet, DeleteSubnet, DescribeSubnets. A subnet has either an IPv4 or an IPv6 block.
#![allow(missing_docs, reason = "fields carry the names of the EC2 API Reference, which documents them")]

use std::collections::BTreeMap;

use ipnet::{Ipv4Net, Ipv6Net};
use serde::{Deserialize, Serialize};

use crate::world::{
    Context, Region,
    action::{Action, DONE, Done, Service},
    address::{self, parse_block},
    ec2::{cidr_reservation::CidrReservation, vpc::cidr_block::Ipv6Association},
    error::AwsError,
    filters::{Filter, Filterable},
    ids::{ResourceId, SubnetCidrReservationId, SubnetId, VpcId},
    paging::Paging,
    tags::{self, TagItem, TagSpecification, Tags},
    zones::{self, Zone},
};

/// A subnet.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Subnet {
    pub id: SubnetId,
    pub vpc: VpcId,
    /// The IPv4 block; `None` for a subnet with IPv6 only.
    pub cidr: Option<Ipv4Net>,
    pub ipv6: Option<Ipv6Net>,
    /// The blocks from which AWS chooses no addresses.
    pub reservations: BTreeMap<SubnetCidrReservationId, CidrReservation>,
    /// The name of its Availability Zone.
    pub zone: String,
    pub zone_id: String,
    pub tags: Tags,
    owner: String,
    arn: String,
}

impl Subnet {
    fn item(&self, region: &Region) -> SubnetItem {
        SubnetItem {
            subnet_id: self.id.clone(),
            subnet_arn: self.arn.clone(),
            state: "available",
            vpc_id: self.vpc.clone(),
            cidr_block: self.cidr.map(|cidr| cidr.to_string()),
            available_ip_address_count: address::free_count(region, self),
            availability_zone: self.zone.clone(),
            availability_zone_id: self.zone_id.clone(),
            default_for_az: false,
            map_public_ip_on_launch: false,
            map_customer_owned_ip_on_launch: false,
            assign_ipv6_address_on_creation: false,
            ipv6_cidr_associations: self
                .ipv6
                .map(|block| Ipv6Association::of(&self.id, block, "associated"))
                .into_iter()
                .collect(),
            ipv6_native: self.cidr.is_none(),
            enable_dns64: false,
            private_dns_name_options_on_launch: NameOptions {
                hostname_type: "ip-name",
                enable_resource_name_dns_a_record: false,
                enable_resource_name_dns_aaaa_record: false,
            },
            block_public_access_states: BlockStates { internet_gateway_block_mode: "off" },
            owner_id: self.owner.clone(),
            tags: tags::items(&self.tags),
        }
    }
}

/// A subnet in the format of EC2. Source of the fields: answers of DescribeSubnets that cloud-custodian recorded up to
/// 2026 (`tests/data/placebo`).
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_excessive_bools, reason = "AWS has six")]
pub struct SubnetItem {
    pub subnet_id: SubnetId,
    pub subnet_arn: String,
    pub state: &'static str,
    pub vpc_id: VpcId,
    pub cidr_block: Option<String>,
    pub available_ip_address_count: usize,
    pub availability_zone: String,
    pub availability_zone_id: String,
    pub default_for_az: bool,
    pub map_public_ip_on_launch: bool,
    pub map_customer_owned_ip_on_launch: bool,
    pub assign_ipv6_address_on_creation: bool,
    #[serde(rename = "ipv6CidrBlockAssociationSet")]
    pub ipv6_cidr_associations: Vec<Ipv6Association>,
    pub ipv6_native: bool,
    #[serde(rename = "enableDns64")]
    pub enable_dns64: bool,
    pub private_dns_name_options_on_launch: NameOptions,
    pub block_public_access_states: BlockStates,
    pub owner_id: String,
    #[serde(rename = "tagSet")]
    pub tags: Vec<TagItem>,
}

/// The host names of new instances.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NameOptions {
    pub hostname_type: &'static str,
    #[serde(rename = "enableResourceNameDnsARecord")]
    pub enable_resource_name_dns_a_record: bool,
    #[serde(rename = "enableResourceNameDnsAAAARecord")]
    pub enable_resource_name_dns_aaaa_record: bool,
}

/// Whether the account blocks access from and to the internet.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BlockStates {
    pub internet_gateway_block_mode: &'static str,
}

impl Filterable for Subnet {
    const FILTERS: &'static [&'static str] = &[
        "availability-zone",
        "availability-zone-id",
        "available-ip-address-count",
        "cidr",
        "cidr-block",
        "cidrBlock",
        "default-for-az",
        "map-public-ip-on-launch",
        "owner-id",
        "state",
        "subnet-arn",
        "subnet-id",
        "vpc-id",
    ];

    fn values(&self, filter: &str, region: &Region) -> Vec<String> {
        match filter {
            "availability-zone" => vec![self.zone.clone()],
            "availability-zone-id" => vec![self.zone_id.clone()],
            "available-ip-address-count" => vec![address::free_count(region, self).to_string()],
            "cidr" | "cidr-block" | "cidrBlock" => self.cidr.iter().map(ToString::to_string).collect(),
            "default-for-az" | "map-public-ip-on-launch" => vec!["false".to_owned()],
            "owner-id" => vec![self.owner.clone()],
            "state" => vec!["available".to_owned()],
            "subnet-arn" => vec![self.arn.clone()],
            "subnet-id" => vec![self.id.to_string()],
            "vpc-id" => vec![self.vpc.to_string()],
            _ => Vec::new(),
        }
    }

    fn tags(&self) -> Option<&Tags> {
        Some(&self.tags)
    }
}

/// Creates a subnet in a VPC.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct CreateSubnet {
    pub vpc_id: String,
    pub cidr_block: Option<String>,
    pub ipv6_cidr_block: Option<String>,
    pub ipv6_native: Option<bool>,
    pub availability_zone: Option<String>,
    pub availability_zone_id: Option<String>,
    #[serde(default)]
    pub tag_specification: Vec<TagSpecification>,
}

/// The created subnet.
#[derive(Clone, Debug, Serialize)]
pub struct SubnetCreated {
    pub subnet: SubnetItem,
}

impl CreateSubnet {
    /// Returns the IPv4 block, or the IPv6 block of a subnet with IPv6 only. Source: EC2 API Reference, CreateSubnet,
    /// `Ipv6Native`. The codes are ASSUMED (`ASSUMPTIONS.md`, "Codes").
    fn blocks(&self) -> Result<(Option<Ipv4Net>, Option<Ipv6Net>), AwsError> {
        match (&self.cidr_block, &self.ipv6_cidr_block) {
            (Some(block), None) if self.ipv6_native != Some(true) => {
                Ok((Some(parse_block(block, "InvalidSubnet.Range")?), None))
            }
            (None, Some(block)) if self.ipv6_native == Some(true) => {
                let message = || AwsError::value(format!("Value ({block}) for parameter ipv6CidrBlock is invalid."));
                Ok((None, Some(block.parse::<Ipv6Net>().map_err(|_| message())?.trunc())))
            }
            (None, None) if self.ipv6_native == Some(true) => Err(AwsError::missing("ipv6CidrBlock")),
            (None, _) => Err(AwsError::missing("cidrBlock")),
            (Some(_), _) => {
                let message = "The parameter cidrBlock cannot be used with ipv6Native or ipv6CidrBlock here";
                Err(AwsError::new("InvalidParameterCombination", message))
            }
        }
    }

    fn zone(&self, region: &str) -> Result<Zone, AwsError> {
        let all = zones::of(region);
        let wanted = |zone: &Zone| {
            self.availability_zone.as_deref().is_none_or(|name| name == zone.name)
                && self.availability_zone_id.as_deref().is_none_or(|id| id == zone.id)
        };
        all.iter().find(|zone| wanted(zone)).cloned().ok_or_else(|| {
            let names: Vec<&str> = all.iter().map(|zone| zone.name.as_str()).collect();
            let asked = self.availability_zone.as_ref().or(self.availability_zone_id.as_ref());
            AwsError::value(format!(
                "Value ({}) for parameter availabilityZone is invalid. Subnets can currently only be created in the \
                 following availability zones: {}.",
                asked.map_or("", String::as_str),
                names.join(", ")
            ))
        })
    }
}

impl Action for CreateSubnet {
    const SERVICE: Service = Service::Ec2;
    const NAME: &'static str = "CreateSubnet";
    type Answer = SubnetCreated;

    fn run(self, context: &mut Context<'_>) -> Result<SubnetCreated, AwsError> {
        let (cidr, ipv6) = self.blocks()?;
        let tags = tags::from_specifications(&self.tag_specification, "subnet")?;
        let zone = self.zone(&context.caller.region)?;
        let (vpc_id, vpc) = context.own(|region| &region.vpcs, &self.vpc_id, Self::NAME)?;
        // Source of both codes: EC2 API Reference, "Error codes".
        if let Some(cidr) = cidr.filter(|cidr| !vpc.contains(*cidr)) {
            return Err(AwsError::new("InvalidSubnet.Range", format!("The CIDR '{cidr}' is invalid.")));
        }
        if let Some(block) = ipv6.filter(|block| !vpc.ipv6.is_some_and(|of_vpc| of_vpc.contains(block))) {
            return Err(AwsError::new("InvalidSubnet.Range", format!("The CIDR '{block}' is invalid.")));
        }
        let overlaps = |other: &Subnet| {
            let with_ipv4 = other.cidr.zip(cidr).is_some_and(|(a, b)| a.contains(&b) || b.contains(&a));
            with_ipv4 || other.ipv6.is_some_and(|block| Some(block) == ipv6)
        };
        if context.region().subnets.values().filter(|subnet| subnet.vpc == vpc_id).any(overlaps) {
            let block = cidr.map(|cidr| cidr.to_string()).or_else(|| ipv6.map(|block| block.to_string()));
            let message = format!("The CIDR '{}' conflicts with another subnet", block.unwrap_or_default());
            return Err(AwsError::new("InvalidSubnet.Conflict", message));
        }
        let (now, caller) = (context.now(), context.caller);
        let region = context.region_mut();
        let id: SubnetId = region.ids.mint();
        let arn =
            format!("arn:{}:ec2:{}:{}:subnet/{id}", zones::partition(&caller.region), caller.region, caller.account);
        let subnet = Subnet {
            id: id.clone(),
            vpc: vpc_id,
            cidr,
            ipv6,
            reservations: BTreeMap::new(),
            zone: zone.name,
            zone_id: zone.id,
            tags,
            owner: caller.account.clone(),
            arn,
        };
        region.associate_default_network_acl(&subnet.vpc, &id);
        let item = subnet.item(region);
        region.subnets.insert(id, subnet, now);
        Ok(SubnetCreated { subnet: item })
    }
}

/// Deletes a subnet without network interfaces.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct DeleteSubnet {
    pub subnet_id: String,
}

impl Action for DeleteSubnet {
    const SERVICE: Service = Service::Ec2;
    const NAME: &'static str = "DeleteSubnet";
    type Answer = Done;

    fn run(self, context: &mut Context<'_>) -> Result<Done, AwsError> {
        let sight = context.sight();
        let (id, _) = context.own(|region| &region.subnets, &self.subnet_id, Self::NAME)?;
        let region = context.region_mut();
        if region.network_interfaces.values().any(|interface| interface.subnet == id) {
            let message = format!("The subnet '{id}' has dependencies and cannot be deleted.");
            return Err(AwsError::new("DependencyViolation", message));
        }
        for (_, table) in region.route_tables.iter_mut() {
            table.subnets.retain(|_, subnet| *subnet != id);
        }
        region.dissociate_network_acl(&id);
        region.subnets.remove(&id, sight);
        Ok(DONE)
    }
}

/// Lists subnets.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct DescribeSubnets {
    #[serde(default)]
    pub subnet_id: Vec<String>,
    #[serde(default)]
    pub filter: Vec<Filter>,
    pub max_results: Option<i32>,
    pub next_token: Option<String>,
}

/// The matching subnets.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Subnets {
    #[serde(rename = "subnetSet")]
    pub subnets: Vec<SubnetItem>,
    pub next_token: Option<String>,
}

impl Action for DescribeSubnets {
    const SERVICE: Service = Service::Ec2;
    const NAME: &'static str = "DescribeSubnets";
    type Answer = Subnets;

    fn run(self, context: &mut Context<'_>) -> Result<Subnets, AwsError> {
        let rows = context.select(|region| &region.subnets, &self.subnet_id, &self.filter)?;
        let (page, next_token) = Paging::ec2(Self::NAME).cut(
            rows,
            |seen| seen.row.id.as_str(),
            self.max_results,
            self.next_token.as_deref(),
            context.options.max_page,
        )?;
        Ok(Subnets { subnets: page.iter().map(|seen| seen.row.item(seen.region)).collect(), next_token })
    }
}
