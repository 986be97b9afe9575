//! Path independence: whatever a network was before, the same spec comes to the same resources. Every value of every field of
//! the spec is followed by every other; the values stand in a file, which is held against the CRD's own schema, so that a new
//! field or value is missed by nobody.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{JSONSchemaProps, JSONSchemaPropsOrArray};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    api::{MigrationNetworkClassSpec, MigrationNetworkSpec, schema},
    model::{
        endpoint_settings::{ConfigMapKeys, policy_references},
        ids::{EndpointId, SecurityGroupId},
        observed::{PrivateDns, ServiceOffer},
        owner::{EPOCH_TAG, Tags},
        settings::Settings,
        slot::{EndpointKey, Service, Slot},
        testing::{Lab, identity},
    },
};

/// The chains' values, which the tests on a real control plane use as well.
const VALUES: &str = include_str!("../../../tests/manifests/values.yaml");

/// Fields that are in no chain, and the test of each.
const ELSEWHERE: [(&str, &str, &str); 1] = [(
    "migrationNetworkClassName",
    "fn a_network_that_names_no_class_gets_the_default_one_and_keeps_it",
    include_str!("../../../tests/operator/create.rs"),
)];

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Values {
    config_map: ConfigMapText,
    fixed: BTreeMap<String, Vec<Named>>,
    chains: BTreeMap<String, Vec<Named>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ConfigMapText {
    name: String,
    key: String,
    text: String,
}

/// A value of a field, or of several that only stand together.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    name: String,
    like: Option<String>,
    #[serde(default)]
    held: bool,
    spec: Value,
}

fn values() -> Values {
    serde_saphyr::from_str(VALUES).unwrap()
}

/// A chain's values after that of absence, in the order of the file.
fn with_absence(values: &[Named]) -> Vec<Named> {
    let absent = Named { name: "absent".to_owned(), like: None, held: false, spec: json!({}) };
    [absent].into_iter().chain(values.iter().cloned()).collect()
}

/// The chains that the model can walk: what is held back is so by the controller.
fn chains() -> Vec<(String, Vec<Named>)> {
    let all = values().chains.into_iter().filter(|(_, values)| values.iter().all(|value| !value.held));
    all.map(|(chain, values)| (chain, with_absence(&values))).collect()
}

/// The leaves of the spec's schema, and the values that it enumerates for each.
fn leaves() -> BTreeMap<String, Vec<String>> {
    fn walk(path: &str, schema: &JSONSchemaProps, found: &mut BTreeMap<String, Vec<String>>) {
        let properties = schema.properties.iter().flatten();
        let mut children: Vec<(String, &JSONSchemaProps)> = properties
            .map(|(name, property)| (if path.is_empty() { name.clone() } else { format!("{path}.{name}") }, property))
            .collect();
        if let Some(JSONSchemaPropsOrArray::Schema(item)) = &schema.items
            && item.properties.is_some()
        {
            children.push((format!("{path}[]"), item));
        }
        if children.is_empty() {
            let values = schema.enum_.iter().flatten().filter_map(|value| value.0.as_str().map(str::to_owned));
            found.insert(path.to_owned(), values.collect());
        }
        for (path, child) in children {
            walk(&path, child, found);
        }
    }
    let crd = schema::crds().into_iter().next().unwrap();
    let root = crd.spec.versions[0].schema.as_ref().unwrap().open_api_v3_schema.as_ref().unwrap();
    let mut found = BTreeMap::new();
    walk("", &root.properties.as_ref().unwrap()["spec"], &mut found);
    found
}

/// The paths that are set in a part of a spec, each with its value.
fn set(path: &str, value: &Value, found: &mut BTreeSet<(String, String)>) {
    match value {
        Value::Object(members) if !members.is_empty() => {
            for (name, member) in members {
                set(&if path.is_empty() { name.clone() } else { format!("{path}.{name}") }, member, found);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for item in items {
                set(&if item.is_object() { format!("{path}[]") } else { path.to_owned() }, item, found);
            }
        }
        value => {
            found.insert((path.to_owned(), value.as_str().map_or_else(|| value.to_string(), str::to_owned)));
        }
    }
}

/// The fields and enumerated values of the schema that are in none of the specs.
fn missing(specs: &[Value]) -> Vec<String> {
    let mut covered = BTreeSet::new();
    specs.iter().for_each(|spec| set("", spec, &mut covered));
    // What is below a leaf are the keys of a map, such as those of tags.
    let has = |leaf: &str| {
        covered
            .iter()
            .any(|(path, _)| path.strip_prefix(leaf).is_some_and(|below| below.is_empty() || below.starts_with('.')))
    };
    leaves()
        .into_iter()
        .filter(|(leaf, _)| ELSEWHERE.iter().all(|(field, ..)| field != leaf))
        .flat_map(|(leaf, values)| {
            let field = (!has(&leaf)).then(|| leaf.clone());
            let values = values.into_iter().filter(|value| !covered.contains(&(leaf.clone(), value.clone())));
            field.into_iter().chain(values.map(|value| format!("{leaf}: '{value}'")).collect::<Vec<_>>())
        })
        .collect()
}

#[test]
fn every_field_and_every_value_of_the_schema_is_among_the_chains() {
    let Values { fixed, chains, .. } = values();
    let mut specs: Vec<Value> = fixed.into_values().chain(chains.into_values()).flatten().map(|one| one.spec).collect();
    assert_eq!(missing(&specs), [""; 0], "add values to tests/manifests/values.yaml");
    for (field, test, text) in ELSEWHERE {
        assert!(text.contains(test), "{field}: '{test}' is gone");
    }
    // A value that is taken out is missed, though another field has one of the same name.
    specs.retain(|spec| spec.pointer("/resolver/mode").is_none_or(|mode| mode != "Disabled"));
    assert_eq!(missing(&specs), ["resolver.mode: 'Disabled'"]);
    specs.retain(|spec| spec.get("tags").is_none());
    assert_eq!(missing(&specs), ["resolver.mode: 'Disabled'", "tags"]);
}

/// The Tokyo VPC with what other people have in it, which nobody may adopt.
fn world() -> Lab {
    let mut lab = Lab::built();
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
        rule.traffic.source = Some("0.0.0.0/0".parse().unwrap());
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
    lab.observed.services.insert(kms, ServiceOffer { name: "com.amazonaws.ap-northeast-1.kms".to_owned(), zones });
    lab.claims = crate::model::claims::Claims::default();
    lab
}

/// The settings of a network of the simplest class with that spec.
fn settings(more: &Value) -> Settings {
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
    Settings::parse(&spec, &class, &held).unwrap()
}

/// Brings the network to what the settings ask for, with the word that its addresses may change.
/// The steps, as lines.
fn apply(lab: &mut Lab, settings: Settings) -> Vec<String> {
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

/// The network's own resources as lines, without ids, and without addresses that AWS chose.
fn own(lab: &Lab) -> Vec<String> {
    let resources = &lab.observed.resources;
    let slot_of = |id: &SecurityGroupId| {
        let tags = resources.groups.get(id).map(|group| group.tags.clone()).unwrap_or_default();
        tags.get(crate::model::owner::SLOT_TAG).cloned().unwrap_or_else(|| id.to_string())
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
                    .map(|interface| format!("{} {}", interface.subnet, interface.ip))
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
                            format!("{} {}", address.subnet, address.ip.clone().unwrap_or_default()),
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
    let strangers = theirs(&world());
    for (from, settings) in &specs {
        let mut built = world();
        apply(&mut built, settings.clone());
        for ((to, settings), expected) in specs.iter().zip(&clean) {
            let mut lab = built.clone();
            apply(&mut lab, settings.clone());
            assert_eq!(own(&lab), *expected, "from {from} to {to}");
            assert_eq!(theirs(&lab), strangers, "from {from} to {to}: what is not the network's was touched");
        }
    }
    assert!(specs.len() > 40, "{} specs", specs.len());
}

/// Whether each value comes to what is said that it does: else a walk from one to the other would show nothing.
#[test]
fn values_differ_in_aws_unless_it_is_said_that_they_do_not() {
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

/// The text without the numbers of ids, which only count what was made before.
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

/// The lines that are only in the second of two lists, and those that are only in the first.
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
            text += &format!("# {chain}: {}\n", value.name);
            for (part, lines) in parts {
                text += &format!("{part}:\n");
                let lines = lines.iter().filter(|line| *line != "--");
                lines.for_each(|line| text += &format!("  {line}\n"));
            }
        }
    }
    insta::assert_snapshot!(text);
}
