//! The dashboard over a real Prometheus that scrapes the real operator.

use anyhow::{Result, ensure};
use aws_sdk_ec2::types::Tag;
use support::{Fault, FaultKind, Lab, LabOptions, OperatorOptions};

use crate::{
    dashboard::{dashboard, panels},
    prometheus::Prometheus,
};

/// Fills in the variables of the dashboard with their widest values.
fn filled(expression: &str) -> String {
    [("$__rate_interval", "30s"), ("$namespace", ".+"), ("$job", ".+")]
        .iter()
        .fold(expression.to_owned(), |text, (variable, value)| text.replace(variable, value))
}

/// Makes the operator report a value of each metric: by drift, by a call that AWS denies, and by a class whose role does not
/// exist, which the search for orphans tries to assume.
async fn events(lab: &Lab) -> Result<()> {
    let site = lab.site("ready").await?;
    let network = site.network("tokyo").without_resolver().without_ssm().apply().await?;
    let ready = network.until_ready().await?;
    let endpoints = ready.status.map(|status| status.endpoints).unwrap_or_default();
    let endpoint = endpoints.iter().find_map(|endpoint| endpoint.id.clone()).unwrap_or_default();
    let changed = Tag::builder().key("Name").value("changed by another client").build();
    site.aws.ec2.create_tags().resources(&endpoint).tags(changed).send().await?;
    let denial = Fault {
        account: Some(site.account.clone()),
        code: Some("UnauthorizedOperation".to_owned()),
        ..Fault::next(FaultKind::Error, "DescribeVpcs")
    };
    lab.control().order(&denial).await?;
    let mut class = site.class();
    class.metadata.name = Some("role-missing".to_owned());
    class.spec.account.role_arn = Some(format!("arn:aws:iam::{}:role/missing", site.account));
    site.make_class(class).await?;
    Ok(())
}

#[tokio::test]
async fn each_panel_of_the_dashboard_has_data() -> Result<()> {
    let operator = OperatorOptions { orphan_look_seconds: 12, ..OperatorOptions::default() };
    let lab = Lab::start(LabOptions { operator, ..LabOptions::default() }).await?;
    let prometheus = Prometheus::start(lab.folder(), &lab.operator().metrics_address()?)?;
    events(&lab).await?;
    for (title, expressions) in panels(&dashboard()?)? {
        for expression in expressions {
            let series = prometheus.until(&filled(&expression)).await?;
            ensure!(!series.is_empty(), "{title} is empty: {expression}");
        }
    }
    lab.check_statuses()
}
