//! The effective settings of a network. Each field comes from its spec, then from the defaults of its class, then
//! from the built-in defaults, and is parsed once.

mod cidrs;
pub mod endpoints;
pub mod limits;
mod selectors;
mod sources;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::Ipv4Addr,
};

use ipnet::Ipv4Net;

use self::{
    cidrs::cidrs,
    endpoints::{ConfigMapKeys, EndpointSettings, EndpointSource, Endpoints, PolicySource, Users},
    selectors::{subnet_selector, vpc_selector},
    sources::{endpoint_groups, merged, replication, resolver},
};
pub use self::{
    selectors::{SubnetSelector, VpcSelector},
    sources::{ReplicationGroup, Resolver},
};
use super::{
    ids::{EndpointId, ResolverId, SecurityGroupId, SubnetId},
    mgn_buckets::Buckets,
    ownership::{RESERVED_PREFIX, Tags},
    slot::{EndpointKey, Slot},
    transfer::ClusterUid,
};
use crate::api::{
    AdoptedDeletionPolicy, AdoptionPolicy, DeletionPolicy, ManagementPolicy, MigrationNetworkClassSpec,
    MigrationNetworkSpec, NetworkDefaults, SubnetSelector as ApiSubnetSelector, SubnetSelectors as ApiSubnetSelectors,
    Toggle,
};

/// The settings of one network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// How the VPC is selected.
    pub vpc: VpcSelector,
    /// The subnets of the interface endpoints and of the Resolver endpoint.
    pub endpoint_subnets: SubnetSelector,
    /// The subnets of the replication servers.
    pub staging_subnets: SubnetSelector,
    /// The subnets of the test and cutover instances.
    pub launch_subnets: Option<SubnetSelector>,
    /// The ranges of the source servers.
    pub sources: BTreeSet<Ipv4Net>,
    /// The ranges of proxies through which source servers reach the endpoints.
    pub proxies: BTreeSet<Ipv4Net>,
    /// The ranges to which the limits of the class apply, by field. Proxies and DNS clients of the class itself are
    /// not limited.
    pub limited_ranges: BTreeMap<&'static str, BTreeSet<Ipv4Net>>,
    /// The source of each endpoint policy, by field. The limits of the class apply to it.
    pub policy_sources: BTreeMap<String, PolicySource>,
    /// The keys of the network's own tags. The limits of the class apply to them, but not to the tags of the class.
    pub own_tag_keys: BTreeSet<String>,
    /// The settings of each endpoint.
    pub endpoints: BTreeMap<EndpointKey, EndpointSettings>,
    /// The Region.
    pub region: String,
    /// The S3 buckets that the network needs.
    pub buckets: Buckets,
    /// The existing security groups of the interface endpoints. None if the operator builds the group.
    pub endpoint_groups: Option<BTreeSet<SecurityGroupId>>,
    /// The Resolver inbound endpoint.
    pub resolver: Resolver,
    /// The ranges of the DNS clients of the Resolver endpoint.
    pub clients: BTreeSet<Ipv4Net>,
    /// The security group that admits replication traffic.
    pub replication: ReplicationGroup,
    /// Whether post-launch actions get their endpoints.
    pub ssm: Toggle,
    /// Whether the MGN connector gets its endpoints.
    pub connector: Toggle,
    /// Whether the operator builds the network or only plans it.
    pub management: ManagementPolicy,
    /// Which resources in the VPC the network may adopt.
    pub adoption: AdoptionPolicy,
    /// The clusters from which the class accepts retained resources.
    pub transfers_from: BTreeSet<ClusterUid>,
    /// The resources whose published addresses may change, as the annotation of the network allows.
    pub address_changes: AddressChanges,
    /// Whether deletion of the network deletes or retains its resources.
    pub deletion: DeletionPolicy,
    /// Whether adopted resources that the network no longer needs are released or deleted.
    pub adopted_deletion: AdoptedDeletionPolicy,
    /// The tags of the user. The tags of the class take precedence.
    pub tags: Tags,
}

/// The resources whose published addresses may change: for each slot, the ID of the resource that fills it now.
pub type AddressChanges = BTreeSet<(Slot, String)>;

/// An invalid field, with a message for the author of the spec.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{field}` {message}")]
pub struct FieldError {
    /// The path of the field from the root of the object.
    pub field: String,
    /// `must …`, and what to change.
    pub message: String,
}

impl Settings {
    /// Parses the spec of a network with its class, the ConfigMap keys that
    /// [`policy_references`](endpoints::policy_references) returns, and the address changes that the annotation of
    /// the object allows.
    ///
    /// # Errors
    /// Returns every field that is missing from both spec and class, or that is invalid. The rules of the CRD reject
    /// most of these earlier. This check finds what was stored under older rules, or is split between network and
    /// class.
    pub fn parse(
        spec: &MigrationNetworkSpec,
        class: &MigrationNetworkClassSpec,
        config_maps: &ConfigMapKeys,
        address_changes: AddressChanges,
    ) -> Result<Self, Vec<FieldError>> {
        let none = NetworkDefaults::default();
        let defaults = class.defaults.as_ref().unwrap_or(&none);
        let mut errors = Vec::new();

        let vpc = vpc_selector(spec.vpc.as_ref().or(defaults.vpc.as_ref()), &mut errors);
        let subnets = subnet_selectors(spec, defaults, &mut errors);
        let sources = sources(spec, defaults, &mut errors);
        let proxies = cidrs(
            "spec.proxyCIDRs",
            spec.proxy_cidrs.as_deref().or(defaults.proxy_cidrs.as_deref()).unwrap_or_default(),
            &mut errors,
        );
        let tags = tags(spec, class, &mut errors);
        let users = Users::new(spec, defaults);
        let Endpoints { all: endpoints, policy_sources, buckets } =
            endpoints::parse(spec, class, users, config_maps, &mut errors);
        let endpoint_groups = endpoint_groups(spec, defaults, &mut errors);
        let resolver_spec = merged(spec.resolver.as_ref(), defaults.resolver.as_ref());
        let resolver = resolver(&resolver_spec, &mut errors);
        let clients = match &resolver_spec.client_cidrs {
            Some(clients) => cidrs("spec.resolver.clientCIDRs", clients, &mut errors),
            None => sources.clone(),
        };
        let replication = replication(spec, defaults, &mut errors);

        let (Some(vpc), (Some(endpoint_subnets), Some(staging_subnets), launch_subnets), true) =
            (vpc, subnets, errors.is_empty())
        else {
            return Err(errors);
        };
        Ok(Self {
            limited_ranges: limited_ranges(spec, &sources, &proxies, &clients),
            vpc,
            endpoint_subnets,
            staging_subnets,
            launch_subnets,
            sources,
            proxies,
            policy_sources,
            own_tag_keys: spec.tags.iter().flat_map(|tags| tags.keys().cloned()).collect(),
            endpoints,
            region: class.region.clone(),
            buckets,
            endpoint_groups,
            resolver,
            clients,
            replication,
            ssm: users.ssm,
            connector: users.connector,
            management: spec.management_policy.or(defaults.management_policy).unwrap_or_default(),
            adoption: spec.adoption_policy.or(defaults.adoption_policy).unwrap_or_default(),
            // The CRD rejects other texts, and no tag could match them.
            transfers_from: class.accept_transfers_from.iter().flatten().filter_map(|uid| uid.parse().ok()).collect(),
            address_changes,
            deletion: deletion_policy(spec, Some(class)),
            adopted_deletion: adopted_deletion_policy(spec, Some(class)),
            tags,
        })
    }
}

/// Parses the selectors of the endpoint, staging and launch subnets. The first two are required.
fn subnet_selectors(
    spec: &MigrationNetworkSpec,
    defaults: &NetworkDefaults,
    errors: &mut Vec<FieldError>,
) -> (Option<SubnetSelector>, Option<SubnetSelector>, Option<SubnetSelector>) {
    let pick = |field: fn(&ApiSubnetSelectors) -> Option<&ApiSubnetSelector>| {
        spec.subnets.as_ref().and_then(field).or_else(|| defaults.subnets.as_ref().and_then(field))
    };
    let endpoints = subnet_selector("spec.subnets.endpoints", pick(|subnets| subnets.endpoints.as_ref()), errors);
    let staging = subnet_selector("spec.subnets.staging", pick(|subnets| subnets.staging.as_ref()), errors);
    let launch = pick(|subnets| subnets.launch.as_ref())
        .and_then(|selector| subnet_selector("spec.subnets.launch", Some(selector), errors));
    (endpoints, staging, launch)
}

/// Parses the ranges of the source servers, of which there must be one.
fn sources(spec: &MigrationNetworkSpec, defaults: &NetworkDefaults, errors: &mut Vec<FieldError>) -> BTreeSet<Ipv4Net> {
    let before = errors.len();
    let ranges = spec.source_cidrs.as_deref().or(defaults.source_cidrs.as_deref()).unwrap_or_default();
    let sources = cidrs("spec.sourceCIDRs", ranges, errors);
    if sources.is_empty() && errors.len() == before {
        errors.push(FieldError {
            field: "spec.sourceCIDRs".to_owned(),
            message: "must name at least one IPv4 range of source servers; set it here or in the defaults of the class"
                .to_owned(),
        });
    }
    sources
}

/// Returns the ranges that the limits of a class apply to, by field: all source servers, but proxies and DNS clients only
/// where the network itself sets them.
fn limited_ranges(
    spec: &MigrationNetworkSpec,
    sources: &BTreeSet<Ipv4Net>,
    proxies: &BTreeSet<Ipv4Net>,
    clients: &BTreeSet<Ipv4Net>,
) -> BTreeMap<&'static str, BTreeSet<Ipv4Net>> {
    let own = |is_own: bool, ranges: &BTreeSet<Ipv4Net>| if is_own { ranges.clone() } else { BTreeSet::new() };
    let own_clients = spec.resolver.as_ref().is_some_and(|resolver| resolver.client_cidrs.is_some());
    BTreeMap::from([
        ("spec.sourceCIDRs", sources.clone()),
        ("spec.proxyCIDRs", own(spec.proxy_cidrs.is_some(), proxies)),
        ("spec.resolver.clientCIDRs", own(own_clients, clients)),
    ])
}

/// Parses the annotation that allows addresses to change. Entries that cannot be parsed allow nothing.
pub fn address_changes(annotation: Option<&str>) -> AddressChanges {
    let pairs = annotation.unwrap_or_default().split(',').filter_map(|pair| pair.split_once('='));
    pairs.filter_map(|(slot, id)| Some((slot.trim().parse().ok()?, id.trim().to_owned()))).collect()
}

impl Settings {
    /// Returns the subnets that the spec selects by ID.
    pub fn named_subnets(&self) -> BTreeSet<SubnetId> {
        [Some(&self.endpoint_subnets), Some(&self.staging_subnets), self.launch_subnets.as_ref()]
            .into_iter()
            .flatten()
            .flat_map(|selector| match selector {
                SubnetSelector::Ids(ids) => ids.clone(),
                SubnetSelector::Tags(_) => BTreeSet::new(),
            })
            .collect()
    }

    /// Whether the network may adopt resources in the VPC.
    pub fn adopts(&self) -> bool {
        self.adoption != AdoptionPolicy::Never
    }

    /// Returns the existing security groups that the spec names by ID.
    pub fn named_groups(&self) -> BTreeSet<SecurityGroupId> {
        let replication = match &self.replication {
            ReplicationGroup::Existing(id) => Some(id),
            ReplicationGroup::ServiceManaged | ReplicationGroup::Managed => None,
        };
        self.endpoint_groups.iter().flatten().chain(replication).cloned().collect()
    }

    /// Returns the existing endpoints that the spec names by ID.
    pub fn named_endpoints(&self) -> BTreeSet<EndpointId> {
        self.endpoints
            .values()
            .filter_map(|endpoint| match &endpoint.source {
                EndpointSource::Existing(id) => Some(id.clone()),
                EndpointSource::Managed { .. } => None,
            })
            .collect()
    }

    /// Returns the existing Resolver endpoint that the spec names, if any.
    pub const fn named_resolver(&self) -> Option<&ResolverId> {
        match &self.resolver {
            Resolver::Existing(id) => Some(id),
            Resolver::Managed { .. } | Resolver::Disabled => None,
        }
    }

    /// Returns all fixed addresses, each with its slot and subnet.
    pub fn fixed_addresses(&self) -> Vec<(Slot, &SubnetId, Ipv4Addr)> {
        let of_endpoints = self.endpoints.iter().flat_map(|(key, endpoint)| match &endpoint.source {
            EndpointSource::Managed { addresses, .. } => {
                addresses.iter().map(|(subnet, ip)| (Slot::Endpoint(*key), subnet, *ip)).collect()
            }
            EndpointSource::Existing(_) => Vec::new(),
        });
        let of_resolver = match &self.resolver {
            Resolver::Managed { addresses } => {
                addresses.iter().map(|(subnet, ip)| (Slot::Resolver, subnet, *ip)).collect()
            }
            Resolver::Existing(_) | Resolver::Disabled => Vec::new(),
        };
        of_endpoints.chain(of_resolver).collect()
    }
}

/// Returns the deletion policy alone. It must be known even for a network with other fields that are invalid.
pub fn deletion_policy(spec: &MigrationNetworkSpec, class: Option<&MigrationNetworkClassSpec>) -> DeletionPolicy {
    spec.deletion_policy
        .or_else(|| class.and_then(|class| class.defaults.as_ref()).and_then(|defaults| defaults.deletion_policy))
        .unwrap_or(DeletionPolicy::Delete)
}

/// Returns the policy for adopted resources alone, like [`deletion_policy`].
pub fn adopted_deletion_policy(
    spec: &MigrationNetworkSpec,
    class: Option<&MigrationNetworkClassSpec>,
) -> AdoptedDeletionPolicy {
    let defaults = class.and_then(|class| class.defaults.as_ref());
    let of_class = || defaults.and_then(|defaults| defaults.adopted_deletion_policy);
    spec.adopted_deletion_policy.or_else(of_class).unwrap_or_default()
}

fn tags(spec: &MigrationNetworkSpec, class: &MigrationNetworkClassSpec, errors: &mut Vec<FieldError>) -> Tags {
    let mut tags = spec.tags.clone().unwrap_or_default();
    tags.extend(class.tags.clone().unwrap_or_default());
    if let Some(key) = tags.keys().find(|key| key.starts_with(RESERVED_PREFIX) || key.starts_with("aws:")) {
        let message = format!("must not use keys that start with '{RESERVED_PREFIX}' or 'aws:'; rename '{key}'");
        errors.push(FieldError { field: "spec.tags".to_owned(), message });
    }
    // EC2 allows 50 tags on a resource. The operator needs eight (`model::ownership`), including `Name`.
    if tags.len() > 42 {
        let message = "must not be more than 42 together with the tags of the class; remove some".to_owned();
        errors.push(FieldError { field: "spec.tags".to_owned(), message });
    }
    tags
}
