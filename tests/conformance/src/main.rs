//! The `conformance` binary: runs the cases against a model of AWS, or against an AWS account.

use std::{fs, path::PathBuf, pin::pin, process::ExitCode, time::Duration};

use anyhow::{Context as _, Result, bail};
use aws_config::{BehaviorVersion, Region, SdkConfig, retry::RetryConfig, timeout::TimeoutConfig};
use clap::{Args, Parser, Subcommand};
use conformance::{
    Case, Estimate, Leftover, Outcome, Pace, Report, Run, Target, Verdict, cents, clean_up, config_of_stand_in,
    ownership, run, select, table,
};
use futures::FutureExt as _;

/// Attempts for each call in an AWS account, where calls are throttled.
const ATTEMPTS: u32 = 6;
/// The time for one attempt.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(30);

/// Compares AWS with what the emulator's tests expect of it.
#[derive(Parser)]
#[command(name = "conformance", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the cases, delete everything that they created, and write a report
    Run(RunArguments),
    /// Delete what a run that was killed has left
    CleanUp(CleanUpArguments),
    /// Print all cases with their sources, what they create, and whether they run in an account
    List,
}

#[derive(Args)]
struct RunArguments {
    #[command(flatten)]
    place: Place,
    /// The most that AWS may charge for the run, in US dollars, such as 2.50; required with --real-account
    #[arg(long, value_name = "USD", value_parser = cents, requires = "real_account")]
    yes_i_pay_up_to: Option<u64>,
    /// Run only cases whose name contains this text, or the `cheap` or the `slow` ones; can be repeated
    #[arg(long, value_name = "TEXT")]
    cases: Vec<String>,
    /// The file for the report [default: conformance-RUN.md]
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
}

#[derive(Args)]
struct CleanUpArguments {
    #[command(flatten)]
    place: Place,
    /// The run, as its first line of output named it: the value of the tag `mgnet-conformance-run`
    run: String,
}

/// Where to run.
#[derive(Args)]
#[group(skip)]
struct Place {
    /// The URL of a model of AWS, such as the emulator or moto
    #[arg(long, value_name = "URL", conflicts_with = "real_account", required_unless_present = "real_account")]
    endpoint: Option<String>,
    /// The ID of an AWS account, which the credentials in the environment must belong to
    #[arg(long, value_name = "ID", value_parser = account_id)]
    real_account: Option<String>,
    /// The AWS Region
    #[arg(long, default_value = "ap-northeast-1")]
    region: String,
    /// The seconds between two reads while a case waits
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = seconds)]
    interval: Duration,
    /// The seconds after which a wait fails
    #[arg(long, value_name = "SECONDS", default_value = "900", value_parser = seconds)]
    patience: Duration,
}

fn account_id(text: &str) -> Result<String, String> {
    let is_id = text.len() == 12 && text.bytes().all(|c| c.is_ascii_digit());
    is_id.then(|| text.to_owned()).ok_or_else(|| "an account ID has 12 digits".to_owned())
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().map_err(|error| format!("{error}"))?;
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}

/// The account that a model of AWS gets if none is named.
const ACCOUNT_OF_STAND_IN: &str = "111111111111";

impl Place {
    async fn config(&self) -> SdkConfig {
        match &self.endpoint {
            Some(url) => config_of_stand_in(url, ACCOUNT_OF_STAND_IN, &self.region).await,
            None => {
                aws_config::defaults(BehaviorVersion::latest())
                    .region(Region::new(self.region.clone()))
                    .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS))
                    .timeout_config(TimeoutConfig::builder().operation_attempt_timeout(ATTEMPT_TIMEOUT).build())
                    .load()
                    .await
            }
        }
    }

    async fn connect(&self, run: Run) -> Result<Target> {
        let pace = Pace { interval: self.interval, patience: self.patience };
        Target::connect(&self.config().await, self.real_account.as_deref(), run, pace).await
    }

    fn name(&self) -> String {
        self.endpoint.clone().unwrap_or_else(|| "an AWS account".to_owned())
    }

    /// Returns the flags that name the place, for the command that cleans up.
    fn flags(&self) -> String {
        let place = match (&self.endpoint, &self.real_account) {
            (Some(url), _) => format!("--endpoint {url}"),
            (None, account) => format!("--real-account {}", account.as_deref().unwrap_or_default()),
        };
        format!("{place} --region {}", self.region)
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    // The text of a failed case is in the report.
    std::panic::set_hook(Box::new(|_| {}));
    let outcome = match Cli::parse().command {
        Command::Run(arguments) => run_cases(&arguments).await,
        Command::CleanUp(arguments) => clean_up_run(arguments).await,
        Command::List => {
            print!("{}", table());
            Ok(ExitCode::SUCCESS)
        }
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("conformance: {error:#}");
        ExitCode::from(2)
    })
}

/// Checks that the estimate is covered, before anything is created.
fn check_cost(cases: &[&Case], arguments: &RunArguments) -> Result<()> {
    if arguments.place.real_account.is_none() {
        return Ok(());
    }
    let estimate = Estimate::of(cases, &arguments.place.region)?;
    println!("estimated cost: {}", estimate.explain());
    match arguments.yes_i_pay_up_to {
        None => bail!("AWS charges for these cases; accept the estimate with `--yes-i-pay-up-to USD`"),
        Some(most) if estimate.cents() > most => {
            bail!("the estimate exceeds `--yes-i-pay-up-to`; raise it, or choose cases, such as `--cases cheap`")
        }
        Some(_) => Ok(()),
    }
}

async fn run_cases(arguments: &RunArguments) -> Result<ExitCode> {
    let in_account = arguments.place.real_account.is_some();
    let cases = select(&arguments.cases);
    if cases.is_empty() {
        bail!("no case has such a name; `conformance list` prints all of them");
    }
    check_cost(&cases, arguments)?;
    let target = arguments.place.connect(Run::begin()).await?;
    let name = target.run().name().to_owned();
    println!(
        "run {name}: everything that it creates has the tag {}={name}; should it be killed, clean up with:\n  conformance \
         clean-up {} {name}",
        ownership::TAG,
        arguments.place.flags(),
    );
    let outcomes = run(&target, &cases, in_account, pin!(stopped()).as_mut(), show).await;
    let leftovers = clean_up(&target).await;
    let report = Report { target: &target, place: arguments.place.name(), outcomes: &outcomes, leftovers: &leftovers };
    let file = arguments.report.clone().unwrap_or_else(|| format!("conformance-{name}.md").into());
    fs::write(&file, report.markdown()).with_context(|| format!("writing the report to {}", file.display()))?;
    println!("the report for a bug is in {}", file.display());
    warn_of(&leftovers);
    Ok(if report.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn clean_up_run(arguments: CleanUpArguments) -> Result<ExitCode> {
    let target = arguments.place.connect(Run::named(arguments.run)).await?;
    let leftovers = clean_up(&target).await;
    if leftovers.is_empty() {
        println!("nothing is left of the run {}", target.run().name());
        return Ok(ExitCode::SUCCESS);
    }
    warn_of(&leftovers);
    Ok(ExitCode::FAILURE)
}

fn show(outcome: &Outcome) {
    let name = outcome.case.name();
    match &outcome.verdict {
        Verdict::Passed => println!("passed   {name}"),
        Verdict::Failed(text) => println!("FAILED   {name}: {}", text.lines().next().unwrap_or_default()),
        Verdict::Skipped(reason) => println!("skipped  {name}: {reason}"),
        Verdict::Stopped => println!("not run  {name}"),
    }
    warn_of(&outcome.leftovers);
}

fn warn_of(leftovers: &[Leftover]) {
    for leftover in leftovers {
        eprintln!("conformance: not deleted, and AWS may charge for it: {leftover}");
    }
}

/// Waits for Ctrl-C or SIGTERM. The clean-up that follows is not interrupted by further ones.
async fn stopped() {
    let interrupt = tokio::signal::ctrl_c().map(drop);
    let terminate = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => drop(signal.recv().await),
            Err(_) => std::future::pending().await,
        }
    };
    futures::future::select(pin!(interrupt), pin!(terminate)).await;
    eprintln!("conformance: stopped; deleting what the run has created, which takes minutes in AWS");
}
