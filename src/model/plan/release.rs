//! Plans the release of adopted resources that a network no longer needs: first the operator removes what it added, then its
//! tags. From then on the resource is foreign again.

use std::collections::BTreeSet;

use super::{
    Blocker, Plan, changes, resolver_addresses,
    step::{EndpointChange, Step},
};
use crate::model::{
    claims::{Claims, Phase},
    ids::{EndpointId, ResolverId, SecurityGroupId},
    ingress::RULE_MARK,
    observed::{EndpointState, ResolverState, Resources, parts::Parts},
    ownership::{NAME_TAG, RESERVED_PREFIX, Tags, is_adopted},
    slot::{GroupRole, Slot},
};

/// The state from which a release is planned.
pub(super) struct Release<'a> {
    pub(super) resources: &'a Resources,
    pub(super) claims: &'a Claims,
    /// The keys of the user tags that the operator has set.
    pub(super) managed_tags: &'a BTreeSet<String>,
}

/// The next call of a release, or the reason why it has to wait.
type Next = Result<Step, Blocker>;

impl Release<'_> {
    /// Whether the network adopted the resource.
    pub(super) fn is_adopted(&self, slot: Slot, id: &str) -> bool {
        let tags = self.resources.tags_of(slot, id).map(|(_, tags)| tags);
        self.claims.had(slot, id).is_some() || tags.is_some_and(is_adopted)
    }

    /// Whether a security group fills a slot of the network, which did not adopt it from others.
    fn is_own(&self, group: &SecurityGroupId) -> bool {
        GroupRole::ALL.into_iter().map(Slot::Group).any(|slot| {
            let holds = self.claims.get(slot).is_some_and(|claim| claim.phase == held(group));
            holds && !self.is_adopted(slot, group.as_str())
        })
    }

    /// Plans the next call that releases a resource.
    pub(super) fn plan(&self, slot: Slot, id: &str, plan: &mut Plan) {
        let everything = Parts::of(self.resources, slot, id);
        let had = self.claims.had(slot, id).unwrap_or(&everything);
        let removal = match slot {
            Slot::Group(role) => self.rules(&id.into()).map(|rules| {
                let group = SecurityGroupId::from(id);
                Ok(Step::RevokeIngress { role, group, rules })
            }),
            Slot::Endpoint(key) => self
                .parts_of_endpoint(slot, &id.into(), had)
                .map(|next| next.map(|change| Step::ModifyEndpoint { key, endpoint: id.into(), change })),
            Slot::Resolver => self.address(&id.into(), had),
        };
        match removal.or_else(|| self.tags(slot, id, had).map(Ok)) {
            Some(Ok(step)) => plan.steps.push(step),
            Some(Err(blocker)) => plan.blockers.push(blocker),
            None => {}
        }
    }

    /// The operator's rules in a security group.
    fn rules(&self, id: &SecurityGroupId) -> Option<changes::Rules> {
        let rules = self.resources.groups.get(id)?.ingress.iter();
        let ours = rules.filter(|rule| rule.description.starts_with(RULE_MARK));
        let ours: changes::Rules = ours.filter_map(|rule| Some((rule.id.clone()?, rule.permission?))).collect();
        (!ours.is_empty()).then_some(ours)
    }

    /// The change that removes what the operator added to an endpoint.
    fn parts_of_endpoint(&self, slot: Slot, id: &EndpointId, had: &Parts) -> Option<Result<EndpointChange, Blocker>> {
        let endpoint = self.resources.endpoints.get(id)?;
        match &endpoint.state {
            EndpointState::Pending => return Some(Err(Blocker::UnderWay { slot, state: "Pending".to_owned() })),
            // AWS does not change an endpoint in these states.
            EndpointState::Failed(_) | EndpointState::Deleting | EndpointState::Deleted => return None,
            EndpointState::Available | EndpointState::Unknown(_) => {}
        }
        // An endpoint that an earlier network of the same name adopted and retained has that network's group, which this
        // network took over, and deletes.
        let groups = had.groups.iter().filter(|group| !self.is_own(group)).cloned().collect();
        let change = EndpointChange {
            remove_subnets: added(&endpoint.subnets, &had.subnets),
            remove_groups: added(&endpoint.groups, &groups),
            remove_route_tables: endpoint.route_tables.difference(&had.route_tables).cloned().collect(),
            ..EndpointChange::default()
        };
        (!change.is_empty()).then_some(Ok(change))
    }

    /// The call that removes one of the addresses that the operator added to a Resolver endpoint.
    fn address(&self, id: &ResolverId, had: &Parts) -> Option<Next> {
        let resolver = self.resources.resolvers.get(id)?;
        match &resolver.state {
            state @ (ResolverState::Creating | ResolverState::Updating) => {
                return Some(Err(Blocker::UnderWay { slot: Slot::Resolver, state: state.as_str().to_owned() }));
            }
            // AWS rejects changes in these states.
            ResolverState::AutoRecovering | ResolverState::Deleting => return None,
            ResolverState::Operational | ResolverState::ActionNeeded | ResolverState::Unknown(_) => {}
        }
        let address = resolver_addresses::added(resolver, &had.addresses)?;
        Some(Ok(Step::DisassociateResolverAddress { resolver: id.clone(), address: address.clone() }))
    }

    /// The call that removes the network's tags. The resource keeps the tags that it had.
    fn tags(&self, slot: Slot, id: &str, had: &Parts) -> Option<Step> {
        let (resource, present): (_, &Tags) = self.resources.tags_of(slot, id)?;
        let is_ours = |key: &&String| {
            let by_the_operator = self.managed_tags.contains(*key) || *key == NAME_TAG;
            key.starts_with(RESERVED_PREFIX) || (by_the_operator && !had.tag_keys.contains(*key))
        };
        let keys = present.keys().filter(is_ours).cloned().collect();
        Some(Step::Release { slot, id: id.to_owned(), resource, keys })
    }
}

fn held(group: &SecurityGroupId) -> Phase {
    Phase::Held { id: Some(group.to_string()) }
}

/// Returns what the operator added, unless the resource has nothing else: an endpoint must keep a subnet and a group.
fn added<T: Clone + Ord>(present: &BTreeSet<T>, had: &BTreeSet<T>) -> BTreeSet<T> {
    if present.is_disjoint(had) { BTreeSet::new() } else { present.difference(had).cloned().collect() }
}
