//! Shared parts of the tests of a disturbed Kubernetes API: an operator that uses a proxy, and networks that are
//! created, edited and deleted, with the checks that must pass after each of the three phases.

use std::fmt;

use anyhow::{Context, Result, ensure};
use futures::future::try_join_all;
use k8s_openapi::api::coordination::v1::Lease;
use kube::{Api, ResourceExt, api::ListParams};
use mgnet::api::{ClaimPhase, ConditionType, MigrationNetwork, conditions::is_true};
use serde_json::{Value, json};
use support::state::State;
use support::{ApiProxy, Expected, Lab, OPERATOR_NAMESPACE, Operator, OperatorOptions, Site};

use support::failing::{NAME, is_as_before, is_there, owned, uncrowd, until};
use support::history::History;

/// The phases in the life of a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    Create,
    Edit,
    Delete,
}

/// All phases, in order.
pub(crate) const PHASES: [Phase; 3] = [Phase::Create, Phase::Edit, Phase::Delete];

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Create => "create",
            Self::Edit => "edit",
            Self::Delete => "delete",
        })
    }
}

/// Replaces the lab's operator by one that uses a proxy and takes part in leader election.
pub(crate) async fn through_proxy(lab: &Lab, options: OperatorOptions) -> Result<(ApiProxy, Operator)> {
    // The lab's operator would reconcile the same networks.
    lab.operator().kill().await?;
    let proxy = ApiProxy::start(lab).await?;
    let options = OperatorOptions { leader_election: true, concurrency: 32, ..options };
    let operator = lab.operator().another(options).with_kubeconfig(proxy.kubeconfig());
    operator.start().await?;
    Ok((proxy, operator))
}

/// The life of a network in a site of its own. Its spec makes the operator read all the kinds that it can read.
pub(crate) struct Life {
    pub(crate) site: Site,
    history: History,
    before: State,
}

impl Life {
    pub(crate) async fn new(lab: &Lab, name: &str) -> Result<Self> {
        let site = lab.site(name).await?;
        uncrowd(&site).await?;
        site.write_config_map("policy", "s3.json", &policy().to_string()).await?;
        let namespace = json!({ "matchLabels": { "kubernetes.io/metadata.name": site.namespace } });
        site.edit_class(json!({ "allowedNamespaces": { "from": "Selector", "selector": namespace } })).await?;
        let (history, before) = (History::of(&site), site.state().await?);
        Ok(Self { site, history, before })
    }

    /// Creates `count` of them.
    pub(crate) async fn several(lab: &Lab, name: &str, count: usize) -> Result<Vec<Self>> {
        try_join_all((0..count).map(|_| Self::new(lab, name))).await
    }

    /// Returns the names that identify this network, and no other, in calls to the Kubernetes API.
    pub(crate) async fn identifiers(&self) -> Result<Vec<String>> {
        let site = &self.site;
        let networks: Api<MigrationNetwork> = Api::namespaced(site.kube.clone(), &site.namespace);
        let uid = networks.get_opt(NAME).await?.and_then(|network| network.uid());
        Ok([site.namespace.clone(), site.account.clone()].into_iter().chain(uid).collect())
    }

    /// Sends the request of a phase, and does not wait for its result.
    pub(crate) async fn begin(&self, phase: Phase) -> Result<()> {
        let network = self.site.existing_network(NAME);
        match phase {
            Phase::Create => {
                let reference =
                    json!({ "type": "ConfigMap", "configMapKeyRef": { "name": "policy", "key": "s3.json" } });
                let endpoints = json!([{ "service": "s3", "type": "Interface", "policy": reference }]);
                self.site.network(NAME).spec(&json!({ "endpoints": endpoints })).apply().await?;
            }
            // The edit creates, changes and deletes resources.
            Phase::Edit => {
                let replication = json!({ "securityGroup": { "mode": "Managed" } });
                let edit = json!({
                    "replication": replication, "proxyCIDRs": ["10.9.0.0/24"], "postLaunch": { "ssm": "Disabled" },
                });
                network.edit(edit).await?;
            }
            Phase::Delete => network.delete().await?,
        }
        Ok(())
    }

    /// Waits until the phase is complete, and checks its result.
    pub(crate) async fn check(&self, phase: Phase) -> Result<()> {
        let checked = async {
            match phase {
                Phase::Create => self.check_built(&self.expected()).await,
                Phase::Edit => {
                    let edited = self.expected().with_replication_group().without_ssm().proxies(["10.9.0.0/24"]);
                    self.check_built(&edited).await
                }
                Phase::Delete => self.check_deleted().await,
            }
        };
        checked.await.with_context(|| format!("{phase} in {}", self.site.namespace))
    }

    fn expected(&self) -> Expected {
        self.site.expected().policy("vpce/s3/Interface", policy())
    }

    /// Checks that AWS and status match the spec, and that no slot was ever filled twice.
    async fn check_built(&self, expected: &Expected) -> Result<()> {
        let network = self.site.existing_network(NAME);
        network.until_ready().await?;
        let settled = network
            .until("it is Ready, Synced and at rest", |network| {
                let conditions = network.status.as_ref().map_or(&[][..], |status| &status.conditions);
                let is = |type_| is_true(conditions, type_);
                is(ConditionType::Ready)
                    && is(ConditionType::Synced)
                    && !is(ConditionType::Reconciling)
                    && !is(ConditionType::Stalled)
            })
            .await?;
        is_there(&self.site.summary().await?, &expected.summary(), &network).await?;
        // If a resource was deleted while status could not be written, status lists it until the absence grace has
        // passed.
        let observed = owned(&self.site.state().await?, &settled.uid().context("no uid")?);
        network.until(&format!("status lists {observed:?}"), |network| held(network) == observed).await?;
        self.history.check_each_slot_was_filled_once().await
    }

    /// Checks that no AWS resource and no VPC lease is left, and that the class can be deleted.
    async fn check_deleted(&self) -> Result<()> {
        let site = &self.site;
        site.existing_network(NAME).until_gone().await?;
        is_as_before(site, &self.before).await?;
        self.history.check_each_slot_was_filled_once().await?;
        let leases: Api<Lease> = Api::namespaced(site.kube.clone(), OPERATOR_NAMESPACE);
        let leases = leases.list(&ListParams::default()).await?;
        let left: Vec<String> =
            leases.iter().map(ResourceExt::name_any).filter(|name| name.contains(&site.account)).collect();
        ensure!(left.is_empty(), "VPC leases are left: {left:?}");
        if site.classes().get_opt(&site.class_name).await?.is_some() {
            site.delete_class().await?;
        }
        until("the class is gone", async || Ok(site.classes().get_opt(&site.class_name).await?.is_none().then_some(())))
            .await
    }
}

/// Returns the slots that are filled according to status, each with the ID of its resource.
fn held(network: &MigrationNetwork) -> Vec<(String, String)> {
    let claims = network.status.iter().flat_map(|status| &status.claims);
    let held = claims.filter(|claim| claim.phase == ClaimPhase::Held);
    let mut held: Vec<_> = held.map(|claim| (claim.slot.clone(), claim.id.clone().unwrap_or_default())).collect();
    held.sort();
    held
}

/// The policy in the ConfigMap.
fn policy() -> Value {
    json!({
        "Version": "2012-10-17",
        "Statement": [{ "Effect": "Allow", "Principal": "*", "Action": ["s3:GetObject"], "Resource": ["*"] }],
    })
}

/// Begins a phase of all networks, and waits until all are complete.
pub(crate) async fn run_phase(lives: &[Life], phase: Phase) -> Result<()> {
    try_join_all(lives.iter().map(|life| life.begin(phase))).await?;
    check(lives, phase).await
}

/// Waits until a phase of all networks is complete, and checks the results.
pub(crate) async fn check(lives: &[Life], phase: Phase) -> Result<()> {
    try_join_all(lives.iter().map(|life| life.check(phase))).await?;
    Ok(())
}
