//! Tests the steps that modify and delete resources.

use std::collections::{BTreeMap, BTreeSet};

use mgnet::{
    aws::{Cloud, ResolverSearch},
    model::{
        failure::FailureClass,
        observed::{EndpointState, PrivateDns, Protocol, ResolverState, Resources, resources::Life},
        ownership::Tags,
        plan::step::{Effect, EndpointChange, ResourceId, Step},
        slot::{EndpointKey, GroupRole, Service, Slot},
    },
};

use crate::site::{LONG, Site, rule};

#[tokio::test]
async fn rules_are_added_and_removed() {
    let site = Site::new().await;
    let (role, group) = (GroupRole::Endpoints, site.created_group(GroupRole::Endpoints).await);
    let rules = ["10.0.0.0/8", "172.16.0.0/12"].map(|source| rule(Protocol::Tcp, 443, source));
    site.authorize(role, &group, &rules).await;
    let ingress = &site.observe().await.resources.groups[&group].ingress;
    assert_eq!(ingress.iter().filter_map(|rule| rule.permission).collect::<BTreeSet<_>>(), BTreeSet::from(rules));
    assert!(ingress.iter().all(|rule| rule.description == "mgnet: source servers"));

    let revoked = ingress.iter().find(|found| found.permission == Some(rules[0])).expect("the rule was added");
    let revoked = BTreeMap::from([(revoked.id.clone().expect("the ID was read"), rules[0])]);
    let revoke = Step::RevokeIngress { role, group: group.clone(), rules: revoked };
    site.execute(revoke.clone()).await;
    let ingress = &site.observe().await.resources.groups[&group].ingress;
    assert_eq!(ingress.iter().filter_map(|rule| rule.permission).collect::<Vec<_>>(), [rules[1]]);
    assert_eq!(site.refused(revoke).await.class, FailureClass::NotFound);
}

#[tokio::test]
async fn an_endpoint_is_changed_in_one_call() {
    let site = Site::new().await;
    let network = site.created_network().await;
    let another = site.add_subnet("d", "10.20.3.0/24").await;
    let first = site.subnets.first().expect("two").clone();
    let (id, key) = network.endpoints[1].clone();
    let change = EndpointChange {
        add_subnets: [another.clone()].into(),
        remove_subnets: [first.clone()].into(),
        ..EndpointChange::default()
    };
    site.execute(Step::ModifyEndpoint { key, endpoint: id.clone(), change }).await;
    site.server.advance(LONG);
    let mut expected = site.subnets.clone();
    expected.remove(&first);
    expected.insert(another);
    assert_eq!(site.observe().await.resources.endpoints[&id].subnets, expected);
}

#[tokio::test]
async fn private_dns_of_s3_is_changed_both_ways() {
    let site = Site::new().await;
    let network = site.created_network().await;
    let key = EndpointKey::S3_INTERFACE;
    let (id, _) = network.endpoints.iter().find(|(_, other)| *other == key).expect("the endpoint was created").clone();
    for private_dns in [PrivateDns::Enabled, PrivateDns::Disabled, PrivateDns::InboundResolverOnly] {
        let change = EndpointChange { private_dns: Some(private_dns), ..EndpointChange::default() };
        site.execute(Step::ModifyEndpoint { key, endpoint: id.clone(), change }).await;
        site.server.advance(LONG);
        assert_eq!(site.observe().await.resources.endpoints[&id].private_dns, private_dns);
    }
}

#[tokio::test]
async fn resolver_addresses_are_added_and_removed() {
    let site = Site::new().await;
    let network = site.created_network().await;
    let resolver = network.resolver;
    let another = site.add_subnet("d", "10.20.3.0/24").await;
    site.execute(Step::AssociateResolverAddress { resolver: resolver.clone(), subnet: another, ip: None }).await;
    let observed = &site.observe().await.resources.resolvers[&resolver];
    assert_eq!((observed.state.clone(), observed.addresses.len()), (ResolverState::Updating, 3));
    let address = observed.addresses.keys().next().expect("three").clone();
    let disassociate = Step::DisassociateResolverAddress { resolver: resolver.clone(), address: address.clone() };
    assert_eq!(
        site.refused(disassociate.clone()).await.class,
        FailureClass::Dependency,
        "the resolver is being updated"
    );
    site.server.advance(LONG);
    site.execute(disassociate.clone()).await;
    site.server.advance(LONG);
    let observed = &site.observe().await.resources.resolvers[&resolver];
    assert!(observed.addresses.len() == 2 && !observed.addresses.contains_key(&address));
}

#[tokio::test]
async fn tags_of_every_kind_are_set_and_removed() {
    let site = Site::new().await;
    let network = site.created_network().await;
    let arn = site.observe().await.resources.resolvers[&network.resolver].arn.clone();
    let (endpoint, key) = network.endpoints[0].clone();
    for (slot, id, resource) in [
        (Slot::Group(GroupRole::Endpoints), network.endpoints_group.to_string(), None),
        (Slot::Endpoint(key), endpoint.to_string(), None),
        (Slot::Resolver, network.resolver.to_string(), Some(ResourceId::ResolverArn(arn))),
    ] {
        let resource = resource.unwrap_or_else(|| ResourceId::Ec2(id.clone()));
        let team = async || {
            let resources = site.observe().await.resources;
            resources.tags_of(slot, &id).and_then(|(_, tags)| tags.get("team").cloned())
        };
        let tags = Tags::from([("team".to_owned(), "blue".to_owned())]);
        site.execute(Step::SetTags { slot, resource: resource.clone(), tags }).await;
        assert_eq!(team().await.as_deref(), Some("blue"));
        site.execute(Step::RemoveTags { slot, resource, keys: ["team".to_owned()].into() }).await;
        assert_eq!(team().await, None);
        assert_eq!(site.observe().await.resources.held(&site.identity, slot).len(), 1, "the owner tags stay");
    }
}

#[tokio::test]
async fn all_resources_are_deleted_and_a_second_deletion_finds_none() {
    let site = Site::new().await;
    let network = site.created_network().await;
    let delete = Step::DeleteEndpoints { endpoints: network.endpoints.iter().cloned().collect() };
    let before = site.calls_so_far();
    assert_eq!(site.execute(delete.clone()).await, Effect::EndpointsDeleting { refused: BTreeMap::new() });
    assert_eq!(site.actions_after(before), ["DeleteVpcEndpoints"], "one call for all seven");
    site.execute(Step::DeleteResolver { resolver: network.resolver.clone() }).await;

    let delete_group =
        |role, group: &mgnet::model::ids::SecurityGroupId| Step::DeleteGroup { role, group: group.clone() };
    let in_use = delete_group(GroupRole::Endpoints, &network.endpoints_group);
    assert_eq!(site.refused(in_use.clone()).await.class, FailureClass::Dependency);
    let observed = site.cloud.find_owned(&site.identity, &ResolverSearch::all()).await.expect("found");
    assert!(observed.endpoints.values().all(|endpoint| endpoint.state == EndpointState::Deleting));
    assert_eq!(observed.held(&site.identity, Slot::Resolver)[0].life, Life::Deleting);
    assert!(
        !observed.interfaces_of(&network.endpoints_group).is_empty(),
        "the network interfaces that use the group are observed"
    );

    site.server.advance(LONG);
    site.execute(in_use.clone()).await;
    let other = delete_group(GroupRole::Resolver, &network.resolver_group);
    site.execute(other.clone()).await;
    for deleted in [in_use, other, Step::DeleteResolver { resolver: network.resolver.clone() }] {
        assert_eq!(site.refused(deleted.clone()).await.class, FailureClass::NotFound, "{deleted}");
    }
    let Effect::EndpointsDeleting { refused } = site.execute(delete).await else {
        panic!("the step must delete endpoints")
    };
    assert_eq!(refused.len(), 7, "a resource that is not found may exist, but not be visible yet");
    assert!(refused.values().all(|failure| failure.class == FailureClass::NotFound), "{refused:#?}");
    assert_eq!(site.cloud.find_owned(&site.identity, &ResolverSearch::all()).await, Ok(Resources::default()));
}

#[tokio::test]
async fn an_endpoint_that_aws_does_not_delete_is_reported() {
    let site = Site::new().await;
    let network = site.created_network().await;
    // The S3 interface endpoint needs the gateway endpoint as long as it exists.
    let gateway = network.endpoints[0].clone();
    assert_eq!(gateway.1, EndpointKey::S3_GATEWAY);
    let mgn = network.endpoints[1].clone();
    assert_eq!(mgn.1, EndpointKey::interface(Service::Mgn));
    let effect = site.execute(Step::DeleteEndpoints { endpoints: [gateway.clone(), mgn.clone()].into() }).await;
    let Effect::EndpointsDeleting { refused } = effect else { panic!("{effect:?}") };
    assert_eq!(refused.keys().collect::<Vec<_>>(), [&gateway.0]);
    assert!(refused[&gateway.0].class.is_refusal(), "{}", refused[&gateway.0]);
    assert_eq!(site.observe().await.resources.endpoints[&mgn.0].state, EndpointState::Deleting);
}
