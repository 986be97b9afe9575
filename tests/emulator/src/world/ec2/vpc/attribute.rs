//! The changeable attributes of a VPC: its DNS attributes, set by ModifyVpcAttribute and read by
//! DescribeVpcAttribute, and its tenancy, set by ModifyVpcTenancy.
#![allow(missing_docs, reason = "fields carry the names of the EC2 API Reference, which documents them")]

use serde::{Deserialize, Serialize};

use crate::world::{
    Context,
    action::{Action, DONE, Done, Service},
    error::AwsError,
    ids::VpcId,
};

/// Sets one attribute of a VPC.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct ModifyVpcAttribute {
    pub vpc_id: String,
    pub enable_dns_support: Option<Flag>,
    pub enable_dns_hostnames: Option<Flag>,
}

/// A boolean attribute in a request.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Flag {
    pub value: bool,
}

impl Action for ModifyVpcAttribute {
    const SERVICE: Service = Service::Ec2;
    const NAME: &'static str = "ModifyVpcAttribute";
    type Answer = Done;

    fn run(self, context: &mut Context<'_>) -> Result<Done, AwsError> {
        let (id, vpc) = context.own(|region| &region.vpcs, &self.vpc_id, Self::NAME)?;
        let (support, hostnames) = (vpc.dns_support, vpc.dns_hostnames);
        // Source: EC2 API Reference, ModifyVpcAttribute: "You cannot modify the DNS resolution and DNS hostnames
        // attributes in the same request." The code is ASSUMED (`ASSUMPTIONS.md`, "Codes").
        let (support, hostnames) = match (self.enable_dns_support, self.enable_dns_hostnames) {
            (Some(_), Some(_)) => {
                return Err(AwsError::new(
                    "InvalidParameterCombination",
                    "Fields for multiple attribute types specified",
                ));
            }
            (None, None) => {
                return Err(AwsError::new("InvalidParameterCombination", "No attributes specified."));
            }
            (Some(flag), None) => (flag.value, hostnames),
            (None, Some(flag)) => (support, flag.value),
        };
        let sight = context.sight();
        if let Some(vpc) = context.region_mut().vpcs.change(&id, sight) {
            vpc.dns_support = support;
            vpc.dns_hostnames = hostnames;
        }
        Ok(DONE)
    }
}

/// Changes the tenancy of a VPC to `default`: new instances run on shared hardware.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct ModifyVpcTenancy {
    pub vpc_id: String,
    pub instance_tenancy: String,
}

impl Action for ModifyVpcTenancy {
    const SERVICE: Service = Service::Ec2;
    const NAME: &'static str = "ModifyVpcTenancy";
    type Answer = Done;

    fn run(self, context: &mut Context<'_>) -> Result<Done, AwsError> {
        let (id, _) = context.own(|region| &region.vpcs, &self.vpc_id, Self::NAME)?;
        // Source: EC2 API Reference, ModifyVpcTenancy: "You can change the instance tenancy attribute of a VPC to default only."
        // The code is ASSUMED (`ASSUMPTIONS.md`, "Codes").
        if self.instance_tenancy != "default" {
            return Err(AwsError::value(format!("Invalid value '{}' for InstanceTenancy.", self.instance_tenancy)));
        }
        if let Some(vpc) = context.region_mut().vpcs.get_mut(&id) {
            vpc.tenancy = self.instance_tenancy;
        }
        Ok(DONE)
    }
}

/// Reads one attribute of a VPC.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct DescribeVpcAttribute {
    pub vpc_id: String,
    pub attribute: Attribute,
}

/// The attributes of a VPC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Attribute {
    EnableDnsSupport,
    EnableDnsHostnames,
    EnableNetworkAddressUsageMetrics,
}

/// The requested attribute.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct VpcAttribute {
    pub vpc_id: VpcId,
    pub enable_dns_support: Option<FlagItem>,
    pub enable_dns_hostnames: Option<FlagItem>,
    pub enable_network_address_usage_metrics: Option<FlagItem>,
}

/// A boolean attribute in an answer.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct FlagItem {
    pub value: bool,
}

impl Action for DescribeVpcAttribute {
    const SERVICE: Service = Service::Ec2;
    const NAME: &'static str = "DescribeVpcAttribute";
    type Answer = VpcAttribute;

    fn run(self, context: &mut Context<'_>) -> Result<VpcAttribute, AwsError> {
        let seen = context.see(|region| &region.vpcs, &self.vpc_id)?;
        let vpc = seen.row.as_ref();
        let only = |attribute, value| (self.attribute == attribute).then_some(FlagItem { value });
        Ok(VpcAttribute {
            enable_dns_support: only(Attribute::EnableDnsSupport, vpc.dns_support),
            enable_dns_hostnames: only(Attribute::EnableDnsHostnames, vpc.dns_hostnames),
            enable_network_address_usage_metrics: only(Attribute::EnableNetworkAddressUsageMetrics, false),
            vpc_id: vpc.id.clone(),
        })
    }
}
