//! The Grafana dashboard: the conventions of Grafana's dashboard-linter, as far as they apply to one dashboard.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::{text, unknown_metrics};

/// Returns the dashboard.
pub(crate) fn dashboard() -> Result<Value> {
    serde_json::from_str(&text("deploy/monitoring/dashboard.json")?).context("the dashboard is not JSON")
}

/// Returns the title and the expressions of each panel.
pub(crate) fn panels(dashboard: &Value) -> Result<Vec<(String, Vec<String>)>> {
    let panels = dashboard["panels"].as_array().context("the dashboard has no panels")?;
    let expressions = |panel: &Value| -> Result<Vec<String>> {
        let targets = panel["targets"].as_array().context("the panel has no targets")?;
        let one = |target: &Value| target["expr"].as_str().map(str::to_owned).context("the target has no expression");
        targets.iter().map(one).collect()
    };
    panels
        .iter()
        .map(|panel| Ok((panel["title"].as_str().unwrap_or_default().to_owned(), expressions(panel)?)))
        .collect()
}

#[test]
fn the_dashboard_can_be_installed_anywhere() -> Result<()> {
    let dashboard = dashboard()?;
    assert_eq!(dashboard["uid"], "mgnet");
    ensure!(dashboard.get("id").is_none() && dashboard.get("__inputs").is_none(), "it is bound to one Grafana");
    assert_eq!(dashboard["editable"], false);
    let variables: Vec<&str> = dashboard["templating"]["list"]
        .as_array()
        .context("no variables")?
        .iter()
        .filter_map(|one| one["name"].as_str())
        .collect();
    assert_eq!(variables, ["datasource", "job", "namespace"]);
    Ok(())
}

#[test]
fn each_panel_is_described_and_selects_the_data_source_and_the_job() -> Result<()> {
    let dashboard = dashboard()?;
    let mut ids = BTreeSet::new();
    for panel in dashboard["panels"].as_array().context("no panels")? {
        let title = panel["title"].as_str().unwrap_or_default();
        ensure!(!title.is_empty() && panel["description"].as_str().is_some_and(|text| text.ends_with('.')), "{panel}");
        ensure!(panel["fieldConfig"]["defaults"]["unit"].is_string(), "{title} has no unit");
        ensure!(ids.insert(panel["id"].as_u64()), "{title} has the ID of another panel");
        for place in [panel, &panel["targets"][0]] {
            assert_eq!(place["datasource"]["uid"], "${datasource}", "{title}");
        }
    }
    for (title, expressions) in panels(&dashboard)? {
        for expression in expressions {
            assert_eq!(unknown_metrics(&expression)?, Vec::<String>::new(), "{title}");
            ensure!(expression.contains(r#"job=~"$job""#), "{title} reads other jobs: {expression}");
            let is_range = expression.contains("rate(") || expression.contains("increase(");
            let has_range = expression.contains("[$__rate_interval]") || expression.contains("[1h]");
            ensure!(!is_range || has_range, "{title}: {expression}");
        }
    }
    Ok(())
}
