//! A `MigrationNetwork` in a test: described, applied, edited, waited for, deleted.

use std::fmt::Write as _;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use kube::api::{DeleteParams, Patch, PatchParams};
use kube::{Api, ResourceExt};
use mgnet::api::{
    ADDRESS_CHANGE_ANNOTATION, AdoptionPolicy, ConditionStatus, ConditionType, DeletionPolicy, MigrationNetwork,
    MigrationNetworkSpec, MigrationNetworkStatus, PostLaunchSpec, Reason, ReplicationSecurityGroupMode,
    ReplicationSecurityGroupSpec, ReplicationSpec, ResolverMode, ResolverSpec, Toggle, conditions,
};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::site::Site;
use crate::statuses;

/// How long a test waits for anything. AWS's minutes are seconds here; a busy machine may need many of them.
const PATIENCE: Duration = Duration::from_secs(90);

/// How often it looks where no write was seen, in case that the watch has missed one.
const LOOK_AT_LEAST_EVERY: Duration = Duration::from_secs(5);

/// How often it looks at what must not change.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Who writes specs here: a person with kubectl.
const FIELD_MANAGER: &str = "lab";

/// A network that is being described. It names the site's class, and source servers in 192.168.10.0/24.
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

    /// Changes the spec in any way.
    pub fn with(mut self, change: impl FnOnce(&mut MigrationNetworkSpec)) -> Self {
        change(&mut self.object.spec);
        self
    }

    /// The ranges of the source servers.
    pub fn sources<const N: usize>(self, cidrs: [&str; N]) -> Self {
        self.with(|spec| spec.source_cidrs = Some(cidrs.map(str::to_owned).into()))
    }

    /// The ranges of proxies.
    pub fn proxies<const N: usize>(self, cidrs: [&str; N]) -> Self {
        self.with(|spec| spec.proxy_cidrs = Some(cidrs.map(str::to_owned).into()))
    }

    /// Without a resolver: source servers have hosts files.
    pub fn without_resolver(self) -> Self {
        self.with(|spec| {
            spec.resolver = Some(ResolverSpec { mode: Some(ResolverMode::Disabled), ..ResolverSpec::default() });
        })
    }

    /// Without the endpoints of AWS Systems Manager.
    pub fn without_ssm(self) -> Self {
        self.with(|spec| spec.post_launch = Some(PostLaunchSpec { ssm: Some(Toggle::Disabled) }))
    }

    /// With a security group for replication servers.
    pub fn with_replication_group(self) -> Self {
        let mode = Some(ReplicationSecurityGroupMode::Managed);
        let security_group = ReplicationSecurityGroupSpec { mode, id: None };
        self.with(|spec| spec.replication = Some(ReplicationSpec { security_group: Some(security_group) }))
    }

    /// Whose AWS resources stay when it is deleted.
    pub fn retained(self) -> Self {
        self.with(|spec| spec.deletion_policy = Some(DeletionPolicy::Retain))
    }

    /// Whose resources may be there already.
    pub fn adopting(self, policy: AdoptionPolicy) -> Self {
        self.with(|spec| spec.adoption_policy = Some(policy))
    }

    /// With a part of the spec as it would stand in a manifest, in place of what was there under the same names.
    ///
    /// # Panics
    /// If it is no part of a spec.
    #[allow(clippy::expect_used, reason = "a test that writes no part of a spec is to break")]
    pub fn spec(self, part: &Value) -> Self {
        self.with(|spec| {
            let mut whole = serde_json::to_value(&*spec).expect("a spec is JSON");
            for (field, value) in part.as_object().expect("a part of a spec is an object") {
                whole[field] = value.clone();
            }
            *spec = serde_json::from_value(whole).expect("a part of a spec");
        })
    }

    /// Which the operator leaves alone.
    pub fn suspended(self) -> Self {
        self.with(|spec| spec.suspend = Some(true))
    }

    /// The object as it would be applied.
    pub fn object(&self) -> &MigrationNetwork {
        &self.object
    }

    /// Applies it, as `kubectl apply --server-side` does.
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
    /// Its name.
    pub name: String,
}

impl<'s> Network<'s> {
    pub(crate) fn new(site: &'s Site, name: &str) -> Self {
        let api = Api::namespaced(site.kube.clone(), &site.namespace);
        Self { site, api, name: name.to_owned() }
    }

    /// Where it is.
    pub fn site(&self) -> &'s Site {
        self.site
    }

    /// The object as it is now.
    pub async fn get(&self) -> Result<MigrationNetwork> {
        Ok(self.api.get(&self.name).await?)
    }

    /// Its status as it is now.
    pub async fn status(&self) -> Result<MigrationNetworkStatus> {
        self.get().await?.status.context("the network has no status")
    }

    /// Edits the spec by a merge patch: what is in `spec` wins, and `null` removes.
    pub async fn edit(&self, spec: Value) -> Result<MigrationNetwork> {
        self.patch(json!({ "spec": spec })).await
    }

    /// Allows an address to change, or does no longer.
    pub async fn allow_address_change(&self, slot_and_id: Option<&str>) -> Result<MigrationNetwork> {
        self.patch(json!({ "metadata": { "annotations": { ADDRESS_CHANGE_ANNOTATION: slot_and_id } } })).await
    }

    /// Edits anything by a merge patch.
    pub async fn patch(&self, patch: Value) -> Result<MigrationNetwork> {
        Ok(self.api.patch(&self.name, &PatchParams::default(), &Patch::Merge(patch)).await?)
    }

    /// Asks for its deletion, and does not wait.
    pub async fn delete(&self) -> Result<()> {
        self.api.delete(&self.name, &DeleteParams::default()).await?;
        Ok(())
    }

    /// Deletes it, and waits until it is gone.
    pub async fn delete_and_wait(&self) -> Result<()> {
        self.delete().await?;
        self.until_gone().await
    }

    /// Waits until it is Ready for the spec as it is now.
    pub async fn until_ready(&self) -> Result<MigrationNetwork> {
        self.until_condition(ConditionType::Ready, ConditionStatus::True).await
    }

    /// Waits until a condition has that status for the spec as it is now.
    pub async fn until_condition(&self, type_: ConditionType, status: ConditionStatus) -> Result<MigrationNetwork> {
        let what = format!("{type_} is {}", status.as_str());
        self.until(&what, |network| current_condition(network, type_).is_some_and(|(now, _)| now == status.as_str()))
            .await
    }

    /// Waits until a condition has that reason for the spec as it is now.
    pub async fn until_reason(&self, type_: ConditionType, reason: Reason) -> Result<MigrationNetwork> {
        let what = format!("{type_} has the reason {reason}");
        self.until(&what, |network| current_condition(network, type_).is_some_and(|(_, now)| now == reason.as_str()))
            .await
    }

    /// Waits until something is true of it. `what` completes "not within 90 s: …".
    pub async fn until(&self, what: &str, test: impl Fn(&MigrationNetwork) -> bool) -> Result<MigrationNetwork> {
        let deadline = Instant::now() + PATIENCE;
        let mut writes = self.site.lab.statuses().writes_in(&self.site.namespace);
        loop {
            let network = self.get().await?;
            self.site.check_statuses()?;
            if test(&network) {
                return Ok(network);
            }
            if Instant::now() > deadline {
                bail!("not within {} s: {what}\n{}", PATIENCE.as_secs(), self.report().await);
            }
            writes.next(LOOK_AT_LEAST_EVERY).await;
        }
    }

    /// Waits until it is gone from the API server.
    pub async fn until_gone(&self) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        let mut writes = self.site.lab.statuses().writes_in(&self.site.namespace);
        while self.api.get_opt(&self.name).await?.is_some() {
            if Instant::now() > deadline {
                bail!("not within {} s: it is gone\n{}", PATIENCE.as_secs(), self.report().await);
            }
            writes.next(LOOK_AT_LEAST_EVERY).await;
        }
        self.site.check_statuses()
    }

    /// Checks for some time that something stays true of it.
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
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// All that helps to understand why it is not as it should be.
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
        let _ = writeln!(report, "--- the end of all of it\n{}", self.site.lab.operator().log_tail(10));
        report
    }
}

/// Status and reason of a condition, if it is about the spec as it is now.
fn current_condition(network: &MigrationNetwork, type_: ConditionType) -> Option<(&str, &str)> {
    let status = network.status.as_ref()?;
    let condition = conditions::find(&status.conditions, type_)?;
    let generation = network.metadata.generation;
    (Some(status.observed_generation) == generation && condition.observed_generation == generation)
        .then_some((condition.status.as_str(), condition.reason.as_str()))
}
