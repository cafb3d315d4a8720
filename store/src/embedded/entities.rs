//! The entities of a topic, each with the places of its entries.

use std::collections::HashMap;

use uuid::Uuid;

/// In how many maps the entities lie: a map that grows moves all it holds while readers wait, and
/// so each is kept to a small part of a million entities.
const SHARDS: usize = 64;

/// What is known of each entity.
#[derive(Debug)]
pub(super) struct Entities([HashMap<Uuid, Known>; SHARDS]);

/// The offsets of an entity's entries; its version is how many there are.
#[derive(Debug, Default)]
struct Known {
    offsets: Vec<u64>,
    last_event: Uuid,
}

impl Default for Entities {
    fn default() -> Self {
        Self(std::array::from_fn(|_| HashMap::new()))
    }
}

impl Entities {
    /// Adds the offset of the entity's next entry, and the event that it holds.
    pub(super) fn push(&mut self, entity_id: Uuid, offset: u64, event_id: Uuid) {
        let known = self.0[shard_of(entity_id)].entry(entity_id).or_default();
        known.offsets.push(offset);
        known.last_event = event_id;
    }

    /// The event that brought the entity to its version.
    pub(super) fn last_event(&self, entity_id: Uuid) -> Option<Uuid> {
        self.0[shard_of(entity_id)].get(&entity_id).map(|known| known.last_event)
    }

    /// The entity's version: how many entries it has.
    pub(super) fn version(&self, entity_id: Uuid) -> u64 {
        self.offsets(entity_id).len() as u64
    }

    /// The offset of the entity's last entry.
    pub(super) fn last(&self, entity_id: Uuid) -> Option<u64> {
        self.offsets(entity_id).last().copied()
    }

    /// The offsets of the entity's entries with versions above `after`, in order.
    pub(super) fn behind(&self, entity_id: Uuid, after: u64) -> &[u64] {
        let skipped = usize::try_from(after).unwrap_or(usize::MAX);
        self.offsets(entity_id).get(skipped..).unwrap_or_default()
    }

    fn offsets(&self, entity_id: Uuid) -> &[u64] {
        self.0[shard_of(entity_id)].get(&entity_id).map_or(&[], |known| known.offsets.as_slice())
    }
}

/// The shard of an entity: the last byte of every kind of UUID that we meet is evenly spread.
fn shard_of(entity_id: Uuid) -> usize {
    let [.., last] = entity_id.into_bytes();
    usize::from(last) % SHARDS
}
