//! Reads security groups and their rules, and changes their ingress rules.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ec2::types::{self, Filter, IpPermission, IpRange, ResourceType};
use ipnet::Ipv4Net;

use crate::{
    aws::{
        filter,
        request::{Action, unusable},
        session::Session,
        tags,
    },
    model::{
        failure::{CallFailure, FailureClass},
        ids::{self, SecurityGroupId, SecurityGroupRuleId, VpcId},
        observed::{Peer, Permission, Protocol, Rule, SecurityGroup, Traffic, resources::GroupRule},
        ownership::{CLUSTER_TAG, Identity, OWNER_TAG, Tags},
        plan::step::Effect,
    },
};

impl Session {
    /// Reads all groups in a VPC, without their rules. One call returns the groups that the network owns, foreign
    /// groups with the same names, the groups that the network names, and those that it may adopt.
    pub(super) async fn groups_in(&self, vpc: &VpcId) -> Result<BTreeMap<SecurityGroupId, SecurityGroup>, CallFailure> {
        self.groups(vec![filter::filter("vpc-id", [vpc.as_str()])]).await
    }

    /// Reads the groups that the network owns, in all VPCs, without their rules.
    pub(super) async fn owned_groups(
        &self,
        identity: &Identity,
    ) -> Result<BTreeMap<SecurityGroupId, SecurityGroup>, CallFailure> {
        self.groups(vec![filter::tag(OWNER_TAG, &identity.uid)]).await
    }

    /// Reads the groups that networks of a cluster created, in all VPCs, without their rules.
    pub(super) async fn groups_made_by(
        &self,
        cluster: &str,
    ) -> Result<BTreeMap<SecurityGroupId, SecurityGroup>, CallFailure> {
        self.groups(vec![filter::tag(CLUSTER_TAG, cluster)]).await
    }

    async fn groups(&self, filters: Vec<Filter>) -> Result<BTreeMap<SecurityGroupId, SecurityGroup>, CallFailure> {
        let groups = self.caller.list(
            Action::ec2("DescribeSecurityGroups"),
            |token| {
                let request = self.ec2.describe_security_groups().set_filters(Some(filters.clone()));
                request.max_results(1000).set_next_token(token).send()
            },
            |page| (page.security_groups, page.next_token),
        );
        let group = |group: types::SecurityGroup| {
            let id = group.group_id?.into();
            let name = group.group_name.unwrap_or_default();
            Some((id, SecurityGroup { name, tags: tags::from_ec2(group.tags), ..SecurityGroup::default() }))
        };
        Ok(groups.await?.into_iter().filter_map(group).collect())
    }

    /// Reads the rules of groups in both directions.
    pub(super) async fn rules_of(&self, groups: &BTreeSet<SecurityGroupId>) -> Result<Vec<GroupRule>, CallFailure> {
        let rules = self.rules(groups).await?.into_iter();
        Ok(rules
            .filter_map(|rule| {
                let group = rule.group_id.clone()?.into();
                Some(GroupRule { group, is_egress: rule.is_egress == Some(true), rule: read(rule) })
            })
            .collect())
    }

    /// Reads the rules of groups, in both directions.
    async fn rules(&self, groups: &BTreeSet<SecurityGroupId>) -> Result<Vec<types::SecurityGroupRule>, CallFailure> {
        if groups.is_empty() {
            return Ok(Vec::new());
        }
        let groups = filter::filter("group-id", groups.iter().map(SecurityGroupId::as_str));
        let rules = self.caller.list(
            Action::ec2("DescribeSecurityGroupRules"),
            |token| {
                let request = self.ec2.describe_security_group_rules().filters(groups.clone());
                request.max_results(1000).set_next_token(token).send()
            },
            |page| (page.security_group_rules, page.next_token),
        );
        rules.await
    }

    /// Calls `CreateSecurityGroup`. The call has no client token; the group name, which is unique in the VPC, serves
    /// as one.
    pub(super) async fn create_group(
        &self,
        vpc: &VpcId,
        name: &str,
        description: &str,
        tags: &Tags,
    ) -> Result<Effect, CallFailure> {
        let action = Action::ec2("CreateSecurityGroup");
        let request = self.ec2.create_security_group().vpc_id(vpc.as_str()).group_name(name).description(description);
        let request = request.tag_specifications(tags::specification(ResourceType::SecurityGroup, tags));
        let answer = self.caller.call(action, || request.clone().send()).await?;
        let id = answer.group_id.ok_or_else(|| unusable(action, "the answer contains no security group ID"))?;
        let group = SecurityGroup { name: name.to_owned(), tags: tags.clone(), ..SecurityGroup::default() };
        Ok(Effect::GroupCreated(id.into(), group))
    }

    /// Calls `AuthorizeSecurityGroupIngress` with all rules in one call. AWS rejects all of them if one already
    /// exists, for example because it was added after the group was read.
    pub(super) async fn authorize_ingress(
        &self,
        group: &SecurityGroupId,
        permissions: &BTreeMap<Permission, String>,
    ) -> Result<Effect, CallFailure> {
        let request = self.ec2.authorize_security_group_ingress().group_id(group.as_str());
        let request = request.set_ip_permissions(Some(ip_permissions(permissions)));
        self.caller.call(Action::ec2("AuthorizeSecurityGroupIngress"), || request.clone().send()).await?;
        Ok(Effect::Accepted)
    }

    /// Calls `RevokeSecurityGroupIngress` with the IDs of the rules, so that it never removes another rule with the
    /// same content.
    pub(super) async fn revoke_ingress(
        &self,
        group: &SecurityGroupId,
        rules: impl Iterator<Item = &SecurityGroupRuleId>,
    ) -> Result<Effect, CallFailure> {
        let rules = rules.map(ToString::to_string).collect();
        let request = self.ec2.revoke_security_group_ingress().group_id(group.as_str());
        let request = request.set_security_group_rule_ids(Some(rules));
        self.caller.call(Action::ec2("RevokeSecurityGroupIngress"), || request.clone().send()).await?;
        Ok(Effect::Accepted)
    }

    /// Calls `DeleteSecurityGroup`. `NotFound` counts as a failure, because the group may not be visible yet. AWS does not
    /// name what uses the group, so the rules of other groups that refer to it are read after a refusal.
    pub(super) async fn delete_group(&self, group: &SecurityGroupId) -> Result<Effect, CallFailure> {
        let request = self.ec2.delete_security_group().group_id(group.as_str());
        match self.caller.call(Action::ec2("DeleteSecurityGroup"), || request.clone().send()).await {
            Ok(_) => Ok(Effect::Accepted),
            Err(failure) if failure.class == FailureClass::Dependency => {
                let references = self.references_to(group).await?;
                let message = if references.is_empty() {
                    // The right is newer than others, and the answer only explains the refusal.
                    let vpcs = self.further_vpcs_of(group).await.unwrap_or_default();
                    if vpcs.is_empty() {
                        return Err(failure);
                    }
                    format!("{group} is associated with {}; disassociate it", ids::join(&vpcs))
                } else {
                    let rules = ids::join(&references);
                    format!("rules of other security groups refer to {group}: {rules}; delete these rules")
                };
                Err(CallFailure { class: FailureClass::InUse, message, ..failure })
            }
            Err(failure) => Err(failure),
        }
    }

    /// Returns the VPCs with which a group is associated in addition to its own.
    async fn further_vpcs_of(&self, group: &SecurityGroupId) -> Result<BTreeSet<String>, CallFailure> {
        let associations = self.caller.list(
            Action::ec2("DescribeSecurityGroupVpcAssociations"),
            |token| {
                let request = self.ec2.describe_security_group_vpc_associations();
                request.filters(filter::filter("group-id", [group.as_str()])).set_next_token(token).send()
            },
            |page| (page.security_group_vpc_associations, page.next_token),
        );
        Ok(associations.await?.into_iter().filter_map(|association| association.vpc_id).collect())
    }

    /// Returns the rules of other groups that refer to a group, each with its own group: `sg-1 (ingress sgr-1)`.
    async fn references_to(&self, group: &SecurityGroupId) -> Result<BTreeSet<String>, CallFailure> {
        let mut groups = BTreeSet::new();
        // Filters of different names must all match, so that each direction takes a call.
        for name in ["ip-permission.group-id", "egress.ip-permission.group-id"] {
            groups.extend(self.groups(vec![filter::filter(name, [group.as_str()])]).await?.into_keys());
        }
        groups.remove(group);
        Ok(self
            .rules(&groups)
            .await?
            .into_iter()
            .filter(|rule| {
                let referenced = rule.referenced_group_info.as_ref().and_then(|info| info.group_id.as_deref());
                referenced == Some(group.as_str())
            })
            .filter_map(|rule| {
                let direction = if rule.is_egress == Some(true) { "egress" } else { "ingress" };
                Some(format!("{} ({direction} {})", rule.group_id?, rule.security_group_rule_id?))
            })
            .collect())
    }
}

/// Returns one `IpPermission` for each protocol and port, with all its ranges.
fn ip_permissions(permissions: &BTreeMap<Permission, String>) -> Vec<IpPermission> {
    let ports: BTreeSet<(Protocol, u16)> = permissions.keys().map(|rule| (rule.protocol, rule.port)).collect();
    ports
        .into_iter()
        .map(|(protocol, port)| {
            let ranges = permissions
                .iter()
                .filter(|(rule, _)| (rule.protocol, rule.port) == (protocol, port))
                .map(|(rule, text)| IpRange::builder().cidr_ip(rule.source.to_string()).description(text).build())
                .collect();
            IpPermission::builder()
                .ip_protocol(protocol.as_str())
                .from_port(port.into())
                .to_port(port.into())
                .set_ip_ranges(Some(ranges))
                .build()
        })
        .collect()
}

fn read(rule: types::SecurityGroupRule) -> Rule {
    let (permission, traffic) = (permission(&rule), traffic(&rule));
    let text = permission.map_or_else(|| describe(&rule), |permission| permission.to_string());
    Rule {
        id: rule.security_group_rule_id.map(Into::into),
        permission,
        traffic,
        description: rule.description.unwrap_or_default(),
        text,
    }
}

/// Returns the rule as a permission if this operator could have written it: one TCP or UDP port from one IPv4 range.
fn permission(rule: &types::SecurityGroupRule) -> Option<Permission> {
    let protocol = rule.ip_protocol.as_deref()?;
    let protocol = [Protocol::Tcp, Protocol::Udp].into_iter().find(|known| known.as_str() == protocol)?;
    let port = rule.from_port.filter(|port| rule.to_port == Some(*port))?;
    let source: Ipv4Net = rule.cidr_ipv4.as_deref()?.parse().ok()?;
    Some(Permission { protocol, port: port.try_into().ok()?, source: source.trunc() })
}

/// Returns the traffic that the rule allows, whatever its form. Ports of other protocols do not matter here.
fn traffic(rule: &types::SecurityGroupRule) -> Traffic {
    let nothing = (1, 0);
    let all = (0, u16::MAX);
    let port = |port: Option<i32>| port.and_then(|port| u16::try_from(port).ok());
    let listed = match (port(rule.from_port), port(rule.to_port)) {
        (Some(from), Some(to)) => (from, to),
        (None, _) | (_, None) => all,
    };
    let known = [Protocol::Tcp, Protocol::Udp];
    let (protocol, ports) = match rule.ip_protocol.as_deref() {
        None | Some("-1") => (None, all),
        Some(text) => match known.into_iter().find(|known| known.as_str() == text) {
            Some(protocol) => (Some(protocol), listed),
            None => (None, nothing),
        },
    };
    let range =
        rule.cidr_ipv4.as_deref().and_then(|text| text.parse::<Ipv4Net>().ok()).map(|range| Peer::Range(range.trunc()));
    let list = || rule.prefix_list_id.as_deref().map(|id| Peer::PrefixList(id.into()));
    let group = || rule.referenced_group_info.as_ref().and_then(|info| info.group_id.clone()).map(Peer::Group);
    Traffic { protocol, ports, peer: range.or_else(list).or_else(group).unwrap_or(Peer::Other) }
}

/// Describes any other rule for users.
fn describe(rule: &types::SecurityGroupRule) -> String {
    let protocol = match rule.ip_protocol.as_deref() {
        None | Some("-1") => "all traffic",
        Some(protocol) => protocol,
    };
    let ports = match (rule.from_port, rule.to_port) {
        (Some(-1) | None, _) | (_, None) => String::new(),
        (Some(from), Some(to)) if from == to => format!(" {from}"),
        (Some(from), Some(to)) => format!(" {from}-{to}"),
    };
    let group = rule.referenced_group_info.as_ref().and_then(|group| group.group_id.as_deref());
    let source = rule.cidr_ipv4.as_deref().or(rule.cidr_ipv6.as_deref()).or(rule.prefix_list_id.as_deref()).or(group);
    format!("{protocol}{ports} from {}", source.unwrap_or("an unknown source"))
}

#[cfg(test)]
mod tests {
    use aws_sdk_ec2::types::{ReferencedSecurityGroup, SecurityGroupRule};

    use super::*;

    fn rule(protocol: &str, from: i32, to: i32) -> types::builders::SecurityGroupRuleBuilder {
        SecurityGroupRule::builder().security_group_rule_id("sgr-1").ip_protocol(protocol).from_port(from).to_port(to)
    }

    #[test]
    fn a_rule_in_the_operators_form_is_normalized() {
        let rule = read(rule("tcp", 443, 443).cidr_ipv4("10.1.2.3/16").description("mgnet: VPC").build());
        let source = "10.1.0.0/16".parse().expect("a range");
        assert_eq!(rule.permission, Some(Permission { protocol: Protocol::Tcp, port: 443, source }));
        assert_eq!(rule.text, "tcp 443 from 10.1.0.0/16");
        assert_eq!(rule.description, "mgnet: VPC");
    }

    #[test]
    fn a_rule_in_another_form_is_described_and_never_owned() {
        let group = ReferencedSecurityGroup::builder().group_id("sg-9").build();
        for (rule, text) in [
            (rule("-1", -1, -1).cidr_ipv4("0.0.0.0/0"), "all traffic from 0.0.0.0/0"),
            (rule("tcp", 1, 1024).cidr_ipv4("10.0.0.0/8"), "tcp 1-1024 from 10.0.0.0/8"),
            (rule("tcp", 443, 443).cidr_ipv6("::/0"), "tcp 443 from ::/0"),
            (rule("udp", 53, 53).prefix_list_id("pl-1"), "udp 53 from pl-1"),
            (rule("tcp", 22, 22).referenced_group_info(group), "tcp 22 from sg-9"),
            (rule("icmp", 8, -1).cidr_ipv4("10.0.0.0/8"), "icmp 8--1 from 10.0.0.0/8"),
        ] {
            let rule = read(rule.build());
            assert_eq!((rule.permission, rule.text.as_str()), (None, text));
        }
    }

    #[test]
    fn the_ranges_of_one_port_share_one_permission() {
        let permission =
            |protocol, port, source: &str| Permission { protocol, port, source: source.parse().expect("a range") };
        let wanted = BTreeMap::from([
            (permission(Protocol::Tcp, 53, "10.0.0.0/8"), "a".to_owned()),
            (permission(Protocol::Tcp, 53, "192.168.0.0/16"), "b".to_owned()),
            (permission(Protocol::Udp, 53, "10.0.0.0/8"), "c".to_owned()),
        ]);
        let sent: Vec<(String, usize)> = ip_permissions(&wanted)
            .into_iter()
            .map(|permission| (permission.ip_protocol().unwrap_or_default().to_owned(), permission.ip_ranges().len()))
            .collect();
        assert_eq!(sent, [("tcp".to_owned(), 2), ("udp".to_owned(), 1)]);
    }
}
