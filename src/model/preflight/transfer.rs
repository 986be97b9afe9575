//! Warns about an annotation for a transfer that has no effect, or that would hold up the deletion.

use crate::{
    api::{DeletionPolicy, TRANSFER_ANNOTATION},
    model::{
        preflight::checks::{Check, Finding},
        transfer::Transfer,
    },
};

/// Checks the annotation of a network that has this deletion policy.
pub fn check(transfer: &Transfer, policy: DeletionPolicy) -> Option<Finding> {
    let message = match (transfer, policy) {
        (Transfer::None, _) | (Transfer::To(_), DeletionPolicy::Retain) => return None,
        (Transfer::To(_) | Transfer::Invalid(_), DeletionPolicy::Delete) => no_effect(),
        (Transfer::Invalid(why), DeletionPolicy::Retain) => why.to_string(),
    };
    Some(Finding::new(Check::TransferPossible, message))
}

/// Returns the message about an annotation that has no effect.
pub fn no_effect() -> String {
    format!(
        "the annotation `{TRANSFER_ANNOTATION}` has no effect while `deletionPolicy` is 'Delete', and a deletion deletes the \
         resources; set `spec.deletionPolicy` to 'Retain', or remove the annotation"
    )
}
