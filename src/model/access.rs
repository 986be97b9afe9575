//! How the operator identifies itself to the roles of classes: the external ID, and the name of its sessions. Both follow
//! from the cluster and the class alone, so that they are the same after a restart, and after the class is gone.

use sha2::{Digest, Sha256};

use crate::text::hex;

/// The length of a session name. Source: STS API Reference, `AssumeRole`: at most 64 characters.
const LONGEST_SESSION: usize = 64;

/// The bytes of a hash in an external ID.
const BYTES_OF_EXTERNAL_ID: usize = 16;

/// The bytes of a hash in the session name of a class whose name is cut.
const BYTES_OF_CUT_NAME: usize = 4;

/// The characters of the cluster's UID in a session name.
const OF_CLUSTER: usize = 8;

/// Returns the external ID that the operator sends for a class that sets none: `mgnet-` and 32 hexadecimal digits.
///
/// It differs for each cluster and each class, and the author of a class cannot choose it: the API server rejects an explicit
/// `externalID` of this form. A role that requires it is therefore not assumed for the class of another cluster, even if the
/// operators of both have the same AWS identity. Sources: IAM User Guide, "The confused deputy problem": the third party
/// generates the ID, and its customers do not choose it. The ID is optional in a trust policy: without a condition on
/// `sts:ExternalId`, AWS does not compare it, so that roles from before this ID work unchanged.
pub fn external_id(cluster: &str, class: &str) -> String {
    let digest = Sha256::digest(format!("mgnet.dev/external-id\n{cluster}\n{class}"));
    format!("mgnet-{}", hex(digest.iter().take(BYTES_OF_EXTERNAL_ID)))
}

/// Returns the name of the sessions of a class, which CloudTrail logs: `mgnet-`, the first eight characters of the cluster's
/// UID, `-`, and the name of the class. A name that is too long is cut, and ends with `-` and eight digits of its hash.
///
/// Names of classes consist of `a-z`, `0-9`, `-` and `.`, which STS allows in a session name.
pub fn session_name(cluster: &str, class: &str) -> String {
    let cluster: String = cluster.chars().take(OF_CLUSTER).collect();
    let prefix = format!("mgnet-{cluster}-");
    if prefix.len() + class.len() <= LONGEST_SESSION {
        return format!("{prefix}{class}");
    }
    let hash = hex(Sha256::digest(class).iter().take(BYTES_OF_CUT_NAME));
    let kept: String = class.chars().take(LONGEST_SESSION - prefix.len() - hash.len() - 1).collect();
    format!("{prefix}{kept}-{hash}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLUSTER: &str = "0a1b2c3d-1111-4222-8333-444455556666";

    /// The values are part of trust policies, and must never change. `docs/iam.md` has a command that computes the first.
    #[test]
    fn external_ids_and_session_names_never_change() {
        assert_eq!(external_id(CLUSTER, "tokyo"), "mgnet-f9af86cfb74b0a6446615131fcb7fae3");
        assert_eq!(session_name(CLUSTER, "tokyo"), "mgnet-0a1b2c3d-tokyo");
    }

    #[test]
    fn external_ids_differ_for_each_cluster_and_class() {
        let ids = [("c-1", "tokyo"), ("c-2", "tokyo"), ("c-1", "osaka"), ("c", "1\ntokyo")];
        let ids: std::collections::BTreeSet<String> = ids.map(|(cluster, class)| external_id(cluster, class)).into();
        assert_eq!(ids.len(), 4);
    }

    #[test]
    fn long_names_of_classes_are_cut_and_stay_different() {
        let longest = "a".repeat(253);
        let names = [&longest[..49], &longest[..50], &longest[..51], &longest];
        let sessions: Vec<String> = names.iter().map(|class| session_name(CLUSTER, class)).collect();
        assert_eq!(sessions[0], format!("mgnet-0a1b2c3d-{}", &longest[..49]), "the longest name that is not cut");
        assert!(sessions.iter().all(|session| session.len() == LONGEST_SESSION), "{sessions:?}");
        let different: std::collections::BTreeSet<_> = sessions.iter().collect();
        assert_eq!(different.len(), names.len(), "{sessions:?}");
    }
}
