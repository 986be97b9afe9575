//! Plans the network's VPC endpoints.

use super::{
    Blocker, Planner, adoption, changes,
    step::{CreateRequest, Step},
};
use crate::model::{
    desired::DesiredEndpoint,
    ids::{EndpointId, NetworkInterfaceId},
    observed::{Endpoint, EndpointState, PrivateDns},
    slot::{EndpointKey, GroupRole, Slot},
};

impl Planner<'_> {
    /// Plans one VPC endpoint.
    pub(super) fn endpoint(&mut self, key: EndpointKey, wanted: &DesiredEndpoint) {
        let slot = Slot::Endpoint(key);
        if let DesiredEndpoint::Existing(id) = wanted {
            return self.foreign_endpoint(slot, id);
        }
        match self.resources.live(&self.desired.identity, slot).map(EndpointId::from) {
            Some(id) => self.existing_endpoint(key, wanted, &id),
            None if self.is_deleting(slot) => self.block(Blocker::UnderWay { slot, state: "Deleting".to_owned() }),
            None => self.new_endpoint(key, wanted),
        }
    }

    /// Waits until an existing endpoint is available, and never changes it. The preflight has already reported its
    /// problems.
    fn foreign_endpoint(&mut self, slot: Slot, id: &EndpointId) {
        match self.resources.endpoints.get(id).map(|endpoint| &endpoint.state) {
            Some(EndpointState::Available) => {}
            Some(state) => self.block(Blocker::UnderWay { slot, state: state.as_str().to_owned() }),
            None => self.block(Blocker::NotVisible { slot }),
        }
    }

    /// Plans the creation or adoption of an endpoint.
    fn new_endpoint(&mut self, key: EndpointKey, wanted: &DesiredEndpoint) {
        let slot = Slot::Endpoint(key);
        let vpc = self.desired.vpc.clone();
        match wanted.clone() {
            DesiredEndpoint::Existing(_) => {}
            DesiredEndpoint::Gateway { service_name, route_tables, policy } => {
                self.create(slot, |tags| CreateRequest::GatewayEndpoint {
                    vpc,
                    service_name,
                    route_tables,
                    policy,
                    tags,
                });
            }
            DesiredEndpoint::Interface { service_name, subnets, addresses, private_dns, policy } => {
                let Some(groups) = self.endpoint_groups() else {
                    return self.block(Blocker::Awaits { slot, needs: Slot::Group(GroupRole::Endpoints) });
                };
                if private_dns == PrivateDns::InboundResolverOnly && !self.gateway_is_available() {
                    return self.block(Blocker::Awaits { slot, needs: Slot::Endpoint(EndpointKey::S3_GATEWAY) });
                }
                self.create(slot, |tags| CreateRequest::InterfaceEndpoint {
                    vpc,
                    service_name,
                    subnets,
                    addresses,
                    groups,
                    private_dns,
                    policy,
                    tags,
                });
            }
        }
    }

    /// Whether the S3 gateway endpoint is available. Until then AWS rejects an S3 interface endpoint with private DNS
    /// for the inbound resolver only.
    fn gateway_is_available(&self) -> bool {
        let gateway = match self.desired.endpoints.get(&EndpointKey::S3_GATEWAY) {
            Some(DesiredEndpoint::Existing(id)) => Some(id.clone()),
            Some(DesiredEndpoint::Gateway { .. } | DesiredEndpoint::Interface { .. }) | None => self
                .resources
                .live(&self.desired.identity, Slot::Endpoint(EndpointKey::S3_GATEWAY))
                .map(EndpointId::from),
        };
        gateway
            .and_then(|id| self.resources.endpoints.get(&id))
            .is_some_and(|gateway| gateway.state == EndpointState::Available)
    }

    /// Plans the changes of an endpoint that the network owns.
    fn existing_endpoint(&mut self, key: EndpointKey, wanted: &DesiredEndpoint, id: &EndpointId) {
        let slot = Slot::Endpoint(key);
        let Some(endpoint) = self.resources.endpoints.get(id) else { return };
        match &endpoint.state {
            EndpointState::Available => {}
            EndpointState::Failed(state) => {
                let message = endpoint.failure.clone().unwrap_or_else(|| format!("its state is '{state}'"));
                return self.block(Blocker::Failed { slot, id: id.to_string(), message });
            }
            EndpointState::Pending | EndpointState::Deleting | EndpointState::Deleted | EndpointState::Unknown(_) => {
                return self.block(Blocker::UnderWay { slot, state: endpoint.state.as_str().to_owned() });
            }
        }
        let had = self.claims.had(slot, id.as_str());
        let adopted = had.map(|had| adoption::adopted_endpoint(wanted, endpoint, had, &self.desired.zones));
        let change = match adopted.as_ref().unwrap_or(wanted) {
            DesiredEndpoint::Existing(_) => return,
            DesiredEndpoint::Gateway { route_tables, policy, .. } => changes::gateway(endpoint, route_tables, policy),
            DesiredEndpoint::Interface { subnets, addresses, private_dns, policy, .. } => {
                let Some(mut groups) = self.endpoint_groups() else {
                    return self.block(Blocker::Awaits { slot, needs: Slot::Group(GroupRole::Endpoints) });
                };
                if let Some(had) = had {
                    groups = adoption::adopted_groups(groups, endpoint, had);
                }
                let moves = changes::moves(endpoint, &self.resources.interfaces, addresses);
                let (moves, refused) = self.allowed(slot, id.as_str(), moves);
                for blocker in refused {
                    self.block(blocker);
                }
                let wanted =
                    changes::Interface { subnets, addresses, groups: &groups, private_dns: *private_dns, policy };
                let change = changes::interface(endpoint, &wanted, &moves, &self.desired.zones);
                if change.private_dns == Some(PrivateDns::InboundResolverOnly) && !self.gateway_is_available() {
                    return self.block(Blocker::Awaits { slot, needs: Slot::Endpoint(EndpointKey::S3_GATEWAY) });
                }
                change
            }
        };
        if !change.is_empty() {
            self.plan.steps.push(Step::ModifyEndpoint { key, endpoint: id.clone(), change });
        } else if let Some(interface) = self.unlisted_interface(endpoint) {
            // A network that is ready has all its addresses in status and in the hand-off.
            self.block(Blocker::AddressUnknown { slot, interface: interface.clone() });
        }
    }

    /// Returns a network interface of the endpoint whose address is unknown: lists of AWS show changes with a delay, and each
    /// list with its own.
    fn unlisted_interface<'a>(&self, endpoint: &'a Endpoint) -> Option<&'a NetworkInterfaceId> {
        let is_listed = |id: &NetworkInterfaceId| self.resources.interfaces.get(id).is_some_and(|one| one.ip.is_some());
        endpoint.interfaces.iter().find(|id| !is_listed(id))
    }
}
