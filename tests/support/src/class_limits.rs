//! Limits of classes, and a network that exceeds each: for what the operator says of it, and for the admission policy, which says the
//! same.

use anyhow::{Result, ensure};
use mgnet::api::{ConditionType, Reason};
use serde_json::{Value, json};

use crate::waiting::{kstatus, message};
use crate::{Network, NetworkBuilder, Site};

/// A limit, and a part of what a network that exceeds it is told. The network is the one that [`over`] describes.
pub fn limits() -> [(&'static str, Value, &'static str); 5] {
    [
        ("vpcs", json!(["vpc-0000000a", "vpc-0000000b"]), "allowed: vpc-0000000a, vpc-0000000b"),
        (
            "sourceCIDRs",
            json!(["172.16.0.0/12", "192.168.0.0/16"]),
            "but '10.1.0.0/16, 10.2.0.0/24' does not; allowed: 172.16.0.0/12, 192.168.0.0/16",
        ),
        ("services", json!(["s3", "mgn", "ec2", "ssm"]), "for 'ssmmessages, ec2messages'; allowed: s3, mgn, ec2, ssm"),
        ("deletionPolicies", json!(["Retain"]), "but 'Delete' is not; allowed: Retain"),
        ("adoptionPolicies", json!(["Retained", "Any"]), "but 'Never' is not; allowed: Retained, Any"),
    ]
}

/// A network that exceeds each of the limits; the adoption policy is the built-in one.
pub fn over<'s>(site: &'s Site, name: &str, class: &str) -> Result<NetworkBuilder<'s>> {
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
pub async fn limited(site: &Site, field: &str, limit: &Value) -> Result<String> {
    let mut class = site.class();
    let name = format!("{}-{}", site.class_name, field.to_lowercase());
    class.metadata.name = Some(name.clone());
    class.spec.limits = Some(serde_json::from_value(json!({ field: limit }))?);
    site.make_class(class).await?;
    Ok(name)
}

/// Waits until the network is told that it exceeds a limit, and gives the message.
pub async fn until_exceeded(network: &Network<'_>) -> Result<String> {
    let refused = network.until_reason(ConditionType::Accepted, Reason::LimitExceeded).await?;
    ensure!(kstatus(&refused) == "Failed", "tools take it for {}", kstatus(&refused));
    Ok(message(&refused, ConditionType::Accepted)?.to_owned())
}
