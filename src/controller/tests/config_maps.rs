//! The hand-off in a ConfigMap: when it is written, restored and deleted, and that nothing else of the network depends on it.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ConfigMap;
use kube::{ResourceExt, api::ObjectMeta};

use crate::{
    api::{
        ConditionType, ConfigMapState, ManagementPolicy, ON_PREMISES_DIGEST_ANNOTATION, ON_PREMISES_REVISION_LABEL,
        OnPremisesConfigMap, OnPremisesSpec, OnPremisesStatus, Toggle, conditions::is_true,
    },
    controller::{Context, Next, StoreError, tests::fakes::Fake},
    model::{ownership::OWNER_TAG, testing::identity},
};

const NAME: &str = "tokyo-onprem";

fn set(fake: &Fake, config_map: Toggle) {
    for class in fake.world().classes.values_mut() {
        class.spec.on_premises = Some(OnPremisesSpec { config_map: Some(config_map) });
    }
}

/// Builds a network whose class enables the ConfigMap.
async fn built() -> (Fake, Context<Fake, Fake>) {
    let fake = Fake::tokyo();
    set(&fake, Toggle::Enabled);
    let context = fake.context();
    fake.settle(&context).await;
    (fake, context)
}

fn stored(fake: &Fake) -> ConfigMap {
    fake.world().hand_offs.get(NAME).cloned().expect("the ConfigMap is there")
}

fn edit(fake: &Fake, change: impl FnOnce(&mut ConfigMap)) {
    let mut world = fake.world();
    let config_map = world.hand_offs.get_mut(NAME).expect("the ConfigMap is there");
    change(config_map);
    config_map.metadata.resource_version = Some("edited".to_owned());
}

fn hand_off(fake: &Fake) -> OnPremisesStatus {
    fake.network().status.and_then(|status| status.on_premises).expect("there is a hand-off")
}

fn reported(fake: &Fake) -> Option<OnPremisesConfigMap> {
    hand_off(fake).config_map
}

fn state(fake: &Fake) -> Option<ConfigMapState> {
    reported(fake).map(|config_map| config_map.state)
}

fn is_ready(fake: &Fake) -> bool {
    is_true(&fake.network().status.expect("a status").conditions, ConditionType::Ready)
}

/// Returns the reasons of the events about the ConfigMap.
fn events(fake: &Fake) -> Vec<String> {
    let world = fake.world();
    let reasons = world.events.iter().filter(|event| event.reason.starts_with("OnPremisesConfigMap"));
    reasons.map(|event| event.reason.clone()).collect()
}

fn foreign() -> ConfigMap {
    let metadata =
        ObjectMeta { name: Some(NAME.to_owned()), resource_version: Some("1".to_owned()), ..ObjectMeta::default() };
    let data = Some(BTreeMap::from([("hosts".to_owned(), "theirs".to_owned())]));
    ConfigMap { metadata, data, ..ConfigMap::default() }
}

#[tokio::test]
async fn a_class_without_it_causes_no_request() {
    for config_map in [None, Some(Toggle::Disabled)] {
        let fake = Fake::tokyo();
        if let Some(config_map) = config_map {
            set(&fake, config_map);
        }
        let log = fake.settle(&fake.context()).await;
        assert_eq!(fake.world().hand_off_requests, 0, "{log:#?}");
        assert_eq!(reported(&fake), None);
    }
}

#[tokio::test]
async fn it_is_written_after_the_status_and_then_only_read() {
    let fake = Fake::tokyo();
    set(&fake, Toggle::Enabled);
    let context = fake.context();
    let log = fake.settle(&context).await;
    let first = log.iter().position(|line| line.starts_with("ConfigMap")).expect("it is written");
    assert_eq!(log[first - 1..=first + 2], ["status", "ConfigMap created", "ConfigMap applied", "status"]);
    assert_eq!(log.iter().filter(|line| line.starts_with("ConfigMap")).count(), 2, "{log:#?}");
    let name = NAME.to_owned();
    assert_eq!(reported(&fake), Some(OnPremisesConfigMap { name, state: ConfigMapState::Current, message: None }));

    let before = fake.world().hand_off_requests;
    let (_, log) = fake.reconcile(&context).await;
    assert_eq!((log, fake.world().hand_off_requests), (Vec::new(), before + 1));
}

#[tokio::test]
async fn it_has_every_format_and_is_owned_by_the_network() {
    let (fake, _) = built().await;
    let config_map = stored(&fake);
    assert_eq!(config_map.labels().get(ON_PREMISES_REVISION_LABEL), Some(&hand_off(&fake).revision));
    let files = config_map.data.expect("it has files");
    for format in <crate::hand_off::Format as clap::ValueEnum>::value_variants() {
        let text = files.get(format.file_name()).expect("the file of each format");
        assert!(text.contains(&hand_off(&fake).revision), "{text}");
    }
    let is_key = |name: &String| name.chars().all(|c| c.is_ascii_alphanumeric() || "-._".contains(c));
    assert!(files.keys().all(is_key), "ConfigMaps have no such keys: {:?}", files.keys());
    let [owner] = config_map.metadata.owner_references.as_deref().expect("it has an owner") else {
        panic!("one owner")
    };
    assert_eq!((owner.kind.as_str(), owner.name.as_str()), ("MigrationNetwork", "tokyo"));
    assert_eq!((owner.uid.clone(), owner.block_owner_deletion), (identity().uid, None));
}

#[tokio::test]
async fn it_follows_the_facts() {
    let (fake, context) = built().await;
    let before = stored(&fake);
    fake.edit(|network| network.spec.source_cidrs = Some(vec!["192.168.20.0/24".to_owned()]));
    fake.settle(&context).await;
    let after = stored(&fake);
    assert_ne!(after.labels().get(ON_PREMISES_REVISION_LABEL), before.labels().get(ON_PREMISES_REVISION_LABEL));
    assert!(after.data.expect("files")["firewall.csv"].contains("192.168.20.0/24"));
    assert_eq!(events(&fake), Vec::<String>::new());
}

#[tokio::test]
async fn edits_by_hand_are_restored() {
    type Edit = fn(&mut ConfigMap);
    let edits: [(&str, bool, Edit); 6] = [
        ("another text", true, |one| {
            one.data.get_or_insert_default().insert("hosts".to_owned(), "10.66.6.6 evil".to_owned());
        }),
        ("a missing file", true, |one| drop(one.data.get_or_insert_default().remove("unbound.conf"))),
        ("no files", true, |one| one.data = None),
        ("another digest", false, |one| {
            one.annotations_mut().insert(ON_PREMISES_DIGEST_ANNOTATION.to_owned(), "0".to_owned());
        }),
        ("no owner reference", false, |one| one.metadata.owner_references = None),
        ("no labels", false, |one| one.metadata.labels = None),
    ];
    for (what, is_reported, change) in edits {
        let (fake, context) = built().await;
        let before = stored(&fake);
        edit(&fake, change);
        let (_, log) = fake.reconcile(&context).await;
        assert_eq!(log, ["ConfigMap applied"], "{what}");
        let after = stored(&fake);
        assert_eq!((after.data.clone(), after.labels()), (before.data.clone(), before.labels()), "{what}");
        assert_eq!(after.metadata.owner_references, before.metadata.owner_references, "{what}");
        let expected: &[&str] = if is_reported { &["OnPremisesConfigMapRestored"] } else { &[] };
        assert_eq!(events(&fake), expected, "{what}");
        assert_eq!(fake.reconcile(&context).await.1, Vec::<String>::new(), "{what}");
    }
}

#[tokio::test]
async fn fields_of_other_writers_stay() {
    let (fake, context) = built().await;
    edit(&fake, |one| {
        one.data.get_or_insert_default().insert("notes.txt".to_owned(), "done on Monday".to_owned());
        one.labels_mut().insert("team".to_owned(), "dns".to_owned());
    });
    assert_eq!(fake.reconcile(&context).await.1, Vec::<String>::new());
    assert!(stored(&fake).data.expect("files").contains_key("notes.txt"));
}

#[tokio::test]
async fn a_foreign_config_map_is_kept_and_reported_once() {
    let fake = Fake::tokyo();
    set(&fake, Toggle::Enabled);
    fake.world().hand_offs.insert(NAME.to_owned(), foreign());
    let context = fake.context();
    fake.settle(&context).await;
    fake.reconcile(&context).await;
    assert_eq!(stored(&fake), foreign());
    assert_eq!((state(&fake), is_ready(&fake)), (Some(ConfigMapState::Foreign), true));
    assert_eq!(events(&fake), ["OnPremisesConfigMapForeign"]);

    // It is also kept when the class disables ConfigMaps.
    set(&fake, Toggle::Disabled);
    fake.settle(&context).await;
    assert_eq!((stored(&fake), reported(&fake)), (foreign(), None));

    set(&fake, Toggle::Enabled);
    fake.world().hand_offs.remove(NAME);
    fake.settle(&context).await;
    assert_eq!(state(&fake), Some(ConfigMapState::Current));
    assert_eq!(stored(&fake).labels().get(OWNER_TAG), Some(&identity().uid));
}

#[tokio::test]
async fn a_config_map_of_an_earlier_network_of_that_name_is_foreign() {
    let (fake, context) = built().await;
    edit(&fake, |one| {
        one.labels_mut().insert(OWNER_TAG.to_owned(), "another UID".to_owned());
        // As `kubectl delete --cascade=orphan` leaves it.
        one.metadata.owner_references = None;
    });
    fake.reconcile(&context).await;
    assert_eq!(state(&fake), Some(ConfigMapState::Foreign));
}

#[tokio::test]
async fn a_failure_harms_nothing_else_and_is_reported_once() {
    type Failure = fn() -> StoreError;
    let failures: [(&str, &str, Failure); 3] = [
        ("OnPremisesConfigMapDenied", "handOff.configMaps.enabled", || StoreError::Denied("no right".to_owned())),
        ("OnPremisesConfigMapFailed", "data: immutable", || StoreError::Invalid("data: immutable".to_owned())),
        ("OnPremisesConfigMapFailed", "is repeated", || StoreError::Other("timeout".into())),
    ];
    for (reason, words, error) in failures {
        let fake = Fake::tokyo();
        set(&fake, Toggle::Enabled);
        fake.world().hand_off_error = Some(error);
        let context = fake.context();
        fake.settle(&context).await;
        for _ in 0..3 {
            let (next, log) = fake.reconcile(&context).await;
            assert_eq!(log, Vec::<String>::new());
            assert!(matches!(next, Next::After(delay) if delay.as_secs() >= 48), "it retries at the resync: {next:?}");
        }
        assert!(is_ready(&fake), "{reason}");
        let message = reported(&fake).and_then(|one| one.message).unwrap_or_default();
        assert!(message.contains(NAME) && message.contains(words), "{message}");
        assert_eq!(events(&fake), [reason]);

        fake.world().hand_off_error = None;
        let (_, log) = fake.reconcile(&context).await;
        assert_eq!(log, ["ConfigMap created", "ConfigMap applied", "status"]);
        assert_eq!(state(&fake), Some(ConfigMapState::Current));
    }
}

#[tokio::test]
async fn a_conflict_is_retried_without_a_report() {
    let fake = Fake::tokyo();
    set(&fake, Toggle::Enabled);
    fake.world().hand_off_error = Some(|| StoreError::Conflict);
    let context = fake.context();
    fake.settle(&context).await;
    assert_eq!((state(&fake), events(&fake)), (Some(ConfigMapState::Pending), Vec::new()));
    fake.world().hand_off_error = None;
    fake.reconcile(&context).await;
    assert_eq!(state(&fake), Some(ConfigMapState::Current));

    // The files of the former revision are not reported as current.
    fake.world().hand_off_error = Some(|| StoreError::Conflict);
    fake.edit(|network| network.spec.source_cidrs = Some(vec!["192.168.20.0/24".to_owned()]));
    fake.settle(&context).await;
    assert_eq!(state(&fake), Some(ConfigMapState::Pending));
}

#[tokio::test]
async fn it_is_deleted_when_the_class_disables_it() {
    let (fake, context) = built().await;
    set(&fake, Toggle::Disabled);
    fake.world().hand_off_error = Some(|| StoreError::Denied("no right".to_owned()));
    fake.reconcile(&context).await;
    assert_eq!(state(&fake), Some(ConfigMapState::Denied));

    fake.world().hand_off_error = None;
    let (_, log) = fake.reconcile(&context).await;
    assert_eq!(log, ["ConfigMap deleted", "status"]);
    assert!(fake.world().hand_offs.is_empty());
    assert_eq!(reported(&fake), None);
    let before = fake.world().hand_off_requests;
    fake.reconcile(&context).await;
    assert_eq!(fake.world().hand_off_requests, before);
}

#[tokio::test]
async fn it_stays_while_the_class_is_unknown_or_the_network_is_being_deleted() {
    let (fake, context) = built().await;
    let before = stored(&fake);
    let classes = std::mem::take(&mut fake.world().classes);
    fake.reconcile(&context).await;
    assert_eq!(stored(&fake), before);

    fake.world().classes = classes;
    fake.delete();
    let requests = fake.world().hand_off_requests;
    let log = fake.settle(&context).await;
    assert!(fake.world().networks.is_empty(), "{log:#?}");
    // Kubernetes deletes it with its owner.
    assert_eq!((stored(&fake), fake.world().hand_off_requests), (before, requests));
}

#[tokio::test]
async fn a_planned_network_has_it_before_anything_is_created() {
    let fake = Fake::tokyo();
    set(&fake, Toggle::Enabled);
    fake.edit(|network| network.spec.management_policy = Some(ManagementPolicy::Plan));
    let log = fake.settle(&fake.context()).await;
    assert_eq!(log, ["status", "ConfigMap created", "ConfigMap applied", "status"]);
    assert!(stored(&fake).data.expect("files")["hosts"].contains("planned"));
}

#[tokio::test]
async fn a_network_whose_name_is_too_long_reports_it() {
    let fake = Fake::tokyo();
    set(&fake, Toggle::Enabled);
    let long = |last: usize| format!("{0}.{0}.{0}.{1}", "t".repeat(63), "t".repeat(last));
    let (fits, too_long) = (long(54), long(55));
    fake.add(&fits, "uid-1");
    fake.add(&too_long, "uid-2");
    // Planned, because one network holds the VPC.
    for network in fake.world().networks.values_mut() {
        network.spec.management_policy = Some(ManagementPolicy::Plan);
    }
    let context = fake.context();
    for name in [&fits, &too_long] {
        fake.reconcile_one(&context, name).await;
    }
    let of = |name: &String| {
        let network = fake.world().networks.get(name).cloned().expect("the network is there");
        network.status.and_then(|status| status.on_premises?.config_map).expect("a report")
    };
    assert_eq!(of(&fits).state, ConfigMapState::Current);
    let OnPremisesConfigMap { name, state, message } = of(&too_long);
    assert_eq!((name.as_str(), state), ("", ConfigMapState::Failed));
    assert!(message.is_some_and(|message| message.contains("has 247 characters") && message.contains("at most 246")));

    set(&fake, Toggle::Disabled);
    fake.reconcile_one(&context, &too_long).await;
    let network = fake.world().networks.get(&too_long).cloned().expect("the network is there");
    assert_eq!(network.status.and_then(|status| status.on_premises?.config_map), None);
}
