//! Networks of many sizes: 1 to 6 subnets for each use, none to 24 further endpoints, and the extremes of the other lists.

use super::{TOKYO, failed, read};
use crate::api::{
    EndpointStatus, EndpointType, FirewallRule, GroupRole, MigrationNetwork, MigrationNetworkSpec,
    NetworkInterfaceStatus, Origin, ResolverAddressStatus, RuleProtocol, RulePurpose, SecurityGroupStatus,
};

/// The numbers of things in a network.
#[derive(Clone, Copy, Debug)]
struct Size {
    endpoints: usize,
    staging: usize,
    launch: usize,
    further: usize,
    ranges: usize,
    addresses: usize,
    groups: usize,
    route_tables: usize,
}

const SMALL: Size =
    Size { endpoints: 1, staging: 1, launch: 0, further: 0, ranges: 1, addresses: 1, groups: 0, route_tables: 0 };
const LARGE: Size =
    Size { endpoints: 6, staging: 6, launch: 6, further: 24, ranges: 64, addresses: 5, groups: 8, route_tables: 40 };

/// Returns networks, each with its size.
pub(super) fn generated() -> Vec<(String, MigrationNetwork)> {
    let mut sizes = vec![SMALL, LARGE];
    for count in 1..=6 {
        sizes.push(Size { endpoints: count, staging: 7 - count, launch: (count * 5) % 7, further: count, ..SMALL });
        sizes.push(Size { endpoints: count, ranges: 64, ..LARGE });
        sizes.push(Size { staging: count, launch: 0, route_tables: count, groups: count, ..LARGE });
        sizes.push(Size { endpoints: 2, further: count * 4, ranges: 7 + count, addresses: count, ..SMALL });
    }
    let networks = sizes.into_iter().map(|size| (format!("{size:?}"), network(size)));
    let new = MigrationNetwork::new("new", MigrationNetworkSpec::default());
    networks.chain([("failed".to_owned(), failed()), ("new".to_owned(), new)]).collect()
}

fn ids(kind: &str, count: usize) -> Vec<String> {
    (0..count).map(|number| format!("subnet-{kind}{number:015}")).collect()
}

fn network(size: Size) -> MigrationNetwork {
    let mut network = read(TOKYO);
    let status = network.status.as_mut().expect("a status");
    let settings = status.settings.as_mut().expect("settings");
    let subnets = settings.subnets.as_mut().expect("subnets");
    subnets.endpoints = ids("ee", size.endpoints);
    subnets.staging = ids("ab", size.staging);
    subnets.launch = ids("cd", size.launch);
    let columns = subnets.endpoints.clone();
    settings.source_cidrs = (0..size.ranges).map(|number| format!("192.168.{number}.128/25")).collect();
    settings.client_cidrs.clone_from(&settings.source_cidrs);
    settings.proxy_cidrs = (0..size.ranges.min(16)).map(|number| format!("172.16.{number}.0/24")).collect();
    let rules = &mut status.on_premises.as_mut().expect("a hand-off").firewall_rules;
    rules.extend(rules_of_proxies(&settings.proxy_cidrs));
    status.endpoints.extend((0..size.further).map(further));
    for (number, one) in status.endpoints.iter_mut().enumerate() {
        match one.type_ {
            EndpointType::Interface => one.network_interfaces = interfaces(&columns, number),
            EndpointType::Gateway => {
                one.route_table_ids = (0..size.route_tables).map(|number| format!("rtb-{number:017x}")).collect();
            }
        }
    }
    let resolver = status.resolver.as_mut().expect("a resolver");
    resolver.ip_addresses = (0..size.addresses).map(|number| resolver_address(&columns, number)).collect();
    status.security_groups = (0..size.groups).map(group).collect();
    network
}

fn interfaces(subnets: &[String], number: usize) -> Vec<NetworkInterfaceStatus> {
    let interface = |(index, subnet): (usize, &String)| NetworkInterfaceStatus {
        id: format!("eni-{number:08}{index:09}"),
        subnet_id: Some(subnet.clone()),
        availability_zone_id: Some(format!("apne1-az{index}")),
        ip: (number % 5 != 4).then(|| format!("10.120.{}.{}", 100 + index, 100 + number)),
    };
    subnets.iter().enumerate().map(interface).collect()
}

fn further(number: usize) -> EndpointStatus {
    let long = "a-service-with.an-unusually-long-name.of-the-field".to_owned();
    EndpointStatus {
        service: if number == 3 { long } else { format!("service-{number}") },
        type_: EndpointType::Interface,
        id: Some(format!("vpce-{number:017x}")),
        state: Some(["Available", "Pending", "failed", "Deleted"][number % 4].to_owned()),
        origin: Some([Origin::Created, Origin::Adopted, Origin::Existing][number % 3]),
        ..EndpointStatus::default()
    }
}

fn resolver_address(subnets: &[String], number: usize) -> ResolverAddressStatus {
    ResolverAddressStatus {
        id: format!("rni-{number}"),
        subnet_id: subnets.first().cloned(),
        ip: Some(format!("10.120.100.{}", 10 + number)),
        state: Some(["ATTACHED", "CREATING", "FAILED_CREATION"][number % 3].to_owned()),
    }
}

fn group(number: usize) -> SecurityGroupStatus {
    SecurityGroupStatus {
        role: GroupRole::ALL[number % 3],
        id: format!("sg-{number:017x}"),
        name: None,
        origin: Some(Origin::Existing),
        foreign_rules: vec!["tcp 22 from 10.0.0.0/8".to_owned(); number],
    }
}

/// Returns rules with a port of their own, so that both connections to an endpoint have a text.
fn rules_of_proxies(sources: &[String]) -> Vec<FirewallRule> {
    let rules = [
        ("mgn-https-proxies", RulePurpose::Mgn),
        ("s3-https-proxies", RulePurpose::S3),
        ("ssm-https", RulePurpose::Connector),
        ("ec2messages-https-proxies", RulePurpose::Connector),
    ];
    let rule = |(id, purpose): (&str, RulePurpose)| FirewallRule {
        id: id.to_owned(),
        purpose,
        protocol: RuleProtocol::Tcp,
        port: 8443,
        sources: sources.to_vec(),
        addresses: Vec::new(),
        subnets: Vec::new(),
    };
    rules.map(rule).into()
}
