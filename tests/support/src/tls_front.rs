//! A TLS server with a private certificate authority in front of the emulator, which speaks plain HTTP.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use crate::server_certificate::ServerCertificate;

/// A running server for `https://localhost:PORT`. It belongs to the runtime in which it was started, and stops when this
/// value is dropped.
pub struct TlsFront {
    address: SocketAddr,
    authority: PathBuf,
    server: JoinHandle<()>,
}

impl TlsFront {
    /// Starts a server that forwards the content of its connections to `http://HOST:PORT`. Writes the certificate of its
    /// authority to the folder.
    pub async fn start(upstream: &str, folder: &Path) -> Result<Self> {
        let upstream = upstream.strip_prefix("http://").context("the address begins with 'http://'")?.to_owned();
        let (authority_pem, config) = certified()?;
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let authority = folder.join(format!("authority-{}.pem", address.port()));
        std::fs::write(&authority, authority_pem)?;
        let server = tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                let (acceptor, upstream) = (acceptor.clone(), upstream.clone());
                tokio::spawn(async move {
                    // A client that does not trust the authority closes the connection.
                    let mut client = acceptor.accept(connection).await?;
                    let mut server = TcpStream::connect(upstream).await?;
                    copy_bidirectional(&mut client, &mut server).await
                });
            }
        });
        Ok(Self { address, authority, server })
    }

    /// Returns `https://localhost:PORT`.
    pub fn url(&self) -> String {
        format!("https://localhost:{}", self.address.port())
    }

    /// Returns `localhost:PORT`.
    pub fn authority_of_url(&self) -> String {
        format!("localhost:{}", self.address.port())
    }

    /// Returns the file with the certificate of the authority.
    pub fn certificate(&self) -> &Path {
        &self.authority
    }
}

impl Drop for TlsFront {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// Returns the certificate of a new authority in PEM format, and the configuration of a server that it certifies.
fn certified() -> Result<(String, ServerConfig)> {
    let ServerCertificate { authority, certificate, key } = ServerCertificate::for_localhost()?;
    let chain = CertificateDer::pem_slice_iter(certificate.as_bytes()).collect::<Result<_, _>>()?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, PrivateKeyDer::from_pem_slice(key.as_bytes())?)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok((authority, config))
}
