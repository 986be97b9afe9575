//! Firewall rules as CSV (RFC 4180): one row for each source and destination, by address and by subnet. A firewall admits
//! either the rows of addresses or those of subnets.

use std::fmt::Write as _;

use super::{
    merged::Export,
    network::{HandOff, Rule},
};
use crate::api::{RuleProtocol, RulePurpose};

/// Returns the rows. No value contains a comma or a quote, because all are numbers, addresses or labels.
pub(super) fn csv(export: &Export) -> String {
    let mut rows =
        String::from("network,revision,rule,direction,protocol,source,destination,destination_kind,port,reason\n");
    for HandOff { namespace, name, revision, firewall_rules, .. } in &export.networks {
        for rule in firewall_rules {
            for (destination, kind) in destinations(rule) {
                for source in &rule.sources {
                    // Writing to a string cannot fail.
                    let _ = writeln!(
                        rows,
                        "{namespace}/{name},{revision},{},outbound,{},{source},{destination},{kind},{},{}",
                        rule.id,
                        protocol(rule.protocol),
                        rule.port,
                        reason(rule.purpose)
                    );
                }
            }
        }
    }
    rows
}

fn destinations(rule: &Rule) -> impl Iterator<Item = (String, &'static str)> {
    let addresses = rule.addresses.iter().map(|address| (format!("{address}/32"), "address"));
    addresses.chain(rule.subnets.iter().map(|subnet| (subnet.to_string(), "subnet")))
}

const fn protocol(protocol: RuleProtocol) -> &'static str {
    match protocol {
        RuleProtocol::Tcp => "tcp",
        RuleProtocol::Udp => "udp",
    }
}

/// Returns the reason, for the person who approves the rule.
const fn reason(purpose: RulePurpose) -> &'static str {
    match purpose {
        RulePurpose::Mgn => "AWS Application Migration Service: API for the agents on source servers",
        RulePurpose::S3 => "AWS Application Migration Service: installer and software in S3",
        RulePurpose::Dns => "DNS queries to the Route 53 Resolver inbound endpoint",
        RulePurpose::Replication => "AWS Application Migration Service: data of source servers to replication servers",
    }
}
