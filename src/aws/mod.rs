//! The only module that uses the AWS SDK. It translates the queries and steps of [`crate::model`] into AWS calls, and
//! the answers into model types.
//!
//! Each kind of resource has its own file, which builds the request, sends it and maps the answer. The
//! module makes no decisions.
//!
//! An observation of a complete network at rest makes twelve calls: five for the VPC and its contents, one for all
//! endpoints, two for security groups and their rules, one for all network interfaces, and three for the Resolver
//! endpoint. Every ten minutes, one more call reads the services that the Region offers, and four more read the
//! surroundings of the VPC. One call reads MGN's replication templates, for all networks of an account, Region and role
//! together; if it fails, the observation is complete nevertheless. Prefix lists are read only if rules refer to them, or if
//! something in the VPC filters egress.
//! While AWS is at work, observations follow each other quickly and reuse the answers of
//! four of the first five calls.

mod assumed_role;
mod cache;
mod certificates;
mod cloud;
mod endpoint_service;
mod filter;
mod metrics;
mod network_interface;
mod own_credentials;
mod prefix_list;
mod provider;
mod replication_template;
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

pub use certificates::CertificatesError;
pub use cloud::AwsCloud;
pub use metrics::RequestMetrics;
pub use own_credentials::InstanceRole;
pub use provider::AwsClouds;
pub use request::{
    counting_requests,
    rate_limit::{RATE_FACTORS, Rates},
};

use crate::model::{
    claims::Claims,
    failure::{CallFailure, FailureClass},
    ids::{EndpointId, ResolverId, SecurityGroupId, SubnetId},
    observed::{Observed, Resources, replication_template::ReplicationTemplates, resources::resolver_name},
    ownership::Identity,
    plan::step::{Effect, Step},
    settings::{Resolver, Settings, VpcSelector},
    slot::{Service, Slot},
    transfer::ClusterUid,
};

/// The account and Region that calls are made in, and the role that makes them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Account {
    /// The 12 digits of the account that the credentials must belong to.
    pub id: String,
    /// The Region.
    pub region: String,
    /// The role to assume first, if any.
    pub role: Option<Role>,
}

/// A role, and how the operator identifies itself to it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Role {
    /// The ARN.
    pub arn: String,
    /// The external ID, which the role's trust policy may require.
    pub external_id: String,
    /// The name of the sessions: 2 to 64 characters of `[\w+=,.@-]`.
    pub session_name: String,
    /// Whether the session name is also the source identity of the sessions.
    pub sets_source_identity: bool,
}

/// The scope of an observation: the VPC and the resources to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// The network's VPC.
    pub vpc: VpcSelector,
    /// The subnets that the network names by ID. The observation distinguishes subnets of another VPC from subnets
    /// that do not exist.
    pub subnets: BTreeSet<SubnetId>,
    /// The network.
    pub identity: Identity,
    /// Whether the preflight of the last observation found no blockers. If so, answers that seldom change may be up
    /// to ten minutes old. Answers that block a network are always read anew.
    pub fits: bool,
    /// The greatest age of cached answers about VPC contents that other people manage, if `fits` is true. It is
    /// shorter than the time between two observations of a network at rest: only observations in quick succession,
    /// while AWS is at work, share an answer.
    pub recent: Duration,
    /// Whether MGN's replication template fitted the network when it was last read. If so, it may be up to ten minutes old;
    /// if not, as old as `recent`, so that a correction is noticed soon.
    pub template_fits: bool,
    /// The services that the network requests in addition to the standard ones.
    pub services: BTreeSet<Service>,
    /// The security groups that the network names.
    pub groups: BTreeSet<SecurityGroupId>,
    /// The VPC endpoints that the network names.
    pub endpoints: BTreeSet<EndpointId>,
    /// The Resolver endpoint that the network names.
    pub resolver: Option<ResolverId>,
    /// The Resolver endpoints that the network may own.
    pub owned_resolvers: ResolverSearch,
    /// The fixed addresses that the network requests.
    pub addresses: BTreeSet<Ipv4Addr>,
    /// Whether the network may adopt existing resources. If so, the observation reads them in more detail.
    pub adopts: bool,
    /// The clusters from which the network accepts retained resources.
    pub transfers_from: BTreeSet<ClusterUid>,
}

impl Scope {
    /// Returns the scope of a network that names no resources: the VPC and the standard resources.
    pub fn new(vpc: VpcSelector, identity: Identity) -> Self {
        Self {
            vpc,
            subnets: BTreeSet::new(),
            identity,
            fits: false,
            recent: Duration::ZERO,
            template_fits: false,
            services: BTreeSet::new(),
            groups: BTreeSet::new(),
            endpoints: BTreeSet::new(),
            resolver: None,
            owned_resolvers: ResolverSearch::all(),
            addresses: BTreeSet::new(),
            adopts: false,
            transfers_from: BTreeSet::new(),
        }
    }

    /// Returns the scope of a network with these settings and claims, about whose replication template nothing is known. `fits`
    /// and `recent` are described in [`Scope`].
    pub fn of(settings: &Settings, identity: &Identity, claims: &Claims, fits: bool, recent: Duration) -> Self {
        let asked = settings.endpoints.keys().map(|key| key.service);
        let search = ResolverSearch::of(claims);
        let required = search.required || settings.resolver != Resolver::Disabled;
        Self {
            vpc: settings.vpc.clone(),
            subnets: settings.named_subnets(),
            identity: identity.clone(),
            fits,
            recent,
            template_fits: false,
            services: asked.filter(|service| !Service::STANDARD.contains(service)).collect(),
            groups: settings.named_groups(),
            endpoints: settings.named_endpoints(),
            resolver: settings.named_resolver().cloned(),
            owned_resolvers: ResolverSearch { required, ..search },
            addresses: settings.fixed_addresses().into_iter().map(|(_, _, ip)| ip).collect(),
            adopts: settings.adopts(),
            transfers_from: settings.transfers_from.clone(),
        }
    }
}

/// The Resolver endpoints that a network may own. Lists of Resolver endpoints contain no tags, and reading the tags takes one
/// call for each endpoint, of which AWS permits five per second in an account and Region.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResolverSearch {
    /// The IDs of endpoints to read, besides those with the name that the operator gives its own: an adopted endpoint has
    /// another name, and a name can be changed. `None`: all endpoints, because nothing is known about the network.
    pub known: Option<BTreeSet<ResolverId>>,
    /// Whether the network needs a Resolver endpoint, or may have one. If not, a role that may not list Resolver endpoints
    /// is accepted.
    pub required: bool,
}

impl ResolverSearch {
    /// Returns a search among all endpoints.
    pub const fn all() -> Self {
        Self { known: None, required: true }
    }

    /// Returns the search for the Resolver endpoint of a network with these claims. A network without claims may have
    /// lost its status, so all endpoints are searched.
    pub fn of(claims: &Claims) -> Self {
        let known = (!claims.is_empty()).then(|| claims.resolvers());
        Self { known, required: claims.may_exist(Slot::Resolver) }
    }

    /// Whether an endpoint with this ID and name may belong to the network.
    fn includes(&self, identity: &Identity, id: &ResolverId, name: Option<&str>) -> bool {
        let is_named = || name == Some(&*resolver_name(&identity.uid));
        self.known.as_ref().is_none_or(|ids| ids.contains(id) || is_named())
    }

    /// Accepts a denied list if no endpoint is needed.
    fn unless_denied<T: Default>(&self, listed: Result<T, CallFailure>) -> Result<T, CallFailure> {
        match listed {
            Err(failure) if failure.class == FailureClass::Unauthorized && !self.required => {
                tracing::debug!(%failure, "the role may not list Resolver endpoints, and the network needs none");
                Ok(T::default())
            }
            listed => listed,
        }
    }
}

/// One AWS account and Region, observed and changed with one role.
pub trait Cloud: Send + Sync + 'static {
    /// Observes the VPC and everything in it that matters to a network. The observation is complete, or it fails.
    ///
    /// # Errors
    /// Returns the failure of the first call that failed. A VPC or subnet that does not exist is not a failure, but
    /// is missing from the result.
    fn observe(&self, scope: &Scope) -> impl Future<Output = Result<Observed, CallFailure>> + Send;

    /// Reads the replication templates of MGN in the account and Region, which are up to `max_age` old. It never fails and
    /// takes only seconds, because nothing else depends on the templates.
    fn replication_templates(&self, max_age: Duration) -> impl Future<Output = ReplicationTemplates> + Send;

    /// Finds all resources in the account and Region that carry the network's owner tag, in any VPC, and the network
    /// interfaces that use its security groups. Teardown starts from this result. Security group rules are left out
    /// because AWS deletes them with their groups. `resolvers` names the Resolver endpoints whose tags are read.
    ///
    /// # Errors
    /// Returns the failure of the first call that failed.
    fn find_owned(
        &self,
        identity: &Identity,
        resolvers: &ResolverSearch,
    ) -> impl Future<Output = Result<Resources, CallFailure>> + Send;

    /// Finds all resources in the account and Region that the networks of a cluster created, with their tags but
    /// without rules, network interfaces and addresses. It makes one call for security groups and one for VPC
    /// endpoints. Resolver endpoints cannot be filtered by tags, so they take one call for the list and one for each
    /// endpoint.
    ///
    /// # Errors
    /// Returns the failure of the first call that failed.
    fn find_made_by(&self, cluster: &str) -> impl Future<Output = Result<Resources, CallFailure>> + Send;

    /// Executes one step: exactly one call, which is retried only where a retry is safe. If a resource with the
    /// step's token already exists, the step returns it as created.
    ///
    /// # Errors
    /// Returns the failure of the call. The class of the failure determines whether the call may have taken effect. A
    /// delete call that does not find its resource fails with class `NotFound`.
    fn execute(&self, step: &Step) -> impl Future<Output = Result<Effect, CallFailure>> + Send;
}

/// Connects to AWS accounts.
pub trait Clouds: Send + Sync + 'static {
    /// The type of the connected account and Region.
    type Cloud: Cloud;

    /// Assumes the role, and then checks that the credentials belong to the account, before any other call.
    ///
    /// # Errors
    /// Fails with class `Unauthorized` if the role cannot be assumed, and with class `AccountMismatch` if the
    /// credentials belong to another account.
    fn connect(&self, account: &Account) -> impl Future<Output = Result<Arc<Self::Cloud>, CallFailure>> + Send;
}
