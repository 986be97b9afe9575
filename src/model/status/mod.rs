//! What a network's status reports: conditions and the inventory.

mod approval;
pub mod conditions;
pub mod inventory;
