//! The flags about the operator's own AWS identity.

use anyhow::{Context as _, Result};
use clap::ArgAction;

use crate::aws::{AwsClouds, InstanceRole, Rates};

/// The flags that control which AWS identity a command has.
#[derive(clap::Args, Clone, Debug)]
pub(super) struct AwsOptions {
    /// Work with the role of the EC2 instance, if no other source of AWS credentials is configured. By default the
    /// operator never uses that role, so that a missing identity is reported
    #[arg(
        long,
        env = "MGNET_ALLOW_INSTANCE_ROLE",
        default_value_t = false,
        action = ArgAction::Set,
        value_name = "BOOLEAN"
    )]
    allow_instance_role: bool,
}

impl AwsOptions {
    /// Connects to AWS with the configuration of the environment.
    ///
    /// # Errors
    /// If the environment names certificates that cannot be used.
    pub(super) async fn clouds(&self, rates: Rates) -> Result<AwsClouds> {
        let role = if self.allow_instance_role { InstanceRole::Allowed } else { InstanceRole::Denied };
        AwsClouds::from_env(rates, role).await.context("cannot create a client for AWS")
    }
}
