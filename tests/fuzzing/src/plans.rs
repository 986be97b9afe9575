//! From a spec to a plan: whatever a spec says, it is refused with words for the person who wrote it, or leads to a plan that makes
//! each thing once, touches nothing of others, and comes to an end.

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
        observed::Observed,
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

/// Plans a network for a spec, and for a class that says what the spec does not.
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
    let Ok(placement) = preflight::check(&identity(), &settings, None, observed) else { return };
    let desired = Desired::resolve(identity(), &settings, &placement);
    assert_eq!(status::digest(&desired), status::digest(&desired));
    check_plan(&desired, observed);
}

fn check_plan(desired: &Desired, observed: &Observed) {
    let (resources, claims, managed) = (&observed.resources, Claims::default(), BTreeSet::new());
    let first = plan(desired, resources, &claims, &managed);
    assert_eq!(plan(desired, resources, &claims, &managed), first, "the same leads to the same");
    let foreseen = forecast(desired, resources, &claims, &managed);
    assert!(foreseen.is_whole, "it has no end: {:?}", foreseen.steps);
    let mut made: BTreeMap<Slot, usize> = BTreeMap::new();
    let mut adopted = BTreeSet::new();
    for step in foreseen.steps.iter().map(|foreseen| &foreseen.step) {
        match step {
            Step::Create { slot, request, .. } => {
                assert!(request.fits(*slot, &desired.identity), "{step}");
                *made.entry(*slot).or_default() += 1;
            }
            Step::Adopt { slot, id, .. } => {
                adopted.insert(*slot);
                assert!(!made.contains_key(slot), "{id} is adopted where something was made");
            }
            // What was not there before, or was adopted.
            _ => assert!(step.slots().iter().all(|slot| made.contains_key(slot) || adopted.contains(slot)), "{step}"),
        }
    }
    assert!(made.values().all(|times| *times == 1), "twice in one slot: {made:?}");
    // What goes again is what came, and nothing else.
    for step in deletion::delete(&desired.identity, &foreseen.resources, &Claims::default()).steps {
        assert!(step.slots().iter().all(|slot| made.contains_key(slot) || adopted.contains(slot)), "{step}");
    }
    assert!(
        deletion::delete(&desired.identity, resources, &Claims::default()).steps.is_empty(),
        "nothing is the network's yet"
    );
}

const POLICY: &str = r#"{"Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:*","Resource":"*"}]}"#;

/// What there is before the network.
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
    let mut scope = Scope::of(&settings.expect("the class says the rest"), &identity(), false, Duration::ZERO);
    scope.adopts = true;
    scope.services = objects::services().collect();
    let truthful = Arc::new(|_: &str, answer| answer);
    let world = LANDING.aws.clone();
    block_on(async { cloud(world, truthful).await?.observe(&scope).await }).expect("nothing is spoiled")
});

static CLASS: LazyLock<MigrationNetworkClassSpec> =
    LazyLock::new(|| LANDING.kubernetes.classes.values().next().expect("there is a class").spec.clone());

/// The ids of what is there in place of those that specs are made with.
fn with_real_ids(spec: &Value) -> Value {
    let state = LANDING.state();
    let mut text = spec.to_string();
    for (made_up, subnet) in objects::SUBNETS.0.iter().zip(&state.subnets) {
        text = text.replace(made_up, &subnet.id);
    }
    for vpc in &state.vpcs {
        text = text.replace("vpc-00000000000000001", &vpc.id);
    }
    let others = state.security_groups.iter().map(|group| ("sg-00000000000000001", &group.id));
    let others = others.chain(state.vpc_endpoints.iter().map(|endpoint| ("vpce-00000000000000001", &endpoint.id)));
    for (made_up, id) in others {
        text = text.replace(made_up, id);
    }
    serde_json::from_str(&text).expect("ids are text")
}
