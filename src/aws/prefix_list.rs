//! Reads the IPv4 ranges of managed prefix lists: those that rules of security groups refer to, and that of S3.

use std::collections::BTreeSet;

use ipnet::Ipv4Net;

use super::{
    cache::Cache,
    surroundings::{FRESH, if_permitted},
};
use crate::{
    aws::{filter, request::Action, session::Session},
    model::{failure::CallFailure, ids::PrefixListId, observed::PrefixLists},
};

/// The ranges of each prefix list as of the last read. `None` if the operator may not read them.
#[derive(Debug, Default)]
pub(super) struct PrefixListCache {
    entries: Cache<PrefixListId, Option<BTreeSet<Ipv4Net>>>,
    ids: Cache<String, Option<PrefixListId>>,
}

impl PrefixListCache {
    /// Returns the ranges of prefix lists. They may be up to ten minutes old if `old_is_fine`. Lists that the operator may not
    /// read are missing.
    pub(super) async fn read(
        &self,
        session: &Session,
        ids: impl IntoIterator<Item = PrefixListId>,
        old_is_fine: bool,
    ) -> Result<PrefixLists, CallFailure> {
        let mut lists = PrefixLists::new();
        for id in ids {
            if let Some(ranges) = self.ranges(session, &id, old_is_fine).await? {
                lists.insert(id, ranges);
            }
        }
        Ok(lists)
    }

    /// Returns the ranges of S3 in the Region, with the same age. `None` if the operator may not read them.
    pub(super) async fn of_s3(
        &self,
        session: &Session,
        old_is_fine: bool,
    ) -> Result<Option<BTreeSet<Ipv4Net>>, CallFailure> {
        let name = format!("com.amazonaws.{}.s3", session.region);
        let known = self.ids.of(&name).filter(|(asked, _)| old_is_fine && asked.elapsed() < FRESH);
        let id = if let Some((_, known)) = known {
            Option::clone(&known)
        } else {
            let id = if_permitted(session.prefix_list_named(&name).await)?.flatten();
            self.ids.keep(&name, id.clone());
            id
        };
        match id {
            Some(id) => self.ranges(session, &id, old_is_fine).await,
            None => Ok(None),
        }
    }

    async fn ranges(
        &self,
        session: &Session,
        id: &PrefixListId,
        old_is_fine: bool,
    ) -> Result<Option<BTreeSet<Ipv4Net>>, CallFailure> {
        let known = self.entries.of(id).filter(|(asked, _)| old_is_fine && asked.elapsed() < FRESH);
        if let Some((_, known)) = known {
            return Ok(Option::clone(&known));
        }
        let ranges = if_permitted(session.prefix_list_entries(id).await)?;
        self.entries.keep(id, ranges.clone());
        Ok(ranges)
    }
}

impl Session {
    /// Returns the ID of the prefix list with this name. AWS's own lists have the names of services.
    async fn prefix_list_named(&self, name: &str) -> Result<Option<PrefixListId>, CallFailure> {
        let lists = self.caller.list(
            Action::ec2("DescribeManagedPrefixLists"),
            |token| {
                let request = self.ec2.describe_managed_prefix_lists();
                let request = request.filters(filter::filter("prefix-list-name", [name]));
                request.filters(filter::filter("owner-id", ["AWS"])).max_results(100).set_next_token(token).send()
            },
            |page| (page.prefix_lists, page.next_token),
        );
        Ok(lists.await?.into_iter().find_map(|list| list.prefix_list_id).map(Into::into))
    }

    /// Returns the IPv4 ranges of a prefix list.
    async fn prefix_list_entries(&self, id: &PrefixListId) -> Result<BTreeSet<Ipv4Net>, CallFailure> {
        let entries = self.caller.list(
            Action::ec2("GetManagedPrefixListEntries"),
            |token| {
                let request = self.ec2.get_managed_prefix_list_entries().prefix_list_id(id.as_str());
                request.max_results(100).set_next_token(token).send()
            },
            |page| (page.entries, page.next_token),
        );
        Ok(entries.await?.into_iter().filter_map(|entry| entry.cidr?.parse().ok()).collect())
    }
}
