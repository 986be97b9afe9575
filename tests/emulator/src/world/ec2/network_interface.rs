//! Elastic network interfaces: those of callers, and those that AWS services manage.
//!
//! Source of the fields and values of an interface endpoint's interfaces, and of a private DNS name only where the VPC has DNS
//! host names: answers of DescribeNetworkInterfaces that cloud-custodian recorded between 2016 and 2025
//! (`tests/data/placebo`).
#![allow(missing_docs, reason = "fields carry the names of the EC2 API Reference, which documents them")]

use std::{collections::BTreeSet, net::Ipv4Addr};

use serde::{Deserialize, Serialize};

use crate::world::{
    Context, Region,
    action::{Action, DONE, Done, Service},
    address,
    ec2::{security_group, subnet::Subnet},
    error::AwsError,
    filters::{self, Filter, Filterable},
    ids::{NetworkInterfaceId, ResourceId, SecurityGroupId, SubnetId, VpcId},
    paging::Paging,
    sharing,
    tags::{self, TagItem, TagSpecification, Tags},
};

/// A network interface.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct NetworkInterface {
    pub id: NetworkInterfaceId,
    pub subnet: SubnetId,
    pub vpc: VpcId,
    pub zone: String,
    pub zone_id: String,
    pub address: Ipv4Addr,
    pub groups: BTreeSet<SecurityGroupId>,
    pub description: String,
    pub kind: Kind,
    pub tags: Tags,
}

/// The kind of owner of a network interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The interface of a caller.
    Own,
    /// The interface of an interface endpoint.
    VpcEndpoint,
    /// The interface of a Resolver endpoint.
    Resolver,
}

impl Kind {
    fn interface_type(self) -> &'static str {
        match self {
            // The enum has no value for Resolver. Source: aws-sdk-ec2, `NetworkInterfaceType`.
            Self::Own | Self::Resolver => "interface",
            Self::VpcEndpoint => "vpc_endpoint",
        }
    }

    fn requester_managed(self) -> bool {
        match self {
            Self::Own => false,
            Self::VpcEndpoint | Self::Resolver => true,
        }
    }

    fn status(self) -> &'static str {
        match self {
            Self::Own => "available",
            Self::VpcEndpoint | Self::Resolver => "in-use",
        }
    }
}

/// The properties of a new network interface.
pub(crate) struct Draft {
    pub(crate) address: Ipv4Addr,
    pub(crate) groups: BTreeSet<SecurityGroupId>,
    pub(crate) description: String,
    pub(crate) kind: Kind,
    pub(crate) tags: Tags,
}

impl NetworkInterface {
    /// Creates an interface in a subnet, with an address that is known to be free.
    pub(crate) fn place(id: NetworkInterfaceId, subnet: &Subnet, draft: Draft) -> Self {
        let Draft { address, groups, description, kind, tags } = draft;
        Self {
            id,
            subnet: subnet.id.clone(),
            vpc: subnet.vpc.clone(),
            zone: subnet.zone.clone(),
            zone_id: subnet.zone_id.clone(),
            address,
            groups,
            description,
            kind,
            tags,
        }
    }

    /// `interface` or `vpc_endpoint`.
    pub fn interface_type(&self) -> &'static str {
        self.kind.interface_type()
    }

    /// Whether an AWS service manages the interface.
    pub fn requester_managed(&self) -> bool {
        self.kind.requester_managed()
    }

    /// `available` or `in-use`.
    pub fn status(&self) -> &'static str {
        self.kind.status()
    }

    /// Returns the private DNS name, which the interface has if its VPC has DNS host names.
    fn private_dns_name(&self, region: &Region) -> Option<String> {
        region.vpcs.get(&self.vpc).filter(|vpc| vpc.dns_support && vpc.dns_hostnames)?;
        let place = self.zone.trim_end_matches(char::is_alphabetic);
        let domain = if place == "us-east-1" { "ec2.internal".to_owned() } else { format!("{place}.compute.internal") };
        Some(format!("ip-{}.{domain}", self.address.to_string().replace('.', "-")))
    }

    fn item(&self, region: &Region, owner: &str) -> NetworkInterfaceItem {
        let managed = self.requester_managed();
        let private_dns_name = self.private_dns_name(region);
        NetworkInterfaceItem {
            network_interface_id: self.id.clone(),
            subnet_id: self.subnet.clone(),
            vpc_id: self.vpc.clone(),
            availability_zone: self.zone.clone(),
            availability_zone_id: self.zone_id.clone(),
            description: self.description.clone(),
            owner_id: owner.to_owned(),
            requester_id: owner.to_owned(),
            requester_managed: managed,
            operator: Operator { managed: false },
            status: self.status(),
            mac_address: address::mac_of(&self.id),
            private_ip_address: self.address.to_string(),
            source_dest_check: true,
            interface_type: self.interface_type(),
            groups: security_group::identifiers(region, &self.groups),
            ipv6_addresses: [],
            private_ip_addresses: vec![PrivateAddress {
                primary: true,
                private_ip_address: self.address.to_string(),
                private_dns_name: private_dns_name.clone(),
            }],
            private_dns_name,
            attachment: managed.then(|| Attachment {
                attachment_id: format!("ela-attach-{}", self.id.as_str().trim_start_matches("eni-")),
                delete_on_termination: false,
                device_index: 1,
                instance_owner_id: "amazon-aws",
                status: "attached",
            }),
            tags: tags::items(&self.tags),
        }
    }
}

/// A network interface in the format of EC2.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NetworkInterfaceItem {
    pub network_interface_id: NetworkInterfaceId,
    pub subnet_id: SubnetId,
    pub vpc_id: VpcId,
    pub availability_zone: String,
    pub availability_zone_id: String,
    pub description: String,
    pub owner_id: String,
    pub requester_id: String,
    pub requester_managed: bool,
    pub operator: Operator,
    pub status: &'static str,
    pub mac_address: String,
    pub private_ip_address: String,
    pub source_dest_check: bool,
    pub interface_type: &'static str,
    #[serde(rename = "groupSet")]
    pub groups: Vec<security_group::GroupIdentifier>,
    #[serde(rename = "ipv6AddressesSet")]
    pub ipv6_addresses: [String; 0],
    #[serde(rename = "privateIpAddressesSet")]
    pub private_ip_addresses: Vec<PrivateAddress>,
    pub private_dns_name: Option<String>,
    pub attachment: Option<Attachment>,
    #[serde(rename = "tagSet")]
    pub tags: Vec<TagItem>,
}

/// Whether a service operates the interface for its owner; never the case in the emulator.
#[derive(Clone, Debug, Serialize)]
pub struct Operator {
    pub managed: bool,
}

/// A private address of an interface.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PrivateAddress {
    pub primary: bool,
    pub private_ip_address: String,
    pub private_dns_name: Option<String>,
}

/// The attachment of an interface to a service.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Attachment {
    pub attachment_id: String,
    pub delete_on_termination: bool,
    pub device_index: u8,
    pub instance_owner_id: &'static str,
    pub status: &'static str,
}

impl Filterable for NetworkInterface {
    const FILTERS: &'static [&'static str] = &[
        "addresses.primary",
        "addresses.private-ip-address",
        "attachment.status",
        "availability-zone",
        "availability-zone-id",
        "description",
        "group-id",
        "group-name",
        "interface-type",
        "mac-address",
        "network-interface-id",
        "private-ip-address",
        "requester-managed",
        "source-dest-check",
        "status",
        "subnet-id",
        "vpc-id",
    ];

    fn values(&self, filter: &str, region: &Region) -> Vec<String> {
        match filter {
            "addresses.primary" | "source-dest-check" => vec!["true".to_owned()],
            "addresses.private-ip-address" | "private-ip-address" => vec![self.address.to_string()],
            "attachment.status" if self.requester_managed() => vec!["attached".to_owned()],
            "availability-zone" => vec![self.zone.clone()],
            "availability-zone-id" => vec![self.zone_id.clone()],
            "description" => vec![self.description.clone()],
            "group-id" => self.groups.iter().map(ToString::to_string).collect(),
            "group-name" => {
                let groups = self.groups.iter().filter_map(|id| region.security_groups.get(id));
                groups.map(|group| group.name.clone()).collect()
            }
            "interface-type" => vec![self.interface_type().to_owned()],
            "mac-address" => vec![address::mac_of(&self.id)],
            "network-interface-id" => vec![self.id.to_string()],
            "requester-managed" => vec![self.requester_managed().to_string()],
            "status" => vec![self.status().to_owned()],
            "subnet-id" => vec![self.subnet.to_string()],
            "vpc-id" => vec![self.vpc.to_string()],
            _ => Vec::new(),
        }
    }

    fn tags(&self) -> Option<&Tags> {
        Some(&self.tags)
    }
}

/// Creates the interface of a caller.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct CreateNetworkInterface {
    pub subnet_id: String,
    pub description: Option<String>,
    pub private_ip_address: Option<String>,
    #[serde(default)]
    pub security_group_id: Vec<String>,
    #[serde(default)]
    pub tag_specification: Vec<TagSpecification>,
    pub client_token: Option<String>,
}

/// The created interface.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NetworkInterfaceCreated {
    pub network_interface: NetworkInterfaceItem,
    pub client_token: Option<String>,
}

impl Action for CreateNetworkInterface {
    const SERVICE: Service = Service::Ec2;
    const NAME: &'static str = "CreateNetworkInterface";
    type Answer = NetworkInterfaceCreated;

    fn run(self, context: &mut Context<'_>) -> Result<NetworkInterfaceCreated, AwsError> {
        let (owner, sight) = (&context.caller.account, context.sight());
        let region = context.region();
        if let Some(earlier) = region.tokens.replay(Self::NAME, self.client_token.as_deref(), &self)? {
            let interface = region.network_interfaces.get(&NetworkInterfaceId::parse(earlier)?);
            let interface = interface.ok_or_else(|| NetworkInterfaceId::from_text(earlier.to_owned()).not_found())?;
            let network_interface = interface.item(region, owner);
            return Ok(NetworkInterfaceCreated { network_interface, client_token: self.client_token });
        }
        let tags = tags::from_specifications(&self.tag_specification, "network-interface")?;
        if context.is_shared(|region| &region.subnets, &self.subnet_id) {
            return Err(sharing::not_modelled("Interfaces of a participant in a shared subnet"));
        }
        let (_, subnet) = region.subnets.find(&self.subnet_id, sight)?;
        let groups = security_group::resolve(context, &self.security_group_id, &subnet.vpc)?;
        let fixed = self.private_ip_address.as_deref().map(|text| {
            text.parse::<Ipv4Addr>()
                .map_err(|_| AwsError::value(format!("invalid value for parameter address: {text}")))
        });
        let fixed = fixed.transpose()?;
        if let Some((address, obstacle)) = fixed.and_then(|ip| Some((ip, address::obstacle(region, subnet, ip)?))) {
            return Err(obstacle.ec2_error(address));
        }
        let subnet = subnet.clone();
        let now = context.now();
        let region = context.region_mut();
        let id: NetworkInterfaceId = region.ids.mint();
        let address = match fixed {
            Some(address) => address,
            None => address::choose(region, &subnet, &[], region.ids.clone().next_number())?,
        };
        let description = self.description.clone().unwrap_or_default();
        let interface =
            NetworkInterface::place(id.clone(), &subnet, Draft { address, groups, description, kind: Kind::Own, tags });
        let item = interface.item(region, owner);
        region.tokens.record(Self::NAME, self.client_token.clone(), &self, id.to_string());
        region.network_interfaces.insert(id, interface, now);
        Ok(NetworkInterfaceCreated { network_interface: item, client_token: self.client_token })
    }
}

/// Deletes the interface of a caller.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct DeleteNetworkInterface {
    pub network_interface_id: String,
}

impl Action for DeleteNetworkInterface {
    const SERVICE: Service = Service::Ec2;
    const NAME: &'static str = "DeleteNetworkInterface";
    type Answer = Done;

    fn run(self, context: &mut Context<'_>) -> Result<Done, AwsError> {
        let sight = context.sight();
        let (id, interface) = context.region().network_interfaces.find(&self.network_interface_id, sight)?;
        // Source: EC2 User Guide, "Requester-managed network interfaces": "You can't modify or detach".
        if interface.requester_managed() {
            let message =
                format!("You do not have permission to access the specified resource: {id} is requester-managed.");
            return Err(AwsError::new("OperationNotPermitted", message));
        }
        context.region_mut().network_interfaces.remove(&id, sight);
        Ok(DONE)
    }
}

/// Lists network interfaces.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct DescribeNetworkInterfaces {
    #[serde(default)]
    pub network_interface_id: Vec<String>,
    #[serde(default)]
    pub filter: Vec<Filter>,
    pub max_results: Option<i32>,
    pub next_token: Option<String>,
}

/// The matching network interfaces.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NetworkInterfaces {
    #[serde(rename = "networkInterfaceSet")]
    pub network_interfaces: Vec<NetworkInterfaceItem>,
    pub next_token: Option<String>,
}

impl Action for DescribeNetworkInterfaces {
    const SERVICE: Service = Service::Ec2;
    const NAME: &'static str = "DescribeNetworkInterfaces";
    type Answer = NetworkInterfaces;

    fn run(self, context: &mut Context<'_>) -> Result<NetworkInterfaces, AwsError> {
        let by_id = !self.network_interface_id.is_empty();
        // Source: aws-sdk-ec2, `DescribeNetworkInterfacesInput::max_results`: it cannot be combined with IDs.
        if by_id && self.max_results.is_some() {
            let message = "The parameter networkInterfaceIds cannot be used with the parameter maxResults";
            return Err(AwsError::new("InvalidParameterCombination", message));
        }
        let region = context.region();
        let table = &region.network_interfaces;
        let rows = filters::select(table, &self.network_interface_id, &self.filter, region, context.sight())?;
        let (page, next_token) = Paging::ec2(Self::NAME).cut(
            rows,
            |interface| interface.id.as_str(),
            self.max_results,
            self.next_token.as_deref(),
            context.options.max_page.filter(|_| !by_id),
        )?;
        let owner = &context.caller.account;
        let network_interfaces = page.into_iter().map(|interface| interface.item(region, owner)).collect();
        Ok(NetworkInterfaces { network_interfaces, next_token })
    }
}
