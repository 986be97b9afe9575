//! Existing resources: the operator checks them, waits for them and reports them, but never writes to them.

use anyhow::{Context, Result};
use aws_sdk_route53resolver::types::IpAddressUpdate;
use mgnet::api::{ConditionType, Origin};
use mgnet::model::preflight::checks::Check;
use serde_json::{Value, json};
use support::Lab;

use support::foreign::{
    DNS, HTTPS, admit, delete_endpoint, delete_resolver, endpoint_in_status, entry, existing, gateway, group,
    interface, is_refused, is_refused_after, resolver, until_available, untouched, unwritten,
};
use support::waiting::{close, condition, listed, message, until_observed, without_outage};

#[tokio::test]
async fn existing_resources_are_used_and_reported_but_never_written_to() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("used").await?;
    let https = group(&site, "corp-https", HTTPS, &[]).await?;
    let more = group(&site, "corp-more", &[("tcp", 22, "10.0.0.0/8")], &[]).await?;
    let dns = group(&site, "corp-dns", DNS, &[]).await?;
    let replication = group(&site, "corp-replication", &[("tcp", 1500, support::SOURCES)], &[]).await?;
    let mgn = interface(&site, "mgn", true, &https, &[("Name", "corp-mgn")]).await?;
    let s3 = gateway(&site, &["staging", "launch", "main"], &[]).await?;
    let inbound = resolver(&site, "corp", &dns, &[]).await?;
    let (before, foreign, mark) = (site.state().await?, site.summary().await?, site.last_call().await?);

    let network = site
        .network("tokyo")
        .spec(&json!({
            "endpoints": [existing("mgn", "Interface", &mgn), existing("s3", "Gateway", &s3)],
            "endpointSecurityGroup": { "mode": "Existing", "ids": [https, more] },
            "resolver": { "mode": "Existing", "endpointID": inbound },
            "replication": { "securityGroup": { "mode": "Existing", "id": replication } },
        }))
        .apply()
        .await?;
    let ready = network.until_ready().await?;
    let expected = site.expected().without("mgn").without_gateway().without_resolver();
    let expected = expected.behind(["corp-https", "corp-more"]).beside(&foreign);
    assert_eq!(site.summary().await?, expected.summary());

    assert_eq!(endpoint_in_status(&ready, "mgn", "Interface"), Some((mgn.clone(), Origin::Existing)));
    assert_eq!(endpoint_in_status(&ready, "s3", "Gateway"), Some((s3.clone(), Origin::Existing)));
    assert_eq!(endpoint_in_status(&ready, "ec2", "Interface").map(|(_, origin)| origin), Some(Origin::Created));
    let status = ready.status.context("no status")?;
    assert_eq!(status.endpoints_available.as_deref(), Some("7/7"));
    let reported = status.endpoints.iter().find(|one| one.service == "mgn").context("mgn is not in the status")?;
    assert_eq!(reported.network_interfaces.len(), 1);
    assert!(
        reported.network_interfaces.iter().all(|one| one.ip.is_some()) && !reported.private_dns_names.is_empty(),
        "{reported:?}"
    );
    let reported = status.resolver.context("the resolver is not in the status")?;
    assert_eq!((reported.id.as_deref(), reported.origin), (Some(inbound.as_str()), Some(Origin::Existing)));
    assert_eq!(reported.ip_addresses.iter().filter(|address| address.ip.is_some()).count(), 2);
    let groups: Vec<_> =
        status.security_groups.iter().map(|one| (one.id.as_str(), one.origin, one.foreign_rules.len())).collect();
    let mut all = vec![
        (https.as_str(), Some(Origin::Existing), 0),
        (more.as_str(), Some(Origin::Existing), 0),
        (replication.as_str(), Some(Origin::Existing), 0),
    ];
    all[..2].sort_unstable_by_key(|one| one.0);
    assert_eq!(groups, all);
    let claimed: Vec<&str> = status.claims.iter().map(|claim| claim.slot.as_str()).collect();
    assert!(claimed.iter().all(|slot| !slot.starts_with("sg/") && *slot != "resolver"), "{claimed:?}");

    network.edit(json!({ "tags": { "wave": "1" }, "sourceCIDRs": ["192.168.10.0/24", "192.168.11.0/24"] })).await?;
    is_refused(&site, &network, Check::ExistingFits, &[&replication, "tcp 1500 from 192.168.11.0/24", "add the rules"])
        .await?;
    network.edit(json!({ "sourceCIDRs": ["192.168.10.0/24"] })).await?;
    network.until_ready().await?;
    assert_eq!(site.summary().await?.foreign(), foreign, "foreign resources do not get the tags of the spec");

    network.delete_and_wait().await?;
    assert_eq!(site.state().await?, before);
    untouched(&site, mark, &[&https, &more, &dns, &replication, &mgn, &s3, &inbound]).await?;
    close(&site).await
}

#[tokio::test]
async fn an_unsuitable_existing_endpoint_is_reported_with_its_fix_until_fixed_in_aws() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("unfit").await?;
    let narrow = group(&site, "corp-narrow", &[("tcp", 443, support::VPC_CIDR)], &[]).await?;
    let mgn = interface(&site, "mgn", false, &narrow, &[]).await?;
    let kms = interface(&site, "kms", true, &narrow, &[]).await?;
    let s3 = gateway(&site, &["main"], &[]).await?;
    let mark = site.last_call().await?;
    let with = |service: &str, type_: &str, id: &str| json!({ "endpoints": [existing(service, type_, id)] });
    let network = site.network("tokyo").spec(&with("mgn", "Interface", "vpce-0123456789abcdef0")).apply().await?;
    for (spec, words) in [
        (
            with("mgn", "Interface", "vpce-0123456789abcdef0"),
            vec!["`spec.endpoints[mgn/Interface].endpointID`", "has no vpce-0123456789abcdef0", "correct the ID"],
        ),
        (with("mgn", "Interface", &kms), vec!["must name the mgn/Interface endpoint", &kms, "kms", "correct the ID"]),
        // The message names the type as well as the service: otherwise it would say that S3 is not S3.
        (with("s3", "Interface", &s3), vec!["must name the s3/Interface endpoint", &s3, "is s3/Gateway"]),
        (with("s3", "Gateway", &kms), vec!["must name the s3/Gateway endpoint", &kms, "is kms/Interface"]),
        (
            with("mgn", "Interface", &mgn),
            vec!["must name an endpoint with private DNS", &mgn, "enable it", "tcp 443 from 192.168.10.0/24"],
        ),
    ] {
        network.edit(spec).await?;
        let object = is_refused_after(&site, mark, &network, Check::ExistingFits, &words).await?;
        assert_eq!(object.metadata.finalizers, None, "nothing exists that has to be deleted first");
    }

    let generation = network.get().await?.metadata.generation;
    let fix = site.aws.ec2.modify_vpc_endpoint().vpc_endpoint_id(&mgn);
    fix.private_dns_enabled(true).send().await?;
    until_available(&site, &mgn).await?;
    let what = "its private DNS is no longer reported";
    network
        .until(what, |network| message(network, ConditionType::Ready).is_ok_and(|text| !text.contains("private DNS")))
        .await?;
    is_refused(&site, &network, Check::ExistingFits, &["tcp 443 from 192.168.10.0/24"]).await?;
    admit(&site, &narrow, &[("tcp", 443, support::SOURCES)]).await?;
    let foreign = site.summary().await?;
    let mark = site.last_call().await?;
    // The foreign gateway endpoint has another route table and does not matter.
    let ready = network.until_ready().await?;
    assert_eq!(ready.metadata.generation, generation, "the spec was not edited");
    assert_eq!(site.summary().await?, site.expected().without("mgn").beside(&foreign).summary());
    untouched(&site, mark, &[&narrow, &mgn, &kms, &s3]).await?;

    // The owner of the endpoint deletes it, and then provides another.
    let mark = site.last_call().await?;
    delete_endpoint(&site, &mgn).await?;
    is_refused(&site, &network, Check::ExistingFits, &["must name an endpoint", &mgn]).await?;
    let other = interface(&site, "mgn", true, &narrow, &[]).await?;
    network.edit(with("mgn", "Interface", &other)).await?;
    let ready = network.until_ready().await?;
    assert_eq!(endpoint_in_status(&ready, "mgn", "Interface"), Some((other.clone(), Origin::Existing)));
    let writes = site.writes_after(mark).await?;
    let own =
        writes.iter().filter(|call| !call.parameters.to_string().contains(&mgn) && call.action != "CreateVpcEndpoint");
    assert_eq!(own.count(), 0, "{}", listed(&writes));
    close(&site).await
}

#[tokio::test]
async fn an_existing_gateway_must_have_the_route_tables_of_staging_and_launch_subnets() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("routes-of-others").await?;
    let s3 = gateway(&site, &["main", "launch"], &[]).await?;
    let mark = site.last_call().await?;
    let network = site.network("tokyo").spec(&json!({ "endpoints": [existing("s3", "Gateway", &s3)] })).apply().await?;
    let staging = &site.landing.route_tables["staging"];
    let words = ["`spec.endpoints[s3/Gateway].endpointID`", &s3, &format!("lacks {staging}"), "associate them with it"];
    is_refused_after(&site, mark, &network, Check::ExistingFits, &words).await?;
    site.aws.ec2.modify_vpc_endpoint().vpc_endpoint_id(&s3).add_route_table_ids(staging).send().await?;
    let (foreign, mark) = (site.summary().await?, site.last_call().await?);
    network.until_ready().await?;
    assert_eq!(site.summary().await?, site.expected().without_gateway().beside(&foreign).summary());
    untouched(&site, mark, &[&s3]).await?;
    close(&site).await
}

#[tokio::test]
async fn existing_groups_must_exist_and_admit_the_traffic_of_the_network() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("groups-of-others").await?;
    let one = group(&site, "corp-one", &[("tcp", 443, support::VPC_CIDR)], &[]).await?;
    let two = group(&site, "corp-two", &[], &[]).await?;
    let replication = group(&site, "corp-1500", &[("tcp", 1500, "10.0.0.0/8")], &[]).await?;
    let unknown = "sg-0123456789abcdef0";
    let mark = site.last_call().await?;
    let spec = |endpoints: &[&str], replication: &str| {
        json!({
            "endpointSecurityGroup": { "mode": "Existing", "ids": endpoints },
            "replication": { "securityGroup": { "mode": "Existing", "id": replication } },
        })
    };
    let network = site.network("tokyo").spec(&spec(&[&one, unknown], unknown)).apply().await?;
    let words = [
        "`spec.endpointSecurityGroup.ids` must name security groups",
        "`spec.replication.securityGroup.id` must name security groups",
        unknown,
        "correct the IDs",
    ];
    is_refused_after(&site, mark, &network, Check::ExistingFits, &words).await?;
    network.edit(spec(&[&one, &two], &replication)).await?;
    let words =
        ["must have ingress rules", &one, &two, "tcp 443 from 192.168.10.0/24", "tcp 1500 from 192.168.10.0/24"];
    let object = is_refused_after(&site, mark, &network, Check::ExistingFits, &words).await?;
    assert!(!message(&object, ConditionType::Ready)?.contains(support::VPC_CIDR), "the groups already admit the VPC");

    // Any of the groups may admit the traffic, and two adjacent CIDRs count together.
    admit(&site, &two, &[("tcp", 443, "192.168.10.0/25"), ("tcp", 443, "192.168.10.128/25")]).await?;
    admit(&site, &replication, &[("tcp", 1500, "192.168.0.0/16")]).await?;
    let (foreign, mark) = (site.summary().await?, site.last_call().await?);
    network.until_ready().await?;
    let expected = site.expected().behind(["corp-one", "corp-two"]).beside(&foreign);
    assert_eq!(site.summary().await?, expected.summary());
    untouched(&site, mark, &[&one, &two, &replication]).await?;

    // The network changes to its own groups and back, and its endpoints always have a group.
    without_outage(&site, async {
        network.edit(json!({ "endpointSecurityGroup": null, "replication": null })).await?;
        network.until_ready().await?;
        assert_eq!(site.summary().await?, site.expected().beside(&foreign).summary());
        network.edit(spec(&[&two, &one], &replication)).await?;
        network.until_ready().await
    })
    .await?;
    assert_eq!(site.summary().await?, expected.summary());
    network.edit(json!({ "replication": { "securityGroup": { "mode": "Managed", "id": null } } })).await?;
    network.until_ready().await?;
    assert_eq!(site.summary().await?, expected.clone().with_replication_group().summary());
    network.edit(spec(&[&one], &replication)).await?;
    is_refused(&site, &network, Check::ExistingFits, &[&one, "tcp 443 from 192.168.10.0/24"]).await?;
    network.edit(spec(&[&two, &one], &replication)).await?;
    network.until_ready().await?;
    assert_eq!(site.summary().await?, expected.summary());
    untouched(&site, mark, &[&one, &two, &replication]).await?;
    close(&site).await
}

#[tokio::test]
async fn an_existing_resolver_must_be_inbound_and_admit_all_clients() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("resolver-of-others").await?;
    let dns = group(&site, "corp-dns", &[("tcp", 53, support::SOURCES), ("udp", 53, "192.168.10.0/25")], &[]).await?;
    let inbound = resolver(&site, "corp", &dns, &[]).await?;
    let mark = site.last_call().await?;
    let with = |id: &str, clients: Value| json!({ "resolver": { "mode": "Existing", "endpointID": id, "clientCIDRs": clients } });
    let unknown = "rslvr-in-0123456789abcdef0";
    let network = site.network("tokyo").spec(&json!({ "resolver": { "mode": "Existing", "endpointID": unknown } }));
    let network = network.apply().await?;
    let words = ["`spec.resolver.endpointID`", "must name an inbound endpoint of VPC", unknown, "correct the ID"];
    is_refused_after(&site, mark, &network, Check::ExistingFits, &words).await?;

    network.edit(with(&inbound, Value::Null)).await?;
    let words = ["must have ingress rules", &inbound, "udp 53 from 192.168.10.0/24", "add the rules"];
    let object = is_refused_after(&site, mark, &network, Check::ExistingFits, &words).await?;
    assert!(!message(&object, ConditionType::Ready)?.contains("tcp 53 from 192.168.10.0/24"));
    // The DNS clients may differ from the source servers.
    network.edit(with(&inbound, json!(["192.168.10.0/26", "10.8.0.53/32"]))).await?;
    let words = ["tcp 53 from 10.8.0.53/32", "udp 53 from 10.8.0.53/32"];
    let object = is_refused_after(&site, mark, &network, Check::ExistingFits, &words).await?;
    assert!(!message(&object, ConditionType::Ready)?.contains("192.168.10.0/26"));
    admit(&site, &dns, &[("tcp", 53, "10.8.0.0/16"), ("udp", 53, "10.8.0.0/16")]).await?;
    let (foreign, mark) = (site.summary().await?, site.last_call().await?);
    let ready = network.until_ready().await?;
    assert_eq!(site.summary().await?, site.expected().without_resolver().beside(&foreign).summary());
    assert_eq!(condition(&ready, ConditionType::ResolverReady).map(|(status, ..)| status), Some("True"));

    // The network changes to its own resolver, to none, and back.
    for (resolver, expected) in [
        (json!({ "mode": "Managed", "endpointID": null, "clientCIDRs": null }), site.expected()),
        (with(&inbound, json!(["10.8.0.53/32"]))["resolver"].clone(), site.expected().without_resolver()),
        (json!({ "mode": "Disabled", "endpointID": null }), site.expected().without_resolver()),
        (json!({ "mode": "Managed", "clientCIDRs": ["10.8.0.0/24"] }), site.expected().clients(["10.8.0.0/24"])),
        (with(&inbound, json!(["10.8.0.53/32"]))["resolver"].clone(), site.expected().without_resolver()),
    ] {
        network.edit(json!({ "resolver": resolver })).await?;
        network.until_ready().await?;
        assert_eq!(site.summary().await?, expected.beside(&foreign).summary(), "{resolver}");
    }
    untouched(&site, mark, &[&dns, &inbound]).await?;

    // AWS keeps at least two addresses. While it changes them, the network remains Ready.
    let third = IpAddressUpdate::builder().subnet_id(site.landing.subnet("endpoints-1")?).build();
    let change = site.aws.resolver.associate_resolver_endpoint_ip_address().resolver_endpoint_id(&inbound);
    change.ip_address(third).send().await?;
    let mark = site.last_call().await?;
    network
        .until("the third address is in the status", |network| {
            let reported = network.status.as_ref().and_then(|status| status.resolver.as_ref());
            reported.is_some_and(|resolver| resolver.ip_addresses.len() == 3)
        })
        .await?;
    network.until_ready().await?;
    unwritten(&site, mark).await?;
    delete_resolver(&site, &inbound).await?;
    let mark = site.last_call().await?;
    let object = is_refused_after(&site, mark, &network, Check::ExistingFits, &[&inbound, "has no"]).await?;
    assert!(object.status.is_some_and(|status| status.endpoints.len() == 7), "the status keeps what is known");
    close(&site).await
}

#[tokio::test]
async fn an_endpoint_changes_between_managed_existing_and_disabled() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("modes").await?;
    let https = group(&site, "corp-https", HTTPS, &[]).await?;
    // Private DNS for a service exists once in a VPC, so the endpoint beside the network's own has none.
    let ec2 = interface(&site, "ec2", false, &https, &[]).await?;
    let foreign = site.summary().await?;
    let network = site.network("tokyo").apply().await?;
    network.until_ready().await?;
    let mark = site.last_call().await?;
    let used =
        || entry("ec2", "Interface", &json!({ "mode": "Existing", "endpointID": ec2, "privateDNS": "Disabled" }));
    let mode = |mode: &str| entry("ec2", "Interface", &json!({ "mode": mode }));
    for (entry, own) in [
        (used(), false),
        (mode("Managed"), true),
        (mode("Disabled"), false),
        (used(), false),
        (mode("Disabled"), false),
        (mode("Managed"), true),
        (used(), false),
    ] {
        network.edit(json!({ "endpoints": [entry] })).await?;
        let ready = network.until_ready().await?;
        let expected = if own { site.expected() } else { site.expected().without("ec2") };
        assert_eq!(site.summary().await?, expected.beside(&foreign).summary(), "{entry}");
        let origin = endpoint_in_status(&ready, "ec2", "Interface").map(|(_, origin)| origin);
        let expected_origin = match entry["mode"].as_str() {
            Some("Managed") => Some(Origin::Created),
            Some("Existing") => Some(Origin::Existing),
            _ => None,
        };
        assert_eq!(origin, expected_origin, "{entry}");
    }
    let own = network.get().await?.status.context("no status")?.claims;
    assert!(own.iter().any(|claim| claim.slot == "vpce/ec2/Interface" && claim.epoch == 3), "{own:?}");
    untouched(&site, mark, &[&ec2, &https]).await?;

    // The network must not use its own endpoint as an existing one.
    let mgn = site.state().await?.slots()["vpce/mgn/Interface"].clone();
    network.edit(json!({ "endpoints": [existing("mgn", "Interface", &mgn)] })).await?;
    let words = ["must not name", &mgn, "the network owns", "set `mode` to 'Managed'"];
    is_refused(&site, &network, Check::ExistingFits, &words).await?;
    network.edit(json!({ "endpoints": [used()] })).await?;
    network.until_ready().await?;
    network.delete_and_wait().await?;
    assert_eq!(site.summary().await?, foreign);
    close(&site).await
}

#[tokio::test]
async fn the_gateway_changes_between_managed_disabled_and_existing_without_a_refused_call() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("gateway-modes").await?;
    site.landing.route_out(&site.aws).await?;
    lab.control().change_options(&site.account, json!({ "throttling": false })).await?;
    let network = site.network("tokyo").apply().await?;
    network.until_ready().await?;
    let start = site.last_call().await?;
    let without = || site.expected().without_gateway().private_dns("s3", "on");
    network.edit(json!({ "endpoints": [entry("s3", "Gateway", &json!({ "mode": "Disabled" }))] })).await?;
    network.until_ready().await?;
    assert_eq!(site.summary().await?, without().summary());

    let foreign_s3 = gateway(&site, &["staging", "launch"], &[]).await?;
    let foreign = site.summary().await?;
    let mark = site.last_call().await?;
    network.edit(json!({ "endpoints": [existing("s3", "Gateway", &foreign_s3)] })).await?;
    network.until_ready().await?;
    assert_eq!(site.summary().await?, site.expected().without_gateway().beside(&foreign).summary());
    network.edit(json!({ "endpoints": [entry("s3", "Gateway", &json!({ "mode": "Disabled" }))] })).await?;
    network.until_ready().await?;
    assert_eq!(site.summary().await?, without().beside(&foreign).summary());
    untouched(&site, mark, &[&foreign_s3]).await?;

    delete_endpoint(&site, &foreign_s3).await?;
    network.edit(json!({ "endpoints": null })).await?;
    network.until_ready().await?;
    assert_eq!(site.summary().await?, site.expected().summary());
    let refused: Vec<_> = site.calls_after(start).await?.into_iter().filter(|call| call.outcome != "ok").collect();
    assert!(refused.is_empty(), "{}", listed(&refused));
    close(&site).await
}

#[tokio::test]
async fn a_gateway_is_kept_while_private_dns_of_a_foreign_s3_endpoint_depends_on_it() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("stood-on").await?;
    site.landing.route_out(&site.aws).await?;
    let https = group(&site, "corp-https", HTTPS, &[]).await?;
    let off = |type_: &str| entry("s3", type_, &json!({ "mode": "Disabled" }));
    let network = site.network("tokyo").spec(&json!({ "endpoints": [off("Interface")] })).apply().await?;
    network.until_ready().await?;
    let gateway = site.state().await?.slots()["vpce/s3/Gateway"].clone();
    // AWS allows it private DNS for the inbound resolver only, because the VPC has a gateway endpoint.
    let foreign_s3 = interface(&site, "s3", true, &https, &[]).await?;
    let foreign = site.summary().await?;
    network.edit(json!({ "endpoints": [existing("s3", "Interface", &foreign_s3)] })).await?;
    network.until_ready().await?;
    assert_eq!(site.summary().await?, site.expected().without("s3").beside(&foreign).summary());
    let mark = site.last_call().await?;
    network.edit(json!({ "endpoints": [existing("s3", "Interface", &foreign_s3), off("Gateway")] })).await?;
    let what = "the gateway is reported to be in use";
    let waiting = network
        .until(what, |network| {
            message(network, ConditionType::EndpointsReady).is_ok_and(|text| text.contains("is in use by"))
        })
        .await?;
    let text = message(&waiting, ConditionType::EndpointsReady)?;
    assert!(text.contains(&gateway) && text.contains(&foreign_s3) && text.contains("inbound resolver only"), "{text}");
    until_observed(&site, 1).await?;
    unwritten(&site, mark).await?;

    // A deletion waits for the same endpoint, and reports it.
    network.delete().await?;
    let what = "the deletion is reported to wait for it";
    network
        .until(what, |network| {
            message(network, ConditionType::EndpointsReady).is_ok_and(|text| text.contains(&foreign_s3))
        })
        .await?;
    delete_endpoint(&site, &foreign_s3).await?;
    network.until_gone().await?;
    let left = site.summary().await?;
    assert!(left.lines().len() == 1 && left.lines()[0].contains("corp-https"), "{left}");
    close(&site).await
}

#[tokio::test]
async fn a_class_names_existing_resources_for_all_its_networks() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("used-by-class").await?;
    let https = group(&site, "corp-https", HTTPS, &[]).await?;
    let dns = group(&site, "corp-dns", DNS, &[]).await?;
    let replication = group(&site, "corp-1500", &[("tcp", 1500, "192.168.0.0/16")], &[]).await?;
    let mgn = interface(&site, "mgn", true, &https, &[]).await?;
    let inbound = resolver(&site, "corp", &dns, &[]).await?;
    let foreign = site.summary().await?;
    site.edit_class(json!({ "defaults": {
        "endpoints": [existing("mgn", "Interface", &mgn), entry("kms", "Interface", &json!({}))],
        "endpointSecurityGroup": { "mode": "Existing", "ids": [https] },
        "resolver": { "mode": "Existing", "endpointID": inbound },
        "replication": { "securityGroup": { "mode": "Existing", "id": replication } },
    } }))
    .await?;
    let mark = site.last_call().await?;
    let network = site.network("tokyo").apply().await?;
    let ready = network.until_ready().await?;
    let expected = site.expected().without("mgn").with("kms").without_resolver().behind(["corp-https"]);
    assert_eq!(site.summary().await?, expected.beside(&foreign).summary());
    assert_eq!(endpoint_in_status(&ready, "mgn", "Interface"), Some((mgn.clone(), Origin::Existing)));

    // A network may override the class for one endpoint, and inherits the settings of the others.
    network
        .edit(json!({
            "endpoints": [entry("kms", "Interface", &json!({ "mode": "Disabled" }))],
            "endpointSecurityGroup": { "mode": "Managed" },
            "resolver": { "mode": "Managed" },
            "replication": { "securityGroup": { "mode": "ServiceManaged" } },
        }))
        .await?;
    network.until_ready().await?;
    assert_eq!(site.summary().await?, site.expected().without("mgn").beside(&foreign).summary());
    untouched(&site, mark, &[&https, &dns, &replication, &mgn, &inbound]).await?;
    until_observed(&site, 1).await?;
    close(&site).await
}
