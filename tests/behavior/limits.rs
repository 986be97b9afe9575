//! The limits of classes: what the operator says and does, and that the API server says the same words before it.

use anyhow::Result;
use mgnet::api::{ConditionType, Reason};
use serde_json::{Value, json};
use support::{Lab, Network, NetworkBuilder, Site};

use support::waiting::{close, is_true, kstatus, message, until, until_aws_holds, until_looked_at};

/// A limit, and a part of what a network that exceeds it is told. The network is the one that [`over`] describes.
fn limits() -> [(&'static str, Value, &'static str); 5] {
    [
        ("vpcs", json!(["vpc-0000000a", "vpc-0000000b"]), "allowed: vpc-0000000a, vpc-0000000b"),
        (
            "sourceCIDRs",
            json!(["172.16.0.0/12", "192.168.0.0/16"]),
            "and '10.1.0.0/16, 10.2.0.0/24' does not; allowed: 172.16.0.0/12, 192.168.0.0/16",
        ),
        ("services", json!(["s3", "mgn", "ec2", "ssm"]), "for 'ssmmessages, ec2messages'; allowed: s3, mgn, ec2, ssm"),
        ("deletionPolicies", json!(["Retain"]), "and 'Delete' is not; allowed: Retain"),
        ("adoptionPolicies", json!(["Retained", "Any"]), "and 'Never' is not; allowed: Retained, Any"),
    ]
}

/// A network that exceeds each of the limits; the adoption policy is the built-in one.
fn over<'s>(site: &'s Site, name: &str, class: &str) -> Result<NetworkBuilder<'s>> {
    let spec = json!({
        "migrationNetworkClassName": class,
        "vpc": { "id": site.landing.vpc },
        "sourceCIDRs": ["10.1.0.0/16", "192.168.10.0/24", "10.2.0.0/24"],
        "deletionPolicy": "Delete",
    });
    let spec = serde_json::from_value(spec)?;
    Ok(site.network(name).with(move |own| *own = spec))
}

/// A class like the site's with that limit, and its name.
async fn limited(site: &Site, field: &str, limit: &Value) -> Result<String> {
    let mut class = site.class();
    let name = format!("{}-{}", site.class_name, field.to_lowercase());
    class.metadata.name = Some(name.clone());
    class.spec.limits = Some(serde_json::from_value(json!({ field: limit }))?);
    site.make_class(class).await?;
    Ok(name)
}

/// Waits until the network is told that it exceeds a limit, and gives the message.
async fn until_exceeded(network: &Network<'_>) -> Result<String> {
    let refused = network.until_reason(ConditionType::Accepted, Reason::LimitExceeded).await?;
    assert_eq!(kstatus(&refused), "Failed");
    Ok(message(&refused, ConditionType::Accepted)?.to_owned())
}

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
    until_looked_at(&site, 2).await?;
    assert!(is_true(&network.get().await?, ConditionType::Ready));
    network.delete_and_wait().await?;
    late.until_ready().await?;
    until_aws_holds(&late, &site, &site.expected()).await?;
    close(&site).await
}
