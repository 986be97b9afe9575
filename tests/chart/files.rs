//! The files that the chart shares with kustomize: CRDs, rules, dashboard and admission policy. Helm reads only files in the
//! chart, and the archives of Flux omit links, so the chart has copies, which this test writes with `MGNET_WRITE_DOCS=1`.

use std::{collections::BTreeSet, env, fs, path::Path};

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::{CHART, in_repository, text};

/// The copies, each with its source.
const COPIES: [(&str, &str); 5] = [
    ("files/crds/mgnet.dev_migrationnetworkclasses.yaml", "crds/mgnet.dev_migrationnetworkclasses.yaml"),
    ("files/crds/mgnet.dev_migrationnetworks.yaml", "crds/mgnet.dev_migrationnetworks.yaml"),
    ("files/monitoring/prometheus-rule.yaml", "deploy/monitoring/prometheus-rule.yaml"),
    ("files/monitoring/dashboard.json", "deploy/monitoring/dashboard.json"),
    ("files/admission/class-limits.yaml", "deploy/admission/class-limits.yaml"),
];

/// Returns all files below a folder, relative to the chart.
fn below(folder: &Path, root: &Path) -> Result<BTreeSet<String>> {
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(below(&path, root)?);
        } else {
            found.insert(path.strip_prefix(root)?.display().to_string());
        }
    }
    Ok(found)
}

#[test]
fn the_chart_has_copies_of_the_files_that_kustomize_installs() -> Result<()> {
    let root = in_repository(CHART);
    if env::var_os("MGNET_WRITE_DOCS").is_some() {
        for (copy, source) in COPIES {
            fs::copy(in_repository(source), root.join(copy)).with_context(|| format!("cannot write '{copy}'"))?;
        }
    }
    for (copy, source) in COPIES {
        assert!(
            text(&format!("{CHART}/{copy}"))? == text(source)?,
            "'{copy}' differs from '{source}': run `make generate`"
        );
    }
    assert_eq!(below(&root.join("files"), &root)?, COPIES.map(|(copy, _)| copy.to_owned()).into());
    // A new CRD must be in the chart, too.
    let crds = below(&in_repository("crds"), &in_repository("."))?;
    let known: BTreeSet<String> = COPIES.map(|(_, source)| source.to_owned()).into();
    assert_eq!(crds.difference(&known).collect::<Vec<_>>(), ["crds/kustomization.yaml"]);
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
