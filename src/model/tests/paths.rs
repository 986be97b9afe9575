//! Path independence: whatever a network was before, the same spec comes to the same resources. Every value of every field of
//! the spec is followed by every other; the values come from the CRD's own schema, so that a new field or value is missed
//! by nobody.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{JSONSchemaProps, JSONSchemaPropsOrArray};
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

/// Fields that cannot change, with those below them, and those whose values are seen elsewhere: what they say is not about
/// what stands in AWS.
const NOT_HERE: [&str; 4] = ["migrationNetworkClassName", "vpc", "suspend", "managementPolicy"];

/// Values of fields that the schema does not enumerate, and what else must be said with them or with an enumerated value.
/// The path is that of the field; the values are whole specs, to be laid over the simplest one.
#[allow(clippy::too_many_lines, reason = "one list")]
fn written_out() -> Vec<(&'static str, Vec<Value>)> {
    let endpoint = |more: Value| {
        let mut entry = json!({ "service": "mgn", "type": "Interface" });
        entry.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({ "endpoints": [entry] })
    };
    let policy = json!({ "Statement": { "Effect": "Allow", "Principal": "*", "Action": "mgn:*", "Resource": "*" } });
    let reference = json!({ "name": "policies", "key": "all" });
    vec![
        (
            "subnets.endpoints.ids",
            vec![
                json!({ "subnets": { "endpoints": { "ids": ["subnet-a", "subnet-c"] } } }),
                json!({ "subnets": { "endpoints": { "ids": ["subnet-c", "subnet-d"] } } }),
                json!({ "subnets": { "endpoints": { "ids": ["subnet-a2", "subnet-d"] } } }),
            ],
        ),
        (
            "subnets.endpoints.tags",
            vec![json!({ "subnets": { "endpoints": { "tags": { "mgnet-role": "endpoints" } } } })],
        ),
        ("subnets.staging.ids", vec![json!({ "subnets": { "staging": { "ids": ["subnet-l"] } } })]),
        ("subnets.staging.tags", vec![json!({ "subnets": { "staging": { "tags": { "mgnet-role": "staging" } } } })]),
        ("subnets.launch.ids", vec![json!({ "subnets": { "launch": { "ids": ["subnet-s"] } } })]),
        ("subnets.launch.tags", vec![json!({ "subnets": { "launch": { "tags": { "mgnet-role": "launch" } } } })]),
        (
            "sourceCIDRs",
            vec![
                json!({ "sourceCIDRs": ["192.168.10.0/24"] }),
                json!({ "sourceCIDRs": ["192.168.20.0/24", "192.168.30.0/24"] }),
            ],
        ),
        ("proxyCIDRs", vec![json!({ "proxyCIDRs": [] }), json!({ "proxyCIDRs": ["192.168.99.1/32"] })]),
        ("endpoints[].service", vec![json!({ "endpoints": [{ "service": "kms", "type": "Interface" }] })]),
        (
            "endpoints[].type",
            vec![
                json!({ "endpoints": [{ "service": "s3", "type": "Interface" }] }),
                json!({ "endpoints": [{ "service": "s3", "type": "Gateway" }] }),
                json!({ "endpoints": [{ "service": "s3", "type": "Gateway", "mode": "Disabled" }] }),
            ],
        ),
        (
            "endpoints[].mode",
            vec![
                endpoint(json!({ "mode": "Managed" })),
                endpoint(json!({ "mode": "Existing", "endpointID": "vpce-theirs", "privateDNS": "Disabled" })),
                endpoint(json!({ "mode": "Disabled" })),
            ],
        ),
        ("endpoints[].endpointID", vec![]),
        (
            "endpoints[].privateDNS",
            vec![
                endpoint(json!({ "privateDNS": "Enabled" })),
                endpoint(json!({ "privateDNS": "Disabled" })),
                json!({ "endpoints": [{ "service": "s3", "type": "Interface", "privateDNS": "InboundResolverOnly" }] }),
                json!({ "endpoints": [{ "service": "s3", "type": "Interface", "privateDNS": "Enabled" }] }),
                json!({ "endpoints": [{ "service": "s3", "type": "Interface", "privateDNS": "Disabled" }] }),
            ],
        ),
        ("endpoints[].addresses[].subnetID", vec![]),
        (
            "endpoints[].addresses[].ip",
            vec![
                endpoint(json!({ "addresses": [{ "subnetID": "subnet-c", "ip": "10.20.2.21" }] })),
                endpoint(json!({ "addresses": [{ "subnetID": "subnet-c", "ip": "10.20.2.22" }] })),
            ],
        ),
        ("endpoints[].policy.type", vec![]),
        (
            "endpoints[].policy.preset",
            vec![
                endpoint(json!({ "policy": { "type": "Preset", "preset": "MGNOnly" } })),
                endpoint(json!({ "policy": { "type": "Preset", "preset": "FullAccess" } })),
            ],
        ),
        (
            "endpoints[].policy.inline",
            vec![endpoint(json!({ "policy": { "type": "Inline", "inline": policy.to_string() } }))],
        ),
        (
            "endpoints[].policy.configMapKeyRef.name",
            vec![endpoint(json!({ "policy": { "type": "ConfigMap", "configMapKeyRef": reference } }))],
        ),
        ("endpoints[].policy.configMapKeyRef.key", vec![]),
        ("endpointPolicy.type", vec![]),
        (
            "endpointPolicy.preset",
            vec![
                json!({ "endpointPolicy": { "type": "Preset", "preset": "MGNOnly" } }),
                json!({ "endpointPolicy": { "type": "Preset", "preset": "FullAccess" } }),
            ],
        ),
        (
            "endpointPolicy.inline",
            vec![json!({ "endpointPolicy": { "type": "Inline", "inline": policy.to_string() } })],
        ),
        (
            "endpointPolicy.configMapKeyRef.name",
            vec![json!({ "endpointPolicy": { "type": "ConfigMap", "configMapKeyRef": reference } })],
        ),
        ("endpointPolicy.configMapKeyRef.key", vec![]),
        (
            "endpointSecurityGroup.mode",
            vec![
                json!({ "endpointSecurityGroup": { "mode": "Managed" } }),
                json!({ "endpointSecurityGroup": { "mode": "Existing", "ids": ["sg-theirs"] } }),
            ],
        ),
        ("endpointSecurityGroup.ids", vec![]),
        (
            "resolver.mode",
            vec![
                json!({ "resolver": { "mode": "Managed" } }),
                json!({ "resolver": { "mode": "Existing", "endpointID": "rslvr-in-theirs" } }),
                json!({ "resolver": { "mode": "Disabled" } }),
            ],
        ),
        ("resolver.endpointID", vec![]),
        ("resolver.addresses[].subnetID", vec![]),
        (
            "resolver.addresses[].ip",
            vec![
                json!({ "resolver": { "addresses": [{ "subnetID": "subnet-c", "ip": "10.20.2.53" }] } }),
                json!({ "resolver": { "addresses": [{ "subnetID": "subnet-c", "ip": "10.20.2.54" }] } }),
            ],
        ),
        ("resolver.clientCIDRs", vec![json!({ "resolver": { "clientCIDRs": ["192.168.1.53/32"] } })]),
        (
            "replication.securityGroup.mode",
            vec![
                json!({ "replication": { "securityGroup": { "mode": "ServiceManaged" } } }),
                json!({ "replication": { "securityGroup": { "mode": "Managed" } } }),
                json!({ "replication": { "securityGroup": { "mode": "Existing", "id": "sg-theirs" } } }),
            ],
        ),
        ("replication.securityGroup.id", vec![]),
        (
            "postLaunch.ssm",
            vec![json!({ "postLaunch": { "ssm": "Enabled" } }), json!({ "postLaunch": { "ssm": "Disabled" } })],
        ),
        (
            "adoptionPolicy",
            vec![
                json!({ "adoptionPolicy": "Never" }),
                json!({ "adoptionPolicy": "Retained" }),
                json!({ "adoptionPolicy": "Any" }),
            ],
        ),
        ("deletionPolicy", vec![json!({ "deletionPolicy": "Delete" }), json!({ "deletionPolicy": "Retain" })]),
        (
            "tags",
            vec![json!({ "tags": {} }), json!({ "tags": { "wave": "3" } }), json!({ "tags": { "Name": "mine" } })],
        ),
    ]
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
    found.retain(|path, _| !NOT_HERE.iter().any(|skip| path == skip || path.starts_with(&format!("{skip}."))));
    found
}

#[test]
fn every_field_and_every_value_of_the_schema_is_among_the_chains() {
    let written: BTreeMap<&str, Vec<Value>> = written_out().into_iter().collect();
    let leaves = leaves();
    let paths: BTreeSet<&str> = leaves.keys().map(String::as_str).collect();
    assert_eq!(written.keys().copied().collect::<BTreeSet<_>>(), paths, "add values to `written_out`");
    let everything = serde_json::to_string(&written.values().collect::<Vec<_>>()).unwrap();
    for (path, values) in leaves {
        let name = path.rsplit(['.', ']']).next().unwrap_or_default();
        assert!(everything.contains(&format!("\"{name}\"")), "{path} is in no spec");
        for value in values {
            assert!(everything.contains(&format!("\"{name}\":\"{value}\"")), "{path}: '{value}' is in no spec");
        }
    }
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
    lab.observed.services.insert(
        kms,
        ServiceOffer { name: "com.amazonaws.ap-northeast-1.kms".to_owned(), zones, private_dns_names: BTreeSet::new() },
    );
    lab.claims = crate::model::claims::Claims::default();
    lab
}

/// The settings of the simplest network with more laid over it.
fn settings(more: &Value) -> Settings {
    let mut spec = json!({ "sourceCIDRs": ["192.168.10.0/24"] });
    let subnets = json!({
        "endpoints": { "ids": ["subnet-a", "subnet-c"] },
        "staging": { "ids": ["subnet-s"] },
        "launch": { "ids": ["subnet-l"] },
    });
    spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let spec: MigrationNetworkSpec = serde_json::from_value(spec).unwrap();
    let class: MigrationNetworkClassSpec = serde_json::from_value(json!({
        "account": { "id": "111122223333" },
        "region": "ap-northeast-1",
        "defaults": { "vpc": { "id": "vpc-1" }, "subnets": subnets },
    }))
    .unwrap();
    let text = r#"{"Statement":{"Effect":"Allow","Principal":"*","Action":"*","Resource":"arn:aws:s3:::b/*"}}"#;
    let held: ConfigMapKeys =
        policy_references(&spec, &class).into_iter().map(|reference| (reference, text.to_owned())).collect();
    Settings::parse(&spec, &class, &held).unwrap()
}

/// Brings the network to what the settings ask for, with the word that its addresses may change.
fn apply(lab: &mut Lab, settings: Settings) {
    let tags_before: BTreeSet<String> = lab.settings.tags.keys().cloned().collect();
    lab.managed_tags.extend(tags_before);
    lab.settings = settings;
    let resources = &lab.observed.resources;
    let own =
        resources.slots(&identity()).into_iter().filter_map(|slot| Some((slot, resources.live(&identity(), slot)?)));
    lab.settings.address_changes = own.collect();
    lab.run();
    let plan = lab.plan();
    assert!(plan.is_done(), "{plan:#?}");
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
    let specs: Vec<Value> = written_out().into_iter().flat_map(|(_, specs)| specs).collect();
    let clean: Vec<Vec<String>> = specs
        .iter()
        .map(|spec| {
            let mut lab = world();
            apply(&mut lab, settings(spec));
            own(&lab)
        })
        .collect();
    let strangers = theirs(&world());
    for from in &specs {
        let mut built = world();
        apply(&mut built, settings(from));
        for (to, expected) in specs.iter().zip(&clean) {
            let mut lab = built.clone();
            apply(&mut lab, settings(to));
            assert_eq!(own(&lab), *expected, "from {from} to {to}");
            assert_eq!(theirs(&lab), strangers, "from {from} to {to}: what is not the network's was touched");
        }
    }
    assert!(specs.len() > 40, "{} specs", specs.len());
}
