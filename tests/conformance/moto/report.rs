//! What a scenario saw, and how two reports of it are compared.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Debug,
};

use aws_sdk_ec2::error::{ProvideErrorMetadata, SdkError};

/// What was seen, by what was looked at. Nothing in it may differ from run to run: no ids, no addresses, no times.
#[derive(Debug, Default)]
pub(crate) struct Report(BTreeMap<&'static str, String>);

impl Report {
    /// Notes what was seen.
    pub(crate) fn see(&mut self, what: &'static str, seen: impl Debug) {
        let before = self.0.insert(what, format!("{seen:?}"));
        assert!(before.is_none(), "{what} was looked at twice");
    }

    /// Notes what became of a call: `ok`, the code of the error, or what became of the answer.
    pub(crate) fn call<T, E: ProvideErrorMetadata>(
        &mut self,
        what: &'static str,
        outcome: Result<T, SdkError<E>>,
    ) -> Option<T> {
        let (code, answer) = match outcome {
            Ok(answer) => ("ok".to_owned(), Some(answer)),
            Err(SdkError::ServiceError(error)) => (error.err().code().unwrap_or("no code").to_owned(), None),
            Err(SdkError::ResponseError(_)) => ("unreadable".to_owned(), None),
            Err(_) => ("no answer".to_owned(), None),
        };
        self.see(what, code);
        answer
    }
}

/// A difference: what is looked at, and what moto says of it.
pub(crate) type Deviation = (&'static str, &'static str);

/// The reports must be equal but for the deviations, and each deviation must be one.
pub(crate) fn compare(ours: &Report, theirs: &Report, deviations: &[Deviation]) {
    let listed: BTreeMap<&str, &str> = deviations.iter().copied().collect();
    assert_eq!(listed.len(), deviations.len(), "a deviation is listed twice");
    let subjects: BTreeSet<&str> =
        ours.0.keys().chain(theirs.0.keys()).copied().chain(listed.keys().copied()).collect();
    let nothing = || "nothing".to_owned();
    let mut wrong = Vec::new();
    for subject in subjects {
        let of = |report: &Report| report.0.get(subject).cloned().unwrap_or_else(nothing);
        let (emulator, moto) = (of(ours), of(theirs));
        match listed.get(subject) {
            None if emulator == moto => {}
            None => wrong.push(format!("(\"{subject}\", {moto:?}) is not listed; the emulator says {emulator:?}")),
            Some(_) if emulator == moto => {
                wrong.push(format!("\"{subject}\" is listed, but moto says what the emulator says: {moto:?}"));
            }
            Some(known) if *known != moto => {
                wrong.push(format!("\"{subject}\" is listed with {known:?}, but moto says {moto:?}"));
            }
            Some(_) => {}
        }
    }
    assert!(wrong.is_empty(), "{} differences are not as listed:\n{}", wrong.len(), wrong.join("\n"));
}

#[cfg(test)]
mod tests {
    use super::{Report, compare};

    fn report(seen: &str) -> Report {
        let mut report = Report::default();
        report.see("a thing", seen);
        report
    }

    #[test]
    fn equal_reports_need_no_deviation() {
        compare(&report("x"), &report("x"), &[]);
    }

    #[test]
    fn a_listed_deviation_is_allowed() {
        compare(&report("x"), &report("y"), &[("a thing", "\"y\"")]);
    }

    #[test]
    #[should_panic(expected = "is not listed")]
    fn a_deviation_that_is_not_listed_fails() {
        compare(&report("x"), &report("y"), &[]);
    }

    #[test]
    #[should_panic(expected = "moto says what the emulator says")]
    fn a_deviation_that_is_gone_fails() {
        compare(&report("x"), &report("x"), &[("a thing", "\"y\"")]);
    }

    #[test]
    #[should_panic(expected = "is listed with")]
    fn a_deviation_that_became_another_one_fails() {
        compare(&report("x"), &report("z"), &[("a thing", "\"y\"")]);
    }

    #[test]
    #[should_panic(expected = "is listed with")]
    fn a_deviation_of_nothing_that_is_looked_at_fails() {
        compare(&Report::default(), &report("x"), &[("another thing", "\"y\""), ("a thing", "\"y\"")]);
    }
}
