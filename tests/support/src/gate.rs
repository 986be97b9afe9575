//! A gate in front of a server. A shut gate refuses connections and closes existing ones, as if the server were gone;
//! an open gate forwards them. It simulates outages of servers that would lose their state in a restart.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use anyhow::{Context, Result};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::Mutex;
use tokio::task::{JoinHandle, JoinSet};

/// A gate, initially open. It belongs to the runtime in which it was created.
#[derive(Debug)]
pub struct Gate {
    address: SocketAddr,
    server: SocketAddr,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl Gate {
    /// Opens a gate in front of the server at `http://ADDRESS:PORT`.
    pub async fn before(url: &str) -> Result<Self> {
        let server = url.trim_start_matches("http://").trim_end_matches('/');
        let server = server.parse().with_context(|| format!("'{url}' is not an http://ADDRESS:PORT"))?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let gate = Self { address: listener.local_addr()?, server, task: Mutex::default() };
        gate.forward(listener).await;
        Ok(gate)
    }

    /// Returns the address of the gate, as `http://ADDRESS:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Shuts the gate.
    pub async fn shut(&self) {
        if let Some(task) = self.task.lock().await.take() {
            task.abort();
            // The connections end with the task. The result can only be the cancellation.
            let _ = task.await;
        }
    }

    /// Opens the gate again, at the same address.
    pub async fn open(&self) -> io::Result<()> {
        let socket = TcpSocket::new_v4()?;
        // Connections that have just been closed still occupy the address.
        socket.set_reuseaddr(true)?;
        socket.bind(self.address)?;
        self.forward(socket.listen(1024)?).await;
        Ok(())
    }

    async fn forward(&self, listener: TcpListener) {
        let server = self.server;
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                if let Ok((mut client, _)) = listener.accept().await {
                    connections.spawn(async move {
                        let mut server = TcpStream::connect(server).await?;
                        client.set_nodelay(true)?;
                        server.set_nodelay(true)?;
                        copy_bidirectional(&mut client, &mut server).await
                    });
                }
                while connections.try_join_next().is_some() {}
            }
        });
        *self.task.lock().await = Some(task);
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        if let Some(task) = self.task.get_mut().take() {
            task.abort();
        }
    }
}
