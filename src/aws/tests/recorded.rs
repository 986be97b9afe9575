//! Tests with answers in the forms that real AWS uses, as far as no emulator has them.
//!
//! The fixtures are made for these tests. Their forms are those of answers that cloud-custodian (`tests/data/placebo`) and
//! LocalStack (`tests/aws/services`) recorded from AWS between 2016 and 2026: which fields exist, how values are spelled, what
//! is empty, and what is absent.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    aws::{
        Cloud, Clouds, ResolverSearch, Scope,
        tests::{
            account,
            answers::{Answer, Request, Server, ec2_error, resolver_error},
            clouds,
        },
    },
    model::{
        failure::FailureClass,
        ids::EndpointId,
        observed::routes::RouteTarget,
        observed::{Endpoint, EndpointState, Observed, Permission, PrivateDns, Protocol, ResolverState},
        ownership::{Identity, Tags},
        plan::step::Step,
        policy::Policy,
        settings::VpcSelector,
        slot::{EndpointKey, GroupRole, Service},
    },
};

/// Answers each call with its fixture, and each other call with an empty list.
fn answer(request: &Request) -> Answer {
    let body = match request.action.as_str() {
        "DescribeVpcs" => include_str!("fixtures/vpcs.xml"),
        "DescribeSubnets" => include_str!("fixtures/subnets.xml"),
        "DescribeRouteTables" => include_str!("fixtures/route_tables.xml"),
        "DescribeVpcEndpoints" => include_str!("fixtures/endpoints.xml"),
        "DescribeVpcEndpointServices" => include_str!("fixtures/endpoint_services.xml"),
        "DescribeNetworkInterfaces" => include_str!("fixtures/network_interfaces.xml"),
        "ListResolverEndpoints" => include_str!("fixtures/resolver_endpoints.json"),
        "ListTagsForResource" => r#"{"Tags":[{"Key":"Name","Value":"inbound"}]}"#,
        "ListResolverEndpointIpAddresses" => r#"{"IpAddresses":[],"MaxResults":100}"#,
        "GetCallerIdentity" => return Answer::Is(404, String::new()),
        other => return Answer::Is(200, format!("<{other}Response></{other}Response>")),
    };
    Answer::Is(200, body.to_owned())
}

fn scope(services: BTreeSet<Service>) -> Scope {
    let identity = Identity {
        uid: "uid-1".to_owned(),
        namespace: "team".to_owned(),
        name: "tokyo".to_owned(),
        cluster: "cluster-1".to_owned(),
    };
    Scope {
        services,
        endpoints: ["vpce-interface".into()].into(),
        resolver: Some("rslvr-in-1".into()),
        owned_resolvers: ResolverSearch::all(),
        ..Scope::new(VpcSelector::Id("vpc-1".into()), identity)
    }
}

async fn observe() -> Observed {
    let server = Server::start(answer).await;
    let cloud = clouds(&server.endpoint).await.connect(&account()).await.expect("the account is right");
    let services = [Service::named("apprunner.requests").expect("a name")].into();
    cloud.observe(&scope(services)).await.expect("observed")
}

/// Returns the services in each request for offers, as numbers: the names of invented services end with one.
fn asked(server: &Server) -> Vec<BTreeSet<u32>> {
    let number = |value: &String| value.rsplit_once("invented-")?.1.parse().ok();
    let requests = server.received("DescribeVpcEndpointServices");
    requests.iter().map(|request| request.parameters.values().filter_map(number).collect()).collect()
}

#[tokio::test]
async fn invented_services_of_one_network_do_not_affect_the_requests_of_others() {
    let server = Server::start(answer).await;
    let cloud = clouds(&server.endpoint).await.connect(&account()).await.expect("the account is right");
    let invented = |numbers: std::ops::Range<u32>| {
        let name = |number| Service::named(&format!("invented-{number}")).expect("a name");
        scope(numbers.map(name).collect())
    };
    cloud.observe(&invented(0..450)).await.expect("observed");
    let first = asked(&server);
    assert!(first.iter().all(|services| services.len() <= 200), "AWS accepts 200 values in a request");
    assert_eq!(first.iter().flatten().collect::<BTreeSet<_>>().len(), 450, "all are asked for");
    cloud.observe(&invented(450..451)).await.expect("observed");
    cloud.observe(&invented(450..451)).await.expect("observed");
    assert_eq!(asked(&server)[first.len()..], [BTreeSet::from([450])], "services that are not offered are cached, too");
}

fn one<'a>(endpoints: &'a BTreeMap<EndpointId, Endpoint>, id: &str) -> &'a Endpoint {
    &endpoints[&EndpointId::from(id)]
}

#[tokio::test]
async fn a_removed_block_of_a_vpc_is_ignored() {
    let [vpc] = observe().await.vpcs.try_into().expect("one VPC");
    assert_eq!(vpc.cidrs, BTreeSet::from(["10.1.0.0/16".parse().expect("a range")]));
}

#[tokio::test]
async fn subnets_routes_and_interfaces_are_read() {
    let observed = observe().await;
    let subnet = &observed.subnets[&"subnet-1".into()];
    assert_eq!((subnet.available_addresses, subnet.shared_by.as_deref(), &subnet.tags), (250, None, &Tags::new()));
    let [table] = observed.route_tables.try_into().expect("one route table");
    assert!(table.main && table.subnets == BTreeSet::from(["subnet-1".into()]));
    let routes: BTreeMap<String, RouteTarget> =
        table.routes.iter().map(|route| (route.destination.to_string(), route.target)).collect();
    let expected = [
        ("10.64.1.0/24", RouteTarget::Blackhole),
        ("172.16.0.0/16", RouteTarget::Private),
        ("10.1.0.0/16", RouteTarget::Local),
        ("0.0.0.0/0", RouteTarget::Internet),
    ];
    assert_eq!(routes, expected.map(|(destination, target)| (destination.to_owned(), target)).into());
    let interfaces = &observed.resources.interfaces;
    let described = |id: &str| interfaces[&id.into()].description.as_str();
    assert_eq!(described("eni-1"), "VPC Endpoint Interface vpce-interface");
    assert_eq!(described("eni-2"), "attached to i-1");
    assert_eq!(interfaces[&"eni-1".into()].ip, Some("10.1.0.9".parse().expect("an address")));
}

#[tokio::test]
async fn the_default_policies_of_both_endpoint_types_are_full_access() {
    let endpoints = observe().await.resources.endpoints;
    for id in ["vpce-gateway", "vpce-interface", "vpce-service", "vpce-elsewhere"] {
        assert_eq!(one(&endpoints, id).policy, Policy::FullAccess, "{id}");
    }
}

#[tokio::test]
async fn a_policy_that_aws_wrote_anew_equals_the_policy_that_was_sent() {
    let sent = r#"{"Statement": {"Action": ["s3:GetObject"], "Resource": "*", "Principal": "*", "Effect": "Allow"}}"#;
    let endpoints = observe().await.resources.endpoints;
    assert_eq!(one(&endpoints, "vpce-restricted").policy, Policy::parse(sent).expect("a policy"));
}

#[tokio::test]
async fn endpoints_of_every_kind_are_read() {
    let endpoints = observe().await.resources.endpoints;
    let gateway = one(&endpoints, "vpce-gateway");
    assert_eq!((gateway.key, &gateway.state), (Some(EndpointKey::S3_GATEWAY), &EndpointState::Available));
    assert_eq!(gateway.private_dns, PrivateDns::Disabled);
    let interface = one(&endpoints, "vpce-interface");
    assert_eq!(
        (interface.key, interface.private_dns),
        (Some(EndpointKey::interface(Service::Ec2)), PrivateDns::Enabled)
    );
    assert_eq!(interface.subnets, BTreeSet::from(["subnet-1".into(), "subnet-2".into()]));
    assert!(interface.dns_names.contains("ec2.eu-west-1.amazonaws.com"));
    let service = one(&endpoints, "vpce-service");
    assert_eq!((service.key, &service.state), (None, &EndpointState::Pending), "a service that no network uses");
    let elsewhere = one(&endpoints, "vpce-elsewhere");
    assert_eq!((elsewhere.key, elsewhere.tags.len()), (None, 0), "a service of another Region");
    assert_eq!(elsewhere.state, EndpointState::Failed("rejected".to_owned()));
}

#[tokio::test]
async fn offers_are_read_with_their_zones_and_private_names() {
    let services = observe().await.services;
    let zones = |key| services[&key].zones.iter().map(ToString::to_string).collect::<Vec<_>>();
    let plain = EndpointKey::interface(Service::named("apprunner.requests").expect("a name"));
    assert_eq!(
        services.keys().copied().collect::<BTreeSet<_>>(),
        [EndpointKey::S3_GATEWAY, EndpointKey::S3_INTERFACE, plain].into()
    );
    assert_eq!(
        (zones(plain), services[&plain].private_dns_names.len()),
        (vec!["euw1-az1".into(), "euw1-az3".into()], 0)
    );
    assert_eq!(zones(EndpointKey::S3_INTERFACE), ["euw1-az3"]);
    let names: Vec<&str> = services[&EndpointKey::S3_INTERFACE].private_dns_names.iter().map(String::as_str).collect();
    assert_eq!(names, ["s3-control.dualstack.eu-west-1.amazonaws.com", "s3.eu-west-1.amazonaws.com"]);
    assert!(services[&EndpointKey::S3_INTERFACE].has_gateway && !services[&plain].has_gateway);
}

#[tokio::test]
async fn a_resolver_endpoint_without_name_and_protocols_is_read() {
    let observed = observe().await;
    let resolver = &observed.resources.resolvers[&"rslvr-in-1".into()];
    assert_eq!((&resolver.state, &*resolver.message), (&ResolverState::Creating, "Creating the Resolver Endpoint"));
    assert_eq!(resolver.tags, Tags::from([("Name".to_owned(), "inbound".to_owned())]));
    assert_eq!(resolver.groups, BTreeSet::from(["sg-1".into()]));
}

#[tokio::test]
async fn recorded_errors_have_their_class() {
    let exists = r#"the specified rule "peer: 10.0.0.0/8, TCP, from port: 53, to port: 53, ALLOW" already exists"#;
    let malformed = r#"[RSLVR-00408] Malformed security group ID: \"Invalid id: \"x\" (expecting \"sg-...\")\"."#;
    let server = Server::start(move |request| match request.action.as_str() {
        "AuthorizeSecurityGroupIngress" => ec2_error(400, "InvalidPermission.Duplicate", exists),
        "DeleteSecurityGroup" => ec2_error(400, "InvalidGroup.NotFound", "The security group 'sg-1' does not exist"),
        "AssociateResolverEndpointIpAddress" => resolver_error(400, "InvalidParameterException", malformed),
        "DeleteResolverEndpoint" => resolver_error(400, "ResourceNotFoundException", "[RSLVR-00703] gone"),
        _ => Answer::Is(404, String::new()),
    })
    .await;
    let cloud = clouds(&server.endpoint).await.connect(&account()).await.expect("the account is right");
    let source = "10.0.0.0/8".parse().expect("a range");
    let permission = Permission { protocol: Protocol::Tcp, port: 53, source };
    for (step, class, start) in [
        (
            Step::AuthorizeIngress {
                role: GroupRole::Resolver,
                group: "sg-1".into(),
                permissions: BTreeMap::from([(permission, "mgnet".to_owned())]),
            },
            FailureClass::AlreadyExists,
            "the specified rule \"peer: 10.0.0.0/8, TCP",
        ),
        (
            Step::DeleteGroup { role: GroupRole::Resolver, group: "sg-1".into() },
            FailureClass::NotFound,
            "The security group 'sg-1'",
        ),
        (
            Step::AssociateResolverAddress { resolver: "rslvr-in-1".into(), subnet: "subnet-1".into(), ip: None },
            FailureClass::Invalid,
            "[RSLVR-00408] Malformed security group ID: \"Invalid id: \"x\"",
        ),
        (Step::DeleteResolver { resolver: "rslvr-in-1".into() }, FailureClass::NotFound, "[RSLVR-00703]"),
    ] {
        let failure = cloud.execute(&step).await.expect_err("AWS refuses");
        assert_eq!(failure.class, class, "{failure}");
        assert!(failure.message.starts_with(start), "{failure}");
    }
}
