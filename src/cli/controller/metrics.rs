//! The flags of the metrics: their address, TLS, and who may read them.

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use anyhow::{Context as _, Result, bail};
use clap::ArgAction;
use kube::{Client, Config};

use crate::controller::{Certificate, MetricsAccess, Readers};

/// The flags that control how and to whom the metrics are served.
#[derive(clap::Args, Clone, Debug)]
pub(super) struct MetricsOptions {
    /// Address on which the operator serves `/metrics`
    #[arg(
        long = "metrics-address",
        env = "MGNET_METRICS_ADDRESS",
        default_value = "0.0.0.0:8080",
        value_name = "ADDRESS"
    )]
    pub(super) address: SocketAddr,

    /// File with the certificate, and its chain, with which the operator serves the metrics by TLS, in PEM format. A renewed
    /// file is used within a minute
    #[arg(long = "metrics-certificate-file", env = "MGNET_METRICS_CERTIFICATE_FILE", value_name = "FILE")]
    certificate_file: Option<PathBuf>,

    /// File with the private key of that certificate, in PEM format
    #[arg(long = "metrics-key-file", env = "MGNET_METRICS_KEY_FILE", value_name = "FILE")]
    key_file: Option<PathBuf>,

    /// Serve the metrics only to requests with a bearer token whose user may get the non-resource URL `/metrics`. Requires
    /// '--metrics-certificate-file', and the rights to create TokenReviews and SubjectAccessReviews
    #[arg(
        long = "metrics-authentication",
        env = "MGNET_METRICS_AUTHENTICATION",
        default_value_t = false,
        action = ArgAction::Set,
        value_name = "BOOLEAN"
    )]
    authentication: bool,
}

impl MetricsOptions {
    /// Returns who may read the metrics, and how.
    ///
    /// # Errors
    /// If the flags contradict each other, the files cannot be used, or no client for the cluster can be created.
    pub(super) fn access(&self, config: impl FnOnce() -> Config) -> Result<MetricsAccess> {
        let certificate = match (&self.certificate_file, &self.key_file) {
            (Some(certificate), Some(key)) => {
                let read = Certificate::read(certificate, key);
                Some(Arc::new(read.context("check '--metrics-certificate-file' and '--metrics-key-file'")?))
            }
            (None, None) => None,
            _ => bail!("'--metrics-certificate-file' and '--metrics-key-file' must be set together"),
        };
        if !self.authentication {
            return Ok(MetricsAccess { certificate, readers: None });
        }
        if certificate.is_none() {
            bail!(
                "'--metrics-authentication' requires '--metrics-certificate-file' and '--metrics-key-file', so that \
                 tokens are not sent in clear text"
            );
        }
        let client = Client::try_from(config()).context("cannot create a client for the Kubernetes cluster")?;
        Ok(MetricsAccess { certificate, readers: Some(Readers::new(client)) })
    }
}
