//! What an entity can be asked, and how it answers.

use std::time::Duration;

use ordershop_store::{EntityWrite, EntryId, UniqueKey};
use ordershop_supervisors::Message;
use uuid::Uuid;

use super::MAX_DECISIONS;
use crate::runtime::EventSourced;

/// Settings of the entities of one topic.
#[derive(Clone, Copy, Debug)]
pub struct EntityOptions {
    /// An entity that got no message for this long goes away.
    pub idle_timeout: Duration,
    /// After how many events since the last one another snapshot is saved.
    pub snapshot_every: u64,
    /// How many commands an entity holds unanswered at most; more are refused at once.
    pub max_pending: usize,
}

/// After how many events an entity's snapshot is replaced, usually: so many are replayed at most
/// when it loads, give or take those in flight.
const SNAPSHOT_EVERY: u64 = 1_000;

impl Default for EntityOptions {
    fn default() -> Self {
        Self {
            idle_timeout: Duration::from_mins(1),
            snapshot_every: SNAPSHOT_EVERY,
            max_pending: 4096,
        }
    }
}

/// Carries out a command.
#[derive(Clone, Debug)]
pub struct Execute<A: EventSourced> {
    /// The command's id, from which its events' ids derive.
    pub command_id: Uuid,
    /// The command.
    pub command: A::Command,
    /// Writes to other entities of the topic that are accepted or refused together with this one.
    pub companions: Vec<EntityWrite>,
    /// Where given, it is decided only on this version of the entity; at any other one it is refused
    /// as [`ExecuteError::Moved`].
    pub only_at: Option<u64>,
}

impl<A: EventSourced> Message for Execute<A> {
    type Reply = Result<Executed, ExecuteError<A::Rejection>>;
}

/// A command that was carried out, durably.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Executed {
    /// Where its last event stands, or one behind it; `None` where the entity has no events.
    pub position: Option<EntryId>,
    /// It led to no event, being carried out before.
    pub repeated: bool,
}

/// An entity's durable state.
#[derive(Clone, Debug)]
pub struct EntityState<A> {
    /// The state.
    pub state: A,
    /// How many events it has.
    pub version: u64,
    /// The id of the last of them.
    pub last_event: Option<Uuid>,
}

/// Asks an entity of that type for its durable state.
pub(super) struct InspectOf<A>(pub(super) std::marker::PhantomData<fn() -> A>);

impl<A: EventSourced> Message for InspectOf<A> {
    type Reply = EntityState<A>;
}

/// Why a command was not carried out.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ExecuteError<R: std::error::Error + 'static> {
    /// The aggregate refuses it.
    #[error(transparent)]
    Rejected(R),
    /// A unique key that it needs is held by another entity.
    #[error("key {key} is held by {holder}")]
    Taken {
        /// The key.
        key: UniqueKey,
        /// Who holds it.
        holder: Uuid,
    },
    /// It is more than a log takes at once.
    #[error("it cannot be written: {0}")]
    Unfit(&'static str),
    /// A companion write was refused: that entity has changed.
    #[error("companion {0} has changed")]
    CompanionChanged(Uuid),
    /// The entity has another version than the one to which the command is bound.
    #[error("the entity has another version")]
    Moved,
    /// Other writers were faster, every time.
    #[error("other writers were faster {MAX_DECISIONS} times")]
    Contended,
    /// It cannot be carried out now, and was not.
    #[error("unavailable: {0}")]
    Unavailable(String),
    /// It may have been carried out, or not.
    #[error("the outcome is unknown: {0}")]
    Unknown(String),
}
