//! The metrics of requests to AWS.

use std::{borrow::Cow, time::Duration};

use prometheus_client::{
    metrics::{counter::Counter, family::Family, histogram::Histogram},
    registry::Registry,
};

use crate::{
    aws::Account,
    model::{
        failure::{CallFailure, FailureClass},
        request_rates::Action,
    },
};

/// The code of a request that succeeded.
const OK: &str = "OK";

/// The code of every error that this version does not know: labels must not grow with what AWS invents.
const OTHER: &str = "Other";

type Operation = [(&'static str, &'static str); 2];
type OperationAndCode = [(&'static str, Cow<'static, str>); 3];

/// The counters of requests to AWS. Clones share them.
#[derive(Clone, Debug)]
pub struct RequestMetrics {
    requests: Family<OperationAndCode, Counter>,
    duration: Family<Operation, Histogram, fn() -> Histogram>,
    waited: Family<Operation, Histogram, fn() -> Histogram>,
    connection_failures: Family<[(&'static str, String); 3], Counter>,
}

impl Default for RequestMetrics {
    fn default() -> Self {
        Self {
            requests: Family::default(),
            duration: Family::new_with_constructor(durations),
            waited: Family::new_with_constructor(waits),
            connection_failures: Family::default(),
        }
    }
}

impl RequestMetrics {
    /// Adds the metrics to a registry.
    pub fn register(&self, registry: &mut Registry) {
        let Self { requests, duration, waited, connection_failures } = self.clone();
        registry.register(
            "mgnet_aws_requests",
            "Number of requests to AWS, each attempt counted, by the error code of the answer, or OK. A code that the operator \
             does not know counts as Other",
            requests,
        );
        registry.register(
            "mgnet_aws_request_duration_seconds",
            "Time from sending a request to AWS until its answer",
            duration,
        );
        registry.register(
            "mgnet_aws_limiter_wait_seconds",
            "Time for which a request waited for the operator's own rate limit",
            waited,
        );
        registry.register(
            "mgnet_aws_connection_failures",
            "Number of failed attempts to get valid credentials for an account and Region, by class of failure",
            connection_failures,
        );
    }

    /// Records the answer to a request.
    pub(super) fn answered(&self, action: Action, failure: Option<&CallFailure>, time: Duration) {
        let [service, operation] = of(action);
        let code = match failure {
            None => OK.into(),
            Some(failure) if failure.class == FailureClass::Unknown => OTHER.into(),
            Some(failure) => failure.code.clone().into(),
        };
        let labels = [(service.0, service.1.into()), (operation.0, operation.1.into()), ("code", code)];
        self.requests.get_or_create(&labels).inc();
        self.duration.get_or_create(&[service, operation]).observe(time.as_secs_f64());
    }

    /// Records that a request waited for the rate limit.
    pub(super) fn waited(&self, action: Action, time: Duration) {
        self.waited.get_or_create(&of(action)).observe(time.as_secs_f64());
    }

    /// Records that no connection to an account could be made.
    pub(super) fn not_connected(&self, account: &Account, class: FailureClass) {
        let labels = [
            ("account", account.id.clone()),
            ("region", account.region.clone()),
            // The names of the variants are the words of `docs/metrics.md`.
            ("class", format!("{class:?}")),
        ];
        self.connection_failures.get_or_create(&labels).inc();
    }
}

#[cfg(test)]
impl RequestMetrics {
    /// Sets a value of each metric: of a request that succeeded, and of one with an unknown error code.
    pub(crate) fn fill(&self) {
        let action = Action::ec2("DescribeVpcs");
        let unknown = CallFailure {
            class: FailureClass::Unknown,
            operation: action.to_string(),
            code: "InventedLater".to_owned(),
            message: String::new(),
            request_id: None,
        };
        self.answered(action, None, Duration::ZERO);
        self.answered(action, Some(&unknown), Duration::ZERO);
        self.waited(action, Duration::ZERO);
        let [id, region] = ["111122223333", "ap-northeast-1"].map(str::to_owned);
        let account = Account { id, region, role: None };
        self.not_connected(&account, FailureClass::Credentials);
    }
}

fn of(action: Action) -> Operation {
    [("service", action.service.as_str()), ("operation", action.name)]
}

/// From a fast answer to the timeout of a request, which is 10 s.
fn durations() -> Histogram {
    Histogram::new([0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0])
}

/// From no wait to the longest patience of a call, which is 45 s.
fn waits() -> Histogram {
    Histogram::new([0.001, 0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 15.0, 45.0])
}
