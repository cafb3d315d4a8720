//! The event log in files of this process: no server, one fdatasync for all that waits.
//!
//! A log is a folder of append-only *segments*. One thread writes: it takes the appends that wait,
//! decides each transaction on what the ones before it left, writes all as one *batch* of records,
//! makes it durable, and only then shows it to readers and answers. Readers look up where entries
//! stand in an index in memory; recent entries are in memory too, older ones are read from the
//! files, and checked against their checksums each time.
//!
//! Ids rise strictly over all topics here, so that topics merged by id stand in commit order.

mod active;
mod blobs;
mod check;
mod checkpoint;
mod checkpointer;
mod clock;
mod commands;
mod disk;
mod entities;
mod error;
mod frame;
mod index;
mod keys;
mod loading;
mod lock;
mod options;
mod reading;
pub mod record;
mod recovery;
mod rescan;
mod scan;
mod segment;
mod shared;
mod staging;
mod tail;
#[cfg(test)]
mod tests;
pub mod verify;
mod warm;
mod writer;

use std::fs;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use tokio::sync::{Semaphore, oneshot};
use uuid::Uuid;

pub use self::clock::{Clock, SystemClock};
pub use self::options::Options;
pub use self::recovery::Opened;
pub use self::rescan::{CheckpointVerdict, Rescanned};

use self::disk::{Disk, OsDisk};
use self::error::io_error;
use self::index::Topics;
use self::lock::Lock;
use self::reading::Reader;
use self::recovery::recover;
use self::segment::Segments;
use self::shared::{Shared, View};
use self::tail::Tail;
use self::warm::Warm;
use self::writer::{Message, QUEUE_APPENDS, Request, Writer};
use crate::{
    Action, Batch, Blob, BlobParts, BoxFuture, CursorName, EntitySnapshot, Entry, EntryId,
    EventLog, LogError, Outcome, Page, Position, Positions, Topic, UniqueKey,
};

/// The most bytes that a snapshot may have.
const MAX_SNAPSHOT_BYTES: usize = 8 * 1024 * 1024;
/// The most bytes that the name of a cursor may have.
const MAX_CURSOR_NAME_BYTES: usize = 4096;

/// An event log in a folder, which this process alone has open.
///
/// Its futures must be polled within a tokio runtime: older entries are read on its blocking threads.
#[derive(Debug)]
pub struct Embedded {
    shared: Arc<Shared>,
    reader: Reader,
    opened: Opened,
    room: Arc<Semaphore>,
    queue: Sender<Message>,
    ended_well: Arc<AtomicBool>,
    running: Mutex<Option<Running>>,
}

/// What there is only while the log is open for writing.
#[derive(Debug)]
struct Running {
    writer: JoinHandle<()>,
    checkpointer: JoinHandle<()>,
    _lock: Lock,
}

impl Embedded {
    /// Opens the log in that folder, or begins one there; blocks until it is read.
    ///
    /// `topics` are all that the log holds or will hold.
    pub fn open(
        folder: impl AsRef<Path>,
        topics: &[Topic],
        options: Options,
    ) -> Result<Self, LogError> {
        Self::open_on(Arc::new(OsDisk), folder.as_ref(), topics, options)
    }

    fn open_on(
        disk: Arc<dyn Disk>,
        folder: &Path,
        topics: &[Topic],
        options: Options,
    ) -> Result<Self, LogError> {
        make_folder(folder).map_err(io_error("make", folder))?;
        let lock = Lock::acquire(folder)?;
        let topics = Topics::new(topics);
        let recovered = recover(folder, &topics, options.segment_bytes, disk)?;
        let tail = || Tail::new(options.tail_entries, options.tail_bytes);
        let tails = std::iter::repeat_with(tail).take(topics.len()).collect();
        let view = View { index: recovered.index, tails, end: recovered.active.end() };
        let segments = Segments::new(recovered.segments);
        let warm = Warm::new(options.warm_bytes);
        let shared = Arc::new(Shared::new(folder.to_owned(), topics, segments, view, warm));
        let reader = Reader::new(Arc::clone(&shared), &options);
        let (checkpoints, checkpointer) =
            checkpointer::start(&shared, recovered.checkpoint, options.checkpoint_bytes)?;
        let (queue, messages) = mpsc::channel();
        let ended_well = Arc::new(AtomicBool::new(false));
        let writer = Writer {
            shared: Arc::clone(&shared),
            active: recovered.active,
            queue: messages,
            checkpoints,
            options,
            ended_well: Arc::clone(&ended_well),
            failure: None,
        };
        let writer = thread::Builder::new()
            .name("log-writer".to_owned())
            .spawn(move || writer.run())
            .map_err(io_error("start the writer thread of", folder))?;
        Ok(Self {
            shared,
            reader,
            opened: recovered.opened,
            room: Arc::new(Semaphore::new(QUEUE_APPENDS)),
            queue,
            ended_well,
            running: Mutex::new(Some(Running { writer, checkpointer, _lock: lock })),
        })
    }

    /// Reads the whole log in that folder, which nobody has open, as an opening without a checkpoint
    /// would, and tells whether the checkpoint agrees; changes nothing, and blocks until done.
    ///
    /// It stops at the first thing that is wrong; [`verify`](verify::verify) finds all.
    ///
    /// `progress` is told how many bytes are done, and of how many.
    pub fn rescan(
        folder: impl AsRef<Path>,
        topics: &[Topic],
        progress: impl FnMut(u64, u64),
    ) -> Result<Rescanned, LogError> {
        rescan::rescan(folder.as_ref(), &Topics::new(topics), progress)
    }

    /// A check of all that the log holds now, which reads its files and may go on beside appends; see
    /// [`verify`](verify::verify) for a log that nobody has open.
    pub fn verification(&self) -> verify::Verification {
        verify::Verification::of_open_log(&self.shared)
    }

    /// What was found when the log was opened.
    pub const fn opened(&self) -> Opened {
        self.opened
    }

    /// Takes no more appends, and blocks until those that wait are written; then the folder is free.
    ///
    /// What was read can still be read. Dropping the log closes it, too.
    pub fn close(&self) {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(Running { writer, checkpointer, _lock }) = running.take() else {
            return;
        };
        self.room.close();
        // A writer that is gone needs no telling.
        let _ = self.queue.send(Message::Close);
        if writer.join().is_err() {
            tracing::error!("the writer thread of the event log had panicked");
        }
        self.shared.progress.send_modify(|progress| progress.closed = true);
        if checkpointer.join().is_err() {
            tracing::error!("the checkpoint thread of the event log had panicked");
        }
    }

    async fn enqueue(&self, batch: Batch) -> Result<Vec<Outcome>, LogError> {
        for (name, topic, _) in &batch.cursors {
            self.shared.number(*topic)?;
            if name.len() > MAX_CURSOR_NAME_BYTES {
                let error = io::Error::new(io::ErrorKind::InvalidInput, "its name is too long");
                return Err(io_error("set a cursor in", &self.shared.folder)(error));
            }
        }
        for (topic, _, snapshot) in &batch.snapshots {
            self.shared.number(*topic)?;
            if snapshot.bytes.len() > MAX_SNAPSHOT_BYTES {
                let error = io::Error::new(io::ErrorKind::InvalidInput, "it is too large");
                return Err(io_error("save a snapshot in", &self.shared.folder)(error));
            }
        }
        let room = Arc::clone(&self.room);
        let room = room.acquire_owned().await.map_err(|_| LogError::Closed)?;
        let (answer, answered) = oneshot::channel();
        let request = Request { batch, answer, room };
        self.queue.send(Message::Append(request)).map_err(|_| self.ended())?;
        answered.await.unwrap_or_else(|_| Err(self.ended()))
    }

    /// Why the writer no longer answers.
    fn ended(&self) -> LogError {
        if self.ended_well.load(Ordering::Acquire) {
            LogError::Closed
        } else {
            LogError::Failed("its writer thread panicked".to_owned())
        }
    }

    async fn wait_behind(&self, after: Positions) -> Result<(), LogError> {
        let topics: Vec<_> = after
            .iter()
            .map(|(topic, position)| Ok((self.shared.number(topic)?, position)))
            .collect::<Result<_, LogError>>()?;
        let mut progress = self.shared.progress.subscribe();
        loop {
            let closed = progress.borrow_and_update().closed;
            let has_more = {
                let view = self.shared.view();
                topics.iter().any(|&(topic, position)| {
                    let end = view.index.topic(topic).end();
                    Action::ALL.into_iter().any(|a| position.is_before(a, end.of(a)))
                })
            };
            if has_more {
                return Ok(());
            }
            if closed || progress.changed().await.is_err() {
                return Err(LogError::Closed);
            }
        }
    }
}

impl EventLog for Embedded {
    fn append(&self, batch: Batch) -> BoxFuture<'_, Result<Vec<Outcome>, LogError>> {
        Box::pin(self.enqueue(batch))
    }

    fn read(&self, after: Positions, limit: usize) -> BoxFuture<'_, Result<Page, LogError>> {
        Box::pin(async move { self.reader.topics(&after, limit).await })
    }

    fn read_stream(
        &self,
        topic: Topic,
        action: Action,
        after: EntryId,
        limit: usize,
    ) -> BoxFuture<'_, Result<Page, LogError>> {
        Box::pin(self.reader.stream(topic, action, after, limit))
    }

    fn read_entity(
        &self,
        topic: Topic,
        entity_id: Uuid,
        after: u64,
        limit: usize,
    ) -> BoxFuture<'_, Result<Page, LogError>> {
        Box::pin(self.reader.entity(topic, entity_id, after, limit))
    }

    fn latest(
        &self,
        topic: Topic,
        entity_ids: Vec<Uuid>,
    ) -> BoxFuture<'_, Result<Vec<Option<Arc<Entry>>>, LogError>> {
        Box::pin(self.reader.latest(topic, entity_ids))
    }

    fn holders(
        &self,
        topic: Topic,
        keys: Vec<UniqueKey>,
    ) -> BoxFuture<'_, Result<Vec<Option<Uuid>>, LogError>> {
        Box::pin(async move {
            let topic = self.shared.number(topic)?;
            let view = self.shared.view();
            Ok(keys.iter().map(|key| view.index.topic(topic).keys.holder(key)).collect())
        })
    }

    fn wait(&self, after: Positions) -> BoxFuture<'_, Result<(), LogError>> {
        Box::pin(self.wait_behind(after))
    }

    fn ends(&self, topics: Vec<Topic>) -> BoxFuture<'_, Result<Positions, LogError>> {
        Box::pin(async move {
            let view = self.shared.view();
            let end = |topic| Ok((topic, view.index.topic(self.shared.number(topic)?).end()));
            topics.into_iter().map(end).collect()
        })
    }

    fn cursor(
        &self,
        name: CursorName,
        topic: Topic,
    ) -> BoxFuture<'_, Result<Option<Position>, LogError>> {
        Box::pin(async move {
            let topic = self.shared.number(topic)?;
            Ok(self.shared.view().index.topic(topic).cursor(&name))
        })
    }

    fn snapshot(
        &self,
        topic: Topic,
        entity_id: Uuid,
    ) -> BoxFuture<'_, Result<Option<EntitySnapshot>, LogError>> {
        Box::pin(self.reader.snapshot(topic, entity_id))
    }

    fn save_blob(
        &self,
        name: Arc<str>,
        positions: Positions,
        parts: BlobParts,
    ) -> BoxFuture<'_, Result<(), LogError>> {
        Box::pin(self.reader.read_files(move |shared| {
            let saved = shared.blobs.save(&name, &positions, parts);
            saved.map_err(io_error("save a snapshot in", &shared.folder))
        }))
    }

    fn blob(&self, name: Arc<str>) -> BoxFuture<'_, Result<Option<Blob>, LogError>> {
        Box::pin(self.reader.read_files(move |shared| {
            let loaded = shared.blobs.load(&name, &shared.topics);
            loaded.map_err(io_error("read a snapshot in", &shared.folder))
        }))
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        self.close();
    }
}

/// Makes the folder, and makes that durable.
fn make_folder(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(folder)?;
    match folder.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => segment::sync_folder(parent),
        _ => segment::sync_folder(Path::new(".")),
    }
}
