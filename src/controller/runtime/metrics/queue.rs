//! The metrics of the fair queue, read at each scrape.

use std::fmt;

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{MetricType, gauge::ConstGauge},
};

use super::Leadership;
use crate::controller::runtime::fair_queue::FairQueue;

/// Reports the queue of a leader. A standby has no permits, so that its queue grows without meaning.
#[derive(Debug)]
pub(crate) struct Queue {
    pub(super) leadership: Leadership,
    pub(super) queue: FairQueue,
}

impl Queue {
    pub(crate) fn new(metrics: &super::Metrics, queue: FairQueue) -> Self {
        Self { leadership: metrics.leadership.clone(), queue }
    }
}

impl Collector for Queue {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        if !self.leadership.leads() {
            return Ok(());
        }
        let load = self.queue.load();
        let mut gauge = |name, help, value: f64| {
            let metric = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            ConstGauge::new(value).encode(metric)
        };
        // Far fewer objects than a float can count.
        #[expect(clippy::cast_precision_loss)]
        let [waiting, running] = [load.waiting as f64, load.running as f64];
        gauge("mgnet_queue_depth", "Number of objects that wait for their reconcile.", waiting)?;
        gauge("mgnet_reconciles_running", "Number of reconciles that run.", running)?;
        gauge(
            "mgnet_queue_oldest_seconds",
            "Time for which the object has waited that waits longest, or 0 if none waits.",
            load.oldest.as_secs_f64(),
        )
    }
}
