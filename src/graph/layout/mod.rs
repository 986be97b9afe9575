//! The layout for SVG: on-premises on the left, the VPC on the right, and the connections between them. Sizes are computed from
//! what the boxes contain, so that nothing overlaps.

mod connections;
mod header;
mod matrix;
mod on_premises;
mod places;

use super::{
    picture::{Picture, Target},
    scene::{Anchor, HEADING, ID, Item, Kind, NOTE, Rect, Scene, count, marker},
    state::State,
};

/// The space around the picture.
const MARGIN: i32 = 16;
/// The width of the on-premises side.
const ON_PREMISES: i32 = 190;
/// The width of the way between on-premises and the VPC.
const PATH: i32 = 134;
/// The space between a frame and what it contains.
const PAD: i32 = 12;
/// The space between boxes.
const GAP: i32 = 8;
/// The left edge of the VPC.
const VPC: i32 = MARGIN + ON_PREMISES + PATH;
/// The height of the heading of a frame.
const HEAD: i32 = 30;

/// What the connections need to know about the placed VPC.
struct Placed {
    /// The vertical centers of the rows.
    rows: Vec<i32>,
    network: i32,
    staging: i32,
    bottom: i32,
}

impl Placed {
    fn of(&self, target: Target) -> i32 {
        match target {
            Target::Network => self.network,
            Target::Row(number) => self.rows.get(number).copied().unwrap_or(self.network),
            Target::Staging => self.staging,
        }
    }
}

/// Places a picture.
pub(super) fn arrange(picture: &Picture) -> Scene {
    let inner = matrix::width(picture);
    let width = VPC + inner + 2 * PAD + MARGIN;
    let mut header = Vec::new();
    let top = header::draw(&mut header, picture, width) + GAP;
    let mut content = Vec::new();
    let placed = vpc(&mut content, picture, Rect::new(VPC + PAD, top, inner, 0));
    let sites = on_premises::draw(&mut content, picture, top, &placed);
    connections::draw(&mut content, picture, &sites.doors, &placed);

    let bottom = placed.bottom.max(sites.bottom) + PAD;
    let frame =
        |x, width, kind, title: &str| Item::Frame(Rect::new(x, top, width, bottom - top), kind, title.to_owned());
    let mut items = vec![frame(MARGIN, ON_PREMISES, Kind::Area, "")];
    items.push(frame(MARGIN + ON_PREMISES + GAP, PATH - 2 * GAP, Kind::Path, "Direct Connect or VPN"));
    items.push(frame(VPC, inner + 2 * PAD, Kind::Vpc, &picture.vpc.1.detail));
    items.extend(content);
    let bottom = header::legend(&mut items, bottom + GAP, width) + MARGIN;
    let canvas = Item::Frame(Rect::new(0, 0, width, bottom), Kind::Canvas, String::new());
    Scene {
        size: (width, bottom),
        title: format!("Network {}", picture.name),
        description: describe(picture),
        items: [canvas].into_iter().chain(header).chain(items).collect(),
    }
}

/// Draws what is in the VPC.
fn vpc(items: &mut Vec<Item>, picture: &Picture, inner: Rect) -> Placed {
    let (id, health) = &picture.vpc;
    items.push(marker(inner.x, inner.y + 9, health.state));
    let (x, y) = (inner.x + 18, inner.y + 7);
    items.push(HEADING.label("VPC", (x, y), 40, Anchor::Start));
    items.push(ID.label(id.as_deref().unwrap_or("not selected yet"), (x + 44, y + 2), 200, Anchor::Start));
    let word = if health.state == State::Ready { "" } else { health.state.word() };
    if !word.is_empty() {
        items.push(NOTE.of(health.state).label(word, (x + 248, y + 2), 90, Anchor::Start));
    }
    let matrix = matrix::draw(items, picture, Rect { y: inner.y + HEAD, ..inner });
    let places = places::draw(items, picture, Rect { y: matrix.bottom + PAD, ..inner });
    Placed { rows: matrix.rows, network: matrix.head, staging: places.staging, bottom: places.bottom }
}

/// Returns the description for screen readers: how many parts are in each state.
fn describe(picture: &Picture) -> String {
    let states = picture.rows.iter().map(|row| row.health.state).chain([picture.gateway.health.state]);
    let states: Vec<State> = states.collect();
    let counts = State::ALL.into_iter().filter_map(|state| {
        let found = states.iter().filter(|one| **one == state).count();
        (found > 0).then(|| format!("{found} {}", state.word()))
    });
    let counts = counts.collect::<Vec<_>>().join(", ");
    let subnets = count(picture.columns.len());
    let columns = if subnets == 1 { "1 subnet".to_owned() } else { format!("{subnets} subnets") };
    format!(
        "On-premises clients reach the VPC {} through Direct Connect or VPN. The Resolver endpoint and the VPC endpoints in \
         {columns}: {counts}.",
        picture.vpc.0.as_deref().unwrap_or("that is not selected yet")
    )
}
