//! The model without HTTP, as simulators use it: typed requests, manual time, and worlds that branch.

use std::time::Duration;

use emulator::world::{
    Filter, TagSpecification, World,
    action::Service,
    caller::Caller,
    ec2::{
        subnet::CreateSubnet,
        vpc::{CreateVpc, attribute::ModifyVpcAttribute},
        vpc_endpoint::{create::CreateVpcEndpoint, delete::DeleteVpcEndpoints, describe::DescribeVpcEndpoints},
    },
    options::{Delays, Options},
};
use jiff::Timestamp;
use serde_json::json;

const TOKYO: &str = "ap-northeast-1";

fn world() -> (World, Caller) {
    let options = Options { throttling: false, ..Options::default() };
    (World::new(Timestamp::UNIX_EPOCH, options), Caller::user("111111111111", TOKYO))
}

fn endpoint(world: &mut World, caller: &Caller) -> String {
    let vpc = CreateVpc { cidr_block: "10.20.0.0/16".to_owned(), ..CreateVpc::default() };
    let vpc = world.run(caller, vpc).unwrap().vpc.vpc_id.to_string();
    let subnet =
        CreateSubnet { vpc_id: vpc.clone(), cidr_block: Some("10.20.0.0/24".to_owned()), ..CreateSubnet::default() };
    let subnet = world.run(caller, subnet).unwrap().subnet.subnet_id.to_string();
    let request = CreateVpcEndpoint {
        vpc_id: vpc,
        service_name: Some("com.amazonaws.ap-northeast-1.mgn".to_owned()),
        vpc_endpoint_type: Some("Interface".to_owned()),
        subnet_id: vec![subnet],
        private_dns_enabled: Some(false),
        tag_specification: TagSpecification::new("vpc-endpoint", &[("owner", "me")]),
        ..CreateVpcEndpoint::default()
    };
    world.run(caller, request).unwrap().vpc_endpoint.vpc_endpoint_id.to_string()
}

fn states(world: &mut World, caller: &Caller) -> Vec<&'static str> {
    let request = DescribeVpcEndpoints { filter: vec![Filter::new("tag:owner", &["me"])], ..Default::default() };
    world.run(caller, request).unwrap().endpoints.iter().map(|endpoint| endpoint.state).collect()
}

/// A simulator advances to the time of the next scheduled change.
#[test]
fn time_advances_to_the_next_change() {
    let (mut world, caller) = world();
    endpoint(&mut world, &caller);
    assert_eq!(states(&mut world, &caller), ["pending"]);
    let due = world.next_due().unwrap();
    assert_eq!(due, Duration::from_mins(1));
    world.advance(due.saturating_sub(world.now()));
    assert_eq!(states(&mut world, &caller), ["available"]);
    assert_eq!(world.next_due(), None);
}

/// A clone is an independent world; the same steps lead to equal worlds.
#[test]
fn worlds_branch_and_can_be_compared() {
    let (mut one, caller) = world();
    let id = endpoint(&mut one, &caller);
    let mut other = one.clone();
    let delete = DeleteVpcEndpoints { vpc_endpoint_id: vec![id] };
    assert!(other.run(&caller, delete.clone()).unwrap().unsuccessful.is_empty());
    assert_eq!(states(&mut one, &caller), ["pending"]);
    assert_eq!(states(&mut other, &caller), ["deleting"]);
    assert!(one != other);
    one.run(&caller, delete).unwrap();
    assert!(one == other);
}

/// Without delays every transition is over by the next call.
#[test]
fn without_delays_the_next_call_sees_the_final_state() {
    let (mut world, caller) = world();
    let without = |options: &Options| Ok::<_, ()>(Options { delays: Delays::none(), ..options.clone() });
    world.change_options(None, without).unwrap();
    let id = endpoint(&mut world, &caller);
    assert_eq!(states(&mut world, &caller), ["available"]);
    world.run(&caller, DeleteVpcEndpoints { vpc_endpoint_id: vec![id] }).unwrap();
    assert!(states(&mut world, &caller).is_empty());
    assert!(world.state("111111111111", TOKYO).is_clean());
}

/// An untyped call and a typed request, which accept only one of the attributes at a time.
#[test]
fn untyped_calls_and_typed_requests_share_one_world() {
    let (mut world, caller) = world();
    let parameters = json!({"CidrBlock": "10.20.0.0/16"});
    let answer = world.call(&caller, Service::Ec2, "CreateVpc", &parameters).unwrap();
    let vpc_id = answer["vpc"]["vpcId"].as_str().unwrap().to_owned();
    let none = ModifyVpcAttribute { vpc_id, ..ModifyVpcAttribute::default() };
    assert_eq!(world.run(&caller, none).unwrap_err().code, "InvalidParameterCombination");
}
