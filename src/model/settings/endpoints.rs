//! Parses the endpoints of a network: `endpoints` of its spec, then those of its class, then the built-in defaults.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::Ipv4Addr,
};

use crate::{
    api::{
        AddressSpec, EndpointMode, EndpointSpec, MigrationNetworkClassSpec, MigrationNetworkSpec, NetworkDefaults,
        NetworkOnPremisesSpec, PolicyPreset, PolicySpec, PolicyType, Toggle,
    },
    model::{
        ids::{EndpointId, SubnetId},
        mgn_buckets::Buckets,
        observed::PrivateDns,
        policy::{self, Policy, needs},
        settings::FieldError,
        slot::{EndpointKey, EndpointType, Service},
    },
};

/// The policies in ConfigMaps, by name and key. A missing entry does not exist in the cluster.
pub type ConfigMapKeys = BTreeMap<(String, String), String>;

/// One endpoint of a network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointSettings {
    /// Whether the operator builds the endpoint or uses an existing one.
    pub source: EndpointSource,
    /// Which clients resolve the name of the service to this endpoint.
    pub private_dns: PrivateDns,
    /// Whether the network skips the endpoint where the Region does not offer the service.
    pub optional: bool,
}

/// The two ways to get an endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EndpointSource {
    /// The operator creates and updates the endpoint.
    Managed {
        /// Fixed addresses.
        addresses: BTreeMap<SubnetId, Ipv4Addr>,
        /// The endpoint policy.
        policy: Policy,
    },
    /// The endpoint exists already and is used read-only.
    Existing(EndpointId),
}

/// The source of an endpoint policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PolicySource {
    /// The type of the source.
    pub policy_type: PolicyType,
    /// The preset, if the source is one.
    pub preset: Option<PolicyPreset>,
}

impl PolicySource {
    /// Returns the source of a policy. A missing policy is the preset of AWS itself.
    fn of(policy: Option<&PolicySpec>) -> Self {
        match policy {
            Some(policy) if policy.type_ != PolicyType::Preset => Self { policy_type: policy.type_, preset: None },
            Some(PolicySpec { preset, .. }) => {
                Self { policy_type: PolicyType::Preset, preset: Some(preset.unwrap_or_default()) }
            }
            None => Self { policy_type: PolicyType::Preset, preset: Some(PolicyPreset::FullAccess) },
        }
    }
}

/// Returns the name and key of every ConfigMap entry that holds a policy of the network.
pub fn policy_references(spec: &MigrationNetworkSpec, class: &MigrationNetworkClassSpec) -> BTreeSet<(String, String)> {
    let defaults = class.defaults.as_ref();
    let general = spec.endpoint_policy.as_ref().or(defaults.and_then(|defaults| defaults.endpoint_policy.as_ref()));
    entries(spec, defaults)
        .into_values()
        .filter_map(|entry| entry.policy.as_ref())
        .chain(general)
        .filter_map(|policy| policy.config_map_key_ref.as_ref())
        .map(|reference| (reference.name.clone(), reference.key.clone()))
        .collect()
}

/// Returns the effective entries: those of the network, and those of the class for endpoints that the network does
/// not list.
fn entries<'a>(
    spec: &'a MigrationNetworkSpec,
    defaults: Option<&'a NetworkDefaults>,
) -> BTreeMap<(&'a str, EndpointType), &'a EndpointSpec> {
    let of_class = defaults.and_then(|defaults| defaults.endpoints.as_ref()).into_iter().flatten();
    let all = of_class.chain(spec.endpoints.iter().flatten());
    all.map(|entry| ((entry.service.as_str(), entry.type_), entry)).collect()
}

/// The endpoints of a network, the sources of their policies by field, and the buckets that the policies have to allow.
pub(crate) struct Endpoints {
    pub(crate) all: BTreeMap<EndpointKey, EndpointSettings>,
    pub(crate) policy_sources: BTreeMap<String, PolicySource>,
    pub(crate) buckets: Buckets,
}

/// The users of endpoints that not every network has.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Users {
    /// Post-launch actions.
    pub(crate) ssm: Toggle,
    /// The MGN connector.
    pub(crate) connector: Toggle,
}

impl Users {
    /// Returns the users that the spec of a network and the defaults of its class name.
    pub(crate) fn new(spec: &MigrationNetworkSpec, defaults: &NetworkDefaults) -> Self {
        let post_launch = spec.post_launch.as_ref().or(defaults.post_launch.as_ref());
        let connector = |on_premises: &Option<NetworkOnPremisesSpec>| on_premises.as_ref()?.connector;
        Self {
            ssm: post_launch.and_then(|post_launch| post_launch.ssm).unwrap_or(Toggle::Enabled),
            connector: connector(&spec.on_premises)
                .or_else(|| connector(&defaults.on_premises))
                .unwrap_or(Toggle::Disabled),
        }
    }

    /// Whether one of them uses the endpoint of a service.
    fn want(self, service: Service) -> bool {
        let of_ssm = service.is_for_post_launch() && self.ssm == Toggle::Enabled;
        of_ssm || (service.is_for_connector() && self.connector == Toggle::Enabled)
    }
}

/// Parses the endpoints and their policies.
pub(crate) fn parse(
    spec: &MigrationNetworkSpec,
    class: &MigrationNetworkClassSpec,
    users: Users,
    config_maps: &ConfigMapKeys,
    errors: &mut Vec<FieldError>,
) -> Endpoints {
    let defaults = class.defaults.as_ref();
    let asked = requested(spec, defaults, users, errors);
    let mode = |key: EndpointKey, entry: Option<&EndpointSpec>| {
        let usual = if key.service.is_for_post_launch() && !users.want(key.service) {
            EndpointMode::Disabled
        } else {
            EndpointMode::Managed
        };
        entry.and_then(|entry| entry.mode).unwrap_or(usual)
    };
    let has_gateway = asked
        .get(&EndpointKey::S3_GATEWAY)
        .is_some_and(|entry| mode(EndpointKey::S3_GATEWAY, *entry) != EndpointMode::Disabled);
    let wants_ssm = asked
        .iter()
        .any(|(key, entry)| key.service.is_for_post_launch() && mode(*key, *entry) != EndpointMode::Disabled);
    let general = spec.endpoint_policy.as_ref().or(defaults.and_then(|defaults| defaults.endpoint_policy.as_ref()));
    let buckets = Buckets::new(&class.region, class.mgn_buckets.as_deref(), wants_ssm);

    let (mut parsed, mut sources) = (BTreeMap::new(), BTreeMap::new());
    for (key, entry) in asked {
        let field = |name: &str| format!("spec.endpoints[{key}].{name}");
        let source = match mode(key, entry) {
            EndpointMode::Disabled => continue,
            EndpointMode::Existing => {
                let Some(id) = entry.and_then(|entry| entry.endpoint_id.as_deref()) else {
                    errors.push(FieldError {
                        field: field("endpointID"),
                        message: "must be set when `mode` is 'Existing'; name the endpoint".to_owned(),
                    });
                    continue;
                };
                EndpointSource::Existing(id.into())
            }
            EndpointMode::Managed => {
                let own = entry.and_then(|entry| entry.policy.as_ref());
                let policy_field = if own.is_some() { field("policy") } else { "spec.endpointPolicy".to_owned() };
                sources.insert(policy_field.clone(), PolicySource::of(own.or(general)));
                let policy = own.or(general).map_or(Policy::FullAccess, |policy| {
                    let scope = needs::Scope { key, region: &class.region, buckets: &buckets };
                    read_policy(policy, scope, config_maps, &policy_field, errors)
                });
                let listed = entry.and_then(|entry| entry.addresses.as_deref()).unwrap_or_default();
                EndpointSource::Managed { addresses: addresses(&field("addresses"), listed, errors), policy }
            }
        };
        let private_dns = entry.and_then(|entry| entry.private_dns);
        if private_dns == Some(PrivateDns::InboundResolverOnly) && !has_gateway {
            errors.push(needs_gateway(field("privateDNS")));
        }
        let optional = key.service.is_for_post_launch() && entry.is_none_or(|entry| entry.mode.is_none());
        let private_dns = effective_private_dns(key, private_dns, has_gateway);
        parsed.insert(key, EndpointSettings { source, private_dns, optional });
    }
    Endpoints { all: parsed, policy_sources: sources, buckets }
}

/// Returns the standard endpoints, those of the connector, and the further ones that network or class list, each with its entry, if it has one.
fn requested<'a>(
    spec: &'a MigrationNetworkSpec,
    defaults: Option<&'a NetworkDefaults>,
    users: Users,
    errors: &mut Vec<FieldError>,
) -> BTreeMap<EndpointKey, Option<&'a EndpointSpec>> {
    let of_connector = Service::OF_CONNECTOR.into_iter().filter(|service| users.want(*service));
    let all = EndpointKey::standard().chain(of_connector.map(EndpointKey::interface));
    let mut asked: BTreeMap<_, _> = all.map(|key| (key, None)).collect();
    for ((service, endpoint_type), entry) in entries(spec, defaults) {
        match Service::named(service).and_then(|service| EndpointKey::of(service, endpoint_type)) {
            Some(key) => {
                asked.insert(key, Some(entry));
            }
            None => errors.push(FieldError {
                field: format!("spec.endpoints[{service}/{endpoint_type}]"),
                message: "must be an interface endpoint of a service such as 'kms', without 'com.amazonaws.', or the \
                     gateway endpoint of 's3'; correct `service` or `type`"
                    .to_owned(),
            }),
        }
    }
    asked
}

fn needs_gateway(field: String) -> FieldError {
    FieldError {
        field,
        message: "must not be 'InboundResolverOnly' without the S3 gateway endpoint, because AWS rejects it; set \
                     it to 'Enabled', or enable the gateway endpoint of `s3`"
            .to_owned(),
    }
}

/// Returns the private DNS setting that applies. With an S3 gateway endpoint, replication servers keep using it, free
/// of charge: only on-premises queries, which arrive through the Resolver, are answered with the addresses of the S3
/// interface endpoint. Other services have one endpoint type only.
fn effective_private_dns(key: EndpointKey, asked: Option<PrivateDns>, has_gateway: bool) -> PrivateDns {
    if key.endpoint_type == EndpointType::Gateway {
        return PrivateDns::Disabled;
    }
    match asked {
        None if key == EndpointKey::S3_INTERFACE && has_gateway => PrivateDns::InboundResolverOnly,
        None => PrivateDns::Enabled,
        Some(private_dns) => private_dns,
    }
}

/// Parses fixed addresses.
pub(crate) fn addresses(
    field: &str,
    listed: &[AddressSpec],
    errors: &mut Vec<FieldError>,
) -> BTreeMap<SubnetId, Ipv4Addr> {
    let mut parsed = BTreeMap::new();
    for AddressSpec { subnet_id, ip } in listed {
        match ip.parse::<Ipv4Addr>() {
            Ok(address) => {
                parsed.insert(SubnetId::from(subnet_id.as_str()), address);
            }
            Err(_) => errors.push(FieldError {
                field: field.to_owned(),
                message: format!("must hold IPv4 addresses; '{ip}' is not one"),
            }),
        }
    }
    parsed
}

fn read_policy(
    policy: &PolicySpec,
    scope: needs::Scope<'_>,
    config_maps: &ConfigMapKeys,
    field: &str,
    errors: &mut Vec<FieldError>,
) -> Policy {
    let text = match policy.type_ {
        PolicyType::Preset => {
            return match policy.preset.unwrap_or_default() {
                PolicyPreset::FullAccess => Policy::FullAccess,
                PolicyPreset::MgnOnly => policy::mgn_only(scope),
            };
        }
        PolicyType::Inline => Ok(policy.inline.as_deref().unwrap_or_default()),
        PolicyType::ConfigMap => match &policy.config_map_key_ref {
            Some(reference) => {
                config_maps.get(&(reference.name.clone(), reference.key.clone())).map(String::as_str).ok_or_else(|| {
                    format!(
                        "name an existing ConfigMap in the namespace of the network, but '{}' with the key '{}' does \
                         not exist",
                        reference.name, reference.key
                    )
                })
            }
            None => Err("set `configMapKeyRef` when its `type` is 'ConfigMap'".to_owned()),
        },
    };
    let parsed = text.and_then(|text| Policy::parse(text).map_err(|error| error.to_string()));
    parsed.unwrap_or_else(|message| {
        let error = FieldError { field: field.to_owned(), message: format!("must {message}") };
        // A policy for all endpoints is reported once only.
        if !errors.contains(&error) {
            errors.push(error);
        }
        Policy::FullAccess
    })
}
