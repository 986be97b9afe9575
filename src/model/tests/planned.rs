//! The plan as people read it: whole plans as snapshots, and that a plan's name is the plan's.

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
fn nothing_to_do_is_a_plan_of_no_calls() {
    let plan = plan(&Lab::built());
    assert_eq!((plan.create, plan.update, plan.delete, plan.call_count, plan.estimated_seconds), (0, 0, 0, 0, 0));
    assert_eq!(plan.summary, "nothing to create, to change or to delete");
    let cost = plan.cost.unwrap();
    assert_eq!(cost.monthly_usd, cost.current_monthly_usd);
}

#[test]
fn the_hash_changes_with_the_calls_and_with_nothing_else() {
    let lab = Lab::new();
    let hash = plan(&lab).hash;
    assert_eq!((hash.len(), &plan(&lab).hash), (12, &hash));
    assert_eq!(plan_in(&lab, "eu-west-1", true).hash, hash, "neither where nor why");
    let mut other = Lab::new();
    other.observed.subnets.get_mut(&"subnet-a".into()).unwrap().available_addresses -= 1;
    assert_eq!(plan(&other).hash, hash, "AWS changed in what the plan does not touch");
    let mut changes: Vec<Lab> = std::iter::repeat_with(Lab::new).take(4).collect();
    changes[0].settings.sources = BTreeSet::from(["192.168.20.0/24".parse().unwrap()]);
    changes[0].settings.clients = changes[0].settings.sources.clone();
    changes[1].settings.tags = Tags::from([("Wave".to_owned(), "3".to_owned())]);
    changes[2].settings.tags = Tags::from([("Wave".to_owned(), "4".to_owned())]);
    changes[3].settings.endpoints = endpoints(&without_ssm());
    let hashes: BTreeSet<String> = changes.iter().map(|lab| plan(lab).hash).chain([hash]).collect();
    assert_eq!(hashes.len(), 5, "each of these makes other calls");
}

#[test]
fn what_changed_in_aws_alone_is_called_drift() {
    let mut lab = Lab::built();
    let wanted = digest(&lab.desired());
    for group in lab.observed.resources.groups.values_mut() {
        group.ingress.clear();
    }
    assert_eq!(digest(&lab.desired()), wanted, "what is wanted is the same");
    let reasons = |drifted| plan_in(&lab, TOKYO, drifted).calls.iter().map(|call| call.reason).collect::<Vec<_>>();
    assert_eq!(reasons(true), [PlanReason::Drift; 2]);
    assert_eq!(reasons(false), [PlanReason::DiffersFromSpec; 2]);
    lab.settings.endpoints = endpoints(&without_ssm());
    assert_ne!(digest(&lab.desired()), wanted);
}

#[test]
fn a_region_without_rates_has_no_figure_and_says_so() {
    let cost = plan_in(&Lab::new(), "mx-central-1", false).cost.unwrap();
    assert_eq!((cost.monthly_usd, cost.current_monthly_usd, cost.rates_as_of), (None, None, None));
    assert_eq!(cost.source, "no rates are known for Region 'mx-central-1'; see calculator.aws");
}

/// The schema bounds what status may hold, and a status that it refuses could never be written.
#[test]
fn the_largest_plan_keeps_the_bounds_of_the_schema() {
    let mut lab = Lab::new();
    lab.settings.sources = (0..64_u8).map(|n| format!("10.{n}.0.0/16").parse().unwrap()).collect();
    lab.settings.clients.clone_from(&lab.settings.sources);
    lab.settings.tags = (0..40).map(|n| (format!("{n:0>128}"), "x".repeat(256))).collect();
    let plan = plan(&lab);
    assert!(plan.calls.iter().all(|call| call.what.chars().count() <= 512), "cut");
    assert!(plan.calls.iter().any(|call| call.what.ends_with('…')), "and seen to be cut");
    assert!(!serde_saphyr::to_string(&plan).unwrap().contains("xxx"), "values of tags are not shown");
}
