//! The hand-off: the work that the on-premises teams must do for a network, as facts without wording.
//!
//! `facts.rs` reads the facts from settings and observation, and `status.rs` compares them with the previous ones.

mod facts;
mod status;

pub use self::{
    facts::{Facts, facts},
    status::{acknowledge, checklist_of, condition, revision_of, status},
};
