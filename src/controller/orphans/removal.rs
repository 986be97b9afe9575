//! Deletes one orphan that a user has named.

use crate::{
    aws::{Account, Cloud, Clouds},
    controller::{
        orphans::{Survey, owners},
        store::{Store, StoreError},
    },
    model::{
        failure::CallFailure,
        orphans::{self, Refusal},
        plan::step::Effect,
    },
};

/// The reason for which a resource was not deleted.
#[derive(Debug, thiserror::Error)]
pub enum RemovalError {
    /// The resource is not an orphan.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// AWS rejected a call to list or delete resources.
    #[error(transparent)]
    Aws(#[from] CallFailure),
    /// The networks could not be listed.
    #[error(transparent)]
    Kubernetes(#[from] StoreError),
}

/// Deletes the resource with that ID, after AWS and the networks were read again, in this order. The tags are
/// therefore current, and the network did not exist after they were read.
///
/// # Errors
/// If the resource is not an orphan, or AWS refuses the deletion. AWS refuses to delete a security group that is in
/// use.
pub async fn remove<C: Clouds, S: Store>(
    clouds: &C,
    store: &S,
    cluster: &str,
    account: &Account,
    id: &str,
) -> Result<(), RemovalError> {
    let cloud = clouds.connect(account).await?;
    let resources = cloud.find_made_by(cluster).await?;
    let owners = owners(store).await?;
    let step = orphans::removal(cluster, id, &resources, &owners)?;
    match cloud.execute(&step).await? {
        Effect::EndpointsDeleting { refused } => match refused.into_values().next() {
            Some(failure) => Err(failure.into()),
            None => Ok(()),
        },
        Effect::GroupCreated(..) | Effect::EndpointCreated(..) | Effect::ResolverCreated(..) | Effect::Accepted => {
            Ok(())
        }
    }
}

impl Survey {
    /// The account in which this search found the resource with that ID as an orphan.
    ///
    /// # Errors
    /// If the resource is not an orphan.
    pub fn account_of(&self, cluster: &str, id: &str) -> Result<&Account, Refusal> {
        let mut why = Refusal::NotOurs;
        for seen in self.account_regions.values().filter_map(|observation| observation.seen.as_ref().ok()) {
            match orphans::removal(cluster, id, &seen.resources, &self.owners) {
                Ok(_) => return Ok(&seen.account),
                Err(Refusal::NotOurs) => {}
                Err(refusal) => why = refusal,
            }
        }
        Err(why)
    }
}
