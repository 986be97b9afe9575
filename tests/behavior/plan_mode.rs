//! `managementPolicy: Plan`: the operator writes nothing to AWS, and 'Enforce' then makes exactly the planned calls.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, ensure};
use kube::ResourceExt;
use mgnet::api::{
    ConditionStatus, ConditionType, FINALIZER, ManagementPolicy, MigrationNetwork, PlanReason, PlanStatus, Reason,
    SubnetSelector, SubnetSelectors,
};
use serde_json::{Value, json};
use support::{Call, Lab, Network, Site, Use, state::State};

use support::waiting::{close, condition, events, kstatus, listed, tags, until_event, until_observed};

/// A call: its action, and the slots that it changes.
type SlotCall = (String, Vec<String>);

/// Returns the calls of a plan.
fn planned_calls(plan: &PlanStatus) -> Vec<SlotCall> {
    let action = |action: &str| action.split_once(':').map_or(action, |(_, name)| name).to_owned();
    plan.calls.iter().map(|call| (action(&call.action), call.slots.clone())).collect()
}

/// Returns the slots of all owned resources, by ID.
fn slots(state: &State) -> BTreeMap<String, String> {
    let groups = state.security_groups.iter().map(|group| (&group.id, &group.tags));
    let endpoints = state.vpc_endpoints.iter().map(|endpoint| (&endpoint.id, &endpoint.tags));
    let resolvers = state.resolver_endpoints.iter().map(|resolver| (&resolver.id, &resolver.tags));
    let all = groups.chain(endpoints).chain(resolvers);
    all.filter_map(|(id, tags)| Some((id.clone(), tags.get("mgnet.dev/slot")?.clone()))).collect()
}

/// Returns all strings within a JSON value.
fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(items) => items.iter().flat_map(texts).collect(),
        Value::Object(members) => members.values().flat_map(texts).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => Vec::new(),
    }
}

/// Returns the value of the slot tag in the parameters of a create call.
fn slot_tag(value: &Value) -> Option<&str> {
    match value {
        Value::Object(members) if members.get("Key").is_some_and(|key| key == "mgnet.dev/slot") => {
            members.get("Value")?.as_str()
        }
        Value::Object(members) => members.values().find_map(slot_tag),
        Value::Array(items) => items.iter().find_map(slot_tag),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}

/// Returns the calls that were made. `slots` are the slots of the resources that existed before and after the calls.
fn made_calls(calls: &[Call], slots: &BTreeMap<String, String>) -> Result<Vec<SlotCall>> {
    let slot_call = |call: &Call| {
        ensure!(call.outcome == "ok", "a call failed:{}", listed(calls));
        let is_creation = call.action.starts_with("Create") && call.action != "CreateTags";
        let changed = if is_creation {
            slot_tag(&call.parameters).map(str::to_owned).into_iter().collect()
        } else {
            let subjects = ["GroupId", "VpcEndpointId", "ResolverEndpointId", "ResourceId", "ResourceArn"];
            let ids = subjects.iter().flat_map(|key| texts(&call.parameters[*key]));
            let slot = |id: &str| slots.iter().find(|(known, _)| id.ends_with(known.as_str())).map(|(_, slot)| slot);
            ids.filter_map(slot).cloned().collect::<BTreeSet<_>>()
        };
        ensure!(!changed.is_empty(), "no slot found for {call} {}", call.parameters);
        Ok((call.action.clone(), changed.into_iter().collect()))
    };
    calls.iter().map(slot_call).collect()
}

/// Returns the actions on each slot, in order. The order between slots depends partly on which resource is ready first.
fn by_slot(calls: &[SlotCall]) -> BTreeMap<&str, Vec<&str>> {
    let mut all: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (action, slots) in calls {
        for slot in slots {
            all.entry(slot).or_default().push(action);
        }
    }
    all
}

/// Disables throttling: the tests compare every logged call, and a throttled call is sent again.
async fn disable_throttling(site: &Site) -> Result<()> {
    site.lab.control().change_options(&site.account, json!({ "throttling": false })).await
}

async fn until_planned(network: &Network<'_>) -> Result<(MigrationNetwork, PlanStatus)> {
    let planned = network.until_reason(ConditionType::Ready, Reason::ChangesPlanned).await?;
    let plan = planned.status.as_ref().and_then(|status| status.plan.clone()).context("no plan in the status")?;
    Ok((planned, plan))
}

/// Fails if anything is written to AWS or to the network during two observations.
async fn check_at_rest(site: &Site, network: &Network<'_>) -> Result<()> {
    let (mark, before) = (site.last_call().await?, network.get().await?.metadata.resource_version);
    until_observed(site, 2).await?;
    assert_eq!(site.writes_after(mark).await?, []);
    assert_eq!(network.get().await?.metadata.resource_version, before, "the network was written to");
    Ok(())
}

#[tokio::test]
async fn enforcing_a_new_network_makes_exactly_the_planned_calls() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("plan-new").await?;
    disable_throttling(&site).await?;
    let mark = site.last_call().await?;
    let before = site.state().await?;
    let network = site.network("tokyo").with_replication_group();
    let network = network.with(|spec| spec.management_policy = Some(ManagementPolicy::Plan)).apply().await?;
    let (planned, plan) = until_planned(&network).await?;
    check_at_rest(&site, &network).await?;
    assert_eq!(site.writes_after(mark).await?, [], "nothing is written to AWS");
    assert_eq!(site.state().await?, before);
    assert_eq!(planned.finalizers(), [""; 0], "no finalizer is needed");
    let status = planned.status.clone().context("no status")?;
    assert_eq!(status.claims, []);
    assert_eq!(status.settings.and_then(|settings| settings.management_policy), Some(ManagementPolicy::Plan));

    // The conditions, and how tools interpret them.
    let reported = |type_| condition(&planned, type_).map(|(status, reason, _)| (status, reason));
    assert_eq!(reported(ConditionType::Synced), Some(("False", "ChangesPlanned")));
    assert_eq!(reported(ConditionType::Stalled), Some(("True", "AwaitingApproval")));
    assert_eq!(reported(ConditionType::Reconciling), None);
    assert_eq!(kstatus(&planned), "Failed");
    if !lab.is_simulated() {
        let wait = ["wait", "-n", &site.namespace, "mgnet/tokyo", "--for=condition=Ready", "--timeout=1s"];
        assert!(lab.kubectl_output(wait).await.is_err(), "`kubectl wait` must time out");
    }
    let (kind, note) = until_event(&site, "PlanReady").await?;
    assert_eq!((kind.as_str(), &note), ("Normal", &plan.summary));

    // The totals of the plan.
    assert_eq!((plan.create, plan.update, plan.delete, plan.call_count), (11, 0, 0, 14));
    assert_eq!(plan.estimated_seconds, 10, "seven endpoints: four at once, then one in 3.3 seconds");
    assert!(plan.calls.iter().all(|call| call.reason == PlanReason::Missing && call.resource_ids.is_empty()));
    let cost = plan.cost.clone().context("no cost")?;
    assert_eq!((cost.monthly_usd.as_deref(), cost.current_monthly_usd.as_deref()), (Some("305.14"), Some("0.00")));

    network.edit(json!({ "managementPolicy": "Enforce" })).await?;
    let built = network.until_ready().await?;
    let calls = site.writes_after(mark).await?;
    let made = made_calls(&calls, &slots(&site.state().await?))?;
    assert_eq!(made, planned_calls(&plan), "in this order:{}", listed(&calls));
    assert_eq!(built.status.context("no status")?.plan, None, "nothing remains to be approved");
    assert_eq!(site.summary().await?, site.expected().with_replication_group().summary());
    close(&site).await
}

#[tokio::test]
async fn drift_and_edits_of_a_built_network_are_planned_and_then_enforced() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("plan-edit").await?;
    disable_throttling(&site).await?;
    let network = site.network("tokyo").apply().await?;
    network.until_ready().await?;
    let mark = site.last_call().await?;
    network.edit(json!({ "managementPolicy": "Plan" })).await?;
    let built = network.until_ready().await?;
    assert_eq!(built.finalizers(), [FINALIZER]);
    assert_eq!(kstatus(&built), "Current", "no step is due");
    check_at_rest(&site, &network).await?;

    let old = site.state().await?;
    let group = old.security_group("sg/resolver").context("no group")?;
    let rule = &group.ingress.first().context("no rule")?.id;
    site.aws.ec2.revoke_security_group_ingress().group_id(&group.id).security_group_rule_ids(rule).send().await?;
    let after_drift = site.last_call().await?;
    let (_, drift) = until_planned(&network).await?;
    assert_eq!(planned_calls(&drift), [("AuthorizeSecurityGroupIngress".to_owned(), vec!["sg/resolver".to_owned()])]);
    let call = drift.calls.first().context("no call")?;
    assert_eq!((call.reason, &call.resource_ids), (PlanReason::Drift, &vec![group.id.clone()]));
    assert_eq!((drift.create, drift.update, drift.delete), (0, 1, 0));

    let edit = json!({
        "sourceCIDRs": ["192.168.11.0/24"],
        "postLaunch": { "ssm": "Disabled" },
        "replication": { "securityGroup": { "mode": "Managed" } },
        "tags": { "Wave": "3" },
    });
    network.edit(edit).await?;
    let (_, plan) = until_planned(&network).await?;
    assert_ne!(plan.hash, drift.hash);
    check_at_rest(&site, &network).await?;
    let notes: BTreeSet<String> = events(&site)
        .await?
        .into_iter()
        .filter(|event| event.reason.as_deref() == Some("PlanReady"))
        .filter_map(|event| event.note)
        .collect();
    assert!(notes.contains(&plan.summary) || notes.contains(&drift.summary), "{notes:?}");
    let own_calls = site.writes_after(mark).await?;
    assert!(own_calls.iter().all(|call| call.number <= after_drift), "{}", listed(&own_calls));
    assert_eq!((plan.create, plan.delete), (1, 3), "{}", plan.summary);
    let reasons: BTreeSet<&str> = plan.calls.iter().map(|call| reason(call.reason)).collect();
    assert_eq!(reasons, BTreeSet::from(["differs", "missing", "unwanted"]));

    network.edit(json!({ "managementPolicy": "Enforce" })).await?;
    network.until_ready().await?;
    let mut known = slots(&old);
    known.extend(slots(&site.state().await?));
    let calls = site.writes_after(after_drift).await?;
    let (made, planned) = (made_calls(&calls, &known)?, planned_calls(&plan));
    assert_eq!(by_slot(&made), by_slot(&planned), "{}", listed(&calls));
    assert_eq!(made.len(), planned.len(), "{}", listed(&calls));
    let expected = site.expected().sources(["192.168.11.0/24"]).without_ssm().with_replication_group().tag("Wave", "3");
    assert_eq!(site.summary().await?, expected.summary());
    close(&site).await
}

const fn reason(reason: PlanReason) -> &'static str {
    match reason {
        PlanReason::Missing => "missing",
        PlanReason::Unanswered => "unanswered",
        PlanReason::DiffersFromSpec => "differs",
        PlanReason::NoLongerWanted => "unwanted",
        PlanReason::Drift => "drift",
    }
}

#[tokio::test]
async fn a_move_to_other_subnets_is_planned_completely() -> Result<()> {
    let lab = Lab::shared().await?;
    let mut site = lab.site("plan-move").await?;
    let aws = site.aws.clone();
    let third = site.landing.add_subnet(&aws, Use::Endpoints, 3).await?;
    disable_throttling(&site).await?;
    let id = |name| site.landing.subnet(name).map(str::to_owned);
    let ids = vec![id("endpoints-1")?, id("endpoints-2")?];
    let endpoints = Some(SubnetSelector { ids: Some(ids), tags: None });
    let subnets = Some(SubnetSelectors { endpoints, ..SubnetSelectors::default() });
    let network = site.network("tokyo").without_ssm().with(|spec| spec.subnets = subnets).apply().await?;
    network.until_ready().await?;
    let ids = [id("endpoints-2")?, third];
    network.edit(json!({ "managementPolicy": "Plan", "subnets": { "endpoints": { "ids": ids } } })).await?;
    let (_, plan) = until_planned(&network).await?;
    let mark = site.last_call().await?;
    network.edit(json!({ "managementPolicy": "Enforce" })).await?;
    network.until_ready().await?;
    let calls = site.writes_after(mark).await?;
    let made = made_calls(&calls, &slots(&site.state().await?))?;
    assert_eq!(by_slot(&made), by_slot(&planned_calls(&plan)), "{}", listed(&calls));
    assert_eq!(made.len(), 8, "three endpoints and the resolver, each an addition and a removal:{}", listed(&calls));
    close(&site).await
}

#[tokio::test]
async fn a_planned_network_is_deleted_with_or_without_resources() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("plan-gone").await?;
    let before = site.state().await?;
    let mark = site.last_call().await?;
    let never =
        site.network("never").with(|spec| spec.management_policy = Some(ManagementPolicy::Plan)).apply().await?;
    until_planned(&never).await?;
    never.delete_and_wait().await?;
    assert_eq!(site.writes_after(mark).await?, []);

    let network = site.network("tokyo").apply().await?;
    network.until_ready().await?;
    network.edit(json!({ "managementPolicy": "Plan", "postLaunch": { "ssm": "Disabled" } })).await?;
    until_planned(&network).await?;
    assert!(!tags(&site.state().await?).is_empty(), "the network has resources");
    network.delete_and_wait().await?;
    assert_eq!(site.state().await?, before, "no resources of the network remain");
    close(&site).await
}

#[tokio::test]
async fn a_class_can_set_plan_as_the_default_of_its_networks() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("plan-class").await?;
    site.edit_class(json!({ "defaults": { "managementPolicy": "Plan" } })).await?;
    let mark = site.last_call().await?;
    let network = site.network("tokyo").apply().await?;
    until_planned(&network).await?;
    assert_eq!(site.writes_after(mark).await?, []);
    // The preflight still reports an unsuitable VPC, and the plan is removed, because it must not be approved.
    let vpc = site.landing.vpc.as_str();
    let off = aws_sdk_ec2::types::AttributeBooleanValue::builder().value(false).build();
    site.aws.ec2.modify_vpc_attribute().vpc_id(vpc).enable_dns_hostnames(off).send().await?;
    let unfit = network.until_reason(ConditionType::Stalled, Reason::DnsSupportDisabled).await?;
    assert_eq!(unfit.status.context("no status")?.plan, None);
    let on = aws_sdk_ec2::types::AttributeBooleanValue::builder().value(true).build();
    site.aws.ec2.modify_vpc_attribute().vpc_id(vpc).enable_dns_hostnames(on).send().await?;
    until_planned(&network).await?;
    network.edit(json!({ "managementPolicy": "Enforce" })).await?;
    network.until_condition(ConditionType::Ready, ConditionStatus::True).await?;
    close(&site).await
}
