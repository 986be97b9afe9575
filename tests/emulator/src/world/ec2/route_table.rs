//! Route tables and their associations with subnets.
//!
//! Only custom routes are stored (`route.rs`). A table also has the local routes of its VPC, and one route for each
//! gateway endpoint that lists the table.
#![allow(missing_docs, reason = "fields carry the names of the EC2 API Reference, which documents them")]

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};

use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};

use crate::world::{
    Context, Region,
    action::{Action, DONE, Done, Service},
    ec2::route::{Destination, Target},
    error::AwsError,
    filters::{Filter, Filterable},
    ids::{
        NetworkInterfaceId, PrefixListId, ResourceId, RouteTableAssociationId, RouteTableId, SubnetId, VpcId,
        VpnGatewayId,
    },
    paging::Paging,
    tags::{self, TagItem, TagSpecification, Tags},
};

/// A route table.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RouteTable {
    pub id: RouteTableId,
    pub vpc: VpcId,
    /// The association with the VPC, if this is its main table.
    main: Option<RouteTableAssociationId>,
    /// The associations with subnets.
    pub subnets: BTreeMap<RouteTableAssociationId, SubnetId>,
    /// The custom routes.
    pub own_routes: BTreeMap<Destination, Target>,
    /// The gateways whose routes are propagated.
    pub propagating: BTreeSet<VpnGatewayId>,
    pub tags: Tags,
}

impl RouteTable {
    pub(crate) fn new(id: RouteTableId, vpc: VpcId, main: Option<RouteTableAssociationId>, tags: Tags) -> Self {
        Self {
            id,
            vpc,
            main,
            subnets: BTreeMap::new(),
            own_routes: BTreeMap::new(),
            propagating: BTreeSet::new(),
            tags,
        }
    }

    /// Whether this is the main table, which subnets without an explicit association use.
    pub fn is_main(&self) -> bool {
        self.main.is_some()
    }

    /// Returns all routes of the table.
    pub(crate) fn routes(&self, region: &Region) -> Vec<Route> {
        let local = region.vpcs.get(&self.vpc).into_iter().flat_map(|vpc| vpc.cidrs.values());
        let mut routes: Vec<Route> = local
            .map(|cidr| Route {
                destination_cidr_block: Some(cidr.to_string()),
                destination_prefix_list_id: None,
                gateway_id: Some("local".to_owned()),
                network_interface_id: None,
                origin: "CreateRouteTable",
                state: "active",
            })
            .collect();
        let gateways = region.vpc_endpoints.values().filter(|endpoint| endpoint.routes_through(&self.id));
        routes.extend(gateways.filter_map(|endpoint| {
            Some(Route {
                destination_cidr_block: None,
                destination_prefix_list_id: Some(endpoint.prefix_list.clone()?),
                gateway_id: Some(endpoint.id.to_string()),
                network_interface_id: None,
                origin: "CreateRoute",
                state: "active",
            })
        }));
        routes.extend(self.own_routes.iter().map(|(destination, target)| {
            let (gateway_id, network_interface_id) = match target {
                Target::Gateway(id) => (Some(id.to_string()), None),
                Target::Interface(id) => (None, Some(id.clone())),
            };
            let (destination_cidr_block, destination_prefix_list_id) = match destination {
                Destination::Block(block) => (Some(block.to_string()), None),
                Destination::PrefixList(id) => (None, Some(id.clone())),
            };
            Route {
                destination_cidr_block,
                destination_prefix_list_id,
                gateway_id,
                network_interface_id,
                origin: "CreateRoute",
                state: target.state(&self.vpc, region),
            }
        }));
        routes.sort_by(|a, b| a.place().cmp(&b.place()));
        routes
    }

    fn item(&self, region: &Region, owner: &str) -> RouteTableItem {
        let state = || AssociationState { state: "associated" };
        let main = self.main.iter().map(|id| Association {
            association_id: id.clone(),
            route_table_id: self.id.clone(),
            subnet_id: None,
            main: true,
            state: state(),
        });
        let subnets = self.subnets.iter().map(|(id, subnet)| Association {
            association_id: id.clone(),
            route_table_id: self.id.clone(),
            subnet_id: Some(subnet.clone()),
            main: false,
            state: state(),
        });
        RouteTableItem {
            route_table_id: self.id.clone(),
            vpc_id: self.vpc.clone(),
            routes: self.routes(region),
            associations: main.chain(subnets).collect(),
            propagating_gateways: self
                .propagating
                .iter()
                .cloned()
                .map(|gateway_id| PropagatingGateway { gateway_id })
                .collect(),
            owner_id: owner.to_owned(),
            tags: tags::items(&self.tags),
        }
    }
}

/// A route table in the format of EC2.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RouteTableItem {
    pub route_table_id: RouteTableId,
    pub vpc_id: VpcId,
    #[serde(rename = "routeSet")]
    pub routes: Vec<Route>,
    #[serde(rename = "associationSet")]
    pub associations: Vec<Association>,
    #[serde(rename = "propagatingVgwSet")]
    pub propagating_gateways: Vec<PropagatingGateway>,
    pub owner_id: String,
    #[serde(rename = "tagSet")]
    pub tags: Vec<TagItem>,
}

/// A gateway whose routes are propagated.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PropagatingGateway {
    pub gateway_id: VpnGatewayId,
}

/// A route.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Route {
    pub destination_cidr_block: Option<String>,
    pub destination_prefix_list_id: Option<PrefixListId>,
    pub gateway_id: Option<String>,
    pub network_interface_id: Option<NetworkInterfaceId>,
    pub origin: &'static str,
    pub state: &'static str,
}

impl Route {
    /// Returns the place of the route in the list: the most specific blocks first, and prefix lists last.
    ///
    /// Source: answers of DescribeRouteTables that cloud-custodian recorded between 2017 and 2026 (`tests/data/placebo`).
    /// They have blocks of the same length in different orders.
    fn place(&self) -> (Reverse<u8>, Option<&PrefixListId>) {
        let block: Option<Ipv4Net> = self.destination_cidr_block.as_ref().and_then(|block| block.parse().ok());
        (Reverse(block.map_or(0, |block| block.prefix_len() + 1)), self.destination_prefix_list_id.as_ref())
    }
}

/// An association of a table.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Association {
    #[serde(rename = "routeTableAssociationId")]
    pub association_id: RouteTableAssociationId,
    pub route_table_id: RouteTableId,
    pub subnet_id: Option<SubnetId>,
    pub main: bool,
    #[serde(rename = "associationState")]
    pub state: AssociationState,
}

/// The state of an association.
#[derive(Clone, Debug, Serialize)]
pub struct AssociationState {
    pub state: &'static str,
}

impl Filterable for RouteTable {
    const FILTERS: &'static [&'static str] = &[
        "association.main",
        "association.route-table-association-id",
        "association.route-table-id",
        "association.subnet-id",
        "route-table-id",
        "route.destination-cidr-block",
        "route.destination-prefix-list-id",
        "route.gateway-id",
        "route.origin",
        "route.state",
        "vpc-id",
    ];

    fn values(&self, filter: &str, region: &Region) -> Vec<String> {
        let routes = || self.routes(region).into_iter();
        match filter {
            "association.main" => {
                let main = self.main.iter().map(|_| "true".to_owned());
                main.chain(self.subnets.keys().map(|_| "false".to_owned())).collect()
            }
            "association.route-table-association-id" => {
                self.main.iter().chain(self.subnets.keys()).map(ToString::to_string).collect()
            }
            "association.route-table-id" => {
                self.main.iter().chain(self.subnets.keys()).map(|_| self.id.to_string()).collect()
            }
            "association.subnet-id" => self.subnets.values().map(ToString::to_string).collect(),
            "route-table-id" => vec![self.id.to_string()],
            "route.destination-cidr-block" => routes().filter_map(|route| route.destination_cidr_block).collect(),
            "route.destination-prefix-list-id" => {
                routes().filter_map(|route| Some(route.destination_prefix_list_id?.to_string())).collect()
            }
            "route.gateway-id" => routes().filter_map(|route| route.gateway_id).collect(),
            "route.origin" => routes().map(|route| route.origin.to_owned()).collect(),
            "route.state" => routes().map(|route| route.state.to_owned()).collect(),
            "vpc-id" => vec![self.vpc.to_string()],
            _ => Vec::new(),
        }
    }

    fn tags(&self) -> Option<&Tags> {
        Some(&self.tags)
    }
}

/// Creates a route table with only the local routes.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct CreateRouteTable {
    pub vpc_id: String,
    #[serde(default)]
    pub tag_specification: Vec<TagSpecification>,
    pub client_token: Option<String>,
}

/// The created table.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RouteTableCreated {
    pub route_table: RouteTableItem,
    pub client_token: Option<String>,
}

impl Action for CreateRouteTable {
    const SERVICE: Service = Service::Ec2;
    const NAME: &'static str = "CreateRouteTable";
    type Answer = RouteTableCreated;

    fn run(self, context: &mut Context<'_>) -> Result<RouteTableCreated, AwsError> {
        let owner = &context.caller.account;
        let region = context.region();
        if let Some(earlier) = region.tokens.replay(Self::NAME, self.client_token.as_deref(), &self)? {
            let table = region.route_tables.get(&RouteTableId::parse(earlier)?);
            let table = table.ok_or_else(|| RouteTableId::from_text(earlier.to_owned()).not_found())?;
            return Ok(RouteTableCreated { route_table: table.item(region, owner), client_token: self.client_token });
        }
        let tags = tags::from_specifications(&self.tag_specification, "route-table")?;
        let (vpc, _) = context.own(|region| &region.vpcs, &self.vpc_id, Self::NAME)?;
        let now = context.now();
        let region = context.region_mut();
        let table = RouteTable::new(region.ids.mint(), vpc, None, tags);
        let item = table.item(region, owner);
        region.tokens.record(Self::NAME, self.client_token.clone(), &self, table.id.to_string());
        region.route_tables.insert(table.id.clone(), table, now);
        Ok(RouteTableCreated { route_table: item, client_token: self.client_token })
    }
}

/// Deletes a route table that nothing is associated with.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct DeleteRouteTable {
    pub route_table_id: String,
}

impl Action for DeleteRouteTable {
    const SERVICE: Service = Service::Ec2;
    const NAME: &'static str = "DeleteRouteTable";
    type Answer = Done;

    fn run(self, context: &mut Context<'_>) -> Result<Done, AwsError> {
        let sight = context.sight();
        let (id, table) = context.own(|region| &region.route_tables, &self.route_table_id, Self::NAME)?;
        // Source: EC2 API Reference, DeleteRouteTable: "You must disassociate the route table from any subnets before you
        // can delete it. You can't delete the main route table."
        if table.is_main() || !table.subnets.is_empty() {
            let message = format!("The routeTable '{id}' has dependencies and cannot be deleted.");
            return Err(AwsError::new("DependencyViolation", message));
        }
        let region = context.region_mut();
        // ASSUMED (`ASSUMPTIONS.md`, "Route tables"): a gateway endpoint does not prevent the deletion.
        for (_, endpoint) in region.vpc_endpoints.iter_mut() {
            endpoint.route_tables.remove(&id);
        }
        region.route_tables.remove(&id, sight);
        Ok(DONE)
    }
}

/// Associates a route table with a subnet.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct AssociateRouteTable {
    pub route_table_id: String,
    pub subnet_id: String,
}

/// The created association.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RouteTableAssociated {
    pub association_id: RouteTableAssociationId,
    pub association_state: AssociationState,
}

impl Action for AssociateRouteTable {
    const SERVICE: Service = Service::Ec2;
    const NAME: &'static str = "AssociateRouteTable";
    type Answer = RouteTableAssociated;

    fn run(self, context: &mut Context<'_>) -> Result<RouteTableAssociated, AwsError> {
        let region = context.region();
        let (table_id, table) = context.own(|region| &region.route_tables, &self.route_table_id, Self::NAME)?;
        let (subnet_id, subnet) = context.own(|region| &region.subnets, &self.subnet_id, Self::NAME)?;
        if subnet.vpc != table.vpc {
            let message = format!("Route table {table_id} and subnet {subnet_id} belong to different networks");
            return Err(AwsError::value(message));
        }
        // Source: EC2 API Reference, "Error codes".
        if region.route_tables.values().any(|table| table.subnets.values().any(|other| *other == subnet_id)) {
            let message =
                format!("the specified association for route table {table_id} conflicts with an existing association");
            return Err(AwsError::new("Resource.AlreadyAssociated", message));
        }
        let region = context.region_mut();
        let association_id: RouteTableAssociationId = region.ids.mint();
        if let Some(table) = region.route_tables.get_mut(&table_id) {
            table.subnets.insert(association_id.clone(), subnet_id);
        }
        Ok(RouteTableAssociated { association_id, association_state: AssociationState { state: "associated" } })
    }
}

/// Disassociates a route table from a subnet.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct DisassociateRouteTable {
    pub association_id: String,
}

impl Action for DisassociateRouteTable {
    const SERVICE: Service = Service::Ec2;
    const NAME: &'static str = "DisassociateRouteTable";
    type Answer = Done;

    fn run(self, context: &mut Context<'_>) -> Result<Done, AwsError> {
        let id = RouteTableAssociationId::parse(&self.association_id)?;
        if context.region().route_tables.values().any(|table| table.main.as_ref() == Some(&id)) {
            return Err(AwsError::value(format!("cannot disassociate the main route table association {id}")));
        }
        let region = context.region_mut();
        let removed = region.route_tables.iter_mut().any(|(_, table)| table.subnets.remove(&id).is_some());
        if removed { Ok(DONE) } else { Err(id.not_found()) }
    }
}

/// Lists route tables.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct DescribeRouteTables {
    #[serde(default)]
    pub route_table_id: Vec<String>,
    #[serde(default)]
    pub filter: Vec<Filter>,
    pub max_results: Option<i32>,
    pub next_token: Option<String>,
}

/// The matching route tables.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RouteTables {
    #[serde(rename = "routeTableSet")]
    pub route_tables: Vec<RouteTableItem>,
    pub next_token: Option<String>,
}

impl Action for DescribeRouteTables {
    const SERVICE: Service = Service::Ec2;
    const NAME: &'static str = "DescribeRouteTables";
    type Answer = RouteTables;

    fn run(self, context: &mut Context<'_>) -> Result<RouteTables, AwsError> {
        let rows = context.select(|region| &region.route_tables, &self.route_table_id, &self.filter)?;
        let paging = Paging { most: 100, ..Paging::ec2(Self::NAME) };
        let (page, next_token) = paging.cut(
            rows,
            |seen| seen.row.id.as_str(),
            self.max_results,
            self.next_token.as_deref(),
            context.options.max_page,
        )?;
        Ok(RouteTables {
            route_tables: page.iter().map(|seen| seen.row.item(seen.region, seen.owner)).collect(),
            next_token,
        })
    }
}
