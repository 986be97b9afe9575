//! The operator's own credentials. Their sources are those of the AWS SDKs, with one exception: the role of the node is used
//! only if it is allowed, and if no other source is configured. Otherwise an operator whose web identity is missing or
//! incomplete would work with the permissions of the node, without any sign of it.

use aws_config::{
    SdkConfig, ecs::EcsCredentialsProvider, environment::EnvironmentVariableCredentialsProvider,
    imds::credentials::ImdsCredentialsProvider, meta::credentials::CredentialsProviderChain,
    profile::ProfileFileCredentialsProvider, provider_config::ProviderConfig,
    web_identity_token::WebIdentityTokenCredentialsProvider,
};
use aws_credential_types::provider::{ProvideCredentials, error::CredentialsError, future};

/// The variables that configure a source of credentials. If one of them is set but its source provides none, for example
/// because another variable is missing, the SDK tries the next source. Source: the SDK's default chain of providers.
const SOURCES: [&str; 7] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_PROFILE",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_ROLE_ARN",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
];

/// Whether the operator may work with the role of the EC2 instance on which it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InstanceRole {
    /// It may, if no other source of credentials is configured.
    Allowed,
    /// It may not.
    Denied,
}

/// Returns the provider of the operator's own credentials. It uses the HTTP client and the Region of the configuration.
pub(super) fn provider(config: &SdkConfig, instance_role: InstanceRole) -> CredentialsProviderChain {
    let mut sources = ProviderConfig::without_region()
        .with_region(config.region().cloned())
        .with_use_fips(config.use_fips())
        .with_use_dual_stack(config.use_dual_stack());
    if let Some(timeouts) = config.timeout_config() {
        sources = sources.with_timeout_config(timeouts.clone());
    }
    if let Some(client) = config.http_client() {
        sources = sources.with_http_client(client);
    }
    let chain = CredentialsProviderChain::first_try("Environment", EnvironmentVariableCredentialsProvider::new())
        .or_else("Profile", ProfileFileCredentialsProvider::builder().configure(&sources).build())
        .or_else("WebIdentityToken", WebIdentityTokenCredentialsProvider::builder().configure(&sources).build())
        .or_else("EcsContainer", EcsCredentialsProvider::builder().configure(&sources).build());
    let configured = configured(|variable| std::env::var_os(variable).is_some_and(|value| !value.is_empty()));
    match end(instance_role, configured) {
        End::InstanceRole => {
            chain.or_else("Ec2InstanceMetadata", ImdsCredentialsProvider::builder().configure(&sources).build())
        }
        End::NoSource(none) => chain.or_else("None", none),
    }
}

/// Returns the first variable that is set and configures a source.
fn configured(is_set: impl Fn(&str) -> bool) -> Option<&'static str> {
    SOURCES.into_iter().find(|variable| is_set(variable))
}

/// The end of the chain, which is reached if no other source provides credentials.
#[derive(Debug, PartialEq, Eq)]
enum End {
    /// The role of the node.
    InstanceRole,
    /// An error.
    NoSource(NoSource),
}

fn end(instance_role: InstanceRole, configured: Option<&'static str>) -> End {
    match (instance_role, configured) {
        (InstanceRole::Allowed, None) => End::InstanceRole,
        (InstanceRole::Allowed | InstanceRole::Denied, configured) => End::NoSource(NoSource { configured }),
    }
}

/// A source without credentials, whose error states what to do.
#[derive(Debug, PartialEq, Eq)]
struct NoSource {
    configured: Option<&'static str>,
}

impl ProvideCredentials for NoSource {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        let text = match self.configured {
            Some(variable) => format!(
                "`{variable}` is set, but the source of credentials that it belongs to is incomplete; correct the \
                 operator's environment, or its ServiceAccount"
            ),
            None => {
                "no AWS identity is configured; give the operator's ServiceAccount one, or allow the role of the node \
                     with '--allow-instance-role=true'"
                    .to_owned()
            }
        };
        future::ProvideCredentials::ready(Err(CredentialsError::invalid_configuration(text)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_role_of_the_node_is_used_only_if_it_is_allowed_and_nothing_else_is_configured() {
        assert_eq!(end(InstanceRole::Allowed, configured(|_| false)), End::InstanceRole);
        let none = End::NoSource(NoSource { configured: None });
        assert_eq!(end(InstanceRole::Denied, configured(|_| false)), none);
        for variable in SOURCES {
            let expected = End::NoSource(NoSource { configured: Some(variable) });
            for instance_role in [InstanceRole::Allowed, InstanceRole::Denied] {
                assert_eq!(end(instance_role, configured(|set| set == variable)), expected);
            }
        }
    }
}
