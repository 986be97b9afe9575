//! Private hosted zones of Route 53, and their conflicts with the private DNS of endpoints.
//!
//! Source, unless noted otherwise: Route 53 API Reference, the page of each action.

use std::collections::BTreeMap;

use aws_sdk_ec2::{error::SdkError, types::VpcEndpointType};
use aws_sdk_route53::types::{HostedZoneConfig, HostedZoneSummary, Vpc, VpcRegion};
use emulator::http::{Fault, FaultKind};

use crate::support::{ACCOUNT, Aws, Network, TOKYO, authorization, code, config, inbound_only, message, raw};

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

/// Returns the code and text of the answer to a new endpoint with private DNS.
async fn private(aws: &Aws, network: &Network, service: &str) -> (String, String) {
    let call = aws.ec2.create_vpc_endpoint().vpc_id(&network.vpc).service_name(aws.service(service));
    let call = call.vpc_endpoint_type(VpcEndpointType::Interface).subnet_ids(&network.subnets[0]);
    let all = inbound_only(false);
    let call = call.set_dns_options((service == "s3").then_some(all)).private_dns_enabled(true);
    match call.send().await {
        Ok(_) => ("ok".to_owned(), String::new()),
        Err(SdkError::ServiceError(error)) => {
            let error = error.err().meta();
            (error.code().unwrap_or_default().to_owned(), error.message().unwrap_or_default().to_owned())
        }
        Err(other) => panic!("{other}"),
    }
}

#[tokio::test]
async fn a_private_zone_is_created_returned_and_deleted() {
    let aws = Aws::start().await;
    let route53 = client(&aws, ACCOUNT).await;
    let vpc = aws.vpc("10.20.0.0/16").await;
    let config = HostedZoneConfig::builder().comment("a <comment> & more").private_zone(true).build();
    let made = create(&route53, "Corp.Example", &vpc).hosted_zone_config(config).send().await.unwrap();
    let zone = made.hosted_zone().unwrap();
    assert_eq!(zone.name(), "corp.example.", "lowercase letters with a final dot");
    assert!(zone.id().starts_with("/hostedzone/Z"));
    assert_eq!(made.vpc(), Some(&place(&vpc)));
    assert_eq!(made.change_info().map(|change| change.status().as_str()), Some("PENDING"));

    let found = route53.get_hosted_zone().id(zone.id()).send().await.unwrap();
    let config = found.hosted_zone().and_then(|zone| zone.config()).unwrap();
    assert_eq!((config.comment(), config.private_zone()), (Some("a <comment> & more"), true));
    assert_eq!(found.vpcs(), [place(&vpc)]);
    assert_eq!(zones(&route53, &vpc).await, BTreeMap::from([("corp.example.".to_owned(), ACCOUNT.to_owned())]));
    assert_eq!(aws.state().hosted_zones[0].name, "corp.example.");

    route53.delete_hosted_zone().id(zone.id()).send().await.unwrap();
    assert_eq!(code(route53.delete_hosted_zone().id(zone.id()).send().await), "NoSuchHostedZone");
    assert_eq!(code(route53.get_hosted_zone().id(zone.id()).send().await), "NoSuchHostedZone");
    assert!(zones(&route53, &vpc).await.is_empty());
}

#[tokio::test]
async fn invalid_zones_are_rejected() {
    let aws = Aws::start().await;
    let route53 = client(&aws, ACCOUNT).await;
    let vpc = aws.vpc("10.20.0.0/16").await;
    created(&route53, "corp.example", &vpc).await;
    let other = create(&route53, "other.example", &vpc);
    assert_eq!(code(create(&route53, "corp.example", &vpc).send().await), "HostedZoneAlreadyExists");
    let same_name = create(&route53, "corp.example.", &vpc).caller_reference("another").send().await;
    assert_eq!(code(same_name), "ConflictingDomainExists");
    assert_eq!(code(other.clone().vpc(place("vpc-00000000000000000")).send().await), "InvalidVPCId");
    assert_eq!(code(other.clone().vpc(place("nonsense")).send().await), "InvalidVPCId");
    let elsewhere = Vpc::builder().vpc_region(VpcRegion::EuWest1).vpc_id(&vpc).build();
    assert_eq!(code(other.clone().vpc(elsewhere).send().await), "InvalidVPCId");
    assert_eq!(code(other.clone().name("a..example").send().await), "InvalidDomainName");
    assert_eq!(code(other.clone().caller_reference("").send().await), "InvalidInput");
    let stranger = client(&aws, OTHER).await;
    assert_eq!(code(create(&stranger, "other.example", &vpc).send().await), "InvalidVPCId");
    // "A child or a parent of a zone's name": only public zones conflict in this way.
    assert_eq!(code(create(&route53, "dev.corp.example", &vpc).send().await), "ok");
    assert_eq!(code(other.send().await), "ok");
}

#[tokio::test]
async fn a_zone_can_have_more_vpcs_but_keeps_the_last_one() {
    let aws = Aws::start().await;
    let route53 = client(&aws, ACCOUNT).await;
    let (first, second) = (aws.vpc("10.20.0.0/16").await, aws.vpc("10.30.0.0/16").await);
    let zone = created(&route53, "corp.example", &first).await;
    let associate = |vpc: &str| route53.associate_vpc_with_hosted_zone().hosted_zone_id(&zone).vpc(place(vpc)).send();
    let disassociate =
        |vpc: &str| route53.disassociate_vpc_from_hosted_zone().hosted_zone_id(&zone).vpc(place(vpc)).send();
    assert_eq!(code(disassociate(&second).await), "VPCAssociationNotFound");
    assert_eq!(code(associate(&second).await), "ok");
    assert_eq!(code(associate(&second).await), "ConflictingDomainExists");
    assert_eq!(zones(&route53, &second).await.len(), 1);
    let rival = create(&route53, "corp.example", &second).caller_reference("rival").send().await;
    assert_eq!(code(rival), "ConflictingDomainExists");
    assert_eq!(code(disassociate(&first).await), "ok");
    assert!(zones(&route53, &first).await.is_empty());
    assert_eq!(code(disassociate(&second).await), "LastVPCAssociation");
    let unknown = route53.associate_vpc_with_hosted_zone().hosted_zone_id("Z0NONE").vpc(place(&first)).send().await;
    assert_eq!(code(unknown), "NoSuchHostedZone");
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
    assert_eq!(private(&aws, &network, "mgn").await.0, "InvalidParameter", "the zone conflicts with an endpoint");
    assert_eq!(code(vpc_owner.get_hosted_zone().id(&zone).send().await), "NoSuchHostedZone");
}

/// Source: hashicorp/terraform-provider-aws issues 17535 (the text) and 37783 (a zone for each endpoint).
#[tokio::test]
async fn a_zone_of_the_same_name_conflicts_with_new_private_dns() {
    let aws = Aws::start().await;
    let route53 = client(&aws, ACCOUNT).await;
    let network = aws.network().await;
    let mgn = created(&route53, MGN, &network.vpc).await;
    for name in ["*.example", "ap-northeast-1.amazonaws.com", "a.ec2.ap-northeast-1.amazonaws.com"] {
        created(&route53, name, &network.vpc).await;
    }
    let before = aws.state();
    let (code_of_mgn, text) = private(&aws, &network, "mgn").await;
    assert_eq!(code_of_mgn, "InvalidParameter");
    let expected = format!(
        "private-dns-enabled cannot be set because there is already a conflicting DNS domain for {MGN} in the VPC {}",
        network.vpc
    );
    assert_eq!(text, expected);
    assert_eq!(aws.state(), before);
    assert_eq!(private(&aws, &network, "ec2").await.0, "ok", "parents and children of the name do not conflict");

    let call = aws.ec2.create_vpc_endpoint().vpc_id(&network.vpc).service_name(aws.service("mgn"));
    let call = call.vpc_endpoint_type(VpcEndpointType::Interface).private_dns_enabled(false);
    let without = call.subnet_ids(&network.subnets[0]).send().await.unwrap();
    let without = without.vpc_endpoint().and_then(|endpoint| endpoint.vpc_endpoint_id()).unwrap();
    aws.advance(60);
    let turn_on = || aws.ec2.modify_vpc_endpoint().vpc_endpoint_id(without).private_dns_enabled(true).send();
    assert_eq!(code(turn_on().await), "InvalidParameter");
    route53.delete_hosted_zone().id(mgn).send().await.unwrap();
    assert_eq!(code(turn_on().await), "ok", "cured");
}

/// The same conflict in the other order.
#[tokio::test]
async fn private_dns_of_an_endpoint_conflicts_with_a_new_zone_of_the_same_name() {
    let aws = Aws::start().await;
    let route53 = client(&aws, ACCOUNT).await;
    let network = aws.network().await;
    let other = aws.vpc("10.30.0.0/16").await;
    let endpoint = aws.interface_endpoint(&network, "mgn").await;
    let refused = create(&route53, MGN, &network.vpc).send().await;
    let shown = aws.endpoint(&endpoint).await;
    let entry = shown.dns_entries().iter().find(|entry| entry.dns_name() == Some(MGN)).unwrap();
    let zone = entry.hosted_zone_id().unwrap();
    let expected = format!(
        "The VPC {} in region {TOKYO} has already been associated with the hosted zone {zone} with the same domain name.",
        network.vpc
    );
    assert_eq!(message(refused), expected);
    assert_eq!(code(create(&route53, MGN, &network.vpc).send().await), "ConflictingDomainExists");
    let elsewhere = created(&route53, MGN, &other).await;
    let associate = route53.associate_vpc_with_hosted_zone().hosted_zone_id(&elsewhere).vpc(place(&network.vpc));
    assert_eq!(code(associate.clone().send().await), "ConflictingDomainExists");
    aws.delete_endpoints(&[&endpoint]).await;
    assert_eq!(code(associate.clone().send().await), "ConflictingDomainExists", "until the endpoint is gone");
    aws.advance(60);
    assert_eq!(code(associate.send().await), "ok");
}

/// The wildcard names of S3 belong to the zone of the name without the wildcard.
#[tokio::test]
async fn the_zones_of_endpoints_are_listed_with_their_owner_unless_an_option_hides_them() {
    let aws = Aws::start().await;
    let route53 = client(&aws, ACCOUNT).await;
    let network = aws.network().await;
    created(&route53, "corp.example", &network.vpc).await;
    aws.s3_gateway(&network).await;
    assert_eq!(private(&aws, &network, "s3").await.0, "ok");
    let listed = zones(&route53, &network.vpc).await;
    let expected = [
        ("corp.example.", ACCOUNT),
        ("s3-accesspoint.ap-northeast-1.amazonaws.com.", "vpce.amazonaws.com"),
        ("s3-accesspoint.dualstack.ap-northeast-1.amazonaws.com.", "vpce.amazonaws.com"),
        ("s3-control.ap-northeast-1.amazonaws.com.", "vpce.amazonaws.com"),
        ("s3-control.dualstack.ap-northeast-1.amazonaws.com.", "vpce.amazonaws.com"),
        ("s3.ap-northeast-1.amazonaws.com.", "vpce.amazonaws.com"),
        ("s3.dualstack.ap-northeast-1.amazonaws.com.", "vpce.amazonaws.com"),
    ];
    assert_eq!(listed.iter().map(|(name, owner)| (&**name, &**owner)).collect::<Vec<_>>(), expected);
    let change = r#"{"options": {"endpoint_zones_listed": false}}"#;
    assert_eq!(crate::support::control(&aws.server, "POST", "options", change).await.0, 200);
    assert_eq!(zones(&route53, &network.vpc).await.len(), 1);
    assert_eq!(
        code(create(&route53, "s3.ap-northeast-1.amazonaws.com", &network.vpc).send().await),
        "ConflictingDomainExists"
    );
}

#[tokio::test]
async fn zones_of_a_vpc_are_listed_page_by_page() {
    let aws = Aws::start().await;
    let route53 = client(&aws, ACCOUNT).await;
    let vpc = aws.vpc("10.20.0.0/16").await;
    for n in 0..5 {
        created(&route53, &format!("z{n}.example"), &vpc).await;
    }
    let list = || route53.list_hosted_zones_by_vpc().vpc_id(&vpc).vpc_region(VpcRegion::ApNortheast1);
    let (mut sizes, mut names, mut token) = (Vec::new(), Vec::new(), None);
    loop {
        let page = list().max_items(2).set_next_token(token).send().await.unwrap();
        assert_eq!(page.max_items(), 2);
        sizes.push(page.hosted_zone_summaries().len());
        names.extend(page.hosted_zone_summaries().iter().map(|zone| zone.name().to_owned()));
        token = page.next_token;
        if token.is_none() {
            break;
        }
    }
    names.sort_unstable();
    assert_eq!(sizes, [2, 2, 1]);
    assert_eq!(names, ["z0.example.", "z1.example.", "z2.example.", "z3.example.", "z4.example."]);
    assert_eq!(list().send().await.unwrap().max_items(), 100);
    assert_eq!(code(list().next_token("bogus").send().await), "InvalidPaginationToken");
    assert_eq!(code(list().max_items(0).send().await), "InvalidInput");
    assert_eq!(code(list().vpc_id("vpc-00000000000000000").send().await), "InvalidInput");
    let stranger = client(&aws, OTHER).await;
    let call = stranger.list_hosted_zones_by_vpc().vpc_id(&vpc).vpc_region(VpcRegion::ApNortheast1);
    assert_eq!(code(call.send().await), "InvalidInput");
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
    crate::support::control(&aws.server, "POST", "reset", r#"{"account": "222222222222"}"#).await;
    assert_eq!(code(route53.get_hosted_zone().id(&zone).send().await), "ok");
    crate::support::control(&aws.server, "POST", "reset", r#"{"account": "111111111111"}"#).await;
    assert_eq!(code(route53.get_hosted_zone().id(&zone).send().await), "NoSuchHostedZone");
}
