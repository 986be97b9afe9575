//! A fair queue: shares the permits to reconcile among tenants when more objects wait than can be reconciled at once.
//!
//! A reconcile for which AWS does not answer holds its permit until its deadline, and a tenant can have hundreds of
//! such networks. Each tenant, a namespace with a class, therefore has its own queue. A namespace gets another permit
//! only while more permits are free than it holds: switches share one memory among their ports in the same way
//! ("dynamic thresholds", Choudhury and Hahne, 1998). A single tenant gets half of the permits, the next tenant gets
//! half of the rest, and a tenant without a permit gets one as long as one is free. A class is an AWS account, which
//! may fail for many namespaces at once: all of its networks together get at most three quarters of the permits.
//!
//! The next permit is given to the eligible tenant that holds the fewest, and among equals to the one that has waited
//! longest. Within a tenant, the order is first come, first served. kube-runtime's own limit selects at random among
//! the waiting objects, so that some of them could wait forever on a busy operator.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{sync::oneshot, time::Instant};

/// The number of permits that the networks of a class may hold, as a multiple of the free permits. For a namespace the
/// multiple is 1.
const CLASS_SHARE: usize = 3;

/// The tenant that requests a permit: the namespace of the object, empty for a class, and the class that it names or
/// is.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Tenant {
    pub(crate) namespace: String,
    pub(crate) class: Option<String>,
}

/// The permits of one process. Clones share the permits.
#[derive(Clone, Debug, Default)]
pub(crate) struct FairQueue(Arc<Mutex<State>>);

/// A permit to reconcile one object. Dropping it returns it to the queue.
#[derive(Debug)]
pub(crate) struct Permit {
    queue: FairQueue,
    tenant: Tenant,
}

/// How busy the queue is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Load {
    /// The number of requests that wait.
    pub(crate) waiting: usize,
    /// The number of permits that are held.
    pub(crate) running: usize,
    /// How long the oldest request has waited. Zero if none waits.
    pub(crate) oldest: Duration,
}

/// A request that waits for a permit.
#[derive(Debug)]
struct Waiter {
    /// Orders the requests of all tenants.
    arrival: u64,
    since: Instant,
    sender: oneshot::Sender<Permit>,
}

#[derive(Debug, Default)]
struct State {
    free: usize,
    held_by_namespace: HashMap<String, usize>,
    held_by_class: HashMap<String, usize>,
    /// The waiting requests of each tenant in order of arrival.
    waiting: BTreeMap<Tenant, VecDeque<Waiter>>,
    arrivals: u64,
}

impl FairQueue {
    /// Adds that many permits, and gives them to eligible requests.
    pub(crate) fn add(&self, permits: usize) {
        self.change(|state| state.free += permits);
    }

    /// Returns how busy the queue is.
    pub(crate) fn load(&self) -> Load {
        let state = self.state();
        // A request whose receiver is gone was dropped while it waited.
        let waiting = || state.waiting.values().flatten().filter(|waiter| !waiter.sender.is_closed());
        Load {
            waiting: waiting().count(),
            running: state.held_by_namespace.values().sum(),
            oldest: waiting().map(|waiter| waiter.since.elapsed()).max().unwrap_or_default(),
        }
    }

    /// Waits for a permit. A request that is dropped while it waits is skipped.
    pub(crate) async fn take(&self, tenant: Tenant) -> Permit {
        loop {
            let (sender, mine) = oneshot::channel();
            self.change(|state| {
                state.arrivals += 1;
                let arrival = state.arrivals;
                let waiter = Waiter { arrival, since: Instant::now(), sender };
                state.waiting.entry(tenant.clone()).or_default().push_back(waiter);
            });
            // No sender is dropped while its request waits. If it happens, the request is queued again.
            if let Ok(permit) = mine.await {
                return permit;
            }
        }
    }

    /// Changes the state, then gives permits to all requests that are now eligible.
    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.state();
        change(&mut state);
        // Sent outside the lock: the permit of a dropped request is dropped immediately, which takes the lock again.
        let mut granted = Vec::new();
        while let Some((tenant, waiter)) = state.next() {
            state.count(&tenant, 1);
            granted.push((waiter, Permit { queue: self.clone(), tenant }));
        }
        drop(state);
        for (waiter, permit) in granted {
            // A permit that cannot be sent returns to the queue when it is dropped.
            let _ = waiter.send(permit);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No code that can panic runs under the lock, and a poisoned lock must not end the operator.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let tenant = std::mem::take(&mut self.tenant);
        self.queue.change(|state| state.count(&tenant, -1));
    }
}

impl State {
    fn held(&self, tenant: &Tenant) -> (usize, usize) {
        let of_class = tenant.class.as_ref().and_then(|class| self.held_by_class.get(class));
        (self.held_by_namespace.get(&tenant.namespace).copied().unwrap_or(0), of_class.copied().unwrap_or(0))
    }

    fn is_eligible(&self, tenant: &Tenant) -> bool {
        let (of_namespace, of_class) = self.held(tenant);
        of_namespace < self.free && of_class < self.free.saturating_mul(CLASS_SHARE)
    }

    /// Removes the request that gets the next permit from its queue.
    fn next(&mut self) -> Option<(Tenant, oneshot::Sender<Permit>)> {
        let first = self.waiting.iter().filter(|(tenant, _)| self.is_eligible(tenant));
        let first = first.filter_map(|(tenant, queue)| Some((tenant, queue.front()?.arrival)));
        let tenant = first.min_by_key(|(tenant, arrival)| (self.held(tenant).0, *arrival))?.0.clone();
        let queue = self.waiting.get_mut(&tenant)?;
        let waiter = queue.pop_front()?;
        if queue.is_empty() {
            self.waiting.remove(&tenant);
        }
        Some((tenant, waiter.sender))
    }

    /// Counts one permit as taken (1) or returned (-1).
    fn count(&mut self, tenant: &Tenant, change: isize) {
        self.free = self.free.saturating_add_signed(-change);
        let class = tenant.class.clone().map(|class| (&mut self.held_by_class, class));
        for (held, name) in [(&mut self.held_by_namespace, tenant.namespace.clone())].into_iter().chain(class) {
            let count = held.entry(name.clone()).or_default();
            *count = count.saturating_add_signed(change);
            if *count == 0 {
                held.remove(&name);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{pin::pin, task::Poll};

    use futures::{FutureExt, poll};

    use super::*;

    fn tenant(namespace: &str) -> Tenant {
        Tenant { namespace: namespace.to_owned(), class: Some(format!("class of {namespace}")) }
    }

    fn queue(permits: usize) -> FairQueue {
        let queue = FairQueue::default();
        queue.add(permits);
        queue
    }

    /// All permits that the tenant gets while none is returned.
    fn take_all(queue: &FairQueue, tenant: &Tenant) -> Vec<Permit> {
        std::iter::from_fn(|| queue.take(tenant.clone()).now_or_never()).collect()
    }

    #[test]
    fn a_greedy_tenant_leaves_permits_for_others() {
        let queue = queue(16);
        let greedy: Vec<Vec<Permit>> =
            ["a", "b", "c", "d"].iter().map(|namespace| take_all(&queue, &tenant(namespace))).collect();
        assert_eq!(greedy.iter().map(Vec::len).collect::<Vec<_>>(), [8, 4, 2, 1]);
        assert_eq!(take_all(&queue, &tenant("other")).len(), 1);
    }

    #[test]
    fn the_networks_of_one_class_leave_permits_for_other_classes() {
        let queue = queue(16);
        let of_class = |number: usize| Tenant { namespace: number.to_string(), class: Some("broken".to_owned()) };
        let held: Vec<Vec<Permit>> = (0..32).map(|number| take_all(&queue, &of_class(number))).collect();
        assert_eq!(held.iter().map(Vec::len).sum::<usize>(), 12);
        assert!(!take_all(&queue, &tenant("other")).is_empty());
    }

    #[test]
    fn tenants_share_a_single_permit() {
        let queue = queue(1);
        let first = queue.take(tenant("a")).now_or_never().unwrap();
        assert!(queue.take(tenant("a")).now_or_never().is_none());
        drop(first);
        assert!(queue.take(tenant("b")).now_or_never().is_some());
    }

    #[tokio::test]
    async fn a_tenant_is_served_in_order_and_the_tenant_with_the_fewest_permits_first() {
        let queue = queue(2);
        let held = queue.take(tenant("a")).await;
        let mut waiting: Vec<_> =
            ["a", "a", "b", "b"].map(|namespace| queue.take(tenant(namespace)).boxed_local()).into_iter().collect();
        let mut now: Vec<Option<Permit>> = waiting.iter_mut().map(FutureExt::now_or_never).collect();
        assert_eq!(now.iter().map(Option::is_some).collect::<Vec<_>>(), [false, false, true, false]);
        drop(waiting.remove(2));
        drop(held);
        // One permit is free, and `b` holds one. `a` holds none, so its first request gets the permit.
        now.extend(waiting.iter_mut().map(FutureExt::now_or_never));
        assert_eq!(now[4..].iter().map(Option::is_some).collect::<Vec<_>>(), [true, false, false]);
    }

    #[tokio::test]
    async fn a_dropped_request_keeps_no_permit() {
        let queue = queue(1);
        let held = queue.take(tenant("a")).await;
        {
            let mut dropped = pin!(queue.take(tenant("b")));
            assert!(matches!(poll!(&mut dropped), Poll::Pending));
        }
        drop(held);
        assert!(queue.take(tenant("c")).now_or_never().is_some());
        assert_eq!(queue.state().free, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn the_load_counts_requests_that_still_wait_and_the_age_of_the_oldest() {
        let queue = queue(1);
        let _held = queue.take(tenant("a")).await;
        let mut waiting = pin!(queue.take(tenant("b")));
        assert!(matches!(poll!(&mut waiting), Poll::Pending));
        tokio::time::sleep(Duration::from_secs(7)).await;
        assert!(queue.take(tenant("c")).now_or_never().is_none(), "its request is dropped at once");
        assert_eq!(queue.load(), Load { waiting: 1, running: 1, oldest: Duration::from_secs(7) });
    }

    #[test]
    fn all_returned_permits_are_free_again() {
        let queue = queue(5);
        for round in 0..100 {
            let held: Vec<Vec<Permit>> =
                (0..4).map(|number| take_all(&queue, &tenant(&(number + round).to_string()))).collect();
            assert!(!held.is_empty());
        }
        let state = queue.state();
        assert_eq!((state.free, state.held_by_namespace.len(), state.held_by_class.len()), (5, 0, 0));
        assert!(state.waiting.is_empty());
    }
}
