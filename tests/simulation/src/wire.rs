//! The AWS SDK without a network: an HTTP client that turns each request into a call at a choice point.

use std::sync::Arc;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_ec2::{
    config::{Credentials, SharedCredentialsProvider, http::HttpResponse},
    error::ConnectorError,
};
use aws_smithy_async::time::SystemTimeSource;
use aws_smithy_runtime_api::client::{
    http::{
        HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
    },
    orchestrator::HttpRequest,
    runtime_components::RuntimeComponents,
};
use emulator::http::{Answer, Direct};
pub use support::received;

use crate::{
    promises::SECRETS,
    stage::{Lost, Seat},
    universe::{ACCOUNT, REGION},
};

/// The connections of one process to AWS.
#[derive(Clone, Debug)]
struct Wire(Arc<Seat>);

/// Returns the configuration of the SDK with which a process calls the AWS of its stage.
pub fn config(seat: &Arc<Seat>) -> SdkConfig {
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new(REGION))
        .credentials_provider(SharedCredentialsProvider::new(Credentials::new(
            ACCOUNT,
            SECRETS[0],
            None,
            None,
            "simulator",
        )))
        .time_source(SystemTimeSource::new())
        .endpoint_url("http://aws.invalid")
        .http_client(SharedHttpClient::new(Wire(Arc::clone(seat))))
        .build()
}

impl HttpClient for Wire {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Wire {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let seat = Arc::clone(&self.0);
        HttpConnectorFuture::new(async move {
            let answer = match Direct::read(received(&request)?) {
                Ok(direct) => seat.aws(direct).await,
                Err(answer) => Ok(*answer),
            };
            let Answer { status, content_type, body, .. } =
                answer.map_err(|Lost| broken("the connection was interrupted"))?;
            let mut response = HttpResponse::new(status.into(), body.into());
            response.headers_mut().insert("content-type", content_type);
            Ok(response)
        })
    }
}

fn broken(why: &'static str) -> ConnectorError {
    ConnectorError::io(why.into())
}
