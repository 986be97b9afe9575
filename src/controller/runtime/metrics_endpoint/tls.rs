//! TLS for the metrics, with a certificate in files that another program renews, such as the kubelet for a mounted Secret.

use std::{
    fs, io,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use axum::serve::Listener;
use rustls::{
    ServerConfig, crypto,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, mpsc},
    time::timeout,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tokio_util::sync::CancellationToken;

/// How often the files are read again. The kubelet updates a mounted Secret within about a minute.
const READ_EVERY: Duration = Duration::from_secs(30);

/// Maximum time for a handshake.
const HANDSHAKE_WITHIN: Duration = Duration::from_secs(5);

/// Maximum number of concurrent handshakes. Further connections wait in the queue of the kernel.
const HANDSHAKES: usize = 32;

/// The reason for which files are no certificate of a server.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// A file cannot be read.
    #[error("cannot read '{}'", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The reason.
        #[source]
        source: io::Error,
    },
    /// A file has no certificate, or no private key, in PEM format.
    #[error("'{}' must contain {content} in PEM format", path.display())]
    NoPem {
        /// The file.
        path: PathBuf,
        /// The expected content.
        content: &'static str,
    },
    /// Certificate and key cannot be used together.
    #[error("the certificate and the private key cannot be used")]
    Unusable(#[from] rustls::Error),
}

/// The certificate of a server and its private key.
#[derive(Debug)]
pub struct Certificate {
    chain_file: PathBuf,
    key_file: PathBuf,
    current: RwLock<Current>,
}

#[derive(Debug)]
struct Current {
    /// The contents of the files.
    pem: [Vec<u8>; 2],
    usable: Arc<CertifiedKey>,
}

impl Certificate {
    /// Reads the files of the certificate, with its chain, and of the private key.
    ///
    /// # Errors
    /// If the files cannot be used.
    pub fn read(certificate: &Path, key: &Path) -> Result<Self, CertificateError> {
        let current = RwLock::new(Current::read(certificate, key)?);
        Ok(Self { chain_file: certificate.to_owned(), key_file: key.to_owned(), current })
    }

    /// Reads the files again. The previous certificate remains in use if they cannot be used.
    fn renew(&self) {
        match Current::read(&self.chain_file, &self.key_file) {
            Ok(new) => {
                let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
                if current.pem != new.pem {
                    *current = new;
                    tracing::info!("the certificate of the metrics was renewed");
                }
            }
            Err(error) => {
                let error = anyhow::Error::from(error);
                tracing::warn!(error = format!("{error:#}"), "cannot renew the certificate of the metrics");
            }
        }
    }
}

impl Current {
    fn read(certificate: &Path, key: &Path) -> Result<Self, CertificateError> {
        let read = |path: &Path| {
            fs::read(path).map_err(|source| CertificateError::Unreadable { path: path.to_owned(), source })
        };
        let no_pem = |path: &Path, content| CertificateError::NoPem { path: path.to_owned(), content };
        let pem = [read(certificate)?, read(key)?];
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem[0]).collect();
        let chain = chain.ok().filter(|chain| !chain.is_empty()).ok_or_else(|| no_pem(certificate, "certificates"))?;
        let private = PrivateKeyDer::from_pem_slice(&pem[1]).map_err(|_| no_pem(key, "a private key"))?;
        let usable = CertifiedKey::from_der(chain, private, &crypto::aws_lc_rs::default_provider())?;
        Ok(Self { pem, usable: Arc::new(usable) })
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _client: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner).usable))
    }
}

/// A listener whose connections have completed their handshakes, so that a slow client does not delay others.
pub(super) struct TlsListener {
    connections: mpsc::Receiver<(TlsStream<TcpStream>, SocketAddr)>,
    address: SocketAddr,
}

impl TlsListener {
    /// Accepts connections, and renews the certificate, until `stop` is canceled.
    pub(super) fn new(
        mut listener: TcpListener,
        certificate: &Arc<Certificate>,
        stop: &CancellationToken,
    ) -> io::Result<Self> {
        let mut config = ServerConfig::builder_with_provider(Arc::new(crypto::aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(certificate) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let address = listener.local_addr()?;
        let (sender, connections) = mpsc::channel(HANDSHAKES);
        let renewed = Arc::clone(certificate);
        tokio::spawn(stop.clone().run_until_cancelled_owned(async move {
            loop {
                tokio::time::sleep(READ_EVERY).await;
                renewed.renew();
            }
        }));
        tokio::spawn(stop.clone().run_until_cancelled_owned(async move {
            let handshakes = Arc::new(Semaphore::new(HANDSHAKES));
            while let Ok(permit) = Arc::clone(&handshakes).acquire_owned().await {
                let (connection, peer) = Listener::accept(&mut listener).await;
                let (acceptor, sender) = (acceptor.clone(), sender.clone());
                tokio::spawn(async move {
                    let _permit = permit;
                    match timeout(HANDSHAKE_WITHIN, acceptor.accept(connection)).await {
                        // The receiver is gone if the server stops.
                        Ok(Ok(connection)) => drop(sender.send((connection, peer)).await),
                        Ok(Err(error)) => tracing::debug!(%peer, %error, "TLS handshake for the metrics failed"),
                        Err(_) => tracing::debug!(%peer, "TLS handshake for the metrics took too long"),
                    }
                });
            }
        }));
        Ok(Self { connections, address })
    }
}

impl Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        match self.connections.recv().await {
            Some(connection) => connection,
            // Only the request to stop ends the task that accepts, and then the server no longer waits for this.
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        Ok(self.address)
    }
}
