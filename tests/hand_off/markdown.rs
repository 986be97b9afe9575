//! A Markdown parser that is not ours reads the documents: every table is a table, every value a code span, every command a
//! block, and nothing is HTML or a link.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    process::Command,
};

use anyhow::{Context as _, Result};
use mgnet::api::{MigrationNetwork, OnPremisesStatus};
use serde::Deserialize;

use crate::dns_servers::{export_file, here, run};

/// What `markdown.py` finds in a document.
#[derive(Deserialize)]
struct Found {
    headings: Vec<String>,
    tables: Vec<Vec<Vec<String>>>,
    spans: BTreeSet<String>,
    fences: Vec<String>,
    entries: Vec<String>,
}

/// Returns the Python interpreter that has the parser: the one in the first line of its program.
fn python() -> Result<String> {
    let path = run(Command::new("sh").args(["-c", "command -v markdown-it"]))?;
    let program = fs::read_to_string(path.trim())?;
    let first = program.lines().next().and_then(|line| line.strip_prefix("#!"));
    Ok(first.context("the program names no interpreter")?.trim().to_owned())
}

fn parsed(document: &str) -> Result<Found> {
    let file = File::open(export_file(&here().join("tokyo.yaml"), &[])?.path().join(document))?;
    Ok(serde_json::from_str(&run(Command::new(python()?).arg(here().join("markdown.py")).stdin(file))?)?)
}

fn hand_off() -> Result<OnPremisesStatus> {
    let network: MigrationNetwork = serde_saphyr::from_str(&fs::read_to_string(here().join("tokyo.yaml"))?)?;
    network.status.and_then(|status| status.on_premises).context("the file has no hand-off")
}

#[test]
fn another_parser_finds_all_facts_of_a_document() -> Result<()> {
    let hand_off = hand_off()?;
    for document in ["on-premises.md", "on-premises.ja.md"] {
        let Found { headings, tables, spans, fences, entries } = parsed(document)?;
        assert!(headings[0].contains(&format!("`{}`", hand_off.revision)), "{headings:?}");
        for table in &tables {
            assert!(table.len() > 1 && table.iter().all(|row| row.len() == table[0].len()), "{table:?}");
        }
        let rows = |count: usize| tables.iter().filter(|table| table.len() == count + 1).count();
        assert_eq!(
            tables.len(),
            10,
            "the network, rules, forwarders, S3 forwarder, S3 sources, names, four of failures"
        );
        assert!(rows(hand_off.firewall_rules.len()) > 0 && rows(hand_off.names.len()) > 0, "{tables:?}");
        let boxes: Vec<_> = entries.iter().filter(|entry| entry.starts_with("[ ] ")).collect();
        assert_eq!(boxes.len(), hand_off.checklist.len(), "{entries:?}");
        for name in &hand_off.names {
            assert!(spans.contains(&name.name) && name.addresses.iter().all(|one| spans.contains(one)), "{name:?}");
        }
        let commands = fences.concat();
        assert!(commands.contains("mgnet.dev/on-premises-done="), "{commands}");
    }
    Ok(())
}
