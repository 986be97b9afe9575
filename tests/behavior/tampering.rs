//! A status that somebody has written by hand: it heals, and never leads the operator to what is not the network's.

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

/// What others have in the account.
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

    /// The foreign resource of the kind that fills a slot.
    fn like(&self, slot: &str) -> &str {
        match slot.split_once('/').map_or(slot, |(kind, _)| kind) {
            "sg" => &self.group,
            "vpce" => &self.endpoint,
            _ => &self.resolver,
        }
    }
}

type Tamper = fn(&MigrationNetworkStatus, &Foreign) -> Result<Value>;

/// What is written into the status by hand.
const TAMPERINGS: [(&str, Tamper); 7] = [
    ("the claims are removed", |_, _| Ok(json!({ "claims": null }))),
    ("the claims name foreign resources", |status, foreign| {
        claims(status, |claim| {
            claim["id"] = foreign.like(claim["slot"].as_str().unwrap_or_default()).into();
        })
    }),
    ("the claims say that foreign resources are being deleted", |status, foreign| {
        claims(status, |claim| {
            claim["id"] = foreign.like(claim["slot"].as_str().unwrap_or_default()).into();
            claim["phase"] = json!(ClaimPhase::Deleting);
        })
    }),
    ("the claims say that everything is gone", |status, _| {
        claims(status, |claim| {
            claim["id"] = Value::Null;
            claim["phase"] = json!(ClaimPhase::Released);
        })
    }),
    ("the claims say that calls are unanswered which nobody made", |status, foreign| {
        claims(status, |claim| {
            claim["id"] = Value::Null;
            claim["phase"] = json!(ClaimPhase::Pending);
            let request =
                json!({ "securityGroup": { "vpc": foreign.vpc, "name": "x", "description": "x", "tags": {} } });
            claim["request"] = request.to_string().into();
        })
    }),
    ("the VPC is another", |_, foreign| Ok(json!({ "vpcID": foreign.vpc }))),
    ("the generation is an older one", |status, _| {
        let mut conditions = serde_json::to_value(&status.conditions)?;
        for condition in conditions.as_array_mut().context("conditions are a list")? {
            condition["observedGeneration"] = 1.into();
        }
        Ok(json!({ "observedGeneration": 1, "conditions": conditions }))
    }),
];

/// All claims, changed.
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

/// What matters of a status: where it is, what it is about, and what is claimed.
fn essence(status: &MigrationNetworkStatus) -> Result<Value> {
    let MigrationNetworkStatus { observed_generation, vpc_id, account, claims, .. } = status;
    let mut claims = serde_json::to_value(claims)?;
    for claim in claims.as_array_mut().context("claims are a list")? {
        // A claim that was made up may have counted on.
        claim.as_object_mut().context("a claim is an object")?.remove("token");
    }
    Ok(json!([observed_generation, vpc_id, account, claims]))
}

/// A network with foreign beside it, as it was before somebody wrote its status.
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
    async fn set(site: &'s Site) -> Result<Self> {
        let (foreign, history) = (Foreign::make(site).await?, History::of(site));
        let network = site.network(NAME).apply().await?;
        network.until_ready().await?;
        network.edit(json!({ "proxyCIDRs": ["10.9.0.0/24"] })).await?;
        let object = network.until_ready().await?;
        let (uid, status) = (object.metadata.uid.context("no uid")?, object.status.context("no status")?);
        Ok(Self { site, foreign, network, uid, state: site.state().await?, status, history })
    }

    /// Fails unless the network is gone, and everything else is as it was.
    async fn check_only_the_network_is_gone(&self) -> Result<()> {
        let left = self.site.state().await?;
        let ours: Vec<String> = owned(&self.state, &self.uid).into_iter().map(|(_, id)| id).collect();
        let mut expected = self.state.clone();
        expected.security_groups.retain(|one| !ours.contains(&one.id));
        expected.vpc_endpoints.retain(|one| !ours.contains(&one.id));
        expected.resolver_endpoints.retain(|one| !ours.contains(&one.id));
        ensure!(left.security_groups == expected.security_groups, "{:#?}", left.security_groups);
        ensure!(left.vpc_endpoints == expected.vpc_endpoints, "{:#?}", left.vpc_endpoints);
        ensure!(left.resolver_endpoints == expected.resolver_endpoints, "{:#?}", left.resolver_endpoints);
        self.history.check_each_slot_was_filled_once().await
    }
}

#[tokio::test]
async fn a_status_that_was_tampered_with_heals_without_a_write_to_aws() -> Result<()> {
    let lab = Lab::shared().await?;
    try_join_all(TAMPERINGS.map(async |(what, tamper)| {
        let site = lab.site("tampered").await?;
        let scene = Scene::set(&site).await?;
        let built = site.last_call().await?;
        write_status(&site, tamper(&scene.status, &scene.foreign)?).await?;
        let wanted = essence(&scene.status)?;
        let healed = |network: &MigrationNetwork| {
            network.status.as_ref().is_some_and(|status| essence(status).ok().as_ref() == Some(&wanted))
        };
        scene.network.until(&format!("{what}, and it heals"), healed).await?;
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
async fn a_network_that_is_deleted_right_after_its_status_was_tampered_with_leaves_nothing_and_takes_nothing_along()
-> Result<()> {
    let lab = Lab::shared().await?;
    try_join_all(TAMPERINGS.map(async |(what, tamper)| {
        let site = lab.site("tampered-last").await?;
        let scene = Scene::set(&site).await?;
        write_status(&site, tamper(&scene.status, &scene.foreign)?).await?;
        scene.network.delete_and_wait().await?;
        scene.check_only_the_network_is_gone().await.context(what)
    }))
    .await?;
    Ok(())
}

#[tokio::test]
async fn claims_that_are_removed_while_a_network_is_being_built_make_no_second_resource() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("tampered-early").await?;
    let history = History::of(&site);
    let network = site.network(NAME).apply().await?;
    network
        .until("some endpoints are there", |network| {
            let claims = network.status.as_ref().map(|status| status.claims.as_slice()).unwrap_or_default();
            claims.iter().any(|claim| claim.slot.starts_with("vpce") && claim.phase == ClaimPhase::Held)
        })
        .await?;
    write_status(&site, json!({ "claims": null })).await?;
    until_built(&site, &network, &site.expected()).await?;
    history.check_each_slot_was_filled_once().await
}

/// Of how many corruptions one is tried out here, and on how many networks, unless `MGNET_TAMPERINGS` is `all`. What is left
/// out is tried out in the simulator.
const ONE_OF: usize = 53;
const NETWORKS: usize = 2;
const NETWORKS_FOR_ALL: usize = 8;

/// The merge patch that makes one object of another.
fn difference(from: &Value, to: &Value) -> Value {
    let (Value::Object(from), Value::Object(to)) = (from, to) else { return to.clone() };
    let gone = from.keys().filter(|name| !to.contains_key(*name)).map(|name| (name.clone(), Value::Null));
    let nothing = Value::Null;
    let changed = to.iter().filter(|(name, value)| from.get(*name) != Some(value));
    let changed = changed.map(|(name, value)| (name.clone(), difference(from.get(name).unwrap_or(&nothing), value)));
    gone.chain(changed).collect()
}

#[tokio::test]
async fn a_status_that_is_wrong_in_any_one_field_heals_without_a_write_to_aws() -> Result<()> {
    let all = std::env::var("MGNET_TAMPERINGS").is_ok_and(|which| which == "all");
    let (one_of, networks) = if all { (1, NETWORKS_FOR_ALL) } else { (ONE_OF, NETWORKS) };
    let lab = Lab::shared().await?;
    let other = lab.site("tampered-neighbour").await?;
    let another = serde_json::to_value(other.network(NAME).apply().await?.until_ready().await?.status)?;
    let tallies = try_join_all((0..networks).map(async |number| {
        let site = lab.site("tampered-field").await?;
        let scene = Scene::set(&site).await?;
        let Foreign { vpc, group, endpoint, resolver } = &scene.foreign;
        let foreign = [("vpc-", vpc), ("sg-", group), ("vpce-", endpoint), ("rslvr-", resolver)];
        let foreign = foreign.map(|(start, id)| (start.to_owned(), id.clone())).into();
        let status = serde_json::to_value(&scene.status)?;
        let corruptions = corruption::all(&status, &Material { foreign, another: another.clone() })?;
        let (mark, mut tried, mut refused) = (site.last_call().await?, 0, 0);
        for corruption in corruptions.iter().step_by(one_of).skip(number).step_by(networks) {
            tried += 1;
            let now = serde_json::to_value(scene.network.status().await?)?;
            match write_status(&site, difference(&now, &corruption.status)).await {
                Ok(()) => {}
                // Not every way is admitted where several items would become the same, or all would be too much.
                Err(error) if ["Duplicate value", "too large"].iter().any(|why| error.to_string().contains(why)) => {
                    refused += 1;
                }
                Err(error) => return Err(error.context(corruption.to_string())),
            }
            let healed = |network: &MigrationNetwork| {
                let now = serde_json::to_value(&network.status).unwrap_or_default();
                corruption::essence(&now) == corruption::essence(&status)
            };
            scene.network.until(&format!("{corruption}, and it heals"), healed).await?;
            let writes = site.writes_after(mark).await?;
            ensure!(writes.is_empty(), "{corruption}: {writes:?}");
        }
        ensure!(site.state().await? == scene.state, "AWS was changed");
        scene.network.delete_and_wait().await?;
        scene.check_only_the_network_is_gone().await?;
        Ok((corruptions.len(), tried, refused))
    }))
    .await?;
    let (tried, refused) = tallies.iter().fold((0, 0), |sum, (_, tried, refused)| (sum.0 + tried, sum.1 + refused));
    println!(
        "{tried} of {} corruptions, of which the API server refused {refused}",
        tallies.first().map_or(0, |one| one.0)
    );
    ensure!(tried > refused, "nothing was tried out");
    Ok(())
}
