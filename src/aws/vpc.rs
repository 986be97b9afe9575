//! Reads the VPC of a network with its subnets and route tables. The operator never changes these.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use aws_sdk_ec2::types::{self, RouteState, Tenancy, VpcAttributeName, VpcCidrBlockStateCode};

use super::cache::Cache;
use crate::{
    aws::{filter, request::Action, session::Session, tags},
    model::{
        failure::CallFailure,
        ids::{SubnetId, VpcId},
        observed::{
            RouteTable, Subnet, Vpc,
            routes::{Route, RouteTarget},
        },
        settings::VpcSelector,
    },
};

/// The contents of a VPC that other people manage and that seldom change.
#[derive(Clone, Debug)]
pub(super) struct VpcContents {
    /// `enableDnsSupport` and `enableDnsHostnames`.
    pub(super) dns: (bool, bool),
    pub(super) subnets: BTreeMap<SubnetId, Subnet>,
    pub(super) route_tables: Vec<RouteTable>,
}

/// The contents of each VPC as of the last read.
#[derive(Debug, Default)]
pub(super) struct VpcContentsCache(Cache<VpcId, VpcContents>);

impl VpcContentsCache {
    /// Returns the contents of a VPC, which are less than `max_age` old.
    pub(super) async fn read(
        &self,
        session: &Session,
        vpc: &VpcId,
        max_age: Duration,
    ) -> Result<VpcContents, CallFailure> {
        if let Some((_, known)) = self.0.of(vpc).filter(|(asked, _)| asked.elapsed() < max_age) {
            return Ok(VpcContents::clone(&known));
        }
        let (dns, subnets, route_tables) =
            tokio::try_join!(session.dns_attributes(vpc), session.subnets(vpc), session.route_tables(vpc))?;
        let contents = VpcContents { dns, subnets, route_tables };
        self.0.keep(vpc, contents.clone());
        Ok(contents)
    }
}

impl Session {
    /// Reads the VPCs that match a selector, without their DNS attributes.
    ///
    /// An ID is also sent as a filter: then a VPC that does not exist is an empty list instead of an error.
    pub(super) async fn vpcs(&self, selector: &VpcSelector) -> Result<Vec<Vpc>, CallFailure> {
        let filters: Vec<_> = match selector {
            VpcSelector::Id(id) => vec![filter::filter("vpc-id", [id.as_str()])],
            VpcSelector::Tags(tags) => tags.iter().map(|(key, value)| filter::tag(key, value)).collect(),
        };
        if filters.is_empty() {
            return Ok(Vec::new());
        }
        let vpcs = self.caller.list(
            Action::ec2("DescribeVpcs"),
            |token| {
                let request = self.ec2.describe_vpcs().set_filters(Some(filters.clone())).max_results(1000);
                request.set_next_token(token).send()
            },
            |page| (page.vpcs, page.next_token),
        );
        Ok(vpcs.await?.into_iter().filter_map(vpc).collect())
    }

    /// Reads `enableDnsSupport` and `enableDnsHostnames`. The call returns one attribute at a time.
    async fn dns_attributes(&self, vpc: &VpcId) -> Result<(bool, bool), CallFailure> {
        let action = Action::ec2("DescribeVpcAttribute");
        let attribute = |name| self.ec2.describe_vpc_attribute().vpc_id(vpc.as_str()).attribute(name).send();
        let (support, hostnames) = tokio::try_join!(
            self.caller.call(action, || attribute(VpcAttributeName::EnableDnsSupport)),
            self.caller.call(action, || attribute(VpcAttributeName::EnableDnsHostnames)),
        )?;
        let on = |value: Option<types::AttributeBooleanValue>| value.and_then(|value| value.value).unwrap_or(false);
        Ok((on(support.enable_dns_support), on(hostnames.enable_dns_hostnames)))
    }

    /// Reads all subnets of a VPC that have an IPv4 range.
    async fn subnets(&self, vpc: &VpcId) -> Result<BTreeMap<SubnetId, Subnet>, CallFailure> {
        let subnets = self.caller.list(
            Action::ec2("DescribeSubnets"),
            |token| {
                let request = self.ec2.describe_subnets().filters(filter::filter("vpc-id", [vpc.as_str()]));
                request.max_results(1000).set_next_token(token).send()
            },
            |page| (page.subnets, page.next_token),
        );
        Ok(subnets.await?.into_iter().filter_map(|found| subnet(found, &self.account)).collect())
    }

    /// Reads the VPC of each of these subnets that exists.
    pub(super) async fn vpcs_of(&self, subnets: &BTreeSet<SubnetId>) -> Result<BTreeMap<SubnetId, VpcId>, CallFailure> {
        if subnets.is_empty() {
            return Ok(BTreeMap::new());
        }
        let found = self.caller.list(
            Action::ec2("DescribeSubnets"),
            |token| {
                let ids = subnets.iter().map(SubnetId::as_str);
                let request = self.ec2.describe_subnets().filters(filter::filter("subnet-id", ids));
                request.max_results(1000).set_next_token(token).send()
            },
            |page| (page.subnets, page.next_token),
        );
        let pair = |subnet: types::Subnet| Some((subnet.subnet_id?.into(), subnet.vpc_id?.into()));
        Ok(found.await?.into_iter().filter_map(pair).collect())
    }

    /// Reads all route tables of a VPC.
    async fn route_tables(&self, vpc: &VpcId) -> Result<Vec<RouteTable>, CallFailure> {
        let tables = self.caller.list(
            Action::ec2("DescribeRouteTables"),
            |token| {
                let request = self.ec2.describe_route_tables().filters(filter::filter("vpc-id", [vpc.as_str()]));
                // This call allows pages of at most 100 items; other calls allow 1000.
                request.max_results(100).set_next_token(token).send()
            },
            |page| (page.route_tables, page.next_token),
        );
        Ok(tables.await?.into_iter().filter_map(route_table).collect())
    }
}

fn vpc(vpc: types::Vpc) -> Option<Vpc> {
    let associated = vpc.cidr_block_association_set.unwrap_or_default().into_iter().filter(|association| {
        let state = association.cidr_block_state.as_ref().and_then(|state| state.state.as_ref());
        state.is_none_or(|state| *state == VpcCidrBlockStateCode::Associated)
    });
    let cidrs = associated.filter_map(|association| association.cidr_block).chain(vpc.cidr_block);
    Some(Vpc {
        id: vpc.vpc_id?.into(),
        cidrs: cidrs.filter_map(|cidr| cidr.parse().ok()).collect(),
        dns_support: false,
        dns_hostnames: false,
        dhcp_options: vpc.dhcp_options_id,
        dedicated: vpc.instance_tenancy == Some(Tenancy::Dedicated),
    })
}

fn subnet(subnet: types::Subnet, account: &str) -> Option<(SubnetId, Subnet)> {
    let id = subnet.subnet_id?.into();
    let subnet = Subnet {
        zone: subnet.availability_zone_id?.into(),
        zone_name: subnet.availability_zone.unwrap_or_default(),
        cidr: subnet.cidr_block?.parse().ok()?,
        available_addresses: subnet.available_ip_address_count.and_then(|count| count.try_into().ok()).unwrap_or(0),
        shared_by: subnet.owner_id.filter(|owner| owner != account),
        tags: tags::from_ec2(subnet.tags),
    };
    Some((id, subnet))
}

fn route_table(table: types::RouteTable) -> Option<RouteTable> {
    let associations = table.associations.unwrap_or_default();
    let routes = table.routes.unwrap_or_default();
    Some(RouteTable {
        id: table.route_table_id?.into(),
        main: associations.iter().any(|association| association.main == Some(true)),
        subnets: associations
            .into_iter()
            .filter_map(|association| association.subnet_id)
            .map(SubnetId::from)
            .collect::<BTreeSet<_>>(),
        routes: routes.iter().filter_map(route).collect(),
        has_prefix_list_routes: routes.iter().any(leads_to_prefix_list),
    })
}

/// Whether a route leads to a prefix list, but not through a gateway endpoint.
fn leads_to_prefix_list(route: &types::Route) -> bool {
    let is_endpoint = route.gateway_id.as_deref().is_some_and(|gateway| gateway.starts_with("vpce-"));
    route.destination_prefix_list_id.is_some() && !is_endpoint && route.state != Some(RouteState::Blackhole)
}

/// Reads a route to an IPv4 range. The kind of its target determines where it leads.
fn route(route: &types::Route) -> Option<Route> {
    let destination = route.destination_cidr_block.as_ref()?.parse().ok()?;
    let gateway = route.gateway_id.as_deref().unwrap_or_default();
    let to_internet = route.nat_gateway_id.is_some()
        || route.egress_only_internet_gateway_id.is_some()
        || route.carrier_gateway_id.is_some()
        || gateway.starts_with("igw-");
    let target = if route.state == Some(RouteState::Blackhole) {
        RouteTarget::Blackhole
    } else if gateway == "local" {
        RouteTarget::Local
    } else if to_internet {
        RouteTarget::Internet
    } else {
        RouteTarget::Private
    };
    Some(Route { destination, target })
}
