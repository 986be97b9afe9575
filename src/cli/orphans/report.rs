//! The output of `mgnet orphans`: a table for humans, or JSON for programs.

use std::fmt::Write as _;

use anyhow::{Context as _, Result};
use kube::ResourceExt;
use serde::Serialize;

use crate::{
    controller::orphans::{AccountRegion, Observation},
    model::orphans::Made,
};

/// The result of a search.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Report {
    /// The orphans.
    pub(super) orphans: Vec<Listed>,
    /// The resources that were retained on purpose.
    pub(super) retained: Vec<Listed>,
    /// The accounts and Regions that could not be searched.
    pub(super) unseen: Vec<Unseen>,
}

/// A resource with its account and Region.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Listed {
    account: String,
    region: String,
    #[serde(flatten)]
    made: Made,
}

impl Listed {
    pub(super) fn new(account_region: &AccountRegion, made: &Made) -> Self {
        Self { account: account_region.account.clone(), region: account_region.region.clone(), made: made.clone() }
    }

    fn cells(&self) -> [&str; 7] {
        let Made { kind, id, owner, network, slot } = &self.made;
        [id, kind.as_str(), &self.account, &self.region, network, slot, owner]
    }
}

/// An account and Region that could not be searched.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Unseen {
    account: String,
    region: String,
    classes: Vec<String>,
    reason: String,
}

impl Unseen {
    pub(super) fn new(account_region: &AccountRegion, observation: &Observation, reason: String) -> Self {
        let classes = observation.classes.iter().map(ResourceExt::name_any).collect();
        Self { account: account_region.account.clone(), region: account_region.region.clone(), classes, reason }
    }
}

/// The line that is printed if a complete search finds no orphans.
const NO_ORPHANS: &str = "No orphans found.\n";

/// The same line after a search that could not reach every account and Region.
const NO_ORPHANS_IN_PART: &str = "No orphans found in the accounts and Regions that were searched.\n";

const HEAD: [&str; 7] = ["ID", "KIND", "ACCOUNT", "REGION", "NETWORK", "SLOT", "OWNER"];

impl Report {
    /// The tables of orphans and retained resources, and the accounts and Regions that could not be searched.
    pub(super) fn table(&self) -> String {
        let mut text = String::new();
        let mut section = |title: &str, listed: &[Listed]| {
            if !listed.is_empty() {
                let rows: Vec<_> = std::iter::once(HEAD).chain(listed.iter().map(Listed::cells)).collect();
                text.push_str(title);
                text.push_str(&columns(&rows));
                text.push('\n');
            }
        };
        section("Orphans: the network of each resource no longer exists.\n", &self.orphans);
        section("Retained on purpose: these resources are not orphans.\n", &self.retained);
        if self.orphans.is_empty() {
            text.push_str(if self.unseen.is_empty() { NO_ORPHANS } else { NO_ORPHANS_IN_PART });
        }
        for Unseen { classes, reason, .. } in &self.unseen {
            // A write to a String cannot fail.
            let _ = writeln!(text, "Class '{}': {reason}.", classes.join("', '"));
        }
        text
    }

    pub(super) fn json(&self) -> Result<String> {
        json(self)
    }
}

/// The result of a deletion.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Removal {
    pub(super) deleted: Vec<String>,
    pub(super) failed: Vec<Failed>,
}

/// A resource that was not deleted.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Failed {
    pub(super) id: String,
    pub(super) reason: String,
}

impl Removal {
    pub(super) fn lines(&self) -> String {
        let deleted = self.deleted.iter().map(|id| format!("{id} deleted\n"));
        let failed = self.failed.iter().map(|Failed { id, reason }| format!("{id} not deleted: {reason}\n"));
        deleted.chain(failed).collect()
    }

    pub(super) fn json(&self) -> Result<String> {
        json(self)
    }
}

fn json(report: &impl Serialize) -> Result<String> {
    Ok(serde_json::to_string_pretty(report).context("cannot write JSON")? + "\n")
}

/// Formats rows of cells. Each column is as wide as its widest cell.
fn columns<const N: usize>(rows: &[[&str; N]]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
    let widths: [usize; N] = std::array::from_fn(width);
    let mut text = String::new();
    for row in rows {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}"));
        text.push_str(cells.collect::<Vec<_>>().join("   ").trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::orphans::Kind;

    fn listed(id: &str) -> Listed {
        let account_region = AccountRegion { account: "111122223333".to_owned(), region: "ap-northeast-1".to_owned() };
        let [owner, network, slot] = ["uid-1", "team-billing/tokyo", "sg/endpoints"].map(str::to_owned);
        Listed::new(&account_region, &Made { kind: Kind::SecurityGroup, id: id.to_owned(), owner, network, slot })
    }

    #[test]
    fn orphans_and_retained_resources_have_separate_tables() {
        let report = Report { orphans: vec![listed("sg-1")], retained: vec![listed("sg-22")], unseen: Vec::new() };
        insta::assert_snapshot!(report.table(), @r"
        Orphans: the network of each resource no longer exists.
        ID     KIND             ACCOUNT        REGION           NETWORK              SLOT           OWNER
        sg-1   security-group   111122223333   ap-northeast-1   team-billing/tokyo   sg/endpoints   uid-1

        Retained on purpose: these resources are not orphans.
        ID      KIND             ACCOUNT        REGION           NETWORK              SLOT           OWNER
        sg-22   security-group   111122223333   ap-northeast-1   team-billing/tokyo   sg/endpoints   uid-1
        ");
    }

    #[test]
    fn no_orphans_is_reported_only_of_what_was_searched() {
        assert_eq!(Report::default().table(), "No orphans found.\n");
        let unseen = Unseen {
            account: "111122223333".to_owned(),
            region: "ap-northeast-1".to_owned(),
            classes: vec!["osaka".to_owned(), "tokyo".to_owned()],
            reason: "not known: ec2:DescribeSecurityGroups: UnauthorizedOperation".to_owned(),
        };
        assert_eq!(
            Report { unseen: vec![unseen], ..Report::default() }.table(),
            "No orphans found in the accounts and Regions that were searched.\n\
             Class 'osaka', 'tokyo': not known: ec2:DescribeSecurityGroups: UnauthorizedOperation.\n"
        );
    }

    #[test]
    fn json_contains_location_and_owner_of_each_resource() -> Result<()> {
        let report = Report { orphans: vec![listed("sg-1")], ..Report::default() };
        let read: serde_json::Value = serde_json::from_str(&report.json()?)?;
        let expected = serde_json::json!({
            "orphans": [{
                "account": "111122223333", "region": "ap-northeast-1", "kind": "security-group", "id": "sg-1",
                "owner": "uid-1", "network": "team-billing/tokyo", "slot": "sg/endpoints",
            }],
            "retained": [],
            "unseen": [],
        });
        assert_eq!(read, expected);
        Ok(())
    }
}
