//! The geometry of generated networks: boxes contain each other or are apart, texts stay in their boxes and apart, and
//! connections run beside both.

use super::{TOKYO, generated::generated, read, readers::scene};
use crate::graph::{
    scene::{Anchor, Item, Kind, Label, Rect, Scene, Stroke},
    text::width,
};

fn overlap(one: Rect, other: Rect) -> bool {
    one.x < other.right() && other.x < one.right() && one.y < other.bottom() && other.y < one.bottom()
}

fn contains(outer: Rect, inner: Rect) -> bool {
    outer.x <= inner.x && outer.y <= inner.y && inner.right() <= outer.right() && inner.bottom() <= outer.bottom()
}

/// Returns the area that a text covers.
fn ink(label: &Label) -> Rect {
    let Label { room, anchor, font, size, text, .. } = label;
    let width = width(&text.shown, *font, *size);
    let x = match anchor {
        Anchor::Start => room.x,
        Anchor::Middle => room.x + (room.width - width) / 2,
        Anchor::End => room.right() - width,
    };
    Rect { x, width, ..*room }
}

fn frames(scene: &Scene) -> Vec<(Rect, Kind)> {
    let frame = |item: &Item| match item {
        Item::Frame(rect, kind, _) => Some((*rect, *kind)),
        Item::Label(_) | Item::Line(..) | Item::Marker(..) => None,
    };
    scene.items.iter().filter_map(frame).collect()
}

/// Returns the areas of texts and shapes, each with a name.
fn marks(scene: &Scene) -> Vec<(Rect, String)> {
    let mark = |item: &Item| match item {
        Item::Label(label) => Some((ink(label), label.text.shown.clone())),
        Item::Marker(rect, state) => Some((*rect, format!("{state:?} at {rect:?}"))),
        Item::Frame(..) | Item::Line(..) => None,
    };
    scene.items.iter().filter_map(mark).collect()
}

#[test]
fn boxes_contain_each_other_or_are_apart() {
    for (name, network) in generated() {
        let frames = frames(&scene(&network));
        for (number, (one, kind)) in frames.iter().enumerate() {
            assert!(one.width > 0 && one.height > 0, "{name}: {kind:?} {one:?}");
            for (other, other_kind) in &frames[number + 1..] {
                let nested = contains(*one, *other) && one != other;
                assert!(nested || !overlap(*one, *other), "{name}: {kind:?} {one:?} and {other_kind:?} {other:?}");
            }
        }
    }
}

#[test]
fn texts_and_shapes_stay_in_their_boxes_and_apart() {
    for (name, network) in generated() {
        let scene = scene(&network);
        let (frames, marks) = (frames(&scene), marks(&scene));
        for item in &scene.items {
            if let Item::Label(label) = item {
                assert!(contains(label.room, ink(label)), "{name}: {label:?}");
            }
        }
        for (number, (one, text)) in marks.iter().enumerate() {
            for (frame, kind) in &frames {
                let apart = contains(*frame, *one) || !overlap(*frame, *one);
                assert!(apart, "{name}: {text} {one:?} at {kind:?} {frame:?}");
            }
            for (other, other_text) in &marks[number + 1..] {
                assert!(!overlap(*one, *other), "{name}: {text} {one:?} and {other_text} {other:?}");
            }
        }
    }
}

/// Returns the segments of a line as rectangles of its width.
fn segments(points: &[(i32, i32)]) -> impl Iterator<Item = Rect> {
    points.windows(2).map(|ends| {
        let (left, right) = (ends[0].0.min(ends[1].0), ends[0].0.max(ends[1].0));
        let (top, bottom) = (ends[0].1.min(ends[1].1), ends[0].1.max(ends[1].1));
        assert!(left == right || top == bottom, "{ends:?}");
        Rect::new(left, top, right - left + 1, bottom - top + 1)
    })
}

#[test]
fn connections_run_between_boxes_and_beside_texts() {
    for (name, network) in generated() {
        let scene = scene(&network);
        let (marks, mut parts, mut found) = (marks(&scene), frames(&scene), 0);
        parts.retain(|(_, kind)| matches!(kind, Kind::Plain | Kind::Part(_) | Kind::Column));
        for item in &scene.items {
            let Item::Line(points, stroke @ (Stroke::Connection | Stroke::Planned)) = item else { continue };
            found += 1;
            for segment in segments(points) {
                for (mark, text) in &marks {
                    assert!(!overlap(segment, *mark), "{name}: {stroke:?} {points:?} runs through {text} {mark:?}");
                }
                for (part, kind) in &parts {
                    // A line begins and ends at the edges of boxes.
                    let inside = Rect::new(part.x + 1, part.y + 1, part.width - 2, part.height - 2);
                    assert!(!overlap(segment, inside), "{name}: {points:?} runs through {kind:?} {part:?}");
                }
            }
        }
        assert!(found > 0, "{name}");
    }
}

#[test]
fn everything_is_on_the_canvas() {
    for (name, network) in generated() {
        let scene = scene(&network);
        let canvas = Rect::new(0, 0, scene.size.0, scene.size.1);
        let boxes = frames(&scene).into_iter().map(|(rect, kind)| (rect, format!("{kind:?}")));
        for (rect, what) in marks(&scene).into_iter().chain(boxes) {
            assert!(contains(canvas, rect), "{name}: {what}");
        }
    }
}

#[test]
fn a_text_that_is_longer_than_its_room_is_found() {
    let scene = scene(&read(TOKYO));
    let label = scene.items.iter().find_map(|item| if let Item::Label(label) = item { Some(label) } else { None });
    let mut label = label.expect("a label").clone();
    label.room.width = ink(&label).width - 1;
    assert!(!contains(label.room, ink(&label)));
}
