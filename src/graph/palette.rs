//! The colors of the picture, for light and dark surroundings. Text has a contrast of at least 4.5:1 (WCAG 2.2, 1.4.3), and so
//! have the shapes of states.

use std::fmt::{self, Write as _};

use super::state::State;

/// A color as red, green and blue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Color(u8, u8, u8);

impl fmt::Display for Color {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{:02x}{:02x}{:02x}", self.0, self.1, self.2)
    }
}

/// The colors for one kind of surroundings.
pub(super) struct Palette {
    canvas: Color,
    /// The fill and border of the on-premises side, and of groups inside the VPC.
    area: (Color, Color),
    /// The fill and border of the way between on-premises and AWS.
    path: (Color, Color),
    vpc: (Color, Color),
    column: (Color, Color),
    /// The fill of parts, and the border of parts without a state.
    part: (Color, Color),
    text: Color,
    muted: Color,
    connection: Color,
    /// In the order of [`State::ALL`].
    states: [Color; 5],
}

pub(super) const LIGHT: Palette = Palette {
    canvas: Color(0xff, 0xff, 0xff),
    area: (Color(0xf6, 0xf8, 0xfa), Color(0xaf, 0xb8, 0xc1)),
    path: (Color(0xf1, 0xec, 0xfb), Color(0xb9, 0xa6, 0xe0)),
    vpc: (Color(0xf3, 0xf8, 0xff), Color(0x6e, 0x9b, 0xd6)),
    column: (Color(0xe2, 0xee, 0xfd), Color(0xa6, 0xc8, 0xf0)),
    part: (Color(0xff, 0xff, 0xff), Color(0x8c, 0x95, 0x9f)),
    text: Color(0x1f, 0x23, 0x28),
    muted: Color(0x51, 0x58, 0x60),
    connection: Color(0x5b, 0x3f, 0xa8),
    states: [
        Color(0x11, 0x63, 0x29),
        Color(0x8a, 0x4b, 0x00),
        Color(0xa4, 0x0e, 0x26),
        Color(0x05, 0x50, 0xae),
        Color(0x51, 0x58, 0x60),
    ],
};

pub(super) const DARK: Palette = Palette {
    canvas: Color(0x0d, 0x11, 0x17),
    area: (Color(0x15, 0x1b, 0x23), Color(0x4b, 0x55, 0x61)),
    path: (Color(0x21, 0x1a, 0x33), Color(0x5d, 0x4b, 0x8a)),
    vpc: (Color(0x10, 0x1a, 0x29), Color(0x3f, 0x6a, 0xa6)),
    column: (Color(0x15, 0x26, 0x3d), Color(0x2c, 0x4a, 0x73)),
    part: (Color(0x0d, 0x11, 0x17), Color(0x6a, 0x74, 0x80)),
    text: Color(0xf0, 0xf6, 0xfc),
    muted: Color(0xa5, 0xaf, 0xba),
    connection: Color(0xbd, 0xa6, 0xf5),
    states: [
        Color(0x5b, 0xd1, 0x75),
        Color(0xe3, 0xb3, 0x41),
        Color(0xff, 0x8f, 0x87),
        Color(0x79, 0xc0, 0xff),
        Color(0xa5, 0xaf, 0xba),
    ],
};

impl Palette {
    /// Returns the color of a state.
    pub(super) const fn state(&self, state: State) -> Color {
        self.states[state as usize]
    }

    /// Returns the fill of parts, and the color of text on it.
    pub(super) const fn part(&self) -> (Color, Color) {
        (self.part.0, self.text)
    }

    /// Returns the rules for the classes of [`super::svg`].
    fn rules(&self) -> String {
        let mut rules = String::new();
        let mut add = |class: &str, body: String| {
            // Writing to a string cannot fail.
            let _ = writeln!(rules, ".mgnet .{class}{{{body}}}");
        };
        add("canvas", format!("fill:{}", self.canvas));
        let frames =
            [("area", self.area), ("path", self.path), ("vpc", self.vpc), ("column", self.column), ("part", self.part)];
        for (class, (fill, border)) in frames {
            add(class, format!("fill:{fill};stroke:{border}"));
        }
        add("text", format!("fill:{}", self.text));
        add("muted", format!("fill:{}", self.muted));
        add("connection", format!("stroke:{}", self.connection));
        add("head", format!("fill:{}", self.connection));
        add("guide", format!("stroke:{}", self.column.1));
        add("on", format!("stroke:{}", self.part.0));
        for state in State::ALL {
            let (class, color) = (state.class(), self.state(state));
            add(class, format!("fill:{color}"));
            add(&format!("edge-{class}"), format!("stroke:{color}"));
        }
        rules
    }
}

/// Returns the style sheet. A reader that knows no media queries shows the light colors.
pub(super) fn style() -> String {
    format!("{}@media (prefers-color-scheme:dark){{\n{}}}\n", LIGHT.rules(), DARK.rules())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Relative luminance (WCAG 2.2, definition of terms).
    fn luminance(Color(red, green, blue): Color) -> f64 {
        let linear = |channel: u8| {
            let channel = f64::from(channel) / 255.0;
            if channel <= 0.04045 { channel / 12.92 } else { ((channel + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue)
    }

    fn contrast(one: Color, other: Color) -> f64 {
        let (one, other) = (luminance(one), luminance(other));
        (one.max(other) + 0.05) / (one.min(other) + 0.05)
    }

    #[test]
    fn contrast_is_that_of_wcag() {
        assert!((contrast(Color(0, 0, 0), Color(255, 255, 255)) - 21.0).abs() < 1e-9);
        // The gray that is quoted as the lightest one with 4.5:1 on white.
        assert!((contrast(Color(0x76, 0x76, 0x76), Color(255, 255, 255)) - 4.54).abs() < 0.005);
    }

    #[test]
    fn all_text_and_all_shapes_of_states_have_a_contrast_of_4_5() {
        for (name, palette) in [("light", LIGHT), ("dark", DARK)] {
            let grounds =
                [palette.canvas, palette.area.0, palette.path.0, palette.vpc.0, palette.column.0, palette.part.0];
            let inks = [palette.text, palette.muted, palette.connection].into_iter().chain(palette.states);
            for ink in inks {
                for ground in grounds {
                    let found = contrast(ink, ground);
                    assert!(found >= 4.5, "{name}: {ink} on {ground}: {found:.2}");
                }
            }
        }
    }

    #[test]
    fn each_color_of_a_state_is_unlike_the_others() {
        for palette in [LIGHT, DARK] {
            let colors: std::collections::BTreeSet<_> = State::ALL.map(|state| palette.state(state).to_string()).into();
            assert_eq!(colors.len(), State::ALL.len());
        }
    }
}
