//! ModifyVpcEndpoint.
#![allow(missing_docs, reason = "fields carry the names of the EC2 API Reference, which documents them")]

use std::{
    collections::{BTreeMap, BTreeSet},
    net::Ipv4Addr,
};

use serde::Deserialize;

use super::{
    DnsOptionsRequest, State, SubnetConfiguration, VpcEndpoint, checks, create::no_policies, interfaces, policy,
};
use crate::world::{
    Context,
    action::{Action, DONE, Done, Service},
    catalogue::{self, EndpointType, Offer},
    ec2::{endpoint_service::unknown_service, security_group},
    error::AwsError,
    ids::{ResourceId, SecurityGroupId, SubnetId},
};

/// Changes an endpoint in place.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct ModifyVpcEndpoint {
    pub vpc_endpoint_id: String,
    pub reset_policy: Option<bool>,
    pub policy_document: Option<String>,
    #[serde(default)]
    pub add_route_table_id: Vec<String>,
    #[serde(default)]
    pub remove_route_table_id: Vec<String>,
    #[serde(default)]
    pub add_subnet_id: Vec<String>,
    #[serde(default)]
    pub remove_subnet_id: Vec<String>,
    #[serde(default)]
    pub add_security_group_id: Vec<String>,
    #[serde(default)]
    pub remove_security_group_id: Vec<String>,
    pub ip_address_type: Option<String>,
    pub dns_options: Option<DnsOptionsRequest>,
    pub private_dns_enabled: Option<bool>,
    #[serde(default)]
    pub subnet_configuration: Vec<SubnetConfiguration>,
}

impl Action for ModifyVpcEndpoint {
    const SERVICE: Service = Service::Ec2;
    const NAME: &'static str = "ModifyVpcEndpoint";
    type Answer = Done;

    fn run(self, context: &mut Context<'_>) -> Result<Done, AwsError> {
        let (id, endpoint) = context.region().vpc_endpoints.find(&self.vpc_endpoint_id, context.sight())?;
        endpoint.check_managed_by_caller()?;
        self.check_state(endpoint, context.options.modify_while_pending)?;
        let mut changed = endpoint.clone();
        self.change_policy(context, &mut changed)?;
        checks::check_ip_address_type(self.ip_address_type.as_deref())?;
        if let Some(options) = &self.dns_options {
            checks::check_dns_options(context, changed.endpoint_type, changed.short_name, options)?;
        }
        match changed.endpoint_type {
            EndpointType::Gateway => self.change_gateway(context, &mut changed)?,
            EndpointType::Interface => self.change_interface(context, &mut changed)?,
        }
        let sight = context.sight();
        let region = context.region_mut();
        let due = changed.due();
        *region.vpc_endpoints.change(&id, sight).ok_or_else(|| id.not_found())? = changed;
        if let Some(due) = due {
            region.schedule(due);
        }
        Ok(DONE)
    }
}

impl ModifyVpcEndpoint {
    /// Source of `IncorrectState`: EC2 API Reference, "Error codes". The states in which AWS rejects a change are
    /// ASSUMED (`ASSUMPTIONS.md`, "VPC endpoints").
    fn check_state(&self, endpoint: &VpcEndpoint, while_pending: bool) -> Result<(), AwsError> {
        match endpoint.state {
            State::Available => Ok(()),
            State::Deleted => Err(endpoint.id.not_found()),
            State::Pending if while_pending => Ok(()),
            State::PendingAcceptance
            | State::Pending
            | State::Deleting
            | State::Rejected
            | State::Failed
            | State::Expired => Err(AwsError::new(
                "IncorrectState",
                format!("The VPC endpoint {} is in the state {}.", self.vpc_endpoint_id, endpoint.state.as_str()),
            )),
        }
    }

    fn change_policy(&self, context: &Context<'_>, endpoint: &mut VpcEndpoint) -> Result<(), AwsError> {
        match (&self.policy_document, self.reset_policy) {
            (Some(_), Some(true)) => {
                return Err(AwsError::new(
                    "InvalidParameterCombination",
                    "PolicyDocument and ResetPolicy exclude each other.",
                ));
            }
            (Some(policy), _) => {
                let offers = catalogue::offers(&context.caller.region, context.options);
                let same = |offer: &&Offer| {
                    offer.service_name == endpoint.service_name && offer.endpoint_type == endpoint.endpoint_type
                };
                if offers.iter().find(same).is_some_and(|offer| !offer.policies) {
                    return Err(no_policies(&endpoint.service_name));
                }
                endpoint.policy = policy::stored(policy, endpoint.endpoint_type)?;
            }
            (None, Some(true)) => endpoint.policy = policy::default_of(endpoint.endpoint_type),
            (None, _) => {}
        }
        Ok(())
    }

    fn change_gateway(&self, context: &Context<'_>, endpoint: &mut VpcEndpoint) -> Result<(), AwsError> {
        for (given, what) in [
            (!self.add_subnet_id.is_empty() || !self.remove_subnet_id.is_empty(), "Subnet IDs are"),
            (!self.subnet_configuration.is_empty(), "Subnet configurations are"),
            (
                !self.add_security_group_id.is_empty() || !self.remove_security_group_id.is_empty(),
                "Security group IDs are",
            ),
            (self.private_dns_enabled == Some(true), "Private DNS is"),
        ] {
            if given {
                return Err(AwsError::parameter(format!("{what} only supported for Interface type VPC Endpoint.")));
            }
        }
        for id in &self.remove_route_table_id {
            let (id, _) = context.region().route_tables.find(id, context.sight())?;
            if !endpoint.route_tables.remove(&id) {
                return Err(AwsError::parameter(format!("Route table {id} is not associated with {}.", endpoint.id)));
            }
        }
        if let Some(prefix_list) = &endpoint.prefix_list {
            let added = checks::resolve_route_tables(context, &self.add_route_table_id, &endpoint.vpc, prefix_list)?;
            endpoint.route_tables.extend(added);
        }
        if let Some(asked) = self.dns_options.as_ref().and_then(|options| options.dns_record_ip_type.as_ref()) {
            endpoint.record_ip_type.clone_from(asked);
        }
        Ok(())
    }

    fn change_interface(&self, context: &mut Context<'_>, endpoint: &mut VpcEndpoint) -> Result<(), AwsError> {
        if !self.add_route_table_id.is_empty() || !self.remove_route_table_id.is_empty() {
            let message = "Route table IDs are only supported for Gateway type VPC Endpoint.";
            return Err(AwsError::parameter(message));
        }
        let groups = self.changed_groups(context, endpoint)?;
        self.change_dns(context, endpoint)?;
        let offers = catalogue::offers(&context.caller.region, context.options);
        let offer = offers
            .into_iter()
            .find(|offer| offer.service_name == endpoint.service_name && offer.endpoint_type == EndpointType::Interface)
            .ok_or_else(|| unknown_service(&endpoint.service_name))?;
        self.change_subnets(context, endpoint, &offer, &groups)?;
        let region = context.region_mut();
        for interface in endpoint.subnets.values() {
            if let Some(interface) = region.network_interfaces.get_mut(interface) {
                interface.groups.clone_from(&groups);
            }
        }
        endpoint.groups = groups;
        endpoint.state = State::Pending;
        endpoint.due = Some(context.now() + context.options.delays.endpoint_modifying);
        Ok(())
    }

    fn changed_groups(
        &self,
        context: &Context<'_>,
        endpoint: &VpcEndpoint,
    ) -> Result<BTreeSet<SecurityGroupId>, AwsError> {
        let mut groups = endpoint.groups.clone();
        if !self.add_security_group_id.is_empty() {
            groups.extend(security_group::resolve(context, &self.add_security_group_id, &endpoint.vpc)?);
        }
        for id in &self.remove_security_group_id {
            let (id, _) = context.region().security_groups.find(id, context.sight())?;
            if !groups.remove(&id) {
                return Err(AwsError::parameter(format!(
                    "Security group {id} is not associated with {}.",
                    endpoint.id
                )));
            }
        }
        if groups.is_empty() {
            // The code is ASSUMED (`ASSUMPTIONS.md`, "Codes").
            return Err(AwsError::parameter(format!("{} must have at least one security group.", endpoint.id)));
        }
        security_group::check_count(context, groups.len())?;
        Ok(groups)
    }

    /// Source: hashicorp/terraform-provider-aws issue 33689: enabling private DNS without `DnsOptions` restores the
    /// default, which requires the gateway endpoint.
    fn change_dns(&self, context: &Context<'_>, endpoint: &mut VpcEndpoint) -> Result<(), AwsError> {
        let turned_on = self.private_dns_enabled == Some(true) && !endpoint.private_dns;
        let options = self.dns_options.clone().unwrap_or_default();
        if let Some(asked) = options.dns_record_ip_type {
            endpoint.record_ip_type = asked;
        }
        let asked = options.private_dns_only_for_inbound_resolver_endpoint;
        let restored = turned_on && checks::has_inbound_only(context, endpoint.short_name);
        endpoint.inbound_only = asked.or(restored.then_some(true)).or(endpoint.inbound_only);
        endpoint.private_dns = self.private_dns_enabled.unwrap_or(endpoint.private_dns);
        if !endpoint.private_dns {
            return Ok(());
        }
        if turned_on {
            checks::check_private_dns(context, &endpoint.vpc, &endpoint.private_names, Some(&endpoint.id))?;
        }
        let asks = turned_on || self.dns_options.is_some();
        if asks && endpoint.inbound_only == Some(true) {
            let VpcEndpoint { vpc, short_name, record_ip_type, .. } = &*endpoint;
            checks::check_inbound_only(context.region(), vpc, short_name, record_ip_type)?;
        }
        Ok(())
    }

    /// Removed subnets lose their interfaces. Added subnets, and subnets whose fixed address changes, get new
    /// interfaces. The other subnets keep theirs. Source: EC2 API Reference, ModifyVpcEndpoint, SubnetConfigurations.
    fn change_subnets(
        &self,
        context: &mut Context<'_>,
        endpoint: &mut VpcEndpoint,
        offer: &Offer,
        groups: &BTreeSet<SecurityGroupId>,
    ) -> Result<(), AwsError> {
        let (leaving, arriving) = self.subnet_changes(context, endpoint)?;
        let region = context.region();
        let kept: BTreeSet<SubnetId> = endpoint.subnets.keys().filter(|id| !leaving.contains(id)).cloned().collect();
        if kept.is_empty() && arriving.is_empty() && !endpoint.subnets.is_empty() {
            // ASSUMED (`ASSUMPTIONS.md`, "VPC endpoints").
            return Err(AwsError::parameter(format!("{} must have at least one subnet.", endpoint.id)));
        }
        let zones = kept.iter().filter_map(|id| region.subnets.get(id)).map(|subnet| subnet.zone_id.clone()).collect();
        let new_interfaces = interfaces::choose(context, &endpoint.vpc, offer, &arriving, zones)?;
        let sight = context.sight();
        for subnet in &leaving {
            if let Some(interface) = endpoint.subnets.remove(subnet) {
                context.region_mut().network_interfaces.remove(&interface, sight);
            }
        }
        endpoint.subnets.extend(interfaces::place(context, &endpoint.id, groups, new_interfaces));
        Ok(())
    }

    #[expect(clippy::type_complexity, reason = "the subnets to leave, and those to enter with their fixed addresses")]
    fn subnet_changes(
        &self,
        context: &Context<'_>,
        endpoint: &VpcEndpoint,
    ) -> Result<(BTreeSet<SubnetId>, BTreeMap<String, Option<Ipv4Addr>>), AwsError> {
        let region = context.region();
        let mut leaving = BTreeSet::new();
        for id in &self.remove_subnet_id {
            let (id, _) = region.subnets.find(id, context.sight())?;
            if !endpoint.subnets.contains_key(&id) {
                return Err(AwsError::parameter(format!("Subnet {id} is not associated with {}.", endpoint.id)));
            }
            leaving.insert(id);
        }
        let mut arriving = BTreeMap::new();
        for (id, fixed) in interfaces::requested(&self.add_subnet_id, &self.subnet_configuration)? {
            let (subnet, _) = region.subnets.find(&id, context.sight())?;
            let interface = endpoint.subnets.get(&subnet).and_then(|id| region.network_interfaces.get(id));
            match (interface, fixed) {
                (Some(interface), Some(address)) if interface.address != address => {
                    leaving.insert(subnet);
                    arriving.insert(id, fixed);
                }
                (Some(_), _) if !leaving.contains(&subnet) => {}
                _ => {
                    arriving.insert(id, fixed);
                }
            }
        }
        Ok((leaving, arriving))
    }
}
