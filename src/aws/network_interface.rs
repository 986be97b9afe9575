//! Reads network interfaces, which show the addresses of endpoints and the users of security groups.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::Ipv4Addr,
};

use aws_sdk_ec2::types;

use crate::{
    aws::{
        filter::{self, MOST_VALUES},
        request::Action,
        session::Session,
    },
    model::{
        failure::CallFailure,
        ids::{NetworkInterfaceId, VpcId},
        observed::{EndpointState, NetworkInterface, Resources},
        ownership::Identity,
    },
};

impl Session {
    /// Reads the interfaces that use a group owned by the network, including most of its endpoints' interfaces. A
    /// second call reads the interfaces of its endpoints that use none of these groups, and the named ones; usually
    /// there are none, so that one call is enough.
    pub(super) async fn interfaces(
        &self,
        identity: &Identity,
        resources: &Resources,
        named: &BTreeSet<NetworkInterfaceId>,
    ) -> Result<BTreeMap<NetworkInterfaceId, NetworkInterface>, CallFailure> {
        let groups: Vec<&str> = resources
            .groups
            .iter()
            .filter(|(_, group)| identity.owns(&group.tags))
            .map(|(id, _)| id.as_str())
            .collect();
        let mut interfaces = self.interfaces_by("group-id", &groups).await?;
        let unseen: Vec<&str> = resources
            .endpoints
            .values()
            .filter(|endpoint| identity.owns(&endpoint.tags))
            .filter(|endpoint| !matches!(endpoint.state, EndpointState::Deleting | EndpointState::Deleted))
            .flat_map(|endpoint| &endpoint.interfaces)
            .chain(named)
            .filter(|id| !interfaces.contains_key(*id))
            .map(NetworkInterfaceId::as_str)
            .collect();
        interfaces.extend(self.interfaces_by("network-interface-id", &unseen).await?);
        Ok(interfaces)
    }

    /// Reads the interfaces in a VPC that have one of these addresses.
    pub(super) async fn occupants(
        &self,
        vpc: &VpcId,
        addresses: &BTreeSet<Ipv4Addr>,
    ) -> Result<BTreeMap<NetworkInterfaceId, NetworkInterface>, CallFailure> {
        let addresses: Vec<String> = addresses.iter().map(ToString::to_string).collect();
        let addresses: Vec<&str> = addresses.iter().map(String::as_str).collect();
        self.interfaces_where("addresses.private-ip-address", &addresses, Some(vpc)).await
    }

    async fn interfaces_by(
        &self,
        name: &str,
        values: &[&str],
    ) -> Result<BTreeMap<NetworkInterfaceId, NetworkInterface>, CallFailure> {
        self.interfaces_where(name, values, None).await
    }

    async fn interfaces_where(
        &self,
        name: &str,
        values: &[&str],
        vpc: Option<&VpcId>,
    ) -> Result<BTreeMap<NetworkInterfaceId, NetworkInterface>, CallFailure> {
        let mut interfaces = BTreeMap::new();
        let vpc = vpc.map(|vpc| filter::filter("vpc-id", [vpc.as_str()]));
        for values in values.chunks(MOST_VALUES) {
            let filters: Vec<_> = std::iter::once(filter::filter(name, values)).chain(vpc.clone()).collect();
            let page = self.caller.list(
                Action::ec2("DescribeNetworkInterfaces"),
                |token| {
                    let request = self.ec2.describe_network_interfaces().set_filters(Some(filters.clone()));
                    request.max_results(1000).set_next_token(token).send()
                },
                |page| (page.network_interfaces, page.next_token),
            );
            interfaces.extend(page.await?.into_iter().filter_map(interface));
        }
        Ok(interfaces)
    }
}

fn interface(interface: types::NetworkInterface) -> Option<(NetworkInterfaceId, NetworkInterface)> {
    let id = interface.network_interface_id?.into();
    let instance = interface.attachment.and_then(|attachment| attachment.instance_id);
    let description = interface.description.unwrap_or_default();
    let groups = interface.groups.unwrap_or_default();
    let interface = NetworkInterface {
        subnet: interface.subnet_id?.into(),
        ip: interface.private_ip_address.and_then(|ip| ip.parse().ok()),
        groups: groups.into_iter().filter_map(|group| group.group_id).map(Into::into).collect(),
        // The instance ID helps users to remove a group from an instance that uses it.
        description: match (description.as_str(), instance) {
            (_, None) => description,
            ("", Some(instance)) => format!("attached to {instance}"),
            (_, Some(instance)) => format!("{description}, attached to {instance}"),
        },
    };
    Some((id, interface))
}
