//! Entries of other programs that come late for entities of which a view keeps nothing.
//!
//! An entry may bear an id below one that was read before. While its entity lives, the view knows the
//! entity's last entry and can tell. Of a deleted entity it keeps nothing, so that its memory is bounded
//! by what lives; the log knows the history, and is asked.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use ordershop_store::{Action, Entry, EntryId, EventLog, LogError, Positions, Topic};
use uuid::Uuid;

use crate::runtime::Backward;

/// Where an entry stands.
pub(super) type Place = (Topic, Action, EntryId);

/// Where that entry stands.
pub(super) fn place(entry: &Entry) -> Place {
    (entry.topic, entry.action, entry.id)
}

/// Those of these entries that change no state, for a view that has come so far: it has taken in an
/// entry of the same entity that bears a higher id.
pub(super) async fn among(
    log: &dyn EventLog,
    doubtful: Vec<Arc<Entry>>,
    reached: &Positions,
) -> Result<HashSet<Place>, LogError> {
    let mut ids: BTreeMap<Topic, BTreeSet<Uuid>> = BTreeMap::new();
    for entry in &doubtful {
        ids.entry(entry.topic).or_default().insert(entry.entity_id);
    }
    let mut newest = BTreeMap::new();
    for (topic, ids) in ids {
        for entry in log.latest(topic, ids.into_iter().collect()).await?.into_iter().flatten() {
            newest.insert((topic, entry.entity_id), entry);
        }
    }
    let mut late = HashSet::new();
    for entry in doubtful {
        if let Some(last) = newest.get(&(entry.topic, entry.entity_id))
            && is_late(log, &entry, Arc::clone(last), reached).await?
        {
            late.insert(place(&entry));
        }
    }
    Ok(late)
}

async fn is_late(
    log: &dyn EventLog,
    entry: &Entry,
    last: Arc<Entry>,
    reached: &Positions,
) -> Result<bool, LogError> {
    let mut history = Backward::from(log, last);
    while let Some(known) = history.next().await? {
        if place(&known) == place(entry) {
            return Ok(false);
        }
        if known.id < entry.id || !reached.of(known.topic).is_before(known.action, known.id) {
            return Ok(true);
        }
    }
    // All that the log counts of the entity stands above it.
    Ok(true)
}
