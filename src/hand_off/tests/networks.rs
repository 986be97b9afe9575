//! The networks whose exports are snapshots: one for each kind of hand-off.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    api::MigrationNetwork,
    model::{
        ids::SubnetId,
        ownership::Tags,
        settings::{Resolver, endpoints::EndpointSource},
        slot::{EndpointKey, Service},
        testing::{Lab, attached},
    },
};

/// Returns the networks, each with its name.
pub(super) fn all() -> Vec<(&'static str, MigrationNetwork)> {
    type Preparation = fn(&mut Lab);
    let networks: [(&str, Preparation); 5] = [
        ("tokyo", |_| ()),
        ("hosts-files", |lab| lab.settings.resolver = Resolver::Disabled),
        ("proxy", |lab| lab.settings.proxies = BTreeSet::from(["10.9.0.0/24".parse().expect("a range")])),
        ("pinned", pin),
        ("existing-resolver", use_existing_resolver),
    ];
    networks.into_iter().map(|(name, prepare)| (name, network(name, prepare))).collect()
}

/// Returns a network that is built after its settings or its VPC were changed.
fn network(name: &str, prepare: impl FnOnce(&mut Lab)) -> MigrationNetwork {
    let mut lab = Lab::new();
    prepare(&mut lab);
    lab.run();
    let mut network = super::of(&lab);
    network.metadata.name = Some(name.to_owned());
    network
}

/// Fixes all addresses that on-premises clients use.
fn pin(lab: &mut Lab) {
    let fixed = |host: &str| {
        let address = |subnet: &str, network: &str| {
            (SubnetId::from(subnet), format!("{network}.{host}").parse().expect("an address"))
        };
        BTreeMap::from([address("subnet-a", "10.20.1"), address("subnet-c", "10.20.2")])
    };
    for (key, host) in [(EndpointKey::interface(Service::Mgn), "21"), (EndpointKey::S3_INTERFACE, "22")] {
        let endpoint = lab.settings.endpoints.get_mut(&key).expect("a standard endpoint");
        let EndpointSource::Managed { addresses, .. } = &mut endpoint.source else { panic!("it is managed") };
        *addresses = fixed(host);
    }
    lab.settings.resolver = Resolver::Managed { addresses: fixed("53") };
}

/// Puts the Resolver endpoint of another tool into the VPC, in other subnets than those for endpoints.
fn use_existing_resolver(lab: &mut Lab) {
    let theirs = Tags::from([("managed-by".to_owned(), "terraform".to_owned())]);
    let built = Lab::built().observed.resources;
    let (_, mut resolver) = built.resolvers.into_iter().next().expect("a Resolver endpoint");
    for id in &resolver.groups {
        let mut group = built.groups[id].clone();
        (group.name, group.tags) = ("central-dns".to_owned(), theirs.clone());
        lab.observed.resources.groups.insert("sg-central".into(), group);
    }
    resolver.groups = ["sg-central".into()].into();
    resolver.tags = theirs;
    let address =
        |id: &str, subnet: &str, ip: &str| (id.into(), attached(&subnet.into(), ip.parse().expect("an address")));
    resolver.addresses =
        [address("rni-1", "subnet-a2", "10.20.3.53"), address("rni-2", "subnet-d", "10.20.4.53")].into();
    lab.observed.resources.resolvers.insert("rslvr-in-central".into(), resolver);
    lab.settings.resolver = Resolver::Existing("rslvr-in-central".into());
}
