//! The endpoint subnets: a column for each subnet, and a row for each endpoint with its address in each subnet.

use std::iter::once;

use super::GAP;
use crate::graph::{
    picture::{Address, Picture, Row, Subnet},
    scene::{ADDRESS, Anchor, HEADING, ID, Item, Kind, MARKER, NAME, NOTE, Rect, Stroke, Style, count, marker},
    state::{Health, State},
};

/// The width of the boxes with the names of rows.
const LABEL: i32 = 300;
/// The width of a subnet. An ID of 24 characters fits.
const COLUMN: i32 = 172;
/// The smallest number of columns for which there is room.
const FEWEST: i32 = 2;
/// The height of the heads of subnets.
const HEAD: i32 = 58;
/// The smallest height of a row.
const ROW: i32 = 40;
/// The space for the shape of a state beside an address.
const ASIDE: i32 = 6 + MARKER + 2;
/// The largest number of addresses in a cell.
const MOST_ADDRESSES: usize = 3;

/// The style of IDs in the heads of subnets.
const SMALL_ID: Style = Style { size: 10, ..ID };

/// The placed rows.
pub(super) struct Matrix {
    /// The vertical center of the heads.
    pub(super) head: i32,
    pub(super) rows: Vec<i32>,
    pub(super) bottom: i32,
}

/// Returns the width of the matrix.
pub(super) fn width(picture: &Picture) -> i32 {
    LABEL + count(picture.columns.len()).max(FEWEST) * (COLUMN + GAP)
}

/// Draws the matrix at the upper left corner of a rectangle with its width.
pub(super) fn draw(items: &mut Vec<Item>, picture: &Picture, area: Rect) -> Matrix {
    let columns = count(picture.columns.len());
    let step = (area.width - LABEL) / columns;
    let column = |number: usize| Rect::new(area.x + LABEL + count(number) * step + GAP, area.y, step - GAP, 0);
    let cells: Vec<Vec<Cell>> = picture.rows.iter().map(|row| cells(row, &picture.columns)).collect();

    items.push(HEADING.label("Endpoint subnets", (area.x + 9, area.y + 8), LABEL - 9, Anchor::Start));
    let note = match picture.ranges.as_slice() {
        [] => "Resolver and interface endpoints".to_owned(),
        ranges => format!("in {}", ranges.join(", ")),
    };
    items.push(NOTE.label(&note, (area.x + 9, area.y + 27), LABEL - 9, Anchor::Start));
    let mut y = area.y + HEAD;
    let mut tops = Vec::new();
    for cells in &cells {
        let lines = count(cells.iter().map(Vec::len).max().unwrap_or_default());
        tops.push((y, ROW.max(lines * (ADDRESS.line() + 2) + 10)));
        y += tops.last().map_or(ROW, |(_, height)| *height) + GAP;
    }
    let bottom = y;
    for (number, subnet) in picture.columns.iter().enumerate() {
        head(items, subnet, Rect { height: bottom - area.y, ..column(number) });
    }
    for ((row, cells), (y, height)) in picture.rows.iter().zip(&cells).zip(&tops) {
        let label = Rect::new(area.x, *y, LABEL, *height);
        name(items, row, label);
        let last = (0..cells.len()).rev().find(|number| !cells[*number].is_empty());
        if let Some(last) = last {
            let end = column(last).x + 6;
            items.push(Item::Line(vec![(label.right(), label.middle()), (end, label.middle())], Stroke::Guide));
        }
        for (number, cell) in cells.iter().enumerate() {
            let Rect { x, width, .. } = column(number);
            draw_cell(items, cell, Rect::new(x + 6, *y, width - 12, *height));
        }
    }
    let rows = tops.iter().map(|(y, height)| y + height / 2).collect();
    Matrix { head: area.y + HEAD / 2, rows, bottom }
}

fn head(items: &mut Vec<Item>, subnet: &Subnet, rect: Rect) {
    items.push(Item::Frame(rect, Kind::Column, String::new()));
    let (x, room) = (rect.x + 6, rect.width - 12);
    let zone = subnet.zone.as_deref().unwrap_or("zone not known yet");
    items.push(NAME.label(zone, (x, rect.y + 5), room, Anchor::Middle));
    if let Some(range) = &subnet.range {
        items.push(ID.label(range, (x, rect.y + 22), room, Anchor::Middle));
    }
    let id = subnet.id.as_deref().unwrap_or("subnet not known yet");
    items.push(SMALL_ID.label(id, (x, rect.y + 38), room, Anchor::Middle));
}

/// Draws the box of a row: shape, name and state, and below them ID and detail.
fn name(items: &mut Vec<Item>, row: &Row, rect: Rect) {
    let Health { state, detail } = &row.health;
    let tooltip = format!("{}: {}, {detail}", row.name(), state.word());
    items.push(Item::Frame(rect, Kind::Part(*state), tooltip));
    let y = rect.y + (rect.height - ROW) / 2;
    items.push(marker(rect.x + 9, y + 5, *state));
    let (x, right) = (rect.x + 9 + MARKER + 7, rect.right() - GAP);
    let word = state.word();
    let room = NOTE.width(word);
    items.push(NOTE.of(*state).label(word, (right - room, y + 5), room, Anchor::End));
    items.push(NAME.label(row.name(), (x, y + 4), right - room - GAP - x, Anchor::Start));
    second_line(items, row, (x, y + 22), right);
}

fn second_line(items: &mut Vec<Item>, row: &Row, (x, y): (i32, i32), right: i32) {
    let remark = row.health.remark(row.origin);
    let Some(id) = &row.id else {
        items.push(NOTE.label(&remark, (x, y), right - x, Anchor::Start));
        return;
    };
    let room = ID.width(id).min(right - x);
    items.push(ID.label(id, (x, y), room, Anchor::Start));
    let rest = right - x - room - 6;
    if !remark.is_empty() && rest > 20 {
        items.push(NOTE.label(&remark, (right - rest, y), rest, Anchor::End));
    }
}

/// The addresses of a row in a subnet, as lines with their state.
type Cell = Vec<(State, String, String)>;

fn cells(row: &Row, columns: &[Subnet]) -> Vec<Cell> {
    let cell = |subnet: &Subnet| match row.addresses.get(&subnet.id) {
        Some(addresses) => listed(addresses),
        None if row.is_in_every_subnet() && subnet.is_selected => {
            let state = if row.health.state == State::Ready { State::InProgress } else { row.health.state };
            vec![(state, "no address yet".to_owned(), String::new())]
        }
        None => Vec::new(),
    };
    columns.iter().map(cell).collect()
}

fn listed(addresses: &[Address]) -> Cell {
    let line = |address: &Address| {
        let ip = address.ip.clone().unwrap_or_else(|| "no address yet".to_owned());
        (address.health.state, ip, address.health.detail.clone())
    };
    if addresses.len() <= MOST_ADDRESSES {
        return addresses.iter().map(line).collect();
    }
    let (first, rest) = addresses.split_at(MOST_ADDRESSES - 1);
    let hidden = rest.iter().map(|one| line(one).1).collect::<Vec<_>>().join(", ");
    let more = (State::Planned, format!("and {} more", rest.len()), hidden);
    first.iter().map(line).chain(once(more)).collect()
}

fn draw_cell(items: &mut Vec<Item>, cell: &Cell, rect: Rect) {
    let Some(worst) = cell.iter().map(|(state, ..)| *state).max_by_key(|state| severity(*state)) else { return };
    let tooltip = cell.iter().map(|(_, ip, detail)| format!("{ip} {detail}")).collect::<Vec<_>>().join(", ");
    items.push(Item::Frame(rect, Kind::Part(worst), tooltip));
    let line = ADDRESS.line() + 2;
    let mut y = rect.middle() - (count(cell.len()) * line - 2) / 2;
    for (state, ip, _) in cell {
        let (x, room) = (rect.x + ASIDE, rect.width - 2 * ASIDE);
        items.push(ADDRESS.of_ready(*state).label(ip, (x, y), room, Anchor::Middle));
        if *state != State::Ready {
            items.push(marker(rect.x + 6, y + 1, *state));
        }
        y += line;
    }
}

/// Returns how much a state deserves attention.
const fn severity(state: State) -> u8 {
    match state {
        State::Ready => 0,
        State::Absent => 1,
        State::Planned => 2,
        State::InProgress => 3,
        State::Failed => 4,
    }
}

impl Style {
    /// Returns the style of an address: muted, unless it works.
    const fn of_ready(self, state: State) -> Self {
        match state {
            State::Ready => self,
            State::InProgress | State::Failed | State::Planned | State::Absent => Self { tone: NOTE.tone, ..self },
        }
    }
}
