//! The credentials of the role that a class names. The provider of `aws-config` cannot send a source identity.

use std::time::SystemTime;

use aws_config::{SdkConfig, identity::IdentityCache};
use aws_credential_types::{
    Credentials,
    provider::{self, ProvideCredentials, error::CredentialsError, future},
};

use super::Role;

/// Assumes a role for each set of credentials. The SDK caches them until shortly before they expire.
#[derive(Debug)]
pub(super) struct AssumedRole {
    sts: aws_sdk_sts::Client,
    role: Role,
}

impl AssumedRole {
    /// Returns a provider that assumes the role with the credentials of the configuration, and in its Region.
    pub(super) fn new(config: &SdkConfig, role: Role) -> Self {
        // The credentials are needed about once an hour, and sources such as a token file may have changed by then.
        let config = config.to_builder().identity_cache(IdentityCache::no_cache()).build();
        Self { sts: aws_sdk_sts::Client::new(&config), role }
    }

    async fn assume(&self) -> provider::Result {
        let Role { arn, external_id, session_name, sets_source_identity } = &self.role;
        let call = self.sts.assume_role().role_arn(arn).external_id(external_id).role_session_name(session_name);
        let call = call.set_source_identity(sets_source_identity.then(|| session_name.clone()));
        let answer = call.send().await.map_err(CredentialsError::provider_error)?;
        let credentials =
            answer.credentials.ok_or_else(|| CredentialsError::unhandled("the answer contains no credentials"))?;
        let expires = SystemTime::try_from(credentials.expiration).map_err(CredentialsError::unhandled)?;
        let (key, secret) = (credentials.access_key_id, credentials.secret_access_key);
        Ok(Credentials::new(key, secret, Some(credentials.session_token), Some(expires), "AssumeRole"))
    }
}

impl ProvideCredentials for AssumedRole {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.assume())
    }
}
