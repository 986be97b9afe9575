//! Test that a reconcile that panics affects only its own network. The operator contains no code that panics on demand,
//! so this test runs it in its own process: the same watches, reconciles and AWS layer, on a real API server, but with
//! a wrapper around the AWS layer that panics on every connection to one account.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use anyhow::{Result, bail, ensure};
use aws_config::{BehaviorVersion, Region};
use aws_sdk_ec2::config::Credentials;
use kube::{
    Client, Config,
    config::{KubeConfigOptions, Kubeconfig},
};
use mgnet::{
    api::{ConditionType, Reason, conditions},
    aws::{Account, AwsCloud, AwsClouds, Clouds, Rates},
    controller::{self, Context, Kubernetes, Reports, Settings},
    model::failure::CallFailure,
};
use support::{Lab, LabOptions, OPERATOR_NAMESPACE, OperatorOptions};
use tokio_util::sync::CancellationToken;

/// The AWS layer, but with a panic on every connection to one account until `cured` is true.
struct Poisoned {
    clouds: AwsClouds,
    account: String,
    cured: Arc<AtomicBool>,
    panics: Arc<AtomicUsize>,
}

impl Clouds for Poisoned {
    type Cloud = AwsCloud;

    async fn connect(&self, account: &Account) -> Result<Arc<AwsCloud>, CallFailure> {
        if account.id == self.account && !self.cured.load(Ordering::SeqCst) {
            self.panics.fetch_add(1, Ordering::SeqCst);
            panic!("planted");
        }
        self.clouds.connect(account).await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reconcile_that_panics_repeatedly_affects_only_its_own_network() -> Result<()> {
    let options = OperatorOptions { start: false, ..OperatorOptions::default() };
    let lab = Lab::start(LabOptions { operator: options, ..LabOptions::default() }).await?;
    let (good, bad) = (lab.site("good").await?, lab.site("bad").await?);

    let file = Kubeconfig::read_from(lab.operator().kubeconfig())?;
    let client = Client::try_from(Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await?)?;
    let kubernetes = Kubernetes::new(client.clone(), OPERATOR_NAMESPACE.to_owned());
    let cluster = kubernetes.cluster_uid().await?;
    let aws = aws_config::defaults(BehaviorVersion::v2026_01_12())
        .region(Region::new("us-east-1"))
        .endpoint_url(lab.aws_endpoint_url())
        .credentials_provider(Credentials::new("100000000000", "secret", None, None, "lab"))
        .load()
        .await;
    let (cured, panics) = (Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default());
    let clouds = Poisoned {
        clouds: AwsClouds::new(&aws, Rates { factor: 60.0 }),
        account: bad.account.clone(),
        cured: Arc::clone(&cured),
        panics: Arc::clone(&panics),
    };
    let second = Duration::from_secs(1);
    let (resync, poll, absence_grace, deadline) = (3 * second, second, 2 * second, 60 * second);
    let settings = Settings { resync, poll, absence_grace, deadline, config_maps: true };
    let stop = CancellationToken::new();
    let run = controller::run(
        client,
        Context::new(clouds, kubernetes, cluster, settings),
        controller::RunOptions { concurrency: 8, grace: second, orphans_every: Duration::from_hours(1) },
        Reports::default(),
        std::future::ready(()),
        stop.clone(),
    );

    let work = async {
        let poisoned = bad.network("poisoned").without_resolver().without_ssm().apply().await?;
        let healthy = good.network("healthy").without_resolver().without_ssm().apply().await?;
        let reported = poisoned.until_reason(ConditionType::Ready, Reason::InternalError).await?;
        let status = reported.status.unwrap_or_default();
        let ready = conditions::find(&status.conditions, ConditionType::Ready).map(|ready| ready.message.as_str());
        ensure!(ready.is_some_and(|message| message.contains("planted")), "{ready:?}");
        healthy.until_ready().await?;
        let before = panics.load(Ordering::SeqCst);
        healthy.edit(serde_json::json!({ "proxyCIDRs": ["10.9.0.0/24"] })).await?;
        healthy.until_ready().await?;
        // The network is retried all the time, with its own back-off.
        for _ in 0..600 {
            if panics.load(Ordering::SeqCst) > before + 1 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        ensure!(panics.load(Ordering::SeqCst) > before + 1, "the network is not retried");
        cured.store(true, Ordering::SeqCst);
        poisoned.until_ready().await?;
        Ok(())
    };
    tokio::select! {
        done = work => done?,
        () = run => bail!("the operator exited"),
    }
    stop.cancel();
    lab.check_statuses()
}
