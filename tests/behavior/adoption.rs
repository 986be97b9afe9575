//! Adoption: the resources in a VPC that a network takes over as its own, and the resources that it never adopts.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use mgnet::api::{AdoptionPolicy, ClaimPhase, ConditionType, MigrationNetwork, Origin, Reason};
use mgnet::model::preflight::checks::Check;
use serde_json::{Value, json};
use support::{Fault, FaultKind, Lab, Network, Site, Summary};

use crate::checks::until_warning;

use support::class_limits::until_exceeded;
use support::foreign::{
    DNS, HTTPS, delete_endpoint, delete_resolver, endpoint_in_status, entry, gateway, group, interface, resolver,
    untouched, unwritten,
};
use support::waiting::{actions, close, condition, held_epoch, listed, message, tag, until, until_observed};

/// All slots of the network that [`FilledSlots::retained`] creates.
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

/// The resources of a network.
pub(crate) struct FilledSlots {
    /// The slots, each with the ID and the addresses of its resource.
    pub(crate) slots: Vec<(String, String, Addresses)>,
}

impl FilledSlots {
    pub(crate) async fn of(site: &Site) -> Result<Self> {
        let state = site.state().await?;
        let slots = state.slots().into_iter().map(|(slot, id)| (slot, id.clone(), state.addresses(&id))).collect();
        Ok(Self { slots })
    }

    /// Creates a network with all slots, and deletes it with `deletionPolicy: Retain`.
    async fn retained(site: &Site) -> Result<Self> {
        let network = site.network("tokyo").with_replication_group().spec(&spec_with_kms()).retained().apply().await?;
        network.until_ready().await?;
        let retained = Self::of(site).await?;
        ensure!(retained.slots.iter().map(|(slot, ..)| slot.as_str()).eq(SLOTS), "{:?}", retained.slots);
        network.delete_and_wait().await?;
        let expected = site.expected().with_replication_group().with("kms").retained();
        ensure!(site.summary().await? == expected.summary(), "{}", site.summary().await?);
        Ok(retained)
    }

    pub(crate) fn ids(&self) -> Vec<&str> {
        self.slots.iter().map(|(_, id, _)| id.as_str()).collect()
    }
}

fn spec_with_kms() -> Value {
    json!({ "endpoints": [entry("kms", "Interface", &json!({}))] })
}

/// Returns the IDs of the resources that status reports as adopted.
pub(crate) fn adopted(network: &MigrationNetwork) -> BTreeSet<String> {
    let Some(status) = &network.status else { return BTreeSet::new() };
    let endpoints = status.endpoints.iter().map(|one| (one.origin, one.id.clone()));
    let groups = status.security_groups.iter().map(|one| (one.origin, Some(one.id.clone())));
    let resolver = status.resolver.iter().map(|one| (one.origin, one.id.clone()));
    let all = endpoints.chain(groups).chain(resolver);
    all.filter(|(origin, _)| *origin == Some(Origin::Adopted)).filter_map(|(_, id)| id).collect()
}

#[tokio::test]
async fn a_recreated_network_adopts_its_retained_resources_and_keeps_their_addresses() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("again").await?;
    let empty = site.state().await?;
    let retained = FilledSlots::retained(&site).await?;
    let recreated =
        || site.network("tokyo").with_replication_group().spec(&spec_with_kms()).adopting(AdoptionPolicy::Retained);
    let mark = site.last_call().await?;
    let network = recreated().apply().await?;
    let ready = network.until_ready().await?;
    let expected = site.expected().with_replication_group().with("kms");
    assert_eq!(site.summary().await?, expected.summary());
    assert_eq!(FilledSlots::of(&site).await?.slots, retained.slots, "IDs and addresses are unchanged");
    assert_eq!(adopted(&ready), BTreeSet::new(), "they are the network's own again");
    let status = ready.status.clone().context("no status")?;
    assert_eq!(status.adoptions, []);
    for (slot, id, _) in &retained.slots {
        let claim =
            status.claims.iter().find(|claim| claim.slot == *slot).with_context(|| format!("no claim on {slot}"))?;
        assert_eq!((claim.phase, claim.id.as_ref()), (ClaimPhase::Held, Some(id)), "{slot}");
    }
    let writes = site.writes_after(mark).await?;
    let kinds: BTreeSet<&str> = writes.iter().map(|call| call.action.as_str()).collect();
    let tagging = BTreeSet::from(["CreateTags", "DeleteTags", "TagResource", "UntagResource"]);
    assert_eq!(kinds, tagging, "nothing is created, and only tags are changed:{}", listed(&writes));

    // The network owns the resources now: it keeps them, and applies a change of its spec to them.
    let mark = site.last_call().await?;
    until_observed(&site, 1).await?;
    unwritten(&site, mark).await?;
    network.edit(json!({ "proxyCIDRs": ["10.9.0.0/24"] })).await?;
    network.until_ready().await?;
    assert_eq!(site.summary().await?, expected.clone().proxies(["10.9.0.0/24"]).summary());

    // The resources are retained and adopted once more; then the network is deleted and leaves nothing.
    network.edit(json!({ "proxyCIDRs": null, "deletionPolicy": "Retain" })).await?;
    network.until_ready().await?;
    network.delete_and_wait().await?;
    assert_eq!(site.summary().await?, expected.clone().retained().summary());
    let network = recreated().apply().await?;
    network.until_ready().await?;
    assert_eq!(FilledSlots::of(&site).await?.slots, retained.slots);
    assert_eq!(site.summary().await?, expected.summary());
    network.delete_and_wait().await?;
    assert_eq!(site.state().await?, empty);
    close(&site).await
}

#[tokio::test]
async fn without_adoption_a_collision_is_reported_and_the_resources_are_left_alone() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("never").await?;
    let retained = FilledSlots::retained(&site).await?;
    let mark = site.last_call().await?;
    let network = site.network("tokyo").spec(&spec_with_kms()).apply().await?;
    let stalled = network.until("it stalls", |network| condition(network, ConditionType::Stalled).is_some()).await?;
    let (_, reason, message) = condition(&stalled, ConditionType::Ready).context("no condition")?;
    let collisions = [Reason::PrivateDnsConflict.as_str(), Reason::NotOwned.as_str()];
    assert!(collisions.contains(&reason), "{reason}: {message}");
    until_observed(&site, 2).await?;
    let state = site.state().await?;
    assert_eq!(adopted(&network.get().await?), BTreeSet::new());
    for service in ["mgn", "ec2", "kms", "s3"] {
        let all = state.vpc_endpoints.iter().filter(|one| one.service_name.ends_with(&format!(".{service}")));
        assert_eq!(all.count(), if service == "s3" { 2 } else { 1 }, "there is no second endpoint of {service}");
    }
    untouched(&site, mark, &retained.ids()).await?;
    close(&site).await
}

/// Returns the summary of a network whose `mgn` endpoint was adopted with a security group of its own.
fn with_the_companys_group(expected: &Summary) -> String {
    let line = |line: &String| {
        let adopted = line.starts_with("vpce/mgn/Interface");
        if adopted { line.replace("behind sg/endpoints", "behind corp-https, sg/endpoints") } else { line.clone() }
    };
    expected.lines().iter().map(line).collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn policy_any_adopts_unowned_resources_only_adds_to_them_and_gives_them_back() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("any").await?;
    let https = group(&site, "corp-https", HTTPS, &[]).await?;
    let dns = group(&site, "corp-dns", &[("tcp", 53, "10.8.0.0/24"), ("udp", 53, "10.8.0.0/24")], &[]).await?;
    let foreign = site.summary().await?;
    let mgn = interface(&site, "mgn", false, &https, &[("Name", "corp-mgn"), ("cost-centre", "4711")]).await?;
    // The main route table serves the subnets of other workloads.
    let s3 = gateway(&site, &["staging", "main"], &[]).await?;
    let inbound = resolver(&site, "corp", &dns, &[("Name", "corp-inbound")]).await?;
    let made = site.aws.ec2.create_route_table().vpc_id(&site.landing.vpc).send().await?;
    let later = made.route_table.and_then(|table| table.route_table_id).context("no route table")?;
    let before = site.state().await?;
    let addresses = before.addresses(&inbound);
    let mark = site.last_call().await?;
    let plan = json!({ "managementPolicy": "Plan" });
    let network = site.network("tokyo").spec(&plan).adopting(AdoptionPolicy::Any).apply().await?;
    let words = ["vpce/s3/Gateway", &s3, "adds route tables", "nothing is removed from it"];
    until_warning(&site, &network, Check::AdoptionAdds, &words).await?;
    unwritten(&site, mark).await?;
    network.edit(json!({ "managementPolicy": null })).await?;
    // The rules of a group that is adopted with its resolver are foreign: they are reported and left alone.
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
    let words = ["vpce/mgn/Interface", &mgn, "private DNS setting 'Disabled' instead of 'Enabled'"];
    until_warning(&site, &network, Check::AdoptedFits, &words).await?;
    let actual = site.summary().await?.to_string();
    let expected =
        site.expected().beside(&foreign).private_dns("mgn", "off").route_tables(["launch", "main", "staging"]);
    let expected = expected.adopted(["vpce/mgn/Interface", "vpce/s3/Gateway", "resolver", "sg/resolver"]);
    let with_foreign_rules =
        "tcp 53 from 10.8.0.0/24, tcp 53 from 192.168.10.0/24, udp 53 from 10.8.0.0/24, udp 53 from 192.168.10.0/24";
    let expected_lines: Vec<String> = with_the_companys_group(&expected.summary())
        .lines()
        .filter(|line| !line.contains("corp-dns"))
        .map(|line| line.replace("tcp 53 from 192.168.10.0/24, udp 53 from 192.168.10.0/24", with_foreign_rules))
        .map(|line| if line.starts_with("vpce/mgn") { format!("{line}, cost-centre=4711") } else { line })
        .collect();
    assert_eq!(actual, expected_lines.join("\n"));
    let synced = condition(&ready, ConditionType::Synced).context("no condition")?;
    assert_eq!((synced.0, synced.1), ("False", "DriftDetected"));
    assert!(synced.2.contains(&dns) && synced.2.contains("udp 53 from 10.8.0.0/24"), "{}", synced.2);
    let name = |id: &str| {
        let found = state.vpc_endpoints.iter().find(|one| one.id == id).map(|one| one.tags.get("Name").cloned());
        found.flatten()
    };
    assert_eq!(name(&mgn).as_deref(), Some("corp-mgn"), "it keeps the name that it had before the adoption");
    assert_eq!(name(&s3), Some(format!("{}/tokyo vpce/s3/Gateway", site.namespace)));
    untouched(&site, mark, &[&https]).await?;

    // What others add to an adopted resource stays, too.
    let request = site.aws.ec2.modify_vpc_endpoint().vpc_endpoint_id(&s3).add_route_table_ids(&later);
    request.send().await?;
    until_observed(&site, 2).await?;
    network.edit(json!({ "tags": { "wave": "3" } })).await?;
    network.until_ready().await?;

    // The adopted resources are given back as they were, and everything else is deleted.
    network.delete_and_wait().await?;
    let mut left = site.state().await?;
    for endpoint in left.vpc_endpoints.iter_mut().filter(|one| one.id == s3) {
        ensure!(endpoint.route_tables.remove(&later), "a route table that others added is gone");
    }
    for table in left.route_tables.iter_mut().filter(|table| table.id == later) {
        table.routes.retain(|route| route.target != s3);
    }
    assert_eq!(left, before);
    untouched(&site, mark, &[&https]).await?;
    close(&site).await
}

#[tokio::test]
async fn adopted_resources_are_deleted_with_the_network_if_its_policy_says_so() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("any-deleted").await?;
    let https = group(&site, "corp-https", HTTPS, &[]).await?;
    let mgn = interface(&site, "mgn", true, &https, &[]).await?;
    let s3 = gateway(&site, &["main"], &[]).await?;
    let spec = json!({ "adoptedDeletionPolicy": "Delete" });
    let network = site.network("tokyo").spec(&spec).adopting(AdoptionPolicy::Any).apply().await?;
    assert_eq!(adopted(&network.until_ready().await?), [mgn, s3].into());
    // A class can forbid it. The policy that was accepted before then applies.
    site.edit_class(json!({ "limits": { "adoptedDeletionPolicies": ["Release"] } })).await?;
    until_exceeded(&network).await?;
    network.delete_and_wait().await?;
    assert_eq!(site.state().await?.vpc_endpoints, []);
    close(&site).await
}

#[tokio::test]
async fn a_class_sets_the_default_adoption_policy_of_its_networks() -> Result<()> {
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
    assert_eq!(site.summary().await?.to_string(), with_the_companys_group(&expected.summary()));

    // `Retain` also keeps adopted resources, and tags them with the network that retained them.
    network.edit(json!({ "deletionPolicy": "Retain", "adoptionPolicy": "Never" })).await?;
    network.until_ready().await?;
    let kept = site.summary().await?.to_string();
    assert_eq!(kept, with_the_companys_group(&expected.summary()), "the network keeps the resources that it owns");
    network.delete_and_wait().await?;
    assert_eq!(site.summary().await?.to_string(), with_the_companys_group(&expected.retained().summary()));
    close(&site).await
}

#[tokio::test]
async fn resources_managed_by_other_tools_or_networks_are_never_adopted() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("kept").await?;
    let https = group(&site, "corp-https", HTTPS, &[]).await?;
    let dns = group(&site, "corp-dns", DNS, &[]).await?;
    let other_uid = "0f0e0d0c-0000-4000-8000-000000000001";
    let cluster = site.cluster_uid().await?;
    // The endpoints have no private DNS, so that they do not conflict with the network's own endpoints.
    let mut all = vec![https.clone(), dns.clone()];
    for (service, tags) in [
        ("mgn", vec![("services.k8s.aws/controller-version", "ec2-v1.2.3"), ("services.k8s.aws/namespace", "infra")]),
        ("ec2", vec![("crossplane-name", "ec2-endpoint"), ("crossplane-kind", "vpcendpoint.ec2.aws.upbound.io")]),
        ("kms", vec![("ManagedBy", "Terraform")]),
        (
            "ssm",
            vec![
                ("mgnet.dev/owner", other_uid),
                ("mgnet.dev/network", "team/other"),
                ("mgnet.dev/slot", "vpce/ssm/Interface"),
            ],
        ),
        // It was retained, but by a network of another name.
        (
            "ec2messages",
            vec![
                ("mgnet.dev/owner", other_uid),
                ("mgnet.dev/network", "team-other/tokyo"),
                ("mgnet.dev/slot", "vpce/ec2messages/Interface"),
                ("mgnet.dev/cluster", &cluster),
                ("mgnet.dev/retained", "true"),
            ],
        ),
    ] {
        all.push(interface(&site, service, false, &https, &tags).await?);
    }
    all.push(resolver(&site, "corp", &dns, &[("kubernetes.io/cluster/prod", "owned")]).await?);
    all.push(gateway(&site, &["main"], &[("pulumi:project", "net")]).await?);
    let (before, mark) = (site.state().await?, site.last_call().await?);
    let network = site.network("tokyo").spec(&spec_with_kms()).adopting(AdoptionPolicy::Any).apply().await?;
    let ready = network.until_ready().await?;
    assert_eq!(adopted(&ready), BTreeSet::new());
    let owned = ready.status.context("no status")?.claims;
    assert_eq!(owned.iter().filter(|claim| claim.phase == ClaimPhase::Held).count(), 11, "{owned:?}");
    network.delete_and_wait().await?;
    assert_eq!(site.state().await?, before);
    untouched(&site, mark, &all.iter().map(String::as_str).collect::<Vec<_>>()).await?;
    close(&site).await
}

async fn until_ambiguous(network: &Network<'_>, words: &[&str]) -> Result<MigrationNetwork> {
    let what = format!("adoption is reported as ambiguous, with the words {words:?}");
    let object = network
        .until(&what, |network| {
            condition(network, ConditionType::Ready).is_some_and(|(_, reason, message)| {
                reason == "AmbiguousAdoption" && words.iter().all(|word| message.contains(word))
            })
        })
        .await?;
    ensure!(condition(&object, ConditionType::Stalled).is_some(), "only a user can choose the resource");
    Ok(object)
}

#[tokio::test]
async fn ambiguous_candidates_are_not_adopted_until_only_one_remains() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("two-fit").await?;
    let https = group(&site, "corp-https", HTTPS, &[]).await?;
    let dns = group(&site, "corp-dns", DNS, &[]).await?;
    let one = interface(&site, "kms", true, &https, &[]).await?;
    let two = interface(&site, "kms", false, &https, &[]).await?;
    let mark = site.last_call().await?;
    let network = site.network("tokyo").spec(&spec_with_kms()).adopting(AdoptionPolicy::Any).apply().await?;
    until_ambiguous(&network, &["vpce/kms/Interface", &one, &two, "`mode` 'Existing'"]).await?;
    // The operator builds the other resources nevertheless.
    let what = "the other endpoints are available";
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

    // Two Resolver endpoints share one group: the operator reports the endpoints, and leaves the group alone as well.
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
    let reported = ready.status.clone().and_then(|status| status.resolver).context("no resolver")?;
    assert_eq!((reported.id.as_deref(), reported.origin), (Some(second.as_str()), Some(Origin::Adopted)));
    assert!(adopted(&ready).contains(&dns));
    close(&site).await
}

#[tokio::test]
async fn an_adopted_endpoint_that_is_deleted_by_hand_is_replaced_by_a_new_one() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("adopted-lost").await?;
    let https = group(&site, "corp-https", HTTPS, &[]).await?;
    let mgn = interface(&site, "mgn", true, &https, &[]).await?;
    let network = site.network("tokyo").adopting(AdoptionPolicy::Any).apply().await?;
    network.until_ready().await?;
    delete_endpoint(&site, &mgn).await?;
    let what = "the endpoint is replaced";
    let repaired = network
        .until(what, |network| {
            let reported = endpoint_in_status(network, "mgn", "Interface");
            let ready = condition(network, ConditionType::Ready).is_some_and(|(status, ..)| status == "True");
            ready && reported.is_some_and(|(id, origin)| id != mgn && origin == Origin::Created)
        })
        .await?;
    assert_eq!(held_epoch(&repaired, "vpce/mgn/Interface"), Some(2));
    close(&site).await
}

#[tokio::test]
async fn a_kill_before_the_answer_to_an_adoption_call_creates_no_duplicate() -> Result<()> {
    let lab = Lab::exclusive().await?;
    let site = lab.site("adopted-unheard").await?;
    lab.control().change_options(&site.account, json!({ "throttling": false })).await?;
    let retained = FilledSlots::retained(&site).await?;
    let mark = site.last_call().await?;
    for (action, nth) in [("CreateTags", 1), ("CreateTags", 4), ("TagResource", 1)] {
        let fault = Fault { account: Some(site.account.clone()), nth, ..Fault::next(FaultKind::Hold, action) };
        lab.control().order(&fault).await?;
    }
    let recreated =
        site.network("tokyo").with_replication_group().spec(&spec_with_kms()).adopting(AdoptionPolicy::Retained);
    let network = recreated.apply().await?;
    let mut killed = 0;
    let count_held = async || {
        let calls = site.calls_after(mark).await?;
        Ok::<_, anyhow::Error>(calls.iter().filter(|call| call.fault.is_some()).count())
    };
    while killed < 3 {
        let now = until("a call is held", async || {
            let held = count_held().await?;
            Ok(if held > killed { Ok(held) } else { Err(format!("{held} held")) })
        })
        .await?;
        killed = now;
        lab.operator().kill().await?;
        lab.control().release().await?;
        lab.operator().start().await?;
    }
    network.until_ready().await?;
    assert_eq!(FilledSlots::of(&site).await?.slots, retained.slots);
    let expected = site.expected().with_replication_group().with("kms");
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
