//! A log that holds its answers back until the test lets them go.

use std::sync::{Arc, OnceLock};

use ordershop_store::embedded::Embedded;
use ordershop_store::{
    Action, Batch, Blob, BlobParts, BoxFuture, CursorName, EntitySnapshot, Entry, EntryId,
    EventLog, LogError, Outcome, Page, Position, Positions, Topic, UniqueKey,
};
use tokio::sync::{Semaphore, watch};
use uuid::Uuid;

/// A door: shut, only what is let go one by one passes; open, everything does.
pub(crate) struct Door {
    passes: Semaphore,
    /// How many have come to it so far.
    came: watch::Sender<usize>,
}

impl Door {
    fn opened() -> Self {
        let passes = Semaphore::new(Semaphore::MAX_PERMITS / 2);
        Self { passes, came: watch::Sender::new(0) }
    }

    /// Holds back what comes from now on.
    pub(crate) fn shut(&self) {
        self.passes.forget_permits(usize::MAX);
    }

    /// Lets one go that waits, or will.
    pub(crate) fn let_one_go(&self) {
        self.passes.add_permits(1);
    }

    /// Holds nothing back any more.
    pub(crate) fn open(&self) {
        self.passes.add_permits(Semaphore::MAX_PERMITS / 2);
    }

    /// How many have come to it so far.
    pub(crate) fn came(&self) -> usize {
        *self.came.borrow()
    }

    /// Waits until so many have come to it.
    pub(crate) async fn until_came(&self, count: usize) {
        let mut came = self.came.subscribe();
        came.wait_for(|came| *came >= count).await.expect("a door is never torn down");
    }

    async fn pass(&self) {
        self.came.send_modify(|came| *came += 1);
        self.passes.acquire().await.expect("a door is never torn down").forget();
    }
}

/// A log with a door behind its appends, and one before its reads of entities.
pub(crate) struct Held {
    inner: Arc<Embedded>,
    /// What is appended is durable, but its answer waits here.
    pub(crate) answers: Door,
    /// Whoever loads an entity waits here.
    pub(crate) loads: Door,
    failure: OnceLock<LogError>,
}

impl Held {
    pub(crate) fn new(inner: Arc<Embedded>) -> Arc<Self> {
        let (answers, loads) = (Door::opened(), Door::opened());
        Arc::new(Self { inner, answers, loads, failure: OnceLock::new() })
    }

    /// From now on every append fails like this.
    pub(crate) fn fail(&self, error: LogError) {
        self.failure.set(error).expect("it fails once, for ever");
    }
}

impl EventLog for Held {
    fn append(&self, batch: Batch) -> BoxFuture<'_, Result<Vec<Outcome>, LogError>> {
        Box::pin(async move {
            if let Some(failure) = self.failure.get() {
                return Err(failure.clone());
            }
            let outcomes = self.inner.append(batch).await;
            self.answers.pass().await;
            outcomes
        })
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
        Box::pin(async move {
            self.loads.pass().await;
            self.inner.read_entity(topic, entity_id, after, limit).await
        })
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
