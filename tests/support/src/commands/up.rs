//! `lab up` and `lab down`: start and stop the environment of the demo, which keeps running to explore.

use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use super::hold::SPEED;
use super::local::Local;
use super::tokyo;

/// The longest time that a start may take. On an idle machine it takes ten seconds.
const START_TIMEOUT: Duration = Duration::from_mins(3);

/// The longest time that a stop may take. Every process has five seconds to exit by itself.
const STOP_TIMEOUT: Duration = Duration::from_mins(1);

/// Starts the environment unless it runs already, and prints commands to try.
pub(crate) async fn run() -> Result<()> {
    let local = Local::new()?;
    if local.is_held()? {
        println!("The environment runs already.");
    } else {
        println!("Starting a Kubernetes control plane, an AWS emulator, and the operator ...");
        local.withdraw();
        // Logs of an earlier environment would be confusing.
        for log in ["lab.log", "mgnet.log", "aws-emulator.log"] {
            let _ = fs::remove_file(local.folder().join(log));
        }
        let mut holder = start_holder(&local)?;
        wait_until_up(&local, &mut holder).await?;
    }
    print_commands(&local);
    Ok(())
}

/// Starts `lab hold` in its own process group: it outlives this process, and Ctrl-C does not affect it.
fn start_holder(local: &Local) -> Result<Child> {
    let log = File::options().create(true).append(true).open(local.log())?;
    Command::new(std::env::current_exe()?)
        .arg("hold")
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .process_group(0)
        .spawn()
        .context("cannot start the process that holds the environment")
}

async fn wait_until_up(local: &Local, holder: &mut Child) -> Result<()> {
    let deadline = Instant::now() + START_TIMEOUT;
    while !local.env().is_file() {
        let log = || fs::read_to_string(local.log()).unwrap_or_default();
        if let Some(status) = holder.try_wait()? {
            ensure!(local.is_held()?, "the environment did not start ({status}):\n{}", log());
        }
        if Instant::now() > deadline {
            bail!(
                "the environment has not started after {} s, see '{}':\n{}",
                START_TIMEOUT.as_secs(),
                local.log().display(),
                log()
            );
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}

fn print_commands(local: &Local) {
    let env = local.env().display().to_string();
    let folder = local.folder().display().to_string();
    let sample = tokyo::SAMPLE;
    let namespace = tokyo::NAMESPACE;
    println!(
        "
Kubernetes, the operator, and an AWS emulator {SPEED} times as fast as AWS, with the VPC of {sample} in account \
         {account}.

  . {env}
                          KUBECONFIG, AWS_ENDPOINT_URL, AWS_REGION and keys for this shell; kubectl in PATH

  kubectl apply -k {sample}
  kubectl get mgnet -A -o wide --watch
  kubectl describe mgnet tokyo -n {namespace}
                          creates a network
  kubectl patch mgnet tokyo -n {namespace} --type merge -p '{{\"spec\":{{\"resolver\":{{\"mode\":\"Disabled\"}}}}}}'
                          edits the network in place
  aws ec2 describe-vpc-endpoints --query 'VpcEndpoints[].[ServiceName,State]' --output text
  aws ec2 delete-vpc-endpoints --vpc-endpoint-ids vpce-...
                          lists the endpoints, and deletes one; the operator restores it
  curl -s \"$AWS_ENDPOINT_URL/_world/calls?account={account}\"
                          lists every call of the operator to AWS
  kubectl delete mgnet tokyo -n {namespace}
                          deletes the network and its AWS resources

  logs: {folder}/mgnet.log, {folder}/aws-emulator.log
  make down               stops everything",
        account = tokyo::ACCOUNT,
    );
}

/// Stops the environment if it runs.
pub(crate) fn down() -> Result<()> {
    let local = Local::new()?;
    if !local.is_held()? {
        local.withdraw();
        println!("The environment does not run.");
        return Ok(());
    }
    let holder = local.holder()?.to_string();
    let signaled = Command::new("kill").args(["-s", "TERM", &holder]).status().context("cannot run `kill`")?;
    ensure!(signaled.success(), "cannot stop process {holder}");
    let deadline = Instant::now() + STOP_TIMEOUT;
    while local.is_held()? {
        ensure!(Instant::now() < deadline, "process {holder} does not exit");
        thread::sleep(Duration::from_millis(50));
    }
    println!("Stopped.");
    Ok(())
}
