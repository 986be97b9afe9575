//! Clients of AWS for a test in the role of a person who creates, reads or breaks resources.

use aws_sdk_ec2::config::{BehaviorVersion, Credentials, Region};
use aws_smithy_runtime_api::client::http::SharedHttpClient;

/// The SDK's clients with keys of one account, in one Region. They belong to the runtime in which they were created.
#[derive(Clone, Debug)]
pub struct Aws {
    /// EC2.
    pub ec2: aws_sdk_ec2::Client,
    /// Application Migration Service.
    pub mgn: aws_sdk_mgn::Client,
    /// Route 53.
    pub route53: aws_sdk_route53::Client,
    /// Route 53 Resolver.
    pub resolver: aws_sdk_route53resolver::Client,
}

impl Aws {
    /// Creates clients that read nothing from the environment: no credentials, no certificates and no proxies.
    pub(crate) fn new(http: SharedHttpClient, endpoint: &str, account: &str, region: &str) -> Self {
        let credentials = Credentials::new(account, "secret", None, None, "lab");
        let region = Region::new(region.to_owned());
        let ec2 = aws_sdk_ec2::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .http_client(http.clone())
            .endpoint_url(endpoint)
            .region(region.clone())
            .credentials_provider(credentials.clone())
            .build();
        let mgn = aws_sdk_mgn::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .http_client(http.clone())
            .endpoint_url(endpoint)
            .region(region.clone())
            .credentials_provider(credentials.clone())
            .build();
        let route53 = aws_sdk_route53::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .http_client(http.clone())
            .endpoint_url(endpoint)
            .region(region.clone())
            .credentials_provider(credentials.clone())
            .build();
        let resolver = aws_sdk_route53resolver::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .http_client(http)
            .endpoint_url(endpoint)
            .region(region)
            .credentials_provider(credentials)
            .build();
        Self {
            ec2: aws_sdk_ec2::Client::from_conf(ec2),
            mgn: aws_sdk_mgn::Client::from_conf(mgn),
            route53: aws_sdk_route53::Client::from_conf(route53),
            resolver: aws_sdk_route53resolver::Client::from_conf(resolver),
        }
    }
}
