//! Regions: their partition, their DNS suffix, and their Availability Zones.
//!
//! Zone names differ from account to account, but zone IDs do not. The emulator uses the same names for all accounts.
//! Source: AWS RAM User Guide, "Availability Zone IDs".

/// An Availability Zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Zone {
    /// The name, for example `ap-northeast-1a`.
    pub(crate) name: String,
    /// The ID, for example `apne1-az4`.
    pub(crate) id: String,
}

/// Returns the zones of a Region by name.
///
/// The mapping of names to IDs is only an example of an account's mapping. Regions without an entry have three zones.
pub(crate) fn of(region: &str) -> Vec<Zone> {
    let letters_and_numbers: &[(char, u8)] = match region {
        "us-east-1" => &[('a', 1), ('b', 2), ('c', 4), ('d', 6), ('e', 3), ('f', 5)],
        "ap-northeast-1" => &[('a', 4), ('c', 1), ('d', 2)],
        "ap-northeast-3" | "eu-west-1" => &[('a', 3), ('b', 1), ('c', 2)],
        _ => &[('a', 1), ('b', 2), ('c', 3)],
    };
    let short = short_name(region);
    let zone =
        |(letter, number): &(char, u8)| Zone { name: format!("{region}{letter}"), id: format!("{short}-az{number}") };
    letters_and_numbers.iter().map(zone).collect()
}

/// Returns the prefix of zone IDs: `apne1` for `ap-northeast-1`, `usgw1` for `us-gov-west-1`.
fn short_name(region: &str) -> String {
    region
        .split('-')
        .map(|word| match word {
            "north" => "n",
            "south" => "s",
            "east" => "e",
            "west" => "w",
            "central" => "c",
            "northeast" => "ne",
            "northwest" => "nw",
            "southeast" => "se",
            "southwest" => "sw",
            "gov" => "g",
            other => other,
        })
        .collect()
}

/// Returns the partition of a Region. Source: botocore `partitions.json`.
pub(crate) fn partition(region: &str) -> &'static str {
    match region.split('-').next() {
        Some("cn") => "aws-cn",
        Some("us") if region.starts_with("us-gov-") => "aws-us-gov",
        Some("eusc") => "aws-eusc",
        _ => "aws",
    }
}

/// Returns the DNS suffix of a Region's services. Source: botocore `partitions.json`.
pub(crate) fn dns_suffix(region: &str) -> &'static str {
    match partition(region) {
        "aws-cn" => "amazonaws.com.cn",
        "aws-eusc" => "amazonaws.eu",
        _ => "amazonaws.com",
    }
}

#[cfg(test)]
mod tests {
    use super::of;

    #[test]
    fn the_zones_of_tokyo_have_the_ids_of_older_accounts() {
        let ids: Vec<String> = of("ap-northeast-1").into_iter().map(|zone| zone.id).collect();
        assert_eq!(ids, ["apne1-az4", "apne1-az1", "apne1-az2"]);
    }

    #[test]
    fn a_region_without_an_entry_has_three_zones() {
        let ids: Vec<String> = of("ap-southeast-2").into_iter().map(|zone| zone.id).collect();
        assert_eq!(ids, ["apse2-az1", "apse2-az2", "apse2-az3"]);
    }
}
