//! Private hosted zones of Route 53, and their conflicts with the private DNS of endpoints.
//!
//! AWS charges for a hosted zone only if it exists for more than 12 hours (aws.amazon.com/route53/pricing).

use std::collections::BTreeMap;

use aws_sdk_ec2::types::VpcEndpointType;
use aws_sdk_route53::{
    operation::create_hosted_zone::builders::CreateHostedZoneFluentBuilder,
    types::{HostedZoneConfig, HostedZoneSummary, Vpc, VpcRegion},
};

use crate::{
    answers::{Rejections, code, message},
    case::{
        Basis::Source,
        Case, Charge,
        InAccount::{Cheap, Slow},
        case,
    },
    network::{CreateEndpoint, Network, endpoint_id, inbound_only},
    target::Target,
};

pub(super) const CASES: &[Case] = &[
    case!(
        a_private_zone_is_created_returned_and_deleted,
        Source("Route 53 API Reference, CreateHostedZone, GetHostedZone, ListHostedZonesByVPC, DeleteHostedZone"),
        "a VPC, a hosted zone",
        Cheap
    ),
    case!(
        invalid_zones_are_rejected,
        Source("Route 53 API Reference, CreateHostedZone, \"Errors\""),
        "a VPC, three hosted zones",
        Cheap
    ),
    case!(
        a_zone_can_have_more_vpcs_but_keeps_the_last_one,
        Source("Route 53 API Reference, AssociateVPCWithHostedZone and DisassociateVPCFromHostedZone, \"Errors\""),
        "two VPCs, a hosted zone",
        Cheap
    ),
    case!(
        a_zone_of_the_same_name_conflicts_with_new_private_dns,
        Source("hashicorp/terraform-provider-aws issues 17535 (the text) and 37783 (a zone for each endpoint)"),
        "a network, four hosted zones, two interface endpoints",
        Slow(Charge::endpoints(2))
    ),
    case!(
        private_dns_of_an_endpoint_conflicts_with_a_new_zone_of_the_same_name,
        Source("hashicorp/terraform-provider-aws issues 17535 and 37783, in the other order"),
        "a network, a VPC, a hosted zone, an interface endpoint",
        Slow(Charge::endpoints(2))
    ),
    case!(
        the_zones_of_endpoints_are_listed_with_their_owner,
        Source("Route 53 API Reference, ListHostedZonesByVPC and `HostedZoneOwner`"),
        "a network, a hosted zone, a gateway endpoint, an interface endpoint",
        Slow(Charge::endpoints(1))
    ),
    case!(
        zones_of_a_vpc_are_listed_page_by_page,
        Source("Route 53 API Reference, ListHostedZonesByVPC"),
        "a VPC, five hosted zones",
        Cheap
    ),
];

fn place(aws: &Target, vpc: &str) -> Vpc {
    Vpc::builder().vpc_region(VpcRegion::from(aws.region.as_str())).vpc_id(vpc).build()
}

fn create(aws: &Target, name: &str, vpc: &str) -> CreateHostedZoneFluentBuilder {
    // moto needs this flag to create a private zone; for AWS, the VPC makes the zone private.
    let config = HostedZoneConfig::builder().private_zone(true).build();
    let call = aws.route53.create_hosted_zone().name(name).caller_reference(format!("{name} {vpc}"));
    call.vpc(place(aws, vpc)).hosted_zone_config(config)
}

async fn created(aws: &Target, name: &str, vpc: &str) -> String {
    let made = create(aws, name, vpc).send().await.expect("a zone");
    made.hosted_zone.expect("a zone").id
}

/// Returns the names and owners of a VPC's zones.
async fn zones(aws: &Target, vpc: &str) -> BTreeMap<String, String> {
    let call = aws.route53.list_hosted_zones_by_vpc().vpc_id(vpc).vpc_region(VpcRegion::from(aws.region.as_str()));
    let found = call.send().await.expect("a list");
    let shown = |zone: &HostedZoneSummary| {
        let owner = zone.owner().expect("an owner");
        let owner = owner.owning_account().or(owner.owning_service()).expect("an account or a service");
        (zone.name().to_owned(), owner.to_owned())
    };
    found.hosted_zone_summaries().iter().map(shown).collect()
}

/// Returns the call that creates an endpoint with private DNS.
fn private(aws: &Target, network: &Network, service: &str) -> CreateEndpoint {
    let call = aws.new_interface(network, service).vpc_endpoint_type(VpcEndpointType::Interface);
    call.set_dns_options((service == "s3").then_some(inbound_only(false))).private_dns_enabled(true)
}

async fn a_private_zone_is_created_returned_and_deleted(aws: &Target) {
    let route53 = &aws.route53;
    let vpc = aws.vpc("10.20.0.0/16").await;
    let config = HostedZoneConfig::builder().comment("a <comment> & more").private_zone(true).build();
    let made = create(aws, "Corp.Example", &vpc).hosted_zone_config(config).send().await.unwrap();
    let zone = made.hosted_zone().unwrap();
    assert_eq!(zone.name(), "corp.example.", "lowercase letters with a final dot");
    assert!(zone.id().starts_with("/hostedzone/Z"));
    assert_eq!(made.vpc(), Some(&place(aws, &vpc)));
    assert_eq!(made.change_info().map(|change| change.status().as_str()), Some("PENDING"));

    let found = route53.get_hosted_zone().id(zone.id()).send().await.unwrap();
    let config = found.hosted_zone().and_then(|zone| zone.config()).unwrap();
    assert_eq!((config.comment(), config.private_zone()), (Some("a <comment> & more"), true));
    assert_eq!(found.vpcs(), [place(aws, &vpc)]);
    let expected = BTreeMap::from([("corp.example.".to_owned(), aws.account.clone())]);
    aws.reaches("the zones of the VPC", expected, async || zones(aws, &vpc).await).await;

    route53.delete_hosted_zone().id(zone.id()).send().await.unwrap();
    assert_eq!(code(route53.delete_hosted_zone().id(zone.id()).send().await), "NoSuchHostedZone");
    assert_eq!(code(route53.get_hosted_zone().id(zone.id()).send().await), "NoSuchHostedZone");
    aws.reaches("the zones of the VPC", BTreeMap::new(), async || zones(aws, &vpc).await).await;
}

async fn invalid_zones_are_rejected(aws: &Target) {
    let vpc = aws.vpc("10.20.0.0/16").await;
    created(aws, "corp.example", &vpc).await;
    let other = create(aws, "other.example", &vpc);
    let elsewhere = if aws.region == "eu-west-1" { VpcRegion::UsEast1 } else { VpcRegion::EuWest1 };
    let elsewhere = Vpc::builder().vpc_region(elsewhere).vpc_id(&vpc).build();
    let mut rejections = Rejections::default();
    for (what, expected, call) in [
        ("the same reference", "HostedZoneAlreadyExists", create(aws, "corp.example", &vpc)),
        (
            "the same name",
            "ConflictingDomainExists",
            create(aws, "corp.example.", &vpc).caller_reference(format!("another {vpc}")),
        ),
        ("an unknown VPC", "InvalidVPCId", other.clone().vpc(place(aws, "vpc-00000000000000000"))),
        ("no VPC", "InvalidVPCId", other.clone().vpc(place(aws, "nonsense"))),
        ("another Region", "InvalidVPCId", other.clone().vpc(elsewhere)),
        ("a name that is none", "InvalidDomainName", other.clone().name("a..example")),
        ("no reference", "InvalidInput", other.clone().caller_reference("")),
        // "A child or a parent of a zone's name": only public zones conflict in this way.
        ("a child", "ok", create(aws, "dev.corp.example", &vpc)),
        ("another name", "ok", other.clone()),
    ] {
        rejections.expect(what, expected, &code(call.send().await));
    }
    rejections.check();
}

async fn a_zone_can_have_more_vpcs_but_keeps_the_last_one(aws: &Target) {
    let route53 = &aws.route53;
    let (first, second) = (aws.vpc("10.20.0.0/16").await, aws.vpc("10.30.0.0/16").await);
    let zone = created(aws, "corp.example", &first).await;
    let associate = async |vpc: &str| {
        let call = route53.associate_vpc_with_hosted_zone().hosted_zone_id(&zone).vpc(place(aws, vpc));
        code(call.send().await)
    };
    let disassociate = async |vpc: &str| {
        let call = route53.disassociate_vpc_from_hosted_zone().hosted_zone_id(&zone).vpc(place(aws, vpc));
        code(call.send().await)
    };
    assert_eq!(disassociate(&second).await, "VPCAssociationNotFound");
    assert_eq!(associate(&second).await, "ok");
    assert_eq!(associate(&second).await, "ConflictingDomainExists");
    aws.reaches("the zones of the second VPC", 1, async || zones(aws, &second).await.len()).await;
    let rival = create(aws, "corp.example", &second).caller_reference(format!("rival {second}")).send().await;
    assert_eq!(code(rival), "ConflictingDomainExists");
    assert_eq!(disassociate(&first).await, "ok");
    aws.reaches("the zones of the first VPC", 0, async || zones(aws, &first).await.len()).await;
    assert_eq!(disassociate(&second).await, "LastVPCAssociation");
    let call = route53.associate_vpc_with_hosted_zone().hosted_zone_id("Z0NONE").vpc(place(aws, &first));
    assert_eq!(code(call.send().await), "NoSuchHostedZone");
}

async fn a_zone_of_the_same_name_conflicts_with_new_private_dns(aws: &Target) {
    let network = aws.network().await;
    let host = aws.host("mgn");
    let mgn = created(aws, &host, &network.vpc).await;
    for name in ["*.example", &format!("{}.amazonaws.com", aws.region), &format!("a.{}", aws.host("ec2"))] {
        created(aws, name, &network.vpc).await;
    }
    let before = aws.state();
    let expected = format!(
        "private-dns-enabled cannot be set because there is already a conflicting DNS domain for {host} in the VPC {}",
        network.vpc
    );
    assert_eq!(code(private(aws, &network, "mgn").send().await), "InvalidParameter");
    assert_eq!(message(private(aws, &network, "mgn").send().await), expected);
    assert_eq!(aws.state(), before);
    let ec2 = private(aws, &network, "ec2").send().await;
    assert_eq!(code(ec2), "ok", "parents and children of the name do not conflict");

    let without = endpoint_id(aws.new_interface(&network, "mgn").private_dns_enabled(false)).await;
    aws.available(&without).await;
    let turn_on = async || {
        let call = aws.ec2.modify_vpc_endpoint().vpc_endpoint_id(&without).private_dns_enabled(true);
        code(call.send().await)
    };
    assert_eq!(turn_on().await, "InvalidParameter");
    aws.route53.delete_hosted_zone().id(mgn).send().await.unwrap();
    aws.reaches("private DNS without the zone", "ok".to_owned(), turn_on).await;
}

async fn private_dns_of_an_endpoint_conflicts_with_a_new_zone_of_the_same_name(aws: &Target) {
    let network = aws.network().await;
    let other = aws.vpc("10.30.0.0/16").await;
    let host = aws.host("mgn");
    let endpoint = aws.interface_endpoint(&network, "mgn").await;
    aws.available(&endpoint).await;
    let refused = create(aws, &host, &network.vpc).send().await;
    let shown = aws.endpoint(&endpoint).await;
    let entry = shown.dns_entries().iter().find(|entry| entry.dns_name() == Some(&host)).unwrap();
    let zone = entry.hosted_zone_id().unwrap();
    let expected = format!(
        "The VPC {} in region {} has already been associated with the hosted zone {zone} with the same domain name.",
        network.vpc, aws.region
    );
    assert_eq!(message(refused), expected);
    assert_eq!(code(create(aws, &host, &network.vpc).send().await), "ConflictingDomainExists");
    let elsewhere = created(aws, &host, &other).await;
    let associate = async || {
        let vpc = place(aws, &network.vpc);
        let call = aws.route53.associate_vpc_with_hosted_zone().hosted_zone_id(&elsewhere).vpc(vpc);
        code(call.send().await)
    };
    assert_eq!(associate().await, "ConflictingDomainExists");
    aws.delete_endpoints(&[&endpoint]).await;
    assert_eq!(associate().await, "ConflictingDomainExists", "until the endpoint is gone");
    aws.deleted(&endpoint).await;
    aws.reaches("the association", "ok".to_owned(), associate).await;
}

/// The wildcard names of S3 belong to the zone of the name without the wildcard.
async fn the_zones_of_endpoints_are_listed_with_their_owner(aws: &Target) {
    let network = aws.network().await;
    created(aws, "corp.example", &network.vpc).await;
    aws.s3_gateway(&network).await;
    let s3 = endpoint_id(private(aws, &network, "s3")).await;
    aws.available(&s3).await;
    let names =
        ["s3-accesspoint", "s3-accesspoint.dualstack", "s3-control", "s3-control.dualstack", "s3", "s3.dualstack"];
    let mut expected: BTreeMap<_, _> =
        names.iter().map(|name| (format!("{}.", aws.host(name)), "vpce.amazonaws.com".to_owned())).collect();
    expected.insert("corp.example.".to_owned(), aws.account.clone());
    aws.reaches("the zones of the VPC", expected, async || zones(aws, &network.vpc).await).await;
}

async fn zones_of_a_vpc_are_listed_page_by_page(aws: &Target) {
    let vpc = aws.vpc("10.20.0.0/16").await;
    for n in 0..5 {
        created(aws, &format!("z{n}.example"), &vpc).await;
    }
    aws.reaches("the number of zones", 5, async || zones(aws, &vpc).await.len()).await;
    let region = VpcRegion::from(aws.region.as_str());
    let list = || aws.route53.list_hosted_zones_by_vpc().vpc_id(&vpc).vpc_region(region.clone());
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
}
