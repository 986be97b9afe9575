//! A proxy in front of the Kubernetes API, through which only the operator goes, and which does to it what networks, load
//! balancers, caches and busy API servers do: calls are refused, cut, lost or answered with nonsense; watches are silent,
//! forget, or tell things in another order; lists come from the past.
//!
//! It speaks plain HTTP to the operator, and to the API server with the operator's own token, so that RBAC decides as ever.
//! What it does not spoil it passes on as it is. Lists from the past are not made up: the API server itself answers them, as of
//! an exact `resourceVersion`.

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

/// A running proxy. It belongs to the runtime that it was started in, and ends when this value goes.
pub struct ApiProxy {
    shared: Arc<Shared>,
    /// For looking at what time it is: an administrator's.
    kube: Client,
    kubeconfig: PathBuf,
    server: JoinHandle<()>,
}

/// What all connections of a proxy share.
struct Shared {
    upstream: Client,
    told: Mutex<Told>,
    conduct: watch::Sender<Conduct>,
    /// Counted up to end all watches that are open.
    resets: watch::Sender<u64>,
}

/// What was told to a proxy, and what went through it.
#[derive(Default)]
struct Told {
    calls: Vec<ApiCall>,
    orders: Orders,
    /// The `resourceVersion` as of which lists are answered; none for the present.
    lists_as_of: Option<u64>,
    /// The `resourceVersion` up to which no watch can go on.
    forgotten: Option<u64>,
    /// The most objects in a page of a list; none for as many as were asked for.
    page: Option<u32>,
}

impl ApiProxy {
    /// Starts one in front of the lab's API server.
    pub async fn start(lab: &Lab) -> Result<Self> {
        let mut upstream = Kubeconfig::read_from(lab.operator().kubeconfig())?;
        let mut through = upstream.clone();
        // Whoever calls brings a token.
        upstream.auth_infos.iter_mut().filter_map(|user| user.auth_info.as_mut()).for_each(|user| user.token = None);
        let mut config = Config::from_custom_kubeconfig(upstream, &KubeConfigOptions::default()).await?;
        config.default_retry = false;
        let shared = Arc::new(Shared {
            upstream: Client::try_from(config)?,
            told: Mutex::default(),
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

    /// The operator's kubeconfig, which leads through this proxy.
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// The calls so far, oldest first.
    pub fn calls(&self) -> Vec<ApiCall> {
        self.shared.told().calls.clone()
    }

    /// Orders a fault.
    pub fn order(&self, order: Order) {
        self.shared.told().orders.add(order);
    }

    /// The faults that did not strike yet.
    pub fn pending(&self) -> Vec<Order> {
        self.shared.told().orders.pending()
    }

    /// Takes back the faults that did not strike yet, and gives them.
    pub fn take_back(&self) -> Vec<Order> {
        self.shared.told().orders.take()
    }

    /// How watches are passed on from now on, those that are open included.
    pub fn conduct(&self, conduct: Conduct) {
        self.shared.conduct.send_replace(conduct);
    }

    /// Cuts all watches that are open.
    pub fn reset_watches(&self) {
        self.shared.resets.send_modify(|resets| *resets += 1);
    }

    /// The `resourceVersion` of the cluster now.
    pub async fn now(&self) -> Result<u64> {
        let namespaces = Api::<Namespace>::all(self.kube.clone()).list(&ListParams::default().limit(1)).await?;
        let now = namespaces.metadata.resource_version.context("a list without resourceVersion")?;
        now.parse().with_context(|| format!("resourceVersion '{now}' is no number"))
    }

    /// Answers every list as it would have been answered at that `resourceVersion`; with none, as things are. The API server
    /// remembers five minutes.
    pub fn lists_as_of(&self, version: Option<u64>) {
        self.shared.told().lists_as_of = version;
    }

    /// Refuses, from now on, every watch that would go on from that `resourceVersion` or an older one, as after a compaction;
    /// with none, no more.
    pub fn forget_up_to(&self, version: Option<u64>) {
        self.shared.told().forgotten = version;
    }

    /// Has all watches of a kind list anew. `watches` is how many of them there are.
    pub fn expire(&self, resource: &str, watches: usize) {
        for _ in 0..watches {
            let site = CallSite::new(Verb::Watch, resource);
            self.order(Order { site, about: Vec::new(), nth: 1, fault: ApiFault::Expire });
        }
    }

    /// The most objects in a page of a list that watches begin with; none for as many as were asked for.
    pub fn page(&self, page: Option<u32>) {
        self.shared.told().page = page;
    }
}

impl Drop for ApiProxy {
    fn drop(&mut self) {
        self.server.abort();
        // Connections end with the runtime; watches at once.
        self.reset_watches();
    }
}

impl Shared {
    fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
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
        // Whether it can be set or not, answers arrive.
        let _ = stream.set_nodelay(true);
        let shared = shared.clone();
        tokio::spawn(async move {
            let answer = service_fn(|request| answer::answer(&shared, request));
            // Ends with an error whenever a fault closes the connection.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), answer).await;
        });
    }
}
