//! The MGN connector: its switch creates and deletes exactly its endpoints, and the hand-off lists them.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use mgnet::api::{ChangeKind, ConditionType, MigrationNetwork, NameUse, OnPremisesStatus, Reason};
use serde_json::{Value, json};
use support::class_limits::{limited, until_exceeded};
use support::waiting::{close, listed};
use support::{Expected, Lab, Site};

fn connector(setting: &str) -> Value {
    json!({ "onPremises": { "connector": setting } })
}

fn hand_off(network: &MigrationNetwork) -> Result<OnPremisesStatus> {
    network.status.as_ref().and_then(|status| status.on_premises.clone()).context("there is no hand-off")
}

/// The resources of a network with the connector.
fn with_connector(site: &Site) -> Expected {
    site.expected().with("secretsmanager").with("sts")
}

#[tokio::test]
async fn the_switch_adds_exactly_its_endpoints_and_facts_and_removes_them_again() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("connector").await?;
    let network = site.network("tokyo").without_ssm().apply().await?;
    let before = hand_off(&network.until_ready().await?)?;
    assert_eq!(site.summary().await?, site.expected().without_ssm().summary());

    network.edit(connector("Enabled")).await?;
    let ready = network.until_ready().await?;
    assert_eq!(site.summary().await?, with_connector(&site).summary(), "it needs Systems Manager, too");
    let after = hand_off(&ready)?;
    let subjects: BTreeSet<&str> = after.changes.iter().map(|change| change.subject.as_str()).collect();
    let services = ["ec2messages", "secretsmanager", "ssm", "ssmmessages", "sts"];
    let expected: BTreeSet<String> = services
        .iter()
        .flat_map(|service| {
            let domain = format!("{service}.ap-northeast-1.amazonaws.com");
            [
                format!("firewallRules/{service}-https"),
                format!("dnsForwarders/{domain}"),
                format!("names/{domain}"),
                format!("endpoints/{service}"),
            ]
        })
        .collect();
    assert_eq!(subjects, expected.iter().map(String::as_str).collect());
    ensure!(after.changes.iter().all(|change| change.change == ChangeKind::Added), "{:?}", after.changes);
    for name in after.names.iter().filter(|one| one.for_ == NameUse::Connector) {
        let service = name.name.split('.').next().context("no label")?;
        let state = site.state().await?;
        let id = state.slots().get(&format!("vpce/{service}/Interface")).context("the slot is empty")?.clone();
        let mut in_aws: Vec<String> = state.addresses(&id).into_iter().map(|(_, ip)| ip).collect();
        let mut published = name.addresses.clone();
        in_aws.sort();
        published.sort();
        assert_eq!(published, in_aws, "{service}");
    }

    network.edit(connector("Disabled")).await?;
    let ready = network.until_ready().await?;
    assert_eq!(site.summary().await?, site.expected().without_ssm().summary());
    assert_eq!(hand_off(&ready)?.revision, before.revision);
    close(&site).await
}

#[tokio::test]
async fn a_class_enables_the_connector_and_a_network_disables_it() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("connector-by-class").await?;
    site.edit_class(json!({ "defaults": connector("Enabled") })).await?;
    let network = site.network("tokyo").apply().await?;
    network.until_ready().await?;
    assert_eq!(site.summary().await?, with_connector(&site).summary());
    network.edit(connector("Disabled")).await?;
    network.until_ready().await?;
    assert_eq!(site.summary().await?, site.expected().summary(), "post-launch actions keep their endpoints");
    close(&site).await
}

#[tokio::test]
async fn a_class_that_does_not_allow_the_services_refuses_the_connector_before_any_write() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("connector-refused").await?;
    let allowed = json!(["mgn", "s3", "ec2", "ssm", "ssmmessages", "ec2messages", "sts"]);
    let class = limited(&site, "services", &allowed).await?;
    let mark = site.last_call().await?;
    let network =
        site.network("tokyo").spec(&connector("Enabled")).with(|spec| spec.migration_network_class_name = Some(class));
    let network = network.apply().await?;
    let message = until_exceeded(&network).await?;
    ensure!(message.contains("`spec.onPremises.connector` must be 'Disabled', because class"), "{message}");
    ensure!(message.contains("allows no endpoint for 'secretsmanager'; allowed: mgn, s3,"), "{message}");
    let writes = site.writes_after(mark).await?;
    ensure!(writes.is_empty(), "{}", listed(&writes));
    network.edit(connector("Disabled")).await?;
    network.until_ready().await?;
    assert_eq!(site.summary().await?, site.expected().summary());
    network.delete_and_wait().await?;
    close(&site).await
}

/// Regions that AWS launched in 2024 and later have no `ec2messages`.
#[tokio::test]
async fn a_channel_that_the_region_does_not_offer_is_skipped() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("connector-skipped").region("mx-central-1").await?;
    let network = site.network("tokyo").without_ssm().spec(&connector("Enabled")).apply().await?;
    let ready = network.until_ready().await?;
    assert_eq!(site.summary().await?, with_connector(&site).without("ec2messages").summary());
    let rules = hand_off(&ready)?.firewall_rules;
    let has = |id: &str| rules.iter().any(|rule| rule.id == id);
    ensure!(has("ssmmessages-https") && !has("ec2messages-https"), "{rules:?}");
    close(&site).await
}

#[tokio::test]
async fn a_plan_contains_the_endpoints_of_the_connector_and_their_cost() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("connector-planned").await?;
    let plan = json!({ "managementPolicy": "Plan", "onPremises": { "connector": "Enabled" } });
    let network = site.network("tokyo").spec(&plan).apply().await?;
    let planned = network.until_reason(ConditionType::Ready, Reason::ChangesPlanned).await?;
    let plan = planned.status.as_ref().and_then(|status| status.plan.clone()).context("there is no plan")?;
    let created: BTreeSet<&String> = plan.calls.iter().flat_map(|call| &call.slots).collect();
    for slot in ["vpce/secretsmanager/Interface", "vpce/sts/Interface"] {
        ensure!(created.contains(&slot.to_owned()), "{created:?}");
    }
    // Two more endpoints in two zones each, for 730 hours, at 0.014 USD: 40.88 USD more than without the connector.
    assert_eq!(plan.cost.and_then(|cost| cost.monthly_usd).as_deref(), Some("346.02"));
    let rules = hand_off(&planned)?.firewall_rules;
    let rule = rules.iter().find(|rule| rule.id == "sts-https").context("no rule")?;
    ensure!(rule.addresses.is_empty() && rule.subnets.len() == 2, "{rule:?}");
    close(&site).await
}
