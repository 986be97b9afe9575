//! Searches for orphans in every account and Region that a class names. [`crate::model::orphans`] decides what an
//! orphan is.
//!
//! **AWS is listed before the networks.** A network exists before any of its resources is created. A resource whose
//! network is missing from the later list therefore belongs to a network that no longer exists. In the reverse order,
//! every resource that is created between the two lists would appear as an orphan. A resource that appears as an
//! orphan in one search only is not reported, either ([`Sightings`]): the lists of AWS lag, and may not show yet what
//! a network deleted or tagged just before it was deleted itself.

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
pub struct AccountRegion {
    /// The account ID.
    pub account: String,
    /// The Region.
    pub region: String,
}

impl fmt::Display for AccountRegion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "account {} in {}", self.account, self.region)
    }
}

/// One search of all accounts and Regions.
#[derive(Debug)]
pub struct Survey {
    /// The results by account and Region.
    pub account_regions: BTreeMap<AccountRegion, Observation>,
    /// The UIDs of all networks, listed after the resources in AWS.
    pub owners: BTreeSet<String>,
}

/// One search of an account and Region.
#[derive(Debug)]
pub struct Observation {
    /// The classes that name the account and Region, sorted by name.
    pub classes: Vec<MigrationNetworkClass>,
    /// The result of the search, or the failure if the role of no class could search.
    pub seen: Result<Seen, CallFailure>,
}

/// The result of searching an account and Region.
#[derive(Debug)]
pub struct Seen {
    /// The account, with the role that was used.
    pub account: Account,
    /// The class whose role was used.
    pub class: MigrationNetworkClass,
    /// All resources there that networks of this cluster created.
    pub resources: Resources,
    /// The orphaned and the retained resources among them.
    pub leftovers: Leftovers,
}

/// Searches all accounts and Regions in turn, each for at most `patience`. A failed search does not affect the others.
///
/// # Errors
/// If classes or networks could not be listed.
pub async fn survey<C: Clouds, S: Store>(
    clouds: &C,
    store: &S,
    cluster: &str,
    patience: Duration,
) -> Result<Survey, StoreError> {
    let mut classes: BTreeMap<AccountRegion, Vec<MigrationNetworkClass>> = BTreeMap::new();
    for class in store.classes().await? {
        let account_region =
            AccountRegion { account: class.spec.account.id.clone(), region: class.spec.region.clone() };
        classes.entry(account_region).or_default().push(class);
    }
    let mut found = Vec::new();
    for (account_region, mut classes) in classes {
        classes.sort_by_key(ResourceExt::name_any);
        let resources = tokio::time::timeout(patience, find(clouds, cluster, &classes)).await;
        found.push((account_region, classes, resources.unwrap_or_else(|_| Err(too_slow(patience)))));
    }
    // Listed after the last list of AWS.
    let owners = owners(store).await?;
    let account_regions = found.into_iter().map(|(account_region, classes, found)| {
        let seen = found.map(|(class, account, resources)| {
            let leftovers = orphans::leftovers(cluster, &resources, &owners);
            Seen { account, class, resources, leftovers }
        });
        (account_region, Observation { classes, seen })
    });
    Ok(Survey { account_regions: account_regions.collect(), owners })
}

/// The UIDs of all networks, including those that cannot be decoded.
async fn owners<S: Store>(store: &S) -> Result<BTreeSet<String>, StoreError> {
    Ok(store.networks(None).await?.into_iter().map(|listed| listed.uid).collect())
}

/// Finds the resources that networks created in an account and Region, with the role of the first class that has
/// permission.
async fn find<C: Clouds>(
    clouds: &C,
    cluster: &str,
    classes: &[MigrationNetworkClass],
) -> Result<(MigrationNetworkClass, Account, Resources), CallFailure> {
    let mut tried: Vec<(Account, CallFailure)> = Vec::new();
    for class in classes {
        let account = resolve::account(cluster, class);
        if tried.iter().any(|(other, _)| *other == account) {
            continue;
        }
        let found = async { clouds.connect(&account).await?.find_made_by(cluster).await };
        match found.await {
            Ok(resources) => return Ok((class.clone(), account, resources)),
            Err(failure) => tried.push((account, failure)),
        }
    }
    // If all roles fail, the failure of the first class is reported, which is also the first in every list.
    Err(tried.into_iter().next().map_or_else(no_class, |(_, failure)| failure))
}

fn no_class() -> CallFailure {
    failure("NoClass", "no class names the account and Region".to_owned())
}

fn too_slow(patience: Duration) -> CallFailure {
    failure("Timeout", format!("AWS did not answer within {} s", patience.as_secs()))
}

fn failure(code: &str, message: String) -> CallFailure {
    let operation = "search for orphans".to_owned();
    CallFailure { class: FailureClass::Transient, operation, code: code.to_owned(), message, request_id: None }
}

/// The message for a failed search of an account and Region, with the remedy if one is known.
pub fn explain(account_region: &AccountRegion, failure: &CallFailure) -> String {
    let remedy = if failure.class == FailureClass::Unauthorized {
        "; grant the class's role the permissions in statement 'Read' of deploy/iam/operator-policy.json"
    } else {
        ""
    };
    format!("the search for orphans in {account_region} failed: {failure}{remedy}")
}
