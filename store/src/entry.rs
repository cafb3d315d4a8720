//! An entry of the log: one event of one entity, with the entity's state after it.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::EntryId;

/// The name of a topic: one kind of entity, such as `customer`.
///
/// A program names its topics once, as constants, and opens its log with all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Topic(&'static str);

impl Topic {
    /// The topic of that name.
    pub const fn new(name: &'static str) -> Self {
        Self(name)
    }

    /// The name.
    pub const fn name(self) -> &'static str {
        self.0
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// What an event means to the outside, and so the stream of its topic in which it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Action {
    /// The entity came into being.
    Created,
    /// The entity changed.
    Updated,
    /// The entity is gone; the entry holds its last state.
    Deleted,
    /// Nothing that others should see; the topic's own bookkeeping.
    Internal,
}

impl Action {
    /// All actions, in the order in which [`Action::index`] counts them.
    pub const ALL: [Self; 4] = [Self::Created, Self::Updated, Self::Deleted, Self::Internal];

    /// The place of this action in [`Action::ALL`].
    pub const fn index(self) -> usize {
        self as usize
    }

    /// The name, as it stands in a stream's key: `events:{customer}_created`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Deleted => "deleted",
            Self::Internal => "internal",
        }
    }
}

/// Who wrote an entry, and so what it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// An event log such as this one: all is there.
    Own,
    /// Another program: there is an event's id and an entity's state, and no more.
    ///
    /// Kind and data are empty, the command is nil, the time is that of the id, and the version is 0
    /// where it is read from a stream: only the entity's history knows how it counts there.
    Foreign,
    /// Another program, and so that it cannot be read: the text says why. Nothing but place and
    /// document is certain; whoever reads on has to tell of it and pass it by.
    Unreadable(Arc<str>),
}

/// One event of one entity, as the log holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Where it stands; unique in its topic.
    pub id: EntryId,
    /// The topic.
    pub topic: Topic,
    /// The action, and so the stream.
    pub action: Action,
    /// The id of the event itself; it never changes, wherever the entry is copied.
    pub event_id: Uuid,
    /// The entity to which it happened.
    pub entity_id: Uuid,
    /// How many events the entity has, this one included: the first has version 1.
    pub version: u64,
    /// The name of the domain event, such as `StockReserved`.
    pub kind: Cow<'static, str>,
    /// The version of the domain event's schema.
    pub schema: u16,
    /// When it was committed, in microseconds since the Unix epoch, by the store's clock.
    pub time_us: i64,
    /// The command that led to it; the same command sent again finds it by this.
    pub command_id: Uuid,
    /// The event that led to the command, where one did.
    pub cause: Option<Uuid>,
    /// The entity's whole public state after the event, as JSON text (for [`Action::Deleted`] the
    /// last one, for [`Action::Internal`] empty).
    pub document: Arc<str>,
    /// The domain event, as JSON text.
    pub data: Arc<str>,
    /// Whether it is the last of its transaction: a reader that stops elsewhere has seen a part of
    /// what was written whole.
    pub ends_transaction: bool,
    /// Who wrote it.
    pub origin: Origin,
}
