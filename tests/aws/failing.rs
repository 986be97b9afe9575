//! Tests that every class of failure is recognized, and that a repeated call creates no duplicate.

use std::collections::{BTreeMap, BTreeSet};

use emulator::{
    Clock, Server, ServerOptions,
    http::{Fault, FaultKind},
};
use mgnet::{
    aws::{Cloud, Rates, ResolverSearch},
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
async fn every_class_of_failure_is_recognized_from_the_answer_of_aws() {
    let site = Site::new().await;
    let group = site.created_group(GroupRole::Endpoints).await;
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
    assert_eq!(
        class(&site.create_interface(Service::S3, &group)).await,
        FailureClass::Dependency,
        "there is no gateway endpoint yet"
    );
    // The AWS layer repeats a throttled call.
    site.server.order(always(FaultKind::Throttle, "CreateVpcEndpoint"));
    assert_eq!(with_fault(answered("UnauthorizedOperation", "CreateVpcEndpoint")).await, FailureClass::Unauthorized);
    assert_eq!(with_fault(answered("VpcEndpointLimitExceeded", "CreateVpcEndpoint")).await, FailureClass::Quota);
    assert_eq!(with_fault(answered("NewInTheWorld", "CreateVpcEndpoint")).await, FailureClass::Unknown);
    for (kind, expected) in [
        (FaultKind::Error500, FailureClass::Transient),
        (FaultKind::Error503, FailureClass::Transient),
        (FaultKind::DropBefore, FailureClass::Unanswered),
    ] {
        assert_eq!(with_fault(always(kind, "CreateVpcEndpoint")).await, expected, "{kind:?}");
    }

    site.execute(mgn.clone()).await;
    let second = Step::Create {
        slot: Slot::Endpoint(EndpointKey::interface(Service::Mgn)),
        token: "another".to_owned(),
        request: match &mgn {
            Step::Create { request, .. } => request.clone(),
            _ => unreachable!(),
        },
    };
    assert_eq!(
        class(&second).await,
        FailureClass::Conflict,
        "a VPC has only one endpoint with private DNS per service"
    );
    let same_zone = site.add_subnet("a", "10.20.3.0/24").await;
    let (vpc, subnets) = (site.vpc.clone(), site.subnets.iter().cloned().chain([same_zone]).collect());
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
async fn a_lost_answer_is_transient_and_the_repeated_call_creates_no_duplicate() {
    for kind in [FaultKind::LoseAnswer, FaultKind::Garbage, FaultKind::Truncate] {
        let site = Site::new().await;
        let group = site.created_group(GroupRole::Resolver).await;
        let dns = [Protocol::Tcp, Protocol::Udp].map(|protocol| rule(protocol, 53, "10.0.0.0/8"));
        site.authorize(GroupRole::Resolver, &group, &dns).await;
        let (mgn, resolver) = (site.create_interface(Service::Mgn, &group), site.create_resolver(&group));
        for (step, action) in [(&mgn, "CreateVpcEndpoint"), (&resolver, "CreateResolverEndpoint")] {
            // The AWS layer repeats the first call immediately.
            let times = if action == "CreateVpcEndpoint" { 2 } else { 1 };
            site.server.order(Fault { times, ..Fault::next(kind, action) });
            let failure = site.refused(step.clone()).await;
            let uncertain = matches!(failure.class, FailureClass::Transient | FailureClass::Unanswered);
            assert!(uncertain, "{kind:?} {failure}");
            site.execute(step.clone()).await;
        }
        let resources = site.observe().await.resources;
        assert_eq!((resources.endpoints.len(), resources.resolvers.len()), (1, 1), "{kind:?}");
    }
}

#[tokio::test]
async fn a_token_with_other_parameters_is_reported_as_already_existing() {
    let site = Site::new().await;
    let group = site.created_group(GroupRole::Endpoints).await;
    let (first, _) = site.created_endpoint(site.create_interface(Service::Mgn, &group)).await;
    let (again, _) = site.created_endpoint(site.create_interface(Service::Mgn, &group)).await;
    assert_eq!(first, again);
    let other = site.created_group(GroupRole::Resolver).await;
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
        // Each action gets its own emulator: calls that the failed observation abandons must not meet the next fault.
        let site = Site::new().await;
        site.created_network().await;
        site.server.order(Fault { code: Some("AccessDenied".to_owned()), ..Fault::next(FaultKind::Error, action) });
        let failure = site.cloud.observe(&site.scope()).await.expect_err("an incomplete observation is an error");
        assert_eq!(failure.class, FailureClass::Unauthorized);
        assert!(failure.operation.ends_with(action), "{failure}");
    }
}

#[tokio::test]
async fn calls_are_paced_below_the_limits_at_which_aws_throttles() {
    let options = ServerOptions { clock: Clock::Wall { speed: 1.0 }, ..ServerOptions::default() };
    let server = Server::start(options).await.expect("a free port");
    let site = Box::pin(Site::at(server, Rates::default())).await;
    let group = site.created_group(GroupRole::Endpoints).await;
    let observe = async || futures::future::join_all((0..8).map(|_| site.observe())).await;
    let create = async || {
        site.execute(site.create_gateway()).await;
        for service in [Service::Mgn, Service::S3, Service::Ec2, Service::Ssm] {
            site.execute(site.create_interface(service, &group)).await;
        }
    };
    let start = std::time::Instant::now();
    tokio::join!(observe(), create());
    assert!(start.elapsed() >= std::time::Duration::from_secs(3), "the fifth endpoint waits");
    let outcomes: BTreeSet<String> = site.server.calls(None, 0).into_iter().map(|call| call.outcome).collect();
    // MGN is not initialized.
    assert_eq!(outcomes, BTreeSet::from(["UninitializedAccountException".to_owned(), "ok".to_owned()]));
}

#[tokio::test]
async fn a_listed_resolver_that_aws_does_not_find_is_reported_as_unread() {
    let site = Site::new().await;
    let network = site.created_network().await;
    let unread = BTreeSet::from([network.resolver.clone()]);
    for action in ["ListTagsForResource", "ListResolverEndpointIpAddresses"] {
        site.server.order(answered("ResourceNotFoundException", action));
        let resources = site.observe().await.resources;
        assert_eq!((resources.resolvers.len(), &resources.unread_resolvers), (0, &unread), "{action}");
        site.server.order(answered("ResourceNotFoundException", action));
        let owned = site.cloud.find_owned(&site.identity, &ResolverSearch::all()).await.expect("found");
        assert_eq!((owned.resolvers.len(), &owned.unread_resolvers), (0, &unread), "{action}");
        let resources = site.observe().await.resources;
        assert_eq!((resources.resolvers.len(), resources.unread_resolvers.len()), (1, 0), "{action}");
    }
}
