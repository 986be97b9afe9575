//! The endpoint against which cases run.

use std::{fmt::Debug, sync::Arc, time::Duration};

use anyhow::{Context as _, Result, bail, ensure};
use aws_config::{BehaviorVersion, Region, SdkConfig, retry::RetryConfig};
use aws_sdk_ec2::{config::Credentials, types::ServiceDetail};

use crate::{
    journal::{Journal, Recorder},
    ownership::{Owner, Run},
};

/// The number of zones that the cases need.
const ZONES: usize = 3;

/// An endpoint, with its clients.
pub struct Target {
    pub(crate) ec2: aws_sdk_ec2::Client,
    pub(crate) resolver: aws_sdk_route53resolver::Client,
    pub(crate) route53: aws_sdk_route53::Client,
    pub(crate) sts: aws_sdk_sts::Client,
    pub(crate) region: String,
    pub(crate) account: String,
    /// Three zones in which AWS offers the endpoint of MGN.
    pub(crate) zones: Vec<Zone>,
    pub(crate) run: Arc<Run>,
    pub(crate) journal: Arc<Journal>,
    pace: Pace,
    control: Option<Arc<dyn Control>>,
}

/// An Availability Zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Zone {
    pub(crate) name: String,
    pub(crate) id: String,
}

/// How a case waits.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// The time between two reads.
    pub interval: Duration,
    /// The time after which a wait fails.
    pub patience: Duration,
}

/// What a model of AWS can do and AWS cannot.
pub trait Control: Send + Sync {
    /// Lets time pass.
    fn advance(&self, by: Duration);

    /// Returns everything that exists, for comparisons.
    fn state(&self) -> String;
}

/// Returns the configuration for a model of AWS, isolated from the proxies, endpoints and CA bundles of the machine. The
/// access key names the account, as the emulator and moto expect it.
pub async fn config_of_stand_in(url: &str, account: &str, region: &str) -> SdkConfig {
    aws_config::defaults(BehaviorVersion::latest())
        .empty_test_environment()
        .credentials_provider(Credentials::new(account, "secret", None, None, "test"))
        .region(Region::new(region.to_owned()))
        .endpoint_url(url)
        .retry_config(RetryConfig::disabled())
        .load()
        .await
}

impl Target {
    /// Connects a run to an endpoint. Fails unless the credentials belong to the account, if one is given; this is
    /// checked before any other call.
    pub async fn connect(config: &SdkConfig, account: Option<&str>, run: Run, pace: Pace) -> Result<Self> {
        let region = config.region().context("no Region is set: use `--region`")?.to_string();
        let (run, journal) = (Arc::new(run), Arc::new(Journal::default()));
        let (owner, recorder) = (Owner::new(Arc::clone(&run)), Recorder::new(Arc::clone(&journal)));
        macro_rules! client {
            ($sdk:ident) => {{
                let config = $sdk::config::Builder::from(config);
                $sdk::Client::from_conf(config.interceptor(owner.clone()).interceptor(recorder.clone()).build())
            }};
        }
        let sts = client!(aws_sdk_sts);
        let identity = sts.get_caller_identity().send().await;
        let identity = identity.context("the credentials cannot be checked: `sts:GetCallerIdentity` failed")?;
        let actual = identity.account().context("`sts:GetCallerIdentity` returned no account")?;
        if let Some(expected) = account.filter(|expected| *expected != actual) {
            bail!("the credentials belong to account '{actual}', not to account '{expected}'; nothing was created");
        }
        let ec2 = client!(aws_sdk_ec2);
        let zones = zones(&ec2, &region).await?;
        Ok(Self {
            resolver: client!(aws_sdk_route53resolver),
            route53: client!(aws_sdk_route53),
            account: actual.to_owned(),
            sts,
            ec2,
            region,
            zones,
            run,
            journal,
            pace,
            control: None,
        })
    }

    /// Uses a model's control of its world: waits then take no time.
    #[must_use]
    pub fn with_control(self, control: Arc<dyn Control>) -> Self {
        Self { control: Some(control), ..self }
    }

    /// Returns the Region.
    pub fn region(&self) -> &str {
        &self.region
    }

    /// Returns the account.
    pub fn account(&self) -> &str {
        &self.account
    }

    /// Returns the run.
    pub fn run(&self) -> &Run {
        &self.run
    }

    /// Waits for the time between two reads.
    pub(crate) async fn pause(&self) {
        match &self.control {
            Some(control) => control.advance(self.pace.interval),
            None => tokio::time::sleep(self.pace.interval).await,
        }
    }

    /// Returns how many times a wait reads before it fails.
    pub(crate) fn reads(&self) -> u128 {
        self.pace.patience.as_nanos() / self.pace.interval.as_nanos().max(1) + 1
    }

    /// Reads until there is a value.
    pub(crate) async fn until<T>(&self, what: &str, mut read: impl AsyncFnMut() -> Option<T>) -> T {
        for _ in 0..self.reads() {
            if let Some(value) = read().await {
                return value;
            }
            self.pause().await;
        }
        panic!("{what}: not within {:?}", self.pace.patience)
    }

    /// Reads until the value is as expected: answers of AWS are eventually consistent.
    pub(crate) async fn reaches<T: PartialEq + Debug>(
        &self,
        what: &str,
        expected: T,
        mut read: impl AsyncFnMut() -> T,
    ) {
        let mut last = read().await;
        for _ in 1..self.reads() {
            if last == expected {
                return;
            }
            self.pause().await;
            last = read().await;
        }
        assert_eq!(last, expected, "{what}");
    }

    /// Returns everything that exists, if the target can tell.
    pub(crate) fn state(&self) -> Option<String> {
        self.control.as_ref().map(|control| control.state())
    }
}

/// Returns three zones in which AWS offers the endpoint of MGN.
async fn zones(ec2: &aws_sdk_ec2::Client, region: &str) -> Result<Vec<Zone>> {
    let name = format!("com.amazonaws.{region}.mgn");
    let services = ec2.describe_vpc_endpoint_services().service_names(&name).send().await;
    let services = services.with_context(|| format!("the Region does not offer the service '{name}'"))?;
    let offered: Vec<&str> =
        services.service_details().iter().flat_map(ServiceDetail::availability_zones).map(String::as_str).collect();
    let known = ec2.describe_availability_zones().send().await.context("listing the zones")?;
    let known = known.availability_zones().iter().filter_map(|zone| Some((zone.zone_name()?, zone.zone_id()?)));
    let zones: Vec<Zone> = known
        .filter(|(name, _)| offered.contains(name))
        .map(|(name, id)| Zone { name: name.to_owned(), id: id.to_owned() })
        .take(ZONES)
        .collect();
    ensure!(zones.len() == ZONES, "the Region '{region}' offers '{name}' in {} zones; use another Region", zones.len());
    Ok(zones)
}
