//! The hand-off as files in the ConfigMap `<name>-onprem` next to the network, if the class enables it.
//!
//! Each reconcile reads the ConfigMap, because its edits by hand show nowhere else: no watch delivers the content of ConfigMaps.
//! It is one GET, and only for networks of such classes. The resync therefore restores an edit, without a further watch.
//!
//! Status is stored before the ConfigMap is created or changed, so that a file never has a revision that the status does not
//! have, and a ConfigMap that the operator may have created is always recorded. A failure is reported in
//! `status.onPremises.configMap`, retried at the next reconcile, and affects nothing else of the network.

mod object;

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ConfigMap;
use kube::ResourceExt;

use self::object::Complete;
use super::object::NetworkObject;
use crate::{
    api::{ConfigMapState, MigrationNetwork, OnPremisesConfigMap, Toggle},
    controller::store::{Announcement, Store, StoreError},
    text::shorten,
};

/// The most characters of an error in `status.onPremises.configMap.message`, which has at most 1,024.
const MOST_OF_AN_ERROR: usize = 600;

/// Records in the status that is being prepared that the ConfigMap will be written, the first time or with another revision. It
/// is called before the status is stored.
pub(super) fn record<S: Store>(object: &mut NetworkObject<'_, S>) {
    use ConfigMapState::{Current, Denied, Failed, Foreign, Incomplete, Pending};

    if object.config_map != Some(Toggle::Enabled) {
        return;
    }
    let name = name_of(&object.network);
    let stored = object.stored.as_ref().and_then(|status| status.on_premises.as_ref());
    let before = stored.map(|hand_off| hand_off.revision.clone());
    let Some(hand_off) = &mut object.status_mut().on_premises else { return };
    let is_recorded = match hand_off.config_map.as_ref().map(|config_map| config_map.state) {
        None => false,
        Some(Current | Incomplete) => before.as_ref() == Some(&hand_off.revision),
        // What keeps the operator from writing it is reported once, and not for each revision.
        Some(Pending | Foreign | Denied | Failed) => true,
    };
    if !is_recorded {
        hand_off.config_map = Some(OnPremisesConfigMap { name, ..OnPremisesConfigMap::default() });
    }
}

/// Writes the ConfigMap if it differs from the status, or deletes it if the class does not enable it any longer, and puts the
/// result into the status. It is called after the status was stored. Networks without a recorded ConfigMap cause no request.
/// Returns whether the status must be stored again.
pub(super) async fn publish<S: Store>(object: &mut NetworkObject<'_, S>) -> bool {
    let on_premises = object.network.status.as_ref().and_then(|status| status.on_premises.as_ref());
    let Some(recorded) = on_premises.and_then(|hand_off| hand_off.config_map.clone()) else { return false };
    let (store, network) = (object.store, &object.network);
    let result = match object.config_map {
        // The class was not read, or the network is being deleted: Kubernetes then deletes the ConfigMap with it.
        None => return false,
        Some(Toggle::Enabled) => write(store, network).await.map(Some),
        Some(Toggle::Disabled) => delete(store, network).await.map(|()| None),
    };
    let state = match result {
        Ok(state) => state,
        Err(refusal) => match refusal.report(&name_of(network)) {
            Some((state, message)) => Some((state, Some(message))),
            None => return false,
        },
    };
    if let Some((state, Some(why))) = &state
        && recorded.state != *state
    {
        tracing::warn!(?state, why, "the hand-off is not completely in its ConfigMap; retrying at each reconcile");
    }
    // The name in status may have been edited.
    let name = name_of(network);
    let result = state.map(|(state, message)| OnPremisesConfigMap { name, state, message });
    let has_changed = result.as_ref() != Some(&recorded);
    if let Some(hand_off) = &mut object.status_mut().on_premises {
        hand_off.config_map = result;
    }
    has_changed
}

/// Returns the name of the ConfigMap for the status. Empty if it would be too long.
fn name_of(network: &MigrationNetwork) -> String {
    object::key_of(network).map(|key| key.name).unwrap_or_default()
}

/// The state of a ConfigMap that was written, and its message.
type Written = (ConfigMapState, Option<String>);

/// The reason for which the ConfigMap was not written or deleted.
enum Refusal {
    /// Another writer has created the ConfigMap.
    Foreign,
    /// The hand-off cannot be in a ConfigMap.
    Unfit(anyhow::Error),
    /// A request failed.
    Store(StoreError),
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl Refusal {
    /// Returns the state and the message for the status. None if another client was faster, so that the next reconcile may
    /// succeed.
    fn report(self, name: &str) -> Option<(ConfigMapState, String)> {
        Some(match self {
            Self::Foreign => (
                ConfigMapState::Foreign,
                format!(
                    "ConfigMap '{name}' exists, but the operator did not create it for this network; delete or rename it, and \
                     the operator writes the hand-off at the next reconcile"
                ),
            ),
            Self::Unfit(error) => (ConfigMapState::Failed, shorten(&format!("{error:#}"), MOST_OF_AN_ERROR)),
            Self::Store(StoreError::Denied(why)) => (
                ConfigMapState::Denied,
                format!(
                    "the API server denies the operator's request for ConfigMap '{name}': {}; to give the operator the right, \
                     install `deploy/overlays/hand-off-config-maps`, or set `handOff.configMaps.enabled` with Helm",
                    shorten(&why, MOST_OF_AN_ERROR)
                ),
            ),
            Self::Store(StoreError::Invalid(why)) => (
                ConfigMapState::Failed,
                format!(
                    "the API server rejects ConfigMap '{name}': {}; delete it, and the operator writes it again",
                    shorten(&why, MOST_OF_AN_ERROR)
                ),
            ),
            Self::Store(StoreError::Conflict | StoreError::Gone) => return None,
            Self::Store(error @ (StoreError::Undecodable(_) | StoreError::Other(_))) => {
                let error: &dyn std::error::Error = &error;
                tracing::debug!(name, error, "the request for the ConfigMap failed");
                let message = format!("a request for ConfigMap '{name}' failed; it is repeated at each reconcile");
                (ConfigMapState::Failed, message)
            }
        })
    }
}

/// Creates or restores the ConfigMap, and returns its state. It is created empty, because creation fails if another writer was
/// first, and filled by server-side apply, which removes the files of an earlier version of the operator, and nothing of other
/// writers.
async fn write<S: Store>(store: &S, network: &MigrationNetwork) -> Result<Written, Refusal> {
    let key = object::key_of(network).map_err(Refusal::Unfit)?;
    let Complete { config_map: desired, left_out, failed } = object::complete(network, &key).map_err(Refusal::Unfit)?;
    let written = written(&left_out, &failed);
    let stored = match store.config_map(&key).await? {
        Some(stored) if !object::is_owned(&stored, network) => return Err(Refusal::Foreign),
        Some(stored) if object::is_current(&stored, &desired) => return Ok(written),
        Some(stored) => stored,
        None => store.create_config_map(&object::empty(network, &key)).await?,
    };
    let is_edited = object::is_edited(&stored, &desired);
    store.apply_config_map(&at_version_of(&stored, desired)).await?;
    if is_edited {
        store.announce(network, restored(&key.name)).await;
    }
    Ok(written)
}

/// Returns the state of a ConfigMap without the files that do not fit, and without those that cannot be rendered.
fn written(left_out: &[&str], failed: &BTreeMap<&str, anyhow::Error>) -> Written {
    let missing: Vec<&str> = left_out.iter().chain(failed.keys()).copied().collect();
    if missing.is_empty() {
        return (ConfigMapState::Current, None);
    }
    // The names come first, because the end of a long message is cut off.
    let mut parts = vec![format!("the ConfigMap does not contain '{}'", missing.join("', '"))];
    if !left_out.is_empty() {
        parts.push("all files are too large for it: use `mgnet export`".to_owned());
    }
    parts.extend(failed.iter().map(|(file, error)| format!("'{file}': {error:#}")));
    (ConfigMapState::Incomplete, Some(shorten(&parts.join("; "), MOST_OF_AN_ERROR)))
}

/// Deletes the ConfigMap, unless another writer has created it.
async fn delete<S: Store>(store: &S, network: &MigrationNetwork) -> Result<(), Refusal> {
    let Ok(key) = object::key_of(network) else { return Ok(()) };
    match store.config_map(&key).await? {
        Some(stored) if object::is_owned(&stored, network) => Ok(store.delete_config_map(&stored).await?),
        Some(_) | None => Ok(()),
    }
}

fn at_version_of(stored: &ConfigMap, mut desired: ConfigMap) -> ConfigMap {
    desired.metadata.resource_version = stored.resource_version();
    desired
}

fn restored(name: &str) -> Announcement {
    Announcement {
        warning: true,
        reason: "OnPremisesConfigMapRestored".to_owned(),
        action: "HandOff".to_owned(),
        note: format!("the files in ConfigMap '{name}' were edited, and the operator has restored them"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_names_every_missing_file_even_if_the_reasons_are_long() {
        assert_eq!(written(&[], &BTreeMap::new()), (ConfigMapState::Current, None));
        let failed =
            [("agent-args.txt", anyhow::anyhow!("x".repeat(2_000))), ("ansible.yaml", anyhow::anyhow!("no Region"))];
        let (state, message) = written(&["firewall.csv"], &failed.into());
        let message = message.expect("files are missing");
        assert_eq!(state, ConfigMapState::Incomplete);
        for words in ["'firewall.csv', 'agent-args.txt', 'ansible.yaml'", "too large", "`mgnet export`"] {
            assert!(message.contains(words), "{message}");
        }
        assert!(message.chars().count() <= 1_024, "{message}");
    }
}
