//! The plan: the steps from observed to desired that can run now, and what the rest waits for.
//!
//! Pure, total and deterministic. It plans a frontier, not a script: run the steps, take in their effects, plan again,
//! until no step is left. Order is therefore a matter of what each step needs to be there before it:
//! groups, their rules, the gateway endpoint, the S3 interface endpoint; other endpoints and the Resolver beside it.
//! What is added is in place before what it replaces is removed.

pub(crate) mod adoption;
mod calls;
pub(crate) mod changes;
pub mod deletion;
mod removal;
pub mod step;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::Ipv4Addr,
};

use crate::model::{
    claims::{Claims, Phase, token},
    desired::{Chosen, Desired, DesiredEndpoint, DesiredGroup, DesiredResolver, RULE_MARK},
    ids::{EndpointId, ResolverId, SecurityGroupId, SubnetId},
    observed::{EndpointState, PrivateDns, ResolverEndpoint, ResolverState, Resources, resources::Life},
    plan::{
        adoption::Candidate,
        changes::Move,
        removal::Surplus,
        step::{CreateRequest, Step},
    },
    slot::{EndpointKey, GroupRole, Slot},
};

/// What to do now, and what has to happen elsewhere first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Steps that can run now, in order.
    pub steps: Vec<Step>,
    /// Why the rest cannot.
    pub blockers: Vec<Blocker>,
}

impl Plan {
    /// Whether observed is desired.
    pub fn is_done(&self) -> bool {
        self.steps.is_empty() && self.blockers.is_empty()
    }
}

/// Something that the network waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Blocker {
    /// AWS is at work on it.
    UnderWay {
        /// The slot.
        slot: Slot,
        /// AWS's word for it.
        state: String,
    },
    /// It was created, and no list shows it: it is not visible yet, or somebody deleted it.
    NotVisible {
        /// The slot.
        slot: Slot,
    },
    /// It is gone, and a call that was sent before may still make it again.
    MayArrive {
        /// The slot.
        slot: Slot,
    },
    /// It cannot be made before another slot is ready.
    Awaits {
        /// The slot.
        slot: Slot,
        /// What it needs.
        needs: Slot,
    },
    /// It is in a state that waiting does not heal.
    Failed {
        /// The slot.
        slot: Slot,
        /// The resource.
        id: String,
        /// AWS's words.
        message: String,
    },
    /// Something that is not the network's stands in its place.
    NotOwned {
        /// The slot.
        slot: Slot,
        /// The stranger.
        id: String,
    },
    /// Several resources fit it, and only people can tell which of them is to be adopted.
    Ambiguous {
        /// The slot.
        slot: Slot,
        /// The resources.
        ids: Vec<String>,
    },
    /// An address that others may know would change, and nobody has allowed it.
    AddressChange {
        /// The slot.
        slot: Slot,
        /// The resource.
        id: String,
        /// The subnet of the address.
        subnet: SubnetId,
        /// The address as it is.
        from: String,
        /// The address that is asked for.
        to: Ipv4Addr,
    },
    /// It cannot be deleted while these hold it.
    InUse {
        /// The slot.
        slot: Slot,
        /// The resource.
        id: String,
        /// The network interfaces, with what AWS says they are for.
        by: Vec<String>,
    },
}

impl Blocker {
    /// The slot that it blocks.
    pub const fn slot(&self) -> Slot {
        match self {
            Self::UnderWay { slot, .. }
            | Self::MayArrive { slot }
            | Self::NotVisible { slot }
            | Self::Awaits { slot, .. }
            | Self::Failed { slot, .. }
            | Self::NotOwned { slot, .. }
            | Self::Ambiguous { slot, .. }
            | Self::AddressChange { slot, .. }
            | Self::InUse { slot, .. } => *slot,
        }
    }
}

/// Plans the next steps. `managed_tags` are the keys of user tags that the operator has set before: those of them that
/// are no longer wanted are removed, other tags are left alone.
pub fn plan(desired: &Desired, resources: &Resources, claims: &Claims, managed_tags: &BTreeSet<String>) -> Plan {
    let mut planner = Planner { desired, resources, claims, plan: Plan::default() };
    for (role, group) in &desired.groups {
        planner.group(*role, group);
    }
    // AWS chooses among what is free. Whatever asks for its addresses by number comes first, or AWS might have given one of
    // them to another endpoint of the network a moment before.
    for chosen in [Chosen::Nowhere, Chosen::Somewhere, Chosen::Everywhere] {
        for (key, endpoint) in desired.endpoints.iter().filter(|(_, endpoint)| endpoint.chosen() == chosen) {
            planner.endpoint(*key, endpoint);
        }
        if desired.resolver.as_ref().is_some_and(|resolver| resolver.chosen() == chosen) {
            planner.any_resolver();
        }
    }
    planner.no_longer_wanted();
    changes::tags(desired, resources, managed_tags, &mut planner.plan.steps);
    planner.plan
}

struct Planner<'a> {
    desired: &'a Desired,
    resources: &'a Resources,
    claims: &'a Claims,
    plan: Plan,
}

impl Planner<'_> {
    fn block(&mut self, blocker: Blocker) {
        self.plan.blockers.push(blocker);
    }

    fn any_resolver(&mut self) {
        match &self.desired.resolver {
            Some(DesiredResolver::Managed(addresses)) => self.resolver(addresses),
            Some(DesiredResolver::Existing(id)) => self.somebodys_resolver(id),
            None => {}
        }
    }

    /// Plans the adoption or creation of what is missing from a slot, by its claim.
    fn create(&mut self, slot: Slot, request: impl FnOnce(crate::model::ownership::Tags) -> CreateRequest) {
        if self.adopt(slot) {
            return;
        }
        let identity = &self.desired.identity;
        let epoch = self.claims.epoch_to_create(slot);
        let request = match self.claims.get(slot).map(|claim| &claim.phase) {
            // An unanswered call is sent again as it was; what has changed since is edited afterwards.
            Some(Phase::Pending { request: Some(recorded) }) if recorded.fits(slot, identity) => recorded.clone(),
            Some(Phase::Pending { .. } | Phase::Refused | Phase::Released) | None => {
                request(identity.tags(&self.desired.tags, slot, epoch))
            }
            Some(Phase::Held { .. } | Phase::Deleting { .. }) => return self.block(Blocker::NotVisible { slot }),
        };
        self.plan.steps.push(Step::Create { slot, token: token(&identity.uid, slot, epoch), request });
    }

    /// Plans the adoption of what is there for a slot. False if nothing is, or if the slot's own resource may be.
    fn adopt(&mut self, slot: Slot) -> bool {
        match self.claims.get(slot).map(|claim| &claim.phase) {
            None | Some(Phase::Refused | Phase::Released) => {}
            Some(Phase::Pending { .. } | Phase::Held { .. } | Phase::Deleting { .. }) => return false,
        }
        match adoption::candidate(self.desired, self.resources, slot, self.claims.epoch_to_create(slot)) {
            Candidate::None => return false,
            Candidate::One(step) => self.plan.steps.push(*step),
            Candidate::Several(ids) => self.block(Blocker::Ambiguous { slot, ids }),
        }
        true
    }

    fn group(&mut self, role: GroupRole, wanted: &DesiredGroup) {
        let slot = Slot::Group(role);
        let identity = &self.desired.identity;
        let Some(id) = self.resources.group(identity, role) else {
            let squatter = self.resources.groups.iter().find(|(_, group)| group.name == wanted.name);
            if let Some((id, _)) = squatter {
                let id = id.to_string();
                return self.block(Blocker::NotOwned { slot, id });
            }
            let vpc = self.desired.vpc.clone();
            let (name, description) = (wanted.name.clone(), wanted.description.to_owned());
            return self.create(slot, |tags| CreateRequest::SecurityGroup { vpc, name, description, tags });
        };
        let Some(group) = self.resources.groups.get(&id) else { return };
        let present: BTreeSet<_> = group.ingress.iter().filter_map(|rule| rule.permission).collect();
        let missing: BTreeMap<_, _> = wanted
            .ingress
            .iter()
            .filter(|(permission, _)| !present.contains(permission))
            .map(|(permission, description)| (*permission, description.clone()))
            .collect();
        let stale: BTreeMap<_, _> = group
            .ingress
            .iter()
            .filter(|rule| rule.description.starts_with(RULE_MARK))
            .filter_map(|rule| Some((rule.id.clone()?, rule.permission?)))
            .filter(|(_, permission)| !wanted.ingress.contains_key(permission))
            .collect();
        // Granted before revoked: the revocation is planned once the grant is in place.
        if !missing.is_empty() {
            self.plan.steps.push(Step::AuthorizeIngress { role, group: id, permissions: missing });
        } else if !stale.is_empty() {
            self.plan.steps.push(Step::RevokeIngress { role, group: id, rules: stale });
        }
    }

    /// The group of a role, once it admits what it should.
    fn ready_group(&self, role: GroupRole) -> Option<SecurityGroupId> {
        let id = self.resources.group(&self.desired.identity, role)?;
        let wanted = self.desired.groups.get(&role)?;
        let present: BTreeSet<_> =
            self.resources.groups.get(&id)?.ingress.iter().filter_map(|rule| rule.permission).collect();
        wanted.ingress.keys().all(|permission| present.contains(permission)).then_some(id)
    }

    /// The groups of interface endpoints, once they admit what they should. Existing ones were checked before.
    fn endpoint_groups(&self) -> Option<BTreeSet<SecurityGroupId>> {
        match self.desired.existing_groups.get(&GroupRole::Endpoints) {
            Some(ids) => Some(ids.clone()),
            None => self.ready_group(GroupRole::Endpoints).map(|id| BTreeSet::from([id])),
        }
    }

    fn endpoint(&mut self, key: EndpointKey, wanted: &DesiredEndpoint) {
        let slot = Slot::Endpoint(key);
        if let DesiredEndpoint::Existing(id) = wanted {
            return self.somebodys_endpoint(slot, id);
        }
        match self.resources.live(&self.desired.identity, slot).map(EndpointId::from) {
            Some(id) => self.existing_endpoint(key, wanted, &id),
            None if self.is_deleting(slot) => self.block(Blocker::UnderWay { slot, state: "Deleting".to_owned() }),
            None => self.new_endpoint(key, wanted),
        }
    }

    /// An endpoint that is only used is waited for, and nothing else. What is wrong with it was said before.
    fn somebodys_endpoint(&mut self, slot: Slot, id: &EndpointId) {
        match self.resources.endpoints.get(id).map(|endpoint| &endpoint.state) {
            Some(EndpointState::Available) => {}
            Some(state) => self.block(Blocker::UnderWay { slot, state: state.as_str().to_owned() }),
            None => self.block(Blocker::NotVisible { slot }),
        }
    }

    /// The same for a Resolver endpoint.
    fn somebodys_resolver(&mut self, id: &ResolverId) {
        let slot = Slot::Resolver;
        match self.resources.resolvers.get(id) {
            Some(resolver) if resolver.state == ResolverState::Operational => {}
            Some(resolver) => self.block(Blocker::UnderWay { slot, state: resolver.state.as_str().to_owned() }),
            None => self.block(Blocker::NotVisible { slot }),
        }
    }

    fn is_deleting(&self, slot: Slot) -> bool {
        self.resources.held(&self.desired.identity, slot).iter().any(|held| held.life == Life::Deleting)
    }

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

    /// AWS refuses the S3 interface endpoint's inbound-only private DNS before the VPC has the gateway endpoint.
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
        let change = match wanted {
            DesiredEndpoint::Existing(_) => return,
            DesiredEndpoint::Gateway { route_tables, policy, .. } => changes::gateway(endpoint, route_tables, policy),
            DesiredEndpoint::Interface { subnets, addresses, private_dns, policy, .. } => {
                let Some(groups) = self.endpoint_groups() else {
                    return self.block(Blocker::Awaits { slot, needs: Slot::Group(GroupRole::Endpoints) });
                };
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
        }
    }

    /// Parts changes of published addresses into those that somebody has allowed, and what is said of the others.
    fn allowed(&self, slot: Slot, id: &str, moves: Vec<Move>) -> (Vec<Move>, Vec<Blocker>) {
        if self.desired.address_changes.contains(&(slot, id.to_owned())) {
            return (moves, Vec::new());
        }
        let refused = moves.into_iter().map(|Move { subnet, from, to }| Blocker::AddressChange {
            slot,
            id: id.to_owned(),
            subnet,
            from,
            to,
        });
        (Vec::new(), refused.collect())
    }

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
        // CreateResolverEndpoint wants a group that admits TCP and UDP 53 already.
        let Some(group) = self.ready_group(GroupRole::Resolver) else {
            return self.block(Blocker::Awaits { slot, needs: Slot::Group(GroupRole::Resolver) });
        };
        let (name, addresses) = (resolver_name(&identity.uid), addresses.clone());
        self.create(slot, |tags| CreateRequest::Resolver { name, addresses, group, tags });
    }

    fn existing_resolver(
        &mut self,
        id: &ResolverId,
        resolver: &ResolverEndpoint,
        addresses: &BTreeMap<SubnetId, Option<Ipv4Addr>>,
    ) {
        let slot = Slot::Resolver;
        match &resolver.state {
            // AWS wants an address added for the lost one, then the lost one removed.
            ResolverState::Operational | ResolverState::ActionNeeded => {}
            ResolverState::Creating
            | ResolverState::Updating
            | ResolverState::AutoRecovering
            | ResolverState::Deleting
            | ResolverState::Unknown(_) => {
                return self.block(Blocker::UnderWay { slot, state: resolver.state.as_str().to_owned() });
            }
        }
        let (moves, refused) = self.allowed(slot, id.as_str(), changes::resolver_moves(resolver, addresses));
        // Where a move is not allowed, whatever address stands there is right.
        let mut addresses = addresses.clone();
        for blocker in &refused {
            if let Blocker::AddressChange { subnet, .. } = blocker {
                addresses.insert(subnet.clone(), None);
            }
        }
        self.plan.blockers.extend(refused);
        debug_assert!(moves.iter().all(|one| addresses.get(&one.subnet).is_some_and(Option::is_some)));
        if let Some(step) = changes::resolver_addresses(id, resolver, &addresses) {
            return self.plan.steps.push(step);
        }
        if resolver.state == ResolverState::ActionNeeded {
            let (id, message) = (id.to_string(), resolver.message.clone());
            return self.block(Blocker::Failed { slot, id, message });
        }
        if let Some(address) = resolver.addresses.values().find(|address| !address.is_attached()) {
            let state = format!("address in {}: {}", address.subnet, address.state);
            self.block(Blocker::UnderWay { slot, state });
        }
    }

    /// Removes what the network has and no longer asks for: endpoints in one call, then groups that nothing holds.
    fn no_longer_wanted(&mut self) {
        let identity = &self.desired.identity;
        let mut surplus = Surplus::default();
        let gateway = Slot::Endpoint(EndpointKey::S3_GATEWAY);
        let slots: Vec<Slot> =
            self.resources.slots(identity).into_iter().filter(|slot| !self.is_wanted(*slot)).collect();
        for slot in slots {
            let by = if slot == gateway { self.strangers_on_the_gateway() } else { Vec::new() };
            if slot == gateway && self.gateway_is_needed() {
                let needs = Slot::Endpoint(EndpointKey::S3_INTERFACE);
                self.plan.blockers.push(Blocker::Awaits { slot, needs });
            } else if !by.is_empty() {
                let id = self.resources.live(identity, slot).unwrap_or_default();
                self.plan.blockers.push(Blocker::InUse { slot, id, by });
            } else {
                surplus.add(self.resources, identity, slot);
            }
        }
        surplus.plan(self.resources, &mut self.plan);
    }

    /// Whether an S3 interface endpoint that stays still leaves the VPC to the gateway endpoint.
    fn gateway_is_needed(&self) -> bool {
        let slot = Slot::Endpoint(EndpointKey::S3_INTERFACE);
        let own = self.resources.live(&self.desired.identity, slot).map(EndpointId::from);
        let endpoint = own.and_then(|id| self.resources.endpoints.get(&id));
        self.is_wanted(slot)
            && endpoint.is_some_and(|endpoint| {
                // While it changes, what it was is not known to be over.
                endpoint.private_dns == PrivateDns::InboundResolverOnly || endpoint.state != EndpointState::Available
            })
    }

    /// Other people's S3 interface endpoints that leave the VPC to the gateway endpoint: AWS keeps it for them.
    fn strangers_on_the_gateway(&self) -> Vec<String> {
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

    /// Whether the network keeps something of its own in a slot.
    fn is_wanted(&self, slot: Slot) -> bool {
        match slot {
            Slot::Group(role) => self.desired.groups.contains_key(&role),
            Slot::Endpoint(key) => match self.desired.endpoints.get(&key) {
                Some(DesiredEndpoint::Gateway { .. } | DesiredEndpoint::Interface { .. }) => true,
                Some(DesiredEndpoint::Existing(_)) | None => false,
            },
            Slot::Resolver => matches!(self.desired.resolver, Some(DesiredResolver::Managed(_))),
        }
    }
}

/// At most 64 characters of `a-zA-Z0-9-_' `, and not only digits (API reference of CreateResolverEndpoint).
fn resolver_name(uid: &str) -> String {
    format!("mgnet-{uid}").chars().take(64).collect()
}
