//! Comparison of the CRDs' rules with the operator's own parser, on generated specs: the operator can parse each spec
//! that the API server admits, and both agree on all rules that both check.

use std::{env, time::Duration};

use anyhow::{Context as _, Result, ensure};
use futures::{StreamExt as _, stream};
use fuzzing::{Choices, objects};
use kube::{
    Api, Client, Config, Error,
    api::{ApiResource, DynamicObject, PostParams},
    config::{KubeConfigOptions, Kubeconfig},
};
use mgnet::{
    api::{MigrationNetwork, MigrationNetworkClassSpec, MigrationNetworkSpec},
    model::settings::{
        AddressChanges, Settings,
        endpoints::{ConfigMapKeys, policy_references},
    },
};
use serde_json::{Value, json};

/// The default number of specs to try. `MGNET_GENERATED_SPECS` overrides it.
const SPECS: u64 = 1_500;

/// The fields that only the operator can check in a spec that the API server admits: the operator reads policies, and
/// knows the class.
const OPERATOR_ONLY: [&str; 3] = ["policy", "endpointPolicy", "privateDNS"];

/// The messages of rules that only the API server checks: the formats of names and IDs, which AWS checks, too; fixed
/// addresses, which the preflight checks, too; the limits on sizes and counts; and fields without effect.
const API_SERVER_ONLY: [&str; 22] = [
    // serde accepts a list in place of a structure whose fields are in the same order.
    "must be of type object: \"array\"",
    "must be an ID of the form",
    "must be a VPC ID",
    "must be the name of",
    "must be a key of a ConfigMap",
    "must be the short name of a service",
    "must be only the part of the service's name after the Region",
    "must be set when",
    "must not be set",
    "must not have `addresses` or `policy`",
    "must not contain an `ip` twice",
    "must not be 'InboundResolverOnly' for a service other",
    "must be 'Interface'",
    "must have keys of 1 to 128 characters",
    "must not contain '*'",
    "must not have keys that begin with 'aws:'",
    "must consist of letters, digits, spaces",
    "must have two or more `endpoints.ids`",
    "Too long",
    "Too many",
    "Duplicate value",
    "at least",
];

/// Generates a spec from a seed.
fn spec(seed: u64) -> Value {
    let mut random = fastrand::Rng::with_seed(seed);
    let bytes: Vec<u8> = (0..2_000).map(|_| random.u8(..)).collect();
    objects::spec("MigrationNetwork", &mut Choices::new(&bytes))
}

/// Parses a spec as the operator does. Errors in the fields of `OPERATOR_ONLY` are ignored.
fn parse(spec: &Value) -> Result<(), Vec<String>> {
    let spec: MigrationNetworkSpec = serde_json::from_value(spec.clone()).map_err(|error| vec![error.to_string()])?;
    let by_tags = json!({ "tags": { "Name": "x" } });
    let class = json!({
        "account": { "id": "111122223333" },
        "region": "ap-northeast-1",
        "defaults": {
            "vpc": by_tags,
            "subnets": { "endpoints": by_tags, "staging": by_tags },
            "sourceCIDRs": ["192.0.2.0/24"],
        },
    });
    let class: MigrationNetworkClassSpec = serde_json::from_value(class).map_err(|error| vec![error.to_string()])?;
    let policy = r#"{"Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}]}"#;
    let policies: ConfigMapKeys =
        policy_references(&spec, &class).into_iter().map(|key| (key, policy.to_owned())).collect();
    let Err(errors) = Settings::parse(&spec, &class, &policies, AddressChanges::new()) else { return Ok(()) };
    let errors = errors.into_iter().filter(|error| !OPERATOR_ONLY.iter().any(|field| error.field.ends_with(field)));
    let errors: Vec<String> = errors.map(|error| error.to_string()).collect();
    if errors.is_empty() { Ok(()) } else { Err(errors) }
}

/// Whether a field is an address of an endpoint that the operator does not manage. Such an endpoint must not have
/// addresses, but the API server does not evaluate that rule while the address itself has an invalid format.
fn is_address_without_effect(spec: &Value, field: &str) -> bool {
    let mut parts = field.strip_prefix("spec.endpoints[").into_iter().filter_map(|rest| rest.split_once("].addresses"));
    parts.any(|(index, _)| {
        let endpoint = index.parse::<usize>().ok().and_then(|index| spec["endpoints"].get(index));
        endpoint.is_some_and(|endpoint| matches!(endpoint["mode"].as_str(), Some("Existing" | "Disabled")))
    })
}

/// Returns the difference between API server and operator; `None` if they agree.
async fn difference(networks: &Api<DynamicObject>, spec: &Value) -> Result<Option<String>> {
    let mut object = DynamicObject::new("generated", &ApiResource::erase::<MigrationNetwork>(&())).within("default");
    object.data = json!({ "spec": spec });
    let dry_run = PostParams { dry_run: true, ..PostParams::default() };
    match networks.create(&dry_run, &object).await {
        // The operator parses the stored spec: the API server removes fields that are null.
        Ok(stored) => Ok(parse(&stored.data["spec"])
            .err()
            .map(|errors| format!("the API server admits a spec that the operator cannot parse: {errors:?}"))),
        Err(Error::Api(refused)) => {
            let mut causes = refused.details.as_ref().map(|details| details.causes.clone()).unwrap_or_default();
            // This cause names no field and accompanies others: the API server does not evaluate rules on a spec that
            // the schema refuses.
            causes.retain(|cause| !cause.message.contains("some validation rules were not checked"));
            let unexplained = causes.iter().any(|cause| !cause.field.starts_with("spec") || cause.message.is_empty());
            if causes.is_empty() || unexplained {
                return Ok(Some(format!("the API server does not report the cause: {refused:?}")));
            }
            let is_api_server_only = |message: &str| API_SERVER_ONLY.iter().any(|words| message.contains(words));
            // The operator ignores fields without effect.
            let without_effect: Vec<&str> = causes
                .iter()
                .filter(|cause| cause.message.contains("must not be set"))
                .map(|cause| cause.field.as_str())
                .collect();
            let checked_by_both: Vec<_> = causes
                .iter()
                .filter(|cause| {
                    !is_api_server_only(&cause.message)
                        && !without_effect.iter().any(|field| cause.field.starts_with(field))
                })
                .filter(|cause| !is_address_without_effect(spec, &cause.field))
                .collect();
            let differs = parse(spec).is_ok() && !checked_by_both.is_empty();
            Ok(differs.then(|| format!("the operator parses a spec that the API server refuses: {checked_by_both:?}")))
        }
        Err(error) => Err(error.into()),
    }
}

#[tokio::test]
async fn the_api_server_and_the_operator_agree_on_generated_specs() -> Result<()> {
    let server = tokio::task::spawn_blocking(crate::control_plane_with_crds).await??;
    let file = Kubeconfig::read_from(server.kubeconfig_path())?;
    let mut config = Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await?;
    config.read_timeout = Some(Duration::from_secs(30));
    let networks =
        Api::namespaced_with(Client::try_from(config)?, "default", &ApiResource::erase::<MigrationNetwork>(&()));
    let specs: u64 = env::var("MGNET_GENERATED_SPECS").map_or(Ok(SPECS), |number| number.parse())?;
    let outcomes = stream::iter(0..specs).map(async |seed| {
        let spec = spec(seed);
        let valid = parse(&spec).is_ok();
        let difference = difference(&networks, &spec).await.with_context(|| format!("seed {seed}: {spec}"))?;
        anyhow::Ok((valid, difference.map(|difference| format!("seed {seed}: {difference}\n{spec}"))))
    });
    let outcomes: Vec<_> = outcomes.buffer_unordered(8).collect().await;
    let outcomes: Vec<_> = outcomes.into_iter().collect::<Result<_>>()?;
    let valid = outcomes.iter().filter(|(valid, _)| *valid).count();
    println!("the operator can parse {valid} of {specs} generated specs");
    // The comparison is meaningless if the generator makes only valid, or only invalid, specs.
    ensure!(valid * 10 > outcomes.len() && valid * 10 < outcomes.len() * 9, "{valid} of {specs} can be parsed");
    let differences: Vec<_> = outcomes.into_iter().filter_map(|(_, difference)| difference).collect();
    let shown: Vec<String> = differences.iter().take(10).map(|text| text.chars().take(2_000).collect()).collect();
    ensure!(differences.is_empty(), "{} differences, among them:\n{}", differences.len(), shown.join("\n"));
    Ok(())
}
