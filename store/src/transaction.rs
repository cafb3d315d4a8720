//! What is appended: transactions, each accepted or refused whole.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::Arc;

use uuid::Uuid;

use crate::{Action, EntitySnapshot, EntryId, Position, Topic};

/// More bytes than an event takes beside its texts.
const EVENT_OVERHEAD_BYTES: usize = 256;
/// More bytes than a key takes beside its text.
const KEY_OVERHEAD_BYTES: usize = 32;

/// A key that at most one entity of its topic may hold, such as `order/<id>` in topic `billing`.
pub type UniqueKey = Arc<str>;

/// The name under which a subscriber's cursor is kept.
pub type CursorName = Arc<str>;

/// One event that is to be appended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewEvent {
    /// The action, and so the stream.
    pub action: Action,
    /// The event's own id; a retry bears the same.
    pub event_id: Uuid,
    /// The name of the domain event.
    pub kind: Cow<'static, str>,
    /// The version of its schema.
    pub schema: u16,
    /// The entity's public state after the event, as JSON text; empty for an internal event.
    pub document: Arc<str>,
    /// The domain event, as JSON text.
    pub data: Arc<str>,
}

/// The events that one entity gets in a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntityWrite {
    /// The entity.
    pub entity_id: Uuid,
    /// The version it must have before; 0 for an entity that has no events yet.
    pub expected: u64,
    /// The event that must have brought it to that version, where the writer knows it.
    ///
    /// It matters where writes are pipelined: when the first of a chain is refused, somebody else's
    /// event may bring the entity to the version that the second one expects, which was decided on
    /// a state that never came to be.
    pub last_event: Option<Uuid>,
    /// Its events, in order; at least one.
    pub events: Vec<NewEvent>,
}

/// Writes to entities of one topic that are accepted whole or refused whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transaction {
    /// The topic.
    pub topic: Topic,
    /// The command that led to it. A transaction whose command has already written to its first
    /// entity behind the expected version was committed before, and is answered as it was then.
    pub command_id: Uuid,
    /// The event that led to the command, where one did.
    pub cause: Option<Uuid>,
    /// One or more writes, each to an entity of its own.
    pub writes: Vec<EntityWrite>,
    /// Keys that must be free (or held by the same entity) and that the entity holds afterwards.
    pub claims: Vec<(UniqueKey, Uuid)>,
    /// Keys that the entity gives up; one that it does not hold is left alone.
    pub releases: Vec<(UniqueKey, Uuid)>,
}

impl Transaction {
    /// Whether the transaction could be accepted by any log.
    pub(crate) fn check_form(&self, limit_bytes: usize) -> Result<(), &'static str> {
        if self.writes.is_empty() {
            return Err("it has no writes");
        }
        let mut entities = HashSet::new();
        let mut bytes = 0_usize;
        for write in &self.writes {
            if write.events.is_empty() {
                return Err("one of its writes has no events");
            }
            if !entities.insert(write.entity_id) {
                return Err("two of its writes are to the same entity");
            }
            for event in &write.events {
                let texts = [&*event.kind, &*event.document, &*event.data, self.topic.name()];
                let texts = texts.iter().map(|text| text.len());
                bytes =
                    texts.fold(bytes.saturating_add(EVENT_OVERHEAD_BYTES), usize::saturating_add);
            }
        }
        for (key, _) in self.releases.iter().chain(&self.claims) {
            bytes = bytes.saturating_add(KEY_OVERHEAD_BYTES).saturating_add(key.len());
        }
        if bytes > limit_bytes {
            Err("it has more bytes than the log takes at once")
        } else {
            Ok(())
        }
    }
}

/// What an append writes in one step: transactions, and what rides along with them.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// The transactions, decided one after the other, each on what the ones before it left.
    pub transactions: Vec<Transaction>,
    /// Cursors to set; they are durable when the append is.
    pub cursors: Vec<(CursorName, Topic, Position)>,
    /// Snapshots of entities to keep in the place of those kept before.
    pub snapshots: Vec<(Topic, Uuid, EntitySnapshot)>,
}

/// What became of a transaction.
pub type Outcome = Result<Committed, Refusal>;

/// A transaction that is in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    /// The ids of its events, in the order in which they were given; never empty.
    pub ids: Vec<EntryId>,
}

impl Committed {
    /// The id of its last event: a reader that has come so far has seen all of it.
    pub fn last(&self) -> EntryId {
        self.ids.last().copied().unwrap_or_default()
    }
}

/// Why a transaction is not in the log, and never will be by this append.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// An entity has another version than the expected one: load it and decide again.
    #[error("entity {entity_id} has version {actual}, expected was {expected}")]
    Version {
        /// The entity.
        entity_id: Uuid,
        /// The version that the write expected.
        expected: u64,
        /// The version that the entity has.
        actual: u64,
    },
    /// An entity has the expected version, but by another event than the expected one: load it and
    /// decide again.
    #[error("entity {entity_id} came to version {version} by another event")]
    Overtaken {
        /// The entity.
        entity_id: Uuid,
        /// Its version.
        version: u64,
    },
    /// A claimed key is held by another entity.
    #[error("key {key} is held by {holder}")]
    Taken {
        /// The key.
        key: UniqueKey,
        /// Who holds it.
        holder: Uuid,
    },
    /// The transaction itself is ill-formed: no writes, a write without events, an entity twice,
    /// or more bytes than a log takes at once.
    #[error("ill-formed transaction: {0}")]
    Malformed(&'static str),
}

impl Refusal {
    /// The entity that is not as the writer thought; it must be loaded, and decided again.
    pub const fn changed_entity(&self) -> Option<Uuid> {
        match self {
            Self::Version { entity_id, .. } | Self::Overtaken { entity_id, .. } => Some(*entity_id),
            Self::Taken { .. } | Self::Malformed(_) => None,
        }
    }
}
