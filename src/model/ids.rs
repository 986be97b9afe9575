//! A separate type for each kind of AWS ID, so that a subnet ID cannot be passed as a security group ID.
//!
//! IDs are kept exactly as AWS or the user wrote them. The patterns of the CRD check their form on input.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! id_types {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Returns the ID in the form that AWS uses.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl<T: Into<String>> From<T> for $name {
            fn from(id: T) -> Self {
                Self(id.into())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        // The prefix shows the type, and people read plans: `subnet-1`, not `SubnetId("subnet-1")`.
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )+};
}

id_types! {
    /// `vpc-…`
    VpcId,
    /// `subnet-…`
    SubnetId,
    /// `rtb-…`
    RouteTableId,
    /// `acl-…`
    NetworkAclId,
    /// `sg-…`
    SecurityGroupId,
    /// `pl-…`: a managed prefix list.
    PrefixListId,
    /// `sgr-…`
    SecurityGroupRuleId,
    /// `vpce-…`
    EndpointId,
    /// `eni-…`
    NetworkInterfaceId,
    /// `rslvr-in-…`
    ResolverId,
    /// `rni-…`: one address of a Resolver endpoint.
    ResolverAddressId,
    /// `rct-…`: a replication configuration template of MGN.
    ReplicationTemplateId,
    /// `apne1-az4`: the ID of an Availability Zone. It is the same in every account, unlike names such as
    /// `ap-northeast-1a`.
    ZoneId,
}

/// Joins IDs with commas for a message.
pub fn join<T: fmt::Display>(ids: impl IntoIterator<Item = T>) -> String {
    ids.into_iter().map(|id| id.to_string()).collect::<Vec<_>>().join(", ")
}
