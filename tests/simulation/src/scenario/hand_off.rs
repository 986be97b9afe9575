//! The scenario of the hand-off in a ConfigMap. It is not among the others, because the choices of their random schedules depend
//! on the number of scenarios.

use std::time::Duration;

use mgnet::api::{OnPremisesSpec, Toggle};

use super::{
    Act, Cue, Scenario,
    acts::{act, create, delete, edit},
};
use crate::universe::Universe;

/// Returns the scenario: the class enables ConfigMaps and disables them again, the hand-off changes, and a user edits a file.
pub fn hand_off() -> Scenario {
    let acts = vec![
        class("the class enables ConfigMaps", Toggle::Enabled),
        act(Cue::AtRest, "create", create),
        edit("other sources", |spec| spec.source_cidrs = Some(vec!["10.50.0.0/16".to_owned()])),
        act(Cue::AtRest, "a user edits a file", edit_file),
        Act { cue: Cue::After(3), ..class("the class disables ConfigMaps", Toggle::Disabled) },
        class("the class enables ConfigMaps again", Toggle::Enabled),
        act(Cue::AtRest, "delete", delete),
    ];
    Scenario { name: "the hand-off in a ConfigMap", lag: Duration::ZERO, acts }
}

fn class(what: &'static str, config_map: Toggle) -> Act {
    act(Cue::AtRest, what, move |universe| {
        universe.kubernetes.edit_class("corp", |class| {
            class.spec.on_premises = Some(OnPremisesSpec { config_map: Some(config_map) });
        });
    })
}

fn edit_file(universe: &mut Universe) {
    for config_map in universe.kubernetes.hand_offs.values_mut() {
        config_map.data.get_or_insert_default().insert("hosts".to_owned(), "10.66.6.6 example.com".to_owned());
        config_map.metadata.resource_version = Some("edited".to_owned());
    }
}
