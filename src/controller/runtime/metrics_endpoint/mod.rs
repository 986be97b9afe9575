//! The HTTP endpoint of the metrics: in clear text or by TLS, for everyone or for authorized readers.

mod readers;
mod tls;

use std::sync::Arc;

use axum::{
    Router,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Response},
    routing::get,
};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use self::{readers::Access, tls::TlsListener};
pub use self::{
    readers::Readers,
    tls::{Certificate, CertificateError},
};
use super::metrics::{MEDIA_TYPE, Metrics};

/// Who reads the metrics, and how.
#[derive(Debug, Default)]
pub struct MetricsAccess {
    /// The certificate of the server. Without it, the metrics are served in clear text.
    pub certificate: Option<Arc<Certificate>>,
    /// Decides who may read. Without it, everyone may.
    pub readers: Option<Readers>,
}

/// Serves `/metrics` until `stop` is canceled.
///
/// # Errors
/// If the listener fails.
pub async fn serve_metrics(
    listener: TcpListener,
    metrics: Metrics,
    access: MetricsAccess,
    stop: CancellationToken,
) -> std::io::Result<()> {
    let MetricsAccess { certificate, readers } = access;
    let readers = readers.map(Arc::new);
    let answer = get(move |headers: HeaderMap| answer(headers, metrics.clone(), readers.clone()));
    let app = Router::new().route("/metrics", answer);
    match certificate {
        Some(certificate) => {
            let listener = TlsListener::new(listener, &certificate, &stop)?;
            axum::serve(listener, app).with_graceful_shutdown(stop.cancelled_owned()).await
        }
        None => axum::serve(listener, app).with_graceful_shutdown(stop.cancelled_owned()).await,
    }
}

async fn answer(headers: HeaderMap, metrics: Metrics, readers: Option<Arc<Readers>>) -> Response {
    let access = match readers {
        Some(readers) => readers.access(&headers).await,
        None => Access::Allowed,
    };
    match access {
        Access::Allowed => ([(header::CONTENT_TYPE, MEDIA_TYPE)], metrics.text()).into_response(),
        Access::Unauthenticated => {
            let scheme = [(header::WWW_AUTHENTICATE, "Bearer")];
            (StatusCode::UNAUTHORIZED, scheme, "send a valid token of a ServiceAccount\n").into_response()
        }
        Access::Forbidden(user) => {
            let words = format!("user '{user}' must have the right to get the non-resource URL '/metrics'\n");
            (StatusCode::FORBIDDEN, words).into_response()
        }
        Access::Unknown => {
            (StatusCode::SERVICE_UNAVAILABLE, "the Kubernetes API did not review the token\n").into_response()
        }
    }
}
