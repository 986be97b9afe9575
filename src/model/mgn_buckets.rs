//! The S3 buckets that a migration needs, as a dated table: AWS adds buckets, and endpoint policies must allow them by name.
//!
//! A class can replace the table with `spec.mgnBuckets`, for Regions in which the names have a suffix, or if AWS changes the
//! list before the operator does.

use jiff::{Span, civil::Date};

/// The date on which the table was last compared with AWS's documentation.
pub const COMPARED_ON: Date = jiff::civil::date(2026, 11, 29);

/// How long the table counts as current, in days. In August 2026, AWS added a bucket without which replication fails.
pub const CURRENT_FOR_DAYS: i64 = 180;

/// The Regions with MGN whose bucket names AWS does not document. The names of a twin service, Elastic Disaster Recovery,
/// have a suffix there (MGN User Guide, "Network requirements", and Elastic Disaster Recovery User Guide, the same page).
const UNDOCUMENTED_REGIONS: [&str; 4] = ["ap-east-2", "ap-southeast-6", "ca-west-1", "mx-central-1"];

/// A bucket. `{region}` in its name stands for the Region.
struct Bucket {
    name: &'static str,
    /// Whether AWS still lists it. Policies also allow the others.
    listed: bool,
}

const fn listed(name: &'static str) -> Bucket {
    Bucket { name, listed: true }
}

const fn formerly_listed(name: &'static str) -> Bucket {
    Bucket { name, listed: false }
}

/// The buckets of MGN: installers, replication software and their hashes.
///
/// Sources: MGN User Guide, "Network requirements" and "Preparing environments" (edition 2026). Since August 2026,
/// replication and conversion servers run Amazon Linux 2023, and read its repository under the dual-stack name
/// `<bucket>.s3.dualstack.<region>.amazonaws.com` (the same guide, "Communication errors").
const TABLE: [Bucket; 8] = [
    listed("al2023-repos-{region}-de612dc2"),
    listed("amazon-ssm-{region}"),
    listed("aws-application-migration-service-hashes-{region}"),
    listed("aws-application-migration-service-{region}"),
    formerly_listed("aws-mgn-clients-hashes-{region}"),
    formerly_listed("aws-mgn-clients-{region}"),
    listed("aws-mgn-internal-hashes-{region}"),
    listed("aws-mgn-internal-{region}"),
];

/// The buckets of the agent of AWS Systems Manager (Systems Manager User Guide, "SSM Agent communications with AWS managed S3
/// buckets").
const OF_SSM: [&str; 8] = [
    "aws-patchmanager-macos-{region}",
    "aws-ssm-distributor-file-{region}",
    "aws-ssm-document-attachments-{region}",
    "aws-ssm-{region}",
    "aws-windows-downloads-{region}",
    "amazon-ssm-packages-{region}",
    "patch-baseline-snapshot-{region}",
    "{region}-birdwatcher-prod",
];

/// The buckets that one network needs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Buckets {
    /// The buckets of MGN without which a migration fails.
    pub required: Vec<String>,
    /// Further buckets that policies allow.
    pub allowed: Vec<String>,
    /// Whether the class names the buckets of MGN, so that the table does not matter.
    pub of_class: bool,
}

impl Buckets {
    /// Returns the buckets in a Region: those that the class names, or those of the table. `ssm` adds those of AWS Systems
    /// Manager.
    pub fn new(region: &str, of_class: Option<&[String]>, ssm: bool) -> Self {
        let in_region = |name: &str| name.replace("{region}", region);
        let of_table =
            |wanted: bool| TABLE.iter().filter(move |bucket| bucket.listed == wanted).map(|one| in_region(one.name));
        let (required, mut allowed) = match of_class {
            Some(names) => (names.to_vec(), Vec::new()),
            None => (of_table(true).collect(), of_table(false).collect::<Vec<_>>()),
        };
        if ssm {
            allowed.extend(OF_SSM.map(in_region));
        }
        Self { required, allowed, of_class: of_class.is_some() }
    }

    /// Returns all buckets.
    pub fn all(&self) -> impl Iterator<Item = &String> {
        self.required.iter().chain(&self.allowed)
    }
}

/// Whether only replication and conversion servers use a bucket: the repository of their Amazon Linux 2023.
pub fn is_for_replication(bucket: &str) -> bool {
    bucket.starts_with("al2023-repos-")
}

/// Whether AWS documents the names of the buckets in a Region.
pub fn is_documented(region: &str) -> bool {
    !UNDOCUMENTED_REGIONS.contains(&region)
}

/// Whether the table must be compared with AWS's documentation again.
pub fn is_outdated(today: Date) -> bool {
    COMPARED_ON.checked_add(Span::new().days(CURRENT_FOR_DAYS)).is_ok_and(|last| today > last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_repository_of_amazon_linux_is_required_and_old_buckets_are_only_allowed() {
        let buckets = Buckets::new("eu-west-1", None, false);
        assert!(buckets.required.contains(&"al2023-repos-eu-west-1-de612dc2".to_owned()), "{buckets:?}");
        assert_eq!((buckets.required.len(), buckets.allowed.len()), (6, 2));
        assert!(buckets.allowed.contains(&"aws-mgn-clients-eu-west-1".to_owned()), "{buckets:?}");
        assert_eq!(Buckets::new("eu-west-1", None, true).all().count(), 16);
    }

    #[test]
    fn the_names_of_a_class_replace_those_of_the_table() {
        let names = ["aws-mgn-internal-ca-west-1-2590fa22".to_owned()];
        let buckets = Buckets::new("ca-west-1", Some(&names), false);
        assert_eq!((buckets.required.as_slice(), buckets.allowed.len(), buckets.of_class), (&names[..], 0, true));
        assert!(!is_documented("ca-west-1") && is_documented("ap-northeast-1"));
    }

    #[test]
    fn the_table_is_outdated_after_180_days() {
        assert!(!is_outdated(COMPARED_ON));
        assert!(!is_outdated(jiff::civil::date(2027, 5, 28)));
        assert!(is_outdated(jiff::civil::date(2027, 5, 29)));
    }
}
