//! What a tenant writes into the metadata of its own objects, and what others write by mistake: none of it leads the operator
//! to what is not the network's.

use anyhow::{Context, Result, ensure};
use kube::api::{Patch, PatchParams};
use kube::{Api, ResourceExt};
use mgnet::api::{ClaimPhase, ConditionType, FINALIZER, MigrationNetwork, Reason};
use serde_json::{Value, json};
use support::{Lab, Network};

use super::scene::Scene;
use support::foreign::unwritten;
use support::waiting::{close, is_true, until, until_observed};

/// What is tried with a network that is Ready, one after the other.
type Attempt =
    (&'static str, for<'a> fn(&'a Scene, &'a Network<'a>) -> futures::future::LocalBoxFuture<'a, Result<()>>);

pub(super) const ATTEMPTS: [Attempt; 7] = [
    ("a status in a create", |scene, own| Box::pin(status_in_a_create(scene, own))),
    ("leave to change another's addresses", |scene, own| Box::pin(address_change(scene, own))),
    ("another's tags as labels and annotations", |scene, own| Box::pin(labels(scene, own))),
    ("another as owner", |scene, own| Box::pin(owner_reference(scene, own))),
    ("a claim in its own namespace", |scene, own| Box::pin(claim(scene, own))),
    ("no finalizer", |scene, own| Box::pin(finalizer(scene, own))),
    ("claims on another's resources, by an administrator's mistake", |scene, own| Box::pin(forged(scene, own))),
];

fn networks(scene: &Scene) -> String {
    format!("/apis/mgnet.dev/v1alpha1/namespaces/{}/migrationnetworks", scene.intruder.namespace)
}

/// Claims on what the first tenant has, in that phase.
fn forged_claims(scene: &Scene, phase: ClaimPhase) -> Result<Value> {
    let endpoint = &scene.belongings.endpoint("mgn")?.id;
    let group = &scene.belongings.groups.first().context("no group")?.id;
    let claim = |slot: &str, id: &str| json!({ "slot": slot, "epoch": 1, "phase": phase, "id": id, "token": "forged" });
    Ok(json!([
        claim("resolver", &scene.belongings.resolver()?.id),
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
    let seen = pretender.until("it was looked at", |one| is_true(one, ConditionType::Suspended)).await?;
    ensure!(seen.status.context("no status")?.claims.is_empty(), "a forged claim was taken over");
    pretender.delete_and_wait().await
}

async fn address_change(scene: &Scene, own: &Network<'_>) -> Result<()> {
    let (resolver, endpoint) = (&scene.belongings.resolver()?.id, &scene.belongings.endpoint("mgn")?.id);
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

/// The garbage collector takes the owner for one that is gone, and what is collected is the tenant's own.
async fn owner_reference(scene: &Scene, _: &Network<'_>) -> Result<()> {
    let mut object = serde_json::to_value(scene.intruder.network("dependent").suspended().object())?;
    object["metadata"]["ownerReferences"] = json!([{
        "apiVersion": "mgnet.dev/v1alpha1", "kind": "MigrationNetwork", "name": scene.victim.name_any(),
        "uid": scene.victims_uid(), "controller": true, "blockOwnerDeletion": true,
    }]);
    scene.tenant.send("POST", &networks(scene), &object).await?;
    scene.intruder.existing_network("dependent").until_gone().await
}

/// A Lease like the operator's, which gives the VPC to the tenant's own network.
async fn claim(scene: &Scene, own: &Network<'_>) -> Result<()> {
    let uid = own.get().await?.uid().context("no uid")?;
    let lease = scene.fill_in(&json!({
        "apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": { "name": "{claim}" },
        "spec": { "holderIdentity": uid },
    }))?;
    let path = format!("/apis/coordination.k8s.io/v1/namespaces/{}/leases", scene.intruder.namespace);
    scene.tenant.send("POST", &path, &lease).await?;
    let vpc = json!({ "vpc": { "id": scene.site.landing.vpc } });
    let late = scene.intruder.network("claimant").spec(&vpc).apply().await?;
    late.until_reason(ConditionType::Accepted, Reason::Conflicted).await?;
    scene.names_nobody("a claim in its own namespace", &serde_json::to_string(&late.status().await?)?, "")?;
    late.delete_and_wait().await
}

/// Whoever may edit a network may edit its finalizers. The operator puts its own back while anything is in AWS.
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

/// The last: the network is deleted in the end, and takes with it only what is its own.
async fn forged(scene: &Scene, own: &Network<'_>) -> Result<()> {
    let api = Api::<MigrationNetwork>::namespaced(scene.site.kube.clone(), &scene.intruder.namespace);
    for phase in [ClaimPhase::Held, ClaimPhase::Deleting] {
        let status = json!({ "status": { "claims": forged_claims(scene, phase)?, "vpcID": scene.site.landing.vpc } });
        let forged = api.patch_status(&own.name, &PatchParams::default(), &Patch::Merge(status)).await?;
        ensure!(forged.status.context("no status")?.claims.len() == 3, "the forged claims were not stored");
        if phase == ClaimPhase::Held {
            until("the claims heal", async || {
                let status = serde_json::to_string(&own.status().await?)?;
                let healed = scene.names_nobody("forged claims", &status, "");
                Ok(healed.map_err(|error| error.to_string()))
            })
            .await?;
        }
    }
    own.delete_and_wait().await
}

#[tokio::test]
async fn nothing_that_is_written_into_metadata_leads_to_what_is_anothers() -> Result<()> {
    let lab = Lab::real_shared().await?;
    let scene = Scene::set(&lab, "metadata").await?;
    let own = scene.intruder.network("own").apply().await?;
    own.until_ready().await?;
    for (what, attempt) in ATTEMPTS {
        attempt(&scene, &own).await.context(what)?;
        scene.victim_is_untouched().await.context(what)?;
    }
    let left = scene.site.state().await?;
    let of_the_second = left.vpc_endpoints.iter().filter(|one| one.vpc == scene.intruder.landing.vpc).count();
    assert_eq!((of_the_second, left.resolver_endpoints.len()), (0, 1), "the tenant's own is gone, and only that");
    close(&scene.intruder_as_administrator()).await?;
    close(&scene.site).await
}
