//! The network object of a reconcile: its content, and every write to it.

use std::collections::BTreeSet;

use kube::{Resource, ResourceExt};

use super::events;
use crate::{
    api::{
        ADDRESS_CHANGE_ANNOTATION, AccountStatus, ConditionType, FINALIZER, GroupRole, ManagementPolicy,
        MigrationNetwork, MigrationNetworkClass, MigrationNetworkStatus, ON_PREMISES_DONE_ANNOTATION, Origin, Reason,
        TRANSFER_ANNOTATION, Toggle,
        conditions::{find, is_true},
    },
    aws::Account,
    controller::{
        class::{finalizer, usage},
        context::Context,
        reconcile_request,
        runtime::metrics::{ObjectKind, Reconciles},
        stop::Stop,
        store::{Announcement, Key, Store, StoreError},
    },
    model::{
        adoptions::Adoptions,
        claims::Claims,
        desired::Desired,
        ids::{SecurityGroupId, VpcId},
        on_premises::{self, Facts},
        ownership::Identity,
        preview::status::digest,
        replication_template::TemplateReport,
        settings::{AddressChanges, address_changes},
        status::{Verdict, conditions},
        transfer::Transfer,
    },
    text::shorten,
};

/// The network as it was read, with the status that is being prepared.
pub(crate) struct NetworkObject<'a, S> {
    pub(crate) network: MigrationNetwork,
    /// The status that the API server has stored.
    pub(crate) stored: Option<MigrationNetworkStatus>,
    /// What this reconcile knows about MGN's replication template.
    pub(crate) template: TemplateReport,
    /// Whether the class enables a ConfigMap with the hand-off. None if this reconcile has not read the class.
    pub(crate) config_map: Option<Toggle>,
    /// Whether a deletion removes the network's addresses, as far as this reconcile or an earlier one has found out.
    pub(crate) addresses_are_deleted: bool,
    pub(crate) store: &'a S,
    pub(crate) now: jiff::Timestamp,
    reconciles: &'a Reconciles,
}

impl<'a, S: Store> NetworkObject<'a, S> {
    /// Wraps a network that was just read.
    pub(crate) fn new<C>(network: MigrationNetwork, context: &'a Context<C, S>) -> Self {
        let stored = network.status.clone();
        let (template, reconciles) = (TemplateReport::default(), &context.metrics.reconciles);
        let conditions = stored.as_ref().map_or(&[][..], |status| &status.conditions);
        let current = find(conditions, ConditionType::OnPremisesCurrent);
        let addresses_are_deleted = network.metadata.deletion_timestamp.is_some()
            && current.is_some_and(|current| current.reason == Reason::Deleting.as_str());
        let (store, now) = (&context.store, context.now());
        Self { network, stored, template, config_map: None, addresses_are_deleted, store, now, reconciles }
    }

    /// The network's UID. Every stored object has one.
    pub(crate) fn uid(&self) -> String {
        self.network.meta().uid.clone().unwrap_or_default()
    }

    /// The network's namespace and name.
    pub(crate) fn key(&self) -> Key {
        Key::of(self.network.meta())
    }

    /// Whether the object is being deleted.
    pub(crate) fn is_being_deleted(&self) -> bool {
        self.network.metadata.deletion_timestamp.is_some()
    }

    /// Rejects a network whose class names another account or Region than the one that holds the network's resources.
    /// This happens if the class was deleted and created again. The resources stay there, and are not created a second
    /// time.
    pub(crate) fn moved_to(&self, account: &Account) -> Option<Stop> {
        let status = self.network.status.as_ref()?;
        let (recorded, region) = (status.account.as_ref()?, status.region.as_ref()?);
        let same = recorded.id == account.id && *region == account.region;
        (!same && !self.claims().all_resolved()).then(|| {
            let message = format!(
                "the class names account {} in {}, but the network's resources are in account {} in {region}; delete \
                 the network, or ask the platform team to correct the class",
                account.id, account.region, recorded.id
            );
            Stop::rejected(Reason::InvalidClass, message)
        })
    }

    /// Records the class, the account, the Region and the role in status, so that deletion needs neither spec nor
    /// class.
    pub(crate) fn record(&mut self, class: &MigrationNetworkClass, account: &Account) {
        let status = self.status_mut();
        status.class_name = Some(class.name_any());
        status.observed_class_generation = class.metadata.generation;
        status.region = Some(account.region.clone());
        // Without the external ID: tenants can read the status, and the class has it, or it is derived.
        status.account = Some(recorded(account));
    }

    /// Removes the plan from status, unless `managementPolicy` is 'Plan'.
    pub(crate) fn drop_plan_unless_planning(&mut self, management: ManagementPolicy) {
        match management {
            ManagementPolicy::Plan => {}
            ManagementPolicy::Enforce => self.status_mut().plan = None,
        }
    }

    /// Records another account, Region or role in which a deletion has found the resources. The recorded external ID stays
    /// otherwise: the class may be gone, or name another one.
    pub(crate) fn record_account(&mut self, account: &Account) {
        let status = self.status_mut();
        let known = status.account.as_ref().map(|known| AccountStatus { external_id: None, ..known.clone() });
        if known != Some(recorded(account)) || status.region.as_ref() != Some(&account.region) {
            status.region = Some(account.region.clone());
            status.account = Some(recorded(account));
        }
    }

    /// Adds the finalizer again to a network that may have resources in AWS. Users who may edit a network may also
    /// remove its finalizer, and deleting the network would then orphan all of its resources.
    pub(crate) async fn restore_finalizer(&mut self) -> Result<(), StoreError> {
        if self.claims().all_resolved() { Ok(()) } else { self.hold().await }
    }

    /// Adds the finalizer. It is called before the first write to AWS.
    pub(crate) async fn hold(&mut self) -> Result<(), StoreError> {
        if self.is_held() {
            return Ok(());
        }
        let held = self.store.set_finalizer(&self.network, true).await?.ok_or(StoreError::Gone)?;
        self.network.metadata = held.metadata;
        Ok(())
    }

    /// Adds the finalizers of the network and of its class, before the network's first write to AWS.
    ///
    /// # Errors
    /// If the class is being deleted or does not exist. In this case nothing may be created.
    pub(crate) async fn hold_with_class(&mut self, class: &MigrationNetworkClass) -> Result<(), Stop> {
        self.hold().await?;
        if usage::may_have_resources(&self.network) {
            return Ok(());
        }
        let class = class.name_any();
        let kept = async {
            finalizer::keep(self.store, &class).await?;
            self.store_admission().await?;
            finalizer::keep(self.store, &class).await
        };
        let kept = kept.await;
        if let Err(Stop::Verdict(_)) = &kept {
            // Nothing was created.
            self.let_go().await?;
        }
        kept
    }

    /// Stores that the class admits the network, which makes the network count as one that uses the class.
    async fn store_admission(&mut self) -> Result<(), StoreError> {
        let stored = self.stored.as_ref();
        if stored.is_some_and(|status| is_true(&status.conditions, ConditionType::Accepted)) {
            return Ok(());
        }
        self.write_verdict(&Verdict::Admitted);
        self.save().await
    }

    /// Whether the network has the operator's finalizer, and may therefore have resources in AWS.
    pub(crate) fn is_held(&self) -> bool {
        self.network.finalizers().iter().any(|finalizer| finalizer == FINALIZER)
    }

    /// Removes the finalizer of a network that has created nothing.
    async fn let_go(&mut self) -> Result<(), StoreError> {
        if let Some(free) = self.store.set_finalizer(&self.network, false).await? {
            self.network.metadata = free.metadata;
        }
        Ok(())
    }

    /// Stores the claims before their calls are sent, with conditions that are true during the calls. Without a verdict, the
    /// stored conditions are.
    pub(crate) async fn store_claims(&mut self, claims: &Claims, verdict: Option<&Verdict>) -> Result<(), StoreError> {
        self.write_claims(claims);
        if let Some(verdict) = verdict {
            self.write_verdict(verdict);
        }
        self.save().await
    }

    /// Writes the status if it differs from the stored one, and publishes events for transitions. Returns whether it differed.
    pub(crate) async fn conclude(&mut self, verdict: &Verdict) -> Result<bool, StoreError> {
        self.write_verdict(verdict);
        if self.network.status == self.stored {
            return Ok(false);
        }
        let before = self.stored.clone();
        match self.save().await {
            Err(StoreError::Invalid(why)) => self.save_reduced(&why).await?,
            saved => saved?,
        }
        for announcement in events::of_transition(before.as_ref(), self.stored.as_ref()) {
            self.store.announce(&self.network, announcement).await;
        }
        Ok(true)
    }

    /// Stores a status that the API server accepts, after it has rejected the complete one: the stored status, the claims,
    /// and conditions that report the rejection.
    async fn save_reduced(&mut self, why: &str) -> Result<(), StoreError> {
        let why = shorten(why, 1024);
        self.reconciles.rejected(ObjectKind::Network);
        tracing::error!(why, "the API server rejected the status; storing a reduced one");
        let MigrationNetworkStatus { claims, adoptions, .. } = self.network.status.take().unwrap_or_default();
        let status = MigrationNetworkStatus { claims, adoptions, ..self.stored.clone().unwrap_or_default() };
        self.network.status = Some(status);
        let message = format!("the API server rejected the status: {why}; report this as a bug. The operator retries");
        self.write_verdict(&Verdict::Broken(message.clone()));
        self.save().await?;
        let announcement = Announcement {
            warning: true,
            reason: "StatusRejected".to_owned(),
            action: "WriteStatus".to_owned(),
            note: message,
        };
        self.store.announce(&self.network, announcement).await;
        Ok(())
    }

    async fn save(&mut self) -> Result<(), StoreError> {
        let written = self.store.write_status(&self.network).await?;
        self.network.metadata = written.metadata;
        self.network.status.clone_from(&written.status);
        let before = std::mem::replace(&mut self.stored, written.status);
        // Published after each write, because a reconcile that builds stores its status several times.
        let (before, after) = (before.as_ref(), self.stored.as_ref());
        for announcement in events::of_new_warnings(before, after).into_iter().chain(events::of_hand_off(before, after))
        {
            self.store.announce(&self.network, announcement).await;
        }
        Ok(())
    }

    fn write_verdict(&mut self, verdict: &Verdict) {
        let generation = self.network.metadata.generation.unwrap_or_default();
        let (suspended, now, template) = (self.is_suspended(), self.now, self.template.clone());
        let (acknowledged, are_deleted) = (self.acknowledged(), self.addresses_are_deleted);
        let status = self.status_mut();
        status.observed_generation = generation;
        conditions::write(&mut status.conditions, verdict, suspended, generation, now);
        conditions::write_template(&mut status.conditions, &template, generation, now);
        if let Some(hand_off) = &mut status.on_premises {
            on_premises::acknowledge(hand_off, acknowledged.as_deref());
        }
        let current = on_premises::condition(status.on_premises.as_ref(), acknowledged.as_deref(), are_deleted);
        conditions::write_on_premises(&mut status.conditions, current, generation, now);
    }

    /// Writes the facts of the hand-off to status. Without facts, the previous ones stay.
    pub(crate) fn hand_over(&mut self, facts: Option<Facts>) {
        let previous = &mut self.status_mut().on_premises;
        if let Some(facts) = facts {
            *previous = Some(on_premises::status(facts, previous.as_ref()));
        }
    }

    /// The revision of the hand-off that the annotation on the network acknowledges.
    fn acknowledged(&self) -> Option<String> {
        self.network.annotations().get(ON_PREMISES_DONE_ANNOTATION).cloned()
    }

    pub(crate) fn write_claims(&mut self, claims: &Claims) {
        let uid = self.uid();
        let status = self.status_mut();
        status.claims = claims.to_status(&uid);
        status.adoptions = claims.adoptions().to_status();
    }

    pub(crate) fn claims(&self) -> Claims {
        let Some(status) = &self.network.status else { return Claims::default() };
        Claims::from_status(&self.uid(), &status.claims).with_adoptions(Adoptions::from_status(&status.adoptions))
    }

    pub(crate) fn identity(&self, cluster: &str) -> Identity {
        Identity {
            uid: self.uid(),
            namespace: self.network.namespace().unwrap_or_default(),
            name: self.network.name_any(),
            cluster: cluster.to_owned(),
        }
    }

    pub(crate) fn status_mut(&mut self) -> &mut MigrationNetworkStatus {
        self.network.status.get_or_insert_default()
    }

    /// The VPC that holds resources of the network, or may hold them.
    pub(crate) fn pinned_vpc(&self, claims: &Claims) -> Option<VpcId> {
        let vpc = self.network.status.as_ref()?.vpc_id.as_deref()?;
        (!claims.all_resolved()).then(|| vpc.into())
    }

    /// The keys of the user tags that the operator has set.
    pub(crate) fn managed_tags(&self) -> BTreeSet<String> {
        let settings = self.network.status.as_ref().and_then(|status| status.settings.as_ref());
        settings.map(|settings| settings.tags.keys().cloned().collect()).unwrap_or_default()
    }

    /// Whether the preflight passed at the last observation, for this generation of the spec.
    pub(crate) fn fits(&self) -> bool {
        let conditions = self.network.status.as_ref().map_or(&[][..], |status| &status.conditions);
        find(conditions, ConditionType::NetworkResolved).is_some_and(|resolved| {
            resolved.status == "True" && resolved.observed_generation == self.network.metadata.generation
        })
    }

    /// Whether MGN's replication template fitted the network when it was last read.
    pub(crate) fn template_fits(&self) -> bool {
        let conditions = self.network.status.as_ref().map_or(&[][..], |status| &status.conditions);
        is_true(conditions, ConditionType::ReplicationTemplateReady)
    }

    /// The replication servers' security group that the network has created, according to status.
    pub(crate) fn created_replication_groups(&self) -> BTreeSet<SecurityGroupId> {
        let groups = self.network.status.iter().flat_map(|status| &status.security_groups);
        let own = groups.filter(|group| group.role == GroupRole::Replication && group.origin == Some(Origin::Created));
        own.map(|group| group.id.as_str().into()).collect()
    }

    /// The resources whose published addresses may change, according to the annotation on the network.
    pub(crate) fn address_changes(&self) -> AddressChanges {
        address_changes(self.network.annotations().get(ADDRESS_CHANGE_ANNOTATION).map(String::as_str))
    }

    /// The transfer that the annotation on the network requests.
    pub(crate) fn transfer(&self, cluster: &str) -> Transfer {
        Transfer::parse(self.network.annotations().get(TRANSFER_ANNOTATION).map(String::as_str), cluster)
    }

    /// Whether AWS was last in sync with this desired state.
    pub(crate) fn was_in_sync_with(&self, desired: &Desired) -> bool {
        let digest = digest(desired);
        self.network.status.as_ref().is_some_and(|status| status.in_sync_with.as_deref() == Some(&digest))
    }

    /// Records the desired state in status, if AWS is in sync with it. Another desired state is not recorded any longer.
    pub(crate) fn record_sync(&mut self, desired: &Desired, verdict: &Verdict) {
        let is_in_sync = matches!(verdict, Verdict::Built { plan, failures, changed: false, .. }
            if plan.is_done() && failures.is_empty());
        if is_in_sync {
            self.status_mut().in_sync_with = Some(digest(desired));
        } else if !self.was_in_sync_with(desired) {
            self.status_mut().in_sync_with = None;
        }
    }

    /// The reconcile that the user has requested and that was not handled yet. None during a suspension.
    pub(crate) fn request(&self) -> Option<String> {
        let handled = self.network.status.as_ref().and_then(|status| status.last_handled_reconcile_at.as_ref());
        reconcile_request::unhandled(&self.network.metadata, handled).filter(|_| !self.is_suspended())
    }

    /// Whether the network is suspended. Suspension stops writes to AWS, but never a deletion.
    pub(crate) fn is_suspended(&self) -> bool {
        self.network.spec.suspend == Some(true) && !self.is_being_deleted()
    }
}

/// The account and the role, as status records them.
fn recorded(account: &Account) -> AccountStatus {
    let role_arn = account.role.as_ref().map(|role| role.arn.clone());
    AccountStatus { id: account.id.clone(), role_arn, external_id: None }
}
