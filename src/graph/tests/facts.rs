//! Each fact of an object is in its picture once.

use std::collections::{BTreeMap, BTreeSet};

use super::{CREATING, EXISTING, PLANNED, REFUSED, TOKYO, failed, read, readers};
use crate::{
    api::{
        AddressSpec, EndpointMode, EndpointSpec, EndpointType, MigrationNetwork, MigrationNetworkSpec, ResolverMode,
        ResolverSpec, RulePurpose, SkippedService, Toggle,
    },
    graph::{
        Format, draw,
        picture::{Connection, Picture, SiteRole, Target},
        state::State,
    },
};

/// Returns the IDs and addresses in status that a picture has to show.
fn facts(network: &MigrationNetwork) -> Vec<String> {
    let status = network.status.as_ref().expect("it has a status");
    let settings = status.settings.as_ref().and_then(|settings| settings.subnets.as_ref()).expect("settings");
    let subnets = settings.endpoints.iter().chain(&settings.staging).chain(&settings.launch).cloned();
    let mut facts: Vec<String> = subnets.chain(status.vpc_id.clone()).collect();
    for endpoint in &status.endpoints {
        facts.extend(endpoint.id.clone());
        facts.extend(endpoint.route_table_ids.iter().cloned());
        facts.extend(endpoint.network_interfaces.iter().filter_map(|one| one.ip.clone()));
    }
    if let Some(resolver) = &status.resolver {
        facts.extend(resolver.id.clone());
        facts.extend(resolver.ip_addresses.iter().filter_map(|one| one.ip.clone()));
    }
    facts.extend(status.security_groups.iter().map(|group| group.id.clone()));
    if let Some(hand_off) = &status.on_premises {
        facts.push(hand_off.revision.clone());
        let ranges: BTreeSet<&String> = hand_off.firewall_rules.iter().flat_map(|rule| &rule.subnets).collect();
        facts.extend(ranges.into_iter().cloned());
    }
    facts
}

fn occurrences(text: &str, word: &str) -> usize {
    let is_part = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric() || c == '.');
    let found = text.match_indices(word).filter(|(at, _)| {
        !is_part(text[..*at].chars().next_back()) && !is_part(text[at + word.len()..].chars().next())
    });
    found.count()
}

#[test]
fn each_fact_is_drawn_once() {
    for network in [read(TOKYO), read(CREATING), failed(), read(REFUSED), read(PLANNED), read(EXISTING)] {
        let shown = readers::texts(&readers::scene(&network)).join("\n");
        let flowchart = draw(&network, Format::Mermaid);
        let facts = facts(&network);
        assert!(facts.len() > 4, "{facts:?}");
        for fact in facts {
            assert_eq!(occurrences(&shown, &fact), 1, "{fact} in {shown}");
            assert_eq!(occurrences(&flowchart, &fact), 1, "{fact} in {flowchart}");
        }
    }
}

fn states(network: &MigrationNetwork) -> BTreeMap<String, State> {
    let picture = Picture::of(network);
    let rows = picture.rows.iter().map(|row| (row.name().to_owned(), row.health.state));
    rows.chain([("gateway".to_owned(), picture.gateway.health.state)]).collect()
}

#[test]
fn every_state_is_in_both_formats_as_a_word() {
    for (network, state) in [
        (read(TOKYO), State::Ready),
        (read(CREATING), State::InProgress),
        (failed(), State::Failed),
        (read(REFUSED), State::Failed),
        (read(PLANNED), State::Planned),
    ] {
        let drawn = states(&network).into_values().filter(|one| *one == state).count();
        assert!(drawn > 0, "{state:?}");
        let texts = readers::texts(&readers::scene(&network));
        // The legend has the word once more.
        assert!(texts.iter().filter(|text| *text == state.word()).count() > drawn, "{state:?}: {texts:?}");
        let flowchart = draw(&network, Format::Mermaid);
        assert!(flowchart.matches(&format!(":::{}", state.class())).count() >= drawn, "{state:?}: {flowchart}");
    }
    assert!(states(&read(TOKYO)).into_values().all(|state| state == State::Ready));
}

fn connection(from: SiteRole, to: Target, ports: &str, is_planned: bool) -> Connection {
    Connection { from, to, ports: ports.to_owned(), is_planned }
}

#[test]
fn connections_are_those_of_the_firewall_rules() {
    let expected = |is_planned| {
        [
            connection(SiteRole::DnsClients, Target::Row(0), "TCP, UDP 53", is_planned),
            connection(SiteRole::SourceServers, Target::Row(1), "TCP 443", is_planned),
            connection(SiteRole::SourceServers, Target::Row(2), "TCP 443", is_planned),
            connection(SiteRole::SourceServers, Target::Staging, "TCP 1500", is_planned),
        ]
    };
    assert_eq!(Picture::of(&read(TOKYO)).connections, expected(false));
    assert_eq!(Picture::of(&read(PLANNED)).connections, expected(true));

    let mut network = read(TOKYO);
    let status = network.status.as_mut().expect("a status");
    status.settings.as_mut().expect("settings").proxy_cidrs.push("10.9.0.0/24".to_owned());
    let rules = &mut status.on_premises.as_mut().expect("a hand-off").firewall_rules;
    let mut proxies = rules.iter().find(|rule| rule.id == "mgn-https").expect("a rule").clone();
    proxies.id = "mgn-https-proxies".to_owned();
    rules.push(proxies);
    let drawn = Picture::of(&network).connections;
    assert_eq!(drawn.last(), Some(&connection(SiteRole::Proxies, Target::Row(1), "TCP 443", false)));
    assert_eq!(drawn.len(), 5);
}

#[test]
fn the_services_of_the_connector_are_rows_with_connections() {
    let mut network = read(TOKYO);
    let status = network.status.as_mut().expect("a status");
    status.settings.as_mut().expect("settings").connector = Some(Toggle::Enabled);
    let rules = &mut status.on_premises.as_mut().expect("a hand-off").firewall_rules;
    let mut rule = rules.iter().find(|rule| rule.id == "mgn-https").expect("a rule").clone();
    (rule.id, rule.purpose) = ("sts-https".to_owned(), RulePurpose::Connector);
    rules.push(rule);
    let Picture { rows, connections, .. } = Picture::of(&network);
    let sts = rows.iter().position(|row| row.name() == "sts").expect("it is listed");
    assert!(connections.contains(&connection(SiteRole::SourceServers, Target::Row(sts), "TCP 443", false)));
    assert!(rows.iter().any(|row| row.name() == "secretsmanager"));
}

#[test]
fn without_a_hand_off_no_port_is_invented() {
    let mut network = read(TOKYO);
    network.status.as_mut().expect("a status").on_premises = None;
    let picture = Picture::of(&network);
    let unknown = connection(SiteRole::SourceServers, Target::Network, "not known yet", true);
    assert_eq!(picture.connections, [unknown]);
    assert_eq!(picture.work, None);
    // Ranges are known from the hand-off only.
    assert!(picture.columns.iter().chain(&picture.places[0].subnets).all(|subnet| subnet.range.is_none()));
    assert!(picture.columns.iter().all(|subnet| subnet.zone.is_some()));
}

#[test]
fn the_range_of_a_subnet_is_the_one_that_contains_its_addresses() {
    let picture = Picture::of(&read(TOKYO));
    for subnet in &picture.columns {
        let range: ipnet::Ipv4Net = subnet.range.as_ref().expect("it is known").parse().expect("a range");
        let addresses = picture.rows.iter().filter_map(|row| row.addresses.get(&subnet.id)).flatten();
        let mut ips = addresses.filter_map(|one| one.ip.as_ref());
        assert!(ips.all(|ip| range.contains(&ip.parse::<std::net::Ipv4Addr>().expect("an address"))));
    }
    assert_eq!(picture.places[0].subnets[0].range.as_deref(), Some("10.20.11.0/24"));

    let mut network = read(TOKYO);
    let settings = network.status.as_mut().and_then(|status| status.settings.as_mut()).expect("settings");
    settings.subnets.as_mut().expect("subnets").staging.push("subnet-second".to_owned());
    let [staging, _] = Picture::of(&network).places;
    assert!(staging.subnets.iter().all(|subnet| subnet.range.is_none()), "it is not known whose range it is");
    assert_eq!(staging.ranges, ["10.20.11.0/24"]);
}

#[test]
fn an_address_in_a_subnet_that_is_no_longer_used_has_a_column_of_its_own() {
    let mut network = read(TOKYO);
    let settings = network.status.as_mut().and_then(|status| status.settings.as_mut()).expect("settings");
    let endpoints = &mut settings.subnets.as_mut().expect("subnets").endpoints;
    *endpoints = vec![endpoints[0].clone(), "subnet-new".to_owned()];
    let columns = Picture::of(&network).columns;
    assert_eq!(columns.iter().map(|subnet| subnet.is_selected).collect::<Vec<_>>(), [true, true, false]);
    let shown = readers::texts(&readers::scene(&network));
    // The seven resources have no address in the new subnet, but one in each of the two others.
    assert_eq!(shown.iter().filter(|text| *text == "no address yet").count(), 7);
    assert_eq!(shown.iter().filter(|text| text.starts_with("10.20.") && !text.contains('/')).count(), 14);
}

fn endpoint(service: &str, mode: EndpointMode) -> EndpointSpec {
    EndpointSpec {
        service: service.to_owned(),
        type_: EndpointType::Interface,
        mode: Some(mode),
        endpoint_id: (mode == EndpointMode::Existing).then(|| "vpce-of-others".to_owned()),
        ..EndpointSpec::default()
    }
}

#[test]
fn parts_that_the_network_does_not_have_are_absent_for_a_reason() {
    let mut network = read(TOKYO);
    let status = network.status.as_mut().expect("a status");
    status.endpoints.retain(|one| !["ec2", "ssm", "ssmmessages"].contains(&one.service.as_str()));
    let reason = "the Region does not offer it".to_owned();
    status.skipped_services.push(SkippedService { service: "ssm".to_owned(), reason });
    status.resolver = None;
    status.settings.as_mut().expect("settings").resolver = Some(ResolverMode::Disabled);
    network.spec.endpoints = Some(vec![endpoint("ec2", EndpointMode::Disabled)]);
    let picture = Picture::of(&network);
    let reason = |name: &str| {
        let row = picture.rows.iter().find(|row| row.name() == name).expect("it is listed");
        (row.health.state, row.health.detail.as_str(), row.addresses.len())
    };
    assert_eq!(reason("ssm"), (State::Absent, "the Region does not offer it", 0));
    assert_eq!(reason("ec2"), (State::Absent, "disabled in the spec", 0));
    assert_eq!(reason("ssmmessages"), (State::Absent, "disabled by the class", 0));
    assert_eq!(reason("Route 53 Resolver"), (State::Absent, "hosts files instead", 0));
    assert!(picture.sites.iter().all(|site| site.role != SiteRole::DnsClients));
}

#[test]
fn what_only_the_spec_names_is_planned() {
    let mut network = MigrationNetwork::new("osaka", MigrationNetworkSpec::default());
    network.spec.endpoints =
        Some(vec![endpoint("kms", EndpointMode::Managed), endpoint("mgn", EndpointMode::Existing)]);
    let fixed = AddressSpec { subnet_id: "subnet-a".to_owned(), ip: "10.20.1.53".to_owned() };
    network.spec.resolver = Some(ResolverSpec { addresses: Some(vec![fixed]), ..ResolverSpec::default() });
    let picture = Picture::of(&network);
    assert!(picture.rows.iter().all(|row| row.health.state == State::Planned), "{:?}", picture.rows);
    assert_eq!(picture.rows.len(), 8);
    assert_eq!(picture.rows[1].id.as_deref(), Some("vpce-of-others"));
    assert_eq!(picture.columns[0].id.as_deref(), Some("subnet-a"));
    let fixed = picture.rows[0].addresses[&Some("subnet-a".to_owned())][0].clone();
    assert_eq!((fixed.ip.as_deref(), fixed.health.state), (Some("10.20.1.53"), State::Planned));
    let shown = readers::texts(&readers::scene(&network));
    assert!(shown.iter().any(|text| text == "not selected yet"), "{shown:?}");
}
