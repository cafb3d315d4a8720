//! The entities of a topic, each with the places of its entries.

use std::collections::HashMap;

use uuid::Uuid;

use super::checkpoint::EntityPiece;

/// In how many maps the entities lie: a map that grows moves all it holds while readers wait, and
/// so each is kept to a small part of a million entities.
pub(super) const SHARDS: usize = 64;

/// What is known of each entity.
#[derive(Debug, PartialEq)]
pub(super) struct Entities([HashMap<Uuid, Known>; SHARDS]);

/// The offsets of an entity's entries; its version is how many there are.
#[derive(Debug, Default, PartialEq)]
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

    /// The entities of that shard, with those of their entries that stand before `end`.
    pub(super) fn shard(&self, shard: usize, end: u64) -> Vec<EntityPiece> {
        let piece = |(id, known): (&Uuid, &Known)| {
            let before = known.offsets.partition_point(|offset| *offset < end);
            let offsets = known.offsets[..before].to_vec();
            (!offsets.is_empty()).then(|| (id.as_u128(), known.last_event.as_u128(), offsets))
        };
        self.0[shard].iter().filter_map(piece).collect()
    }

    /// How many entries of the entities of that shard stand before `end`.
    pub(super) fn count_before(&self, shard: usize, end: u64) -> u64 {
        let before = |known: &Known| known.offsets.partition_point(|offset| *offset < end) as u64;
        self.0[shard].values().map(before).sum()
    }

    /// Takes in pieces that [`Entities::shard`] gave, those of an entity in order.
    pub(super) fn restore(&mut self, pieces: Vec<EntityPiece>) {
        if let Some((id, ..)) = pieces.first() {
            self.0[shard_of(Uuid::from_u128(*id))].reserve(pieces.len());
        }
        for (id, last_event, offsets) in pieces {
            let id = Uuid::from_u128(id);
            let known = self.0[shard_of(id)].entry(id).or_default();
            known.last_event = Uuid::from_u128(last_event);
            if known.offsets.is_empty() {
                known.offsets = offsets;
            } else {
                known.offsets.extend(offsets);
            }
        }
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
