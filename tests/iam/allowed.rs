//! The policies allow every call that the operator makes, in every scenario.

use std::collections::BTreeSet;

use anyhow::{Result, ensure};
use support::Call;

use crate::{
    calls::requests,
    evaluate::{Principal, Request},
    policy::Statement,
    role_of,
    scenarios::{self, Recorded},
    shipped, statements, statements_for_transfer,
};

/// Returns the requests that the statements deny.
pub(crate) fn denied<'r>(
    role: &Principal,
    requests: impl IntoIterator<Item = &'r Request>,
    statements: &[Statement],
) -> BTreeSet<&'r Request> {
    requests.into_iter().filter(|request| !role.may(request, statements)).collect()
}

/// Returns the requests of all recorded calls.
pub(crate) fn all_requests(calls: &[Call]) -> Result<BTreeSet<Request>> {
    Ok(calls.iter().map(requests).collect::<Result<Vec<_>>>()?.into_iter().flatten().collect())
}

/// Checks that the policies allow the calls of a scenario, which must include these actions.
fn check(recorded: &Recorded, includes: &[&str]) -> Result<()> {
    let called: BTreeSet<&str> = recorded.calls.iter().map(|call| call.action.as_str()).collect();
    let missing: Vec<_> = includes.iter().filter(|action| !called.contains(**action)).collect();
    ensure!(missing.is_empty(), "the scenario did not call {missing:?}, but {called:?}");
    let (role, requests) = (role_of(&recorded.cluster), all_requests(&recorded.calls)?);
    let denied = denied(&role, &requests, &recorded.statements()?);
    ensure!(denied.is_empty(), "the policies deny {denied:#?}");
    Ok(())
}

#[tokio::test]
async fn creation_edits_and_deletion_are_allowed() -> Result<()> {
    let includes = [
        "AuthorizeSecurityGroupIngress",
        "CreateResolverEndpoint",
        "CreateSecurityGroup",
        "CreateTags",
        "CreateVpcEndpoint",
        "DeleteResolverEndpoint",
        "DeleteSecurityGroup",
        "DeleteTags",
        "DeleteVpcEndpoints",
        "ModifyVpcEndpoint",
        "RevokeSecurityGroupIngress",
        "TagResource",
        "UntagResource",
    ];
    check(&scenarios::life().await?, &includes)
}

#[tokio::test]
async fn repair_of_drift_is_allowed() -> Result<()> {
    let includes = [
        "AssociateResolverEndpointIpAddress",
        "AuthorizeSecurityGroupIngress",
        "CreateTags",
        "CreateVpcEndpoint",
        "DisassociateResolverEndpointIpAddress",
        "ModifyVpcEndpoint",
        "TagResource",
    ];
    check(&scenarios::drift().await?, &includes)
}

#[tokio::test]
async fn reading_prefix_lists_is_allowed() -> Result<()> {
    check(&scenarios::filtered().await?, &["DescribeManagedPrefixLists", "GetManagedPrefixListEntries"])
}

/// The behavior tests show that a network needs nothing else where the call is denied.
#[tokio::test]
async fn the_statement_about_replication_templates_concerns_only_the_call_that_reads_them() -> Result<()> {
    let recorded = scenarios::life().await?;
    check(&recorded, &["DescribeReplicationConfigurationTemplates"])?;
    let mut statements = statements(recorded.adopts)?;
    statements.retain(|statement| statement.sid != "ReadReplicationTemplates");
    let (role, requests) = (role_of(&recorded.cluster), all_requests(&recorded.calls)?);
    let denied = denied(&role, &requests, &statements);
    let actions: BTreeSet<&str> = denied.iter().map(|request| request.action.as_str()).collect();
    assert_eq!(actions, BTreeSet::from(["mgn:DescribeReplicationConfigurationTemplates"]));
    Ok(())
}

#[tokio::test]
async fn a_blocked_deletion_is_allowed_to_find_the_cause() -> Result<()> {
    check(&scenarios::blocked_deletion().await?, &["DeleteSecurityGroup", "DescribeSecurityGroupVpcAssociations"])
}

#[tokio::test]
async fn retention_and_the_adoption_of_retained_resources_are_allowed() -> Result<()> {
    check(&scenarios::retained().await?, &["CreateTags", "DeleteTags", "TagResource", "UntagResource"])
}

#[tokio::test]
async fn adoption_release_and_a_second_adoption_of_released_resources_are_allowed() -> Result<()> {
    check(
        &scenarios::released_and_adopted_again().await?,
        &["CreateTags", "DeleteTags", "TagResource", "UntagResource"],
    )
}

#[tokio::test]
async fn a_second_adoption_of_resources_that_lost_their_owner_is_allowed() -> Result<()> {
    check(&scenarios::adopted_again_without_owner().await?, &["CreateTags", "TagResource"])
}

#[tokio::test]
async fn leaving_resources_to_another_cluster_is_allowed() -> Result<()> {
    check(&scenarios::left_to_another_cluster().await?, &["CreateTags", "TagResource"])
}

#[tokio::test]
async fn taking_over_resources_of_another_cluster_is_allowed_only_with_the_policy_for_it() -> Result<()> {
    let recorded = scenarios::taken_over_from_another_cluster().await?;
    check(&recorded, &["CreateTags", "DeleteTags", "DeleteVpcEndpoints", "TagResource", "UntagResource"])?;
    let (role, requests) = (role_of(&recorded.cluster), all_requests(&recorded.calls)?);
    let others = [statements(true)?, [statements(false)?, statements_for_transfer("another")?].concat()];
    for others in others {
        let denied = denied(&role, &requests, &others);
        let actions: BTreeSet<&str> = denied.iter().map(|request| request.action.as_str()).collect();
        assert_eq!(actions, BTreeSet::from(["ec2:CreateTags", "route53resolver:TagResource"]));
    }
    Ok(())
}

#[tokio::test]
async fn adoption_is_denied_without_the_policy_for_it() -> Result<()> {
    for recorded in [scenarios::released_and_adopted_again().await?, scenarios::adopted_again_without_owner().await?] {
        let (role, requests) = (role_of(&recorded.cluster), all_requests(&recorded.calls)?);
        let denied = denied(&role, &requests, &statements(false)?);
        let actions: BTreeSet<&str> = denied.iter().map(|request| request.action.as_str()).collect();
        assert_eq!(actions, BTreeSet::from(["ec2:CreateTags", "route53resolver:TagResource"]));
    }
    Ok(())
}

#[tokio::test]
async fn the_search_for_orphans_and_their_deletion_are_allowed() -> Result<()> {
    let includes = ["DeleteResolverEndpoint", "DeleteSecurityGroup", "DeleteVpcEndpoints", "ListTagsForResource"];
    check(&Box::pin(scenarios::orphans()).await?, &includes)
}

#[tokio::test]
async fn the_role_of_a_class_may_be_assumed_and_no_other() -> Result<()> {
    let recorded = scenarios::assumption().await?;
    let statements = shipped("assume-role-policy.json")?.statements;
    let requests = all_requests(&recorded.calls)?;
    let (assume, others): (Vec<_>, Vec<_>) = requests.iter().partition(|request| request.action == "sts:AssumeRole");
    ensure!(!assume.is_empty() && others.is_empty(), "{requests:#?}");
    let role = Principal::default();
    assert_eq!(denied(&role, assume.iter().copied(), &statements), BTreeSet::new());
    for other in ["arn:aws:iam::111122223333:role/admin", "arn:aws:iam::111122223333:role/team/mgnet"] {
        let request = Request { resource: other.to_owned(), ..assume[0].clone() };
        assert!(!role.may(&request, &statements), "{other}");
    }
    Ok(())
}
