//! Leader election: which of several processes reconciles, so that two do not do each other's work twice.
//!
//! One Lease in the operator's namespace names the leader. The rule is that of client-go (`tools/leaderelection`): a candidate
//! takes the Lease when nobody holds it, or when it has itself seen no change of it for as long as its holder asked for, on
//! its own monotonic clock. It never compares what others wrote as times with anything, so that no clock has to be right. A
//! leader whose last renewal was sent longer ago than the renew deadline has lost the Lease, also if an answer comes after
//! that; it ends with an error and without waiting for anything. Every write is on condition of the `resourceVersion` that
//! was looked at.
//!
//! **Safety never rests on this.** A Lease does not fence: a process may be halted between two instructions and go on when
//! another one leads, and a machine that sleeps may halt its monotonic clock, too. That no resource is made twice is the
//! doing of the claims in status ([`crate::model::claims`]), which are written by compare-and-swap before a call is sent.

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

/// The name of the Lease. It has no dot, and the Lease that claims a VPC has two.
pub const LEASE: &str = "mgnet-controller";

/// The longest that [`Election::during`] takes to give the Lease back.
pub const RELEASE_WITHIN: Duration = Duration::from_secs(3);

/// Where the Lease is kept.
pub(crate) trait LeaseStore: Send {
    /// The Lease, if it is there.
    fn get(&self) -> impl Future<Output = Result<Option<Lease>, StoreError>> + Send;

    /// Replaces the Lease of exactly that `resourceVersion`, or creates the one that has none. Gives it as it is stored.
    ///
    /// # Errors
    /// `Conflict` if somebody was faster.
    fn put(&self, lease: &Lease) -> impl Future<Output = Result<Lease, StoreError>> + Send;
}

/// A process that stands for election.
pub struct Election {
    campaign: Campaign<Api<Lease>>,
}

impl Election {
    /// Stands for election in that cluster, by the Lease in that namespace. `name` and a random part are what the Lease names
    /// its holder by.
    ///
    /// # Errors
    /// If the configuration makes no client.
    pub fn new(mut config: Config, namespace: &str, name: &str, timing: Timing) -> kube::Result<Self> {
        // Tries are made, timed and counted here.
        config.default_retry = false;
        let api = Api::namespaced(Client::try_from(config)?, namespace);
        let identity = format!("{name}_{:016x}", unique());
        tracing::info!(identity, "stands for election");
        Ok(Self { campaign: Campaign::new(Candidate::new(identity, timing), api) })
    }

    /// Stands for election while `work` goes on, which is given what ends when this process leads. Gives the Lease back when
    /// `work` has ended.
    ///
    /// # Errors
    /// When it no longer leads. The process must end then: `work` was dropped, but what it had started elsewhere was not.
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

/// A candidate and its Lease: carries out what the candidate decides.
pub(crate) struct Campaign<L> {
    candidate: Candidate,
    store: L,
    /// The Lease as this process wrote it. It need not be looked at again: if somebody has changed it, a write is refused.
    written: Option<Lease>,
}

/// Where a try has led to.
enum Standing {
    Leads,
    /// Another one does, and its Lease counts until then unless it is renewed.
    Follows(Instant),
    Lost(Lost),
}

impl<L: LeaseStore> Campaign<L> {
    pub(crate) fn new(candidate: Candidate, store: L) -> Self {
        Self { candidate, store, written: None }
    }

    /// See [`Election::during`].
    pub(crate) async fn during<W: Future>(
        mut self,
        work: impl FnOnce(BoxFuture<'static, ()>) -> W,
    ) -> Result<(), Lost> {
        let (elected, leads) = oneshot::channel();
        let leads = async {
            if leads.await.is_err() {
                // The campaign is over, and was not won.
                future::pending::<()>().await;
            }
        };
        let campaign = async {
            self.win().await;
            // Nobody listens any more if the work is done.
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
                    tracing::info!(identity = self.candidate.identity(), "leads");
                    return;
                }
                Ok(Ok(Standing::Follows(until))) => sleep_until(next_try.min(until)).await,
                Ok(Ok(Standing::Lost(_))) => sleep_until(next_try).await,
                Ok(Err(error)) => {
                    tracing::warn!(%error, cause = cause(&error), "the leader's Lease was not looked at or not taken");
                    sleep_until(next_try).await;
                }
                Err(_) => {
                    tracing::warn!("the Kubernetes API did not answer about the leader's Lease");
                    sleep_until(next_try).await;
                }
            }
        }
    }

    /// Renews the Lease; returns when it is lost.
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
                Ok(Err(error)) => tracing::warn!(%error, cause = cause(&error), "the leader's Lease was not renewed"),
                Err(_) => tracing::warn!("the Kubernetes API did not answer to a renewal of the leader's Lease"),
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

    /// Goes on from a Lease that was looked at.
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

    /// Lets the Lease go, if this process holds it: the next leader need not wait. An attempt that was given up may have taken
    /// it unheard, so that it is always looked at.
    pub(crate) async fn release(&mut self) {
        let release = async {
            loop {
                let Some(lease) = self.store.get().await? else { return Ok(()) };
                let Some(spec) = self.candidate.release(lease.spec.as_ref(), jiff::Timestamp::now()) else {
                    return Ok(());
                };
                match self.store.put(&Lease { spec: Some(spec), ..lease }).await {
                    Ok(_) => {
                        tracing::info!("the leader's Lease was given back");
                        return Ok(());
                    }
                    // A renewal that was given up came through.
                    Err(StoreError::Conflict) => {}
                    Err(error) => return Err(error),
                }
            }
        };
        match timeout(RELEASE_WITHIN, release).await {
            Ok(Ok(())) => {}
            Ok(Err::<(), StoreError>(error)) => {
                tracing::warn!(%error, cause = cause(&error), "the leader's Lease was not given back, and has to expire");
            }
            Err(_) => tracing::warn!("the leader's Lease was not given back in time, and has to expire"),
        }
    }
}

/// The Lease that is created if there is none.
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

/// What lies behind an error of the API.
fn cause(error: &StoreError) -> Option<String> {
    std::error::Error::source(error).map(ToString::to_string)
}

/// A number that no other process has, as far as chance goes. The keys of the standard library's `RandomState` come from the
/// operating system, and are others each time.
fn unique() -> u64 {
    RandomState::new().build_hasher().finish()
}
