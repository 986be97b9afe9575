//! Tests of the documentation site that mdBook builds.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use anyhow::Result;

use crate::{output, script};

fn pages(folder: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            pages(&path, found)?;
        } else if path.extension().is_some_and(|extension| extension == "html") {
            found.push(path);
        }
    }
    Ok(())
}

fn attributes<'t>(page: &'t str, name: &str) -> Vec<&'t str> {
    let start = format!("{name}=\"");
    page.split(start.as_str()).skip(1).filter_map(|rest| Some(rest.split_once('"')?.0)).collect()
}

#[test]
fn every_link_of_the_site_leads_to_a_page_of_it() -> Result<()> {
    let folder = tempfile::tempdir()?;
    output(script("docs/site.sh").arg("--output").arg(folder.path().join("book")))?;
    let root = folder.path().join("book");
    let mut found = Vec::new();
    pages(&root, &mut found)?;
    assert!(found.len() > 25, "{found:?}");
    let mut broken = Vec::new();
    for path in &found {
        // The page of errors and the print version repeat the links of others, relative to another place.
        if path.ends_with("404.html") || path.ends_with("print.html") || path.ends_with("toc.html") {
            continue;
        }
        let page = fs::read_to_string(path)?;
        for link in [attributes(&page, "href"), attributes(&page, "src")].concat() {
            if link.contains("://") || link.starts_with("data:") || link.starts_with("mailto:") {
                continue;
            }
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let file = file.split('?').next().unwrap_or_default();
            let mut target = if file.is_empty() { path.clone() } else { path.with_file_name("").join(file) };
            if target.is_dir() {
                target.push("index.html");
            }
            let has_anchor = || {
                let text = fs::read_to_string(&target).unwrap_or_default();
                attributes(&text, "id").into_iter().collect::<BTreeSet<_>>().contains(anchor)
            };
            if !target.is_file() || !(anchor.is_empty() || has_anchor()) {
                broken.push(format!("{}: {link}", path.strip_prefix(&root)?.display()));
            }
        }
    }
    assert!(broken.is_empty(), "broken links:\n{}", broken.join("\n"));
    assert!(
        fs::read_dir(&root)?.flatten().any(|file| file.file_name().to_string_lossy().starts_with("searchindex")),
        "no search"
    );
    Ok(())
}
