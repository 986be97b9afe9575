//! Reads pictures back: the placed picture, its visible texts, and the elements of an SVG.

use crate::{
    api::MigrationNetwork,
    graph::{
        layout::arrange,
        picture::Picture,
        scene::{Item, Scene},
    },
};

pub(super) fn scene(network: &MigrationNetwork) -> Scene {
    arrange(&Picture::of(network))
}

/// Returns the visible texts.
pub(super) fn texts(scene: &Scene) -> Vec<String> {
    let shown = |item: &Item| match item {
        Item::Label(label) => Some(label.text.shown.clone()),
        Item::Frame(..) | Item::Line(..) | Item::Marker(..) => None,
    };
    scene.items.iter().filter_map(shown).collect()
}

/// Returns the names of elements and attributes of an SVG, as a tokenizer for XML finds them.
pub(super) fn names(svg: &str) -> Vec<String> {
    let tokens = xmlparser::Tokenizer::from(svg).map(|token| token.expect("it is well-formed"));
    let names = tokens.filter_map(|token| match token {
        xmlparser::Token::ElementStart { local, .. } => Some(local.to_string()),
        xmlparser::Token::Attribute { local, .. } => Some(format!("@{local}")),
        xmlparser::Token::ElementEnd { .. } | xmlparser::Token::Text { .. } => None,
        other => Some(format!("{other:?}")),
    });
    names.collect()
}
