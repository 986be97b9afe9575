//! The network that a reconcile works on: what it says of itself, and every way in which it is written to.

use std::collections::BTreeSet;

use kube::{Resource, ResourceExt};
use tokio::time::Instant;

use crate::{
    api::{
        ADDRESS_CHANGE_ANNOTATION, AccountStatus, ConditionType, FINALIZER, MigrationNetwork, MigrationNetworkClass,
        MigrationNetworkStatus, Reason, conditions::find,
    },
    aws::Account,
    controller::{
        context::Context,
        network::{events, requeue::Error},
        store::{Key, Store, StoreError},
    },
    model::{
        claims::Claims,
        ids::VpcId,
        observed::Resources,
        ownership::Identity,
        settings::{AddressChanges, address_changes},
        status::conditions::{self, Verdict},
    },
};

/// As it was read, with the status as it is being written.
pub(crate) struct Subject<'a, S> {
    pub(crate) network: MigrationNetwork,
    /// The status as the API server has it.
    pub(crate) stored: Option<MigrationNetworkStatus>,
    pub(crate) store: &'a S,
    pub(crate) now: jiff::Timestamp,
}

impl<'a, S: Store> Subject<'a, S> {
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

    /// A class that was deleted and made again may name another account or Region. What the network has made stays where
    /// it is, and must not be made a second time elsewhere.
    pub(crate) fn has_moved(&self, account: &Account) -> Option<Verdict> {
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

    /// Takes the finalizer, before anything is written to AWS.
    pub(crate) async fn hold(&mut self) -> Result<(), Error> {
        if self.network.finalizers().iter().any(|finalizer| finalizer == FINALIZER) {
            return Ok(());
        }
        let held = self.store.set_finalizer(&self.network, true).await?.ok_or(StoreError::Gone)?;
        self.network.metadata = held.metadata;
        Ok(())
    }

    /// Gives the finalizer back, of a network that has made nothing.
    pub(crate) async fn let_go(&mut self) -> Result<(), Error> {
        if let Some(free) = self.store.set_finalizer(&self.network, false).await? {
            self.network.metadata = free.metadata;
        }
        Ok(())
    }

    /// Takes an observation that began then into the claims, those that are overdue included.
    pub(crate) fn settle<C>(
        &self,
        context: &Context<C, S>,
        key: &Key,
        claims: &mut Claims,
        identity: &Identity,
        (resources, began): (&Resources, Instant),
    ) {
        claims.settle(identity, resources, &BTreeSet::new());
        let overdue = context.overdue(key, &self.uid(), &claims.absent(identity, resources), began);
        if !overdue.is_empty() {
            claims.settle(identity, resources, &overdue);
        }
    }

    /// Stores the claims before the calls that they are for, with conditions that hold meanwhile.
    pub(crate) async fn store_claims(&mut self, claims: &Claims, verdict: &Verdict) -> Result<(), Error> {
        self.write_claims(claims);
        self.write_verdict(verdict);
        self.save().await
    }

    /// Writes the status, once, if it differs from what is stored; and tells of transitions.
    pub(crate) async fn conclude(&mut self, verdict: &Verdict) -> Result<(), Error> {
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

    async fn save(&mut self) -> Result<(), Error> {
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

    /// Whether the preflight had no objection at the last look, for this generation of the spec.
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

    /// Whether AWS was last seen to be equal to what has this digest.
    pub(crate) fn was_in_sync_with(&self, digest: &str) -> bool {
        self.network.status.as_ref().is_some_and(|status| status.in_sync_with.as_deref() == Some(digest))
    }

    /// Suspension stops writes to AWS, never deletion.
    pub(crate) fn is_suspended(&self) -> bool {
        self.network.spec.suspend == Some(true) && self.network.metadata.deletion_timestamp.is_none()
    }
}
