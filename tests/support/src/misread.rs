//! Checks that the lab detects a status which tools would misread, on every backend. Otherwise none of its tests would
//! prove anything about statuses.

use anyhow::{Context, Result, ensure};
use kube::Api;
use kube::api::{Patch, PatchParams};
use mgnet::api::{ConditionStatus, ConditionType, FIELD_MANAGER, MigrationNetwork};
use serde_json::json;

use crate::lab::Lab;

/// Writes such a status under the operator's field manager, and fails unless the lab detects it.
pub async fn is_noticed(lab: &Lab) -> Result<()> {
    let site = lab.site("misread").await?;
    let network = site.network("tokyo").suspended().apply().await?;
    network.until_condition(ConditionType::Suspended, ConditionStatus::True).await?;

    let condition = |type_: &str, generation: i64| {
        json!({
            "type": type_, "status": "True", "reason": "Planted", "message": "", "observedGeneration": generation,
            "lastTransitionTime": "2026-01-01T00:00:00Z",
        })
    };
    let planted = json!({
        "status": { "observedGeneration": 1, "conditions": [condition("Ready", 1), condition("Reconciling", 1)] },
    });
    let networks: Api<MigrationNetwork> = Api::namespaced(site.kube.clone(), &site.namespace);
    // With the operator's field manager: statuses that others write are not checked.
    let operator = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
    networks.patch_status("tokyo", &operator, &Patch::Merge(planted)).await?;

    let noticed = network.until("a violation", |_| false).await.err().context("the violation was not detected")?;
    ensure!(format!("{noticed:#}").contains("FAIL0003"), "{noticed:#}");
    Ok(())
}
