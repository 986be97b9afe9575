//! What is in the VPC already and becomes the network's own; and what never does.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use mgnet::api::{AdoptionPolicy, ClaimPhase, ConditionType, MigrationNetwork, Origin, Reason};
use serde_json::{Value, json};
use support::{Fault, FaultKind, Lab, Network, Site};

use support::foreign::{
    DNS, HTTPS, delete_endpoint, delete_resolver, endpoint_in_status, entry, gateway, group, interface, resolver,
    untouched, unwritten,
};
use support::waiting::{actions, close, condition, held_epoch, listed, message, tag, until, until_observed};

/// All slots of the network below.
const SLOTS: [&str; 12] = [
    "resolver",
    "sg/endpoints",
    "sg/replication",
    "sg/resolver",
    "vpce/ec2/Interface",
    "vpce/ec2messages/Interface",
    "vpce/kms/Interface",
    "vpce/mgn/Interface",
    "vpce/s3/Gateway",
    "vpce/s3/Interface",
    "vpce/ssm/Interface",
    "vpce/ssmmessages/Interface",
];

/// Addresses, each with its subnet.
type Addresses = Vec<(String, String)>;

/// A network, and what it left behind.
struct Legacy {
    /// The slots, with the id and the addresses of what fills each.
    ids: Vec<(String, String, Addresses)>,
}

impl Legacy {
    async fn of(site: &Site) -> Result<Self> {
        let state = site.state().await?;
        let ids = state.slots().into_iter().map(|(slot, id)| (slot, id.clone(), state.addresses(&id))).collect();
        Ok(Self { ids })
    }

    /// Makes a network with everything, and deletes it so that everything stays.
    async fn make(site: &Site) -> Result<Self> {
        let network = site.network("tokyo").with_replication_group().spec(&further()).retained().apply().await?;
        network.until_ready().await?;
        let legacy = Self::of(site).await?;
        ensure!(legacy.ids.iter().map(|(slot, ..)| slot.as_str()).eq(SLOTS), "{:?}", legacy.ids);
        network.delete_and_wait().await?;
        let expected = site.expected().with_replication_group().with("kms").retained();
        ensure!(site.summary().await? == expected.summary(), "{}", site.summary().await?);
        Ok(legacy)
    }

    fn names(&self) -> Vec<&str> {
        self.ids.iter().map(|(_, id, _)| id.as_str()).collect()
    }
}

fn further() -> Value {
    json!({ "endpoints": [entry("kms", "Interface", &json!({}))] })
}

/// The ids of what the status says was adopted.
fn adopted(network: &MigrationNetwork) -> BTreeSet<String> {
    let Some(status) = &network.status else { return BTreeSet::new() };
    let endpoints = status.endpoints.iter().map(|one| (one.origin, one.id.clone()));
    let groups = status.security_groups.iter().map(|one| (one.origin, Some(one.id.clone())));
    let resolver = status.resolver.iter().map(|one| (one.origin, one.id.clone()));
    let all = endpoints.chain(groups).chain(resolver);
    all.filter(|(origin, _)| *origin == Some(Origin::Adopted)).filter_map(|(_, id)| id).collect()
}

#[tokio::test]
async fn a_network_that_is_made_again_gets_its_own_back_address_for_address() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("again").await?;
    let empty = site.state().await?;
    let legacy = Legacy::make(&site).await?;
    let again = || site.network("tokyo").with_replication_group().spec(&further()).adopting(AdoptionPolicy::Retained);
    let mark = site.last_call().await?;
    let network = again().apply().await?;
    let ready = network.until_ready().await?;
    let expected = site.expected().with_replication_group().with("kms").adopted(SLOTS);
    assert_eq!(site.summary().await?, expected.summary());
    assert_eq!(Legacy::of(&site).await?.ids, legacy.ids, "ids and addresses are as they were");
    assert_eq!(adopted(&ready), legacy.ids.iter().map(|(_, id, _)| id.clone()).collect());
    let status = ready.status.clone().context("no status")?;
    for (slot, id, _) in &legacy.ids {
        let claim =
            status.claims.iter().find(|claim| claim.slot == *slot).with_context(|| format!("no claim on {slot}"))?;
        assert_eq!((claim.phase, claim.id.as_ref()), (ClaimPhase::Held, Some(id)), "{slot}");
    }
    let writes = site.writes_after(mark).await?;
    let kinds: BTreeSet<&str> = writes.iter().map(|call| call.action.as_str()).collect();
    let tagging = BTreeSet::from(["CreateTags", "DeleteTags", "TagResource", "UntagResource"]);
    assert_eq!(kinds, tagging, "nothing is made, and nothing but tags is changed:{}", listed(&writes));

    // It is the network's own now: kept, and brought to what is wanted.
    let mark = site.last_call().await?;
    until_observed(&site, 1).await?;
    unwritten(&site, mark).await?;
    network.edit(json!({ "proxyCIDRs": ["10.9.0.0/24"] })).await?;
    network.until_ready().await?;
    assert_eq!(site.summary().await?, expected.clone().proxies(["10.9.0.0/24"]).summary());

    // Left behind again, and taken up again; then it goes without a trace.
    network.edit(json!({ "proxyCIDRs": null, "deletionPolicy": "Retain" })).await?;
    network.until_ready().await?;
    network.delete_and_wait().await?;
    assert_eq!(site.summary().await?, expected.clone().retained().summary());
    let network = again().apply().await?;
    network.until_ready().await?;
    assert_eq!(Legacy::of(&site).await?.ids, legacy.ids);
    assert_eq!(site.summary().await?, expected.summary());
    network.delete_and_wait().await?;
    assert_eq!(site.state().await?, empty);
    close(&site).await
}

#[tokio::test]
async fn who_adopts_nothing_is_told_what_is_in_the_way_and_leaves_it_alone() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("never").await?;
    let legacy = Legacy::make(&site).await?;
    let mark = site.last_call().await?;
    let network = site.network("tokyo").spec(&further()).apply().await?;
    let stalled = network.until("it stalls", |network| condition(network, ConditionType::Stalled).is_some()).await?;
    let (_, reason, said) = condition(&stalled, ConditionType::Ready).context("no condition")?;
    let collisions = [Reason::PrivateDnsConflict.as_str(), Reason::NotOwned.as_str()];
    assert!(collisions.contains(&reason), "{reason}: {said}");
    until_observed(&site, 2).await?;
    let state = site.state().await?;
    assert_eq!(adopted(&network.get().await?), BTreeSet::new());
    for service in ["mgn", "ec2", "kms", "s3"] {
        let all = state.vpc_endpoints.iter().filter(|one| one.service_name.ends_with(&format!(".{service}")));
        assert_eq!(all.count(), if service == "s3" { 2 } else { 1 }, "there is no second one of {service}");
    }
    untouched(&site, mark, &legacy.names()).await?;
    close(&site).await
}

#[tokio::test]
async fn what_nobody_owns_is_adopted_and_brought_to_what_is_wanted() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("any").await?;
    let https = group(&site, "corp-https", HTTPS, &[]).await?;
    let dns = group(&site, "corp-dns", &[("tcp", 53, "10.8.0.0/24"), ("udp", 53, "10.8.0.0/24")], &[]).await?;
    let foreign = site.summary().await?;
    let mgn = interface(&site, "mgn", false, &https, &[("Name", "corp-mgn"), ("cost-centre", "4711")]).await?;
    let s3 = gateway(&site, &["staging"], &[]).await?;
    let inbound = resolver(&site, "corp", &dns, &[("Name", "corp-inbound")]).await?;
    let addresses = site.state().await?.addresses(&inbound);
    let mark = site.last_call().await?;
    let network = site.network("tokyo").adopting(AdoptionPolicy::Any).apply().await?;
    // The rules on a group that is adopted with its resolver are somebody's: told, and left.
    let ready = network.until_ready().await?;
    let state = site.state().await?;
    let slots = state.slots();
    for (slot, id) in
        [("vpce/mgn/Interface", &mgn), ("vpce/s3/Gateway", &s3), ("resolver", &inbound), ("sg/resolver", &dns)]
    {
        assert_eq!(slots.get(slot), Some(id), "{slot}");
        assert_eq!(held_epoch(&ready, slot), Some(1), "{slot}");
    }
    assert_eq!(adopted(&ready), [&mgn, &s3, &inbound, &dns].map(Clone::clone).into());
    assert_eq!(state.addresses(&inbound), addresses);
    let held = site.summary().await?.to_string();
    let expected =
        site.expected().beside(&foreign).adopted(["vpce/mgn/Interface", "vpce/s3/Gateway", "resolver", "sg/resolver"]);
    let theirs =
        "tcp 53 from 10.8.0.0/24, tcp 53 from 192.168.10.0/24, udp 53 from 10.8.0.0/24, udp 53 from 192.168.10.0/24";
    let wanted: Vec<String> = expected
        .summary()
        .lines()
        .iter()
        .filter(|line| !line.contains("corp-dns"))
        .map(|line| line.replace("tcp 53 from 192.168.10.0/24, udp 53 from 192.168.10.0/24", theirs))
        .map(|line| if line.starts_with("vpce/mgn") { format!("{line}, cost-centre=4711") } else { line })
        .collect();
    assert_eq!(held, wanted.join("\n"));
    let synced = condition(&ready, ConditionType::Synced).context("no condition")?;
    assert_eq!((synced.0, synced.1), ("False", "DriftDetected"));
    assert!(synced.2.contains(&dns) && synced.2.contains("udp 53 from 10.8.0.0/24"), "{}", synced.2);
    let name = |id: &str| {
        let found = state.vpc_endpoints.iter().find(|one| one.id == id).map(|one| one.tags.get("Name").cloned());
        found.flatten()
    };
    assert_eq!(name(&mgn).as_deref(), Some("corp-mgn"), "it keeps the name that it came with");
    assert_eq!(name(&s3), Some(format!("{}/tokyo vpce/s3/Gateway", site.namespace)));
    untouched(&site, mark, &[&https]).await?;

    // What was adopted goes with the network. The company's own group stays.
    network.delete_and_wait().await?;
    let left = site.summary().await?;
    assert_eq!(left.lines().len(), 1, "{left}");
    assert!(left.lines()[0].contains("corp-https"), "{left}");
    untouched(&site, mark, &[&https]).await?;
    close(&site).await
}

#[tokio::test]
async fn a_class_says_for_its_networks_what_they_adopt() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("any-by-class").await?;
    let https = group(&site, "corp-https", HTTPS, &[]).await?;
    let foreign = site.summary().await?;
    let mgn = interface(&site, "mgn", true, &https, &[]).await?;
    site.edit_class(json!({ "defaults": { "adoptionPolicy": "Any" } })).await?;
    let network = site.network("tokyo").apply().await?;
    let ready = network.until_ready().await?;
    assert_eq!(endpoint_in_status(&ready, "mgn", "Interface"), Some((mgn.clone(), Origin::Adopted)));
    let settings = ready.status.and_then(|status| status.settings).context("no settings")?;
    assert_eq!(settings.adoption_policy, Some(AdoptionPolicy::Any));
    let expected = site.expected().adopted(["vpce/mgn/Interface"]).beside(&foreign);
    assert_eq!(site.summary().await?, expected.summary());

    // `Retain` leaves what was adopted, too, marked by whom it was kept.
    network.edit(json!({ "deletionPolicy": "Retain", "adoptionPolicy": "Never" })).await?;
    network.until_ready().await?;
    assert_eq!(site.summary().await?, expected.summary(), "what is the network's own stays that");
    network.delete_and_wait().await?;
    assert_eq!(site.summary().await?, expected.retained().summary());
    close(&site).await
}

#[tokio::test]
async fn what_somebody_keeps_is_never_adopted() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("kept").await?;
    let https = group(&site, "corp-https", HTTPS, &[]).await?;
    let dns = group(&site, "corp-dns", DNS, &[]).await?;
    let others = "0f0e0d0c-0000-4000-8000-000000000001";
    let mine = format!("{}/tokyo", site.namespace);
    let cluster = cluster(&site).await?;
    // Without private DNS, so that nothing is in the way of the network's own.
    let mut all = vec![https.clone(), dns.clone()];
    for (service, tags) in [
        ("mgn", vec![("services.k8s.aws/controller-version", "ec2-v1.2.3"), ("services.k8s.aws/namespace", "infra")]),
        ("ec2", vec![("crossplane-name", "ec2-endpoint"), ("crossplane-kind", "vpcendpoint.ec2.aws.upbound.io")]),
        ("kms", vec![("ManagedBy", "Terraform")]),
        (
            "ssm",
            vec![
                ("mgnet.dev/owner", others),
                ("mgnet.dev/network", "team/other"),
                ("mgnet.dev/slot", "vpce/ssm/Interface"),
            ],
        ),
        // Left behind, but in another cluster, or by a network of another name, or from another slot, or not at all.
        (
            "ssmmessages",
            vec![
                ("mgnet.dev/owner", others),
                ("mgnet.dev/network", &mine),
                ("mgnet.dev/slot", "vpce/ssmmessages/Interface"),
                ("mgnet.dev/cluster", others),
                ("mgnet.dev/retained", "true"),
            ],
        ),
        (
            "ec2messages",
            vec![
                ("mgnet.dev/owner", others),
                ("mgnet.dev/network", "team-other/tokyo"),
                ("mgnet.dev/slot", "vpce/ec2messages/Interface"),
                ("mgnet.dev/cluster", &cluster),
                ("mgnet.dev/retained", "true"),
            ],
        ),
        (
            "s3",
            vec![
                ("mgnet.dev/owner", others),
                ("mgnet.dev/network", &mine),
                ("mgnet.dev/slot", "vpce/s3/Interface"),
                ("mgnet.dev/cluster", &cluster),
            ],
        ),
    ] {
        all.push(interface(&site, service, false, &https, &tags).await?);
    }
    all.push(resolver(&site, "corp", &dns, &[("kubernetes.io/cluster/prod", "owned")]).await?);
    all.push(gateway(&site, &["main"], &[("pulumi:project", "net")]).await?);
    let (before, mark) = (site.state().await?, site.last_call().await?);
    let network = site.network("tokyo").spec(&further()).adopting(AdoptionPolicy::Any).apply().await?;
    let ready = network.until_ready().await?;
    assert_eq!(adopted(&ready), BTreeSet::new());
    let owned = ready.status.context("no status")?.claims;
    assert_eq!(owned.iter().filter(|claim| claim.phase == ClaimPhase::Held).count(), 11, "{owned:?}");
    network.delete_and_wait().await?;
    assert_eq!(site.state().await?, before);
    untouched(&site, mark, &all.iter().map(String::as_str).collect::<Vec<_>>()).await?;
    close(&site).await
}

/// The uid by which the operator knows its cluster.
async fn cluster(site: &Site) -> Result<String> {
    let namespaces: kube::Api<k8s_openapi::api::core::v1::Namespace> = kube::Api::all(site.kube.clone());
    namespaces.get("kube-system").await?.metadata.uid.context("no uid")
}

async fn until_ambiguous(network: &Network<'_>, words: &[&str]) -> Result<MigrationNetwork> {
    let what = format!("adoption is said to be ambiguous, with the words {words:?}");
    let object = network
        .until(&what, |network| {
            condition(network, ConditionType::Ready).is_some_and(|(_, why, said)| {
                why == "AmbiguousAdoption" && words.iter().all(|word| said.contains(word))
            })
        })
        .await?;
    ensure!(condition(&object, ConditionType::Stalled).is_some(), "only people can tell which is meant");
    Ok(object)
}

#[tokio::test]
async fn of_two_that_fit_none_is_adopted_until_somebody_says_which() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("two-fit").await?;
    let https = group(&site, "corp-https", HTTPS, &[]).await?;
    let dns = group(&site, "corp-dns", DNS, &[]).await?;
    let one = interface(&site, "kms", true, &https, &[]).await?;
    let two = interface(&site, "kms", false, &https, &[]).await?;
    let mark = site.last_call().await?;
    let network = site.network("tokyo").spec(&further()).adopting(AdoptionPolicy::Any).apply().await?;
    until_ambiguous(&network, &["vpce/kms/Interface", &one, &two, "`mode` 'Existing'"]).await?;
    // The rest is built all the same.
    let what = "the others are available";
    network
        .until(what, |network| {
            network.status.as_ref().is_some_and(|status| status.endpoints_available.as_deref() == Some("7/8"))
        })
        .await?;
    until_observed(&site, 1).await?;
    untouched(&site, mark, &[&one, &two]).await?;
    let kms = format!("com.amazonaws.{}.kms", site.region);
    assert_eq!(site.state().await?.vpc_endpoints.iter().filter(|one| one.service_name == kms).count(), 2);

    let (mut ids, mut words) = ([one.as_str(), two.as_str()], String::new());
    ids.sort_unstable();
    words.push_str(&ids.join(", "));
    let object = network.get().await?;
    assert!(message(&object, ConditionType::EndpointsReady)?.contains(&words));

    tag(&site, &two, "managed-by", "opentofu").await?;
    let ready = network.until_ready().await?;
    assert_eq!(endpoint_in_status(&ready, "kms", "Interface"), Some((one.clone(), Origin::Adopted)));
    untouched(&site, site.last_call().await?, &[&two]).await?;

    // Resolvers: with one group for both, it is the resolvers that are told, and the group is not touched either.
    network.edit(json!({ "resolver": { "mode": "Disabled" } })).await?;
    network.until_ready().await?;
    let first = resolver(&site, "first", &dns, &[]).await?;
    let second = resolver(&site, "second", &dns, &[]).await?;
    let mark = site.last_call().await?;
    network.edit(json!({ "resolver": null })).await?;
    until_ambiguous(&network, &[&first, &second]).await?;
    until_observed(&site, 1).await?;
    unwritten(&site, mark).await?;
    delete_resolver(&site, &first).await?;
    let ready = network.until_ready().await?;
    let told = ready.status.clone().and_then(|status| status.resolver).context("no resolver")?;
    assert_eq!((told.id.as_deref(), told.origin), (Some(second.as_str()), Some(Origin::Adopted)));
    assert!(adopted(&ready).contains(&dns));
    close(&site).await
}

#[tokio::test]
async fn what_was_adopted_and_is_lost_is_made_anew() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("adopted-lost").await?;
    let https = group(&site, "corp-https", HTTPS, &[]).await?;
    let mgn = interface(&site, "mgn", true, &https, &[]).await?;
    let network = site.network("tokyo").adopting(AdoptionPolicy::Any).apply().await?;
    network.until_ready().await?;
    delete_endpoint(&site, &mgn).await?;
    let what = "another is there";
    let repaired = network
        .until(what, |network| {
            let told = endpoint_in_status(network, "mgn", "Interface");
            let ready = condition(network, ConditionType::Ready).is_some_and(|(status, ..)| status == "True");
            ready && told.is_some_and(|(id, origin)| id != mgn && origin == Origin::Created)
        })
        .await?;
    assert_eq!(held_epoch(&repaired, "vpce/mgn/Interface"), Some(2));
    close(&site).await
}

#[tokio::test]
async fn a_kill_between_the_effect_of_an_adoption_and_its_answer_makes_nothing_twice() -> Result<()> {
    let lab = Lab::exclusive().await?;
    let site = lab.site("adopted-unheard").await?;
    lab.world().change_options(&site.account, json!({ "throttling": false })).await?;
    let legacy = Legacy::make(&site).await?;
    let mark = site.last_call().await?;
    for (action, nth) in [("CreateTags", 1), ("CreateTags", 4), ("TagResource", 1)] {
        let fault = Fault { account: Some(site.account.clone()), nth, ..Fault::next(FaultKind::Hold, action) };
        lab.world().order(&fault).await?;
    }
    let again = site.network("tokyo").with_replication_group().spec(&further()).adopting(AdoptionPolicy::Retained);
    let network = again.apply().await?;
    let mut killed = 0;
    let held = async || {
        let calls = site.calls_after(mark).await?;
        Ok::<_, anyhow::Error>(calls.iter().filter(|call| call.fault.is_some()).count())
    };
    while killed < 3 {
        let now = until("a call is held", async || {
            let spoiled = held().await?;
            Ok(if spoiled > killed { Ok(spoiled) } else { Err(format!("{spoiled} held")) })
        })
        .await?;
        killed = now;
        lab.operator().kill().await?;
        lab.world().release().await?;
        lab.operator().start().await?;
    }
    network.until_ready().await?;
    assert_eq!(Legacy::of(&site).await?.ids, legacy.ids);
    let expected = site.expected().with_replication_group().with("kms").adopted(SLOTS);
    assert_eq!(site.summary().await?, expected.summary());
    let calls = site.writes_after(mark).await?;
    assert!(
        actions(&calls).iter().all(|action| !action.starts_with("Create") || *action == "CreateTags"),
        "{}",
        listed(&calls)
    );
    network.delete_and_wait().await?;
    assert_eq!(site.state().await?.slots().len(), 0);
    close(&site).await
}
