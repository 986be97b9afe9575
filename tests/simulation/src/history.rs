//! What happened, effect by effect, and how the world was after each. Promises are functions of it.

use std::{collections::BTreeMap, fmt, sync::Arc, time::Duration};

use kube::ResourceExt;
use mgnet::{
    api::{ConditionType, MigrationNetwork, NetworkDefaults, conditions::find},
    controller::{Key, VpcLease},
};
use support::state::State;

/// The world between two effects: the truth, whatever the operator may have been shown.
#[derive(Clone, Debug)]
pub struct Scene {
    /// What there is in AWS.
    pub aws: Arc<State>,
    /// The networks that there are in Kubernetes.
    pub networks: Arc<BTreeMap<Key, MigrationNetwork>>,
    /// Who holds which VPC.
    pub vpc_leases: Arc<BTreeMap<String, VpcLease>>,
    /// What holds for networks that do not say otherwise.
    pub defaults: Arc<NetworkDefaults>,
    /// Everything that anybody can read in Kubernetes that was written last.
    pub told: Arc<str>,
}

/// Who did something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Who {
    /// A person, or another tool.
    Somebody,
    /// A process of the operator, by its number.
    Operator(usize),
    /// AWS itself: something that was under way is done.
    Aws,
}

/// What was done.
#[derive(Clone, Debug)]
pub enum What {
    /// A call to AWS that changed something there; for the network that the operator reconciled when it sent it.
    Call {
        /// The action.
        action: String,
        /// The parameters, as text.
        parameters: String,
    },
    /// A write to Kubernetes, by its name.
    Write(&'static str),
    /// A reconcile of a network begins, in that process.
    Begin,
    /// A reconcile ended.
    End,
    /// Something that a person, or another tool, did.
    Act(&'static str),
    /// Everything is said to be done: from here on the operator is to be at rest.
    Rest,
    /// Time went by.
    Passing,
}

/// One effect.
#[derive(Clone, Debug)]
pub struct Moment {
    /// When, on the world's clock.
    pub at: Duration,
    /// Who did it.
    pub who: Who,
    /// The uid of the network that it was done for.
    pub of: Option<Arc<str>>,
    /// What was done.
    pub what: What,
    /// How the world was after it.
    pub after: Scene,
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>8.1} s  {:?}: ", self.at.as_secs_f64(), self.who)?;
        match &self.what {
            What::Call { action, parameters } => {
                let short: String = parameters.chars().take(160).collect();
                write!(f, "{action} {short}")
            }
            What::Write("status") => write!(f, "status, {}", self.ready()),
            What::Write(what) | What::Act(what) => write!(f, "{what}"),
            other => write!(f, "{other:?}"),
        }
    }
}

impl Moment {
    /// What the network says of itself after it.
    fn ready(&self) -> String {
        let network = self.after.networks.values().find(|network| network.uid().as_deref() == self.of.as_deref());
        let conditions =
            network.and_then(|network| network.status.as_ref()).map_or(&[][..], |status| &status.conditions);
        find(conditions, ConditionType::Ready).map_or_else(String::new, |ready| {
            let message: String = ready.message.chars().take(120).collect();
            format!("Ready {}: {}: {message}", ready.status, ready.reason)
        })
    }
}

/// Everything that happened, from the first moment on.
#[derive(Clone, Debug)]
pub struct History {
    /// How the world was before the first effect.
    pub first: Scene,
    /// The effects, in order.
    pub moments: Vec<Arc<Moment>>,
    /// How long AWS may show the past.
    pub lag: Duration,
}

impl History {
    /// The last effect, and how the world was before it.
    pub fn last(&self) -> Option<(&Scene, &Moment)> {
        let (last, earlier) = self.moments.split_last()?;
        Some((earlier.last().map_or(&self.first, |moment| &moment.after), last))
    }

    /// How the world is.
    pub fn now(&self) -> &Scene {
        self.moments.last().map_or(&self.first, |moment| &moment.after)
    }

    /// Every way that the world was since a moment, the way that it was then included.
    pub fn scenes_since(&self, since: Duration) -> impl Iterator<Item = &Scene> {
        let from = self.moments.partition_point(|moment| moment.at < since);
        let before = from.checked_sub(1).map_or(&self.first, |index| &self.moments[index].after);
        std::iter::once(before).chain(self.moments[from..].iter().map(|moment| &moment.after))
    }
}
