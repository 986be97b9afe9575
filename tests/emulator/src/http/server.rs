//! The server, which listens on the loopback interface and stops when it is dropped.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use axum::Router;
use tokio::{net::TcpListener, task::JoinHandle};

use super::{
    aws,
    clock::Clock,
    connection::{Connection, CuttableListener},
    control,
    faults::Fault,
    journal::Entry,
    shared::Shared,
};
use crate::world::{World, options::Options};

/// The options of a server.
#[derive(Clone, Debug)]
pub struct ServerOptions {
    /// The address to listen on; port 0 chooses a free port.
    pub listen: SocketAddr,
    /// The source of world time.
    pub clock: Clock,
    /// The options of the world.
    pub world: Options,
}

impl Default for ServerOptions {
    /// Returns a free port of the loopback interface, manual time, and the delays and throttling of AWS.
    fn default() -> Self {
        Self { listen: SocketAddr::from(([127, 0, 0, 1], 0)), clock: Clock::Manual, world: Options::default() }
    }
}

/// A running server.
pub struct Server {
    url: String,
    shared: Arc<Shared>,
    task: JoinHandle<io::Result<()>>,
}

impl Server {
    /// Starts a server on the caller's runtime.
    pub async fn start(options: ServerOptions) -> io::Result<Self> {
        let listener = TcpListener::bind(options.listen).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let shared = Arc::new(Shared::new(options.clock, options.world));
        let routes = routes(&shared).into_make_service_with_connect_info::<Connection>();
        let task = tokio::spawn(async move { axum::serve(CuttableListener(listener), routes).await });
        Ok(Self { url, shared, task })
    }

    /// Returns the URL of the server, for example `http://127.0.0.1:40123`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Reads or changes the world at the present moment.
    pub fn with_world<T>(&self, look: impl FnOnce(&mut World) -> T) -> T {
        self.shared.with_world(look)
    }

    /// Advances world time.
    pub fn advance(&self, by: Duration) {
        self.shared.advance(by);
    }

    /// Injects a fault.
    pub fn order(&self, fault: Fault) -> u64 {
        self.shared.order(fault)
    }

    /// Sends all answers that [`FaultKind::Hold`](super::FaultKind::Hold) holds back.
    pub fn release(&self) {
        self.shared.release();
    }

    /// Returns the calls of an account, or of all accounts, after a call number.
    pub fn calls(&self, account: Option<&str>, after: u64) -> Vec<Entry> {
        self.shared.calls(account, after)
    }

    /// Waits until the server fails. It does not stop by itself.
    pub async fn wait(&mut self) -> io::Result<()> {
        (&mut self.task).await.map_err(io::Error::other)?
    }
}

/// Routes requests to the AWS protocols and to the control interface.
pub(super) fn routes(shared: &Arc<Shared>) -> Router {
    Router::new().nest("/_world", control::routes()).fallback(aws::answer).with_state(Arc::clone(shared))
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}
