//! Entries that were read from their files lately, in memory: what is asked for often is read once.
//!
//! An entry at an offset never changes, and so nothing here is ever out of date.

use std::sync::Arc;

use quick_cache::Weighter;
use quick_cache::sync::Cache;

use super::tail::size_of;
use crate::Entry;

/// About how many bytes an entry of the cache takes, for a first guess at how many there will be.
const TYPICAL_ENTRY_BYTES: usize = 1024;

/// A bounded number of entries by their offsets; those asked for least go first.
#[derive(Debug)]
pub(super) struct Warm(Cache<u64, Arc<Entry>, BySize>);

impl Warm {
    /// An empty cache that keeps no more than about so many bytes.
    pub(super) fn new(max_bytes: usize) -> Self {
        Self(Cache::with_weighter(max_bytes / TYPICAL_ENTRY_BYTES, max_bytes as u64, BySize))
    }

    /// The entry at that offset, if it is here.
    pub(super) fn get(&self, offset: u64) -> Option<Arc<Entry>> {
        self.0.get(&offset)
    }

    /// Keeps the entry at that offset for a while.
    pub(super) fn keep(&self, offset: u64, entry: &Arc<Entry>) {
        self.0.insert(offset, Arc::clone(entry));
    }
}

/// Weighs entries by their bytes.
#[derive(Clone, Copy, Debug)]
struct BySize;

impl Weighter<u64, Arc<Entry>> for BySize {
    fn weight(&self, _offset: &u64, entry: &Arc<Entry>) -> u64 {
        size_of(entry) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Action, EntryId, Topic};
    use uuid::Uuid;

    fn entry(document_bytes: usize) -> Arc<Entry> {
        Arc::new(Entry {
            id: EntryId::new(1, 1),
            topic: Topic::new("customer"),
            action: Action::Created,
            event_id: Uuid::nil(),
            entity_id: Uuid::nil(),
            version: 1,
            kind: "CustomerCreated".into(),
            schema: 1,
            time_us: 0,
            command_id: Uuid::nil(),
            cause: None,
            document: "x".repeat(document_bytes).into(),
            data: "".into(),
            ends_transaction: true,
            origin: crate::Origin::Own,
        })
    }

    #[test]
    fn what_is_kept_never_takes_more_than_its_bound() {
        let warm = Warm::new(64 * 1024);
        for offset in 0..1_000 {
            warm.keep(offset, &entry(1_000));
        }
        assert!(warm.0.weight() <= 64 * 1024, "{}", warm.0.weight());
        assert!(warm.0.len() > 10, "{}", warm.0.len());
        warm.keep(5_000, &entry(1_000_000));
        assert!(warm.get(5_000).is_none(), "what is larger than the bound is not kept");
    }
}
