//! Tests of `deploy/`: a real API server accepts the manifests, and they grant no more rights than the operator uses.

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::authorization::v1::{SelfSubjectRulesReview, SelfSubjectRulesReviewSpec};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::Api;
use kube::api::PostParams;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde_json::Value;
use support::{Lab, repository};

async fn kustomized(lab: &Lab, folder: &str) -> Result<String> {
    lab.kubectl_output(["kustomize".to_owned(), repository().join(folder).display().to_string()]).await
}

/// Applies manifests in a server-side dry run: the API server runs all of admission, but stores nothing.
async fn dry_run(lab: &Lab, name: &str, manifests: &str) -> Result<String> {
    let file = lab.folder().join(name);
    fs::write(&file, manifests)?;
    let file = format!("--filename={}", file.display());
    lab.kubectl_output(["apply", "--server-side", "--dry-run=server", &file]).await
}

#[tokio::test]
async fn the_api_server_accepts_the_complete_base() -> Result<()> {
    let lab = Lab::real_shared().await?;

    let answer = dry_run(&lab, "base.yaml", &kustomized(&lab, "deploy/base").await?).await?;

    ensure!(answer.contains("deployment.apps/mgnet serverside-applied (server dry run)"), "{answer}");
    // Pod Security would warn here: the namespace enforces `restricted`.
    ensure!(!answer.to_lowercase().contains("warning"), "{answer}");
    Ok(())
}

#[tokio::test]
async fn two_replicas_elect_a_leader_and_one_remains_whatever_is_drained() -> Result<()> {
    let lab = Lab::real_shared().await?;
    let base = kustomized(&lab, "deploy/base").await?;
    let objects: Vec<Value> = base.split("\n---\n").map(serde_saphyr::from_str).collect::<Result<_, _>>()?;
    let find = |kind: &str| objects.iter().find(|object| object["kind"] == kind).with_context(|| format!("no {kind}"));

    let deployment = &find("Deployment")?["spec"];
    ensure!(deployment["replicas"] == 2, "{}", deployment["replicas"]);
    let operator = &deployment["template"]["spec"]["containers"][0];
    let arguments = operator["args"].as_array().context("no arguments")?;
    ensure!(arguments.contains(&"--leader-election=true".into()), "{arguments:?}");
    let variables: Vec<_> =
        operator["env"].as_array().context("no variables")?.iter().map(|one| &one["name"]).collect();
    ensure!(variables == ["POD_NAMESPACE", "POD_NAME"], "{variables:?}");
    // A budget protects nothing if its selector does not match the Pods of the Deployment.
    let budget = &find("PodDisruptionBudget")?["spec"];
    ensure!(budget["minAvailable"] == 1, "{budget}");
    let labels = &deployment["template"]["metadata"]["labels"];
    let selected = budget["selector"]["matchLabels"].as_object().context("the budget selects nothing")?;
    ensure!(selected.iter().all(|(label, value)| labels[label] == *value), "{selected:?} of {labels}");
    Ok(())
}

#[tokio::test]
async fn a_pod_of_the_deployment_passes_the_restricted_pod_security_of_its_namespace() -> Result<()> {
    let lab = Lab::real_shared().await?;
    let base = kustomized(&lab, "deploy/base").await?;
    let deployment = base
        .split("\n---\n")
        .map(serde_saphyr::from_str::<Value>)
        .find_map(|object| object.ok().filter(|object| object["kind"] == "Deployment"))
        .context("there is no Deployment")?;
    let pod = |spec: &Value| {
        serde_json::json!({
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": { "name": "mgnet", "namespace": support::OPERATOR_NAMESPACE },
            "spec": spec,
        })
        .to_string()
    };
    let spec = &deployment["spec"]["template"]["spec"];

    dry_run(&lab, "pod.json", &pod(spec)).await?;

    // The namespace enforces `restricted`: the same Pod without `runAsNonRoot` is refused.
    let mut insecure = spec.clone();
    insecure["securityContext"]["runAsNonRoot"] = false.into();
    let refusal = dry_run(&lab, "insecure-pod.json", &pod(&insecure)).await.err().context("it was accepted")?;
    ensure!(format!("{refusal:#}").contains("violates PodSecurity"), "{refusal:#}");
    Ok(())
}

#[tokio::test]
async fn the_base_installs_the_crds_generated_from_the_types() -> Result<()> {
    let lab = Lab::real_shared().await?;
    let base = kustomized(&lab, "deploy/base").await?;
    let installed: Vec<Value> = base
        .split("\n---\n")
        .map(serde_saphyr::from_str::<Value>)
        .filter_map(|object| object.ok().filter(|object| object["kind"] == "CustomResourceDefinition"))
        .collect();

    let generated = mgnet::api::schema::crds();

    ensure!(installed.len() == generated.len(), "{} CRDs", installed.len());
    for crd in generated {
        let crd = serde_json::to_value(crd)?;
        let name = &crd["metadata"]["name"];
        let counterpart = installed.iter().find(|one| one["metadata"]["name"] == *name);
        // The comparison uses the type, because kubectl writes the `minimum` of an integer without a decimal point, but
        // Rust writes it with one.
        let counterpart: CustomResourceDefinition =
            serde_json::from_value(counterpart.with_context(|| format!("no {name}"))?.clone())?;
        ensure!(serde_json::to_value(counterpart)?["spec"] == crd["spec"], "{name} differs from its types");
    }
    Ok(())
}

/// The complete list of rights that `deploy/base/operator-role.yaml` grants: `group/resource verb`.
const GRANTED: [&str; 16] = [
    "/configmaps get",
    "/configmaps list",
    "/configmaps watch",
    "/namespaces get",
    "events.k8s.io/events create",
    "events.k8s.io/events patch",
    "mgnet.dev/migrationnetworkclasses get",
    "mgnet.dev/migrationnetworkclasses list",
    "mgnet.dev/migrationnetworkclasses patch",
    "mgnet.dev/migrationnetworkclasses watch",
    "mgnet.dev/migrationnetworkclasses/status update",
    "mgnet.dev/migrationnetworks get",
    "mgnet.dev/migrationnetworks list",
    "mgnet.dev/migrationnetworks patch",
    "mgnet.dev/migrationnetworks watch",
    "mgnet.dev/migrationnetworks/status update",
];

/// The rights that it grants in the operator's own namespace only: those on the VPC leases.
const GRANTED_IN_OWN_NAMESPACE: [&str; 5] = [
    "coordination.k8s.io/leases create",
    "coordination.k8s.io/leases delete",
    "coordination.k8s.io/leases get",
    "coordination.k8s.io/leases list",
    "coordination.k8s.io/leases update",
];

#[tokio::test]
async fn the_operator_has_the_listed_rights_and_no_others() -> Result<()> {
    let lab = Lab::real_shared().await?;
    let operator = Kubeconfig::read_from(lab.operator().kubeconfig())?;
    // Kubernetes grants some rights to every ServiceAccount, such as the right to ask for its own rights.
    let mut baseline = Kubeconfig::read_from(lab.kubeconfig())?;
    for user in baseline.auth_infos.iter_mut().filter_map(|user| user.auth_info.as_mut()) {
        user.impersonate = Some("system:serviceaccount:default:anybody".to_owned());
        user.impersonate_groups = Some(["system:serviceaccounts", "system:authenticated"].map(str::to_owned).into());
    }
    for namespace in ["default", support::OPERATOR_NAMESPACE] {
        let (operator_rights, baseline_rights) =
            (rights(&operator, namespace).await?, rights(&baseline, namespace).await?);
        let granted: BTreeSet<_> = operator_rights.difference(&baseline_rights).map(String::as_str).collect();
        let in_own_namespace =
            if namespace == support::OPERATOR_NAMESPACE { GRANTED_IN_OWN_NAMESPACE.as_slice() } else { &[] };
        let expected: BTreeSet<_> = GRANTED.into_iter().chain(in_own_namespace.iter().copied()).collect();
        assert_eq!(granted, expected, "in namespace {namespace}");
    }
    Ok(())
}

/// Returns the rights of a kubeconfig's user in a namespace and in the cluster, as the API server reports them.
async fn rights(kubeconfig: &Kubeconfig, namespace: &str) -> Result<BTreeSet<String>> {
    let config = Config::from_custom_kubeconfig(kubeconfig.clone(), &KubeConfigOptions::default()).await?;
    let reviews: Api<SelfSubjectRulesReview> = Api::all(Client::try_from(config)?);
    let spec = SelfSubjectRulesReviewSpec { namespace: Some(namespace.to_owned()) };
    let review = SelfSubjectRulesReview { spec, ..SelfSubjectRulesReview::default() };
    let answer = reviews.create(&PostParams::default(), &review).await?.status.context("no answer")?;
    let mut rights = BTreeSet::new();
    for rule in answer.resource_rules {
        for group in rule.api_groups.iter().flatten() {
            for resource in rule.resources.iter().flatten() {
                rights.extend(rule.verbs.iter().map(|verb| format!("{group}/{resource} {verb}")));
            }
        }
    }
    Ok(rights)
}

#[tokio::test]
async fn the_sample_is_accepted() -> Result<()> {
    let lab = Lab::real_shared().await?;
    let namespace = "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: team-billing\n";
    // A dry run does not store the namespace that the other objects need.
    let file = lab.folder().join("namespace.yaml");
    fs::write(&file, namespace)?;
    lab.kubectl_output(["apply".to_owned(), format!("--filename={}", file.display())]).await?;

    let answer = dry_run(&lab, "tokyo.yaml", &kustomized(&lab, "deploy/samples/tokyo").await?).await?;

    ensure!(answer.contains("migrationnetwork.mgnet.dev/tokyo serverside-applied"), "{answer}");
    ensure!(answer.contains("migrationnetworkclass.mgnet.dev/tokyo serverside-applied"), "{answer}");
    let quota = fs::read_to_string(repository().join("deploy/samples/quota.yaml"))?;
    let answer = dry_run(&lab, "quota.yaml", &quota).await?;
    ensure!(answer.contains("resourcequota/migration-networks serverside-applied"), "{answer}");
    Ok(())
}
