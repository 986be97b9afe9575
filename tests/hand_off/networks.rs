//! The networks whose hand-offs the tests export.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use mgnet::api::{MigrationNetwork, NameUse, OnPremisesBasis, OnPremisesStatus};
use mgnet::model::on_premises::revision_of;
use serde_json::json;

/// Names of source servers, each with its addresses.
pub(crate) type Names = Vec<(String, Vec<String>)>;

/// The network of `tokyo.yaml`.
pub(crate) fn tokyo() -> Result<MigrationNetwork> {
    Ok(serde_saphyr::from_str(include_str!("tokyo.yaml"))?)
}

/// The same network in another VPC and Region.
pub(crate) fn frankfurt() -> Result<MigrationNetwork> {
    let text = serde_json::to_string(&tokyo()?)?;
    let text =
        text.replace("ap-northeast-1", "eu-central-1").replace("\"10.20.", "\"10.30.").replace("tokyo", "frankfurt");
    revised(serde_json::from_str(&text)?, |_| ())
}

/// The network before it is built.
pub(crate) fn planned(network: MigrationNetwork) -> Result<MigrationNetwork> {
    revised(network, |hand_off| {
        hand_off.basis = OnPremisesBasis::Planned;
        hand_off.firewall_rules.iter_mut().for_each(|rule| rule.addresses.clear());
        hand_off.dns_forwarders.iter_mut().for_each(|forwarder| forwarder.targets.clear());
        hand_off.names.iter_mut().for_each(|name| name.addresses.clear());
    })
}

/// Returns the network with an edited hand-off, whose revision matches the edit.
pub(crate) fn revised(
    mut network: MigrationNetwork,
    edit: impl FnOnce(&mut OnPremisesStatus),
) -> Result<MigrationNetwork> {
    let hand_off = network.status.as_mut().and_then(|status| status.on_premises.as_mut()).context("no hand-off")?;
    edit(hand_off);
    hand_off.revision = revision_of(hand_off);
    Ok(network)
}

/// The names of a network's source servers.
pub(crate) fn names(network: &MigrationNetwork) -> Result<Names> {
    let hand_off = network.status.as_ref().and_then(|status| status.on_premises.as_ref()).context("no hand-off")?;
    let sources = hand_off.names.iter().filter(|name| name.for_ == NameUse::Source);
    Ok(sources.map(|name| (name.name.clone(), name.addresses.clone())).collect())
}

/// Writes the networks as `kubectl get mgnet -A --output=yaml` prints them, and returns the file.
pub(crate) fn list(folder: &Path, networks: &[MigrationNetwork]) -> Result<PathBuf> {
    let list = json!({"apiVersion": "v1", "items": networks, "kind": "List", "metadata": {"resourceVersion": ""}});
    let file = folder.join("networks.yaml");
    fs::write(&file, serde_saphyr::to_string(&list)?)?;
    Ok(file)
}
