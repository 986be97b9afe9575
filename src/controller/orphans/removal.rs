//! Removing one orphan that a person has named.

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

/// Why an orphan was not removed.
#[derive(Debug, thiserror::Error)]
pub enum RemovalError {
    /// It is none.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// AWS did not let it be looked at or removed.
    #[error(transparent)]
    Aws(#[from] CallFailure),
    /// The networks could not be listed.
    #[error(transparent)]
    Kubernetes(#[from] StoreError),
}

/// Removes the resource of that id, after both AWS and the networks were read once more, in this order: the tags are those of a moment
/// ago, and the network was gone after that.
///
/// # Errors
/// If it is no orphan, or the removal was refused. A group that something still holds is refused by AWS.
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
    /// Where the resource of that id is an orphan, by this look.
    ///
    /// # Errors
    /// Why it is none.
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
