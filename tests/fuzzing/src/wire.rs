//! The AWS SDK without a network: requests are carried out on the emulator's world, and answers are spoiled on the way back.

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

/// What becomes of the answer to the call of an action.
pub(crate) type Spoil = Arc<dyn Fn(&str, Answer) -> Answer + Send + Sync>;

#[derive(Clone)]
struct Wire {
    world: Arc<Mutex<World>>,
    spoil: Spoil,
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
            let true_answer = (answer.status.as_u16(), answer.body.into_bytes());
            // Who is called is told truly: it is asked once, before everything else.
            let (status, body) = match direct.action() {
                "GetCallerIdentity" => true_answer,
                action => (self.spoil)(action, true_answer),
            };
            let status = status.try_into().expect("a status");
            let mut response = HttpResponse::new(status, body.into());
            response.headers_mut().insert("content-type", content_type);
            response
        });
        HttpConnectorFuture::ready(answer)
    }
}

/// A VPC that is ready for a migration, with what a network `tokyo` has made in it, and what somebody else has.
pub(crate) static LANDING: LazyLock<Universe> = LazyLock::new(|| {
    block_on(async {
        let mut landing = scenario::landing(Duration::ZERO).await.expect("a VPC is made");
        scenario::foreign_resources(&mut landing);
        scenario::second_gateway(&mut landing);
        landing.aws.advance(Duration::from_mins(5));
        landing
    })
});

/// Whose network it is.
pub(crate) fn identity() -> Identity {
    Identity {
        uid: "0b5a2b4c-1111-4222-8333-444455556666".to_owned(),
        namespace: "team-billing".to_owned(),
        name: "tokyo".to_owned(),
        cluster: "00000000-0000-4000-8000-cccccccccccc".to_owned(),
    }
}

/// The operator's AWS layer over a world, of which nothing is kept.
///
/// # Errors
/// If the account could not be reached.
pub(crate) async fn cloud(world: World, spoil: Spoil) -> Result<Arc<AwsCloud>, CallFailure> {
    let credentials = Credentials::new(ACCOUNT, "secret", None, None, "fuzzing");
    let config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new(REGION))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .endpoint_url("http://aws.invalid")
        .http_client(SharedHttpClient::new(Wire { world: Arc::new(Mutex::new(world)), spoil }))
        .build();
    let account = Account { id: ACCOUNT.to_owned(), region: REGION.to_owned(), role_arn: None, external_id: None };
    AwsClouds::new(&config, Rates { factor: 1000.0 }).connect(&account).await
}

/// Runs on virtual time: what waits before it tries again does not.
pub(crate) fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .expect("a runtime")
        .block_on(work)
}

/// What must be true of a failure, whatever it was.
pub(crate) fn check_failure(failure: &CallFailure) {
    let CallFailure { class: _, operation, code, message } = failure;
    assert!(!operation.is_empty() && !code.is_empty(), "{failure:?}");
    for text in [code, message] {
        assert!(text.chars().count() <= 256, "{failure:?}");
        assert!(!text.chars().any(char::is_control), "{failure:?}");
    }
    assert!(!message.contains("Encoded authorization failure message"), "{failure:?}");
}
