//! The limits of classes, which the operator enforces and reports. `tests/e2e/admission.rs` tests the same limits at
//! admission, where the API server enforces them.

use anyhow::Result;
use mgnet::api::{ConditionType, Reason};
use serde_json::json;
use support::Lab;
use support::class_limits::{limited, limits, over, until_exceeded};
use support::waiting::{close, is_true, message, until, until_aws_holds, until_observed};

#[tokio::test]
async fn each_limit_is_reported_with_field_value_and_allowed_values_before_any_write() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("limits").await?;
    let mark = site.last_call().await?;
    for (field, limit, words) in limits() {
        let class = limited(&site, field, &limit).await?;
        let network = over(&site, &field.to_lowercase(), &class)?.apply().await?;
        let text = until_exceeded(&network).await?;
        assert!(text.starts_with("`spec.") && text.contains(words) && text.contains(&class), "{text}");
        assert_eq!(network.get().await?.metadata.finalizers, None);
        network.delete_and_wait().await?;
    }
    assert_eq!(site.writes_after(mark).await?, []);
    close(&site).await
}

#[tokio::test]
async fn a_tightened_limit_blocks_changes_but_deletes_nothing_and_respects_retain() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("tightened").await?;
    let network = site.network("tokyo").retained().apply().await?;
    network.until_ready().await?;
    site.edit_class(json!({ "limits": { "deletionPolicies": ["Delete"] } })).await?;
    until_exceeded(&network).await?;
    let mark = site.last_call().await?;
    network.edit(json!({ "sourceCIDRs": ["192.168.77.0/24"] })).await?;
    network.until_reason(ConditionType::Accepted, Reason::LimitExceeded).await?;
    assert_eq!(site.writes_after(mark).await?, []);
    assert_eq!(site.summary().await?, site.expected().summary());
    network.delete_and_wait().await?;
    assert_eq!(site.summary().await?, site.expected().retained().summary());
    close(&site).await
}

#[tokio::test]
async fn the_oldest_networks_keep_their_places_within_the_limit_per_namespace() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("places").await?;
    site.edit_class(json!({ "limits": { "networksPerNamespace": 1 } })).await?;
    let network = site.network("tokyo").apply().await?;
    network.until_ready().await?;
    let late = site.network("late").apply().await?;
    // Creation times of objects have a resolution of one second. The UIDs decide between objects of the same second.
    let (name, text) = until("one of the two networks exceeds the limit", async || {
        for one in [&network, &late] {
            let status = one.get().await?;
            if let Ok(text) = message(&status, ConditionType::Accepted)
                && text.contains("networksPerNamespace")
            {
                return Ok(Ok((one.name.clone(), text.to_owned())));
            }
        }
        Ok(Err(String::new()))
    })
    .await?;
    assert_eq!(name, "late", "it was created seconds later, after the first was built");
    assert!(text.contains("allows 1 of its networks in a namespace"), "{text}");
    until_observed(&site, 2).await?;
    assert!(is_true(&network.get().await?, ConditionType::Ready));
    network.delete_and_wait().await?;
    late.until_ready().await?;
    until_aws_holds(&late, &site, &site.expected()).await?;
    close(&site).await
}
