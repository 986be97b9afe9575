//! The callers: accounts, roles, and the sessions of assumed roles.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{error::AwsError, ids, zones};

/// A caller, and the Region of the call.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Caller {
    /// The 12-digit account.
    pub account: String,
    /// The Region.
    pub region: String,
    /// The principal.
    pub arn: String,
}

impl Caller {
    /// Returns the user that every account has.
    pub fn user(account: &str, region: &str) -> Self {
        let arn = format!("arn:{}:iam::{account}:user/emulator", zones::partition(region));
        Self { account: account.to_owned(), region: region.to_owned(), arn }
    }
}

/// A role that callers may assume.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Role {
    /// The account of the role.
    pub account: String,
    /// The name of the role, with its path if it has one.
    pub name: String,
    /// The external ID that a caller must send; `null` if none is required.
    #[serde(default)]
    pub external_id: Option<String>,
    /// Whether the policies of caller and role allow `sts:SetSourceIdentity`.
    #[serde(default)]
    pub allows_source_identity: bool,
    /// The accounts, or ARNs of principals, that may assume the role.
    pub trusts: BTreeSet<String>,
}

impl Role {
    /// Returns the last part of the role's ARN.
    fn key(account: &str, name: &str) -> (String, String) {
        (account.to_owned(), name.to_owned())
    }

    /// Whether the role's trust policy allows a caller to assume the role.
    ///
    /// Source: IAM User Guide, "How to use an external ID": the condition compares `sts:ExternalId` for equality.
    pub(crate) fn admits(&self, caller: &Caller, external_id: Option<&str>) -> bool {
        let trusted = self.trusts.contains(&caller.account) || self.trusts.contains(&caller.arn);
        trusted && self.external_id.as_deref().is_none_or(|wanted| external_id == Some(wanted))
    }
}

/// The declared roles and the sessions that were issued.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Identities {
    roles: BTreeMap<(String, String), Role>,
    sessions: BTreeMap<String, Session>,
    opened: u64,
}

/// A session of an assumed role. Sessions do not expire (`ASSUMPTIONS.md`, "Identities").
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Session {
    account: String,
    arn: String,
    token: String,
}

impl Identities {
    /// Declares a role, or replaces it.
    pub fn declare(&mut self, role: Role) {
        self.roles.insert(Role::key(&role.account, &role.name), role);
    }

    /// Returns all roles.
    pub fn roles(&self) -> impl Iterator<Item = &Role> {
        self.roles.values()
    }

    /// Returns the role of an account by name.
    pub(crate) fn role(&self, account: &str, name: &str) -> Option<&Role> {
        self.roles.get(&Role::key(account, name))
    }

    /// Returns the caller with this access key. A key of 12 digits is the key of that account. Any other key must
    /// have been issued by `AssumeRole` and requires its session token.
    ///
    /// Source of the code: EC2 API Reference, "Error codes".
    pub fn caller(&self, access_key: &str, session_token: Option<&str>, region: &str) -> Result<Caller, AwsError> {
        if access_key.len() == 12 && access_key.bytes().all(|byte| byte.is_ascii_digit()) {
            return Ok(Caller::user(access_key, region));
        }
        let session = self.sessions.get(access_key).filter(|session| session_token == Some(&session.token));
        let session = session.ok_or_else(|| {
            AwsError::new("AuthFailure", "AWS was not able to validate the provided access credentials")
        })?;
        Ok(Caller { account: session.account.clone(), region: region.to_owned(), arn: session.arn.clone() })
    }

    /// Opens a session and returns its access key and session token.
    pub(crate) fn open_session(&mut self, account: &str, arn: String) -> (String, String) {
        self.opened += 1;
        let number = ids::hash(&format!("session {}", self.opened));
        let (key, token) = (format!("ASIA{}", ids::letters(number, 16)), ids::letters(number ^ 1, 64));
        self.sessions.insert(key.clone(), Session { account: account.to_owned(), arn, token: token.clone() });
        (key, token)
    }

    /// Deletes the roles and sessions of an account, or of all accounts.
    pub(crate) fn reset(&mut self, account: Option<&str>) {
        self.roles.retain(|(owner, _), _| account.is_some_and(|account| account != owner));
        self.sessions.retain(|_, session| account.is_some_and(|account| account != session.account));
    }
}
