//! The on-premises side: clients with their ranges, and the work that is left.

use super::{GAP, HEAD, MARGIN, ON_PREMISES, PAD, PATH, Placed};
use crate::graph::{
    picture::{Picture, Site, SiteRole, Work},
    scene::{ADDRESS, Anchor, HEADING, ID, Item, Kind, MARKER, NAME, NOTE, Rect, Style, count, marker},
};

/// The largest number of ranges that a box lists.
const MOST_RANGES: usize = 8;
/// The largest number of items of work. There are fewer kinds.
const MOST_ITEMS: usize = 8;
/// The height of a line in a box.
const LINE: i32 = 18;

/// The style of the name of the way.
const WAY: Style = Style { size: 11, ..NAME };

/// The placed side.
pub(super) struct OnPremises {
    /// The vertical centers of the boxes from which connections start.
    pub(super) doors: Vec<(SiteRole, i32)>,
    pub(super) bottom: i32,
}

/// Draws the side below an upper edge: each box beside its destinations as far as there is room, and the work at the bottom.
pub(super) fn draw(items: &mut Vec<Item>, picture: &Picture, top: i32, placed: &Placed) -> OnPremises {
    let x = MARGIN + PAD;
    let width = ON_PREMISES - 2 * PAD;
    items.push(HEADING.label("On premises", (x, top + 7), width, Anchor::Start));
    path(items, top);
    let mut y = top + HEAD;
    let mut doors = Vec::new();
    for site in &picture.sites {
        let lines = ranges(site);
        let height = 26 + LINE * count(lines.len());
        let rect = Rect::new(x, y.max(beside(picture, site.role, placed) - height / 2), width, height);
        items.push(Item::Frame(rect, Kind::Plain, tooltip(site)));
        items.push(NAME.label(site.role.name(), (x + GAP, rect.y + 6), width - 2 * GAP, Anchor::Start));
        for (number, line) in lines.iter().enumerate() {
            let y = rect.y + 24 + LINE * count(number);
            items.push(ADDRESS.label(line, (x + GAP, y), width - 2 * GAP, Anchor::Start));
        }
        doors.push((site.role, rect.middle()));
        y = rect.bottom() + PAD;
    }
    if let Some(work) = &picture.work {
        y = draw_work(items, work, (x, y, width), placed.bottom);
    }
    OnPremises { doors, bottom: y - PAD }
}

/// Returns the middle between the first two destinations of a side, or 0 if it has none.
fn beside(picture: &Picture, role: SiteRole, placed: &Placed) -> i32 {
    let targets = picture.connections.iter().filter(|one| one.from == role).map(|one| placed.of(one.to)).take(2);
    let targets: Vec<i32> = targets.collect();
    targets.iter().sum::<i32>() / count(targets.len().max(1))
}

/// Names the way between on-premises and AWS. The object does not say which of the two it is.
fn path(items: &mut Vec<Item>, top: i32) {
    let (x, room) = (MARGIN + ON_PREMISES + GAP + 4, PATH - 2 * GAP - 8);
    for (line, y) in [("Direct Connect", top + 7), ("or VPN", top + 21)] {
        items.push(WAY.label(line, (x, y), room, Anchor::Middle));
    }
}

fn ranges(site: &Site) -> Vec<String> {
    match &site.ranges {
        None => vec!["not known yet".to_owned()],
        Some(ranges) if ranges.len() <= MOST_RANGES => ranges.clone(),
        Some(ranges) => {
            let first = ranges.iter().take(MOST_RANGES - 1).cloned();
            first.chain([format!("and {} more", ranges.len() + 1 - MOST_RANGES)]).collect()
        }
    }
}

/// Returns the ranges that the box does not list.
fn tooltip(site: &Site) -> String {
    let hidden = site.ranges.iter().filter(|ranges| ranges.len() > MOST_RANGES);
    hidden.flat_map(|ranges| &ranges[MOST_RANGES - 1..]).cloned().collect::<Vec<_>>().join(", ")
}

fn draw_work(items: &mut Vec<Item>, work: &Work, (x, y, width): (i32, i32, i32), bottom: i32) -> i32 {
    let listed = work.items.len().min(MOST_ITEMS);
    let height = 26 + LINE * (1 + count(listed));
    let rect = Rect::new(x, y.max(bottom - height), width, height);
    items.push(Item::Frame(rect, Kind::Plain, "The work of the on-premises teams".to_owned()));
    let (left, right, room) = (x + GAP, rect.right() - GAP, width - 2 * GAP);
    items.push(NAME.label("Hand-off", (left, rect.y + 6), room, Anchor::Start));
    items.push(ID.label(&format!("revision {}", work.revision), (left, rect.y + 24), room, Anchor::Start));
    for (number, (name, health)) in work.items.iter().take(listed).enumerate() {
        let y = rect.y + 24 + LINE * (1 + count(number));
        let detail = NOTE.width(&health.detail);
        let text = left + MARKER + 6;
        items.push(marker(left, y + 1, health.state));
        items.push(NOTE.label(name, (text, y), right - detail - 4 - text, Anchor::Start));
        items.push(NOTE.of(health.state).label(&health.detail, (right - detail, y), detail, Anchor::End));
    }
    rect.bottom() + PAD
}
