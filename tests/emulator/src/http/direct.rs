//! Calls without a connection, for simulators, which decide when a request arrives and whether its answer does: a
//! request is parsed, inspected, and executed on a [`World`] at any later time.

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

/// A parsed request that has not taken effect yet.
#[derive(Clone, Debug)]
pub struct Direct(Call);

/// An answer in the form in which it would be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The header `Content-Type`.
    pub content_type: &'static str,
    /// The body.
    pub body: String,
    /// `ok`, or the error code.
    pub outcome: String,
}

/// All direct calls have the same request ID, because nothing may depend on it.
const REQUEST_ID: &str = "00000000-0000-4000-8000-000000000000";

impl Direct {
    /// Parses a request.
    ///
    /// # Errors
    /// Returns the error answer to a request that cannot be parsed.
    pub fn read(request: Request<Bytes>) -> Result<Self, Box<Answer>> {
        let (parts, body) = request.into_parts();
        call::read(&parts, &body)
            .map(Self)
            .map_err(|Refusal { service, error }| Box::new(answer(service, "", Err(error))))
    }

    /// Returns the action, such as `CreateVpcEndpoint`.
    pub fn action(&self) -> &str {
        &self.0.action
    }

    /// The parameters as a tree. In the query protocol, a list is an object with the keys `1`, `2`, ...
    pub fn parameters(&self) -> &Value {
        &self.0.parameters
    }

    /// Returns the Region that the request was signed for.
    pub fn region(&self) -> &str {
        &self.0.region
    }

    /// Returns the caller.
    ///
    /// # Errors
    /// Fails if the world does not know the access key.
    pub fn caller(&self, world: &World) -> Result<Caller, AwsError> {
        let Call { access_key, session_token, region, .. } = &self.0;
        world.identities().caller(access_key, session_token.as_deref(), region)
    }

    /// Executes the request and returns the answer.
    pub fn carry_out(&self, world: &mut World) -> Answer {
        let Call { service, action, parameters, .. } = &self.0;
        let outcome = self
            .caller(world)
            .map_err(|error| aws::as_service(*service, error))
            .and_then(|caller| world.call(&caller, *service, action, parameters));
        answer(*service, action, outcome)
    }

    /// Returns the error that a fault of such a kind returns instead of the call's answer.
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
