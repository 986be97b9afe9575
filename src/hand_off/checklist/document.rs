//! A Markdown document as blocks: CommonMark, with the tables and task lists of GitHub. Every block is one line or one line for
//! each entry, so that no renderer has to guess where a sentence in Japanese continues.

use std::{fmt, net::Ipv4Addr};

use ipnet::Ipv4Net;

use crate::hand_off::network::{Label, NetworkName};

/// A value of a hand-off. It is parsed, and its text has none of the characters that end a code span, a cell of a table or a
/// line. Only facts become code spans, so that no value of a tenant can add anything to a document.
pub(super) trait Fact: fmt::Display {}

impl Fact for Label {}
impl Fact for NetworkName {}
impl Fact for Ipv4Addr {}
impl Fact for Ipv4Net {}
impl Fact for u16 {}
impl<F: Fact> Fact for &F {}

/// Returns a fact as a code span, which no renderer makes a link.
pub(super) fn code(fact: impl Fact) -> String {
    format!("`{fact}`")
}

/// Returns facts as code spans for one cell. A cell without facts gets a dash.
pub(super) fn cell<F: Fact>(facts: impl IntoIterator<Item = F>) -> String {
    let codes: Vec<String> = facts.into_iter().map(code).collect();
    if codes.is_empty() { "–".to_owned() } else { codes.join(", ") }
}

/// The blocks of a document, in their order.
#[derive(Default)]
pub(super) struct Document(Vec<String>);

impl Document {
    /// Adds a heading. `#` is the title of the document.
    pub(super) fn heading(&mut self, marks: &str, text: &str) {
        self.0.push(format!("{marks} {text}"));
    }

    /// Adds a paragraph.
    pub(super) fn paragraph(&mut self, text: &str) {
        self.0.push(text.to_owned());
    }

    /// Adds a list.
    pub(super) fn list(&mut self, entries: &[&str]) {
        self.0.push(entries.iter().map(|entry| format!("- {entry}")).collect::<Vec<_>>().join("\n"));
    }

    /// Adds a task list. Each entry has a box, which is checked or not.
    pub(super) fn tasks(&mut self, entries: impl IntoIterator<Item = (bool, String)>) {
        let line = |(done, text): (bool, String)| format!("- [{}] {text}", if done { 'x' } else { ' ' });
        self.0.push(entries.into_iter().map(line).collect::<Vec<_>>().join("\n"));
    }

    /// Adds a table. Every row has one cell for each column.
    pub(super) fn table<const COLUMNS: usize>(
        &mut self,
        columns: [&str; COLUMNS],
        rows: impl IntoIterator<Item = [String; COLUMNS]>,
    ) {
        let mut lines = vec![row(&columns), row(&["---"; COLUMNS])];
        lines.extend(rows.into_iter().map(|cells| row(&cells.each_ref().map(String::as_str))));
        self.0.push(lines.join("\n"));
    }

    /// Adds commands. Nothing is added if there are none.
    pub(super) fn commands(&mut self, commands: &[String]) {
        if !commands.is_empty() {
            self.0.push(format!("```sh\n{}\n```", commands.join("\n")));
        }
    }

    /// Returns the text.
    pub(super) fn into_text(self) -> String {
        self.0.join("\n\n") + "\n"
    }
}

fn row(cells: &[&str]) -> String {
    format!("| {} |", cells.join(" | "))
}
