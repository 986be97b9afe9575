//! The limits of classes, and the messages about networks that exceed them.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    api::{AdoptionPolicy, ClassLimits, DeletionPolicy},
    model::{
        settings::{
            Settings,
            limits::{Limits, deletion},
        },
        slot::Service,
        testing::settings,
    },
};

fn of(limits: &ClassLimits) -> Limits {
    Limits::parse("tokyo", Some(limits))
}

fn asking(field: &'static str, ranges: &[&str]) -> Settings {
    let ranges = ranges.iter().map(|range| range.parse().expect("a range")).collect();
    Settings { limited_ranges: BTreeMap::from([(field, ranges)]), ..settings() }
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

#[test]
fn omitted_limits_do_not_apply() {
    for limits in [None, Some(&ClassLimits::default())] {
        let limits = Limits::parse("tokyo", limits);
        assert_eq!(limits.of_settings(&asking("spec.sourceCIDRs", &["10.0.0.0/8"])), Vec::<String>::new());
        assert_eq!(limits.of_vpc(&"vpc-1".into()), None);
        assert_eq!(limits.of_services(&BTreeSet::from(Service::STANDARD)), None);
        assert_eq!(limits.of_number(1000), None);
    }
}

#[test]
fn each_source_range_must_be_inside_an_allowed_one() {
    let none = "";
    let cases: [(&[&str], &[&str], &str); 7] = [
        (&["192.168.10.0/24"], &["192.168.0.0/16"], none),
        (&["192.168.0.0/16"], &["192.168.0.0/16"], none),
        (&["192.168.0.0/15"], &["192.168.0.0/16"], "192.168.0.0/15"),
        (&["192.169.0.0/24"], &["192.168.0.0/16"], "192.169.0.0/24"),
        (&["10.1.0.0/24", "192.168.1.0/24"], &["192.168.0.0/16", "10.1.0.0/16"], none),
        (&["172.16.0.0/24", "192.168.1.0/24", "10.9.0.0/24"], &["192.168.0.0/16"], "10.9.0.0/24, 172.16.0.0/24"),
        // The range must be inside one allowed range, not inside two together.
        (&["192.168.0.0/24"], &["192.168.0.0/25", "192.168.0.128/25"], "192.168.0.0/24"),
    ];
    for (sources, allowed, outside) in cases {
        let limits = ClassLimits { source_cidrs: Some(words(allowed)), ..ClassLimits::default() };
        for field in ["spec.sourceCIDRs", "spec.proxyCIDRs", "spec.resolver.clientCIDRs"] {
            let found = of(&limits).of_settings(&asking(field, sources));
            let expected: Vec<String> = (!outside.is_empty())
                .then(|| {
                    format!(
                        "`{field}` must lie in a range that class 'tokyo' allows, but '{outside}' does not; allowed: {}",
                        allowed.join(", ")
                    )
                })
                .into_iter()
                .collect();
            assert_eq!(found, expected);
        }
    }
}

#[test]
fn policies_must_be_allowed() {
    let limits = ClassLimits {
        deletion_policies: Some(vec![DeletionPolicy::Retain]),
        adoption_policies: Some(vec![AdoptionPolicy::Never, AdoptionPolicy::Retained]),
        ..ClassLimits::default()
    };
    let mut settings = settings();
    settings.adoption = AdoptionPolicy::Any;
    let found = of(&limits).of_settings(&settings);
    assert_eq!(
        found,
        [
            "`spec.deletionPolicy` must be a value that class 'tokyo' allows, but 'Delete' is not; allowed: Retain",
            "`spec.adoptionPolicy` must be a value that class 'tokyo' allows, but 'Any' is not; allowed: Never, Retained",
        ]
    );
    settings.deletion = DeletionPolicy::Retain;
    for adoption in [AdoptionPolicy::Never, AdoptionPolicy::Retained] {
        settings.adoption = adoption;
        assert_eq!(of(&limits).of_settings(&settings), Vec::<String>::new());
    }
}

#[test]
fn vpc_and_services_must_be_allowed() {
    let limits = ClassLimits {
        vpcs: Some(words(&["vpc-2", "vpc-3"])),
        services: Some(words(&["mgn", "s3", "ec2"])),
        ..ClassLimits::default()
    };
    let core = BTreeSet::from([Service::Mgn, Service::S3, Service::Ec2]);
    assert_eq!(of(&limits).of_vpc(&"vpc-3".into()), None);
    assert_eq!(of(&limits).of_services(&core), None);
    assert_eq!(
        of(&limits).of_vpc(&"vpc-1".into()).unwrap(),
        "`spec.vpc` must be a VPC that class 'tokyo' allows, but 'vpc-1' is not; allowed: vpc-2, vpc-3"
    );
    assert_eq!(
        of(&limits).of_services(&BTreeSet::from(Service::STANDARD)).unwrap(),
        "`spec.postLaunch.ssm` must be 'Disabled', because class 'tokyo' allows no endpoint for 'ssm, ssmmessages, ec2messages'; \
         allowed: mgn, s3, ec2"
    );
    let limits = ClassLimits { services: Some(words(&["mgn"])), ..ClassLimits::default() };
    let found = of(&limits).of_services(&core).unwrap();
    assert!(found.contains("endpoints for 's3, ec2'") && found.contains("allowed: mgn;"), "{found}");
}

#[test]
fn the_oldest_networks_of_a_namespace_have_priority() {
    let limits = ClassLimits { networks_per_namespace: Some(2), ..ClassLimits::default() };
    assert_eq!(of(&limits).of_number(0), None);
    assert_eq!(of(&limits).of_number(1), None);
    let third = of(&limits).of_number(2).unwrap();
    assert!(third.contains("`limits.networksPerNamespace`") && third.contains("number 3"), "{third}");
}

#[test]
fn an_edit_that_exceeds_limits_has_no_effect_on_deletion() {
    use DeletionPolicy::{Delete, Retain};
    let only = |policy| ClassLimits { deletion_policies: Some(vec![policy]), ..ClassLimits::default() };
    let cases = [
        ("no limits", Delete, Some(Retain), None, Delete),
        ("its own Retain under limits tightened to Delete", Retain, Some(Retain), Some(only(Delete)), Retain),
        ("its own Delete under limits tightened to Retain", Delete, Some(Delete), Some(only(Retain)), Delete),
        ("a refused edit from Retain to Delete", Delete, Some(Retain), Some(only(Retain)), Retain),
        ("a refused edit from Delete to Retain", Retain, Some(Delete), Some(only(Delete)), Delete),
        ("an accepted edit", Retain, Some(Delete), Some(only(Retain)), Retain),
        ("never accepted, so nothing exists", Retain, None, Some(only(Delete)), Retain),
    ];
    for (case, asked, recorded, limits, expected) in cases {
        assert_eq!(deletion(asked, recorded, limits.as_ref()), expected, "{case}");
    }
}
