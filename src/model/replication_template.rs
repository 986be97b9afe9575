//! Compares the replication templates of MGN with a network, for the condition `ReplicationTemplateReady`.
//!
//! The condition never affects another one, because the operator does not manage the templates: it reads them only if its
//! role may. MGN has one template in each account and Region. If there are several, each must fit, because AWS does not
//! document which of them MGN applies to a new source server.

use std::collections::BTreeSet;

use super::{
    desired::Desired,
    ids::{SecurityGroupId, SubnetId, VpcId, join},
    observed::{
        Observed,
        replication_template::{ReplicationTemplate, ReplicationTemplates, Routing},
    },
    settings::ReplicationGroup,
    slot::GroupRole,
};
use crate::api::{
    ConditionStatus::{False, True},
    Reason,
    conditions::State,
};

/// What a reconcile knows about the condition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum TemplateReport {
    /// Nothing new: the condition stays as it was.
    #[default]
    Unchanged,
    /// The network has no such condition.
    Absent,
    /// The condition.
    Known(State),
}

/// Compares the templates with a network.
pub fn report(replication: &ReplicationGroup, desired: &Desired, observed: &Observed) -> TemplateReport {
    let templates = match &observed.replication_templates {
        ReplicationTemplates::Unread => return TemplateReport::Unchanged,
        ReplicationTemplates::NotPermitted => return TemplateReport::Absent,
        ReplicationTemplates::Read(templates) => templates,
    };
    if templates.is_empty() {
        let message = "AWS Application Migration Service is not initialized in the account and Region, so no agent can be \
                       installed; initialize it, and create the replication template, in its console or with \
                       InitializeService and CreateReplicationConfigurationTemplate";
        return TemplateReport::Known((False, Reason::MgnNotInitialized, message.to_owned()));
    }
    let network = Network {
        vpc: &desired.vpc,
        staging: &desired.subnets.staging,
        groups: observed.resources.groups.keys().collect(),
        group: ExpectedGroup::of(replication, desired, observed),
    };
    let unfit: Vec<String> = templates.iter().filter_map(|template| network.contradictions(template)).collect();
    TemplateReport::Known(if unfit.is_empty() {
        let ids = join(templates.iter().map(|template| &template.id));
        (True, Reason::TemplateFits, format!("replication template {ids} fits the network"))
    } else {
        let message = format!("{}; change it with UpdateReplicationConfigurationTemplate", unfit.join("; "));
        (False, Reason::TemplateUnfit, message)
    })
}

/// Compares the templates with the security groups that are deleted with a network. MGN keeps the IDs of deleted groups, and
/// then launches no replication servers.
pub fn report_of_deletion(templates: &ReplicationTemplates, groups: &BTreeSet<SecurityGroupId>) -> TemplateReport {
    let templates = match templates {
        ReplicationTemplates::Unread => return TemplateReport::Unchanged,
        ReplicationTemplates::NotPermitted => return TemplateReport::Absent,
        ReplicationTemplates::Read(templates) => templates,
    };
    let stale: Vec<String> = templates
        .iter()
        .filter_map(|template| {
            let group = template.groups.intersection(groups).next()?;
            Some(format!(
                "replication template {} names {group} in `replicationServersSecurityGroupsIDs`, which is deleted with the \
                 network, so that MGN cannot launch replication servers; change it with \
                 UpdateReplicationConfigurationTemplate",
                template.id
            ))
        })
        .collect();
    if stale.is_empty() {
        TemplateReport::Absent
    } else {
        TemplateReport::Known((False, Reason::Deleting, stale.join("; ")))
    }
}

/// The security groups that a template must have.
enum ExpectedGroup {
    /// MGN's own group.
    OfMgn,
    /// This group, and not MGN's own. `mode` is that of `spec.replication.securityGroup`.
    Named { mode: &'static str, id: SecurityGroupId },
    /// A group that the operator has not created yet.
    NotCreated,
}

impl ExpectedGroup {
    fn of(replication: &ReplicationGroup, desired: &Desired, observed: &Observed) -> Self {
        match replication {
            ReplicationGroup::ServiceManaged => Self::OfMgn,
            ReplicationGroup::Managed => {
                let id = observed.resources.group(&desired.identity, GroupRole::Replication);
                id.map_or(Self::NotCreated, |id| Self::Named { mode: "Managed", id })
            }
            ReplicationGroup::Existing(id) => Self::Named { mode: "Existing", id: id.clone() },
        }
    }
}

/// What a network expects of a template.
struct Network<'a> {
    vpc: &'a VpcId,
    staging: &'a BTreeSet<SubnetId>,
    /// All groups of the VPC.
    groups: BTreeSet<&'a SecurityGroupId>,
    group: ExpectedGroup,
}

impl Network<'_> {
    /// Returns everything in which a template contradicts the network, in one text. `None` if it fits.
    fn contradictions(&self, template: &ReplicationTemplate) -> Option<String> {
        let mut found = Vec::new();
        if let Some(Routing::Other(routing)) = &template.routing {
            found.push(format!("`dataPlaneRouting` must be 'PRIVATE_IP', but is '{routing}'"));
        }
        if template.creates_public_ip == Some(true) {
            found.push("`createPublicIP` must be false".to_owned());
        }
        // "Use private IP" does not work with IPv6 (MGN User Guide, "Replication template reference").
        if template.is_ipv6 {
            found.push("`internetProtocol` must be 'IPV4'".to_owned());
        }
        let is_elsewhere = template.vpc.as_ref().is_some_and(|vpc| vpc != self.vpc);
        found.extend(self.subnet(template));
        // The groups of a template for another VPC are in that VPC.
        if !is_elsewhere {
            found.extend(self.groups(template));
        }
        (!found.is_empty()).then(|| format!("replication template {}: {}", template.id, found.join("; ")))
    }

    fn subnet(&self, template: &ReplicationTemplate) -> Option<String> {
        let subnet = template.subnet.as_ref().filter(|subnet| !self.staging.contains(*subnet))?;
        let problem = match &template.vpc {
            None => "does not exist",
            Some(vpc) if vpc == self.vpc => "is not one of them",
            // The other VPC may be that of another tenant.
            Some(_) => "is in another VPC",
        };
        let staging = join(self.staging);
        Some(format!(
            "`stagingAreaSubnetId` must be a staging subnet of the network ({staging}), but {subnet} {problem}"
        ))
    }

    fn groups(&self, template: &ReplicationTemplate) -> Vec<String> {
        let mut found = Vec::new();
        match &self.group {
            ExpectedGroup::OfMgn => {
                if template.has_default_group == Some(false) {
                    found.push(default_group(true, "ServiceManaged"));
                }
            }
            ExpectedGroup::Named { mode, id } => {
                // MGN's own group admits TCP 1500 from everywhere.
                if template.has_default_group == Some(true) {
                    found.push(default_group(false, mode));
                }
                if !template.groups.contains(id) {
                    found.push(format!("`replicationServersSecurityGroupsIDs` must contain {id}"));
                }
            }
            ExpectedGroup::NotCreated => found.push(
                "`replicationServersSecurityGroupsIDs` must contain the network's replication group, which does not exist yet"
                    .to_owned(),
            ),
        }
        let missing: Vec<_> = template.groups.iter().filter(|id| !self.groups.contains(id)).collect();
        if !missing.is_empty() {
            let (missing, vpc) = (join(missing), self.vpc);
            found.push(format!(
                "`replicationServersSecurityGroupsIDs` must contain only groups of {vpc}, but {missing} does not exist there"
            ));
        }
        found
    }
}

fn default_group(wanted: bool, mode: &str) -> String {
    format!(
        "`associateDefaultSecurityGroup` must be {wanted}, because `spec.replication.securityGroup.mode` is '{mode}'"
    )
}
