//! Tests of the admission policy that enforces class limits at admission, with the operator's own messages.

use anyhow::{Context, Result};
use kube::{
    Api,
    api::{Patch, PatchParams, PostParams},
};
use mgnet::api::{DeletionPolicy, MigrationNetwork};
use serde_json::{Value, json};
use support::class_limits::{limited, limits, over, until_exceeded};
use support::waiting::until;
use support::{Clock, Lab, LabOptions, OperatorOptions, repository};

/// The admission policy applies to the entire cluster, so this test has a cluster of its own.
#[tokio::test]
async fn the_admission_policy_refuses_with_the_operators_messages_and_blocks_nothing_else() -> Result<()> {
    let operator = OperatorOptions { aws_rate_factor: 60, ..OperatorOptions::default() };
    let lab = Lab::start(LabOptions { clock: Clock::Wall { speed: 60 }, operator, ..LabOptions::default() }).await?;
    let site = lab.site("admission").await?;
    let networks: Api<MigrationNetwork> = Api::namespaced(site.kube.clone(), &site.namespace);

    // Collects the operator's messages before the policy is installed.
    let mut messages = Vec::new();
    for (field, limit, _) in limits() {
        let class = limited(&site, field, &limit).await?;
        let refused = over(&site, &format!("before-{}", field.to_lowercase()), &class)?.apply().await?;
        messages.push((field, class, until_exceeded(&refused).await?));
        refused.delete_and_wait().await?;
    }
    let network = site.network("tokyo").with(|spec| spec.deletion_policy = Some(DeletionPolicy::Delete));
    let network = network.apply().await?;
    network.until_ready().await?;
    let folder = repository().join("deploy/admission").display().to_string();
    lab.kubectl_output(["apply", "--server-side", "--kustomize", &folder]).await?;
    for (field, class, message) in messages {
        let mut object = over(&site, &format!("after-{}", field.to_lowercase()), &class)?.object().clone();
        let dry = PostParams { dry_run: true, ..PostParams::default() };
        if field == "adoptionPolicies" {
            // The built-in default is not in the spec. Only the operator knows it.
            networks.create(&dry, &object).await?;
            continue;
        }
        // A new policy takes effect a moment after it was stored.
        until(&format!("{field} is refused"), async || {
            Ok(match networks.create(&dry, &object).await {
                Ok(_) => Err("it is admitted".to_owned()),
                Err(kube::Error::Api(status)) if status.message.ends_with(&format!("denied request: {message}")) => {
                    Ok(())
                }
                Err(error) => Err(format!("{error}, but the operator reports: {message}")),
            })
        })
        .await?;
        // The limits of other classes do not apply: the site's own class has no limits.
        object.spec.migration_network_class_name = Some(site.class_name.clone());
        networks.create(&dry, &object).await?;
        object.spec.migration_network_class_name = Some(class);
        object.spec.vpc = None;
        object.spec.source_cidrs = Some(vec!["192.168.10.0/24".to_owned()]);
        object.spec.post_launch = serde_json::from_value(json!({ "ssm": "Disabled" }))?;
        object.spec.deletion_policy = Some(DeletionPolicy::Retain);
        object.spec.adopted_deletion_policy = None;
        object.spec.subnets = None;
        object.spec.endpoint_policy = None;
        object.spec.endpoints = None;
        object.spec.tags = None;
        networks.create(&dry, &object).await.with_context(|| format!("{field}: an allowed network is refused"))?;
    }

    // The source ranges also limit proxies and resolver clients. Disabled endpoints do not count against the limit of
    // services.
    let with_part = |part: Value, limited: &str| {
        let mut object = site.network("like").spec(&part).object().clone();
        object.spec.migration_network_class_name = Some(format!("{}-{}", site.class_name, limited.to_lowercase()));
        object
    };
    let dry = PostParams { dry_run: true, ..PostParams::default() };
    for (field, part) in [
        ("proxyCIDRs", json!({ "proxyCIDRs": ["10.9.0.0/24", "192.168.9.0/24"] })),
        ("resolver.clientCIDRs", json!({ "resolver": { "clientCIDRs": ["172.16.0.0/16", "10.9.0.0/24"] } })),
    ] {
        let refused = networks.create(&dry, &with_part(part, "sourceCIDRs")).await.err().context(field)?.to_string();
        let messages =
            [format!("`spec.{field}` must lie in a range"), "but '10.9.0.0/24' does not; allowed: 172.".to_owned()];
        assert!(messages.iter().all(|phrase| refused.contains(phrase)), "{refused}");
    }
    let disabled = ["ssmmessages", "ec2messages"]
        .map(|service| json!({ "service": service, "type": "Interface", "mode": "Disabled" }));
    networks
        .create(&dry, &with_part(json!({ "endpoints": disabled }), "services"))
        .await
        .context("disabled endpoints")?;
    let kept = with_part(json!({ "endpoints": disabled[..1] }), "services");
    let refused = networks.create(&dry, &kept).await.err().context("ec2messages")?.to_string();
    assert!(refused.contains("allows no endpoint for 'ec2messages'; allowed"), "{refused}");

    // The connector asks for the endpoints of Systems Manager, too.
    let connector = json!({ "onPremises": { "connector": "Enabled" }, "postLaunch": { "ssm": "Disabled" } });
    let refused = networks.create(&dry, &with_part(connector.clone(), "services")).await.err().context("connector")?;
    let message = "`spec.onPremises.connector` must be 'Disabled', because class";
    let services = "allows no endpoint for 'ssmmessages, ec2messages, secretsmanager, sts'; allowed: s3, mgn, ec2, ssm";
    for words in [message, services] {
        assert!(refused.to_string().contains(words), "{refused}");
    }
    networks.create(&dry, &with_part(connector, "sourceCIDRs")).await.context("a class without the limit")?;

    // After the limits are tightened, the network keeps its values. Only changed values must be allowed.
    site.edit_class(json!({ "limits": { "deletionPolicies": ["Retain"], "sourceCIDRs": ["172.16.0.0/12"] } })).await?;
    until_exceeded(&network).await?;
    network.edit(json!({ "suspend": true })).await?;
    network.edit(json!({ "suspend": null, "sourceCIDRs": ["172.16.1.0/24"] })).await?;
    until("an edit is refused", async || {
        let edit = Patch::Merge(json!({ "spec": { "sourceCIDRs": ["10.1.0.0/16"] } }));
        let dry = PatchParams { dry_run: true, ..PatchParams::default() };
        Ok(match networks.patch(&network.name, &dry, &edit).await {
            Ok(_) => Err("it is admitted".to_owned()),
            Err(error) if error.to_string().contains("but '10.1.0.0/16' does not; allowed: 172.16.0.0/12") => Ok(()),
            Err(error) => Err(error.to_string()),
        })
    })
    .await?;
    network.delete_and_wait().await?;
    assert!(site.state().await?.is_clean());
    lab.check_statuses()
}
