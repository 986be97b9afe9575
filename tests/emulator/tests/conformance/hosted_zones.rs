//! Private hosted zones of Route 53: two accounts, faults, quotas and the control interface.
//!
//! Source, unless noted otherwise: Route 53 API Reference, the page of each action.

use std::collections::BTreeMap;

use aws_sdk_ec2::types::VpcEndpointType;
use aws_sdk_route53::types::{HostedZoneSummary, Vpc, VpcRegion};
use emulator::http::{Fault, FaultKind};

use crate::support::{ACCOUNT, Aws, TOKYO, authorization, code, config, control, raw};

const OTHER: &str = "222222222222";
const MGN: &str = "mgn.ap-northeast-1.amazonaws.com";

async fn client(aws: &Aws, account: &str) -> aws_sdk_route53::Client {
    aws_sdk_route53::Client::new(&config(&aws.server, account, TOKYO).await)
}

fn place(vpc: &str) -> Vpc {
    Vpc::builder().vpc_region(VpcRegion::ApNortheast1).vpc_id(vpc).build()
}

type CreateZone = aws_sdk_route53::operation::create_hosted_zone::builders::CreateHostedZoneFluentBuilder;

fn create(client: &aws_sdk_route53::Client, name: &str, vpc: &str) -> CreateZone {
    client.create_hosted_zone().name(name).caller_reference(format!("{name} {vpc}")).vpc(place(vpc))
}

async fn created(client: &aws_sdk_route53::Client, name: &str, vpc: &str) -> String {
    let made = create(client, name, vpc).send().await.expect("a zone");
    made.hosted_zone.expect("a zone").id
}

/// Returns the names and owners of a VPC's zones.
async fn zones(client: &aws_sdk_route53::Client, vpc: &str) -> BTreeMap<String, String> {
    let call = client.list_hosted_zones_by_vpc().vpc_id(vpc).vpc_region(VpcRegion::ApNortheast1);
    let found = call.send().await.expect("a list");
    let shown = |zone: &HostedZoneSummary| {
        let owner = zone.owner().expect("an owner");
        let owner = owner.owning_account().or(owner.owning_service()).expect("an account or a service");
        (zone.name().to_owned(), owner.to_owned())
    };
    found.hosted_zone_summaries().iter().map(shown).collect()
}

/// Source: Route 53 Developer Guide, "Associating a VPC and a private hosted zone that you created with different AWS accounts":
/// the pattern of central endpoints.
#[tokio::test]
async fn a_zone_of_another_account_is_associated_after_authorization() {
    let aws = Aws::start().await;
    let (owner, vpc_owner) = (client(&aws, OTHER).await, client(&aws, ACCOUNT).await);
    let network = aws.network().await;
    let ec2 = aws_sdk_ec2::Client::new(&config(&aws.server, OTHER, TOKYO).await);
    let central = ec2.create_vpc().cidr_block("10.99.0.0/16").send().await.unwrap();
    let zone = created(&owner, MGN, central.vpc().and_then(|vpc| vpc.vpc_id()).unwrap()).await;
    let associate = || vpc_owner.associate_vpc_with_hosted_zone().hosted_zone_id(&zone).vpc(place(&network.vpc)).send();
    assert_eq!(code(associate().await), "NotAuthorizedException");
    let allow = || owner.create_vpc_association_authorization().hosted_zone_id(&zone).vpc(place(&network.vpc)).send();
    allow().await.unwrap();
    associate().await.unwrap();
    assert_eq!(zones(&vpc_owner, &network.vpc).await, BTreeMap::from([(format!("{MGN}."), OTHER.to_owned())]));
    let endpoint = aws.ec2.create_vpc_endpoint().vpc_id(&network.vpc).service_name(aws.service("mgn"));
    let endpoint = endpoint.vpc_endpoint_type(VpcEndpointType::Interface).subnet_ids(&network.subnets[0]);
    let endpoint = endpoint.private_dns_enabled(true).send().await;
    assert_eq!(code(endpoint), "InvalidParameter", "the zone conflicts with an endpoint");
    assert_eq!(code(vpc_owner.get_hosted_zone().id(&zone).send().await), "NoSuchHostedZone");
}

#[tokio::test]
async fn a_vpc_of_another_account_has_no_zones_of_ours() {
    let aws = Aws::start().await;
    let vpc = aws.vpc("10.20.0.0/16").await;
    let stranger = client(&aws, OTHER).await;
    assert_eq!(code(create(&stranger, "other.example", &vpc).send().await), "InvalidVPCId");
    let call = stranger.list_hosted_zones_by_vpc().vpc_id(&vpc).vpc_region(VpcRegion::ApNortheast1);
    assert_eq!(code(call.send().await), "InvalidInput");
}

#[tokio::test]
async fn an_option_hides_the_zones_of_endpoints_which_conflict_all_the_same() {
    let aws = Aws::start().await;
    let route53 = client(&aws, ACCOUNT).await;
    let network = aws.network().await;
    aws.interface_endpoint(&network, "mgn").await;
    assert_eq!(zones(&route53, &network.vpc).await.len(), 1);
    let change = r#"{"options": {"endpoint_zones_listed": false}}"#;
    assert_eq!(control(&aws.server, "POST", "options", change).await.0, 200);
    assert!(zones(&route53, &network.vpc).await.is_empty());
    assert_eq!(code(create(&route53, MGN, &network.vpc).send().await), "ConflictingDomainExists");
}

/// The emulator has no permissions: a fault that is injected for many calls returns the error of IAM. Source: Route
/// 53 API Reference, "Common errors".
#[tokio::test]
async fn listing_zones_can_be_denied_to_an_account() {
    let aws = Aws::start().await;
    let route53 = client(&aws, ACCOUNT).await;
    let vpc = aws.vpc("10.20.0.0/16").await;
    let denied = Fault {
        account: Some(ACCOUNT.to_owned()),
        code: Some("AccessDenied".to_owned()),
        times: u64::MAX,
        ..Fault::next(FaultKind::Error, "ListHostedZonesByVPC")
    };
    aws.server.order(denied);
    let list = || route53.list_hosted_zones_by_vpc().vpc_id(&vpc).vpc_region(VpcRegion::ApNortheast1).send();
    for _ in 0..3 {
        let refused = list().await.expect_err("denied");
        assert_eq!(refused.raw_response().map(|response| response.status().as_u16()), Some(403));
        assert_eq!(code(Err::<(), _>(refused)), "AccessDenied");
    }
    assert_eq!(code(create(&route53, "corp.example", &vpc).send().await), "ok", "other actions are not denied");
    let calls = aws.server.calls(Some(ACCOUNT), 0);
    let newest = calls.last().unwrap();
    assert_eq!((newest.action.as_str(), newest.parameters["VPC"]["VPCId"].as_str()), ("CreateHostedZone", Some(&*vpc)));
}

/// Source: Route 53 quotas: five requests per second for each account.
#[tokio::test]
async fn route_53_is_throttled_too() {
    let aws = Aws::with(|options| options.throttling = true).await;
    let route53 = client(&aws, ACCOUNT).await;
    let mut codes = Vec::new();
    for _ in 0..6 {
        codes.push(code(route53.get_hosted_zone().id("Z0NONE").send().await));
    }
    assert_eq!(codes[4..], ["NoSuchHostedZone", "Throttling"]);
    aws.advance(1);
    assert_eq!(code(route53.get_hosted_zone().id("Z0NONE").send().await), "NoSuchHostedZone");
}

#[tokio::test]
async fn an_invalid_route_53_request_is_rejected() {
    let aws = Aws::start().await;
    let header = authorization(ACCOUNT, "us-east-1", "route53");
    let headers = [("authorization", header.as_str())];
    let (status, body) = raw(&aws.server, "GET", "/2013-04-01/healthcheck", &headers, "").await;
    assert_eq!(status, 400);
    assert!(body.contains("<Code>UnknownOperationException</Code>"), "{body}");
    let misspelt = "<CreateHostedZoneRequest><Nane>x</Nane></CreateHostedZoneRequest>";
    let (status, body) = raw(&aws.server, "POST", "/2013-04-01/hostedzone", &headers, misspelt).await;
    assert_eq!(status, 400);
    assert!(body.contains("<Code>InvalidInput</Code>"), "{body}");
}

#[tokio::test]
async fn a_reset_deletes_the_zones_of_an_account() {
    let aws = Aws::start().await;
    let route53 = client(&aws, ACCOUNT).await;
    let zone = created(&route53, "corp.example", &aws.vpc("10.20.0.0/16").await).await;
    control(&aws.server, "POST", "reset", r#"{"account": "222222222222"}"#).await;
    assert_eq!(code(route53.get_hosted_zone().id(&zone).send().await), "ok");
    control(&aws.server, "POST", "reset", r#"{"account": "111111111111"}"#).await;
    assert_eq!(code(route53.get_hosted_zone().id(&zone).send().await), "NoSuchHostedZone");
}
