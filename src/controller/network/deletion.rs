//! Deletion: the operator deletes all resources of the network, or marks them as retained. It removes the finalizer
//! only after that.
//!
//! Deletion needs neither spec nor class, because status records the account, Region and role before the first write
//! to AWS, and the external ID of a class that sets none is derived. If the class now names another account, resources with the network's owner tag in that account are deleted,
//! too. Only resources whose owner tags were read in the same reconcile are changed.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use tokio::time::Instant;

use super::{
    Ended, abandoned,
    apply::{Goal, Outcome, carry_out},
    object::NetworkObject,
    observation::{mark_stuck, settle, within_deadline},
    owned::find_owned,
    vpc_lease,
};
use crate::{
    api::{AdoptedDeletionPolicy, DeletionPolicy, MigrationNetworkClass, TRANSFER_ANNOTATION},
    aws::{Account, Cloud, Clouds},
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
        replication_template::{self, TemplateReport},
        settings::{adopted_deletion_policy, deletion_policy, limits},
        status::{StepFailure, Verdict},
        transfer::Transfer,
    },
};

/// The goal of a deletion: no resources, or only retained ones.
struct Deleted {
    identity: Identity,
    resources: Resources,
    policy: DeletionPolicy,
    adopted: AdoptedDeletionPolicy,
    managed_tags: BTreeSet<String>,
    transfer: Transfer,
}

impl Goal for Deleted {
    fn plan(&self, claims: &Claims) -> Plan {
        match self.policy {
            DeletionPolicy::Retain => deletion::retain(&self.identity, &self.resources, claims, &self.transfer),
            DeletionPolicy::Delete => {
                deletion::delete(&self.identity, &self.resources, claims, &self.managed_tags, self.adopted)
            }
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
/// `Gone` when the finalizer is removed, and Kubernetes deletes the network.
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
    let mut claims = object.claims();
    let accounts = accounts(object, &context.cluster, class.as_ref());
    let found = within_deadline(&context.settings, find(context, &accounts, &identity, &claims)).await;
    let found = match found {
        Err(failure)
            if failure.needs_person()
                && let Some((class, account)) = abandoned::allowed(class.as_ref(), &accounts) =>
        {
            return Err(abandoned::abandon(object, class, account).await);
        }
        found => found.map_err(|failure| unreachable(explained(failure, object, class.as_ref())))?,
    };
    // Status records the account before the first claim. Without an account, nothing was created.
    let Some((account, cloud, mut resources)) = found else {
        return Err(vpc_lease::release_with_finalizer(object).await);
    };
    if resources.any_held(&identity) {
        // All of the network's resources are in one account.
        object.record_account(&account);
    }
    claims.give_up_unusable(&identity);
    mark_stuck(object, context, key, &identity, &mut resources);
    settle(&mut claims, object, context, key, &identity, (&resources, began));

    let (policy, adopted) = policies(object, class.as_ref());
    object.addresses_are_deleted = policy == DeletionPolicy::Delete;
    let (managed_tags, transfer) = (object.managed_tags(), object.transfer(&context.cluster));
    let mut deleted = Deleted { identity, resources, policy, adopted, managed_tags, transfer };
    let mut outcome = carry_out(object, cloud.as_ref(), &mut claims, &mut deleted).await?;
    object.template = template_after(policy, object, cloud.as_ref(), context.settings.vpc_may_be_old()).await;
    object.write_claims(&claims);
    let is_done = outcome.plan.is_done() && outcome.failures.is_empty();
    if is_done && calls_may_arrive {
        // A resource that such a call creates is found by its tags, and deleted or retained, too.
        outcome.plan.blockers.extend(claims.groups().into_iter().map(|slot| Blocker::MayArrive { slot }));
    }
    if is_done && outcome.plan.is_done() && !outcome.changed && nothing_is_left(object, &deleted, &claims).await {
        return Err(vpc_lease::release_with_finalizer(object).await);
    }
    Ok(Ended { verdict: deleted.verdict(&outcome), steps: outcome.steps })
}

/// What is known about MGN's replication template when the resources of the network are deleted. It is read only if it may name
/// one of them: the group that the operator created for the replication servers.
async fn template_after<S: Store>(
    policy: DeletionPolicy,
    object: &NetworkObject<'_, S>,
    cloud: &impl Cloud,
    max_age: Duration,
) -> TemplateReport {
    let groups = object.created_replication_groups();
    match policy {
        DeletionPolicy::Retain => TemplateReport::Unchanged,
        DeletionPolicy::Delete if groups.is_empty() => TemplateReport::Absent,
        DeletionPolicy::Delete => {
            replication_template::report_of_deletion(&cloud.replication_templates(max_age).await, &groups)
        }
    }
}

/// Whether the finalizer may be removed: no owned resource exists, or all of them are retained. An event reports what is
/// retained, and a transfer that did not take place.
async fn nothing_is_left<S: Store>(object: &NetworkObject<'_, S>, deleted: &Deleted, claims: &Claims) -> bool {
    let Deleted { identity, resources, policy, adopted: _, managed_tags: _, transfer } = deleted;
    let announcement = match policy {
        DeletionPolicy::Retain => {
            let ids = resources.ids_held(identity);
            let of_whom = transfer.target().map(|cluster| format!(" for cluster {cluster}")).unwrap_or_default();
            let note = if ids.is_empty() {
                "no resources to retain".to_owned()
            } else {
                format!("retained in AWS{of_whom}: {}", ids.join(", "))
            };
            Announcement { warning: false, reason: "Retained".to_owned(), action: "Retain".to_owned(), note }
        }
        DeletionPolicy::Delete if !claims.all_resolved() || resources.any_held(identity) => return false,
        DeletionPolicy::Delete if *transfer == Transfer::None => return true,
        DeletionPolicy::Delete => Announcement {
            warning: true,
            reason: "TransferIgnored".to_owned(),
            action: "Delete".to_owned(),
            note: format!(
                "the resources are deleted, although the annotation {TRANSFER_ANNOTATION} is set, because `deletionPolicy` is \
                 'Delete'"
            ),
        },
    };
    tracing::info!(note = announcement.note, "the network is deleted");
    object.store.announce(&object.network, announcement).await;
    true
}

/// The accounts that may hold the network's resources: the one recorded in status, and the one that the class names
/// now. They differ if the class was created again, or if status was edited.
///
/// An explicit external ID is only in the class, unless an earlier version has recorded it. So the class's own account
/// stands for a recorded one that differs only in how the role is assumed.
fn accounts<S: Store>(
    object: &NetworkObject<'_, S>,
    cluster: &str,
    class: Option<&MigrationNetworkClass>,
) -> Vec<Account> {
    let status = object.network.status.as_ref();
    let has_external_id = status.and_then(|status| status.account.as_ref()?.external_id.as_ref()).is_some();
    let of_class = class.map(|class| resolve::account(cluster, class));
    let recorded = status.and_then(|status| resolve::recorded_account(cluster, status));
    let recorded = recorded.filter(|recorded| {
        !of_class.as_ref().is_some_and(|of_class| !has_external_id && same_role(recorded, of_class))
    });
    let of_class = of_class.filter(|account| Some(account) != recorded.as_ref());
    recorded.into_iter().chain(of_class).collect()
}

/// Whether both name the same account, Region and role.
fn same_role(one: &Account, other: &Account) -> bool {
    let arn = |account: &Account| account.role.as_ref().map(|role| role.arn.clone());
    one.id == other.id && one.region == other.region && arn(one) == arn(other)
}

/// The account in which the network owns resources, or else the first account that could be searched. None if
/// `accounts` is empty.
///
/// # Errors
/// If no owned resource was found, and one of the accounts and Regions could not be searched.
async fn find<C: Clouds, S>(
    context: &Context<C, S>,
    accounts: &[Account],
    identity: &Identity,
    claims: &Claims,
) -> Result<Option<(Account, Arc<C::Cloud>, Resources)>, CallFailure> {
    let (mut empty, mut searched, mut failures) = (None, Vec::new(), Vec::new());
    for account in accounts {
        let account_region = (&account.id, &account.region);
        match find_owned(context, account, identity, claims).await {
            Ok((cloud, resources)) if resources.any_held(identity) => {
                return Ok(Some((account.clone(), cloud, resources)));
            }
            Ok((cloud, resources)) => {
                searched.push(account_region);
                empty.get_or_insert((account.clone(), cloud, resources));
            }
            Err(failure) => failures.push((account_region, failure)),
        }
    }
    match failures.into_iter().find(|(account_region, _)| !searched.contains(account_region)) {
        Some((_, failure)) => Err(failure),
        None => Ok(empty),
    }
}

/// The policies for the network's resources, and for adopted ones: from the spec, or else from the class, within the class's
/// limits. Without a class, the policies that were in effect when both were last read and accepted.
fn policies<S: Store>(
    object: &NetworkObject<'_, S>,
    class: Option<&MigrationNetworkClass>,
) -> (DeletionPolicy, AdoptedDeletionPolicy) {
    let spec = &object.network.spec;
    let settings = object.network.status.as_ref().and_then(|status| status.settings.as_ref());
    let all = settings.and_then(|settings| settings.deletion_policy);
    let adopted = settings.and_then(|settings| settings.adopted_deletion_policy);
    let Some(class) = class else {
        let all = spec.deletion_policy.or(all).unwrap_or_default();
        return (all, spec.adopted_deletion_policy.or(adopted).unwrap_or_default());
    };
    let allowed = class.spec.limits.as_ref();
    let allowed_for_all = allowed.and_then(|limits| limits.deletion_policies.as_ref());
    let allowed_for_adopted = allowed.and_then(|limits| limits.adopted_deletion_policies.as_ref());
    (
        limits::on_deletion(deletion_policy(spec, Some(&class.spec)), all, allowed_for_all),
        limits::on_deletion(adopted_deletion_policy(spec, Some(&class.spec)), adopted, allowed_for_adopted),
    )
}

/// The failure, with the remedy if the role is denied because its external ID was only in a class that is gone.
fn explained<S>(
    failure: CallFailure,
    object: &NetworkObject<'_, S>,
    class: Option<&MigrationNetworkClass>,
) -> CallFailure {
    let name = object.network.status.as_ref().and_then(|status| status.class_name.as_deref());
    match (class, name) {
        (None, Some(name)) if failure.is_of_role() => {
            let message = format!(
                "{}; class '{name}' does not exist: ask the platform team to create it again, with its `externalID` if it \
                 had one",
                failure.message
            );
            CallFailure { message, ..failure }
        }
        _ => failure,
    }
}

/// The verdict while the accounts that may hold resources cannot be observed.
fn unreachable(failure: CallFailure) -> Stop {
    let failures = vec![StepFailure { slots: Vec::new(), failure }];
    Verdict::Deleting { plan: Plan::default(), failures, changed: false }.into()
}
