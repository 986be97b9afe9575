//! Tests of deletion in every order: network, namespace, class, CRDs and operator. Every order must leave no AWS
//! resource, no VPC lease and no finalizer. Objects that cannot be deleted yet must report the reason.
//!
//! All sites share the CRDs and the operator. Orders with the same sequence of CRDs and operator run at the same time,
//! each in a site of its own: every site takes its own steps up to the next common step, and then the common step is
//! taken.

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

/// One part to delete, or to stop. The variants are in the usual order of a teardown.
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
    /// Whether all sites share the part.
    const fn is_common(self) -> bool {
        matches!(self, Crds | Operator)
    }
}

/// The timing between two steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pace {
    /// Each step waits until everything that was deleted before it is gone, or reports the reason why it still exists.
    Patient,
    /// No step waits.
    Hasty,
    /// All steps are taken at once.
    AtOnce,
}

type Order = Vec<Part>;

/// A site with a network, and the order in which its parts are deleted.
struct Case {
    site: Site,
    before: State,
    built: State,
    order: Order,
}

/// Returns `Ok` if the object to delete, or its kind, does not exist.
fn absent_is_ok<T>(answer: kube::Result<T>) -> Result<()> {
    match answer {
        Ok(_) => Ok(()),
        Err(kube::Error::Api(status)) if status.is_not_found() => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Returns the object; `None` if the object or its kind does not exist.
fn found<T>(answer: kube::Result<Option<T>>) -> Result<Option<T>> {
    match answer {
        Err(kube::Error::Api(status)) if status.is_not_found() => Ok(None),
        answer => answer.context("reading a deleted object"),
    }
}

impl Case {
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

    /// Deletes one of the site's own parts.
    async fn delete(&self, part: Part) -> Result<()> {
        let parameters = DeleteParams::default();
        match part {
            Network => absent_is_ok(self.networks().delete(NAME, &parameters).await),
            Part::Namespace => absent_is_ok(self.namespaces().delete(&self.site.namespace, &parameters).await),
            Class => absent_is_ok(self.site.classes().delete(&self.site.class_name, &parameters).await),
            Crds | Operator => Ok(()),
        }
        .with_context(|| format!("deleting {part:?} of {}", self.site.namespace))
    }

    /// Whether the network is deleted: by itself, or with its namespace or its kind.
    fn deletes_network(deleted: &[Part]) -> bool {
        deleted.iter().any(|part| matches!(part, Network | Part::Namespace | Crds))
    }

    /// Waits until network and class, if they were deleted, are gone or report why they still exist. Other objects that
    /// delay them have reports of their own.
    async fn until_reported(&self, deleted: &[Part]) -> Result<()> {
        if Self::deletes_network(deleted) {
            until("the network is gone, or reports that it is being deleted", async || {
                let Some(network) = found(self.networks().get_opt(NAME).await)? else { return Ok(Some(())) };
                let status = network.status.unwrap_or_default();
                let ready = conditions::find(&status.conditions, ConditionType::Ready);
                let reported = ready.is_some_and(|ready| {
                    let reasons = [Reason::Deleting, Reason::DeletionBlocked];
                    ready.status == "False" && reasons.iter().any(|reason| ready.reason == reason.as_str())
                });
                Ok(reported.then_some(()))
            })
            .await?;
        }
        if deleted.contains(&Class) || deleted.contains(&Crds) {
            until("the class is gone, or reports what holds it", async || {
                let Some(class) = found(self.site.classes().get_opt(&self.site.class_name).await)? else {
                    return Ok(Some(()));
                };
                let status = class.status.unwrap_or_default();
                let accepted = conditions::find(&status.conditions, ConditionType::Accepted);
                let reported = accepted.is_some_and(|accepted| {
                    accepted.reason == Reason::Deleting.as_str() && accepted.message.contains("held by 1 network")
                });
                Ok(reported.then_some(()))
            })
            .await?;
        }
        Ok(())
    }

    /// Deletes the parts that the order does not contain, after a check that they still exist, and checks that nothing
    /// is left.
    async fn finish(&self) -> Result<()> {
        if !Self::deletes_network(&self.order) {
            self.until_reported(&self.order).await?;
            ensure!(self.site.state().await? == self.built, "a network that was not deleted has lost resources");
            self.delete(Network).await?;
        }
        until("the network is gone", async || Ok(found(self.networks().get_opt(NAME).await)?.is_none().then_some(())))
            .await?;
        is_as_before(&self.site, &self.before).await?;
        self.delete(Class).await?;
        until("the class is gone", async || {
            let class = found(self.site.classes().get_opt(&self.site.class_name).await)?;
            Ok(class.is_none().then_some(()))
        })
        .await?;
        self.delete(Part::Namespace).await?;
        until("the namespace is gone", async || {
            let namespace = self.namespaces().get_opt(&self.site.namespace).await.context("reading the namespace")?;
            Ok(namespace.is_none().then_some(()))
        })
        .await?;
        // The second check is here because the resources of a late reconcile would exist in AWS by now.
        is_as_before(&self.site, &self.before).await?;
        let leases = Api::<Lease>::namespaced(self.site.kube.clone(), OPERATOR_NAMESPACE);
        let leases = leases.list(&ListParams::default()).await.context("listing VPC leases")?;
        let left = leases.into_iter().map(|lease| lease.name_any());
        let left: Vec<String> = left.filter(|name| name.starts_with(&self.site.account)).collect();
        ensure!(left.is_empty(), "VPC leases are left: {left:?}");
        Ok(())
    }
}

async fn kinds(lab: &Lab) -> Result<Api<CustomResourceDefinition>> {
    Ok(Api::all(lab.kube().await?))
}

/// Takes one of the common steps: deletes the CRDs, or stops the operator.
async fn delete_common(lab: &Lab, part: Part) -> Result<()> {
    match part {
        Crds => {
            let kinds = kinds(lab).await?;
            let delete = async |crd: CustomResourceDefinition| {
                absent_is_ok(kinds.delete(&crd.name_any(), &DeleteParams::default()).await)
            };
            try_join_all(crds().into_iter().map(delete)).await?;
        }
        Operator => drop(lab.operator().stop().await?),
        Network | Part::Namespace | Class => {}
    }
    Ok(())
}

/// Runs orders with the same sequence of common parts.
async fn run(lab: &Lab, orders: &[Order], pace: Pace) -> Result<()> {
    let common: Order = orders.first().into_iter().flatten().copied().filter(|part| part.is_common()).collect();
    let mut cases = try_join_all(orders.iter().map(|order| Case::begin(lab, order.clone()))).await?;
    try_join_all(cases.iter_mut().map(Case::build)).await?;
    let until_all_reported = async |deleted: &[usize]| {
        // Without the operator, or without the CRDs, there are no reports.
        if pace == Pace::Patient && lab.operator().is_running() {
            try_join_all(cases.iter().zip(deleted).map(|(case, deleted)| case.until_reported(&case.order[..*deleted])))
                .await?;
        }
        Ok::<_, anyhow::Error>(())
    };
    if pace == Pace::AtOnce {
        let own = cases
            .iter()
            .map(async |case| try_join_all(case.order.iter().map(|part| case.delete(*part))).await.map(|_| ()));
        try_join(try_join_all(own), try_join_all(common.iter().map(|part| delete_common(lab, *part)))).await?;
    } else {
        let mut deleted = vec![0; cases.len()];
        for next in common.iter().copied().map(Some).chain([None]) {
            for (case, deleted) in cases.iter().zip(&mut deleted) {
                while let Some(part) = case.order.get(*deleted).filter(|part| !part.is_common()) {
                    case.delete(*part).await?;
                    *deleted += 1;
                    if pace == Pace::Patient && lab.operator().is_running() {
                        case.until_reported(&case.order[..*deleted]).await?;
                    }
                }
            }
            if let Some(next) = next {
                delete_common(lab, next).await?;
                for deleted in &mut deleted {
                    *deleted += 1;
                }
                until_all_reported(&deleted).await?;
            }
        }
    }
    restore_operator(lab, &cases).await?;
    try_join_all(cases.iter().map(async |case| {
        case.finish().await.with_context(|| format!("{pace:?} {:?}, in {}", case.order, case.site.namespace))
    }))
    .await?;
    if common.contains(&Crds) {
        restore_kinds(lab).await?;
    }
    Ok(())
}

/// Starts the operator, if it was stopped. It becomes ready only if the CRDs exist; they are gone if all networks were
/// deleted before the operator was stopped.
async fn restore_operator(lab: &Lab, cases: &[Case]) -> Result<()> {
    let mut left = false;
    for case in cases {
        left |= found(case.networks().get_opt(NAME).await)?.is_some();
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

/// Waits until the CRDs are gone, and installs them again.
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
    // The operator's watches would restart by themselves, but only after up to half a minute each time.
    if lab.operator().is_running() { lab.operator().restart().await } else { Ok(()) }
}

/// Returns all sequences of these parts.
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

/// Groups orders that can run at the same time, at most `most` in each group.
fn groups(orders: Vec<Order>, most: usize) -> Vec<Vec<Order>> {
    let mut by_common: BTreeMap<Order, Vec<Order>> = BTreeMap::new();
    for order in orders {
        let common = order.iter().copied().filter(|part| part.is_common()).collect();
        by_common.entry(common).or_default().push(order);
    }
    by_common.into_values().flat_map(|orders| orders.chunks(most).map(<[Order]>::to_vec).collect::<Vec<_>>()).collect()
}

/// Returns each part alone, and each pair of parts in both orders.
fn singles_and_pairs() -> Vec<Order> {
    let pairs = ALL.iter().flat_map(|&a| ALL.into_iter().filter(move |&b| b != a).map(move |b| vec![a, b]));
    ALL.into_iter().map(|part| vec![part]).chain(pairs).collect()
}

/// `MGNET_ORDERS=all` runs all orders at every pace. Otherwise the test runs a sample.
#[tokio::test]
async fn any_deletion_order_leaves_nothing_behind_and_pending_deletions_are_reported() -> Result<()> {
    use Part::Namespace;
    let lab = Lab::start(LabOptions::default()).await?;
    let mut orders_run = 0;
    let cases: Vec<(Vec<Order>, Pace)> = match env::var("MGNET_ORDERS").as_deref() {
        Ok("all") => {
            let orders = groups(singles_and_pairs().into_iter().chain(permutations(&ALL)).collect(), 10);
            let paces = [Pace::Patient, Pace::Hasty];
            let cases = paces.into_iter().flat_map(|pace| orders.iter().map(move |orders| (orders.clone(), pace)));
            cases.chain([(vec![ALL.to_vec(); 8], Pace::AtOnce)]).collect()
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
    for (orders, pace) in cases {
        let began = std::time::Instant::now();
        run(&lab, &orders, pace).await?;
        orders_run += orders.len();
        println!("{pace:?}: {} orders in {:.0?}, as {:?}", orders.len(), began.elapsed(), orders.first());
    }
    println!("{orders_run} orders in total");
    lab.check_statuses()
}

/// The finalizer of a class waits for its networks, but without the CRD of networks there are none.
#[tokio::test]
async fn a_class_is_deleted_after_its_networks_and_their_crd_were_deleted_by_force() -> Result<()> {
    let lab = Lab::start(LabOptions::default()).await?;
    let site = lab.site("kindless").await?;
    let network = site.network(NAME).apply().await?;
    network.until_ready().await?;
    // The operator must not observe the deletion of the last network while networks can still be listed.
    lab.operator().signal("STOP")?;
    network.delete().await?;
    network.patch(serde_json::json!({ "metadata": { "finalizers": null } })).await?;
    let kinds = kinds(&lab).await?;
    kinds.delete("migrationnetworks.mgnet.dev", &DeleteParams::default()).await?;
    until("the CRD is gone", async || Ok(kinds.get_opt("migrationnetworks.mgnet.dev").await?.is_none().then_some(())))
        .await?;
    site.delete_class().await?;
    ensure!(!site.classes().get(&site.class_name).await?.finalizers().is_empty(), "the class has no finalizer");
    lab.operator().signal("CONT")?;
    until("the class is gone", async || Ok(site.classes().get_opt(&site.class_name).await?.is_none().then_some(())))
        .await
}

#[test]
fn the_orders_are_complete_and_grouped_by_their_common_steps() {
    let mut all = permutations(&ALL);
    all.sort();
    all.dedup();
    assert_eq!((all.len(), singles_and_pairs().len()), (120, 25));
    let groups = groups(all, 10);
    assert_eq!((groups.len(), groups.iter().map(Vec::len).sum::<usize>()), (12, 120));
    let common = |order: &Order| order.iter().copied().filter(|part| part.is_common()).collect::<Order>();
    assert!(groups.iter().all(|group| group.iter().all(|order| common(order) == common(&group[0]))));
}
