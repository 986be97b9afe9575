//! The metadata service of an EC2 instance (IMDSv2), which gives every process on a node the credentials of the node's role.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::Result;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A running service. It belongs to the runtime in which it was started, and stops when this value is dropped.
pub struct InstanceMetadata {
    address: SocketAddr,
    requests: Arc<AtomicUsize>,
    server: JoinHandle<()>,
}

impl InstanceMetadata {
    /// Starts a service whose role has the keys of an account in the emulator.
    pub async fn start(account: &str) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let requests = Arc::<AtomicUsize>::default();
        let (counted, account) = (requests.clone(), account.to_owned());
        let server = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(serve(client, account.clone(), counted.clone()));
            }
        });
        Ok(Self { address, requests, server })
    }

    /// Returns the address for `AWS_EC2_METADATA_SERVICE_ENDPOINT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns the number of requests so far.
    pub fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

impl Drop for InstanceMetadata {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// Serves one connection. Source of the paths and answers: EC2 User Guide, "Retrieve security credentials from instance
/// metadata".
async fn serve(client: TcpStream, account: String, requests: Arc<AtomicUsize>) -> Result<()> {
    let mut client = BufReader::new(client);
    loop {
        let mut request = String::new();
        if client.read_line(&mut request).await? == 0 {
            return Ok(());
        }
        let mut header = String::from("?");
        while !header.trim().is_empty() {
            header.clear();
            client.read_line(&mut header).await?;
        }
        requests.fetch_add(1, Ordering::SeqCst);
        let path = request.split(' ').nth(1).unwrap_or_default().to_owned();
        let body = match path.as_str() {
            "/latest/api/token" => "token".to_owned(),
            "/latest/meta-data/iam/security-credentials/" => "node".to_owned(),
            _ => format!(
                r#"{{"Code":"Success","LastUpdated":"2026-01-01T00:00:00Z","Type":"AWS-HMAC","AccessKeyId":"{account}",
                "SecretAccessKey":"secret","Token":"token","Expiration":"2099-01-01T00:00:00Z"}}"#
            ),
        };
        let answer = format!(
            "HTTP/1.1 200 OK\r\nx-aws-ec2-metadata-token-ttl-seconds: 21600\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        client.write_all(answer.as_bytes()).await?;
    }
}
