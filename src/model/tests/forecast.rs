//! Tests that the forecast contains exactly the calls that the operator makes later, for every pair of situations.

use std::{collections::BTreeSet, net::Ipv4Addr};

use crate::{
    api::MigrationNetworkSpec,
    model::{
        desired::Desired,
        observed::{EndpointState, NetworkInterface, ResolverState, Resources},
        ownership::Tags,
        plan::{Blocker, step::Step},
        preview::forecast::{Cause, Forecast, forecast, is_new},
        request_rates::Action,
        settings::{ReplicationGroup, Resolver, Settings, SubnetSelector},
        slot::{EndpointKey, GroupRole, Service, Slot},
        testing::{Lab, endpoints, identity, settings, subnets, without_ssm},
    },
};

/// A call, without the IDs of resources that do not exist before the call.
type Line = (Action, Vec<Slot>, String);

fn foreseen(lab: &Lab) -> Forecast {
    let mut claims = lab.claims.clone();
    claims.settle(&identity(), &lab.observed.resources, &BTreeSet::new());
    forecast(&lab.desired(), &lab.observed.resources, &claims, &lab.managed_tags)
}

/// Runs all steps like the operator: one wave after the other.
fn carried_out(lab: &mut Lab) -> Vec<Line> {
    let mut lines = Vec::new();
    for _ in 0..60 {
        lab.claims.settle(&identity(), &lab.observed.resources, &BTreeSet::new());
        let next = lab.plan();
        if next.steps.is_empty() {
            assert_eq!(next.blockers, [], "nothing blocks while AWS completes every call at once");
            return lines;
        }
        lab.claims.reserve(&next.steps);
        for step in next.steps {
            lines.push(line(&step, &lab.observed.resources));
            let effect = lab.execute(&step);
            lab.claims.done(&step, &effect);
        }
    }
    panic!("the network is not at rest after 60 waves");
}

/// A step as a line. It identifies addresses by their subnets, because their IDs are not known in advance.
fn line(step: &Step, resources: &Resources) -> Line {
    let mut text = step.to_string();
    if let Step::DisassociateResolverAddress { resolver, address } = step {
        let known = resources.resolvers.get(resolver).and_then(|resolver| resolver.addresses.get(address));
        let placeholder = known.map(|known| format!("(new address in {})", known.subnet));
        text = text.replace(address.as_str(), &placeholder.unwrap_or_else(|| address.to_string()));
    }
    (step.action(), step.slots(), text)
}

#[track_caller]
fn forecast_is_correct(situation: &str, mut lab: Lab) -> usize {
    let foreseen = foreseen(&lab);
    assert!(foreseen.is_whole && foreseen.blockers.is_empty(), "{situation}: {:#?}", foreseen.blockers);
    let mut forecast: Vec<Line> = foreseen.steps.iter().map(|one| line(&one.step, &lab.observed.resources)).collect();
    let done = carried_out(&mut lab);
    let live = |slot: Slot| lab.observed.resources.live(&identity(), slot);
    for (slot, id) in Slot::standard().filter_map(|slot| Some((slot, live(slot)?))) {
        for (_, _, text) in &mut forecast {
            *text = text.replace(&format!("(new {slot})"), &id);
        }
    }
    assert_eq!(forecast, done, "{situation}");
    done.len()
}

fn managed_resolver() -> Resolver {
    Resolver::Managed { addresses: std::collections::BTreeMap::new() }
}

/// Combinations of the settings that determine which resources are built.
fn all_settings() -> Vec<(String, Settings, Tags)> {
    let mut all = Vec::new();
    for ids in
        [["subnet-a", "subnet-c"].as_slice(), &["subnet-c", "subnet-d"], &["subnet-a2", "subnet-d"], &["subnet-a"]]
    {
        for bits in 0..32_u32 {
            let is = |bit: u32| bits & (1 << bit) != 0;
            let sources = if is(0) { ["192.168.20.0/24", "192.168.30.0/24"].as_slice() } else { &["192.168.10.0/24"] };
            let tags = if is(1) { Tags::from([("Wave".to_owned(), "3".to_owned())]) } else { Tags::new() };
            let settings = Settings {
                endpoint_subnets: SubnetSelector::Ids(subnets(ids)),
                sources: sources.iter().map(|range| range.parse().unwrap()).collect(),
                tags: tags.clone(),
                clients: sources.iter().map(|range| range.parse().unwrap()).collect(),
                resolver: if is(2) && ids.len() > 1 { managed_resolver() } else { Resolver::Disabled },
                endpoints: endpoints(&if is(3) { MigrationNetworkSpec::default() } else { without_ssm() }),
                replication: if is(4) { ReplicationGroup::Managed } else { ReplicationGroup::ServiceManaged },
                ..settings()
            };
            all.push((format!("{ids:?} {bits:05b}"), settings, tags));
        }
    }
    all
}

/// Networks that were built for these settings, some of them with changes made outside the operator.
fn situations(of: &Settings, tags: &Tags) -> Vec<(&'static str, Lab)> {
    let lab = |built: bool| {
        let mut lab = Lab::new();
        lab.settings = of.clone();
        if built {
            lab.run();
            lab.managed_tags = tags.keys().cloned().collect();
        }
        lab
    };
    let changed = |change: &dyn Fn(&mut Lab)| {
        let mut lab = lab(true);
        change(&mut lab);
        lab
    };
    let id = |lab: &Lab, key| lab.observed.resources.live(&identity(), Slot::Endpoint(key)).unwrap().into();
    let mgn = EndpointKey::interface(Service::Mgn);
    vec![
        ("new", lab(false)),
        ("built", lab(true)),
        (
            "AWS deletes an endpoint",
            changed(&|lab| {
                let id = id(lab, mgn);
                lab.observed.resources.endpoints.get_mut(&id).unwrap().state = EndpointState::Deleted;
            }),
        ),
        (
            "foreign rules replace the operator's rules",
            changed(&|lab| {
                for group in lab.observed.resources.groups.values_mut() {
                    let mut rule = group.ingress.pop().unwrap();
                    rule.permission = None;
                    rule.description = "by hand".to_owned();
                    group.ingress.push(rule);
                }
            }),
        ),
        (
            "tags, a subnet and private DNS were changed",
            changed(&|lab| {
                for endpoint in lab.observed.resources.endpoints.values_mut() {
                    endpoint.tags.remove(crate::model::ownership::SLOT_TAG);
                    endpoint.private_dns = crate::model::observed::PrivateDns::Disabled;
                    if endpoint.subnets.len() > 1 {
                        endpoint.subnets.pop_first();
                    }
                    endpoint.route_tables.pop_first();
                }
            }),
        ),
        (
            "the Resolver lost an address",
            changed(&|lab| {
                for resolver in lab.observed.resources.resolvers.values_mut() {
                    resolver.addresses.values_mut().next().unwrap().state = "FAILED_RESOURCE_GONE".to_owned();
                }
            }),
        ),
    ]
}

#[test]
fn the_forecast_is_correct_between_all_situations_and_settings() {
    let all = all_settings();
    let (mut cases, mut calls) = (0, 0);
    // From every eleventh combination to every fourth: testing all of them takes a minute and a half, and finds
    // nothing more.
    for (number, (from, settings, tags)) in all.iter().enumerate().step_by(11) {
        for (situation, lab) in situations(settings, tags) {
            for (to, settings, _) in all.iter().skip(number % 4).step_by(4) {
                let mut lab = lab.clone();
                lab.settings = settings.clone();
                calls += forecast_is_correct(&format!("{situation}, built for {from}, desired {to}"), lab);
                cases += 1;
            }
        }
    }
    assert!(cases > 2_000 && calls > 10 * cases, "{cases} cases, {calls} calls");
}

#[test]
fn the_forecast_of_a_half_built_network_is_correct() {
    for (to, settings, _) in all_settings() {
        for done in 0..15 {
            let mut lab = Lab::new();
            lab.settings.replication = ReplicationGroup::Managed;
            // The process ends after this number of calls, when the rest of the wave is already claimed.
            'building: loop {
                lab.claims.settle(&identity(), &lab.observed.resources, &BTreeSet::new());
                let next = lab.plan();
                lab.claims.reserve(&next.steps);
                for step in next.steps {
                    let made = lab.observed.resources.groups.len() + lab.observed.resources.endpoints.len();
                    if made + lab.observed.resources.resolvers.len() >= done {
                        break 'building;
                    }
                    let effect = lab.execute(&step);
                    lab.claims.done(&step, &effect);
                }
                if lab.plan().is_done() {
                    break;
                }
            }
            lab.settings = settings.clone();
            // A call that may have been sent is not planned again if its resource is no longer desired: only the
            // deletion of the network resolves it. The forecast of all other calls must be correct.
            forecast_is_correct(&format!("{done} created, desired {to}"), lab);
        }
    }
}

#[test]
fn the_forecast_assumes_that_changes_in_progress_succeed() {
    let mut lab = Lab::built();
    lab.settings.endpoints = endpoints(&without_ssm());
    let at_rest = foreseen(&lab);
    for endpoint in lab.observed.resources.endpoints.values_mut() {
        endpoint.state = EndpointState::Pending;
    }
    for resolver in lab.observed.resources.resolvers.values_mut() {
        resolver.state = ResolverState::Updating;
        for address in resolver.addresses.values_mut() {
            address.state = "ATTACHING".to_owned();
        }
    }
    assert_eq!(foreseen(&lab).steps, at_rest.steps);
}

fn interface(lab: &mut Lab, role: GroupRole, description: &str) {
    let group = lab.observed.resources.group(&identity(), role).unwrap();
    let interface = NetworkInterface {
        subnet: "subnet-s".into(),
        ip: Some(Ipv4Addr::new(10, 20, 11, 9)),
        groups: BTreeSet::from([group]),
        description: description.to_owned(),
    };
    lab.observed.resources.interfaces.insert(format!("eni-{description}").into(), interface);
}

#[test]
fn a_group_is_deleted_with_the_resolver_but_not_while_a_foreign_interface_uses_it() {
    let mut lab = Lab::built();
    let resolver = lab.observed.resources.live(&identity(), Slot::Resolver).unwrap();
    interface(&mut lab, GroupRole::Resolver, &format!("Route 53 Resolver: {resolver}:rni-1"));
    lab.settings.resolver = Resolver::Disabled;
    let actions = |forecast: &Forecast| forecast.steps.iter().map(|one| one.step.action().name).collect::<Vec<_>>();
    assert_eq!(actions(&foreseen(&lab)), ["DeleteResolverEndpoint", "DeleteSecurityGroup"]);
    interface(&mut lab, GroupRole::Resolver, "an instance");
    let held = foreseen(&lab);
    assert_eq!(actions(&held), ["DeleteResolverEndpoint"]);
    assert!(matches!(&held.blockers[..], [Blocker::InUse { .. }]), "{:#?}", held.blockers);
}

#[test]
fn an_unresolvable_problem_remains_as_a_blocker() {
    let mut lab = Lab::built();
    let mgn = Slot::Endpoint(EndpointKey::interface(Service::Mgn));
    let id = lab.observed.resources.live(&identity(), mgn).unwrap();
    lab.observed.resources.endpoints.get_mut(&id.into()).unwrap().state = EndpointState::parse("failed");
    let forecast = foreseen(&lab);
    assert_eq!(forecast.steps, []);
    assert!(matches!(&forecast.blockers[..], [Blocker::Failed { slot, .. }] if *slot == mgn), "{forecast:#?}");
}

#[test]
fn every_step_has_its_cause() {
    let causes = |lab: &Lab| foreseen(lab).steps.iter().map(|one| one.cause).collect::<Vec<_>>();
    let mut lab = Lab::new();
    assert!(
        causes(&lab).iter().all(|cause| *cause == Cause::Missing),
        "the rules of a new group belong to its creation"
    );
    lab.claims.reserve(&lab.plan().steps);
    assert_eq!(causes(&lab).iter().filter(|cause| **cause == Cause::Unanswered).count(), 3, "two groups, the gateway");
    let mut lab = Lab::built();
    lab.settings.sources = BTreeSet::from(["192.168.20.0/24".parse().unwrap()]);
    lab.settings.clients.clone_from(&lab.settings.sources);
    assert_eq!(causes(&lab), [[Cause::Differs; 2], [Cause::NoLongerWanted; 2]].concat());
}

#[test]
fn a_forecast_is_deterministic_and_changes_nothing() {
    let lab = Lab::new();
    let (resources, claims) = (lab.observed.resources.clone(), lab.claims.clone());
    let first = foreseen(&lab);
    assert_eq!((&lab.observed.resources, &lab.claims), (&resources, &claims));
    assert_eq!(foreseen(&lab), first);
    let desired: Desired = lab.desired();
    let made = |slot| first.resources.live(&desired.identity, slot);
    assert!(
        Slot::standard().filter_map(made).all(|id| is_new(&id)),
        "resources that do not exist have placeholder IDs"
    );
}
