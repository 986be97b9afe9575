//! Unified diffs, applied strictly: what a hunk takes away must stand in the file exactly once, on whatever line. So a patch
//! outlives what moves around it, and never lands in another place than the one that it was written for.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};

/// What changes in one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The file, from the root of the repository.
    pub file: PathBuf,
    /// What stands there, and what takes its place.
    pub hunks: Vec<(String, String)>,
}

/// Reads a diff with paths that begin with `a/` and `b/`.
///
/// # Errors
/// If it is none.
pub fn parse(diff: &str) -> Result<Vec<Change>> {
    let mut changes: Vec<Change> = Vec::new();
    for line in diff.lines() {
        if line.starts_with("--- ") {
            continue;
        }
        if let Some(file) = line.strip_prefix("+++ ") {
            let file = file.strip_prefix("b/").with_context(|| format!("'{line}' names no file under b/"))?;
            changes.push(Change { file: file.into(), hunks: Vec::new() });
            continue;
        }
        let change = changes.last_mut().with_context(|| format!("'{line}' is in no file"))?;
        if line.starts_with("@@") {
            change.hunks.push((String::new(), String::new()));
            continue;
        }
        let (old, new) = change.hunks.last_mut().with_context(|| format!("'{line}' is in no hunk"))?;
        let (sign, rest) = line.split_at_checked(1).unwrap_or((" ", ""));
        ensure!(matches!(sign, " " | "-" | "+"), "'{line}' is no line of a diff");
        if sign != "+" {
            old.push_str(rest);
            old.push('\n');
        }
        if sign != "-" {
            new.push_str(rest);
            new.push('\n');
        }
    }
    ensure!(changes.iter().all(|change| !change.hunks.is_empty()), "a file without a hunk");
    Ok(changes)
}

impl Change {
    /// The text of the file with the change in it.
    ///
    /// # Errors
    /// If a hunk does not fit, or fits in several places.
    pub fn apply(&self, text: &str) -> Result<String> {
        let mut text = format!("\n{text}");
        for (old, new) in &self.hunks {
            let (old, new) = (format!("\n{old}"), format!("\n{new}"));
            // A line that ends one place may begin the next.
            let places = text.match_indices('\n').filter(|(at, _)| text[*at..].starts_with(&old)).count();
            ensure!(places == 1, "a hunk fits in {places} places of {}:{old}", self.file.display());
            text = text.replacen(&old, &new, 1);
        }
        text.remove(0);
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIFF: &str = "--- a/f.rs\n+++ b/f.rs\n@@ -1,3 +1,3 @@\n one\n-two\n+2\n three\n";

    fn apply(text: &str) -> Result<String> {
        parse(DIFF)?[0].apply(text)
    }

    #[test]
    fn a_hunk_is_put_where_it_fits_whatever_its_line() {
        assert_eq!(apply("one\ntwo\nthree\n").expect("it fits"), "one\n2\nthree\n");
        assert_eq!(apply("zero\nzero\none\ntwo\nthree\nfour\n").expect("it fits"), "zero\nzero\none\n2\nthree\nfour\n");
    }

    #[test]
    fn a_hunk_that_fits_nowhere_or_in_several_places_is_refused() {
        for text in ["one\ntwo\n", "one\ntwo\nfour\n", "someone\ntwo\nthree\n", "one\ntwo\nthree\none\ntwo\nthree\n"] {
            assert!(apply(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_no_diff_is_refused() {
        for text in ["one\n", "+++ f.rs\n", "+++ b/f.rs\none\n", "+++ b/f.rs\n", "+++ b/f.rs\n@@\n*one\n"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
