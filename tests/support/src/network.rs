//! A `MigrationNetwork` in a test: describe it, apply it, edit it, wait for it, delete it.

use std::fmt::Write as _;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use kube::api::{DeleteParams, Patch, PatchParams};
use kube::{Api, ResourceExt};
use mgnet::api::{
    ADDRESS_CHANGE_ANNOTATION, AdoptionPolicy, ConditionStatus, ConditionType, DeletionPolicy, MigrationNetwork,
    MigrationNetworkSpec, MigrationNetworkStatus, PostLaunchSpec, Reason, ReplicationSecurityGroupMode,
    ReplicationSecurityGroupSpec, ReplicationSpec, ResolverMode, ResolverSpec, TRANSFER_ANNOTATION, Toggle, conditions,
};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::site::Site;
use crate::statuses;

/// The longest wait of a test. Minutes in AWS are seconds here, but a busy machine may need many of them.
const TIMEOUT: Duration = Duration::from_secs(90);

/// How often a wait reads the object although it has observed no write, in case the watch has missed one.
const READ_AT_LEAST_EVERY: Duration = Duration::from_secs(5);

/// How often an object that must not change is read.
const READ_EVERY: Duration = Duration::from_millis(100);

/// The field manager of specs, which stands for a user of kubectl.
const FIELD_MANAGER: &str = "lab";

/// Builds a network. It names the site's class, and source servers in 192.168.10.0/24.
#[derive(Clone)]
#[must_use = "nothing is created before `apply`"]
pub struct NetworkBuilder<'s> {
    site: &'s Site,
    object: MigrationNetwork,
}

impl<'s> NetworkBuilder<'s> {
    pub(crate) fn new(site: &'s Site, name: &str) -> Self {
        let spec = MigrationNetworkSpec {
            migration_network_class_name: Some(site.class_name.clone()),
            source_cidrs: Some(vec![crate::site::SOURCES.to_owned()]),
            ..MigrationNetworkSpec::default()
        };
        let mut object = MigrationNetwork::new(name, spec);
        object.metadata.namespace = Some(site.namespace.clone());
        Self { site, object }
    }

    /// Changes the spec by a function.
    pub fn with(mut self, change: impl FnOnce(&mut MigrationNetworkSpec)) -> Self {
        change(&mut self.object.spec);
        self
    }

    /// Sets the ranges of the source servers.
    pub fn sources<const N: usize>(self, cidrs: [&str; N]) -> Self {
        self.with(|spec| spec.source_cidrs = Some(cidrs.map(str::to_owned).into()))
    }

    /// Sets the ranges of the proxies.
    pub fn proxies<const N: usize>(self, cidrs: [&str; N]) -> Self {
        self.with(|spec| spec.proxy_cidrs = Some(cidrs.map(str::to_owned).into()))
    }

    /// Disables the resolver: source servers use hosts files.
    pub fn without_resolver(self) -> Self {
        self.with(|spec| {
            spec.resolver = Some(ResolverSpec { mode: Some(ResolverMode::Disabled), ..ResolverSpec::default() });
        })
    }

    /// Disables the endpoints of AWS Systems Manager.
    pub fn without_ssm(self) -> Self {
        self.with(|spec| spec.post_launch = Some(PostLaunchSpec { ssm: Some(Toggle::Disabled) }))
    }

    /// Requests a security group for replication servers.
    pub fn with_replication_group(self) -> Self {
        let mode = Some(ReplicationSecurityGroupMode::Managed);
        let security_group = ReplicationSecurityGroupSpec { mode, id: None };
        self.with(|spec| spec.replication = Some(ReplicationSpec { security_group: Some(security_group) }))
    }

    /// Sets `deletionPolicy: Retain`: the AWS resources remain when the network is deleted.
    pub fn retained(self) -> Self {
        self.with(|spec| spec.deletion_policy = Some(DeletionPolicy::Retain))
    }

    /// Sets the adoption policy for resources that already exist.
    pub fn adopting(self, policy: AdoptionPolicy) -> Self {
        self.with(|spec| spec.adoption_policy = Some(policy))
    }

    /// Replaces fields of the spec by the fields of `part`, which are written as in a manifest.
    ///
    /// # Panics
    /// If it is not part of a spec.
    #[allow(clippy::expect_used, reason = "a test that passes anything but a part of a spec must fail")]
    pub fn spec(self, part: &Value) -> Self {
        self.with(|spec| {
            let mut all_fields = serde_json::to_value(&*spec).expect("a spec is JSON");
            for (field, value) in part.as_object().expect("a part of a spec is an object") {
                all_fields[field] = value.clone();
            }
            *spec = serde_json::from_value(all_fields).expect("a part of a spec");
        })
    }

    /// Suspends the network: the operator observes it, but changes nothing.
    pub fn suspended(self) -> Self {
        self.with(|spec| spec.suspend = Some(true))
    }

    /// Returns the object that `apply` sends.
    pub fn object(&self) -> &MigrationNetwork {
        &self.object
    }

    /// Applies the object, like `kubectl apply --server-side`.
    pub async fn apply(self) -> Result<Network<'s>> {
        let network = self.site.existing_network(&self.object.name_any());
        let parameters = PatchParams::apply(FIELD_MANAGER);
        network.api.patch(&network.name, &parameters, &Patch::Apply(&self.object)).await?;
        Ok(network)
    }
}

/// A network in the API server.
#[derive(Clone)]
pub struct Network<'s> {
    site: &'s Site,
    api: Api<MigrationNetwork>,
    /// The name of the network.
    pub name: String,
}

impl<'s> Network<'s> {
    pub(crate) fn new(site: &'s Site, name: &str) -> Self {
        let api = Api::namespaced(site.kube.clone(), &site.namespace);
        Self { site, api, name: name.to_owned() }
    }

    /// Returns the site of the network.
    pub fn site(&self) -> &'s Site {
        self.site
    }

    /// Reads the object.
    pub async fn get(&self) -> Result<MigrationNetwork> {
        Ok(self.api.get(&self.name).await?)
    }

    /// Reads the status.
    pub async fn status(&self) -> Result<MigrationNetworkStatus> {
        self.get().await?.status.context("the network has no status")
    }

    /// Edits the spec by a merge patch: fields of `spec` replace present ones, and `null` removes a field.
    pub async fn edit(&self, spec: Value) -> Result<MigrationNetwork> {
        self.patch(json!({ "spec": spec })).await
    }

    /// Allows the addresses of one resource to change; `None` withdraws the permission.
    pub async fn allow_address_change(&self, slot_and_id: Option<&str>) -> Result<MigrationNetwork> {
        self.patch(json!({ "metadata": { "annotations": { ADDRESS_CHANGE_ANNOTATION: slot_and_id } } })).await
    }

    /// Requests the transfer of the network's resources to another cluster at its deletion; `None` withdraws the request.
    pub async fn transfer_to(&self, cluster: Option<&str>) -> Result<MigrationNetwork> {
        self.patch(json!({ "metadata": { "annotations": { TRANSFER_ANNOTATION: cluster } } })).await
    }

    /// Edits any part of the object by a merge patch.
    pub async fn patch(&self, patch: Value) -> Result<MigrationNetwork> {
        Ok(self.api.patch(&self.name, &PatchParams::default(), &Patch::Merge(patch)).await?)
    }

    /// Requests the deletion, and does not wait.
    pub async fn delete(&self) -> Result<()> {
        self.api.delete(&self.name, &DeleteParams::default()).await?;
        Ok(())
    }

    /// Deletes the network, and waits until it is gone.
    pub async fn delete_and_wait(&self) -> Result<()> {
        self.delete().await?;
        self.until_gone().await
    }

    /// Waits until the network is Ready for the current spec.
    pub async fn until_ready(&self) -> Result<MigrationNetwork> {
        self.until_condition(ConditionType::Ready, ConditionStatus::True).await
    }

    /// Waits until a condition has that status for the current spec.
    pub async fn until_condition(&self, type_: ConditionType, status: ConditionStatus) -> Result<MigrationNetwork> {
        let what = format!("{type_} is {}", status.as_str());
        self.until(&what, |network| current_condition(network, type_).is_some_and(|(now, _)| now == status.as_str()))
            .await
    }

    /// Waits until a condition has that reason for the current spec.
    pub async fn until_reason(&self, type_: ConditionType, reason: Reason) -> Result<MigrationNetwork> {
        let what = format!("{type_} has the reason {reason}");
        self.until(&what, |network| current_condition(network, type_).is_some_and(|(_, now)| now == reason.as_str()))
            .await
    }

    /// Waits until the network passes the test. `what` completes "not within 90 s: …".
    pub async fn until(&self, what: &str, test: impl Fn(&MigrationNetwork) -> bool) -> Result<MigrationNetwork> {
        let deadline = Instant::now() + TIMEOUT;
        let mut writes = self.site.lab.statuses().writes_in(&self.site.namespace);
        loop {
            let network = self.get().await?;
            self.site.check_statuses()?;
            if test(&network) {
                return Ok(network);
            }
            if Instant::now() > deadline {
                bail!("not within {} s: {what}\n{}", TIMEOUT.as_secs(), self.report().await);
            }
            writes.next(READ_AT_LEAST_EVERY).await;
        }
    }

    /// Waits until the network is gone from the API server.
    pub async fn until_gone(&self) -> Result<()> {
        let deadline = Instant::now() + TIMEOUT;
        let mut writes = self.site.lab.statuses().writes_in(&self.site.namespace);
        while self.api.get_opt(&self.name).await?.is_some() {
            if Instant::now() > deadline {
                bail!("not within {} s: the network is gone\n{}", TIMEOUT.as_secs(), self.report().await);
            }
            writes.next(READ_AT_LEAST_EVERY).await;
        }
        self.site.check_statuses()
    }

    /// Checks for some time that the network keeps passing the test.
    pub async fn stays(
        &self,
        seconds: u64,
        what: &str,
        test: impl Fn(&MigrationNetwork) -> bool,
    ) -> Result<MigrationNetwork> {
        let deadline = Instant::now() + Duration::from_secs(seconds);
        loop {
            let network = self.get().await?;
            self.site.check_statuses()?;
            ensure!(test(&network), "no longer true: {what}\n{}", self.report().await);
            if Instant::now() > deadline {
                return Ok(network);
            }
            tokio::time::sleep(READ_EVERY).await;
        }
    }

    /// Returns details that explain a failed wait: conditions, status, the last calls to AWS, and the operator's log.
    pub async fn report(&self) -> String {
        let mut report = String::new();
        let status = match self.get().await {
            Ok(network) => {
                let metadata = json!({
                    "generation": network.metadata.generation,
                    "finalizers": network.metadata.finalizers,
                    "deletionTimestamp": network.metadata.deletion_timestamp,
                });
                let _ = writeln!(report, "--- {}/{}: {metadata}", self.site.namespace, self.name);
                network.status.unwrap_or_default()
            }
            Err(error) => {
                let _ = writeln!(report, "--- {}/{}: {error}", self.site.namespace, self.name);
                MigrationNetworkStatus::default()
            }
        };
        let _ = writeln!(report, "{}", statuses::conditions(&status));
        let yaml = serde_saphyr::to_string(&MigrationNetworkStatus { conditions: Vec::new(), ..status });
        let _ = writeln!(report, "{}", yaml.unwrap_or_default());
        let _ = writeln!(report, "--- the last calls in account {}", self.site.account);
        match self.site.calls().await {
            Ok(calls) => {
                for call in calls.iter().rev().take(25).rev() {
                    let _ = writeln!(report, "{call}");
                }
            }
            Err(error) => {
                let _ = writeln!(report, "{error:#}");
            }
        }
        let log =
            if self.site.lab.is_simulated() { String::new() } else { self.site.lab.folder().display().to_string() };
        let _ = writeln!(report, "--- the operator's log {log}");
        let log = self.site.lab.operator().log().unwrap_or_default();
        let mine: Vec<&str> = log.lines().filter(|line| line.contains(&self.site.namespace)).collect();
        let _ = writeln!(report, "{}", mine[mine.len().saturating_sub(25)..].join("\n"));
        let _ = writeln!(report, "--- the last lines of the log\n{}", self.site.lab.operator().log_tail(10));
        report
    }
}

/// Returns the status and the reason of a condition if it describes the current spec.
fn current_condition(network: &MigrationNetwork, type_: ConditionType) -> Option<(&str, &str)> {
    let status = network.status.as_ref()?;
    let condition = conditions::find(&status.conditions, type_)?;
    let generation = network.metadata.generation;
    (Some(status.observed_generation) == generation && condition.observed_generation == generation)
        .then_some((condition.status.as_str(), condition.reason.as_str()))
}
