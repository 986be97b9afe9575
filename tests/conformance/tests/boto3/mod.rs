//! Tests the emulator with boto3.

use std::process::Command;

use emulator::{Server, ServerOptions};
use serde_json::Value;

use crate::python::{folder, python, run};

const ACCOUNT: &str = "111111111111";
const TOKYO: &str = "ap-northeast-1";

fn demo_vpc(url: &str) -> Value {
    // The client gets no environment variables of the machine, because its proxies and CA bundles do not apply to the
    // loopback interface.
    let printed = run(Command::new(python("boto3"))
        .arg(folder("boto3").join("demo_vpc.py"))
        .env_clear()
        .env("AWS_ENDPOINT_URL", url)
        .env("AWS_ACCESS_KEY_ID", ACCOUNT)
        .env("AWS_SECRET_ACCESS_KEY", "secret")
        .env("AWS_EC2_METADATA_DISABLED", "true"));
    serde_json::from_str(&printed).expect("JSON")
}

/// Source: botocore's model of EC2, which AWS maintains.
#[tokio::test]
async fn boto3_creates_the_vpc_of_the_demonstration() {
    let server = Server::start(ServerOptions::default()).await.expect("the server starts");
    let url = server.url().to_owned();
    let created = tokio::task::spawn_blocking(move || demo_vpc(&url)).await.expect("the script runs");
    let state = server.with_world(|world| world.state(ACCOUNT, TOKYO));

    let vpc = &state.vpcs[0];
    assert_eq!(created["vpc"], vpc.id.to_string());
    assert_eq!(vpc.cidrs, ["10.20.0.0/16"]);
    assert!(vpc.dns_support && vpc.dns_hostnames);
    assert_eq!(vpc.tags["Name"], "migration-landing");

    let mut uses: Vec<(&str, &str)> =
        state.subnets.iter().map(|subnet| (subnet.tags["mgnet-role"].as_str(), subnet.zone_id.as_str())).collect();
    uses.sort_unstable();
    let expected =
        [("endpoints", "apne1-az1"), ("endpoints", "apne1-az4"), ("launch", "apne1-az4"), ("staging", "apne1-az4")];
    assert_eq!(uses, expected);
    let associated = state.route_tables.iter().filter(|table| !table.main && table.subnets.len() == 1).count();
    assert_eq!(associated, 2);
    let refused = server.calls(None, 0).into_iter().filter(|call| call.outcome != "ok").count();
    assert_eq!(refused, 0);
}
