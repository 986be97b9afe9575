//! Choice points: every call of the operator to AWS or Kubernetes stops here, and a decider chooses how the call
//! continues.

use std::{
    fmt, future,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use emulator::http::{Answer, Direct, Fault as Order, FaultKind};
use mgnet::controller::StoreError;
use tokio::{sync::Notify, time::Instant};

use crate::{
    history::{What, Who},
    kubernetes::Kubernetes,
    promises::SECRETS,
    universe::{Universe, is_write},
};

/// The message of a planted panic.
pub const PLANTED: &str = "planted";

/// The position of a choice point in a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum When {
    /// Before the call is sent. The process has handled the answer to its previous call.
    Before,
    /// After the effect of the call, while its answer is in transit.
    After,
}

/// A call at a choice point.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Point {
    /// The number of the process that calls.
    pub operator: usize,
    /// The number of the call, counted from 1 over all processes.
    pub number: u64,
    /// The AWS action, or the name of the object that is read or written in Kubernetes.
    pub call: String,
    /// Whether the call goes to AWS.
    pub to_aws: bool,
    /// Whether the call is a write.
    pub is_write: bool,
    /// The position in the call.
    pub when: When,
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { operator, number, call, when, .. } = self;
        write!(f, "operator {operator}, call {number}, {call}, {when:?}")
    }
}

/// How a call continues.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Without a fault.
    Go,
    /// The process ends, and loses its memory.
    Crash,
    /// The process ends, but the request is in transit. It arrives in AWS after this time, or earlier if it is
    /// delivered. A request to Kubernetes arrives immediately.
    CrashSent(Duration),
    /// The process pauses until it is resumed.
    Park,
    /// With a fault.
    Fault(Fault),
}

/// A fault in a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fault {
    /// The call does not arrive.
    Drop,
    /// The call has its effect, but its answer does not arrive.
    LoseAnswer,
    /// The call is throttled.
    Throttle,
    /// The call is rejected with this code and a 4xx status.
    Refuse(&'static str),
    /// The service fails with status 500.
    Error500,
    /// The service is unavailable, with status 503.
    Error503,
    /// The call and its answer arrive after this delay.
    Delay(Duration),
    /// The call has its effect, but the answer cannot be parsed.
    Garbage,
    /// The call has its effect, but the answer is truncated.
    Truncate,
    /// The object has changed meanwhile (Kubernetes only).
    Conflict,
    /// The calling code panics.
    Panic,
}

/// The timeout of a call to AWS (`AwsClouds::new`). A process that pauses for longer abandons the call.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(25);

/// The maximum time for which a request of an ended process is in transit. A call that is not sent within its timeout
/// is never sent, and a call that is sent arrives within seconds.
pub const LATEST: Duration = Duration::from_secs(40);

/// Chooses how calls continue. It may change the universe, as other actors do meanwhile.
pub type Decider = Box<dyn FnMut(&Point, &mut Universe) -> Decision + Send>;

/// The universe with its decider.
pub struct Stage {
    inner: Mutex<Inner>,
}

struct Inner {
    universe: Universe,
    decider: Decider,
    calls: u64,
}

impl fmt::Debug for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Stage")
    }
}

impl Stage {
    /// Returns a stage with this universe and this decider.
    pub fn new(universe: Universe, decider: Decider) -> Arc<Self> {
        Arc::new(Self { inner: Mutex::new(Inner { universe, decider, calls: 0 }) })
    }

    /// Locks the stage. Ignores poisoning, because the search plants panics in the operator.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads or changes the current universe.
    pub fn with<T>(&self, access: impl FnOnce(&mut Universe) -> T) -> T {
        let mut inner = self.lock();
        inner.universe.catch_up();
        access(&mut inner.universe)
    }

    /// Replaces the decider.
    pub fn decide_by(&self, decider: Decider) {
        self.lock().decider = decider;
    }

    /// The number of calls so far.
    pub fn calls(&self) -> u64 {
        self.lock().calls
    }

    fn decide(&self, point: &Point) -> Decision {
        let mut inner = self.lock();
        let Inner { universe, decider, .. } = &mut *inner;
        universe.catch_up();
        decider(point, universe)
    }

    fn next_call(&self) -> u64 {
        let mut inner = self.lock();
        inner.calls += 1;
        inner.calls
    }
}

/// The connection of one process to the stage.
#[derive(Debug)]
pub struct Seat {
    /// The stage.
    pub stage: Arc<Stage>,
    /// The number of the process.
    pub operator: usize,
    /// The UID of the network that is being reconciled.
    pub(crate) of: Mutex<Option<Arc<str>>>,
    /// Notified when the process crashes.
    pub(crate) crashed: Notify,
    /// Notified when the process pauses.
    pub(crate) parked: Notify,
    /// Resumes the process.
    pub(crate) resume: Notify,
}

/// The loss of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lost;

impl Seat {
    /// Connects a process to the stage.
    pub fn new(stage: &Arc<Stage>, operator: usize) -> Arc<Self> {
        Arc::new(Self {
            stage: Arc::clone(stage),
            operator,
            of: Mutex::default(),
            crashed: Notify::new(),
            parked: Notify::new(),
            resume: Notify::new(),
        })
    }

    pub(crate) fn who(&self) -> Who {
        Who::Operator(self.operator)
    }

    pub(crate) fn of(&self) -> Option<Arc<str>> {
        self.of.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn die(&self) -> ! {
        self.crashed.notify_one();
        future::pending().await
    }

    async fn park(&self) {
        self.parked.notify_one();
        self.resume.notified().await;
    }

    /// Sends a call to AWS.
    pub(crate) async fn aws(&self, request: Direct) -> Result<Answer, Lost> {
        let (who, of) = (self.who(), self.of());
        let mut point = Point {
            operator: self.operator,
            number: self.stage.next_call(),
            call: request.action().to_owned(),
            to_aws: true,
            is_write: is_write(request.action()),
            when: When::Before,
        };
        let effect = |request: &Direct| self.stage.with(|universe| universe.carry_out(request, who, of.clone()));
        match self.stage.decide(&point) {
            Decision::Go => {}
            Decision::Crash => self.die().await,
            Decision::CrashSent(after) => {
                self.stage.with(|universe| universe.send(request, who, of, after));
                self.die().await;
            }
            Decision::Park => {
                let since = Instant::now();
                self.park().await;
                if since.elapsed() >= OPERATION_TIMEOUT {
                    return Err(Lost);
                }
            }
            Decision::Fault(Fault::Drop | Fault::Conflict) => return Err(Lost),
            Decision::Fault(Fault::LoseAnswer) => {
                effect(&request);
                return Err(Lost);
            }
            Decision::Fault(Fault::Garbage) => {
                let answer = effect(&request);
                return Ok(Answer { body: "<html>}{ this is not an answer".to_owned(), ..answer });
            }
            Decision::Fault(Fault::Truncate) => {
                let mut answer = effect(&request);
                answer.body.truncate(answer.body.len() / 2);
                return Ok(answer);
            }
            Decision::Fault(Fault::Delay(delay)) => {
                let ticket = self.stage.with(|universe| universe.send(request, who, of, delay));
                tokio::time::sleep(delay).await;
                return self.stage.with(|universe| universe.answer(ticket)).ok_or(Lost);
            }
            Decision::Fault(Fault::Panic) => std::panic::panic_any(PLANTED),
            Decision::Fault(fault) => return request.refused(&order(fault)).ok_or(Lost),
        }
        let answer = effect(&request);
        point.when = When::After;
        match self.stage.decide(&point) {
            Decision::Go => Ok(answer),
            Decision::Crash | Decision::CrashSent(_) => self.die().await,
            Decision::Park => {
                self.park().await;
                Ok(answer)
            }
            Decision::Fault(_) => Err(Lost),
        }
    }

    /// Sends a call to Kubernetes. `told` is the written text, which any reader of the cluster can see.
    pub(crate) async fn kubernetes<T>(
        &self,
        call: &'static str,
        told: Option<String>,
        effect: impl FnOnce(&mut Kubernetes) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut point = Point {
            operator: self.operator,
            number: self.stage.next_call(),
            call: call.to_owned(),
            to_aws: false,
            is_write: told.is_some(),
            when: When::Before,
        };
        let lost = || StoreError::Other("the connection was interrupted".into());
        let effect = |stage: &Stage| {
            stage.with(|universe| {
                let before = universe.kubernetes.revision();
                let outcome = effect(&mut universe.kubernetes);
                if let (Ok(_), Some(told)) = (&outcome, &told)
                    && universe.kubernetes.revision() != before
                {
                    universe.record(self.who(), self.of(), What::Write(call), false, told);
                }
                outcome
            })
        };
        match self.stage.decide(&point) {
            Decision::Go => {}
            Decision::Crash => self.die().await,
            Decision::CrashSent(_) => {
                let _ = effect(&self.stage);
                self.die().await;
            }
            Decision::Park => self.park().await,
            Decision::Fault(Fault::LoseAnswer | Fault::Garbage | Fault::Truncate) => {
                effect(&self.stage)?;
                return Err(lost());
            }
            Decision::Fault(Fault::Conflict) if told.is_some() => return Err(StoreError::Conflict),
            Decision::Fault(Fault::Delay(delay)) => {
                tokio::time::sleep(delay).await;
                return effect(&self.stage);
            }
            Decision::Fault(Fault::Panic) => std::panic::panic_any(PLANTED),
            Decision::Fault(_) => return Err(lost()),
        }
        let outcome = effect(&self.stage);
        point.when = When::After;
        match self.stage.decide(&point) {
            Decision::Go => outcome,
            Decision::Crash | Decision::CrashSent(_) => self.die().await,
            Decision::Park => {
                self.park().await;
                outcome
            }
            Decision::Fault(_) => Err(lost()),
        }
    }
}

/// Returns the order that makes the emulator reject a call in the format of its service.
fn order(fault: Fault) -> Order {
    let kind = match fault {
        Fault::Throttle => FaultKind::Throttle,
        Fault::Error503 => FaultKind::Error503,
        Fault::Refuse(_) => FaultKind::Error,
        _ => FaultKind::Error500,
    };
    let mut order = Order::next(kind, "");
    if let Fault::Refuse(code) = fault {
        order.code = Some(code.to_owned());
        order.message = Some(format!(
            "You are not authorized to perform this operation. Encoded authorization failure message: {}",
            SECRETS[1]
        ));
    }
    order
}
