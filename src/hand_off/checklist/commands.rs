//! The commands of a document, for Linux and for the cluster. All values in them are parsed.

use anyhow::Result;

use crate::{
    api::{ChecklistWork, NameUse, ON_PREMISES_DONE_ANNOTATION, RuleProtocol, RulePurpose},
    hand_off::{
        merged::Export,
        network::{HandOff, Label, Rule},
    },
};

/// Returns the commands that check an item, or no commands if they depend on what only its team knows.
pub(super) fn of(export: &Export, work: ChecklistWork) -> Result<Vec<String>> {
    let for_each_name = |render: &dyn Fn(&Label) -> String| -> Result<Vec<String>> {
        let names = export.names()?.into_iter();
        let names = names.filter(|one| one.for_ != NameUse::Replication && !one.addresses.is_empty());
        Ok(names.map(|one| render(&one.name)).collect())
    };
    match work {
        ChecklistWork::Firewall => connections(export),
        ChecklistWork::DnsForwarders => for_each_name(&|name| format!("dig +short {name}")),
        ChecklistWork::HostsFiles => for_each_name(&|name| format!("getent ahostsv4 {name}")),
        ChecklistWork::Proxies => for_each_name(&|name| {
            format!("curl --silent --show-error --output /dev/null --write-out '%{{remote_ip}}\\n' https://{name}/")
        }),
        // The requests of other clients are not known here.
        ChecklistWork::OtherS3Clients | ChecklistWork::OtherAwsClients => Ok(Vec::new()),
    }
}

/// Returns a command for each rule and address. A query is the only way to check UDP.
fn connections(export: &Export) -> Result<Vec<String>> {
    let domain = export.forwarders()?.first().map(|forwarder| &forwarder.domain);
    let rules = export.networks.iter().flat_map(|network| &network.firewall_rules);
    let commands = rules.flat_map(|Rule { id, purpose, protocol, port, addresses, .. }| {
        addresses.iter().filter_map(move |address| {
            let command = match (purpose, protocol, domain) {
                (RulePurpose::Dns, RuleProtocol::Tcp, Some(domain)) => format!("dig +tcp +short @{address} {domain}"),
                (RulePurpose::Dns, RuleProtocol::Udp, Some(domain)) => format!("dig +notcp +short @{address} {domain}"),
                (_, RuleProtocol::Tcp, _) => format!("nc -vz -w 5 {address} {port}"),
                (_, RuleProtocol::Udp, _) => return None,
            };
            Some(format!("{command}    # {id}"))
        })
    });
    Ok(commands.collect())
}

/// Returns the command that acknowledges the work of one network.
pub(super) fn acknowledgment(network: &HandOff) -> String {
    let HandOff { namespace, name, revision, .. } = network;
    format!("kubectl -n {namespace} annotate --overwrite mgnet {name} {ON_PREMISES_DONE_ANNOTATION}={revision}")
}
