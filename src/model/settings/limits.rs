//! The limits of a class: what its networks may request. The operator changes nothing for a network that exceeds a
//! limit, but never deletes what the network has.
//!
//! `deploy/admission/` enforces those limits that the API server can check at admission, with the same messages.

use std::collections::{BTreeMap, BTreeSet};

use ipnet::Ipv4Net;

use crate::{
    api::{
        AdoptedDeletionPolicy, AdoptionPolicy, ClassLimits, DeletionPolicy, EndpointPolicyLimits, PolicyPreset,
        PolicyType, PrivateDns, SubnetSelector, SubnetSelectors as LimitedSubnets, TagKeyLimits, Toggle,
    },
    model::{
        ids::{SubnetId, VpcId, join},
        observed::Subnet,
        ownership::Tags,
        preflight::ResolvedSubnets,
        settings::{Settings, endpoints::EndpointSource},
        slot::{EndpointType, Service},
    },
};

/// The limits of one class. An omitted limit does not apply.
#[derive(Clone, Debug, Default)]
pub struct Limits {
    class: String,
    vpcs: Option<Vec<VpcId>>,
    ranges: Option<Vec<Ipv4Net>>,
    services: Option<Vec<Service>>,
    deletion_policies: Option<Vec<DeletionPolicy>>,
    subnets: Option<LimitedSubnets>,
    endpoint_policies: Option<EndpointPolicyLimits>,
    private_dns: Option<Vec<PrivateDns>>,
    tag_keys: TagKeyLimits,
    adoption_policies: Option<Vec<AdoptionPolicy>>,
    adopted_deletion_policies: Option<Vec<AdoptedDeletionPolicy>>,
    networks_per_namespace: Option<i32>,
}

/// A switch of the spec that asks for endpoints.
struct Switch {
    field: &'static str,
    toggle: Toggle,
    asks: fn(Service) -> bool,
}

impl Limits {
    /// Parses the limits of a class. The schema rejects ranges that cannot be parsed. A service name of another form
    /// is ignored because no network can request it.
    pub fn parse(class: &str, limits: Option<&ClassLimits>) -> Self {
        let class = class.to_owned();
        let Some(limits) = limits else { return Self { class, ..Self::default() } };
        let ClassLimits {
            vpcs,
            source_cidrs,
            services,
            subnets,
            endpoint_policies,
            private_dns,
            tag_keys,
            deletion_policies,
            adoption_policies,
            adopted_deletion_policies,
            networks_per_namespace,
        } = limits;
        Self {
            class,
            vpcs: vpcs.as_ref().map(|vpcs| vpcs.iter().map(|vpc| vpc.as_str().into()).collect()),
            ranges: source_cidrs.as_ref().map(|ranges| ranges.iter().filter_map(|range| range.parse().ok()).collect()),
            services: services.as_ref().map(|names| names.iter().filter_map(|name| Service::named(name)).collect()),
            subnets: subnets.clone(),
            endpoint_policies: endpoint_policies.clone(),
            private_dns: private_dns.clone(),
            tag_keys: tag_keys.clone().unwrap_or_default(),
            deletion_policies: deletion_policies.clone(),
            adoption_policies: adoption_policies.clone(),
            adopted_deletion_policies: adopted_deletion_policies.clone(),
            networks_per_namespace: *networks_per_namespace,
        }
    }

    /// Returns a message for each limit that the settings exceed, as far as that is known without AWS. The limit of
    /// source ranges also applies to proxies and DNS clients: a range that may not reach the network as a source
    /// server may not reach it as those either.
    pub fn of_settings(&self, settings: &Settings) -> Vec<String> {
        let tags = self.of_tags(&settings.own_tag_keys);
        let outside = settings.limited_ranges.iter().filter_map(|(field, ranges)| self.outside(field, ranges));
        let deletion = self.deletion_policies.as_deref();
        let adoption = self.adoption_policies.as_deref();
        let adopted = self.adopted_deletion_policies.as_deref();
        let policies = [
            deletion.and_then(|allowed| self.one_of("spec.deletionPolicy", &settings.deletion, allowed)),
            adoption.and_then(|allowed| self.one_of("spec.adoptionPolicy", &settings.adoption, allowed)),
            adopted.and_then(|allowed| self.one_of("spec.adoptedDeletionPolicy", &settings.adopted_deletion, allowed)),
        ];
        let endpoints = self.of_endpoint_policies(settings).into_iter().chain(self.of_private_dns(settings));
        outside.chain(policies.into_iter().flatten()).chain(endpoints).chain(tags).collect()
    }

    fn of_endpoint_policies(&self, settings: &Settings) -> Vec<String> {
        let Some(EndpointPolicyLimits { types, presets }) = &self.endpoint_policies else { return Vec::new() };
        let excess = settings.policy_sources.iter().filter_map(|(field, source)| {
            let of_type = types
                .as_deref()
                .and_then(|allowed| self.one_of(&format!("{field}.type"), &source.policy_type, allowed));
            let of_preset = || self.one_of(&format!("{field}.preset"), &source.preset?, presets.as_deref()?);
            of_type.or_else(of_preset)
        });
        excess.collect()
    }

    fn of_private_dns(&self, settings: &Settings) -> Vec<String> {
        let Some(allowed) = self.private_dns.as_deref() else { return Vec::new() };
        let managed = settings.endpoints.iter().filter(|(key, endpoint)| {
            key.endpoint_type == EndpointType::Interface && matches!(endpoint.source, EndpointSource::Managed { .. })
        });
        let excess = managed.filter_map(|(key, endpoint)| {
            self.one_of(&format!("spec.endpoints[{key}].privateDNS"), &endpoint.private_dns, allowed)
        });
        excess.collect()
    }

    fn of_tags(&self, keys: &BTreeSet<String>) -> Option<String> {
        let TagKeyLimits { allow, deny } = &self.tag_keys;
        let is_listed =
            |list: &Option<Vec<String>>, key: &str| list.iter().flatten().any(|pattern| matches(pattern, key));
        let is_denied = |key: &str| DENIED_TAG_KEYS.iter().any(|pattern| matches(pattern, key)) || is_listed(deny, key);
        let refused: Vec<&String> = keys.iter().filter(|key| is_denied(key) && !is_listed(allow, key)).collect();
        (!refused.is_empty()).then(|| {
            format!(
                "`spec.tags` must have only keys that class '{}' allows, but '{}' is denied (`limits.tagKeys`); remove it, \
                 or ask the owner of the class to allow it",
                self.class,
                join(refused)
            )
        })
    }

    /// Returns a message for each use for which the network selects subnets that the class does not allow.
    pub fn of_subnets(&self, selected: &ResolvedSubnets, subnets: &BTreeMap<SubnetId, Subnet>) -> Vec<String> {
        let Some(limits) = &self.subnets else { return Vec::new() };
        let excess = [
            ("endpoints", &limits.endpoints, &selected.endpoints),
            ("staging", &limits.staging, &selected.staging),
            ("launch", &limits.launch, &selected.launch),
        ];
        let excess = excess.into_iter().filter_map(|(use_, allowed, selected)| {
            let allowed = allowed.as_ref()?;
            let refused: Vec<_> = selected.iter().filter(|id| !admits(allowed, id, subnets.get(*id))).collect();
            (!refused.is_empty()).then(|| {
                format!(
                    "`spec.subnets.{use_}` must select subnets that class '{}' allows, but '{}' is not; allowed: {}",
                    self.class,
                    join(refused),
                    shown(allowed)
                )
            })
        });
        excess.collect()
    }

    /// Returns a message if the class does not allow the VPC that the selector matches. This check comes before all
    /// others about the VPC: a tenant that may not use a VPC does not learn whether another network has it.
    pub fn of_vpc(&self, vpc: &VpcId) -> Option<String> {
        let allowed = self.vpcs.as_deref()?;
        (!allowed.contains(vpc)).then(|| {
            format!(
                "`spec.vpc` must be a VPC that class '{}' allows, but '{vpc}' is not; allowed: {}",
                self.class,
                join(allowed)
            )
        })
    }

    /// Whether the number of networks in a namespace is limited.
    pub const fn counts_networks(&self) -> bool {
        self.networks_per_namespace.is_some()
    }

    /// Returns a message if the namespace has so many older networks of the class that this one exceeds the limit.
    pub fn of_number(&self, older: usize) -> Option<String> {
        let most = self.networks_per_namespace?;
        (i64::try_from(older).unwrap_or(i64::MAX) >= i64::from(most)).then(|| {
            format!(
                "class '{}' allows {most} of its networks in a namespace (`limits.networksPerNamespace`), but this is \
                 number {}, and the oldest have priority; delete one, or ask the owner of the class for a higher limit",
                self.class,
                older.saturating_add(1)
            )
        })
    }

    /// Returns a message if the network has endpoints for services that the class does not allow. It names the switches that
    /// ask for these endpoints, or else the list of endpoints.
    pub fn of_services(&self, wanted: &BTreeSet<Service>, settings: &Settings) -> Option<String> {
        let allowed = self.services.as_deref()?;
        let refused: Vec<Service> = wanted.iter().copied().filter(|service| !allowed.contains(service)).collect();
        if refused.is_empty() {
            return None;
        }
        let all_switches = [
            Switch { field: "`spec.postLaunch.ssm`", toggle: settings.ssm, asks: Service::is_for_post_launch },
            Switch {
                field: "`spec.onPremises.connector`",
                toggle: settings.connector,
                asks: Service::is_for_connector,
            },
        ];
        let is_to_blame = |one: &Switch| one.toggle == Toggle::Enabled && refused.iter().copied().any(one.asks);
        let switches: Vec<_> = all_switches.into_iter().filter(is_to_blame).collect();
        let (class, names, allowed) = (&self.class, join(&refused), join(allowed));
        Some(if refused.iter().all(|service| switches.iter().any(|one| (one.asks)(*service))) {
            let fields: Vec<&str> = switches.iter().map(|one| one.field).collect();
            format!(
                "{} must be 'Disabled', because class '{class}' allows no endpoint for '{names}'; allowed: {allowed}",
                fields.join(" and ")
            )
        } else {
            format!(
                "`spec.endpoints` must not lead to endpoints for '{names}', which class '{class}' does not allow \
                 (`limits.services`); allowed: {allowed}; set their `mode` to 'Disabled', or ask the owner of the \
                 class"
            )
        })
    }

    fn outside(&self, field: &str, ranges: &BTreeSet<Ipv4Net>) -> Option<String> {
        let allowed = self.ranges.as_deref()?;
        let outside: Vec<&Ipv4Net> =
            ranges.iter().filter(|range| !allowed.iter().any(|allowed| allowed.contains(*range))).collect();
        (!outside.is_empty()).then(|| {
            format!(
                "`{field}` must lie in a range that class '{}' allows, but '{}' does not; allowed: {}",
                self.class,
                join(outside),
                join(allowed)
            )
        })
    }

    fn one_of<T: PartialEq + Word>(&self, field: &str, value: &T, allowed: &[T]) -> Option<String> {
        (!allowed.contains(value)).then(|| {
            format!(
                "`{field}` must be a value that class '{}' allows, but '{}' is not; allowed: {}",
                self.class,
                value.word(),
                join(allowed.iter().map(Word::word))
            )
        })
    }
}

/// Returns the policy that applies to the resources of a network when it is deleted: the one in the spec, unless the
/// limits of the class reject it. A rejected edit has no effect on deletion either: the policy that was last accepted then
/// applies. Tightened limits therefore never turn `Retain` of a network into `Delete`, and a rejected edit never
/// turns one policy into the other.
pub fn on_deletion<T: PartialEq>(asked: T, recorded: Option<T>, allowed: Option<&Vec<T>>) -> T {
    let refused = allowed.is_some_and(|allowed| !allowed.contains(&asked));
    recorded.filter(|_| refused).unwrap_or(asked)
}

/// The tag keys that are denied unless a class allows them, because controllers in other clusters act on the resources that
/// have them: Karpenter launches nodes with such security groups (Karpenter, "NodeClasses"), and load balancer
/// controllers change their rules (Amazon EKS User Guide, "Network requirements").
pub const DENIED_TAG_KEYS: [&str; 2] = ["karpenter.sh/discovery", "kubernetes.io/cluster/*"];

/// Whether a tag key matches a pattern: a key, or the beginning of keys followed by `*`.
fn matches(pattern: &str, key: &str) -> bool {
    pattern.strip_suffix('*').map_or(pattern == key, |beginning| key.starts_with(beginning))
}

/// Whether a class allows a subnet.
fn admits(allowed: &SubnetSelector, id: &SubnetId, subnet: Option<&Subnet>) -> bool {
    let by_id = allowed.ids.iter().flatten().any(|one| one == id.as_str());
    let has_tags =
        |tags: &Tags| subnet.is_some_and(|subnet| tags.iter().all(|(key, value)| subnet.tags.get(key) == Some(value)));
    by_id || allowed.tags.as_ref().is_some_and(has_tags)
}

/// The allowed subnets, for people.
fn shown(allowed: &SubnetSelector) -> String {
    match (&allowed.ids, &allowed.tags) {
        (Some(ids), _) => join(ids),
        (None, Some(tags)) => {
            let tags = tags.iter().map(|(key, value)| format!("'{key}={value}'")).collect::<Vec<_>>();
            format!("those with the tags {}", tags.join(", "))
        }
        (None, None) => "none".to_owned(),
    }
}

/// Returns the names of the limits that a class omits although they protect other workloads in the VPC.
pub fn omitted(limits: Option<&ClassLimits>) -> Vec<&'static str> {
    let is_set = |field: fn(&ClassLimits) -> bool| limits.is_some_and(field);
    let fields = [
        ("subnets", is_set(|limits| limits.subnets.is_some())),
        ("endpointPolicies", is_set(|limits| limits.endpoint_policies.is_some())),
        ("privateDNS", is_set(|limits| limits.private_dns.is_some())),
    ];
    fields.into_iter().filter(|(_, is_set)| !is_set).map(|(name, _)| name).collect()
}

/// A value in the form in which specs contain it.
trait Word {
    fn word(&self) -> &'static str;
}

impl Word for PolicyType {
    fn word(&self) -> &'static str {
        match self {
            Self::Preset => "Preset",
            Self::Inline => "Inline",
            Self::ConfigMap => "ConfigMap",
        }
    }
}

impl Word for PolicyPreset {
    fn word(&self) -> &'static str {
        match self {
            Self::FullAccess => "FullAccess",
            Self::MgnOnly => "MGNOnly",
        }
    }
}

impl Word for PrivateDns {
    fn word(&self) -> &'static str {
        match self {
            Self::Enabled => "Enabled",
            Self::InboundResolverOnly => "InboundResolverOnly",
            Self::Disabled => "Disabled",
        }
    }
}

impl Word for DeletionPolicy {
    fn word(&self) -> &'static str {
        match self {
            Self::Delete => "Delete",
            Self::Retain => "Retain",
        }
    }
}

impl Word for AdoptedDeletionPolicy {
    fn word(&self) -> &'static str {
        match self {
            Self::Release => "Release",
            Self::Delete => "Delete",
        }
    }
}

impl Word for AdoptionPolicy {
    fn word(&self) -> &'static str {
        match self {
            Self::Never => "Never",
            Self::Retained => "Retained",
            Self::Any => "Any",
        }
    }
}
