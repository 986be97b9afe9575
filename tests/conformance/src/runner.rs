//! Runs cases one after the other, and cleans up after each of them.

use std::{
    any::Any,
    panic::AssertUnwindSafe,
    pin::Pin,
    time::{Duration, Instant},
};

use futures::FutureExt as _;

use crate::{
    case::{Case, InAccount},
    clean_up::{Leftover, clean_up},
    journal::Answer,
    target::Target,
};

/// What became of a case.
pub struct Outcome {
    /// The case.
    pub case: &'static Case,
    /// Whether AWS behaved as expected.
    pub verdict: Verdict,
    /// The answers to the calls of the case, without those of the clean-up.
    pub answers: Vec<Answer>,
    /// What the clean-up could not delete.
    pub leftovers: Vec<Leftover>,
    /// How long the case took, without the clean-up.
    pub took: Duration,
}

/// Whether AWS behaved as expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It did.
    Passed,
    /// It did not: what differs.
    Failed(String),
    /// The case does not run in an AWS account, for this reason.
    Skipped(&'static str),
    /// The run was stopped before the end of the case.
    Stopped,
}

/// Runs cases until the future `stop` is ready. `in_account` leaves out the cases that cannot run in an AWS account.
/// `observe` is called after each case.
pub async fn run(
    target: &Target,
    cases: &[&'static Case],
    in_account: bool,
    mut stop: Pin<&mut dyn Future<Output = ()>>,
    mut observe: impl FnMut(&Outcome),
) -> Vec<Outcome> {
    let (mut outcomes, mut is_stopped) = (Vec::new(), false);
    // Connecting is no part of the first case.
    target.journal.take();
    for case in cases {
        let begin = Instant::now();
        let verdict = match case.in_account {
            InAccount::Cannot(reason) if in_account => Verdict::Skipped(reason),
            _ if is_stopped => Verdict::Stopped,
            InAccount::Cannot(_) | InAccount::Cheap | InAccount::Slow(_) => tokio::select! {
                biased;
                () = &mut stop => Verdict::Stopped,
                verdict = judge(target, case) => verdict,
            },
        };
        let took = begin.elapsed();
        is_stopped |= verdict == Verdict::Stopped;
        let answers = target.journal.take();
        let leftovers = if answers.is_empty() { Vec::new() } else { clean_up(target).await };
        target.journal.take();
        let outcome = Outcome { case, verdict, answers, leftovers, took };
        observe(&outcome);
        outcomes.push(outcome);
    }
    outcomes
}

async fn judge(target: &Target, case: &Case) -> Verdict {
    let outcome = AssertUnwindSafe(case.start(target)).catch_unwind().await;
    // A case may take an answer for a rejection by AWS although the call was not sent.
    let refusals = target.run.take_refusals();
    match outcome {
        _ if !refusals.is_empty() => Verdict::Failed(refusals.join("\n")),
        Ok(()) => Verdict::Passed,
        Err(panic) => Verdict::Failed(text(&*panic)),
    }
}

fn text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("the case failed without a text").to_owned()
}
