//! Everything that is outside the operator: AWS, the Kubernetes API, requests on their way, the clock, and what happened.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
    time::Duration,
};

use emulator::{
    http::{Answer, Direct},
    world::{World, options::Options},
};
use jiff::Timestamp;
use mgnet::api::NetworkDefaults;
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

/// See the module. A clone is a branch: it goes on by itself from here.
#[derive(Clone, Debug)]
pub struct Universe {
    /// AWS.
    pub aws: World,
    /// The Kubernetes API.
    pub kubernetes: Kubernetes,
    /// How processes hear of what changes there.
    pub watch: Watch,
    /// What happened.
    pub history: History,
    /// The first promise that was broken.
    pub breach: Option<Breach>,
    /// Whether what was to be seen has been seen: a scenario ends here.
    pub is_over: bool,
    /// Effects of operators on AWS and on Kubernetes.
    pub writes: u64,
    on_their_way: Vec<Sent>,
    arrived: Vec<(u64, Answer)>,
    sent: u64,
    /// The world's time at the runtime's.
    clock: (Duration, Instant),
}

/// A request on its way.
#[derive(Clone, Debug)]
struct Sent {
    ticket: u64,
    /// When it arrives.
    due: Duration,
    who: Who,
    of: Option<Arc<str>>,
    request: Direct,
}

impl Universe {
    /// Nothing is there yet.
    pub fn new(options: Options) -> Self {
        let lag = options.new_invisible_for.max(options.deleted_visible_for);
        let nothing = Scene {
            aws: Arc::default(),
            networks: Arc::default(),
            vpc_leases: Arc::default(),
            defaults: Arc::default(),
            told: "".into(),
        };
        Self {
            aws: World::new(Timestamp::UNIX_EPOCH, options),
            kubernetes: Kubernetes::default(),
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

    /// Has AWS's lists lag behind by that: what is new is not shown, what is gone still is.
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

    /// Has AWS list no more than so many at a time.
    pub fn page(&mut self, most: u32) {
        let change =
            |options: &Options| Ok::<_, std::convert::Infallible>(Options { max_page: Some(most), ..options.clone() });
        let Ok(()) = self.aws.change_options(None, change);
    }

    /// Begins the history here: what was before is how the world is given.
    pub fn begin(&mut self) {
        self.history.first = self.scene("", true);
        self.history.moments.clear();
    }

    /// A branch, whose clock goes on from here.
    #[must_use]
    pub fn branch(&self) -> Self {
        let mut branch = self.clone();
        branch.is_over = false;
        branch.clock = (self.aws.now(), Instant::now());
        branch
    }

    /// Lets the world catch up with the runtime's clock: what is due happens.
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

    /// Puts a request on its way; the ticket is for its answer.
    pub(crate) fn send(&mut self, request: Direct, who: Who, of: Option<Arc<str>>, after: Duration) -> u64 {
        self.sent += 1;
        let due = self.aws.now() + after;
        self.on_their_way.push(Sent { ticket: self.sent, due, who, of, request });
        self.sent
    }

    /// The answer to a request that was on its way, once.
    pub(crate) fn answer(&mut self, ticket: u64) -> Option<Answer> {
        let at = self.arrived.iter().position(|(arrived, _)| *arrived == ticket)?;
        Some(self.arrived.swap_remove(at).1)
    }

    /// Lets everything arrive that is on its way.
    pub fn deliver(&mut self) {
        while !self.on_their_way.is_empty() {
            self.arrive(0);
        }
    }

    /// Whether something is on its way.
    pub fn is_awaited(&self) -> bool {
        !self.on_their_way.is_empty()
    }

    fn arrive(&mut self, at: usize) {
        let Sent { ticket, who, of, request, .. } = self.on_their_way.remove(at);
        let answer = self.carry_out(&request, who, of);
        self.arrived.push((ticket, answer));
    }

    /// Carries a request out, now.
    pub(crate) fn carry_out(&mut self, request: &Direct, who: Who, of: Option<Arc<str>>) -> Answer {
        let answer = request.carry_out(&mut self.aws);
        if is_write(request.action()) && answer.outcome == "ok" {
            let action = request.action().to_owned();
            let what = What::Call { action, parameters: request.parameters().to_string() };
            self.record(who, of, what, true, "");
        }
        answer
    }

    /// Does what a person or another tool does.
    pub fn act(&mut self, what: &'static str, act: impl FnOnce(&mut Self)) {
        self.catch_up();
        act(self);
        self.record(Who::Somebody, None, What::Act(what), true, "");
    }

    /// Notes what happened and how the world is now, and holds the promises against it. `told` is what was written in
    /// Kubernetes.
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
            let defaults = Arc::new(self.defaults());
            return Scene { aws: Arc::new(self.state()), networks, vpc_leases, defaults, told: told.into() };
        }
        Scene {
            aws: Arc::clone(&before.aws),
            networks: Arc::new(self.kubernetes.networks.clone()),
            vpc_leases: Arc::new(self.kubernetes.vpc_leases.clone()),
            defaults: Arc::clone(&before.defaults),
            told: told.into(),
        }
    }

    /// The defaults of the class.
    fn defaults(&self) -> NetworkDefaults {
        self.kubernetes.classes.values().find_map(|class| class.spec.defaults.clone()).unwrap_or_default()
    }

    /// What tells this universe from others, as far as a process that starts in it can: what there is in AWS, the objects in
    /// Kubernetes but for their times and versions, and what is on its way. AWS's memory of tokens follows from these and
    /// from what was deleted, and how far AWS is with what it does from how that is shown.
    pub fn likeness(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        json!(self.aws.state(ACCOUNT, REGION)).to_string().hash(&mut hasher);
        let objects = (
            self.kubernetes.networks.values().collect::<Vec<_>>(),
            self.kubernetes.classes.values().collect::<Vec<_>>(),
        );
        let mut objects = json!(objects);
        forget_times(&mut objects);
        objects.to_string().hash(&mut hasher);
        for claim in self.kubernetes.vpc_leases.values() {
            (&claim.name, &claim.holder).hash(&mut hasher);
        }
        for sent in &self.on_their_way {
            (sent.request.action(), sent.request.parameters().to_string()).hash(&mut hasher);
        }
        hasher.finish()
    }

    /// What there is in AWS.
    ///
    /// # Panics
    /// If the laboratory cannot read what the emulator tells.
    #[allow(clippy::expect_used, reason = "two descriptions of the same listing")]
    pub fn state(&self) -> State {
        let state = serde_json::to_value(self.aws.state(ACCOUNT, REGION)).expect("a state is JSON");
        serde_json::from_value(state).expect("the laboratory reads what the emulator tells")
    }
}

/// Whether a call changes something, or tries to.
pub fn is_write(action: &str) -> bool {
    !["AssumeRole", "Describe", "Get", "List"].iter().any(|prefix| action.starts_with(prefix))
}

/// Takes out what differs from run to run and decides nothing.
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
