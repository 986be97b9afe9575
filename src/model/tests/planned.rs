//! Tests of `status.plan`: snapshots of complete plans, and the hash that identifies a plan.

use std::collections::BTreeSet;

use crate::{
    api::{PlanReason, PlanStatus},
    model::{
        ownership::Tags,
        preview::{
            forecast::forecast,
            status::{digest, status},
        },
        settings::SubnetSelector,
        testing::{Lab, endpoints, identity, subnets, without_ssm},
    },
};

const TOKYO: &str = "ap-northeast-1";

fn plan_in(lab: &Lab, region: &str, drifted: bool) -> PlanStatus {
    let mut claims = lab.claims.clone();
    claims.settle(&identity(), &lab.observed.resources, &BTreeSet::new());
    let forecast = forecast(&lab.desired(), &lab.observed.resources, &claims, &lab.managed_tags);
    status(&forecast, &lab.desired(), &lab.observed.resources, region, drifted)
}

fn plan(lab: &Lab) -> PlanStatus {
    plan_in(lab, TOKYO, false)
}

#[test]
fn the_plan_of_a_new_network() {
    insta::assert_snapshot!(serde_saphyr::to_string(&plan(&Lab::new())).unwrap());
}

#[test]
fn the_plan_of_an_edit() {
    let mut lab = Lab::built();
    lab.settings.endpoint_subnets = SubnetSelector::Ids(subnets(&["subnet-c", "subnet-d"]));
    lab.settings.endpoints = endpoints(&without_ssm());
    lab.settings.tags = Tags::from([("Wave".to_owned(), "3".to_owned())]);
    insta::assert_snapshot!(serde_saphyr::to_string(&plan(&lab)).unwrap());
}

#[test]
fn a_network_at_rest_has_an_empty_plan() {
    let plan = plan(&Lab::built());
    assert_eq!((plan.create, plan.update, plan.delete, plan.call_count, plan.estimated_seconds), (0, 0, 0, 0, 0));
    assert_eq!(plan.summary, "nothing to create, change or delete");
    let cost = plan.cost.unwrap();
    assert_eq!(cost.monthly_usd, cost.current_monthly_usd);
}

#[test]
fn the_hash_changes_only_with_the_calls() {
    let lab = Lab::new();
    let hash = plan(&lab).hash;
    assert_eq!((hash.len(), &plan(&lab).hash), (12, &hash));
    assert_eq!(plan_in(&lab, "eu-west-1", true).hash, hash, "the Region and the cause do not change it");
    let mut other = Lab::new();
    other.observed.subnets.get_mut(&"subnet-a".into()).unwrap().available_addresses -= 1;
    assert_eq!(plan(&other).hash, hash, "a change that does not affect the plan");
    let mut changes: Vec<Lab> = std::iter::repeat_with(Lab::new).take(4).collect();
    changes[0].settings.sources = BTreeSet::from(["192.168.20.0/24".parse().unwrap()]);
    changes[0].settings.clients = changes[0].settings.sources.clone();
    changes[1].settings.tags = Tags::from([("Wave".to_owned(), "3".to_owned())]);
    changes[2].settings.tags = Tags::from([("Wave".to_owned(), "4".to_owned())]);
    changes[3].settings.endpoints = endpoints(&without_ssm());
    let hashes: BTreeSet<String> = changes.iter().map(|lab| plan(lab).hash).chain([hash]).collect();
    assert_eq!(hashes.len(), 5, "each of these changes the calls");
}

#[test]
fn a_change_in_aws_alone_is_drift() {
    let mut lab = Lab::built();
    let wanted = digest(&lab.desired());
    for group in lab.observed.resources.groups.values_mut() {
        group.ingress.clear();
    }
    assert_eq!(digest(&lab.desired()), wanted, "the desired state is the same");
    let reasons = |drifted| plan_in(&lab, TOKYO, drifted).calls.iter().map(|call| call.reason).collect::<Vec<_>>();
    assert_eq!(reasons(true), [PlanReason::Drift; 2]);
    assert_eq!(reasons(false), [PlanReason::DiffersFromSpec; 2]);
    lab.settings.endpoints = endpoints(&without_ssm());
    assert_ne!(digest(&lab.desired()), wanted);
}

#[test]
fn a_region_without_rates_has_no_cost_estimate() {
    let cost = plan_in(&Lab::new(), "mx-central-1", false).cost.unwrap();
    assert_eq!((cost.monthly_usd, cost.current_monthly_usd, cost.rates_as_of), (None, None, None));
    assert_eq!(cost.source, "the operator has no rates for Region 'mx-central-1'; see calculator.aws");
}

/// The schema limits the size of status, and the API server rejects a status that exceeds it.
#[test]
fn the_largest_plan_fits_the_schema() {
    let mut lab = Lab::new();
    lab.settings.sources = (0..64_u8).map(|n| format!("10.{n}.0.0/16").parse().unwrap()).collect();
    lab.settings.clients.clone_from(&lab.settings.sources);
    lab.settings.tags = (0..40).map(|n| (format!("{n:0>128}"), "x".repeat(256))).collect();
    let plan = plan(&lab);
    assert!(plan.calls.iter().all(|call| call.what.chars().count() <= 512), "truncated");
    assert!(plan.calls.iter().any(|call| call.what.ends_with('…')), "and visibly truncated");
    assert!(!serde_saphyr::to_string(&plan).unwrap().contains("xxx"), "values of tags are not shown");
}
