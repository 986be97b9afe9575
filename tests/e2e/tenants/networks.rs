//! Networks that the API server admits, but the operator refuses: it writes nothing to AWS for them, and their status
//! reveals nothing about other tenants.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use kube::ResourceExt;
use kube::{Api, api::PostParams};
use mgnet::api::{ConditionType, MigrationNetwork, Reason};
use serde_json::{Value, json};
use support::Lab;

use super::scene::Scene;
use support::foreign::existing;
use support::waiting::{close, condition, listed, message, until_observed};

/// The attempt, the part of the spec, and the condition and reason of the refusal.
type Attempt = (&'static str, fn(&Scene) -> Result<Value>, ConditionType, Reason);

use ConditionType::{Accepted, NetworkResolved};

fn of_class(scene: &Scene, which: &str) -> Value {
    json!({ "migrationNetworkClassName": format!("{which}-{}", scene.site.account) })
}

/// Returns the spec of a network of the class with limits, with additional fields.
fn limited(scene: &Scene, more: &Value) -> Value {
    let mut spec = of_class(scene, "limited");
    for (field, value) in more.as_object().into_iter().flatten() {
        spec[field] = value.clone();
    }
    spec
}

fn their_vpc(scene: &Scene, more: &Value) -> Value {
    let mut spec = json!({ "vpc": { "id": scene.site.landing.vpc } });
    for (field, value) in more.as_object().into_iter().flatten() {
        spec[field] = value.clone();
    }
    spec
}

pub(super) const NETWORKS: [Attempt; 27] = [
    ("no such class", |scene| Ok(of_class(scene, "none")), Accepted, Reason::ClassNotFound),
    (
        "a class that admits no namespace",
        |scene| Ok(of_class(scene, "none-allowed")),
        Accepted,
        Reason::NamespaceNotAllowed,
    ),
    (
        "a class without `allowedNamespaces`",
        |scene| Ok(of_class(scene, "unspecified")),
        Accepted,
        Reason::NamespaceNotAllowed,
    ),
    (
        "a class for other namespaces, by label",
        |scene| Ok(of_class(scene, "labelled")),
        Accepted,
        Reason::NamespaceNotAllowed,
    ),
    (
        "a class for another namespace, by name",
        |scene| Ok(of_class(scene, "named")),
        Accepted,
        Reason::NamespaceNotAllowed,
    ),
    ("a VPC that is taken, by id", |scene| Ok(their_vpc(scene, &json!({}))), Accepted, Reason::Conflicted),
    (
        "a VPC that is taken, by tag",
        |_| Ok(json!({ "vpc": { "tags": { "tenant": "first" } } })),
        Accepted,
        Reason::Conflicted,
    ),
    (
        "a VPC that is taken, with a plan only",
        |scene| Ok(their_vpc(scene, &json!({ "managementPolicy": "Plan" }))),
        Accepted,
        Reason::Conflicted,
    ),
    (
        "a VPC that is taken, with adoption of everything in it",
        |scene| Ok(their_vpc(scene, &json!({ "adoptionPolicy": "Any" }))),
        Accepted,
        Reason::Conflicted,
    ),
    (
        "a VPC that is taken, suspended, to see an endpoint",
        |scene| {
            let id = &scene.resources.endpoint("mgn")?.id;
            Ok(their_vpc(scene, &json!({ "suspend": true, "endpoints": [existing("mgn", "Interface", id)] })))
        },
        Accepted,
        Reason::Conflicted,
    ),
    (
        "a VPC that is taken, suspended, to see the owner of an address",
        |scene| {
            let address = scene.resources.resolver()?.addresses.first().context("no address")?;
            let fixed = json!([{ "subnetID": address.subnet, "ip": address.address }]);
            Ok(their_vpc(scene, &json!({ "suspend": true, "resolver": { "addresses": fixed } })))
        },
        Accepted,
        Reason::Conflicted,
    ),
    (
        "another tenant's endpoint as an existing one",
        |scene| Ok(json!({ "endpoints": [existing("mgn", "Interface", &scene.resources.endpoint("mgn")?.id)] })),
        NetworkResolved,
        Reason::ExistingUnfit,
    ),
    (
        "another tenant's security group as an existing one",
        |scene| {
            let group = scene.resources.groups.first().context("no group")?;
            Ok(json!({ "endpointSecurityGroup": { "mode": "Existing", "ids": [group.id] } }))
        },
        NetworkResolved,
        Reason::ExistingUnfit,
    ),
    (
        "another tenant's security group for its replication servers",
        |scene| {
            let group = scene.resources.groups.first().context("no group")?;
            Ok(json!({ "replication": { "securityGroup": { "mode": "Existing", "id": group.id } } }))
        },
        NetworkResolved,
        Reason::ExistingUnfit,
    ),
    (
        "another tenant's resolver as an existing one",
        |scene| Ok(json!({ "resolver": { "mode": "Existing", "endpointID": scene.resources.resolver()?.id } })),
        NetworkResolved,
        Reason::ExistingUnfit,
    ),
    (
        "another tenant's subnets",
        |scene| {
            let landing = &scene.site.landing;
            let ids = [landing.subnet("endpoints-1")?, landing.subnet("endpoints-2")?];
            Ok(json!({ "subnets": { "endpoints": { "ids": ids } } }))
        },
        NetworkResolved,
        Reason::SubnetsInDifferentVpcs,
    ),
    (
        "another tenant's subnet for an address",
        |scene| {
            let subnet = scene.site.landing.subnet("endpoints-1")?;
            Ok(json!({ "resolver": { "addresses": [{ "subnetID": subnet, "ip": "10.20.1.77" }] } }))
        },
        NetworkResolved,
        Reason::AddressUnusable,
    ),
    (
        "another tenant's policy",
        |_| {
            let reference = json!({ "name": "policies", "key": "all" });
            Ok(json!({ "endpointPolicy": { "type": "ConfigMap", "configMapKeyRef": reference } }))
        },
        Accepted,
        Reason::InvalidSpec,
    ),
    (
        "a VPC beyond the limit, by id",
        |scene| Ok(limited(scene, &their_vpc(scene, &json!({})))),
        Accepted,
        Reason::LimitExceeded,
    ),
    (
        "a VPC beyond the limit, by tag",
        |scene| Ok(limited(scene, &json!({ "vpc": { "tags": { "tenant": "first" } } }))),
        Accepted,
        Reason::LimitExceeded,
    ),
    (
        "sources beyond the limit",
        |scene| Ok(limited(scene, &json!({ "sourceCIDRs": ["192.168.10.0/24", "10.0.0.0/8"] }))),
        Accepted,
        Reason::LimitExceeded,
    ),
    (
        "proxies beyond the limit",
        |scene| Ok(limited(scene, &json!({ "proxyCIDRs": ["10.9.0.0/24"] }))),
        Accepted,
        Reason::LimitExceeded,
    ),
    (
        "resolver clients beyond the limit",
        |scene| Ok(limited(scene, &json!({ "resolver": { "clientCIDRs": ["10.9.0.0/24"] } }))),
        Accepted,
        Reason::LimitExceeded,
    ),
    (
        "a service beyond the limit",
        |scene| Ok(limited(scene, &json!({ "endpoints": [{ "service": "kms", "type": "Interface" }] }))),
        Accepted,
        Reason::LimitExceeded,
    ),
    (
        "retention of all resources, against the limit",
        |scene| Ok(limited(scene, &json!({ "deletionPolicy": "Retain" }))),
        Accepted,
        Reason::LimitExceeded,
    ),
    (
        "adoption of retained resources, against the limit",
        |scene| Ok(limited(scene, &json!({ "adoptionPolicy": "Retained" }))),
        Accepted,
        Reason::LimitExceeded,
    ),
    (
        "adoption of unowned resources, against the limit",
        |scene| Ok(limited(scene, &json!({ "adoptionPolicy": "Any", "suspend": true }))),
        Accepted,
        Reason::LimitExceeded,
    ),
];

/// Creates the classes that the second tenant may not use, or may use only within limits.
async fn make_classes(scene: &Scene) -> Result<()> {
    let labels = |key: &str, value: &str| json!({ "from": "Selector", "selector": { "matchLabels": { key: value } } });
    let all = json!({ "from": "All" });
    let limits = json!({
        "vpcs": [scene.intruder.landing.vpc],
        "sourceCIDRs": ["192.168.0.0/16"],
        "services": ["mgn", "s3", "ec2", "ssm", "ssmmessages", "ec2messages"],
        "deletionPolicies": ["Delete"],
        "adoptionPolicies": ["Never"],
    });
    let named = labels("kubernetes.io/metadata.name", &scene.site.namespace);
    for (name, allowed, limits) in [
        ("none-allowed", json!({ "from": "None" }), Value::Null),
        ("unspecified", Value::Null, Value::Null),
        ("labelled", labels("migration", "admitted"), Value::Null),
        ("named", named, Value::Null),
        ("limited", all.clone(), limits),
        ("one", all, json!({ "networksPerNamespace": 1 })),
    ] {
        let mut class = scene.site.classes().get(&scene.intruder.class_name).await?;
        class.metadata = kube::api::ObjectMeta::default();
        class.status = None;
        class.metadata.name = Some(format!("{name}-{}", scene.site.account));
        class.spec.allowed_namespaces = serde_json::from_value(allowed)?;
        class.spec.limits = serde_json::from_value(limits)?;
        scene.site.make_class(class).await?;
    }
    Ok(())
}

/// Whether the condition is false for this reason, and refers to the current spec.
fn is_refused(network: &MigrationNetwork, type_: ConditionType, reason: Reason) -> bool {
    network.status.as_ref().map(|status| status.observed_generation) == network.metadata.generation
        && condition(network, type_).is_some_and(|(status, why, _)| status == "False" && why == reason.as_str())
}

#[tokio::test]
async fn forbidden_networks_are_refused_without_writes_and_reveal_nothing() -> Result<()> {
    let lab = Lab::real_shared().await?;
    let mut scene = Scene::set(&lab, "told").await?;
    make_classes(&scene).await?;
    support::waiting::tag(&scene.site, &scene.site.landing.vpc, "tenant", "first").await?;
    scene.site.write_config_map("policies", "all", &json!({ "Statement": [] }).to_string()).await?;
    scene.mark = scene.site.last_call().await?;
    let mut networks = Vec::new();
    for (number, (what, spec, type_, reason)) in NETWORKS.into_iter().enumerate() {
        let spec = spec(&scene).context(what)?;
        let network = scene.intruder.network(&format!("attempt-{number}")).spec(&spec).apply().await.context(what)?;
        networks.push((what, spec.to_string(), network, type_, reason));
    }
    let mut own_words = String::new();
    for (what, spec, network, type_, reason) in &networks {
        let refused = network.until(what, |network| is_refused(network, *type_, *reason)).await?;
        ensure!(refused.finalizers().is_empty(), "{what}: {:?}", refused.finalizers());
        let status = refused.status.as_ref().context("no status")?;
        ensure!(
            status.claims.is_empty() && status.endpoints.is_empty() && status.plan.is_none(),
            "{what}: {status:#?}"
        );
        scene.reveals_nothing(what, &serde_json::to_string(status)?, spec)?;
        if matches!(reason, Reason::NamespaceNotAllowed | Reason::ClassNotFound) {
            let reported = serde_json::to_string(status)?;
            for secret in [scene.site.account.clone() + ":", "externalID".to_owned(), "arn:aws".to_owned()] {
                ensure!(!reported.contains(&secret), "{what}: '{secret}' of a class is in {reported}");
            }
            ensure!(
                status.account.is_none() && status.region.is_none() && status.vpc_id.is_none(),
                "{what}: {reported}"
            );
        }
        own_words += spec;
    }
    check_network_limit(&scene).await?;
    until_observed(&scene.site, 2 * networks.len()).await?;
    for (what, spec, network, ..) in &networks {
        scene.reveals_nothing(what, &serde_json::to_string(&network.status().await?)?, spec)?;
        network.delete_and_wait().await?;
    }
    scene.events_reveal_nothing(&own_words).await?;
    let writes = scene.site.writes_after(scene.mark).await?;
    ensure!(writes.is_empty(), "{}", listed(&writes));
    scene.victim_is_untouched().await?;
    close(&scene.intruder_as_administrator()).await?;
    close(&scene.site).await
}

/// Creates a second network where the limit is one, with a forged `creationTimestamp` that makes it look older.
async fn check_network_limit(scene: &Scene) -> Result<()> {
    let class = format!("one-{}", scene.site.account);
    let of_class = |name: &str| {
        let class = class.clone();
        scene.intruder.network(name).suspended().with(|spec| spec.migration_network_class_name = Some(class))
    };
    let first = of_class("first").apply().await?;
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let mut second = serde_json::to_value(of_class("second").object())?;
    second["metadata"]["creationTimestamp"] = "2001-01-01T00:00:00Z".into();
    second["metadata"]["uid"] = "00000000-0000-4000-8000-000000000000".into();
    let api = Api::<MigrationNetwork>::namespaced(scene.tenant.kube.clone(), &scene.tenant.namespace);
    api.create(&PostParams::default(), &serde_json::from_value(second)?).await?;
    let second = scene.intruder.existing_network("second");
    let refused = second.until("the limit is exceeded", |one| is_refused(one, Accepted, Reason::LimitExceeded)).await?;
    ensure!(message(&refused, Accepted)?.contains("networksPerNamespace"), "{refused:#?}");
    let first_one = first.until_condition(ConditionType::Suspended, mgnet::api::ConditionStatus::True).await?;
    ensure!(condition(&first_one, Accepted).is_some_and(|(status, ..)| status == "True"), "{first_one:#?}");
    first.delete_and_wait().await?;
    second.delete_and_wait().await
}
