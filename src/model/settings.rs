//! What holds for a network: each field of its spec, else of its class's defaults, else the built-in default; parsed once.

use std::collections::BTreeSet;

use ipnet::Ipv4Net;

use super::{
    ids::{SubnetId, VpcId},
    owner::{RESERVED_PREFIX, Tags},
};
use crate::api::{
    DeletionPolicy, ManagementPolicy, MigrationNetworkClassSpec, MigrationNetworkSpec, NetworkDefaults,
    ReplicationSecurityGroupMode, ResolverMode, SubnetSelector as ApiSubnetSelector, Toggle,
    VpcSelector as ApiVpcSelector,
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
    /// Whether there is a Resolver inbound endpoint.
    pub resolver: bool,
    /// Whose group admits replication traffic.
    pub replication: ReplicationGroup,
    /// Whether post-launch actions get their endpoints.
    pub ssm: bool,
    /// Whether the network is built, or only planned.
    pub management: ManagementPolicy,
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

/// Whose group admits TCP 1500 to replication servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplicationGroup {
    /// MGN's own ("Always use Application Migration Service security group"), which is never touched.
    ServiceManaged,
    /// One that the operator keeps, to be named in the replication template.
    Managed,
}

/// What is wrong with a field, for the person who wrote it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{field}` {message}")]
pub struct FieldError {
    /// The field as a path from the object's root.
    pub field: &'static str,
    /// `must …`, and what to do.
    pub message: String,
}

impl Settings {
    /// Parses a network's spec with its class.
    ///
    /// # Errors
    /// Every field that is missing from both or cannot be read. The CRD's own rules refuse most of it before; what
    /// was stored under older rules, or is split between network and class, shows up here.
    pub fn parse(spec: &MigrationNetworkSpec, class: &MigrationNetworkClassSpec) -> Result<Self, Vec<FieldError>> {
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
                field: "spec.sourceCIDRs",
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

        let (Some(vpc), Some(endpoint_subnets), Some(staging_subnets), true) =
            (vpc, endpoint_subnets, staging_subnets, errors.is_empty())
        else {
            return Err(errors);
        };
        let resolver = spec.resolver.as_ref().or(defaults.resolver.as_ref()).and_then(|resolver| resolver.mode);
        let replication = spec
            .replication
            .as_ref()
            .or(defaults.replication.as_ref())
            .and_then(|replication| replication.security_group.as_ref())
            .and_then(|group| group.mode);
        let ssm = spec.post_launch.as_ref().or(defaults.post_launch.as_ref()).and_then(|post_launch| post_launch.ssm);
        Ok(Self {
            vpc,
            endpoint_subnets,
            staging_subnets,
            launch_subnets,
            sources,
            proxies,
            resolver: match resolver.unwrap_or(ResolverMode::Managed) {
                ResolverMode::Managed => true,
                ResolverMode::Disabled => false,
            },
            replication: match replication.unwrap_or(ReplicationSecurityGroupMode::ServiceManaged) {
                ReplicationSecurityGroupMode::ServiceManaged => ReplicationGroup::ServiceManaged,
                ReplicationSecurityGroupMode::Managed => ReplicationGroup::Managed,
            },
            ssm: match ssm.unwrap_or(Toggle::Enabled) {
                Toggle::Enabled => true,
                Toggle::Disabled => false,
            },
            management: spec.management_policy.or(defaults.management_policy).unwrap_or(ManagementPolicy::Enforce),
            deletion: deletion_policy(spec, Some(class)),
            tags,
        })
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
        errors.push(FieldError { field: "spec.vpc", message });
    }
    parsed
}

fn subnet_selector(
    field: &'static str,
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
        errors.push(FieldError { field, message });
    }
    parsed
}

fn cidrs(field: &'static str, texts: &[String], errors: &mut Vec<FieldError>) -> BTreeSet<Ipv4Net> {
    let mut parsed = BTreeSet::new();
    for text in texts {
        match text.parse::<Ipv4Net>() {
            Ok(range) if range.prefix_len() > 0 => {
                parsed.insert(range.trunc());
            }
            Ok(_) | Err(_) => errors.push(FieldError {
                field,
                message: format!("must hold IPv4 ranges such as '192.0.2.0/24', and never '/0'; '{text}' is not one"),
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
        errors.push(FieldError { field: "spec.tags", message });
    }
    // EC2 allows 50 tags a resource; six are the operator's (`model::owner`).
    if tags.len() > 44 {
        let message = "must not be more than 44 together with the class's tags; remove some".to_owned();
        errors.push(FieldError { field: "spec.tags", message });
    }
    tags
}
