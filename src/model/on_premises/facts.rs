//! The facts of the hand-off, a pure function of settings, desired state and observation.
//!
//! What a source server needs: the API of MGN, the S3 buckets of MGN, and port 1500 of the replication servers (MGN User Guide,
//! "Network requirements"). It does not need EC2 or AWS Systems Manager. The MGN connector needs further services: see
//! [`Service::OF_CONNECTOR`].

use std::{collections::BTreeSet, net::Ipv4Addr};

use ipnet::Ipv4Net;

use crate::{
    api::{
        DnsForwarder, FirewallRule, ManagementPolicy, NameUse, OnPremisesBasis, OnPremisesEndpoint, OnPremisesName,
        OnPremisesPolicy, RuleProtocol, RulePurpose, Toggle,
    },
    model::{
        desired::{Desired, DesiredEndpoint, DesiredResolver},
        ids::{EndpointId, ResolverId, SubnetId},
        mgn_buckets,
        observed::{Endpoint, Observed, PrivateDns, ResolverState, Subnet},
        ownership::is_adopted,
        plan::Plan,
        policy::{self, Policy, needs::Scope},
        settings::Settings,
        slot::{EndpointKey, EndpointType, Service, Slot},
    },
};

/// The port of HTTPS.
const HTTPS: i32 = 443;

/// The port of DNS.
const DNS: i32 = 53;

/// The port to which source servers send their data (MGN User Guide, "Network requirements").
const REPLICATION: i32 = 1500;

/// The service that AWS lists as optional for the MGN connector: see [`Service::OF_CONNECTOR`]. A network has its endpoint only
/// if it lists it.
const OPTIONAL_FOR_CONNECTOR: &str = "kms";

/// The facts of one network. Each list is sorted by its key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// The origin of the addresses.
    pub basis: OnPremisesBasis,
    /// The connections that firewalls must admit.
    pub firewall_rules: Vec<FirewallRule>,
    /// The domains that DNS servers must forward.
    pub dns_forwarders: Vec<DnsForwarder>,
    /// The names that must resolve to the endpoints.
    pub names: Vec<OnPremisesName>,
    /// The endpoints, with the names that AWS gives them.
    pub endpoints: Vec<OnPremisesEndpoint>,
}

/// Returns the facts. None while an address of a network that is built is unknown, or may still change: firewalls and DNS
/// servers need all of them, and a rule for an address that changes is work done twice. `plan` is the remaining plan.
pub fn facts(settings: &Settings, desired: &Desired, observed: &Observed, plan: &Plan) -> Option<Facts> {
    let world = World { settings, desired, observed, plan };
    let endpoints = world.endpoints();
    let resolver = world.resolver();
    let missing =
        endpoints.iter().map(|(_, part)| part).chain([&resolver]).any(|part| matches!(part, Part::Awaited(_)));
    let planned = settings.management == ManagementPolicy::Plan;
    if missing && !planned {
        return None;
    }
    let mut firewall_rules: Vec<_> = endpoints.iter().flat_map(|(service, part)| world.https(*service, part)).collect();
    firewall_rules.extend(world.dns(&resolver));
    firewall_rules.push(world.replication());
    firewall_rules.sort_by(|one, other| one.id.cmp(&other.id));
    Some(Facts {
        basis: if missing { OnPremisesBasis::Planned } else { OnPremisesBasis::Observed },
        firewall_rules,
        dns_forwarders: world.forwarders(&endpoints, &resolver),
        names: world.names(&endpoints),
        endpoints: world.named(&endpoints),
    })
}

/// A resource with addresses that on-premises clients use.
enum Part {
    /// The network does not have the resource.
    Absent,
    /// The addresses exist, and none of them is about to change.
    Present(Located),
    /// Some or all addresses do not exist yet, or may still change. Those that the spec fixes are known, and the subnets that it
    /// selects.
    Awaited(Located),
}

/// Addresses, and the subnets that contain them.
struct Located {
    addresses: BTreeSet<Ipv4Addr>,
    subnets: BTreeSet<SubnetId>,
}

impl Part {
    fn located(&self) -> Option<&Located> {
        match self {
            Self::Absent => None,
            Self::Present(located) | Self::Awaited(located) => Some(located),
        }
    }

    fn addresses(&self) -> Option<&BTreeSet<Ipv4Addr>> {
        Some(&self.located()?.addresses)
    }
}

struct World<'a> {
    settings: &'a Settings,
    desired: &'a Desired,
    observed: &'a Observed,
    plan: &'a Plan,
}

impl World<'_> {
    /// The interface endpoints that on-premises clients use.
    fn endpoints(&self) -> Vec<(Service, Part)> {
        let for_connector = |service: &Service| {
            let is_optional = service.as_str() == OPTIONAL_FOR_CONNECTOR;
            self.settings.connector == Toggle::Enabled && (service.is_for_connector() || is_optional)
        };
        let interfaces = self.desired.endpoints.keys().filter(|key| key.endpoint_type == EndpointType::Interface);
        let services = interfaces.map(|key| key.service);
        let used = services.filter(|service| is_for_sources(*service) || for_connector(service));
        used.map(|service| (service, self.endpoint(EndpointKey::interface(service)))).collect()
    }

    fn endpoint(&self, key: EndpointKey) -> Part {
        let (fixed, subnets) = match self.desired.endpoints.get(&key) {
            None | Some(DesiredEndpoint::Gateway { .. }) => return Part::Absent,
            Some(DesiredEndpoint::Existing(_)) => (BTreeSet::new(), None),
            Some(DesiredEndpoint::Interface { subnets, addresses, .. }) => {
                (addresses.values().copied().collect(), Some(subnets))
            }
        };
        let endpoint = self.observed_endpoint(key);
        let interfaces = endpoint.into_iter().flat_map(|endpoint| &endpoint.interfaces);
        let interfaces = interfaces.filter_map(|id| self.observed.resources.interfaces.get(id));
        let found: Vec<_> = interfaces.filter_map(|one| Some((one.subnet.clone(), one.ip?))).collect();
        let is_served = |subnet: &SubnetId| found.iter().any(|(other, _)| other == subnet);
        // An adopted endpoint keeps the subnets that it had.
        let is_placed = |endpoint: &Endpoint| {
            subnets.is_none_or(|subnets| *subnets == endpoint.subnets) || is_adopted(&endpoint.tags)
        };
        let is_complete =
            endpoint.is_some_and(|endpoint| is_placed(endpoint) && endpoint.subnets.iter().all(is_served));
        self.part(Slot::Endpoint(key), found, is_complete, fixed)
    }

    /// The interface endpoint in AWS, if it exists.
    fn observed_endpoint(&self, key: EndpointKey) -> Option<&Endpoint> {
        let resources = &self.observed.resources;
        let id = match self.desired.endpoints.get(&key)? {
            DesiredEndpoint::Gateway { .. } => return None,
            DesiredEndpoint::Existing(id) => id.clone(),
            DesiredEndpoint::Interface { .. } => {
                resources.live(&self.desired.identity, Slot::Endpoint(key)).map(EndpointId::from)?
            }
        };
        resources.endpoints.get(&id)
    }

    fn named(&self, endpoints: &[(Service, Part)]) -> Vec<OnPremisesEndpoint> {
        let entry = |service: Service| {
            let name = self.observed_endpoint(EndpointKey::interface(service))?.regional_name()?.to_owned();
            Some(OnPremisesEndpoint { service: service.to_string(), name, policy: self.policy(service) })
        };
        let mut named: Vec<_> = endpoints.iter().filter_map(|(service, _)| entry(*service)).collect();
        named.sort_by(|one, other| one.service.cmp(&other.service));
        named
    }

    /// Whether the policy of an endpoint allows all requests to its service, as the preset for MGN and Systems Manager does. The
    /// operator never changes the policy of an adopted endpoint.
    fn policy(&self, service: Service) -> OnPremisesPolicy {
        let key = EndpointKey::interface(service);
        let observed = self.observed_endpoint(key);
        let policy = match self.desired.endpoints.get(&key) {
            Some(DesiredEndpoint::Interface { policy, .. }) if !observed.is_some_and(|one| is_adopted(&one.tags)) => {
                Some(policy)
            }
            Some(_) | None => observed.map(|endpoint| &endpoint.policy),
        };
        let scope = Scope { key, region: &self.settings.region, buckets: &self.settings.buckets };
        let is_full = |policy: &Policy| {
            *policy == Policy::FullAccess || (service != Service::S3 && *policy == policy::mgn_only(scope))
        };
        if policy.is_some_and(is_full) { OnPremisesPolicy::FullAccess } else { OnPremisesPolicy::Restricted }
    }

    fn resolver(&self) -> Part {
        let resources = &self.observed.resources;
        let (id, fixed) = match &self.desired.resolver {
            None => return Part::Absent,
            Some(DesiredResolver::Existing(id)) => (Some(id.clone()), BTreeSet::new()),
            Some(DesiredResolver::Managed(addresses)) => (
                resources.live(&self.desired.identity, Slot::Resolver).map(ResolverId::from),
                addresses.values().flatten().copied().collect(),
            ),
        };
        let resolver = id.and_then(|id| resources.resolvers.get(&id));
        let serving = || resolver.iter().flat_map(|one| one.addresses.values()).filter(|one| one.serves());
        let found = serving().filter_map(|one| Some((one.subnet.clone(), one.ip?))).collect();
        // AWS repairs the endpoint by itself. Until then, fewer addresses answer.
        let recovers = resolver.is_some_and(|one| one.state == ResolverState::AutoRecovering);
        let is_complete = serving().all(|one| one.ip.is_some()) && !recovers;
        self.part(Slot::Resolver, found, is_complete, fixed)
    }

    fn part(&self, slot: Slot, found: Vec<(SubnetId, Ipv4Addr)>, is_complete: bool, fixed: BTreeSet<Ipv4Addr>) -> Part {
        if !is_complete || found.is_empty() || self.plan.may_change_addresses(slot) {
            let subnets = self.desired.subnets.endpoints.clone();
            return Part::Awaited(Located { addresses: fixed, subnets });
        }
        let (subnets, addresses) = found.into_iter().unzip();
        Part::Present(Located { addresses, subnets })
    }

    /// The rules for an interface endpoint: from the source servers, and from the proxies.
    fn https(&self, service: Service, part: &Part) -> Vec<FirewallRule> {
        let Some(Located { addresses, subnets }) = part.located() else { return Vec::new() };
        let purpose = match service {
            Service::Mgn => RulePurpose::Mgn,
            Service::S3 => RulePurpose::S3,
            Service::Ec2
            | Service::Ssm
            | Service::SsmMessages
            | Service::Ec2Messages
            | Service::SecretsManager
            | Service::Sts
            | Service::Other(_) => RulePurpose::Connector,
        };
        let rule = |suffix: &str, sources: &BTreeSet<Ipv4Net>| FirewallRule {
            id: format!("{service}-https{suffix}"),
            purpose,
            protocol: RuleProtocol::Tcp,
            port: HTTPS,
            sources: texts(sources),
            addresses: texts(addresses),
            subnets: self.ranges(subnets),
        };
        let mut rules = vec![rule("", &self.settings.sources)];
        if !self.settings.proxies.is_empty() {
            rules.push(rule("-proxies", &self.settings.proxies));
        }
        rules
    }

    fn dns(&self, resolver: &Part) -> Vec<FirewallRule> {
        let Some(Located { addresses, subnets }) = resolver.located() else { return Vec::new() };
        // DNS servers repeat a query over TCP if the answer does not fit into one UDP packet (RFC 7766).
        [("dns-tcp", RuleProtocol::Tcp), ("dns-udp", RuleProtocol::Udp)]
            .map(|(id, protocol)| FirewallRule {
                id: id.to_owned(),
                purpose: RulePurpose::Dns,
                protocol,
                port: DNS,
                sources: texts(&self.settings.clients),
                addresses: texts(addresses),
                subnets: self.ranges(subnets),
            })
            .into()
    }

    /// MGN starts and ends replication servers, so that only their subnets are known.
    fn replication(&self) -> FirewallRule {
        FirewallRule {
            id: "replication".to_owned(),
            purpose: RulePurpose::Replication,
            protocol: RuleProtocol::Tcp,
            port: REPLICATION,
            sources: texts(&self.settings.sources),
            addresses: Vec::new(),
            subnets: self.ranges(&self.desired.subnets.staging),
        }
    }

    /// A forwarder helps only if the Resolver resolves the domain to the endpoint, which private DNS does.
    fn forwarders(&self, endpoints: &[(Service, Part)], resolver: &Part) -> Vec<DnsForwarder> {
        let Some(targets) = resolver.addresses() else { return Vec::new() };
        let private = endpoints.iter().filter(|(service, part)| {
            part.addresses().is_some() && self.private_dns(EndpointKey::interface(*service)) != PrivateDns::Disabled
        });
        let forwarder = |service: Service| DnsForwarder { domain: self.domain(service), targets: texts(targets) };
        let mut forwarders: Vec<_> = private.map(|(service, _)| forwarder(*service)).collect();
        forwarders.sort_by(|one, other| one.domain.cmp(&other.domain));
        forwarders
    }

    fn names(&self, endpoints: &[(Service, Part)]) -> Vec<OnPremisesName> {
        let mut names = Vec::new();
        let mut add = |name: String, addresses: &BTreeSet<Ipv4Addr>, for_| {
            names.push(OnPremisesName { name, addresses: texts(addresses), for_ });
        };
        let buckets = &self.settings.buckets.required;
        for (service, part) in endpoints {
            let Some(addresses) = part.addresses() else { continue };
            let domain = self.domain(*service);
            let for_ = if is_for_sources(*service) { NameUse::Source } else { NameUse::Connector };
            add(domain.clone(), addresses, for_);
            if *service == Service::S3 {
                for bucket in buckets.iter().filter(|bucket| !mgn_buckets::is_for_replication(bucket)) {
                    add(format!("{bucket}.{domain}"), addresses, NameUse::Source);
                }
            }
        }
        // Replication servers read this bucket under its dual-stack name, which private DNS does not cover.
        for bucket in buckets.iter().filter(|bucket| mgn_buckets::is_for_replication(bucket)) {
            let name = format!("{bucket}.s3.dualstack.{}.{}", self.settings.region, self.suffix());
            add(name, &BTreeSet::new(), NameUse::Replication);
        }
        names.sort_by(|one, other| one.name.cmp(&other.name));
        names
    }

    fn private_dns(&self, key: EndpointKey) -> PrivateDns {
        match self.desired.endpoints.get(&key) {
            Some(DesiredEndpoint::Interface { private_dns, .. }) => *private_dns,
            Some(DesiredEndpoint::Existing(_)) => {
                self.observed_endpoint(key).map_or(PrivateDns::Disabled, |endpoint| endpoint.private_dns)
            }
            Some(DesiredEndpoint::Gateway { .. }) | None => PrivateDns::Disabled,
        }
    }

    fn domain(&self, service: Service) -> String {
        format!("{service}.{}.{}", self.settings.region, self.suffix())
    }

    /// The DNS suffix of the partition (AWS General Reference, "Service endpoints and quotas").
    fn suffix(&self) -> &'static str {
        if self.settings.region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" }
    }

    fn ranges(&self, subnets: &BTreeSet<SubnetId>) -> Vec<String> {
        let range = |id| self.observed.subnets.get(id).map(|subnet: &Subnet| subnet.cidr);
        texts(&subnets.iter().filter_map(range).collect::<BTreeSet<Ipv4Net>>())
    }
}

/// Whether source servers use a service.
const fn is_for_sources(service: Service) -> bool {
    matches!(service, Service::Mgn | Service::S3)
}

fn texts<T: ToString>(values: &BTreeSet<T>) -> Vec<String> {
    values.iter().map(ToString::to_string).collect()
}
