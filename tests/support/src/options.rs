//! The options of a lab.

use std::path::PathBuf;

/// The options of a lab. The default is the shared lab of tests: AWS with an accelerated clock.
#[derive(Clone, Debug)]
pub struct LabOptions {
    /// The clock of AWS.
    pub clock: Clock,
    /// The delays of AWS's background work; see [`Delays`].
    pub delays: Delays,
    /// Whether the emulator throttles calls like AWS.
    pub throttle: bool,
    /// The account of the operator's own credentials. Roles trust it.
    pub operator_account: String,
    /// Whether kube-controller-manager runs. It deletes namespaces and collects dependents, but takes minutes to build.
    pub controllers: bool,
    /// The options of the operator.
    pub operator: OperatorOptions,
    /// The folder of logs and kubeconfigs. `None`: a folder in cargo's target folder. A later lab removes it after the
    /// process that created it has ended.
    pub folder: Option<PathBuf>,
    /// The folder that contains `mgnet` and `aws-emulator`. `None`: the folder of the running program.
    pub programs: Option<PathBuf>,
}

/// The clock of AWS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    /// A clock that only [`EmulatorControl::advance`](crate::EmulatorControl::advance) moves.
    Manual,
    /// A clock that runs faster than the wall clock by this factor.
    Wall {
        /// The seconds in AWS per second of the wall clock.
        speed: u32,
    },
}

/// The time that AWS takes for background work, such as making an endpoint available.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delays {
    /// No delay.
    None,
    /// A minute or so each, in the time of the [`Clock`].
    Aws,
}

/// The options of the operator.
#[derive(Clone, Debug)]
pub struct OperatorOptions {
    /// Whether the lab starts the operator. Otherwise [`Operator::start`](crate::Operator::start) does.
    pub start: bool,
    /// The interval of the resync of a network at rest, in seconds.
    pub resync_seconds: u32,
    /// The interval of the polls while AWS is at work, in seconds.
    pub poll_seconds: u32,
    /// How long a resource must be missing before it counts as deleted, in seconds.
    pub absence_grace_seconds: u32,
    /// The interval of the search for orphans, in seconds. The default is long, because tests count calls.
    pub orphan_look_seconds: u32,
    /// The longest time that one reconcile may take, in seconds.
    pub reconcile_deadline_seconds: u32,
    /// The number of networks that are reconciled at once.
    pub concurrency: u32,
    /// The factor by which the operator's call rates may exceed AWS's published rates.
    pub aws_rate_factor: u32,
    /// Whether leader election is on. A single operator does not need it, and after a kill and a restart it would wait
    /// until its own Lease expires.
    pub leader_election: bool,
    /// Whether endpoint policies may be in ConfigMaps.
    pub config_maps: bool,
    /// Further environment variables of the process; an empty value removes a variable that the lab sets.
    pub environment: Vec<(String, String)>,
    /// The filter of the log.
    pub log_filter: String,
    /// The program. `None`: `mgnet` in the folder of the other programs.
    pub program: Option<PathBuf>,
    /// Further arguments.
    pub arguments: Vec<String>,
    /// All arguments of `mgnet controller` but the addresses, such as those of a Deployment. `None`: those of the other options.
    pub all_arguments: Option<Vec<String>>,
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
            config_maps: true,
            environment: Vec::new(),
            log_filter: "info,mgnet=debug".to_owned(),
            program: None,
            arguments: Vec::new(),
            all_arguments: None,
        }
    }
}

impl OperatorOptions {
    /// Returns the command line with these options.
    pub(crate) fn command_line(&self, health_address: &str, metrics_address: &str) -> Vec<String> {
        let mut line = vec!["controller".to_owned()];
        let mut flag = |name: &str, value: &dyn std::fmt::Display| line.push(format!("--{name}={value}"));
        flag("health-address", &health_address);
        flag("metrics-address", &metrics_address);
        if let Some(arguments) = &self.all_arguments {
            line.extend(arguments.iter().cloned());
            return line;
        }
        let mut flag = |name: &str, value: &dyn std::fmt::Display| line.push(format!("--{name}={value}"));
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
        flag("config-maps", &self.config_maps);
        line.extend(self.arguments.iter().cloned());
        line
    }
}
