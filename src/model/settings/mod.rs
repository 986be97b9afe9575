//! What holds for a network: each field of its spec, else of its class's defaults, else the built-in default; parsed once.

pub mod endpoints;
pub mod limits;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::Ipv4Addr,
};

use ipnet::Ipv4Net;

use crate::{
    api::{
        AdoptionPolicy, DeletionPolicy, ManagementPolicy, MigrationNetworkClassSpec, MigrationNetworkSpec,
        NetworkDefaults, ReplicationSecurityGroupMode, ResolverMode, ResolverSpec, SecurityGroupMode,
        SubnetSelector as ApiSubnetSelector, Toggle, VpcSelector as ApiVpcSelector,
    },
    model::{
        ids::{EndpointId, ResolverId, SecurityGroupId, SubnetId, VpcId},
        ownership::{RESERVED_PREFIX, Tags},
        settings::endpoints::{ConfigMapKeys, EndpointSettings, EndpointSource},
        slot::{EndpointKey, Slot},
    },
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

/// How the VPC is named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VpcSelector {
    /// By its id.
    Id(VpcId),
    /// By tags that exactly one VPC carries.
    Tags(Tags),
}

/// How subnets are named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SubnetSelector {
    /// By their ids.
    Ids(BTreeSet<SubnetId>),
    /// By tags that they carry.
    Tags(Tags),
}

/// Resources whose published addresses may change: each the one that fills a slot now.
pub type AddressChanges = BTreeSet<(Slot, String)>;

/// The Resolver inbound endpoint that is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resolver {
    /// One that the operator keeps.
    Managed {
        /// Fixed addresses.
        addresses: BTreeMap<SubnetId, Ipv4Addr>,
    },
    /// One that is there already, and only used.
    Existing(ResolverId),
    /// None.
    Disabled,
}

/// Whose group admits TCP 1500 to replication servers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReplicationGroup {
    /// MGN's own ("Always use Application Migration Service security group"), which is never touched.
    ServiceManaged,
    /// One that the operator keeps, to be named in the replication template.
    Managed,
    /// One that is there already, and only checked.
    Existing(SecurityGroupId),
}

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
    /// Parses a network's spec with its class, and with the ConfigMap keys that
    /// [`policy_references`](endpoints::policy_references) names.
    ///
    /// # Errors
    /// Every field that is missing from both or cannot be read. The CRD's own rules refuse most of it before; what
    /// was stored under older rules, or is split between network and class, shows up here.
    pub fn parse(
        spec: &MigrationNetworkSpec,
        class: &MigrationNetworkClassSpec,
        config_maps: &ConfigMapKeys,
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
        Ok(Self {
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
            address_changes: AddressChanges::new(),
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

fn endpoint_groups(
    spec: &MigrationNetworkSpec,
    defaults: &NetworkDefaults,
    errors: &mut Vec<FieldError>,
) -> Option<BTreeSet<SecurityGroupId>> {
    let group = spec.endpoint_security_group.as_ref().or(defaults.endpoint_security_group.as_ref())?;
    match group.mode.unwrap_or_default() {
        SecurityGroupMode::Managed => None,
        SecurityGroupMode::Existing => {
            let ids: BTreeSet<_> = group.ids.iter().flatten().map(|id| id.as_str().into()).collect();
            if ids.is_empty() {
                errors.push(FieldError {
                    field: "spec.endpointSecurityGroup.ids".to_owned(),
                    message: "must be set when `mode` is 'Existing'; name the groups".to_owned(),
                });
            }
            Some(ids)
        }
    }
}

/// A network that only says who may ask the resolver leaves to the class whether there is one.
fn merged(spec: Option<&ResolverSpec>, default: Option<&ResolverSpec>) -> ResolverSpec {
    let none = ResolverSpec::default();
    let (spec, default) = (spec.unwrap_or(&none), default.unwrap_or(&none));
    let whose = if spec.mode.is_some() { spec } else { default };
    ResolverSpec {
        mode: whose.mode,
        endpoint_id: whose.endpoint_id.clone(),
        addresses: spec.addresses.clone().or_else(|| default.addresses.clone()),
        client_cidrs: spec.client_cidrs.clone().or_else(|| default.client_cidrs.clone()),
    }
}

fn resolver(spec: &ResolverSpec, errors: &mut Vec<FieldError>) -> Resolver {
    match spec.mode.unwrap_or_default() {
        ResolverMode::Managed => {
            let listed = spec.addresses.as_deref().unwrap_or_default();
            Resolver::Managed { addresses: endpoints::addresses("spec.resolver.addresses", listed, errors) }
        }
        ResolverMode::Existing => {
            if let Some(id) = spec.endpoint_id.as_deref() {
                return Resolver::Existing(id.into());
            }
            errors.push(FieldError {
                field: "spec.resolver.endpointID".to_owned(),
                message: "must be set when `mode` is 'Existing'; name the inbound endpoint".to_owned(),
            });
            Resolver::Disabled
        }
        ResolverMode::Disabled => Resolver::Disabled,
    }
}

fn replication(
    spec: &MigrationNetworkSpec,
    defaults: &NetworkDefaults,
    errors: &mut Vec<FieldError>,
) -> ReplicationGroup {
    let replication = spec.replication.as_ref().or(defaults.replication.as_ref());
    let Some(group) = replication.and_then(|replication| replication.security_group.as_ref()) else {
        return ReplicationGroup::ServiceManaged;
    };
    match (group.mode.unwrap_or_default(), group.id.as_deref()) {
        (ReplicationSecurityGroupMode::ServiceManaged, _) => ReplicationGroup::ServiceManaged,
        (ReplicationSecurityGroupMode::Managed, _) => ReplicationGroup::Managed,
        (ReplicationSecurityGroupMode::Existing, Some(id)) => ReplicationGroup::Existing(id.into()),
        (ReplicationSecurityGroupMode::Existing, None) => {
            errors.push(FieldError {
                field: "spec.replication.securityGroup.id".to_owned(),
                message: "must be set when `mode` is 'Existing'; name the group".to_owned(),
            });
            ReplicationGroup::ServiceManaged
        }
    }
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

fn vpc_selector(selector: Option<&ApiVpcSelector>, errors: &mut Vec<FieldError>) -> Option<VpcSelector> {
    let parsed = match selector {
        Some(ApiVpcSelector { id: Some(id), tags: None }) => Some(VpcSelector::Id(id.as_str().into())),
        Some(ApiVpcSelector { id: None, tags: Some(tags) }) if !tags.is_empty() => {
            Some(VpcSelector::Tags(tags.clone()))
        }
        Some(_) | None => None,
    };
    if parsed.is_none() {
        let message = "must have exactly one of `id` and `tags`; set it here or in the class's defaults".to_owned();
        errors.push(FieldError { field: "spec.vpc".to_owned(), message });
    }
    parsed
}

fn subnet_selector(
    field: &str,
    selector: Option<&ApiSubnetSelector>,
    errors: &mut Vec<FieldError>,
) -> Option<SubnetSelector> {
    let parsed = match selector {
        Some(ApiSubnetSelector { ids: Some(ids), tags: None }) if !ids.is_empty() => {
            Some(SubnetSelector::Ids(ids.iter().map(|id| id.as_str().into()).collect()))
        }
        Some(ApiSubnetSelector { ids: None, tags: Some(tags) }) if !tags.is_empty() => {
            Some(SubnetSelector::Tags(tags.clone()))
        }
        Some(_) | None => None,
    };
    if parsed.is_none() {
        let message = "must have exactly one of `ids` and `tags`; set it here or in the class's defaults".to_owned();
        errors.push(FieldError { field: field.to_owned(), message });
    }
    parsed
}

/// Ranges in which no server of a network is: this host, loopback, link-local, multicast, reserved (RFC 6890).
const RESERVED: [Ipv4Net; 5] = [
    Ipv4Net::new_assert(Ipv4Addr::UNSPECIFIED, 8),
    Ipv4Net::new_assert(Ipv4Addr::new(127, 0, 0, 0), 8),
    Ipv4Net::new_assert(Ipv4Addr::new(169, 254, 0, 0), 16),
    Ipv4Net::new_assert(Ipv4Addr::new(224, 0, 0, 0), 4),
    Ipv4Net::new_assert(Ipv4Addr::new(240, 0, 0, 0), 4),
];

/// The widest range: no network is larger, and two of '/1' would be everything.
const WIDEST: u8 = 8;

/// Reads ranges as strictly as the CRDs' rules do (`api::constraints`), in the one form in which AWS reports them.
fn cidrs(field: &str, texts: &[String], errors: &mut Vec<FieldError>) -> BTreeSet<Ipv4Net> {
    let mut parsed = BTreeSet::new();
    for text in texts {
        match text.parse::<Ipv4Net>() {
            Ok(range)
                if range.trunc().to_string() == *text
                    && range.prefix_len() >= WIDEST
                    && !RESERVED.iter().any(|reserved| reserved.contains(&range)) =>
            {
                parsed.insert(range);
            }
            Ok(_) | Err(_) => errors.push(FieldError {
                field: field.to_owned(),
                message: format!(
                    "must hold IPv4 ranges such as '192.0.2.0/24', of addresses that servers can have and at most a \
                     '/{WIDEST}' each; '{text}' is not one"
                ),
            }),
        }
    }
    parsed
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
