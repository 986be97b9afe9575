//! The control interface of the AWS emulator: the log of calls, faults to order, the clock, and the actual state.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use emulator::http::Fault;
use http::Method;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::http::Server;
use crate::state::{State, Tags};

/// How long a test waits for a call for which a fault is ordered.
const TIMEOUT: Duration = Duration::from_mins(1);

/// The emulator's control interface.
#[derive(Clone, Debug)]
pub struct EmulatorControl {
    server: Server,
    /// The account whose principals may assume the roles that are declared.
    trusted: String,
}

/// A call, recorded by the emulator.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Call {
    /// The number of the call, counted from 1 over all accounts.
    pub number: u64,
    /// The time of the call, in seconds of AWS's clock.
    pub time: f64,
    /// The account whose credentials signed the call.
    pub account: String,
    /// The ARN of the caller: the user of the account, or a session of a role.
    pub principal: String,
    /// The Region.
    pub region: String,
    /// The API action, such as `CreateVpcEndpoint`.
    pub action: String,
    /// The parameters as a tree. In EC2's protocol a list is an object with the keys `1`, `2`, …
    pub parameters: Value,
    /// The tags that the resources named in the parameters had before the call, by ID.
    #[serde(default)]
    pub tags: BTreeMap<String, Tags>,
    /// `ok`, or the code of the error; `none` if a fault prevented both the effect and the answer of the call.
    pub outcome: String,
    /// The fault that was applied to the call, if any.
    pub fault: Option<String>,
}

impl Call {
    /// Whether the call is a write. Failed writes count.
    pub fn is_write(&self) -> bool {
        const READS: [&str; 4] = ["AssumeRole", "Describe", "Get", "List"];
        !READS.iter().any(|prefix| self.action.starts_with(prefix))
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{} at {:.1} s: {} {}", self.number, self.time, self.action, self.outcome)?;
        match &self.fault {
            Some(fault) => write!(f, " ({fault})"),
            None => Ok(()),
        }
    }
}

/// Returns the number of calls of each action.
pub fn count_by_action(calls: &[Call]) -> BTreeMap<&str, usize> {
    let mut counts = BTreeMap::new();
    for call in calls {
        *counts.entry(call.action.as_str()).or_default() += 1;
    }
    counts
}

impl EmulatorControl {
    pub(crate) fn new(server: Server, trusted: &str) -> Self {
        Self { server, trusted: trusted.to_owned() }
    }

    /// Returns the calls in an account after the call with that number, oldest first.
    pub async fn calls(&self, account: &str, after: u64) -> Result<Vec<Call>> {
        self.get(&format!("calls?account={account}&after={after}")).await
    }

    /// Returns the actual state of a Region of an account.
    pub async fn state(&self, account: &str, region: &str) -> Result<State> {
        self.get(&format!("state?account={account}&region={region}")).await
    }

    /// Returns the current time in AWS, in seconds as in [`Call::time`].
    pub async fn time(&self) -> Result<f64> {
        let time: Value = self.get("time").await?;
        time.get("seconds").and_then(Value::as_f64).context("a time without seconds")
    }

    /// Advances the clock by that many seconds at once.
    pub async fn advance(&self, seconds: f64) -> Result<()> {
        self.post("advance", &json!({ "seconds": seconds })).await?;
        Ok(())
    }

    /// Changes options of an account, under the names in `emulator::world::options::Options`. Other options remain.
    pub async fn change_options(&self, account: &str, options: Value) -> Result<()> {
        self.post("options", &json!({ "account": account, "options": options })).await?;
        Ok(())
    }

    /// Orders a fault, and returns its number. The fault should name the account, because other accounts belong to
    /// other tests.
    pub async fn order(&self, fault: &Fault) -> Result<u64> {
        let answer = self.post("faults", &serde_json::to_value(fault)?).await?;
        answer.get("id").and_then(Value::as_u64).context("an order without a number")
    }

    /// Waits until the fault with that number has been applied to all ordered calls.
    pub async fn until_spoiled(&self, fault: u64) -> Result<()> {
        let deadline = Instant::now() + TIMEOUT;
        loop {
            let waiting: Vec<Value> = self.get("faults").await?;
            if waiting.iter().all(|order| order.get("id").and_then(Value::as_u64) != Some(fault)) {
                return Ok(());
            }
            if Instant::now() > deadline {
                bail!("not within {} s: the call for which a fault was ordered: {waiting:?}", TIMEOUT.as_secs());
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Cancels the pending faults of an account.
    pub async fn cancel_faults(&self, account: &str) -> Result<()> {
        self.call(Method::DELETE, &format!("faults?account={account}"), String::new()).await?;
        Ok(())
    }

    /// Releases all answers that are held back, in all accounts.
    pub async fn release(&self) -> Result<()> {
        self.post("release", &json!({})).await?;
        Ok(())
    }

    /// Sets the status of a Resolver endpoint, or of one of its addresses, as AWS spells it.
    pub async fn set_resolver_status(&self, account: &str, region: &str, id: &str, status: &str) -> Result<()> {
        let body = json!({ "account": account, "region": region, "id": id, "status": status });
        self.post("resolver-status", &body).await?;
        Ok(())
    }

    /// Resets an account: removes its resources, roles and calls.
    pub async fn reset(&self, account: &str) -> Result<()> {
        self.post("reset", &json!({ "account": account })).await?;
        Ok(())
    }

    /// Declares a role that the operator may assume.
    pub async fn declare_role(&self, account: &str, name: &str, external_id: &str) -> Result<()> {
        self.post("roles", &self.role(account, name, external_id, false)).await?;
        Ok(())
    }

    /// Declares a role that the operator may assume with any external ID, and without one.
    pub async fn declare_role_without_external_id(&self, account: &str, name: &str) -> Result<()> {
        self.post("roles", &json!({ "account": account, "name": name, "trusts": [&self.trusted] })).await?;
        Ok(())
    }

    /// Declares a role whose policies, like those of the operator, allow `sts:SetSourceIdentity`.
    pub async fn declare_role_with_source_identity(&self, account: &str, name: &str, external_id: &str) -> Result<()> {
        self.post("roles", &self.role(account, name, external_id, true)).await?;
        Ok(())
    }

    fn role(&self, account: &str, name: &str, external_id: &str, allows_source_identity: bool) -> Value {
        json!({
            "account": account,
            "name": name,
            "external_id": external_id,
            "allows_source_identity": allows_source_identity,
            "trusts": [&self.trusted],
        })
    }

    /// Shares a subnet of one account with another, as AWS RAM does.
    pub async fn share(&self, owner: &str, region: &str, subnet: &str, with: &str) -> Result<()> {
        self.post("shares", &json!({ "owner": owner, "region": region, "subnet": subnet, "with": with })).await?;
        Ok(())
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        let body = self.call(Method::GET, path, String::new()).await?;
        serde_json::from_slice(&body)
            .with_context(|| format!("unexpected answer from {path}: {}", String::from_utf8_lossy(&body)))
    }

    async fn post(&self, path: &str, body: &Value) -> Result<Value> {
        Ok(serde_json::from_slice(&self.call(Method::POST, path, body.to_string()).await?)?)
    }

    async fn call(&self, method: Method, path: &str, body: String) -> Result<Vec<u8>> {
        self.server.call(method, &format!("/_world/{path}"), body).await
    }
}
