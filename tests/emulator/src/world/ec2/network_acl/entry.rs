//! The entries of a network ACL: CreateNetworkAclEntry, ReplaceNetworkAclEntry, DeleteNetworkAclEntry.
//!
//! Source, unless noted otherwise: EC2 API Reference, CreateNetworkAclEntry. Only IPv4 entries are supported.
#![allow(missing_docs, reason = "fields carry the names of the EC2 API Reference, which documents them")]

use std::collections::BTreeMap;

use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};

use crate::world::{
    Context,
    action::{Action, DONE, Done, Service},
    error::AwsError,
    ids::NetworkAclId,
};

/// The number of the entry that denies all other traffic, which the console shows as `*`.
///
/// Source: EC2 API Reference, DescribeNetworkAcls, example; "32767 to 65535 is reserved for internal use".
const LAST: u32 = 32_767;

/// The direction and number of an entry, which together are unique in an ACL. Lower numbers are evaluated first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryKey {
    pub egress: bool,
    pub rule_number: u32,
}

/// The content of an entry.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Entry {
    /// A protocol number, or `-1` for all.
    protocol: String,
    action: RuleAction,
    cidr: Ipv4Net,
    ports: Option<Ports>,
    icmp: Option<Icmp>,
}

/// The action for matching traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RuleAction {
    Allow,
    Deny,
}

/// A range of ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(rename_all(deserialize = "PascalCase", serialize = "lowercase"), deny_unknown_fields)]
pub struct Ports {
    pub from: u16,
    pub to: u16,
}

/// An ICMP type and code; -1 matches any.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(rename_all(deserialize = "PascalCase", serialize = "lowercase"), deny_unknown_fields)]
pub struct Icmp {
    pub code: i32,
    #[serde(rename(deserialize = "Type", serialize = "type"))]
    pub kind: i32,
}

impl Entry {
    /// Returns entries that allow all traffic in both directions.
    pub(super) fn allow_all() -> BTreeMap<EntryKey, Self> {
        let all = Self {
            protocol: "-1".to_owned(),
            action: RuleAction::Allow,
            cidr: Ipv4Net::default(),
            ports: None,
            icmp: None,
        };
        [true, false].into_iter().map(|egress| (EntryKey { egress, rule_number: 100 }, all.clone())).collect()
    }

    pub(super) fn item(&self, EntryKey { egress, rule_number }: EntryKey) -> EntryItem {
        EntryItem {
            rule_number,
            protocol: self.protocol.clone(),
            rule_action: self.action,
            egress,
            cidr_block: self.cidr.to_string(),
            port_range: self.ports,
            icmp_type_code: self.icmp,
        }
    }
}

/// An entry in the format of EC2.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EntryItem {
    pub rule_number: u32,
    pub protocol: String,
    pub rule_action: RuleAction,
    pub egress: bool,
    pub cidr_block: String,
    pub port_range: Option<Ports>,
    pub icmp_type_code: Option<Icmp>,
}

impl EntryItem {
    /// Returns the entries that deny all other traffic. Source: VPC User Guide, "Network ACL basics".
    pub(super) fn deny_all() -> [Self; 2] {
        [true, false].map(|egress| Self {
            rule_number: LAST,
            protocol: "-1".to_owned(),
            rule_action: RuleAction::Deny,
            egress,
            cidr_block: Ipv4Net::default().to_string(),
            port_range: None,
            icmp_type_code: None,
        })
    }

    /// Returns the value for a filter `entry.FIELD`.
    pub(super) fn filter_value(&self, field: &str) -> Option<String> {
        match field {
            "cidr" => Some(self.cidr_block.clone()),
            "egress" => Some(self.egress.to_string()),
            "icmp.code" => self.icmp_type_code.map(|icmp| icmp.code.to_string()),
            "icmp.type" => self.icmp_type_code.map(|icmp| icmp.kind.to_string()),
            "port-range.from" => self.port_range.map(|ports| ports.from.to_string()),
            "port-range.to" => self.port_range.map(|ports| ports.to.to_string()),
            // Source: aws-sdk-ec2, `DescribeNetworkAclsInput::filters`: `tcp`, `udp`, `icmp`, or a number.
            "protocol" => Some(match self.protocol.as_str() {
                "1" => "icmp".to_owned(),
                "6" => "tcp".to_owned(),
                "17" => "udp".to_owned(),
                other => other.to_owned(),
            }),
            "rule-action" => Some(match self.rule_action {
                RuleAction::Allow => "allow".to_owned(),
                RuleAction::Deny => "deny".to_owned(),
            }),
            "rule-number" => Some(self.rule_number.to_string()),
            _ => None,
        }
    }
}

/// Adds an entry.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct CreateNetworkAclEntry {
    pub network_acl_id: String,
    pub rule_number: u32,
    pub protocol: String,
    pub rule_action: RuleAction,
    pub egress: bool,
    pub cidr_block: Option<String>,
    pub port_range: Option<Ports>,
    pub icmp: Option<Icmp>,
}

/// Replaces the entry that has the same number and direction.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct ReplaceNetworkAclEntry {
    pub network_acl_id: String,
    pub rule_number: u32,
    pub protocol: String,
    pub rule_action: RuleAction,
    pub egress: bool,
    pub cidr_block: Option<String>,
    pub port_range: Option<Ports>,
    pub icmp: Option<Icmp>,
}

/// Removes an entry.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct DeleteNetworkAclEntry {
    pub network_acl_id: String,
    pub rule_number: u32,
    pub egress: bool,
}

/// An entry in a request.
struct Said {
    protocol: String,
    action: RuleAction,
    cidr: Option<String>,
    ports: Option<Ports>,
    icmp: Option<Icmp>,
}

impl Said {
    /// Source: ports and ICMP types are required for their protocols, and "if you specify a protocol other than 6
    /// (TCP), 17 (UDP) or 1 (ICMP), traffic on all ports is allowed, regardless of any ports or ICMP types". The
    /// codes for an invalid protocol, port or type are ASSUMED (`ASSUMPTIONS.md`, "Codes").
    fn read(self) -> Result<Entry, AwsError> {
        let number: Option<i16> = self.protocol.parse().ok().filter(|number| (-1..=255).contains(number));
        let number = number.ok_or_else(|| {
            AwsError::value(format!("Invalid value '{}' for protocol. Must be a protocol number.", self.protocol))
        })?;
        let text = self.cidr.ok_or_else(|| AwsError::missing("cidrBlock"))?;
        let cidr: Ipv4Net = text.parse().map_err(|_| {
            AwsError::value(format!(
                "Value ({text}) for parameter cidrBlock is invalid. This is not a valid CIDR block."
            ))
        })?;
        let (ports, icmp) = match number {
            6 | 17 => (Some(self.ports.ok_or_else(|| AwsError::missing("PortRange.From"))?), None),
            1 => (None, Some(self.icmp.ok_or_else(|| AwsError::missing("Icmp.Type"))?)),
            _ => (None, None),
        };
        if let Some(Ports { from, to }) = ports
            && from > to
        {
            return Err(AwsError::value(format!("Invalid value '{from}-{to}' for portRange.")));
        }
        if let Some(Icmp { code, kind }) = icmp
            && !((-1..=255).contains(&code) && (-1..=255).contains(&kind))
        {
            return Err(AwsError::value(format!("Invalid value '{kind}/{code}' for icmpTypeCode.")));
        }
        // "We modify the specified CIDR block to its canonical form."
        Ok(Entry { protocol: number.to_string(), action: self.action, cidr: cidr.trunc(), ports, icmp })
    }
}

/// "Constraints: Positive integer from 1 to 32766."
fn key(egress: bool, rule_number: u32) -> Result<EntryKey, AwsError> {
    if (1..LAST).contains(&rule_number) {
        return Ok(EntryKey { egress, rule_number });
    }
    Err(AwsError::value(format!(
        "Invalid value '{rule_number}' for ruleNumber. Must specify a number from 1 to 32766."
    )))
}

fn write(context: &mut Context<'_>, id: &NetworkAclId, key: EntryKey, entry: Option<Entry>) -> Done {
    if let Some(acl) = context.region_mut().network_acls.get_mut(id) {
        match entry {
            Some(entry) => acl.entries.insert(key, entry),
            None => acl.entries.remove(&key),
        };
    }
    DONE
}

fn no_entry(id: &NetworkAclId, key: EntryKey) -> AwsError {
    let EntryKey { egress, rule_number } = key;
    let direction = if egress { "egress" } else { "ingress" };
    let message = format!("The {direction} entry {rule_number} of the network ACL '{id}' does not exist");
    AwsError::new("InvalidNetworkAclEntry.NotFound", message)
}

/// Source of the three codes: EC2 API Reference, "Error codes".
impl Action for CreateNetworkAclEntry {
    const SERVICE: Service = Service::Ec2;
    const NAME: &'static str = "CreateNetworkAclEntry";
    type Answer = Done;

    fn run(self, context: &mut Context<'_>) -> Result<Done, AwsError> {
        let Self { network_acl_id, rule_number, protocol, rule_action: action, egress, cidr_block: cidr, .. } = self;
        let key = key(egress, rule_number)?;
        let entry = Said { protocol, action, cidr, ports: self.port_range, icmp: self.icmp }.read()?;
        let (id, acl) = context.own(|region| &region.network_acls, &network_acl_id, Self::NAME)?;
        if acl.entries.contains_key(&key) {
            let message = format!("The network acl entry identified by {rule_number} already exists.");
            return Err(AwsError::new("NetworkAclEntryAlreadyExists", message));
        }
        // The entry that denies all traffic does not count: ASSUMED (`ASSUMPTIONS.md`, "Network ACLs").
        let of_direction = acl.entries.keys().filter(|other| other.egress == egress).count();
        if of_direction >= context.options.quotas.rules_per_network_acl {
            let message = "The maximum number of network acl entries has been reached.";
            return Err(AwsError::new("NetworkAclEntryLimitExceeded", message));
        }
        Ok(write(context, &id, key, Some(entry)))
    }
}

impl Action for ReplaceNetworkAclEntry {
    const SERVICE: Service = Service::Ec2;
    const NAME: &'static str = "ReplaceNetworkAclEntry";
    type Answer = Done;

    fn run(self, context: &mut Context<'_>) -> Result<Done, AwsError> {
        let Self { network_acl_id, rule_number, protocol, rule_action: action, egress, cidr_block: cidr, .. } = self;
        let key = key(egress, rule_number)?;
        let entry = Said { protocol, action, cidr, ports: self.port_range, icmp: self.icmp }.read()?;
        let (id, acl) = context.own(|region| &region.network_acls, &network_acl_id, Self::NAME)?;
        if !acl.entries.contains_key(&key) {
            return Err(no_entry(&id, key));
        }
        Ok(write(context, &id, key, Some(entry)))
    }
}

impl Action for DeleteNetworkAclEntry {
    const SERVICE: Service = Service::Ec2;
    const NAME: &'static str = "DeleteNetworkAclEntry";
    type Answer = Done;

    fn run(self, context: &mut Context<'_>) -> Result<Done, AwsError> {
        let key = key(self.egress, self.rule_number)?;
        let (id, acl) = context.own(|region| &region.network_acls, &self.network_acl_id, Self::NAME)?;
        if !acl.entries.contains_key(&key) {
            return Err(no_entry(&id, key));
        }
        Ok(write(context, &id, key, None))
    }
}
