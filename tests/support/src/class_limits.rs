//! Limits of classes, and a network that exceeds each of them. The operator and the admission policy must report the
//! same messages.

use anyhow::{Result, ensure};
use mgnet::api::{ConditionType, Reason};
use serde_json::{Value, json};

use crate::waiting::{kstatus, message};
use crate::{Network, NetworkBuilder, Site};

/// Returns limits, each with its field and a part of the message for a network that exceeds it. [`over`] describes the
/// network.
pub fn limits() -> [(&'static str, Value, &'static str); 10] {
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
        ("adoptedDeletionPolicies", json!(["Delete"]), "but 'Release' is not; allowed: Delete"),
        ("subnets", json!({ "staging": { "ids": ["subnet-0000000a"] } }), "is not; allowed: subnet-0000000a"),
        (
            "endpointPolicies",
            json!({ "types": ["Preset", "ConfigMap"] }),
            "`spec.endpointPolicy.type` must be a value that class",
        ),
        ("privateDNS", json!(["Enabled", "InboundResolverOnly"]), "[ec2/Interface].privateDNS` must be a value that"),
        ("tagKeys", json!({ "deny": ["aws-backup*"], "allow": ["aws-backup-plan"] }), "but 'aws-backup' is denied"),
    ]
}

/// A policy that allows everything.
const POLICY: &str = r#"{"Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}]}"#;

/// Describes a network that exceeds each of the limits. Its adoption policy is the built-in one.
pub fn over<'s>(site: &'s Site, name: &str, class: &str) -> Result<NetworkBuilder<'s>> {
    let spec = json!({
        "migrationNetworkClassName": class,
        "vpc": { "id": site.landing.vpc },
        "sourceCIDRs": ["10.1.0.0/16", "192.168.10.0/24", "10.2.0.0/24"],
        "deletionPolicy": "Delete",
        "adoptedDeletionPolicy": "Release",
        "subnets": { "staging": { "ids": [site.landing.subnet("staging-1")?] } },
        "endpointPolicy": { "type": "Inline", "inline": POLICY },
        "endpoints": [{ "service": "ec2", "type": "Interface", "privateDNS": "Disabled" }],
        "tags": { "aws-backup": "daily", "aws-backup-plan": "migration" },
    });
    let spec = serde_json::from_value(spec)?;
    Ok(site.network(name).with(move |own| *own = spec))
}

/// Creates a class like the site's with that limit, and returns its name.
pub async fn limited(site: &Site, field: &str, limit: &Value) -> Result<String> {
    let mut class = site.class();
    let name = format!("{}-{}", site.class_name, field.to_lowercase());
    class.metadata.name = Some(name.clone());
    class.spec.limits = Some(serde_json::from_value(json!({ field: limit }))?);
    site.make_class(class).await?;
    Ok(name)
}

/// Waits until the network's status reports that it exceeds a limit, and returns the message.
pub async fn until_exceeded(network: &Network<'_>) -> Result<String> {
    let refused = network.until_reason(ConditionType::Accepted, Reason::LimitExceeded).await?;
    ensure!(kstatus(&refused) == "Failed", "kstatus reports {}", kstatus(&refused));
    Ok(message(&refused, ConditionType::Accepted)?.to_owned())
}
