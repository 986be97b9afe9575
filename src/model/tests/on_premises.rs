//! The hand-off: its facts, their revision, and the work that is done.

use std::net::Ipv4Addr;

use crate::{
    api::{
        ChangeKind, ChecklistState, ChecklistWork, ManagementPolicy, MigrationNetworkSpec, MigrationNetworkStatus,
        NameUse, NetworkOnPremisesSpec, OnPremisesBasis, OnPremisesStatus, Reason, RulePurpose, Toggle,
    },
    model::{
        desired::DesiredEndpoint,
        observed::{PrivateDns, ServiceOffer},
        on_premises::{self, Facts, acknowledge, condition, facts},
        policy::{Policy, mgn_only, needs::Scope},
        settings::{Resolver, endpoints::EndpointSource},
        slot::{EndpointKey, Service, Slot},
        testing::{self, Lab, identity, resolve},
    },
};

fn status(facts: Facts, previous: Option<&OnPremisesStatus>, acknowledged: Option<&str>) -> OnPremisesStatus {
    let mut status = on_premises::status(facts, previous);
    acknowledge(&mut status, acknowledged);
    status
}

fn facts_of(lab: &Lab) -> Option<Facts> {
    facts(&lab.settings, &lab.desired(), &lab.observed, &lab.plan())
}

fn first(lab: &Lab) -> OnPremisesStatus {
    status(facts_of(lab).expect("all addresses exist"), None, None)
}

fn remove(lab: &mut Lab, slot: Slot) {
    let id = lab.observed.resources.live(&identity(), slot).expect("the slot is filled");
    match slot {
        Slot::Endpoint(_) => drop(lab.observed.resources.endpoints.remove(&id.as_str().into())),
        Slot::Resolver => drop(lab.observed.resources.resolvers.remove(&id.as_str().into())),
        Slot::Group(_) => drop(lab.observed.resources.groups.remove(&id.as_str().into())),
    }
}

fn subjects(status: &OnPremisesStatus) -> Vec<(&str, ChangeKind)> {
    status.changes.iter().map(|change| (change.subject.as_str(), change.change)).collect()
}

fn open(status: &OnPremisesStatus) -> Vec<ChecklistWork> {
    let open = status.checklist.iter().filter(|item| item.state == ChecklistState::Open);
    open.map(|item| item.item).collect()
}

#[test]
fn the_hand_off_lists_what_to_open_and_to_forward() {
    insta::assert_yaml_snapshot!(first(&Lab::built()));
}

#[test]
fn a_network_without_resolver_has_names_for_hosts_files_and_no_forwarders() {
    let mut lab = Lab::built();
    lab.settings.resolver = Resolver::Disabled;
    let hand_off = first(&lab);
    assert_eq!(hand_off.dns_forwarders, []);
    assert_eq!(open(&hand_off), [ChecklistWork::Firewall, ChecklistWork::HostsFiles, ChecklistWork::Proxies]);
    assert!(hand_off.firewall_rules.iter().all(|rule| !rule.id.starts_with("dns-")), "{:?}", hand_off.firewall_rules);
    let for_sources = hand_off.names.iter().filter(|name| name.for_ == NameUse::Source);
    assert!(for_sources.clone().count() > 5 && for_sources.clone().all(|name| name.addresses.len() == 2));
}

#[test]
fn a_domain_without_private_dns_is_not_forwarded() {
    let mut lab = Lab::built();
    let mgn = EndpointKey::interface(Service::Mgn);
    lab.settings.endpoints.get_mut(&mgn).expect("a standard endpoint").private_dns = PrivateDns::Disabled;
    let domains: Vec<String> = first(&lab).dns_forwarders.into_iter().map(|one| one.domain).collect();
    assert_eq!(domains, ["s3.ap-northeast-1.amazonaws.com"]);
}

#[test]
fn proxies_have_rules_of_their_own() {
    let mut lab = Lab::built();
    lab.settings.proxies.insert("10.9.0.0/24".parse().expect("a range"));
    let rules = first(&lab).firewall_rules;
    let of_proxies: Vec<_> = rules.iter().filter(|rule| rule.sources == ["10.9.0.0/24"]).collect();
    assert_eq!(
        of_proxies.iter().map(|rule| rule.id.as_str()).collect::<Vec<_>>(),
        ["mgn-https-proxies", "s3-https-proxies"]
    );
}

/// The repository of Amazon Linux is for servers in AWS. A forwarder would lead its dual-stack name nowhere.
#[test]
fn the_repository_of_replication_servers_is_named_without_addresses() {
    let hand_off = first(&Lab::built());
    let name = "al2023-repos-ap-northeast-1-de612dc2.s3.dualstack.ap-northeast-1.amazonaws.com";
    let of_replication: Vec<_> = hand_off.names.iter().filter(|one| one.for_ == NameUse::Replication).collect();
    assert_eq!(
        of_replication.iter().map(|one| (one.name.as_str(), one.addresses.len())).collect::<Vec<_>>(),
        [(name, 0)]
    );
    assert!(hand_off.dns_forwarders.iter().all(|one| !name.ends_with(&format!(".{}", one.domain))));
}

/// Returns a built network with the connector.
fn with_connector() -> Lab {
    let on_premises = Some(NetworkOnPremisesSpec { connector: Some(Toggle::Enabled) });
    let spec = MigrationNetworkSpec { on_premises, ..MigrationNetworkSpec::default() };
    let mut lab = Lab::built();
    lab.settings.connector = Toggle::Enabled;
    lab.settings.endpoints = testing::endpoints(&spec);
    lab.run();
    lab
}

#[test]
fn the_connector_adds_the_rules_forwarders_and_names_of_its_services() {
    let before = first(&Lab::built());
    let lab = with_connector();
    let after = status(facts_of(&lab).expect("all addresses exist"), Some(&before), None);
    insta::assert_yaml_snapshot!(
        subjects(&after).into_iter().map(|(subject, kind)| format!("{subject} {kind:?}")).collect::<Vec<_>>()
    );
    let added: Vec<_> = after.names.iter().filter(|one| one.for_ == NameUse::Connector).collect();
    assert!(added.len() == 5 && added.iter().all(|one| one.addresses.len() == 2), "{added:?}");
    for name in added {
        let service = name.name.split('.').next().expect("a name has labels");
        let rule = after.firewall_rules.iter().find(|rule| rule.id == format!("{service}-https")).expect("a rule");
        assert_eq!((rule.purpose, rule.port, &rule.addresses), (RulePurpose::Connector, 443, &name.addresses));
    }
    // Work that exists without the connector stays done if its own facts stay the same.
    assert_eq!(after.checklist.last().map(|item| item.item), Some(ChecklistWork::OtherAwsClients));
    let of = |status: &OnPremisesStatus, work| {
        status.checklist.iter().find(|item| item.item == work).map(|item| item.revision.clone())
    };
    assert_eq!(of(&after, ChecklistWork::OtherS3Clients), of(&before, ChecklistWork::OtherS3Clients));

    let mut disabled = lab.clone();
    disabled.settings = Lab::built().settings;
    disabled.run();
    assert_eq!(first(&disabled).revision, before.revision);
}

#[test]
fn the_hosts_file_of_the_connector_is_work_too() {
    let mut lab = Lab::built();
    lab.settings.resolver = Resolver::Disabled;
    let work = |lab: &Lab| {
        let hand_off = first(lab);
        let item = hand_off.checklist.into_iter().find(|item| item.item == ChecklistWork::HostsFiles);
        (item.expect("no forwarders").revision, hand_off.dns_forwarders.len())
    };
    let mut connected = with_connector();
    connected.settings.resolver = Resolver::Disabled;
    assert_ne!(work(&lab).0, work(&connected).0);
    assert_eq!(work(&connected).1, 0);
    assert!(!open(&first(&connected)).contains(&ChecklistWork::OtherAwsClients), "nothing is forwarded");
}

/// KMS is optional for the connector, and other services do not concern it.
#[test]
fn the_connector_uses_kms_if_the_network_has_its_endpoint() {
    let mut lab = with_connector();
    for service in ["kms", "sns"] {
        let key = EndpointKey::interface(Service::named(service).expect("a name"));
        let offer = ServiceOffer {
            name: format!("com.amazonaws.ap-northeast-1.{service}"),
            private_dns_names: [format!("{service}.ap-northeast-1.amazonaws.com")].into(),
            ..lab.observed.services[&EndpointKey::interface(Service::Sts)].clone()
        };
        lab.observed.services.insert(key, offer);
        let sts = lab.settings.endpoints[&EndpointKey::interface(Service::Sts)].clone();
        lab.settings.endpoints.insert(key, sts);
    }
    lab.run();
    let has_rule = |lab: &Lab, id: &str| first(lab).firewall_rules.iter().any(|rule| rule.id == id);
    assert!(has_rule(&lab, "kms-https") && !has_rule(&lab, "sns-https"));
    lab.settings.connector = Toggle::Disabled;
    assert!(!has_rule(&lab, "kms-https") && !has_rule(&lab, "sts-https"), "listed endpoints serve the VPC");
}

#[test]
fn a_policy_that_restricts_other_clients_is_a_fact_and_reopens_only_their_item() {
    let lab = with_connector();
    let open_before = first(&lab);
    let done = status(facts_of(&lab).expect("facts"), Some(&open_before), Some(&open_before.revision));
    assert_eq!(open(&done), []);
    let with_policy = |service, policy: Policy| {
        let mut lab = lab.clone();
        let endpoint = lab.settings.endpoints.get_mut(&EndpointKey::interface(service)).expect("it exists");
        let EndpointSource::Managed { policy: own, .. } = &mut endpoint.source else { panic!("it is managed") };
        *own = policy;
        lab.run();
        let after = status(facts_of(&lab).expect("facts"), Some(&done), None);
        let changed: Vec<String> = subjects(&after).into_iter().map(|(subject, _)| subject.to_owned()).collect();
        (open(&after), changed)
    };
    let preset = |service| {
        let (key, buckets) = (EndpointKey::interface(service), &lab.settings.buckets);
        mgn_only(Scope { key, region: "ap-northeast-1", buckets })
    };
    assert_eq!(
        with_policy(Service::S3, preset(Service::S3)),
        (vec![ChecklistWork::OtherS3Clients], vec!["endpoints/s3".to_owned()])
    );
    // The preset allows all requests to these services.
    for service in [Service::Mgn, Service::Ssm, Service::Sts] {
        assert_eq!(with_policy(service, preset(service)), (vec![], vec![]), "{service}");
    }
    let inline =
        Policy::parse(r#"{"Statement":{"Effect":"Allow","Principal":"*","Action":["sts:AssumeRole"],"Resource":"*"}}"#);
    assert_eq!(
        with_policy(Service::Sts, inline.expect("a policy")),
        (vec![ChecklistWork::OtherAwsClients], vec!["endpoints/sts".to_owned()])
    );
}

/// Returns the services of the endpoints in the hand-off, and their names.
fn endpoints(status: &OnPremisesStatus) -> Vec<(&str, &str)> {
    status.endpoints.iter().map(|one| (one.service.as_str(), one.name.as_str())).collect()
}

#[test]
fn endpoints_have_the_name_for_all_zones_without_a_wildcard() {
    let mut lab = Lab::built();
    let id = |lab: &Lab, service| {
        let slot = Slot::Endpoint(EndpointKey::interface(service));
        lab.observed.resources.live(&identity(), slot).expect("the slot is filled")
    };
    let name = |id: &str, service: &str| format!("{id}-1a2b3c4d.{service}.ap-northeast-1.vpce.amazonaws.com");
    let (mgn, s3) = (id(&lab, Service::Mgn), id(&lab, Service::S3));
    let (of_mgn, of_s3) = (name(mgn.as_str(), "mgn"), name(s3.as_str(), "s3"));
    assert_eq!(endpoints(&first(&lab)), [("mgn", of_mgn.as_str()), ("s3", of_s3.as_str())]);

    // AWS also lists the names of the service.
    let endpoint = lab.observed.resources.endpoints.get_mut(&mgn.as_str().into()).expect("it exists");
    endpoint.dns_names.insert("mgn.local".to_owned());
    assert_eq!(endpoints(&first(&lab)), [("mgn", of_mgn.as_str()), ("s3", of_s3.as_str())]);

    endpoint_without_names(&mut lab, mgn.as_str());
    assert_eq!(endpoints(&first(&lab)), [("s3", of_s3.as_str())]);
}

#[test]
fn an_existing_endpoint_has_a_name_in_the_hand_off() {
    let lab = Lab::built();
    let mut desired = lab.desired();
    let slot = Slot::Endpoint(EndpointKey::interface(Service::Ec2));
    let id = lab.observed.resources.live(&identity(), slot).expect("the slot is filled");
    desired.endpoints.insert(EndpointKey::interface(Service::Mgn), DesiredEndpoint::Existing(id.as_str().into()));
    let facts = facts(&lab.settings, &desired, &lab.observed, &lab.plan()).expect("all addresses exist");
    let name = facts.endpoints.iter().find(|one| one.service == "mgn").map(|one| one.name.as_str());
    assert_eq!(name, Some(format!("{id}-1a2b3c4d.ec2.ap-northeast-1.vpce.amazonaws.com").as_str()));
}

fn endpoint_without_names(lab: &mut Lab, id: &str) {
    lab.observed.resources.endpoints.get_mut(&id.into()).expect("it exists").dns_names.clear();
}

#[test]
fn nothing_is_handed_over_while_an_address_is_missing() {
    let lab = Lab::built();
    for slot in [
        Slot::Endpoint(EndpointKey::interface(Service::Mgn)),
        Slot::Endpoint(EndpointKey::S3_INTERFACE),
        Slot::Resolver,
    ] {
        let mut lab = lab.clone();
        remove(&mut lab, slot);
        assert_eq!(facts_of(&lab), None, "{slot}");
        lab.settings.management = ManagementPolicy::Plan;
        assert_eq!(facts_of(&lab).map(|facts| facts.basis), Some(OnPremisesBasis::Planned), "{slot}");
    }
    let mut without_ssm = lab.clone();
    remove(&mut without_ssm, Slot::Endpoint(EndpointKey::interface(Service::Ssm)));
    assert_eq!(facts_of(&without_ssm).map(|facts| facts.basis), Some(OnPremisesBasis::Observed));
}

#[test]
fn a_planned_network_hands_over_fixed_addresses_and_ranges() {
    let mut lab = Lab::new();
    lab.settings.management = ManagementPolicy::Plan;
    let mgn = EndpointKey::interface(Service::Mgn);
    let subnets = lab.desired().subnets.endpoints;
    let EndpointSource::Managed { addresses, .. } = &mut lab.settings.endpoints.get_mut(&mgn).expect("standard").source
    else {
        panic!("it is managed")
    };
    let subnet = subnets.first().expect("a subnet");
    let ip: Ipv4Addr = lab.observed.subnets[subnet].cidr.hosts().nth(20).expect("an address");
    addresses.insert(subnet.clone(), ip);
    let desired = resolve(&lab.settings, &lab.observed).expect("it fits");
    let facts = facts(&lab.settings, &desired, &lab.observed, &lab.plan()).expect("planned");
    let rule = |id: &str| facts.firewall_rules.iter().find(|rule| rule.id == id).cloned().expect("a rule");
    assert_eq!(rule("mgn-https").addresses, [ip.to_string()]);
    assert_eq!((rule("s3-https").addresses.len(), rule("s3-https").subnets.len()), (0, 2));
    assert_eq!(facts.dns_forwarders.iter().map(|one| one.targets.len()).collect::<Vec<_>>(), [0, 0]);
    assert_eq!(facts.endpoints, []);
}

#[test]
fn every_fact_changes_the_revision_and_is_listed_as_a_change() {
    let built = Lab::built();
    let before = first(&built);
    let again = status(facts_of(&built).expect("facts"), Some(&before), None);
    assert_eq!(again, before, "equal facts have one status");

    let mut lab = built.clone();
    lab.settings.sources.insert("10.50.0.0/16".parse().expect("a range"));
    let sources = status(facts_of(&lab).expect("facts"), Some(&before), None);
    let rules = ["mgn-https", "replication", "s3-https"].map(|id| (format!("firewallRules/{id}"), ChangeKind::Changed));
    assert_eq!(subjects(&sources), rules.each_ref().map(|(subject, kind)| (subject.as_str(), *kind)));

    let mut lab = built.clone();
    lab.settings.buckets.required.push("a-new-bucket".to_owned());
    let bucket = status(facts_of(&lab).expect("facts"), Some(&before), None);
    let name = "names/a-new-bucket.s3.ap-northeast-1.amazonaws.com";
    assert_eq!(subjects(&bucket), [(name, ChangeKind::Added)]);

    let mut lab = built.clone();
    lab.settings.resolver = Resolver::Disabled;
    let resolver = status(facts_of(&lab).expect("facts"), Some(&before), None);
    assert_eq!(
        resolver.changes.iter().filter(|change| change.change == ChangeKind::Removed).count(),
        4,
        "{:?}",
        resolver.changes
    );

    let mut lab = built.clone();
    let s3 = lab.observed.resources.live(&identity(), Slot::Endpoint(EndpointKey::S3_INTERFACE)).expect("it exists");
    endpoint_without_names(&mut lab, s3.as_str());
    let endpoint = status(facts_of(&lab).expect("facts"), Some(&before), None);
    assert_eq!(subjects(&endpoint), [("endpoints/s3", ChangeKind::Removed)]);

    let revisions = [&before, &sources, &bucket, &resolver, &endpoint].map(|one| one.revision.clone());
    let distinct: std::collections::BTreeSet<_> = revisions.iter().collect();
    assert_eq!(distinct.len(), 5, "{revisions:?}");
    assert!(revisions.iter().all(|one| one.len() == 10 && one.chars().all(|c| c.is_ascii_hexdigit())), "{revisions:?}");

    // What on-premises teams do not see changes nothing.
    let mut lab = built.clone();
    lab.settings.tags.insert("team".to_owned(), "billing".to_owned());
    lab.settings.endpoints.remove(&EndpointKey::interface(Service::Ec2));
    assert_eq!(first(&lab).revision, before.revision);
}

#[test]
fn an_acknowledged_revision_closes_all_work_and_a_change_reopens_only_its_own() {
    let built = Lab::built();
    let known = first(&built);
    assert_eq!(open(&known).len(), 4);
    let reason = |status: &OnPremisesStatus, acknowledged| {
        condition(Some(status), acknowledged, false).map(|(_, reason, _)| reason)
    };
    assert_eq!(reason(&known, None), Some(Reason::NotAcknowledged));
    let done = status(facts_of(&built).expect("facts"), Some(&known), Some(&known.revision));
    assert_eq!((open(&done), reason(&done, Some(&known.revision))), (vec![], Some(Reason::Acknowledged)));

    let mut lab = built.clone();
    lab.settings.sources.insert("10.50.0.0/16".parse().expect("a range"));
    let changed = status(facts_of(&lab).expect("facts"), Some(&done), Some(&known.revision));
    assert_eq!(
        (open(&changed), reason(&changed, Some(&known.revision))),
        (vec![ChecklistWork::Firewall], Some(Reason::RevisionChanged))
    );
    let message = condition(Some(&changed), Some(&known.revision), false).expect("a condition").2;
    for words in [&known.revision, &changed.revision, "1 of 4 items", "`mgnet.dev/on-premises-done`"] {
        assert!(message.contains(words), "{message}");
    }
    // An older revision, or another text, acknowledges nothing.
    assert_eq!(open(&status(facts_of(&lab).expect("facts"), Some(&known), Some("yes"))).len(), 4);
    assert_eq!(condition(MigrationNetworkStatus::default().on_premises.as_ref(), Some("yes"), false), None);
}

/// A version of the operator that words its messages differently must not change the revision: firewall teams would compare
/// hundreds of rules for nothing.
#[test]
fn the_facts_contain_no_wording() {
    fn texts(value: &serde_json::Value, found: &mut Vec<String>) {
        match value {
            serde_json::Value::String(text) => found.push(text.clone()),
            serde_json::Value::Array(items) => items.iter().for_each(|item| texts(item, found)),
            serde_json::Value::Object(members) => members.values().for_each(|member| texts(member, found)),
            _ => {}
        }
    }
    let OnPremisesStatus { firewall_rules, dns_forwarders, names, revision, .. } = first(&Lab::built());
    let mut found = Vec::new();
    texts(&serde_json::json!([firewall_rules, dns_forwarders, names]), &mut found);
    // IDs, ranges, addresses, names and words of the schema.
    let is_plain = |text: &String| text.chars().all(|c| c.is_ascii_alphanumeric() || "./-".contains(c));
    assert!(found.len() > 50 && found.iter().all(is_plain), "{found:?}");
    // This revision may change only if AWS needs something else, or if a later version knows more facts.
    insta::assert_snapshot!(revision);
}

/// The condition remembers the deletion, so that it is reported once.
#[test]
fn the_deletion_of_the_addresses_is_a_reason_of_its_own() {
    let mut lab = Lab::built();
    let state = |status: &OnPremisesStatus| condition(Some(status), Some(&status.revision), true).expect("a condition");
    let (_, reason, message) = state(&first(&lab));
    assert_eq!(reason, Reason::Deleting);
    assert!(message.contains("mgn.ap-northeast-1.amazonaws.com and s3.ap-northeast-1.amazonaws.com"), "{message}");
    lab.settings.resolver = Resolver::Disabled;
    let (_, _, message) = state(&first(&lab));
    assert!(message.contains("hosts files"), "{message}");
    // Nothing was built, so nothing is deleted.
    let mut planned = first(&lab);
    planned.basis = OnPremisesBasis::Planned;
    assert_eq!(state(&planned).1, Reason::Acknowledged);
}
