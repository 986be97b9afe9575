//! `lab hold`: the process behind `up`, which runs the environment until it gets a signal.

use anyhow::{Context, Result};
use support::{Clock, Lab, LabOptions, Landing, OperatorOptions};
use tokio::signal::unix::{SignalKind, signal};

use super::local::Local;
use super::tokyo;

/// The speed of AWS's clock. Minutes become seconds.
pub(crate) const SPEED: u32 = 20;

/// Runs the environment until SIGTERM or SIGINT. Returns at once if another process holds it.
pub(crate) async fn run() -> Result<()> {
    let local = Local::new()?;
    let Some(_held) = local.take()? else { return Ok(()) };
    local.withdraw();
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let environment = async {
        let lab = Lab::start(LabOptions {
            clock: Clock::Wall { speed: SPEED },
            operator_account: tokyo::ACCOUNT.to_owned(),
            operator: OperatorOptions { aws_rate_factor: SPEED, ..OperatorOptions::default() },
            folder: Some(local.folder().clone()),
            ..LabOptions::default()
        })
        .await?;
        let aws = tokyo::aws(&lab);
        let landing = Landing::make(&aws).await.context("cannot create the VPC")?;
        landing.initialize_mgn(&aws).await?;
        local.publish(&lab)?;
        println!("up");
        // The lab runs until this future is dropped.
        std::future::pending::<()>().await;
        drop(lab);
        anyhow::Ok(())
    };
    let result = tokio::select! {
        result = environment => result,
        _ = terminate.recv() => Ok(()),
        _ = interrupt.recv() => Ok(()),
    };
    local.withdraw();
    result
}
