//! A world for every check in which its sentence alone is false. The examples in `docs/checks.md` are the messages that these
//! worlds lead to, with other IDs and numbers.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    api::{AdoptionPolicy, DeletionPolicy},
    model::{
        mgn_buckets::COMPARED_ON,
        observed::{
            Endpoint, Observed, Peer, PrivateDns, Rule, ServiceOffer, Traffic,
            network_acl::{AclEntry, NetworkAcl, TCP},
            routes::{Route, RouteTarget},
            surroundings::HostedZone,
        },
        ownership::{ADOPTED_TAG, CLUSTER_TAG, NETWORK_TAG, OWNER_TAG, RETAINED_TAG, SLOT_TAG, TRANSFER_TAG, Tags},
        policy::{Policy, needs},
        preflight::{
            self,
            checks::{Check, Finding},
        },
        settings::{ReplicationGroup, Resolver, Settings, SubnetSelector, endpoints::EndpointSource},
        slot::{EndpointKey, Service},
        testing::{Lab, identity, subnets},
        transfer::Transfer,
    },
};

const PAGE: &str = include_str!("../../../docs/checks.md");

const MGN: EndpointKey = EndpointKey::interface(Service::Mgn);

/// The findings of a world.
fn findings_of(lab: &Lab, pinned: Option<&str>, days: i64) -> Vec<Finding> {
    let today = COMPARED_ON.saturating_add(jiff::Span::new().days(days));
    let pinned = pinned.map(Into::into);
    match preflight::check(&identity(), &lab.settings, pinned.as_ref(), &lab.observed, today) {
        Ok(placement) => placement.warnings,
        Err(findings) => findings,
    }
}

fn subnet<'a>(observed: &'a mut Observed, id: &str) -> &'a mut crate::model::observed::Subnet {
    observed.subnets.get_mut(&id.into()).expect("the fixture has it")
}

/// An endpoint of another owner.
fn foreign(key: EndpointKey) -> Endpoint {
    let built = Lab::built().observed.resources.endpoints;
    let endpoint = built.into_values().find(|endpoint| endpoint.key == Some(key)).expect("it is standard");
    Endpoint { tags: Tags::new(), ..endpoint }
}

fn set_policy(settings: &mut Settings, key: EndpointKey, text: &str) {
    let policy = Policy::parse(text).expect("a policy");
    let source = &mut settings.endpoints.get_mut(&key).expect("it is standard").source;
    *source = EndpointSource::Managed { addresses: BTreeMap::new(), policy };
}

/// A network ACL that admits everything but TCP 443 in one direction, from or to a range.
fn acl(subnet: &str, egress: bool, range: &str) -> NetworkAcl {
    let entry = |number, egress, allow, range: &str, ports| AclEntry {
        number,
        egress,
        allow,
        protocol: Some(TCP).filter(|_| !allow),
        range: range.parse().expect("a range"),
        ports,
    };
    let all = "0.0.0.0/0";
    let entries = vec![
        entry(1, egress, false, range, Some((443, 443))),
        entry(100, true, true, all, None),
        entry(100, false, true, all, None),
    ];
    NetworkAcl { id: "acl-1".into(), subnets: subnets(&[subnet]), entries }
}

fn rule(peer: Peer) -> Rule {
    Rule {
        id: None,
        permission: None,
        traffic: Traffic { protocol: None, ports: (0, u16::MAX), peer },
        description: String::new(),
        text: String::new(),
    }
}

/// Makes the sentence of the check false in a world where all others are true, and returns the findings.
#[allow(clippy::too_many_lines, reason = "a list")]
fn broken(check: Check) -> Vec<Finding> {
    let mut lab = Lab::new();
    let (mut pinned, mut days) = (None, 0);
    let Lab { settings, observed, .. } = &mut lab;
    match check {
        Check::VpcFound => observed.vpcs.clear(),
        Check::VpcIsOne => {
            let another = crate::model::observed::Vpc { id: "vpc-2".into(), ..observed.vpcs[0].clone() };
            observed.vpcs.push(another);
        }
        Check::VpcIsTheSame => pinned = Some("vpc-9"),
        Check::SubnetsFound => {
            for subnet in observed.subnets.values_mut().filter(|one| one.tags.values().any(|role| role == "staging")) {
                subnet.tags.clear();
            }
        }
        Check::SubnetsInVpc => {
            settings.endpoint_subnets = SubnetSelector::Ids(subnets(&["subnet-x"]));
            observed.subnets_elsewhere = [("subnet-x".into(), "vpc-2".into())].into();
        }
        Check::DnsAttributes => observed.vpcs[0].dns_hostnames = false,
        Check::OneSubnetAZone => {
            settings.endpoint_subnets = SubnetSelector::Ids(subnets(&["subnet-a", "subnet-a2", "subnet-c"]));
        }
        Check::TwoZones => settings.endpoint_subnets = SubnetSelector::Ids(subnets(&["subnet-a"])),
        Check::ServicesOffered => {
            let offer = observed.services.get_mut(&MGN).expect("it is offered");
            offer.zones.retain(|zone| zone.as_str() != "az1");
        }
        Check::AddressesFree => subnet(observed, "subnet-a").available_addresses = 6,
        Check::SubnetsRouted => {
            settings.launch_subnets = None;
            observed.route_tables.iter_mut().for_each(|table| table.main = false);
            observed
                .route_tables
                .iter_mut()
                .for_each(|table| table.subnets.retain(|subnet| subnet.as_str() != "subnet-s"));
        }
        Check::PrivateDnsFree => drop(observed.resources.endpoints.insert("vpce-9".into(), foreign(MGN))),
        Check::HostedZonesApart => {
            observed.surroundings.hosted_zones = Some(vec![HostedZone {
                id: "Z0123456789".to_owned(),
                name: "mgn.ap-northeast-1.amazonaws.com".to_owned(),
                owner: "222233334444".to_owned(),
            }]);
        }
        Check::GatewayRoutesFree => {
            let gateway = Endpoint { route_tables: ["rtb-s".into()].into(), ..foreign(EndpointKey::S3_GATEWAY) };
            observed.resources.endpoints.insert("vpce-9".into(), gateway);
        }
        Check::SourcesApart => {
            settings.sources = ["10.20.30.0/24".parse().expect("a range")].into();
        }
        Check::AmazonDns => observed.surroundings.dns_servers = Some(vec!["192.168.1.53".to_owned()]),
        Check::SubnetsOwned => subnet(observed, "subnet-a").shared_by = Some("222233334444".to_owned()),
        Check::ResolverTenancy => observed.vpcs[0].dedicated = true,
        Check::DefaultTenancy => {
            observed.vpcs[0].dedicated = true;
            settings.resolver = Resolver::Disabled;
        }
        Check::AclsPassable => {
            let closed = ["subnet-a", "subnet-c"].map(|subnet| acl(subnet, false, "192.168.0.0/16"));
            observed.surroundings.network_acls = Some(closed.into());
        }
        Check::AclsOpen => {
            observed.surroundings.network_acls = Some(vec![acl("subnet-a", false, "192.168.0.0/16")]);
        }
        Check::ReturnRoutes => observed.route_tables[0].routes.truncate(1),
        Check::ExistingFits => {
            let group = crate::model::observed::SecurityGroup::default();
            observed.resources.groups.insert("sg-9".into(), group);
            settings.endpoint_groups = Some(["sg-9".into()].into());
        }
        Check::FixedAddressesFree => {
            let address = |subnet: &str, ip: &str| (subnet.into(), ip.parse().expect("an address"));
            settings.resolver = Resolver::Managed {
                addresses: [address("subnet-a", "10.20.9.9"), address("subnet-c", "10.20.2.9")].into(),
            };
        }
        Check::AdoptionAdds | Check::AdoptedFits => return of_adoption(check),
        Check::PredecessorsGone => {
            settings.adoption = AdoptionPolicy::Retained;
            let tags = [
                (OWNER_TAG, "0a1b2c3d-0000-4000-8000-000000000002"),
                (NETWORK_TAG, "team-billing/tokyo"),
                (SLOT_TAG, "vpce/mgn/Interface"),
                (CLUSTER_TAG, "5f0c2f0e-7d3a-4a52-9c1b-2d6e8f901234"),
                (RETAINED_TAG, "true"),
                (TRANSFER_TAG, "cluster-1"),
            ];
            let tags = tags.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
            observed.resources.endpoints.insert("vpce-9".into(), Endpoint { tags, ..foreign(MGN) });
        }
        Check::TransferPossible => {
            let transfer = Transfer::parse(Some("green"), &identity().cluster);
            return preflight::transfer::check(&transfer, DeletionPolicy::Retain).into_iter().collect();
        }
        Check::PoliciesApart => {
            let text = r#"{"Statement":[{"Effect":"Allow","Principal":"*","Action":"ec2:*","Resource":"*"}]}"#;
            set_policy(settings, EndpointKey::interface(Service::Ec2), text);
        }
        Check::ServicesStillOffered => {
            lab.run();
            let offer: &mut ServiceOffer = lab.observed.services.get_mut(&MGN).expect("it is offered");
            offer.zones.retain(|zone| zone.as_str() != "az1");
        }
        Check::StagingReachesS3 => {
            settings.endpoints.remove(&EndpointKey::S3_GATEWAY);
        }
        Check::StagingS3PathKnown => {
            settings.endpoints.remove(&EndpointKey::S3_GATEWAY);
            let route = Route { destination: "0.0.0.0/0".parse().expect("a range"), target: RouteTarget::Private };
            observed.route_tables[1].routes.push(route);
        }
        Check::InterfaceEndpointQuota => {
            let other = Endpoint { key: None, ..foreign(MGN) };
            let ids = (0..45).map(|number| format!("vpce-{number}").as_str().into());
            observed.resources.endpoints.extend(ids.map(|id| (id, other.clone())));
        }
        Check::GatewayEndpointQuota => {
            let ids = (0..20).map(|number| format!("vpce-{number}").as_str().into());
            observed.surroundings.gateway_endpoints = Some(ids.collect());
        }
        Check::RuleQuota => {
            let ranges = (0..31).map(|third| format!("192.168.{third}.0/24").parse().expect("a range"));
            settings.sources = ranges.collect();
            settings.clients.clone_from(&settings.sources);
        }
        Check::ResolverEndpointQuota => {
            observed.resolvers_in_region = (0..4).map(|number| format!("rslvr-in-{number}").as_str().into()).collect();
        }
        Check::PoliciesAllow | Check::PoliciesKnown => {
            let condition = r#""Condition":{"StringEquals":{"aws:PrincipalOrgID":"o-1"}},"#;
            let condition = if check == Check::PoliciesKnown { condition } else { "" };
            let buckets =
                if check == Check::PoliciesKnown { r#""*""# } else { r#"["arn:aws:s3:::am*","arn:aws:s3:::aws-*"]"# };
            let text = format!(
                r#"{{"Statement":[{{"Effect":"Allow","Principal":"*",{condition}"Action":"s3:*","Resource":{buckets}}}]}}"#
            );
            // With private DNS, its policy affects no other clients.
            set_policy(settings, EndpointKey::S3_INTERFACE, &text);
        }
        Check::BucketsKnown => {
            let scope =
                needs::Scope { key: EndpointKey::S3_INTERFACE, region: &settings.region, buckets: &settings.buckets };
            let Policy::Document(text) = needs::mgn_only(scope) else { panic!("S3 is restricted") };
            set_policy(settings, EndpointKey::S3_INTERFACE, &text);
            days = 181;
        }
        Check::NamesArePrivate => {
            settings.endpoints.get_mut(&MGN).expect("it is standard").private_dns = PrivateDns::Disabled;
        }
        Check::AdmissionKnown => {
            let ranges = ["192.168.0.0/16"].map(|range| rule(Peer::Range(range.parse().expect("a range"))));
            let mut group = crate::model::observed::SecurityGroup { ingress: ranges.into(), ..Default::default() };
            group.ingress.push(rule(Peer::Group("sg-8".to_owned())));
            observed.resources.groups.insert("sg-9".into(), group);
            settings.endpoint_groups = Some(["sg-9".into()].into());
        }
        Check::ServersHaveAddresses => subnet(observed, "subnet-s").available_addresses = 10,
        Check::ReplicationEgress => {
            let ingress = vec![rule(Peer::Range("0.0.0.0/0".parse().expect("a range")))];
            let group = crate::model::observed::SecurityGroup { ingress, ..Default::default() };
            observed.resources.groups.insert("sg-9".into(), group);
            settings.replication = ReplicationGroup::Existing("sg-9".into());
        }
    }
    findings_of(&lab, pinned, days)
}

/// The findings about adoption, which need a plan.
fn of_adoption(check: Check) -> Vec<Finding> {
    let mut lab = if check == Check::AdoptionAdds { Lab::new() } else { Lab::built() };
    lab.settings.adoption = AdoptionPolicy::Any;
    if check == Check::AdoptionAdds {
        let gateway = Endpoint { route_tables: ["rtb-main".into()].into(), ..foreign(EndpointKey::S3_GATEWAY) };
        lab.observed.resources.endpoints.insert("vpce-9".into(), gateway);
    } else {
        let mgn = lab.observed.resources.endpoints.values_mut().find(|endpoint| endpoint.key == Some(MGN));
        let mgn = mgn.expect("it is built");
        mgn.private_dns = PrivateDns::Disabled;
        mgn.tags.insert(ADOPTED_TAG.to_owned(), "true".to_owned());
        lab.claims.settle(&identity(), &lab.observed.resources, &BTreeSet::new());
    }
    preflight::adoption::check(&lab.desired(), &lab.observed.resources, &lab.claims)
}

/// A message without IDs and numbers, and with each list of IDs as one.
fn in_general(message: &str) -> String {
    const KINDS: [&str; 9] = ["vpc", "subnet", "rtb", "acl", "sg", "vpce", "eni", "pl", "rslvr-in"];
    let plain = |word: &str| -> String {
        let bare = word.trim_matches(|c: char| !c.is_ascii_alphanumeric());
        let is_id = KINDS.iter().any(|kind| bare.strip_prefix(kind).is_some_and(|rest| rest.starts_with('-')));
        let is_zone = bare.starts_with("az") || bare.contains("-az") || bare.starts_with("ap-northeast-1");
        let is_number = bare.starts_with(|c: char| c.is_ascii_digit());
        let ends = || (word.split(bare).next().unwrap_or_default(), word.rsplit(bare).next().unwrap_or_default());
        match (is_id || is_zone || is_number, ends()) {
            (true, (before, after)) => format!("{before}#{after}"),
            (false, _) => word.to_owned(),
        }
    };
    let words: Vec<String> = message.split_whitespace().map(plain).collect();
    let mut text = words.join(" ");
    while text.contains("#, #") {
        text = text.replace("#, #", "#");
    }
    text
}

#[test]
fn each_world_leads_to_its_finding_alone_and_the_page_shows_its_message() {
    let mut wrong = Vec::new();
    for check in Check::ALL {
        let findings = broken(*check);
        let own: Vec<&Finding> = findings.iter().filter(|finding| finding.check == *check).collect();
        // The default rules of a network exceed nothing, and a network without an interface endpoint has no names.
        let others: Vec<&Finding> = findings.iter().filter(|finding| finding.check != *check).collect();
        assert!(own.len() == 1 && others.is_empty(), "{check}: {findings:#?}");
        let example = PAGE.lines().find_map(|line| line.strip_prefix(&format!("{check}: "))).unwrap_or_default();
        if in_general(example) != in_general(&own[0].message) {
            wrong.push(format!("{check} shows\n  {example}\nthe product prints\n  {}", own[0].message));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
