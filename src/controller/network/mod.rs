//! One reconcile of one network: read afresh, resolve the class, observe, plan, carry out, tell.

pub(crate) mod apply;
pub(crate) mod deletion;
pub(crate) mod events;
pub(crate) mod object;
pub(crate) mod preview;
pub(crate) mod requeue;
pub(crate) mod vpc_lease;

use tokio::time::Instant;

use crate::{
    api::{ManagementPolicy, MigrationNetworkClass},
    aws::{Cloud, Clouds, Scope},
    controller::{
        class::{self, limits, usage},
        context::Context,
        network::{
            apply::{Outcome, carry_out},
            object::Subject,
            requeue::{Ending, Error, Next, next},
        },
        store::{Key, Store},
    },
    model::{
        claims::Claims,
        desired::Desired,
        observed::{Observed, Resources},
        plan::{Plan, plan, step::Step},
        settings::{
            Settings,
            endpoints::{ConfigMapKeys, policy_references},
        },
        status::{conditions::Verdict, inventory},
    },
};

/// Reconciles one network.
///
/// # Errors
/// If the Kubernetes API could not be read or written.
pub async fn reconcile<C: Clouds, S: Store>(context: &Context<C, S>, key: &Key) -> Result<Next, Error> {
    let Some(network) = context.store.network(key).await? else {
        context.forget(key);
        return Ok(Next::OnChange);
    };
    let mut subject = Subject::new(network, &context.store, context.now());
    let (verdict, done) = if subject.network.metadata.deletion_timestamp.is_none() {
        build(&mut subject, context, key).await?
    } else {
        let Some(ending) = deletion::tear_down(&mut subject, context, key).await? else {
            context.forget(key);
            return Ok(Next::OnChange);
        };
        ending
    };
    preview::drop_if_void(&mut subject, &verdict);
    subject.conclude(&verdict).await?;
    Ok(next(context, key, &subject, &verdict, &done))
}

/// Builds and keeps what the network asks for.
async fn build<C: Clouds, S: Store>(
    subject: &mut Subject<'_, S>,
    context: &Context<C, S>,
    key: &Key,
) -> Result<Ending, Error> {
    if !subject.claims().all_resolved() {
        // Whoever may edit a network may take its finalizer, and its deletion would then leave everything in AWS.
        subject.hold().await?;
    }
    let class = match class::resolve(subject.store, &subject.network).await? {
        Ok(class) => class,
        Err(rejected) => return Ok((rejected, Vec::new())),
    };
    let mut config_maps = ConfigMapKeys::new();
    for (name, key_in_map) in policy_references(&subject.network.spec, &class.spec) {
        if let Some(text) = context.store.config_map_key(&key.namespace, &name, &key_in_map).await? {
            config_maps.insert((name, key_in_map), text);
        }
    }
    let mut settings = match Settings::parse(&subject.network.spec, &class.spec, &config_maps) {
        Ok(settings) => settings,
        Err(errors) => return Ok((class::invalid_spec(&errors), Vec::new())),
    };
    settings.address_changes = subject.address_changes();
    preview::drop_unless_planning(subject, &settings);
    let account = class::account(&class.spec);
    if let Some(rejected) = subject.has_moved(&account)
        && !deletion::is_there(context, &account, &subject.identity(&context.cluster)).await
    {
        return Ok((rejected, Vec::new()));
    }
    subject.record(&class, &account);
    if let Some(rejected) = limits::of_settings(subject, &class, &settings).await? {
        return Ok((rejected, Vec::new()));
    }

    let cloud = match context.clouds.connect(&account).await {
        Ok(cloud) => cloud,
        Err(failure) => return Ok((Verdict::Unseen(failure), Vec::new())),
    };
    let identity = subject.identity(&context.cluster);
    let scope = Scope::of(&settings, &identity, subject.fits(), context.settings.resync / 2);
    let began = Instant::now();
    let mut observed = match cloud.observe(&scope).await {
        Ok(observed) => observed,
        Err(failure) => return Ok((Verdict::Unseen(failure), Vec::new())),
    };
    let mut claims = subject.claims();
    // Where its own resources are seen, the network is, whatever status says.
    let pinned = subject.pinned_vpc(&claims).filter(|_| !observed.resources.any_held(&identity));
    if let [vpc] = &*observed.vpcs
        && let Some(rejected) = limits::of_vpc(&class, &vpc.id)
    {
        return Ok((rejected, Vec::new()));
    }
    let claim = match &*observed.vpcs {
        // A network that would be built elsewhere than it is, is told so instead. One that is suspended writes nothing, and
        // must not be shown what another has in the VPC.
        [vpc] if pinned.as_ref().is_none_or(|pinned| *pinned == vpc.id) => {
            match vpc_lease::look(subject, &account, &vpc.id).await? {
                Ok(claim) => Some(claim),
                Err(verdict) => return Ok((verdict, Vec::new())),
            }
        }
        _ => None,
    };
    let stands_there = observed.resources.any_held(&identity) || !claims.all_resolved();
    let desired = match Desired::resolve(identity, &settings, pinned.as_ref(), &observed) {
        Ok(desired) => desired,
        Err(findings) => {
            if let Some(claim) = &claim
                && let Some(verdict) = vpc_lease::gives_way(subject, context, claim, stands_there).await?
            {
                return Ok((verdict, Vec::new()));
            }
            subject.status_mut().preflight_warnings = inventory::warnings(&findings);
            return Ok((Verdict::Unfit(findings), Vec::new()));
        }
    };
    subject.status_mut().preflight_warnings = inventory::warnings(&desired.warnings);
    subject.settle(context, key, &mut claims, &desired.identity, (&observed.resources, began));

    if let Some(rejected) = limits::of_services(&class, &desired) {
        return Ok((rejected, Vec::new()));
    }
    let (verdict, done) = match settings.management {
        ManagementPolicy::Plan => {
            let verdict = preview::look_ahead(subject, &settings, &desired, &observed, &claims).await?;
            (verdict, Vec::new())
        }
        ManagementPolicy::Enforce => {
            if let Some(claim) = claim.filter(|_| !subject.is_suspended()) {
                let established = observed.resources.any_held(&desired.identity) || !claims.all_resolved();
                if let Some(verdict) = vpc_lease::hold(subject, context, &class, claim, established).await? {
                    subject.write_claims(&claims);
                    return Ok((verdict, Vec::new()));
                }
            }
            enforce(subject, cloud.as_ref(), &class, &settings, &desired, &mut observed, &mut claims).await?
        }
    };
    if let Verdict::Built { plan, failures, changed: false, .. } = &verdict
        && plan.is_done()
        && failures.is_empty()
    {
        subject.status_mut().in_sync_with = Some(crate::model::preview::status::digest(&desired));
    }
    Ok((verdict, done))
}

/// Carries out what is planned, unless the network is suspended.
async fn enforce<S: Store>(
    subject: &mut Subject<'_, S>,
    cloud: &impl Cloud,
    class: &MigrationNetworkClass,
    settings: &Settings,
    desired: &Desired,
    observed: &mut Observed,
    claims: &mut Claims,
) -> Result<Ending, Error> {
    let managed = subject.managed_tags();
    let planner = |resources: &Resources, claims: &Claims| plan(desired, resources, claims, &managed);
    let mut outcome = if subject.is_suspended() {
        Outcome { plan: planner(&observed.resources, claims), ..Outcome::default() }
    } else {
        if !planner(&observed.resources, claims).steps.is_empty()
            && let Some(rejected) = usage::hold(subject, class).await?
        {
            return Ok((rejected, Vec::new()));
        }
        let mut resources = std::mem::take(&mut observed.resources);
        let say = |plan: &Plan, resources: &Resources| {
            let seen = Observed { resources: resources.clone(), ..observed.clone() };
            built(desired, &seen, Outcome { plan: plan.clone(), changed: true, ..Outcome::default() })
        };
        let outcome = carry_out(subject, cloud, claims, &mut resources, planner, say).await?;
        observed.resources = resources;
        outcome
    };
    let settled = !outcome.changed && !outcome.plan.steps.iter().any(is_tag_step);
    let status = subject.status_mut();
    inventory::write(status, settings, desired, observed, settled);
    subject.write_claims(claims);
    let done = std::mem::take(&mut outcome.done);
    Ok((built(desired, observed, outcome), done))
}

fn built(desired: &Desired, observed: &Observed, outcome: Outcome) -> Verdict {
    let Outcome { plan, failures, changed, done: _ } = outcome;
    Verdict::Built {
        plan,
        failures,
        changed,
        resolver: desired.resolver.is_some(),
        endpoints: inventory::endpoints_available(desired, observed),
        foreign_rules: inventory::foreign_rules(desired, observed),
    }
}

pub(crate) const fn is_tag_step(step: &Step) -> bool {
    matches!(step, Step::SetTags { .. } | Step::RemoveTags { .. })
}
