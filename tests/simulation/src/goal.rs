//! The expected end state of a network, computed from its spec without the operator's code.

use std::collections::{BTreeMap, BTreeSet};

use kube::ResourceExt;
use mgnet::{
    api::{
        ClaimPhase, ConditionType, ConfigMapState, EndpointMode, EndpointType, ManagementPolicy, MigrationNetwork,
        MigrationNetworkSpec, NetworkDefaults, ON_PREMISES_REVISION_LABEL, PrivateDns, Reason,
        ReplicationSecurityGroupMode, ResolverMode, Toggle, conditions::find,
    },
    controller::Key,
    model::ownership::{ADOPTED_TAG, OWNER_TAG, SLOT_TAG},
};
use support::{Expected, Summary, state::State};

use crate::{history::Scene, promises::is_ready};

/// The description of the rules that a scenario adds by hand. The operator reports such foreign rules, and keeps
/// them.
pub const BY_HAND: &str = "by hand";

/// The names of the subnets that scenarios use in addition to those of the class.
pub const OTHER_SUBNETS: [&str; 2] = ["others-1", "others-2"];

/// The service whose endpoints IAM policies deny in one scenario. No other scenario requests it.
pub const DENIED_SERVICE: &str = "secretsmanager";

/// A slot that only a later version of the operator knows.
pub const LATER_SLOT: &str = "sg/appliances";

/// Whether a later version has a resource of the network.
fn has_later_resource(network: &MigrationNetwork) -> bool {
    let claims = network.status.iter().flat_map(|status| &status.claims);
    claims.filter(|claim| claim.slot == LATER_SLOT).any(|claim| claim.phase == ClaimPhase::Held)
}

/// Whether the network requests an endpoint that IAM policies deny.
fn is_denied(spec: &MigrationNetworkSpec) -> bool {
    spec.endpoints.iter().flatten().any(|endpoint| endpoint.service == DENIED_SERVICE)
}

/// The resources that AWS should contain for a spec and the defaults of its class.
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
    for endpoint in spec.endpoints.iter().flatten().filter(|endpoint| endpoint.service != DENIED_SERVICE) {
        if endpoint.mode == Some(EndpointMode::Disabled) {
            expected = match endpoint.type_ {
                EndpointType::Gateway => expected.without_gateway(),
                EndpointType::Interface => expected.without(&endpoint.service),
            };
            continue;
        }
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

/// The slots that a spec requires to be filled.
pub fn slots(spec: &MigrationNetworkSpec) -> BTreeSet<String> {
    let summary = expected(spec, &NetworkDefaults::default()).summary();
    summary.lines().iter().filter_map(|line| line.split_once(": ")).map(|(slot, _)| slot.to_owned()).collect()
}

/// The rules that a network requires in scene `asked`, and that its security group in `slot` lacks in scene `there`.
pub fn missing_rules(asked: &Scene, there: &Scene, uid: &str, slot: &str) -> Vec<String> {
    let network = asked.networks.values().find(|network| network.uid().as_deref() == Some(uid));
    let wanted = network.map(|network| expected(&network.spec, &asked.defaults).summary()).unwrap_or_default();
    let there = rules(&Summary::of(&of(&there.aws, uid))).remove(slot).unwrap_or_default();
    rules(&wanted).remove(slot).unwrap_or_default().difference(&there).cloned().collect()
}

/// The rules of each security group, by slot.
fn rules(summary: &Summary) -> BTreeMap<String, BTreeSet<String>> {
    let groups = summary.lines().iter().filter_map(|line| line.split_once(": "));
    let rules = |text: &str| text.split(", ").filter(|rule| rule.contains(" from ")).map(str::to_owned).collect();
    groups.filter(|(slot, _)| slot.starts_with("sg/")).map(|(slot, text)| (slot.to_owned(), rules(text))).collect()
}

/// The part of the state that a network owns, in the slots of this version.
fn of(state: &State, uid: &str) -> State {
    let is_own = |tags: &support::state::Tags| tags.get(OWNER_TAG).is_some_and(|owner| owner == uid);
    let mut own = state.clone();
    let is_later = |tags: &support::state::Tags| tags.get(SLOT_TAG).is_some_and(|slot| slot == LATER_SLOT);
    own.security_groups.retain(|one| is_own(&one.tags) && !is_later(&one.tags));
    own.vpc_endpoints.retain(|one| is_own(&one.tags));
    own.resolver_endpoints.retain(|one| is_own(&one.tags));
    for group in &mut own.security_groups {
        group.ingress.retain(|rule| rule.description.as_deref() != Some(BY_HAND));
    }
    // What an adopted endpoint had before the adoption stays.
    let groups: BTreeSet<String> = own.security_groups.iter().map(|group| group.id.clone()).collect();
    let main: BTreeSet<&String> = state.route_tables.iter().filter(|one| one.main).map(|one| &one.id).collect();
    for endpoint in own.vpc_endpoints.iter_mut().filter(|one| one.tags.contains_key(ADOPTED_TAG)) {
        endpoint.security_groups.retain(|group| groups.contains(group));
        endpoint.route_tables.retain(|table| !main.contains(table));
    }
    own.network_interfaces.clear();
    // Foreign security groups are kept, because summaries refer to them by ID.
    own
}

/// Checks that AWS is in the state that the network's spec requires.
///
/// # Errors
/// The difference: lines that are missing in AWS (`-`) and lines that only AWS has (`+`).
pub fn reached(network: &MigrationNetwork, scene: &Scene) -> Result<(), String> {
    let state = &scene.aws;
    let uid = network.uid().unwrap_or_default();
    // It does not matter whether a resource was created or adopted.
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

/// Checks that every network has reached its desired state and reports it, or reports the network that it conflicts
/// with.
///
/// # Errors
/// The first network for which this is not true, and the reason.
pub fn all_reached(scene: &Scene) -> Result<(), String> {
    for (key, network) in &*scene.networks {
        let uid = network.uid().unwrap_or_default();
        let conditions = network.status.as_ref().map_or(&[][..], |status| &status.conditions);
        let why = find(conditions, ConditionType::Ready).map(|ready| ready.reason.as_str());
        if network.metadata.deletion_timestamp.is_some() {
            let blocked =
                why == Some(Reason::DeletionBlocked.as_str()) && Summary::of(&of(&scene.aws, &uid)).is_empty();
            if has_later_resource(network) && blocked {
                continue;
            }
            return Err(format!("{key} is still being deleted: {}", ready_of(network)));
        }
        if why == Some(Reason::Conflicted.as_str()) {
            let holder = scene.vpc_leases.values().find(|lease| lease.holder != uid);
            let is_there = holder.is_some_and(|lease| {
                scene.networks.values().any(|other| other.uid().as_deref() == Some(&lease.holder))
            });
            if !is_there {
                return Err(format!(
                    "{key} is Conflicted, but no other network holds the VPC lease: {}",
                    ready_of(network)
                ));
            }
            if !Summary::of(&of(&scene.aws, &uid)).is_empty() {
                return Err(format!("{key} is Conflicted, but has resources in AWS"));
            }
            continue;
        }
        check_hand_off(key, network, scene)?;
        if network.spec.suspend == Some(true) || network.spec.management_policy == Some(ManagementPolicy::Plan) {
            // Such a network changes nothing, which another promise verifies.
            continue;
        }
        reached(network, scene).map_err(|difference| format!("{key}: {}\n{difference}", ready_of(network)))?;
        if is_denied(&network.spec) {
            // Everything but the denied endpoint is built.
            if why != Some(Reason::AccessDenied.as_str()) {
                return Err(format!("{key} does not report the denied call: {}", ready_of(network)));
            }
        } else if !is_ready(network) {
            return Err(format!("{key} has reached its desired state, but is not Ready: {}", ready_of(network)));
        }
    }
    Ok(())
}

/// Checks that a ConfigMap has the hand-off of the network's status if the class enables it, and that there is none otherwise.
fn check_hand_off(key: &Key, network: &MigrationNetwork, scene: &Scene) -> Result<(), String> {
    let on_premises = network.status.as_ref().and_then(|status| status.on_premises.as_ref());
    let revision = on_premises.filter(|_| scene.has_hand_offs).map(|hand_off| hand_off.revision.clone());
    let there = scene.hand_offs.get(&Key { name: format!("{}-onprem", key.name), ..key.clone() });
    let there_with = there.and_then(|config_map| config_map.labels().get(ON_PREMISES_REVISION_LABEL).cloned());
    let state = on_premises.and_then(|hand_off| hand_off.config_map.as_ref()).map(|config_map| config_map.state);
    let wanted = revision.as_ref().map(|_| ConfigMapState::Current);
    if there_with == revision && there.is_some() == revision.is_some() && state == wanted {
        return Ok(());
    }
    Err(format!("{key}: the ConfigMap has revision {there_with:?} instead of {revision:?}; the status says {state:?}"))
}

fn ready_of(network: &MigrationNetwork) -> String {
    let conditions = network.status.as_ref().map_or(&[][..], |status| &status.conditions);
    let ready = find(conditions, ConditionType::Ready);
    ready.map_or_else(|| "no Ready condition".to_owned(), |ready| format!("{}: {}", ready.reason, ready.message))
}
