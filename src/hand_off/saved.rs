//! Saved objects: what `kubectl get mgnet` prints as YAML or JSON, which is one network, a list, or a stream of documents.

use std::fmt::Write as _;

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
    let text = &with_quoted_revisions(text);
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

/// Quotes the revisions that look like numbers. kubectl prints one such as `1234e56789` without quotes, because it is no float for
/// Go: its exponent is too large. Parts of a status are read without their type, and would lose its digits.
fn with_quoted_revisions(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let (content, end) = line.strip_suffix('\n').map_or((line, ""), |content| (content, "\n"));
        let value = content.split_once("revision: ").filter(|(before, _)| before.chars().all(|c| " -".contains(c)));
        // Writing to a string cannot fail.
        let _ = match value {
            Some((before, value)) if value.len() == 10 && value.chars().all(|c| c.is_ascii_hexdigit()) => {
                write!(quoted, "{before}revision: '{value}'{end}")
            }
            _ => write!(quoted, "{line}"),
        };
    }
    quoted
}

/// Parses all documents. A number that is too large for a float must not fail where a value is read without its type.
fn documents<T: DeserializeOwned>(text: &str) -> Result<Vec<T>> {
    let budget = budget! { max_nodes: MOST_NODES, max_events: 2 * MOST_NODES, max_total_scalar_bytes: 1 << 30 };
    let options = options! { budget: budget, non_finite_float_policy: NonFiniteFloatPolicy::PassThrough };
    serde_saphyr::from_multiple_with_options(text, options)
        .context("it does not contain a MigrationNetwork; save one with `kubectl get mgnet NAME --output=yaml`")
}
