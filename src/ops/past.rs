//! The shop as it was: views and entities as of a moment, made anew from the log.

use std::sync::Arc;
use std::time::Duration;

use ordershop_actors::read_model::View;
use ordershop_store::{Action, Entry, EventLog, LogError, Positions, Topic};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::task::spawn_blocking;
use tokio::time::timeout;
use uuid::Uuid;

use super::moment::Moment;

/// How many entries are taken in before others get their turn.
const PAGE: usize = 512;
/// How many views are made at once; whoever wants one more waits for one of these.
const MAX_AT_ONCE: usize = 2;
/// How many wait for that at most, and for how long.
const MAX_WAITING: usize = 8;
const WAITING_PATIENCE: Duration = Duration::from_secs(5);

static ROOM: Semaphore = Semaphore::const_new(MAX_AT_ONCE);
static WAITING_ROOM: Semaphore = Semaphore::const_new(MAX_WAITING);

/// A view that is not made.
#[derive(Clone, Debug, thiserror::Error)]
pub enum NoView {
    /// So many are being made and waited for already.
    #[error("more lists of the past are being made than are made at once")]
    Busy,
    /// The log cannot be read.
    #[error(transparent)]
    Log(#[from] LogError),
}

/// The room to make a view in, if there is some soon.
async fn room() -> Result<SemaphorePermit<'static>, NoView> {
    if let Ok(room) = ROOM.try_acquire() {
        return Ok(room);
    }
    let _waiting = WAITING_ROOM.try_acquire().map_err(|_| NoView::Busy)?;
    match timeout(WAITING_PATIENCE, ROOM.acquire()).await {
        Ok(room) => room.map_err(|_| NoView::Log(LogError::Closed)),
        Err(_late) => Err(NoView::Busy),
    }
}

/// The entities of these topics as of a moment; takes as long as it takes to read their events.
///
/// Entries are taken in on a thread that may block, so that the present one goes on with others.
pub async fn view_at(log: &dyn EventLog, topics: &[Topic], moment: Moment) -> Result<View, NoView> {
    let _room = room().await?;
    // What comes while this reads is of a later moment.
    let ends = log.ends(topics.to_vec()).await?;
    let mut after = Positions::start(topics.iter().copied());
    let mut view = View::default();
    loop {
        let page = log.read(after.clone(), PAGE).await?;
        for entry in &page.entries {
            after.finish(entry);
        }
        let is_last = !page.more || has_reached(&after, &ends);
        let apply = move || {
            for entry in page.entries.iter().filter(|entry| moment.includes(entry)) {
                view.apply(entry);
            }
            view
        };
        // It fails when the runtime goes down, or by a panic, which has been logged.
        view = spawn_blocking(apply).await.map_err(|_| LogError::Closed)?;
        if is_last {
            return Ok(view);
        }
    }
}

/// Whether a reader that has come so far has come to those ends.
pub fn has_reached(after: &Positions, ends: &Positions) -> bool {
    ends.iter().all(|(topic, end)| {
        Action::ALL.into_iter().all(|action| after.of(topic).of(action) >= end.of(action))
    })
}

/// The public state of an entity as of a moment; none where there was no such entity.
pub async fn document_at(
    log: &dyn EventLog,
    topic: Topic,
    id: Uuid,
    moment: Moment,
) -> Result<Option<Arc<str>>, LogError> {
    let (mut version, mut found) = (0, None);
    loop {
        let page = log.read_entity(topic, id, version, PAGE).await?;
        for entry in &page.entries {
            version = entry.version;
            if moment.includes(entry) {
                match entry.action {
                    Action::Created | Action::Updated => found = Some(Arc::clone(&entry.document)),
                    Action::Deleted => found = None,
                    Action::Internal => {}
                }
            }
        }
        if !page.more {
            return Ok(found);
        }
    }
}

/// Events of an entity behind a version, oldest first; and whether there are more behind them.
pub async fn history(
    log: &dyn EventLog,
    (topic, id): (Topic, Uuid),
    mut after: u64,
    limit: usize,
) -> Result<(Vec<Arc<Entry>>, bool), LogError> {
    let mut events = Vec::new();
    loop {
        let page = log.read_entity(topic, id, after, limit - events.len()).await?;
        after = page.entries.last().map_or(after, |entry| entry.version);
        events.extend(page.entries);
        if !page.more || events.len() == limit {
            return Ok((events, page.more));
        }
    }
}
