//! The limits of a class: what its networks may ask for. A network over a limit is not changed any further, and what it has
//! is never torn down.
//!
//! `deploy/admission/` says what of this the API server can say, at apply time and in the same words.

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

/// The limits of one class, by its name.
#[derive(Clone, Copy, Debug)]
pub struct Limits<'a> {
    /// The class's name.
    pub class: &'a str,
    /// What it says; nothing said is no limit.
    pub limits: Option<&'a ClassLimits>,
}

impl Limits<'_> {
    /// What exceeds the limits in what is asked for, as far as it is known without AWS. `ranges` are all that the network
    /// wants to be admitted, as written, each with its field: a range that is not to reach the network as a source server
    /// is not to reach it as a proxy either.
    pub fn of_settings(&self, settings: &Settings, ranges: &[(&str, &[String])]) -> Vec<String> {
        let Some(limits) = self.limits else { return Vec::new() };
        let outside = ranges.iter().filter_map(|(field, ranges)| {
            limits.source_cidrs.as_deref().and_then(|allowed| self.sources(field, ranges, allowed))
        });
        let policies = [
            limits
                .deletion_policies
                .as_deref()
                .and_then(|allowed| self.one_of("spec.deletionPolicy", &settings.deletion, allowed)),
            limits
                .adoption_policies
                .as_deref()
                .and_then(|allowed| self.one_of("spec.adoptionPolicy", &settings.adoption, allowed)),
        ];
        outside.chain(policies.into_iter().flatten()).collect()
    }

    /// Whether the VPC that the settings led to exceeds them. Said before anything else about a VPC, as whether somebody has
    /// it is nobody's business who may not use it.
    pub fn of_vpc(&self, vpc: &VpcId) -> Option<String> {
        let allowed = self.limits?.vpcs.as_deref()?;
        (!allowed.iter().any(|one| one == vpc.as_str())).then(|| {
            format!(
                "`spec.vpc` must be a VPC that class '{}' allows, and '{vpc}' is not; allowed: {}",
                self.class,
                join(allowed)
            )
        })
    }

    /// Whether the services that the network has endpoints for exceed them.
    pub fn of_services(&self, services: &BTreeSet<Service>) -> Option<String> {
        self.services(services, self.limits?.services.as_deref()?)
    }

    /// Whether a network that has so many older ones of its class in its namespace still has a place there.
    pub fn of_number(&self, older: usize) -> Option<String> {
        let most = self.limits?.networks_per_namespace?;
        (i64::try_from(older).unwrap_or(i64::MAX) >= i64::from(most)).then(|| {
            format!(
                "class '{}' allows {most} of its networks in a namespace (`limits.networksPerNamespace`), and this is number {}; \
                 the oldest keep their places: delete one, or ask whoever keeps the class",
                self.class,
                older.saturating_add(1)
            )
        })
    }

    fn sources(&self, field: &str, sources: &[String], allowed: &[String]) -> Option<String> {
        let ranges: Vec<Ipv4Net> = allowed.iter().filter_map(|range| range.parse().ok()).collect();
        let lies_in = |source: &String| {
            source.parse::<Ipv4Net>().is_ok_and(|source| ranges.iter().any(|range| range.contains(&source)))
        };
        let outside: Vec<&String> = sources.iter().filter(|source| !lies_in(source)).collect();
        (!outside.is_empty()).then(|| {
            format!(
                "`{field}` must lie in a range that class '{}' allows, and '{}' does not; allowed: {}",
                self.class,
                join(outside),
                join(allowed)
            )
        })
    }

    fn services(&self, wanted: &BTreeSet<Service>, allowed: &[String]) -> Option<String> {
        let refused: Vec<Service> =
            wanted.iter().copied().filter(|service| !allowed.iter().any(|one| one == service.as_str())).collect();
        let (class, names, allowed) = (self.class, join(&refused), join(allowed));
        if refused.is_empty() {
            None
        } else if refused.iter().all(|service| service.is_for_post_launch()) {
            Some(format!(
                "`spec.postLaunch.ssm` must be 'Disabled', as class '{class}' allows no endpoint for '{names}'; allowed: {allowed}"
            ))
        } else {
            Some(format!(
                "`spec.endpoints` must not come to endpoints for '{names}', which class '{class}' does not allow \
                 (`limits.services`); allowed: {allowed}; leave them out by `mode` 'Disabled', or ask whoever keeps the class"
            ))
        }
    }

    fn one_of<T: PartialEq + Word>(&self, field: &str, value: &T, allowed: &[T]) -> Option<String> {
        (!allowed.contains(value)).then(|| {
            format!(
                "`{field}` must be one that class '{}' allows, and '{}' is not; allowed: {}",
                self.class,
                value.word(),
                join(allowed.iter().map(Word::word))
            )
        })
    }
}

/// What deletion does to what a network has made: what is asked for now, unless the class's limits refuse that. An edit that
/// the class refuses has no effect, on deletion either: then what held when the network was last accepted does. So tightened
/// limits never turn a network's own `Retain` into `Delete`, and a refused edit never turns one into the other.
pub fn deletion(
    asked: DeletionPolicy,
    recorded: Option<DeletionPolicy>,
    limits: Option<&ClassLimits>,
) -> DeletionPolicy {
    let refused =
        limits.and_then(|limits| limits.deletion_policies.as_ref()).is_some_and(|allowed| !allowed.contains(&asked));
    recorded.filter(|_| refused).unwrap_or(asked)
}

/// A value as it is written in a spec.
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
