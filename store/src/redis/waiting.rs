//! Waiting for news: a blocked connection of its own for everybody who waits.

use std::sync::{Arc, Mutex, PoisonError};

use redis::Cmd;
use redis::aio::MultiplexedConnection;
use tokio::sync::Semaphore;

use super::Inner;
use super::keys::stream_key;
use super::link::{Link, describe};
use super::options::Options;
use crate::{Action, LogError, Positions};

/// The connections on which readers wait.
#[derive(Debug)]
pub(super) struct Waiting {
    idle: Mutex<Vec<MultiplexedConnection>>,
    room: Arc<Semaphore>,
}

impl Waiting {
    /// No connection yet.
    pub(super) fn new(options: &Options) -> Self {
        Self { idle: Mutex::default(), room: Arc::new(Semaphore::new(options.max_waiting)) }
    }
}

/// Waits until a stream has news, or for a while.
///
/// The blocked read only wakes: it gives only the stream that woke it, which would be out of order,
/// so what it gives is left for the next read. It goes on when whoever waited is gone, so that its
/// connection can be used again.
pub(super) async fn wait(inner: Arc<Inner>, after: Positions) -> Result<(), LogError> {
    inner.witness.check()?;
    let mut read = redis::cmd("XREAD");
    let block_ms = u64::try_from(inner.options.block.as_millis()).unwrap_or(u64::MAX).max(1);
    read.arg("COUNT").arg(1).arg("BLOCK").arg(block_ms).arg("STREAMS");
    let mut ids = Vec::new();
    for (topic, position) in after.iter() {
        inner.known(topic)?;
        for action in Action::ALL {
            read.arg(stream_key(topic, action));
            ids.push(position.of(action).to_string());
        }
    }
    read.arg(ids);
    let room = Arc::clone(&inner.waiting.room).acquire_owned().await;
    let room = room.map_err(|_| LogError::Closed)?;
    let waiting = tokio::spawn(async move {
        let answer_limit = inner.options.block + inner.options.answer_limit;
        let blocked = blocked(&inner, &read, answer_limit).await;
        drop(room);
        blocked
    });
    waiting.await.unwrap_or(Err(LogError::Closed))
}

async fn blocked(
    inner: &Inner,
    read: &Cmd,
    answer_limit: std::time::Duration,
) -> Result<(), LogError> {
    let link: &Link = &inner.reads;
    let idle = || inner.waiting.idle.lock().unwrap_or_else(PoisonError::into_inner);
    let kept = idle().pop();
    let is_kept = kept.is_some();
    let mut connection = match kept {
        Some(connection) => connection,
        None => link.connect(answer_limit).await?,
    };
    let mut answer = connection.send_packed_command(read).await;
    if answer.is_err() && is_kept {
        // It was idle, and so may have been lost long ago; the others, too.
        idle().clear();
        connection = link.connect(answer_limit).await?;
        answer = connection.send_packed_command(read).await;
    }
    match answer {
        Ok(redis::Value::ServerError(error)) => Err(link.away(describe(&error))),
        Ok(_) => {
            idle().push(connection);
            Ok(())
        }
        Err(error) => Err(link.away(error.to_string())),
    }
}
