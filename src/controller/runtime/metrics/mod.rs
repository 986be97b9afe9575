//! Metrics in the text format of Prometheus (its documentation, "Exposition formats", version 0.0.4).
//! `docs/metrics.md` lists them; a test holds it against this code.
//!
//! Each file declares the metrics of one subject. Counters and histograms have no labels that name objects, except where an
//! alert needs the name. The values of networks are read from the cache of the watch at each scrape, so that nothing
//! remains of a deleted network. Only the leader knows them, and a standby does not report them.

mod leadership;
mod networks;
mod orphans;
mod queue;
mod reconciles;

use std::{
    fmt,
    sync::{Arc, PoisonError, RwLock},
};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeGaugeValue, EncodeLabelSet, EncodeMetric, prometheus_text},
    metrics::{MetricType, gauge::ConstGauge},
    registry::Registry,
};

use self::{leadership::Leadership, networks::PerNetwork};
pub(crate) use self::{
    networks::Networks,
    orphans::{OrphanGauges, Orphans},
    queue::Queue,
    reconciles::{ObjectKind, Outcome, Reconciles},
};

/// The media type of [`Metrics::text`].
pub(crate) const MEDIA_TYPE: &str = prometheus_text::CONTENT_TYPE;

/// The metrics of one process. Clones share them.
#[derive(Clone, Debug)]
pub struct Metrics {
    registry: Arc<RwLock<Registry>>,
    pub(crate) leadership: Leadership,
    pub(crate) reconciles: Reconciles,
    pub(crate) per_network: PerNetwork,
    pub(crate) orphans: Orphans,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::default();
        let orphans = Orphans::default();
        registry.register_collector(Box::new(orphans.clone()));
        Self {
            leadership: Leadership::register(&mut registry),
            reconciles: Reconciles::register(&mut registry),
            per_network: PerNetwork::default(),
            orphans,
            registry: Arc::new(RwLock::new(registry)),
        }
    }
}

impl Metrics {
    /// Adds metrics that another part of the operator keeps.
    pub fn add(&self, register: impl FnOnce(&mut Registry)) {
        register(&mut self.registry.write().unwrap_or_else(PoisonError::into_inner));
    }

    /// Adds metrics whose values are computed at each scrape.
    pub(crate) fn add_collector(&self, collector: impl Collector) {
        self.add(|registry| registry.register_collector(Box::new(collector)));
    }

    /// Returns all metrics in the text format.
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = prometheus_text::encode(&mut text, &self.registry.read().unwrap_or_else(PoisonError::into_inner));
        text
    }
}

/// Writes a gauge with a value for each set of labels.
fn encode_gauges<L: EncodeLabelSet, V: EncodeGaugeValue>(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    samples: impl IntoIterator<Item = (L, V)>,
) -> fmt::Result {
    let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
    for (labels, value) in samples {
        ConstGauge::new(value).encode(metric.encode_family(&labels)?)?;
    }
    Ok(())
}
