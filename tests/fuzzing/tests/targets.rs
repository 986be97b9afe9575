//! Runs the targets of `make fuzz` with a stable compiler, on earlier findings and on inputs generated from seeds.

#![allow(clippy::expect_used, reason = "a test fails if it cannot be set up")]

use std::{fs, panic::AssertUnwindSafe, path::Path};

use fuzzing::{TARGETS, Target};

/// Runs a target on an input. `source` identifies the input in the message.
fn run(target: Target, input: &[u8], source: &str) {
    let outcome = std::panic::catch_unwind(AssertUnwindSafe(|| (target.check)(input)));
    assert!(outcome.is_ok(), "{}: {source}: {input:?}", target.name);
}

/// Returns the bytes for a seed. Every second input starts with zero, which some targets treat differently, and few are
/// long.
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
fn fuzzed_answers_are_read_completely_or_are_failures() {
    over_seeds("answers");
}

#[test]
fn fuzzed_specs_lead_to_a_plan_or_an_error_message() {
    over_seeds("plans");
}

#[test]
fn a_policy_has_one_form() {
    over_seeds("policies");
}

#[test]
fn fuzzed_ranges_are_accepted_only_if_valid() {
    over_seeds("ranges");
}

#[test]
fn fuzzed_errors_count_as_refusals_only_if_the_call_had_no_effect() {
    over_seeds("refusals");
}

#[test]
fn every_input_of_the_corpus_passes() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus");
    for target in TARGETS {
        let files = fs::read_dir(corpus.join(target.name)).expect("a target has a corpus");
        let mut files: Vec<_> = files.map(|file| file.expect("the folder can be listed").path()).collect();
        files.sort();
        assert!(!files.is_empty(), "{} has no corpus", target.name);
        for file in files {
            let input = fs::read(&file).expect("the file can be read");
            run(target, &input, &file.display().to_string());
        }
    }
}
