//! The part of each object that the caches of the watches keep, so that memory does not grow with what users write into
//! their objects. Every reconcile reads its object again, complete.
//!
//! The caches answer four questions: which class a network uses, whether it has resources, which ConfigMaps its policies come
//! from, and what its conditions are, without their messages. Whatever else an object contains is dropped. Triggers of reconciles are unaffected: the
//! generation, the finalizers and the annotations stay, except the annotation with which `kubectl apply` stores the whole
//! object again.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, ObjectMeta};
use kube::{Resource, core::DeserializeGuard};

use crate::{
    api::{
        ClaimStatus, EndpointSpec, MigrationNetwork, MigrationNetworkClass, MigrationNetworkSpec,
        MigrationNetworkStatus, PolicySpec, SettingsStatus,
    },
    model::claims::Claims,
};

/// The annotation in which `kubectl apply` stores the object (Kubernetes documentation, "Well-Known Labels, Annotations
/// and Taints").
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// An object of which a cache keeps only a part.
pub(super) trait Project {
    /// Drops everything that no reader of the cache needs.
    fn project(&mut self);
}

/// Keeps of a network in a list what its readers need: its class and its age, whether it has resources, and whether it may
/// acquire the lease of a VPC.
pub(super) fn reduce(network: MigrationNetwork) -> MigrationNetwork {
    let MigrationNetwork { metadata, spec, status } = network;
    let uid = metadata.uid.as_deref().unwrap_or_default();
    let status = status.map(|status| MigrationNetworkStatus {
        observed_generation: status.observed_generation,
        conditions: without_messages(status.conditions),
        class_name: status.class_name,
        account: status.account,
        region: status.region,
        vpc_id: status.vpc_id,
        settings: status.settings.map(|settings| SettingsStatus {
            management_policy: settings.management_policy,
            ..SettingsStatus::default()
        }),
        claims: unresolved(uid, status.claims),
        ..MigrationNetworkStatus::default()
    });
    let spec = MigrationNetworkSpec {
        migration_network_class_name: spec.migration_network_class_name,
        suspend: spec.suspend,
        management_policy: spec.management_policy,
        ..MigrationNetworkSpec::default()
    };
    let metadata = ObjectMeta {
        name: metadata.name,
        namespace: metadata.namespace,
        uid: metadata.uid,
        creation_timestamp: metadata.creation_timestamp,
        deletion_timestamp: metadata.deletion_timestamp,
        ..ObjectMeta::default()
    };
    MigrationNetwork { metadata, spec, status }
}

/// Returns one claim that shows that the network may have resources, if there is any, without its request.
fn unresolved(uid: &str, claims: Vec<ClaimStatus>) -> Vec<ClaimStatus> {
    let is_unresolved = |claim: &ClaimStatus| !Claims::from_status(uid, std::slice::from_ref(claim)).all_resolved();
    let one = claims.into_iter().find(is_unresolved);
    one.into_iter().map(|claim| ClaimStatus { request: None, ..claim }).collect()
}

fn without_messages(mut conditions: Vec<Condition>) -> Vec<Condition> {
    for condition in &mut conditions {
        // `clear` would keep the memory of the text.
        condition.message = String::new();
    }
    conditions
}

/// Drops the copies of the object in its metadata.
fn without_copies(metadata: &mut ObjectMeta) {
    metadata.managed_fields = None;
    if let Some(annotations) = &mut metadata.annotations {
        annotations.remove(LAST_APPLIED);
    }
}

impl<K: Project + Resource> Project for DeserializeGuard<K> {
    fn project(&mut self) {
        without_copies(self.meta_mut());
        if let Ok(object) = &mut self.0 {
            object.project();
        }
    }
}

impl Project for MigrationNetwork {
    fn project(&mut self) {
        let MigrationNetworkSpec { migration_network_class_name, endpoints, endpoint_policy, .. } =
            std::mem::take(&mut self.spec);
        let endpoint = |endpoint: EndpointSpec| EndpointSpec {
            service: endpoint.service,
            type_: endpoint.type_,
            mode: endpoint.mode,
            policy: endpoint.policy.map(without_text),
            ..EndpointSpec::default()
        };
        self.spec = MigrationNetworkSpec {
            migration_network_class_name,
            endpoints: endpoints.map(|all| all.into_iter().map(endpoint).collect()),
            endpoint_policy: endpoint_policy.map(without_text),
            ..MigrationNetworkSpec::default()
        };
        let uid = self.metadata.uid.as_deref().unwrap_or_default();
        self.status = self.status.take().map(|status| MigrationNetworkStatus {
            class_name: status.class_name,
            conditions: without_messages(status.conditions),
            claims: unresolved(uid, status.claims),
            ..MigrationNetworkStatus::default()
        });
    }
}

impl Project for MigrationNetworkClass {
    /// Keeps the spec: there are few classes, only the platform team writes them, and their defaults name ConfigMaps.
    fn project(&mut self) {
        self.status = None;
        if let Some(defaults) = &mut self.spec.defaults {
            defaults.endpoint_policy = defaults.endpoint_policy.take().map(without_text);
            for endpoint in defaults.endpoints.iter_mut().flatten() {
                endpoint.policy = endpoint.policy.take().map(without_text);
            }
        }
    }
}

/// A policy without its inline JSON, which may have 20,480 characters.
fn without_text(policy: PolicySpec) -> PolicySpec {
    PolicySpec { inline: None, ..policy }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        api::{
            AccountStatus, ClaimPhase, ConditionType, ManagementPolicy, NameUse, OnPremisesName, OnPremisesStatus,
            PolicyType,
        },
        controller::class::usage,
        model::{
            settings::endpoints::policy_references,
            vpc_lease::{VpcKey, contender},
        },
    };

    fn large() -> MigrationNetwork {
        let inline =
            PolicySpec { type_: PolicyType::Inline, inline: Some("x".repeat(20_480)), ..PolicySpec::default() };
        let from_config_map = PolicySpec {
            type_: PolicyType::ConfigMap,
            config_map_key_ref: Some(crate::api::ConfigMapKeyReference {
                name: "policies".to_owned(),
                key: "kms".to_owned(),
            }),
            ..PolicySpec::default()
        };
        let endpoint = |service: &str, policy: PolicySpec| EndpointSpec {
            service: service.to_owned(),
            policy: Some(policy),
            ..EndpointSpec::default()
        };
        let mut network = MigrationNetwork::new(
            "tokyo",
            MigrationNetworkSpec {
                migration_network_class_name: Some("corp".to_owned()),
                endpoints: Some(vec![endpoint("sts", inline), endpoint("kms", from_config_map)]),
                source_cidrs: Some(vec!["10.0.0.0/8".to_owned(); 64]),
                ..MigrationNetworkSpec::default()
            },
        );
        network.metadata.annotations = Some([(LAST_APPLIED.to_owned(), "x".repeat(100_000))].into());
        let claim = |slot: &str, phase| ClaimStatus {
            slot: slot.to_owned(),
            epoch: 1,
            phase,
            token: "0".repeat(64),
            id: Some("vpce-1".to_owned()),
            request: Some("x".repeat(20_480)),
        };
        network.status = Some(MigrationNetworkStatus {
            class_name: Some("corp".to_owned()),
            claims: vec![claim("resolver", ClaimPhase::Released), claim("vpce/kms/Interface", ClaimPhase::Held)],
            ..MigrationNetworkStatus::default()
        });
        network
    }

    #[test]
    fn a_large_network_takes_little_of_the_cache_and_answers_the_same_questions() {
        let whole = large();
        let mut cached = DeserializeGuard(Ok(whole.clone()));
        cached.project();
        let Ok(cached) = cached.0 else { unreachable!() };
        let size = serde_json::to_string(&cached).expect("JSON").len();
        assert!(size < 2_000, "{size} bytes");

        let class = MigrationNetworkClass::new("corp", crate::api::MigrationNetworkClassSpec::default());
        assert_eq!(usage::count([&cached], &class), usage::count([&whole], &class));
        assert_eq!(usage::count([&cached], &class).networks, 1);
        assert_eq!(policy_references(&cached.spec, &class.spec), policy_references(&whole.spec, &class.spec));
        assert!(usage::may_have_resources(&cached));
    }

    #[test]
    fn a_listed_network_takes_little_memory_and_answers_the_same_questions() {
        let mut network = large();
        network.metadata.uid = Some("uid".to_owned());
        network.metadata.annotations = Some([("tenant".to_owned(), "x".repeat(40_000))].into());
        let request = Some("x".repeat(40_000));
        let claim = ClaimStatus { slot: "resolver".to_owned(), epoch: 1, request, ..ClaimStatus::default() };
        let name = OnPremisesName { name: "x".repeat(253), addresses: Vec::new(), for_: NameUse::Source };
        let accepted = Condition {
            type_: ConditionType::Accepted.as_str().to_owned(),
            status: "True".to_owned(),
            message: "x".repeat(1_024),
            ..serde_json::from_value(serde_json::json!({
                "type": "", "status": "", "reason": "", "message": "", "lastTransitionTime": "2026-11-01T00:00:00Z",
            }))
            .expect("a condition")
        };
        network.status = Some(MigrationNetworkStatus {
            observed_generation: 3,
            conditions: vec![accepted],
            class_name: Some("corp".to_owned()),
            account: Some(AccountStatus { id: "123456789012".to_owned(), ..AccountStatus::default() }),
            region: Some("ap-northeast-1".to_owned()),
            vpc_id: Some("vpc-1".to_owned()),
            settings: Some(SettingsStatus {
                management_policy: Some(ManagementPolicy::Enforce),
                ..SettingsStatus::default()
            }),
            claims: vec![claim],
            on_premises: Some(OnPremisesStatus { names: vec![name; 64], ..OnPremisesStatus::default() }),
            ..MigrationNetworkStatus::default()
        });
        let reduced = reduce(network.clone());
        let size = serde_json::to_string(&reduced).expect("it is plain data").len();
        assert!(size < 1_500, "{size} bytes");
        let conditions = reduced.status.iter().flat_map(|status| &status.conditions);
        assert_eq!(conditions.map(|condition| condition.message.capacity()).sum::<usize>(), 0);

        let class = MigrationNetworkClass::new("corp", crate::api::MigrationNetworkClassSpec::default());
        assert_eq!(usage::count([&reduced], &class), usage::count([&network], &class));
        assert!(usage::may_have_resources(&reduced), "the claim is unanswered");
        let vpc = VpcKey {
            account: "123456789012".to_owned(),
            region: "ap-northeast-1".to_owned(),
            vpc: "vpc-1".to_owned().into(),
        };
        // Without resources, a network may still want the lease: that depends on its spec and its conditions.
        for (suspend, claims) in [(None, true), (None, false), (Some(true), false)] {
            let relation = |network: &MigrationNetwork| {
                let mut network = network.clone();
                network.spec.suspend = suspend;
                if !claims {
                    network.status.get_or_insert_default().claims.clear();
                }
                contender(&network, &vpc, &std::collections::BTreeMap::new())
            };
            assert_eq!(relation(&reduced), relation(&network));
        }
    }
}
