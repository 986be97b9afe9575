//! MGN itself: the condition `ReplicationTemplateReady` reports an account that is not initialized and a template that
//! contradicts the network, and affects nothing else.

use anyhow::{Context, Result};
use aws_sdk_mgn::{
    operation::update_replication_configuration_template::builders::UpdateReplicationConfigurationTemplateFluentBuilder,
    types::ReplicationConfigurationDataPlaneRouting as Routing,
};
use k8s_openapi::api::events::v1::Event;
use mgnet::api::{
    ConditionStatus::{False, True},
    ConditionType::{Ready, ReplicationTemplateReady},
    MigrationNetwork, Reason, conditions,
};
use serde_json::json;
use support::{Fault, FaultKind, Lab, Network, Site};

use support::failing::{NAME, spoil, until, until_built, until_observed};
use support::mgn::template;
use support::waiting::{condition, events, message};

const DESCRIBE: &str = "DescribeReplicationConfigurationTemplates";

fn change(site: &Site, template: &str) -> UpdateReplicationConfigurationTemplateFluentBuilder {
    site.aws.mgn.update_replication_configuration_template().replication_configuration_template_id(template)
}

/// Waits until the operator has asked MGN that many further times.
async fn until_asked(site: &Site, times: usize) -> Result<()> {
    let now = site.last_call().await?;
    until("the operator asks MGN again", async || {
        let asked = site.calls_after(now).await?.iter().filter(|call| call.action == DESCRIBE).count();
        Ok((asked >= times).then_some(()))
    })
    .await
}

async fn until_contradiction(network: &Network<'_>, field: &str) -> Result<MigrationNetwork> {
    let what = format!("a contradiction in `{field}` is reported");
    network
        .until(&what, |network| {
            condition(network, ReplicationTemplateReady).is_some_and(|(status, reason, message)| {
                status == "False" && reason == "TemplateUnfit" && message.contains(&format!("`{field}`"))
            })
        })
        .await
}

/// An order for calls of MGN, for the rest of the test.
fn always(site: &Site, kind: FaultKind) -> Fault {
    Fault { times: 100_000, ..spoil(site, kind, DESCRIBE) }
}

#[tokio::test]
async fn an_account_is_reported_as_not_initialized_until_it_has_a_template() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("not-initialized").without_mgn().await?;
    let network = site.network(NAME).apply().await?;
    until_built(&site, &network, &site.expected()).await?;
    let reported = network.until_reason(ReplicationTemplateReady, Reason::MgnNotInitialized).await?;
    assert!(message(&reported, ReplicationTemplateReady)?.contains("InitializeService"));

    let template = site.landing.initialize_mgn(&site.aws).await?;
    let fits = network.until_condition(ReplicationTemplateReady, True).await?;
    assert_eq!(message(&fits, ReplicationTemplateReady)?, format!("replication template {template} fits the network"));
    assert_eq!(condition(&fits, Ready).context("no condition")?.0, "True");
    Ok(())
}

#[tokio::test]
async fn a_contradiction_is_reported_until_the_template_is_edited_and_nothing_is_written_to_aws() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("contradiction").await?;
    let template = template(&site.aws).await?;
    change(&site, &template).data_plane_routing(Routing::PublicIp).create_public_ip(true).send().await?;
    let network = site.network(NAME).apply().await?;
    network.until_ready().await?;
    let reported = until_contradiction(&network, "dataPlaneRouting").await?;
    let text = message(&reported, ReplicationTemplateReady)?;
    assert!(text.contains(&template) && text.contains("`createPublicIP`"), "{text}");
    assert_eq!(condition(&reported, Ready).context("no condition")?.0, "True", "the condition is no part of Ready");

    let now = site.last_call().await?;
    until_asked(&site, 2).await?;
    assert_eq!(site.writes_after(now).await?, []);
    change(&site, &template).data_plane_routing(Routing::PrivateIp).create_public_ip(false).send().await?;
    network.until_condition(ReplicationTemplateReady, True).await?;
    Ok(())
}

#[tokio::test]
async fn a_subnet_that_was_deleted_or_is_in_another_vpc_is_reported() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("stale-subnet").await?;
    let template = template(&site.aws).await?;
    let ec2 = &site.aws.ec2;
    let vpc = support::make_vpc(&site.aws, "other").await?;
    let made = ec2.create_subnet().vpc_id(&vpc).cidr_block("10.20.9.0/24").send().await?;
    let subnet = made.subnet.and_then(|subnet| subnet.subnet_id).context("no subnet")?;
    change(&site, &template).staging_area_subnet_id(&subnet).send().await?;
    let network = site.network(NAME).apply().await?;
    let reported = until_contradiction(&network, "stagingAreaSubnetId").await?;
    let text = message(&reported, ReplicationTemplateReady)?;
    assert!(text.contains(&format!("but {subnet} is in another VPC")) && !text.contains(&vpc), "{text}");

    ec2.delete_subnet().subnet_id(&subnet).send().await?;
    network
        .until("the subnet is reported as missing", |network| {
            message(network, ReplicationTemplateReady)
                .is_ok_and(|text| text.contains(&format!("{subnet} does not exist")))
        })
        .await?;
    Ok(())
}

#[tokio::test]
async fn a_role_that_may_not_read_templates_leaves_the_condition_out_and_nothing_else() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("denied-templates").await?;
    let denied = Fault { code: Some("AccessDeniedException".to_owned()), ..always(&site, FaultKind::Error) };
    lab.control().order(&denied).await?;
    let network = site.network(NAME).apply().await?;
    until_built(&site, &network, &site.expected()).await?;
    until_observed(&site, 3).await?;
    let status = network.status().await?;
    assert!(conditions::find(&status.conditions, ReplicationTemplateReady).is_none(), "{:?}", status.conditions);
    assert!(conditions::is_true(&status.conditions, Ready));
    let asked = site.calls().await?.into_iter().filter(|call| call.action == DESCRIBE).count();
    assert_eq!(asked, 1, "a denied call is not repeated in each reconcile");
    assert_eq!(status.preflight_warnings, []);
    Ok(())
}

#[tokio::test]
async fn failures_of_mgn_leave_the_condition_as_it_was() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("throttled-templates").without_mgn().await?;
    // MGN fails from the start: the network is built, and nothing is reported.
    lab.control().order(&always(&site, FaultKind::Throttle)).await?;
    let network = site.network(NAME).apply().await?;
    until_built(&site, &network, &site.expected()).await?;
    until_asked(&site, 2).await?;
    let status = network.status().await?;
    assert!(conditions::find(&status.conditions, ReplicationTemplateReady).is_none(), "{:?}", status.conditions);
    assert!(conditions::is_true(&status.conditions, Ready));
    lab.control().cancel_faults(&site.account).await?;
    network.until_reason(ReplicationTemplateReady, Reason::MgnNotInitialized).await?;
    for kind in [FaultKind::Throttle, FaultKind::Error500, FaultKind::DropBefore] {
        lab.control().order(&always(&site, kind)).await?;
        site.landing.initialize_mgn(&site.aws).await?;
        until_asked(&site, 2).await?;
        until_observed(&site, 2).await?;
        let now = network.get().await?;
        let (status, reason, _) = condition(&now, ReplicationTemplateReady).context("no condition")?;
        assert_eq!((status, reason), ("False", "MGNNotInitialized"), "{kind:?}");
        assert_eq!(condition(&now, Ready).context("no condition")?.0, "True", "{kind:?}");
        network.edit(json!({ "tags": { "wave": format!("{kind:?}") } })).await?;
        network.until_ready().await?;
        lab.control().cancel_faults(&site.account).await?;
        let delete = site.aws.mgn.delete_replication_configuration_template();
        delete.replication_configuration_template_id(template(&site.aws).await?).send().await?;
    }
    site.landing.initialize_mgn(&site.aws).await?;
    network.until_condition(ReplicationTemplateReady, True).await?;
    Ok(())
}

#[tokio::test]
async fn a_template_must_name_the_group_of_the_network_and_the_deletion_of_the_group_is_announced() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("replication-group").await?;
    let template = template(&site.aws).await?;
    let network = site.network(NAME).with_replication_group().apply().await?;
    network.until_ready().await?;
    until_contradiction(&network, "associateDefaultSecurityGroup").await?;
    let group = site.state().await?.security_group("sg/replication").context("no group")?.id.clone();
    let change = change(&site, &template).associate_default_security_group(false);
    change.replication_servers_security_groups_ids(&group).send().await?;
    network.until_condition(ReplicationTemplateReady, True).await?;

    network.delete_and_wait().await?;
    let about_template = |event: &Event| event.action.as_deref() == Some("ReplicationTemplateReady");
    let events: Vec<Event> = events(&site).await?.into_iter().filter(about_template).collect();
    let [event] = events.as_slice() else { anyhow::bail!("not one event: {events:#?}") };
    assert_eq!(event.type_.as_deref(), Some("Warning"));
    let note = event.note.clone().unwrap_or_default();
    assert!(note.contains(&format!("{template} names {group}")), "{note}");
    let listed = site.aws.mgn.describe_replication_configuration_templates().send().await?;
    let [listed] = listed.items() else { anyhow::bail!("not one template") };
    assert_eq!(listed.replication_servers_security_groups_ids(), [group], "the operator never changes a template");
    Ok(())
}

#[tokio::test]
async fn planned_and_suspended_networks_report_the_template_too() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("planned-template").await?;
    let template = template(&site.aws).await?;
    let network = site.network(NAME).spec(&json!({ "managementPolicy": "Plan" })).apply().await?;
    network.until_condition(ReplicationTemplateReady, True).await?;
    network.edit(json!({ "managementPolicy": "Enforce", "suspend": true })).await?;
    network.until_reason(Ready, Reason::Suspended).await?;
    change(&site, &template).create_public_ip(true).send().await?;
    // The template is read anew after a change of the spec only when it is ten minutes old.
    network.edit(json!({ "replication": { "securityGroup": { "mode": "Managed" } } })).await?;
    network.until_condition(ReplicationTemplateReady, False).await?;
    until_contradiction(&network, "createPublicIP").await?;
    Ok(())
}
