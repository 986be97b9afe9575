//! `status.onPremises`: the hand-off, which is the work that the on-premises teams must do for the network, as facts.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

use crate::api::{schema, tolerant};

/// The annotation with which a team states that it has done the work of a revision of the hand-off. Its value is that
/// revision.
pub const ON_PREMISES_DONE_ANNOTATION: &str = "mgnet.dev/on-premises-done";

/// The label of the ConfigMap with a hand-off: the revision of the facts in its files.
pub const ON_PREMISES_REVISION_LABEL: &str = "mgnet.dev/on-premises-revision";

/// The annotation of the ConfigMap with a hand-off: SHA-256 over its files, in hexadecimal.
pub const ON_PREMISES_DIGEST_ANNOTATION: &str = "mgnet.dev/on-premises-digest";

/// The maximum number of entries in `changes`.
pub const MOST_CHANGES: usize = 64;

/// The facts that the on-premises teams need: what to open, to forward and to exempt. Missing until all addresses are known.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OnPremisesStatus {
    /// The revision of the facts: the first 10 hexadecimal digits of SHA-256 over them. It changes with the facts only, and not
    /// with the version of the operator. Set the annotation `mgnet.dev/on-premises-done` to it when the work is done.
    #[schemars(length(max = 10))]
    pub revision: String,

    /// The origin of the addresses. `Observed`: they exist. `Planned`: nothing has been created, so only fixed addresses and
    /// the ranges of subnets are known.
    #[serde(default, deserialize_with = "basis")]
    pub basis: OnPremisesBasis,

    /// The differences to the revision before this one.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "tolerant::list")]
    #[schemars(length(max = 64))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["subject".into()]))]
    pub changes: Vec<OnPremisesChange>,

    /// The work, by team.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "tolerant::list")]
    #[schemars(length(max = 8))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["item".into()]))]
    pub checklist: Vec<ChecklistItem>,

    /// The connections from on-premises to AWS that all firewalls on the way must admit.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "tolerant::list")]
    #[schemars(length(max = 32))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["id".into()]))]
    pub firewall_rules: Vec<FirewallRule>,

    /// The domains that on-premises DNS servers must forward to the Route 53 Resolver inbound endpoint. Empty without one.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "tolerant::list")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["domain".into()]))]
    pub dns_forwarders: Vec<DnsForwarder>,

    /// The names that must resolve to the addresses of the endpoints, for hosts files and for checks.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "tolerant::list")]
    #[schemars(length(max = 64))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub names: Vec<OnPremisesName>,

    /// The interface endpoints that on-premises clients use, with the DNS names that AWS gives them, for clients without private
    /// DNS: those of `mgn` and `s3` are the values of the options `--endpoint` and `--s3-endpoint` of the agent's installer. An
    /// entry is missing until AWS has reported the name.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "tolerant::list")]
    #[schemars(length(max = 8))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["service".into()]))]
    pub endpoints: Vec<OnPremisesEndpoint>,

    /// The ConfigMap that contains the hand-off as files. Missing unless the class enables it.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "tolerant::option")]
    pub config_map: Option<OnPremisesConfigMap>,
}

/// The ConfigMap that contains a hand-off as files.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OnPremisesConfigMap {
    /// The name of the ConfigMap, in the namespace of the network. Empty if the name would be too long.
    #[schemars(length(max = 253))]
    pub name: String,

    /// The state of the ConfigMap. `Pending`: it is about to be written. `Current`: it has the files of the present
    /// revision. `Incomplete`: it lacks those that `message` names, because they do not fit or cannot be rendered. `Foreign`: the
    /// operator did not create the ConfigMap of that name, and does not change it. `Denied`: the operator may not write it.
    /// `Failed`: it could not be written for another reason.
    pub state: ConfigMapState,

    /// What is wrong, and what to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub message: Option<String>,
}

/// The state of the ConfigMap with a hand-off.
#[derive(JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[schemars(inline, transform = schema::rules::undescribed)]
pub enum ConfigMapState {
    /// It is about to be written.
    #[default]
    Pending,
    /// It has the files of the present revision.
    Current,
    /// Some files of the present revision are missing, because they do not fit or cannot be rendered.
    Incomplete,
    /// Another writer has created it.
    Foreign,
    /// The API server does not allow the operator to write it.
    Denied,
    /// It could not be written for another reason.
    Failed,
}

/// The origin of the addresses in the hand-off.
#[derive(JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[schemars(inline, transform = schema::rules::undescribed)]
pub enum OnPremisesBasis {
    /// The addresses exist.
    #[default]
    Observed,
    /// The addresses are fixed in the spec, or unknown.
    Planned,
}

/// One difference between two revisions.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OnPremisesChange {
    /// The entry that differs, such as `firewallRules/mgn-https`.
    #[schemars(length(max = 320))]
    pub subject: String,

    /// Whether the entry was added, removed or changed.
    pub change: ChangeKind,
}

/// The kind of a difference.
#[derive(JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[schemars(inline, transform = schema::rules::undescribed)]
pub enum ChangeKind {
    /// The entry is new.
    Added,
    /// The entry has other values.
    #[default]
    Changed,
    /// The entry is gone.
    Removed,
}

/// One item of the checklist.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChecklistItem {
    /// The work. `Firewall`: admit all `firewallRules`. `DNSForwarders`: forward all `dnsForwarders`. `HostsFiles`: enter
    /// `names` in the hosts files of the source servers. `Proxies`: keep `names` away from proxies, or let the proxies in
    /// `spec.proxyCIDRs` resolve and reach them. `OtherS3Clients`: make sure that other on-premises clients of S3 in the Region
    /// work through the network's S3 endpoint, because the forwarder of S3 leads all of them there. `OtherAWSClients`: the same
    /// for clients of the other services that the MGN connector needs.
    pub item: ChecklistWork,

    /// Whether the work of this item is done: `Done` after the annotation named this revision, or an earlier one with the same
    /// facts for the item.
    pub state: ChecklistState,

    /// The revision of the facts for this item alone.
    #[schemars(length(max = 10))]
    pub revision: String,
}

/// The work of an item of the checklist.
#[derive(JsonSchema, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[schemars(inline, transform = schema::rules::undescribed)]
pub enum ChecklistWork {
    /// Firewall rules.
    Firewall,
    /// Forwarders on DNS servers.
    #[serde(rename = "DNSForwarders")]
    DnsForwarders,
    /// Hosts files of source servers.
    HostsFiles,
    /// Exceptions of proxies.
    Proxies,
    /// Other clients of S3.
    #[serde(rename = "OtherS3Clients")]
    OtherS3Clients,
    /// Other clients of the services of the MGN connector.
    #[serde(rename = "OtherAWSClients")]
    OtherAwsClients,
}

/// The state of an item of the checklist.
#[derive(JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[schemars(inline, transform = schema::rules::undescribed)]
pub enum ChecklistState {
    /// The work has not been acknowledged.
    #[default]
    Open,
    /// The work has been acknowledged.
    Done,
}

/// One connection that firewalls must admit, from on-premises to AWS.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FirewallRule {
    /// The stable ID of the rule, such as `mgn-https`.
    #[schemars(length(max = 63))]
    pub id: String,

    /// The purpose of the connection.
    pub purpose: RulePurpose,

    /// The protocol.
    pub protocol: RuleProtocol,

    /// The destination port.
    pub port: i32,

    /// The on-premises ranges that connect.
    #[schemars(length(max = 64), inner(length(max = 18)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub sources: Vec<String>,

    /// The destination addresses. Empty if they change, or are not known yet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), inner(length(max = 15)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub addresses: Vec<String>,

    /// The ranges of the subnets that contain the destinations, for firewalls that admit ranges.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 256), inner(length(max = 18)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub subnets: Vec<String>,
}

/// The purpose of a firewall rule.
#[derive(JsonSchema, Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[schemars(inline, transform = schema::rules::undescribed)]
pub enum RulePurpose {
    /// The API of MGN.
    #[serde(rename = "MGN")]
    Mgn,
    /// The S3 buckets of MGN.
    S3,
    /// Queries of the Resolver endpoint.
    #[serde(rename = "DNS")]
    Dns,
    /// Data of source servers to replication servers.
    Replication,
    /// The services that the MGN connector needs in addition.
    Connector,
}

/// The protocol of a firewall rule.
#[derive(JsonSchema, Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[schemars(inline, transform = schema::rules::undescribed)]
pub enum RuleProtocol {
    /// TCP.
    #[serde(rename = "TCP")]
    Tcp,
    /// UDP.
    #[serde(rename = "UDP")]
    Udp,
}

/// One domain that DNS servers must forward.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DnsForwarder {
    /// The domain, with all names below it.
    #[schemars(length(max = 253))]
    pub domain: String,

    /// The addresses of the inbound endpoint. Empty if they are not known yet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32), inner(length(max = 15)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub targets: Vec<String>,
}

/// One name and the addresses to which it must resolve.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OnPremisesName {
    /// The name.
    #[schemars(length(max = 253))]
    pub name: String,

    /// The addresses. Empty if on-premises clients do not need the name, or if they are not known yet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32), inner(length(max = 15)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub addresses: Vec<String>,

    /// The clients of the name. `Source`: source servers, so it must resolve on-premises. `Replication`: replication and
    /// conversion servers, in AWS only. `Connector`: the MGN connector, which needs those for source servers, too.
    #[serde(rename = "for")]
    pub for_: NameUse,
}

/// An interface endpoint that on-premises clients use.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OnPremisesEndpoint {
    /// The short name of the service, such as `mgn`.
    #[schemars(length(max = 48))]
    pub service: String,

    /// The name, which leads to all zones of the endpoint. AWS shows that of `s3` behind `*.`, which this name omits, because
    /// clients put the name of a bucket there.
    #[schemars(length(max = 253))]
    pub name: String,

    /// The requests that the endpoint's policy allows. `FullAccess`: all requests to the service. `Restricted`: it may reject
    /// requests that a migration does not need, also those of other on-premises clients whose DNS servers forward the domain.
    #[serde(deserialize_with = "policy")]
    pub policy: OnPremisesPolicy,
}

/// The requests that the policy of an endpoint allows.
#[derive(JsonSchema, Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[schemars(inline, transform = schema::rules::undescribed)]
pub enum OnPremisesPolicy {
    /// All requests.
    FullAccess,
    /// Not all requests.
    Restricted,
}

/// The clients of a name.
#[derive(JsonSchema, Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[schemars(inline, transform = schema::rules::undescribed)]
pub enum NameUse {
    /// Source servers.
    Source,
    /// Replication and conversion servers.
    Replication,
    /// The MGN connector.
    Connector,
}

/// Deserializes the basis. An unknown word counts as planned: its addresses may not exist.
fn basis<'de, D: Deserializer<'de>>(deserializer: D) -> Result<OnPremisesBasis, D::Error> {
    tolerant::or(deserializer, OnPremisesBasis::Planned)
}

/// Deserializes the policy of an endpoint. An unknown word counts as restricted.
fn policy<'de, D: Deserializer<'de>>(deserializer: D) -> Result<OnPremisesPolicy, D::Error> {
    tolerant::or(deserializer, OnPremisesPolicy::Restricted)
}
