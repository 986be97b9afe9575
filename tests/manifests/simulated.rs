//! Comparison of the simulated backend's API server with a real one: the same requests get the same answers, as far as
//! the operator and the tests of `tests/behavior` depend on them.

use anyhow::{Context as _, Result};
use kube::api::{Api, DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams, Preconditions};
use kube::config::{Config, KubeConfigOptions, Kubeconfig};
use kube::core::{ApiResource, GroupVersionKind};
use kube::{Client, ResourceExt};
use mgnet::api::FINALIZER;
use serde::Serialize;
use serde_json::{Value, json};
use support::ApiServer;

use crate::control_plane_with_crds;

const NAMESPACE: &str = "alike";

/// The answers to the requests, in order.
#[derive(Default)]
struct Answers(Vec<(&'static str, Value)>);

impl Answers {
    /// Records an answer without the values that differ between servers.
    fn record(&mut self, what: &'static str, answer: kube::Result<impl Serialize>) -> Result<Value> {
        let (recorded, answer) = match answer {
            Ok(answer) => {
                let answer = serde_json::to_value(answer)?;
                (without_server_values(answer.clone()), answer)
            }
            Err(kube::Error::Api(status)) => (json!({ "code": status.code, "reason": status.reason }), Value::Null),
            Err(other) => return Err(other).context(what),
        };
        self.0.push((what, recorded));
        Ok(answer)
    }
}

/// Replaces the values that differ between servers by a fixed text, so that a missing value is still detected, and
/// removes `managedFields`.
fn without_server_values(mut object: Value) -> Value {
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        for (name, value) in metadata.iter_mut() {
            if matches!(name.as_str(), "uid" | "creationTimestamp" | "deletionTimestamp" | "resourceVersion") {
                *value = json!("SOME");
            }
        }
        metadata.remove("managedFields");
    }
    object
}

/// Networks without a typed spec.
fn networks(client: &Client) -> Api<DynamicObject> {
    let kind = GroupVersionKind::gvk("mgnet.dev", "v1alpha1", "MigrationNetwork");
    Api::namespaced_with(client.clone(), NAMESPACE, &ApiResource::from_gvk_with_plural(&kind, "migrationnetworks"))
}

fn namespaces(client: &Client) -> Api<DynamicObject> {
    let kind = GroupVersionKind::gvk("", "v1", "Namespace");
    Api::all_with(client.clone(), &ApiResource::from_gvk_with_plural(&kind, "namespaces"))
}

fn leases(client: &Client) -> Api<DynamicObject> {
    let kind = GroupVersionKind::gvk("coordination.k8s.io", "v1", "Lease");
    Api::namespaced_with(client.clone(), NAMESPACE, &ApiResource::from_gvk_with_plural(&kind, "leases"))
}

fn object(value: Value) -> Result<DynamicObject> {
    Ok(serde_json::from_value(value)?)
}

fn network(name: &str, spec: &Value) -> Value {
    json!({ "apiVersion": "mgnet.dev/v1alpha1", "kind": "MigrationNetwork", "metadata": { "name": name }, "spec": spec })
}

fn lease(holder: &str) -> Value {
    json!({
        "apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": { "name": "vpc", "labels": { "of": "one" } },
        "spec": { "holderIdentity": holder },
    })
}

async fn create_and_edit(client: &Client, answers: &mut Answers) -> Result<()> {
    let (api, create, plain) = (networks(client), PostParams::default(), PatchParams::default());
    let spec = json!({ "sourceCIDRs": ["10.1.0.0/16"], "unknown": 1 });
    answers.record("created", api.create(&create, &object(network("a", &spec))?).await)?;
    answers.record("created twice", api.create(&create, &object(network("a", &spec))?).await)?;
    let first = answers.record("read", api.get("a").await)?;
    answers.record("not found", api.get("b").await)?;
    let edit = Patch::Merge(json!({ "spec": { "tags": { "wave": "1" } } }));
    let edited = answers.record("edited", api.patch("a", &plain, &edit).await)?;
    let again = answers.record("edited to the same", api.patch("a", &plain, &edit).await)?;
    anyhow::ensure!(
        edited["metadata"]["resourceVersion"] == again["metadata"]["resourceVersion"],
        "an edit without a change wrote the object"
    );
    answers.record("replaced at an outdated version", api.replace("a", &create, &object(first.clone())?).await)?;
    let mut unversioned = first;
    unversioned["metadata"]["resourceVersion"] = Value::Null;
    answers.record("replaced without a version", api.replace("a", &create, &object(unversioned)?).await)?;
    let status = json!({ "status": { "observedGeneration": 1, "vpcID": "vpc-1" }, "spec": { "suspend": true } });
    answers.record("status", api.patch_status("a", &plain, &Patch::Merge(status)).await)?;
    let beside = json!({ "status": { "vpcID": "vpc-2" }, "metadata": { "annotations": { "a": "b" } } });
    answers.record("status in a patch of the object", api.patch("a", &plain, &Patch::Merge(beside)).await)?;
    let null = json!({ "spec": { "tags": null } });
    answers.record("removed", api.patch("a", &plain, &Patch::Merge(null)).await)?;
    Ok(())
}

async fn delete_with_finalizers(client: &Client, answers: &mut Answers) -> Result<()> {
    let (api, plain) = (networks(client), PatchParams::default());
    let json_patch = |test: &str, finalizers: Value| -> Result<Patch<()>> {
        let patch = json!([
            { "op": "test", "path": "/metadata/name", "value": test },
            { "op": "add", "path": "/metadata/finalizers", "value": finalizers },
        ]);
        Ok(Patch::Json(serde_json::from_value(patch)?))
    };
    answers
        .record("a JSON patch whose test fails", api.patch("a", &plain, &json_patch("b", json!([FINALIZER]))?).await)?;
    answers.record("finalizer added", api.patch("a", &plain, &json_patch("a", json!([FINALIZER]))?).await)?;
    let deleted = api.delete("a", &DeleteParams::default()).await?.left().context("it is gone")?;
    answers.record("marked as deleted", Ok(deleted))?;
    let more = json!([FINALIZER, "example.com/other"]);
    answers.record("finalizer added during the deletion", api.patch("a", &plain, &json_patch("a", more)?).await)?;
    let last = answers.record("last finalizer removed", api.patch("a", &plain, &json_patch("a", json!([]))?).await)?;
    anyhow::ensure!(!last.is_null(), "the answer to the last write is empty");
    answers.record("gone", api.get("a").await)?;
    answers.record("deleted twice", api.delete("a", &DeleteParams::default()).await.map(|_| ()))?;
    Ok(())
}

async fn apply_server_side(client: &Client, answers: &mut Answers) -> Result<()> {
    let (api, apply) = (networks(client), PatchParams::apply("test"));
    let endpoint = |service: &str| json!({ "service": service, "type": "Interface", "mode": "Disabled" });
    for (what, spec) in [
        ("applied", json!({ "sourceCIDRs": ["10.1.0.0/16", "10.2.0.0/16"], "endpoints": [endpoint("ssm")] })),
        (
            "applied with less",
            json!({ "sourceCIDRs": ["10.2.0.0/16"], "endpoints": [endpoint("ec2"), endpoint("ssm")] }),
        ),
        ("applied without lists", json!({ "suspend": true })),
    ] {
        answers.record(what, api.patch("c", &apply, &Patch::Apply(network("c", &spec))).await)?;
    }
    let named = json!({
        "apiVersion": "mgnet.dev/v1alpha1", "kind": "MigrationNetwork", "metadata": { "generateName": "some-" }, "spec": {},
    });
    let made = api.create(&PostParams::default(), &object(named)?).await?;
    anyhow::ensure!(made.name_any().len() > "some-".len(), "{}", made.name_any());
    api.delete(&made.name_any(), &DeleteParams::default()).await?;
    let listed = api.list_metadata(&ListParams::default()).await?;
    answers.record("metadata only", Ok(listed.items.iter().map(ResourceExt::name_any).collect::<Vec<_>>()))?;
    Ok(())
}

async fn take_and_release_lease(client: &Client, answers: &mut Answers) -> Result<()> {
    let (api, create) = (leases(client), PostParams::default());
    let first = api.create(&create, &object(lease("one"))?).await?;
    answers.record("a lease that is taken", api.create(&create, &object(lease("two"))?).await)?;
    let mut next = first.clone();
    next.data["spec"]["holderIdentity"] = json!("two");
    answers.record("taken over", api.replace("vpc", &create, &next).await)?;
    answers.record("taken over at an outdated version", api.replace("vpc", &create, &next).await)?;
    let as_of = |object: &DynamicObject| {
        let preconditions = Preconditions { uid: object.uid(), resource_version: object.resource_version() };
        DeleteParams::default().preconditions(preconditions)
    };
    for (what, labels) in [("by label", "of=one"), ("by any label", "of"), ("by another label", "of=two")] {
        let listed = api.list(&ListParams::default().labels(labels)).await?;
        answers.record(what, Ok(listed.items.iter().map(ResourceExt::name_any).collect::<Vec<_>>()))?;
    }
    answers.record("deleted at an outdated version", api.delete("vpc", &as_of(&first)).await.map(|_| ()))?;
    let now = api.get("vpc").await?;
    answers.record("deleted at the current version", api.delete("vpc", &as_of(&now)).await.map(|_| ()))?;
    Ok(())
}

async fn delete_namespace(client: &Client, answers: &mut Answers) -> Result<()> {
    let (api, create) = (networks(client), PostParams::default());
    let held = Patch::Merge(json!({ "metadata": { "finalizers": [FINALIZER] } }));
    api.patch("c", &PatchParams::default(), &held).await?;
    namespaces(client).delete(NAMESPACE, &DeleteParams::background()).await?;
    // A controller deletes the objects of the namespace asynchronously.
    while api.get("c").await?.metadata.deletion_timestamp.is_none() {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    answers.record("a network in a namespace that is being deleted", api.get("c").await)?;
    answers.record(
        "a network created in a namespace that is being deleted",
        api.create(&create, &object(network("d", &json!({})))?).await,
    )?;
    api.patch("c", &PatchParams::default(), &Patch::Merge(json!({ "metadata": { "finalizers": null } }))).await?;
    while namespaces(client).get_opt(NAMESPACE).await?.is_some() {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    answers.record(
        "a network created in a deleted namespace",
        api.create(&create, &object(network("d", &json!({})))?).await,
    )?;
    Ok(())
}

async fn answers(client: &Client) -> Result<Answers> {
    let mut answers = Answers::default();
    let namespace = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": NAMESPACE } });
    namespaces(client).create(&PostParams::default(), &object(namespace)?).await?;
    create_and_edit(client, &mut answers).await?;
    delete_with_finalizers(client, &mut answers).await?;
    apply_server_side(client, &mut answers).await?;
    take_and_release_lease(client, &mut answers).await?;
    delete_namespace(client, &mut answers).await?;
    Ok(answers)
}

#[tokio::test]
async fn the_simulated_api_server_gives_the_same_answers_as_a_real_one() -> Result<()> {
    let server = tokio::task::spawn_blocking(control_plane_with_crds).await??;
    let kubeconfig = Kubeconfig::read_from(server.kubeconfig_path())?;
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
    let real = answers(&Client::try_from(config)?).await.context("the real API server")?;
    let simulated = answers(&ApiServer::new(&[]).client()).await.context("the simulated API server")?;
    assert_eq!(real.0.len(), simulated.0.len());
    for ((what, real), (_, simulated)) in real.0.iter().zip(&simulated.0) {
        assert_eq!(simulated, real, "{what}");
    }
    Ok(())
}
