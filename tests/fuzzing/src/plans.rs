//! From a spec to a plan: any spec is rejected with an error message for the user, or leads to a plan that creates each
//! resource once, changes no foreign resource, and ends.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, LazyLock},
    time::Duration,
};

use mgnet::{
    api::{MigrationNetworkClassSpec, MigrationNetworkSpec},
    aws::{Cloud, Scope},
    model::{
        claims::Claims,
        desired::Desired,
        mgn_buckets::COMPARED_ON,
        observed::{Observed, Resources},
        plan::{deletion, plan, step::Step},
        preflight,
        preview::{forecast::forecast, status},
        settings::{
            Settings,
            endpoints::{ConfigMapKeys, policy_references},
        },
        slot::Slot,
    },
};
use serde_json::Value;

use crate::{
    Choices, objects,
    wire::{LANDING, block_on, cloud, identity},
};

/// Plans a network for a spec, and for a class whose defaults complete the spec.
pub fn check(data: &[u8]) {
    let mut choices = Choices::new(data);
    let spec = objects::spec("MigrationNetwork", &mut choices);
    let class = if choices.one_in(4) { Some(objects::spec("MigrationNetworkClass", &mut choices)) } else { None };
    let Ok(spec) = serde_json::from_value::<MigrationNetworkSpec>(with_real_ids(&spec)) else { return };
    let class = class.and_then(|class| serde_json::from_value(with_real_ids(&class)).ok());
    let class: MigrationNetworkClassSpec = class.unwrap_or_else(|| CLASS.clone());
    let config_maps: ConfigMapKeys =
        policy_references(&spec, &class).into_iter().map(|key| (key, POLICY.to_owned())).collect();
    let settings = match Settings::parse(&spec, &class, &config_maps, BTreeSet::new()) {
        Ok(settings) => settings,
        Err(errors) => {
            assert!(!errors.is_empty());
            for error in errors {
                assert!(error.field.starts_with("spec.") && error.message.starts_with("must "), "{error}");
            }
            return;
        }
    };
    assert_eq!(Settings::parse(&spec, &class, &config_maps, BTreeSet::new()).as_ref(), Ok(&settings));
    let observed = &*OBSERVED;
    let Ok(placement) = preflight::check(&identity(), &settings, None, observed, COMPARED_ON) else { return };
    let desired = Desired::resolve(identity(), &settings, &placement);
    assert_eq!(status::digest(&desired), status::digest(&desired));
    check_plan(&desired, observed);
}

fn check_plan(desired: &Desired, observed: &Observed) {
    let (resources, claims, managed) = (&observed.resources, Claims::default(), BTreeSet::new());
    let first = plan(desired, resources, &claims, &managed);
    assert_eq!(plan(desired, resources, &claims, &managed), first, "the same input leads to the same plan");
    let forecast = forecast(desired, resources, &claims, &managed);
    assert!(forecast.is_whole, "the plan does not end: {:?}", forecast.steps);
    let mut created: BTreeMap<Slot, usize> = BTreeMap::new();
    let mut adopted = BTreeSet::new();
    for step in forecast.steps.iter().map(|step| &step.step) {
        match step {
            Step::Create { slot, request, .. } => {
                assert!(request.fits(*slot, &desired.identity), "{step}");
                *created.entry(*slot).or_default() += 1;
            }
            Step::Adopt { slot, id, .. } => {
                adopted.insert(*slot);
                assert!(!created.contains_key(slot), "{id} is adopted into a slot whose resource was created");
            }
            // The step changes only resources that the plan created or adopted.
            _ => {
                assert!(step.slots().iter().all(|slot| created.contains_key(slot) || adopted.contains(slot)), "{step}");
            }
        }
    }
    assert!(created.values().all(|times| *times == 1), "more than one resource in a slot: {created:?}");
    // The deletion removes only resources that the plan created or adopted.
    let delete = |resources: &Resources| {
        deletion::delete(&desired.identity, resources, &Claims::default(), &managed, desired.adopted_deletion)
    };
    for step in delete(&forecast.resources).steps {
        assert!(step.slots().iter().all(|slot| created.contains_key(slot) || adopted.contains(slot)), "{step}");
    }
    assert!(delete(resources).steps.is_empty(), "the network owns no resource yet");
}

const POLICY: &str = r#"{"Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:*","Resource":"*"}]}"#;

/// The observation before the network is built.
static OBSERVED: LazyLock<Observed> = LazyLock::new(|| {
    let settings = Settings::parse(
        &MigrationNetworkSpec {
            source_cidrs: Some(vec!["192.168.10.0/24".to_owned()]),
            ..MigrationNetworkSpec::default()
        },
        &CLASS,
        &ConfigMapKeys::new(),
        BTreeSet::new(),
    );
    let mut scope = Scope::of(
        &settings.expect("the class completes the spec"),
        &identity(),
        &Claims::default(),
        false,
        Duration::ZERO,
    );
    scope.adopts = true;
    scope.services = objects::services().collect();
    let unchanged = Arc::new(|_: &str, answer| answer);
    let world = LANDING.aws.clone();
    block_on(async { cloud(world, unchanged).await?.observe(&scope).await }).expect("no answer is corrupted")
});

static CLASS: LazyLock<MigrationNetworkClassSpec> =
    LazyLock::new(|| LANDING.kubernetes.classes.values().next().expect("the scenario has a class").spec.clone());

/// Replaces the IDs in a generated spec by the IDs of existing resources.
fn with_real_ids(spec: &Value) -> Value {
    let state = LANDING.state();
    let mut text = spec.to_string();
    for (placeholder, subnet) in objects::SUBNETS.0.iter().zip(&state.subnets) {
        text = text.replace(placeholder, &subnet.id);
    }
    for vpc in &state.vpcs {
        text = text.replace("vpc-00000000000000001", &vpc.id);
    }
    let others = state.security_groups.iter().map(|group| ("sg-00000000000000001", &group.id));
    let others = others.chain(state.vpc_endpoints.iter().map(|endpoint| ("vpce-00000000000000001", &endpoint.id)));
    for (placeholder, id) in others {
        text = text.replace(placeholder, id);
    }
    serde_json::from_str(&text).expect("the text is still JSON")
}
