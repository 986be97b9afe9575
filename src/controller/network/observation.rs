//! Observes a network's AWS account, and settles the claims that the observation answers.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use tokio::time::Instant;

use super::{gather::Inputs, object::NetworkObject};
use crate::{
    aws::{Cloud, Clouds, Scope},
    controller::{
        class::limits,
        context::{Context, Settings},
        stop::Stop,
        store::{Key, Store},
    },
    model::{
        claims::Claims,
        desired::Desired,
        failure::{CallFailure, FailureClass},
        ids::VpcId,
        observed::{Observed, Resources},
        ownership::Identity,
        plan::plan,
    },
};

/// A complete observation of a network, and when it began.
pub(crate) struct Observation<C> {
    pub(crate) cloud: Arc<C>,
    pub(crate) identity: Identity,
    pub(crate) observed: Observed,
    pub(crate) claims: Claims,
    /// The VPC that holds resources of the network, or may hold them, according to status. None if owned resources were
    /// observed: their VPC takes precedence over status.
    pub(crate) pinned_vpc: Option<VpcId>,
    began: Instant,
}

/// Connects to the account and observes the VPC.
///
/// # Errors
/// If the observation of AWS is incomplete, or the class does not admit the VPC that the selector matches.
pub(crate) async fn observe<C: Clouds, S: Store>(
    object: &NetworkObject<'_, S>,
    context: &Context<C, S>,
    key: &Key,
    inputs: &Inputs,
) -> Result<Observation<C::Cloud>, Stop> {
    let identity = object.identity(&context.cluster);
    let claims = object.claims();
    let afresh = context.memories.reads_afresh(key, &identity.uid);
    let recent = if afresh { Duration::ZERO } else { context.settings.vpc_may_be_old() };
    let scope = Scope {
        template_fits: object.template_fits() && !afresh,
        ..Scope::of(&inputs.settings, &identity, &claims, object.fits() && !afresh, recent)
    };
    let (cloud, began, observed) = within_deadline(&context.settings, async {
        let cloud = context.clouds.connect(&inputs.account).await?;
        let began = Instant::now();
        let observed = cloud.observe(&scope).await?;
        Ok((cloud, began, observed))
    })
    .await?;
    context.memories.observed(key, &identity.uid);
    context.metrics.per_network.observed(key, object.now);
    let pinned_vpc = object.pinned_vpc(&claims).filter(|_| !observed.resources.any_held(&identity));
    if let [vpc] = &*observed.vpcs {
        limits::check_vpc(&inputs.limits, &vpc.id)?;
    }
    Ok(Observation { cloud, identity, observed, claims, pinned_vpc, began })
}

/// Limits the time of an observation. One that takes too long fails like a call without an answer: the network counts as
/// not observed, instead of broken.
pub(crate) async fn within_deadline<T>(
    settings: &Settings,
    observation: impl Future<Output = Result<T, CallFailure>>,
) -> Result<T, CallFailure> {
    let deadline = settings.observation_deadline();
    tokio::time::timeout(deadline, observation).await.unwrap_or_else(|_| {
        Err(CallFailure {
            class: FailureClass::Unanswered,
            operation: "observation of AWS".to_owned(),
            code: "Timeout".to_owned(),
            message: format!("not complete after {} s; retrying", deadline.as_secs()),
            request_id: None,
        })
    })
}

impl<C> Observation<C> {
    /// Whether the network has resources in AWS, or may have them.
    pub(crate) fn is_established(&self) -> bool {
        self.observed.resources.any_held(&self.identity) || !self.claims.all_resolved()
    }

    /// Settles the claims from the observation.
    pub(crate) fn settle_claims<D, S: Store>(
        &mut self,
        object: &NetworkObject<'_, S>,
        context: &Context<D, S>,
        key: &Key,
    ) {
        mark_stuck(object, context, key, &self.identity, &mut self.observed.resources);
        settle(&mut self.claims, object, context, key, &self.identity, (&self.observed.resources, self.began));
    }

    /// Records what others have added to adopted resources since the network was last in sync with the same desired state:
    /// everything that the plan would remove from them.
    pub(crate) fn record_additions_of_others<S: Store>(&mut self, object: &NetworkObject<'_, S>, desired: &Desired) {
        if !object.was_in_sync_with(desired) {
            return;
        }
        let managed = object.managed_tags();
        // Each plan contains only the next removal.
        while self.claims.absorb(&plan(desired, &self.observed.resources, &self.claims, &managed).steps) {}
    }
}

/// Marks the Resolver endpoints whose deletion takes too long.
pub(crate) fn mark_stuck<C, S: Store>(
    object: &NetworkObject<'_, S>,
    context: &Context<C, S>,
    key: &Key,
    identity: &Identity,
    resources: &mut Resources,
) {
    let deleting = resources.resolvers_being_deleted(identity);
    resources.stuck_resolvers = context.memories.stuck(key, &object.uid(), &deleting);
}

/// Settles the claims from resources that were observed from `began` on. A resource that was absent for the whole
/// grace counts as deleted.
pub(crate) fn settle<C, S: Store>(
    claims: &mut Claims,
    object: &NetworkObject<'_, S>,
    context: &Context<C, S>,
    key: &Key,
    identity: &Identity,
    (resources, began): (&Resources, Instant),
) {
    claims.settle(identity, resources, &BTreeSet::new());
    let overdue = context.memories.overdue(key, &object.uid(), &claims.absent(identity, resources), began);
    if !overdue.is_empty() {
        claims.settle(identity, resources, &overdue);
    }
}
