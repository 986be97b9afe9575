//! Security groups: CreateSecurityGroup, DeleteSecurityGroup, DescribeSecurityGroups. Rules have their own modules.
#![allow(missing_docs, reason = "fields carry the names of the EC2 API Reference, which documents them")]

pub mod association;
pub mod authorize;
pub mod modify;
pub mod permission;
pub mod revoke;
pub mod rules;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use self::{
    permission::{Peer, PermissionItem, Traffic},
    rules::Rule,
};
use crate::world::{
    Context, Region,
    action::{Action, Service},
    error::AwsError,
    filters::{Filter, Filterable},
    ids::{Ids, ResourceId, SecurityGroupId, VpcId},
    paging::Paging,
    sharing,
    tags::{self, TagItem, TagSpecification, Tags},
    zones,
};

/// A security group.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SecurityGroup {
    pub id: SecurityGroupId,
    pub vpc: VpcId,
    pub name: String,
    pub description: String,
    pub rules: Vec<Rule>,
    pub tags: Tags,
    /// The VPCs with which the group is associated in addition to its own.
    pub further_vpcs: BTreeSet<VpcId>,
    owner: String,
}

impl SecurityGroup {
    /// Returns the default group of a new VPC. Source: VPC User Guide, "Default security groups": inbound from
    /// itself, outbound to everywhere.
    pub(crate) fn default_of(vpc: VpcId, owner: String, ids: &mut Ids) -> Self {
        let id: SecurityGroupId = ids.mint();
        let from_itself = Traffic::all(false, Peer::Group(id.clone()));
        Self {
            rules: vec![
                Rule::new(ids.mint(), from_itself),
                Rule::new(ids.mint(), Traffic::all(true, Peer::anywhere())),
            ],
            id,
            vpc,
            name: "default".to_owned(),
            description: "default VPC security group".to_owned(),
            tags: Tags::new(),
            further_vpcs: BTreeSet::new(),
            owner,
        }
    }

    /// Whether this is the default group of its VPC.
    pub fn is_default(&self) -> bool {
        self.name == "default"
    }

    fn item(&self, region: &str) -> SecurityGroupItem {
        SecurityGroupItem {
            group_id: self.id.clone(),
            group_name: self.name.clone(),
            group_description: self.description.clone(),
            vpc_id: self.vpc.clone(),
            owner_id: self.owner.clone(),
            security_group_arn: arn(region, &self.owner, &self.id),
            ip_permissions: PermissionItem::group_rules(self, false),
            ip_permissions_egress: PermissionItem::group_rules(self, true),
            tags: tags::items(&self.tags),
        }
    }
}

fn arn(region: &str, account: &str, id: &SecurityGroupId) -> String {
    format!("arn:{}:ec2:{region}:{account}:security-group/{id}", zones::partition(region))
}

/// A security group in the format of EC2.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SecurityGroupItem {
    pub group_id: SecurityGroupId,
    pub group_name: String,
    pub group_description: String,
    pub vpc_id: VpcId,
    pub owner_id: String,
    pub security_group_arn: String,
    pub ip_permissions: Vec<PermissionItem>,
    pub ip_permissions_egress: Vec<PermissionItem>,
    #[serde(rename = "tagSet")]
    pub tags: Vec<TagItem>,
}

/// A group in the answers about other resources.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GroupIdentifier {
    pub group_id: SecurityGroupId,
    pub group_name: String,
}

/// Returns groups for the answers about other resources.
pub(crate) fn identifiers(region: &Region, groups: &BTreeSet<SecurityGroupId>) -> Vec<GroupIdentifier> {
    let name = |id| region.security_groups.get(id).map(|group| group.name.clone()).unwrap_or_default();
    groups.iter().map(|id| GroupIdentifier { group_id: id.clone(), group_name: name(id) }).collect()
}

/// Returns the groups that a caller names for an interface in a VPC; without any, the default group.
///
/// Source: EC2 API Reference, CreateVpcEndpoint: "If this parameter is not specified, we use the default security group
/// for the VPC." The code for a group of another VPC is ASSUMED (`ASSUMPTIONS.md`, "Codes").
pub(crate) fn resolve(
    context: &Context<'_>,
    named: &[String],
    vpc: &VpcId,
) -> Result<BTreeSet<SecurityGroupId>, AwsError> {
    let region = context.region();
    if named.is_empty() {
        let default = region.security_groups.values().find(|group| group.vpc == *vpc && group.is_default());
        return Ok(default.map(|group| group.id.clone()).into_iter().collect());
    }
    let mut groups = BTreeSet::new();
    for id in named {
        let (id, group) = region.security_groups.find(id, context.sight())?;
        if group.vpc != *vpc {
            return Err(AwsError::parameter(format!(
                "Security group {id} and VPC {vpc} belong to different networks."
            )));
        }
        groups.insert(id);
    }
    check_count(context, groups.len())?;
    Ok(groups)
}

/// Source: EC2 API Reference, "Error codes".
pub(crate) fn check_count(context: &Context<'_>, count: usize) -> Result<(), AwsError> {
    let most = context.options.quotas.security_groups_per_interface;
    if count <= most {
        return Ok(());
    }
    let message =
        format!("You have exceeded the maximum number of security groups ({most}) allowed per network interface.");
    Err(AwsError::new("SecurityGroupsPerInterfaceLimitExceeded", message))
}

impl Filterable for SecurityGroup {
    const FILTERS: &'static [&'static str] = &[
        "description",
        "egress.ip-permission.cidr",
        "egress.ip-permission.from-port",
        "egress.ip-permission.group-id",
        "egress.ip-permission.ipv6-cidr",
        "egress.ip-permission.prefix-list-id",
        "egress.ip-permission.protocol",
        "egress.ip-permission.to-port",
        "group-id",
        "group-name",
        "ip-permission.cidr",
        "ip-permission.from-port",
        "ip-permission.group-id",
        "ip-permission.ipv6-cidr",
        "ip-permission.prefix-list-id",
        "ip-permission.protocol",
        "ip-permission.to-port",
        "owner-id",
        "vpc-id",
    ];

    fn values(&self, filter: &str, _: &Region) -> Vec<String> {
        let of_rules = |name: &str, egress| {
            let rules = self.rules.iter().filter(|rule| rule.traffic.egress == egress);
            rules.filter_map(|rule| rule.traffic.filter_value(name)).collect()
        };
        match filter {
            "description" => vec![self.description.clone()],
            "group-id" => vec![self.id.to_string()],
            "group-name" => vec![self.name.clone()],
            "owner-id" => vec![self.owner.clone()],
            "vpc-id" => vec![self.vpc.to_string()],
            other => match (other.strip_prefix("egress.ip-permission."), other.strip_prefix("ip-permission.")) {
                (Some(name), _) => of_rules(name, true),
                (None, Some(name)) => of_rules(name, false),
                (None, None) => Vec::new(),
            },
        }
    }

    fn tags(&self) -> Option<&Tags> {
        Some(&self.tags)
    }
}

/// Creates a group without inbound rules, and with one outbound rule that allows all traffic.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct CreateSecurityGroup {
    pub group_name: String,
    pub group_description: String,
    pub vpc_id: Option<String>,
    #[serde(default)]
    pub tag_specification: Vec<TagSpecification>,
}

/// The created group.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SecurityGroupCreated {
    pub group_id: SecurityGroupId,
    pub security_group_arn: String,
    /// Absent for a group without tags. Source: an answer of CreateSecurityGroup in the snapshots of LocalStack (2025-05),
    /// which were recorded from AWS.
    #[serde(rename = "tagSet")]
    pub tags: Option<Vec<TagItem>>,
}

/// Source: EC2 API Reference, CreateSecurityGroup: up to 255 characters from this set.
fn check_text(parameter: &str, text: &str) -> Result<(), AwsError> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || " ._-:/()#,@[]+=&;{}!$*".contains(c);
    if text.len() <= 255 && text.chars().all(allowed) {
        return Ok(());
    }
    Err(AwsError::value(format!(
        "Invalid security group {parameter}. Valid descriptions are strings less than 256 characters from the following \
         set:  a-zA-Z0-9. _-:/()#,@[]+=&;{{}}!$*"
    )))
}

impl Action for CreateSecurityGroup {
    const SERVICE: Service = Service::Ec2;
    const NAME: &'static str = "CreateSecurityGroup";
    type Answer = SecurityGroupCreated;

    fn run(self, context: &mut Context<'_>) -> Result<SecurityGroupCreated, AwsError> {
        // Source: EC2 API Reference, CreateSecurityGroup: trailing spaces are trimmed, the name must not begin with `sg-`.
        let name = self.group_name.trim_end_matches(' ').to_owned();
        check_text("name", &name)?;
        check_text("description", &self.group_description)?;
        if name.is_empty() || name.starts_with("sg-") {
            return Err(AwsError::value("Invalid group name. Group names may not be in the format sg-*"));
        }
        if name.eq_ignore_ascii_case("default") {
            return Err(AwsError::value("Cannot use reserved security group name: default"));
        }
        if self.group_description.is_empty() {
            return Err(AwsError::missing("GroupDescription"));
        }
        let tags = tags::from_specifications(&self.tag_specification, "security-group")?;
        let vpc = self.vpc_id.as_deref().ok_or_else(|| {
            AwsError::new(
                "VPCIdNotSpecified",
                "No default VPC for this user. GroupName is only supported for EC2-Classic and default VPC.",
            )
        })?;
        let region = context.region();
        if context.is_shared(|region| &region.vpcs, vpc) {
            return Err(sharing::not_modelled("Groups of a participant in a shared VPC"));
        }
        let (vpc, _) = region.vpcs.find(vpc, context.sight())?;
        // Source: EC2 API Reference, CreateSecurityGroup: names are unique within a VPC and case-insensitive.
        if region.security_groups.values().any(|group| group.vpc == vpc && group.name.eq_ignore_ascii_case(&name)) {
            let message = format!("The security group '{name}' already exists for VPC '{vpc}'");
            return Err(AwsError::new("InvalidGroup.Duplicate", message));
        }
        if region.security_groups.values().count() >= context.options.quotas.security_groups_per_region {
            let message = "The maximum number of security groups has been reached.";
            return Err(AwsError::new("SecurityGroupLimitExceeded", message));
        }
        let (now, caller) = (context.now(), context.caller);
        let region = context.region_mut();
        let group = SecurityGroup {
            id: region.ids.mint(),
            vpc,
            name,
            description: self.group_description,
            rules: vec![Rule::new(region.ids.mint(), Traffic::all(true, Peer::anywhere()))],
            tags,
            further_vpcs: BTreeSet::new(),
            owner: caller.account.clone(),
        };
        let created = SecurityGroupCreated {
            group_id: group.id.clone(),
            security_group_arn: arn(&caller.region, &caller.account, &group.id),
            tags: (!group.tags.is_empty()).then(|| tags::items(&group.tags)),
        };
        region.security_groups.insert(group.id.clone(), group, now);
        Ok(created)
    }
}

/// Deletes a group that nothing uses.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct DeleteSecurityGroup {
    pub group_id: Option<String>,
}

/// The deleted group.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SecurityGroupDeleted {
    #[serde(rename = "return")]
    pub done: bool,
    pub group_id: SecurityGroupId,
}

impl Action for DeleteSecurityGroup {
    const SERVICE: Service = Service::Ec2;
    const NAME: &'static str = "DeleteSecurityGroup";
    type Answer = SecurityGroupDeleted;

    fn run(self, context: &mut Context<'_>) -> Result<SecurityGroupDeleted, AwsError> {
        let sight = context.sight();
        let named = self.group_id.ok_or_else(|| AwsError::missing("GroupName or GroupId"))?;
        let (id, group) = context.region().security_groups.find(&named, sight)?;
        if group.is_default() {
            let message = format!("the specified group: \"{id}\" name: \"default\" cannot be deleted by a user");
            return Err(AwsError::new("CannotDelete", message));
        }
        if is_used(context.region(), &id) {
            return Err(AwsError::new("DependencyViolation", format!("resource {id} has a dependent object")));
        }
        context.region_mut().security_groups.remove(&id, sight);
        Ok(SecurityGroupDeleted { done: true, group_id: id })
    }
}

/// Source: EC2 API Reference, DeleteSecurityGroup: a group cannot be deleted while an interface or another group's
/// rule uses it, or while it is associated with another VPC.
fn is_used(region: &Region, id: &SecurityGroupId) -> bool {
    let peer = Peer::Group(id.clone());
    region.network_interfaces.values().any(|interface| interface.groups.contains(id))
        || region.vpc_endpoints.values().any(|endpoint| endpoint.exists() && endpoint.groups.contains(id))
        || region.resolver_endpoints.values().any(|endpoint| endpoint.groups.contains(id))
        || region.security_groups.values().any(|other| other.id == *id && !other.further_vpcs.is_empty())
        || region
            .security_groups
            .values()
            .any(|other| other.id != *id && other.rules.iter().any(|rule| rule.traffic.peer == peer))
}

/// Lists groups.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct DescribeSecurityGroups {
    #[serde(default)]
    pub group_id: Vec<String>,
    #[serde(default)]
    pub filter: Vec<Filter>,
    pub max_results: Option<i32>,
    pub next_token: Option<String>,
}

/// The matching groups.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SecurityGroups {
    #[serde(rename = "securityGroupInfo")]
    pub groups: Vec<SecurityGroupItem>,
    pub next_token: Option<String>,
}

impl Action for DescribeSecurityGroups {
    const SERVICE: Service = Service::Ec2;
    const NAME: &'static str = "DescribeSecurityGroups";
    type Answer = SecurityGroups;

    fn run(self, context: &mut Context<'_>) -> Result<SecurityGroups, AwsError> {
        let rows = context.select(|region| &region.security_groups, &self.group_id, &self.filter)?;
        let (page, next_token) = Paging::ec2(Self::NAME).cut(
            rows,
            |seen| seen.row.id.as_str(),
            self.max_results,
            self.next_token.as_deref(),
            context.options.max_page,
        )?;
        Ok(SecurityGroups {
            groups: page.iter().map(|seen| seen.row.item(&context.caller.region)).collect(),
            next_token,
        })
    }
}
