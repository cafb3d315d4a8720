//! The event log as a port, and its adapters.
//!
//! An event log holds *topics*; a topic holds four *streams*, one for each [`Action`]; a stream
//! holds *entries*. An entry is one event of one *entity*, and carries the entity's whole public
//! state after it. The port is [`EventLog`]; whoever writes to or reads from a log knows nothing
//! else. The adapter that needs no server is [`embedded`]; [`redis`] shares a log with others.
//!
//! What every adapter keeps (and `conformance`, the suite behind the feature of that name, proves):
//!
//! - an append is atomic for each [`Transaction`]: accepted whole or refused whole;
//! - what was acknowledged is durable, and every reader sees it;
//! - entry ids are given at commit and rise strictly over all streams of a topic, also when the
//!   clock stands still or goes back, so that no reader can skip an entry that was committed late;
//! - an entity's versions have no gaps; a write at another version than the expected one is refused;
//! - a unique key has at most one holder;
//! - a transaction sent twice is committed once, and answered twice.

mod blob;
mod cache;
pub mod codec;
pub mod embedded;
mod entry;
mod entry_id;
mod error;
mod port;
mod position;
pub mod redis;
mod snapshot;
mod transaction;

#[cfg(feature = "conformance")]
pub mod conformance;

pub use blob::{Blob, BlobParts};
pub use cache::{CachedEntity, CachedField, EntityCache};
pub use entry::{Action, Entry, Origin, Topic};
pub use entry_id::{EntryId, ParseEntryIdError};
pub use error::{LogError, Loss};
pub use port::{BoxFuture, EventLog, Page};
pub use position::{Position, Positions};
pub use snapshot::EntitySnapshot;
pub use transaction::{
    Batch, Committed, CursorName, EntityWrite, NewEvent, Outcome, Refusal, Transaction, UniqueKey,
};
