//! Deletion in every order: network, namespace, class, CRDs and operator. Whatever goes first, nothing is left in AWS, no claim of a VPC
//! and no finalizer; and what cannot go yet says so meanwhile.
//!
//! CRDs and operator are everybody's, the rest is a site's own. So orders in which CRDs and operator come in the same sequence are played
//! at once, each by a site of its own: every site takes its own steps up to the next common one, and then that is taken.

use std::collections::BTreeMap;
use std::env;

use anyhow::{Context, Result, ensure};
use futures::future::{try_join, try_join_all};
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{DeleteParams, ListParams};
use kube::{Api, ResourceExt};
use mgnet::api::schema::crds;
use mgnet::api::{ConditionType, Reason, conditions};
use support::state::State;
use support::{Lab, LabOptions, OPERATOR_NAMESPACE, Site};

use support::failing::{NAME, is_as_before, until};

/// One thing to delete, or to stop. The order is that in which they are usually taken down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Network,
    Namespace,
    Class,
    Crds,
    Operator,
}

use Part::{Class, Crds, Network, Operator};

const ALL: [Part; 5] = [Network, Part::Namespace, Class, Crds, Operator];

impl Part {
    /// Whether it is everybody's.
    const fn is_common(self) -> bool {
        matches!(self, Crds | Operator)
    }
}

/// How steps follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pace {
    /// Each waits until everything that was to go before it is gone, or says why it is not.
    Patient,
    /// None waits for anything.
    Hasty,
    /// All are taken at once.
    AtOnce,
}

type Order = Vec<Part>;

/// A site with a network, and the order in which it goes.
struct Play {
    site: Site,
    before: State,
    built: State,
    order: Order,
}

/// An error is none if it says that what is to be deleted is gone, or its kind is.
fn gone<T>(answer: kube::Result<T>) -> Result<()> {
    match answer {
        Ok(_) => Ok(()),
        Err(kube::Error::Api(status)) if status.is_not_found() => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// What is there, also where its kind is not.
fn there<T>(answer: kube::Result<Option<T>>) -> Result<Option<T>> {
    match answer {
        Err(kube::Error::Api(status)) if status.is_not_found() => Ok(None),
        answer => answer.context("reading what is to be gone"),
    }
}

impl Play {
    async fn begin(lab: &Lab, order: Order) -> Result<Self> {
        let site = lab.site("order").await?;
        let before = site.state().await?;
        site.network(NAME).apply().await?;
        Ok(Self { site, before: before.clone(), built: before, order })
    }

    async fn build(&mut self) -> Result<()> {
        self.site.existing_network(NAME).until_ready().await?;
        self.built = self.site.state().await?;
        ensure!(self.built != self.before, "nothing was built");
        Ok(())
    }

    fn networks(&self) -> Api<mgnet::api::MigrationNetwork> {
        Api::namespaced(self.site.kube.clone(), &self.site.namespace)
    }

    fn namespaces(&self) -> Api<Namespace> {
        Api::all(self.site.kube.clone())
    }

    /// Takes one of its own steps.
    async fn take(&self, part: Part) -> Result<()> {
        let parameters = DeleteParams::default();
        match part {
            Network => gone(self.networks().delete(NAME, &parameters).await),
            Part::Namespace => gone(self.namespaces().delete(&self.site.namespace, &parameters).await),
            Class => gone(self.site.classes().delete(&self.site.class_name, &parameters).await),
            Crds | Operator => Ok(()),
        }
        .with_context(|| format!("deleting {part:?} of {}", self.site.namespace))
    }

    /// Whether the network is to go: by itself, or with its namespace or its kind.
    fn takes_network(taken: &[Part]) -> bool {
        taken.iter().any(|part| matches!(part, Network | Part::Namespace | Crds))
    }

    /// Waits until network and class, where they were to go, are gone or say why not. Others that hold them up say it themselves.
    async fn until_told(&self, taken: &[Part]) -> Result<()> {
        if Self::takes_network(taken) {
            until("the network is gone, or says that it is being deleted", async || {
                let Some(network) = there(self.networks().get_opt(NAME).await)? else { return Ok(Some(())) };
                let status = network.status.unwrap_or_default();
                let ready = conditions::find(&status.conditions, ConditionType::Ready);
                let told = ready.is_some_and(|ready| {
                    let reasons = [Reason::Deleting, Reason::DeletionBlocked];
                    ready.status == "False" && reasons.iter().any(|reason| ready.reason == reason.as_str())
                });
                Ok(told.then_some(()))
            })
            .await?;
        }
        if taken.contains(&Class) || taken.contains(&Crds) {
            until("the class is gone, or says what holds it", async || {
                let Some(class) = there(self.site.classes().get_opt(&self.site.class_name).await)? else {
                    return Ok(Some(()));
                };
                let status = class.status.unwrap_or_default();
                let accepted = conditions::find(&status.conditions, ConditionType::Accepted);
                let told = accepted.is_some_and(|accepted| {
                    accepted.reason == Reason::Deleting.as_str() && accepted.message.contains("held by 1 network")
                });
                Ok(told.then_some(()))
            })
            .await?;
        }
        Ok(())
    }

    /// What its order did not ask for goes too, after it was seen that it stands.
    async fn finish(&self) -> Result<()> {
        if !Self::takes_network(&self.order) {
            self.until_told(&self.order).await?;
            ensure!(self.site.state().await? == self.built, "a network that is not to go has lost something");
            self.take(Network).await?;
        }
        until("the network is gone", async || Ok(there(self.networks().get_opt(NAME).await)?.is_none().then_some(())))
            .await?;
        is_as_before(&self.site, &self.before).await?;
        self.take(Class).await?;
        until("the class is gone", async || {
            let class = there(self.site.classes().get_opt(&self.site.class_name).await)?;
            Ok(class.is_none().then_some(()))
        })
        .await?;
        self.take(Part::Namespace).await?;
        until("the namespace is gone", async || {
            let namespace = self.namespaces().get_opt(&self.site.namespace).await.context("reading the namespace")?;
            Ok(namespace.is_none().then_some(()))
        })
        .await?;
        // No later: what a late reconcile would make is in AWS, too, by now.
        is_as_before(&self.site, &self.before).await?;
        let leases = Api::<Lease>::namespaced(self.site.kube.clone(), OPERATOR_NAMESPACE);
        let leases = leases.list(&ListParams::default()).await.context("listing claims")?;
        let claims = leases.into_iter().map(|lease| lease.name_any());
        let claims: Vec<String> = claims.filter(|name| name.starts_with(&self.site.account)).collect();
        ensure!(claims.is_empty(), "claims are left: {claims:?}");
        Ok(())
    }
}

async fn kinds(lab: &Lab) -> Result<Api<CustomResourceDefinition>> {
    Ok(Api::all(lab.kube().await?))
}

/// Takes one of everybody's steps.
async fn take_common(lab: &Lab, part: Part) -> Result<()> {
    match part {
        Crds => {
            let kinds = kinds(lab).await?;
            let delete = async |crd: CustomResourceDefinition| {
                gone(kinds.delete(&crd.name_any(), &DeleteParams::default()).await)
            };
            try_join_all(crds().into_iter().map(delete)).await?;
        }
        Operator => drop(lab.operator().stop().await?),
        Network | Part::Namespace | Class => {}
    }
    Ok(())
}

/// Plays orders whose common parts come in the same sequence.
async fn play(lab: &Lab, orders: &[Order], pace: Pace) -> Result<()> {
    let common: Order = orders.first().into_iter().flatten().copied().filter(|part| part.is_common()).collect();
    let mut plays = try_join_all(orders.iter().map(|order| Play::begin(lab, order.clone()))).await?;
    try_join_all(plays.iter_mut().map(Play::build)).await?;
    let told = async |taken: &[usize]| {
        // Without the operator, or its kinds, nobody can say anything.
        if pace == Pace::Patient && lab.operator().is_running() {
            try_join_all(plays.iter().zip(taken).map(|(play, taken)| play.until_told(&play.order[..*taken]))).await?;
        }
        Ok::<_, anyhow::Error>(())
    };
    if pace == Pace::AtOnce {
        let own = plays
            .iter()
            .map(async |play| try_join_all(play.order.iter().map(|part| play.take(*part))).await.map(|_| ()));
        try_join(try_join_all(own), try_join_all(common.iter().map(|part| take_common(lab, *part)))).await?;
    } else {
        let mut taken = vec![0; plays.len()];
        for next in common.iter().copied().map(Some).chain([None]) {
            for (play, taken) in plays.iter().zip(&mut taken) {
                while let Some(part) = play.order.get(*taken).filter(|part| !part.is_common()) {
                    play.take(*part).await?;
                    *taken += 1;
                    if pace == Pace::Patient && lab.operator().is_running() {
                        play.until_told(&play.order[..*taken]).await?;
                    }
                }
            }
            if let Some(next) = next {
                take_common(lab, next).await?;
                for taken in &mut taken {
                    *taken += 1;
                }
                told(&taken).await?;
            }
        }
    }
    restore_operator(lab, &plays).await?;
    try_join_all(plays.iter().map(async |play| {
        play.finish().await.with_context(|| format!("{pace:?} {:?}, in {}", play.order, play.site.namespace))
    }))
    .await?;
    if common.contains(&Crds) {
        restore_kinds(lab).await?;
    }
    Ok(())
}

/// Starts the operator, if it was stopped. It is ready only where its kinds are there; they have gone if all networks went before it.
async fn restore_operator(lab: &Lab, plays: &[Play]) -> Result<()> {
    let mut left = false;
    for play in plays {
        left |= there(play.networks().get_opt(NAME).await)?.is_some();
    }
    if !lab.operator().is_running() && !left {
        let kinds = kinds(lab).await?;
        let going = kinds.list(&ListParams::default()).await?;
        if going.iter().any(|kind| kind.metadata.deletion_timestamp.is_some()) || going.items.len() < crds().len() {
            restore_kinds(lab).await?;
        }
    }
    lab.operator().start().await
}

/// Waits until the kinds are gone, and installs them again.
async fn restore_kinds(lab: &Lab) -> Result<()> {
    let kinds = kinds(lab).await?;
    until("the CRDs are gone", async || {
        let mut left = 0;
        for crd in crds() {
            let kind = kinds.get_opt(&crd.name_any()).await?;
            left += usize::from(kind.is_some_and(|kind| kind.metadata.deletion_timestamp.is_some()));
        }
        Ok((left == 0).then_some(()))
    })
    .await?;
    lab.install().await?;
    // Its watches begin again by themselves, after up to half a minute each time.
    if lab.operator().is_running() { lab.operator().restart().await } else { Ok(()) }
}

/// All sequences of these parts.
fn permutations(parts: &[Part]) -> Vec<Order> {
    if parts.is_empty() {
        return vec![Vec::new()];
    }
    let first = |&part: &Part| {
        let others: Vec<Part> = parts.iter().copied().filter(|other| *other != part).collect();
        permutations(&others).into_iter().map(move |rest| std::iter::once(part).chain(rest).collect())
    };
    parts.iter().flat_map(first).collect()
}

/// Orders that can be played at once, at most so many each time.
fn groups(orders: Vec<Order>, most: usize) -> Vec<Vec<Order>> {
    let mut by_common: BTreeMap<Order, Vec<Order>> = BTreeMap::new();
    for order in orders {
        let common = order.iter().copied().filter(|part| part.is_common()).collect();
        by_common.entry(common).or_default().push(order);
    }
    by_common.into_values().flat_map(|orders| orders.chunks(most).map(<[Order]>::to_vec).collect::<Vec<_>>()).collect()
}

/// One alone, and two in either order.
fn singles_and_pairs() -> Vec<Order> {
    let pairs = ALL.iter().flat_map(|&a| ALL.into_iter().filter(move |&b| b != a).map(move |b| vec![a, b]));
    ALL.into_iter().map(|part| vec![part]).chain(pairs).collect()
}

/// `MGNET_ORDERS=all` plays all of them, at every pace; else a sample.
#[tokio::test]
async fn in_whatever_order_things_are_deleted_nothing_is_left_and_what_waits_says_so() -> Result<()> {
    use Part::Namespace;
    let lab = Lab::start(LabOptions::default()).await?;
    let mut played = 0;
    let plays: Vec<(Vec<Order>, Pace)> = match env::var("MGNET_ORDERS").as_deref() {
        Ok("all") => {
            let orders = groups(singles_and_pairs().into_iter().chain(permutations(&ALL)).collect(), 10);
            let paces = [Pace::Patient, Pace::Hasty];
            let plays = paces.into_iter().flat_map(|pace| orders.iter().map(move |orders| (orders.clone(), pace)));
            plays.chain([(vec![ALL.to_vec(); 8], Pace::AtOnce)]).collect()
        }
        _ => vec![
            (vec![vec![Class], vec![Namespace, Class], vec![Class, Network], vec![Network, Namespace]], Pace::Patient),
            (vec![vec![Crds, Class, Namespace], vec![Class, Crds], vec![Network, Crds, Class]], Pace::Patient),
            (
                vec![
                    vec![Operator, Crds, Network, Namespace, Class],
                    vec![Namespace, Operator, Class, Crds, Network],
                    vec![Class, Operator, Network, Crds, Namespace],
                ],
                Pace::Hasty,
            ),
            (vec![ALL.to_vec(); 3], Pace::AtOnce),
        ],
    };
    for (orders, pace) in plays {
        let began = std::time::Instant::now();
        play(&lab, &orders, pace).await?;
        played += orders.len();
        println!("{pace:?}: {} orders in {:.0?}, as {:?}", orders.len(), began.elapsed(), orders.first());
    }
    println!("{played} orders in all");
    lab.check_statuses()
}

/// Its finalizer is there for networks, and of a kind that is not there there are none.
#[tokio::test]
async fn a_class_goes_whose_networks_went_with_their_kind_by_force() -> Result<()> {
    let lab = Lab::start(LabOptions::default()).await?;
    let site = lab.site("kindless").await?;
    let network = site.network(NAME).apply().await?;
    network.until_ready().await?;
    // So that it does not notice the end of the last network while networks can still be listed.
    lab.operator().signal("STOP")?;
    network.delete().await?;
    network.patch(serde_json::json!({ "metadata": { "finalizers": null } })).await?;
    let kinds = kinds(&lab).await?;
    kinds.delete("migrationnetworks.mgnet.dev", &DeleteParams::default()).await?;
    until("the CRD is gone", async || Ok(kinds.get_opt("migrationnetworks.mgnet.dev").await?.is_none().then_some(())))
        .await?;
    site.delete_class().await?;
    ensure!(!site.classes().get(&site.class_name).await?.finalizers().is_empty(), "nothing holds it");
    lab.operator().signal("CONT")?;
    until("the class is gone", async || Ok(site.classes().get_opt(&site.class_name).await?.is_none().then_some(())))
        .await
}

#[test]
fn all_orders_are_all_there_are() {
    let mut all = permutations(&ALL);
    all.sort();
    all.dedup();
    assert_eq!((all.len(), singles_and_pairs().len()), (120, 25));
    let groups = groups(all, 10);
    assert_eq!((groups.len(), groups.iter().map(Vec::len).sum::<usize>()), (12, 120));
    let common = |order: &Order| order.iter().copied().filter(|part| part.is_common()).collect::<Order>();
    assert!(groups.iter().all(|group| group.iter().all(|order| common(order) == common(&group[0]))));
}
