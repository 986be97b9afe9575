//! Fixed addresses: sent in the create call, refused before any write where they cannot be had, and changed only by an
//! explicit word.

use anyhow::{Context, Result, ensure};
use mgnet::api::{AdoptionPolicy, ConditionStatus, ConditionType, MigrationNetwork, Reason};
use mgnet::model::preflight::checks::Check;
use serde_json::{Value, json};
use support::{Call, Fault, FaultKind, Lab, Network, Site};

use support::foreign::{DNS, HTTPS, entry, group, interface, is_refused_after, resolver, unwritten};
use support::waiting::{actions, close, condition, listed, until, until_observed, until_state, without_outage};

/// `addresses` of an endpoint or of the resolver: subnets by name, each with the last number of its address.
fn addresses(site: &Site, all: &[(&str, u8)]) -> Result<Value> {
    let one = |(subnet, last): &(&str, u8)| {
        Ok(json!({ "subnetID": site.landing.subnet(subnet)?, "ip": site.landing.address(subnet, *last)? }))
    };
    Ok(Value::Array(all.iter().map(one).collect::<Result<_>>()?))
}

fn endpoint(site: &Site, service: &str, all: &[(&str, u8)]) -> Result<Value> {
    Ok(entry(service, "Interface", &json!({ "addresses": addresses(site, all)? })))
}

/// Has somebody hold addresses, so that AWS does not choose them for anything while a network is built.
async fn keep(site: &Site, all: &[(&str, u8)]) -> Result<Vec<String>> {
    let mut interfaces = Vec::new();
    for (subnet, last) in all {
        let request = site.aws.ec2.create_network_interface().subnet_id(site.landing.subnet(subnet)?);
        let made = request.private_ip_address(site.landing.address(subnet, *last)?).send().await?.network_interface;
        interfaces.push(made.and_then(|made| made.network_interface_id).context("no id")?);
    }
    Ok(interfaces)
}

async fn give_up(site: &Site, kept: &[String]) -> Result<()> {
    for interface in kept {
        site.aws.ec2.delete_network_interface().network_interface_id(interface).send().await?;
    }
    Ok(())
}

/// The address that what fills a slot has in a subnet.
async fn held(site: &Site, slot: &str, subnet: &str) -> Result<Vec<String>> {
    let state = site.state().await?;
    let id = state.slots().get(slot).with_context(|| format!("nothing fills {slot}"))?.clone();
    let subnet = site.landing.subnet(subnet)?;
    Ok(state.addresses(&id).into_iter().filter(|(place, _)| place == subnet).map(|(_, ip)| ip).collect())
}

async fn holds(site: &Site, slot: &str, all: &[(&str, u8)]) -> Result<()> {
    for (subnet, last) in all {
        let (there, wanted) = (held(site, slot, subnet).await?, site.landing.address(subnet, *last)?);
        ensure!(there == [wanted.as_str()], "{slot} has {there:?} in {subnet} and not {wanted}");
    }
    Ok(())
}

/// The addresses that status tells of an interface endpoint, sorted.
fn told(network: &MigrationNetwork, service: &str) -> Vec<String> {
    let endpoints = network.status.iter().flat_map(|status| &status.endpoints);
    let interfaces = endpoints.filter(|one| one.service == service).flat_map(|one| &one.network_interfaces);
    let mut ips: Vec<String> = interfaces.filter_map(|interface| interface.ip.clone()).collect();
    ips.sort();
    ips
}

#[tokio::test]
async fn fixed_addresses_are_sent_in_the_create_and_told_in_status() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("fixed").await?;
    lab.world().change_options(&site.account, json!({ "throttling": false })).await?;
    let both = [("endpoints-1", 53), ("endpoints-2", 53)];
    let mgn = [("endpoints-1", 20), ("endpoints-2", 20)];
    // In one subnet of two, AWS chooses in the other.
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
    holds(&site, "vpce/mgn/Interface", &mgn).await?;
    holds(&site, "vpce/ec2/Interface", &ec2).await?;
    holds(&site, "resolver", &both).await?;
    assert_eq!(told(&ready, "mgn"), ["10.20.1.20", "10.20.2.20"]);
    assert!(told(&ready, "ec2").contains(&"10.20.2.21".to_owned()) && told(&ready, "ec2").len() == 2);
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

    // At rest nothing is written, and what is no longer fixed stays where it is.
    let mark = site.last_call().await?;
    until_observed(&site, 1).await?;
    network.edit(json!({ "endpoints": null, "resolver": null })).await?;
    network.until_ready().await?;
    unwritten(&site, mark).await?;
    holds(&site, "vpce/mgn/Interface", &mgn).await?;
    holds(&site, "resolver", &both).await?;
    network.delete_and_wait().await?;
    assert!(site.summary().await?.is_empty());
    close(&site).await
}

#[tokio::test]
async fn an_address_that_cannot_be_had_is_named_before_anything_is_written() -> Result<()> {
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
    for (spec, says) in [
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
        is_refused_after(&site, mark, &network, Check::FixedAddressesFree, &says)
            .await
            .with_context(|| spec.to_string())?;
    }
    site.aws.ec2.delete_network_interface().network_interface_id(&printer).send().await?;
    network.until_ready().await?;
    holds(&site, "vpce/mgn/Interface", &[("endpoints-1", 77)]).await?;
    assert_eq!(site.summary().await?, site.expected().summary());

    // One of its own has it: another endpoint, or the resolver.
    let mark = site.last_call().await?;
    network.edit(json!({ "endpoints": [endpoint(&site, "ec2", &[("endpoints-1", 77)])?] })).await?;
    let says = [
        "`spec.endpoints[ec2/Interface].addresses`",
        "must be free",
        "move vpce/mgn/Interface to another address first",
    ];
    is_refused_after(&site, mark, &network, Check::FixedAddressesFree, &says).await?;
    let of_resolver = held(&site, "resolver", "endpoints-1").await?;
    network.edit(at(&of_resolver[0], first)).await?;
    let says = [field, "must be free", &of_resolver[0]];
    is_refused_after(&site, mark, &network, Check::FixedAddressesFree, &says).await?;
    close(&site).await
}

async fn until_change_is_refused(network: &Network<'_>, words: &[&str]) -> Result<MigrationNetwork> {
    let what = format!("a change of address is refused, with the words {words:?}");
    let object = network
        .until(&what, |network| {
            let current = network.status.as_ref().map(|status| status.observed_generation);
            current == network.metadata.generation
                && condition(network, ConditionType::Ready).is_some_and(|(_, why, said)| {
                    why == "AddressChangeRefused" && words.iter().all(|word| said.contains(word))
                })
        })
        .await?;
    ensure!(condition(&object, ConditionType::Stalled).is_some(), "only people can allow it");
    Ok(object)
}

#[tokio::test]
async fn an_address_of_an_endpoint_changes_only_by_a_word_on_that_endpoint() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("moved").await?;
    let both = [("endpoints-1", 20), ("endpoints-2", 20)];
    let kept =
        keep(&site, &[("endpoints-1", 30), ("endpoints-2", 30), ("endpoints-1", 31), ("endpoints-1", 40)]).await?;
    let network = site.network("tokyo").spec(&json!({ "endpoints": [endpoint(&site, "mgn", &both)?] })).apply().await?;
    network.until_ready().await?;
    give_up(&site, &kept).await?;
    let (mgn, slot) = (site.state().await?.slots()["vpce/mgn/Interface"].clone(), "vpce/mgn/Interface");
    let mark = site.last_call().await?;
    let moved = [("endpoints-1", 30), ("endpoints-2", 30)];
    network.edit(json!({ "endpoints": [endpoint(&site, "mgn", &moved)?] })).await?;
    let allow = format!("{slot}={mgn}");
    let first = site.landing.subnet("endpoints-1")?;
    let says = [
        slot,
        &mgn,
        "10.20.1.20",
        first,
        "10.20.1.30",
        "has 10.20.2.20 in",
        "mgnet.dev/allow-address-change",
        &format!("'{allow}'"),
    ];
    let refused = until_change_is_refused(&network, &says).await?;
    let said = condition(&refused, ConditionType::EndpointsReady).map(|(status, why, _)| (status, why));
    assert_eq!(said, Some(("False", "AddressChangeRefused")));
    for wrong in
        [format!("{slot}=vpce-0123456789abcdef0"), format!("vpce/ec2/Interface={mgn}"), mgn.clone(), "yes".into()]
    {
        network.allow_address_change(Some(&wrong)).await?;
        until_observed(&site, 1).await?;
        until_change_is_refused(&network, &says).await?;
    }
    unwritten(&site, mark).await?;
    holds(&site, slot, &both).await?;

    // What else is asked for meanwhile is done.
    network.edit(json!({ "proxyCIDRs": ["10.9.0.0/24"] })).await?;
    let with_proxy = site.expected().proxies(["10.9.0.0/24"]).summary();
    until("the proxy is let in", async || {
        let summary = site.summary().await?;
        Ok(if summary == with_proxy { Ok(()) } else { Err(summary.to_string()) })
    })
    .await?;
    until_change_is_refused(&network, &says).await?;
    holds(&site, slot, &both).await?;

    let mark = site.last_call().await?;
    let ready = without_outage(&site, async {
        network.allow_address_change(Some(&format!("resolver=rslvr-in-1, {allow}"))).await?;
        network.until_ready().await
    })
    .await?;
    holds(&site, slot, &moved).await?;
    assert_eq!(told(&ready, "mgn"), ["10.20.1.30", "10.20.2.30"]);
    assert_eq!(site.state().await?.slots()[slot], mgn, "it is the same endpoint");
    let writes = site.writes_after(mark).await?;
    let one_by_one = ["ModifyVpcEndpoint", "ModifyVpcEndpoint"];
    assert_eq!(actions(&writes), one_by_one, "one zone serves while the other changes:{}", listed(&writes));

    // Back to what is there, nothing is to be allowed.
    network.allow_address_change(None).await?;
    let mark = site.last_call().await?;
    network.edit(json!({ "endpoints": [endpoint(&site, "mgn", &[("endpoints-1", 31)])?] })).await?;
    until_change_is_refused(&network, &["10.20.1.31"]).await?;
    network.edit(json!({ "endpoints": [endpoint(&site, "mgn", &moved)?] })).await?;
    network.until_ready().await?;
    // An address that AWS chose is published like any other.
    let chosen = held(&site, "vpce/ec2/Interface", "endpoints-1").await?;
    network.edit(json!({ "endpoints": [endpoint(&site, "ec2", &[("endpoints-1", 40)])?] })).await?;
    until_change_is_refused(&network, &["vpce/ec2/Interface", &chosen[0], "10.20.1.40"]).await?;
    unwritten(&site, mark).await?;
    network.edit(json!({ "endpoints": null })).await?;
    network.until_ready().await?;
    unwritten(&site, mark).await?;
    close(&site).await
}

#[tokio::test]
async fn a_subnet_that_is_added_later_gets_its_fixed_address_at_once() -> Result<()> {
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
    // It is nobody's yet, so that nothing has to be allowed.
    without_outage(&site, async {
        network.edit(spec).await?;
        network.until_ready().await
    })
    .await?;
    holds(&site, "vpce/mgn/Interface", &[("endpoints-3", 33)]).await?;
    holds(&site, "resolver", &[("endpoints-3", 53)]).await?;
    assert_eq!(site.summary().await?, site.expected().subnets(["endpoints-1", "endpoints-2", "endpoints-3"]).summary());
    assert_eq!(actions(&made(&site, mark).await?), ["AssociateResolverEndpointIpAddress"]);
    close(&site).await
}

#[tokio::test]
async fn what_is_turned_off_and_on_gets_its_fixed_addresses_again() -> Result<()> {
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
        let going = "the resolver goes";
        until_state(&site, going, |state| state.resolver_endpoints.iter().all(|one| one.status == "DELETING")).await?;
        if wait {
            network.until_ready().await?;
        }
        // While they go, the addresses are still theirs, and nobody is to be told to free them.
        network.edit(fixed.clone()).await?;
        let unusable = |network: &MigrationNetwork| {
            let ready = condition(network, ConditionType::Ready);
            ready.is_some_and(|(_, why, _)| why == Reason::AddressUnusable.as_str())
        };
        let what = "it is ready, and was never told that its own addresses are taken";
        until(what, async || {
            let object = network.get().await?;
            ensure!(!unusable(&object), "{}", network.report().await);
            let current = object.status.as_ref().map(|status| status.observed_generation);
            let ready = condition(&object, ConditionType::Ready).is_some_and(|(status, ..)| status == "True");
            Ok(if ready && current == object.metadata.generation { Ok(()) } else { Err("not ready".to_owned()) })
        })
        .await?;
        holds(&site, "vpce/mgn/Interface", &mgn).await?;
        holds(&site, "resolver", &both).await?;
        assert_ne!(site.state().await?.slots()["resolver"], before["resolver"]);
        assert_eq!(site.summary().await?, site.expected().summary());
    }
    close(&site).await
}

#[tokio::test]
async fn what_is_adopted_may_have_the_address_already() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("adopted-fixed").await?;
    let https = group(&site, "corp-https", HTTPS, &[]).await?;
    let dns = group(&site, "corp-dns", DNS, &[]).await?;
    let mgn = interface(&site, "mgn", true, &https, &[]).await?;
    let inbound = resolver(&site, "corp", &dns, &[]).await?;
    let state = site.state().await?;
    let listed = |id: &str| -> Value {
        let all = state.addresses(id).into_iter();
        all.map(|(subnet, ip)| json!({ "subnetID": subnet, "ip": ip })).collect()
    };
    let spec = json!({
        "endpoints": [entry("mgn", "Interface", &json!({ "addresses": listed(&mgn) }))],
        "resolver": { "addresses": listed(&inbound) },
    });
    let mark = site.last_call().await?;
    let network = site.network("tokyo").spec(&spec).apply().await?;
    // Who adopts nothing cannot have it.
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
async fn the_resolver_gets_its_new_address_before_the_old_one_goes() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("moved-resolver").await?;
    let both = [("endpoints-1", 53), ("endpoints-2", 53)];
    let with =
        |all: &[(&str, u8)]| Ok::<_, anyhow::Error>(json!({ "resolver": { "addresses": addresses(&site, all)? } }));
    let kept = keep(&site, &[("endpoints-1", 54), ("endpoints-2", 55)]).await?;
    let network = site.network("tokyo").spec(&with(&both)?).apply().await?;
    network.until_ready().await?;
    give_up(&site, &kept).await?;
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
    holds(&site, "resolver", &moved).await?;
    let told = ready.status.and_then(|status| status.resolver).context("no resolver")?;
    assert_eq!((told.id, told.ip_address_summary.as_deref()), (Some(resolver), Some("10.20.1.54,10.20.2.55")));
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
    holds(&site, "vpce/mgn/Interface", &mgn).await?;
    holds(&site, "resolver", &both).await?;
    assert_eq!(site.summary().await?, site.expected().clients(["10.8.0.0/24"]).summary());
    // The network's own word on one thing leaves the class's on another.
    let mark = site.last_call().await?;
    network.edit(json!({ "resolver": { "clientCIDRs": ["10.8.1.0/24", "10.8.2.0/24"] } })).await?;
    network.until_ready().await?;
    assert_eq!(site.summary().await?, site.expected().clients(["10.8.1.0/24", "10.8.2.0/24"]).summary());
    holds(&site, "resolver", &both).await?;
    let wanted = ["AuthorizeSecurityGroupIngress", "RevokeSecurityGroupIngress"];
    assert_eq!(actions(&site.writes_after(mark).await?), wanted);
    network.edit(json!({ "resolver": null })).await?;
    network.until_ready().await?;
    assert_eq!(site.summary().await?, site.expected().clients(["10.8.0.0/24"]).summary());
    close(&site).await
}

#[tokio::test]
async fn a_kill_between_effect_and_answer_makes_no_second_resource_with_fixed_addresses_either() -> Result<()> {
    let lab = Lab::exclusive().await?;
    let site = lab.site("fixed-unheard").await?;
    lab.world().change_options(&site.account, json!({ "throttling": false })).await?;
    let both = [("endpoints-1", 53), ("endpoints-2", 53)];
    let mgn = [("endpoints-1", 20), ("endpoints-2", 20)];
    let kill_at = async |action: &str, nth: u64| {
        let fault = Fault { account: Some(site.account.clone()), nth, ..Fault::next(FaultKind::Hold, action) };
        let order = lab.world().order(&fault).await?;
        Ok::<_, anyhow::Error>(order)
    };
    let kill = async |order: u64, what: &str, test: &dyn Fn(&support::state::State) -> bool| {
        lab.world().until_spoiled(order).await?;
        until_state(&site, what, test).await?;
        lab.operator().kill().await?;
        lab.world().release().await?;
        lab.operator().start().await
    };
    let order = kill_at("CreateVpcEndpoint", 2).await?;
    let second = kill_at("CreateResolverEndpoint", 1).await?;
    let spec = json!({
        "endpoints": [
            endpoint(&site, "mgn", &mgn)?,
            endpoint(&site, "ec2", &[("endpoints-1", 21), ("endpoints-2", 21)])?,
            endpoint(&site, "s3", &[("endpoints-1", 22), ("endpoints-2", 22)])?,
        ],
        "resolver": { "addresses": addresses(&site, &both)? },
    });
    let kept = keep(&site, &[("endpoints-1", 54)]).await?;
    let network = site.network("tokyo").spec(&spec).apply().await?;
    kill(order, "an endpoint was made", &|state| state.vpc_endpoints.len() >= 2).await?;
    kill(second, "the resolver was made", &|state| !state.resolver_endpoints.is_empty()).await?;
    network.until_ready().await?;
    give_up(&site, &kept).await?;
    assert_eq!(site.summary().await?, site.expected().summary());
    holds(&site, "vpce/mgn/Interface", &mgn).await?;
    holds(&site, "resolver", &both).await?;

    // Adding an address has no token: it is looked for before it is sent again.
    let resolver = site.state().await?.slots()["resolver"].clone();
    network.allow_address_change(Some(&format!("resolver={resolver}"))).await?;
    let mark = site.last_call().await?;
    let order = kill_at("AssociateResolverEndpointIpAddress", 1).await?;
    let moved = [("endpoints-1", 54), ("endpoints-2", 53)];
    network.edit(json!({ "resolver": { "addresses": addresses(&site, &moved)? } })).await?;
    let grown = |state: &support::state::State| state.resolver_endpoints.iter().any(|one| one.addresses.len() == 3);
    kill(order, "the address was added", &grown).await?;
    network.until_condition(ConditionType::Ready, ConditionStatus::True).await?;
    holds(&site, "resolver", &moved).await?;
    let associated = made(&site, mark).await?;
    assert_eq!(actions(&associated), ["AssociateResolverEndpointIpAddress"], "{}", listed(&associated));
    assert_eq!(site.summary().await?, site.expected().summary());
    network.delete_and_wait().await?;
    assert!(site.summary().await?.is_empty());
    close(&site).await
}

/// The calls that make something billable, and had their effect.
async fn made(site: &Site, mark: u64) -> Result<Vec<Call>> {
    const MAKERS: [&str; 3] = ["CreateVpcEndpoint", "CreateResolverEndpoint", "AssociateResolverEndpointIpAddress"];
    let writes = site.writes_after(mark).await?;
    Ok(writes.into_iter().filter(|call| MAKERS.contains(&call.action.as_str())).collect())
}
