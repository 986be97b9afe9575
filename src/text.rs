//! Functions that shorten text to a length and write bytes in hexadecimal.

use std::fmt::Write as _;

/// Returns at most the first `characters` characters of a text.
pub(crate) fn truncate(text: &str, characters: usize) -> String {
    text.chars().take(characters).collect()
}

/// Returns the text if it has at most `characters` characters, or else its beginning with `…` at the end.
pub(crate) fn shorten(text: &str, characters: usize) -> String {
    if text.chars().count() <= characters {
        return text.to_owned();
    }
    text.chars().take(characters.saturating_sub(1)).chain(['…']).collect()
}

/// The text before a request ID of AWS, in messages to users.
const REQUEST_ID: &str = " (AWS request ID ";

/// Returns the text that names a request ID of AWS in a message.
pub(crate) fn request_id(id: &str) -> String {
    format!("{REQUEST_ID}{id})")
}

/// Whether two messages are the same apart from the request IDs of AWS, which differ for each attempt.
pub(crate) fn is_same_apart_from_request_ids(one: &str, other: &str) -> bool {
    without_request_ids(one) == without_request_ids(other)
}

fn without_request_ids(text: &str) -> String {
    let mut parts = text.split(REQUEST_ID);
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| text + part.split_once(')').map_or("", |(_, rest)| rest))
}

/// Returns bytes in lower-case hexadecimal, with two digits each.
pub(crate) fn hex<'b>(bytes: impl IntoIterator<Item = &'b u8>) -> String {
    bytes.into_iter().fold(String::new(), |mut hex, byte| {
        // Writing to a String cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_shortened_by_characters_not_bytes() {
        assert_eq!((truncate("東京", 1), truncate("東京", 2)), ("東".to_owned(), "東京".to_owned()));
        assert_eq!((shorten("東京都", 3), shorten("東京都", 2)), ("東京都".to_owned(), "東…".to_owned()));
    }

    #[test]
    fn only_request_ids_are_ignored() {
        let message = |id: &str, end: &str| format!("ec2:A: B: denied{}; {end}", request_id(id));
        assert!(is_same_apart_from_request_ids(&message("1", "retrying"), &message("2", "retrying")));
        assert!(is_same_apart_from_request_ids(&message("1", "retrying"), "ec2:A: B: denied; retrying"));
        assert!(!is_same_apart_from_request_ids(&message("1", "retrying"), &message("1", "waiting")));
    }

    #[test]
    fn each_byte_becomes_two_digits() {
        assert_eq!(hex(&[0, 15, 255]), "000fff");
    }
}
