//! Diffs of planted bugs, which stay valid when the code around them changes. A hunk names its function. It contains
//! only the lines that the bug changes, and the context lines that make its position in the function unique:
//!
//! ```text
//! --- a/src/model/plan.rs
//! +++ b/src/model/plan.rs
//! @@ fn group
//! -        if !missing.is_empty() {
//! +        if !stale.is_empty() {
//! ```
//!
//! The old lines of a hunk must occur exactly once in functions of that name. Their line numbers and indentation do
//! not matter.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};

use super::function::{functions, lines};

/// The changes in one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The path of the file, relative to the root of the repository.
    pub file: PathBuf,
    /// The hunks, in order.
    pub hunks: Vec<Hunk>,
}

/// A change in a function.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hunk {
    /// The name of the function.
    pub function: String,
    /// The lines in the operator.
    pub old: Vec<String>,
    /// The lines that replace them.
    pub new: Vec<String>,
}

/// Parses a diff whose paths start with `a/` and `b/`.
///
/// # Errors
/// If the text is not a diff, or a hunk names no function.
pub fn parse(diff: &str) -> Result<Vec<Change>> {
    let mut changes: Vec<Change> = Vec::new();
    for line in diff.lines() {
        if line.starts_with("--- ") {
            continue;
        }
        if let Some(file) = line.strip_prefix("+++ ") {
            let file = file.strip_prefix("b/").with_context(|| format!("'{line}' does not name a file under b/"))?;
            changes.push(Change { file: file.into(), hunks: Vec::new() });
            continue;
        }
        let change = changes.last_mut().with_context(|| format!("'{line}' precedes the first file"))?;
        if let Some(header) = line.strip_prefix("@@") {
            let function = header.strip_prefix(" fn ").with_context(|| format!("'{line}' does not name a function"))?;
            change.hunks.push(Hunk { function: function.to_owned(), ..Hunk::default() });
            continue;
        }
        let hunk = change.hunks.last_mut().with_context(|| format!("'{line}' precedes the first hunk"))?;
        let (sign, rest) = line.split_at_checked(1).unwrap_or((" ", ""));
        ensure!(matches!(sign, " " | "-" | "+"), "'{line}' is not a line of a diff");
        if sign != "+" {
            hunk.old.push(rest.to_owned());
        }
        if sign != "-" {
            hunk.new.push(rest.to_owned());
        }
    }
    ensure!(changes.iter().all(|change| !change.hunks.is_empty()), "a file has no hunk");
    Ok(changes)
}

impl Change {
    /// Applies the changes to the text of the file.
    ///
    /// # Errors
    /// If a hunk fits nowhere or in several places.
    pub fn apply(&self, text: &str) -> Result<String> {
        let mut text = text.to_owned();
        for hunk in &self.hunks {
            text = hunk.apply(&text).with_context(|| format!("{}: fn {}", self.file.display(), hunk.function))?;
        }
        Ok(text)
    }
}

impl Hunk {
    fn apply(&self, text: &str) -> Result<String> {
        let lines = lines(text);
        let is_here = |at: usize| {
            lines[at..].len() >= self.old.len()
                && self.old.iter().zip(&lines[at..]).all(|(old, line)| old.trim() == line.trim())
        };
        let named = functions(text).into_iter().filter(|function| function.name == self.function);
        let places: Vec<usize> =
            named.flat_map(|function| function.signature..=function.end).filter(|at| is_here(*at)).collect();
        let [at] = places.as_slice() else {
            anyhow::bail!("the hunk fits in {} places:\n{}", places.len(), self.old.join("\n"))
        };
        let indentation = |line: &str| line.len() - line.trim_start().len();
        let first = self.old.first().map_or(0, |old| indentation(old));
        let deeper = indentation(lines[*at].trim_end_matches('\n')).saturating_sub(first);
        let new = self.new.iter().map(|line| format!("{}{line}\n", " ".repeat(deeper)));
        let before = lines[..*at].iter().map(ToString::to_string);
        let after = lines[at + self.old.len()..].iter().map(ToString::to_string);
        Ok(before.chain(new).chain(after).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIFF: &str = "--- a/f.rs\n+++ b/f.rs\n@@ fn f\n one\n-two\n+2\n three\n";

    fn apply(text: &str) -> Result<String> {
        parse(DIFF)?[0].apply(text)
    }

    fn function(name: &str, body: &str) -> String {
        format!("fn {name}() {{\n{body}}}\n")
    }

    #[test]
    fn a_hunk_applies_at_any_line_and_indentation() {
        let around = |body: &str| function("g", "one\ntwo\nthree\n") + &function("f", body);
        assert_eq!(apply(&around("one\ntwo\nthree\n")).expect("the hunk fits"), around("one\n2\nthree\n"));
        assert_eq!(
            apply(&around("zero\n    one\n    two\n    three\nfour\n")).expect("the hunk fits"),
            around("zero\n    one\n    2\n    three\nfour\n")
        );
    }

    #[test]
    fn a_hunk_without_a_unique_position_is_rejected() {
        let body = "one\ntwo\nthree\n";
        for text in [
            function("g", body),
            function("f", "one\ntwo\n"),
            function("f", "one\ntwo\nfour\n"),
            function("f", &body.repeat(2)),
            function("f", body).repeat(2),
        ] {
            assert!(apply(&text).is_err(), "{text}");
        }
    }

    #[test]
    fn invalid_diffs_are_rejected() {
        for text in [
            "one\n",
            "+++ f.rs\n",
            "+++ b/f.rs\none\n",
            "+++ b/f.rs\n",
            "+++ b/f.rs\n@@ -1 +1 @@\n",
            "+++ b/f.rs\n@@ fn f\n*one\n",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
