//! Leader election: selects the one replica that reconciles, so that replicas do not repeat each other's work.
//!
//! One Lease in the operator's namespace names the leader. The rule is that of client-go (`tools/leaderelection`): a
//! candidate takes the Lease if it has no holder, or if the candidate has observed no change for the duration that the
//! holder requested, on its own monotonic clock. It never evaluates the times that other processes wrote, so clocks
//! need not be synchronized. A leader has lost the Lease if its last renewal was sent longer ago than the renew
//! deadline, even if a response arrives later. It then exits with an error and without waiting. Every write requires
//! the `resourceVersion` that was read.
//!
//! **Safety does not depend on leader election.** A Lease is not a fence: a process may be suspended between two
//! instructions and continue when another process leads, and the monotonic clock of a sleeping machine may stop, too.
//! The claims in status ([`crate::model::claims`]) ensure that no resource is created twice. They are written by
//! compare-and-swap before a call is sent.

mod candidate;

use std::{
    collections::{BTreeMap, hash_map::RandomState},
    future::{self, Future},
    hash::{BuildHasher, Hasher},
    time::Duration,
};

use futures::{FutureExt, future::BoxFuture};
use k8s_openapi::api::coordination::v1::Lease;
use kube::{
    Api, Client, Config,
    api::{ObjectMeta, PostParams},
};
use tokio::{
    sync::oneshot,
    time::{Instant, sleep_until, timeout, timeout_at},
};

pub(crate) use candidate::{Candidate, Move};
pub use candidate::{Lost, Timing};

use crate::{
    api::FIELD_MANAGER,
    controller::{
        runtime::backoff::shortened,
        store::{
            StoreError,
            kubernetes::{classify, found, params},
        },
    },
};

/// The name of the leader's Lease. It contains no dot, but the name of a VPC lease contains two.
pub const LEASE: &str = "mgnet-controller";

/// The longest time that [`Election::during`] takes to release the Lease.
pub const RELEASE_WITHIN: Duration = Duration::from_secs(3);

/// The store of the leader's Lease.
pub(crate) trait LeaseStore: Send {
    /// Reads the Lease, if it exists.
    fn get(&self) -> impl Future<Output = Result<Option<Lease>, StoreError>> + Send;

    /// Replaces the stored Lease if it has the same `resourceVersion`, or creates the Lease if it has none. Returns
    /// the stored Lease.
    ///
    /// # Errors
    /// `Conflict` if another write came first.
    fn put(&self, lease: &Lease) -> impl Future<Output = Result<Lease, StoreError>> + Send;
}

/// The participation of this process in the leader election.
pub struct Election {
    campaign: Campaign<Api<Lease>>,
}

impl Election {
    /// Creates a candidate for the Lease in the namespace. Its identity in the Lease consists of `name` and a random
    /// part.
    ///
    /// # Errors
    /// If no client can be created from the configuration.
    pub fn new(mut config: Config, namespace: &str, name: &str, timing: Timing) -> kube::Result<Self> {
        // The campaign retries on its own, with its own deadlines.
        config.default_retry = false;
        let api = Api::namespaced(Client::try_from(config)?, namespace);
        let identity = format!("{name}_{:016x}", unique());
        tracing::info!(identity, "waiting to become the leader");
        Ok(Self { campaign: Campaign::new(Candidate::new(identity, timing), api) })
    }

    /// Takes part in the election while `work` runs. `work` receives a future that completes when this process leads.
    /// Releases the Lease when `work` has ended.
    ///
    /// # Errors
    /// If the process no longer leads. The process must then exit: `work` was dropped, but tasks that it spawned still
    /// run.
    pub async fn during<W: Future>(self, work: impl FnOnce(BoxFuture<'static, ()>) -> W) -> Result<(), Lost> {
        self.campaign.during(work).await
    }
}

impl LeaseStore for Api<Lease> {
    async fn get(&self) -> Result<Option<Lease>, StoreError> {
        found(Self::get(self, LEASE).await)
    }

    async fn put(&self, lease: &Lease) -> Result<Lease, StoreError> {
        let params: PostParams = params();
        let answer = match lease.metadata.resource_version {
            Some(_) => self.replace(LEASE, &params, lease).await,
            None => self.create(&params, lease).await,
        };
        match answer {
            Err(kube::Error::Api(status)) if status.is_already_exists() => Err(StoreError::Conflict),
            answer => answer.map_err(classify),
        }
    }
}

/// A candidate and its Lease. The campaign executes the candidate's decisions.
pub(crate) struct Campaign<L> {
    candidate: Candidate,
    store: L,
    /// The Lease as this process last wrote it. It need not be read again, because the API server rejects the next
    /// write if the Lease has changed.
    written: Option<Lease>,
}

/// The result of an attempt to take or renew the Lease.
enum Standing {
    Leads,
    /// Another process leads. Its Lease expires at this time unless it is renewed.
    Follows(Instant),
    Lost(Lost),
}

impl<L: LeaseStore> Campaign<L> {
    pub(crate) fn new(candidate: Candidate, store: L) -> Self {
        Self { candidate, store, written: None }
    }

    /// Runs the campaign: see [`Election::during`].
    pub(crate) async fn during<W: Future>(
        mut self,
        work: impl FnOnce(BoxFuture<'static, ()>) -> W,
    ) -> Result<(), Lost> {
        let (elected, leads) = oneshot::channel();
        let leads = async {
            if leads.await.is_err() {
                // The campaign ended without this process becoming the leader.
                future::pending::<()>().await;
            }
        };
        let campaign = async {
            self.win().await;
            // The receiver is dropped if `work` has ended.
            let _ = elected.send(());
            self.keep().await
        };
        tokio::select! {
            biased;
            lost = campaign => return Err(lost),
            _ = work(leads.boxed()) => {}
        }
        self.release().await;
        Ok(())
    }

    /// Returns when this process leads.
    pub(crate) async fn win(&mut self) {
        let timing = self.candidate.timing();
        loop {
            let next_try = Instant::now() + shortened(timing.retry);
            match timeout(timing.answer_within(), self.attempt()).await {
                Ok(Ok(Standing::Leads)) => {
                    tracing::info!(identity = self.candidate.identity(), "this process is the leader");
                    return;
                }
                Ok(Ok(Standing::Follows(until))) => sleep_until(next_try.min(until)).await,
                Ok(Ok(Standing::Lost(_))) => sleep_until(next_try).await,
                Ok(Err(error)) => {
                    tracing::warn!(%error, cause = cause(&error), "could not take the leader's Lease; retrying");
                    sleep_until(next_try).await;
                }
                Err(_) => {
                    tracing::warn!("the Kubernetes API did not answer a request for the leader's Lease; retrying");
                    sleep_until(next_try).await;
                }
            }
        }
    }

    /// Renews the Lease, and returns when it is lost.
    pub(crate) async fn keep(&mut self) -> Lost {
        let timing = self.candidate.timing();
        let mut next_try = Instant::now() + timing.retry;
        loop {
            let Some(deadline) = self.candidate.deadline() else { return Lost::Expired };
            sleep_until(next_try.min(deadline)).await;
            let now = Instant::now();
            if now >= deadline {
                return Lost::Expired;
            }
            next_try = now + timing.retry;
            match timeout_at(deadline.min(now + timing.answer_within()), self.attempt()).await {
                Ok(Ok(Standing::Leads)) => {}
                Ok(Ok(Standing::Lost(lost))) => return lost,
                Ok(Ok(Standing::Follows(_))) => return Lost::Expired,
                Ok(Err(error)) => {
                    tracing::warn!(%error, cause = cause(&error), "the leader's Lease could not be renewed; retrying");
                }
                Err(_) => tracing::warn!("the Kubernetes API did not answer a renewal of the leader's Lease; retrying"),
            }
        }
    }

    async fn attempt(&mut self) -> Result<Standing, StoreError> {
        if let Some(written) = self.written.take() {
            match self.write(Some(written)).await {
                Err(StoreError::Conflict | StoreError::Gone) => {}
                other => return other,
            }
        }
        let lease = self.store.get().await?;
        self.write(lease).await
    }

    /// Decides on a Lease that was read, and executes the decision.
    async fn write(&mut self, lease: Option<Lease>) -> Result<Standing, StoreError> {
        let spec = lease.as_ref().map(|lease| lease.spec.clone().unwrap_or_default());
        let sent = Instant::now();
        let spec = match self.candidate.decide(spec, sent, jiff::Timestamp::now()) {
            Move::Write(spec) => spec,
            Move::Wait(until) => return Ok(Standing::Follows(until)),
            Move::Lose(lost) => return Ok(Standing::Lost(lost)),
        };
        let lease = Lease { spec: Some(spec), ..lease.unwrap_or_else(first) };
        self.written = Some(self.store.put(&lease).await?);
        Ok(if self.candidate.holds_since(sent, Instant::now()) {
            Standing::Leads
        } else {
            Standing::Lost(Lost::Expired)
        })
    }

    /// Releases the Lease if this process holds it, so that the next leader need not wait. The Lease is always read,
    /// because an attempt without a response may have taken it.
    pub(crate) async fn release(&mut self) {
        let release = async {
            loop {
                let Some(lease) = self.store.get().await? else { return Ok(()) };
                let Some(spec) = self.candidate.release(lease.spec.as_ref(), jiff::Timestamp::now()) else {
                    return Ok(());
                };
                match self.store.put(&Lease { spec: Some(spec), ..lease }).await {
                    Ok(_) => {
                        tracing::info!("released the leader's Lease");
                        return Ok(());
                    }
                    // A renewal without a response took effect.
                    Err(StoreError::Conflict) => {}
                    Err(error) => return Err(error),
                }
            }
        };
        match timeout(RELEASE_WITHIN, release).await {
            Ok(Ok(())) => {}
            Ok(Err::<(), StoreError>(error)) => {
                tracing::warn!(%error, cause = cause(&error), "could not release the leader's Lease; it has to expire");
            }
            Err(_) => tracing::warn!("the leader's Lease was not released in time and has to expire"),
        }
    }
}

/// The Lease to create if none exists.
fn first() -> Lease {
    let label = ("app.kubernetes.io/managed-by".to_owned(), FIELD_MANAGER.to_owned());
    Lease {
        metadata: ObjectMeta {
            name: Some(LEASE.to_owned()),
            labels: Some(BTreeMap::from([label])),
            ..ObjectMeta::default()
        },
        spec: None,
    }
}

/// The source of an error of the store, for logs.
fn cause(error: &StoreError) -> Option<String> {
    std::error::Error::source(error).map(ToString::to_string)
}

/// A random number that identifies this process. It derives from the keys of the standard library's `RandomState`,
/// which the operating system provides and which differ between processes.
fn unique() -> u64 {
    RandomState::new().build_hasher().finish()
}
