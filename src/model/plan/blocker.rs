//! Blockers: what keeps a plan from running now.

use std::net::Ipv4Addr;

use crate::model::{ids::SubnetId, slot::Slot};

/// Something that the network waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Blocker {
    /// AWS is at work on it.
    UnderWay {
        /// The slot.
        slot: Slot,
        /// AWS's word for it.
        state: String,
    },
    /// It was created, and no list shows it: it is not visible yet, or somebody deleted it.
    NotVisible {
        /// The slot.
        slot: Slot,
    },
    /// It is gone, and a call that was sent before may still make it again.
    MayArrive {
        /// The slot.
        slot: Slot,
    },
    /// It cannot be made before another slot is ready.
    Awaits {
        /// The slot.
        slot: Slot,
        /// What it needs.
        needs: Slot,
    },
    /// It is in a state that waiting does not heal.
    Failed {
        /// The slot.
        slot: Slot,
        /// The resource.
        id: String,
        /// AWS's words.
        message: String,
    },
    /// Something that is not the network's stands in its place.
    NotOwned {
        /// The slot.
        slot: Slot,
        /// The stranger.
        id: String,
    },
    /// Several resources fit it, and only people can tell which of them is to be adopted.
    Ambiguous {
        /// The slot.
        slot: Slot,
        /// The resources.
        ids: Vec<String>,
    },
    /// An address that others may know would change, and nobody has allowed it.
    AddressChange {
        /// The slot.
        slot: Slot,
        /// The resource.
        id: String,
        /// The subnet of the address.
        subnet: SubnetId,
        /// The address as it is.
        from: Ipv4Addr,
        /// The address that is asked for.
        to: Ipv4Addr,
    },
    /// It cannot be deleted while these hold it.
    InUse {
        /// The slot.
        slot: Slot,
        /// The resource.
        id: String,
        /// The network interfaces, with what AWS says they are for.
        by: Vec<String>,
    },
}

impl Blocker {
    /// The slot that it blocks.
    pub const fn slot(&self) -> Slot {
        match self {
            Self::UnderWay { slot, .. }
            | Self::MayArrive { slot }
            | Self::NotVisible { slot }
            | Self::Awaits { slot, .. }
            | Self::Failed { slot, .. }
            | Self::NotOwned { slot, .. }
            | Self::Ambiguous { slot, .. }
            | Self::AddressChange { slot, .. }
            | Self::InUse { slot, .. } => *slot,
        }
    }
}
