//! Dispatches reconciles: each reconciles one object that a watch or a timer named. The controller and the simulator
//! share this code.

use std::sync::Arc;

use kube::{Resource, ResourceExt, core::DeserializeGuard};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use super::{
    class::usage::{self, Use},
    context::Context,
    runtime::{
        Next,
        fair_queue::{FairQueue, Permit, Tenant},
        guard,
    },
    store::{Announcement, Key, Store},
};
use crate::{
    api::{MigrationNetwork, MigrationNetworkClass},
    aws::Clouds,
    text::shorten,
};

/// An object of a kind, or the error from decoding it: one bad object must not end a watch.
pub type Guarded<K> = DeserializeGuard<K>;

/// The networks in the cache of the watch. No irreversible decision depends on them.
pub type KnownNetworks = Box<dyn Fn() -> Vec<Arc<Guarded<MigrationNetwork>>> + Send + Sync>;

/// Reconciles objects, each inside the guard and with a permit from the fair queue.
pub struct Dispatch<C, S> {
    pub(crate) context: Context<C, S>,
    known_networks: KnownNetworks,
    queue: FairQueue,
    stop: CancellationToken,
}

impl<C: Clouds, S: Store> Dispatch<C, S> {
    /// Creates a dispatch without permits: it reconciles nothing before [`Self::lead`] is called.
    pub fn new(context: Context<C, S>, known_networks: KnownNetworks, stop: CancellationToken) -> Self {
        Self { context, known_networks, queue: FairQueue::default(), stop }
    }

    /// Starts to reconcile, at most `concurrency` objects at the same time.
    pub fn lead(&self, concurrency: u16) {
        self.queue.add(concurrency.into());
    }

    /// The queue of the objects that wait for their reconcile.
    pub(crate) fn queue(&self) -> FairQueue {
        self.queue.clone()
    }

    /// Waits for a permit to reconcile one object. None if the operator is stopping.
    async fn permit(&self, tenant: Tenant) -> Option<Permit> {
        tokio::select! {
            biased;
            () = self.stop.cancelled() => None,
            permit = self.queue.take(tenant) => Some(permit),
        }
    }

    /// Reconciles one network.
    pub async fn reconcile_network(&self, network: &Guarded<MigrationNetwork>) -> Next {
        let meta = network.meta();
        let key = Key::of(meta);
        // Logged without a permit, so that other networks of the tenant do not delay the report.
        if let Err(invalid) = &network.0 {
            tracing::error!(%key, error = invalid.error, "a stored network cannot be read; correct the object");
            // Only the leader publishes events.
            if let Some(_permit) = self.permit(Tenant::default()).await {
                let network = MigrationNetwork { metadata: meta.clone(), ..MigrationNetwork::default() };
                self.context.store.announce(&network, unreadable(&invalid.error)).await;
            }
            return Next::OnChange;
        }
        let tenant = Tenant { namespace: key.namespace.clone(), class: class_of(network) };
        let Some(_permit) = self.permit(tenant).await else { return Next::OnChange };
        let span = tracing::info_span!(
            "reconcile",
            namespace = key.namespace,
            name = key.name,
            uid = meta.uid,
            generation = meta.generation
        );
        // Boxed after the permit was granted: the future of a reconcile has some 100 kB, and all networks may wait for permits.
        Box::pin(guard::network(&self.context, &key).instrument(span)).await
    }

    /// Reconciles one class.
    pub async fn reconcile_class(&self, class: &Guarded<MigrationNetworkClass>) -> Next {
        let name = class.name_any();
        if let Err(invalid) = &class.0 {
            tracing::error!(class = name, error = invalid.error, "a stored class cannot be read; correct the object");
            if let Some(_permit) = self.permit(Tenant::default()).await {
                let metadata = class.meta().clone();
                let class = MigrationNetworkClass { metadata, ..MigrationNetworkClass::default() };
                self.context.store.announce_on_class(&class, unreadable(&invalid.error)).await;
            }
            return Next::OnChange;
        }
        let tenant = Tenant { namespace: String::new(), class: Some(name.clone()) };
        let Some(_permit) = self.permit(tenant).await else { return Next::OnChange };
        let span = tracing::info_span!("reconcile", class = name, generation = class.meta().generation);
        Box::pin(guard::class(&self.context, &name, |class| self.known_use(class)).instrument(span)).await
    }

    /// Releases the VPC leases of networks that no longer exist.
    pub async fn sweep_vpc_leases(&self) -> Next {
        let known = (self.known_networks)().iter().filter_map(|network| network.meta().uid.clone()).collect();
        guard::vpc_leases(&self.context, &known).await
    }

    fn known_use(&self, class: &MigrationNetworkClass) -> Use {
        let networks = (self.known_networks)();
        usage::count(networks.iter().filter_map(|network| network.0.as_ref().ok()), class)
    }
}

/// The event on an object that this version cannot read, for example because a later version wrote it.
fn unreadable(error: &str) -> Announcement {
    Announcement {
        warning: true,
        reason: "Unreadable".to_owned(),
        action: "Read".to_owned(),
        note: format!(
            "this version of the operator cannot read the object: {}; it is not reconciled, and not deleted, until you correct \
             the field, or run a version of the operator that knows the value",
            shorten(error, MOST_OF_AN_ERROR)
        ),
    }
}

/// The most characters of an error in an event, whose note has at most 1,024.
const MOST_OF_AN_ERROR: usize = 700;

/// The name of the class in the spec of a network, or else the one recorded in its status.
pub(crate) fn class_of(network: &Guarded<MigrationNetwork>) -> Option<String> {
    let network = network.0.as_ref().ok()?;
    let recorded = || network.status.as_ref().and_then(|status| status.class_name.clone());
    network.spec.migration_network_class_name.clone().or_else(recorded)
}
