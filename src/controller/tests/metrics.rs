//! Tests of the metrics: what is reported of networks and classes, and that `docs/metrics.md` lists all metrics.

use std::{collections::BTreeMap, fmt::Write as _, fs, path::Path, sync::Arc, time::Duration};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::core::{DeserializeGuard, error_boundary::InvalidObject};

use crate::{
    api::{
        ConditionStatus, ConditionType, MigrationNetwork, MigrationNetworkClass, MigrationNetworkClassSpec,
        MigrationNetworkSpec, Reason, conditions,
    },
    aws::RequestMetrics,
    controller::{
        Metrics,
        orphans::AccountRegion,
        runtime::{
            fair_queue::FairQueue,
            metrics::{self, ObjectKind, OrphanGauges, Outcome},
        },
        store::Key,
    },
    model::{
        failure::FailureClass,
        slot::{EndpointKey, Slot},
    },
};

fn key(name: &str) -> Key {
    Key { namespace: "team".to_owned(), name: name.to_owned() }
}

fn network(name: &str) -> MigrationNetwork {
    let mut network = MigrationNetwork::new(name, MigrationNetworkSpec::default());
    network.metadata.namespace = Some("team".to_owned());
    network
}

/// A network of the class that is not Ready since 1970-01-01 00:00:42.
fn blocked(name: &str, class: &str) -> MigrationNetwork {
    let mut network = network(name);
    let status = network.status.get_or_insert_default();
    status.class_name = Some(class.to_owned());
    let state = (ConditionStatus::False, Reason::TrafficBlocked, "the message is not a label");
    conditions::set(&mut status.conditions, ConditionType::Ready, state, 1, jiff::Timestamp::constant(42, 0));
    network
}

fn unreadable(name: &str) -> DeserializeGuard<MigrationNetwork> {
    let metadata = network(name).metadata;
    DeserializeGuard(Err(InvalidObject { error: "unknown variant `Later`".to_owned(), metadata }))
}

fn class(name: &str) -> Arc<DeserializeGuard<MigrationNetworkClass>> {
    Arc::new(DeserializeGuard(Ok(MigrationNetworkClass::new(name, MigrationNetworkClassSpec::default()))))
}

/// Metrics of a process whose caches contain these networks and the class `corp`.
fn observing(networks: Vec<DeserializeGuard<MigrationNetwork>>) -> Metrics {
    let metrics = Metrics::default();
    let networks: Vec<_> = networks.into_iter().map(Arc::new).collect();
    let collector = metrics::Networks::new(&metrics, move || networks.clone(), || vec![class("corp")]);
    metrics.add_collector(collector);
    metrics
}

fn samples<'t>(text: &'t str, name: &str) -> Vec<&'t str> {
    text.lines().filter(|line| line.starts_with(&format!("{name}{{"))).collect()
}

#[test]
fn a_leader_reports_the_conditions_of_networks_and_a_standby_does_not() {
    let metrics = observing(vec![DeserializeGuard(Ok(blocked("tokyo", "corp")))]);
    assert!(!metrics.text().contains("tokyo"));
    assert!(metrics.text().contains(r#"leader_election_master_status{name="mgnet-controller"} 0"#));
    metrics.leadership.lead();
    let text = metrics.text();
    assert!(text.contains(r#"leader_election_master_status{name="mgnet-controller"} 1"#), "{text}");
    assert_eq!(samples(&text, "mgnet_networks"), [r#"mgnet_networks{class="corp"} 1"#]);
    assert_eq!(
        samples(&text, "mgnet_network_condition"),
        [
            r#"mgnet_network_condition{namespace="team",name="tokyo",type="Ready",status="False",reason="TrafficBlocked"} 1"#
        ]
    );
    assert_eq!(
        samples(&text, "mgnet_network_condition_transition_timestamp_seconds"),
        [r#"mgnet_network_condition_transition_timestamp_seconds{namespace="team",name="tokyo",type="Ready"} 42"#]
    );
}

#[test]
fn objects_that_cannot_be_read_are_counted() {
    let metrics = observing(vec![unreadable("tokyo"), DeserializeGuard(Ok(network("osaka")))]);
    metrics.leadership.lead();
    assert_eq!(
        samples(&metrics.text(), "mgnet_unreadable_objects"),
        [
            r#"mgnet_unreadable_objects{kind="MigrationNetwork"} 1"#,
            r#"mgnet_unreadable_objects{kind="MigrationNetworkClass"} 0"#
        ]
    );
}

#[test]
fn nothing_remains_of_a_deleted_network() {
    let metrics = observing(vec![DeserializeGuard(Ok(network("osaka"))), unreadable("kyoto")]);
    metrics.leadership.lead();
    for name in ["tokyo", "osaka", "kyoto"] {
        metrics.per_network.observed(&key(name), jiff::Timestamp::constant(7, 0));
        metrics.per_network.repaired(&key(name), &[Slot::Resolver].into());
    }
    let text = metrics.text();
    assert!(!text.contains("tokyo"), "{text}");
    assert_eq!(
        samples(&text, "mgnet_network_last_observation_timestamp_seconds"),
        ["kyoto", "osaka"].map(|name| format!(
            "mgnet_network_last_observation_timestamp_seconds{{namespace=\"team\",name=\"{name}\"}} 7"
        ))
    );
}

#[test]
fn results_and_rejected_writes_are_reported_from_the_start() {
    let metrics = Metrics::default();
    metrics.reconciles.ended(ObjectKind::Network, Outcome::Panic, Duration::from_millis(70));
    metrics.reconciles.rejected(ObjectKind::Class);
    let text = metrics.text();
    assert_eq!(samples(&text, "mgnet_reconciles_total").len(), 10);
    assert!(text.contains(r#"mgnet_reconciles_total{kind="MigrationNetwork",result="panic"} 1"#), "{text}");
    assert!(text.contains(r#"mgnet_reconciles_total{kind="MigrationNetworkClass",result="success"} 0"#), "{text}");
    assert!(text.contains(r#"mgnet_rejected_writes_total{kind="MigrationNetworkClass"} 1"#), "{text}");
    assert!(text.contains(r#"mgnet_rejected_writes_total{kind="MigrationNetwork"} 0"#), "{text}");
    assert!(text.contains(r#"mgnet_reconcile_duration_seconds_bucket{kind="MigrationNetwork",le="0.1"} 1"#), "{text}");
}

/// Returns metrics with a value for each metric that the operator can report.
fn complete() -> Metrics {
    let mut deleted = blocked("tokyo", "corp");
    deleted.metadata.deletion_timestamp = Some(Time(jiff::Timestamp::constant(50, 0)));
    let metrics = observing(vec![DeserializeGuard(Ok(deleted))]);
    metrics.leadership.lead();
    metrics.add_collector(metrics::Queue::new(&metrics, FairQueue::default()));
    metrics.reconciles.ended(ObjectKind::Network, Outcome::Success, Duration::ZERO);
    metrics.per_network.observed(&key("tokyo"), jiff::Timestamp::constant(60, 0));
    metrics.per_network.repaired(&key("tokyo"), &[Slot::Endpoint(EndpointKey::S3_GATEWAY)].into());
    let account_region = AccountRegion { account: "111122223333".to_owned(), region: "ap-northeast-1".to_owned() };
    let none = OrphanGauges::new(&[].into(), &[].into(), 70);
    metrics.orphans.set(BTreeMap::from([(account_region, Some(none))]));
    let requests = RequestMetrics::default();
    requests.fill();
    metrics.add(|registry| requests.register(registry));
    metrics
}

/// Returns the rows of `docs/metrics.md`, one for each metric, in alphabetical order.
fn table(text: &str) -> String {
    let mut rows = BTreeMap::new();
    let mut help = BTreeMap::new();
    for line in text.lines() {
        if let Some((name, text)) = line.strip_prefix("# HELP ").and_then(|rest| rest.split_once(' ')) {
            help.insert(name, text);
        }
        if let Some((name, type_)) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' ')) {
            let is_of = |sample: &&str| {
                let rest = sample.strip_prefix(name).unwrap_or_default();
                ["{", " ", "_bucket{", "_count{"].iter().any(|end| rest.starts_with(end))
            };
            let sample = text.lines().find(is_of).unwrap_or_else(|| panic!("{name} has no sample"));
            let labels = sample.split_once('{').map_or("", |(_, labels)| labels.split_once('}').expect("labels").0);
            let names = labels.split(',').filter_map(|label| label.split_once('=')).map(|(name, _)| name);
            let names: Vec<String> = names.filter(|name| *name != "le").map(|name| format!("`{name}`")).collect();
            rows.insert(name, (type_, names.join(", ")));
        }
    }
    rows.iter().fold(String::new(), |mut table, (name, (type_, labels))| {
        let _ = writeln!(table, "| `{name}` | {type_} | {labels} | {} |", help[name]);
        table
    })
}

#[test]
fn the_documentation_lists_all_metrics() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/metrics.md");
    let page = fs::read_to_string(&path).expect("the page is part of the repository");
    let head = "| metric | type | labels | meaning |\n|---|---|---|---|\n";
    let (before, rest) = page.split_once(head).expect("the page has the table");
    let after = rest.split_once("\n\n").map_or("", |(_, after)| after);
    let generated = format!("{before}{head}{}\n{after}", table(&complete().text()));
    if std::env::var_os("MGNET_WRITE_DOCS").is_some() {
        fs::write(&path, &generated).expect("the page can be written");
    }
    assert!(page == generated, "docs/metrics.md is not what `make generate` writes");
}

#[test]
fn an_error_code_that_the_operator_does_not_know_makes_no_label() {
    let requests = RequestMetrics::default();
    requests.fill();
    let metrics = Metrics::default();
    metrics.add(|registry| requests.register(registry));
    let text = metrics.text();
    let codes: Vec<_> = samples(&text, "mgnet_aws_requests_total");
    assert!(codes.iter().any(|sample| sample.contains(r#"code="Other""#)), "{codes:?}");
    assert!(!text.contains(&format!("{:?}", FailureClass::Unknown)), "{text}");
}
