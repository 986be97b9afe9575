//! What EC2 and Resolver answer: whatever becomes of an answer on its way, it is read in full or is a failure, and never passes for a
//! shorter one.

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
    wire::{Answer, LANDING, Spoil, block_on, check_failure, cloud, identity},
};

/// Looks at a VPC while the answers to one action are spoiled as the bytes say.
pub fn check(data: &[u8]) {
    let mut choices = Choices::new(data);
    let actions: Vec<&str> = TRUTH.answers.keys().map(String::as_str).collect();
    let action = choices.of(&actions);
    let changes = choices.rest();
    match look_with(action, |answer| spoiled(answer, &mut Choices::new(changes))) {
        Ok(observed) => {
            let truth = &TRUTH.answers[action];
            let (status, body) = spoiled(truth.clone(), &mut Choices::new(changes));
            if status == truth.0
                && body.len() < truth.1.len()
                && truth.1.starts_with(&body)
                && observed != TRUTH.observed
            {
                // What can be done without, such as the names of hosted zones, is not known then.
                let without = look_with(action, |_| (500, Vec::new()));
                assert_eq!(Ok(observed), without, "{action}: half an answer passes for a whole one");
            }
        }
        Err(failure) => check_failure(&failure),
    }
}

fn look_with(action: &str, change: impl Fn(Answer) -> Answer) -> Result<Observed, CallFailure> {
    let changed = change(TRUTH.answers[action].clone());
    let action = action.to_owned();
    look(Arc::new(move |of: &str, answer: Answer| if of == action { changed.clone() } else { answer }))
}

/// What there is, and the last answer to each action with which it was told.
struct Truth {
    observed: Observed,
    answers: BTreeMap<String, Answer>,
}

static TRUTH: LazyLock<Truth> = LazyLock::new(|| {
    let answers = Arc::<Mutex<BTreeMap<String, Answer>>>::default();
    let noted = Arc::clone(&answers);
    let note = move |action: &str, answer: Answer| {
        noted.lock().unwrap_or_else(PoisonError::into_inner).insert(action.to_owned(), answer.clone());
        answer
    };
    let observed = look(Arc::new(note)).expect("nothing is spoiled");
    let answers = answers.lock().unwrap_or_else(PoisonError::into_inner).clone();
    assert!(answers.len() > 10, "{:?}", answers.keys());
    Truth { observed, answers }
});

fn look(spoil: Spoil) -> Result<Observed, CallFailure> {
    let tags: Tags = [("Name".to_owned(), "migration-landing".to_owned())].into();
    let scope = Scope { adopts: true, ..Scope::new(VpcSelector::Tags(tags), identity()) };
    let world = LANDING.aws.clone();
    block_on(async { cloud(world, spoil).await?.observe(&scope).await })
}

/// An answer after a few changes.
fn spoiled((status, mut body): Answer, choices: &mut Choices<'_>) -> Answer {
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
                // Where the next element or member begins: what is put there is where something is expected.
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
