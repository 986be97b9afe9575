//! AWS Application Migration Service (MGN): its initialization, and the replication configuration templates. Source
//! servers and their replication are not part of the emulator.
//!
//! Source of members, bounds and codes: botocore, `mgn/2020-02-26/service-2.json`.
#![allow(missing_docs, reason = "fields carry the names of the MGN API Reference, which documents them")]

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    Context, Tags,
    action::{Action, Empty, Service},
    error::AwsError,
    ids::{ReplicationTemplateId, ResourceId, SecurityGroupId, SubnetId},
    paging::Paging,
    zones,
};

/// The most IDs in one DescribeReplicationConfigurationTemplates.
const MOST_IDS: usize = 200;

/// The most security groups of a template.
const MOST_GROUPS: usize = 32;

/// MGN in one account and Region.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Mgn {
    is_initialized: bool,
    templates: BTreeMap<ReplicationTemplateId, TemplateSettings>,
}

impl Mgn {
    /// Returns a template that the caller named.
    fn find(&self, id: &str) -> Result<(ReplicationTemplateId, &TemplateSettings), AwsError> {
        let id = ReplicationTemplateId::parse(id)?;
        match self.templates.get(&id) {
            Some(settings) => Ok((id, settings)),
            None => Err(id.not_found()),
        }
    }
}

/// Returns the error of an account and Region in which MGN is not initialized. The text is ASSUMED (`ASSUMPTIONS.md`, "MGN").
fn uninitialized() -> AwsError {
    AwsError::new("UninitializedAccountException", "Account not initialized")
}

/// The way of replication traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum DataPlaneRouting {
    PrivateIp,
    PublicIp,
}

/// The type of large staging disks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum StagingDiskType {
    Gp2,
    St1,
    Gp3,
}

/// The encryption of staging disks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum EbsEncryption {
    Default,
    Custom,
}

/// The version of the Internet Protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum InternetProtocol {
    Ipv4,
    Ipv6,
}

/// The members of a template that a caller sets.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TemplateSettings {
    pub staging_area_subnet_id: String,
    pub associate_default_security_group: bool,
    #[serde(rename = "replicationServersSecurityGroupsIDs")]
    pub replication_servers_security_groups_ids: Vec<String>,
    pub replication_server_instance_type: String,
    pub use_dedicated_replication_server: bool,
    pub default_large_staging_disk_type: StagingDiskType,
    pub ebs_encryption: EbsEncryption,
    pub ebs_encryption_key_arn: Option<String>,
    pub bandwidth_throttling: i64,
    pub data_plane_routing: DataPlaneRouting,
    #[serde(rename = "createPublicIP")]
    pub create_public_ip: bool,
    pub staging_area_tags: Tags,
    pub use_fips_endpoint: Option<bool>,
    #[serde(default)]
    pub tags: Tags,
    pub internet_protocol: Option<InternetProtocol>,
    pub store_snapshot_on_local_zone: Option<bool>,
}

impl TemplateSettings {
    /// Checks the patterns and bounds of the model. That AWS accepts the ID of a subnet or group that does not exist is
    /// ASSUMED (`ASSUMPTIONS.md`, "MGN"). Templates do keep the IDs of deleted ones.
    fn check(&self) -> Result<(), AwsError> {
        let groups = &self.replication_servers_security_groups_ids;
        if !has_form(&self.staging_area_subnet_id, SubnetId::PREFIX) {
            return Err(violated("stagingAreaSubnetId", "Member must satisfy regular expression pattern"));
        }
        if groups.len() > MOST_GROUPS || !groups.iter().all(|id| has_form(id, SecurityGroupId::PREFIX)) {
            return Err(violated("replicationServersSecurityGroupsIDs", "Member must satisfy constraint"));
        }
        if !(0..=10_000).contains(&self.bandwidth_throttling) {
            return Err(violated("bandwidthThrottling", "Member must have value between 0 and 10000"));
        }
        Ok(())
    }

    fn item(&self, id: &ReplicationTemplateId, context: &Context<'_>) -> ReplicationConfigurationTemplate {
        let (region, account) = (&context.caller.region, &context.caller.account);
        let partition = zones::partition(region);
        ReplicationConfigurationTemplate {
            id: id.clone(),
            arn: format!("arn:{partition}:mgn:{region}:{account}:replication-configuration-template/{id}"),
            settings: self.clone(),
        }
    }
}

/// The patterns of the model: a prefix and at least eight hexadecimal digits.
fn has_form(id: &str, prefix: &str) -> bool {
    let digits = id.strip_prefix(prefix);
    digits.is_some_and(|digits| digits.len() >= 8 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

fn violated(member: &str, constraint: &str) -> AwsError {
    let message =
        format!("1 validation error detected: Value at '{member}' failed to satisfy constraint: {constraint}");
    AwsError::new("ValidationException", message)
}

/// A template in the format of MGN.
#[derive(Clone, Debug, Serialize)]
pub struct ReplicationConfigurationTemplate {
    #[serde(rename = "replicationConfigurationTemplateID")]
    pub id: ReplicationTemplateId,
    pub arn: String,
    #[serde(flatten)]
    pub settings: TemplateSettings,
}

/// Initializes MGN in the account and Region.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct InitializeService {}

impl Action for InitializeService {
    const SERVICE: Service = Service::Mgn;
    const NAME: &'static str = "InitializeService";
    type Answer = Empty;

    fn run(self, context: &mut Context<'_>) -> Result<Empty, AwsError> {
        context.region_mut().mgn.is_initialized = true;
        Ok(Empty {})
    }
}

/// Creates a template.
#[derive(Clone, Debug, Deserialize)]
#[serde(transparent)]
pub struct CreateReplicationConfigurationTemplate(pub TemplateSettings);

impl Action for CreateReplicationConfigurationTemplate {
    const SERVICE: Service = Service::Mgn;
    const NAME: &'static str = "CreateReplicationConfigurationTemplate";
    type Answer = ReplicationConfigurationTemplate;

    fn run(self, context: &mut Context<'_>) -> Result<ReplicationConfigurationTemplate, AwsError> {
        let Self(settings) = self;
        if !context.region().mgn.is_initialized {
            return Err(uninitialized());
        }
        settings.check()?;
        let region = context.region_mut();
        let id: ReplicationTemplateId = region.ids.mint();
        region.mgn.templates.insert(id.clone(), settings.clone());
        Ok(settings.item(&id, context))
    }
}

/// Changes the given members of a template.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UpdateReplicationConfigurationTemplate {
    #[serde(rename = "replicationConfigurationTemplateID")]
    pub id: String,
    pub staging_area_subnet_id: Option<String>,
    pub associate_default_security_group: Option<bool>,
    #[serde(rename = "replicationServersSecurityGroupsIDs")]
    pub replication_servers_security_groups_ids: Option<Vec<String>>,
    pub data_plane_routing: Option<DataPlaneRouting>,
    #[serde(rename = "createPublicIP")]
    pub create_public_ip: Option<bool>,
    pub internet_protocol: Option<InternetProtocol>,
}

impl Action for UpdateReplicationConfigurationTemplate {
    const SERVICE: Service = Service::Mgn;
    const NAME: &'static str = "UpdateReplicationConfigurationTemplate";
    type Answer = ReplicationConfigurationTemplate;

    fn run(self, context: &mut Context<'_>) -> Result<ReplicationConfigurationTemplate, AwsError> {
        let Self {
            id,
            staging_area_subnet_id,
            associate_default_security_group,
            replication_servers_security_groups_ids,
            data_plane_routing,
            create_public_ip,
            internet_protocol,
        } = self;
        let (id, before) = context.region().mgn.find(&id)?;
        let before = before.clone();
        let settings = TemplateSettings {
            staging_area_subnet_id: staging_area_subnet_id.unwrap_or(before.staging_area_subnet_id),
            associate_default_security_group: associate_default_security_group
                .unwrap_or(before.associate_default_security_group),
            replication_servers_security_groups_ids: replication_servers_security_groups_ids
                .unwrap_or(before.replication_servers_security_groups_ids),
            data_plane_routing: data_plane_routing.unwrap_or(before.data_plane_routing),
            create_public_ip: create_public_ip.unwrap_or(before.create_public_ip),
            internet_protocol: internet_protocol.or(before.internet_protocol),
            ..before
        };
        settings.check()?;
        context.region_mut().mgn.templates.insert(id.clone(), settings.clone());
        Ok(settings.item(&id, context))
    }
}

/// Deletes a template.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DeleteReplicationConfigurationTemplate {
    #[serde(rename = "replicationConfigurationTemplateID")]
    pub id: String,
}

impl Action for DeleteReplicationConfigurationTemplate {
    const SERVICE: Service = Service::Mgn;
    const NAME: &'static str = "DeleteReplicationConfigurationTemplate";
    type Answer = Empty;

    fn run(self, context: &mut Context<'_>) -> Result<Empty, AwsError> {
        let (id, _) = context.region().mgn.find(&self.id)?;
        context.region_mut().mgn.templates.remove(&id);
        Ok(Empty {})
    }
}

/// Lists templates.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DescribeReplicationConfigurationTemplates {
    #[serde(default, rename = "replicationConfigurationTemplateIDs")]
    pub ids: Vec<String>,
    pub max_results: Option<i32>,
    pub next_token: Option<String>,
}

/// The matching templates.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReplicationConfigurationTemplates {
    pub items: Vec<ReplicationConfigurationTemplate>,
    pub next_token: Option<String>,
}

impl Action for DescribeReplicationConfigurationTemplates {
    const SERVICE: Service = Service::Mgn;
    const NAME: &'static str = "DescribeReplicationConfigurationTemplates";
    type Answer = ReplicationConfigurationTemplates;

    /// Clients report that the account counts as uninitialized until a template exists, even after InitializeService. That it
    /// does so again after the last template was deleted is ASSUMED (`ASSUMPTIONS.md`, "MGN").
    fn run(self, context: &mut Context<'_>) -> Result<ReplicationConfigurationTemplates, AwsError> {
        let mgn = &context.region().mgn;
        if mgn.templates.is_empty() {
            return Err(uninitialized());
        }
        if self.ids.len() > MOST_IDS {
            return Err(violated("replicationConfigurationTemplateIDs", "Member must have length less than 200"));
        }
        for id in &self.ids {
            mgn.find(id)?;
        }
        let named =
            |id: &ReplicationTemplateId| self.ids.is_empty() || self.ids.iter().any(|named| named == id.as_str());
        let (page, next_token) = Paging::mgn(Self::NAME).cut(
            mgn.templates.iter().filter(|(id, _)| named(id)),
            |(id, _)| id.as_str(),
            self.max_results,
            self.next_token.as_deref(),
            context.options.max_page,
        )?;
        let items = page.into_iter().map(|(id, settings)| settings.item(id, context)).collect();
        Ok(ReplicationConfigurationTemplates { items, next_token })
    }
}
