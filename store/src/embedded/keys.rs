//! The unique keys of a topic, each with its holder.

use std::collections::HashMap;

use uuid::Uuid;

use crate::UniqueKey;

/// In how many maps the keys lie, for the reason that entities do.
pub(super) const SHARDS: usize = 64;

/// Who holds which key.
#[derive(Debug, PartialEq)]
pub(super) struct Keys([HashMap<UniqueKey, Uuid>; SHARDS]);

impl Default for Keys {
    fn default() -> Self {
        Self(std::array::from_fn(|_| HashMap::new()))
    }
}

impl Keys {
    /// Who holds that key.
    pub(super) fn holder(&self, key: &str) -> Option<Uuid> {
        self.0[shard_of(key)].get(key).copied()
    }

    /// Gives the key to the entity.
    pub(super) fn claim(&mut self, key: UniqueKey, entity_id: Uuid) {
        self.0[shard_of(&key)].insert(key, entity_id);
    }

    /// Frees the key, if that entity holds it.
    pub(super) fn release(&mut self, key: &str, entity_id: Uuid) {
        if self.holder(key) == Some(entity_id) {
            self.0[shard_of(key)].remove(key);
        }
    }

    /// The keys of that shard, each with its holder.
    pub(super) fn iter_shard(&self, shard: usize) -> impl Iterator<Item = (&UniqueKey, &Uuid)> {
        self.0[shard].iter()
    }

    /// All keys of that shard, with their holders.
    pub(super) fn shard(&self, shard: usize) -> Vec<(UniqueKey, Uuid)> {
        self.0[shard].iter().map(|(key, holder)| (UniqueKey::clone(key), *holder)).collect()
    }
}

fn shard_of(key: &str) -> usize {
    let [last, ..] = crc32c::crc32c(key.as_bytes()).to_le_bytes();
    usize::from(last) % SHARDS
}
