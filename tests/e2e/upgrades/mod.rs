//! Upgrades and rollbacks with the program and the CRDs of an earlier version: neither writes to AWS, and each version
//! continues what the other one has built. `docs/upgrades.md` describes the order of the steps.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use mgnet::api::{AdoptionPolicy, ConditionType};
use serde_json::json;
use support::foreign::{HTTPS, entry, gateway, group, interface};
use support::waiting::{is_true, listed, until_observed};
use support::{ExclusiveLab, Lab, Network, Operator, OperatorOptions, Site};

const NAME: &str = "tokyo";

/// The number of observations of an unchanged network that must pass without a write.
const OBSERVATIONS: usize = 3;

/// Returns the folder of the earlier version, which is built if necessary.
async fn earlier_version() -> Result<PathBuf> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/e2e/upgrades/build.sh");
    let output = tokio::task::spawn_blocking(move || Command::new(script).output()).await??;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(PathBuf::from(String::from_utf8(output.stdout)?.trim()))
}

/// A cluster in which the operator changes between two versions, and its networks.
struct Cluster {
    lab: ExclusiveLab,
    earlier: Operator,
    current: Operator,
    earlier_crds: PathBuf,
}

impl Cluster {
    /// Creates a cluster with the CRDs and the operator of the earlier version.
    async fn new(leader_election: bool) -> Result<Self> {
        let lab = Lab::real_exclusive().await?;
        lab.operator().kill().await?;
        let folder = earlier_version().await?;
        let options = OperatorOptions { leader_election, ..lab.operator().options().clone() };
        let program = Some(folder.join("mgnet"));
        let earlier = lab.operator().another(OperatorOptions { program, ..options.clone() });
        let current = lab.operator().another(options);
        let cluster = Self { lab, earlier, current, earlier_crds: folder.join("crds") };
        cluster.apply_crds(&cluster.earlier_crds).await?;
        cluster.earlier.start().await?;
        Ok(cluster)
    }

    async fn apply_crds(&self, folder: &Path) -> Result<()> {
        let folder = format!("--kustomize={}", folder.display());
        self.lab.kubectl_output(["apply", "--server-side", "--force-conflicts", &folder]).await?;
        Ok(())
    }

    /// Applies the CRDs of this version, and then its operator.
    async fn upgrade(&self) -> Result<()> {
        self.apply_crds(&Path::new(env!("CARGO_MANIFEST_DIR")).join("crds")).await?;
        self.earlier.stop().await?;
        self.current.start().await
    }

    /// Starts the earlier operator again. The CRDs of this version stay.
    async fn roll_back(&self) -> Result<()> {
        self.current.stop().await?;
        self.earlier.start().await
    }

    /// Ends the test: the operator of the lab runs again, with the CRDs of this version.
    async fn close(self) -> Result<()> {
        for operator in [&self.earlier, &self.current] {
            if operator.is_running() {
                operator.stop().await?;
            }
        }
        self.lab.install().await?;
        self.lab.operator().start().await
    }
}

/// A site with one network.
struct Case<'s> {
    site: &'s Site,
    network: Network<'s>,
}

impl Case<'_> {
    /// Fails if the operator writes to AWS after the mark, or if the network is not `Ready` after some observations.
    async fn rests(&self, mark: u64) -> Result<()> {
        until_observed(self.site, OBSERVATIONS).await?;
        let writes = self.site.writes_after(mark).await?;
        ensure!(writes.is_empty(), "{}: {}", self.site.namespace, listed(&writes));
        let network = self.network.until_ready().await?;
        ensure!(is_true(&network, ConditionType::Synced), "{}", self.network.report().await);
        Ok(())
    }
}

/// Builds one network with all kinds of resources and fixed addresses, one with as few as possible, and one that adopts.
async fn build(sites: &[Site; 3]) -> Result<[Case<'_>; 3]> {
    let [rich, plain, adopting] = sites;
    let endpoints = json!([
        entry("kms", "Interface", &json!({ "privateDNS": "Disabled" })),
        entry("ec2", "Interface", &json!({ "policy": { "type": "Preset", "preset": "FullAccess" } })),
    ]);
    let spec = json!({ "endpoints": endpoints, "tags": { "team": "billing" } });
    let rich_network = rich.network(NAME).with_replication_group().proxies(["10.9.0.0/24"]).spec(&spec).apply().await?;
    let plain_network = plain.network(NAME).without_resolver().without_ssm().apply().await?;
    gateway(adopting, &["staging"], &[]).await?;
    let theirs = group(adopting, "theirs", HTTPS, &[]).await?;
    interface(adopting, "mgn", true, &theirs, &[]).await?;
    let adopting_network = adopting.network(NAME).adopting(AdoptionPolicy::Any).apply().await?;
    let cases = [(rich, rich_network), (plain, plain_network), (adopting, adopting_network)];
    let cases = cases.map(|(site, network)| Case { site, network });
    for case in &cases {
        case.network.until_ready().await.with_context(|| case.site.namespace.clone())?;
    }
    Ok(cases)
}

async fn marks(cases: &[Case<'_>]) -> Result<Vec<u64>> {
    let mut marks = Vec::new();
    for case in cases {
        marks.push(case.site.last_call().await?);
    }
    Ok(marks)
}

async fn all_rest(cases: &[Case<'_>], marks: &[u64]) -> Result<()> {
    for (case, mark) in cases.iter().zip(marks) {
        case.rests(*mark).await?;
    }
    Ok(())
}

#[tokio::test]
async fn upgrade_and_rollback_write_nothing_and_each_version_continues_the_work_of_the_other() -> Result<()> {
    let cluster = Cluster::new(false).await?;
    let sites =
        [cluster.lab.site("rich").await?, cluster.lab.site("plain").await?, cluster.lab.site("adopting").await?];
    let cases = build(&sites).await?;
    let built = marks(&cases).await?;
    let ids = sites[0].state().await?.slots().into_iter().map(|(slot, id)| (slot, id.clone())).collect::<Vec<_>>();

    cluster.upgrade().await?;
    all_rest(&cases, &built).await.context("after the upgrade")?;
    let [rich, plain, adopting] = &cases;
    plain.network.edit(json!({ "resolver": null })).await?;
    plain.network.until_ready().await?;
    assert_eq!(plain.site.summary().await?, plain.site.expected().without_ssm().summary());

    let edited = marks(&cases).await?;
    cluster.roll_back().await?;
    all_rest(&cases, &edited).await.context("after the rollback")?;
    rich.network.edit(json!({ "proxyCIDRs": null })).await?;
    rich.network.until_ready().await?;
    plain.network.delete_and_wait().await?;
    ensure!(plain.site.summary().await?.is_empty(), "{}", plain.site.summary().await?);

    let edited = marks(&cases).await?;
    cluster.upgrade().await?;
    for (case, mark) in [(rich, edited[0]), (adopting, edited[2])] {
        case.rests(mark).await.context("after the second upgrade")?;
    }
    let slots = sites[0].state().await?.slots().into_iter().map(|(slot, id)| (slot, id.clone())).collect::<Vec<_>>();
    assert_eq!(slots, ids, "no resource was replaced");
    for case in [rich, adopting] {
        case.network.delete_and_wait().await?;
    }
    ensure!(rich.site.summary().await?.is_empty(), "{}", rich.site.summary().await?);
    let left = adopting.site.summary().await?;
    assert_eq!(left, left.foreign(), "what was adopted is given back");
    ensure!(left.lines().len() == 3, "{left}");
    cluster.close().await
}

#[tokio::test]
async fn during_a_rolling_update_only_one_version_leads_and_neither_writes() -> Result<()> {
    let cluster = Cluster::new(true).await?;
    let sites = [cluster.lab.site("rolling-1").await?, cluster.lab.site("rolling-2").await?];
    for site in &sites {
        site.network(NAME).apply().await?.until_ready().await?;
    }
    let cases = sites.each_ref().map(|site| Case { site, network: site.existing_network(NAME) });
    let built = marks(&cases).await?;
    cluster.apply_crds(&Path::new(env!("CARGO_MANIFEST_DIR")).join("crds")).await?;
    cluster.current.start().await?;
    all_rest(&cases, &built).await.context("beside the earlier version")?;
    cluster.earlier.stop().await?;
    all_rest(&cases, &built).await.context("after the earlier version stopped")?;
    for case in &cases {
        case.network.delete_and_wait().await?;
    }
    cluster.close().await
}
