//! Deletion: the operator deletes everything the network made, or marks it as retained; then, and only then, it removes the
//! finalizer.
//!
//! Deletion needs neither spec nor class: status recorded the account, Region and role before the first write to AWS; where the
//! class names another account, resources with the network's owner tag there are deleted, too. What is touched is decided by
//! owner tags read in the same reconcile.

use std::sync::Arc;

use tokio::time::Instant;

use super::{
    Ended,
    apply::{Goal, Outcome, carry_out},
    object::NetworkObject,
    observation::settle,
    owned::find_owned,
    vpc_lease,
};
use crate::{
    api::{DeletionPolicy, MigrationNetworkClass},
    aws::{Account, Clouds},
    controller::{
        class::resolve,
        context::Context,
        stop::Stop,
        store::{Announcement, Key, Store},
    },
    model::{
        claims::Claims,
        failure::CallFailure,
        observed::Resources,
        ownership::Identity,
        plan::{Blocker, Plan, deletion},
        settings::{deletion_policy, limits},
        status::{StepFailure, Verdict},
    },
};

/// The network without resources, or with retained ones.
struct Deleted {
    identity: Identity,
    resources: Resources,
    policy: DeletionPolicy,
}

impl Goal for Deleted {
    fn plan(&self, claims: &Claims) -> Plan {
        match self.policy {
            DeletionPolicy::Retain => deletion::retain(&self.identity, &self.resources, claims),
            DeletionPolicy::Delete => deletion::delete(&self.identity, &self.resources, claims),
        }
    }

    fn resources(&mut self) -> &mut Resources {
        &mut self.resources
    }

    fn verdict(&self, outcome: &Outcome) -> Verdict {
        let Outcome { plan, failures, changed, steps: _ } = outcome;
        Verdict::Deleting { plan: plan.clone(), failures: failures.clone(), changed: *changed }
    }
}

/// Continues a deletion.
///
/// # Errors
/// `Gone` when the finalizer is removed, and the network with it.
pub(crate) async fn delete<C: Clouds, S: Store>(
    object: &mut NetworkObject<'_, S>,
    context: &Context<C, S>,
    key: &Key,
) -> Result<Ended, Stop> {
    if !object.is_held() {
        return Err(Stop::Gone);
    }
    let class = resolve::find(object.store, &object.network).await?;
    let identity = object.identity(&context.cluster);
    let calls_may_arrive = !context.memories.calls_may_arrive_for(key, &identity.uid).is_zero();
    let began = Instant::now();
    let found = find(context, &accounts(object, class.as_ref()), &identity).await.map_err(unreachable)?;
    // Without an account there was no claim on a slot: nothing was created.
    let Some((account, cloud, resources)) = found else { return Err(release(object).await) };
    if resources.any_held(&identity) {
        // All of the network's resources are in one account.
        object.record_account(&account);
    }
    let mut claims = object.claims();
    claims.drop_unusable(&identity);
    settle(&mut claims, object, context, key, &identity, (&resources, began));

    let mut deleted = Deleted { policy: policy(object, class.as_ref()), identity, resources };
    let mut outcome = carry_out(object, cloud.as_ref(), &mut claims, &mut deleted).await?;
    object.write_claims(&claims);
    let is_done = outcome.plan.is_done() && outcome.failures.is_empty();
    if is_done && calls_may_arrive {
        // What is created until then is found by its tags, and deleted or retained, too.
        outcome.plan.blockers.extend(claims.groups().into_iter().map(|slot| Blocker::MayArrive { slot }));
    }
    if is_done && outcome.plan.is_done() && !outcome.changed && nothing_is_left(object, &deleted, &claims).await {
        return Err(release(object).await);
    }
    Ok(Ended { verdict: deleted.verdict(&outcome), steps: outcome.steps })
}

/// Whether the network may go: it has nothing in AWS, or all of it is retained, which an event reports.
async fn nothing_is_left<S: Store>(object: &NetworkObject<'_, S>, deleted: &Deleted, claims: &Claims) -> bool {
    let Deleted { identity, resources, policy } = deleted;
    match policy {
        DeletionPolicy::Retain => {
            let ids = resources.ids_held(identity);
            let note =
                if ids.is_empty() { "nothing was left".to_owned() } else { format!("left in AWS: {}", ids.join(", ")) };
            tracing::info!(note, "retained");
            let announcement =
                Announcement { warning: false, reason: "Retained".to_owned(), action: "Retain".to_owned(), note };
            object.store.announce(&object.network, announcement).await;
            true
        }
        DeletionPolicy::Delete => claims.all_resolved() && !resources.any_held(identity),
    }
}

/// Releases the VPC leases, then removes the finalizer. In this order: nothing could release a lease after its network is gone.
async fn release<S: Store>(object: &NetworkObject<'_, S>) -> Stop {
    let released = async {
        vpc_lease::release_all(object).await?;
        object.store.set_finalizer(&object.network, false).await
    };
    match released.await {
        Ok(_) => Stop::Gone,
        Err(error) => error.into(),
    }
}

/// Where the network's resources may be: as status recorded it, and as the class says now. They differ if the class was made anew,
/// or somebody has written into status.
fn accounts<S: Store>(object: &NetworkObject<'_, S>, class: Option<&MigrationNetworkClass>) -> Vec<Account> {
    let status = object.network.status.as_ref();
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
    let of_class =
        class.map(|class| resolve::account(&class.spec)).filter(|account| Some(account) != recorded.as_ref());
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
        match find_owned(context, account, identity).await {
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

/// What the spec says, else the class, as far as the class's limits allow it; else what held when both could last be read
/// and were accepted.
fn policy<S: Store>(object: &NetworkObject<'_, S>, class: Option<&MigrationNetworkClass>) -> DeletionPolicy {
    let settings = object.network.status.as_ref().and_then(|status| status.settings.as_ref());
    let recorded = settings.and_then(|settings| settings.deletion_policy);
    match class {
        Some(class) => {
            let asked = deletion_policy(&object.network.spec, Some(&class.spec));
            limits::deletion(asked, recorded, class.spec.limits.as_ref())
        }
        None => object.network.spec.deletion_policy.or(recorded).unwrap_or(DeletionPolicy::Delete),
    }
}

/// The verdict while the accounts that may hold resources cannot be observed.
fn unreachable(failure: CallFailure) -> Stop {
    let failures = vec![StepFailure { slots: Vec::new(), failure }];
    Verdict::Deleting { plan: Plan::default(), failures, changed: false }.into()
}
