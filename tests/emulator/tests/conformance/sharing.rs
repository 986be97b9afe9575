//! Subnets shared with another account, like AWS RAM.
//!
//! Source, unless noted otherwise: VPC User Guide, "Share your VPC with other accounts" and "Responsibilities and
//! permissions for owners and participants".

use aws_sdk_ec2::types::{AttributeBooleanValue, ResourceType, VpcAttributeName, VpcEndpointType};
use aws_sdk_route53resolver::types::{IpAddressRequest, ResolverEndpointDirection};
use emulator::Server;
use serde_json::json;

use crate::support::{ACCOUNT, Aws, Network, TOKYO, code, config, control, filter, message, tags};

const PARTICIPANT: &str = "222222222222";

async fn share(server: &Server, subnet: &str) {
    let share = json!({"owner": ACCOUNT, "region": TOKYO, "subnet": subnet, "with": PARTICIPANT});
    assert_eq!(control(server, "POST", "shares", &share.to_string()).await.0, 200);
}

/// The owner, its network, whose first subnet is shared, and the participant.
async fn scene() -> (Aws, Network, aws_sdk_ec2::Client) {
    let aws = Aws::start().await;
    let network = aws.network().await;
    share(&aws.server, &network.subnets[0]).await;
    let participant = aws_sdk_ec2::Client::new(&config(&aws.server, PARTICIPANT, TOKYO).await);
    (aws, network, participant)
}

/// Also source: boto/boto3 issue 2929, which quotes DescribeVpcs of a participant.
#[tokio::test]
async fn a_participant_sees_the_shared_subnet_and_vpc_with_their_owner_but_without_tags() {
    let (aws, network, participant) = scene().await;
    let tag = aws_sdk_ec2::types::Tag::builder().key("Name").value("secret").build();
    let ids = [network.vpc.clone(), network.subnets[0].clone()];
    aws.ec2.create_tags().set_resources(Some(ids.to_vec())).tags(tag).send().await.unwrap();

    let vpcs = participant.describe_vpcs().send().await.unwrap();
    assert_eq!(vpcs.vpcs().len(), 1);
    assert_eq!(vpcs.vpcs()[0].vpc_id(), Some(&*network.vpc));
    assert_eq!(vpcs.vpcs()[0].owner_id(), Some(ACCOUNT));
    assert!(vpcs.vpcs()[0].tags().is_empty());
    let subnets = participant.describe_subnets().filters(filter("vpc-id", &network.vpc)).send().await.unwrap();
    assert_eq!(subnets.subnets().len(), 1, "only the one that is shared");
    let shown = &subnets.subnets()[0];
    assert_eq!((shown.subnet_id(), shown.owner_id()), (Some(&*network.subnets[0]), Some(ACCOUNT)));
    assert_eq!(shown.subnet_arn().map(|arn| arn.contains(ACCOUNT)), Some(true));
    let by_id = participant.describe_subnets().subnet_ids(&network.subnets[0]).send().await.unwrap();
    assert_eq!(by_id.subnets(), subnets.subnets());
    let others = participant.describe_subnets().subnet_ids(&network.subnets[1]).send().await;
    assert_eq!(code(others), "InvalidSubnetID.NotFound");
    let by_tag = participant.describe_vpcs().filters(filter("tag:Name", "secret")).send().await.unwrap();
    assert!(by_tag.vpcs().is_empty(), "tags are not shared");
    let own = participant.describe_vpcs().filters(filter("owner-id", PARTICIPANT)).send().await.unwrap();
    assert!(own.vpcs().is_empty());
    let attribute = participant.describe_vpc_attribute().vpc_id(&network.vpc);
    let hostnames = attribute.attribute(VpcAttributeName::EnableDnsHostnames).send().await.unwrap();
    assert_eq!(hostnames.enable_dns_hostnames().and_then(AttributeBooleanValue::value), Some(true));
}

/// "Participants can describe the VPC and its subnets, security groups, route tables, network ACLs, gateways, and DHCP option
/// sets." The owner's endpoints are not listed: aws-containers/amazon-ecs-exec-checker pull request 29.
#[tokio::test]
async fn a_participant_sees_the_resources_of_the_shared_vpc_except_its_endpoints() {
    let (aws, network, participant) = scene().await;
    aws.interface_endpoint(&network, "mgn").await;
    aws.vpc("10.99.0.0/16").await;
    let of_vpc = || filter("vpc-id", &network.vpc);
    let tables = participant.describe_route_tables().send().await.unwrap();
    assert_eq!(tables.route_tables().len(), 2, "the main one, and that of the network");
    assert!(tables.route_tables().iter().all(|table| table.owner_id() == Some(ACCOUNT)));
    let acls = participant.describe_network_acls().send().await.unwrap();
    assert_eq!(acls.network_acls().len(), 1);
    assert_eq!(acls.network_acls()[0].owner_id(), Some(ACCOUNT));
    let groups = participant.describe_security_groups().filters(of_vpc()).send().await.unwrap();
    assert_eq!(groups.security_groups().len(), 2);
    let set = aws.ec2.describe_vpcs().vpc_ids(&network.vpc).send().await.unwrap();
    let set = set.vpcs()[0].dhcp_options_id().unwrap();
    assert_eq!(code(participant.describe_dhcp_options().dhcp_options_ids(set).send().await), "ok");
    let endpoints = participant.describe_vpc_endpoints().filters(of_vpc()).send().await.unwrap();
    assert!(endpoints.vpc_endpoints().is_empty());
}

/// "Participants cannot create interface or gateway endpoints in a VPC that they do not own", and cannot change any
/// resource of the owner. ekristen/aws-nuke issue 497 quotes the text.
#[tokio::test]
async fn a_participant_can_neither_create_endpoints_nor_change_resources_of_the_owner() {
    let (aws, network, participant) = scene().await;
    let before = aws.state();
    let interface = participant.create_vpc_endpoint().vpc_id(&network.vpc).service_name(aws.service("mgn"));
    let interface = interface.vpc_endpoint_type(VpcEndpointType::Interface).subnet_ids(&network.subnets[0]);
    assert_eq!(code(interface.send().await), "UnauthorizedOperation");
    let gateway = participant.create_vpc_endpoint().vpc_id(&network.vpc).service_name(aws.service("s3"));
    let gateway = gateway.vpc_endpoint_type(VpcEndpointType::Gateway).route_table_ids(&network.route_table);
    assert_eq!(code(gateway.send().await), "UnauthorizedOperation");
    let deleted = participant.delete_vpc().vpc_id(&network.vpc).send().await;
    assert_eq!(
        message(deleted),
        "You are not authorized to perform DeleteVpc operation. A subnet in this vpc is shared but the provided object is not \
         owned by you"
    );
    let table = participant.delete_route_table().route_table_id(&network.route_table).send().await;
    assert_eq!(code(table), "UnauthorizedOperation");
    let subnet = participant.create_subnet().vpc_id(&network.vpc).cidr_block("10.20.200.0/24").send().await;
    assert_eq!(code(subnet), "UnauthorizedOperation");
    let on = AttributeBooleanValue::builder().value(false).build();
    let attribute = participant.modify_vpc_attribute().vpc_id(&network.vpc).enable_dns_support(on).send().await;
    assert_eq!(code(attribute), "UnauthorizedOperation");
    let acl = participant.create_network_acl().vpc_id(&network.vpc);
    let acl = acl.tag_specifications(tags(ResourceType::NetworkAcl, &[("Name", "x")])).send().await;
    assert_eq!(code(acl), "UnauthorizedOperation");
    let unseen = participant.delete_subnet().subnet_id(&network.subnets[1]).send().await;
    assert_eq!(code(unseen), "InvalidSubnetID.NotFound", "other resources do not exist for the participant");
    assert_eq!(aws.state(), before);
}

/// Also source: Route 53 Developer Guide, "Considerations when creating inbound and outbound endpoints".
#[tokio::test]
async fn a_participant_cannot_create_a_resolver_endpoint_in_a_shared_subnet() {
    let (aws, network, _) = scene().await;
    share(&aws.server, &network.subnets[1]).await;
    let resolver = |config: &aws_config::SdkConfig| {
        let addresses = network.subnets.iter().map(|id| IpAddressRequest::builder().subnet_id(id).build().unwrap());
        let call = aws_sdk_route53resolver::Client::new(config).create_resolver_endpoint().creator_request_id("x");
        let call = call.direction(ResolverEndpointDirection::Inbound).security_group_ids(&network.group);
        call.set_ip_addresses(Some(addresses.collect())).send()
    };
    let participant = config(&aws.server, PARTICIPANT, TOKYO).await;
    assert_eq!(code(resolver(&participant).await), "InvalidRequestException");
    let owner = config(&aws.server, ACCOUNT, TOKYO).await;
    assert_eq!(code(resolver(&owner).await), "ok");
}

/// "The owner can unshare a shared subnet with participants at any time."
#[tokio::test]
async fn sharing_ends_when_the_owner_unshares_or_an_account_is_reset() {
    let (aws, network, participant) = scene().await;
    let count = || async { participant.describe_subnets().send().await.unwrap().subnets().len() };
    assert_eq!(count().await, 1);
    let (_, shares) = control(&aws.server, "GET", "shares", "").await;
    let expected = json!([{"owner": ACCOUNT, "region": TOKYO, "subnet": network.subnets[0], "with": PARTICIPANT}]);
    assert_eq!(shares, expected);
    let query = format!("shares?owner={ACCOUNT}&region={TOKYO}&subnet={}&with={PARTICIPANT}", network.subnets[0]);
    assert_eq!(control(&aws.server, "DELETE", &query, "").await.0, 200);
    assert_eq!(control(&aws.server, "DELETE", &query, "").await.0, 400);
    assert_eq!(count().await, 0);
    share(&aws.server, &network.subnets[0]).await;
    assert_eq!(count().await, 1);
    control(&aws.server, "POST", "reset", r#"{"account": "222222222222"}"#).await;
    assert_eq!(count().await, 0);
    for (owner, subnet, with) in
        [(ACCOUNT, "subnet-00000000000000000", PARTICIPANT), (ACCOUNT, &network.subnets[0], ACCOUNT)]
    {
        let share = json!({"owner": owner, "region": TOKYO, "subnet": subnet, "with": with});
        assert_eq!(control(&aws.server, "POST", "shares", &share.to_string()).await.0, 400);
    }
}

/// Filters and pages apply to both owned and shared resources.
#[tokio::test]
async fn shared_and_owned_resources_are_paged_together() {
    let (aws, _, participant) = scene().await;
    aws.server.with_world(|world| {
        let set = |options: &emulator::world::options::Options| {
            Ok::<_, ()>(emulator::world::options::Options { max_page: Some(1), ..options.clone() })
        };
        world.change_options(None, set).expect("changed");
    });
    participant.create_vpc().cidr_block("10.50.0.0/16").send().await.unwrap();
    let pages = participant.describe_vpcs().into_paginator().items().send();
    let all = pages.collect::<Result<Vec<_>, _>>().await.unwrap();
    let owners: std::collections::BTreeSet<_> = all.iter().filter_map(|vpc| vpc.owner_id()).collect();
    assert_eq!(owners.into_iter().collect::<Vec<_>>(), [ACCOUNT, PARTICIPANT]);
}
