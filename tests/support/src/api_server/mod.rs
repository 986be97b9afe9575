//! The Kubernetes API in the same process: enough of an API server for the operator's own clients and watches, and for those of a
//! test, on virtual time.
//!
//! It keeps objects, and the rules of `metadata` that the operator lives by: resource versions and their conflicts, generations,
//! finalizers, deletion, namespaces that end, status as a subresource, server-side apply, merge and JSON patches, watches.
//! Of the CRDs' schemas it applies defaults, prunes what they do not know, and merges lists as they say.
//!
//! It admits everybody to everything and everything to itself: there is no RBAC, and no validation, so neither CEL. What those
//! refuse is tested on a real API server.

mod apply;
mod kinds;
mod objects;
mod refusal;
mod request;
mod respond;
mod schema;
mod selector;
mod watch;
mod write;

use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kube::Client;
use kube::client::Body;

use self::objects::Objects;

/// An API server. Clones are the same one.
#[derive(Clone, Debug)]
pub struct ApiServer {
    objects: Arc<Mutex<Objects>>,
    /// The last resource version, for watches.
    revisions: tokio::sync::watch::Sender<u64>,
}

impl ApiServer {
    /// A cluster with the namespaces that every cluster has, and those given.
    pub fn new(namespaces: &[&str]) -> Self {
        let server =
            Self { objects: Arc::new(Mutex::new(Objects::new())), revisions: tokio::sync::watch::Sender::new(0) };
        for name in ["default", "kube-system"].iter().chain(namespaces) {
            server.objects().make_namespace(name);
        }
        server
    }

    /// A client of this server, as an administrator. It belongs to the runtime that it is made in.
    pub fn client(&self) -> Client {
        let server = self.clone();
        let answer = move |request: http::Request<Body>| {
            let server = server.clone();
            async move { Ok::<_, Infallible>(server.answer(request).await) }
        };
        Client::new(tower::service_fn(answer), "default")
    }

    fn objects(&self) -> MutexGuard<'_, Objects> {
        // A panic of the operator may be what a test is about.
        self.objects.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
