//! The objects of the tests, and the command that draws them.

use std::{fs, path::PathBuf, process::Command};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tempfile::TempDir;

/// The objects in this folder, which the operator wrote.
pub(crate) const NAMES: [&str; 5] = ["tokyo", "creating", "refused", "planned", "existing"];

/// Returns the path of an object.
pub(crate) fn path(name: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/graph")).join(format!("{name}.yaml"))
}

/// Draws the object in a file.
pub(crate) fn draw(file: &std::path::Path, format: &str) -> Result<String> {
    let output = Command::new(env!("CARGO_BIN_EXE_mgnet"))
        .args(["graph", "--output", format, "--file"])
        .arg(file)
        .output()
        .context("cannot run mgnet")?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?)
}

/// Draws an object.
pub(crate) fn draw_object(object: &Value, format: &str) -> Result<String> {
    let folder = TempDir::new()?;
    let file = folder.path().join("network.json");
    fs::write(&file, object.to_string())?;
    draw(&file, format)
}

/// Returns an object as JSON.
pub(crate) fn object(name: &str) -> Result<Value> {
    Ok(serde_saphyr::from_str(&fs::read_to_string(path(name))?)?)
}

/// Returns a network with 6 subnets for each use, 24 further endpoints in all states, and texts in several scripts.
pub(crate) fn large() -> Result<Value> {
    let mut object = object("tokyo")?;
    let ids = |kind: &str| (0..6).map(|number| format!("subnet-{kind}{number:015}")).collect::<Vec<_>>();
    object["status"]["settings"]["subnets"] =
        json!({ "endpoints": ids("ee"), "staging": ids("ab"), "launch": ids("cd") });
    let endpoints = object["status"]["endpoints"].as_array_mut().context("no endpoints")?;
    for number in 0..24 {
        let interfaces: Vec<Value> = ids("ee")
            .iter()
            .enumerate()
            .map(|(index, subnet)| {
                json!({
                    "id": format!("eni-{number:08}{index:09}"), "subnetID": subnet, "availabilityZoneID": format!("apne1-az{index}"),
                    "ip": format!("10.120.{}.{}", 100 + index, 100 + number),
                })
            })
            .collect();
        let service = ["東京のサービス".repeat(6), format!("WWWW-{number}"), "service".to_owned()][number % 3].clone();
        let state = ["Available", "Pending", "failed", "Deleted"][number % 4];
        let origin = ["Created", "Adopted", "Existing"][number % 3];
        endpoints.push(json!({
            "service": format!("{service}-{number}"), "type": "Interface", "id": format!("vpce-{number:017}"),
            "state": state, "origin": origin, "networkInterfaces": interfaces,
        }));
    }
    Ok(object)
}
