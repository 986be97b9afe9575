//! ModifySecurityGroupRules, and the calls that change only the descriptions of rules.
#![allow(missing_docs, reason = "fields carry the names of the EC2 API Reference, which documents them")]

use serde::Deserialize;

use super::{
    authorize::named_group,
    permission::{self, IpPermission, Peer, Ports},
    rules::Rule,
};
use crate::world::{
    Context,
    action::{Action, DONE, Done, Service},
    error::AwsError,
    ids::{ResourceId, SecurityGroupId, SecurityGroupRuleId, VpcId},
};

/// Replaces rules in place.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct ModifySecurityGroupRules {
    pub group_id: String,
    pub security_group_rule: Vec<RuleUpdate>,
}

/// A rule ID and the new content of the rule.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct RuleUpdate {
    pub security_group_rule_id: String,
    pub security_group_rule: RuleRequest,
}

/// The new content of a rule.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct RuleRequest {
    pub ip_protocol: Option<String>,
    pub from_port: Option<i32>,
    pub to_port: Option<i32>,
    pub cidr_ipv4: Option<String>,
    pub cidr_ipv6: Option<String>,
    pub prefix_list_id: Option<String>,
    pub referenced_group_id: Option<String>,
    pub description: Option<String>,
}

impl RuleRequest {
    /// Source: EC2 API Reference, SecurityGroupRuleRequest: exactly one source or destination.
    fn peer(&self, context: &Context<'_>, vpc: &VpcId) -> Result<Peer, AwsError> {
        match (&self.cidr_ipv4, &self.cidr_ipv6, &self.prefix_list_id, &self.referenced_group_id) {
            (Some(text), None, None, None) => permission::parse_ipv4(text),
            (None, Some(text), None, None) => permission::parse_ipv6(text),
            (None, None, Some(id), None) => permission::parse_prefix_list(context, id),
            (None, None, None, Some(id)) => permission::parse_group(context, id, vpc),
            _ => Err(AwsError::new(
                "InvalidParameterCombination",
                "Specify exactly one source or destination for a rule.",
            )),
        }
    }
}

impl Action for ModifySecurityGroupRules {
    const SERVICE: Service = Service::Ec2;
    const NAME: &'static str = "ModifySecurityGroupRules";
    type Answer = Done;

    fn run(self, context: &mut Context<'_>) -> Result<Done, AwsError> {
        let id = named_group(context, Some(&self.group_id))?;
        let group = context.region().security_groups.get(&id).ok_or_else(|| id.not_found())?;
        let mut rules = group.rules.clone();
        for update in &self.security_group_rule {
            let rule_id = SecurityGroupRuleId::parse(&update.security_group_rule_id)?;
            let request = &update.security_group_rule;
            let protocol = request.ip_protocol.as_deref().ok_or_else(|| AwsError::missing("IpProtocol"))?;
            let ports = Ports::parse(protocol, request.from_port, request.to_port)?;
            let peer = request.peer(context, &group.vpc)?;
            permission::check_description(request.description.as_deref())?;
            let rule = rules.iter_mut().find(|rule| rule.id == rule_id).ok_or_else(|| rule_id.not_found())?;
            rule.traffic = ports.with(rule.traffic.egress, peer);
            rule.description.clone_from(&request.description);
        }
        for (at, rule) in rules.iter().enumerate() {
            if rules[..at].iter().any(|other| other.traffic == rule.traffic) {
                let message = format!("the specified rule \"{}\" already exists", rule.traffic.phrase());
                return Err(AwsError::new("InvalidPermission.Duplicate", message));
            }
        }
        write(context, &id, rules)
    }
}

fn write(context: &mut Context<'_>, id: &SecurityGroupId, rules: Vec<Rule>) -> Result<Done, AwsError> {
    let sight = context.sight();
    context.region_mut().security_groups.change(id, sight).ok_or_else(|| id.not_found())?.rules = rules;
    Ok(DONE)
}

/// A rule ID and its new description.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct RuleDescription {
    pub security_group_rule_id: String,
    pub description: Option<String>,
}

/// Changes the descriptions of inbound rules.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct UpdateSecurityGroupRuleDescriptionsIngress {
    pub group_id: Option<String>,
    #[serde(default)]
    pub ip_permissions: Vec<IpPermission>,
    #[serde(default)]
    pub security_group_rule_description: Vec<RuleDescription>,
}

/// Changes the descriptions of outbound rules.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct UpdateSecurityGroupRuleDescriptionsEgress {
    pub group_id: Option<String>,
    #[serde(default)]
    pub ip_permissions: Vec<IpPermission>,
    #[serde(default)]
    pub security_group_rule_description: Vec<RuleDescription>,
}

impl Action for UpdateSecurityGroupRuleDescriptionsIngress {
    const SERVICE: Service = Service::Ec2;
    const NAME: &'static str = "UpdateSecurityGroupRuleDescriptionsIngress";
    type Answer = Done;

    fn run(self, context: &mut Context<'_>) -> Result<Done, AwsError> {
        let id = named_group(context, self.group_id.as_deref())?;
        describe(context, &id, &self.ip_permissions, &self.security_group_rule_description, false)
    }
}

impl Action for UpdateSecurityGroupRuleDescriptionsEgress {
    const SERVICE: Service = Service::Ec2;
    const NAME: &'static str = "UpdateSecurityGroupRuleDescriptionsEgress";
    type Answer = Done;

    fn run(self, context: &mut Context<'_>) -> Result<Done, AwsError> {
        let id = named_group(context, self.group_id.as_deref())?;
        describe(context, &id, &self.ip_permissions, &self.security_group_rule_description, true)
    }
}

fn describe(
    context: &mut Context<'_>,
    id: &SecurityGroupId,
    permissions: &[IpPermission],
    by_id: &[RuleDescription],
    egress: bool,
) -> Result<Done, AwsError> {
    let group = context.region().security_groups.get(id).ok_or_else(|| id.not_found())?;
    let mut rules = group.rules.clone();
    for (traffic, description) in permission::read(context, permissions, egress, &group.vpc)? {
        let rule = rules.iter_mut().find(|rule| rule.traffic == traffic).ok_or_else(|| {
            let message = "The specified rule does not exist in this security group.";
            AwsError::new("InvalidPermission.NotFound", message)
        })?;
        rule.description = description;
    }
    for update in by_id {
        let rule_id = SecurityGroupRuleId::parse(&update.security_group_rule_id)?;
        permission::check_description(update.description.as_deref())?;
        let rule = rules.iter_mut().find(|rule| rule.id == rule_id && rule.traffic.egress == egress);
        rule.ok_or_else(|| rule_id.not_found())?.description.clone_from(&update.description);
    }
    write(context, id, rules)
}
