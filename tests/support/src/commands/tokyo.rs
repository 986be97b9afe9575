//! The Tokyo sample: who and where it is, and putting it into a lab.

use anyhow::Result;
use kube::{Api, Client};
use mgnet::api::MigrationNetwork;
use support::{Aws, Lab, repository};

/// The account that the sample's class names.
pub(crate) const ACCOUNT: &str = "111122223333";

/// Its Region.
pub(crate) const REGION: &str = "ap-northeast-1";

/// The namespace of its network.
pub(crate) const NAMESPACE: &str = "team-billing";

/// The name of its network.
pub(crate) const NAME: &str = "tokyo";

/// Where it is, from the top of the repository.
pub(crate) const SAMPLE: &str = "deploy/samples/tokyo";

/// AWS as the platform team of the sample sees it.
pub(crate) fn aws(lab: &Lab) -> Aws {
    lab.aws(ACCOUNT, REGION)
}

/// The networks of the sample's namespace.
pub(crate) fn networks(client: Client) -> Api<MigrationNetwork> {
    Api::namespaced(client, NAMESPACE)
}

/// Applies all of it, and gives what kubectl said.
pub(crate) async fn apply(lab: &Lab) -> Result<String> {
    lab.kubectl_output(["apply".to_owned(), format!("--kustomize={}", repository().join(SAMPLE).display())]).await
}
