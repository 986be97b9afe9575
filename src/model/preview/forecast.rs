//! Forecasts every step that the operator would run to reach the desired state, in order, without running any of them.
//!
//! A plan contains only the next steps. The forecast therefore runs each plan on a copy of the observation, with a
//! simulated AWS that completes every call at once and never fails, and plans again until no step remains. Changes
//! that AWS is already making are assumed to succeed. A blocker that even this AWS would not resolve remains in the
//! forecast.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::Ipv4Addr,
};

use crate::model::{
    claims::Claims,
    desired::Desired,
    ids::{NetworkInterfaceId, SubnetId},
    observed::{
        Endpoint, EndpointState, PrivateDns, ResolverAddress, ResolverEndpoint, ResolverState, Resources, SecurityGroup,
    },
    ownership::Tags,
    plan::{
        Blocker, plan,
        step::{CreateRequest, Effect, EndpointChange, Step},
    },
    policy::Policy,
    slot::Slot,
};

/// The maximum number of waves, a wave being the steps of one plan. The largest edit, which replaces sixteen subnets
/// one by one, needs fewer.
const MOST_WAVES: usize = 64;

/// The prefix of the placeholder IDs of resources that do not exist yet.
const NEW: &str = "(new ";

/// The result of a forecast.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forecast {
    /// The steps, in order.
    pub steps: Vec<ForeseenStep>,
    /// The blockers that would remain after these steps.
    pub blockers: Vec<Blocker>,
    /// The resources as they would be after these steps.
    pub resources: Resources,
    /// Whether the forecast contains all steps. It is false only for a plan that never ends, which no network should
    /// have.
    pub is_whole: bool,
}

/// A step that the operator would run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForeseenStep {
    /// The step. Resources that do not exist yet have placeholder IDs, which [`is_new`] recognizes.
    pub step: Step,
    /// The cause of the step.
    pub cause: Cause,
}

/// The cause of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// A desired resource is missing.
    Missing,
    /// A create call was never answered, and is sent again.
    Unanswered,
    /// A resource differs from its desired state.
    Differs,
    /// The resource, or a part of it, is no longer desired.
    NoLongerWanted,
}

/// Whether an ID is the placeholder of a resource that does not exist yet.
pub fn is_new(id: &str) -> bool {
    id.starts_with(NEW)
}

/// Forecasts the steps from these resources to the desired state. `claims` must already be settled with the resources.
pub fn forecast(desired: &Desired, resources: &Resources, claims: &Claims, managed: &BTreeSet<String>) -> Forecast {
    let unanswered: BTreeSet<Slot> = claims.pending().map(|(slot, ..)| slot).collect();
    let mut aws = IdealAws { resources: resources.clone(), claims: claims.clone() };
    let mut made: BTreeSet<Slot> = BTreeSet::new();
    let mut steps = Vec::new();
    for _ in 0..MOST_WAVES {
        aws.come_to_rest();
        aws.claims.settle(&desired.identity, &aws.resources, &BTreeSet::new());
        let next = plan(desired, &aws.resources, &aws.claims, managed);
        if next.steps.is_empty() {
            return Forecast { steps, blockers: next.blockers, resources: aws.resources, is_whole: true };
        }
        aws.claims.reserve(&next.steps);
        for step in next.steps {
            let cause = cause(&step, &made, &unanswered);
            if let Step::Create { slot, .. } = &step {
                made.insert(*slot);
            }
            aws.carry_out(&step);
            steps.push(ForeseenStep { step, cause });
        }
    }
    aws.come_to_rest();
    Forecast { steps, blockers: Vec::new(), resources: aws.resources, is_whole: false }
}

/// Returns the cause of a step. `made` are the slots that earlier steps of the forecast created.
fn cause(step: &Step, made: &BTreeSet<Slot>, unanswered: &BTreeSet<Slot>) -> Cause {
    match step {
        Step::Create { slot, .. } if unanswered.contains(slot) && !made.contains(slot) => Cause::Unanswered,
        Step::Create { .. } | Step::Adopt { .. } => Cause::Missing,
        Step::AuthorizeIngress { .. }
        | Step::ModifyEndpoint { .. }
        | Step::AssociateResolverAddress { .. }
        | Step::SetTags { .. } => {
            if step.slots().iter().all(|slot| made.contains(slot)) {
                Cause::Missing
            } else {
                Cause::Differs
            }
        }
        Step::RevokeIngress { .. }
        | Step::DisassociateResolverAddress { .. }
        | Step::RemoveTags { .. }
        | Step::Release { .. }
        | Step::DeleteEndpoints { .. }
        | Step::DeleteResolver { .. }
        | Step::DeleteGroup { .. } => Cause::NoLongerWanted,
    }
}

/// A simulated AWS that completes every call at once and never fails.
struct IdealAws {
    resources: Resources,
    claims: Claims,
}

impl IdealAws {
    fn carry_out(&mut self, step: &Step) {
        let effect = match step {
            Step::Create { slot, request, .. } => created(*slot, request),
            Step::DeleteEndpoints { .. } => Effect::EndpointsDeleting { refused: BTreeMap::new() },
            Step::Adopt { .. }
            | Step::AuthorizeIngress { .. }
            | Step::RevokeIngress { .. }
            | Step::ModifyEndpoint { .. }
            | Step::AssociateResolverAddress { .. }
            | Step::DisassociateResolverAddress { .. }
            | Step::SetTags { .. }
            | Step::RemoveTags { .. }
            | Step::Release { .. }
            | Step::DeleteResolver { .. }
            | Step::DeleteGroup { .. } => Effect::Accepted,
        };
        self.claims.done(step, &effect);
        self.resources.apply(step, &effect);
        self.finish(step);
    }

    /// Applies the effects that the answer of AWS does not contain, but the next observation would show.
    fn finish(&mut self, step: &Step) {
        let Resources { groups: _, endpoints, resolvers, unread_resolvers: _, stuck_resolvers: _, interfaces } =
            &mut self.resources;
        match step {
            Step::ModifyEndpoint { endpoint, change, .. } => {
                if let Some(endpoint) = endpoints.get_mut(endpoint) {
                    modify(endpoint, change);
                    for id in &endpoint.interfaces {
                        if let Some(interface) = interfaces.get_mut(id) {
                            interface.groups.clone_from(&endpoint.groups);
                            if let Some(ip) = change.addresses.get(&interface.subnet) {
                                interface.ip = Some(*ip);
                            }
                        }
                    }
                }
            }
            Step::AssociateResolverAddress { resolver, subnet, ip } => {
                if let Some(resolver) = resolvers.get_mut(resolver) {
                    resolver.addresses.insert(format!("{NEW}address in {subnet})").into(), attached(subnet, *ip));
                }
            }
            Step::DisassociateResolverAddress { resolver, address } => {
                if let Some(resolver) = resolvers.get_mut(resolver) {
                    resolver.addresses.remove(address);
                }
            }
            // `Resources::apply` has already applied the complete effect.
            Step::Create { .. }
            | Step::Adopt { .. }
            | Step::AuthorizeIngress { .. }
            | Step::RevokeIngress { .. }
            | Step::SetTags { .. }
            | Step::RemoveTags { .. }
            | Step::Release { .. }
            | Step::DeleteEndpoints { .. }
            | Step::DeleteResolver { .. }
            | Step::DeleteGroup { .. } => {}
        }
    }

    /// Completes every change in progress successfully.
    fn come_to_rest(&mut self) {
        let Resources { groups: _, endpoints, resolvers, unread_resolvers: _, stuck_resolvers: _, interfaces } =
            &mut self.resources;
        let mut deleted: BTreeSet<NetworkInterfaceId> = BTreeSet::new();
        endpoints.retain(|_, endpoint| match endpoint.state {
            EndpointState::Deleting | EndpointState::Deleted => {
                deleted.append(&mut endpoint.interfaces);
                false
            }
            EndpointState::Pending | EndpointState::Unknown(_) => {
                endpoint.state = EndpointState::Available;
                true
            }
            EndpointState::Available | EndpointState::Failed(_) => true,
        });
        resolvers.retain(|id, resolver| match resolver.state {
            ResolverState::Deleting => {
                // Only the descriptions of network interfaces show which Resolver endpoint they belong to.
                let owned = interfaces.iter().filter(|(_, one)| one.description.contains(id.as_str()));
                deleted.extend(owned.map(|(id, _)| id.clone()));
                false
            }
            ResolverState::Creating
            | ResolverState::Updating
            | ResolverState::AutoRecovering
            | ResolverState::Unknown(_) => {
                resolver.state = ResolverState::Operational;
                true
            }
            ResolverState::Operational | ResolverState::ActionNeeded => true,
        });
        for resolver in resolvers.values_mut() {
            resolver.addresses.retain(|_, address| !address.is_leaving());
            for address in resolver.addresses.values_mut().filter(|address| address.serves()) {
                ATTACHED.clone_into(&mut address.state);
            }
        }
        interfaces.retain(|id, _| !deleted.contains(id));
    }
}

/// Returns the answer of AWS to a create call.
fn created(slot: Slot, request: &CreateRequest) -> Effect {
    let id = format!("{NEW}{slot})");
    let key = if let Slot::Endpoint(key) = slot { Some(key) } else { None };
    let endpoint = |service_name: &str, policy: &Policy, tags: &Tags| Endpoint {
        service_name: service_name.to_owned(),
        key,
        state: EndpointState::Pending,
        failure: None,
        subnets: BTreeSet::new(),
        groups: BTreeSet::new(),
        route_tables: BTreeSet::new(),
        interfaces: BTreeSet::new(),
        is_requester_managed: false,
        is_ipv6_only: false,
        private_dns: PrivateDns::Disabled,
        policy: policy.clone(),
        dns_names: BTreeSet::new(),
        tags: tags.clone(),
    };
    match request {
        CreateRequest::SecurityGroup { vpc: _, name, description: _, tags } => {
            let group = SecurityGroup { name: name.clone(), tags: tags.clone(), ..SecurityGroup::default() };
            Effect::GroupCreated(id.into(), group)
        }
        CreateRequest::InterfaceEndpoint {
            vpc: _,
            service_name,
            subnets,
            addresses: _,
            groups,
            private_dns,
            policy,
            tags,
        } => {
            let endpoint = Endpoint {
                subnets: subnets.clone(),
                groups: groups.clone(),
                private_dns: *private_dns,
                ..endpoint(service_name, policy, tags)
            };
            Effect::EndpointCreated(id.into(), endpoint)
        }
        CreateRequest::GatewayEndpoint { vpc: _, service_name, route_tables, policy, tags } => {
            let endpoint = Endpoint { route_tables: route_tables.clone(), ..endpoint(service_name, policy, tags) };
            Effect::EndpointCreated(id.into(), endpoint)
        }
        CreateRequest::Resolver { name: _, addresses, group, tags } => {
            let address = |(subnet, ip): (&SubnetId, &Option<Ipv4Addr>)| {
                (format!("{NEW}address in {subnet})").into(), attached(subnet, *ip))
            };
            let resolver = ResolverEndpoint {
                arn: id.clone(),
                state: ResolverState::Creating,
                message: String::new(),
                answers_ipv4_dns: true,
                groups: BTreeSet::from([group.clone()]),
                addresses: addresses.iter().map(address).collect(),
                tags: tags.clone(),
            };
            Effect::ResolverCreated(id.into(), resolver)
        }
    }
}

/// A time of creation after that of every address that exists.
const NEWEST: &str = "9999-12-31T23:59:59Z";

/// The state that AWS reports for an address in service.
const ATTACHED: &str = "ATTACHED";

fn attached(subnet: &SubnetId, ip: Option<Ipv4Addr>) -> ResolverAddress {
    ResolverAddress { subnet: subnet.clone(), ip, state: ATTACHED.to_owned(), created: NEWEST.to_owned() }
}

fn modify(endpoint: &mut Endpoint, change: &EndpointChange) {
    let EndpointChange {
        add_subnets,
        remove_subnets,
        add_groups,
        remove_groups,
        add_route_tables,
        remove_route_tables,
        private_dns,
        // The network interfaces hold the addresses.
        addresses: _,
        policy,
    } = change;
    endpoint.subnets.retain(|subnet| !remove_subnets.contains(subnet));
    endpoint.subnets.extend(add_subnets.iter().cloned());
    endpoint.groups.extend(add_groups.iter().cloned());
    endpoint.groups.retain(|group| !remove_groups.contains(group));
    endpoint.route_tables.extend(add_route_tables.iter().cloned());
    endpoint.route_tables.retain(|table| !remove_route_tables.contains(table));
    endpoint.private_dns = private_dns.unwrap_or(endpoint.private_dns);
    if let Some(policy) = policy {
        endpoint.policy.clone_from(policy);
    }
}
