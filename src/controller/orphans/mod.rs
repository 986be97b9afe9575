//! Looking for orphans in every account and Region that a class leads to. What is one is decided in [`crate::model::orphans`].
//!
//! **AWS is listed before the networks are.** A network exists before anything is made for it; so what was made for a network that
//! is not listed afterwards was made for one that is gone. The other way round, everything that is made between the two lists
//! would pass for orphaned. What is orphaned in one look only is not told, either ([`Sightings`]): lists of AWS lag, and what a network
//! removed or tagged last may not show yet when the network itself is gone.

mod removal;
mod sightings;
mod watch;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    time::Duration,
};

use kube::ResourceExt;

pub use removal::{RemovalError, remove};
pub use sightings::Sightings;
pub(crate) use watch::watch;
#[cfg(test)]
pub(crate) use watch::{Memory, Round};

use crate::{
    api::MigrationNetworkClass,
    aws::{Account, Cloud, Clouds},
    controller::{
        class::resolve,
        store::{Store, StoreError},
    },
    model::{
        failure::{CallFailure, FailureClass},
        observed::Resources,
        orphans::{self, Leftovers},
    },
};

/// An account and Region.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The account's id.
    pub account: String,
    /// The Region.
    pub region: String,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "account {} in {}", self.account, self.region)
    }
}

/// One look at all places.
#[derive(Debug)]
pub struct Looks {
    /// By place.
    pub places: BTreeMap<Place, Look>,
    /// The uids of all networks, listed after everything else.
    pub owners: BTreeSet<String>,
}

/// One look at a place.
#[derive(Debug)]
pub struct Look {
    /// The classes that lead there, by name.
    pub classes: Vec<MigrationNetworkClass>,
    /// What was seen; a failure if no class's role could look.
    pub seen: Result<Seen, CallFailure>,
}

/// What was seen in a place.
#[derive(Debug)]
pub struct Seen {
    /// As whom.
    pub account: Account,
    /// Through which class.
    pub class: MigrationNetworkClass,
    /// Everything that networks of this cluster made there.
    pub resources: Resources,
    /// What of it is left of networks that are gone.
    pub leftovers: Leftovers,
}

/// Looks at all places, one after the other, each for no longer than `patience`. A place that cannot be looked at spoils no other.
///
/// # Errors
/// If classes or networks could not be listed.
pub async fn look<C: Clouds, S: Store>(
    clouds: &C,
    store: &S,
    cluster: &str,
    patience: Duration,
) -> Result<Looks, StoreError> {
    let mut classes: BTreeMap<Place, Vec<MigrationNetworkClass>> = BTreeMap::new();
    for class in store.classes().await? {
        let place = Place { account: class.spec.account.id.clone(), region: class.spec.region.clone() };
        classes.entry(place).or_default().push(class);
    }
    let mut found = Vec::new();
    for (place, mut classes) in classes {
        classes.sort_by_key(ResourceExt::name_any);
        let resources = tokio::time::timeout(patience, find(clouds, cluster, &classes)).await;
        found.push((place, classes, resources.unwrap_or_else(|_| Err(too_slow(patience)))));
    }
    // After the last list of AWS.
    let owners = owners(store).await?;
    let places = found.into_iter().map(|(place, classes, found)| {
        let seen = found.map(|(class, account, resources)| {
            let leftovers = orphans::leftovers(cluster, &resources, &owners);
            Seen { account, class, resources, leftovers }
        });
        (place, Look { classes, seen })
    });
    Ok(Looks { places: places.collect(), owners })
}

/// The uids of all networks, also of those that cannot be read.
async fn owners<S: Store>(store: &S) -> Result<BTreeSet<String>, StoreError> {
    Ok(store.networks(None).await?.into_iter().map(|listed| listed.uid).collect())
}

/// What networks made in a place, seen through the first of its classes whose role may look.
async fn find<C: Clouds>(
    clouds: &C,
    cluster: &str,
    classes: &[MigrationNetworkClass],
) -> Result<(MigrationNetworkClass, Account, Resources), CallFailure> {
    let mut tried: Vec<(Account, CallFailure)> = Vec::new();
    for class in classes {
        let account = resolve::account(&class.spec);
        if tried.iter().any(|(other, _)| *other == account) {
            continue;
        }
        let found = async { clouds.connect(&account).await?.find_made_by(cluster).await };
        match found.await {
            Ok(resources) => return Ok((class.clone(), account, resources)),
            Err(failure) => tried.push((account, failure)),
        }
    }
    // Of several failures the first: its class comes first in every list.
    Err(tried.into_iter().next().map_or_else(no_class, |(_, failure)| failure))
}

fn no_class() -> CallFailure {
    failure("NoClass", "no class leads there".to_owned())
}

fn too_slow(patience: Duration) -> CallFailure {
    failure("Timeout", format!("AWS did not answer within {} s", patience.as_secs()))
}

fn failure(code: &str, message: String) -> CallFailure {
    let operation = "looking for orphans".to_owned();
    CallFailure { class: FailureClass::Transient, operation, code: code.to_owned(), message }
}

/// Why a place was not looked at, and what to do about it.
pub fn explain(place: &Place, failure: &CallFailure) -> String {
    let remedy = if failure.class == FailureClass::Unauthorized {
        "; the class's role needs what statement 'Read' of deploy/iam/operator-policy.json allows"
    } else {
        ""
    };
    format!("whether there are orphans in {place} is not known: {failure}{remedy}")
}
