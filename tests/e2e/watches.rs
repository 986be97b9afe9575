//! Watches that are silent, forget, tell things in another order, are cut or too old, and lists that come from the past, while
//! networks are created, edited and deleted: they come to the same end.
//!
//! `MGNET_FAULTS=all` tries each of these in each of the three; else each of them is tried once.

use std::env;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use futures::future::try_join_all;
use support::{ApiFault, ApiProxy, CallSite, Conduct, Lab, OperatorOptions, Order, Verb};

use crate::disturbed::{Life, PHASES, Phase, check, through_proxy};
use support::failing::NAME;

/// What is done to watches and lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Disturbance {
    /// Nothing is told for a while, and then everything.
    Held,
    /// Lists, and with them watches, are as they were before any of the networks was there.
    FromThePast,
    /// What happens is not told, before everything is listed anew.
    Forgotten,
    /// Watches are cut every moment.
    Cut,
    /// What happens is told in another order.
    Scrambled,
    /// Watches cannot go on from where they are, and say so before they begin. The pages of the lists that follow are one
    /// object long, and the token of the second has expired, too.
    Compacted,
}

use Disturbance::{Compacted, Cut, Forgotten, FromThePast, Held, Scrambled};

/// Of these, each second one is tried in the phases of a round: two rounds try all, and six try all in all phases. The first
/// two are those in which most was found.
const ALL: [Disturbance; 6] = [Compacted, Held, Cut, Forgotten, FromThePast, Scrambled];

/// How long a disturbance lasts.
const LASTS: Duration = Duration::from_secs(4);

/// The kinds that the operator watches, and how often each.
const WATCHED: [(&str, usize); 3] = [("migrationnetworks", 1), ("migrationnetworkclasses", 2), ("configmaps", 1)];

/// Has the operator list everything anew.
fn expire(proxy: &ApiProxy) {
    for (resource, watches) in WATCHED {
        proxy.expire(resource, watches);
    }
    proxy.reset_watches();
}

/// Begins a phase of all networks under a disturbance, and waits for the end of both. `past` is from before the networks.
async fn disturb(proxy: &ApiProxy, lives: &[Life], phase: Phase, disturbance: Disturbance, past: u64) -> Result<()> {
    let begin = || try_join_all(lives.iter().map(|life| life.begin(phase)));
    match disturbance {
        Held | Forgotten => {
            proxy.conduct(if disturbance == Held { Conduct::Hold } else { Conduct::Drop });
            begin().await?;
            tokio::time::sleep(LASTS).await;
            if phase == Phase::Create {
                for life in lives {
                    let network = life.site.existing_network(NAME).get().await?;
                    ensure!(network.metadata.finalizers.is_none(), "it was told of {}", life.site.namespace);
                }
            }
            proxy.conduct(Conduct::Flow);
            if disturbance == Forgotten {
                expire(proxy);
            }
        }
        FromThePast => {
            proxy.lists_as_of(Some(past));
            begin().await?;
            for _ in 0..LASTS.as_secs() {
                expire(proxy);
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            proxy.take_back();
            // The last lists are from the past, and so is what the networks' ends rest on.
            check(lives, phase).await?;
            proxy.lists_as_of(None);
        }
        Cut => {
            begin().await?;
            for _ in 0..20 {
                proxy.reset_watches();
                tokio::time::sleep(LASTS / 20).await;
            }
        }
        Scrambled => {
            proxy.conduct(Conduct::Scramble(LASTS));
            begin().await?;
            check(lives, phase).await?;
            proxy.conduct(Conduct::Flow);
        }
        Compacted => {
            proxy.page(Some(1));
            for (resource, watches) in WATCHED {
                let site = CallSite::in_pages(Verb::Continue, resource);
                for _ in 0..watches {
                    let fault = ApiFault::Refuse(410);
                    proxy.order(Order { site: site.clone(), about: Vec::new(), nth: 1, fault });
                }
            }
            proxy.forget_up_to(Some(proxy.now().await?));
            proxy.reset_watches();
            begin().await?;
        }
    }
    check(lives, phase).await?;
    proxy.page(None);
    proxy.forget_up_to(None);
    proxy.take_back();
    Ok(())
}

// The proxy is a server, and some calls of a test block their thread.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_watches_and_lists_tell_and_when_networks_come_to_the_same_end() -> Result<()> {
    let rounds = if env::var("MGNET_FAULTS").is_ok_and(|faults| faults == "all") { ALL.len() } else { 2 };
    let lab = Lab::real_exclusive().await?;
    let (proxy, operator) = through_proxy(&lab, lab.operator().options().clone()).await?;
    let pid = operator.pid();
    for round in 0..rounds {
        let past = proxy.now().await?;
        let lives = Life::several(&lab, "ill-informed", 4).await?;
        for (at, phase) in PHASES.into_iter().enumerate() {
            let disturbance = ALL[(round + 2 * at) % ALL.len()];
            let began = std::time::Instant::now();
            disturb(&proxy, &lives, phase, disturbance, past)
                .await
                .with_context(|| format!("{disturbance:?} during {phase}"))?;
            println!("{phase}, {disturbance:?}: {:.1?}", began.elapsed());
        }
        ensure!(operator.pid() == pid, "the operator ended:\n{}", operator.log_tail(40));
    }
    Ok(())
}

// The proxy is a server, and some calls of a test block their thread.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_or_a_watch_that_is_never_answered_does_not_keep_the_operator_from_hearing_of_networks() -> Result<()> {
    let lab = Lab::real_exclusive().await?;
    let options = OperatorOptions { reconcile_deadline_seconds: 5, ..lab.operator().options().clone() };
    let (proxy, _operator) = through_proxy(&lab, options).await?;
    let never = ApiFault::Silence(Duration::from_hours(1));
    for site in [CallSite::in_pages(Verb::List, "migrationnetworks"), CallSite::new(Verb::Watch, "migrationnetworks")] {
        let life = Life::new(&lab, "unheard-of").await?;
        if site.verb == Verb::List {
            proxy.expire("migrationnetworks", 1);
        }
        proxy.order(Order { site: site.clone(), about: Vec::new(), nth: 1, fault: never });
        proxy.reset_watches();
        support::failing::until("it waits for an answer", async || {
            let calls = proxy.calls();
            Ok(calls.iter().any(|call| call.site == site).then_some(()))
        })
        .await?;
        // The call that waits was struck: only what expired may still be waiting.
        support::failing::until("the fault strikes", async || Ok(proxy.pending().is_empty().then_some(()))).await?;
        for phase in PHASES {
            life.begin(phase).await?;
            life.check(phase).await.with_context(|| format!("{site} was not answered"))?;
        }
    }
    Ok(())
}
