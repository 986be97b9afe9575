//! The record of all calls, for inspection by tests. AWS has no equivalent.

use std::collections::{BTreeMap, VecDeque};

use serde::Serialize;
use serde_json::Value;

use crate::world::{Tags, action::Service};

/// The number of calls that are kept.
const KEPT: usize = 200_000;

/// One recorded call.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Entry {
    /// The number of the call across all accounts, from 1, in the order of effects.
    pub number: u64,
    /// The world time in seconds.
    pub time: f64,
    /// The account of the caller; empty if the key is unknown or the call could not be parsed.
    pub account: String,
    /// The ARN of the caller; empty like `account`.
    pub principal: String,
    /// The Region of the call.
    pub region: String,
    /// The service.
    pub service: Service,
    /// The action.
    pub action: String,
    /// The parameters as a tree. In the query protocol, a list is an object with the keys `1`, `2`, ...
    pub parameters: Value,
    /// The tags that the resources named in the parameters had before the call, by ID.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, Tags>,
    /// `ok`, or the error code; `none` if a fault prevented both effect and answer.
    pub outcome: String,
    /// The kind of the fault that affected the call, if any.
    pub fault: Option<&'static str>,
}

/// The last calls.
#[derive(Debug, Default)]
pub(super) struct Journal {
    entries: VecDeque<Entry>,
    written: u64,
}

impl Journal {
    /// Records an entry and assigns the next number to it.
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
