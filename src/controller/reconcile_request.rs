//! The annotation [`RECONCILE_ANNOTATION`], with which users request a reconcile. The watch starts one as soon as the
//! annotation changes, and status reports the value when that reconcile has ended.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::{
    api::{MAX_RECONCILE_REQUEST, RECONCILE_ANNOTATION},
    text::truncate,
};

/// Returns the value of the annotation as status reports it, unless it is empty or the last handled one.
pub(super) fn unhandled(metadata: &ObjectMeta, handled: Option<&String>) -> Option<String> {
    let value = metadata.annotations.as_ref()?.get(RECONCILE_ANNOTATION)?;
    let value = truncate(value, MAX_RECONCILE_REQUEST);
    (!value.is_empty() && handled != Some(&value)).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unhandled(value: Option<&str>, handled: Option<&str>) -> Option<String> {
        let annotation = |value: &str| [(RECONCILE_ANNOTATION.to_owned(), value.to_owned())].into();
        let metadata = ObjectMeta { annotations: value.map(annotation), ..ObjectMeta::default() };
        super::unhandled(&metadata, handled.map(str::to_owned).as_ref())
    }

    #[test]
    fn every_new_value_requests_a_reconcile() {
        assert_eq!(unhandled(Some("1"), None).as_deref(), Some("1"));
        assert_eq!(unhandled(Some("1"), Some("2")).as_deref(), Some("1"), "the order of values does not matter");
        assert_eq!(unhandled(Some("1"), Some("1")), None);
    }

    #[test]
    fn a_missing_or_empty_value_requests_nothing() {
        assert_eq!(unhandled(None, Some("1")), None);
        assert_eq!(unhandled(Some(""), Some("1")), None);
    }

    #[test]
    fn a_value_that_is_too_long_for_status_is_handled_once() {
        let long = "東".repeat(MAX_RECONCILE_REQUEST + 1);
        let shown = unhandled(Some(&long), None).expect("it is new");
        assert_eq!(shown.chars().count(), MAX_RECONCILE_REQUEST);
        assert_eq!(unhandled(Some(&long), Some(&shown)), None);
    }
}
