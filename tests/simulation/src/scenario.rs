//! The scenarios that the search plays: the actions of users and other tools, and the VPC in which they take place.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use anyhow::Result;
use emulator::world::{
    caller::Caller,
    options::{Delays, Options},
};
use kube::ResourceExt;
use mgnet::{
    api::{
        AccountSpec, AdoptionPolicy, AllowedFrom, AllowedNamespaces, ClaimPhase, ClaimStatus, DeletionPolicy,
        EndpointSpec, EndpointType, ManagementPolicy, MigrationNetworkClass, MigrationNetworkClassSpec,
        MigrationNetworkSpec, NetworkDefaults, PostLaunchSpec, PrivateDns, ReplicationSecurityGroupMode,
        ReplicationSecurityGroupSpec, ReplicationSpec, ResolverMode, ResolverSpec, SubnetSelector, SubnetSelectors,
        TRANSFER_ANNOTATION, Toggle, VpcSelector,
    },
    controller::Key,
    model::{
        claims::token,
        ownership::{NETWORK_TAG, OWNER_TAG, SLOT_TAG},
    },
};
use serde_json::{Value, json};
use support::{Aws, Landing, state::State};

use crate::{
    goal,
    operator::{Operator, Process},
    stage::{Decider, Decision, Seat, Stage},
    universe::{ACCOUNT, CLUSTER, OTHER_CLUSTER, REGION, Universe},
    wire,
};

/// The time of an act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cue {
    /// When the operator is at rest.
    AtRest,
    /// After this number of reconciles since the previous act.
    After(usize),
}

/// An action of a user or of another tool.
#[derive(Clone)]
pub struct Act {
    /// The time of the act.
    pub cue: Cue,
    /// A short name of the act.
    pub what: &'static str,
    /// The effect on the universe.
    pub act: Arc<dyn Fn(&mut Universe) + Send + Sync>,
}

/// A scenario.
#[derive(Clone)]
pub struct Scenario {
    /// The name of the scenario.
    pub name: &'static str,
    /// The time by which lists in AWS lag behind.
    pub lag: Duration,
    /// The acts, in order.
    pub acts: Vec<Act>,
}

/// The network in all scenarios.
pub fn tokyo() -> Key {
    Key { namespace: "team-billing".to_owned(), name: "tokyo".to_owned() }
}

/// A network that selects the same VPC.
pub fn rival() -> Key {
    Key { namespace: "team-analytics".to_owned(), name: "osaka".to_owned() }
}

/// A network of another class, with another VPC.
pub fn neighbour() -> Key {
    Key { namespace: "team-orders".to_owned(), name: "kyoto".to_owned() }
}

/// Returns a minimal spec of a network of the class.
pub fn spec(class: &str) -> MigrationNetworkSpec {
    MigrationNetworkSpec {
        migration_network_class_name: Some(class.to_owned()),
        source_cidrs: Some(vec![support::SOURCES.to_owned()]),
        ..MigrationNetworkSpec::default()
    }
}

/// Returns the spec of a network that requests an endpoint for a further service, without private DNS.
fn with_service(service: &str) -> MigrationNetworkSpec {
    let endpoint = EndpointSpec {
        service: service.to_owned(),
        type_: EndpointType::Interface,
        private_dns: Some(PrivateDns::Disabled),
        mode: None,
        endpoint_id: None,
        addresses: None,
        policy: None,
    };
    MigrationNetworkSpec { endpoints: Some(vec![endpoint]), ..spec("corp") }
}

/// Returns a class that selects the VPC with that name.
pub fn class(name: &str, vpc: &str) -> MigrationNetworkClass {
    let by_use = |use_: support::Use| {
        let tags = [(support::SUBNET_TAG.to_owned(), use_.as_str().to_owned())].into();
        Some(SubnetSelector { tags: Some(tags), ids: None })
    };
    let spec = MigrationNetworkClassSpec {
        account: AccountSpec { id: ACCOUNT.to_owned(), ..AccountSpec::default() },
        region: REGION.to_owned(),
        allowed_namespaces: Some(AllowedNamespaces { from: AllowedFrom::All, selector: None }),
        defaults: Some(NetworkDefaults {
            vpc: Some(VpcSelector { tags: Some([("Name".to_owned(), vpc.to_owned())].into()), id: None }),
            subnets: Some(SubnetSelectors {
                endpoints: by_use(support::Use::Endpoints),
                staging: by_use(support::Use::Staging),
                launch: by_use(support::Use::Launch),
            }),
            ..NetworkDefaults::default()
        }),
        ..MigrationNetworkClassSpec::default()
    };
    MigrationNetworkClass::new(name, spec)
}

/// Returns a universe with a VPC that is ready for a migration, with a class for it, and without networks.
///
/// # Errors
/// If the VPC cannot be created.
pub async fn landing(lag: Duration) -> Result<Universe> {
    let delays = Delays {
        vpn_gateway_attaching: Duration::ZERO,
        // Each transition takes one or two observations: long enough to be observed, but no longer than that needs.
        endpoint_creating: Duration::from_secs(8),
        endpoint_modifying: Duration::from_secs(6),
        endpoint_deleting: Duration::from_secs(8),
        endpoint_listed_deleted: Duration::from_secs(12),
        resolver_creating: Duration::from_secs(12),
        resolver_updating: Duration::from_secs(8),
        resolver_deleting: Duration::from_secs(8),
        ..Delays::aws()
    };
    let options = Options { delays, throttling: false, ..Options::default() };
    let stage = Stage::new(Universe::new(options), Box::new(|_, _| Decision::Go));
    let config = wire::config(&Seat::new(&stage, 0));
    let aws = Aws {
        ec2: aws_sdk_ec2::Client::new(&config),
        mgn: aws_sdk_mgn::Client::new(&config),
        route53: aws_sdk_route53::Client::new(&config),
        resolver: aws_sdk_route53resolver::Client::new(&config),
    };
    Landing::make(&aws).await?;
    Ok(stage.with(|universe| {
        universe.lag(lag);
        universe.kubernetes.create_class(class("corp", support::VPC_NAME));
        universe.begin();
        universe.branch()
    }))
}

/// Plays a scenario to its end. `turn` chooses the next of the `processes` processes, which restart after a crash,
/// and `decider` chooses the faults. Every effect is checked against the promises.
pub async fn play(
    universe: &Universe,
    acts: &[Act],
    processes: usize,
    mut turn: impl FnMut() -> usize,
    decider: Decider,
) -> Arc<Stage> {
    let stage = Stage::new(universe.branch(), decider);
    let mut started = processes;
    let mut troupe: Vec<Process> =
        (1..=processes).map(|number| Process::Idle(Operator::start(&stage, number))).collect();
    // Each act waits for its cue, but only for a limited number of reconciles: faults may keep the operator from its
    // rest.
    let cues = acts.iter().map(|act| act.cue).chain([Cue::AtRest]);
    let mut acts = acts.iter();
    for cue in cues {
        let (most, must_rest) = match cue {
            Cue::AtRest => (60 * processes, true),
            Cue::After(reconciles) => (reconciles, false),
        };
        for _ in 0..most {
            let who = turn() % processes;
            let process = troupe.remove(who);
            let process = process.go().await.unwrap_or_else(|| {
                started += 1;
                Process::Idle(Operator::start(&stage, started))
            });
            troupe.insert(who, process);
            if stage.with(|universe| universe.is_over || universe.breach.is_some()) {
                return stage;
            }
            if must_rest && troupe.iter_mut().all(Process::is_quiet) {
                break;
            }
        }
        if let Some(act) = acts.next() {
            let old = stage.with(|universe| universe.cluster);
            stage.with(|universe| universe.act(act.what, |universe| (act.act)(universe)));
            if stage.with(|universe| universe.cluster) != old {
                // The other cluster has an operator of its own.
                troupe.clear();
                for _ in 0..processes {
                    started += 1;
                    troupe.push(Process::Idle(Operator::start(&stage, started)));
                }
            }
        }
    }
    stage
}

fn act(cue: Cue, what: &'static str, act: impl Fn(&mut Universe) + Send + Sync + 'static) -> Act {
    Act { cue, what, act: Arc::new(act) }
}

fn create(universe: &mut Universe) {
    universe.kubernetes.create(&tokyo(), spec("corp"));
}

fn delete(universe: &mut Universe) {
    universe.kubernetes.delete(&tokyo());
}

/// Returns an edit of the spec.
fn edit(what: &'static str, change: fn(&mut MigrationNetworkSpec)) -> Act {
    act(Cue::AtRest, what, move |universe| universe.kubernetes.edit(&tokyo(), |network| change(&mut network.spec)))
}

/// Returns a call of another tool on the resource that fills a slot.
fn on(slot: &'static str, what: &'static str, action: &'static str, parameters: fn(&State, &str) -> Value) -> Act {
    act(Cue::AtRest, what, move |universe| {
        let state = universe.state();
        if let Some(id) = state.slots().get(slot) {
            call(universe, action, &parameters(&state, id));
        }
    })
}

/// Returns all scenarios.
#[allow(clippy::too_many_lines, reason = "a list")]
pub fn all() -> Vec<Scenario> {
    let created = act(Cue::AtRest, "create", create);
    let deleted = act(Cue::AtRest, "delete", delete);
    let soon = |reconciles, act: &Act| Act { cue: Cue::After(reconciles), ..act.clone() };
    let scenario = |name, acts: Vec<Act>| Scenario { name, lag: Duration::ZERO, acts };
    let lagging = |name, acts: Vec<Act>| Scenario { name, lag: Duration::from_secs(20), acts };
    let after = |name, acts: Vec<Act>| {
        let acts = [created.clone()].into_iter().chain(acts).collect();
        Scenario { name, lag: Duration::ZERO, acts }
    };
    vec![
        scenario("create", vec![created.clone()]),
        lagging("create, lists lag", vec![created.clone()]),
        after("delete", vec![deleted.clone()]),
        lagging("delete, lists lag", vec![created.clone(), deleted.clone()]),
        after("delete after the first reconcile", vec![soon(1, &deleted)]),
        after("delete during creation", vec![soon(2, &deleted)]),
        after("delete halfway through creation", vec![soon(4, &deleted)]),
        after("delete and rebuild", vec![deleted.clone(), soon(3, &created), created.clone()]),
        after("other sources", vec![edit("sources", |spec| spec.source_cidrs = Some(vec!["10.50.0.0/16".to_owned()]))]),
        after(
            "proxies are added and removed",
            vec![
                edit("proxies", |spec| spec.proxy_cidrs = Some(vec!["10.9.0.0/24".to_owned()])),
                edit("no proxies", |spec| spec.proxy_cidrs = None),
            ],
        ),
        after(
            "the resolver is disabled and enabled",
            vec![
                edit("no resolver", |spec| {
                    let mode = Some(ResolverMode::Disabled);
                    spec.resolver = Some(ResolverSpec { mode, ..ResolverSpec::default() });
                }),
                edit("a resolver", |spec| spec.resolver = None),
            ],
        ),
        after(
            "post-launch actions and tags change",
            vec![
                edit("no SSM", |spec| spec.post_launch = Some(PostLaunchSpec { ssm: Some(Toggle::Disabled) })),
                // Another endpoint without private DNS, because AWS does not reject a duplicate of it.
                edit("SSM, and KMS", |spec| {
                    spec.post_launch = None;
                    spec.endpoints = with_service("kms").endpoints;
                }),
                // While endpoints are being created that lists may not contain yet.
                act(Cue::After(1), "tags", |universe| {
                    universe.kubernetes.edit(&tokyo(), |network| network.spec.tags = Some(tags("billing")));
                }),
                edit("other tags", |spec| spec.tags = Some(tags("orders"))),
                edit("no tags", |spec| spec.tags = None),
            ],
        ),
        scenario(
            "a service is denied",
            vec![
                act(Cue::AtRest, "create, with a denied service", |universe| {
                    universe.deny(goal::DENIED_SERVICE);
                    universe.kubernetes.create(&tokyo(), with_service(goal::DENIED_SERVICE));
                }),
                edit("no SSM", |spec| spec.post_launch = Some(PostLaunchSpec { ssm: Some(Toggle::Disabled) })),
                deleted.clone(),
            ],
        ),
        after(
            "a replication security group is added and removed",
            vec![
                edit("a group", |spec| {
                    let mode = Some(ReplicationSecurityGroupMode::Managed);
                    let security_group = Some(ReplicationSecurityGroupSpec { mode, id: None });
                    spec.replication = Some(ReplicationSpec { security_group });
                }),
                edit("no group", |spec| spec.replication = None),
            ],
        ),
        after(
            "a user removes the finalizer",
            vec![
                act(Cue::AtRest, "the finalizer is removed", |universe| {
                    universe.kubernetes.edit(&tokyo(), |network| network.metadata.finalizers = None);
                }),
                deleted.clone(),
            ],
        ),
        after(
            "other subnets",
            vec![
                act(Cue::AtRest, "new subnets", other_subnets),
                edit("the new subnets are used", |spec| {
                    let tags = Some([(support::SUBNET_TAG.to_owned(), "others".to_owned())].into());
                    let endpoints = Some(SubnetSelector { tags, ids: None });
                    spec.subnets = Some(SubnetSelectors { endpoints, ..SubnetSelectors::default() });
                }),
            ],
        ),
        after(
            "suspended, then planned",
            vec![
                edit("other sources while suspended", |spec| {
                    spec.suspend = Some(true);
                    spec.source_cidrs = Some(vec!["10.50.0.0/16".to_owned()]);
                }),
                edit("planned", |spec| {
                    spec.suspend = None;
                    spec.management_policy = Some(ManagementPolicy::Plan);
                }),
                edit("enforced", |spec| spec.management_policy = None),
            ],
        ),
        after(
            "a user deletes resources",
            vec![
                on("vpce/mgn/Interface", "DeleteVpcEndpoints mgn", "DeleteVpcEndpoints", deletes),
                on("vpce/s3/Interface", "DeleteVpcEndpoints s3", "DeleteVpcEndpoints", deletes),
                on(
                    "resolver",
                    "DeleteResolverEndpoint",
                    "DeleteResolverEndpoint",
                    |_, id| json!({ "ResolverEndpointId": id }),
                ),
            ],
        ),
        after(
            "a user edits resources",
            vec![
                on("sg/endpoints", "a rule is added by hand", "AuthorizeSecurityGroupIngress", |_, id| {
                    let ranges = json!({ "1": { "CidrIp": "10.77.0.0/16", "Description": goal::BY_HAND } });
                    let rule = json!({ "IpProtocol": "tcp", "FromPort": "8443", "ToPort": "8443", "IpRanges": ranges });
                    json!({ "GroupId": id, "IpPermissions": { "1": rule } })
                }),
                on("sg/resolver", "a rule is removed", "RevokeSecurityGroupIngress", |state, id| {
                    let group = state.security_groups.iter().find(|one| one.id == id);
                    let rule = group.and_then(|group| group.ingress.first()).map(|rule| rule.id.clone());
                    json!({ "GroupId": id, "SecurityGroupRuleId": { "1": rule } })
                }),
                on(
                    "vpce/ec2/Interface",
                    "tags are removed",
                    "DeleteTags",
                    |_, id| json!({ "ResourceId": { "1": id }, "Tag": { "1": { "Key": NETWORK_TAG }, "2": { "Key": "Name" } } }),
                ),
                on("vpce/ssm/Interface", "a subnet is detached", "ModifyVpcEndpoint", |state, id| {
                    let endpoint = state.vpc_endpoints.iter().find(|one| one.id == id);
                    let subnet = endpoint.and_then(|endpoint| endpoint.subnets.first().cloned());
                    json!({ "VpcEndpointId": id, "RemoveSubnetId": { "1": subnet } })
                }),
                on("vpce/s3/Gateway", "a route table is removed", "ModifyVpcEndpoint", |state, id| {
                    let endpoint = state.vpc_endpoints.iter().find(|one| one.id == id);
                    let table = endpoint.and_then(|endpoint| endpoint.route_tables.first().cloned());
                    json!({ "VpcEndpointId": id, "RemoveRouteTableId": { "1": table } })
                }),
                act(Cue::AtRest, "a second gateway", second_gateway),
            ],
        ),
        after(
            "retain and rebuild",
            vec![
                edit("Retain", |spec| spec.deletion_policy = Some(DeletionPolicy::Retain)),
                deleted.clone(),
                act(Cue::AtRest, "create, adopting", |universe| {
                    create(universe);
                    universe.kubernetes.edit(&tokyo(), |network| {
                        network.spec.adoption_policy = Some(AdoptionPolicy::Retained);
                    });
                }),
                deleted.clone(),
            ],
        ),
        after(
            "move to another cluster",
            vec![
                act(Cue::AtRest, "Retain, for the other cluster", |universe| {
                    universe.kubernetes.edit(&tokyo(), |network| {
                        network.spec.deletion_policy = Some(DeletionPolicy::Retain);
                        network.annotations_mut().insert(TRANSFER_ANNOTATION.to_owned(), OTHER_CLUSTER.to_owned());
                    });
                }),
                deleted.clone(),
                act(Cue::AtRest, "create in the other cluster, adopting", move_to_other_cluster),
                deleted.clone(),
            ],
        ),
        scenario(
            "adopt foreign resources",
            vec![
                act(Cue::AtRest, "foreign resources", foreign_resources),
                act(Cue::AtRest, "create, adopting", |universe| {
                    create(universe);
                    universe
                        .kubernetes
                        .edit(&tokyo(), |network| network.spec.adoption_policy = Some(AdoptionPolicy::Any));
                }),
                deleted.clone(),
            ],
        ),
        after(
            "two networks select one VPC",
            vec![
                act(Cue::After(1), "a second network", |universe| universe.kubernetes.create(&rival(), spec("corp"))),
                deleted.clone(),
            ],
        ),
        after(
            "a later version ran before",
            vec![
                act(Cue::AtRest, "the later version creates a resource of its own", later_resource),
                deleted.clone(),
                act(Cue::AtRest, "the later version deletes it", delete_later_resource),
            ],
        ),
        after(
            "the class is edited",
            vec![
                act(Cue::AtRest, "proxies for all", |universe| {
                    universe.kubernetes.edit_class("corp", |class| {
                        if let Some(defaults) = &mut class.spec.defaults {
                            defaults.proxy_cidrs = Some(vec!["10.8.0.0/24".to_owned()]);
                        }
                    });
                }),
                deleted,
            ],
        ),
    ]
}

/// Continues in another cluster, whose class accepts transfers, unless the network still exists in the old one.
fn move_to_other_cluster(universe: &mut Universe) {
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
fn later_resource(universe: &mut Universe) {
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
fn delete_later_resource(universe: &mut Universe) {
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

fn tags(team: &str) -> BTreeMap<String, String> {
    [("team".to_owned(), team.to_owned())].into()
}

/// Creates two subnets in the same zones as the subnets of the class.
fn other_subnets(universe: &mut Universe) {
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

fn deletes(_: &State, id: &str) -> Value {
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
    use emulator::world::World;

    let caller = Caller::user(ACCOUNT, REGION);
    if let Some(service) = World::service_of(action) {
        drop(universe.aws.call(&caller, service, action, parameters));
    }
}
