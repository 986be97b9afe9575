//! Every class of failure, and that a call sent again makes nothing twice.

use std::collections::{BTreeMap, BTreeSet};

use emulator::{
    Clock, Server, ServerOptions,
    http::{Fault, FaultKind},
};
use mgnet::{
    aws::{Cloud, Rates},
    model::{
        failure::FailureClass,
        observed::{PrivateDns, Protocol},
        plan::step::{CreateRequest, Step},
        policy::Policy,
        slot::{EndpointKey, GroupRole, Service, Slot},
    },
};

use crate::site::{REGION, Site, rule};

fn always(kind: FaultKind, action: &str) -> Fault {
    Fault { times: 2, ..Fault::next(kind, action) }
}

fn answered(code: &str, action: &str) -> Fault {
    Fault { code: Some(code.to_owned()), message: Some("No.".to_owned()), ..Fault::next(FaultKind::Error, action) }
}

#[tokio::test]
async fn every_class_of_failure_comes_from_what_aws_answers() {
    let site = Site::new().await;
    let group = site.made_group(GroupRole::Endpoints).await;
    let mgn = site.create_interface(Service::Mgn, &group);
    let class = async |step: &Step| {
        let failure = site.refused(step.clone()).await;
        assert!(!failure.code.is_empty() && failure.operation.contains(':'), "{failure:?}");
        failure.class
    };
    let with_fault = async |fault: Fault| {
        site.server.order(fault);
        class(&mgn).await
    };
    assert_eq!(
        class(&site.create_interface(Service::Mgn, &"sg-00000000000000000".into())).await,
        FailureClass::NotFound
    );
    assert_eq!(class(&site.create_group(GroupRole::Endpoints)).await, FailureClass::AlreadyExists);
    assert_eq!(class(&site.create_interface(Service::S3, &group)).await, FailureClass::Dependency, "no gateway yet");
    // What is throttled is sent again.
    site.server.order(always(FaultKind::Throttle, "CreateVpcEndpoint"));
    assert_eq!(with_fault(answered("UnauthorizedOperation", "CreateVpcEndpoint")).await, FailureClass::Unauthorized);
    assert_eq!(with_fault(answered("VpcEndpointLimitExceeded", "CreateVpcEndpoint")).await, FailureClass::Quota);
    assert_eq!(with_fault(answered("NewInTheWorld", "CreateVpcEndpoint")).await, FailureClass::Unknown);
    for kind in [FaultKind::Error500, FaultKind::Error503, FaultKind::DropBefore] {
        assert_eq!(with_fault(always(kind, "CreateVpcEndpoint")).await, FailureClass::Transient, "{kind:?}");
    }

    site.execute(mgn.clone()).await;
    let rival = Step::Create {
        slot: Slot::Endpoint(EndpointKey::interface(Service::Mgn)),
        token: "another".to_owned(),
        request: match &mgn {
            Step::Create { request, .. } => request.clone(),
            _ => unreachable!(),
        },
    };
    assert_eq!(class(&rival).await, FailureClass::Conflict, "private DNS exists once in a VPC");
    let doubled = site.add_subnet("a", "10.20.3.0/24").await;
    let (vpc, subnets) = (site.vpc.clone(), site.subnets.iter().cloned().chain([doubled]).collect());
    let invalid = site.create(Slot::Endpoint(EndpointKey::interface(Service::Ec2)), |tags| {
        let service_name = format!("com.amazonaws.{REGION}.ec2");
        let private_dns = PrivateDns::Enabled;
        CreateRequest::InterfaceEndpoint {
            vpc,
            service_name,
            subnets,
            addresses: BTreeMap::new(),
            groups: [group.clone()].into(),
            private_dns,
            policy: Policy::FullAccess,
            tags,
        }
    });
    assert_eq!(class(&invalid).await, FailureClass::Invalid, "two subnets in one zone");
}

#[tokio::test]
async fn a_lost_answer_promises_nothing_and_the_same_call_finds_what_it_made() {
    for kind in [FaultKind::LoseAnswer, FaultKind::Garbage, FaultKind::Truncate] {
        let site = Site::new().await;
        let group = site.made_group(GroupRole::Resolver).await;
        let dns = [Protocol::Tcp, Protocol::Udp].map(|protocol| rule(protocol, 53, "10.0.0.0/8"));
        site.authorize(GroupRole::Resolver, &group, &dns).await;
        let (mgn, resolver) = (site.create_interface(Service::Mgn, &group), site.create_resolver(&group));
        for (step, action) in [(&mgn, "CreateVpcEndpoint"), (&resolver, "CreateResolverEndpoint")] {
            // The first is sent again at once.
            let times = if action == "CreateVpcEndpoint" { 2 } else { 1 };
            site.server.order(Fault { times, ..Fault::next(kind, action) });
            let failure = site.refused(step.clone()).await;
            assert_eq!(failure.class, FailureClass::Transient, "{kind:?} {failure}");
            site.execute(step.clone()).await;
        }
        let resources = site.observe().await.resources;
        assert_eq!((resources.endpoints.len(), resources.resolvers.len()), (1, 1), "{kind:?}");
    }
}

#[tokio::test]
async fn a_token_with_other_parameters_is_taken() {
    let site = Site::new().await;
    let group = site.made_group(GroupRole::Endpoints).await;
    let (first, _) = site.made_endpoint(site.create_interface(Service::Mgn, &group)).await;
    let (again, _) = site.made_endpoint(site.create_interface(Service::Mgn, &group)).await;
    assert_eq!(first, again);
    let other = site.made_group(GroupRole::Resolver).await;
    let failure = site.refused(site.create_interface(Service::Mgn, &other)).await;
    assert_eq!((failure.class, failure.code.as_str()), (FailureClass::AlreadyExists, "IdempotentParameterMismatch"));
}

#[tokio::test]
async fn one_failed_call_fails_the_observation() {
    for action in [
        "DescribeVpcs",
        "DescribeSubnets",
        "DescribeVpcAttribute",
        "DescribeRouteTables",
        "DescribeVpcEndpoints",
        "DescribeSecurityGroups",
        "DescribeSecurityGroupRules",
        "DescribeNetworkInterfaces",
        "ListResolverEndpoints",
        "ListTagsForResource",
        "ListResolverEndpointIpAddresses",
    ] {
        // A model for each: what the failed observation gives up half way must not meet the next one's fault.
        let site = Site::new().await;
        site.made_network().await;
        site.server.order(Fault { code: Some("AccessDenied".to_owned()), ..Fault::next(FaultKind::Error, action) });
        let failure = site.cloud.observe(&site.scope()).await.expect_err("half an observation is none");
        assert_eq!(failure.class, FailureClass::Unauthorized);
        assert!(failure.operation.ends_with(action), "{failure}");
    }
}

#[tokio::test]
async fn calls_are_paced_so_that_aws_has_no_reason_to_throttle() {
    let options = ServerOptions { clock: Clock::Wall { speed: 1.0 }, ..ServerOptions::default() };
    let server = Server::start(options).await.expect("a free port");
    let site = Box::pin(Site::at(server, Rates::default())).await;
    let group = site.made_group(GroupRole::Endpoints).await;
    let observe = async || futures::future::join_all((0..8).map(|_| site.observe())).await;
    let create = async || {
        site.execute(site.create_gateway()).await;
        for service in [Service::Mgn, Service::S3, Service::Ec2, Service::Ssm] {
            site.execute(site.create_interface(service, &group)).await;
        }
    };
    let begun = std::time::Instant::now();
    tokio::join!(observe(), create());
    assert!(begun.elapsed() >= std::time::Duration::from_secs(3), "the fifth endpoint waits");
    let outcomes: BTreeSet<String> = site.server.calls(None, 0).into_iter().map(|call| call.outcome).collect();
    assert_eq!(outcomes, BTreeSet::from(["ok".to_owned()]));
}

#[tokio::test]
async fn a_listed_resolver_that_aws_does_not_find_when_asked_is_listed_all_the_same() {
    let site = Site::new().await;
    let network = site.made_network().await;
    let unread = BTreeSet::from([network.resolver.clone()]);
    for action in ["ListTagsForResource", "ListResolverEndpointIpAddresses"] {
        site.server.order(answered("ResourceNotFoundException", action));
        let resources = site.observe().await.resources;
        assert_eq!((resources.resolvers.len(), &resources.unread_resolvers), (0, &unread), "{action}");
        site.server.order(answered("ResourceNotFoundException", action));
        let owned = site.cloud.find_owned(&site.identity).await.expect("found");
        assert_eq!((owned.resolvers.len(), &owned.unread_resolvers), (0, &unread), "{action}");
        let resources = site.observe().await.resources;
        assert_eq!((resources.resolvers.len(), resources.unread_resolvers.len()), (1, 0), "{action}");
    }
}
