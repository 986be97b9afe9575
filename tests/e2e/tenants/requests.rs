//! Requests of a tenant that the API server refuses. Each request is sent twice: in a dry run by an administrator, who
//! has the right to make it, and by the tenant. This shows that the refusal is due to a missing right, not to a mistake
//! in the request.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use support::{Lab, send};

use super::scene::Scene;
use support::waiting::close;

/// The attempt, the method, the path, and the body, with placeholders for names.
type Request = (&'static str, &'static str, &'static str, fn() -> Value);

const NETWORKS: &str = "/apis/mgnet.dev/v1alpha1/namespaces/{theirs}/migrationnetworks";
const NETWORK: &str = "/apis/mgnet.dev/v1alpha1/namespaces/{theirs}/migrationnetworks/{their-network}";
const STATUS: &str = "/apis/mgnet.dev/v1alpha1/namespaces/{theirs}/migrationnetworks/{their-network}/status";
const OWN_STATUS: &str = "/apis/mgnet.dev/v1alpha1/namespaces/{mine}/migrationnetworks/own/status";
const CLASSES: &str = "/apis/mgnet.dev/v1alpha1/migrationnetworkclasses";
const CLASS: &str = "/apis/mgnet.dev/v1alpha1/migrationnetworkclasses/{class}";
const CLASS_STATUS: &str = "/apis/mgnet.dev/v1alpha1/migrationnetworkclasses/{class}/status";
const VPC_LEASES: &str = "/apis/coordination.k8s.io/v1/namespaces/mgnet-system/leases";
const VPC_LEASE: &str = "/apis/coordination.k8s.io/v1/namespaces/mgnet-system/leases/{vpc-lease}";
const ROLES: &str = "/apis/rbac.authorization.k8s.io/v1/namespaces/{mine}/roles";
const BINDINGS: &str = "/apis/rbac.authorization.k8s.io/v1/namespaces/{mine}/rolebindings";
const TOKEN: &str = "/api/v1/namespaces/mgnet-system/serviceaccounts/mgnet/token";

fn nothing() -> Value {
    Value::Null
}

fn forged_status() -> Value {
    json!({ "status": { "className": "forged", "claims": [] } })
}

fn without_finalizers() -> Value {
    json!({ "metadata": { "finalizers": null } })
}

fn network() -> Value {
    json!({
        "apiVersion": "mgnet.dev/v1alpha1", "kind": "MigrationNetwork", "metadata": { "name": "planted" },
        "spec": { "migrationNetworkClassName": "{class}" },
    })
}

fn class() -> Value {
    json!({
        "apiVersion": "mgnet.dev/v1alpha1", "kind": "MigrationNetworkClass", "metadata": { "name": "planted" },
        "spec": {
            "account": { "id": "111122223333" }, "region": "ap-northeast-1", "allowedNamespaces": { "from": "All" },
        },
    })
}

fn vpc_lease() -> Value {
    json!({
        "apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": { "name": "planted" },
        "spec": { "holderIdentity": "intruder" },
    })
}

fn role() -> Value {
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": { "name": "planted" },
        "rules": [{ "apiGroups": ["mgnet.dev"], "resources": ["migrationnetworks/status"], "verbs": ["patch"] }],
    })
}

fn binding() -> Value {
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": { "name": "planted" },
        "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "mgnet-operator" },
        "subjects": [{ "kind": "ServiceAccount", "name": "tenant", "namespace": "{mine}" }],
    })
}

pub(super) const REQUESTS: [Request; 34] = [
    ("read another tenant's network", "GET", NETWORK, nothing),
    ("list another tenant's networks", "GET", NETWORKS, nothing),
    ("list the networks of all namespaces", "GET", "/apis/mgnet.dev/v1alpha1/migrationnetworks", nothing),
    ("create a network for another tenant", "POST", NETWORKS, network),
    ("edit another tenant's network", "PATCH", NETWORK, || json!({ "spec": { "suspend": true } })),
    ("remove the finalizer of another tenant's network", "PATCH", NETWORK, without_finalizers),
    ("delete another tenant's network", "DELETE", NETWORK, nothing),
    ("delete all of another tenant's networks", "DELETE", NETWORKS, nothing),
    ("forge the status of another tenant's network", "PATCH", STATUS, forged_status),
    ("forge the status of its own network", "PATCH", OWN_STATUS, forged_status),
    ("read another tenant's events", "GET", "/apis/events.k8s.io/v1/namespaces/{theirs}/events", nothing),
    ("read another tenant's ConfigMaps", "GET", "/api/v1/namespaces/{theirs}/configmaps", nothing),
    ("read another tenant's Secrets", "GET", "/api/v1/namespaces/{theirs}/secrets", nothing),
    ("read a class, its account and its role", "GET", CLASS, nothing),
    ("list the classes", "GET", CLASSES, nothing),
    ("create a class", "POST", CLASSES, class),
    (
        "make a class admit all namespaces",
        "PATCH",
        CLASS,
        || json!({ "spec": { "allowedNamespaces": { "from": "All" } } }),
    ),
    ("lift the limits of a class", "PATCH", CLASS, || json!({ "spec": { "limits": null } })),
    (
        "make a class the default",
        "PATCH",
        CLASS,
        || json!({ "metadata": { "annotations": { "mgnet.dev/is-default-class": "true" } } }),
    ),
    ("remove the finalizer of a class", "PATCH", CLASS, without_finalizers),
    ("forge the status of a class", "PATCH", CLASS_STATUS, || json!({ "status": { "networks": 0 } })),
    ("delete a class", "DELETE", CLASS, nothing),
    ("list the VPC leases", "GET", VPC_LEASES, nothing),
    ("read a VPC lease", "GET", VPC_LEASE, nothing),
    ("create a VPC lease", "POST", VPC_LEASES, vpc_lease),
    ("take over a VPC lease", "PATCH", VPC_LEASE, || json!({ "spec": { "holderIdentity": "intruder" } })),
    ("delete a VPC lease", "DELETE", VPC_LEASE, nothing),
    ("read the operator's Secrets", "GET", "/api/v1/namespaces/mgnet-system/secrets", nothing),
    (
        "get a token of the operator",
        "POST",
        TOKEN,
        || json!({ "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {} }),
    ),
    (
        "change the labels of its own namespace",
        "PATCH",
        "/api/v1/namespaces/{mine}",
        || json!({ "metadata": { "labels": { "migration": "admitted" } } }),
    ),
    (
        "change the labels of another namespace",
        "PATCH",
        "/api/v1/namespaces/{theirs}",
        || json!({ "metadata": { "labels": { "migration": null } } }),
    ),
    ("give itself the right to write a status", "POST", ROLES, role),
    ("give itself the operator's role", "POST", BINDINGS, binding),
    (
        "change the schema",
        "PATCH",
        "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/migrationnetworks.mgnet.dev",
        || json!({ "metadata": { "labels": { "planted": "true" } } }),
    ),
];

#[tokio::test]
async fn a_tenant_is_refused_all_requests_outside_its_namespace_and_all_status_writes() -> Result<()> {
    let lab = Lab::real_shared().await?;
    let scene = Scene::set(&lab, "refused").await?;
    // The tenant can use the rights that it has in its own namespace.
    scene.intruder.network("own").suspended().apply().await?;
    for (what, method, path, body) in REQUESTS {
        let (path, body) = (scene.fill(path), scene.fill_in(&body())?);
        let dry = if method == "GET" { path.clone() } else { format!("{path}?dryRun=All") };
        send(&scene.site.kube, method, &dry, &body).await.with_context(|| format!("an administrator cannot {what}"))?;
        match scene.tenant.send(method, &path, &body).await {
            Err(kube::Error::Api(status)) if status.code == 403 => {
                ensure!(!status.message.contains(&scene.victims_uid()), "{what}: {}", status.message);
            }
            other => anyhow::bail!("a tenant could {what}: {other:?}"),
        }
    }
    scene.victim_is_untouched().await?;
    close(&scene.intruder_as_administrator()).await?;
    close(&scene.site).await
}
