//! Tests of immutable fields: the API server refuses to replace any value by any other, to set the field, and to remove
//! it.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use serde_json::{Value, json};
use support::Lab;
use support::waiting::close;

/// The values of `tests/manifests/values.yaml` that this test uses.
#[derive(Deserialize)]
struct Values {
    fixed: BTreeMap<String, Vec<Named>>,
}

#[derive(Deserialize)]
struct Named {
    name: String,
    spec: Value,
}

#[tokio::test]
async fn an_immutable_field_cannot_be_set_changed_or_removed() -> Result<()> {
    let lab = Lab::real_shared().await?;
    let site = lab.site("fixed-fields").await?;
    let values = include_str!("../manifests/values.yaml").replace("vpc-1", &site.landing.vpc);
    let Values { fixed } = serde_saphyr::from_str(&values)?;
    ensure!(!fixed.is_empty(), "no field is fixed");
    for (field, mut values) in fixed {
        values.insert(0, Named { name: "absent".to_owned(), spec: json!({}) });
        for value in &values {
            let network = site.network("tokyo").suspended().spec(&value.spec).apply().await?;
            for other in values.iter().filter(|other| other.name != value.name) {
                // A merge patch removes fields that are null.
                let edit = json!({ &field: other.spec.get(&field).unwrap_or(&Value::Null) });
                let refused = network.edit(replacement_patch(&edit, &value.spec)).await.err();
                let message =
                    refused.with_context(|| format!("from '{}' to '{}'", value.name, other.name))?.to_string();
                ensure!(
                    message.contains("must not be set, changed or removed") && message.contains(&field),
                    "{message}"
                );
            }
            network.delete_and_wait().await?;
        }
    }
    close(&site).await
}

/// Returns a merge patch that replaces `before` by `edit`: it also removes the fields of `before` that are not in
/// `edit`.
fn replacement_patch(edit: &Value, before: &Value) -> Value {
    match (edit, before) {
        (Value::Object(edit), Value::Object(before)) => {
            let removed =
                before.keys().filter(|name| !edit.contains_key(*name)).map(|name| (name.clone(), Value::Null));
            let kept = edit.iter().map(|(name, value)| {
                (
                    name.clone(),
                    before.get(name).map_or_else(|| value.clone(), |before| replacement_patch(value, before)),
                )
            });
            removed.chain(kept).collect()
        }
        (edit, _) => edit.clone(),
    }
}
