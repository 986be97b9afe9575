//! Tests what an observation contains, and how many calls it needs.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use aws_sdk_ec2::types::{AttributeBooleanValue, ResourceType, Tag, TagSpecification};
use emulator::world::options::ServiceRule;
use mgnet::{
    aws::{Cloud, ResolverSearch, Scope},
    model::{
        ids::ZoneId,
        observed::{
            EndpointState, Observed, PrivateDns, ResolverAddress, ResolverState, Resources,
            replication_template::ReplicationTemplates, resources::Life,
        },
        ownership::{Identity, Tags},
        settings::VpcSelector,
        slot::{EndpointKey, GroupRole, Service, Slot},
    },
};

use crate::site::{LONG, REGION, Site};

#[tokio::test]
async fn an_observation_of_an_empty_vpc_has_everything_that_the_preflight_needs() {
    let site = Site::new().await;
    let Observed {
        vpcs,
        subnets,
        subnets_elsewhere,
        route_tables,
        services,
        surroundings: _,
        replication_templates,
        prefix_lists,
        s3_ranges,
        resolvers_in_region: _,
        resources,
    } = site.observe().await;
    assert_eq!((prefix_lists.len(), s3_ranges), (0, None), "nothing refers to prefix lists or filters egress");
    assert!(subnets_elsewhere.is_empty(), "the scope names no subnets");
    assert_eq!(replication_templates, ReplicationTemplates::Read(Vec::new()), "MGN is not initialized");
    let [vpc] = vpcs.try_into().expect("one VPC");
    assert_eq!((vpc.id, vpc.cidrs), (site.vpc.clone(), BTreeSet::from(["10.20.0.0/16".parse().expect("a range")])));
    assert!(vpc.dns_support && vpc.dns_hostnames);
    assert_eq!(subnets.keys().cloned().collect::<BTreeSet<_>>(), site.subnets);
    assert!(subnets.values().all(|subnet| subnet.available_addresses == 251));
    assert_eq!(
        route_tables.iter().map(|table| (&table.id, table.main)).collect::<Vec<_>>(),
        [(&site.route_table, true)]
    );
    assert_eq!(services.keys().copied().collect::<BTreeSet<_>>(), EndpointKey::standard().collect());
    let zones: BTreeSet<ZoneId> = subnets.values().map(|subnet| subnet.zone.clone()).collect();
    assert_eq!(zones.len(), 2);
    assert!(services.values().all(|offer| zones.is_subset(&offer.zones)));
    assert_eq!(services[&EndpointKey::S3_GATEWAY].name, format!("com.amazonaws.{REGION}.s3"));
    let names: Vec<String> = resources.groups.values().map(|group| group.name.clone()).collect();
    assert_eq!(names, ["default"], "every VPC has a default group");
    assert_eq!(Resources { groups: BTreeMap::new(), ..resources }, Resources::default());
}

#[tokio::test]
async fn a_vpc_is_found_by_its_exact_tags() {
    let site = Site::new().await;
    for value in ["to*yo", "tokyo"] {
        let tag = Tag::builder().key("Name").value(value).build();
        let tags = TagSpecification::builder().resource_type(ResourceType::Vpc).tags(tag).build();
        site.ec2.create_vpc().cidr_block("10.30.0.0/16").tag_specifications(tags).send().await.expect("a VPC");
    }
    let observe = async |vpc| {
        let scope = Scope { fits: true, ..Scope::new(vpc, site.identity.clone()) };
        site.cloud.observe(&scope).await.expect("observed").vpcs.len()
    };
    let named = |name: &str| VpcSelector::Tags(Tags::from([("Name".to_owned(), name.to_owned())]));
    assert_eq!(observe(named("tokyo")).await, 1);
    assert_eq!(observe(named("to*yo")).await, 1, "an asterisk is not a wildcard");
    assert_eq!(observe(named("osaka")).await, 0, "a missing VPC is not a failure");
    assert_eq!(observe(VpcSelector::Id("vpc-00000000000000000".into())).await, 0);
}

#[tokio::test]
async fn created_resources_are_observed_as_they_were_created() {
    let site = Site::new().await;
    let network = site.created_network().await;
    let resources = site.observe().await.resources;
    for slot in Slot::standard().filter(|slot| *slot != Slot::Group(GroupRole::Replication)) {
        let held = resources.held(&site.identity, slot);
        assert_eq!(held.iter().map(|held| (held.life, held.epoch)).collect::<Vec<_>>(), [(Life::Live, 1)], "{slot}");
    }
    for (id, key) in &network.endpoints {
        let endpoint = &resources.endpoints[id];
        assert_eq!((endpoint.state.clone(), endpoint.key), (EndpointState::Available, Some(*key)));
        if *key == EndpointKey::S3_GATEWAY {
            assert_eq!(endpoint.route_tables, BTreeSet::from([site.route_table.clone()]));
            assert_eq!(endpoint.private_dns, PrivateDns::Disabled);
        } else {
            let s3 = key.service == Service::S3;
            let private_dns = if s3 { PrivateDns::InboundResolverOnly } else { PrivateDns::Enabled };
            assert_eq!((&endpoint.subnets, endpoint.private_dns), (&site.subnets, private_dns));
            assert_eq!(endpoint.groups, BTreeSet::from([network.endpoints_group.clone()]));
            let addresses: BTreeSet<_> = endpoint.interfaces.iter().map(|id| &resources.interfaces[id].ip).collect();
            assert_eq!(addresses.len(), 2, "one address per subnet");
        }
    }
    let resolver = &resources.resolvers[&network.resolver];
    assert_eq!(resolver.state, ResolverState::Operational);
    assert!(resolver.addresses.len() == 2 && resolver.addresses.values().all(ResolverAddress::is_attached));
    assert_eq!(resolver.groups, BTreeSet::from([network.resolver_group.clone()]));
    let rules: Vec<&str> =
        resources.groups[&network.resolver_group].ingress.iter().map(|rule| rule.text.as_str()).collect();
    assert_eq!(
        BTreeSet::from_iter(rules),
        BTreeSet::from(["tcp 53 from 192.168.0.0/16", "udp 53 from 192.168.0.0/16"])
    );
}

#[tokio::test]
async fn a_network_at_rest_is_observed_with_twelve_calls() {
    let site = Site::new().await;
    site.created_network().await;
    site.observe().await;
    let before = site.calls_so_far();
    site.observe().await;
    let mut calls = site.actions_after(before);
    calls.sort();
    let expected = [
        "DescribeNetworkInterfaces",
        "DescribeRouteTables",
        "DescribeSecurityGroupRules",
        "DescribeSecurityGroups",
        "DescribeSubnets",
        "DescribeVpcAttribute",
        "DescribeVpcAttribute",
        "DescribeVpcEndpoints",
        "DescribeVpcs",
        "ListResolverEndpointIpAddresses",
        "ListResolverEndpoints",
        "ListTagsForResource",
    ];
    assert_eq!(calls, expected);

    let before = site.calls_so_far();
    site.cloud.find_owned(&site.identity, &ResolverSearch::all()).await.expect("found");
    assert_eq!(site.actions_after(before).len(), 6);
}

#[tokio::test]
async fn observations_reuse_recent_reads_of_the_vpc_only_if_the_network_fits() {
    let site = Site::new().await;
    site.created_network().await;
    site.observe().await;
    let off = AttributeBooleanValue::builder().value(false).build();
    let change = site.ec2.modify_vpc_attribute().vpc_id(site.vpc.as_str()).enable_dns_hostnames(off);
    change.send().await.expect("DNS host names are turned off");
    let observe = async |fits, recent| {
        let before = site.calls_so_far();
        let observed = site.cloud.observe(&Scope { fits, recent, ..site.scope() }).await.expect("observed");
        (observed.vpcs[0].dns_hostnames, site.actions_after(before).len())
    };
    assert_eq!(observe(true, Duration::from_mins(1)).await, (true, 8), "the recent read is reused");
    assert_eq!(observe(true, Duration::ZERO).await, (false, 12));
    assert_eq!(observe(true, Duration::from_mins(1)).await, (false, 8));
    // The surroundings of the VPC are also read again, with four calls.
    assert_eq!(
        observe(false, Duration::from_mins(1)).await,
        (false, 16),
        "a problem of a network is never reported from an old read"
    );
}

#[tokio::test]
async fn calls_that_cannot_have_a_result_are_not_made() {
    let site = Site::new().await;
    let before = site.calls_so_far();
    site.observe().await;
    let calls: BTreeSet<String> = site.actions_after(before).into_iter().collect();
    for action in ["DescribeSecurityGroupRules", "DescribeNetworkInterfaces", "ListTagsForResource"] {
        assert!(!calls.contains(action), "{action}");
    }
    let before = site.calls_so_far();
    let without_uid = Identity { uid: String::new(), ..site.identity.clone() };
    assert_eq!(site.cloud.find_owned(&without_uid, &ResolverSearch::all()).await, Ok(Resources::default()));
    assert_eq!(site.actions_after(before), Vec::<String>::new());
}

#[tokio::test]
async fn exactly_the_resources_that_a_cluster_created_are_found_with_four_calls() {
    let site = Site::new().await;
    site.created_network().await;
    let before = site.calls_so_far();
    let found = site.cloud.find_made_by(&site.identity.cluster).await.expect("found");
    let mut calls = site.actions_after(before);
    calls.sort();
    let expected = ["DescribeSecurityGroups", "DescribeVpcEndpoints", "ListResolverEndpoints", "ListTagsForResource"];
    assert_eq!(calls, expected);
    let owned = site.cloud.find_owned(&site.identity, &ResolverSearch::all()).await.expect("found");
    assert_eq!((&found.groups, &found.endpoints), (&owned.groups, &owned.endpoints));
    let tags = |resources: &Resources| resources.resolvers.values().map(|one| one.tags.clone()).collect::<Vec<_>>();
    assert!(!found.resolvers.is_empty() && tags(&found) == tags(&owned), "{found:?}");

    assert_eq!(site.cloud.find_made_by("another").await, Ok(Resources::default()));
    let before = site.calls_so_far();
    assert_eq!(site.cloud.find_made_by("").await, Ok(Resources::default()));
    assert_eq!(site.actions_after(before), Vec::<String>::new());
}

#[tokio::test]
async fn pages_of_one_item_give_the_same_observation() {
    let site = Site::new().await;
    site.created_network().await;
    let (observed, owned) = (site.observe().await, site.cloud.find_owned(&site.identity, &ResolverSearch::all()).await);
    let one_per_page = |options: &emulator::world::options::Options| {
        let mut options = options.clone();
        options.max_page = Some(1);
        Ok::<_, std::convert::Infallible>(options)
    };
    let Ok(()) = site.server.with_world(|world| world.change_options(None, one_per_page));
    let before = site.calls_so_far();
    assert_eq!(site.observe().await, observed);
    assert_eq!(site.cloud.find_owned(&site.identity, &ResolverSearch::all()).await, owned);
    assert!(site.actions_after(before).len() > 60, "one item per page");
}

#[tokio::test]
async fn a_service_that_the_region_lacks_is_not_observed_and_not_a_failure() {
    let rule = |offered, zones| ServiceRule { offered, zones, ..ServiceRule::default() };
    let site = Site::with(|options| {
        options.services = BTreeMap::from([
            (format!("{REGION}/ec2messages"), rule(false, None)),
            (format!("{REGION}/mgn"), rule(true, Some(vec!["apne1-az4".to_owned()]))),
        ]);
    })
    .await;
    let services = site.observe().await.services;
    assert_eq!(services.len(), 6);
    assert!(!services.contains_key(&EndpointKey::interface(Service::Ec2Messages)));
    assert_eq!(services[&EndpointKey::interface(Service::Mgn)].zones, BTreeSet::from(["apne1-az4".into()]));
}

#[tokio::test]
async fn network_interfaces_that_use_a_security_group_are_observed() {
    let site = Site::new().await;
    let group = site.created_group(GroupRole::Replication).await;
    let subnet = site.subnets.first().expect("two").as_str();
    let foreign = site.ec2.create_network_interface().subnet_id(subnet).groups(group.as_str());
    let foreign = foreign.description("a replication server").send().await.expect("an interface").network_interface;
    let foreign = BTreeSet::from([foreign.and_then(|created| created.network_interface_id).expect("an id").into()]);
    let other = site.ec2.create_network_interface().subnet_id(subnet).send().await;
    other.expect("an interface with the default group");
    for resources in [
        site.observe().await.resources,
        site.cloud.find_owned(&site.identity, &ResolverSearch::all()).await.expect("found"),
    ] {
        assert_eq!(resources.interfaces_of(&group), foreign);
        assert_eq!(resources.interfaces.len(), 1);
        assert_eq!(resources.interfaces.values().next().expect("one").description, "a replication server");
    }
}

#[tokio::test]
async fn foreign_resources_are_observed_but_never_counted_as_owned() {
    let site = Site::new().await;
    let network = site.created_network().await;
    let other = Identity { uid: "5f0c1b1e-0000-4000-8000-000000000002".to_owned(), ..site.identity.clone() };
    let scope = Scope { fits: true, ..Scope::new(VpcSelector::Id(site.vpc.clone()), other.clone()) };
    let resources = site.cloud.observe(&scope).await.expect("observed").resources;
    assert_eq!(resources.endpoints.len(), 7);
    assert_eq!(
        resources.resolvers[&network.resolver].addresses,
        BTreeMap::new(),
        "the addresses of a foreign resolver are not read"
    );
    assert!(!resources.any_held(&other));
    assert_eq!(site.cloud.find_owned(&other, &ResolverSearch::all()).await, Ok(Resources::default()));
}

#[tokio::test]
async fn an_endpoint_removed_from_its_group_is_observed_with_its_addresses() {
    let site = Site::new().await;
    let (group, other) =
        (site.created_group(GroupRole::Endpoints).await, site.created_group(GroupRole::Resolver).await);
    let (id, _) = site.created_endpoint(site.create_interface(Service::Mgn, &group)).await;
    site.server.advance(LONG);
    let foreign = site.ec2.create_security_group().vpc_id(site.vpc.as_str()).group_name("theirs").description("x");
    let foreign = foreign.send().await.expect("a group").group_id.expect("an id");
    let change = site.ec2.modify_vpc_endpoint().vpc_endpoint_id(id.as_str()).add_security_group_ids(foreign);
    change.remove_security_group_ids(group.as_str()).send().await.expect("modified");
    let resources = site.observe().await.resources;
    assert!(resources.interfaces_of(&group).is_empty() && resources.interfaces_of(&other).is_empty());
    let endpoint = &resources.endpoints[&id];
    assert_eq!(endpoint.interfaces.len(), 2);
    assert!(endpoint.interfaces.iter().all(|interface| resources.interfaces.contains_key(interface)));
}
