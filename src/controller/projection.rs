//! The part of each object that the caches of the watches keep, so that memory does not grow with what users write into
//! their objects. Every reconcile reads its object again, complete.
//!
//! The caches answer four questions: which class a network uses, whether it has resources, which ConfigMaps its policies come
//! from, and what its conditions are, without their messages. Whatever else an object contains is dropped. Triggers of reconciles are unaffected: the
//! generation, the finalizers and the annotations stay, except the annotation with which `kubectl apply` stores the whole
//! object again.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::{Resource, core::DeserializeGuard};

use crate::{
    api::{
        EndpointSpec, MigrationNetwork, MigrationNetworkClass, MigrationNetworkSpec, MigrationNetworkStatus, PolicySpec,
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

/// Drops the longest fields of a network in a list.
pub(super) fn reduce(network: &mut DeserializeGuard<MigrationNetwork>) {
    without_copies(network.meta_mut());
    let Ok(MigrationNetwork { spec, status, .. }) = &mut network.0 else { return };
    spec.endpoints = None;
    spec.endpoint_policy = None;
    if let Some(status) = status {
        status.plan = None;
        status.endpoints.clear();
        status.security_groups.clear();
        status.preflight_warnings.clear();
        for claim in &mut status.claims {
            claim.request = None;
        }
    }
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
        self.status = self.status.take().map(|status| {
            // One claim shows that the network may have resources.
            let unresolved = status.claims.into_iter().find(|claim| {
                let one = std::slice::from_ref(claim);
                !Claims::from_status(uid, one).all_resolved()
            });
            let mut conditions = status.conditions;
            for condition in &mut conditions {
                condition.message.clear();
            }
            MigrationNetworkStatus {
                class_name: status.class_name,
                conditions,
                claims: unresolved
                    .into_iter()
                    .map(|mut claim| {
                        claim.request = None;
                        claim
                    })
                    .collect(),
                ..MigrationNetworkStatus::default()
            }
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
        api::{ClaimPhase, ClaimStatus, PolicyType},
        controller::class::usage,
        model::settings::endpoints::policy_references,
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
    fn a_listed_network_shows_its_claims_without_their_requests() {
        let mut network = large();
        let request = Some("x".repeat(40_000));
        let claim = ClaimStatus { slot: "resolver".to_owned(), epoch: 1, request, ..ClaimStatus::default() };
        network.status.get_or_insert_default().claims = vec![claim];
        let mut listed = DeserializeGuard(Ok(network));
        reduce(&mut listed);
        let network = listed.0.expect("it was decoded");
        let size = serde_json::to_string(&network).expect("it is plain data").len();
        assert!(size < 4_000, "{size} bytes");
        assert!(usage::may_have_resources(&network), "the claim is unanswered");
    }
}
