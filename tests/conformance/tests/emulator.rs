//! The cases against the emulator, each in a world of its own in which others have resources too.

use std::{future::pending, pin::pin, sync::Arc, time::Duration};

use conformance::{Case, Charge, Control, InAccount, Pace, Run, Target, Verdict, cases, config_of_stand_in, run};
use emulator::{Server, ServerOptions, http::Entry};

use crate::foreign;

pub(crate) const ACCOUNT: &str = "123456789012";
pub(crate) const REGION: &str = "ap-northeast-1";

/// The emulator, whose clock advances while a case waits.
struct World(Server);

impl Control for World {
    fn advance(&self, by: Duration) {
        self.0.advance(by);
    }

    fn state(&self) -> String {
        let state = self.0.with_world(|world| world.state(ACCOUNT, REGION));
        format!("{state:#?}")
    }
}

/// Runs a case. Returns what is wrong: a difference, a resource that is left or was changed, or a charge that the case does
/// not state.
async fn fault(case: &'static Case) -> Option<String> {
    let mut options = ServerOptions::default();
    options.world.throttling = false;
    let world = Arc::new(World(Server::start(options).await.expect("a free port")));
    let config = config_of_stand_in(world.0.url(), ACCOUNT, REGION).await;
    // A case that cannot run in an account needs a whole quota.
    if !matches!(case.in_account, InAccount::Cannot(_)) {
        foreign::create(&config, REGION).await;
    }
    world.advance(Duration::from_hours(1));
    let (before, number) = (world.state(), world.0.calls(None, 0).last().map_or(0, |entry| entry.number));
    let pace = Pace { interval: Duration::from_secs(5), patience: Duration::from_mins(15) };
    let target = Target::connect(&config, Some(ACCOUNT), Run::begin(), pace).await.expect("the account is right");
    let target = target.with_control(Arc::clone(&world) as Arc<dyn Control>);
    let outcomes = run(&target, &[case], false, pin!(pending()).as_mut(), |_| {}).await;
    let outcome = &outcomes[0];
    let charged = charge(&world.0.calls(None, number));
    let stated = match case.in_account {
        InAccount::Cannot(_) => None,
        InAccount::Cheap | InAccount::Slow(_) => Some(case.charge()),
    };
    let is_covered = |stated: Charge| {
        charged.endpoint_zones <= stated.endpoint_zones && charged.resolver_addresses <= stated.resolver_addresses
    };
    match &outcome.verdict {
        Verdict::Passed if !outcome.leftovers.is_empty() => Some(format!("left: {}", outcome.leftovers[0])),
        Verdict::Passed if world.state() != before => Some(format!("before: {before}\nafter: {}", world.state())),
        Verdict::Passed if stated.is_some_and(|stated| !is_covered(stated)) => {
            Some(format!("charged for {charged:?}, but stated {stated:?}"))
        }
        Verdict::Passed => None,
        other => Some(format!("{other:?}")),
    }
}

/// Returns what AWS charges for in the calls that succeeded. A call that is repeated with its token counts once.
fn charge(calls: &[Entry]) -> Charge {
    let mut charge = Charge::NONE;
    let mut tokens = std::collections::BTreeSet::new();
    for call in calls.iter().filter(|call| call.outcome == "ok") {
        let parameters = &call.parameters;
        let count = |name: &str| match &parameters[name] {
            serde_json::Value::Array(items) => u32::try_from(items.len()).expect("few items"),
            serde_json::Value::Object(items) => u32::try_from(items.len()).expect("few items"),
            _ => 0,
        };
        let is_new = parameters["ClientToken"].as_str().is_none_or(|token| tokens.insert(token.to_owned()));
        match call.action.as_str() {
            "CreateVpcEndpoint" if parameters["VpcEndpointType"] == "Interface" && is_new => {
                charge.endpoint_zones += count("SubnetId");
            }
            "ModifyVpcEndpoint" => charge.endpoint_zones += count("AddSubnetId"),
            "CreateResolverEndpoint" => charge.resolver_addresses += count("IpAddresses"),
            "AssociateResolverEndpointIpAddress" => charge.resolver_addresses += 1,
            _ => {}
        }
    }
    charge
}

async fn hold(subject: &str) {
    let mut faults = Vec::new();
    for case in cases::all().filter(|case| case.subject() == subject) {
        faults.extend(fault(case).await.map(|fault| format!("{}: {fault}", case.name())));
    }
    assert!(faults.is_empty(), "{} cases of {subject}:\n{}", faults.len(), faults.join("\n"));
}

macro_rules! subjects {
    ($($subject:ident)+) => {
        $(
            #[tokio::test]
            async fn $subject() {
                hold(stringify!($subject)).await;
            }
        )+

        #[test]
        fn every_subject_is_tested() {
            let tested = [$(stringify!($subject)),+];
            assert!(cases::all().all(|case| tested.contains(&case.subject())));
            assert!(tested.iter().all(|subject| cases::all().any(|case| case.subject() == *subject)));
        }
    };
}

subjects! {
    catalogue client_tokens dhcp_options gateway_endpoints hosted_zones interface_endpoints invalid_calls network_acls paging
    prefix_lists private_dns recorded resolver routes security_groups tags vpc vpn_gateways
}

#[test]
fn every_case_has_a_name_of_its_own() {
    let names: std::collections::BTreeSet<String> = cases::all().map(Case::name).collect();
    assert_eq!(names.len(), cases::all().count());
}

#[test]
fn the_page_lists_every_case() {
    let page =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/conformance.md")).expect("the page");
    assert!(
        page.ends_with(&conformance::table()),
        "replace the table of docs/conformance.md by what `target/debug/conformance list` prints"
    );
}
