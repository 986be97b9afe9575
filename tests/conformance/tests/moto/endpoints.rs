//! Creates, describes, modifies and deletes VPC endpoints.

use aws_sdk_ec2::types::{
    DnsOptionsSpecification, NetworkInterface, ServiceDetail, SubnetConfiguration, VpcEndpointType,
};

use super::{
    backend::{Backend, filter, service, tags},
    landing::Landing,
    report::Report,
};

type Create = aws_sdk_ec2::operation::create_vpc_endpoint::builders::CreateVpcEndpointFluentBuilder;
type Created = aws_sdk_ec2::operation::create_vpc_endpoint::CreateVpcEndpointOutput;

/// Tries to create an endpoint that AWS rejects. An endpoint that is created is deleted, so that it does not affect
/// later calls.
async fn try_invalid(backend: &Backend, what: &'static str, call: Create, report: &mut Report) {
    delete_if_created(backend, report.call(what, call.send().await)).await;
}

async fn delete_if_created(backend: &Backend, created: Option<Created>) {
    if let Some(id) = created.and_then(|created| created.vpc_endpoint?.vpc_endpoint_id) {
        backend.ec2.delete_vpc_endpoints().vpc_endpoint_ids(id).send().await.expect("deleted");
        backend.wait();
    }
}

/// Returns the number of routes to prefix lists in a route table.
async fn routes(backend: &Backend, table: &str) -> usize {
    let found = backend.ec2.describe_route_tables().route_table_ids(table).send().await.expect("an answer");
    found.route_tables()[0].routes().iter().filter(|route| route.destination_prefix_list_id().is_some()).count()
}

async fn interfaces(backend: &Backend, id: &str) -> Vec<NetworkInterface> {
    let ids = backend.endpoint(id).await.and_then(|endpoint| endpoint.network_interface_ids).unwrap_or_default();
    if ids.is_empty() {
        return Vec::new();
    }
    let call = backend.ec2.describe_network_interfaces().set_network_interface_ids(Some(ids));
    call.send().await.expect("an answer").network_interfaces.unwrap_or_default()
}

fn gateway_call(backend: &Backend, landing: &Landing) -> Create {
    let call = backend.ec2.create_vpc_endpoint().vpc_id(&landing.vpc).service_name(service("s3"));
    call.vpc_endpoint_type(VpcEndpointType::Gateway)
}

/// Returns the call that creates an interface endpoint in the first subnet, without private DNS.
fn interface_call(backend: &Backend, landing: &Landing, group: &str, short_name: &str) -> Create {
    let call = backend.ec2.create_vpc_endpoint().vpc_id(&landing.vpc).service_name(service(short_name));
    let call = call.vpc_endpoint_type(VpcEndpointType::Interface).subnet_ids(&landing.subnets[0]);
    call.security_group_ids(group).private_dns_enabled(false)
}

/// Creates the S3 gateway endpoint, and returns its ID.
pub(crate) async fn create_gateway(backend: &Backend, landing: &Landing, report: &mut Report) -> String {
    let inbound_only = DnsOptionsSpecification::builder().private_dns_only_for_inbound_resolver_endpoint(true).build();
    let early = interface_call(backend, landing, "", "s3").set_security_group_ids(None).private_dns_enabled(true);
    try_invalid(backend, "S3 inbound-only without a gateway", early.dns_options(inbound_only), report).await;
    second_gateway(backend, landing, report).await;
    let created = gateway_call(backend, landing).route_table_ids(&landing.route_table).send().await.expect("a gateway");
    let created = created.vpc_endpoint().expect("a gateway");
    report.record("a new gateway endpoint", created.state().map(|state| state.as_str().to_lowercase()));
    report.record("private DNS of a gateway endpoint", created.private_dns_enabled());
    report.record("routes to the gateway endpoint", routes(backend, &landing.route_table).await);
    created.vpc_endpoint_id().expect("an id").to_owned()
}

/// Creates a gateway endpoint in the other route table, and tries to create a second one there.
async fn second_gateway(backend: &Backend, landing: &Landing, report: &mut Report) {
    let call = || gateway_call(backend, landing).route_table_ids(&landing.other_route_table);
    let first = call().send().await.expect("a gateway");
    try_invalid(backend, "a second gateway endpoint in a route table", call(), report).await;
    let first = first.vpc_endpoint().and_then(|first| first.vpc_endpoint_id()).expect("an id");
    report.call(
        "the first gateway endpoint is deleted",
        backend.ec2.delete_vpc_endpoints().vpc_endpoint_ids(first).send().await,
    );
    backend.wait();
}

/// Creates the endpoint of MGN, and returns its ID.
pub(crate) async fn create_interface(backend: &Backend, landing: &Landing, group: &str, report: &mut Report) -> String {
    let call = interface_call(backend, landing, group, "mgn").subnet_ids(&landing.subnets[1]).private_dns_enabled(true);
    let call = call.client_token("token-1").tag_specifications(tags("vpc-endpoint", &[("owner", "me")]));
    let created = call.clone().send().await.expect("an endpoint");
    let created = created.vpc_endpoint().expect("an endpoint");
    let id = created.vpc_endpoint_id().expect("an id").to_owned();
    report.record("a new endpoint", created.state().map(|state| state.as_str().to_lowercase()));

    let again = report.call("the same client token", call.clone().send().await);
    let same = again.as_ref().and_then(|created| created.vpc_endpoint()?.vpc_endpoint_id()) == Some(&id);
    report.record("the same client token gives the same endpoint", same);
    delete_if_created(backend, again.filter(|_| !same)).await;
    let other = call.clone().policy_document(r#"{"Statement":[]}"#);
    try_invalid(backend, "a client token with other parameters", other, report).await;
    backend.wait();

    let call = || interface_call(backend, landing, group, "ec2");
    let fixed = |subnet: &str, ip: &str| SubnetConfiguration::builder().subnet_id(subnet).ipv4(ip).build();
    let nowhere = "subnet-00000000000000000";
    let cases: Vec<(&'static str, Create)> = vec![
        ("private DNS twice for a service", interface_call(backend, landing, group, "mgn").private_dns_enabled(true)),
        (
            "a gateway endpoint of an interface-only service",
            gateway_call(backend, landing).service_name(service("mgn")),
        ),
        ("two subnets in one zone", call().subnet_ids(&landing.same_zone)),
        ("an unknown VPC for an endpoint", call().vpc_id("vpc-00000000000000000")),
        ("an unknown subnet for an endpoint", call().subnet_ids(nowhere)),
        ("an unknown group for an endpoint", call().security_group_ids("sg-00000000000000000")),
        (
            "an unknown route table for a gateway",
            gateway_call(backend, landing).route_table_ids("rtb-00000000000000000"),
        ),
        ("an unknown service", call().service_name(service("nonsense"))),
        ("a policy that is not JSON", call().policy_document("{")),
        ("a reserved tag key", call().tag_specifications(tags("vpc-endpoint", &[("aws:mine", "x")]))),
        ("route tables for an interface endpoint", call().route_table_ids(&landing.route_table)),
        (
            "a fixed address outside of the subnet",
            call().subnet_configurations(fixed(&landing.subnets[0], "10.99.0.1")),
        ),
        ("a dry run", call().dry_run(true)),
    ];
    for (what, call) in cases {
        try_invalid(backend, what, call, report).await;
    }
    fixed_address(backend, call().subnet_configurations(fixed(&landing.subnets[0], "10.20.1.77")), report).await;
    id
}

async fn fixed_address(backend: &Backend, call: Create, report: &mut Report) {
    let created = call.send().await.expect("an endpoint");
    let id = created.vpc_endpoint().and_then(|created| created.vpc_endpoint_id()).expect("an id");
    let interfaces = interfaces(backend, id).await;
    let is_assigned = interfaces.iter().any(|interface| interface.private_ip_address() == Some("10.20.1.77"));
    report.record("a fixed address is assigned", is_assigned);
    delete_if_created(backend, Some(created)).await;
}

/// Records the endpoint of MGN as Describe reports it.
pub(crate) async fn describe(backend: &Backend, landing: &Landing, mgn: &str, report: &mut Report) {
    let endpoint = backend.endpoint(mgn).await.expect("the endpoint");
    report.record("an endpoint after a while", endpoint.state().map(|state| state.as_str().to_lowercase()));
    report.record("subnets of an endpoint", endpoint.subnet_ids().len());
    report.record("groups of an endpoint", endpoint.groups().len());
    report.record("private DNS of an endpoint", endpoint.private_dns_enabled());
    report.record("address type of an endpoint", endpoint.ip_address_type().map(|kind| kind.as_str().to_owned()));
    let options = endpoint.dns_options().and_then(|options| options.dns_record_ip_type());
    report.record("DNS record type of an endpoint", options.map(|kind| kind.as_str().to_owned()));
    report.record("tags of an endpoint", endpoint.tags().len());
    let names: Vec<_> = endpoint.dns_entries().iter().filter_map(|entry| entry.dns_name()).collect();
    report.record("number of DNS names of an endpoint", names.len());
    report.record(
        "the service's own name is a DNS name of an endpoint",
        names.contains(&"mgn.ap-northeast-1.amazonaws.com"),
    );

    let found = interfaces(backend, mgn).await;
    report.record("network interfaces of an endpoint", found.len());
    let inside = |ip: &str| ip.starts_with("10.20.1.") || ip.starts_with("10.20.2.");
    let ips = found.iter().filter_map(|interface| interface.private_ip_address());
    report.record("network interfaces with an address in the subnets", ips.filter(|ip| inside(ip)).count());
    let first = found.first();
    report.record(
        "type of a network interface",
        first.and_then(|i| i.interface_type()).map(|kind| kind.as_str().to_owned()),
    );
    report.record("AWS manages a network interface", first.and_then(NetworkInterface::requester_managed));
    report.record(
        "status of a network interface",
        first.and_then(|i| i.status()).map(|status| status.as_str().to_owned()),
    );
    let group = endpoint.groups().first().and_then(|group| group.group_id());
    report.record(
        "a network interface has the security group",
        first.map(|i| i.groups().iter().any(|g| g.group_id() == group)),
    );

    let list = || backend.ec2.describe_vpc_endpoints();
    for (what, filter) in [
        ("endpoints by VPC", filter("vpc-id", &landing.vpc)),
        ("endpoints by service", filter("service-name", &service("mgn"))),
        ("endpoints by tag", filter("tag:owner", "me")),
        ("endpoints by type", filter("vpc-endpoint-type", "Gateway")),
        ("endpoints by state", filter("vpc-endpoint-state", "available")),
        ("endpoints by ID, as a filter", filter("vpc-endpoint-id", mgn)),
        ("endpoints by an unknown filter", filter("nonsense", "x")),
    ] {
        let found = list().filters(filter).send().await.map(|found| {
            let states = found.vpc_endpoints().iter().filter_map(|endpoint| endpoint.state());
            states.filter(|state| !state.as_str().eq_ignore_ascii_case("deleted")).count()
        });
        report.record(what, found.ok());
    }
    let page = list().max_results(1).send().await;
    report.record("endpoints on a page of one", page.map(|page| page.vpc_endpoints().len()).ok());
    report.call("an unknown endpoint", list().vpc_endpoint_ids("vpce-00000000000000000").send().await);
    report.call("a malformed endpoint", list().vpc_endpoint_ids("vpce-x").send().await);
    services(backend, report).await;
}

async fn services(backend: &Backend, report: &mut Report) {
    let list = || backend.ec2.describe_vpc_endpoint_services();
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
        report.record(what, types);
    }
    let by_filter = list().filters(filter("service-name", &service("mgn"))).send().await;
    report.record("services by name, as a filter", by_filter.map(|found| found.service_details().len()).ok());
    report.call("an unknown service is described", list().service_names(service("nonsense")).send().await);
}

/// Modifies the endpoint of MGN.
pub(crate) async fn modify(backend: &Backend, landing: &Landing, mgn: &str, report: &mut Report) {
    let modify = || backend.ec2.modify_vpc_endpoint().vpc_endpoint_id(mgn);
    report.call("a subnet is added", modify().add_subnet_ids(&landing.third).send().await);
    backend.wait();
    let endpoint = backend.endpoint(mgn).await.expect("the endpoint");
    report.record("subnets after one is added", endpoint.subnet_ids().len());
    report.record("network interfaces after a subnet is added", interfaces(backend, mgn).await.len());
    report.call("a subnet is removed", modify().remove_subnet_ids(&landing.third).send().await);
    backend.wait();
    report.record(
        "subnets after one is removed",
        backend.endpoint(mgn).await.map(|endpoint| endpoint.subnet_ids().len()),
    );
    report.call("private DNS is turned off", modify().private_dns_enabled(false).send().await);
    backend.wait();
    report.record(
        "private DNS after it is turned off",
        backend.endpoint(mgn).await.and_then(|endpoint| endpoint.private_dns_enabled()),
    );
    report.call("private DNS is turned on again", modify().private_dns_enabled(true).send().await);
    backend.wait();
    let policy = r#"{"Statement":[{"Effect":"Deny","Principal":"*","Action":"*","Resource":"*"}]}"#;
    report.call("a policy is set", modify().policy_document(policy).send().await);
    backend.wait();
    let denies = || async {
        let endpoint = backend.endpoint(mgn).await.expect("the endpoint");
        endpoint.policy_document().is_some_and(|policy| policy.contains("Deny"))
    };
    report.record("the policy denies after it is set", denies().await);
    report.call("the policy is reset", modify().reset_policy(true).send().await);
    backend.wait();
    report.record("the policy denies after it is reset", denies().await);
    let unknown = backend.ec2.modify_vpc_endpoint().vpc_endpoint_id("vpce-00000000000000000").private_dns_enabled(true);
    report.call("an unknown endpoint is modified", unknown.send().await);
}

/// Deletes the endpoints, and then the security group.
pub(crate) async fn delete(backend: &Backend, landing: &Landing, group: &str, ids: &[&str], report: &mut Report) {
    let delete = |ids: &[&str]| {
        let ids = ids.iter().map(|&id| id.to_owned()).collect();
        backend.ec2.delete_vpc_endpoints().set_vpc_endpoint_ids(Some(ids)).send()
    };
    let unknown = delete(&["vpce-00000000000000000"]).await.expect("an answer");
    let code = |item: &aws_sdk_ec2::types::UnsuccessfulItem| item.error()?.code().map(ToOwned::to_owned);
    report.record("an unknown endpoint is deleted", unknown.unsuccessful().iter().map(code).collect::<Vec<_>>());
    let answer = delete(ids).await.expect("an answer");
    report.record("endpoints that were not deleted", answer.unsuccessful().len());
    let state = backend.endpoint(ids[0]).await.and_then(|endpoint| endpoint.state);
    report.record("an endpoint that is being deleted", state.map(|state| state.as_str().to_lowercase()));
    report.record("routes to the gateway after its deletion", routes(backend, &landing.route_table).await);
    report.record("routes in the other route table", routes(backend, &landing.other_route_table).await);
    backend.wait();
    let gone = backend.ec2.describe_vpc_endpoints().vpc_endpoint_ids(ids[0]).send().await;
    report.call("a deleted endpoint is described", gone);
    let modify = backend.ec2.modify_vpc_endpoint().vpc_endpoint_id(ids[0]).private_dns_enabled(false);
    report.call("a deleted endpoint is modified", modify.send().await);
    report.call(
        "a security group that the resolver uses is deleted",
        backend.ec2.delete_security_group().group_id(group).send().await,
    );
}
