//! The tables of a document.

use anyhow::Result;

use super::{
    Page,
    document::{cell, code},
};
use crate::api::{ChecklistWork, NameUse, RuleProtocol, RulePurpose};

impl Page<'_> {
    /// Adds the facts of an item.
    pub(super) fn facts(&mut self, work: ChecklistWork) -> Result<()> {
        match work {
            ChecklistWork::Firewall => self.rules(),
            ChecklistWork::DnsForwarders => {
                self.forwarders(|_| true)?;
                self.document.paragraph(self.words.see_names);
            }
            ChecklistWork::HostsFiles => self.document.paragraph(self.words.see_names),
            ChecklistWork::Proxies => self.proxies(),
            ChecklistWork::OtherS3Clients => {
                self.forwarders(|domain| domain.starts_with("s3.") || domain.contains(".s3."))?;
                self.admitted(RulePurpose::S3);
            }
            ChecklistWork::OtherAwsClients => {
                let names = self.export.names()?.into_iter().filter(|one| one.for_ == NameUse::Connector);
                let names: Vec<String> = names.map(|one| one.name.to_string()).collect();
                self.forwarders(|domain| names.iter().any(|name| name == domain))?;
                self.admitted(RulePurpose::Connector);
            }
        }
        Ok(())
    }

    fn rules(&mut self) {
        let Self { export, words, .. } = *self;
        let columns = &words.columns;
        let rows = export.networks.iter().flat_map(|network| {
            network.firewall_rules.iter().map(move |rule| {
                [
                    code(network.network()),
                    code(&rule.id),
                    cell(&rule.sources),
                    cell(&rule.addresses),
                    cell(&rule.subnets),
                    protocol(rule.protocol).to_owned(),
                    code(rule.port),
                    (words.purpose)(rule.purpose).to_owned(),
                ]
            })
        });
        self.document.table(
            [
                columns.network,
                columns.rule,
                columns.sources,
                columns.addresses,
                columns.subnets,
                columns.protocol,
                columns.port,
                columns.purpose,
            ],
            rows,
        );
    }

    fn forwarders(&mut self, is_wanted: impl Fn(&str) -> bool) -> Result<()> {
        let Self { export, words, .. } = *self;
        let forwarders = export.forwarders()?.into_iter().filter(|one| is_wanted(&one.domain.to_string()));
        let rows = forwarders.map(|one| [code(&one.domain), cell(&one.targets)]);
        self.document.table([words.columns.domain, words.columns.targets], rows);
        Ok(())
    }

    /// Adds the ranges of the proxies. They have rules of their own.
    fn proxies(&mut self) {
        let Self { export, words, .. } = *self;
        let rules = export.networks.iter().flat_map(|network| network.proxy_rules().map(move |rule| (network, rule)));
        let rows: Vec<_> =
            rules.map(|(network, rule)| [code(network.network()), code(&rule.id), cell(&rule.sources)]).collect();
        if rows.is_empty() {
            self.document.paragraph(words.no_proxies);
        } else {
            self.document.paragraph(words.proxies);
            self.document.table([words.columns.network, words.columns.rule, words.columns.sources], rows);
        }
        self.document.paragraph(words.see_names);
    }

    /// Adds the ranges that the endpoints for a purpose admit.
    fn admitted(&mut self, purpose: RulePurpose) {
        let Self { export, words, .. } = *self;
        let rows = export.networks.iter().flat_map(|network| {
            let rules = network.firewall_rules.iter().filter(move |rule| rule.purpose == purpose);
            rules.map(move |rule| [code(network.network()), code(&rule.id), cell(&rule.sources)])
        });
        self.document.table([words.columns.network, words.columns.rule, words.columns.sources], rows);
    }

    /// Adds the names of all networks: those of source servers, then those of servers in AWS.
    pub(super) fn names(&mut self) -> Result<()> {
        let Self { export, words, .. } = *self;
        let mut names = export.names()?;
        names.sort_by_key(|one| one.for_ == NameUse::Replication);
        let rows =
            names.into_iter().map(|one| [code(&one.name), cell(&one.addresses), (words.clients)(one.for_).to_owned()]);
        self.document.table([words.columns.name, words.columns.addresses, words.columns.clients], rows);
        Ok(())
    }
}

const fn protocol(protocol: RuleProtocol) -> &'static str {
    match protocol {
        RuleProtocol::Tcp => "TCP",
        RuleProtocol::Udp => "UDP",
    }
}
