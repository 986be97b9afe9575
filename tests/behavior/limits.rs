//! The limits of classes: what the operator says and does. `tests/e2e/admission.rs` has the API server say it before.

use anyhow::Result;
use mgnet::api::{ConditionType, Reason};
use serde_json::json;
use support::Lab;
use support::class_limits::{limited, limits, over, until_exceeded};
use support::waiting::{close, is_true, message, until, until_aws_holds, until_observed};

#[tokio::test]
async fn each_limit_is_said_with_field_value_and_what_is_allowed_before_anything_is_written() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("limits").await?;
    let mark = site.last_call().await?;
    for (field, limit, words) in limits() {
        let class = limited(&site, field, &limit).await?;
        let network = over(&site, &field.to_lowercase(), &class)?.apply().await?;
        let said = until_exceeded(&network).await?;
        assert!(said.starts_with("`spec.") && said.contains(words) && said.contains(&class), "{said}");
        assert_eq!(network.get().await?.metadata.finalizers, None);
        network.delete_and_wait().await?;
    }
    assert_eq!(site.writes_after(mark).await?, []);
    close(&site).await
}

#[tokio::test]
async fn a_tightened_limit_stops_changes_tears_nothing_down_and_does_not_turn_retain_into_delete() -> Result<()> {
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
async fn a_namespace_has_as_many_networks_of_a_class_as_it_says_and_the_oldest_keep_their_places() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("places").await?;
    site.edit_class(json!({ "limits": { "networksPerNamespace": 1 } })).await?;
    let network = site.network("tokyo").apply().await?;
    network.until_ready().await?;
    let late = site.network("late").apply().await?;
    // The creation times of objects are whole seconds: which of two of the same second is older, their uids say.
    let said = until("one of the two has no place", async || {
        for one in [&network, &late] {
            let status = one.get().await?;
            if let Ok(said) = message(&status, ConditionType::Accepted)
                && said.contains("networksPerNamespace")
            {
                return Ok(Ok((one.name.clone(), said.to_owned())));
            }
        }
        Ok(Err(String::new()))
    })
    .await?;
    assert_eq!(said.0, "late", "it came after the first was built, seconds later");
    assert!(said.1.contains("allows 1 of its networks in a namespace"), "{}", said.1);
    until_observed(&site, 2).await?;
    assert!(is_true(&network.get().await?, ConditionType::Ready));
    network.delete_and_wait().await?;
    late.until_ready().await?;
    until_aws_holds(&late, &site, &site.expected()).await?;
    close(&site).await
}
