//! The flags of leader election.

use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::ArgAction;
use kube::Config;

use crate::controller::{Election, Timing};

/// The flags that control how one of several replicas becomes the leader.
#[derive(clap::Args, Clone, Debug)]
pub(super) struct ElectionOptions {
    /// Reconcile only while this replica holds the Lease 'mgnet-controller' in the operator's namespace
    #[arg(
        long,
        env = "MGNET_LEADER_ELECTION",
        default_value_t = true,
        action = ArgAction::Set,
        value_name = "BOOLEAN"
    )]
    leader_election: bool,

    /// Seconds after which a standby takes over a Lease that it has not observed to be renewed
    #[arg(long, env = "MGNET_LEASE_SECONDS", default_value_t = 15, value_parser = clap::value_parser!(u64).range(1..=3600))]
    lease_seconds: u64,

    /// Seconds after its last renewal at which a leader exits; must be less than '--lease-seconds'
    #[arg(long, env = "MGNET_RENEW_DEADLINE_SECONDS", default_value_t = 10.0, value_parser = seconds)]
    renew_deadline_seconds: f64,

    /// Maximum seconds between two attempts to acquire or renew the Lease; must be less than
    /// '--renew-deadline-seconds'
    #[arg(long, env = "MGNET_LEASE_RETRY_SECONDS", default_value_t = 2.0, value_parser = seconds)]
    lease_retry_seconds: f64,

    /// Name of the pod, which identifies the holder in the Lease together with a random suffix
    #[arg(long, env = "POD_NAME", default_value = "mgnet", value_name = "NAME")]
    pod_name: String,
}

fn seconds(text: &str) -> Result<f64, String> {
    let seconds: f64 = text.parse().map_err(|_| format!("'{text}' is not a number"))?;
    if (0.01..=3600.0).contains(&seconds) { Ok(seconds) } else { Err("must be between 0.01 and 3600".to_owned()) }
}

impl ElectionOptions {
    /// Returns the participant in the election, or none if leader election is disabled.
    ///
    /// # Errors
    /// If the times contradict each other, or no client for the cluster can be created.
    pub(super) fn election(&self, config: &Config, namespace: &str) -> Result<Option<Election>> {
        let timing = self.timing()?;
        let election = || Election::new(config.clone(), namespace, &self.pod_name, timing);
        self.leader_election.then(election).transpose().context("cannot create a client for the Kubernetes cluster")
    }

    fn timing(&self) -> Result<Timing> {
        Timing::new(
            Duration::from_secs(self.lease_seconds),
            Duration::from_secs_f64(self.renew_deadline_seconds),
            Duration::from_secs_f64(self.lease_retry_seconds),
        )
        .map_err(anyhow::Error::msg)
        .context("'--lease-seconds', '--renew-deadline-seconds' and '--lease-retry-seconds' contradict each other")
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
    fn the_defaults_equal_those_of_the_kubernetes_controllers() -> Result<()> {
        let timing = timing(&[])?;
        assert_eq!([timing.lease, timing.renew_deadline, timing.retry].map(|time| time.as_secs()), [15, 10, 2]);
        Ok(())
    }

    #[test]
    fn contradictory_times_are_rejected() {
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
    fn leader_election_is_enabled_by_default() -> Result<()> {
        assert!(Line::try_parse_from(["mgnet"])?.options.leader_election);
        assert!(!Line::try_parse_from(["mgnet", "--leader-election=false"])?.options.leader_election);
        Ok(())
    }
}
