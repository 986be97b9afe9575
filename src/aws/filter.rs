//! Filters for EC2's Describe calls.

use aws_sdk_ec2::types::Filter;

/// The maximum number of values in one call (EC2 API Reference, "Filtering": 200 filter values in a request).
pub(super) const MOST_VALUES: usize = 200;

/// Returns a filter for exactly these values. There must be at least one: a filter without values matches nothing or
/// fails, depending on the call.
pub(super) fn filter(name: impl Into<String>, values: impl IntoIterator<Item = impl AsRef<str>>) -> Filter {
    let values: Vec<String> = values.into_iter().map(|value| literal(value.as_ref())).collect();
    debug_assert!(!values.is_empty(), "a filter must have values");
    Filter::builder().name(name).set_values(Some(values)).build()
}

/// Returns a filter for a tag with exactly this value.
pub(super) fn tag(key: &str, value: &str) -> Filter {
    filter(format!("tag:{key}"), [value])
}

/// Escapes the characters that EC2 reads as wildcards.
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
    fn a_tag_filter_matches_the_exact_value() {
        let filter = tag("team", r"a*b?c\d");
        assert_eq!(filter.name(), Some("tag:team"));
        assert_eq!(filter.values(), [r"a\*b\?c\\d"]);
    }
}
