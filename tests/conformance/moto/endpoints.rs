//! VPC endpoints: how they are made, shown, changed and deleted.

use aws_sdk_ec2::types::{
    DnsOptionsSpecification, NetworkInterface, ServiceDetail, SubnetConfiguration, VpcEndpointType,
};

use super::{
    landing::Landing,
    place::{Place, filter, service, tags},
    report::Report,
};

type Create = aws_sdk_ec2::operation::create_vpc_endpoint::builders::CreateVpcEndpointFluentBuilder;
type Created = aws_sdk_ec2::operation::create_vpc_endpoint::CreateVpcEndpointOutput;

/// Makes an endpoint that ought to be refused; if it is made, deletes it again, so that later calls do not meet it.
async fn refused(place: &Place, what: &'static str, call: Create, report: &mut Report) {
    made_and_deleted(place, report.call(what, call.send().await)).await;
}

async fn made_and_deleted(place: &Place, made: Option<Created>) {
    if let Some(id) = made.and_then(|made| made.vpc_endpoint?.vpc_endpoint_id) {
        place.ec2.delete_vpc_endpoints().vpc_endpoint_ids(id).send().await.expect("deleted");
        place.wait();
    }
}

/// How many routes to a prefix list a table has.
async fn routes(place: &Place, table: &str) -> usize {
    let found = place.ec2.describe_route_tables().route_table_ids(table).send().await.expect("an answer");
    found.route_tables()[0].routes().iter().filter(|route| route.destination_prefix_list_id().is_some()).count()
}

async fn interfaces(place: &Place, id: &str) -> Vec<NetworkInterface> {
    let ids = place.endpoint(id).await.and_then(|endpoint| endpoint.network_interface_ids).unwrap_or_default();
    if ids.is_empty() {
        return Vec::new();
    }
    let call = place.ec2.describe_network_interfaces().set_network_interface_ids(Some(ids));
    call.send().await.expect("an answer").network_interfaces.unwrap_or_default()
}

fn gateway_call(place: &Place, landing: &Landing) -> Create {
    let call = place.ec2.create_vpc_endpoint().vpc_id(&landing.vpc).service_name(service("s3"));
    call.vpc_endpoint_type(VpcEndpointType::Gateway)
}

/// An interface endpoint in the first subnet, without private DNS.
fn interface_call(place: &Place, landing: &Landing, group: &str, short_name: &str) -> Create {
    let call = place.ec2.create_vpc_endpoint().vpc_id(&landing.vpc).service_name(service(short_name));
    let call = call.vpc_endpoint_type(VpcEndpointType::Interface).subnet_ids(&landing.subnets[0]);
    call.security_group_ids(group).private_dns_enabled(false)
}

/// Makes the S3 gateway endpoint, and gives its id.
pub(crate) async fn gateway(place: &Place, landing: &Landing, report: &mut Report) -> String {
    let inbound_only = DnsOptionsSpecification::builder().private_dns_only_for_inbound_resolver_endpoint(true).build();
    let early = interface_call(place, landing, "", "s3").set_security_group_ids(None).private_dns_enabled(true);
    refused(place, "S3 inbound-only without a gateway", early.dns_options(inbound_only), report).await;
    rival(place, landing, report).await;
    let made = gateway_call(place, landing).route_table_ids(&landing.route_table).send().await.expect("a gateway");
    let made = made.vpc_endpoint().expect("a gateway");
    report.see("a new gateway", made.state().map(|state| state.as_str().to_lowercase()));
    report.see("private DNS of a gateway", made.private_dns_enabled());
    report.see("routes to the gateway", routes(place, &landing.route_table).await);
    made.vpc_endpoint_id().expect("an id").to_owned()
}

/// A gateway in another table, and a second one.
async fn rival(place: &Place, landing: &Landing, report: &mut Report) {
    let call = || gateway_call(place, landing).route_table_ids(&landing.other_route_table);
    let first = call().send().await.expect("a gateway");
    refused(place, "a second gateway in a table", call(), report).await;
    let first = first.vpc_endpoint().and_then(|first| first.vpc_endpoint_id()).expect("an id");
    report.call("the first gateway is deleted", place.ec2.delete_vpc_endpoints().vpc_endpoint_ids(first).send().await);
    place.wait();
}

/// Makes the endpoint of MGN, and gives its id.
pub(crate) async fn interface(place: &Place, landing: &Landing, group: &str, report: &mut Report) -> String {
    let call = interface_call(place, landing, group, "mgn").subnet_ids(&landing.subnets[1]).private_dns_enabled(true);
    let call = call.client_token("token-1").tag_specifications(tags("vpc-endpoint", &[("owner", "me")]));
    let made = call.clone().send().await.expect("an endpoint");
    let made = made.vpc_endpoint().expect("an endpoint");
    let id = made.vpc_endpoint_id().expect("an id").to_owned();
    report.see("a new endpoint", made.state().map(|state| state.as_str().to_lowercase()));

    let again = report.call("the same client token", call.clone().send().await);
    let same = again.as_ref().and_then(|made| made.vpc_endpoint()?.vpc_endpoint_id()) == Some(&id);
    report.see("the same client token gives the same endpoint", same);
    made_and_deleted(place, again.filter(|_| !same)).await;
    let other = call.clone().policy_document(r#"{"Statement":[]}"#);
    refused(place, "a client token with other parameters", other, report).await;
    place.wait();

    let call = || interface_call(place, landing, group, "ec2");
    let fixed = |subnet: &str, ip: &str| SubnetConfiguration::builder().subnet_id(subnet).ipv4(ip).build();
    let nowhere = "subnet-00000000000000000";
    let cases: Vec<(&'static str, Create)> = vec![
        ("private DNS twice for a service", interface_call(place, landing, group, "mgn").private_dns_enabled(true)),
        ("a gateway of an interface-only service", gateway_call(place, landing).service_name(service("mgn"))),
        ("two subnets in one zone", call().subnet_ids(&landing.twin)),
        ("an unknown VPC for an endpoint", call().vpc_id("vpc-00000000000000000")),
        ("an unknown subnet for an endpoint", call().subnet_ids(nowhere)),
        ("an unknown group for an endpoint", call().security_group_ids("sg-00000000000000000")),
        ("an unknown route table for a gateway", gateway_call(place, landing).route_table_ids("rtb-00000000000000000")),
        ("an unknown service", call().service_name(service("nonsense"))),
        ("a policy that is no JSON", call().policy_document("{")),
        ("a reserved tag key", call().tag_specifications(tags("vpc-endpoint", &[("aws:mine", "x")]))),
        ("route tables for an interface endpoint", call().route_table_ids(&landing.route_table)),
        (
            "a fixed address outside of the subnet",
            call().subnet_configurations(fixed(&landing.subnets[0], "10.99.0.1")),
        ),
        ("a dry run", call().dry_run(true)),
    ];
    for (what, call) in cases {
        refused(place, what, call, report).await;
    }
    fixed_address(place, call().subnet_configurations(fixed(&landing.subnets[0], "10.20.1.77")), report).await;
    id
}

async fn fixed_address(place: &Place, call: Create, report: &mut Report) {
    let made = call.send().await.expect("an endpoint");
    let id = made.vpc_endpoint().and_then(|made| made.vpc_endpoint_id()).expect("an id");
    let interfaces = interfaces(place, id).await;
    let given = interfaces.iter().any(|interface| interface.private_ip_address() == Some("10.20.1.77"));
    report.see("a fixed address is given", given);
    made_and_deleted(place, Some(made)).await;
}

/// How Describe shows the endpoint of MGN.
pub(crate) async fn described(place: &Place, landing: &Landing, mgn: &str, report: &mut Report) {
    let endpoint = place.endpoint(mgn).await.expect("the endpoint");
    report.see("an endpoint after a while", endpoint.state().map(|state| state.as_str().to_lowercase()));
    report.see("subnets of an endpoint", endpoint.subnet_ids().len());
    report.see("groups of an endpoint", endpoint.groups().len());
    report.see("private DNS of an endpoint", endpoint.private_dns_enabled());
    report.see("its address type", endpoint.ip_address_type().map(|kind| kind.as_str().to_owned()));
    let options = endpoint.dns_options().and_then(|options| options.dns_record_ip_type());
    report.see("its DNS records", options.map(|kind| kind.as_str().to_owned()));
    report.see("its tags", endpoint.tags().len());
    let names: Vec<_> = endpoint.dns_entries().iter().filter_map(|entry| entry.dns_name()).collect();
    report.see("how many names it has", names.len());
    report.see("the service's own name is one", names.contains(&"mgn.ap-northeast-1.amazonaws.com"));

    let found = interfaces(place, mgn).await;
    report.see("its network interfaces", found.len());
    let inside = |ip: &str| ip.starts_with("10.20.1.") || ip.starts_with("10.20.2.");
    let ips = found.iter().filter_map(|interface| interface.private_ip_address());
    report.see("they have addresses of the subnets", ips.filter(|ip| inside(ip)).count());
    let first = found.first();
    report.see("their type", first.and_then(|i| i.interface_type()).map(|kind| kind.as_str().to_owned()));
    report.see("AWS manages them", first.and_then(NetworkInterface::requester_managed));
    report.see("their status", first.and_then(|i| i.status()).map(|status| status.as_str().to_owned()));
    let group = endpoint.groups().first().and_then(|group| group.group_id());
    report.see("they have the group", first.map(|i| i.groups().iter().any(|g| g.group_id() == group)));

    let list = || place.ec2.describe_vpc_endpoints();
    for (what, filter) in [
        ("endpoints by VPC", filter("vpc-id", &landing.vpc)),
        ("endpoints by service", filter("service-name", &service("mgn"))),
        ("endpoints by tag", filter("tag:owner", "me")),
        ("endpoints by type", filter("vpc-endpoint-type", "Gateway")),
        ("endpoints by state", filter("vpc-endpoint-state", "available")),
        ("endpoints by id, as a filter", filter("vpc-endpoint-id", mgn)),
        ("endpoints by an unknown filter", filter("nonsense", "x")),
    ] {
        let found = list().filters(filter).send().await.map(|found| {
            let states = found.vpc_endpoints().iter().filter_map(|endpoint| endpoint.state());
            states.filter(|state| !state.as_str().eq_ignore_ascii_case("deleted")).count()
        });
        report.see(what, found.ok());
    }
    let page = list().max_results(1).send().await;
    report.see("endpoints on a page of one", page.map(|page| page.vpc_endpoints().len()).ok());
    report.call("an unknown endpoint", list().vpc_endpoint_ids("vpce-00000000000000000").send().await);
    report.call("a malformed endpoint", list().vpc_endpoint_ids("vpce-x").send().await);
    services(place, report).await;
}

async fn services(place: &Place, report: &mut Report) {
    let list = || place.ec2.describe_vpc_endpoint_services();
    for (what, short_name) in [
        ("types of endpoint of S3", "s3"),
        ("types of endpoint of MGN", "mgn"),
        ("types of endpoint of EC2", "ec2"),
        ("types of endpoint of SSM messages", "ssmmessages"),
    ] {
        let found = list().service_names(service(short_name)).send().await.expect("an answer");
        let types = found.service_details().iter().flat_map(ServiceDetail::service_type);
        let mut types: Vec<_> = types.filter_map(|kind| Some(kind.service_type()?.as_str().to_owned())).collect();
        types.sort_unstable();
        report.see(what, types);
    }
    let by_filter = list().filters(filter("service-name", &service("mgn"))).send().await;
    report.see("services by name, as a filter", by_filter.map(|found| found.service_details().len()).ok());
    report.call("an unknown service is looked for", list().service_names(service("nonsense")).send().await);
}

/// Changes of the endpoint of MGN.
pub(crate) async fn modified(place: &Place, landing: &Landing, mgn: &str, report: &mut Report) {
    let modify = || place.ec2.modify_vpc_endpoint().vpc_endpoint_id(mgn);
    report.call("a subnet is added", modify().add_subnet_ids(&landing.third).send().await);
    place.wait();
    let endpoint = place.endpoint(mgn).await.expect("the endpoint");
    report.see("subnets after that", endpoint.subnet_ids().len());
    report.see("network interfaces after that", interfaces(place, mgn).await.len());
    report.call("a subnet is removed", modify().remove_subnet_ids(&landing.third).send().await);
    place.wait();
    report.see("subnets after the removal", place.endpoint(mgn).await.map(|endpoint| endpoint.subnet_ids().len()));
    report.call("private DNS is turned off", modify().private_dns_enabled(false).send().await);
    place.wait();
    report.see("private DNS after that", place.endpoint(mgn).await.and_then(|endpoint| endpoint.private_dns_enabled()));
    report.call("and on again", modify().private_dns_enabled(true).send().await);
    place.wait();
    let policy = r#"{"Statement":[{"Effect":"Deny","Principal":"*","Action":"*","Resource":"*"}]}"#;
    report.call("a policy is set", modify().policy_document(policy).send().await);
    place.wait();
    let denies = || async {
        let endpoint = place.endpoint(mgn).await.expect("the endpoint");
        endpoint.policy_document().is_some_and(|policy| policy.contains("Deny"))
    };
    report.see("the policy is as it was set", denies().await);
    report.call("the policy is reset", modify().reset_policy(true).send().await);
    place.wait();
    report.see("the policy is still as it was set", denies().await);
    let unknown = place.ec2.modify_vpc_endpoint().vpc_endpoint_id("vpce-00000000000000000").private_dns_enabled(true);
    report.call("an unknown endpoint is changed", unknown.send().await);
}

/// Deletes the endpoints, and then the group.
pub(crate) async fn deleted(place: &Place, landing: &Landing, group: &str, ids: &[&str], report: &mut Report) {
    let delete = |ids: &[&str]| {
        let ids = ids.iter().map(|&id| id.to_owned()).collect();
        place.ec2.delete_vpc_endpoints().set_vpc_endpoint_ids(Some(ids)).send()
    };
    let unknown = delete(&["vpce-00000000000000000"]).await.expect("an answer");
    let code = |item: &aws_sdk_ec2::types::UnsuccessfulItem| item.error()?.code().map(ToOwned::to_owned);
    report.see("an unknown endpoint is deleted", unknown.unsuccessful().iter().map(code).collect::<Vec<_>>());
    let answer = delete(ids).await.expect("an answer");
    report.see("endpoints that were not deleted", answer.unsuccessful().len());
    let state = place.endpoint(ids[0]).await.and_then(|endpoint| endpoint.state);
    report.see("an endpoint that goes", state.map(|state| state.as_str().to_lowercase()));
    report.see("routes to the gateway after that", routes(place, &landing.route_table).await);
    report.see("routes in the other table", routes(place, &landing.other_route_table).await);
    place.wait();
    let gone = place.ec2.describe_vpc_endpoints().vpc_endpoint_ids(ids[0]).send().await;
    report.call("an endpoint that is gone", gone);
    let modify = place.ec2.modify_vpc_endpoint().vpc_endpoint_id(ids[0]).private_dns_enabled(false);
    report.call("an endpoint that is gone is changed", modify.send().await);
    report.call("a group that the resolver has", place.ec2.delete_security_group().group_id(group).send().await);
}
