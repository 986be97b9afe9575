//! The promise about `status.onPremises`, the hand-off to the on-premises teams.
//!
//! The expected facts are computed from the spec and the true state of AWS without the operator's code: who connects, the
//! addresses of the endpoints for MGN and S3 and of the Resolver endpoint, and the ranges of their subnets.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use mgnet::{
    api::{
        ChangeKind, ChecklistState, ConditionType, DnsForwarder, FirewallRule, ManagementPolicy, MigrationNetwork,
        NameUse, NetworkDefaults, ON_PREMISES_DONE_ANNOTATION, OnPremisesBasis, OnPremisesName, OnPremisesStatus,
        conditions::is_true,
    },
    model::ownership::ADOPTED_TAG,
};
use serde_json::{Value, json};
use support::{SUBNET_TAG, Use, state::State};

use crate::{
    goal,
    history::{History, Moment, Scene, What, Who},
    promises::{begun, network, owned, scenes},
    universe::REGION,
};

/// The resources with addresses that on-premises clients use: the slot, and the IDs of the rules for it.
const PARTS: [(&str, &[&str]); 3] = [
    ("vpce/mgn/Interface", &["mgn-https", "mgn-https-proxies"]),
    ("vpce/s3/Interface", &["s3-https", "s3-https-proxies"]),
    ("resolver", &["dns-tcp", "dns-udp"]),
];

type Texts = BTreeSet<String>;

/// 10. **Exact hand-off.** A hand-off that the operator writes names the addresses that AWS has in the subnets of the spec, at
///     some moment since the start of the reconcile, or up to the lag of its lists earlier. So does one that it leaves in the
///     status of a network that it reports as `Ready`. At rest it equals the facts. Its revision changes with the facts only,
///     `changes` lists the entries that differ, and an item of its checklist becomes `Done` only if the annotation has named a
///     revision with the same facts. It is not withdrawn.
pub(crate) fn exact(history: &History) -> Result<(), String> {
    match history.last() {
        Some((_, Moment { what: What::Rest, after, .. })) => at_rest(after),
        Some((
            before,
            Moment { who: who @ Who::Operator(_), of: Some(of), what: What::Write("status"), after, .. },
        )) => {
            let (Some(was), Some(is)) = (network(before, of), network(after, of)) else { return Ok(()) };
            match (told(was), told(is)) {
                (Some(_), None) => return Err("the hand-off is withdrawn".to_owned()),
                (was, Some(hand_off)) if was != Some(hand_off) => written(history, *who, of, was, hand_off)?,
                _ => {}
            }
            if is_ready(is) { of_ready_network(history, *who, is) } else { Ok(()) }
        }
        _ => Ok(()),
    }
}

/// Checks a hand-off that the operator has written in the last effect.
fn written(
    history: &History,
    who: Who,
    of: &str,
    was: Option<&OnPremisesStatus>,
    hand_off: &OnPremisesStatus,
) -> Result<(), String> {
    done_is_acknowledged(history, of, was, hand_off)?;
    if was
        .is_some_and(|was| entries(was) == entries(hand_off) && was.basis == hand_off.basis && !is_edited(history, of))
    {
        return same_revision(was, hand_off);
    }
    revision_follows_facts(history, of, hand_off)?;
    network(history.now(), of).map_or(Ok(()), |network| names_the_facts(history, who, network, hand_off))
}

/// Whether the operator reports that the network has reached the state that its present spec requires.
fn is_ready(network: &MigrationNetwork) -> bool {
    let Some(status) = &network.status else { return false };
    Some(status.observed_generation) == network.metadata.generation
        && !is_idle(network)
        && is_true(&status.conditions, ConditionType::Ready)
}

/// Whether the operator does not act for the network.
fn is_idle(network: &MigrationNetwork) -> bool {
    network.metadata.deletion_timestamp.is_some()
        || network.spec.suspend == Some(true)
        || network.spec.management_policy == Some(ManagementPolicy::Plan)
}

/// Checks the hand-off of a network that is reported as ready. It may be older than this report.
fn of_ready_network(history: &History, who: Who, network: &MigrationNetwork) -> Result<(), String> {
    let hand_off = told(network).ok_or("the network is ready, but has no hand-off")?;
    names_the_facts(history, who, network, hand_off)
}

/// Checks the addresses in a hand-off, and who connects, against the states of the world that the reconcile has seen.
fn names_the_facts(
    history: &History,
    who: Who,
    network: &MigrationNetwork,
    hand_off: &OnPremisesStatus,
) -> Result<(), String> {
    let since = begun(history, who).saturating_sub(history.lag);
    let seen: Vec<&Scene> = history.scenes_since(since).collect();
    // The operator reads the parts one after the other.
    for (slot, rules) in PARTS {
        let named = Named::of(hand_off, rules);
        let there: Vec<Option<Named>> = seen.iter().map(|scene| expected(network, scene, slot)).collect();
        let is_planned = hand_off.basis == OnPremisesBasis::Planned && named.is_within(&fixed(network, slot));
        if !is_planned && !there.contains(&Some(named.clone())) {
            return Err(format!("the hand-off names {named:?} for {slot}, but AWS had {there:?}"));
        }
    }
    let defaults = seen.iter().map(|scene| &*scene.defaults);
    let clients: Vec<Clients> = defaults.map(|defaults| Clients::wanted(network, defaults)).collect();
    let named = Clients::named(hand_off);
    if !clients.contains(&named) {
        return Err(format!("the hand-off names {named:?}, but the spec requires {clients:?}"));
    }
    Ok(())
}

/// Whether a user has edited the status of the network, so that the operator restores it.
fn is_edited(history: &History, of: &str) -> bool {
    let by_user = |moments: &[Arc<Moment>]| {
        let hand_off = |moment: &Moment| network(&moment.after, of).and_then(told).cloned();
        matches!(moments, [before, last] if last.who == Who::User && hand_off(before) != hand_off(last))
    };
    history.moments.windows(2).any(by_user)
}

/// Checks that the operator acknowledges nothing by itself.
fn done_is_acknowledged(
    history: &History,
    of: &str,
    was: Option<&OnPremisesStatus>,
    hand_off: &OnPremisesStatus,
) -> Result<(), String> {
    let acknowledged = |scene: &Scene| {
        let network = network(scene, of)?;
        let annotation = network.metadata.annotations.as_ref()?.get(ON_PREMISES_DONE_ANNOTATION)?;
        told(network).filter(|hand_off| hand_off.revision == *annotation).map(|hand_off| hand_off.checklist.clone())
    };
    for item in hand_off.checklist.iter().filter(|item| item.state == ChecklistState::Done) {
        // Users can edit status, too.
        if was.is_some_and(|was| was.checklist.contains(item)) {
            continue;
        }
        let is_same = |other: &mgnet::api::ChecklistItem| other.item == item.item && other.revision == item.revision;
        if !scenes(history).filter_map(acknowledged).flatten().any(|other| is_same(&other)) {
            return Err(format!("{item:?} was never acknowledged"));
        }
    }
    Ok(())
}

/// Checks a hand-off whose facts are those of the previous one.
fn same_revision(was: Option<&OnPremisesStatus>, hand_off: &OnPremisesStatus) -> Result<(), String> {
    match was.filter(|was| was.revision != hand_off.revision || was.changes != hand_off.changes) {
        Some(was) => Err(format!("the facts are equal, but {was:?} became {hand_off:?}")),
        None => Ok(()),
    }
}

/// Checks the revision, and `changes`, against all hand-offs that the operator has written before.
fn revision_follows_facts(history: &History, of: &str, hand_off: &OnPremisesStatus) -> Result<(), String> {
    let earlier = |moments: &[Arc<Moment>]| {
        let (before, last) = (moments.first()?, moments.last()?);
        let by_operator = matches!((last.who, &last.what), (Who::Operator(_), What::Write("status")));
        let (was, is) = (network(&before.after, of).and_then(told), network(&last.after, of).and_then(told)?);
        (by_operator && was != Some(is)).then(|| is.clone())
    };
    let moments = history.moments.split_last().map_or(&[][..], |(_, earlier)| earlier);
    let mut previous = None;
    for one in moments.windows(2).filter_map(earlier) {
        if (entries(&one) == entries(hand_off)) != (one.revision == hand_off.revision) {
            return Err(format!(
                "the facts of revisions {} and {} do not tell them apart",
                one.revision, hand_off.revision
            ));
        }
        previous = Some(one);
    }
    let stored = history.last().and_then(|(before, _)| network(before, of)).and_then(told);
    let Some(previous) = previous.filter(|previous| stored == Some(previous)) else { return Ok(()) };
    let named: BTreeMap<&str, ChangeKind> =
        hand_off.changes.iter().map(|one| (one.subject.as_str(), one.change)).collect();
    let expected = if previous.revision == hand_off.revision {
        previous.changes.iter().map(|one| (one.subject.clone(), one.change)).collect()
    } else {
        differences(&entries(&previous), &entries(hand_off))
    };
    let expected: BTreeMap<&str, ChangeKind> =
        expected.iter().map(|(subject, kind)| (subject.as_str(), *kind)).collect();
    if named == expected { Ok(()) } else { Err(format!("`changes` is {named:?}, but should be {expected:?}")) }
}

fn differences(before: &BTreeMap<String, Value>, after: &BTreeMap<String, Value>) -> BTreeMap<String, ChangeKind> {
    let subjects: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let kind = |subject: &String| match (before.get(subject), after.get(subject)) {
        (None, _) => Some(ChangeKind::Added),
        (_, None) => Some(ChangeKind::Removed),
        (one, other) => (one != other).then_some(ChangeKind::Changed),
    };
    subjects.into_iter().filter_map(|subject| Some((subject.clone(), kind(subject)?))).collect()
}

/// Checks the hand-offs of all networks that have reached their desired state.
fn at_rest(scene: &Scene) -> Result<(), String> {
    for (key, network) in &*scene.networks {
        let conditions = network.status.as_ref().map_or(&[][..], |status| &status.conditions);
        // A network that conflicts with another one, or does not fit its VPC, has no addresses.
        let is_resolved = is_true(conditions, ConditionType::NetworkResolved);
        if is_idle(network) || !is_resolved {
            continue;
        }
        let Some(hand_off) = told(network) else { return Err(format!("{key} has no hand-off")) };
        for (slot, rules) in PARTS {
            let (named, there) = (Named::of(hand_off, rules), expected(network, scene, slot));
            if there.as_ref() != Some(&named) {
                return Err(format!(
                    "{key} is at rest, but its hand-off names {named:?} for {slot} instead of {there:?}"
                ));
            }
        }
        let (named, wanted) = (Clients::named(hand_off), Clients::wanted(network, &scene.defaults));
        if named != wanted {
            return Err(format!("{key} is at rest, but its hand-off names {named:?} instead of {wanted:?}"));
        }
        let annotation = network.metadata.annotations.as_ref().and_then(|all| all.get(ON_PREMISES_DONE_ANNOTATION));
        let is_done = annotation == Some(&hand_off.revision);
        let says_done = is_true(conditions, ConditionType::OnPremisesCurrent);
        let all_done = hand_off.checklist.iter().all(|item| item.state == ChecklistState::Done);
        if says_done != is_done || (is_done && !all_done) {
            return Err(format!("{key}: {annotation:?} is acknowledged, but the hand-off is {hand_off:?}"));
        }
    }
    Ok(())
}

fn told(network: &MigrationNetwork) -> Option<&OnPremisesStatus> {
    network.status.as_ref()?.on_premises.as_ref()
}

/// All entries of a hand-off, by their subjects.
fn entries(hand_off: &OnPremisesStatus) -> BTreeMap<String, Value> {
    let OnPremisesStatus { firewall_rules, dns_forwarders, names, endpoints, .. } = hand_off;
    let rules = firewall_rules.iter().map(|one| (format!("firewallRules/{}", one.id), json!(one)));
    let forwarders = dns_forwarders.iter().map(|one| (format!("dnsForwarders/{}", one.domain), json!(one)));
    let names = names.iter().map(|one| (format!("names/{}", one.name), json!(one)));
    let endpoints = endpoints.iter().map(|one| (format!("endpoints/{}", one.service), json!(one)));
    rules.chain(forwarders).chain(names).chain(endpoints).collect()
}

/// The addresses of one resource, and the ranges of their subnets. Both are empty if the network does not have the resource.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Named {
    addresses: Texts,
    ranges: Texts,
    /// The addresses in the entries that on-premises DNS needs: names of an endpoint, or targets of forwarders.
    in_dns: Texts,
}

impl Named {
    /// What a hand-off names in the rules with these IDs, and for DNS. Rules that differ are all included, and so are found.
    fn of(hand_off: &OnPremisesStatus, ids: &[&str]) -> Self {
        let rules = || hand_off.firewall_rules.iter().filter(|rule| ids.contains(&rule.id.as_str()));
        let domain = |service: &str| format!("{service}.{REGION}.amazonaws.com");
        let names = |domain: String| {
            let below = format!(".{domain}");
            let of_sources = hand_off.names.iter().filter(|one| one.for_ == NameUse::Source);
            let of_service = of_sources.filter(move |one| one.name == domain || one.name.ends_with(&below));
            of_service.flat_map(|OnPremisesName { addresses, .. }| addresses.clone()).collect()
        };
        let targets = || hand_off.dns_forwarders.iter().flat_map(|DnsForwarder { targets, .. }| targets.clone());
        let in_dns = match ids {
            ["mgn-https", ..] => names(domain("mgn")),
            ["s3-https", ..] => names(domain("s3")),
            _ => targets().collect(),
        };
        Self {
            addresses: rules().flat_map(|rule| rule.addresses.clone()).collect(),
            ranges: rules().flat_map(|rule| rule.subnets.clone()).collect(),
            in_dns,
        }
    }

    /// Whether all addresses are among these.
    fn is_within(&self, addresses: &Texts) -> bool {
        self.addresses.is_subset(addresses) && self.in_dns.is_subset(addresses)
    }
}

/// Returns what a hand-off must name for a slot. None if the resource is missing, or if its addresses are not those that the
/// spec requires: one in each of its subnets, or any of an adopted resource.
fn expected(network: &MigrationNetwork, scene: &Scene, slot: &str) -> Option<Named> {
    if !goal::slots(&network.spec).contains(slot) {
        return Some(Named::default());
    }
    let uid = network.metadata.uid.as_deref()?;
    let is_it = |(owner, other, _, is_live): &(&str, &str, &str, bool)| *owner == uid && *other == slot && *is_live;
    let (_, _, id, _) = owned(&scene.aws).find(is_it)?;
    let addresses = serving(&scene.aws, id);
    let wanted = subnets(network, &scene.aws)?;
    let found: Vec<&str> = addresses.iter().map(|(subnet, _)| subnet.as_str()).collect();
    let is_as_specified = found.len() == wanted.len() && found.iter().all(|subnet| wanted.contains(*subnet));
    let ranges = addresses
        .iter()
        .filter_map(|(subnet, _)| Some(scene.aws.subnets.iter().find(|one| one.id == *subnet)?.cidr.clone()));
    let all: Texts = addresses.iter().map(|(_, address)| address.clone()).collect();
    // Without an endpoint, there is nothing to forward.
    let slots = goal::slots(&network.spec);
    let is_in_dns = PARTS.iter().any(|(other, _)| *other != "resolver" && slots.contains(*other));
    let in_dns = if is_in_dns { all.clone() } else { Texts::new() };
    let named = Named { addresses: all, ranges: ranges.collect(), in_dns };
    (is_as_specified || is_adopted(&scene.aws, id)).then_some(named)
}

/// The addresses of a resource that exist and answer, or will do so without further calls, each with its subnet.
fn serving(aws: &State, id: &str) -> BTreeSet<(String, String)> {
    let gone = |status: &str| status.starts_with("FAILED_") || matches!(status, "DETACHING" | "DELETING" | "ISOLATED");
    let resolvers = aws.resolver_endpoints.iter().filter(|one| one.id == id).flat_map(|one| &one.addresses);
    let leaving: Texts = resolvers.filter(|one| gone(&one.status)).map(|one| one.address.clone()).collect();
    let exists = |address: &String| aws.network_interfaces.iter().any(|interface| interface.address == *address);
    let all = aws.addresses(id).into_iter();
    all.filter(|(_, address)| !leaving.contains(address) && exists(address)).collect()
}

/// The IDs of the subnets that the spec selects for addresses.
fn subnets<'a>(network: &MigrationNetwork, aws: &'a State) -> Option<BTreeSet<&'a str>> {
    let vpc = network.status.as_ref()?.vpc_id.as_ref()?;
    let others = network.spec.subnets.as_ref().is_some_and(|subnets| subnets.endpoints.is_some());
    let role = if others { "others" } else { Use::Endpoints.as_str() };
    let selected =
        aws.subnets.iter().filter(|one| one.vpc == *vpc && one.tags.get(SUBNET_TAG).is_some_and(|tag| tag == role));
    Some(selected.map(|one| one.id.as_str()).collect())
}

fn is_adopted(aws: &State, id: &str) -> bool {
    let endpoints = aws.vpc_endpoints.iter().filter(|one| one.id == id).map(|one| &one.tags);
    let resolvers = aws.resolver_endpoints.iter().filter(|one| one.id == id).map(|one| &one.tags);
    endpoints.chain(resolvers).any(|tags| tags.contains_key(ADOPTED_TAG))
}

/// The addresses that the spec fixes for a slot.
fn fixed(network: &MigrationNetwork, slot: &str) -> Texts {
    let endpoints = network.spec.endpoints.iter().flatten();
    let of_endpoint = endpoints.filter(|one| format!("vpce/{}/{:?}", one.service, one.type_) == slot);
    let of_resolver = network.spec.resolver.iter().filter(|_| slot == "resolver");
    let all = of_endpoint.flat_map(|one| &one.addresses).chain(of_resolver.flat_map(|one| &one.addresses));
    all.flatten().map(|address| address.ip.clone()).collect()
}

/// The ranges that connect, by the ID of the rule.
type ByRule = BTreeMap<String, Texts>;

/// Who connects.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Clients(ByRule);

impl Clients {
    fn named(hand_off: &OnPremisesStatus) -> Self {
        let rules = hand_off.firewall_rules.iter();
        Self(rules.map(|FirewallRule { id, sources, .. }| (id.clone(), sources.iter().cloned().collect())).collect())
    }

    /// The ranges in the spec, or in the defaults of the class.
    fn wanted(network: &MigrationNetwork, defaults: &NetworkDefaults) -> Self {
        let spec = &network.spec;
        let texts = |ranges: Option<&Vec<String>>| ranges.into_iter().flatten().cloned().collect::<Texts>();
        let sources = texts(spec.source_cidrs.as_ref().or(defaults.source_cidrs.as_ref()));
        let proxies = texts(spec.proxy_cidrs.as_ref().or(defaults.proxy_cidrs.as_ref()));
        let own = spec.resolver.as_ref().and_then(|resolver| resolver.client_cidrs.as_ref());
        let clients = own.map_or_else(|| sources.clone(), |own| own.iter().cloned().collect());
        let slots = goal::slots(spec);
        let rules = [
            ("mgn-https", "vpce/mgn/Interface", &sources),
            ("mgn-https-proxies", "vpce/mgn/Interface", &proxies),
            ("s3-https", "vpce/s3/Interface", &sources),
            ("s3-https-proxies", "vpce/s3/Interface", &proxies),
            ("dns-tcp", "resolver", &clients),
            ("dns-udp", "resolver", &clients),
        ];
        let rules = rules.into_iter().filter(|(_, slot, ranges)| slots.contains(*slot) && !ranges.is_empty());
        let rules = rules.map(|(id, _, ranges)| (id.to_owned(), ranges.clone()));
        Self(rules.chain([("replication".to_owned(), sources.clone())]).collect())
    }
}
