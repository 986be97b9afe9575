//! The placed picture as SVG, without scripts, references and fonts of its own. States differ in color, in the shape of their
//! mark and in the pattern of their border.

use std::fmt::{self, Write as _};

use super::{
    palette,
    scene::{Anchor, Item, Kind, Label, Rect, Scene, Stroke, Tone},
    state::State,
    text::{Font, is_estimated, plain},
};

/// The fonts and lines of the picture. Colors are in [`palette`].
const STYLE: &str = "\
.mgnet text{font-family:system-ui,-apple-system,'Segoe UI',sans-serif}
.mgnet .bold{font-weight:600}
.mgnet .mono{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}
.mgnet .middle{text-anchor:middle}
.mgnet .end{text-anchor:end}
.mgnet .connection{fill:none;stroke-width:1.6}
.mgnet .guide{fill:none;stroke-width:1.2}
.mgnet .dashed{stroke-dasharray:5 4}
.mgnet .edge-ready{stroke-width:1.2}
.mgnet .edge-progress{stroke-width:1.6;stroke-dasharray:8 3}
.mgnet .edge-failed{stroke-width:2.8}
.mgnet .edge-planned{stroke-width:1.4;stroke-dasharray:2 3}
.mgnet .edge-absent{stroke-width:1;stroke-dasharray:1 5}
.mgnet .open{fill:none;stroke-width:1.6}
.mgnet .on{fill:none;stroke-width:1.7;stroke-linecap:round;stroke-linejoin:round}
";

/// The radius of the corners of lines.
const CORNER: i32 = 4;

/// Renders a picture.
pub(super) fn render(scene: &Scene) -> String {
    let mut svg = String::new();
    // Writing to a string cannot fail.
    let _ = write(&mut svg, scene);
    svg
}

fn write(svg: &mut String, scene: &Scene) -> fmt::Result {
    let (width, height) = scene.size;
    writeln!(
        svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"mgnet\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} \
         {height}\" role=\"img\">"
    )?;
    writeln!(svg, "<title>{}</title>\n<desc>{}</desc>", escape(&scene.title), escape(&scene.description))?;
    writeln!(svg, "<style>\n{STYLE}{}</style>", palette::style())?;
    for item in &scene.items {
        match item {
            Item::Frame(rect, kind, tooltip) => frame(svg, *rect, *kind, tooltip)?,
            Item::Label(one) => label(svg, one)?,
            Item::Line(points, stroke) => line(svg, points, *stroke)?,
            Item::Marker(rect, state) => marker(svg, *rect, *state)?,
        }
    }
    svg.write_str("</svg>\n")
}

fn frame(svg: &mut String, Rect { x, y, width, height }: Rect, kind: Kind, tooltip: &str) -> fmt::Result {
    let (class, radius) = match kind {
        Kind::Canvas => ("canvas".to_owned(), 8),
        Kind::Area => ("area".to_owned(), 8),
        Kind::Path => ("path".to_owned(), 8),
        Kind::Vpc => ("vpc".to_owned(), 8),
        Kind::Column => ("column".to_owned(), 6),
        Kind::Plain => ("part".to_owned(), 5),
        Kind::Part(state) => (format!("part edge-{}", state.class()), 5),
    };
    write!(svg, "<rect class=\"{class}\" x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" rx=\"{radius}\"")?;
    if tooltip.is_empty() { writeln!(svg, "/>") } else { writeln!(svg, "><title>{}</title></rect>", escape(tooltip)) }
}

fn label(svg: &mut String, label: &Label) -> fmt::Result {
    let Label { room, anchor, font, size, tone, text } = label;
    let tone = match tone {
        Tone::Text => "text",
        Tone::Muted => "muted",
        Tone::State(state) => state.class(),
    };
    let font = match font {
        Font::Sans => "",
        Font::Bold => " bold",
        Font::Mono => " mono",
    };
    let (x, anchor) = match anchor {
        Anchor::Start => (room.x, ""),
        Anchor::Middle => (room.x + room.width / 2, " middle"),
        Anchor::End => (room.right(), " end"),
    };
    write!(svg, "<text class=\"{tone}{font}{anchor}\" font-size=\"{size}\" x=\"{x}\" y=\"{}\"", room.y + size)?;
    if !is_estimated(&text.shown) {
        write!(svg, " textLength=\"{}\" lengthAdjust=\"spacingAndGlyphs\"", text.width)?;
    }
    svg.write_char('>')?;
    if let Some(full) = &text.full {
        write!(svg, "<title>{}</title>", escape(full))?;
    }
    writeln!(svg, "{}</text>", escape(&text.shown))
}

/// Draws a line with round corners, and the arrowhead of a connection.
fn line(svg: &mut String, points: &[(i32, i32)], stroke: Stroke) -> fmt::Result {
    let class = match stroke {
        Stroke::Connection => "connection",
        Stroke::Planned => "connection dashed",
        Stroke::Guide => "guide",
    };
    let Some(((x, y), rest)) = points.split_first() else { return Ok(()) };
    write!(svg, "<path class=\"{class}\" d=\"M{x} {y}")?;
    for (number, (x, y)) in rest.iter().enumerate() {
        let (Some(before), Some(after)) = (points.get(number), rest.get(number + 1)) else {
            // The line ends inside the arrowhead.
            write!(svg, "L{} {y}", if stroke == Stroke::Guide { *x } else { x - 4 })?;
            continue;
        };
        let step = |from: i32, to: i32| (to - from).signum() * CORNER.min((to - from).abs() / 2);
        let (dx, dy) = (step(*x, before.0), step(*y, before.1));
        write!(svg, "L{} {}", x + dx, y + dy)?;
        let (dx, dy) = (step(*x, after.0), step(*y, after.1));
        write!(svg, "Q{x} {y} {} {}", x + dx, y + dy)?;
    }
    writeln!(svg, "\"/>")?;
    match (stroke, points.last()) {
        (Stroke::Connection | Stroke::Planned, Some((x, y))) => {
            writeln!(svg, "<path class=\"head\" d=\"M{x} {y}l-8 -4v8z\"/>")
        }
        (Stroke::Guide, _) | (_, None) => Ok(()),
    }
}

/// Draws the shape of a state in a square of 12 pixels.
fn marker(svg: &mut String, Rect { x, y, .. }: Rect, state: State) -> fmt::Result {
    let class = state.class();
    let (cx, cy) = (x + 6, y + 6);
    let ring = format!("<circle class=\"open edge-{class}\" cx=\"{cx}\" cy=\"{cy}\" r=\"5\"");
    match state {
        State::Ready => {
            write!(svg, "<circle class=\"{class}\" cx=\"{cx}\" cy=\"{cy}\" r=\"6\"/>")?;
            writeln!(svg, "<path class=\"on\" d=\"M{} {}l2 2.5 4 -5\"/>", x + 3, cy)
        }
        State::InProgress => {
            write!(svg, "{ring} style=\"stroke-dasharray:none\"/>")?;
            writeln!(svg, "<path class=\"{class}\" d=\"M{cx} {}a4 4 0 0 1 0 8z\"/>", y + 2)
        }
        State::Failed => {
            write!(svg, "<path class=\"{class}\" d=\"M{cx} {y}l6 6 -6 6 -6 -6z\"/>")?;
            writeln!(svg, "<path class=\"on\" d=\"M{} {}l4 4m0 -4l-4 4\"/>", x + 4, y + 4)
        }
        State::Planned => writeln!(svg, "{ring}/>"),
        State::Absent => {
            write!(svg, "{ring} style=\"stroke-dasharray:none\"/>")?;
            writeln!(svg, "<path class=\"open edge-{class}\" style=\"stroke-dasharray:none\" d=\"M{} {cy}h6\"/>", x + 3)
        }
    }
}

/// Escapes a text for XML. Characters that XML forbids are replaced.
fn escape(text: &str) -> String {
    plain(text).chars().fold(String::new(), |mut escaped, c| {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
        escaped
    })
}
