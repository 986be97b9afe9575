//! Changes of Resolver addresses, enumerated: every number of present and desired addresses up to the quota, with broken
//! ones among them, fixed or chosen by AWS.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::Ipv4Addr,
};

use crate::model::{
    ids::SubnetId,
    observed::{ResolverAddress, ResolverEndpoint, ResolverState},
    ownership::Tags,
    plan::{resolver_addresses::next_step, step::Step},
    testing::attached,
};

/// The default quota of addresses of an endpoint (Route 53 quotas).
const QUOTA: usize = 6;

/// The most steps that any change may take: each of six addresses is replaced, and a temporary one is added and removed.
const MOST_STEPS: usize = 4 * QUOTA;

fn subnet(number: usize) -> SubnetId {
    format!("subnet-{number}").into()
}

fn ip(number: usize) -> Ipv4Addr {
    let number = u8::try_from(number).expect("few subnets");
    Ipv4Addr::new(10, 20, number, 53)
}

/// An endpoint with one address in each of the subnets. `broken` of them have failed.
fn endpoint(subnets: impl Iterator<Item = usize>, broken: usize) -> ResolverEndpoint {
    let addresses = subnets.enumerate().map(|(index, number)| {
        let state = if index < broken { "FAILED_RESOURCE_GONE" } else { "ATTACHED" };
        let address = attached(&subnet(number), ip(number));
        (format!("rni-{number}").into(), ResolverAddress { state: state.to_owned(), ..address })
    });
    ResolverEndpoint {
        arn: String::new(),
        state: ResolverState::Operational,
        message: String::new(),
        answers_ipv4_dns: true,
        groups: [].into(),
        addresses: addresses.collect(),
        tags: Tags::new(),
    }
}

/// Applies a step as AWS does, and fails where AWS refuses it.
fn apply(endpoint: &mut ResolverEndpoint, step: &Step, count: usize) -> Result<(), String> {
    let all = &mut endpoint.addresses;
    match step {
        Step::AssociateResolverAddress { subnet, ip, .. } => {
            if all.len() >= QUOTA {
                return Err("LimitExceededException".to_owned());
            }
            if ip.is_some() && all.values().any(|address| address.ip == *ip) {
                return Err("ResourceExistsException".to_owned());
            }
            let last = u8::try_from(count).expect("few steps");
            let ip = ip.unwrap_or(Ipv4Addr::new(10, 99, 0, last));
            let created = format!("{count:03}");
            all.insert(format!("rni-new-{count:03}").into(), ResolverAddress { created, ..attached(subnet, ip) });
        }
        Step::DisassociateResolverAddress { address, .. } => {
            if all.len() <= 2 {
                return Err("an endpoint needs two addresses".to_owned());
            }
            all.remove(address).ok_or("ResourceNotFoundException")?;
        }
        other => return Err(format!("{other} does not change addresses")),
    }
    Ok(())
}

fn serving(endpoint: &ResolverEndpoint) -> usize {
    endpoint.addresses.values().filter(|address| address.is_attached()).count()
}

#[test]
fn every_change_of_addresses_ends_without_a_refusal_and_keeps_two_that_serve() {
    let mut cases = 0;
    for present in 2..=QUOTA {
        for broken in 0..=present {
            for shared in 0..=present {
                for added in 0..=QUOTA - shared {
                    let wanted: Vec<usize> = (present - shared..present + added).collect();
                    if wanted.len() < 2 || wanted.len() > QUOTA {
                        continue;
                    }
                    for is_fixed in [false, true] {
                        let what = format!("{present} present, {broken} broken, wanted {wanted:?}, fixed {is_fixed}");
                        check(endpoint(0..present, broken), &wanted, is_fixed)
                            .unwrap_or_else(|why| panic!("{what}: {why}"));
                        cases += 1;
                    }
                }
            }
        }
    }
    assert!(cases > 800, "{cases}");
}

fn check(mut endpoint: ResolverEndpoint, wanted: &[usize], is_fixed: bool) -> Result<(), String> {
    let wanted: BTreeMap<SubnetId, Option<Ipv4Addr>> =
        wanted.iter().map(|number| (subnet(*number), is_fixed.then_some(ip(*number)))).collect();
    let kept: Vec<Ipv4Addr> = endpoint
        .addresses
        .values()
        .filter(|address| address.is_attached() && wanted.contains_key(&address.subnet))
        .filter_map(|address| address.ip)
        .collect();
    let mut steps = Vec::new();
    while let Some(step) = next_step(&"rslvr-in-1".into(), &endpoint, &wanted, &BTreeSet::new()) {
        let before = serving(&endpoint);
        steps.push(step.to_string());
        apply(&mut endpoint, &step, steps.len()).map_err(|why| format!("{why}: {steps:#?}"))?;
        let after = serving(&endpoint);
        if after < before.min(2) {
            return Err(format!("{after} of {before} addresses serve after {steps:#?}"));
        }
        if steps.len() > MOST_STEPS {
            return Err(format!("no end: {steps:#?}"));
        }
    }
    let there: BTreeMap<&SubnetId, &ResolverAddress> =
        endpoint.addresses.values().map(|address| (&address.subnet, address)).collect();
    let ends_as_wanted = endpoint.addresses.len() == wanted.len()
        && wanted.iter().all(|(subnet, fixed)| {
            there
                .get(subnet)
                .is_some_and(|address| address.is_attached() && fixed.is_none_or(|fixed| address.ip == Some(fixed)))
        });
    let keeps = kept.iter().all(|ip| endpoint.addresses.values().any(|address| address.ip == Some(*ip)));
    if ends_as_wanted && keeps { Ok(()) } else { Err(format!("{:#?} after {steps:#?}", endpoint.addresses)) }
}
