//! Every value of every field of a network's spec, followed by every other, beside what belongs to somebody else.
//!
//! The values are those of `tests/manifests/values.yaml`, whose completeness `src/model/tests/values.rs` holds against the
//! schema. What AWS holds after each step is compared with what it holds where the same spec is the first that there is.

mod world;

use std::collections::BTreeSet;
use std::fmt::Write as _;

use anyhow::{Context, Result};
use support::{Delays, Expected, Lab};

use self::world::{Named, World, values};
use crate::private_dns::walk;
use support::foreign::unwritten;
use support::waiting::{close, until_observed};

/// What AWS holds for each value where it is the first that there is. AWS takes no time here, as what it comes to does not
/// depend on that.
async fn clean(lab: &Lab, values: &[Named]) -> Result<Vec<Vec<String>>> {
    let world = World::make(lab, "clean", Delays::None, values).await?;
    let (mut own, mut views) = (BTreeSet::new(), Vec::new());
    for value in values {
        let step = async {
            world.reserve(values, value).await?;
            world.step(value, &mut own).await?;
            let view = world.view(value).await?;
            world.end(value, &view, &own).await?;
            Ok::<_, anyhow::Error>(view)
        };
        views.push(step.await.with_context(|| format!("'{}' from the start", value.name))?);
    }
    close(&world.site).await?;
    Ok(views)
}

/// A step of a walk: the names of both values, and what AWS holds afterwards.
struct Seen {
    from: usize,
    to: usize,
    view: Vec<String>,
}

/// Goes from every value to every other on one site, and deletes the network.
async fn walked(lab: &Lab, values: &[Named]) -> Result<Vec<Seen>> {
    let world = World::make(lab, "chain", Delays::Aws, values).await?;
    let way = walk(&(0..values.len()).collect::<Vec<_>>());
    assert_eq!(way.len(), values.len() * (values.len() - 1) + 1);
    let (mut own, mut seen) = (BTreeSet::new(), Vec::new());
    let mut view = Vec::new();
    for (from, to) in [(0, 0)].into_iter().chain(way.windows(2).map(|pair| (pair[0], pair[1]))) {
        let value = &values[to];
        let step = async {
            world.reserve(values, value).await?;
            world.step(value, &mut own).await?;
            world.view(value).await
        };
        let now = step.await.with_context(|| format!("from '{}' to '{}'", values[from].name, value.name))?;
        if value.held {
            assert_eq!(now, view, "'{}' holds what there is", value.name);
        } else {
            seen.push(Seen { from, to, view: now.clone() });
        }
        view = now;
    }
    // At rest nothing more is to be done.
    let mark = world.site.last_call().await?;
    until_observed(&world.site, 1).await?;
    unwritten(&world.site, mark).await?;
    world.end(&values[way[way.len() - 1]], &view, &own).await?;
    close(&world.site).await?;
    Ok(seen)
}

/// What a network without the chain's fields comes to, told without the operator.
fn usual(foreign: &[String]) -> Vec<String> {
    let lines = Expected::default().summary().lines().to_vec();
    let names = lines.iter().filter_map(|line| line.split_once(": ")).map(|(slot, _)| slot.to_owned());
    let names: Vec<String> = names.map(|slot| format!("{slot} has the name 'NAMESPACE/tokyo {slot}'")).collect();
    lines.into_iter().chain(foreign.iter().cloned()).chain(names).collect()
}

/// The lines that only one of two views has.
fn difference(usual: &[String], view: &[String]) -> String {
    let only = |there: &[String], not: &[String], sign: &str| {
        let lines = there.iter().filter(|line| !not.contains(line));
        lines.fold(String::new(), |text, line| format!("{text}  {sign} {line}\n"))
    };
    only(usual, view, "-") + &only(view, usual, "+")
}

fn sorted(mut view: Vec<String>) -> Vec<String> {
    view.sort();
    view
}

async fn chain(name: &str) -> Result<()> {
    let lab = Lab::shared().await?;
    let values = values()?.chains.remove(name).with_context(|| format!("there is no chain '{name}'"))?;
    let values: Vec<Named> = [Named::absent()].into_iter().chain(values).collect();
    // The walk begins with the first value, on a site where nothing was before.
    let (others, mut seen) = tokio::try_join!(clean(&lab, &values[1..]), walked(&lab, &values))?;
    let first = seen.remove(0).view;
    let clean: Vec<Vec<String>> = [first].into_iter().chain(others).map(sorted).collect();

    let foreign: Vec<String> = clean[0].iter().filter(|line| line.starts_with("foreign")).cloned().collect();
    assert_eq!(foreign.len(), 3, "{foreign:?}");
    assert_eq!(clean[0], sorted(usual(&foreign)), "without the fields it is as usual");
    let mut text = String::new();
    for (one, view) in values.iter().zip(&clean).filter(|(one, _)| !one.held) {
        writeln!(text, "{}:", one.name)?;
        text += &difference(&clean[0], view);
        for (other, also) in values.iter().zip(&clean).filter(|(other, _)| !other.held) {
            assert_eq!(view == also, one.class() == other.class(), "'{}' and '{}'", one.name, other.name);
        }
    }
    for Seen { from, to, view } in seen {
        let (from, to, expected) = (&values[from].name, &values[to].name, &clean[to]);
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
                chain($chain).await
            }
        )*
    };
}

chains! {
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
fn every_chain_is_walked() -> Result<()> {
    let chains: Vec<String> = values()?.chains.into_keys().collect();
    assert_eq!(chains, TESTED);
    Ok(())
}

#[tokio::test]
async fn what_cannot_be_changed_is_built_as_it_is_said() -> Result<()> {
    let lab = Lab::shared().await?;
    let world = World::make(&lab, "fixed-fields", Delays::Aws, &[]).await?;
    let (mut own, mut fixed) = (BTreeSet::new(), values()?.fixed);
    for values in fixed.values_mut() {
        values.insert(0, Named::absent());
        for value in values.iter() {
            world.step(value, &mut own).await?;
            let view = world.view(value).await?;
            let foreign: Vec<String> = view.iter().filter(|line| line.starts_with("foreign")).cloned().collect();
            assert_eq!(sorted(view.clone()), sorted(usual(&foreign)), "{}", value.name);
            world.end(value, &view, &own).await?;
        }
    }
    close(&world.site).await
}
