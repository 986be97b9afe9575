//! Tests how MGN's replication templates are read: once for all networks, and without any effect on observations.

use std::{
    collections::{BTreeSet, HashMap},
    time::Duration,
};

use aws_sdk_mgn::types::{
    InternetProtocol, ReplicationConfigurationDataPlaneRouting as DataPlaneRouting,
    ReplicationConfigurationDefaultLargeStagingDiskType as DiskType,
    ReplicationConfigurationEbsEncryption as Encryption,
};
use emulator::http::{Fault, FaultKind};
use mgnet::{
    aws::{Cloud, Scope},
    model::{
        ids::VpcId,
        observed::replication_template::{ReplicationTemplate, ReplicationTemplates, Routing},
    },
};

use crate::site::{ACCOUNT, Site, config};

const DESCRIBE: &str = "DescribeReplicationConfigurationTemplates";

/// A subnet that does not exist.
const GONE: &str = "subnet-0123456789abcdef0";

/// MGN of the site's account.
struct Mgn(aws_sdk_mgn::Client);

impl Mgn {
    /// Initializes MGN, still without a template.
    async fn initialize(site: &Site) -> Self {
        let client = aws_sdk_mgn::Client::new(&config(&site.server, ACCOUNT).await);
        client.initialize_service().send().await.expect("initialized");
        Self(client)
    }

    /// Creates a template that names a subnet and groups, and returns its ID.
    async fn template(&self, subnet: &str, groups: &[&str]) -> String {
        let request = self.0.create_replication_configuration_template().staging_area_subnet_id(subnet);
        let request = request.associate_default_security_group(groups.is_empty());
        let groups = groups.iter().map(|&group| group.to_owned()).collect();
        let request = request.set_replication_servers_security_groups_ids(Some(groups));
        let request = request.replication_server_instance_type("t3.small").use_dedicated_replication_server(false);
        let request = request.default_large_staging_disk_type(DiskType::Gp3).ebs_encryption(Encryption::Default);
        let request = request.bandwidth_throttling(0).data_plane_routing(DataPlaneRouting::PrivateIp);
        let request = request.create_public_ip(false).set_staging_area_tags(Some(HashMap::new()));
        request.send().await.expect("a template").replication_configuration_template_id
    }
}

/// Returns the templates of an observation that reads them anew, and the number of times that it asked MGN.
async fn observe(site: &Site, recent: Duration) -> (ReplicationTemplates, usize) {
    let before = site.calls_so_far();
    let scope = Scope { template_fits: false, recent, ..site.scope() };
    let observed = site.cloud.observe(&scope).await.expect("the observation does not depend on MGN");
    (observed.replication_templates, asked(site, before))
}

fn asked(site: &Site, before: u64) -> usize {
    site.actions_after(before).iter().filter(|action| *action == DESCRIBE).count()
}

fn denied() -> Fault {
    let code = Some("AccessDeniedException".to_owned());
    Fault { code, times: 1000, ..Fault::next(FaultKind::Error, DESCRIBE) }
}

#[tokio::test]
async fn an_account_without_a_template_has_an_empty_list() {
    let site = Site::new().await;
    assert_eq!(observe(&site, Duration::ZERO).await, (ReplicationTemplates::Read(Vec::new()), 1));
    Mgn::initialize(&site).await;
    assert_eq!(observe(&site, Duration::ZERO).await.0, ReplicationTemplates::Read(Vec::new()));
}

#[tokio::test]
async fn templates_are_read_with_the_vpcs_of_their_subnets_from_all_pages() {
    let site = Site::with(|options| options.max_page = Some(1)).await;
    let mgn = Mgn::initialize(&site).await;
    let subnet = site.subnets.first().expect("a subnet").to_string();
    let ours = mgn.template(&subnet, &["sg-00000000"]).await;
    let stale = mgn.template(GONE, &[]).await;
    let change = mgn.0.update_replication_configuration_template().replication_configuration_template_id(&stale);
    let change = change.data_plane_routing(DataPlaneRouting::PublicIp).create_public_ip(true);
    change.internet_protocol(InternetProtocol::Ipv6).send().await.expect("changed");

    let (ReplicationTemplates::Read(templates), _) = observe(&site, Duration::ZERO).await else { panic!("not read") };
    let ids: Vec<_> = templates.iter().map(|template| template.id.to_string()).collect();
    assert!(ids.is_sorted(), "{ids:?}");
    let find = |id: &str| templates.iter().find(|template| template.id.as_str() == id).cloned();
    let expected = ReplicationTemplate {
        id: ours.as_str().into(),
        routing: Some(Routing::PrivateIp),
        creates_public_ip: Some(false),
        subnet: Some(subnet.into()),
        vpc: Some(VpcId::clone(&site.vpc)),
        has_default_group: Some(false),
        groups: BTreeSet::from(["sg-00000000".into()]),
        is_ipv6: false,
    };
    assert_eq!(find(&ours), Some(expected));
    let expected = ReplicationTemplate {
        id: stale.as_str().into(),
        routing: Some(Routing::Other("PUBLIC_IP".to_owned())),
        creates_public_ip: Some(true),
        subnet: Some(GONE.into()),
        vpc: None,
        has_default_group: Some(true),
        groups: BTreeSet::new(),
        is_ipv6: true,
    };
    assert_eq!(find(&stale), Some(expected));
}

#[tokio::test]
async fn concurrent_observations_share_one_answer_until_it_is_too_old() {
    let site = Site::new().await;
    let before = site.calls_so_far();
    let scope = Scope { template_fits: false, recent: Duration::from_mins(1), ..site.scope() };
    let (one, other) = tokio::join!(site.cloud.observe(&scope), site.cloud.observe(&scope));
    assert_eq!(one.expect("observed").replication_templates, other.expect("observed").replication_templates);
    assert_eq!(asked(&site, before), 1);
    let mgn = Mgn::initialize(&site).await;
    mgn.template(GONE, &[]).await;
    assert_eq!(observe(&site, Duration::from_mins(1)).await, (ReplicationTemplates::Read(Vec::new()), 0));
    // A network whose template fitted needs no newer answer, however old it may be for others.
    site.observe().await;
    assert_eq!(asked(&site, before), 1);
    let (templates, asked) = observe(&site, Duration::ZERO).await;
    assert!(matches!(&templates, ReplicationTemplates::Read(templates) if templates.len() == 1), "{templates:?}");
    assert_eq!(asked, 1);
    assert_eq!(site.cloud.replication_templates(Duration::from_mins(1)).await, templates);
}

#[tokio::test]
async fn a_denied_call_is_not_repeated_soon() {
    let site = Site::new().await;
    site.server.order(denied());
    assert_eq!(observe(&site, Duration::ZERO).await, (ReplicationTemplates::NotPermitted, 1));
    assert_eq!(observe(&site, Duration::ZERO).await, (ReplicationTemplates::NotPermitted, 0));
}

/// MGN fails in every way, also while an answer is known, and the observation is as complete as without it.
#[tokio::test]
async fn a_failure_leaves_the_last_known_templates() {
    let site = Site::new().await;
    for kind in [FaultKind::Error500, FaultKind::Garbage, FaultKind::LoseAnswer, FaultKind::Truncate] {
        site.server.order(Fault { times: 2, ..Fault::next(kind, DESCRIBE) });
        assert_eq!(observe(&site, Duration::ZERO).await.0, ReplicationTemplates::Unread, "{kind:?}");
    }
    Mgn::initialize(&site).await.template(GONE, &[]).await;
    let (known, _) = observe(&site, Duration::ZERO).await;
    assert!(matches!(known, ReplicationTemplates::Read(_)));
    site.server.order(Fault { times: 2, ..Fault::next(FaultKind::Error503, DESCRIBE) });
    assert_eq!(observe(&site, Duration::ZERO).await.0, known);
    // After a failure, the next request is not sent before the templates may be that old.
    site.server.order(Fault { times: 2, ..Fault::next(FaultKind::Error503, DESCRIBE) });
    observe(&site, Duration::ZERO).await;
    assert_eq!(observe(&site, Duration::from_mins(1)).await, (known, 0));
}

/// Throttling and silence would otherwise last for up to 45 s.
#[tokio::test]
async fn an_observation_waits_for_mgn_only_for_seconds() {
    for fault in [
        Fault { times: 1000, ..Fault::next(FaultKind::Throttle, DESCRIBE) },
        Fault { seconds: 60.0, times: 1000, ..Fault::next(FaultKind::DelaySeconds, DESCRIBE) },
    ] {
        let site = Site::new().await;
        site.server.order(fault);
        let begun = std::time::Instant::now();
        assert_eq!(observe(&site, Duration::ZERO).await.0, ReplicationTemplates::Unread);
        assert!(begun.elapsed() < Duration::from_secs(9), "{:?}", begun.elapsed());
    }
}
