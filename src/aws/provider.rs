//! Clients: one set for each role and Region, whose credentials have been seen to belong to the right account.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use aws_config::{
    AppName, BehaviorVersion, Region, SdkConfig, retry::RetryConfig, sts::AssumeRoleProvider, timeout::TimeoutConfig,
};
use aws_sdk_ec2::config::SharedCredentialsProvider;

use crate::{
    aws::{
        Account, Clouds,
        cloud::AwsCloud,
        request::{
            self, Action,
            rate_limit::{Limits, Rates},
        },
    },
    model::failure::{CallFailure, FailureClass},
};

/// How long the answer to "whose credentials are these?" holds. A role's account never changes; which role the operator's
/// own credentials are for may.
const IDENTITY_HOLDS: Duration = Duration::from_hours(1);

/// The name under which the operator shows up in CloudTrail and in user agents.
const NAME: &str = "mgnet";

/// Gives clouds, each with the credentials and Region of one account.
#[derive(Debug)]
pub struct AwsClouds {
    base: SdkConfig,
    rates: Rates,
    limits: Mutex<HashMap<(String, String), Arc<Limits>>>,
    connections: Mutex<HashMap<Account, SharedConnection>>,
}

/// Locked while it is being opened or checked, so that those who come meanwhile share the outcome. One for each class's
/// account as it stands there: a class that names the wrong account takes nothing from one that names the right one.
type SharedConnection = Arc<tokio::sync::Mutex<Option<Connection>>>;

#[derive(Clone, Debug)]
struct Connection {
    checked: Instant,
    cloud: Arc<AwsCloud>,
    sts: aws_sdk_sts::Client,
}

impl AwsClouds {
    /// Takes credentials and endpoints from where every AWS SDK takes them: environment, profile, web identity, instance.
    pub async fn from_env(rates: Rates) -> Self {
        Self::new(&aws_config::defaults(behavior()).load().await, rates)
    }

    /// Uses the credentials and endpoints of a configuration that `aws_config` has loaded. Timeouts and retries are the
    /// operator's own.
    pub fn new(base: &SdkConfig, rates: Rates) -> Self {
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(Duration::from_secs(3))
            .operation_attempt_timeout(Duration::from_secs(10))
            .operation_timeout(Duration::from_secs(25))
            .build();
        let mut base = base
            .to_builder()
            .behavior_version(behavior())
            .timeout_config(timeouts)
            // For STS; of all other calls `Caller` decides. Here only a single lost packet is made up for.
            .retry_config(RetryConfig::standard().with_max_attempts(2));
        base.set_app_name(AppName::new(NAME).ok());
        Self { base: base.build(), rates, limits: Mutex::default(), connections: Mutex::default() }
    }

    fn connection(&self, account: &Account) -> SharedConnection {
        let mut connections = self.connections.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(connections.entry(account.clone()).or_default())
    }

    /// The limits of an account and Region, the same for every role.
    fn limits(&self, account: &str, region: &str) -> Arc<Limits> {
        let mut limits = self.limits.lock().unwrap_or_else(PoisonError::into_inner);
        let new = || Arc::new(Limits::new(self.rates));
        Arc::clone(limits.entry((account.to_owned(), region.to_owned())).or_insert_with(new))
    }

    /// The base configuration with the account's Region and, if it has a role, that role's credentials.
    async fn config(&self, account: &Account) -> SdkConfig {
        let region = Region::new(account.region.clone());
        let config = self.base.to_builder().region(region).build();
        let Some(role_arn) = &account.role_arn else { return config };
        let mut role = AssumeRoleProvider::builder(role_arn).configure(&config).session_name(NAME);
        if let Some(external_id) = &account.external_id {
            role = role.external_id(external_id);
        }
        let credentials = SharedCredentialsProvider::new(role.build().await);
        config.into_builder().credentials_provider(credentials).build()
    }

    async fn open(&self, account: &Account) -> Result<Connection, CallFailure> {
        let config = self.config(account).await;
        let sts = aws_sdk_sts::Client::new(&config);
        check(&sts, account).await?;
        let limits = self.limits(&account.id, &account.region);
        let cloud = Arc::new(AwsCloud::new(&config, account, limits));
        Ok(Connection { checked: Instant::now(), cloud, sts })
    }
}

impl Clouds for AwsClouds {
    type Cloud = AwsCloud;

    async fn connect(&self, account: &Account) -> Result<Arc<AwsCloud>, CallFailure> {
        let shared = self.connection(account);
        let mut slot = shared.lock().await;
        // Taken out: a check that fails, or is given up half way, is not remembered.
        let connection = match slot.take() {
            Some(connection) if connection.checked.elapsed() < IDENTITY_HOLDS => connection,
            Some(connection) => {
                check(&connection.sts, account).await?;
                Connection { checked: Instant::now(), ..connection }
            }
            None => self.open(account).await?,
        };
        let cloud = Arc::clone(&connection.cloud);
        *slot = Some(connection);
        Ok(cloud)
    }
}

/// Pinned, so that an update of the SDK does not change behaviour with its defaults.
fn behavior() -> BehaviorVersion {
    BehaviorVersion::v2026_01_12()
}

const GET_CALLER_IDENTITY: Action = Action::sts("GetCallerIdentity");

/// Makes sure that the credentials belong to the account.
async fn check(sts: &aws_sdk_sts::Client, account: &Account) -> Result<(), CallFailure> {
    let answer = request::send(GET_CALLER_IDENTITY, sts.get_caller_identity().send()).await?;
    match answer.account {
        Some(actual) if actual == account.id => Ok(()),
        Some(actual) => Err(mismatch(account, &actual)),
        None => Err(request::unusable(GET_CALLER_IDENTITY, "names no account")),
    }
}

fn mismatch(account: &Account, actual: &str) -> CallFailure {
    let Account { id: expected, role_arn, .. } = account;
    let remedy = match role_arn {
        Some(role) => format!("correct `spec.account.id`, or `spec.account.roleARN`, which is '{role}'"),
        None => format!("correct `spec.account.id`, or set `spec.account.roleARN` to a role in account '{expected}'"),
    };
    CallFailure {
        class: FailureClass::AccountMismatch,
        operation: GET_CALLER_IDENTITY.to_string(),
        code: "AccountMismatch".to_owned(),
        message: format!("the credentials are for account '{actual}', and the class is for '{expected}'; {remedy}"),
    }
}
