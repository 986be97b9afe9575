//! `status.plan`: what the operator would do if it were let, for a network whose `managementPolicy` is 'Plan'.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::api::schema;

/// How many calls a plan lists; the counts are of all.
pub const MOST_CALLS: usize = 128;

/// Every call to AWS that 'Enforce' would make now. What does not fit the bounds of the schema is cut by whoever writes it.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlanStatus {
    /// Names the plan: it changes when a call of the plan does, and with nothing else.
    #[serde(default)]
    #[schemars(length(max = 64))]
    pub hash: String,

    /// The plan in a line, for people.
    #[serde(default)]
    #[schemars(length(max = 512))]
    pub summary: String,

    /// How many AWS resources would be created.
    #[serde(default)]
    pub create: i64,

    /// How many AWS resources would be changed, those that the plan also creates or deletes left out.
    #[serde(default)]
    pub update: i64,

    /// How many AWS resources would be deleted.
    #[serde(default)]
    pub delete: i64,

    /// How many calls there are, also where `calls` does not list all of them.
    #[serde(default)]
    pub call_count: i64,

    /// How long the calls take by AWS's request rates alone, in seconds, in an account and Region where nobody else makes
    /// such calls. What AWS then needs to build is not in it: some minutes.
    #[serde(default)]
    pub estimated_seconds: i64,

    /// What the network costs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<PlanCost>,

    /// The calls that change something, in order; the first 128 of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 128))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub calls: Vec<PlannedCall>,
}

/// What the network's own resources cost a month by the hour. What is billed by use, such as data processed, is not in it.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlanCost {
    /// US dollars a month once the plan is carried out, such as `305.14`; none for a Region whose rates are not known.
    #[serde(default, rename = "monthlyUSD", skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    pub monthly_usd: Option<String>,

    /// US dollars a month of what is there now.
    #[serde(default, rename = "currentMonthlyUSD", skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    pub current_monthly_usd: Option<String>,

    /// The day on which the rates were looked up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 10))]
    pub rates_as_of: Option<String>,

    /// Where they were looked up; or, for a Region whose rates are not known, that they are not.
    #[serde(default)]
    #[schemars(length(max = 256))]
    pub source: String,
}

/// One call to AWS.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlannedCall {
    /// The call, as IAM policies write it, such as `ec2:CreateVpcEndpoint`.
    #[schemars(length(max = 128))]
    pub action: String,

    /// The places in the network that it is about, such as `vpce/mgn/Interface`; one, but for endpoints that are deleted
    /// together.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32), inner(length(max = 128)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub slots: Vec<String>,

    /// The ids of the resources that it is about, if they are there already. Of a Route 53 Resolver endpoint that is
    /// tagged: its ARN.
    #[serde(default, rename = "resourceIDs", skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32), inner(length(max = 256)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub resource_ids: Vec<String>,

    /// What it does, in short. `(new …)` stands for what the plan creates.
    #[serde(default)]
    #[schemars(length(max = 512))]
    pub what: String,

    /// Why: 'Missing', it is not there; 'Unanswered', a create call is sent again whose answer never came; 'DiffersFromSpec',
    /// it is not as asked for; 'NoLongerWanted', it is not asked for any more; 'Drift', AWS was changed since it was last
    /// equal to what is asked for, and what is asked for was not.
    #[serde(default)]
    pub reason: PlanReason,
}

/// Why a call would be made.
#[derive(JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[schemars(inline, transform = schema::rules::undescribed)]
pub enum PlanReason {
    /// It is not there.
    #[default]
    Missing,
    /// A create call whose answer never came is sent again.
    Unanswered,
    /// It is not as asked for.
    DiffersFromSpec,
    /// It is not asked for any more.
    NoLongerWanted,
    /// AWS was changed since it was last equal to what is asked for.
    Drift,
}
