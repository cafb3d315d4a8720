//! The shop as it was: views and entities as of a moment, made anew from the log.

use std::sync::Arc;

use ordershop_actors::read_model::View;
use ordershop_store::{Action, Entry, EventLog, LogError, Positions, Topic};
use tokio::sync::Semaphore;
use uuid::Uuid;

use super::moment::Moment;

/// How many entries are taken in before others get their turn.
const PAGE: usize = 512;
/// How many views are made at once; whoever wants one more waits for one of these.
const MAX_AT_ONCE: usize = 2;

static ROOM: Semaphore = Semaphore::const_new(MAX_AT_ONCE);

/// The entities of these topics as of a moment; takes as long as it takes to read their events.
pub async fn view_at(
    log: &dyn EventLog,
    topics: &[Topic],
    moment: Moment,
) -> Result<View, LogError> {
    let _room = ROOM.acquire().await.map_err(|_| LogError::Closed)?;
    // What comes while this reads is of a later moment.
    let ends = log.ends(topics.to_vec()).await?;
    let mut after = Positions::start(topics.iter().copied());
    let mut view = View::default();
    loop {
        let page = log.read(after.clone(), PAGE).await?;
        for entry in &page.entries {
            after.finish(entry);
            if moment.includes(entry) {
                view.apply(entry);
            }
        }
        if !page.more || has_reached(&after, &ends) {
            return Ok(view);
        }
        tokio::task::yield_now().await;
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
