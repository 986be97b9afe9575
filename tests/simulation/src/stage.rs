//! Choice points: every call of the operator to AWS and to Kubernetes stops here, and something decides how it goes on.

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

/// What a planted panic says.
pub const PLANTED: &str = "planted";

/// Where a call is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum When {
    /// It is about to be sent. This is also where the answer to the call before it has been taken in.
    Before,
    /// It has had its effect, and its answer is on the way.
    After,
}

/// A call at a choice point.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Point {
    /// The process that calls.
    pub operator: usize,
    /// The number of the call, from 1, over all processes.
    pub number: u64,
    /// The action of AWS, or the name of what is read or written in Kubernetes.
    pub call: String,
    /// Whether it goes to AWS.
    pub to_aws: bool,
    /// Whether it is to change something.
    pub is_write: bool,
    /// Where it is.
    pub when: When,
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { operator, number, call, when, .. } = self;
        write!(f, "operator {operator}, call {number}, {call}, {when:?}")
    }
}

/// How a call goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// As it should.
    Go,
    /// The process is gone, with everything that it had in memory.
    Crash,
    /// The process is gone, and the request is on its way to AWS, where it arrives after that time, or before if it is told to.
    /// Kubernetes has it at once.
    CrashSent(Duration),
    /// The process stands still until it is told to go on.
    Park,
    /// Something goes wrong.
    Fault(Fault),
}

/// What goes wrong with a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fault {
    /// It does not arrive.
    Drop,
    /// It has its effect, and its answer does not arrive.
    LoseAnswer,
    /// It is refused for its haste.
    Throttle,
    /// It is refused with this code: 4xx.
    Refuse(&'static str),
    /// The service fails: 500.
    Error500,
    /// The service is not there: 503.
    Error503,
    /// It arrives that much later, and so does its answer.
    Delay(Duration),
    /// It has its effect, and the answer is none.
    Garbage,
    /// It has its effect, and the answer breaks off.
    Truncate,
    /// The object has changed meanwhile; only in Kubernetes.
    Conflict,
    /// The code that calls panics.
    Panic,
}

/// How long the operator gives a call to AWS (`AwsClouds::new`). One that has stood still for longer gives it up.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(25);

/// The longest that a request is on its way whose sender is gone: a call that has not left after the time that it is given
/// never does, and what has left arrives within seconds.
pub const LATEST: Duration = Duration::from_secs(40);

/// Decides how calls go on; it may change the universe, as others do meanwhile.
pub type Decider = Box<dyn FnMut(&Point, &mut Universe) -> Decision + Send>;

/// The universe, and who decides in it.
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
    /// A universe in which that decides.
    pub fn new(universe: Universe, decider: Decider) -> Arc<Self> {
        Arc::new(Self { inner: Mutex::new(Inner { universe, decider, calls: 0 }) })
    }

    /// A panic of the operator is one of the things that are tried out.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at the universe as it is now, or changes it.
    pub fn with<T>(&self, look: impl FnOnce(&mut Universe) -> T) -> T {
        let mut inner = self.lock();
        inner.universe.catch_up();
        look(&mut inner.universe)
    }

    /// From here on this decides.
    pub fn decide_by(&self, decider: Decider) {
        self.lock().decider = decider;
    }

    /// The calls so far.
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

/// The place of one process on the stage.
#[derive(Debug)]
pub struct Seat {
    /// The stage.
    pub stage: Arc<Stage>,
    /// The number of the process.
    pub operator: usize,
    /// The uid of the network that is being reconciled.
    pub(crate) of: Mutex<Option<Arc<str>>>,
    /// Told when the process is gone.
    pub(crate) crashed: Notify,
    /// Told when the process stands still.
    pub(crate) parked: Notify,
    /// Lets it go on.
    pub(crate) resume: Notify,
}

/// An answer that does not come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lost;

impl Seat {
    /// A place for a process.
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

    /// A call to AWS.
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
                return Ok(Answer { body: "<html>}{ this is no answer".to_owned(), ..answer });
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

    /// A call to Kubernetes; `told` is what everybody can read once it is written.
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
        let lost = || StoreError::Other("the connection broke".into());
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

/// The order that makes the emulator refuse a call in the words of its service.
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
        order.message = Some(format!("No. Encoded authorization failure message: {}", SECRETS[1]));
    }
    order
}
