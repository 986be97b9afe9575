//! DescribePrefixLists: the lists that AWS manages for gateway endpoints, with their ranges.
#![allow(missing_docs, reason = "fields carry the names of the EC2 API Reference, which documents them")]

use serde::{Deserialize, Serialize};

use crate::world::{
    Context, Region,
    action::{Action, Service},
    catalogue::{self, ManagedPrefixList},
    error::AwsError,
    filters::{self, Filter, Filterable, TagFilters},
    ids::{PrefixListId, ResourceId},
    paging::Paging,
    tags::Tags,
};

/// Lists the prefix lists of AWS services, with their ranges.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct DescribePrefixLists {
    #[serde(default)]
    pub prefix_list_id: Vec<String>,
    #[serde(default)]
    pub filter: Vec<Filter>,
    pub max_results: Option<i32>,
    pub next_token: Option<String>,
}

/// The matching lists.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PrefixLists {
    #[serde(rename = "prefixListSet")]
    pub lists: Vec<PrefixList>,
    pub next_token: Option<String>,
}

/// A prefix list with its ranges.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PrefixList {
    pub prefix_list_id: PrefixListId,
    pub prefix_list_name: String,
    #[serde(rename = "cidrSet")]
    pub cidrs: Vec<String>,
}

impl Filterable for ManagedPrefixList {
    const FILTERS: &'static [&'static str] = &["owner-id", "prefix-list-id", "prefix-list-name"];
    const TAGS: TagFilters = TagFilters::None;

    fn values(&self, filter: &str, _: &Region) -> Vec<String> {
        match filter {
            "owner-id" => vec!["AWS".to_owned()],
            "prefix-list-id" => vec![self.id.to_string()],
            "prefix-list-name" => vec![self.name.clone()],
            _ => Vec::new(),
        }
    }

    fn tags(&self) -> Option<&Tags> {
        None
    }
}

impl Action for DescribePrefixLists {
    const SERVICE: Service = Service::Ec2;
    const NAME: &'static str = "DescribePrefixLists";
    type Answer = PrefixLists;

    fn run(self, context: &mut Context<'_>) -> Result<PrefixLists, AwsError> {
        let found = find(&self.prefix_list_id, &self.filter, context)?;
        let (page, next_token) = Paging::ec2(Self::NAME).cut(
            found,
            |list| list.id.as_str(),
            self.max_results,
            self.next_token.as_deref(),
            context.options.max_page,
        )?;
        let show = |list: ManagedPrefixList| PrefixList {
            prefix_list_id: list.id,
            prefix_list_name: list.name,
            cidrs: list.cidrs,
        };
        Ok(PrefixLists { lists: page.into_iter().map(show).collect(), next_token })
    }
}

fn find(ids: &[String], by: &[Filter], context: &Context<'_>) -> Result<Vec<ManagedPrefixList>, AwsError> {
    filters::check::<ManagedPrefixList>(by)?;
    let mut lists = catalogue::prefix_lists(&context.caller.region);
    let mut wanted = Vec::new();
    for id in ids {
        let id = PrefixListId::parse(id)?;
        if !lists.iter().any(|list| list.id == id) {
            return Err(id.not_found());
        }
        wanted.push(id);
    }
    lists.retain(|list| wanted.is_empty() || wanted.contains(&list.id));
    lists.retain(|list| filters::matches(list, by, context.region()));
    Ok(lists)
}
