//! OTP-style supervision for actix actors.
//!
//! actix is the engine: an actor's mailbox, its task and its arbiter. What actix lacks is what
//! Erlang's OTP is known for, and that is this crate: a [process](Process) that panics or fails is
//! dropped and made anew by its factory, while its *cell* (the actix actor), its [`Handle`] and the
//! messages queued behind the crash live on; [supervisors](SupervisorSpec) decide what restarts,
//! how often and how soon, and escalate when that is not enough; every ask gets its answer or a
//! typed error.
//!
//! ```
//! use ordershop_supervisors::{
//!     Context, Failure, Message, Process, Receive, ReplyTo, Strategy, SupervisorSpec, Tree, cell,
//! };
//!
//! struct Counter(u64);
//! impl Process for Counter {}
//!
//! struct Add(u64);
//! impl Message for Add {
//!     type Reply = u64;
//! }
//!
//! impl Receive<Add> for Counter {
//!     fn receive(
//!         &mut self,
//!         Add(n): Add,
//!         reply: ReplyTo<u64>,
//!         _: &mut Context<'_, Self>,
//!     ) -> Result<(), Failure> {
//!         self.0 += n;
//!         reply.send(self.0);
//!         Ok(())
//!     }
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! actix_rt::System::new().block_on(async {
//!     let (counter, spec) = cell("counter").factory(|_birth| async { Ok(Counter(0)) });
//!     let tree = Tree::start(SupervisorSpec::new("root", Strategy::OneForOne).child(spec)).await?;
//!     assert_eq!(counter.ask(Add(2)).await?, 2);
//!     tree.stop().await;
//!     Ok(())
//! })
//! # }
//! ```
//!
//! # Where to begin
//!
//! - An actor: [`Process`] and [`Receive`]; what it can do meanwhile (futures, timers, streams,
//!   monitors, links, its own end): [`Context`].
//! - Its place in a tree: [`cell()`] makes one, [`dynamic()`] makes many by key, on demand;
//!   [`SupervisorSpec`] holds them together by a [`Strategy`], [`Restart`], [`Shutdown`],
//!   [`Intensity`], [`Backoff`] and [`AutoShutdown`], and where it needs one a
//!   [patience](CellBuilder::patience); [`Tree::start`] starts it all, or
//!   [`Tree::prepare`] with a [`Watchdog`] and listeners of your own.
//! - Its callers: [`Handle::tell`] never waits, [`Handle::ask`] waits for room and for the answer,
//!   [`Handle::try_ask`] for the answer only. A mailbox is bounded; `capacity(usize::MAX)` is not.
//! - Looking on: [`Tree::view`] for what is there, [`Tree::events`] for what happens,
//!   [`Tree::names`] from a path to a handle, [`Handle::monitor`] for an exit.
//! - Its operator: [`Tree::kill`] has whatever stands at a path fail, in drills and when it is stuck.
//! - Tests: the feature `testing` brings the module `testing`.
//!
//! | module | what it holds |
//! |---|---|
//! | `process`, `message`, `context` | what the author of an actor writes against |
//! | `handle`, `answer`, `error`, `failure`, `exit`, `panic` | what its callers hold, and what can go wrong |
//! | `builder`, `child`, `supervisor`, `check`, `tree` | what the author of a tree writes |
//! | `dynamic`, `children`, `key_watch`, `exodus` | children by key, started on demand |
//! | `introspect`, `crashes`, `crowd`, `events`, `names`, `monitor` | what can be seen of a running tree |
//! | `verdict` | the decision after an exit, a pure function |
//! | `cell`, `life`, `mailbox`, `letter`, `shared`, `word`, `work`, `contain` | the machinery: incarnations, mailbox, tasks, panics |
//! | `subtree`, `supervision`, `shutdown`, `cell_child`, `dynamic_child` | setting supervisors up, the loop that carries out the verdicts, stopping |
//! | `commons`, `pulse`, `watchdog` | threads, and what is done when one is blocked |
//! | `testing`, `census` | the test kit |
//!
//! # What happens to a message
//!
//! By where it is when its incarnation ends, and how that ends. *Next* says that the next incarnation
//! handles it, in order; `tests/fate.rs` has one test for each of these cells, named after it.
//!
//! | | panic | error | stop from inside | restart of a sibling, `one_for_all` | restart of a sibling, `rest_for_one` | killed after its shutdown time | stopped for good |
//! |---|---|---|---|---|---|---|---|
//! | tell, queued | next | next | next | next | next | next | dropped |
//! | tell, in flight | gone | gone | gone | gone | gone | gone | gone |
//! | ask, waiting for room | next | next | next | next | next | next | [`NotDelivered`] |
//! | ask, queued | next | next | next | next | next | next | [`NotDelivered`] |
//! | ask, in flight | [`Lost`]: [`Panicked`] | [`Lost`]: [`Failed`] | [`Lost`]: [`Normal`] | [`Lost`]: [`Shutdown`] | [`Lost`]: [`Shutdown`] | [`Lost`]: [`Killed`] | [`Lost`]: [`Shutdown`] |
//!
//! The first six are those of a child that is restarted; one that is not (a transient one after a stop
//! from inside, a temporary one after anything) has stopped for good. A message is *in flight* from
//! the moment its handler begins until its [`ReplyTo`] is used or dropped; it is never handled a second
//! time by the runtime. An ask never hangs. Messages of one sender keep their order, also across a
//! restart.
//!
//! [`NotDelivered`]: AskError::NotDelivered
//! [`Lost`]: AskError::Lost
//! [`Panicked`]: ExitReason::Panicked
//! [`Failed`]: ExitReason::Failed
//! [`Normal`]: ExitReason::Normal
//! [`Shutdown`]: ExitReason::Shutdown
//! [`Killed`]: ExitReason::Killed
//!
//! # What is a failure
//!
//! A panic in a handler, in a future at any poll, in a timer, in a stream or what is done with its
//! item, in [`Process::started`], [`Process::stopping`], or in the factory; a [`Failure`] returned by any
//! of them; a broken [link](Context::link). [`Context::stop`] is an exit, but a good one. A panic in
//! `Drop` is survived, and said in the log: whatever is dropped here is dropped outside unwinding.
//!
//! # What cannot be
//!
//! - **A handler that blocks its thread can't be stopped.** The [`Watchdog`], on a thread of its own,
//!   reports it by path; later it gives the thread up: asks in flight end with
//!   [`ExitReason::Blocked`], and the cells of that thread begin anew on another one, with their queued
//!   messages. The old process is dropped if the handler ever returns; until then there are two. Past
//!   [`Watchdog::max_abandoned`], or when the supervisors live on that thread, the tree fails.
//! - **A panic while another one unwinds aborts the program**, by Rust's own rules: so does a `Drop`
//!   that panics inside a handler that panics.
//! - **A build with `panic = "abort"`** has nothing to supervise: [`Tree::start`] refuses it with
//!   [`StartError::PanicAborts`].

mod answer;
mod builder;
mod cell;
mod cell_child;
mod census;
mod check;
mod child;
mod children;
mod commons;
mod contain;
mod context;
mod crashes;
mod crowd;
mod dynamic;
mod dynamic_child;
mod error;
mod events;
mod exit;
mod exodus;
mod failure;
mod handle;
mod introspect;
mod key_watch;
mod killer;
mod letter;
mod life;
mod mailbox;
mod message;
mod monitor;
mod names;
mod panic;
mod process;
mod pulse;
mod shared;
mod shutdown;
mod subtree;
mod supervision;
mod supervisor;
#[cfg(feature = "testing")]
pub mod testing;
mod tree;
mod verdict;
mod watchdog;
mod word;
mod work;

pub use builder::{Birth, CellBuilder, DEFAULT_CAPACITY, DEFAULT_START_TIMEOUT, cell};
pub use child::{ChildSpec, DEFAULT_SHUTDOWN, Restart, Shutdown};
pub use context::Context;
pub use dynamic::{
    DEFAULT_COOL_DOWN, DEFAULT_MAX_CHILDREN, DynamicBuilder, DynamicHandle, dynamic,
};
pub use error::{
    AskError, AskFailure, NotRunning, SendError, SpecError, StartError, TooManyBlocked,
    TooManyRestarts,
};
pub use events::{EVENTS_KEPT, Events, Heard, Lifecycle, LifecycleEvent};
pub use exit::{ExitReason, Lost};
pub use failure::Failure;
pub use handle::Handle;
pub use introspect::{LastFailure, Node, NodeKind, NodeState, TreeView};
pub use killer::Killer;
pub use message::{Message, ReplyTo};
pub use monitor::{Down, LinkBroken, Monitor};
pub use names::Names;
pub use panic::Panic;
pub use process::{Process, Receive};
pub use supervisor::{AutoShutdown, Strategy, SupervisorSpec};
pub use tree::{Tree, TreeBuilder};
pub use verdict::{Backoff, History, Intensity, Policy, Verdict, verdict};
pub use watchdog::{DEFAULT_ABANDON_AFTER, DEFAULT_MAX_ABANDONED, DEFAULT_REPORT_AFTER, Watchdog};
