//! Filters of Describe and List calls.
//!
//! Source: EC2 API Reference, "Filtering": several filters are joined by AND, and the values of one filter by OR.
//! Values are case-sensitive. `*` matches any number of characters, `?` matches one, and a backslash escapes either.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{
    Region,
    error::AwsError,
    ids::ResourceId,
    table::{Sight, Table},
    tags::Tags,
};

/// A filter as a caller sends it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    /// The name of the filter.
    #[serde(rename = "Name")]
    pub name: String,
    /// The values that match.
    #[serde(rename = "Value", alias = "Values", default)]
    pub values: Vec<String>,
}

impl Filter {
    /// Returns a filter with these values.
    pub fn new(name: &str, values: &[&str]) -> Self {
        Self { name: name.to_owned(), values: values.iter().map(|&value| value.to_owned()).collect() }
    }
}

/// A resource that calls can filter.
pub(crate) trait Filterable {
    /// The filters that the Describe call accepts, apart from tag filters.
    const FILTERS: &'static [&'static str];
    /// The tag filters that the Describe call accepts: `tag:KEY` and `tag-key`.
    const TAGS: TagFilters = TagFilters::Both;

    /// Returns the values of the resource for a filter.
    fn values(&self, filter: &str, region: &Region) -> Vec<String>;

    /// The tags of the resource.
    fn tags(&self) -> Option<&Tags>;
}

/// The tag filters that a Describe call accepts.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum TagFilters {
    None,
    /// DescribeSecurityGroupRules has no `tag-key`. Source: aws-sdk-ec2, `DescribeSecurityGroupRulesInput::filters`.
    OnlyByKeyAndValue,
    Both,
}

/// Checks the names of the filters once per call.
pub(crate) fn check<T: Filterable>(filters: &[Filter]) -> Result<(), AwsError> {
    for filter in filters {
        let known = match T::TAGS {
            TagFilters::None => false,
            TagFilters::OnlyByKeyAndValue => filter.name.starts_with("tag:"),
            TagFilters::Both => filter.name.starts_with("tag:") || filter.name == "tag-key",
        };
        if !known && !T::FILTERS.contains(&filter.name.as_str()) {
            return Err(AwsError::value(format!("The filter '{}' is invalid", filter.name)));
        }
        if filter.values.is_empty() {
            return Err(AwsError::value(format!("The filter '{}' has no values", filter.name)));
        }
    }
    Ok(())
}

/// Whether a resource matches all filters.
pub(crate) fn matches<T: Filterable>(resource: &T, filters: &[Filter], region: &Region) -> bool {
    filters.iter().all(|filter| {
        let found = if let Some(key) = filter.name.strip_prefix("tag:") {
            resource.tags().and_then(|tags| tags.get(key)).cloned().into_iter().collect()
        } else if filter.name == "tag-key" && T::TAGS == TagFilters::Both {
            resource.tags().map(|tags| tags.keys().cloned().collect()).unwrap_or_default()
        } else {
            resource.values(&filter.name, region)
        };
        found.iter().any(|value| filter.values.iter().any(|pattern| is_like(pattern, value)))
    })
}

/// Returns the rows of a table that match the IDs and filters of a Describe call.
pub(crate) fn select<'a, K: ResourceId, V: Filterable>(
    table: &'a Table<K, V>,
    ids: &[String],
    filters: &[Filter],
    region: &Region,
    sight: Sight,
) -> Result<Vec<&'a V>, AwsError> {
    check::<V>(filters)?;
    let rows: Vec<&V> = if ids.is_empty() {
        table.listed(sight).map(|(_, row)| row).collect()
    } else {
        let named: BTreeMap<K, &V> = ids.iter().map(|id| table.read(id, sight)).collect::<Result<_, _>>()?;
        named.into_values().collect()
    };
    Ok(rows.into_iter().filter(|row| matches(*row, filters, region)).collect())
}

/// Whether a value matches a pattern with wildcards.
pub(crate) fn is_like(pattern: &str, value: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let value: Vec<char> = value.chars().collect();
    is_like_from(&pattern, &value)
}

fn is_like_from(pattern: &[char], value: &[char]) -> bool {
    match (pattern, value) {
        ([], []) => true,
        (['*', rest @ ..], _) => (0..=value.len()).any(|skipped| is_like_from(rest, &value[skipped..])),
        (['?', rest @ ..], [_, others @ ..]) => is_like_from(rest, others),
        (['\\', escaped, rest @ ..], [first, others @ ..]) => escaped == first && is_like_from(rest, others),
        ([wanted, rest @ ..], [first, others @ ..]) => wanted == first && is_like_from(rest, others),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::is_like;

    #[test]
    fn wildcards_match_as_documented_by_aws() {
        for (pattern, value, expected) in [
            ("available", "available", true),
            ("available", "Available", false),
            ("com.amazonaws.*.s3", "com.amazonaws.eu-west-1.s3", true),
            ("*", "", true),
            ("?", "", false),
            ("a?c", "abc", true),
            (r"a\*c", "abc", false),
            (r"a\*c", "a*c", true),
        ] {
            assert_eq!(is_like(pattern, value), expected, "{pattern} against {value}");
        }
    }
}
