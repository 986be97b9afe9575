//! The schemas of IPv4 ranges and addresses.
//!
//! The CEL functions on CIDRs exist in CRDs since Kubernetes 1.31, which is therefore the oldest supported release.

use schemars::{Schema, SchemaGenerator, json_schema};
use serde_json::json;

use super::rules::rule;

/// The schema of the IPv4 ranges of source servers.
pub(in crate::api) fn source_cidrs(_: &mut SchemaGenerator) -> Schema {
    let mut schema = cidrs("sourceCIDRs", 64);
    schema.insert("minItems".to_owned(), json!(1));
    schema
}

/// The schema of the IPv4 ranges that may query the resolver.
pub(in crate::api) fn client_cidrs(_: &mut SchemaGenerator) -> Schema {
    let mut schema = cidrs("clientCIDRs", 30);
    schema.insert("minItems".to_owned(), json!(1));
    schema
}

/// The schema of the IPv4 ranges of proxies.
pub(in crate::api) fn proxy_cidrs(_: &mut SchemaGenerator) -> Schema {
    cidrs("proxyCIDRs", 16)
}

/// The schema of a set of IPv4 ranges in canonical form, which is the form that AWS reports.
fn cidrs(field: &str, max: usize) -> Schema {
    const IPV4: &str = "isCIDR(self) && cidr(self).ip().family() == 4";
    json_schema!({
        "type": "array",
        "maxItems": max,
        "x-kubernetes-list-type": "set",
        "items": {
            "type": "string",
            // The length of '255.255.255.255/32', and enough to quote an IPv6 range in the message that rejects it.
            "maxLength": 43,
            "x-kubernetes-validations": [
                rule(
                    IPV4,
                    format!(
                        "must be an IPv4 range in CIDR form, such as '192.0.2.0/24'; in `{field}`, write a single \
                         address with '/32'"
                    ),
                ),
                {
                    "rule": format!("!({IPV4}) || cidr(self).masked().ip() == cidr(self).ip()"),
                    "message": format!("must have no bits set after its prefix; correct it in `{field}`"),
                    // The rule uses `format`, because the API server cannot bound the cost of joining strings of
                    // unknown length.
                    "messageExpression": format!(
                        "'must have no bits set after its prefix; in `{field}`, write \\'%s\\''\
                         .format([string(cidr(self).masked())])"
                    ),
                },
                // No private network is larger than a /8, and two ranges of '/1' would equal '/0'.
                rule(
                    format!("!({IPV4}) || cidr(self).prefixLength() >= 8"),
                    format!("must not be wider than '/8'; list the individual networks in `{field}`"),
                ),
                rule(
                    format!(
                        "!({IPV4}) || ['0.0.0.0/8', '127.0.0.0/8', '169.254.0.0/16', '224.0.0.0/4', '240.0.0.0/4']\
                         .all(r, !cidr(r).containsCIDR(cidr(self)))"
                    ),
                    format!(
                        "must not be a loopback, link-local, multicast or reserved range; list addresses that servers \
                         can have in `{field}`"
                    ),
                ),
            ],
        },
    })
}

/// The schema of one private IPv4 address.
pub(in crate::api) fn ipv4_address(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "string",
        // The length of an IPv6 address, to quote one in the message that rejects it.
        "maxLength": 39,
        "x-kubernetes-validations": [rule(
            "isIP(self) && ip(self).family() == 4",
            "must be an IPv4 address, such as '10.20.1.53'; correct `ip`",
        )],
    })
}
