//! The pictures as a whole.

use super::{CREATING, EXISTING, PLANNED, REFUSED, TOKYO, failed, read};
use crate::{
    api::{MigrationNetwork, MigrationNetworkSpec},
    graph::{Format, draw},
};

fn check(name: &str, network: &MigrationNetwork) {
    insta::assert_snapshot!(format!("{name}.svg"), draw(network, Format::Svg));
    insta::assert_snapshot!(format!("{name}.mermaid"), draw(network, Format::Mermaid));
}

#[test]
fn a_network_that_is_ready() {
    check("tokyo", &read(TOKYO));
}

#[test]
fn a_network_that_is_being_created() {
    check("creating", &read(CREATING));
}

#[test]
fn a_network_with_a_failed_endpoint_and_resolver() {
    check("failed", &failed());
}

#[test]
fn a_network_for_which_aws_rejects_endpoints() {
    check("refused", &read(REFUSED));
}

#[test]
fn a_network_that_is_planned() {
    check("planned", &read(PLANNED));
}

#[test]
fn a_network_that_uses_existing_resources() {
    check("existing", &read(EXISTING));
}

#[test]
fn an_object_that_the_operator_has_not_observed() {
    check("new", &MigrationNetwork::new("tokyo", MigrationNetworkSpec::default()));
}
