//! What can be chosen about a lab.

use std::path::PathBuf;

/// What can be chosen about a lab. The default is what tests share: AWS in fast motion.
#[derive(Clone, Debug)]
pub struct LabOptions {
    /// What time it is in AWS.
    pub clock: Clock,
    /// Whether AWS takes its time for what it does in the background; see [`Delays`].
    pub delays: Delays,
    /// Whether AWS throttles calls as it does in truth.
    pub throttle: bool,
    /// The account that the operator's own credentials lead into. Roles trust it.
    pub operator_account: String,
    /// Whether kube-controller-manager runs: it deletes namespaces and collects dependents, and takes minutes to build.
    pub controllers: bool,
    /// How the operator runs.
    pub operator: OperatorOptions,
    /// Where logs and kubeconfigs go. `None`: a folder in cargo's target folder, which the next lab removes when the
    /// process that made it has ended.
    pub folder: Option<PathBuf>,
    /// The folder that holds `mgnet` and `aws-emulator`. `None`: where the running program lies.
    pub programs: Option<PathBuf>,
}

/// What time it is in AWS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    /// It stands still until [`World::advance`](crate::World::advance).
    Manual,
    /// It runs this many times as fast as the clock on the wall.
    Wall {
        /// Seconds in AWS for each second here.
        speed: u32,
    },
}

/// How long AWS takes for what it does in the background, such as making an endpoint available.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delays {
    /// No time at all.
    None,
    /// A minute or so each, in the time of the [`Clock`].
    Aws,
}

/// How the operator runs.
#[derive(Clone, Debug)]
pub struct OperatorOptions {
    /// Whether the lab starts it. If not, [`Operator::start`](crate::Operator::start) does.
    pub start: bool,
    /// How often a network at rest is compared with AWS, in seconds.
    pub resync_seconds: u32,
    /// How often it looks while AWS is at work, in seconds.
    pub poll_seconds: u32,
    /// For how long a missing resource may be one that AWS does not show yet, in seconds.
    pub absence_grace_seconds: u32,
    /// How often it looks for what networks that are gone have left, in seconds. Seldom: tests count calls.
    pub orphan_look_seconds: u32,
    /// The longest that one reconcile may take, in seconds.
    pub reconcile_deadline_seconds: u32,
    /// How many networks are reconciled at once.
    pub concurrency: u32,
    /// How many times AWS's published rates it may call at.
    pub aws_rate_factor: u32,
    /// Whether it leads only while it holds the Lease. One that is alone has nobody to wait for, and started again after a
    /// kill it would wait for its own Lease to expire.
    pub leader_election: bool,
    /// The filter of its log.
    pub log_filter: String,
    /// The program. `None`: `mgnet` beside the other programs.
    pub program: Option<PathBuf>,
    /// Further arguments.
    pub arguments: Vec<String>,
}

impl Default for LabOptions {
    fn default() -> Self {
        let speed = 60;
        Self {
            clock: Clock::Wall { speed },
            delays: Delays::Aws,
            throttle: true,
            operator_account: "100000000000".to_owned(),
            controllers: true,
            operator: OperatorOptions { aws_rate_factor: speed, ..OperatorOptions::default() },
            folder: None,
            programs: None,
        }
    }
}

impl Default for OperatorOptions {
    fn default() -> Self {
        Self {
            start: true,
            resync_seconds: 3,
            poll_seconds: 1,
            absence_grace_seconds: 2,
            orphan_look_seconds: 604_800,
            reconcile_deadline_seconds: 60,
            concurrency: 8,
            aws_rate_factor: 1,
            leader_election: false,
            log_filter: "info,mgnet=debug".to_owned(),
            program: None,
            arguments: Vec::new(),
        }
    }
}

impl OperatorOptions {
    /// The command line that says this.
    pub(crate) fn command_line(&self, health_address: &str) -> Vec<String> {
        let mut line = vec!["controller".to_owned()];
        let mut flag = |name: &str, value: &dyn std::fmt::Display| line.push(format!("--{name}={value}"));
        flag("health-address", &health_address);
        flag("log-format", &"text");
        flag("log-filter", &self.log_filter);
        flag("resync-seconds", &self.resync_seconds);
        flag("poll-seconds", &self.poll_seconds);
        flag("absence-grace-seconds", &self.absence_grace_seconds);
        flag("orphan-look-seconds", &self.orphan_look_seconds);
        flag("reconcile-deadline-seconds", &self.reconcile_deadline_seconds);
        flag("concurrency", &self.concurrency);
        flag("aws-rate-factor", &self.aws_rate_factor);
        flag("leader-election", &self.leader_election);
        line.extend(self.arguments.iter().cloned());
        line
    }
}
