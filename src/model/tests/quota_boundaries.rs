//! Changes that add before they remove, at the quotas: every number of old, kept and new entries ends in the desired state,
//! without a call that AWS would refuse and without removing what both states need.

use std::collections::BTreeSet;

use crate::model::{
    ids::SecurityGroupId,
    plan::step::Step,
    slot::{EndpointKey, GroupRole, Service, Slot},
    testing::{Lab, identity},
};

/// The default quota of ingress rules of a security group (Amazon VPC quotas).
const RULES: usize = 60;
/// The default quota of security groups of a network interface (Amazon VPC quotas).
const GROUPS: usize = 5;

fn ranges(numbers: std::ops::Range<usize>) -> BTreeSet<ipnet::Ipv4Net> {
    numbers.map(|number| format!("10.{number}.0.0/16").parse().expect("a range")).collect()
}

/// Changes the clients of the Resolver endpoint, each of which needs two rules, and returns the largest number of rules on
/// the way.
fn change_clients(lab: &mut Lab, old: std::ops::Range<usize>, new: std::ops::Range<usize>) -> usize {
    lab.settings.clients = ranges(old.clone());
    lab.run();
    lab.settings.clients = ranges(new.clone());
    let both = ranges(old.start.max(new.start)..old.end.min(new.end));
    let mut most = 0;
    for _ in 0..10 {
        let plan = lab.plan();
        let Some(step) = plan.steps.first() else { break };
        lab.execute(step);
        let group = lab.observed.resources.group(&identity(), GroupRole::Resolver).expect("it is built");
        let rules = &lab.observed.resources.groups[&group].ingress;
        most = most.max(rules.len());
        assert!(rules.len() <= RULES, "AWS refuses the {}th rule: {step}", rules.len());
        let admitted =
            |range| rules.iter().filter(|rule| rule.permission.is_some_and(|one| one.source == range)).count();
        assert!(both.iter().all(|range| admitted(*range) == 2), "{step} removed a rule that both states need");
    }
    assert!(lab.plan().is_done(), "{:#?}", lab.plan());
    most
}

#[test]
fn rules_are_replaced_at_the_quota() {
    // 30 ranges are 60 rules. The old and the new ranges overlap, or are disjoint.
    for (old, new) in
        [(0..30, 1..31), (0..30, 15..45), (0..30, 30..60), (0..29, 2..31), (0..30, 0..29), (0..15, 15..30)]
    {
        let mut lab = Lab::built();
        let most = change_clients(&mut lab, old.clone(), new.clone());
        assert!(most <= RULES, "{old:?} -> {new:?}");
    }
    let mut lab = Lab::built();
    assert_eq!(change_clients(&mut lab, 0..10, 10..20), 40, "with enough room, all new rules are added first");
}

fn groups(numbers: std::ops::Range<usize>) -> BTreeSet<SecurityGroupId> {
    numbers.map(|number| format!("sg-existing-{number}").as_str().into()).collect()
}

#[test]
fn security_groups_of_an_endpoint_are_replaced_at_the_quota() {
    for old in 1..=GROUPS {
        for kept in 0..=old {
            for added in 0..=GROUPS - kept {
                let wanted = groups(old - kept..old + added);
                if wanted.is_empty() {
                    continue;
                }
                let mut present = groups(0..old);
                let mut steps = 0;
                loop {
                    let (add, remove) = crate::model::plan::changes::group_change(&present, &wanted);
                    if add.is_empty() && remove.is_empty() {
                        break;
                    }
                    // One call adds, another one removes.
                    if add.is_empty() {
                        present.retain(|group| !remove.contains(group));
                    } else {
                        present.extend(add);
                    }
                    steps += 1;
                    let what = format!("{old} old, {kept} kept, {added} added, step {steps}: {present:?}");
                    assert!(!present.is_empty() && present.len() <= GROUPS && steps < 10, "{what}");
                    assert!(groups(old - kept..old).is_subset(&present), "{what}");
                }
                assert_eq!(present, wanted);
            }
        }
    }
}

#[test]
fn tags_are_removed_before_others_are_added() {
    let mut lab = Lab::built();
    lab.settings.tags = [("old".to_owned(), "1".to_owned())].into();
    lab.run();
    lab.managed_tags = ["old".to_owned()].into();
    lab.settings.tags = [("new".to_owned(), "1".to_owned())].into();
    let steps = lab.plan().steps;
    let of = |slot: Slot| steps.iter().filter(move |step| step.slots().contains(&slot));
    let mgn: Vec<_> = of(Slot::Endpoint(EndpointKey::interface(Service::Mgn))).collect();
    assert!(matches!(&mgn[..], [Step::RemoveTags { .. }, Step::SetTags { .. }]), "{mgn:?}");
}
