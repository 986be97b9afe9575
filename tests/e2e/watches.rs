//! Tests of disturbed watches and lists while networks are created, edited and deleted. Watches are silent, lose
//! events, reorder events, are cut, or are too old to continue. Lists are stale. The networks must reach the same final
//! state.
//!
//! `MGNET_FAULTS=all` tries each disturbance in each of the three phases. Otherwise each disturbance is tried once.

use std::env;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use futures::future::try_join_all;
use k8s_openapi::api::rbac::v1::ClusterRoleBinding;
use kube::{
    Api,
    api::{DeleteParams, PostParams},
};
use support::{ApiFault, ApiProxy, CallSite, Conduct, Lab, LabOptions, OperatorOptions, Order, Verb};

use crate::disturbed::{Life, PHASES, Phase, check, through_proxy};
use support::failing::{NAME, until};

/// The disturbances of watches and lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Disturbance {
    /// Watches deliver no events for a while, and then all of them.
    Held,
    /// Lists, and the watches that start from them, show the state before any of the networks existed.
    Stale,
    /// Watches lose all events until the operator lists everything again.
    Dropped,
    /// Watches are cut repeatedly.
    Cut,
    /// Watches deliver events in another order.
    Scrambled,
    /// Watches cannot continue from their resource version, and report that before they begin. The pages of the lists
    /// that follow are one object long, and the continue token of the second page has expired, too.
    Compacted,
}

use Disturbance::{Compacted, Cut, Dropped, Held, Scrambled, Stale};

/// All disturbances. The phases of a round try every second one: two rounds try all, and six rounds try all in all
/// phases. The first two are the ones that have found the most bugs.
const ALL: [Disturbance; 6] = [Compacted, Held, Cut, Dropped, Stale, Scrambled];

/// The duration of a disturbance.
const DISTURBANCE_DURATION: Duration = Duration::from_secs(4);

/// The resources that the operator watches, and the number of its watches on each.
const WATCHED: [(&str, usize); 3] = [("migrationnetworks", 1), ("migrationnetworkclasses", 2), ("configmaps", 1)];

/// Makes the operator list everything again.
fn expire(proxy: &ApiProxy) {
    for (resource, watches) in WATCHED {
        proxy.expire(resource, watches);
    }
    proxy.reset_watches();
}

/// Begins a phase of all networks under a disturbance, and waits for the end of both. `past` is a resource version from
/// before the networks existed.
async fn disturb(proxy: &ApiProxy, lives: &[Life], phase: Phase, disturbance: Disturbance, past: u64) -> Result<()> {
    let begin = || try_join_all(lives.iter().map(|life| life.begin(phase)));
    match disturbance {
        Held | Dropped => {
            proxy.conduct(if disturbance == Held { Conduct::Hold } else { Conduct::Drop });
            begin().await?;
            tokio::time::sleep(DISTURBANCE_DURATION).await;
            if phase == Phase::Create {
                for life in lives {
                    let network = life.site.existing_network(NAME).get().await?;
                    ensure!(
                        network.metadata.finalizers.is_none(),
                        "the operator received an event about {}",
                        life.site.namespace
                    );
                }
            }
            proxy.conduct(Conduct::Flow);
            if disturbance == Dropped {
                expire(proxy);
            }
        }
        Stale => {
            proxy.lists_as_of(Some(past));
            begin().await?;
            for _ in 0..DISTURBANCE_DURATION.as_secs() {
                expire(proxy);
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            proxy.take_back();
            // The last lists are stale. The networks must reach their final state in spite of that.
            check(lives, phase).await?;
            proxy.lists_as_of(None);
        }
        Cut => {
            begin().await?;
            for _ in 0..20 {
                proxy.reset_watches();
                tokio::time::sleep(DISTURBANCE_DURATION / 20).await;
            }
        }
        Scrambled => {
            proxy.conduct(Conduct::Scramble(DISTURBANCE_DURATION));
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

#[tokio::test]
async fn a_process_whose_watches_are_refused_is_not_ready() -> Result<()> {
    let operator = OperatorOptions { reconcile_deadline_seconds: 5, ..OperatorOptions::default() };
    let lab = Lab::start(LabOptions { operator, ..LabOptions::default() }).await?;
    let bindings = Api::<ClusterRoleBinding>::all(lab.kube().await?);
    let mut binding = bindings.get("mgnet-operator").await?;
    bindings.delete("mgnet-operator", &DeleteParams::default()).await?;
    let problem = until("the process is not ready", async || Ok(lab.operator().probe("/readyz").await.err())).await?;
    ensure!(format!("{problem:#}").contains("forbidden"), "{problem:#}");
    ensure!(lab.operator().is_running(), "the process lives, and recovers");
    binding.metadata.resource_version = None;
    bindings.create(&PostParams::default(), &binding).await?;
    until("the process is ready again", async || Ok(lab.operator().probe("/readyz").await.ok())).await?;
    lab.check_statuses()
}

// The proxy is a server, and some calls of a test block their thread.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn networks_reach_the_same_state_whatever_watches_and_lists_report_and_when() -> Result<()> {
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
        ensure!(operator.pid() == pid, "the operator exited:\n{}", operator.log_tail(40));
    }
    Ok(())
}

// The proxy is a server, and some calls of a test block their thread.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unanswered_list_or_watch_does_not_keep_the_operator_from_observing_networks() -> Result<()> {
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
        support::failing::until("the call waits for an answer", async || {
            let calls = proxy.calls();
            Ok(calls.iter().any(|call| call.site == site).then_some(()))
        })
        .await?;
        // The waiting call has received the fault. Only the order to expire may still be pending.
        support::failing::until("the fault takes effect", async || Ok(proxy.pending().is_empty().then_some(())))
            .await?;
        for phase in PHASES {
            life.begin(phase).await?;
            life.check(phase).await.with_context(|| format!("{site} was not answered"))?;
        }
    }
    Ok(())
}
