//! The API server of the simulated backend against a real one: the same requests get the same answers, as far as the operator and the
//! tests of `tests/behavior` go by them.

use anyhow::{Context as _, Result};
use kube::api::{Api, DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams, Preconditions};
use kube::config::{Config, KubeConfigOptions, Kubeconfig};
use kube::core::{ApiResource, GroupVersionKind};
use kube::{Client, ResourceExt};
use mgnet::api::FINALIZER;
use serde::Serialize;
use serde_json::{Value, json};
use support::ApiServer;

use crate::installed;

const NAMESPACE: &str = "alike";

/// What each request was answered, in order.
#[derive(Default)]
struct Answers(Vec<(&'static str, Value)>);

impl Answers {
    /// Notes an answer without what differs from server to server.
    fn note(&mut self, what: &'static str, answer: kube::Result<impl Serialize>) -> Result<Value> {
        let (noted, answer) = match answer {
            Ok(answer) => {
                let answer = serde_json::to_value(answer)?;
                (anonymous(answer.clone()), answer)
            }
            Err(kube::Error::Api(status)) => (json!({ "code": status.code, "reason": status.reason }), Value::Null),
            Err(other) => return Err(other).context(what),
        };
        self.0.push((what, noted));
        Ok(answer)
    }
}

/// Takes out what differs from server to server, and checks that it is there.
fn anonymous(mut object: Value) -> Value {
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

/// Networks, whatever is in them.
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

async fn lives(client: &Client, answers: &mut Answers) -> Result<()> {
    let (api, create, plain) = (networks(client), PostParams::default(), PatchParams::default());
    let spec = json!({ "sourceCIDRs": ["10.1.0.0/16"], "unknown": 1 });
    answers.note("created", api.create(&create, &object(network("a", &spec))?).await)?;
    answers.note("created twice", api.create(&create, &object(network("a", &spec))?).await)?;
    let first = answers.note("read", api.get("a").await)?;
    answers.note("not there", api.get("b").await)?;
    let edit = Patch::Merge(json!({ "spec": { "tags": { "wave": "1" } } }));
    let edited = answers.note("edited", api.patch("a", &plain, &edit).await)?;
    let again = answers.note("edited to the same", api.patch("a", &plain, &edit).await)?;
    anyhow::ensure!(
        edited["metadata"]["resourceVersion"] == again["metadata"]["resourceVersion"],
        "a write of nothing"
    );
    answers.note("replaced as of before", api.replace("a", &create, &object(first.clone())?).await)?;
    let mut unversioned = first;
    unversioned["metadata"]["resourceVersion"] = Value::Null;
    answers.note("replaced without a version", api.replace("a", &create, &object(unversioned)?).await)?;
    let status = json!({ "status": { "observedGeneration": 1, "vpcID": "vpc-1" }, "spec": { "suspend": true } });
    answers.note("status", api.patch_status("a", &plain, &Patch::Merge(status)).await)?;
    let beside = json!({ "status": { "vpcID": "vpc-2" }, "metadata": { "annotations": { "a": "b" } } });
    answers.note("status beside", api.patch("a", &plain, &Patch::Merge(beside)).await)?;
    let null = json!({ "spec": { "tags": null } });
    answers.note("removed", api.patch("a", &plain, &Patch::Merge(null)).await)?;
    Ok(())
}

async fn ends(client: &Client, answers: &mut Answers) -> Result<()> {
    let (api, plain) = (networks(client), PatchParams::default());
    let json_patch = |test: &str, finalizers: Value| -> Result<Patch<()>> {
        let patch = json!([
            { "op": "test", "path": "/metadata/name", "value": test },
            { "op": "add", "path": "/metadata/finalizers", "value": finalizers },
        ]);
        Ok(Patch::Json(serde_json::from_value(patch)?))
    };
    answers.note("a test that fails", api.patch("a", &plain, &json_patch("b", json!([FINALIZER]))?).await)?;
    answers.note("held", api.patch("a", &plain, &json_patch("a", json!([FINALIZER]))?).await)?;
    let deleted = api.delete("a", &DeleteParams::default()).await?.left().context("it is gone")?;
    answers.note("marked", Ok(deleted))?;
    let more = json!([FINALIZER, "example.com/other"]);
    answers.note("held more", api.patch("a", &plain, &json_patch("a", more)?).await)?;
    let last = answers.note("let go", api.patch("a", &plain, &json_patch("a", json!([]))?).await)?;
    anyhow::ensure!(!last.is_null(), "the last write is answered");
    answers.note("gone", api.get("a").await)?;
    answers.note("gone already", api.delete("a", &DeleteParams::default()).await.map(|_| ()))?;
    Ok(())
}

async fn applied(client: &Client, answers: &mut Answers) -> Result<()> {
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
        answers.note(what, api.patch("c", &apply, &Patch::Apply(network("c", &spec))).await)?;
    }
    let named = json!({
        "apiVersion": "mgnet.dev/v1alpha1", "kind": "MigrationNetwork", "metadata": { "generateName": "some-" }, "spec": {},
    });
    let made = api.create(&PostParams::default(), &object(named)?).await?;
    anyhow::ensure!(made.name_any().len() > "some-".len(), "{}", made.name_any());
    api.delete(&made.name_any(), &DeleteParams::default()).await?;
    let listed = api.list_metadata(&ListParams::default()).await?;
    answers.note("metadata alone", Ok(listed.items.iter().map(ResourceExt::name_any).collect::<Vec<_>>()))?;
    Ok(())
}

async fn leased(client: &Client, answers: &mut Answers) -> Result<()> {
    let (api, create) = (leases(client), PostParams::default());
    let first = api.create(&create, &object(lease("one"))?).await?;
    answers.note("a lease that is taken", api.create(&create, &object(lease("two"))?).await)?;
    let mut next = first.clone();
    next.data["spec"]["holderIdentity"] = json!("two");
    answers.note("taken over", api.replace("vpc", &create, &next).await)?;
    answers.note("taken over as of before", api.replace("vpc", &create, &next).await)?;
    let as_of = |object: &DynamicObject| {
        let preconditions = Preconditions { uid: object.uid(), resource_version: object.resource_version() };
        DeleteParams::default().preconditions(preconditions)
    };
    for (what, labels) in [("by label", "of=one"), ("by any label", "of"), ("by another label", "of=two")] {
        let listed = api.list(&ListParams::default().labels(labels)).await?;
        answers.note(what, Ok(listed.items.iter().map(ResourceExt::name_any).collect::<Vec<_>>()))?;
    }
    answers.note("given back as of before", api.delete("vpc", &as_of(&first)).await.map(|_| ()))?;
    let now = api.get("vpc").await?;
    answers.note("given back", api.delete("vpc", &as_of(&now)).await.map(|_| ()))?;
    Ok(())
}

async fn ended(client: &Client, answers: &mut Answers) -> Result<()> {
    let (api, create) = (networks(client), PostParams::default());
    let held = Patch::Merge(json!({ "metadata": { "finalizers": [FINALIZER] } }));
    api.patch("c", &PatchParams::default(), &held).await?;
    namespaces(client).delete(NAMESPACE, &DeleteParams::background()).await?;
    // A controller does it, in its time.
    while api.get("c").await?.metadata.deletion_timestamp.is_none() {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    answers.note("a network in a namespace that ends", api.get("c").await)?;
    answers.note("another one there", api.create(&create, &object(network("d", &json!({})))?).await)?;
    api.patch("c", &PatchParams::default(), &Patch::Merge(json!({ "metadata": { "finalizers": null } }))).await?;
    while namespaces(client).get_opt(NAMESPACE).await?.is_some() {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    answers.note("one in a namespace that is gone", api.create(&create, &object(network("d", &json!({})))?).await)?;
    Ok(())
}

async fn answers(client: &Client) -> Result<Answers> {
    let mut answers = Answers::default();
    let namespace = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": NAMESPACE } });
    namespaces(client).create(&PostParams::default(), &object(namespace)?).await?;
    lives(client, &mut answers).await?;
    ends(client, &mut answers).await?;
    applied(client, &mut answers).await?;
    leased(client, &mut answers).await?;
    ended(client, &mut answers).await?;
    Ok(answers)
}

#[tokio::test]
async fn the_simulated_api_server_answers_as_a_real_one() -> Result<()> {
    let server = tokio::task::spawn_blocking(installed).await??;
    let kubeconfig = Kubeconfig::read_from(server.kubeconfig_path())?;
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
    let real = answers(&Client::try_from(config)?).await.context("the real one")?;
    let simulated = answers(&ApiServer::new(&[]).client()).await.context("the simulated one")?;
    assert_eq!(real.0.len(), simulated.0.len());
    for ((what, real), (_, simulated)) in real.0.iter().zip(&simulated.0) {
        assert_eq!(simulated, real, "{what}");
    }
    Ok(())
}
