//! What holds for a network: each field of its spec, else of its class's defaults, else the built-in default; parsed once.

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
    endpoints::{ConfigMapKeys, EndpointSettings, EndpointSource},
    selectors::{subnet_selector, vpc_selector},
    sources::{endpoint_groups, merged, replication, resolver},
};
pub use self::{
    selectors::{SubnetSelector, VpcSelector},
    sources::{ReplicationGroup, Resolver},
};
use super::{
    ids::{EndpointId, ResolverId, SecurityGroupId, SubnetId},
    ownership::{RESERVED_PREFIX, Tags},
    slot::{EndpointKey, Slot},
};
use crate::api::{
    AdoptionPolicy, DeletionPolicy, ManagementPolicy, MigrationNetworkClassSpec, MigrationNetworkSpec, NetworkDefaults,
    SubnetSelector as ApiSubnetSelector, Toggle,
};

/// The settings of one network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Which VPC.
    pub vpc: VpcSelector,
    /// Where interface endpoints and the Resolver endpoint have their addresses.
    pub endpoint_subnets: SubnetSelector,
    /// Where replication servers run.
    pub staging_subnets: SubnetSelector,
    /// Where test and cutover instances run.
    pub launch_subnets: Option<SubnetSelector>,
    /// Ranges of the source servers.
    pub sources: BTreeSet<Ipv4Net>,
    /// Ranges of proxies that source servers really go through.
    pub proxies: BTreeSet<Ipv4Net>,
    /// The ranges that the class's limits apply to, by field. A class's own proxies and DNS clients are not limited.
    pub limited_ranges: BTreeMap<&'static str, BTreeSet<Ipv4Net>>,
    /// The endpoints, and how each is to be.
    pub endpoints: BTreeMap<EndpointKey, EndpointSettings>,
    /// The groups of interface endpoints; none: one that the operator keeps.
    pub endpoint_groups: Option<BTreeSet<SecurityGroupId>>,
    /// The Resolver inbound endpoint.
    pub resolver: Resolver,
    /// Who may ask it.
    pub clients: BTreeSet<Ipv4Net>,
    /// Whose group admits replication traffic.
    pub replication: ReplicationGroup,
    /// Whether post-launch actions get their endpoints.
    pub ssm: Toggle,
    /// Whether the network is built, or only planned.
    pub management: ManagementPolicy,
    /// What in the VPC may become the network's own.
    pub adoption: AdoptionPolicy,
    /// The resources whose published addresses somebody has allowed to change.
    pub address_changes: AddressChanges,
    /// What deletion of the network does to what it made.
    pub deletion: DeletionPolicy,
    /// The user's tags; the class's win.
    pub tags: Tags,
}

/// Resources whose published addresses may change: each the one that fills a slot now.
pub type AddressChanges = BTreeSet<(Slot, String)>;

/// What is wrong with a field, for the person who wrote it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{field}` {message}")]
pub struct FieldError {
    /// The field as a path from the object's root.
    pub field: String,
    /// `must …`, and what to do.
    pub message: String,
}

impl Settings {
    /// Parses a network's spec with its class, the ConfigMap keys that [`policy_references`](endpoints::policy_references)
    /// names, and the address changes that the object's annotation allows.
    ///
    /// # Errors
    /// Every field that is missing from both or cannot be read. The CRD's own rules refuse most of it before; what
    /// was stored under older rules, or is split between network and class, shows up here.
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
        let subnets = |pick: fn(&crate::api::SubnetSelectors) -> Option<&ApiSubnetSelector>| {
            spec.subnets.as_ref().and_then(pick).or_else(|| defaults.subnets.as_ref().and_then(pick))
        };
        let endpoint_subnets =
            subnet_selector("spec.subnets.endpoints", subnets(|subnets| subnets.endpoints.as_ref()), &mut errors);
        let staging_subnets =
            subnet_selector("spec.subnets.staging", subnets(|subnets| subnets.staging.as_ref()), &mut errors);
        let launch = subnets(|subnets| subnets.launch.as_ref());
        let launch_subnets =
            launch.and_then(|selector| subnet_selector("spec.subnets.launch", Some(selector), &mut errors));

        let sources = cidrs(
            "spec.sourceCIDRs",
            spec.source_cidrs.as_deref().or(defaults.source_cidrs.as_deref()).unwrap_or_default(),
            &mut errors,
        );
        if sources.is_empty() && errors.iter().all(|error| error.field != "spec.sourceCIDRs") {
            errors.push(FieldError {
                field: "spec.sourceCIDRs".to_owned(),
                message: "must name at least one IPv4 range of source servers; set it here or in the class's defaults"
                    .to_owned(),
            });
        }
        let proxies = cidrs(
            "spec.proxyCIDRs",
            spec.proxy_cidrs.as_deref().or(defaults.proxy_cidrs.as_deref()).unwrap_or_default(),
            &mut errors,
        );
        let tags = tags(spec, class, &mut errors);
        let ssm = spec.post_launch.as_ref().or(defaults.post_launch.as_ref()).and_then(|post_launch| post_launch.ssm);
        let ssm = ssm.unwrap_or(Toggle::Enabled);
        let endpoints = endpoints::parse(spec, class, ssm, config_maps, &mut errors);
        let endpoint_groups = endpoint_groups(spec, defaults, &mut errors);
        let resolver_spec = merged(spec.resolver.as_ref(), defaults.resolver.as_ref());
        let resolver = resolver(&resolver_spec, &mut errors);
        let clients = match &resolver_spec.client_cidrs {
            Some(clients) => cidrs("spec.resolver.clientCIDRs", clients, &mut errors),
            None => sources.clone(),
        };
        let replication = replication(spec, defaults, &mut errors);

        let (Some(vpc), Some(endpoint_subnets), Some(staging_subnets), true) =
            (vpc, endpoint_subnets, staging_subnets, errors.is_empty())
        else {
            return Err(errors);
        };
        let own = |is_own: bool, ranges: &BTreeSet<Ipv4Net>| if is_own { ranges.clone() } else { BTreeSet::new() };
        let own_clients = spec.resolver.as_ref().is_some_and(|resolver| resolver.client_cidrs.is_some());
        let limited_ranges = BTreeMap::from([
            ("spec.sourceCIDRs", sources.clone()),
            ("spec.proxyCIDRs", own(spec.proxy_cidrs.is_some(), &proxies)),
            ("spec.resolver.clientCIDRs", own(own_clients, &clients)),
        ]);
        Ok(Self {
            limited_ranges,
            vpc,
            endpoint_subnets,
            staging_subnets,
            launch_subnets,
            sources,
            proxies,
            endpoints,
            endpoint_groups,
            resolver,
            clients,
            replication,
            ssm,
            management: spec.management_policy.or(defaults.management_policy).unwrap_or_default(),
            adoption: spec.adoption_policy.or(defaults.adoption_policy).unwrap_or_default(),
            address_changes,
            deletion: deletion_policy(spec, Some(class)),
            tags,
        })
    }
}

/// Reads the annotation by which somebody allows addresses to change. What cannot be read allows nothing.
pub fn address_changes(annotation: Option<&str>) -> AddressChanges {
    let pairs = annotation.unwrap_or_default().split(',').filter_map(|pair| pair.split_once('='));
    pairs.filter_map(|(slot, id)| Some((slot.trim().parse().ok()?, id.trim().to_owned()))).collect()
}

impl Settings {
    /// The subnets that are named by their ids.
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

    /// Whether resources in the VPC may become the network's own.
    pub fn adopts(&self) -> bool {
        self.adoption != AdoptionPolicy::Never
    }

    /// The existing groups that are named by their ids.
    pub fn named_groups(&self) -> BTreeSet<SecurityGroupId> {
        let replication = match &self.replication {
            ReplicationGroup::Existing(id) => Some(id),
            ReplicationGroup::ServiceManaged | ReplicationGroup::Managed => None,
        };
        self.endpoint_groups.iter().flatten().chain(replication).cloned().collect()
    }

    /// The existing endpoints that are named by their ids.
    pub fn named_endpoints(&self) -> BTreeSet<EndpointId> {
        self.endpoints
            .values()
            .filter_map(|endpoint| match &endpoint.source {
                EndpointSource::Existing(id) => Some(id.clone()),
                EndpointSource::Managed { .. } => None,
            })
            .collect()
    }

    /// The existing Resolver endpoint, if one is named.
    pub const fn named_resolver(&self) -> Option<&ResolverId> {
        match &self.resolver {
            Resolver::Existing(id) => Some(id),
            Resolver::Managed { .. } | Resolver::Disabled => None,
        }
    }

    /// All fixed addresses, each with the slot that it is for and its subnet.
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

/// The deletion policy alone, which must be known for a network whose other fields cannot be read, too.
pub fn deletion_policy(spec: &MigrationNetworkSpec, class: Option<&MigrationNetworkClassSpec>) -> DeletionPolicy {
    spec.deletion_policy
        .or_else(|| class.and_then(|class| class.defaults.as_ref()).and_then(|defaults| defaults.deletion_policy))
        .unwrap_or(DeletionPolicy::Delete)
}

fn tags(spec: &MigrationNetworkSpec, class: &MigrationNetworkClassSpec, errors: &mut Vec<FieldError>) -> Tags {
    let mut tags = spec.tags.clone().unwrap_or_default();
    tags.extend(class.tags.clone().unwrap_or_default());
    if let Some(key) = tags.keys().find(|key| key.starts_with(RESERVED_PREFIX) || key.starts_with("aws:")) {
        let message = format!("must not use keys that start with '{RESERVED_PREFIX}' or 'aws:'; rename '{key}'");
        errors.push(FieldError { field: "spec.tags".to_owned(), message });
    }
    // EC2 allows 50 tags a resource; eight are the operator's (`model::owner`), `Name` among them.
    if tags.len() > 42 {
        let message = "must not be more than 42 together with the class's tags; remove some".to_owned();
        errors.push(FieldError { field: "spec.tags".to_owned(), message });
    }
    tags
}
