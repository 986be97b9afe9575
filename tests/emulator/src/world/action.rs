//! What an action of AWS is.

use serde::{Serialize, de::DeserializeOwned};

use super::{Context, error::AwsError};

/// The services of this world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
pub enum Service {
    /// Amazon EC2.
    #[serde(rename = "ec2")]
    Ec2,
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

/// One action: the request is the value itself.
///
/// An action checks everything before it changes anything, so that a refused call has no effect.
pub trait Action: DeserializeOwned {
    /// The service it belongs to.
    const SERVICE: Service;
    /// Its name on the wire.
    const NAME: &'static str;
    /// What it answers. Field names are those on the wire.
    type Answer: Serialize;

    /// Carries the action out.
    fn run(self, context: &mut Context<'_>) -> Result<Self::Answer, AwsError>;
}

/// The answer of EC2 actions that only say that they succeeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Done {
    /// Always true.
    #[serde(rename = "return")]
    pub done: bool,
}

/// Success, and nothing else to say.
pub(crate) const DONE: Done = Done { done: true };

/// The answer of Resolver actions that say nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Empty {}
