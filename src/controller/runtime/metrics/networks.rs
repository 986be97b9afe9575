//! The metrics of networks and classes, read from the caches of the watches at each scrape.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use jiff::Timestamp;
use kube::{Resource, ResourceExt, core::DeserializeGuard};
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{MetricType, counter::ConstCounter},
};

use super::{Leadership, Metrics, ObjectKind, encode_gauges};
use crate::{
    api::{MigrationNetwork, MigrationNetworkClass},
    controller::store::Key,
    model::slot::Slot,
};

type Cached<K> = Box<dyn Fn() -> Vec<Arc<DeserializeGuard<K>>> + Send + Sync>;

/// What the reconciles of this process record for each network. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct PerNetwork(Arc<Mutex<BTreeMap<Key, Record>>>);

#[derive(Clone, Debug, Default)]
struct Record {
    /// The time of the last complete observation.
    observed: Option<Timestamp>,
    /// The number of repairs of drift in each slot.
    repairs: BTreeMap<Slot, u64>,
}

impl PerNetwork {
    /// Records a complete observation.
    pub(crate) fn observed(&self, key: &Key, now: Timestamp) {
        self.change(key, |record| record.observed = Some(now));
    }

    /// Records that drift in these slots was repaired.
    pub(crate) fn repaired(&self, key: &Key, slots: &BTreeSet<Slot>) {
        self.change(key, |record| slots.iter().for_each(|slot| *record.repairs.entry(*slot).or_default() += 1));
    }

    fn change(&self, key: &Key, change: impl FnOnce(&mut Record)) {
        change(self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(key.clone()).or_default());
    }

    /// Returns the records of the networks that exist, and drops the others.
    fn of(&self, existing: &BTreeSet<Key>) -> BTreeMap<Key, Record> {
        let mut records = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        records.retain(|key, _| existing.contains(key));
        records.clone()
    }
}

/// Reports the networks and classes in the caches of a leader.
pub(crate) struct Networks {
    leadership: Leadership,
    per_network: PerNetwork,
    cached: Cached<MigrationNetwork>,
    cached_classes: Cached<MigrationNetworkClass>,
}

impl fmt::Debug for Networks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Networks").finish_non_exhaustive()
    }
}

impl Networks {
    pub(crate) fn new(
        metrics: &Metrics,
        networks: impl Fn() -> Vec<Arc<DeserializeGuard<MigrationNetwork>>> + Send + Sync + 'static,
        classes: impl Fn() -> Vec<Arc<DeserializeGuard<MigrationNetworkClass>>> + Send + Sync + 'static,
    ) -> Self {
        let Metrics { leadership, per_network, .. } = metrics.clone();
        Self { leadership, per_network, cached: Box::new(networks), cached_classes: Box::new(classes) }
    }
}

impl Collector for Networks {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        if !self.leadership.leads() {
            return Ok(());
        }
        let (networks, classes) = ((self.cached)(), (self.cached_classes)());
        let unreadable = [
            (ObjectKind::Network, networks.iter().filter(|network| network.0.is_err()).count()),
            (ObjectKind::Class, classes.iter().filter(|class| class.0.is_err()).count()),
        ];
        encode_gauges(
            &mut encoder,
            "mgnet_unreadable_objects",
            "Number of stored objects that this version of the operator cannot read, and therefore does not reconcile.",
            unreadable.map(|(kind, count)| ([("kind", kind.as_str())], count)),
        )?;
        let readable: Vec<(Key, &MigrationNetwork)> = networks
            .iter()
            .filter_map(|network| network.0.as_ref().ok())
            .map(|network| (Key::of(network.meta()), network))
            .collect();
        count_by_class(&mut encoder, &readable, &classes)?;
        conditions(&mut encoder, &readable)?;
        // The networks that cannot be read exist, too.
        let existing = networks.iter().map(|network| Key::of(network.meta()));
        records(&mut encoder, &self.per_network.of(&existing.collect()))
    }
}

fn count_by_class(
    encoder: &mut DescriptorEncoder<'_>,
    networks: &[(Key, &MigrationNetwork)],
    classes: &[Arc<DeserializeGuard<MigrationNetworkClass>>],
) -> fmt::Result {
    let mut counts: BTreeMap<String, usize> = classes.iter().map(|class| (class.name_any(), 0)).collect();
    for (_, network) in networks {
        // Tenants choose the name in the spec, the operator records that of a class that exists.
        if let Some(class) = network.status.as_ref().and_then(|status| status.class_name.as_ref()) {
            *counts.entry(class.clone()).or_default() += 1;
        }
    }
    encode_gauges(
        encoder,
        "mgnet_networks",
        "Number of networks of each class.",
        counts.into_iter().map(|(class, count)| ([("class", class)], count)),
    )
}

fn conditions(encoder: &mut DescriptorEncoder<'_>, networks: &[(Key, &MigrationNetwork)]) -> fmt::Result {
    let conditions = || {
        networks.iter().flat_map(|(key, network)| {
            network.status.iter().flat_map(|status| &status.conditions).map(move |condition| (key, condition))
        })
    };
    encode_gauges(
        encoder,
        "mgnet_network_condition",
        "1 for the present status and reason of each condition of a network.",
        conditions().map(|(key, condition)| {
            let [namespace, name] = of(key);
            let labels = [
                namespace,
                name,
                ("type", condition.type_.as_str()),
                ("status", condition.status.as_str()),
                ("reason", condition.reason.as_str()),
            ];
            (labels, 1_i64)
        }),
    )?;
    encode_gauges(
        encoder,
        "mgnet_network_condition_transition_timestamp_seconds",
        "Time of the last change of a condition's status, in seconds since 1970.",
        conditions().map(|(key, condition)| {
            let [namespace, name] = of(key);
            ([namespace, name, ("type", condition.type_.as_str())], condition.last_transition_time.0.as_second())
        }),
    )?;
    encode_gauges(
        encoder,
        "mgnet_network_deletion_timestamp_seconds",
        "Time at which the deletion of a network was requested, in seconds since 1970, while it lasts.",
        networks
            .iter()
            .filter_map(|(key, network)| Some((of(key), network.metadata.deletion_timestamp.as_ref()?.0.as_second()))),
    )
}

fn records(encoder: &mut DescriptorEncoder<'_>, records: &BTreeMap<Key, Record>) -> fmt::Result {
    encode_gauges(
        encoder,
        "mgnet_network_last_observation_timestamp_seconds",
        "Time of the last complete observation of a network in AWS, in seconds since 1970. Missing until this process has \
         made one.",
        records.iter().filter_map(|(key, record)| Some((of(key), record.observed?.as_second()))),
    )?;
    let mut metric = encoder.encode_descriptor(
        "mgnet_network_drift_repairs",
        "Number of reconciles that repaired a slot of a network, although neither the network nor its class had changed.",
        None,
        MetricType::Counter,
    )?;
    for (key, record) in records {
        let [namespace, name] = of(key);
        for (slot, count) in &record.repairs {
            let slot = slot.to_string();
            let labels = [namespace, name, ("slot", slot.as_str())];
            ConstCounter::new(*count).encode(metric.encode_family(&labels)?)?;
        }
    }
    Ok(())
}

fn of(key: &Key) -> [(&'static str, &str); 2] {
    [("namespace", &key.namespace), ("name", &key.name)]
}
