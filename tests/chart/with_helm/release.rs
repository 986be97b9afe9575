//! A release of the chart in a real control plane without nodes: the operator runs as a process with the arguments, the
//! environment and the ServiceAccount of the installed Deployment.

use std::{
    env, fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use k8s_openapi::api::{apps::v1::Deployment, core::v1::EnvVar};
use kube::{Api, Client};
use mgnet::api::{ConditionType, MigrationNetwork};
use support::{
    Call, Lab, LabOptions, Landing, OPERATOR_NAMESPACE, Operator, OperatorOptions, repository, state::State,
    waiting::is_true,
};

use super::tools::{Helm, RELEASE};

/// The account and the Region of the sample's class.
const ACCOUNT: &str = "111122223333";
const REGION: &str = "ap-northeast-1";

/// The longest wait. A network takes seconds here.
const PATIENCE: Duration = Duration::from_mins(3);

/// A lab in which nothing of the operator is installed, with the landing zone of the Tokyo sample.
pub(crate) struct Cluster {
    pub(crate) lab: Lab,
    pub(crate) kube: Client,
    pub(crate) helm: Helm,
}

impl Cluster {
    /// Starts a lab with `deploy/base`, but without its Deployment.
    pub(crate) async fn with_base() -> Result<Self> {
        let operator = OperatorOptions { start: false, ..OperatorOptions::default() };
        let options = LabOptions { operator_account: ACCOUNT.to_owned(), operator, ..LabOptions::default() };
        let lab = Lab::start(options).await?;
        let aws = lab.aws(ACCOUNT, REGION);
        Landing::make(&aws).await?.initialize_mgn(&aws).await?;
        let helm = Helm::v4()?.with_cluster(lab.kubeconfig());
        Ok(Self { kube: lab.kube().await?, lab, helm })
    }

    /// Starts a lab, and removes everything of `deploy/base`.
    pub(crate) async fn empty() -> Result<Self> {
        let cluster = Self::with_base().await?;
        let base = repository().join("deploy/base").display().to_string();
        cluster.kubectl(&["delete", "--ignore-not-found", "--kustomize", &base]).await?;
        Ok(cluster)
    }

    pub(crate) async fn kubectl(&self, arguments: &[&str]) -> Result<String> {
        self.lab.kubectl_output(arguments).await
    }

    /// Returns values that connect the operator to the emulator, and shorten its times as the emulator's clock does.
    pub(crate) fn values(&self) -> Result<String> {
        let file = self.lab.folder().join("values.yaml");
        let text = format!(
            "aws: {{region: {REGION}}}\n\
             extraArgs: [--poll-seconds=1, --resync-seconds=3, --absence-grace-seconds=2, --aws-rate-factor=60]\n\
             extraEnv:\n\
             - {{name: AWS_ENDPOINT_URL, value: '{}'}}\n\
             - {{name: AWS_ACCESS_KEY_ID, value: '{ACCOUNT}'}}\n\
             - {{name: AWS_SECRET_ACCESS_KEY, value: secret}}\n\
             - {{name: AWS_EC2_METADATA_DISABLED, value: 'true'}}\n",
            self.lab.aws_endpoint_url()
        );
        fs::write(&file, text)?;
        Ok(format!("--values={}", file.display()))
    }

    /// Starts the operator as the Deployment in the cluster says. It is ready when this returns.
    pub(crate) async fn start_operator(&self) -> Result<Operator> {
        let deployments = Api::<Deployment>::namespaced(self.kube.clone(), OPERATOR_NAMESPACE);
        let pod = deployments.get(RELEASE).await?.spec.and_then(|spec| spec.template.spec).context("no Pod")?;
        let container = pod.containers.into_iter().next().context("no container")?;
        let mut arguments = container.args.unwrap_or_default().into_iter();
        ensure!(arguments.next().as_deref() == Some("controller"), "the first argument is the command");
        let addresses = ["--health-address=0.0.0.0:8081", "--metrics-address=0.0.0.0:8080"];
        let (served, arguments): (Vec<_>, Vec<_>) =
            arguments.partition(|argument| addresses.contains(&argument.as_str()));
        ensure!(served == addresses, "the addresses are {served:?}");
        let mut environment =
            container.env.unwrap_or_default().into_iter().map(variable).collect::<Result<Vec<_>>>()?;
        environment.extend(env::vars().filter(|(name, _)| name.starts_with("MGNET_TEST_")));
        // `tests/release/chart-from-image.sh` names a program that runs the operator in its image.
        let program = env::var_os("MGNET_TEST_PROGRAM").map(PathBuf::from);
        let account = pod.service_account_name.context("no ServiceAccount")?;
        let options = OperatorOptions {
            environment,
            program,
            all_arguments: Some(arguments),
            ..self.lab.operator().options().clone()
        };
        let operator = self.lab.operator().another(options).with_kubeconfig(&self.kubeconfig_of(&account).await?);
        operator.start().await?;
        Ok(operator)
    }

    /// Writes a kubeconfig with a token of a ServiceAccount and no other rights.
    async fn kubeconfig_of(&self, account: &str) -> Result<std::path::PathBuf> {
        let token = self.kubectl(&["create", "token", account, "--namespace", OPERATOR_NAMESPACE]).await?;
        let file = self.lab.folder().join("release.kubeconfig");
        fs::write(&file, self.lab.control_plane().kubeconfig_for_token(account, token.trim()))?;
        Ok(file)
    }

    /// Applies the Tokyo sample.
    pub(crate) async fn apply_sample(&self) -> Result<()> {
        let folder = repository().join("deploy/samples/tokyo").display().to_string();
        self.kubectl(&["apply", "--kustomize", &folder]).await.map(drop)
    }

    pub(crate) async fn network(&self) -> Result<MigrationNetwork> {
        Ok(Api::<MigrationNetwork>::namespaced(self.kube.clone(), "team-billing").get("tokyo").await?)
    }

    /// Waits until the network is Ready for its present spec.
    pub(crate) async fn until_ready(&self, operator: &Operator) -> Result<MigrationNetwork> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let network = self.network().await?;
            let observed = network.status.as_ref().map(|status| status.observed_generation);
            if is_true(&network, ConditionType::Ready) && observed == network.metadata.generation {
                return Ok(network);
            }
            if Instant::now() > deadline {
                bail!("not Ready: {:#?}\n{}", network.status, operator.log_tail(30));
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// Waits until the operator has observed AWS twice more.
    pub(crate) async fn until_observed(&self) -> Result<()> {
        let (after, deadline) = (self.last_call().await?, Instant::now() + PATIENCE);
        loop {
            let calls = self.lab.control().calls(ACCOUNT, after).await?;
            if calls.iter().filter(|call| call.action == "DescribeVpcEndpoints").count() >= 2 {
                return Ok(());
            }
            ensure!(Instant::now() < deadline, "the operator does not observe AWS");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    pub(crate) async fn in_aws(&self) -> Result<State> {
        self.lab.control().state(ACCOUNT, REGION).await
    }

    /// Returns the number of the last call to AWS.
    pub(crate) async fn last_call(&self) -> Result<u64> {
        Ok(self.lab.control().calls(ACCOUNT, 0).await?.last().map_or(0, |call| call.number))
    }

    /// Returns the writes to AWS after a call.
    pub(crate) async fn writes_after(&self, call: u64) -> Result<Vec<String>> {
        let calls = self.lab.control().calls(ACCOUNT, call).await?;
        Ok(calls.iter().filter(|call| Call::is_write(call)).map(ToString::to_string).collect())
    }
}

/// Returns the value of a variable, as the kubelet does.
fn variable(variable: EnvVar) -> Result<(String, String)> {
    let EnvVar { name, value, value_from } = variable;
    let field = value_from.and_then(|source| source.field_ref).map(|field| field.field_path);
    let value = match (value, field.as_deref()) {
        (Some(value), None) => value,
        (None, Some("metadata.namespace")) => OPERATOR_NAMESPACE.to_owned(),
        (None, Some("metadata.name")) => format!("{RELEASE}-0"),
        (value, field) => bail!("{name} has value {value:?} from field {field:?}"),
    };
    Ok((name, value))
}

/// Returns a path as text.
pub(crate) fn path(path: &Path) -> String {
    path.display().to_string()
}
