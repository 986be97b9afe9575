//! An API server in the same process, on virtual time. It implements what the clients and watches of the operator and
//! of tests use.
//!
//! It stores objects, and applies the rules of `metadata` on which the operator depends: resource versions and their
//! conflicts, generations, finalizers, deletion, terminating namespaces, status as a subresource, server-side apply,
//! merge and JSON patches, watches. From the CRDs' schemas it applies defaults, pruning and the merge rules of lists.
//!
//! It allows every request: it has no RBAC and no validation, and therefore no CEL. Tests of refusals by these run on a
//! real API server.

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

/// An API server. Clones share one server.
#[derive(Clone, Debug)]
pub struct ApiServer {
    objects: Arc<Mutex<Objects>>,
    /// The last resource version, for watches.
    revisions: tokio::sync::watch::Sender<u64>,
}

impl ApiServer {
    /// Creates a cluster with the namespaces of every cluster and the given ones.
    pub fn new(namespaces: &[&str]) -> Self {
        Self::of_cluster(0, namespaces)
    }

    /// Creates one of several clusters, whose objects have other UIDs than those of the others.
    pub(crate) fn of_cluster(number: u16, namespaces: &[&str]) -> Self {
        let objects = Arc::new(Mutex::new(Objects::new(number)));
        let server = Self { objects, revisions: tokio::sync::watch::Sender::new(0) };
        for name in ["default", "kube-system"].iter().chain(namespaces) {
            server.objects().make_namespace(name);
        }
        server
    }

    /// Returns a client of this server with the rights of an administrator. It belongs to the runtime in which it was
    /// created.
    pub fn client(&self) -> Client {
        let server = self.clone();
        let answer = move |request: http::Request<Body>| {
            let server = server.clone();
            async move { Ok::<_, Infallible>(server.answer(request).await) }
        };
        Client::new(tower::service_fn(answer), "default")
    }

    fn objects(&self) -> MutexGuard<'_, Objects> {
        // A test may be about a panic of the operator.
        self.objects.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
