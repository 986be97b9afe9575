//! The connections: a vertical line for each on-premises side, and a branch to each destination, with the ports beside it.

use super::{GAP, MARGIN, ON_PREMISES, PAD, Placed, VPC};
use crate::graph::{
    picture::{Picture, SiteRole},
    scene::{Anchor, Item, NOTE, Stroke, Style, Tone},
};

/// The first vertical line, and the distance to the next one.
const LANE: (i32, i32) = (MARGIN + ON_PREMISES + GAP + 6, 7);
/// The left edge of the texts, which no vertical line reaches.
const PORTS: i32 = LANE.0 + 3 * LANE.1;
/// The distance of two branches to one destination.
const BESIDE: i32 = 7;

/// The style of ports.
const STYLE: Style = Style { tone: Tone::Text, ..NOTE };

/// Draws all connections from the doors of the on-premises side.
pub(super) fn draw(items: &mut Vec<Item>, picture: &Picture, doors: &[(SiteRole, i32)], placed: &Placed) {
    let connections = &picture.connections;
    for (number, connection) in connections.iter().enumerate() {
        let Some(lane) = doors.iter().position(|(role, _)| *role == connection.from) else { continue };
        let beside = connections[..number].iter().filter(|one| one.to == connection.to).count();
        let several = connections.iter().filter(|one| one.to == connection.to).count() > 1;
        let offset = if several { BESIDE / -2 } else { 0 };
        let y = placed.of(connection.to) + offset + BESIDE * super::count(beside);
        let x = LANE.0 + LANE.1 * super::count(lane);
        let door = doors[lane].1;
        let points = vec![(MARGIN + ON_PREMISES - PAD, door), (x, door), (x, y), (VPC + PAD, y)];
        let stroke = if connection.is_planned { Stroke::Planned } else { Stroke::Connection };
        items.push(Item::Line(points, stroke));
        // The second branch to a destination has the same ports as the first one, unless the rules differ.
        let first = connections.iter().find(|one| one.to == connection.to);
        if first.is_some_and(|first| first == connection || first.ports != connection.ports) {
            let above = if beside == 0 { -NOTE.line() - 2 } else { 2 };
            let room = VPC - GAP - 2 - PORTS;
            items.push(STYLE.label(&connection.ports, (PORTS, y + above), room, Anchor::Start));
        }
    }
}
