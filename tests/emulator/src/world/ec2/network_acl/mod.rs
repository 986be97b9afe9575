//! Network ACLs: CreateNetworkAcl, DeleteNetworkAcl, DescribeNetworkAcls, ReplaceNetworkAclAssociation.
//!
//! A subnet always has exactly one network ACL: first the default ACL of its VPC, which can be replaced by another
//! one. The emulator carries no traffic, so ACLs filter nothing; clients can only read them.
#![allow(missing_docs, reason = "fields carry the names of the EC2 API Reference, which documents them")]

pub mod entry;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use self::entry::{Entry, EntryItem, EntryKey};
use crate::world::{
    Context, Region,
    action::{Action, DONE, Done, Service},
    error::AwsError,
    filters::{Filter, Filterable},
    ids::{Ids, NetworkAclAssociationId, NetworkAclId, ResourceId, SubnetId, VpcId},
    paging::Paging,
    tags::{self, TagItem, TagSpecification, Tags},
};

/// A network ACL.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct NetworkAcl {
    pub id: NetworkAclId,
    pub vpc: VpcId,
    /// Whether this is the default ACL of its VPC.
    pub is_default: bool,
    /// The entries that callers created. The last entries, which deny all traffic, are not stored.
    pub entries: BTreeMap<EntryKey, Entry>,
    pub subnets: BTreeMap<NetworkAclAssociationId, SubnetId>,
    pub tags: Tags,
    owner: String,
}

impl NetworkAcl {
    /// Returns the default ACL of a new VPC. Source: VPC User Guide, "Default network ACL": rule 100 allows all
    /// inbound and outbound traffic.
    pub(crate) fn default_of(vpc: VpcId, owner: String, ids: &mut Ids) -> Self {
        Self { is_default: true, entries: Entry::allow_all(), ..Self::without_entries(vpc, owner, Tags::new(), ids) }
    }

    /// Source: VPC User Guide, "Custom network ACLs": a new ACL denies all traffic until rules are added.
    fn without_entries(vpc: VpcId, owner: String, tags: Tags, ids: &mut Ids) -> Self {
        Self { id: ids.mint(), vpc, is_default: false, entries: BTreeMap::new(), subnets: BTreeMap::new(), tags, owner }
    }

    /// Returns all entries for answers; the entries that deny all traffic come last in each direction.
    pub(crate) fn shown(&self) -> Vec<EntryItem> {
        let own = self.entries.iter().map(|(key, entry)| entry.item(*key));
        let mut entries: Vec<EntryItem> = own.chain(EntryItem::deny_all()).collect();
        entries.sort_by_key(|entry| (!entry.egress, entry.rule_number));
        entries
    }

    fn item(&self) -> NetworkAclItem {
        let association = |(id, subnet): (&NetworkAclAssociationId, &SubnetId)| Association {
            network_acl_association_id: id.clone(),
            network_acl_id: self.id.clone(),
            subnet_id: subnet.clone(),
        };
        NetworkAclItem {
            network_acl_id: self.id.clone(),
            vpc_id: self.vpc.clone(),
            default: self.is_default,
            entries: self.shown(),
            associations: self.subnets.iter().map(association).collect(),
            owner_id: self.owner.clone(),
            tags: tags::items(&self.tags),
        }
    }
}

impl Region {
    /// Associates a new subnet with the default ACL of its VPC. Source: VPC User Guide, "Network ACL basics": "If you
    /// don't explicitly associate a subnet with a network ACL, the subnet is automatically associated with the
    /// default network ACL."
    pub(crate) fn associate_default_network_acl(&mut self, vpc: &VpcId, subnet: &SubnetId) {
        let association = self.ids.mint();
        let default = self.network_acls.iter_mut().map(|(_, acl)| acl).find(|acl| acl.vpc == *vpc && acl.is_default);
        if let Some(acl) = default {
            acl.subnets.insert(association, subnet.clone());
        }
    }

    /// Deletes the association of a deleted subnet.
    pub(crate) fn dissociate_network_acl(&mut self, subnet: &SubnetId) {
        for (_, acl) in self.network_acls.iter_mut() {
            acl.subnets.retain(|_, other| other != subnet);
        }
    }
}

/// A network ACL in the format of EC2.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NetworkAclItem {
    pub network_acl_id: NetworkAclId,
    pub vpc_id: VpcId,
    pub default: bool,
    #[serde(rename = "entrySet")]
    pub entries: Vec<EntryItem>,
    #[serde(rename = "associationSet")]
    pub associations: Vec<Association>,
    pub owner_id: String,
    #[serde(rename = "tagSet")]
    pub tags: Vec<TagItem>,
}

/// An association with a subnet.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Association {
    pub network_acl_association_id: NetworkAclAssociationId,
    pub network_acl_id: NetworkAclId,
    pub subnet_id: SubnetId,
}

/// Source of the filters: aws-sdk-ec2, `DescribeNetworkAclsInput::filters`. Filters for IPv6 and ICMP entries match
/// nothing here.
impl Filterable for NetworkAcl {
    const FILTERS: &'static [&'static str] = &[
        "association.association-id",
        "association.network-acl-id",
        "association.subnet-id",
        "default",
        "entry.cidr",
        "entry.egress",
        "entry.icmp.code",
        "entry.icmp.type",
        "entry.ipv6-cidr",
        "entry.port-range.from",
        "entry.port-range.to",
        "entry.protocol",
        "entry.rule-action",
        "entry.rule-number",
        "network-acl-id",
        "owner-id",
        "vpc-id",
    ];

    fn values(&self, filter: &str, _: &Region) -> Vec<String> {
        if let Some(field) = filter.strip_prefix("entry.") {
            return self.shown().iter().filter_map(|entry| entry.filter_value(field)).collect();
        }
        match filter {
            "association.association-id" => self.subnets.keys().map(ToString::to_string).collect(),
            "association.network-acl-id" => self.subnets.keys().map(|_| self.id.to_string()).collect(),
            "association.subnet-id" => self.subnets.values().map(ToString::to_string).collect(),
            "default" => vec![self.is_default.to_string()],
            "network-acl-id" => vec![self.id.to_string()],
            "owner-id" => vec![self.owner.clone()],
            "vpc-id" => vec![self.vpc.to_string()],
            _ => Vec::new(),
        }
    }

    fn tags(&self) -> Option<&Tags> {
        Some(&self.tags)
    }
}

/// Creates a network ACL that denies all traffic.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct CreateNetworkAcl {
    pub vpc_id: String,
    #[serde(default)]
    pub tag_specification: Vec<TagSpecification>,
    pub client_token: Option<String>,
}

/// The created network ACL.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NetworkAclCreated {
    pub network_acl: NetworkAclItem,
    pub client_token: Option<String>,
}

impl Action for CreateNetworkAcl {
    const SERVICE: Service = Service::Ec2;
    const NAME: &'static str = "CreateNetworkAcl";
    type Answer = NetworkAclCreated;

    fn run(self, context: &mut Context<'_>) -> Result<NetworkAclCreated, AwsError> {
        let region = context.region();
        if let Some(earlier) = region.tokens.replay(Self::NAME, self.client_token.as_deref(), &self)? {
            let id = NetworkAclId::from_text(earlier.to_owned());
            let acl = region.network_acls.get(&id).ok_or_else(|| id.not_found())?;
            return Ok(NetworkAclCreated { network_acl: acl.item(), client_token: self.client_token });
        }
        let tags = tags::from_specifications(&self.tag_specification, "network-acl")?;
        let (vpc, _) = context.own(|region| &region.vpcs, &self.vpc_id, Self::NAME)?;
        // Source of the code: EC2 API Reference, "Error codes".
        if region.network_acls.values().filter(|acl| acl.vpc == vpc).count()
            >= context.options.quotas.network_acls_per_vpc
        {
            let message = "The maximum number of network ACLs has been reached.";
            return Err(AwsError::new("NetworkAclLimitExceeded", message));
        }
        let (now, owner) = (context.now(), context.caller.account.clone());
        let region = context.region_mut();
        let acl = NetworkAcl::without_entries(vpc, owner, tags, &mut region.ids);
        let item = acl.item();
        region.tokens.record(Self::NAME, self.client_token.clone(), &self, acl.id.to_string());
        region.network_acls.insert(acl.id.clone(), acl, now);
        Ok(NetworkAclCreated { network_acl: item, client_token: self.client_token })
    }
}

/// Deletes a network ACL that no subnet uses.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct DeleteNetworkAcl {
    pub network_acl_id: String,
}

impl Action for DeleteNetworkAcl {
    const SERVICE: Service = Service::Ec2;
    const NAME: &'static str = "DeleteNetworkAcl";
    type Answer = Done;

    /// Source: EC2 API Reference, DeleteNetworkAcl: the default ACL and an ACL with associated subnets cannot be
    /// deleted. The code for the default ACL is the one that clients in public code expect; it is ASSUMED
    /// (`ASSUMPTIONS.md`, "Codes").
    fn run(self, context: &mut Context<'_>) -> Result<Done, AwsError> {
        let sight = context.sight();
        let (id, acl) = context.own(|region| &region.network_acls, &self.network_acl_id, Self::NAME)?;
        if acl.is_default {
            return Err(AwsError::value(format!("cannot delete default network ACL {id}")));
        }
        if !acl.subnets.is_empty() {
            let message = format!("The networkAcl '{id}' has dependencies and cannot be deleted.");
            return Err(AwsError::new("DependencyViolation", message));
        }
        context.region_mut().network_acls.remove(&id, sight);
        Ok(DONE)
    }
}

/// Replaces the network ACL of a subnet's association. The association gets a new ID.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct ReplaceNetworkAclAssociation {
    pub association_id: String,
    pub network_acl_id: String,
}

/// The new association.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NetworkAclAssociationReplaced {
    pub new_association_id: NetworkAclAssociationId,
}

impl Action for ReplaceNetworkAclAssociation {
    const SERVICE: Service = Service::Ec2;
    const NAME: &'static str = "ReplaceNetworkAclAssociation";
    type Answer = NetworkAclAssociationReplaced;

    fn run(self, context: &mut Context<'_>) -> Result<NetworkAclAssociationReplaced, AwsError> {
        let association = NetworkAclAssociationId::parse(&self.association_id)?;
        let region = context.region();
        let (id, acl) = context.own(|region| &region.network_acls, &self.network_acl_id, Self::NAME)?;
        let (before, subnet) = region
            .network_acls
            .values()
            .find_map(|acl| Some((acl, acl.subnets.get(&association)?.clone())))
            .ok_or_else(|| association.not_found())?;
        // The code is ASSUMED (`ASSUMPTIONS.md`, "Codes").
        if before.vpc != acl.vpc {
            return Err(AwsError::value(format!("Network ACL {id} and subnet {subnet} belong to different networks")));
        }
        let before = before.id.clone();
        let region = context.region_mut();
        let new_association_id: NetworkAclAssociationId = region.ids.mint();
        if let Some(acl) = region.network_acls.get_mut(&before) {
            acl.subnets.remove(&association);
        }
        if let Some(acl) = region.network_acls.get_mut(&id) {
            acl.subnets.insert(new_association_id.clone(), subnet);
        }
        Ok(NetworkAclAssociationReplaced { new_association_id })
    }
}

/// Lists network ACLs.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct DescribeNetworkAcls {
    #[serde(default)]
    pub network_acl_id: Vec<String>,
    #[serde(default)]
    pub filter: Vec<Filter>,
    pub max_results: Option<i32>,
    pub next_token: Option<String>,
}

/// The matching network ACLs.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NetworkAcls {
    #[serde(rename = "networkAclSet")]
    pub network_acls: Vec<NetworkAclItem>,
    pub next_token: Option<String>,
}

impl Action for DescribeNetworkAcls {
    const SERVICE: Service = Service::Ec2;
    const NAME: &'static str = "DescribeNetworkAcls";
    type Answer = NetworkAcls;

    fn run(self, context: &mut Context<'_>) -> Result<NetworkAcls, AwsError> {
        let rows = context.select(|region| &region.network_acls, &self.network_acl_id, &self.filter)?;
        let (page, next_token) = Paging::ec2(Self::NAME).cut(
            rows,
            |seen| seen.row.id.as_str(),
            self.max_results,
            self.next_token.as_deref(),
            context.options.max_page,
        )?;
        Ok(NetworkAcls { network_acls: page.iter().map(|seen| seen.row.item()).collect(), next_token })
    }
}
