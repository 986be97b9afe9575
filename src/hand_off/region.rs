//! The Region of a network, parsed from the names of its hand-off.

use std::{collections::BTreeSet, fmt};

use anyhow::{Result, bail};

use super::network::{HandOff, Label};

/// The DNS suffixes of the partitions in which MGN has names, the longer one first (AWS General Reference, "Service endpoints and
/// quotas").
const SUFFIXES: [&str; 2] = ["amazonaws.com.cn", "amazonaws.com"];

/// A Region, with the DNS suffix of its partition.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Region {
    name: String,
    suffix: &'static str,
}

impl Region {
    /// Returns the Region of a name of an AWS service, such as `mgn.ap-northeast-1.amazonaws.com`.
    fn of(name: &Label) -> Option<Self> {
        let name = name.as_str();
        let (rest, suffix) = SUFFIXES.iter().find_map(|suffix| {
            let rest = name.strip_suffix(suffix)?.strip_suffix('.')?;
            Some((rest, *suffix))
        })?;
        let (_, region) = rest.rsplit_once('.')?;
        is_region(region).then(|| Self { name: region.to_owned(), suffix })
    }

    /// Returns the host of a bucket in the Region.
    pub(super) fn bucket(&self, bucket: &str) -> String {
        format!("{bucket}.s3.{}.{}", self.name, self.suffix)
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// Whether a label is the name of a Region: words, and a number at the end (`us-gov-west-1`).
fn is_region(label: &str) -> bool {
    let mut parts = label.split('-').rev();
    let is_number = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_digit());
    let is_word = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_lowercase());
    parts.next().is_some_and(is_number) && parts.clone().count() >= 2 && parts.all(is_word)
}

impl HandOff {
    /// Returns the Region of the network.
    ///
    /// # Errors
    /// If the names of the hand-off do not have one Region.
    pub(super) fn region(&self) -> Result<Region> {
        let regions: BTreeSet<Region> = self.names.iter().filter_map(|one| Region::of(&one.name)).collect();
        let mut regions = regions.into_iter();
        match (regions.next(), regions.next()) {
            (Some(region), None) => Ok(region),
            (None, _) => {
                bail!("network '{}' has no name with a Region in `status.onPremises.names`", self.network())
            }
            (Some(one), Some(other)) => bail!(
                "network '{}' has names in two Regions in `status.onPremises.names`, '{one}' and '{other}'",
                self.network()
            ),
        }
    }
}
