//! The network that a reconcile works on: what its object says, and every write to it.

use std::collections::BTreeSet;

use kube::{Resource, ResourceExt};

use super::events;
use crate::{
    api::{
        ADDRESS_CHANGE_ANNOTATION, AccountStatus, ConditionType, FINALIZER, MigrationNetwork, MigrationNetworkClass,
        MigrationNetworkStatus, Reason, conditions::find,
    },
    aws::Account,
    controller::{
        class::finalizer,
        stop::Stop,
        store::{Key, Store, StoreError},
    },
    model::{
        claims::Claims,
        desired::Desired,
        ids::VpcId,
        ownership::Identity,
        preview::status::digest,
        settings::{AddressChanges, address_changes},
        status::{Verdict, conditions},
    },
};

/// As it was read, with the status as it is being written.
pub(crate) struct NetworkObject<'a, S> {
    pub(crate) network: MigrationNetwork,
    /// The status as the API server has it.
    pub(crate) stored: Option<MigrationNetworkStatus>,
    pub(crate) store: &'a S,
    pub(crate) now: jiff::Timestamp,
}

impl<'a, S: Store> NetworkObject<'a, S> {
    /// The network as it was just read.
    pub(crate) fn new(network: MigrationNetwork, store: &'a S, now: jiff::Timestamp) -> Self {
        let stored = network.status.clone();
        Self { network, stored, store, now }
    }

    /// The network's uid; every stored object has one.
    pub(crate) fn uid(&self) -> String {
        self.network.meta().uid.clone().unwrap_or_default()
    }

    /// Its namespace and name.
    pub(crate) fn key(&self) -> Key {
        Key { namespace: self.network.namespace().unwrap_or_default(), name: self.network.name_any() }
    }

    /// Whether the object is being deleted.
    pub(crate) fn is_being_deleted(&self) -> bool {
        self.network.metadata.deletion_timestamp.is_some()
    }

    /// What ends the reconcile if the class names another account or Region than the one that holds the network's resources,
    /// as a class that was deleted and created again may. They stay where they are, and are not created a second time.
    pub(crate) fn moved_to(&self, account: &Account) -> Option<Stop> {
        let status = self.network.status.as_ref()?;
        let (recorded, region) = (status.account.as_ref()?, status.region.as_ref()?);
        let same = recorded.id == account.id && *region == account.region;
        (!same && !self.claims().all_resolved()).then(|| {
            let message = format!(
                "the class now names account {} in {}, and what the network has made is in account {} in {region}; delete the \
                 network, or have the class put right",
                account.id, account.region, recorded.id
            );
            Stop::rejected(Reason::InvalidClass, message)
        })
    }

    /// Puts down where the network is and as whom it is reached, so that deletion needs neither spec nor class.
    pub(crate) fn record(&mut self, class: &MigrationNetworkClass, account: &Account) {
        let status = self.status_mut();
        status.class_name = Some(class.name_any());
        status.observed_class_generation = class.metadata.generation;
        self.record_account(account);
    }

    /// Puts down where the network is.
    pub(crate) fn record_account(&mut self, account: &Account) {
        let status = self.status_mut();
        status.region = Some(account.region.clone());
        status.account = Some(AccountStatus {
            id: account.id.clone(),
            role_arn: account.role_arn.clone(),
            external_id: account.external_id.clone(),
        });
    }

    /// Adds the finalizer again to a network that may have resources in AWS. Users who may edit a network may remove it, and
    /// its deletion would then leave everything in AWS.
    pub(crate) async fn restore_finalizer(&mut self) -> Result<(), StoreError> {
        if self.claims().all_resolved() { Ok(()) } else { self.hold().await }
    }

    /// Adds the finalizer, before anything is written to AWS.
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
    /// If the class is being deleted or is gone: then nothing may be created.
    pub(crate) async fn hold_with_class(&mut self, class: &MigrationNetworkClass) -> Result<(), Stop> {
        if self.is_held() {
            return Ok(());
        }
        self.hold().await?;
        let kept = finalizer::keep(self.store, &class.name_any()).await;
        if let Err(Stop::Verdict(_)) = &kept {
            // Nothing was created: with a finalizer it would pass for a network that the class has admitted.
            self.let_go().await?;
        }
        kept
    }

    /// Whether the network has the operator's finalizer: it may have resources in AWS.
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

    /// Stores the claims before the calls that they are for, with conditions that hold meanwhile.
    pub(crate) async fn store_claims(&mut self, claims: &Claims, verdict: &Verdict) -> Result<(), StoreError> {
        self.write_claims(claims);
        self.write_verdict(verdict);
        self.save().await
    }

    /// Writes the status, once, if it differs from what is stored; and tells of transitions.
    pub(crate) async fn conclude(&mut self, verdict: &Verdict) -> Result<(), StoreError> {
        self.write_verdict(verdict);
        if self.network.status == self.stored {
            return Ok(());
        }
        let before = self.stored.clone();
        self.save().await?;
        for announcement in events::of_transition(before.as_ref(), self.stored.as_ref()) {
            self.store.announce(&self.network, announcement).await;
        }
        Ok(())
    }

    async fn save(&mut self) -> Result<(), StoreError> {
        let written = self.store.write_status(&self.network).await?;
        self.network.metadata = written.metadata;
        self.network.status.clone_from(&written.status);
        let before = std::mem::replace(&mut self.stored, written.status);
        // Here and not at the end: a reconcile that builds stores its status several times.
        for announcement in events::of_new_warnings(before.as_ref(), self.stored.as_ref()) {
            self.store.announce(&self.network, announcement).await;
        }
        Ok(())
    }

    fn write_verdict(&mut self, verdict: &Verdict) {
        let generation = self.network.metadata.generation.unwrap_or_default();
        let (suspended, now) = (self.is_suspended(), self.now);
        let status = self.status_mut();
        status.observed_generation = generation;
        conditions::write(&mut status.conditions, verdict, suspended, generation, now);
    }

    pub(crate) fn write_claims(&mut self, claims: &Claims) {
        let uid = self.uid();
        self.status_mut().claims = claims.to_status(&uid);
    }

    pub(crate) fn claims(&self) -> Claims {
        self.network.status.as_ref().map(|status| Claims::from_status(&status.claims)).unwrap_or_default()
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

    /// The VPC that holds resources of the network, or may.
    pub(crate) fn pinned_vpc(&self, claims: &Claims) -> Option<VpcId> {
        let vpc = self.network.status.as_ref()?.vpc_id.as_deref()?;
        (!claims.all_resolved()).then(|| vpc.into())
    }

    /// Keys of user tags that this operator has set.
    pub(crate) fn managed_tags(&self) -> BTreeSet<String> {
        let settings = self.network.status.as_ref().and_then(|status| status.settings.as_ref());
        settings.map(|settings| settings.tags.keys().cloned().collect()).unwrap_or_default()
    }

    /// Whether the preflight had no objection at the last observation, for this generation of the spec.
    pub(crate) fn fits(&self) -> bool {
        let conditions = self.network.status.as_ref().map_or(&[][..], |status| &status.conditions);
        find(conditions, ConditionType::NetworkResolved).is_some_and(|resolved| {
            resolved.status == "True" && resolved.observed_generation == self.network.metadata.generation
        })
    }

    /// The resources whose published addresses somebody has allowed to change.
    pub(crate) fn address_changes(&self) -> AddressChanges {
        address_changes(self.network.annotations().get(ADDRESS_CHANGE_ANNOTATION).map(String::as_str))
    }

    /// Whether AWS was equal to this when it was last in sync.
    pub(crate) fn was_in_sync_with(&self, desired: &Desired) -> bool {
        let digest = digest(desired);
        self.network.status.as_ref().is_some_and(|status| status.in_sync_with.as_deref() == Some(&digest))
    }

    /// Records what AWS is in sync with, if it is.
    pub(crate) fn record_sync(&mut self, desired: &Desired, verdict: &Verdict) {
        if let Verdict::Built { plan, failures, changed: false, .. } = verdict
            && plan.is_done()
            && failures.is_empty()
        {
            self.status_mut().in_sync_with = Some(digest(desired));
        }
    }

    /// Suspension stops writes to AWS, never deletion.
    pub(crate) fn is_suspended(&self) -> bool {
        self.network.spec.suspend == Some(true) && !self.is_being_deleted()
    }
}
