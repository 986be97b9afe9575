//! The VPC that a platform team has before it requests a migration network.

use aws_sdk_ec2::types::{AttributeBooleanValue, NetworkAclEntry, RouteTable, Subnet, VpcAttributeName};

use super::{
    backend::{Backend, REGION, filter, tags},
    report::Report,
};

/// The IDs of the VPC and its parts.
pub(crate) struct Landing {
    pub(crate) vpc: String,
    /// Two subnets for endpoints, in two zones.
    pub(crate) subnets: [String; 2],
    /// A third subnet, in a third zone.
    pub(crate) third: String,
    /// A subnet in the zone of the first subnet.
    pub(crate) same_zone: String,
    pub(crate) route_table: String,
    pub(crate) other_route_table: String,
}

/// Creates the VPC and its parts, and records their properties.
pub(crate) async fn create(backend: &Backend, report: &mut Report) -> Landing {
    let named = tags("vpc", &[("Name", "landing"), ("team", "platform")]);
    let vpc =
        backend.ec2.create_vpc().cidr_block("10.20.0.0/16").tag_specifications(named).send().await.expect("a VPC");
    let vpc = vpc.vpc().and_then(|vpc| vpc.vpc_id()).expect("an id").to_owned();
    let landing = Landing {
        subnets: [subnet(backend, &vpc, "10.20.1.0/24", "a").await, subnet(backend, &vpc, "10.20.2.0/24", "c").await],
        third: subnet(backend, &vpc, "10.20.3.0/24", "d").await,
        same_zone: subnet(backend, &vpc, "10.20.9.0/24", "a").await,
        route_table: route_table(backend, &vpc).await,
        other_route_table: route_table(backend, &vpc).await,
        vpc,
    };
    record_vpc(backend, &landing, report).await;
    record_subnets(backend, &landing, report).await;
    record_defaults(backend, &landing, report).await;
    landing
}

async fn subnet(backend: &Backend, vpc: &str, cidr: &str, zone: &str) -> String {
    let call = backend.ec2.create_subnet().vpc_id(vpc).cidr_block(cidr).availability_zone(format!("{REGION}{zone}"));
    let created = call.send().await.expect("a subnet");
    created.subnet().and_then(Subnet::subnet_id).expect("an id").to_owned()
}

async fn route_table(backend: &Backend, vpc: &str) -> String {
    let created = backend.ec2.create_route_table().vpc_id(vpc).send().await.expect("a route table");
    created.route_table().and_then(|table| table.route_table_id()).expect("an id").to_owned()
}

async fn record_vpc(backend: &Backend, landing: &Landing, report: &mut Report) {
    let attribute = |name| backend.ec2.describe_vpc_attribute().vpc_id(&landing.vpc).attribute(name);
    let value = |value: Option<&AttributeBooleanValue>| value.and_then(AttributeBooleanValue::value);
    let support = attribute(VpcAttributeName::EnableDnsSupport).send().await.expect("an answer");
    report.record("DNS support of a new VPC", value(support.enable_dns_support()));
    let on = AttributeBooleanValue::builder().value(true).build();
    let modify = backend.ec2.modify_vpc_attribute().vpc_id(&landing.vpc).enable_dns_hostnames(on.clone());
    let both = modify.clone().enable_dns_support(on);
    report.call("two attributes in one call", both.send().await);
    report.call("DNS host names are turned on", modify.send().await);
    let hostnames = attribute(VpcAttributeName::EnableDnsHostnames).send().await.expect("an answer");
    report.record("DNS host names after they are turned on", value(hostnames.enable_dns_hostnames()));

    let by_tags = [filter("tag:Name", "landing"), filter("tag:team", "platform")];
    let found = backend.ec2.describe_vpcs().set_filters(Some(by_tags.to_vec())).send().await.expect("an answer");
    report.record("VPCs with these tags", found.vpcs().len());
    report.record("tags of the VPC", found.vpcs().first().map(|vpc| vpc.tags().len()));
    report.record("blocks of the VPC", found.vpcs().first().map(|vpc| vpc.cidr_block_association_set().len()));
    let unknown = backend.ec2.describe_vpcs().vpc_ids("vpc-00000000000000000").send().await;
    report.call("an unknown VPC", unknown);
    report.call("an unknown filter of VPCs", backend.ec2.describe_vpcs().filters(filter("nonsense", "x")).send().await);
}

async fn record_subnets(backend: &Backend, landing: &Landing, report: &mut Report) {
    let of_vpc = filter("vpc-id", &landing.vpc);
    let found = backend.ec2.describe_subnets().filters(of_vpc.clone()).send().await.expect("an answer");
    let mut zones: Vec<_> = found.subnets().iter().filter_map(Subnet::availability_zone_id).collect();
    zones.sort_unstable();
    report.record("zone IDs of the subnets", zones);
    let free: std::collections::BTreeSet<_> =
        found.subnets().iter().filter_map(Subnet::available_ip_address_count).collect();
    report.record("free addresses of the subnets", free);
    let page = backend.ec2.describe_subnets().filters(of_vpc.clone()).max_results(5);
    report.record("subnets on a page of five", page.send().await.map(|page| page.subnets().len()).ok());
    let unknown = backend.ec2.describe_subnets().subnet_ids("subnet-00000000000000000").send().await;
    report.call("an unknown subnet", unknown);

    let associate = backend.ec2.associate_route_table().route_table_id(&landing.route_table);
    report.call("a route table is associated", associate.subnet_id(&landing.third).send().await);
    let tables = backend.ec2.describe_route_tables().filters(of_vpc).send().await.expect("an answer");
    let main = tables.route_tables().iter().flat_map(RouteTable::associations).filter(|a| a.main() == Some(true));
    report.record("main route tables", main.count());
    let by_subnet = filter("association.subnet-id", &landing.third);
    let found = backend.ec2.describe_route_tables().filters(by_subnet).send().await.expect("an answer");
    let found: Vec<_> = found.route_tables().iter().filter_map(|table| table.route_table_id()).collect();
    report.record("the route table of a subnet is found", found == [&landing.route_table]);
}

/// Records the network ACL and the DHCP options that AWS creates with a VPC.
async fn record_defaults(backend: &Backend, landing: &Landing, report: &mut Report) {
    let of_vpc = filter("vpc-id", &landing.vpc);
    let acls = backend.ec2.describe_network_acls().filters(of_vpc).send().await.expect("an answer");
    let acl = acls.network_acls().first().expect("a default ACL");
    report.record("network ACLs of a new VPC", acls.network_acls().len());
    report.record("subnets under the default ACL", acl.associations().len());
    let shown = |entry: &NetworkAclEntry| {
        let action = entry.rule_action().map(|action| action.as_str().to_owned());
        (entry.egress(), entry.rule_number(), action, entry.cidr_block().map(ToOwned::to_owned))
    };
    let mut entries: Vec<_> = acl.entries().iter().map(shown).collect();
    entries.sort();
    report.record("entries of the default ACL", entries);
    let call = backend.ec2.create_network_acl_entry().network_acl_id(acl.network_acl_id().expect("an id"));
    let call = call.rule_number(100).egress(false).protocol("6").cidr_block("10.0.0.0/8");
    let call = call.rule_action(aws_sdk_ec2::types::RuleAction::Deny);
    let ports = aws_sdk_ec2::types::PortRange::builder().from(443).to(443).build();
    report.call("an ACL entry whose number is taken", call.clone().port_range(ports.clone()).send().await);
    report.call("an ACL entry for TCP without ports", call.clone().rule_number(90).send().await);
    report.call("an ACL entry with the last number", call.rule_number(32_767).port_range(ports).send().await);

    let vpc = backend.ec2.describe_vpcs().vpc_ids(&landing.vpc).send().await.expect("an answer");
    let set = vpc.vpcs()[0].dhcp_options_id().unwrap_or_default().to_owned();
    let found = backend.ec2.describe_dhcp_options().dhcp_options_ids(&set).send().await;
    let found = report.call("the DHCP options of a new VPC", found);
    let servers = found.and_then(|found| {
        let options = found.dhcp_options().first()?.dhcp_configurations();
        let servers = options.iter().find(|option| option.key() == Some("domain-name-servers"))?;
        Some(servers.values().iter().filter_map(|value| value.value().map(ToOwned::to_owned)).collect::<Vec<_>>())
    });
    report.record("name servers of a new VPC", servers);
}
