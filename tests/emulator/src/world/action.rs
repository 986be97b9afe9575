//! The definition of an AWS action.

use serde::{Serialize, de::DeserializeOwned};

use super::{Context, error::AwsError};

/// The services of the emulator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
pub enum Service {
    /// Amazon EC2.
    #[serde(rename = "ec2")]
    Ec2,
    /// AWS Application Migration Service.
    #[serde(rename = "mgn")]
    Mgn,
    /// Amazon Route 53 Resolver.
    #[serde(rename = "route53resolver")]
    Resolver,
    /// Amazon Route 53.
    #[serde(rename = "route53")]
    Route53,
    /// AWS Security Token Service.
    #[serde(rename = "sts")]
    Sts,
}

/// An AWS action; the request is the value itself.
///
/// An action checks everything before it changes anything, so that a rejected call has no effect.
pub trait Action: DeserializeOwned {
    /// The service of the action.
    const SERVICE: Service;
    /// The name of the action in requests.
    const NAME: &'static str;
    /// The answer. Its field names are those of the AWS protocol.
    type Answer: Serialize;

    /// Executes the action.
    fn run(self, context: &mut Context<'_>) -> Result<Self::Answer, AwsError>;
}

/// The answer of EC2 actions that return only success.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Done {
    /// Always true.
    #[serde(rename = "return")]
    pub done: bool,
}

/// Returns success without other data.
pub(crate) const DONE: Done = Done { done: true };

/// The empty answer of some actions of Resolver and MGN.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Empty {}
