//! Edits of a network's subnets: addresses move to other zones and subnets without an outage.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use serde_json::json;
use support::{Call, Lab, Site, Use, state::State};

use support::waiting::{actions, close, listed, tag, until_aws_holds, without_outage};

/// How late AWS shows changes, in seconds, and how many addresses the operator then adds to the Resolver endpoint at most.
/// The status `UPDATING` lasts for 60 seconds, and prevents a second address. With a longer lag, the operator may add a
/// second address, and removes it again.
const LAGS: [(u32, usize); 2] = [(20, 1), (90, 2)];

/// Returns the IDs of the endpoint subnets in those zones.
fn in_zones<const N: usize>(landing: &support::Landing, zones: [usize; N]) -> Result<Vec<String>> {
    zones.iter().map(|zone| Ok(landing.subnet(&format!("endpoints-{zone}"))?.to_owned())).collect()
}

/// Returns the addresses to which on-premises DNS servers forward, by subnet.
fn forwarding_addresses(state: &State) -> BTreeMap<String, String> {
    let addresses = state.resolver_endpoints.iter().flat_map(|resolver| &resolver.addresses);
    addresses.map(|address| (address.subnet.clone(), address.address.clone())).collect()
}

#[tokio::test]
async fn endpoints_are_added_in_a_third_zone_and_removed_from_the_first() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("zones").await?;
    let mut landing = site.landing.clone();
    // The spec names the subnets by ID, so that the third subnet is not used before the edit.
    let first = in_zones(&landing, [1, 2])?;
    let network = site.network("tokyo").apply().await?;
    network.edit(json!({ "subnets": { "endpoints": { "ids": first } } })).await?;
    network.until_ready().await?;
    landing.add_subnet(&site.aws, Use::Endpoints, 3).await?;
    let before = forwarding_addresses(&site.state().await?);

    let mark = site.last_call().await?;
    let wider = without_outage(&site, async {
        network.edit(json!({ "subnets": { "endpoints": { "ids": in_zones(&landing, [1, 2, 3])? } } })).await?;
        network.until_ready().await
    })
    .await?;
    let expected = site.expected().subnets(["endpoints-1", "endpoints-2", "endpoints-3"]);
    assert_eq!(site.summary().await?, expected.summary());
    let resolver = wider.status.and_then(|status| status.resolver).context("no resolver in the status")?;
    assert_eq!(resolver.ip_addresses.len(), 3);

    without_outage(&site, async {
        network.edit(json!({ "subnets": { "endpoints": { "ids": in_zones(&landing, [2, 3])? } } })).await?;
        network.until_ready().await
    })
    .await?;
    assert_eq!(site.summary().await?, site.expected().subnets(["endpoints-2", "endpoints-3"]).summary());
    let (after, second) = (forwarding_addresses(&site.state().await?), landing.subnet("endpoints-2")?);
    assert_eq!(before.get(second), after.get(second), "the address in the remaining subnet has changed");

    let writes = site.writes_after(mark).await?;
    let of_resolver: Vec<Call> = writes.iter().filter(|call| call.action.contains("Resolver")).cloned().collect();
    let expected = ["AssociateResolverEndpointIpAddress", "DisassociateResolverEndpointIpAddress"];
    assert_eq!(actions(&of_resolver), expected, "{}", listed(&writes));
    let modified = actions(&writes).into_iter().filter(|action| *action == "ModifyVpcEndpoint").count();
    assert_eq!(modified, 12, "six endpoints, twice:{}", listed(&writes));
    close(&site).await
}

#[tokio::test]
async fn addresses_move_while_aws_shows_changes_late() -> Result<()> {
    let lab = Lab::shared().await?;
    for (lag, additions) in LAGS {
        let site = lab.site("late").await?;
        let mut landing = site.landing.clone();
        let network = site.network("tokyo").apply().await?;
        network.edit(json!({ "subnets": { "endpoints": { "ids": in_zones(&landing, [1, 2])? } } })).await?;
        network.until_ready().await?;
        landing.add_subnet(&site.aws, Use::Endpoints, 3).await?;
        lab.control().change_options(&site.account, json!({ "changes_invisible_for": lag })).await?;
        let mark = site.last_call().await?;
        without_outage(&site, async {
            let edit = json!({ "subnets": { "endpoints": { "ids": in_zones(&landing, [2, 3])? } },
                "sourceCIDRs": ["192.168.11.0/24"] });
            network.edit(edit).await?;
            network.until_ready().await
        })
        .await?;
        let expected = site.expected().subnets(["endpoints-2", "endpoints-3"]).sources(["192.168.11.0/24"]);
        assert_eq!(site.summary().await?, expected.summary(), "{lag} s");
        let writes = site.writes_after(mark).await?;
        let associations = actions(&writes).into_iter().filter(|name| name.starts_with("AssociateResolver")).count();
        assert!((1..=additions).contains(&associations), "{lag} s: {associations} additions{}", listed(&writes));
        close(&site).await?;
    }
    Ok(())
}

#[tokio::test]
async fn one_edit_replaces_a_subnet_with_one_in_another_zone() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("moved").await?;
    let mut landing = site.landing.clone();
    let network = site.network("tokyo").apply().await?;
    network.edit(json!({ "subnets": { "endpoints": { "ids": in_zones(&landing, [1, 2])? } } })).await?;
    network.until_ready().await?;
    landing.add_subnet(&site.aws, Use::Endpoints, 3).await?;
    let mark = site.last_call().await?;
    without_outage(&site, async {
        network.edit(json!({ "subnets": { "endpoints": { "ids": in_zones(&landing, [2, 3])? } } })).await?;
        network.until_ready().await
    })
    .await?;
    assert_eq!(site.summary().await?, site.expected().subnets(["endpoints-2", "endpoints-3"]).summary());
    check_added_before_removed(&site.writes_after(mark).await?)?;
    close(&site).await
}

/// Fails unless each endpoint and the resolver got their new subnets in an earlier call than they lost their old ones.
fn check_added_before_removed(writes: &[Call]) -> Result<()> {
    let mut serving: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for call in writes.iter().filter(|call| call.outcome == "ok" && call.action == "ModifyVpcEndpoint") {
        let changes = serving.entry(call.parameters["VpcEndpointId"].to_string()).or_default();
        changes.extend(call.parameters.get("AddSubnetId").map(|_| "add"));
        changes.extend(call.parameters.get("RemoveSubnetId").map(|_| "remove"));
    }
    ensure!(serving.len() == 6 && serving.values().all(|changes| changes == &["add", "remove"]), "{}", listed(writes));
    let of_resolver: Vec<&str> = actions(writes).into_iter().filter(|action| action.contains("Resolver")).collect();
    let expected = ["AssociateResolverEndpointIpAddress", "DisassociateResolverEndpointIpAddress"];
    ensure!(of_resolver == expected, "{}", listed(writes));
    Ok(())
}

/// Creates a subnet in the first or second zone that no selector matches, and returns its ID.
async fn create_other_subnet(site: &Site, zone: usize) -> Result<String> {
    let name = format!("other-{zone}");
    let made = site
        .aws
        .ec2
        .create_subnet()
        .vpc_id(&site.landing.vpc)
        .availability_zone(&site.landing.zones[zone - 1])
        .cidr_block(format!("10.20.{}.0/24", 30 + zone))
        .send()
        .await?;
    let id = made.subnet.and_then(|subnet| subnet.subnet_id).context("no id")?;
    tag(site, &id, "Name", &name).await?;
    Ok(id)
}

#[tokio::test]
async fn a_subnet_is_replaced_with_another_in_its_zone() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("swapped").await?;
    let network = site.network("tokyo").apply().await?;
    network.until_ready().await?;
    let (other, second) = (create_other_subnet(&site, 1).await?, site.landing.subnet("endpoints-2")?.to_owned());
    without_outage(&site, async {
        network.edit(json!({ "subnets": { "endpoints": { "ids": [other, second] } } })).await?;
        network.until_ready().await
    })
    .await?;
    assert_eq!(site.summary().await?, site.expected().subnets(["other-1", "endpoints-2"]).summary());
    close(&site).await
}

#[tokio::test]
async fn all_subnets_are_replaced_within_their_zones() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("all-swapped").await?;
    let network = site.network("tokyo").apply().await?;
    network.until_ready().await?;
    let others = [create_other_subnet(&site, 1).await?, create_other_subnet(&site, 2).await?];
    without_outage(&site, async {
        network.edit(json!({ "subnets": { "endpoints": { "ids": others } } })).await?;
        network.until_ready().await
    })
    .await?;
    assert_eq!(site.summary().await?, site.expected().subnets(["other-1", "other-2"]).summary());
    close(&site).await
}

#[tokio::test]
async fn the_gateway_gets_the_route_tables_of_new_staging_subnets() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("staging").await?;
    let mut landing = site.landing.clone();
    let network = site.network("tokyo").apply().await?;
    network.edit(json!({ "subnets": { "staging": { "ids": [landing.subnet("staging-1")?] } } })).await?;
    network.until_ready().await?;
    let second = landing.add_subnet(&site.aws, Use::Staging, 2).await?;
    landing.add_route_table(&site.aws, "staging-2", &second).await?;
    // This subnet has no route table of its own: it uses the VPC's main route table.
    let third = landing.add_subnet(&site.aws, Use::Staging, 3).await?;

    let mark = site.last_call().await?;
    network.edit(json!({ "subnets": { "staging": { "ids": [second] } } })).await?;
    network.until_ready().await?;
    assert_eq!(site.summary().await?, site.expected().route_tables(["launch", "staging-2"]).summary());

    network.edit(json!({ "subnets": { "staging": { "ids": [second, third] } } })).await?;
    network.until_ready().await?;
    assert_eq!(site.summary().await?, site.expected().route_tables(["launch", "main", "staging-2"]).summary());
    let writes = site.writes_after(mark).await?;
    assert_eq!(actions(&writes), ["ModifyVpcEndpoint", "ModifyVpcEndpoint"], "{}", listed(&writes));

    let state = site.state().await?;
    let gateway = &state.endpoint("s3", "Gateway").context("no gateway")?.id;
    let routed: Vec<&str> = state
        .route_tables
        .iter()
        .filter(|table| table.routes.iter().any(|route| route.target == *gateway))
        .filter_map(|table| table.tags.get("Name").map(String::as_str).or(table.main.then_some("main")))
        .collect();
    assert_eq!(routed.len(), 3, "{routed:?}");
    assert!(!routed.contains(&"staging"), "the former route table still routes to the gateway");
    close(&site).await
}

#[tokio::test]
async fn subnets_that_are_tagged_later_are_used_without_an_edit() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("tagged").await?;
    let network = site.network("tokyo").apply().await?;
    network.until_ready().await?;
    let mut landing = site.landing.clone();
    let expected = site.expected().subnets(["endpoints-1", "endpoints-2", "endpoints-3"]);
    without_outage(&site, async {
        landing.add_subnet(&site.aws, Use::Endpoints, 3).await?;
        until_aws_holds(&network, &site, &expected).await
    })
    .await?;
    close(&site).await
}
