//! The protocols: errors that precede any action. Source: EC2 API Reference, "Error codes" and "Query requests".

use crate::support::{ACCOUNT, Aws, TOKYO, authorization, code, raw};

async fn form(aws: &Aws, body: &str) -> (u16, String) {
    let authorization = authorization(ACCOUNT, TOKYO, "ec2");
    raw(&aws.server, "POST", "/", &[("authorization", &authorization)], body).await
}

#[tokio::test]
async fn an_unknown_action_or_parameter_is_rejected() {
    let aws = Aws::start().await;
    for (body, expected) in [
        ("Action=RunInstances", "<Code>InvalidAction</Code>"),
        ("Action=DescribeVpcs&Nonsense=1", "<Code>UnknownParameter</Code>"),
        ("Action=DescribeVpcs&Filter.1.Nonsense=1", "<Code>UnknownParameter</Code>"),
        ("Action=CreateVpc", "<Code>MissingParameter</Code>"),
        ("Action=DescribeVpcs&MaxResults=many", "<Code>InvalidParameterValue</Code>"),
        ("Version=1", "<Code>MissingAction</Code>"),
        ("Action=DescribeVpcs&VpcId=1&VpcId.1=2", "<Code>MalformedQueryString</Code>"),
    ] {
        let (status, answer) = form(&aws, body).await;
        assert_eq!(status, 400, "{body}");
        assert!(answer.contains(expected), "{body}: {answer}");
    }
}

#[tokio::test]
async fn a_call_without_a_signature_is_rejected() {
    let aws = Aws::start().await;
    let (status, answer) = raw(&aws.server, "POST", "/", &[], "Action=DescribeVpcs").await;
    assert_eq!(status, 403);
    assert!(answer.contains("MissingAuthenticationToken"));
    let target = ("x-amz-target", "Route53Resolver.ListResolverEndpoints");
    let (status, answer) = raw(&aws.server, "POST", "/", &[target], "{}").await;
    assert_eq!(status, 403);
    assert!(answer.contains(r#""__type":"MissingAuthenticationToken"#));
}

#[tokio::test]
async fn resolver_rejects_unknown_operations_and_members() {
    let aws = Aws::start().await;
    let authorization = authorization(ACCOUNT, TOKYO, "route53resolver");
    for (target, body, expected) in [
        ("Route53Resolver.Nonsense", "{}", "UnknownOperationException"),
        ("Other.ListResolverEndpoints", "{}", "UnknownOperationException"),
        ("Route53Resolver.ListResolverEndpoints", r#"{"Nonsense": 1}"#, "SerializationException"),
        ("Route53Resolver.ListResolverEndpoints", "{", "SerializationException"),
        ("Route53Resolver.GetResolverEndpoint", "{}", "ValidationException"),
    ] {
        let headers = [("authorization", authorization.as_str()), ("x-amz-target", target)];
        let (status, answer) = raw(&aws.server, "POST", "/", &headers, body).await;
        assert_eq!(status, 400);
        assert!(answer.contains(expected), "{target} {body}: {answer}");
    }
}

/// Source: EC2 API Reference, "Common query parameters": DryRun.
#[tokio::test]
async fn a_dry_run_changes_nothing() {
    let aws = Aws::start().await;
    let create = || aws.ec2.create_vpc().cidr_block("10.20.0.0/16").dry_run(true).send();
    assert_eq!(code(create().await), "DryRunOperation");
    assert!(aws.state().vpcs.is_empty());
    let wrong = aws.ec2.delete_vpc().vpc_id("vpc-00000000000000000").dry_run(true).send().await;
    assert_eq!(code(wrong), "InvalidVpcID.NotFound");
}

#[tokio::test]
async fn a_malformed_id_and_an_unknown_filter_are_rejected() {
    let aws = Aws::start().await;
    let ec2 = &aws.ec2;
    assert_eq!(code(ec2.describe_vpcs().vpc_ids("vpc").send().await), "InvalidVpcId.Malformed");
    assert_eq!(code(ec2.describe_subnets().subnet_ids("vpc-1").send().await), "InvalidSubnetId.Malformed");
    assert_eq!(code(ec2.describe_security_groups().group_ids("sg").send().await), "InvalidGroupId.Malformed");
    let filter = crate::support::filter("no-such", "1");
    assert_eq!(code(ec2.describe_vpcs().filters(filter.clone()).send().await), "InvalidParameterValue");
    assert_eq!(code(ec2.describe_vpc_endpoints().filters(filter).send().await), "InvalidParameterValue");
}
