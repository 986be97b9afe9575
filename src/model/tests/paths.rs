//! Path independence: the same spec leads to the same resources, whatever the network was before. Every value of every
//! field of the spec is followed by every other value (see `values`).

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use serde_json::{Value, json};

use crate::{
    api::{MigrationNetworkClassSpec, MigrationNetworkSpec},
    model::{
        ids::{EndpointId, SecurityGroupId},
        observed::{Peer, PrivateDns, ServiceOffer},
        ownership::{EPOCH_TAG, Tags},
        settings::{
            Settings,
            endpoints::{ConfigMapKeys, policy_references},
        },
        slot::{EndpointKey, Service, Slot},
        testing::{Lab, identity, with_internet},
        tests::values::{ConfigMapText, Named, chains, values},
    },
};

/// Returns the Tokyo VPC with foreign resources that no network may adopt.
pub(super) fn world() -> Lab {
    let mut lab = Lab::built();
    lab.observed = with_internet(lab.observed);
    let theirs = Tags::from([("managed-by".to_owned(), "terraform".to_owned())]);
    let mgn = EndpointKey::interface(Service::Mgn);
    let resources = &mut lab.observed.resources;
    resources.endpoints.retain(|_, endpoint| endpoint.key == Some(mgn));
    let (_, mut endpoint) = resources.endpoints.pop_first().unwrap();
    endpoint.private_dns = PrivateDns::Disabled;
    endpoint.tags.clone_from(&theirs);
    endpoint.groups = BTreeSet::from(["sg-theirs".into()]);
    resources.endpoints.insert("vpce-theirs".into(), endpoint);
    let mut group = resources.groups.values().next().unwrap().clone();
    for rule in &mut group.ingress {
        rule.permission = None;
        rule.description = String::new();
        rule.traffic.protocol = None;
        rule.traffic.ports = (0, u16::MAX);
        rule.traffic.peer = Peer::Range("0.0.0.0/0".parse().unwrap());
    }
    group.name = "by hand".to_owned();
    group.tags.clone_from(&theirs);
    resources.groups = BTreeMap::from([("sg-theirs".into(), group)]);
    let (_, mut resolver) = resources.resolvers.pop_first().unwrap();
    resolver.tags = theirs;
    resolver.groups = BTreeSet::from(["sg-theirs".into()]);
    resources.resolvers = BTreeMap::from([("rslvr-in-theirs".into(), resolver)]);
    resources.interfaces.clear();
    let zones = lab.observed.services[&mgn].zones.clone();
    let kms = EndpointKey::interface(Service::named("kms").unwrap());
    lab.observed.services.insert(
        kms,
        ServiceOffer {
            name: "com.amazonaws.ap-northeast-1.kms".to_owned(),
            zones,
            private_dns_names: BTreeSet::from(["kms.ap-northeast-1.amazonaws.com".to_owned()]),
            has_gateway: false,
        },
    );
    lab.claims = crate::model::claims::Claims::default();
    lab
}

/// Returns the settings of a network with that spec and the simplest class.
pub(super) fn settings(more: &Value) -> Settings {
    let subnets = json!({
        "endpoints": { "ids": ["subnet-a", "subnet-c"] },
        "staging": { "ids": ["subnet-s"] },
        "launch": { "ids": ["subnet-l"] },
    });
    let spec: MigrationNetworkSpec = serde_json::from_value(more.clone()).unwrap();
    let class: MigrationNetworkClassSpec = serde_json::from_value(json!({
        "account": { "id": "111122223333" },
        "region": "ap-northeast-1",
        "defaults": { "vpc": { "id": "vpc-1" }, "subnets": subnets, "sourceCIDRs": ["192.168.10.0/24"] },
    }))
    .unwrap();
    let ConfigMapText { name, key, text } = values().config_map;
    let held: ConfigMapKeys = policy_references(&spec, &class)
        .into_iter()
        .inspect(|(of, at)| assert_eq!((of, at), (&name, &key)))
        .map(|reference| (reference, text.clone()))
        .collect();
    Settings::parse(&spec, &class, &held, BTreeSet::new()).unwrap()
}

/// Applies the settings to the network, with permission to change its addresses. Returns the steps as lines.
pub(super) fn apply(lab: &mut Lab, settings: Settings) -> Vec<String> {
    let tags_before: BTreeSet<String> = lab.settings.tags.keys().cloned().collect();
    lab.managed_tags.extend(tags_before);
    lab.settings = settings;
    let resources = &lab.observed.resources;
    let own =
        resources.slots(&identity()).into_iter().filter_map(|slot| Some((slot, resources.live(&identity(), slot)?)));
    lab.settings.address_changes = own.collect();
    let steps = lab.run();
    let plan = lab.plan();
    assert!(plan.is_done(), "{plan:#?}");
    steps
}

/// Returns the network's own resources as lines, without IDs and without addresses that AWS chose.
fn own(lab: &Lab) -> Vec<String> {
    let resources = &lab.observed.resources;
    let slot_of = |id: &SecurityGroupId| {
        let tags = resources.groups.get(id).map(|group| group.tags.clone()).unwrap_or_default();
        tags.get(crate::model::ownership::SLOT_TAG).cloned().unwrap_or_else(|| id.to_string())
    };
    let tags = |tags: &Tags| {
        tags.iter()
            .filter(|(key, _)| *key != EPOCH_TAG)
            .map(|(key, value)| format!("{key}={value}"))
            .collect::<Vec<_>>()
    };
    let fixed: Vec<(Slot, String)> =
        lab.settings.fixed_addresses().into_iter().map(|(slot, subnet, ip)| (slot, format!("{subnet} {ip}"))).collect();
    let mut lines = Vec::new();
    for slot in resources.slots(&identity()) {
        let id = resources.live(&identity(), slot).unwrap();
        lines.push(match slot {
            Slot::Group(_) => {
                let group = &resources.groups[&id.into()];
                let rules: BTreeSet<&str> = group.ingress.iter().map(|rule| rule.text.as_str()).collect();
                format!("{slot} {rules:?} {:?}", tags(&group.tags))
            }
            Slot::Endpoint(_) => {
                let endpoint = &resources.endpoints[&EndpointId::from(id)];
                let groups: BTreeSet<String> = endpoint.groups.iter().map(slot_of).collect();
                let addresses: BTreeSet<String> = endpoint
                    .interfaces
                    .iter()
                    .filter_map(|id| resources.interfaces.get(id))
                    .filter_map(|interface| Some(format!("{} {}", interface.subnet, interface.ip?)))
                    .filter(|at| fixed.contains(&(slot, at.clone())))
                    .collect();
                format!(
                    "{slot} {:?} {addresses:?} {groups:?} {:?} {:?} {:?} {:?}",
                    endpoint.subnets,
                    endpoint.route_tables,
                    endpoint.private_dns,
                    endpoint.policy,
                    tags(&endpoint.tags)
                )
            }
            Slot::Resolver => {
                let resolver = &resources.resolvers[&id.into()];
                let groups: BTreeSet<String> = resolver.groups.iter().map(slot_of).collect();
                let all = resolver.addresses.values();
                let addresses: Vec<String> = all
                    .map(|address| {
                        (
                            address.subnet.clone(),
                            format!("{} {}", address.subnet, address.ip.map(|ip| ip.to_string()).unwrap_or_default()),
                        )
                    })
                    .map(|(subnet, at)| if fixed.contains(&(slot, at.clone())) { at } else { subnet.to_string() })
                    .collect::<BTreeSet<_>>()
                    .into_iter()
                    .collect();
                format!("{slot} {} {addresses:?} {groups:?} {:?}", resolver.addresses.len(), tags(&resolver.tags))
            }
        });
    }
    lines
}

fn theirs(lab: &Lab) -> String {
    let resources = &lab.observed.resources;
    format!(
        "{:?} {:?} {:?}",
        resources.endpoints.get(&"vpce-theirs".into()),
        resources.groups.get(&"sg-theirs".into()),
        resources.resolvers.get(&"rslvr-in-theirs".into())
    )
}

#[test]
fn from_every_value_of_every_field_to_every_other() {
    let all = chains().into_iter().flat_map(|(_, values)| values).map(|value| value.spec);
    let mut specs: Vec<(Value, Settings)> = Vec::new();
    for spec in all {
        if specs.iter().all(|(other, _)| *other != spec) {
            let settings = settings(&spec);
            specs.push((spec, settings));
        }
    }
    let clean: Vec<Vec<String>> = specs
        .iter()
        .map(|(_, settings)| {
            let mut lab = world();
            apply(&mut lab, settings.clone());
            own(&lab)
        })
        .collect();
    let foreign = theirs(&world());
    for (from, settings) in &specs {
        let mut built = world();
        apply(&mut built, settings.clone());
        for ((to, settings), expected) in specs.iter().zip(&clean) {
            let mut lab = built.clone();
            apply(&mut lab, settings.clone());
            assert_eq!(own(&lab), *expected, "from {from} to {to}");
            assert_eq!(theirs(&lab), foreign, "from {from} to {to}: a foreign resource was changed");
        }
    }
    assert!(specs.len() > 40, "{} specs", specs.len());
}

/// Checks that the values lead to different resources where they should. Without a difference, a change from one value to
/// another would test nothing.
#[test]
fn values_lead_to_different_resources_unless_marked_as_alike() {
    for (chain, values) in chains() {
        let built: Vec<Vec<String>> = values
            .iter()
            .map(|value| {
                let mut lab = world();
                apply(&mut lab, settings(&value.spec));
                own(&lab)
            })
            .collect();
        for (one, held) in values.iter().zip(&built) {
            for (other, also_held) in values.iter().zip(&built) {
                let class = |value: &Named| value.like.clone().unwrap_or_else(|| value.name.clone());
                let same = class(one) == class(other);
                assert_eq!(held == also_held, same, "{chain}: '{}' and '{}'", one.name, other.name);
            }
        }
    }
}

/// Removes the numbers of IDs, which only count the resources created before.
fn without_numbers(text: &str) -> String {
    let mut rest = text;
    let mut out = String::new();
    while let Some(at) = rest.find(|c: char| c.is_ascii_digit()) {
        let (before, digits) = rest.split_at(at);
        out.push_str(before);
        let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
        let of_id = ["sg-", "sgr-", "vpce-", "rslvr-in-", "rni-"].iter().any(|prefix| before.ends_with(prefix));
        out.push_str(if of_id { "#" } else { &digits[..end] });
        rest = &digits[end..];
    }
    out + rest
}

/// Returns the lines that are only in the second list, and those that are only in the first.
fn difference(usual: &[String], lines: &[String]) -> Vec<String> {
    let only = |there: &[String], not: &[String], sign: &str| {
        let mut not = not.to_vec();
        let mut only = Vec::new();
        for line in there.iter().filter(|line| *line != "--") {
            match not.iter().position(|other| other == line) {
                Some(at) => drop(not.remove(at)),
                None => only.push(format!("{sign} {line}")),
            }
        }
        only
    };
    [only(lines, usual, "+"), only(usual, lines, "-")].concat()
}

/// The plans of each value of each field: what its creation and its deletion have that those of a network without the field
/// do not, and the changes to it and back.
#[test]
fn the_plans_of_every_value_of_every_field() {
    let lines = |steps: Vec<String>| steps.iter().map(|step| without_numbers(step)).collect::<Vec<_>>();
    let life = |spec: &Value| {
        let mut lab = world();
        let create = lines(apply(&mut lab, settings(spec)));
        (create, lines(lab.delete()))
    };
    let (create, delete) = life(&json!({}));
    let mut text = String::new();
    for (chain, values) in chains() {
        for value in &values[1..] {
            let (created, deleted) = life(&value.spec);
            let mut lab = world();
            apply(&mut lab, settings(&json!({})));
            let there = lines(apply(&mut lab, settings(&value.spec)));
            let back = lines(apply(&mut lab, settings(&json!({}))));
            let parts = [
                ("create", difference(&create, &created)),
                ("change to it", there),
                ("change back", back),
                ("delete", difference(&delete, &deleted)),
            ];
            writeln!(text, "# {chain}: {}", value.name).unwrap();
            for (part, lines) in parts {
                writeln!(text, "{part}:").unwrap();
                for line in lines.iter().filter(|line| *line != "--") {
                    writeln!(text, "  {line}").unwrap();
                }
            }
        }
    }
    insta::assert_snapshot!(text);
}
