//! `docs/iam.md` explains every statement, and the policies keep to the limits of IAM.

use std::{collections::BTreeSet, fs, path::Path};

use anyhow::{Context as _, Result, ensure};

use crate::{files, reference::ACTIONS, shipped, statements};

/// The characters of a managed policy, without white space. Source: IAM User Guide, "IAM and AWS STS quotas".
const LARGEST_POLICY: usize = 6_144;

fn repository(path: &str) -> Result<String> {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).with_context(|| path.to_owned())
}

/// Returns the names in the first column of the table below a heading.
fn documented(page: &str, heading: &str) -> Vec<String> {
    let section = page.lines().skip_while(|line| *line != heading).skip(1).take_while(|line| !line.starts_with('#'));
    let rows = section.filter_map(|line| line.strip_prefix("| `"));
    rows.filter_map(|row| Some(row.split_once('`')?.0.to_owned())).collect()
}

#[test]
fn the_page_about_iam_explains_every_statement() -> Result<()> {
    let page = repository("docs/iam.md")?;
    for file in files()? {
        let sids: Vec<String> = shipped(&file)?.statements.into_iter().map(|statement| statement.sid).collect();
        assert_eq!(documented(&page, &format!("## {file}")), sids, "{file}");
    }
    Ok(())
}

#[test]
fn each_statement_has_a_name_of_its_own() -> Result<()> {
    let names: Vec<String> = statements(true)?.into_iter().map(|statement| statement.sid).collect();
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len(), "{names:?}");
    ensure!(
        names.iter().all(|name| name.chars().all(char::is_alphanumeric)),
        "IAM allows letters and digits: {names:?}"
    );
    Ok(())
}

#[test]
fn each_policy_is_small_enough_for_iam() -> Result<()> {
    for file in files()? {
        let size = repository(&format!("deploy/iam/{file}"))?.chars().filter(|one| !one.is_whitespace()).count();
        ensure!(size <= LARGEST_POLICY, "{file} has {size} characters");
    }
    Ok(())
}

#[test]
fn the_policies_name_exactly_the_actions_of_the_reference() -> Result<()> {
    let mut named = BTreeSet::new();
    for file in files()? {
        let statements = shipped(&file)?.statements;
        named.extend(statements.into_iter().flat_map(|statement| statement.action.0));
    }
    assert_eq!(named, ACTIONS.iter().map(|action| action.name.to_owned()).collect());
    Ok(())
}
