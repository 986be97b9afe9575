//! The catalog of services: which services a Region offers through VPC endpoints, in which zones, and under which
//! names.
//!
//! Source: AWS PrivateLink guide, "AWS services that integrate with AWS PrivateLink"; S3 User Guide, "AWS PrivateLink for
//! Amazon S3" (names); Systems Manager User Guide, "VPC endpoints" (ec2messages). Zone support is ASSUMED
//! (`ASSUMPTIONS.md`, "Catalogue"), and can be changed by the options of a world.

use serde::{Deserialize, Serialize};

use super::{
    ids::{PrefixListId, ResourceId, hash},
    options::Options,
    zones::{self, Zone},
};

/// The kind of a VPC endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum EndpointType {
    /// The endpoint has network interfaces in subnets.
    Interface,
    /// The endpoint has routes in route tables.
    Gateway,
}

impl EndpointType {
    /// Returns the value in AWS requests and answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Interface => "Interface",
            Self::Gateway => "Gateway",
        }
    }
}

/// A service of a Region for one type of endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Offer {
    /// `com.amazonaws.REGION.NAME`, with another prefix for some services in China.
    pub(crate) service_name: String,
    /// The part of the name after the Region.
    pub(crate) short_name: &'static str,
    /// The endpoint type.
    pub(crate) endpoint_type: EndpointType,
    /// The zones in which interface endpoints can be created.
    pub(crate) zones: Vec<Zone>,
    /// The private DNS names; empty for gateway endpoints, and for services without private DNS.
    pub(crate) private_names: Vec<String>,
    /// Whether the service supports endpoint policies.
    pub(crate) policies: bool,
    /// Whether an owner of the service must accept new endpoints.
    pub(crate) acceptance_required: bool,
    /// The reason why new endpoints fail, if a test requests it.
    pub(crate) fails: Option<String>,
    pub(crate) denied: bool,
}

/// The short names of the services that tests use, and whether each has an interface endpoint and a gateway endpoint.
const SERVICES: &[(&str, bool, bool)] = &[
    ("acm-pca", true, false),
    ("application-autoscaling", true, false),
    ("apprunner.requests", true, false),
    ("athena", true, false),
    ("autoscaling", true, false),
    ("autoscaling-plans", true, false),
    ("backup", true, false),
    ("backup-gateway", true, false),
    ("batch", true, false),
    ("braket", true, false),
    ("clouddirectory", true, false),
    ("cloudformation", true, false),
    ("cloudhsmv2", true, false),
    ("cloudtrail", true, false),
    ("codebuild", true, false),
    ("codecommit", true, false),
    ("codedeploy", true, false),
    ("codepipeline", true, false),
    ("config", true, false),
    ("databrew", true, false),
    ("dataexchange", true, false),
    ("datasync", true, false),
    ("dms", true, false),
    ("drs", true, false),
    ("dynamodb", true, true),
    ("ebs", true, false),
    ("ec2", true, false),
    ("ec2messages", true, false),
    ("ecs", true, false),
    ("elasticache", true, false),
    ("elasticbeanstalk", true, false),
    ("elasticfilesystem", true, false),
    ("elasticloadbalancing", true, false),
    ("elasticmapreduce", true, false),
    ("events", true, false),
    ("evidently", true, false),
    ("fis", true, false),
    ("forecast", true, false),
    ("glue", true, false),
    ("grafana", true, false),
    ("guardduty-data", true, false),
    ("inspector2", true, false),
    ("kendra", true, false),
    ("kms", true, false),
    ("lakeformation", true, false),
    ("lambda", true, false),
    ("license-manager", true, false),
    ("logs", true, false),
    ("mgn", true, false),
    ("monitoring", true, false),
    ("rds", true, false),
    ("rekognition", true, false),
    ("s3", true, true),
    ("secretsmanager", true, false),
    ("securityhub", true, false),
    ("servicecatalog", true, false),
    ("sns", true, false),
    ("sqs", true, false),
    ("ssm", true, false),
    ("ssmmessages", true, false),
    ("states", true, false),
    ("storagegateway", true, false),
    ("sts", true, false),
    ("synthetics", true, false),
    ("textract", true, false),
    ("transcribe", true, false),
    ("transfer", true, false),
    ("translate", true, false),
    ("workspaces", true, false),
    ("xray", true, false),
];

/// The Regions that were launched in 2024 or later and do not have ec2messages.
const WITHOUT_EC2MESSAGES: &[&str] =
    &["ap-east-2", "ap-southeast-5", "ap-southeast-6", "ap-southeast-7", "mx-central-1"];

/// The services without private DNS names and without endpoint policies. Source: an answer of DescribeVpcEndpointServices
/// that cloud-custodian recorded in 2026.
const PLAIN: &[&str] = &["apprunner.requests"];

/// The services of the catalog whose interface endpoints in China have the prefix `cn.com.amazonaws`. Source: aws/aws-cdk,
/// `packages/aws-cdk-lib/aws-ec2/lib/vpc-endpoint.ts` (2026-11), which lists the services of both Regions; gateway
/// endpoints have the usual prefix.
const WITH_PREFIX_OF_CHINA: &[&str] = &[
    "application-autoscaling",
    "athena",
    "autoscaling",
    "backup",
    "batch",
    "cloudformation",
    "databrew",
    "dms",
    "ebs",
    "ec2",
    "elasticache",
    "elasticbeanstalk",
    "elasticfilesystem",
    "lambda",
    "license-manager",
    "monitoring",
    "rds",
    "s3",
    "securityhub",
    "servicecatalog",
    "sqs",
    "states",
    "sts",
    "synthetics",
    "transcribe",
    "transfer",
    "xray",
];

/// The services of the catalog with the prefix `eu.amazonaws` in the European Sovereign Cloud. Source: as for China.
const WITH_PREFIX_OF_EUSC: &[&str] = &["securityhub"];

/// Returns the name of a service in a Region.
fn service_name(short_name: &str, region: &str, endpoint_type: EndpointType) -> String {
    let interface = endpoint_type == EndpointType::Interface;
    let prefix = match zones::partition(region) {
        "aws-cn" if interface && WITH_PREFIX_OF_CHINA.contains(&short_name) => "cn.com.amazonaws",
        "aws-eusc" if interface && WITH_PREFIX_OF_EUSC.contains(&short_name) => "eu.amazonaws",
        _ => "com.amazonaws",
    };
    format!("{prefix}.{region}.{short_name}")
}

/// Returns the domain of the names of a service's interface endpoints. Its labels are in the opposite order of those in the
/// name of the service. Source: the base name of `apprunner.requests` in an answer of DescribeVpcEndpointServices that
/// cloud-custodian recorded in 2026.
pub(crate) fn endpoint_domain(short_name: &str, region: &str) -> String {
    let labels: Vec<&str> = short_name.rsplit('.').collect();
    format!("{}.{region}.vpce.{}", labels.join("."), zones::dns_suffix(region))
}

/// Returns all services that a Region offers, by service name and endpoint type.
pub(crate) fn offers(region: &str, options: &Options) -> Vec<Offer> {
    let mut offers = Vec::new();
    for &(short_name, interface, gateway) in SERVICES {
        if short_name == "ec2messages" && WITHOUT_EC2MESSAGES.contains(&region) {
            continue;
        }
        let rule = options.services.get(&format!("{region}/{short_name}"));
        if rule.is_some_and(|rule| !rule.offered) {
            continue;
        }
        let mut add = |endpoint_type, zones: Vec<Zone>, private_names| {
            offers.push(Offer {
                service_name: service_name(short_name, region, endpoint_type),
                short_name,
                endpoint_type,
                zones,
                private_names,
                policies: !PLAIN.contains(&short_name) && rule.is_none_or(|rule| rule.policies),
                acceptance_required: rule.is_some_and(|rule| rule.acceptance_required),
                fails: rule.and_then(|rule| rule.fails.clone()),
                denied: rule.is_some_and(|rule| rule.denied),
            });
        };
        if gateway {
            add(EndpointType::Gateway, zones::of(region), Vec::new());
        }
        if interface {
            let mut zones = zones::of(region);
            match rule.and_then(|rule| rule.zones.as_ref()) {
                Some(ids) => zones.retain(|zone| ids.contains(&zone.id)),
                None => zones.retain(|zone| has_zone(short_name, &zone.id)),
            }
            let names =
                if rule.is_none_or(|rule| rule.private_dns) { private_names(short_name, region) } else { Vec::new() };
            add(EndpointType::Interface, zones, names);
        }
    }
    offers
}

/// `use1-az3` is the zone that most often lacks a service.
fn has_zone(short_name: &str, zone_id: &str) -> bool {
    !(short_name == "mgn" && zone_id == "use1-az3")
}

/// The names of S3 before the Region.
const S3_NAMES: [&str; 6] =
    ["s3", "s3-accesspoint", "s3-control", "s3.dualstack", "s3-control.dualstack", "s3-accesspoint.dualstack"];

/// Returns the private DNS names of an interface endpoint.
fn private_names(short_name: &str, region: &str) -> Vec<String> {
    let domain = format!("{region}.{}", zones::dns_suffix(region));
    match short_name {
        name if PLAIN.contains(&name) => Vec::new(),
        // Source: S3 User Guide, "AWS PrivateLink for Amazon S3", "Private DNS" (the first name); an answer of
        // DescribeVpcEndpointServices that cloud-custodian recorded in 2026 (the others).
        "s3" => std::iter::once(format!("s3.{domain}"))
            .chain(S3_NAMES.iter().map(|name| format!("*.{name}.{domain}")))
            .collect(),
        name => vec![format!("{name}.{domain}")],
    }
}

/// A prefix list that AWS manages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ManagedPrefixList {
    /// The ID.
    pub(crate) id: PrefixListId,
    /// `com.amazonaws.REGION.NAME`.
    pub(crate) name: String,
    /// The IP ranges; examples, not the real ones.
    pub(crate) cidrs: Vec<String>,
}

/// Returns the prefix lists of a Region: one for each service with a gateway endpoint.
pub(crate) fn prefix_lists(region: &str) -> Vec<ManagedPrefixList> {
    let gateways = SERVICES.iter().filter(|(_, _, gateway)| *gateway);
    let mut lists: Vec<ManagedPrefixList> =
        gateways.map(|(short_name, _, _)| prefix_list(region, short_name)).collect();
    lists.sort_by(|a, b| a.id.cmp(&b.id));
    lists
}

/// Returns the prefix list to which a gateway endpoint of a service routes.
pub(crate) fn prefix_list(region: &str, short_name: &str) -> ManagedPrefixList {
    let name = format!("com.amazonaws.{region}.{short_name}");
    let number = hash(&name) & 0xffff_ffff;
    let octet = number & 0xff;
    ManagedPrefixList {
        id: PrefixListId::from_text(format!("pl-{number:08x}")),
        name,
        cidrs: vec![format!("52.219.{octet}.0/24"), format!("3.5.{octet}.0/24")],
    }
}
