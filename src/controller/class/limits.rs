//! Holds a network against the limits of its class. The limits themselves are [`crate::model::settings::limits`].

use kube::ResourceExt;

use crate::{
    api::{MigrationNetwork, MigrationNetworkClass, Reason},
    controller::{
        class::usage,
        network::object::Subject,
        store::{Store, StoreError},
    },
    model::{
        desired::Desired,
        ids::VpcId,
        settings::{Settings, limits::Limits},
        status::conditions::Verdict,
    },
};

/// What can be said before AWS is looked at. The number of networks is counted only where it is limited.
pub(crate) async fn of_settings<S: Store>(
    subject: &Subject<'_, S>,
    class: &MigrationNetworkClass,
    settings: &Settings,
) -> Result<Option<Verdict>, StoreError> {
    let name = class.name_any();
    let limits = Limits { class: &name, limits: class.spec.limits.as_ref() };
    let network = &subject.network;
    let defaults = class.spec.defaults.as_ref().and_then(|defaults| defaults.source_cidrs.as_deref());
    let spec = &network.spec;
    // The class's own proxies and DNS clients are the class's business.
    let clients = spec.resolver.as_ref().and_then(|resolver| resolver.client_cidrs.as_deref());
    let ranges = [
        ("spec.sourceCIDRs", spec.source_cidrs.as_deref().or(defaults).unwrap_or_default()),
        ("spec.proxyCIDRs", spec.proxy_cidrs.as_deref().unwrap_or_default()),
        ("spec.resolver.clientCIDRs", clients.unwrap_or_default()),
    ];
    let mut excess = limits.of_settings(settings, &ranges);
    if limits.limits.is_some_and(|limits| limits.networks_per_namespace.is_some()) {
        excess.extend(limits.of_number(older(subject.store, network, class).await?));
    }
    Ok(exceeded(excess))
}

/// The VPC that the selector led to.
pub(crate) fn of_vpc(class: &MigrationNetworkClass, vpc: &VpcId) -> Option<Verdict> {
    let name = class.name_any();
    exceeded(Limits { class: &name, limits: class.spec.limits.as_ref() }.of_vpc(vpc))
}

/// The services that the network has endpoints for, where the Region offers them.
pub(crate) fn of_services(class: &MigrationNetworkClass, desired: &Desired) -> Option<Verdict> {
    let name = class.name_any();
    let services = desired.endpoints.keys().map(|key| key.service).collect();
    exceeded(Limits { class: &name, limits: class.spec.limits.as_ref() }.of_services(&services))
}

/// How many networks of the class in the network's namespace are older than it.
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

fn exceeded(excess: impl IntoIterator<Item = String>) -> Option<Verdict> {
    let message = excess.into_iter().collect::<Vec<_>>().join("; ");
    (!message.is_empty()).then_some(Verdict::Rejected { reason: Reason::LimitExceeded, message })
}
