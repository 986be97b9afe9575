//! The status of a `MigrationNetwork`: the state that the operator observed, and its own records. Everything can be
//! observed again, except for the claims and the recorded account, on which safe creation and deletion depend.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::KubeSchema;
use serde::{Deserialize, Deserializer, Serialize};

use super::{OnPremisesStatus, PlanStatus, PreflightWarning};
use crate::api::{
    schema, tolerant,
    vocabulary::{
        AdoptedDeletionPolicy, AdoptionPolicy, ClaimPhase, DeletionPolicy, EndpointType, GroupRole, ManagementPolicy,
        Origin, ReplicationSecurityGroupMode, ResolverMode, SecurityGroupMode, Toggle,
    },
};

/// The observed state of the network, and the operator's records. The code that writes the status truncates values
/// that exceed the bounds of the schema.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MigrationNetworkStatus {
    /// The generation of the spec that this status describes; `-1` until the operator has observed the object.
    #[serde(default)]
    pub observed_generation: i64,

    /// The conditions of the network. Present after the first reconcile: `Ready`, `Accepted`, `NetworkResolved`,
    /// `SecurityGroupsReady`, `EndpointsReady`, `ResolverReady`, `Synced`. Present only where the operator may read the
    /// template: `ReplicationTemplateReady`. Present once the hand-off is known: `OnPremisesCurrent`. Present only while true:
    /// `Reconciling`, `Stalled`, `Suspended`.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "tolerant::list")]
    #[schemars(schema_with = "schema::conditions::conditions")]
    pub conditions: Vec<Condition>,

    /// The value of the annotation `mgnet.dev/reconcile-at` that the operator handled last, at most its first 256 characters.
    /// A reconcile that began with this value has ended, and the conditions show its result. A suspended network
    /// handles no value until it is resumed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub last_handled_reconcile_at: Option<String>,

    /// The name of the class in use: the class that the spec names, or the default class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub class_name: Option<String>,

    /// The generation of the class that this status describes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_class_generation: Option<i64>,

    /// The AWS account of the resources, recorded so that deletion works even if the class no longer exists.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "tolerant::option")]
    pub account: Option<AccountStatus>,

    /// The AWS Region of the resources.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    pub region: Option<String>,

    /// The ID of the selected VPC.
    #[serde(default, rename = "vpcID", skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub vpc_id: Option<String>,

    /// The effective settings, after the class's defaults are applied.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "tolerant::option")]
    pub settings: Option<SettingsStatus>,

    /// The calls to AWS that the operator would make, while `managementPolicy` is `Plan`.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "tolerant::option")]
    pub plan: Option<PlanStatus>,

    /// The digest of the desired state when AWS was last observed to match it. A difference that appears while the
    /// desired state still has this digest is drift.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub in_sync_with: Option<String>,

    /// The number of available endpoints, and the number of desired endpoints, such as `7/7`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16))]
    pub endpoints_available: Option<String>,

    /// The VPC endpoints of the network.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "tolerant::list")]
    #[schemars(length(max = 64))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["service".into(), "type".into()]))]
    pub endpoints: Vec<EndpointStatus>,

    /// The optional services that the Region or its zones do not offer.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "tolerant::list")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["service".into()]))]
    pub skipped_services: Vec<SkippedService>,

    /// The warnings of the preflight, which do not block the network.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "tolerant::list")]
    #[schemars(length(max = 64))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["code".into(), "subject".into()]))]
    pub preflight_warnings: Vec<PreflightWarning>,

    /// The observed state of the Route 53 Resolver inbound endpoint.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "tolerant::option")]
    pub resolver: Option<ResolverStatus>,

    /// The hand-off: the work that the on-premises teams must do for the network.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "tolerant::option")]
    pub on_premises: Option<OnPremisesStatus>,

    /// The security groups that the network owns, and the existing groups that it uses.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "tolerant::list")]
    #[schemars(length(max = 8))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["role".into(), "id".into()]))]
    pub security_groups: Vec<SecurityGroupStatus>,

    /// The records of the create calls that may have been sent. They prevent duplicate resources and resources that a
    /// deletion leaves behind. A record remains after its resource is gone, because its epoch must not be used again.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "tolerant::list")]
    #[schemars(length(max = 512))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["slot".into()]))]
    pub claims: Vec<ClaimStatus>,

    /// The records of what adopted resources had when the network adopted them. The operator never removes it.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "tolerant::list")]
    #[schemars(length(max = 64))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["slot".into()]))]
    pub adoptions: Vec<AdoptionStatus>,
}

/// The AWS account of the resources, and the role that the operator assumes in it.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AccountStatus {
    /// The ID of the account.
    #[schemars(length(max = 12))]
    pub id: String,

    /// The ARN of the role that the operator assumes.
    #[serde(default, rename = "roleARN", skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 640))]
    pub role_arn: Option<String>,

    /// The external ID of the role, if an earlier version of the operator recorded it. This version removes it while the
    /// class exists, and uses it if the class is gone.
    #[serde(default, rename = "externalID", skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1224))]
    pub external_id: Option<String>,
}

/// The effective settings, after the class's defaults and the built-in defaults are applied.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SettingsStatus {
    /// The IDs of the subnets, grouped by use.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "tolerant::option")]
    pub subnets: Option<SettingsSubnets>,

    /// The IPv4 ranges of the source servers.
    #[serde(default, rename = "sourceCIDRs", skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), inner(length(max = 18)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub source_cidrs: Vec<String>,

    /// The IPv4 ranges of the proxies.
    #[serde(default, rename = "proxyCIDRs", skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), inner(length(max = 18)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub proxy_cidrs: Vec<String>,

    /// The management mode of the security groups of the interface endpoints.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "tolerant::option")]
    pub endpoint_security_group: Option<SecurityGroupMode>,

    /// The management mode of the Route 53 Resolver inbound endpoint.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "tolerant::option")]
    pub resolver: Option<ResolverMode>,

    /// The IPv4 ranges that may query the resolver.
    #[serde(default, rename = "clientCIDRs", skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), inner(length(max = 18)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub client_cidrs: Vec<String>,

    /// The management mode of the security group of the replication servers.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "tolerant::option")]
    pub replication_security_group: Option<ReplicationSecurityGroupMode>,

    /// The setting for the endpoints of AWS Systems Manager: `Enabled` or `Disabled`.
    #[serde(
        default,
        rename = "postLaunchSSM",
        skip_serializing_if = "Option::is_none",
        deserialize_with = "tolerant::option"
    )]
    pub post_launch_ssm: Option<Toggle>,

    /// The setting for the endpoints of the MGN connector: `Enabled` or `Disabled`.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "tolerant::option")]
    pub connector: Option<Toggle>,

    /// The policy for writes to AWS: `Enforce` or `Plan`.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "tolerant::option")]
    pub management_policy: Option<ManagementPolicy>,

    /// The policy for adopting resources that already exist in the VPC: `Never`, `Retained` or `Any`.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "tolerant::option")]
    pub adoption_policy: Option<AdoptionPolicy>,

    /// The policy for the AWS resources when this object is deleted: `Delete` or `Retain`.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "deletion_policy")]
    pub deletion_policy: Option<DeletionPolicy>,

    /// The policy for adopted resources that the network no longer needs: `Release` or `Delete`.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "tolerant::option")]
    pub adopted_deletion_policy: Option<AdoptedDeletionPolicy>,

    /// The tags from the spec and the class. The class's tags take precedence.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "schema::tags::settings_tags")]
    pub tags: BTreeMap<String, String>,
}

/// The IDs of the selected subnets, grouped by use.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SettingsSubnets {
    /// The subnets in which the interface endpoints and the resolver have their addresses.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 256), inner(length(max = 64)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub endpoints: Vec<String>,

    /// The subnets in which MGN launches replication servers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 256), inner(length(max = 64)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub staging: Vec<String>,

    /// The subnets in which MGN launches test and cutover instances.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 256), inner(length(max = 64)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub launch: Vec<String>,
}

/// The observed state of one VPC endpoint.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EndpointStatus {
    /// The short name of the service, such as `mgn`.
    #[schemars(length(max = 63))]
    pub service: String,

    /// The type of the endpoint.
    #[serde(rename = "type")]
    pub type_: EndpointType,

    /// The full name of the service, such as `com.amazonaws.ap-northeast-1.mgn`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub service_name: Option<String>,

    /// The ID of the endpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub id: Option<String>,

    /// The state, as AWS reports it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub state: Option<String>,

    /// The origin of the resource. `Created`: the operator created it for this network, or for an earlier one of the
    /// same name. `Adopted`: the network adopted it. `Existing`: the network uses it read-only.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "tolerant::option")]
    pub origin: Option<Origin>,

    /// The endpoint's own DNS names, which do not need private DNS.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), inner(length(max = 253)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub dns_names: Vec<String>,

    /// The DNS names of the service that resolve to this endpoint.
    #[serde(default, rename = "privateDNSNames", skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), inner(length(max = 253)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub private_dns_names: Vec<String>,

    /// The IDs of the route tables of a gateway endpoint.
    #[serde(default, rename = "routeTableIDs", skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 256), inner(length(max = 64)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub route_table_ids: Vec<String>,

    /// The network interfaces of an interface endpoint.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["id".into()]))]
    pub network_interfaces: Vec<NetworkInterfaceStatus>,
}

/// The observed state of one network interface of an endpoint.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkInterfaceStatus {
    /// The ID of the network interface.
    #[schemars(length(max = 64))]
    pub id: String,

    /// The ID of the subnet.
    #[serde(default, rename = "subnetID", skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub subnet_id: Option<String>,

    /// The ID of the Availability Zone, which identifies the same zone in every account.
    #[serde(default, rename = "availabilityZoneID", skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub availability_zone_id: Option<String>,

    /// The private IPv4 address of the network interface.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 45))]
    pub ip: Option<String>,
}

/// An optional service without an endpoint, and the reason.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SkippedService {
    /// The short name of the service, such as `ssmmessages`.
    #[schemars(length(max = 63))]
    pub service: String,

    /// The reason why the service has no endpoint, for people.
    #[serde(default)]
    #[schemars(length(max = 1024))]
    pub reason: String,
}

/// The observed state of the Route 53 Resolver inbound endpoint.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ResolverStatus {
    /// The ID of the inbound endpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub id: Option<String>,

    /// The state, as AWS reports it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub state: Option<String>,

    /// The origin of the resource. `Created`: the operator created it for this network, or for an earlier one of the
    /// same name. `Adopted`: the network adopted it. `Existing`: the network uses it read-only.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "tolerant::option")]
    pub origin: Option<Origin>,

    /// The addresses in one line, for `kubectl get`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512))]
    pub ip_address_summary: Option<String>,

    /// The addresses to which on-premises DNS servers forward queries.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["id".into()]))]
    pub ip_addresses: Vec<ResolverAddressStatus>,
}

/// The observed state of one address of the inbound endpoint.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResolverAddressStatus {
    /// The ID that Route 53 Resolver assigned to the address.
    #[schemars(length(max = 64))]
    pub id: String,

    /// The ID of the subnet.
    #[serde(default, rename = "subnetID", skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub subnet_id: Option<String>,

    /// The private IPv4 address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 45))]
    pub ip: Option<String>,

    /// The state, as AWS reports it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub state: Option<String>,
}

/// The observed state of one security group.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SecurityGroupStatus {
    /// The role of the group in the network. `Endpoints`: the group of the interface endpoints. `Resolver`: the group
    /// of the inbound endpoint. `Replication`: the group of the replication servers.
    pub role: GroupRole,

    /// The ID of the security group.
    #[schemars(length(max = 64))]
    pub id: String,

    /// The name of the security group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 255))]
    pub name: Option<String>,

    /// The origin of the resource. `Created`: the operator created it for this network, or for an earlier one of the
    /// same name. `Adopted`: the network adopted it. `Existing`: the network uses it read-only.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "tolerant::option")]
    pub origin: Option<Origin>,

    /// The foreign rules of the group, which the operator did not write. The operator reports them and does not
    /// change them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 256), inner(length(max = 256)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub foreign_rules: Vec<String>,
}

/// The record that a create call may have been sent. The operator writes it before the call, so that a crash never
/// leads to a second resource.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClaimStatus {
    /// The slot of the resource: its place in the network, such as `vpce/mgn/Interface`.
    #[schemars(length(max = 128))]
    pub slot: String,

    /// The number of the resource in its slot. It grows by one after the previous resource was observed to be gone.
    #[serde(default)]
    pub epoch: i64,

    /// The phase of the claim. `Pending`: the create call may have been sent, and its outcome is unknown. `Refused`:
    /// AWS rejected the create call, and nothing was created. `Held`: the resource exists. `Deleting`: the delete
    /// call may have been sent. `Released`: the resource was observed to be gone.
    #[serde(default, deserialize_with = "claim_phase")]
    pub phase: ClaimPhase,

    /// The client token of the create call.
    #[serde(default)]
    #[schemars(length(max = 255))]
    pub token: String,

    /// The ID that AWS assigned to the resource.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub id: Option<String>,

    /// The create call as it was sent, in JSON. Escaping can double the length of an endpoint policy of 20,480
    /// characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 49_152))]
    pub request: Option<String>,
}

/// What an adopted resource had when the network adopted it, and what others have added to it since.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AdoptionStatus {
    /// The slot that the resource fills.
    #[schemars(length(max = 128))]
    pub slot: String,

    /// The ID of the resource.
    #[schemars(length(max = 64))]
    pub id: String,

    /// The subnets of an interface endpoint.
    #[serde(default, rename = "subnetIDs", skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), inner(length(max = 64)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub subnet_ids: Vec<String>,

    /// The security groups of an interface endpoint.
    #[serde(default, rename = "securityGroupIDs", skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), inner(length(max = 64)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub security_group_ids: Vec<String>,

    /// The route tables of a gateway endpoint.
    #[serde(default, rename = "routeTableIDs", skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 1024), inner(length(max = 64)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub route_table_ids: Vec<String>,

    /// The IDs of the addresses of an inbound endpoint.
    #[serde(default, rename = "ipAddressIDs", skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), inner(length(max = 64)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub ip_address_ids: Vec<String>,

    /// The keys of the tags.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), inner(length(max = 128)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub tag_keys: Vec<String>,
}

/// A policy that this version does not know counts as `Retain`: it deletes nothing.
fn deletion_policy<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<DeletionPolicy>, D::Error> {
    tolerant::or(deserializer, Some(DeletionPolicy::Retain))
}

/// A phase that this version does not know counts as `Held`: the resource may exist.
fn claim_phase<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ClaimPhase, D::Error> {
    tolerant::or(deserializer, ClaimPhase::Held)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// Returns a status in which every word comes from a later version.
    fn future() -> Value {
        json!({
            "observedGeneration": 3,
            "conditions": [
                { "type": "Ready", "status": "True", "reason": "Ready", "message": "", "lastTransitionTime": "9999-12-31T23:59:59Z" },
                { "type": "Later", "status": "Perhaps", "reason": "Later", "message": "",
                  "lastTransitionTime": "2026-01-01T00:00:00Z", "more": 1 },
            ],
            "account": { "id": "111122223333", "partition": "later" },
            "region": "ap-northeast-1",
            "settings": {
                "endpointSecurityGroup": "Later", "resolver": "Later", "replicationSecurityGroup": "Later", "postLaunchSSM": "Later",
                "connector": "Later",
                "managementPolicy": "Later", "adoptionPolicy": "Later", "deletionPolicy": "Later", "adoptedDeletionPolicy": "Later",
                "tags": { "team": "billing" },
            },
            "plan": { "hash": "1", "calls": [{ "action": "ec2:CreateTags", "reason": "Later" }] },
            "endpoints": [
                { "service": "mgn", "type": "Interface", "origin": "Later" },
                { "service": "mgn", "type": "Later" },
            ],
            "resolver": { "id": "rslvr-in-1", "origin": "Later" },
            "securityGroups": [{ "role": "Later", "id": "sg-1" }, { "role": "Resolver", "id": "sg-2", "origin": "Later" }],
            "claims": [
                { "slot": "vpce/mgn/Interface", "epoch": 2, "phase": "Later", "id": "vpce-1", "token": "t" },
                { "slot": "a/slot/of/later", "epoch": 1, "phase": "Held", "id": "x-1", "token": "t" },
            ],
            "adoptions": [{ "slot": "vpce/mgn/Interface", "id": "vpce-1", "later": ["x"] }],
            "later": { "anything": true },
        })
    }

    #[test]
    fn a_status_with_the_words_of_a_later_version_is_read_as_far_as_possible() {
        let status: MigrationNetworkStatus = serde_json::from_value(future()).expect("it is readable");
        assert_eq!(status.account.map(|account| account.id).as_deref(), Some("111122223333"));
        let phases: Vec<_> = status.claims.iter().map(|claim| (claim.phase, claim.id.as_deref())).collect();
        assert_eq!(phases, [(ClaimPhase::Held, Some("vpce-1")), (ClaimPhase::Held, Some("x-1"))]);
        let settings = status.settings.expect("it has settings");
        assert_eq!(settings.deletion_policy, Some(DeletionPolicy::Retain), "an unknown policy deletes nothing");
        assert_eq!((settings.management_policy, settings.adopted_deletion_policy), (None, None));
        assert_eq!(settings.tags.len(), 1);
        assert_eq!((status.endpoints.len(), status.security_groups.len()), (1, 1));
        assert_eq!(status.resolver.and_then(|resolver| resolver.id).as_deref(), Some("rslvr-in-1"));
    }

    /// Replaces one text at a time, wherever it is, with a word that no version knows.
    #[test]
    fn no_single_word_makes_a_status_unreadable() {
        fn texts(value: &Value, path: &str, found: &mut Vec<String>) {
            match value {
                Value::String(_) => found.push(path.to_owned()),
                Value::Array(all) => {
                    all.iter().enumerate().for_each(|(index, one)| texts(one, &format!("{path}/{index}"), found));
                }
                Value::Object(all) => all.iter().for_each(|(key, one)| texts(one, &format!("{path}/{key}"), found)),
                Value::Null | Value::Bool(_) | Value::Number(_) => {}
            }
        }
        let (future, mut paths) = (future(), Vec::new());
        texts(&future, "", &mut paths);
        assert!(paths.len() > 30, "{paths:?}");
        for path in paths {
            let mut changed = future.clone();
            *changed.pointer_mut(&path).expect("it was found") = json!("FromTheFuture");
            assert!(serde_json::from_value::<MigrationNetworkStatus>(changed).is_ok(), "{path}");
        }
    }
}
