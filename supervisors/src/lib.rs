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
//! # Where to find what
//!
//! | module | what it holds |
//! |---|---|
//! | `process`, `message`, `context` | what the author of an actor writes against |
//! | `handle`, `error` | what its callers hold, and what can go wrong |
//! | `builder`, `child`, `supervisor`, `tree` | what the author of a tree writes |
//! | `dynamic`, `children`, `key_watch` | children by key, started on demand |
//! | `introspect`, `crashes` | what can be seen of a running tree |
//! | `check` | what is wrong with a specification, found before anything starts |
//! | `verdict` | the decision after an exit, a pure function |
//! | `cell`, `life`, `shared`, `letter`, `room`, `work`, `contain` | the machinery: mailbox, incarnations, tasks, panics |
//! | `subtree`, `supervision`, `shutdown` | setting supervisors up, the loop that carries out the verdicts, stopping |
//!
//! # What happens to a message
//!
//! | the message is | incarnation crashes or is restarted | cell stops for good |
//! |---|---|---|
//! | a tell, queued | the next incarnation handles it | dropped |
//! | a tell, in flight | gone with the incarnation | gone with the incarnation |
//! | an ask, waiting for room or queued | the next incarnation answers it | [`AskError::NotDelivered`] |
//! | an ask, in flight | [`AskError::Lost`] | [`AskError::Lost`] |
//!
//! A message is *in flight* from the moment its handler begins until its [`ReplyTo`] is used or
//! dropped. What can't be helped: a handler that blocks its thread can't be stopped, and a panic
//! while unwinding, or in a build with `panic = "abort"`, ends the program.

mod answer;
mod builder;
mod cell;
mod cell_child;
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
    AskError, AskFailure, SendError, SpecError, StartError, TooManyBlocked, TooManyRestarts,
};
pub use events::{EVENTS_KEPT, Events, Heard, Lifecycle, LifecycleEvent};
pub use exit::{ExitReason, Lost};
pub use failure::Failure;
pub use handle::Handle;
pub use introspect::{LastFailure, Node, NodeKind, NodeState, TreeView};
pub use message::{Message, ReplyTo};
pub use monitor::{Down, LinkBroken, Monitor};
pub use names::Names;
pub use panic::Panic;
pub use process::{Process, Receive};
pub use supervisor::{AutoShutdown, Strategy, SupervisorSpec};
pub use tree::{Tree, TreeBuilder};
pub use verdict::{Backoff, History, Intensity, Policy, Verdict, verdict};
pub use watchdog::{DEFAULT_ABANDON_AFTER, DEFAULT_MAX_ABANDONED, DEFAULT_REPORT_AFTER, Watchdog};
