//! Whose turn it is to be reconciled, when more objects wait than can be reconciled at once.
//!
//! A reconcile whose AWS does not answer keeps its turn until its deadline, and a tenant can have hundreds of such networks.
//! So there is not one queue but one for each tenant, a namespace with a class, and whoever has many turns gets another
//! only while more than that are free: this is how switches share one memory among ports ("dynamic thresholds", Choudhury
//! and Hahne, 1998). A tenant alone has half of the turns, the next one half of what is left, and somebody who has none
//! is let in as long as one is free. A class is an AWS account, which may fail for many namespaces at once; all of its
//! networks together have at most three quarters.
//!
//! Among those who may go, who has the fewest goes first, then who has waited longest. Within a tenant it is first come,
//! first served: kube-runtime's own limit picks among the waiting at random, and a busy operator would leave some of them
//! waiting for ever.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::oneshot;

/// How many times the free turns the networks of a class may have, where those of a namespace may have as many as are free.
const CLASS_SHARE: usize = 3;

/// Who asks: the namespace of the object, empty for a class; and the class that it names or is.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Tenant {
    pub(crate) namespace: String,
    pub(crate) class: Option<String>,
}

/// The turns of one process. Clones are the same turns.
#[derive(Clone, Debug, Default)]
pub(crate) struct FairQueue(Arc<Mutex<State>>);

/// A turn. Whoever drops it gives it back.
#[derive(Debug)]
pub(crate) struct Permit {
    turns: FairQueue,
    tenant: Tenant,
}

#[derive(Debug, Default)]
struct State {
    free: usize,
    held_by_namespace: HashMap<String, usize>,
    held_by_class: HashMap<String, usize>,
    /// In order of arrival; the number says who came first.
    waiting: BTreeMap<Tenant, VecDeque<(u64, oneshot::Sender<Permit>)>>,
    arrivals: u64,
}

impl FairQueue {
    /// Adds that many, and lets in who may go.
    pub(crate) fn add(&self, turns: usize) {
        self.change(|state| state.free += turns);
    }

    /// Waits for a turn. Whoever gives up waiting is passed over.
    pub(crate) async fn take(&self, tenant: Tenant) -> Permit {
        loop {
            let (sender, mine) = oneshot::channel();
            self.change(|state| {
                state.arrivals += 1;
                let arrival = state.arrivals;
                state.waiting.entry(tenant.clone()).or_default().push_back((arrival, sender));
            });
            // No sender is dropped unsent while somebody waits for it; should one be, its owner queues again.
            if let Ok(turn) = mine.await {
                return turn;
            }
        }
    }

    /// Changes the state, and lets in whoever may go then.
    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.state();
        change(&mut state);
        // Handed over outside the lock: who has given up drops the turn at once, and that takes the lock again.
        let mut let_in = Vec::new();
        while let Some((tenant, waiter)) = state.next() {
            state.count(&tenant, 1);
            let_in.push((waiter, Permit { turns: self.clone(), tenant }));
        }
        drop(state);
        for (waiter, turn) in let_in {
            // Not taken: it comes back as it drops.
            let _ = waiter.send(turn);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No code that can panic runs while it is locked; and a poisoned lock must not end the operator.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let tenant = std::mem::take(&mut self.tenant);
        self.turns.change(|state| state.count(&tenant, -1));
    }
}

impl State {
    fn held(&self, tenant: &Tenant) -> (usize, usize) {
        let of_class = tenant.class.as_ref().and_then(|class| self.held_by_class.get(class));
        (self.held_by_namespace.get(&tenant.namespace).copied().unwrap_or(0), of_class.copied().unwrap_or(0))
    }

    fn may_go(&self, tenant: &Tenant) -> bool {
        let (of_namespace, of_class) = self.held(tenant);
        of_namespace < self.free && of_class < self.free.saturating_mul(CLASS_SHARE)
    }

    /// Takes whoever goes next out of the queue.
    fn next(&mut self) -> Option<(Tenant, oneshot::Sender<Permit>)> {
        let first = self.waiting.iter().filter(|(tenant, _)| self.may_go(tenant));
        let first = first.filter_map(|(tenant, queue)| Some((tenant, queue.front()?.0)));
        let tenant = first.min_by_key(|(tenant, arrival)| (self.held(tenant).0, *arrival))?.0.clone();
        let queue = self.waiting.get_mut(&tenant)?;
        let (_, waiter) = queue.pop_front()?;
        if queue.is_empty() {
            self.waiting.remove(&tenant);
        }
        Some((tenant, waiter))
    }

    /// Books one turn as taken (1) or given back (-1).
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

    fn turns(number: usize) -> FairQueue {
        let turns = FairQueue::default();
        turns.add(number);
        turns
    }

    /// As many turns as that tenant gets without anybody giving one back.
    fn all_that_gets(turns: &FairQueue, tenant: &Tenant) -> Vec<Permit> {
        std::iter::from_fn(|| turns.take(tenant.clone()).now_or_never()).collect()
    }

    #[test]
    fn whoever_takes_all_they_can_get_leaves_turns_for_others() {
        let turns = turns(16);
        let greedy: Vec<Vec<Permit>> =
            ["a", "b", "c", "d"].iter().map(|namespace| all_that_gets(&turns, &tenant(namespace))).collect();
        assert_eq!(greedy.iter().map(Vec::len).collect::<Vec<_>>(), [8, 4, 2, 1]);
        assert_eq!(all_that_gets(&turns, &tenant("somebody else")).len(), 1);
    }

    #[test]
    fn the_networks_of_one_class_leave_turns_for_those_of_others() {
        let turns = turns(16);
        let of_class = |number: usize| Tenant { namespace: number.to_string(), class: Some("broken".to_owned()) };
        let held: Vec<Vec<Permit>> = (0..32).map(|number| all_that_gets(&turns, &of_class(number))).collect();
        assert_eq!(held.iter().map(Vec::len).sum::<usize>(), 12);
        assert!(!all_that_gets(&turns, &tenant("somebody else")).is_empty());
    }

    #[test]
    fn one_turn_is_enough_for_everybody_to_have_it_once_in_a_while() {
        let turns = turns(1);
        let first = turns.take(tenant("a")).now_or_never().unwrap();
        assert!(turns.take(tenant("a")).now_or_never().is_none());
        drop(first);
        assert!(turns.take(tenant("b")).now_or_never().is_some());
    }

    #[tokio::test]
    async fn within_a_tenant_it_is_first_come_first_served_and_between_tenants_who_has_least() {
        let turns = turns(2);
        let held = turns.take(tenant("a")).await;
        let mut waiting: Vec<_> =
            ["a", "a", "b", "b"].map(|namespace| turns.take(tenant(namespace)).boxed_local()).into_iter().collect();
        let mut now: Vec<Option<Permit>> = waiting.iter_mut().map(FutureExt::now_or_never).collect();
        assert_eq!(now.iter().map(Option::is_some).collect::<Vec<_>>(), [false, false, true, false]);
        drop(waiting.remove(2));
        drop(held);
        // One is free, and `b` has one: `a`, which has none, is first, and its first comes first.
        now.extend(waiting.iter_mut().map(FutureExt::now_or_never));
        assert_eq!(now[4..].iter().map(Option::is_some).collect::<Vec<_>>(), [true, false, false]);
    }

    #[tokio::test]
    async fn whoever_gives_up_waiting_keeps_nothing() {
        let turns = turns(1);
        let held = turns.take(tenant("a")).await;
        {
            let mut given_up = pin!(turns.take(tenant("b")));
            assert!(matches!(poll!(&mut given_up), Poll::Pending));
        }
        drop(held);
        assert!(turns.take(tenant("c")).now_or_never().is_some());
        assert_eq!(turns.state().free, 1);
    }

    #[test]
    fn what_is_given_back_is_all_there_again() {
        let turns = turns(5);
        for round in 0..100 {
            let held: Vec<Vec<Permit>> =
                (0..4).map(|number| all_that_gets(&turns, &tenant(&(number + round).to_string()))).collect();
            assert!(!held.is_empty());
        }
        let state = turns.state();
        assert_eq!((state.free, state.held_by_namespace.len(), state.held_by_class.len()), (5, 0, 0));
        assert!(state.waiting.is_empty());
    }
}
