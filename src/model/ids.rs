//! One type per AWS id, so that a subnet can never be passed where a group is meant.
//!
//! Ids are kept exactly as AWS or the user wrote them; shape is checked where they enter (the CRD's patterns), not here.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! id_types {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// The id as AWS writes it.
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

        // The type is plain from the prefix, and plans are read by people: `subnet-1`, not `SubnetId("subnet-1")`.
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
    /// `sgr-…`
    SecurityGroupRuleId,
    /// `vpce-…`
    EndpointId,
    /// `eni-…`
    NetworkInterfaceId,
    /// `rslvr-in-…`
    ResolverId,
    /// `rni-…`: one address of a resolver endpoint.
    ResolverAddressId,
    /// `apne1-az4`: the id of an Availability Zone, the same in every account (names such as `ap-northeast-1a` are not).
    ZoneId,
}

/// Ids as a person reads them in a message: comma-separated.
pub fn join<T: fmt::Display>(ids: impl IntoIterator<Item = T>) -> String {
    ids.into_iter().map(|id| id.to_string()).collect::<Vec<_>>().join(", ")
}
