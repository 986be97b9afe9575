//! The report of a run, to attach to a bug.

use std::fmt::Write as _;

use crate::{
    case::Basis,
    clean_up::Leftover,
    journal::Answer,
    redaction::redact,
    runner::{Outcome, Verdict},
    target::Target,
};

/// The number of calls before a failure that the report shows.
const LAST_CALLS: usize = 25;

/// What a run found out, and where.
pub struct Report<'r> {
    /// The endpoint.
    pub target: &'r Target,
    /// `an AWS account`, or the URL of a model of AWS.
    pub place: String,
    /// The outcomes in the order of the cases.
    pub outcomes: &'r [Outcome],
    /// What the last clean-up left.
    pub leftovers: &'r [Leftover],
}

impl Report<'_> {
    /// Whether every case passed that could run, and nothing remains.
    pub fn is_good(&self) -> bool {
        let good = |outcome: &Outcome| matches!(outcome.verdict, Verdict::Passed | Verdict::Skipped(_));
        self.outcomes.iter().all(good) && self.leftovers.is_empty()
    }

    /// Returns the report in Markdown, without account IDs and identities.
    pub fn markdown(&self) -> String {
        let mut text = String::from("# Conformance of the AWS emulator\n\n");
        self.write_head(&mut text);
        self.write_summary(&mut text);
        for outcome in self.outcomes {
            write_details(&mut text, outcome);
        }
        redact(&text, self.target.account())
    }

    fn write_head(&self, text: &mut String) {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "- run: `{}`, ended {}", self.target.run().name(), jiff::Timestamp::now());
        let _ = writeln!(text, "- against: {}, Region `{}`", self.place, self.target.region());
        let _ = writeln!(text, "- mgnet {}", env!("CARGO_PKG_VERSION"));
        let _ = writeln!(
            text,
            "- SDKs: aws-sdk-ec2 {}, aws-sdk-route53 {}, aws-sdk-route53resolver {}, aws-sdk-sts {}",
            aws_sdk_ec2::meta::PKG_VERSION,
            aws_sdk_route53::meta::PKG_VERSION,
            aws_sdk_route53resolver::meta::PKG_VERSION,
            aws_sdk_sts::meta::PKG_VERSION,
        );
        let count = |wanted: fn(&Verdict) -> bool| self.outcomes.iter().filter(|one| wanted(&one.verdict)).count();
        let _ = writeln!(
            text,
            "- cases: {} passed, {} failed, {} skipped, {} not run",
            count(|verdict| *verdict == Verdict::Passed),
            count(|verdict| matches!(verdict, Verdict::Failed(_))),
            count(|verdict| matches!(verdict, Verdict::Skipped(_))),
            count(|verdict| *verdict == Verdict::Stopped),
        );
        match self.leftovers {
            [] => text.push_str("- clean-up: nothing is left\n"),
            left => {
                text.push_str("- clean-up: **these resources are left**\n");
                for leftover in left {
                    let _ = writeln!(text, "  - {}", one_line(&leftover.to_string()));
                }
            }
        }
    }

    fn write_summary(&self, text: &mut String) {
        text.push_str("\n| case | outcome | seconds |\n|---|---|---|\n");
        for outcome in self.outcomes {
            let verdict = match (&outcome.verdict, outcome.case.basis) {
                (Verdict::Passed, _) => "passed".to_owned(),
                (Verdict::Failed(_), Basis::Source(_)) => "**failed**".to_owned(),
                (Verdict::Failed(_), Basis::Assumed(_)) => "**failed** (an assumption)".to_owned(),
                (Verdict::Skipped(reason), _) => format!("skipped: {reason}"),
                (Verdict::Stopped, _) => "not run to its end".to_owned(),
            };
            let _ = writeln!(text, "| `{}` | {verdict} | {} |", outcome.case.name(), outcome.took.as_secs());
        }
    }
}

/// Writes the text and the last calls of a failure, or the calls of a success that AWS rejected: their messages are facts.
fn write_details(text: &mut String, outcome: &Outcome) {
    let answers: Vec<&Answer> = match &outcome.verdict {
        Verdict::Failed(_) => outcome.answers.iter().rev().take(LAST_CALLS).rev().collect(),
        Verdict::Passed | Verdict::Stopped => outcome.answers.iter().filter(|answer| answer.is_rejection()).collect(),
        Verdict::Skipped(_) => Vec::new(),
    };
    let failure = if let Verdict::Failed(failure) = &outcome.verdict { Some(failure) } else { None };
    if answers.is_empty() && failure.is_none() {
        return;
    }
    let basis = match outcome.case.basis {
        Basis::Source(source) => format!("Source: {source}"),
        Basis::Assumed(what) => format!("Assumed: {what}"),
    };
    let _ = writeln!(text, "\n## `{}`\n\n{basis}\n", outcome.case.name());
    if let Some(failure) = failure {
        let _ = writeln!(text, "```text\n{failure}\n```\n");
    }
    text.push_str("| action | status | code | message | request ID |\n|---|---|---|---|---|\n");
    for answer in answers {
        let shown = |value: &Option<String>| one_line(value.as_deref().unwrap_or_default());
        let status = answer.status.map_or_else(|| "no answer".to_owned(), |status| status.to_string());
        let (code, message, id) = (shown(&answer.code), shown(&answer.message), shown(&answer.request_id));
        let _ = writeln!(text, "| {} | {status} | {code} | {message} | {id} |", answer.operation);
    }
}

/// Returns the text as a cell of a table.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}
