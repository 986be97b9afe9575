//! Checks have stable codes and documentation, and their warnings appear in status.

use std::collections::BTreeSet;

use crate::model::{
    preflight::checks::{Check, Finding, Severity},
    status::inventory,
};

const PAGE: &str = include_str!("../../../docs/checks.md");

#[test]
fn status_lists_each_warning_once_and_no_error() {
    let warning = |subject: &str| Finding::new(Check::ReturnRoutes, "x".repeat(2000)).about(subject);
    let found = [warning("rtb-2"), warning("rtb-1"), warning("rtb-1"), Finding::new(Check::VpcFound, "no".to_owned())];
    let listed = inventory::warnings(&found);
    assert_eq!(listed.iter().map(|one| one.subject.as_str()).collect::<Vec<_>>(), ["rtb-1", "rtb-2"]);
    assert!(listed.iter().all(|one| one.code == "MGN122" && one.message.len() == 1024));
    let many: Vec<Finding> = (0..100).map(|number| warning(&format!("{number}"))).collect();
    assert_eq!(inventory::warnings(&many).len(), 64);
}

#[test]
fn codes_are_stable_words_in_order_and_titles_are_sentences() {
    let codes: Vec<&str> = Check::ALL.iter().map(|check| check.code()).collect();
    assert_eq!(Check::ALL.iter().map(ToString::to_string).collect::<Vec<_>>(), codes);
    assert!(codes.is_sorted() && codes.iter().collect::<BTreeSet<_>>().len() == codes.len(), "{codes:?}");
    for check in Check::ALL {
        assert!(check.code().starts_with("MGN1") && check.code().len() == 6, "{check}");
        assert!(check.title().starts_with("The ") || check.title().starts_with("No "), "{}", check.title());
        assert!(!check.title().contains('.'), "{}", check.title());
    }
}

/// The sections of the page about checks: code, title and text.
fn sections(page: &str) -> Vec<(&str, &str, &str)> {
    let sections =
        page.split("\n## ").filter(|section| section.starts_with("MGN")).filter_map(|section| section.split_once('\n'));
    sections.filter_map(|(head, text)| head.split_once(' ').map(|(code, title)| (code, title, text))).collect()
}

#[test]
fn checks_and_documented_sections_match() {
    let written: Vec<(&str, &str)> = sections(PAGE).into_iter().map(|(code, title, _)| (code, title)).collect();
    let wanted: Vec<(&str, &str)> = Check::ALL.iter().map(|check| (check.code(), check.title())).collect();
    assert_eq!(written, wanted);
}

#[test]
fn every_section_has_severity_cause_cure_and_example() {
    for (check, (code, _, text)) in Check::ALL.iter().zip(sections(PAGE)) {
        let severity = match check.severity() {
            Severity::Error(reason) => format!("Error, reason `{reason}`."),
            Severity::Warning => "Warning.".to_owned(),
        };
        assert!(text.contains(&severity), "{code} must say: {severity}");
        for part in ["**Checks:**", "**Cause:**", "**Cure:**", &format!("```\n{code}: ")] {
            assert!(text.contains(part), "{code} lacks {part}");
        }
        let anchor = format!("<a id=\"{}\"></a>", code.to_lowercase());
        assert!(PAGE.contains(&anchor), "{code} lacks {anchor}");
    }
}

#[test]
fn readme_and_architecture_link_to_the_page() {
    assert!(include_str!("../../../README.md").contains("docs/checks.md"));
    assert!(include_str!("../../../docs/architecture.md").contains("checks.md"));
}
