//! What a network's status reports: conditions and the inventory.

mod approval;
pub mod conditions;
pub mod inventory;
mod who_must_act;

pub use who_must_act::WhoMustAct;
