//! Acquires and releases VPC leases, which ensure that only one network manages a VPC. A VPC lease is a Lease in the
//! operator's own namespace, named after account, Region and VPC.
//!
//! Every reconcile that may write to AWS inspects the lease (one GET). Only a network that acquires it lists the
//! networks. [`crate::model::vpc_lease`] decides which network may acquire it. The API server ensures that only one
//! network does: creation is atomic, and a stale lease is replaced only at the `resourceVersion` that was read.

use std::collections::{BTreeMap, BTreeSet};

use kube::ResourceExt;

use super::{gather::Inputs, object::NetworkObject, observation::Observation};
use crate::{
    api::Reason,
    aws::Clouds,
    controller::{
        context::Context,
        stop::Stop,
        store::{Store, StoreError, VpcLease},
    },
    model::{
        status::Verdict,
        vpc_lease::{Contender, Decision, Found, Relation, VpcKey, contender, decide},
    },
};

/// A VPC lease that was read.
pub(crate) struct Inspected {
    vpc: VpcKey,
    name: String,
    /// The lease, if it exists.
    stored: Option<VpcLease>,
    found: Found,
}

/// Reads the lease of the VPC that the network selects, and records the VPC in status. None if the selector does not
/// match exactly one VPC, or matches another VPC than the one that holds the network's resources: the preflight
/// reports both.
///
/// # Errors
/// If another network holds the lease.
pub(crate) async fn inspect<C, S: Store>(
    object: &mut NetworkObject<'_, S>,
    inputs: &Inputs,
    observation: &Observation<C>,
) -> Result<Option<Inspected>, Stop> {
    let [vpc] = &*observation.observed.vpcs else { return Ok(None) };
    if observation.pinned_vpc.as_ref().is_some_and(|pinned| *pinned != vpc.id) {
        return Ok(None);
    }
    let vpc = VpcKey { account: inputs.account.id.clone(), region: inputs.account.region.clone(), vpc: vpc.id.clone() };
    let Some(name) = vpc.lease_name() else {
        let message = format!(
            "no VPC lease can be named after VPC '{}' of account '{}' in '{}'",
            vpc.vpc, vpc.account, vpc.region
        );
        return Err(Verdict::Broken(message).into());
    };
    let before = object.network.status.as_ref().and_then(|status| status.vpc_id.clone());
    if let Some(before) = before.filter(|before| *before != vpc.vpc.as_str()) {
        // The network has no resources in the earlier VPC. If it had any, the preflight would have reported
        // `VPCChanged`.
        release(object, &VpcKey { vpc: before.into(), ..vpc.clone() }).await?;
    }
    object.status_mut().vpc_id = Some(vpc.vpc.to_string());
    let stored = object.store.vpc_lease(&name).await?;
    let found = match &stored {
        Some(lease) if lease.holder == object.uid() => Found::Mine,
        Some(lease) if holder_exists(object.store, lease).await? => Found::Foreign,
        // A stale lease is taken over.
        Some(_) | None => Found::Free,
    };
    match found {
        Found::Foreign => Err(conflicted(&vpc)),
        Found::Mine | Found::Free => Ok(Some(Inspected { vpc, name, stored, found })),
    }
}

/// Whether the holder of a lease exists. The object that the annotation names is read first. If it is not the holder,
/// all networks are listed before the holder counts as gone.
async fn holder_exists<S: Store>(store: &S, lease: &VpcLease) -> Result<bool, StoreError> {
    if let Some(key) = &lease.network
        && store.network_uid(key).await?.as_ref() == Some(&lease.holder)
    {
        return Ok(true);
    }
    Ok(store.networks(None).await?.iter().any(|listed| listed.uid == lease.holder))
}

/// Acquires the inspected lease, unless the network already holds it or is suspended. A suspended network writes
/// nothing.
///
/// # Errors
/// If another network has precedence, or acquires the lease at the same time (`Conflict`). In both cases nothing may
/// be written.
pub(crate) async fn acquire<C: Clouds, S: Store>(
    object: &mut NetworkObject<'_, S>,
    context: &Context<C, S>,
    inputs: &Inputs,
    inspected: Option<Inspected>,
    observation: &Observation<C::Cloud>,
) -> Result<(), Stop> {
    let Some(inspected) = inspected.filter(|_| !object.is_suspended()) else { return Ok(()) };
    let acquired = take(object, context, inputs, inspected, observation.is_established()).await;
    if let Err(Stop::Verdict(_)) = &acquired {
        object.write_claims(&observation.claims);
    }
    acquired
}

async fn take<C: Clouds, S: Store>(
    object: &mut NetworkObject<'_, S>,
    context: &Context<C, S>,
    inputs: &Inputs,
    inspected: Inspected,
    established: bool,
) -> Result<(), Stop> {
    match weigh(object, context, &inspected, established).await? {
        Decision::Take => {}
        decision => return accepted(decision, &inspected.vpc),
    }
    let Inspected { name, stored, .. } = inspected;
    // A network that holds a lease has its finalizer, so that deletion releases the lease.
    object.hold_with_class(&inputs.class).await?;
    let version = stored.and_then(|stored| stored.version);
    tracing::info!(lease = name, took_over = version.is_some(), "acquiring the VPC lease");
    let lease = VpcLease { name, holder: object.uid(), network: Some(object.key()), version };
    Ok(object.store.acquire_vpc_lease(&lease).await?)
}

/// Checks that no other network has precedence in the VPC. Writes nothing.
///
/// # Errors
/// If another network has precedence, or may have it.
pub(crate) async fn check_precedence<C: Clouds, S: Store>(
    object: &NetworkObject<'_, S>,
    context: &Context<C, S>,
    inspected: &Inspected,
    established: bool,
) -> Result<(), Stop> {
    accepted(weigh(object, context, inspected, established).await?, &inspected.vpc)
}

async fn weigh<C: Clouds, S: Store>(
    object: &NetworkObject<'_, S>,
    context: &Context<C, S>,
    inspected: &Inspected,
    established: bool,
) -> Result<Decision, StoreError> {
    let (key, uid) = (object.key(), object.uid());
    let others = match inspected.found {
        Found::Mine | Found::Foreign => Vec::new(),
        Found::Free => contenders(object.store, &inspected.vpc, &uid).await?,
    };
    let me = Contender {
        created: object.network.metadata.creation_timestamp.as_ref().map(|created| created.0),
        relation: if established { Relation::Established } else { Relation::Wants },
        uid: uid.clone(),
    };
    Ok(decide(inspected.found, &me, &others, context.memories.is_patient(&key, &uid)))
}

fn accepted(decision: Decision, vpc: &VpcKey) -> Result<(), Stop> {
    match decision {
        Decision::Yield => Err(conflicted(vpc)),
        Decision::Wait => Err(waiting(vpc)),
        Decision::Keep | Decision::Take => Ok(()),
    }
}

/// The other networks that may acquire the lease.
async fn contenders<S: Store>(store: &S, vpc: &VpcKey, uid: &str) -> Result<Vec<Contender>, StoreError> {
    let networks = store.networks(None).await?;
    let mut classes = BTreeMap::new();
    for class in store.classes().await? {
        let leads_to = (class.spec.account.id.clone(), class.spec.region.clone());
        if class.is_marked_default() {
            classes.insert(String::new(), leads_to.clone());
        }
        classes.insert(class.name_any(), leads_to);
    }
    Ok(networks
        .iter()
        .filter(|listed| listed.uid != uid)
        .filter_map(|listed| contender(listed.network.as_ref()?, vpc, &classes))
        .collect())
}

/// Releases the VPC leases, then removes the finalizer. The order matters, because the leases of a network must not
/// outlive it.
pub(crate) async fn release_with_finalizer<S: Store>(object: &NetworkObject<'_, S>) -> Stop {
    let released = async {
        release_all(object).await?;
        object.store.set_finalizer(&object.network, false).await
    };
    match released.await {
        Ok(_) => Stop::Gone,
        Err(error) => error.into(),
    }
}

/// Releases every lease that the network holds, according to both status and a list of the leases. Status may lack the
/// VPC of a lease, because a process may end before it writes status. The list may lack a lease that is newer than the
/// list.
pub(crate) async fn release_all<S: Store>(object: &NetworkObject<'_, S>) -> Result<(), StoreError> {
    let uid = object.uid();
    let recorded = object.network.status.as_ref().and_then(|status| {
        let account = status.account.as_ref()?.id.clone();
        Some(VpcKey { account, region: status.region.clone()?, vpc: status.vpc_id.clone()?.into() })
    });
    if let Some(vpc) = recorded {
        release(object, &vpc).await?;
    }
    for lease in object.store.vpc_leases(Some(&uid)).await? {
        if lease.holder == uid {
            object.store.release_vpc_lease(&lease).await?;
        }
    }
    Ok(())
}

/// Releases the leases of networks that no longer exist. Deletion releases the leases of a network, but a process that
/// was halted while another process completed the deletion may still acquire a lease for that network.
///
/// `known` contains the UIDs of the networks in the cache. Only other holders are read from the API.
///
/// # Errors
/// If a Kubernetes API request failed.
pub(crate) async fn sweep<S: Store>(store: &S, known: &BTreeSet<String>) -> Result<usize, StoreError> {
    let mut left = 0;
    // The leases are listed first, because a network exists before it acquires a lease.
    for lease in store.vpc_leases(None).await? {
        if known.contains(&lease.holder) || holder_exists(store, &lease).await? {
            left += 1;
            continue;
        }
        match store.release_vpc_lease(&lease).await {
            Ok(()) => tracing::info!(lease = lease.name, "released the VPC lease of a network that no longer exists"),
            // Another network has taken over the lease.
            Err(StoreError::Conflict) => left += 1,
            Err(error) => return Err(error),
        }
    }
    Ok(left)
}

/// Releases the lease, if the network holds it.
async fn release<S: Store>(object: &NetworkObject<'_, S>, vpc: &VpcKey) -> Result<(), StoreError> {
    let Some(name) = vpc.lease_name() else { return Ok(()) };
    match object.store.vpc_lease(&name).await? {
        Some(lease) if lease.holder == object.uid() => object.store.release_vpc_lease(&lease).await,
        Some(_) | None => Ok(()),
    }
}

/// Rejects a network because another one has precedence. The message does not name the other network, which may belong
/// to another tenant.
fn conflicted(VpcKey { account, region, vpc }: &VpcKey) -> Stop {
    let message = format!(
        "`spec.vpc` must select a VPC without another migration network, but another network uses or requested {vpc} \
         of account {account} in {region} first; choose another VPC, or delete this network. It is built when the \
         other network is gone"
    );
    Stop::rejected(Reason::Conflicted, message)
}

fn waiting(VpcKey { account, region, vpc }: &VpcKey) -> Stop {
    let message = format!(
        "waiting for earlier networks in account {account} and {region} to be reconciled, because they may select \
         {vpc}, too"
    );
    Stop::rejected(Reason::Pending, message)
}
