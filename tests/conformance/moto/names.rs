//! Private hosted zones, and how they and private DNS are in each other's way.

use aws_sdk_ec2::types::VpcEndpointType;
use aws_sdk_route53::types::{HostedZoneConfig, Vpc, VpcRegion};

use super::{
    landing::Landing,
    place::{Place, service},
    report::Report,
};

pub(crate) async fn scenario(place: &Place, landing: &Landing, report: &mut Report) {
    let vpc = Vpc::builder().vpc_region(VpcRegion::ApNortheast1).vpc_id(&landing.vpc).build();
    let create = |name: &str| {
        // moto takes a zone for a private one only if this is said; AWS goes by the VPC.
        let config = HostedZoneConfig::builder().private_zone(true).build();
        let call = place.route53.create_hosted_zone().name(name).caller_reference(format!("for {name}"));
        call.vpc(vpc.clone()).hosted_zone_config(config)
    };
    let list = || async {
        let call = place.route53.list_hosted_zones_by_vpc().vpc_id(&landing.vpc).vpc_region(VpcRegion::ApNortheast1);
        let found = call.send().await.expect("an answer");
        let mut names: Vec<_> = found.hosted_zone_summaries().iter().map(|zone| zone.name().to_owned()).collect();
        names.sort_unstable();
        names
    };
    report.see("zones of a VPC with the endpoint of MGN", list().await);
    let mgn = report.call("a zone with the name of MGN", create("mgn.ap-northeast-1.amazonaws.com").send().await);
    let kms = report.call("a zone with the name of KMS", create("kms.ap-northeast-1.amazonaws.com").send().await);
    report.see("zones of the VPC now", list().await);
    report
        .call("a zone of the same name", create("kms.ap-northeast-1.amazonaws.com").caller_reference("x").send().await);

    let call = place.ec2.create_vpc_endpoint().vpc_id(&landing.vpc).service_name(service("kms"));
    let call = call.vpc_endpoint_type(VpcEndpointType::Interface).subnet_ids(&landing.subnets[0]);
    let made = report.call("private DNS where a zone has the name", call.private_dns_enabled(true).send().await);
    if let Some(id) = made.and_then(|made| made.vpc_endpoint?.vpc_endpoint_id) {
        place.ec2.delete_vpc_endpoints().vpc_endpoint_ids(id).send().await.expect("deleted");
    }
    for zone in [mgn, kms].into_iter().flatten().filter_map(|made| made.hosted_zone) {
        place.route53.delete_hosted_zone().id(zone.id()).send().await.expect("deleted");
    }
    report.call("a zone is shown that is gone", place.route53.get_hosted_zone().id("Z0NONE").send().await);
}
