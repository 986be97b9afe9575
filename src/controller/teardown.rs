//! Deletion: everything the network made goes, or is marked as retained; then, and only then, the finalizer.
//!
//! It needs neither spec nor class: where and as whom comes from what status recorded before the first write to AWS, and
//! what is touched is decided by owner tags read in the same reconcile.

use kube::ResourceExt;

use super::{
    class,
    context::Context,
    ending::{Ending, Error},
    steps::carry_out,
    store::{Announcement, Key, Store},
    subject::Subject,
    vpc_claim,
};
use crate::{
    api::{DeletionPolicy, FINALIZER, MigrationNetworkClass},
    aws::{Account, Cloud, Clouds},
    model::{
        claims::Claims,
        failure::CallFailure,
        limits,
        observed::Resources,
        plan::{Blocker, Plan},
        settings::deletion_policy,
        status::{StepFailure, Verdict},
        teardown,
    },
};

/// Goes on with a deletion. None when the finalizer is gone, and the network with it.
pub(super) async fn tear_down<C: Clouds, S: Store>(
    subject: &mut Subject<'_, S>,
    context: &Context<C, S>,
    key: &Key,
) -> Result<Option<Ending>, Error> {
    if !subject.network.finalizers().iter().any(|finalizer| finalizer == FINALIZER) {
        return Ok(None);
    }
    let class = class::find(subject.store, &subject.network).await?;
    let Some(account) = account(subject, class.as_ref()) else {
        // No account was ever recorded, and one is before the first claim on a slot: nothing was made.
        return release(subject).await;
    };
    let cloud = match context.clouds.connect(&account).await {
        Ok(cloud) => cloud,
        Err(failure) => return Ok(Some((unreachable(failure), Vec::new()))),
    };
    let identity = subject.identity(&context.cluster);
    let nothing_can_arrive = context.outlasts_calls(key, &identity.uid);
    let mut resources = match cloud.find_owned(&identity).await {
        Ok(resources) => resources,
        Err(failure) => return Ok(Some((unreachable(failure), Vec::new()))),
    };
    let mut claims = subject.claims();
    claims.drop_unusable(&identity);
    subject.settle(context, key, &mut claims, &identity, &resources);

    let retain = match policy(subject, class.as_ref()) {
        DeletionPolicy::Retain => true,
        DeletionPolicy::Delete => false,
    };
    let planner = |resources: &Resources, claims: &Claims| {
        if retain {
            teardown::retain(&identity, resources, claims)
        } else {
            teardown::delete(&identity, resources, claims)
        }
    };
    let say = |plan: &Plan, _: &Resources| deleting(plan.clone(), Vec::new(), true);
    let mut outcome = carry_out(subject, cloud.as_ref(), &mut claims, &mut resources, planner, say).await?;
    subject.write_claims(&claims);
    let mut at_rest = outcome.plan.is_done() && outcome.failures.is_empty() && !outcome.changed;
    if at_rest && !nothing_can_arrive {
        // Whatever comes until then is found by its tags, and goes, or is retained, too.
        outcome.plan.blockers.extend(claims.groups().into_iter().map(|slot| Blocker::MayArrive { slot }));
        at_rest = outcome.plan.is_done();
    }
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
    vpc_claim::release_all(subject).await?;
    subject.store.set_finalizer(&subject.network, false).await?;
    Ok(None)
}

/// Where the network's resources are: as status recorded it, else as the class says now.
fn account<S: Store>(subject: &Subject<'_, S>, class: Option<&MigrationNetworkClass>) -> Option<Account> {
    let status = subject.network.status.as_ref();
    let recorded = status.and_then(|status| Some((status.account.as_ref()?, status.region.as_ref()?)));
    recorded
        .filter(|(account, region)| !account.id.is_empty() && !region.is_empty())
        .map(|(account, region)| Account {
            id: account.id.clone(),
            region: region.clone(),
            role_arn: account.role_arn.clone(),
            external_id: account.external_id.clone(),
        })
        .or_else(|| class.map(|class| class::account(&class.spec)))
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
