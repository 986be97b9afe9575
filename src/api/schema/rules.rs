//! CEL rules, and what several schemas share.
//!
//! A rule refuses what is wrong without asking AWS. Messages have the Kubernetes form: `must …`, fields in back-quotes, values
//! in single quotes, and what to do next.

use schemars::Schema;
use serde_json::{Value, json};

pub(super) fn rule(rule: impl Into<String>, message: impl Into<String>) -> Value {
    json!({ "rule": rule.into(), "message": message.into() })
}

pub(super) fn matches(pattern: &str, message: &str) -> Value {
    rule(format!("self.matches('{pattern}')"), message)
}

/// Leaves the description of an enum out, so that `kubectl explain` shows that of the field: an optional enum would hide it.
pub(in crate::api) fn undescribed(schema: &mut Schema) {
    schema.remove("description");
}

/// What can be known of the resolver's two addresses without asking AWS: a rule on whatever has `subnets` and `resolver`.
pub(in crate::api) const RESOLVER_NEEDS_TWO_SUBNETS: (&str, &str) = (
    "!(has(self.resolver) && has(self.resolver.mode) && self.resolver.mode == 'Managed' && has(self.subnets) && \
     has(self.subnets.endpoints) && has(self.subnets.endpoints.ids)) || size(self.subnets.endpoints.ids) >= 2",
    "must have two or more `endpoints.ids`, in different zones, while `resolver.mode` is 'Managed'; add a subnet, or set \
     `resolver.mode` to 'Disabled'",
);
