//! Saved objects: what `kubectl get mgnet` prints as YAML or JSON, which is one network, a list, or a stream of documents.

use anyhow::{Context as _, Result, ensure};
use kube::core::ObjectMeta;
use serde::{Deserialize, de::DeserializeOwned};
use serde_saphyr::{NonFiniteFloatPolicy, budget, options};

use crate::api::{MigrationNetwork, MigrationNetworkSpec, MigrationNetworkStatus};

/// The kind of a network.
const NETWORK: &str = "MigrationNetwork";

/// The maximum number of YAML nodes in one file: 10,000 networks with a full status have fewer. The parser's own limit is for
/// small files.
const MOST_NODES: usize = 20_000_000;

/// The kinds in a document, which are read first: the fields of another kind would lead to errors that explain nothing.
#[derive(Deserialize)]
struct Kinds {
    #[serde(default)]
    kind: String,
    #[serde(default)]
    items: Vec<Kinds>,
}

/// A document: a network, or a list of networks.
#[derive(Deserialize)]
struct Document {
    #[serde(default)]
    metadata: ObjectMeta,
    #[serde(default)]
    spec: MigrationNetworkSpec,
    status: Option<MigrationNetworkStatus>,
    items: Option<Vec<MigrationNetwork>>,
}

/// Parses the networks in a text.
///
/// # Errors
/// If it is not valid YAML, or contains another kind.
pub fn networks(text: &str) -> Result<Vec<MigrationNetwork>> {
    for document in documents::<Kinds>(text)? {
        let is_list = document.kind == "List" || document.kind == format!("{NETWORK}List");
        let objects = if is_list { document.items.iter().collect() } else { vec![&document] };
        for Kinds { kind, .. } in objects {
            ensure!(
                kind == NETWORK,
                "it contains an object of kind {kind:?}, but only '{NETWORK}' and lists of it are allowed"
            );
        }
    }
    let documents = documents::<Document>(text)?;
    Ok(documents
        .into_iter()
        .flat_map(|Document { metadata, spec, status, items }| {
            items.unwrap_or_else(|| vec![MigrationNetwork { metadata, spec, status }])
        })
        .collect())
}

/// Parses all documents. A string without quotes that looks like a number too large for a float, such as the revision
/// `1234e56789`, which kubectl prints so, must not fail where a list is read without its type.
fn documents<T: DeserializeOwned>(text: &str) -> Result<Vec<T>> {
    let budget = budget! { max_nodes: MOST_NODES, max_events: 2 * MOST_NODES, max_total_scalar_bytes: 1 << 30 };
    let options = options! { budget: budget, non_finite_float_policy: NonFiniteFloatPolicy::PassThrough };
    serde_saphyr::from_multiple_with_options(text, options)
        .context("it does not contain a MigrationNetwork; save one with `kubectl get mgnet NAME --output=yaml`")
}
