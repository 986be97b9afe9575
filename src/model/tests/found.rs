//! Returns the findings of the preflight in the Tokyo VPC after a change, blocking or not.

use crate::model::{
    observed::Observed,
    preflight::checks::Check,
    settings::Settings,
    testing::{place, settings, tokyo},
};

pub(crate) fn findings(change: impl FnOnce(&mut Settings, &mut Observed)) -> Vec<(Check, String)> {
    let (mut settings, mut observed) = (settings(), tokyo());
    change(&mut settings, &mut observed);
    let resolved = place(&settings, &observed);
    let blocked = resolved.is_err();
    let found = resolved.map_or_else(|findings| findings, |placement| placement.warnings);
    assert_eq!(
        blocked,
        found.iter().any(|finding| finding.reason().is_some()),
        "errors block, warnings do not: {found:#?}"
    );
    found.into_iter().map(|finding| (finding.check, finding.message)).collect()
}

pub(crate) fn one(change: impl FnOnce(&mut Settings, &mut Observed), check: Check, words: &str) {
    let found = findings(change);
    assert!(
        matches!(&found[..], [(found, message)] if *found == check && message.contains(words)),
        "expected one finding of {check} with '{words}', found {found:#?}"
    );
}
