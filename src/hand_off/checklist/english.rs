//! The document in English.

use super::{
    failure::Failure,
    words::{Columns, Headings, Item, Words},
};
use crate::{
    api::{ChecklistState, ChecklistWork, NameUse, OnPremisesBasis, RulePurpose},
    hand_off::Action,
};

/// The sentences in English.
pub(super) const ENGLISH: Words = Words {
    title: |action, network, revision, basis| match action {
        Action::Add => format!("{}: {network} (revision {revision}, {})", title(action), self::basis(basis)),
        Action::Remove => format!("{}: {network} (revision {revision})", title(action)),
    },
    title_of_many: |action, count| format!("{}: {count} networks", title(action)),
    introduction: |action| match action {
        Action::Add => {
            "Source servers reach AWS Application Migration Service (MGN) over Direct Connect or VPN, without \
             internet access. This document lists what the on-premises teams must do for that, and a section for \
             each team says how to check it."
        }
        Action::Remove => {
            "The network in AWS is no longer needed. This document lists what the on-premises teams must take back \
             before or soon after its deletion. Follow the order of the sections, and keep each entry that another \
             network or another system still uses."
        }
    },
    planned: "Nothing of a planned network exists in AWS yet. Addresses are missing unless they were fixed in \
        advance, so that firewall rules must name the subnets. A new revision of this document follows when the \
        network exists.",
    basis,
    count: |open, all| format!("{open} of {all}"),
    state: |state| match state {
        ChecklistState::Open => "open",
        ChecklistState::Done => "done",
    },
    purpose: |purpose| match purpose {
        RulePurpose::Mgn => "API of MGN: installation and control of the agents",
        RulePurpose::S3 => "S3: installer and software of the agents",
        RulePurpose::Dns => "DNS queries to the Route 53 Resolver inbound endpoint",
        RulePurpose::Connector => "further AWS services for the MGN connector",
        RulePurpose::Replication => "data of source servers to replication servers",
    },
    clients: |clients| match clients {
        NameUse::Source => "source servers",
        NameUse::Connector => "the MGN connector",
        NameUse::Replication => "servers in AWS only: do not forward the name",
    },
    cause,
    item,
    headings: Headings {
        reason: "Why",
        steps: "What to do",
        facts: "Values",
        failures: "What fails without it",
        check: "How to check it",
        names: "Names and addresses",
        end: |action| match action {
            Action::Add => "When the work is done",
            Action::Remove => "When everything is removed",
        },
    },
    columns: Columns {
        network: "Network",
        revision: "Revision",
        basis: "State",
        open: "Open items",
        rule: "Rule",
        purpose: "Purpose",
        sources: "Sources",
        addresses: "Addresses",
        subnets: "Subnets",
        protocol: "Protocol",
        port: "Port",
        domain: "Domain",
        targets: "Forward to",
        name: "Name",
        clients: "Needed by",
        message: "Message",
        cause: "Cause",
    },
    files: "Files for this work, from the same export:",
    see_names: "The section \"Names and addresses\" lists the names.",
    proxies: "Proxies in `spec.proxyCIDRs` of the network, which its endpoints admit:",
    no_proxies: "The endpoints admit no proxy, because `spec.proxyCIDRs` of the network is empty.",
    check_later: "Check this work when the network is built: until then, nothing in AWS answers.",
    names: |action| match action {
        Action::Add => "Each name that source servers need must resolve to exactly its addresses, on premises.",
        Action::Remove => "After the removal, no name may resolve to these addresses, on premises.",
    },
    acknowledge: "Report finished work to the team that sent this document. When all items are done, that team \
        records it in the cluster:",
    acknowledged: "The condition `OnPremisesCurrent` of the network is then `True`. If the facts change, a new \
        revision opens only the items that it affects.",
    removed: "Report to the team that sent this document. Nothing needs to be recorded in the cluster.",
};

const fn title(action: Action) -> &'static str {
    match action {
        Action::Add => "On-premises work for MGN",
        Action::Remove => "Removal of on-premises work for MGN",
    }
}

const fn basis(basis: OnPremisesBasis) -> &'static str {
    match basis {
        OnPremisesBasis::Observed => "built",
        OnPremisesBasis::Planned => "planned",
    }
}

const fn cause(failure: Failure) -> &'static str {
    match failure {
        Failure::Blocked(RulePurpose::Mgn) => {
            "MGN has lost contact with the agent: a firewall drops connections to the API of MGN."
        }
        Failure::Blocked(RulePurpose::S3) => "The installer stops: a firewall drops connections to S3.",
        Failure::Blocked(RulePurpose::Connector) => {
            "Systems Manager has lost contact with the MGN connector: a firewall drops connections to its services."
        }
        Failure::Blocked(RulePurpose::Dns) => "Names do not resolve: a firewall drops TCP or UDP 53.",
        Failure::Blocked(RulePurpose::Replication) => {
            "The agent is installed, but replication does not start: a firewall drops connections to port 1500."
        }
        Failure::NotForwarded => {
            "The name resolves to public addresses: a DNS server of the source server lacks the forwarder."
        }
        Failure::NotExempt => "The DNS server validates DNSSEC, and has no internet access to do so.",
        Failure::AddressesRemoved => {
            "The DNS server protects clients against DNS rebinding, and removes private addresses from answers."
        }
        Failure::NameMissing => "The hosts file lacks a name, which then resolves to public addresses.",
        Failure::AddressOutdated => "The hosts file has the addresses of an earlier revision.",
        Failure::ThroughProxy => {
            "The request goes through a proxy that cannot reach the endpoint, or that the endpoint does not admit."
        }
        Failure::Intercepted => "A proxy or firewall decrypts TLS, which AWS does not support here.",
        Failure::PolicyDenies => "The endpoint policy does not allow the request of the client.",
        Failure::NotAdmitted => "The client is in none of the admitted ranges.",
    }
}

const fn item(work: ChecklistWork, action: Action) -> &'static Item {
    match (work, action) {
        (ChecklistWork::Firewall, Action::Add) => &FIREWALL,
        (ChecklistWork::Firewall, Action::Remove) => &FIREWALL_REMOVAL,
        (ChecklistWork::DnsForwarders, Action::Add) => &DNS,
        (ChecklistWork::DnsForwarders, Action::Remove) => &DNS_REMOVAL,
        (ChecklistWork::HostsFiles, Action::Add) => &HOSTS,
        (ChecklistWork::HostsFiles, Action::Remove) => &HOSTS_REMOVAL,
        (ChecklistWork::Proxies, Action::Add) => &PROXIES,
        (ChecklistWork::Proxies, Action::Remove) => &PROXIES_REMOVAL,
        (ChecklistWork::OtherS3Clients, Action::Add) => &S3_CLIENTS,
        (ChecklistWork::OtherS3Clients, Action::Remove) => &S3_CLIENTS_REMOVAL,
        (ChecklistWork::OtherAwsClients, Action::Add) => &AWS_CLIENTS,
        (ChecklistWork::OtherAwsClients, Action::Remove) => &AWS_CLIENTS_REMOVAL,
    }
}

const FIREWALL: Item = Item {
    heading: "Firewall team: admit the connections to AWS",
    reason: "Over these connections, source servers install the AWS Replication Agent, stay in contact with MGN, and \
        send their data to replication servers. They have no other way to AWS.",
    steps: &[
        "Admit every rule of the table on the whole way from its sources to AWS. Stateless filters must also admit \
         the answers.",
        "Admit either the addresses or the subnets of a rule. A rule without addresses leads to servers whose \
         addresses change: admit its subnets.",
        "Route the subnets to AWS over Direct Connect or VPN, and announce the sources to AWS.",
        "Exclude these connections from TLS inspection.",
    ],
    check: "Run each command on a server in the sources of its rule; on Windows, run \
        `Test-NetConnection ADDRESS -Port PORT`. Port 1500 answers only while MGN runs a replication server: until \
        then, a timeout proves nothing. To prove that path earlier, start a Linux instance with the replication \
        servers' security group in a staging subnet, run `nc -l 1500` on it, and connect to it from a source server.",
};

const FIREWALL_REMOVAL: Item = Item {
    heading: "Firewall team: remove the rules",
    reason: "The rules admit connections to addresses that AWS may give to other servers.",
    steps: &[
        "Remove the rules of the table, after the other sections of this document are done.",
        "Remove the routes and announcements that only this network needed.",
    ],
    check: "Search the rule base for the addresses and subnets of the table: no rule may contain them.",
};

const DNS: Item = Item {
    heading: "DNS team: forward the domains to AWS",
    reason: "The names of MGN and S3 must resolve to the private addresses of the endpoints. Only the Route 53 \
        Resolver inbound endpoint answers with them. Public DNS answers with public addresses, which source servers \
        do not reach.",
    steps: &[
        "On every DNS server that source servers use, forward each domain of the table, with all names below it, to \
         its targets. Forward no other domain of AWS.",
        "If the server validates DNSSEC without internet access, exempt the domains (BIND: `validate-except`; \
         unbound: `domain-insecure`).",
        "If the server protects against DNS rebinding, admit private addresses for the domains (unbound: \
         `private-domain`; dnsmasq: `rebind-domain-ok`).",
        "Forward the domain of S3 only when the owners of other S3 clients are ready: their section gives the reason.",
        "Clear the caches of the DNS servers.",
    ],
    check: "Run the commands on a source server; on Windows, run `Resolve-DnsName NAME`. Each answer must consist of \
        the addresses of the name, and contain no others.",
};

const DNS_REMOVAL: Item = Item {
    heading: "DNS team: remove the forwarders",
    reason: "The forwarders lead nowhere when the network is gone: all clients of the DNS servers then fail to \
        resolve the names of MGN and S3 in the Region.",
    steps: &[
        "Remove the forwarders of the table from every DNS server, together with the exceptions from DNSSEC \
         validation and from the protection against DNS rebinding.",
        "Clear the caches of the DNS servers.",
    ],
    check: "Resolve each name: no answer may contain an address of the section \"Names and addresses\".",
};

const HOSTS: Item = Item {
    heading: "Server team: enter the names in hosts files",
    reason: "The network has no domains that DNS servers could forward, so that hosts files must lead source servers \
        to its endpoints.",
    steps: &[
        "On every source server, copy the block of the file into the hosts file (Linux: `/etc/hosts`; Windows: \
         `%SystemRoot%\\System32\\drivers\\etc\\hosts`).",
        "Replace the block of an earlier revision as a whole, from its first comment to its last one.",
        "Enter every name: hosts files know no wildcards.",
    ],
    check: "Run the commands on a source server; on Windows, run `Resolve-DnsName NAME`. Each answer must consist of \
        the addresses of the name, and contain no others.",
};

const HOSTS_REMOVAL: Item = Item {
    heading: "Server team: remove the names from hosts files",
    reason: "The addresses no longer belong to the endpoints: a server that keeps the lines does not reach MGN and \
        S3.",
    steps: &[
        "Remove the block of the network from the hosts file of every source server, from its first comment to its \
         last one.",
        "Remove it from templates and images of servers, too.",
    ],
    check: "Search the hosts files for the addresses of the section \"Names and addresses\": no line may contain \
        them.",
};

const PROXIES: Item = Item {
    heading: "Proxy and server teams: keep the names away from proxies",
    reason: "A proxy that takes the requests of the installer sends them to the internet, or to an endpoint that \
        does not admit it. The installation of the agent then stops.",
    steps: &[
        "Exempt the names from the proxy on every source server: in environment variables, in the proxy settings of \
         Windows, and in PAC files.",
        "In `no_proxy`, write `.amazonaws.com` or whole names. The installer ignores `*.amazonaws.com` and ranges of \
         addresses.",
        "Or let the requests go through a proxy that the endpoints admit. It must resolve the names to the addresses \
         in this document, and must not decrypt TLS.",
        "Replication to port 1500 cannot use a web proxy.",
    ],
    check: "Run the commands on a source server. Each must print an address of the name, or that of an admitted \
        proxy. After an installation, the event `SendClientLogsForMgn` in CloudTrail, with the access key of the \
        installation, shows the address from which the request came.",
};

const PROXIES_REMOVAL: Item = Item {
    heading: "Proxy and server teams: remove the exceptions",
    reason: "With the exceptions, servers send requests to AWS past the proxy, and without the network these \
        requests have no way.",
    steps: &[
        "Remove the exceptions that were made for this network from environment variables, proxy settings and PAC \
         files.",
        "Remove its forwarders and hosts lines from the proxies themselves.",
    ],
    check: "On a source server, request a name of the section \"Names and addresses\": the log of the proxy must \
        show the request.",
};

const S3_CLIENTS: Item = Item {
    heading: "Owners of other S3 clients: check the access to S3",
    reason: "The forwarder leads all on-premises clients of S3 in the Region to the endpoint of the network, and not \
        only source servers.",
    steps: &[
        "List the programs on premises that use S3 in the Region, such as backups.",
        "Clients outside the admitted ranges do not reach the endpoint: ask the team that sent this document to \
         admit them, or to use hosts files on source servers instead of the forwarder.",
        "With the endpoint policy `MGNOnly`, the endpoint rejects requests to other buckets: ask for a policy that \
         allows them.",
    ],
    check: "On each such client, run `aws s3 ls s3://BUCKET` before and after the DNS team adds the forwarder.",
};

const S3_CLIENTS_REMOVAL: Item = Item {
    heading: "Owners of other S3 clients: prepare another way to S3",
    reason: "When the forwarder is removed, S3 in the Region resolves to public addresses again for all on-premises \
        clients.",
    steps: &[
        "List the programs on premises that have used S3 through this network.",
        "Give them another way to S3 before the DNS team removes the forwarder: internet access, a proxy, or another \
         endpoint.",
    ],
    check: "On each such client, run `aws s3 ls s3://BUCKET` after the DNS team has removed the forwarder.",
};

const AWS_CLIENTS: Item = Item {
    heading: "Owners of other AWS clients: check the access to the services",
    reason: "The forwarders for the MGN connector lead all on-premises clients of these services to the endpoints of \
        the network.",
    steps: &[
        "List the programs on premises that use these services in the Region, such as agents of AWS Systems Manager.",
        "Clients outside the admitted ranges do not reach the endpoints: ask the team that sent this document to \
         admit them, or to use hosts files on the connector instead of the forwarders.",
        "If an endpoint has a restricted policy, ask for one that allows the requests of these clients.",
    ],
    check: "On each such client, repeat a request to the service before and after the DNS team adds the forwarders.",
};

const AWS_CLIENTS_REMOVAL: Item = Item {
    heading: "Owners of other AWS clients: prepare another way to the services",
    reason: "When the forwarders are removed, the services resolve to public addresses again for all on-premises \
        clients.",
    steps: &[
        "List the programs on premises that have used the services through this network.",
        "Give them another way to the services before the DNS team removes the forwarders: internet access, a proxy, \
         or other endpoints.",
    ],
    check: "On each such client, repeat a request to the service after the DNS team has removed the forwarders.",
};
