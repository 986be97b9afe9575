//! What AWS does, as cases that run against any endpoint: the emulator, moto, or an AWS account.
//!
//! * [`cases`] are the cases. Each names its source, what it creates, and what it costs in an AWS account.
//! * [`Target`] is the endpoint: the clients of the SDK, and what the target can do.
//! * [`run`] runs cases one after the other, and cleans up after each of them. [`Report`] is what remains of a run.
//! * [`ownership`] protects everything else in the account: each resource that a run creates has the tag of the run, and
//!   a call that changes any other resource is not sent.

mod answers;
mod case;
pub mod cases;
mod clean_up;
mod estimate;
mod journal;
mod network;
pub mod ownership;
mod redaction;
mod report;
mod resource;
mod runner;
mod target;

pub use self::{
    case::{Basis, Case, Charge, InAccount, select, table},
    clean_up::{Leftover, clean_up},
    estimate::{Estimate, cents},
    journal::Answer,
    ownership::Run,
    report::Report,
    runner::{Outcome, Verdict, run},
    target::{Control, Pace, Target, config_of_stand_in},
};
