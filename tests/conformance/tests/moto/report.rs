//! The report of a scenario, and the comparison of two reports.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Debug,
};

use aws_sdk_ec2::error::{ProvideErrorMetadata, SdkError};

/// The recorded values by subject. A value must not differ from run to run: no IDs, no addresses, no times.
#[derive(Debug, Default)]
pub(crate) struct Report(BTreeMap<&'static str, String>);

impl Report {
    /// Records a value.
    pub(crate) fn record(&mut self, subject: &'static str, value: impl Debug) {
        let before = self.0.insert(subject, format!("{value:?}"));
        assert!(before.is_none(), "\"{subject}\" was recorded twice");
    }

    /// Records the outcome of a call: `ok`, the error code, or the reason why there is no readable answer.
    pub(crate) fn call<T, E: ProvideErrorMetadata>(
        &mut self,
        subject: &'static str,
        outcome: Result<T, SdkError<E>>,
    ) -> Option<T> {
        let (code, answer) = match outcome {
            Ok(answer) => ("ok".to_owned(), Some(answer)),
            Err(SdkError::ServiceError(error)) => (error.err().code().unwrap_or("no code").to_owned(), None),
            Err(SdkError::ResponseError(_)) => ("unreadable".to_owned(), None),
            Err(_) => ("no answer".to_owned(), None),
        };
        self.record(subject, code);
        answer
    }
}

/// A known difference: the subject, and the value of moto.
pub(crate) type Deviation = (&'static str, &'static str);

/// Compares two reports. They must be equal except for the deviations, and each deviation must still exist.
pub(crate) fn compare(ours: &Report, theirs: &Report, deviations: &[Deviation]) {
    let listed: BTreeMap<&str, &str> = deviations.iter().copied().collect();
    assert_eq!(listed.len(), deviations.len(), "a deviation is listed twice");
    let subjects: BTreeSet<&str> =
        ours.0.keys().chain(theirs.0.keys()).copied().chain(listed.keys().copied()).collect();
    let absent = || "nothing".to_owned();
    let mut wrong = Vec::new();
    for subject in subjects {
        let of = |report: &Report| report.0.get(subject).cloned().unwrap_or_else(absent);
        let (emulator, moto) = (of(ours), of(theirs));
        match listed.get(subject) {
            None if emulator == moto => {}
            None => wrong
                .push(format!("(\"{subject}\", {moto:?}) is not listed; the value of the emulator is {emulator:?}")),
            Some(_) if emulator == moto => {
                wrong.push(format!("\"{subject}\" is listed, but moto agrees with the emulator: {moto:?}"));
            }
            Some(known) if *known != moto => {
                wrong.push(format!("\"{subject}\" is listed with {known:?}, but the value of moto is {moto:?}"));
            }
            Some(_) => {}
        }
    }
    assert!(wrong.is_empty(), "{} differences are not as listed:\n{}", wrong.len(), wrong.join("\n"));
}

#[cfg(test)]
mod tests {
    use super::{Report, compare};

    fn report(value: &str) -> Report {
        let mut report = Report::default();
        report.record("a thing", value);
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
    fn an_unlisted_deviation_fails() {
        compare(&report("x"), &report("y"), &[]);
    }

    #[test]
    #[should_panic(expected = "moto agrees with the emulator")]
    fn a_listed_deviation_that_no_longer_exists_fails() {
        compare(&report("x"), &report("x"), &[("a thing", "\"y\"")]);
    }

    #[test]
    #[should_panic(expected = "is listed with")]
    fn a_listed_deviation_with_another_value_fails() {
        compare(&report("x"), &report("z"), &[("a thing", "\"y\"")]);
    }

    #[test]
    #[should_panic(expected = "is listed with")]
    fn a_listed_deviation_without_a_recorded_value_fails() {
        compare(&Report::default(), &report("x"), &[("another thing", "\"y\""), ("a thing", "\"y\"")]);
    }
}
