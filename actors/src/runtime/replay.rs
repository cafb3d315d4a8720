//! Rebuilding an entity's state from its events, beginning at its snapshot where it has one.

use ordershop_store::{Entry, EntryId, EventLog, LogError, Origin, Topic};
use uuid::Uuid;

use super::{EventSourced, snapshot};

/// The kind of an internal event by which an entity claims or gives up unique keys, and that is all:
/// it carries no event of the aggregate, and leaves the state as it is.
pub const KEYS_CLAIMED: &str = "KeysClaimed";

/// How many entries one read of a replay takes.
const REPLAY_PAGE: usize = 1024;

/// An entity as its events leave it.
#[derive(Clone, Debug, Default)]
pub struct Replayed<A> {
    /// The state.
    pub state: A,
    /// How many events it has.
    pub version: u64,
    /// The id of the last of them.
    pub last_event: Option<Uuid>,
    /// Where the first of them stands in the log.
    pub first_position: Option<EntryId>,
    /// Where the last of them stands in the log.
    pub last_position: Option<EntryId>,
    /// How many events it had when the snapshot was made from which it was loaded, if it was.
    pub snapshot_version: u64,
}

/// An entity that could not be rebuilt.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ReplayError {
    /// The log did not give its entries.
    #[error(transparent)]
    Log(#[from] LogError),
    /// An entry holds no event of this aggregate.
    #[error("entry {id} of {topic} holds no readable {kind}: {reason}")]
    Undecodable {
        /// The topic.
        topic: Topic,
        /// The entry's id.
        id: EntryId,
        /// The event's kind, as the entry says.
        kind: String,
        /// What is wrong with its text.
        reason: String,
    },
}

impl ReplayError {
    /// Whether the log only could not be read at this moment.
    pub const fn passes(&self) -> bool {
        matches!(self, Self::Log(error) if error.passes())
    }
}

impl<A: EventSourced> Replayed<A> {
    /// An entity without events.
    pub fn nothing() -> Self {
        Self {
            state: A::default(),
            version: 0,
            last_event: None,
            first_position: None,
            last_position: None,
            snapshot_version: 0,
        }
    }

    /// The entity after one more entry of its own.
    ///
    /// An entry of another program that came late, with an id below one that the entity had already,
    /// counts in its history and leaves its state as it is.
    pub fn after(self, entry: &Entry) -> Result<Self, ReplayError> {
        let undecodable = |error: serde_json::Error| ReplayError::Undecodable {
            topic: entry.topic,
            id: entry.id,
            kind: entry.kind.to_string(),
            reason: error.to_string(),
        };
        let state = match &entry.origin {
            Origin::Own if entry.kind == KEYS_CLAIMED => self.state,
            Origin::Own => {
                let event = serde_json::from_str(&entry.data).map_err(undecodable)?;
                self.state.evolve(&event)
            }
            Origin::Foreign if Some(entry.id) < self.last_position => self.state,
            Origin::Foreign => {
                let before = self.state.clone();
                before.adopt(entry.action, &entry.document).unwrap_or_else(|error| {
                    let (topic, id) = (entry.topic, entry.id);
                    tracing::warn!(%topic, %id, %error, "an entry of another program is no entity");
                    self.state
                })
            }
            Origin::Unreadable(_) => self.state,
        };
        Ok(Self {
            state,
            version: entry.version,
            last_event: Some(entry.event_id),
            first_position: self.first_position.or(Some(entry.id)),
            last_position: self.last_position.max(Some(entry.id)),
            snapshot_version: self.snapshot_version,
        })
    }
}

/// Loads an entity: its snapshot, then the events after it, in order.
///
/// A snapshot that is ahead of the log, of another history or format, or damaged is ignored.
pub async fn replay<A: EventSourced>(
    log: &dyn EventLog,
    entity_id: Uuid,
) -> Result<Replayed<A>, ReplayError> {
    match snapshot::load(log, entity_id).await? {
        Some(entity) => rest(log, entity_id, entity).await,
        None => replay_whole(log, entity_id).await,
    }
}

/// Loads an entity without its snapshot: all its events, in order, from the first.
pub async fn replay_whole<A: EventSourced>(
    log: &dyn EventLog,
    entity_id: Uuid,
) -> Result<Replayed<A>, ReplayError> {
    rest(log, entity_id, Replayed::nothing()).await
}

/// The entity after all its events that follow.
async fn rest<A: EventSourced>(
    log: &dyn EventLog,
    entity_id: Uuid,
    mut entity: Replayed<A>,
) -> Result<Replayed<A>, ReplayError> {
    loop {
        let page = log.read_entity(A::TOPIC, entity_id, entity.version, REPLAY_PAGE).await?;
        for entry in &page.entries {
            entity = entity.after(entry)?;
        }
        if !page.more {
            return Ok(entity);
        }
    }
}
