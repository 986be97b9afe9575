//! AuthorizeSecurityGroupIngress and AuthorizeSecurityGroupEgress.
#![allow(missing_docs, reason = "fields carry the names of the EC2 API Reference, which documents them")]

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{
    permission::{self, IpPermission, IpRange, Peer, Traffic},
    rules::{Rule, RuleItem},
};
use crate::world::{
    Context, Region,
    action::{Action, Service},
    error::AwsError,
    ids::{ResourceId, SecurityGroupId},
    tags::{self, TagSpecification},
};

/// Adds inbound rules.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct AuthorizeSecurityGroupIngress {
    pub group_id: Option<String>,
    #[serde(default)]
    pub ip_permissions: Vec<IpPermission>,
    pub ip_protocol: Option<String>,
    pub from_port: Option<i32>,
    pub to_port: Option<i32>,
    pub cidr_ip: Option<String>,
    #[serde(default)]
    pub tag_specification: Vec<TagSpecification>,
}

/// Adds outbound rules.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct AuthorizeSecurityGroupEgress {
    pub group_id: Option<String>,
    #[serde(default)]
    pub ip_permissions: Vec<IpPermission>,
    pub ip_protocol: Option<String>,
    pub from_port: Option<i32>,
    pub to_port: Option<i32>,
    pub cidr_ip: Option<String>,
    #[serde(default)]
    pub tag_specification: Vec<TagSpecification>,
}

/// The added rules.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RulesAdded {
    #[serde(rename = "return")]
    pub done: bool,
    #[serde(rename = "securityGroupRuleSet")]
    pub rules: Vec<RuleItem>,
}

impl Action for AuthorizeSecurityGroupIngress {
    const SERVICE: Service = Service::Ec2;
    const NAME: &'static str = "AuthorizeSecurityGroupIngress";
    type Answer = RulesAdded;

    fn run(self, context: &mut Context<'_>) -> Result<RulesAdded, AwsError> {
        let one = single(self.ip_protocol, self.from_port, self.to_port, self.cidr_ip);
        let permissions: Vec<IpPermission> = self.ip_permissions.into_iter().chain(one).collect();
        add(context, self.group_id.as_deref(), &permissions, false, &self.tag_specification)
    }
}

impl Action for AuthorizeSecurityGroupEgress {
    const SERVICE: Service = Service::Ec2;
    const NAME: &'static str = "AuthorizeSecurityGroupEgress";
    type Answer = RulesAdded;

    fn run(self, context: &mut Context<'_>) -> Result<RulesAdded, AwsError> {
        let one = single(self.ip_protocol, self.from_port, self.to_port, self.cidr_ip);
        let permissions: Vec<IpPermission> = self.ip_permissions.into_iter().chain(one).collect();
        add(context, self.group_id.as_deref(), &permissions, true, &self.tag_specification)
    }
}

/// Returns the single rule of the top-level parameters.
pub(super) fn single(
    protocol: Option<String>,
    from_port: Option<i32>,
    to_port: Option<i32>,
    cidr: Option<String>,
) -> Option<IpPermission> {
    let ip_ranges = cidr.map(|cidr_ip| IpRange { cidr_ip, description: None }).into_iter().collect();
    Some(IpPermission { ip_protocol: Some(protocol?), from_port, to_port, ip_ranges, ..IpPermission::default() })
}

fn add(
    context: &mut Context<'_>,
    group_id: Option<&str>,
    permissions: &[IpPermission],
    egress: bool,
    specifications: &[TagSpecification],
) -> Result<RulesAdded, AwsError> {
    let id = named_group(context, group_id)?;
    let group = context.region().security_groups.get(&id).ok_or_else(|| id.not_found())?;
    let tags = tags::from_specifications(specifications, "security-group-rule")?;
    if permissions.is_empty() {
        return Err(AwsError::missing("ipPermissions"));
    }
    let drafts = permission::read(context, permissions, egress, &group.vpc)?;
    let mut seen: BTreeSet<&Traffic> = group.rules.iter().map(|rule| &rule.traffic).collect();
    let existing = seen.clone();
    for (traffic, _) in &drafts {
        // Source of the first code: EC2 API Reference, "Error codes". That AWS rejects the whole request is ASSUMED
        // (`ASSUMPTIONS.md`, "Security groups").
        if existing.contains(traffic) {
            let message = format!("the specified rule \"{}\" already exists", traffic.phrase());
            return Err(AwsError::new("InvalidPermission.Duplicate", message));
        }
        if !seen.insert(traffic) {
            return Err(AwsError::value("The same permission must not appear multiple times"));
        }
    }
    check_limit(context.region(), &seen, egress, context.options.quotas.rules_per_security_group)?;
    let (caller, sight) = (context.caller, context.sight());
    let region = context.region_mut();
    let rules: Vec<Rule> = drafts
        .into_iter()
        .map(|(traffic, description)| Rule { id: region.ids.mint(), traffic, description, tags: tags.clone() })
        .collect();
    Ok(RulesAdded { done: true, rules: append(region.security_groups.change(&id, sight), rules, caller) })
}

fn append(
    group: Option<&mut super::SecurityGroup>,
    rules: Vec<Rule>,
    caller: &crate::world::caller::Caller,
) -> Vec<RuleItem> {
    let Some(group) = group else { return Vec::new() };
    let items = rules.iter().map(|rule| rule.item(group, caller)).collect();
    group.rules.extend(rules);
    items
}

/// Source: Amazon VPC quotas: the quota applies to each direction, and to IPv4 and IPv6 separately. A rule with a
/// group or a prefix list counts for both, a prefix list with its weight: 1 for S3 and DynamoDB, and the maximum number of
/// entries for a list of a customer.
fn check_limit(region: &Region, rules: &BTreeSet<&Traffic>, egress: bool, most: usize) -> Result<(), AwsError> {
    let weight = |peer: &Peer| match peer {
        Peer::PrefixList(id) => region.prefix_lists.get(id).map_or(1, |list| list.max_entries),
        Peer::Ipv4(_) | Peer::Ipv6(_) | Peer::Group(_) => 1,
    };
    let of_direction = || rules.iter().filter(|rule| rule.egress == egress).map(|rule| &rule.peer);
    let ipv4: usize = of_direction().filter(|peer| !matches!(peer, Peer::Ipv6(_))).map(weight).sum();
    let ipv6: usize = of_direction().filter(|peer| !matches!(peer, Peer::Ipv4(_))).map(weight).sum();
    if ipv4.max(ipv6) <= most {
        return Ok(());
    }
    let message = "The maximum number of rules per security group has been reached.";
    Err(AwsError::new("RulesPerSecurityGroupLimitExceeded", message))
}

/// Returns the ID of the group that a rule call must name.
pub(super) fn named_group(context: &Context<'_>, id: Option<&str>) -> Result<SecurityGroupId, AwsError> {
    let id = id.ok_or_else(|| AwsError::missing("groupId"))?;
    context.region().security_groups.find(id, context.sight()).map(|(id, _)| id)
}
