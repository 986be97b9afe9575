//! The operator's promises, and the simulator that searches for a world in which one of them does not hold.
//!
//! Read [`promises`] first: what is promised, in one file. The rest is the search.
//!
//! * [`universe`] is everything outside the operator: the emulator's AWS and a Kubernetes API ([`kubernetes`]), both pure state
//!   machines, with requests on their way, a clock, and the [`history`] of effects.
//! * [`stage`] is where the operator meets it: every call to either is a choice point. [`wire`] and [`store`] are the two seams.
//! * [`operator`] is a process: the real reconciles, through the real AWS SDK, on virtual time.
//! * [`closure`] brings a universe to its end without faults; [`goal`] says what that end is.
//! * [`scenario`] is what people do; [`search`] tries out what can go wrong meanwhile.
//! * [`mutants`] are bugs that are planted in the operator, to see that the search finds them.

pub mod closure;
pub mod goal;
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

/// Panics that the search plants are no news; others are told as usual.
pub fn silence_planted_panics() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if info.payload().downcast_ref::<&str>() != Some(&stage::PLANTED) {
            usual(info);
        }
    }));
}
