//! The control interface under `/_world/`.

use aws_sdk_ec2::types::{ResourceType, VpcEndpointType};
use serde_json::json;

use crate::support::{ACCOUNT, Aws, TOKYO, code, config, control, state_of, tags};

#[tokio::test]
async fn every_call_is_recorded_with_parameters_and_outcome() {
    let aws = Aws::start().await;
    let set = tags(ResourceType::Vpc, &[("Name", "n")]);
    aws.ec2.create_vpc().cidr_block("10.20.0.0/16").tag_specifications(set).send().await.unwrap();
    aws.ec2.delete_vpc().vpc_id("vpc-00000000000000000").send().await.unwrap_err();
    let (status, calls) = control(&aws.server, "GET", &format!("calls?account={ACCOUNT}"), "").await;
    assert_eq!(status, 200);
    let principal = format!("arn:aws:iam::{ACCOUNT}:user/emulator");
    let expected = json!([
        {
            "number": 1, "time": 0.0, "account": ACCOUNT, "principal": principal, "region": TOKYO, "service": "ec2",
            "action": "CreateVpc",
            "parameters": {
                "CidrBlock": "10.20.0.0/16",
                "TagSpecification": {"1": {"ResourceType": "vpc", "Tag": {"1": {"Key": "Name", "Value": "n"}}}},
            },
            "outcome": "ok", "fault": null,
        },
        {
            "number": 2, "time": 0.0, "account": ACCOUNT, "principal": principal, "region": TOKYO, "service": "ec2",
            "action": "DeleteVpc",
            "parameters": {"VpcId": "vpc-00000000000000000"}, "outcome": "InvalidVpcID.NotFound", "fault": null,
        },
    ]);
    assert_eq!(calls, expected);
    let (_, later) = control(&aws.server, "GET", "calls?after=1", "").await;
    assert_eq!(later.as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn a_recorded_call_shows_the_tags_that_the_named_resources_had_before_it() {
    let aws = Aws::start().await;
    let set = tags(ResourceType::Vpc, &[("Name", "n")]);
    let vpc = aws.ec2.create_vpc().cidr_block("10.20.0.0/16").tag_specifications(set).send().await.unwrap();
    let vpc = vpc.vpc.unwrap().vpc_id.unwrap();
    let tag = aws_sdk_ec2::types::Tag::builder().key("Name").value("m").build();
    aws.ec2.create_tags().resources(&vpc).tags(tag).send().await.unwrap();
    aws.ec2.delete_vpc().vpc_id(&vpc).send().await.unwrap();
    let (_, calls) = control(&aws.server, "GET", &format!("calls?account={ACCOUNT}&after=1"), "").await;
    let named = |name| json!({ vpc.clone(): { "Name": name } });
    assert_eq!((&calls[0]["tags"], &calls[1]["tags"]), (&named("n"), &named("m")));
}

#[tokio::test]
async fn time_passes_on_request() {
    let aws = Aws::start().await;
    let network = aws.network().await;
    let id = aws.interface_endpoint(&network, "mgn").await;
    let (_, time) = control(&aws.server, "GET", "time", "").await;
    assert_eq!(time, json!({"seconds": 0.0, "next_due": 60.0}));
    let (_, time) = control(&aws.server, "POST", "advance", r#"{"seconds": 60.5}"#).await;
    assert_eq!(time, json!({"seconds": 60.5}));
    assert_eq!(state_of(&aws.endpoint(&id).await), "available");
}

#[tokio::test]
async fn options_are_merged_for_all_accounts_or_one() {
    let aws = Aws::start().await;
    let body = json!({"account": ACCOUNT, "options": {"delays": {"endpoint_creating": 0.0}, "max_page": 2}});
    let (status, options) = control(&aws.server, "POST", "options", &body.to_string()).await;
    assert_eq!(status, 200);
    assert_eq!(options["max_page"], 2);
    assert_eq!(options["delays"]["resolver_creating"], 90.0);
    let (_, of_all) = control(&aws.server, "GET", "options", "").await;
    assert_eq!(of_all["max_page"], json!(null));
    let network = aws.network().await;
    let id = aws.interface_endpoint(&network, "mgn").await;
    aws.advance(0);
    assert_eq!(state_of(&aws.endpoint(&id).await), "available");
    let (status, answer) = control(&aws.server, "POST", "options", r#"{"options": {"no_such": 1}}"#).await;
    assert_eq!(status, 400);
    assert!(answer["error"].as_str().unwrap().contains("no_such"));
}

#[tokio::test]
async fn the_state_shows_what_exists() {
    let aws = Aws::start().await;
    let network = aws.network().await;
    let gateway = aws.s3_gateway(&network).await;
    let mgn = aws.interface_endpoint(&network, "mgn").await;
    let (_, state) = control(&aws.server, "GET", &format!("state?account={ACCOUNT}&region={TOKYO}"), "").await;
    assert_eq!(state["vpcs"][0]["dns_hostnames"], true);
    let endpoints = state["vpc_endpoints"].as_array().unwrap();
    let interface = endpoints.iter().find(|endpoint| endpoint["id"] == mgn).unwrap();
    assert_eq!(interface["service_name"], "com.amazonaws.ap-northeast-1.mgn");
    assert_eq!(interface["state"], "pending");
    assert_eq!(interface["network_interfaces"].as_array().unwrap().len(), 2);
    let tables = state["route_tables"].as_array().unwrap();
    let routes = |table: &serde_json::Value| table["routes"].as_array().unwrap().clone();
    assert!(tables.iter().flat_map(routes).any(|route| route["target"] == gateway));
    let (_, all) = control(&aws.server, "GET", "state", "").await;
    assert_eq!(all["111111111111/ap-northeast-1"], state);
}

#[tokio::test]
async fn roles_and_faults_are_set_over_http() {
    let aws = Aws::start().await;
    let role = json!({"account": "222222222222", "name": "mgnet", "external_id": "x", "trusts": [ACCOUNT]});
    assert_eq!(control(&aws.server, "POST", "roles", &role.to_string()).await.0, 200);
    let call = aws.sts.assume_role().role_arn("arn:aws:iam::222222222222:role/mgnet").role_session_name("test");
    assert_eq!(code(call.external_id("x").send().await), "ok");
    let fault = json!({"account": ACCOUNT, "action": "DescribeVpcs", "nth": 2, "kind": "throttle"});
    assert_eq!(control(&aws.server, "POST", "faults", &fault.to_string()).await.1, json!({"id": 1}));
    assert_eq!(code(aws.ec2.describe_vpcs().send().await), "ok");
    let (_, faults) = control(&aws.server, "GET", "faults", "").await;
    assert_eq!(faults[0]["seen"], 1);
    assert_eq!(code(aws.ec2.describe_vpcs().send().await), "RequestLimitExceeded");
    control(&aws.server, "POST", "faults", &fault.to_string()).await;
    control(&aws.server, "DELETE", "faults", "").await;
    assert_eq!(control(&aws.server, "GET", "faults", "").await.1, json!([]));
    assert_eq!(control(&aws.server, "POST", "faults", r#"{"kind": "no_such"}"#).await.0, 400);
}

#[tokio::test]
async fn a_reset_can_apply_to_one_account() {
    let aws = Aws::start().await;
    aws.vpc("10.20.0.0/16").await;
    let other = aws_sdk_ec2::Client::new(&config(&aws.server, "222222222222", TOKYO).await);
    other.create_vpc().cidr_block("10.30.0.0/16").send().await.unwrap();
    control(&aws.server, "POST", "reset", r#"{"account": "222222222222"}"#).await;
    assert!(other.describe_vpcs().send().await.unwrap().vpcs().is_empty());
    assert_eq!(aws.state().vpcs.len(), 1);
    control(&aws.server, "POST", "reset", "").await;
    assert!(aws.state().vpcs.is_empty());
    assert_eq!(control(&aws.server, "GET", "calls", "").await.1, json!([]));
}

#[tokio::test]
async fn the_same_calls_give_the_same_ids() {
    let mut seen = Vec::new();
    for _ in 0..2 {
        let aws = Aws::start().await;
        let network = aws.network().await;
        let call = aws.ec2.create_vpc_endpoint().vpc_id(&network.vpc).service_name(aws.service("mgn"));
        call.vpc_endpoint_type(VpcEndpointType::Interface).subnet_ids(&network.subnets[0]).send().await.unwrap();
        seen.push(aws.state());
    }
    assert_eq!(seen[0], seen[1]);
}
