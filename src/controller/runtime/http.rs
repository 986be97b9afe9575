//! What the pod serves: `/healthz` while the process does, `/readyz` once both kinds were listed, and `/metrics`.

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

/// Whether the operator has seen what there is.
#[derive(Clone, Debug, Default)]
pub struct Readiness(Arc<AtomicBool>);

impl Readiness {
    /// It has.
    pub fn set(&self) {
        self.0.store(true, Ordering::Release);
    }
}

/// What the controller reports to the outside.
#[derive(Clone, Debug, Default)]
pub struct Reports {
    /// Whether both kinds were listed.
    pub readiness: Readiness,
    /// Metrics.
    pub metrics: Metrics,
}

/// Serves probes and metrics until told to stop.
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
                    (StatusCode::SERVICE_UNAVAILABLE, "networks and classes were not listed yet")
                }
            }),
        )
        .with_state(readiness)
        .route("/metrics", get(async move || ([(header::CONTENT_TYPE, MEDIA_TYPE)], metrics.text())));
    axum::serve(listener, app).with_graceful_shutdown(stop.cancelled_owned()).await
}
