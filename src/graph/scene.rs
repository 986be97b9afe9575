//! The placed picture: frames, texts, lines and shapes on a plane, in the order in which they are drawn. Coordinates are whole
//! pixels.

use super::{
    state::State,
    text::{Fitted, Font, fit, width},
};

/// A rectangle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rect {
    pub(super) x: i32,
    pub(super) y: i32,
    pub(super) width: i32,
    pub(super) height: i32,
}

impl Rect {
    pub(super) const fn new(x: i32, y: i32, width: i32, height: i32) -> Self {
        Self { x, y, width, height }
    }

    pub(super) const fn right(self) -> i32 {
        self.x + self.width
    }

    pub(super) const fn bottom(self) -> i32 {
        self.y + self.height
    }

    /// Returns the vertical center.
    pub(super) const fn middle(self) -> i32 {
        self.y + self.height / 2
    }
}

/// What a frame encloses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Canvas,
    Area,
    Path,
    Vpc,
    Column,
    /// A part without a state of its own.
    Plain,
    Part(State),
}

/// The side of its room on which a text begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

/// The color of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tone {
    Text,
    Muted,
    State(State),
}

/// A text in its room, which it does not leave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Label {
    pub(super) room: Rect,
    pub(super) anchor: Anchor,
    pub(super) font: Font,
    pub(super) size: i32,
    pub(super) tone: Tone,
    pub(super) text: Fitted,
}

/// The style of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stroke {
    /// A connection with an arrowhead.
    Connection,
    /// A connection to what does not exist yet, with an arrowhead.
    Planned,
    /// A line that leads the eye.
    Guide,
}

/// One element of the picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Item {
    /// A rectangle with a tooltip, which may be empty.
    Frame(Rect, Kind, String),
    Label(Label),
    /// Horizontal and vertical lines through points.
    Line(Vec<(i32, i32)>, Stroke),
    /// The shape of a state in a square.
    Marker(Rect, State),
}

/// The whole picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Scene {
    pub(super) size: (i32, i32),
    /// The title for screen readers.
    pub(super) title: String,
    /// The description for screen readers.
    pub(super) description: String,
    pub(super) items: Vec<Item>,
}

/// The width and height of the shape of a state.
pub(super) const MARKER: i32 = 12;

/// How a text looks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Style {
    pub(super) font: Font,
    pub(super) size: i32,
    pub(super) tone: Tone,
}

pub(super) const TITLE: Style = Style { font: Font::Bold, size: 20, tone: Tone::Text };
pub(super) const HEADING: Style = Style { font: Font::Bold, size: 13, tone: Tone::Text };
pub(super) const NAME: Style = Style { font: Font::Bold, size: 12, tone: Tone::Text };
pub(super) const BODY: Style = Style { font: Font::Sans, size: 12, tone: Tone::Text };
pub(super) const NOTE: Style = Style { font: Font::Sans, size: 11, tone: Tone::Muted };
pub(super) const ADDRESS: Style = Style { font: Font::Mono, size: 12, tone: Tone::Text };
pub(super) const ID: Style = Style { font: Font::Mono, size: 11, tone: Tone::Muted };

impl Style {
    /// Returns the style in the color of a state.
    pub(super) const fn of(self, state: State) -> Self {
        Self { tone: Tone::State(state), ..self }
    }

    /// Returns the height of a line: ascent and descent of the widest common fonts are 1.17 of their size.
    pub(super) const fn line(self) -> i32 {
        (self.size * 5 + 3) / 4
    }

    /// Returns the width of a text.
    pub(super) fn width(self, text: &str) -> i32 {
        width(text, self.font, self.size)
    }

    /// Returns a text that is shortened to the width of its room.
    pub(super) fn label(self, text: &str, (x, y): (i32, i32), room: i32, anchor: Anchor) -> Item {
        Item::Label(Label {
            room: Rect::new(x, y, room, self.line()),
            anchor,
            font: self.font,
            size: self.size,
            tone: self.tone,
            text: fit(text, self.font, self.size, room),
        })
    }
}

/// Returns the shape of a state, by its upper left corner.
pub(super) const fn marker(x: i32, y: i32, state: State) -> Item {
    Item::Marker(Rect::new(x, y, MARKER, MARKER), state)
}

/// Returns a number of things as a coordinate.
pub(super) fn count(things: usize) -> i32 {
    i32::try_from(things).unwrap_or(i32::MAX)
}
