//! The staging and launch subnets, the S3 gateway endpoint in their route tables, and the security groups.

use super::{GAP, PAD};
use crate::{
    api::Origin,
    graph::{
        picture::{Group, Picture, Place},
        scene::{Anchor, HEADING, ID, Item, Kind, MARKER, NOTE, Rect, Stroke, count, marker},
        state::{Health, State},
    },
};

/// The largest number of boxes in a group.
const MOST_CHIPS: usize = 12;
/// The smallest width of a box with an ID.
const CHIP: i32 = 184;
/// The height of the heading of a group.
const HEAD: i32 = 46;
/// The width of a heading beside boxes.
const ASIDE: i32 = 216;
/// The height of a line in a box.
const LINE: i32 = 16;

/// The placed groups.
pub(super) struct Places {
    /// The vertical center of the heading of the staging subnets.
    pub(super) staging: i32,
    pub(super) bottom: i32,
}

/// A box with one or two lines.
struct Chip {
    first: String,
    second: Option<String>,
}

/// A frame with a heading and boxes.
struct Section<'a> {
    name: &'a str,
    state: Option<&'a Health>,
    origin: Option<Origin>,
    note: String,
    chips: Vec<Chip>,
}

/// Draws the groups in a rectangle with a width, from its upper edge on.
pub(super) fn draw(items: &mut Vec<Item>, picture: &Picture, area: Rect) -> Places {
    let half = (area.width - PAD) / 2;
    let lefts = [area.x, area.x + half + PAD];
    let sections = picture.places.each_ref().map(section);
    let height = sections.iter().map(|section| section.height(half)).max().unwrap_or_default();
    for (section, x) in sections.into_iter().zip(lefts) {
        section.draw(items, Rect::new(x, area.y, half, height));
    }
    let y = area.y + height + 2 * PAD;
    let gateway = gateway(picture);
    if picture.gateway.health.state != State::Absent {
        for x in lefts.map(|x| x + half / 2) {
            items.push(Item::Line(vec![(x, area.y + height), (x, y)], Stroke::Guide));
        }
    }
    let rect = Rect::new(area.x, y, area.width, gateway.height(area.width));
    gateway.draw(items, rect);
    let mut bottom = rect.bottom();
    if !picture.groups.is_empty() {
        let groups = groups(&picture.groups);
        let rect = Rect::new(area.x, bottom + PAD, area.width, groups.height(area.width));
        groups.draw(items, rect);
        bottom = rect.bottom();
    }
    Places { staging: area.y + HEAD / 2, bottom }
}

fn section(place: &Place) -> Section<'_> {
    let chips = place.subnets.iter().map(|subnet| Chip {
        first: subnet.id.clone().unwrap_or_default(),
        second: subnet.range.clone().or_else(|| subnet.zone.clone()),
    });
    let ranges = if place.ranges.is_empty() { String::new() } else { format!(", in {}", place.ranges.join(", ")) };
    Section {
        name: place.name,
        state: Some(&place.health),
        origin: None,
        note: format!("for {}{ranges}", place.servers),
        chips: chips.collect(),
    }
}

fn gateway(picture: &Picture) -> Section<'_> {
    let gateway = &picture.gateway;
    let chips = gateway.route_tables.iter().map(|id| Chip { first: id.clone(), second: None });
    let note = gateway.id.clone().unwrap_or_else(|| gateway.health.remark(None));
    Section { name: "S3 gateway", state: Some(&gateway.health), origin: gateway.origin, note, chips: chips.collect() }
}

fn groups(groups: &[Group]) -> Section<'_> {
    let chip = |group: &Group| {
        let foreign = match group.foreign_rules {
            0 => String::new(),
            1 => " · 1 foreign rule".to_owned(),
            more => format!(" · {more} foreign rules"),
        };
        let origin = origin(group.origin);
        let separator = if origin.is_empty() { "" } else { " · " };
        Chip { first: group.id.clone(), second: Some(format!("{}{separator}{origin}{foreign}", group.role)) }
    };
    let chips = groups.iter().map(chip).collect();
    Section {
        name: "Security groups",
        state: None,
        origin: None,
        note: "by the traffic that they admit".to_owned(),
        chips,
    }
}

/// Returns the origin of a resource without a state of its own.
fn origin(origin: Option<Origin>) -> String {
    Health::new(State::Ready, "").remark(origin)
}

impl Section<'_> {
    fn per_line(width: i32) -> i32 {
        ((width - PAD) / (CHIP + GAP)).max(1)
    }

    fn chip_height(&self) -> i32 {
        let lines = if self.chips.iter().any(|chip| chip.second.is_some()) { 2 } else { 1 };
        LINE * lines + 8
    }

    /// Whether all boxes fit beside the heading.
    fn is_one_line(&self, width: i32) -> bool {
        width > 2 * ASIDE && count(self.chips.len()) <= Self::per_line(width - ASIDE)
    }

    fn height(&self, width: i32) -> i32 {
        if self.is_one_line(width) {
            return HEAD + 6;
        }
        let chips = count(self.chips.len().min(MOST_CHIPS));
        let lines = (chips + Self::per_line(width) - 1) / Self::per_line(width);
        HEAD + lines * (self.chip_height() + GAP) + 4
    }

    fn draw(self, items: &mut Vec<Item>, rect: Rect) {
        let (left, top) =
            if self.is_one_line(rect.width) { (ASIDE, (rect.height - self.chip_height()) / 2) } else { (0, HEAD) };
        let beside = left > 0 && !self.chips.is_empty();
        self.heading(items, rect, if beside { rect.x + ASIDE } else { rect.right() - PAD });
        let per_line = Self::per_line(rect.width - left);
        let (width, height) = ((rect.width - left - 2 * PAD + GAP) / per_line - GAP, self.chip_height());
        let shown = if self.chips.len() > MOST_CHIPS { MOST_CHIPS - 1 } else { self.chips.len() };
        let (chips, others) = self.chips.split_at(shown);
        let hidden = others.iter().map(|chip| chip.first.as_str()).collect::<Vec<_>>().join(", ");
        let more = Chip { first: format!("and {} more", others.len()), second: None };
        let more = (!others.is_empty()).then_some((&more, hidden));
        let boxes = chips.iter().map(|chip| (chip, String::new())).chain(more);
        for ((chip, tooltip), number) in boxes.zip(0..) {
            let x = rect.x + left + PAD + (number % per_line) * (width + GAP);
            let y = rect.y + top + (number / per_line) * (height + GAP);
            items.push(Item::Frame(Rect::new(x, y, width, height), Kind::Plain, tooltip));
            let room = width - 2 * GAP;
            let first = if chip.second.is_some() { y + 4 } else { y + (height - ID.line()) / 2 };
            items.push(ID.label(&chip.first, (x + GAP, first), room, Anchor::Start));
            if let Some(second) = &chip.second {
                items.push(NOTE.label(second, (x + GAP, y + 4 + LINE), room, Anchor::Start));
            }
        }
    }

    /// Draws the frame with shape, name and state, and a note below them, up to a right edge.
    fn heading(&self, items: &mut Vec<Item>, rect: Rect, end: i32) {
        let tooltip = self.state.map(|health| health.detail.clone()).unwrap_or_default();
        items.push(Item::Frame(rect, Kind::Area, tooltip));
        let (mut x, y, mut right) = (rect.x + PAD, rect.y + 7, end);
        if let Some(Health { state, .. }) = self.state {
            items.push(marker(x, y + 2, *state));
            x += MARKER + 7;
            let word = state.word();
            let room = NOTE.width(word);
            items.push(NOTE.of(*state).label(word, (end - room, y + 2), room, Anchor::End));
            right -= room + GAP;
        }
        items.push(HEADING.label(self.name, (x, y), right - x, Anchor::Start));
        let origin = origin(self.origin);
        let room = NOTE.width(&origin);
        if !origin.is_empty() {
            items.push(NOTE.label(&origin, (end - room, y + 19), room, Anchor::End));
        }
        let style = if self.note.starts_with("vpce-") { ID } else { NOTE };
        items.push(style.label(&self.note, (x, y + 19), end - room - GAP - x, Anchor::Start));
    }
}
