//! Tests of forged metadata and status, written by a tenant to its own objects or by an administrator by mistake: none
//! of it makes the operator use foreign resources.

use anyhow::{Context, Result, ensure};
use kube::api::{Patch, PatchParams};
use kube::{Api, ResourceExt};
use mgnet::api::{ClaimPhase, ConditionType, FINALIZER, MigrationNetwork, Reason};
use serde_json::{Value, json};
use support::{Lab, Network};

use super::scene::Scene;
use support::foreign::unwritten;
use support::waiting::{close, is_true, until, until_observed};

/// An attempt with a network that is Ready. The attempts run one after the other.
type Attempt =
    (&'static str, for<'a> fn(&'a Scene, &'a Network<'a>) -> futures::future::LocalBoxFuture<'a, Result<()>>);

pub(super) const ATTEMPTS: [Attempt; 7] = [
    ("a status in a create", |scene, own| Box::pin(status_in_a_create(scene, own))),
    ("permission to change another's addresses", |scene, own| Box::pin(address_change(scene, own))),
    ("another's tags as labels and annotations", |scene, own| Box::pin(labels(scene, own))),
    ("another as owner", |scene, own| Box::pin(owner_reference(scene, own))),
    ("a VPC lease in its own namespace", |scene, own| Box::pin(vpc_lease(scene, own))),
    ("no finalizer", |scene, own| Box::pin(finalizer(scene, own))),
    ("claims on another's resources, by an administrator's mistake", |scene, own| Box::pin(forged_status(scene, own))),
];

fn networks(scene: &Scene) -> String {
    format!("/apis/mgnet.dev/v1alpha1/namespaces/{}/migrationnetworks", scene.intruder.namespace)
}

/// Returns claims on the first tenant's resources, in this phase.
fn forged_claims(scene: &Scene, phase: ClaimPhase) -> Result<Value> {
    let endpoint = &scene.resources.endpoint("mgn")?.id;
    let group = &scene.resources.groups.first().context("no group")?.id;
    let claim = |slot: &str, id: &str| json!({ "slot": slot, "epoch": 1, "phase": phase, "id": id, "token": "forged" });
    Ok(json!([
        claim("resolver", &scene.resources.resolver()?.id),
        claim("sg/endpoints", group),
        claim("vpce/mgn/Interface", endpoint),
    ]))
}

async fn status_in_a_create(scene: &Scene, _: &Network<'_>) -> Result<()> {
    let mut object = serde_json::to_value(scene.intruder.network("pretender").suspended().object())?;
    object["status"] = json!({
        "observedGeneration": 1,
        "className": scene.site.class_name,
        "vpcID": scene.site.landing.vpc,
        "claims": forged_claims(scene, ClaimPhase::Held)?,
    });
    let stored = scene.tenant.send("POST", &networks(scene), &object).await?;
    ensure!(!stored["status"].to_string().contains("rslvr-in-"), "{stored}");
    let pretender = scene.intruder.existing_network("pretender");
    let seen = pretender.until("the operator has reconciled it", |one| is_true(one, ConditionType::Suspended)).await?;
    ensure!(seen.status.context("no status")?.claims.is_empty(), "a forged claim was accepted");
    pretender.delete_and_wait().await
}

async fn address_change(scene: &Scene, own: &Network<'_>) -> Result<()> {
    let (resolver, endpoint) = (&scene.resources.resolver()?.id, &scene.resources.endpoint("mgn")?.id);
    own.allow_address_change(Some(&format!("resolver={resolver},vpce/mgn/Interface={endpoint}"))).await?;
    let mark = scene.site.last_call().await?;
    let landing = &scene.intruder.landing;
    let fixed = json!({ "subnetID": landing.subnet("endpoints-1")?, "ip": landing.address("endpoints-1", 200)? });
    own.edit(json!({ "resolver": { "addresses": [fixed] } })).await?;
    own.until_reason(ConditionType::ResolverReady, Reason::AddressChangeRefused).await?;
    unwritten(&scene.site, mark).await?;
    own.edit(json!({ "resolver": null })).await?;
    own.allow_address_change(None).await?;
    own.until_ready().await?;
    unwritten(&scene.site, mark).await
}

async fn labels(scene: &Scene, own: &Network<'_>) -> Result<()> {
    let mark = scene.site.last_call().await?;
    let forged = json!({
        "mgnet.dev/owner": scene.victims_uid(),
        "mgnet.dev/slot": "resolver",
        "mgnet.dev/is-default-class": "true",
        "mgnet.dev/retained": "true",
    });
    own.patch(json!({ "metadata": { "labels": { "mgnet.dev/owner": scene.victims_uid() }, "annotations": forged } }))
        .await?;
    until_observed(&scene.site, 4).await?;
    unwritten(&scene.site, mark).await?;
    own.until_ready().await?;
    Ok(())
}

/// The garbage collector treats the owner as deleted, because it is in another namespace. It deletes the tenant's own
/// object.
async fn owner_reference(scene: &Scene, _: &Network<'_>) -> Result<()> {
    let mut object = serde_json::to_value(scene.intruder.network("dependent").suspended().object())?;
    object["metadata"]["ownerReferences"] = json!([{
        "apiVersion": "mgnet.dev/v1alpha1", "kind": "MigrationNetwork", "name": scene.victim.name_any(),
        "uid": scene.victims_uid(), "controller": true, "blockOwnerDeletion": true,
    }]);
    scene.tenant.send("POST", &networks(scene), &object).await?;
    scene.intruder.existing_network("dependent").until_gone().await
}

/// Creates a Lease like the operator's VPC lease, which names the tenant's own network as the holder.
async fn vpc_lease(scene: &Scene, own: &Network<'_>) -> Result<()> {
    let uid = own.get().await?.uid().context("no uid")?;
    let lease = scene.fill_in(&json!({
        "apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": { "name": "{vpc-lease}" },
        "spec": { "holderIdentity": uid },
    }))?;
    let path = format!("/apis/coordination.k8s.io/v1/namespaces/{}/leases", scene.intruder.namespace);
    scene.tenant.send("POST", &path, &lease).await?;
    let vpc = json!({ "vpc": { "id": scene.site.landing.vpc } });
    let late = scene.intruder.network("claimant").spec(&vpc).apply().await?;
    late.until_reason(ConditionType::Accepted, Reason::Conflicted).await?;
    scene.reveals_nothing("a VPC lease in its own namespace", &serde_json::to_string(&late.status().await?)?, "")?;
    late.delete_and_wait().await
}

/// The right to edit a network includes its finalizers. The operator restores its finalizer while the network has AWS
/// resources.
async fn finalizer(scene: &Scene, own: &Network<'_>) -> Result<()> {
    let mark = scene.site.last_call().await?;
    for more in [json!({}), json!({ "suspend": true }), json!({ "suspend": null, "managementPolicy": "Plan" })] {
        let stripped = own.patch(json!({ "metadata": { "finalizers": null }, "spec": more })).await?;
        ensure!(stripped.finalizers().is_empty(), "{:?}", stripped.finalizers());
        own.until(&format!("the finalizer is back, {more}"), |one| one.finalizers() == [FINALIZER]).await?;
    }
    own.edit(json!({ "suspend": null, "managementPolicy": null })).await?;
    own.until_ready().await?;
    unwritten(&scene.site, mark).await
}

/// The last attempt. The network is deleted in the end, and only its own resources are deleted with it.
async fn forged_status(scene: &Scene, own: &Network<'_>) -> Result<()> {
    let api = Api::<MigrationNetwork>::namespaced(scene.site.kube.clone(), &scene.intruder.namespace);
    for phase in [ClaimPhase::Held, ClaimPhase::Deleting] {
        let status = json!({ "status": { "claims": forged_claims(scene, phase)?, "vpcID": scene.site.landing.vpc } });
        let forged = api.patch_status(&own.name, &PatchParams::default(), &Patch::Merge(status)).await?;
        ensure!(forged.status.context("no status")?.claims.len() == 3, "the forged claims were not stored");
        if phase == ClaimPhase::Held {
            until("the claims are corrected", async || {
                let status = serde_json::to_string(&own.status().await?)?;
                let corrected = scene.reveals_nothing("forged claims", &status, "");
                Ok(corrected.map_err(|error| error.to_string()))
            })
            .await?;
        }
    }
    own.delete_and_wait().await
}

#[tokio::test]
async fn forged_metadata_never_leads_to_foreign_resources() -> Result<()> {
    let lab = Lab::real_shared().await?;
    let scene = Scene::set(&lab, "metadata").await?;
    let own = scene.intruder.network("own").apply().await?;
    own.until_ready().await?;
    for (what, attempt) in ATTEMPTS {
        attempt(&scene, &own).await.context(what)?;
        scene.victim_is_untouched().await.context(what)?;
    }
    let left = scene.site.state().await?;
    let second_tenants_endpoints =
        left.vpc_endpoints.iter().filter(|one| one.vpc == scene.intruder.landing.vpc).count();
    assert_eq!(
        (second_tenants_endpoints, left.resolver_endpoints.len()),
        (0, 1),
        "only the tenant's own resources are gone"
    );
    close(&scene.intruder_as_administrator()).await?;
    close(&scene.site).await
}
