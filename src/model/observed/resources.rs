//! Finds the observed resources that fill the slots of a network, and applies the effects of steps to the
//! observation.

use std::collections::{BTreeMap, BTreeSet};

use ipnet::Ipv4Net;

use crate::model::{
    ids::{NetworkInterfaceId, PrefixListId, ResolverId, SecurityGroupId},
    observed::{
        Endpoint, EndpointState, Peer, Permission, PrefixLists, Protocol, ResolverEndpoint, ResolverState, Resources,
        Rule, SecurityGroup, Shortfall, shortfall,
    },
    ownership::{self, Identity, SLOT_TAG, Tags},
    plan::step::{Effect, ResourceId, Step},
    slot::{GroupRole, Slot},
};
use crate::text::truncate;

/// Returns the name of a network's security group. It depends only on UID and role, so that it has the effect of a
/// client token.
pub fn group_name(uid: &str, role: GroupRole) -> String {
    format!("mgnet-{uid}-{role}")
}

/// Returns the name of a network's Resolver endpoint: at most 64 characters of `a-zA-Z0-9-_' `, and not only digits (API
/// reference of CreateResolverEndpoint). It depends only on the UID, so that the endpoint can be found in a list by name.
pub fn resolver_name(uid: &str) -> String {
    truncate(&format!("mgnet-{uid}"), 64)
}

/// Returns the role of one of the network's own groups: by its name, or by its tag if the group was adopted.
fn role_of(uid: &str, group: &SecurityGroup) -> Option<GroupRole> {
    let tagged = |role: &GroupRole| group.tags.get(SLOT_TAG).is_some_and(|tag| *tag == Slot::Group(*role).to_string());
    let named = GroupRole::ALL.into_iter().find(|role| group.name == group_name(uid, *role));
    named.or_else(|| GroupRole::ALL.into_iter().find(tagged))
}

/// The phase of a resource's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Life {
    /// The resource exists, in any state.
    Live,
    /// The resource is being deleted.
    Deleting,
    /// The resource is deleted, but AWS still lists it.
    Deleted,
}

/// A rule of a security group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupRule {
    /// The group.
    pub group: SecurityGroupId,
    /// Whether the rule is about egress.
    pub is_egress: bool,
    /// The rule.
    pub rule: Rule,
}

/// A resource that the network owns and that fills a slot.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Held {
    /// The phase of its life. Live sorts before deleting, and deleting before deleted.
    pub life: Life,
    /// The ID of the resource.
    pub id: String,
    /// The epoch in its tags.
    pub epoch: u32,
}

impl Resources {
    /// Returns the network's own resources in a slot, live ones first.
    pub fn held(&self, identity: &Identity, slot: Slot) -> Vec<Held> {
        let mut held: Vec<Held> = match slot {
            Slot::Group(role) => self
                .groups
                .iter()
                .filter(|(_, group)| identity.owns(&group.tags) && role_of(&identity.uid, group) == Some(role))
                .map(|(id, group)| Held { life: Life::Live, id: id.to_string(), epoch: ownership::epoch(&group.tags) })
                .collect(),
            Slot::Endpoint(key) => self
                .endpoints
                .iter()
                .filter(|(_, endpoint)| endpoint.key == Some(key) && identity.owns(&endpoint.tags))
                .map(|(id, endpoint)| Held {
                    life: match endpoint.state {
                        EndpointState::Deleting => Life::Deleting,
                        EndpointState::Deleted => Life::Deleted,
                        EndpointState::Pending
                        | EndpointState::Available
                        | EndpointState::Failed(_)
                        | EndpointState::Unknown(_) => Life::Live,
                    },
                    id: id.to_string(),
                    epoch: ownership::epoch(&endpoint.tags),
                })
                .collect(),
            Slot::Resolver => self
                .resolvers
                .iter()
                .filter(|(_, resolver)| identity.owns(&resolver.tags))
                .map(|(id, resolver)| Held {
                    life: if resolver.state == ResolverState::Deleting { Life::Deleting } else { Life::Live },
                    id: id.to_string(),
                    epoch: ownership::epoch(&resolver.tags),
                })
                .collect(),
        };
        held.sort();
        held
    }

    /// Returns the network's own Resolver endpoints that AWS is deleting.
    pub fn resolvers_being_deleted(&self, identity: &Identity) -> BTreeSet<ResolverId> {
        let deleting = self.resolvers.iter().filter(|(_, one)| one.state == ResolverState::Deleting);
        deleting.filter(|(_, one)| identity.owns(&one.tags)).map(|(id, _)| id.clone()).collect()
    }

    /// Whether the resource of a slot is listed although its owner could not be read. If the ID is unknown, any such
    /// resource counts.
    pub fn lists_unread(&self, slot: Slot, id: Option<&str>) -> bool {
        let unread = &self.unread_resolvers;
        slot == Slot::Resolver && id.map_or(!unread.is_empty(), |id| unread.contains(&id.into()))
    }

    /// Returns the IDs of the live resources in a slot, if there are several. The operator creates at most one: the others
    /// got their tags by other means.
    pub fn duplicates(&self, identity: &Identity, slot: Slot) -> Option<Vec<String>> {
        let live: Vec<String> =
            self.held(identity, slot).into_iter().filter(|held| held.life == Life::Live).map(|held| held.id).collect();
        (live.len() > 1).then_some(live)
    }

    /// Returns the ID of the live resource in a slot. If there are several, it always returns the same one.
    pub fn live(&self, identity: &Identity, slot: Slot) -> Option<String> {
        self.held(identity, slot).into_iter().find(|held| held.life == Life::Live).map(|held| held.id)
    }

    /// Returns the network's own security group with a role.
    pub fn group(&self, identity: &Identity, role: GroupRole) -> Option<SecurityGroupId> {
        self.live(identity, Slot::Group(role)).map(SecurityGroupId::from)
    }

    /// Returns the ID of a resource in the form that the tagging calls take, and its tags.
    pub fn tags_of(&self, slot: Slot, id: &str) -> Option<(ResourceId, &Tags)> {
        match slot {
            Slot::Group(_) => self.groups.get(&id.into()).map(|group| (ResourceId::Ec2(id.to_owned()), &group.tags)),
            Slot::Endpoint(_) => {
                self.endpoints.get(&id.into()).map(|endpoint| (ResourceId::Ec2(id.to_owned()), &endpoint.tags))
            }
            Slot::Resolver => self
                .resolvers
                .get(&id.into())
                .map(|resolver| (ResourceId::ResolverArn(resolver.arn.clone()), &resolver.tags)),
        }
    }

    /// Adds rules to their groups.
    pub fn add_rules(&mut self, rules: impl IntoIterator<Item = GroupRule>) {
        for GroupRule { group, is_egress, rule } in rules {
            if let Some(group) = self.groups.get_mut(&group) {
                if is_egress { group.egress.push(rule) } else { group.ingress.push(rule) }
            }
        }
    }

    /// Returns the prefix lists that the rules of security groups refer to.
    pub fn prefix_lists(&self) -> BTreeSet<PrefixListId> {
        let rules = self.groups.values().flat_map(|group| group.ingress.iter().chain(&group.egress));
        rules
            .filter_map(|rule| match &rule.traffic.peer {
                Peer::PrefixList(id) => Some(id.clone()),
                Peer::Range(_) | Peer::Group(_) | Peer::Other => None,
            })
            .collect()
    }

    /// Whether every security group whose rules were read admits all egress over TCP 443.
    pub fn egress_is_open(&self) -> bool {
        let anywhere = Permission { protocol: Protocol::Tcp, port: 443, source: Ipv4Net::default() };
        let mut read = self.groups.values().filter(|group| !group.ingress.is_empty() || !group.egress.is_empty());
        let lacks = |group: &SecurityGroup| shortfall(&group.egress, [anywhere], &BTreeSet::new(), &PrefixLists::new());
        read.all(|group| lacks(group) == Shortfall::default())
    }

    /// Returns the network interfaces that still use a security group.
    pub fn interfaces_of(&self, group: &SecurityGroupId) -> BTreeSet<NetworkInterfaceId> {
        self.interfaces
            .iter()
            .filter(|(_, interface)| interface.groups.contains(group))
            .map(|(id, _)| id.clone())
            .collect()
    }

    /// Returns the slots that the network's own resources fill or filled, in the order of creation.
    pub fn slots(&self, identity: &Identity) -> BTreeSet<Slot> {
        let groups = self.groups.values().filter(|group| identity.owns(&group.tags));
        let endpoints = self.endpoints.values().filter(|endpoint| identity.owns(&endpoint.tags));
        let resolvers = self.resolvers.values().filter(|resolver| identity.owns(&resolver.tags));
        groups
            .filter_map(|group| role_of(&identity.uid, group).map(Slot::Group))
            .chain(endpoints.filter_map(|endpoint| endpoint.key.map(Slot::Endpoint)))
            .chain(resolvers.map(|_| Slot::Resolver))
            .collect()
    }

    /// Returns the network's own resources that fill no slot that this version knows, each with the slot in its tags.
    pub fn of_unknown_slots(&self, identity: &Identity) -> BTreeMap<String, String> {
        let groups = self.groups.iter().filter(|(_, group)| role_of(&identity.uid, group).is_none());
        let is_unknown = |endpoint: &Endpoint| endpoint.key.is_none() && endpoint.state != EndpointState::Deleted;
        let endpoints = self.endpoints.iter().filter(|(_, endpoint)| is_unknown(endpoint));
        let all = groups
            .map(|(id, group)| (id.to_string(), &group.tags))
            .chain(endpoints.map(|(id, endpoint)| (id.to_string(), &endpoint.tags)));
        let slot = |tags: &Tags| tags.get(SLOT_TAG).cloned().unwrap_or_default();
        all.filter(|(_, tags)| identity.owns(tags)).map(|(id, tags)| (id, slot(tags))).collect()
    }

    /// Whether any resource of the network is listed, including those being deleted, but not deleted ones.
    pub fn any_held(&self, identity: &Identity) -> bool {
        let in_slots = self
            .slots(identity)
            .into_iter()
            .any(|slot| self.held(identity, slot).iter().any(|held| held.life != Life::Deleted));
        in_slots || !self.of_unknown_slots(identity).is_empty()
    }

    /// Returns the IDs of all live resources that the network owns.
    pub fn ids_held(&self, identity: &Identity) -> Vec<String> {
        self.slots(identity)
            .into_iter()
            .flat_map(|slot| self.held(identity, slot))
            .filter(|held| held.life == Life::Live)
            .map(|held| held.id)
            .collect()
    }

    /// Applies the effect of a step, so that the next steps can be planned without another observation. Whatever the
    /// response does not contain is marked as in progress: no further steps are planned for it until the next
    /// observation.
    pub fn apply(&mut self, step: &Step, effect: &Effect) {
        match effect {
            Effect::GroupCreated(id, group) => {
                self.groups.insert(id.clone(), group.clone());
            }
            Effect::EndpointCreated(id, endpoint) => {
                let mut endpoint = endpoint.clone();
                // A gateway endpoint is available at once, and other steps depend on it. The response for an
                // interface endpoint may be incomplete.
                if endpoint.route_tables.is_empty() {
                    endpoint.state = EndpointState::Pending;
                }
                self.endpoints.insert(id.clone(), endpoint);
            }
            Effect::ResolverCreated(id, resolver) => {
                // The response does not list the addresses.
                let resolver = ResolverEndpoint { state: ResolverState::Creating, ..resolver.clone() };
                self.resolvers.insert(id.clone(), resolver);
            }
            Effect::EndpointsDeleting { refused } => {
                if let Step::DeleteEndpoints { endpoints } = step {
                    for id in endpoints.keys().filter(|id| !refused.contains_key(*id)) {
                        if let Some(endpoint) = self.endpoints.get_mut(id) {
                            endpoint.state = EndpointState::Deleting;
                        }
                    }
                }
            }
            Effect::Accepted => self.accept(step),
        }
    }

    fn accept(&mut self, step: &Step) {
        match step {
            // These steps have effects of their own.
            Step::Create { .. } | Step::DeleteEndpoints { .. } => {}
            Step::AuthorizeIngress { group, permissions, .. } => {
                if let Some(group) = self.groups.get_mut(group) {
                    group.ingress.extend(permissions.iter().map(|(permission, description)| Rule {
                        id: None,
                        permission: Some(*permission),
                        traffic: (*permission).into(),
                        description: description.clone(),
                        text: permission.to_string(),
                    }));
                }
            }
            Step::RevokeIngress { group, rules, .. } => {
                if let Some(group) = self.groups.get_mut(group) {
                    group.ingress.retain(|rule| rule.id.as_ref().is_none_or(|id| !rules.contains_key(id)));
                }
            }
            Step::ModifyEndpoint { endpoint, .. } => {
                if let Some(endpoint) = self.endpoints.get_mut(endpoint) {
                    endpoint.state = EndpointState::Pending;
                }
            }
            Step::AssociateResolverAddress { resolver, .. } | Step::DisassociateResolverAddress { resolver, .. } => {
                if let Some(resolver) = self.resolvers.get_mut(resolver) {
                    resolver.state = ResolverState::Updating;
                }
            }
            Step::SetTags { resource, tags, .. } | Step::Adopt { resource, tags, .. } => {
                if let Some(present) = self.tags_mut(resource) {
                    present.extend(tags.clone());
                }
            }
            Step::RemoveTags { resource, keys, .. } | Step::Release { resource, keys, .. } => {
                if let Some(present) = self.tags_mut(resource) {
                    present.retain(|key, _| !keys.contains(key));
                }
            }
            Step::DeleteResolver { resolver } => {
                self.stuck_resolvers.remove(resolver);
                if let Some(resolver) = self.resolvers.get_mut(resolver) {
                    resolver.state = ResolverState::Deleting;
                }
            }
            Step::DeleteGroup { group, .. } => {
                self.groups.remove(group);
            }
        }
    }

    fn tags_mut(&mut self, resource: &ResourceId) -> Option<&mut Tags> {
        match resource {
            ResourceId::Ec2(id) => {
                let group =
                    self.groups.iter_mut().find(|(group, _)| group.as_str() == id).map(|(_, group)| &mut group.tags);
                group.or_else(|| {
                    self.endpoints
                        .iter_mut()
                        .find(|(endpoint, _)| endpoint.as_str() == id)
                        .map(|(_, endpoint)| &mut endpoint.tags)
                })
            }
            ResourceId::ResolverArn(arn) => {
                self.resolvers.values_mut().find(|resolver| resolver.arn == *arn).map(|resolver| &mut resolver.tags)
            }
        }
    }
}
