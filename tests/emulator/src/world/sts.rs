//! AWS Security Token Service: GetCallerIdentity and AssumeRole.
#![allow(missing_docs, reason = "fields carry the names of the STS API Reference, which documents them")]

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{
    Context,
    action::{Action, Service},
    error::AwsError,
    ids,
    tags::Tag,
    zones,
};

/// Returns the identity of the caller.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct GetCallerIdentity {}

/// The identity of the caller.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct CallerIdentity {
    pub user_id: String,
    pub account: String,
    pub arn: String,
}

impl Action for GetCallerIdentity {
    const SERVICE: Service = Service::Sts;
    const NAME: &'static str = "GetCallerIdentity";
    type Answer = CallerIdentity;

    fn run(self, context: &mut Context<'_>) -> Result<CallerIdentity, AwsError> {
        let caller = context.caller;
        let number = ids::hash(&caller.arn);
        let user_id = match caller.arn.rsplit_once('/') {
            Some((role, session)) if role.contains(":assumed-role/") => {
                format!("AROA{}:{session}", ids::letters(number, 17))
            }
            _ => format!("AIDA{}", ids::letters(number, 17)),
        };
        Ok(CallerIdentity { user_id, account: caller.account.clone(), arn: caller.arn.clone() })
    }
}

/// Assumes a role.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct AssumeRole {
    pub role_arn: String,
    pub role_session_name: String,
    pub external_id: Option<String>,
    pub source_identity: Option<String>,
    pub duration_seconds: Option<u32>,
    #[serde(default)]
    pub tags: Vec<Tag>,
    #[serde(default)]
    pub transitive_tag_keys: Vec<String>,
}

/// The credentials of the role.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct RoleAssumed {
    pub credentials: Credentials,
    pub assumed_role_user: AssumedRoleUser,
    /// Only with session policies or tags. Source: an answer of AssumeRole in the snapshots of LocalStack (2024-06), which
    /// were recorded from AWS.
    pub packed_policy_size: Option<u8>,
    /// The source identity of the request.
    pub source_identity: Option<String>,
}

/// Temporary credentials.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Credentials {
    pub access_key_id: String,
    pub secret_access_key: String,
    pub session_token: String,
    pub expiration: String,
}

/// The principal of the session.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct AssumedRoleUser {
    pub assumed_role_id: String,
    pub arn: String,
}

/// Source of the text: an answer of AssumeRole in the snapshots of LocalStack (2025-07), which were recorded from AWS.
fn constraint(value: &str, member: &str, rule: &str) -> AwsError {
    let message =
        format!("1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: {rule}");
    AwsError::new("ValidationError", message)
}

/// Checks the name of a session or a source identity, which have the same form.
fn check_name(name: &str, member: &str) -> Result<(), AwsError> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c);
    if (2..=64).contains(&name.len()) && name.chars().all(allowed) {
        return Ok(());
    }
    Err(constraint(name, member, r"Member must satisfy regular expression pattern: [\w+=,.@-]*"))
}

/// Returns the account and the name in `arn:PARTITION:iam::ACCOUNT:role/NAME`.
fn read_role_arn(arn: &str) -> Option<(&str, &str)> {
    let mut parts = arn.splitn(6, ':');
    let (arn, _, iam, region) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let (account, resource) = (parts.next()?, parts.next()?);
    let well_formed = arn == "arn" && iam == "iam" && region.is_empty() && account.len() == 12;
    well_formed.then_some((account, resource.strip_prefix("role/")?))
}

impl Action for AssumeRole {
    const SERVICE: Service = Service::Sts;
    const NAME: &'static str = "AssumeRole";
    type Answer = RoleAssumed;

    /// Source: STS API Reference, AssumeRole. A role that does not exist returns the same error as a role that does
    /// not trust the caller: `AccessDenied`, which does not reveal whether a role exists. A source identity needs
    /// `sts:SetSourceIdentity` in the caller's policy and in the trust policy. Source: IAM User Guide, "Monitor and control
    /// actions taken with assumed roles".
    fn run(self, context: &mut Context<'_>) -> Result<RoleAssumed, AwsError> {
        let session = self.role_session_name;
        check_name(&session, "roleSessionName")?;
        if let Some(identity) = &self.source_identity {
            check_name(identity, "sourceIdentity")?;
        }
        let seconds = self.duration_seconds.unwrap_or(3_600);
        if !(900..=43_200).contains(&seconds) {
            let rule = "Member must have value between 900 and 43200";
            return Err(constraint(&seconds.to_string(), "durationSeconds", rule));
        }
        let (account, name) = read_role_arn(&self.role_arn)
            .ok_or_else(|| AwsError::new("ValidationError", format!("{} is invalid", self.role_arn)))?;
        let role = context.identities.role(account, name);
        let denied = |action: &str| {
            let message = format!(
                "User: {} is not authorized to perform: {action} on resource: {}",
                context.caller.arn, self.role_arn
            );
            AwsError::new("AccessDenied", message)
        };
        let role = role
            .filter(|role| role.admits(context.caller, self.external_id.as_deref()))
            .ok_or_else(|| denied("sts:AssumeRole"))?;
        if self.source_identity.is_some() && !role.allows_source_identity {
            return Err(denied("sts:SetSourceIdentity"));
        }
        let partition = zones::partition(&context.caller.region);
        let short_name = name.rsplit('/').next().unwrap_or(name);
        let arn = format!("arn:{partition}:sts::{account}:assumed-role/{short_name}/{session}");
        let (access_key_id, session_token) = context.identities.open_session(account, arn.clone());
        let number = ids::hash(&access_key_id);
        let expires = context.date(context.now() + Duration::from_secs(seconds.into()));
        Ok(RoleAssumed {
            credentials: Credentials {
                secret_access_key: ids::letters(number, 40),
                session_token,
                expiration: expires.to_string(),
                access_key_id,
            },
            assumed_role_user: AssumedRoleUser {
                assumed_role_id: format!("AROA{}:{session}", ids::letters(ids::hash(&self.role_arn), 17)),
                arn,
            },
            packed_policy_size: (!self.tags.is_empty()).then_some(1),
            source_identity: self.source_identity,
        })
    }
}
