//! Keeps the entity cache: the newest state of each public entity, for whoever reads no streams.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ordershop_store::{
    Action, CachedEntity, CachedField, EntityCache, Entry, EntryId, EventLog, LogError, Origin,
    Topic,
};
use uuid::Uuid;

use crate::read_model::{Field, LIST_FIELD, Row};
use crate::runtime::{Handler, HandlerError, HandlerFuture};
use crate::shop::states;

/// How often an entity is written again because it changed meanwhile.
const MAX_ROUNDS: usize = 16;

/// The handler of all public events.
pub struct CacheExport {
    /// Knows every entity's newest state.
    pub log: Arc<dyn EventLog>,
    /// The cache.
    pub cache: Arc<dyn EntityCache>,
}

/// Entities that the cache does not have as the log does.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The log or the cache did not do what it was asked.
    #[error(transparent)]
    Store(#[from] LogError),
    /// Somebody changes them faster than they are written.
    #[error("{0} entities of {1} change too fast to be cached")]
    Moving(usize, Topic),
}

impl Handler for CacheExport {
    fn handle(&mut self, entries: Arc<[Arc<Entry>]>) -> HandlerFuture {
        let (log, cache) = (Arc::clone(&self.log), Arc::clone(&self.cache));
        Box::pin(async move {
            let mut touched: BTreeMap<Topic, BTreeSet<Uuid>> = BTreeMap::new();
            for entry in entries.iter().filter(|entry| may_show(entry)) {
                touched.entry(entry.topic).or_default().insert(entry.entity_id);
            }
            for (topic, ids) in touched {
                let ids = ids.into_iter().collect();
                export(&*log, &*cache, topic, ids).await.map_err(HandlerError::away)?;
            }
            Ok(())
        })
    }
}

/// Whether an entry names an entity that the cache may show.
pub fn may_show(entry: &Entry) -> bool {
    entry.action != Action::Internal && !matches!(entry.origin, Origin::Unreadable(_))
}

/// Has the cache hold these entities as the log does now; returns those that live.
///
/// Others may do the same at the same time, with a state that is older or newer: so the log is asked
/// again behind the writing, and whoever wrote a state that is no longer the newest writes again.
pub async fn export(
    log: &dyn EventLog,
    cache: &dyn EntityCache,
    topic: Topic,
    ids: Vec<Uuid>,
) -> Result<Vec<Uuid>, ExportError> {
    let mut living = Vec::new();
    let states = states::newest(log, topic, ids.clone()).await?;
    let mut left: Vec<_> = ids.into_iter().zip(states).collect();
    for _ in 0..MAX_ROUNDS {
        let entities: Vec<_> =
            left.iter().map(|(id, state)| cached(*id, state.as_deref())).collect();
        cache.write(topic, &[LIST_FIELD], &entities).await?;
        let ids = left.iter().map(|(id, _)| *id).collect();
        let now = states::newest(log, topic, ids).await?;
        let mut again = Vec::new();
        for ((id, written), now) in left.into_iter().zip(now) {
            if place(written.as_deref()) != place(now.as_deref()) {
                again.push((id, now));
            } else if now.is_some_and(|now| states::is_living(&now)) {
                living.push(id);
            }
        }
        left = again;
        if left.is_empty() {
            return Ok(living);
        }
    }
    Err(ExportError::Moving(left.len(), topic))
}

fn place(state: Option<&Entry>) -> Option<(Action, EntryId)> {
    state.map(|entry| (entry.action, entry.id))
}

/// An entity as the cache is to have it.
fn cached(id: Uuid, state: Option<&Entry>) -> CachedEntity {
    let living = state.filter(|entry| states::is_living(entry));
    let fields = living.map(|entry| {
        let row = Row::new(Arc::clone(&entry.document));
        let field = |(name, field): (&str, Field<'_>)| {
            let field = match field {
                Field::Text(text) => CachedField::Text(text.to_owned()),
                Field::List(list) => {
                    let items = (0..list.len()).filter_map(|index| list.get(index));
                    CachedField::List(items.map(ToOwned::to_owned).collect())
                }
            };
            (name.to_owned(), field)
        };
        row.fields().iter().map(field).collect()
    });
    CachedEntity { id, fields }
}
