//! The checks of the preflight: one entry each, with its code, what it does to a network, and the sentence that should be
//! true. `docs/checks.md` has a section for each code; a test holds the two together.
//!
//! To add a check: a line here, a section there, and the function that finds it under [`crate::model::preflight`].

use std::fmt;

use crate::api::Reason;

/// What a finding does to a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// Nothing is written to AWS while it stands; condition `NetworkResolved` is false for this reason.
    Error(Reason),
    /// It is told, and the network goes on.
    Warning,
}

/// Declares the checks once: the sentence that should be true, the variant, the number of the code, and the severity.
macro_rules! checks {
    ($($(#[doc = $title:literal])+ $variant:ident = $number:literal, $severity:expr;)+) => {
        /// One check of the preflight.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Check {
            $($(#[doc = $title])+ $variant,)+
        }

        impl Check {
            /// Every check, by code.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The stable code, on which scripts and people may rely.
            pub const fn code(self) -> &'static str {
                match self {
                    $(Self::$variant => concat!("MGN", stringify!($number)),)+
                }
            }

            /// The sentence that should be true, without its full stop.
            pub fn title(self) -> &'static str {
                let sentence = match self {
                    $(Self::$variant => concat!($($title),+).trim_ascii(),)+
                };
                sentence.strip_suffix('.').unwrap_or(sentence)
            }

            /// What it does to a network if it is not.
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
    /// The VPC selector matches no more than one VPC.
    VpcIsOne = 102, Error(Reason::AmbiguousSelector);
    /// The VPC selector goes on matching the VPC that holds the network.
    VpcIsTheSame = 103, Error(Reason::VpcChanged);
    /// The subnet selectors match subnets.
    SubnetsFound = 104, Error(Reason::SubnetNotFound);
    /// The subnets are in the network's VPC.
    SubnetsInVpc = 105, Error(Reason::SubnetsInDifferentVpcs);
    /// The VPC has DNS support and DNS hostnames turned on.
    DnsAttributes = 106, Error(Reason::DnsSupportDisabled);
    /// The endpoint subnets are in zones of their own.
    OneSubnetAZone = 107, Error(Reason::SeveralSubnetsInZone);
    /// The endpoint subnets are in at least two zones for the Resolver endpoint.
    TwoZones = 108, Error(Reason::TooFewZones);
    /// The Region and the zones of the endpoint subnets offer the services that MGN needs.
    ServicesOffered = 109, Error(Reason::ServiceNotOffered);
    /// The endpoint subnets have a free address for everything that is still to come.
    AddressesFree = 110, Error(Reason::NotEnoughAddresses);
    /// The staging and launch subnets have a route table that can take the S3 gateway endpoint.
    SubnetsRouted = 111, Error(Reason::SubnetNotFound);
    /// No other endpoint in the VPC has private DNS for a service of the network.
    PrivateDnsFree = 112, Error(Reason::PrivateDnsConflict);
    /// No private hosted zone of the VPC has the name of a service of the network.
    HostedZonesApart = 113, Error(Reason::PrivateDnsConflict);
    /// No other S3 gateway endpoint has routes in the route tables of the staging and launch subnets.
    GatewayRoutesFree = 114, Error(Reason::NotOwned);
    /// The source and proxy ranges are outside the VPC's ranges.
    SourcesApart = 115, Warning;
    /// The VPC's DHCP options name Amazon's DNS server.
    AmazonDns = 116, Warning;
    /// The subnets belong to the account.
    SubnetsOwned = 117, Error(Reason::SubnetsShared);
    /// The VPC of a network with a Resolver endpoint has default tenancy.
    ResolverTenancy = 118, Error(Reason::ResolverImpossible);
    /// The VPC has default tenancy.
    DefaultTenancy = 119, Warning;
    /// The network ACLs let through what the network cannot do without, in some subnet and from some source.
    AclsPassable = 120, Error(Reason::TrafficBlocked);
    /// The network ACLs let everything through that the network needs.
    AclsOpen = 121, Warning;
    /// The endpoint and staging subnets have a route back to the source servers.
    ReturnRoutes = 122, Warning;
    /// The resources that are only used do their part.
    ExistingFits = 123, Error(Reason::ExistingUnfit);
    /// The fixed addresses can be had.
    FixedAddressesFree = 124, Error(Reason::AddressUnusable);
    /// The interface endpoints of the VPC stay within the default quota.
    InterfaceEndpointQuota = 131, Warning;
    /// The gateway endpoints of the Region stay within the default quota.
    GatewayEndpointQuota = 132, Warning;
    /// The rules of each security group stay within the default quota.
    RuleQuota = 133, Warning;
    /// The Resolver endpoints of the Region stay within the default quota.
    ResolverEndpointQuota = 134, Warning;
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// What a check found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Which check.
    pub check: Check,
    /// What it is about, where one check can find several things: an id, a range. Empty where it cannot.
    pub subject: String,
    /// What is wrong and what to change.
    pub message: String,
}

impl Finding {
    /// A finding of a check that has only one thing to find, or whose findings block.
    pub const fn new(check: Check, message: String) -> Self {
        Self { check, subject: String::new(), message }
    }

    /// The same, about one of several things: warnings are told apart by it.
    #[must_use]
    pub fn about(self, subject: impl fmt::Display) -> Self {
        Self { subject: subject.to_string(), ..self }
    }

    /// The reason it gives to `NetworkResolved`; none if it does not block.
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
