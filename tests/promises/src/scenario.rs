//! What people do, and where: the scenes in which the search looks for what can go wrong.

use std::{sync::Arc, time::Duration};

use anyhow::Result;
use aws_emulator::world::{
    caller::Caller,
    options::{Delays, Options},
};
use lab::{Aws, Landing};
use mgnet::{
    api::{
        AccountSpec, AllowedFrom, AllowedNamespaces, MigrationNetworkClass, MigrationNetworkClassSpec,
        MigrationNetworkSpec, NetworkDefaults, SubnetSelector, SubnetSelectors, VpcSelector,
    },
    controller::Key,
};

use crate::{
    operator::Operator,
    stage::{Decider, Decision, Seat, Stage},
    universe::{ACCOUNT, REGION, Universe},
    wire,
};

/// When somebody does something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cue {
    /// When the operator is at rest.
    AtRest,
    /// After so many reconciles since the act before.
    After(usize),
}

/// Something that somebody does.
#[derive(Clone)]
pub struct Act {
    /// When.
    pub cue: Cue,
    /// What, in a word or two.
    pub what: &'static str,
    /// How.
    pub act: Arc<dyn Fn(&mut Universe) + Send + Sync>,
}

/// A scenario.
#[derive(Clone)]
pub struct Scenario {
    /// Its name.
    pub name: &'static str,
    /// How long AWS's lists lag behind.
    pub lag: Duration,
    /// What people do, in order.
    pub acts: Vec<Act>,
}

/// The network of all scenarios.
pub fn tokyo() -> Key {
    Key { namespace: "team-billing".to_owned(), name: "tokyo".to_owned() }
}

/// One that wants the same VPC.
pub fn rival() -> Key {
    Key { namespace: "team-orders".to_owned(), name: "osaka".to_owned() }
}

fn spec(sources: &[&str]) -> MigrationNetworkSpec {
    MigrationNetworkSpec {
        migration_network_class_name: Some("corp".to_owned()),
        source_cidrs: Some(sources.iter().map(|source| (*source).to_owned()).collect()),
        ..MigrationNetworkSpec::default()
    }
}

fn class() -> MigrationNetworkClass {
    let by_use = |use_: lab::Use| {
        let tags = [(lab::SUBNET_TAG.to_owned(), use_.as_str().to_owned())].into();
        Some(SubnetSelector { tags: Some(tags), ids: None })
    };
    let spec = MigrationNetworkClassSpec {
        account: AccountSpec { id: ACCOUNT.to_owned(), ..AccountSpec::default() },
        region: REGION.to_owned(),
        allowed_namespaces: Some(AllowedNamespaces { from: AllowedFrom::All, selector: None }),
        defaults: Some(NetworkDefaults {
            vpc: Some(VpcSelector { tags: Some([("Name".to_owned(), lab::VPC_NAME.to_owned())].into()), id: None }),
            subnets: Some(SubnetSelectors {
                endpoints: by_use(lab::Use::Endpoints),
                staging: by_use(lab::Use::Staging),
                launch: by_use(lab::Use::Launch),
            }),
            ..NetworkDefaults::default()
        }),
        ..MigrationNetworkClassSpec::default()
    };
    MigrationNetworkClass::new("corp", spec)
}

/// A VPC that is ready for a migration, and a class for it. Nobody has asked for anything yet.
///
/// # Errors
/// If the VPC could not be made.
pub async fn landing(lag: Duration) -> Result<Universe> {
    let delays = Delays {
        vpn_gateway_attaching: Duration::ZERO,
        // All transitions are shorter than the look after the next, so that searches meet every state and no more.
        ..Delays::aws()
    };
    let options = Options { delays, throttling: false, ..Options::default() };
    let stage = Stage::new(Universe::new(options), Box::new(|_, _| Decision::Go));
    let config = wire::config(&Seat::new(&stage, 0));
    let aws = Aws {
        ec2: aws_sdk_ec2::Client::new(&config),
        route53: aws_sdk_route53::Client::new(&config),
        resolver: aws_sdk_route53resolver::Client::new(&config),
    };
    Landing::make(&aws).await?;
    Ok(stage.with(|universe| {
        universe.lag(lag);
        universe.kubernetes.create_class(class());
        universe.begin();
        universe.branch()
    }))
}

/// Plays a scenario to its end, with one process that starts again after each crash, while `decider` says what goes wrong.
/// Gives the stage and the number of processes that there were; the promises have been held against every effect.
pub async fn play(universe: &Universe, acts: &[Act], decider: Decider) -> (Arc<Stage>, usize) {
    let stage = Stage::new(universe.branch(), decider);
    let mut processes = 1;
    let mut operator = Operator::start(&stage, processes);
    // Each act waits for its cue, but not for ever: where faults keep the operator from its rest, life goes on.
    let waits = acts.iter().map(|act| act.cue).chain([Cue::AtRest]);
    let mut acts = acts.iter();
    for cue in waits {
        let (mut left, must_rest) = match cue {
            Cue::AtRest => (60, true),
            Cue::After(reconciles) => (reconciles, false),
        };
        while left > 0 {
            left -= 1;
            let seat = Arc::clone(&operator.seat);
            let crashed = tokio::select! {
                biased;
                () = seat.crashed.notified() => true,
                () = operator.step() => false,
            };
            if crashed {
                processes += 1;
                operator = Operator::start(&stage, processes);
            } else if must_rest && operator.is_quiet() {
                break;
            }
            if stage.with(|universe| universe.breach.is_some()) {
                return (stage, processes);
            }
        }
        if let Some(act) = acts.next() {
            stage.with(|universe| universe.act(act.what, |universe| (act.act)(universe)));
        }
    }
    (stage, processes)
}

fn act(cue: Cue, what: &'static str, act: impl Fn(&mut Universe) + Send + Sync + 'static) -> Act {
    Act { cue, what, act: Arc::new(act) }
}

fn create(universe: &mut Universe) {
    universe.kubernetes.create(&tokyo(), spec(&[lab::SOURCES]));
}

fn delete(universe: &mut Universe) {
    universe.kubernetes.delete(&tokyo());
}

/// All scenarios, by name.
pub fn all() -> Vec<Scenario> {
    let created = act(Cue::AtRest, "create", create);
    let scenario = |name, acts: Vec<Act>| Scenario { name, lag: Duration::ZERO, acts };
    vec![
        scenario("create", vec![created.clone()]),
        scenario("delete", vec![created.clone(), act(Cue::AtRest, "delete", delete)]),
    ]
}

/// A call as somebody with keys of the account makes it, in the query protocol. A refusal is no matter.
pub fn call(universe: &mut Universe, action: &str, parameters: &serde_json::Value) {
    use aws_emulator::world::World;

    let caller = Caller::user(ACCOUNT, REGION);
    if let Some(service) = World::service_of(action) {
        drop(universe.aws.call(&caller, service, action, parameters));
    }
}
