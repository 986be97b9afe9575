//! Private DNS of services without private names, which an option declares.

use aws_sdk_ec2::types::VpcEndpointType;
use emulator::world::options::ServiceRule;

use crate::support::{Aws, code, message};

/// Source: EC2 API Reference, `ServiceDetail`: `privateDnsName` is optional; public reports quote the text of the error.
#[tokio::test]
async fn a_service_without_private_names_cannot_have_private_dns() {
    let aws = Aws::with(|options| {
        let rule = ServiceRule { private_dns: false, ..ServiceRule::default() };
        options.services.insert("ap-northeast-1/kms".to_owned(), rule);
    })
    .await;
    let network = aws.network().await;
    let create = |private_dns: Option<bool>| {
        let call = aws.ec2.create_vpc_endpoint().vpc_id(&network.vpc).service_name(aws.service("kms"));
        let call = call.vpc_endpoint_type(VpcEndpointType::Interface).subnet_ids(&network.subnets[0]);
        call.set_private_dns_enabled(private_dns).send()
    };
    assert_eq!(code(create(Some(true)).await), "InvalidParameter");
    let text = "Private DNS can't be enabled because the service com.amazonaws.ap-northeast-1.kms does not provide a private DNS name.";
    assert_eq!(message(create(Some(true)).await), text);
    let made = create(None).await.unwrap().vpc_endpoint.unwrap();
    assert_eq!(made.private_dns_enabled(), Some(false));
    let services = aws.ec2.describe_vpc_endpoint_services().service_names(aws.service("kms")).send().await.unwrap();
    assert!(services.service_details().iter().all(|detail| detail.private_dns_names().is_empty()));
}
