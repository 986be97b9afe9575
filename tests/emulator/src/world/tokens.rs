//! Client tokens: the earlier calls, their parameters, and the resources that they created.
//!
//! Source: EC2 Developer Guide, "Ensuring idempotency": the same token with the same parameters succeeds again and
//! creates nothing; with other parameters, it is `IdempotentParameterMismatch`. Tokens have at most 64 ASCII
//! characters and are case-sensitive.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{error::AwsError, options::TokenMemory};

/// The tokens of one account in one Region, by action.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Tokens {
    used: BTreeMap<(&'static str, String), Use>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Use {
    parameters: String,
    resource: String,
}

impl Tokens {
    /// Returns the ID of the resource that an earlier call with this token created, if there is one.
    pub(crate) fn replay(
        &self,
        action: &'static str,
        token: Option<&str>,
        parameters: &impl Serialize,
    ) -> Result<Option<&str>, AwsError> {
        let Some(token) = token else { return Ok(None) };
        if token.len() > 64 || !token.is_ascii() {
            return Err(AwsError::value("ClientToken must be at most 64 ASCII characters"));
        }
        match self.used.get(&(action, token.to_owned())) {
            None => Ok(None),
            Some(earlier) if earlier.parameters == fingerprint(parameters) => Ok(Some(&earlier.resource)),
            Some(_) => Err(AwsError::new(
                "IdempotentParameterMismatch",
                "The client token you have provided was used before with different parameters.",
            )),
        }
    }

    /// Records the resource that a call with a token created.
    pub(crate) fn record(
        &mut self,
        action: &'static str,
        token: Option<String>,
        parameters: &impl Serialize,
        resource: String,
    ) {
        if let Some(token) = token {
            self.used.insert((action, token), Use { parameters: fingerprint(parameters), resource });
        }
    }

    /// Whether a token returns this resource.
    pub(crate) fn knows(&self, resource: &str) -> bool {
        self.used.values().any(|earlier| earlier.resource == resource)
    }

    /// Records the deletion of a resource.
    pub(crate) fn resource_gone(&mut self, resource: &str, memory: TokenMemory) {
        match memory {
            TokenMemory::Remember => {}
            TokenMemory::ForgetDeleted => self.used.retain(|_, earlier| earlier.resource != resource),
        }
    }
}

/// Returns the parameters of a call as one text. Requests are plain structures, so writing them as JSON cannot fail.
fn fingerprint(parameters: &impl Serialize) -> String {
    serde_json::to_string(parameters).unwrap_or_default()
}
