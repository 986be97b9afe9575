//! The certificate authorities that the operator trusts. `AWS_CA_BUNDLE` replaces the system's for AWS, as it does for the AWS
//! CLI and other SDKs; the SDK for Rust does not read it. `SSL_CERT_FILE` replaces the system's for AWS and for a Kubernetes
//! API server whose kubeconfig names no authority; both clients read it themselves, but ignore a file that they cannot use.

use std::{env, ffi::OsStr, fs, io, path::PathBuf};

use aws_sdk_sts::config::{RuntimeComponents, SharedHttpClient};
use aws_smithy_http_client::{
    Builder, Connector,
    proxy::ProxyConfig,
    tls::{self, TlsContext, TrustStore, rustls_provider::CryptoMode},
};
use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, pem::PemObject as _},
};

/// The reason for which a file of certificates cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CertificatesError {
    /// It cannot be read.
    #[error("`{variable}`: cannot read '{}'", path.display())]
    Unreadable {
        /// The environment variable that names the file.
        variable: &'static str,
        /// The file.
        path: PathBuf,
        /// The reason.
        #[source]
        source: io::Error,
    },
    /// It contains no certificate, or one that cannot be parsed.
    #[error("`{variable}`: '{}' must contain X.509 certificates in PEM format; correct the file", path.display())]
    Unusable {
        /// The environment variable that names the file.
        variable: &'static str,
        /// The file.
        path: PathBuf,
    },
}

/// Returns the HTTP client that trusts the authorities of `AWS_CA_BUNDLE`; none if the variable is not set, because the
/// SDK's own client suffices.
///
/// # Errors
/// If a file that one of the variables names cannot be used.
pub(super) fn http_client() -> Result<Option<SharedHttpClient>, CertificatesError> {
    bundle("SSL_CERT_FILE", env::var_os("SSL_CERT_FILE").as_deref())?;
    let bundle = bundle("AWS_CA_BUNDLE", env::var_os("AWS_CA_BUNDLE").as_deref())?;
    Ok(bundle.map(|pem| client_with(TrustStore::empty().with_pem_certificate(pem))))
}

/// Reads and checks a file of certificates.
fn bundle(variable: &'static str, path: Option<&OsStr>) -> Result<Option<Vec<u8>>, CertificatesError> {
    let Some(path) = path.filter(|path| !path.is_empty()).map(PathBuf::from) else { return Ok(None) };
    let pem = match fs::read(&path) {
        Ok(pem) => pem,
        Err(source) => return Err(CertificatesError::Unreadable { variable, path, source }),
    };
    let mut roots = RootCertStore::empty();
    let all_usable =
        CertificateDer::pem_slice_iter(&pem).all(|certificate| certificate.is_ok_and(|one| roots.add(one).is_ok()));
    if all_usable && !roots.is_empty() { Ok(Some(pem)) } else { Err(CertificatesError::Unusable { variable, path }) }
}

/// Returns the SDK's own HTTP client, except that it trusts only the authorities of the store.
fn client_with(store: TrustStore) -> SharedHttpClient {
    Builder::new().build_with_connector_fn(move |settings, components| {
        let mut connector = Connector::builder()
            .tls_provider(tls::Provider::Rustls(CryptoMode::AwsLc))
            .proxy_config(ProxyConfig::from_env());
        match TlsContext::builder().with_trust_store(store.clone()).build() {
            Ok(context) => drop(connector.set_tls_context(context)),
            Err(error) => tracing::error!(%error, "the certificates in `AWS_CA_BUNDLE` are not used"),
        }
        connector.set_connector_settings(settings.cloned());
        connector.set_sleep_impl(components.and_then(RuntimeComponents::sleep_impl));
        connector.build()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOME: &str = "AWS_CA_BUNDLE";

    fn file(name: &str, text: &str) -> PathBuf {
        let path = env::temp_dir().join(format!("mgnet-{}-{name}", std::process::id()));
        fs::write(&path, text).expect("the folder of temporary files is writable");
        path
    }

    #[test]
    fn an_unset_or_empty_variable_names_no_file() {
        assert!(matches!(bundle(SOME, None), Ok(None)));
        assert!(matches!(bundle(SOME, Some(OsStr::new(""))), Ok(None)));
    }

    #[test]
    fn a_file_without_usable_certificates_is_reported_with_its_variable() {
        let missing = bundle(SOME, Some(OsStr::new("/does/not/exist.pem"))).expect_err("there is no file");
        assert_eq!(missing.to_string(), "`AWS_CA_BUNDLE`: cannot read '/does/not/exist.pem'");
        let invalid = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        for (name, text) in [("empty", ""), ("text", "no certificate\n"), ("invalid", invalid)] {
            let path = file(name, text);
            let unusable = bundle(SOME, Some(path.as_os_str())).expect_err("it has no usable certificate");
            assert!(unusable.to_string().contains("must contain X.509 certificates in PEM format"), "{unusable}");
        }
    }
}
