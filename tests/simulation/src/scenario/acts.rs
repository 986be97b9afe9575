//! The actions of users and of other tools.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use emulator::world::{World, caller::Caller};
use kube::ResourceExt;
use mgnet::{
    api::{
        ADDRESS_CHANGE_ANNOTATION, AddressSpec, AdoptionPolicy, ClaimPhase, ClaimStatus, EndpointSpec, EndpointType,
        MigrationNetworkSpec, ON_PREMISES_DONE_ANNOTATION, PostLaunchSpec, ResolverSpec, Toggle,
    },
    model::{
        claims::token,
        ownership::{OWNER_TAG, SLOT_TAG},
    },
};
use serde_json::{Value, json};
use support::state::State;

use super::{
    Act, Cue,
    setting::{disabled_endpoint, endpoint, rival, spec, tokyo},
};
use crate::{
    goal,
    universe::{ACCOUNT, CLUSTER, OTHER_CLUSTER, REGION, Universe},
};

pub(super) fn act(cue: Cue, what: &'static str, act: impl Fn(&mut Universe) + Send + Sync + 'static) -> Act {
    Act { cue, what, act: Arc::new(act) }
}

pub(super) fn create(universe: &mut Universe) {
    universe.kubernetes.create(&tokyo(), spec("corp"));
}

pub(super) fn delete(universe: &mut Universe) {
    universe.kubernetes.delete(&tokyo());
}

/// Returns an edit of the spec.
pub(super) fn edit(what: &'static str, change: fn(&mut MigrationNetworkSpec)) -> Act {
    act(Cue::AtRest, what, move |universe| universe.kubernetes.edit(&tokyo(), |network| change(&mut network.spec)))
}

/// Returns a call of another tool on the resource that fills a slot.
pub(super) fn on(
    slot: &'static str,
    what: &'static str,
    action: &'static str,
    parameters: fn(&State, &str) -> Value,
) -> Act {
    act(Cue::AtRest, what, move |universe| {
        let state = universe.state();
        if let Some(id) = state.slots().get(slot) {
            call(universe, action, &parameters(&state, id));
        }
    })
}

/// Creates a second network for the VPC that collides with no resource of the first: it requests nothing but a resolver.
/// Its staging subnets reach S3 by a route out of the VPC.
pub(super) fn resolver_only(universe: &mut Universe) {
    let state = universe.state();
    let staging = state.route_tables.iter().find(|table| table.tags.get("Name").is_some_and(|name| name == "staging"));
    let routes = state.route_tables.iter().flat_map(|table| &table.routes);
    let gateway = routes.map(|route| &route.target).find(|target| target.starts_with("vgw-"));
    let parameters = json!({
        "RouteTableId": staging.map(|table| &table.id), "DestinationCidrBlock": "0.0.0.0/0", "GatewayId": gateway,
    });
    call(universe, "CreateRoute", &parameters);
    let (interface, gateway) = (EndpointType::Interface, EndpointType::Gateway);
    let endpoints = [("mgn", interface), ("ec2", interface), ("s3", interface), ("s3", gateway)];
    let spec = MigrationNetworkSpec {
        endpoints: Some(endpoints.map(|(service, type_)| disabled_endpoint(service, type_)).into()),
        post_launch: Some(PostLaunchSpec { ssm: Some(Toggle::Disabled) }),
        ..spec("corp")
    };
    universe.kubernetes.create(&rival(), spec);
}

/// Continues in another cluster, whose class accepts transfers, unless the network still exists in the old one.
pub(super) fn move_to_other_cluster(universe: &mut Universe) {
    if universe.kubernetes.networks.contains_key(&tokyo()) {
        return;
    }
    universe.cluster = OTHER_CLUSTER;
    universe.kubernetes.edit_class("corp", |class| {
        class.spec.accept_transfers_from = Some(vec![CLUSTER.to_owned()]);
    });
    create(universe);
    universe.kubernetes.edit(&tokyo(), |network| network.spec.adoption_policy = Some(AdoptionPolicy::Retained));
}

/// Creates a security group in a slot that only a later version knows, with the claim that this version stores.
pub(super) fn later_resource(universe: &mut Universe) {
    let state = universe.state();
    let uid = universe.kubernetes.networks.get(&tokyo()).and_then(ResourceExt::uid);
    let (Some(vpc), Some(uid)) = (state.vpcs.first(), uid) else { return };
    let tags = json!({
        "1": { "Key": OWNER_TAG, "Value": uid }, "2": { "Key": SLOT_TAG, "Value": goal::LATER_SLOT },
    });
    let parameters = json!({
        "VpcId": vpc.id, "GroupName": goal::LATER_SLOT, "GroupDescription": "a later version",
        "TagSpecification": { "1": { "ResourceType": "security-group", "Tag": tags } },
    });
    call(universe, "CreateSecurityGroup", &parameters);
    let id = universe.state().slots().get(goal::LATER_SLOT).cloned();
    let token = token(&uid, goal::LATER_SLOT, 1);
    let claim =
        ClaimStatus { slot: goal::LATER_SLOT.to_owned(), epoch: 1, phase: ClaimPhase::Held, token, id, request: None };
    universe.kubernetes.edit(&tokyo(), |network| network.status.get_or_insert_default().claims.push(claim));
}

/// Deletes the resource of the later version, which records that it is gone.
pub(super) fn delete_later_resource(universe: &mut Universe) {
    if let Some(id) = universe.state().slots().get(goal::LATER_SLOT) {
        call(universe, "DeleteSecurityGroup", &json!({ "GroupId": id }));
    }
    universe.kubernetes.edit(&tokyo(), |network| {
        let claims = network.status.iter_mut().flat_map(|status| &mut status.claims);
        for claim in claims.filter(|claim| claim.slot == goal::LATER_SLOT) {
            claim.phase = ClaimPhase::Released;
        }
    });
}

/// Acknowledges the hand-off that the network has now.
pub(super) fn acknowledge(universe: &mut Universe) {
    universe.kubernetes.edit(&tokyo(), |network| {
        let hand_off = network.status.as_ref().and_then(|status| status.on_premises.as_ref());
        if let Some(revision) = hand_off.map(|hand_off| hand_off.revision.clone()) {
            network.annotations_mut().insert(ON_PREMISES_DONE_ANNOTATION.to_owned(), revision);
        }
    });
}

/// Fixes addresses of the MGN endpoint and of the Resolver endpoint that differ from the present ones, and allows the change.
pub(super) fn fix_addresses(universe: &mut Universe) {
    let state = universe.state();
    let slots = ["vpce/mgn/Interface", "resolver"];
    let ids: Vec<String> = slots.iter().filter_map(|slot| state.slots().get(*slot).cloned()).collect();
    let fixed = |id: &String, last: u8| -> Vec<AddressSpec> {
        let subnets: BTreeSet<String> = state.addresses(id).into_iter().map(|(subnet, _)| subnet).collect();
        let subnets = state.subnets.iter().filter(|subnet| subnets.contains(&subnet.id));
        let address = |range: &str| range.rsplit_once('.').map(|(network, _)| format!("{network}.{last}"));
        subnets
            .filter_map(|subnet| Some(AddressSpec { subnet_id: subnet.id.clone(), ip: address(&subnet.cidr)? }))
            .collect()
    };
    let [mgn, resolver] = ids.as_slice() else { return };
    let allowed = format!("vpce/mgn/Interface={mgn},resolver={resolver}");
    universe.kubernetes.edit(&tokyo(), |network| {
        network.annotations_mut().insert(ADDRESS_CHANGE_ANNOTATION.to_owned(), allowed);
        let endpoint = EndpointSpec { addresses: Some(fixed(mgn, 201)), ..endpoint("mgn", EndpointType::Interface) };
        network.spec.endpoints = Some(vec![endpoint]);
        network.spec.resolver = Some(ResolverSpec { addresses: Some(fixed(resolver, 202)), ..ResolverSpec::default() });
    });
}

pub(super) fn tags(team: &str) -> BTreeMap<String, String> {
    [("team".to_owned(), team.to_owned())].into()
}

/// Creates two subnets in the same zones as the subnets of the class.
pub(super) fn other_subnets(universe: &mut Universe) {
    let state = universe.state();
    let Some(vpc) = state.vpcs.first() else { return };
    for (name, (zone, range)) in goal::OTHER_SUBNETS.into_iter().zip([("1", "10.20.31.0/24"), ("2", "10.20.32.0/24")]) {
        let beside = format!("endpoints-{zone}");
        let beside = state.subnets.iter().find(|subnet| subnet.tags.get("Name") == Some(&beside));
        let tags =
            json!({ "1": { "Key": "Name", "Value": name }, "2": { "Key": support::SUBNET_TAG, "Value": "others" } });
        let parameters = json!({
            "VpcId": vpc.id, "AvailabilityZone": beside.map(|subnet| &subnet.zone), "CidrBlock": range,
            "TagSpecification": { "1": { "ResourceType": "subnet", "Tag": tags } },
        });
        call(universe, "CreateSubnet", &parameters);
    }
}

pub(super) fn deletes(_: &State, id: &str) -> Value {
    json!({ "VpcEndpointId": { "1": id } })
}

/// Creates a foreign gateway endpoint in the main route table.
pub fn second_gateway(universe: &mut Universe) {
    let state = universe.state();
    let (Some(vpc), Some(table)) = (state.vpcs.first(), state.route_tables.iter().find(|table| table.main)) else {
        return;
    };
    let parameters = json!({
        "VpcId": vpc.id, "ServiceName": format!("com.amazonaws.{REGION}.s3"), "VpcEndpointType": "Gateway",
        "RouteTableId": { "1": table.id },
    });
    call(universe, "CreateVpcEndpoint", &parameters);
}

/// Creates foreign resources that a network can adopt: a gateway endpoint, which also serves the main route table, and an
/// interface endpoint with the VPC's default security group in one subnet.
pub fn foreign_resources(universe: &mut Universe) {
    let state = universe.state();
    let Some(vpc) = state.vpcs.first() else { return };
    let main = state.route_tables.iter().find(|table| table.main).map(|table| &table.id);
    let other = state.route_tables.iter().find(|table| !table.main).map(|table| &table.id);
    let gateway = json!({
        "VpcId": vpc.id, "ServiceName": format!("com.amazonaws.{REGION}.s3"), "VpcEndpointType": "Gateway",
        "RouteTableId": { "1": main, "2": other },
    });
    call(universe, "CreateVpcEndpoint", &gateway);
    let subnet = state.subnets.iter().find(|subnet| subnet.tags.get("Name").is_some_and(|name| name == "endpoints-1"));
    let group = state.security_groups.iter().find(|group| group.name == "default");
    let interface = json!({
        "VpcId": vpc.id, "ServiceName": format!("com.amazonaws.{REGION}.mgn"), "VpcEndpointType": "Interface",
        "PrivateDnsEnabled": "true", "SubnetId": { "1": subnet.map(|subnet| &subnet.id) },
        "SecurityGroupId": { "1": group.map(|group| &group.id) },
    });
    call(universe, "CreateVpcEndpoint", &interface);
}

/// Sends a call with other credentials of the account. Ignores rejections, because the resource may be gone.
pub fn call(universe: &mut Universe, action: &str, parameters: &Value) {
    let caller = Caller::user(ACCOUNT, REGION);
    if let Some(service) = World::service_of(action) {
        drop(universe.aws.call(&caller, service, action, parameters));
    }
}
