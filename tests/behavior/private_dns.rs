//! Private DNS, which resolves the services' own names to the endpoints, and the gateway endpoint that private DNS of
//! S3 may require: every edit is applied in an order that AWS accepts.

use anyhow::{Context, Result};
use mgnet::api::{ConditionType, MigrationNetwork};
use serde_json::{Value, json};
use support::{Expected, Lab, Network, Site};

use support::foreign::{delete_endpoint, entry, unwritten};
use support::waiting::{close, condition, held_epoch, is_true, listed, until_event, until_repaired, without_outage};

/// The values of `privateDNS` for S3. An omitted field is one of them.
const NAMES: [Option<&str>; 4] = [None, Some("Enabled"), Some("InboundResolverOnly"), Some("Disabled")];

/// One choice: the private DNS of the S3 interface endpoint, and whether the network has a gateway endpoint.
type Choice = (Option<&'static str>, bool);

fn spec((names, gateway): Choice) -> Value {
    let mut endpoints = Vec::new();
    if let Some(names) = names {
        endpoints.push(entry("s3", "Interface", &json!({ "privateDNS": names })));
    }
    if !gateway {
        endpoints.push(entry("s3", "Gateway", &json!({ "mode": "Disabled" })));
    }
    json!({ "endpoints": if endpoints.is_empty() { Value::Null } else { Value::Array(endpoints) } })
}

fn expected(site: &Site, (names, gateway): Choice) -> Expected {
    let words = match (names, gateway) {
        (None | Some("InboundResolverOnly"), true) => "for the inbound resolver only",
        (Some("Disabled"), _) => "off",
        _ => "on",
    };
    let expected = site.expected().private_dns("s3", words);
    if gateway { expected } else { expected.without_gateway() }
}

/// Whether this is the one choice that AWS does not support.
fn is_impossible(choice: Choice) -> bool {
    choice == (Some("InboundResolverOnly"), false)
}

/// Returns a walk over all edits from one value to another, which contains every ordered pair of values once
/// (Hierholzer's algorithm).
pub(crate) fn walk<T: Copy>(values: &[T]) -> Vec<T> {
    let all = 0..values.len();
    let mut left: Vec<Vec<usize>> = all.clone().map(|from| all.clone().filter(|to| *to != from).collect()).collect();
    let (mut stack, mut walk) = (vec![0], Vec::new());
    while let Some(&at) = stack.last() {
        match left[at].pop() {
            Some(next) => stack.push(next),
            None => walk.extend(stack.pop().map(|at| values[at])),
        }
    }
    walk.reverse();
    walk
}

async fn check_walk(part: usize, parts: usize) -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("names").await?;
    site.landing.route_out(&site.aws).await?;
    // A throttled call would be refused because of its rate, and not because of its order.
    lab.control().change_options(&site.account, json!({ "throttling": false })).await?;
    let choices: Vec<Choice> = NAMES.iter().flat_map(|names| [(*names, true), (*names, false)]).collect();
    let choices: Vec<Choice> = choices.into_iter().filter(|choice| !is_impossible(*choice)).collect();
    let sequence = walk(&choices);
    assert_eq!(sequence.len(), choices.len() * (choices.len() - 1) + 1);
    let step = (sequence.len() - 1).div_ceil(parts);
    let section = &sequence[part * step..sequence.len().min((part + 1) * step + 1)];
    let mark = site.last_call().await?;
    let network = site.network("tokyo").spec(&spec(section[0])).apply().await?;
    network.until_ready().await?;
    assert_eq!(site.summary().await?, expected(&site, section[0]).summary());
    let id = site.state().await?.slots()["vpce/s3/Interface"].clone();
    for pair in section.windows(2) {
        network.edit(spec(pair[1])).await?;
        network.until_ready().await.with_context(|| format!("from {:?} to {:?}", pair[0], pair[1]))?;
        assert_eq!(site.summary().await?, expected(&site, pair[1]).summary(), "from {:?} to {:?}", pair[0], pair[1]);
        let calls = site.calls_after(mark).await?;
        let refused = calls.iter().find(|call| call.outcome != "ok");
        assert_eq!(refused, None, "from {:?} to {:?}:{}", pair[0], pair[1], listed(&calls));
    }
    assert_eq!(site.state().await?.slots()["vpce/s3/Interface"], id, "every edit modifies the endpoint in place");
    let deletions = site.calls_after(mark).await?.into_iter().filter(|call| call.action == "DeleteVpcEndpoints");
    // A call whose deletion is refused succeeds as well, and would be repeated.
    let deletions: Vec<_> = deletions.map(|call| call.parameters.to_string().matches("vpce-").count()).collect();
    let removals = section.windows(2).filter(|pair| pair[0].1 && !pair[1].1).count();
    assert_eq!(deletions, vec![1; removals], "only the gateway is deleted, once each time");
    network.delete_and_wait().await?;
    assert!(site.summary().await?.is_empty());
    // A read may ask for the tags of a Resolver endpoint that disappears at this moment.
    let writes = site.writes_after(mark).await?;
    assert!(writes.iter().all(|call| call.outcome == "ok"), "{}", listed(&writes));
    close(&site).await
}

#[tokio::test]
async fn the_first_half_of_the_edits_of_s3_private_dns_and_gateway_has_a_valid_order() -> Result<()> {
    check_walk(0, 2).await
}

#[tokio::test]
async fn the_second_half_of_the_edits_of_s3_private_dns_and_gateway_has_a_valid_order() -> Result<()> {
    check_walk(1, 2).await
}

async fn until_spec_is_refused(network: &Network<'_>, words: &[&str]) -> Result<MigrationNetwork> {
    network
        .until(&format!("the spec is refused with the words {words:?}"), |network| {
            let current = network.status.as_ref().map(|status| status.observed_generation);
            current == network.metadata.generation
                && condition(network, ConditionType::Accepted).is_some_and(|(status, reason, message)| {
                    status == "False" && reason == "InvalidSpec" && words.iter().all(|word| message.contains(word))
                })
        })
        .await
}

#[tokio::test]
async fn private_dns_for_the_inbound_resolver_only_is_refused_without_the_gateway() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("impossible").await?;
    site.landing.route_out(&site.aws).await?;
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
async fn a_deleted_gateway_is_created_again_for_every_private_dns_of_s3() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("gateway-gone").await?;
    for (epoch, names) in [(2, "Enabled"), (3, "Disabled")] {
        let choice = (Some(names), true);
        let network = match epoch {
            2 => site.network("tokyo").spec(&spec(choice)).apply().await?,
            _ => site.existing_network("tokyo"),
        };
        network.edit(spec(choice)).await?;
        network.until_ready().await?;
        let gateway = site.state().await?.slots()["vpce/s3/Gateway"].clone();
        delete_endpoint(&site, &gateway).await?;
        until_event(&site, "DriftDetected").await?;
        let repaired = until_repaired(&network, &site, &expected(&site, choice)).await?;
        assert_eq!(held_epoch(&repaired, "vpce/s3/Gateway"), Some(epoch));
    }
    // Private DNS for the inbound resolver only is restored after the gateway, in that order.
    let network = site.existing_network("tokyo");
    network.edit(spec((None, true))).await?;
    network.until_ready().await?;
    assert_eq!(site.summary().await?, site.expected().summary());
    close(&site).await
}

#[tokio::test]
async fn private_dns_of_any_service_is_disabled_and_enabled() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("off-and-on").await?;
    let with = |names: &str| {
        let both = ["mgn", "kms"].map(|service| entry(service, "Interface", &json!({ "privateDNS": names })));
        json!({ "endpoints": both })
    };
    let network = site.network("tokyo").spec(&with("Disabled")).apply().await?;
    let ready = network.until_ready().await?;
    let all_off = site.expected().with("kms").private_dns("mgn", "off").private_dns("kms", "off");
    assert_eq!(site.summary().await?, all_off.summary());
    let endpoints = ready.status.context("no status")?.endpoints;
    let mgn = endpoints.iter().find(|one| one.service == "mgn").context("mgn is not in the status")?;
    assert_eq!(mgn.private_dns_names, [""; 0]);
    assert!(!mgn.dns_names.is_empty(), "the endpoint's own DNS names remain");
    without_outage(&site, async {
        network.edit(with("Enabled")).await?;
        network.until_ready().await?;
        assert_eq!(site.summary().await?, site.expected().with("kms").summary());
        network.edit(with("Disabled")).await?;
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
async fn a_class_sets_private_dns_for_its_networks_and_a_network_overrides_it() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("names-by-class").await?;
    site.landing.route_out(&site.aws).await?;
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
    // An entry of the network replaces the class's entry for the same endpoint, and no other entry.
    network.edit(json!({ "endpoints": [entry("s3", "Interface", &json!({}))] })).await?;
    network.until_ready().await?;
    assert_eq!(site.summary().await?, by_class.clone().private_dns("s3", "on").summary());
    network.edit(json!({ "endpoints": [entry("s3", "Gateway", &json!({ "mode": "Managed" }))] })).await?;
    let ready = network.until_ready().await?;
    let with_gateway = site.expected().private_dns("s3", "off").private_dns("mgn", "off");
    assert_eq!(site.summary().await?, with_gateway.summary());
    assert!(is_true(&ready, ConditionType::Synced));
    site.edit_class(json!({ "defaults": { "endpoints": null } })).await?;
    let what = "the network has the standard settings";
    network
        .until(what, |network| {
            network.status.as_ref().is_some_and(|status| {
                status.endpoints.iter().any(|one| one.service == "mgn" && !one.private_dns_names.is_empty())
            }) && is_true(network, ConditionType::Ready)
        })
        .await?;
    assert_eq!(site.summary().await?, site.expected().summary());
    close(&site).await
}

#[tokio::test]
async fn new_resolver_clients_are_admitted_before_old_clients_are_removed() -> Result<()> {
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
    // A DNS client is not a source server: the endpoints do not admit it.
    let state = site.state().await?;
    let endpoints = state.security_group("sg/endpoints").context("no group")?;
    assert!(endpoints.ingress.iter().all(|rule| rule.peer != "10.8.0.53/32"));
    close(&site).await
}
