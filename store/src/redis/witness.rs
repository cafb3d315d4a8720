//! What this process has seen of the log, so that it notices when the log no longer holds it.
//!
//! A server that was restarted on older files, or a replica that took over too early, has lost the
//! end of the log. So each new connection is asked first for the last entries that were acknowledged
//! to, or read by, this process.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use redis::aio::MultiplexedConnection;
use redis::{Pipeline, RedisError, Value};
use tokio::sync::watch;
use uuid::Uuid;

use super::fields::event_id_of;
use super::keys::stream_key;
use crate::{Action, EntryId, LogError, Loss, Topic};

/// How many entries of each topic are remembered, and can be named when they are lost.
const REMEMBERED: usize = 4096;

/// The memory of one process.
#[derive(Debug, Default)]
pub(super) struct Witness {
    seen: Mutex<HashMap<Topic, Seen>>,
    lost: watch::Sender<Option<Arc<[Loss]>>>,
}

#[derive(Debug, Default)]
struct Seen {
    ends: [EntryId; Action::ALL.len()],
    recent: VecDeque<Loss>,
}

impl Witness {
    /// The log holds that entry, as it said itself.
    pub(super) fn saw(&self, topic: Topic, action: Action, id: EntryId, event_id: Uuid) {
        let mut seen = lock(&self.seen);
        let seen = seen.entry(topic).or_default();
        let end = &mut seen.ends[action.index()];
        // What was appended is usually read, too; and what is read again is known.
        if id > *end {
            *end = id;
            if seen.recent.len() == REMEMBERED {
                seen.recent.pop_front();
            }
            seen.recent.push_back(Loss { topic, action, id, event_id });
        }
    }

    /// The event that was seen there lately.
    pub(super) fn event_at(&self, topic: Topic, action: Action, id: EntryId) -> Option<Uuid> {
        let seen = lock(&self.seen);
        let recent = &seen.get(&topic)?.recent;
        let found = recent.iter().rev().find(|entry| (entry.action, entry.id) == (action, id))?;
        Some(found.event_id)
    }

    /// Fails once entries were found lost: until the log is opened anew, what is in memory here
    /// does not fit it.
    pub(super) fn check(&self) -> Result<(), LogError> {
        match &*self.lost.borrow() {
            None => Ok(()),
            Some(lost) => Err(LogError::Lost(Arc::clone(lost))),
        }
    }

    /// Waits until entries are found lost.
    pub(super) async fn until_lost(&self) -> LogError {
        let mut lost = self.lost.subscribe();
        match lost.wait_for(Option::is_some).await.as_deref() {
            Ok(Some(lost)) => LogError::Lost(Arc::clone(lost)),
            // The sender is this witness itself.
            Ok(None) | Err(_) => LogError::Closed,
        }
    }

    /// Forgets all that was seen and lost; gives what was lost.
    pub(super) fn forget(&self) -> Option<Arc<[Loss]>> {
        lock(&self.seen).clear();
        self.lost.send_replace(None)
    }

    /// Asks a new connection for what was seen.
    ///
    /// The outer error is a log that has lost entries, the inner one a connection that failed.
    pub(super) async fn verify(
        &self,
        connection: &mut MultiplexedConnection,
    ) -> Result<Result<(), RedisError>, LogError> {
        let (ends, all) = {
            let seen = lock(&self.seen);
            let all: Vec<Loss> =
                seen.values().flat_map(|seen| seen.recent.iter().copied()).collect();
            let is_end = |entry: &&Loss| {
                seen.get(&entry.topic).is_some_and(|s| s.ends[entry.action.index()] == entry.id)
            };
            (all.iter().filter(is_end).copied().collect::<Vec<_>>(), all)
        };
        // Whatever is lost, the end is lost with it.
        match missing(connection, &ends).await {
            Ok(lost) if lost.is_empty() => return Ok(Ok(())),
            Ok(_) => {}
            Err(error) => return Ok(Err(error)),
        }
        let mut lost = match missing(connection, &all).await {
            Ok(lost) => lost,
            Err(error) => return Ok(Err(error)),
        };
        lost.sort_unstable_by_key(|loss| (loss.topic, loss.id));
        let lost: Arc<[Loss]> = lost.into();
        let error = LogError::Lost(Arc::clone(&lost));
        tracing::error!(%error, "the store does not hold what it had acknowledged");
        self.lost.send_replace(Some(lost));
        Err(error)
    }
}

/// Which of these entries the log does not hold, or not as they were.
pub(super) async fn missing(
    connection: &mut MultiplexedConnection,
    entries: &[Loss],
) -> Result<Vec<Loss>, RedisError> {
    if entries.is_empty() {
        return Ok(Vec::new());
    }
    let pipeline = lookup(entries);
    let found = connection.send_packed_commands(&pipeline, 0, entries.len()).await?;
    still_missing(entries, found)
}

/// The commands that look for each of these entries.
pub(super) fn lookup(entries: &[Loss]) -> Pipeline {
    let mut pipeline = Pipeline::with_capacity(entries.len());
    for Loss { topic, action, id, .. } in entries {
        let id = id.to_string();
        pipeline.cmd("XRANGE").arg(stream_key(*topic, *action)).arg(&id).arg(&id);
    }
    pipeline
}

/// Which of these entries were not found as they were.
pub(super) fn still_missing(entries: &[Loss], found: Vec<Value>) -> Result<Vec<Loss>, RedisError> {
    let mut missing = Vec::new();
    for (entry, found) in entries.iter().zip(found) {
        if let Value::ServerError(error) = found {
            return Err(error.into());
        }
        if event_id_of(&found) != Some(entry.event_id) {
            missing.push(*entry);
        }
    }
    Ok(missing)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
