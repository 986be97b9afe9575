//! Label and field selectors, as far as the operator and the tests use them.

use serde_json::Value;

use super::refusal::Refusal;

/// A conjunction of requirements. Without requirements it selects all objects.
#[derive(Debug, Default)]
pub(super) struct Selector(Vec<Requirement>);

#[derive(Debug)]
enum Requirement {
    LabelIs(String, String),
    LabelExists(String),
    FieldIs(String, String),
}

impl Selector {
    /// Parses the label selector and the field selector of a list.
    pub(super) fn parse(labels: Option<&str>, fields: Option<&str>) -> Result<Self, Refusal> {
        let mut requirements = Vec::new();
        for term in terms(labels) {
            requirements.push(match equality(term) {
                Some((key, value)) => Requirement::LabelIs(key, value),
                None if term.chars().all(|c| c.is_ascii_alphanumeric() || "-._/".contains(c)) => {
                    Requirement::LabelExists(term.to_owned())
                }
                None => return Err(Refusal::bad_request(format!("unsupported label selector '{term}'"))),
            });
        }
        for term in terms(fields) {
            let (path, value) =
                equality(term).ok_or_else(|| Refusal::bad_request(format!("unsupported field selector '{term}'")))?;
            requirements.push(Requirement::FieldIs(format!("/{}", path.replace('.', "/")), value));
        }
        Ok(Self(requirements))
    }

    pub(super) fn selects_all(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn selects(&self, object: &Value) -> bool {
        let labels = &object["metadata"]["labels"];
        self.0.iter().all(|requirement| match requirement {
            Requirement::LabelIs(key, value) => labels[key] == *value,
            Requirement::LabelExists(key) => labels.get(key).is_some(),
            Requirement::FieldIs(path, value) => object.pointer(path).is_some_and(|field| field == value),
        })
    }
}

fn terms(selector: Option<&str>) -> impl Iterator<Item = &str> {
    selector.unwrap_or_default().split(',').filter(|term| !term.is_empty())
}

fn equality(term: &str) -> Option<(String, String)> {
    let (key, value) = term.split_once("==").or_else(|| term.split_once('='))?;
    (!key.ends_with('!')).then(|| (key.to_owned(), value.to_owned()))
}
