//! Custom routes in route tables: CreateRoute, DeleteRoute, and the propagation of virtual private gateways.
//!
//! Destinations are IPv4 blocks and prefix lists, and targets are virtual private gateways and network interfaces. Gateways
//! propagate routes of VPN connections, which the emulator does not have; propagation can only be enabled and disabled.
#![allow(missing_docs, reason = "fields carry the names of the EC2 API Reference, which documents them")]

use ipnet::Ipv4Net;
use serde::Deserialize;

use crate::world::{
    Context, Region,
    action::{Action, DONE, Done, Service},
    ec2::{
        route_table::RouteTable,
        security_group::permission::{self, Peer},
        vpn_gateway::VpnGateway,
    },
    error::AwsError,
    ids::{NetworkInterfaceId, PrefixListId, RouteTableId, VpcId, VpnGatewayId},
};

/// The target of a route.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    Gateway(VpnGatewayId),
    Interface(NetworkInterfaceId),
}

impl Target {
    /// Returns the state of a route of this VPC. Source: aws-sdk-ec2, `Route::state`: `blackhole` "indicates that the
    /// route's target isn't available (for example, the specified gateway isn't attached to the VPC".
    pub(crate) fn state(&self, vpc: &VpcId, region: &Region) -> &'static str {
        let reached = match self {
            Self::Gateway(id) => region.vpn_gateways.get(id).is_some_and(|gateway| gateway.is_attached_to(vpc)),
            Self::Interface(id) => region.network_interfaces.get(id).is_some(),
        };
        if reached { "active" } else { "blackhole" }
    }
}

/// The destination of a route.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Destination {
    Block(Ipv4Net),
    PrefixList(PrefixListId),
}

impl Destination {
    /// Reads the destination of a call. Source: EC2 API Reference, CreateRoute: "You must specify either a destination CIDR
    /// block or a prefix list ID." The codes are ASSUMED (`ASSUMPTIONS.md`, "Codes").
    fn read(context: &Context<'_>, block: Option<&str>, prefix_list: Option<&str>) -> Result<Self, AwsError> {
        match (block, prefix_list) {
            (Some(block), None) => destination(block).map(Self::Block),
            (None, Some(id)) => match permission::parse_prefix_list(context, id)? {
                Peer::PrefixList(id) => Ok(Self::PrefixList(id)),
                Peer::Ipv4(_) | Peer::Ipv6(_) | Peer::Group(_) => Err(AwsError::value(id)),
            },
            (None, None) => Err(AwsError::missing("destinationCidrBlock or destinationPrefixListId")),
            (Some(_), Some(_)) => {
                let message = "The parameters destinationCidrBlock and destinationPrefixListId cannot be used together";
                Err(AwsError::new("InvalidParameterCombination", message))
            }
        }
    }
}

impl std::fmt::Display for Destination {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Block(block) => block.fmt(f),
            Self::PrefixList(id) => id.fmt(f),
        }
    }
}

/// Source: EC2 API Reference, CreateRoute: "We modify the specified CIDR block to its canonical form".
fn destination(text: &str) -> Result<Ipv4Net, AwsError> {
    let block: Result<Ipv4Net, _> = text.parse();
    block.map(|block| block.trunc()).map_err(|_| {
        let message =
            format!("Value ({text}) for parameter destinationCidrBlock is invalid. This is not a valid CIDR block.");
        AwsError::value(message)
    })
}

/// Returns the gateway with this ID, whatever its prefix. Source of the code: a NAT gateway as `GatewayId` in
/// devopsacademyau/academy pull request 906.
fn gateway<'c>(context: &'c Context<'_>, id: &str) -> Result<&'c VpnGateway, AwsError> {
    let found = context.region().vpn_gateways.find(id, context.sight()).ok().map(|(_, gateway)| gateway);
    found
        .filter(|gateway| gateway.exists())
        .ok_or_else(|| AwsError::new("InvalidGatewayID.NotFound", format!("The gateway ID '{id}' does not exist")))
}

/// Creates a route.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct CreateRoute {
    pub route_table_id: String,
    pub destination_cidr_block: Option<String>,
    pub destination_prefix_list_id: Option<String>,
    pub gateway_id: Option<String>,
    pub network_interface_id: Option<String>,
}

impl CreateRoute {
    /// Source: EC2 API Reference, CreateRoute: "exactly one of the resources". The codes are ASSUMED (`ASSUMPTIONS.md`,
    /// "Codes"). Source of the texts for a target elsewhere: smoketurner/serverless-vpc-plugin issue 147 (gateways),
    /// saltstack/salt issue 38791 (interfaces).
    fn target(&self, context: &Context<'_>, table: &RouteTable) -> Result<Target, AwsError> {
        let elsewhere =
            |what: &str| AwsError::value(format!("route table {} and {what} belong to different networks", table.id));
        match (&self.gateway_id, &self.network_interface_id) {
            (Some(id), None) => {
                let gateway = gateway(context, id)?;
                if gateway.is_attached_to(&table.vpc) {
                    Ok(Target::Gateway(gateway.id.clone()))
                } else {
                    Err(elsewhere(&format!("network gateway {id}")))
                }
            }
            (None, Some(id)) => {
                let (id, interface) = context.region().network_interfaces.find(id, context.sight())?;
                if interface.vpc == table.vpc {
                    Ok(Target::Interface(id))
                } else {
                    Err(elsewhere(&format!("interface {id}")))
                }
            }
            (None, None) => Err(AwsError::missing("gatewayId or networkInterfaceId")),
            (Some(_), Some(_)) => {
                let message = "The parameters gatewayId and networkInterfaceId cannot be used together";
                Err(AwsError::new("InvalidParameterCombination", message))
            }
        }
    }
}

impl Action for CreateRoute {
    const SERVICE: Service = Service::Ec2;
    const NAME: &'static str = "CreateRoute";
    type Answer = Done;

    fn run(self, context: &mut Context<'_>) -> Result<Done, AwsError> {
        let (block, list) = (self.destination_cidr_block.as_deref(), self.destination_prefix_list_id.as_deref());
        let destination = Destination::read(context, block, list)?;
        let (id, table) = context.own(|region| &region.route_tables, &self.route_table_id, Self::NAME)?;
        let target = self.target(context, table)?;
        if let Destination::Block(block) = destination {
            check_within_vpc(context.region(), table, block, &target)?;
        }
        // ASSUMED (`ASSUMPTIONS.md`, "Routes"): this holds even if the target is the same.
        if table.own_routes.contains_key(&destination) || has_endpoint(context.region(), &id, &destination) {
            return Err(already_exists(&destination));
        }
        if let Some(table) = context.region_mut().route_tables.get_mut(&id) {
            table.own_routes.insert(destination, target);
        }
        Ok(DONE)
    }
}

/// Source of the text: hashicorp/terraform-provider-aws issue 23866.
fn already_exists(destination: &Destination) -> AwsError {
    AwsError::new("RouteAlreadyExists", format!("The route identified by {destination} already exists."))
}

/// Whether a gateway endpoint has the route to this destination.
fn has_endpoint(region: &Region, table: &RouteTableId, destination: &Destination) -> bool {
    let Destination::PrefixList(list) = destination else { return false };
    region.vpc_endpoints.values().any(|one| one.routes_through(table) && one.prefix_list.as_ref() == Some(list))
}

/// Checks a route for the traffic within its VPC.
///
/// Source: VPC User Guide, "Route tables": a route that is more specific than the local one "must match the entire
/// IPv4 or IPv6 CIDR block of a subnet in your VPC. The target must be a NAT gateway, network interface, or Gateway
/// Load Balancer endpoint"; hashicorp/terraform-provider-aws issues 13896 (the code for other targets) and 23866 (the
/// block of the VPC itself, with an endpoint as target). That an interface gets the same answer as in the latter is
/// ASSUMED (`ASSUMPTIONS.md`, "Codes").
fn check_within_vpc(
    region: &Region,
    table: &RouteTable,
    destination: Ipv4Net,
    target: &Target,
) -> Result<(), AwsError> {
    let Some(vpc) = region.vpcs.get(&table.vpc).filter(|vpc| vpc.contains(destination)) else { return Ok(()) };
    match target {
        Target::Gateway(_) => Err(AwsError::value(format!(
            "The destination CIDR block {destination} is equal to or more specific than one of this VPC's CIDR blocks. \
             This route can target only an interface or an instance."
        ))),
        Target::Interface(_) if vpc.cidrs.values().any(|cidr| *cidr == destination) => {
            Err(already_exists(&Destination::Block(destination)))
        }
        Target::Interface(_) => {
            let of_vpc = |subnet: &&crate::world::ec2::subnet::Subnet| subnet.vpc == table.vpc;
            if region.subnets.values().filter(of_vpc).any(|subnet| subnet.cidr == Some(destination)) {
                Ok(())
            } else {
                let message =
                    format!("The destination CIDR block {destination} is not the one of a subnet of the VPC.");
                Err(AwsError::value(message))
            }
        }
    }
}

/// Deletes a route that CreateRoute created.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct DeleteRoute {
    pub route_table_id: String,
    pub destination_cidr_block: Option<String>,
    pub destination_prefix_list_id: Option<String>,
}

impl Action for DeleteRoute {
    const SERVICE: Service = Service::Ec2;
    const NAME: &'static str = "DeleteRoute";
    type Answer = Done;

    fn run(self, context: &mut Context<'_>) -> Result<Done, AwsError> {
        let (block, list) = (self.destination_cidr_block.as_deref(), self.destination_prefix_list_id.as_deref());
        let destination = Destination::read(context, block, list)?;
        let (id, table) = context.own(|region| &region.route_tables, &self.route_table_id, Self::NAME)?;
        if !table.own_routes.contains_key(&destination) {
            return Err(no_such_route(context.region(), table, &destination));
        }
        if let Some(table) = context.region_mut().route_tables.get_mut(&id) {
            table.own_routes.remove(&destination);
        }
        Ok(DONE)
    }
}

/// Source of codes and texts: hashicorp/terraform-provider-aws, `internal/service/ec2/vpc_route.go`, which depends on
/// them. Those for prefix lists are ASSUMED (`ASSUMPTIONS.md`, "Codes").
fn no_such_route(region: &Region, table: &RouteTable, destination: &Destination) -> AwsError {
    let vpc = region.vpcs.get(&table.vpc);
    let id = &table.id;
    match destination {
        Destination::Block(block) if vpc.is_some_and(|vpc| vpc.cidrs.values().any(|cidr| cidr == block)) => {
            AwsError::value(format!("cannot remove local route {block} in route table {id}"))
        }
        Destination::Block(block) => {
            let message = format!("no route with destination-cidr-block {block} in route table {id}");
            AwsError::new("InvalidRoute.NotFound", message)
        }
        Destination::PrefixList(list) if has_endpoint(region, id, destination) => {
            AwsError::value(format!("cannot remove VPC endpoint route {list} in route table {id}"))
        }
        Destination::PrefixList(list) => {
            let message = format!("no route with destination-prefix-list-id {list} in route table {id}");
            AwsError::new("InvalidRoute.NotFound", message)
        }
    }
}

/// Enables the propagation of a gateway's routes into a route table.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct EnableVgwRoutePropagation {
    pub gateway_id: String,
    pub route_table_id: String,
}

impl Action for EnableVgwRoutePropagation {
    const SERVICE: Service = Service::Ec2;
    const NAME: &'static str = "EnableVgwRoutePropagation";
    type Answer = Done;

    fn run(self, context: &mut Context<'_>) -> Result<Done, AwsError> {
        let (id, table) = context.own(|region| &region.route_tables, &self.route_table_id, Self::NAME)?;
        let gateway = gateway(context, &self.gateway_id)?;
        // Source: EC2 API Reference, EnableVgwRoutePropagation: the gateway must be attached to the VPC of the table.
        // Source of the code: hashicorp/terraform-provider-aws, `internal/service/ec2/vpc_route_table.go`, which
        // retries on it.
        if !gateway.is_attached_to(&table.vpc) {
            let message = format!("resource {} is not attached to network {}", gateway.id, table.vpc);
            return Err(AwsError::new("Gateway.NotAttached", message));
        }
        let gateway = gateway.id.clone();
        if let Some(table) = context.region_mut().route_tables.get_mut(&id) {
            table.propagating.insert(gateway);
        }
        Ok(DONE)
    }
}

/// Disables the propagation of a gateway's routes into a route table.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct DisableVgwRoutePropagation {
    pub gateway_id: String,
    pub route_table_id: String,
}

impl Action for DisableVgwRoutePropagation {
    const SERVICE: Service = Service::Ec2;
    const NAME: &'static str = "DisableVgwRoutePropagation";
    type Answer = Done;

    /// That the call succeeds without enabled propagation is ASSUMED (`ASSUMPTIONS.md`, "Routes").
    fn run(self, context: &mut Context<'_>) -> Result<Done, AwsError> {
        let (id, _) = context.own(|region| &region.route_tables, &self.route_table_id, Self::NAME)?;
        let gateway = gateway(context, &self.gateway_id)?.id.clone();
        if let Some(table) = context.region_mut().route_tables.get_mut(&id) {
            table.propagating.remove(&gateway);
        }
        Ok(DONE)
    }
}
