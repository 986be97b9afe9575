//! AWS Application Migration Service: its initialization, and replication configuration templates.
//!
//! Source, unless noted otherwise: botocore, `mgn/2020-02-26/service-2.json`.

use std::collections::HashMap;

use aws_sdk_mgn::{
    operation::create_replication_configuration_template::builders::CreateReplicationConfigurationTemplateFluentBuilder,
    types::{
        InternetProtocol, ReplicationConfigurationDataPlaneRouting as Routing,
        ReplicationConfigurationDefaultLargeStagingDiskType as DiskType,
        ReplicationConfigurationEbsEncryption as Encryption,
    },
};
use emulator::http::{Fault, FaultKind};

use crate::support::{ACCOUNT, Aws, TOKYO, authorization, code, raw};

const SUBNET: &str = "subnet-0123456789abcdef0";

/// Returns the request for a template with all required members.
fn template(aws: &Aws) -> CreateReplicationConfigurationTemplateFluentBuilder {
    aws.mgn
        .create_replication_configuration_template()
        .staging_area_subnet_id(SUBNET)
        .associate_default_security_group(true)
        .set_replication_servers_security_groups_ids(Some(Vec::new()))
        .replication_server_instance_type("t3.small")
        .use_dedicated_replication_server(false)
        .default_large_staging_disk_type(DiskType::Gp3)
        .ebs_encryption(Encryption::Default)
        .bandwidth_throttling(0)
        .data_plane_routing(Routing::PrivateIp)
        .create_public_ip(false)
        .set_staging_area_tags(Some(HashMap::new()))
}

async fn created(aws: &Aws) -> String {
    template(aws).send().await.expect("a template").replication_configuration_template_id
}

/// Source of the second step: clients that initialize MGN create a template, too, because InitializeService alone does not
/// suffice.
#[tokio::test]
async fn an_account_is_initialized_when_it_has_a_template() {
    let aws = Aws::start().await;
    let list = || aws.mgn.describe_replication_configuration_templates().send();
    assert_eq!(code(list().await), "UninitializedAccountException");
    assert_eq!(code(template(&aws).send().await), "UninitializedAccountException");
    aws.mgn.initialize_service().send().await.expect("initialized");
    assert_eq!(code(list().await), "UninitializedAccountException");
    let id = created(&aws).await;
    assert!(id.starts_with("rct-") && id.len() == 21, "{id}");
    assert_eq!(list().await.expect("a list").items().len(), 1);
    aws.mgn
        .delete_replication_configuration_template()
        .replication_configuration_template_id(&id)
        .send()
        .await
        .unwrap();
    assert_eq!(code(list().await), "UninitializedAccountException");
}

#[tokio::test]
async fn a_template_is_listed_as_it_was_created_and_changed() {
    let aws = Aws::start().await;
    aws.mgn.initialize_service().send().await.expect("initialized");
    let group = "sg-0123456789abcdef0";
    let id = created(&aws).await;
    let list = || aws.mgn.describe_replication_configuration_templates().replication_configuration_template_ids(&id);
    let listed = list().send().await.expect("a list");
    let [first] = listed.items() else { panic!("{listed:?}") };
    assert_eq!(first.staging_area_subnet_id(), Some(SUBNET));
    assert_eq!((first.associate_default_security_group(), first.create_public_ip()), (Some(true), Some(false)));
    assert_eq!(first.data_plane_routing(), Some(&Routing::PrivateIp));
    assert!(first.replication_servers_security_groups_ids().is_empty());
    let arn = format!("arn:aws:mgn:{TOKYO}:{ACCOUNT}:replication-configuration-template/{id}");
    assert_eq!(first.arn(), Some(arn.as_str()));

    let change = aws.mgn.update_replication_configuration_template().replication_configuration_template_id(&id);
    let change = change.data_plane_routing(Routing::PublicIp).create_public_ip(true);
    let change = change.replication_servers_security_groups_ids(group).internet_protocol(InternetProtocol::Ipv6);
    change.associate_default_security_group(false).send().await.expect("changed");
    let listed = list().send().await.expect("a list");
    let [changed] = listed.items() else { panic!("{listed:?}") };
    assert_eq!((changed.associate_default_security_group(), changed.create_public_ip()), (Some(false), Some(true)));
    assert_eq!(changed.data_plane_routing(), Some(&Routing::PublicIp));
    assert_eq!(changed.replication_servers_security_groups_ids(), [group]);
    assert_eq!(changed.internet_protocol(), Some(&InternetProtocol::Ipv6));
    assert_eq!(changed.staging_area_subnet_id(), Some(SUBNET), "a member that is not given stays");
}

#[tokio::test]
async fn a_template_keeps_the_subnet_that_was_deleted() {
    let aws = Aws::start().await;
    aws.mgn.initialize_service().send().await.expect("initialized");
    let vpc = aws.vpc("10.20.0.0/16").await;
    let subnet = aws.subnet(&vpc, "10.20.1.0/24", "a").await;
    template(&aws).staging_area_subnet_id(&subnet).send().await.expect("a template");
    aws.ec2.delete_subnet().subnet_id(&subnet).send().await.expect("deleted");
    let listed = aws.mgn.describe_replication_configuration_templates().send().await.expect("a list");
    assert_eq!(listed.items()[0].staging_area_subnet_id(), Some(subnet.as_str()));
}

#[tokio::test]
async fn templates_are_listed_page_by_page() {
    let aws = Aws::start().await;
    aws.mgn.initialize_service().send().await.expect("initialized");
    for _ in 0..3 {
        created(&aws).await;
    }
    let list = || aws.mgn.describe_replication_configuration_templates();
    let first = list().max_results(2).send().await.expect("a page");
    assert_eq!(first.items().len(), 2);
    let rest = list().set_next_token(first.next_token).send().await.expect("a page");
    assert_eq!((rest.items().len(), rest.next_token()), (1, None));
    assert_eq!(code(list().max_results(0).send().await), "ValidationException");
    assert_eq!(code(list().max_results(1001).send().await), "ValidationException");
    assert_eq!(code(list().next_token("bogus").send().await), "ValidationException");
}

#[tokio::test]
async fn each_invalid_call_has_its_code_and_status() {
    let aws = Aws::start().await;
    aws.mgn.initialize_service().send().await.expect("initialized");
    created(&aws).await;
    assert_eq!(code(template(&aws).staging_area_subnet_id("subnet-x").send().await), "ValidationException");
    assert_eq!(code(template(&aws).replication_servers_security_groups_ids("sg").send().await), "ValidationException");
    assert_eq!(code(template(&aws).bandwidth_throttling(10_001).send().await), "ValidationException");
    for (path, body, expected) in [
        ("/DescribeReplicationConfigurationTemplates", r#"{"replicationConfigurationTemplateIDs": ["rct-1"]}"#, 400),
        (
            "/DescribeReplicationConfigurationTemplates",
            r#"{"replicationConfigurationTemplateIDs": ["rct-00000000000000000"]}"#,
            404,
        ),
        ("/CreateReplicationConfigurationTemplate", "{}", 400),
        ("/DescribeReplicationConfigurationTemplates", "{", 400),
        ("/Nonsense", "{}", 404),
        ("/InitializeService", "{}", 204),
    ] {
        let authorization = authorization(ACCOUNT, TOKYO, "mgn");
        let (status, answer) = raw(&aws.server, "POST", path, &[("authorization", &authorization)], body).await;
        assert_eq!(status, expected, "{path} {body}: {answer}");
    }
}

#[tokio::test]
async fn faults_have_the_codes_of_the_service() {
    let aws = Aws::start().await;
    let action = "DescribeReplicationConfigurationTemplates";
    let denied = Fault { code: Some("AccessDeniedException".to_owned()), ..Fault::next(FaultKind::Error, action) };
    for (fault, expected, status) in [
        (Fault::next(FaultKind::Throttle, action), "ThrottlingException", 429),
        (Fault::next(FaultKind::Error500, action), "InternalServerException", 500),
        (denied, "AccessDeniedException", 403),
    ] {
        aws.server.order(fault);
        let refused = aws.mgn.describe_replication_configuration_templates().send().await.expect_err("refused");
        assert_eq!(refused.raw_response().map(|answer| answer.status().as_u16()), Some(status), "{expected}");
        assert_eq!(code::<(), _>(Err(refused)), expected);
    }
}
