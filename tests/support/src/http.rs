//! Plain HTTP over loopback, to the emulator's control interface and to the operator's probes. Calls to an emulator in
//! the same process use no connection.
//!
//! No connection is kept open, so that tests with different runtimes can share one value.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use emulator::http::InProcess;
use http::{Method, Request, StatusCode, header};
use http_body_util::BodyExt;
use hyper::body::Bytes;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

/// The longest time for one call. Both servers normally answer at once.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A server on this machine.
#[derive(Clone, Debug)]
pub(crate) struct Server {
    url: String,
    within: Option<InProcess>,
}

impl Server {
    /// Refers to the server at `http://127.0.0.1:PORT`.
    pub(crate) fn at(url: impl Into<String>) -> Self {
        Self { url: url.into(), within: None }
    }

    /// Refers to an emulator in this process.
    pub(crate) fn within(emulator: InProcess) -> Self {
        Self { url: String::new(), within: Some(emulator) }
    }

    /// Calls the server, and returns the body of the answer. A failure status is an error.
    pub(crate) async fn call(&self, method: Method, path: &str, body: String) -> Result<Vec<u8>> {
        let what = format!("{method} {}{path}", self.url);
        tokio::time::timeout(TIMEOUT, self.send(method, path, body))
            .await
            .unwrap_or_else(|_| anyhow::bail!("no answer after {} s", TIMEOUT.as_secs()))
            .with_context(|| what)
    }

    async fn send(&self, method: Method, path: &str, body: String) -> Result<Vec<u8>> {
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.url))
            .header(header::CONTENT_TYPE, "application/json")
            .body(body)?;
        let (status, body) = match &self.within {
            Some(emulator) => {
                let answer = emulator.call(request.map(Into::into)).await?;
                (answer.status(), answer.into_body())
            }
            None => over_loopback(request).await?,
        };
        ensure!(status.is_success(), "{status}: {}", String::from_utf8_lossy(&body));
        Ok(body.to_vec())
    }
}

async fn over_loopback(request: Request<String>) -> Result<(StatusCode, Bytes)> {
    let client: Client<HttpConnector, String> =
        Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build_http();
    let answer = client.request(request).await?;
    let status = answer.status();
    Ok((status, answer.into_body().collect().await?.to_bytes()))
}
