//! The VPC lease: decides which network may manage a VPC. Private DNS for a service exists once in a VPC, so a second
//! network could never be complete there, and two writing networks would revert each other's changes.
//!
//! The Lease object itself, which Kubernetes creates atomically, keeps two networks from holding it. This module only
//! decides which network may try: the holder keeps the lease, and the oldest of several new networks has priority.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::{
    api::{
        ConditionType, ManagementPolicy, MigrationNetwork, MigrationNetworkStatus, Reason,
        conditions::{find, is_true},
    },
    model::{claims::Claims, ids::VpcId},
};

/// The key of a VPC. IDs of VPCs are unique in an account and Region.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct VpcKey {
    /// The ID of the account.
    pub account: String,
    /// The Region.
    pub region: String,
    /// The ID of the VPC.
    pub vpc: VpcId,
}

impl VpcKey {
    /// Returns the name of the Lease. None if it would not be a valid name of a Kubernetes object (RFC 1123
    /// subdomain, 253 characters), which only happens if the status was edited by hand.
    pub fn lease_name(&self) -> Option<String> {
        let label = |text: &str| {
            text.len() <= 63
                && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
                && text.starts_with(|c: char| c.is_ascii_alphanumeric())
                && text.ends_with(|c: char| c.is_ascii_alphanumeric())
        };
        let parts = [self.account.as_str(), self.region.as_str(), self.vpc.as_str()];
        parts.into_iter().all(label).then(|| parts.join("."))
    }
}

/// The observed state of the lease of the VPC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// This network holds the lease.
    Mine,
    /// Another network, which exists, holds the lease.
    Foreign,
    /// The lease does not exist, or is stale because its holder no longer exists in Kubernetes.
    Free,
}

/// A network that may take the lease. Contenders are ordered by creation time, then by UID.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contender {
    /// The creation time of the network.
    pub created: Option<Timestamp>,
    /// The UID of the network.
    pub uid: String,
    /// The relation of the network to the VPC.
    pub relation: Relation,
}

impl Contender {
    fn is_older_than(&self, other: &Self) -> bool {
        (self.created, &self.uid) < (other.created, &other.uid)
    }
}

/// The relation of a network to a VPC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    /// The network has resources in the VPC, or may have them: it was built before leases existed, or its lease was
    /// deleted by hand.
    Established,
    /// The network will be built in the VPC.
    Wants,
    /// The operator has not observed the network yet, so its VPC is unknown.
    NotObserved,
}

/// The decision of a network about the lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The network holds the lease and continues.
    Keep,
    /// The network takes the lease.
    Take,
    /// The network waits for a short time, until older networks have been observed.
    Wait,
    /// Another network holds the lease or has priority.
    Yield,
}

/// Decides for `me`. `others` are all networks for which [`contender`] returns a value. Without `patience`, the
/// network no longer waits for networks that have not been observed.
pub fn decide(found: Found, me: &Contender, others: &[Contender], patience: bool) -> Decision {
    match found {
        Found::Mine => return Decision::Keep,
        Found::Foreign => return Decision::Yield,
        Found::Free => {}
    }
    let settled = me.relation == Relation::Established;
    let mut waits = false;
    for other in others {
        match other.relation {
            Relation::Established if !settled || other.is_older_than(me) => return Decision::Yield,
            Relation::Wants if !settled && other.is_older_than(me) => return Decision::Yield,
            Relation::NotObserved if !settled && other.is_older_than(me) => waits = true,
            Relation::Established | Relation::Wants | Relation::NotObserved => {}
        }
    }
    if waits && patience { Decision::Wait } else { Decision::Take }
}

/// Returns another network as a contender for the VPC. None if it does not use the VPC. `classes` maps the names of
/// classes to their account and Region, with an empty name for the default class.
///
/// A network that has, or may have, resources in the VPC always counts. A network without resources counts only while
/// it may be built there: not while it is suspended, only planned, being deleted, not admitted, or does not fit into
/// the VPC.
pub fn contender(
    network: &MigrationNetwork,
    key: &VpcKey,
    classes: &BTreeMap<String, (String, String)>,
) -> Option<Contender> {
    let status = network.status.as_ref().filter(|status| status.observed_generation >= 0);
    let may_be_built = network.metadata.deletion_timestamp.is_none()
        && network.spec.suspend != Some(true)
        && management(network) == ManagementPolicy::Enforce;
    let relation = match status {
        Some(status) if is_at(status, key) => {
            let uid = network.metadata.uid.as_deref().unwrap_or_default();
            if !Claims::from_status(uid, &status.claims).all_resolved() {
                Relation::Established
            } else if may_be_built && is_candidate(status) {
                Relation::Wants
            } else {
                return None;
            }
        }
        Some(_) => return None,
        None => {
            let class = network.spec.migration_network_class_name.as_deref().unwrap_or_default();
            let leads_here =
                classes.get(class).is_some_and(|(account, region)| *account == key.account && *region == key.region);
            if !(may_be_built && leads_here) {
                return None;
            }
            Relation::NotObserved
        }
    };
    Some(Contender {
        created: network.metadata.creation_timestamp.as_ref().map(|created| created.0),
        uid: network.metadata.uid.clone().unwrap_or_default(),
        relation,
    })
}

/// Returns the management policy in the spec, or else the one that applied at the last observation.
fn management(network: &MigrationNetwork) -> ManagementPolicy {
    let held = || network.status.as_ref()?.settings.as_ref()?.management_policy;
    network.spec.management_policy.or_else(held).unwrap_or_default()
}

fn is_at(status: &MigrationNetworkStatus, key: &VpcKey) -> bool {
    status.account.as_ref().is_some_and(|account| account.id == key.account)
        && status.region.as_deref() == Some(&key.region)
        && status.vpc_id.as_deref() == Some(key.vpc.as_str())
}

/// Whether the network was found to fit, or only waited for the lease.
fn is_candidate(status: &MigrationNetworkStatus) -> bool {
    let accepted = find(&status.conditions, ConditionType::Accepted);
    let held_up = accepted.and_then(|accepted| Reason::parse(&accepted.reason)).is_some_and(|reason| {
        // The operator reports these two reasons to a network when another one has priority.
        reason == Reason::Conflicted || reason == Reason::Pending
    });
    held_up
        || (is_true(&status.conditions, ConditionType::Accepted)
            && is_true(&status.conditions, ConditionType::NetworkResolved))
}
