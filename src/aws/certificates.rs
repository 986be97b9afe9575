//! The certificate authorities that the operator trusts. `AWS_CA_BUNDLE` replaces the system's for AWS, as it does for the AWS
//! CLI and other SDKs; the SDK for Rust does not read it. `SSL_CERT_FILE` replaces the system's for AWS and for a Kubernetes
//! API server whose kubeconfig names no authority; both clients read it themselves, but ignore a file that they cannot use.

use std::{env, ffi::OsStr, fs, io, path::PathBuf};

use aws_sdk_sts::config::{RuntimeComponents, SharedHttpClient};
use aws_smithy_http_client::{
    Builder, Connector, HttpClientError,
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
    /// It contains no certificate, or one that cannot be used.
    #[error("`{variable}`: '{}' must contain X.509 certificates in PEM format; correct the file", path.display())]
    Unusable {
        /// The environment variable that names the file.
        variable: &'static str,
        /// The file.
        path: PathBuf,
    },
    /// The AWS SDK rejects them.
    #[error("the AWS SDK rejects the certificates of `AWS_CA_BUNDLE`")]
    Rejected(#[from] HttpClientError),
}

/// Returns the HTTP client that trusts the authorities of `AWS_CA_BUNDLE`; none if the variable is not set, because the
/// SDK's own client suffices.
///
/// # Errors
/// If a file that one of the variables names cannot be used.
pub(super) fn http_client() -> Result<Option<SharedHttpClient>, CertificatesError> {
    bundle("SSL_CERT_FILE", env::var_os("SSL_CERT_FILE").as_deref(), Unusable::Skipped)?;
    let pem = bundle("AWS_CA_BUNDLE", env::var_os("AWS_CA_BUNDLE").as_deref(), Unusable::Rejected)?;
    let store = pem.map(|pem| TrustStore::empty().with_pem_certificate(pem));
    let context = store.map(|store| TlsContext::builder().with_trust_store(store).build()).transpose()?;
    Ok(context.map(client_with))
}

/// What a client does with a certificate that it cannot use, if the file contains others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unusable {
    /// It skips the certificate.
    Skipped,
    /// It panics when it connects.
    Rejected,
}

/// Reads and checks a file of certificates.
fn bundle(
    variable: &'static str,
    path: Option<&OsStr>,
    unusable: Unusable,
) -> Result<Option<Vec<u8>>, CertificatesError> {
    let Some(path) = path.filter(|path| !path.is_empty()).map(PathBuf::from) else { return Ok(None) };
    let pem = match fs::read(&path) {
        Ok(pem) => pem,
        Err(source) => return Err(CertificatesError::Unreadable { variable, path, source }),
    };
    let mut roots = RootCertStore::empty();
    let (used, others): (Vec<bool>, Vec<bool>) = CertificateDer::pem_slice_iter(&pem)
        .map(|certificate| certificate.is_ok_and(|certificate| roots.add(certificate).is_ok()))
        .partition(|is_used| *is_used);
    let fits = !used.is_empty() && (others.is_empty() || unusable == Unusable::Skipped);
    if fits { Ok(Some(pem)) } else { Err(CertificatesError::Unusable { variable, path }) }
}

/// Returns the SDK's own HTTP client, except that it trusts only the authorities of the context.
fn client_with(context: TlsContext) -> SharedHttpClient {
    Builder::new().build_with_connector_fn(move |settings, components| {
        let mut connector = Connector::builder()
            .tls_provider(tls::Provider::Rustls(CryptoMode::AwsLc))
            .tls_context(context.clone())
            .proxy_config(ProxyConfig::from_env());
        connector.set_connector_settings(settings.cloned());
        connector.set_sleep_impl(components.and_then(RuntimeComponents::sleep_impl));
        connector.build()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOME: &str = "AWS_CA_BUNDLE";

    const INVALID: &str = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";

    /// Checks a file with that text.
    fn check(name: &str, text: &str, unusable: Unusable) -> Result<Option<Vec<u8>>, CertificatesError> {
        let path = env::temp_dir().join(format!("mgnet-{}-{name}", std::process::id()));
        fs::write(&path, text).expect("the folder of temporary files is writable");
        let checked = bundle(SOME, Some(path.as_os_str()), unusable);
        fs::remove_file(&path).expect("the file exists");
        checked
    }

    #[test]
    fn an_unset_or_empty_variable_names_no_file() {
        assert!(matches!(bundle(SOME, None, Unusable::Rejected), Ok(None)));
        assert!(matches!(bundle(SOME, Some(OsStr::new("")), Unusable::Rejected), Ok(None)));
    }

    #[test]
    fn a_file_without_usable_certificates_is_reported_with_its_variable() {
        let missing = bundle(SOME, Some(OsStr::new("/no/such.pem")), Unusable::Rejected).expect_err("there is no file");
        assert_eq!(missing.to_string(), "`AWS_CA_BUNDLE`: cannot read '/no/such.pem'");
        for (name, text) in [("empty", ""), ("text", "no certificate\n"), ("invalid", INVALID)] {
            for unusable in [Unusable::Skipped, Unusable::Rejected] {
                let error = check(name, text, unusable).expect_err("it has no usable certificate");
                assert!(error.to_string().contains("must contain X.509 certificates in PEM format"), "{error}");
            }
        }
    }

    #[test]
    fn an_unusable_certificate_beside_others_is_rejected_unless_the_client_skips_it() {
        let both = format!("{INVALID}{}", include_str!("tests/fixtures/authority.pem"));
        assert!(check("skipped", &both, Unusable::Skipped).is_ok_and(|pem| pem.is_some()));
        check("rejected", &both, Unusable::Rejected).expect_err("it has an unusable certificate");
    }
}
