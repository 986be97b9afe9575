//! Tests of the planted bugs: every patch applies, and the search finds a sample of the bugs. `make mutants` plants
//! all of them.

#![allow(clippy::expect_used, reason = "a test fails by panicking")]

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use simulation::{
    mutants::{self, Catcher, Mutant, TestProgram, switch},
    scenario,
};

/// A sample of different parts of the operator, promises and searches. Each bug is found within seconds.
const SAMPLE: [&str; 3] = ["design-b-find-then-create", "revoked-before-granted", "deleted-is-retained"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("the repository").to_owned()
}

fn all() -> Vec<Mutant> {
    mutants::all(&root().join("tests/simulation/mutants")).expect("patches that can be read")
}

#[test]
fn all_patches_apply_and_can_be_switched_together() {
    let mut files: BTreeMap<PathBuf, Vec<(usize, String)>> = BTreeMap::new();
    let mut stale = Vec::new();
    for (number, mutant) in (1..).zip(all()) {
        for change in &mutant.changes {
            let original = fs::read_to_string(root().join(&change.file)).expect("a file of the operator");
            match change.apply(&original) {
                Ok(changed) => files.entry(change.file.clone()).or_default().push((number, changed)),
                Err(error) => stale.push(format!("{}: {error:#}", mutant.name)),
            }
        }
    }
    assert!(stale.is_empty(), "patches that do not apply:\n{}", stale.join("\n"));
    for (file, changed) in files {
        let original = fs::read_to_string(root().join(&file)).expect("a file of the operator");
        switch::merged(&original, &changed).unwrap_or_else(|error| panic!("{}: {error:#}", file.display()));
    }
}

#[test]
fn each_mutant_names_an_existing_scenario_or_test() {
    let (mutants, scenarios) = (all(), scenario::all());
    assert!(mutants.len() >= 50, "{}", mutants.len());
    for Mutant { name, catcher, .. } in mutants {
        match catcher {
            Catcher::Search { search, .. } => {
                let arguments = mutants::arguments(&search);
                let named = arguments.iter().skip_while(|argument| *argument != "--scenario").nth(1).expect(&name);
                assert!(scenarios.iter().any(|scenario| scenario.name.contains(named)), "{name}: {named}");
            }
            Catcher::Test { program, test } => {
                let (module, function) = test.rsplit_once("::").expect(&name);
                let folder = match program {
                    TestProgram::Behavior => "tests/behavior",
                    TestProgram::Unit => "src",
                };
                let file = |module: &str| root().join(folder).join(format!("{}.rs", module.replace("::", "/")));
                // The unit tests of a file may be in the file itself.
                let of_file = module.strip_suffix("::tests").map(file);
                let text =
                    fs::read_to_string(file(module)).or_else(|error| of_file.map_or(Err(error), fs::read_to_string));
                let text = text.expect(&name);
                assert!(text.contains(&format!("fn {function}(")), "{name}: {test}");
            }
        }
    }
}

#[test]
fn the_documentation_lists_all_mutants() {
    let text = fs::read_to_string(root().join("docs/promises.md")).expect("the documentation");
    let table = mutants::table(&all());
    assert!(
        text.contains(&table),
        "replace the table in docs/promises.md with the output of `mutants \
                                    --table`:\n{table}"
    );
}

#[test]
fn the_planted_bugs_of_the_sample_are_caught() {
    let run = Command::new(env!("CARGO_BIN_EXE_mutants")).args(SAMPLE).output().expect("the program runs");
    let said = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success(), "{said}\n{}", String::from_utf8_lossy(&run.stderr));
    for name in SAMPLE {
        assert!(said.contains(&format!("{name}: caught by")), "{said}");
    }
}
