//! Changes from every value of every spec field to every other value, beside foreign resources.
//!
//! The values are in `tests/manifests/values.yaml`; `src/model/tests/values.rs` compares that file with the schema, so
//! that it is complete. After each change, the contents of AWS are compared with those of a network that was created
//! with the same spec.

mod site;

use std::collections::BTreeSet;
use std::fmt::Write as _;

use anyhow::{Context, Result};
use support::{Delays, Expected, Lab};

use self::site::{ChainSite, Named, values};
use crate::private_dns::walk;
use support::foreign::unwritten;
use support::waiting::{close, until_observed};

/// Returns the contents of AWS for each value in a network that was created with it. AWS has no delays here, because
/// the result does not depend on them.
async fn views_of_new_networks(lab: &Lab, values: &[Named]) -> Result<Vec<Vec<String>>> {
    let site = ChainSite::make(lab, "clean", Delays::None, values).await?;
    let (mut own, mut views) = (BTreeSet::new(), Vec::new());
    for value in values {
        let change = async {
            site.reserve(values, value).await?;
            site.change_to(value, &mut own).await?;
            let view = site.view(value).await?;
            site.delete_network(value, &view, &own).await?;
            Ok::<_, anyhow::Error>(view)
        };
        views.push(change.await.with_context(|| format!("'{}' in a new network", value.name))?);
    }
    close(&site.site).await?;
    Ok(views)
}

/// A change in a walk: the positions of both values in the chain, and the contents of AWS afterwards.
struct Change {
    from: usize,
    to: usize,
    view: Vec<String>,
}

/// Changes a network from every value to every other value on one site, then deletes the network.
async fn walk_chain(lab: &Lab, values: &[Named]) -> Result<Vec<Change>> {
    let site = ChainSite::make(lab, "chain", Delays::Aws, values).await?;
    let order = walk(&(0..values.len()).collect::<Vec<_>>());
    assert_eq!(order.len(), values.len() * (values.len() - 1) + 1);
    let (mut own, mut changes) = (BTreeSet::new(), Vec::new());
    let mut view = Vec::new();
    for (from, to) in [(0, 0)].into_iter().chain(order.windows(2).map(|pair| (pair[0], pair[1]))) {
        let value = &values[to];
        let change = async {
            site.reserve(values, value).await?;
            site.change_to(value, &mut own).await?;
            site.view(value).await
        };
        let now = change.await.with_context(|| format!("from '{}' to '{}'", values[from].name, value.name))?;
        if value.held {
            assert_eq!(now, view, "'{}' must not change AWS", value.name);
        } else {
            changes.push(Change { from, to, view: now.clone() });
        }
        view = now;
    }
    // At rest, the operator writes nothing more.
    let mark = site.site.last_call().await?;
    until_observed(&site.site, 1).await?;
    unwritten(&site.site, mark).await?;
    site.delete_network(&values[order[order.len() - 1]], &view, &own).await?;
    close(&site.site).await?;
    Ok(changes)
}

/// Returns the expected contents of AWS for a network without the chain's fields, computed without the operator.
fn standard_view(foreign: &[String]) -> Vec<String> {
    let lines = Expected::default().summary().lines().to_vec();
    let names = lines.iter().filter_map(|line| line.split_once(": ")).map(|(slot, _)| slot.to_owned());
    let names: Vec<String> = names.map(|slot| format!("{slot} has the name 'NAMESPACE/tokyo {slot}'")).collect();
    lines.into_iter().chain(foreign.iter().cloned()).chain(names).collect()
}

/// The lines that only one of two views has.
fn difference(expected: &[String], view: &[String]) -> String {
    let only = |lines: &[String], others: &[String], sign: &str| {
        let lines = lines.iter().filter(|line| !others.contains(line));
        lines.fold(String::new(), |text, line| format!("{text}  {sign} {line}\n"))
    };
    only(expected, view, "-") + &only(view, expected, "+")
}

fn sorted(mut view: Vec<String>) -> Vec<String> {
    view.sort();
    view
}

async fn check_chain(name: &str) -> Result<()> {
    let lab = Lab::shared().await?;
    let values = values()?.chains.remove(name).with_context(|| format!("there is no chain '{name}'"))?;
    let values: Vec<Named> = [Named::absent()].into_iter().chain(values).collect();
    // The walk starts with the first value on a site without a network, so its first view is that of a new network.
    let (others, mut changes) = tokio::try_join!(views_of_new_networks(&lab, &values[1..]), walk_chain(&lab, &values))?;
    let first = changes.remove(0).view;
    let views: Vec<Vec<String>> = [first].into_iter().chain(others).map(sorted).collect();

    let foreign: Vec<String> = views[0].iter().filter(|line| line.starts_with("foreign")).cloned().collect();
    assert_eq!(foreign.len(), 3, "{foreign:?}");
    assert_eq!(views[0], sorted(standard_view(&foreign)), "a network without the fields is a standard network");
    let mut text = String::new();
    for (one, view) in values.iter().zip(&views).filter(|(one, _)| !one.held) {
        writeln!(text, "{}:", one.name)?;
        text += &difference(&views[0], view);
        for (other, other_view) in values.iter().zip(&views).filter(|(other, _)| !other.held) {
            let same_result = one.result_name() == other.result_name();
            assert_eq!(view == other_view, same_result, "'{}' and '{}'", one.name, other.name);
        }
    }
    for Change { from, to, view } in changes {
        let (from, to, expected) = (&values[from].name, &values[to].name, &views[to]);
        let view = sorted(view);
        assert!(view == *expected, "from '{from}' to '{to}':\n{}", difference(expected, &view));
    }
    insta::with_settings!({ snapshot_suffix => name.replace(' ', "_"), description => "What AWS holds otherwise than usual" }, {
        insta::assert_snapshot!("aws", text);
    });
    Ok(())
}

macro_rules! chains {
    ($($test:ident: $chain:literal,)*) => {
        const TESTED: &[&str] = &[$($chain),*];

        $(
            #[tokio::test]
            async fn $test() -> Result<()> {
                check_chain($chain).await
            }
        )*
    };
}

chains! {
    adopted_deletion_policy: "adoptedDeletionPolicy",
    adoption_policy: "adoptionPolicy",
    deletion_policy: "deletionPolicy",
    endpoint_policy: "endpointPolicy",
    endpoint_security_group: "endpointSecurityGroup",
    endpoints_addresses: "endpoints.addresses",
    endpoints_mode: "endpoints.mode",
    endpoints_policy: "endpoints.policy",
    endpoints_private_dns: "endpoints.privateDNS",
    endpoints_private_dns_of_s3: "endpoints.privateDNS of s3",
    endpoints_type: "endpoints.type",
    management_policy: "managementPolicy",
    on_premises: "onPremises",
    post_launch: "postLaunch",
    proxy_cidrs: "proxyCIDRs",
    replication: "replication",
    resolver_addresses: "resolver.addresses",
    resolver_client_cidrs: "resolver.clientCIDRs",
    resolver_mode: "resolver.mode",
    source_cidrs: "sourceCIDRs",
    subnets_endpoints: "subnets.endpoints",
    subnets_launch: "subnets.launch",
    subnets_staging: "subnets.staging",
    suspend: "suspend",
    tags: "tags",
}

#[test]
fn every_chain_of_the_values_file_has_a_test() -> Result<()> {
    let chains: Vec<String> = values()?.chains.into_keys().collect();
    assert_eq!(chains, TESTED);
    Ok(())
}

#[tokio::test]
async fn immutable_fields_are_built_as_specified() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = ChainSite::make(&lab, "fixed-fields", Delays::Aws, &[]).await?;
    let (mut own, mut fixed) = (BTreeSet::new(), values()?.fixed);
    for values in fixed.values_mut() {
        values.insert(0, Named::absent());
        for value in values.iter() {
            site.change_to(value, &mut own).await?;
            let view = site.view(value).await?;
            let foreign: Vec<String> = view.iter().filter(|line| line.starts_with("foreign")).cloned().collect();
            assert_eq!(sorted(view.clone()), sorted(standard_view(&foreign)), "{}", value.name);
            site.delete_network(value, &view, &own).await?;
        }
    }
    close(&site.site).await
}
