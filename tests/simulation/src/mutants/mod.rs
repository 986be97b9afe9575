//! Mutants: small bugs that are planted in a copy of the operator, one at a time. The search, or a test, must find each of
//! them.
//!
//! A promise that no bug can break in the simulator is worthless. Each patch in `tests/simulation/mutants` is a
//! realistic bug. Its header states the bug, and either the promise that it must break and the search that finds it, or the
//! test that fails. A bug that survives reveals a gap in the promises, the scenarios or the tests.

pub mod diff;
mod function;
pub mod switch;
pub mod workshop;

use std::{fs, path::Path};

use anyhow::{Context, Result, bail, ensure};

use crate::promises::ALL;
use diff::Change;

/// A planted bug.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mutant {
    /// The name of its file, without `.patch`.
    pub name: String,
    /// The part of the operator that contains the bug.
    pub group: String,
    /// The description of the bug.
    pub bug: String,
    /// What must catch the bug.
    pub catcher: Catcher,
    /// The changes that plant the bug.
    pub changes: Vec<Change>,
}

/// What must catch a planted bug.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Catcher {
    /// A search.
    Search {
        /// The promise that the bug must break: one of [`ALL`].
        promise: String,
        /// The arguments of the search, with the quotation marks of a shell.
        search: String,
    },
    /// A test.
    Test {
        /// The program of the test.
        program: TestProgram,
        /// The path of the test, such as `adoption::a_test`.
        test: String,
    },
}

/// A program of tests that can catch planted bugs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TestProgram {
    /// The tests in `tests/behavior`.
    Behavior,
    /// The unit tests of the operator.
    Unit,
}

impl Mutant {
    /// Parses a patch: a header of `Group:`, `Bug:`, and either `Promise:` and `Search:`, or `Test:`, or `Unit test:`, each
    /// with continuation lines if needed, then a diff.
    ///
    /// # Errors
    /// If the patch is invalid.
    pub fn parse(name: &str, text: &str) -> Result<Self> {
        let begin = text.find("\n--- ").context("the patch contains no diff")?;
        let (header, diff) = text.split_at(begin + 1);
        let field = |key: &str| -> Result<String> {
            let mut lines = header.lines().skip_while(|line| !line.starts_with(key));
            let first = lines.next().and_then(|line| line.strip_prefix(key));
            let first = first.with_context(|| format!("the header has no '{key}'"))?;
            let more = lines.take_while(|line| line.starts_with(' '));
            Ok([first].into_iter().chain(more).map(str::trim).collect::<Vec<_>>().join(" "))
        };
        let mutant = Self {
            name: name.to_owned(),
            group: field("Group:")?,
            bug: field("Bug:")?,
            catcher: match (field("Test:"), field("Unit test:")) {
                (Ok(filter), _) => Catcher::Test { program: TestProgram::Behavior, test: filter },
                (Err(_), Ok(filter)) => Catcher::Test { program: TestProgram::Unit, test: filter },
                (Err(_), Err(_)) => Catcher::Search { promise: field("Promise:")?, search: field("Search:")? },
            },
            changes: diff::parse(diff)?,
        };
        if let Catcher::Search { promise, .. } = &mutant.catcher {
            ensure!(ALL.iter().any(|(known, _)| known == promise), "unknown promise '{promise}'");
        }
        Ok(mutant)
    }
}

impl Catcher {
    /// The program of the test, if it is one.
    pub const fn test_program(&self) -> Option<TestProgram> {
        match self {
            Self::Search { .. } => None,
            Self::Test { program, .. } => Some(*program),
        }
    }
}

/// Splits the arguments of a search. Text in quotation marks is one argument.
pub fn arguments(search: &str) -> Vec<String> {
    let parts = search.split('"').enumerate();
    parts
        .flat_map(|(number, part)| {
            let quoted = (number % 2 == 1).then(|| part.to_owned());
            let words = part.split_whitespace().filter(move |_| number % 2 == 0).map(str::to_owned);
            quoted.into_iter().chain(words).collect::<Vec<_>>()
        })
        .collect()
}

/// Reads all mutants, sorted by group and name.
///
/// # Errors
/// If a patch cannot be read.
pub fn all(folder: &Path) -> Result<Vec<Mutant>> {
    let mut mutants = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()?.strip_suffix(".patch")) else {
            bail!("{} is not a patch", path.display());
        };
        let text = fs::read_to_string(&path)?;
        mutants.push(Mutant::parse(name, &text).with_context(|| name.to_owned())?);
    }
    mutants.sort_by(|one, other| (&one.group, &one.name).cmp(&(&other.group, &other.name)));
    Ok(mutants)
}

/// Returns the table of all mutants that `docs/promises.md` contains.
pub fn table(mutants: &[Mutant]) -> String {
    let head = "| part | mutant | bug | promise or test that catches it |\n|---|---|---|---|\n".to_owned();
    let mut before = "";
    let lines = mutants.iter().map(|Mutant { name, group, bug, catcher, .. }| {
        let shown = if group == before { "" } else { group };
        before = group;
        let catcher = match catcher {
            Catcher::Search { promise, .. } => promise.clone(),
            Catcher::Test { test, .. } => format!("`{test}`"),
        };
        format!("| {shown} | `{name}` | {bug} | {catcher} |\n")
    });
    [head].into_iter().chain(lines).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATCH: &str = "Group: claims\nBug: one line\n and another\nPromise: no duplicate\nSearch: --scenario \"a b\" \
                         --late\n\n--- a/f\n+++ b/f\n@@ fn f\n-x\n+y\n";

    #[test]
    fn a_patch_states_its_bug_and_its_search() {
        let mutant = Mutant::parse("m", PATCH).expect("a patch");
        assert_eq!(mutant.bug, "one line and another");
        let Catcher::Search { search, .. } = &mutant.catcher else { panic!("a search") };
        assert_eq!(arguments(search), ["--scenario", "a b", "--late"]);
        assert_eq!(mutant.changes.len(), 1);
    }

    #[test]
    fn an_incomplete_patch_is_rejected() {
        for (from, to) in [("no duplicate", "nothing"), ("Search:", "Look:"), ("--- a/f", "")] {
            assert!(Mutant::parse("m", &PATCH.replacen(from, to, 1)).is_err(), "{from} became {to}");
        }
    }
}
