//! Generates every verdict of a reconcile, and the networks that result: each verdict alone and after one verdict of
//! each kind, suspended or not.

use std::collections::{BTreeSet, HashSet};
use std::net::Ipv4Addr;
use std::{iter, mem};

use anyhow::{Context as _, Result};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use mgnet::api::{MigrationNetwork, MigrationNetworkSpec, MigrationNetworkStatus, Reason};
use mgnet::model::failure::{CallFailure, FailureClass};
use mgnet::model::plan::step::Step;
use mgnet::model::plan::{Blocker, Plan};
use mgnet::model::preflight::checks::{Check, Finding};
use mgnet::model::slot::{EndpointKey, GroupRole, Service, Slot};
use mgnet::model::status::{ResolverHealth, StepFailure, Verdict, conditions::write};
use mgnet::model::transfer::InvalidTransfer;
use serde_json::Value;

/// The generation of all generated networks.
pub(crate) const GENERATION: i64 = 3;

const MGN: Slot = Slot::Endpoint(EndpointKey::interface(Service::Mgn));
const GROUP: Slot = Slot::Group(GroupRole::Resolver);

/// Returns a failure of every class. A new class does not compile until it is added here.
fn failures() -> impl Iterator<Item = CallFailure> {
    use FailureClass::{
        AccountMismatch, AlreadyExists, Conflict, Credentials, Dependency, InUse, Invalid, NotFound, NotSent, Quota,
        RouteConflict, Throttled, Transient, Unanswered, Unauthorized, Uninitialized, Unknown,
    };
    let next = |class: &FailureClass| match class {
        NotFound => Some(AlreadyExists),
        AlreadyExists => Some(Dependency),
        Dependency => Some(Throttled),
        Throttled => Some(NotSent),
        NotSent => Some(Unauthorized),
        Unauthorized => Some(Credentials),
        Credentials => Some(AccountMismatch),
        AccountMismatch => Some(Uninitialized),
        Uninitialized => Some(InUse),
        InUse => Some(Quota),
        Quota => Some(Conflict),
        Conflict => Some(RouteConflict),
        RouteConflict => Some(Invalid),
        Invalid => Some(Transient),
        Transient => Some(Unanswered),
        Unanswered => Some(Unknown),
        Unknown => None,
    };
    iter::successors(Some(NotFound), next).map(|class| CallFailure {
        class,
        operation: "ec2:CreateVpcEndpoint".to_owned(),
        code: "Code".to_owned(),
        message: String::new(),
        request_id: None,
    })
}

/// Returns a blocker of every kind. A new kind does not compile until it is added here.
fn blockers() -> impl Iterator<Item = Blocker> {
    let id = || "sg-1".to_owned();
    let next = move |blocker: &Blocker| match blocker {
        Blocker::UnderWay { .. } => Some(Blocker::NotVisible { slot: MGN }),
        Blocker::NotVisible { .. } => Some(Blocker::AddressUnknown { slot: MGN, interface: "eni-1".into() }),
        Blocker::AddressUnknown { .. } => Some(Blocker::MayArrive { slot: GROUP }),
        Blocker::MayArrive { .. } => Some(Blocker::Awaits { slot: MGN, needs: GROUP }),
        Blocker::Awaits { .. } => Some(Blocker::NotOwned { slot: GROUP, id: id() }),
        Blocker::NotOwned { .. } => Some(Blocker::Ambiguous { slot: MGN, ids: vec!["vpce-1".to_owned(), id()] }),
        Blocker::Ambiguous { .. } => Some(Blocker::Duplicates { slot: MGN, ids: vec!["vpce-1".to_owned(), id()] }),
        Blocker::Duplicates { .. } => Some(Blocker::UnknownSlot { slot: "sg/appliances".to_owned(), id: Some(id()) }),
        Blocker::UnknownSlot { .. } => Some(Blocker::InvalidTransfer(InvalidTransfer::ThisCluster)),
        Blocker::InvalidTransfer(_) => Some(Blocker::AddressChange {
            slot: MGN,
            id: id(),
            subnet: "subnet-1".into(),
            from: Ipv4Addr::new(10, 0, 0, 5),
            to: Ipv4Addr::LOCALHOST,
        }),
        Blocker::AddressChange { .. } => Some(Blocker::InUse { slot: GROUP, id: id(), by: vec!["eni-1".to_owned()] }),
        Blocker::InUse { .. } => Some(Blocker::Failed { slot: MGN, id: id(), message: "no".to_owned() }),
        Blocker::Failed { slot: Slot::Resolver, .. } => None,
        Blocker::Failed { .. } => Some(Blocker::Failed { slot: Slot::Resolver, id: id(), message: "no".to_owned() }),
    };
    iter::successors(Some(Blocker::UnderWay { slot: MGN, state: "Pending".to_owned() }), next)
}

/// Returns plans with their failed steps.
fn troubles() -> Vec<(Plan, Vec<StepFailure>)> {
    let step = Step::DeleteGroup { role: GroupRole::Resolver, group: "sg-1".into() };
    let mut troubles =
        vec![(Plan::default(), Vec::new()), (Plan { steps: vec![step], blockers: Vec::new() }, Vec::new())];
    for blocker in blockers() {
        troubles.push((Plan { steps: Vec::new(), blockers: vec![blocker] }, Vec::new()));
    }
    for failure in failures() {
        troubles.push((Plan::default(), vec![StepFailure { slots: vec![MGN], failure }]));
    }
    troubles
}

/// Returns every verdict of a reconcile of a network that is not being deleted.
fn of_an_existing_network() -> Vec<Verdict> {
    let mut verdicts = vec![Verdict::Broken(String::new()), Verdict::Broken("a panic".to_owned())];
    verdicts.push(Verdict::Admitted);
    verdicts.push(Verdict::Unfit(Vec::new()));
    verdicts.extend(failures().map(Verdict::Unseen));
    for reason in Reason::ALL {
        for message in ["", "what to do"] {
            verdicts.push(Verdict::Rejected { reason: *reason, message: message.to_owned() });
        }
    }
    for check in Check::ALL {
        for message in ["", "what to do"] {
            verdicts.push(Verdict::Unfit(vec![Finding::new(*check, message.to_owned())]));
        }
    }
    for (plan, failures) in troubles() {
        for changed in [false, true] {
            for foreign_rules in [Vec::new(), vec!["sg-1: icmp from 0.0.0.0/0".to_owned()]] {
                if failures.is_empty() && !plan.is_done() {
                    verdicts.push(Verdict::Planned {
                        plan: plan.clone(),
                        summary: "1 to create".to_owned(),
                        under_way: changed,
                        resolver: ResolverHealth::Full,
                        endpoints: (7, 7),
                        foreign_rules: foreign_rules.clone(),
                    });
                }
                verdicts.push(Verdict::Built {
                    plan: plan.clone(),
                    failures: failures.clone(),
                    changed,
                    resolver: ResolverHealth::Full,
                    endpoints: (7, 7),
                    foreign_rules,
                });
            }
        }
    }
    verdicts
}

/// Returns the possible verdicts of the previous reconcile: a complete network, and one verdict of each kind. `write`
/// keeps previous conditions only if it cannot determine them again.
fn before() -> Result<Vec<Verdict>> {
    let all = of_an_existing_network();
    let is_complete = |verdict: &&Verdict| match verdict {
        Verdict::Built { plan, failures, changed, .. } => plan.is_done() && failures.is_empty() && !changed,
        _ => false,
    };
    let complete = all.iter().find(is_complete).context("no verdict is of a complete network")?;
    let mut kinds = HashSet::new();
    let one_of_each = all.iter().rev().filter(|verdict| kinds.insert(mem::discriminant(*verdict)));
    Ok(iter::once(complete).chain(one_of_each).cloned().collect())
}

/// Returns every verdict of a reconcile of a network that is being deleted.
fn of_a_deleted_network() -> Vec<Verdict> {
    let mut verdicts = vec![Verdict::Broken(String::new())];
    verdicts.extend(failures().map(Verdict::Unseen));
    for (plan, failures) in troubles() {
        for changed in [false, true] {
            verdicts.push(Verdict::Deleting { plan: plan.clone(), failures: failures.clone(), changed });
        }
    }
    verdicts
}

/// Returns a network as JSON with the status that the operator writes.
fn network(conditions: Vec<Condition>, suspend: bool, is_deleted: bool) -> Result<String> {
    let spec = MigrationNetworkSpec { suspend: suspend.then_some(true), ..MigrationNetworkSpec::default() };
    let mut network = MigrationNetwork::new("tokyo", spec);
    network.metadata.generation = Some(GENERATION);
    network.metadata.deletion_timestamp = is_deleted.then_some(Time(Timestamp::UNIX_EPOCH));
    network.status = Some(MigrationNetworkStatus {
        observed_generation: GENERATION,
        conditions,
        ..MigrationNetworkStatus::default()
    });
    Ok(serde_json::to_string(&network)?)
}

fn conditions(verdicts: &[&Verdict], suspended: bool) -> Vec<Condition> {
    let mut conditions = Vec::new();
    for verdict in verdicts {
        write(&mut conditions, verdict, suspended, GENERATION, Timestamp::UNIX_EPOCH);
    }
    conditions
}

/// Returns every distinct network that the operator can write.
pub(crate) fn networks() -> Result<Vec<Value>> {
    let (before, existing, deleted) = (before()?, of_an_existing_network(), of_a_deleted_network());
    let mut networks = BTreeSet::new();
    for suspend in [false, true] {
        for last in &existing {
            networks.insert(network(conditions(&[last], suspend), suspend, false)?);
            for first in &before {
                networks.insert(network(conditions(&[first, last], suspend), suspend, false)?);
            }
        }
        // Suspension does not apply to a network that is being deleted.
        for last in &deleted {
            networks.insert(network(conditions(&[last], false), suspend, true)?);
            for first in before.iter().chain(&deleted) {
                networks.insert(network(conditions(&[first, last], false), suspend, true)?);
            }
        }
    }
    networks.iter().map(|network| Ok(serde_json::from_str(network)?)).collect()
}
