//! Fixed addresses: the operator sends them in the create call, refuses unavailable ones before the first write, and
//! changes them only if an annotation allows it.

use anyhow::{Context, Result, ensure};
use mgnet::api::{AdoptionPolicy, ConditionStatus, ConditionType, MigrationNetwork, Reason};
use mgnet::model::preflight::checks::Check;
use serde_json::{Value, json};
use support::{Call, Fault, FaultKind, Lab, Network, Site};

use support::foreign::{DNS, HTTPS, entry, group, interface, is_refused_after, resolver, unwritten};
use support::waiting::{actions, close, condition, listed, until, until_observed, until_state, without_outage};

/// Returns the field `addresses` of an endpoint or of the resolver, from the names of subnets and the last octet of the
/// address in each.
fn addresses(site: &Site, all: &[(&str, u8)]) -> Result<Value> {
    let one = |(subnet, last): &(&str, u8)| {
        Ok(json!({ "subnetID": site.landing.subnet(subnet)?, "ip": site.landing.address(subnet, *last)? }))
    };
    Ok(Value::Array(all.iter().map(one).collect::<Result<_>>()?))
}

fn endpoint(site: &Site, service: &str, all: &[(&str, u8)]) -> Result<Value> {
    Ok(entry(service, "Interface", &json!({ "addresses": addresses(site, all)? })))
}

/// Creates network interfaces with these addresses, so that AWS does not choose the addresses for other resources while
/// a network is built. Returns the IDs of the interfaces.
async fn reserve(site: &Site, all: &[(&str, u8)]) -> Result<Vec<String>> {
    let mut interfaces = Vec::new();
    for (subnet, last) in all {
        let request = site.aws.ec2.create_network_interface().subnet_id(site.landing.subnet(subnet)?);
        let made = request.private_ip_address(site.landing.address(subnet, *last)?).send().await?.network_interface;
        interfaces.push(made.and_then(|made| made.network_interface_id).context("no id")?);
    }
    Ok(interfaces)
}

async fn release_reserved(site: &Site, reserved: &[String]) -> Result<()> {
    for interface in reserved {
        site.aws.ec2.delete_network_interface().network_interface_id(interface).send().await?;
    }
    Ok(())
}

/// Returns the addresses that the resource of a slot has in a subnet.
async fn addresses_in_subnet(site: &Site, slot: &str, subnet: &str) -> Result<Vec<String>> {
    let state = site.state().await?;
    let id = state.slots().get(slot).with_context(|| format!("slot {slot} is empty"))?.clone();
    let subnet = site.landing.subnet(subnet)?;
    Ok(state.addresses(&id).into_iter().filter(|(other, _)| other == subnet).map(|(_, ip)| ip).collect())
}

/// Fails unless the resource of a slot has exactly these addresses in these subnets.
async fn check_addresses(site: &Site, slot: &str, all: &[(&str, u8)]) -> Result<()> {
    for (subnet, last) in all {
        let (actual, expected) = (addresses_in_subnet(site, slot, subnet).await?, site.landing.address(subnet, *last)?);
        ensure!(actual == [expected.as_str()], "{slot} has {actual:?} in {subnet}, but should have {expected}");
    }
    Ok(())
}

/// Returns the addresses of an interface endpoint in status, sorted.
fn reported_ips(network: &MigrationNetwork, service: &str) -> Vec<String> {
    let endpoints = network.status.iter().flat_map(|status| &status.endpoints);
    let interfaces = endpoints.filter(|one| one.service == service).flat_map(|one| &one.network_interfaces);
    let mut ips: Vec<String> = interfaces.filter_map(|interface| interface.ip.clone()).collect();
    ips.sort();
    ips
}

#[tokio::test]
async fn fixed_addresses_are_sent_in_the_create_call_and_reported_in_status() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("fixed").await?;
    lab.control().change_options(&site.account, json!({ "throttling": false })).await?;
    let both = [("endpoints-1", 53), ("endpoints-2", 53)];
    let mgn = [("endpoints-1", 20), ("endpoints-2", 20)];
    // The address is fixed in one of two subnets. AWS chooses the address in the other subnet.
    let ec2 = [("endpoints-2", 21)];
    let mark = site.last_call().await?;
    let network = site
        .network("tokyo")
        .spec(&json!({
            "endpoints": [endpoint(&site, "mgn", &mgn)?, endpoint(&site, "ec2", &ec2)?],
            "resolver": { "addresses": addresses(&site, &both)? },
        }))
        .apply()
        .await?;
    let ready = network.until_ready().await?;
    assert_eq!(site.summary().await?, site.expected().summary());
    check_addresses(&site, "vpce/mgn/Interface", &mgn).await?;
    check_addresses(&site, "vpce/ec2/Interface", &ec2).await?;
    check_addresses(&site, "resolver", &both).await?;
    assert_eq!(reported_ips(&ready, "mgn"), ["10.20.1.20", "10.20.2.20"]);
    assert!(reported_ips(&ready, "ec2").contains(&"10.20.2.21".to_owned()) && reported_ips(&ready, "ec2").len() == 2);
    let resolver = ready.status.clone().and_then(|status| status.resolver).context("no resolver")?;
    assert_eq!(resolver.ip_address_summary.as_deref(), Some("10.20.1.53,10.20.2.53"));

    let calls = site.calls_after(mark).await?;
    assert!(calls.iter().all(|call| call.outcome == "ok"), "{}", listed(&calls));
    let sent = |action: &str, word: &str| {
        let mut all = calls.iter().filter(|call| call.action == action && call.parameters.to_string().contains(word));
        all.next().cloned().with_context(|| format!("no {action} with {word}:{}", listed(&calls)))
    };
    let create = sent("CreateVpcEndpoint", "vpce/mgn/Interface")?.parameters;
    let configured = create["SubnetConfiguration"].to_string();
    for (subnet, last) in mgn {
        assert!(configured.contains(site.landing.subnet(subnet)?), "{create}");
        assert!(configured.contains(&site.landing.address(subnet, last)?), "{create}");
    }
    let create = sent("CreateResolverEndpoint", "10.20.1.53")?.parameters;
    assert!(create.to_string().contains("10.20.2.53"), "{create}");
    let edits = ["ModifyVpcEndpoint", "AssociateResolverEndpointIpAddress", "DisassociateResolverEndpointIpAddress"];
    assert!(calls.iter().all(|call| !edits.contains(&call.action.as_str())), "{}", listed(&calls));

    // At rest, the operator writes nothing. An address that the spec no longer fixes remains unchanged.
    let mark = site.last_call().await?;
    until_observed(&site, 1).await?;
    network.edit(json!({ "endpoints": null, "resolver": null })).await?;
    network.until_ready().await?;
    unwritten(&site, mark).await?;
    check_addresses(&site, "vpce/mgn/Interface", &mgn).await?;
    check_addresses(&site, "resolver", &both).await?;
    network.delete_and_wait().await?;
    assert!(site.summary().await?.is_empty());
    close(&site).await
}

#[tokio::test]
async fn unavailable_addresses_are_reported_before_the_first_write() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("unusable").await?;
    let first = site.landing.subnet("endpoints-1")?;
    let request = site.aws.ec2.create_network_interface().subnet_id(first).private_ip_address("10.20.1.77");
    let made = request.description("printer").send().await?.network_interface;
    let printer = made.and_then(|made| made.network_interface_id).context("no id")?;
    let mark = site.last_call().await?;
    let at = |ip: &str, subnet: &str| {
        let addresses = json!([{ "subnetID": subnet, "ip": ip }]);
        json!({ "endpoints": [entry("mgn", "Interface", &json!({ "addresses": addresses }))], "resolver": null })
    };
    let staging = site.landing.subnet("staging-1")?;
    let network = site.network("tokyo").spec(&at("10.20.2.20", first)).apply().await?;
    let field = "`spec.endpoints[mgn/Interface].addresses`";
    for (spec, words) in [
        (at("10.20.2.20", first), vec![field, "must be in the range", first, "10.20.2.20 is not in 10.20.1.0/24"]),
        (at("10.20.1.0", first), vec![field, "AWS reserves", "10.20.1.0 "]),
        (at("10.20.1.3", first), vec![field, "AWS reserves", "10.20.1.3 "]),
        (at("10.20.1.255", first), vec![field, "AWS reserves", "10.20.1.255 "]),
        (at("10.20.11.9", staging), vec![field, "`spec.subnets.endpoints` selects", staging]),
        (at("10.20.1.9", "subnet-0123456789abcdef0"), vec![field, "must name subnets of the network's VPC"]),
        (
            json!({
                "endpoints": [endpoint(&site, "mgn", &[("endpoints-1", 9)])?, endpoint(&site, "ec2", &[("endpoints-1", 9)])?],
            }),
            vec!["must not use 10.20.1.9 twice", "requests it, too"],
        ),
        (
            json!({
                "endpoints": [endpoint(&site, "mgn", &[("endpoints-1", 9)])?],
                "resolver": { "addresses": addresses(&site, &[("endpoints-1", 9)])? },
            }),
            vec!["`spec.resolver.addresses`", "must not use 10.20.1.9 twice", "vpce/mgn/Interface requests it, too"],
        ),
        (
            json!({ "endpoints": null, "resolver": { "addresses": addresses(&site, &[("endpoints-1", 77)])? } }),
            vec!["`spec.resolver.addresses`", "must be free, but 10.20.1.77 belongs to", &printer, "printer"],
        ),
        (at("10.20.1.77", first), vec![field, "must be free", &printer, "(printer)", "choose another or free it"]),
    ] {
        network.edit(spec.clone()).await?;
        is_refused_after(&site, mark, &network, Check::FixedAddressesFree, &words)
            .await
            .with_context(|| spec.to_string())?;
    }
    site.aws.ec2.delete_network_interface().network_interface_id(&printer).send().await?;
    network.until_ready().await?;
    check_addresses(&site, "vpce/mgn/Interface", &[("endpoints-1", 77)]).await?;
    assert_eq!(site.summary().await?, site.expected().summary());

    // Another resource of the same network has the address: an endpoint or the resolver.
    let mark = site.last_call().await?;
    network.edit(json!({ "endpoints": [endpoint(&site, "ec2", &[("endpoints-1", 77)])?] })).await?;
    let words = [
        "`spec.endpoints[ec2/Interface].addresses`",
        "must be free",
        "move vpce/mgn/Interface to another address first",
    ];
    is_refused_after(&site, mark, &network, Check::FixedAddressesFree, &words).await?;
    let resolver_ips = addresses_in_subnet(&site, "resolver", "endpoints-1").await?;
    network.edit(at(&resolver_ips[0], first)).await?;
    let words = [field, "must be free", &resolver_ips[0]];
    is_refused_after(&site, mark, &network, Check::FixedAddressesFree, &words).await?;
    close(&site).await
}

async fn until_change_is_refused(network: &Network<'_>, words: &[&str]) -> Result<MigrationNetwork> {
    let what = format!("the change of an address is refused, with the words {words:?}");
    let object = network
        .until(&what, |network| {
            let current = network.status.as_ref().map(|status| status.observed_generation);
            current == network.metadata.generation
                && condition(network, ConditionType::Ready).is_some_and(|(_, reason, message)| {
                    reason == "AddressChangeRefused" && words.iter().all(|word| message.contains(word))
                })
        })
        .await?;
    ensure!(condition(&object, ConditionType::Stalled).is_some(), "only a user can allow the change");
    Ok(object)
}

#[tokio::test]
async fn an_endpoint_address_changes_only_with_an_annotation_that_names_the_endpoint() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("moved").await?;
    let both = [("endpoints-1", 20), ("endpoints-2", 20)];
    let reserved =
        reserve(&site, &[("endpoints-1", 30), ("endpoints-2", 30), ("endpoints-1", 31), ("endpoints-1", 40)]).await?;
    let network = site.network("tokyo").spec(&json!({ "endpoints": [endpoint(&site, "mgn", &both)?] })).apply().await?;
    network.until_ready().await?;
    release_reserved(&site, &reserved).await?;
    let (mgn, slot) = (site.state().await?.slots()["vpce/mgn/Interface"].clone(), "vpce/mgn/Interface");
    let mark = site.last_call().await?;
    let moved = [("endpoints-1", 30), ("endpoints-2", 30)];
    network.edit(json!({ "endpoints": [endpoint(&site, "mgn", &moved)?] })).await?;
    let allow = format!("{slot}={mgn}");
    let first = site.landing.subnet("endpoints-1")?;
    let words = [
        slot,
        &mgn,
        "10.20.1.20",
        first,
        "10.20.1.30",
        "has 10.20.2.20 in",
        "mgnet.dev/allow-address-change",
        &format!("'{allow}'"),
    ];
    let refused = until_change_is_refused(&network, &words).await?;
    let ready = condition(&refused, ConditionType::EndpointsReady).map(|(status, reason, _)| (status, reason));
    assert_eq!(ready, Some(("False", "AddressChangeRefused")));
    for wrong in
        [format!("{slot}=vpce-0123456789abcdef0"), format!("vpce/ec2/Interface={mgn}"), mgn.clone(), "yes".into()]
    {
        network.allow_address_change(Some(&wrong)).await?;
        until_observed(&site, 1).await?;
        until_change_is_refused(&network, &words).await?;
    }
    unwritten(&site, mark).await?;
    check_addresses(&site, slot, &both).await?;

    // The operator applies other changes of the spec in the meantime.
    network.edit(json!({ "proxyCIDRs": ["10.9.0.0/24"] })).await?;
    let with_proxy = site.expected().proxies(["10.9.0.0/24"]).summary();
    until("the security group admits the proxy", async || {
        let summary = site.summary().await?;
        Ok(if summary == with_proxy { Ok(()) } else { Err(summary.to_string()) })
    })
    .await?;
    until_change_is_refused(&network, &words).await?;
    check_addresses(&site, slot, &both).await?;

    let mark = site.last_call().await?;
    let ready = without_outage(&site, async {
        network.allow_address_change(Some(&format!("resolver=rslvr-in-1, {allow}"))).await?;
        network.until_ready().await
    })
    .await?;
    check_addresses(&site, slot, &moved).await?;
    assert_eq!(reported_ips(&ready, "mgn"), ["10.20.1.30", "10.20.2.30"]);
    assert_eq!(site.state().await?.slots()[slot], mgn, "it is the same endpoint");
    let writes = site.writes_after(mark).await?;
    let one_by_one = ["ModifyVpcEndpoint", "ModifyVpcEndpoint"];
    assert_eq!(actions(&writes), one_by_one, "one zone serves while the other changes:{}", listed(&writes));

    // A spec that requests the current addresses needs no permission.
    network.allow_address_change(None).await?;
    let mark = site.last_call().await?;
    network.edit(json!({ "endpoints": [endpoint(&site, "mgn", &[("endpoints-1", 31)])?] })).await?;
    until_change_is_refused(&network, &["10.20.1.31"]).await?;
    network.edit(json!({ "endpoints": [endpoint(&site, "mgn", &moved)?] })).await?;
    network.until_ready().await?;
    // An address that AWS chose is published, too, so it also changes only with permission.
    let chosen = addresses_in_subnet(&site, "vpce/ec2/Interface", "endpoints-1").await?;
    network.edit(json!({ "endpoints": [endpoint(&site, "ec2", &[("endpoints-1", 40)])?] })).await?;
    until_change_is_refused(&network, &["vpce/ec2/Interface", &chosen[0], "10.20.1.40"]).await?;
    unwritten(&site, mark).await?;
    network.edit(json!({ "endpoints": null })).await?;
    network.until_ready().await?;
    unwritten(&site, mark).await?;
    close(&site).await
}

#[tokio::test]
async fn a_subnet_that_is_added_later_gets_its_fixed_address_without_permission() -> Result<()> {
    let lab = Lab::shared().await?;
    let mut site = lab.site("added").await?;
    let mut landing = site.landing.clone();
    landing.add_subnet(&site.aws, support::Use::Endpoints, 3).await?;
    site.landing = landing;
    let subnets = |names: &[&str]| {
        let ids = names.iter().map(|name| site.landing.subnet(name).map(str::to_owned)).collect::<Result<Vec<_>>>()?;
        Ok::<_, anyhow::Error>(json!({ "endpoints": { "ids": ids } }))
    };
    let two = json!({ "subnets": subnets(&["endpoints-1", "endpoints-2"])? });
    let network = site.network("tokyo").spec(&two).apply().await?;
    network.until_ready().await?;
    let mark = site.last_call().await?;
    let spec = json!({
        "subnets": subnets(&["endpoints-1", "endpoints-2", "endpoints-3"])?,
        "endpoints": [endpoint(&site, "mgn", &[("endpoints-3", 33)])?],
        "resolver": { "addresses": addresses(&site, &[("endpoints-3", 53)])? },
    });
    // No address in the new subnet is in use yet, so the change needs no permission.
    without_outage(&site, async {
        network.edit(spec).await?;
        network.until_ready().await
    })
    .await?;
    check_addresses(&site, "vpce/mgn/Interface", &[("endpoints-3", 33)]).await?;
    check_addresses(&site, "resolver", &[("endpoints-3", 53)]).await?;
    assert_eq!(site.summary().await?, site.expected().subnets(["endpoints-1", "endpoints-2", "endpoints-3"]).summary());
    assert_eq!(actions(&billable_calls(&site, mark).await?), ["AssociateResolverEndpointIpAddress"]);
    close(&site).await
}

#[tokio::test]
async fn resources_that_are_disabled_and_enabled_again_get_their_fixed_addresses() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("off-and-on-fixed").await?;
    let both = [("endpoints-1", 53), ("endpoints-2", 53)];
    let mgn = [("endpoints-1", 20), ("endpoints-2", 20)];
    let fixed = json!({
        "endpoints": [endpoint(&site, "mgn", &mgn)?],
        "resolver": { "mode": "Managed", "addresses": addresses(&site, &both)? },
    });
    let network = site.network("tokyo").spec(&fixed).apply().await?;
    network.until_ready().await?;
    let off = json!({
        "endpoints": [entry("mgn", "Interface", &json!({ "mode": "Disabled" }))],
        "resolver": { "mode": "Disabled", "addresses": null },
    });
    for wait in [true, false] {
        let before = site.state().await?.slots();
        network.edit(off.clone()).await?;
        let what = "the resolver is being deleted";
        until_state(&site, what, |state| state.resolver_endpoints.iter().all(|one| one.status == "DELETING")).await?;
        if wait {
            network.until_ready().await?;
        }
        // Resources keep their addresses during the deletion. The operator must not ask the user to free them.
        network.edit(fixed.clone()).await?;
        let unusable = |network: &MigrationNetwork| {
            let ready = condition(network, ConditionType::Ready);
            ready.is_some_and(|(_, reason, _)| reason == Reason::AddressUnusable.as_str())
        };
        let what = "it is Ready, and never reports that its own addresses are taken";
        until(what, async || {
            let object = network.get().await?;
            ensure!(!unusable(&object), "{}", network.report().await);
            let current = object.status.as_ref().map(|status| status.observed_generation);
            let ready = condition(&object, ConditionType::Ready).is_some_and(|(status, ..)| status == "True");
            Ok(if ready && current == object.metadata.generation { Ok(()) } else { Err("not ready".to_owned()) })
        })
        .await?;
        check_addresses(&site, "vpce/mgn/Interface", &mgn).await?;
        check_addresses(&site, "resolver", &both).await?;
        assert_ne!(site.state().await?.slots()["resolver"], before["resolver"]);
        assert_eq!(site.summary().await?, site.expected().summary());
    }
    close(&site).await
}

#[tokio::test]
async fn a_resource_to_adopt_may_already_have_the_fixed_address() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("adopted-fixed").await?;
    let https = group(&site, "corp-https", HTTPS, &[]).await?;
    let dns = group(&site, "corp-dns", DNS, &[]).await?;
    let mgn = interface(&site, "mgn", true, &https, &[]).await?;
    let inbound = resolver(&site, "corp", &dns, &[]).await?;
    let state = site.state().await?;
    let current = |id: &str| -> Value {
        let all = state.addresses(id).into_iter();
        all.map(|(subnet, ip)| json!({ "subnetID": subnet, "ip": ip })).collect()
    };
    let spec = json!({
        "endpoints": [entry("mgn", "Interface", &json!({ "addresses": current(&mgn) }))],
        "resolver": { "addresses": current(&inbound) },
    });
    let mark = site.last_call().await?;
    let network = site.network("tokyo").spec(&spec).apply().await?;
    // Without adoption, the addresses are not available.
    is_refused_after(&site, mark, &network, Check::FixedAddressesFree, &["must be free", "`spec.resolver.addresses`"])
        .await?;
    network.edit(json!({ "adoptionPolicy": "Any" })).await?;
    let ready = network.until_ready().await?;
    let after = site.state().await?;
    assert_eq!(after.addresses(&inbound), state.addresses(&inbound));
    let first = &state.addresses(&mgn)[0];
    assert!(after.addresses(&mgn).contains(first), "{:?}", after.addresses(&mgn));
    let settings = ready.status.and_then(|status| status.settings).context("no settings")?;
    assert_eq!(settings.adoption_policy, Some(AdoptionPolicy::Any));
    close(&site).await
}

#[tokio::test]
async fn the_resolver_gets_its_new_address_before_the_old_one_is_removed() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("moved-resolver").await?;
    let both = [("endpoints-1", 53), ("endpoints-2", 53)];
    let with =
        |all: &[(&str, u8)]| Ok::<_, anyhow::Error>(json!({ "resolver": { "addresses": addresses(&site, all)? } }));
    let reserved = reserve(&site, &[("endpoints-1", 54), ("endpoints-2", 55)]).await?;
    let network = site.network("tokyo").spec(&with(&both)?).apply().await?;
    network.until_ready().await?;
    release_reserved(&site, &reserved).await?;
    let resolver = site.state().await?.slots()["resolver"].clone();
    let mark = site.last_call().await?;
    let moved = [("endpoints-1", 54), ("endpoints-2", 55)];
    network.edit(with(&moved)?).await?;
    until_change_is_refused(
        &network,
        &["resolver", &resolver, "10.20.1.53", "10.20.1.54", &format!("'resolver={resolver}'")],
    )
    .await?;
    network.allow_address_change(Some("resolver=rslvr-in-0123456789abcdef0")).await?;
    until_observed(&site, 1).await?;
    until_change_is_refused(&network, &["10.20.1.54"]).await?;
    unwritten(&site, mark).await?;
    let ready = without_outage(&site, async {
        network.allow_address_change(Some(&format!("resolver={resolver}"))).await?;
        network.until_ready().await
    })
    .await?;
    check_addresses(&site, "resolver", &moved).await?;
    let reported = ready.status.and_then(|status| status.resolver).context("no resolver")?;
    assert_eq!((reported.id, reported.ip_address_summary.as_deref()), (Some(resolver), Some("10.20.1.54,10.20.2.55")));
    let writes = site.writes_after(mark).await?;
    let (add, remove) = ("AssociateResolverEndpointIpAddress", "DisassociateResolverEndpointIpAddress");
    assert_eq!(actions(&writes), [add, add, remove, remove], "{}", listed(&writes));
    assert_eq!(site.summary().await?, site.expected().summary());
    close(&site).await
}

#[tokio::test]
async fn a_class_fixes_addresses_for_its_networks() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("fixed-by-class").await?;
    let both = [("endpoints-1", 53), ("endpoints-2", 53)];
    let mgn = [("endpoints-2", 20)];
    site.edit_class(json!({ "defaults": {
        "endpoints": [endpoint(&site, "mgn", &mgn)?],
        "resolver": { "addresses": addresses(&site, &both)?, "clientCIDRs": ["10.8.0.0/24"] },
    } }))
    .await?;
    let network = site.network("tokyo").apply().await?;
    network.until_ready().await?;
    check_addresses(&site, "vpce/mgn/Interface", &mgn).await?;
    check_addresses(&site, "resolver", &both).await?;
    assert_eq!(site.summary().await?, site.expected().clients(["10.8.0.0/24"]).summary());
    // A field that the network sets does not affect the other fields that the class sets.
    let mark = site.last_call().await?;
    network.edit(json!({ "resolver": { "clientCIDRs": ["10.8.1.0/24", "10.8.2.0/24"] } })).await?;
    network.until_ready().await?;
    assert_eq!(site.summary().await?, site.expected().clients(["10.8.1.0/24", "10.8.2.0/24"]).summary());
    check_addresses(&site, "resolver", &both).await?;
    let expected = ["AuthorizeSecurityGroupIngress", "RevokeSecurityGroupIngress"];
    assert_eq!(actions(&site.writes_after(mark).await?), expected);
    network.edit(json!({ "resolver": null })).await?;
    network.until_ready().await?;
    assert_eq!(site.summary().await?, site.expected().clients(["10.8.0.0/24"]).summary());
    close(&site).await
}

#[tokio::test]
async fn a_kill_before_the_answer_creates_no_second_resource_with_fixed_addresses() -> Result<()> {
    let lab = Lab::exclusive().await?;
    let site = lab.site("fixed-unheard").await?;
    lab.control().change_options(&site.account, json!({ "throttling": false })).await?;
    let both = [("endpoints-1", 53), ("endpoints-2", 53)];
    let mgn = [("endpoints-1", 20), ("endpoints-2", 20)];
    let hold_answer = async |action: &str, nth: u64| {
        let fault = Fault { account: Some(site.account.clone()), nth, ..Fault::next(FaultKind::Hold, action) };
        let order = lab.control().order(&fault).await?;
        Ok::<_, anyhow::Error>(order)
    };
    let kill = async |order: u64, what: &str, test: &dyn Fn(&support::state::State) -> bool| {
        lab.control().until_spoiled(order).await?;
        until_state(&site, what, test).await?;
        lab.operator().kill().await?;
        lab.control().release().await?;
        lab.operator().start().await
    };
    let order = hold_answer("CreateVpcEndpoint", 2).await?;
    let second = hold_answer("CreateResolverEndpoint", 1).await?;
    let spec = json!({
        "endpoints": [
            endpoint(&site, "mgn", &mgn)?,
            endpoint(&site, "ec2", &[("endpoints-1", 21), ("endpoints-2", 21)])?,
            endpoint(&site, "s3", &[("endpoints-1", 22), ("endpoints-2", 22)])?,
        ],
        "resolver": { "addresses": addresses(&site, &both)? },
    });
    let reserved = reserve(&site, &[("endpoints-1", 54)]).await?;
    let network = site.network("tokyo").spec(&spec).apply().await?;
    kill(order, "two endpoints exist", &|state| state.vpc_endpoints.len() >= 2).await?;
    kill(second, "the resolver exists", &|state| !state.resolver_endpoints.is_empty()).await?;
    network.until_ready().await?;
    release_reserved(&site, &reserved).await?;
    assert_eq!(site.summary().await?, site.expected().summary());
    check_addresses(&site, "vpce/mgn/Interface", &mgn).await?;
    check_addresses(&site, "resolver", &both).await?;

    // The call that adds an address has no client token: the operator checks whether the address exists before it sends
    // the call again.
    let resolver = site.state().await?.slots()["resolver"].clone();
    network.allow_address_change(Some(&format!("resolver={resolver}"))).await?;
    let mark = site.last_call().await?;
    let order = hold_answer("AssociateResolverEndpointIpAddress", 1).await?;
    let moved = [("endpoints-1", 54), ("endpoints-2", 53)];
    network.edit(json!({ "resolver": { "addresses": addresses(&site, &moved)? } })).await?;
    let added = |state: &support::state::State| state.resolver_endpoints.iter().any(|one| one.addresses.len() == 3);
    kill(order, "the address was added", &added).await?;
    network.until_condition(ConditionType::Ready, ConditionStatus::True).await?;
    check_addresses(&site, "resolver", &moved).await?;
    let associated = billable_calls(&site, mark).await?;
    assert_eq!(actions(&associated), ["AssociateResolverEndpointIpAddress"], "{}", listed(&associated));
    assert_eq!(site.summary().await?, site.expected().summary());
    network.delete_and_wait().await?;
    assert!(site.summary().await?.is_empty());
    close(&site).await
}

/// Returns the calls after `mark` that create billable resources or add addresses to them. Failed calls count.
async fn billable_calls(site: &Site, mark: u64) -> Result<Vec<Call>> {
    const ACTIONS: [&str; 3] = ["CreateVpcEndpoint", "CreateResolverEndpoint", "AssociateResolverEndpointIpAddress"];
    let writes = site.writes_after(mark).await?;
    Ok(writes.into_iter().filter(|call| ACTIONS.contains(&call.action.as_str())).collect())
}
