//! Reads: find the entries in the index, then take them from memory or from the files.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::panic;
use std::sync::Arc;

use uuid::Uuid;

use super::index::Spot;
use super::loading::{AHEAD_BYTES, ALONE_BYTES, Loader};
use super::options::Options;
use super::shared::{Located, Shared, View};
use crate::{Action, EntitySnapshot, Entry, EntryId, LogError, Page, Positions, Topic};

/// Reads from an open log.
#[derive(Debug)]
pub(super) struct Reader {
    shared: Arc<Shared>,
    max_entries: usize,
    max_bytes: usize,
}

impl Reader {
    /// A reader of that log, with its bounds.
    pub(super) fn new(shared: Arc<Shared>, options: &Options) -> Self {
        let (max_entries, max_bytes) = (options.max_page_entries, options.max_page_bytes);
        Self { shared, max_entries: max_entries.max(1), max_bytes }
    }

    /// All streams of these topics, merged by id.
    pub(super) async fn topics(&self, after: &Positions, limit: usize) -> Result<Page, LogError> {
        let limit = limit.min(self.max_entries);
        let found = {
            let view = self.shared.view();
            let mut streams = Vec::new();
            for (topic, position) in after.iter() {
                let topic = self.shared.number(topic)?;
                for action in Action::ALL {
                    let spots = view.index.topic(topic).stream_behind(action, position.of(action));
                    streams.push((topic, spots));
                }
            }
            merge(&view, streams, limit)
        };
        self.page(found, AHEAD_BYTES).await
    }

    /// One stream.
    pub(super) async fn stream(
        &self,
        topic: Topic,
        action: Action,
        after: EntryId,
        limit: usize,
    ) -> Result<Page, LogError> {
        let topic = self.shared.number(topic)?;
        let limit = limit.min(self.max_entries);
        let found = {
            let view = self.shared.view();
            let spots = view.index.topic(topic).stream_behind(action, after);
            let offsets = spots.iter().map(|spot| spot.offset);
            Found::first(&view, topic, offsets, limit)
        };
        self.page(found, AHEAD_BYTES).await
    }

    /// One entity.
    pub(super) async fn entity(
        &self,
        topic: Topic,
        entity_id: Uuid,
        after: u64,
        limit: usize,
    ) -> Result<Page, LogError> {
        let topic = self.shared.number(topic)?;
        let limit = limit.min(self.max_entries);
        let found = {
            let view = self.shared.view();
            let offsets = view.index.topic(topic).entities.behind(entity_id, after);
            Found::first(&view, topic, offsets.iter().copied(), limit)
        };
        self.page(found, ALONE_BYTES).await
    }

    /// The last entry of each of these entities.
    pub(super) async fn latest(
        &self,
        topic: Topic,
        entity_ids: Vec<Uuid>,
    ) -> Result<Vec<Option<Arc<Entry>>>, LogError> {
        let topic = self.shared.number(topic)?;
        let mut found: Vec<Option<Located>> = {
            let view = self.shared.view();
            let entities = &view.index.topic(topic).entities;
            let last = |entity_id: &Uuid| Some(view.locate(topic, entities.last(*entity_id)?));
            entity_ids.iter().map(last).collect()
        };
        for cold in found.iter_mut().flatten().filter(|located| located.entry.is_none()) {
            cold.entry = self.shared.warm.get(cold.offset);
        }
        if found.iter().flatten().all(|located| located.entry.is_some()) {
            return Ok(found.into_iter().map(|located| located?.entry).collect());
        }
        self.read_files(move |shared| {
            let mut loader = Loader::new(shared, ALONE_BYTES);
            let mut entry = |located: Located| {
                let (offset, cold) = (located.offset, located.entry.is_none());
                let entry = loader.entry(located)?;
                if cold {
                    shared.warm.keep(offset, &entry);
                }
                Ok(entry)
            };
            found.into_iter().map(|located| located.map(&mut entry).transpose()).collect()
        })
        .await
    }

    /// The last snapshot of that entity.
    pub(super) async fn snapshot(
        &self,
        topic: Topic,
        entity_id: Uuid,
    ) -> Result<Option<EntitySnapshot>, LogError> {
        let topic = self.shared.number(topic)?;
        let offset = self.shared.view().index.topic(topic).snapshots.get(&entity_id).copied();
        let Some(offset) = offset else {
            return Ok(None);
        };
        let load = move |shared: &Shared| Loader::new(shared, ALONE_BYTES).snapshot(offset);
        self.read_files(load).await.map(Some)
    }

    /// The page of the entries that were found.
    async fn page(&self, found: Found, read_bytes: usize) -> Result<Page, LogError> {
        let Found { located, more } = found;
        let max_bytes = self.max_bytes;
        let in_memory = located.iter().all(|located| located.entry.is_some());
        let load = move |shared: &Shared| Loader::new(shared, read_bytes).load(located, max_bytes);
        let (entries, complete) =
            if in_memory { load(&self.shared)? } else { self.read_files(load).await? };
        Ok(Page { entries, more: more || !complete })
    }

    /// Runs what reads or writes files on a thread that may block.
    pub(super) async fn read_files<T: Send + 'static>(
        &self,
        load: impl FnOnce(&Shared) -> Result<T, LogError> + Send + 'static,
    ) -> Result<T, LogError> {
        let shared = Arc::clone(&self.shared);
        match tokio::task::spawn_blocking(move || load(&shared)).await {
            Ok(loaded) => loaded,
            Err(error) => match error.try_into_panic() {
                Ok(payload) => panic::resume_unwind(payload),
                // The runtime is going down.
                Err(_) => Err(LogError::Closed),
            },
        }
    }
}

/// The entries of a page, and whether there are more behind them.
struct Found {
    located: Vec<Located>,
    more: bool,
}

impl Found {
    fn first(
        view: &View,
        topic: usize,
        offsets: impl ExactSizeIterator<Item = u64>,
        limit: usize,
    ) -> Self {
        let more = offsets.len() > limit;
        let located = offsets.take(limit).map(|offset| view.locate(topic, offset)).collect();
        Self { located, more }
    }
}

/// The first spots of all streams by id, each stream being in order.
fn merge(view: &View, mut streams: Vec<(usize, &[Spot])>, limit: usize) -> Found {
    let mut heads: BinaryHeap<_> = streams
        .iter()
        .enumerate()
        .filter_map(|(stream, (_, spots))| Some(Reverse((spots.first()?.id(), stream))))
        .collect();
    let mut located = Vec::new();
    while located.len() < limit
        && let Some(Reverse((_, stream))) = heads.pop()
    {
        let (topic, spots) = &mut streams[stream];
        let Some((spot, behind)) = spots.split_first() else {
            continue;
        };
        located.push(view.locate(*topic, spot.offset));
        if let Some(next) = behind.first() {
            heads.push(Reverse((next.id(), stream)));
        }
        *spots = behind;
    }
    Found { located, more: !heads.is_empty() }
}
