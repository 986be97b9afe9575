//! The record of all calls, for tests to look into. AWS has nothing like it.

use std::collections::VecDeque;

use serde::Serialize;
use serde_json::Value;

use crate::world::action::Service;

/// How many calls are kept.
const KEPT: usize = 200_000;

/// One call.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Entry {
    /// Its number, from 1, over all accounts, in the order of the effects.
    pub number: u64,
    /// World time in seconds.
    pub time: f64,
    /// Who called; empty if the key is unknown or the call could not be read.
    pub account: String,
    /// In which region.
    pub region: String,
    /// The service.
    pub service: Service,
    /// The action.
    pub action: String,
    /// The parameters as a tree; in the query protocol a list is an object with the keys `1`, `2`, ...
    pub parameters: Value,
    /// `ok`, or the code of the error; `none` if a fault kept the call from having any effect and any answer.
    pub outcome: String,
    /// The kind of the fault that spoiled the call, if one did.
    pub fault: Option<&'static str>,
}

/// The last calls.
#[derive(Debug, Default)]
pub(super) struct Journal {
    entries: VecDeque<Entry>,
    written: u64,
}

impl Journal {
    /// Writes an entry and gives it the next number.
    pub(super) fn write(&mut self, mut entry: Entry) {
        self.written += 1;
        entry.number = self.written;
        if self.entries.len() >= KEPT {
            self.entries.pop_front();
        }
        self.entries.push_back(entry);
    }

    pub(super) fn read(&self, account: Option<&str>, after: u64) -> Vec<Entry> {
        let wanted = |entry: &&Entry| entry.number > after && account.is_none_or(|account| account == entry.account);
        self.entries.iter().filter(wanted).cloned().collect()
    }

    pub(super) fn forget(&mut self, account: Option<&str>) {
        self.entries.retain(|entry| account.is_some_and(|account| account != entry.account));
    }
}
