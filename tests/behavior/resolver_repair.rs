//! Repair of the Resolver endpoint: lost and failed addresses, and every state that AWS reports.

use anyhow::{Context, Result, ensure};
use mgnet::api::{ConditionType, MigrationNetwork};
use serde_json::json;
use support::{Lab, Network, Site};

use support::foreign::unwritten;
use support::waiting::{close, is_true, message, until, until_observed, until_state};

const FIXED: [(&str, &str); 2] = [("endpoints-1", "10.20.1.53"), ("endpoints-2", "10.20.2.53")];

/// Builds a network whose Resolver endpoint has fixed addresses.
async fn with_fixed_addresses(site: &Site) -> Result<Network<'_>> {
    let addresses = FIXED.map(|(subnet, ip)| site.landing.subnet(subnet).map(|id| json!({ "subnetID": id, "ip": ip })));
    let addresses = addresses.into_iter().collect::<Result<Vec<_>>>()?;
    let network = site.network("tokyo").spec(&json!({ "resolver": { "addresses": addresses } })).apply().await?;
    network.until_ready().await?;
    Ok(network)
}

/// The addresses of the network's Resolver endpoint: ID, IP address and status of each.
async fn addresses(site: &Site) -> Result<Vec<(String, String, String)>> {
    let state = site.state().await?;
    let [resolver] = &*state.resolver_endpoints else { anyhow::bail!("not one Resolver endpoint") };
    let all = resolver.addresses.iter().map(|one| (one.id.clone(), one.address.clone(), one.status.clone()));
    Ok(all.collect())
}

async fn set_status(site: &Site, id: &str, status: &str) -> Result<()> {
    site.lab.control().set_resolver_status(&site.account, &site.region, id, status).await
}

fn resolver_id(network: &MigrationNetwork) -> Result<String> {
    let status = network.status.as_ref().context("no status")?;
    status.resolver.as_ref().and_then(|resolver| resolver.id.clone()).context("no resolver in status")
}

#[tokio::test]
async fn a_lost_fixed_address_is_restored_whether_or_not_aws_reuses_it() -> Result<()> {
    let lab = Lab::shared().await?;
    for (name, reuse) in [("reused", true), ("not-reused", false)] {
        let site = lab.site(name).await?;
        lab.control().change_options(&site.account, json!({ "lost_address_reuse": reuse })).await?;
        let network = with_fixed_addresses(&site).await?;
        let lost = addresses(&site).await?.into_iter().find(|(_, ip, _)| ip == FIXED[0].1).context("no address")?;
        set_status(&site, &lost.0, "FAILED_RESOURCE_GONE").await?;
        let mark = site.last_call().await?;
        until("the lost address is restored", async || {
            let now = addresses(&site).await?;
            let serving = now.iter().filter(|(_, _, status)| status == "ATTACHED").count();
            ensure!(now.len() >= 2 && serving >= 1, "reuse {reuse}: too few addresses: {now:?}");
            let mut attached: Vec<&str> =
                now.iter().filter(|(_, _, status)| status == "ATTACHED").map(|(_, ip, _)| ip.as_str()).collect();
            attached.sort_unstable();
            Ok(if now.len() == 2 && attached == FIXED.map(|(_, ip)| ip) { Ok(()) } else { Err(format!("{now:?}")) })
        })
        .await?;
        network.until_ready().await?;
        let refused: Vec<_> = site.calls_after(mark).await?.into_iter().filter(|call| call.outcome != "ok").collect();
        assert!(refused.is_empty(), "reuse {reuse}: {refused:?}");
        close(&site).await?;
    }
    Ok(())
}

#[tokio::test]
async fn addresses_that_aws_cannot_create_do_not_pile_up() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("failing-addresses").await?;
    let network = site.network("tokyo").apply().await?;
    network.until_ready().await?;
    let first = addresses(&site).await?.swap_remove(0);
    set_status(&site, &first.0, "FAILED_RESOURCE_GONE").await?;
    // Every new address fails, one after the other, more often than the quota of six allows addresses.
    for _ in 0..8 {
        let old = addresses(&site).await?;
        let is_new = |all: &[(String, String, String)]| {
            all.iter().find(|(id, ..)| old.iter().all(|(known, ..)| known != id)).map(|(id, ..)| id.clone())
        };
        let new = until("another address is tried", async || {
            let now = addresses(&site).await?;
            ensure!(now.len() <= 4, "broken addresses pile up: {now:?}");
            Ok(is_new(&now).ok_or_else(|| format!("{now:?}")))
        })
        .await?;
        until_state(&site, "the address is no longer added", |state| {
            state.resolver_endpoints.iter().all(|one| one.status != "UPDATING")
        })
        .await?;
        set_status(&site, &new, "FAILED_CREATION").await?;
    }
    network.until_ready().await?;
    let now = addresses(&site).await?;
    assert!(now.len() == 2 && now.iter().all(|(_, _, status)| status == "ATTACHED"), "{now:?}");
    close(&site).await
}

#[tokio::test]
async fn every_status_of_an_address_is_repaired_or_awaited() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("statuses").await?;
    let network = site.network("tokyo").apply().await?;
    network.until_ready().await?;
    for status in ["FAILED_CREATION", "FAILED_RESOURCE_GONE", "UPDATE_FAILED", "ISOLATED", "DELETE_FAILED_FAS_EXPIRED"]
    {
        let (id, ..) = addresses(&site).await?.swap_remove(0);
        set_status(&site, &id, status).await?;
        until(&format!("an address with status {status} is replaced"), async || {
            let now = addresses(&site).await?;
            ensure!(now.len() >= 2, "{status}: {now:?}");
            let is_repaired =
                now.len() == 2 && now.iter().all(|(other, _, status)| *other != id && status == "ATTACHED");
            Ok(if is_repaired { Ok(()) } else { Err(format!("{now:?}")) })
        })
        .await?;
        network.until_ready().await?;
    }
    for status in ["CREATING", "ATTACHING", "REMAP_DETACHING", "REMAP_ATTACHING", "UPDATING"] {
        let (id, ..) = addresses(&site).await?.swap_remove(0);
        let mark = site.last_call().await?;
        set_status(&site, &id, status).await?;
        network.until("it waits for AWS", |network| !is_true(network, ConditionType::Ready)).await?;
        let waiting = network.get().await?;
        assert!(message(&waiting, ConditionType::ResolverReady)?.contains(status), "{waiting:?}");
        unwritten(&site, mark).await?;
        set_status(&site, &id, "ATTACHED").await?;
        network.until_ready().await?;
    }
    close(&site).await
}

#[tokio::test]
async fn a_resolver_endpoint_that_aws_repairs_is_ready_with_a_warning() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("recovering").await?;
    let network = site.network("tokyo").apply().await?;
    let id = resolver_id(&network.until_ready().await?)?;
    let mark = site.last_call().await?;
    set_status(&site, &id, "AUTO_RECOVERING").await?;
    let reported = network
        .until("the repair is reported", |network| {
            message(network, ConditionType::ResolverReady).is_ok_and(|text| text.contains("AUTO_RECOVERING"))
        })
        .await?;
    assert!(is_true(&reported, ConditionType::Ready) && is_true(&reported, ConditionType::ResolverReady));
    until_observed(&site, 2).await?;
    unwritten(&site, mark).await?;
    set_status(&site, &id, "OPERATIONAL").await?;
    network
        .until("the warning is gone", |network| {
            message(network, ConditionType::ResolverReady).is_ok_and(|text| !text.contains("AUTO_RECOVERING"))
        })
        .await?;
    close(&site).await
}

#[tokio::test]
async fn a_deletion_that_is_stuck_is_requested_again() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("stuck").await?;
    let network = site.network("tokyo").apply().await?;
    let ready = network.until_ready().await?;
    // AWS reports the state without an end.
    set_status(&site, &resolver_id(&ready)?, "DELETING").await?;
    network.edit(json!({ "resolver": { "mode": "Disabled" } })).await?;
    network.until_ready().await?;
    assert_eq!(site.state().await?.resolver_endpoints, []);
    close(&site).await
}
