//! The requests that a migration sends through each endpoint, and the preset policy that allows only these.
//!
//! Sources: MGN User Guide, "Network requirements" (the buckets, and that they are read without credentials of the account)
//! and "Installing the agent on a secured network" (`CreateSessionForMgn`); AWS managed policies
//! `AWSApplicationMigrationAgentInstallationPolicy`, `AWSApplicationMigrationAgentPolicy_v2`,
//! `AWSApplicationMigrationReplicationServerPolicy` and `AWSApplicationMigrationConversionServerPolicy`; Systems Manager User
//! Guide, "SSM Agent communications with AWS managed S3 buckets"; MGN User Guide, "Create roles manually" (the policies of the
//! MGN connector's roles).

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::Policy;
use crate::model::{
    ids::join,
    mgn_buckets::Buckets,
    slot::{EndpointKey, Service},
};

/// One request of a client of a migration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The IAM action, such as `s3:GetObject`.
    pub action: &'static str,
    /// The ARN of the resource. `*` if it is not known here.
    pub resource: String,
    /// The bucket, for requests to S3.
    bucket: Option<String>,
}

/// Returns requests in words: `mgn:SendClientLogsForMgn`, or `s3:GetObject` with the buckets.
pub fn in_words(requests: &[Request]) -> String {
    let buckets: Vec<String> =
        requests.iter().filter_map(|request| request.bucket.as_ref()).map(|bucket| format!("'{bucket}'")).collect();
    let actions: BTreeSet<&str> = requests.iter().map(|request| request.action).collect();
    let actions = join(actions);
    if buckets.is_empty() { actions } else { format!("{actions} on {}", buckets.join(", ")) }
}

/// The requests of source, replication and conversion servers to MGN: one of each kind that AWS's managed policies name.
const TO_MGN: [&str; 8] = [
    "mgn:BatchCreateVolumeSnapshotGroupForMgn",
    "mgn:DescribeReplicationServerAssociationsForMgn",
    "mgn:GetAgentInstallationAssetsForMgn",
    "mgn:GetChannelCommandsForMgn",
    "mgn:NotifyAgentAuthenticationForMgn",
    "mgn:RegisterAgentForMgn",
    "mgn:SendAgentMetricsForMgn",
    "mgn:SendClientLogsForMgn",
];

/// The requests of replication and conversion servers to EC2.
const TO_EC2: [&str; 4] = ["ec2:CreateSnapshot", "ec2:CreateTags", "ec2:DescribeInstances", "ec2:DescribeSnapshots"];

/// Where endpoint policies apply: the endpoint, the Region, and the buckets.
#[derive(Clone, Copy, Debug)]
pub struct Scope<'a> {
    /// The endpoint.
    pub key: EndpointKey,
    /// The Region.
    pub region: &'a str,
    /// The buckets that the network needs.
    pub buckets: &'a Buckets,
}

/// Returns the requests without which a migration fails. Empty for a service whose needs are unknown here.
pub fn requests(scope: Scope<'_>) -> Vec<Request> {
    let Scope { key, region, buckets } = scope;
    let to = |actions: &[&'static str]| {
        actions.iter().map(|action| Request { action, resource: "*".to_owned(), bucket: None }).collect()
    };
    match key.service {
        Service::Mgn => {
            let session = Request { action: "execute-api:Invoke", resource: session_arn(region), bucket: None };
            let mut all: Vec<Request> = to(&TO_MGN);
            all.push(session);
            all
        }
        Service::S3 => buckets
            .required
            .iter()
            .map(|bucket| Request {
                action: "s3:GetObject",
                resource: objects_arn(region, bucket),
                bucket: Some(bucket.clone()),
            })
            .collect(),
        Service::Ec2 => to(&TO_EC2),
        Service::Ssm => to(&["ssm:UpdateInstanceInformation"]),
        Service::SsmMessages => to(&["ssmmessages:CreateControlChannel"]),
        Service::Ec2Messages => to(&["ec2messages:GetMessages"]),
        Service::SecretsManager => to(&["secretsmanager:GetSecretValue"]),
        Service::Sts => to(&["sts:AssumeRole"]),
        Service::Other(_) => Vec::new(),
    }
}

/// Returns the policy that allows only what the MGN agent, replication and conversion servers, and AWS Systems Manager need
/// of an endpoint. The needs of other services are unknown here, so their endpoints get full access.
pub fn mgn_only(scope: Scope<'_>) -> Policy {
    let Scope { key, region, buckets } = scope;
    let allow = |actions: &[&str], resources: &[String]| -> Value {
        json!({ "Effect": "Allow", "Principal": "*", "Action": actions, "Resource": resources })
    };
    let everything = ["*".to_owned()];
    let statements = match key.service {
        Service::Mgn => {
            vec![allow(&["mgn:*"], &everything), allow(&["execute-api:Invoke"], &[session_arn(region)])]
        }
        Service::S3 => {
            let objects: Vec<String> = buckets.all().map(|bucket| objects_arn(region, bucket)).collect();
            vec![allow(&["s3:GetObject"], &objects)]
        }
        Service::Ec2 => vec![allow(&TO_EC2, &everything)],
        Service::Ssm => vec![allow(&["ssm:*"], &everything)],
        Service::SsmMessages => vec![allow(&["ssmmessages:*"], &everything)],
        Service::Ec2Messages => vec![allow(&["ec2messages:*"], &everything)],
        // With private DNS and forwarders, all clients in the VPC and on-premises use these endpoints.
        Service::SecretsManager | Service::Sts | Service::Other(_) => return Policy::FullAccess,
    };
    let document = json!({ "Version": "2012-10-17", "Statement": statements });
    Policy::of(&document).unwrap_or_default()
}

fn session_arn(region: &str) -> String {
    format!("arn:{}:execute-api:{region}:*:*/POST/CreateSessionForMgn", partition(region))
}

fn objects_arn(region: &str, bucket: &str) -> String {
    format!("arn:{}:s3:::{bucket}/*", partition(region))
}

/// Returns the partition of a Region as it appears in ARNs (AWS General Reference, "ARNs"; botocore `partitions.json`).
pub fn partition(region: &str) -> &'static str {
    if region.starts_with("cn-") {
        "aws-cn"
    } else if region.starts_with("us-gov-") {
        "aws-us-gov"
    } else if region.starts_with("eusc-") {
        "aws-eusc"
    } else {
        "aws"
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::policy::Answer;

    #[test]
    fn the_preset_allows_all_requests_of_a_migration_and_no_other_bucket() {
        for region in ["eu-west-1", "cn-north-1", "us-gov-west-1", "eusc-de-east-1"] {
            let buckets = Buckets::new(region, None, true);
            for key in EndpointKey::standard() {
                let scope = Scope { key, region, buckets: &buckets };
                let (policy, requests) = (mgn_only(scope), requests(scope));
                assert!(!requests.is_empty(), "{key}");
                for request in requests {
                    assert_eq!(policy.answer(request.action, &request.resource), Answer::Allowed, "{key}: {request:?}");
                }
                let other = objects_arn(region, "another");
                assert_eq!(policy.answer("s3:GetObject", &other), Answer::Denied, "{key}");
                assert_eq!(policy.answer("s3:PutObject", &objects_arn(region, &buckets.required[0])), Answer::Denied);
            }
        }
    }
}
