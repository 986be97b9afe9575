//! Deletion: everything the network made goes, or is marked as retained; then, and only then, the finalizer.
//!
//! It needs neither spec nor class: where and as whom comes from what status recorded before the first write to AWS; where the class
//! says otherwise, what is owned there goes, too. What is touched is decided by owner tags read in the same reconcile.

use std::sync::Arc;

use kube::ResourceExt;
use tokio::time::Instant;

use crate::{
    api::{DeletionPolicy, FINALIZER, MigrationNetworkClass},
    aws::{Account, Cloud, Clouds},
    controller::{
        class,
        context::Context,
        network::{
            apply::carry_out,
            object::Subject,
            requeue::{Ending, Error},
            vpc_lease,
        },
        store::{Announcement, Key, Store},
    },
    model::{
        claims::Claims,
        failure::CallFailure,
        observed::Resources,
        ownership::Identity,
        plan::{Blocker, Plan, deletion},
        settings::{deletion_policy, limits},
        status::conditions::{StepFailure, Verdict},
    },
};

/// Goes on with a deletion. None when the finalizer is gone, and the network with it.
pub(crate) async fn tear_down<C: Clouds, S: Store>(
    subject: &mut Subject<'_, S>,
    context: &Context<C, S>,
    key: &Key,
) -> Result<Option<Ending>, Error> {
    if !subject.network.finalizers().iter().any(|finalizer| finalizer == FINALIZER) {
        return Ok(None);
    }
    let class = class::find(subject.store, &subject.network).await?;
    let identity = subject.identity(&context.cluster);
    let calls_may_arrive = !context.calls_may_arrive_for(key, &identity.uid).is_zero();
    let began = Instant::now();
    let (account, cloud, mut resources) = match find(context, &accounts(subject, class.as_ref()), &identity).await {
        Ok(Some(found)) => found,
        // No account was ever recorded, and one is before the first claim on a slot: nothing was made.
        Ok(None) => return release(subject).await,
        Err(failure) => return Ok(Some((unreachable(failure), Vec::new()))),
    };
    if resources.any_held(&identity) {
        // It has everything in one place, and that is it.
        subject.record_account(&account);
    }
    let mut claims = subject.claims();
    claims.drop_unusable(&identity);
    subject.settle(context, key, &mut claims, &identity, (&resources, began));

    let retain = match policy(subject, class.as_ref()) {
        DeletionPolicy::Retain => true,
        DeletionPolicy::Delete => false,
    };
    let planner = |resources: &Resources, claims: &Claims| {
        if retain {
            deletion::retain(&identity, resources, claims)
        } else {
            deletion::delete(&identity, resources, claims)
        }
    };
    let say = |plan: &Plan, _: &Resources| deleting(plan.clone(), Vec::new(), true);
    let mut outcome = carry_out(subject, cloud.as_ref(), &mut claims, &mut resources, planner, say).await?;
    subject.write_claims(&claims);
    let is_done = outcome.plan.is_done() && outcome.failures.is_empty();
    if is_done && calls_may_arrive {
        // Whatever comes until then is found by its tags, and goes, or is retained, too.
        outcome.plan.blockers.extend(claims.groups().into_iter().map(|slot| Blocker::MayArrive { slot }));
    }
    let at_rest = is_done && outcome.plan.is_done() && !outcome.changed;
    if at_rest && retain {
        let ids = resources.ids_held(&identity);
        let note =
            if ids.is_empty() { "nothing was left".to_owned() } else { format!("left in AWS: {}", ids.join(", ")) };
        tracing::info!(note, "retained");
        let announcement =
            Announcement { warning: false, reason: "Retained".to_owned(), action: "Retain".to_owned(), note };
        subject.store.announce(&subject.network, announcement).await;
        return release(subject).await;
    }
    if at_rest && claims.all_resolved() && !resources.any_held(&identity) {
        return release(subject).await;
    }
    Ok(Some((deleting(outcome.plan, outcome.failures, outcome.changed), outcome.done)))
}

/// First the claim of the VPC, in which nothing of the network is left or all of it is marked as retained; then the
/// finalizer. In this order, as the finalizer's end is the end of everything that could give the claim back.
async fn release<S: Store>(subject: &Subject<'_, S>) -> Result<Option<Ending>, Error> {
    vpc_lease::release_all(subject).await?;
    subject.store.set_finalizer(&subject.network, false).await?;
    Ok(None)
}

/// Where the network's resources may be: as status recorded it, and as the class says now. They differ if the class was made anew,
/// or somebody has written into status.
fn accounts<S: Store>(subject: &Subject<'_, S>, class: Option<&MigrationNetworkClass>) -> Vec<Account> {
    let status = subject.network.status.as_ref();
    let recorded = status.and_then(|status| Some((status.account.as_ref()?, status.region.as_ref()?)));
    let recorded =
        recorded.filter(|(account, region)| !account.id.is_empty() && !region.is_empty()).map(|(account, region)| {
            Account {
                id: account.id.clone(),
                region: region.clone(),
                role_arn: account.role_arn.clone(),
                external_id: account.external_id.clone(),
            }
        });
    let of_class = class.map(|class| class::account(&class.spec)).filter(|account| Some(account) != recorded.as_ref());
    recorded.into_iter().chain(of_class).collect()
}

/// The account in which the network owns something; else the first that could be looked at. None of no accounts.
///
/// # Errors
/// If nothing was found, and one of the places could not be looked at.
async fn find<C: Clouds, S>(
    context: &Context<C, S>,
    accounts: &[Account],
    identity: &Identity,
) -> Result<Option<(Account, Arc<C::Cloud>, Resources)>, CallFailure> {
    let (mut empty, mut seen, mut failures) = (None, Vec::new(), Vec::new());
    for account in accounts {
        let place = (&account.id, &account.region);
        match look(context, account, identity).await {
            Ok((cloud, resources)) if resources.any_held(identity) => {
                return Ok(Some((account.clone(), cloud, resources)));
            }
            Ok((cloud, resources)) => {
                seen.push(place);
                empty.get_or_insert((account.clone(), cloud, resources));
            }
            Err(failure) => failures.push((place, failure)),
        }
    }
    match failures.into_iter().find(|(place, _)| !seen.contains(place)) {
        Some((_, failure)) => Err(failure),
        None => Ok(empty),
    }
}

async fn look<C: Clouds, S>(
    context: &Context<C, S>,
    account: &Account,
    identity: &Identity,
) -> Result<(Arc<C::Cloud>, Resources), CallFailure> {
    let cloud = context.clouds.connect(account).await?;
    let resources = cloud.find_owned(identity).await?;
    Ok((cloud, resources))
}

/// Whether the network owns something there, whatever status says.
pub(crate) async fn is_there<C: Clouds, S>(context: &Context<C, S>, account: &Account, identity: &Identity) -> bool {
    look(context, account, identity).await.is_ok_and(|(_, resources)| resources.any_held(identity))
}

/// What the spec says, else the class, as far as the class's limits allow it; else what held when both could last be read
/// and were accepted.
fn policy<S: Store>(subject: &Subject<'_, S>, class: Option<&MigrationNetworkClass>) -> DeletionPolicy {
    let settings = subject.network.status.as_ref().and_then(|status| status.settings.as_ref());
    let recorded = settings.and_then(|settings| settings.deletion_policy);
    match class {
        Some(class) => {
            let asked = deletion_policy(&subject.network.spec, Some(&class.spec));
            limits::deletion(asked, recorded, class.spec.limits.as_ref())
        }
        None => subject.network.spec.deletion_policy.or(recorded).unwrap_or(DeletionPolicy::Delete),
    }
}

fn unreachable(failure: CallFailure) -> Verdict {
    deleting(Plan::default(), vec![StepFailure { slots: Vec::new(), failure }], false)
}

const fn deleting(plan: Plan, failures: Vec<StepFailure>, changed: bool) -> Verdict {
    Verdict::Deleting { plan, failures, changed }
}
