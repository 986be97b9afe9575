//! The preflight reports every problem of the VPC before the first write, with its cure.

use crate::model::{
    ids::VpcId,
    mgn_buckets::COMPARED_ON,
    observed::Observed,
    policy::Policy,
    preflight::{self, checks::Check},
    settings::{Resolver, Settings, SubnetSelector, VpcSelector, endpoints::EndpointSource},
    slot::{EndpointKey, Service},
    testing::{Lab, identity, settings, subnets, tokyo},
    tests::found::{findings, one},
};

/// An endpoint policy that allows one action.
const NARROW: &str = r#"{"Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"*"}]}"#;

#[test]
fn the_tokyo_vpc_fits() {
    assert_eq!(findings(|_, _| {}), []);
}

#[test]
fn a_vpc_must_be_found() {
    one(|_, observed| observed.vpcs.clear(), Check::VpcFound, "'Name=migration-landing'");
    let by_id = |settings: &mut Settings, observed: &mut Observed| {
        settings.vpc = VpcSelector::Id("vpc-0123456789abcdef0".into());
        observed.vpcs.clear();
    };
    one(by_id, Check::VpcFound, "vpc-0123456789abcdef0");
}

#[test]
fn only_one_vpc_may_match() {
    let twice = |_: &mut Settings, observed: &mut Observed| {
        let mut second = observed.vpcs[0].clone();
        second.id = "vpc-2".into();
        observed.vpcs.push(second);
    };
    one(twice, Check::VpcIsOne, "vpc-1, vpc-2");
}

#[test]
fn a_network_with_resources_does_not_move_to_another_vpc() {
    let pinned = VpcId::from("vpc-0");
    let refused = preflight::check(&identity(), &settings(), Some(&pinned), &tokyo(), COMPARED_ON).unwrap_err();
    assert_eq!(refused[0].check, Check::VpcIsTheSame);
    assert!(preflight::check(&identity(), &settings(), Some(&"vpc-1".into()), &tokyo(), COMPARED_ON).is_ok());
}

#[test]
fn subnets_must_be_found() {
    let unknown = |settings: &mut Settings, _: &mut Observed| {
        settings.staging_subnets = SubnetSelector::Ids(subnets(&["subnet-s", "subnet-x"]));
    };
    one(
        unknown,
        Check::SubnetsFound,
        "`spec.subnets.staging` must name subnets of the network's VPC, but the account has no subnet-x",
    );
    let elsewhere = |settings: &mut Settings, observed: &mut Observed| {
        unknown(settings, observed);
        observed.subnets_elsewhere.insert("subnet-x".into(), "vpc-2".into());
    };
    one(elsewhere, Check::SubnetsInVpc, "subnet-x is in vpc-2");
    let untagged = |_: &mut Settings, observed: &mut Observed| {
        observed.subnets.get_mut(&"subnet-l".into()).unwrap().tags.clear();
    };
    one(untagged, Check::SubnetsFound, "`spec.subnets.launch`");
}

#[test]
fn both_dns_attributes_must_be_on() {
    one(|_, observed| observed.vpcs[0].dns_hostnames = false, Check::DnsAttributes, "enableDnsHostnames enabled");
    one(|_, observed| observed.vpcs[0].dns_support = false, Check::DnsAttributes, "enableDnsSupport enabled");
}

#[test]
fn the_resolver_needs_two_zones() {
    let one_zone = |settings: &mut Settings, _: &mut Observed| {
        settings.endpoint_subnets = SubnetSelector::Ids(subnets(&["subnet-a"]));
    };
    one(one_zone, Check::TwoZones, "two zones");
    let without = |settings: &mut Settings, observed: &mut Observed| {
        one_zone(settings, observed);
        settings.resolver = Resolver::Disabled;
    };
    assert_eq!(findings(without), []);
}

#[test]
fn only_one_subnet_per_zone_is_accepted() {
    let two = |settings: &mut Settings, _: &mut Observed| {
        settings.endpoint_subnets = SubnetSelector::Ids(subnets(&["subnet-a", "subnet-a2", "subnet-c"]));
    };
    one(two, Check::OneSubnetAZone, "subnet-a, subnet-a2 are all in az4");
}

#[test]
fn a_required_service_must_be_offered() {
    for key in [
        EndpointKey::S3_GATEWAY,
        EndpointKey::S3_INTERFACE,
        EndpointKey::interface(Service::Mgn),
        EndpointKey::interface(Service::Ec2),
    ] {
        one(
            |_, observed| drop(observed.services.remove(&key)),
            Check::ServicesOffered,
            "name a service that is offered",
        );
    }
    let zone = |_: &mut Settings, observed: &mut Observed| {
        observed.services.get_mut(&EndpointKey::interface(Service::Mgn)).unwrap().zones.remove(&"az1".into());
    };
    one(zone, Check::ServicesOffered, "subnet-c (az1, name-of-az1)");
}

#[test]
fn an_optional_service_is_skipped_and_reported() {
    let mut lab = Lab::new();
    lab.observed.services.remove(&EndpointKey::interface(Service::Ec2Messages));
    let desired = lab.desired();
    assert_eq!(desired.endpoints.len(), 6);
    assert_eq!(
        desired.skipped[&Service::Ec2Messages],
        "the Region does not offer service 'ec2messages' for Interface endpoints"
    );
    lab.run();
    assert!(lab.plan().is_done());
}

#[test]
fn subnets_need_a_free_address_for_each_missing_endpoint() {
    // Six interface endpoints and the Resolver.
    let free = |count: u32| {
        move |_: &mut Settings, observed: &mut Observed| {
            observed.subnets.get_mut(&"subnet-a".into()).unwrap().available_addresses = count;
        }
    };
    assert_eq!(findings(free(7)), []);
    one(free(6), Check::AddressesFree, "must have 7 free addresses for the endpoints, but has 6");
    let mut lab = Lab::built();
    lab.observed.subnets.get_mut(&"subnet-a".into()).unwrap().available_addresses = 0;
    assert!(lab.plan().is_done(), "existing endpoints need no more addresses");
    let needs = |lab: &Lab| {
        let found = crate::model::testing::resolve(&lab.settings, &lab.observed).unwrap_err();
        found.into_iter().map(|finding| finding.message).find(|message| message.contains("free addresses")).unwrap()
    };
    let mut lost = lab.clone();
    for resolver in lost.observed.resources.resolvers.values_mut() {
        resolver.addresses.retain(|_, address| address.subnet != "subnet-a".into());
    }
    assert!(needs(&lost).contains("must have 1 free"), "{}", needs(&lost));
    for endpoint in lost.observed.resources.endpoints.values_mut() {
        if endpoint.key == Some(EndpointKey::interface(Service::Mgn)) {
            endpoint.subnets.remove(&"subnet-a".into());
        }
    }
    assert!(needs(&lost).contains("must have 2 free"), "{}", needs(&lost));
}

#[test]
fn findings_of_one_stage_are_reported_together() {
    let found = findings(|settings, observed| {
        observed.vpcs[0].dns_hostnames = false;
        settings.endpoint_subnets = SubnetSelector::Ids(subnets(&["subnet-a"]));
    });
    assert_eq!(found.len(), 2, "{found:#?}");
}

#[test]
fn endpoint_policies_that_restrict_others_are_reported() {
    let restrict = |settings: &mut Settings, key: EndpointKey| {
        let EndpointSource::Managed { policy, .. } = &mut settings.endpoints.get_mut(&key).unwrap().source else {
            return;
        };
        *policy = Policy::parse(NARROW).unwrap();
    };
    let ec2 = |settings: &mut Settings, _: &mut Observed| {
        restrict(settings, EndpointKey::interface(Service::Ec2));
        // MGN has no clients but those of a migration, and S3 answers only the Resolver.
        restrict(settings, EndpointKey::interface(Service::Mgn));
        restrict(settings, EndpointKey::S3_INTERFACE);
    };
    let apart = |found: Vec<(Check, String)>, words: &str| {
        let mut apart = found.iter().filter(|(check, _)| *check == Check::PoliciesApart);
        assert!(matches!((apart.next(), apart.next()), (Some((_, one)), None) if one.contains(words)), "{found:#?}");
    };
    apart(findings(ec2), "for ec2 also apply to all other clients in VPC vpc-1, those of this operator included");
    // The launch subnet has the main route table, as subnets without an association have.
    let gateway = |settings: &mut Settings, _: &mut Observed| restrict(settings, EndpointKey::S3_GATEWAY);
    apart(findings(gateway), "the S3 gateway endpoint also applies to subnet-a2, subnet-d, which have the same");
}
