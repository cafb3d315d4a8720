//! The public states of entities, looked up in the log: now, or as of an entry.
//!
//! An entity's state is its entry with the highest id. Entries that give no state are passed over:
//! internal ones, and those of other programs that hold no such entity.

use std::sync::Arc;

use ordershop_store::{Action, Entry, EntryId, EventLog, LogError, Topic};
use uuid::Uuid;

use super::foreign;
use crate::runtime::Backward;

/// Whether the entry gives its entity a state.
fn gives_state(entry: &Entry) -> bool {
    entry.action != Action::Internal && foreign::check(entry).is_ok()
}

/// Whether it gives the state of one that lives.
pub(super) fn is_living(entry: &Entry) -> bool {
    matches!(entry.action, Action::Created | Action::Updated)
}

/// The entry that gives each of these entities its state, in the order asked for; `None` where
/// there is none. One of [`Action::Deleted`] says that the entity is gone.
pub(super) async fn newest(
    log: &dyn EventLog,
    topic: Topic,
    ids: Vec<Uuid>,
) -> Result<Vec<Option<Arc<Entry>>>, LogError> {
    let mut newest = log.latest(topic, ids).await?;
    for state in &mut newest {
        if let Some(last) = state.take_if(|last| !gives_state(last)) {
            let mut entries = Backward::from(log, last);
            while let Some(entry) = entries.next().await? {
                if gives_state(&entry) {
                    *state = Some(entry);
                    break;
                }
            }
        }
    }
    Ok(newest)
}

/// The entry that tells what each of these entities was at `at`, in the order asked for; `None`
/// for one that never was.
///
/// One that was deleted by then is what it was before. One that came only later, as clocks of several
/// programs may have it, is what it was at first.
pub(super) async fn as_of(
    log: &dyn EventLog,
    topic: Topic,
    ids: Vec<Uuid>,
    at: EntryId,
) -> Result<Vec<Option<Arc<Entry>>>, LogError> {
    let mut states = Vec::with_capacity(ids.len());
    for last in log.latest(topic, ids).await? {
        let mut found = None;
        if let Some(last) = last {
            let mut entries = Backward::from(log, last);
            while let Some(entry) = entries.next().await? {
                if gives_state(&entry) {
                    let is_it = entry.id <= at && is_living(&entry);
                    found = Some(entry);
                    if is_it {
                        break;
                    }
                }
            }
        }
        states.push(found);
    }
    Ok(states)
}
