//! A server and the real SDK clients that talk to it.

use std::time::Duration;

use aws_config::{BehaviorVersion, Region, SdkConfig, retry::RetryConfig};
use aws_sdk_ec2::{
    config::Credentials,
    error::{ProvideErrorMetadata, SdkError},
    types::{
        AttributeBooleanValue, Filter, IpPermission, IpRange, ResourceType, State as VpceState, Tag, TagSpecification,
        VpcEndpoint, VpcEndpointType,
    },
};
use emulator::{
    Server, ServerOptions,
    world::{options::Options, state::State},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// The account of most tests.
pub(crate) const ACCOUNT: &str = "111111111111";
/// The Region of most tests.
pub(crate) const TOKYO: &str = "ap-northeast-1";

/// A server, and the clients of one account in one Region.
pub(crate) struct Aws {
    pub(crate) server: Server,
    pub(crate) ec2: aws_sdk_ec2::Client,
    pub(crate) mgn: aws_sdk_mgn::Client,
    pub(crate) resolver: aws_sdk_route53resolver::Client,
    pub(crate) sts: aws_sdk_sts::Client,
    pub(crate) region: String,
}

/// Returns the clients of an account in a Region.
pub(crate) async fn config(server: &Server, account: &str, region: &str) -> SdkConfig {
    config_with(server, Credentials::new(account, "secret", None, None, "test"), region).await
}

/// Returns clients with any credentials.
pub(crate) async fn config_with(server: &Server, credentials: Credentials, region: &str) -> SdkConfig {
    // `empty_test_environment` isolates the clients from the machine's proxies, endpoints and CA bundles.
    aws_config::defaults(BehaviorVersion::latest())
        .empty_test_environment()
        .credentials_provider(credentials)
        .region(Region::new(region.to_owned()))
        .endpoint_url(server.url())
        .retry_config(RetryConfig::disabled())
        .load()
        .await
}

impl Aws {
    pub(crate) async fn start() -> Self {
        Self::with(|_| {}).await
    }

    /// Starts a server with other options.
    pub(crate) async fn with(change: impl FnOnce(&mut Options)) -> Self {
        Self::in_region(TOKYO, change).await
    }

    pub(crate) async fn in_region(region: &str, change: impl FnOnce(&mut Options)) -> Self {
        let mut options = ServerOptions::default();
        options.world.throttling = false;
        change(&mut options.world);
        let server = Server::start(options).await.expect("a free port");
        Self::of(server, ACCOUNT, region).await
    }

    async fn of(server: Server, account: &str, region: &str) -> Self {
        let config = config(&server, account, region).await;
        Self {
            ec2: aws_sdk_ec2::Client::new(&config),
            mgn: aws_sdk_mgn::Client::new(&config),
            resolver: aws_sdk_route53resolver::Client::new(&config),
            sts: aws_sdk_sts::Client::new(&config),
            server,
            region: region.to_owned(),
        }
    }

    pub(crate) fn advance(&self, seconds: u64) {
        self.server.advance(Duration::from_secs(seconds));
    }

    pub(crate) fn state(&self) -> State {
        self.server.with_world(|world| world.state(ACCOUNT, &self.region))
    }

    pub(crate) fn service(&self, short_name: &str) -> String {
        format!("com.amazonaws.{}.{short_name}", self.region)
    }

    pub(crate) async fn vpc(&self, cidr: &str) -> String {
        let answer = self.ec2.create_vpc().cidr_block(cidr).send().await.expect("a VPC");
        answer.vpc.and_then(|vpc| vpc.vpc_id).expect("an id")
    }

    /// Creates a VPC that supports private DNS.
    pub(crate) async fn dns_vpc(&self, cidr: &str) -> String {
        let vpc = self.vpc(cidr).await;
        self.dns_hostnames(&vpc, true).await;
        vpc
    }

    pub(crate) async fn dns_hostnames(&self, vpc: &str, on: bool) {
        let value = AttributeBooleanValue::builder().value(on).build();
        let call = self.ec2.modify_vpc_attribute().vpc_id(vpc).enable_dns_hostnames(value);
        call.send().await.expect("the attribute is set");
    }

    pub(crate) async fn subnet(&self, vpc: &str, cidr: &str, zone: &str) -> String {
        let zone = format!("{}{zone}", self.region);
        let call = self.ec2.create_subnet().vpc_id(vpc).cidr_block(cidr).availability_zone(zone);
        call.send().await.expect("a subnet").subnet.and_then(|subnet| subnet.subnet_id).expect("an id")
    }

    pub(crate) async fn group(&self, vpc: &str, name: &str) -> String {
        let call = self.ec2.create_security_group().vpc_id(vpc).group_name(name).description("for a test");
        call.send().await.expect("a group").group_id.expect("an id")
    }

    pub(crate) async fn route_table(&self, vpc: &str) -> String {
        let answer = self.ec2.create_route_table().vpc_id(vpc).send().await.expect("a route table");
        answer.route_table.and_then(|table| table.route_table_id).expect("an id")
    }

    pub(crate) async fn endpoint(&self, id: &str) -> VpcEndpoint {
        let answer = self.ec2.describe_vpc_endpoints().vpc_endpoint_ids(id).send().await.expect("the endpoint");
        answer.vpc_endpoints.and_then(|mut endpoints| endpoints.pop()).expect("one endpoint")
    }

    pub(crate) async fn network(&self) -> Network {
        let vpc = self.dns_vpc("10.20.0.0/16").await;
        Network {
            subnets: vec![self.subnet(&vpc, "10.20.0.0/24", "a").await, self.subnet(&vpc, "10.20.1.0/24", "c").await],
            group: self.group(&vpc, "endpoints").await,
            route_table: self.route_table(&vpc).await,
            vpc,
        }
    }

    /// Returns the request for an interface endpoint with all parameters.
    pub(crate) async fn interface_endpoint(&self, network: &Network, short_name: &str) -> String {
        let call = self
            .ec2
            .create_vpc_endpoint()
            .vpc_id(&network.vpc)
            .service_name(self.service(short_name))
            .vpc_endpoint_type(VpcEndpointType::Interface)
            .set_subnet_ids(Some(network.subnets.clone()))
            .security_group_ids(&network.group)
            .private_dns_enabled(true);
        let answer = call.send().await.expect("an endpoint");
        answer.vpc_endpoint.and_then(|endpoint| endpoint.vpc_endpoint_id).expect("an id")
    }

    pub(crate) async fn s3_gateway(&self, network: &Network) -> String {
        let call = self
            .ec2
            .create_vpc_endpoint()
            .vpc_id(&network.vpc)
            .service_name(self.service("s3"))
            .vpc_endpoint_type(VpcEndpointType::Gateway)
            .route_table_ids(&network.route_table);
        let answer = call.send().await.expect("a gateway");
        answer.vpc_endpoint.and_then(|endpoint| endpoint.vpc_endpoint_id).expect("an id")
    }

    pub(crate) async fn delete_endpoints(&self, ids: &[&str]) -> Vec<(String, String)> {
        let ids = ids.iter().map(|&id| id.to_owned()).collect();
        let answer = self.ec2.delete_vpc_endpoints().set_vpc_endpoint_ids(Some(ids)).send().await.expect("an answer");
        let items = answer.unsuccessful.unwrap_or_default();
        let read = |item: aws_sdk_ec2::types::UnsuccessfulItem| {
            (item.resource_id.unwrap_or_default(), item.error.and_then(|error| error.code).unwrap_or_default())
        };
        items.into_iter().map(read).collect()
    }
}

/// A VPC with two endpoint subnets, a group and a route table.
pub(crate) struct Network {
    pub(crate) vpc: String,
    pub(crate) subnets: Vec<String>,
    pub(crate) group: String,
    pub(crate) route_table: String,
}

/// Returns the state of an endpoint as AWS sends it.
pub(crate) fn state_of(endpoint: &VpcEndpoint) -> &str {
    endpoint.state.as_ref().map_or("", VpceState::as_str)
}

pub(crate) fn filter(name: &str, value: &str) -> Filter {
    Filter::builder().name(name).values(value).build()
}

pub(crate) fn tags(kind: ResourceType, tags: &[(&str, &str)]) -> TagSpecification {
    let tags = tags.iter().map(|(key, value)| Tag::builder().key(*key).value(*value).build()).collect();
    TagSpecification::builder().resource_type(kind).set_tags(Some(tags)).build()
}

pub(crate) fn permission(protocol: &str, port: i32, cidrs: &[&str]) -> IpPermission {
    let ranges = cidrs.iter().map(|cidr| IpRange::builder().cidr_ip(*cidr).build()).collect();
    IpPermission::builder().ip_protocol(protocol).from_port(port).to_port(port).set_ip_ranges(Some(ranges)).build()
}

/// Returns the code of an error answer, or the kind of failure without an answer.
pub(crate) fn code<T, E: ProvideErrorMetadata>(outcome: Result<T, SdkError<E>>) -> String {
    match outcome {
        Ok(_) => "ok".to_owned(),
        Err(SdkError::ServiceError(error)) => error.err().code().unwrap_or("unreadable").to_owned(),
        Err(SdkError::ResponseError(_)) => "unreadable".to_owned(),
        Err(SdkError::DispatchFailure(_)) => "no answer".to_owned(),
        Err(_) => "not sent".to_owned(),
    }
}

/// Returns the message of an error answer.
pub(crate) fn message<T, E: ProvideErrorMetadata>(outcome: Result<T, SdkError<E>>) -> String {
    let error = outcome.err();
    let message = error.as_ref().and_then(SdkError::as_service_error).and_then(ProvideErrorMetadata::message);
    message.unwrap_or_default().to_owned()
}

/// Sends one request to the control interface; returns status and body.
pub(crate) async fn control(server: &Server, method: &str, path: &str, body: &str) -> (u16, serde_json::Value) {
    let (status, body) = raw(server, method, &format!("/_world/{path}"), &[], body).await;
    (status, serde_json::from_str(&body).expect("JSON"))
}

/// Sends one raw HTTP request; returns status and body.
pub(crate) async fn raw(
    server: &Server,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> (u16, String) {
    let address = server.url().trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    let headers: Vec<String> = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n{}content-length: {}\r\n\r\n{body}",
        headers.concat(),
        body.len()
    );
    stream.write_all(request.as_bytes()).await.expect("the request is sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer");
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    let body = answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).expect("a body");
    (status, body)
}

/// Returns the header that names the account, the Region and the service.
pub(crate) fn authorization(account: &str, region: &str, service: &str) -> String {
    format!(
        "AWS4-HMAC-SHA256 Credential={account}/20260101/{region}/{service}/aws4_request, SignedHeaders=host, Signature=0"
    )
}
