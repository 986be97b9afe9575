//! Mutants: small bugs that are planted in a copy of the operator, one at a time, each of which the search has to find.
//!
//! A promise that nothing can break in the simulator says nothing. Each patch in `tests/simulation/mutants` is a bug that
//! somebody could write; its header says what it is, which promise it must break, and the search that finds it. A bug that
//! survives shows what promises or scenarios do not see.

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
    /// The part of the operator that it is in.
    pub group: String,
    /// What the bug is.
    pub bug: String,
    /// The promise that it must break: one of [`ALL`].
    pub promise: String,
    /// The arguments of the search that finds it, as a shell would take them.
    pub search: String,
    /// The bug itself.
    pub changes: Vec<Change>,
}

impl Mutant {
    /// Reads a patch: a header of `Group:`, `Bug:`, `Promise:` and `Search:`, each with as many lines as it needs, then a unified
    /// diff.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(name: &str, text: &str) -> Result<Self> {
        let begin = text.find("\n--- ").context("there is no diff")?;
        let (header, diff) = text.split_at(begin + 1);
        let field = |key: &str| -> Result<String> {
            let mut lines = header.lines().skip_while(|line| !line.starts_with(key));
            let first = lines.next().and_then(|line| line.strip_prefix(key)).with_context(|| format!("no '{key}'"))?;
            let more = lines.take_while(|line| line.starts_with(' '));
            Ok([first].into_iter().chain(more).map(str::trim).collect::<Vec<_>>().join(" "))
        };
        let mutant = Self {
            name: name.to_owned(),
            group: field("Group:")?,
            bug: field("Bug:")?,
            promise: field("Promise:")?,
            search: field("Search:")?,
            changes: diff::parse(diff)?,
        };
        ensure!(ALL.iter().any(|(promise, _)| *promise == mutant.promise), "no promise is '{}'", mutant.promise);
        Ok(mutant)
    }

    /// The arguments of its search. Quotation marks hold together what has blanks in it.
    pub fn arguments(&self) -> Vec<String> {
        let parts = self.search.split('"').enumerate();
        parts
            .flat_map(|(number, part)| {
                let quoted = (number % 2 == 1).then(|| part.to_owned());
                let words = part.split_whitespace().filter(move |_| number % 2 == 0).map(str::to_owned);
                quoted.into_iter().chain(words).collect::<Vec<_>>()
            })
            .collect()
    }
}

/// All mutants, in the order of their groups and names.
///
/// # Errors
/// If a patch cannot be read.
pub fn all(folder: &Path) -> Result<Vec<Mutant>> {
    let mut mutants = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()?.strip_suffix(".patch")) else {
            bail!("{} is no patch", path.display());
        };
        let text = fs::read_to_string(&path)?;
        mutants.push(Mutant::parse(name, &text).with_context(|| name.to_owned())?);
    }
    mutants.sort_by(|one, other| (&one.group, &one.name).cmp(&(&other.group, &other.name)));
    Ok(mutants)
}

/// All mutants as a table for people, as it stands in `docs/promises.md`.
pub fn table(mutants: &[Mutant]) -> String {
    let head = "| part | mutant | bug | promise that catches it |\n|---|---|---|---|\n".to_owned();
    let mut before = "";
    let lines = mutants.iter().map(|Mutant { name, group, bug, promise, .. }| {
        let shown = if group == before { "" } else { group };
        before = group;
        format!("| {shown} | `{name}` | {bug} | {promise} |\n")
    });
    [head].into_iter().chain(lines).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATCH: &str = "Group: claims\nBug: one line\n and another\nPromise: no duplicate\nSearch: --scenario \"a b\" \
                         --late\n\n--- a/f\n+++ b/f\n@@ fn f\n-x\n+y\n";

    #[test]
    fn a_patch_says_what_it_breaks_and_how_that_is_found() {
        let mutant = Mutant::parse("m", PATCH).expect("a patch");
        assert_eq!(mutant.bug, "one line and another");
        assert_eq!(mutant.arguments(), ["--scenario", "a b", "--late"]);
        assert_eq!(mutant.changes.len(), 1);
    }

    #[test]
    fn a_patch_that_does_not_say_it_is_refused() {
        for (from, to) in [("no duplicate", "nothing"), ("Search:", "Look:"), ("--- a/f", "")] {
            assert!(Mutant::parse("m", &PATCH.replacen(from, to, 1)).is_err(), "{from} became {to}");
        }
    }
}
