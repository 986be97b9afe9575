//! Gathers the inputs of a reconcile from Kubernetes: the network's class, the ConfigMaps that hold its policies, and
//! the settings that follow from them. The spec is parsed here, and later steps do not read it again.

use std::collections::BTreeSet;

use kube::ResourceExt;

use super::{object::NetworkObject, owned};
use crate::{
    api::{MigrationNetworkClass, Reason},
    aws::{Account, Clouds},
    controller::{
        class::{limits, resolve},
        context::Context,
        stop::Stop,
        store::Store,
    },
    model::settings::{
        FieldError, Settings,
        endpoints::{ConfigMapKeys, policy_references},
        limits::Limits,
    },
};

/// The inputs of a reconcile: the class, the account, the settings, and the limits.
pub(crate) struct Inputs {
    pub(crate) class: MigrationNetworkClass,
    pub(crate) account: Account,
    pub(crate) settings: Settings,
    pub(crate) limits: Limits,
}

/// Reads the class and the ConfigMaps, and parses the settings.
///
/// # Errors
/// If no class admits the network, its spec is invalid, or it exceeds the class's limits.
pub(crate) async fn gather<C: Clouds, S: Store>(
    object: &mut NetworkObject<'_, S>,
    context: &Context<C, S>,
) -> Result<Inputs, Stop> {
    let class = resolve::class_of(object.store, &object.network).await?;
    object.config_map = Some(class.config_map());
    let policies = policies(object, context, &class).await?;
    let settings = Settings::parse(&object.network.spec, &class.spec, &policies, object.address_changes())
        .map_err(|errors| Stop::rejected(Reason::InvalidSpec, messages(&errors)))?;
    object.drop_plan_unless_planning(settings.management);
    let account = resolve::account(&context.cluster, &class);
    if let Some(moved) = object.moved_to(&account)
        && !owned::owns_resources_in(context, &account, &object.identity(&context.cluster), &object.claims()).await
    {
        return Err(moved);
    }
    object.record(&class, &account);
    let limits = Limits::parse(&class.name_any(), class.spec.limits.as_ref());
    limits::check_settings(object.store, &object.network, &class, &limits, &settings).await?;
    Ok(Inputs { class, account, settings, limits })
}

/// The policies in ConfigMaps of the network's namespace. A missing one is reported when the settings are parsed.
async fn policies<C, S: Store>(
    object: &NetworkObject<'_, S>,
    context: &Context<C, S>,
    class: &MigrationNetworkClass,
) -> Result<ConfigMapKeys, Stop> {
    let references = policy_references(&object.network.spec, &class.spec);
    if !context.settings.config_maps && !references.is_empty() {
        return Err(are_not_read(&references));
    }
    let namespace = object.key().namespace;
    let mut policies = ConfigMapKeys::new();
    for (name, key) in references {
        if let Some(text) = object.store.config_map_key(&namespace, &name, &key).await? {
            policies.insert((name, key), text);
        }
    }
    Ok(policies)
}

/// Rejects a network with policies in ConfigMaps, which this operator does not read.
fn are_not_read(references: &BTreeSet<(String, String)>) -> Stop {
    let names: BTreeSet<&str> = references.iter().map(|(name, _)| name.as_str()).collect();
    let (noun, names) = (if names.len() == 1 { "ConfigMap" } else { "ConfigMaps" }, Vec::from_iter(names).join("', '"));
    let message = format!(
        "an endpoint policy is in {noun} '{names}', but the operator is installed without the right to read ConfigMaps; set \
         the policy's `type` to 'Preset' or 'Inline', or ask the platform team to allow ConfigMaps"
    );
    Stop::rejected(Reason::ConfigMapsNotRead, message)
}

fn messages(errors: &[FieldError]) -> String {
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}
