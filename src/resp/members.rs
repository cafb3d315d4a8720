//! The ids of a topic's entities, encoded, as long as no entity comes or goes.

use std::sync::{Arc, Mutex, PoisonError};

use ordershop_actors::read_model::Table;
use ordershop_actors::shop::topics;
use ordershop_store::{EntryId, Topic};

/// How many bytes are kept of one set at most; a larger one is encoded anew for each who asks.
pub(super) const MAX_BYTES: usize = 4 * 1024 * 1024;

/// A set's members as bulk strings, one behind the other.
#[derive(Clone, Debug)]
pub(super) struct Encoded {
    /// What names the set.
    membership: EntryId,
    count: usize,
    /// The bytes.
    pub(super) bytes: Arc<[u8]>,
}

/// The encoded sets that were asked for last.
#[derive(Default)]
pub(super) struct Members([Mutex<Option<Encoded>>; topics::PUBLIC.len()]);

impl Members {
    /// The members of that table, where they are kept.
    pub(super) fn get(&self, topic: Topic, table: &Table) -> Option<Encoded> {
        let kept = self.slot(topic)?.lock().unwrap_or_else(PoisonError::into_inner).clone();
        kept.filter(|kept| kept.membership == table.membership() && kept.count == table.len())
    }

    /// Keeps the members of that table.
    pub(super) fn keep(&self, topic: Topic, table: &Table, bytes: &[u8]) {
        let Some(slot) = self.slot(topic).filter(|_| bytes.len() <= MAX_BYTES) else { return };
        let (membership, count) = (table.membership(), table.len());
        let encoded = Encoded { membership, count, bytes: bytes.into() };
        *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(encoded);
    }

    fn slot(&self, topic: Topic) -> Option<&Mutex<Option<Encoded>>> {
        let index = topics::PUBLIC.into_iter().position(|public| public == topic)?;
        self.0.get(index)
    }
}
