//! The AWS SDK without a network: an emulator in the same process answers its requests.

use std::time::Duration;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_ec2::config::http::HttpResponse;
use aws_sdk_ec2::config::{Credentials, SharedCredentialsProvider};
use aws_sdk_ec2::error::ConnectorError;
use aws_smithy_async::time::SystemTimeSource;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use emulator::http::InProcess;
use hyper::body::Bytes;

/// The endpoint in the SDK's configuration. No request is sent to it.
pub(crate) const ENDPOINT: &str = "http://aws.invalid";

/// The time that an answer takes. On virtual time it costs nothing, and it puts the calls in an order.
const LATENCY: Duration = Duration::from_millis(1);

/// The connections to an emulator.
#[derive(Clone, Debug)]
struct Connection(InProcess);

/// Returns an HTTP client for the SDK.
pub(crate) fn http_client(aws: &InProcess) -> SharedHttpClient {
    SharedHttpClient::new(Connection(aws.clone()))
}

/// Returns the SDK configuration that the operator's environment would produce, with credentials of the account.
pub(crate) fn config(aws: &InProcess, account: &str) -> SdkConfig {
    let credentials = Credentials::new(account, "secret", None, None, "lab");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .time_source(SystemTimeSource::new())
        .endpoint_url(ENDPOINT)
        .http_client(http_client(aws))
        .build()
}

impl HttpClient for Connection {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Connection {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let Self(aws) = self.clone();
        HttpConnectorFuture::new(async move {
            let request = received(&request)?;
            tokio::time::sleep(LATENCY).await;
            let answer = aws.call(request.map(Into::into)).await;
            let (parts, body) = answer.map_err(|error| ConnectorError::io(error.into()))?.into_parts();
            let mut response = HttpResponse::new(parts.status.into(), body.into());
            for (name, value) in &parts.headers {
                let value = value.to_str().map_err(|error| ConnectorError::io(error.into()))?.to_owned();
                response.headers_mut().append(name.as_str().to_owned(), value);
            }
            Ok(response)
        })
    }
}

/// Converts a request of the SDK into the request that a server receives.
///
/// # Errors
/// If its body is a stream. No request of the operator has such a body.
pub fn received(request: &HttpRequest) -> Result<http::Request<Bytes>, ConnectorError> {
    let body = request.body().bytes().ok_or_else(|| ConnectorError::io("the body is a stream".into()))?;
    let mut received = http::Request::builder().method(request.method()).uri(request.uri());
    for (name, value) in request.headers() {
        received = received.header(name, value);
    }
    received.body(Bytes::copy_from_slice(body)).map_err(|error| ConnectorError::user(error.into()))
}
