//! A call: a request to the Kubernetes API, parsed.

use std::fmt;

use hyper::{Method, Uri};

/// The verb of a call, in the terms of RBAC. The further pages of a list differ from its first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verb {
    /// Reads one object.
    Get,
    /// Lists the objects of a kind, or the first page of them.
    List,
    /// Reads a further page, by the continue token of the previous one.
    Continue,
    /// Watches changes.
    Watch,
    /// Creates an object.
    Create,
    /// Replaces an object.
    Update,
    /// Changes a part of an object.
    Patch,
    /// Deletes an object.
    Delete,
}

/// A place in the operator that calls the Kubernetes API, as far as the call identifies it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CallSite {
    /// The verb.
    pub verb: Verb,
    /// The resource: the kind, in the plural.
    pub resource: String,
    /// The subresource, such as `status`.
    pub subresource: Option<String>,
    /// Whether the call is a list in pages, with which a watch begins.
    pub in_pages: bool,
}

impl CallSite {
    /// Returns the call of a verb on a resource.
    pub fn new(verb: Verb, resource: &str) -> Self {
        Self { verb, resource: resource.to_owned(), subresource: None, in_pages: false }
    }

    /// Returns the call with which a watch of a resource begins.
    pub fn in_pages(verb: Verb, resource: &str) -> Self {
        Self { in_pages: true, ..Self::new(verb, resource) }
    }
}

impl fmt::Display for CallSite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let in_pages = if self.in_pages { " (in pages)" } else { "" };
        let (slash, part) = self.subresource.as_ref().map_or(("", ""), |part| ("/", part));
        write!(f, "{:?} {}{slash}{part}{in_pages}", self.verb, self.resource)
    }
}

/// A call that was made.
#[derive(Clone, Debug)]
pub struct ApiCall {
    /// The place that made the call.
    pub site: CallSite,
    /// The path, the decoded query, and the body.
    text: String,
    /// The `resourceVersion` from which the call continues.
    from: Option<u64>,
}

impl ApiCall {
    pub(super) fn new(method: &Method, uri: &Uri, body: &[u8]) -> Self {
        let query: Vec<(String, String)> =
            form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()).into_owned().collect();
        let from = query.iter().find(|(key, _)| key == "resourceVersion").and_then(|(_, from)| from.parse().ok());
        let has = |name: &str| query.iter().any(|(key, _)| key == name);
        let mut path = uri.path().trim_start_matches('/').split('/').peekable();
        // `api/v1`, or `apis`, group and version.
        let version = if path.next() == Some("apis") { 2 } else { 1 };
        let mut path: Vec<&str> = path.skip(version).collect();
        if path.first() == Some(&"namespaces") && path.len() > 2 {
            path.drain(..2);
        }
        let mut path = path.into_iter();
        let resource = path.next().unwrap_or_else(|| uri.path()).to_owned();
        let (name, subresource) = (path.next(), path.next().map(str::to_owned));
        let verb = match *method {
            Method::GET if has("watch") => Verb::Watch,
            Method::GET if has("continue") => Verb::Continue,
            Method::GET if name.is_none() => Verb::List,
            Method::POST => Verb::Create,
            Method::PUT => Verb::Update,
            Method::PATCH => Verb::Patch,
            Method::DELETE => Verb::Delete,
            _ => Verb::Get,
        };
        let in_pages = has("limit") && verb != Verb::Watch;
        let query = query.iter().fold(String::new(), |text, (key, value)| format!("{text} {key}={value}"));
        let text = format!("{}{query} {}", uri.path(), String::from_utf8_lossy(body));
        Self { site: CallSite { verb, resource, subresource, in_pages }, text, from }
    }

    /// Returns the `resourceVersion` from which a watch continues.
    pub(super) fn watched_from(&self) -> Option<u64> {
        self.from.filter(|_| self.site.verb == Verb::Watch)
    }

    /// Whether the path, the query or the body contains one of the words as a complete word.
    pub fn mentions(&self, words: &[String]) -> bool {
        let is_part = |c: char| c.is_ascii_alphanumeric() || c == '-';
        words.iter().any(|word| {
            self.text.match_indices(word.as_str()).any(|(at, _)| {
                let (before, after) = (&self.text[..at], &self.text[at + word.len()..]);
                !before.ends_with(is_part) && !after.starts_with(is_part)
            })
        })
    }
}

impl fmt::Display for ApiCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.site, self.text.split(' ').next().unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(method: &Method, uri: &'static str, body: &str) -> ApiCall {
        ApiCall::new(method, &Uri::from_static(uri), body.as_bytes())
    }

    #[test]
    fn call_sites_differ_by_verb_resource_and_subresource() {
        let all = "/apis/mgnet.dev/v1alpha1/migrationnetworks";
        let of = |method: &Method, uri| call(method, uri, "").site.to_string();
        assert_eq!(of(&Method::GET, all), "List migrationnetworks");
        let pages = "/apis/mgnet.dev/v1alpha1/migrationnetworks?limit=500";
        assert_eq!(of(&Method::GET, pages), "List migrationnetworks (in pages)");
        let next = "/apis/mgnet.dev/v1alpha1/migrationnetworks?limit=500&continue=e30";
        assert_eq!(of(&Method::GET, next), "Continue migrationnetworks (in pages)");
        assert_eq!(of(&Method::GET, "/api/v1/configmaps?watch=true&resourceVersion=7"), "Watch configmaps");
        let status = "/apis/mgnet.dev/v1alpha1/namespaces/a/migrationnetworks/tokyo/status";
        assert_eq!(of(&Method::PUT, status), "Update migrationnetworks/status");
        assert_eq!(of(&Method::GET, "/api/v1/namespaces/kube-system"), "Get namespaces");
        assert_eq!(of(&Method::POST, "/apis/events.k8s.io/v1/namespaces/a/events"), "Create events");
    }

    #[test]
    fn a_call_mentions_complete_words_only() {
        let words = |word: &str| vec![word.to_owned()];
        let get = call(&Method::GET, "/apis/mgnet.dev/v1alpha1/namespaces/shaken-1/migrationnetworks/tokyo", "");
        assert!(get.mentions(&words("shaken-1")));
        assert!(!get.mentions(&words("shaken")) && !get.mentions(&words("shaken-11")));
        let selected = call(&Method::GET, "/apis/coordination.k8s.io/v1/leases?labelSelector=owner%3Dab-12", "");
        assert!(selected.mentions(&words("ab-12")));
        let posted = call(&Method::POST, "/api/v1/leases", r#"{"name":"200000000007.eu-west-1.vpc-1"}"#);
        assert!(posted.mentions(&words("200000000007")) && !posted.mentions(&words("20000000000")));
    }
}
