//! The hand-off to the on-premises teams: its facts are those of AWS, its revision follows the facts and nothing else, and
//! the acknowledgement closes the work.

use anyhow::{Context, Result, ensure};
use mgnet::api::{
    ChangeKind, ChecklistState, ChecklistWork,
    ConditionStatus::True,
    ConditionType::{OnPremisesCurrent, Ready, Suspended},
    MigrationNetwork, ON_PREMISES_DONE_ANNOTATION, OnPremisesBasis, OnPremisesStatus, Reason,
};
use serde_json::{Value, json};
use support::{Fault, FaultKind, Lab, Network, Site, Use};

use support::failing::spoil;
use support::waiting::{close, events, until, until_event, until_observed};

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

/// How often an event with that reason was published. Kubernetes counts repetitions in the first event.
async fn times(site: &Site, reason: &str) -> Result<i32> {
    let events = events(site).await?.into_iter().filter(|event| event.reason.as_deref() == Some(reason));
    Ok(events.map(|event| event.series.map_or(1, |series| series.count)).sum())
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
    network.patch(json!({ "metadata": { "labels": { "wave": "3" }, "annotations": { "ticket": "CHG-1" } } })).await?;
    network.edit(json!({ "tags": { "team": "billing" }, "deletionPolicy": "Delete", "suspend": true })).await?;
    network.until_condition(Suspended, True).await?;
    network.edit(json!({ "suspend": null })).await?;
    assert_eq!(hand_off(&network.until_ready().await?)?, first);
    assert_eq!(times(&site, "OnPremisesChanged").await?, 0);

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

    network.edit(json!({ "proxyCIDRs": ["10.9.0.0/24"] })).await?;
    let again = hand_off(&network.until_ready().await?)?;
    until(&format!("an event about revision {}", again.revision), async || {
        let notes: Vec<_> = events(&site).await?.into_iter().filter_map(|event| event.note).collect();
        let words = [again.revision.as_str(), "firewallRules/mgn-https-proxies Added"];
        let is_it = |note: &&String| words.iter().all(|word| note.contains(*word));
        Ok(if notes.iter().any(|note| is_it(&note)) { Ok(()) } else { Err(notes.join("\n")) })
    })
    .await?;
    close(&site).await
}

/// The operator replaces one subnet after the other, and AWS takes its time. On-premises teams get one change of everything.
#[tokio::test]
async fn an_edit_in_several_steps_is_one_revision() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("one-revision").await?;
    let mut landing = site.landing.clone();
    landing.add_subnet(&site.aws, Use::Endpoints, 3).await?;
    let ids = |zones: [&str; 2]| zones.map(|zone| landing.subnets.get(zone).cloned());
    let endpoints = |zones| json!({ "subnets": { "endpoints": { "ids": ids(zones) } } });
    let network = site.network("tokyo").spec(&endpoints(["endpoints-1", "endpoints-2"])).apply().await?;
    let first = hand_off(&network.until_ready().await?)?;
    network.edit(endpoints(["endpoints-2", "endpoints-3"])).await?;
    let changed = hand_off(&network.until_ready().await?)?;
    for (id, slot) in [("mgn-https", "vpce/mgn/Interface"), ("dns-tcp", "resolver")] {
        let rule = changed.firewall_rules.iter().find(|rule| rule.id == id).context("no such rule")?;
        let mut published = rule.addresses.clone();
        published.sort();
        assert_eq!(published, addresses(&site, slot).await?, "{id}");
    }
    let (_, note) = until_event(&site, "OnPremisesChanged").await?;
    ensure!(note.contains(&first.revision) && note.contains(&changed.revision), "{note}");
    assert_eq!(times(&site, "OnPremisesChanged").await?, 1);
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

/// The reason to fix addresses: the firewall team works while nothing exists, and its work stays done.
#[tokio::test]
async fn work_that_was_done_for_planned_fixed_addresses_stays_done_when_they_exist() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("planned-addresses").await?;
    let fixed = |host: u8| -> Result<Value> {
        let address = |subnet: &str| {
            anyhow::Ok(json!({ "subnetID": site.landing.subnet(subnet)?, "ip": site.landing.address(subnet, host)? }))
        };
        Ok(json!([address("endpoints-1")?, address("endpoints-2")?]))
    };
    let endpoint =
        |service: &str, host| anyhow::Ok(json!({ "service": service, "type": "Interface", "addresses": fixed(host)? }));
    let spec = json!({
        "managementPolicy": "Plan",
        "endpoints": [endpoint("mgn", 21)?, endpoint("s3", 22)?],
        "resolver": { "addresses": fixed(53)? },
    });
    let network = site.network("tokyo").spec(&spec).apply().await?;
    let planned = network.until("the hand-off is planned", |network| hand_off(network).is_ok()).await?;
    let planned = hand_off(&planned)?;
    assert_eq!(planned.basis, OnPremisesBasis::Planned);
    let rule = planned.firewall_rules.iter().find(|rule| rule.id == "s3-https").context("no such rule")?;
    assert_eq!(rule.addresses.len(), 2, "{rule:?}");
    acknowledge(&network, &planned.revision).await?;

    network.edit(json!({ "managementPolicy": "Enforce" })).await?;
    let built = network.until_ready().await?;
    let built_hand_off = hand_off(&built)?;
    assert_eq!(built_hand_off.basis, OnPremisesBasis::Observed);
    // The names that AWS gives the endpoints are new, but no team has work again.
    let new: Vec<&str> = built_hand_off.changes.iter().map(|change| change.subject.as_str()).collect();
    assert_eq!((new, open(&built_hand_off)), (vec!["endpoints/mgn", "endpoints/s3"], vec![]));
    acknowledge(&network, &built_hand_off.revision).await?;
    assert_eq!(rule.addresses, addresses(&site, "vpce/s3/Interface").await?);
    close(&site).await
}

/// DNS servers that forward to addresses that are gone cut their clients off, so the warning must not drown in repetitions.
#[tokio::test]
async fn a_deletion_that_is_interrupted_warns_once() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("removal-once").await?;
    let network = site.network("tokyo").apply().await?;
    network.until_ready().await?;
    network.delete().await?;
    network.until_reason(OnPremisesCurrent, Reason::Deleting).await?;
    let (_, note) = until_event(&site, "OnPremisesRemoval").await?;
    ensure!(note.contains("mgn.ap-northeast-1.amazonaws.com"), "{note}");
    // AWS cannot be observed for a while, which the status reports instead of the deletion.
    let denied = Fault {
        code: Some("UnauthorizedOperation".to_owned()),
        times: u64::MAX,
        ..spoil(&site, FaultKind::Error, "DescribeSecurityGroups")
    };
    lab.control().order(&denied).await?;
    network.until_reason(Ready, Reason::AccessDenied).await?;
    lab.control().cancel_faults(&site.account).await?;
    network.until_gone().await?;
    assert_eq!(times(&site, "OnPremisesRemoval").await?, 1);
    close(&site).await
}

/// The policy that counts is that of the deletion, although no reconcile has recorded it before.
#[tokio::test]
async fn a_network_that_retains_its_resources_since_a_moment_ago_warns_of_nothing() -> Result<()> {
    let lab = Lab::exclusive().await?;
    let site = lab.site("retained-late").await?;
    let network = site.network("tokyo").apply().await?;
    network.until_ready().await?;
    lab.operator().kill().await?;
    network.edit(json!({ "deletionPolicy": "Retain" })).await?;
    network.delete().await?;
    lab.operator().start().await?;
    network.until_gone().await?;
    assert_eq!(times(&site, "OnPremisesRemoval").await?, 0);
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
