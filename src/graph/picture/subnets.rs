//! The subnets: IDs from the settings, zones from the addresses in them, and ranges from the hand-off, as far as each is known.

use std::{collections::BTreeSet, net::Ipv4Addr};

use ipnet::Ipv4Net;

use super::{Object, Row};
use crate::{
    api::{RulePurpose, SettingsSubnets, SubnetSelector},
    graph::state::{Health, State},
};

/// A subnet, as far as it is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::graph) struct Subnet {
    pub(in crate::graph) id: Option<String>,
    pub(in crate::graph) zone: Option<String>,
    pub(in crate::graph) range: Option<String>,
    /// Whether the network uses the subnet. Endpoints may still have addresses in others.
    pub(in crate::graph) is_selected: bool,
}

/// The subnets of one use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::graph) struct Place {
    /// The use, such as `Staging subnets`.
    pub(in crate::graph) name: &'static str,
    /// What MGN starts there.
    pub(in crate::graph) servers: &'static str,
    pub(in crate::graph) health: Health,
    pub(in crate::graph) subnets: Vec<Subnet>,
    /// The ranges that belong to one of the subnets, but it is not known to which.
    pub(in crate::graph) ranges: Vec<String>,
}

/// Returns the endpoint subnets, and further subnets with addresses. There is always at least one.
pub(super) fn columns(object: &Object<'_>, rows: &[Row]) -> Vec<Subnet> {
    let selected = object.selected(|subnets| &subnets.endpoints, |spec| spec.endpoints.as_ref());
    let mut ids: Vec<Option<String>> = selected.iter().flatten().cloned().map(Some).collect();
    let count = selected.map(|selected| selected.len());
    for id in rows.iter().flat_map(|row| row.addresses.keys()) {
        if !ids.contains(id) {
            ids.push(id.clone());
        }
    }
    if ids.is_empty() {
        ids.push(None);
    }
    let ranges = object.ranges(|purpose| purpose != RulePurpose::Replication);
    let subnet = |(number, id): (usize, Option<String>)| {
        let addresses = || rows.iter().filter_map(|row| row.addresses.get(&id)).flatten();
        Subnet {
            zone: addresses().find_map(|address| address.zone.clone()),
            range: range_of(addresses().filter_map(|address| address.ip.as_deref()), &ranges),
            is_selected: count.is_none_or(|count| number < count),
            id: id.clone(),
        }
    };
    ids.into_iter().enumerate().map(subnet).collect()
}

/// Returns the ranges of endpoint subnets that no column has.
pub(super) fn ranges(object: &Object<'_>, columns: &[Subnet]) -> Vec<String> {
    let ranges = object.ranges(|purpose| purpose != RulePurpose::Replication);
    let is_known = |range: &String| columns.iter().any(|subnet| subnet.range.as_ref() == Some(range));
    ranges.iter().map(ToString::to_string).filter(|range| !is_known(range)).collect()
}

/// Subnets of a VPC do not overlap, so that the range that contains an address is that of its subnet.
fn range_of<'a>(addresses: impl Iterator<Item = &'a str>, ranges: &BTreeSet<Ipv4Net>) -> Option<String> {
    let mut parsed = addresses.filter_map(|address| address.parse::<Ipv4Addr>().ok());
    parsed.find_map(|address| ranges.iter().find(|range| range.contains(&address))).map(ToString::to_string)
}

/// Returns the staging and the launch subnets.
pub(super) fn places(object: &Object<'_>, vpc: &Health) -> [Place; 2] {
    let staging = object.selected(|subnets| &subnets.staging, |spec| spec.staging.as_ref());
    let launch = object.selected(|subnets| &subnets.launch, |spec| spec.launch.as_ref());
    let ranges = object.ranges(|purpose| purpose == RulePurpose::Replication);
    [
        place("Staging subnets", "replication servers", staging, ranges, vpc),
        place("Launch subnets", "test and cutover instances", launch, BTreeSet::new(), vpc),
    ]
}

fn place(
    name: &'static str,
    servers: &'static str,
    ids: Option<Vec<String>>,
    ranges: BTreeSet<Ipv4Net>,
    vpc: &Health,
) -> Place {
    let health = match &ids {
        None => Health::new(State::Planned, "not selected yet"),
        Some(ids) if ids.is_empty() => Health::new(State::Absent, "none selected"),
        Some(_) => vpc.clone(),
    };
    let ids = ids.unwrap_or_default();
    let mut ranges: Vec<String> = ranges.into_iter().map(|range| range.to_string()).collect();
    let own = if ids.len() == 1 && ranges.len() == 1 { ranges.pop() } else { None };
    let subnets =
        ids.into_iter().map(|id| Subnet { id: Some(id), zone: None, range: own.clone(), is_selected: true }).collect();
    Place { name, servers, health, subnets, ranges }
}

impl Object<'_> {
    /// Returns the IDs of the subnets of one use. None if they are not known yet.
    fn selected(
        &self,
        effective: impl Fn(&SettingsSubnets) -> &Vec<String>,
        asked: impl Fn(&crate::api::SubnetSelectors) -> Option<&SubnetSelector>,
    ) -> Option<Vec<String>> {
        let settings = self.settings().and_then(|settings| settings.subnets.as_ref());
        let spec = || asked(self.spec.subnets.as_ref()?)?.ids.clone();
        settings.map(|subnets| effective(subnets).clone()).or_else(spec)
    }

    /// Returns the ranges of the subnets in the firewall rules of some purposes.
    fn ranges(&self, of: impl Fn(RulePurpose) -> bool) -> BTreeSet<Ipv4Net> {
        let rules = self.status.on_premises.iter().flat_map(|one| &one.firewall_rules);
        rules
            .filter(|rule| of(rule.purpose))
            .flat_map(|rule| &rule.subnets)
            .filter_map(|one| one.parse().ok())
            .collect()
    }
}
