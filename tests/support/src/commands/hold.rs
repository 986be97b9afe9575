//! `lab hold`: the process behind `up`, which has the environment until it is asked to end.

use anyhow::{Context, Result};
use support::{Clock, Lab, LabOptions, Landing, OperatorOptions};
use tokio::signal::unix::{SignalKind, signal};

use super::local::Local;
use super::tokyo;

/// AWS's minutes become seconds.
pub(crate) const SPEED: u32 = 20;

/// Holds the environment; returns at SIGTERM, or at once if somebody else has it.
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
        Landing::make(&tokyo::aws(&lab)).await.context("cannot make the VPC")?;
        local.publish(&lab)?;
        println!("up");
        // Kept until this future is dropped.
        std::future::pending::<()>().await;
        drop(lab);
        anyhow::Ok(())
    };
    let ended = tokio::select! {
        ended = environment => ended,
        _ = terminate.recv() => Ok(()),
        _ = interrupt.recv() => Ok(()),
    };
    local.withdraw();
    ended
}
