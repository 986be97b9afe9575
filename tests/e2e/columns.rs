//! Tests of the columns that `kubectl get` prints.

use anyhow::{Context, Result};
use support::Lab;
use support::waiting::close;

#[tokio::test]
async fn kubectl_get_prints_all_columns_with_their_values() -> Result<()> {
    let lab = Lab::real_shared().await?;
    let site = lab.site("columns").await?;
    let network = site.network("tokyo").apply().await?;
    let ready = network.until_ready().await?;
    let printed = lab.kubectl_output(["get", "mgnet", "--output=wide", "--namespace", &site.namespace]).await?;
    let (header, row) = printed.trim_end().split_once('\n').context("kubectl printed one line")?;
    let headers = header.split_whitespace().collect::<Vec<_>>();
    assert_eq!(
        headers,
        [
            "NAME",
            "READY",
            "REASON",
            "CLASS",
            "ENDPOINTS",
            "SYNCED",
            "AGE",
            "REGION",
            "VPC",
            "RESOLVER",
            "ONPREMISES",
            "MESSAGE"
        ]
    );
    let status = ready.status.context("no status")?;
    let resolver = status.resolver.and_then(|resolver| resolver.ip_address_summary);
    let resolver = resolver.context("no addresses of the resolver")?;
    let revision = status.on_premises.context("no hand-off")?.revision;
    let cells: Vec<&str> = row.split_whitespace().collect();
    let (before_age, after_age) = (&cells[..6], &cells[7..11]);
    assert_eq!(before_age, ["tokyo", "True", "Ready", &site.class_name, "7/7", "True"]);
    assert_eq!(after_age, ["ap-northeast-1", &site.landing.vpc, &resolver, &revision]);
    assert_eq!(cells[11..].join(" "), "7 of 7 endpoints available, resolver operational");

    let printed = lab.kubectl_output(["get", "mgnetclass", &site.class_name, "--no-headers"]).await?;
    let cells: Vec<&str> = printed.split_whitespace().collect();
    assert_eq!(cells[..4], [&site.class_name, "True", &site.account, "ap-northeast-1"]);
    close(&site).await
}
