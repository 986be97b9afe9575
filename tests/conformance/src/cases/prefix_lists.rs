//! Prefix lists of AWS and of customers, and routes and rules that refer to them.

use aws_sdk_ec2::types::{
    AddPrefixListEntry, IpPermission, PrefixListId, PrefixListState, RemovePrefixListEntry, RouteState,
};

use super::vpn_gateways::attached_gateway;
use crate::{
    answers::code,
    case::{
        Basis::{Assumed, Source},
        Case, Charge,
        InAccount::{Cheap, Slow},
        case,
    },
    network::filter,
    target::Target,
};

pub(super) const CASES: &[Case] = &[
    case!(
        lists_of_aws_and_of_the_customer_are_described_together,
        Source("AWS CLI reference, `describe-managed-prefix-lists`, examples"),
        "a prefix list",
        Cheap
    ),
    case!(
        a_change_of_entries_creates_a_version,
        Assumed("EC2 API Reference, ModifyManagedPrefixList; the code for too many entries is assumed"),
        "a prefix list",
        Cheap
    ),
    case!(
        a_route_leads_to_a_prefix_list,
        Assumed(
            "EC2 API Reference, CreateRoute, `DestinationPrefixListId`, and DeleteManagedPrefixList; the codes of both \
             deletions are assumed"
        ),
        "a network, a prefix list, a virtual private gateway",
        Slow(Charge::NONE)
    ),
    case!(
        routes_are_listed_from_the_most_specific_to_prefix_lists,
        Source("answers of DescribeRouteTables that cloud-custodian recorded between 2017 and 2026"),
        "a network, a gateway endpoint, a virtual private gateway",
        Slow(Charge::NONE)
    ),
    case!(
        a_rule_counts_with_the_size_of_its_prefix_list,
        Source(
            "Amazon VPC quotas: a rule with a customer's prefix list counts as many times as the list can have entries"
        ),
        "a network, two prefix lists",
        Cheap
    ),
];

/// Waits until the last change of a list is complete.
async fn is_complete(aws: &Target, list: &str) {
    let read = async || {
        let found = aws.ec2.describe_managed_prefix_lists().prefix_list_ids(list).send().await.ok()?;
        let state = found.prefix_lists().first()?.state().cloned()?;
        matches!(state, PrefixListState::CreateComplete | PrefixListState::ModifyComplete).then_some(())
    };
    aws.until("the list is complete", read).await;
}

/// Creates a list with one entry.
async fn list(aws: &Target, most: i32) -> String {
    let entry = AddPrefixListEntry::builder().cidr("192.168.0.0/16").description("on-premises").build();
    let call = aws.ec2.create_managed_prefix_list().prefix_list_name("premises").address_family("IPv4");
    let made = call.max_entries(most).entries(entry).send().await.unwrap().prefix_list.unwrap();
    assert_eq!(made.state(), Some(&PrefixListState::CreateInProgress));
    let id = made.prefix_list_id.unwrap();
    is_complete(aws, &id).await;
    id
}

async fn entries(aws: &Target, list: &str) -> Vec<String> {
    let found = aws.ec2.get_managed_prefix_list_entries().prefix_list_id(list).send().await.unwrap();
    found.entries().iter().filter_map(|entry| entry.cidr().map(str::to_owned)).collect()
}

async fn lists_of_aws_and_of_the_customer_are_described_together(aws: &Target) {
    let own = list(aws, 5).await;
    let found = aws.ec2.describe_managed_prefix_lists().send().await.unwrap().prefix_lists.unwrap();
    let theirs = found.iter().find(|list| list.prefix_list_name() == Some(aws.service("s3").as_str())).unwrap();
    let ours = found.iter().find(|list| list.prefix_list_id() == Some(&*own)).unwrap();
    assert_eq!((theirs.owner_id(), theirs.version(), theirs.max_entries()), (Some("AWS"), None, None));
    let arn = format!("arn:aws:ec2:{}:aws:prefix-list/pl-", aws.region);
    assert!(theirs.prefix_list_arn().unwrap().starts_with(&arn));
    assert_eq!((ours.owner_id(), ours.version(), ours.max_entries()), (Some(aws.account.as_str()), Some(1), Some(5)));
    assert_eq!(ours.state(), Some(&PrefixListState::CreateComplete));
    let by_owner = aws.ec2.describe_managed_prefix_lists().filters(filter("owner-id", "AWS")).send().await.unwrap();
    assert!(by_owner.prefix_lists().len() >= 2, "S3 and DynamoDB");
    assert!(by_owner.prefix_lists().iter().all(|list| list.owner_id() == Some("AWS")));
    assert!(!entries(aws, theirs.prefix_list_id().unwrap()).await.is_empty());
    assert_eq!(entries(aws, &own).await, ["192.168.0.0/16"]);
}

/// The call names the current version.
async fn a_change_of_entries_creates_a_version(aws: &Target) {
    let own = list(aws, 2).await;
    let change = |version, add: &[&str], remove: &[&str]| {
        let add = add.iter().map(|cidr| AddPrefixListEntry::builder().cidr(*cidr).build()).collect();
        let remove = remove.iter().map(|cidr| RemovePrefixListEntry::builder().cidr(*cidr).build()).collect();
        let call = aws.ec2.modify_managed_prefix_list().prefix_list_id(&own).current_version(version);
        call.set_add_entries(Some(add)).set_remove_entries(Some(remove)).send()
    };
    assert_eq!(code(change(1, &["10.0.0.0/8"], &["192.168.0.0/16"]).await), "ok");
    is_complete(aws, &own).await;
    assert_eq!(entries(aws, &own).await, ["10.0.0.0/8"]);
    assert_eq!(code(change(1, &["10.0.0.0/8"], &[]).await), "PrefixListVersionMismatch");
    assert_eq!(code(change(2, &["172.16.0.0/16", "172.17.0.0/16"], &[]).await), "PrefixListMaxEntriesExceeded");
    let first = aws.ec2.get_managed_prefix_list_entries().prefix_list_id(&own).target_version(1).send().await.unwrap();
    assert_eq!(first.entries()[0].cidr(), Some("192.168.0.0/16"));
}

async fn a_route_leads_to_a_prefix_list(aws: &Target) {
    let network = aws.network().await;
    let gateway = attached_gateway(aws, &network.vpc).await;
    let own = list(aws, 5).await;
    let create = || {
        let call = aws.ec2.create_route().route_table_id(&network.route_table).gateway_id(&gateway);
        call.destination_prefix_list_id(&own).send()
    };
    assert_eq!(code(create().await), "ok");
    assert_eq!(code(create().await), "RouteAlreadyExists");
    let call = aws.ec2.describe_route_tables().filters(filter("route.destination-prefix-list-id", &own));
    let tables = call.send().await.unwrap().route_tables.unwrap();
    let route = tables[0].routes().iter().find(|route| route.destination_prefix_list_id().is_some()).unwrap();
    assert_eq!((route.destination_cidr_block(), route.gateway_id()), (None, Some(&*gateway)));
    assert_eq!(route.state(), Some(&RouteState::Active));
    let delete_list = || aws.ec2.delete_managed_prefix_list().prefix_list_id(&own).send();
    assert_eq!(code(delete_list().await), "DependencyViolation");
    let delete = || {
        let call = aws.ec2.delete_route().route_table_id(&network.route_table);
        call.destination_prefix_list_id(&own).send()
    };
    assert_eq!((code(delete().await), code(delete().await)), ("ok".to_owned(), "InvalidRoute.NotFound".to_owned()));
    aws.reaches("the deletion of the list", "ok".to_owned(), async || code(delete_list().await)).await;
    let create = async || code(create().await);
    aws.reaches("a route to the list", "InvalidPrefixListID.NotFound".to_owned(), create).await;
}

async fn routes_are_listed_from_the_most_specific_to_prefix_lists(aws: &Target) {
    let network = aws.network().await;
    let gateway = attached_gateway(aws, &network.vpc).await;
    aws.s3_gateway(&network).await;
    for destination in ["0.0.0.0/0", "192.168.1.0/24"] {
        let call = aws.ec2.create_route().route_table_id(&network.route_table).gateway_id(&gateway);
        call.destination_cidr_block(destination).send().await.unwrap();
    }
    let read = async || {
        let tables = aws.ec2.describe_route_tables().route_table_ids(&network.route_table).send().await.unwrap();
        let routes = tables.route_tables()[0].routes().iter();
        routes.map(|route| route.destination_cidr_block().map(str::to_owned)).collect::<Vec<_>>()
    };
    let expected = [Some("192.168.1.0/24"), Some("10.20.0.0/16"), Some("0.0.0.0/0"), None];
    aws.reaches("the routes", expected.map(|block| block.map(str::to_owned)).to_vec(), read).await;
}

async fn a_rule_counts_with_the_size_of_its_prefix_list(aws: &Target) {
    let network = aws.network().await;
    let authorize = async |list: &str| {
        let list = PrefixListId::builder().prefix_list_id(list).build();
        let permission = IpPermission::builder().ip_protocol("tcp").from_port(443).to_port(443).prefix_list_ids(list);
        let call = aws.ec2.authorize_security_group_egress().group_id(&network.group);
        code(call.ip_permissions(permission.build()).send().await)
    };
    let (small, large) = (list(aws, 59).await, list(aws, 60).await);
    assert_eq!(authorize(&large).await, "RulesPerSecurityGroupLimitExceeded", "with the rule for all traffic");
    assert_eq!(authorize(&small).await, "ok");
    let rules = aws.ec2.describe_security_group_rules().filters(filter("group-id", &network.group));
    let rules = rules.send().await.unwrap().security_group_rules.unwrap();
    assert!(rules.iter().all(|rule| rule.is_egress() == Some(true)) && rules.len() == 2, "{rules:?}");
    assert!(rules.iter().any(|rule| rule.prefix_list_id() == Some(&*small)));
}
