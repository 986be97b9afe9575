//! Corrupted answers of EC2 and Resolver: an answer is read completely or is a failure. A truncated answer never counts
//! as a shorter one.

use std::{
    collections::BTreeMap,
    sync::{Arc, LazyLock, Mutex, PoisonError},
};

use mgnet::{
    aws::{Cloud, Scope},
    model::{failure::CallFailure, observed::Observed, ownership::Tags, settings::VpcSelector},
};

use crate::{
    Choices,
    wire::{Answer, Corrupt, LANDING, block_on, check_failure, cloud, identity},
};

/// Observes a VPC while the answers to one action are corrupted as the bytes determine.
pub fn check(data: &[u8]) {
    let mut choices = Choices::new(data);
    let actions: Vec<&str> = BASELINE.answers.keys().map(String::as_str).collect();
    let action = choices.of(&actions);
    let changes = choices.rest();
    match observe_with(action, |answer| corrupted(answer, &mut Choices::new(changes))) {
        Ok(observed) => {
            let original = &BASELINE.answers[action];
            let (status, body) = corrupted(original.clone(), &mut Choices::new(changes));
            if status == original.0
                && body.len() < original.1.len()
                && original.1.starts_with(&body)
                && observed != BASELINE.observed
            {
                // Optional data, such as the names of hosted zones, is then unknown.
                let without = observe_with(action, |_| (500, Vec::new()));
                assert_eq!(Ok(observed), without, "{action}: a truncated answer counts as complete");
            }
        }
        Err(failure) => check_failure(&failure),
    }
}

fn observe_with(action: &str, change: impl Fn(Answer) -> Answer) -> Result<Observed, CallFailure> {
    let changed = change(BASELINE.answers[action].clone());
    let action = action.to_owned();
    observe(Arc::new(move |of: &str, answer: Answer| if of == action { changed.clone() } else { answer }))
}

/// The observation without corruption, and the last answer to each action in it.
struct Baseline {
    observed: Observed,
    answers: BTreeMap<String, Answer>,
}

static BASELINE: LazyLock<Baseline> = LazyLock::new(|| {
    let answers = Arc::<Mutex<BTreeMap<String, Answer>>>::default();
    let recorded = Arc::clone(&answers);
    let record = move |action: &str, answer: Answer| {
        recorded.lock().unwrap_or_else(PoisonError::into_inner).insert(action.to_owned(), answer.clone());
        answer
    };
    let observed = observe(Arc::new(record)).expect("no answer is corrupted");
    let answers = answers.lock().unwrap_or_else(PoisonError::into_inner).clone();
    assert!(answers.len() > 10, "{:?}", answers.keys());
    Baseline { observed, answers }
});

fn observe(corrupt: Corrupt) -> Result<Observed, CallFailure> {
    let tags: Tags = [("Name".to_owned(), "migration-landing".to_owned())].into();
    let scope = Scope { adopts: true, ..Scope::new(VpcSelector::Tags(tags), identity()) };
    let world = LANDING.aws.clone();
    block_on(async { cloud(world, corrupt).await?.observe(&scope).await })
}

/// Returns an answer after a few changes.
fn corrupted((status, mut body): Answer, choices: &mut Choices<'_>) -> Answer {
    if choices.one_in(16) {
        return (choices.of(&[200, 400, 500, 503]), choices.rest().to_vec());
    }
    for _ in 0..=choices.below(4) {
        let (from, length) = (choices.below(body.len() + 1), choices.below(64));
        let to = (from + length).min(body.len());
        match choices.below(6) {
            0 => body.truncate(from),
            1 => drop(body.drain(from..to)),
            2 => {
                let twice = body[from..to].to_vec();
                body.splice(from..from, twice);
            }
            3 => drop(body.splice(from..to, choices.word(16).into_bytes())),
            4 => {
                // The start of the next element or member, where the parser expects one.
                let next =
                    body[from..].iter().position(|byte| matches!(byte, b'>' | b':')).map_or(to, |at| from + at + 1);
                body.splice(next..next, choices.of(PIECES).bytes());
            }
            _ => {
                if let Some(byte) = body.get_mut(from) {
                    *byte ^= choices.byte();
                }
            }
        }
    }
    (status, body)
}

const PIECES: &[&str] = &[
    "<item>",
    "</item>",
    "<item/>",
    "<!-- -->",
    "<![CDATA[",
    "&amp;",
    "&#x0;",
    "&x;",
    "true",
    "-1",
    "99999999999999999999",
    "null",
    "[]",
    "{}",
    "\"\"",
    "10.0.0.0/33",
    "vpc-",
    "<nextToken>again</nextToken>",
    "\"NextToken\":\"again\",",
    "\u{1f600}",
];
