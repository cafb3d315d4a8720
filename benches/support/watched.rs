//! A log that tells of each append as soon as it is acknowledged.

use std::sync::Arc;

use ordershop_store::{
    Action, Batch, Blob, BlobParts, BoxFuture, CursorName, EntitySnapshot, Entry, EntryId,
    EventLog, LogError, Outcome, Page, Position, Positions, Topic, UniqueKey,
};
use uuid::Uuid;

/// Is told the ids of the commands of a batch that is in the log.
pub(crate) type Watcher = Box<dyn Fn(&[Uuid]) + Send + Sync>;

/// A log and whoever watches its appends.
pub(crate) struct Watched {
    inner: Arc<dyn EventLog>,
    watcher: Watcher,
}

impl Watched {
    /// That log, watched.
    pub(crate) fn new(inner: Arc<dyn EventLog>, watcher: Watcher) -> Arc<Self> {
        Arc::new(Self { inner, watcher })
    }
}

impl EventLog for Watched {
    fn append(&self, batch: Batch) -> BoxFuture<'_, Result<Vec<Outcome>, LogError>> {
        let commands: Vec<_> = batch.transactions.iter().map(|t| t.command_id).collect();
        let appended = self.inner.append(batch);
        Box::pin(async move {
            let outcomes = appended.await?;
            (self.watcher)(&commands);
            Ok(outcomes)
        })
    }

    fn appends_at_once(&self) -> usize {
        self.inner.appends_at_once()
    }

    fn read(&self, after: Positions, limit: usize) -> BoxFuture<'_, Result<Page, LogError>> {
        self.inner.read(after, limit)
    }

    fn read_stream(
        &self,
        topic: Topic,
        action: Action,
        after: EntryId,
        limit: usize,
    ) -> BoxFuture<'_, Result<Page, LogError>> {
        self.inner.read_stream(topic, action, after, limit)
    }

    fn read_entity(
        &self,
        topic: Topic,
        entity_id: Uuid,
        after: u64,
        limit: usize,
    ) -> BoxFuture<'_, Result<Page, LogError>> {
        self.inner.read_entity(topic, entity_id, after, limit)
    }

    fn latest(
        &self,
        topic: Topic,
        entity_ids: Vec<Uuid>,
    ) -> BoxFuture<'_, Result<Vec<Option<Arc<Entry>>>, LogError>> {
        self.inner.latest(topic, entity_ids)
    }

    fn holders(
        &self,
        topic: Topic,
        keys: Vec<UniqueKey>,
    ) -> BoxFuture<'_, Result<Vec<Option<Uuid>>, LogError>> {
        self.inner.holders(topic, keys)
    }

    fn wait(&self, after: Positions) -> BoxFuture<'_, Result<(), LogError>> {
        self.inner.wait(after)
    }

    fn ends(&self, topics: Vec<Topic>) -> BoxFuture<'_, Result<Positions, LogError>> {
        self.inner.ends(topics)
    }

    fn cursor(
        &self,
        name: CursorName,
        topic: Topic,
    ) -> BoxFuture<'_, Result<Option<Position>, LogError>> {
        self.inner.cursor(name, topic)
    }

    fn snapshot(
        &self,
        topic: Topic,
        entity_id: Uuid,
    ) -> BoxFuture<'_, Result<Option<EntitySnapshot>, LogError>> {
        self.inner.snapshot(topic, entity_id)
    }

    fn save_blob(
        &self,
        name: Arc<str>,
        positions: Positions,
        parts: BlobParts,
    ) -> BoxFuture<'_, Result<(), LogError>> {
        self.inner.save_blob(name, positions, parts)
    }

    fn blob(&self, name: Arc<str>) -> BoxFuture<'_, Result<Option<Blob>, LogError>> {
        self.inner.blob(name)
    }
}
