//! The claim of a VPC, over the Kubernetes API: a Lease in the operator's own namespace, named by account, Region and VPC.
//!
//! It is looked at in every reconcile that may write to AWS (one GET). Only what takes a claim lists the networks. Who may
//! take one is decided in [`crate::model::vpc_lease`]; that only one does is the API server's doing: creation is atomic,
//! and a stale claim is taken over on condition of its `resourceVersion`.

use std::{
    collections::{BTreeMap, BTreeSet},
    future::Future,
};

use kube::ResourceExt;

use crate::{
    api::{MigrationNetwork, MigrationNetworkClass, Reason},
    aws::{Account, Clouds},
    controller::{
        class::usage,
        context::Context,
        network::{object::Subject, requeue::Error},
        store::{Key, Store, StoreError},
    },
    model::{
        ids::VpcId,
        status::conditions::Verdict,
        vpc_lease::{Contender, Decision, Found, Place, Stand, contender, decide},
    },
};

/// A claim as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VpcClaim {
    /// Its name.
    pub name: String,
    /// The uid of the network that holds it.
    pub holder: String,
    /// The network of that uid, for people, and to see quickly whether it still exists. Nothing else rests on it.
    pub network: Option<Key>,
    /// The `resourceVersion` on whose condition it is written; none if it is not stored yet.
    pub version: Option<String>,
}

/// A network in a list.
#[derive(Clone, Debug)]
pub struct Listed {
    /// Its uid.
    pub uid: String,
    /// The network, unless what is stored cannot be read.
    pub network: Option<MigrationNetwork>,
}

/// Where claims are kept.
pub trait VpcClaims: Send + Sync + 'static {
    /// The claim of that name, if there is one.
    fn vpc_claim(&self, name: &str) -> impl Future<Output = Result<Option<VpcClaim>, StoreError>> + Send;

    /// Creates a claim that has no version, or replaces the one that has exactly that version.
    ///
    /// # Errors
    /// `Conflict` if somebody was faster.
    fn take_vpc_claim(&self, claim: &VpcClaim) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// All claims, or those that a network holds, by its uid.
    fn vpc_claims(&self, holder: Option<&str>) -> impl Future<Output = Result<Vec<VpcClaim>, StoreError>> + Send;

    /// Deletes a claim, on condition that it has not changed.
    ///
    /// # Errors
    /// `Conflict` if it has changed, or is gone.
    fn drop_vpc_claim(&self, claim: &VpcClaim) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// The uid of the network of that name, if there is one, whether or not the rest of it can be read.
    fn network_uid(&self, key: &Key) -> impl Future<Output = Result<Option<String>, StoreError>> + Send;

    /// All networks, or those of one namespace.
    ///
    /// # Errors
    /// `Gone` if the cluster has no networks at all, as their kind is not there.
    fn networks(&self, namespace: Option<&str>) -> impl Future<Output = Result<Vec<Listed>, StoreError>> + Send;
}

/// What was seen of the claim of a VPC.
pub(crate) struct Look {
    place: Place,
    name: String,
    /// As stored, if it is.
    stored: Option<VpcClaim>,
    found: Found,
}

/// Looks at the claim of the VPC that the network wants, and notes in status that it wants it. None if the network has to
/// give way.
pub(crate) async fn look<S: Store>(
    subject: &mut Subject<'_, S>,
    account: &Account,
    vpc: &VpcId,
) -> Result<Result<Look, Verdict>, Error> {
    let place = Place { account: account.id.clone(), region: account.region.clone(), vpc: vpc.clone() };
    let Some(name) = place.claim_name() else {
        let message =
            format!("'{vpc}' of account '{}' in '{}' is no VPC that can be claimed", place.account, place.region);
        return Ok(Err(Verdict::Broken(message)));
    };
    let before = subject.network.status.as_ref().and_then(|status| status.vpc_id.clone());
    if let Some(before) = before.filter(|before| *before != vpc.as_str()) {
        // It has nothing there any more; whoever has is told so before this (`VPCChanged`).
        release(subject, &Place { vpc: before.into(), ..place.clone() }).await?;
    }
    subject.status_mut().vpc_id = Some(vpc.to_string());
    let stored = subject.store.vpc_claim(&name).await?;
    let found = match &stored {
        Some(claim) if claim.holder == subject.uid() => Found::Mine,
        Some(claim) if holder_exists(subject.store, claim).await? => Found::Foreign,
        // A stale one is taken over.
        Some(_) | None => Found::Free,
    };
    match found {
        Found::Foreign => Ok(Err(conflicted(&place))),
        Found::Mine | Found::Free => Ok(Ok(Look { place, name, stored, found })),
    }
}

/// The annotation tells where to look first; before its word is taken for the end of the holder, all uids are looked at.
async fn holder_exists<S: Store>(store: &S, claim: &VpcClaim) -> Result<bool, StoreError> {
    if let Some(key) = &claim.network
        && store.network_uid(key).await?.as_ref() == Some(&claim.holder)
    {
        return Ok(true);
    }
    Ok(store.networks(None).await?.iter().any(|listed| listed.uid == claim.holder))
}

/// Makes sure that the network holds the claim that was looked at. A verdict if it may not: then nothing may be written.
/// `established` says that it has resources in the VPC, or may have.
///
/// # Errors
/// `Conflict` if somebody else was faster: the next reconcile sees who.
pub(crate) async fn hold<C: Clouds, S: Store>(
    subject: &mut Subject<'_, S>,
    context: &Context<C, S>,
    class: &MigrationNetworkClass,
    look: Look,
    established: bool,
) -> Result<Option<Verdict>, Error> {
    match weigh(subject, context, &look, established).await? {
        Decision::Take => {}
        decision => return Ok(refusal(decision, &look.place)),
    }
    let Look { name, stored, .. } = look;
    let (key, uid) = (subject.key(), subject.uid());
    // What holds a claim also holds its object, so that deletion gives the claim back.
    if let Some(rejected) = usage::hold(subject, class).await? {
        return Ok(Some(rejected));
    }
    let version = stored.and_then(|stored| stored.version);
    tracing::info!(claim = name, took_over = version.is_some(), "the network has claimed its VPC");
    subject.store.take_vpc_claim(&VpcClaim { name, holder: uid, network: Some(key), version }).await?;
    Ok(None)
}

/// The verdict if the network would have to give way or wait; nothing is written. What is wrong in a VPC that is another's is
/// that other's business.
pub(crate) async fn gives_way<C: Clouds, S: Store>(
    subject: &Subject<'_, S>,
    context: &Context<C, S>,
    look: &Look,
    established: bool,
) -> Result<Option<Verdict>, Error> {
    Ok(refusal(weigh(subject, context, look, established).await?, &look.place))
}

async fn weigh<C: Clouds, S: Store>(
    subject: &Subject<'_, S>,
    context: &Context<C, S>,
    look: &Look,
    established: bool,
) -> Result<Decision, StoreError> {
    let (key, uid) = (subject.key(), subject.uid());
    let others = match look.found {
        Found::Mine | Found::Foreign => Vec::new(),
        Found::Free => contenders(subject.store, &look.place, &uid).await?,
    };
    let me = Contender {
        created: subject.network.metadata.creation_timestamp.as_ref().map(|created| created.0),
        stand: if established { Stand::Established } else { Stand::Wants },
        uid: uid.clone(),
    };
    Ok(decide(look.found, &me, &others, context.is_patient(&key, &uid)))
}

fn refusal(decision: Decision, place: &Place) -> Option<Verdict> {
    match decision {
        Decision::Yield => Some(conflicted(place)),
        Decision::Wait => Some(waiting(place)),
        Decision::Keep | Decision::Take => None,
    }
}

/// The other networks that may claim the VPC.
async fn contenders<S: Store>(store: &S, place: &Place, uid: &str) -> Result<Vec<Contender>, StoreError> {
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
        .filter_map(|listed| contender(listed.network.as_ref()?, place, &classes))
        .collect())
}

/// Gives back every claim that the network holds. Status does not tell all: a process may end between the claim and the
/// status that would have named its VPC. Nor does a list, which may be from before the claim.
pub(crate) async fn release_all<S: Store>(subject: &Subject<'_, S>) -> Result<(), Error> {
    let uid = subject.uid();
    let recorded = subject.network.status.as_ref().and_then(|status| {
        let account = status.account.as_ref()?.id.clone();
        Some(Place { account, region: status.region.clone()?, vpc: status.vpc_id.clone()?.into() })
    });
    if let Some(place) = recorded {
        release(subject, &place).await?;
    }
    for claim in subject.store.vpc_claims(Some(&uid)).await? {
        if claim.holder == uid {
            subject.store.drop_vpc_claim(&claim).await?;
        }
    }
    Ok(())
}

/// Gives back the claims of networks that are gone. A network's own go before it does; but a process that stood still while
/// another one brought the deletion to its end may claim a VPC for a network that does not exist any more.
///
/// `heard_of` are the uids of the networks that the operator has heard of: only the holders that are not among them are asked
/// for.
///
/// # Errors
/// If the Kubernetes API could not be read or written.
pub(crate) async fn drop_stale<S: Store>(store: &S, heard_of: &BTreeSet<String>) -> Result<(), StoreError> {
    // The claims first: a network is there before it claims anything.
    for claim in store.vpc_claims(None).await? {
        if heard_of.contains(&claim.holder) || holder_exists(store, &claim).await? {
            continue;
        }
        match store.drop_vpc_claim(&claim).await {
            Ok(()) => tracing::info!(claim = claim.name, "a claim of a network that is gone was given back"),
            // Another network has taken it over.
            Err(StoreError::Conflict) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Gives the claim back, if the network holds it.
async fn release<S: Store>(subject: &Subject<'_, S>, place: &Place) -> Result<(), Error> {
    let Some(name) = place.claim_name() else { return Ok(()) };
    match subject.store.vpc_claim(&name).await? {
        Some(claim) if claim.holder == subject.uid() => Ok(subject.store.drop_vpc_claim(&claim).await?),
        Some(_) | None => Ok(()),
    }
}

/// Names nobody: the other may be another tenant's.
fn conflicted(place: &Place) -> Verdict {
    let Place { account, region, vpc } = place;
    Verdict::Rejected {
        reason: Reason::Conflicted,
        message: format!(
            "`spec.vpc` must be a VPC without a migration network, and {vpc} of account {account} in {region} has another one, \
             or one that asked earlier; choose another VPC, or delete this network. It is built once the other is gone"
        ),
    }
}

fn waiting(place: &Place) -> Verdict {
    let Place { account, region, vpc } = place;
    Verdict::Rejected {
        reason: Reason::Pending,
        message: format!(
            "waits until networks that were created earlier for account {account} in {region} have been looked at, which may \
             want {vpc}, too"
        ),
    }
}
