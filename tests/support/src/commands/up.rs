//! `lab up` and `lab down`: the environment of the demo, kept running to explore.

use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use super::hold::SPEED;
use super::local::Local;
use super::tokyo;

/// A start takes ten seconds on an idle machine.
const UP_WITHIN: Duration = Duration::from_mins(3);

/// Every process gets five seconds to end by itself.
const DOWN_WITHIN: Duration = Duration::from_mins(1);

/// Brings the environment up, unless it is, and says what to try.
pub(crate) async fn run() -> Result<()> {
    let local = Local::new()?;
    if local.is_held()? {
        println!("It is up already.");
    } else {
        println!("Starting a Kubernetes control plane, AWS in small, and the operator ...");
        local.withdraw();
        // What ended before: its logs would only be confusing.
        for log in ["lab.log", "mgnet.log", "aws-emulator.log"] {
            let _ = fs::remove_file(local.folder().join(log));
        }
        let mut holder = start_holder(&local)?;
        wait_until_up(&local, &mut holder).await?;
    }
    say_what_to_try(&local);
    Ok(())
}

/// Starts `lab hold` in a process group of its own: it outlives this process, and Ctrl-C does not reach it.
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
    let deadline = Instant::now() + UP_WITHIN;
    while !local.env().is_file() {
        let said = || fs::read_to_string(local.log()).unwrap_or_default();
        if let Some(status) = holder.try_wait()? {
            ensure!(local.is_held()?, "it did not come up ({status}):\n{}", said());
        }
        if Instant::now() > deadline {
            bail!("it is not up after {} s, see '{}':\n{}", UP_WITHIN.as_secs(), local.log().display(), said());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}

fn say_what_to_try(local: &Local) {
    let env = local.env().display().to_string();
    let folder = local.folder().display().to_string();
    let sample = tokyo::SAMPLE;
    let namespace = tokyo::NAMESPACE;
    println!(
        "
Kubernetes, the operator, and AWS {SPEED} times as fast as the original, with the VPC of {sample} in account \
         {account}.

  . {env}
                          KUBECONFIG, AWS_ENDPOINT_URL, AWS_REGION and keys for this shell; kubectl in PATH

  kubectl apply -k {sample}
  kubectl get mgnet -A -o wide --watch
  kubectl describe mgnet tokyo -n {namespace}
                          a network comes up
  kubectl patch mgnet tokyo -n {namespace} --type merge -p '{{\"spec\":{{\"resolver\":{{\"mode\":\"Disabled\"}}}}}}'
                          an edit in place
  aws ec2 describe-vpc-endpoints --query 'VpcEndpoints[].[ServiceName,State]' --output text
  aws ec2 delete-vpc-endpoints --vpc-endpoint-ids vpce-...
                          look at AWS, and break something; the operator puts it right
  curl -s \"$AWS_ENDPOINT_URL/_world/calls?account={account}\"
                          every call of the operator to AWS
  kubectl delete mgnet tokyo -n {namespace}
                          and all of it goes again

  logs: {folder}/mgnet.log, {folder}/aws-emulator.log
  make down               stops it all",
        account = tokyo::ACCOUNT,
    );
}

/// Stops the environment, if it is up.
pub(crate) fn down() -> Result<()> {
    let local = Local::new()?;
    if !local.is_held()? {
        local.withdraw();
        println!("Nothing is up.");
        return Ok(());
    }
    let holder = local.holder()?.to_string();
    let asked = Command::new("kill").args(["-s", "TERM", &holder]).status().context("cannot run `kill`")?;
    ensure!(asked.success(), "cannot stop process {holder}");
    let deadline = Instant::now() + DOWN_WITHIN;
    while local.is_held()? {
        ensure!(Instant::now() < deadline, "process {holder} does not end");
        thread::sleep(Duration::from_millis(50));
    }
    println!("Stopped.");
    Ok(())
}
