//! Tests of the exact request of each step: no parameter is left to a default.

use std::collections::BTreeMap;

use crate::{
    aws::{
        Cloud, Clouds,
        tests::{
            account,
            answers::{Answer, Request, Server},
            clouds,
        },
    },
    model::{
        observed::{Permission, PrivateDns, Protocol},
        ownership::Tags,
        plan::step::{CreateRequest, EndpointChange, ResourceId, Step},
        policy::Policy,
        slot::{EndpointKey, GroupRole, Service, Slot},
    },
};

/// Returns the parameters of the request that executes a step.
async fn sent(step: &Step, action: &str) -> BTreeMap<String, String> {
    let server = Server::start(|_: &Request| Answer::Is(404, String::new())).await;
    let cloud = clouds(&server.endpoint).await.connect(&account()).await.expect("the account is right");
    // The answer does not matter here.
    let _ = cloud.execute(step).await;
    let [request] = server.received(action).try_into().expect("one call");
    request.parameters
}

fn parameters(expected: &[(&str, &str)]) -> BTreeMap<String, String> {
    expected.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn tags() -> Tags {
    Tags::from([("mgnet.dev/owner".to_owned(), "uid-1".to_owned())])
}

fn create_interface(service: Service, private_dns: PrivateDns) -> Step {
    Step::Create {
        slot: Slot::Endpoint(EndpointKey::interface(service)),
        token: "token-1".to_owned(),
        request: CreateRequest::InterfaceEndpoint {
            vpc: "vpc-1".into(),
            service_name: format!("com.amazonaws.eu-west-1.{service}"),
            subnets: ["subnet-2".into(), "subnet-1".into()].into(),
            addresses: BTreeMap::new(),
            groups: ["sg-1".into()].into(),
            policy: Policy::FullAccess,
            private_dns,
            tags: tags(),
        },
    }
}

#[tokio::test]
async fn create_an_interface_endpoint() {
    let step = create_interface(Service::Mgn, PrivateDns::Enabled);
    let expected = parameters(&[
        ("ClientToken", "token-1"),
        ("IpAddressType", "ipv4"),
        ("PrivateDnsEnabled", "true"),
        ("SecurityGroupId.1", "sg-1"),
        ("ServiceName", "com.amazonaws.eu-west-1.mgn"),
        ("SubnetId.1", "subnet-1"),
        ("SubnetId.2", "subnet-2"),
        ("TagSpecification.1.ResourceType", "vpc-endpoint"),
        ("TagSpecification.1.Tag.1.Key", "mgnet.dev/owner"),
        ("TagSpecification.1.Tag.1.Value", "uid-1"),
        ("VpcEndpointType", "Interface"),
        ("VpcId", "vpc-1"),
    ]);
    assert_eq!(sent(&step, "CreateVpcEndpoint").await, expected);
}

#[tokio::test]
async fn create_the_s3_interface_endpoint() {
    let sent = sent(&create_interface(Service::S3, PrivateDns::InboundResolverOnly), "CreateVpcEndpoint").await;
    assert_eq!(sent["PrivateDnsEnabled"], "true");
    assert_eq!(sent["DnsOptions.DnsRecordIpType"], "ipv4");
    assert_eq!(sent["DnsOptions.PrivateDnsOnlyForInboundResolverEndpoint"], "true");
}

#[tokio::test]
async fn create_the_gateway_endpoint() {
    let step = Step::Create {
        slot: Slot::Endpoint(EndpointKey::S3_GATEWAY),
        token: "token-1".to_owned(),
        request: CreateRequest::GatewayEndpoint {
            vpc: "vpc-1".into(),
            service_name: "com.amazonaws.eu-west-1.s3".to_owned(),
            route_tables: ["rtb-1".into()].into(),
            policy: Policy::FullAccess,
            tags: tags(),
        },
    };
    let expected = parameters(&[
        ("ClientToken", "token-1"),
        ("RouteTableId.1", "rtb-1"),
        ("ServiceName", "com.amazonaws.eu-west-1.s3"),
        ("TagSpecification.1.ResourceType", "vpc-endpoint"),
        ("TagSpecification.1.Tag.1.Key", "mgnet.dev/owner"),
        ("TagSpecification.1.Tag.1.Value", "uid-1"),
        ("VpcEndpointType", "Gateway"),
        ("VpcId", "vpc-1"),
    ]);
    assert_eq!(sent(&step, "CreateVpcEndpoint").await, expected);
}

#[tokio::test]
async fn create_a_resolver_endpoint() {
    let step = Step::Create {
        slot: Slot::Resolver,
        token: "token-1".to_owned(),
        request: CreateRequest::Resolver {
            name: "mgnet-1".to_owned(),
            addresses: [("subnet-1".into(), None), ("subnet-2".into(), None)].into(),
            group: "sg-1".into(),
            tags: tags(),
        },
    };
    let expected = parameters(&[
        ("CreatorRequestId", r#""token-1""#),
        ("Direction", r#""INBOUND""#),
        ("IpAddresses", r#"[{"SubnetId":"subnet-1"},{"SubnetId":"subnet-2"}]"#),
        ("Name", r#""mgnet-1""#),
        ("Protocols", r#"["Do53"]"#),
        ("ResolverEndpointType", r#""IPV4""#),
        ("SecurityGroupIds", r#"["sg-1"]"#),
        ("Tags", r#"[{"Key":"mgnet.dev/owner","Value":"uid-1"}]"#),
    ]);
    assert_eq!(sent(&step, "CreateResolverEndpoint").await, expected);
}

#[tokio::test]
async fn create_a_group_and_its_rules() {
    let step = Step::Create {
        slot: Slot::Group(GroupRole::Endpoints),
        token: "token-1".to_owned(),
        request: CreateRequest::SecurityGroup {
            vpc: "vpc-1".into(),
            name: "mgnet-uid-1-endpoints".to_owned(),
            description: "VPC endpoints".to_owned(),
            tags: tags(),
        },
    };
    let expected = parameters(&[
        ("GroupDescription", "VPC endpoints"),
        ("GroupName", "mgnet-uid-1-endpoints"),
        ("TagSpecification.1.ResourceType", "security-group"),
        ("TagSpecification.1.Tag.1.Key", "mgnet.dev/owner"),
        ("TagSpecification.1.Tag.1.Value", "uid-1"),
        ("VpcId", "vpc-1"),
    ]);
    assert_eq!(sent(&step, "CreateSecurityGroup").await, expected);

    let source = "192.168.0.0/16".parse().expect("a range");
    let step = Step::AuthorizeIngress {
        role: GroupRole::Endpoints,
        group: "sg-1".into(),
        permissions: [(Permission { protocol: Protocol::Tcp, port: 443, source }, "mgnet: proxies".to_owned())].into(),
    };
    let expected = parameters(&[
        ("GroupId", "sg-1"),
        ("IpPermissions.1.FromPort", "443"),
        ("IpPermissions.1.IpProtocol", "tcp"),
        ("IpPermissions.1.IpRanges.1.CidrIp", "192.168.0.0/16"),
        ("IpPermissions.1.IpRanges.1.Description", "mgnet: proxies"),
        ("IpPermissions.1.ToPort", "443"),
    ]);
    assert_eq!(sent(&step, "AuthorizeSecurityGroupIngress").await, expected);
}

#[tokio::test]
async fn modify_sends_only_the_changes() {
    let modify = |key, change| Step::ModifyEndpoint { key, endpoint: "vpce-1".into(), change };
    let change = EndpointChange { add_subnets: ["subnet-3".into()].into(), ..EndpointChange::default() };
    let expected = parameters(&[("AddSubnetId.1", "subnet-3"), ("VpcEndpointId", "vpce-1")]);
    let step = modify(EndpointKey::interface(Service::Mgn), change);
    assert_eq!(sent(&step, "ModifyVpcEndpoint").await, expected);

    let change = EndpointChange { private_dns: Some(PrivateDns::Enabled), ..EndpointChange::default() };
    let expected = parameters(&[
        ("DnsOptions.DnsRecordIpType", "ipv4"),
        ("DnsOptions.PrivateDnsOnlyForInboundResolverEndpoint", "false"),
        ("PrivateDnsEnabled", "true"),
        ("VpcEndpointId", "vpce-1"),
    ]);
    let step = modify(EndpointKey::S3_INTERFACE, change);
    assert_eq!(sent(&step, "ModifyVpcEndpoint").await, expected);
}

#[tokio::test]
async fn the_gateway_endpoint_is_deleted_last() {
    let endpoints = [
        ("vpce-1".into(), EndpointKey::S3_GATEWAY),
        ("vpce-2".into(), EndpointKey::S3_INTERFACE),
        ("vpce-3".into(), EndpointKey::interface(Service::Mgn)),
    ];
    let expected =
        parameters(&[("VpcEndpointId.1", "vpce-2"), ("VpcEndpointId.2", "vpce-3"), ("VpcEndpointId.3", "vpce-1")]);
    assert_eq!(sent(&Step::DeleteEndpoints { endpoints: endpoints.into() }, "DeleteVpcEndpoints").await, expected);
}

#[tokio::test]
async fn a_tag_is_removed_regardless_of_its_value() {
    let keys = ["team".to_owned()];
    let (slot, resource) = (Slot::Resolver, ResourceId::Ec2("vpce-1".to_owned()));
    let step = Step::RemoveTags { slot, resource, keys: keys.into() };
    let expected = parameters(&[("ResourceId.1", "vpce-1"), ("Tag.1.Key", "team")]);
    assert_eq!(sent(&step, "DeleteTags").await, expected);
}
