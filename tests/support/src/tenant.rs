//! A tenant: a user who has the built-in role `admin` in one namespace, and no rights elsewhere.
//!
//! In a cluster, kube-controller-manager copies the rules of all roles with the aggregation labels into `view`, `edit`
//! and `admin`. That aggregation does not run here, so a tenant is bound to each role that carries one of the labels.
//! These are the same rules, from the API server's own roles and from `deploy/base/tenant-roles.yaml`.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use http::{Method, Request, header};
use k8s_openapi::api::core::v1::ServiceAccount;
use k8s_openapi::api::rbac::v1::{ClusterRole, RoleBinding, RoleRef, Subject};
use kube::api::{ListParams, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config, ResourceExt};
use mgnet::api::{MigrationNetwork, MigrationNetworkSpec};
use serde_json::Value;
use tokio::time::Instant;

use crate::site::Site;

/// The name of the ServiceAccount.
const NAME: &str = "tenant";

/// The built-in roles whose parts are bound.
const AGGREGATED: [&str; 3] = ["admin", "edit", "view"];

/// How long the API server may take to apply new role bindings.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A user with the rights of a tenant.
#[derive(Clone)]
pub struct Tenant {
    /// The namespace.
    pub namespace: String,
    /// A client with the tenant's rights. It belongs to the runtime in which it was created.
    pub kube: Client,
}

impl Tenant {
    /// Creates the namespace, and a ServiceAccount with a tenant's rights in it.
    pub(crate) async fn make(site: &Site, namespace: &str) -> Result<Self> {
        site.make_namespace(namespace).await?;
        let accounts = Api::<ServiceAccount>::namespaced(site.kube.clone(), namespace);
        let mut account = ServiceAccount::default();
        account.metadata.name = Some(NAME.to_owned());
        accounts.create(&PostParams::default(), &account).await.context("cannot create a ServiceAccount")?;
        for role in aggregated(site).await? {
            bind(site, namespace, &role).await.with_context(|| format!("cannot bind '{role}'"))?;
        }
        let token = site.lab.kubectl_output(["create", "token", NAME, "--namespace", namespace]).await?;
        let kubeconfig = site.lab.control_plane().kubeconfig_for_token(NAME, token.trim());
        let options = KubeConfigOptions::default();
        let config = Config::from_custom_kubeconfig(Kubeconfig::from_yaml(&kubeconfig)?, &options).await?;
        let tenant = Self { namespace: namespace.to_owned(), kube: Client::try_from(config)? };
        tenant.wait_for_rights().await?;
        Ok(tenant)
    }

    /// Waits until the API server applies all role bindings. It applies them in the order of their creation, and this
    /// request needs the last one.
    async fn wait_for_rights(&self) -> Result<()> {
        let networks = Api::<MigrationNetwork>::namespaced(self.kube.clone(), &self.namespace);
        let probe = MigrationNetwork::new("probe", MigrationNetworkSpec::default());
        let dry = PostParams { dry_run: true, ..PostParams::default() };
        let deadline = Instant::now() + TIMEOUT;
        while let Err(error) = networks.create(&dry, &probe).await {
            ensure!(Instant::now() < deadline, "the tenant has no rights: {error}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    /// Sends a request as the tenant.
    pub async fn send(&self, method: &str, path: &str, body: &Value) -> kube::Result<Value> {
        send(&self.kube, method, path, body).await
    }
}

/// Sends a request to the API server. A patch is a merge patch, and `null` means no body.
pub async fn send(kube: &Client, method: &str, path: &str, body: &Value) -> kube::Result<Value> {
    let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
    let method = Method::from_bytes(method.as_bytes()).unwrap_or_default();
    let media = if method == Method::PATCH { "application/merge-patch+json" } else { "application/json" };
    let request = Request::builder().method(method).uri(path).header(header::CONTENT_TYPE, media).body(body);
    kube.request(request.map_err(kube::Error::HttpError)?).await
}

/// Returns the roles that make up `admin`. The role with the right to create networks is the last one.
async fn aggregated(site: &Site) -> Result<Vec<String>> {
    let roles = Api::<ClusterRole>::all(site.kube.clone()).list(&ListParams::default()).await?;
    let is_part = |labels: &BTreeMap<String, String>| {
        let label = |role: &str| format!("rbac.authorization.k8s.io/aggregate-to-{role}");
        AGGREGATED.iter().any(|role| labels.get(&label(role)).is_some_and(|value| value == "true"))
    };
    let mut names: Vec<String> =
        roles.iter().filter(|role| is_part(role.labels())).map(ResourceExt::name_any).collect();
    for needed in ["system:aggregate-to-admin", "system:aggregate-to-edit", "mgnet-edit", "mgnet-view"] {
        ensure!(names.iter().any(|name| name == needed), "'{needed}' has no aggregation label: {names:?}");
    }
    names.sort_by_key(|name| name == "mgnet-edit");
    Ok(names)
}

async fn bind(site: &Site, namespace: &str, role: &str) -> Result<()> {
    let mut binding = RoleBinding {
        role_ref: RoleRef {
            api_group: "rbac.authorization.k8s.io".to_owned(),
            kind: "ClusterRole".to_owned(),
            name: role.to_owned(),
        },
        subjects: Some(vec![Subject {
            kind: "ServiceAccount".to_owned(),
            name: NAME.to_owned(),
            namespace: Some(namespace.to_owned()),
            ..Subject::default()
        }]),
        ..RoleBinding::default()
    };
    binding.metadata.name = Some(format!("tenant-{}", role.replace(':', ".")));
    let bindings = Api::<RoleBinding>::namespaced(site.kube.clone(), namespace);
    bindings.create(&PostParams::default(), &binding).await?;
    Ok(())
}
