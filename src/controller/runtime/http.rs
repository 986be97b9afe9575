//! The probes of the kubelet. The metrics have a port of their own, so that a network policy can admit Prometheus to the
//! metrics only.

use axum::{Router, http::StatusCode, routing::get};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::{metrics::Metrics, readiness::Readiness};

/// The state that the controller reports through its HTTP endpoints.
#[derive(Clone, Debug, Default)]
pub struct Reports {
    /// Whether the watches work.
    pub readiness: Readiness,
    /// The metrics.
    pub metrics: Metrics,
}

/// Serves the probes until `stop` is canceled: `/healthz` while the process runs, and `/readyz` while its watches
/// work.
///
/// # Errors
/// If the listener fails.
pub async fn serve_probes(listener: TcpListener, readiness: Readiness, stop: CancellationToken) -> std::io::Result<()> {
    let app = Router::new().route("/healthz", get(async || "ok")).route(
        "/readyz",
        get(async move || match readiness.problem() {
            None => (StatusCode::OK, "ok".to_owned()),
            Some(problem) => (StatusCode::SERVICE_UNAVAILABLE, problem),
        }),
    );
    axum::serve(listener, app).with_graceful_shutdown(stop.cancelled_owned()).await
}
