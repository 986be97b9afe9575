//! The Kubernetes cluster of a command: that of the kubeconfig, or that of the pod, and the proxy on the way to it.

use anyhow::{Context as _, Result};
use http::Uri;
use hyper_util::client::proxy::matcher::Matcher;
use kube::Config;

/// Returns the configuration of the client. The proxy is that of the kubeconfig, or else that of `HTTPS_PROXY` and `NO_PROXY`.
///
/// kube reads these variables only together with a kubeconfig, and only addresses in `NO_PROXY` have their usual meaning
/// there: a name without a port matches no URL. So they are evaluated here, by the rules of the AWS SDK's client.
///
/// # Errors
/// If no cluster is configured, or the proxy is invalid.
pub(super) async fn config() -> Result<Config> {
    let mut config =
        Config::infer().await.context("no Kubernetes cluster is configured; set `KUBECONFIG`, or run in a pod")?;
    let variables = Variables::read(|name| std::env::var(name).ok());
    config.proxy_url = variables.proxy(config.proxy_url.take(), &config.cluster_url)?;
    if let Some(proxy) = &config.proxy_url {
        let (host, port) = (proxy.host().unwrap_or_default(), proxy.port_u16());
        tracing::info!(
            host,
            port,
            "a proxy is used for the Kubernetes API; to avoid it, add the API server to NO_PROXY"
        );
    }
    Ok(config)
}

/// The variables about proxies.
#[derive(Debug, Default)]
struct Variables {
    https: String,
    all: String,
    no: String,
}

impl Variables {
    /// Reads them with the function. Upper case takes precedence.
    fn read(variable: impl Fn(&str) -> Option<String>) -> Self {
        let first = |upper: &str, lower: &str| variable(upper).or_else(|| variable(lower)).unwrap_or_default();
        Self {
            https: first("HTTPS_PROXY", "https_proxy"),
            all: first("ALL_PROXY", "all_proxy"),
            no: first("NO_PROXY", "no_proxy"),
        }
    }

    /// Returns the proxy for a server. `by_kube` is the proxy that kube has found: that of the kubeconfig, which takes
    /// precedence, or that of `HTTPS_PROXY`.
    fn proxy(&self, by_kube: Option<Uri>, server: &Uri) -> Result<Option<Uri>> {
        let text = if self.https.is_empty() { &self.all } else { &self.https };
        let by_variables = (!text.is_empty()).then(|| parse(text)).transpose()?;
        let authority = |proxy: &Option<Uri>| proxy.as_ref().and_then(|proxy| proxy.authority().cloned());
        if by_kube.is_some() && authority(&by_kube) != authority(&by_variables) {
            return Ok(by_kube);
        }
        // The matcher applies '*' to names only, but the API server of a pod has an address.
        let excludes_all = self.no.split(',').any(|entry| entry.trim() == "*");
        let matcher = Matcher::builder().https(text.as_str()).no(self.no.as_str()).build();
        Ok(by_variables.filter(|_| !excludes_all && matcher.intercept(server).is_some()))
    }
}

/// Parses the address of a proxy, which may have no scheme.
fn parse(text: &str) -> Result<Uri> {
    let uri = if text.contains("://") { text.parse() } else { format!("http://{text}").parse() };
    // The text may contain a password.
    uri.context("`HTTPS_PROXY` must be a URL, such as 'http://proxy.example.com:3128'; correct it")
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROXY: &str = "http://proxy.example.com:3128";

    fn proxy(variables: &[(&str, &str)], by_kube: Option<&str>, server: &str) -> Option<String> {
        let variables = Variables::read(|name| {
            variables.iter().find(|(one, _)| *one == name).map(|(_, value)| (*value).to_owned())
        });
        let by_kube = by_kube.map(|uri| uri.parse().expect("a URL"));
        let proxy = variables.proxy(by_kube, &server.parse().expect("a URL")).expect("a valid proxy");
        proxy.map(|proxy| proxy.to_string())
    }

    #[test]
    fn https_proxy_applies_in_a_pod_and_with_a_kubeconfig() {
        let expected = Some(format!("{PROXY}/"));
        for by_kube in [None, Some(PROXY)] {
            assert_eq!(proxy(&[("HTTPS_PROXY", PROXY)], by_kube, "https://10.96.0.1:443"), expected);
        }
        assert_eq!(proxy(&[("https_proxy", "proxy.example.com:3128")], None, "https://10.96.0.1:443"), expected);
        assert_eq!(proxy(&[("ALL_PROXY", PROXY)], None, "https://10.96.0.1:443"), expected);
        assert_eq!(proxy(&[("HTTP_PROXY", PROXY)], None, "https://10.96.0.1:443"), None);
        let with_password = "http://user:pass@proxy.example.com:3128";
        let expected = Some(format!("{with_password}/"));
        assert_eq!(proxy(&[("HTTPS_PROXY", with_password)], None, "https://10.96.0.1:443"), expected);
    }

    #[test]
    fn no_proxy_excludes_addresses_ranges_names_and_domains() {
        for no in ["10.96.0.1", "10.96.0.0/12", "example.com, 10.96.0.1", "*"] {
            for by_kube in [None, Some(PROXY)] {
                let variables = [("HTTPS_PROXY", PROXY), ("NO_PROXY", no)];
                assert_eq!(proxy(&variables, by_kube, "https://10.96.0.1:443"), None, "{no}");
            }
        }
        for no in ["api.corp.example", ".corp.example", "corp.example"] {
            let variables = [("HTTPS_PROXY", PROXY), ("NO_PROXY", no)];
            assert_eq!(proxy(&variables, None, "https://api.corp.example:6443"), None, "{no}");
            assert!(proxy(&variables, None, "https://api.other.example:6443").is_some(), "{no}");
        }
    }

    #[test]
    fn the_proxy_of_the_kubeconfig_takes_precedence() {
        let other = "http://other.example.com:8080/";
        let variables = [("HTTPS_PROXY", PROXY), ("NO_PROXY", "*")];
        assert_eq!(proxy(&variables, Some(other), "https://10.96.0.1:443").as_deref(), Some(other));
    }

    #[test]
    fn an_invalid_proxy_is_reported_without_its_password() {
        let variables = Variables { https: "http://user:secret@pro xy:1".to_owned(), ..Variables::default() };
        let error = variables.proxy(None, &Uri::from_static("https://10.96.0.1")).expect_err("invalid");
        assert!(!format!("{error:#}").contains("secret"), "{error:#}");
    }
}
