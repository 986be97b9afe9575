//! Forms of answers that cloud-custodian (`tests/data/placebo`) and LocalStack (`tests/aws/services`) recorded from AWS.

use aws_sdk_ec2::types::{NetworkInterface, OperatorResponse, ServiceConnectivityType, VpcEndpointType};
use aws_sdk_route53resolver::types::{IpAddressRequest, ResolverEndpointDirection};

use crate::{
    answers::{code, message},
    case::{
        Basis::{Assumed, Source},
        Case, Charge,
        InAccount::{Cheap, Slow},
        case,
    },
    network::filter,
    target::Target,
};

pub(super) const CASES: &[Case] = &[
    case!(
        the_default_policy_depends_on_the_endpoint_type,
        Source("DescribeVpcEndpoints, cloud-custodian, 2018 to 2026"),
        "a network, a gateway endpoint, an interface endpoint",
        Slow(Charge::endpoints(2))
    ),
    case!(
        a_service_without_private_names_and_policies_has_the_default_policy_and_no_names_without_subnets,
        Assumed(
            "DescribeVpcEndpoints and DescribeVpcEndpointServices, cloud-custodian, 2026; the code for a policy is assumed"
        ),
        "a network, an interface endpoint without subnets",
        Slow(Charge::endpoints(1))
    ),
    case!(
        s3_is_named_twice_and_has_six_private_names,
        Source("DescribeVpcEndpointServices, cloud-custodian, 2026"),
        "nothing",
        Cheap
    ),
    case!(
        without_private_dns_an_s3_interface_endpoint_has_no_inbound_only_option,
        Source("DescribeVpcEndpoints, cloud-custodian, 2026"),
        "a network, a gateway endpoint, two interface endpoints without subnets",
        Slow(Charge::endpoints(2))
    ),
    case!(
        an_interface_has_a_private_name_if_its_vpc_has_host_names,
        Source("DescribeNetworkInterfaces, cloud-custodian, 2016 to 2025"),
        "a network, an interface endpoint",
        Slow(Charge::endpoints(2))
    ),
    case!(a_validation_error_of_sts_contains_the_value, Source("AssumeRole, LocalStack, 2025-07"), "nothing", Cheap),
    case!(
        a_malformed_group_has_its_own_resolver_error,
        Source("CreateResolverEndpoint, LocalStack, 2023-09"),
        "a network",
        Cheap
    ),
];

/// The text of an interface endpoint has several lines.
async fn the_default_policy_depends_on_the_endpoint_type(aws: &Target) {
    let network = aws.network().await;
    let (gateway, interface) = (aws.s3_gateway(&network).await, aws.interface_endpoint(&network, "ec2").await);
    let policy = async |id: &str| aws.endpoint(id).await.policy_document.unwrap();
    let of_gateway =
        r#"{"Version":"2008-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}]}"#;
    assert_eq!(policy(&gateway).await, of_gateway);
    let of_interface = policy(&interface).await;
    assert!(
        of_interface.starts_with("{\n  \"Statement\": [\n    {\n      \"Action\": \"*\",\n")
            && !of_interface.contains("Version"),
        "{of_interface}"
    );

    let own = r#"{ "Statement": [{"Action": "*", "Resource": "*", "Principal": {"AWS": "*"}, "Effect": "Deny"}] }"#;
    aws.available(&interface).await;
    for id in [&gateway, &interface] {
        aws.ec2.modify_vpc_endpoint().vpc_endpoint_id(id).policy_document(own).send().await.unwrap();
    }
    let rewritten = r#"{"Version":"2008-10-17","Statement":[{"Effect":"Deny","Principal":{"AWS":"*"},"Action":"*","Resource":"*"}]}"#;
    aws.reaches("the policy of the gateway", rewritten.to_owned(), async || policy(&gateway).await).await;
    aws.reaches("the policy of the interface", own.to_owned(), async || policy(&interface).await).await;
    aws.available(&interface).await;
    for (id, default) in [(&gateway, of_gateway), (&interface, &of_interface)] {
        aws.ec2.modify_vpc_endpoint().vpc_endpoint_id(id).reset_policy(true).send().await.unwrap();
        aws.reaches("the default policy", default.to_owned(), async || policy(id).await).await;
    }
}

async fn a_service_without_private_names_and_policies_has_the_default_policy_and_no_names_without_subnets(
    aws: &Target,
) {
    let network = aws.network().await;
    let name = aws.service("apprunner.requests");
    let services = aws.ec2.describe_vpc_endpoint_services().service_names(&name).send().await.unwrap();
    let detail = &services.service_details()[0];
    let host = format!("requests.apprunner.{}.vpce.amazonaws.com", aws.region);
    assert_eq!(detail.base_endpoint_dns_names(), [host]);
    assert_eq!((detail.private_dns_name(), detail.private_dns_name_verification_state()), (None, None));
    assert_eq!(detail.vpc_endpoint_policy_supported(), Some(false));
    let create = || {
        let call = aws.ec2.create_vpc_endpoint().vpc_id(&network.vpc).service_name(&name);
        call.vpc_endpoint_type(VpcEndpointType::Interface)
    };
    let endpoint = create().send().await.unwrap().vpc_endpoint.unwrap();
    assert!(endpoint.policy_document().unwrap().contains("Allow"));
    assert_eq!((endpoint.private_dns_enabled(), endpoint.dns_entries().len()), (Some(false), 0));
    assert_eq!(code(create().policy_document("{\"Statement\":[]}").send().await), "InvalidParameter");
    assert_eq!(code(create().private_dns_enabled(true).send().await), "InvalidParameter");
}

async fn s3_is_named_twice_and_has_six_private_names(aws: &Target) {
    let s3 = aws.service("s3");
    let found = aws.ec2.describe_vpc_endpoint_services().service_names(&s3).send().await.unwrap();
    assert_eq!(found.service_names(), [s3.clone(), s3]);
    let with_names = found.service_details().iter().find(|one| one.private_dns_name().is_some()).unwrap();
    assert_eq!(with_names.private_dns_name(), Some(format!("*.{}", aws.host("s3")).as_str()));
    assert_eq!(with_names.private_dns_names().len(), 6);
    let kinds = with_names.supported_ip_address_types().iter().map(ServiceConnectivityType::as_str);
    assert_eq!(kinds.collect::<Vec<_>>(), ["ipv6", "ipv4"]);
}

async fn without_private_dns_an_s3_interface_endpoint_has_no_inbound_only_option(aws: &Target) {
    let network = aws.network().await;
    aws.s3_gateway(&network).await;
    for (private_dns, expected) in [(false, None), (true, Some(true))] {
        let call = aws.ec2.create_vpc_endpoint().vpc_id(&network.vpc).service_name(aws.service("s3"));
        let call = call.vpc_endpoint_type(VpcEndpointType::Interface).private_dns_enabled(private_dns);
        let endpoint = call.send().await.unwrap().vpc_endpoint.unwrap();
        let options = endpoint.dns_options().unwrap();
        assert_eq!(options.private_dns_only_for_inbound_resolver_endpoint(), expected);
    }
}

async fn an_interface_has_a_private_name_if_its_vpc_has_host_names(aws: &Target) {
    let network = aws.network().await;
    aws.interface_endpoint(&network, "ec2").await;
    let read = async || -> NetworkInterface {
        let of_vpc = filter("vpc-id", &network.vpc);
        let found = aws.ec2.describe_network_interfaces().filters(of_vpc).send().await.unwrap();
        found.network_interfaces.unwrap().remove(0)
    };
    let interface = read().await;
    assert_eq!(interface.requester_id(), interface.owner_id());
    assert_eq!(interface.operator().and_then(OperatorResponse::managed), Some(false));
    let address = interface.private_ip_address().unwrap().replace('.', "-");
    assert_eq!(interface.private_dns_name, Some(format!("ip-{address}.{}", aws.internal_domain())));
    aws.dns_hostnames(&network.vpc, false).await;
    aws.reaches("the private name", None, async || read().await.private_dns_name).await;
}

async fn a_validation_error_of_sts_contains_the_value(aws: &Target) {
    let role = format!("arn:aws:iam::{}:role/mgnet", aws.account);
    let call = aws.sts.assume_role().role_arn(role).role_session_name("a:2");
    let expected = "1 validation error detected: Value 'a:2' at 'roleSessionName' failed to satisfy constraint: Member must \
                    satisfy regular expression pattern: [\\w+=,.@-]*";
    assert_eq!(message(call.send().await), expected);
}

async fn a_malformed_group_has_its_own_resolver_error(aws: &Target) {
    let network = aws.network().await;
    let addresses = network.subnets.iter().map(|subnet| IpAddressRequest::builder().subnet_id(subnet).build().unwrap());
    let create = || {
        let call = aws.resolver.create_resolver_endpoint().creator_request_id(aws.unique("a"));
        let call = call.security_group_ids("group-1").direction(ResolverEndpointDirection::Inbound);
        call.set_ip_addresses(Some(addresses.clone().collect())).send()
    };
    assert_eq!(code(create().await), "InvalidParameterException");
    let expected = r#"[RSLVR-00408] Malformed security group ID: "Invalid id: "group-1" (expecting "sg-...")"."#;
    assert_eq!(message(create().await), expected);
}
