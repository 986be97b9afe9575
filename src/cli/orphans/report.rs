//! What `mgnet orphans` prints: a table for people, or JSON for programs.

use std::fmt::Write as _;

use anyhow::{Context as _, Result};
use kube::ResourceExt;
use serde::Serialize;

use crate::{
    controller::orphans::{AccountRegion, Observation},
    model::orphans::Made,
};

/// Everything that is left.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Report {
    /// What nobody meant to leave.
    pub(super) orphans: Vec<Listed>,
    /// What was left on purpose.
    pub(super) retained: Vec<Listed>,
    /// Where nobody could look.
    pub(super) unseen: Vec<Unseen>,
}

/// A resource and where it is.
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

/// A place that could not be looked at.
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

const HEAD: [&str; 7] = ["ID", "KIND", "ACCOUNT", "REGION", "NETWORK", "SLOT", "OWNER"];

impl Report {
    /// Two tables, and what could not be seen.
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
        section("Orphans: their networks are gone.\n", &self.orphans);
        section("Retained on purpose: no orphans.\n", &self.retained);
        if self.orphans.is_empty() {
            text.push_str(if self.unseen.is_empty() { "No orphans.\n" } else { "No orphans where it was looked.\n" });
        }
        for Unseen { classes, reason, .. } in &self.unseen {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "Class '{}': {reason}.", classes.join("', '"));
        }
        text
    }

    pub(super) fn json(&self) -> Result<String> {
        json(self)
    }
}

/// What came of a removal.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Removal {
    pub(super) deleted: Vec<String>,
    pub(super) failed: Vec<Failed>,
}

/// What was not removed.
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

/// Rows of cells as columns that are as wide as their widest cell.
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
    fn orphans_and_what_was_retained_stand_apart() {
        let report = Report { orphans: vec![listed("sg-1")], retained: vec![listed("sg-22")], unseen: Vec::new() };
        insta::assert_snapshot!(report.table(), @r"
        Orphans: their networks are gone.
        ID     KIND             ACCOUNT        REGION           NETWORK              SLOT           OWNER
        sg-1   security-group   111122223333   ap-northeast-1   team-billing/tokyo   sg/endpoints   uid-1

        Retained on purpose: no orphans.
        ID      KIND             ACCOUNT        REGION           NETWORK              SLOT           OWNER
        sg-22   security-group   111122223333   ap-northeast-1   team-billing/tokyo   sg/endpoints   uid-1
        ");
    }

    #[test]
    fn that_there_are_none_is_not_said_of_where_nobody_looked() {
        assert_eq!(Report::default().table(), "No orphans.\n");
        let unseen = Unseen {
            account: "111122223333".to_owned(),
            region: "ap-northeast-1".to_owned(),
            classes: vec!["osaka".to_owned(), "tokyo".to_owned()],
            reason: "not known: ec2:DescribeSecurityGroups: UnauthorizedOperation".to_owned(),
        };
        assert_eq!(
            Report { unseen: vec![unseen], ..Report::default() }.table(),
            "No orphans where it was looked.\n\
             Class 'osaka', 'tokyo': not known: ec2:DescribeSecurityGroups: UnauthorizedOperation.\n"
        );
    }

    #[test]
    fn programs_read_where_and_whose_it_is() -> Result<()> {
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
