//! A site with what is somebody else's, in which a network goes from value to value; and what is checked after each step.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, bail, ensure};
use aws_sdk_ec2::types::{ResourceType, Tag, TagSpecification};
use emulator::world::options;
use mgnet::api::{AdoptionPolicy, ConditionStatus, ConditionType};
use serde::Deserialize;
use serde_json::{Value, json};
use support::state::State;
use support::{Call, Delays, Lab, Network, Site};

use support::foreign::{DNS, HTTPS, admit, group, interface, resolver, untouched, unwritten};
use support::waiting::{condition, listed, tags, until_observed};

const VALUES: &str = include_str!("../../manifests/values.yaml");

/// What says that somebody else keeps it.
const THEIRS: &[(&str, &str)] = &[("managed-by", "terraform")];

/// Who holds the addresses that a chain fixes, so that AWS chooses none of them for anything else.
const RESERVED: &str = "reserved";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Values {
    config_map: ConfigMapText,
    pub(super) fixed: BTreeMap<String, Vec<Named>>,
    pub(super) chains: BTreeMap<String, Vec<Named>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ConfigMapText {
    name: String,
    key: String,
    text: String,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Named {
    pub(super) name: String,
    like: Option<String>,
    #[serde(default)]
    pub(super) held: bool,
    spec: Value,
}

impl Named {
    pub(super) fn absent() -> Self {
        Self { name: "absent".to_owned(), like: None, held: false, spec: json!({}) }
    }

    /// The name of what it comes to in AWS.
    pub(super) fn class(&self) -> &str {
        self.like.as_ref().unwrap_or(&self.name)
    }
}

pub(super) fn values() -> Result<Values> {
    Ok(serde_saphyr::from_str(VALUES)?)
}

/// A slot, the id of a subnet in it, and the address that the slot is to have there.
type Fixed = (String, String, String);

/// A site with what is somebody else's, and the ids that the symbolic names of the values stand for.
pub(super) struct World {
    pub(super) site: Site,
    ids: BTreeMap<&'static str, String>,
    /// What was there before the network.
    before: State,
    /// The last call that was found to be in order.
    checked: Cell<u64>,
}

impl World {
    pub(super) async fn make(lab: &Lab, name: &str, delays: Delays, chain: &[Named]) -> Result<Self> {
        let site = lab.site(name).await?;
        if delays == Delays::None {
            let none = json!({ "delays": options::Delays::none() });
            lab.world().change_options(&site.account, none).await?;
        }
        // A throttled call would be refused for its haste, not for what it asks.
        lab.world().change_options(&site.account, json!({ "throttling": false })).await?;
        let ConfigMapText { name, key, text } = values()?.config_map;
        site.write_config_map(&name, &key, &text).await?;
        site.edit_class(json!({ "defaults": { "sourceCIDRs": [support::SOURCES] } })).await?;
        let named = |id: &str| site.landing.subnet(id).map(str::to_owned);
        let ids = BTreeMap::from([
            ("vpc-1", site.landing.vpc.clone()),
            ("subnet-a", named("endpoints-1")?),
            ("subnet-c", named("endpoints-2")?),
            ("subnet-s", named("staging-1")?),
            ("subnet-l", named("launch-1")?),
            ("subnet-a2", spare(&site, "spare-1", 0, "10.20.3.0/24").await?),
            ("subnet-d", spare(&site, "spare-3", 2, "10.20.4.0/24").await?),
        ]);
        let mut world = Self { site, ids, before: State::default(), checked: Cell::new(0) };
        world.reserve(chain, &Named::absent()).await?;
        let site = &world.site;
        let theirs = group(site, "theirs", HTTPS, THEIRS).await?;
        admit(site, &theirs, DNS).await?;
        admit(site, &theirs, &[("tcp", 1500, support::SOURCES)]).await?;
        let foreign = [
            ("vpce-theirs", interface(site, "mgn", false, &theirs, THEIRS).await?),
            ("rslvr-in-theirs", resolver(site, "theirs", &theirs, THEIRS).await?),
            ("sg-theirs", theirs),
        ];
        (world.before, world.checked) = (site.state().await?, Cell::new(site.last_call().await?));
        world.ids.extend(foreign);
        Ok(world)
    }

    /// A spec with the site's own ids.
    fn here(&self, spec: &Value) -> Value {
        match spec {
            Value::String(name) => json!(self.ids.get(name.as_str()).unwrap_or(name)),
            Value::Array(items) => items.iter().map(|item| self.here(item)).collect(),
            Value::Object(members) => members.iter().map(|(name, member)| (name.clone(), self.here(member))).collect(),
            other => other.clone(),
        }
    }

    /// Makes the network, or edits it until its spec is that one.
    pub(super) async fn apply(&self, value: &Named) -> Result<Network<'_>> {
        let described = self.site.network("tokyo").with(|spec| spec.source_cidrs = None).spec(&self.here(&value.spec));
        let network = self.site.existing_network("tokyo");
        let Ok(there) = network.get().await else { return described.apply().await };
        let edit = edit(&serde_json::to_value(&there.spec)?, &serde_json::to_value(&described.object().spec)?);
        network.edit(edit).await?;
        Ok(network)
    }

    /// The addresses that a value fixes.
    fn fixed(&self, value: &Named) -> Vec<Fixed> {
        let spec = self.here(&value.spec);
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let endpoints = spec["endpoints"].as_array().into_iter().flatten();
        let endpoints = endpoints
            .map(|one| (format!("vpce/{}/{}", text(&one["service"]), text(&one["type"])), one["addresses"].clone()));
        endpoints
            .chain([("resolver".to_owned(), spec["resolver"]["addresses"].clone())])
            .flat_map(|(slot, addresses)| {
                let all = addresses.as_array().cloned().unwrap_or_default();
                all.into_iter().map(move |one| (slot.clone(), text(&one["subnetID"]), text(&one["ip"])))
            })
            .collect()
    }

    /// Has somebody hold all addresses that the chain fixes, but for those that are in use and those that `value` fixes.
    pub(super) async fn reserve(&self, chain: &[Named], value: &Named) -> Result<()> {
        let wanted = self.fixed(value);
        let state = self.site.state().await?;
        for interface in state.network_interfaces.iter().filter(|one| one.description == RESERVED) {
            if wanted.iter().any(|(_, _, ip)| *ip == interface.address) {
                self.site.aws.ec2.delete_network_interface().network_interface_id(&interface.id).send().await?;
            }
        }
        let all: BTreeSet<Fixed> = chain.iter().flat_map(|one| self.fixed(one)).collect();
        for (_, subnet, ip) in all.iter().filter(|one| !wanted.contains(one)) {
            if state.network_interfaces.iter().all(|one| one.address != *ip) {
                let request = self.site.aws.ec2.create_network_interface().subnet_id(subnet).private_ip_address(ip);
                request.description(RESERVED).send().await?;
            }
        }
        Ok(())
    }

    /// What AWS holds, without ids and without addresses that AWS chose: each thing with its name, and the fixed addresses
    /// that it has.
    pub(super) async fn view(&self, value: &Named) -> Result<Vec<String>> {
        let state = self.site.state().await?;
        let summary = self.site.summary().await?;
        let reserved = format!("interface: '{RESERVED}'");
        let mut lines: Vec<String> = summary.lines().iter().filter(|line| !line.contains(&reserved)).cloned().collect();
        let slots = state.slots();
        for tags in tags(&state) {
            if let (Some(slot), Some(name)) = (tags.get("mgnet.dev/slot"), tags.get("Name")) {
                lines.push(format!("{slot} has the name '{}'", name.replace(&self.site.namespace, "NAMESPACE")));
            }
        }
        for (slot, subnet, ip) in self.fixed(value) {
            let id = slots.get(&slot).with_context(|| format!("nothing fills {slot}"))?;
            ensure!(state.addresses(id).contains(&(subnet, ip.clone())), "{slot} has not {ip}: {state:#?}");
            lines.push(format!("{slot} has the address {ip}"));
        }
        Ok(lines)
    }

    /// The number of the last call. The log of a walk is long, and what was checked is not read again.
    async fn last_call(&self) -> Result<u64> {
        let calls = self.site.calls_after(self.checked.get()).await?;
        Ok(calls.last().map_or(self.checked.get(), |call| call.number))
    }

    /// Fails if a call since the last check was refused, or wrote to anything but what is the network's own: `own` are the
    /// ids of all that its tags have ever been seen on.
    pub(super) async fn hands_off(&self, own: &BTreeSet<String>) -> Result<()> {
        let mark = self.checked.get();
        let calls = self.site.calls_after(mark).await?;
        let last = calls.last().map_or(mark, |call| call.number);
        let calls: Vec<Call> = calls.into_iter().filter(|call| !is_reservation(call)).collect();
        // What was listed may be gone when more is asked about it; no call may be refused otherwise.
        let is_gone = |call: &Call| !call.is_write() && call.outcome == "ResourceNotFoundException";
        let refused = calls.iter().find(|call| call.outcome != "ok" && !is_gone(call));
        ensure!(refused.is_none(), "{refused:?} was refused:{}", listed(&calls));
        let theirs = ["vpce-theirs", "sg-theirs", "rslvr-in-theirs"].map(|name| self.ids[name].as_str());
        untouched(&self.site, mark, &theirs).await?;
        for call in calls.iter().filter(|call| call.is_write()) {
            let foreign = ids(&call.parameters).into_iter().find(|id| !own.contains(id) && !theirs.contains(&&**id));
            ensure!(foreign.is_none(), "{foreign:?} is nobody's that was seen: {call} {}", call.parameters);
        }
        let now = self.site.state().await?;
        let of_others = |state: &State| {
            let is = |id: &String| theirs.contains(&id.as_str());
            let groups = state.security_groups.iter().filter(|one| is(&one.id) || one.name == "default").cloned();
            let endpoints = state.vpc_endpoints.iter().filter(|one| is(&one.id)).cloned();
            let resolvers = state.resolver_endpoints.iter().filter(|one| is(&one.id)).cloned();
            (groups.collect::<Vec<_>>(), endpoints.collect::<Vec<_>>(), resolvers.collect::<Vec<_>>())
        };
        ensure!(of_others(&now) == of_others(&self.before), "what is not the network's is not as it was: {now:#?}");
        // Nothing is said to be in order because the log is empty.
        ensure!(!calls.is_empty(), "the log has no call");
        ensure!(now.subnets == self.before.subnets && now.vpcs == self.before.vpcs, "the VPC is not as it was");
        self.checked.set(last);
        Ok(())
    }

    /// Brings the network to a value and waits until it is there. A published address changes only once that is allowed.
    pub(super) async fn step(&self, value: &Named, own: &mut BTreeSet<String>) -> Result<()> {
        let before = self.site.state().await?;
        let slots = before.slots();
        let moves: Vec<String> = self
            .fixed(value)
            .iter()
            .filter_map(|(slot, subnet, ip)| {
                let id = slots.get(slot)?;
                let there: Vec<_> = before.addresses(id).into_iter().filter(|(place, _)| place == subnet).collect();
                (!there.is_empty() && there.iter().all(|(_, other)| other != ip)).then(|| format!("{slot}={id}"))
            })
            .collect();
        let mark = self.last_call().await?;
        let network = self.apply(value).await?;
        if value.held {
            network.until_condition(ConditionType::Ready, ConditionStatus::False).await?;
            until_observed(&self.site, 1).await?;
            unwritten(&self.site, mark).await?;
            return Ok(());
        }
        if !moves.is_empty() {
            let object = network
                .until("the change of address is refused", |network| {
                    let current = network.status.as_ref().map(|status| status.observed_generation);
                    current == network.metadata.generation
                        && condition(network, ConditionType::Ready)
                            .is_some_and(|(_, why, _)| why == "AddressChangeRefused")
                })
                .await?;
            let said = condition(&object, ConditionType::Ready).context("no condition")?.2;
            ensure!(moves.iter().all(|one| said.contains(one)), "{moves:?} are not all in: {said}");
            unwritten(&self.site, mark).await?;
            network.allow_address_change(Some(&moves.join(", "))).await?;
        }
        let ready = network.until_ready().await.map(drop);
        own.extend(owned(&self.site.state().await?));
        // A write to the wrong thing says more than that the network waits for what became of it.
        match (ready, self.hands_off(own).await) {
            (Err(waits), Err(wrong)) => bail!("{wrong:#}\n{waits:#}"),
            (ready, in_order) => ready.and(in_order)?,
        }
        if !moves.is_empty() {
            network.allow_address_change(None).await?;
        }
        Ok(())
    }

    /// Deletes the network; what stays is what `deletionPolicy` says.
    pub(super) async fn end(&self, value: &Named, view: &[String], own: &BTreeSet<String>) -> Result<()> {
        self.site.existing_network("tokyo").delete_and_wait().await?;
        if value.spec["deletionPolicy"] == "Retain" {
            let is_own = |line: &&String| !line.starts_with("foreign") && !line.contains(" has the name ");
            let retained: Vec<String> = view.iter().filter(is_own).map(|line| format!("{line}, retained")).collect();
            let left = self.view(&Named::absent()).await?;
            assert_eq!(left.iter().filter(is_own).cloned().collect::<Vec<_>>(), retained);
            // Somebody who asks for them gets them back, and rid of them.
            let again = self.site.network("tokyo").adopting(AdoptionPolicy::Retained).apply().await?;
            again.until_ready().await?;
            again.delete_and_wait().await?;
        }
        let left = self.site.state().await?;
        let foreign = |state: &State| {
            let endpoints: Vec<_> = state.vpc_endpoints.iter().map(|one| one.id.clone()).collect();
            let groups: Vec<_> = state.security_groups.iter().map(|one| one.id.clone()).collect();
            let resolvers: Vec<_> = state.resolver_endpoints.iter().map(|one| one.id.clone()).collect();
            let interfaces = state.network_interfaces.iter().filter(|one| one.description != RESERVED);
            (endpoints, groups, resolvers, interfaces.map(|one| one.id.clone()).collect::<Vec<_>>())
        };
        assert_eq!(foreign(&left), foreign(&self.before), "something is left after the delete");
        assert_eq!(left.route_tables, self.before.route_tables, "a route is left");
        self.hands_off(own).await
    }
}

/// The merge patch that makes one value of the other, as `kubectl apply` does.
fn edit(from: &Value, to: &Value) -> Value {
    let (Value::Object(before), Value::Object(after)) = (from, to) else { return to.clone() };
    let gone = before.keys().filter(|name| !after.contains_key(*name)).map(|name| (name.clone(), Value::Null));
    let there = after.iter().map(|(name, value)| {
        (name.clone(), before.get(name).map_or_else(|| value.clone(), |before| edit(before, value)))
    });
    gone.chain(there).collect()
}

/// Calls by which these tests hold addresses, and give them up.
fn is_reservation(call: &Call) -> bool {
    matches!(call.action.as_str(), "CreateNetworkInterface" | "DeleteNetworkInterface")
}

/// The ids of groups, their rules, endpoints, resolvers and the addresses of these in a call's parameters.
fn ids(parameters: &Value) -> BTreeSet<String> {
    let text = parameters.to_string();
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '-');
    let is_id = |word: &&str| {
        ["sg-", "sgr-", "vpce-", "rslvr-in-", "rni-", "eni-"].iter().any(|prefix| word.starts_with(prefix))
    };
    words.filter(is_id).map(str::to_owned).collect()
}

/// The ids of all that carries the tags of a network, with what is part of it.
fn owned(state: &State) -> BTreeSet<String> {
    let slots: BTreeSet<String> = state.slots().into_values().collect();
    let rules = state.security_groups.iter().filter(|group| slots.contains(&group.id)).flat_map(|group| &group.ingress);
    let addresses =
        state.resolver_endpoints.iter().filter(|one| slots.contains(&one.id)).flat_map(|one| &one.addresses);
    let parts: Vec<String> =
        rules.map(|rule| rule.id.clone()).chain(addresses.map(|address| address.id.clone())).collect();
    slots.into_iter().chain(parts).collect()
}

/// A subnet that no class selects.
async fn spare(site: &Site, name: &str, zone: usize, range: &str) -> Result<String> {
    let tags = [("Name", name), (support::SUBNET_TAG, "spare")];
    let tags = tags.map(|(key, value)| Tag::builder().key(key).value(value).build());
    let tags = TagSpecification::builder().resource_type(ResourceType::Subnet).set_tags(Some(tags.into())).build();
    let request = site.aws.ec2.create_subnet().vpc_id(&site.landing.vpc).cidr_block(range);
    let request = request.availability_zone(&site.landing.zones[zone]).tag_specifications(tags);
    request.send().await?.subnet.and_then(|subnet| subnet.subnet_id).context("no id")
}
