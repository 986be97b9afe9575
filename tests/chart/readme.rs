//! The table of values in the chart's README, which this test writes with `MGNET_WRITE_DOCS=1`.

use std::{env, fmt::Write as _, fs};

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::{
    CHART, in_repository, text,
    values::{Documented, documented},
};

const BEGIN: &str = "<!-- values: written by `make generate` from values.yaml -->\n";
const END: &str = "<!-- end of values -->\n";

/// The longest default that the table contains.
const LONGEST_DEFAULT: usize = 60;

fn table() -> Result<String> {
    let mut rows = "| value | default | meaning |\n|---|---|---|\n".to_owned();
    for Documented { path, default, description } in documented()? {
        let default = match &default {
            Value::String(text) if text.is_empty() => "`\"\"`".to_owned(),
            Value::String(text) => format!("`{text}`"),
            other => format!("`{other}`"),
        };
        let default = if default.len() > LONGEST_DEFAULT { "see values.yaml".to_owned() } else { default };
        writeln!(rows, "| `{}` | {default} | {description} |", path.join("."))?;
    }
    Ok(rows)
}

#[test]
fn the_readme_lists_all_values() -> Result<()> {
    let path = format!("{CHART}/README.md");
    let page = text(&path)?;
    let (before, rest) = page.split_once(BEGIN).context("README.md has no begin of the values")?;
    let (_, after) = rest.split_once(END).context("README.md has no end of the values")?;
    let expected = format!("{before}{BEGIN}\n{}\n{END}{after}", table()?);
    if env::var_os("MGNET_WRITE_DOCS").is_some() {
        fs::write(in_repository(&path), &expected)?;
        return Ok(());
    }
    assert_eq!(page, expected, "run `make generate`");
    Ok(())
}
