//! Calls without a connection: a request is read, looked at, and carried out on a [`World`] whenever its owner likes. For
//! simulators, which decide when a request arrives, and whether its answer does.

use axum::{
    body::Bytes,
    http::{Request, StatusCode},
};
use serde_json::Value;

use super::{
    aws,
    call::{self, Call, Refusal},
    faults::Fault,
    reply::Reply,
};
use crate::world::{World, action::Service, caller::Caller, error::AwsError};

/// A request that was read, and had no effect yet.
#[derive(Clone, Debug)]
pub struct Direct(Call);

/// An answer as it would go over the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The header `Content-Type`.
    pub content_type: &'static str,
    /// The body.
    pub body: String,
    /// `ok`, or the code of the error.
    pub outcome: String,
}

/// Calls carried out directly have all the same one: nothing may depend on it.
const REQUEST_ID: &str = "00000000-0000-4000-8000-000000000000";

impl Direct {
    /// Reads a request.
    ///
    /// # Errors
    /// The answer to a request that cannot be read.
    pub fn read(request: Request<Bytes>) -> Result<Self, Box<Answer>> {
        let (parts, body) = request.into_parts();
        call::read(&parts, &body)
            .map(Self)
            .map_err(|Refusal { service, error }| Box::new(answer(service, "", Err(error))))
    }

    /// The action, such as `CreateVpcEndpoint`.
    pub fn action(&self) -> &str {
        &self.0.action
    }

    /// The parameters as a tree; in the query protocol a list is an object with the keys `1`, `2`, ...
    pub fn parameters(&self) -> &Value {
        &self.0.parameters
    }

    /// The region that the request was signed for.
    pub fn region(&self) -> &str {
        &self.0.region
    }

    /// Who calls.
    ///
    /// # Errors
    /// If the world knows no such key.
    pub fn caller(&self, world: &World) -> Result<Caller, AwsError> {
        let Call { access_key, session_token, region, .. } = &self.0;
        world.identities().caller(access_key, session_token.as_deref(), region)
    }

    /// Lets it have its effect, and gives the answer.
    pub fn carry_out(&self, world: &mut World) -> Answer {
        let Call { service, action, parameters, .. } = &self.0;
        let outcome = self
            .caller(world)
            .map_err(|error| aws::as_service(*service, error))
            .and_then(|caller| world.call(&caller, *service, action, parameters));
        answer(*service, action, outcome)
    }

    /// The error that a fault answers in its place, if it is one of those.
    pub fn refused(&self, fault: &Fault) -> Option<Answer> {
        let error = aws::instead_of_answer(self.0.service, fault)?;
        Some(answer(self.0.service, &self.0.action, Err(error)))
    }
}

fn answer(service: Service, action: &str, outcome: Result<Value, AwsError>) -> Answer {
    let word = outcome.as_ref().map_or_else(|error| error.code.to_string(), |_| "ok".to_owned());
    let (status, content_type, body) = Reply::new(service, action, REQUEST_ID, outcome).into_parts();
    Answer { status, content_type, body, outcome: word }
}
