//! The networks whose hand-offs an export contains: all that have one. An export must not fail because one of many networks is
//! new, but an incomplete export must not pass for a complete one, because the difference between two exports is a change
//! request.

use anyhow::{Context as _, Result, bail};

use super::network::{self, HandOff};
use crate::api::MigrationNetwork;

/// What an export contains of each network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// Whether hand-offs are exported whose addresses do not exist yet.
    pub planned: bool,
    /// Whether forwarders name buckets instead of the whole S3 domain.
    pub narrow: bool,
}

/// The hand-offs of networks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection {
    /// The hand-offs, at least one.
    pub hand_offs: Vec<HandOff>,
    /// One message for each network that has no hand-off in the scope.
    pub left_out: Vec<String>,
}

impl Selection {
    /// Parses the hand-offs of the networks that have one.
    ///
    /// # Errors
    /// If none has one, or if one contains an invalid value: a file without it would look like a request to remove it.
    pub fn of(networks: &[MigrationNetwork], scope: Scope) -> Result<Self> {
        let (mut hand_offs, mut left_out) = (Vec::new(), Vec::new());
        for network in networks {
            if network.status.as_ref().and_then(|status| status.on_premises.as_ref()).is_none() {
                left_out.push(network::missing(network));
                continue;
            }
            let name = || format!("the hand-off of network '{}' cannot be exported", network::title(network));
            let hand_off = HandOff::of(network).with_context(name)?;
            if hand_off.is_planned() && !scope.planned {
                left_out.push(planned(&hand_off));
                continue;
            }
            hand_offs.push(if scope.narrow { hand_off.narrow().with_context(name)? } else { hand_off });
        }
        match (hand_offs.as_slice(), left_out.as_slice()) {
            ([], []) => bail!("there is no network to export"),
            ([], [only]) => bail!("{only}"),
            ([], several) => bail!("no network has a hand-off to export:\n{}", several.join("\n")),
            _ => Ok(Self { hand_offs, left_out }),
        }
    }
}

/// Returns the message for a hand-off whose addresses do not exist yet.
fn planned(hand_off: &HandOff) -> String {
    format!(
        "the hand-off of network '{}' is planned: its addresses do not exist yet, except those that the spec fixes. Export it \
         when the condition `Ready` is 'True', or use '--planned' to request firewall rules for the ranges of the subnets in \
         advance",
        hand_off.network()
    )
}
