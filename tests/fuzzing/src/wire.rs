//! The AWS SDK without a network: the emulator's world executes the requests, and its answers can be corrupted.

use std::{
    fmt,
    sync::{Arc, LazyLock, Mutex, PoisonError},
    time::Duration,
};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_ec2::config::{Credentials, SharedCredentialsProvider, http::HttpResponse};
use aws_smithy_runtime_api::client::{
    http::{
        HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
    },
    orchestrator::HttpRequest,
    runtime_components::RuntimeComponents,
};
use emulator::{http::Direct, world::World};
use mgnet::{
    aws::{Account, AwsCloud, AwsClouds, Clouds, Rates},
    model::{failure::CallFailure, ownership::Identity},
};
use simulation::{
    scenario,
    universe::{ACCOUNT, REGION, Universe},
    wire::received,
};

/// An answer: status and body.
pub(crate) type Answer = (u16, Vec<u8>);

/// A function that corrupts the answer to a call of an action.
pub(crate) type Corrupt = Arc<dyn Fn(&str, Answer) -> Answer + Send + Sync>;

#[derive(Clone)]
struct Wire {
    world: Arc<Mutex<World>>,
    corrupt: Corrupt,
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Wire")
    }
}

impl HttpClient for Wire {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Wire {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let answer = received(&request).map(|request| {
            let direct = Direct::read(request).expect("the SDK's requests can be read");
            let mut world = self.world.lock().unwrap_or_else(PoisonError::into_inner);
            let answer = direct.carry_out(&mut world);
            let content_type = answer.content_type;
            let original = (answer.status.as_u16(), answer.body.into_bytes());
            // The identity of the caller is not corrupted: the operator requests it once, before all other calls.
            let (status, body) = match direct.action() {
                "GetCallerIdentity" => original,
                action => (self.corrupt)(action, original),
            };
            let status = status.try_into().expect("a status");
            let mut response = HttpResponse::new(status, body.into());
            response.headers_mut().insert("content-type", content_type);
            response
        });
        HttpConnectorFuture::ready(answer)
    }
}

/// A VPC that is ready for a migration, with foreign resources and a second gateway endpoint.
pub(crate) static LANDING: LazyLock<Universe> = LazyLock::new(|| {
    block_on(async {
        let mut landing = scenario::landing(Duration::ZERO).await.expect("a VPC is created");
        scenario::foreign_resources(&mut landing);
        scenario::second_gateway(&mut landing);
        landing.aws.advance(Duration::from_mins(5));
        landing
    })
});

/// Returns the identity of the network.
pub(crate) fn identity() -> Identity {
    Identity {
        uid: "0b5a2b4c-1111-4222-8333-444455556666".to_owned(),
        namespace: "team-billing".to_owned(),
        name: "tokyo".to_owned(),
        cluster: "00000000-0000-4000-8000-cccccccccccc".to_owned(),
    }
}

/// Returns the operator's AWS layer for a copy of a world. Changes of the copy are discarded.
///
/// # Errors
/// If the account could not be reached.
pub(crate) async fn cloud(world: World, corrupt: Corrupt) -> Result<Arc<AwsCloud>, CallFailure> {
    let credentials = Credentials::new(ACCOUNT, "secret", None, None, "fuzzing");
    let config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new(REGION))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .endpoint_url("http://aws.invalid")
        .http_client(SharedHttpClient::new(Wire { world: Arc::new(Mutex::new(world)), corrupt }))
        .build();
    let account = Account { id: ACCOUNT.to_owned(), region: REGION.to_owned(), role: None };
    AwsClouds::new(&config, Rates { factor: 1000.0 }).connect(&account).await
}

/// Runs a future on virtual time, so that waits before retries take no real time.
pub(crate) fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .expect("a runtime")
        .block_on(work)
}

/// Checks the properties that every failure must have.
pub(crate) fn check_failure(failure: &CallFailure) {
    let CallFailure { class: _, operation, code, message, request_id: _ } = failure;
    assert!(!operation.is_empty() && !code.is_empty(), "{failure:?}");
    for text in [code, message] {
        assert!(text.chars().count() <= 256, "{failure:?}");
        assert!(!text.chars().any(char::is_control), "{failure:?}");
    }
    assert!(!message.contains("Encoded authorization failure message"), "{failure:?}");
}
