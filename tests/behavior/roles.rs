//! How the operator identifies itself to the roles of classes: external IDs, session names and source identities.

use anyhow::{Context, Result, ensure};
use kube::api::{Api, Patch, PatchParams};
use mgnet::api::{ConditionType, MigrationNetwork, MigrationNetworkClass, Reason, conditions};
use mgnet::model::access;
use serde_json::json;
use support::failing::{NAME, is_as_before};
use support::waiting::{close, message, until};
use support::{Call, Lab, Site};

const ROLE: &str = "mgnet";

/// Waits until condition `Accepted` of the site's class has that status for the current generation.
async fn until_accepted_is(site: &Site, expected: &str) -> Result<(String, MigrationNetworkClass)> {
    until(&format!("condition Accepted of the class is {expected}"), async || {
        let class = site.classes().get(&site.class_name).await?;
        let status = class.status.clone().unwrap_or_default();
        let accepted = conditions::find(&status.conditions, ConditionType::Accepted);
        let current = accepted.filter(|accepted| accepted.observed_generation == class.metadata.generation);
        let found = current.filter(|accepted| accepted.status == expected);
        Ok(found.map(|accepted| (accepted.message.clone(), class)).ok_or_else(|| format!("{status:#?}")))
    })
    .await
}

/// Returns the calls of the operator that assume the site's role.
async fn sessions(site: &Site) -> Result<Vec<Call>> {
    let arn = format!("arn:aws:iam::{}:role/{ROLE}", site.account);
    let calls = site.lab.control().calls("100000000000", 0).await?;
    Ok(calls.into_iter().filter(|call| call.action == "AssumeRole" && call.parameters["RoleArn"] == *arn).collect())
}

/// Patches the status of the network as another version of the operator would write it.
async fn store(site: &Site, status: serde_json::Value) -> Result<()> {
    let api = Api::<MigrationNetwork>::namespaced(site.kube.clone(), &site.namespace);
    let patch = Patch::Merge(json!({ "status": status }));
    site.disregard_status_of(&api.patch_status(NAME, &PatchParams::default(), &patch).await?);
    Ok(())
}

#[tokio::test]
async fn a_class_without_an_external_id_shows_the_derived_one_before_its_role_admits_it() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("derived").await?;
    site.delete_class_by_force().await?;
    let mut class = site.class();
    class.spec.account.external_id = None;
    site.make_class(class).await?;

    // The role requires the ID of another class.
    let (denied, class) = until_accepted_is(&site, "False").await?;
    let shown = class.status.and_then(|status| status.external_id).context("the class shows no external ID")?;
    assert_eq!(shown, access::external_id(&site.cluster().await?, &site.class_name));
    ensure!(denied.contains("`status.externalID`"), "{denied}");

    lab.control().declare_role(&site.account, ROLE, &shown).await?;
    let network = site.network(NAME).apply().await?;
    let ready = network.until_ready().await?;
    until_accepted_is(&site, "True").await?;
    assert_eq!(site.summary().await?, site.expected().summary());
    let status = serde_json::to_string(&ready.status)?;
    ensure!(!status.contains(&shown) && !status.contains("externalID"), "tenants can read {status}");

    // The session names cluster and class, in the logs of both accounts.
    let session = access::session_name(&site.cluster().await?, &site.class_name);
    let principal = format!("arn:aws:sts::{}:assumed-role/{ROLE}/{session}", site.account);
    let by_operator: Vec<Call> =
        site.calls().await?.into_iter().filter(|call| call.principal.contains(":assumed-role/")).collect();
    ensure!(!by_operator.is_empty() && by_operator.iter().all(|call| call.principal == principal), "{by_operator:#?}");
    ensure!(sessions(&site).await?.iter().all(|call| call.parameters.get("SourceIdentity").is_none()));
    close(&site).await
}

#[tokio::test]
async fn a_class_shows_its_explicit_external_id() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("explicit").await?;
    let (_, class) = until_accepted_is(&site, "True").await?;
    assert_eq!(class.status.and_then(|status| status.external_id).as_deref(), Some("lab"));
    close(&site).await
}

#[tokio::test]
async fn a_role_that_requires_no_external_id_is_assumed_as_before() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("unconditional").await?;
    lab.control().declare_role_without_external_id(&site.account, ROLE).await?;
    site.delete_class_by_force().await?;
    let mut class = site.class();
    class.spec.account.external_id = None;
    site.make_class(class).await?;
    until_accepted_is(&site, "True").await?;
    site.network(NAME).apply().await?.until_ready().await?;
    close(&site).await
}

#[tokio::test]
async fn an_external_id_that_an_earlier_version_recorded_is_removed_while_the_class_exists() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("recorded").await?;
    let network = site.network(NAME).apply().await?;
    network.until_ready().await?;
    let built = site.last_call().await?;
    store(&site, json!({ "account": { "externalID": "lab" } })).await?;
    network
        .until("the external ID is removed", |network| {
            let account = network.status.as_ref().and_then(|status| status.account.as_ref());
            account.is_some_and(|account| account.external_id.is_none() && account.role_arn.is_some())
        })
        .await?;
    assert_eq!(site.writes_after(built).await?, []);
    close(&site).await
}

#[tokio::test]
async fn an_external_id_that_an_earlier_version_recorded_is_used_after_the_class_was_removed_by_force() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("kept").await?;
    let before = site.state().await?;
    let network = site.network(NAME).apply().await?;
    network.until_ready().await?;
    site.delete_class_by_force().await?;
    network.until_reason(ConditionType::Accepted, Reason::ClassNotFound).await?;
    store(&site, json!({ "account": { "externalID": "lab" } })).await?;
    network.delete_and_wait().await?;
    is_as_before(&site, &before).await
}

#[tokio::test]
async fn a_deletion_without_the_class_that_had_the_external_id_names_the_class() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("lost-id").await?;
    let before = site.state().await?;
    let network = site.network(NAME).apply().await?;
    network.until_ready().await?;
    site.delete_class_by_force().await?;
    network.delete().await?;
    let denied = network.until_reason(ConditionType::Ready, Reason::AccessDenied).await?;
    let reported = message(&denied, ConditionType::Ready)?;
    let remedy = format!("class '{}' does not exist: ask the platform team to create it again", site.class_name);
    ensure!(reported.contains(&remedy), "{reported}");

    site.make_class(site.class()).await?;
    network.until_gone().await?;
    is_as_before(&site, &before).await
}

#[tokio::test]
async fn a_source_identity_is_set_after_the_class_enables_it() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("source-identity").await?;
    until_accepted_is(&site, "True").await?;
    site.edit_class(json!({ "sourceIdentity": "Enabled" })).await?;
    let (denied, _) = until_accepted_is(&site, "False").await?;
    ensure!(denied.contains("sts:SetSourceIdentity"), "{denied}");

    lab.control().declare_role_with_source_identity(&site.account, ROLE, "lab").await?;
    until_accepted_is(&site, "True").await?;
    site.network(NAME).apply().await?.until_ready().await?;
    let session = access::session_name(&site.cluster().await?, &site.class_name);
    let last = sessions(&site).await?.pop().context("no session")?;
    assert_eq!(last.parameters["SourceIdentity"], *session);
    assert_eq!(last.parameters["RoleSessionName"], *session);

    // The role must not have to be changed first.
    lab.control().declare_role(&site.account, ROLE, "lab").await?;
    site.edit_class(json!({ "sourceIdentity": null })).await?;
    until_accepted_is(&site, "True").await?;
    close(&site).await
}
