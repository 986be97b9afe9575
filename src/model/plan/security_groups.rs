//! Plans the network's security groups and their rules.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Blocker, Planner,
    step::{CreateRequest, Step},
};
use crate::model::{
    desired::DesiredGroup,
    ids::{SecurityGroupId, SecurityGroupRuleId},
    ingress::{RULE_MARK, RULES_PER_GROUP},
    observed::Permission,
    slot::{GroupRole, Slot},
};

/// The next change of a security group's rules.
enum RuleChange {
    Authorize(BTreeMap<Permission, String>),
    Revoke(BTreeMap<SecurityGroupRuleId, Permission>),
}

/// Returns the next change of a group with this number of rules. Rules are granted before stale ones are revoked. If the
/// group has no room for all missing rules, it gets as many as fit, and then one stale rule makes room for each other one.
fn next_change(
    rules: usize,
    missing: BTreeMap<Permission, String>,
    stale: BTreeMap<SecurityGroupRuleId, Permission>,
) -> Option<RuleChange> {
    let room = RULES_PER_GROUP.saturating_sub(rules);
    if missing.is_empty() {
        (!stale.is_empty()).then_some(RuleChange::Revoke(stale))
    } else if missing.len() <= room || stale.is_empty() {
        // Only AWS knows whether the quota was raised.
        Some(RuleChange::Authorize(missing))
    } else if room > 0 {
        Some(RuleChange::Authorize(missing.into_iter().take(room).collect()))
    } else {
        Some(RuleChange::Revoke(stale.into_iter().take(missing.len()).collect()))
    }
}

impl Planner<'_> {
    /// Plans a security group and its rules.
    pub(super) fn group(&mut self, role: GroupRole, wanted: &DesiredGroup) {
        let slot = Slot::Group(role);
        let identity = &self.desired.identity;
        let Some(id) = self.resources.group(identity, role) else {
            let foreign = self.resources.groups.iter().find(|(_, group)| group.name == wanted.name);
            if let Some((id, _)) = foreign {
                let id = id.to_string();
                return self.block(Blocker::NotOwned { slot, id });
            }
            let vpc = self.desired.vpc.clone();
            let (name, description) = (wanted.name.clone(), wanted.description.to_owned());
            return self.create(slot, |tags| CreateRequest::SecurityGroup { vpc, name, description, tags });
        };
        let Some(group) = self.resources.groups.get(&id) else { return };
        let present: BTreeSet<_> = group.ingress.iter().filter_map(|rule| rule.permission).collect();
        let missing: BTreeMap<_, _> = wanted
            .ingress
            .iter()
            .filter(|(permission, _)| !present.contains(permission))
            .map(|(permission, description)| (*permission, description.clone()))
            .collect();
        let stale: BTreeMap<_, _> = group
            .ingress
            .iter()
            .filter(|rule| rule.description.starts_with(RULE_MARK))
            .filter_map(|rule| Some((rule.id.clone()?, rule.permission?)))
            .filter(|(_, permission)| !wanted.ingress.contains_key(permission))
            .collect();
        self.plan.steps.extend(match next_change(group.ingress.len(), missing, stale) {
            Some(RuleChange::Authorize(permissions)) => Some(Step::AuthorizeIngress { role, group: id, permissions }),
            Some(RuleChange::Revoke(rules)) => Some(Step::RevokeIngress { role, group: id, rules }),
            None => None,
        });
    }

    /// Returns the security group of a role when all desired rules are in place.
    pub(super) fn ready_group(&self, role: GroupRole) -> Option<SecurityGroupId> {
        let id = self.resources.group(&self.desired.identity, role)?;
        let wanted = self.desired.groups.get(&role)?;
        let present: BTreeSet<_> =
            self.resources.groups.get(&id)?.ingress.iter().filter_map(|rule| rule.permission).collect();
        wanted.ingress.keys().all(|permission| present.contains(permission)).then_some(id)
    }

    /// Returns the security groups for interface endpoints when all desired rules are in place. The preflight has
    /// already checked the rules of existing groups.
    pub(super) fn endpoint_groups(&self) -> Option<BTreeSet<SecurityGroupId>> {
        match self.desired.existing_groups.get(&GroupRole::Endpoints) {
            Some(ids) => Some(ids.clone()),
            None => self.ready_group(GroupRole::Endpoints).map(|id| BTreeSet::from([id])),
        }
    }
}
