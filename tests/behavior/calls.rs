//! The calls that create a network: their actions, their order and their parameters.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use k8s_openapi::api::core::v1::Namespace;
use kube::{Api, ResourceExt};
use mgnet::model::claims::token;
use serde_json::{Value, json};
use support::{Call, Lab, SOURCES, Site, count_by_action};

use support::waiting::{close, listed};

#[tokio::test]
async fn every_write_is_sent_once_and_in_the_order_of_dependencies() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("calls").await?;
    // Throttling is off: a throttled call is sent again, but this test counts every line of the log as another call.
    lab.control().change_options(&site.account, json!({ "throttling": false })).await?;
    let mark = site.last_call().await?;
    let network = site.network("tokyo").with_replication_group().apply().await?;
    network.until_ready().await?;
    let calls = site.calls_after(mark).await?;
    assert!(calls.iter().all(|call| call.outcome == "ok"), "{}", listed(&calls));

    let writes: Vec<Call> = calls.iter().filter(|call| call.is_write()).cloned().collect();
    let expected = BTreeMap::from([
        ("AuthorizeSecurityGroupIngress", 3),
        ("CreateResolverEndpoint", 1),
        ("CreateSecurityGroup", 3),
        ("CreateVpcEndpoint", 7),
    ]);
    assert_eq!(count_by_action(&writes), expected);

    let first_write = calls.iter().position(Call::is_write).context("nothing was written")?;
    let before_first_write: BTreeSet<&str> = calls[..first_write].iter().map(|call| call.action.as_str()).collect();
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
        assert!(before_first_write.contains(read), "{read} was not called before the first write:{}", listed(&calls));
    }
    let log = site.calls().await?;
    let first = |action: &str| log.iter().position(|call| call.action == action);
    assert!(
        first("GetCallerIdentity") < first("DescribeVpcEndpoints"),
        "the identity of the credentials was not checked first"
    );

    // The dependencies: groups before their rules, rules before the resources that they guard, and the gateway endpoint
    // before the S3 interface endpoint.
    let creation_of = |slot: &str| {
        let position = writes.iter().position(|call| call.parameters.to_string().contains(&format!("\"{slot}\"")));
        position.with_context(|| format!("no call created {slot}:{}", listed(&writes)))
    };
    let state = site.state().await?;
    let rules_of = |slot: &str| {
        let group = state.security_group(slot).map(|group| group.id.clone()).unwrap_or_default();
        let position = writes.iter().position(|call| {
            call.action == "AuthorizeSecurityGroupIngress" && call.parameters["GroupId"] == group.as_str()
        });
        position.with_context(|| format!("no rule was added to {slot}:{}", listed(&writes)))
    };
    assert!(creation_of("sg/endpoints")? < rules_of("sg/endpoints")?);
    for service in ["mgn", "s3", "ec2", "ssm", "ssmmessages", "ec2messages"] {
        assert!(rules_of("sg/endpoints")? < creation_of(&format!("vpce/{service}/Interface"))?, "{}", listed(&writes));
    }
    assert!(creation_of("sg/resolver")? < rules_of("sg/resolver")?);
    assert!(rules_of("sg/resolver")? < creation_of("resolver")?, "{}", listed(&writes));
    assert!(creation_of("vpce/s3/Gateway")? < creation_of("vpce/s3/Interface")?, "{}", listed(&writes));
    close(&site).await
}

/// The defaults of AWS can be surprising. For example, a VPC endpoint is a gateway endpoint unless the call sets
/// another type, and it gets the VPC's default security group. The operator relies on none of the defaults.
#[tokio::test]
async fn create_calls_set_every_parameter_and_rely_on_no_default_of_aws() -> Result<()> {
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
    let from = |range: &str, source: &str| json!({ "CidrIp": range, "Description": format!("mgnet: {source}") });
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
            "ClientToken": token(&uid, "vpce/s3/Gateway", 1),
        })
    );
    for service in ["mgn", "s3", "ec2", "ssm", "ssmmessages", "ec2messages"] {
        let slot = format!("vpce/{service}/Interface");
        let mut expected = json!({
            "VpcId": vpc,
            "VpcEndpointType": "Interface",
            "ServiceName": format!("com.amazonaws.ap-northeast-1.{service}"),
            "SubnetId": { "1": subnets[0], "2": subnets[1] },
            "SecurityGroupId": { "1": endpoints },
            "IpAddressType": "ipv4",
            "PrivateDnsEnabled": "true",
            "TagSpecification": sent.tags.ec2("vpc-endpoint", &slot),
            "ClientToken": token(&uid, &slot, 1),
        });
        if service == "s3" {
            expected["DnsOptions"] =
                json!({ "DnsRecordIpType": "ipv4", "PrivateDnsOnlyForInboundResolverEndpoint": "true" });
        }
        assert_eq!(sent.for_slot("CreateVpcEndpoint", &slot)?, expected);
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
            "CreatorRequestId": token(&uid, "resolver", 1),
        })
    );
    close(&site).await
}

/// The writes that the operator sent for a network, and the expected tags of its resources.
struct Sent {
    calls: Vec<Call>,
    tags: Tags,
}

impl Sent {
    /// Returns the parameters of the first call of the action that mentions a slot or a resource.
    fn for_slot(&self, action: &str, slot: &str) -> Result<Value> {
        let quoted = format!("\"{slot}\"");
        let call =
            self.calls.iter().find(|call| call.action == action && call.parameters.to_string().contains(&quoted));
        Ok(call.with_context(|| format!("no {action} for {slot}:{}", listed(&self.calls)))?.parameters.clone())
    }
}

/// The tags that every resource of a network gets at its creation.
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
