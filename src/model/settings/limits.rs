//! The limits of a class: what its networks may request. The operator changes nothing for a network that exceeds a
//! limit, but never deletes what the network has.
//!
//! `deploy/admission/` enforces those limits that the API server can check at admission, with the same messages.

use std::collections::BTreeSet;

use ipnet::Ipv4Net;

use crate::{
    api::{AdoptionPolicy, ClassLimits, DeletionPolicy},
    model::{
        ids::{VpcId, join},
        settings::Settings,
        slot::Service,
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
    adoption_policies: Option<Vec<AdoptionPolicy>>,
    networks_per_namespace: Option<i32>,
}

impl Limits {
    /// Parses the limits of a class. The schema rejects ranges that cannot be parsed. A service name of another form
    /// is ignored because no network can request it.
    pub fn parse(class: &str, limits: Option<&ClassLimits>) -> Self {
        let class = class.to_owned();
        let Some(limits) = limits else { return Self { class, ..Self::default() } };
        let ClassLimits { vpcs, source_cidrs, services, deletion_policies, adoption_policies, networks_per_namespace } =
            limits;
        Self {
            class,
            vpcs: vpcs.as_ref().map(|vpcs| vpcs.iter().map(|vpc| vpc.as_str().into()).collect()),
            ranges: source_cidrs.as_ref().map(|ranges| ranges.iter().filter_map(|range| range.parse().ok()).collect()),
            services: services.as_ref().map(|names| names.iter().filter_map(|name| Service::named(name)).collect()),
            deletion_policies: deletion_policies.clone(),
            adoption_policies: adoption_policies.clone(),
            networks_per_namespace: *networks_per_namespace,
        }
    }

    /// Returns a message for each limit that the settings exceed, as far as that is known without AWS. The limit of
    /// source ranges also applies to proxies and DNS clients: a range that may not reach the network as a source
    /// server may not reach it as those either.
    pub fn of_settings(&self, settings: &Settings) -> Vec<String> {
        let outside = settings.limited_ranges.iter().filter_map(|(field, ranges)| self.outside(field, ranges));
        let deletion = self.deletion_policies.as_deref();
        let adoption = self.adoption_policies.as_deref();
        let policies = [
            deletion.and_then(|allowed| self.one_of("spec.deletionPolicy", &settings.deletion, allowed)),
            adoption.and_then(|allowed| self.one_of("spec.adoptionPolicy", &settings.adoption, allowed)),
        ];
        outside.chain(policies.into_iter().flatten()).collect()
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

    /// Returns a message if the network has endpoints for services that the class does not allow.
    pub fn of_services(&self, wanted: &BTreeSet<Service>) -> Option<String> {
        let allowed = self.services.as_deref()?;
        let refused: Vec<Service> = wanted.iter().copied().filter(|service| !allowed.contains(service)).collect();
        let (class, names, allowed) = (&self.class, join(&refused), join(allowed));
        if refused.is_empty() {
            None
        } else if refused.iter().all(|service| service.is_for_post_launch()) {
            Some(format!(
                "`spec.postLaunch.ssm` must be 'Disabled', because class '{class}' allows no endpoint for '{names}'; \
                 allowed: {allowed}"
            ))
        } else {
            Some(format!(
                "`spec.endpoints` must not lead to endpoints for '{names}', which class '{class}' does not allow \
                 (`limits.services`); allowed: {allowed}; set their `mode` to 'Disabled', or ask the owner of the \
                 class"
            ))
        }
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

/// Returns the deletion policy that applies to the resources of a network: the one in the spec, unless the limits of
/// the class reject it. A rejected edit has no effect on deletion either: the policy that was last accepted then
/// applies. Tightened limits therefore never turn `Retain` of a network into `Delete`, and a rejected edit never
/// turns one policy into the other.
pub fn deletion(
    asked: DeletionPolicy,
    recorded: Option<DeletionPolicy>,
    limits: Option<&ClassLimits>,
) -> DeletionPolicy {
    let refused =
        limits.and_then(|limits| limits.deletion_policies.as_ref()).is_some_and(|allowed| !allowed.contains(&asked));
    recorded.filter(|_| refused).unwrap_or(asked)
}

/// A value in the form in which specs contain it.
trait Word {
    fn word(&self) -> &'static str;
}

impl Word for DeletionPolicy {
    fn word(&self) -> &'static str {
        match self {
            Self::Delete => "Delete",
            Self::Retain => "Retain",
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
