//! Private hosted zones, and their conflicts with private DNS.

use aws_sdk_ec2::types::VpcEndpointType;
use aws_sdk_route53::types::{HostedZoneConfig, Vpc, VpcRegion};

use super::{
    backend::{Backend, service},
    landing::Landing,
    report::Report,
};

pub(crate) async fn scenario(backend: &Backend, landing: &Landing, report: &mut Report) {
    let vpc = Vpc::builder().vpc_region(VpcRegion::ApNortheast1).vpc_id(&landing.vpc).build();
    let create = |name: &str| {
        // moto needs this flag to create a private zone; for AWS, the VPC makes the zone private.
        let config = HostedZoneConfig::builder().private_zone(true).build();
        let call = backend.route53.create_hosted_zone().name(name).caller_reference(format!("for {name}"));
        call.vpc(vpc.clone()).hosted_zone_config(config)
    };
    let list = || async {
        let call = backend.route53.list_hosted_zones_by_vpc().vpc_id(&landing.vpc).vpc_region(VpcRegion::ApNortheast1);
        let found = call.send().await.expect("an answer");
        let mut names: Vec<_> = found.hosted_zone_summaries().iter().map(|zone| zone.name().to_owned()).collect();
        names.sort_unstable();
        names
    };
    report.record("zones of a VPC with the endpoint of MGN", list().await);
    let mgn = report.call("a zone with the name of MGN", create("mgn.ap-northeast-1.amazonaws.com").send().await);
    let kms = report.call("a zone with the name of KMS", create("kms.ap-northeast-1.amazonaws.com").send().await);
    report.record("zones of the VPC after the creation", list().await);
    report
        .call("a zone of the same name", create("kms.ap-northeast-1.amazonaws.com").caller_reference("x").send().await);

    let call = backend.ec2.create_vpc_endpoint().vpc_id(&landing.vpc).service_name(service("kms"));
    let call = call.vpc_endpoint_type(VpcEndpointType::Interface).subnet_ids(&landing.subnets[0]);
    let created = report.call("private DNS where a zone has the name", call.private_dns_enabled(true).send().await);
    if let Some(id) = created.and_then(|created| created.vpc_endpoint?.vpc_endpoint_id) {
        backend.ec2.delete_vpc_endpoints().vpc_endpoint_ids(id).send().await.expect("deleted");
    }
    for zone in [mgn, kms].into_iter().flatten().filter_map(|created| created.hosted_zone) {
        backend.route53.delete_hosted_zone().id(zone.id()).send().await.expect("deleted");
    }
    report.call("a zone that does not exist is described", backend.route53.get_hosted_zone().id("Z0NONE").send().await);
}
