//! What a subscriber has set aside because it cannot handle it: an aggregate of the runtime's own.
//!
//! One entity for each subscriber, with an id that derives from its name, in the topic
//! [`QUARANTINE`]; a program adds that one to the topics with which it opens its log.

mod ledger;
mod listing;

use std::collections::VecDeque;

use ordershop_store::{Action, EntryId, Topic};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::EventSourced;

pub(super) use self::ledger::{Ledger, LedgerError};
pub use self::listing::{Quarantined, quarantined};

/// The topic of what subscribers have set aside; internal.
pub const QUARANTINE: Topic = Topic::new("quarantine");
/// How many entries a subscriber has set aside at most, usually; with one more it stops.
pub const MAX_SET_ASIDE: usize = 10_000;
/// How many released entries are remembered: more than come again after a crash.
const RELEASED_REMEMBERED: usize = 4096;
/// The most characters of a reason that are kept.
const MAX_REASON_CHARS: usize = 500;
/// Why an entry is set aside that nobody tried to handle.
const WAITS: &str = "waits behind an earlier entry of the same entity";

/// The id of a subscriber's quarantine.
pub fn quarantine_id(subscriber: &str) -> Uuid {
    Uuid::new_v5(&Uuid::NAMESPACE_OID, format!("quarantine/{subscriber}").as_bytes())
}

/// An entry that is set aside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetAside {
    /// The entry's topic.
    pub topic: String,
    /// Its action, and so its stream.
    pub action: Action,
    /// Its entity.
    pub entity_id: Uuid,
    /// Its id.
    pub id: EntryId,
    /// Why it is set aside.
    pub reason: String,
}

impl SetAside {
    /// An entry that cannot be handled, whatever is tried.
    pub(super) fn unfit(entry: &ordershop_store::Entry, reason: &str) -> Self {
        Self {
            topic: entry.topic.name().to_owned(),
            action: entry.action,
            entity_id: entry.entity_id,
            id: entry.id,
            reason: reason.chars().take(MAX_REASON_CHARS).collect(),
        }
    }

    /// An entry that must wait for an earlier one of its entity.
    pub(super) fn waiting(entry: &ordershop_store::Entry) -> Self {
        Self::unfit(entry, WAITS)
    }

    /// Whether nobody tried to handle it.
    pub(super) fn only_waits(&self) -> bool {
        self.reason == WAITS
    }

    fn is_at(&self, topic: &str, id: EntryId) -> bool {
        self.id == id && self.topic == topic
    }
}

/// What became of a released entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum How {
    /// It was handled after all.
    Handled,
    /// It was given up, by an operator's command.
    Skipped,
}

/// What one subscriber has set aside.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quarantine {
    /// What is set aside, in the order in which it was.
    entries: Vec<SetAside>,
    /// What was released lately, the last one at the end; it may come again after a crash.
    released: VecDeque<(String, EntryId)>,
}

/// What a quarantine can be asked to do.
#[derive(Clone, Debug, Serialize)]
pub enum QuarantineCommand {
    /// Set these aside; what is already is passed over.
    SetAside {
        /// The entries, in order.
        entries: Vec<SetAside>,
        /// How many may be set aside at most.
        max: usize,
    },
    /// Release entries; what is not set aside is passed over.
    Release {
        /// The topic of all of them.
        topic: String,
        /// Their ids.
        ids: Vec<EntryId>,
        /// What becomes of them.
        how: How,
    },
}

/// What can happen to a quarantine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum QuarantineEvent {
    /// An entry was set aside.
    EntrySetAside(SetAside),
    /// An entry is set aside no more.
    EntryReleased {
        /// The entry's topic.
        topic: String,
        /// Its action, and so its stream.
        action: Action,
        /// Its entity.
        entity_id: Uuid,
        /// Its id.
        id: EntryId,
        /// What became of it.
        how: How,
    },
}

/// Why a quarantine takes nothing in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QuarantineRejection {
    /// Too much is set aside.
    #[error("{set_aside} entries are set aside, and more than {max} may not be")]
    Full {
        /// How many are.
        set_aside: usize,
        /// How many may be.
        max: usize,
    },
}

impl Quarantine {
    /// All that is set aside, in order.
    pub fn entries(&self) -> &[SetAside] {
        &self.entries
    }

    /// What is set aside of an entity, in order.
    pub fn of_entity<'a>(
        &'a self,
        topic: &'a str,
        entity_id: Uuid,
    ) -> impl Iterator<Item = &'a SetAside> + 'a {
        self.entries.iter().filter(move |e| e.entity_id == entity_id && e.topic == topic)
    }

    /// Whether that entry is set aside, or was released lately: nobody must handle it again.
    pub fn knows(&self, topic: &str, id: EntryId) -> bool {
        self.entries.iter().any(|entry| entry.is_at(topic, id))
            || self.released.iter().any(|(of, released)| *released == id && of == topic)
    }
}

impl EventSourced for Quarantine {
    const TOPIC: Topic = QUARANTINE;
    const SNAPSHOT_FORMAT: u16 = 1;
    type Command = QuarantineCommand;
    type Event = QuarantineEvent;
    type Rejection = QuarantineRejection;

    fn decide(&self, command: &QuarantineCommand) -> Result<Vec<Self::Event>, Self::Rejection> {
        match command {
            QuarantineCommand::SetAside { entries, max } => {
                let new: Vec<_> =
                    entries.iter().filter(|entry| !self.knows(&entry.topic, entry.id)).collect();
                if !new.is_empty() && self.entries.len() + new.len() > *max {
                    let set_aside = self.entries.len();
                    return Err(QuarantineRejection::Full { set_aside, max: *max });
                }
                Ok(new.into_iter().cloned().map(QuarantineEvent::EntrySetAside).collect())
            }
            QuarantineCommand::Release { topic, ids, how } => {
                let released = self.entries.iter().filter(|e| e.topic == *topic);
                let released = released.filter(|entry| ids.contains(&entry.id));
                Ok(released
                    .map(|entry| QuarantineEvent::EntryReleased {
                        topic: entry.topic.clone(),
                        action: entry.action,
                        entity_id: entry.entity_id,
                        id: entry.id,
                        how: *how,
                    })
                    .collect())
            }
        }
    }

    fn evolve(mut self, event: &QuarantineEvent) -> Self {
        match event {
            QuarantineEvent::EntrySetAside(entry) => self.entries.push(entry.clone()),
            QuarantineEvent::EntryReleased { topic, id, .. } => {
                self.entries.retain(|entry| !entry.is_at(topic, *id));
                if self.released.len() == RELEASED_REMEMBERED {
                    self.released.pop_front();
                }
                self.released.push_back((topic.clone(), *id));
            }
        }
        self
    }

    fn kind(event: &QuarantineEvent) -> &'static str {
        match event {
            QuarantineEvent::EntrySetAside(_) => "EntrySetAside",
            QuarantineEvent::EntryReleased { .. } => "EntryReleased",
        }
    }

    fn schema(_: &QuarantineEvent) -> u16 {
        1
    }

    fn action(_: &QuarantineEvent) -> Action {
        Action::Internal
    }

    fn document(&self) -> String {
        String::new()
    }

    fn unique_keys(&self) -> Vec<String> {
        Vec::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set_aside(entity: u128, id: u64) -> SetAside {
        SetAside {
            topic: "account".to_owned(),
            action: Action::Updated,
            entity_id: Uuid::from_u128(entity),
            id: EntryId::new(1, id),
            reason: "it is bad".to_owned(),
        }
    }

    fn after(state: Quarantine, command: &QuarantineCommand) -> Quarantine {
        let events = state.decide(command).unwrap();
        events.iter().fold(state, EventSourced::evolve)
    }

    fn put(entries: Vec<SetAside>) -> QuarantineCommand {
        QuarantineCommand::SetAside { entries, max: 2 }
    }

    fn release(id: u64) -> QuarantineCommand {
        let (topic, ids) = ("account".to_owned(), vec![EntryId::new(1, id)]);
        QuarantineCommand::Release { topic, ids, how: How::Skipped }
    }

    #[test]
    fn what_comes_again_is_set_aside_once_and_never_after_its_release() {
        let state = after(Quarantine::default(), &put(vec![set_aside(7, 1), set_aside(7, 2)]));
        assert_eq!(state.decide(&put(vec![set_aside(7, 2)])), Ok(vec![]));
        let state = after(state, &release(1));
        assert_eq!(state.entries(), [set_aside(7, 2)]);
        assert_eq!(state.decide(&put(vec![set_aside(7, 1)])), Ok(vec![]));
        assert_eq!(state.decide(&release(1)), Ok(vec![]));
    }

    #[test]
    fn nothing_is_dropped_to_make_room() {
        let state = after(Quarantine::default(), &put(vec![set_aside(7, 1), set_aside(8, 2)]));
        let full = QuarantineRejection::Full { set_aside: 2, max: 2 };
        assert_eq!(state.decide(&put(vec![set_aside(9, 3)])), Err(full));
        let state = after(state, &release(1));
        assert_eq!(after(state, &put(vec![set_aside(9, 3)])).entries().len(), 2);
    }

    /// The form in which they stand in logs that were written.
    #[test]
    fn events_read_back_as_they_were_first_written() {
        let uuid = Uuid::from_u128(7);
        let was = format!(
            r#"{{"EntrySetAside":{{"topic":"account","action":"Updated","entity_id":"{uuid}","id":{{"seconds":1,"micros":2}},"reason":"it is bad"}}}}"#
        );
        let event = QuarantineEvent::EntrySetAside(set_aside(7, 2));
        assert_eq!(serde_json::from_str::<QuarantineEvent>(&was).unwrap(), event);
        let was = format!(
            r#"{{"EntryReleased":{{"topic":"account","action":"Updated","entity_id":"{uuid}","id":{{"seconds":1,"micros":2}},"how":"Skipped"}}}}"#
        );
        let state = after(Quarantine::default(), &put(vec![set_aside(7, 2)]));
        let events = state.decide(&release(2)).unwrap();
        assert_eq!(serde_json::from_str::<QuarantineEvent>(&was).unwrap(), events[0]);
    }
}
