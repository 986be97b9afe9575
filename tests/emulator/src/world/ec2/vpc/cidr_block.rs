//! The blocks of a VPC: AssociateVpcCidrBlock and DisassociateVpcCidrBlock. IPv6 blocks cannot be removed.
#![allow(missing_docs, reason = "fields carry the names of the EC2 API Reference, which documents them")]

use std::{net::Ipv6Addr, time::Duration};

use ipnet::{Ipv4Net, Ipv6Net};
use serde::{Deserialize, Serialize};

use super::Vpc;
use crate::world::{
    Context,
    action::{Action, Service},
    address::parse_block,
    error::AwsError,
    ids::{ResourceId, VpcCidrAssociationId, VpcId, hash},
};

/// A block of a VPC.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CidrAssociation {
    pub association_id: VpcCidrAssociationId,
    pub cidr_block: String,
    pub cidr_block_state: CidrState,
}

/// The state of a block.
#[derive(Clone, Debug, Serialize)]
pub struct CidrState {
    pub state: &'static str,
}

impl CidrAssociation {
    fn new(id: &VpcCidrAssociationId, block: Ipv4Net, state: &'static str) -> Self {
        let cidr_block_state = CidrState { state };
        Self { association_id: id.clone(), cidr_block: block.to_string(), cidr_block_state }
    }
}

/// Returns the blocks of a VPC in the format of EC2. Removed blocks are listed for a while. Source: hashicorp/terraform
/// issue 12895, for an IPv6 block.
pub(super) fn listed(vpc: &Vpc, now: Duration) -> Vec<CidrAssociation> {
    let blocks = vpc.cidrs.iter().map(|(id, block)| CidrAssociation::new(id, *block, "associated"));
    let removed = vpc.removed_cidrs.iter().filter(|(_, (_, until))| now < *until);
    blocks.chain(removed.map(|(id, (block, _))| CidrAssociation::new(id, *block, "disassociated"))).collect()
}

/// Adds a block to a VPC.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct AssociateVpcCidrBlock {
    pub vpc_id: String,
    pub cidr_block: Option<String>,
    pub amazon_provided_ipv6_cidr_block: Option<bool>,
}

/// The added block.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CidrAssociated {
    pub vpc_id: VpcId,
    pub cidr_block_association: Option<CidrAssociation>,
    pub ipv6_cidr_block_association: Option<Ipv6Association>,
}

/// An IPv6 block of a VPC or a subnet.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Ipv6Association {
    pub association_id: String,
    pub ipv6_cidr_block: String,
    pub ipv6_cidr_block_state: CidrState,
}

impl Ipv6Association {
    /// Returns the block of a VPC or a subnet; it has at most one.
    pub(crate) fn of(owner: &impl ResourceId, block: Ipv6Net, state: &'static str) -> Self {
        let digits = owner.as_str().rsplit('-').next().unwrap_or_default();
        let kind = owner.as_str().split('-').next().unwrap_or_default();
        Self {
            association_id: format!("{kind}-cidr-assoc-{digits}"),
            ipv6_cidr_block: block.to_string(),
            ipv6_cidr_block_state: CidrState { state },
        }
    }
}

impl Action for AssociateVpcCidrBlock {
    const SERVICE: Service = Service::Ec2;
    const NAME: &'static str = "AssociateVpcCidrBlock";
    type Answer = CidrAssociated;

    fn run(self, context: &mut Context<'_>) -> Result<CidrAssociated, AwsError> {
        let (vpc_id, vpc) = context.own(|region| &region.vpcs, &self.vpc_id, Self::NAME)?;
        let Some(block) = &self.cidr_block else {
            if self.amazon_provided_ipv6_cidr_block != Some(true) {
                return Err(AwsError::missing("CidrBlock"));
            }
            // The blocks of the emulator are documentation prefixes. A second request returns the same block.
            let number = hash(vpc_id.as_str()) & 0xff_ffff;
            let block = Ipv6Net::new_assert(Ipv6Addr::from(0x2001_0db8_u128 << 96 | u128::from(number) << 72), 56);
            let association = Ipv6Association::of(&vpc_id, block, "associating");
            if let Some(vpc) = context.region_mut().vpcs.get_mut(&vpc_id) {
                vpc.ipv6 = Some(block);
            }
            return Ok(CidrAssociated {
                vpc_id,
                cidr_block_association: None,
                ipv6_cidr_block_association: Some(association),
            });
        };
        let block = parse_block(block, "InvalidVpc.Range")?;
        // Source: VPC User Guide, "VPC CIDR blocks": blocks of a VPC must not overlap; five IPv4 blocks by default.
        if vpc.cidrs.values().any(|cidr| cidr.contains(&block) || block.contains(cidr)) {
            let message = format!("The CIDR '{block}' conflicts with another block of {vpc_id}");
            return Err(AwsError::new("InvalidVpc.Range", message));
        }
        if vpc.cidrs.len() >= 5 {
            let message = format!("The maximum number of CIDR blocks has been reached for {vpc_id}");
            return Err(AwsError::new("CidrLimitExceeded", message));
        }
        let region = context.region_mut();
        let association_id: VpcCidrAssociationId = region.ids.mint();
        if let Some(vpc) = region.vpcs.get_mut(&vpc_id) {
            vpc.cidrs.insert(association_id.clone(), block);
        }
        let cidr_block_association = Some(CidrAssociation::new(&association_id, block, "associating"));
        Ok(CidrAssociated { vpc_id, cidr_block_association, ipv6_cidr_block_association: None })
    }
}

/// Removes an IPv4 block from a VPC.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct DisassociateVpcCidrBlock {
    pub association_id: String,
}

/// The removed block.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CidrDisassociated {
    pub vpc_id: VpcId,
    pub cidr_block_association: CidrAssociation,
}

impl Action for DisassociateVpcCidrBlock {
    const SERVICE: Service = Service::Ec2;
    const NAME: &'static str = "DisassociateVpcCidrBlock";
    type Answer = CidrDisassociated;

    fn run(self, context: &mut Context<'_>) -> Result<CidrDisassociated, AwsError> {
        let id = VpcCidrAssociationId::parse(&self.association_id)?;
        let region = context.region();
        let vpc = region.vpcs.values().find(|vpc| vpc.cidrs.contains_key(&id)).ok_or_else(|| id.not_found())?;
        let (vpc_id, block) = (vpc.id.clone(), vpc.cidrs[&id]);
        // Source: EC2 API Reference, DisassociateVpcCidrBlock: not the block of the creation. The code and text are ASSUMED
        // (`ASSUMPTIONS.md`, "Codes").
        if block == vpc.cidr {
            let message = format!(
                "The vpc CIDR block with association ID {id} may not be disassociated. It is the primary IPv4 CIDR block of \
                 the VPC"
            );
            return Err(AwsError::new("OperationNotPermitted", message));
        }
        // Source: hashicorp/terraform-provider-aws issue 29077, which quotes AWS, for an IPv6 block.
        if region
            .subnets
            .values()
            .any(|subnet| subnet.vpc == vpc_id && subnet.cidr.is_some_and(|cidr| block.contains(&cidr)))
        {
            let message = format!("The vpc {vpc_id} currently has a subnet within CIDR block {block}");
            return Err(AwsError::new("InvalidCidrBlock.InUse", message));
        }
        let until = context.now() + context.options.delays.cidr_listed_disassociated;
        if let Some(vpc) = context.region_mut().vpcs.get_mut(&vpc_id) {
            vpc.cidrs.remove(&id);
            vpc.removed_cidrs.insert(id.clone(), (block, until));
        }
        Ok(CidrDisassociated { vpc_id, cidr_block_association: CidrAssociation::new(&id, block, "disassociating") })
    }
}
