//! The path and the parameters of a request, parsed.

use std::collections::BTreeMap;

use super::kinds::Kind;
use super::objects::Key;
use super::refusal::Refusal;

/// An object, or a collection of objects.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) kind: &'static Kind,
    pub(super) namespace: Option<String>,
    pub(super) name: Option<String>,
    pub(super) is_status: bool,
}

/// The meaning of a path.
#[derive(Debug)]
pub(super) enum RequestPath {
    Resource(Target),
    /// The resources of a group and version.
    Discovery(String, String),
}

impl RequestPath {
    pub(super) fn parse(path: &str) -> Result<Self, Refusal> {
        let unknown = || Refusal::not_served(path);
        let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
        let (group, version, rest) = match parts[..] {
            ["api", version, ref rest @ ..] => ("", version, rest),
            ["apis", group, version, ref rest @ ..] => (group, version, rest),
            _ => return Err(unknown()),
        };
        let served = |plural| Kind::served(group, version, plural).ok_or_else(unknown);
        let (kind, namespace, rest) = match *rest {
            [] => return Ok(Self::Discovery(group.to_owned(), version.to_owned())),
            ["namespaces", namespace, plural, ref rest @ ..] if plural != "status" => {
                (served(plural)?, Some(namespace.to_owned()), rest)
            }
            [plural, ref rest @ ..] => (served(plural)?, None, rest),
        };
        let (name, is_status) = match *rest {
            [] => (None, false),
            [name] => (Some(name.to_owned()), false),
            [name, "status"] => (Some(name.to_owned()), true),
            _ => return Err(unknown()),
        };
        Ok(Self::Resource(Target { kind, namespace, name, is_status }))
    }
}

impl Target {
    /// Returns the key of the requested object.
    pub(super) fn key(&self) -> Key {
        Key {
            plural: self.kind.plural,
            namespace: self.namespace.clone().unwrap_or_default(),
            name: self.name.clone().unwrap_or_default(),
        }
    }
}

/// Parses the parameters of a request.
pub(super) fn parameters(query: &str) -> BTreeMap<String, String> {
    form_urlencoded::parse(query.as_bytes()).into_owned().collect()
}
