//! `mgnet orphans`: lists what networks that are gone have left in AWS, and removes what is named of it.
//!
//! It asks AWS and Kubernetes itself, in the operator's way and with whatever credentials it is given, and needs no running
//! operator. What looks orphaned is looked at twice: see [`crate::controller::orphans`].

mod report;

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{self, Write as _},
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use kube::{Client, Config};
use tokio::time::Instant;

use crate::{
    aws::{Account, AwsClouds, Rates},
    cli::orphans::report::{Listed, Report, Unseen},
    controller::{
        Kubernetes, StoreError,
        orphans::{Looks, Place, Sightings, explain, look, remove},
    },
    model::orphans::{Kind, Made, Refusal},
};

/// The options of `mgnet orphans`.
#[derive(clap::Args, Clone, Debug)]
pub struct OrphansArgs {
    /// Form of the list
    #[arg(long, short, value_enum, default_value_t = Form::Table, value_name = "FORM")]
    output: Form,

    /// Remove these resources, by their ids, each after another check that its network is gone; none if one of them is no orphan
    #[arg(long, num_args = 1.., value_name = "ID")]
    delete: Vec<String>,

    /// Seconds between the two looks at what looks orphaned
    #[arg(long, env = "MGNET_ABSENCE_GRACE_SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=3600))]
    absence_grace_seconds: u64,
}

/// The form of the list.
#[derive(clap::ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// For people
    Table,
    /// One JSON object
    Json,
}

/// How long one account and Region may take.
const PATIENCE: Duration = Duration::from_mins(2);

/// Lists or removes.
///
/// # Errors
/// If it cannot look, could not look everywhere, or could not remove what it was to remove.
pub fn run(options: &OrphansArgs) -> Result<()> {
    rustls::crypto::aws_lc_rs::default_provider()
        .install_default()
        .map_err(|_| anyhow::anyhow!("another TLS provider is installed"))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let search = Search::new(Duration::from_secs(options.absence_grace_seconds)).await?;
        if options.delete.is_empty() {
            list(&search, options.output).await
        } else {
            delete(&search, &options.delete, options.output).await
        }
    })
}

/// What is needed to look.
struct Search {
    clouds: AwsClouds,
    kubernetes: Kubernetes,
    cluster: String,
    grace: Duration,
}

impl Search {
    async fn new(grace: Duration) -> Result<Self> {
        let config = Config::infer().await.context("found no Kubernetes cluster; set KUBECONFIG")?;
        let client = Client::try_from(config).context("cannot use the Kubernetes cluster")?;
        // No claim is read or written here, so that the namespace for them does not matter.
        let kubernetes = Kubernetes::new(client, String::new());
        let cluster = kubernetes
            .cluster_uid()
            .await
            .map_err(told)
            .context("cannot read namespace 'kube-system', whose uid names the cluster in AWS tags")?;
        Ok(Self { clouds: AwsClouds::from_env(Rates::default()).await, kubernetes, cluster, grace })
    }

    async fn look(&self) -> Result<Looks> {
        let looks = look(&self.clouds, &self.kubernetes, &self.cluster, PATIENCE).await;
        looks.map_err(told).context("cannot list classes and networks")
    }

    /// Looks once, and again after the grace if something looks orphaned. Gives the last look, and what both say is orphaned. `check`
    /// is asked after each look whether to go on.
    async fn look_twice(
        &self,
        check: impl Fn(&Looks) -> Result<()>,
    ) -> Result<(Looks, BTreeMap<Place, BTreeSet<Made>>)> {
        let mut sightings = Sightings::default();
        let mut confirm = |looks: &Looks, began| -> BTreeMap<Place, BTreeSet<Made>> {
            let seen = looks.places.iter().filter_map(|(place, look)| Some((place, look.seen.as_ref().ok()?)));
            seen.map(|(place, seen)| {
                (place.clone(), sightings.confirm(place, &seen.leftovers.orphans, began, self.grace))
            })
            .collect()
        };
        let began = Instant::now();
        let first = self.look().await?;
        check(&first)?;
        let confirmed = confirm(&first, began);
        let seen = first.places.values().filter_map(|look| look.seen.as_ref().ok());
        let suspected: usize = seen.map(|seen| seen.leftovers.orphans.len()).sum();
        if suspected == 0 {
            return Ok((first, confirmed));
        }
        eprintln!("{suspected} resources look orphaned; looking again in {} s", self.grace.as_secs());
        tokio::time::sleep_until(began + self.grace).await;
        let began = Instant::now();
        let second = self.look().await?;
        check(&second)?;
        let confirmed = confirm(&second, began);
        Ok((second, confirmed))
    }
}

/// The error with what lies behind it.
fn told(error: StoreError) -> anyhow::Error {
    anyhow::Error::new(error)
}

fn print(text: &str) -> Result<()> {
    io::stdout().write_all(text.as_bytes()).context("cannot write to standard output")
}

async fn list(search: &Search, form: Form) -> Result<()> {
    let (looks, orphans) = search.look_twice(|_| Ok(())).await?;
    let listed =
        |place: &Place, made: &BTreeSet<Made>| made.iter().map(|made| Listed::new(place, made)).collect::<Vec<_>>();
    let seen = looks.places.iter().filter_map(|(place, look)| Some((place, look.seen.as_ref().ok()?)));
    let report = Report {
        orphans: orphans.iter().flat_map(|(place, made)| listed(place, made)).collect(),
        retained: seen.flat_map(|(place, seen)| listed(place, &seen.leftovers.retained)).collect(),
        unseen: looks
            .places
            .iter()
            .filter_map(|(place, look)| Some(Unseen::new(place, look, explain(place, look.seen.as_ref().err()?))))
            .collect(),
    };
    print(&match form {
        Form::Table => report.table(),
        Form::Json => report.json()?,
    })?;
    match report.unseen.len() {
        0 => Ok(()),
        unseen => bail!("{unseen} of {} accounts and Regions could not be looked at", looks.places.len()),
    }
}

async fn delete(search: &Search, ids: &[String], form: Form) -> Result<()> {
    let (looks, confirmed) = search.look_twice(|looks| find(search, looks, ids).map(drop)).await?;
    let found = find(search, &looks, ids)?;
    // In the order of kinds: groups go last, as the others hold them.
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
            // It was not there, or not orphaned, in the first of the two looks.
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
            "{failed} of {} were not removed. A security group goes only when endpoints that have it are gone, which takes them \
             minutes: try again then",
            ordered.len()
        ),
    }
}

/// The accounts of all that is named, if all of it is orphaned by this look.
fn find<'i>(search: &Search, looks: &Looks, ids: &'i [String]) -> Result<BTreeMap<&'i str, Account>> {
    let (mut found, mut refused) = (BTreeMap::new(), Vec::new());
    for id in ids {
        match looks.account_of(&search.cluster, id) {
            Ok(account) => drop(found.insert(id.as_str(), account.clone())),
            Err(refusal) => refused.push(format!("{id} {refusal}")),
        }
    }
    if refused.is_empty() {
        return Ok(found);
    }
    let unseen = looks.places.iter().filter_map(|(place, look)| Some(explain(place, look.seen.as_ref().err()?)));
    refused.extend(unseen);
    bail!("nothing was removed:\n{}", refused.join("\n"))
}
