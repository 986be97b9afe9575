//! The only code that sees the AWS SDK. It turns [`crate::model`]'s questions and steps into calls, and answers into values.
//!
//! One file a kind of resource: building the request, calling, mapping the answer. No decision is taken here.
//!
//! A quiet look at a complete network takes twelve calls: five for the VPC and its surroundings, one for all endpoints, two
//! for groups and their rules, one for all network interfaces, three for the Resolver endpoint. What the Region offers is
//! one more, every ten minutes, and what stands around the VPC four. While AWS is at work one look follows another, and
//! four of the first five are not asked again.

mod cache;
mod cloud;
mod endpoint_service;
mod filter;
mod network_interface;
mod provider;
mod request;
mod resolver_endpoint;
mod security_group;
mod session;
mod surroundings;
mod tags;
#[cfg(test)]
mod tests;
mod vpc;
mod vpc_endpoint;

use std::{collections::BTreeSet, future::Future, net::Ipv4Addr, sync::Arc, time::Duration};

pub use cloud::AwsCloud;
pub use provider::AwsClouds;
pub use request::rate_limit::{RATE_FACTORS, Rates};

use crate::model::{
    failure::CallFailure,
    ids::{EndpointId, ResolverId, SecurityGroupId, SubnetId},
    observed::{Observed, Resources},
    ownership::Identity,
    plan::step::{Effect, Step},
    settings::{Settings, VpcSelector},
    slot::Service,
};

/// Where and as whom calls are made.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Account {
    /// The 12 digits of the account that the credentials must belong to.
    pub id: String,
    /// The Region.
    pub region: String,
    /// The role to assume first, if any.
    pub role_arn: Option<String>,
    /// The external id that the role's trust policy asks for.
    pub external_id: Option<String>,
}

/// What to look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// The network's VPC.
    pub vpc: VpcSelector,
    /// The subnets that the network names by id, to tell those of another VPC from those that do not exist.
    pub subnets: BTreeSet<SubnetId>,
    /// The network.
    pub identity: Identity,
    /// Whether the preflight had no objection at the last look. Then what changes seldom may be as of ten minutes ago; what
    /// holds a network up is never an old answer.
    pub fits: bool,
    /// How old the answers about what other people make of the VPC may be then. Less than the time between two looks at a network
    /// at rest: only looks in quick succession, while AWS is at work, share an answer.
    pub recent: Duration,
    /// Services that it asks for beside those that every network has.
    pub services: BTreeSet<Service>,
    /// Groups that it names.
    pub groups: BTreeSet<SecurityGroupId>,
    /// Endpoints that it names.
    pub endpoints: BTreeSet<EndpointId>,
    /// The Resolver endpoint that it names.
    pub resolver: Option<ResolverId>,
    /// Addresses that it asks for.
    pub addresses: BTreeSet<Ipv4Addr>,
    /// Whether it may adopt what it finds, so that more has to be known of that.
    pub adopts: bool,
}

impl Scope {
    /// A VPC and what every network in it needs, with nothing named.
    pub fn new(vpc: VpcSelector, identity: Identity) -> Self {
        Self {
            vpc,
            subnets: BTreeSet::new(),
            identity,
            fits: false,
            recent: Duration::ZERO,
            services: BTreeSet::new(),
            groups: BTreeSet::new(),
            endpoints: BTreeSet::new(),
            resolver: None,
            addresses: BTreeSet::new(),
            adopts: false,
        }
    }

    /// What to look at for a network with these settings. `fits` and `recent` as in [`Scope`].
    pub fn of(settings: &Settings, identity: &Identity, fits: bool, recent: Duration) -> Self {
        let asked = settings.endpoints.keys().map(|key| key.service);
        Self {
            vpc: settings.vpc.clone(),
            subnets: settings.named_subnets(),
            identity: identity.clone(),
            fits,
            recent,
            services: asked.filter(|service| !Service::STANDARD.contains(service)).collect(),
            groups: settings.named_groups(),
            endpoints: settings.named_endpoints(),
            resolver: settings.named_resolver().cloned(),
            addresses: settings.fixed_addresses().into_iter().map(|(_, _, ip)| ip).collect(),
            adopts: settings.adopts(),
        }
    }
}

/// One account and Region of AWS, seen and changed with one role.
pub trait Cloud: Send + Sync + 'static {
    /// Observes the VPC and everything in it that matters to a network, in full or not at all.
    ///
    /// # Errors
    /// The first call that failed. A VPC or subnet that does not exist is no failure: it is missing from the answer.
    fn observe(&self, scope: &Scope) -> impl Future<Output = Result<Observed, CallFailure>> + Send;

    /// Finds everything in the account and Region whose owner tag is the network's, wherever its VPC is, with whatever
    /// holds its groups. What teardown starts from; rules of groups are left out, as they go with their groups.
    ///
    /// # Errors
    /// The first call that failed.
    fn find_owned(&self, identity: &Identity) -> impl Future<Output = Result<Resources, CallFailure>> + Send;

    /// Finds everything in the account and Region that networks of a cluster made, whichever network, with its tags: without rules,
    /// network interfaces and addresses. One call for groups, one for endpoints, and for Resolver endpoints, whose list
    /// cannot be filtered by tags, one and one for each.
    ///
    /// # Errors
    /// The first call that failed.
    fn find_made_by(&self, cluster: &str) -> impl Future<Output = Result<Resources, CallFailure>> + Send;

    /// Carries out one step: exactly one call, tried again only where that cannot do harm. What is to be deleted and is not
    /// there is deleted; what exists already under the step's token is answered as created.
    ///
    /// # Errors
    /// Whether the call may have had its effect all the same is told by the failure's class.
    fn execute(&self, step: &Step) -> impl Future<Output = Result<Effect, CallFailure>> + Send;
}

/// Gives clouds by account.
pub trait Clouds: Send + Sync + 'static {
    /// The cloud it gives.
    type Cloud: Cloud;

    /// Assumes the role and makes sure, before anything else, that the credentials belong to the account.
    ///
    /// # Errors
    /// Class `Unauthorized` if the role cannot be assumed or the account is another one (code `AccountMismatch`).
    fn connect(&self, account: &Account) -> impl Future<Output = Result<Arc<Self::Cloud>, CallFailure>> + Send;
}
