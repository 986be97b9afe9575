//! The Tokyo sample: its names, and functions to apply it to a lab.

use anyhow::Result;
use kube::{Api, Client};
use mgnet::api::MigrationNetwork;
use support::{Aws, Clock, Delays, Lab, LabOptions, OperatorOptions, repository};

/// The account in the sample's class.
pub(crate) const ACCOUNT: &str = "111122223333";

/// The Region of the sample.
pub(crate) const REGION: &str = "ap-northeast-1";

/// The namespace of its network.
pub(crate) const NAMESPACE: &str = "team-billing";

/// The name of its network.
pub(crate) const NAME: &str = "tokyo";

/// The folder of the sample, relative to the root of the repository.
pub(crate) const SAMPLE: &str = "deploy/samples/tokyo";

/// Returns the options of a lab for measurements of the operator, which runs as in a deployment. The emulator neither delays
/// nor throttles its calls.
pub(crate) fn without_delays(operator: OperatorOptions) -> LabOptions {
    LabOptions {
        clock: Clock::Wall { speed: 1 },
        delays: Delays::None,
        throttle: false,
        operator_account: ACCOUNT.to_owned(),
        operator: OperatorOptions { aws_rate_factor: 1000, leader_election: true, ..operator },
        ..LabOptions::default()
    }
}

/// Returns clients of AWS with the platform team's keys.
pub(crate) fn aws(lab: &Lab) -> Aws {
    lab.aws(ACCOUNT, REGION)
}

/// Returns the API of the networks in the sample's namespace.
pub(crate) fn networks(client: Client) -> Api<MigrationNetwork> {
    Api::namespaced(client, NAMESPACE)
}

/// Applies all files of the sample, and returns the output of kubectl.
pub(crate) async fn apply(lab: &Lab) -> Result<String> {
    lab.kubectl_output(["apply".to_owned(), format!("--kustomize={}", repository().join(SAMPLE).display())]).await
}
