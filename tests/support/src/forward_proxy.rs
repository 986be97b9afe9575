//! A forward proxy, such as companies have between their networks and the internet. It tunnels connections (`CONNECT`), and
//! remembers to which servers.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A running proxy. It belongs to the runtime in which it was started, and stops when this value is dropped.
pub struct ForwardProxy {
    address: SocketAddr,
    tunnels: Arc<Mutex<BTreeSet<String>>>,
    server: JoinHandle<()>,
}

impl ForwardProxy {
    /// Starts a proxy.
    pub async fn start() -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let tunnels = Arc::<Mutex<BTreeSet<String>>>::default();
        let seen = tunnels.clone();
        let server = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(tunnel(client, seen.clone()));
            }
        });
        Ok(Self { address, tunnels, server })
    }

    /// Returns `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns the servers, as `HOST:PORT`, to which it has opened tunnels since the last call.
    pub fn take_tunnels(&self) -> BTreeSet<String> {
        std::mem::take(&mut self.tunnels.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for ForwardProxy {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// Serves one connection. Source of the protocol: RFC 9110, section 9.3.6.
async fn tunnel(client: TcpStream, seen: Arc<Mutex<BTreeSet<String>>>) -> Result<()> {
    let mut client = BufReader::new(client);
    let mut request = String::new();
    client.read_line(&mut request).await?;
    let mut header = String::from("?");
    while !header.trim().is_empty() {
        header.clear();
        client.read_line(&mut header).await?;
    }
    let Some(target) = request.strip_prefix("CONNECT ").and_then(|rest| rest.split_once(' ')).map(|(target, _)| target)
    else {
        client.write_all(b"HTTP/1.1 405 Method Not Allowed\r\nContent-Length: 0\r\n\r\n").await?;
        return Ok(());
    };
    seen.lock().unwrap_or_else(PoisonError::into_inner).insert(target.to_owned());
    let mut server = TcpStream::connect(target).await?;
    client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await?;
    copy_bidirectional(&mut client, &mut server).await?;
    Ok(())
}
