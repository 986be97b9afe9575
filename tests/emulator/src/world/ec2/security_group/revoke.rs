//! RevokeSecurityGroupIngress and RevokeSecurityGroupEgress, by rule ID or by permission.
#![allow(missing_docs, reason = "fields carry the names of the EC2 API Reference, which documents them")]

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{
    authorize::{named_group, single},
    permission::{self, IpPermission, Peer},
    rules::Rule,
};
use crate::world::{
    Context,
    action::{Action, Service},
    error::AwsError,
    ids::{PrefixListId, ResourceId, SecurityGroupId, SecurityGroupRuleId},
};

/// Removes inbound rules.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct RevokeSecurityGroupIngress {
    pub group_id: Option<String>,
    #[serde(default)]
    pub security_group_rule_id: Vec<String>,
    #[serde(default)]
    pub ip_permissions: Vec<IpPermission>,
    pub ip_protocol: Option<String>,
    pub from_port: Option<i32>,
    pub to_port: Option<i32>,
    pub cidr_ip: Option<String>,
}

/// Removes outbound rules.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct RevokeSecurityGroupEgress {
    pub group_id: Option<String>,
    #[serde(default)]
    pub security_group_rule_id: Vec<String>,
    #[serde(default)]
    pub ip_permissions: Vec<IpPermission>,
    pub ip_protocol: Option<String>,
    pub from_port: Option<i32>,
    pub to_port: Option<i32>,
    pub cidr_ip: Option<String>,
}

/// The removed rules.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RulesRevoked {
    #[serde(rename = "return")]
    pub done: bool,
    #[serde(rename = "revokedSecurityGroupRuleSet")]
    pub revoked: Vec<RevokedRule>,
}

/// A rule that was removed, in the format of EC2.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RevokedRule {
    pub security_group_rule_id: SecurityGroupRuleId,
    pub group_id: SecurityGroupId,
    pub is_egress: bool,
    pub ip_protocol: String,
    pub from_port: i32,
    pub to_port: i32,
    pub cidr_ipv4: Option<String>,
    pub cidr_ipv6: Option<String>,
    pub prefix_list_id: Option<PrefixListId>,
    pub referenced_group_id: Option<SecurityGroupId>,
    pub description: Option<String>,
}

impl RevokedRule {
    fn of(group_id: &SecurityGroupId, rule: Rule) -> Self {
        let mut revoked = Self {
            security_group_rule_id: rule.id,
            group_id: group_id.clone(),
            is_egress: rule.traffic.egress,
            ip_protocol: rule.traffic.protocol,
            from_port: rule.traffic.from_port,
            to_port: rule.traffic.to_port,
            cidr_ipv4: None,
            cidr_ipv6: None,
            prefix_list_id: None,
            referenced_group_id: None,
            description: rule.description,
        };
        match rule.traffic.peer {
            Peer::Ipv4(net) => revoked.cidr_ipv4 = Some(net.to_string()),
            Peer::Ipv6(net) => revoked.cidr_ipv6 = Some(net.to_string()),
            Peer::PrefixList(id) => revoked.prefix_list_id = Some(id),
            Peer::Group(id) => revoked.referenced_group_id = Some(id),
        }
        revoked
    }
}

impl Action for RevokeSecurityGroupIngress {
    const SERVICE: Service = Service::Ec2;
    const NAME: &'static str = "RevokeSecurityGroupIngress";
    type Answer = RulesRevoked;

    fn run(self, context: &mut Context<'_>) -> Result<RulesRevoked, AwsError> {
        let one = single(self.ip_protocol, self.from_port, self.to_port, self.cidr_ip);
        let permissions: Vec<IpPermission> = self.ip_permissions.into_iter().chain(one).collect();
        revoke(context, self.group_id.as_deref(), &self.security_group_rule_id, &permissions, false)
    }
}

impl Action for RevokeSecurityGroupEgress {
    const SERVICE: Service = Service::Ec2;
    const NAME: &'static str = "RevokeSecurityGroupEgress";
    type Answer = RulesRevoked;

    fn run(self, context: &mut Context<'_>) -> Result<RulesRevoked, AwsError> {
        let one = single(self.ip_protocol, self.from_port, self.to_port, self.cidr_ip);
        let permissions: Vec<IpPermission> = self.ip_permissions.into_iter().chain(one).collect();
        revoke(context, self.group_id.as_deref(), &self.security_group_rule_id, &permissions, true)
    }
}

fn revoke(
    context: &mut Context<'_>,
    group_id: Option<&str>,
    rule_ids: &[String],
    permissions: &[IpPermission],
    egress: bool,
) -> Result<RulesRevoked, AwsError> {
    let id = named_group(context, group_id)?;
    let group = context.region().security_groups.get(&id).ok_or_else(|| id.not_found())?;
    let mut doomed = BTreeSet::new();
    for rule_id in rule_ids {
        let rule_id = SecurityGroupRuleId::parse(rule_id)?;
        let rule = group.rules.iter().find(|rule| rule.id == rule_id && rule.traffic.egress == egress);
        doomed.insert(rule.ok_or_else(|| rule_id.not_found())?.id.clone());
    }
    for (traffic, _) in permission::read(context, permissions, egress, &group.vpc)? {
        // Source: EC2 API Reference, RevokeSecurityGroupIngress: in a VPC that is not the default one, a permission that
        // does not exist is `InvalidPermission.NotFound`, and no rule is revoked.
        let rule = group.rules.iter().find(|rule| rule.traffic == traffic).ok_or_else(|| {
            let message = "The specified rule does not exist in this security group.";
            AwsError::new("InvalidPermission.NotFound", message)
        })?;
        doomed.insert(rule.id.clone());
    }
    if doomed.is_empty() {
        return Err(AwsError::missing("ipPermissions or securityGroupRuleIds"));
    }
    let mut revoked = Vec::new();
    let sight = context.sight();
    if let Some(group) = context.region_mut().security_groups.change(&id, sight) {
        let (gone, kept) = std::mem::take(&mut group.rules).into_iter().partition(|rule| doomed.contains(&rule.id));
        group.rules = kept;
        revoked = Vec::<Rule>::into_iter(gone).map(|rule| RevokedRule::of(&id, rule)).collect();
    }
    Ok(RulesRevoked { done: true, revoked })
}
