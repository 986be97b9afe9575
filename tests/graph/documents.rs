//! The picture in the documents, and the command.

use std::fs;

use anyhow::{Result, ensure};
use tempfile::TempDir;

use crate::objects::{NAMES, draw, path};

/// The picture in the README, which `mgnet graph --file tests/graph/tokyo.yaml` draws.
const PICTURE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/images/tokyo.svg");

#[test]
fn the_picture_in_the_documents_is_current() -> Result<()> {
    let drawn = draw(&path("tokyo"), "svg")?;
    if std::env::var_os("MGNET_WRITE_DOCS").is_some() {
        fs::write(PICTURE, &drawn)?;
    }
    let current = fs::read_to_string(PICTURE)?;
    ensure!(current == drawn, "docs/images/tokyo.svg is out of date; write it with `make generate`");
    Ok(())
}

#[test]
fn a_file_with_several_networks_is_refused() -> Result<()> {
    let folder = TempDir::new()?;
    let file = folder.path().join("networks.yaml");
    let text = fs::read_to_string(path("tokyo"))?;
    fs::write(&file, format!("{text}---\n{text}"))?;
    let error = draw(&file, "svg").expect_err("a picture shows one network").to_string();
    ensure!(error.contains("the file contains 2"), "{error}");
    Ok(())
}

#[test]
fn the_command_draws_the_same_picture_again() -> Result<()> {
    for name in NAMES {
        for format in ["svg", "mermaid"] {
            assert_eq!(draw(&path(name), format)?, draw(&path(name), format)?, "{name}");
        }
    }
    Ok(())
}
