//! Filters of EC2's Describe calls.

use aws_sdk_ec2::types::Filter;

/// The most values that one call takes (EC2 API Reference, "Filtering": 200 filter values in a request).
pub(super) const MOST_VALUES: usize = 200;

/// A filter for exactly these values. There must be at least one: without values a filter matches nothing or fails,
/// depending on the call.
pub(super) fn filter(name: impl Into<String>, values: impl IntoIterator<Item = impl AsRef<str>>) -> Filter {
    let values: Vec<String> = values.into_iter().map(|value| literal(value.as_ref())).collect();
    debug_assert!(!values.is_empty(), "a filter must have values");
    Filter::builder().name(name).set_values(Some(values)).build()
}

/// A filter for a tag.
pub(super) fn tag(key: &str, value: &str) -> Filter {
    filter(format!("tag:{key}"), [value])
}

/// Takes their meaning from the characters that EC2 reads as wildcards.
fn literal(value: &str) -> String {
    value.chars().fold(String::with_capacity(value.len()), |mut text, c| {
        if matches!(c, '*' | '?' | '\\') {
            text.push('\\');
        }
        text.push(c);
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_matched_to_the_letter() {
        let filter = tag("team", r"a*b?c\d");
        assert_eq!(filter.name(), Some("tag:team"));
        assert_eq!(filter.values(), [r"a\*b\?c\\d"]);
    }
}
