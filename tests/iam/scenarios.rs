//! The scenarios: what the operator does in AWS during the life of a network. Each runs the operator on the simulated
//! lab, and returns the calls that it made with the role of the class.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use kube::ResourceExt;
use mgnet::{
    api::{AdoptionPolicy, ConditionType, Reason},
    controller::{
        Kubernetes,
        orphans::{remove, survey},
    },
    model::ownership::OWNER_TAG,
};
use serde_json::json;
use support::{
    Call, Lab, LabOptions, OPERATOR_NAMESPACE, SOURCES, Site,
    foreign::{DNS, HTTPS, entry, gateway, group, interface, resolver, revoke_egress},
    make_vpc,
    waiting::{untag, until_repaired, until_state},
};

use crate::{policy::Statement, statements, statements_for_transfer};

const NAME: &str = "tokyo";

/// What was recorded in a scenario.
pub(crate) struct Recorded {
    /// The calls that the operator made in the account of the network, with the role of the class.
    pub(crate) calls: Vec<Call>,
    /// The UID of the cluster.
    pub(crate) cluster: String,
    /// Whether the scenario needs the right to adopt resources.
    pub(crate) adopts: bool,
    /// The UID of the cluster from which the scenario needs the right to take over resources.
    pub(crate) transfers_from: Option<String>,
}

impl Recorded {
    async fn of(site: &Site, adopts: bool) -> Result<Self> {
        let is_operators = |call: &Call| call.principal.contains(":assumed-role/mgnet/");
        let calls: Vec<Call> = site.calls().await?.into_iter().filter(is_operators).collect();
        ensure!(!calls.is_empty(), "the operator made no call");
        Ok(Self { calls, cluster: site.cluster_uid().await?, adopts, transfers_from: None })
    }

    /// Returns the policies of the role.
    pub(crate) fn statements(&self) -> Result<Vec<Statement>> {
        let mut statements = statements(self.adopts)?;
        if let Some(from) = &self.transfers_from {
            statements.extend(statements_for_transfer(from)?);
        }
        Ok(statements)
    }
}

/// All scenarios, one after the other.
pub(crate) async fn all() -> Result<Vec<Recorded>> {
    Ok(vec![
        life().await?,
        filtered().await?,
        drift().await?,
        blocked_deletion().await?,
        retained().await?,
        released_and_adopted_again().await?,
        adopted_again_without_owner().await?,
        left_to_another_cluster().await?,
        taken_over_from_another_cluster().await?,
        Box::pin(orphans()).await?,
    ])
}

async fn lab() -> Result<Lab> {
    Lab::simulate(LabOptions::default()).await
}

/// A network is created, edited and deleted.
pub(crate) async fn life() -> Result<Recorded> {
    let site = lab().await?.site("life").await?;
    let network = site.network(NAME).with_replication_group().spec(&json!({ "tags": { "wave": "1" } })).apply().await?;
    network.until_ready().await?;
    for edit in [
        json!({ "sourceCIDRs": ["192.168.20.0/24"], "tags": { "wave": "2" } }),
        json!({ "tags": null }),
        json!({ "endpoints": [entry("mgn", "Interface", &json!({ "privateDNS": "Disabled" }))] }),
        json!({ "endpoints": null, "resolver": { "mode": "Disabled" } }),
        json!({ "resolver": { "mode": "Managed" }, "postLaunch": { "ssm": "Disabled" } }),
        json!({ "onPremises": { "connector": "Enabled" } }),
    ] {
        network.edit(edit).await?;
        network.until_ready().await?;
    }
    network.delete_and_wait().await?;
    Recorded::of(&site, false).await
}

/// The security group of the replication servers filters egress, so that the ranges of S3 matter.
pub(crate) async fn filtered() -> Result<Recorded> {
    let site = lab().await?.site("filtered").await?;
    let servers = group(&site, "servers", &[("tcp", 1500, SOURCES)], &[]).await?;
    revoke_egress(&site, &servers).await?;
    let spec = json!({ "replication": { "securityGroup": { "mode": "Existing", "id": servers } } });
    let network = site.network(NAME).spec(&spec).apply().await?;
    network.until_reason(ConditionType::NetworkResolved, Reason::TrafficBlocked).await?;
    Recorded::of(&site, false).await
}

/// A person deletes and changes resources of a network, and the operator repairs them.
pub(crate) async fn drift() -> Result<Recorded> {
    let site = lab().await?.site("drift").await?;
    let network = site.network(NAME).apply().await?;
    network.until_ready().await?;
    let state = site.state().await?;
    let endpoint = |service: &str, kind: &str| state.endpoint(service, kind).map(|endpoint| endpoint.id.clone());
    let (mgn, s3) =
        (endpoint("mgn", "Interface").context("no endpoint")?, endpoint("s3", "Interface").context("no S3")?);
    let gateway = endpoint("s3", "Gateway").context("no gateway")?;
    let own = state.security_group("sg/endpoints").context("no group")?;
    let default = state.security_groups.iter().find(|group| group.name == "default").context("no default group")?;
    let [resolver] = &*state.resolver_endpoints else { anyhow::bail!("not one Resolver endpoint") };
    let ec2 = &site.aws.ec2;

    let change = ec2.modify_vpc_endpoint().vpc_endpoint_id(&mgn);
    change.add_security_group_ids(&default.id).remove_security_group_ids(&own.id).send().await?;
    let change = ec2.modify_vpc_endpoint().vpc_endpoint_id(&s3);
    change.remove_subnet_ids(site.landing.subnet("endpoints-2")?).send().await?;
    let change = ec2.modify_vpc_endpoint().vpc_endpoint_id(&gateway);
    change.remove_route_table_ids(&site.landing.route_tables["staging"]).send().await?;
    let rules = own.ingress.iter().map(|rule| rule.id.clone()).collect();
    let revoke = ec2.revoke_security_group_ingress().group_id(&own.id);
    revoke.set_security_group_rule_ids(Some(rules)).send().await?;
    let lost = state.endpoint("ec2", "Interface").context("no endpoint")?;
    ec2.delete_vpc_endpoints().vpc_endpoint_ids(&lost.id).send().await?;
    untag(&site, &mgn, "mgnet.dev/slot").await?;
    let arn = format!("arn:aws:route53resolver:{}:{}:resolver-endpoint/{}", site.region, site.account, resolver.id);
    site.aws.resolver.untag_resource().resource_arn(&arn).tag_keys("mgnet.dev/slot").send().await?;
    until_repaired(&network, &site, &site.expected()).await?;

    let lost = resolver.addresses.first().context("no address")?;
    site.lab.control().set_resolver_status(&site.account, &site.region, &lost.id, "FAILED_RESOURCE_GONE").await?;
    until_state(&site, "the lost address is replaced", |state| {
        let mut addresses = state.resolver_endpoints.iter().flat_map(|resolver| &resolver.addresses);
        addresses.clone().count() == 2 && addresses.all(|address| address.id != lost.id && address.status == "ATTACHED")
    })
    .await?;
    network.until_ready().await?;
    network.delete_and_wait().await?;
    Recorded::of(&site, false).await
}

/// A deletion is blocked because a person has associated a group of the network with another VPC.
pub(crate) async fn blocked_deletion() -> Result<Recorded> {
    let site = lab().await?.site("blocked").await?;
    let network = site.network(NAME).with_replication_group().apply().await?;
    network.until_ready().await?;
    let own = site.state().await?.security_group("sg/replication").context("no group")?.id.clone();
    let other = make_vpc(&site.aws, "other").await?;
    site.aws.ec2.associate_security_group_vpc().group_id(&own).vpc_id(&other).send().await?;
    network.delete().await?;
    network.until_reason(ConditionType::Ready, Reason::DeletionBlocked).await?;
    site.aws.ec2.disassociate_security_group_vpc().group_id(&own).vpc_id(&other).send().await?;
    network.until_gone().await?;
    Recorded::of(&site, false).await
}

/// A network retains its resources, and a network of the same name adopts them.
pub(crate) async fn retained() -> Result<Recorded> {
    let site = lab().await?.site("retained").await?;
    let network = site.network(NAME).retained().apply().await?;
    network.until_ready().await?;
    network.delete_and_wait().await?;
    let network = site.network(NAME).adopting(AdoptionPolicy::Retained).apply().await?;
    network.until_ready().await?;
    network.delete_and_wait().await?;
    Recorded::of(&site, false).await
}

/// A network moves to another cluster. Returns the sites of both clusters, and the number of the last call of the old one.
async fn moved() -> Result<(Site, Site, u64)> {
    let lab = lab().await?;
    let old = lab.site("moved").await?;
    let new = old.in_cluster(&lab.another_cluster().await?).await?;
    let network = old.network(NAME).with_replication_group().retained().apply().await?;
    network.until_ready().await?;
    network.transfer_to(Some(&new.cluster_uid().await?)).await?;
    network.delete_and_wait().await?;
    lab.operator().stop().await?;
    let last = old.last_call().await?;
    new.edit_class(json!({ "acceptTransfersFrom": [old.cluster_uid().await?] })).await?;
    let network = new.network(NAME).with_replication_group().adopting(AdoptionPolicy::Retained).apply().await?;
    network.until_ready().await?;
    network.delete_and_wait().await?;
    Ok((old, new, last))
}

/// The calls of the old cluster when a network moves to another one.
pub(crate) async fn left_to_another_cluster() -> Result<Recorded> {
    let (old, _, last) = moved().await?;
    let mut recorded = Recorded::of(&old, false).await?;
    recorded.calls.retain(|call| call.number <= last);
    Ok(recorded)
}

/// The calls of the new cluster when a network moves to it, from the first to those of its deletion there.
pub(crate) async fn taken_over_from_another_cluster() -> Result<Recorded> {
    let (old, new, last) = moved().await?;
    let mut recorded = Recorded::of(&new, false).await?;
    recorded.calls.retain(|call| call.number > last);
    recorded.transfers_from = Some(old.cluster_uid().await?);
    Ok(recorded)
}

/// The IDs of foreign resources that a network adopts.
struct Foreign {
    /// Endpoints and groups.
    ec2: [String; 3],
    resolver: String,
}

impl Foreign {
    async fn make(site: &Site) -> Result<Self> {
        let https = group(site, "corp-https", HTTPS, &[]).await?;
        let dns = group(site, "corp-dns", DNS, &[]).await?;
        let mgn = interface(site, "mgn", true, &https, &[("Name", "corp-mgn")]).await?;
        let s3 = gateway(site, &["main"], &[]).await?;
        let resolver = resolver(site, "corp", &dns, &[]).await?;
        Ok(Self { ec2: [mgn, s3, dns], resolver })
    }
}

/// A network adopts foreign resources and gives them back, and a second network adopts the same resources again.
pub(crate) async fn released_and_adopted_again() -> Result<Recorded> {
    let site = lab().await?.site("released").await?;
    Foreign::make(&site).await?;
    for _ in 0..2 {
        let network = site.network(NAME).adopting(AdoptionPolicy::Any).apply().await?;
        network.until_ready().await?;
        network.delete_and_wait().await?;
    }
    Recorded::of(&site, true).await
}

/// A network adopts foreign resources and retains them, a person removes the tag of the owner, and a network of the
/// same name adopts them again. They have the tag `mgnet.dev/adopted` already, so the call does not set it.
pub(crate) async fn adopted_again_without_owner() -> Result<Recorded> {
    let site = lab().await?.site("adopted-again").await?;
    let foreign = Foreign::make(&site).await?;
    let network = site.network(NAME).retained().adopting(AdoptionPolicy::Any).apply().await?;
    network.until_ready().await?;
    network.delete_and_wait().await?;
    for id in &foreign.ec2 {
        untag(&site, id, OWNER_TAG).await?;
    }
    let arn =
        format!("arn:aws:route53resolver:{}:{}:resolver-endpoint/{}", site.region, site.account, foreign.resolver);
    site.aws.resolver.untag_resource().resource_arn(&arn).tag_keys(OWNER_TAG).send().await?;
    let network = site.network(NAME).adopting(AdoptionPolicy::Retained).apply().await?;
    let uid = network.until_ready().await?.uid().context("no UID")?;
    let state = site.state().await?;
    let owner = |id: &str| {
        let endpoints = state.vpc_endpoints.iter().map(|one| (&one.id, &one.tags));
        let groups = state.security_groups.iter().map(|one| (&one.id, &one.tags));
        let resolvers = state.resolver_endpoints.iter().map(|one| (&one.id, &one.tags));
        let found = endpoints.chain(groups).chain(resolvers).find(|(found, _)| *found == id);
        found.and_then(|(_, tags)| tags.get(OWNER_TAG).cloned())
    };
    for id in foreign.ec2.iter().chain([&foreign.resolver]) {
        ensure!(owner(id).as_ref() == Some(&uid), "{id} was not adopted again");
    }
    network.delete_and_wait().await?;
    Recorded::of(&site, true).await
}

/// A network disappears without a deletion, and the code of `mgnet orphans --delete` deletes its resources.
pub(crate) async fn orphans() -> Result<Recorded> {
    let lab = lab().await?;
    let site = lab.site("orphans").await?;
    let network = site.network(NAME).apply().await?;
    network.until_ready().await?;
    lab.operator().stop().await?;
    network.delete().await?;
    network.patch(json!({ "metadata": { "finalizers": null } })).await?;
    network.until_gone().await?;

    let (clouds, cluster) = (lab.operator().clouds(), site.cluster_uid().await?);
    let store = Kubernetes::new(site.kube.clone(), OPERATOR_NAMESPACE.to_owned());
    let found = survey(&clouds, &store, &cluster, Duration::from_mins(1)).await?;
    let mut found = found.account_regions.into_values().map(|observation| observation.seen);
    let seen = found.next().context("no account was searched")??;
    let ids: Vec<&String> = seen.leftovers.orphans.iter().map(|orphan| &orphan.id).collect();
    let (groups, endpoints): (Vec<&String>, Vec<&String>) = ids.into_iter().partition(|id| id.starts_with("sg-"));
    ensure!(!groups.is_empty() && !endpoints.is_empty(), "{groups:?} {endpoints:?}");
    for id in endpoints {
        remove(&clouds, &store, &cluster, &seen.account, id).await?;
    }
    until_state(&site, "the endpoints are gone", |state| {
        state.vpc_endpoints.is_empty() && state.resolver_endpoints.is_empty()
    })
    .await?;
    for id in groups {
        remove(&clouds, &store, &cluster, &seen.account, id).await?;
    }
    Recorded::of(&site, false).await
}

/// The operator assumes the role of a class, with its own credentials.
pub(crate) async fn assumption() -> Result<Recorded> {
    let options = LabOptions::default();
    let operator_account = options.operator_account.clone();
    let site = Lab::simulate(options).await?.site("assumption").await?;
    let network = site.network(NAME).without_resolver().apply().await?;
    network.until_ready().await?;
    let calls = site.lab.control().calls(&operator_account, 0).await?;
    Ok(Recorded { calls, cluster: site.cluster_uid().await?, adopts: false, transfers_from: None })
}
