//! Reads the surroundings of a network, which seldom change: DHCP options, network ACLs, hosted zones, and the
//! gateway endpoints of the Region.
//!
//! The four calls are made before the first write and while the preflight blocks the network. For a network without
//! blockers, they are made every ten minutes. Anything that the operator may not read is left out, so that an older
//! IAM policy blocks no network.

use std::{collections::BTreeSet, time::Duration};

use aws_sdk_ec2::types::{self, AttributeValue, RuleAction};
use aws_sdk_route53::types::{HostedZoneSummary, VpcRegion};

use super::cache::Cache;
use crate::{
    aws::{filter, request::Action, session::Session},
    model::{
        failure::{CallFailure, FailureClass},
        ids::{EndpointId, VpcId},
        observed::{
            Vpc,
            network_acl::{AclEntry, NetworkAcl},
            surroundings::{HostedZone, Surroundings},
        },
    },
};

/// How long an answer is reused for a network without blockers.
pub(super) const FRESH: Duration = Duration::from_mins(10);

/// The ID that AWS reports for a VPC that has no DHCP options.
const NO_DHCP_OPTIONS: &str = "default";

/// The surroundings of a VPC, and the ID of the DHCP options that the VPC had at that time.
#[derive(Debug)]
struct Answer {
    dhcp_options: Option<String>,
    surroundings: Surroundings,
}

/// The surroundings of each VPC as of the last read.
#[derive(Debug, Default)]
pub(super) struct SurroundingsCache(Cache<VpcId, Answer>);

impl SurroundingsCache {
    /// Returns the surroundings of a VPC. They may be up to ten minutes old if `old_is_fine`.
    pub(super) async fn read(
        &self,
        session: &Session,
        vpc: &Vpc,
        old_is_fine: bool,
    ) -> Result<Surroundings, CallFailure> {
        let known = self.0.of(&vpc.id);
        if let Some((asked, known)) = &known
            && old_is_fine
            && asked.elapsed() < FRESH
            // A set of DHCP options never changes, but a VPC may be given another set.
            && known.dhcp_options == vpc.dhcp_options
        {
            return Ok(known.surroundings.clone());
        }
        let (dns_servers, network_acls, gateway_endpoints, hosted_zones) = tokio::join!(
            session.dns_servers(vpc.dhcp_options.as_deref()),
            session.network_acls(&vpc.id),
            session.gateway_endpoints(),
            session.hosted_zones(&vpc.id),
        );
        let surroundings = Surroundings {
            dns_servers: if_permitted(dns_servers)?,
            network_acls: if_permitted(network_acls)?,
            gateway_endpoints: if_permitted(gateway_endpoints)?,
            hosted_zones: match if_permitted(hosted_zones) {
                Ok(zones) => zones,
                // Route 53 is one global service; its failure does not stop the networks of this Region.
                Err(failure) => {
                    tracing::warn!(%failure, "failed to list the hosted zones of the VPC; using the last known ones");
                    known.and_then(|(_, known)| known.surroundings.hosted_zones.clone())
                }
            },
        };
        let answer = Answer { dhcp_options: vpc.dhcp_options.clone(), surroundings: surroundings.clone() };
        self.0.keep(&vpc.id, answer);
        Ok(surroundings)
    }
}

impl Session {
    /// Returns the DNS servers of a set of DHCP options.
    async fn dns_servers(&self, dhcp_options: Option<&str>) -> Result<Vec<String>, CallFailure> {
        let Some(id) = dhcp_options.filter(|id| *id != NO_DHCP_OPTIONS) else { return Ok(Vec::new()) };
        let sets = self.caller.list(
            Action::ec2("DescribeDhcpOptions"),
            |token| {
                let request = self.ec2.describe_dhcp_options().filters(filter::filter("dhcp-options-id", [id]));
                request.max_results(1000).set_next_token(token).send()
            },
            |page| (page.dhcp_options, page.next_token),
        );
        let options = sets.await?.into_iter().flat_map(|set| set.dhcp_configurations.unwrap_or_default());
        let servers = options.filter(|option| option.key.as_deref() == Some("domain-name-servers"));
        Ok(servers.flat_map(|option| option.values.unwrap_or_default()).filter_map(dns_server).collect())
    }

    async fn network_acls(&self, vpc: &VpcId) -> Result<Vec<NetworkAcl>, CallFailure> {
        let acls = self.caller.list(
            Action::ec2("DescribeNetworkAcls"),
            |token| {
                let request = self.ec2.describe_network_acls().filters(filter::filter("vpc-id", [vpc.as_str()]));
                request.max_results(1000).set_next_token(token).send()
            },
            |page| (page.network_acls, page.next_token),
        );
        Ok(acls.await?.into_iter().filter_map(network_acl).collect())
    }

    /// Returns the IDs of all gateway endpoints of the Region, which share one quota.
    async fn gateway_endpoints(&self) -> Result<BTreeSet<EndpointId>, CallFailure> {
        let endpoints = self.caller.list(
            Action::ec2("DescribeVpcEndpoints"),
            |token| {
                let gateways = filter::filter("vpc-endpoint-type", ["Gateway"]);
                let request = self.ec2.describe_vpc_endpoints().filters(gateways).max_results(1000);
                request.set_next_token(token).send()
            },
            |page| (page.vpc_endpoints, page.next_token),
        );
        let there = endpoints.await?.into_iter().filter(|endpoint| {
            let state = endpoint.state.as_ref().map_or("", types::State::as_str);
            !state.eq_ignore_ascii_case("deleted")
        });
        Ok(there.filter_map(|endpoint| endpoint.vpc_endpoint_id).map(Into::into).collect())
    }

    /// Returns the private hosted zones of a VPC that an account owns. Zones that an AWS service owns, such as those
    /// behind private DNS, are left out.
    async fn hosted_zones(&self, vpc: &VpcId) -> Result<Vec<HostedZone>, CallFailure> {
        let zones = self.caller.list(
            Action::route53("ListHostedZonesByVPC"),
            |token| {
                let request = self.route53.list_hosted_zones_by_vpc().vpc_id(vpc.as_str());
                request.vpc_region(VpcRegion::from(self.region.as_str())).max_items(100).set_next_token(token).send()
            },
            |page| (Some(page.hosted_zone_summaries), page.next_token),
        );
        Ok(zones.await?.into_iter().filter_map(hosted_zone).collect())
    }
}

/// Returns the answer, or `None` if the operator may not make the call.
pub(super) fn if_permitted<T>(answer: Result<T, CallFailure>) -> Result<Option<T>, CallFailure> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(failure) if failure.class == FailureClass::Unauthorized => {
            tracing::debug!(%failure, "not permitted to make this call; the checks that need it are skipped");
            Ok(None)
        }
        Err(failure) => Err(failure),
    }
}

fn dns_server(value: AttributeValue) -> Option<String> {
    value.value
}

fn network_acl(acl: types::NetworkAcl) -> Option<NetworkAcl> {
    let associations = acl.associations.unwrap_or_default();
    Some(NetworkAcl {
        id: acl.network_acl_id?.into(),
        subnets: associations.into_iter().filter_map(|one| one.subnet_id).map(Into::into).collect(),
        entries: acl.entries.unwrap_or_default().iter().filter_map(entry).collect(),
    })
}

/// Reads an IPv4 rule. AWS writes protocols as numbers, and -1 for all protocols.
fn entry(entry: &types::NetworkAclEntry) -> Option<AclEntry> {
    let protocol = match entry.protocol.as_deref()? {
        "-1" => None,
        number => Some(number.parse().ok()?),
    };
    let ports = entry.port_range.as_ref().map(|range| {
        let port = |port: Option<i32>, otherwise| port.and_then(|port| port.try_into().ok()).unwrap_or(otherwise);
        (port(range.from, 0), port(range.to, u16::MAX))
    });
    Some(AclEntry {
        number: entry.rule_number?,
        egress: entry.egress?,
        allow: entry.rule_action == Some(RuleAction::Allow),
        protocol,
        range: entry.cidr_block.as_ref()?.parse().ok()?,
        ports,
    })
}

fn hosted_zone(zone: HostedZoneSummary) -> Option<HostedZone> {
    let owner = zone.owner.and_then(|owner| owner.owning_account)?;
    Some(HostedZone { id: zone.hosted_zone_id, name: zone.name.trim_end_matches('.').to_owned(), owner })
}
