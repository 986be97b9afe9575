//! The policies contain nothing that no scenario needs: without any one of their parts, AWS would deny a call.

use std::collections::BTreeSet;

use anyhow::{Result, ensure};

use crate::{
    allowed::{all_requests, denied},
    evaluate::{Principal, Request},
    policy::{Operator, Statement, Texts},
    role_of, scenarios, statements, statements_for_transfer,
};

/// Parts that no scenario needs, with the reason why they are there.
const OPTIONAL: [(&str, &str); 0] = [];

/// The requests of one scenario.
struct Needs {
    role: Principal,
    requests: BTreeSet<Request>,
    adopts: bool,
    /// The statements for a transfer.
    transfer: Vec<Statement>,
}

/// Returns the statements without each of their parts: an action, a resource, or a value of a condition. The last part
/// of a list is left out with its statement.
fn without_each_part(statements: &[Statement]) -> Vec<(String, Vec<Statement>)> {
    let mut variants = Vec::new();
    for (number, statement) in statements.iter().enumerate() {
        let mut add = |part: &str, changed: Option<Statement>| {
            let mut all = statements.to_vec();
            match changed {
                Some(changed) => all[number] = changed,
                None => drop(all.remove(number)),
            }
            variants.push((format!("{} {part}", statement.sid), all));
        };
        add("statement", None);
        for (part, action) in shorter(&statement.action) {
            add(&part, Some(Statement { action, ..statement.clone() }));
        }
        for (part, resource) in shorter(&statement.resource) {
            add(&part, Some(Statement { resource, ..statement.clone() }));
        }
        for (operator, keys) in statement.condition.iter().filter(|(operator, _)| **operator != Operator::Null) {
            for (key, values) in keys {
                for (part, values) in shorter(values) {
                    let mut changed = statement.clone();
                    changed.condition.entry(*operator).or_default().insert(key.clone(), values);
                    add(&part, Some(changed));
                }
            }
        }
    }
    variants
}

/// Returns a list without each of its items, if it has several.
fn shorter(texts: &Texts) -> Vec<(String, Texts)> {
    if texts.0.len() < 2 {
        return Vec::new();
    }
    let without = |left_out: &String| Texts(texts.0.iter().filter(|text| *text != left_out).cloned().collect());
    texts.0.iter().map(|text| (text.clone(), without(text))).collect()
}

#[tokio::test]
async fn every_part_of_the_policies_is_needed() -> Result<()> {
    let mut needs = Vec::new();
    for recorded in scenarios::all().await? {
        let requests = all_requests(&recorded.calls)?;
        let transfer = recorded.transfers_from.as_deref().map(statements_for_transfer).transpose()?.unwrap_or_default();
        needs.push(Needs { role: role_of(&recorded.cluster), requests, adopts: recorded.adopts, transfer });
    }
    let (operator, both) = (statements(false)?, statements(true)?);
    let (adoption, optional): (Vec<_>, Vec<&str>) =
        (both[operator.len()..].to_vec(), OPTIONAL.map(|(part, _)| part).into());
    let mut unneeded = Vec::new();
    for (part, changed) in without_each_part(&operator) {
        let is_denied = needs.iter().any(|Needs { role, requests, adopts, transfer }| {
            let adoption = adoption.iter().filter(|_| *adopts);
            let all: Vec<_> = changed.iter().chain(adoption).chain(transfer).cloned().collect();
            !denied(role, requests, &all).is_empty()
        });
        unneeded.extend((!is_denied).then_some(part));
    }
    for (part, changed) in without_each_part(&adoption) {
        let is_denied = needs.iter().any(|Needs { role, requests, transfer, .. }| {
            let all: Vec<_> = operator.iter().chain(&changed).chain(transfer).cloned().collect();
            !denied(role, requests, &all).is_empty()
        });
        unneeded.extend((!is_denied).then_some(part));
    }
    for Needs { role, requests, transfer, .. } in needs.iter().filter(|needs| !needs.transfer.is_empty()) {
        for (part, changed) in without_each_part(transfer) {
            let all: Vec<_> = operator.iter().chain(&changed).cloned().collect();
            unneeded.extend(denied(role, requests, &all).is_empty().then_some(part));
        }
    }
    ensure!(unneeded == optional, "no scenario needs {unneeded:#?}");
    Ok(())
}
