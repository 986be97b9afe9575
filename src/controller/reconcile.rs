//! One reconcile of one network: read afresh, resolve the class, observe, plan, carry out, tell.

use std::{collections::BTreeSet, time::Duration};

use kube::ResourceExt;

use super::{
    backoff::jittered,
    class,
    context::Context,
    events,
    steps::Outcome,
    store::{Key, Store, StoreError},
};
use crate::{
    api::{AccountStatus, FINALIZER, MigrationNetwork, MigrationNetworkClass, MigrationNetworkStatus, Reason},
    aws::{Account, Cloud, Clouds, Scope},
    model::{
        claims::Claims,
        desired::Desired,
        ids::VpcId,
        observed::{Observed, Resources},
        owner::Identity,
        plan::{Blocker, Plan, plan},
        report,
        settings::Settings,
        status::{self, Verdict},
        step::Step,
    },
};

/// Why a reconcile could not end with a verdict. All of these are tried again.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The Kubernetes API did not let it read or write.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// When to look again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// After this time.
    After(Duration),
    /// Only when the object changes.
    OnChange,
}

/// The network that a reconcile works on: as it was read, with the status as it is being written.
pub(super) struct Subject<'a, S> {
    pub(super) network: MigrationNetwork,
    /// The status as the API server has it.
    pub(super) stored: Option<MigrationNetworkStatus>,
    pub(super) store: &'a S,
    pub(super) now: jiff::Timestamp,
}

/// How a reconcile ended, and the steps that it carried out, as lines.
pub(super) type Ending = (Verdict, Vec<String>);

/// Reconciles one network.
///
/// # Errors
/// If the Kubernetes API could not be read or written.
pub async fn reconcile<C: Clouds, S: Store>(context: &Context<C, S>, key: &Key) -> Result<Next, Error> {
    let Some(network) = context.store.network(key).await? else {
        context.forget(key);
        return Ok(Next::OnChange);
    };
    let stored = network.status.clone();
    let mut subject = Subject { network, stored, store: &context.store, now: context.now() };
    let (verdict, done) = if subject.network.metadata.deletion_timestamp.is_none() {
        subject.build(context, key).await?
    } else {
        let Some(ending) = super::teardown::tear_down(&mut subject, context, key).await? else {
            context.forget(key);
            return Ok(Next::OnChange);
        };
        ending
    };
    subject.conclude(&verdict).await?;
    Ok(next(context, key, &subject.uid(), &verdict, &done))
}

impl<S: Store> Subject<'_, S> {
    /// Builds and keeps what the network asks for.
    async fn build<C: Clouds>(&mut self, context: &Context<C, S>, key: &Key) -> Result<Ending, Error> {
        let class = match class::resolve(self.store, &self.network).await? {
            Ok(class) => class,
            Err(rejected) => return Ok((rejected, Vec::new())),
        };
        let settings = match Settings::parse(&self.network.spec, &class.spec) {
            Ok(settings) => settings,
            Err(errors) => return Ok((class::invalid_spec(&errors), Vec::new())),
        };
        let account = class::account(&class.spec);
        if let Some(rejected) = self.has_moved(&account) {
            return Ok((rejected, Vec::new()));
        }
        self.record(&class, &account);

        let cloud = match context.clouds.connect(&account).await {
            Ok(cloud) => cloud,
            Err(failure) => return Ok((Verdict::Unseen(failure), Vec::new())),
        };
        let identity = self.identity(&context.cluster);
        let scope = Scope { vpc: settings.vpc.clone(), subnets: settings.named_subnets(), identity: identity.clone() };
        let mut observed = match cloud.observe(&scope).await {
            Ok(observed) => observed,
            Err(failure) => return Ok((Verdict::Unseen(failure), Vec::new())),
        };
        let mut claims = self.claims();
        // Where its own resources are seen, the network is, whatever status says.
        let pinned = self.pinned_vpc(&claims).filter(|_| !observed.resources.any_held(&identity));
        let desired = match Desired::resolve(identity, &settings, pinned.as_ref(), &observed) {
            Ok(desired) => desired,
            Err(findings) => return Ok((Verdict::Unfit(findings), Vec::new())),
        };
        self.settle(context, key, &mut claims, &desired.identity, &observed.resources);

        let managed = self.managed_tags();
        let planner = |resources: &Resources, claims: &Claims| plan(&desired, resources, claims, &managed);
        let mut outcome = if self.is_suspended() {
            Outcome { plan: planner(&observed.resources, &claims), ..Outcome::default() }
        } else {
            self.network_mut_status().vpc_id = Some(desired.vpc.to_string());
            if !planner(&observed.resources, &claims).steps.is_empty() {
                self.hold().await?;
            }
            let mut resources = std::mem::take(&mut observed.resources);
            let say = |plan: &Plan, resources: &Resources| {
                let seen = Observed { resources: resources.clone(), ..observed.clone() };
                built(&desired, &seen, Outcome { plan: plan.clone(), changed: true, ..Outcome::default() })
            };
            let outcome = self.carry_out(cloud.as_ref(), &mut claims, &mut resources, planner, say).await?;
            observed.resources = resources;
            outcome
        };
        let settled = !outcome.changed && !outcome.plan.steps.iter().any(is_tag_step);
        let status = self.network_mut_status();
        report::write(status, &settings, &desired, &observed, settled);
        self.write_claims(&claims);
        let done = std::mem::take(&mut outcome.done);
        Ok((built(&desired, &observed, outcome), done))
    }

    /// A class that was deleted and made again may name another account or Region. What the network has made stays where
    /// it is, and must not be made a second time elsewhere.
    fn has_moved(&self, account: &Account) -> Option<Verdict> {
        let status = self.network.status.as_ref()?;
        let (recorded, region) = (status.account.as_ref()?, status.region.as_ref()?);
        let same = recorded.id == account.id && *region == account.region;
        (!same && !self.claims().all_resolved()).then(|| Verdict::Rejected {
            reason: Reason::InvalidClass,
            message: format!(
                "the class now names account {} in {}, and what the network has made is in account {} in {region}; delete the \
                 network, or have the class put right",
                account.id, account.region, recorded.id
            ),
        })
    }

    /// Puts down where the network is and as whom it is reached, so that deletion needs neither spec nor class.
    fn record(&mut self, class: &MigrationNetworkClass, account: &Account) {
        let status = self.network_mut_status();
        status.class_name = Some(class.name_any());
        status.observed_class_generation = class.metadata.generation;
        status.region = Some(account.region.clone());
        status.account = Some(AccountStatus {
            id: account.id.clone(),
            role_arn: account.role_arn.clone(),
            external_id: account.external_id.clone(),
        });
    }

    /// Takes the finalizer, before anything is written to AWS.
    async fn hold(&mut self) -> Result<(), Error> {
        if self.network.finalizers().iter().any(|finalizer| finalizer == FINALIZER) {
            return Ok(());
        }
        let held = self.store.set_finalizer(&self.network, true).await?.ok_or(StoreError::Gone)?;
        self.network.metadata = held.metadata;
        Ok(())
    }

    /// Takes observation into the claims, those that are overdue included.
    pub(super) fn settle<C>(
        &self,
        context: &Context<C, S>,
        key: &Key,
        claims: &mut Claims,
        identity: &Identity,
        resources: &Resources,
    ) {
        claims.settle(identity, resources, &BTreeSet::new());
        let overdue = context.overdue(key, &self.uid(), &claims.missing(identity, resources));
        if !overdue.is_empty() {
            claims.settle(identity, resources, &overdue);
        }
    }

    /// Stores the claims before the calls that they are for, with conditions that hold meanwhile.
    pub(super) async fn store_claims(&mut self, claims: &Claims, verdict: &Verdict) -> Result<(), Error> {
        self.write_claims(claims);
        self.write_verdict(verdict);
        self.save().await
    }

    /// Writes the status, once, if it differs from what is stored; and tells of transitions.
    pub(super) async fn conclude(&mut self, verdict: &Verdict) -> Result<(), Error> {
        self.write_verdict(verdict);
        if self.network.status == self.stored {
            return Ok(());
        }
        let before = self.stored.take();
        self.save().await?;
        for announcement in events::of_transition(before.as_ref(), self.stored.as_ref()) {
            self.store.announce(&self.network, announcement).await;
        }
        Ok(())
    }

    async fn save(&mut self) -> Result<(), Error> {
        let written = self.store.write_status(&self.network).await?;
        self.network.metadata = written.metadata;
        self.network.status.clone_from(&written.status);
        self.stored = written.status;
        Ok(())
    }

    fn write_verdict(&mut self, verdict: &Verdict) {
        let generation = self.network.metadata.generation.unwrap_or_default();
        let (suspended, now) = (self.is_suspended(), self.now);
        let status = self.network_mut_status();
        status.observed_generation = generation;
        status::write(&mut status.conditions, verdict, suspended, generation, now);
    }

    pub(super) fn write_claims(&mut self, claims: &Claims) {
        let uid = self.uid();
        self.network_mut_status().claims = claims.to_status(&uid);
    }

    pub(super) fn claims(&self) -> Claims {
        self.network.status.as_ref().map(|status| Claims::from_status(&status.claims)).unwrap_or_default()
    }

    pub(super) fn identity(&self, cluster: &str) -> Identity {
        Identity {
            uid: self.uid(),
            namespace: self.network.namespace().unwrap_or_default(),
            name: self.network.name_any(),
            cluster: cluster.to_owned(),
        }
    }

    pub(super) fn network_mut_status(&mut self) -> &mut MigrationNetworkStatus {
        self.network.status.get_or_insert_default()
    }

    /// The VPC that holds resources of the network, or may.
    fn pinned_vpc(&self, claims: &Claims) -> Option<VpcId> {
        let vpc = self.network.status.as_ref()?.vpc_id.as_deref()?;
        (!claims.all_resolved()).then(|| vpc.into())
    }

    /// Keys of user tags that this operator has set.
    fn managed_tags(&self) -> BTreeSet<String> {
        let settings = self.network.status.as_ref().and_then(|status| status.settings.as_ref());
        settings.map(|settings| settings.tags.keys().cloned().collect()).unwrap_or_default()
    }

    /// Suspension stops writes to AWS, never deletion.
    fn is_suspended(&self) -> bool {
        self.network.spec.suspend == Some(true) && self.network.metadata.deletion_timestamp.is_none()
    }
}

fn built(desired: &Desired, observed: &Observed, outcome: Outcome) -> Verdict {
    let Outcome { plan, failures, changed, done: _ } = outcome;
    Verdict::Built {
        plan,
        failures,
        changed,
        resolver: desired.resolver.is_some(),
        endpoints: report::endpoints_available(desired, observed),
        foreign_rules: report::foreign_rules(desired, observed),
    }
}

const fn is_tag_step(step: &Step) -> bool {
    matches!(step, Step::SetTags { .. } | Step::RemoveTags { .. })
}

/// When to look again, by how it went.
fn next<C, S>(context: &Context<C, S>, key: &Key, uid: &str, verdict: &Verdict, done: &[String]) -> Next {
    let settings = &context.settings;
    let after_failure = |needs_somebody: bool| {
        let delay = context.delay_after_failure(key, uid);
        // What somebody has to mend is looked at in the usual rhythm; it may be mended in AWS alone.
        if needs_somebody { delay.max(jittered(settings.resync)) } else { delay.min(settings.resync) }
    };
    Next::After(match verdict {
        Verdict::Rejected { .. } | Verdict::Unfit(_) => jittered(settings.resync),
        Verdict::Unseen(failure) => after_failure(failure.class.needs_somebody()),
        Verdict::Broken(_) => after_failure(false),
        Verdict::Built { failures, .. } | Verdict::Deleting { failures, .. } if !failures.is_empty() => {
            after_failure(failures.iter().all(|failed| failed.failure.class.needs_somebody()))
        }
        Verdict::Built { .. } | Verdict::Deleting { .. } if context.goes_in_circles(key, uid, done) => {
            tracing::warn!(steps = done.join("; "), "these were done before, and AWS does not keep them");
            after_failure(false)
        }
        Verdict::Built { plan, changed, .. } | Verdict::Deleting { plan, changed, .. } => {
            if plan.is_done() && !changed {
                context.at_rest(key, uid);
                jittered(settings.resync)
            } else if plan.blockers.is_empty() {
                // Only another look is wanting.
                jittered(settings.poll / 5)
            } else if plan.blockers.iter().all(|blocker| matches!(blocker, Blocker::InUse { .. })) {
                // Interfaces of endpoints that are gone follow within seconds; a stranger's stays until somebody acts.
                after_failure(false)
            } else if plan.blockers.iter().all(needs_somebody) {
                context.went_well(key, uid);
                jittered(settings.resync)
            } else {
                jittered(settings.poll)
            }
        }
    })
}

const fn needs_somebody(blocker: &Blocker) -> bool {
    match blocker {
        Blocker::Failed { .. } | Blocker::NotOwned { .. } | Blocker::InUse { .. } => true,
        Blocker::UnderWay { .. } | Blocker::NotVisible { .. } | Blocker::Awaits { .. } => false,
    }
}
