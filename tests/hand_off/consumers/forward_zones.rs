//! The models of Infoblox's own SDK read the rows for NIOS.

use anyhow::Result;
use mgnet::hand_off::{Action, Format};
use serde_json::{Value, json};

use super::{forwarders, python, rendered};

#[test]
fn the_models_of_infoblox_read_the_forward_zones() -> Result<()> {
    let rows = rendered(Format::InfobloxCsv, Action::Add)?;
    let zones: Vec<Value> = serde_json::from_str(&python("forward_zones.py", &rows)?)?;
    let expected = forwarders()?.into_iter().map(|(domain, targets)| {
        let targets: Vec<String> = targets.iter().map(|target| format!("{target}/{target}")).collect();
        (json!(domain), json!(targets.join(",")), json!("FORWARD"), json!(true), json!("default"))
    });
    let read = zones.iter().map(|zone| {
        let field = |name: &str| zone[name].clone();
        (field("fqdn"), field("forward_to"), field("zone_format"), field("forwarders_only"), field("view"))
    });
    assert_eq!(read.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
    Ok(())
}

#[test]
fn a_column_that_infoblox_does_not_know_is_found() -> Result<()> {
    let rows = rendered(Format::InfobloxCsv, Action::Add)?.replacen("forwarders_only", "forward_only", 1);
    let error = python("forward_zones.py", &rows).expect_err("there is no such column").to_string();
    assert!(error.contains("forward_only"), "{error}");
    Ok(())
}
