//! `status.plan`: the calls that the operator would make for a network whose `managementPolicy` is `Plan`.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

use crate::api::{schema, tolerant};

/// The maximum number of calls that a plan lists. The counts in the plan include all calls.
pub const MOST_CALLS: usize = 128;

/// The calls to AWS that the operator would make now with `managementPolicy: Enforce`. The code that writes the plan
/// truncates values that exceed the bounds of the schema.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlanStatus {
    /// The hash of the plan. It changes if and only if a call of the plan changes.
    #[serde(default)]
    #[schemars(length(max = 64))]
    pub hash: String,

    /// A one-line summary of the plan, for people.
    #[serde(default)]
    #[schemars(length(max = 512))]
    pub summary: String,

    /// The number of AWS resources that would be created.
    #[serde(default)]
    pub create: i64,

    /// The number of AWS resources that would be changed, without those that the plan also creates or deletes.
    #[serde(default)]
    pub update: i64,

    /// The number of AWS resources that would be deleted.
    #[serde(default)]
    pub delete: i64,

    /// The number of all calls, including those that `calls` does not list.
    #[serde(default)]
    pub call_count: i64,

    /// The time that AWS's request rates alone require for the calls, in seconds, if no other client makes such calls
    /// in the account and Region. The minutes that AWS then needs to create the resources are not included.
    #[serde(default)]
    pub estimated_seconds: i64,

    /// The estimated cost of the network.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<PlanCost>,

    /// The calls that change AWS, in order. Only the first 128 are listed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 128))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub calls: Vec<PlannedCall>,
}

/// The monthly cost of the network's own resources that are billed by the hour. Usage charges, such as data
/// processing, are not included.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlanCost {
    /// The monthly cost in US dollars after the plan is applied, such as `305.14`. Not set if the rates of the Region
    /// are unknown.
    #[serde(default, rename = "monthlyUSD", skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    pub monthly_usd: Option<String>,

    /// The monthly cost in US dollars of the resources that exist now.
    #[serde(default, rename = "currentMonthlyUSD", skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    pub current_monthly_usd: Option<String>,

    /// The date on which the rates were looked up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 10))]
    pub rates_as_of: Option<String>,

    /// The source of the rates, or a note that the rates of the Region are unknown.
    #[serde(default)]
    #[schemars(length(max = 256))]
    pub source: String,
}

/// One call to AWS.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlannedCall {
    /// The IAM action of the call, such as `ec2:CreateVpcEndpoint`.
    #[schemars(length(max = 128))]
    pub action: String,

    /// The slots of the resources in the call, such as `vpce/mgn/Interface`. There is exactly one, except for a call
    /// that deletes several endpoints.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32), inner(length(max = 128)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub slots: Vec<String>,

    /// The IDs of the existing resources in the call. For tagging a Route 53 Resolver endpoint, this is its ARN.
    #[serde(default, rename = "resourceIDs", skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32), inner(length(max = 256)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub resource_ids: Vec<String>,

    /// A short description of the call. `(new …)` stands for a resource that the plan creates.
    #[serde(default)]
    #[schemars(length(max = 512))]
    pub what: String,

    /// The reason for the call. `Missing`: the resource does not exist. `Unanswered`: a create call whose response
    /// never arrived is sent again. `DiffersFromSpec`: the resource differs from the spec. `NoLongerWanted`: the
    /// spec no longer requires the resource. `Drift`: AWS was changed after it matched the spec, and the spec has
    /// not changed.
    #[serde(default, deserialize_with = "reason")]
    pub reason: PlanReason,
}

/// The reason for a call.
#[derive(JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[schemars(inline, transform = schema::rules::undescribed)]
pub enum PlanReason {
    /// The resource does not exist.
    #[default]
    Missing,
    /// A create call whose response never arrived is sent again.
    Unanswered,
    /// The resource differs from the spec.
    DiffersFromSpec,
    /// The spec no longer requires the resource.
    NoLongerWanted,
    /// AWS was changed after it matched the spec, and the spec has not changed.
    Drift,
}

/// A reason that this version does not know counts as the first one. The plan is written again in the next reconcile.
fn reason<'de, D: Deserializer<'de>>(deserializer: D) -> Result<PlanReason, D::Error> {
    tolerant::or(deserializer, PlanReason::Missing)
}
