//! The entity runtime: event-sourced actors for any domain.
//!
//! ```text
//!  command ──▶ Entity ──▶ Journal ──▶ event log ──▶ Reader ──▶ Subscription ──▶ handler
//!              decides     batches     durable        pushes     keeps the cursor
//! ```

pub mod absence;
mod backward;
mod decision;
mod entity;
mod event_sourced;
pub mod fault;
mod journal;
mod quarantine;
mod reader;
mod replay;
mod snapshot;
mod subscription;

pub use backward::Backward;
pub use decision::{Decision, decide, event_id};
pub use entity::{Entities, Entity, EntityOptions, EntityState, Execute, ExecuteError, Executed};
pub use event_sourced::EventSourced;
pub use journal::{AppendError, Journal, JournalHandle};
pub use quarantine::{
    How, MAX_SET_ASIDE, QUARANTINE, Quarantine, QuarantineCommand, QuarantineEvent,
    QuarantineRejection, Quarantined, SetAside, quarantine_id, quarantined,
};
pub use reader::{Reader, ReaderHandle};
pub use replay::{KEYS_CLAIMED, ReplayError, Replayed, replay, replay_whole};
pub use subscription::{
    BeginFuture, Handler, HandlerError, HandlerFuture, MAX_RETRIED, Resolve, ResolveError,
    Resolved, ResumeError, Save, Standing, Start, SubscriberHandle, Subscription,
    SubscriptionOptions,
};
