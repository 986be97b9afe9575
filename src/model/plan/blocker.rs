//! Blockers: the reasons why a part of a plan cannot run now.

use std::net::Ipv4Addr;

use crate::model::{
    ids::{NetworkInterfaceId, SubnetId},
    slot::Slot,
    transfer::InvalidTransfer,
};

/// A condition that the network waits for before the plan can continue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Blocker {
    /// AWS is still creating, changing or deleting the resource.
    UnderWay {
        /// The slot.
        slot: Slot,
        /// The state that AWS reports.
        state: String,
    },
    /// The resource was created, but no list of AWS contains it: it is not visible yet, or it was deleted outside the
    /// operator.
    NotVisible {
        /// The slot.
        slot: Slot,
    },
    /// The endpoint is available, but no list of AWS contains one of its network interfaces yet, so that its address is unknown.
    AddressUnknown {
        /// The slot.
        slot: Slot,
        /// The network interface.
        interface: NetworkInterfaceId,
    },
    /// The resource is gone, but a create call that was sent earlier may still arrive and create it again.
    MayArrive {
        /// The slot.
        slot: Slot,
    },
    /// The step cannot run before another slot is ready.
    Awaits {
        /// The slot.
        slot: Slot,
        /// The slot that must be ready first.
        needs: Slot,
    },
    /// The resource is in a failed state that does not resolve by waiting.
    Failed {
        /// The slot.
        slot: Slot,
        /// The resource.
        id: String,
        /// The failure message of AWS.
        message: String,
    },
    /// A foreign resource occupies the name of the slot's resource.
    NotOwned {
        /// The slot.
        slot: Slot,
        /// The foreign resource.
        id: String,
    },
    /// Several resources could be adopted for the slot, and only a person can choose between them.
    Ambiguous {
        /// The slot.
        slot: Slot,
        /// The resources that fit.
        ids: Vec<String>,
    },
    /// Several live resources have the owner tags of the slot. At most one of them is the network's own: the others were
    /// tagged by other means, and none is changed or deleted.
    Duplicates {
        /// The slot.
        slot: Slot,
        /// The resources.
        ids: Vec<String>,
    },
    /// A later version of the operator created the resource, or may have created it, for a slot that this version does not
    /// know.
    UnknownSlot {
        /// The slot, in its text form.
        slot: String,
        /// The resource, if its ID is known.
        id: Option<String>,
    },
    /// The annotation for a transfer names no other cluster, so nothing is retained yet.
    InvalidTransfer(InvalidTransfer),
    /// A published address would change, and the network has no annotation that allows the change.
    AddressChange {
        /// The slot.
        slot: Slot,
        /// The resource.
        id: String,
        /// The subnet of the address.
        subnet: SubnetId,
        /// The observed address.
        from: Ipv4Addr,
        /// The address that the spec requests.
        to: Ipv4Addr,
    },
    /// The resource cannot be deleted while other resources use it.
    InUse {
        /// The slot.
        slot: Slot,
        /// The resource.
        id: String,
        /// The network interfaces or endpoints that use it, each with its description.
        by: Vec<String>,
    },
}

impl Blocker {
    /// The slot that the blocker affects. None if this version does not know the slot, or if all slots are affected.
    pub const fn slot(&self) -> Option<Slot> {
        match self {
            Self::UnknownSlot { .. } | Self::InvalidTransfer(_) => None,
            Self::UnderWay { slot, .. }
            | Self::AddressUnknown { slot, .. }
            | Self::MayArrive { slot }
            | Self::NotVisible { slot }
            | Self::Awaits { slot, .. }
            | Self::Failed { slot, .. }
            | Self::NotOwned { slot, .. }
            | Self::Ambiguous { slot, .. }
            | Self::Duplicates { slot, .. }
            | Self::AddressChange { slot, .. }
            | Self::InUse { slot, .. } => Some(*slot),
        }
    }
}
