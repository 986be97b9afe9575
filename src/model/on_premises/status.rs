//! `status.onPremises`: the facts with their revision, what changed since the previous revision, and the work that is done.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::Facts;
use crate::{
    api::{
        ChangeKind, ChecklistItem, ChecklistState, ChecklistWork,
        ConditionStatus::{False, True},
        DnsForwarder, MOST_CHANGES, NameUse, ON_PREMISES_DONE_ANNOTATION, OnPremisesBasis, OnPremisesChange,
        OnPremisesPolicy, OnPremisesStatus, Reason,
        conditions::State,
    },
    text::{hex, truncate},
};

/// Returns the status of the facts. Work stays done while its own facts stay the same.
pub fn status(facts: Facts, previous: Option<&OnPremisesStatus>) -> OnPremisesStatus {
    let Facts { basis, firewall_rules, dns_forwarders, names, endpoints } = facts;
    let config_map = previous.and_then(|previous| previous.config_map.clone());
    let mut status = OnPremisesStatus {
        basis,
        firewall_rules,
        dns_forwarders,
        names,
        endpoints,
        config_map,
        ..OnPremisesStatus::default()
    };
    status.checklist = checklist(&status);
    keep_done(&mut status.checklist, previous);
    status.revision = revision_of(&status);
    if let Some(previous) = previous {
        // A status that was edited by hand is not a change of the facts.
        let is_same = previous.revision == status.revision || revision_of(previous) == status.revision;
        status.changes = if is_same { previous.changes.clone() } else { changes(previous, &status) };
    }
    status
}

/// Returns the work that the facts in a status require, whatever its list says. An item is done only if the list has it as
/// done for the same facts.
pub fn checklist_of(status: &OnPremisesStatus) -> Vec<ChecklistItem> {
    let mut checklist = checklist(status);
    keep_done(&mut checklist, Some(status));
    checklist
}

/// Gives the items whose own facts are unchanged their previous state.
fn keep_done(checklist: &mut [ChecklistItem], previous: Option<&OnPremisesStatus>) {
    for item in checklist {
        let before = previous.into_iter().flat_map(|previous| &previous.checklist);
        let mut same = before.filter(|one| one.item == item.item && one.revision == item.revision);
        item.state = same.next().map_or(ChecklistState::Open, |before| before.state);
    }
}

/// Returns the revision of the facts in a status. It differs from the recorded one if the facts were edited, or if an entry
/// could not be read because another version has written it.
pub fn revision_of(status: &OnPremisesStatus) -> String {
    revision(&(&status.firewall_rules, &status.dns_forwarders, &status.names, &status.endpoints))
}

/// Marks the whole checklist as done if `acknowledged`, the annotation of the network, names the present revision.
pub fn acknowledge(status: &mut OnPremisesStatus, acknowledged: Option<&str>) {
    if acknowledged == Some(&status.revision) {
        status.checklist.iter_mut().for_each(|item| item.state = ChecklistState::Done);
    }
}

/// Returns the condition `OnPremisesCurrent`. None until the hand-off is known. `are_deleted` tells whether the network is being
/// deleted with its addresses.
pub fn condition(status: Option<&OnPremisesStatus>, acknowledged: Option<&str>, are_deleted: bool) -> Option<State> {
    let OnPremisesStatus { revision, basis, checklist, dns_forwarders, .. } = status?;
    if are_deleted && *basis == OnPremisesBasis::Observed {
        return Some((False, Reason::Deleting, removal(dns_forwarders)));
    }
    let open = checklist.iter().filter(|item| item.state == ChecklistState::Open).count();
    let work = format!(
        "do the work in `status.onPremises` ({open} of {} items are open), then set the annotation \
         `{ON_PREMISES_DONE_ANNOTATION}` to '{revision}'",
        checklist.len()
    );
    Some(match acknowledged {
        Some(acknowledged) if acknowledged == revision => {
            (True, Reason::Acknowledged, format!("revision {revision} of the hand-off is acknowledged"))
        }
        Some(acknowledged) => {
            let acknowledged = truncate(acknowledged, 10);
            let message = format!(
                "the annotation names revision '{acknowledged}', but the present revision of the hand-off is {revision}; {work}"
            );
            (False, Reason::RevisionChanged, message)
        }
        None => (False, Reason::NotAcknowledged, work),
    })
}

/// Returns the work that the deletion of a network causes.
fn removal(forwarders: &[DnsForwarder]) -> String {
    let domains: Vec<&str> = forwarders.iter().map(|forwarder| forwarder.domain.as_str()).collect();
    let work = if domains.is_empty() {
        "remove the network's names from hosts files".to_owned()
    } else {
        format!("remove the forwarders of {} from on-premises DNS servers", domains.join(" and "))
    };
    format!("the addresses of the network are being deleted; {work}, and the firewall rules")
}

/// Returns the work that the facts in a status require, each item open, with the revision of its own facts.
fn checklist(status: &OnPremisesStatus) -> Vec<ChecklistItem> {
    let OnPremisesStatus { firewall_rules, dns_forwarders, names, endpoints, .. } = status;
    let item = |item, revision| ChecklistItem { item, state: ChecklistState::Open, revision };
    let mut items = vec![item(ChecklistWork::Firewall, revision(firewall_rules))];
    if dns_forwarders.is_empty() {
        let names: Vec<_> = names.iter().filter(|name| name.for_ != NameUse::Replication).collect();
        items.push(item(ChecklistWork::HostsFiles, revision(&names)));
    } else {
        items.push(item(ChecklistWork::DnsForwarders, revision(dns_forwarders)));
    }
    items.push(item(ChecklistWork::Proxies, revision(names)));
    let is_for_connector = |domain: &str| names.iter().any(|one| one.for_ == NameUse::Connector && one.name == domain);
    let of_s3 = dns_forwarders.iter().filter(|forwarder| forwarder.domain.starts_with("s3."));
    let of_connector = dns_forwarders.iter().filter(|forwarder| is_for_connector(&forwarder.domain));
    for (work, forwarders) in [
        (ChecklistWork::OtherS3Clients, of_s3.collect::<Vec<_>>()),
        (ChecklistWork::OtherAwsClients, of_connector.collect()),
    ] {
        if !forwarders.is_empty() {
            // The forwarders decide which other clients are affected, and the policies which of their requests.
            let is_forwarded =
                |service: &str| forwarders.iter().any(|one| one.domain.starts_with(&format!("{service}.")));
            let restricted = endpoints.iter().filter(|one| one.policy == OnPremisesPolicy::Restricted);
            let restricted: Vec<&str> =
                restricted.map(|one| one.service.as_str()).filter(|one| is_forwarded(one)).collect();
            items.push(item(work, revision(&(forwarders, restricted))));
        }
    }
    items
}

/// Returns the first 10 hexadecimal digits of SHA-256 over the JSON of facts. All their lists are sorted.
#[expect(clippy::expect_used, reason = "facts consist of strings, numbers and lists, which JSON can express")]
fn revision<T: Serialize>(facts: &T) -> String {
    let facts = serde_json::to_vec(facts).expect("facts can be written as JSON");
    hex(Sha256::digest(facts).iter().take(5))
}

fn changes(before: &OnPremisesStatus, after: &OnPremisesStatus) -> Vec<OnPremisesChange> {
    let (before, after) = (entries(before), entries(after));
    let kind = |subject: &String| match (before.get(subject), after.get(subject)) {
        (None, _) => Some(ChangeKind::Added),
        (_, None) => Some(ChangeKind::Removed),
        (one, other) => (one != other).then_some(ChangeKind::Changed),
    };
    let subjects: std::collections::BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    subjects
        .into_iter()
        .filter_map(|subject| Some(OnPremisesChange { subject: subject.clone(), change: kind(subject)? }))
        .take(MOST_CHANGES)
        .collect()
}

/// All entries by their subject.
fn entries(status: &OnPremisesStatus) -> BTreeMap<String, Value> {
    fn json<T: Serialize>(entry: &T) -> Value {
        serde_json::to_value(entry).unwrap_or_default()
    }
    let rules = status.firewall_rules.iter().map(|rule| (format!("firewallRules/{}", rule.id), json(rule)));
    let forwarders = status.dns_forwarders.iter().map(|one| (format!("dnsForwarders/{}", one.domain), json(one)));
    let names = status.names.iter().map(|one| (format!("names/{}", one.name), json(one)));
    let endpoints = status.endpoints.iter().map(|one| (format!("endpoints/{}", one.service), json(one)));
    rules.chain(forwarders).chain(names).chain(endpoints).collect()
}
