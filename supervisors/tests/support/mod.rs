//! A process that does as it is told, a recorder, and paused time.
#![allow(dead_code, unused_imports, unreachable_pub, missing_docs, clippy::unwrap_used)]

use std::sync::{Arc, Barrier, Mutex};
use std::time::Duration;

use ordershop_supervisors::{
    AskError, Backoff, Birth, CellBuilder, ChildSpec, Context, Failure, Handle, Intensity, Message,
    Process, Receive, ReplyTo, SendError, Strategy, SupervisorSpec, Tree, cell,
};

/// Runs a test on one thread, with a clock that jumps to the next timer when all is idle.
#[cfg(feature = "testing")]
pub use ordershop_supervisors::testing::{paused, until};

#[cfg(not(feature = "testing"))]
pub use without_kit::{paused, until};

/// What little of the test kit it takes to run without the feature `testing`.
#[cfg(not(feature = "testing"))]
mod without_kit {
    use std::future::Future;
    use std::time::Duration;

    /// Longer than anything a test waits for; on paused time it costs nothing.
    const FOREVER: Duration = Duration::from_secs(100_000);

    pub fn paused<F: Future<Output = ()>>(test: F) {
        let system = actix_rt::System::with_tokio_rt(|| {
            tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .start_paused(true)
                .build()
                .unwrap()
        });
        system.block_on(async {
            tokio::time::timeout(FOREVER, test).await.expect("the test hangs");
        });
    }

    pub async fn until(mut condition: impl FnMut() -> bool) {
        let wait = async {
            while !condition() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(FOREVER / 2, wait).await.expect("it never becomes true");
    }
}

pub fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// What happened, in order.
#[derive(Clone, Default)]
pub struct Record(Arc<Mutex<Vec<String>>>);

impl Record {
    pub fn add(&self, what: impl Into<String>) {
        self.0.lock().unwrap().push(what.into());
    }

    /// All since the last call.
    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }

    pub fn contains(&self, what: &str) -> bool {
        self.0.lock().unwrap().iter().any(|line| line == what)
    }
}

/// A process that does as it is told.
pub struct Probe {
    pub name: String,
    pub record: Record,
    pub incarnation: u64,
    pub panic_on_drop: bool,
    pub panic_in_started: bool,
    pub panic_in_stopping: bool,
    pub linger: Option<Duration>,
    pub kept: Vec<ReplyTo<u64>>,
}

impl Probe {
    pub fn new(name: &str, record: Record, incarnation: u64) -> Self {
        Self {
            name: name.to_owned(),
            record,
            incarnation,
            panic_on_drop: false,
            panic_in_started: false,
            panic_in_stopping: false,
            linger: None,
            kept: Vec::new(),
        }
    }
}

impl Process for Probe {
    fn started(&mut self, _: &mut Context<'_, Self>) -> Result<(), Failure> {
        assert!(!self.panic_in_started, "in started");
        self.record.add(format!("{} up {}", self.name, self.incarnation));
        Ok(())
    }

    fn stopping(&mut self, ctx: &mut Context<'_, Self>) {
        self.record.add(format!("{} stopping", self.name));
        assert!(!self.panic_in_stopping, "in stopping");
        if let Some(time) = self.linger {
            ctx.pause(tokio::time::sleep(time), |probe, (), _| {
                probe.record.add(format!("{} finished", probe.name));
                Ok(())
            });
        }
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        self.record.add(format!("{} dropped", self.name));
        assert!(!self.panic_on_drop, "in drop");
    }
}

/// What a [`Probe`] does with a message.
pub type Act = Box<
    dyn FnOnce(&mut Probe, ReplyTo<u64>, &mut Context<'_, Probe>) -> Result<(), Failure> + Send,
>;

/// What a [`Probe`] can be told to do. An ask is answered with the incarnation's number.
pub enum Do {
    Answer,
    /// Records the number.
    Note(u64),
    Panic,
    Fail,
    Stop,
    /// Keeps the reply.
    Keep,
    /// Drops the reply.
    Forget,
    PanicInFuture,
    PanicInThen,
    PanicInTimer(Duration),
    FailInPause(Duration),
    Pause(Duration),
    PanicOnDrop,
    PanicPayload,
    Linger(Duration),
    /// Begins an endless row of timers.
    Tick(Duration),
    /// The same from a pause.
    PauseThenTick(Duration),
    /// Begins an endless row of futures that are done at once.
    Spin,
    /// Answers from a spawned future.
    AnswerAfter(Duration),
    TellSelf(u64),
    /// Whatever the closure does; it answers by itself, or not at all.
    With(Act),
    /// Blocks the thread until somebody else comes to the barrier.
    Block(Arc<Barrier>),
}

impl Do {
    /// Does something, and answers with the incarnation's number.
    pub fn with(
        act: impl FnOnce(&mut Probe, &mut Context<'_, Probe>) -> Result<(), Failure> + Send + 'static,
    ) -> Self {
        Self::With(Box::new(|probe, reply, ctx| {
            act(probe, ctx)?;
            reply.send(probe.incarnation);
            Ok(())
        }))
    }
}

impl Message for Do {
    type Reply = u64;
}

struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("in the payload's drop");
    }
}

impl Receive<Do> for Probe {
    fn receive(
        &mut self,
        message: Do,
        reply: ReplyTo<u64>,
        ctx: &mut Context<'_, Self>,
    ) -> Result<(), Failure> {
        match message {
            Do::Answer => {}
            Do::Note(n) => self.record.add(format!("{} notes {n}", self.name)),
            Do::Panic => panic!("told to"),
            Do::Fail => return Err(Failure::new("told to")),
            Do::Stop => ctx.stop(),
            Do::Keep => {
                self.kept.push(reply);
                return Ok(());
            }
            Do::Forget => return Ok(()),
            Do::PanicInFuture => {
                ctx.spawn(
                    async {
                        tokio::time::sleep(ms(1)).await;
                        panic!("in a future");
                    },
                    |_, (), _| Ok(()),
                );
                self.kept.push(reply);
                return Ok(());
            }
            Do::PanicInThen => {
                ctx.spawn(async {}, |_, (), _| panic!("in a continuation"));
                self.kept.push(reply);
                return Ok(());
            }
            Do::PanicInTimer(delay) => {
                ctx.after(delay, |_, _| panic!("in a timer"));
                self.kept.push(reply);
                return Ok(());
            }
            Do::FailInPause(delay) => {
                ctx.pause(tokio::time::sleep(delay), move |_, (), _| {
                    let _in_flight = reply;
                    Err(Failure::new("in a pause"))
                });
                return Ok(());
            }
            Do::Pause(delay) => {
                ctx.pause(tokio::time::sleep(delay), move |probe, (), _| {
                    reply.send(probe.incarnation);
                    Ok(())
                });
                return Ok(());
            }
            Do::PanicOnDrop => {
                self.panic_on_drop = true;
                return Err(Failure::new("told to"));
            }
            Do::PanicPayload => std::panic::panic_any(Bomb),
            Do::Linger(time) => self.linger = Some(time),
            Do::AnswerAfter(delay) => {
                ctx.spawn(tokio::time::sleep(delay), move |probe, (), _| {
                    reply.send(probe.incarnation);
                    Ok(())
                });
                return Ok(());
            }
            Do::Tick(every) => tick(every, ctx),
            Do::PauseThenTick(every) => {
                ctx.pause(std::future::ready(()), move |_, (), ctx| {
                    tick(every, ctx);
                    Ok(())
                });
            }
            Do::Spin => spin(ctx),
            Do::TellSelf(n) => ctx.handle().tell(Do::Note(n)).map_err(SendError::into_failure)?,
            Do::With(act) => return act(self, reply, ctx),
            Do::Block(barrier) => {
                barrier.wait();
            }
        }
        reply.send(self.incarnation);
        Ok(())
    }
}

fn tick(every: Duration, ctx: &mut Context<'_, Probe>) {
    ctx.after(every, move |_, ctx| {
        tick(every, ctx);
        Ok(())
    });
}

fn spin(ctx: &mut Context<'_, Probe>) {
    ctx.spawn(std::future::ready(()), |_, (), ctx| {
        spin(ctx);
        Ok(())
    });
}

/// A builder's cell that holds a [`Probe`].
pub fn probe_of(
    name: &str,
    record: &Record,
    build: impl FnOnce(CellBuilder<Probe>) -> CellBuilder<Probe>,
) -> (Handle<Probe>, ChildSpec) {
    let record = record.clone();
    let named = name.to_owned();
    build(cell(name)).factory(move |birth: Birth<Probe>| {
        let probe = Probe::new(&named, record.clone(), birth.incarnation);
        async move { Ok(probe) }
    })
}

pub fn probe(name: &str, record: &Record) -> (Handle<Probe>, ChildSpec) {
    probe_of(name, record, |builder| builder)
}

/// A supervisor that restarts at once, up to 5 times in 10 seconds.
pub fn supervisor(name: &str, strategy: Strategy) -> SupervisorSpec {
    SupervisorSpec::new(name, strategy)
        .intensity(Intensity { restarts: 5, period: Duration::from_secs(10) })
        .backoff(Backoff::NONE)
}

/// A tree with one child.
pub async fn tree_of(child: ChildSpec) -> Tree {
    Tree::start(supervisor("root", Strategy::OneForOne).child(child)).await.unwrap()
}

pub fn is_lost<T>(result: &Result<T, AskError<Do>>) -> bool {
    matches!(result, Err(AskError::Lost(_)))
}

pub fn is_not_delivered<T>(result: &Result<T, AskError<Do>>) -> bool {
    matches!(result, Err(AskError::NotDelivered(_)))
}
