//! The policies deny what the operator must not do, even if it tried: writes to resources that are not its cluster's
//! own, resources without an owner, other services, and what only AWS may do for it.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use mgnet::model::access::external_id;

use crate::{
    evaluate::{Request, is_like},
    policy::Statement,
    reference::{ACTIONS, Access, Action, Key, Kind},
    role_of, shipped, statements, statements_for_transfer,
};

const REGION: &str = "ap-northeast-1";
const ACCOUNT: &str = "111122223333";
const OWN: &str = "cluster";
/// The cluster of the external ID in `trust-policy.json`.
const EXAMPLE_CLUSTER: &str = "0a1b2c3d-1111-4222-8333-444455556666";

/// Tags as pairs.
type Tags = &'static [(&'static str, &'static str)];

const OWNED: Tags = &[("mgnet.dev/owner", "uid"), ("mgnet.dev/cluster", OWN)];
const OF_ANOTHER_CLUSTER: Tags = &[("mgnet.dev/owner", "uid"), ("mgnet.dev/cluster", "another")];
const UNTAGGED: Tags = &[("Name", "corp")];
const WITHOUT_CLUSTER: Tags = &[("mgnet.dev/owner", "uid")];
const WITHOUT_OWNER: Tags = &[("mgnet.dev/adopted", "true"), ("mgnet.dev/cluster", OWN)];
const ADOPTING: Tags = &[("mgnet.dev/owner", "uid"), ("mgnet.dev/cluster", OWN), ("mgnet.dev/adopted", "true")];

/// Returns a request of the caller itself for an action on a resource.
fn request(action: &Action, kind: Kind, id: &str, resource: Tags, requested: Tags) -> Result<Request> {
    let mut keys = BTreeMap::from([("aws:ViaAWSService".to_owned(), "false".to_owned())]);
    let supported = action.keys(kind)?;
    for (key, prefix, tags) in
        [(Key::ResourceTag, "aws:ResourceTag", resource), (Key::RequestTag, "aws:RequestTag", requested)]
    {
        let tags = tags.iter().filter(|_| supported.contains(&key));
        keys.extend(tags.map(|(tag, value)| (format!("{prefix}/{tag}"), (*value).to_owned())));
    }
    Ok(Request { action: action.name.to_owned(), resource: kind.arn(REGION, ACCOUNT, id), keys })
}

/// Returns the request with another condition key.
fn with(request: Request, key: &str, value: &str) -> Request {
    let mut request = request;
    request.keys.insert(key.to_owned(), value.to_owned());
    request
}

fn may(request: &Request, statements: &[Statement]) -> bool {
    role_of(OWN).may(request, statements)
}

/// The actions that change existing resources, each with the kinds that it changes. Other kinds are parameters of
/// calls.
fn changes() -> impl Iterator<Item = (&'static Action, Kind)> {
    let changing = ACTIONS.iter().filter(|action| action.access == Access::Change && action.name != "sts:AssumeRole");
    changing.flat_map(|action| {
        let changed = if is_like(action.name, "*Tags") { action.resources } else { &action.resources[..1] };
        changed.iter().map(move |(kind, _)| (action, *kind))
    })
}

/// Whether only a service may make the call for the operator.
fn is_left_to_services(kind: Kind) -> bool {
    matches!(kind, Kind::NetworkInterface | Kind::HostedZone)
}

#[test]
fn only_resources_with_an_owner_in_this_cluster_can_be_changed() -> Result<()> {
    let statements = statements(false)?;
    for (action, kind) in changes() {
        for resource in [UNTAGGED, OF_ANOTHER_CLUSTER, WITHOUT_CLUSTER, WITHOUT_OWNER] {
            for requested in [&[], OWNED, ADOPTING, OF_ANOTHER_CLUSTER] {
                let request = request(action, kind, "id-1", resource, requested)?;
                ensure!(!may(&request, &statements), "{request:#?}");
            }
        }
        let own = request(action, kind, "id-1", OWNED, &[])?;
        assert_eq!(may(&own, &statements), !is_left_to_services(kind), "{own:#?}");
    }
    Ok(())
}

#[test]
fn a_role_without_the_tag_of_its_cluster_can_only_read() -> Result<()> {
    let statements = statements(true)?;
    let (untagged, other) = (crate::evaluate::Principal::default(), role_of("another"));
    for (action, kind) in changes() {
        let own = request(action, kind, "id-1", OWNED, &[])?;
        ensure!(!untagged.may(&own, &statements) && !other.may(&own, &statements), "{own:#?}");
    }
    for action in ACTIONS.iter().filter(|action| action.access == Access::Create) {
        let new = request(action, action.resources[0].0, "*", &[], OWNED)?;
        ensure!(
            !untagged.may(&with(new, "ec2:VpceServiceName", "com.amazonaws.eu-west-1.s3"), &statements),
            "{action:#?}"
        );
    }
    for action in ACTIONS.iter().filter(|action| action.access == Access::Read) {
        ensure!(untagged.may(&request(action, action.resources[0].0, "id-1", &[], &[])?, &statements), "{action:#?}");
    }
    Ok(())
}

#[test]
fn adoption_adds_only_the_right_to_tag_what_has_no_owner() -> Result<()> {
    let statements = statements(true)?;
    let tagging = ["ec2:CreateTags", "route53resolver:TagResource"];
    for (action, kind) in changes() {
        for (resource, requested, adopts) in [
            (UNTAGGED, ADOPTING, true),
            (UNTAGGED, OWNED, false),
            (UNTAGGED, &[], false),
            (UNTAGGED, OF_ANOTHER_CLUSTER, false),
            (WITHOUT_OWNER, WITHOUT_CLUSTER, true),
            (WITHOUT_OWNER, OWNED, true),
            (WITHOUT_OWNER, OF_ANOTHER_CLUSTER, false),
            (WITHOUT_OWNER, &[], false),
            (WITHOUT_CLUSTER, ADOPTING, false),
            (OF_ANOTHER_CLUSTER, ADOPTING, false),
        ] {
            let request = request(action, kind, "id-1", resource, requested)?;
            assert_eq!(may(&request, &statements), adopts && tagging.contains(&action.name), "{request:#?}");
        }
    }
    Ok(())
}

#[test]
fn a_transfer_adds_only_the_right_to_take_over_what_the_other_cluster_left_to_this_one() -> Result<()> {
    const OWNER: (&str, &str) = ("mgnet.dev/owner", "uid");
    const OLD: (&str, &str) = ("mgnet.dev/cluster", "old");
    const LEFT: Tags = &[OWNER, OLD, ("mgnet.dev/transfer-to", OWN)];
    let statements = [statements(false)?, statements_for_transfer("old")?].concat();
    let tagging = ["ec2:CreateTags", "route53resolver:TagResource"];
    for (action, kind) in changes() {
        for (resource, requested, takes_over) in [
            (LEFT, OWNED, true),
            (LEFT, &[OWNER][..], false),
            (LEFT, &OWNED[1..], false),
            (LEFT, OF_ANOTHER_CLUSTER, false),
            (LEFT, &[], false),
            (&[OWNER, OLD][..], OWNED, false),
            (&[OWNER, OLD, ("mgnet.dev/transfer-to", "another")][..], OWNED, false),
            (&[OWNER, ("mgnet.dev/cluster", "another"), ("mgnet.dev/transfer-to", OWN)][..], OWNED, false),
            (&[OWNER, ("mgnet.dev/transfer-to", OWN)][..], OWNED, false),
            (UNTAGGED, OWNED, false),
        ] {
            let request = request(action, kind, "id-1", resource, requested)?;
            assert_eq!(may(&request, &statements), takes_over && tagging.contains(&action.name), "{request:#?}");
        }
    }
    Ok(())
}

#[test]
fn a_resource_of_the_cluster_cannot_be_given_to_another() -> Result<()> {
    let statements = statements(true)?;
    for (action, kind) in changes().filter(|(_, kind)| !is_left_to_services(*kind)) {
        let request = request(action, kind, "id-1", OWNED, OF_ANOTHER_CLUSTER)?;
        let tags = action.keys(kind)?.contains(&Key::RequestTag) && action.name != "ec2:DeleteTags";
        assert_eq!(may(&request, &statements), !tags, "{request:#?}");
    }
    Ok(())
}

#[test]
fn a_new_resource_needs_the_tags_of_owner_and_cluster() -> Result<()> {
    let statements = statements(true)?;
    let names = ["ec2:CreateSecurityGroup", "ec2:CreateVpcEndpoint", "route53resolver:CreateResolverEndpoint"];
    for action in ACTIONS.iter().filter(|action| names.contains(&action.name)) {
        let kind = action.resources[0].0;
        for (requested, allowed) in [
            (OWNED, true),
            (UNTAGGED, false),
            (&[], false),
            (WITHOUT_CLUSTER, false),
            (&OWNED[1..], false),
            (OF_ANOTHER_CLUSTER, false),
        ] {
            let new = request(action, kind, "*", &[], requested)?;
            let new = with(new, "ec2:VpceServiceName", "com.amazonaws.ap-northeast-1.mgn");
            assert_eq!(may(&new, &statements), allowed, "{new:#?}");
        }
    }
    Ok(())
}

#[test]
fn only_endpoints_of_the_listed_services_can_be_created() -> Result<()> {
    let statements = statements(true)?;
    let action = crate::reference::find("ec2:CreateVpcEndpoint")?;
    for (service, allowed) in [
        ("com.amazonaws.eu-west-1.s3", true),
        ("com.amazonaws.eu-west-1.ssmmessages", true),
        ("com.amazonaws.eu-west-1.secretsmanager", true),
        ("com.amazonaws.eu-west-1.sts", true),
        ("com.amazonaws.eu-west-1.kms", false),
        ("com.amazonaws.vpce.eu-west-1.vpce-svc-0123456789abcdef0", false),
        ("com.amazonaws.s3-global.accesspoint", false),
    ] {
        let new = with(request(action, Kind::VpcEndpoint, "*", &[], OWNED)?, "ec2:VpceServiceName", service);
        assert_eq!(may(&new, &statements), allowed, "{service}");
    }
    ensure!(!may(&request(action, Kind::VpcEndpoint, "*", &[], OWNED)?, &statements), "an endpoint without a service");
    Ok(())
}

#[test]
fn tags_can_be_set_in_create_calls_of_ec2_only_for_what_they_create() -> Result<()> {
    let statements = statements(true)?;
    let action = crate::reference::find("ec2:CreateTags")?;
    for (create_action, allowed) in
        [("CreateVpcEndpoint", true), ("CreateSecurityGroup", true), ("RunInstances", false)]
    {
        let tags = with(request(action, Kind::VpcEndpoint, "*", &[], OWNED)?, "ec2:CreateAction", create_action);
        assert_eq!(may(&tags, &statements), allowed, "{create_action}");
    }
    let mut volume =
        with(request(action, Kind::VpcEndpoint, "*", &[], OWNED)?, "ec2:CreateAction", "CreateVpcEndpoint");
    volume.resource = format!("arn:aws:ec2:{REGION}:{ACCOUNT}:volume/*");
    ensure!(!may(&volume, &statements), "the tags of a volume");
    Ok(())
}

#[test]
fn hosted_zones_and_network_interfaces_are_left_to_services() -> Result<()> {
    let statements = statements(true)?;
    let left = ACTIONS.iter().flat_map(|action| action.resources.iter().map(move |(kind, _)| (action, *kind)));
    let mut count = 0;
    for (action, kind) in left.filter(|(_, kind)| is_left_to_services(*kind)) {
        let direct = request(action, kind, "id-1", OWNED, OWNED)?;
        ensure!(!may(&direct, &statements), "{direct:#?}");
        ensure!(may(&with(direct.clone(), "aws:ViaAWSService", "true"), &statements), "{direct:#?}");
        count += 1;
    }
    assert_eq!(count, 5);
    Ok(())
}

#[test]
fn the_role_trusts_one_principal_with_its_external_id() -> Result<()> {
    let statements = shipped("trust-policy.json")?.statements;
    let [trust] = &*statements else { anyhow::bail!("more than one statement") };
    let principals: Vec<&String> = trust.principal.values().flat_map(|texts| &texts.0).collect();
    assert_eq!(trust.principal.keys().collect::<Vec<_>>(), ["AWS"]);
    ensure!(principals.len() == 1 && is_like(principals[0], "arn:aws:iam::????????????:role/?*"), "{principals:?}");
    ensure!(!principals[0].contains('*'), "{principals:?}");

    // A trust policy has no resource: it is the role.
    let role = Kind::Role.arn(REGION, ACCOUNT, "mgnet");
    let anywhere = Statement { resource: crate::policy::Texts(vec!["*".to_owned()]), ..trust.clone() };
    let keys = |id: Option<&str>| id.map(|id| ("sts:ExternalId".to_owned(), id.to_owned())).into_iter().collect();
    let ids = [
        (Some(external_id(EXAMPLE_CLUSTER, "tokyo")), true),
        (Some(external_id(EXAMPLE_CLUSTER, "osaka")), false),
        (Some(external_id("0a1b2c3d-5555-4222-8333-444455556666", "tokyo")), false),
        (None, false),
    ];
    for (id, allowed) in ids {
        let assume = Request { action: "sts:AssumeRole".to_owned(), resource: role.clone(), keys: keys(id.as_deref()) };
        assert_eq!(may(&assume, std::slice::from_ref(&anywhere)), allowed, "{id:?}");
    }
    Ok(())
}

#[test]
fn a_source_identity_needs_a_permission_that_no_policy_grants() -> Result<()> {
    let role = Kind::Role.arn(REGION, ACCOUNT, "mgnet");
    let set = Request { action: "sts:SetSourceIdentity".to_owned(), resource: role, keys: BTreeMap::new() };
    ensure!(!may(&set, &statements(true)?), "the class field `sourceIdentity` is off by default");
    Ok(())
}
