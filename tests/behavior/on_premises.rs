//! The hand-off to the on-premises teams: its facts are those of AWS, its revision follows the facts and nothing else, and
//! the acknowledgement closes the work.

use anyhow::{Context, Result, ensure};
use mgnet::api::{
    ChangeKind, ChecklistState, ChecklistWork, ConditionStatus::True, ConditionType::OnPremisesCurrent,
    MigrationNetwork, ON_PREMISES_DONE_ANNOTATION, OnPremisesBasis, OnPremisesStatus, Reason,
};
use serde_json::json;
use support::{Lab, Network, Site};

use support::waiting::{close, events, until_event, until_observed};

fn hand_off(network: &MigrationNetwork) -> Result<OnPremisesStatus> {
    network.status.as_ref().and_then(|status| status.on_premises.clone()).context("there is no hand-off")
}

fn open(hand_off: &OnPremisesStatus) -> Vec<ChecklistWork> {
    let open = hand_off.checklist.iter().filter(|item| item.state == ChecklistState::Open);
    open.map(|item| item.item).collect()
}

async fn acknowledge(network: &Network<'_>, revision: &str) -> Result<MigrationNetwork> {
    network.patch(json!({ "metadata": { "annotations": { ON_PREMISES_DONE_ANNOTATION: revision } } })).await?;
    network.until_condition(OnPremisesCurrent, True).await
}

/// Returns the addresses of the resource in a slot, as AWS has them, sorted.
async fn addresses(site: &Site, slot: &str) -> Result<Vec<String>> {
    let state = site.state().await?;
    let id = state.slots().get(slot).context("the slot is empty")?.clone();
    let mut addresses: Vec<String> = state.addresses(&id).into_iter().map(|(_, ip)| ip).collect();
    addresses.sort();
    Ok(addresses)
}

#[tokio::test]
async fn the_hand_off_names_the_addresses_in_aws() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("hand-off").await?;
    let network = site.network("tokyo").proxies(["10.9.0.0/24"]).apply().await?;
    let ready = network.until_ready().await?;
    let hand_off = hand_off(&ready)?;
    assert_eq!(hand_off.basis, OnPremisesBasis::Observed);
    for (id, slot) in
        [("mgn-https", "vpce/mgn/Interface"), ("s3-https-proxies", "vpce/s3/Interface"), ("dns-udp", "resolver")]
    {
        let rule = hand_off.firewall_rules.iter().find(|rule| rule.id == id).context("no such rule")?;
        let mut published = rule.addresses.clone();
        published.sort();
        assert_eq!(published, addresses(&site, slot).await?, "{id}");
    }
    let mut targets = hand_off.dns_forwarders.first().context("no forwarder")?.targets.clone();
    targets.sort();
    assert_eq!(targets, addresses(&site, "resolver").await?);
    for (service, slot, in_aws) in [("mgn", "vpce/mgn/Interface", ""), ("s3", "vpce/s3/Interface", "*.")] {
        let published = hand_off.endpoints.iter().find(|one| one.service == service).context("no such endpoint")?;
        let id = site.state().await?.slots().get(slot).context("the slot is empty")?.clone();
        let label = published.name.split('.').next().and_then(|label| label.strip_prefix(&format!("{id}-")));
        ensure!(label.is_some_and(|suffix| !suffix.contains('-')), "it names a zone: {published:?}");
        let all = ready.status.iter().flat_map(|status| &status.endpoints).flat_map(|one| &one.dns_names);
        ensure!(all.into_iter().any(|name| *name == format!("{in_aws}{}", published.name)), "{published:?}");
    }
    assert_eq!(until_event(&site, "OnPremisesReady").await?.0, "Normal");
    close(&site).await
}

#[tokio::test]
async fn the_revision_survives_resyncs_and_a_restart_and_changes_with_the_facts_only() -> Result<()> {
    let lab = Lab::exclusive().await?;
    let site = lab.site("revision").await?;
    let network = site.network("tokyo").apply().await?;
    let first = hand_off(&network.until_ready().await?)?;
    until_observed(&site, 5).await?;
    lab.operator().restart().await?;
    until_observed(&site, 2).await?;
    assert_eq!(hand_off(&network.get().await?)?, first);
    network.edit(json!({ "tags": { "team": "billing" } })).await?;
    assert_eq!(hand_off(&network.until_ready().await?)?, first);

    network.edit(json!({ "sourceCIDRs": ["192.168.10.0/24", "192.168.20.0/24"] })).await?;
    let changed = hand_off(&network.until_ready().await?)?;
    ensure!(changed.revision != first.revision);
    let subjects: Vec<_> = changed.changes.iter().map(|one| (one.subject.as_str(), one.change)).collect();
    let rules = ["dns-tcp", "dns-udp", "mgn-https", "replication", "s3-https"];
    let rules = rules.map(|id| (format!("firewallRules/{id}"), ChangeKind::Changed));
    assert_eq!(subjects, rules.each_ref().map(|(subject, kind)| (subject.as_str(), *kind)));
    let (type_, note) = until_event(&site, "OnPremisesChanged").await?;
    assert_eq!(type_, "Warning");
    for words in [&first.revision, &changed.revision, "firewallRules/replication Changed"] {
        ensure!(note.contains(words), "{note}");
    }
    close(&site).await
}

#[tokio::test]
async fn an_acknowledgement_closes_the_work_until_the_facts_change() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("acknowledged").await?;
    let network = site.network("tokyo").apply().await?;
    let ready = network.until_ready().await?;
    network.until_reason(OnPremisesCurrent, Reason::NotAcknowledged).await?;
    let first = hand_off(&ready)?;
    assert_eq!(open(&first).len(), 4);
    let done = acknowledge(&network, &first.revision).await?;
    assert_eq!(open(&hand_off(&done)?), []);

    network.edit(json!({ "sourceCIDRs": ["192.168.20.0/24"] })).await?;
    let reopened = network.until_reason(OnPremisesCurrent, Reason::RevisionChanged).await?;
    network.until_ready().await?;
    // The forwarders and the names are as before.
    assert_eq!(open(&hand_off(&reopened)?), [ChecklistWork::Firewall]);
    let done = acknowledge(&network, &hand_off(&reopened)?.revision).await?;
    assert_eq!(open(&hand_off(&done)?), []);
    close(&site).await
}

#[tokio::test]
async fn a_planned_network_hands_over_ranges_before_anything_is_created() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("planned-work").await?;
    let network = site.network("tokyo").spec(&json!({ "managementPolicy": "Plan" })).apply().await?;
    let planned = network
        .until("the hand-off is planned", |network| {
            hand_off(network).is_ok_and(|one| one.basis == OnPremisesBasis::Planned)
        })
        .await?;
    let rules = hand_off(&planned)?.firewall_rules;
    ensure!(rules.iter().all(|rule| rule.addresses.is_empty() && !rule.subnets.is_empty()), "{rules:#?}");
    network.edit(json!({ "managementPolicy": "Enforce" })).await?;
    let built = hand_off(&network.until_ready().await?)?;
    assert_eq!(built.basis, OnPremisesBasis::Observed);
    ensure!(built.changes.iter().any(|one| one.subject == "firewallRules/mgn-https"), "{:?}", built.changes);
    close(&site).await
}

#[tokio::test]
async fn deletion_reports_the_forwarders_that_lead_nowhere_unless_the_resources_are_retained() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("removal").await?;
    let network = site.network("tokyo").retained().apply().await?;
    network.until_ready().await?;
    network.delete_and_wait().await?;
    let reported = |event: &k8s_openapi::api::events::v1::Event| event.reason.as_deref() == Some("OnPremisesRemoval");
    ensure!(!events(&site).await?.iter().any(reported));

    let adopting = mgnet::api::AdoptionPolicy::Retained;
    let network = site.network("tokyo").adopting(adopting).apply().await?;
    network.until_ready().await?;
    network.delete_and_wait().await?;
    let (type_, note) = until_event(&site, "OnPremisesRemoval").await?;
    assert_eq!(type_, "Warning");
    let domains = "mgn.ap-northeast-1.amazonaws.com and s3.ap-northeast-1.amazonaws.com";
    ensure!(note.contains(domains), "{note}");
    close(&site).await
}
