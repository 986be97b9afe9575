//! A gate in front of a server: shut, it refuses connections and ends those that there are, as when the server is gone; open
//! again, everything is as it was. For what cannot be restarted without losing what it knows.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use anyhow::{Context, Result};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::Mutex;
use tokio::task::{JoinHandle, JoinSet};

/// A gate that is open. It belongs to the runtime that it was made in.
#[derive(Debug)]
pub struct Gate {
    address: SocketAddr,
    server: SocketAddr,
    passage: Mutex<Option<JoinHandle<()>>>,
}

impl Gate {
    /// Opens one in front of the server at that `http://ADDRESS:PORT`.
    pub async fn before(url: &str) -> Result<Self> {
        let server = url.trim_start_matches("http://").trim_end_matches('/');
        let server = server.parse().with_context(|| format!("'{url}' is no http://ADDRESS:PORT"))?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let gate = Self { address: listener.local_addr()?, server, passage: Mutex::default() };
        gate.let_through(listener).await;
        Ok(gate)
    }

    /// Its address, as `http://ADDRESS:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Shuts it.
    pub async fn shut(&self) {
        if let Some(passage) = self.passage.lock().await.take() {
            passage.abort();
            // Its connections end with it; it cannot have ended otherwise.
            let _ = passage.await;
        }
    }

    /// Opens it again, at the same address.
    pub async fn open(&self) -> io::Result<()> {
        let socket = TcpSocket::new_v4()?;
        // Connections that have just ended still count as there.
        socket.set_reuseaddr(true)?;
        socket.bind(self.address)?;
        self.let_through(socket.listen(1024)?).await;
        Ok(())
    }

    async fn let_through(&self, listener: TcpListener) {
        let server = self.server;
        let passage = tokio::spawn(async move {
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
        *self.passage.lock().await = Some(passage);
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        if let Some(passage) = self.passage.get_mut().take() {
            passage.abort();
        }
    }
}
