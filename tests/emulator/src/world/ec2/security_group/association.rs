//! Associations of security groups with further VPCs: AssociateSecurityGroupVpc, DisassociateSecurityGroupVpc,
//! DescribeSecurityGroupVpcAssociations.
//!
//! Source: VPC User Guide, "Associate security groups with multiple VPCs": the VPC is in the same Region, and the group is not
//! a default group. The transitions (`associating`, `disassociating`) are ASSUMED to take no time (`ASSUMPTIONS.md`).
#![allow(missing_docs, reason = "fields carry the names of the EC2 API Reference, which documents them")]

use serde::{Deserialize, Serialize};

use super::SecurityGroup;
use crate::world::{
    Context, Region,
    action::{Action, Service},
    error::AwsError,
    filters::{self, Filter, Filterable, TagFilters},
    ids::{SecurityGroupId, VpcId},
    paging::Paging,
    tags::Tags,
};

/// Associates a group with a further VPC.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct AssociateSecurityGroupVpc {
    pub group_id: String,
    pub vpc_id: String,
}

/// The state of the association.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AssociationState {
    pub state: &'static str,
}

impl Action for AssociateSecurityGroupVpc {
    const SERVICE: Service = Service::Ec2;
    const NAME: &'static str = "AssociateSecurityGroupVpc";
    type Answer = AssociationState;

    fn run(self, context: &mut Context<'_>) -> Result<AssociationState, AwsError> {
        let (id, vpc) = find(context, &self.group_id, &self.vpc_id)?;
        if let Some(group) = context.region_mut().security_groups.get_mut(&id) {
            if group.is_default() || group.vpc == vpc {
                return Err(AwsError::parameter(format!("The security group {id} cannot be associated with {vpc}.")));
            }
            group.further_vpcs.insert(vpc);
        }
        Ok(AssociationState { state: "associated" })
    }
}

/// Ends the association of a group with a further VPC.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct DisassociateSecurityGroupVpc {
    pub group_id: String,
    pub vpc_id: String,
}

impl Action for DisassociateSecurityGroupVpc {
    const SERVICE: Service = Service::Ec2;
    const NAME: &'static str = "DisassociateSecurityGroupVpc";
    type Answer = AssociationState;

    fn run(self, context: &mut Context<'_>) -> Result<AssociationState, AwsError> {
        let (id, vpc) = find(context, &self.group_id, &self.vpc_id)?;
        let group = context.region_mut().security_groups.get_mut(&id);
        if !group.is_some_and(|group| group.further_vpcs.remove(&vpc)) {
            return Err(AwsError::parameter(format!("The security group {id} is not associated with {vpc}.")));
        }
        Ok(AssociationState { state: "disassociated" })
    }
}

fn find(context: &Context<'_>, group: &str, vpc: &str) -> Result<(SecurityGroupId, VpcId), AwsError> {
    let (id, _) = context.region().security_groups.find(group, context.sight())?;
    let (vpc, _) = context.region().vpcs.find(vpc, context.sight())?;
    Ok((id, vpc))
}

/// Lists associations.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct DescribeSecurityGroupVpcAssociations {
    #[serde(default)]
    pub filter: Vec<Filter>,
    pub max_results: Option<i32>,
    pub next_token: Option<String>,
}

/// The matching associations.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Associations {
    #[serde(rename = "securityGroupVpcAssociationSet")]
    pub associations: Vec<AssociationItem>,
    pub next_token: Option<String>,
}

/// An association in the format of EC2.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AssociationItem {
    pub group_id: SecurityGroupId,
    pub vpc_id: VpcId,
    pub vpc_owner_id: String,
    pub state: &'static str,
    pub group_owner_id: String,
}

/// An association with its group.
struct Row<'a> {
    group: &'a SecurityGroup,
    vpc: &'a VpcId,
    key: String,
}

impl Filterable for Row<'_> {
    const FILTERS: &'static [&'static str] = &["group-id", "group-owner-id", "state", "vpc-id", "vpc-owner-id"];
    const TAGS: TagFilters = TagFilters::None;

    fn values(&self, filter: &str, _: &Region) -> Vec<String> {
        match filter {
            "group-id" => vec![self.group.id.to_string()],
            "group-owner-id" | "vpc-owner-id" => vec![self.group.owner.clone()],
            "state" => vec!["associated".to_owned()],
            "vpc-id" => vec![self.vpc.to_string()],
            _ => Vec::new(),
        }
    }

    fn tags(&self) -> Option<&Tags> {
        None
    }
}

impl Action for DescribeSecurityGroupVpcAssociations {
    const SERVICE: Service = Service::Ec2;
    const NAME: &'static str = "DescribeSecurityGroupVpcAssociations";
    type Answer = Associations;

    fn run(self, context: &mut Context<'_>) -> Result<Associations, AwsError> {
        filters::check::<Row<'_>>(&self.filter)?;
        let region = context.region();
        let groups = region.security_groups.listed(context.sight());
        let rows = groups.flat_map(|(id, group)| {
            group.further_vpcs.iter().map(move |vpc| Row { group, vpc, key: format!("{id} {vpc}") })
        });
        let mut rows: Vec<Row<'_>> = rows.filter(|row| filters::matches(row, &self.filter, region)).collect();
        rows.sort_by(|a, b| a.key.cmp(&b.key));
        let (page, next_token) = Paging::ec2(Self::NAME).cut(
            rows,
            |row| row.key.as_str(),
            self.max_results,
            self.next_token.as_deref(),
            context.options.max_page,
        )?;
        let item = |row: Row<'_>| AssociationItem {
            group_id: row.group.id.clone(),
            vpc_id: row.vpc.clone(),
            vpc_owner_id: row.group.owner.clone(),
            state: "associated",
            group_owner_id: row.group.owner.clone(),
        };
        Ok(Associations { associations: page.into_iter().map(item).collect(), next_token })
    }
}
