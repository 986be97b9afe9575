//! Plans the network's Route 53 Resolver inbound endpoint.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::Ipv4Addr,
};

use super::{Blocker, Planner, resolver_addresses, step::CreateRequest};
use crate::model::{
    desired::DesiredResolver,
    ids::{ResolverAddressId, ResolverId, SubnetId},
    observed::{ResolverAddress, ResolverEndpoint, ResolverState, resources::resolver_name},
    slot::{GroupRole, Slot},
};

impl Planner<'_> {
    /// Plans the Resolver endpoint, whether it is managed or existing.
    pub(super) fn any_resolver(&mut self) {
        match &self.desired.resolver {
            Some(DesiredResolver::Managed(addresses)) => self.resolver(addresses),
            Some(DesiredResolver::Existing(id)) => self.foreign_resolver(id),
            None => {}
        }
    }

    /// Waits until an existing Resolver endpoint is operational, and never changes it.
    fn foreign_resolver(&mut self, id: &ResolverId) {
        let slot = Slot::Resolver;
        match self.resources.resolvers.get(id) {
            Some(resolver) if matches!(resolver.state, ResolverState::Operational | ResolverState::AutoRecovering) => {}
            Some(resolver) => self.block(Blocker::UnderWay { slot, state: resolver.state.as_str().to_owned() }),
            None => self.block(Blocker::NotVisible { slot }),
        }
    }

    /// Plans the Resolver endpoint that the network owns.
    fn resolver(&mut self, addresses: &BTreeMap<SubnetId, Option<Ipv4Addr>>) {
        let slot = Slot::Resolver;
        let identity = &self.desired.identity;
        if let Some(id) = self.resources.live(identity, slot).map(ResolverId::from) {
            let Some(resolver) = self.resources.resolvers.get(&id) else { return };
            return self.existing_resolver(&id, resolver, addresses);
        }
        if self.is_deleting(slot) {
            return self.block(Blocker::UnderWay { slot, state: "Deleting".to_owned() });
        }
        // CreateResolverEndpoint requires a security group that already admits TCP and UDP port 53.
        let Some(group) = self.ready_group(GroupRole::Resolver) else {
            return self.block(Blocker::Awaits { slot, needs: Slot::Group(GroupRole::Resolver) });
        };
        let (name, addresses) = (resolver_name(&identity.uid), addresses.clone());
        self.create(slot, |tags| CreateRequest::Resolver { name, addresses, group, tags });
    }

    /// Plans the changes of a Resolver endpoint that the network owns.
    fn existing_resolver(
        &mut self,
        id: &ResolverId,
        resolver: &ResolverEndpoint,
        addresses: &BTreeMap<SubnetId, Option<Ipv4Addr>>,
    ) {
        let slot = Slot::Resolver;
        match &resolver.state {
            // AWS requires a replacement for the lost address first, then the removal of the lost address.
            ResolverState::Operational | ResolverState::ActionNeeded => {}
            // AWS repairs the endpoint by itself and rejects changes meanwhile. It answers with reduced capacity.
            ResolverState::AutoRecovering => return,
            ResolverState::Creating | ResolverState::Updating | ResolverState::Deleting | ResolverState::Unknown(_) => {
                return self.block(Blocker::UnderWay { slot, state: resolver.state.as_str().to_owned() });
            }
        }
        let nothing = BTreeSet::new();
        let kept = self.claims.had(slot, id.as_str()).map_or(&nothing, |had| &had.addresses);
        let moves = resolver_addresses::moves(resolver, addresses, kept);
        let (moves, refused) = self.allowed(slot, id.as_str(), moves);
        // If a move is not allowed, the address that the subnet has now is accepted.
        let mut addresses = addresses.clone();
        for blocker in &refused {
            if let Blocker::AddressChange { subnet, .. } = blocker {
                addresses.insert(subnet.clone(), None);
            }
        }
        self.plan.blockers.extend(refused);
        debug_assert!(moves.iter().all(|one| addresses.get(&one.subnet).is_some_and(Option::is_some)));
        if let Some(step) = resolver_addresses::next_step(id, resolver, &addresses, kept) {
            return self.plan.steps.push(step);
        }
        if resolver.state == ResolverState::ActionNeeded {
            let (id, message) = (id.to_string(), resolver.message.clone());
            return self.block(Blocker::Failed { slot, id, message });
        }
        // A broken address that an adopted endpoint had is reported by AWS in the state of the endpoint.
        let is_ours = |id: &ResolverAddressId, address: &ResolverAddress| !(kept.contains(id) && address.is_broken());
        let unfinished = resolver.addresses.iter().find(|(id, one)| !one.is_attached() && is_ours(id, one));
        if let Some((_, address)) = unfinished {
            let state = format!("address in {}: {}", address.subnet, address.state);
            self.block(Blocker::UnderWay { slot, state });
        }
    }
}
