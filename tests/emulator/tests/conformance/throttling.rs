//! Token buckets. Source: EC2 Developer Guide, "Request throttling for the Amazon EC2 API"; Route 53 quotas.

use crate::support::{Aws, TOKYO, code, config};

#[tokio::test]
async fn deletions_of_endpoints_have_a_bucket_of_four_that_fills_slowly() {
    let aws = Aws::with(|options| options.throttling = true).await;
    let delete = || aws.ec2.delete_vpc_endpoints().vpc_endpoint_ids("vpce-00000000000000000").send();
    for _ in 0..4 {
        assert_eq!(code(delete().await), "ok");
    }
    assert_eq!(code(delete().await), "RequestLimitExceeded");
    aws.advance(3);
    assert_eq!(code(delete().await), "RequestLimitExceeded", "0.3 tokens per second");
    aws.advance(1);
    assert_eq!(code(delete().await), "ok");
    let other = aws_sdk_ec2::Client::new(&config(&aws.server, "222222222222", TOKYO).await);
    let outcome = other.delete_vpc_endpoints().vpc_endpoint_ids("vpce-00000000000000000").send().await;
    assert_eq!(code(outcome), "ok", "every account has its own bucket");
}

#[tokio::test]
async fn all_resolver_calls_share_five_per_second() {
    let aws = Aws::with(|options| options.throttling = true).await;
    for _ in 0..4 {
        assert_eq!(code(aws.resolver.list_resolver_endpoints().send().await), "ok");
    }
    let get = || aws.resolver.get_resolver_endpoint().resolver_endpoint_id("rslvr-in-0").send();
    assert_eq!(code(get().await), "ResourceNotFoundException");
    assert_eq!(code(get().await), "ThrottlingException");
    aws.advance(1);
    assert_eq!(code(get().await), "ResourceNotFoundException");
}

#[tokio::test]
async fn describing_has_a_bucket_of_a_hundred() {
    let aws = Aws::with(|options| options.throttling = true).await;
    for _ in 0..100 {
        assert_eq!(code(aws.ec2.describe_vpcs().send().await), "ok");
    }
    assert_eq!(code(aws.ec2.describe_vpcs().send().await), "RequestLimitExceeded");
    assert_eq!(code(aws.ec2.describe_subnets().send().await), "ok");
}
