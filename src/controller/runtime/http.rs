//! The HTTP endpoints of the pod: `/healthz` while the process runs, `/readyz` after both kinds were listed, and
//! `/metrics`.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header},
    routing::get,
};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::controller::runtime::metrics::{MEDIA_TYPE, Metrics};

/// Whether the operator has listed all networks and classes.
#[derive(Clone, Debug, Default)]
pub struct Readiness(Arc<AtomicBool>);

impl Readiness {
    /// Records that both kinds were listed.
    pub fn set(&self) {
        self.0.store(true, Ordering::Release);
    }
}

/// The state that the controller reports through its HTTP endpoints.
#[derive(Clone, Debug, Default)]
pub struct Reports {
    /// Whether both kinds were listed.
    pub readiness: Readiness,
    /// The metrics.
    pub metrics: Metrics,
}

/// Serves probes and metrics until `stop` is canceled.
///
/// # Errors
/// If the listener fails.
pub async fn serve(
    listener: TcpListener,
    Reports { readiness, metrics }: Reports,
    stop: CancellationToken,
) -> std::io::Result<()> {
    let app = Router::new()
        .route("/healthz", get(async || "ok"))
        .route(
            "/readyz",
            get(async |State(readiness): State<Readiness>| {
                if readiness.0.load(Ordering::Acquire) {
                    (StatusCode::OK, "ok")
                } else {
                    (StatusCode::SERVICE_UNAVAILABLE, "the first list of networks and classes is not complete yet")
                }
            }),
        )
        .with_state(readiness)
        .route("/metrics", get(async move || ([(header::CONTENT_TYPE, MEDIA_TYPE)], metrics.text())));
    axum::serve(listener, app).with_graceful_shutdown(stop.cancelled_owned()).await
}
