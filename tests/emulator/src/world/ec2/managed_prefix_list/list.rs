//! DescribeManagedPrefixLists and GetManagedPrefixListEntries: the lists of AWS and of the customer.
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
    tags::{TagItem, Tags},
    zones,
};

/// Lists prefix lists, without their ranges.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct DescribeManagedPrefixLists {
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
pub struct ManagedPrefixLists {
    #[serde(rename = "prefixListSet")]
    pub lists: Vec<ManagedPrefixListItem>,
    pub next_token: Option<String>,
}

/// A prefix list in the format of EC2. A list of AWS has neither a size nor a version. Source: AWS CLI reference,
/// `describe-managed-prefix-lists`, examples.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ManagedPrefixListItem {
    pub prefix_list_id: PrefixListId,
    pub prefix_list_name: String,
    pub prefix_list_arn: String,
    pub address_family: &'static str,
    pub state: &'static str,
    pub max_entries: Option<usize>,
    pub version: Option<usize>,
    pub owner_id: String,
    #[serde(rename = "tagSet")]
    pub tags: Vec<TagItem>,
}

impl ManagedPrefixListItem {
    fn of_aws(list: ManagedPrefixList, region: &str) -> Self {
        Self {
            prefix_list_arn: format!("arn:{}:ec2:{region}:aws:prefix-list/{}", zones::partition(region), list.id),
            prefix_list_id: list.id,
            prefix_list_name: list.name,
            address_family: "IPv4",
            state: "create-complete",
            max_entries: None,
            version: None,
            owner_id: "AWS".to_owned(),
            tags: Vec::new(),
        }
    }
}

impl Filterable for ManagedPrefixListItem {
    const FILTERS: &'static [&'static str] = &["owner-id", "prefix-list-id", "prefix-list-name"];
    const TAGS: TagFilters = TagFilters::None;

    fn values(&self, filter: &str, _: &Region) -> Vec<String> {
        match filter {
            "owner-id" => vec![self.owner_id.clone()],
            "prefix-list-id" => vec![self.prefix_list_id.to_string()],
            "prefix-list-name" => vec![self.prefix_list_name.clone()],
            _ => Vec::new(),
        }
    }

    fn tags(&self) -> Option<&Tags> {
        None
    }
}

impl Action for DescribeManagedPrefixLists {
    const SERVICE: Service = Service::Ec2;
    const NAME: &'static str = "DescribeManagedPrefixLists";
    type Answer = ManagedPrefixLists;

    fn run(self, context: &mut Context<'_>) -> Result<ManagedPrefixLists, AwsError> {
        filters::check::<ManagedPrefixListItem>(&self.filter)?;
        let name = &context.caller.region;
        let (region, sight) = (context.region(), context.sight());
        let of_aws = catalogue::prefix_lists(name).into_iter().map(|list| ManagedPrefixListItem::of_aws(list, name));
        let own = region.prefix_lists.listed(sight).map(|(_, list)| list.item(name, "create-complete"));
        let mut lists: Vec<ManagedPrefixListItem> = of_aws.chain(own).collect();
        lists.sort_by(|a, b| a.prefix_list_id.cmp(&b.prefix_list_id));
        let mut wanted = Vec::new();
        for id in &self.prefix_list_id {
            let id = PrefixListId::parse(id)?;
            if !lists.iter().any(|list| list.prefix_list_id == id) {
                return Err(id.not_found());
            }
            wanted.push(id);
        }
        lists.retain(|list| wanted.is_empty() || wanted.contains(&list.prefix_list_id));
        lists.retain(|list| filters::matches(list, &self.filter, region));
        let paging = Paging { least: 1, most: 100, ..Paging::ec2(Self::NAME) };
        let (lists, next_token) = paging.cut(
            lists,
            |list| list.prefix_list_id.as_str(),
            self.max_results,
            self.next_token.as_deref(),
            context.options.max_page,
        )?;
        Ok(ManagedPrefixLists { lists, next_token })
    }
}

/// Lists the entries of a prefix list.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct GetManagedPrefixListEntries {
    pub prefix_list_id: String,
    pub target_version: Option<usize>,
    pub max_results: Option<i32>,
    pub next_token: Option<String>,
}

/// The entries.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Entries {
    #[serde(rename = "entrySet")]
    pub entries: Vec<EntryItem>,
    pub next_token: Option<String>,
}

/// An entry in the format of EC2.
#[derive(Clone, Debug, Serialize)]
pub struct EntryItem {
    pub cidr: String,
    pub description: Option<String>,
}

impl Action for GetManagedPrefixListEntries {
    const SERVICE: Service = Service::Ec2;
    const NAME: &'static str = "GetManagedPrefixListEntries";
    type Answer = Entries;

    fn run(self, context: &mut Context<'_>) -> Result<Entries, AwsError> {
        let id = PrefixListId::parse(&self.prefix_list_id)?;
        let of_aws = catalogue::prefix_lists(&context.caller.region).into_iter().find(|list| list.id == id);
        let entries: Vec<EntryItem> = if let Some(list) = of_aws {
            list.cidrs.into_iter().map(|cidr| EntryItem { cidr, description: None }).collect()
        } else {
            let (_, list) = context.region().prefix_lists.read(&self.prefix_list_id, context.sight())?;
            let version = self.target_version.unwrap_or(list.versions.len());
            let entries = version.checked_sub(1).and_then(|index| list.versions.get(index));
            // The code is ASSUMED (`ASSUMPTIONS.md`, "Codes").
            let entries =
                entries.ok_or_else(|| AwsError::value(format!("The prefix list {id} has no version {version}.")))?;
            let item = |(cidr, description): (&ipnet::Ipv4Net, &Option<String>)| EntryItem {
                cidr: cidr.to_string(),
                description: description.clone(),
            };
            entries.iter().map(item).collect()
        };
        let paging = Paging { least: 1, most: 100, ..Paging::ec2(Self::NAME) };
        let (entries, next_token) = paging.cut(
            entries,
            |entry| &entry.cidr,
            self.max_results,
            self.next_token.as_deref(),
            context.options.max_page,
        )?;
        Ok(Entries { entries, next_token })
    }
}
