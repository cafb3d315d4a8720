//! An entity's entries, from its last one back.

use std::sync::Arc;

use ordershop_store::{Entry, EventLog, LogError, Topic};
use uuid::Uuid;

/// How many entries one read brings.
const PAGE: u64 = 64;

/// Walks back along an entity's history, a page at a time.
pub struct Backward<'a> {
    log: &'a dyn EventLog,
    topic: Topic,
    entity_id: Uuid,
    /// The version of the oldest entry that was read.
    oldest: u64,
    /// What was read and not given yet, oldest first.
    page: Vec<Arc<Entry>>,
}

impl<'a> Backward<'a> {
    /// From that entry of an entity's history on, which is given first; [`EventLog::latest`] gives
    /// the last one.
    pub fn from(log: &'a dyn EventLog, entry: Arc<Entry>) -> Self {
        let Entry { topic, entity_id, version, .. } = *entry;
        Self { log, topic, entity_id, oldest: version, page: vec![entry] }
    }

    /// The entry before the one that was given last; `None` before the first one.
    pub async fn next(&mut self) -> Result<Option<Arc<Entry>>, LogError> {
        if self.page.is_empty() && self.oldest > 1 {
            let before = self.oldest - 1;
            let after = before.saturating_sub(PAGE);
            self.page = self.read(after, before).await?;
            self.oldest = after + 1;
        }
        Ok(self.page.pop())
    }

    /// The entries with versions above `after`, up to `last`; a log may give them in several parts.
    async fn read(&self, mut after: u64, last: u64) -> Result<Vec<Arc<Entry>>, LogError> {
        let mut entries = Vec::new();
        while after < last {
            let limit = usize::try_from(last - after).expect("a page has few entries");
            let page = self.log.read_entity(self.topic, self.entity_id, after, limit).await?;
            let Some(end) = page.entries.last() else { break };
            after = end.version;
            entries.extend(page.entries);
        }
        Ok(entries)
    }
}
