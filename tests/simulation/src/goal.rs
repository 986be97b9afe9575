//! What a network should come to, told from its spec without the operator's code.

use std::collections::{BTreeMap, BTreeSet};

use kube::ResourceExt;
use mgnet::{
    api::{
        ConditionType, ManagementPolicy, MigrationNetwork, MigrationNetworkSpec, NetworkDefaults, PrivateDns, Reason,
        ReplicationSecurityGroupMode, ResolverMode, Toggle, conditions::find,
    },
    model::ownership::OWNER_TAG,
};
use support::{Expected, Summary, state::State};

use crate::{history::Scene, promises::is_ready};

/// What is said about a rule that somebody has added: those are reported, and left alone.
pub const BY_HAND: &str = "by hand";

/// The names of the subnets that scenarios have beside those of the class.
pub const OTHER_SUBNETS: [&str; 2] = ["others-1", "others-2"];

/// What should be in AWS for a spec, with the class's defaults.
fn expected(spec: &MigrationNetworkSpec, defaults: &NetworkDefaults) -> Expected {
    let mut expected = Expected::default();
    if let Some(sources) = &spec.source_cidrs {
        expected = expected.all_sources(sources);
    }
    if let Some(proxies) = spec.proxy_cidrs.as_ref().or(defaults.proxy_cidrs.as_ref()) {
        expected = expected.all_proxies(proxies);
    }
    if spec.resolver.as_ref().and_then(|resolver| resolver.mode) == Some(ResolverMode::Disabled) {
        expected = expected.without_resolver();
    }
    if spec.post_launch.as_ref().and_then(|post_launch| post_launch.ssm) == Some(Toggle::Disabled) {
        expected = expected.without_ssm();
    }
    for (key, value) in spec.tags.iter().flatten() {
        expected = expected.tag(key, value);
    }
    for endpoint in spec.endpoints.iter().flatten() {
        expected = expected.with(&endpoint.service);
        if endpoint.private_dns == Some(PrivateDns::Disabled) {
            expected = expected.private_dns(&endpoint.service, "off");
        }
    }
    if spec.subnets.as_ref().is_some_and(|subnets| subnets.endpoints.is_some()) {
        expected = expected.subnets(OTHER_SUBNETS);
    }
    let group = spec.replication.as_ref().and_then(|replication| replication.security_group.as_ref());
    if group.and_then(|group| group.mode) == Some(ReplicationSecurityGroupMode::Managed) {
        expected = expected.with_replication_group();
    }
    expected
}

/// The slots that a spec asks to be filled.
pub fn slots(spec: &MigrationNetworkSpec) -> BTreeSet<String> {
    let summary = expected(spec, &NetworkDefaults::default()).summary();
    summary.lines().iter().filter_map(|line| line.split_once(": ")).map(|(slot, _)| slot.to_owned()).collect()
}

/// The rules that a network asks for in one scene, and its group of that slot does not have in another.
pub fn missing_rules(asked: &Scene, there: &Scene, uid: &str, slot: &str) -> Vec<String> {
    let network = asked.networks.values().find(|network| network.uid().as_deref() == Some(uid));
    let wanted = network.map(|network| expected(&network.spec, &asked.defaults).summary()).unwrap_or_default();
    let there = rules(&Summary::of(&of(&there.aws, uid))).remove(slot).unwrap_or_default();
    rules(&wanted).remove(slot).unwrap_or_default().difference(&there).cloned().collect()
}

/// The rules of each group.
fn rules(summary: &Summary) -> BTreeMap<String, BTreeSet<String>> {
    let groups = summary.lines().iter().filter_map(|line| line.split_once(": "));
    let rules = |text: &str| text.split(", ").filter(|rule| rule.contains(" from ")).map(str::to_owned).collect();
    groups.filter(|(slot, _)| slot.starts_with("sg/")).map(|(slot, text)| (slot.to_owned(), rules(text))).collect()
}

/// What of the state is owned by a network.
fn of(state: &State, uid: &str) -> State {
    let is_own = |tags: &support::state::Tags| tags.get(OWNER_TAG).is_some_and(|owner| owner == uid);
    let mut own = state.clone();
    own.security_groups.retain(|one| is_own(&one.tags));
    own.vpc_endpoints.retain(|one| is_own(&one.tags));
    own.resolver_endpoints.retain(|one| is_own(&one.tags));
    for group in &mut own.security_groups {
        group.ingress.retain(|rule| rule.description.as_deref() != Some(BY_HAND));
    }
    own.network_interfaces.clear();
    // Groups of others go by their ids.
    own
}

/// Whether AWS is as the network's spec wants it; else the lines that only one of the two has.
///
/// # Errors
/// The difference.
pub fn reached(network: &MigrationNetwork, scene: &Scene) -> Result<(), String> {
    let state = &scene.aws;
    let uid = network.uid().unwrap_or_default();
    // Whether a resource was there before the network was does not matter.
    let there: Vec<String> =
        Summary::of(&of(state, &uid)).lines().iter().map(|line| line.replace(", adopted", "")).collect();
    let wanted = expected(&network.spec, &scene.defaults).summary();
    let only = |these: &[String], those: &[String], sign: char| {
        let lines = these.iter().filter(|line| !those.contains(line));
        lines.fold(String::new(), |text, line| format!("{text}{sign} {line}\n"))
    };
    let difference = only(wanted.lines(), &there, '-') + &only(&there, wanted.lines(), '+');
    if difference.is_empty() && there.len() == wanted.lines().len() { Ok(()) } else { Err(difference) }
}

/// Whether every network has what it wants and says so, or must not have it and says why.
///
/// # Errors
/// What is not so.
pub fn all_reached(scene: &Scene) -> Result<(), String> {
    for (key, network) in &*scene.networks {
        if network.metadata.deletion_timestamp.is_some() {
            return Err(format!("{key} is still being deleted: {}", said(network)));
        }
        let uid = network.uid().unwrap_or_default();
        let conditions = network.status.as_ref().map_or(&[][..], |status| &status.conditions);
        let why = find(conditions, ConditionType::Ready).map(|ready| ready.reason.as_str());
        if why == Some(Reason::Conflicted.as_str()) {
            let holder = scene.vpc_leases.values().find(|claim| claim.holder != uid);
            let is_there = holder.is_some_and(|claim| {
                scene.networks.values().any(|other| other.uid().as_deref() == Some(&claim.holder))
            });
            if !is_there {
                return Err(format!("{key} gives way to nobody: {}", said(network)));
            }
            if !Summary::of(&of(&scene.aws, &uid)).is_empty() {
                return Err(format!("{key} has something in AWS, and says that it gives way"));
            }
            continue;
        }
        if network.spec.suspend == Some(true) || network.spec.management_policy == Some(ManagementPolicy::Plan) {
            // It stays as it is; that nothing is done is another promise.
            continue;
        }
        reached(network, scene).map_err(|difference| format!("{key}: {}\n{difference}", said(network)))?;
        if !is_ready(network) {
            return Err(format!("{key} has what it wants, and does not say so: {}", said(network)));
        }
    }
    Ok(())
}

fn said(network: &MigrationNetwork) -> String {
    let conditions = network.status.as_ref().map_or(&[][..], |status| &status.conditions);
    let ready = find(conditions, ConditionType::Ready);
    ready.map_or_else(|| "nothing is said".to_owned(), |ready| format!("{}: {}", ready.reason, ready.message))
}
