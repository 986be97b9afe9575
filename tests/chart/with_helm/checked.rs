//! What checks the chart without a cluster: the linter, unit tests, the schema of values, and kube-score.

use std::{collections::BTreeSet, fs};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use support::target_folder;

use super::tools::{Helm, run_tool, value_files};
use crate::CHART;

#[test]
fn helm_lint_finds_nothing() -> Result<()> {
    for helm in [Helm::v3()?, Helm::v4()?] {
        for file in value_files()?.iter().map(String::as_str).chain(["--set=replicaCount=2"]) {
            let found = helm.run(["lint", "--strict", CHART, file])?;
            ensure!(!found.contains("[WARNING]") && !found.contains("[ERROR]"), "{found}");
        }
    }
    Ok(())
}

#[test]
fn the_unit_tests_of_the_chart_pass() -> Result<()> {
    let report = run_tool("helm", "helm-unittest", &["--strict", CHART])?;
    let tests = report.lines().find_map(|line| line.strip_prefix("Tests:")).context("no tests ran")?;
    ensure!(tests.contains("passed") && !tests.trim().starts_with("0 passed"), "{report}");
    Ok(())
}

#[test]
fn wrong_values_are_rejected_with_their_names() -> Result<()> {
    let helm = Helm::v4()?;
    for (value, words) in [
        ("replicacount=3", "additional properties 'replicacount' not allowed"),
        ("replicaCount=-1", "at '/replicaCount': minimum: got -1, want 0"),
        ("image.digest=latest", "at '/image/digest'"),
        ("image.registry=example.com", "at '/image': additional properties 'registry' not allowed"),
        ("logFormat=xml", "value must be one of 'json', 'text'"),
        ("extraEnv[0].name=POD_NAME,extraEnv[0].value=x", "at '/extraEnv/0/name': 'not' failed"),
        ("extraEnv[0].name=POD_NAMESPACE,extraEnv[0].value=x", "at '/extraEnv/0/name': 'not' failed"),
        ("metrics.podmonitor.enabled=true", "at '/metrics': additional properties 'podmonitor' not allowed"),
        ("crds.keep=yes", "at '/crds/keep': got string, want boolean"),
        ("podDisruptionBudget.minAvailable=half", "at '/podDisruptionBudget/minAvailable'"),
        ("aws.region=tokyo", "at '/aws/region'"),
        ("leaderElection.enabled=false", "`leaderElection.enabled` must be true for more than one replica"),
    ] {
        let refusal = helm.template(&["--set", value]).err().with_context(|| format!("'{value}' is accepted"))?;
        ensure!(format!("{refusal:#}").contains(words), "{value}: {refusal:#}");
    }
    // Values that Helm passes to charts within others, and null, which removes a default.
    for value in ["global.team=a", "enabled=true", "resources.limits=null", "podDisruptionBudget.minAvailable=50%"] {
        helm.template(&["--set", value]).with_context(|| format!("'{value}' is rejected"))?;
    }
    Ok(())
}

/// The checks of kube-score that the chart does not pass, with the reason.
const EXCEPTIONS: [(&str, &str); 5] = [
    (
        "container-image-pull-policy",
        "releases have fixed tags, so pulling each time only adds a dependency on the registry",
    ),
    ("container-resources", "a CPU limit would only slow the operator down, and none of its work is unbounded"),
    (
        "container-ephemeral-storage-request-and-limit",
        "the operator writes no files, and a limit would evict it for its log",
    ),
    ("container-security-context-user-group-id", "the image sets the user, so that OpenShift can replace it"),
    ("deployment-has-host-podantiaffinity", "topology spread constraints do the same, and also spread over zones"),
];

#[test]
fn kube_score_finds_only_what_has_a_reason() -> Result<()> {
    let file = target_folder().join("kube-score.yaml");
    fs::write(&file, Helm::v4()?.template(&["--set=networkPolicy.enabled=true,crds.enabled=false"])?)?;
    let file = file.display().to_string();
    let arguments = ["score", "--output-format=json", "--exit-one-on-warning=false", &file];
    // It fails if a check does.
    let report = match run_tool("kube-score", "kube-score", &arguments) {
        Ok(report) => report,
        Err(error) => {
            let text = format!("{error:#}");
            let begin = text.find("[\n").or_else(|| text.find("[{")).with_context(|| text.clone())?;
            text[begin..].to_owned()
        }
    };
    let report: Value = serde_json::from_str(report.trim()).context("kube-score wrote no JSON")?;
    let checks = report.as_array().context("no objects")?.iter().flat_map(|object| {
        object["checks"].as_array().into_iter().flatten().filter(|check| {
            // 10 is OK, 5 a warning, 1 critical.
            check["skipped"] != true && check["grade"].as_u64().is_some_and(|grade| grade < 10)
        })
    });
    let found: BTreeSet<&str> = checks.filter_map(|check| check["check"]["id"].as_str()).collect();
    let excepted: BTreeSet<&str> = EXCEPTIONS.iter().map(|(check, _)| *check).collect();
    assert_eq!(found, excepted, "checks that fail, and those with a reason");
    Ok(())
}
