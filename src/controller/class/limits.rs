//! Checks a network against the limits of its class. The limits are defined in [`crate::model::settings::limits`].

use kube::ResourceExt;

use super::usage;
use crate::{
    api::{MigrationNetwork, MigrationNetworkClass, Reason},
    controller::{
        stop::Stop,
        store::{Store, StoreError},
    },
    model::{
        desired::Desired,
        ids::VpcId,
        observed::Observed,
        settings::{Settings, limits::Limits},
        slot::Service,
    },
};

/// Checks the limits that need no observation of AWS. Counts the networks only if the class limits their number.
pub(crate) async fn check_settings<S: Store>(
    store: &S,
    network: &MigrationNetwork,
    class: &MigrationNetworkClass,
    limits: &Limits,
    settings: &Settings,
) -> Result<(), Stop> {
    let mut excess = limits.of_settings(settings);
    // Before AWS is asked whether it offers them. The standard services are checked once it is known which are offered.
    let further = settings.endpoints.keys().map(|key| key.service).filter(|one| !Service::STANDARD.contains(one));
    excess.extend(limits.of_services(&further.collect(), settings));
    if limits.counts_networks() {
        excess.extend(limits.of_number(older(store, network, class).await?));
    }
    within(excess)
}

/// Checks the VPC that the selector matches.
pub(crate) fn check_vpc(limits: &Limits, vpc: &VpcId) -> Result<(), Stop> {
    within(limits.of_vpc(vpc))
}

/// Checks the subnets that the selectors match.
pub(crate) fn check_subnets(limits: &Limits, desired: &Desired, observed: &Observed) -> Result<(), Stop> {
    within(limits.of_subnets(&desired.subnets, &observed.subnets))
}

/// Checks the services for which the network has endpoints, among those that the Region offers.
pub(crate) fn check_services(limits: &Limits, settings: &Settings, desired: &Desired) -> Result<(), Stop> {
    within(limits.of_services(&desired.endpoints.keys().map(|key| key.service).collect(), settings))
}

/// The number of older networks with the same class in the network's namespace.
async fn older<S: Store>(
    store: &S,
    network: &MigrationNetwork,
    class: &MigrationNetworkClass,
) -> Result<usize, StoreError> {
    let name = class.name_any();
    let is_default = class.is_marked_default();
    let age = |network: &MigrationNetwork| {
        let created = network.metadata.creation_timestamp.as_ref().map(|created| created.0);
        (created, network.uid())
    };
    let listed = store.networks(network.namespace().as_deref()).await?;
    let others = listed.into_iter().filter_map(|listed| listed.network);
    Ok(others.filter(|other| usage::is_of(other, &name, is_default) && age(other) < age(network)).count())
}

fn within(excess: impl IntoIterator<Item = String>) -> Result<(), Stop> {
    let message = excess.into_iter().collect::<Vec<_>>().join("; ");
    if message.is_empty() { Ok(()) } else { Err(Stop::rejected(Reason::LimitExceeded, message)) }
}
