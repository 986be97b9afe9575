//! Who resolves the services' own names to the endpoints, and the gateway endpoint that the S3 names may stand on: through
//! every edit in an order that AWS does not refuse.

use anyhow::{Context, Result};
use mgnet::api::{ConditionType, MigrationNetwork};
use serde_json::{Value, json};
use support::{Expected, Lab, Network, Site};

use support::foreign::{delete_endpoint, entry, unwritten};
use support::waiting::{close, condition, held_epoch, is_true, listed, until_event, until_repaired, without_outage};

/// How the S3 names are asked for. Omitted is one of the ways.
const NAMES: [Option<&str>; 4] = [None, Some("Enabled"), Some("InboundResolverOnly"), Some("Disabled")];

/// One wish: the private DNS of the S3 interface endpoint, and whether there is a gateway endpoint.
type Wish = (Option<&'static str>, bool);

fn spec((names, gateway): Wish) -> Value {
    let mut endpoints = Vec::new();
    if let Some(names) = names {
        endpoints.push(entry("s3", "Interface", &json!({ "privateDNS": names })));
    }
    if !gateway {
        endpoints.push(entry("s3", "Gateway", &json!({ "mode": "Disabled" })));
    }
    json!({ "endpoints": if endpoints.is_empty() { Value::Null } else { Value::Array(endpoints) } })
}

fn expected(site: &Site, (names, gateway): Wish) -> Expected {
    let words = match (names, gateway) {
        (None | Some("InboundResolverOnly"), true) => "for the inbound resolver only",
        (Some("Disabled"), _) => "off",
        _ => "on",
    };
    let expected = site.expected().private_dns("s3", words);
    if gateway { expected } else { expected.without_gateway() }
}

/// The one wish that AWS cannot fulfil.
fn is_impossible(wish: Wish) -> bool {
    wish == (Some("InboundResolverOnly"), false)
}

/// A walk over all edits from one wish to another: every ordered pair of wishes is in it once. By Hierholzer's way.
pub(crate) fn walk<T: Copy>(wishes: &[T]) -> Vec<T> {
    let all = 0..wishes.len();
    let mut left: Vec<Vec<usize>> = all.clone().map(|from| all.clone().filter(|to| *to != from).collect()).collect();
    let (mut stack, mut walk) = (vec![0], Vec::new());
    while let Some(&at) = stack.last() {
        match left[at].pop() {
            Some(next) => stack.push(next),
            None => walk.extend(stack.pop().map(|at| wishes[at])),
        }
    }
    walk.reverse();
    walk
}

async fn walks(part: usize, parts: usize) -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("names").await?;
    // A throttled call would be refused for its haste, not for its order.
    lab.world().change_options(&site.account, json!({ "throttling": false })).await?;
    let wishes: Vec<Wish> = NAMES.iter().flat_map(|names| [(*names, true), (*names, false)]).collect();
    let wishes: Vec<Wish> = wishes.into_iter().filter(|wish| !is_impossible(*wish)).collect();
    let whole = walk(&wishes);
    assert_eq!(whole.len(), wishes.len() * (wishes.len() - 1) + 1);
    let step = (whole.len() - 1).div_ceil(parts);
    let mine = &whole[part * step..whole.len().min((part + 1) * step + 1)];
    let mark = site.last_call().await?;
    let network = site.network("tokyo").spec(&spec(mine[0])).apply().await?;
    network.until_ready().await?;
    assert_eq!(site.summary().await?, expected(&site, mine[0]).summary());
    let id = site.state().await?.slots()["vpce/s3/Interface"].clone();
    for pair in mine.windows(2) {
        network.edit(spec(pair[1])).await?;
        network.until_ready().await.with_context(|| format!("from {:?} to {:?}", pair[0], pair[1]))?;
        assert_eq!(site.summary().await?, expected(&site, pair[1]).summary(), "from {:?} to {:?}", pair[0], pair[1]);
        let calls = site.calls_after(mark).await?;
        let refused = calls.iter().find(|call| call.outcome != "ok");
        assert_eq!(refused, None, "from {:?} to {:?}:{}", pair[0], pair[1], listed(&calls));
    }
    assert_eq!(site.state().await?.slots()["vpce/s3/Interface"], id, "it is changed in place all the way");
    let gone = site.calls_after(mark).await?.into_iter().filter(|call| call.action == "DeleteVpcEndpoints");
    // A deletion that is refused is answered as well, and would be tried again.
    let gone: Vec<_> = gone.map(|call| call.parameters.to_string().matches("vpce-").count()).collect();
    let wanted = mine.windows(2).filter(|pair| pair[0].1 && !pair[1].1).count();
    assert_eq!(gone, vec![1; wanted], "the gateway alone, once each time");
    network.delete_and_wait().await?;
    assert!(site.summary().await?.is_empty());
    let calls = site.calls_after(mark).await?;
    assert!(calls.iter().all(|call| call.outcome == "ok"), "{}", listed(&calls));
    close(&site).await
}

#[tokio::test]
async fn every_edit_of_s3_names_and_gateway_is_made_in_an_order_that_aws_takes() -> Result<()> {
    walks(0, 2).await
}

#[tokio::test]
async fn every_other_edit_of_s3_names_and_gateway_is_made_in_an_order_that_aws_takes() -> Result<()> {
    walks(1, 2).await
}

async fn until_spec_is_refused(network: &Network<'_>, words: &[&str]) -> Result<MigrationNetwork> {
    network
        .until(&format!("the spec is refused with the words {words:?}"), |network| {
            let current = network.status.as_ref().map(|status| status.observed_generation);
            current == network.metadata.generation
                && condition(network, ConditionType::Accepted).is_some_and(|(status, why, said)| {
                    status == "False" && why == "InvalidSpec" && words.iter().all(|word| said.contains(word))
                })
        })
        .await
}

#[tokio::test]
async fn names_for_the_inbound_resolver_only_are_refused_without_the_gateway() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("impossible").await?;
    let network = site.network("tokyo").apply().await?;
    network.until_ready().await?;
    let mark = site.last_call().await?;
    network.edit(spec((Some("InboundResolverOnly"), false))).await?;
    let field = "`spec.endpoints[s3/Interface].privateDNS`";
    until_spec_is_refused(&network, &[field, "without the S3 gateway endpoint", "'Enabled'"]).await?;
    unwritten(&site, mark).await?;
    assert_eq!(site.summary().await?, site.expected().summary());
    network.edit(spec((Some("Enabled"), false))).await?;
    network.until_ready().await?;
    assert_eq!(site.summary().await?, expected(&site, (Some("Enabled"), false)).summary());
    close(&site).await
}

#[tokio::test]
async fn a_gateway_that_somebody_deleted_comes_back_whatever_the_names_are() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("gateway-gone").await?;
    for (epoch, names) in [(2, "Enabled"), (3, "Disabled")] {
        let wish = (Some(names), true);
        let network = match epoch {
            2 => site.network("tokyo").spec(&spec(wish)).apply().await?,
            _ => site.existing_network("tokyo"),
        };
        network.edit(spec(wish)).await?;
        network.until_ready().await?;
        let gateway = site.state().await?.slots()["vpce/s3/Gateway"].clone();
        delete_endpoint(&site, &gateway).await?;
        until_event(&site, "DriftDetected").await?;
        let repaired = until_repaired(&network, &site, &expected(&site, wish)).await?;
        assert_eq!(held_epoch(&repaired, "vpce/s3/Gateway"), Some(epoch));
    }
    // The names of the inbound resolver alone come back after it, in that order.
    let network = site.existing_network("tokyo");
    network.edit(spec((None, true))).await?;
    network.until_ready().await?;
    assert_eq!(site.summary().await?, site.expected().summary());
    close(&site).await
}

#[tokio::test]
async fn the_names_of_any_service_are_turned_off_and_on() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("off-and-on").await?;
    let of = |names: &str| {
        let both = ["mgn", "kms"].map(|service| entry(service, "Interface", &json!({ "privateDNS": names })));
        json!({ "endpoints": both })
    };
    let network = site.network("tokyo").spec(&of("Disabled")).apply().await?;
    let ready = network.until_ready().await?;
    let all_off = site.expected().with("kms").private_dns("mgn", "off").private_dns("kms", "off");
    assert_eq!(site.summary().await?, all_off.summary());
    let told = ready.status.context("no status")?.endpoints;
    let mgn = told.iter().find(|one| one.service == "mgn").context("mgn is not told")?;
    assert_eq!(mgn.private_dns_names, [""; 0]);
    assert!(!mgn.dns_names.is_empty(), "the names of its own are there all the same");
    without_outage(&site, async {
        network.edit(of("Enabled")).await?;
        network.until_ready().await?;
        assert_eq!(site.summary().await?, site.expected().with("kms").summary());
        network.edit(of("Disabled")).await?;
        network.until_ready().await?;
        assert_eq!(site.summary().await?, all_off.summary());
        network.edit(json!({ "endpoints": null })).await?;
        network.until_ready().await
    })
    .await?;
    assert_eq!(site.summary().await?, site.expected().summary());
    close(&site).await
}

#[tokio::test]
async fn a_class_says_whose_names_are_resolved_and_a_network_otherwise() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("names-by-class").await?;
    site.edit_class(json!({ "defaults": {
        "endpoints": [
            entry("s3", "Interface", &json!({ "privateDNS": "Disabled" })),
            entry("s3", "Gateway", &json!({ "mode": "Disabled" })),
            entry("mgn", "Interface", &json!({ "privateDNS": "Disabled" })),
        ],
    } }))
    .await?;
    let network = site.network("tokyo").apply().await?;
    network.until_ready().await?;
    let by_class = site.expected().without_gateway().private_dns("s3", "off").private_dns("mgn", "off");
    assert_eq!(site.summary().await?, by_class.summary());
    // One entry of the network's takes the place of the class's for the same endpoint, and no other.
    network.edit(json!({ "endpoints": [entry("s3", "Interface", &json!({}))] })).await?;
    network.until_ready().await?;
    assert_eq!(site.summary().await?, by_class.clone().private_dns("s3", "on").summary());
    network.edit(json!({ "endpoints": [entry("s3", "Gateway", &json!({ "mode": "Managed" }))] })).await?;
    let ready = network.until_ready().await?;
    let with_gateway = site.expected().private_dns("s3", "off").private_dns("mgn", "off");
    assert_eq!(site.summary().await?, with_gateway.summary());
    assert!(is_true(&ready, ConditionType::Synced));
    site.edit_class(json!({ "defaults": { "endpoints": null } })).await?;
    let usual = "it is as usual";
    network
        .until(usual, |network| {
            network.status.as_ref().is_some_and(|status| {
                status.endpoints.iter().any(|one| one.service == "mgn" && !one.private_dns_names.is_empty())
            }) && is_true(network, ConditionType::Ready)
        })
        .await?;
    assert_eq!(site.summary().await?, site.expected().summary());
    close(&site).await
}

#[tokio::test]
async fn clients_of_the_resolver_are_let_in_before_others_are_shut_out() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("clients").await?;
    let network =
        site.network("tokyo").spec(&json!({ "resolver": { "clientCIDRs": ["10.8.0.53/32"] } })).apply().await?;
    network.until_ready().await?;
    assert_eq!(site.summary().await?, site.expected().clients(["10.8.0.53/32"]).summary());
    for (clients, expected) in [
        (json!(["10.8.0.54/32", "10.8.0.53/32"]), site.expected().clients(["10.8.0.53/32", "10.8.0.54/32"])),
        (json!(["10.9.0.0/24"]), site.expected().clients(["10.9.0.0/24"])),
        (Value::Null, site.expected()),
        (json!(["10.8.0.53/32"]), site.expected().clients(["10.8.0.53/32"])),
    ] {
        without_outage(&site, async {
            network.edit(json!({ "resolver": { "clientCIDRs": clients } })).await?;
            network.until_ready().await
        })
        .await?;
        assert_eq!(site.summary().await?, expected.summary(), "{clients}");
    }
    // Who asks is no source server: they may still not reach the endpoints.
    let state = site.state().await?;
    let endpoints = state.security_group("sg/endpoints").context("no group")?;
    assert!(endpoints.ingress.iter().all(|rule| rule.peer != "10.8.0.53/32"));
    close(&site).await
}
