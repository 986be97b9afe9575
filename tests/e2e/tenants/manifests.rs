//! Manifests that the schema refuses before the operator acts on them: wildcards, foreign fields, and strings that
//! would have another meaning as part of a longer string.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use support::{Lab, SUBNET_TAG, VPC_NAME};

use super::scene::Scene;
use support::waiting::{close, until_observed};

/// The attempt, the part of the spec, a phrase of the refusal, and a variant of the part that is admitted.
type Manifest = (&'static str, fn() -> Value, &'static str, fn() -> Value);

const WILDCARD: &str = "which AWS treats as wildcards";
const RESERVED: &str = "which marks resources of the operator";
const TAG_CHARACTERS: &str = "which AWS allows in tags";
const NOT_CIDR: &str = "must be an IPv4 range in CIDR form";

fn vpc_by_tag() -> Value {
    json!({ "vpc": { "tags": { "Name": VPC_NAME } } })
}

fn vpc_by_id() -> Value {
    json!({ "vpc": { "id": "vpc-0123456789abcdef0" } })
}

fn subnets() -> Value {
    json!({ "subnets": { "endpoints": { "tags": { SUBNET_TAG: "endpoints" } } } })
}

fn existing() -> Value {
    endpoint(&json!({ "service": "mgn", "mode": "Existing", "endpointID": "vpce-0123456789abcdef0" }))
}

fn endpoint(fields: &Value) -> Value {
    let mut entry = fields.clone();
    entry["type"] = "Interface".into();
    json!({ "endpoints": [entry] })
}

fn resolver() -> Value {
    json!({ "resolver": { "mode": "Existing", "endpointID": "rslvr-in-0123456789abcdef0" } })
}

fn group() -> Value {
    json!({ "endpointSecurityGroup": { "mode": "Existing", "ids": ["sg-0123456789abcdef0"] } })
}

fn tags() -> Value {
    json!({ "tags": { "team": "a/b: c@d" } })
}

fn sources() -> Value {
    json!({ "sourceCIDRs": ["10.0.0.0/8"] })
}

fn config_map() -> Value {
    json!({ "endpointPolicy": { "type": "ConfigMap", "configMapKeyRef": { "name": "policies", "key": "all" } } })
}

fn policy() -> Value {
    json!({ "endpointPolicy": { "type": "Inline", "inline": "{}" } })
}

fn class() -> Value {
    json!({ "migrationNetworkClassName": "a" })
}

pub(super) const MANIFESTS: [Manifest; 40] = [
    ("any VPC", || json!({ "vpc": { "tags": { "Name": "*" } } }), WILDCARD, vpc_by_tag),
    ("a VPC by a prefix", || json!({ "vpc": { "tags": { "Name": "migration-*" } } }), WILDCARD, vpc_by_tag),
    (
        "a VPC with a wildcard for one letter",
        || json!({ "vpc": { "tags": { "Name": "migration-landin?" } } }),
        WILDCARD,
        vpc_by_tag,
    ),
    ("a VPC by an escaped wildcard", || json!({ "vpc": { "tags": { "Name": "\\*" } } }), WILDCARD, vpc_by_tag),
    ("a VPC by any key", || json!({ "vpc": { "tags": { "*": "production" } } }), WILDCARD, vpc_by_tag),
    ("any subnet", || json!({ "subnets": { "endpoints": { "tags": { SUBNET_TAG: "*" } } } }), WILDCARD, subnets),
    (
        "subnets with a wildcard for one letter",
        || json!({ "subnets": { "staging": { "tags": { "Name": "?" } } } }),
        WILDCARD,
        subnets,
    ),
    ("a VPC by no tag", || json!({ "vpc": { "tags": {} } }), "at least 1 properties", vpc_by_tag),
    ("a VPC ID with a wildcard", || json!({ "vpc": { "id": "vpc-*" } }), "must be a VPC ID", vpc_by_id),
    ("a path instead of an ID", || json!({ "vpc": { "id": "vpc-../../other" } }), "must be a VPC ID", vpc_by_id),
    ("a second line in an ID", || json!({ "vpc": { "id": "vpc-01234567\n" } }), "must be a VPC ID", vpc_by_id),
    ("two IDs in one string", || json!({ "vpc": { "id": "vpc-01234567,vpc-8" } }), "must be a VPC ID", vpc_by_id),
    (
        "any endpoint",
        || endpoint(&json!({ "service": "mgn", "mode": "Existing", "endpointID": "vpce-*" })),
        "must be an ID of the form 'vpce-'",
        existing,
    ),
    (
        "a resolver by its ARN",
        || json!({ "resolver": { "mode": "Existing", "endpointID": "arn:aws:route53resolver:" } }),
        "must be an ID of the form 'rslvr-in-'",
        resolver,
    ),
    (
        "an outbound resolver",
        || json!({ "resolver": { "mode": "Existing", "endpointID": "rslvr-out-0123456789abcd" } }),
        "must be an ID of the form 'rslvr-in-'",
        resolver,
    ),
    (
        "a group of a peer's account",
        || json!({ "endpointSecurityGroup": { "mode": "Existing", "ids": ["1/sg-01234567"] } }),
        "must be an ID of the form 'sg-'",
        group,
    ),
    ("the owner's tag", || json!({ "tags": { "mgnet.dev/owner": "somebody" } }), RESERVED, tags),
    ("the tag of retained resources", || json!({ "tags": { "mgnet.dev/retained": "true" } }), RESERVED, tags),
    ("AWS's own tags", || json!({ "tags": { "AWS:cloudformation:stack-name": "x" } }), "begin with 'aws:'", tags),
    ("a line break in a tag", || json!({ "tags": { "team": "a\nb" } }), TAG_CHARACTERS, tags),
    ("a terminal escape sequence in a tag", || json!({ "tags": { "team": "\u{1b}[2J" } }), TAG_CHARACTERS, tags),
    ("a variable in a tag", || json!({ "tags": { "team": "${aws:username}" } }), TAG_CHARACTERS, tags),
    ("a format string in a tag", || json!({ "tags": { "team": "%s%n" } }), TAG_CHARACTERS, tags),
    ("quotes in a tag key", || json!({ "tags": { "a\"b": "c" } }), TAG_CHARACTERS, tags),
    ("all IPv4 addresses", || json!({ "sourceCIDRs": ["0.0.0.0/0"] }), "must not be wider than '/8'", sources),
    (
        "half of all IPv4 addresses",
        || json!({ "sourceCIDRs": ["128.0.0.0/1"] }),
        "must not be wider than '/8'",
        sources,
    ),
    ("a range with host bits", || json!({ "sourceCIDRs": ["10.1.2.3/8"] }), "no bits set after its prefix", sources),
    (
        "leading zeros, which some parsers read as octal",
        || json!({ "sourceCIDRs": ["010.0.0.0/8"] }),
        NOT_CIDR,
        sources,
    ),
    ("all IPv6 addresses", || json!({ "sourceCIDRs": ["::/0"] }), NOT_CIDR, sources),
    ("IPv4 in IPv6", || json!({ "sourceCIDRs": ["::ffff:10.0.0.0/104"] }), NOT_CIDR, sources),
    ("a second line in a range", || json!({ "sourceCIDRs": ["10.0.0.0/8\n"] }), NOT_CIDR, sources),
    (
        "characters that look like ASCII digits",
        || json!({ "sourceCIDRs": ["\u{ff11}\u{ff10}.0.0.0/8"] }),
        NOT_CIDR,
        sources,
    ),
    (
        "a service with a letter that looks like an ASCII letter",
        || endpoint(&json!({ "service": "\u{0455}3" })),
        "must be the short name of a service",
        || endpoint(&json!({ "service": "s3" })),
    ),
    (
        "another Region's service",
        || endpoint(&json!({ "service": "amazonaws.us-east-1.s3" })),
        "must be only the part of the service's name after the Region",
        || endpoint(&json!({ "service": "s3" })),
    ),
    (
        "a policy from another namespace",
        || {
            json!({ "endpointPolicy": { "type": "ConfigMap", "configMapKeyRef": {
                "name": "policies", "key": "all", "namespace": "kube-system" } } })
        },
        "unknown field \"spec.endpointPolicy.configMapKeyRef.namespace\"",
        config_map,
    ),
    (
        "a policy from a path",
        || {
            let reference = json!({ "name": "../kube-system/policies", "key": "all" });
            json!({ "endpointPolicy": { "type": "ConfigMap", "configMapKeyRef": reference } })
        },
        "must be the name of a ConfigMap",
        config_map,
    ),
    (
        "a policy of 1 MiB",
        || json!({ "endpointPolicy": { "type": "Inline", "inline": " ".repeat(1 << 20) } }),
        "Too long: may not be more than 20480 bytes",
        policy,
    ),
    (
        "many long policies",
        || policies(4),
        "must not contain more than 61440 characters of `inline` policies together",
        || policies(3),
    ),
    (
        "an account in the spec",
        || json!({ "account": { "id": "111122223333" } }),
        "unknown field \"spec.account\"",
        || json!({}),
    ),
    (
        "a class name with a letter that looks like an ASCII letter",
        || json!({ "migrationNetworkClassName": "\u{0430}" }),
        "must be the name of a MigrationNetworkClass",
        class,
    ),
];

/// Returns a spec with this number of policies of the greatest length.
fn policies(count: usize) -> Value {
    let policy = json!({ "type": "Inline", "inline": " ".repeat(20_480) });
    let services =
        (0..count).map(|number| json!({ "service": format!("s{number}"), "type": "Interface", "policy": policy }));
    json!({ "endpoints": services.collect::<Vec<_>>() })
}

#[tokio::test]
async fn the_schema_refuses_values_with_a_wider_meaning_than_they_show() -> Result<()> {
    let lab = Lab::real_shared().await?;
    let scene = Scene::set(&lab, "schema").await?;
    let path = format!("/apis/mgnet.dev/v1alpha1/namespaces/{}/migrationnetworks", scene.intruder.namespace);
    let object = |part: &Value| {
        let mut object = json!({
            "apiVersion": "mgnet.dev/v1alpha1",
            "kind": "MigrationNetwork",
            "metadata": { "name": "hostile" },
            "spec": { "migrationNetworkClassName": scene.intruder.class_name, "sourceCIDRs": [support::SOURCES] },
        });
        for (field, value) in part.as_object().into_iter().flatten() {
            object["spec"][field] = value.clone();
        }
        object
    };
    let strict = format!("{path}?fieldValidation=Strict");
    for (what, refused, words, admitted) in MANIFESTS {
        let dry = format!("{strict}&dryRun=All");
        let admitted = scene.tenant.send("POST", &dry, &object(&admitted())).await;
        admitted.with_context(|| format!("the variant of '{what}' that should be admitted"))?;
        match scene.tenant.send("POST", &strict, &object(&refused())).await {
            Err(kube::Error::Api(status)) if matches!(status.code, 400 | 422) => {
                ensure!(status.message.contains(words), "{what}: {}", status.message);
            }
            other => anyhow::bail!("{what}: {other:?}"),
        }
    }
    let mut long = object(&json!({}));
    long["metadata"]["name"] = "a".repeat(254).into();
    let refused = scene.tenant.send("POST", &strict, &long).await.err().context("a name of 254 characters")?;
    ensure!(refused.to_string().contains("metadata.name"), "{refused}");
    // Without strict field validation unknown fields are dropped, so that no field can refer to another namespace.
    let dropped = json!({ "suspend": true, "endpointPolicy": { "type": "ConfigMap", "configMapKeyRef": {
        "name": "policies", "key": "all", "namespace": "kube-system" } } });
    let stored = scene.tenant.send("POST", &path, &object(&dropped)).await?;
    assert_eq!(stored["spec"]["endpointPolicy"]["configMapKeyRef"], json!({ "name": "policies", "key": "all" }));
    until_observed(&scene.site, 1).await?;
    scene.victim_is_untouched().await?;
    assert_eq!(scene.site.writes_after(scene.mark).await?, []);
    close(&scene.intruder_as_administrator()).await?;
    close(&scene.site).await
}
