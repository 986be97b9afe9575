//! CIDR ranges: the operator accepts exactly the valid texts.

use std::{collections::BTreeSet, net::Ipv4Addr};

use ipnet::Ipv4Net;
use mgnet::{
    api::{
        MigrationNetworkClassSpec, MigrationNetworkSpec, NetworkDefaults, SubnetSelector, SubnetSelectors, VpcSelector,
    },
    model::{
        settings::{Settings, address_changes, endpoints::ConfigMapKeys},
        slot::{Service, Slot},
    },
};

use crate::{Choices, objects};

/// Parses a range. If the first byte is zero, the text is a variant of a known range.
pub fn check(data: &[u8]) {
    let text = match data.split_first() {
        Some((0, rest)) => {
            let mut choices = Choices::new(rest);
            let (good, bad) = objects::RANGES;
            let mut text = choices.of(if choices.clone().one_in(2) { good } else { bad }).to_owned();
            let at = choices.below(text.len() + 1);
            if text.is_char_boundary(at) {
                text.insert_str(at, &choices.word(4));
            }
            text
        }
        _ => String::from_utf8_lossy(data).into_owned(),
    };
    let expected = expected_range(&text);
    let accepted = sources(&text);
    assert_eq!(accepted, expected, "'{text}'");
    if let Some(range) = accepted {
        assert_eq!(sources(&range.to_string()), Some(range), "the range is unchanged after a round trip");
    }
    // Annotations and service names come from users, too.
    for (slot, _) in address_changes(Some(&text)) {
        assert_eq!(slot.to_string().parse::<Slot>().ok(), Some(slot));
    }
    if let Some(service) = Service::named(&text) {
        assert_eq!(service.as_str(), text);
    }
}

/// Returns the range of source servers that the settings parse from a text.
fn sources(text: &str) -> Option<Ipv4Net> {
    let by_tags = || Some([("Name".to_owned(), "x".to_owned())].into());
    let subnets = || Some(SubnetSelector { ids: None, tags: by_tags() });
    let class = MigrationNetworkClassSpec {
        defaults: Some(NetworkDefaults {
            vpc: Some(VpcSelector { id: None, tags: by_tags() }),
            subnets: Some(SubnetSelectors { endpoints: subnets(), staging: subnets(), launch: None }),
            ..NetworkDefaults::default()
        }),
        ..MigrationNetworkClassSpec::default()
    };
    let spec = MigrationNetworkSpec { source_cidrs: Some(vec![text.to_owned()]), ..MigrationNetworkSpec::default() };
    match Settings::parse(&spec, &class, &ConfigMapKeys::new(), BTreeSet::new()) {
        Ok(settings) => settings.sources.first().copied(),
        Err(errors) => {
            assert!(errors.iter().all(|error| error.field == "spec.sourceCIDRs"), "{errors:?}");
            None
        }
    }
}

/// Parses a range without the operator, by the CEL rules: four numbers and a prefix without leading zeros, no bit set
/// after the prefix, at most as wide as a /8, and no address that a server cannot have.
fn expected_range(text: &str) -> Option<Ipv4Net> {
    let number = |text: &str| {
        let plain = text == "0" || (!text.starts_with('0') && text.len() <= 3);
        (plain && text.bytes().all(|digit| digit.is_ascii_digit())).then(|| text.parse::<u16>().ok()).flatten()
    };
    let (address, prefix) = text.split_once('/')?;
    let prefix = number(prefix).filter(|prefix| (8..=32).contains(prefix))?;
    let octets: Vec<u8> = address
        .split('.')
        .map(|octet| number(octet).and_then(|octet| u8::try_from(octet).ok()))
        .collect::<Option<_>>()?;
    let [a, b, c, d] = octets.try_into().ok()?;
    let all = u32::from_be_bytes([a, b, c, d]);
    let after = if prefix == 32 { 0 } else { u32::MAX >> prefix };
    let reserved = a == 0 || a == 127 || (a, b) == (169, 254) && prefix >= 16 || a >= 224;
    (all & after == 0 && !reserved)
        .then(|| Ipv4Net::new(Ipv4Addr::from(all), u8::try_from(prefix).ok()?).ok())
        .flatten()
}
