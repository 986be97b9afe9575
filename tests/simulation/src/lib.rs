//! The operator's promises, and the simulator that searches for violations of them.
//!
//! Start with [`promises`], which states all promises in one file. The other modules are the search.
//!
//! * [`universe`] contains everything outside the operator: the emulator's AWS and a Kubernetes API ([`kubernetes`]),
//!   both pure state machines, the requests that are in transit, a clock, and the [`history`] of effects.
//! * [`stage`] connects the operator to the universe: every call to AWS or Kubernetes is a choice point. [`wire`] and
//!   [`store`] implement the connections to AWS and to Kubernetes.
//! * [`operator`] is a process of the operator: the real reconciles, through the real AWS SDK, in virtual time.
//! * [`closure`] runs a universe to its end without faults; [`goal`] computes the expected end.
//! * [`scenario`] lists what users do; [`search`] tries what can go wrong meanwhile.
//! * [`mutants`] are bugs that are planted in the operator to verify that the search finds them.

pub mod closure;
pub mod goal;
mod hand_off;
pub mod history;
pub mod kubernetes;
pub mod mutants;
pub mod operator;
pub mod promises;
pub mod scenario;
pub mod search;
pub mod stage;
pub mod store;
pub mod universe;
pub mod wire;

/// Suppresses the reports of panics that the search plants. Other panics are reported as usual.
pub fn silence_planted_panics() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if info.payload().downcast_ref::<&str>() != Some(&stage::PLANTED) {
            usual(info);
        }
    }));
}
