//! Text in a picture: which characters are shown, how wide they are at most, and how a text is shortened to its box.
//!
//! A picture names generic families only (`sans-serif`, `monospace`), so that widths are estimated by the widest common fonts:
//! DejaVu and Verdana. `make test-full` compares the estimate with a browser.

use crate::text::shorten;

/// The longest text of a tooltip, in characters.
const LONGEST: usize = 1024;

/// Punctuation outside ASCII that the picture itself uses.
const PUNCTUATION: [char; 3] = ['·', '…', '–'];

/// A font of the picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Font {
    Sans,
    Bold,
    Mono,
}

/// A text that fits into its box.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fitted {
    /// The text that is visible.
    pub(super) shown: String,
    /// The whole text for the tooltip, if the visible one is shortened.
    pub(super) full: Option<String>,
    /// The estimated width of the visible text.
    pub(super) width: i32,
}

/// Returns a text for display. Characters that change the direction of their neighbors, have no bounded width, or are
/// not allowed in XML are replaced.
pub(super) fn plain(text: &str) -> String {
    let shown = |c: char| {
        let is_shown = matches!(c, ' '..='~') || PUNCTUATION.contains(&c) || (!c.is_ascii() && c.is_alphanumeric());
        match c {
            c if is_shown => c,
            c if c.is_whitespace() => ' ',
            _ => char::REPLACEMENT_CHARACTER,
        }
    };
    shorten(text, LONGEST).chars().map(shown).collect()
}

/// Whether the estimate holds for the widths of a text in all fonts. If it does not, the picture sets the width.
pub(super) fn is_estimated(text: &str) -> bool {
    text.chars().all(|c| c.is_ascii() || PUNCTUATION.contains(&c))
}

/// Returns the largest width of a text, in pixels.
pub(super) fn width(text: &str, font: Font, size: i32) -> i32 {
    let thousandths: i32 = text.chars().map(|c| advance(c, font)).sum();
    (thousandths * size + 999) / 1000
}

/// Shortens a text to a width.
pub(super) fn fit(text: &str, font: Font, size: i32, room: i32) -> Fitted {
    let text = plain(text);
    let whole = width(&text, font, size);
    if whole <= room {
        return Fitted { shown: text, full: None, width: whole };
    }
    let mut shown = String::new();
    for c in text.chars() {
        shown.push(c);
        if width(&shown, font, size) + width("…", font, size) > room {
            shown.pop();
            break;
        }
    }
    shown = if width("…", font, size) > room { String::new() } else { shown.trim_end().to_owned() + "…" };
    Fitted { width: width(&shown, font, size), shown, full: Some(text) }
}

/// Returns the advance width of a character in thousandths of the font size.
fn advance(c: char, font: Font) -> i32 {
    if !c.is_ascii() && !PUNCTUATION.contains(&c) {
        return 1000;
    }
    match font {
        Font::Mono => 610,
        Font::Sans => sans(c),
        Font::Bold => sans(c) * 116 / 100,
    }
}

/// The widths of DejaVu Sans and Verdana, the larger one of each group rounded up.
const fn sans(c: char) -> i32 {
    match c {
        'i' | 'j' | 'l' | '\'' => 345,
        ' ' | '.' | ',' | ':' | ';' | '!' | '|' | '/' | '(' | ')' | '[' | ']' | '-' | 'f' | 't' | 'r' | 'I' | '·' => {
            460
        }
        'a'..='h' | 'k' | 'n'..='q' | 's' | 'u' | 'v' | 'x'..='z' | '0'..='9' | '_' | '?' | '*' | '$' | '–' => 640,
        'A'..='L' | 'N'..='V' | 'X'..='Z' => 790,
        'm' | 'w' | 'M' | 'W' | '@' | '…' => 1000,
        '%' => 1080,
        _ => 840,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_shortened_to_its_box() {
        for (font, size) in [(Font::Sans, 11), (Font::Bold, 20), (Font::Mono, 12)] {
            for room in 20..300 {
                let fitted = fit("arn:aws:ec2:ap-northeast-1:111122223333:vpc-endpoint/vpce-0a1b", font, size, room);
                assert!(fitted.width <= room, "{fitted:?} in {room}");
                assert_eq!(fitted.width, width(&fitted.shown, font, size));
                let cut = fitted.shown.is_empty() || fitted.shown.ends_with('…');
                assert!(fitted.full.is_none() || cut, "{fitted:?}");
            }
        }
        assert_eq!(fit("mgn", Font::Mono, 10, 100), Fitted { shown: "mgn".to_owned(), full: None, width: 19 });
    }

    #[test]
    fn control_and_direction_characters_are_replaced() {
        assert_eq!(plain("a\u{0}\u{202e}b\n\u{fffe}"), "a\u{fffd}\u{fffd}b \u{fffd}");
        assert_eq!(plain("東京 zone-1 · 1–2"), "東京 zone-1 · 1–2");
        assert_eq!(plain("\u{fdfd}"), "\u{fffd}", "the widest character of Unicode");
        assert_eq!(plain(&"x".repeat(5000)).chars().count(), LONGEST);
    }

    #[test]
    fn only_known_characters_are_estimated() {
        assert!(is_estimated("TCP 443 · ready…") && !is_estimated("東京"));
    }
}
