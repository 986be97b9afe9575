//! How the operator reaches AWS and the Kubernetes API: private certificate authorities, proxies, and its own AWS identity.
//! The other ends are real: a TLS server, a proxy that tunnels, and the metadata service of a node.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use kube::config::Kubeconfig;
use mgnet::api::{ConditionType, conditions};
use serde_json::json;
use support::waiting::until;
use support::{ForwardProxy, InstanceMetadata, Lab, LabOptions, Operator, OperatorOptions, Site, TlsFront};

/// A lab without a running operator.
async fn lab() -> Result<Lab> {
    let default = LabOptions::default();
    let operator = OperatorOptions { start: false, ..default.operator };
    Lab::start(LabOptions { controllers: false, operator, ..default }).await
}

/// Describes an operator with further environment variables and arguments.
fn operator<const N: usize, const M: usize>(
    lab: &Lab,
    environment: [(&str, String); N],
    arguments: [&str; M],
) -> Operator {
    lab.operator().another(OperatorOptions {
        environment: environment.map(|(name, value)| (name.to_owned(), value)).into(),
        arguments: arguments.map(str::to_owned).into(),
        ..lab.operator().options().clone()
    })
}

/// Waits until condition `Accepted` of the site's class has a status other than the given one, and a message that contains
/// the words.
async fn until_class_reports(site: &Site, accepted: bool, words: &str) -> Result<()> {
    until(&format!("the class reports '{words}'"), async || {
        let status = site.classes().get(&site.class_name).await?.status.unwrap_or_default();
        let found = conditions::find(&status.conditions, ConditionType::Accepted);
        let reported = found.is_some_and(|one| (one.status == "True") == accepted && one.message.contains(words));
        Ok(if reported { Ok(()) } else { Err(format!("{status:#?}")) })
    })
    .await
}

#[tokio::test]
async fn a_private_authority_is_trusted_for_aws_and_for_kubernetes() -> Result<()> {
    let lab = lab().await?;
    let site = lab.site("private-authority").await?;
    let front = TlsFront::start(lab.aws_endpoint_url(), lab.folder()).await?;
    let (url, authority) = (front.url(), front.certificate().display().to_string());

    let untrusting = operator(&lab, [("AWS_ENDPOINT_URL", url.clone())], []);
    untrusting.start().await?;
    until_class_reports(&site, false, "invalid peer certificate").await?;
    untrusting.kill().await?;

    let trusting = operator(&lab, [("AWS_ENDPOINT_URL", url.clone()), ("AWS_CA_BUNDLE", authority.clone())], []);
    trusting.start().await?;
    until_class_reports(&site, true, "was reached").await?;
    let network = site.network("tokyo").apply().await?;
    network.until_ready().await?;
    trusting.kill().await?;

    // One file for both clients. The kubeconfig names no authority.
    let (kubeconfig, authority_of_kubernetes) = without_authority(&lab)?;
    let both = lab.folder().join("both.pem");
    fs::write(&both, [authority_of_kubernetes, fs::read(&authority)?].concat())?;
    let trusting = operator(&lab, [("AWS_ENDPOINT_URL", url), ("SSL_CERT_FILE", both.display().to_string())], [])
        .with_kubeconfig(&kubeconfig);
    trusting.start().await?;
    network.edit(json!({ "sourceCIDRs": ["192.168.20.0/24"] })).await?;
    network.until_ready().await?;
    assert_eq!(site.summary().await?, site.expected().sources(["192.168.20.0/24"]).summary());
    Ok(())
}

/// Writes the operator's kubeconfig without the certificate authority. Returns its path, and the authority.
fn without_authority(lab: &Lab) -> Result<(PathBuf, Vec<u8>)> {
    let mut kubeconfig = Kubeconfig::read_from(lab.operator().kubeconfig())?;
    let cluster = kubeconfig.clusters.iter_mut().find_map(|one| one.cluster.as_mut()).context("no cluster")?;
    let authority = cluster.certificate_authority_data.take().context("no authority")?;
    let path = lab.folder().join("without-authority.kubeconfig");
    fs::write(&path, serde_json::to_string(&kubeconfig)?)?;
    Ok((path, base64::Engine::decode(&base64::engine::general_purpose::STANDARD, authority)?))
}

#[tokio::test]
async fn certificates_that_cannot_be_used_are_reported_at_the_start() -> Result<()> {
    let lab = lab().await?;
    let empty = lab.folder().join("empty.pem");
    fs::write(&empty, "")?;
    let empty = empty.display().to_string();
    for (variable, file, reported) in [
        ("AWS_CA_BUNDLE", "/no/such.pem".to_owned(), "`AWS_CA_BUNDLE`: cannot read '/no/such.pem'".to_owned()),
        ("AWS_CA_BUNDLE", empty.clone(), format!("`AWS_CA_BUNDLE`: '{empty}' must contain X.509 certificates")),
        ("SSL_CERT_FILE", empty.clone(), format!("`SSL_CERT_FILE`: '{empty}' must contain X.509 certificates")),
    ] {
        let failed = operator(&lab, [(variable, file)], []).start().await.err().context("the operator has started")?;
        ensure!(format!("{failed:#}").contains(&reported), "{failed:#}");
    }
    Ok(())
}

#[tokio::test]
async fn the_proxy_of_the_environment_is_used_for_both_servers_except_for_those_in_no_proxy() -> Result<()> {
    let lab = lab().await?;
    let site = lab.site("proxy").await?;
    let front = TlsFront::start(lab.aws_endpoint_url(), lab.folder()).await?;
    let proxy = ForwardProxy::start().await?;
    let kubeconfig = Kubeconfig::read_from(lab.operator().kubeconfig())?;
    let server = kubeconfig.clusters.into_iter().find_map(|one| one.cluster?.server).context("no server")?;
    let kubernetes = server.strip_prefix("https://").context("the API server has TLS")?.to_owned();
    let aws = front.authority_of_url();

    let network = site.network("tokyo").apply().await?;
    for (no_proxy, sources, expected) in [
        ("", "192.168.10.0/24", vec![aws.clone(), kubernetes]),
        ("127.0.0.1", "192.168.20.0/24", vec![aws]),
        ("localhost, 127.0.0.0/8", "192.168.30.0/24", vec![]),
    ] {
        let through_proxy = operator(
            &lab,
            [
                ("AWS_ENDPOINT_URL", front.url()),
                ("AWS_CA_BUNDLE", front.certificate().display().to_string()),
                ("HTTPS_PROXY", proxy.url()),
                ("NO_PROXY", no_proxy.to_owned()),
            ],
            [],
        );
        through_proxy.start().await?;
        network.edit(json!({ "sourceCIDRs": [sources] })).await?;
        let edited = site.expected().sources([sources]).summary();
        support::waiting::until_state(&site, "the edit", |state| support::Summary::of(state) == edited).await?;
        through_proxy.kill().await?;
        assert_eq!(proxy.take_tunnels(), BTreeSet::from_iter(expected), "NO_PROXY='{no_proxy}'");
    }
    Ok(())
}

#[tokio::test]
async fn the_role_of_the_node_is_used_only_if_it_is_allowed_and_nothing_else_is_configured() -> Result<()> {
    let lab = lab().await?;
    let site = lab.site("node-role").await?;
    let node = InstanceMetadata::start("100000000000").await?;
    let with = |variables: Vec<(&'static str, &str)>, arguments: Vec<&str>| {
        let own = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_EC2_METADATA_DISABLED"];
        let removed = own.map(|name| (name.to_owned(), String::new()));
        let metadata = ("AWS_EC2_METADATA_SERVICE_ENDPOINT".to_owned(), node.url());
        let variables = variables.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
        lab.operator().another(OperatorOptions {
            environment: removed.into_iter().chain([metadata]).chain(variables).collect(),
            arguments: arguments.into_iter().map(str::to_owned).collect(),
            ..lab.operator().options().clone()
        })
    };
    let allow = "--allow-instance-role=true";
    let token = ("AWS_WEB_IDENTITY_TOKEN_FILE", "/no/such/token");
    let role = ("AWS_ROLE_ARN", "arn:aws:iam::100000000000:role/mgnet");
    let agent = ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "/no/such/token");
    for (variables, arguments, words) in [
        (vec![], vec![], "--allow-instance-role"),
        // A web identity without a role, with a missing token, and a Pod Identity without an address.
        (vec![token], vec![allow], "`AWS_WEB_IDENTITY_TOKEN_FILE` is set"),
        (vec![token, role], vec![allow], "No such file"),
        (vec![("AWS_PROFILE", "misspelled")], vec![allow], "`AWS_PROFILE` is set"),
        (vec![agent], vec![allow], "loading credentials"),
    ] {
        let denied = with(variables.clone(), arguments);
        denied.start().await?;
        until_class_reports(&site, false, words).await.with_context(|| format!("{variables:?}"))?;
        denied.kill().await?;
        assert_eq!(node.requests(), 0, "{variables:?}");
    }

    let allowed = with(vec![], vec![allow]);
    allowed.start().await?;
    until_class_reports(&site, true, "was reached").await?;
    ensure!(node.requests() > 0);
    Ok(())
}
