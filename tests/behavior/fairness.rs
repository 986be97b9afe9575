//! Whose turn it is, when there are more networks than the operator can look at in time.

use std::collections::BTreeMap;

use anyhow::Result;
use mgnet::api::VpcSelector;
use support::{Fault, FaultKind, Lab, LabOptions, OperatorOptions, Site};

use support::waiting::until;

/// As many as twelve times a second one of them is due, and five a second are looked at.
const NETWORKS: usize = 12;
const ROUNDS: usize = 5;

/// How often each network was looked at. Each names a VPC of its own, which does not exist, so that its calls are known.
async fn looks(site: &Site) -> Result<BTreeMap<String, usize>> {
    let mut looks: BTreeMap<String, usize> = (0..NETWORKS).map(|number| (vpc(number), 0)).collect();
    for call in site.calls().await?.iter().filter(|call| call.action == "DescribeVpcs") {
        let asked = call.parameters["Filter"]["1"]["Value"]["1"].as_str().unwrap_or_default();
        looks.entry(asked.to_owned()).and_modify(|count| *count += 1);
    }
    Ok(looks)
}

fn vpc(number: usize) -> String {
    format!("vpc-0123456789abcde{number:02x}")
}

#[tokio::test]
async fn every_network_has_its_turn_however_busy_the_operator_is() -> Result<()> {
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
    lab.world().order(&slow).await?;
    for number in 0..NETWORKS {
        let network = site.network(&format!("network-{number}"));
        network.with(|spec| spec.vpc = Some(VpcSelector { id: Some(vpc(number)), tags: None })).apply().await?;
    }
    until("five times as many looks as there are networks", async || {
        let total: usize = looks(&site).await?.values().sum();
        Ok(if total >= ROUNDS * NETWORKS { Ok(()) } else { Err(total.to_string()) })
    })
    .await?;
    let looks = looks(&site).await?;
    assert!(looks.values().all(|count| *count > ROUNDS / 2), "some wait while others have turn after turn: {looks:#?}");
    Ok(())
}
