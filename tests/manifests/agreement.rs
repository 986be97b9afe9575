//! The rules of the CRDs and the operator's own parser, on generated specs: what the API server admits the operator can read, and
//! what both have a say in they see alike.

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

/// How many specs are tried; `MGNET_GENERATED_SPECS` says otherwise.
const SPECS: u64 = 1_500;

/// What the operator alone can say of a spec that the API server admits: it reads policies, and sees the class beside it.
const ALONE: [&str; 3] = ["policy", "endpointPolicy", "privateDNS"];

/// What only the API server says: the forms of names and ids, which AWS answers for; how much there may be of something; and what
/// has no effect where it stands.
const LEFT_TO_THE_API_SERVER: [&str; 21] = [
    // serde takes a list for a structure whose fields come in that order.
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

/// A spec by its seed.
fn spec(seed: u64) -> Value {
    let mut random = fastrand::Rng::with_seed(seed);
    let bytes: Vec<u8> = (0..2_000).map(|_| random.u8(..)).collect();
    objects::spec("MigrationNetwork", &mut Choices::new(&bytes))
}

/// What the operator has against a spec, beside what it alone can say; nothing if it can read it.
fn read(spec: &Value) -> Result<(), Vec<String>> {
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
    let errors = errors.into_iter().filter(|error| !ALONE.iter().any(|field| error.field.ends_with(field)));
    let errors: Vec<String> = errors.map(|error| error.to_string()).collect();
    if errors.is_empty() { Ok(()) } else { Err(errors) }
}

/// Whether a field is an address of an endpoint that the operator does not manage, which has none. The rule that says so is not
/// asked while the address itself has the wrong form.
fn is_idle_address(spec: &Value, field: &str) -> bool {
    let mut parts = field.strip_prefix("spec.endpoints[").into_iter().filter_map(|rest| rest.split_once("].addresses"));
    parts.any(|(index, _)| {
        let endpoint = index.parse::<usize>().ok().and_then(|index| spec["endpoints"].get(index));
        endpoint.is_some_and(|endpoint| matches!(endpoint["mode"].as_str(), Some("Existing" | "Disabled")))
    })
}

/// What is wrong between the two; nothing if they agree.
async fn difference(networks: &Api<DynamicObject>, spec: &Value) -> Result<Option<String>> {
    let mut object = DynamicObject::new("generated", &ApiResource::erase::<MigrationNetwork>(&())).within("default");
    object.data = json!({ "spec": spec });
    let tried = PostParams { dry_run: true, ..PostParams::default() };
    match networks.create(&tried, &object).await {
        // As it is stored: the API server takes out what is null.
        Ok(stored) => Ok(read(&stored.data["spec"])
            .err()
            .map(|errors| format!("the API server admits what the operator cannot read: {errors:?}"))),
        Err(Error::Api(refused)) => {
            let mut causes = refused.details.as_ref().map(|details| details.causes.clone()).unwrap_or_default();
            // Said beside others, of no field: what the schema refuses is not put before the rules.
            causes.retain(|cause| !cause.message.contains("some validation rules were not checked"));
            let untold = causes.iter().any(|cause| !cause.field.starts_with("spec") || cause.message.is_empty());
            if causes.is_empty() || untold {
                return Ok(Some(format!("the API server does not say what is wrong: {refused:?}")));
            }
            let left = |message: &str| LEFT_TO_THE_API_SERVER.iter().any(|words| message.contains(words));
            // The operator does not look at what has no effect where it stands.
            let idle: Vec<&str> = causes
                .iter()
                .filter(|cause| cause.message.contains("must not be set"))
                .map(|cause| cause.field.as_str())
                .collect();
            let seen_by_both: Vec<_> = causes
                .iter()
                .filter(|cause| !left(&cause.message) && !idle.iter().any(|field| cause.field.starts_with(field)))
                .filter(|cause| !is_idle_address(spec, &cause.field))
                .collect();
            let differs = read(spec).is_ok() && !seen_by_both.is_empty();
            Ok(differs.then(|| format!("the operator reads what the API server refuses: {seen_by_both:?}")))
        }
        Err(error) => Err(error.into()),
    }
}

#[tokio::test]
async fn the_api_server_and_the_operator_agree_on_generated_specs() -> Result<()> {
    let server = tokio::task::spawn_blocking(crate::installed).await??;
    let file = Kubeconfig::read_from(server.kubeconfig_path())?;
    let mut config = Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await?;
    config.read_timeout = Some(Duration::from_secs(30));
    let networks =
        Api::namespaced_with(Client::try_from(config)?, "default", &ApiResource::erase::<MigrationNetwork>(&()));
    let specs: u64 = env::var("MGNET_GENERATED_SPECS").map_or(Ok(SPECS), |number| number.parse())?;
    let outcomes = stream::iter(0..specs).map(async |seed| {
        let spec = spec(seed);
        let readable = read(&spec).is_ok();
        let difference = difference(&networks, &spec).await.with_context(|| format!("seed {seed}: {spec}"))?;
        anyhow::Ok((readable, difference.map(|difference| format!("seed {seed}: {difference}\n{spec}"))))
    });
    let outcomes: Vec<_> = outcomes.buffer_unordered(8).collect().await;
    let outcomes: Vec<_> = outcomes.into_iter().collect::<Result<_>>()?;
    let readable = outcomes.iter().filter(|(readable, _)| *readable).count();
    println!("of {specs} generated specs the operator can read {readable}");
    // A generator that makes only one kind of them would compare nothing.
    ensure!(readable * 10 > outcomes.len() && readable * 10 < outcomes.len() * 9, "{readable} of {specs} can be read");
    let differences: Vec<_> = outcomes.into_iter().filter_map(|(_, difference)| difference).collect();
    let shown: Vec<String> = differences.iter().take(10).map(|text| text.chars().take(2_000).collect()).collect();
    ensure!(differences.is_empty(), "{} differences, among them:\n{}", differences.len(), shown.join("\n"));
    Ok(())
}
