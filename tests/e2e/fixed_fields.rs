//! What cannot be changed: the API server refuses every value in place of every other, and the field's coming and going.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use serde_json::{Value, json};
use support::Lab;
use support::waiting::close;

/// The values of `tests/manifests/values.yaml`, as far as they matter here.
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
async fn a_field_that_cannot_be_changed_is_neither_set_nor_changed_nor_removed() -> Result<()> {
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
                // A merge patch removes what is null.
                let edit = json!({ &field: other.spec.get(&field).unwrap_or(&Value::Null) });
                let refused = network.edit(whole(&edit, &value.spec)).await.err();
                let said = refused.with_context(|| format!("from '{}' to '{}'", value.name, other.name))?.to_string();
                ensure!(said.contains("must not be set, changed or removed") && said.contains(&field), "{said}");
            }
            network.delete_and_wait().await?;
        }
    }
    close(&site).await
}

/// The patch that also removes what of `before` is not in `edit`, so that one value takes the place of the other.
fn whole(edit: &Value, before: &Value) -> Value {
    match (edit, before) {
        (Value::Object(edit), Value::Object(before)) => {
            let gone = before.keys().filter(|name| !edit.contains_key(*name)).map(|name| (name.clone(), Value::Null));
            let there = edit.iter().map(|(name, value)| {
                (name.clone(), before.get(name).map_or_else(|| value.clone(), |before| whole(value, before)))
            });
            gone.chain(there).collect()
        }
        (edit, _) => edit.clone(),
    }
}
