//! Tests that versions and lists of licenses agree, and that the changelog follows its format, from which the notes of a
//! release are taken.

use anyhow::{Context as _, Result, ensure};

use crate::{failure, output, script, text};

const VERSION: &str = env!("CARGO_PKG_VERSION");

#[test]
fn all_files_have_the_version_of_the_workspace() -> Result<()> {
    assert_eq!(output(&mut script("release/version.sh"))?, VERSION);
    Ok(())
}

#[test]
fn a_tag_must_be_that_of_the_version() -> Result<()> {
    let refused = failure(script("release/version.sh").args(["--tag", "v9.9.9"]))?;
    assert!(refused.contains(&format!("the tag must be 'v{VERSION}'")), "{refused}");
    Ok(())
}

#[test]
fn the_notes_of_a_release_are_its_section_of_the_changelog() -> Result<()> {
    let notes = output(script("release/notes.sh").arg(VERSION))?;
    assert!(notes.starts_with("### "), "{notes}");
    assert!(!notes.contains("\n## "), "{notes}");
    let refused = failure(script("release/notes.sh").arg("9.9.9"))?;
    assert!(refused.contains("no section for version '9.9.9'"), "{refused}");
    Ok(())
}

#[test]
fn the_changelog_follows_its_format() -> Result<()> {
    const KINDS: [&str; 6] = ["Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"];
    let changelog = text("CHANGELOG.md")?;
    let releases: Vec<&str> = changelog.lines().filter_map(|line| line.strip_prefix("## ")).collect();
    assert_eq!(releases.first(), Some(&"[Unreleased]"));
    let mut versions = Vec::new();
    for release in releases.iter().skip(1) {
        let (version, date) =
            release.strip_prefix('[').and_then(|rest| rest.split_once(']')).context("a version in brackets")?;
        let date = date.strip_prefix(" - ").unwrap_or_default();
        ensure!(
            date.is_empty() || date.parse::<jiff::civil::Date>().is_ok(),
            "'{release}' has no date such as 2026-01-31"
        );
        // Only a release that is being prepared has no date.
        ensure!(!date.is_empty() || version == VERSION, "'{release}' has no date");
        versions.push(version.split('.').map(str::parse).collect::<Result<Vec<u32>, _>>().context("a version")?);
    }
    assert!(versions.is_sorted_by(|later, earlier| later > earlier), "{versions:?}");
    for kind in changelog.lines().filter_map(|line| line.strip_prefix("### ")) {
        assert!(KINDS.contains(&kind), "CHANGELOG.md has a heading '{kind}'; the headings are {KINDS:?}");
    }
    Ok(())
}

#[test]
fn the_notices_accept_the_licenses_that_the_dependencies_may_have() -> Result<()> {
    let quoted = |text: &str, start: &str| -> Result<Vec<String>> {
        let (_, rest) = text.split_once(start).context("a list of licenses")?;
        let (list, _) = rest.split_once(']').context("the end of the list")?;
        Ok(list.split('"').skip(1).step_by(2).map(str::to_owned).collect())
    };
    let (deny, about) = (text("deny.toml")?, text("release/about.toml")?);
    let mut allowed = quoted(&deny, "\nallow = [")?;
    allowed.extend(quoted(&deny, ", allow = [")?);
    let mut accepted = quoted(&about, "accepted = [")?;
    allowed.sort();
    accepted.sort();
    assert_eq!(accepted, allowed);
    Ok(())
}
