//! The chart has no copies: CRDs, rules, dashboard and admission policy are links to the files that kustomize installs.

use std::fs;

use anyhow::{Result, ensure};
use serde_json::Value;

use crate::{CHART, in_repository, text};

#[test]
fn the_chart_links_to_the_only_source_of_its_files() -> Result<()> {
    for (link, source) in [("crds", "crds"), ("monitoring", "deploy/monitoring"), ("admission", "deploy/admission")] {
        let path = in_repository(CHART).join("files").join(link);
        ensure!(fs::symlink_metadata(&path)?.is_symlink(), "'{}' must be a link", path.display());
        assert_eq!(fs::canonicalize(&path)?, fs::canonicalize(in_repository(source))?);
    }
    Ok(())
}

#[test]
fn the_chart_has_the_version_of_the_operator() -> Result<()> {
    let chart: Value = serde_saphyr::from_str(&text(&format!("{CHART}/Chart.yaml"))?)?;
    for field in ["version", "appVersion"] {
        assert_eq!(chart[field], env!("CARGO_PKG_VERSION"), "{field}");
    }
    Ok(())
}
