//! Parses one AWS call: its service, action, parameters and access key.

use axum::{body::Bytes, http::request::Parts};
use serde_json::Value;

use super::{credentials, json, query, rest, rest_json};
use crate::world::{World, action::Service, error::AwsError};

/// A parsed call.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) service: Service,
    pub(super) action: String,
    pub(super) parameters: Value,
    pub(super) access_key: String,
    pub(super) session_token: Option<String>,
    pub(super) region: String,
}

/// A call that could not be parsed, and the protocol of the error answer.
pub(super) struct Refusal {
    pub(super) service: Service,
    pub(super) error: AwsError,
}

/// Determines the service of a request that an SDK sent: Resolver by its header, the others by the signed service,
/// and EC2 and STS also by the action.
pub(super) fn read(Parts { method, uri, headers, .. }: &Parts, body: &Bytes) -> Result<Call, Refusal> {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let target = header("x-amz-target");
    let by_scope = credentials::scope(headers);
    let service = match (target, &by_scope) {
        (Some(_), _) => Service::Resolver,
        (None, Ok(scope)) if scope.service == "mgn" => Service::Mgn,
        (None, Ok(scope)) if scope.service == "route53" => Service::Route53,
        (None, Ok(scope)) if scope.service == "sts" => Service::Sts,
        (None, _) => Service::Ec2,
    };
    let refuse = |error| Refusal { service, error };
    let scope = by_scope.map_err(refuse)?;
    let (service, action, parameters) = if let Some(target) = target {
        (service, json::action(target).map_err(refuse)?.to_owned(), json::read(body).map_err(refuse)?)
    } else if service == Service::Mgn {
        let action = rest_json::action(method, uri.path()).map_err(refuse)?;
        (service, action.to_owned(), json::read(body).map_err(refuse)?)
    } else if service == Service::Route53 {
        let (action, parameters) = rest::read(method, uri.path(), uri.query(), body).map_err(refuse)?;
        (service, action.to_owned(), parameters)
    } else {
        let form = if body.is_empty() { uri.query().unwrap_or_default().as_bytes() } else { body };
        let query::Query { action, parameters } = query::read(form).map_err(refuse)?;
        let service = match scope.service.as_str() {
            "ec2" | "sts" => service,
            _ => World::service_of(&action).unwrap_or(service),
        };
        (service, action, parameters)
    };
    let session_token = header("x-amz-security-token").map(ToOwned::to_owned);
    Ok(Call { service, action, parameters, access_key: scope.access_key, session_token, region: scope.region })
}
