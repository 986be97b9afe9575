//! Manual changes of status and annotations: every field of the schema, in every way that the API server accepts. The
//! operator must restore the status and change no foreign resource. A network that is deleted right after the change
//! must delete all of its own resources and no others.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use anyhow::{Context, Result, ensure};
use kube::ResourceExt;
use mgnet::{
    api::{ADDRESS_CHANGE_ANNOTATION, DEFAULT_CLASS_ANNOTATION},
    controller::Key,
};
use serde_json::{Value, json};
use support::{
    Aws, Landing,
    corruption::{self, Corruption, How, Material, essence},
    make_vpc,
};

use super::{Found, Outcome, Tally, closed, go};
use crate::{
    closure::MOST_RECONCILES,
    history::{What, Who},
    operator::Operator,
    promises::Breach,
    scenario::{self, call, neighbour, tokyo},
    stage::{Seat, Stage},
    universe::{REGION, Universe},
    wire,
};

/// Two networks at rest, each in its own VPC, with foreign resources in the VPC of the first.
pub struct Ground {
    universe: Universe,
    status: Value,
    material: Material,
}

/// A manual change.
pub struct Tampering {
    /// The description of the change.
    pub what: String,
    act: Arc<dyn Fn(&mut Universe) + Send + Sync>,
}

impl Ground {
    /// Creates the VPCs and networks.
    ///
    /// # Errors
    /// If they cannot be created, or the operator does not come to rest.
    pub async fn new() -> Result<Self> {
        let stage = Stage::new(scenario::landing(Duration::ZERO).await?, go());
        let config = wire::config(&Seat::new(&stage, 0));
        let aws = Aws {
            ec2: aws_sdk_ec2::Client::new(&config),
            mgn: aws_sdk_mgn::Client::new(&config),
            route53: aws_sdk_route53::Client::new(&config),
            resolver: aws_sdk_route53resolver::Client::new(&config),
        };
        let vpc = make_vpc(&aws, NEIGHBOURS_VPC).await?;
        Landing::make_in(&aws, vpc).await?;
        stage.with(|universe| {
            foreign_resources(universe);
            universe.kubernetes.create_class(scenario::class("neighbours", NEIGHBOURS_VPC));
            universe.kubernetes.create(&tokyo(), scenario::spec("corp"));
            universe.kubernetes.create(&neighbour(), scenario::spec("neighbours"));
            universe.begin();
        });
        let mut operator = Operator::start(&stage, 1);
        ensure!(operator.settle(MOST_RECONCILES).await, "the operator does not come to rest");
        let universe = stage.with(|universe| universe.branch());
        let material = Material { foreign: foreign(&universe)?, another: status(&universe, &neighbour())? };
        Ok(Self { status: status(&universe, &tokyo())?, universe, material })
    }

    /// Returns all manual changes.
    ///
    /// # Errors
    /// If the CRD has no schema.
    pub fn tamperings(&self) -> Result<Vec<Tampering>> {
        let of_status = corruption::all(&self.status, &self.material)?.into_iter().map(of_status);
        Ok(of_status.collect::<Result<Vec<_>>>()?.into_iter().chain(self.annotations()).collect())
    }

    fn annotations(&self) -> Vec<Tampering> {
        let resolver = |status: &Value| format!("resolver={}", status["resolver"]["id"].as_str().unwrap_or_default());
        let foreign_resolver = self.material.foreign.get("rslvr-").cloned().unwrap_or_default();
        let mut all = Vec::new();
        for how in How::ALL {
            let text = |foreign: String, another: String| match how {
                How::Removed => None,
                How::Emptied => Some(String::new()),
                How::Foreign => Some(foreign),
                How::Another => Some(another),
                How::Huge => Some("x".repeat(200_000)),
            };
            let address = text(format!("resolver={foreign_resolver}"), resolver(&self.material.another));
            all.push(tampering(format!("{ADDRESS_CHANGE_ANNOTATION} {how:?}"), move |universe| {
                universe
                    .kubernetes
                    .edit(&tokyo(), |network| annotate(network, ADDRESS_CHANGE_ANNOTATION, address.as_ref()));
            }));
            let default = text("perhaps".to_owned(), "true".to_owned());
            all.push(tampering(format!("{DEFAULT_CLASS_ANNOTATION} {how:?}"), move |universe| {
                for class in ["corp", "neighbours"] {
                    universe
                        .kubernetes
                        .edit_class(class, |class| annotate(class, DEFAULT_CLASS_ANNOTATION, default.as_ref()));
                }
            }));
            let unknown = Key { namespace: "nowhere".to_owned(), name: "nobody".to_owned() };
            let named = match how {
                How::Removed | How::Emptied => None,
                How::Foreign => Some(unknown),
                How::Another => Some(neighbour()),
                How::Huge => Some(Key { name: "x".repeat(200_000), ..unknown }),
            };
            all.push(tampering(format!("mgnet.dev/network of the VPC lease {how:?}"), move |universe| {
                let uid = universe.kubernetes.networks.get(&tokyo()).and_then(ResourceExt::uid).unwrap_or_default();
                for lease in universe.kubernetes.vpc_leases.values_mut().filter(|lease| lease.holder == uid) {
                    lease.network.clone_from(&named);
                }
            }));
        }
        all
    }

    /// Tries a manual change twice: once the network continues to exist, once it is deleted at the same moment.
    ///
    /// # Errors
    /// The broken promise: `truthful` if the status is not restored, `stable` if the operator writes to AWS.
    pub async fn try_out(&self, tampering: &Tampering) -> Outcome<Tally> {
        let how = || tampering.what.clone();
        let mut universe = self.universe.branch();
        universe.act("tampering", |universe| (tampering.act)(universe));
        let healed = closed(&universe, go(), "a network at rest", how).await?;
        let now = status(&healed, &tokyo()).unwrap_or_default();
        let since = self.universe.history.moments.len();
        let broken = |promise, why| {
            let (scenario, universe) = ("a network at rest".to_owned(), Box::new(healed.branch()));
            Err(Box::new(Found { scenario, how: how(), breach: Breach { promise, why }, universe }))
        };
        if essence(&now) != essence(&self.status) {
            return broken("truthful", format!("the status was\n{:#}\nbut is now\n{now:#}", self.status));
        }
        let written = healed.history.moments[since..].iter().find_map(|moment| match (&moment.who, &moment.what) {
            (Who::Operator(_), What::Call { action, .. }) => Some(action.clone()),
            _ => None,
        });
        if let Some(action) = written {
            return broken("stable", format!("{action}, although AWS was in the desired state"));
        }
        let mut universe = self.universe.branch();
        universe.act("tampering", |universe| (tampering.act)(universe));
        universe.act("delete", |universe| universe.kubernetes.delete(&tokyo()));
        closed(&universe, go(), "a network that is deleted", how).await?;
        Ok(Tally { tamperings: 1, closures: 2, ..Tally::default() })
    }
}

/// The name of the VPC of the other network.
const NEIGHBOURS_VPC: &str = "neighbours-landing";

fn tampering(what: String, act: impl Fn(&mut Universe) + Send + Sync + 'static) -> Tampering {
    Tampering { what, act: Arc::new(act) }
}

/// Returns a change of the status. The operator must be able to read every status that the API server accepts.
fn of_status(corruption: Corruption) -> Result<Tampering> {
    let what = format!("status.{corruption}");
    let status = serde_json::from_value(corruption.status).with_context(|| what.clone())?;
    Ok(tampering(what, move |universe| {
        universe.kubernetes.edit(&tokyo(), |network| network.status = Some(Clone::clone(&status)));
    }))
}

fn annotate(object: &mut impl ResourceExt, key: &str, text: Option<&String>) {
    let annotations = object.annotations_mut();
    match text {
        Some(text) => annotations.insert(key.to_owned(), text.clone()),
        None => annotations.remove(key),
    };
}

fn status(universe: &Universe, key: &Key) -> Result<Value> {
    let network = universe.kubernetes.networks.get(key).context("no network")?;
    Ok(serde_json::to_value(network.status.as_ref().context("no status")?)?)
}

/// Creates a foreign security group, VPC endpoint and Resolver endpoint.
fn foreign_resources(universe: &mut Universe) {
    let state = universe.state();
    let named = |name: &str| {
        let mut vpcs = state.vpcs.iter();
        vpcs.find(|vpc| vpc.tags.get("Name").is_some_and(|tag| tag == name)).map(|vpc| vpc.id.clone())
    };
    let Some(vpc) = named(support::VPC_NAME) else { return };
    let subnets: Vec<&String> = state.subnets.iter().filter(|one| one.vpc == vpc).map(|one| &one.id).collect();
    let group = json!({ "VpcId": vpc, "GroupName": "foreign", "GroupDescription": "foreign" });
    call(universe, "CreateSecurityGroup", &group);
    let made = universe.state().security_groups.into_iter().find(|group| group.name == "foreign");
    let Some(group) = made.map(|group| group.id) else { return };
    let rule = |protocol: &str| {
        let ranges = json!({ "1": { "CidrIp": "10.0.0.0/8" } });
        json!({ "IpProtocol": protocol, "FromPort": "53", "ToPort": "53", "IpRanges": ranges })
    };
    let rules = json!({ "GroupId": group, "IpPermissions": { "1": rule("tcp"), "2": rule("udp") } });
    call(universe, "AuthorizeSecurityGroupIngress", &rules);
    let endpoint = json!({
        "VpcId": vpc, "ServiceName": format!("com.amazonaws.{REGION}.kms"), "VpcEndpointType": "Interface",
        "PrivateDnsEnabled": "false", "SubnetId": { "1": subnets.first() }, "SecurityGroupId": { "1": group },
    });
    call(universe, "CreateVpcEndpoint", &endpoint);
    let addresses: Vec<Value> = subnets.iter().take(2).map(|subnet| json!({ "SubnetId": subnet })).collect();
    let resolver = json!({
        "CreatorRequestId": "foreign", "Name": "foreign", "Direction": "INBOUND", "SecurityGroupIds": [group],
        "IpAddresses": addresses,
    });
    call(universe, "CreateResolverEndpoint", &resolver);
}

/// The IDs of foreign resources, by the prefix of the ID.
fn foreign(universe: &Universe) -> Result<BTreeMap<String, String>> {
    let state = universe.state();
    let group = state.security_groups.iter().find(|group| group.name == "foreign").context("no group")?;
    let endpoint = state.vpc_endpoints.iter().find(|one| one.service_name.ends_with("kms")).context("no endpoint")?;
    let resolver = state.resolver_endpoints.iter().find(|one| one.tags.is_empty()).context("no Resolver endpoint")?;
    let vpc = state.vpcs.iter().find(|vpc| vpc.tags.is_empty() || vpc.cidrs == ["172.31.0.0/16"]);
    let table = state.route_tables.first().context("no route table")?;
    let interface = state.network_interfaces.first().context("no interface")?;
    let ids = [
        ("sg-", group.id.clone()),
        ("vpce-", endpoint.id.clone()),
        ("rslvr-", resolver.id.clone()),
        ("rtb-", table.id.clone()),
        ("eni-", interface.id.clone()),
        ("subnet-", state.subnets.last().context("no subnet")?.id.clone()),
        ("vpc-", vpc.map_or_else(|| "vpc-0123456789abcdef0".to_owned(), |vpc| vpc.id.clone())),
        ("1111", "999999999999".to_owned()),
        ("ap-", "eu-west-1".to_owned()),
    ];
    Ok(ids.into_iter().map(|(start, id)| (start.to_owned(), id)).collect())
}
