//! The site of a test: an emulator with a VPC as a user would create it, and the steps that a plan would contain.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_ec2::{
    config::Credentials,
    types::{AttributeBooleanValue, Filter},
};
use emulator::{Server, ServerOptions, world::options::Options};
use mgnet::{
    aws::{Account, AwsCloud, AwsClouds, Cloud, Clouds, Rates, Scope},
    model::{
        claims::token,
        failure::CallFailure,
        ids::{EndpointId, ResolverId, RouteTableId, SecurityGroupId, SubnetId, VpcId},
        observed::{Endpoint, Observed, Permission, PrivateDns, Protocol, ResolverEndpoint, resources::group_name},
        ownership::{Identity, Tags},
        plan::step::{CreateRequest, Effect, Step},
        policy::Policy,
        settings::VpcSelector,
        slot::{EndpointKey, GroupRole, Service, Slot},
    },
};

pub(crate) const REGION: &str = "ap-northeast-1";
pub(crate) const ACCOUNT: &str = "111111111111";
/// Longer than any transition takes in the emulator.
pub(crate) const LONG: Duration = Duration::from_mins(10);

/// Call rates that no test reaches.
const RAISED: Rates = Rates { factor: 1000.0 };

pub(crate) struct Site {
    pub(crate) server: Server,
    pub(crate) cloud: Arc<AwsCloud>,
    /// The client of a user.
    pub(crate) ec2: aws_sdk_ec2::Client,
    pub(crate) vpc: VpcId,
    pub(crate) subnets: BTreeSet<SubnetId>,
    pub(crate) route_table: RouteTableId,
    pub(crate) identity: Identity,
}

/// The IDs of a complete network.
pub(crate) struct Network {
    pub(crate) endpoints_group: SecurityGroupId,
    pub(crate) resolver_group: SecurityGroupId,
    pub(crate) endpoints: Vec<(EndpointId, EndpointKey)>,
    pub(crate) resolver: ResolverId,
}

/// Starts an emulator whose clock does not advance by itself, and that does not throttle calls.
pub(crate) async fn model(change: impl FnOnce(&mut Options)) -> Server {
    let mut options = ServerOptions::default();
    options.world.throttling = false;
    change(&mut options.world);
    Server::start(options).await.expect("a free port")
}

/// Returns a configuration with the keys of an account.
pub(crate) async fn config(server: &Server, key: &str) -> SdkConfig {
    let defaults = aws_config::defaults(BehaviorVersion::v2026_01_12()).region(Region::new(REGION));
    let credentials = Credentials::new(key, "secret", None, None, "test");
    defaults.endpoint_url(server.url()).credentials_provider(credentials).load().await
}

pub(crate) fn account() -> Account {
    Account { id: ACCOUNT.to_owned(), region: REGION.to_owned(), role: None }
}

pub(crate) fn clouds(config: &SdkConfig) -> AwsClouds {
    AwsClouds::new(config, RAISED)
}

pub(crate) fn rule(protocol: Protocol, port: u16, source: &str) -> Permission {
    Permission { protocol, port, source: source.parse().expect("a range") }
}

impl Site {
    pub(crate) async fn new() -> Self {
        Box::pin(Self::with(|_| {})).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut Options)) -> Self {
        let server = model(change).await;
        Box::pin(Self::at(server, RAISED)).await
    }

    /// Creates the VPC in this emulator, and limits the calls of the AWS layer to these rates.
    pub(crate) async fn at(server: Server, rates: Rates) -> Self {
        let config = config(&server, ACCOUNT).await;
        let ec2 = aws_sdk_ec2::Client::new(&config);
        let vpc = ec2.create_vpc().cidr_block("10.20.0.0/16").send().await.expect("a VPC").vpc.expect("a VPC");
        let vpc = vpc.vpc_id.expect("an id");
        let on = AttributeBooleanValue::builder().value(true).build();
        ec2.modify_vpc_attribute().vpc_id(&vpc).enable_dns_hostnames(on).send().await.expect("modified");
        let of_vpc = Filter::builder().name("vpc-id").values(&vpc).build();
        let tables = ec2.describe_route_tables().filters(of_vpc).send().await.expect("tables");
        let route_table = tables.route_tables().first().and_then(|table| table.route_table_id()).expect("a main table");
        let mut site = Self {
            cloud: AwsClouds::new(&config, rates).connect(&account()).await.expect("the account is right"),
            ec2,
            identity: Identity {
                uid: "5f0c1b1e-0000-4000-8000-000000000001".to_owned(),
                namespace: "team".to_owned(),
                name: "tokyo".to_owned(),
                cluster: "cluster-1".to_owned(),
            },
            vpc: vpc.into(),
            subnets: BTreeSet::new(),
            route_table: route_table.into(),
            server,
        };
        for (zone, cidr) in [("a", "10.20.1.0/24"), ("c", "10.20.2.0/24")] {
            let subnet = site.add_subnet(zone, cidr).await;
            site.subnets.insert(subnet);
        }
        site
    }

    pub(crate) async fn add_subnet(&self, zone: &str, cidr: &str) -> SubnetId {
        let subnet = self.ec2.create_subnet().vpc_id(self.vpc.as_str()).cidr_block(cidr);
        let subnet = subnet.availability_zone(format!("{REGION}{zone}")).send().await.expect("a subnet").subnet;
        subnet.and_then(|subnet| subnet.subnet_id).expect("an id").into()
    }

    pub(crate) fn scope(&self) -> Scope {
        Scope {
            fits: true,
            template_fits: true,
            ..Scope::new(VpcSelector::Id(self.vpc.clone()), self.identity.clone())
        }
    }

    pub(crate) async fn observe(&self) -> Observed {
        self.cloud.observe(&self.scope()).await.expect("observed")
    }

    pub(crate) async fn execute(&self, step: Step) -> Effect {
        self.cloud.execute(&step).await.unwrap_or_else(|failure| panic!("{step:?}: {failure}"))
    }

    pub(crate) async fn refused(&self, step: Step) -> CallFailure {
        self.cloud.execute(&step).await.expect_err("refused")
    }

    /// Returns the actions of all calls after the call with this number.
    pub(crate) fn actions_after(&self, number: u64) -> Vec<String> {
        self.server.calls(Some(ACCOUNT), number).into_iter().map(|call| call.action).collect()
    }

    pub(crate) fn calls_so_far(&self) -> u64 {
        self.server.calls(None, 0).last().map_or(0, |call| call.number)
    }

    pub(crate) fn create(&self, slot: Slot, request: impl FnOnce(Tags) -> CreateRequest) -> Step {
        let request = request(self.identity.tags(&Tags::new(), slot, 1));
        Step::Create { slot, token: token(&self.identity.uid, slot, 1), request }
    }

    pub(crate) fn create_group(&self, role: GroupRole) -> Step {
        let (vpc, name) = (self.vpc.clone(), group_name(&self.identity.uid, role));
        let description = "A group".to_owned();
        self.create(Slot::Group(role), |tags| CreateRequest::SecurityGroup { vpc, name, description, tags })
    }

    pub(crate) fn create_gateway(&self) -> Step {
        let (vpc, route_tables) = (self.vpc.clone(), [self.route_table.clone()].into());
        let service_name = format!("com.amazonaws.{REGION}.s3");
        let slot = Slot::Endpoint(EndpointKey::S3_GATEWAY);
        self.create(slot, |tags| CreateRequest::GatewayEndpoint {
            vpc,
            service_name,
            route_tables,
            policy: Policy::FullAccess,
            tags,
        })
    }

    pub(crate) fn create_interface(&self, service: Service, group: &SecurityGroupId) -> Step {
        let (vpc, subnets, group) = (self.vpc.clone(), self.subnets.clone(), group.clone());
        let service_name = format!("com.amazonaws.{REGION}.{service}");
        let private_dns = if service == Service::S3 { PrivateDns::InboundResolverOnly } else { PrivateDns::Enabled };
        self.create(Slot::Endpoint(EndpointKey::interface(service)), |tags| CreateRequest::InterfaceEndpoint {
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

    pub(crate) fn create_resolver(&self, group: &SecurityGroupId) -> Step {
        let (name, subnets, group) = ("mgnet-1".to_owned(), self.subnets.clone(), group.clone());
        self.create(Slot::Resolver, |tags| CreateRequest::Resolver {
            name,
            addresses: subnets.into_iter().map(|subnet| (subnet, None)).collect(),
            group,
            tags,
        })
    }

    pub(crate) async fn created_group(&self, role: GroupRole) -> SecurityGroupId {
        match self.execute(self.create_group(role)).await {
            Effect::GroupCreated(id, _) => id,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn created_endpoint(&self, step: Step) -> (EndpointId, Endpoint) {
        match self.execute(step).await {
            Effect::EndpointCreated(id, endpoint) => (id, endpoint),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn created_resolver(&self, group: &SecurityGroupId) -> (ResolverId, ResolverEndpoint) {
        match self.execute(self.create_resolver(group)).await {
            Effect::ResolverCreated(id, resolver) => (id, resolver),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn authorize(&self, role: GroupRole, group: &SecurityGroupId, rules: &[Permission]) {
        let permissions = rules.iter().map(|rule| (*rule, "mgnet: source servers".to_owned())).collect();
        self.execute(Step::AuthorizeIngress { role, group: group.clone(), permissions }).await;
    }

    /// Creates a complete network, and waits until AWS has created all of its resources.
    pub(crate) async fn created_network(&self) -> Network {
        let endpoints_group = self.created_group(GroupRole::Endpoints).await;
        self.authorize(GroupRole::Endpoints, &endpoints_group, &[rule(Protocol::Tcp, 443, "10.20.0.0/16")]).await;
        let resolver_group = self.created_group(GroupRole::Resolver).await;
        let dns = [Protocol::Tcp, Protocol::Udp].map(|protocol| rule(protocol, 53, "192.168.0.0/16"));
        self.authorize(GroupRole::Resolver, &resolver_group, &dns).await;
        let mut endpoints = vec![(self.created_endpoint(self.create_gateway()).await.0, EndpointKey::S3_GATEWAY)];
        for service in Service::STANDARD {
            let (id, _) = self.created_endpoint(self.create_interface(service, &endpoints_group)).await;
            endpoints.push((id, EndpointKey::interface(service)));
        }
        let (resolver, _) = self.created_resolver(&resolver_group).await;
        self.server.advance(LONG);
        Network { endpoints_group, resolver_group, endpoints, resolver }
    }
}
