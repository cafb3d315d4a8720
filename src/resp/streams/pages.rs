//! Encoded pages, read from the log when first asked for, the last used ones kept.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ordershop_actors::read_model::StreamIndex;
use ordershop_store::{Action, EntryId, EventLog, LogError, Topic};

use super::super::limits::PAGE_CACHE_BYTES;
use super::super::protocol::Output;
use super::entry;

/// Which stream.
pub(in super::super) type StreamKey = (Topic, Action);

/// Some entries of a stream, encoded: alike in RESP2 and RESP3.
#[derive(Clone, Debug, Default)]
pub(in super::super) struct Page {
    /// Each entry's id, and where it ends in the bytes.
    entries: Vec<(EntryId, usize)>,
    bytes: Vec<u8>,
}

impl Page {
    /// How many of its entries have ids below that one.
    pub(super) fn entries_below(&self, id: EntryId) -> usize {
        self.entries.partition_point(|(known, _)| *known < id)
    }

    /// The id of its first entry.
    pub(in super::super) fn first(&self) -> Option<EntryId> {
        self.entries.first().map(|(id, _)| *id)
    }

    /// The bytes of these entries.
    pub(in super::super) fn slice(&self, from: usize, to: usize) -> &[u8] {
        let end = |count: usize| count.checked_sub(1).map_or(0, |last| self.entries[last].1);
        &self.bytes[end(from)..end(to)]
    }

    /// How many bytes it takes.
    fn len(&self) -> usize {
        self.bytes.len() + size_of_val(&*self.entries)
    }
}

/// The pages that were used last.
#[derive(Default)]
pub(in super::super) struct Pages(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    pages: HashMap<(StreamKey, usize), (Arc<Page>, u64)>,
    bytes: usize,
    /// Counts uses, so that the page that was used longest ago is known.
    uses: u64,
}

impl Pages {
    /// That page, with at least as many entries as the index has in it.
    pub(in super::super) async fn get(
        &self,
        log: &dyn EventLog,
        key: StreamKey,
        index: &StreamIndex,
        number: usize,
    ) -> Result<Arc<Page>, LogError> {
        let wanted = index.entries_of(number);
        let kept = self.kept().get((key, number));
        if let Some(page) = kept.as_ref().filter(|page| page.entries.len() >= wanted) {
            return Ok(Arc::clone(page));
        }
        let mut page = kept.map_or_else(Page::default, Arc::unwrap_or_clone);
        while page.entries.len() < wanted {
            let after = page.entries.last().map_or_else(|| index.begin_of(number), |(id, _)| *id);
            let missing = wanted - page.entries.len();
            let read = log.read_stream(key.0, key.1, after, missing).await?;
            if read.entries.is_empty() {
                let (topic, action) = (key.0, key.1.name());
                let lost = format!("{topic}'s stream {action} has fewer entries than were seen");
                return Err(LogError::Failed(lost));
            }
            let mut out = Output::default();
            out.raw(&std::mem::take(&mut page.bytes));
            for entry in &read.entries {
                entry::write(&mut out, entry);
                page.entries.push((entry.id, out.len()));
            }
            page.bytes = out.into_bytes();
        }
        let page = Arc::new(page);
        self.kept().keep((key, number), Arc::clone(&page));
        Ok(page)
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn get(&mut self, place: (StreamKey, usize)) -> Option<Arc<Page>> {
        self.uses += 1;
        let (page, used) = self.pages.get_mut(&place)?;
        *used = self.uses;
        Some(Arc::clone(page))
    }

    fn keep(&mut self, place: (StreamKey, usize), page: Arc<Page>) {
        self.bytes += page.len();
        if let Some((before, _)) = self.pages.insert(place, (page, self.uses)) {
            self.bytes -= before.len();
        }
        while self.bytes > PAGE_CACHE_BYTES {
            let oldest = self.pages.iter().min_by_key(|(_, (_, used))| *used);
            let Some(place) = oldest.map(|(place, _)| *place) else { break };
            if let Some((page, _)) = self.pages.remove(&place) {
                self.bytes -= page.len();
            }
        }
    }
}
