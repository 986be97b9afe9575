//! Deletion: the resources that it deletes, that it retains, that block it, and that it never changes.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use aws_sdk_ec2::types::{IpPermission, UserIdGroupPair};
use futures::future::try_join_all;
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::api::events::v1::Event;
use kube::api::{DeleteParams, ListParams};
use kube::{Api, ResourceExt};
use mgnet::api::{ConditionStatus, ConditionType, Reason, conditions};
use mgnet::model::ownership::{NETWORK_TAG, OWNER_TAG, RETAINED_TAG, SLOT_TAG};
use serde_json::json;
use support::{Fault, FaultKind, Lab, Site, VPC_NAME, count_by_action, make_vpc};

use support::failing::{
    NAME, is_as_before, is_there, owned, spoil, uncrowd, until, until_built, until_observed, until_spoiled,
};
use support::foreign;
use support::history::History;
use support::waiting::message;

#[tokio::test]
async fn deletion_leaves_the_vpc_as_it_was_and_needs_two_calls_for_the_endpoints() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("traceless").await?;
    let before = site.state().await?;
    let network = site.network(NAME).with_replication_group().apply().await?;
    until_built(&site, &network, &site.expected().with_replication_group()).await?;

    let built = site.last_call().await?;
    network.delete_and_wait().await?;
    is_as_before(&site, &before).await?;

    let writes = site.writes_after(built).await?;
    let counts = count_by_action(&writes);
    let expected = [("DeleteResolverEndpoint", 1), ("DeleteSecurityGroup", 3), ("DeleteVpcEndpoints", 2)];
    assert_eq!(counts, expected.into(), "{writes:#?}");
    // AWS refuses to delete the gateway endpoint before the S3 interface endpoint, and a security group while a network
    // interface uses it.
    assert!(writes.iter().all(|call| call.outcome == "ok"), "{writes:#?}");
    Ok(())
}

#[tokio::test]
async fn a_network_that_is_deleted_during_its_creation_leaves_nothing() -> Result<()> {
    let lab = Lab::shared().await?;
    let moments =
        [("CreateSecurityGroup", 1), ("CreateVpcEndpoint", 1), ("CreateVpcEndpoint", 4), ("CreateResolverEndpoint", 1)];
    try_join_all(moments.map(async |(action, nth)| {
        let site = lab.site("half-built").await?;
        uncrowd(&site).await?;
        let (before, history) = (site.state().await?, History::of(&site));
        // The object is deleted when the call has been sent, but has no effect yet.
        let late = Fault { nth, seconds: 1.5, ..spoil(&site, FaultKind::DelaySeconds, action) };
        let delayed = lab.control().order(&late).await?;
        let network = site.network(NAME).apply().await?;
        lab.control().until_spoiled(delayed).await?;
        network.delete_and_wait().await?;
        is_as_before(&site, &before).await.with_context(|| format!("deleted during {action} {nth}"))?;
        ensure!(
            site.calls().await?.iter().any(|call| call.fault.is_some() && call.outcome == "ok"),
            "no call was delayed"
        );
        history.check_each_slot_was_filled_once().await
    }))
    .await?;
    Ok(())
}

#[tokio::test]
async fn a_network_without_its_class_is_deleted_in_the_account_that_its_status_records() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("classless").await?;
    site.derive_external_id().await?;
    let before = site.state().await?;
    let network = site.network(NAME).apply().await?;
    network.until_ready().await?;

    site.delete_class_by_force().await?;
    network.until_reason(ConditionType::Accepted, Reason::ClassNotFound).await?;
    network.delete_and_wait().await?;
    is_as_before(&site, &before).await
}

#[tokio::test]
async fn a_class_recreated_for_another_account_does_not_redirect_the_deletion() -> Result<()> {
    let lab = Lab::shared().await?;
    let (site, other) = (lab.site("moved").await?, lab.site("moved-to").await?);
    site.derive_external_id().await?;
    let (before, other_before) = (site.state().await?, other.state().await?);
    let network = site.network(NAME).apply().await?;
    network.until_ready().await?;

    site.delete_class_by_force().await?;
    network.until_reason(ConditionType::Accepted, Reason::ClassNotFound).await?;
    let mut class = site.class();
    class.spec.account = other.class().spec.account;
    site.make_class(class).await?;
    network.until_condition(ConditionType::Ready, ConditionStatus::False).await?;
    until("status refers to the new class", async || {
        let status = network.status().await?;
        let accepted = conditions::find(&status.conditions, ConditionType::Accepted).context("no condition")?;
        Ok((accepted.reason != Reason::ClassNotFound.as_str()).then_some(()))
    })
    .await?;

    network.delete_and_wait().await?;
    is_as_before(&site, &before).await.context("the account in which the network was built")?;
    is_as_before(&other, &other_before).await.context("the account of the new class")
}

#[tokio::test]
async fn a_network_that_its_class_no_longer_admits_can_still_be_deleted() -> Result<()> {
    let lab = Lab::shared().await?;
    let edits = [
        (json!({ "allowedNamespaces": { "from": "None" } }), Reason::NamespaceNotAllowed),
        // The spec of the network selects no VPC.
        (json!({ "defaults": null }), Reason::InvalidSpec),
    ];
    try_join_all(edits.map(async |(edit, reason)| {
        let site = lab.site("rejected").await?;
        let before = site.state().await?;
        let network = site.network(NAME).apply().await?;
        network.until_ready().await?;
        site.edit_class(edit).await?;
        network.until_reason(ConditionType::Accepted, reason).await?;
        network.delete_and_wait().await?;
        is_as_before(&site, &before).await.with_context(|| reason.to_string())
    }))
    .await?;
    Ok(())
}

#[tokio::test]
async fn the_deletion_of_a_namespace_deletes_its_networks_in_aws_first() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("condemned").await?;
    let before = site.state().await?;
    let network = site.network(NAME).apply().await?;
    network.until_ready().await?;

    let namespaces = Api::<Namespace>::all(site.kube.clone());
    namespaces.delete(&site.namespace, &DeleteParams::default()).await?;
    network.until_gone().await?;
    is_as_before(&site, &before).await?;
    until("the namespace is deleted", async || Ok(namespaces.get_opt(&site.namespace).await?.is_none().then_some(())))
        .await
}

#[tokio::test]
async fn retained_resources_remain_complete_and_keep_the_tags_of_their_owner() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("kept").await?;
    let network = site.network(NAME).retained().apply().await?;
    let uid = network.until_ready().await?.uid().context("no uid")?;
    let built = site.state().await?;
    let built_calls = site.last_call().await?;

    network.delete_and_wait().await?;
    let left = site.state().await?;
    is_there(&site.summary().await?, &site.expected().retained().summary(), &network).await?;
    assert_eq!(owned(&left, &uid), owned(&built, &uid));
    let name = format!("{}/{NAME}", site.namespace);
    let groups = left.security_groups.iter().filter(|group| group.name != "default").map(|group| &group.tags);
    let endpoints = left.vpc_endpoints.iter().map(|endpoint| &endpoint.tags);
    for tags in groups.chain(endpoints).chain(left.resolver_endpoints.iter().map(|resolver| &resolver.tags)) {
        assert_eq!(tags.get(NETWORK_TAG), Some(&name), "{tags:?}");
        assert_eq!(tags.get(OWNER_TAG), Some(&uid), "{tags:?}");
        assert!(tags.contains_key(RETAINED_TAG), "{tags:?}");
    }
    let writes = site.writes_after(built_calls).await?;
    assert!(writes.iter().all(|call| ["CreateTags", "TagResource"].contains(&call.action.as_str())), "{writes:#?}");

    let event = until("the event Retained exists", async || {
        let events = Api::<Event>::namespaced(site.kube.clone(), &site.namespace).list(&ListParams::default()).await?;
        Ok(events.into_iter().find(|event| event.reason.as_deref() == Some("Retained")))
    })
    .await?;
    let note = event.note.unwrap_or_default();
    for (slot, id) in owned(&left, &uid) {
        assert!(note.contains(&id), "{slot} is {id}, but the event does not name it: {note}");
    }
    Ok(())
}

#[tokio::test]
async fn a_foreign_interface_with_a_group_of_the_network_is_reported_and_blocks_deletion() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("held-up").await?;
    let before = site.state().await?;
    let network = site.network(NAME).apply().await?;
    network.until_ready().await?;
    let group = site.state().await?.security_group("sg/endpoints").context("no group")?.id.clone();
    let interface = foreign::network_interface(&site, &group).await?;

    network.delete().await?;
    let blocked = network.until_reason(ConditionType::Ready, Reason::DeletionBlocked).await?;
    let status = blocked.status.context("no status")?;
    let ready = conditions::find(&status.conditions, ConditionType::Ready).context("no condition")?;
    for named in [&group, &interface, "sg/endpoints"] {
        assert!(ready.message.contains(named), "{named} is not in: {}", ready.message);
    }
    // All resources except the group are deleted by now. The operator does not delete the interface, which is foreign.
    until_observed_for_deletion(&site).await?;
    let state = site.state().await?;
    assert!(state.vpc_endpoints.is_empty() && state.resolver_endpoints.is_empty(), "{state:#?}");
    let interfaces: Vec<&String> = state.network_interfaces.iter().map(|one| &one.id).collect();
    assert_eq!(interfaces, [&interface]);

    site.aws.ec2.delete_network_interface().network_interface_id(&interface).send().await?;
    network.until_gone().await?;
    is_as_before(&site, &before).await
}

/// Waits until the operator has twice observed the remaining resources of a network that is being deleted.
async fn until_observed_for_deletion(site: &Site) -> Result<()> {
    let now = site.last_call().await?;
    until("the operator observes AWS twice", async || {
        let calls = site.calls_after(now).await?;
        let observations = calls.iter().filter(|call| call.action == "DescribeSecurityGroups").count();
        Ok((observations >= 2).then_some(()))
    })
    .await
}

#[tokio::test]
async fn a_network_that_was_never_accepted_is_deleted_at_once_without_a_call_to_aws() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("unwelcome").await?;
    until("the class was checked", async || {
        Ok(site.calls().await?.iter().any(|call| call.action == "GetCallerIdentity").then_some(()))
    })
    .await?;
    let made = site.last_call().await?;
    let classless =
        site.network("classless").with(|spec| spec.migration_network_class_name = Some("no-such-class".to_owned()));
    let classless = classless.apply().await?;
    classless.until_reason(ConditionType::Accepted, Reason::ClassNotFound).await?;
    site.edit_class(json!({ "allowedNamespaces": { "from": "None" } })).await?;
    let rejected = site.network("rejected").apply().await?;
    rejected.until_reason(ConditionType::Accepted, Reason::NamespaceNotAllowed).await?;

    for network in [classless, rejected] {
        let finalizers = network.get().await?.metadata.finalizers;
        assert_eq!(finalizers, None, "{}", network.name);
        network.delete_and_wait().await?;
    }
    assert_eq!(site.calls_after(made).await?, []);
    Ok(())
}

#[tokio::test]
async fn deletion_writes_nothing_to_look_alikes_of_the_resources_of_the_network() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("look-alikes").await?;
    let vpc = &site.landing.vpc;
    let name = format!("{}/{NAME}", site.namespace);
    let network = site.network(NAME).without_ssm().without_resolver().apply().await?;
    let uid = network.until_ready().await?.uid().context("no uid")?;

    // The look-alikes have the name and the slots of the network, but the UID of another network or no UID at all.
    let another = "00000000-0000-0000-0000-000000000000";
    let tags = |slot| [(NETWORK_TAG, name.as_str()), (SLOT_TAG, slot), (OWNER_TAG, another)];
    let group = foreign::security_group(&site, vpc, "mgnet-resolver", &tags("sg/resolver")).await?;
    let endpoint = foreign::endpoint(&site, "ssm", false, &tags("vpce/ssm/Interface")).await?;
    let unowned = foreign::endpoint(&site, "mgn", false, &tags("vpce/mgn/Interface")[..2]).await?;
    foreign::admit(&site, &group, foreign::ANY_DNS).await?;
    let resolver = foreign::resolver(&site, &format!("mgnet-{uid}"), &group, &tags("resolver")).await?;
    let look_alikes = async || {
        let state = site.state().await?;
        Ok::<_, anyhow::Error>((
            state.security_groups.into_iter().filter(|one| one.id == group).collect::<Vec<_>>(),
            state.vpc_endpoints.into_iter().filter(|one| [&endpoint, &unowned].contains(&&one.id)).collect::<Vec<_>>(),
            state.resolver_endpoints.into_iter().filter(|one| one.id == resolver).collect::<Vec<_>>(),
        ))
    };
    until("the look-alikes are available", async || {
        let (_, endpoints, _) = look_alikes().await?;
        Ok(endpoints.iter().all(|one| one.state == "available").then_some(()))
    })
    .await?;
    let (before, built) = (look_alikes().await?, site.last_call().await?);

    network.delete_and_wait().await?;
    assert_eq!(look_alikes().await?, before);
    let left = site.state().await?;
    assert_eq!(owned(&left, &uid), []);
    assert_eq!((left.vpc_endpoints.len(), left.resolver_endpoints.len(), left.security_groups.len()), (2, 1, 2));
    let writes = site.writes_after(built).await?;
    for id in [&group, &endpoint, &unowned, &resolver] {
        assert!(!format!("{writes:?}").contains(id.as_str()), "{id} is in {writes:#?}");
    }
    Ok(())
}

#[tokio::test]
async fn deletion_writes_nothing_if_only_look_alikes_remain() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("only-look-alikes").await?;
    let before = site.state().await?;
    let network = site.network(NAME).apply().await?;
    let uid = network.until_ready().await?.uid().context("no uid")?;
    network.edit(json!({ "suspend": true })).await?;
    network.until_condition(ConditionType::Suspended, ConditionStatus::True).await?;

    // All resources are deleted by hand, and one of the groups is replaced by a foreign group of the same name.
    let state = site.state().await?;
    // The S3 gateway endpoint cannot be deleted while the private DNS of the S3 interface endpoint depends on it.
    let (gateways, interfaces): (Vec<_>, Vec<_>) =
        state.vpc_endpoints.iter().partition(|one| one.endpoint_type == "Gateway");
    for endpoints in [interfaces, gateways] {
        foreign::delete_endpoints(&site, endpoints.iter().map(|one| one.id.clone()).collect()).await?;
    }
    for resolver in &state.resolver_endpoints {
        site.aws.resolver.delete_resolver_endpoint().resolver_endpoint_id(&resolver.id).send().await?;
    }
    until("the endpoints and the resolver are deleted", async || {
        Ok(site.state().await?.network_interfaces.is_empty().then_some(()))
    })
    .await?;
    let groups: Vec<_> = state.security_groups.iter().filter(|group| group.name != "default").collect();
    for group in &groups {
        site.aws.ec2.delete_security_group().group_id(&group.id).send().await?;
    }
    is_as_before(&site, &before).await?;
    let same_name = groups.first().context("no group")?.name.clone();
    foreign::security_group(&site, &site.landing.vpc, &same_name, &[]).await?;
    until_observed(&site, 2).await?;

    let (remaining, mark) = (site.state().await?, site.last_call().await?);
    network.delete_and_wait().await?;
    is_as_before(&site, &remaining).await?;
    assert_eq!(site.writes_after(mark).await?, []);
    assert_eq!(owned(&remaining, &uid), []);
    Ok(())
}

#[tokio::test]
async fn a_network_of_the_same_name_right_after_a_deletion_is_another_network() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("again").await?;
    let (before, history) = (site.state().await?, History::of(&site));
    let mut uids = BTreeSet::new();
    for _ in 0..2 {
        let network = site.network(NAME).apply().await?;
        until_built(&site, &network, &site.expected()).await?;
        let uid = network.get().await?.uid().context("no uid")?;
        assert_eq!(owned(&site.state().await?, &uid).len(), 10);
        uids.insert(uid);
        network.delete_and_wait().await?;
    }
    assert_eq!(uids.len(), 2);
    is_as_before(&site, &before).await?;
    history.check_each_slot_was_filled_once().await
}

#[tokio::test]
async fn a_vpc_of_the_same_name_that_is_created_later_does_not_prevent_deletion() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("ambiguous").await?;
    let network = site.network(NAME).apply().await?;
    network.until_ready().await?;
    let second = make_vpc(&site.aws, VPC_NAME).await?;
    network.until_reason(ConditionType::NetworkResolved, Reason::AmbiguousSelector).await?;
    network.delete_and_wait().await?;
    let state = site.state().await?;
    assert!(state.is_clean(), "{state:#?}");
    assert!(state.vpcs.iter().any(|vpc| vpc.id == second));
    Ok(())
}

#[tokio::test]
async fn an_endpoint_that_aws_does_not_list_yet_does_not_count_as_deleted() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("unseen").await?;
    uncrowd(&site).await?;
    let (before, history) = (site.state().await?, History::of(&site));
    // The value is in seconds of AWS's clock, of which 60 pass in one second. It is shorter than the absence grace,
    // after which a missing resource counts as deleted.
    lab.control().change_options(&site.account, json!({ "new_invisible_for": 110.0 })).await?;
    // The gateway endpoint, which uses no group, is created when AWS already lists the groups. The answer to its create
    // call is garbage.
    let late = Fault { times: 4, ..spoil(&site, FaultKind::Throttle, "CreateVpcEndpoint") };
    let unreadable = Fault { nth: 5, ..spoil(&site, FaultKind::Garbage, "CreateVpcEndpoint") };
    lab.control().order(&late).await?;
    lab.control().order(&unreadable).await?;
    let network = site.network(NAME).apply().await?;
    until_spoiled(&site, "garbage").await?;
    network.delete_and_wait().await?;
    is_as_before(&site, &before).await?;
    history.check_each_slot_was_filled_once().await
}

/// The number of foreign Resolver endpoints in the same VPC. AWS permits five calls per second that read tags.
const FOREIGN_RESOLVERS: usize = 200;

#[tokio::test]
async fn many_foreign_resolver_endpoints_do_not_hold_up_a_deletion() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("crowded").await?;
    let network = site.network(NAME).apply().await?;
    until_built(&site, &network, &site.expected()).await?;
    let quotas = json!({ "resolver_endpoints_per_region": 300, "security_groups_per_region": 3000 });
    lab.control().change_options(&site.account, json!({ "quotas": quotas, "throttling": false })).await?;
    let group = foreign::security_group(&site, &site.landing.vpc, "resolvers", &[]).await?;
    for number in 0..FOREIGN_RESOLVERS {
        foreign::create_resolver(&site, &format!("team-{number}"), &group, &[]).await?;
    }
    lab.control().change_options(&site.account, json!({ "throttling": true })).await?;
    let mark = site.last_call().await?;
    network.delete_and_wait().await?;
    let tags = site.calls_after(mark).await?.into_iter().filter(|call| call.action == "ListTagsForResource").count();
    assert!(tags < 20, "{tags} calls read tags, although at most one endpoint can be the network's");
    assert_eq!(site.state().await?.resolver_endpoints.len(), FOREIGN_RESOLVERS);
    Ok(())
}

#[tokio::test]
async fn a_rule_of_another_group_that_blocks_a_deletion_is_named() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("referenced").await?;
    let network = site.network(NAME).with_replication_group().apply().await?;
    until_built(&site, &network, &site.expected().with_replication_group()).await?;
    let own = site.state().await?.security_group("sg/replication").context("no group")?.id.clone();
    let foreign = foreign::security_group(&site, &site.landing.vpc, "servers", &[]).await?;
    let pair = UserIdGroupPair::builder().group_id(&own).build();
    let permission = IpPermission::builder().ip_protocol("tcp").from_port(22).to_port(22).user_id_group_pairs(pair);
    let allow = site.aws.ec2.authorize_security_group_ingress().group_id(&foreign);
    let rules = allow.ip_permissions(permission.build()).send().await?;
    let rule =
        rules.security_group_rules().first().and_then(|rule| rule.security_group_rule_id()).context("no rule")?;

    network.delete().await?;
    let blocked = network.until_reason(ConditionType::Ready, Reason::DeletionBlocked).await?;
    let ready = message(&blocked, ConditionType::Ready)?;
    assert!(ready.contains(&foreign) && ready.contains(rule) && ready.contains("ingress"), "{ready}");

    let revoke = site.aws.ec2.revoke_security_group_ingress().group_id(&foreign);
    revoke.security_group_rule_ids(rule).send().await?;
    network.until_gone().await?;
    assert_eq!(owned(&site.state().await?, &blocked.uid().context("no UID")?), []);
    Ok(())
}

#[tokio::test]
async fn a_vpc_association_that_blocks_a_deletion_is_named() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("associated").await?;
    let network = site.network(NAME).with_replication_group().apply().await?;
    until_built(&site, &network, &site.expected().with_replication_group()).await?;
    let own = site.state().await?.security_group("sg/replication").context("no group")?.id.clone();
    let other = support::make_vpc(&site.aws, "other").await?;
    site.aws.ec2.associate_security_group_vpc().group_id(&own).vpc_id(&other).send().await?;

    network.delete().await?;
    let blocked = network.until_reason(ConditionType::Ready, Reason::DeletionBlocked).await?;
    let ready = message(&blocked, ConditionType::Ready)?;
    assert!(ready.contains(&format!("{own} is associated with {other}; disassociate it")), "{ready}");

    site.aws.ec2.disassociate_security_group_vpc().group_id(&own).vpc_id(&other).send().await?;
    network.until_gone().await?;
    assert_eq!(owned(&site.state().await?, &blocked.uid().context("no UID")?), []);
    Ok(())
}

#[tokio::test]
async fn a_foreign_s3_interface_endpoint_that_blocks_a_deletion_is_named() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("gateway-in-use").await?;
    let without_s3 = foreign::entry("s3", "Interface", &json!({ "mode": "Disabled" }));
    let network = site.network(NAME).spec(&json!({ "endpoints": [without_s3] })).apply().await?;
    network.until_ready().await?;
    // Its private DNS names are for the inbound resolver only, as is the default of AWS.
    let foreign = foreign::endpoint(&site, "s3", true, &[]).await?;
    foreign::until_available(&site, &foreign).await?;

    network.delete().await?;
    let blocked = network.until_reason(ConditionType::Ready, Reason::DeletionBlocked).await?;
    assert!(message(&blocked, ConditionType::Ready)?.contains(&foreign), "{blocked:?}");

    foreign::delete_endpoint(&site, &foreign).await?;
    network.until_gone().await?;
    assert_eq!(owned(&site.state().await?, &blocked.uid().context("no UID")?), []);
    Ok(())
}
