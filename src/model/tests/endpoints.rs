//! The endpoint settings of a network and its class, and their effect.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    api::{
        self, ConfigMapKeyReference, EndpointMode, EndpointSpec, MigrationNetworkClassSpec, MigrationNetworkSpec,
        NetworkDefaults, NetworkOnPremisesSpec, PolicyPreset, PolicySpec, PolicyType, ResolverMode, ResolverSpec,
        SubnetSelector, SubnetSelectors, Toggle, VpcSelector,
    },
    model::{
        observed::PrivateDns,
        policy::Policy,
        settings::{
            Resolver, Settings,
            endpoints::{EndpointSource, policy_references},
        },
        slot::{EndpointKey, Service},
        testing::{Lab, endpoints, with_internet, without_ssm},
    },
};

fn entry(service: &str) -> EndpointSpec {
    EndpointSpec { service: service.to_owned(), ..EndpointSpec::default() }
}

fn gateway(mode: EndpointMode) -> EndpointSpec {
    EndpointSpec { type_: api::EndpointType::Gateway, mode: Some(mode), ..entry("s3") }
}

fn with(entries: Vec<EndpointSpec>) -> MigrationNetworkSpec {
    MigrationNetworkSpec { endpoints: Some(entries), ..MigrationNetworkSpec::default() }
}

fn kms() -> EndpointKey {
    EndpointKey::interface(Service::named("kms").unwrap())
}

/// Creates a class whose networks only need to name their source servers.
fn class(defaults: NetworkDefaults) -> MigrationNetworkClassSpec {
    let subnets = |id: &str| Some(SubnetSelector { ids: Some(vec![id.to_owned()]), tags: None });
    MigrationNetworkClassSpec {
        region: "ap-northeast-1".to_owned(),
        defaults: Some(NetworkDefaults {
            vpc: Some(VpcSelector { id: Some("vpc-1".to_owned()), tags: None }),
            subnets: Some(SubnetSelectors {
                endpoints: subnets("subnet-a"),
                staging: subnets("subnet-s"),
                launch: None,
            }),
            source_cidrs: Some(vec!["192.168.10.0/24".to_owned()]),
            ..defaults
        }),
        ..MigrationNetworkClassSpec::default()
    }
}

fn errors(spec: &MigrationNetworkSpec) -> Vec<String> {
    let parsed = Settings::parse(spec, &class(NetworkDefaults::default()), &BTreeMap::new(), BTreeSet::new());
    parsed.err().unwrap_or_default().iter().map(ToString::to_string).collect()
}

#[test]
fn unlisted_endpoints_have_the_default_settings() {
    let keys: Vec<EndpointKey> = endpoints(&MigrationNetworkSpec::default()).into_keys().collect();
    assert_eq!(keys.len(), 7);
    assert_eq!(
        endpoints(&with(vec![entry("mgn")])),
        endpoints(&MigrationNetworkSpec::default()),
        "an empty entry changes nothing"
    );
}

#[test]
fn an_entry_disables_or_adds_an_endpoint() {
    let disabled = EndpointSpec { mode: Some(EndpointMode::Disabled), ..entry("ec2") };
    let parsed = endpoints(&with(vec![disabled, entry("kms")]));
    assert!(!parsed.contains_key(&EndpointKey::interface(Service::Ec2)));
    assert!(parsed.contains_key(&kms()));
    assert!(!parsed[&kms()].optional, "a requested endpoint is required");
}

#[test]
fn systems_manager_follows_its_switch_unless_an_entry_overrides_it() {
    let ssm = EndpointKey::interface(Service::Ssm);
    assert!(!endpoints(&without_ssm()).contains_key(&ssm));
    let asked = EndpointSpec { mode: Some(EndpointMode::Managed), ..entry("ssm") };
    let parsed = endpoints(&MigrationNetworkSpec { endpoints: Some(vec![asked]), ..without_ssm() });
    assert!(parsed.contains_key(&ssm) && !parsed[&ssm].optional);
    assert!(!parsed.contains_key(&EndpointKey::interface(Service::SsmMessages)));
}

fn on_premises(connector: Toggle) -> NetworkOnPremisesSpec {
    NetworkOnPremisesSpec { connector: Some(connector) }
}

#[test]
fn the_connector_adds_its_services_and_those_of_systems_manager() {
    let interface = |service| EndpointKey::interface(service);
    let with_connector = |spec| MigrationNetworkSpec { on_premises: Some(on_premises(Toggle::Enabled)), ..spec };
    let parsed = endpoints(&with_connector(without_ssm()));
    let of_connector = ["ssm", "ssmmessages", "ec2messages", "secretsmanager", "sts"];
    let added: Vec<_> = parsed.keys().filter(|key| !endpoints(&without_ssm()).contains_key(key)).collect();
    assert_eq!(added.iter().map(|key| key.service.as_str()).collect::<Vec<_>>(), of_connector);
    assert!(added.iter().all(|key| parsed[*key].private_dns == PrivateDns::Enabled), "{parsed:?}");
    // As for post-launch actions, the connector works with the channels that the Region has.
    let optional = parsed.iter().filter(|(_, endpoint)| endpoint.optional).map(|(key, _)| key.service.as_str());
    assert_eq!(optional.collect::<Vec<_>>(), of_connector[..3]);

    let disabled = EndpointSpec { mode: Some(EndpointMode::Disabled), ..entry("sts") };
    let parsed = endpoints(&with_connector(with(vec![disabled])));
    assert!(!parsed.contains_key(&interface(Service::Sts)), "an entry takes precedence");
    assert!(parsed.contains_key(&interface(Service::SecretsManager)) && !parsed.contains_key(&kms()));
    let listed = endpoints(&with(vec![entry("sts")]));
    assert!(listed.contains_key(&interface(Service::Sts)), "it can also be listed alone");
    assert!(!listed.contains_key(&interface(Service::SecretsManager)));
}

#[test]
fn the_connector_of_the_network_takes_precedence_over_that_of_the_class() {
    use Toggle::{Disabled, Enabled};

    let connector = |network: Option<Toggle>, class_: Option<Toggle>| {
        let defaults = NetworkDefaults { on_premises: class_.map(on_premises), ..NetworkDefaults::default() };
        let spec = MigrationNetworkSpec { on_premises: network.map(on_premises), ..MigrationNetworkSpec::default() };
        let parsed = Settings::parse(&spec, &class(defaults), &BTreeMap::new(), BTreeSet::new());
        let settings = parsed.expect("it can be read");
        let has_sts = settings.endpoints.contains_key(&EndpointKey::interface(Service::Sts));
        assert_eq!(has_sts, settings.connector == Enabled);
        settings.connector
    };
    assert_eq!(connector(None, None), Disabled);
    assert_eq!(connector(None, Some(Enabled)), Enabled);
    assert_eq!(connector(Some(Disabled), Some(Enabled)), Disabled);
    assert_eq!(connector(Some(Enabled), Some(Disabled)), Enabled);
}

#[test]
fn the_preset_leaves_the_endpoints_of_the_connector_open() {
    let preset = PolicySpec { preset: Some(PolicyPreset::MgnOnly), ..PolicySpec::default() };
    let spec = MigrationNetworkSpec {
        endpoint_policy: Some(preset),
        on_premises: Some(on_premises(Toggle::Enabled)),
        ..MigrationNetworkSpec::default()
    };
    for (key, endpoint) in endpoints(&spec) {
        let EndpointSource::Managed { policy, .. } = endpoint.source else { panic!("{key} is managed") };
        assert_eq!(policy == Policy::FullAccess, Service::OF_CONNECTOR.contains(&key.service), "{key}");
    }
}

#[test]
fn an_entry_of_the_network_replaces_that_of_the_class() {
    let of_class = EndpointSpec { private_dns: Some(PrivateDns::Disabled), ..entry("mgn") };
    let defaults = NetworkDefaults { endpoints: Some(vec![of_class, entry("kms")]), ..NetworkDefaults::default() };
    let parse = |spec: &MigrationNetworkSpec| {
        Settings::parse(spec, &class(defaults.clone()), &BTreeMap::new(), BTreeSet::new())
            .expect("it can be read")
            .endpoints
    };
    let mgn = EndpointKey::interface(Service::Mgn);
    assert_eq!(parse(&MigrationNetworkSpec::default())[&mgn].private_dns, PrivateDns::Disabled);
    let parsed = parse(&with(vec![entry("mgn")]));
    assert_eq!(parsed[&mgn].private_dns, PrivateDns::Enabled);
    assert!(parsed.contains_key(&kms()), "the other entries of the class still apply");
}

#[test]
fn private_dns_of_s3_depends_on_the_gateway() {
    let s3 = |spec: &MigrationNetworkSpec| endpoints(spec)[&EndpointKey::S3_INTERFACE].private_dns;
    assert_eq!(s3(&MigrationNetworkSpec::default()), PrivateDns::InboundResolverOnly);
    assert_eq!(s3(&with(vec![gateway(EndpointMode::Disabled)])), PrivateDns::Enabled);
    let asked = EndpointSpec { private_dns: Some(PrivateDns::InboundResolverOnly), ..entry("s3") };
    let refused = errors(&with(vec![gateway(EndpointMode::Disabled), asked]));
    assert!(matches!(&refused[..], [one] if one.contains("[s3/Interface].privateDNS")), "{refused:?}");
}

#[test]
fn the_policy_of_an_endpoint_overrides_the_general_one() {
    let preset = |preset| PolicySpec { preset: Some(preset), ..PolicySpec::default() };
    let own = EndpointSpec { policy: Some(preset(PolicyPreset::FullAccess)), ..entry("mgn") };
    let spec = MigrationNetworkSpec { endpoint_policy: Some(preset(PolicyPreset::MgnOnly)), ..with(vec![own]) };
    for (key, endpoint) in endpoints(&spec) {
        let EndpointSource::Managed { policy, .. } = endpoint.source else { panic!("{key} is managed") };
        assert_eq!(policy == Policy::FullAccess, key == EndpointKey::interface(Service::Mgn), "{key}");
    }
}

#[test]
fn a_policy_in_a_config_map_is_referenced_and_read() {
    let reference = ConfigMapKeyReference { name: "policies".to_owned(), key: "s3.json".to_owned() };
    let policy =
        PolicySpec { type_: PolicyType::ConfigMap, config_map_key_ref: Some(reference), ..PolicySpec::default() };
    let spec = MigrationNetworkSpec { endpoint_policy: Some(policy), ..MigrationNetworkSpec::default() };
    let at = ("policies".to_owned(), "s3.json".to_owned());
    let class = class(NetworkDefaults::default());
    assert_eq!(policy_references(&spec, &class), [at.clone()].into());

    let missing = Settings::parse(&spec, &class, &BTreeMap::new(), BTreeSet::new()).unwrap_err();
    assert_eq!(missing.len(), 1, "reported once, not for each endpoint: {missing:?}");
    assert!(missing[0].to_string().contains("'policies' with the key 's3.json' does not exist"), "{missing:?}");

    let text = r#"{"Statement":{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"*"}}"#;
    let held = BTreeMap::from([(at.clone(), text.to_owned())]);
    let settings = Settings::parse(&spec, &class, &held, BTreeSet::new()).expect("it can be read");
    let EndpointSource::Managed { policy, .. } = &settings.endpoints[&EndpointKey::S3_GATEWAY].source else { panic!() };
    assert_eq!(*policy, Policy::parse(text).unwrap());

    let broken = BTreeMap::from([(at, "{".to_owned())]);
    let refused = Settings::parse(&spec, &class, &broken, BTreeSet::new()).unwrap_err();
    assert!(refused[0].to_string().contains("`spec.endpointPolicy` must be JSON"), "{refused:?}");
}

#[test]
fn dns_clients_do_not_decide_whether_a_resolver_exists() {
    let defaults = NetworkDefaults {
        resolver: Some(ResolverSpec { mode: Some(ResolverMode::Disabled), ..ResolverSpec::default() }),
        ..NetworkDefaults::default()
    };
    let clients = ResolverSpec { client_cidrs: Some(vec!["192.168.1.53/32".to_owned()]), ..ResolverSpec::default() };
    let spec = MigrationNetworkSpec { resolver: Some(clients), ..MigrationNetworkSpec::default() };
    let settings = Settings::parse(&spec, &class(defaults), &BTreeMap::new(), BTreeSet::new()).expect("it can be read");
    assert_eq!(settings.resolver, Resolver::Disabled);
    assert_eq!(settings.clients, ["192.168.1.53/32".parse().unwrap()].into());
}

#[test]
fn incomplete_settings_that_the_crd_accepts_are_reported() {
    let existing = EndpointSpec { mode: Some(EndpointMode::Existing), ..entry("mgn") };
    let dynamo = EndpointSpec { service: "dynamodb".to_owned(), ..gateway(EndpointMode::Managed) };
    let resolver = ResolverSpec { mode: Some(ResolverMode::Existing), ..ResolverSpec::default() };
    let spec = MigrationNetworkSpec { resolver: Some(resolver), ..with(vec![existing, dynamo]) };
    let message = errors(&spec).join("\n");
    for field in
        ["spec.endpoints[mgn/Interface].endpointID", "spec.endpoints[dynamodb/Gateway]", "spec.resolver.endpointID"]
    {
        assert!(message.contains(field), "{field}: {message}");
    }
}

#[test]
fn additional_services_are_created_and_deleted_like_the_others() {
    let mut lab = Lab::built();
    let name = "com.amazonaws.ap-northeast-1.kms".to_owned();
    let zones = lab.observed.services[&EndpointKey::interface(Service::Mgn)].zones.clone();
    let private_dns_names = BTreeSet::from(["kms.ap-northeast-1.amazonaws.com".to_owned()]);
    let offer = crate::model::observed::ServiceOffer { name, zones, private_dns_names, has_gateway: false };
    lab.observed.services.insert(kms(), offer);
    lab.settings.endpoints = endpoints(&with(vec![entry("kms")]));
    let steps = lab.run();
    assert!(matches!(&steps[..], [one, _] if one.starts_with("create vpce/kms/Interface")), "{steps:#?}");
    lab.settings.endpoints = endpoints(&MigrationNetworkSpec::default());
    let steps = lab.run();
    assert!(matches!(&steps[..], [one, _] if one.contains("(kms/Interface)")), "{steps:#?}");
    lab.settings.endpoints = endpoints(&with(vec![entry("kms")]));
    lab.run();
    lab.delete();
    assert!(lab.observed.resources.endpoints.is_empty(), "deletion starts from the observed resources");
}

#[test]
fn the_gateway_is_deleted_only_after_the_interface_endpoint_serves_the_vpc() {
    let mut lab = Lab::built();
    lab.observed = with_internet(lab.observed);
    lab.settings.endpoints = endpoints(&with(vec![gateway(EndpointMode::Disabled)]));
    let steps = lab.run();
    assert_eq!(steps.len(), 4, "{steps:#?}");
    assert!(steps[0].contains("(s3/Interface): private DNS Enabled"), "{steps:#?}");
    assert!(steps[2].starts_with("delete") && steps[2].contains("(s3/Gateway)"), "{steps:#?}");
    lab.settings.endpoints = endpoints(&MigrationNetworkSpec::default());
    let steps = lab.run();
    assert!(steps[0].starts_with("create vpce/s3/Gateway"), "{steps:#?}");
    assert!(steps[2].contains("(s3/Interface): private DNS InboundResolverOnly"), "{steps:#?}");
}

#[test]
fn a_policy_is_changed_in_place_and_restored() {
    let preset = PolicySpec { preset: Some(PolicyPreset::MgnOnly), ..PolicySpec::default() };
    let spec = MigrationNetworkSpec { endpoint_policy: Some(preset), ..MigrationNetworkSpec::default() };
    let mut lab = Lab::new();
    lab.settings.endpoints = endpoints(&spec);
    let steps = lab.run();
    assert_eq!(
        steps.iter().filter(|step| step.contains("a policy of")).count(),
        7,
        "the policy is part of creation: {steps:#?}"
    );
    let mut lab = Lab::built();
    lab.settings.endpoints = endpoints(&spec);
    let steps = lab.run();
    assert_eq!(steps.iter().filter(|step| step.contains("a policy of")).count(), 7, "{steps:#?}");
    for endpoint in lab.observed.resources.endpoints.values_mut() {
        endpoint.policy = Policy::FullAccess;
    }
    assert_eq!(lab.run().len(), 8, "seven changes in one wave");
    lab.settings.endpoints = endpoints(&MigrationNetworkSpec::default());
    let steps = lab.run();
    assert_eq!(steps.iter().filter(|step| step.ends_with("full access")).count(), 7, "{steps:#?}");
}

#[test]
fn the_preset_omits_systems_manager_without_its_endpoints() {
    let preset = PolicySpec { preset: Some(PolicyPreset::MgnOnly), ..PolicySpec::default() };
    let of_s3 = |spec: MigrationNetworkSpec| {
        let spec = MigrationNetworkSpec { endpoint_policy: Some(preset.clone()), ..spec };
        endpoints(&spec)[&EndpointKey::S3_INTERFACE].clone()
    };
    let disabled = |service: &str| EndpointSpec { mode: Some(EndpointMode::Disabled), ..entry(service) };
    let all = [disabled("ssm"), disabled("ssmmessages"), disabled("ec2messages")];
    let (with_it, without) = (of_s3(MigrationNetworkSpec::default()), of_s3(without_ssm()));
    assert_ne!(with_it, without, "patches and agents need separate buckets");
    assert_eq!(of_s3(with(all.to_vec())), without);
    assert_eq!(of_s3(with(all[..2].to_vec())), with_it, "one of the endpoints remains");
}
