//! A site with foreign resources, in which a network changes from value to value, and the checks after each change.

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

/// The tags that mark a resource as managed by another tool.
const FOREIGN_TAGS: &[(&str, &str)] = &[("managed-by", "terraform")];

/// The description of the network interfaces that occupy the addresses that a chain fixes, so that AWS chooses none of
/// them for other resources.
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

    /// Returns the name of the value that has the same result in AWS: `like`, or its own name.
    pub(super) fn result_name(&self) -> &str {
        self.like.as_ref().unwrap_or(&self.name)
    }
}

pub(super) fn values() -> Result<Values> {
    Ok(serde_saphyr::from_str(VALUES)?)
}

/// A slot, the ID of one of its subnets, and the address that the slot must have there.
type FixedAddress = (String, String, String);

/// A site with foreign resources, and the IDs for the symbolic names in the values.
pub(super) struct ChainSite {
    pub(super) site: Site,
    ids: BTreeMap<&'static str, String>,
    /// The state of AWS before the network was created.
    before: State,
    /// The number of the last call that was checked.
    checked: Cell<u64>,
}

impl ChainSite {
    pub(super) async fn make(lab: &Lab, name: &str, delays: Delays, chain: &[Named]) -> Result<Self> {
        let site = lab.site(name).await?;
        if delays == Delays::None {
            let none = json!({ "delays": options::Delays::none() });
            lab.control().change_options(&site.account, none).await?;
        }
        // Throttling is off, because it would refuse a call for its rate and not for its content.
        lab.control().change_options(&site.account, json!({ "throttling": false })).await?;
        site.landing.route_out(&site.aws).await?;
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
            ("subnet-a2", spare_subnet(&site, "spare-1", 0, "10.20.3.0/24").await?),
            ("subnet-d", spare_subnet(&site, "spare-3", 2, "10.20.4.0/24").await?),
        ]);
        let mut chain_site = Self { site, ids, before: State::default(), checked: Cell::new(0) };
        chain_site.reserve(chain, &Named::absent()).await?;
        let site = &chain_site.site;
        let foreign_group = group(site, "theirs", HTTPS, FOREIGN_TAGS).await?;
        admit(site, &foreign_group, DNS).await?;
        admit(site, &foreign_group, &[("tcp", 1500, support::SOURCES)]).await?;
        let foreign = [
            ("vpce-theirs", interface(site, "mgn", false, &foreign_group, FOREIGN_TAGS).await?),
            ("rslvr-in-theirs", resolver(site, "theirs", &foreign_group, FOREIGN_TAGS).await?),
            ("sg-theirs", foreign_group),
        ];
        (chain_site.before, chain_site.checked) = (site.state().await?, Cell::new(site.last_call().await?));
        chain_site.ids.extend(foreign);
        Ok(chain_site)
    }

    /// Replaces the symbolic names in a spec by the IDs of the site.
    fn with_ids(&self, spec: &Value) -> Value {
        match spec {
            Value::String(name) => json!(self.ids.get(name.as_str()).unwrap_or(name)),
            Value::Array(items) => items.iter().map(|item| self.with_ids(item)).collect(),
            Value::Object(members) => {
                members.iter().map(|(name, member)| (name.clone(), self.with_ids(member))).collect()
            }
            other => other.clone(),
        }
    }

    /// Creates the network with the spec of a value, or edits its spec so that it equals that of the value.
    pub(super) async fn apply(&self, value: &Named) -> Result<Network<'_>> {
        let spec = self.with_ids(&value.spec);
        let desired = self.site.network("tokyo").with(|spec| spec.source_cidrs = None).spec(&spec);
        let network = self.site.existing_network("tokyo");
        let Ok(current) = network.get().await else { return desired.apply().await };
        let edit = edit(&serde_json::to_value(&current.spec)?, &serde_json::to_value(&desired.object().spec)?);
        network.edit(edit).await?;
        Ok(network)
    }

    /// Returns the addresses that a value fixes.
    fn fixed(&self, value: &Named) -> Vec<FixedAddress> {
        let spec = self.with_ids(&value.spec);
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

    /// Occupies all addresses that the chain fixes, except those that are in use and those that `value` fixes.
    pub(super) async fn reserve(&self, chain: &[Named], value: &Named) -> Result<()> {
        let needed = self.fixed(value);
        let state = self.site.state().await?;
        for interface in state.network_interfaces.iter().filter(|one| one.description == RESERVED) {
            if needed.iter().any(|(_, _, ip)| *ip == interface.address) {
                self.site.aws.ec2.delete_network_interface().network_interface_id(&interface.id).send().await?;
            }
        }
        let all: BTreeSet<FixedAddress> = chain.iter().flat_map(|one| self.fixed(one)).collect();
        for (_, subnet, ip) in all.iter().filter(|one| !needed.contains(one)) {
            if state.network_interfaces.iter().all(|one| one.address != *ip) {
                let request = self.site.aws.ec2.create_network_interface().subnet_id(subnet).private_ip_address(ip);
                request.description(RESERVED).send().await?;
            }
        }
        Ok(())
    }

    /// Returns the contents of AWS, without IDs and without addresses that AWS chose: each resource with its name and
    /// its fixed addresses.
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
            let id = slots.get(&slot).with_context(|| format!("no resource fills {slot}"))?;
            ensure!(state.addresses(id).contains(&(subnet, ip.clone())), "{slot} does not have {ip}: {state:#?}");
            lines.push(format!("{slot} has the address {ip}"));
        }
        Ok(lines)
    }

    /// Returns the number of the last call. The log of a walk is long, so calls that were checked are not read again.
    async fn last_call(&self) -> Result<u64> {
        let calls = self.site.calls_after(self.checked.get()).await?;
        Ok(calls.last().map_or(self.checked.get(), |call| call.number))
    }

    /// Fails if a call since the last check was refused, or wrote to a resource that the network does not own. `own`
    /// contains the IDs of all resources on which the network's tags were ever observed.
    pub(super) async fn check_calls(&self, own: &BTreeSet<String>) -> Result<()> {
        let mark = self.checked.get();
        let calls = self.site.calls_after(mark).await?;
        let last = calls.last().map_or(mark, |call| call.number);
        let calls: Vec<Call> = calls.into_iter().filter(|call| !is_reservation(call)).collect();
        // A listed resource may be deleted before the operator reads its details. No other call may be refused.
        let is_gone = |call: &Call| !call.is_write() && call.outcome == "ResourceNotFoundException";
        let refused = calls.iter().find(|call| call.outcome != "ok" && !is_gone(call));
        ensure!(refused.is_none(), "{refused:?} was refused:{}", listed(&calls));
        let foreign_ids = ["vpce-theirs", "sg-theirs", "rslvr-in-theirs"].map(|name| self.ids[name].as_str());
        untouched(&self.site, mark, &foreign_ids).await?;
        for call in calls.iter().filter(|call| call.is_write()) {
            let mut ids = ids(&call.parameters).into_iter();
            let unknown = ids.find(|id| !own.contains(id) && !foreign_ids.contains(&&**id));
            ensure!(unknown.is_none(), "{unknown:?} is an unknown resource: {call} {}", call.parameters);
        }
        let now = self.site.state().await?;
        let of_others = |state: &State| {
            let is = |id: &String| foreign_ids.contains(&id.as_str());
            let groups = state.security_groups.iter().filter(|one| is(&one.id) || one.name == "default").cloned();
            let endpoints = state.vpc_endpoints.iter().filter(|one| is(&one.id)).cloned();
            let resolvers = state.resolver_endpoints.iter().filter(|one| is(&one.id)).cloned();
            (groups.collect::<Vec<_>>(), endpoints.collect::<Vec<_>>(), resolvers.collect::<Vec<_>>())
        };
        ensure!(of_others(&now) == of_others(&self.before), "foreign resources were changed: {now:#?}");
        // The check must not pass only because the log is empty.
        ensure!(!calls.is_empty(), "the log contains no call");
        ensure!(now.subnets == self.before.subnets && now.vpcs == self.before.vpcs, "the VPC or a subnet was changed");
        self.checked.set(last);
        Ok(())
    }

    /// Changes the network to a value and waits for the result. A published address changes only after that is allowed.
    pub(super) async fn change_to(&self, value: &Named, own: &mut BTreeSet<String>) -> Result<()> {
        let before = self.site.state().await?;
        let slots = before.slots();
        let moves: Vec<String> = self
            .fixed(value)
            .iter()
            .filter_map(|(slot, subnet, ip)| {
                let id = slots.get(slot)?;
                let current: Vec<_> = before.addresses(id).into_iter().filter(|(other, _)| other == subnet).collect();
                (!current.is_empty() && current.iter().all(|(_, other)| other != ip)).then(|| format!("{slot}={id}"))
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
                .until("the address change is refused", |network| {
                    let current = network.status.as_ref().map(|status| status.observed_generation);
                    current == network.metadata.generation
                        && condition(network, ConditionType::Ready)
                            .is_some_and(|(_, reason, _)| reason == "AddressChangeRefused")
                })
                .await?;
            let message = condition(&object, ConditionType::Ready).context("no condition")?.2;
            ensure!(moves.iter().all(|one| message.contains(one)), "{moves:?} are not all in: {message}");
            unwritten(&self.site, mark).await?;
            network.allow_address_change(Some(&moves.join(", "))).await?;
        }
        let ready = network.until_ready().await.map(drop);
        own.extend(owned(&self.site.state().await?));
        // A write to the wrong resource is reported first: it can be the reason why the network does not become Ready.
        match (ready, self.check_calls(own).await) {
            (Err(not_ready), Err(violation)) => bail!("{violation:#}\n{not_ready:#}"),
            (ready, checked) => ready.and(checked)?,
        }
        if !moves.is_empty() {
            network.allow_address_change(None).await?;
        }
        Ok(())
    }

    /// Deletes the network, and checks that the resources that remain are those that `deletionPolicy` retains.
    pub(super) async fn delete_network(&self, value: &Named, view: &[String], own: &BTreeSet<String>) -> Result<()> {
        self.site.existing_network("tokyo").delete_and_wait().await?;
        if value.spec["deletionPolicy"] == "Retain" {
            let is_own = |line: &&String| !line.starts_with("foreign") && !line.contains(" has the name ");
            let retained: Vec<String> = view.iter().filter(is_own).map(|line| format!("{line}, retained")).collect();
            let left = self.view(&Named::absent()).await?;
            assert_eq!(left.iter().filter(is_own).cloned().collect::<Vec<_>>(), retained);
            // A network that adopts the retained resources gets them back, and deletes them.
            let adopting = self.site.network("tokyo").adopting(AdoptionPolicy::Retained).apply().await?;
            adopting.until_ready().await?;
            adopting.delete_and_wait().await?;
        }
        let left = self.site.state().await?;
        let ids = |state: &State| {
            let endpoints: Vec<_> = state.vpc_endpoints.iter().map(|one| one.id.clone()).collect();
            let groups: Vec<_> = state.security_groups.iter().map(|one| one.id.clone()).collect();
            let resolvers: Vec<_> = state.resolver_endpoints.iter().map(|one| one.id.clone()).collect();
            let interfaces = state.network_interfaces.iter().filter(|one| one.description != RESERVED);
            (endpoints, groups, resolvers, interfaces.map(|one| one.id.clone()).collect::<Vec<_>>())
        };
        assert_eq!(ids(&left), ids(&self.before), "resources remain after the deletion");
        assert_eq!(left.route_tables, self.before.route_tables, "a route remains after the deletion");
        self.check_calls(own).await
    }
}

/// Returns the merge patch that changes one value to the other, as `kubectl apply` does.
fn edit(from: &Value, to: &Value) -> Value {
    let (Value::Object(before), Value::Object(after)) = (from, to) else { return to.clone() };
    let removed = before.keys().filter(|name| !after.contains_key(*name)).map(|name| (name.clone(), Value::Null));
    let changed = after.iter().map(|(name, value)| {
        (name.clone(), before.get(name).map_or_else(|| value.clone(), |before| edit(before, value)))
    });
    removed.chain(changed).collect()
}

/// Whether these tests sent the call to occupy or release an address.
fn is_reservation(call: &Call) -> bool {
    matches!(call.action.as_str(), "CreateNetworkInterface" | "DeleteNetworkInterface")
}

/// Returns the IDs of groups, their rules, endpoints, resolvers and the addresses of these in a call's parameters.
fn ids(parameters: &Value) -> BTreeSet<String> {
    let text = parameters.to_string();
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '-');
    let is_id = |word: &&str| {
        ["sg-", "sgr-", "vpce-", "rslvr-in-", "rni-", "eni-"].iter().any(|prefix| word.starts_with(prefix))
    };
    words.filter(is_id).map(str::to_owned).collect()
}

/// Returns the IDs of all resources with the tags of a network, and of their rules and addresses.
fn owned(state: &State) -> BTreeSet<String> {
    let slots: BTreeSet<String> = state.slots().into_values().collect();
    let rules = state.security_groups.iter().filter(|group| slots.contains(&group.id)).flat_map(|group| &group.ingress);
    let addresses =
        state.resolver_endpoints.iter().filter(|one| slots.contains(&one.id)).flat_map(|one| &one.addresses);
    let parts: Vec<String> =
        rules.map(|rule| rule.id.clone()).chain(addresses.map(|address| address.id.clone())).collect();
    slots.into_iter().chain(parts).collect()
}

/// Creates a subnet that no class selects.
async fn spare_subnet(site: &Site, name: &str, zone: usize, range: &str) -> Result<String> {
    let tags = [("Name", name), (support::SUBNET_TAG, "spare")];
    let tags = tags.map(|(key, value)| Tag::builder().key(key).value(value).build());
    let tags = TagSpecification::builder().resource_type(ResourceType::Subnet).set_tags(Some(tags.into())).build();
    let request = site.aws.ec2.create_subnet().vpc_id(&site.landing.vpc).cidr_block(range);
    let request = request.availability_zone(&site.landing.zones[zone]).tag_specifications(tags);
    request.send().await?.subnet.and_then(|subnet| subnet.subnet_id).context("no id")
}
