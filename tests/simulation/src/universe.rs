//! Everything outside the operator: AWS, the Kubernetes API, the requests in transit, the clock, and the history.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
    time::Duration,
};

use emulator::{
    http::{Answer, Direct},
    world::{
        World,
        options::{Options, ServiceRule},
    },
};
use jiff::Timestamp;
use mgnet::api::{NetworkDefaults, Toggle};
use serde_json::{Value, json};
use support::state::State;
use tokio::time::Instant;

use crate::{
    history::{History, Moment, Scene, What, Who},
    kubernetes::{Kubernetes, Watch},
    promises::{self, Breach},
};

/// The account of all networks.
pub const ACCOUNT: &str = "111122223333";

/// The Region of all networks.
pub const REGION: &str = "ap-northeast-1";

/// The UID of the cluster.
pub const CLUSTER: &str = "00000000-0000-4000-8000-cccccccccccc";

/// The UID of the cluster to which networks move.
pub const OTHER_CLUSTER: &str = "00000000-0000-4000-8000-dddddddddddd";

/// Everything outside the operator. A clone is a branch, which continues independently.
#[derive(Clone, Debug)]
pub struct Universe {
    /// AWS.
    pub aws: World,
    /// The Kubernetes API.
    pub kubernetes: Kubernetes,
    /// The UID of the cluster. If it changes, the operator of the old cluster is gone, and the objects are those of the new
    /// one.
    pub cluster: &'static str,
    /// The way in which watches report changes to processes.
    pub watch: Watch,
    /// All effects so far.
    pub history: History,
    /// The first broken promise.
    pub breach: Option<Breach>,
    /// Whether the scenario must end here, because the decider has reached its goal.
    pub is_over: bool,
    /// The number of effects of operators on AWS and Kubernetes.
    pub writes: u64,
    on_their_way: Vec<Sent>,
    arrived: Vec<(u64, Answer)>,
    sent: u64,
    /// A time of the world, and the same time on the runtime's clock.
    clock: (Duration, Instant),
}

/// A request in transit.
#[derive(Clone, Debug)]
struct Sent {
    ticket: u64,
    /// The time of its arrival.
    due: Duration,
    who: Who,
    of: Option<Arc<str>>,
    request: Direct,
}

impl Universe {
    /// Returns an empty universe.
    pub fn new(options: Options) -> Self {
        let lag = options.new_invisible_for.max(options.deleted_visible_for);
        let nothing = Scene {
            aws: Arc::default(),
            networks: Arc::default(),
            vpc_leases: Arc::default(),
            hand_offs: Arc::default(),
            has_hand_offs: false,
            defaults: Arc::default(),
            told: "".into(),
        };
        Self {
            aws: World::new(Timestamp::UNIX_EPOCH, options),
            kubernetes: Kubernetes::default(),
            cluster: CLUSTER,
            watch: Watch::default(),
            history: History { first: nothing, moments: Vec::new(), lag },
            breach: None,
            is_over: false,
            writes: 0,
            on_their_way: Vec::new(),
            arrived: Vec::new(),
            sent: 0,
            clock: (Duration::ZERO, Instant::now()),
        }
    }

    /// Makes lists in AWS lag behind by this time: they omit new resources, and still contain deleted ones.
    pub fn lag(&mut self, lag: Duration) {
        let change = |options: &Options| {
            Ok::<_, std::convert::Infallible>(Options {
                new_invisible_for: lag,
                deleted_visible_for: lag,
                ..options.clone()
            })
        };
        let Ok(()) = self.aws.change_options(None, change);
        self.history.lag = lag;
    }

    /// Limits the number of entries on a page of a list in AWS.
    pub fn page(&mut self, most: u32) {
        let change =
            |options: &Options| Ok::<_, std::convert::Infallible>(Options { max_page: Some(most), ..options.clone() });
        let Ok(()) = self.aws.change_options(None, change);
    }

    /// Lets IAM policies deny new endpoints for a service.
    pub fn deny(&mut self, service: &str) {
        let change = |options: &Options| {
            let mut options = options.clone();
            options
                .services
                .insert(format!("{REGION}/{service}"), ServiceRule { denied: true, ..ServiceRule::default() });
            Ok::<_, std::convert::Infallible>(options)
        };
        let Ok(()) = self.aws.change_options(None, change);
    }

    /// Starts the history here, with the current state as the initial one.
    pub fn begin(&mut self) {
        self.history.first = self.scene("", true);
        self.history.moments.clear();
    }

    /// Returns a branch, whose clock continues from here.
    #[must_use]
    pub fn branch(&self) -> Self {
        let mut branch = self.clone();
        branch.is_over = false;
        branch.clock = (self.aws.now(), Instant::now());
        branch
    }

    /// Advances the world to the runtime's clock, and executes everything that is due.
    pub fn catch_up(&mut self) {
        let now = self.clock.0 + self.clock.1.elapsed();
        loop {
            let next = self.on_their_way.iter().map(|sent| sent.due).min().filter(|due| *due <= now);
            self.advance(next.unwrap_or(now));
            let Some(due) = next else { return };
            let at = self.on_their_way.iter().position(|sent| sent.due == due);
            if let Some(at) = at {
                self.arrive(at);
            }
        }
    }

    fn advance(&mut self, to: Duration) {
        let changes = self.aws.next_due().is_some_and(|due| due <= to);
        self.aws.advance(to.saturating_sub(self.aws.now()));
        if changes {
            self.record(Who::Aws, None, What::Passing, true, "");
        }
    }

    /// Puts a request in transit, and returns the ticket for its answer.
    pub(crate) fn send(&mut self, request: Direct, who: Who, of: Option<Arc<str>>, after: Duration) -> u64 {
        self.sent += 1;
        let due = self.aws.now() + after;
        self.on_their_way.push(Sent { ticket: self.sent, due, who, of, request });
        self.sent
    }

    /// Returns the answer to a request that was in transit. Each answer is returned once.
    pub(crate) fn answer(&mut self, ticket: u64) -> Option<Answer> {
        let at = self.arrived.iter().position(|(arrived, _)| *arrived == ticket)?;
        Some(self.arrived.swap_remove(at).1)
    }

    /// Delivers all requests in transit.
    pub fn deliver(&mut self) {
        while !self.on_their_way.is_empty() {
            self.arrive(0);
        }
    }

    /// Whether a request is in transit.
    pub fn is_awaited(&self) -> bool {
        !self.on_their_way.is_empty()
    }

    fn arrive(&mut self, at: usize) {
        let Sent { ticket, who, of, request, .. } = self.on_their_way.remove(at);
        let answer = self.carry_out(&request, who, of);
        self.arrived.push((ticket, answer));
    }

    /// Executes a request now.
    pub(crate) fn carry_out(&mut self, request: &Direct, who: Who, of: Option<Arc<str>>) -> Answer {
        let answer = request.carry_out(&mut self.aws);
        if is_write(request.action()) && answer.outcome == "ok" {
            let action = request.action().to_owned();
            let what = What::Call { action, parameters: request.parameters().to_string() };
            self.record(who, of, what, true, "");
        }
        answer
    }

    /// Performs an action of a user or of another tool.
    pub fn act(&mut self, what: &'static str, act: impl FnOnce(&mut Self)) {
        self.catch_up();
        act(self);
        self.record(Who::User, None, What::Act(what), true, "");
    }

    /// Records an effect and the current state of the world, and checks the promises. `told` is the text that was
    /// written to Kubernetes.
    pub(crate) fn record(&mut self, who: Who, of: Option<Arc<str>>, what: What, in_aws: bool, told: &str) {
        if matches!((who, &what), (Who::Operator(_), What::Call { .. } | What::Write(_))) {
            self.writes += 1;
        }
        let after = self.scene(told, in_aws);
        self.history.moments.push(Arc::new(Moment { at: self.aws.now(), who, of, what, after }));
        if self.breach.is_none() {
            self.breach = promises::check(&self.history).err();
        }
    }

    fn scene(&self, told: &str, in_aws: bool) -> Scene {
        let before = self.history.now();
        if in_aws && told.is_empty() {
            let networks = &self.kubernetes.networks;
            let same = before.networks.len() == networks.len()
                && before.networks.iter().zip(networks).all(|(one, other)| {
                    one.0 == other.0 && one.1.metadata.resource_version == other.1.metadata.resource_version
                });
            let networks = if same { Arc::clone(&before.networks) } else { Arc::new(networks.clone()) };
            let vpc_leases = Arc::new(self.kubernetes.vpc_leases.clone());
            let hand_offs = Arc::new(self.kubernetes.hand_offs.clone());
            let (defaults, has_hand_offs) = (Arc::new(self.defaults()), self.has_hand_offs());
            let (aws, told) = (Arc::new(self.state()), told.into());
            return Scene { aws, networks, vpc_leases, hand_offs, has_hand_offs, defaults, told };
        }
        Scene {
            aws: Arc::clone(&before.aws),
            networks: Arc::new(self.kubernetes.networks.clone()),
            vpc_leases: Arc::new(self.kubernetes.vpc_leases.clone()),
            hand_offs: Arc::new(self.kubernetes.hand_offs.clone()),
            has_hand_offs: before.has_hand_offs,
            defaults: Arc::clone(&before.defaults),
            told: told.into(),
        }
    }

    /// The defaults of the class.
    fn defaults(&self) -> NetworkDefaults {
        self.kubernetes.classes.values().find_map(|class| class.spec.defaults.clone()).unwrap_or_default()
    }

    /// Whether the class enables ConfigMaps with hand-offs.
    fn has_hand_offs(&self) -> bool {
        self.kubernetes.classes.values().any(|class| class.config_map() == Toggle::Enabled)
    }

    /// Returns a hash of everything that a process which starts in this universe can observe: the resources in AWS,
    /// the objects in Kubernetes without times and versions, and the requests in transit. The client tokens that AWS
    /// remembers follow from these and from deleted resources, and the progress of transitions in AWS follows from
    /// the states that it shows.
    pub fn likeness(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        json!(self.aws.state(ACCOUNT, REGION)).to_string().hash(&mut hasher);
        let objects = (
            self.kubernetes.networks.values().collect::<Vec<_>>(),
            self.kubernetes.classes.values().collect::<Vec<_>>(),
            self.kubernetes.hand_offs.values().collect::<Vec<_>>(),
        );
        let mut objects = json!(objects);
        forget_times(&mut objects);
        objects.to_string().hash(&mut hasher);
        self.cluster.hash(&mut hasher);
        for lease in self.kubernetes.vpc_leases.values() {
            (&lease.name, &lease.holder).hash(&mut hasher);
        }
        for sent in &self.on_their_way {
            (sent.request.action(), sent.request.parameters().to_string()).hash(&mut hasher);
        }
        hasher.finish()
    }

    /// Returns the resources in AWS.
    ///
    /// # Panics
    /// If the test support cannot read the state that the emulator returns.
    #[allow(clippy::expect_used, reason = "both crates describe the same state")]
    pub fn state(&self) -> State {
        let state = serde_json::to_value(self.aws.state(ACCOUNT, REGION)).expect("a state is JSON");
        serde_json::from_value(state).expect("the test support reads the state of the emulator")
    }
}

/// Whether a call is a write, even if it fails.
pub fn is_write(action: &str) -> bool {
    !["AssumeRole", "Describe", "Get", "List"].iter().any(|prefix| action.starts_with(prefix))
}

/// Removes fields that differ from run to run, but do not influence any decision.
fn forget_times(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members
                .retain(|name, _| !matches!(&**name, "lastTransitionTime" | "resourceVersion" | "creationTimestamp"));
            members.values_mut().for_each(forget_times);
        }
        Value::Array(items) => items.iter_mut().for_each(forget_times),
        _ => {}
    }
}
