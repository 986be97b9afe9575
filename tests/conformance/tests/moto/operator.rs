//! Executes each kind of step with the operator's AWS layer, and records what the layer observes afterwards.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use mgnet::{
    aws::{Account, AwsCloud, AwsClouds, Cloud as _, Clouds as _, Rates, ResolverSearch, Scope},
    model::{
        claims::token,
        ids::{EndpointId, ResolverId, SecurityGroupId},
        observed::{EndpointState, Observed, Permission, PrivateDns, Protocol, resources::group_name},
        ownership::{Identity, Tags},
        plan::step::{CreateRequest, Effect, EndpointChange, ResourceId, Step},
        policy::Policy,
        settings::VpcSelector,
        slot::{EndpointKey, GroupRole, Service, Slot},
    },
};

use super::{
    backend::{ACCOUNT, Backend, REGION, service},
    landing::{self, Landing},
    report::Report,
};

struct Site<'p> {
    backend: &'p Backend,
    landing: Landing,
    cloud: Arc<AwsCloud>,
    identity: Identity,
}

/// The IDs of the network's resources.
struct Network {
    endpoints_group: SecurityGroupId,
    resolver_group: SecurityGroupId,
    endpoints: BTreeMap<EndpointKey, EndpointId>,
    resolver: ResolverId,
}

pub(crate) async fn scenario(backend: &Backend) -> Report {
    let mut report = Report::default();
    let landing = landing::create(backend, &mut Report::default()).await;
    let account = Account { id: ACCOUNT.to_owned(), region: REGION.to_owned(), role: None };
    let cloud = AwsClouds::new(&backend.config, Rates { factor: 1000.0 }).connect(&account).await;
    let identity = Identity {
        uid: "5f0c1b1e-0000-4000-8000-000000000001".to_owned(),
        namespace: "team".to_owned(),
        name: "tokyo".to_owned(),
        cluster: "cluster-1".to_owned(),
    };
    let site = Site { backend, landing, cloud: cloud.expect("the account is right"), identity };
    site.record_empty_vpc(&mut report).await;
    let network = site.create_network(&mut report).await;
    site.record_network(&network, &mut report).await;
    site.modify_network(&network, &mut report).await;
    site.delete_network(&network, &mut report).await;
    report
}

impl Site<'_> {
    async fn observe(&self) -> Observed {
        let vpc = VpcSelector::Id(self.landing.vpc.clone().into());
        let scope = Scope::new(vpc, self.identity.clone());
        self.cloud.observe(&scope).await.expect("observed")
    }

    /// Executes a step, and records its outcome.
    async fn step(&self, what: &'static str, step: Step, report: &mut Report) -> Option<Effect> {
        let outcome = self.cloud.execute(&step).await;
        self.backend.wait();
        let result = outcome.as_ref().map_or_else(
            |failure| format!("{:?}", failure.class),
            |effect| {
                let name = format!("{effect:?}");
                name.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default().to_owned()
            },
        );
        report.record(what, result);
        outcome.ok()
    }

    fn create(&self, slot: Slot, request: impl FnOnce(Tags) -> CreateRequest) -> Step {
        let request = request(self.identity.tags(&Tags::new(), slot, 1));
        Step::Create { slot, token: token(&self.identity.uid, slot, 1), request }
    }

    fn create_group(&self, role: GroupRole) -> Step {
        let (vpc, name) = (self.landing.vpc.clone().into(), group_name(&self.identity.uid, role));
        let description = "A group".to_owned();
        self.create(Slot::Group(role), |tags| CreateRequest::SecurityGroup { vpc, name, description, tags })
    }

    /// Records the observation before the first step.
    async fn record_empty_vpc(&self, report: &mut Report) {
        let observed = self.observe().await;
        let vpc = &observed.vpcs[0];
        report.record("DNS of the VPC", (vpc.dns_support, vpc.dns_hostnames));
        report.record("ranges of the VPC", &vpc.cidrs);
        report.record("subnets of the VPC", observed.subnets.len());
        report.record("route tables of the VPC", observed.route_tables.len());
        report.record("services", observed.services.keys().map(ToString::to_string).collect::<Vec<_>>());
        report.record(
            "resources before the first step",
            observed.resources.endpoints.len() + observed.resources.groups.len(),
        );
    }

    async fn create_network(&self, report: &mut Report) -> Network {
        let endpoints_group = self.group("the endpoints' group is created", GroupRole::Endpoints, report).await;
        let resolver_group = self.group("the resolver's group is created", GroupRole::Resolver, report).await;
        self.step("a group is created again", self.create_group(GroupRole::Endpoints), report).await;
        for (what, role, group, protocol, port) in [
            ("port 443 is admitted", GroupRole::Endpoints, &endpoints_group, Protocol::Tcp, 443),
            ("port 53 over TCP is admitted", GroupRole::Resolver, &resolver_group, Protocol::Tcp, 53),
            ("port 53 over UDP is admitted", GroupRole::Resolver, &resolver_group, Protocol::Udp, 53),
        ] {
            let sources = ["10.20.0.0/16", "192.168.0.0/16"].map(|source| source.parse().expect("a range"));
            let permissions = sources.map(|source| (Permission { protocol, port, source }, "mgnet: a test".to_owned()));
            let step = Step::AuthorizeIngress { role, group: group.clone(), permissions: permissions.into() };
            self.step(what, step, report).await;
        }
        let mut endpoints = BTreeMap::new();
        let (vpc, route_tables) = (self.landing.vpc.clone().into(), [self.landing.route_table.clone().into()].into());
        let gateway = self.create(Slot::Endpoint(EndpointKey::S3_GATEWAY), |tags| CreateRequest::GatewayEndpoint {
            vpc,
            service_name: service("s3"),
            route_tables,
            policy: Policy::FullAccess,
            tags,
        });
        let created = self.step("the gateway endpoint is created", gateway, report).await;
        endpoints.insert(EndpointKey::S3_GATEWAY, endpoint_id(created));
        for (what, of) in [
            ("the endpoint of MGN is created", Service::Mgn),
            ("the endpoint of S3 is created", Service::S3),
            ("the endpoint of SSM is created", Service::Ssm),
        ] {
            let key = EndpointKey::interface(of);
            let created = self.step(what, self.create_interface(of, &endpoints_group), report).await;
            endpoints.insert(key, endpoint_id(created));
        }
        let (name, group) = ("mgnet-1".to_owned(), resolver_group.clone());
        let addresses = self.endpoint_subnets().into_iter().map(|subnet| (subnet, None)).collect();
        let create = self.create(Slot::Resolver, |tags| CreateRequest::Resolver { name, addresses, group, tags });
        let Some(Effect::ResolverCreated(resolver, _)) =
            self.step("the resolver is created", create.clone(), report).await
        else {
            panic!("no Resolver endpoint was created")
        };
        let again = self.step("the resolver is created again", create, report).await;
        let same = matches!(again, Some(Effect::ResolverCreated(id, _)) if id == resolver);
        report.record("the second create call returns the same resolver", same);
        Network { endpoints_group, resolver_group, endpoints, resolver }
    }

    async fn group(&self, what: &'static str, role: GroupRole, report: &mut Report) -> SecurityGroupId {
        match self.step(what, self.create_group(role), report).await {
            Some(Effect::GroupCreated(id, _)) => id,
            other => panic!("no group was created: {other:?}"),
        }
    }

    fn endpoint_subnets(&self) -> BTreeSet<mgnet::model::ids::SubnetId> {
        self.landing.subnets.iter().cloned().map(Into::into).collect()
    }

    fn create_interface(&self, of: Service, group: &SecurityGroupId) -> Step {
        let (vpc, subnets, group) = (self.landing.vpc.clone().into(), self.endpoint_subnets(), group.clone());
        let service_name = service(&of.to_string());
        let private_dns = if of == Service::S3 { PrivateDns::InboundResolverOnly } else { PrivateDns::Enabled };
        self.create(Slot::Endpoint(EndpointKey::interface(of)), |tags| CreateRequest::InterfaceEndpoint {
            vpc,
            service_name,
            subnets,
            addresses: BTreeMap::new(),
            groups: [group].into(),
            policy: Policy::FullAccess,
            private_dns,
            tags,
        })
    }

    async fn record_network(&self, network: &Network, report: &mut Report) {
        let observed = self.observe().await.resources;
        report.record("observed endpoints", observed.endpoints.len());
        for (what, key) in [
            ("the observed gateway endpoint", EndpointKey::S3_GATEWAY),
            ("the observed endpoint of MGN", EndpointKey::interface(Service::Mgn)),
            ("the observed endpoint of S3", EndpointKey::S3_INTERFACE),
        ] {
            let found = observed.endpoints.get(&network.endpoints[&key]);
            let summary = found.map(|endpoint| {
                let sizes = (endpoint.subnets.len(), endpoint.groups.len(), endpoint.route_tables.len());
                let owned = self.identity.owns(&endpoint.tags);
                (endpoint.key == Some(key), endpoint.state.clone(), endpoint.private_dns, sizes, owned)
            });
            report.record(what, summary);
        }
        let group = &observed.groups[&network.endpoints_group];
        report.record("observed rules", group.ingress.len());
        report.record("the group is owned", self.identity.owns(&group.tags));
        let resolver = &observed.resolvers[&network.resolver];
        report.record("the observed resolver", (resolver.state.clone(), resolver.addresses.len()));
        report.record("the resolver is owned", self.identity.owns(&resolver.tags));
        report.record("observed network interfaces", observed.interfaces.len());
        let owned = self.cloud.find_owned(&self.identity, &ResolverSearch::all()).await.expect("found");
        report.record("owned resources", (owned.groups.len(), owned.endpoints.len(), owned.resolvers.len()));
    }

    async fn modify_network(&self, network: &Network, report: &mut Report) {
        let key = EndpointKey::interface(Service::Mgn);
        let mgn = network.endpoints[&key].clone();
        let third: mgnet::model::ids::SubnetId = self.landing.third.clone().into();
        let change = EndpointChange { add_subnets: [third.clone()].into(), ..EndpointChange::default() };
        self.step("a subnet is added", Step::ModifyEndpoint { key, endpoint: mgn.clone(), change }, report).await;
        let change = EndpointChange { private_dns: Some(PrivateDns::Disabled), ..EndpointChange::default() };
        self.step("private DNS is turned off", Step::ModifyEndpoint { key, endpoint: mgn.clone(), change }, report)
            .await;
        let key = EndpointKey::S3_GATEWAY;
        let change = EndpointChange {
            add_route_tables: [self.landing.other_route_table.clone().into()].into(),
            ..EndpointChange::default()
        };
        let gateway = network.endpoints[&key].clone();
        self.step("a route table is added", Step::ModifyEndpoint { key, endpoint: gateway.clone(), change }, report)
            .await;

        let (resource, slot) = (ResourceId::Ec2(mgn.to_string()), Slot::Endpoint(EndpointKey::interface(Service::Mgn)));
        let tags = Tags::from([("color".to_owned(), "blue".to_owned())]);
        self.step("a tag is set", Step::SetTags { slot, resource: resource.clone(), tags }, report).await;
        let resolver = network.resolver.clone();
        let add = Step::AssociateResolverAddress { resolver: resolver.clone(), subnet: third, ip: None };
        self.step("an address is added", add, report).await;

        let observed = self.observe().await.resources;
        let endpoint = &observed.endpoints[&mgn];
        report.record("the endpoint of MGN after its changes", (endpoint.subnets.len(), endpoint.private_dns));
        report.record("the tag of the endpoint of MGN", endpoint.tags.get("color"));
        report.record(
            "route tables of the gateway endpoint after its change",
            observed.endpoints[&gateway].route_tables.len(),
        );
        let addresses = &observed.resolvers[&resolver].addresses;
        report.record("addresses of the resolver after one is added", addresses.len());
        let rule = observed.groups[&network.endpoints_group]
            .ingress
            .iter()
            .find_map(|rule| Some((rule.id.clone()?, rule.permission?)));
        let revoke = Step::RevokeIngress {
            role: GroupRole::Endpoints,
            group: network.endpoints_group.clone(),
            rules: rule.into_iter().collect(),
        };
        self.step("a rule is revoked", revoke, report).await;
        let remove = Step::RemoveTags { slot, resource, keys: ["color".to_owned()].into() };
        self.step("the tag is removed", remove, report).await;
        if let Some(address) = addresses.keys().next().cloned() {
            let step = Step::DisassociateResolverAddress { resolver: resolver.clone(), address };
            self.step("an address is removed", step, report).await;
        }
        let observed = self.observe().await.resources;
        report.record("rules after one is revoked", observed.groups[&network.endpoints_group].ingress.len());
        report.record("the tag of the endpoint of MGN after its removal", observed.endpoints[&mgn].tags.get("color"));
        report.record("addresses of the resolver after one is removed", observed.resolvers[&resolver].addresses.len());
    }

    async fn delete_network(&self, network: &Network, report: &mut Report) {
        let group = |role, group: &SecurityGroupId| Step::DeleteGroup { role, group: group.clone() };
        let endpoints = |keep: fn(&EndpointKey) -> bool| Step::DeleteEndpoints {
            endpoints: network
                .endpoints
                .iter()
                .filter(|(key, _)| keep(key))
                .map(|(key, id)| (id.clone(), *key))
                .collect(),
        };
        let interfaces = endpoints(|key| *key != EndpointKey::S3_GATEWAY);
        let effect = self.step("the interface endpoints are deleted", interfaces, report).await;
        report.record("interface endpoints that AWS refused to delete", refused_count(effect));
        let effect = self
            .step("the gateway endpoint is deleted", endpoints(|key| *key == EndpointKey::S3_GATEWAY), report)
            .await;
        report.record("gateway endpoints that AWS refused to delete", refused_count(effect));
        let resolver = || Step::DeleteResolver { resolver: network.resolver.clone() };
        self.step("the resolver is deleted", resolver(), report).await;
        self.step("the resolver is deleted again", resolver(), report).await;
        let of_endpoints = group(GroupRole::Endpoints, &network.endpoints_group);
        self.step("the endpoints' group is deleted", of_endpoints.clone(), report).await;
        self.step("the endpoints' group is deleted again", of_endpoints, report).await;
        let of_resolver = group(GroupRole::Resolver, &network.resolver_group);
        self.step("the resolver's group is deleted", of_resolver, report).await;
        let owned = self.cloud.find_owned(&self.identity, &ResolverSearch::all()).await.expect("found");
        let endpoints = owned.endpoints.values().filter(|endpoint| endpoint.state != EndpointState::Deleted);
        report.record(
            "owned resources after the deletion",
            (owned.groups.len(), endpoints.count(), owned.resolvers.len()),
        );
    }
}

fn endpoint_id(created: Option<Effect>) -> EndpointId {
    match created {
        Some(Effect::EndpointCreated(id, _)) => id,
        other => panic!("no endpoint was created: {other:?}"),
    }
}

/// Returns the number of endpoints that AWS refused to delete.
fn refused_count(effect: Option<Effect>) -> Option<usize> {
    match effect {
        Some(Effect::EndpointsDeleting { refused }) => Some(refused.len()),
        _ => None,
    }
}
