//! Security groups and their rules.

use aws_sdk_ec2::types::{IpPermission, IpRange, SecurityGroupRule};

use super::{
    landing::Landing,
    place::{Place, filter, tags},
    report::Report,
};

fn permission(protocol: &str, port: i32, cidrs: &[&str]) -> IpPermission {
    let ranges = cidrs.iter().map(|cidr| IpRange::builder().cidr_ip(*cidr).description("a test").build()).collect();
    IpPermission::builder().ip_protocol(protocol).from_port(port).to_port(port).set_ip_ranges(Some(ranges)).build()
}

async fn rules(place: &Place, group: &str) -> Vec<SecurityGroupRule> {
    let call = place.ec2.describe_security_group_rules().filters(filter("group-id", group));
    call.send().await.expect("an answer").security_group_rules.unwrap_or_default()
}

/// Makes the group of the endpoints, and gives its id.
pub(crate) async fn scenario(place: &Place, landing: &Landing, report: &mut Report) -> String {
    let create =
        || place.ec2.create_security_group().vpc_id(&landing.vpc).group_name("endpoints").description("a test");
    let tagged = create().tag_specifications(tags("security-group", &[("owner", "me")]));
    let id = tagged.send().await.expect("a group").group_id.expect("an id");
    report.call("a group of the same name", create().send().await);
    report.call("a group of the same name in capital letters", create().group_name("ENDPOINTS").send().await);
    report.see("rules of a new group", rules(place, &id).await.len());
    let found =
        place.ec2.describe_security_groups().filters(filter("tag:owner", "me")).send().await.expect("an answer");
    report.see("groups with this tag", found.security_groups().len());

    let authorize = || place.ec2.authorize_security_group_ingress().group_id(&id);
    let two = authorize()
        .ip_permissions(permission("tcp", 443, &["10.20.0.0/16", "192.168.0.0/16"]))
        .ip_permissions(permission("udp", 53, &["192.168.0.0/16"]));
    let answer = report.call("two permissions", two.send().await).expect("an answer");
    report.see("rules in the answer to two permissions", answer.security_group_rules().len());
    report.see("rules after two permissions", rules(place, &id).await.len());
    let again = authorize().ip_permissions(permission("tcp", 443, &["10.20.0.0/16"]));
    report.call("a rule that is there", again.send().await);
    let loose = authorize().ip_permissions(permission("tcp", 1500, &["172.16.9.9/12"]));
    report.call("a range with host bits", loose.send().await);
    let stored = rules(place, &id).await;
    let stored: Vec<_> = stored.iter().filter(|rule| rule.from_port() == Some(1500)).collect();
    report.see("that range as it is stored", stored.iter().filter_map(|rule| rule.cidr_ipv4()).collect::<Vec<_>>());
    let malformed = authorize().ip_permissions(permission("tcp", 443, &["10.0.0.0/33"]));
    report.call("a range that is none", malformed.send().await);
    report.call(
        "a port that is none",
        authorize().ip_permissions(permission("tcp", 70_000, &["10.0.0.0/8"])).send().await,
    );

    let revoke = || place.ec2.revoke_security_group_ingress().group_id(&id);
    let rule = stored.first().and_then(|rule| rule.security_group_rule_id()).expect("an id");
    report.call("a rule is revoked by its id", revoke().security_group_rule_ids(rule).send().await);
    report.call("and once more", revoke().security_group_rule_ids(rule).send().await);
    let absent = revoke().ip_permissions(permission("tcp", 22, &["10.0.0.0/8"]));
    report.call("a rule is revoked that is not there", absent.send().await);
    let default = place.ec2.describe_security_groups();
    let default = default.filters(filter("vpc-id", &landing.vpc)).filters(filter("group-name", "default")).send().await;
    report.see("default groups", default.map(|found| found.security_groups().len()).ok());
    let unknown = place.ec2.delete_security_group().group_id("sg-00000000000000000").send().await;
    report.call("an unknown group is deleted", unknown);
    id
}
