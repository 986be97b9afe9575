//! Every documented error at every call that changes something. Once: the network reaches the same state, nothing is created
//! twice, and nothing is left behind. Always: everything else goes on. `MGNET_FAULTS=all` tries each error at each call;
//! otherwise each call gets one of them.

use std::env;

use anyhow::{Context, Result, ensure};
use mgnet::api::{ConditionType, MigrationNetwork};
use serde_json::{Value, json};
use support::{Fault, FaultKind, Lab, Network, Site};

use support::failing::{NAME, is_as_before, spoil, uncrowd};
use support::history::History;
use support::state::State;
use support::waiting::{condition, is_true};

/// Errors of EC2. Source: EC2 API Reference, "Error codes", for the actions below.
const EC2: [&str; 22] = [
    "UnauthorizedOperation",
    "AuthFailure",
    "OptInRequired",
    "DependencyViolation",
    "IncorrectState",
    "InvalidParameter",
    "InvalidParameterValue",
    "InvalidGroup.NotFound",
    "InvalidSubnetID.NotFound",
    "InvalidVpcEndpointId.NotFound",
    "InvalidRouteTableID.NotFound",
    "VpcEndpointLimitExceeded",
    "SecurityGroupLimitExceeded",
    "RulesPerSecurityGroupLimitExceeded",
    "InsufficientFreeAddressesInSubnet",
    "IdempotentParameterMismatch",
    "RouteAlreadyExists",
    "TagLimitExceeded",
    "OperationNotPermitted",
    "ConcurrentTagAccess",
    "Unavailable",
    "NewInTheWorld",
];

/// Errors of Route 53 Resolver. Source: Route 53 Resolver API Reference, errors of the actions below.
const RESOLVER: [&str; 9] = [
    "AccessDeniedException",
    "InternalServiceErrorException",
    "InvalidParameterException",
    "InvalidRequestException",
    "LimitExceededException",
    "ResourceExistsException",
    "ResourceNotFoundException",
    "ResourceUnavailableException",
    "NewInTheWorldException",
];

/// The calls that change something.
const CALLS: [(&str, &[&str]); 14] = [
    ("CreateSecurityGroup", &EC2),
    ("AuthorizeSecurityGroupIngress", &EC2),
    ("RevokeSecurityGroupIngress", &EC2),
    ("DeleteSecurityGroup", &EC2),
    ("CreateVpcEndpoint", &EC2),
    ("ModifyVpcEndpoint", &EC2),
    ("DeleteVpcEndpoints", &EC2),
    ("CreateTags", &EC2),
    ("DeleteTags", &EC2),
    ("CreateResolverEndpoint", &RESOLVER),
    ("DisassociateResolverEndpointIpAddress", &RESOLVER),
    ("DeleteResolverEndpoint", &RESOLVER),
    ("TagResource", &RESOLVER),
    ("UntagResource", &RESOLVER),
];

/// Returns the errors of a call to try: all of them, or one that is another one for each call.
fn tried(number: usize, codes: &'static [&'static str]) -> Vec<&'static str> {
    if env::var("MGNET_FAULTS").is_ok_and(|faults| faults == "all") {
        return codes.to_vec();
    }
    vec![codes[number % codes.len()]]
}

/// Edits that need every call but those that create and delete.
fn edits() -> [Value; 2] {
    let other = json!({
        "sourceCIDRs": ["192.168.77.0/24"],
        "tags": { "team": "billing" },
        "endpoints": [{ "service": "ec2", "type": "Interface", "privateDNS": "Disabled" }],
    });
    [other, json!({ "sourceCIDRs": [support::SOURCES], "tags": null, "endpoints": null })]
}

/// Makes the Resolver endpoint lose an address, so that it is replaced and removed.
async fn lose_an_address(site: &Site) -> Result<()> {
    let state = site.state().await?;
    let address = state.resolver_endpoints.first().and_then(|resolver| resolver.addresses.first());
    let id = &address.context("no address")?.id;
    site.lab.control().set_resolver_status(&site.account, &site.region, id, "FAILED_RESOURCE_GONE").await
}

async fn live(site: &Site, network: &Network<'_>) -> Result<()> {
    network.until_ready().await?;
    for edit in edits() {
        network.edit(edit).await?;
        network.until_ready().await?;
    }
    lose_an_address(site).await?;
    let is_repaired = async || {
        let state = site.state().await?;
        let whole = |one: &support::state::ResolverEndpoint| {
            one.addresses.len() == 2 && one.addresses.iter().all(|address| address.status == "ATTACHED")
        };
        Ok(state.resolver_endpoints.iter().all(whole).then_some(()))
    };
    support::failing::until("the lost address is replaced", is_repaired).await?;
    network.until_ready().await?;
    network.delete_and_wait().await
}

#[tokio::test]
async fn no_single_refusal_changes_the_final_state() -> Result<()> {
    let lab = Lab::shared().await?;
    for (number, (action, codes)) in CALLS.into_iter().enumerate() {
        for code in tried(number, codes) {
            let site = lab.site("refused").await?;
            uncrowd(&site).await?;
            let delays = json!({ "delays": emulator::world::options::Delays::none() });
            lab.control().change_options(&site.account, delays).await?;
            let (before, history) = (site.state().await?, History::of(&site));
            let message = Some(format!("the planted error {code}"));
            let refusal = Fault { code: Some(code.to_owned()), message, ..spoil(&site, FaultKind::Error, action) };
            lab.control().order(&refusal).await?;
            let network = site.network(NAME).apply().await?;
            live(&site, &network).await.with_context(|| format!("{code} at {action}"))?;
            is_as_before(&site, &before).await.with_context(|| format!("{code} at {action}"))?;
            history.check_each_slot_was_filled_once().await.with_context(|| format!("{code} at {action}"))?;
            let occurred = site.calls().await?.iter().any(|call| call.action == action && call.outcome == code);
            ensure!(occurred, "{action} was not called, so {code} was not tried");
        }
    }
    Ok(())
}

/// The parts of a network, each with its condition and the calls that fill and empty it.
struct Part {
    condition: ConditionType,
    create: &'static str,
    delete: &'static str,
    codes: &'static [&'static str],
    is_gone: fn(&State) -> bool,
}

const PARTS: [Part; 2] = [
    Part {
        condition: ConditionType::EndpointsReady,
        create: "CreateVpcEndpoint",
        delete: "DeleteVpcEndpoints",
        codes: &EC2,
        is_gone: |state| state.vpc_endpoints.iter().all(|endpoint| endpoint.state == "deleting"),
    },
    Part {
        condition: ConditionType::ResolverReady,
        create: "CreateResolverEndpoint",
        delete: "DeleteResolverEndpoint",
        codes: &RESOLVER,
        is_gone: |state| state.resolver_endpoints.is_empty(),
    },
];

/// Makes each call of an action fail from now on.
async fn refuse(site: &Site, action: &str, code: &str) -> Result<()> {
    let message = Some(format!("the planted error {code}"));
    let refusal = Fault { code: Some(code.to_owned()), message, ..spoil(site, FaultKind::Error, action) };
    site.lab.control().order(&Fault { times: 1_000_000, ..refusal }).await?;
    Ok(())
}

/// A part whose calls always fail waits, and its condition says so; the other part is built and deleted meanwhile.
#[tokio::test]
async fn a_persistent_refusal_holds_up_only_its_own_part() -> Result<()> {
    let lab = Lab::shared().await?;
    for (refused, other) in [(&PARTS[0], &PARTS[1]), (&PARTS[1], &PARTS[0])] {
        for code in tried(refused.create.len(), refused.codes) {
            let what = || format!("{code} at {}", refused.create);
            let site = lab.site("always-refused").await?;
            uncrowd(&site).await?;
            let delays = json!({ "delays": emulator::world::options::Delays::none() });
            lab.control().change_options(&site.account, delays).await?;
            let (before, history) = (site.state().await?, History::of(&site));
            refuse(&site, refused.create, code).await?;
            let network = site.network(NAME).apply().await?;
            let is_partly_built = |network: &MigrationNetwork| {
                let is = |type_, status| condition(network, type_).is_some_and(|(found, ..)| found == status);
                is(other.condition, "True")
                    && is(refused.condition, "False")
                    && is(ConditionType::SecurityGroupsReady, "True")
            };
            let built = network.until("the other part is built", is_partly_built).await.with_context(what)?;
            let (_, reason, message) = condition(&built, refused.condition).context("no condition")?;
            ensure!(!message.is_empty() && !is_true(&built, ConditionType::Ready), "{}: {reason}: {message}", what());
            lab.control().cancel_faults(&site.account).await?;
            network.until_ready().await.with_context(what)?;

            refuse(&site, refused.delete, code).await?;
            network.delete().await?;
            support::failing::until("the other part is deleted", async || {
                Ok((other.is_gone)(&site.state().await?).then_some(()))
            })
            .await
            .with_context(|| format!("{code} at {}", refused.delete))?;
            ensure!(!(refused.is_gone)(&site.state().await?), "the refused calls deleted something");
            lab.control().cancel_faults(&site.account).await?;
            network.until_gone().await.with_context(what)?;
            is_as_before(&site, &before).await.with_context(what)?;
            history.check_each_slot_was_filled_once().await.with_context(what)?;
        }
    }
    Ok(())
}
