//! The ten promises of the operator, each a function of the complete history of a run.
//!
//! [`check`] is called after every effect of any actor, and sees the true state of AWS instead of lists that may lag.
//! A promise about the end of a run is checked at [`What::Rest`]. No other part of the simulator weakens a promise. A
//! search that omits a case omits it from its scenarios.
//!
//! Three terms: a *slot* is the place of a resource in a network, such as `vpce/mgn/Interface`. A resource is *owned*
//! by the network whose UID is in its tag `mgnet.dev/owner`. A resource is *live* until its deletion starts.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use kube::ResourceExt;
use mgnet::{
    api::{
        AdoptedDeletionPolicy, ConditionType, DeletionPolicy, ManagementPolicy, MigrationNetwork,
        conditions::{find, is_true},
    },
    model::ownership::{OWNER_TAG, RESERVED_PREFIX, RETAINED_TAG, SLOT_TAG},
};
use support::state::{Rule, State, Tags};

use crate::{
    goal, hand_off,
    history::{History, Moment, Scene, What, Who},
};

/// A broken promise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breach {
    /// The name of the promise: one of [`ALL`].
    pub promise: &'static str,
    /// How it is broken.
    pub why: String,
}

type Promise = fn(&History) -> Result<(), String>;

/// All promises, by name.
pub const ALL: [(&str, Promise); 10] = [
    ("no duplicate", no_duplicate),
    ("nothing left behind", nothing_left_behind),
    ("hands off", hands_off),
    ("stable", stable),
    ("no outage", no_outage),
    ("truthful", truthful),
    ("alone", alone),
    ("discreet", discreet),
    ("one network per VPC", one_network_per_vpc),
    ("exact hand-off", hand_off::exact),
];

/// Checks all promises against the last effect.
///
/// # Errors
/// The first promise that is broken.
pub fn check(history: &History) -> Result<(), Breach> {
    let broken = |(promise, holds): (&'static str, Promise)| holds(history).err().map(|why| Breach { promise, why });
    ALL.into_iter().find_map(broken).map_or(Ok(()), Err)
}

/// 1. **No duplicate.** At most one live resource fills each slot of each network.
fn no_duplicate(history: &History) -> Result<(), String> {
    let mut seen = BTreeMap::new();
    for (owner, slot, id) in owned(&history.now().aws).filter(|(.., is_live)| *is_live).map(|(o, s, id, _)| (o, s, id))
    {
        if let Some(other) = seen.insert((owner, slot), id) {
            return Err(format!("{other} and {id} both fill slot {slot} of network {owner}"));
        }
    }
    Ok(())
}

/// 2. **Nothing left behind.** When a network is gone, its resources are gone too, at that moment and ever after,
///    unless the network was to retain them and they are tagged as retained. A resource that it adopted and gave back is
///    again as it was before the adoption.
fn nothing_left_behind(history: &History) -> Result<(), String> {
    let scene = history.now();
    let there: BTreeSet<String> = scene.networks.values().filter_map(ResourceExt::uid).collect();
    let left = tagged(&scene.aws).find(|(tags, _)| {
        tags.get(OWNER_TAG).is_some_and(|owner| {
            let is_retained = tags.contains_key(RETAINED_TAG) && was_to_be_retained(history, owner);
            !there.contains(owner) && !is_retained
        })
    });
    if let Some((tags, id)) = left {
        return Err(format!("{id} still exists, but its network is gone: {tags:?}"));
    }
    if at_rest(history) {
        changed_by_adoption(history)?;
    }
    let abandoned = scene.vpc_leases.values().find(|lease| !there.contains(&lease.holder));
    match abandoned {
        // The operator must delete the lease before it removes the finalizer, because no network deletes it
        // afterwards.
        Some(lease) if at_rest(history) => Err(format!("the holder of VPC lease {} does not exist", lease.name)),
        _ => Ok(()),
    }
}

/// Whether the network with that UID had `deletionPolicy: Retain` when it last existed.
fn was_to_be_retained(history: &History, uid: &str) -> bool {
    let mut scenes = history.moments.iter().rev().map(|moment| &moment.after).chain([&history.first]);
    let last = scenes.find_map(|scene| network(scene, uid));
    last.is_some_and(|network| network.spec.deletion_policy == Some(DeletionPolicy::Retain))
}

/// Fails if a resource that a network gave back is not as it was before the adoption.
fn changed_by_adoption(history: &History) -> Result<(), String> {
    let scene = history.now();
    for (id, now) in parts(&scene.aws).into_iter().filter(|(_, now)| !now.is_owned) {
        // From the last scene backwards: given back, then owned, then before the adoption.
        let mut earlier = scenes(history).rev().filter_map(|scene| parts(&scene.aws).remove(&id));
        if let Some(before) =
            earlier.by_ref().find(|parts| parts.is_owned).and_then(|_| earlier.find(|one| !one.is_owned))
            && before != now
        {
            return Err(format!("{id} was given back as {now:?}, but had {before:?} before the adoption"));
        }
    }
    Ok(())
}

/// All scenes, in order.
pub(crate) fn scenes(history: &History) -> impl DoubleEndedIterator<Item = &Scene> {
    [&history.first].into_iter().chain(history.moments.iter().map(|moment| &moment.after))
}

/// The parts of an endpoint or a Resolver endpoint that others depend on.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Parts {
    is_owned: bool,
    /// Subnets, security groups, route tables, addresses and tags.
    all: BTreeSet<String>,
    /// The private DNS setting and the policy.
    settings: String,
}

/// The parts of each endpoint and Resolver endpoint, by ID, except for those being deleted. The tags of the operator are
/// left out.
fn parts(state: &State) -> BTreeMap<String, Parts> {
    let tags = |tags: &Tags| {
        let others = tags.iter().filter(|(key, _)| !key.starts_with(RESERVED_PREFIX));
        others.map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>()
    };
    let endpoints = state.vpc_endpoints.iter().filter(|one| one.state != "deleting").map(|one| {
        let ids = one.subnets.iter().chain(&one.security_groups).chain(&one.route_tables).cloned();
        let settings = format!("{} {:?} {}", one.private_dns, one.inbound_only, one.policy);
        let all = ids.chain(tags(&one.tags)).collect();
        (one.id.clone(), Parts { is_owned: one.tags.contains_key(OWNER_TAG), all, settings })
    });
    let resolvers = state.resolver_endpoints.iter().filter(|one| one.status != "DELETING").map(|one| {
        let addresses = one.addresses.iter().map(|one| one.address.clone());
        let all = addresses.chain(tags(&one.tags)).collect();
        (one.id.clone(), Parts { is_owned: one.tags.contains_key(OWNER_TAG), all, settings: String::new() })
    });
    endpoints.chain(resolvers).collect()
}

/// Fails if the last step took something from an adopted resource that the resource had before, or deleted it.
fn taken_from_adopted(history: &History, before: &Scene, after: &Scene, of: &str) -> Result<(), String> {
    let is_deleted = network(before, of)
        .is_some_and(|network| network.spec.adopted_deletion_policy == Some(AdoptedDeletionPolicy::Delete));
    let now = parts(&after.aws);
    for (id, was) in parts(&before.aws).into_iter().filter(|(_, was)| was.is_owned) {
        let mut earlier = scenes(history).filter_map(|scene| parts(&scene.aws).remove(&id));
        let Some(had) = earlier.next().filter(|one| !one.is_owned) else { continue };
        let Some(now) = now.get(&id) else {
            if is_deleted {
                continue;
            }
            return Err(format!("{id} was adopted, but is deleted"));
        };
        let taken: Vec<&String> = had.all.intersection(&was.all).filter(|part| !now.all.contains(*part)).collect();
        if !taken.is_empty() || was.settings != now.settings {
            return Err(format!(
                "{id} was adopted, but loses {taken:?} or its settings: {} {}",
                was.settings, now.settings
            ));
        }
    }
    Ok(())
}

/// 3. **Hands off.** For a network, the operator changes only resources that the network owns or adopts, and in them
///    no foreign rule. It takes nothing from an adopted resource that the resource had before the adoption. It changes
///    nothing while the network is suspended or planned.
fn hands_off(history: &History) -> Result<(), String> {
    let Some((before, Moment { who: Who::Operator(_), of: Some(of), what: What::Call { action, .. }, after, .. })) =
        history.last()
    else {
        return Ok(());
    };
    let is_idle = |network: &MigrationNetwork| {
        let planned = network.spec.management_policy == Some(ManagementPolicy::Plan);
        network.metadata.deletion_timestamp.is_none() && (planned || network.spec.suspend == Some(true))
    };
    if since_begin(history).all(|scene| network(scene, of).is_some_and(is_idle)) {
        return Err(format!("{action}, although the network is suspended or planned"));
    }
    for group in &after.aws.security_groups {
        let was = before.aws.security_groups.iter().find(|one| one.id == group.id);
        let by_hand = |rule: &&Rule| rule.description.as_deref() == Some(goal::BY_HAND);
        let kept = |rule: &Rule| group.ingress.iter().any(|one| one.id == rule.id);
        if let Some(rule) = was.and_then(|was| was.ingress.iter().filter(by_hand).find(|rule| !kept(rule))) {
            return Err(format!("{action} removed a foreign rule from {}: {rule:?}", group.id));
        }
    }
    taken_from_adopted(history, before, after, of)?;
    let of_others = |scene: &Scene, also: &Scene| -> BTreeMap<String, String> {
        let is_own = |state: &State, id: &str| {
            tagged(state).any(|(tags, other)| other == id && tags.get(OWNER_TAG).is_some_and(|owner| **owner == **of))
        };
        let all = described(&scene.aws);
        all.into_iter().filter(|(id, _)| !is_own(&scene.aws, id) && !is_own(&also.aws, id)).collect()
    };
    let (was, is) = (of_others(before, after), of_others(after, before));
    if was == is {
        return Ok(());
    }
    let changed = was.iter().find(|(id, text)| is.get(*id) != Some(text)).map(|(id, _)| id);
    Err(format!("{changed:?} or a new resource changed, but is not owned by the network: {was:#?}\n{is:#?}"))
}

/// 4. **Stable.** At rest, the operator writes nothing to AWS and nothing to Kubernetes, except the claim of a create call
///    that it repeats because AWS has refused it.
fn stable(history: &History) -> Result<(), String> {
    let Some((before, last)) = history.last().filter(|_| at_rest(history)) else { return Ok(()) };
    match (last.who, &last.what) {
        (Who::Operator(_), What::Write("status")) if differ_only_in_claims(before, &last.after) => Ok(()),
        (Who::Operator(_), What::Call { action, .. }) => Err(format!("{action} at rest")),
        (Who::Operator(_), What::Write(what)) => Err(format!("write of {what} at rest")),
        _ => Ok(()),
    }
}

/// Whether the networks of two scenes are equal but for their claims.
fn differ_only_in_claims(before: &Scene, after: &Scene) -> bool {
    let without_claims = |scene: &Scene| -> Vec<_> {
        let networks = scene.networks.iter().map(|(key, network)| {
            let mut status = network.status.clone();
            if let Some(status) = &mut status {
                status.claims.clear();
            }
            (key.clone(), network.spec.clone(), status)
        });
        networks.collect()
    };
    without_claims(before) == without_claims(after)
}

/// 5. **No outage.** As long as a network exists, the operator deletes nothing that its spec requires. It adds the
///    missing rules to a security group before it removes others. It never leaves an interface endpoint without an
///    address, a Resolver endpoint with fewer than two addresses, or an S3 interface endpoint with private DNS for
///    the Resolver only without the gateway endpoint. A network that retains its resources deletes none of them.
fn no_outage(history: &History) -> Result<(), String> {
    let Some((before, Moment { who: Who::Operator(_), of: Some(of), what: What::Call { action, .. }, after, .. })) =
        history.last()
    else {
        return Ok(());
    };
    let Some(network) = network(after, of) else { return Ok(()) };
    let live_before = owned(&before.aws).filter(|(owner, .., is_live)| *owner == &**of && *is_live);
    let mut gone =
        live_before.filter(|(_, _, id, _)| !owned(&after.aws).any(|(_, _, other, is_live)| other == *id && is_live));
    if network.metadata.deletion_timestamp.is_some() {
        return match gone.next().filter(|_| network.spec.deletion_policy == Some(DeletionPolicy::Retain)) {
            Some((_, _, id, _)) => Err(format!("{action} deleted {id}, which the network must retain")),
            None => Ok(()),
        };
    }
    let lost_rules = |group: &&support::state::SecurityGroup| {
        let was = before.aws.security_groups.iter().find(|one| one.id == group.id);
        was.is_some_and(|was| was.ingress.iter().any(|rule| !group.ingress.iter().any(|one| one.id == rule.id)))
    };
    if let Some(slot) = after.aws.security_groups.iter().find(lost_rules).and_then(|group| group.tags.get(SLOT_TAG)) {
        // A reconcile follows a spec that was valid at some time since its start.
        let missing = since_begin(history).map(|scene| goal::missing_rules(scene, after, of, slot));
        let mut missing: Vec<_> = missing.collect();
        missing.sort_by_key(Vec::len);
        if let Some(missing) = missing.first().filter(|missing| !missing.is_empty()) {
            return Err(format!(
                "{action} removed a rule of {slot} while these rules are missing: {}",
                missing.join(", ")
            ));
        }
    }
    for endpoint in after.aws.vpc_endpoints.iter().filter(|one| is_of(&one.tags, of) && one.state != "deleting") {
        let had = |one: &&support::state::VpcEndpoint| one.id == endpoint.id && !one.subnets.is_empty();
        if endpoint.subnets.is_empty() && before.aws.vpc_endpoints.iter().any(|one| had(&one)) {
            return Err(format!("{action} left {} without an address", endpoint.id));
        }
    }
    for resolver in after.aws.resolver_endpoints.iter().filter(|one| is_of(&one.tags, of) && one.status != "DELETING") {
        let whole = |state: &State| {
            state.resolver_endpoints.iter().any(|one| one.id == resolver.id && one.addresses.len() >= 2)
        };
        if whole(&before.aws) && resolver.addresses.len() < 2 {
            return Err(format!("{action} left {} with fewer than two addresses", resolver.id));
        }
    }
    let depends = |one: &support::state::VpcEndpoint| {
        one.inbound_only == Some(true) && one.private_dns && one.state == "available"
    };
    let has_gateway = |state: &State, vpc: &str| {
        state
            .vpc_endpoints
            .iter()
            .any(|one| one.vpc == vpc && one.endpoint_type == "Gateway" && one.state == "available")
    };
    if let Some(stranded) =
        after.aws.vpc_endpoints.iter().find(|one| depends(one) && !has_gateway(&after.aws, &one.vpc))
        && has_gateway(&before.aws, &stranded.vpc)
    {
        return Err(format!("{action} removed the gateway endpoint that {} needs", stranded.id));
    }
    let wanted = goal::slots(&network.spec);
    match gone.find(|(_, slot, ..)| wanted.contains(*slot)) {
        Some((_, slot, id, _)) => Err(format!("{action} deleted {id}, but the spec requires {slot}")),
        None => Ok(()),
    }
}

/// 6. **Truthful.** When the operator sets `Ready` to true for a generation, AWS was in the desired state of that
///    generation at some moment since the start of the reconcile, or up to the lag of its lists earlier. A reconcile
///    that cannot observe AWS says so in the status, and does not change `Ready`.
fn truthful(history: &History) -> Result<(), String> {
    let Some((before, Moment { who, of: Some(of), what: What::Write("status"), after, .. })) = history.last() else {
        return Ok(());
    };
    let (was, Some(network)) = (network(before, of), network(after, of)) else { return Ok(()) };
    if !is_ready(network) || (is_unseen(network) && was.is_some_and(is_ready)) {
        return Ok(());
    }
    let since = begun(history, *who).saturating_sub(history.lag);
    let mut differs = String::new();
    for scene in history.scenes_since(since) {
        match goal::reached(network, scene) {
            Ok(()) => return Ok(()),
            Err(difference) => differs = difference,
        }
    }
    Err(format!("the network is Ready, but AWS differs from the desired state:\n{differs}"))
}

/// 7. **Alone.** When all work is done, every network that can reach its desired state has reached it, regardless of
///    the other networks.
fn alone(history: &History) -> Result<(), String> {
    match history.last() {
        Some((_, Moment { what: What::Rest, after, .. })) => goal::all_reached(after),
        _ => Ok(()),
    }
}

/// 8. **Discreet.** The operator writes no secret access key and no encoded authorization message to Kubernetes.
fn discreet(history: &History) -> Result<(), String> {
    let told = &history.now().told;
    match SECRETS.iter().find(|secret| told.contains(**secret)) {
        Some(secret) => Err(format!("a write to Kubernetes contains the secret '{secret}': {told}")),
        None => Ok(()),
    }
}

/// 9. **One network per VPC.** At most one existing network has resources in a VPC.
fn one_network_per_vpc(history: &History) -> Result<(), String> {
    let scene = history.now();
    let groups = scene.aws.security_groups.iter().map(|one| (&one.vpc, &one.tags));
    let endpoints = scene.aws.vpc_endpoints.iter().map(|one| (&one.vpc, &one.tags));
    let resolvers = scene.aws.resolver_endpoints.iter().map(|one| (&one.vpc, &one.tags));
    let mut seen = BTreeMap::new();
    for (vpc, tags) in groups.chain(endpoints).chain(resolvers) {
        let Some(owner) = tags.get(OWNER_TAG).filter(|owner| network(scene, owner).is_some()) else { continue };
        if let Some(other) = seen.insert(vpc, owner).filter(|other| *other != owner) {
            return Err(format!("{other} and {owner} both have resources in {vpc}"));
        }
    }
    Ok(())
}

/// The secret access key with which the operator signs, and the encoded message in rejections of the simulated AWS.
pub const SECRETS: [&str; 2] = ["a-secret-access-key", "4EnCoDeDauThOrIzAtIoN"];

/// Whether all work was declared done, and no actor except the operator has acted since.
fn at_rest(history: &History) -> bool {
    let by_others = |what: &What| matches!(what, What::Rest | What::Act(_));
    let last = history.moments.iter().rev().find(|moment| by_others(&moment.what));
    last.is_some_and(|moment| matches!(moment.what, What::Rest))
}

/// The time at which the process started its current reconcile.
pub(crate) fn begun(history: &History, who: Who) -> Duration {
    let begun = history.moments.iter().rev().find(|moment| moment.who == who && matches!(moment.what, What::Begin));
    begun.map(|moment| moment.at).unwrap_or_default()
}

/// All states of the world since the actor of the last effect started its current reconcile.
fn since_begin(history: &History) -> impl Iterator<Item = &Scene> {
    let who = history.last().map(|(_, last)| last.who);
    let is_begin = |moment: &Arc<Moment>| Some(moment.who) == who && matches!(moment.what, What::Begin);
    let from = history.moments.iter().rposition(is_begin).unwrap_or_default();
    history.moments[from..].iter().map(|moment| &moment.after)
}

/// The network with that UID, if it exists.
pub(crate) fn network<'a>(scene: &'a Scene, uid: &str) -> Option<&'a MigrationNetwork> {
    scene.networks.values().find(|network| network.uid().as_deref() == Some(uid))
}

/// Whether the network is `Ready` in its current generation.
pub fn is_ready(network: &MigrationNetwork) -> bool {
    let Some(status) = &network.status else { return false };
    Some(status.observed_generation) == network.metadata.generation && is_true(&status.conditions, ConditionType::Ready)
}

/// Whether the status says that AWS could not be observed.
fn is_unseen(network: &MigrationNetwork) -> bool {
    let conditions = network.status.as_ref().map(|status| status.conditions.as_slice()).unwrap_or_default();
    find(conditions, ConditionType::Synced).is_some_and(|synced| synced.status == "Unknown")
}

fn is_of(tags: &Tags, uid: &str) -> bool {
    tags.get(OWNER_TAG).is_some_and(|owner| owner == uid)
}

/// Owner, slot, ID and liveness of each owned resource.
pub(crate) fn owned(state: &State) -> impl Iterator<Item = (&str, &str, &str, bool)> {
    let groups = state.security_groups.iter().map(|one| (&one.tags, &one.id, true));
    let endpoints = state.vpc_endpoints.iter().map(|one| (&one.tags, &one.id, one.state != "deleting"));
    let resolvers = state.resolver_endpoints.iter().map(|one| (&one.tags, &one.id, one.status != "DELETING"));
    groups
        .chain(endpoints)
        .chain(resolvers)
        .filter_map(|(tags, id, is_live)| Some((&**tags.get(OWNER_TAG)?, &**tags.get(SLOT_TAG)?, &**id, is_live)))
}

/// Tags and ID of each resource that can be owned.
fn tagged(state: &State) -> impl Iterator<Item = (&Tags, &str)> {
    let groups = state.security_groups.iter().map(|one| (&one.tags, &*one.id));
    let endpoints = state.vpc_endpoints.iter().map(|one| (&one.tags, &*one.id));
    let resolvers = state.resolver_endpoints.iter().map(|one| (&one.tags, &*one.id));
    groups.chain(endpoints).chain(resolvers)
}

/// The complete description of each resource that can be owned, and of the VPC resources around it, by ID. Routes to
/// gateway endpoints are excluded, because they belong to the endpoints, and so are network interfaces.
fn described(state: &State) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    for one in &state.security_groups {
        all.insert(one.id.clone(), format!("{one:?}"));
    }
    for one in &state.vpc_endpoints {
        all.insert(one.id.clone(), format!("{one:?}"));
    }
    for one in &state.resolver_endpoints {
        all.insert(one.id.clone(), format!("{one:?}"));
    }
    for one in &state.vpcs {
        all.insert(one.id.clone(), format!("{one:?}"));
    }
    for one in &state.subnets {
        all.insert(one.id.clone(), format!("{one:?}"));
    }
    for one in &state.route_tables {
        let routes: Vec<_> = one.routes.iter().filter(|route| !route.target.starts_with("vpce-")).collect();
        all.insert(one.id.clone(), format!("{:?} {routes:?}", one.tags));
    }
    all
}
