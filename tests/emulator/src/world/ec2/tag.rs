//! CreateTags, DeleteTags, DescribeTags.
#![allow(missing_docs, reason = "fields carry the names of the EC2 API Reference, which documents them")]

use serde::{Deserialize, Serialize};

use crate::world::{
    Context, Region,
    action::{Action, DONE, Done, Service},
    error::AwsError,
    filters::{self, Filter, Filterable, TagFilters},
    ids::{
        DhcpOptionsId, NetworkAclId, NetworkInterfaceId, PrefixListId, ResourceId, RouteTableId, SecurityGroupId,
        SecurityGroupRuleId, SubnetId, VpcEndpointId, VpcId, VpnGatewayId,
    },
    paging::Paging,
    table::Sight,
    tags::{self, Tag, Tags},
};

/// Adds or overwrites tags of resources.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct CreateTags {
    pub resource_id: Vec<String>,
    pub tag: Vec<Tag>,
}

impl Action for CreateTags {
    const SERVICE: Service = Service::Ec2;
    const NAME: &'static str = "CreateTags";
    type Answer = Done;

    fn run(self, context: &mut Context<'_>) -> Result<Done, AwsError> {
        let mut changed = Vec::new();
        for id in &self.resource_id {
            let mut tags = tags_of(context, id)?;
            for Tag { key, value } in &self.tag {
                tags::add(&mut tags, key, value)?;
            }
            changed.push((id, tags));
        }
        write(context, changed)
    }
}

/// Removes tags of resources.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct DeleteTags {
    pub resource_id: Vec<String>,
    /// The tags to remove; if empty, all tags.
    #[serde(default)]
    pub tag: Vec<Removal>,
}

/// A tag to remove.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Removal {
    pub key: String,
    /// The value; if absent, the tag is removed regardless of its value. Source: EC2 API Reference, DeleteTags.
    pub value: Option<String>,
}

impl Action for DeleteTags {
    const SERVICE: Service = Service::Ec2;
    const NAME: &'static str = "DeleteTags";
    type Answer = Done;

    fn run(self, context: &mut Context<'_>) -> Result<Done, AwsError> {
        let mut changed = Vec::new();
        for id in &self.resource_id {
            let mut tags = tags_of(context, id)?;
            if self.tag.is_empty() {
                tags.clear();
            }
            for removal in &self.tag {
                if removal.value.is_none() || removal.value.as_ref() == tags.get(&removal.key) {
                    tags.remove(&removal.key);
                }
            }
            changed.push((id, tags));
        }
        write(context, changed)
    }
}

fn tags_of(context: &mut Context<'_>, id: &str) -> Result<Tags, AwsError> {
    check_exists(context.region(), id, context.sight())?;
    context.region_mut().tags_mut(id).map(|tags| tags.clone()).ok_or_else(|| invalid_id(id))
}

fn write(context: &mut Context<'_>, changed: Vec<(&String, Tags)>) -> Result<Done, AwsError> {
    for (id, tags) in changed {
        *context.region_mut().tags_mut(id).ok_or_else(|| invalid_id(id))? = tags;
    }
    Ok(DONE)
}

/// Source: EC2 API Reference, "Error codes": `InvalidID` for an ID of unknown kind.
fn invalid_id(id: &str) -> AwsError {
    AwsError::new("InvalidID", format!("The ID '{id}' is not valid"))
}

fn check_exists(region: &Region, id: &str, sight: Sight) -> Result<(), AwsError> {
    match id.split('-').next().unwrap_or_default() {
        "vpc" => region.vpcs.find(id, sight).map(drop),
        "subnet" => region.subnets.find(id, sight).map(drop),
        "rtb" => region.route_tables.find(id, sight).map(drop),
        "vgw" => region.vpn_gateways.find(id, sight).map(drop),
        "dopt" => region.dhcp_options.find(id, sight).map(drop),
        "acl" => region.network_acls.find(id, sight).map(drop),
        "pl" => region.prefix_lists.find(id, sight).map(drop),
        "sg" => region.security_groups.find(id, sight).map(drop),
        "eni" => region.network_interfaces.find(id, sight).map(drop),
        "vpce" => region.vpc_endpoints.find(id, sight).map(drop),
        "sgr" => {
            let id = SecurityGroupRuleId::parse(id)?;
            let mut rules = region.security_groups.values().flat_map(|group| &group.rules);
            if rules.any(|rule| rule.id == id) { Ok(()) } else { Err(id.not_found()) }
        }
        _ => Err(invalid_id(id)),
    }
}

/// Lists tags.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct DescribeTags {
    #[serde(default)]
    pub filter: Vec<Filter>,
    pub max_results: Option<i32>,
    pub next_token: Option<String>,
}

/// The matching tags.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TagDescriptions {
    #[serde(rename = "tagSet")]
    pub tags: Vec<TagDescription>,
    pub next_token: Option<String>,
}

/// A tag and its resource.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TagDescription {
    pub resource_id: String,
    pub resource_type: &'static str,
    pub key: String,
    pub value: String,
    /// The position in the list.
    #[serde(skip)]
    place: String,
}

impl Filterable for TagDescription {
    const FILTERS: &'static [&'static str] = &["key", "resource-id", "resource-type", "value"];
    const TAGS: TagFilters = TagFilters::OnlyByKeyAndValue;

    fn values(&self, filter: &str, _: &Region) -> Vec<String> {
        match filter {
            "key" => vec![self.key.clone()],
            "resource-id" => vec![self.resource_id.clone()],
            "resource-type" => vec![self.resource_type.to_owned()],
            "value" => vec![self.value.clone()],
            _ => Vec::new(),
        }
    }

    fn tags(&self) -> Option<&Tags> {
        None
    }
}

impl Action for DescribeTags {
    const SERVICE: Service = Service::Ec2;
    const NAME: &'static str = "DescribeTags";
    type Answer = TagDescriptions;

    fn run(self, context: &mut Context<'_>) -> Result<TagDescriptions, AwsError> {
        filters::check::<TagDescription>(&self.filter)?;
        // `tag:KEY` matches key and value together; the other filters match single fields.
        let (by_tag, by_field): (Vec<Filter>, Vec<Filter>) =
            self.filter.into_iter().partition(|filter| filter.name.starts_with("tag:"));
        let region = context.region();
        let mut rows = all(region, context.sight());
        rows.retain(|tag| {
            by_tag.iter().all(|filter| {
                filter.name.strip_prefix("tag:") == Some(&tag.key)
                    && filter.values.iter().any(|value| filters::is_like(value, &tag.value))
            })
        });
        rows.retain(|tag| filters::matches(tag, &by_field, region));
        rows.sort_by(|a, b| a.place.cmp(&b.place));
        let (tags, next_token) = Paging::ec2(Self::NAME).cut(
            rows,
            |tag| &tag.place,
            self.max_results,
            self.next_token.as_deref(),
            context.options.max_page,
        )?;
        Ok(TagDescriptions { tags, next_token })
    }
}

fn all(region: &Region, sight: Sight) -> Vec<TagDescription> {
    let mut rows = Vec::new();
    let mut add = |id: &str, resource_type: &'static str, tags: &Tags| {
        rows.extend(tags.iter().map(|(key, value)| TagDescription {
            resource_id: id.to_owned(),
            resource_type,
            key: key.clone(),
            value: value.clone(),
            place: format!("{id} {key}"),
        }));
    };
    let vpcs = region.vpcs.listed(sight);
    vpcs.for_each(|(id, vpc): (&VpcId, _)| add(id.as_str(), "vpc", &vpc.tags));
    let subnets = region.subnets.listed(sight);
    subnets.for_each(|(id, subnet): (&SubnetId, _)| add(id.as_str(), "subnet", &subnet.tags));
    let tables = region.route_tables.listed(sight);
    tables.for_each(|(id, table): (&RouteTableId, _)| add(id.as_str(), "route-table", &table.tags));
    let sets = region.dhcp_options.listed(sight);
    sets.for_each(|(id, set): (&DhcpOptionsId, _)| add(id.as_str(), "dhcp-options", &set.tags));
    let acls = region.network_acls.listed(sight);
    acls.for_each(|(id, acl): (&NetworkAclId, _)| add(id.as_str(), "network-acl", &acl.tags));
    let interfaces = region.network_interfaces.listed(sight);
    interfaces.for_each(|(id, eni): (&NetworkInterfaceId, _)| add(id.as_str(), "network-interface", &eni.tags));
    let endpoints = region.vpc_endpoints.listed(sight);
    endpoints.for_each(|(id, endpoint): (&VpcEndpointId, _)| add(id.as_str(), "vpc-endpoint", &endpoint.tags));
    let gateways = region.vpn_gateways.listed(sight);
    gateways.for_each(|(id, gateway): (&VpnGatewayId, _)| add(id.as_str(), "vpn-gateway", &gateway.tags));
    let lists = region.prefix_lists.listed(sight);
    lists.for_each(|(id, list): (&PrefixListId, _)| add(id.as_str(), "prefix-list", &list.tags));
    for (id, group) in region.security_groups.listed(sight) {
        let id: &SecurityGroupId = id;
        add(id.as_str(), "security-group", &group.tags);
        group.rules.iter().for_each(|rule| add(rule.id.as_str(), "security-group-rule", &rule.tags));
    }
    rows
}
