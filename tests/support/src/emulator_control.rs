//! What AWS does not have: the log of calls, faults to order, the clock, and what there really is.

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
use crate::state::State;

/// How long a test waits for a call that a fault is ordered for.
const PATIENCE: Duration = Duration::from_mins(1);

/// The emulator's control interface.
#[derive(Clone, Debug)]
pub struct World {
    server: Server,
    /// The account whose principals may assume the roles that are declared.
    trusted: String,
}

/// One call as the emulator recorded it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Call {
    /// Its number, from 1, over all accounts.
    pub number: u64,
    /// When, in seconds of AWS's clock.
    pub time: f64,
    /// Whose credentials it was signed with.
    pub account: String,
    /// In which Region.
    pub region: String,
    /// What was called, such as `CreateVpcEndpoint`.
    pub action: String,
    /// The parameters as a tree; in EC2's protocol a list is an object with the keys `1`, `2`, …
    pub parameters: Value,
    /// `ok`, or the code of the error; `none` if a fault kept the call from having any effect and any answer.
    pub outcome: String,
    /// The fault that spoiled the call, if one did.
    pub fault: Option<String>,
}

impl Call {
    /// Whether it changes something, or tries to.
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

/// How often each action was called.
pub fn count_by_action(calls: &[Call]) -> std::collections::BTreeMap<&str, usize> {
    let mut counts = std::collections::BTreeMap::new();
    for call in calls {
        *counts.entry(call.action.as_str()).or_default() += 1;
    }
    counts
}

impl World {
    pub(crate) fn new(server: Server, trusted: &str) -> Self {
        Self { server, trusted: trusted.to_owned() }
    }

    /// The calls in an account after the call of that number, oldest first.
    pub async fn calls(&self, account: &str, after: u64) -> Result<Vec<Call>> {
        self.get(&format!("calls?account={account}&after={after}")).await
    }

    /// What there really is in a Region of an account.
    pub async fn state(&self, account: &str, region: &str) -> Result<State> {
        self.get(&format!("state?account={account}&region={region}")).await
    }

    /// What time it is in AWS, in seconds as in [`Call::time`].
    pub async fn time(&self) -> Result<f64> {
        let time: Value = self.get("time").await?;
        time.get("seconds").and_then(Value::as_f64).context("a time without seconds")
    }

    /// Lets that many seconds pass at once.
    pub async fn advance(&self, seconds: f64) -> Result<()> {
        self.post("advance", &json!({ "seconds": seconds })).await?;
        Ok(())
    }

    /// Changes options of an account, as `emulator::world::options::Options` names them; others stay.
    pub async fn change_options(&self, account: &str, options: Value) -> Result<()> {
        self.post("options", &json!({ "account": account, "options": options })).await?;
        Ok(())
    }

    /// Orders a fault, and gives its number. It should name the account: others are somebody else's test.
    pub async fn order(&self, fault: &Fault) -> Result<u64> {
        let answer = self.post("faults", &serde_json::to_value(fault)?).await?;
        answer.get("id").and_then(Value::as_u64).context("an order without a number")
    }

    /// Waits until the fault of that number has spoiled as many calls as was ordered.
    pub async fn until_spoiled(&self, fault: u64) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let waiting: Vec<Value> = self.get("faults").await?;
            if waiting.iter().all(|order| order.get("id").and_then(Value::as_u64) != Some(fault)) {
                return Ok(());
            }
            if Instant::now() > deadline {
                bail!("not within {} s: the call for which a fault was ordered: {waiting:?}", PATIENCE.as_secs());
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Takes back the faults that were ordered for an account and did not happen yet.
    pub async fn cancel_faults(&self, account: &str) -> Result<()> {
        self.call(Method::DELETE, &format!("faults?account={account}"), String::new()).await?;
        Ok(())
    }

    /// Lets go of all answers that are held, of all accounts.
    pub async fn release(&self) -> Result<()> {
        self.post("release", &json!({})).await?;
        Ok(())
    }

    /// Forgets everything of an account: resources, roles and calls.
    pub async fn reset(&self, account: &str) -> Result<()> {
        self.post("reset", &json!({ "account": account })).await?;
        Ok(())
    }

    /// Declares a role that the operator may assume.
    pub async fn declare_role(&self, account: &str, name: &str, external_id: &str) -> Result<()> {
        let trusts = [&self.trusted];
        let role = json!({ "account": account, "name": name, "external_id": external_id, "trusts": trusts });
        self.post("roles", &role).await?;
        Ok(())
    }

    /// Shares a subnet of one account with another, as AWS RAM does.
    pub async fn share(&self, owner: &str, region: &str, subnet: &str, with: &str) -> Result<()> {
        self.post("shares", &json!({ "owner": owner, "region": region, "subnet": subnet, "with": with })).await?;
        Ok(())
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        let body = self.call(Method::GET, path, String::new()).await?;
        serde_json::from_slice(&body)
            .with_context(|| format!("{path} answered something unexpected: {}", String::from_utf8_lossy(&body)))
    }

    async fn post(&self, path: &str, body: &Value) -> Result<Value> {
        Ok(serde_json::from_slice(&self.call(Method::POST, path, body.to_string()).await?)?)
    }

    async fn call(&self, method: Method, path: &str, body: String) -> Result<Vec<u8>> {
        self.server.call(method, &format!("/_world/{path}"), body).await
    }
}
