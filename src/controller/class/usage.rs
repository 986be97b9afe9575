//! The use of classes: which networks use one, and the finalizer that keeps a class while any does.

use kube::ResourceExt;

use crate::{
    api::{ConditionType, FINALIZER, MigrationNetwork, MigrationNetworkClass, Reason, conditions::is_true},
    controller::{
        class,
        network::{object::Subject, requeue::Error},
        store::{Store, StoreError},
    },
    model::status::conditions::Verdict,
};

/// How many networks use a class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Use {
    /// All of them.
    pub networks: i32,
    /// Those that are Ready.
    pub ready: i32,
}

/// Counts those of the networks that use the class.
pub fn count<'a>(networks: impl IntoIterator<Item = &'a MigrationNetwork>, class: &MigrationNetworkClass) -> Use {
    let name = class.name_any();
    let is_default = class.is_marked_default();
    let mut found = Use::default();
    for network in networks.into_iter().filter(|network| uses(network, &name, is_default)) {
        let status = network.status.as_ref();
        let is_ready = status.is_some_and(|status| is_true(&status.conditions, ConditionType::Ready));
        found.networks = found.networks.saturating_add(1);
        found.ready = found.ready.saturating_add(i32::from(is_ready));
    }
    found
}

/// Whether no network at all uses the class, by the API and not by what was heard of it.
pub(crate) async fn is_unused<S: Store>(store: &S, class: &MigrationNetworkClass) -> Result<bool, StoreError> {
    let listed = match store.networks(None).await {
        // The kind itself is gone, and there is no object without its kind.
        Err(StoreError::Gone) => return Ok(true),
        listed => listed?,
    };
    Ok(count(listed.iter().filter_map(|listed| listed.network.as_ref()), class).networks == 0)
}

/// Whether a network uses the class: it names it, or was given it as the default, and is admitted or was built. A name
/// alone is not enough, or any tenant could keep a class from being removed.
fn uses(network: &MigrationNetwork, class: &str, is_default: bool) -> bool {
    let status = network.status.as_ref();
    let admitted = status.is_some_and(|status| is_true(&status.conditions, ConditionType::Accepted));
    is_of(network, class, is_default) && (admitted || is_held(network))
}

/// Whether the network's class is this one.
pub(crate) fn is_of(network: &MigrationNetwork, class: &str, is_default: bool) -> bool {
    let recorded = network.status.as_ref().and_then(|status| status.class_name.as_deref());
    match network.spec.migration_network_class_name.as_deref().or(recorded) {
        Some(name) => name == class,
        None => is_default,
    }
}

/// Whether the network may have something in AWS.
pub(crate) fn is_held(network: &MigrationNetwork) -> bool {
    network.finalizers().iter().any(|finalizer| finalizer == FINALIZER)
}

/// Takes the network's own finalizer, if it does not have it, and makes sure that its class stays. A verdict if the class
/// is going: then nothing may be made.
///
/// The class is read again after the network has its finalizer. Whoever removes the class's looks for networks after the
/// class's deletion was asked for; so one of the two sees the other.
pub(crate) async fn hold<S: Store>(
    subject: &mut Subject<'_, S>,
    class: &MigrationNetworkClass,
) -> Result<Option<Verdict>, Error> {
    if is_held(&subject.network) {
        return Ok(None);
    }
    subject.hold().await?;
    let name = class.name_any();
    let rejected = match subject.store.class(&name).await? {
        Some(class) if class.metadata.deletion_timestamp.is_some() => is_going(&name),
        Some(class) => {
            if !class.finalizers().iter().any(|finalizer| finalizer == FINALIZER) {
                subject.store.set_class_finalizer(&class, true).await?;
            }
            return Ok(None);
        }
        None => class::is_gone(&name),
    };
    // Nothing was made: with a finalizer it would pass for one that the class has admitted.
    subject.let_go().await?;
    Ok(Some(rejected))
}

/// What a new network of a class that is being deleted is told.
pub(crate) fn is_going(name: &str) -> Verdict {
    Verdict::Rejected {
        reason: Reason::ClassNotFound,
        message: format!(
            "`spec.migrationNetworkClassName`: class '{name}' is being deleted and admits no new network; choose another"
        ),
    }
}

/// What the class itself says while it is kept from going.
pub(crate) fn is_kept(networks: i32) -> String {
    let (who, them) = if networks == 1 { ("network", "it") } else { ("networks", "them") };
    format!(
        "is being deleted, and held by {networks} {who}; delete {them} first. What is built is kept, and none is added"
    )
}
