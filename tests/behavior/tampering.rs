//! A status that was edited by hand: the operator restores it, and never touches foreign resources because of it.

use anyhow::{Context, Result, ensure};
use futures::future::try_join_all;
use kube::Api;
use kube::api::{Patch, PatchParams};
use mgnet::api::{ClaimPhase, MigrationNetwork, MigrationNetworkStatus};
use serde_json::{Value, json};
use support::corruption::{self, Material};
use support::state::State;
use support::{Lab, Network, Site, make_vpc};

use support::failing::{NAME, owned, until_built};
use support::foreign;
use support::history::History;

/// The foreign resources in the account.
struct Foreign {
    vpc: String,
    group: String,
    endpoint: String,
    resolver: String,
}

impl Foreign {
    async fn make(site: &Site) -> Result<Self> {
        let vpc = make_vpc(&site.aws, "somebodys").await?;
        let group = foreign::security_group(site, &site.landing.vpc, "somebodys", &[]).await?;
        foreign::admit(site, &group, foreign::ANY_DNS).await?;
        let endpoint = foreign::endpoint(site, "kms", true, &[]).await?;
        let resolver = foreign::resolver(site, "somebodys", &group, &[]).await?;
        Ok(Self { vpc, group, endpoint, resolver })
    }

    /// Returns the foreign resource of the kind that belongs in a slot.
    fn for_slot(&self, slot: &str) -> &str {
        match slot.split_once('/').map_or(slot, |(kind, _)| kind) {
            "sg" => &self.group,
            "vpce" => &self.endpoint,
            _ => &self.resolver,
        }
    }
}

type Tamper = fn(&MigrationNetworkStatus, &Foreign) -> Result<Value>;

/// The edits of the status by hand.
const TAMPERINGS: [(&str, Tamper); 7] = [
    ("the claims are removed", |_, _| Ok(json!({ "claims": null }))),
    ("the claims name foreign resources", |status, foreign| {
        claims(status, |claim| {
            claim["id"] = foreign.for_slot(claim["slot"].as_str().unwrap_or_default()).into();
        })
    }),
    ("the claims record that foreign resources are being deleted", |status, foreign| {
        claims(status, |claim| {
            claim["id"] = foreign.for_slot(claim["slot"].as_str().unwrap_or_default()).into();
            claim["phase"] = json!(ClaimPhase::Deleting);
        })
    }),
    ("the claims record that everything is deleted", |status, _| {
        claims(status, |claim| {
            claim["id"] = Value::Null;
            claim["phase"] = json!(ClaimPhase::Released);
        })
    }),
    ("the claims record unanswered calls that were never sent", |status, foreign| {
        claims(status, |claim| {
            claim["id"] = Value::Null;
            claim["phase"] = json!(ClaimPhase::Pending);
            let request =
                json!({ "securityGroup": { "vpc": foreign.vpc, "name": "x", "description": "x", "tags": {} } });
            claim["request"] = request.to_string().into();
        })
    }),
    ("the status names another VPC", |_, foreign| Ok(json!({ "vpcID": foreign.vpc }))),
    ("the observed generation is older", |status, _| {
        let mut conditions = serde_json::to_value(&status.conditions)?;
        for condition in conditions.as_array_mut().context("conditions are a list")? {
            condition["observedGeneration"] = 1.into();
        }
        Ok(json!({ "observedGeneration": 1, "conditions": conditions }))
    }),
];

/// Returns all claims, each of them changed.
fn claims(status: &MigrationNetworkStatus, change: impl Fn(&mut Value)) -> Result<Value> {
    let mut claims = serde_json::to_value(&status.claims)?;
    claims.as_array_mut().context("claims are a list")?.iter_mut().for_each(change);
    for claim in claims.as_array_mut().context("claims are a list")? {
        claim.as_object_mut().context("a claim is an object")?.retain(|_, value| !value.is_null());
    }
    Ok(json!({ "claims": claims }))
}

async fn write_status(site: &Site, status: Value) -> Result<()> {
    let api = Api::<MigrationNetwork>::namespaced(site.kube.clone(), &site.namespace);
    let written = api.patch_status(NAME, &PatchParams::default(), &Patch::Merge(json!({ "status": status }))).await?;
    site.disregard_status_of(&written);
    Ok(())
}

/// Returns the part of a status that the operator must restore: the observed generation, the VPC, the account and the
/// claims.
fn restored_part(status: &MigrationNetworkStatus) -> Result<Value> {
    let MigrationNetworkStatus { observed_generation, vpc_id, account, claims, .. } = status;
    let mut claims = serde_json::to_value(claims)?;
    for claim in claims.as_array_mut().context("claims are a list")? {
        // An invented claim may have advanced the epoch, which the token depends on.
        claim.as_object_mut().context("a claim is an object")?.remove("token");
    }
    Ok(json!([observed_generation, vpc_id, account, claims]))
}

/// A network beside foreign resources, and its state before its status is edited by hand.
struct Scene<'s> {
    site: &'s Site,
    foreign: Foreign,
    network: Network<'s>,
    uid: String,
    state: State,
    status: MigrationNetworkStatus,
    history: History,
}

impl<'s> Scene<'s> {
    async fn make(site: &'s Site) -> Result<Self> {
        let (foreign, history) = (Foreign::make(site).await?, History::of(site));
        let network = site.network(NAME).apply().await?;
        network.until_ready().await?;
        network.edit(json!({ "proxyCIDRs": ["10.9.0.0/24"] })).await?;
        let object = network.until_ready().await?;
        let (uid, status) = (object.metadata.uid.context("no uid")?, object.status.context("no status")?);
        Ok(Self { site, foreign, network, uid, state: site.state().await?, status, history })
    }

    /// Fails unless the network's resources are gone, and all others are unchanged.
    async fn check_only_the_network_is_gone(&self) -> Result<()> {
        let left = self.site.state().await?;
        let owned_ids: Vec<String> = owned(&self.state, &self.uid).into_iter().map(|(_, id)| id).collect();
        let mut expected = self.state.clone();
        expected.security_groups.retain(|one| !owned_ids.contains(&one.id));
        expected.vpc_endpoints.retain(|one| !owned_ids.contains(&one.id));
        expected.resolver_endpoints.retain(|one| !owned_ids.contains(&one.id));
        ensure!(left.security_groups == expected.security_groups, "{:#?}", left.security_groups);
        ensure!(left.vpc_endpoints == expected.vpc_endpoints, "{:#?}", left.vpc_endpoints);
        ensure!(left.resolver_endpoints == expected.resolver_endpoints, "{:#?}", left.resolver_endpoints);
        self.history.check_each_slot_was_filled_once().await
    }
}

#[tokio::test]
async fn a_status_that_was_tampered_with_is_restored_without_a_write_to_aws() -> Result<()> {
    let lab = Lab::shared().await?;
    try_join_all(TAMPERINGS.map(async |(what, tamper)| {
        let site = lab.site("tampered").await?;
        let scene = Scene::make(&site).await?;
        let built = site.last_call().await?;
        write_status(&site, tamper(&scene.status, &scene.foreign)?).await?;
        let expected = restored_part(&scene.status)?;
        let is_restored = |network: &MigrationNetwork| {
            network.status.as_ref().is_some_and(|status| restored_part(status).ok().as_ref() == Some(&expected))
        };
        scene.network.until(&format!("{what}, and the operator restores the status"), is_restored).await?;
        scene.network.until_ready().await?;
        ensure!(site.state().await? == scene.state, "{what}: AWS was changed");
        ensure!(site.writes_after(built).await?.is_empty(), "{what}: {:?}", site.writes_after(built).await?);
        scene.history.check_each_slot_was_filled_once().await?;
        scene.network.delete_and_wait().await?;
        scene.check_only_the_network_is_gone().await.context(what)
    }))
    .await?;
    Ok(())
}

#[tokio::test]
async fn a_deletion_right_after_tampering_deletes_all_of_the_network_and_nothing_else() -> Result<()> {
    let lab = Lab::shared().await?;
    try_join_all(TAMPERINGS.map(async |(what, tamper)| {
        let site = lab.site("tampered-last").await?;
        let scene = Scene::make(&site).await?;
        write_status(&site, tamper(&scene.status, &scene.foreign)?).await?;
        scene.network.delete_and_wait().await?;
        scene.check_only_the_network_is_gone().await.context(what)
    }))
    .await?;
    Ok(())
}

#[tokio::test]
async fn removing_the_claims_while_a_network_is_built_creates_no_second_resource() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("tampered-early").await?;
    let history = History::of(&site);
    let network = site.network(NAME).apply().await?;
    network
        .until("some endpoints exist", |network| {
            let claims = network.status.as_ref().map(|status| status.claims.as_slice()).unwrap_or_default();
            claims.iter().any(|claim| claim.slot.starts_with("vpce") && claim.phase == ClaimPhase::Held)
        })
        .await?;
    write_status(&site, json!({ "claims": null })).await?;
    until_built(&site, &network, &site.expected()).await?;
    history.check_each_slot_was_filled_once().await
}

/// One in `ONE_OF` corruptions is tested here, on `NETWORKS` networks, unless `MGNET_TAMPERINGS` is `all`. The
/// simulator tests the others.
const ONE_OF: usize = 53;
const NETWORKS: usize = 2;
const NETWORKS_FOR_ALL: usize = 8;

/// Returns the merge patch that changes one object into another.
fn difference(from: &Value, to: &Value) -> Value {
    let (Value::Object(from), Value::Object(to)) = (from, to) else { return to.clone() };
    let removed = from.keys().filter(|name| !to.contains_key(*name)).map(|name| (name.clone(), Value::Null));
    let null = Value::Null;
    let changed = to.iter().filter(|(name, value)| from.get(*name) != Some(value));
    let changed = changed.map(|(name, value)| (name.clone(), difference(from.get(name).unwrap_or(&null), value)));
    removed.chain(changed).collect()
}

#[tokio::test]
async fn a_status_with_any_one_wrong_field_is_restored_without_a_write_to_aws() -> Result<()> {
    let all = std::env::var("MGNET_TAMPERINGS").is_ok_and(|which| which == "all");
    let (one_of, networks) = if all { (1, NETWORKS_FOR_ALL) } else { (ONE_OF, NETWORKS) };
    let lab = Lab::shared().await?;
    let other = lab.site("tampered-neighbour").await?;
    let another = serde_json::to_value(other.network(NAME).apply().await?.until_ready().await?.status)?;
    let tallies = try_join_all((0..networks).map(async |number| {
        let site = lab.site("tampered-field").await?;
        let scene = Scene::make(&site).await?;
        let Foreign { vpc, group, endpoint, resolver } = &scene.foreign;
        let foreign = [("vpc-", vpc), ("sg-", group), ("vpce-", endpoint), ("rslvr-", resolver)];
        let foreign = foreign.map(|(start, id)| (start.to_owned(), id.clone())).into();
        let status = serde_json::to_value(&scene.status)?;
        let corruptions = corruption::all(&status, &Material { foreign, another: another.clone() })?;
        let (mark, mut tested, mut refused) = (site.last_call().await?, 0, 0);
        for corruption in corruptions.iter().step_by(one_of).skip(number).step_by(networks) {
            tested += 1;
            let now = serde_json::to_value(scene.network.status().await?)?;
            match write_status(&site, difference(&now, &corruption.status)).await {
                Ok(()) => {}
                // The API server rejects a corruption that would duplicate list items or make the object too large.
                Err(error) if ["Duplicate value", "too large"].iter().any(|why| error.to_string().contains(why)) => {
                    refused += 1;
                }
                Err(error) => return Err(error.context(corruption.to_string())),
            }
            let is_restored = |network: &MigrationNetwork| {
                let now = serde_json::to_value(&network.status).unwrap_or_default();
                corruption::essence(&now) == corruption::essence(&status)
            };
            scene.network.until(&format!("{corruption}, and the operator restores the status"), is_restored).await?;
            let writes = site.writes_after(mark).await?;
            ensure!(writes.is_empty(), "{corruption}: {writes:?}");
        }
        ensure!(site.state().await? == scene.state, "AWS was changed");
        scene.network.delete_and_wait().await?;
        scene.check_only_the_network_is_gone().await?;
        Ok((corruptions.len(), tested, refused))
    }))
    .await?;
    let (tested, refused) = tallies.iter().fold((0, 0), |sum, (_, tested, refused)| (sum.0 + tested, sum.1 + refused));
    println!(
        "{tested} of {} corruptions, of which the API server refused {refused}",
        tallies.first().map_or(0, |one| one.0)
    );
    ensure!(tested > refused, "no corruption was tested");
    Ok(())
}
