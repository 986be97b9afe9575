//! The finalizer that keeps a class while networks use it.

use kube::ResourceExt;

use super::resolve;
use crate::{
    api::FINALIZER,
    controller::{stop::Stop, store::Store},
};

/// Makes sure that the class stays for a network that has its own finalizer already.
///
/// The class is read after the network has its finalizer. The operator removes the class's finalizer only after it has listed
/// the networks, and only when the class is unused; so one of the two reconciles sees the other.
///
/// # Errors
/// If the class is being deleted or is gone.
pub(crate) async fn keep<S: Store>(store: &S, name: &str) -> Result<(), Stop> {
    match store.class(name).await? {
        Some(class) if class.metadata.deletion_timestamp.is_some() => Err(resolve::is_being_deleted(name)),
        Some(class) => {
            if !class.finalizers().iter().any(|finalizer| finalizer == FINALIZER) {
                store.set_class_finalizer(&class, true).await?;
            }
            Ok(())
        }
        None => Err(resolve::is_gone(name)),
    }
}

/// The message of a class that is being deleted and still in use.
pub(super) fn is_kept(networks: i32) -> String {
    let (who, them) = if networks == 1 { ("network", "it") } else { ("networks", "them") };
    format!(
        "is being deleted, and held by {networks} {who}; delete {them} first. What is built is kept, and none is added"
    )
}
