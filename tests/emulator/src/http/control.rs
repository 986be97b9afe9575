//! The control interface under `/_world/`, through which tests inspect and change the world.

use std::{sync::Arc, time::Duration};

use axum::{
    Json, Router,
    extract::{Query, State},
    http::StatusCode,
    routing::{get, post},
};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{faults::Fault, shared::Shared};
use crate::world::{
    caller::Role,
    ec2::vpc_endpoint::State as EndpointState,
    options::Options,
    resolver::{AddressStatus, Status},
    sharing::Share,
};

type Answer = Result<Json<Value>, (StatusCode, Json<Value>)>;

/// Returns the routes, without their prefix.
pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/calls", get(calls))
        .route("/reset", post(reset))
        .route("/time", get(time))
        .route("/advance", post(advance))
        .route("/faults", get(faults).post(order_fault).delete(cancel_faults))
        .route("/release", post(release))
        .route("/state", get(state))
        .route("/options", get(options).post(change_options))
        .route("/roles", get(roles).post(declare_role))
        .route("/resolver-status", post(set_resolver_status))
        .route("/endpoint", post(change_endpoint))
        .route("/shares", get(shares).post(share).delete(unshare))
}

fn bad_request(why: impl std::fmt::Display) -> (StatusCode, Json<Value>) {
    (StatusCode::BAD_REQUEST, Json(json!({ "error": format!("{why}") })))
}

/// Parses a body regardless of its content type, so that `curl -d` works. A missing body is an empty object.
fn read<T: serde::de::DeserializeOwned>(body: &str) -> Result<T, (StatusCode, Json<Value>)> {
    serde_json::from_str(if body.trim().is_empty() { "{}" } else { body }).map_err(bad_request)
}

fn show(value: &impl serde::Serialize) -> Answer {
    serde_json::to_value(value).map(Json).map_err(bad_request)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfAccount {
    account: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CallsWanted {
    account: Option<String>,
    #[serde(default)]
    after: u64,
}

async fn calls(State(shared): State<Arc<Shared>>, Query(wanted): Query<CallsWanted>) -> Answer {
    show(&shared.calls(wanted.account.as_deref(), wanted.after))
}

async fn reset(State(shared): State<Arc<Shared>>, body: String) -> Answer {
    let OfAccount { account } = read(&body)?;
    shared.reset(account.as_deref());
    Ok(Json(json!({})))
}

async fn time(State(shared): State<Arc<Shared>>) -> Answer {
    let (now, due) = shared.with_world(|world| (world.now(), world.next_due()));
    Ok(Json(json!({ "seconds": now.as_secs_f64(), "next_due": due.map(|due| due.as_secs_f64()) })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Advance {
    seconds: f64,
}

async fn advance(State(shared): State<Arc<Shared>>, body: String) -> Answer {
    let Advance { seconds } = read(&body)?;
    let now = shared.advance(Duration::try_from_secs_f64(seconds).map_err(bad_request)?);
    Ok(Json(json!({ "seconds": now.as_secs_f64() })))
}

async fn faults(State(shared): State<Arc<Shared>>) -> Answer {
    show(&shared.faults())
}

async fn order_fault(State(shared): State<Arc<Shared>>, body: String) -> Answer {
    let fault: Fault = read(&body)?;
    Ok(Json(json!({ "id": shared.order(fault) })))
}

async fn cancel_faults(State(shared): State<Arc<Shared>>, Query(OfAccount { account }): Query<OfAccount>) -> Answer {
    shared.cancel_faults(account.as_deref());
    Ok(Json(json!({})))
}

async fn release(State(shared): State<Arc<Shared>>) -> Answer {
    shared.release();
    Ok(Json(json!({})))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StateWanted {
    account: Option<String>,
    region: Option<String>,
}

/// Returns the state of one account and Region if both are given, or else the states of all matching ones under
/// `ACCOUNT/REGION`.
async fn state(State(shared): State<Arc<Shared>>, Query(wanted): Query<StateWanted>) -> Answer {
    shared.with_world(|world| match (&wanted.account, &wanted.region) {
        (Some(account), Some(region)) => show(&world.state(account, region)),
        (account, region) => {
            let mut all = Map::new();
            for (owner, place) in world.places() {
                let fits = |asked: &Option<String>, is: &str| asked.as_deref().is_none_or(|asked| asked == is);
                if fits(account, owner) && fits(region, place) {
                    all.insert(format!("{owner}/{place}"), show(&world.state(owner, place))?.0);
                }
            }
            Ok(Json(Value::Object(all)))
        }
    })
}

async fn options(State(shared): State<Arc<Shared>>, Query(OfAccount { account }): Query<OfAccount>) -> Answer {
    shared.with_world(|world| show(world.options(account.as_deref())))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ChangeOptions {
    account: Option<String>,
    options: Value,
}

async fn change_options(State(shared): State<Arc<Shared>>, body: String) -> Answer {
    let ChangeOptions { account, options } = read(&body)?;
    shared.with_world(|world| {
        let change = |before: &Options| -> Result<Options, serde_json::Error> {
            let mut merged = serde_json::to_value(before)?;
            merge(&mut merged, &options);
            serde_json::from_value(merged)
        };
        world.change_options(account.as_deref(), change).map_err(bad_request)?;
        show(world.options(account.as_deref()))
    })
}

/// Applies a merge patch. Source: RFC 7386, "JSON Merge Patch": objects are merged, null removes a member, and any
/// other value replaces it.
fn merge(into: &mut Value, change: &Value) {
    match (into, change) {
        (Value::Object(into), Value::Object(change)) => {
            for (key, value) in change {
                if value.is_null() {
                    into.remove(key);
                } else {
                    merge(into.entry(key).or_insert(Value::Null), value);
                }
            }
        }
        (into, change) => *into = change.clone(),
    }
}

async fn roles(State(shared): State<Arc<Shared>>) -> Answer {
    shared.with_world(|world| show(&world.identities().roles().collect::<Vec<_>>()))
}

async fn declare_role(State(shared): State<Arc<Shared>>, body: String) -> Answer {
    let role: Role = read(&body)?;
    shared.with_world(|world| world.identities_mut().declare(role));
    Ok(Json(json!({})))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ResolverStatus {
    account: String,
    region: String,
    /// The ID of a Resolver endpoint or of one of its addresses.
    id: String,
    status: Value,
}

async fn set_resolver_status(State(shared): State<Arc<Shared>>, body: String) -> Answer {
    let ResolverStatus { account, region, id, status } = read(&body)?;
    let exists = if id.starts_with("rslvr-") {
        let status: Status = serde_json::from_value(status).map_err(bad_request)?;
        shared.with_world(|world| world.set_resolver_status(&account, &region, &id, status))
    } else {
        let status: AddressStatus = serde_json::from_value(status).map_err(bad_request)?;
        shared.with_world(|world| world.set_resolver_address_status(&account, &region, &id, status))
    };
    if exists { Ok(Json(json!({}))) } else { Err(bad_request(format!("{id} does not exist"))) }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ChangeEndpoint {
    account: String,
    region: String,
    id: String,
    state: Option<EndpointState>,
    requester_managed: Option<bool>,
}

async fn change_endpoint(State(shared): State<Arc<Shared>>, body: String) -> Answer {
    let ChangeEndpoint { account, region, id, state, requester_managed } = read(&body)?;
    let exists = shared.with_world(|world| {
        state.is_none_or(|state| world.set_endpoint_state(&account, &region, &id, state))
            && requester_managed.is_none_or(|managed| world.set_requester_managed(&account, &region, &id, managed))
    });
    if exists { Ok(Json(json!({}))) } else { Err(bad_request(format!("{id} does not exist"))) }
}

async fn shares(State(shared): State<Arc<Shared>>) -> Answer {
    shared.with_world(|world| show(&world.shares().collect::<Vec<_>>()))
}

async fn share(State(shared): State<Arc<Shared>>, body: String) -> Answer {
    let share: Share = read(&body)?;
    if shared.with_world(|world| world.share(share.clone())) {
        Ok(Json(json!({})))
    } else {
        let Share { owner, region, subnet, with } = share;
        Err(bad_request(format!("account {owner} has no subnet {subnet} in {region} to share with {with}")))
    }
}

async fn unshare(State(shared): State<Arc<Shared>>, Query(share): Query<Share>) -> Answer {
    if shared.with_world(|world| world.unshare(&share)) {
        Ok(Json(json!({})))
    } else {
        Err(bad_request(format!("subnet {} is not shared in this way", share.subnet)))
    }
}
