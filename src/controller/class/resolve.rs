//! Resolves the class of a network, and checks that the class admits the network.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement};
use kube::{
    ResourceExt,
    core::{Selector, SelectorExt},
};

use super::usage;
use crate::{
    api::{
        AllowedFrom, AllowedNamespaces, MigrationNetwork, MigrationNetworkClass, MigrationNetworkClassSpec,
        MigrationNetworkStatus, NamespaceSelector, NamespaceSelectorOperator, NamespaceSelectorRequirement, Reason,
        Toggle,
    },
    aws::{Account, Role},
    controller::{
        stop::Stop,
        store::{Store, StoreError},
    },
    model::access,
};

/// The account and Region of the class, and the role that the operator assumes there.
pub(crate) fn account(cluster: &str, class: &MigrationNetworkClass) -> Account {
    let name = class.name_any();
    let MigrationNetworkClassSpec { account, region, source_identity, .. } = &class.spec;
    let role = account.role_arn.as_ref().map(|arn| Role {
        arn: arn.clone(),
        external_id: account.external_id.clone().unwrap_or_else(|| access::external_id(cluster, &name)),
        session_name: access::session_name(cluster, &name),
        sets_source_identity: *source_identity == Some(Toggle::Enabled),
    });
    Account { id: account.id.clone(), region: region.clone(), role }
}

/// The account, Region and role that the status of a network records. The external ID is the recorded one, if an earlier
/// version has recorded it, or else that of a class which sets none. None if nothing was built yet.
pub(crate) fn recorded_account(cluster: &str, status: &MigrationNetworkStatus) -> Option<Account> {
    let (account, region) = (status.account.as_ref()?, status.region.as_ref()?);
    if account.id.is_empty() || region.is_empty() {
        return None;
    }
    let class = status.class_name.as_deref().unwrap_or_default();
    let role = account.role_arn.as_ref().map(|arn| Role {
        arn: arn.clone(),
        external_id: account.external_id.clone().unwrap_or_else(|| access::external_id(cluster, class)),
        session_name: access::session_name(cluster, class),
        sets_source_identity: false,
    });
    Some(Account { id: account.id.clone(), region: region.clone(), role })
}

/// The network's class, if it exists, whether or not it admits the network.
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

/// The class that the network uses.
///
/// # Errors
/// If no class admits the network.
pub(crate) async fn class_of<S: Store>(store: &S, network: &MigrationNetwork) -> Result<MigrationNetworkClass, Stop> {
    let class = match &network.spec.migration_network_class_name {
        Some(name) => store.class(name).await?.ok_or_else(|| is_gone(name))?,
        None => default_class(store, network).await?,
    };
    if class.metadata.deletion_timestamp.is_some() && !usage::may_have_resources(network) {
        return Err(is_being_deleted(&class.name_any()));
    }
    let namespace = network.namespace().unwrap_or_default();
    let labels = match class.spec.allowed_namespaces.as_ref().map(|allowed| allowed.from) {
        Some(AllowedFrom::Selector) => store.namespace_labels(&namespace).await?.unwrap_or_default(),
        Some(AllowedFrom::All | AllowedFrom::None) | None => BTreeMap::new(),
    };
    if admits(class.spec.allowed_namespaces.as_ref(), &labels) {
        return Ok(class);
    }
    let message = format!(
        "class '{}' does not admit networks from namespace '{namespace}'; choose another class, or ask the platform \
         team to allow the namespace",
        class.name_any()
    );
    Err(Stop::rejected(Reason::NamespaceNotAllowed, message))
}

/// The class of a network that names none. The class that was the default when the network was first built remains its
/// class, even if another class is the default later.
async fn default_class<S: Store>(store: &S, network: &MigrationNetwork) -> Result<MigrationNetworkClass, Stop> {
    let status = network.status.as_ref();
    let recorded = status.filter(|status| !status.claims.is_empty()).and_then(|status| status.class_name.as_ref());
    if let Some(name) = recorded {
        return store.class(name).await?.ok_or_else(|| {
            let message = format!(
                "class '{name}', with which the network was built, does not exist; ask the platform team to create it \
                 again"
            );
            Stop::rejected(Reason::ClassNotFound, message)
        });
    }
    let mut defaults = store.default_classes().await?;
    let message = match (defaults.pop(), defaults.len()) {
        (Some(class), 0) => return Ok(class),
        (None, _) => "`spec.migrationNetworkClassName` must be set: no class is marked as the default".to_owned(),
        (Some(_), others) => {
            format!("`spec.migrationNetworkClassName` must be set: {} classes are marked as the default", others + 1)
        }
    };
    Err(Stop::rejected(Reason::NoDefaultClass, message))
}

/// Rejects a network whose class does not exist.
pub(super) fn is_gone(name: &str) -> Stop {
    let message = format!(
        "`spec.migrationNetworkClassName`: class '{name}' does not exist; choose another class, or ask \
         the platform team to create it"
    );
    Stop::rejected(Reason::ClassNotFound, message)
}

/// Rejects a new network of a class that is being deleted.
pub(super) fn is_being_deleted(name: &str) -> Stop {
    let message = format!(
        "`spec.migrationNetworkClassName`: class '{name}' is being deleted and admits no new network; choose another \
         class"
    );
    Stop::rejected(Reason::ClassNotFound, message)
}

/// Whether a namespace with these labels may use the class. A class without `allowedNamespaces` admits no namespace.
fn admits(allowed: Option<&AllowedNamespaces>, labels: &BTreeMap<String, String>) -> bool {
    let Some(allowed) = allowed else { return false };
    match allowed.from {
        AllowedFrom::All => true,
        AllowedFrom::None => false,
        AllowedFrom::Selector => allowed.selector.as_ref().is_some_and(|selector| matches(selector, labels)),
    }
}

fn matches(selector: &NamespaceSelector, labels: &BTreeMap<String, String>) -> bool {
    Selector::try_from(label_selector(selector.clone())).is_ok_and(|selector| selector.matches(labels))
}

fn label_selector(NamespaceSelector { match_labels, match_expressions }: NamespaceSelector) -> LabelSelector {
    let requirement = |NamespaceSelectorRequirement { key, operator, values }| LabelSelectorRequirement {
        key,
        operator: match operator {
            NamespaceSelectorOperator::In => "In",
            NamespaceSelectorOperator::NotIn => "NotIn",
            NamespaceSelectorOperator::Exists => "Exists",
            NamespaceSelectorOperator::DoesNotExist => "DoesNotExist",
        }
        .to_owned(),
        values,
    };
    let match_expressions = match_expressions.map(|expressions| expressions.into_iter().map(requirement).collect());
    LabelSelector { match_labels, match_expressions }
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
    fn a_class_admits_the_namespaces_that_it_allows() {
        use NamespaceSelectorOperator::{DoesNotExist, Exists, In, NotIn};
        let billing = BTreeMap::from([("team".to_owned(), "billing".to_owned())]);
        let label = |value: &str| NamespaceSelector {
            match_labels: Some(BTreeMap::from([("team".to_owned(), value.to_owned())])),
            match_expressions: None,
        };
        let cases = [
            ("no `allowedNamespaces`", None, false),
            ("all", Some(allowed(AllowedFrom::All, None)), true),
            ("none", Some(allowed(AllowedFrom::None, None)), false),
            ("a missing selector", Some(allowed(AllowedFrom::Selector, None)), false),
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
