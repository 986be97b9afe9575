//! All resources in a Region of an account, one line each, as the API of AWS reports them.
//!
//! Unlike [`Summary`](crate::Summary), the lines contain IDs, so that a comparison finds every change down to single
//! rules.

use std::collections::BTreeSet;

use anyhow::Result;
use aws_sdk_ec2::types::{IpPermission, RouteTable};
use aws_sdk_route53resolver::types::ResolverEndpointStatus;

use crate::aws::Aws;

/// Lines that describe the existing resources. Resources that AWS still lists as `deleted` are left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inventory {
    /// VPCs, subnets, and route tables with their routes.
    pub networks: BTreeSet<String>,
    /// Security groups with their rules, except for each VPC's default group.
    pub security_groups: BTreeSet<String>,
    /// VPC endpoints.
    pub endpoints: BTreeSet<String>,
    /// Network interfaces.
    pub interfaces: BTreeSet<String>,
    /// Route 53 Resolver endpoints.
    pub resolvers: BTreeSet<String>,
}

impl Inventory {
    /// Reads all resources.
    pub async fn of(aws: &Aws) -> Result<Self> {
        let mut inventory = Self::default();
        inventory.add_networks(aws).await?;
        inventory.add_security_groups(aws).await?;
        let endpoints = aws.ec2.describe_vpc_endpoints().into_paginator().items().send().collect::<Result<Vec<_>, _>>();
        for endpoint in endpoints.await? {
            let state = endpoint.state().map(|state| state.as_str().to_lowercase()).unwrap_or_default();
            if state != "deleted" {
                inventory.endpoints.insert(format!(
                    "{} {} {state}",
                    endpoint.vpc_endpoint_id().unwrap_or_default(),
                    endpoint.service_name().unwrap_or_default(),
                ));
            }
        }
        let interfaces =
            aws.ec2.describe_network_interfaces().into_paginator().items().send().collect::<Result<Vec<_>, _>>();
        for interface in interfaces.await? {
            inventory.interfaces.insert(format!(
                "{} {} {}",
                interface.network_interface_id().unwrap_or_default(),
                interface.private_ip_address().unwrap_or_default(),
                interface.description().unwrap_or_default(),
            ));
        }
        let resolvers =
            aws.resolver.list_resolver_endpoints().into_paginator().items().send().collect::<Result<Vec<_>, _>>();
        for resolver in resolvers.await? {
            let state = resolver.status().map(ResolverEndpointStatus::as_str).unwrap_or_default();
            inventory.resolvers.insert(format!("{} {state}", resolver.id().unwrap_or_default()));
        }
        Ok(inventory)
    }

    async fn add_networks(&mut self, aws: &Aws) -> Result<()> {
        let vpcs = aws.ec2.describe_vpcs().into_paginator().items().send().collect::<Result<Vec<_>, _>>();
        for vpc in vpcs.await? {
            self.networks.insert(format!(
                "{} {} {:?}",
                vpc.vpc_id().unwrap_or_default(),
                vpc.cidr_block().unwrap_or_default(),
                vpc.tags()
            ));
        }
        let subnets = aws.ec2.describe_subnets().into_paginator().items().send().collect::<Result<Vec<_>, _>>();
        for subnet in subnets.await? {
            self.networks.insert(format!(
                "{} {} {} free={:?} {:?}",
                subnet.subnet_id().unwrap_or_default(),
                subnet.availability_zone().unwrap_or_default(),
                subnet.cidr_block().unwrap_or_default(),
                subnet.available_ip_address_count(),
                subnet.tags(),
            ));
        }
        let tables = aws.ec2.describe_route_tables().into_paginator().items().send().collect::<Result<Vec<_>, _>>();
        self.networks.extend(tables.await?.iter().map(route_table));
        Ok(())
    }

    async fn add_security_groups(&mut self, aws: &Aws) -> Result<()> {
        let groups = aws.ec2.describe_security_groups().into_paginator().items().send().collect::<Result<Vec<_>, _>>();
        for group in groups.await? {
            if group.group_name() != Some("default") {
                let rules: BTreeSet<String> = group.ip_permissions().iter().flat_map(rules).collect();
                self.security_groups.insert(format!(
                    "{} {} {rules:?}",
                    group.group_id().unwrap_or_default(),
                    group.group_name().unwrap_or_default(),
                ));
            }
        }
        Ok(())
    }
}

fn route_table(table: &RouteTable) -> String {
    let routes: BTreeSet<String> = table
        .routes()
        .iter()
        .map(|route| {
            let to = route.destination_cidr_block().or(route.destination_prefix_list_id());
            format!("{} via {}", to.unwrap_or_default(), route.gateway_id().unwrap_or_default())
        })
        .collect();
    format!("{} {routes:?} {:?}", table.route_table_id().unwrap_or_default(), table.tags())
}

fn rules(permission: &IpPermission) -> Vec<String> {
    let protocol = permission.ip_protocol().unwrap_or_default();
    let port = permission.from_port().unwrap_or(-1);
    permission
        .ip_ranges()
        .iter()
        .map(|range| format!("{protocol} {port} from {}", range.cidr_ip().unwrap_or_default()))
        .collect()
}
