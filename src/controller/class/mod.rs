//! Classes: finding a network's, whether it admits the network, and the status of the class itself.

pub(crate) mod limits;
pub(crate) mod usage;

use std::collections::BTreeMap;

use kube::ResourceExt;

use crate::{
    api::{
        AllowedFrom, AllowedNamespaces, ConditionStatus, ConditionType, FINALIZER, MigrationNetwork,
        MigrationNetworkClass, MigrationNetworkClassSpec, NamespaceSelector, NamespaceSelectorOperator, Reason,
        conditions,
    },
    aws::{Account, Clouds},
    controller::{
        class::usage::Use,
        context::Context,
        network::requeue::{Error, Next},
        runtime::backoff::jittered,
        store::{Store, StoreError},
    },
    model::{
        settings::FieldError,
        status::conditions::{Verdict, reason_of},
    },
};

/// Where and as whom the class builds.
pub(crate) fn account(class: &MigrationNetworkClassSpec) -> Account {
    Account {
        id: class.account.id.clone(),
        region: class.region.clone(),
        role_arn: class.account.role_arn.clone(),
        external_id: class.account.external_id.clone(),
    }
}

/// The network's class if there is one, whether or not it admits the network.
pub(crate) async fn find<S: Store>(
    store: &S,
    network: &MigrationNetwork,
) -> Result<Option<MigrationNetworkClass>, StoreError> {
    let recorded = network.status.as_ref().and_then(|status| status.class_name.as_ref());
    match network.spec.migration_network_class_name.as_ref().or(recorded) {
        Some(name) => store.class(name).await,
        None => Ok(None),
    }
}

/// The class that holds for the network.
///
/// # Errors
/// Outer: the API could not be read. Inner: why no class admits the network.
pub(crate) async fn resolve<S: Store>(
    store: &S,
    network: &MigrationNetwork,
) -> Result<Result<MigrationNetworkClass, Verdict>, StoreError> {
    let class = match &network.spec.migration_network_class_name {
        Some(name) => store.class(name).await?.ok_or_else(|| is_gone(name)),
        None => default_class(store, network).await?,
    };
    let class = match class {
        Ok(class) => class,
        Err(verdict) => return Ok(Err(verdict)),
    };
    if class.metadata.deletion_timestamp.is_some() && !usage::is_held(network) {
        return Ok(Err(usage::is_going(&class.name_any())));
    }
    let namespace = network.namespace().unwrap_or_default();
    let labels = match class.spec.allowed_namespaces.as_ref().map(|allowed| allowed.from) {
        Some(AllowedFrom::Selector) => store.namespace_labels(&namespace).await?.unwrap_or_default(),
        Some(AllowedFrom::All | AllowedFrom::None) | None => BTreeMap::new(),
    };
    if admits(class.spec.allowed_namespaces.as_ref(), &labels) {
        return Ok(Ok(class));
    }
    let message = format!(
        "class '{}' does not admit networks from namespace '{namespace}'; ask whoever keeps the class",
        class.name_any()
    );
    Ok(Err(rejected(Reason::NamespaceNotAllowed, message)))
}

/// The class that was the default when the network was first built stays its class, whatever is the default later.
async fn default_class<S: Store>(
    store: &S,
    network: &MigrationNetwork,
) -> Result<Result<MigrationNetworkClass, Verdict>, StoreError> {
    let status = network.status.as_ref();
    let recorded = status.filter(|status| !status.claims.is_empty()).and_then(|status| status.class_name.as_ref());
    if let Some(name) = recorded {
        return Ok(store.class(name).await?.ok_or_else(|| {
            rejected(Reason::ClassNotFound, format!("class '{name}', by which the network was built, is gone"))
        }));
    }
    let mut defaults = store.default_classes().await?;
    Ok(match (defaults.pop(), defaults.len()) {
        (Some(class), 0) => Ok(class),
        (None, _) => Err(rejected(
            Reason::NoDefaultClass,
            "`spec.migrationNetworkClassName` must be set: no class is marked as default".to_owned(),
        )),
        (Some(_), others) => Err(rejected(
            Reason::NoDefaultClass,
            format!("`spec.migrationNetworkClassName` must be set: {} classes are marked as default", others + 1),
        )),
    })
}

/// The verdict on a network whose class is not there.
pub(crate) fn is_gone(name: &str) -> Verdict {
    rejected(
        Reason::ClassNotFound,
        format!("`spec.migrationNetworkClassName`: there is no class '{name}'; choose another or ask for it"),
    )
}

/// The verdict on a spec that cannot be read.
pub(crate) fn invalid_spec(errors: &[FieldError]) -> Verdict {
    let message = errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
    rejected(Reason::InvalidSpec, message)
}

fn rejected(reason: Reason, message: String) -> Verdict {
    Verdict::Rejected { reason, message }
}

/// Whether a namespace with these labels may use the class. Nothing said means nobody.
fn admits(allowed: Option<&AllowedNamespaces>, labels: &BTreeMap<String, String>) -> bool {
    let Some(allowed) = allowed else { return false };
    match allowed.from {
        AllowedFrom::All => true,
        AllowedFrom::None => false,
        AllowedFrom::Selector => allowed.selector.as_ref().is_some_and(|selector| matches(selector, labels)),
    }
}

fn matches(selector: &NamespaceSelector, labels: &BTreeMap<String, String>) -> bool {
    let pairs = selector.match_labels.iter().flatten().all(|(key, value)| labels.get(key) == Some(value));
    pairs
        && selector.match_expressions.iter().flatten().all(|requirement| {
            let value = labels.get(&requirement.key);
            let listed = value.is_some_and(|value| requirement.values.iter().flatten().any(|one| one == value));
            match requirement.operator {
                NamespaceSelectorOperator::In => listed,
                NamespaceSelectorOperator::NotIn => !listed,
                NamespaceSelectorOperator::Exists => value.is_some(),
                NamespaceSelectorOperator::DoesNotExist => value.is_none(),
            }
        })
}

/// Reconciles a class: whether its account can be reached with its role, and who uses it. `heard_of` counts its networks
/// among those that the operator has heard of: to list all of them again for every class would be their square. Nothing
/// that cannot be taken back is done by it.
///
/// # Errors
/// If the Kubernetes API could not be read or written.
pub(crate) async fn reconcile<C: Clouds, S: Store>(
    context: &Context<C, S>,
    name: &str,
    heard_of: impl Fn(&MigrationNetworkClass) -> Use,
) -> Result<Next, Error> {
    let Some(mut class) = context.store.class(name).await? else { return Ok(Next::OnChange) };
    let before = class.status.clone();
    let generation = class.metadata.generation.unwrap_or_default();
    let connected = context.clouds.connect(&account(&class.spec)).await;
    let in_use = heard_of(&class);
    let going = class.metadata.deletion_timestamp.is_some();
    let held = class.finalizers().iter().any(|finalizer| finalizer == FINALIZER);
    if held && in_use.networks == 0 && usage::is_unused(&context.store, &class).await? {
        context.store.set_class_finalizer(&class, false).await?;
        // The patch is an event of its own, unless the class is gone with it.
        return Ok(Next::OnChange);
    }
    if !held && !going && in_use.networks > 0 {
        context.store.set_class_finalizer(&class, true).await?;
        return Ok(Next::OnChange);
    }
    let state = match connected {
        _ if going => (ConditionStatus::False, Reason::Deleting, usage::is_kept(in_use.networks)),
        Ok(_) => (
            ConditionStatus::True,
            Reason::Accepted,
            format!("account {} was reached in {}", class.spec.account.id, class.spec.region),
        ),
        Err(failure) if failure.class.needs_somebody() => {
            (ConditionStatus::False, reason_of(&failure), failure.to_string())
        }
        Err(failure) => (ConditionStatus::Unknown, reason_of(&failure), failure.to_string()),
    };
    let status = class.status.get_or_insert_default();
    status.observed_generation = generation;
    status.networks = Some(in_use.networks);
    status.ready_networks = Some(in_use.ready);
    conditions::set(&mut status.conditions, ConditionType::Accepted, state, generation, context.now());
    if class.status != before {
        context.store.write_class_status(&class).await?;
    }
    // The counts follow within one resync. Reaching the account costs no call: whose the credentials are is remembered for
    // an hour.
    Ok(Next::After(jittered(context.settings.resync)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::NamespaceSelectorRequirement;

    fn allowed(from: AllowedFrom, selector: Option<NamespaceSelector>) -> AllowedNamespaces {
        AllowedNamespaces { from, selector }
    }

    fn requirement(operator: NamespaceSelectorOperator, values: &[&str]) -> NamespaceSelector {
        NamespaceSelector {
            match_labels: None,
            match_expressions: Some(vec![NamespaceSelectorRequirement {
                key: "team".to_owned(),
                operator,
                values: Some(values.iter().map(|value| (*value).to_owned()).collect()),
            }]),
        }
    }

    #[test]
    fn who_is_admitted() {
        use NamespaceSelectorOperator::{DoesNotExist, Exists, In, NotIn};
        let billing = BTreeMap::from([("team".to_owned(), "billing".to_owned())]);
        let label = |value: &str| NamespaceSelector {
            match_labels: Some(BTreeMap::from([("team".to_owned(), value.to_owned())])),
            match_expressions: None,
        };
        let cases = [
            ("nothing said", None, false),
            ("all", Some(allowed(AllowedFrom::All, None)), true),
            ("none", Some(allowed(AllowedFrom::None, None)), false),
            ("a selector that is missing", Some(allowed(AllowedFrom::Selector, None)), false),
            ("the label", Some(allowed(AllowedFrom::Selector, Some(label("billing")))), true),
            ("another label", Some(allowed(AllowedFrom::Selector, Some(label("web")))), false),
            ("in", Some(allowed(AllowedFrom::Selector, Some(requirement(In, &["web", "billing"])))), true),
            ("not in", Some(allowed(AllowedFrom::Selector, Some(requirement(NotIn, &["billing"])))), false),
            ("exists", Some(allowed(AllowedFrom::Selector, Some(requirement(Exists, &[])))), true),
            ("does not exist", Some(allowed(AllowedFrom::Selector, Some(requirement(DoesNotExist, &[])))), false),
        ];
        for (case, allowed, expected) in cases {
            assert_eq!(admits(allowed.as_ref(), &billing), expected, "{case}");
        }
    }
}
