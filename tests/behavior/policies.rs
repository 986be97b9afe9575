//! Endpoint policies: AWS has the desired policy, regardless of its source, and the operator changes nothing for a
//! policy that is missing or invalid.

use anyhow::{Context, Result, ensure};
use kube::api::DeleteParams;
use mgnet::api::{ConditionType, MigrationNetwork, Reason};
use mgnet::model::preflight::checks::Check;
use serde_json::{Value, json};
use support::{Lab, LabOptions, Network, OperatorOptions, Site};

use crate::checks::until_warning;
use support::foreign::{entry, unwritten};
use support::waiting::{close, condition, listed, until, until_event, until_observed, until_repaired};

/// Returns a policy that allows one action.
fn only(action: &str) -> Value {
    json!({
        "Version": "2012-10-17",
        "Statement": [{ "Effect": "Allow", "Principal": "*", "Action": [action], "Resource": ["*"] }],
    })
}

fn preset(preset: &str) -> Value {
    json!({ "type": "Preset", "preset": preset, "inline": null, "configMapKeyRef": null })
}

fn inline(policy: &Value) -> Value {
    json!({ "type": "Inline", "inline": policy.to_string(), "preset": null, "configMapKeyRef": null })
}

fn in_config_map(name: &str, key: &str) -> Value {
    json!({ "type": "ConfigMap", "configMapKeyRef": { "name": name, "key": key }, "preset": null, "inline": null })
}

/// Returns the policies of the preset in Tokyo, written from the documentation of MGN and of Systems Manager.
fn mgn_only() -> Vec<(&'static str, Value)> {
    let allow = |actions: Value, resources: Value| json!({ "Effect": "Allow", "Principal": "*", "Action": actions, "Resource": resources });
    let policy = |statements: Vec<Value>| json!({ "Version": "2012-10-17", "Statement": statements });
    let all = |actions: Value| policy(vec![allow(actions, json!("*"))]);
    let buckets = [
        "al2023-repos-ap-northeast-1-de612dc2",
        "aws-mgn-clients-ap-northeast-1",
        "aws-mgn-clients-hashes-ap-northeast-1",
        "aws-mgn-internal-ap-northeast-1",
        "aws-mgn-internal-hashes-ap-northeast-1",
        "aws-application-migration-service-ap-northeast-1",
        "aws-application-migration-service-hashes-ap-northeast-1",
        "amazon-ssm-ap-northeast-1",
        "aws-ssm-ap-northeast-1",
        "aws-windows-downloads-ap-northeast-1",
        "amazon-ssm-packages-ap-northeast-1",
        "aws-ssm-distributor-file-ap-northeast-1",
        "aws-ssm-document-attachments-ap-northeast-1",
        "patch-baseline-snapshot-ap-northeast-1",
        "aws-patchmanager-macos-ap-northeast-1",
        "ap-northeast-1-birdwatcher-prod",
    ];
    let objects: Vec<String> = buckets.iter().map(|bucket| format!("arn:aws:s3:::{bucket}/*")).collect();
    let s3 = policy(vec![allow(json!("s3:GetObject"), json!(objects))]);
    let session = "arn:aws:execute-api:ap-northeast-1:*:*/POST/CreateSessionForMgn";
    vec![
        (
            "vpce/mgn/Interface",
            policy(vec![allow(json!("mgn:*"), json!("*")), allow(json!("execute-api:Invoke"), json!(session))]),
        ),
        ("vpce/s3/Interface", s3.clone()),
        ("vpce/s3/Gateway", s3),
        (
            "vpce/ec2/Interface",
            all(json!(["ec2:DescribeInstances", "ec2:DescribeSnapshots", "ec2:CreateSnapshot", "ec2:CreateTags"])),
        ),
        ("vpce/ssm/Interface", all(json!("ssm:*"))),
        ("vpce/ssmmessages/Interface", all(json!("ssmmessages:*"))),
        ("vpce/ec2messages/Interface", all(json!("ec2messages:*"))),
    ]
}

/// Returns the slots of all endpoints of a standard network.
fn slots() -> Vec<&'static str> {
    mgn_only().into_iter().map(|(slot, _)| slot).collect()
}

fn with_policy(site: &Site, policy: &Value) -> support::Expected {
    slots().into_iter().fold(site.expected(), |expected, slot| expected.policy(slot, policy.clone()))
}

async fn unthrottled(lab: &Lab, name: &str) -> Result<Site> {
    let site = lab.site(name).await?;
    lab.control().change_options(&site.account, json!({ "throttling": false })).await?;
    Ok(site)
}

#[tokio::test]
async fn aws_has_the_desired_policy_after_every_edit_of_its_source() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = unthrottled(&lab, "policies").await?;
    let kms = || entry("kms", "Interface", &json!({}));
    let mark = site.last_call().await?;
    let network = site
        .network("tokyo")
        .spec(&json!({ "endpointPolicy": { "type": "Preset", "preset": "MGNOnly" }, "endpoints": [kms()] }));
    let network = network.apply().await?;
    network.until_ready().await?;
    let mgn_only =
        || mgn_only().into_iter().fold(site.expected(), |expected, (slot, policy)| expected.policy(slot, policy));
    // The preset has no rules for further services, and allows everything for them.
    assert_eq!(site.summary().await?, mgn_only().with("kms").summary());
    let words = ["ec2, ssm, ssmmessages, ec2messages", "those of this operator included", &site.landing.vpc];
    until_warning(&site, &network, Check::PoliciesApart, &words).await?;
    let calls = site.calls_after(mark).await?;
    let modified = calls.iter().filter(|call| call.action == "ModifyVpcEndpoint" || call.outcome != "ok");
    assert_eq!(modified.count(), 0, "the policy is part of the create call:{}", listed(&calls));
    let mark = site.last_call().await?;
    until_observed(&site, 1).await?;
    unwritten(&site, mark).await?;

    site.write_config_map("policies", "strict.json", &only("mgn:DescribeJobs").to_string()).await?;
    let own = only("mgn:GetLaunchConfiguration");
    for (spec, expected, edits) in [
        (json!({ "endpointPolicy": preset("FullAccess") }), site.expected().with("kms"), 7),
        (
            json!({ "endpointPolicy": inline(&only("s3:GetObject")) }),
            with_policy(&site, &only("s3:GetObject")).with("kms").policy("vpce/kms/Interface", only("s3:GetObject")),
            8,
        ),
        // An equivalent policy is not a change.
        (
            json!({ "endpointPolicy": inline(&json!({ "Version": "2012-10-17", "Statement": {
                "Action": "s3:GetObject", "Resource": "*", "Principal": { "AWS": "*" }, "Effect": "Allow" } })) }),
            with_policy(&site, &only("s3:GetObject")).with("kms").policy("vpce/kms/Interface", only("s3:GetObject")),
            0,
        ),
        (
            json!({ "endpointPolicy": in_config_map("policies", "strict.json") }),
            with_policy(&site, &only("mgn:DescribeJobs"))
                .with("kms")
                .policy("vpce/kms/Interface", only("mgn:DescribeJobs")),
            8,
        ),
        // The policy of an endpoint has precedence.
        (
            json!({ "endpoints": [entry("mgn", "Interface", &json!({ "policy": { "type": "Inline", "inline": own.to_string() } }))] }),
            with_policy(&site, &only("mgn:DescribeJobs")).policy("vpce/mgn/Interface", own.clone()),
            1,
        ),
        (json!({ "endpointPolicy": null }), site.expected().policy("vpce/mgn/Interface", own.clone()), 6),
        (
            json!({
                "endpointPolicy": preset("MGNOnly"),
                "endpoints": [entry("mgn", "Interface", &json!({ "policy": { "type": "Preset", "preset": "FullAccess" } }))],
            }),
            mgn_only().policy(
                "vpce/mgn/Interface",
                json!({ "Statement": { "Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*" } }),
            ),
            7,
        ),
        (json!({ "endpoints": null }), mgn_only(), 1),
        // Without a policy in the spec, the endpoints get full access again.
        (json!({ "endpointPolicy": null }), site.expected(), 7),
    ] {
        let mark = site.last_call().await?;
        network.edit(spec.clone()).await?;
        network.until_ready().await?;
        assert_eq!(site.summary().await?, expected.summary(), "{spec}");
        let calls = site.calls_after(mark).await?;
        assert!(calls.iter().all(|call| call.outcome == "ok"), "{spec}:{}", listed(&calls));
        let modified = calls.iter().filter(|call| call.action == "ModifyVpcEndpoint").count();
        assert_eq!(modified, edits, "{spec}:{}", listed(&calls));
    }
    network.delete_and_wait().await?;
    assert!(site.summary().await?.is_empty());
    close(&site).await
}

#[tokio::test]
async fn the_preset_omits_unneeded_buckets_without_systems_manager() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = unthrottled(&lab, "buckets").await?;
    // Without Systems Manager, its buckets are of no use.
    let spec = json!({ "endpointPolicy": { "type": "Preset", "preset": "MGNOnly" } });
    let network = site.network("tokyo").without_ssm().spec(&spec).apply().await?;
    network.until_ready().await?;
    let state = site.state().await?;
    for type_ in ["Interface", "Gateway"] {
        let policy = &state.endpoint("s3", type_).context("no endpoint")?.policy;
        assert_eq!(policy.matches("arn:aws:s3:::").count(), 8, "{policy}");
        assert!(
            !policy.contains("aws-ssm-ap-northeast-1") && policy.contains("amazon-ssm-ap-northeast-1/*"),
            "{policy}"
        );
    }
    network.edit(json!({ "postLaunch": null })).await?;
    network.until_ready().await?;
    let expected =
        mgn_only().into_iter().fold(site.expected(), |expected, (slot, policy)| expected.policy(slot, policy));
    assert_eq!(site.summary().await?, expected.summary());
    close(&site).await
}

#[tokio::test]
async fn an_edit_of_a_config_map_takes_effect_at_once_without_an_edit_of_the_network() -> Result<()> {
    // The operator resyncs only every ten minutes, so an earlier change is caused by the edit.
    let operator = OperatorOptions { resync_seconds: 600, aws_rate_factor: 60, ..OperatorOptions::default() };
    let lab = Lab::own(LabOptions { operator, ..LabOptions::default() }).await?;
    let site = unthrottled(&lab, "edited").await?;
    let other = lab.site("untouched").await?;
    for site in [&site, &other] {
        site.write_config_map("policies", "mgn", &only("mgn:DescribeJobs").to_string()).await?;
    }
    let spec = json!({ "endpoints": [entry("mgn", "Interface", &json!({ "policy": { "type": "ConfigMap", "configMapKeyRef": { "name": "policies", "key": "mgn" } } }))] });
    let network = site.network("tokyo").spec(&spec).apply().await?;
    let neighbor = other.network("tokyo").spec(&spec).apply().await?;
    let (before, _) = (network.until_ready().await?, neighbor.until_ready().await?);
    let mark = other.last_call().await?;
    let expect = |action: &str| site.expected().policy("vpce/mgn/Interface", only(action)).summary();
    assert_eq!(site.summary().await?, expect("mgn:DescribeJobs"));
    for action in ["mgn:GetLaunchConfiguration", "mgn:StartTest"] {
        site.write_config_map("policies", "mgn", &only(action).to_string()).await?;
        until("the edit has taken effect", async || {
            let summary = site.summary().await?;
            Ok(if summary == expect(action) { Ok(()) } else { Err(summary.to_string()) })
        })
        .await?;
        let after = network.until_ready().await?;
        assert_eq!(after.metadata.generation, before.metadata.generation);
    }
    // The same holds for an edit that breaks the policy, for a deletion, and for an edit that repairs the policy.
    site.write_config_map("policies", "mgn", "{").await?;
    until_spec_is_refused(&network, &["must be JSON"]).await?;
    site.config_maps().delete("policies", &DeleteParams::default()).await?;
    until_spec_is_refused(&network, &["'policies' with the key 'mgn' does not exist"]).await?;
    site.write_config_map("policies", "mgn", &only("mgn:DescribeJobs").to_string()).await?;
    network.until_ready().await?;
    until("the policy is restored", async || {
        let summary = site.summary().await?;
        Ok(if summary == expect("mgn:DescribeJobs") { Ok(()) } else { Err(summary.to_string()) })
    })
    .await?;
    let calls = other.calls_after(mark).await?;
    assert!(calls.iter().all(|call| !call.is_write()), "another namespace has its own ConfigMap:{}", listed(&calls));
    Ok(())
}

async fn until_spec_is_refused(network: &Network<'_>, words: &[&str]) -> Result<MigrationNetwork> {
    let what = format!("the spec is refused with the words {words:?}");
    let object = network
        .until(&what, |network| {
            let current = network.status.as_ref().map(|status| status.observed_generation);
            current == network.metadata.generation
                && condition(network, ConditionType::Accepted).is_some_and(|(status, reason, message)| {
                    status == "False" && reason == "InvalidSpec" && words.iter().all(|word| message.contains(word))
                })
        })
        .await?;
    ensure!(condition(&object, ConditionType::Stalled).is_some(), "only people can resolve it");
    Ok(object)
}

#[tokio::test]
async fn a_missing_or_invalid_policy_is_reported_and_the_endpoints_keep_theirs() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = unthrottled(&lab, "no-policy").await?;
    let mark = site.last_call().await?;
    let by_map =
        json!({ "endpointPolicy": { "type": "ConfigMap", "configMapKeyRef": { "name": "policies", "key": "all" } } });
    let network = site.network("tokyo").spec(&by_map).apply().await?;
    until_spec_is_refused(
        &network,
        &[
            "`spec.endpointPolicy` must name an existing ConfigMap in the namespace of the network",
            "'policies'",
            "'all'",
        ],
    )
    .await?;
    site.write_config_map("policies", "other", &only("mgn:*").to_string()).await?;
    until_spec_is_refused(&network, &["'policies' with the key 'all' does not exist"]).await?;
    unwritten(&site, mark).await?;
    assert_eq!(network.get().await?.metadata.finalizers, None);
    site.write_config_map("policies", "all", &only("mgn:*").to_string()).await?;
    let built = network.until_ready().await?;
    assert_eq!(built.metadata.generation, Some(1));
    let held = with_policy(&site, &only("mgn:*")).summary();
    assert_eq!(site.summary().await?, held);

    let mark = site.last_call().await?;
    let long = only(&"a".repeat(20_480)).to_string();
    for (text, problem) in [
        ("{", "must be JSON"),
        ("[]", "must be an IAM policy: an object with `Statement`"),
        (r#"{"Statement":[]}"#, "would allow nothing"),
        (r#"{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#, "needs a `Principal`"),
        (long.as_str(), "must be at most 20480 characters long"),
    ] {
        site.write_config_map("policies", "all", text).await?;
        until_spec_is_refused(&network, &["`spec.endpointPolicy`", problem]).await?;
    }
    // An invalid policy of one endpoint is reported with the field of that endpoint.
    let inline = json!({ "type": "Inline", "inline": "{\"Statement\":1}" });
    network
        .edit(json!({ "endpointPolicy": null, "endpoints": [entry("ec2", "Interface", &json!({ "policy": inline }))] }))
        .await?;
    let words = ["`spec.endpoints[ec2/Interface].policy` must be an IAM policy: it needs a `Statement`"];
    until_spec_is_refused(&network, &words).await?;
    unwritten(&site, mark).await?;
    assert_eq!(site.summary().await?, held, "the endpoints keep their policies");
    // The invalid policy does not block the deletion of the network.
    network.delete_and_wait().await?;
    assert!(site.summary().await?.is_empty());
    close(&site).await
}

#[tokio::test]
async fn without_config_maps_a_network_that_names_one_reports_why_and_keeps_its_endpoints() -> Result<()> {
    let lab = Lab::own(LabOptions::default()).await?;
    let site = unthrottled(&lab, "not-read").await?;
    site.write_config_map("policies", "all", &only("mgn:*").to_string()).await?;
    let network =
        site.network("tokyo").spec(&json!({ "endpointPolicy": in_config_map("policies", "all") })).apply().await?;
    network.until_ready().await?;
    let (built, mark) = (site.summary().await?, site.last_call().await?);

    lab.operator().stop().await?;
    let without = lab.operator().another(OperatorOptions { config_maps: false, ..lab.operator().options().clone() });
    without.start().await?;
    let object = network.until_reason(ConditionType::Accepted, Reason::ConfigMapsNotRead).await?;
    let (_, _, reported) = condition(&object, ConditionType::Stalled).context("only people can resolve it")?;
    ensure!(reported.contains("ConfigMap 'policies'"), "{reported}");
    assert_eq!(site.writes_after(mark).await?, []);
    assert_eq!(site.summary().await?, built);

    // The ConfigMap may be the class's choice.
    let other = site.network("osaka").apply().await?;
    site.edit_class(json!({ "defaults": { "endpointPolicy": in_config_map("of-class", "all") } })).await?;
    let object = other.until_reason(ConditionType::Accepted, Reason::ConfigMapsNotRead).await?;
    let (_, _, reported) = condition(&object, ConditionType::Accepted).context("no condition")?;
    ensure!(reported.contains("ConfigMap 'of-class'"), "{reported}");
    other.delete_and_wait().await?;
    network.delete_and_wait().await
}

#[tokio::test]
async fn a_policy_that_was_changed_in_aws_is_restored() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = unthrottled(&lab, "changed-policy").await?;
    let mgn = only("mgn:*");
    let spec = json!({ "endpoints": [
        entry("mgn", "Interface", &json!({ "policy": { "type": "Inline", "inline": mgn.to_string() } })),
        entry("s3", "Gateway", &json!({ "policy": { "type": "Inline", "inline": only("s3:*").to_string() } })),
    ] });
    let network = site.network("tokyo").spec(&spec).apply().await?;
    network.until_ready().await?;
    let expected = site.expected().policy("vpce/mgn/Interface", mgn).policy("vpce/s3/Gateway", only("s3:*"));
    assert_eq!(site.summary().await?, expected.summary());
    let slots = site.state().await?.slots();
    let change = |slot: &str| site.aws.ec2.modify_vpc_endpoint().vpc_endpoint_id(&slots[slot]);
    change("vpce/mgn/Interface").reset_policy(true).send().await?;
    change("vpce/s3/Gateway").policy_document(only("s3:GetObject").to_string()).send().await?;
    change("vpce/ec2/Interface").policy_document(only("ec2:DescribeInstances").to_string()).send().await?;
    until_event(&site, "DriftDetected").await?;
    let repaired = until_repaired(&network, &site, &expected).await?;
    assert_eq!(repaired.metadata.generation, Some(1));
    let mark = site.last_call().await?;
    until_observed(&site, 1).await?;
    unwritten(&site, mark).await?;
    assert_eq!(site.state().await?.slots(), slots, "the endpoints are modified, not replaced");

    // The operator leaves an equivalent policy alone.
    let same = json!({ "Statement": { "Resource": "*", "Action": "mgn:*", "Principal": { "AWS": ["*"] }, "Effect": "Allow" }, "Version": "2012-10-17" });
    change("vpce/mgn/Interface").policy_document(same.to_string()).send().await?;
    let mark = site.last_call().await?;
    until_observed(&site, 2).await?;
    unwritten(&site, mark).await?;
    close(&site).await
}

#[tokio::test]
async fn a_class_sets_the_endpoint_policies_of_its_networks() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = unthrottled(&lab, "policy-by-class").await?;
    site.write_config_map("policies", "all", &only("mgn:*").to_string()).await?;
    site.edit_class(json!({ "defaults": {
        "endpointPolicy": { "type": "ConfigMap", "configMapKeyRef": { "name": "policies", "key": "all" } },
        "endpoints": [entry("ec2", "Interface", &json!({ "policy": { "type": "Preset", "preset": "MGNOnly" } }))],
    } }))
    .await?;
    let network = site.network("tokyo").apply().await?;
    network.until_ready().await?;
    let ec2 = mgn_only().into_iter().find(|(slot, _)| *slot == "vpce/ec2/Interface").context("no policy")?.1;
    let with = |policy: &Value| with_policy(&site, policy).policy("vpce/ec2/Interface", ec2.clone()).summary();
    assert_eq!(site.summary().await?, with(&only("mgn:*")));
    // Edits of the ConfigMap also take effect in networks that have the policy from their class.
    site.write_config_map("policies", "all", &only("mgn:DescribeJobs").to_string()).await?;
    until("the edit has taken effect", async || {
        let summary = site.summary().await?;
        Ok(if summary == with(&only("mgn:DescribeJobs")) { Ok(()) } else { Err(summary.to_string()) })
    })
    .await?;
    network.edit(json!({ "endpointPolicy": { "type": "Inline", "inline": only("s3:*").to_string() } })).await?;
    network.until_ready().await?;
    assert_eq!(site.summary().await?, with(&only("s3:*")));
    close(&site).await
}
