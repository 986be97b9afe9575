//! The rules of security groups, each with an ID, and DescribeSecurityGroupRules.
#![allow(missing_docs, reason = "fields carry the names of the EC2 API Reference, which documents them")]

use serde::{Deserialize, Serialize};

use super::{
    SecurityGroup,
    permission::{Peer, Traffic},
};
use crate::world::{
    Context, Region,
    action::{Action, Service},
    caller::Caller,
    error::AwsError,
    filters::{self, Filter, Filterable, TagFilters},
    ids::{PrefixListId, ResourceId, SecurityGroupId, SecurityGroupRuleId},
    paging::Paging,
    tags::{self, TagItem, Tags},
    zones,
};

/// A rule of a security group.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Rule {
    pub id: SecurityGroupRuleId,
    pub traffic: Traffic,
    pub description: Option<String>,
    pub tags: Tags,
}

impl Rule {
    pub(crate) fn new(id: SecurityGroupRuleId, traffic: Traffic) -> Self {
        Self { id, traffic, description: None, tags: Tags::new() }
    }

    pub(super) fn item(&self, group: &SecurityGroup, caller: &Caller) -> RuleItem {
        let Traffic { egress, protocol, from_port, to_port, peer } = &self.traffic;
        let mut item = RuleItem {
            security_group_rule_id: self.id.clone(),
            security_group_rule_arn: format!(
                "arn:{}:ec2:{}:{}:security-group-rule/{}",
                zones::partition(&caller.region),
                caller.region,
                caller.account,
                self.id
            ),
            group_id: group.id.clone(),
            group_owner_id: group.owner.clone(),
            is_egress: *egress,
            ip_protocol: protocol.clone(),
            from_port: *from_port,
            to_port: *to_port,
            cidr_ipv4: None,
            cidr_ipv6: None,
            prefix_list_id: None,
            referenced_group_info: None,
            description: self.description.clone(),
            tags: tags::items(&self.tags),
        };
        match peer {
            Peer::Ipv4(net) => item.cidr_ipv4 = Some(net.to_string()),
            Peer::Ipv6(net) => item.cidr_ipv6 = Some(net.to_string()),
            Peer::PrefixList(id) => item.prefix_list_id = Some(id.clone()),
            Peer::Group(id) => {
                item.referenced_group_info =
                    Some(ReferencedGroup { group_id: id.clone(), user_id: group.owner.clone() });
            }
        }
        item
    }
}

/// A rule in the format of EC2.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RuleItem {
    pub security_group_rule_id: SecurityGroupRuleId,
    pub security_group_rule_arn: String,
    pub group_id: SecurityGroupId,
    pub group_owner_id: String,
    pub is_egress: bool,
    pub ip_protocol: String,
    pub from_port: i32,
    pub to_port: i32,
    pub cidr_ipv4: Option<String>,
    pub cidr_ipv6: Option<String>,
    pub prefix_list_id: Option<PrefixListId>,
    pub referenced_group_info: Option<ReferencedGroup>,
    pub description: Option<String>,
    #[serde(rename = "tagSet")]
    pub tags: Vec<TagItem>,
}

/// The group on the other side of a rule.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReferencedGroup {
    pub group_id: SecurityGroupId,
    pub user_id: String,
}

/// A rule with its group.
struct Row<'a> {
    group: &'a SecurityGroup,
    rule: &'a Rule,
}

impl Filterable for Row<'_> {
    const FILTERS: &'static [&'static str] = &["group-id", "security-group-rule-id"];
    const TAGS: TagFilters = TagFilters::OnlyByKeyAndValue;

    fn values(&self, filter: &str, _: &Region) -> Vec<String> {
        match filter {
            "group-id" => vec![self.group.id.to_string()],
            "security-group-rule-id" => vec![self.rule.id.to_string()],
            _ => Vec::new(),
        }
    }

    fn tags(&self) -> Option<&Tags> {
        Some(&self.rule.tags)
    }
}

/// Lists rules.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct DescribeSecurityGroupRules {
    #[serde(default)]
    pub security_group_rule_id: Vec<String>,
    #[serde(default)]
    pub filter: Vec<Filter>,
    pub max_results: Option<i32>,
    pub next_token: Option<String>,
}

/// The matching rules.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SecurityGroupRules {
    #[serde(rename = "securityGroupRuleSet")]
    pub rules: Vec<RuleItem>,
    pub next_token: Option<String>,
}

impl Action for DescribeSecurityGroupRules {
    const SERVICE: Service = Service::Ec2;
    const NAME: &'static str = "DescribeSecurityGroupRules";
    type Answer = SecurityGroupRules;

    fn run(self, context: &mut Context<'_>) -> Result<SecurityGroupRules, AwsError> {
        filters::check::<Row<'_>>(&self.filter)?;
        let region = context.region();
        let groups = region.security_groups.listed(context.sight());
        let mut rows: Vec<Row<'_>> =
            groups.flat_map(|(_, group)| group.rules.iter().map(move |rule| Row { group, rule })).collect();
        rows.sort_by(|a, b| a.rule.id.cmp(&b.rule.id));
        let mut wanted = Vec::new();
        for id in &self.security_group_rule_id {
            let id = SecurityGroupRuleId::parse(id)?;
            if !rows.iter().any(|row| row.rule.id == id) {
                return Err(id.not_found());
            }
            wanted.push(id);
        }
        rows.retain(|row| wanted.is_empty() || wanted.contains(&row.rule.id));
        rows.retain(|row| filters::matches(row, &self.filter, region));
        let (page, next_token) = Paging::ec2(Self::NAME).cut(
            rows,
            |row| row.rule.id.as_str(),
            self.max_results,
            self.next_token.as_deref(),
            context.options.max_page,
        )?;
        Ok(SecurityGroupRules {
            rules: page.into_iter().map(|row| row.rule.item(row.group, context.caller)).collect(),
            next_token,
        })
    }
}
