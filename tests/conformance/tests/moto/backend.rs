//! The backend of a scenario, moto or the emulator, and the AWS clients that call it.

use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_ec2::types::{Filter, Tag, TagSpecification, VpcEndpoint};
use conformance::config_of_stand_in;
use emulator::{Server, ServerOptions};

use super::running::Moto;

pub(crate) const REGION: &str = "ap-northeast-1";
pub(crate) const ACCOUNT: &str = "111111111111";

/// moto or the emulator, with its clients.
pub(crate) struct Backend {
    pub(crate) config: SdkConfig,
    pub(crate) ec2: aws_sdk_ec2::Client,
    pub(crate) resolver: aws_sdk_route53resolver::Client,
    pub(crate) route53: aws_sdk_route53::Client,
    kind: Kind,
}

enum Kind {
    /// moto runs until this value is dropped.
    Moto {
        _running: Moto,
    },
    Emulator(Server),
}

impl Backend {
    pub(crate) async fn moto() -> Self {
        Self::moto_of(ACCOUNT).await
    }

    /// Starts moto for an account.
    pub(crate) async fn moto_of(account: &'static str) -> Self {
        let moto = tokio::task::spawn_blocking(|| Moto::start(account)).await.expect("moto has started");
        let url = moto.url.clone();
        Self::at(&url, account, Kind::Moto { _running: moto }).await
    }

    /// Starts the emulator. Its clock advances only in [`Self::wait`].
    pub(crate) async fn emulator() -> Self {
        let mut options = ServerOptions::default();
        options.world.throttling = false;
        let server = Server::start(options).await.expect("a free port");
        let url = server.url().to_owned();
        Self::at(&url, ACCOUNT, Kind::Emulator(server)).await
    }

    async fn at(url: &str, account: &str, kind: Kind) -> Self {
        let config = config_of_stand_in(url, account, REGION).await;
        Self {
            ec2: aws_sdk_ec2::Client::new(&config),
            resolver: aws_sdk_route53resolver::Client::new(&config),
            route53: aws_sdk_route53::Client::new(&config),
            config,
            kind,
        }
    }

    /// Waits until AWS has finished its work in the background. moto does no such work.
    pub(crate) fn wait(&self) {
        match &self.kind {
            Kind::Moto { .. } => {}
            Kind::Emulator(server) => server.advance(Duration::from_mins(10)),
        }
    }

    /// Returns an endpoint as Describe reports it, or nothing if Describe does not list it.
    pub(crate) async fn endpoint(&self, id: &str) -> Option<VpcEndpoint> {
        let answer = self.ec2.describe_vpc_endpoints().vpc_endpoint_ids(id).send().await.ok()?;
        answer.vpc_endpoints.and_then(|mut endpoints| endpoints.pop())
    }
}

pub(crate) fn service(short_name: &str) -> String {
    format!("com.amazonaws.{REGION}.{short_name}")
}

pub(crate) fn filter(name: &str, value: &str) -> Filter {
    Filter::builder().name(name).values(value).build()
}

pub(crate) fn tags(kind: &str, tags: &[(&str, &str)]) -> TagSpecification {
    let tags = tags.iter().map(|(key, value)| Tag::builder().key(*key).value(*value).build()).collect();
    TagSpecification::builder().resource_type(kind.into()).set_tags(Some(tags)).build()
}
