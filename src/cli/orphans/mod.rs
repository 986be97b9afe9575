//! `mgnet orphans`: lists orphaned AWS resources, and deletes selected ones.
//!
//! The command reads AWS and Kubernetes with the credentials of its environment, and needs no running operator. It
//! searches twice before it reports a resource as orphaned: see [`crate::controller::orphans`].

mod report;

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{self, Write as _},
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use kube::Client;
use tokio::time::Instant;

use crate::{
    aws::{Account, AwsClouds, Rates},
    cli::{
        aws::AwsOptions,
        cluster,
        orphans::report::{Listed, Report, Unseen},
    },
    controller::{
        Kubernetes, StoreError,
        orphans::{AccountRegion, Sightings, Survey, explain, remove, survey},
    },
    model::orphans::{Kind, Made, Refusal},
};

/// The options of `mgnet orphans`.
#[derive(clap::Args, Clone, Debug)]
pub struct OrphansArgs {
    /// Output format
    #[arg(long, short, value_enum, default_value_t = Form::Table, value_name = "FORM")]
    output: Form,

    /// Delete the orphans with these IDs. If one of the resources is not an orphan, nothing is deleted
    #[arg(long, num_args = 1.., value_name = "ID")]
    delete: Vec<String>,

    /// Seconds between the two searches that must both find a resource orphaned
    #[arg(long, env = "MGNET_ABSENCE_GRACE_SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=3600))]
    absence_grace_seconds: u64,

    #[command(flatten)]
    aws: AwsOptions,
}

/// The output format.
#[derive(clap::ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// Table for humans
    Table,
    /// One JSON object
    Json,
}

/// The maximum time for the search in one account and Region.
const PATIENCE: Duration = Duration::from_mins(2);

/// Lists orphans, or deletes those that the options name.
///
/// # Errors
/// If the search fails in one account and Region or in all, or if a resource cannot be deleted.
pub fn run(options: &OrphansArgs) -> Result<()> {
    rustls::crypto::aws_lc_rs::default_provider()
        .install_default()
        .map_err(|_| anyhow::anyhow!("another TLS provider is already installed in this process"))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let search = Search::new(options).await?;
        if options.delete.is_empty() {
            list(&search, options.output).await
        } else {
            delete(&search, &options.delete, options.output).await
        }
    })
}

/// The clients and settings of a search.
struct Search {
    clouds: AwsClouds,
    kubernetes: Kubernetes,
    cluster: String,
    grace: Duration,
}

impl Search {
    async fn new(options: &OrphansArgs) -> Result<Self> {
        let client =
            Client::try_from(cluster::config().await?).context("cannot create a client for the Kubernetes cluster")?;
        // The command reads and writes no VPC leases, so their namespace does not matter.
        let kubernetes = Kubernetes::new(client, String::new());
        let cluster = kubernetes
            .cluster_uid()
            .await
            .map_err(with_source)
            .context("cannot read namespace 'kube-system', whose UID identifies the cluster in AWS tags")?;
        let clouds = options.aws.clouds(Rates::default()).await?;
        Ok(Self { clouds, kubernetes, cluster, grace: Duration::from_secs(options.absence_grace_seconds) })
    }

    async fn survey(&self) -> Result<Survey> {
        let survey = survey(&self.clouds, &self.kubernetes, &self.cluster, PATIENCE).await;
        survey.map_err(with_source).context("cannot list classes and networks")
    }

    /// Searches once, and a second time after the absence grace if the first search finds orphans. Returns the last
    /// search, and the resources that both searches found orphaned. An error of `check`, which is called after each
    /// search, ends it.
    async fn survey_twice(
        &self,
        check: impl Fn(&Survey) -> Result<()>,
    ) -> Result<(Survey, BTreeMap<AccountRegion, BTreeSet<Made>>)> {
        let mut sightings = Sightings::default();
        let mut confirm = |survey: &Survey, began| -> BTreeMap<AccountRegion, BTreeSet<Made>> {
            let seen = survey
                .account_regions
                .iter()
                .filter_map(|(account_region, observation)| Some((account_region, observation.seen.as_ref().ok()?)));
            seen.map(|(account_region, seen)| {
                (account_region.clone(), sightings.confirm(account_region, &seen.leftovers.orphans, began, self.grace))
            })
            .collect()
        };
        let began = Instant::now();
        let first = self.survey().await?;
        check(&first)?;
        let confirmed = confirm(&first, began);
        let seen = first.account_regions.values().filter_map(|observation| observation.seen.as_ref().ok());
        let suspected: usize = seen.map(|seen| seen.leftovers.orphans.len()).sum();
        if suspected == 0 {
            return Ok((first, confirmed));
        }
        eprintln!("{suspected} resources may be orphaned; searching again in {} s to confirm", self.grace.as_secs());
        tokio::time::sleep_until(began + self.grace).await;
        let began = Instant::now();
        let second = self.survey().await?;
        check(&second)?;
        let confirmed = confirm(&second, began);
        Ok((second, confirmed))
    }
}

/// Converts the error, and keeps its source.
fn with_source(error: StoreError) -> anyhow::Error {
    anyhow::Error::new(error)
}

fn print(text: &str) -> Result<()> {
    io::stdout().write_all(text.as_bytes()).context("cannot write to standard output")
}

async fn list(search: &Search, form: Form) -> Result<()> {
    let (survey, orphans) = search.survey_twice(|_| Ok(())).await?;
    let listed = |account_region: &AccountRegion, made: &BTreeSet<Made>| {
        made.iter().map(|made| Listed::new(account_region, made)).collect::<Vec<_>>()
    };
    let seen = survey
        .account_regions
        .iter()
        .filter_map(|(account_region, observation)| Some((account_region, observation.seen.as_ref().ok()?)));
    let report = Report {
        orphans: orphans.iter().flat_map(|(account_region, made)| listed(account_region, made)).collect(),
        retained: seen.flat_map(|(account_region, seen)| listed(account_region, &seen.leftovers.retained)).collect(),
        unseen: survey
            .account_regions
            .iter()
            .filter_map(|(account_region, observation)| {
                Some(Unseen::new(
                    account_region,
                    observation,
                    explain(account_region, observation.seen.as_ref().err()?),
                ))
            })
            .collect(),
    };
    print(&match form {
        Form::Table => report.table(),
        Form::Json => report.json()?,
    })?;
    match report.unseen.len() {
        0 => Ok(()),
        unseen => {
            bail!(
                "could not search {unseen} of {} accounts and Regions; see the reasons above",
                survey.account_regions.len()
            )
        }
    }
}

async fn delete(search: &Search, ids: &[String], form: Form) -> Result<()> {
    let (survey, confirmed) = search.survey_twice(|survey| find(search, survey, ids).map(drop)).await?;
    let found = find(search, &survey, ids)?;
    // In the order of kinds: security groups are deleted last, because the other resources use them.
    let mut ordered: Vec<(Option<Kind>, &str, Account)> = found
        .into_iter()
        .map(|(id, account)| {
            let kind = confirmed.values().flatten().find(|made| made.id == id).map(|made| made.kind);
            (kind, id, account)
        })
        .collect();
    ordered.sort_by_key(|(kind, ..)| *kind);
    let mut outcome = report::Removal::default();
    for (kind, id, account) in &ordered {
        let removed = match kind {
            Some(_) => remove(&search.clouds, &search.kubernetes, &search.cluster, account, id).await,
            // The first of the two searches did not find it, or not as an orphan.
            None => Err(Refusal::TooNew.into()),
        };
        match removed {
            Ok(()) => outcome.deleted.push((*id).to_owned()),
            Err(error) => outcome.failed.push(report::Failed { id: (*id).to_owned(), reason: error.to_string() }),
        }
    }
    print(&match form {
        Form::Table => outcome.lines(),
        Form::Json => outcome.json()?,
    })?;
    match outcome.failed.len() {
        0 => Ok(()),
        failed => bail!(
            "{failed} of {} resources were not deleted. AWS rejects the deletion of a security group while an \
             endpoint uses it: run the command again after some minutes",
            ordered.len()
        ),
    }
}

/// The account of each named resource, if this search found all of them orphaned.
fn find<'i>(search: &Search, survey: &Survey, ids: &'i [String]) -> Result<BTreeMap<&'i str, Account>> {
    let (mut found, mut refused) = (BTreeMap::new(), Vec::new());
    for id in ids {
        match survey.account_of(&search.cluster, id) {
            Ok(account) => drop(found.insert(id.as_str(), account.clone())),
            Err(refusal) => refused.push(format!("{id} {refusal}")),
        }
    }
    if refused.is_empty() {
        return Ok(found);
    }
    let unseen = survey
        .account_regions
        .iter()
        .filter_map(|(account_region, observation)| Some(explain(account_region, observation.seen.as_ref().err()?)));
    refused.extend(unseen);
    bail!("nothing was deleted:\n{}", refused.join("\n"))
}
