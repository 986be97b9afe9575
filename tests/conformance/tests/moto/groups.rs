//! Security groups and their rules.

use aws_sdk_ec2::types::{IpPermission, IpRange, SecurityGroupRule};

use super::{
    backend::{Backend, filter, tags},
    landing::Landing,
    report::Report,
};

fn permission(protocol: &str, port: i32, cidrs: &[&str]) -> IpPermission {
    let ranges = cidrs.iter().map(|cidr| IpRange::builder().cidr_ip(*cidr).description("a test").build()).collect();
    IpPermission::builder().ip_protocol(protocol).from_port(port).to_port(port).set_ip_ranges(Some(ranges)).build()
}

async fn rules(backend: &Backend, group: &str) -> Vec<SecurityGroupRule> {
    let call = backend.ec2.describe_security_group_rules().filters(filter("group-id", group));
    call.send().await.expect("an answer").security_group_rules.unwrap_or_default()
}

/// Creates the security group of the endpoints, and returns its ID.
pub(crate) async fn scenario(backend: &Backend, landing: &Landing, report: &mut Report) -> String {
    let create =
        || backend.ec2.create_security_group().vpc_id(&landing.vpc).group_name("endpoints").description("a test");
    let tagged = create().tag_specifications(tags("security-group", &[("owner", "me")]));
    let id = tagged.send().await.expect("a group").group_id.expect("an id");
    report.call("a group of the same name", create().send().await);
    report.call("a group of the same name in capital letters", create().group_name("ENDPOINTS").send().await);
    report.record("rules of a new group", rules(backend, &id).await.len());
    let found =
        backend.ec2.describe_security_groups().filters(filter("tag:owner", "me")).send().await.expect("an answer");
    report.record("groups with this tag", found.security_groups().len());

    let authorize = || backend.ec2.authorize_security_group_ingress().group_id(&id);
    let two = authorize()
        .ip_permissions(permission("tcp", 443, &["10.20.0.0/16", "192.168.0.0/16"]))
        .ip_permissions(permission("udp", 53, &["192.168.0.0/16"]));
    let answer = report.call("two permissions", two.send().await).expect("an answer");
    report.record("rules in the answer to two permissions", answer.security_group_rules().len());
    report.record("rules after two permissions", rules(backend, &id).await.len());
    let again = authorize().ip_permissions(permission("tcp", 443, &["10.20.0.0/16"]));
    report.call("a rule that exists", again.send().await);
    let with_host_bits = authorize().ip_permissions(permission("tcp", 1500, &["172.16.9.9/12"]));
    report.call("a range with host bits", with_host_bits.send().await);
    let stored = rules(backend, &id).await;
    let stored: Vec<_> = stored.iter().filter(|rule| rule.from_port() == Some(1500)).collect();
    report.record(
        "a range with host bits as it is stored",
        stored.iter().filter_map(|rule| rule.cidr_ipv4()).collect::<Vec<_>>(),
    );
    let malformed = authorize().ip_permissions(permission("tcp", 443, &["10.0.0.0/33"]));
    report.call("an invalid range", malformed.send().await);
    report.call("an invalid port", authorize().ip_permissions(permission("tcp", 70_000, &["10.0.0.0/8"])).send().await);

    let revoke = || backend.ec2.revoke_security_group_ingress().group_id(&id);
    let rule = stored.first().and_then(|rule| rule.security_group_rule_id()).expect("an id");
    report.call("a rule is revoked by its ID", revoke().security_group_rule_ids(rule).send().await);
    report.call("a rule is revoked again", revoke().security_group_rule_ids(rule).send().await);
    let absent = revoke().ip_permissions(permission("tcp", 22, &["10.0.0.0/8"]));
    report.call("a rule that does not exist is revoked", absent.send().await);
    let default = backend.ec2.describe_security_groups();
    let default = default.filters(filter("vpc-id", &landing.vpc)).filters(filter("group-name", "default")).send().await;
    report.record("default groups", default.map(|found| found.security_groups().len()).ok());
    let unknown = backend.ec2.delete_security_group().group_id("sg-00000000000000000").send().await;
    report.call("an unknown group is deleted", unknown);
    id
}
