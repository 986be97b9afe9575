//! The flags of leader election.

use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::ArgAction;
use kube::Config;

use crate::controller::{Election, Timing};

/// How one of several replicas becomes the leader.
#[derive(clap::Args, Clone, Debug)]
pub(super) struct ElectionOptions {
    /// Whether only the holder of the Lease 'mgnet-controller' works, of all that share the namespace
    #[arg(
        long,
        env = "MGNET_LEADER_ELECTION",
        default_value_t = true,
        action = ArgAction::Set,
        value_name = "BOOLEAN"
    )]
    leader_election: bool,

    /// Seconds for which the Lease of a leader counts that is not seen to renew it
    #[arg(long, env = "MGNET_LEASE_SECONDS", default_value_t = 15, value_parser = clap::value_parser!(u64).range(1..=3600))]
    lease_seconds: u64,

    /// Seconds after its last renewal at which a leader ends; fewer than those of the lease
    #[arg(long, env = "MGNET_RENEW_DEADLINE_SECONDS", default_value_t = 10.0, value_parser = seconds)]
    renew_deadline_seconds: f64,

    /// The most seconds between two tries to take or renew the Lease; fewer than those of the renew deadline
    #[arg(long, env = "MGNET_LEASE_RETRY_SECONDS", default_value_t = 2.0, value_parser = seconds)]
    lease_retry_seconds: f64,

    /// What the Lease names its holder by, with a random part
    #[arg(long, env = "POD_NAME", default_value = "mgnet", value_name = "NAME")]
    pod_name: String,
}

fn seconds(text: &str) -> Result<f64, String> {
    let seconds: f64 = text.parse().map_err(|_| format!("'{text}' is not a number"))?;
    if (0.01..=3600.0).contains(&seconds) { Ok(seconds) } else { Err("must be from 0.01 to 3600".to_owned()) }
}

impl ElectionOptions {
    /// What stands for election, if the flags ask for it.
    ///
    /// # Errors
    /// If the times do not fit together, or there is no client for the cluster.
    pub(super) fn election(&self, config: &Config, namespace: &str) -> Result<Option<Election>> {
        let timing = self.timing()?;
        let election = || Election::new(config.clone(), namespace, &self.pod_name, timing);
        self.leader_election.then(election).transpose().context("cannot use the Kubernetes cluster")
    }

    fn timing(&self) -> Result<Timing> {
        Timing::new(
            Duration::from_secs(self.lease_seconds),
            Duration::from_secs_f64(self.renew_deadline_seconds),
            Duration::from_secs_f64(self.lease_retry_seconds),
        )
        .map_err(anyhow::Error::msg)
        .context("--lease-seconds, --renew-deadline-seconds and --lease-retry-seconds do not fit together")
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        options: ElectionOptions,
    }

    fn timing(flags: &[&str]) -> Result<Timing> {
        Line::try_parse_from(["mgnet"].iter().chain(flags))?.options.timing()
    }

    #[test]
    fn the_times_are_those_of_kubernetes_own_controllers() -> Result<()> {
        let timing = timing(&[])?;
        assert_eq!([timing.lease, timing.renew_deadline, timing.retry].map(|time| time.as_secs()), [15, 10, 2]);
        Ok(())
    }

    #[test]
    fn times_that_do_not_fit_together_are_refused() {
        let unfit = [
            &["--lease-seconds=10"][..],
            &["--renew-deadline-seconds=15"],
            &["--lease-retry-seconds=10"],
            &["--lease-seconds=0"],
            &["--renew-deadline-seconds=nan"],
            &["--lease-retry-seconds=0"],
            &["--leader-election"],
        ];
        for flags in unfit {
            assert!(timing(flags).is_err(), "{flags:?}");
        }
        assert!(timing(&["--lease-seconds=3", "--renew-deadline-seconds=2", "--lease-retry-seconds=0.5"]).is_ok());
    }

    #[test]
    fn it_is_on_unless_it_is_said_to_be_off() -> Result<()> {
        assert!(Line::try_parse_from(["mgnet"])?.options.leader_election);
        assert!(!Line::try_parse_from(["mgnet", "--leader-election=false"])?.options.leader_election);
        Ok(())
    }
}
