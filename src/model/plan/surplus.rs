//! Plans the deletion, or the release, of owned resources that are no longer desired.

use std::collections::BTreeSet;

use super::{Blocker, Planner, release::Release, removal::Surplus};
use crate::model::{
    desired::{DesiredEndpoint, DesiredResolver},
    ids::EndpointId,
    observed::{EndpointState, PrivateDns},
    slot::{EndpointKey, Slot},
};

impl Planner<'_> {
    /// Plans the deletion of owned resources that are no longer desired: endpoints in one call, then the security
    /// groups that no network interface uses.
    pub(super) fn no_longer_wanted(&mut self, managed_tags: &BTreeSet<String>) {
        let identity = &self.desired.identity;
        let release = Release { resources: self.resources, claims: self.claims, managed_tags };
        let mut surplus = Surplus::new(release, self.desired.adopted_deletion);
        let gateway = Slot::Endpoint(EndpointKey::S3_GATEWAY);
        let slots: Vec<Slot> =
            self.resources.slots(identity).into_iter().filter(|slot| !self.is_wanted(*slot)).collect();
        for slot in slots {
            // A released gateway endpoint remains.
            let is_deleted_gateway = slot == gateway && !surplus.releases(identity, slot);
            let by = if is_deleted_gateway { self.foreign_endpoints_on_the_gateway() } else { Vec::new() };
            if is_deleted_gateway && self.gateway_is_needed() {
                let needs = Slot::Endpoint(EndpointKey::S3_INTERFACE);
                self.plan.blockers.push(Blocker::Awaits { slot, needs });
            } else if !by.is_empty() {
                let id = self.resources.live(identity, slot).unwrap_or_default();
                self.plan.blockers.push(Blocker::InUse { slot, id, by });
            } else {
                surplus.add(identity, slot);
            }
        }
        surplus.plan(&mut self.plan);
    }

    /// Whether the network's S3 interface endpoint, which remains, still depends on the gateway endpoint: its private
    /// DNS names are for the inbound resolver only.
    fn gateway_is_needed(&self) -> bool {
        let slot = Slot::Endpoint(EndpointKey::S3_INTERFACE);
        let own = self.resources.live(&self.desired.identity, slot).map(EndpointId::from);
        let endpoint = own.and_then(|id| self.resources.endpoints.get(&id));
        self.is_wanted(slot)
            && endpoint.is_some_and(|endpoint| {
                // While a change is in progress, the previous setting may still be in effect.
                endpoint.private_dns == PrivateDns::InboundResolverOnly || endpoint.state != EndpointState::Available
            })
    }

    /// The foreign S3 interface endpoints that depend on the gateway endpoint. AWS refuses to delete the gateway
    /// endpoint while they exist.
    fn foreign_endpoints_on_the_gateway(&self) -> Vec<String> {
        let others = self.resources.endpoints.iter().filter(|(_, endpoint)| {
            endpoint.key == Some(EndpointKey::S3_INTERFACE)
                && endpoint.private_dns == PrivateDns::InboundResolverOnly
                && !matches!(endpoint.state, EndpointState::Deleting | EndpointState::Deleted)
                && !self.desired.identity.owns(&endpoint.tags)
        });
        others
            .map(|(id, _)| format!("{id} (S3 interface endpoint with private DNS for the inbound resolver only)"))
            .collect()
    }

    /// Whether the network desires a resource of its own in the slot.
    fn is_wanted(&self, slot: Slot) -> bool {
        match slot {
            Slot::Group(role) => self.desired.groups.contains_key(&role),
            Slot::Endpoint(key) => match self.desired.endpoints.get(&key) {
                Some(DesiredEndpoint::Gateway { .. } | DesiredEndpoint::Interface { .. }) => true,
                // What AWS offers never causes a deletion: the network's own endpoint may be used read-only.
                Some(DesiredEndpoint::Existing(id)) => {
                    self.resources.live(&self.desired.identity, slot).is_some_and(|own| own == id.as_str())
                }
                None => false,
            },
            Slot::Resolver => matches!(self.desired.resolver, Some(DesiredResolver::Managed(_))),
        }
    }
}
