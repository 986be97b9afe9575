//! All scenarios.

use std::time::Duration;

use kube::ResourceExt;
use mgnet::{
    api::{
        AdoptionPolicy, DeletionPolicy, ManagementPolicy, PostLaunchSpec, ReplicationSecurityGroupMode,
        ReplicationSecurityGroupSpec, ReplicationSpec, ResolverMode, ResolverSpec, SubnetSelector, SubnetSelectors,
        TRANSFER_ANNOTATION, Toggle,
    },
    model::ownership::NETWORK_TAG,
};
use serde_json::json;

use super::{
    Act, Cue, Scenario,
    acts::{
        acknowledge, act, create, delete, delete_later_resource, deletes, edit, fix_addresses, foreign_resources,
        later_resource, move_to_other_cluster, on, other_subnets, resolver_only, second_gateway, tags,
    },
    setting::{rival, spec, tokyo, with_service},
};
use crate::{goal, universe::OTHER_CLUSTER};

/// Returns all scenarios.
#[allow(clippy::too_many_lines, reason = "a list")]
pub fn all() -> Vec<Scenario> {
    let created = act(Cue::AtRest, "create", create);
    let deleted = act(Cue::AtRest, "delete", delete);
    let soon = |reconciles, act: &Act| Act { cue: Cue::After(reconciles), ..act.clone() };
    let scenario = |name, acts: Vec<Act>| Scenario { name, lag: Duration::ZERO, acts };
    let lagging = |name, acts: Vec<Act>| Scenario { name, lag: Duration::from_secs(20), acts };
    let after = |name, acts: Vec<Act>| {
        let acts = [created.clone()].into_iter().chain(acts).collect();
        Scenario { name, lag: Duration::ZERO, acts }
    };
    vec![
        scenario("create", vec![created.clone()]),
        lagging("create, lists lag", vec![created.clone()]),
        after("delete", vec![deleted.clone()]),
        lagging("delete, lists lag", vec![created.clone(), deleted.clone()]),
        after("delete after the first reconcile", vec![soon(1, &deleted)]),
        after("delete during creation", vec![soon(2, &deleted)]),
        after("delete halfway through creation", vec![soon(4, &deleted)]),
        after("delete and rebuild", vec![deleted.clone(), soon(3, &created), created.clone()]),
        after("other sources", vec![edit("sources", |spec| spec.source_cidrs = Some(vec!["10.50.0.0/16".to_owned()]))]),
        after(
            "proxies are added and removed",
            vec![
                edit("proxies", |spec| spec.proxy_cidrs = Some(vec!["10.9.0.0/24".to_owned()])),
                edit("no proxies", |spec| spec.proxy_cidrs = None),
            ],
        ),
        after(
            "the resolver is disabled and enabled",
            vec![
                edit("no resolver", |spec| {
                    let mode = Some(ResolverMode::Disabled);
                    spec.resolver = Some(ResolverSpec { mode, ..ResolverSpec::default() });
                }),
                edit("a resolver", |spec| spec.resolver = None),
            ],
        ),
        after(
            "post-launch actions and tags change",
            vec![
                edit("no SSM", |spec| spec.post_launch = Some(PostLaunchSpec { ssm: Some(Toggle::Disabled) })),
                // Another endpoint without private DNS, because AWS does not reject a duplicate of it.
                edit("SSM, and KMS", |spec| {
                    spec.post_launch = None;
                    spec.endpoints = with_service("kms").endpoints;
                }),
                // While endpoints are being created that lists may not contain yet.
                act(Cue::After(1), "tags", |universe| {
                    universe.kubernetes.edit(&tokyo(), |network| network.spec.tags = Some(tags("billing")));
                }),
                edit("other tags", |spec| spec.tags = Some(tags("orders"))),
                edit("no tags", |spec| spec.tags = None),
            ],
        ),
        scenario(
            "a service is denied",
            vec![
                act(Cue::AtRest, "create, with a denied service", |universe| {
                    universe.deny(goal::DENIED_SERVICE);
                    universe.kubernetes.create(&tokyo(), with_service(goal::DENIED_SERVICE));
                }),
                edit("no SSM", |spec| spec.post_launch = Some(PostLaunchSpec { ssm: Some(Toggle::Disabled) })),
                deleted.clone(),
            ],
        ),
        after(
            "a replication security group is added and removed",
            vec![
                edit("a group", |spec| {
                    let mode = Some(ReplicationSecurityGroupMode::Managed);
                    let security_group = Some(ReplicationSecurityGroupSpec { mode, id: None });
                    spec.replication = Some(ReplicationSpec { security_group });
                }),
                edit("no group", |spec| spec.replication = None),
            ],
        ),
        after(
            "a user removes the finalizer",
            vec![
                act(Cue::AtRest, "the finalizer is removed", |universe| {
                    universe.kubernetes.edit(&tokyo(), |network| network.metadata.finalizers = None);
                }),
                deleted.clone(),
            ],
        ),
        after(
            "other subnets",
            vec![
                act(Cue::AtRest, "new subnets", other_subnets),
                edit("the new subnets are used", |spec| {
                    let tags = Some([(support::SUBNET_TAG.to_owned(), "others".to_owned())].into());
                    let endpoints = Some(SubnetSelector { tags, ids: None });
                    spec.subnets = Some(SubnetSelectors { endpoints, ..SubnetSelectors::default() });
                }),
            ],
        ),
        after(
            "suspended, then planned",
            vec![
                edit("other sources while suspended", |spec| {
                    spec.suspend = Some(true);
                    spec.source_cidrs = Some(vec!["10.50.0.0/16".to_owned()]);
                }),
                edit("planned", |spec| {
                    spec.suspend = None;
                    spec.management_policy = Some(ManagementPolicy::Plan);
                }),
                edit("enforced", |spec| spec.management_policy = None),
            ],
        ),
        after(
            "a user deletes resources",
            vec![
                on("vpce/mgn/Interface", "DeleteVpcEndpoints mgn", "DeleteVpcEndpoints", deletes),
                on("vpce/s3/Interface", "DeleteVpcEndpoints s3", "DeleteVpcEndpoints", deletes),
                on(
                    "resolver",
                    "DeleteResolverEndpoint",
                    "DeleteResolverEndpoint",
                    |_, id| json!({ "ResolverEndpointId": id }),
                ),
            ],
        ),
        after(
            "a user edits resources",
            vec![
                on("sg/endpoints", "a rule is added by hand", "AuthorizeSecurityGroupIngress", |_, id| {
                    let ranges = json!({ "1": { "CidrIp": "10.77.0.0/16", "Description": goal::BY_HAND } });
                    let rule = json!({ "IpProtocol": "tcp", "FromPort": "8443", "ToPort": "8443", "IpRanges": ranges });
                    json!({ "GroupId": id, "IpPermissions": { "1": rule } })
                }),
                on("sg/resolver", "a rule is removed", "RevokeSecurityGroupIngress", |state, id| {
                    let group = state.security_groups.iter().find(|one| one.id == id);
                    let rule = group.and_then(|group| group.ingress.first()).map(|rule| rule.id.clone());
                    json!({ "GroupId": id, "SecurityGroupRuleId": { "1": rule } })
                }),
                on(
                    "vpce/ec2/Interface",
                    "tags are removed",
                    "DeleteTags",
                    |_, id| json!({ "ResourceId": { "1": id }, "Tag": { "1": { "Key": NETWORK_TAG }, "2": { "Key": "Name" } } }),
                ),
                on("vpce/ssm/Interface", "a subnet is detached", "ModifyVpcEndpoint", |state, id| {
                    let endpoint = state.vpc_endpoints.iter().find(|one| one.id == id);
                    let subnet = endpoint.and_then(|endpoint| endpoint.subnets.first().cloned());
                    json!({ "VpcEndpointId": id, "RemoveSubnetId": { "1": subnet } })
                }),
                on("vpce/s3/Gateway", "a route table is removed", "ModifyVpcEndpoint", |state, id| {
                    let endpoint = state.vpc_endpoints.iter().find(|one| one.id == id);
                    let table = endpoint.and_then(|endpoint| endpoint.route_tables.first().cloned());
                    json!({ "VpcEndpointId": id, "RemoveRouteTableId": { "1": table } })
                }),
                act(Cue::AtRest, "a second gateway", second_gateway),
            ],
        ),
        after(
            "retain and rebuild",
            vec![
                edit("Retain", |spec| spec.deletion_policy = Some(DeletionPolicy::Retain)),
                deleted.clone(),
                act(Cue::AtRest, "create, adopting", |universe| {
                    create(universe);
                    universe.kubernetes.edit(&tokyo(), |network| {
                        network.spec.adoption_policy = Some(AdoptionPolicy::Retained);
                    });
                }),
                deleted.clone(),
            ],
        ),
        after(
            "move to another cluster",
            vec![
                act(Cue::AtRest, "Retain, for the other cluster", |universe| {
                    universe.kubernetes.edit(&tokyo(), |network| {
                        network.spec.deletion_policy = Some(DeletionPolicy::Retain);
                        network.annotations_mut().insert(TRANSFER_ANNOTATION.to_owned(), OTHER_CLUSTER.to_owned());
                    });
                }),
                deleted.clone(),
                act(Cue::AtRest, "create in the other cluster, adopting", move_to_other_cluster),
                deleted.clone(),
            ],
        ),
        scenario(
            "adopt foreign resources",
            vec![
                act(Cue::AtRest, "foreign resources", foreign_resources),
                act(Cue::AtRest, "create, adopting", |universe| {
                    create(universe);
                    universe
                        .kubernetes
                        .edit(&tokyo(), |network| network.spec.adoption_policy = Some(AdoptionPolicy::Any));
                }),
                deleted.clone(),
            ],
        ),
        after(
            "two networks select one VPC",
            vec![
                act(Cue::After(1), "a second network", |universe| universe.kubernetes.create(&rival(), spec("corp"))),
                deleted.clone(),
            ],
        ),
        after(
            "a second network would fit beside the first",
            vec![
                act(Cue::AtRest, "a route out, and a second network with nothing but a resolver", resolver_only),
                deleted.clone(),
            ],
        ),
        after(
            "a later version ran before",
            vec![
                act(Cue::AtRest, "the later version creates a resource of its own", later_resource),
                deleted.clone(),
                act(Cue::AtRest, "the later version deletes it", delete_later_resource),
            ],
        ),
        after(
            "the class is edited",
            vec![
                act(Cue::AtRest, "proxies for all", |universe| {
                    universe.kubernetes.edit_class("corp", |class| {
                        if let Some(defaults) = &mut class.spec.defaults {
                            defaults.proxy_cidrs = Some(vec!["10.8.0.0/24".to_owned()]);
                        }
                    });
                }),
                deleted,
            ],
        ),
        after(
            "the hand-off is acknowledged, then changes",
            vec![
                act(Cue::AtRest, "the work is done", acknowledge),
                act(Cue::AtRest, "addresses are fixed", fix_addresses),
                act(Cue::AtRest, "the new work is done", acknowledge),
                edit("other sources", |spec| spec.source_cidrs = Some(vec!["10.50.0.0/16".to_owned()])),
            ],
        ),
    ]
}
