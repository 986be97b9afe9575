//! Transfers: a network moves to another cluster. The old cluster retains its resources for the new one, whose network of the
//! same name takes them over if its class accepts that. Both clusters have to agree.

use std::{fmt, str::FromStr};

use crate::{api::TRANSFER_ANNOTATION, text::shorten};

/// The UID of a cluster's namespace `kube-system`, which identifies the cluster: a UUID in lower case (Kubernetes
/// documentation, "Object Names and IDs").
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ClusterUid(String);

impl ClusterUid {
    /// Returns the UID in the form that Kubernetes uses.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ClusterUid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A text is not the UID of a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotClusterUid;

impl FromStr for ClusterUid {
    type Err = NotClusterUid;

    fn from_str(text: &str) -> Result<Self, NotClusterUid> {
        const GROUPS: [usize; 5] = [8, 4, 4, 4, 12];
        let is_digit = |c: char| matches!(c, '0'..='9' | 'a'..='f');
        let groups: Vec<&str> = text.split('-').collect();
        let fits = groups.iter().map(|group| group.len()).eq(GROUPS);
        if fits && groups.iter().all(|group| group.chars().all(is_digit)) {
            Ok(Self(text.to_owned()))
        } else {
            Err(NotClusterUid)
        }
    }
}

/// The transfer that the annotation of a network requests for its deletion.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Transfer {
    /// None: retained resources stay with this cluster.
    #[default]
    None,
    /// The resources are retained for the cluster with this UID.
    To(ClusterUid),
    /// The annotation names no other cluster, so that nothing may be retained before it is corrected.
    Invalid(InvalidTransfer),
}

/// The reason why the annotation names no other cluster.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTransfer {
    /// The value is not a UID.
    #[error(
        "the annotation `{TRANSFER_ANNOTATION}` must be the UID of the namespace 'kube-system' of the other cluster, but is \
         '{value}'; correct it, or remove it to retain the resources for this cluster"
    )]
    NotUid {
        /// The value, shortened.
        value: String,
    },
    /// The value is the UID of this cluster.
    #[error(
        "the annotation `{TRANSFER_ANNOTATION}` names this cluster; set it to the UID of the namespace 'kube-system' of the \
         other cluster, or remove it to retain the resources for this cluster"
    )]
    ThisCluster,
}

impl Transfer {
    /// Parses the annotation of a network in the cluster with this UID.
    pub fn parse(annotation: Option<&str>, cluster: &str) -> Self {
        /// The characters of a wrong value in a message: more than a UID has.
        const SHOWN: usize = 64;
        match annotation {
            None => Self::None,
            Some(value) if value == cluster => Self::Invalid(InvalidTransfer::ThisCluster),
            Some(value) => match value.parse() {
                Ok(other) => Self::To(other),
                Err(NotClusterUid) => Self::Invalid(InvalidTransfer::NotUid { value: shorten(value, SHOWN) }),
            },
        }
    }

    /// Returns the cluster for which the resources are retained.
    pub const fn target(&self) -> Option<&ClusterUid> {
        match self {
            Self::To(cluster) => Some(cluster),
            Self::None | Self::Invalid(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: &str = "11111111-2222-4333-8444-555555555555";
    const OTHER: &str = "5f0c2f0e-7d3a-4a52-9c1b-2d6e8f901234";

    #[test]
    fn the_annotation_names_another_cluster_by_its_uid() {
        assert_eq!(Transfer::parse(None, OWN), Transfer::None);
        let transfer = Transfer::parse(Some(OTHER), OWN);
        assert_eq!(transfer.target().map(ClusterUid::as_str), Some(OTHER));
    }

    #[test]
    fn other_values_are_reported_with_the_annotation_and_a_remedy() {
        let upper = OTHER.to_uppercase();
        let long = "x".repeat(1000);
        let spaced = format!(" {OTHER}");
        for value in ["", "green", "true", &upper, &long, &spaced, &OTHER[1..], &OTHER.replace('-', "")] {
            let Transfer::Invalid(why) = Transfer::parse(Some(value), OWN) else { panic!("'{value}' is accepted") };
            let message = why.to_string();
            assert!(message.contains("`mgnet.dev/transfer-to`") && message.contains("correct it"), "{message}");
            assert!(message.chars().count() < 300, "{message}");
        }
        let own = Transfer::parse(Some(OWN), OWN);
        assert_eq!(own, Transfer::Invalid(InvalidTransfer::ThisCluster));
        assert_eq!(own.target(), None);
    }
}
