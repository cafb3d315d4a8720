//! A snapshot of an entity: its state after one of its events, so that not all need be replayed.

use std::sync::Arc;

use uuid::Uuid;

use crate::EntryId;

/// The state of an entity after one of its events.
///
/// A log keeps the last one that was saved for each entity, as it was given. It is a cache: a state
/// may have been saved that never came to be, because its event was refused. So whoever loads one
/// compares its version and event with the log's entry, and replays all events where they differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntitySnapshot {
    /// The version that the entity had.
    pub version: u64,
    /// The event that had brought it there.
    pub last_event: Uuid,
    /// Where the entity's first event stands.
    pub first_position: EntryId,
    /// The format of the bytes; one that the reader does not know is of no use.
    pub format: u16,
    /// The state.
    pub bytes: Arc<[u8]>,
}
