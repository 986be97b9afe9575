//! The limits of classes, and the messages about networks that exceed them.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    api::{
        AdoptedDeletionPolicy, AdoptionPolicy, ClassLimits, DeletionPolicy, EndpointPolicyLimits, PolicyPreset,
        PolicyType, PrivateDns, SubnetSelector, SubnetSelectors, TagKeyLimits, Toggle,
    },
    model::{
        preflight::ResolvedSubnets,
        settings::{
            Settings,
            endpoints::PolicySource,
            limits::{Limits, omitted, on_deletion},
        },
        slot::Service,
        testing::{settings, subnets, tokyo},
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
        assert_eq!(limits.of_services(&BTreeSet::from(Service::STANDARD), &settings()), None);
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
        adopted_deletion_policies: Some(vec![AdoptedDeletionPolicy::Release]),
        ..ClassLimits::default()
    };
    let mut settings = settings();
    settings.adoption = AdoptionPolicy::Any;
    settings.adopted_deletion = AdoptedDeletionPolicy::Delete;
    let found = of(&limits).of_settings(&settings);
    assert_eq!(
        found,
        [
            "`spec.deletionPolicy` must be a value that class 'tokyo' allows, but 'Delete' is not; allowed: Retain",
            "`spec.adoptionPolicy` must be a value that class 'tokyo' allows, but 'Any' is not; allowed: Never, Retained",
            "`spec.adoptedDeletionPolicy` must be a value that class 'tokyo' allows, but 'Delete' is not; allowed: Release",
        ]
    );
    settings.deletion = DeletionPolicy::Retain;
    settings.adopted_deletion = AdoptedDeletionPolicy::Release;
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
    assert_eq!(of(&limits).of_services(&core, &settings()), None);
    assert_eq!(
        of(&limits).of_vpc(&"vpc-1".into()).unwrap(),
        "`spec.vpc` must be a VPC that class 'tokyo' allows, but 'vpc-1' is not; allowed: vpc-2, vpc-3"
    );
    assert_eq!(
        of(&limits).of_services(&BTreeSet::from(Service::STANDARD), &settings()).unwrap(),
        "`spec.postLaunch.ssm` must be 'Disabled', because class 'tokyo' allows no endpoint for 'ssm, ssmmessages, ec2messages'; \
         allowed: mgn, s3, ec2"
    );
    let limits = ClassLimits { services: Some(words(&["mgn"])), ..ClassLimits::default() };
    let found = of(&limits).of_services(&core, &settings()).unwrap();
    assert!(found.contains("endpoints for 's3, ec2'") && found.contains("allowed: mgn;"), "{found}");
}

#[test]
fn the_switches_that_ask_for_a_refused_service_are_named() {
    use Toggle::{Disabled, Enabled};
    let (sts, ssm) = (Service::Sts, Service::Ssm);
    let (of_ssm, of_connector, of_list) = ("`spec.postLaunch.ssm`", "`spec.onPremises.connector`", "`spec.endpoints`");
    let both = format!("{of_ssm} and {of_connector}");
    for (ssm_is, connector_is, wanted, field) in [
        (Enabled, Enabled, vec![sts], of_connector),
        (Enabled, Enabled, vec![ssm], &both),
        (Enabled, Enabled, vec![sts, ssm], &both),
        (Disabled, Enabled, vec![sts, ssm], of_connector),
        (Enabled, Disabled, vec![ssm], of_ssm),
        (Enabled, Disabled, vec![sts, ssm], of_list),
        (Disabled, Disabled, vec![ssm], of_list),
        (Disabled, Enabled, vec![sts, Service::Ec2], of_list),
    ] {
        let limits = ClassLimits { services: Some(words(&["mgn"])), ..ClassLimits::default() };
        let settings = Settings { ssm: ssm_is, connector: connector_is, ..settings() };
        let found = of(&limits).of_services(&wanted.iter().copied().collect(), &settings).unwrap();
        assert!(found.starts_with(&format!("{field} must")), "{ssm_is:?}, {connector_is:?}, {wanted:?}: {found}");
    }
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
    let only = |policy| vec![policy];
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
        assert_eq!(on_deletion(asked, recorded, limits.as_ref()), expected, "{case}");
    }
}

#[test]
fn endpoint_policies_and_private_dns_must_be_allowed() {
    let of_policies = |types: Option<Vec<PolicyType>>, presets: Option<Vec<PolicyPreset>>| ClassLimits {
        endpoint_policies: Some(EndpointPolicyLimits { types, presets }),
        ..ClassLimits::default()
    };
    let source = |policy_type, preset| PolicySource { policy_type, preset };
    let mut settings = settings();
    settings.policy_sources = BTreeMap::from([
        ("spec.endpointPolicy".to_owned(), source(PolicyType::Preset, Some(PolicyPreset::FullAccess))),
        ("spec.endpoints[mgn/Interface].policy".to_owned(), source(PolicyType::Inline, None)),
    ]);
    let found =
        of(&of_policies(Some(vec![PolicyType::Preset]), Some(vec![PolicyPreset::MgnOnly]))).of_settings(&settings);
    assert_eq!(
        found,
        [
            "`spec.endpointPolicy.preset` must be a value that class 'tokyo' allows, but 'FullAccess' is not; allowed: MGNOnly",
            "`spec.endpoints[mgn/Interface].policy.type` must be a value that class 'tokyo' allows, but 'Inline' is not; \
             allowed: Preset",
        ]
    );
    let all = of_policies(Some(vec![PolicyType::Preset, PolicyType::Inline]), Some(vec![PolicyPreset::FullAccess]));
    assert_eq!(of(&all).of_settings(&settings), Vec::<String>::new());

    let limits = ClassLimits { private_dns: Some(vec![PrivateDns::Enabled]), ..ClassLimits::default() };
    assert_eq!(
        of(&limits).of_settings(&settings),
        [
            "`spec.endpoints[s3/Interface].privateDNS` must be a value that class 'tokyo' allows, but 'InboundResolverOnly' is \
          not; allowed: Enabled"
        ]
    );
}

#[test]
fn tags_on_which_other_tools_act_are_denied_unless_the_class_allows_them() {
    let tagged = |keys: &[&str]| Settings { own_tag_keys: words(keys).into_iter().collect(), ..settings() };
    let limits = |allow: &[&str], deny: &[&str]| ClassLimits {
        tag_keys: Some(TagKeyLimits { allow: Some(words(allow)), deny: Some(words(deny)) }),
        ..ClassLimits::default()
    };
    let keys = ["karpenter.sh/discovery", "kubernetes.io/cluster/prod", "team"];
    let cases = [
        (ClassLimits::default(), "'karpenter.sh/discovery, kubernetes.io/cluster/prod' is denied"),
        (limits(&["karpenter.sh/*"], &[]), "'kubernetes.io/cluster/prod' is denied"),
        (limits(&["kubernetes.io/cluster/prod", "karpenter.sh/discovery"], &["t*"]), "'team' is denied"),
        (limits(&["team"], &["*"]), "'karpenter.sh/discovery, kubernetes.io/cluster/prod' is denied"),
    ];
    for (limits, words) in cases {
        let found = of(&limits).of_settings(&tagged(&keys));
        assert!(matches!(&found[..], [one] if one.contains(words)), "{limits:?}: {found:?}");
    }
    assert_eq!(of(&limits(&["team"], &["*"])).of_settings(&tagged(&["team"])), Vec::<String>::new());
    assert_eq!(of(&limits(&[], &["teams"])).of_settings(&tagged(&["team"])), Vec::<String>::new());
}

#[test]
fn subnets_must_be_allowed_for_their_use() {
    let by_ids = SubnetSelector { ids: Some(words(&["subnet-a"])), tags: None };
    let by_tags =
        SubnetSelector { ids: None, tags: Some(BTreeMap::from([("mgnet-role".to_owned(), "staging".to_owned())])) };
    let limits = ClassLimits {
        subnets: Some(SubnetSelectors { endpoints: Some(by_ids), staging: Some(by_tags), launch: None }),
        ..ClassLimits::default()
    };
    let selected = ResolvedSubnets {
        endpoints: subnets(&["subnet-a", "subnet-c"]),
        staging: subnets(&["subnet-l", "subnet-s"]),
        launch: subnets(&["subnet-l"]),
    };
    let observed = tokyo().subnets;
    assert_eq!(
        of(&limits).of_subnets(&selected, &observed),
        [
            "`spec.subnets.endpoints` must select subnets that class 'tokyo' allows, but 'subnet-c' is not; allowed: subnet-a",
            "`spec.subnets.staging` must select subnets that class 'tokyo' allows, but 'subnet-l' is not; allowed: those with \
             the tags 'mgnet-role=staging'",
        ]
    );
    let allowed = ResolvedSubnets { endpoints: subnets(&["subnet-a"]), staging: subnets(&["subnet-s"]), ..selected };
    assert_eq!(of(&limits).of_subnets(&allowed, &observed), Vec::<String>::new());
}

#[test]
fn limits_that_protect_others_are_reported_if_they_are_omitted() {
    assert_eq!(omitted(None), ["subnets", "endpointPolicies", "privateDNS"]);
    let limits = ClassLimits { subnets: Some(SubnetSelectors::default()), ..ClassLimits::default() };
    assert_eq!(omitted(Some(&limits)), ["endpointPolicies", "privateDNS"]);
}
