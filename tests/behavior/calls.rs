//! The calls that make a network: which, in which order, and with which words.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use k8s_openapi::api::core::v1::Namespace;
use kube::{Api, ResourceExt};
use mgnet::model::claims::token;
use serde_json::{Value, json};
use support::{Call, Lab, SOURCES, Site, count_by_action};

use support::waiting::{close, listed};

#[tokio::test]
async fn every_call_that_changes_something_is_made_once_and_in_order() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("calls").await?;
    // A throttled call is sent again, which is no other call; here every line of the log is to count.
    lab.world().change_options(&site.account, json!({ "throttling": false })).await?;
    let mark = site.last_call().await?;
    let network = site.network("tokyo").with_replication_group().apply().await?;
    network.until_ready().await?;
    let calls = site.calls_after(mark).await?;
    assert!(calls.iter().all(|call| call.outcome == "ok"), "{}", listed(&calls));

    let writes: Vec<Call> = calls.iter().filter(|call| call.is_write()).cloned().collect();
    let wanted = BTreeMap::from([
        ("AuthorizeSecurityGroupIngress", 3),
        ("CreateResolverEndpoint", 1),
        ("CreateSecurityGroup", 3),
        ("CreateVpcEndpoint", 7),
    ]);
    assert_eq!(count_by_action(&writes), wanted);

    let first_write = calls.iter().position(Call::is_write).context("nothing was written")?;
    let seen: BTreeSet<&str> = calls[..first_write].iter().map(|call| call.action.as_str()).collect();
    for read in [
        "DescribeVpcs",
        "DescribeVpcAttribute",
        "DescribeSubnets",
        "DescribeRouteTables",
        "DescribeVpcEndpointServices",
        "DescribeVpcEndpoints",
        "DescribeSecurityGroups",
        "ListResolverEndpoints",
    ] {
        assert!(seen.contains(read), "{read} came after the first write:{}", listed(&calls));
    }
    let whole_log = site.calls().await?;
    let first = |action: &str| whole_log.iter().position(|call| call.action == action);
    assert!(
        first("GetCallerIdentity") < first("DescribeVpcEndpoints"),
        "whose credentials they are was not asked first"
    );

    // What needs what: groups, their rules, what the rules guard; and the gateway before the S3 interface endpoint.
    let at = |slot: &str| {
        let made = writes.iter().position(|call| call.parameters.to_string().contains(&format!("\"{slot}\"")));
        made.with_context(|| format!("nothing was made for {slot}:{}", listed(&writes)))
    };
    let state = site.state().await?;
    let rules_of = |slot: &str| {
        let group = state.security_group(slot).map(|group| group.id.clone()).unwrap_or_default();
        let given = writes.iter().position(|call| {
            call.action == "AuthorizeSecurityGroupIngress" && call.parameters["GroupId"] == group.as_str()
        });
        given.with_context(|| format!("nothing was admitted to {slot}:{}", listed(&writes)))
    };
    assert!(at("sg/endpoints")? < rules_of("sg/endpoints")?);
    for service in ["mgn", "s3", "ec2", "ssm", "ssmmessages", "ec2messages"] {
        assert!(rules_of("sg/endpoints")? < at(&format!("vpce/{service}/Interface"))?, "{}", listed(&writes));
    }
    assert!(at("sg/resolver")? < rules_of("sg/resolver")?);
    assert!(rules_of("sg/resolver")? < at("resolver")?, "{}", listed(&writes));
    assert!(at("vpce/s3/Gateway")? < at("vpce/s3/Interface")?, "{}", listed(&writes));
    close(&site).await
}

/// AWS's defaults surprise people: a VPC endpoint is a gateway unless said otherwise, has the VPC's default group, and so
/// on. Nothing is left to them.
#[tokio::test]
async fn nothing_is_left_to_the_defaults_of_aws() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("explicit").await?;
    let mark = site.last_call().await?;
    let network = site.network("tokyo").apply().await?;
    let uid = network.until_ready().await?.uid().context("no uid")?;
    let state = site.state().await?;
    let sent = Sent { calls: site.writes_after(mark).await?, tags: Tags::of(&site, &uid).await? };

    let group = |slot: &str| Ok::<_, anyhow::Error>(state.security_group(slot).context("no group")?.id.clone());
    let (endpoints, resolver) = (group("sg/endpoints")?, group("sg/resolver")?);
    let mut subnets = [site.landing.subnet("endpoints-1")?, site.landing.subnet("endpoints-2")?];
    subnets.sort_unstable();
    let mut route_tables = [&site.landing.route_tables["launch"], &site.landing.route_tables["staging"]];
    route_tables.sort_unstable();
    let vpc = &site.landing.vpc;

    assert_eq!(
        sent.for_slot("CreateSecurityGroup", "sg/endpoints")?,
        json!({
            "VpcId": vpc,
            "GroupName": format!("mgnet-{uid}-endpoints"),
            "GroupDescription": "VPC endpoints of a migration network",
            "TagSpecification": sent.tags.ec2("security-group", "sg/endpoints"),
        })
    );
    let from = |range: &str, who: &str| json!({ "CidrIp": range, "Description": format!("mgnet: {who}") });
    let port = |protocol: &str, port: &str, ranges: Value| json!({ "IpProtocol": protocol, "FromPort": port, "ToPort": port, "IpRanges": ranges });
    let vpc_and_sources = json!({ "1": from("10.20.0.0/16", "VPC"), "2": from(SOURCES, "source servers") });
    let sources = json!({ "1": from(SOURCES, "source servers") });
    assert_eq!(
        sent.for_slot("AuthorizeSecurityGroupIngress", &endpoints)?,
        json!({ "GroupId": endpoints, "IpPermissions": { "1": port("tcp", "443", vpc_and_sources) } })
    );
    assert_eq!(
        sent.for_slot("AuthorizeSecurityGroupIngress", &resolver)?,
        json!({
            "GroupId": resolver,
            "IpPermissions": { "1": port("tcp", "53", sources.clone()), "2": port("udp", "53", sources) },
        })
    );
    assert_eq!(
        sent.for_slot("CreateVpcEndpoint", "vpce/s3/Gateway")?,
        json!({
            "VpcId": vpc,
            "VpcEndpointType": "Gateway",
            "ServiceName": "com.amazonaws.ap-northeast-1.s3",
            "RouteTableId": { "1": route_tables[0], "2": route_tables[1] },
            "TagSpecification": sent.tags.ec2("vpc-endpoint", "vpce/s3/Gateway"),
            "ClientToken": token(&uid, "vpce/s3/Gateway".parse()?, 1),
        })
    );
    for service in ["mgn", "s3", "ec2", "ssm", "ssmmessages", "ec2messages"] {
        let slot = format!("vpce/{service}/Interface");
        let mut wanted = json!({
            "VpcId": vpc,
            "VpcEndpointType": "Interface",
            "ServiceName": format!("com.amazonaws.ap-northeast-1.{service}"),
            "SubnetId": { "1": subnets[0], "2": subnets[1] },
            "SecurityGroupId": { "1": endpoints },
            "IpAddressType": "ipv4",
            "PrivateDnsEnabled": "true",
            "TagSpecification": sent.tags.ec2("vpc-endpoint", &slot),
            "ClientToken": token(&uid, slot.parse()?, 1),
        });
        if service == "s3" {
            wanted["DnsOptions"] =
                json!({ "DnsRecordIpType": "ipv4", "PrivateDnsOnlyForInboundResolverEndpoint": "true" });
        }
        assert_eq!(sent.for_slot("CreateVpcEndpoint", &slot)?, wanted);
    }
    assert_eq!(
        sent.for_slot("CreateResolverEndpoint", "resolver")?,
        json!({
            "Name": format!("mgnet-{uid}"),
            "Direction": "INBOUND",
            "ResolverEndpointType": "IPV4",
            "Protocols": ["Do53"],
            "IpAddresses": [{ "SubnetId": subnets[0] }, { "SubnetId": subnets[1] }],
            "SecurityGroupIds": [resolver],
            "Tags": sent.tags.resolver("resolver"),
            "CreatorRequestId": token(&uid, "resolver".parse()?, 1),
        })
    );
    close(&site).await
}

/// The calls that were sent for a network.
struct Sent {
    calls: Vec<Call>,
    tags: Tags,
}

impl Sent {
    /// The parameters of the call that mentions a slot, or a resource.
    fn for_slot(&self, action: &str, slot: &str) -> Result<Value> {
        let quoted = format!("\"{slot}\"");
        let made =
            self.calls.iter().find(|call| call.action == action && call.parameters.to_string().contains(&quoted));
        Ok(made.with_context(|| format!("no {action} for {slot}:{}", listed(&self.calls)))?.parameters.clone())
    }
}

/// The tags that everything of a network is born with.
struct Tags {
    network: String,
    uid: String,
    cluster: String,
}

impl Tags {
    async fn of(site: &Site, uid: &str) -> Result<Self> {
        let cluster = Api::<Namespace>::all(site.kube.clone()).get("kube-system").await?.uid().context("no uid")?;
        Ok(Self { network: format!("{}/tokyo", site.namespace), uid: uid.to_owned(), cluster })
    }

    fn resolver(&self, slot: &str) -> Value {
        json!([
            { "Key": "Name", "Value": format!("{} {slot}", self.network) },
            { "Key": "mgnet.dev/cluster", "Value": self.cluster },
            { "Key": "mgnet.dev/epoch", "Value": "1" },
            { "Key": "mgnet.dev/network", "Value": self.network },
            { "Key": "mgnet.dev/owner", "Value": self.uid },
            { "Key": "mgnet.dev/slot", "Value": slot },
        ])
    }

    fn ec2(&self, resource_type: &str, slot: &str) -> Value {
        let tags = self.resolver(slot);
        let numbered: serde_json::Map<String, Value> =
            tags.as_array().into_iter().flatten().zip(1..).map(|(tag, n)| (n.to_string(), tag.clone())).collect();
        json!({ "1": { "ResourceType": resource_type, "Tag": numbered } })
    }
}
