//! Connects to AWS accounts. It keeps one set of clients for each account, role and Region, and checks that their
//! credentials belong to the right account.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use aws_config::{AppName, BehaviorVersion, Region, SdkConfig, retry::RetryConfig, timeout::TimeoutConfig};
use aws_sdk_ec2::config::SharedCredentialsProvider;
use tokio::time::Instant;

use crate::{
    aws::{
        Account, Clouds, Role,
        assumed_role::AssumedRole,
        certificates::{self, CertificatesError},
        cloud::AwsCloud,
        metrics::RequestMetrics,
        own_credentials::{self, InstanceRole},
        request::{
            self, Action, Caller,
            rate_limit::{Limits, Rates},
        },
    },
    model::failure::{CallFailure, FailureClass},
};

/// How long the account of checked credentials is trusted. The account of a role never changes, but the account of
/// the operator's own credentials may.
const IDENTITY_HOLDS: Duration = Duration::from_hours(1);

/// How long callers share a connection attempt without an answer. STS may take 20 s to fail in this way, and the reconciles
/// that wait for the same connection would otherwise try one after the other.
const FAILURE_HOLDS: Duration = Duration::from_secs(5);

/// The name of the operator in user agents.
const NAME: &str = "mgnet";

/// Connects to AWS accounts through the AWS SDK.
#[derive(Debug)]
pub struct AwsClouds {
    base: SdkConfig,
    rates: Rates,
    metrics: RequestMetrics,
    limits: Mutex<HashMap<(String, String), Arc<Limits>>>,
    connections: Mutex<HashMap<Account, SharedConnection>>,
}

/// A connection that is locked while it is opened or checked, so that concurrent callers share the result. Each
/// combination of account, Region, role and session name has its own connection: a class with the wrong account does
/// not affect a class with the right one.
type SharedConnection = Arc<tokio::sync::Mutex<Attempt>>;

/// The result of the last attempt to connect.
#[derive(Debug, Default)]
enum Attempt {
    /// There is none, or it was canceled.
    #[default]
    None,
    /// The connection.
    Connected(Connection),
    /// The attempt got no answer: its failure, and when it ended.
    Unanswered(Instant, CallFailure),
}

#[derive(Clone, Debug)]
struct Connection {
    checked: Instant,
    cloud: Arc<AwsCloud>,
    sts: aws_sdk_sts::Client,
}

impl AwsClouds {
    /// Loads credentials and endpoints from the default sources of the AWS SDKs: environment, profile, web identity,
    /// container, and the role of the instance if it is allowed.
    ///
    /// # Errors
    /// If the environment names certificates that cannot be used.
    pub async fn from_env(rates: Rates, instance_role: InstanceRole) -> Result<Self, CertificatesError> {
        let mut loader = aws_config::defaults(behavior()).timeout_config(timeouts()).no_credentials();
        if let Some(client) = certificates::http_client()? {
            loader = loader.http_client(client);
        }
        let config = loader.load().await;
        let credentials = SharedCredentialsProvider::new(own_credentials::provider(&config, instance_role));
        Ok(Self::new(&config.into_builder().credentials_provider(credentials).build(), rates))
    }

    /// Uses the credentials and endpoints of a configuration that `aws_config` has loaded. The operator sets its own
    /// timeouts and retries.
    pub fn new(base: &SdkConfig, rates: Rates) -> Self {
        let mut base = base
            .to_builder()
            .behavior_version(behavior())
            .timeout_config(timeouts())
            // Used only for STS, where one retry covers a lost packet. `Caller` decides on the retries of all other
            // calls.
            .retry_config(RetryConfig::standard().with_max_attempts(2));
        base.set_app_name(AppName::new(NAME).ok());
        Self {
            base: base.build(),
            rates,
            metrics: RequestMetrics::default(),
            limits: Mutex::default(),
            connections: Mutex::default(),
        }
    }

    /// Returns the metrics of the requests that are sent through these connections.
    pub const fn metrics(&self) -> &RequestMetrics {
        &self.metrics
    }

    fn connection(&self, account: &Account) -> SharedConnection {
        let mut connections = self.connections.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(connections.entry(account.clone()).or_default())
    }

    /// Returns the rate limits of an account and Region, which all roles share.
    fn limits(&self, account: &str, region: &str) -> Arc<Limits> {
        let mut limits = self.limits.lock().unwrap_or_else(PoisonError::into_inner);
        let new = || Arc::new(Limits::new(self.rates));
        Arc::clone(limits.entry((account.to_owned(), region.to_owned())).or_insert_with(new))
    }

    /// Returns the base configuration with the account's Region and, if the account has a role, the credentials of
    /// that role.
    fn config(&self, account: &Account) -> SdkConfig {
        let region = Region::new(account.region.clone());
        let config = self.base.to_builder().region(region).build();
        let Some(role) = &account.role else { return config };
        let credentials = SharedCredentialsProvider::new(AssumedRole::new(&config, role.clone()));
        config.into_builder().credentials_provider(credentials).build()
    }

    async fn open(&self, account: &Account) -> Result<Connection, CallFailure> {
        let config = self.config(account);
        let sts = aws_sdk_sts::Client::new(&config);
        check(&self.metrics, &sts, account).await?;
        let caller = Caller::new(self.limits(&account.id, &account.region), self.metrics.clone());
        let cloud = Arc::new(AwsCloud::new(&config, account, caller));
        Ok(Connection { checked: Instant::now(), cloud, sts })
    }
}

impl Clouds for AwsClouds {
    type Cloud = AwsCloud;

    async fn connect(&self, account: &Account) -> Result<Arc<AwsCloud>, CallFailure> {
        let shared = self.connection(account);
        let mut last = shared.lock().await;
        // Taken, so that an attempt that is canceled is not remembered.
        let attempt = match std::mem::take(&mut *last) {
            Attempt::Connected(connection) if connection.checked.elapsed() < IDENTITY_HOLDS => Ok(connection),
            Attempt::Connected(connection) => {
                let checked = check(&self.metrics, &connection.sts, account).await;
                checked.map(|()| Connection { checked: Instant::now(), ..connection })
            }
            Attempt::Unanswered(at, failure) if at.elapsed() < FAILURE_HOLDS => {
                *last = Attempt::Unanswered(at, failure.clone());
                return Err(failure);
            }
            Attempt::Unanswered(..) | Attempt::None => self.open(account).await,
        };
        match attempt {
            Ok(connection) => {
                let cloud = Arc::clone(&connection.cloud);
                *last = Attempt::Connected(connection);
                Ok(cloud)
            }
            Err(failure) => {
                self.metrics.not_connected(account, failure.class);
                if failure.class == FailureClass::Unanswered {
                    *last = Attempt::Unanswered(Instant::now(), failure.clone());
                }
                Err(failure)
            }
        }
    }
}

/// The timeouts of all calls, including those for the operator's own credentials.
fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(3))
        .operation_attempt_timeout(Duration::from_secs(10))
        .operation_timeout(Duration::from_secs(25))
        .build()
}

/// The SDK's default behavior, pinned so that an SDK update does not change it.
fn behavior() -> BehaviorVersion {
    BehaviorVersion::v2026_01_12()
}

const GET_CALLER_IDENTITY: Action = Action::sts("GetCallerIdentity");

/// Checks that the credentials belong to the account.
async fn check(metrics: &RequestMetrics, sts: &aws_sdk_sts::Client, account: &Account) -> Result<(), CallFailure> {
    let answer = request::send(metrics, GET_CALLER_IDENTITY, sts.get_caller_identity().send()).await?;
    match answer.account {
        Some(actual) if actual == account.id => Ok(()),
        Some(actual) => Err(mismatch(account, &actual)),
        None => Err(request::unusable(GET_CALLER_IDENTITY, "the answer contains no account ID")),
    }
}

fn mismatch(account: &Account, actual: &str) -> CallFailure {
    let Account { id: expected, role, region: _ } = account;
    let remedy = match role {
        Some(Role { arn, .. }) => format!("correct `spec.account.id`, or `spec.account.roleARN`, which is '{arn}'"),
        None => format!("correct `spec.account.id`, or set `spec.account.roleARN` to a role in account '{expected}'"),
    };
    CallFailure {
        class: FailureClass::AccountMismatch,
        operation: GET_CALLER_IDENTITY.to_string(),
        code: "AccountMismatch".to_owned(),
        message: format!(
            "the credentials belong to account '{actual}', but the class specifies '{expected}'; {remedy}"
        ),
        request_id: None,
    }
}
