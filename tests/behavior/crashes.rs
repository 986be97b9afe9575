//! `kill -9` at the worst moments: AWS has executed a call, but the operator has not received the answer; or a claim
//! records a call that never reaches AWS. One kill affects several networks, each of them at a different call.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use futures::future::try_join_all;
use mgnet::api::ClaimPhase;
use mgnet::model::slot::Slot;
use support::state::State;
use support::{Fault, FaultKind, Lab, Site};

use support::failing::{CREATE_CALLS, NAME, is_as_before, is_there, spoil, uncrowd, until, until_built, until_spoiled};
use support::history::{History, slot_of};

/// The number of networks for each kill. It is below the number of networks that the operator reconciles at the same
/// time, because each held call occupies one reconcile.
const NETWORKS_PER_KILL: usize = 6;

/// A network that is affected by a kill, on a site of its own.
struct Victim {
    site: Site,
    history: History,
    before: State,
}

impl Victim {
    async fn new(lab: &Lab, name: &str) -> Result<Self> {
        let site = lab.site(name).await?;
        uncrowd(&site).await?;
        let (history, before) = (History::of(&site), site.state().await?);
        Ok(Self { site, history, before })
    }

    /// Orders the fault, then creates the network.
    async fn create(&self, fault: &Fault) -> Result<()> {
        self.site.lab.control().order(fault).await?;
        self.site.network(NAME).with_replication_group().apply().await?;
        Ok(())
    }

    /// Waits until AWS has executed the call and holds its answer, which the operator never receives. Returns the slot.
    async fn until_answer_held(&self) -> Result<String> {
        let slot = slot_of(&until_spoiled(&self.site, "hold").await?)?;
        let state = self.site.state().await?;
        let uid = self.uid().await?;
        ensure!(
            support::failing::owned(&state, &uid).iter().any(|(filled, _)| *filled == slot),
            "{slot} is not in {state:#?}"
        );
        Ok(slot)
    }

    /// Fails unless the claim is `Pending` and has no ID: it is the only record that the call may have been sent.
    async fn check_claimed_only(&self, slot: &str) -> Result<()> {
        let status = self.site.existing_network(NAME).status().await?;
        let claim = status.claims.iter().find(|claim| claim.slot == slot).context("no claim")?;
        ensure!(claim.phase == ClaimPhase::Pending && claim.id.is_none(), "{slot}: {claim:?}");
        Ok(())
    }

    async fn uid(&self) -> Result<String> {
        self.site.existing_network(NAME).get().await?.metadata.uid.context("no uid")
    }

    async fn check_complete(&self) -> Result<()> {
        let network = self.site.existing_network(NAME);
        until_built(&self.site, &network, &self.site.expected().with_replication_group()).await?;
        self.history.check_each_slot_was_filled_once().await
    }

    async fn check_deletion(&self) -> Result<()> {
        self.site.existing_network(NAME).delete_and_wait().await?;
        self.check_nothing_left().await
    }

    async fn check_nothing_left(&self) -> Result<()> {
        is_as_before(&self.site, &self.before).await?;
        self.history.check_each_slot_was_filled_once().await
    }
}

fn all_slots() -> BTreeSet<String> {
    Slot::standard().map(|slot| slot.to_string()).collect()
}

async fn victims(lab: &Lab, name: &str, count: usize) -> Result<Vec<Victim>> {
    try_join_all((0..count).map(|_| Victim::new(lab, name))).await
}

#[tokio::test]
async fn a_kill_before_the_answer_to_a_create_call_creates_no_duplicate_in_any_slot() -> Result<()> {
    let lab = Lab::exclusive().await?;
    let mut covered = BTreeSet::new();
    for calls in CREATE_CALLS.chunks(NETWORKS_PER_KILL) {
        let victims = victims(&lab, "unheard", calls.len()).await?;
        let slots = try_join_all(victims.iter().zip(calls).map(async |(victim, (action, nth))| {
            victim.create(&Fault { nth: *nth, ..spoil(&victim.site, FaultKind::Hold, action) }).await?;
            victim.until_answer_held().await
        }))
        .await?;
        lab.operator().kill().await?;
        lab.control().release().await?;
        try_join_all(victims.iter().zip(&slots).map(|(victim, slot)| victim.check_claimed_only(slot))).await?;
        lab.operator().start().await?;
        try_join_all(victims.iter().map(Victim::check_complete)).await?;
        try_join_all(victims.iter().map(Victim::check_deletion)).await?;
        covered.extend(slots);
    }
    assert_eq!(covered, all_slots());
    Ok(())
}

#[tokio::test]
async fn unanswered_creates_are_found_and_deleted_if_the_network_was_deleted_after_a_kill() -> Result<()> {
    let lab = Lab::exclusive().await?;
    let mut covered = BTreeSet::new();
    for calls in CREATE_CALLS.chunks(NETWORKS_PER_KILL) {
        let victims = victims(&lab, "orphaned", calls.len()).await?;
        let slots = try_join_all(victims.iter().zip(calls).map(async |(victim, (action, nth))| {
            victim.create(&Fault { nth: *nth, ..spoil(&victim.site, FaultKind::Hold, action) }).await?;
            victim.until_answer_held().await
        }))
        .await?;
        lab.operator().kill().await?;
        lab.control().release().await?;
        try_join_all(victims.iter().zip(&slots).map(async |(victim, slot)| {
            victim.check_claimed_only(slot).await?;
            victim.site.existing_network(NAME).delete().await
        }))
        .await?;
        lab.operator().start().await?;
        try_join_all(victims.iter().map(async |victim| {
            victim.site.existing_network(NAME).until_gone().await?;
            victim.check_nothing_left().await
        }))
        .await?;
        covered.extend(slots);
    }
    assert_eq!(covered, all_slots());
    Ok(())
}

#[tokio::test]
async fn a_kill_between_the_claim_and_a_lost_create_call_creates_exactly_one_resource() -> Result<()> {
    let lab = Lab::exclusive().await?;
    let calls =
        [("CreateSecurityGroup", 1), ("CreateVpcEndpoint", 1), ("CreateVpcEndpoint", 5), ("CreateResolverEndpoint", 1)];
    let victims = victims(&lab, "unsent", calls.len()).await?;
    try_join_all(victims.iter().zip(calls).map(async |(victim, (action, nth))| {
        // AWS delays the call until the operator that sent it has ended, and with it the connection.
        let fault = Fault { nth, seconds: 9.0, ..spoil(&victim.site, FaultKind::DelaySeconds, action) };
        victim.create(&fault).await?;
        let earlier_calls = until("all earlier calls were sent", async || {
            let calls = victim.site.calls().await?.iter().filter(|call| call.action == action).count();
            Ok((calls + 1 == usize::try_from(nth)?).then_some(()))
        });
        earlier_calls.await?;
        until("the claim is recorded", async || {
            let status = victim.site.existing_network(NAME).get().await?.status.unwrap_or_default();
            Ok(status.claims.iter().any(|claim| claim.phase == ClaimPhase::Pending).then_some(()))
        })
        .await
    }))
    .await?;
    lab.operator().kill().await?;
    lab.operator().start().await?;
    try_join_all(victims.iter().map(Victim::check_complete)).await?;
    try_join_all(victims.iter().map(async |victim| {
        let status = victim.site.existing_network(NAME).status().await?;
        ensure!(status.claims.iter().all(|claim| claim.epoch == 1), "an epoch was skipped: {:?}", status.claims);
        victim.check_deletion().await
    }))
    .await?;
    Ok(())
}

#[tokio::test]
async fn a_deletion_leaves_nothing_after_a_kill_during_any_of_its_calls() -> Result<()> {
    let lab = Lab::exclusive().await?;
    let calls = [
        ("DeleteVpcEndpoints", 1),
        ("DeleteResolverEndpoint", 1),
        ("DeleteSecurityGroup", 1),
        ("DeleteSecurityGroup", 2),
        ("DeleteSecurityGroup", 3),
    ];
    let victims = victims(&lab, "half-gone", calls.len()).await?;
    try_join_all(victims.iter().zip(calls).map(async |(victim, (action, nth))| {
        victim.create(&Fault { nth, ..spoil(&victim.site, FaultKind::Hold, action) }).await?;
        victim.check_complete().await
    }))
    .await?;
    try_join_all(victims.iter().map(async |victim| {
        victim.site.existing_network(NAME).delete().await?;
        until_spoiled(&victim.site, "hold").await
    }))
    .await?;
    lab.operator().kill().await?;
    lab.control().release().await?;
    lab.operator().start().await?;
    try_join_all(victims.iter().map(async |victim| {
        victim.site.existing_network(NAME).until_gone().await?;
        victim.check_nothing_left().await
    }))
    .await?;
    Ok(())
}

#[tokio::test]
async fn all_resources_are_tagged_as_retained_after_a_kill_during_the_tagging() -> Result<()> {
    let lab = Lab::exclusive().await?;
    let calls = [("CreateTags", 1), ("CreateTags", 5), ("TagResource", 1)];
    let victims = victims(&lab, "half-marked", calls.len()).await?;
    try_join_all(victims.iter().zip(calls).map(async |(victim, (action, nth))| {
        let network = victim.site.network(NAME).retained().apply().await?;
        network.until_ready().await?;
        lab.control().order(&Fault { nth, ..spoil(&victim.site, FaultKind::Hold, action) }).await?;
        network.delete().await?;
        until_spoiled(&victim.site, "hold").await
    }))
    .await?;
    lab.operator().kill().await?;
    lab.control().release().await?;
    lab.operator().start().await?;
    try_join_all(victims.iter().map(async |Victim { site, history, .. }| {
        let network = site.existing_network(NAME);
        network.until_gone().await?;
        is_there(&site.summary().await?, &site.expected().retained().summary(), &network).await?;
        history.check_each_slot_was_filled_once().await
    }))
    .await?;
    Ok(())
}
