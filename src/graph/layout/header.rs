//! The header with name and conditions, and the legend.

use super::{GAP, MARGIN};
use crate::graph::{
    picture::Picture,
    scene::{Anchor, BODY, Item, MARKER, NOTE, TITLE, marker},
    state::State,
};

/// Draws the header, and returns its lower edge.
pub(super) fn draw(items: &mut Vec<Item>, picture: &Picture, width: i32) -> i32 {
    let room = width - 2 * MARGIN;
    let mut y = MARGIN;
    items.push(TITLE.label(&picture.name, (MARGIN, y), room, Anchor::Start));
    y += TITLE.line() + 2;
    if !picture.facts.is_empty() {
        items.push(NOTE.label(&picture.facts.join(" · "), (MARGIN, y), room, Anchor::Start));
        y += NOTE.line() + GAP;
    }
    let conditions = picture.conditions.iter().map(|(type_, health)| {
        let reason = if health.state == State::Ready { String::new() } else { format!(": {}", health.detail) };
        (health.state, format!("{type_}{reason}"))
    });
    if !picture.conditions.is_empty() {
        y = flow(items, conditions, y, width);
    }
    if let Some(message) = &picture.message {
        items.push(NOTE.label(message, (MARGIN, y), room, Anchor::Start));
        y += NOTE.line();
    }
    y
}

/// Draws the legend, and returns its lower edge.
pub(super) fn legend(items: &mut Vec<Item>, y: i32, width: i32) -> i32 {
    flow(items, State::ALL.into_iter().map(|state| (state, state.word().to_owned())), y, width) - GAP
}

/// Draws shapes with texts in as many lines as they need, and returns the lower edge.
fn flow(items: &mut Vec<Item>, entries: impl Iterator<Item = (State, String)>, mut y: i32, width: i32) -> i32 {
    const TEXT: i32 = MARKER + 6;
    let mut x = MARGIN;
    for (state, text) in entries {
        let room = BODY.width(&text).min(width - 2 * MARGIN - TEXT);
        if x > MARGIN && x + TEXT + room > width - MARGIN {
            (x, y) = (MARGIN, y + BODY.line() + 4);
        }
        items.push(marker(x, y + 2, state));
        items.push(BODY.label(&text, (x + TEXT, y), room, Anchor::Start));
        x += TEXT + room + 2 * GAP;
    }
    y + BODY.line() + GAP
}
