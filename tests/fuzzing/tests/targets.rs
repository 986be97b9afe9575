//! The targets of `make fuzz` on a stable compiler: over what was found before, and over inputs by their seeds.

#![allow(clippy::expect_used, reason = "a test that cannot be set up is to break")]

use std::{fs, panic::AssertUnwindSafe, path::Path};

use fuzzing::{TARGETS, Target};

/// Runs a target over an input; `which` tells how to have it again.
fn run(target: Target, input: &[u8], which: &str) {
    let outcome = std::panic::catch_unwind(AssertUnwindSafe(|| (target.check)(input)));
    assert!(outcome.is_ok(), "{}: {which}: {input:?}", target.name);
}

/// Bytes by their seed: some begin as what begins with a zero is read, and few are long.
fn seeded(seed: u64) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(seed);
    let most = 1 << random.u32(3..11);
    let length = random.usize(0..most);
    let mut bytes: Vec<u8> = (0..length).map(|_| random.u8(..)).collect();
    if let Some(first) = bytes.first_mut().filter(|_| seed.is_multiple_of(2)) {
        *first = 0;
    }
    bytes
}

fn over_seeds(name: &str) {
    let target = TARGETS.into_iter().find(|target| target.name == name).expect("a target");
    let times: u64 = std::env::var("MGNET_FUZZ_TIMES").map_or(1, |times| times.parse().expect("a number"));
    for seed in 0..target.inputs * times {
        run(target, &seeded(seed), &format!("seed {seed}"));
    }
    println!("{name}: {} inputs", target.inputs * times);
}

#[test]
fn whatever_aws_answers_is_read_in_full_or_is_a_failure() {
    over_seeds("answers");
}

#[test]
fn whatever_a_spec_says_leads_to_a_plan_or_to_words() {
    over_seeds("plans");
}

#[test]
fn a_policy_has_one_form() {
    over_seeds("policies");
}

#[test]
fn what_is_taken_for_a_range_is_one() {
    over_seeds("ranges");
}

#[test]
fn nothing_that_may_have_had_its_effect_is_taken_for_refused() {
    over_seeds("refusals");
}

#[test]
fn what_was_found_before_is_found_no_more() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus");
    for target in TARGETS {
        let files = fs::read_dir(corpus.join(target.name)).expect("a target has a corpus");
        let mut files: Vec<_> = files.map(|file| file.expect("it can be listed").path()).collect();
        files.sort();
        assert!(!files.is_empty(), "{} has no corpus", target.name);
        for file in files {
            let input = fs::read(&file).expect("it can be read");
            run(target, &input, &file.display().to_string());
        }
    }
}
