//! The last entries of a topic, in memory: most reads want no others.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::Entry;

/// What an entry takes beside its texts, roughly.
const ENTRY_OVERHEAD_BYTES: usize = 256;

/// The last entries of one topic, with their offsets.
#[derive(Debug)]
pub(super) struct Tail {
    entries: VecDeque<(u64, Arc<Entry>)>,
    bytes: usize,
    max_entries: usize,
    max_bytes: usize,
}

impl Tail {
    /// An empty tail that keeps no more than so many entries and bytes.
    pub(super) fn new(max_entries: usize, max_bytes: usize) -> Self {
        Self { entries: VecDeque::new(), bytes: 0, max_entries, max_bytes }
    }

    /// Adds the topic's next entry, and drops the oldest ones that are too many.
    pub(super) fn push(&mut self, offset: u64, entry: Arc<Entry>) {
        self.bytes += size_of(&entry);
        self.entries.push_back((offset, entry));
        while self.entries.len() > self.max_entries || self.bytes > self.max_bytes {
            let Some((_, oldest)) = self.entries.pop_front() else {
                break;
            };
            self.bytes -= size_of(&oldest);
        }
    }

    /// The entry at that offset, if it is still here.
    pub(super) fn get(&self, offset: u64) -> Option<&Arc<Entry>> {
        let place = self.entries.binary_search_by_key(&offset, |(offset, _)| *offset).ok()?;
        self.entries.get(place).map(|(_, entry)| entry)
    }
}

/// About how many bytes an entry takes in memory.
pub(super) fn size_of(entry: &Entry) -> usize {
    ENTRY_OVERHEAD_BYTES + entry.kind.len() + entry.document.len() + entry.data.len()
}
