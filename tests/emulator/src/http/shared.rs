//! The state that all connections share: the world with its clock, the journal, the faults, and the held answers.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::watch;

use super::{
    call::Call,
    clock::{Clock, Running},
    faults::{Fault, FaultKind, FaultStatus, Faults},
    journal::{Entry, Journal},
};
use crate::world::{Tags, World, action::Service, caller::Caller, error::AwsError, options::Options};

/// The shared state; see the module.
pub(super) struct Shared {
    inner: Mutex<Inner>,
    releases: watch::Sender<u64>,
    options: Options,
}

struct Inner {
    world: World,
    clock: Running,
    journal: Journal,
    faults: Faults,
    requests: u64,
}

impl Inner {
    /// Advances the world to the time of its clock.
    fn catch_up(&mut self) {
        let late = self.clock.now().saturating_sub(self.world.now());
        self.world.advance(late);
    }

    /// Returns the entry of a call that has had no effect yet.
    fn entry(&self, caller: Option<&Caller>, call: &Call, fault: Option<FaultKind>) -> Entry {
        let mut tags = BTreeMap::new();
        if let Some(caller) = caller {
            self.add_tags_of_named(caller, &call.parameters, &mut tags);
        }
        Entry {
            number: 0,
            time: self.world.now().as_secs_f64(),
            account: caller.map(|caller| caller.account.clone()).unwrap_or_default(),
            principal: caller.map(|caller| caller.arn.clone()).unwrap_or_default(),
            region: call.region.clone(),
            service: call.service,
            action: call.action.clone(),
            parameters: call.parameters.clone(),
            tags,
            outcome: String::new(),
            fault: fault.map(FaultKind::as_str),
        }
    }

    /// Adds the tags of all resources that parameters name, by ID or by ARN.
    fn add_tags_of_named(&self, caller: &Caller, parameters: &Value, found: &mut BTreeMap<String, Tags>) {
        match parameters {
            Value::String(text) => {
                let id = text.rsplit('/').next().unwrap_or(text);
                if let Some(tags) = self.world.tags(&caller.account, &caller.region, id) {
                    found.insert(id.to_owned(), tags.clone());
                }
            }
            Value::Array(items) => items.iter().for_each(|item| self.add_tags_of_named(caller, item, found)),
            Value::Object(members) => members.values().for_each(|item| self.add_tags_of_named(caller, item, found)),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
}

impl Shared {
    pub(super) fn new(clock: Clock, options: Options) -> Self {
        let inner = Inner {
            world: World::new(Timestamp::now(), options.clone()),
            clock: Running::new(clock),
            journal: Journal::default(),
            faults: Faults::default(),
            requests: 0,
        };
        Self { inner: Mutex::new(inner), releases: watch::Sender::new(0), options }
    }

    /// A call that panicked has poisoned the lock. The world is a value and remains usable for the next test.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads or changes the world at the present moment.
    pub(super) fn with_world<T>(&self, look: impl FnOnce(&mut World) -> T) -> T {
        let mut inner = self.lock();
        inner.catch_up();
        look(&mut inner.world)
    }

    pub(super) fn advance(&self, by: Duration) -> Duration {
        let mut inner = self.lock();
        inner.clock.advance(by);
        inner.catch_up();
        inner.world.now()
    }

    pub(super) fn reset(&self, account: Option<&str>) {
        let mut inner = self.lock();
        inner.catch_up();
        inner.world.reset(account, &self.options);
        inner.faults.cancel(account);
        inner.journal.forget(account);
    }

    pub(super) fn next_request_id(&self) -> String {
        let mut inner = self.lock();
        inner.requests += 1;
        format!("{:08x}-0000-4000-8000-{:012x}", inner.requests, inner.requests)
    }

    /// Returns the caller of a call.
    pub(super) fn caller(&self, call: &Call) -> Result<Caller, AwsError> {
        let inner = self.lock();
        inner.world.identities().caller(&call.access_key, call.session_token.as_deref(), &call.region)
    }

    /// Executes and records a call in one step, so that the journal has the order of effects.
    pub(super) fn call(&self, caller: &Caller, call: &Call, fault: Option<FaultKind>) -> Result<Value, AwsError> {
        let mut inner = self.lock();
        inner.catch_up();
        let entry = inner.entry(Some(caller), call, fault);
        let outcome = inner.world.call(caller, call.service, &call.action, &call.parameters);
        let word = outcome.as_ref().map_or_else(|error| &*error.code, |_| "ok").to_owned();
        inner.journal.write(Entry { outcome: word, ..entry });
        outcome
    }

    /// Records a call that did not reach the world.
    pub(super) fn record(&self, caller: Option<&Caller>, call: &Call, outcome: &str, fault: Option<FaultKind>) {
        let mut inner = self.lock();
        inner.catch_up();
        let entry = inner.entry(caller, call, fault);
        inner.journal.write(Entry { outcome: outcome.to_owned(), ..entry });
    }

    /// Records a call that could not be parsed.
    pub(super) fn record_unread(&self, service: Service, error: &AwsError) {
        let unread = Call {
            service,
            action: String::new(),
            parameters: Value::Null,
            access_key: String::new(),
            session_token: None,
            region: String::new(),
        };
        self.record(None, &unread, &error.code, None);
    }

    pub(super) fn calls(&self, account: Option<&str>, after: u64) -> Vec<Entry> {
        self.lock().journal.read(account, after)
    }

    pub(super) fn order(&self, fault: Fault) -> u64 {
        self.lock().faults.order(fault)
    }

    pub(super) fn strike(&self, caller: &Caller, action: &str) -> Option<Fault> {
        self.lock().faults.strike(&caller.account, &caller.region, action)
    }

    pub(super) fn faults(&self) -> Vec<FaultStatus> {
        self.lock().faults.list()
    }

    pub(super) fn cancel_faults(&self, account: Option<&str>) {
        self.lock().faults.cancel(account);
    }

    /// Sends all held answers.
    pub(super) fn release(&self) {
        self.releases.send_modify(|count| *count += 1);
    }

    /// Returns the releases from now on.
    pub(super) fn releases(&self) -> Releases {
        Releases(self.releases.subscribe())
    }
}

/// The releases since this value was created.
pub(super) struct Releases(watch::Receiver<u64>);

impl Releases {
    /// Waits for the first release.
    pub(super) async fn next(mut self) {
        if self.0.changed().await.is_err() {
            tracing::debug!("the server is gone");
        }
    }
}
