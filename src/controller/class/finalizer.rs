//! The finalizer of a class, which stays while networks use the class.

use kube::ResourceExt;

use super::resolve;
use crate::{
    api::FINALIZER,
    controller::{stop::Stop, store::Store},
};

/// Adds the finalizer to the class of a network, unless the class has it.
///
/// Before its first write to AWS, a network calls this twice: once before and once after its status shows that the class
/// admits it. The operator removes the class's finalizer only after it has listed the networks, and only when no status
/// shows that. One of the two reconciles therefore observes the write of the other.
///
/// # Errors
/// If the class is being deleted or does not exist.
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

/// The message of the condition of a class that is being deleted but is still in use.
pub(super) fn is_kept(networks: i32) -> String {
    let (noun, them) = if networks == 1 { ("network", "it") } else { ("networks", "them") };
    format!(
        "the class is being deleted, but held by {networks} {noun}; delete {them} first. Until then the class admits \
         no new network, and the operator continues to reconcile those that use it"
    )
}
