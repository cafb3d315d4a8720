//! The port: what every event log can do.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use uuid::Uuid;

use crate::{
    Action, Batch, Blob, BlobParts, CursorName, EntitySnapshot, Entry, EntryId, LogError, Loss,
    Outcome, Position, Positions, Topic,
};

/// A future that any thread may run.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Some entries, and whether there were more than were asked for.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// The entries, in order.
    pub entries: Vec<Arc<Entry>>,
    /// Whether the log held more behind them at the time of the read.
    pub more: bool,
}

/// An event log.
///
/// Every method may be called from any thread and any number of times at once. None of them
/// blocks its thread. A future that is dropped does not undo what it began.
pub trait EventLog: Send + Sync + 'static {
    /// Appends a batch; the answer comes when all that was accepted is durable.
    ///
    /// There is one outcome for each transaction, in order. An error means that no outcome is
    /// known: see [`LogError::leaves_outcome_open`]; sending the same transactions again is safe.
    fn append(&self, batch: Batch) -> BoxFuture<'_, Result<Vec<Outcome>, LogError>>;

    /// How many appends are best under way at once: as many as hide the way to where the log is.
    fn appends_at_once(&self) -> usize {
        1
    }

    /// Reads up to `limit` entries of all streams of these topics behind `after`, merged by id.
    ///
    /// What is read is the log as of one moment: no entry that is committed later will stand
    /// before one that was returned (entries of other programs excepted, which bear ids of their
    /// own; they come in a later page).
    fn read(&self, after: Positions, limit: usize) -> BoxFuture<'_, Result<Page, LogError>>;

    /// Reads up to `limit` entries of one stream behind `after`.
    fn read_stream(
        &self,
        topic: Topic,
        action: Action,
        after: EntryId,
        limit: usize,
    ) -> BoxFuture<'_, Result<Page, LogError>>;

    /// Reads up to `limit` entries of one entity with versions above `after`.
    fn read_entity(
        &self,
        topic: Topic,
        entity_id: Uuid,
        after: u64,
        limit: usize,
    ) -> BoxFuture<'_, Result<Page, LogError>>;

    /// The last entry of each of these entities, in the order asked for; `None` where it has none.
    fn latest(
        &self,
        topic: Topic,
        entity_ids: Vec<Uuid>,
    ) -> BoxFuture<'_, Result<Vec<Option<Arc<Entry>>>, LogError>>;

    /// Who holds each of these unique keys, in the order asked for.
    fn holders(
        &self,
        topic: Topic,
        keys: Vec<crate::UniqueKey>,
    ) -> BoxFuture<'_, Result<Vec<Option<Uuid>>, LogError>>;

    /// Waits until one of these topics has an entry behind its position.
    ///
    /// Returns at once where there is one. It may also return early, with nothing new.
    fn wait(&self, after: Positions) -> BoxFuture<'_, Result<(), LogError>>;

    /// The last id of each stream of these topics.
    fn ends(&self, topics: Vec<Topic>) -> BoxFuture<'_, Result<Positions, LogError>>;

    /// The cursor of that name in that topic, or `None` where none was set.
    fn cursor(
        &self,
        name: CursorName,
        topic: Topic,
    ) -> BoxFuture<'_, Result<Option<Position>, LogError>>;

    /// The same as it was saved, whether or not the log still holds the events at which it stands.
    fn cursor_as_saved(
        &self,
        name: CursorName,
        topic: Topic,
    ) -> BoxFuture<'_, Result<Option<Position>, LogError>> {
        self.cursor(name, topic)
    }

    /// Waits until entries that this process had seen are found lost; for ever where none can be.
    ///
    /// From then on every call fails with [`LogError::Lost`].
    fn lost(&self) -> BoxFuture<'_, LogError> {
        Box::pin(std::future::pending())
    }

    /// Goes on with what the log still holds, and gives what was lost: to be called when all that was
    /// made of the log in this process (entities, projections) is gone, and before it is made anew.
    fn accept_losses(&self) -> Option<Arc<[Loss]>> {
        None
    }

    /// The snapshot of that entity that was saved last, or `None` where none was.
    fn snapshot(
        &self,
        topic: Topic,
        entity_id: Uuid,
    ) -> BoxFuture<'_, Result<Option<EntitySnapshot>, LogError>>;

    /// Saves a blob in the place of the one of that name; each part is made when it is written, on
    /// a thread that may block. A name has small letters and dashes.
    fn save_blob(
        &self,
        name: Arc<str>,
        positions: Positions,
        parts: BlobParts,
    ) -> BoxFuture<'_, Result<(), LogError>>;

    /// The blob of that name that was saved last; `None` where there is none that can be used.
    fn blob(&self, name: Arc<str>) -> BoxFuture<'_, Result<Option<Blob>, LogError>>;
}
