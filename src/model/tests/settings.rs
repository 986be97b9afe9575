//! The effective settings of a spec and its class, and the errors for invalid fields.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    api::{
        DeletionPolicy, EndpointSecurityGroupSpec, MigrationNetworkClassSpec, MigrationNetworkSpec, NetworkDefaults,
        SecurityGroupMode, SubnetSelector, SubnetSelectors, VpcSelector,
    },
    model::{
        ownership::Tags,
        settings::{self, Settings, deletion_policy},
    },
};

fn subnets(selector: SubnetSelector) -> SubnetSelectors {
    SubnetSelectors { endpoints: Some(selector.clone()), staging: Some(selector), launch: None }
}

fn by_ids(ids: &[&str]) -> SubnetSelector {
    SubnetSelector { ids: Some(ids.iter().map(|id| (*id).to_owned()).collect()), tags: None }
}

fn spec() -> MigrationNetworkSpec {
    MigrationNetworkSpec {
        vpc: Some(VpcSelector { id: Some("vpc-1".to_owned()), tags: None }),
        subnets: Some(subnets(by_ids(&["subnet-1"]))),
        source_cidrs: Some(vec!["192.168.10.0/24".to_owned()]),
        ..MigrationNetworkSpec::default()
    }
}

fn class() -> MigrationNetworkClassSpec {
    MigrationNetworkClassSpec { region: "ap-northeast-1".to_owned(), ..MigrationNetworkClassSpec::default() }
}

fn parsed(change: impl FnOnce(&mut MigrationNetworkSpec)) -> Result<Settings, Vec<String>> {
    let mut spec = spec();
    change(&mut spec);
    let parsed = Settings::parse(&spec, &class(), &BTreeMap::new(), BTreeSet::new());
    parsed.map_err(|errors| errors.into_iter().map(|error| error.field).collect())
}

fn tags(count: usize) -> Tags {
    (0..count).map(|number| (format!("key-{number}"), "value".to_owned())).collect()
}

#[test]
fn a_selector_has_exactly_one_kind_of_entries() {
    let vpc = |id: Option<&str>, tags: Option<Tags>| {
        parsed(|spec| spec.vpc = Some(VpcSelector { id: id.map(ToOwned::to_owned), tags }))
    };
    assert_eq!(vpc(Some("vpc-1"), None).unwrap().vpc, settings::VpcSelector::Id("vpc-1".into()));
    assert_eq!(vpc(None, Some(tags(1))).unwrap().vpc, settings::VpcSelector::Tags(tags(1)));
    for refused in [vpc(None, None), vpc(None, Some(tags(0))), vpc(Some("vpc-1"), Some(tags(1)))] {
        assert_eq!(refused.unwrap_err(), ["spec.vpc"]);
    }
    let chosen = |ids: Option<&[&str]>, tags: Option<Tags>| {
        let ids = ids.map(|ids| ids.iter().map(|id| (*id).to_owned()).collect());
        parsed(|spec| spec.subnets = Some(subnets(SubnetSelector { ids, tags })))
    };
    assert_eq!(chosen(None, Some(tags(1))).unwrap().staging_subnets, settings::SubnetSelector::Tags(tags(1)));
    for refused in
        [chosen(None, None), chosen(Some(&[]), None), chosen(None, Some(tags(0))), chosen(Some(&["a"]), Some(tags(1)))]
    {
        assert_eq!(refused.unwrap_err(), ["spec.subnets.endpoints", "spec.subnets.staging"]);
    }
}

#[test]
fn missing_sources_are_reported_once_and_not_for_invalid_ranges() {
    assert_eq!(parsed(|spec| spec.source_cidrs = None).unwrap_err(), ["spec.sourceCIDRs"]);
    assert_eq!(parsed(|spec| spec.source_cidrs = Some(vec!["any".to_owned()])).unwrap_err(), ["spec.sourceCIDRs"]);
    assert_eq!(parsed(|spec| spec.proxy_cidrs = Some(vec!["any".to_owned()])).unwrap_err(), ["spec.proxyCIDRs"]);
}

#[test]
fn a_range_is_canonical_and_can_contain_servers() {
    let reads = |range: &str| parsed(|spec| spec.source_cidrs = Some(vec![range.to_owned()])).is_ok();
    for good in ["10.0.0.0/8", "192.168.10.7/32", "172.16.0.0/12"] {
        assert!(reads(good), "{good}");
    }
    for bad in ["10.0.0.1/8", "10.0.0.0/7", "127.0.0.0/8", "127.1.0.0/16", "169.254.0.0/16", "010.0.0.0/8", "10.0.0.0"]
    {
        assert!(!reads(bad), "{bad}");
    }
}

#[test]
fn tags_leave_room_for_the_owner_tags() {
    assert_eq!(parsed(|spec| spec.tags = Some(tags(42))).unwrap().tags, tags(42));
    assert_eq!(parsed(|spec| spec.tags = Some(tags(43))).unwrap_err(), ["spec.tags"]);
    assert_eq!(parsed(|spec| spec.tags = Some(tags(44))).unwrap_err(), ["spec.tags"]);
    for key in ["aws:name", "mgnet.dev/owner"] {
        let reserved = Tags::from([(key.to_owned(), "x".to_owned())]);
        assert_eq!(parsed(|spec| spec.tags = Some(reserved)).unwrap_err(), ["spec.tags"], "{key}");
    }
}

#[test]
fn existing_groups_are_required_by_name() {
    let groups = |ids: &[&str]| EndpointSecurityGroupSpec {
        mode: Some(SecurityGroupMode::Existing),
        ids: Some(ids.iter().map(|id| (*id).to_owned()).collect()),
    };
    let settings = parsed(|spec| spec.endpoint_security_group = Some(groups(&["sg-1", "sg-2"]))).unwrap();
    let expected = Some(["sg-1".into(), "sg-2".into()].into());
    assert_eq!(settings.endpoint_groups, expected);
    assert_eq!(Some(settings.named_groups()), expected);
    let empty = parsed(|spec| spec.endpoint_security_group = Some(groups(&[]))).unwrap_err();
    assert_eq!(empty, ["spec.endpointSecurityGroup.ids"]);
    assert_eq!(settings.named_subnets(), ["subnet-1".into()].into());
}

#[test]
fn the_deletion_policy_comes_from_the_network_or_its_class() {
    let retain = Some(DeletionPolicy::Retain);
    let mut class = class();
    assert_eq!(deletion_policy(&spec(), None), DeletionPolicy::Delete);
    assert_eq!(deletion_policy(&spec(), Some(&class)), DeletionPolicy::Delete);
    class.defaults = Some(NetworkDefaults { deletion_policy: retain, ..NetworkDefaults::default() });
    assert_eq!(deletion_policy(&spec(), Some(&class)), DeletionPolicy::Retain);
    let own = MigrationNetworkSpec { deletion_policy: Some(DeletionPolicy::Delete), ..spec() };
    assert_eq!(deletion_policy(&own, Some(&class)), DeletionPolicy::Delete);
}
