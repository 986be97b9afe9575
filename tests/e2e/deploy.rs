//! `deploy/`: accepted by a real API server, and no right more than is used.

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

/// Applies manifests that lie in a file, in a dry run of the server: all of admission, and nothing stored.
async fn dry_run(lab: &Lab, name: &str, manifests: &str) -> Result<String> {
    let file = lab.folder().join(name);
    fs::write(&file, manifests)?;
    let file = format!("--filename={}", file.display());
    lab.kubectl_output(["apply", "--server-side", "--dry-run=server", &file]).await
}

#[tokio::test]
async fn the_api_server_accepts_the_whole_base() -> Result<()> {
    let lab = Lab::real_shared().await?;

    let answer = dry_run(&lab, "base.yaml", &kustomized(&lab, "deploy/base").await?).await?;

    ensure!(answer.contains("deployment.apps/mgnet serverside-applied (server dry run)"), "{answer}");
    // Pod security would have its say here: the namespace enforces `restricted`.
    ensure!(!answer.to_lowercase().contains("warning"), "{answer}");
    Ok(())
}

#[tokio::test]
async fn of_two_replicas_one_leads_and_one_stays_whatever_is_drained() -> Result<()> {
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
    // A budget that selects other pods protects none.
    let budget = &find("PodDisruptionBudget")?["spec"];
    ensure!(budget["minAvailable"] == 1, "{budget}");
    let labels = &deployment["template"]["metadata"]["labels"];
    let selected = budget["selector"]["matchLabels"].as_object().context("it selects nothing")?;
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

    // The namespace does enforce it: the same pod without its promise is refused.
    let mut careless = spec.clone();
    careless["securityContext"]["runAsNonRoot"] = false.into();
    let refusal = dry_run(&lab, "careless-pod.json", &pod(&careless)).await.err().context("it was accepted")?;
    ensure!(format!("{refusal:#}").contains("violates PodSecurity"), "{refusal:#}");
    Ok(())
}

#[tokio::test]
async fn the_base_installs_the_crds_that_the_types_give() -> Result<()> {
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
        let twin = installed.iter().find(|one| one["metadata"]["name"] == *name);
        // Through the type: kubectl writes the `minimum` of an integer without a point, and Rust with one.
        let twin: CustomResourceDefinition =
            serde_json::from_value(twin.with_context(|| format!("no {name}"))?.clone())?;
        ensure!(serde_json::to_value(twin)?["spec"] == crd["spec"], "{name} differs from its types");
    }
    Ok(())
}

/// What `deploy/base/operator-role.yaml` grants, and why there is nothing else: `group/resource verb`.
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

/// What it grants in the operator's own namespace only: the claims of VPCs.
const GRANTED_AT_HOME: [&str; 5] = [
    "coordination.k8s.io/leases create",
    "coordination.k8s.io/leases delete",
    "coordination.k8s.io/leases get",
    "coordination.k8s.io/leases list",
    "coordination.k8s.io/leases update",
];

#[tokio::test]
async fn the_operator_may_do_what_is_listed_and_nothing_else() -> Result<()> {
    let lab = Lab::real_shared().await?;
    let operator = Kubeconfig::read_from(lab.operator().kubeconfig())?;
    // Kubernetes grants some things to every ServiceAccount, such as asking what it may do.
    let mut anybody = Kubeconfig::read_from(lab.kubeconfig())?;
    for user in anybody.auth_infos.iter_mut().filter_map(|user| user.auth_info.as_mut()) {
        user.impersonate = Some("system:serviceaccount:default:anybody".to_owned());
        user.impersonate_groups = Some(["system:serviceaccounts", "system:authenticated"].map(str::to_owned).into());
    }
    for namespace in ["default", support::OPERATOR_NAMESPACE] {
        let (operators, anybodys) = (rights(&operator, namespace).await?, rights(&anybody, namespace).await?);
        let granted: BTreeSet<_> = operators.difference(&anybodys).map(String::as_str).collect();
        let at_home = if namespace == support::OPERATOR_NAMESPACE { GRANTED_AT_HOME.as_slice() } else { &[] };
        let expected: BTreeSet<_> = GRANTED.into_iter().chain(at_home.iter().copied()).collect();
        assert_eq!(granted, expected, "in namespace {namespace}");
    }
    Ok(())
}

/// What the user of a kubeconfig may do in a namespace and in the cluster, as the API server says.
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
    // A dry run stores no namespace for what is in it.
    let file = lab.folder().join("namespace.yaml");
    fs::write(&file, namespace)?;
    lab.kubectl_output(["apply".to_owned(), format!("--filename={}", file.display())]).await?;

    let answer = dry_run(&lab, "tokyo.yaml", &kustomized(&lab, "deploy/samples/tokyo").await?).await?;

    ensure!(answer.contains("migrationnetwork.mgnet.dev/tokyo serverside-applied"), "{answer}");
    ensure!(answer.contains("migrationnetworkclass.mgnet.dev/tokyo serverside-applied"), "{answer}");
    Ok(())
}

#[tokio::test]
async fn the_iam_policy_allows_every_call_of_a_network_s_life() -> Result<()> {
    let lab = Lab::real_shared().await?;
    let site = lab.site("iam").await?;
    let made = site.last_call().await?;
    let network = site.network("tokyo").with_replication_group().apply().await?;
    network.until_ready().await?;
    let edit = serde_json::json!({ "sourceCIDRs": ["192.168.20.0/24"], "tags": { "team": "billing" } });
    network.edit(edit).await?;
    network.until_ready().await?;
    network.edit(serde_json::json!({ "tags": null })).await?;
    network.until_ready().await?;
    // Looks at all accounts, those of other tests included; whether these answer is not the question here.
    lab.operator().run(["orphans", "--output=json", "--absence-grace-seconds=1"]).await?;
    network.delete_and_wait().await?;

    let policy: Value =
        serde_json::from_str(&fs::read_to_string(repository().join("deploy/iam/operator-policy.json"))?)?;
    let statements = policy["Statement"].as_array().context("a policy has statements")?;
    let allowed: BTreeSet<&str> = statements
        .iter()
        .flat_map(|statement| match &statement["Action"] {
            Value::Array(actions) => actions.iter().collect(),
            action => vec![action],
        })
        .filter_map(Value::as_str)
        .filter_map(|action| Some(action.split_once(':')?.1))
        .collect();
    let called: BTreeSet<String> = site.calls_after(made).await?.into_iter().map(|call| call.action).collect();
    // Whom the key belongs to, everybody may ask; roles are assumed with the operator's own credentials.
    let free = ["AssumeRole", "GetCallerIdentity"];
    let refused: Vec<&String> =
        called.iter().filter(|action| !allowed.contains(action.as_str()) && !free.contains(&action.as_str())).collect();

    ensure!(called.len() > 10, "only {called:?} were called");
    ensure!(refused.is_empty(), "called, and not in the policy: {refused:?}");
    Ok(())
}
