//! Tags: their parsing, their limits, and their format in answers.
//!
//! Source: EC2 User Guide, "Tag restrictions": 50 tags per resource, keys of up to 128 characters, and values of up
//! to 256. Keys that begin with `aws:` are reserved.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::error::AwsError;

/// The tags of a resource.
pub type Tags = BTreeMap<String, String>;

/// A tag in a request.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Tag {
    /// The key.
    #[serde(rename = "Key")]
    pub key: String,
    /// The value; EC2 treats an absent value as empty.
    #[serde(rename = "Value", default)]
    pub value: String,
}

impl Tag {
    /// Returns a tag.
    pub fn new(key: &str, value: &str) -> Self {
        Self { key: key.to_owned(), value: value.to_owned() }
    }
}

/// The tags for one kind of resource that a call creates.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct TagSpecification {
    /// The kind, for example `vpc-endpoint`.
    #[serde(rename = "ResourceType")]
    pub resource_type: String,
    /// The tags.
    #[serde(rename = "Tag", default)]
    pub tags: Vec<Tag>,
}

impl TagSpecification {
    /// Returns the tags for a kind of resource.
    pub fn new(resource_type: &str, tags: &[(&str, &str)]) -> Vec<Self> {
        let tags = tags.iter().map(|(key, value)| Tag::new(key, value)).collect();
        vec![Self { resource_type: resource_type.to_owned(), tags }]
    }
}

/// A tag in an answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TagItem {
    /// The key.
    pub key: String,
    /// The value.
    pub value: String,
}

/// Returns tags in the format of EC2.
pub(crate) fn items(tags: &Tags) -> Vec<TagItem> {
    tags.iter().map(|(key, value)| TagItem { key: key.clone(), value: value.clone() }).collect()
}

/// Returns the tags of a create call, whose specifications must name the kind of resource that it creates.
pub(crate) fn from_specifications(specifications: &[TagSpecification], creates: &str) -> Result<Tags, AwsError> {
    let mut tags = Vec::new();
    for specification in specifications {
        if specification.resource_type != creates {
            return Err(AwsError::value(format!(
                "'{}' is not a valid taggable resource type for this operation.",
                specification.resource_type
            )));
        }
        tags.extend_from_slice(&specification.tags);
    }
    let mut checked = Tags::new();
    for Tag { key, value } in tags {
        if checked.contains_key(&key) {
            return Err(AwsError::value(format!("Duplicate tag key '{key}' specified.")));
        }
        add(&mut checked, &key, &value)?;
    }
    Ok(checked)
}

/// Adds or overwrites one tag.
pub(crate) fn add(tags: &mut Tags, key: &str, value: &str) -> Result<(), AwsError> {
    if key.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("aws:")) {
        return Err(AwsError::value(
            "Tag keys starting with 'aws:' are reserved for internal use and cannot be specified in requests",
        ));
    }
    if key.is_empty() || key.chars().count() > 128 {
        return Err(AwsError::value(format!(
            "Tag key '{key}' exceeds the maximum length of 128 characters or is empty"
        )));
    }
    if value.chars().count() > 256 {
        return Err(AwsError::value("Tag value exceeds the maximum length of 256 characters"));
    }
    tags.insert(key.to_owned(), value.to_owned());
    if tags.len() > 50 {
        return Err(AwsError::new("TagLimitExceeded", "The maximum number of Tags for a resource has been reached."));
    }
    Ok(())
}
