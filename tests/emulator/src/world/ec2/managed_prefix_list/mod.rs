//! Prefix lists of customers: CreateManagedPrefixList, ModifyManagedPrefixList, DeleteManagedPrefixList.
//!
//! Lists have IPv4 entries only, and every change takes effect immediately. Source, unless noted otherwise: EC2 API Reference,
//! the action of the same name.
#![allow(missing_docs, reason = "fields carry the names of the EC2 API Reference, which documents them")]

pub mod list;

use std::collections::BTreeMap;

use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};

use self::list::ManagedPrefixListItem;
use crate::world::{
    Context, Region,
    action::{Action, Service},
    catalogue,
    ec2::{route::Destination, security_group::permission::Peer},
    error::AwsError,
    ids::{PrefixListId, ResourceId},
    tags::{self, TagSpecification, Tags},
    zones,
};

/// A prefix list of a customer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PrefixList {
    pub id: PrefixListId,
    pub name: String,
    /// The maximum number of entries, which is also the weight of the list in the quotas of resources that refer to it.
    pub max_entries: usize,
    /// The entries of each version, with their descriptions. The last version is the current one.
    pub versions: Vec<BTreeMap<Ipv4Net, Option<String>>>,
    pub tags: Tags,
    owner: String,
}

impl PrefixList {
    fn item(&self, region: &str, state: &'static str) -> ManagedPrefixListItem {
        let partition = zones::partition(region);
        ManagedPrefixListItem {
            prefix_list_arn: format!("arn:{partition}:ec2:{region}:{}:prefix-list/{}", self.owner, self.id),
            prefix_list_id: self.id.clone(),
            prefix_list_name: self.name.clone(),
            address_family: "IPv4",
            state,
            max_entries: Some(self.max_entries),
            version: Some(self.versions.len()),
            owner_id: self.owner.clone(),
            tags: tags::items(&self.tags),
        }
    }
}

/// An entry in a request.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Entry {
    pub cidr: String,
    pub description: Option<String>,
}

fn parse_block(text: &str) -> Result<Ipv4Net, AwsError> {
    let block: Result<Ipv4Net, _> = text.parse();
    // ASSUMED (`ASSUMPTIONS.md`, "Codes").
    block.map(|block| block.trunc()).map_err(|_| AwsError::value(format!("The CIDR {text} is not valid.")))
}

/// Checks the number of entries. Source of the code: public clients that retry on it; the text is ASSUMED
/// (`ASSUMPTIONS.md`, "Codes").
fn check_count(entries: &BTreeMap<Ipv4Net, Option<String>>, most: usize) -> Result<(), AwsError> {
    if entries.len() <= most {
        return Ok(());
    }
    let message = format!("The prefix list can have at most {most} entries.");
    Err(AwsError::new("PrefixListMaxEntriesExceeded", message))
}

/// Creates a prefix list.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct CreateManagedPrefixList {
    pub prefix_list_name: String,
    #[serde(default)]
    pub entry: Vec<Entry>,
    pub max_entries: usize,
    pub address_family: String,
    #[serde(default)]
    pub tag_specification: Vec<TagSpecification>,
    pub client_token: Option<String>,
}

/// The answer of the calls that create, change or delete a prefix list.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OnePrefixList {
    pub prefix_list: ManagedPrefixListItem,
}

impl Action for CreateManagedPrefixList {
    const SERVICE: Service = Service::Ec2;
    const NAME: &'static str = "CreateManagedPrefixList";
    type Answer = OnePrefixList;

    fn run(self, context: &mut Context<'_>) -> Result<OnePrefixList, AwsError> {
        let (caller, now) = (context.caller, context.now());
        let region = context.region();
        if let Some(earlier) = region.tokens.replay(Self::NAME, self.client_token.as_deref(), &self)? {
            let id = PrefixListId::parse(earlier)?;
            let list = region.prefix_lists.get(&id).ok_or_else(|| id.not_found())?;
            return Ok(OnePrefixList { prefix_list: list.item(&caller.region, "create-complete") });
        }
        let tags = tags::from_specifications(&self.tag_specification, "prefix-list")?;
        if self.address_family != "IPv4" {
            return Err(AwsError::value("Prefix lists with another address family are not part of this emulator."));
        }
        // Source: EC2 API Reference, CreateManagedPrefixList: up to 255 characters, not beginning with this prefix.
        if self.prefix_list_name.len() > 255 || self.prefix_list_name.starts_with("com.amazonaws") {
            return Err(AwsError::value(format!("The prefix list name {} is not valid.", self.prefix_list_name)));
        }
        let mut entries = BTreeMap::new();
        for Entry { cidr, description } in &self.entry {
            entries.insert(parse_block(cidr)?, description.clone());
        }
        check_count(&entries, self.max_entries)?;
        let region = context.region_mut();
        let list = PrefixList {
            id: region.ids.mint(),
            name: self.prefix_list_name.clone(),
            max_entries: self.max_entries,
            versions: vec![entries],
            tags,
            owner: caller.account.clone(),
        };
        // Source: AWS CLI reference, `create-managed-prefix-list`, example.
        let prefix_list = list.item(&caller.region, "create-in-progress");
        region.tokens.record(Self::NAME, self.client_token.clone(), &self, list.id.to_string());
        region.prefix_lists.insert(list.id.clone(), list, now);
        Ok(OnePrefixList { prefix_list })
    }
}

/// Returns the list of a customer that a call changes. The code for a list of AWS is ASSUMED (`ASSUMPTIONS.md`, "Codes").
fn own<'c>(context: &'c Context<'_>, id: &str) -> Result<&'c PrefixList, AwsError> {
    let found = context.region().prefix_lists.find(id, context.sight());
    found.map(|(_, list)| list).map_err(|error| {
        let of_aws = catalogue::prefix_lists(&context.caller.region).into_iter().any(|list| list.id.as_str() == id);
        if of_aws {
            AwsError::new("OperationNotPermitted", format!("AWS manages the prefix list {id}."))
        } else {
            error
        }
    })
}

/// Changes the entries of a prefix list, which creates a new version, or its name or size.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct ModifyManagedPrefixList {
    pub prefix_list_id: String,
    pub current_version: Option<usize>,
    pub prefix_list_name: Option<String>,
    #[serde(default)]
    pub add_entry: Vec<Entry>,
    #[serde(default)]
    pub remove_entry: Vec<Entry>,
    pub max_entries: Option<usize>,
}

impl Action for ModifyManagedPrefixList {
    const SERVICE: Service = Service::Ec2;
    const NAME: &'static str = "ModifyManagedPrefixList";
    type Answer = OnePrefixList;

    fn run(self, context: &mut Context<'_>) -> Result<OnePrefixList, AwsError> {
        let list = own(context, &self.prefix_list_id)?;
        // Source: hashicorp/terraform-provider-aws, `internal/service/ec2/vpc_managed_prefix_list.go`, which expects code and
        // text.
        if self.current_version.is_some_and(|version| version != list.versions.len()) {
            let message = "The prefix list has the incorrect version number";
            return Err(AwsError::new("PrefixListVersionMismatch", message));
        }
        let mut changed = list.clone();
        let mut entries = changed.versions.last().cloned().unwrap_or_default();
        for Entry { cidr, .. } in &self.remove_entry {
            entries.remove(&parse_block(cidr)?);
        }
        for Entry { cidr, description } in &self.add_entry {
            entries.insert(parse_block(cidr)?, description.clone());
        }
        changed.max_entries = self.max_entries.unwrap_or(changed.max_entries);
        check_count(&entries, changed.max_entries)?;
        changed.name = self.prefix_list_name.unwrap_or(changed.name);
        if !self.add_entry.is_empty() || !self.remove_entry.is_empty() {
            changed.versions.push(entries);
        }
        let prefix_list = changed.item(&context.caller.region, "modify-in-progress");
        let id = changed.id.clone();
        *context.region_mut().prefix_lists.get_mut(&id).ok_or_else(|| id.not_found())? = changed;
        Ok(OnePrefixList { prefix_list })
    }
}

/// Deletes a prefix list to which no resource refers.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct DeleteManagedPrefixList {
    pub prefix_list_id: String,
}

impl Action for DeleteManagedPrefixList {
    const SERVICE: Service = Service::Ec2;
    const NAME: &'static str = "DeleteManagedPrefixList";
    type Answer = OnePrefixList;

    fn run(self, context: &mut Context<'_>) -> Result<OnePrefixList, AwsError> {
        let sight = context.sight();
        let list = own(context, &self.prefix_list_id)?;
        let (id, prefix_list) = (list.id.clone(), list.item(&context.caller.region, "delete-in-progress"));
        if is_used(context.region(), &id) {
            // The code is ASSUMED (`ASSUMPTIONS.md`, "Codes").
            let message = format!("The prefix list {id} is in use.");
            return Err(AwsError::new("DependencyViolation", message));
        }
        context.region_mut().prefix_lists.remove(&id, sight);
        Ok(OnePrefixList { prefix_list })
    }
}

fn is_used(region: &Region, id: &PrefixListId) -> bool {
    let (destination, peer) = (Destination::PrefixList(id.clone()), Peer::PrefixList(id.clone()));
    region.route_tables.values().any(|table| table.own_routes.contains_key(&destination))
        || region.security_groups.values().any(|group| group.rules.iter().any(|rule| rule.traffic.peer == peer))
}
