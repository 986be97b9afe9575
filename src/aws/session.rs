//! The SDK clients of one account, Region and role, and the caller that sends all their requests. The files of the
//! resource kinds build the requests.

use aws_config::{SdkConfig, retry::RetryConfig};

use super::{
    Account,
    request::{Caller, truncated_xml::RefuseTruncatedXml},
};

/// Clients that share credentials, Region and request rates.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) ec2: aws_sdk_ec2::Client,
    pub(super) mgn: aws_sdk_mgn::Client,
    pub(super) resolver: aws_sdk_route53resolver::Client,
    pub(super) route53: aws_sdk_route53::Client,
    /// The 12 digits of the account.
    pub(super) account: String,
    pub(super) region: String,
    pub(super) caller: Caller,
}

impl Session {
    /// Creates the session of the account and Region for which the configuration has credentials.
    pub(super) fn new(config: &SdkConfig, account: &Account, caller: Caller) -> Self {
        // `Caller` decides which requests are retried; two layers of retries would multiply.
        let config = config.to_builder().retry_config(RetryConfig::disabled()).build();
        Self {
            ec2: aws_sdk_ec2::Client::from_conf(
                aws_sdk_ec2::config::Builder::from(&config).interceptor(RefuseTruncatedXml).build(),
            ),
            mgn: aws_sdk_mgn::Client::new(&config),
            resolver: aws_sdk_route53resolver::Client::new(&config),
            route53: aws_sdk_route53::Client::from_conf(
                aws_sdk_route53::config::Builder::from(&config).interceptor(RefuseTruncatedXml).build(),
            ),
            account: account.id.clone(),
            region: account.region.clone(),
            caller,
        }
    }
}
