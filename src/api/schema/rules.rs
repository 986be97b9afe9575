//! CEL rules, and other parts that several schemas share.
//!
//! A rule rejects values that are wrong whatever AWS contains. Messages have the Kubernetes form: `must …`, with
//! fields in back-quotes, values in single quotes, and then the action to take.

use schemars::Schema;
use serde_json::{Value, json};

pub(super) fn rule(rule: impl Into<String>, message: impl Into<String>) -> Value {
    json!({ "rule": rule.into(), "message": message.into() })
}

pub(super) fn matches(pattern: &str, message: &str) -> Value {
    rule(format!("self.matches('{pattern}')"), message)
}

/// Removes the description of an enum, so that `kubectl explain` shows the description of the field. Otherwise an
/// optional enum would hide it.
pub(in crate::api) fn undescribed(schema: &mut Schema) {
    schema.remove("description");
}

/// The rule and the message for fixed addresses, for types that have `addresses`. No two subnets of a VPC have an
/// address in common.
pub(in crate::api) const IPS_DIFFER: (&str, &str) = (
    "!has(self.addresses) || self.addresses.all(one, self.addresses.exists_one(other, other.ip == one.ip))",
    "must not contain an `ip` twice, because each address is in one subnet only; correct one",
);

/// The rule and the message for the length of all inline policies together, for types that have `endpointPolicy` and
/// `endpoints`. Each of 25 policies may have 20,480 characters, but the operator's memory holds many networks.
pub(in crate::api) const INLINE_POLICIES_FIT: (&str, &str) = (
    "(has(self.endpointPolicy) && has(self.endpointPolicy.inline) ? size(self.endpointPolicy.inline) : 0) + \
     (has(self.endpoints) ? self.endpoints.map(e, has(e.policy) && has(e.policy.inline) ? size(e.policy.inline) : \
     0).sum() : 0) <= 61440",
    "must not contain more than 61440 characters of `inline` policies together; move long policies to a ConfigMap",
);

/// The rule and the message for the resolver's two addresses, for types that have `subnets` and `resolver`. It needs
/// no data from AWS.
pub(in crate::api) const RESOLVER_NEEDS_TWO_SUBNETS: (&str, &str) = (
    "!(has(self.resolver) && has(self.resolver.mode) && self.resolver.mode == 'Managed' && has(self.subnets) && \
     has(self.subnets.endpoints) && has(self.subnets.endpoints.ids)) || size(self.subnets.endpoints.ids) >= 2",
    "must have two or more `endpoints.ids`, in different zones, while `resolver.mode` is 'Managed'; add a subnet, or \
     set `resolver.mode` to 'Disabled'",
);
