//! Who may read the metrics: the API server authenticates the reader's token (TokenReview), and says whether its user may
//! `get` the non-resource URL `/metrics` (SubjectAccessReview).

use std::{
    collections::HashMap,
    fmt,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use axum::http::{HeaderMap, header};
use k8s_openapi::api::{
    authentication::v1::{TokenReview, TokenReviewSpec, UserInfo},
    authorization::v1::{NonResourceAttributes, SubjectAccessReview, SubjectAccessReviewSpec},
};
use kube::{Api, Client, api::PostParams};
use sha2::{Digest as _, Sha256};
use tokio::{
    sync::Semaphore,
    time::{Instant, timeout},
};

/// How long a reader whose right was revoked may continue to read.
const REMEMBER_ALLOWED: Duration = Duration::from_mins(1);

/// How long a reader who was given the right may have to wait.
const REMEMBER_DENIED: Duration = Duration::from_secs(10);

/// Maximum number of decisions in memory. Few clients read metrics, but everyone may send tokens.
const DECISIONS: usize = 256;

/// Maximum number of concurrent reviews, so that unauthenticated clients cause little work in the API server.
const REVIEWS: usize = 4;

/// Maximum time for an answer: Prometheus waits for 10 s by default.
const ANSWER_WITHIN: Duration = Duration::from_secs(8);

/// Decides by the API server who may read the metrics, and remembers the decisions for a short time.
pub struct Readers {
    client: Client,
    reviews: Semaphore,
    decisions: Mutex<HashMap<[u8; 32], (Access, Instant)>>,
}

impl fmt::Debug for Readers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Readers").finish_non_exhaustive()
    }
}

/// A decision about one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Access {
    /// The reader may read.
    Allowed,
    /// The request has no valid token.
    Unauthenticated,
    /// This user may not read.
    Forbidden(String),
    /// The API server did not decide.
    Unknown,
}

impl Readers {
    /// Asks the API server by this client, whose user must have the right to create both kinds of reviews.
    pub fn new(client: Client) -> Self {
        Self { client, reviews: Semaphore::new(REVIEWS), decisions: Mutex::default() }
    }

    /// Returns what the sender of these headers may do.
    pub(super) async fn access(&self, headers: &HeaderMap) -> Access {
        let Some(token) = bearer_token(headers) else { return Access::Unauthenticated };
        // The memory contains no token.
        let key: [u8; 32] = Sha256::digest(token).into();
        if let Some(access) = self.remembered(&key) {
            return access;
        }
        match timeout(ANSWER_WITHIN, self.review(&key, token)).await {
            Ok(Ok(access)) => access,
            Ok(Err(error)) => {
                tracing::warn!(%error, "cannot review the token of a reader of the metrics; check the operator's roles");
                Access::Unknown
            }
            Err(_) => Access::Unknown,
        }
    }

    async fn review(&self, key: &[u8; 32], token: &str) -> Result<Access, kube::Error> {
        // The semaphore is never closed.
        let _permit = self.reviews.acquire().await.ok();
        // Another request with the same token may have been reviewed meanwhile.
        if let Some(access) = self.remembered(key) {
            return Ok(access);
        }
        let access = match self.authenticate(token).await? {
            Some(user) => self.authorize(user).await?,
            None => Access::Unauthenticated,
        };
        self.remember(*key, access.clone());
        Ok(access)
    }

    /// Returns the user of a token, or none if the token is invalid.
    async fn authenticate(&self, token: &str) -> Result<Option<UserInfo>, kube::Error> {
        let spec = TokenReviewSpec { token: Some(token.to_owned()), ..TokenReviewSpec::default() };
        let review = TokenReview { spec, ..TokenReview::default() };
        let answer = Api::all(self.client.clone()).create(&PostParams::default(), &review).await?;
        let status = answer.status.unwrap_or_default();
        Ok(status.user.filter(|_| status.authenticated == Some(true)))
    }

    async fn authorize(&self, user: UserInfo) -> Result<Access, kube::Error> {
        let UserInfo { username, uid, groups, extra } = user;
        let attributes = NonResourceAttributes { path: Some("/metrics".to_owned()), verb: Some("get".to_owned()) };
        let spec = SubjectAccessReviewSpec {
            user: username.clone(),
            uid,
            groups,
            extra,
            non_resource_attributes: Some(attributes),
            ..SubjectAccessReviewSpec::default()
        };
        let review = SubjectAccessReview { spec, ..SubjectAccessReview::default() };
        let answer = Api::all(self.client.clone()).create(&PostParams::default(), &review).await?;
        let allowed = answer.status.is_some_and(|status| status.allowed);
        Ok(if allowed { Access::Allowed } else { Access::Forbidden(username.unwrap_or_default()) })
    }

    fn remembered(&self, key: &[u8; 32]) -> Option<Access> {
        let decisions = self.decisions.lock().unwrap_or_else(PoisonError::into_inner);
        decisions.get(key).filter(|(_, until)| Instant::now() < *until).map(|(access, _)| access.clone())
    }

    fn remember(&self, key: [u8; 32], access: Access) {
        let time = if access == Access::Allowed { REMEMBER_ALLOWED } else { REMEMBER_DENIED };
        let mut decisions = self.decisions.lock().unwrap_or_else(PoisonError::into_inner);
        if decisions.len() >= DECISIONS {
            let now = Instant::now();
            // Made-up tokens must not displace the decisions about readers.
            decisions.retain(|_, (access, until)| now < *until && *access == Access::Allowed);
        }
        if decisions.len() < DECISIONS {
            decisions.insert(key, (access, Instant::now() + time));
        }
    }
}

/// Returns the token of the header `Authorization`.
fn bearer_token(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn only_a_bearer_token_is_a_token() {
        let token = |value: &'static str| {
            let headers: HeaderMap = [(header::AUTHORIZATION, HeaderValue::from_static(value))].into_iter().collect();
            bearer_token(&headers).map(str::to_owned)
        };
        assert_eq!(token("Bearer abc"), Some("abc".to_owned()));
        assert_eq!(token("bearer  abc"), Some("abc".to_owned()));
        for other in ["", "abc", "Bearer", "Bearer ", "Basic abc"] {
            assert_eq!(token(other), None, "{other}");
        }
        assert_eq!(bearer_token(&HeaderMap::new()), None);
    }
}
