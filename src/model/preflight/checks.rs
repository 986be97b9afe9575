//! The checks of the preflight: one entry each, with its code, its severity, and the sentence that should be true.
//! `docs/checks.md` has a section for each code, and a test compares the two.
//!
//! To add a check, add a line here, a section there, and the function that returns the finding under
//! [`crate::model::preflight`].

use std::fmt;

use crate::api::Reason;

/// The effect of a finding on a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The operator writes nothing to AWS while the finding exists. Condition `NetworkResolved` is false for this
    /// reason.
    Error(Reason),
    /// The operator reports the finding and continues.
    Warning,
}

/// Declares each check once: the sentence that should be true, the variant, the number of the code, and the severity.
macro_rules! checks {
    ($($(#[doc = $title:literal])+ $variant:ident = $number:literal, $severity:expr;)+) => {
        /// One check of the preflight.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Check {
            $($(#[doc = $title])+ $variant,)+
        }

        impl Check {
            /// All checks, ordered by code.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// Returns the stable code, which scripts may rely on.
            pub const fn code(self) -> &'static str {
                match self {
                    $(Self::$variant => concat!("MGN", stringify!($number)),)+
                }
            }

            /// Returns the sentence that should be true, without its full stop.
            pub fn title(self) -> &'static str {
                let sentence = match self {
                    $(Self::$variant => concat!($($title),+).trim_ascii(),)+
                };
                sentence.strip_suffix('.').unwrap_or(sentence)
            }

            /// Returns the effect on a network if the sentence is false.
            pub const fn severity(self) -> Severity {
                match self {
                    $(Self::$variant => $severity,)+
                }
            }
        }
    };
}

use Severity::{Error, Warning};

checks! {
    /// The VPC selector matches a VPC.
    VpcFound = 101, Error(Reason::VpcNotFound);
    /// The VPC selector matches only one VPC.
    VpcIsOne = 102, Error(Reason::AmbiguousSelector);
    /// The VPC selector still matches the VPC of the network.
    VpcIsTheSame = 103, Error(Reason::VpcChanged);
    /// The subnet selectors match subnets.
    SubnetsFound = 104, Error(Reason::SubnetNotFound);
    /// The subnets are in the network's VPC.
    SubnetsInVpc = 105, Error(Reason::SubnetsInDifferentVpcs);
    /// The VPC has DNS support and DNS hostnames enabled.
    DnsAttributes = 106, Error(Reason::DnsSupportDisabled);
    /// The endpoint subnets are all in different zones.
    OneSubnetAZone = 107, Error(Reason::SeveralSubnetsInZone);
    /// The endpoint subnets are in at least two zones for the Resolver endpoint.
    TwoZones = 108, Error(Reason::TooFewZones);
    /// The Region and the zones of the endpoint subnets offer the services that MGN requires.
    ServicesOffered = 109, Error(Reason::ServiceNotOffered);
    /// The endpoint subnets have enough free addresses.
    AddressesFree = 110, Error(Reason::NotEnoughAddresses);
    /// The staging and launch subnets have a route table that can take the S3 gateway endpoint.
    SubnetsRouted = 111, Error(Reason::SubnetNotFound);
    /// No other endpoint in the VPC has private DNS for a service of the network.
    PrivateDnsFree = 112, Error(Reason::PrivateDnsConflict);
    /// No private hosted zone of the VPC has the name of a service of the network.
    HostedZonesApart = 113, Error(Reason::PrivateDnsConflict);
    /// No other S3 gateway endpoint has routes in the route tables of the staging and launch subnets.
    GatewayRoutesFree = 114, Error(Reason::NotOwned);
    /// The source and proxy ranges do not overlap the CIDR blocks of the VPC.
    SourcesApart = 115, Warning;
    /// The DHCP options of the VPC name Amazon's DNS server.
    AmazonDns = 116, Warning;
    /// The account owns the subnets.
    SubnetsOwned = 117, Error(Reason::SubnetsShared);
    /// The VPC of a network with a Resolver endpoint has default tenancy.
    ResolverTenancy = 118, Error(Reason::ResolverImpossible);
    /// The VPC has default tenancy.
    DefaultTenancy = 119, Warning;
    /// The network ACLs admit the required traffic in at least one subnet and from at least one source range.
    AclsPassable = 120, Error(Reason::TrafficBlocked);
    /// The network ACLs admit all traffic that the network needs.
    AclsOpen = 121, Warning;
    /// The endpoint and staging subnets have a route back to the source servers.
    ReturnRoutes = 122, Warning;
    /// The existing resources meet the needs of the network.
    ExistingFits = 123, Error(Reason::ExistingUnfit);
    /// The fixed addresses are available.
    FixedAddressesFree = 124, Error(Reason::AddressUnusable);
    /// The network adds nothing to resources of others.
    AdoptionAdds = 125, Warning;
    /// The adopted resources match the spec.
    AdoptedFits = 126, Warning;
    /// The endpoint policies restrict no other clients in the VPC.
    PoliciesApart = 127, Warning;
    /// The Region still offers the services of the network's endpoints.
    ServicesStillOffered = 128, Warning;
    /// The staging subnets have a route that can lead to S3.
    StagingReachesS3 = 129, Error(Reason::TrafficBlocked);
    /// The staging subnets reach S3 through a gateway endpoint.
    StagingS3PathKnown = 130, Warning;
    /// The interface endpoints of the VPC stay within the default quota.
    InterfaceEndpointQuota = 131, Warning;
    /// The gateway endpoints of the Region stay within the default quota.
    GatewayEndpointQuota = 132, Warning;
    /// The rules of each security group stay within the default quota.
    RuleQuota = 133, Warning;
    /// The Resolver endpoints of the Region stay within the default quota.
    ResolverEndpointQuota = 134, Warning;
    /// The endpoint policies allow what a migration needs.
    PoliciesAllow = 135, Warning;
    /// The names of the S3 buckets that MGN needs are known.
    BucketsKnown = 136, Warning;
    /// The names of services resolve to the endpoints in the VPC.
    NamesArePrivate = 137, Warning;
    /// The rules of security groups can be evaluated.
    AdmissionKnown = 138, Warning;
    /// The staging and launch subnets have free addresses for servers.
    ServersHaveAddresses = 139, Warning;
    /// The security group of the replication servers lets them reach the endpoints, S3 and DNS.
    ReplicationEgress = 140, Error(Reason::TrafficBlocked);
    /// The endpoint policies can be evaluated.
    PoliciesKnown = 141, Warning;
    /// No other network of the same name has resources that the network may not take over.
    PredecessorsGone = 142, Error(Reason::NotOwned);
    /// The annotation for a transfer takes effect when the network is deleted.
    TransferPossible = 143, Warning;
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// A problem that a check found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The check.
    pub check: Check,
    /// The subject of the finding, such as an ID or a range, for a check that can find several problems. Otherwise
    /// empty.
    pub subject: String,
    /// The problem, and what to change.
    pub message: String,
}

impl Finding {
    /// Creates a finding without a subject: the check can find only one problem, or its findings block.
    pub const fn new(check: Check, message: String) -> Self {
        Self { check, subject: String::new(), message }
    }

    /// Sets the subject, which distinguishes warnings of the same check.
    #[must_use]
    pub fn about(self, subject: impl fmt::Display) -> Self {
        Self { subject: subject.to_string(), ..self }
    }

    /// Returns the reason for `NetworkResolved`. None if the finding does not block.
    pub const fn reason(&self) -> Option<Reason> {
        match self.check.severity() {
            Severity::Error(reason) => Some(reason),
            Severity::Warning => None,
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.check, self.message)
    }
}
