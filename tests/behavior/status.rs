//! The status of a network that is built, compared with the answers of AWS.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, ensure};
use kube::ResourceExt;
use mgnet::{
    api::{
        AccountStatus, AdoptedDeletionPolicy, AdoptionPolicy, ClaimPhase, DeletionPolicy, EndpointStatus, EndpointType,
        GroupRole, ManagementPolicy, NetworkInterfaceStatus, Origin, ReplicationSecurityGroupMode,
        ResolverAddressStatus, ResolverMode, ResolverStatus, SecurityGroupMode, SecurityGroupStatus, SettingsStatus,
        SettingsSubnets, Toggle,
    },
    model::claims::token,
};
use support::{Lab, SOURCES, Site, misread};

use support::waiting::close;

/// The slots of a network with a security group for replication servers.
const SLOTS: [&str; 11] = [
    "resolver",
    "sg/endpoints",
    "sg/replication",
    "sg/resolver",
    "vpce/ec2/Interface",
    "vpce/ec2messages/Interface",
    "vpce/mgn/Interface",
    "vpce/s3/Gateway",
    "vpce/s3/Interface",
    "vpce/ssm/Interface",
    "vpce/ssmmessages/Interface",
];

#[tokio::test]
async fn the_status_matches_the_resources_in_aws() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("status").await?;
    let network = site.network("tokyo").with_replication_group().proxies(["10.9.0.0/24"]).apply().await?;
    let ready = network.until_ready().await?;
    let (uid, status) = (ready.uid().context("no uid")?, ready.status.clone().context("no status")?);

    assert_eq!(status.observed_generation, 1);
    assert_eq!(status.class_name.as_deref(), Some(site.class_name.as_str()));
    assert_eq!(status.observed_class_generation, Some(1));
    let account = AccountStatus {
        id: site.account.clone(),
        role_arn: Some(format!("arn:aws:iam::{}:role/mgnet", site.account)),
        // Tenants can read the status.
        external_id: None,
    };
    assert_eq!(status.account, Some(account));
    assert_eq!(status.region.as_deref(), Some("ap-northeast-1"));
    assert_eq!(status.vpc_id.as_deref(), Some(site.landing.vpc.as_str()));
    assert_eq!(status.settings, Some(settings(&site)?));
    assert_eq!(status.endpoints_available.as_deref(), Some("7/7"));
    assert_eq!(status.skipped_services, []);

    let endpoints: BTreeMap<_, _> =
        status.endpoints.iter().map(|one| ((one.service.clone(), one.type_), one.clone())).collect();
    assert_eq!(endpoints, endpoints_by_aws(&site).await?);
    assert_eq!(status.resolver, Some(resolver_by_aws(&site).await?));
    let state = site.state().await?;
    let groups: Vec<SecurityGroupStatus> = [
        (GroupRole::Endpoints, "endpoints"),
        (GroupRole::Resolver, "resolver"),
        (GroupRole::Replication, "replication"),
    ]
    .into_iter()
    .map(|(role, word)| SecurityGroupStatus {
        role,
        id: state.security_group(&format!("sg/{word}")).map(|group| group.id.clone()).unwrap_or_default(),
        name: Some(format!("mgnet-{uid}-{word}")),
        origin: Some(Origin::Created),
        foreign_rules: Vec::new(),
    })
    .collect();
    assert_eq!(status.security_groups, groups);

    let claimed: BTreeSet<&str> = status.claims.iter().map(|claim| claim.slot.as_str()).collect();
    assert_eq!(claimed, BTreeSet::from(SLOTS));
    for claim in &status.claims {
        let id = claim.id.clone().with_context(|| format!("{} has no id", claim.slot))?;
        assert_eq!((claim.phase, claim.epoch, &claim.request), (ClaimPhase::Held, 1, &None), "{}", claim.slot);
        assert_eq!(claim.token, token(&uid, &claim.slot, 1));
        assert_eq!(slot_of(&state, &id).as_deref(), Some(claim.slot.as_str()));
    }
    let about_template = format!(
        "replication template {}: `associateDefaultSecurityGroup` must be false, because \
         `spec.replication.securityGroup.mode` is 'Managed'; `replicationServersSecurityGroupsIDs` must contain {}; change it \
         with UpdateReplicationConfigurationTemplate",
        support::mgn::template(&site.aws).await?,
        groups[2].id
    );
    let revision = status.on_premises.as_ref().context("no hand-off")?.revision.clone();
    let about_hand_off = format!(
        "do the work in `status.onPremises` (4 of 4 items are open), then set the annotation `mgnet.dev/on-premises-done` to \
         '{revision}'"
    );
    let conditions: Vec<_> = status
        .conditions
        .iter()
        .map(|one| (one.type_.as_str(), one.status.as_str(), one.reason.as_str(), one.message.as_str()))
        .collect();
    assert_eq!(
        conditions,
        [
            ("Ready", "True", "Ready", "7 of 7 endpoints available, resolver operational"),
            ("Accepted", "True", "Accepted", "the class admits the network"),
            ("NetworkResolved", "True", "Resolved", "the VPC and its subnets passed the preflight"),
            ("SecurityGroupsReady", "True", "Available", "all rules are in place"),
            ("EndpointsReady", "True", "Available", "7 of 7 endpoints available"),
            ("ResolverReady", "True", "Operational", "the Resolver endpoint is operational"),
            ("Synced", "True", "InSync", "AWS matches the desired state"),
            ("ReplicationTemplateReady", "False", "TemplateUnfit", &about_template),
            ("OnPremisesCurrent", "False", "NotAcknowledged", &about_hand_off),
        ]
    );
    assert!(status.conditions.iter().all(|one| one.observed_generation == Some(1)), "{:#?}", status.conditions);
    close(&site).await
}

fn settings(site: &Site) -> Result<SettingsStatus> {
    let mut endpoints =
        vec![site.landing.subnet("endpoints-1")?.to_owned(), site.landing.subnet("endpoints-2")?.to_owned()];
    endpoints.sort_unstable();
    Ok(SettingsStatus {
        subnets: Some(SettingsSubnets {
            endpoints,
            staging: vec![site.landing.subnet("staging-1")?.to_owned()],
            launch: vec![site.landing.subnet("launch-1")?.to_owned()],
        }),
        source_cidrs: vec![SOURCES.to_owned()],
        proxy_cidrs: vec!["10.9.0.0/24".to_owned()],
        endpoint_security_group: Some(SecurityGroupMode::Managed),
        resolver: Some(ResolverMode::Managed),
        client_cidrs: vec![SOURCES.to_owned()],
        replication_security_group: Some(ReplicationSecurityGroupMode::Managed),
        post_launch_ssm: Some(Toggle::Enabled),
        connector: Some(Toggle::Disabled),
        management_policy: Some(ManagementPolicy::Enforce),
        adoption_policy: Some(AdoptionPolicy::Never),
        deletion_policy: Some(DeletionPolicy::Delete),
        adopted_deletion_policy: Some(AdoptedDeletionPolicy::Release),
        tags: BTreeMap::new(),
    })
}

/// Returns the endpoints in the form of the status, read from AWS independently of the operator.
async fn endpoints_by_aws(site: &Site) -> Result<BTreeMap<(String, EndpointType), EndpointStatus>> {
    let ec2 = &site.aws.ec2;
    let zones: BTreeMap<String, String> = ec2
        .describe_subnets()
        .send()
        .await?
        .subnets
        .unwrap_or_default()
        .into_iter()
        .filter_map(|subnet| Some((subnet.subnet_id?, subnet.availability_zone_id?)))
        .collect();
    let interfaces: BTreeMap<String, NetworkInterfaceStatus> = ec2
        .describe_network_interfaces()
        .send()
        .await?
        .network_interfaces
        .unwrap_or_default()
        .into_iter()
        .filter_map(|interface| {
            let (id, subnet) = (interface.network_interface_id?, interface.subnet_id?);
            let status = NetworkInterfaceStatus {
                id: id.clone(),
                availability_zone_id: zones.get(&subnet).cloned(),
                subnet_id: Some(subnet),
                ip: interface.private_ip_address,
            };
            Some((id, status))
        })
        .collect();
    let mut all = BTreeMap::new();
    for endpoint in ec2.describe_vpc_endpoints().send().await?.vpc_endpoints.unwrap_or_default() {
        let service_name = endpoint.service_name.context("an endpoint without a service")?;
        let service = service_name.rsplit('.').next().unwrap_or_default().to_owned();
        let is_gateway = endpoint.vpc_endpoint_type.is_some_and(|type_| type_.as_str() == "Gateway");
        let type_ = if is_gateway { EndpointType::Gateway } else { EndpointType::Interface };
        let sorted = |items: Option<Vec<String>>| {
            let mut items = items.unwrap_or_default();
            items.sort_unstable();
            items
        };
        let names = sorted(Some(
            endpoint.dns_entries.unwrap_or_default().into_iter().filter_map(|entry| entry.dns_name).collect(),
        ));
        let id = endpoint.vpc_endpoint_id.context("an endpoint without an id")?;
        let (dns_names, private_dns_names) = names.into_iter().partition(|name: &String| name.contains(&id));
        let network_interfaces = sorted(endpoint.network_interface_ids)
            .iter()
            .map(|id| interfaces.get(id).cloned().with_context(|| format!("there is no network interface {id}")))
            .collect::<Result<_>>()?;
        let status = EndpointStatus {
            service: service.clone(),
            type_,
            service_name: Some(service_name),
            id: Some(id),
            state: Some("Available".to_owned()),
            origin: Some(Origin::Created),
            dns_names,
            private_dns_names,
            route_table_ids: sorted(endpoint.route_table_ids),
            network_interfaces,
        };
        if !is_gateway {
            ensure!(status.network_interfaces.len() == 2 && status.dns_names.len() == 3, "{status:#?}");
        }
        all.insert((service, type_), status);
    }
    Ok(all)
}

async fn resolver_by_aws(site: &Site) -> Result<ResolverStatus> {
    let state = site.state().await?;
    let resolver = state.resolver_endpoints.first().context("no resolver")?;
    let mut ip_addresses: Vec<ResolverAddressStatus> = resolver
        .addresses
        .iter()
        .map(|address| ResolverAddressStatus {
            id: address.id.clone(),
            subnet_id: Some(address.subnet.clone()),
            ip: Some(address.address.clone()),
            state: Some("ATTACHED".to_owned()),
        })
        .collect();
    ip_addresses.sort_by(|one, other| one.id.cmp(&other.id));
    let mut ips: Vec<&str> = resolver.addresses.iter().map(|address| address.address.as_str()).collect();
    ips.sort_unstable();
    Ok(ResolverStatus {
        id: Some(resolver.id.clone()),
        state: Some("Operational".to_owned()),
        origin: Some(Origin::Created),
        ip_address_summary: Some(ips.join(",")),
        ip_addresses,
    })
}

/// Returns the slot that the tags of a resource name.
fn slot_of(state: &support::state::State, id: &str) -> Option<String> {
    let groups = state.security_groups.iter().map(|group| (&group.id, &group.tags));
    let endpoints = state.vpc_endpoints.iter().map(|endpoint| (&endpoint.id, &endpoint.tags));
    let resolvers = state.resolver_endpoints.iter().map(|resolver| (&resolver.id, &resolver.tags));
    let mut all = groups.chain(endpoints).chain(resolvers);
    all.find(|(one, _)| *one == id)?.1.get("mgnet.dev/slot").cloned()
}

#[tokio::test]
async fn a_status_that_tools_would_misread_is_detected() -> Result<()> {
    let lab = Lab::shared().await?;
    misread::is_noticed(&lab).await
}
