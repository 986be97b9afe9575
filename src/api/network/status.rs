//! The status of a `MigrationNetwork`: what the operator saw and did, and nothing that could not be found out again
//! except for the claims and the recorded account, on which safe creation and deletion rest.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use super::{PlanStatus, PreflightWarning};
use crate::api::{
    conditions, schema,
    vocabulary::{
        AdoptionPolicy, ClaimPhase, DeletionPolicy, EndpointType, GroupRole, ManagementPolicy, Origin,
        ReplicationSecurityGroupMode, ResolverMode, SecurityGroupMode, Toggle,
    },
};

/// What the operator observed, and what it did. What does not fit the bounds of the schema is cut by whoever writes it.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MigrationNetworkStatus {
    /// The generation of the spec that this status is about; -1 until the operator has seen the object.
    #[serde(default)]
    pub observed_generation: i64,

    /// What is true of the network. Once it was looked at: `Ready`, `Accepted`, `NetworkResolved`, `SecurityGroupsReady`,
    /// `EndpointsReady`, `ResolverReady`, `Synced`. Only while true: `Reconciling`, `Stalled`, `Suspended`.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "conditions::readable")]
    #[schemars(schema_with = "schema::conditions::conditions")]
    pub conditions: Vec<Condition>,

    /// The class in use, named by the spec or the default one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub class_name: Option<String>,

    /// The generation of the class that this status is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_class_generation: Option<i64>,

    /// The AWS account that holds the resources, recorded so that deletion works when the class is gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<AccountStatus>,

    /// The AWS Region that holds the resources.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    pub region: Option<String>,

    /// The VPC that was selected.
    #[serde(default, rename = "vpcID", skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub vpc_id: Option<String>,

    /// What holds after the class's defaults.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settings: Option<SettingsStatus>,

    /// What would be done, while `managementPolicy` is 'Plan'.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<PlanStatus>,

    /// A digest of what was asked for when AWS was last seen to be equal to it: what differs while it is still asked for has
    /// drifted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub in_sync_with: Option<String>,

    /// How many endpoints are available, of how many, such as `7/7`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16))]
    pub endpoints_available: Option<String>,

    /// The VPC endpoints.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["service".into(), "type".into()]))]
    pub endpoints: Vec<EndpointStatus>,

    /// Optional services that the Region or its zones do not offer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["service".into()]))]
    pub skipped_services: Vec<SkippedService>,

    /// What the preflight found in AWS that does not stand in the way and should be known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["code".into(), "subject".into()]))]
    pub preflight_warnings: Vec<PreflightWarning>,

    /// The Route 53 Resolver inbound endpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolver: Option<ResolverStatus>,

    /// The security groups that the operator made, or that are there already and used.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["role".into(), "id".into()]))]
    pub security_groups: Vec<SecurityGroupStatus>,

    /// Which create calls may have been sent: the record on which "no duplicate" and "nothing left behind" rest.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["slot".into()]))]
    pub claims: Vec<ClaimStatus>,
}

/// The AWS account that holds the resources, and how the operator gets into it.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AccountStatus {
    /// The account's id.
    #[schemars(length(max = 12))]
    pub id: String,

    /// The role that the operator assumes.
    #[serde(default, rename = "roleARN", skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 640))]
    pub role_arn: Option<String>,

    /// The external id that it sends when it assumes the role.
    #[serde(default, rename = "externalID", skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1224))]
    pub external_id: Option<String>,
}

/// What holds after the class's defaults and the built-in ones.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SettingsStatus {
    /// The ids of the subnets, by use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
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

    /// Whose security groups the interface endpoints have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint_security_group: Option<SecurityGroupMode>,

    /// Whose the Route 53 Resolver inbound endpoint is, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolver: Option<ResolverMode>,

    /// The IPv4 ranges of the resolver's clients.
    #[serde(default, rename = "clientCIDRs", skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), inner(length(max = 18)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub client_cidrs: Vec<String>,

    /// Whose security group the replication servers have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replication_security_group: Option<ReplicationSecurityGroupMode>,

    /// Whether the endpoints of AWS Systems Manager are built.
    #[serde(default, rename = "postLaunchSSM", skip_serializing_if = "Option::is_none")]
    pub post_launch_ssm: Option<Toggle>,

    /// Whether the operator acts, or says what it would do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub management_policy: Option<ManagementPolicy>,

    /// Which resources that are in the VPC already become the network's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adoption_policy: Option<AdoptionPolicy>,

    /// What becomes of the AWS resources when the object goes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deletion_policy: Option<DeletionPolicy>,

    /// The tags that users asked for, the class's winning.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "schema::tags::settings_tags")]
    pub tags: BTreeMap<String, String>,
}

/// The ids of the selected subnets, by use.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SettingsSubnets {
    /// Where the interface endpoints and the resolver have their addresses.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 256), inner(length(max = 64)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub endpoints: Vec<String>,

    /// Where MGN starts replication servers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 256), inner(length(max = 64)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub staging: Vec<String>,

    /// Where test and cutover instances are launched.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 256), inner(length(max = 64)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub launch: Vec<String>,
}

/// One VPC endpoint.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EndpointStatus {
    /// The service in short, such as `mgn`.
    #[schemars(length(max = 63))]
    pub service: String,

    /// The type of the endpoint.
    #[serde(rename = "type")]
    pub type_: EndpointType,

    /// The service's whole name, such as `com.amazonaws.ap-northeast-1.mgn`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub service_name: Option<String>,

    /// The id of the endpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub id: Option<String>,

    /// The state, in AWS's word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub state: Option<String>,

    /// 'Created' for this network, 'Adopted' by it, or 'Existing' and only used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,

    /// The names of the endpoint itself, which need no private DNS.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), inner(length(max = 253)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub dns_names: Vec<String>,

    /// The names of the service that resolve to this endpoint.
    #[serde(default, rename = "privateDNSNames", skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), inner(length(max = 253)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub private_dns_names: Vec<String>,

    /// The route tables of a gateway endpoint.
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

/// One network interface of an endpoint.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkInterfaceStatus {
    /// The id of the interface.
    #[schemars(length(max = 64))]
    pub id: String,

    /// The subnet it is in.
    #[serde(default, rename = "subnetID", skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub subnet_id: Option<String>,

    /// The id of the zone it is in, which names the same place in every account.
    #[serde(default, rename = "availabilityZoneID", skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub availability_zone_id: Option<String>,

    /// Its private IPv4 address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 45))]
    pub ip: Option<String>,
}

/// A service that is left out, and why.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SkippedService {
    /// The service in short, such as `ssmmessages`.
    #[schemars(length(max = 63))]
    pub service: String,

    /// Why it is left out.
    #[serde(default)]
    #[schemars(length(max = 1024))]
    pub reason: String,
}

/// The Route 53 Resolver inbound endpoint.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ResolverStatus {
    /// The id of the inbound endpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub id: Option<String>,

    /// The state, in AWS's word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub state: Option<String>,

    /// 'Created' for this network, 'Adopted' by it, or 'Existing' and only used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,

    /// The addresses in one line, for `kubectl get`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512))]
    pub ip_address_summary: Option<String>,

    /// The addresses that on-premises DNS servers forward to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["id".into()]))]
    pub ip_addresses: Vec<ResolverAddressStatus>,
}

/// One address of the inbound endpoint.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResolverAddressStatus {
    /// The id that Route 53 Resolver gives to the address.
    #[schemars(length(max = 64))]
    pub id: String,

    /// The subnet it is in.
    #[serde(default, rename = "subnetID", skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub subnet_id: Option<String>,

    /// The private IPv4 address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 45))]
    pub ip: Option<String>,

    /// The state, in AWS's word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub state: Option<String>,
}

/// One security group.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SecurityGroupStatus {
    /// What the group is for.
    pub role: GroupRole,

    /// The id of the group.
    #[schemars(length(max = 64))]
    pub id: String,

    /// The name of the group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 255))]
    pub name: Option<String>,

    /// 'Created' for this network, 'Adopted' by it, or 'Existing' and only used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,

    /// Rules on the group that the operator did not make; it reports them and leaves them alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 256), inner(length(max = 256)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub foreign_rules: Vec<String>,
}

/// The record that a create call may have been sent. It is written before the call, so that no crash makes a second one.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClaimStatus {
    /// The place in the network that the resource fills, such as `vpce/mgn/Interface`.
    #[schemars(length(max = 128))]
    pub slot: String,

    /// Which resource in this slot it is: it grows by one when the one before was seen to be gone.
    #[serde(default)]
    pub epoch: i64,

    /// How far the claim is.
    #[serde(default)]
    pub phase: ClaimPhase,

    /// The client token of the create call.
    #[serde(default)]
    #[schemars(length(max = 255))]
    pub token: String,

    /// The id that AWS gave.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub id: Option<String>,

    /// The create call as sent, as JSON; an endpoint policy of 20,480 characters may double in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 49_152))]
    pub request: Option<String>,
}
