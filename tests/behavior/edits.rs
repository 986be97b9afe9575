//! Edits of a network that is built: applied in place, and without an outage for on-premises servers.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use mgnet::api::{ConditionType, DeletionPolicy};
use serde_json::json;
use support::{Call, Lab, state::State};

use support::waiting::{
    actions, close, condition, held_epoch, is_true, listed, message, tag, tagged_epoch, tags, without_outage,
};

#[tokio::test]
async fn new_sources_are_admitted_before_old_sources_are_removed() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("sources").await?;
    let network = site.network("tokyo").with_replication_group().apply().await?;
    network.until_ready().await?;
    let mark = site.last_call().await?;
    without_outage(&site, async {
        network.edit(json!({ "sourceCIDRs": ["192.168.11.0/24", "172.16.0.0/12"] })).await?;
        network.until_ready().await
    })
    .await?;
    let expected = site.expected().with_replication_group().sources(["192.168.11.0/24", "172.16.0.0/12"]);
    assert_eq!(site.summary().await?, expected.summary());

    let writes = site.writes_after(mark).await?;
    let state = site.state().await?;
    for slot in ["sg/endpoints", "sg/resolver", "sg/replication"] {
        let group = state.security_group(slot).context("no group")?;
        let of_group: Vec<Call> =
            writes.iter().filter(|call| call.parameters["GroupId"] == group.id.as_str()).cloned().collect();
        let expected = ["AuthorizeSecurityGroupIngress", "RevokeSecurityGroupIngress"];
        assert_eq!(actions(&of_group), expected, "{slot}:{}", listed(&writes));
    }
    assert_eq!(actions(&writes).len(), 6, "{}", listed(&writes));
    close(&site).await
}

#[tokio::test]
async fn a_cidr_that_remains_in_the_spec_keeps_its_rule() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("staying").await?;
    let network = site.network("tokyo").sources(["192.168.10.0/24", "192.168.11.0/24"]).apply().await?;
    network.until_ready().await?;
    let rule = |state: &State| -> Option<String> {
        let rules = &state.security_group("sg/endpoints")?.ingress;
        rules.iter().find(|rule| rule.peer == "192.168.10.0/24").map(|rule| rule.id.clone())
    };
    let before = rule(&site.state().await?).context("no rule")?;
    network.edit(json!({ "sourceCIDRs": ["192.168.10.0/24", "192.168.12.0/24"] })).await?;
    network.until_ready().await?;
    let state = site.state().await?;
    assert_eq!(rule(&state), Some(before));
    assert_eq!(site.summary().await?, site.expected().sources(["192.168.10.0/24", "192.168.12.0/24"]).summary());
    close(&site).await
}

#[tokio::test]
async fn proxies_are_added_and_removed() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("proxies").await?;
    let network = site.network("tokyo").apply().await?;
    network.until_ready().await?;
    let mark = site.last_call().await?;
    without_outage(&site, async {
        network.edit(json!({ "proxyCIDRs": ["10.9.0.0/24", "10.9.1.7/32"] })).await?;
        network.until_ready().await
    })
    .await?;
    assert_eq!(site.summary().await?, site.expected().proxies(["10.9.0.0/24", "10.9.1.7/32"]).summary());

    without_outage(&site, async {
        network.edit(json!({ "proxyCIDRs": null })).await?;
        network.until_ready().await
    })
    .await?;
    assert_eq!(site.summary().await?, site.expected().summary());
    let writes = site.writes_after(mark).await?;
    let expected = ["AuthorizeSecurityGroupIngress", "RevokeSecurityGroupIngress"];
    assert_eq!(actions(&writes), expected, "{}", listed(&writes));
    close(&site).await
}

#[tokio::test]
async fn post_launch_actions_are_disabled_and_enabled_again() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("ssm").await?;
    let network = site.network("tokyo").apply().await?;
    network.until_ready().await?;
    let mark = site.last_call().await?;
    let without = without_outage(&site, async {
        network.edit(json!({ "postLaunch": { "ssm": "Disabled" } })).await?;
        network.until_ready().await
    })
    .await?;
    assert_eq!(site.summary().await?, site.expected().without_ssm().summary());
    assert_eq!(without.status.and_then(|status| status.endpoints_available).as_deref(), Some("4/4"));
    let writes = site.writes_after(mark).await?;
    assert_eq!(actions(&writes), ["DeleteVpcEndpoints"], "in one call:{}", listed(&writes));

    let with = without_outage(&site, async {
        network.edit(json!({ "postLaunch": null })).await?;
        network.until_ready().await
    })
    .await?;
    assert_eq!(site.summary().await?, site.expected().summary());
    let state = site.state().await?;
    for (slot, epoch) in [("vpce/ssm/Interface", 2), ("vpce/ec2messages/Interface", 2), ("vpce/mgn/Interface", 1)] {
        assert_eq!(held_epoch(&with, slot), Some(epoch), "{slot}");
        assert_eq!(tagged_epoch(&state, slot), Some(epoch.to_string()), "{slot}");
    }
    close(&site).await
}

#[tokio::test]
async fn a_resolver_that_was_disabled_is_created_again_when_it_is_enabled() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("resolver").await?;
    let network = site.network("tokyo").apply().await?;
    network.until_ready().await?;
    let before = site.state().await?.resolver_endpoints.first().context("no resolver")?.id.clone();
    let without = without_outage(&site, async {
        network.edit(json!({ "resolver": { "mode": "Disabled" } })).await?;
        network.until_ready().await
    })
    .await?;
    assert_eq!(site.summary().await?, site.expected().without_resolver().summary(), "its group is deleted with it");
    let status = without.status.clone().context("no status")?;
    assert_eq!(status.resolver, None);
    assert_eq!(status.security_groups.len(), 1);
    assert_eq!(condition(&without, ConditionType::ResolverReady).map(|(_, reason, _)| reason), Some("Disabled"));

    let with = without_outage(&site, async {
        network.edit(json!({ "resolver": { "mode": "Managed" } })).await?;
        network.until_ready().await
    })
    .await?;
    assert_eq!(site.summary().await?, site.expected().summary());
    let state = site.state().await?;
    assert_ne!(state.resolver_endpoints.first().context("no resolver")?.id, before);
    for slot in ["resolver", "sg/resolver"] {
        assert_eq!(held_epoch(&with, slot), Some(2), "{slot}");
        assert_eq!(tagged_epoch(&state, slot).as_deref(), Some("2"), "{slot}");
    }
    close(&site).await
}

#[tokio::test]
async fn the_replication_group_is_created_and_deleted() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("replication").await?;
    let network = site.network("tokyo").apply().await?;
    network.until_ready().await?;
    let mark = site.last_call().await?;
    network.edit(json!({ "replication": { "securityGroup": { "mode": "Managed" } } })).await?;
    network.until_ready().await?;
    assert_eq!(site.summary().await?, site.expected().with_replication_group().summary());
    network.edit(json!({ "replication": { "securityGroup": { "mode": "ServiceManaged" } } })).await?;
    let without = network.until_ready().await?;
    assert_eq!(site.summary().await?, site.expected().summary());
    let status = without.status.context("no status")?;
    assert_eq!(status.security_groups.len(), 2);
    let writes = site.writes_after(mark).await?;
    let expected = ["CreateSecurityGroup", "AuthorizeSecurityGroupIngress", "DeleteSecurityGroup"];
    assert_eq!(actions(&writes), expected, "{}", listed(&writes));
    close(&site).await
}

#[tokio::test]
async fn a_group_in_use_by_replication_servers_is_deleted_after_them() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("in-use").await?;
    let network = site.network("tokyo").with_replication_group().apply().await?;
    network.until_ready().await?;
    let group = site.state().await?.security_group("sg/replication").context("no group")?.id.clone();
    let (ec2, staging) = (&site.aws.ec2, site.landing.subnet("staging-1")?);
    let server = ec2.create_network_interface().subnet_id(staging).groups(&group).description("replication server");
    let made = server.send().await?.network_interface.and_then(|made| made.network_interface_id).context("no id")?;

    let mark = site.last_call().await?;
    network.edit(json!({ "replication": null })).await?;
    let waiting = network
        .until("the group is reported to be in use", |network| {
            message(network, ConditionType::SecurityGroupsReady).is_ok_and(|message| message.contains("is in use by"))
        })
        .await?;
    let text = message(&waiting, ConditionType::SecurityGroupsReady)?;
    assert!(text.contains(&group) && text.contains(&made) && text.contains("replication server"), "{text}");
    assert!(!is_true(&waiting, ConditionType::Ready));
    assert_eq!(site.writes_after(mark).await?, [], "the operator sends no call that AWS would refuse");

    ec2.delete_network_interface().network_interface_id(&made).send().await?;
    network.until_ready().await?;
    assert_eq!(site.summary().await?, site.expected().summary());
    close(&site).await
}

#[tokio::test]
async fn tags_are_added_changed_and_removed_but_foreign_tags_remain() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("tags").await?;
    let network =
        site.network("tokyo").with(|spec| spec.tags = Some([("wave".into(), "1".into())].into())).apply().await?;
    network.until_ready().await?;
    assert_eq!(site.summary().await?, site.expected().tag("wave", "1").summary());
    let mgn = site.state().await?.endpoint("mgn", "Interface").context("no endpoint")?.id.clone();
    tag(&site, &mgn, "backup", "weekly").await?;
    let without_foreign_tag = |summary: String| summary.replace(", backup=weekly", "");

    network.edit(json!({ "tags": { "wave": "2", "owner": "billing" } })).await?;
    network.until_ready().await?;
    let expected = site.expected().tag("wave", "2").tag("owner", "billing").summary();
    let held = site.summary().await?.to_string();
    assert!(held.contains(", backup=weekly"), "{held}");
    assert_eq!(without_foreign_tag(held), expected.to_string());

    network.edit(json!({ "tags": { "wave": null } })).await?;
    let settled = network.until_ready().await?;
    let held = site.summary().await?.to_string();
    assert!(held.contains(", backup=weekly"), "{held}");
    assert_eq!(without_foreign_tag(held), site.expected().tag("owner", "billing").summary().to_string());
    let tagged = settled.status.and_then(|status| status.settings).context("no settings")?.tags;
    assert_eq!(tagged, BTreeMap::from([("owner".to_owned(), "billing".to_owned())]));

    // A `Name` tag in the spec replaces the operator's `Name` tag, which is restored when the spec no longer has one.
    network.edit(json!({ "tags": { "Name": "migration", "owner": null } })).await?;
    network.until_ready().await?;
    let state = site.state().await?;
    assert!(tags(&state).iter().all(|tags| tags["Name"] == "migration"), "{state:#?}");
    network.edit(json!({ "tags": null })).await?;
    network.until_ready().await?;
    let state = site.state().await?;
    let prefix = format!("{}/tokyo ", site.namespace);
    assert!(
        tags(&state).iter().all(|tags| tags["Name"] == format!("{prefix}{}", tags["mgnet.dev/slot"])),
        "{state:#?}"
    );
    close(&site).await
}

#[tokio::test]
async fn an_edit_of_the_deletion_policy_is_reported_without_a_write_to_aws() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("policy").await?;
    let network = site.network("tokyo").apply().await?;
    network.until_ready().await?;
    let mark = site.last_call().await?;
    network.edit(json!({ "deletionPolicy": "Retain" })).await?;
    let edited = network.until_ready().await?;
    let settings = edited.status.and_then(|status| status.settings).context("no settings")?;
    assert_eq!(settings.deletion_policy, Some(DeletionPolicy::Retain));
    assert_eq!(site.writes_after(mark).await?, []);
    assert_eq!(site.summary().await?, site.expected().summary());

    network.delete_and_wait().await?;
    assert_eq!(site.summary().await?, site.expected().retained().summary());
    close(&site).await
}

#[tokio::test]
async fn several_edits_at_once_end_with_the_last_spec() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("at-once").await?;
    let network = site.network("tokyo").apply().await?;
    // The edits do not wait until the first version of the spec is built.
    network.until("a slot is claimed", |network| !network.status.clone().unwrap_or_default().claims.is_empty()).await?;
    network.edit(json!({ "postLaunch": { "ssm": "Disabled" }, "proxyCIDRs": ["10.9.0.0/24"] })).await?;
    network.edit(json!({ "sourceCIDRs": ["192.168.20.0/24"], "tags": { "wave": "3" } })).await?;
    network.edit(json!({ "replication": { "securityGroup": { "mode": "Managed" } } })).await?;
    network.until_ready().await?;
    let expected = site.expected().without_ssm().proxies(["10.9.0.0/24"]).sources(["192.168.20.0/24"]);
    let expected = expected.tag("wave", "3").with_replication_group();
    assert_eq!(site.summary().await?, expected.summary());
    close(&site).await
}
