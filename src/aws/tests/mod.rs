//! Tests of the requests on the wire and of the handling of answers. The answers are written by hand, because no
//! emulator of AWS would return them. `tests/aws` tests the calls together, against emulators of AWS.

mod answers;
mod failures;
mod identity;
mod recorded;
mod requests;

use aws_config::{BehaviorVersion, Region};
use aws_sdk_ec2::config::Credentials;

use crate::aws::{Account, AwsClouds, Rates};

const ACCOUNT: &str = "111111111111";

fn account() -> Account {
    Account { id: ACCOUNT.to_owned(), region: "eu-west-1".to_owned(), role: None }
}

async fn clouds(endpoint: &str) -> AwsClouds {
    let credentials = Credentials::new("key", "secret", None, None, "test");
    let config = aws_config::defaults(BehaviorVersion::v2026_01_12())
        .region(Region::new("us-east-1"))
        .endpoint_url(endpoint)
        .credentials_provider(credentials);
    AwsClouds::new(&config.load().await, Rates { factor: 1000.0 })
}
