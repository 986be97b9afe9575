//! The ConfigMap `<name>-onprem`: its content, and the comparison with the stored one.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{Resource, ResourceExt, api::ObjectMeta};
use sha2::{Digest, Sha256};

use crate::{
    api::{FIELD_MANAGER, MigrationNetwork, ON_PREMISES_DIGEST_ANNOTATION, ON_PREMISES_REVISION_LABEL},
    controller::store::Key,
    hand_off::{Action, Export, Files, HandOff},
    model::ownership::OWNER_TAG,
    text::hex,
};

const SUFFIX: &str = "-onprem";

/// The longest name of a ConfigMap (Kubernetes documentation, "Object Names and IDs", DNS subdomain names).
const LONGEST_NAME: usize = 253;

/// The most bytes in a ConfigMap (Kubernetes documentation, "ConfigMaps").
const MOST_BYTES: usize = 1 << 20;

/// Returns the key of the network's ConfigMap.
///
/// # Errors
/// If its name would be too long.
pub(super) fn key_of(network: &MigrationNetwork) -> Result<Key> {
    let Key { namespace, name } = Key::of(network.meta());
    ensure!(
        name.len() + SUFFIX.len() <= LONGEST_NAME,
        "the ConfigMap '<name>{SUFFIX}' cannot be written, because the name of the network has {} characters; create a \
         network with a name of at most {}, or use `mgnet export`",
        name.len(),
        LONGEST_NAME - SUFFIX.len()
    );
    Ok(Key { namespace, name: format!("{name}{SUFFIX}") })
}

/// Returns the ConfigMap without files, as it is created. Its label and its owner reference mark it as the network's. The
/// reference has no `blockOwnerDeletion`, which would need the right to update the finalizers of networks.
pub(super) fn empty(network: &MigrationNetwork, key: &Key) -> ConfigMap {
    let labels =
        [("app.kubernetes.io/managed-by", FIELD_MANAGER.to_owned()), (OWNER_TAG, network.uid().unwrap_or_default())];
    let metadata = ObjectMeta {
        name: Some(key.name.clone()),
        namespace: Some(key.namespace.clone()),
        labels: Some(labels.map(|(label, value)| (label.to_owned(), value)).into()),
        owner_references: network.owner_ref(&()).map(|owner| vec![owner]),
        ..ObjectMeta::default()
    };
    ConfigMap { metadata, ..ConfigMap::default() }
}

/// The ConfigMap with the files of a hand-off.
pub(super) struct Complete {
    pub(super) config_map: ConfigMap,
    /// The names of the files that do not fit.
    pub(super) left_out: Vec<&'static str>,
    /// Why files cannot be rendered, by their names.
    pub(super) failed: BTreeMap<&'static str, anyhow::Error>,
}

/// Returns the ConfigMap with the files of the hand-off in the network's status.
///
/// # Errors
/// If the hand-off is invalid.
pub(super) fn complete(network: &MigrationNetwork, key: &Key) -> Result<Complete> {
    let export = Export { networks: vec![HandOff::of(network)?], action: Action::Add };
    let Files { mut rendered, failed } = Files::of(&export);
    let left_out = leave_out_largest(&mut rendered);
    let files = rendered.into_iter().map(|(name, text)| (name.to_owned(), text)).collect();
    let on_premises = network.status.as_ref().and_then(|status| status.on_premises.as_ref());
    let revision = on_premises.map(|hand_off| hand_off.revision.clone()).unwrap_or_default();
    let mut config_map = empty(network, key);
    config_map.labels_mut().insert(ON_PREMISES_REVISION_LABEL.to_owned(), revision);
    config_map.annotations_mut().insert(ON_PREMISES_DIGEST_ANNOTATION.to_owned(), digest(&files));
    config_map.data = Some(files);
    Ok(Complete { config_map, left_out, failed })
}

/// Removes the largest files until the others fit into a ConfigMap. Rules of firewalls have one row for each pair of source and
/// destination, of which a network with many ranges has more than fit.
fn leave_out_largest(files: &mut BTreeMap<&'static str, String>) -> Vec<&'static str> {
    let mut left_out = Vec::new();
    while files.values().map(String::len).sum::<usize>() > MOST_BYTES {
        let Some(largest) = files.iter().max_by_key(|(_, text)| text.len()).map(|(name, _)| *name) else { break };
        files.remove(largest);
        left_out.push(largest);
    }
    left_out
}

/// Returns SHA-256 over all files. Each text is preceded by its length, so that no text can pass for another one.
fn digest(files: &BTreeMap<String, String>) -> String {
    let texts = files.iter().flat_map(|(name, text)| [name, text]);
    let hash = texts.fold(Sha256::new(), |hash, text| hash.chain_update(text.len().to_be_bytes()).chain_update(text));
    hex(hash.finalize().iter())
}

/// Whether the stored ConfigMap is the network's. One of its two marks is sufficient, so that an edit that removes the other
/// mark is restored.
pub(super) fn is_owned(stored: &ConfigMap, network: &MigrationNetwork) -> bool {
    let Some(uid) = network.uid() else { return false };
    stored.labels().get(OWNER_TAG) == Some(&uid) || stored.owner_references().iter().any(|owner| owner.uid == uid)
}

/// Whether the stored ConfigMap has all fields of the desired one. Further fields belong to other writers.
pub(super) fn is_current(stored: &ConfigMap, desired: &ConfigMap) -> bool {
    let owners = stored.owner_references();
    let has = |stored: &BTreeMap<String, String>, desired: &BTreeMap<String, String>| {
        desired.iter().all(|(key, value)| stored.get(key) == Some(value))
    };
    has(stored.labels(), desired.labels())
        && has(stored.annotations(), desired.annotations())
        && desired.owner_references().iter().all(|owner| owners.contains(owner))
        && has(files(stored), files(desired))
}

/// Whether another writer has edited the files since the operator wrote the same ones.
pub(super) fn is_edited(stored: &ConfigMap, desired: &ConfigMap) -> bool {
    let digest = |config_map: &ConfigMap| config_map.annotations().get(ON_PREMISES_DIGEST_ANNOTATION).cloned();
    digest(stored) == digest(desired) && files(desired).iter().any(|(name, text)| files(stored).get(name) != Some(text))
}

fn files(config_map: &ConfigMap) -> &BTreeMap<String, String> {
    static NONE: BTreeMap<String, String> = BTreeMap::new();
    config_map.data.as_ref().unwrap_or(&NONE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        api::{
            DnsForwarder, FirewallRule, MigrationNetworkSpec, MigrationNetworkStatus, NameUse, OnPremisesName,
            OnPremisesStatus, RuleProtocol, RulePurpose,
        },
        model::on_premises::revision_of,
    };

    /// Returns addresses or ranges, all of the greatest length.
    fn many(count: u8, suffix: &str) -> Vec<String> {
        (0..count).map(|number| format!("192.168.{}.{suffix}", 100 + usize::from(number) % 155)).collect()
    }

    /// Returns a network with the rules, forwarders and names of a hand-off, each with that many values.
    fn network(name: &str, sources: u8, zones: u8, staging: u8) -> MigrationNetwork {
        let rule = |id: &str, purpose, protocol, port, addresses, subnets| FirewallRule {
            id: id.to_owned(),
            purpose,
            protocol,
            port,
            sources: many(sources, "0/24"),
            addresses: many(addresses, "100"),
            subnets: many(subnets, "128/25"),
        };
        let https = ["mgn-https", "mgn-https-proxies", "s3-https", "s3-https-proxies"];
        let https = https.map(|id| rule(id, RulePurpose::Mgn, RuleProtocol::Tcp, 443, zones, zones));
        let dns = [("dns-tcp", RuleProtocol::Tcp), ("dns-udp", RuleProtocol::Udp)];
        let dns = dns.map(|(id, protocol)| rule(id, RulePurpose::Dns, protocol, 53, zones, zones));
        let replication = rule("replication", RulePurpose::Replication, RuleProtocol::Tcp, 1500, 0, staging);
        let named = |number: usize| OnPremisesName {
            // The longest name of a bucket has 63 characters (Amazon S3 User Guide, "General purpose bucket naming rules").
            name: format!("{number:a>63}.s3.ap-northeast-1.amazonaws.com"),
            addresses: many(zones, "100"),
            for_: NameUse::Source,
        };
        let forwarder = |service: &str| DnsForwarder {
            domain: format!("{service}.ap-northeast-1.amazonaws.com"),
            targets: many(zones, "53"),
        };
        let mut hand_off = OnPremisesStatus {
            firewall_rules: https.into_iter().chain(dns).chain([replication]).collect(),
            dns_forwarders: vec![forwarder("mgn"), forwarder("s3")],
            names: (1..=64).map(named).collect(),
            ..OnPremisesStatus::default()
        };
        hand_off.revision = revision_of(&hand_off);
        let mut network = MigrationNetwork::new(name, MigrationNetworkSpec::default());
        network.metadata.namespace = Some("n".repeat(63));
        network.metadata.uid = Some("uid".to_owned());
        network.status =
            Some(MigrationNetworkStatus { on_premises: Some(hand_off), ..MigrationNetworkStatus::default() });
        network
    }

    fn completed(network: &MigrationNetwork) -> Complete {
        let key = key_of(network).expect("the name fits");
        complete(network, &key).expect("the hand-off is valid")
    }

    fn bytes(config_map: &ConfigMap) -> usize {
        files(config_map).values().map(String::len).sum()
    }

    #[test]
    fn a_large_hand_off_fits() {
        let Complete { config_map, left_out, failed } = completed(&network("tokyo", 16, 3, 16));
        assert_eq!((left_out.len(), failed.len()), (0, 0), "{left_out:?}, {failed:?}, {} bytes", bytes(&config_map));
    }

    /// The most that specs and AWS admit: 64 ranges (`sourceCIDRs`), one subnet in each of six zones, 200 subnets in a VPC
    /// (Amazon VPC User Guide, "Amazon VPC quotas"), and the longest name.
    #[test]
    fn the_largest_hand_off_is_written_without_the_files_that_do_not_fit() {
        let name = format!("{0}.{0}.{0}.{1}", "t".repeat(63), "t".repeat(54));
        let Complete { config_map, left_out, .. } = completed(&network(&name, 64, 6, 200));
        assert!(bytes(&config_map) <= MOST_BYTES, "{} bytes", bytes(&config_map));
        assert!(left_out.contains(&"firewall.csv"), "{left_out:?}");
        for kept in ["hosts", "bind-zones.conf", "unbound.conf", "dnsmasq.conf", "on-premises.json"] {
            assert!(files(&config_map).contains_key(kept), "{left_out:?}");
        }
        // The rest of the object is small: the API server limits the request to 3 MiB, and etcd to 1.5 MiB.
        let whole = serde_json::to_string(&config_map).expect("it is JSON").len();
        assert!(whole < MOST_BYTES * 3 / 2, "{whole} bytes");
    }

    #[test]
    fn a_file_that_cannot_be_rendered_keeps_no_other_one_out() {
        let mut network = network("tokyo", 1, 1, 1);
        let hand_off = network.status.as_mut().and_then(|status| status.on_premises.as_mut()).expect("a hand-off");
        // Without a name of AWS there is no Region, which the installer of the agent must be given.
        hand_off.names.clear();
        hand_off.revision = revision_of(hand_off);
        let Complete { config_map, failed, .. } = completed(&network);
        let missing: Vec<&str> = failed.keys().copied().collect();
        assert_eq!(missing, ["agent-args.txt", "ansible.yaml"]);
        assert!(files(&config_map).contains_key("firewall.csv"));
        assert!(missing.iter().all(|name| !files(&config_map).contains_key(*name)));
    }

    #[test]
    fn a_text_that_moves_to_another_file_changes_the_digest() {
        let files = |one: &str, other: &str| {
            BTreeMap::from([("a".to_owned(), one.to_owned()), ("b".to_owned(), other.to_owned())])
        };
        assert_ne!(digest(&files("xb", "y")), digest(&files("x", "by")));
        assert_eq!(digest(&files("x", "y")), digest(&files("x", "y")));
    }
}
