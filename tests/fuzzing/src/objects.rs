//! Generates specs by the schema of the CRDs. Most parts of most specs are well-formed.

use std::sync::LazyLock;

use mgnet::{api::schema, model::slot::Service};
use serde_json::{Map, Value, json};

use crate::Choices;

static SPECS: LazyLock<Vec<(String, Value)>> = LazyLock::new(|| {
    let spec = |crd: &Value| crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"].clone();
    let crds = schema::crds().into_iter().map(|crd| serde_json::to_value(crd).expect("a CRD is JSON"));
    crds.map(|crd| (crd["spec"]["names"]["kind"].as_str().unwrap_or_default().to_owned(), spec(&crd))).collect()
});

/// Returns a spec for an object of this kind.
pub fn spec(kind: &str, choices: &mut Choices<'_>) -> Value {
    let (_, schema) = SPECS.iter().find(|(name, _)| name == kind).expect("a kind of this API");
    value(schema, &[], choices)
}

fn value(schema: &Value, path: &[&str], choices: &mut Choices<'_>) -> Value {
    if choices.one_in(200) {
        return choices.of(WRONG_TYPES)();
    }
    match schema["type"].as_str() {
        Some("object") => object(schema, path, choices),
        Some("array") => {
            let least = usize::try_from(schema["minItems"].as_u64().unwrap_or(0)).unwrap_or(0);
            let most = usize::try_from(schema["maxItems"].as_u64().unwrap_or(0)).unwrap_or(0);
            let length = if choices.one_in(64) { most + 1 } else { least + choices.below(3) };
            (0..length).map(|_| value(&schema["items"], path, choices)).collect()
        }
        Some("string") => string(schema, path, choices),
        Some("boolean") => json!(choices.one_in(2)),
        _ => json!(choices.of(&[1, 2, 0, -1, 1000, 1001])),
    }
}

fn object(schema: &Value, path: &[&str], choices: &mut Choices<'_>) -> Value {
    if let Some(values) = schema.get("additionalProperties") {
        let length = if choices.one_in(64) { 42 } else { choices.below(3) };
        let key = |number: usize, choices: &mut Choices<'_>| {
            if number > 2 { format!("key-{number}") } else { pick(KEYS, choices).to_owned() }
        };
        return (0..length).map(|number| (key(number, choices), value(values, path, choices))).collect();
    }
    let required = schema["required"].as_array().cloned().unwrap_or_default();
    let mut members = Map::new();
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        let is_present = if required.iter().any(|one| one == name) { !choices.one_in(64) } else { choices.one_in(4) };
        if is_present {
            members.insert(name.clone(), value(property, &[path, &[name]].concat(), choices));
        }
    }
    Value::Object(members)
}

fn string(schema: &Value, path: &[&str], choices: &mut Choices<'_>) -> Value {
    if choices.one_in(64) {
        return json!("x".repeat(1 + usize::try_from(schema["maxLength"].as_u64().unwrap_or(0)).unwrap_or(0)));
    }
    if let Some(words) = schema["enum"].as_array() {
        return if choices.one_in(32) { json!("Other") } else { words[choices.below(words.len())].clone() };
    }
    let leaf = path.last().copied().unwrap_or_default();
    let of = |name: &str| path.contains(&name);
    json!(match leaf {
        "sourceCIDRs" | "proxyCIDRs" | "clientCIDRs" => pick(RANGES, choices),
        "ip" => pick(ADDRESSES, choices),
        "inline" => pick(POLICIES, choices),
        "subnetID" => pick(SUBNETS, choices),
        "ids" if of("subnets") => pick(SUBNETS, choices),
        "id" if of("vpc") => pick(VPCS, choices),
        "id" if of("account") => pick((&["111122223333"], &["1111-2222-3333", ""]), choices),
        "id" | "ids" => pick(GROUPS, choices),
        "endpointID" if of("resolver") => pick(RESOLVERS, choices),
        "endpointID" => pick(ENDPOINTS, choices),
        "service" | "services" => pick(SERVICES, choices),
        "vpcs" => pick(VPCS, choices),
        "region" => pick((&["ap-northeast-1"], &["ap-northeast-1a", "Tokyo"]), choices),
        "roleARN" => pick(ROLES, choices),
        _ => pick(WORDS, choices),
    })
}

/// Well-formed values, and malformed or forbidden values.
type Pool = (&'static [&'static str], &'static [&'static str]);

fn pick((good, bad): Pool, choices: &mut Choices<'_>) -> &'static str {
    if choices.one_in(12) { choices.of(bad) } else { choices.of(good) }
}

const WRONG_TYPES: &[fn() -> Value] =
    &[|| json!(7), || json!("text"), || json!([]), || json!({}), || json!(null), || json!(true)];

/// CIDR ranges.
pub const RANGES: Pool = (
    &[
        "192.168.10.0/24",
        "10.0.0.0/8",
        "10.9.0.0/16",
        "172.16.0.0/12",
        "192.0.2.1/32",
        "203.0.113.0/25",
        "10.20.0.0/16",
    ],
    &[
        "",
        "10.0.0.0",
        "10.0.0.1/8",
        "0.0.0.0/0",
        "10.0.0.0/7",
        "10.0.0.0/08",
        "10.0.0.0/33",
        "10.0.0.0/-1",
        "010.0.0.0/8",
        "10.0.0.0/8 ",
        " 10.0.0.0/8",
        "10.0.0.0/+8",
        "10.0.0/24",
        "2001:db8::/32",
        "::ffff:10.0.0.0/104",
        "127.0.0.0/8",
        "169.254.169.254/32",
        "224.0.0.0/8",
        "240.0.0.0/8",
        "255.255.255.255/32",
        "0.1.0.0/16",
        "10.0.0.0/8/8",
        "/8",
        "10.0.0.0/",
        "\u{ff11}0.0.0.0/8",
        "10.0.0.0/\u{ff18}",
        "126.0.0.0/7",
        "10.0.0.0%eth0/8",
        "1.0.0.0/8",
        "128.0.0.0/8",
    ],
);

const ADDRESSES: Pool = (
    &["10.20.1.53", "10.20.2.53", "10.20.1.10"],
    &[
        "",
        "10.20.1",
        "10.20.1.256",
        "010.20.1.53",
        "10.20.1.53 ",
        "::1",
        "::ffff:10.20.1.53",
        "10.20.1.53/32",
        "fe80::1%eth0",
        "\u{ff11}0.20.1.53",
    ],
);

const POLICIES: Pool = (
    &[
        r#"{"Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}]}"#,
        r#"{"Statement":{"Effect":"Deny","Principal":{"AWS":["*"]},"Action":["s3:*"],"Resource":["b","a"]}}"#,
    ],
    &["", "{", "{}", r#"{"Statement":[]}"#, "[]"],
);

/// IDs of subnets. [`crate::plans`] replaces the well-formed ones by the IDs of existing subnets.
pub const SUBNETS: Pool = (
    &["subnet-00000000000000001", "subnet-00000000000000002", "subnet-00000000000000003", "subnet-00000000000000004"],
    &["subnet-1", "subnet-0000000000000000A", "vpc-00000000000000001", "subnet-12345678"],
);
const VPCS: Pool = (&["vpc-00000000000000001"], &["vpc-1", "vpc-12345678", "subnet-00000000000000001", ""]);
const GROUPS: Pool = (&["sg-00000000000000001", "sg-00000000000000002"], &["sg-1", "default", "sg-12345678"]);
const ENDPOINTS: Pool =
    (&["vpce-00000000000000001", "vpce-00000000000000002"], &["vpce-1", "vpce-svc-00000000000000001"]);
const RESOLVERS: Pool = (&["rslvr-in-00000000000000001"], &["rslvr-out-00000000000000001", "rslvr-in-1"]);
const SERVICES: Pool = (
    &["mgn", "s3", "ec2", "ssm", "ssmmessages", "ec2messages", "secretsmanager", "sts", "kms", "ecr.api"],
    &["", "S3", "-kms", "com.amazonaws.ap-northeast-1.kms", "k ms", "kms\n", "\u{e9}"],
);

/// Returns the services that generated specs request.
pub(crate) fn services() -> impl Iterator<Item = Service> {
    SERVICES.0.iter().filter_map(|name| Service::named(name))
}

const ROLES: Pool = (
    &["arn:aws:iam::111122223333:role/mgnet", "arn:aws:iam::111122223333:role/a/b/mgnet"],
    &[
        "arn:aws:iam::111122223333:user/mgnet",
        "arn:aws-cn:iam::111122223333:role/mgnet",
        "arn:aws:iam::444455556666:role/mgnet",
        "role/mgnet",
        "arn:aws:iam::111122223333:role//",
    ],
);
const KEYS: Pool = (
    &["Name", "mgnet-role", "team"],
    &["", "aws:x", "AWS:x", "mgnet.dev/owner", "a*", "a?", "a\\b", "\u{3042}", "a\tb", "#", "mgnet-role "],
);
const WORDS: Pool = (
    &["migration-landing", "endpoints", "staging", "launch", "tokyo", "policies"],
    &["", "*", "Tokyo!", "..", "a b", "aws:x", "\u{1f600}", "a\nb", "UPPER"],
);
