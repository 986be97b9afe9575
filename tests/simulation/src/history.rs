//! The history of a run: every effect, and the state of the world after it. Promises are functions of the history.

use std::{collections::BTreeMap, fmt, sync::Arc, time::Duration};

use k8s_openapi::api::core::v1::ConfigMap;
use kube::ResourceExt;
use mgnet::{
    api::{ConditionType, MigrationNetwork, NetworkDefaults, conditions::find},
    controller::{Key, VpcLease},
};
use support::state::State;

/// The true state of the world between two effects, even if AWS has shown the operator an older one.
#[derive(Clone, Debug)]
pub struct Scene {
    /// The resources in AWS.
    pub aws: Arc<State>,
    /// The networks in Kubernetes.
    pub networks: Arc<BTreeMap<Key, MigrationNetwork>>,
    /// The VPC leases, by name.
    pub vpc_leases: Arc<BTreeMap<String, VpcLease>>,
    /// The ConfigMaps with hand-offs.
    pub hand_offs: Arc<BTreeMap<Key, ConfigMap>>,
    /// Whether the class enables them.
    pub has_hand_offs: bool,
    /// The defaults of the class.
    pub defaults: Arc<NetworkDefaults>,
    /// The text of the last write to Kubernetes, which any reader of the cluster may see.
    pub told: Arc<str>,
}

/// The actor of an effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Who {
    /// A user, or another tool.
    User,
    /// A process of the operator, with its number.
    Operator(usize),
    /// AWS itself, which has completed a transition.
    Aws,
}

/// The kind of an effect.
#[derive(Clone, Debug)]
pub enum What {
    /// A call that changed something in AWS, for the network that the operator reconciled when it sent the call.
    Call {
        /// The action.
        action: String,
        /// The parameters as text.
        parameters: String,
    },
    /// A write to Kubernetes, with its name.
    Write(&'static str),
    /// The start of a reconcile of a network in that process.
    Begin,
    /// The end of a reconcile.
    End,
    /// An action of a user or of another tool.
    Act(&'static str),
    /// The end of all work: from here on the operator must be at rest.
    Rest,
    /// The passing of time.
    Passing,
}

/// One effect.
#[derive(Clone, Debug)]
pub struct Moment {
    /// The time on the world's clock.
    pub at: Duration,
    /// The actor.
    pub who: Who,
    /// The UID of the network that the effect was for.
    pub of: Option<Arc<str>>,
    /// The kind of the effect.
    pub what: What,
    /// The state of the world after the effect.
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
    /// The `Ready` condition of the network after the effect.
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

/// All effects of a run.
#[derive(Clone, Debug)]
pub struct History {
    /// The state of the world before the first effect.
    pub first: Scene,
    /// The effects, in order.
    pub moments: Vec<Arc<Moment>>,
    /// The maximum time by which lists in AWS lag behind.
    pub lag: Duration,
}

impl History {
    /// The last effect, with the state of the world before it.
    pub fn last(&self) -> Option<(&Scene, &Moment)> {
        let (last, earlier) = self.moments.split_last()?;
        Some((earlier.last().map_or(&self.first, |moment| &moment.after), last))
    }

    /// The current state of the world.
    pub fn now(&self) -> &Scene {
        self.moments.last().map_or(&self.first, |moment| &moment.after)
    }

    /// All states of the world since a moment, including the state at that moment.
    pub fn scenes_since(&self, since: Duration) -> impl Iterator<Item = &Scene> {
        let from = self.moments.partition_point(|moment| moment.at < since);
        let before = from.checked_sub(1).map_or(&self.first, |index| &self.moments[index].after);
        std::iter::once(before).chain(self.moments[from..].iter().map(|moment| &moment.after))
    }
}
