//! The log as it should be: a few maps, and no thought of speed, disks or threads.

use std::collections::{BTreeMap, HashMap};

use uuid::Uuid;

use crate::{
    Action, CursorName, EntryId, Position, Positions, Refusal, Topic, Transaction, UniqueKey,
};

/// What the log must answer to a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is accepted, as the transaction of that number.
    New(usize),
    /// It was accepted before, as the transaction of that number.
    Again(usize),
    /// It is refused.
    Refused(Refusal),
}

/// An entry, as far as the model looks at it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Event {
    /// The transaction of which it is, and its place in it.
    pub(super) of: (usize, usize),
    /// Its topic and entity.
    pub(super) entity: (Topic, Uuid),
    /// The version that it makes.
    pub(super) version: u64,
    /// Its action.
    pub(super) action: Action,
    /// Its own id.
    pub(super) id: Uuid,
    /// Its command.
    pub(super) command_id: Uuid,
}

/// All that a log should hold.
#[derive(Debug, Default)]
pub(super) struct Model {
    /// The entries, in the order of their commit.
    pub(super) events: Vec<Event>,
    /// The ids that the log gave to the events of each accepted transaction.
    pub(super) ids: Vec<Vec<EntryId>>,
    /// Who holds which key.
    pub(super) keys: HashMap<(Topic, UniqueKey), Uuid>,
    /// The cursors.
    pub(super) cursors: BTreeMap<(CursorName, Topic), Position>,
}

impl Model {
    /// The entries of that entity.
    pub(super) fn entity(&self, topic: Topic, entity_id: Uuid) -> impl Iterator<Item = &Event> {
        self.events.iter().filter(move |event| event.entity == (topic, entity_id))
    }

    /// The entity's version.
    pub(super) fn version(&self, topic: Topic, entity_id: Uuid) -> u64 {
        self.entity(topic, entity_id).count() as u64
    }

    /// Decides about a transaction, and takes it in if it is accepted.
    pub(super) fn decide(&mut self, transaction: &Transaction) -> Verdict {
        let topic = transaction.topic;
        for (number, write) in transaction.writes.iter().enumerate() {
            let (entity_id, expected) = (write.entity_id, write.expected);
            let actual = self.version(topic, entity_id);
            if actual != expected {
                let same = self.entity(topic, entity_id).find(|event| {
                    event.version > expected && event.command_id == transaction.command_id
                });
                return match same {
                    Some(event) if number == 0 => Verdict::Again(event.of.0),
                    _ => Verdict::Refused(Refusal::Version { entity_id, expected, actual }),
                };
            }
        }
        let mut keys = self.keys.clone();
        for (key, entity_id) in &transaction.releases {
            if keys.get(&(topic, key.clone())) == Some(entity_id) {
                keys.remove(&(topic, key.clone()));
            }
        }
        for (key, entity_id) in &transaction.claims {
            let holder = *keys.entry((topic, key.clone())).or_insert(*entity_id);
            if holder != *entity_id {
                return Verdict::Refused(Refusal::Taken { key: key.clone(), holder });
            }
        }
        self.keys = keys;
        let number = self.ids.len();
        self.ids.push(Vec::new());
        let mut place = 0;
        for write in &transaction.writes {
            for (event, version) in write.events.iter().zip(write.expected + 1..) {
                self.events.push(Event {
                    of: (number, place),
                    entity: (topic, write.entity_id),
                    version,
                    action: event.action,
                    id: event.event_id,
                    command_id: transaction.command_id,
                });
                place += 1;
            }
        }
        Verdict::New(number)
    }

    /// The id that the log gave to an event.
    pub(super) fn id(&self, event: &Event) -> EntryId {
        self.ids[event.of.0][event.of.1]
    }

    /// The events of these topics behind `after`, merged by id.
    pub(super) fn behind(&self, after: &Positions) -> Vec<&Event> {
        let topics: Vec<Topic> = after.iter().map(|(topic, _)| topic).collect();
        let is_behind = |event: &&Event| {
            let topic = event.entity.0;
            topics.contains(&topic) && after.of(topic).is_before(event.action, self.id(event))
        };
        let mut events: Vec<_> = self.events.iter().filter(is_behind).collect();
        events.sort_by_key(|event| (self.id(event), event.entity.0));
        events
    }

    /// The last id of each stream of that topic.
    pub(super) fn end(&self, topic: Topic) -> Position {
        let mut end = Position::START;
        for event in self.events.iter().filter(|event| event.entity.0 == topic) {
            end.advance(event.action, self.id(event));
        }
        end
    }
}
