//! Version skew: the operator continues from the status that another version has stored, after an upgrade that was rolled
//! back.

use anyhow::{Context, Result, ensure};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{ApiResource, DynamicObject, Patch, PatchParams};
use kube::{Api, ResourceExt};
use mgnet::api::{ConditionType, MigrationNetwork, Reason, schema};
use mgnet::model::claims::token;
use mgnet::model::ownership::{OWNER_TAG, SLOT_TAG};
use serde_json::{Value, json};
use support::failing::{NAME, is_as_before, until, until_built};
use support::foreign;
use support::history::History;
use support::waiting::message;
use support::{Lab, Site};

/// A word that this version does not know.
const WORD: &str = "Later";

/// A slot that this version does not know.
const SLOT: &str = "sg/appliances";

/// The fields of status that hold a word of a fixed set, each with the list or object that contains it.
const WORDS: [(&str, &str); 13] = [
    ("/claims", "phase"),
    ("/endpoints", "origin"),
    ("/securityGroups", "role"),
    ("/securityGroups", "origin"),
    ("/resolver", "origin"),
    ("/settings", "endpointSecurityGroup"),
    ("/settings", "resolver"),
    ("/settings", "replicationSecurityGroup"),
    ("/settings", "postLaunchSSM"),
    ("/settings", "connector"),
    ("/settings", "managementPolicy"),
    ("/settings", "adoptionPolicy"),
    ("/settings", "adoptedDeletionPolicy"),
];

/// Makes the API server accept words of a later version in status, as the CRD of that version would.
async fn upgrade_crd(site: &Site) -> Result<()> {
    fn widen(schema: &mut Value) {
        match schema {
            Value::Object(members) => {
                if let Some(Value::Array(words)) = members.get_mut("enum") {
                    words.push(WORD.into());
                }
                members.values_mut().for_each(widen);
            }
            Value::Array(items) => items.iter_mut().for_each(widen),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    if site.lab.is_simulated() {
        // It does not enforce enums.
        return Ok(());
    }
    let networks = schema::crds().into_iter().find(|crd| crd.spec.names.kind == "MigrationNetwork");
    let mut crd = serde_json::to_value(networks.context("there is no CRD")?)?;
    let status = crd.pointer_mut("/spec/versions/0/schema/openAPIV3Schema/properties/status");
    widen(status.context("the CRD has no status")?);
    let crd: CustomResourceDefinition = serde_json::from_value(crd)?;
    let api = Api::<CustomResourceDefinition>::all(site.kube.clone());
    api.patch(&crd.name_any(), &PatchParams::apply("version-skew").force(), &Patch::Apply(&crd)).await?;
    Ok(())
}

/// Replaces parts of the status by those that a later version would store.
async fn store(site: &Site, status: Value) -> Result<()> {
    upgrade_crd(site).await?;
    let api = Api::<MigrationNetwork>::namespaced(site.kube.clone(), &site.namespace);
    let patch = Patch::Merge(json!({ "status": status }));
    // The API server needs a moment to serve the changed CRD.
    until("the API server accepts the status", async || {
        match api.patch_status(NAME, &PatchParams::default(), &patch).await {
            Ok(written) => {
                site.disregard_status_of(&written);
                Ok(Some(()))
            }
            Err(kube::Error::Api(refusal)) if refusal.code == 422 => Ok(None),
            Err(error) => Err(error.into()),
        }
    })
    .await
}

/// Returns the status as it is stored, including what this version cannot read.
async fn stored(site: &Site) -> Result<Value> {
    let kind = ApiResource::erase::<MigrationNetwork>(&());
    let api = Api::<DynamicObject>::namespaced_with(site.kube.clone(), &site.namespace, &kind);
    Ok(api.get(NAME).await?.data["status"].clone())
}

/// Returns the status of the network with every word replaced by one of a later version.
async fn with_later_words(site: &Site) -> Result<Value> {
    let mut status = stored(site).await?;
    for (container, field) in WORDS {
        let Some(container) = status.pointer_mut(container) else { continue };
        let all = match container {
            Value::Array(items) => items.iter_mut().collect(),
            one => vec![one],
        };
        for members in all.into_iter().filter_map(Value::as_object_mut) {
            members.entry(field).and_modify(|word| *word = WORD.into());
        }
    }
    // Roles are keys of the list, and must differ.
    status["securityGroups"].as_array_mut().context("it has groups")?.truncate(1);
    Ok(status)
}

/// The claim of a later version on a slot of its own.
fn later_claim(uid: &str, id: &str) -> Value {
    json!({ "slot": SLOT, "epoch": 1, "phase": "Held", "id": id, "token": token(uid, SLOT, 1) })
}

#[tokio::test]
async fn a_network_with_the_words_of_a_later_version_is_edited_and_deleted() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("later-words").await?;
    let before = site.state().await?;
    let history = History::of(&site);
    let network = site.network(NAME).apply().await?;
    network.until_ready().await?;
    let built = site.last_call().await?;

    store(&site, with_later_words(&site).await?).await?;
    until("the status has the words of this version", async || {
        let status = stored(&site).await?.to_string();
        Ok((!status.contains(&format!("\"{WORD}\"")) && status.contains("\"InSync\"")).then_some(()))
    })
    .await?;
    foreign::unwritten(&site, built).await?;

    store(&site, with_later_words(&site).await?).await?;
    network.edit(json!({ "proxyCIDRs": ["10.9.0.0/24"] })).await?;
    until_built(&site, &network, &site.expected().proxies(["10.9.0.0/24"])).await?;
    history.check_each_slot_was_filled_once().await?;

    store(&site, with_later_words(&site).await?).await?;
    network.delete_and_wait().await?;
    is_as_before(&site, &before).await
}

/// The fields of status that every version has stored.
const OLDEST: [&str; 6] = ["account", "claims", "conditions", "observedGeneration", "region", "vpcID"];

/// Returns the change of the status to one that an earlier version would have stored.
async fn to_an_earlier_one(site: &Site) -> Result<Value> {
    let status = stored(site).await?;
    let fields = status.as_object().context("no status")?.keys().filter(|field| !OLDEST.contains(&field.as_str()));
    let removed: serde_json::Map<_, _> = fields.map(|field| (field.clone(), Value::Null)).collect();
    ensure!(removed.len() > 5, "{removed:?}");
    Ok(removed.into())
}

#[tokio::test]
async fn a_network_with_the_status_of_an_earlier_version_is_edited_and_deleted() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("earlier-status").await?;
    let before = site.state().await?;
    let history = History::of(&site);
    let network = site.network(NAME).apply().await?;
    network.until_ready().await?;
    let built = site.last_call().await?;

    store(&site, to_an_earlier_one(&site).await?).await?;
    until("the status is complete again", async || {
        let status = stored(&site).await?;
        Ok(status["settings"].is_object().then_some(()))
    })
    .await?;
    foreign::unwritten(&site, built).await?;

    store(&site, to_an_earlier_one(&site).await?).await?;
    network.edit(json!({ "proxyCIDRs": ["10.9.0.0/24"] })).await?;
    until_built(&site, &network, &site.expected().proxies(["10.9.0.0/24"])).await?;
    history.check_each_slot_was_filled_once().await?;

    store(&site, to_an_earlier_one(&site).await?).await?;
    network.delete_and_wait().await?;
    is_as_before(&site, &before).await
}

#[tokio::test]
async fn a_call_that_a_later_version_stored_in_another_form_creates_nothing_twice() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("later-calls").await?;
    let history = History::of(&site);
    let network = site.network(NAME).suspended().apply().await?;
    let object = network.until_reason(ConditionType::Ready, Reason::Suspended).await?;
    let uid = object.uid().context("no uid")?;
    let claims: Vec<Value> = ["vpce/mgn/Interface", "sg/endpoints", "resolver"]
        .map(|slot| {
            let token = token(&uid, slot, 1);
            json!({ "slot": slot, "epoch": 1, "phase": "Pending", "token": token, "request": r#"{"later":{}}"# })
        })
        .into();
    store(&site, json!({ "claims": claims })).await?;
    network.edit(json!({ "suspend": null })).await?;
    until_built(&site, &network, &site.expected()).await?;
    history.check_each_slot_was_filled_once().await
}

#[tokio::test]
async fn a_resource_of_a_later_version_is_kept_and_holds_up_the_deletion() -> Result<()> {
    let lab = Lab::shared().await?;
    for retained in [false, true] {
        let site = lab.site("later-slots").await?;
        let before = site.state().await?;
        let network = site.network(NAME);
        let network = if retained { network.retained() } else { network };
        let network = network.apply().await?;
        let uid = network.until_ready().await?.uid().context("no uid")?;
        let tags = [(OWNER_TAG, uid.as_str()), (SLOT_TAG, SLOT)];
        let appliances = foreign::security_group(&site, &site.landing.vpc, "appliances", &tags).await?;
        let claim = later_claim(&uid, &appliances);
        let mut claims = serde_json::to_value(network.status().await?.claims)?;
        claims.as_array_mut().context("claims are a list")?.push(claim.clone());
        store(&site, json!({ "claims": claims })).await?;

        network.edit(json!({ "proxyCIDRs": ["10.9.0.0/24"] })).await?;
        let ready = network.until_ready().await?;
        let kept = |network: &MigrationNetwork| {
            let claims = network.status.as_ref().and_then(|status| serde_json::to_value(&status.claims).ok());
            claims.is_some_and(|claims| claims.as_array().is_some_and(|claims| claims.contains(&claim)))
        };
        ensure!(kept(&ready), "the claim is lost: {:#?}", ready.status);

        network.delete().await?;
        let blocked = network.until_reason(ConditionType::Ready, Reason::DeletionBlocked).await?;
        ensure!(kept(&blocked), "the claim is lost: {:#?}", blocked.status);
        let text = message(&blocked, ConditionType::Ready)?;
        ensure!(text.contains(SLOT) && text.contains(&appliances), "{text}");
        let left = site.state().await?;
        ensure!(left.security_groups.iter().any(|group| group.id == appliances), "the group is deleted");

        // The later version is installed again, and completes the deletion.
        foreign::delete_group(&site, &appliances).await?;
        let mut claims = serde_json::to_value(network.status().await?.claims)?;
        for claim in claims.as_array_mut().context("claims are a list")? {
            if claim["slot"] == SLOT {
                claim["phase"] = "Released".into();
            }
        }
        store(&site, json!({ "claims": claims })).await?;
        network.until_gone().await?;
        if !retained {
            is_as_before(&site, &before).await?;
        }
    }
    Ok(())
}
