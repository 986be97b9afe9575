//! Fixed addresses: used from the creation on, checked by the preflight, and changed only with permission.

use std::net::Ipv4Addr;

use crate::{
    api::{AddressSpec, EndpointSpec, MigrationNetworkSpec, Reason},
    model::{
        observed::{NetworkInterface, Resources},
        plan::Blocker,
        settings::{Resolver, address_changes},
        slot::{EndpointKey, Service, Slot},
        testing::{Lab, endpoints, identity},
    },
};

const MGN: Slot = Slot::Endpoint(EndpointKey::interface(Service::Mgn));

fn ip(text: &str) -> Ipv4Addr {
    text.parse().unwrap()
}

fn fixed(lab: &mut Lab, mgn: &[(&str, &str)], resolver: &[(&str, &str)]) {
    let addresses = mgn.iter().map(|(subnet, ip)| AddressSpec { subnet_id: (*subnet).into(), ip: (*ip).into() });
    let addresses: Vec<AddressSpec> = addresses.collect();
    let entry = EndpointSpec {
        service: "mgn".to_owned(),
        addresses: (!addresses.is_empty()).then_some(addresses),
        ..EndpointSpec::default()
    };
    let spec = MigrationNetworkSpec { endpoints: Some(vec![entry]), ..MigrationNetworkSpec::default() };
    lab.settings.endpoints = endpoints(&spec);
    let addresses = resolver.iter().map(|(subnet, at)| ((*subnet).into(), ip(at))).collect();
    lab.settings.resolver = Resolver::Managed { addresses };
}

fn built() -> Lab {
    let mut lab = Lab::new();
    fixed(&mut lab, &[("subnet-a", "10.20.1.21")], &[("subnet-a", "10.20.1.53"), ("subnet-c", "10.20.2.53")]);
    lab.run();
    lab
}

#[test]
fn fixed_addresses_are_part_of_the_create_calls() {
    let mut lab = Lab::new();
    fixed(&mut lab, &[("subnet-a", "10.20.1.21")], &[("subnet-c", "10.20.2.53")]);
    let steps = lab.run();
    let has = |text: &str| steps.iter().any(|step| step.contains(text));
    assert!(has("com.amazonaws.ap-northeast-1.mgn in subnet-a at 10.20.1.21, subnet-c with"), "{steps:#?}");
    assert!(has("inbound in subnet-a, subnet-c at 10.20.2.53 with"), "{steps:#?}");
    assert!(lab.plan().is_done(), "{:#?}", lab.plan());
}

#[test]
fn resources_with_fixed_addresses_are_created_first() {
    let mut lab = Lab::new();
    fixed(&mut lab, &[("subnet-c", "10.20.2.21")], &[("subnet-a", "10.20.1.53"), ("subnet-c", "10.20.2.53")]);
    let steps = lab.run();
    let at = |text: &str| steps.iter().position(|step| step.starts_with(text)).unwrap();
    assert!(at("create resolver") < at("create vpce/mgn/Interface"), "AWS chooses one of mgn's: {steps:#?}");
    for open in ["vpce/ec2/Interface", "vpce/s3/Interface", "vpce/ssm/Interface"] {
        for fixed in ["vpce/mgn/Interface", "resolver"] {
            assert!(at(&format!("create {fixed}")) < at(&format!("create {open}")), "{fixed}, {open}: {steps:#?}");
        }
    }
}

#[test]
fn an_endpoint_with_one_fixed_address_is_created_before_those_with_none() {
    let mut lab = Lab::new();
    let addresses = vec![AddressSpec { subnet_id: "subnet-a".into(), ip: "10.20.1.21".into() }];
    let last =
        EndpointSpec { service: "ssmmessages".to_owned(), addresses: Some(addresses), ..EndpointSpec::default() };
    lab.settings.endpoints =
        endpoints(&MigrationNetworkSpec { endpoints: Some(vec![last]), ..MigrationNetworkSpec::default() });
    let steps = lab.run();
    let at = |text: &str| steps.iter().position(|step| step.starts_with(text)).unwrap();
    for open in ["ec2", "ec2messages", "mgn", "s3", "ssm"] {
        assert!(at("create vpce/ssmmessages/Interface") < at(&format!("create vpce/{open}/Interface")), "{steps:#?}");
    }
}

#[test]
fn unavailable_addresses_are_reported_before_the_first_write() {
    let said = |mgn: &[(&str, &str)], resolver: &[(&str, &str)], change: &dyn Fn(&mut Lab)| {
        let mut lab = Lab::new();
        fixed(&mut lab, mgn, resolver);
        change(&mut lab);
        let findings = crate::model::testing::resolve(&lab.settings, &lab.observed).unwrap_err();
        assert!(findings.iter().all(|finding| finding.reason() == Some(Reason::AddressUnusable)), "{findings:#?}");
        findings.into_iter().map(|finding| finding.message).collect::<Vec<_>>().join("\n")
    };
    let nothing: &dyn Fn(&mut Lab) = &|_| {};
    for (address, word) in [
        ("10.20.2.21", "is not in 10.20.1.0/24"),
        ("10.20.1.3", "one of the first four or the last"),
        ("10.20.1.255", "one of the first four or the last"),
    ] {
        let message = said(&[("subnet-a", address)], &[], nothing);
        assert!(message.contains(word) && message.contains("`spec.endpoints[mgn/Interface].addresses`"), "{message}");
    }
    let mut lab = Lab::new();
    fixed(&mut lab, &[("subnet-a", "10.20.1.4")], &[]);
    assert!(
        crate::model::testing::resolve(&lab.settings, &lab.observed).is_ok(),
        "the fifth address is the first available one"
    );
    assert!(said(&[("subnet-x", "10.20.1.21")], &[], nothing).contains("subnet-x is not one"));
    assert!(said(&[("subnet-s", "10.20.11.21")], &[], nothing).contains("`spec.subnets.endpoints` selects"));
    let twice = said(&[("subnet-a", "10.20.1.21")], &[("subnet-a", "10.20.1.21")], nothing);
    assert!(twice.contains("`spec.resolver.addresses` must not use 10.20.1.21 twice"), "{twice}");
    let taken = said(&[("subnet-a", "10.20.1.21")], &[], &|lab| {
        let interface = NetworkInterface {
            subnet: "subnet-a".into(),
            ip: Some(ip("10.20.1.21")),
            groups: ["sg-db".into()].into(),
            description: "a database".to_owned(),
        };
        lab.observed.resources.interfaces.insert("eni-db".into(), interface);
    });
    assert!(taken.contains("10.20.1.21 belongs to eni-db (a database)"), "{taken}");
}

#[test]
fn addresses_of_the_network_itself_count_as_available() {
    let lab = built();
    assert!(lab.observed.resources.interfaces.values().any(|interface| interface.ip == Some(ip("10.20.1.21"))));
    assert!(lab.plan().is_done(), "{:#?}", lab.plan());
}

/// Returns the messages about occupied addresses after a change to a network that has them.
fn occupied(change: impl FnOnce(&mut Resources)) -> String {
    let mut lab = built();
    let resources = &mut lab.observed.resources;
    let resolver = resources.resolvers.values().next().expect("it is built");
    for (number, address) in resolver.addresses.values().enumerate() {
        let interface = NetworkInterface {
            subnet: address.subnet.clone(),
            ip: address.ip,
            groups: resolver.groups.clone(),
            description: String::new(),
        };
        resources.interfaces.insert(format!("eni-resolver-{number}").as_str().into(), interface);
    }
    change(resources);
    let found = crate::model::testing::resolve(&lab.settings, &lab.observed).err().unwrap_or_default();
    found.into_iter().map(|finding| finding.message).filter(|message| message.contains("must be free")).collect()
}

#[test]
fn the_owner_of_an_address_is_found_by_resource_or_by_security_group() {
    let ungrouped = |all: &mut Resources| all.interfaces.values_mut().for_each(|interface| interface.groups.clear());
    assert_eq!(occupied(ungrouped), "", "the Resolver endpoint shows the owner");
    assert_eq!(occupied(|all| all.resolvers.clear()), "", "the security group shows the owner before any list does");
    let unknown = occupied(|all| {
        ungrouped(all);
        all.resolvers.clear();
    });
    assert!(unknown.contains("10.20.1.53") && unknown.contains("10.20.2.53"), "{unknown}");
    let foreign = occupied(|all| {
        ungrouped(all);
        all.resolvers.values_mut().for_each(|resolver| resolver.tags.clear());
    });
    assert!(foreign.contains("10.20.1.53"), "{foreign}");
    let elsewhere = occupied(|all| {
        ungrouped(all);
        let addresses = all.resolvers.values_mut().flat_map(|resolver| resolver.addresses.values_mut());
        addresses.for_each(|address| address.ip = Some(ip("10.20.1.99")));
    });
    assert!(elsewhere.contains("10.20.1.53"), "{elsewhere}");
}

#[test]
fn an_address_of_another_endpoint_is_unavailable() {
    const EC2: EndpointKey = EndpointKey::interface(Service::Ec2);
    let holder = |all: &mut Resources| {
        let (id, _) =
            all.interfaces.iter().find(|(_, interface)| interface.ip == Some(ip("10.20.1.21"))).expect("it is built");
        id.clone()
    };
    let own = occupied(|all| {
        let id = holder(all);
        for endpoint in all.endpoints.values_mut() {
            endpoint.interfaces.remove(&id);
            if endpoint.key == Some(EC2) {
                endpoint.interfaces.insert(id.clone());
            }
        }
    });
    assert!(own.contains("10.20.1.21") && own.contains("move vpce/ec2/Interface to another address first"), "{own}");
    let foreign = occupied(|all| {
        let id = holder(all);
        let mgn = all.endpoints.values_mut().find(|endpoint| endpoint.interfaces.contains(&id));
        mgn.expect("it is built").tags.clear();
    });
    assert!(foreign.contains("10.20.1.21") && foreign.contains("choose another or free it"), "{foreign}");
}

#[test]
fn an_address_change_is_refused_until_it_is_allowed_for_the_resource() {
    let mut lab = built();
    fixed(&mut lab, &[("subnet-a", "10.20.1.22")], &[("subnet-a", "10.20.1.54"), ("subnet-c", "10.20.2.53")]);
    let plan = lab.plan();
    assert_eq!(plan.steps, vec![]);
    let refused: Vec<_> = plan
        .blockers
        .iter()
        .map(|blocker| match blocker {
            Blocker::AddressChange { slot, id, from, to, .. } => (*slot, id.clone(), *from, *to),
            other => panic!("{other:?}"),
        })
        .collect();
    let mgn = lab.observed.resources.live(&identity(), MGN).unwrap();
    let resolver = lab.observed.resources.live(&identity(), Slot::Resolver).unwrap();
    assert_eq!(
        refused,
        [
            (Slot::Resolver, resolver.clone(), ip("10.20.1.53"), ip("10.20.1.54")),
            (MGN, mgn.clone(), ip("10.20.1.21"), ip("10.20.1.22")),
        ]
    );

    lab.settings.address_changes = address_changes(Some("vpce/mgn/Interface=vpce-of-before,resolver=,sg=x,nonsense"));
    assert_eq!(lab.plan(), plan, "another id allows nothing");

    lab.settings.address_changes = address_changes(Some(&format!("vpce/mgn/Interface={mgn}, resolver={resolver}")));
    insta::assert_snapshot!(lab.run().join("\n"));
    assert!(lab.plan().is_done());
}

#[test]
fn other_changes_continue_while_an_address_change_is_refused() {
    let mut lab = built();
    fixed(&mut lab, &[("subnet-a", "10.20.1.22")], &[]);
    let mgn = lab.observed.resources.live(&identity(), MGN).unwrap();
    let endpoint = lab.observed.resources.endpoints.get_mut(&mgn.into()).unwrap();
    endpoint.private_dns = crate::model::observed::PrivateDns::Disabled;
    let plan = lab.plan();
    let steps: Vec<String> = plan.steps.iter().map(ToString::to_string).collect();
    assert!(matches!(&steps[..], [one] if one.ends_with("private DNS Enabled")), "{steps:#?}");
}

#[test]
fn an_address_that_is_no_longer_fixed_is_kept() {
    let mut lab = built();
    fixed(&mut lab, &[], &[]);
    assert!(lab.plan().is_done(), "{:#?}", lab.plan());
}

#[test]
fn an_added_subnet_gets_its_fixed_address() {
    let mut lab = Lab::built();
    let all = ["subnet-a", "subnet-c", "subnet-d"];
    lab.settings.endpoint_subnets = crate::model::settings::SubnetSelector::Ids(crate::model::testing::subnets(&all));
    fixed(&mut lab, &[("subnet-d", "10.20.4.21")], &[("subnet-d", "10.20.4.53")]);
    let steps = lab.run();
    assert!(steps.iter().any(|step| step.contains("(mgn/Interface): +subnet-d subnet-d at 10.20.4.21")), "{steps:#?}");
    assert!(steps.iter().any(|step| step.contains("address in subnet-d at 10.20.4.53")), "{steps:#?}");
}

#[test]
fn unreadable_entries_of_the_annotation_are_ignored() {
    assert_eq!(address_changes(None), [].into());
    let read = address_changes(Some(" resolver = rslvr-in-1 ,vpce/kms/Interface=vpce-1,bad,=,x=y"));
    let kms = Slot::Endpoint(EndpointKey::interface(Service::named("kms").unwrap()));
    assert_eq!(read, [(Slot::Resolver, "rslvr-in-1".to_owned()), (kms, "vpce-1".to_owned())].into());
}
