//! Links in the documents. This file uses the standard library only, so that `make lint` compiles it in a second.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

pub(crate) const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// A Markdown file.
pub(crate) struct Document {
    /// The path in the repository, such as `docs/checks.md`.
    pub(crate) path: String,
    pub(crate) text: String,
}

/// Returns every file with this extension under a folder, except build results and Git's own files.
pub(crate) fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder of the repository").flatten() {
        let path = entry.path();
        let skipped = ["target", ".git", "run"].iter().any(|name| path.ends_with(name));
        if path.is_dir() && !skipped {
            found.extend(files(&path, extension));
        } else if path.extension().is_some_and(|found| found == extension) {
            found.push(path);
        }
    }
    found.sort();
    found
}

pub(crate) fn read(path: impl AsRef<Path>) -> String {
    fs::read_to_string(Path::new(ROOT).join(path)).expect("a file of the repository")
}

pub(crate) fn documents() -> Vec<Document> {
    let paths = files(Path::new(ROOT), "md").into_iter();
    paths
        .map(|path| {
            let inside = path.strip_prefix(ROOT).expect("a path below the root");
            Document { path: inside.display().to_string(), text: read(&path) }
        })
        .collect()
}

/// Returns the text outside code, and the code: spans, and lines of fenced blocks.
pub(crate) fn split(text: &str) -> (String, Vec<String>) {
    let (mut prose, mut code, mut fenced) = (String::new(), Vec::new(), false);
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if fenced {
            code.push(line.trim().to_owned());
        } else {
            prose.push_str(line);
            prose.push('\n');
        }
    }
    // A span may continue on the next line, but not in the next paragraph.
    let mut outside = String::new();
    for paragraph in prose.split("\n\n") {
        for (number, part) in paragraph.split('`').enumerate() {
            if number % 2 == 0 {
                outside.push_str(part);
            } else {
                code.push(part.split_whitespace().collect::<Vec<_>>().join(" "));
            }
        }
        outside.push_str("\n\n");
    }
    (outside, code)
}

/// Returns the anchors of a document: those that GitHub derives from headings, and explicit ones.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut fenced = false;
    for line in text.lines() {
        fenced ^= line.trim_start().starts_with("```");
        if let Some(heading) = line.strip_prefix('#').filter(|_| !fenced) {
            let kept = |c: &char| c.is_alphanumeric() || " -_".contains(*c);
            let words: String = heading.trim_start_matches('#').trim().to_lowercase().chars().filter(kept).collect();
            let anchor = words.replace(' ', "-");
            let numbered = (1..).map(|number| format!("{anchor}-{number}"));
            let free = [anchor.clone()].into_iter().chain(numbered).find(|anchor| !found.contains(anchor));
            found.extend(free);
        }
        found.extend(line.split("<a id=\"").skip(1).filter_map(|rest| Some(rest.split_once('"')?.0.to_owned())));
    }
    found
}

#[test]
fn every_relative_link_and_anchor_resolves() {
    let mut broken = Vec::new();
    for Document { path, text } in documents() {
        for link in split(&text).0.split("](").skip(1).filter_map(|rest| Some(rest.split_once(')')?.0.to_owned())) {
            if link.contains("://") {
                continue;
            }
            let (file, anchor) = link.split_once('#').unwrap_or((link.as_str(), ""));
            let own = Path::new(ROOT).join(&path);
            let target = if file.is_empty() { own } else { own.with_file_name("").join(file) };
            let resolves = target.exists() && (anchor.is_empty() || anchors(&read(&target)).contains(anchor));
            if !resolves {
                broken.push(format!("{path}: {link}"));
            }
        }
    }
    assert!(broken.is_empty(), "broken links:\n{}", broken.join("\n"));
}
