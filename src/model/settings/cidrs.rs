//! Parses the IPv4 ranges in a spec, such as `sourceCIDRs`.

use std::{collections::BTreeSet, net::Ipv4Addr};

use ipnet::Ipv4Net;

use super::FieldError;

/// The ranges that no server of a network can have: this host, loopback, link-local, multicast, reserved (RFC 6890).
const RESERVED: [Ipv4Net; 5] = [
    Ipv4Net::new_assert(Ipv4Addr::UNSPECIFIED, 8),
    Ipv4Net::new_assert(Ipv4Addr::new(127, 0, 0, 0), 8),
    Ipv4Net::new_assert(Ipv4Addr::new(169, 254, 0, 0), 16),
    Ipv4Net::new_assert(Ipv4Addr::new(224, 0, 0, 0), 4),
    Ipv4Net::new_assert(Ipv4Addr::new(240, 0, 0, 0), 4),
];

/// The shortest prefix that is accepted. No private network is larger, and two ranges of '/1' would cover all
/// addresses.
const WIDEST: u8 = 8;

/// Parses ranges as strictly as the rules of the CRDs do (`api::constraints`), in the form in which AWS reports them.
pub(super) fn cidrs(field: &str, texts: &[String], errors: &mut Vec<FieldError>) -> BTreeSet<Ipv4Net> {
    let mut parsed = BTreeSet::new();
    for text in texts {
        match text.parse::<Ipv4Net>() {
            Ok(range)
                if range.trunc().to_string() == *text
                    && range.prefix_len() >= WIDEST
                    && !RESERVED.iter().any(|reserved| reserved.contains(&range)) =>
            {
                parsed.insert(range);
            }
            Ok(_) | Err(_) => errors.push(FieldError {
                field: field.to_owned(),
                message: format!(
                    "must hold IPv4 ranges such as '192.0.2.0/24', of addresses that servers can have, and no larger \
                     than a '/{WIDEST}' each; correct '{text}'"
                ),
            }),
        }
    }
    parsed
}
