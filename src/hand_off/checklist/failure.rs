//! What people see while an item is open: the messages that they search for, which are the same in all languages.
//!
//! Sources of the messages: the installer of the AWS Replication Agent; MGN API Reference, `DataReplicationError`; Systems Manager API
//! Reference, `InstanceInformation`; BIND 9.18;
//! dig 9.18; Python 3, `urllib` and `ssl`; AWS CLI.

use crate::api::{ChecklistWork, RulePurpose};

/// A failure that an open item causes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// A firewall drops the connections of this purpose.
    Blocked(RulePurpose),
    /// A name resolves to public addresses, or not at all.
    NotForwarded,
    /// A DNS server without internet validates the answers.
    NotExempt,
    /// A DNS server removes private addresses from the answers.
    AddressesRemoved,
    /// A hosts file lacks a name.
    NameMissing,
    /// A hosts file has an earlier address.
    AddressOutdated,
    /// A proxy takes the requests, and cannot or may not connect.
    ThroughProxy,
    /// A proxy or firewall decrypts TLS.
    Intercepted,
    /// The endpoint policy allows other requests only.
    PolicyDenies,
    /// No rule admits the client to the endpoint.
    NotAdmitted,
}

impl Failure {
    /// Returns the failures of an item. `purposes` are those of the rules that the networks have.
    pub(super) fn of(work: ChecklistWork, purposes: &[RulePurpose]) -> Vec<Self> {
        match work {
            ChecklistWork::Firewall => purposes.iter().copied().map(Self::Blocked).collect(),
            ChecklistWork::DnsForwarders => vec![Self::NotForwarded, Self::NotExempt, Self::AddressesRemoved],
            ChecklistWork::HostsFiles => vec![Self::NameMissing, Self::AddressOutdated],
            ChecklistWork::Proxies => vec![Self::ThroughProxy, Self::Intercepted],
            ChecklistWork::OtherS3Clients | ChecklistWork::OtherAwsClients => {
                vec![Self::PolicyDenies, Self::NotAdmitted]
            }
        }
    }

    /// Returns the messages, as code spans.
    pub(super) const fn messages(self) -> &'static str {
        match self {
            Self::Blocked(RulePurpose::Mgn) => "`AGENT_NOT_SEEN`, `FAILED_TO_PAIR_REPLICATION_SERVER_WITH_AGENT`",
            Self::Blocked(RulePurpose::S3) | Self::NotForwarded | Self::NameMissing => {
                "`Downloading of '<url>' failed. This is usually caused by lack of routing to AWS`"
            }
            Self::Blocked(RulePurpose::Connector) => "`PingStatus: ConnectionLost`",
            Self::Blocked(RulePurpose::Dns) => "`no servers could be reached`",
            Self::Blocked(RulePurpose::Replication) => {
                "`FAILED_TO_CONNECT_AGENT_TO_REPLICATION_SERVER`, `FAILED_TO_START_DATA_TRANSFER`"
            }
            Self::NotExempt => "`SERVFAIL`, `broken trust chain resolving`",
            Self::AddressesRemoved => "`status: NOERROR`, `ANSWER: 0`",
            Self::AddressOutdated => "`Connection timed out`",
            Self::ThroughProxy => "`Tunnel connection failed`, `Connection timed out`",
            Self::Intercepted => "`CERTIFICATE_VERIFY_FAILED`",
            Self::PolicyDenies => "`AccessDenied`",
            Self::NotAdmitted => "`Connect timeout on endpoint URL`",
        }
    }
}
