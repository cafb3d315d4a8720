//! The journal: the actor through which everything is appended, many at a time.
//!
//! What arrives while a write is in flight waits and goes out as the next batch, so that any
//! number of commands share one wait for the disk or the network. Transactions are written in the
//! order in which they were handed over.
//!
//! A log on a server may turn out to have lost what it had acknowledged. Then all that was made of it
//! in memory knows more than the log, and must be made anew; so the journal, on which all of it is
//! built, fails, and accepts the losses in its next incarnation.

use std::collections::{BTreeMap, VecDeque};
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::{Either, select};
use ordershop_store::{
    Batch, CursorName, EntitySnapshot, EventLog, LogError, Outcome, Position, Topic, Transaction,
};
use ordershop_supervisors::{
    CellBuilder, ChildSpec, Context, Failure, Handle, Message, Process, Receive, ReplyTo,
};
use tokio::sync::{Notify, oneshot};
use uuid::Uuid;

use super::fault::crash_point;

/// How many transactions one batch holds at most.
const MAX_BATCH_TRANSACTIONS: usize = 1024;
/// How many messages wait for the journal at most; more are refused at once.
const JOURNAL_CAPACITY: usize = 16 * 1024;
/// How many transactions the journal holds beside the batch in flight; more are refused at once.
const MAX_WAITING: usize = 64 * 1024;

/// How many snapshots of entities wait for the next batch at most; of more none is saved.
const MAX_WAITING_SNAPSHOTS: usize = 256;

/// An append that was not answered with an outcome.
#[derive(Clone, Debug, thiserror::Error)]
pub enum AppendError {
    /// The journal has as much waiting as it takes; nothing was appended.
    #[error("too many appends are waiting")]
    Overloaded,
    /// The journal is down at this moment; nothing was appended.
    #[error("the journal is down")]
    Down,
    /// The log failed.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The journal crashed or stopped while the append was in its hands.
    #[error("the journal stopped before it answered")]
    Lost,
}

impl AppendError {
    /// Whether the transaction may be in the log all the same.
    pub const fn leaves_outcome_open(&self) -> bool {
        match self {
            Self::Overloaded | Self::Down => false,
            Self::Log(error) => error.leaves_outcome_open(),
            Self::Lost => true,
        }
    }
}

type AppendResult = Result<Outcome, AppendError>;

/// Appends a transaction; the answer goes to whoever holds the other end.
struct Append {
    transaction: Transaction,
    answer: oneshot::Sender<AppendResult>,
}

impl Message for Append {
    type Reply = ();
}

/// Sets a subscriber's cursor with the next batch.
struct SaveCursor {
    name: CursorName,
    topic: Topic,
    position: Position,
}

impl Message for SaveCursor {
    type Reply = Result<(), AppendError>;
}

/// Saves the snapshot of an entity with the next batch.
struct SaveSnapshot {
    topic: Topic,
    entity_id: Uuid,
    snapshot: EntitySnapshot,
}

impl Message for SaveSnapshot {
    type Reply = ();
}

/// The actor in front of a log.
pub struct Journal {
    log: Arc<dyn EventLog>,
    waiting: VecDeque<Append>,
    cursors: BTreeMap<(CursorName, Topic), Position>,
    cursor_replies: Vec<ReplyTo<Result<(), AppendError>>>,
    snapshots: BTreeMap<(Topic, Uuid), EntitySnapshot>,
    /// How many batches are on their way.
    in_flight: usize,
    /// Whether the last append failed, so that an outage is told of once.
    failing: bool,
    /// Told when this incarnation ends.
    ended: Arc<Notify>,
}

impl Drop for Journal {
    fn drop(&mut self) {
        self.ended.notify_waiters();
    }
}

impl Journal {
    /// The journal of that log, on which all else that uses the log is built, as a child for a
    /// supervisor, and the handle through which it is used.
    pub fn child(log: Arc<dyn EventLog>, cell: CellBuilder<Self>) -> (JournalHandle, ChildSpec) {
        let losses = Losses::default();
        let ended = Arc::new(Notify::new());
        let (noted, told) = (losses.clone(), Arc::clone(&ended));
        let (handle, spec) = cell.capacity(JOURNAL_CAPACITY).factory(move |_| {
            let (log, losses, ended) = (Arc::clone(&log), noted.clone(), Arc::clone(&told));
            async move {
                // What was built on the incarnation before is down.
                if let Some(lost) = log.accept_losses() {
                    losses.note(LogError::Lost(lost));
                }
                // A log that takes no more appends takes this one neither.
                log.append(Batch::default()).await.map_err(Failure::new)?;
                Ok(Self {
                    log,
                    waiting: VecDeque::new(),
                    cursors: BTreeMap::new(),
                    cursor_replies: Vec::new(),
                    snapshots: BTreeMap::new(),
                    in_flight: 0,
                    failing: false,
                    ended,
                })
            }
        });
        (JournalHandle { handle, losses, ended }, spec)
    }

    /// Sends the next batch, unless enough are in flight or nothing waits.
    fn write_next(&mut self, ctx: &mut Context<'_, Self>) {
        let nothing_waits =
            self.waiting.is_empty() && self.cursors.is_empty() && self.snapshots.is_empty();
        if self.in_flight >= self.log.appends_at_once() || nothing_waits {
            return;
        }
        self.in_flight += 1;
        let count = self.waiting.len().min(MAX_BATCH_TRANSACTIONS);
        let (transactions, answers): (Vec<_>, Vec<_>) =
            self.waiting.drain(..count).map(|append| (append.transaction, append.answer)).unzip();
        let cursors = std::mem::take(&mut self.cursors)
            .into_iter()
            .map(|((name, topic), position)| (name, topic, position))
            .collect();
        let cursor_replies = std::mem::take(&mut self.cursor_replies);
        let snapshots = std::mem::take(&mut self.snapshots)
            .into_iter()
            .map(|((topic, entity_id), snapshot)| (topic, entity_id, snapshot))
            .collect();
        let log = Arc::clone(&self.log);
        crash_point("journal/before-append");
        let append = async move { log.append(Batch { transactions, cursors, snapshots }).await };
        ctx.spawn(append, move |journal, result, ctx| {
            crash_point("journal/after-append");
            journal.in_flight -= 1;
            journal.tell_of(&result);
            // The next batch goes out before the answers of this one are handed on.
            journal.write_next(ctx);
            match result {
                Ok(outcomes) => {
                    for (answer, outcome) in answers.into_iter().zip(outcomes) {
                        // Whoever no longer waits has had its own time-out.
                        drop(answer.send(Ok(outcome)));
                    }
                    for reply in cursor_replies {
                        reply.send(Ok(()));
                    }
                }
                Err(error) => {
                    for answer in answers {
                        drop(answer.send(Err(AppendError::Log(error.clone()))));
                    }
                    for reply in cursor_replies {
                        reply.send(Err(AppendError::Log(error.clone())));
                    }
                    if error.ends_the_log() {
                        // Only opening the log again helps; that is for the supervisor.
                        return Err(Failure::new(error));
                    }
                }
            }
            Ok(())
        });
    }
}

impl Journal {
    /// Tells when appends begin to fail, and when they no longer do.
    fn tell_of(&mut self, result: &Result<Vec<Outcome>, LogError>) {
        match result {
            Ok(_) if self.failing => tracing::info!("appends succeed again"),
            Err(error) if !self.failing => tracing::error!(%error, "appends fail"),
            Ok(_) | Err(_) => {}
        }
        self.failing = result.is_err();
    }
}

impl Process for Journal {
    fn started(&mut self, ctx: &mut Context<'_, Self>) -> Result<(), Failure> {
        let log = Arc::clone(&self.log);
        ctx.spawn(async move { log.lost().await }, |_, error, _| Err(Failure::new(error)));
        Ok(())
    }
}

/// What the log was found to have lost while this process runs; clones share it.
#[derive(Clone, Default)]
pub(super) struct Losses(Arc<Mutex<Option<(u64, LogError)>>>);

impl Losses {
    fn note(&self, error: LogError) {
        let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = noted.as_ref().map_or(0, |(count, _)| *count);
        *noted = Some((count + 1, error));
    }

    /// How often that was, and what it was last.
    pub(super) fn last(&self) -> Option<(u64, LogError)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Receive<Append> for Journal {
    fn receive(
        &mut self,
        append: Append,
        _reply: ReplyTo<()>,
        ctx: &mut Context<'_, Self>,
    ) -> Result<(), Failure> {
        if self.waiting.len() >= MAX_WAITING {
            drop(append.answer.send(Err(AppendError::Overloaded)));
        } else {
            self.waiting.push_back(append);
            self.write_next(ctx);
        }
        Ok(())
    }
}

impl Receive<SaveCursor> for Journal {
    fn receive(
        &mut self,
        save: SaveCursor,
        reply: ReplyTo<Result<(), AppendError>>,
        ctx: &mut Context<'_, Self>,
    ) -> Result<(), Failure> {
        self.cursors.insert((save.name, save.topic), save.position);
        self.cursor_replies.push(reply);
        self.write_next(ctx);
        Ok(())
    }
}

impl Receive<SaveSnapshot> for Journal {
    fn receive(
        &mut self,
        save: SaveSnapshot,
        _reply: ReplyTo<()>,
        ctx: &mut Context<'_, Self>,
    ) -> Result<(), Failure> {
        if self.snapshots.len() < MAX_WAITING_SNAPSHOTS {
            self.snapshots.insert((save.topic, save.entity_id), save.snapshot);
            self.write_next(ctx);
        }
        Ok(())
    }
}

/// The way to the journal.
#[derive(Clone)]
pub struct JournalHandle {
    handle: Handle<Journal>,
    losses: Losses,
    ended: Arc<Notify>,
}

impl JournalHandle {
    /// How often the log was found to have lost entries while this process runs.
    pub fn losses(&self) -> u64 {
        self.losses.last().map_or(0, |(count, _)| count)
    }

    /// The same, with what was lost last.
    pub(super) fn last_loss(&self) -> Option<(u64, LogError)> {
        self.losses.last()
    }

    /// Hands a transaction over, at once: what is handed over later is written later. The future
    /// gives the outcome when it is durable, or [`AppendError::Lost`] when the journal ends first: the
    /// next one may still write it, but whoever waited for that might keep it from being started.
    pub fn append(
        &self,
        transaction: Transaction,
    ) -> impl Future<Output = Result<Outcome, AppendError>> + Send + use<> {
        let (answer, outcome) = oneshot::channel();
        // Before the look: no end between the two is missed.
        let ended = Arc::clone(&self.ended).notified_owned();
        let accepted = if self.handle.is_running() {
            self.handle.tell(Append { transaction, answer }).map_err(|_| AppendError::Overloaded)
        } else {
            Err(AppendError::Down)
        };
        async move {
            accepted?;
            match select(outcome, pin!(ended)).await {
                Either::Left((outcome, _)) => outcome.unwrap_or(Err(AppendError::Lost)),
                Either::Right(_) => Err(AppendError::Lost),
            }
        }
    }

    /// Whether the journal is up at this moment.
    pub fn is_running(&self) -> bool {
        self.handle.is_running()
    }

    /// Hands a snapshot over. Nobody is told whether it was saved: the entity's events are.
    pub fn save_snapshot(&self, topic: Topic, entity_id: Uuid, snapshot: EntitySnapshot) {
        if self.handle.is_running()
            && self.handle.tell(SaveSnapshot { topic, entity_id, snapshot }).is_err()
        {
            tracing::debug!(%topic, %entity_id, "no snapshot was saved, the journal is busy");
        }
    }

    /// Sets a cursor; it is durable when the future is done.
    pub async fn save_cursor(
        &self,
        name: CursorName,
        topic: Topic,
        position: Position,
    ) -> Result<(), AppendError> {
        if !self.handle.is_running() {
            return Err(AppendError::Down);
        }
        let save = SaveCursor { name, topic, position };
        self.handle.ask(save).await.map_err(|_| AppendError::Lost)?
    }
}
