//! The traffic of a rule: the format in requests, AWS's normalization, and the format in answers.
#![allow(missing_docs, reason = "fields carry the names of the EC2 API Reference, which documents them")]

use ipnet::{Ipv4Net, Ipv6Net};
use serde::{Deserialize, Serialize};

use super::SecurityGroup;
use crate::world::{
    Context, catalogue,
    error::AwsError,
    ids::{PrefixListId, ResourceId, SecurityGroupId, VpcId},
};

/// The traffic that a rule allows. No two rules of a group allow the same traffic.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Traffic {
    pub egress: bool,
    /// `tcp`, `udp`, `icmp`, `icmpv6`, a protocol number, or `-1` for all.
    pub protocol: String,
    pub from_port: i32,
    pub to_port: i32,
    pub peer: Peer,
}

/// The source or destination of a rule.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Peer {
    Ipv4(Ipv4Net),
    Ipv6(Ipv6Net),
    PrefixList(PrefixListId),
    Group(SecurityGroupId),
}

impl Peer {
    pub(crate) fn anywhere() -> Self {
        Self::Ipv4(Ipv4Net::default())
    }
}

impl std::fmt::Display for Peer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Ipv4(net) => net.fmt(f),
            Self::Ipv6(net) => net.fmt(f),
            Self::PrefixList(id) => id.fmt(f),
            Self::Group(id) => id.fmt(f),
        }
    }
}

impl Traffic {
    /// Returns traffic of all protocols and ports.
    pub(crate) fn all(egress: bool, peer: Peer) -> Self {
        Self { egress, protocol: "-1".to_owned(), from_port: -1, to_port: -1, peer }
    }

    /// Returns the description of a rule in AWS messages.
    pub(crate) fn phrase(&self) -> String {
        let Self { protocol, from_port, to_port, peer, .. } = self;
        match protocol.as_str() {
            "-1" => format!("peer: {peer}, ALL, ALLOW"),
            "tcp" | "udp" => {
                format!("peer: {peer}, {}, from port: {from_port}, to port: {to_port}, ALLOW", protocol.to_uppercase())
            }
            _ => format!("peer: {peer}, protocol: {protocol}, ALLOW"),
        }
    }

    /// Returns the value of a rule for a filter `ip-permission.NAME`.
    pub(super) fn filter_value(&self, name: &str) -> Option<String> {
        match (name, &self.peer) {
            ("cidr", Peer::Ipv4(net)) => Some(net.to_string()),
            ("ipv6-cidr", Peer::Ipv6(net)) => Some(net.to_string()),
            ("group-id", Peer::Group(id)) => Some(id.to_string()),
            ("prefix-list-id", Peer::PrefixList(id)) => Some(id.to_string()),
            ("from-port", _) => Some(self.from_port.to_string()),
            ("to-port", _) => Some(self.to_port.to_string()),
            ("protocol", _) => Some(self.protocol.clone()),
            _ => None,
        }
    }
}

/// Several rules with one protocol and port range, in the format of requests.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct IpPermission {
    pub ip_protocol: Option<String>,
    pub from_port: Option<i32>,
    pub to_port: Option<i32>,
    #[serde(default)]
    pub ip_ranges: Vec<IpRange>,
    #[serde(default)]
    pub ipv6_ranges: Vec<Ipv6Range>,
    #[serde(default)]
    pub prefix_list_ids: Vec<PrefixListPeer>,
    #[serde(default)]
    pub groups: Vec<GroupPeer>,
}

/// An IPv4 range.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all(deserialize = "PascalCase", serialize = "camelCase"), deny_unknown_fields)]
pub struct IpRange {
    pub cidr_ip: String,
    pub description: Option<String>,
}

/// An IPv6 range.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all(deserialize = "PascalCase", serialize = "camelCase"), deny_unknown_fields)]
pub struct Ipv6Range {
    pub cidr_ipv6: String,
    pub description: Option<String>,
}

/// A prefix list.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all(deserialize = "PascalCase", serialize = "camelCase"), deny_unknown_fields)]
pub struct PrefixListPeer {
    pub prefix_list_id: String,
    pub description: Option<String>,
}

/// A group: another one or the same one.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all(deserialize = "PascalCase", serialize = "camelCase"), deny_unknown_fields)]
pub struct GroupPeer {
    pub group_id: String,
    pub user_id: Option<String>,
    pub vpc_id: Option<String>,
    pub description: Option<String>,
}

/// A protocol and its ports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ports {
    protocol: String,
    from_port: i32,
    to_port: i32,
}

impl Ports {
    /// Source: EC2 API Reference, IpPermission: names or numbers; `-1` means all, and then ports are ignored; TCP and UDP
    /// need a range.
    pub(crate) fn parse(protocol: &str, from: Option<i32>, to: Option<i32>) -> Result<Self, AwsError> {
        let protocol = match protocol.to_ascii_lowercase().as_str() {
            "-1" | "all" => return Ok(Self { protocol: "-1".to_owned(), from_port: -1, to_port: -1 }),
            "tcp" | "6" => "tcp".to_owned(),
            "udp" | "17" => "udp".to_owned(),
            "icmp" | "1" => "icmp".to_owned(),
            "icmpv6" | "58" => "icmpv6".to_owned(),
            other => match other.parse::<u8>() {
                Ok(number) => return Ok(Self { protocol: number.to_string(), from_port: -1, to_port: -1 }),
                Err(_) => {
                    return Err(AwsError::value(format!("Invalid value '{other}' for IP protocol. Unknown protocol.")));
                }
            },
        };
        let (Some(from_port), Some(to_port)) = (from, to) else {
            return Err(AwsError::value(
                "Invalid value 'Must specify both from and to ports with TCP/UDP.' for portRange.",
            ));
        };
        let (least, most) = if protocol.starts_with("icmp") { (-1, 255) } else { (0, 65_535) };
        for port in [from_port, to_port] {
            if !(least..=most).contains(&port) {
                return Err(AwsError::value(format!(
                    "Invalid value '{port}' for portRange. Must be between {least} and {most}."
                )));
            }
        }
        if from_port > to_port && least == 0 {
            return Err(AwsError::value(format!("Invalid TCP/UDP port range ({from_port}:{to_port})")));
        }
        Ok(Self { protocol, from_port, to_port })
    }

    pub(crate) fn with(&self, egress: bool, peer: Peer) -> Traffic {
        let Self { protocol, from_port, to_port } = self.clone();
        Traffic { egress, protocol, from_port, to_port, peer }
    }
}

/// Parses an IPv4 range; host bits are cleared. Source: aws-sdk-ec2, `IpRange::cidr_ip`: "AWS canonicalizes IPv4 and
/// IPv6 CIDRs", with an error for the same range in another form.
pub(crate) fn parse_ipv4(text: &str) -> Result<Peer, AwsError> {
    text.parse::<Ipv4Net>().map(|net| Peer::Ipv4(net.trunc())).map_err(|_| malformed(text))
}

/// Parses an IPv6 range; host bits are cleared.
pub(crate) fn parse_ipv6(text: &str) -> Result<Peer, AwsError> {
    text.parse::<Ipv6Net>().map(|net| Peer::Ipv6(net.trunc())).map_err(|_| malformed(text))
}

fn malformed(text: &str) -> AwsError {
    AwsError::value(format!("CIDR block {text} is malformed"))
}

/// Parses a prefix list of AWS or of the customer.
pub(crate) fn parse_prefix_list(context: &Context<'_>, text: &str) -> Result<Peer, AwsError> {
    let id = PrefixListId::parse(text)?;
    if !catalogue::prefix_lists(&context.caller.region).iter().any(|list| list.id == id) {
        context.region().prefix_lists.find(text, context.sight())?;
    }
    Ok(Peer::PrefixList(id))
}

/// Parses a group that a rule of a group in `vpc` names.
pub(crate) fn parse_group(context: &Context<'_>, text: &str, vpc: &VpcId) -> Result<Peer, AwsError> {
    let (id, group) = context.region().security_groups.find(text, context.sight())?;
    if group.vpc == *vpc {
        Ok(Peer::Group(id))
    } else {
        let message = "You have specified two resources that belong to different networks.";
        Err(AwsError::new("InvalidGroup.NotFound", message))
    }
}

/// Source: EC2 API Reference, IpRange: up to 255 characters from this set.
pub(crate) fn check_description(text: Option<&str>) -> Result<(), AwsError> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || " ._-:/()#,@[]+=&;{}!$*".contains(c);
    if text.is_none_or(|text| text.len() <= 255 && text.chars().all(allowed)) {
        Ok(())
    } else {
        Err(AwsError::value("Invalid rule description. Valid descriptions are strings less than 256 characters"))
    }
}

/// Converts permissions into rules with their descriptions.
pub(super) fn read(
    context: &Context<'_>,
    permissions: &[IpPermission],
    egress: bool,
    vpc: &VpcId,
) -> Result<Vec<(Traffic, Option<String>)>, AwsError> {
    let mut rules = Vec::new();
    for permission in permissions {
        let protocol = permission.ip_protocol.as_deref().ok_or_else(|| AwsError::missing("ipProtocol"))?;
        let ports = Ports::parse(protocol, permission.from_port, permission.to_port)?;
        let before = rules.len();
        for range in &permission.ip_ranges {
            rules.push((ports.with(egress, parse_ipv4(&range.cidr_ip)?), range.description.clone()));
        }
        for range in &permission.ipv6_ranges {
            rules.push((ports.with(egress, parse_ipv6(&range.cidr_ipv6)?), range.description.clone()));
        }
        for list in &permission.prefix_list_ids {
            let peer = parse_prefix_list(context, &list.prefix_list_id)?;
            rules.push((ports.with(egress, peer), list.description.clone()));
        }
        for group in &permission.groups {
            let peer = parse_group(context, &group.group_id, vpc)?;
            rules.push((ports.with(egress, peer), group.description.clone()));
        }
        if rules.len() == before {
            // Source: EC2 API Reference, "Error codes".
            return Err(AwsError::new("InvalidPermission.Malformed", "The permission names no source or destination."));
        }
    }
    for (_, description) in &rules {
        check_description(description.as_deref())?;
    }
    Ok(rules)
}

/// Several rules with one protocol and port range, in the format of EC2.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PermissionItem {
    pub ip_protocol: String,
    pub from_port: Option<i32>,
    pub to_port: Option<i32>,
    pub ip_ranges: Vec<IpRange>,
    pub ipv6_ranges: Vec<Ipv6Range>,
    pub prefix_list_ids: Vec<PrefixListPeer>,
    pub groups: Vec<GroupPeer>,
}

impl PermissionItem {
    pub(super) fn group_rules(group: &SecurityGroup, egress: bool) -> Vec<Self> {
        let mut items: Vec<Self> = Vec::new();
        for rule in group.rules.iter().filter(|rule| rule.traffic.egress == egress) {
            let Traffic { protocol, from_port, to_port, peer, .. } = &rule.traffic;
            let has_ports = protocol != "-1";
            let (from, to) = (has_ports.then_some(*from_port), has_ports.then_some(*to_port));
            let same = |item: &Self| item.ip_protocol == *protocol && item.from_port == from && item.to_port == to;
            let at = items.iter().position(same).unwrap_or_else(|| {
                items.push(Self {
                    ip_protocol: protocol.clone(),
                    from_port: from,
                    to_port: to,
                    ip_ranges: Vec::new(),
                    ipv6_ranges: Vec::new(),
                    prefix_list_ids: Vec::new(),
                    groups: Vec::new(),
                });
                items.len() - 1
            });
            items[at].add(group, peer, rule.description.clone());
        }
        items
    }

    fn add(&mut self, group: &SecurityGroup, peer: &Peer, description: Option<String>) {
        match peer {
            Peer::Ipv4(net) => self.ip_ranges.push(IpRange { cidr_ip: net.to_string(), description }),
            Peer::Ipv6(net) => self.ipv6_ranges.push(Ipv6Range { cidr_ipv6: net.to_string(), description }),
            Peer::PrefixList(id) => {
                self.prefix_list_ids.push(PrefixListPeer { prefix_list_id: id.to_string(), description });
            }
            Peer::Group(id) => self.groups.push(GroupPeer {
                group_id: id.to_string(),
                user_id: Some(group.owner.clone()),
                vpc_id: None,
                description,
            }),
        }
    }
}
