//! Fixtures for the tests of the model: the Tokyo VPC, and a fake AWS that executes every step immediately and
//! without errors.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::Ipv4Addr,
};

use crate::{
    api::{
        AdoptedDeletionPolicy, AdoptionPolicy, DeletionPolicy, ManagementPolicy, MigrationNetworkClassSpec,
        MigrationNetworkSpec, NetworkDefaults, PostLaunchSpec, Toggle,
    },
    model::{
        claims::Claims,
        desired::Desired,
        ids::{EndpointId, NetworkInterfaceId, ResolverId, SecurityGroupId, SubnetId},
        mgn_buckets::{self, Buckets},
        observed::{
            Endpoint, EndpointState, NetworkInterface, Observed, Peer, ResolverAddress, ResolverEndpoint,
            ResolverState, Resources, RouteTable, Rule, SecurityGroup, ServiceOffer, Subnet, Traffic, Vpc,
            replication_template::ReplicationTemplates,
            routes::{Route, RouteTarget},
            surroundings::Surroundings,
        },
        ownership::{self, Identity, Tags},
        plan::{
            Plan, deletion, plan,
            step::{CreateRequest, Effect, EndpointChange, ResourceId, Step},
        },
        policy::Policy,
        preflight::{self, Placement, checks::Finding},
        settings::{
            AddressChanges, ReplicationGroup, Resolver, Settings, SubnetSelector, VpcSelector,
            endpoints::{self, EndpointSettings},
        },
        slot::{EndpointKey, Service, Slot},
    },
};

pub(crate) fn identity() -> Identity {
    Identity {
        uid: "0a1b2c3d-0000-4000-8000-000000000001".to_owned(),
        namespace: "team-billing".to_owned(),
        name: "tokyo".to_owned(),
        cluster: "cluster-1".to_owned(),
    }
}

/// Returns the placement of the test network.
pub(crate) fn place(settings: &Settings, observed: &Observed) -> Result<Placement, Vec<Finding>> {
    preflight::check(&identity(), settings, None, observed, mgn_buckets::COMPARED_ON)
}

/// Returns the desired state of the test network.
pub(crate) fn resolve(settings: &Settings, observed: &Observed) -> Result<Desired, Vec<Finding>> {
    place(settings, observed).map(|placement| Desired::resolve(identity(), settings, &placement))
}

pub(crate) fn settings() -> Settings {
    Settings {
        vpc: VpcSelector::Tags(Tags::from([("Name".to_owned(), "migration-landing".to_owned())])),
        endpoint_subnets: role("endpoints"),
        staging_subnets: role("staging"),
        launch_subnets: Some(role("launch")),
        sources: BTreeSet::from(["192.168.10.0/24".parse().unwrap()]),
        proxies: BTreeSet::new(),
        limited_ranges: BTreeMap::new(),
        policy_sources: BTreeMap::new(),
        own_tag_keys: BTreeSet::new(),
        endpoints: endpoints(&MigrationNetworkSpec::default()),
        region: "ap-northeast-1".to_owned(),
        buckets: Buckets::new("ap-northeast-1", None, true),
        endpoint_groups: None,
        resolver: Resolver::Managed { addresses: BTreeMap::new() },
        clients: BTreeSet::from(["192.168.10.0/24".parse().unwrap()]),
        replication: ReplicationGroup::ServiceManaged,
        ssm: Toggle::Enabled,
        connector: Toggle::Disabled,
        management: ManagementPolicy::Enforce,
        adoption: AdoptionPolicy::Never,
        transfers_from: BTreeSet::new(),
        address_changes: AddressChanges::new(),
        deletion: DeletionPolicy::Delete,
        adopted_deletion: AdoptedDeletionPolicy::Release,
        tags: Tags::new(),
    }
}

/// Parses the endpoints of a spec, for the Tokyo Region.
pub(crate) fn endpoints(spec: &MigrationNetworkSpec) -> BTreeMap<EndpointKey, EndpointSettings> {
    let class = MigrationNetworkClassSpec { region: "ap-northeast-1".to_owned(), ..Default::default() };
    let users = endpoints::Users::new(spec, &NetworkDefaults::default());
    let mut errors = Vec::new();
    let parsed = endpoints::parse(spec, &class, users, &BTreeMap::new(), &mut errors).all;
    assert_eq!(errors, vec![]);
    parsed
}

/// Returns the spec of a network without the endpoints of Systems Manager.
pub(crate) fn without_ssm() -> MigrationNetworkSpec {
    let post_launch = PostLaunchSpec { ssm: Some(Toggle::Disabled) };
    MigrationNetworkSpec { post_launch: Some(post_launch), ..MigrationNetworkSpec::default() }
}

fn role(role: &str) -> SubnetSelector {
    SubnetSelector::Tags(Tags::from([("mgnet-role".to_owned(), role.to_owned())]))
}

pub(crate) fn subnets(ids: &[&str]) -> BTreeSet<SubnetId> {
    ids.iter().map(|id| SubnetId::from(*id)).collect()
}

/// Returns the Tokyo VPC without resources. Tests can select `subnet-a2` and `subnet-d` later.
pub(crate) fn tokyo() -> Observed {
    let subnet = |id: &str, zone: &str, cidr: &str, role: &str| {
        let subnet = Subnet {
            zone: zone.into(),
            zone_name: format!("name-of-{zone}"),
            cidr: cidr.parse().unwrap(),
            available_addresses: 250,
            shared_by: None,
            tags: Tags::from([("mgnet-role".to_owned(), role.to_owned())]),
        };
        (SubnetId::from(id), subnet)
    };
    let zones = BTreeSet::from(["az1".into(), "az2".into(), "az4".into()]);
    Observed {
        vpcs: vec![Vpc {
            id: "vpc-1".into(),
            cidrs: BTreeSet::from(["10.20.0.0/16".parse().unwrap()]),
            dns_support: true,
            dns_hostnames: true,
            dhcp_options: Some("dopt-1".to_owned()),
            dedicated: false,
        }],
        subnets: BTreeMap::from([
            subnet("subnet-a", "az4", "10.20.1.0/24", "endpoints"),
            subnet("subnet-c", "az1", "10.20.2.0/24", "endpoints"),
            subnet("subnet-a2", "az4", "10.20.3.0/24", "spare"),
            subnet("subnet-d", "az2", "10.20.4.0/24", "spare"),
            subnet("subnet-s", "az4", "10.20.11.0/24", "staging"),
            subnet("subnet-l", "az4", "10.20.12.0/24", "launch"),
        ]),
        subnets_elsewhere: BTreeMap::new(),
        route_tables: vec![
            RouteTable {
                id: "rtb-main".into(),
                main: true,
                subnets: BTreeSet::new(),
                routes: routes(),
                has_prefix_list_routes: false,
            },
            RouteTable {
                id: "rtb-s".into(),
                main: false,
                subnets: subnets(&["subnet-s"]),
                routes: routes(),
                has_prefix_list_routes: false,
            },
        ],
        services: EndpointKey::standard()
            .chain(Service::OF_CONNECTOR.map(EndpointKey::interface))
            .map(|key| {
                let name = format!("com.amazonaws.ap-northeast-1.{}", key.service);
                let private_dns_names = BTreeSet::from([format!("{}.ap-northeast-1.amazonaws.com", key.service)]);
                (
                    key,
                    ServiceOffer {
                        name,
                        zones: zones.clone(),
                        private_dns_names,
                        has_gateway: key == EndpointKey::S3_GATEWAY,
                    },
                )
            })
            .collect(),
        surroundings: Surroundings {
            dns_servers: Some(vec!["AmazonProvidedDNS".to_owned()]),
            network_acls: Some(Vec::new()),
            hosted_zones: Some(Vec::new()),
            gateway_endpoints: Some(BTreeSet::new()),
        },
        replication_templates: ReplicationTemplates::default(),
        prefix_lists: BTreeMap::new(),
        s3_ranges: None,
        resolvers_in_region: BTreeSet::new(),
        resources: Resources::default(),
    }
}

/// Returns routes within the VPC and to the on-premises network.
fn routes() -> Vec<Route> {
    vec![
        Route { destination: "10.20.0.0/16".parse().unwrap(), target: RouteTarget::Local },
        Route { destination: "192.168.0.0/16".parse().unwrap(), target: RouteTarget::Private },
    ]
}

/// Adds a route from the staging subnet to the internet, for networks without the S3 gateway endpoint.
pub(crate) fn with_internet(mut observed: Observed) -> Observed {
    let route = Route { destination: "0.0.0.0/0".parse().unwrap(), target: RouteTarget::Internet };
    let table = observed.route_tables.iter_mut().find(|table| table.id == "rtb-s".into()).unwrap();
    table.routes.push(route);
    observed
}

/// A network in a fake AWS that executes every step immediately.
#[derive(Clone)]
pub(crate) struct Lab {
    pub(crate) settings: Settings,
    pub(crate) observed: Observed,
    pub(crate) claims: Claims,
    pub(crate) managed_tags: BTreeSet<String>,
    counter: usize,
    interfaces: usize,
    addresses: u32,
}

impl Lab {
    /// Adds a second resource with the tags of the resource that fills the slot.
    pub(crate) fn duplicate(&mut self, slot: Slot, id: &str) {
        let own = self.observed.resources.live(&identity(), slot).unwrap();
        let Resources { groups, endpoints, resolvers, .. } = &mut self.observed.resources;
        match slot {
            Slot::Group(_) => drop(groups.insert(id.into(), groups[&own.as_str().into()].clone())),
            Slot::Endpoint(_) => drop(endpoints.insert(id.into(), endpoints[&own.as_str().into()].clone())),
            Slot::Resolver => drop(resolvers.insert(id.into(), resolvers[&own.as_str().into()].clone())),
        }
    }

    pub(crate) fn new() -> Self {
        Self {
            settings: settings(),
            observed: tokyo(),
            claims: Claims::default(),
            managed_tags: BTreeSet::new(),
            counter: 0,
            interfaces: 0,
            addresses: 0,
        }
    }

    /// Creates a network that is already built.
    pub(crate) fn built() -> Self {
        let mut lab = Self::new();
        lab.run();
        lab
    }

    pub(crate) fn desired(&self) -> Desired {
        resolve(&self.settings, &self.observed).expect("the fixture fits")
    }

    /// Returns the warnings of the preflight.
    pub(crate) fn warnings(&self) -> Vec<Finding> {
        place(&self.settings, &self.observed).expect("the fixture fits").warnings
    }

    pub(crate) fn plan(&self) -> Plan {
        plan(&self.desired(), &self.observed.resources, &self.claims, &self.managed_tags)
    }

    /// Plans and executes steps until none is left. Returns the steps as lines.
    pub(crate) fn run(&mut self) -> Vec<String> {
        self.run_plan(Self::plan)
    }

    /// Deletes the network. Returns the steps as lines.
    pub(crate) fn delete(&mut self) -> Vec<String> {
        self.run_plan(Self::deletion)
    }

    /// Plans the next steps of the deletion.
    pub(crate) fn deletion(&self) -> Plan {
        let Self { observed, claims, managed_tags, settings, .. } = self;
        deletion::delete(&identity(), &observed.resources, claims, managed_tags, settings.adopted_deletion)
    }

    pub(crate) fn run_plan(&mut self, plan: impl Fn(&Self) -> Plan) -> Vec<String> {
        let mut lines = Vec::new();
        for _ in 0..30 {
            self.claims.settle(&identity(), &self.observed.resources, &BTreeSet::new());
            let next = plan(self);
            if next.steps.is_empty() {
                assert_eq!(next.blockers, vec![], "nothing may block in this AWS");
                return lines;
            }
            self.claims.reserve(&next.steps);
            for step in &next.steps {
                lines.push(step.to_string());
                let effect = self.execute(step);
                self.claims.done(step, &effect);
            }
            lines.push("--".to_owned());
        }
        panic!("not at rest after 30 waves: {lines:#?}");
    }

    fn id(&mut self, prefix: &str) -> String {
        self.counter += 1;
        format!("{prefix}-{}", self.counter)
    }

    fn created_before(&self, slot: Slot, request: &CreateRequest) -> Option<Effect> {
        let resources = &self.observed.resources;
        let held = resources.held(&identity(), slot).into_iter();
        let id = held.filter(|held| held.epoch == ownership::epoch(request.tags())).map(|held| held.id).next()?;
        Some(match slot {
            Slot::Group(_) => Effect::GroupCreated(id.as_str().into(), resources.groups[&id.as_str().into()].clone()),
            Slot::Endpoint(_) => {
                Effect::EndpointCreated(id.as_str().into(), resources.endpoints[&id.as_str().into()].clone())
            }
            Slot::Resolver => {
                Effect::ResolverCreated(id.as_str().into(), resources.resolvers[&id.as_str().into()].clone())
            }
        })
    }

    /// Executes a step as AWS would.
    pub(crate) fn execute(&mut self, step: &Step) -> Effect {
        match step {
            // A repeated call returns the resource that exists.
            Step::Create { slot, request, .. } => match self.created_before(*slot, request) {
                Some(effect) => effect,
                None => self.create(*slot, request),
            },
            Step::AuthorizeIngress { group, permissions, .. } => {
                for (permission, description) in permissions {
                    let rule = Rule {
                        id: Some(self.id("sgr").into()),
                        permission: Some(*permission),
                        traffic: (*permission).into(),
                        description: description.clone(),
                        text: permission.to_string(),
                    };
                    self.observed.resources.groups.get_mut(group).unwrap().ingress.push(rule);
                }
                Effect::Accepted
            }
            Step::ModifyEndpoint { endpoint, change, .. } => {
                modify(self.observed.resources.endpoints.get_mut(endpoint).unwrap(), change);
                self.follow(endpoint, &change.addresses);
                Effect::Accepted
            }
            Step::AssociateResolverAddress { resolver, subnet, ip } => {
                let (id, ip) = (self.id("rni"), ip.unwrap_or_else(|| self.choose(subnet)));
                let addresses = &mut self.observed.resources.resolvers.get_mut(resolver).unwrap().addresses;
                let created = format!("{:09}", addresses.len());
                addresses.insert(id.into(), ResolverAddress { created, ..attached(subnet, ip) });
                Effect::Accepted
            }
            Step::DisassociateResolverAddress { resolver, address } => {
                self.observed.resources.resolvers.get_mut(resolver).unwrap().addresses.remove(address);
                Effect::Accepted
            }
            Step::DeleteEndpoints { endpoints } => {
                for id in endpoints.keys() {
                    let gone = self.observed.resources.endpoints.remove(id).map(|endpoint| endpoint.interfaces);
                    self.observed.resources.interfaces.retain(|id, _| !gone.iter().flatten().any(|gone| gone == id));
                }
                Effect::EndpointsDeleting { refused: BTreeMap::new() }
            }
            Step::DeleteResolver { resolver } => {
                self.observed.resources.resolvers.remove(resolver);
                Effect::Accepted
            }
            Step::RevokeIngress { .. }
            | Step::Adopt { .. }
            | Step::SetTags { .. }
            | Step::RemoveTags { .. }
            | Step::Release { .. }
            | Step::DeleteGroup { .. } => {
                self.observed.resources.apply(step, &Effect::Accepted);
                Effect::Accepted
            }
        }
    }

    fn create(&mut self, slot: Slot, request: &CreateRequest) -> Effect {
        let key = if let Slot::Endpoint(key) = slot { Some(key) } else { None };
        match request.clone() {
            CreateRequest::SecurityGroup { name, tags, .. } => {
                let id = SecurityGroupId::from(self.id("sg"));
                let group = SecurityGroup { name, tags, egress: vec![all_egress()], ..SecurityGroup::default() };
                self.observed.resources.groups.insert(id.clone(), group.clone());
                Effect::GroupCreated(id, group)
            }
            CreateRequest::InterfaceEndpoint {
                service_name,
                subnets,
                addresses,
                groups,
                private_dns,
                policy,
                tags,
                ..
            } => {
                let id = EndpointId::from(self.id("vpce"));
                let interfaces = subnets
                    .iter()
                    .map(|subnet| self.interface(subnet, addresses.get(subnet).copied(), &groups))
                    .collect();
                let dns_names = dns_names(&id, &service_name, &subnets);
                let base = endpoint(service_name, key, tags);
                let endpoint = Endpoint { subnets, groups, interfaces, private_dns, policy, dns_names, ..base };
                self.observed.resources.endpoints.insert(id.clone(), endpoint.clone());
                Effect::EndpointCreated(id, endpoint)
            }
            CreateRequest::GatewayEndpoint { service_name, route_tables, policy, tags, .. } => {
                let id = EndpointId::from(self.id("vpce"));
                let endpoint = Endpoint { route_tables, policy, ..endpoint(service_name, key, tags) };
                self.observed.resources.endpoints.insert(id.clone(), endpoint.clone());
                Effect::EndpointCreated(id, endpoint)
            }
            CreateRequest::Resolver { addresses, group, tags, .. } => {
                let id = ResolverId::from(self.id("rslvr-in"));
                let addresses = addresses
                    .iter()
                    .map(|(subnet, ip)| {
                        let ip = ip.unwrap_or_else(|| self.choose(subnet));
                        (self.id("rni").into(), attached(subnet, ip))
                    })
                    .collect();
                let resolver = ResolverEndpoint {
                    arn: format!("arn:{id}"),
                    state: ResolverState::Operational,
                    message: String::new(),
                    answers_ipv4_dns: true,
                    groups: BTreeSet::from([group]),
                    addresses,
                    tags,
                };
                self.observed.resources.resolvers.insert(id.clone(), resolver.clone());
                Effect::ResolverCreated(id, resolver)
            }
        }
    }

    /// Creates a network interface with the given address or with one that AWS chooses.
    fn interface(
        &mut self,
        subnet: &SubnetId,
        ip: Option<Ipv4Addr>,
        groups: &BTreeSet<SecurityGroupId>,
    ) -> NetworkInterfaceId {
        let ip = ip.unwrap_or_else(|| self.choose(subnet));
        self.interfaces += 1;
        let id = NetworkInterfaceId::from(format!("eni-{}", self.interfaces));
        let interface = NetworkInterface {
            subnet: subnet.clone(),
            ip: Some(ip),
            groups: groups.clone(),
            description: String::new(),
        };
        self.observed.resources.interfaces.insert(id.clone(), interface);
        id
    }

    /// Chooses an address in the subnet, as AWS does for a request without an address.
    fn choose(&mut self, subnet: &SubnetId) -> Ipv4Addr {
        self.addresses += 1;
        let range = self.observed.subnets[subnet].cidr;
        Ipv4Addr::from(u32::from(range.network()) + 100 + self.addresses % 150)
    }

    /// Updates the interfaces of an endpoint to match its subnets, groups and fixed addresses.
    fn follow(&mut self, id: &EndpointId, fixed: &BTreeMap<SubnetId, Ipv4Addr>) {
        let endpoint = self.observed.resources.endpoints[id].clone();
        let mut kept = BTreeSet::new();
        let mut served = BTreeSet::new();
        for id in endpoint.interfaces {
            let Some(mut interface) = self.observed.resources.interfaces.remove(&id) else { continue };
            if endpoint.subnets.contains(&interface.subnet) && !fixed.contains_key(&interface.subnet) {
                served.insert(interface.subnet.clone());
                interface.groups.clone_from(&endpoint.groups);
                self.observed.resources.interfaces.insert(id.clone(), interface);
                kept.insert(id);
            }
        }
        for subnet in endpoint.subnets.difference(&served) {
            kept.insert(self.interface(subnet, fixed.get(subnet).copied(), &endpoint.groups));
        }
        self.observed.resources.endpoints.get_mut(id).unwrap().interfaces = kept;
    }

    /// Returns the resource of a slot, in the form that the tagging calls take.
    pub(crate) fn resource(&self, slot: Slot) -> ResourceId {
        let id = self.observed.resources.live(&identity(), slot).expect("the slot is filled");
        self.observed.resources.tags_of(slot, &id).expect("it is listed").0
    }
}

fn endpoint(service_name: String, key: Option<EndpointKey>, tags: Tags) -> Endpoint {
    Endpoint {
        service_name,
        key,
        state: EndpointState::Available,
        failure: None,
        subnets: BTreeSet::new(),
        groups: BTreeSet::new(),
        route_tables: BTreeSet::new(),
        interfaces: BTreeSet::new(),
        is_requester_managed: false,
        is_ipv6_only: false,
        private_dns: crate::model::observed::PrivateDns::Disabled,
        policy: Policy::FullAccess,
        dns_names: BTreeSet::new(),
        tags,
    }
}

/// Returns the names that AWS gives an interface endpoint: one for all zones, and one for each zone. Those of S3 have a `*`.
fn dns_names(id: &EndpointId, service_name: &str, subnets: &BTreeSet<SubnetId>) -> BTreeSet<String> {
    let service = service_name.rsplit('.').next().unwrap_or_default();
    let star = if service == "s3" { "*." } else { "" };
    let zones = ["", "-ap-northeast-1a", "-ap-northeast-1c"].into_iter().take(subnets.len() + 1);
    zones.map(|zone| format!("{star}{id}-1a2b3c4d{zone}.{service}.ap-northeast-1.vpce.amazonaws.com")).collect()
}

/// Returns the egress rule that AWS gives a new group: all traffic to all destinations.
pub(crate) fn all_egress() -> Rule {
    Rule {
        id: Some("sgr-egress".into()),
        permission: None,
        traffic: Traffic { protocol: None, ports: (0, u16::MAX), peer: Peer::Range("0.0.0.0/0".parse().unwrap()) },
        description: String::new(),
        text: "all traffic to 0.0.0.0/0".to_owned(),
    }
}

pub(crate) fn attached(subnet: &SubnetId, ip: Ipv4Addr) -> ResolverAddress {
    ResolverAddress { subnet: subnet.clone(), ip: Some(ip), state: "ATTACHED".to_owned(), created: String::new() }
}

fn modify(endpoint: &mut Endpoint, change: &EndpointChange) {
    endpoint.subnets.retain(|subnet| !change.remove_subnets.contains(subnet));
    endpoint.subnets.extend(change.add_subnets.clone());
    assert!(!endpoint.subnets.is_empty() || endpoint.groups.is_empty(), "an interface endpoint keeps a subnet");
    endpoint.groups.extend(change.add_groups.clone());
    endpoint.groups.retain(|group| !change.remove_groups.contains(group));
    endpoint.route_tables.extend(change.add_route_tables.clone());
    endpoint.route_tables.retain(|table| !change.remove_route_tables.contains(table));
    endpoint.private_dns = change.private_dns.unwrap_or(endpoint.private_dns);
    endpoint.policy = change.policy.clone().unwrap_or_else(|| endpoint.policy.clone());
}
