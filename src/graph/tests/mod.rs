//! Tests of pictures. The objects in `tests/graph` were written by the operator, in the environment of `make up`.

mod facts;
mod generated;
mod geometry;
mod hostile;
mod readers;
mod whole;

use crate::api::MigrationNetwork;

const TOKYO: &str = include_str!("../../../tests/graph/tokyo.yaml");
const CREATING: &str = include_str!("../../../tests/graph/creating.yaml");
const REFUSED: &str = include_str!("../../../tests/graph/refused.yaml");
const PLANNED: &str = include_str!("../../../tests/graph/planned.yaml");
const EXISTING: &str = include_str!("../../../tests/graph/existing.yaml");

fn read(text: &str) -> MigrationNetwork {
    serde_saphyr::from_str(text).expect("an object that the operator wrote")
}

/// Returns the Tokyo network after one of its endpoints and the Resolver endpoint have failed.
fn failed() -> MigrationNetwork {
    let mut network = read(TOKYO);
    let status = network.status.as_mut().expect("it has a status");
    let mgn = status.endpoints.iter_mut().find(|one| one.service == "mgn").expect("it is listed");
    mgn.state = Some("failed".to_owned());
    let resolver = status.resolver.as_mut().expect("it has a resolver");
    resolver.state = Some("ActionNeeded".to_owned());
    resolver.ip_addresses[0].state = Some("FAILED_RESOURCE_GONE".to_owned());
    network
}
