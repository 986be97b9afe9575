//! One network per VPC: who may claim a VPC. Private DNS for a service exists once in a VPC, so a second network there could
//! never be complete, and two that write would undo each other's work.
//!
//! The claim itself is an object whose creation is atomic; that, and not this module, keeps two from holding it. Here is
//! decided who may try: whoever holds it keeps it, and among newcomers the oldest comes first.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::{
    api::{
        ConditionType, ManagementPolicy, MigrationNetwork, MigrationNetworkStatus, Reason,
        conditions::{find, is_true},
    },
    model::{claims::Claims, ids::VpcId},
};

/// Which VPC: ids of VPCs are unique in an account and Region.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct VpcKey {
    /// The account's id.
    pub account: String,
    /// The Region.
    pub region: String,
    /// The VPC's id.
    pub vpc: VpcId,
}

impl VpcKey {
    /// The name of the claim. None if it would be no name of a Kubernetes object (RFC 1123 subdomain, 253 characters), which
    /// only a status that was tampered with leads to.
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

/// What the claim of the VPC says now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// This network holds it.
    Mine,
    /// A network that exists holds it.
    Foreign,
    /// There is none, or it is stale: its holder is gone from Kubernetes.
    Free,
}

/// A network that may claim the VPC. The order is age, by creation time, then uid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contender {
    /// When it was created.
    pub created: Option<Timestamp>,
    /// Its uid.
    pub uid: String,
    /// What it has to do with the VPC.
    pub stand: Stand,
}

impl Contender {
    fn is_older_than(&self, other: &Self) -> bool {
        (self.created, &self.uid) < (other.created, &other.uid)
    }
}

/// What a network has to do with a VPC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stand {
    /// It has resources there, or may have: it was built before there were claims, or its claim was deleted by hand.
    Established,
    /// It wants to be built there.
    Wants,
    /// Nobody has looked yet whether it does.
    Unseen,
}

/// What a network does about a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It has the claim, and goes on.
    Keep,
    /// It takes the claim.
    Take,
    /// It looks again in a moment, when older ones have been looked at.
    Wait,
    /// Another has the VPC, or comes first.
    Yield,
}

/// Decides for `me`. `others` are all networks that [`contender`] finds beside it. Without `patience` nobody waits any
/// more for networks that nobody has looked at.
pub fn decide(found: Found, me: &Contender, others: &[Contender], patience: bool) -> Decision {
    match found {
        Found::Mine => return Decision::Keep,
        Found::Foreign => return Decision::Yield,
        Found::Free => {}
    }
    let settled = me.stand == Stand::Established;
    let mut waits = false;
    for other in others {
        match other.stand {
            Stand::Established if !settled || other.is_older_than(me) => return Decision::Yield,
            Stand::Wants if !settled && other.is_older_than(me) => return Decision::Yield,
            Stand::Unseen if !settled && other.is_older_than(me) => waits = true,
            Stand::Established | Stand::Wants | Stand::Unseen => {}
        }
    }
    if waits && patience { Decision::Wait } else { Decision::Take }
}

/// What another network has to do with the VPC; none if nothing. `classes` are the accounts and Regions of classes by name,
/// the default class's under the empty one.
///
/// One that has, or may have, resources there counts whatever has become of it since. One that has none counts only while it
/// may be built: not while it is suspended, only planned, deleted, not admitted, or does not fit into the VPC.
pub fn contender(
    network: &MigrationNetwork,
    key: &VpcKey,
    classes: &BTreeMap<String, (String, String)>,
) -> Option<Contender> {
    let status = network.status.as_ref().filter(|status| status.observed_generation >= 0);
    let may_be_built = network.metadata.deletion_timestamp.is_none()
        && network.spec.suspend != Some(true)
        && management(network) == ManagementPolicy::Enforce;
    let stand = match status {
        Some(status) if is_at(status, key) => {
            if !Claims::from_status(&status.claims).all_resolved() {
                Stand::Established
            } else if may_be_built && is_candidate(status) {
                Stand::Wants
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
            Stand::Unseen
        }
    };
    Some(Contender {
        created: network.metadata.creation_timestamp.as_ref().map(|created| created.0),
        uid: network.metadata.uid.clone().unwrap_or_default(),
        stand,
    })
}

/// What the network says, else what held for it when it was last looked at.
fn management(network: &MigrationNetwork) -> ManagementPolicy {
    let held = || network.status.as_ref()?.settings.as_ref()?.management_policy;
    network.spec.management_policy.or_else(held).unwrap_or_default()
}

fn is_at(status: &MigrationNetworkStatus, key: &VpcKey) -> bool {
    status.account.as_ref().is_some_and(|account| account.id == key.account)
        && status.region.as_deref() == Some(&key.region)
        && status.vpc_id.as_deref() == Some(key.vpc.as_str())
}

/// Whether it was found to fit, or was held up only by the claim.
fn is_candidate(status: &MigrationNetworkStatus) -> bool {
    let accepted = find(&status.conditions, ConditionType::Accepted);
    let held_up = accepted.and_then(|accepted| Reason::parse(&accepted.reason)).is_some_and(|reason| {
        // Both are what a network is told that another comes before.
        reason == Reason::Conflicted || reason == Reason::Pending
    });
    held_up
        || (is_true(&status.conditions, ConditionType::Accepted)
            && is_true(&status.conditions, ConditionType::NetworkResolved))
}
