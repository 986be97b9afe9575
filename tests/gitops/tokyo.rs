//! The lab of the tests that run a GitOps tool: the control plane, and AWS with the landing zone of the samples. The class
//! of the samples names this account.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::ListParams;
use kube::{Api, Client, ResourceExt};
use mgnet::api::{ConditionType, MigrationNetwork, MigrationNetworkClass, Reason, conditions};
use support::state::State;
use support::{Lab, LabOptions, Landing, OperatorOptions};

/// The account and the Region of the class.
const ACCOUNT: &str = "111122223333";
const REGION: &str = "ap-northeast-1";

/// The namespace of the network.
pub(crate) const TEAM: &str = "team-billing";

/// The name of the class and of the network.
pub(crate) const NAME: &str = "tokyo";

/// The longest wait of a test. A network takes seconds here.
const PATIENCE: Duration = Duration::from_mins(3);

/// A lab without a running operator, and access to the objects of the samples.
pub(crate) struct Tokyo {
    pub(crate) kube: Client,
    pub(crate) lab: Lab,
}

impl Tokyo {
    /// Starts the lab, with kube-controller-manager if `controllers` is true.
    pub(crate) async fn start(operator: OperatorOptions, controllers: bool) -> Result<Self> {
        let operator = OperatorOptions { start: false, ..operator };
        let operator_account = ACCOUNT.to_owned();
        let options = LabOptions { operator_account, operator, controllers, ..LabOptions::default() };
        let lab = Lab::start(options).await?;
        let aws = lab.aws(ACCOUNT, REGION);
        Landing::make(&aws).await?.initialize_mgn(&aws).await?;
        Ok(Self { kube: lab.kube().await?, lab })
    }

    pub(crate) fn classes(&self) -> Api<MigrationNetworkClass> {
        Api::all(self.kube.clone())
    }

    pub(crate) fn networks(&self) -> Api<MigrationNetwork> {
        Api::namespaced(self.kube.clone(), TEAM)
    }

    pub(crate) async fn class(&self) -> Result<MigrationNetworkClass> {
        Ok(self.classes().get(NAME).await?)
    }

    pub(crate) async fn network(&self) -> Result<MigrationNetwork> {
        Ok(self.networks().get(NAME).await?)
    }

    /// Applies CRDs, and waits until the API server serves them.
    pub(crate) async fn apply_crds(&self, files: &[String]) -> Result<()> {
        for file in files {
            let file = format!("--filename={file}");
            self.lab.kubectl_output(["apply", "--server-side", &file]).await?;
        }
        let crds = Api::<CustomResourceDefinition>::all(self.kube.clone());
        until("all CRDs are established", String::new, async || {
            let all = crds.list(&ListParams::default()).await?;
            let is_established = |crd: &CustomResourceDefinition| {
                let conditions = crd.status.as_ref().and_then(|status| status.conditions.as_ref());
                conditions.into_iter().flatten().any(|one| one.type_ == "Established" && one.status == "True")
            };
            let others = all.iter().find(|crd| !is_established(crd)).map(ResourceExt::name_any);
            Ok(others.map_or(Ok(()), Err))
        })
        .await
    }

    /// Lets the operator assume the role of [`with_role`], and requests a reconcile of the class.
    pub(crate) async fn admit_role(&self) -> Result<()> {
        self.lab.control().declare_role(ACCOUNT, "mgnet", "tests").await?;
        self.lab.kubectl_output(["annotate", "mgnetclass", NAME, "mgnet.dev/reconcile-at=admitted"]).await?;
        Ok(())
    }

    /// Edits the network with kubectl, like a user. `spec` is a JSON object.
    pub(crate) async fn kubectl_patch(&self, spec: &str) -> Result<()> {
        let patch = format!("--patch={{\"spec\": {spec}}}");
        self.lab.kubectl_output(["patch", "mgnet", NAME, "-n", TEAM, "--type=merge", &patch]).await?;
        Ok(())
    }

    pub(crate) async fn in_aws(&self) -> Result<State> {
        self.lab.control().state(ACCOUNT, REGION).await
    }

    /// Whether the security group of the endpoints admits a range.
    pub(crate) async fn admits(&self, range: &str) -> Result<bool> {
        let state = self.in_aws().await?;
        let group = state.security_group("sg/endpoints").context("no group of the endpoints")?;
        Ok(group.ingress.iter().any(|rule| format!("{rule:?}").contains(range)))
    }

    /// Returns the number of the last call to AWS.
    pub(crate) async fn last_call(&self) -> Result<u64> {
        Ok(self.lab.control().calls(ACCOUNT, 0).await?.last().map_or(0, |call| call.number))
    }

    /// Returns the writes in AWS after a call.
    pub(crate) async fn writes_after(&self, call: u64) -> Result<Vec<String>> {
        let calls = self.lab.control().calls(ACCOUNT, call).await?;
        Ok(calls.into_iter().filter(support::Call::is_write).map(|call| call.to_string()).collect())
    }

    /// Returns the number of observations of AWS after a call.
    pub(crate) async fn observations_after(&self, call: u64) -> Result<usize> {
        let calls = self.lab.control().calls(ACCOUNT, call).await?;
        Ok(calls.iter().filter(|call| call.action == "DescribeVpcEndpoints").count())
    }

    /// Returns the resource versions of all classes and networks.
    pub(crate) async fn versions(&self) -> Result<Vec<String>> {
        let all = ListParams::default();
        let version = |kind: &str, name: String, version: Option<String>| {
            format!("{kind} {name} {}", version.unwrap_or_default())
        };
        let classes = self.classes().list(&all).await?.items.into_iter();
        let networks = self.networks().list(&all).await?.items.into_iter();
        let classes = classes.map(|class| version("class", class.name_any(), class.resource_version()));
        let networks = networks.map(|network| version("network", network.name_any(), network.resource_version()));
        Ok(classes.chain(networks).collect())
    }

    /// Waits until a condition of the network has that reason, for the present spec.
    pub(crate) async fn until_reason(&self, type_: ConditionType, reason: Reason) -> Result<MigrationNetwork> {
        until(&format!("{type_} of the network has the reason {reason}"), String::new, async || {
            let network = self.network().await?;
            let status = network.status.clone().unwrap_or_default();
            let found = conditions::find(&status.conditions, type_);
            let is_current = found.is_some_and(|found| {
                found.reason == reason.as_str() && found.observed_generation == network.metadata.generation
            });
            Ok(if is_current { Ok(network) } else { Err(format!("{:?}", status.conditions)) })
        })
        .await
    }

    /// Waits until the network is gone, and its resources in AWS.
    pub(crate) async fn until_gone(&self) -> Result<()> {
        until("the network is gone", String::new, async || {
            let left = self.networks().get_opt(NAME).await?;
            Ok(left.map_or(Ok(()), |network| Err(format!("{:?}", network.status))))
        })
        .await?;
        let state = self.in_aws().await?;
        anyhow::ensure!(state.is_clean(), "AWS still contains {:?}", state.slots());
        Ok(())
    }
}

/// Returns the manifest of the class with a role that the operator may not assume before [`Tokyo::admit_role`].
pub(crate) fn with_role(class: &str) -> Result<String> {
    let id = format!("    id: \"{ACCOUNT}\"\n");
    anyhow::ensure!(class.contains(&id), "the class of the sample has another account");
    Ok(class.replace(&id, &format!("{id}    roleARN: arn:aws:iam::{ACCOUNT}:role/mgnet\n    externalID: tests\n")))
}

/// Repeats `read` until it returns a value. Until then, it returns a description of the present state. `log` returns the end
/// of the tool's log, for the error.
pub(crate) async fn until<T>(
    what: &str,
    log: impl Fn() -> String,
    read: impl AsyncFn() -> Result<std::result::Result<T, String>>,
) -> Result<T> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match read().await? {
            Ok(found) => return Ok(found),
            Err(instead) if Instant::now() > deadline => {
                bail!("not within {} s: {what}; found: {instead}\n{}", PATIENCE.as_secs(), log())
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(200)).await,
        }
    }
}
