//! The sentences that a language must have. A sentence, an item or a failure that is added does not compile until every
//! language has it.
//!
//! Code spans have the same order in every language, and a test compares them. A sentence is one line.

use super::failure::Failure;
use crate::{
    api::{ChecklistState, ChecklistWork, NameUse, OnPremisesBasis, RulePurpose},
    hand_off::Action,
};

/// The sentences of one language.
pub(super) struct Words {
    /// The title for one network: its name and its revision, as code spans, and whether it is planned.
    pub(super) title: fn(Action, &str, &str, OnPremisesBasis) -> String,
    /// The title for several networks.
    pub(super) title_of_many: fn(Action, usize) -> String,
    /// The paragraph below the title.
    pub(super) introduction: fn(Action) -> &'static str,
    /// The paragraph for networks that are planned.
    pub(super) planned: &'static str,
    /// The origin of the addresses.
    pub(super) basis: fn(OnPremisesBasis) -> &'static str,
    /// The number of open items, and the number of all.
    pub(super) count: fn(usize, usize) -> String,
    /// The state of an item.
    pub(super) state: fn(ChecklistState) -> &'static str,
    /// The purpose of a rule.
    pub(super) purpose: fn(RulePurpose) -> &'static str,
    /// The clients of a name.
    pub(super) clients: fn(NameUse) -> &'static str,
    /// The cause of a failure.
    pub(super) cause: fn(Failure) -> &'static str,
    /// The sentences about an item.
    pub(super) item: fn(ChecklistWork, Action) -> &'static Item,
    /// The headings that several items share.
    pub(super) headings: Headings,
    /// The columns of the tables.
    pub(super) columns: Columns,
    /// The sentence above the names of the files of an item.
    pub(super) files: &'static str,
    /// The reference to the section about names.
    pub(super) see_names: &'static str,
    /// The sentence above the ranges of the proxies that the endpoints admit.
    pub(super) proxies: &'static str,
    /// The sentence for networks that admit no proxy.
    pub(super) no_proxies: &'static str,
    /// The sentence in place of a check if nothing exists yet that answers.
    pub(super) check_later: &'static str,
    /// The sentence above the names.
    pub(super) names: fn(Action) -> &'static str,
    /// The sentence above the commands that acknowledge the work.
    pub(super) acknowledge: &'static str,
    /// The sentence below them.
    pub(super) acknowledged: &'static str,
    /// The last sentence of a removal.
    pub(super) removed: &'static str,
}

/// The sentences about one item.
pub(super) struct Item {
    /// The team, and its work.
    pub(super) heading: &'static str,
    /// Why the work is needed.
    pub(super) reason: &'static str,
    /// What to do.
    pub(super) steps: &'static [&'static str],
    /// How to check it.
    pub(super) check: &'static str,
}

/// The headings that several items share.
pub(super) struct Headings {
    pub(super) reason: &'static str,
    pub(super) steps: &'static str,
    pub(super) facts: &'static str,
    pub(super) failures: &'static str,
    pub(super) check: &'static str,
    pub(super) names: &'static str,
    pub(super) end: fn(Action) -> &'static str,
}

/// The columns of the tables.
pub(super) struct Columns {
    pub(super) network: &'static str,
    pub(super) revision: &'static str,
    pub(super) basis: &'static str,
    pub(super) open: &'static str,
    pub(super) rule: &'static str,
    pub(super) purpose: &'static str,
    pub(super) sources: &'static str,
    pub(super) addresses: &'static str,
    pub(super) subnets: &'static str,
    pub(super) protocol: &'static str,
    pub(super) port: &'static str,
    pub(super) domain: &'static str,
    pub(super) targets: &'static str,
    pub(super) name: &'static str,
    pub(super) clients: &'static str,
    pub(super) message: &'static str,
    pub(super) cause: &'static str,
}
