//! Each property on which a path of a migration depends is reported if it alone is wrong. `docs/checks.md` lists the
//! properties.

use std::collections::BTreeSet;

use crate::{
    api::{EndpointMode, EndpointSpec, EndpointType, MigrationNetworkSpec, NetworkOnPremisesSpec, Toggle},
    model::{
        mgn_buckets::{Buckets, COMPARED_ON},
        observed::{
            Endpoint, EndpointState, Observed, Peer, PrivateDns, Rule, Traffic,
            network_acl::{AclEntry, NetworkAcl, TCP},
            routes::{Route, RouteTarget},
        },
        ownership::Tags,
        policy::{Policy, needs},
        preflight::{self, checks::Check},
        settings::{ReplicationGroup, Resolver, Settings, endpoints::EndpointSource},
        slot::{EndpointKey, GroupRole, Service, Slot},
        testing::{Lab, endpoints, identity, settings, subnets, tokyo},
        tests::found::{findings, one},
    },
};

/// Disables endpoints in the settings.
fn without(settings: &mut Settings, keys: &[EndpointKey]) {
    let entries = keys.iter().map(|key| EndpointSpec {
        service: key.service.to_string(),
        type_: if *key == EndpointKey::S3_GATEWAY { EndpointType::Gateway } else { EndpointType::Interface },
        mode: Some(EndpointMode::Disabled),
        ..EndpointSpec::default()
    });
    let spec = MigrationNetworkSpec { endpoints: Some(entries.collect()), ..MigrationNetworkSpec::default() };
    settings.endpoints = endpoints(&spec);
}

fn staging_route(observed: &mut Observed, destination: &str, target: RouteTarget) {
    let table = observed.route_tables.iter_mut().find(|table| table.id == "rtb-s".into()).expect("it exists");
    table.routes.push(Route { destination: destination.parse().expect("a range"), target });
}

fn foreign_gateway(tables: &[&str]) -> Endpoint {
    let mut lab = Lab::built();
    let id = lab.observed.resources.live(&identity(), Slot::Endpoint(EndpointKey::S3_GATEWAY)).expect("it is built");
    let endpoint = lab.observed.resources.endpoints.remove(&id.as_str().into()).expect("it is listed");
    Endpoint { tags: Tags::new(), route_tables: tables.iter().map(|table| (*table).into()).collect(), ..endpoint }
}

#[test]
fn staging_needs_a_path_to_s3() {
    let closed = |change: fn(&mut Observed)| {
        move |settings: &mut Settings, observed: &mut Observed| {
            without(settings, &[EndpointKey::S3_GATEWAY]);
            change(observed);
        }
    };
    let words = "no route of the staging subnets subnet-s can lead to S3 ('s3.ap-northeast-1.amazonaws.com' and \
                 's3.dualstack.ap-northeast-1.amazonaws.com')";
    one(closed(|_| {}), Check::StagingReachesS3, words);
    one(
        closed(|observed| staging_route(observed, "0.0.0.0/0", RouteTarget::Blackhole)),
        Check::StagingReachesS3,
        words,
    );
    one(closed(|observed| staging_route(observed, "10.0.0.0/8", RouteTarget::Private)), Check::StagingReachesS3, words);
    let foreign_elsewhere = |observed: &mut Observed| {
        observed.resources.endpoints.insert("vpce-theirs".into(), foreign_gateway(&["rtb-main"]));
    };
    one(closed(foreign_elsewhere), Check::StagingReachesS3, words);

    for change in [
        |observed: &mut Observed| staging_route(observed, "0.0.0.0/0", RouteTarget::Internet),
        |observed: &mut Observed| staging_route(observed, "0.0.0.0/0", RouteTarget::Private),
        |observed: &mut Observed| staging_route(observed, "52.0.0.0/8", RouteTarget::Private),
        |observed: &mut Observed| {
            observed.route_tables.iter_mut().for_each(|table| table.has_prefix_list_routes = true);
        },
    ] {
        one(closed(change), Check::StagingS3PathKnown, "subnet-s have no S3 gateway endpoint");
    }
    let foreign = |observed: &mut Observed| {
        observed.resources.endpoints.insert("vpce-theirs".into(), foreign_gateway(&["rtb-s"]));
    };
    assert_eq!(findings(closed(foreign)), []);
    let own = |observed: &mut Observed| {
        let tags = identity().standing_tags(&Tags::new(), Slot::Endpoint(EndpointKey::S3_GATEWAY));
        let endpoint = Endpoint { tags, ..foreign_gateway(&["rtb-s"]) };
        observed.resources.endpoints.insert("vpce-own".into(), endpoint);
    };
    one(closed(own), Check::StagingReachesS3, words);
    let dying = |observed: &mut Observed| {
        let endpoint = Endpoint { state: EndpointState::Deleting, ..foreign_gateway(&["rtb-s"]) };
        observed.resources.endpoints.insert("vpce-theirs".into(), endpoint);
    };
    one(closed(dying), Check::StagingReachesS3, words);
}

#[test]
fn names_that_resolve_to_public_addresses_are_reported_with_what_is_lost() {
    let public = |service: Service| {
        move |settings: &mut Settings, _: &mut Observed| {
            let endpoint = settings.endpoints.get_mut(&EndpointKey::interface(service)).expect("it is standard");
            endpoint.private_dns = PrivateDns::Disabled;
        }
    };
    one(public(Service::Mgn), Check::NamesArePrivate, "the names of mgn resolve to public addresses");
    one(
        public(Service::Ec2),
        Check::NamesArePrivate,
        "replication servers do not authenticate, and create no snapshots",
    );
    one(public(Service::Ssm), Check::NamesArePrivate, "launched instances do not run post-launch actions");
    one(
        |settings, _| without(settings, &[EndpointKey::interface(Service::Mgn)]),
        Check::NamesArePrivate,
        "the names of mgn resolve to public addresses",
    );
    let disabled = [Service::Ssm, Service::SsmMessages, Service::Ec2Messages].map(EndpointKey::interface);
    assert_eq!(findings(|settings, _| without(settings, &disabled)), [], "post-launch actions are not wanted");
}

/// Lets the network have the endpoints of the connector, and its switch a value of its own.
fn connector(settings: &mut Settings, switch: Toggle) {
    let on_premises = Some(NetworkOnPremisesSpec { connector: Some(Toggle::Enabled) });
    settings.endpoints = endpoints(&MigrationNetworkSpec { on_premises, ..MigrationNetworkSpec::default() });
    settings.connector = switch;
}

#[test]
fn the_connector_needs_private_names_where_it_asks_the_resolver() {
    let public = |switch: Toggle, resolver: Option<Resolver>| {
        move |settings: &mut Settings, _: &mut Observed| {
            connector(settings, switch);
            let sts =
                settings.endpoints.get_mut(&EndpointKey::interface(Service::Sts)).expect("the connector needs it");
            sts.private_dns = PrivateDns::Disabled;
            settings.resolver = resolver.unwrap_or_else(|| settings.resolver.clone());
        }
    };
    one(public(Toggle::Enabled, None), Check::NamesArePrivate, "MGN connectors do not connect to source servers");
    assert_eq!(findings(public(Toggle::Disabled, None)), []);
    let with_hosts_files = findings(public(Toggle::Enabled, Some(Resolver::Disabled)));
    assert!(with_hosts_files.iter().all(|(check, _)| *check != Check::NamesArePrivate), "{with_hosts_files:?}");
}

#[test]
fn a_policy_that_denies_a_request_of_the_connector_is_reported_if_there_is_one() {
    let restricted = |switch: Toggle| {
        move |settings: &mut Settings, _: &mut Observed| {
            connector(settings, switch);
            let key = EndpointKey::interface(Service::SecretsManager);
            let endpoint = settings.endpoints.get_mut(&key).expect("the connector needs it");
            let EndpointSource::Managed { policy, .. } = &mut endpoint.source else { return };
            *policy = parsed(r#"{"Statement":[{"Effect":"Allow","Principal":"*","Action":"mgn:*","Resource":"*"}]}"#);
        }
    };
    let found = |switch| -> Vec<(Check, String)> {
        findings(restricted(switch)).into_iter().filter(|(check, _)| *check != Check::PoliciesApart).collect()
    };
    let [(Check::PoliciesAllow, message)] = &found(Toggle::Enabled)[..] else { panic!("{:?}", found(Toggle::Enabled)) };
    assert!(message.contains("secretsmanager:GetSecretValue"), "{message}");
    assert_eq!(found(Toggle::Disabled), []);
}

fn parsed(text: &str) -> Policy {
    Policy::parse(text).expect("a policy")
}

#[test]
fn a_policy_that_denies_a_request_of_a_migration_is_reported_with_action_and_bucket() {
    let set = |key: EndpointKey, text: &'static str| {
        move |settings: &mut Settings, _: &mut Observed| {
            let endpoint = settings.endpoints.get_mut(&key).expect("it is standard");
            let EndpointSource::Managed { policy, .. } = &mut endpoint.source else { return };
            *policy = parsed(text);
        }
    };
    let found = |key: EndpointKey, text: &'static str| -> Vec<(Check, String)> {
        let all = findings(set(key, text));
        all.into_iter().filter(|(check, _)| *check != Check::PoliciesApart).collect()
    };
    let without_al2023 = r#"{"Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":
        ["arn:aws:s3:::aws-*","arn:aws:s3:::amazon-ssm-*"]}]}"#;
    let [(Check::PoliciesAllow, message)] = &found(EndpointKey::S3_GATEWAY, without_al2023)[..] else { panic!() };
    assert_eq!(
        message,
        "the policy of `spec.endpoints[s3/Gateway]` does not allow s3:GetObject on \
         'al2023-repos-ap-northeast-1-de612dc2', which a migration needs; allow it, or ask its owner to"
    );
    let deny = r#"{"Statement":[{"Effect":"Deny","Principal":"*","Action":"*","Resource":"*"}]}"#;
    let [(Check::PoliciesAllow, message)] = &found(EndpointKey::interface(Service::Mgn), deny)[..] else { panic!() };
    assert!(message.contains("mgn:SendClientLogsForMgn") && message.contains("execute-api:Invoke"), "{message}");
    let org = r#"{"Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*",
        "Condition":{"StringEquals":{"aws:PrincipalOrgID":"o-1"}}}]}"#;
    let [(Check::PoliciesKnown, message)] = &found(EndpointKey::S3_GATEWAY, org)[..] else { panic!() };
    assert!(message.contains("only depending on 'aws:PrincipalOrgID'"), "{message}");
    assert_eq!(
        found(
            EndpointKey::interface(Service::Ec2),
            r#"{"Statement":[{"Effect":"Allow","Principal":"*","Action":"ec2:*","Resource":"*"}]}"#
        ),
        []
    );
}

#[test]
fn the_policy_of_an_existing_endpoint_is_evaluated() {
    let mut lab = Lab::built();
    let key = EndpointKey::S3_GATEWAY;
    let mut endpoint = foreign_gateway(&["rtb-main", "rtb-s"]);
    endpoint.policy = parsed(r#"{"Statement":[{"Effect":"Deny","Principal":"*","Action":"*","Resource":"*"}]}"#);
    lab.observed.resources.endpoints.retain(|_, endpoint| endpoint.key != Some(key));
    lab.observed.resources.endpoints.insert("vpce-theirs".into(), endpoint);
    lab.settings.endpoints.get_mut(&key).expect("it is standard").source =
        EndpointSource::Existing("vpce-theirs".into());
    let warnings = lab.warnings();
    let [one] = &warnings[..] else { panic!("{warnings:?}") };
    assert_eq!(one.check, Check::PoliciesAllow);
    assert!(one.message.contains("the policy of s3/Gateway endpoint vpce-theirs does not allow s3:GetObject"), "{one}");
}

#[test]
fn an_outdated_or_unproven_list_of_buckets_is_reported_where_a_policy_uses_it() {
    let restricted = |settings: &mut Settings| {
        let scope =
            needs::Scope { key: EndpointKey::S3_INTERFACE, region: "ap-northeast-1", buckets: &settings.buckets };
        let policy = needs::mgn_only(scope);
        let endpoint = settings.endpoints.get_mut(&EndpointKey::S3_INTERFACE).expect("it is standard");
        endpoint.source = EndpointSource::Managed { addresses: [].into(), policy };
    };
    let found = |change: &dyn Fn(&mut Settings), days: i64| -> Vec<String> {
        let mut settings = settings();
        change(&mut settings);
        let today = COMPARED_ON.saturating_add(jiff::Span::new().days(days));
        let placement = preflight::check(&identity(), &settings, None, &tokyo(), today).expect("no error");
        let of_list = placement.warnings.into_iter().filter(|warning| warning.check == Check::BucketsKnown);
        of_list.map(|warning| warning.message).collect()
    };
    assert_eq!(found(&restricted, 180), [""; 0]);
    let outdated = found(&restricted, 181);
    assert!(
        matches!(&outdated[..], [one] if one.contains("compared with AWS's documentation on 2026-11-29")),
        "{outdated:?}"
    );
    assert_eq!(found(&|_| {}, 1000), [""; 0], "no policy names a bucket");
    let of_class = |settings: &mut Settings| {
        restricted(settings);
        settings.buckets = Buckets::new("ap-northeast-1", Some(&settings.buckets.required.clone()), true);
    };
    assert_eq!(found(&of_class, 1000), [""; 0], "the class names the buckets");
    let elsewhere = |settings: &mut Settings| {
        restricted(settings);
        settings.region = "ca-west-1".to_owned();
    };
    let unproven = found(&elsewhere, 0);
    assert!(
        matches!(&unproven[..], [one] if one.contains("does not document the names of MGN's S3 buckets in ca-west-1")),
        "{unproven:?}"
    );
}

/// A network ACL that admits everything but one thing.
fn acl_without(subnet: &str, egress: bool, range: &str, ports: (u16, u16)) -> Vec<NetworkAcl> {
    let entry = |number, egress, allow, range: &str, ports| AclEntry {
        number,
        egress,
        allow,
        protocol: if allow { None } else { Some(TCP) },
        range: range.parse().expect("a range"),
        ports,
    };
    let entries = vec![
        entry(1, egress, false, range, Some(ports)),
        entry(100, true, true, "0.0.0.0/0", None),
        entry(100, false, true, "0.0.0.0/0", None),
    ];
    vec![NetworkAcl { id: "acl-s".into(), subnets: subnets(&[subnet]), entries }]
}

#[test]
fn network_acls_inside_the_vpc_are_checked() {
    let s3: BTreeSet<_> = ["3.5.152.0/21", "52.219.0.0/20"].map(|range| range.parse().expect("a range")).into();
    let with = |acls: Vec<NetworkAcl>| {
        let s3 = s3.clone();
        move |_: &mut Settings, observed: &mut Observed| {
            observed.surroundings.network_acls = Some(acls);
            observed.s3_ranges = Some(s3);
        }
    };
    // One of two endpoint subnets.
    let part = acl_without("subnet-s", true, "10.20.1.0/24", (443, 443));
    one(with(part), Check::AclsOpen, "acl-s of subnet subnet-s drops all or some of: TCP 443 to 10.20.1.0/24");
    let answers = acl_without("subnet-a", true, "10.20.11.0/24", (2000, 2100));
    one(
        with(answers),
        Check::AclsOpen,
        "acl-s of subnet subnet-a drops all or some of: TCP 1024-65535 to 10.20.11.0/24",
    );
    let launch = acl_without("subnet-l", true, "10.20.0.0/16", (443, 443));
    one(with(launch), Check::AclsOpen, "acl-s of subnet subnet-l drops");
    let to_s3 = acl_without("subnet-s", true, "52.219.0.0/20", (443, 443));
    one(with(to_s3), Check::AclsOpen, "TCP 443 to 52.219.0.0/20");
    let all = acl_without("subnet-s", true, "10.20.0.0/16", (443, 443));
    one(with(all), Check::AclsPassable, "let replication servers reach the endpoints from no staging subnet");
    let no_s3 = acl_without("subnet-s", false, "0.0.0.0/0", (1024, 65535));
    let found = findings(with(no_s3));
    assert!(
        found.iter().any(|(check, message)| *check == Check::AclsPassable && message.contains("reach S3")),
        "{found:#?}"
    );
}

#[test]
fn the_group_of_replication_servers_must_admit_egress() {
    let mut lab = Lab::new();
    lab.settings.replication = ReplicationGroup::Managed;
    lab.run();
    let id = lab.observed.resources.group(&identity(), GroupRole::Replication).expect("it is built");
    let egress = |lab: &mut Lab, rules: &[(&str, (u16, u16))]| {
        let group = lab.observed.resources.groups.get_mut(&id).expect("it is listed");
        group.egress = rules
            .iter()
            .map(|(peer, ports)| Rule {
                id: None,
                permission: None,
                traffic: Traffic {
                    protocol: None,
                    ports: *ports,
                    peer: match *peer {
                        list if list.starts_with("pl-") => Peer::PrefixList(list.into()),
                        group if group.starts_with("sg-") => Peer::Group(group.to_owned()),
                        range => Peer::Range(range.parse().expect("a range")),
                    },
                },
                description: String::new(),
                text: String::new(),
            })
            .collect();
        let placed = crate::model::testing::place(&lab.settings, &lab.observed);
        placed.map_or_else(|findings| findings, |placement| placement.warnings)
    };
    let all = (0, u16::MAX);
    assert_eq!(egress(&mut lab, &[("0.0.0.0/0", all)]), []);
    assert_eq!(egress(&mut lab, &[("10.20.0.0/16", (443, 443))]), [], "the ranges of S3 are not known");
    lab.observed.s3_ranges = Some(BTreeSet::from(["52.219.0.0/20".parse().expect("a range")]));
    let closed = |found: &[preflight::checks::Finding], words: &str| {
        assert!(
            matches!(found, [one] if one.check == Check::ReplicationEgress && one.message.contains(words)),
            "{found:#?}"
        );
    };
    closed(&egress(&mut lab, &[("10.20.0.0/16", (443, 443))]), "tcp 443 to 52.219.0.0/20");
    closed(&egress(&mut lab, &[]), "tcp 443 to 10.20.1.0/24, tcp 443 to 10.20.2.0/24, tcp 443 to 52.219.0.0/20");
    lab.observed.prefix_lists = [("pl-s3".into(), BTreeSet::from(["52.219.0.0/20".parse().expect("a range")]))].into();
    assert_eq!(egress(&mut lab, &[("10.20.0.0/16", (443, 443)), ("pl-s3", (443, 443))]), []);
    let unknown = egress(&mut lab, &[("sg-endpoints", all), ("pl-s3", all)]);
    assert!(
        matches!(&unknown[..], [one] if one.check == Check::AdmissionKnown && one.message.contains("sg-endpoints")),
        "{unknown:#?}"
    );
    lab.observed.surroundings.dns_servers = Some(vec!["10.1.0.53".to_owned()]);
    let found = egress(&mut lab, &[("10.20.0.0/16", (443, 443)), ("pl-s3", (443, 443))]);
    let dns = |one: &&preflight::checks::Finding| one.check == Check::ReplicationEgress;
    let missing = found.iter().find(dns).expect("DNS is missing");
    assert!(missing.message.contains("tcp 53 to 10.1.0.53/32, udp 53 to 10.1.0.53/32"), "{missing}");
}

#[test]
fn few_free_addresses_for_servers_are_reported_without_their_number() {
    let free = |subnet: &'static str, count: u32| {
        move |_: &mut Settings, observed: &mut Observed| {
            observed.subnets.get_mut(&subnet.into()).expect("it exists").available_addresses = count;
        }
    };
    assert_eq!(findings(free("subnet-s", 11)), []);
    one(free("subnet-s", 10), Check::ServersHaveAddresses, "the staging subnets subnet-s together have fewer than 11");
    one(free("subnet-l", 0), Check::ServersHaveAddresses, "the launch subnets subnet-l together have fewer than 11");
    assert_eq!(findings(free("subnet-s", 10)), findings(free("subnet-s", 3)), "the message is stable");
}
