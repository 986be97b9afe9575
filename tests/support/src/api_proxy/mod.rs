//! A proxy in front of the Kubernetes API, which only the operator uses. It causes the faults of networks, load
//! balancers, caches and busy API servers: it refuses, cuts or loses calls, or answers them with garbage; watches are
//! silent, lose events, or deliver them in another order; lists return past states.
//!
//! It speaks plain HTTP to the operator, and sends the operator's own token to the API server, so that RBAC applies as
//! usual. Calls without a fault are forwarded unchanged. Lists of past states are genuine: the API server itself
//! answers them, as of an exact `resourceVersion`.

mod answer;
mod call;
mod fault;
mod watches;

use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Result};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use k8s_openapi::api::core::v1::Namespace;
use kube::api::ListParams;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

pub use call::{ApiCall, CallSite, Verb};
pub use fault::{ApiFault, Order};
pub use watches::Conduct;

use crate::lab::Lab;
use fault::Orders;

/// A running proxy. It belongs to the runtime in which it was started, and stops when this value is dropped.
pub struct ApiProxy {
    shared: Arc<Shared>,
    /// An administrator's client, to read the current `resourceVersion`.
    kube: Client,
    kubeconfig: PathBuf,
    server: JoinHandle<()>,
}

/// The state that all connections of a proxy share.
struct Shared {
    upstream: Client,
    settings: Mutex<Settings>,
    conduct: watch::Sender<Conduct>,
    /// A counter. Each increment ends all open watches.
    resets: watch::Sender<u64>,
}

/// The settings of a proxy, and the calls that it has received.
#[derive(Default)]
struct Settings {
    calls: Vec<ApiCall>,
    orders: Orders,
    /// The `resourceVersion` as of which lists are answered; `None` for the current one.
    lists_as_of: Option<u64>,
    /// The `resourceVersion` up to which no watch can continue.
    compacted: Option<u64>,
    /// The largest number of objects in a page of a list; `None` for the requested number.
    page: Option<u32>,
}

impl ApiProxy {
    /// Starts a proxy in front of the lab's API server.
    pub async fn start(lab: &Lab) -> Result<Self> {
        let mut upstream = Kubeconfig::read_from(lab.operator().kubeconfig())?;
        let mut through = upstream.clone();
        // Each call carries its own token.
        upstream.auth_infos.iter_mut().filter_map(|user| user.auth_info.as_mut()).for_each(|user| user.token = None);
        let mut config = Config::from_custom_kubeconfig(upstream, &KubeConfigOptions::default()).await?;
        config.default_retry = false;
        let shared = Arc::new(Shared {
            upstream: Client::try_from(config)?,
            settings: Mutex::default(),
            conduct: watch::Sender::new(Conduct::Flow),
            resets: watch::Sender::new(0),
        });
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let kubeconfig = lab.folder().join(format!("through-{}.kubeconfig", address.port()));
        for cluster in through.clusters.iter_mut().filter_map(|cluster| cluster.cluster.as_mut()) {
            cluster.server = Some(format!("http://{address}"));
            cluster.certificate_authority_data = None;
        }
        fs::write(&kubeconfig, serde_json::to_string(&through)?)?;
        let server = tokio::spawn(serve(listener, shared.clone()));
        Ok(Self { shared, kube: lab.kube().await?, kubeconfig, server })
    }

    /// Returns the path of the operator's kubeconfig for this proxy.
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// Returns the calls so far, oldest first.
    pub fn calls(&self) -> Vec<ApiCall> {
        self.shared.settings().calls.clone()
    }

    /// Orders a fault.
    pub fn order(&self, order: Order) {
        self.shared.settings().orders.add(order);
    }

    /// Returns the orders that are still pending.
    pub fn pending(&self) -> Vec<Order> {
        self.shared.settings().orders.pending()
    }

    /// Cancels the orders that are still pending, and returns them.
    pub fn take_back(&self) -> Vec<Order> {
        self.shared.settings().orders.take()
    }

    /// Sets how watches are forwarded from now on, including open ones.
    pub fn conduct(&self, conduct: Conduct) {
        self.shared.conduct.send_replace(conduct);
    }

    /// Cuts all open watches.
    pub fn reset_watches(&self) {
        self.shared.resets.send_modify(|resets| *resets += 1);
    }

    /// Returns the current `resourceVersion` of the cluster.
    pub async fn now(&self) -> Result<u64> {
        let namespaces = Api::<Namespace>::all(self.kube.clone()).list(&ListParams::default().limit(1)).await?;
        let now = namespaces.metadata.resource_version.context("a list without resourceVersion")?;
        now.parse().with_context(|| format!("resourceVersion '{now}' is not a number"))
    }

    /// Answers every list as of that `resourceVersion`; with `None`, as of the current one. The API server keeps the
    /// history of five minutes.
    pub fn lists_as_of(&self, version: Option<u64>) {
        self.shared.settings().lists_as_of = version;
    }

    /// Refuses every watch that would continue from that `resourceVersion` or an older one, as after a compaction; with
    /// `None`, no watch is refused any more.
    pub fn forget_up_to(&self, version: Option<u64>) {
        self.shared.settings().compacted = version;
    }

    /// Makes all watches of a resource list again. `watches` is their number.
    pub fn expire(&self, resource: &str, watches: usize) {
        for _ in 0..watches {
            let site = CallSite::new(Verb::Watch, resource);
            self.order(Order { site, about: Vec::new(), nth: 1, fault: ApiFault::Expire });
        }
    }

    /// Sets the largest number of objects in a page of the lists with which watches begin; `None` for the requested
    /// number.
    pub fn page(&self, page: Option<u32>) {
        self.shared.settings().page = page;
    }
}

impl Drop for ApiProxy {
    fn drop(&mut self) {
        self.server.abort();
        // Connections end with the runtime, but watches end at once.
        self.reset_watches();
    }
}

impl Shared {
    fn settings(&self) -> MutexGuard<'_, Settings> {
        self.settings.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}

async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        // Answers arrive even if the option cannot be set.
        let _ = stream.set_nodelay(true);
        let shared = shared.clone();
        tokio::spawn(async move {
            let answer = service_fn(|request| answer::answer(&shared, request));
            // The connection ends with an error whenever a fault closes it.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), answer).await;
        });
    }
}
