//! The networks, the class and the VPC of the scenarios.

use std::time::Duration;

use anyhow::Result;
use emulator::world::options::{Delays, Options};
use mgnet::{
    api::{
        AccountSpec, AllowedFrom, AllowedNamespaces, EndpointMode, EndpointSpec, EndpointType, MigrationNetworkClass,
        MigrationNetworkClassSpec, MigrationNetworkSpec, NetworkDefaults, PrivateDns, SubnetSelector, SubnetSelectors,
        VpcSelector,
    },
    controller::Key,
};
use support::{Aws, Landing};

use crate::{
    stage::{Decision, Seat, Stage},
    universe::{ACCOUNT, REGION, Universe},
    wire,
};

/// The network in all scenarios.
pub fn tokyo() -> Key {
    Key { namespace: "team-billing".to_owned(), name: "tokyo".to_owned() }
}

/// A network that selects the same VPC.
pub fn rival() -> Key {
    Key { namespace: "team-analytics".to_owned(), name: "osaka".to_owned() }
}

/// A network of another class, with another VPC.
pub fn neighbour() -> Key {
    Key { namespace: "team-orders".to_owned(), name: "kyoto".to_owned() }
}

/// Returns a minimal spec of a network of the class.
pub fn spec(class: &str) -> MigrationNetworkSpec {
    MigrationNetworkSpec {
        migration_network_class_name: Some(class.to_owned()),
        source_cidrs: Some(vec![support::SOURCES.to_owned()]),
        ..MigrationNetworkSpec::default()
    }
}

/// Returns the spec of a network that requests an endpoint for a further service, without private DNS.
pub(super) fn with_service(service: &str) -> MigrationNetworkSpec {
    let endpoint =
        EndpointSpec { private_dns: Some(PrivateDns::Disabled), ..endpoint(service, EndpointType::Interface) };
    MigrationNetworkSpec { endpoints: Some(vec![endpoint]), ..spec("corp") }
}

/// Returns the override that leaves out a standard endpoint.
pub(super) fn disabled_endpoint(service: &str, type_: EndpointType) -> EndpointSpec {
    EndpointSpec { mode: Some(EndpointMode::Disabled), ..endpoint(service, type_) }
}

pub(super) fn endpoint(service: &str, type_: EndpointType) -> EndpointSpec {
    EndpointSpec {
        service: service.to_owned(),
        type_,
        private_dns: None,
        mode: None,
        endpoint_id: None,
        addresses: None,
        policy: None,
    }
}

/// Returns a class that selects the VPC with that name.
pub fn class(name: &str, vpc: &str) -> MigrationNetworkClass {
    let by_use = |use_: support::Use| {
        let tags = [(support::SUBNET_TAG.to_owned(), use_.as_str().to_owned())].into();
        Some(SubnetSelector { tags: Some(tags), ids: None })
    };
    let spec = MigrationNetworkClassSpec {
        account: AccountSpec { id: ACCOUNT.to_owned(), ..AccountSpec::default() },
        region: REGION.to_owned(),
        allowed_namespaces: Some(AllowedNamespaces { from: AllowedFrom::All, selector: None }),
        defaults: Some(NetworkDefaults {
            vpc: Some(VpcSelector { tags: Some([("Name".to_owned(), vpc.to_owned())].into()), id: None }),
            subnets: Some(SubnetSelectors {
                endpoints: by_use(support::Use::Endpoints),
                staging: by_use(support::Use::Staging),
                launch: by_use(support::Use::Launch),
            }),
            ..NetworkDefaults::default()
        }),
        ..MigrationNetworkClassSpec::default()
    };
    MigrationNetworkClass::new(name, spec)
}

/// Returns a universe with a VPC that is ready for a migration, with a class for it, and without networks.
///
/// # Errors
/// If the VPC cannot be created.
pub async fn landing(lag: Duration) -> Result<Universe> {
    let delays = Delays {
        vpn_gateway_attaching: Duration::ZERO,
        // Each transition takes one or two observations: long enough to be observed, but no longer than that needs.
        endpoint_creating: Duration::from_secs(8),
        endpoint_modifying: Duration::from_secs(6),
        endpoint_deleting: Duration::from_secs(8),
        endpoint_listed_deleted: Duration::from_secs(12),
        resolver_creating: Duration::from_secs(12),
        resolver_updating: Duration::from_secs(8),
        resolver_deleting: Duration::from_secs(8),
        ..Delays::aws()
    };
    let options = Options { delays, throttling: false, ..Options::default() };
    let stage = Stage::new(Universe::new(options), Box::new(|_, _| Decision::Go));
    let config = wire::config(&Seat::new(&stage, 0));
    let aws = Aws {
        ec2: aws_sdk_ec2::Client::new(&config),
        mgn: aws_sdk_mgn::Client::new(&config),
        route53: aws_sdk_route53::Client::new(&config),
        resolver: aws_sdk_route53resolver::Client::new(&config),
    };
    Landing::make(&aws).await?;
    Ok(stage.with(|universe| {
        universe.lag(lag);
        universe.kubernetes.create_class(class("corp", support::VPC_NAME));
        universe.begin();
        universe.branch()
    }))
}
