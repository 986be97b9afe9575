//! Tests of every way in which a call can fail, with answers from the wire.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::{
    aws::{
        Cloud, Clouds, Scope,
        tests::{
            account,
            answers::{Answer, REQUEST_ID, Server, ec2_error, resolver_error},
            clouds,
        },
    },
    model::{
        failure::{CallFailure, FailureClass},
        observed::PrivateDns,
        ownership::{Identity, Tags},
        plan::step::{CreateRequest, ResourceId, Step},
        policy::Policy,
        settings::VpcSelector,
        slot::{EndpointKey, GroupRole, Service, Slot},
    },
};

fn identity() -> Identity {
    Identity {
        uid: "uid-1".to_owned(),
        namespace: "team".to_owned(),
        name: "tokyo".to_owned(),
        cluster: "cluster-1".to_owned(),
    }
}

fn scope() -> Scope {
    Scope::new(VpcSelector::Id("vpc-1".into()), identity())
}

fn create_resolver() -> Step {
    Step::Create {
        slot: Slot::Resolver,
        token: "token-1".to_owned(),
        request: CreateRequest::Resolver {
            name: "mgnet-1".to_owned(),
            addresses: [("subnet-1".into(), None), ("subnet-2".into(), None)].into(),
            group: "sg-1".into(),
            tags: Tags::new(),
        },
    }
}

fn create_endpoint() -> Step {
    Step::Create {
        slot: Slot::Endpoint(EndpointKey::interface(Service::Mgn)),
        token: "token-1".to_owned(),
        request: CreateRequest::InterfaceEndpoint {
            vpc: "vpc-1".into(),
            service_name: "com.amazonaws.eu-west-1.mgn".to_owned(),
            subnets: ["subnet-1".into()].into(),
            addresses: BTreeMap::new(),
            groups: ["sg-1".into()].into(),
            policy: Policy::FullAccess,
            private_dns: PrivateDns::Enabled,
            tags: Tags::new(),
        },
    }
}

async fn execute(server: &Server, step: &Step) -> CallFailure {
    let cloud = clouds(&server.endpoint).await.connect(&account()).await.expect("the account is right");
    cloud.execute(step).await.expect_err("the server refuses")
}

fn answers_to(
    action: &'static str,
    answer: impl Fn() -> Answer + Send + Sync + 'static,
) -> impl Fn(&crate::aws::tests::answers::Request) -> Answer {
    move |request| if request.action == action { answer() } else { Answer::Is(404, String::new()) }
}

#[tokio::test]
async fn the_code_of_an_ec2_error_decides() {
    let message = "You are not authorized. Encoded authorization failure message: AbCdEf";
    let server =
        Server::start(answers_to("CreateVpcEndpoint", move || ec2_error(403, "UnauthorizedOperation", message))).await;
    let failure = execute(&server, &create_endpoint()).await;
    let expected = CallFailure {
        class: FailureClass::Unauthorized,
        operation: "ec2:CreateVpcEndpoint".to_owned(),
        code: "UnauthorizedOperation".to_owned(),
        message: "You are not authorized.".to_owned(),
        request_id: Some(REQUEST_ID.to_owned()),
    };
    assert_eq!(failure, expected);
    assert_eq!(server.received("CreateVpcEndpoint").len(), 1, "a refusal is not sent again");
}

#[tokio::test]
async fn a_call_without_a_usable_answer_may_have_taken_effect() {
    use FailureClass::{Transient, Unanswered};
    type Case = (fn() -> Answer, FailureClass, &'static str);
    let cases: [Case; 5] = [
        (|| Answer::Lost, Unanswered, "NoAnswer"),
        (|| Answer::Is(200, "not an answer".to_owned()), Transient, "UnreadableAnswer"),
        (|| Answer::Is(500, "<html><title>500</title></html>".to_owned()), Transient, "HTTP500"),
        (|| Answer::Is(503, String::new()), Transient, "HTTP503"),
        (
            || Answer::Is(200, "<CreateVpcEndpointResponse></CreateVpcEndpointResponse>".to_owned()),
            Transient,
            "UnusableAnswer",
        ),
    ];
    for (answer, class, code) in cases {
        let server = Server::start(answers_to("CreateVpcEndpoint", answer)).await;
        let failure = execute(&server, &create_endpoint()).await;
        assert_eq!((failure.class, failure.code.as_str()), (class, code), "{failure}");
        assert!(!failure.class.is_refusal());
    }
}

#[tokio::test]
async fn a_request_without_an_answer_is_sent_once_more_with_the_same_token() {
    let server = Server::start(answers_to("CreateVpcEndpoint", || Answer::Lost)).await;
    execute(&server, &create_endpoint()).await;
    let sent = server.received("CreateVpcEndpoint");
    assert_eq!(sent.len(), 2);
    assert!(sent.iter().all(|request| request.parameters["ClientToken"] == "token-1"));
}

#[tokio::test]
async fn a_throttled_request_is_repeated_unchanged_until_it_is_not_throttled() {
    let left = AtomicUsize::new(4);
    let one_less = |left: usize| left.checked_sub(1);
    let server = Server::start(answers_to("CreateVpcEndpoint", move || {
        match left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less) {
            Ok(_) => ec2_error(503, "RequestLimitExceeded", "Slow down."),
            Err(_) => ec2_error(403, "UnauthorizedOperation", "No."),
        }
    }))
    .await;
    let failure = execute(&server, &create_endpoint()).await;
    assert_eq!(failure.class, FailureClass::Unauthorized);
    let sent = server.received("CreateVpcEndpoint");
    assert_eq!(sent.len(), 5, "each attempt is sent once: the SDK adds no retries");
    assert!(sent.iter().all(|request| request.parameters["ClientToken"] == "token-1"));
}

#[tokio::test]
async fn a_resolver_quota_is_not_throttling() {
    let message = "[RSLVR-00309] exceeded 'max-endpoints'";
    let server = Server::start(answers_to("CreateResolverEndpoint", move || {
        resolver_error(400, "LimitExceededException", message)
    }))
    .await;
    let failure = execute(&server, &create_resolver()).await;
    assert_eq!((failure.class, failure.code.as_str()), (FailureClass::Quota, "LimitExceededException"));
    assert_eq!(failure.message, message);
    assert_eq!(server.received("CreateResolverEndpoint").len(), 1, "waiting does not help");
}

#[tokio::test]
async fn an_address_is_never_added_twice() {
    let server = Server::start(answers_to("AssociateResolverEndpointIpAddress", || Answer::Lost)).await;
    let step = Step::AssociateResolverAddress { resolver: "rslvr-in-1".into(), subnet: "subnet-1".into(), ip: None };
    assert_eq!(execute(&server, &step).await.class, FailureClass::Unanswered);
    assert_eq!(server.received("AssociateResolverEndpointIpAddress").len(), 1);
}

#[tokio::test]
async fn not_found_does_not_count_as_deleted() {
    let server = Server::start(|request| match request.action.as_str() {
        "DeleteSecurityGroup" => ec2_error(400, "InvalidGroup.NotFound", "gone"),
        "DeleteVpcEndpoints" => ec2_error(400, "InvalidVpcEndpointId.NotFound", "gone"),
        "DeleteResolverEndpoint" => resolver_error(400, "ResourceNotFoundException", "gone"),
        _ => Answer::Is(404, String::new()),
    })
    .await;
    let cloud = clouds(&server.endpoint).await.connect(&account()).await.expect("the account is right");
    for step in [
        Step::DeleteGroup { role: GroupRole::Endpoints, group: "sg-1".into() },
        Step::DeleteEndpoints { endpoints: [("vpce-1".into(), EndpointKey::S3_GATEWAY)].into() },
        Step::DeleteResolver { resolver: "rslvr-in-1".into() },
    ] {
        let failure = cloud.execute(&step).await.expect_err("it may only not be visible yet");
        assert_eq!(failure.class, FailureClass::NotFound, "{step:?}");
    }
}

#[tokio::test]
async fn an_empty_request_is_not_sent() {
    let server = Server::start(|_| Answer::Is(404, String::new())).await;
    let cloud = clouds(&server.endpoint).await.connect(&account()).await.expect("the account is right");
    let (slot, resource) = (Slot::Resolver, ResourceId::Ec2("vpce-1".to_owned()));
    for step in [
        Step::DeleteEndpoints { endpoints: [].into() },
        Step::SetTags { slot, resource: resource.clone(), tags: Tags::new() },
        Step::RemoveTags { slot, resource, keys: [].into() },
    ] {
        cloud.execute(&step).await.expect("an empty step succeeds");
    }
    assert_eq!(server.received("DeleteTags"), [], "`DeleteTags` without tags deletes all tags");
}

#[tokio::test]
async fn a_list_with_failing_or_endless_pages_is_a_failure() {
    let page = |token: &str| {
        Answer::Is(
            200,
            format!(
                "<DescribeVpcsResponse><vpcSet><item><vpcId>vpc-1</vpcId></item></vpcSet><nextToken>{token}</nextToken></DescribeVpcsResponse>"
            ),
        )
    };
    let server = Server::start(move |request| match (request.action.as_str(), request.parameters.get("NextToken")) {
        ("DescribeVpcs", None) => page("a"),
        ("DescribeVpcs", Some(_)) => page("b"),
        _ => Answer::Is(404, String::new()),
    })
    .await;
    let cloud = clouds(&server.endpoint).await.connect(&account()).await.expect("the account is right");
    let failure = cloud.observe(&scope()).await.expect_err("the list does not end");
    assert_eq!((failure.class, failure.operation.as_str()), (FailureClass::Transient, "ec2:DescribeVpcs"));

    let server = Server::start(move |request| match (request.action.as_str(), request.parameters.get("NextToken")) {
        ("DescribeVpcs", None) => page("a"),
        ("DescribeVpcs", Some(_)) => ec2_error(403, "UnauthorizedOperation", "No."),
        _ => Answer::Is(404, String::new()),
    })
    .await;
    let cloud = clouds(&server.endpoint).await.connect(&account()).await.expect("the account is right");
    assert_eq!(cloud.observe(&scope()).await.expect_err("its second page fails").class, FailureClass::Unauthorized);
}

#[tokio::test]
async fn a_truncated_list_is_a_failure_instead_of_a_shorter_list() {
    let list = "<DescribeVpcsResponse><vpcSet><item><vpcId>vpc-1</vpcId><cidrBlock>10.0.0.0/16</cidrBlock></item></vpcSet>\
                </DescribeVpcsResponse>";
    for end in (0..list.len()).step_by(7).skip(1) {
        let server = Server::start(move |request| match request.action.as_str() {
            "DescribeVpcs" => Answer::Is(200, list[..end].to_owned()),
            _ => Answer::Is(404, String::new()),
        })
        .await;
        let cloud = clouds(&server.endpoint).await.connect(&account()).await.expect("the account is right");
        let failure = cloud.observe(&scope()).await.expect_err("the answer is truncated");
        assert_eq!(
            (failure.class, failure.operation.as_str()),
            (FailureClass::Transient, "ec2:DescribeVpcs"),
            "{failure:?}"
        );
    }
}

#[tokio::test]
async fn an_empty_code_is_ignored_and_a_long_code_is_shortened() {
    for (code, expected) in [("", "HTTP400".to_owned()), (&*"x".repeat(4000), format!("{}…", "x".repeat(255)))] {
        let code = code.to_owned();
        let server = Server::start(move |request| match request.action.as_str() {
            "CreateResolverEndpoint" => resolver_error(400, &code, "No."),
            _ => Answer::Is(404, String::new()),
        })
        .await;
        assert_eq!(execute(&server, &create_resolver()).await.code, expected);
    }
}
