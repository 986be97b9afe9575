//! What the condition `ReplicationTemplateReady` reports about MGN and its replication templates.

use std::collections::BTreeSet;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

use crate::{
    api::{
        ConditionStatus::{self, False, True},
        ConditionType, Reason,
        conditions::{find, is_true},
    },
    model::{
        failure::{CallFailure, FailureClass},
        observed::{
            SecurityGroup,
            replication_template::{ReplicationTemplate, ReplicationTemplates, Routing},
        },
        plan::Plan,
        replication_template::{TemplateReport, report, report_of_deletion},
        settings::ReplicationGroup,
        slot::GroupRole,
        status::{ResolverHealth, Verdict, conditions},
        testing::{Lab, identity},
    },
};

/// Returns a template that fits the network of the fixture.
fn fitting() -> ReplicationTemplate {
    ReplicationTemplate {
        id: "rct-1".into(),
        routing: Some(Routing::PrivateIp),
        creates_public_ip: Some(false),
        subnet: Some("subnet-s".into()),
        vpc: Some("vpc-1".into()),
        has_default_group: Some(true),
        groups: BTreeSet::new(),
        is_ipv6: false,
    }
}

/// Returns the report about a template that differs from a fitting one. The network is built, with its own group if it has one.
fn changed(replication: &ReplicationGroup, change: impl FnOnce(&Lab, &mut ReplicationTemplate)) -> TemplateReport {
    let mut lab = Lab::new();
    if *replication == ReplicationGroup::Managed {
        lab.settings.replication = ReplicationGroup::Managed;
    }
    lab.run();
    let desired = lab.desired();
    lab.observed.resources.groups.insert("sg-existing".into(), SecurityGroup::default());
    let mut template = fitting();
    change(&lab, &mut template);
    lab.observed.replication_templates = ReplicationTemplates::Read(vec![template]);
    report(replication, &desired, &lab.observed)
}

/// Checks that a change of the template is a contradiction with this message.
#[track_caller]
fn contradicts(replication: &ReplicationGroup, change: impl FnOnce(&Lab, &mut ReplicationTemplate), expected: &str) {
    let TemplateReport::Known((status, reason, message)) = changed(replication, change) else { panic!("no condition") };
    assert_eq!((status, reason), (False, Reason::TemplateUnfit), "{message}");
    let problem = message.strip_prefix("replication template rct-1: ").expect(&message);
    let problem = problem.strip_suffix("; change it with UpdateReplicationConfigurationTemplate").expect(&message);
    assert_eq!(problem, expected);
}

#[track_caller]
fn fits(replication: &ReplicationGroup, change: impl FnOnce(&Lab, &mut ReplicationTemplate)) {
    let expected = (True, Reason::TemplateFits, "replication template rct-1 fits the network".to_owned());
    assert_eq!(changed(replication, change), TemplateReport::Known(expected));
}

const OF_MGN: ReplicationGroup = ReplicationGroup::ServiceManaged;

fn existing() -> ReplicationGroup {
    ReplicationGroup::Existing("sg-existing".into())
}

#[test]
fn a_template_that_fits_is_reported_with_its_id() {
    fits(&OF_MGN, |_, _| {});
    fits(&OF_MGN, |_, template| template.groups = BTreeSet::from(["sg-existing".into()]));
    fits(&existing(), |_, template| {
        template.has_default_group = Some(false);
        template.groups = BTreeSet::from(["sg-existing".into()]);
    });
}

#[test]
fn replication_over_the_internet_is_a_contradiction() {
    let public = |_: &Lab, template: &mut ReplicationTemplate| {
        template.routing = Some(Routing::Other("PUBLIC_IP".to_owned()));
    };
    contradicts(&OF_MGN, public, "`dataPlaneRouting` must be 'PRIVATE_IP', but is 'PUBLIC_IP'");
    contradicts(&OF_MGN, |_, template| template.creates_public_ip = Some(true), "`createPublicIP` must be false");
    contradicts(&OF_MGN, |_, template| template.is_ipv6 = true, "`internetProtocol` must be 'IPV4'");
}

#[test]
fn a_subnet_that_is_not_a_staging_subnet_is_a_contradiction() {
    let rule = "`stagingAreaSubnetId` must be a staging subnet of the network (subnet-s), but";
    let other = |vpc: Option<&str>, subnet: &str| {
        let (vpc, subnet) = (vpc.map(Into::into), Some(subnet.into()));
        move |_: &Lab, template: &mut ReplicationTemplate| (template.vpc, template.subnet) = (vpc, subnet)
    };
    contradicts(&OF_MGN, other(Some("vpc-1"), "subnet-l"), &format!("{rule} subnet-l is not one of them"));
    contradicts(&OF_MGN, other(Some("vpc-2"), "subnet-x"), &format!("{rule} subnet-x is in another VPC"));
    contradicts(&OF_MGN, other(None, "subnet-gone"), &format!("{rule} subnet-gone does not exist"));
}

#[test]
fn a_template_without_the_group_of_mgn_contradicts_a_network_that_relies_on_it() {
    contradicts(
        &OF_MGN,
        |_, template| template.has_default_group = Some(false),
        "`associateDefaultSecurityGroup` must be true, because `spec.replication.securityGroup.mode` is 'ServiceManaged'",
    );
}

#[test]
fn a_template_without_the_group_of_the_network_is_a_contradiction() {
    let own = |lab: &Lab| lab.observed.resources.group(&identity(), GroupRole::Replication).expect("it is built");
    let alone = |id: &crate::model::ids::SecurityGroupId, template: &mut ReplicationTemplate| {
        template.has_default_group = Some(false);
        template.groups = BTreeSet::from([id.clone()]);
    };
    let managed = ReplicationGroup::Managed;
    fits(&managed, |lab, template| alone(&own(lab), template));
    let mut id = String::new();
    let TemplateReport::Known((False, _, message)) = changed(&managed, |lab, template| {
        id = own(lab).to_string();
        template.has_default_group = Some(false);
    }) else {
        panic!("it fits")
    };
    assert!(message.contains(&format!("`replicationServersSecurityGroupsIDs` must contain {id};")), "{message}");
    contradicts(
        &existing(),
        |_, template| template.has_default_group = Some(false),
        "`replicationServersSecurityGroupsIDs` must contain sg-existing",
    );
    for (mode, replication) in [("Managed", managed), ("Existing", existing())] {
        contradicts(
            &replication,
            |lab, template| {
                alone(&if mode == "Managed" { own(lab) } else { "sg-existing".into() }, template);
                template.has_default_group = Some(true);
            },
            &format!(
                "`associateDefaultSecurityGroup` must be false, because `spec.replication.securityGroup.mode` is '{mode}'"
            ),
        );
    }
}

#[test]
fn the_group_of_a_planned_network_does_not_exist_yet() {
    let mut lab = Lab::new();
    lab.settings.replication = ReplicationGroup::Managed;
    lab.observed.replication_templates =
        ReplicationTemplates::Read(vec![ReplicationTemplate { has_default_group: Some(false), ..fitting() }]);
    let TemplateReport::Known((False, Reason::TemplateUnfit, message)) =
        report(&lab.settings.replication, &lab.desired(), &lab.observed)
    else {
        panic!("it fits")
    };
    assert!(message.contains("the network's replication group, which does not exist yet"), "{message}");
}

#[test]
fn a_group_that_does_not_exist_is_a_contradiction() {
    let stale = |_: &Lab, template: &mut ReplicationTemplate| template.groups = BTreeSet::from(["sg-gone".into()]);
    contradicts(
        &OF_MGN,
        stale,
        "`replicationServersSecurityGroupsIDs` must contain only groups of vpc-1, but sg-gone does not exist there",
    );
    // The groups of a template for another VPC are not judged.
    contradicts(
        &OF_MGN,
        |_, template| {
            (template.subnet, template.vpc) = (Some("subnet-x".into()), Some("vpc-2".into()));
            template.groups.insert("sg-of-vpc-2".into());
        },
        "`stagingAreaSubnetId` must be a staging subnet of the network (subnet-s), but subnet-x is in another VPC",
    );
}

#[test]
fn all_contradictions_are_reported_together() {
    contradicts(
        &OF_MGN,
        |_, template| {
            template.routing = Some(Routing::Other("PUBLIC_IP".to_owned()));
            template.creates_public_ip = Some(true);
        },
        "`dataPlaneRouting` must be 'PRIVATE_IP', but is 'PUBLIC_IP'; `createPublicIP` must be false",
    );
}

#[test]
fn what_aws_does_not_report_is_not_judged() {
    fits(&OF_MGN, |_, template| {
        let id = template.id.clone();
        *template = ReplicationTemplate {
            id,
            routing: None,
            creates_public_ip: None,
            subnet: None,
            vpc: None,
            has_default_group: None,
            groups: BTreeSet::new(),
            is_ipv6: false,
        };
    });
}

/// Returns the report of the fixture's network about these templates.
fn about(templates: ReplicationTemplates) -> TemplateReport {
    let mut lab = Lab::built();
    lab.observed.replication_templates = templates;
    report(&lab.settings.replication, &lab.desired(), &lab.observed)
}

#[test]
fn each_of_several_templates_must_fit() {
    let second = ReplicationTemplate { id: "rct-2".into(), ..fitting() };
    let both = |second| about(ReplicationTemplates::Read(vec![fitting(), second]));
    let expected = (True, Reason::TemplateFits, "replication template rct-1, rct-2 fits the network".to_owned());
    assert_eq!(both(second.clone()), TemplateReport::Known(expected));
    let TemplateReport::Known((status, _, message)) =
        both(ReplicationTemplate { creates_public_ip: Some(true), ..second })
    else {
        panic!("no condition")
    };
    assert!(status == False && message.starts_with("replication template rct-2: `createPublicIP`"), "{message}");
}

#[test]
fn an_account_without_a_template_is_not_initialized() {
    let TemplateReport::Known((status, reason, message)) = about(ReplicationTemplates::Read(Vec::new())) else {
        panic!("no condition")
    };
    assert_eq!((status, reason), (False, Reason::MgnNotInitialized));
    assert!(message.contains("InitializeService"), "{message}");
}

#[test]
fn a_group_that_is_deleted_with_the_network_is_reported_while_a_template_names_it() {
    let groups = BTreeSet::from(["sg-own".into()]);
    let naming = |id: &str| {
        ReplicationTemplates::Read(vec![ReplicationTemplate { groups: BTreeSet::from([id.into()]), ..fitting() }])
    };
    let TemplateReport::Known((status, reason, message)) = report_of_deletion(&naming("sg-own"), &groups) else {
        panic!("no condition")
    };
    assert_eq!((status, reason), (False, Reason::Deleting));
    assert!(message.starts_with("replication template rct-1 names sg-own"), "{message}");
    assert_eq!(report_of_deletion(&naming("sg-other"), &groups), TemplateReport::Absent);
    assert_eq!(report_of_deletion(&ReplicationTemplates::NotPermitted, &groups), TemplateReport::Absent);
    assert_eq!(report_of_deletion(&ReplicationTemplates::Unread, &groups), TemplateReport::Unchanged);
}

/// Returns the conditions of a complete network after two reconciles.
fn complete(before: &[Condition], template: &TemplateReport, generation: i64) -> Vec<Condition> {
    let verdict = Verdict::Built {
        plan: Plan::default(),
        failures: Vec::new(),
        changed: false,
        resolver: ResolverHealth::Full,
        endpoints: (7, 7),
        foreign_rules: Vec::new(),
    };
    let mut written = before.to_vec();
    for _ in 0..2 {
        conditions::write(&mut written, &verdict, false, generation, Timestamp::UNIX_EPOCH);
        conditions::write_template(&mut written, template, generation, Timestamp::UNIX_EPOCH);
    }
    written
}

fn template_condition(conditions: &[Condition]) -> Option<(&str, Option<i64>)> {
    let condition = find(conditions, ConditionType::ReplicationTemplateReady)?;
    Some((&condition.status, condition.observed_generation))
}

#[test]
fn no_report_affects_another_condition() {
    let unfit = (False, Reason::TemplateUnfit, "it does not fit".to_owned());
    let without = complete(&[], &about(ReplicationTemplates::NotPermitted), 1);
    assert!(is_true(&without, ConditionType::Ready));
    assert_eq!(template_condition(&without), None);
    let mut with = complete(&[], &TemplateReport::Known(unfit), 1);
    assert_eq!(template_condition(&with), Some((ConditionStatus::False.as_str(), Some(1))));
    with.retain(|condition| condition.type_ != "ReplicationTemplateReady");
    assert_eq!(with, without);
}

#[test]
fn templates_that_could_not_be_read_leave_the_condition_as_it_was() {
    let unread = about(ReplicationTemplates::Unread);
    assert_eq!(template_condition(&complete(&[], &unread, 1)), None);
    let known = TemplateReport::Known((True, Reason::TemplateFits, "it fits".to_owned()));
    let before = complete(&[], &known, 1);
    let after = complete(&before, &unread, 2);
    assert_eq!(template_condition(&after), Some(("True", Some(2))));
    // The account was not observed.
    let failure = CallFailure {
        class: FailureClass::Transient,
        operation: "ec2:DescribeVpcs".to_owned(),
        code: "InternalError".to_owned(),
        message: String::new(),
        request_id: None,
    };
    let mut unseen = after;
    let verdict = Verdict::Unseen(failure);
    conditions::write(&mut unseen, &verdict, false, 3, Timestamp::UNIX_EPOCH);
    conditions::write_template(&mut unseen, &TemplateReport::default(), 3, Timestamp::UNIX_EPOCH);
    assert_eq!(template_condition(&unseen), Some(("True", Some(3))));
}
