//! What is set aside, as people are told of it.

use std::collections::BTreeMap;

use ordershop_store::EventLog;

use super::{QUARANTINE, Quarantine, QuarantineEvent, SetAside, quarantine_id};
use crate::runtime::{EventSourced, ReplayError};

/// How many entries one read takes.
const PAGE: usize = 1024;

/// An entry that is set aside, and since when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quarantined {
    /// The entry, and why.
    pub entry: SetAside,
    /// Since when, in microseconds since the Unix epoch, by the store's clock.
    pub since_us: i64,
}

/// What that subscriber has set aside, in order, as the log holds it.
pub async fn quarantined(
    log: &dyn EventLog,
    subscriber: &str,
) -> Result<Vec<Quarantined>, ReplayError> {
    let id = quarantine_id(subscriber);
    let (mut state, mut since, mut version) = (Quarantine::default(), BTreeMap::new(), 0);
    loop {
        let page = log.read_entity(QUARANTINE, id, version, PAGE).await?;
        for entry in &page.entries {
            version = entry.version;
            let event: QuarantineEvent =
                serde_json::from_str(&entry.data).map_err(|error| ReplayError::Undecodable {
                    topic: entry.topic,
                    id: entry.id,
                    kind: entry.kind.to_string(),
                    reason: error.to_string(),
                })?;
            match &event {
                QuarantineEvent::EntrySetAside(aside) => {
                    since.insert((aside.topic.clone(), aside.id), entry.time_us);
                }
                QuarantineEvent::EntryReleased { topic, id, .. } => {
                    since.remove(&(topic.clone(), *id));
                }
            }
            state = state.evolve(&event);
        }
        if !page.more {
            break;
        }
    }
    let list = state.entries.into_iter().map(|entry| {
        let since_us = since.get(&(entry.topic.clone(), entry.id)).copied().unwrap_or_default();
        Quarantined { entry, since_us }
    });
    Ok(list.collect())
}
