//! Fairness: every network is observed, even if there are more networks than the operator can observe in time.

use std::collections::BTreeMap;

use anyhow::Result;
use mgnet::api::VpcSelector;
use support::{Fault, FaultKind, Lab, LabOptions, OperatorOptions, Site};

use support::waiting::until;

/// A network is due twelve times a second, but the operator observes only five networks a second.
const NETWORKS: usize = 12;
const ROUNDS: usize = 5;

/// Returns how often each network was observed. Each network names its own VPC, which does not exist, so that its calls
/// can be identified.
async fn observations(site: &Site) -> Result<BTreeMap<String, usize>> {
    let mut counts: BTreeMap<String, usize> = (0..NETWORKS).map(|number| (vpc(number), 0)).collect();
    for call in site.calls().await?.iter().filter(|call| call.action == "DescribeVpcs") {
        let requested = call.parameters["Filter"]["1"]["Value"]["1"].as_str().unwrap_or_default();
        counts.entry(requested.to_owned()).and_modify(|count| *count += 1);
    }
    Ok(counts)
}

fn vpc(number: usize) -> String {
    format!("vpc-0123456789abcde{number:02x}")
}

#[tokio::test]
async fn every_network_is_observed_although_the_operator_is_overloaded() -> Result<()> {
    let operator =
        OperatorOptions { concurrency: 1, resync_seconds: 1, aws_rate_factor: 60, ..OperatorOptions::default() };
    let lab = Lab::own(LabOptions { operator, ..LabOptions::default() }).await?;
    let site = lab.site("busy").await?;
    let slow = Fault {
        account: Some(site.account.clone()),
        times: 10_000,
        seconds: 0.2,
        ..Fault::next(FaultKind::DelaySeconds, "DescribeVpcs")
    };
    lab.control().order(&slow).await?;
    for number in 0..NETWORKS {
        let network = site.network(&format!("network-{number}"));
        network.with(|spec| spec.vpc = Some(VpcSelector { id: Some(vpc(number)), tags: None })).apply().await?;
    }
    until("five times as many observations as there are networks", async || {
        let total: usize = observations(&site).await?.values().sum();
        Ok(if total >= ROUNDS * NETWORKS { Ok(()) } else { Err(total.to_string()) })
    })
    .await?;
    let counts = observations(&site).await?;
    assert!(counts.values().all(|count| *count > ROUNDS / 2), "some networks wait for others: {counts:#?}");
    Ok(())
}
