//! The work of the on-premises teams as one Markdown document, which a migration lead sends to them. The structure is here,
//! the tables are in `facts.rs`, and each language has its sentences in a file of its own.

mod commands;
mod document;
mod english;
mod facts;
mod failure;
mod japanese;
#[cfg(test)]
mod tests;
mod words;

use std::collections::BTreeSet;

use anyhow::Result;
use clap::ValueEnum as _;

use self::{
    document::{Document, code},
    english::ENGLISH,
    failure::Failure,
    japanese::JAPANESE,
    words::{Item, Words},
};
use super::{
    Action, Format,
    merged::Export,
    network::{HandOff, Task},
};
use crate::api::{ChecklistState, ChecklistWork, RulePurpose};

/// Returns the document in English.
pub(super) fn english(export: &Export) -> Result<String> {
    render(export, &ENGLISH)
}

/// Returns the document in Japanese.
pub(super) fn japanese(export: &Export) -> Result<String> {
    render(export, &JAPANESE)
}

/// An export in one language.
struct Page<'a> {
    export: &'a Export,
    words: &'a Words,
    document: Document,
}

fn render(export: &Export, words: &Words) -> Result<String> {
    let mut page = Page { export, words, document: Document::default() };
    page.title();
    page.networks();
    for work in page.items() {
        page.item(work)?;
    }
    page.document.heading("##", words.headings.names);
    page.document.paragraph((words.names)(export.action));
    page.names()?;
    page.end();
    Ok(page.document.into_text())
}

impl Page<'_> {
    fn title(&mut self) {
        let Self { export, words, .. } = *self;
        let title = match export.networks.as_slice() {
            [one] => {
                let (network, revision) = (code(one.network()), code(&one.revision));
                (words.title)(export.action, &network, &revision, one.basis)
            }
            many => (words.title_of_many)(export.action, many.len()),
        };
        self.document.heading("#", &title);
        self.document.paragraph((words.introduction)(export.action));
    }

    fn networks(&mut self) {
        let Self { export, words, .. } = *self;
        let columns = &words.columns;
        let rows = export.networks.iter().map(|network| {
            let open = network.checklist.iter().filter(|task| task.state == ChecklistState::Open).count();
            let basis = (words.basis)(network.basis).to_owned();
            let count = (words.count)(open, network.checklist.len());
            [code(network.network()), code(&network.revision), basis, count]
        });
        match export.action {
            Action::Add => self.document.table([columns.network, columns.revision, columns.basis, columns.open], rows),
            Action::Remove => {
                let rows = rows.map(|[network, revision, ..]| [network, revision]);
                self.document.table([columns.network, columns.revision], rows);
            }
        }
        if export.action == Action::Add && export.networks.iter().any(HandOff::is_planned) {
            self.document.paragraph(words.planned);
        }
    }

    /// Returns the items of all networks. A removal takes back what was added in the reverse order, so that no client still
    /// resolves a name to an address that a firewall blocks.
    fn items(&self) -> Vec<ChecklistWork> {
        let tasks = self.export.networks.iter().flat_map(|network| &network.checklist);
        let items: BTreeSet<ChecklistWork> = tasks.map(|task| task.item).collect();
        match self.export.action {
            Action::Add => items.into_iter().collect(),
            Action::Remove => items.into_iter().rev().collect(),
        }
    }

    fn item(&mut self, work: ChecklistWork) -> Result<()> {
        let (words, action) = (self.words, self.export.action);
        let Item { heading, reason, steps, check } = (words.item)(work, action);
        self.document.heading("##", heading);
        self.boxes(work);
        self.document.heading("###", words.headings.reason);
        self.document.paragraph(reason);
        self.document.heading("###", words.headings.steps);
        self.document.list(steps);
        let files = files(work);
        if !files.is_empty() {
            self.document.paragraph(&format!("{} {files}", words.files));
        }
        self.document.heading("###", words.headings.facts);
        self.facts(work)?;
        if action == Action::Add {
            self.failures(work);
        }
        self.document.heading("###", words.headings.check);
        match action {
            Action::Add if self.export.networks.iter().all(HandOff::is_planned) => {
                self.document.paragraph(words.check_later);
            }
            Action::Add => {
                self.document.paragraph(check);
                self.document.commands(&commands::of(self.export, work)?);
            }
            Action::Remove => self.document.paragraph(check),
        }
        Ok(())
    }

    /// Adds one box for each network that has the item. A removal is not recorded in the network, so its boxes are empty.
    fn boxes(&mut self, work: ChecklistWork) {
        let Self { export, words, .. } = *self;
        let states = export.networks.iter().filter_map(|network| {
            let Task { state, .. } = network.checklist.iter().find(|task| task.item == work)?;
            let state = if export.action == Action::Remove { ChecklistState::Open } else { *state };
            let text = format!("{} `{}`: {}", code(network.network()), word(work), (words.state)(state));
            Some((state == ChecklistState::Done, text))
        });
        self.document.tasks(states);
    }

    fn failures(&mut self, work: ChecklistWork) {
        let Self { export, words, .. } = *self;
        let has = |purpose: &RulePurpose| {
            export.networks.iter().flat_map(|network| &network.firewall_rules).any(|rule| rule.purpose == *purpose)
        };
        let all = {
            use RulePurpose::{Connector, Dns, Mgn, Replication, S3};
            [Dns, Mgn, S3, Replication, Connector]
        };
        let purposes: Vec<RulePurpose> = all.into_iter().filter(has).collect();
        self.document.heading("###", words.headings.failures);
        let rows = Failure::of(work, &purposes).into_iter();
        let rows = rows.map(|failure| [failure.messages().to_owned(), (words.cause)(failure).to_owned()]);
        self.document.table([words.columns.message, words.columns.cause], rows);
    }

    fn end(&mut self) {
        let Self { export, words, .. } = *self;
        self.document.heading("##", (words.headings.end)(export.action));
        match export.action {
            Action::Add => {
                self.document.paragraph(words.acknowledge);
                self.document.commands(&export.networks.iter().map(commands::acknowledgment).collect::<Vec<_>>());
                self.document.paragraph(words.acknowledged);
            }
            Action::Remove => self.document.paragraph(words.removed),
        }
    }
}

/// Returns an item as `status.onPremises.checklist` names it.
const fn word(work: ChecklistWork) -> &'static str {
    match work {
        ChecklistWork::Firewall => "Firewall",
        ChecklistWork::DnsForwarders => "DNSForwarders",
        ChecklistWork::HostsFiles => "HostsFiles",
        ChecklistWork::Proxies => "Proxies",
        ChecklistWork::OtherS3Clients => "OtherS3Clients",
        ChecklistWork::OtherAwsClients => "OtherAWSClients",
    }
}

/// Returns the names of the files of an item, as code spans.
fn files(work: ChecklistWork) -> String {
    let formats = Format::value_variants().iter().filter(|format| format.work() == Some(work));
    formats.map(|format| format!("`{}`", format.file_name())).collect::<Vec<_>>().join(", ")
}
