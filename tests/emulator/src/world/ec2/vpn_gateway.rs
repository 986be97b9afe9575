//! Virtual private gateways: the AWS side of a VPN or AWS Direct Connect connection, attached to a VPC.
//!
//! The emulator has no VPN connections, so a gateway is only a target of routes.
#![allow(missing_docs, reason = "fields carry the names of the EC2 API Reference, which documents them")]

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::world::{
    Context, Region,
    action::{Action, DONE, Done, Service},
    error::AwsError,
    filters::{self, Filter, Filterable},
    ids::{ResourceId, VpcId, VpnGatewayId},
    table::Sight,
    tags::{self, TagItem, TagSpecification, Tags},
};

/// The only type. Source: aws-sdk-ec2, `GatewayType`.
const TYPE: &str = "ipsec.1";

/// A virtual private gateway.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct VpnGateway {
    pub id: VpnGatewayId,
    pub amazon_side_asn: i64,
    pub availability_zone: Option<String>,
    /// The VPC that the gateway is attached to, or was attached to last.
    pub attachment: Option<Attachment>,
    pub tags: Tags,
    /// The time when the gateway is no longer listed, if it is deleted.
    unlisted: Option<Duration>,
}

/// The attachment of a gateway to a VPC.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Attachment {
    pub vpc: VpcId,
    pub state: AttachmentState,
    due: Option<Duration>,
}

/// The states of an attachment. A detached one stays listed. Source: hashicorp/terraform pull request 6987.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum AttachmentState {
    Attaching,
    Attached,
    Detaching,
    Detached,
}

impl AttachmentState {
    /// Returns the value in AWS requests and answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Attaching => "attaching",
            Self::Attached => "attached",
            Self::Detaching => "detaching",
            Self::Detached => "detached",
        }
    }
}

impl VpnGateway {
    /// Whether the gateway is not deleted. A deleted gateway is only listed.
    pub fn exists(&self) -> bool {
        self.unlisted.is_none()
    }

    fn state(&self) -> &'static str {
        if self.exists() { "available" } else { "deleted" }
    }

    /// Returns the attachment, unless it is over.
    fn bound(&self) -> Option<&Attachment> {
        self.attachment.as_ref().filter(|attachment| attachment.state != AttachmentState::Detached)
    }

    /// Whether the gateway is attached to this VPC, or is being attached or detached.
    pub(crate) fn holds(&self, vpc: &VpcId) -> bool {
        self.bound().is_some_and(|attachment| attachment.vpc == *vpc)
    }

    /// Whether traffic of this VPC can pass through the gateway.
    pub(crate) fn is_attached_to(&self, vpc: &VpcId) -> bool {
        self.bound().is_some_and(|bound| bound.vpc == *vpc && bound.state == AttachmentState::Attached)
    }

    /// Returns the time of the next scheduled state change.
    pub(crate) fn due(&self) -> Option<Duration> {
        self.unlisted.into_iter().chain(self.attachment.as_ref().and_then(|attachment| attachment.due)).min()
    }

    fn item(&self) -> VpnGatewayItem {
        VpnGatewayItem {
            vpn_gateway_id: self.id.clone(),
            state: self.state(),
            gateway_type: TYPE,
            amazon_side_asn: self.amazon_side_asn,
            availability_zone: self.availability_zone.clone(),
            attachments: self.attachment.iter().map(Attachment::item).collect(),
            tags: Some(tags::items(&self.tags)),
        }
    }
}

impl Attachment {
    fn item(&self) -> AttachmentItem {
        AttachmentItem { vpc_id: self.vpc.clone(), state: self.state }
    }
}

impl Region {
    /// Executes the state changes of attachments that are due, and removes deleted gateways from the list.
    pub(crate) fn settle_vpn_gateways(&mut self, sight: Sight) {
        let mut forgotten = Vec::new();
        let mut detached = Vec::new();
        for (id, gateway) in self.vpn_gateways.iter_mut() {
            if let Some(at) = gateway.unlisted.filter(|at| *at <= sight.now) {
                forgotten.push((id.clone(), at));
            }
            let Some(attachment) = &mut gateway.attachment else { continue };
            if attachment.due.take_if(|due| *due <= sight.now).is_none() {
                continue;
            }
            attachment.state = match attachment.state {
                AttachmentState::Attaching | AttachmentState::Attached => AttachmentState::Attached,
                AttachmentState::Detaching | AttachmentState::Detached => {
                    detached.push(id.clone());
                    AttachmentState::Detached
                }
            };
        }
        // ASSUMED (`ASSUMPTIONS.md`, "Virtual private gateways"): propagation ends with the attachment.
        for (_, table) in self.route_tables.iter_mut() {
            table.propagating.retain(|id| !detached.contains(id));
        }
        for (id, at) in forgotten {
            self.vpn_gateways.remove(&id, Sight { now: at, ..sight });
        }
    }
}

/// Returns the gateway that a caller changes.
///
/// Source of the code for a deleted gateway: EC2 API Reference, "Error codes": "not in an available state".
fn usable<'c>(context: &'c Context<'_>, id: &str) -> Result<(VpnGatewayId, &'c VpnGateway), AwsError> {
    let (id, gateway) = context.region().vpn_gateways.find(id, context.sight())?;
    if gateway.exists() {
        return Ok((id, gateway));
    }
    let message = format!("The virtual private gateway {id} is not in an available state.");
    Err(AwsError::new("InvalidVpnGatewayState", message))
}

/// A gateway in the format of EC2.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct VpnGatewayItem {
    pub vpn_gateway_id: VpnGatewayId,
    pub state: &'static str,
    #[serde(rename = "type")]
    pub gateway_type: &'static str,
    pub amazon_side_asn: i64,
    pub availability_zone: Option<String>,
    pub attachments: Vec<AttachmentItem>,
    /// Absent in the answer of CreateVpnGateway for a gateway without tags, but empty in lists. Source: answers in the
    /// snapshots of LocalStack (2024-06), which were recorded from AWS.
    #[serde(rename = "tagSet")]
    pub tags: Option<Vec<TagItem>>,
}

/// An attachment in the format of EC2.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AttachmentItem {
    pub vpc_id: VpcId,
    pub state: AttachmentState,
}

/// Source of the filters: aws-sdk-ec2, `DescribeVpnGatewaysInput::filters`.
impl Filterable for VpnGateway {
    const FILTERS: &'static [&'static str] = &[
        "amazon-side-asn",
        "attachment.state",
        "attachment.vpc-id",
        "availability-zone",
        "state",
        "type",
        "vpn-gateway-id",
    ];

    fn values(&self, filter: &str, _: &Region) -> Vec<String> {
        let attachment = self.attachment.iter();
        match filter {
            "amazon-side-asn" => vec![self.amazon_side_asn.to_string()],
            "attachment.state" => attachment.map(|attachment| attachment.state.as_str().to_owned()).collect(),
            "attachment.vpc-id" => attachment.map(|attachment| attachment.vpc.to_string()).collect(),
            "availability-zone" => self.availability_zone.iter().cloned().collect(),
            "state" => vec![self.state().to_owned()],
            "type" => vec![TYPE.to_owned()],
            "vpn-gateway-id" => vec![self.id.to_string()],
            _ => Vec::new(),
        }
    }

    fn tags(&self) -> Option<&Tags> {
        Some(&self.tags)
    }
}

/// Creates a gateway without an attachment.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct CreateVpnGateway {
    #[serde(rename = "Type")]
    pub gateway_type: String,
    pub amazon_side_asn: Option<i64>,
    pub availability_zone: Option<String>,
    #[serde(default)]
    pub tag_specification: Vec<TagSpecification>,
}

/// The created gateway.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct VpnGatewayCreated {
    pub vpn_gateway: VpnGatewayItem,
}

impl Action for CreateVpnGateway {
    const SERVICE: Service = Service::Ec2;
    const NAME: &'static str = "CreateVpnGateway";
    type Answer = VpnGatewayCreated;

    fn run(self, context: &mut Context<'_>) -> Result<VpnGatewayCreated, AwsError> {
        if self.gateway_type != TYPE {
            return Err(AwsError::value(format!("Value ({}) for parameter type is invalid.", self.gateway_type)));
        }
        // Source: aws-sdk-ec2, `CreateVpnGatewayInput::amazon_side_asn`: private 16-bit or 32-bit numbers. Source of the
        // default, and of the state `available`: an answer of CreateVpnGateway in the snapshots of LocalStack (2024-06), which
        // were recorded from AWS.
        let amazon_side_asn = self.amazon_side_asn.unwrap_or(64_512);
        if !(64_512..=65_534).contains(&amazon_side_asn) && !(4_200_000_000..=4_294_967_294).contains(&amazon_side_asn)
        {
            return Err(AwsError::value(format!("Value ({amazon_side_asn}) for parameter amazonSideAsn is invalid.")));
        }
        let tags = tags::from_specifications(&self.tag_specification, "vpn-gateway")?;
        let existing = context.region().vpn_gateways.values().filter(|gateway| gateway.exists()).count();
        if existing >= context.options.quotas.vpn_gateways_per_region {
            let message = "The maximum number of virtual private gateways has been reached.";
            return Err(AwsError::new("VpnGatewayLimitExceeded", message));
        }
        let now = context.now();
        let region = context.region_mut();
        let gateway = VpnGateway {
            id: region.ids.mint(),
            amazon_side_asn,
            availability_zone: self.availability_zone,
            attachment: None,
            tags,
            unlisted: None,
        };
        let item = gateway.item();
        let item = VpnGatewayItem { tags: item.tags.filter(|tags| !tags.is_empty()), ..item };
        region.vpn_gateways.insert(gateway.id.clone(), gateway, now);
        Ok(VpnGatewayCreated { vpn_gateway: item })
    }
}

/// Attaches a gateway to a VPC.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct AttachVpnGateway {
    pub vpn_gateway_id: String,
    pub vpc_id: String,
}

/// The new attachment.
#[derive(Clone, Debug, Serialize)]
pub struct VpnGatewayAttached {
    pub attachment: AttachmentItem,
}

impl Action for AttachVpnGateway {
    const SERVICE: Service = Service::Ec2;
    const NAME: &'static str = "AttachVpnGateway";
    type Answer = VpnGatewayAttached;

    /// Source of the codes: EC2 API Reference, "Error codes"; of the text of `InvalidVpcState`:
    /// cloudposse/terraform-aws-vpn-connection issue 22.
    fn run(self, context: &mut Context<'_>) -> Result<VpnGatewayAttached, AwsError> {
        let (id, gateway) = usable(context, &self.vpn_gateway_id)?;
        let (vpc, _) = context.own(|region| &region.vpcs, &self.vpc_id, Self::NAME)?;
        if context.region().vpn_gateways.values().any(|other| other.holds(&vpc)) {
            let message = format!("VPC {vpc} is currently attached to the Virtual Private Gateway.");
            return Err(AwsError::new("InvalidVpcState", message));
        }
        if gateway.bound().is_some() {
            let message = "The maximum number of virtual private gateway attachments has been reached.";
            return Err(AwsError::new("VpnGatewayAttachmentLimitExceeded", message));
        }
        let due = context.now() + context.options.delays.vpn_gateway_attaching;
        let attachment = Attachment { vpc, state: AttachmentState::Attaching, due: Some(due) };
        let item = attachment.item();
        let region = context.region_mut();
        if let Some(gateway) = region.vpn_gateways.get_mut(&id) {
            gateway.attachment = Some(attachment);
        }
        region.schedule(due);
        Ok(VpnGatewayAttached { attachment: item })
    }
}

/// Detaches a gateway from its VPC.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct DetachVpnGateway {
    pub vpn_gateway_id: String,
    pub vpc_id: String,
}

impl Action for DetachVpnGateway {
    const SERVICE: Service = Service::Ec2;
    const NAME: &'static str = "DetachVpnGateway";
    type Answer = Done;

    fn run(self, context: &mut Context<'_>) -> Result<Done, AwsError> {
        let (id, gateway) = usable(context, &self.vpn_gateway_id)?;
        // Source: EC2 API Reference, "Error codes": "This error can also occur if you've specified an incorrect VPC ID".
        let Some(bound) = gateway.bound().filter(|bound| bound.vpc.as_str() == self.vpc_id) else {
            let message =
                format!("The attachment with vpn gateway ID '{id}' and vpc ID '{}' does not exist", self.vpc_id);
            return Err(AwsError::new("InvalidVpnGatewayAttachment.NotFound", message));
        };
        // ASSUMED (`ASSUMPTIONS.md`, "Virtual private gateways"): a repeated detachment succeeds and does not restart
        // the transition.
        if bound.state == AttachmentState::Detaching {
            return Ok(DONE);
        }
        let due = context.now() + context.options.delays.vpn_gateway_detaching;
        let region = context.region_mut();
        if let Some(attachment) = region.vpn_gateways.get_mut(&id).and_then(|gateway| gateway.attachment.as_mut()) {
            attachment.state = AttachmentState::Detaching;
            attachment.due = Some(due);
        }
        region.schedule(due);
        Ok(DONE)
    }
}

/// Deletes a gateway without an attachment.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct DeleteVpnGateway {
    pub vpn_gateway_id: String,
}

impl Action for DeleteVpnGateway {
    const SERVICE: Service = Service::Ec2;
    const NAME: &'static str = "DeleteVpnGateway";
    type Answer = Done;

    fn run(self, context: &mut Context<'_>) -> Result<Done, AwsError> {
        let (id, gateway) = usable(context, &self.vpn_gateway_id)?;
        // Source of the code and the text: hashicorp/terraform-provider-aws pull request 5831.
        if gateway.bound().is_some() {
            return Err(AwsError::new("IncorrectState", "The VPN gateway is in use."));
        }
        let unlisted = context.now() + context.options.delays.vpn_gateway_listed_deleted;
        let region = context.region_mut();
        if let Some(gateway) = region.vpn_gateways.get_mut(&id) {
            gateway.unlisted = Some(unlisted);
        }
        region.schedule(unlisted);
        Ok(DONE)
    }
}

/// Lists gateways. The call has no pages. Source: aws-sdk-ec2, `DescribeVpnGatewaysInput`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct DescribeVpnGateways {
    #[serde(default)]
    pub vpn_gateway_id: Vec<String>,
    #[serde(default)]
    pub filter: Vec<Filter>,
}

/// The matching gateways.
#[derive(Clone, Debug, Serialize)]
pub struct VpnGateways {
    #[serde(rename = "vpnGatewaySet")]
    pub vpn_gateways: Vec<VpnGatewayItem>,
}

impl Action for DescribeVpnGateways {
    const SERVICE: Service = Service::Ec2;
    const NAME: &'static str = "DescribeVpnGateways";
    type Answer = VpnGateways;

    fn run(self, context: &mut Context<'_>) -> Result<VpnGateways, AwsError> {
        let region = context.region();
        let table = &region.vpn_gateways;
        let rows = filters::select(table, &self.vpn_gateway_id, &self.filter, region, context.sight())?;
        Ok(VpnGateways { vpn_gateways: rows.into_iter().map(VpnGateway::item).collect() })
    }
}
